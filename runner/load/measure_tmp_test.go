package load_test

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"testing"
	"time"

	"plimsoll/results"
	"plimsoll/runner/load"
)

func TestMeasureTmp(t *testing.T) {
	if os.Getenv("MEASURE") == "" {
		t.Skip()
	}
	debug.SetGCPercent(400)
	for range 4 {
		for _, encode := range []bool{false, true} {
			job := open(2000, 8*time.Second, "http://127.0.0.1:18099")
			rec := load.NewRecorder(job)
			begin, finished := time.Now(), make(chan struct{})
			go func() { load.NewGeneral().Run(t.Context(), job, begin, rec); close(finished) }()
			sum := results.NewLatencies()
			enc := results.NewEncoder(io.Discard)
			var took time.Duration
			rec.Emit(begin, finished, func(i results.Interval) error {
				b := time.Now()
				if encode {
					enc.Encode(i)
				}
				took = max(took, time.Since(b))
				sum.Merge(i.Latencies)
				return nil
			})
			s := sum.Stats()
			fmt.Printf("encode=%v (%v): lag p50 %v p99 %v p99.9 %v max %v\n", encode, took, s.Lag.P50, s.Lag.P99, s.Lag.P999, s.Lag.Max)
		}
	}
}
