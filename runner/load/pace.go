package load

import "time"

// pace counts for each second of an open loop how many requests were due in it
// and how many were sent.
type pace struct{ due, sent []int64 }

// keptPace is the share of the requests due in a second that has to be sent in
// it.
const keptPace = 0.98

func (p *pace) add(s Shot) {
	count(&p.due, s.Due)
	if s.Failure != NeverSent {
		count(&p.sent, s.Sent)
	}
}

func count(seconds *[]int64, at time.Duration) {
	n := int(max(0, at) / second)
	for len(*seconds) <= n {
		*seconds = append(*seconds, 0)
	}
	(*seconds)[n]++
}

// summary returns in how many seconds requests were due, and in how many of
// them fewer were sent: one may be on the edge of two seconds.
func (p *pace) summary() (seconds, behind int64) {
	for i, due := range p.due {
		if due == 0 {
			continue
		}
		seconds++
		var sent int64
		if i < len(p.sent) {
			sent = p.sent[i]
		}
		if float64(due-sent) > max(1, (1-keptPace)*float64(due)) {
			behind++
		}
	}
	return seconds, behind
}
