package vm

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"
)

// save has QEMU write the state of the devices of a guest that waits, and returns it.
func (p *process) save(deadline time.Time) ([]byte, error) {
	if err := p.monitor.conn.SetDeadline(deadline); err != nil {
		return nil, err
	}
	ours, err := p.ignoreShared()
	if err != nil {
		return nil, err
	}
	defer ours.Close()
	if err := ours.SetDeadline(deadline); err != nil {
		return nil, err
	}
	if _, err := p.monitor.execute("migrate", map[string]any{"uri": "fd:" + stateFD}); err != nil {
		return nil, err
	}
	var state bytes.Buffer
	if _, err := state.ReadFrom(ours); err != nil {
		return nil, fmt.Errorf("read the state of the guest from QEMU: %w", err)
	}
	data, err := p.monitor.execute("query-migrate", nil)
	if err != nil {
		return nil, err
	}
	var is struct {
		Status string
		Desc   string `json:"error-desc"`
	}
	if err := json.Unmarshal(data, &is); err != nil {
		return nil, err
	}
	if is.Status != "completed" {
		return nil, fmt.Errorf("QEMU has not saved the guest: its status is %q: %s", is.Status, is.Desc)
	}
	return state.Bytes(), nil
}

// stateFD is the name that QEMU has for the socket through which the state goes.
const stateFD = "state"

// ignoreShared has QEMU leave the memory where it is, and gives it a socket for all else.
func (p *process) ignoreShared() (net.Conn, error) {
	capability := []map[string]any{{"capability": "x-ignore-shared", "state": true}}
	if _, err := p.monitor.execute("migrate-set-capabilities", map[string]any{"capabilities": capability}); err != nil {
		return nil, err
	}
	ours, theirs, err := connection("the state of the guest")
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	if _, err := p.monitor.executeWith("getfd", map[string]any{"fdname": stateFD}, theirs); err != nil {
		ours.Close()
		return nil, err
	}
	return ours, nil
}

// resume lets the guest go on from the snapshot.
func (s *snapshot) resume(ctx context.Context, p *process) error {
	end := context.AfterFunc(ctx, p.kill)
	defer end()
	if err := s.load(p, time.Now().Add(resumeTime)); err != nil {
		p.stop()
		if word := lastWord(p.stderr.Bytes()); word != "" {
			err = errors.New(word)
		}
		return failure(notResumed, "QEMU did not take it: "+err.Error(), "")
	}
	word := resumeWord{Seed: make([]byte, seedSize)}
	if _, err := rand.Read(word.Seed); err != nil {
		return err
	}
	word.Now = time.Now().UnixNano()
	data, err := json.Marshal(word)
	if err != nil {
		return err
	}
	return p.frames.frame(frameResume, data)
}

// load has QEMU load the state, and returns when the guest runs.
func (s *snapshot) load(p *process, deadline time.Time) error {
	state, err := s.readState()
	if err != nil {
		return err
	}
	if err := p.monitor.conn.SetDeadline(deadline); err != nil {
		return err
	}
	ours, err := p.ignoreShared()
	if err != nil {
		return err
	}
	defer ours.Close()
	if err := ours.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := p.monitor.execute("migrate-incoming", map[string]any{"uri": "fd:" + stateFD}); err != nil {
		return err
	}
	if _, err := ours.Write(state); err != nil {
		return err
	}
	if err := p.monitor.awaitResume(); err != nil {
		return err
	}
	return p.monitor.conn.SetDeadline(time.Time{})
}
