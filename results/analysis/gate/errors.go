package gate

import (
	"fmt"

	"gonum.org/v1/gonum/stat/distuv"
)

// Errors compares the failed requests of both sides over the rounds of a look.
type Errors struct {
	// Baseline and Candidate are the shares of all requests that failed.
	Baseline  float64 `json:"baseline"`
	Candidate float64 `json:"candidate"`
	// P is the probability of at least so many of the failed requests on the
	// candidate's side if both fail alike: failed requests given, each is the
	// candidate's with its share of the requests (exact conditional binomial
	// test; Przyborowski & Wilenski, Biometrika 31 (1940)).
	P float64 `json:"p"`
	// Worse and Better are the rounds in which the candidate's share was above
	// and below the baseline's.
	Worse  int `json:"worse"`
	Better int `json:"better"`
	// Apart says that the candidate's lowest share was above the baseline's
	// highest.
	Apart bool `json:"apart"`
	// Exceeded says that the candidate failed more often than it may, Proven
	// that this is more than chance: Exceeded, and by both tests.
	Exceeded bool `json:"exceeded"`
	Proven   bool `json:"proven"`
}

// errors judges the failed requests. Requests of one round fail together (a
// stall, one restart), so that the binomial test alone would see proof in one
// bad round. The rounds have to agree: by the sign test, or, where so few
// rounds cannot reach alpha by their signs, by lying wholly apart.
func (s Settings) errors(rounds []Round, alpha float64) Errors {
	var e Errors
	var all, failed [2]int64
	lowest, highest := 1.0, 0.0
	for _, r := range rounds {
		n, x := r.Baseline.requests()
		m, y := r.Candidate.requests()
		all[0], all[1] = all[0]+n, all[1]+m
		failed[0], failed[1] = failed[0]+x, failed[1]+y
		before, after := share(x, n), share(y, m)
		switch {
		case after > before:
			e.Worse++
		case after < before:
			e.Better++
		}
		lowest, highest = min(lowest, after), max(highest, before)
	}
	e.Baseline, e.Candidate = share(failed[0], all[0]), share(failed[1], all[1])
	e.Apart = lowest > highest
	e.P = 1
	if failed[1] > 0 {
		// Counted from the baseline's side, so that a tiny tail stays exact.
		e.P = distuv.Binomial{N: float64(failed[0] + failed[1]), P: share(all[0], all[0]+all[1])}.CDF(float64(failed[0]))
	}
	e.Exceeded = e.Candidate > e.Baseline+s.ErrorMargin && (s.MaxErrors == 0 || e.Candidate > s.MaxErrors)
	agree := signs(e.Worse, e.Better) <= alpha
	if signs(len(rounds), 0) > alpha {
		agree = e.Apart && separated(len(rounds)) <= alpha
	}
	e.Proven = e.Exceeded && e.P <= alpha && agree
	return e
}

// signs is the one-sided sign test: the probability of at least so many worse
// of all rounds that differ. Conover, Practical Nonparametric Statistics, 3.4.
func signs(worse, better int) float64 {
	if worse == 0 {
		return 1
	}
	return distuv.Binomial{N: float64(worse + better), P: 0.5}.CDF(float64(better))
}

func share(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

func (e Errors) text() string {
	return fmt.Sprintf("%s of the candidate's requests failed, %s of the baseline's, more in %d rounds and fewer in %d",
		percent(e.Candidate), percent(e.Baseline), e.Worse, e.Better)
}
