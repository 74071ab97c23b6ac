package load

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"sort"
	"time"
)

// Rate is Count requests per Per. Count may be 0, Per may not.
type Rate struct {
	Count int           `json:"count"`
	Per   time.Duration `json:"per_ns"`
}

// Stage changes the rate of an open loop linearly until it is To, within
// Over. An Over of 0 makes the rate jump.
type Stage struct {
	To   Rate          `json:"to"`
	Over time.Duration `json:"over_ns"`
}

// Ramp is the schedule of a rate that is made of straight pieces. With N(t) for
// the integral of the rate until t, which is how many requests there should
// have been by then, request k is due at the last nanosecond t at which
// N(t) ≤ k, for as long as k < N at the end. So the number of requests is the
// integral rounded up, and a ramp that stays level is a Constant.
//
// vegeta's LinearPacer has the same integral, which a test holds this to. But
// it answers how long to wait, by the rate at the instant when it is asked;
// inverting the integral answers when a request is due, whoever asks when. The
// inverse is computed in integers, and is therefore exact and never decreases.
type Ramp struct {
	pieces []piece
	// unit is how many of the parts that counts are kept in make up a grain:
	// twice the common denominator of all rates, since the area under a piece
	// is half of its length times the sum of its rates.
	unit   uint64
	end    wide // N at the end, in parts
	total  int64
	length time.Duration
}

// piece is a stretch of time in which the rate changes linearly. Rates are
// requests per nanosecond times the common denominator.
type piece struct {
	begin, length uint64 // ns; length is above 0
	from, to      uint64
	before        wide // N at the begin, in parts
}

// grain is the resolution of a place on the axis of requests: how many grains
// make up one request.
const grain = 1 << grainBits

const grainBits = 20

// maxTotal bounds the requests of a ramp so that grains can be counted.
const maxTotal = math.MaxInt64 >> (grainBits + 1)

// maxPieces bounds the memory that pieces take.
const maxPieces = 1 << 20

var errTooFine = errors.New("such rates over so long a time cannot be computed exactly; use rounder rates, the same period for all of them, or shorter stages")

// NewRamp returns the schedule that begins at the rate from and goes through
// the stages.
func NewRamp(from Rate, stages []Stage) (*Ramp, error) {
	rates := []Rate{from}
	for _, s := range stages {
		if s.Over < 0 {
			return nil, fmt.Errorf("a stage over %v: it must not be negative", s.Over)
		}
		rates = append(rates, s.To)
	}
	scaled, denominator, err := commensurate(rates, 1)
	if err != nil {
		return nil, err
	}
	var pieces []piece
	for i, s := range stages {
		// A level stage may be cut anywhere, and then last as long as it likes.
		left := s.Over
		for ; scaled[i] == scaled[i+1] && left > time.Hour && len(pieces) < maxPieces; left -= time.Hour {
			pieces = append(pieces, piece{length: uint64(time.Hour), from: scaled[i], to: scaled[i]})
		}
		if left > 0 {
			pieces = append(pieces, piece{length: uint64(left), from: scaled[i], to: scaled[i+1]})
		}
	}
	return newRamp(denominator, pieces, 0)
}

// commensurate brings rates to a common denominator, which is a multiple of
// the given one.
func commensurate(rates []Rate, denominator uint64) ([]uint64, uint64, error) {
	for _, r := range rates {
		if r.Count < 0 || r.Count > 0 && r.Per <= 0 {
			return nil, 0, fmt.Errorf("rate of %d requests per %v: it must not be negative", r.Count, r.Per)
		}
		if r.Count == 0 {
			continue
		}
		per := uint64(r.Per) / gcd(uint64(r.Count), uint64(r.Per))
		hi, multiple := bits.Mul64(denominator, per/gcd(denominator, per))
		if hi != 0 {
			return nil, 0, errTooFine
		}
		denominator = multiple
	}
	scaled := make([]uint64, len(rates))
	for i, r := range rates {
		if r.Count == 0 {
			continue
		}
		common := gcd(uint64(r.Count), uint64(r.Per))
		hi, lo := bits.Mul64(uint64(r.Count)/common, denominator/(uint64(r.Per)/common))
		if hi != 0 {
			return nil, 0, errTooFine
		}
		scaled[i] = lo
	}
	return scaled, denominator, nil
}

// newRamp lines the pieces up. What is below tolerance of the last request,
// in halves of 1/denominator, is no request.
func newRamp(denominator uint64, pieces []piece, tolerance uint64) (*Ramp, error) {
	r := &Ramp{pieces: pieces, unit: 2 * denominator}
	// An approximate bound in front of exact arithmetic: it keeps a factor of
	// two below what 128 and 64 bits hold.
	var seconds, area float64
	for _, p := range pieces {
		slope := float64(p.from) + float64(p.to)
		seconds += float64(p.length)
		area += slope * float64(p.length)
		if math.Log2(slope)+2*math.Log2(float64(p.length))+grainBits > 126 || slope > math.MaxInt64 {
			return nil, errTooFine
		}
	}
	requests := area / 2 / float64(denominator)
	switch {
	case denominator > math.MaxInt64/2 || math.Log2(area)+grainBits > 126:
		return nil, errTooFine
	case seconds > math.MaxInt64/2 || requests > maxTotal/2:
		return nil, fmt.Errorf("%.3g requests in %.3g s: more than can be counted", requests, seconds/1e9)
	}
	var halves wide // N in halves of 1/denominator
	for i := range r.pieces {
		p := &r.pieces[i]
		p.begin, p.before = uint64(r.length), r.end
		r.length += time.Duration(p.length)
		halves = halves.plus(product(p.from+p.to, p.length))
		r.end = halves.times(grain)
	}
	up := r.unit - 1
	if halves.less(wide{lo: tolerance}) {
		up = 0
	} else {
		halves = halves.minus(wide{lo: tolerance})
	}
	halves = halves.plus(wide{lo: up})
	total, _ := bits.Div64(halves.hi, halves.lo, r.unit)
	if r.total = int64(total); total == 0 {
		return nil, errors.New("a load without a single request: its rate never rises above zero")
	}
	return r, nil
}

// Total implements Schedule.
func (r *Ramp) Total() int64 { return r.total }

// Due implements Schedule.
func (r *Ramp) Due(k int64) (time.Duration, bool) {
	if k < 0 || k >= r.total {
		return 0, false
	}
	return r.at(uint64(k) << grainBits)
}

// mean is the mean rate in requests per second.
func (r *Ramp) mean() float64 {
	return r.end.float() / grain / float64(r.unit) / r.length.Seconds()
}

// has reports whether the integral comes past so many grains.
func (r *Ramp) has(grains uint64) bool { return product(r.unit, grains).less(r.end) }

// at inverts the integral: it returns the last nanosecond at which it is not
// above so many grains, and false if it never is.
func (r *Ramp) at(grains uint64) (time.Duration, bool) {
	if !r.has(grains) {
		return 0, false
	}
	parts := product(r.unit, grains)
	next := sort.Search(len(r.pieces), func(i int) bool { return parts.less(r.pieces[i].before) })
	p := &r.pieces[next-1] // the first one has nothing before it
	return time.Duration(p.begin + p.invert(parts.minus(p.before))), true
}

// invert returns the last nanosecond of the piece at which not more than so
// many parts of it are over.
func (p *piece) invert(parts wide) uint64 {
	bound := parts.times(p.length)
	t := p.guess(parts)
	for t > 0 && bound.less(p.area(t)) {
		t--
	}
	for t+1 < p.length && !bound.less(p.area(t+1)) {
		t++
	}
	return t
}

// area is what of the piece is over at t, in parts, times the piece's length.
func (p *piece) area(t uint64) wide {
	height := product(2*p.from, p.length)
	if p.to >= p.from {
		height = height.plus(product(p.to-p.from, t))
	} else {
		height = height.minus(product(p.from-p.to, t))
	}
	return height.times(t).times(grain)
}

// guess solves the piece's quadratic equation in floating point, from the end
// where the rate is lower: there is no cancellation then, and the result is at
// most a few nanoseconds wrong.
func (p *piece) guess(parts wide) uint64 {
	length := float64(p.length)
	solve := func(parts wide, low, high uint64) float64 {
		area := parts.float() / grain
		if area == 0 {
			return 0
		}
		l, h := float64(low), float64(high)
		return area / (l + math.Sqrt(l*l+(h-l)*area/length))
	}
	var t float64
	if p.to >= p.from {
		t = solve(parts, p.from, p.to)
	} else {
		t = length - solve(product(p.from+p.to, p.length).times(grain).minus(parts), p.to, p.from)
	}
	return min(uint64(max(t, 0)), p.length-1)
}
