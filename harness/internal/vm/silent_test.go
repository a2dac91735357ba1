package vm

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// given is a session that has booted so many guests.
func given(boots int, limit time.Duration) *session {
	return &session{attempts: attempts{boots: boots}, limit: limit, opts: Options{Stderr: io.Discard}}
}

func TestGuestThatFellSilentIsBootedAnewOnce(t *testing.T) {
	for hello, want := range map[bool]string{
		true:  "the guest booted, and then said nothing for 1m0s: the program had not begun",
		false: "the guest said nothing for 3m0s after QEMU was started",
	} {
		s := given(1, 0)
		f := s.notBegun(hello)
		assert.Equal(t, silentGuest, f.kind)
		assert.ErrorContains(t, f, want)
		assert.True(t, s.again(f))
		s.boots = 2
		f = s.notBegun(hello)
		assert.False(t, s.again(f))
		assert.ErrorContains(t, f, want+" (guest 2; in those before it the program had not begun)")
	}
}

func TestGuestWithAWrongClockIsBootedAnewAFewTimes(t *testing.T) {
	s := given(0, 0)
	for s.boots = 1; s.boots < maxBoots; s.boots++ {
		assert.True(t, s.again(failure(flawedGuest, "the guest's machine is not right", "")))
	}
	assert.False(t, s.again(failure(flawedGuest, "the guest's machine is not right", "")))
}

func TestWhatMayHaveRunIsNotRunAgain(t *testing.T) {
	for _, kind := range []failureKind{guestPanic, guestOOM, noExitCode, timeLimit, guestFailed, noReader} {
		s := given(1, 0)
		assert.False(t, s.again(failure(kind, "x", "")), kind)
	}
}

func TestTimeLimitHoldsOverAllGuests(t *testing.T) {
	s := given(1, time.Hour)
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
