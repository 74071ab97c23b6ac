package load

import (
	"math"
	"math/bits"
)

// wide is an unsigned number of 128 bits. Whoever computes with it has seen to
// it that nothing overflows.
type wide struct{ hi, lo uint64 }

// product is a·b.
func product(a, b uint64) wide {
	hi, lo := bits.Mul64(a, b)
	return wide{hi, lo}
}

func (w wide) plus(v wide) wide {
	lo, carry := bits.Add64(w.lo, v.lo, 0)
	hi, _ := bits.Add64(w.hi, v.hi, carry)
	return wide{hi, lo}
}

// minus is w−v, which must not be negative.
func (w wide) minus(v wide) wide {
	lo, borrow := bits.Sub64(w.lo, v.lo, 0)
	hi, _ := bits.Sub64(w.hi, v.hi, borrow)
	return wide{hi, lo}
}

func (w wide) times(n uint64) wide {
	hi, lo := bits.Mul64(w.lo, n)
	return wide{hi + w.hi*n, lo}
}

func (w wide) less(v wide) bool { return w.hi < v.hi || w.hi == v.hi && w.lo < v.lo }

// float is the nearest float64, or the one beside it.
func (w wide) float() float64 { return math.Ldexp(float64(w.hi), 64) + float64(w.lo) }
