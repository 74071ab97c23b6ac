package load

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"time"
)

// Sine makes the rate of an open loop swing by Amplitude around its mean.
type Sine struct {
	Amplitude Rate          `json:"amplitude"`
	Period    time.Duration `json:"period_ns"`
	// Quarter says where in the wave the load begins, in quarters of a
	// period: 0 at the mean and rising, 1 at the peak, 2 at the mean and
	// falling, 3 at the trough.
	Quarter int `json:"quarter,omitempty"`
}

const (
	// chords is how many straight pieces stand for a wave.
	chords = 64
	// maxPeriods bounds the memory that the pieces take.
	maxPeriods = 10_000
	// fine is the denominator in 1/ns that the rates of a wave are rounded
	// with, where those that it is made of have a smaller one.
	fine = 1e15
)

// NewSine returns the schedule of a rate that swings around mean for duration.
//
// The wave is a Ramp of 64 chords for each period, which are made a little
// higher than the wave so that the integral is the sine's exactly at each
// chord's ends; in between it is off by less than 2·10⁻⁴ of what the amplitude
// makes in a chord's time. (Where the amplitude comes within a thousandth of
// the mean, the rate would be negative at the trough, and it is the integral of
// whole periods that is exact.) Its number of requests is the integral rounded up,
// but for a remainder below a hundredth of a request. vegeta's SinePacer,
// whose integral this is, would have to solve for each request numerically.
func NewSine(mean Rate, s Sine, duration time.Duration) (*Ramp, error) {
	switch {
	case s.Period < chords || duration <= 0:
		return nil, fmt.Errorf("a sine with a period of %v for %v: one of them is too short", s.Period, duration)
	case duration/s.Period >= maxPeriods:
		return nil, fmt.Errorf("a sine with a period of %v for %v: more than %d periods", s.Period, duration, maxPeriods)
	case s.Quarter < 0 || s.Quarter > 3:
		return nil, fmt.Errorf("a sine that begins in quarter %d: there are 0 to 3", s.Quarter)
	}
	rates, denominator, err := commensurate([]Rate{mean, s.Amplitude}, 1)
	if err != nil {
		return nil, err
	}
	middle, swing := rates[0], rates[1]
	if swing > middle {
		return nil, errors.New("the amplitude of a sine is above its mean: a rate cannot be negative")
	}
	if finer := uint64(fine) / denominator; finer > 1 {
		hi, lo := bits.Mul64(middle, finer)
		if hi != 0 {
			return nil, errTooFine
		}
		middle, swing, denominator = lo, swing*finer, denominator*finer
	}
	wave := newWave(middle, swing)
	wave.period, wave.first = uint64(s.Period), s.Quarter*chords/4
	return newRamp(denominator, wave.pieces(uint64(duration)), denominator/50)
}

// wave holds the heights of one period's chords.
type wave struct {
	heights [chords]uint64
	period  uint64
	first   int // the chord that the load begins with
}

func newWave(middle, swing uint64) wave {
	// The area under a chord of sin is that under sin itself times h/2·cot h/2,
	// the same for each chord of angle h. The correction is left out where it
	// would make the rate negative; whole periods are exact without it.
	const half = math.Pi / chords
	height := math.Min(float64(swing)*math.Tan(half)/half, float64(middle))
	var w wave
	for i := range w.heights {
		// Mirrored, so that what is rounded up here is rounded down there.
		mirrored := min(i%(chords/2), chords/2-i%(chords/2))
		offset := min(uint64(math.Round(height*math.Sin(2*half*float64(mirrored)))), middle)
		if i < chords/2 {
			w.heights[i] = middle + offset
		} else {
			w.heights[i] = middle - offset
		}
	}
	return w
}

// knot returns the instant and the height at which chord n of the load begins.
func (w *wave) knot(n int) (at, height uint64) {
	// A chord that the load has begun with keeps its length when the wave
	// comes round again: instants are counted from the begin of the load.
	whole, rest := uint64(n/chords), uint64(n%chords)
	hi, lo := bits.Mul64(rest, w.period)
	share, _ := bits.Div64(hi, lo, chords)
	return whole*w.period + share, w.heights[(n+w.first)%chords]
}

// pieces cuts the wave off at the end of the load.
func (w *wave) pieces(duration uint64) []piece {
	var all []piece
	for n := 0; ; n++ {
		begin, from := w.knot(n)
		if begin >= duration {
			return all
		}
		end, to := w.knot(n + 1)
		p := piece{length: end - begin, from: from, to: to}
		if end > duration {
			share := float64(duration-begin) / float64(p.length)
			p.length = duration - begin
			p.to = uint64(math.Round(float64(from) + share*(float64(to)-float64(from))))
		}
		all = append(all, p)
	}
}
