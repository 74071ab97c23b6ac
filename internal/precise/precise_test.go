package precise

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestNeverEarly(t *testing.T) {
	for _, d := range []time.Duration{-time.Second, 0, 1, time.Microsecond, 100 * time.Microsecond, time.Millisecond, 3500 * time.Microsecond, 20 * time.Millisecond} {
		due := time.Now().Add(d)
		if err := SleepUntil(t.Context(), due); err != nil {
			t.Fatalf("sleeping %v: %v", d, err)
		}
		if early := time.Until(due); early > 0 {
			t.Errorf("a sleep of %v ended %v early", d, early)
		}
	}
}

// Many sleepers at once, with cancelled ones between them, must not take each
// other's alarms.
func TestManySleepers(t *testing.T) {
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			for k := range 20 {
				ctx, cancel := context.WithCancel(t.Context())
				d := time.Duration(1+(i*7+k*13)%50) * 100 * time.Microsecond
				due := time.Now().Add(d)
				if k%3 == 0 {
					time.AfterFunc(d/2, cancel)
				}
				switch err := SleepUntil(ctx, due); {
				case err == nil && time.Until(due) > 0:
					t.Errorf("a sleep of %v ended %v early", d, time.Until(due))
				case err != nil && (k%3 != 0 || !errors.Is(err, context.Canceled)):
					t.Errorf("sleeping %v: %v", d, err)
				}
				cancel()
			}
		})
	}
	wg.Wait()
}

func TestContextEndsSleep(t *testing.T) {
	tests := []struct {
		name  string
		after time.Duration
	}{
		{"done before", 0},
		{"done meanwhile", 5 * time.Millisecond},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), test.after)
			defer cancel()
			begin := time.Now()
			if err := Sleep(ctx, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("got %v, want %v", err, context.DeadlineExceeded)
			}
			if took := time.Since(begin); took > 30*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// BenchmarkLateness reports by how much sleeps of 0.5 to 1.5 ms are late.
func BenchmarkLateness(b *testing.B) {
	var late []time.Duration
	for i := 0; b.Loop(); i++ {
		due := time.Now().Add(time.Duration(500+i*37%1000) * time.Microsecond)
		if err := SleepUntil(b.Context(), due); err != nil {
			b.Fatal(err)
		}
		late = append(late, time.Since(due))
	}
	slices.Sort(late)
	for _, q := range []struct {
		p    float64
		unit string
	}{{0.5, "µs-p50"}, {0.9, "µs-p90"}, {0.99, "µs-p99"}} {
		at := late[int(q.p*float64(len(late)-1))]
		b.ReportMetric(float64(at.Nanoseconds())/1000, q.unit)
	}
}
