package gate

import (
	"fmt"
	"math"
)

// Settings say what the gate asks and how sure it has to be. Shares are
// fractions: 0.05 is 5 %.
type Settings struct {
	// Metric is what is judged, as a reader knows it: "p99". More of it is
	// worse.
	Metric string
	// Percentile of the response time that the metric is, in percent; 0: it is
	// something else, which needs no number of requests to be resolved.
	Percentile float64
	// MinEffect is the smallest rise that fails: a smaller one is left alone,
	// however certain it is.
	MinEffect float64
	// Tolerance is the rise that has to be excluded for a pass.
	Tolerance float64
	// Looks are the numbers of rounds at which it is decided, ascending.
	Looks []Spend
	// ErrorMargin is by how much the candidate's share of failed requests may
	// be above the baseline's.
	ErrorMargin float64
	// MaxErrors is a declared objective: a share of failed requests that is
	// fine whatever the baseline's is; 0 if there is none.
	MaxErrors float64
	// MaxVoid is the share of void rounds above which a machine cannot be used.
	MaxVoid float64
	// Seed draws the order of the two sides in each round.
	Seed uint64
}

// Spend is what one look may cost: Alpha of falsely failing, Beta of falsely
// passing. What all looks spend is the gate's own.
type Spend struct {
	Rounds int     `json:"rounds"`
	Alpha  float64 `json:"alpha"`
	Beta   float64 `json:"beta"`
}

// Alpha of falsely failing and Beta of falsely passing are what all looks
// together may spend by default.
const Alpha, Beta = 0.01, 0.08

// Default settings: the p99; a rise of 5 % or more fails, a rise of 10 % is
// excluded by a pass; looks after 5, 10, 15 and 20 rounds.
func Default() Settings {
	return Settings{
		Metric: "p99", Percentile: 99, MinEffect: 0.05, Tolerance: 0.10, Looks: Spread(Alpha, Beta, 5, 10, 15, 20),
		ErrorMargin: 0.001, MaxVoid: 0.25,
	}
}

// Spread spends alpha and beta over looks. The first gets four tenths of
// alpha: five rounds of each side, all of the one above all of the other, have
// probability 1/252, and less than .004 would leave that look without a limit.
func Spread(alpha, beta float64, rounds ...int) []Spend {
	looks := make([]Spend, len(rounds))
	for i, k := range rounds {
		looks[i] = Spend{Rounds: k, Alpha: alpha, Beta: beta / float64(len(rounds))}
		switch {
		case len(rounds) == 1:
		case i == 0:
			looks[i].Alpha = 0.4 * alpha
		default:
			looks[i].Alpha = 0.6 * alpha / float64(len(rounds)-1)
		}
	}
	return looks
}

const (
	// fewest rounds that can decide: with four a side, the clearest of all
	// outcomes has probability 1/70.
	fewest = 5
	// most rounds whose tables of exact probabilities are whole numbers in a
	// float64.
	most = 25
)

// Check returns an error for settings that make no sense.
func (s Settings) Check() error {
	switch {
	case s.Metric == "":
		return fmt.Errorf("the metric that is judged has no name")
	case !(s.Percentile >= 0 && s.Percentile < 100):
		return fmt.Errorf("percentile %v is not between 0 and 100", s.Percentile)
	case !(s.MinEffect > 0) || math.IsInf(s.MinEffect, 0):
		return fmt.Errorf("smallest rise that fails is %v; it has to be above 0", s.MinEffect)
	case !(s.Tolerance >= s.MinEffect) || math.IsInf(s.Tolerance, 0):
		return fmt.Errorf("tolerance %v is below %v, the smallest rise that fails", s.Tolerance, s.MinEffect)
	case !(s.ErrorMargin >= 0 && s.ErrorMargin < 1) || !(s.MaxErrors >= 0 && s.MaxErrors < 1):
		return fmt.Errorf("error margin %v and highest error share %v have to be at least 0 and below 1", s.ErrorMargin, s.MaxErrors)
	case !(s.MaxVoid >= 0 && s.MaxVoid < 1):
		return fmt.Errorf("share of void rounds %v has to be at least 0 and below 1", s.MaxVoid)
	case len(s.Looks) == 0:
		return fmt.Errorf("no look, so nothing would ever be decided")
	}
	before := fewest - 1
	for _, look := range s.Looks {
		switch {
		case look.Rounds <= before:
			return fmt.Errorf("look after %d rounds; looks ascend and begin with at least %d", look.Rounds, fewest)
		case look.Rounds > most:
			return fmt.Errorf("look after %d rounds; at most %d", look.Rounds, most)
		case !(look.Alpha > 0 && look.Alpha < 0.5) || !(look.Beta > 0 && look.Beta < 0.5):
			return fmt.Errorf("look after %d rounds spends alpha %v and beta %v; both have to be above 0 and below 0.5", look.Rounds, look.Alpha, look.Beta)
		}
		before = look.Rounds
	}
	return nil
}
