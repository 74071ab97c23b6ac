package docker

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/google/go-cmp/cmp"

	"plimsoll/internal/cgroup"
	"plimsoll/runner/engine"
	"plimsoll/scenarios/topology"
)

// meters opens both kinds of meters for a container. The kernel's needs this
// machine to show it.
func meters(t *testing.T, e *Engine, id string) (kernel, api engine.Meter) {
	t.Helper()
	open := func(e *Engine) (engine.Meter, engine.Metering) {
		m, how, err := e.Meter(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		})
		return m, how
	}
	kernel, how := open(e)
	if !strings.HasPrefix(how.Source, "cgroup v") {
		t.Skipf("the kernel's counters cannot be read here: the source is %q", how.Source)
	}
	if how.Interval != 200*time.Millisecond {
		t.Errorf("interval %v", how.Interval)
	}
	api, how = open(connect(t, Options{StatsAPI: true}))
	if how.Source != "stats API" || how.Interval != time.Second {
		t.Errorf("metering %+v", how)
	}
	return kernel, api
}

func read(t *testing.T, m engine.Meter) engine.Usage {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	u, err := m.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestMetersAgree meters a container that burns a fifth of a CPU, which it gets
// even on a busy machine, both ways at the same time, and against a reading of
// our own of the kernel's file.
func TestMetersAgree(t *testing.T) {
	e := connect(t, Options{})
	stack := newStack(t, e, topology.Service{Name: "web", Command: []string{"burn", "1h"}, Limits: topology.Limits{CPUs: 0.2}})
	web := up(t, e, stack).Replicas[0]
	kernel, api := meters(t, e, web.ID)

	// The kernel's counter, often enough to know it at any instant.
	ctx, stop := context.WithCancel(t.Context())
	curve := make(chan []engine.Usage)
	go func() {
		var points []engine.Usage
		for done := false; !done; time.Sleep(2 * time.Millisecond) {
			done = ctx.Err() != nil // and then once more
			if u, err := kernel.Read(ctx); err == nil {
				points = append(points, u)
			}
		}
		curve <- points
	}()
	file := ownReading(t, web.ID)
	asked := time.Now()
	k0, own0, a0 := read(t, kernel), file(), read(t, api)
	if a0.At.Before(asked) {
		t.Errorf("asked at %v, the stats API's reading is of %v", asked, a0.At)
	}
	time.Sleep(2 * time.Second)
	k1, own1, a1 := read(t, kernel), file(), read(t, api)
	stop()
	points := <-curve

	t.Logf("the same file read by ourselves: %v, by the meter: %v", own1-own0, k1.CPU-k0.CPU)
	agree(t, "CPU time by the meter and by the kernel's file", k1.CPU-k0.CPU, own1-own0, 0)
	window := a1.At.Sub(a0.At)
	byKernel := at(t, points, a1.At) - at(t, points, a0.At)
	t.Logf("over the stats API's window of %v: stats API %v, kernel %v", window, a1.CPU-a0.CPU, byKernel)
	agree(t, "CPU time by the stats API and by the kernel", a1.CPU-a0.CPU, byKernel, 4*time.Millisecond)
	if used := (a1.CPU - a0.CPU).Seconds() / window.Seconds(); used > 0.3 {
		t.Errorf("%.2f CPUs used, the limit is 0.2", used)
	}
	if a1.Throttled != nil { // both know it, or the API does not
		agree(t, "throttled time", *a1.Throttled, *read(t, kernel).Throttled, 200*time.Millisecond)
	}
	if *k1.Throttled <= *k0.Throttled {
		t.Errorf("throttled for %v, and two seconds later for %v", *k0.Throttled, *k1.Throttled)
	}
}

// agree allows a difference of two per cent, or of slack if that is more.
func agree(t *testing.T, what string, a, b, slack time.Duration) {
	t.Helper()
	if off := (a - b).Abs(); off > max(time.Duration(0.02*float64(b)), slack) {
		t.Errorf("%s: %v and %v, which is %.1f %% apart", what, a, b, 100*float64(off)/float64(b))
	}
}

// at interpolates the CPU time at an instant.
func at(t *testing.T, points []engine.Usage, when time.Time) time.Duration {
	t.Helper()
	for i, p := range points {
		if i > 0 && !p.At.Before(when) {
			q := points[i-1]
			share := when.Sub(q.At).Seconds() / p.At.Sub(q.At).Seconds()
			return q.CPU + time.Duration(math.Round(share*float64(p.CPU-q.CPU)))
		}
	}
	t.Fatalf("no reading around %v", when)
	return 0
}

// ownReading finds the kernel's file in one of its usual places.
func ownReading(t *testing.T, id string) func() time.Duration {
	t.Helper()
	for _, pattern := range []string{
		"/sys/fs/cgroup/cpuacct/docker/ID/cpuacct.usage", "/sys/fs/cgroup/cpu,cpuacct/docker/ID/cpuacct.usage",
		"/sys/fs/cgroup/cpu,cpuacct/system.slice/docker-ID.scope/cpuacct.usage",
		"/sys/fs/cgroup/docker/ID/cpu.stat", "/sys/fs/cgroup/system.slice/docker-ID.scope/cpu.stat",
	} {
		path := strings.ReplaceAll(pattern, "ID", id)
		if _, ok := kernelCPU(path); ok {
			return func() time.Duration {
				cpu, ok := kernelCPU(path)
				if !ok {
					t.Errorf("%s is gone", path)
				}
				return cpu
			}
		}
	}
	t.Skip("the container's CPU time is in none of the usual places")
	return nil
}

// TestMeterKnowsTheTruth lets a container use a known amount of CPU time and
// memory, and receive a known number of bytes.
func TestMeterKnowsTheTruth(t *testing.T) {
	e := connect(t, Options{})
	tcp := func(port uint16) []topology.Port { return []topology.Port{{Target: port, Protocol: "tcp"}} }
	stack := newStack(t, e,
		topology.Service{Name: "burn", Command: []string{"burn", "1500ms"}},
		topology.Service{Name: "eat", Command: []string{"eat", "64", "96", "/data/file"}, Mounts: []topology.Mount{{Type: topology.VolumeMount, Source: "data", Target: "/data"}}},
		topology.Service{Name: "serve", Command: []string{"serve", "80"}, Ports: tcp(80)},
	)
	stack.Topology.Volumes = []string{"data"}
	state := up(t, e, stack)

	const sent = 4 << 20
	serving, servingAPI := meters(t, e, state.Replicas[2].ID)
	before := read(t, serving)
	exchange(t, netip.AddrPortFrom(state.Replicas[2].Address, 80), sent)
	after, afterAPI := read(t, serving), read(t, servingAPI)
	for _, got := range []int64{*after.NetIn - *before.NetIn, *after.NetOut - *before.NetOut, *afterAPI.NetIn - *before.NetIn} {
		if got < sent || got > sent*110/100 {
			t.Errorf("%d bytes there and back, counted %d", sent, got)
		}
	}

	eventually(t, "everything is eaten", func() bool {
		logs, err := e.Logs(t.Context(), state.Replicas[1], 1)
		return err == nil && logs == "eaten\n"
	})
	kernel, api := meters(t, e, state.Replicas[1].ID)
	// The kernel books page cache some seconds after it has been filled.
	eventually(t, "96 MiB of page cache do not count", func() bool { return read(t, kernel).MemoryBytes < 96<<20 })
	for _, u := range []engine.Usage{read(t, kernel), read(t, api)} {
		if mib := u.MemoryBytes >> 20; mib < 64 || mib > 64+16 {
			t.Errorf("64 MiB in use and 96 MiB of page cache: %d MiB are reported", mib)
		}
	}

	kernel, api = meters(t, e, state.Replicas[0].ID)
	eventually(t, "everything is burnt", func() bool { return read(t, kernel).CPU >= 1500*time.Millisecond })
	k, a := read(t, kernel), read(t, api)
	t.Logf("1.5 s burnt: the kernel says %v, the stats API %v", k.CPU, a.CPU)
	agree(t, "burnt by the kernel's counter", k.CPU, 1500*time.Millisecond, 0)
	agree(t, "burnt by the stats API", a.CPU, 1500*time.Millisecond, 0)

	for _, r := range state.Replicas {
		if err := e.removeContainer(t.Context(), r.ID); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := kernel.Read(patience(t)); !errors.Is(err, cgroup.ErrGone) {
		t.Errorf("after the end the kernel's counter gives %v", err)
	}
	if u, err := api.Read(patience(t)); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("after the end the stats API gives %+v, %v", u, err)
	}
	if _, _, err := e.Meter(t.Context(), state.Replicas[0].ID); err == nil {
		t.Error("a container that is gone can be metered")
	}
}

func TestMeterNeedsARunningContainer(t *testing.T) {
	e := connect(t, Options{})
	stack := newStack(t, e, topology.Service{Name: "web", Command: []string{"exit", "0"}})
	up(t, e, stack)
	var web engine.Replica
	eventually(t, "it has ended", func() bool {
		web = observe(t, e, stack).Replicas[0]
		return web.Status == engine.Exited
	})
	_, _, err := e.Meter(t.Context(), web.ID)
	wantError(t, err, "container "+stack.Name+"-web-1 does not run")
}

// TestStatsRead drives a statsMeter with an engine of our own that takes a
// sample at every whole second and hands it on a moment later. What its clock
// shows makes no difference once it was compared.
func TestStatsRead(t *testing.T) {
	for name, clock := range map[string]difference{
		"this host's clock": {},
		"clock ahead":       {ahead: time.Hour},
		"clock behind":      {ahead: -25 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				readSamples(t, clock, []statsStep{
					{5 * time.Millisecond, 1010 * time.Millisecond, time.Second}, // not the one that is under way
					{1500 * time.Millisecond, 2010 * time.Millisecond, 2 * time.Second},
					{2011 * time.Millisecond, 3010 * time.Millisecond, 3 * time.Second},
				})
			})
		})
	}
	t.Run("clock in doubt", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			readSamples(t, difference{ahead: time.Hour, doubt: 30 * time.Millisecond}, []statsStep{
				{960 * time.Millisecond, 1010 * time.Millisecond, time.Second},
				{1980 * time.Millisecond, 3010 * time.Millisecond, 3 * time.Second}, // that of 2 s may be from before the question
			})
		})
	})
}

// statsStep is a question with the instants at which it is answered and at
// which the answer's sample was taken, counted from the begin.
type statsStep struct{ ask, answer, taken time.Duration }

func readSamples(t *testing.T, clock difference, steps []statsStep) {
	m, samples, hangUp := stream(t)
	m.clock = clock
	start := time.Now()
	go func() {
		for i := range 4 {
			time.Sleep(time.Until(start.Add(time.Duration(i) * time.Second)))
			taken := time.Now()
			time.Sleep(10 * time.Millisecond)
			samples(container.StatsResponse{Read: taken.Add(clock.ahead), CPUStats: container.CPUStats{CPUUsage: container.CPUUsage{TotalUsage: uint64(i)}}})
		}
		hangUp()
	}()
	for _, step := range steps {
		time.Sleep(time.Until(start.Add(step.ask)))
		u, err := m.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if answered := time.Since(start); answered != step.answer || u.At.Sub(start) != step.taken || u.CPU != step.taken/time.Second {
			t.Errorf("asked at %v: got the sample of %v (%d) at %v; want that of %v at %v", step.ask, u.At.Sub(start), u.CPU, answered, step.taken, step.answer)
		}
	}
	if _, err := m.Read(t.Context()); err == nil {
		t.Error("a reading after the end of the stream")
	}
}

func TestStatsReadGivesUp(t *testing.T) {
	for name, test := range map[string]struct {
		behind time.Duration // how far the engine's clock is
		zero   bool          // samples as of a container that has ended
		want   string
	}{
		"container ended": {zero: true, want: "the container does not run any more"},
		"clock set back":  {behind: time.Hour, want: "the engine's clock has been set back"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, samples, hangUp := stream(t)
				var engine sync.WaitGroup
				engine.Go(func() {
					for range 10 {
						time.Sleep(time.Second)
						taken := time.Now().Add(-test.behind)
						if test.zero {
							taken = time.Time{}
						}
						samples(container.StatsResponse{Read: taken})
					}
				})
				defer engine.Wait()
				defer hangUp()
				_, err := m.Read(t.Context())
				wantError(t, err, test.want)
			})
		})
	}
	t.Run("caller", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m, _, hangUp := stream(t)
			defer hangUp()
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if _, err := m.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
	})
}

// TestClock asks an engine whose answers take their time: the quickest of a few
// tells the most, and holds for a while.
func TestClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ahead = 90 * time.Minute
		var asked int
		c := &clock{ask: func(context.Context) (time.Time, error) {
			there, back := []time.Duration{800, 10, 300}[asked%3]*time.Millisecond, []time.Duration{100, 30, 1}[asked%3]*time.Millisecond
			asked++
			time.Sleep(there)
			shown := time.Now().Add(ahead)
			time.Sleep(back)
			return shown, nil
		}}
		for range 2 { // the second time it is known
			got, err := c.compare(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if want := (difference{ahead: ahead - 10*time.Millisecond, doubt: 20 * time.Millisecond}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if (got.ahead - ahead).Abs() > got.doubt {
				t.Error("the truth is outside of the doubt")
			}
		}
		if asked != clockLooks {
			t.Errorf("asked %d times, want %d", asked, clockLooks)
		}
		time.Sleep(clockFor)
		if _, err := c.compare(t.Context()); err != nil || asked != 2*clockLooks {
			t.Errorf("after a while: asked %d times, %v", asked, err)
		}
		broken := errors.New("gone")
		c = &clock{ask: func(context.Context) (time.Time, error) { return time.Time{}, broken }}
		if _, err := c.compare(t.Context()); !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
		var here *clock
		if got, err := here.compare(t.Context()); err != nil || got != (difference{}) {
			t.Errorf("this host's own: %+v, %v", got, err)
		}
	})
}

// stream returns a meter with the engine's end of its stream.
func stream(t *testing.T) (m *statsMeter, sample func(container.StatsResponse), hangUp func()) {
	t.Helper()
	reader, writer := io.Pipe()
	m = &statsMeter{stop: func() { reader.Close() }, done: make(chan struct{}), next: make(chan struct{})}
	go m.receive(reader)
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m, func(s container.StatsResponse) { _ = json.NewEncoder(writer).Encode(s) }, func() { writer.Close() }
}

func TestUsage(t *testing.T) {
	for _, test := range []struct {
		file string
		want engine.Usage
	}{
		{"stats-v1.json", engine.Usage{
			CPU: 3023500000, MemoryBytes: 177209344 - 104857600, Throttled: new(2016 * time.Millisecond),
			NetIn: new(int64(1500)), NetOut: new(int64(2600)),
		}},
		{"stats-v2.json", engine.Usage{
			CPU: 3023500000, MemoryBytes: 177209344 - 104857600,
			NetIn: new(int64(1000)), NetOut: new(int64(2000)), BlockRead: new(int64(5)), BlockWrite: new(int64(0)),
		}},
	} {
		t.Run(test.file, func(t *testing.T) {
			var s container.StatsResponse
			text, err := os.ReadFile(filepath.Join("testdata", test.file))
			if err == nil {
				err = json.Unmarshal(text, &s)
			}
			if err != nil {
				t.Fatal(err)
			}
			test.want.At = time.Date(2026, 11, 21, 4, 0, 0, 5000, time.UTC)
			if diff := cmp.Diff(test.want, usage(s)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
