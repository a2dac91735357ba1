package vm

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// given is a session that has booted so many guests.
func given(boots int, limit time.Duration) (*session, *bytes.Buffer) {
	var stderr bytes.Buffer
	return &session{boots: boots, limit: limit, opts: Options{Stderr: &stderr}}, &stderr
}

func TestGuestThatFellSilentIsBootedAnewOnce(t *testing.T) {
	s, stderr := given(1, 0)
	f := s.notBegun(true)
	assert.Equal(t, silentGuest, f.kind)
	assert.ErrorContains(t, f, "the guest booted, and then said nothing for 1m0s: the program had not begun")
	assert.True(t, s.again(f))
	s.sayAgain(f)
	assert.Contains(t, stderr.String(), "the program had not begun; nothing has run yet, so guest 2 is booted")
	s.boots = 2
	f = s.notBegun(true)
	assert.False(t, s.again(f))
	assert.ErrorContains(t, f, "(guest 2; in those before it the program had not begun)")
}

func TestGuestWithAWrongClockIsBootedAnewAFewTimes(t *testing.T) {
	s, _ := given(0, 0)
	for s.boots = 1; s.boots < maxBoots; s.boots++ {
		assert.True(t, s.again(failure(flawedGuest, "the guest's machine is not right", "")))
	}
	assert.False(t, s.again(failure(flawedGuest, "the guest's machine is not right", "")))
}

func TestWhatMayHaveRunIsNotRunAgain(t *testing.T) {
	for _, kind := range []failureKind{guestPanic, guestOOM, noExitCode, timeLimit, bootLimit, guestFailed, noReader} {
		s, _ := given(1, 0)
		assert.False(t, s.again(failure(kind, "x", "")), kind)
	}
}

func TestTimeLimitHoldsOverAllGuests(t *testing.T) {
	s, _ := given(1, time.Hour)
	assert.Equal(t, bootTime, s.untilDeadline(bootTime), "it begins with the first word")
	s.setDeadline()
	begun := s.deadline
	assert.InDelta(t, time.Hour, s.untilDeadline(forever), float64(time.Minute))
	s.setDeadline()
	assert.Equal(t, begun, s.deadline, "of the first guest")
	s.deadline = time.Now().Add(-time.Second)
	f := s.notBegun(true)
	assert.Equal(t, timeLimit, f.kind)
	assert.ErrorContains(t, f, "the time limit of 1h0m0s was reached, and the guest had not started the program yet")
	assert.False(t, s.again(failure(silentGuest, "x", "")))
	assert.False(t, s.again(failure(flawedGuest, "x", "")))
}

func TestBoundGrowsWithWhatGoesAlong(t *testing.T) {
	small, large := session{size: 30 << 20}, session{size: 1 << 30}
	assert.Less(t, small.beginTime(), 70*time.Second)
	assert.Greater(t, large.beginTime(), 5*time.Minute)
}
