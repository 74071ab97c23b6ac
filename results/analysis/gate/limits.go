package gate

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/combin"
)

// pairedFrom is the number of rounds from which on the pairs are used, too:
// the signed rank of ten pairs reaches 1/1024.
const pairedFrom = 10

// estimate is a change on the log scale: the Hodges-Lehmann shift and one-sided
// limits, infinite where these rounds cannot give any.
type estimate struct {
	shift, lower, upper float64
}

// shift estimates by how much b lies above a; rounds are paired by index.
//
// With few rounds the limits are those of the Mann-Whitney test: it does not
// mind outliers. From pairedFrom on each limit is the better one of that test
// and of Wilcoxon's signed rank test on the pairs, which does not mind drift,
// each at half the probability (Bonferroni), and the shift is the mean of the
// two estimates.
func shift(a, b []float64, alpha, beta float64) estimate {
	k := len(a)
	apart, counts := differences(a, b), rankSums(k, k)
	if k < pairedFrom {
		return invert(apart, counts, alpha, beta)
	}
	means := make([]float64, 0, k*(k+1)/2)
	for i := range k {
		for j := i; j < k; j++ {
			means = append(means, (b[i]-a[i]+b[j]-a[j])/2)
		}
	}
	slices.Sort(means)
	unpaired := invert(apart, counts, alpha/2, beta/2)
	paired := invert(means, signedRanks(k), alpha/2, beta/2)
	return estimate{
		shift: (unpaired.shift + paired.shift) / 2,
		lower: max(unpaired.lower, paired.lower),
		upper: min(unpaired.upper, paired.upper),
	}
}

// differences are those of each value of b to each of a, sorted.
func differences(a, b []float64) []float64 {
	all := make([]float64, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			all = append(all, y-x)
		}
	}
	slices.Sort(all)
	return all
}

// invert turns a rank test into limits: with w the number of values u of the
// statistic that have P(U ≤ u) ≤ α, the lower limit is the w-th smallest of
// the sorted differences (or Walsh averages), the upper one the w-th largest.
// Their median is the estimate.
//
// Hodges & Lehmann, Estimates of location based on rank tests, Ann. Math.
// Statist. 34 (1963); Hollander & Wolfe, Nonparametric Statistical Methods,
// 3.2–3.3 and 4.2–4.3.
func invert(sorted, counts []float64, alpha, beta float64) estimate {
	n := len(sorted)
	e := estimate{shift: (sorted[(n-1)/2] + sorted[n/2]) / 2, lower: math.Inf(-1), upper: math.Inf(1)}
	if w := critical(counts, alpha); w > 0 {
		e.lower = sorted[w-1]
	}
	if w := critical(counts, beta); w > 0 {
		e.upper = sorted[n-w]
	}
	return e
}

// critical is the number of values u with P(U ≤ u) ≤ p, where counts[u] of the
// equally likely outcomes give u.
func critical(counts []float64, p float64) int {
	total, sum := 0.0, 0.0
	for _, c := range counts {
		total += c
	}
	for u, c := range counts {
		if sum += c; sum > p*total {
			return u
		}
	}
	return len(counts)
}

// rankSums counts, of the C(m+n,m) ways to rank samples of m and n, those in
// which the Mann-Whitney statistic is u, for u = 0 … m·n. The counts are the
// coefficients of the Gaussian binomial ∏ (1-q^(n+i))/(1-q^i), i = 1 … m
// (Mann & Whitney, Ann. Math. Statist. 18 (1947), whose recurrence it solves).
func rankSums(m, n int) []float64 {
	counts := make([]float64, m*n+1)
	counts[0] = 1
	for i := 1; i <= m; i++ {
		for u := len(counts) - 1; u >= n+i; u-- {
			counts[u] -= counts[u-n-i]
		}
		for u := i; u < len(counts); u++ {
			counts[u] += counts[u-i]
		}
	}
	return counts
}

// signedRanks counts, of the 2^k ways to give the ranks 1 … k a sign, those in
// which the positive ones sum to t, for t = 0 … k(k+1)/2: the coefficients of
// ∏ (1+q^i) (Wilcoxon, Biometrics Bulletin 1 (1945)).
func signedRanks(k int) []float64 {
	counts := make([]float64, k*(k+1)/2+1)
	counts[0] = 1
	for i := 1; i <= k; i++ {
		for t := len(counts) - 1; t >= i; t-- {
			counts[t] += counts[t-i]
		}
	}
	return counts
}

// separated is the probability that of two equal samples of k all values of
// the one given lie above all of the other.
func separated(k int) float64 { return 1 / float64(combin.Binomial(2*k, k)) }
