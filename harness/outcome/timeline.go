package outcome

import (
	"encoding/json"
	"fmt"
	"strconv"
)

// Timeline is the samples of a run, in their order. As JSON each has its time, its step and memory.current, memory.swap.current unless
// it is 0, and "landmark" where it is one. Of events, pressure and stat it has only what differs from the sample before: a key that is
// missing has the value that it had there, or 0 in the first sample.
type Timeline []Sample

// MarshalJSON writes each sample as it differs from the one before.
func (t Timeline) MarshalJSON() ([]byte, error) {
	b := []byte{'['}
	var before Sample
	for i, s := range t {
		if i > 0 {
			b = append(b, ',')
		}
		b = s.appendJSON(b, &before)
		before = s
	}
	return append(b, ']'), nil
}

// UnmarshalJSON reads what MarshalJSON writes, and fills in what was left out.
func (t *Timeline) UnmarshalJSON(text []byte) error {
	var each []json.RawMessage
	if err := json.Unmarshal(text, &each); err != nil {
		return err
	}
	*t = nil
	if each != nil {
		*t = make(Timeline, 0, len(each))
	}
	var s Sample
	for i, one := range each {
		s.Swap, s.Landmark = 0, false
		// With encoding/json, what has no key stays as it is.
		if err := json.Unmarshal(one, &s); err != nil {
			return fmt.Errorf("sample %d: %w", i+1, err)
		}
		*t = append(*t, s)
	}
	return nil
}

// object writes a JSON object key by key.
type object struct {
	text []byte
	some bool // it has a key already
}

func (o *object) key(name string) {
	if o.some {
		o.text = append(o.text, ',')
	}
	o.some = true
	o.text = append(strconv.AppendQuote(o.text, name), ':')
}

func (o *object) number(name string, n int64) {
	o.key(name)
	o.text = strconv.AppendInt(o.text, n, 10)
}

func (o *object) differing(name string, now, before int64) {
	if now != before {
		o.number(name, now)
	}
}

// part writes an object of its own where it has a key.
func (o *object) part(name string, write func(*object)) {
	inner := object{text: []byte{'{'}}
	if write(&inner); inner.some {
		o.key(name)
		o.text = append(append(o.text, inner.text...), '}')
	}
}

func (s *Sample) appendJSON(b []byte, before *Sample) []byte {
	o := object{text: append(b, '{')}
	o.number("at", int64(s.At))
	o.number("step", int64(s.Step))
	o.number("current", int64(s.Current))
	o.differing("swap", int64(s.Swap), 0)
	if s.Landmark {
		o.key("landmark")
		o.text = append(o.text, "true"...)
	}
	o.part("events", func(o *object) {
		now, then := s.Events.counters(), before.Events.counters()
		for i := range now {
			o.differing(eventNames[i], int64(*now[i]), int64(*then[i]))
		}
	})
	o.part("pressure", func(o *object) {
		o.differing("some", int64(s.Pressure.Some), int64(before.Pressure.Some))
		o.differing("full", int64(s.Pressure.Full), int64(before.Pressure.Full))
	})
	o.part("stat", func(o *object) {
		now, then := s.Stat.fields(), before.Stat.fields()
		for i := range now {
			o.differing(now[i].key, int64(now[i].get()), int64(then[i].get()))
		}
	})
	return append(o.text, '}')
}
