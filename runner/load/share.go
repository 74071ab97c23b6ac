package load

import (
	"fmt"
	"time"
)

// Share says which part of a job is meant when several do it together: part
// Index (from 0) of Of. Request k of the part is request k·Of + Index of the
// whole, due at the same instant and drawn from the same mix, so that the
// parts together send exactly what one would. The zero Share is the whole.
type Share struct {
	Index int `json:"index,omitempty"`
	Of    int `json:"of,omitempty"`
}

// number returns which request of the whole is request k of the part.
func (s Share) number(k int64) int64 {
	if s.Of < 2 {
		return k
	}
	return k*int64(s.Of) + int64(s.Index)
}

// part is how many of n things that are dealt out in turn the part gets.
func (s Share) part(n int64) int64 {
	if s.Of < 2 {
		return n
	}
	return (n + int64(s.Of-1-s.Index)) / int64(s.Of)
}

// check says whether there is work for every part of a job.
func (s Share) check(j Job, schedule Schedule) error {
	switch {
	case s == Share{}:
		return nil
	case s.Of < 1 || s.Index < 0 || s.Index >= s.Of:
		return fmt.Errorf("part %d of %d", s.Index+1, s.Of)
	case schedule != nil && schedule.Total() < int64(s.Of):
		return fmt.Errorf("%d workers for %d requests: at most one worker for each", s.Of, schedule.Total())
	case schedule == nil && j.Concurrency < s.Of:
		return fmt.Errorf("%d workers for %d requests at a time: at most one worker for each", s.Of, j.Concurrency)
	case schedule == nil && j.Requests > 0 && j.Requests < int64(s.Of):
		return fmt.Errorf("%d workers for %d requests: at most one worker for each", s.Of, j.Requests)
	case j.Connections > 0 && j.Connections < s.Of:
		return fmt.Errorf("%d workers for %d connections: at most one worker for each", s.Of, j.Connections)
	}
	return nil
}

// shared is the part of a schedule.
type shared struct {
	Schedule
	Share
}

// Due implements Schedule.
func (s shared) Due(k int64) (time.Duration, bool) {
	if k < 0 {
		return 0, false
	}
	return s.Schedule.Due(s.number(k))
}

// Total implements Schedule.
func (s shared) Total() int64 { return s.part(s.Schedule.Total()) }
