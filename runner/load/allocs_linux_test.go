package load_test

import (
	"context"
	"net"
	"runtime"
	"testing"
	"time"

	"plimsoll/fixtures"
	"plimsoll/results"
	"plimsoll/runner/load"
)

// Requests of the fast transport allocate nothing, recorder included. The
// difference between a run and one twice as long is what the requests cost;
// each second's interval costs a little on top, as do the connections.
func TestFastAllocatesNothingPerRequest(t *testing.T) {
	null, err := fixtures.NewNull(fixtures.NullOptions{})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- null.Serve(ctx, listener) }()
	defer func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	target := "http://" + listener.Addr().String()

	const requests = 20000
	once, onceTook := mallocs(t, closed(requests, 10, true, target))
	twice, twiceTook := mallocs(t, closed(2*requests, 10, true, target))
	if got := null.Served(); got != 3*requests {
		t.Fatalf("the server counted %d requests, want %d", got, 3*requests)
	}
	// The second run lasts longer, so it has more intervals.
	const perSecond = 200
	allowed := int64(perSecond * (1 + (twiceTook - onceTook).Seconds()))
	t.Logf("%d allocations for %d requests, %d for %d", once, requests, twice, 2*requests)
	if more := twice - once; more > allowed {
		t.Errorf("%d requests more cost %d allocations more, want at most the %d of intervals", requests, more, allowed)
	}
}

// mallocs carries a job out and counts the allocations of the whole process,
// the server's included, which has none per request either.
func mallocs(t *testing.T, job load.Job) (count int64, took time.Duration) {
	t.Helper()
	rec := load.NewRecorder(job)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	begin, finished := time.Now(), make(chan struct{})
	var failed error
	go func() {
		failed = load.NewFast().Run(t.Context(), job, begin, rec)
		close(finished)
	}()
	if err := rec.Emit(begin, finished, func(results.Interval) error { return nil }); err != nil {
		t.Fatal(err)
	}
	took = time.Since(begin)
	if failed != nil {
		t.Fatal(failed)
	}
	runtime.ReadMemStats(&after)
	return int64(after.Mallocs - before.Mallocs), took
}
