package load

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		lag                   func(k int, due time.Duration) time.Duration
		cut                   time.Duration // from here on nothing is sent
		seconds, behind, most int64
	}{
		"on time":              {lag: func(int, time.Duration) time.Duration { return 0 }, seconds: 10},
		"always late alike":    {lag: func(int, time.Duration) time.Duration { return 5 * ms }, seconds: 10},
		"late within a second": {lag: func(k int, due time.Duration) time.Duration { return max(0, 300*ms-due%time.Second) }, seconds: 10},
		"one second postponed": {lag: func(_ int, due time.Duration) time.Duration {
			return max(0, 4*time.Second-max(due, 3*time.Second)) * b(due >= 3*time.Second)
		}, seconds: 10, behind: 1},
		"ever slower":             {lag: func(_ int, due time.Duration) time.Duration { return due / 10 }, seconds: 10, behind: 10},
		"not sent after the half": {lag: func(int, time.Duration) time.Duration { return 0 }, cut: 5 * time.Second, seconds: 10, behind: 5},
	} {
		t.Run(name, func(t *testing.T) {
			rec := NewRecorder(Job{Mix: []Request{{Name: "a"}}, RateCount: 100, RatePer: time.Second, Duration: 10 * time.Second, Timeout: time.Second})
			for k := range 1000 {
				due := time.Duration(k) * 10 * ms
				shot := Shot{Due: due, Sent: due + c.lag(k, due)}
				if c.cut > 0 && due >= c.cut {
					shot.Failure = NeverSent
				}
				shot.Done = shot.Sent
				rec.Record(shot)
			}
			final, err := rec.Final(time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if final.Seconds != c.seconds || final.Behind != c.behind {
				t.Errorf("%d of %d seconds behind, want %d of %d", final.Behind, final.Seconds, c.behind, c.seconds)
			}
		})
	}
}

func b(yes bool) time.Duration {
	if yes {
		return 1
	}
	return 0
}
