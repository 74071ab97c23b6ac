package load

import (
	"fmt"
	"math"
	"math/bits"
	"time"
)

// Constant is the schedule of a constant rate: request k is due at exactly
// k·per/count, rounded down to the nanosecond, for as long as that is less
// than the duration.
//
// It decides as vegeta's ConstantPacer does, with one difference: that pacer
// rounds the interval itself to whole nanoseconds before multiplying, so that
// at 30 000/s request k comes k/3 ns early and the achieved rate is wrong by
// 10⁻⁵. A lag measured against such a schedule would contain the schedule's
// own drift. Where the interval is a whole number of nanoseconds both agree
// exactly, which a test holds them to.
type Constant struct {
	count, per uint64
	total      int64
}

// NewConstant returns the schedule of count requests per per, for duration. It
// has duration·count/per requests, rounded up: the last, partial interval has
// its request too, at its begin.
func NewConstant(count int, per, duration time.Duration) (Constant, error) {
	if count < 1 || per <= 0 || duration <= 0 {
		return Constant{}, fmt.Errorf("rate of %d requests per %v for %v: all three must be above zero", count, per, duration)
	}
	hi, lo := bits.Mul64(uint64(duration), uint64(count))
	lo, carry := bits.Add64(lo, uint64(per)-1, 0)
	hi += carry
	if hi < uint64(per) {
		if total, _ := bits.Div64(hi, lo, uint64(per)); total <= math.MaxInt64 {
			return Constant{count: uint64(count), per: uint64(per), total: int64(total)}, nil
		}
	}
	return Constant{}, fmt.Errorf("rate of %d requests per %v for %v: more requests than can be counted", count, per, duration)
}

// Total implements Schedule.
func (c Constant) Total() int64 { return c.total }

// Due implements Schedule.
func (c Constant) Due(k int64) (time.Duration, bool) {
	if k < 0 || k >= c.total {
		return 0, false
	}
	// k < total keeps the quotient below the duration.
	hi, lo := bits.Mul64(uint64(k), c.per)
	due, _ := bits.Div64(hi, lo, c.count)
	return time.Duration(due), true
}

// Until returns the duration of a constant rate for which its schedule has
// exactly that many requests, at least one: as long as the one after them would
// be due.
func Until(requests int64, count int, per time.Duration) (time.Duration, error) {
	if requests < 1 || count < 1 || per <= 0 {
		return 0, fmt.Errorf("%d requests at a rate of %d per %v: all three must be above zero", requests, count, per)
	}
	hi, lo := bits.Mul64(uint64(requests), uint64(per))
	if hi < uint64(count) {
		if due, _ := bits.Div64(hi, lo, uint64(count)); due > 0 && due <= math.MaxInt64 {
			return time.Duration(due), nil
		}
	}
	return 0, fmt.Errorf("%d requests at a rate of %d per %v: no duration that can be told", requests, count, per)
}
