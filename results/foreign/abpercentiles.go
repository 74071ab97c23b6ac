package foreign

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"plimsoll/results"
)

const abPercentilesHead = "Percentage served,Time in ms"

func looksLikeABPercentiles(head string) bool { return strings.HasPrefix(head, abPercentilesHead) }

// ABPercentiles reads what ab -e wrote: the response time of each whole
// percentage, from 0, the fastest, to 100, the slowest. It tells nothing else:
// not even how many requests there were.
func ABPercentiles(r io.Reader) (*Result, error) {
	in := newLines(r)
	if !in.next() || in.text != abPercentilesHead {
		return nil, errors.Join(in.err(), fmt.Errorf("line 1: not the head that ab -e writes (%q)", abPercentilesHead))
	}
	s := newSheet("ApacheBench")
	due, before := int64(0), time.Duration(0)
	for in.next() {
		percent, value, ok := strings.Cut(in.text, ",")
		n, err := whole(percent)
		if !ok || err != nil || n != due || n > 100 {
			return nil, in.fail("%q is not the time of %d %%", in.text, due)
		}
		d, err := span(value, time.Millisecond)
		if err != nil {
			return nil, in.fail("%w", err)
		}
		if d < before {
			return nil, in.fail("the time of %d %% is below that of %d %%", n, n-1)
		}
		due, before = due+1, d
		switch n {
		case 0:
			s.latency("response", "min", d)
		case 100:
			s.latency("response", "max", d)
		default:
			s.latency("response", fmt.Sprintf("p%d", n), d) // most have no place
		}
	}
	if err := in.err(); err != nil {
		return nil, err
	}
	if due < 100 { // older versions leave out the last
		return nil, fmt.Errorf("line %d: the file ends before 99 %%", in.number)
	}
	return s.result(results.LoadSummary{Mode: "closed", Text: "percentages of a load that the file does not tell", Caution: closedCaution}), nil
}
