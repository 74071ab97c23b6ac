// Package size says how many replicas a rate needs, from the rates that
// numbers of replicas were measured to support. It fits the Universal
// Scalability Law to them, answers with an interval, and says what to measure
// next where the measurements do not determine an answer: it interpolates, and
// never extrapolates. It is a pure function of the measurements and a seed;
// docs/method.md holds its measured error rates.
package size

import (
	"fmt"
	"math"
)

// Curve is a rate by the number of replicas: N. Gunther's Universal
// Scalability Law: X(N) = l·N / (1 + s·(N−1) + k·N·(N−1)).
type Curve struct {
	Rate       float64 `json:"rate"`       // l: of one replica, per second
	Contention float64 `json:"contention"` // s ≥ 0: the share of the work that queues
	Coherency  float64 `json:"coherency"`  // k ≥ 0: what keeping each pair of replicas in agreement costs
}

// At is the rate of n replicas, per second.
func (c Curve) At(n float64) float64 {
	return c.Rate * n / (1 + c.Contention*(n-1) + c.Coherency*n*(n-1))
}

// Replicas is the smallest number of replicas that carries a rate; ok is false
// if none does.
func (c Curve) Replicas(rate float64) (n int, ok bool) {
	if rate <= c.At(1) {
		return 1, true
	}
	// With y = l/rate, X(N) ≥ rate is k·N² + (s−k−y)·N + (1−s) ≤ 0.
	const rounding = 1e-9
	y, k := c.Rate/rate, c.Coherency
	b, d := c.Contention-k-y, 1-c.Contention
	least, most := d/-b, math.Inf(1)
	if k > 0 {
		root := b*b - 4*k*d
		if root < 0 || b >= 0 {
			return 0, false
		}
		q := (-b + math.Sqrt(root)) / 2
		least, most = d/q, q/k
	} else if b >= 0 {
		return 0, false
	}
	whole := math.Ceil(least - rounding*least)
	if !(whole >= 1) || whole > most*(1+rounding) || whole > mostReplicas {
		return 0, false
	}
	return int(whole), true
}

// mostReplicas is a number of replicas beyond which a rate counts as out of
// reach.
const mostReplicas = 1_000_000

// point is what was measured at a number of replicas: the mean of the logarithms
// of its rates, and how many there are.
type point struct {
	n      float64
	mean   float64
	starts float64
}

// fit finds the curve nearest to the points: least squares of relative
// deviations in N/X = a + b·(N−1) + c·N·(N−1), linear in its parameters, with
// b and c not below 0. Every choice of which of them are 0 is tried, and the
// best of those that are allowed wins; the weights that make deviations
// relative are taken from the fit before, three times.
func fit(points []point) (Curve, error) {
	weights := make([]float64, len(points))
	for i, p := range points {
		weights[i] = p.starts / square(p.spacing())
	}
	var best [3]float64
	for range 1 + reweightings {
		least := math.Inf(1)
		for _, free := range [][]int{{0}, {0, 1}, {0, 2}, {0, 1, 2}} {
			c, squares, ok := solve(points, weights, free)
			if ok && squares < least {
				best, least = c, squares
			}
		}
		if math.IsInf(least, 1) {
			return Curve{}, fmt.Errorf("size: no curve fits %d levels", len(points))
		}
		for i, p := range points {
			weights[i] = p.starts / square(p.predicted(best))
		}
	}
	return Curve{Rate: 1 / best[0], Contention: best[1] / best[0], Coherency: best[2] / best[0]}, nil
}

const reweightings = 3

// terms are what a, b and c are multiplied with.
func (p point) terms() [3]float64 { return [3]float64{1, p.n - 1, p.n * (p.n - 1)} }

// spacing is N/X as measured, predicted as the coefficients have it.
func (p point) spacing() float64 { return p.n / math.Exp(p.mean) }

func (p point) predicted(c [3]float64) float64 {
	x := p.terms()
	return c[0]*x[0] + c[1]*x[1] + c[2]*x[2]
}

func square(x float64) float64 { return x * x }

// solve finds the free ones of a, b and c by their normal equations; the others
// are 0. ok is false if the points do not determine them, or one is out of its
// bounds. squares is the weighted sum of squares that remains.
func solve(points []point, weights []float64, free []int) (c [3]float64, squares float64, ok bool) {
	if len(free) > len(points) {
		return c, 0, false
	}
	var m [3][4]float64 // of the free ones, and the right side in [3]
	for i, p := range points {
		x, y := p.terms(), p.spacing()
		for row, j := range free {
			for column, k := range free {
				m[row][column] += weights[i] * x[j] * x[k]
			}
			m[row][3] += weights[i] * x[j] * y
		}
	}
	// The matrix is positive definite: elimination needs no pivoting.
	n := len(free)
	for k := range n {
		diagonal := m[k][k]
		for row := k + 1; row < n; row++ {
			by := m[row][k] / diagonal
			for column := k; column < 4; column++ {
				m[row][column] -= by * m[k][column]
			}
		}
	}
	for k := n - 1; k >= 0; k-- {
		value := m[k][3]
		for column := k + 1; column < n; column++ {
			value -= m[k][column] * c[free[column]]
		}
		c[free[k]] = value / m[k][k]
	}
	for i, p := range points {
		squares += weights[i] * square(p.spacing()-p.predicted(c))
	}
	return c, squares, c[0] > 0 && c[1] >= 0 && c[2] >= 0
}
