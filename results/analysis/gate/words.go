package gate

import (
	"fmt"
	"strings"
)

func (s Settings) rise(l Look) string {
	if l.Estimate == nil {
		return fmt.Sprintf("the candidate's %s is at least the timeout, and rose by more than %s", s.Metric, percent(*l.Lower))
	}
	return fmt.Sprintf("the %s rose by %s (%s sure that it rose by more than %s)",
		s.Metric, percent(*l.Estimate), s.sure(func(look Spend) float64 { return look.Alpha }), percent(*l.Lower))
}

// doubt says what a look that did not decide has shown: never that there is no
// difference.
func (s Settings) doubt(l Look) string {
	var words []string
	if l.Errors.Exceeded {
		words = append(words, l.Errors.text()+": too few for proof, too many for a pass")
	}
	if l.Estimate != nil {
		words = append(words, fmt.Sprintf("after %d rounds the %s changed by %s, between %s and %s",
			l.Rounds, s.Metric, signed(l.Estimate), limit(l.Lower), limit(l.Upper)))
	} else {
		words = append(words, fmt.Sprintf("after %d rounds the change of the %s cannot be estimated: too many requests timed out", l.Rounds, s.Metric))
	}
	if l.Detectable != nil {
		words = append(words, fmt.Sprintf("the smallest rise these rounds could show is %s; about %d rounds would show %s",
			percent(*l.Detectable), l.Needed, percent(s.Tolerance)))
	}
	return strings.Join(words, "; ")
}

// sure is the confidence that the looks leave together.
func (s Settings) sure(spent func(Spend) float64) string {
	sum := 0.0
	for _, look := range s.Looks {
		sum += spent(look)
	}
	return percent(1 - sum)
}

// by names the interval behind a pass.
func by(l Look) string {
	if l.Estimate == nil {
		return ""
	}
	return fmt.Sprintf(": it changed by %s, between %s and %s", signed(l.Estimate), limit(l.Lower), limit(l.Upper))
}

func limit(v *float64) string {
	if v == nil {
		return "no limit"
	}
	return signed(v)
}

func signed(v *float64) string {
	if *v < 0 {
		return "-" + percent(-*v)
	}
	return "+" + percent(*v)
}

// percent prints a fraction with three digits, which are all that matter.
func percent(fraction float64) string {
	if p := 100 * fraction; p == 0 || p >= 0.01 {
		return fmt.Sprintf("%.3g %%", p)
	}
	return "< 0.01 %"
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
