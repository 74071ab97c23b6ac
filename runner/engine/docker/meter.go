package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"

	"plimsoll/internal/cgroup"
	"plimsoll/runner/engine"
)

const (
	cgroupInterval = 200 * time.Millisecond
	// statsInterval is the engine's own.
	statsInterval = time.Second
)

// Meter meters a running container: by the kernel's counters where they can be
// read from here, else by the engine's stats API. Metering says which it is.
// The two give the same figures, but a reading from the API may take up to two
// seconds (see statsMeter).
func (e *Engine) Meter(ctx context.Context, id string) (engine.Meter, engine.Metering, error) {
	c, err := e.cli.ContainerInspect(ctx, id)
	if err != nil {
		return nil, engine.Metering{}, e.explain(err)
	}
	if !c.State.Running {
		return nil, engine.Metering{}, fmt.Errorf("container %s does not run, so that there is nothing to be metered", c.Name[1:])
	}
	if !e.statsAPI && e.place.addresses {
		if m, version, err := openCgroup(c.State.Pid, c.ID); err == nil {
			return m, engine.Metering{Source: fmt.Sprintf("cgroup v%d", version), Interval: cgroupInterval}, nil
		}
		// Not this host's process, or not for this user's eyes.
	}
	m, err := e.openStats(ctx, c.ID)
	if err != nil {
		return nil, engine.Metering{}, err
	}
	return m, engine.Metering{Source: "stats API", Interval: statsInterval}, nil
}

// cgroupMeter reads the counters of a container's control group.
type cgroupMeter struct{ *cgroup.Reader }

// openCgroup opens the control group named after a container, and reads it
// once to see that it can be.
func openCgroup(pid int, id string) (cgroupMeter, int, error) {
	r, err := cgroup.Open(pid, id)
	if err != nil {
		return cgroupMeter{}, 0, err
	}
	if _, err := r.Read(); err != nil {
		return cgroupMeter{}, 0, errors.Join(err, r.Close())
	}
	return cgroupMeter{r}, r.Version(), nil
}

// Read takes microseconds. After the container's end it fails: the kernel
// forgets what the container used.
func (m cgroupMeter) Read(context.Context) (engine.Usage, error) {
	c, err := m.Reader.Read()
	if err != nil {
		return engine.Usage{}, err
	}
	return engine.Usage{
		At: c.At, CPU: c.CPU, MemoryBytes: c.MemoryBytes, Throttled: c.Throttled,
		NetIn: c.NetIn, NetOut: c.NetOut, BlockRead: c.BlockRead, BlockWrite: c.BlockWrite,
	}, nil
}

// statsMeter receives the engine's stream of statistics, which brings a sample
// a second. Each carries the instant at which the engine took it, and Read
// waits for the first one that was taken after the call: a reading is never
// older than the question, so that the difference of two readings covers the
// time between the calls, and its edges are known exactly. Where the engine
// has another clock, its instants are converted into this host's.
type statsMeter struct {
	clock difference
	stop  context.CancelFunc
	done  chan struct{} // closed when the stream is not read any more

	mu      sync.Mutex
	latest  engine.Usage
	failure error
	next    chan struct{} // closed when latest or failure changes
}

func (e *Engine) openStats(ctx context.Context, id string) (*statsMeter, error) {
	clock, err := e.clock.compare(ctx)
	if err != nil {
		return nil, err
	}
	// The stream outlives this call's context.
	streaming, stop := context.WithCancel(context.WithoutCancel(ctx))
	opened := context.AfterFunc(ctx, stop)
	stream, err := e.cli.ContainerStats(streaming, id, true)
	if !opened() && err == nil {
		err = errors.Join(ctx.Err(), stream.Body.Close())
	}
	if err != nil {
		stop()
		return nil, e.explain(err)
	}
	m := &statsMeter{clock: clock, stop: stop, done: make(chan struct{}), next: make(chan struct{})}
	go m.receive(stream.Body)
	return m, nil
}

func (m *statsMeter) receive(body io.ReadCloser) {
	defer close(m.done)
	defer body.Close()
	samples := json.NewDecoder(body)
	for {
		var s container.StatsResponse
		err := samples.Decode(&s)
		if err == nil && s.Read.IsZero() || errors.Is(err, io.EOF) {
			err = errors.New("the container does not run any more")
		}
		m.mu.Lock()
		if m.failure = err; err == nil {
			m.latest = usage(s)
			m.latest.At = m.latest.At.Add(-m.clock.ahead)
		}
		close(m.next)
		m.next = make(chan struct{})
		m.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// maxSamples is how many samples Read waits for. The second one that comes is
// taken after the call, if the clocks go as they did when they were compared.
const maxSamples = 4

// Read waits for a sample taken after the call, at most about two seconds.
func (m *statsMeter) Read(ctx context.Context) (engine.Usage, error) {
	asked := time.Now()
	var last engine.Usage
	for range maxSamples {
		m.mu.Lock()
		latest, failure, next := m.latest, m.failure, m.next
		m.mu.Unlock()
		switch { // a good sample counts even if the stream has ended since
		case !latest.At.Add(-m.clock.doubt).Before(asked):
			return latest, nil
		case failure != nil:
			return engine.Usage{}, failure
		}
		last = latest
		select {
		case <-next:
		case <-ctx.Done():
			return engine.Usage{}, ctx.Err()
		}
	}
	return engine.Usage{}, fmt.Errorf("the engine's clock has been set back, or its samples are late: %v after we asked, its newest one was of %v before", time.Since(asked), asked.Sub(last.At))
}

// Close ends the stream.
func (m *statsMeter) Close() error {
	m.stop()
	<-m.done
	return nil
}

// usage reads a sample. Where a control group of version 1 or 2 is meant is
// told by the names of its memory counters.
func usage(s container.StatsResponse) engine.Usage {
	u := engine.Usage{
		At: s.Read, CPU: time.Duration(s.CPUStats.CPUUsage.TotalUsage), MemoryBytes: int64(s.MemoryStats.Usage),
	}
	inactive, v1 := s.MemoryStats.Stats["total_inactive_file"]
	if !v1 {
		inactive = s.MemoryStats.Stats["inactive_file"]
	}
	if inactive < s.MemoryStats.Usage {
		u.MemoryBytes -= int64(inactive)
	}
	if v1 {
		// For version 2 some engines give microseconds here, and some
		// nanoseconds.
		u.Throttled = new(time.Duration(s.CPUStats.ThrottlingData.ThrottledTime))
	}
	if s.Networks != nil {
		u.NetIn, u.NetOut = new(int64), new(int64)
		for _, n := range s.Networks {
			*u.NetIn += int64(n.RxBytes)
			*u.NetOut += int64(n.TxBytes)
		}
	}
	u.BlockRead, u.BlockWrite = blockBytes(s.BlkioStats.IoServiceBytesRecursive, v1)
	return u
}

// blockBytes sums up block devices. Without one nothing is known; version 1
// knows only what was written past the page cache.
func blockBytes(entries []container.BlkioStatEntry, v1 bool) (read, written *int64) {
	var in, out int64
	for _, entry := range entries {
		switch entry.Op {
		case "read", "Read":
			in += int64(entry.Value)
			read = &in
		case "write", "Write":
			out += int64(entry.Value)
			if !v1 || out > 0 {
				written = &out
			}
		}
	}
	return read, written
}
