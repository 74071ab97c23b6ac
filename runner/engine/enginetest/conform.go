package enginetest

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/runner/engine"
	"plimsoll/scenarios/topology"
)

// Part is a group of checks that an engine may be unable to pass.
type Part string

// The parts that can be left out. The rest is for every engine.
const (
	// Execution is everything that shows that the helper's commands are
	// really run: connections, names, volumes, exec.
	Execution Part = "execution"
	// Burning compares the meter with the CPU time that the helper says it
	// has used.
	Burning Part = "burning"
)

// Options fit the suite to an engine.
type Options struct {
	Without []Part
	// Apply bounds how operations are carried out.
	Apply engine.ApplyOptions
}

// patience is how long anything of the suite may take.
const patience = 2 * time.Minute

// port is what the helper listens on.
const port = 8080

// Conform checks that an engine does what the seam's contracts say. The engine
// that open returns has to take the helper's executable (BuildHelper) for
// engine.SelfImage, and be an Execer, Logger, Meterer and Launcher. Conform
// removes what it made and closes the engine.
func Conform(t *testing.T, open func(t *testing.T) engine.Engine, opt Options) {
	t.Run("life of a stack", func(t *testing.T) {
		s := newSuite(t, open, opt)
		ok := t.Run("nothing there", s.nothingThere) && t.Run("up", s.up)
		if !ok {
			return // the rest would only repeat the failure
		}
		t.Run("observe", s.observe)
		t.Run("do again", s.doAgain)
		t.Run("endpoint", s.endpoint)
		t.Run("exec", s.exec)
		t.Run("names", s.names)
		t.Run("volumes", s.volumes)
		t.Run("logs", s.logs)
		t.Run("meter", s.meter)
		t.Run("worker echoes", s.workerEchoes)
		t.Run("worker fails", s.workerFails)
		t.Run("busy worker is stopped", s.workerStopped)
		t.Run("scale", s.scale)
		t.Run("remove", s.remove)
	})
	t.Run("service that exits", func(t *testing.T) {
		newSuite(t, open, opt).serviceExits(t)
	})
}

// suite is one engine and one stack on it.
type suite struct {
	engine.Engine
	opt   Options
	stack engine.Stack
	ops   []engine.Op // what up did
}

func newSuite(t *testing.T, open func(t *testing.T) engine.Engine, opt Options) *suite {
	name := "conform-" + strings.ToLower(rand.Text()[:8])
	s := &suite{Engine: open(t), opt: opt, stack: engine.Stack{Name: name, Run: name}}
	s.stack.Topology = s.topology()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
		defer cancel()
		s.apply(ctx, t, engine.Stack{Name: s.stack.Name, Run: s.stack.Run})
		if left := s.state(ctx, t); !empty(left) {
			t.Errorf("left behind: %+v", left)
		}
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

func (s *suite) without(part Part) bool { return slices.Contains(s.opt.Without, part) }

// need skips a test that is part of what the engine cannot do.
func (s *suite) need(t *testing.T, part Part) {
	t.Helper()
	if s.without(part) {
		t.Skipf("not for this engine: %s", part)
	}
}

func (s *suite) topology() *topology.Topology {
	service := func(name string, command ...string) topology.Service {
		return topology.Service{
			Name: name, Image: engine.SelfImage, Command: command, Replicas: 1,
			Networks: []topology.Attachment{{Network: "default"}},
		}
	}
	ports := []topology.Port{{Target: port, Protocol: "tcp"}}
	healthy := &topology.Healthcheck{Test: []string{"/plimsoll", "echo", "fine"}, Timeout: 10 * time.Second}

	app := service("app", "serve", ":8080", "0s")
	app.Replicas = 2
	app.Ports = ports
	app.Environment = []string{"GREETING=good morning"}
	app.Mounts = []topology.Mount{{Type: topology.VolumeMount, Source: "data", Target: "/data"}}
	app.Healthcheck = healthy
	app.DependsOn = []topology.Dependency{{Service: "job", Condition: topology.Completed}}

	front := service("front", "serve", ":8080", "300ms")
	front.Ports = ports
	front.DependsOn = []topology.Dependency{{Service: "app", Condition: topology.Healthy}}
	if s.without(Execution) {
		front.Healthcheck = healthy
	}
	return &topology.Topology{
		Name:     "conform",
		Networks: []string{"default"},
		Volumes:  []string{"data"},
		Services: []topology.Service{
			app,
			service("burn", "burn", "300ms"),
			front,
			service("job", "exit", "0"),
			service("print", "print", "one", "two", "three", "four"),
		},
	}
}

// apply brings the stack to what is wanted and returns the operations.
func (s *suite) apply(ctx context.Context, t *testing.T, want engine.Stack) []engine.Op {
	t.Helper()
	ops := engine.Diff(want, s.state(ctx, t))
	done, err := engine.Apply(ctx, s.Engine, ops, s.opt.Apply)
	if err != nil {
		t.Fatalf("apply: %v", err)
	}
	if len(done) != len(ops) {
		t.Fatalf("apply says that %d of %d operations were done, and no error", len(done), len(ops))
	}
	return ops
}

func (s *suite) state(ctx context.Context, t *testing.T) engine.State {
	t.Helper()
	state, err := s.Observe(ctx, s.stack.Name)
	if err != nil {
		t.Fatalf("observe: %v", err)
	}
	return state
}

func (s *suite) replica(t *testing.T, name string) engine.Replica {
	t.Helper()
	for _, r := range s.state(t.Context(), t).Replicas {
		if r.Name() == name {
			return r
		}
	}
	t.Fatalf("no replica %s", name)
	return engine.Replica{}
}

func names(replicas []engine.Replica) []string {
	var names []string
	for _, r := range replicas {
		names = append(names, fmt.Sprintf("%s %s", r.Name(), r.Status))
	}
	return names
}

func (s *suite) nothingThere(t *testing.T) {
	state := s.state(t.Context(), t)
	if !empty(state) {
		t.Errorf("nothing should be there: %+v", state)
	}
	if ops := engine.Diff(engine.Stack{Name: s.stack.Name}, state); len(ops) != 0 {
		t.Errorf("to remove what is not there: %v", ops)
	}
}

func empty(s engine.State) bool {
	return len(s.Networks) == 0 && len(s.Volumes) == 0 && len(s.Replicas) == 0
}

func (s *suite) up(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s.ops = s.apply(ctx, t, s.stack)
}

func (s *suite) observe(t *testing.T) {
	state := s.state(t.Context(), t)
	if diff := cmp.Diff([]string{"default"}, state.Networks); diff != "" {
		t.Errorf("networks (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"data"}, state.Volumes); diff != "" {
		t.Errorf("volumes (-want +got):\n%s", diff)
	}
	want := []string{"app-1 running", "app-2 running", "burn-1 running", "front-1 running", "job-1 exited", "print-1 running"}
	if diff := cmp.Diff(want, names(state.Replicas)); diff != "" {
		t.Fatalf("replicas (-want +got):\n%s", diff)
	}
	ids, addresses := map[string]bool{}, map[netip.Addr]bool{}
	for _, r := range state.Replicas {
		if r.ID == "" || ids[r.ID] {
			t.Errorf("%s: ID %q is empty or not its own", r.Name(), r.ID)
		}
		ids[r.ID] = true
		if r.Image == "" {
			t.Errorf("%s: no image", r.Name())
		}
		if r.Status != engine.Running {
			if r.ExitCode != 0 || r.OOMKilled {
				t.Errorf("%s: exit code %d, OOM killed %v; want 0, false", r.Name(), r.ExitCode, r.OOMKilled)
			}
			continue
		}
		if !r.Address.IsValid() || addresses[r.Address] {
			t.Errorf("%s: address %v is invalid or not its own", r.Name(), r.Address)
		}
		addresses[r.Address] = true
	}
	if ops := engine.Diff(s.stack, state); len(ops) != 0 {
		t.Errorf("still to be done after up: %v", ops)
	}
}

// doAgain does a second time what up has done; only a job would be run again.
func (s *suite) doAgain(t *testing.T) {
	before := s.state(t.Context(), t)
	for _, op := range s.ops {
		again := op.Kind != engine.AwaitReady && op.Kind != engine.AwaitExit && op.Service.Name != "job"
		if !again {
			continue
		}
		if err := s.Do(t.Context(), op); err != nil {
			t.Errorf("%v, done already: %v", op, err)
		}
	}
	if diff := cmp.Diff(before, s.state(t.Context(), t), cmpAddr); diff != "" {
		t.Errorf("doing what was done has changed the stack (-before +after):\n%s", diff)
	}
}

var cmpAddr = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// endpoints returns those of app, which have to be as many.
func (s *suite) endpoints(t *testing.T, n int) []netip.AddrPort {
	t.Helper()
	endpoints, err := s.Endpoint(t.Context(), s.stack.Name, "app", port)
	if err != nil {
		t.Fatalf("endpoint: %v", err)
	}
	if len(endpoints) != n {
		t.Fatalf("%d replicas of app have the endpoints %v", n, endpoints)
	}
	return endpoints
}

func (s *suite) endpoint(t *testing.T) {
	for i, endpoint := range s.endpoints(t, 2) {
		if endpoint.Port() != port {
			t.Errorf("endpoint %v: want port %d", endpoint, port)
		}
		want := engine.ReplicaName("app", i+1)
		if got := s.replica(t, want).Address; endpoint.Addr() != got {
			t.Errorf("endpoint %d is at %v, %s at %v", i, endpoint.Addr(), want, got)
		}
		if s.without(Execution) {
			continue
		}
		conn, err := engine.Dial(t.Context(), s.Engine, endpoint.String(), 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		conn.Close()
		if err != nil || strings.TrimSpace(string(answer)) != want {
			t.Errorf("endpoint %v answers %q, %v; want %q", endpoint, answer, err, want)
		}
	}
}

// execute runs a command of the helper in a replica and returns what it
// printed, without white space around it.
func (s *suite) execute(t *testing.T, replica string, wantCode int, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	code, output, err := s.Engine.(engine.Execer).Exec(ctx, s.replica(t, replica), append([]string{"/plimsoll"}, args...))
	if err != nil {
		t.Fatalf("exec %v in %s: %v", args, replica, err)
	}
	if code != wantCode {
		t.Fatalf("exec %v in %s: exit code %d, want %d; output %q", args, replica, code, wantCode, output)
	}
	return strings.TrimSpace(output)
}

func (s *suite) exec(t *testing.T) {
	s.need(t, Execution)
	tests := []struct {
		replica string
		args    []string
		code    int
		want    string
	}{
		{"app-1", []string{"echo", "a", "b c"}, 0, "a b c"},
		{"app-1", []string{"exit", "7"}, 7, "ending with 7"}, // stderr is output, too
		{"app-2", []string{"env", "GREETING"}, 0, "good morning"},
		{"app-2", []string{"env", "PLIMSOLL_REPLICA"}, 0, "app-2"},
		{"app-2", []string{"env", "HOME_OF_THE_RUNNER"}, 0, ""},
	}
	t.Setenv("HOME_OF_THE_RUNNER", "must not be seen")
	for _, test := range tests {
		if got := s.execute(t, test.replica, test.code, test.args...); got != test.want {
			t.Errorf("exec %v in %s prints %q, want %q", test.args, test.replica, got, test.want)
		}
	}
	exec := s.Engine.(engine.Execer).Exec
	if code, output, err := exec(t.Context(), s.replica(t, "job-1"), []string{"/plimsoll", "echo"}); err == nil {
		t.Errorf("exec in a replica that has ended: exit code %d, %q, and no error", code, output)
	}
}

// names checks that a service's name stands for all of its replicas.
func (s *suite) names(t *testing.T) {
	s.need(t, Execution)
	got := strings.Fields(s.execute(t, "front-1", 0, "lookup", "app"))
	want := []string{s.replica(t, "app-1").Address.String(), s.replica(t, "app-2").Address.String()}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("addresses of app, as seen by front-1 (-want +got):\n%s", diff)
	}
}

func (s *suite) volumes(t *testing.T) {
	s.need(t, Execution)
	s.execute(t, "app-1", 0, "write", "/data/note", "from app-1")
	if got := s.execute(t, "app-2", 0, "read", "/data/note"); got != "from app-1" {
		t.Errorf("app-2 reads %q from the volume that it shares with app-1", got)
	}
}

// printed returns a replica's last lines, once there are that many.
func (s *suite) printed(t *testing.T, replica string, lines, wait int) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		text, err := s.Engine.(engine.Logger).Logs(ctx, s.replica(t, replica), lines)
		if err != nil {
			t.Fatalf("logs of %s: %v", replica, err)
		}
		if got := strings.Split(strings.TrimRight(text, "\n"), "\n"); text != "" && len(got) >= wait {
			return got
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (s *suite) logs(t *testing.T) {
	all := s.printed(t, "print-1", 10, 4)
	slices.Sort(all) // stdout and stderr need not keep their order
	if diff := cmp.Diff([]string{"four", "one", "three", "two"}, all); diff != "" {
		t.Errorf("logs of print-1 (-want +got):\n%s", diff)
	}
	if last := s.printed(t, "print-1", 2, 2); len(last) != 2 {
		t.Errorf("the last 2 lines of print-1 are %q", last)
	}
}

func (s *suite) openMeter(t *testing.T, id string) engine.Meter {
	t.Helper()
	meter, metering, err := s.Engine.(engine.Meterer).Meter(t.Context(), id)
	if err != nil {
		t.Fatalf("meter %s: %v", id, err)
	}
	t.Cleanup(func() {
		if err := meter.Close(); err != nil {
			t.Errorf("close the meter of %s: %v", id, err)
		}
	})
	if metering.Source == "" || metering.Interval <= 0 {
		t.Errorf("metering %+v: want a source and an interval", metering)
	}
	return meter
}

// meter reads the replica that burns CPU time until the meter has seen as much
// as the replica itself says it has used: not less, and hardly more.
func (s *suite) meter(t *testing.T) {
	var burnt int64
	if !s.without(Burning) {
		line := s.printed(t, "burn-1", 1, 1)[0]
		if _, err := fmt.Sscanf(line, "burnt %d", &burnt); err != nil {
			t.Fatalf("burn-1 prints %q: %v", line, err)
		}
	}
	meter := s.openMeter(t, s.replica(t, "burn-1").ID)
	var last engine.Usage
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		usage, err := meter.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if usage.At.Before(last.At) || usage.CPU < last.CPU {
			t.Fatalf("counters go backwards: %+v after %+v", usage, last)
		}
		if !last.At.IsZero() && usage.At.After(last.At) && int64(usage.CPU) >= burnt {
			last = usage
			break
		}
		if last = usage; time.Now().After(deadline) {
			t.Fatalf("burn-1 has used %v, its meter does not move from %+v", time.Duration(burnt), usage)
		}
	}
	if s.without(Burning) {
		return
	}
	if more := int64(last.CPU) - burnt; more > burnt/20+int64(30*time.Millisecond) {
		t.Errorf("meter says %v, burn-1 has used %v", last.CPU, time.Duration(burnt))
	}
	if last.MemoryBytes < 100<<10 || last.MemoryBytes > 200<<20 {
		t.Errorf("a program of 2 MB uses %d bytes of memory", last.MemoryBytes)
	}
}

func (s *suite) launch(t *testing.T) engine.Worker {
	t.Helper()
	worker, err := s.Engine.(engine.Launcher).Launch(t.Context(), s.stack)
	if err != nil {
		t.Fatalf("launch: %v", err)
	}
	t.Cleanup(func() {
		if err := worker.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("stop worker: %v", err)
		}
	})
	return worker
}

// say writes a line to a worker and reads the echo.
func say(t *testing.T, worker engine.Worker, line string) {
	t.Helper()
	if _, err := io.WriteString(worker, line+"\n"); err != nil {
		t.Fatalf("write to worker: %v", err)
	}
	echo := make([]byte, len(line)+1)
	if _, err := io.ReadFull(worker, echo); err != nil || string(echo) != line+"\n" {
		t.Fatalf("worker answers %q, %v; want %q", echo, err, line)
	}
}

func wait(t *testing.T, worker engine.Worker) (code int, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	code, stderr, err := worker.Wait(ctx)
	if err != nil {
		t.Fatalf("wait for worker: %v", err)
	}
	return code, stderr
}

func (s *suite) workerEchoes(t *testing.T) {
	before := s.state(t.Context(), t)
	one, two := s.launch(t), s.launch(t)
	if one.ID() == two.ID() {
		t.Errorf("two workers with the ID %s", one.ID())
	}
	say(t, one, "first")
	say(t, two, "second")
	if diff := cmp.Diff(before, s.state(t.Context(), t), cmpAddr); diff != "" {
		t.Errorf("workers are seen as part of the stack (-before +after):\n%s", diff)
	}
	// As much as no pipe holds has to come back whole.
	text := strings.Repeat("0123456789abcdef\n", 1<<14)
	var sent error
	done := make(chan struct{})
	go func() {
		defer close(done)
		if _, sent = io.WriteString(one, text); sent == nil {
			sent = one.CloseWrite()
		}
	}()
	got, err := io.ReadAll(one)
	<-done
	if err != nil || sent != nil || string(got) != text {
		t.Errorf("sent %d bytes (%v), got %d back (%v)", len(text), sent, len(got), err)
	}
	if code, stderr := wait(t, one); code != 0 || stderr != "" {
		t.Errorf("worker ended with exit code %d, %q", code, stderr)
	}
	say(t, two, "still there")
	if err := two.CloseWrite(); err != nil {
		t.Errorf("close the stdin of a worker: %v", err)
	}
	if rest, err := io.ReadAll(two); err != nil || len(rest) != 0 {
		t.Errorf("worker ends with %q, %v", rest, err)
	}
	if code, _ := wait(t, two); code != 0 {
		t.Errorf("worker ended with exit code %d", code)
	}
}

func (s *suite) workerFails(t *testing.T) {
	worker := s.launch(t)
	say(t, worker, "fail")
	if rest, err := io.ReadAll(worker); err != nil || len(rest) != 0 {
		t.Errorf("a worker that has failed: read %q, %v; want the end of the stream", rest, err)
	}
	if code, stderr := wait(t, worker); code == 0 || !strings.Contains(stderr, "failing as told") {
		t.Errorf("a worker that has failed: exit code %d, stderr %q", code, stderr)
	}
}

func (s *suite) workerStopped(t *testing.T) {
	worker := s.launch(t)
	say(t, worker, "spin")
	meter := s.openMeter(t, worker.ID())
	if _, err := meter.Read(t.Context()); err != nil {
		t.Errorf("read the meter of a worker: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := worker.Stop(ctx); err != nil {
		t.Fatalf("stop a busy worker: %v", err)
	}
	if err := worker.Stop(ctx); err != nil {
		t.Errorf("stop a worker that is stopped: %v", err)
	}
	if usage, err := meter.Read(ctx); err == nil && !s.without(Burning) {
		t.Errorf("a worker that was stopped is still metered: %+v", usage)
	}
}

func (s *suite) scale(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	before := s.state(ctx, t)
	for _, n := range []int{3, 1} {
		want := s.stack
		want.Topology = want.Topology.WithScale(map[string]int{"app": n})
		s.apply(ctx, t, want)
		after := s.state(ctx, t)
		if ops := engine.Diff(want, after); len(ops) != 0 {
			t.Errorf("app=%d: still to be done: %v", n, ops)
		}
		s.endpoints(t, n)
		for _, r := range after.Replicas {
			if r.Number < 2 && !slices.ContainsFunc(before.Replicas, func(b engine.Replica) bool { return b.ID == r.ID }) {
				t.Errorf("app=%d: %s is not the one it was: %+v", n, r.Name(), r)
			}
		}
	}
}

func (s *suite) remove(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ops := s.apply(ctx, t, engine.Stack{Name: s.stack.Name, Run: s.stack.Run})
	s.nothingThere(t)
	for _, op := range ops {
		if err := s.Do(ctx, op); err != nil {
			t.Errorf("%v, done already: %v", op, err)
		}
	}
	s.nothingThere(t)
}

// serviceExits brings up a service that ends instead of becoming ready.
func (s *suite) serviceExits(t *testing.T) {
	s.stack.Topology = &topology.Topology{
		Name:     "conform",
		Networks: []string{"default"},
		Services: []topology.Service{{
			Name: "broken", Image: engine.SelfImage, Command: []string{"exit", "3"}, Replicas: 1,
			Networks:    []topology.Attachment{{Network: "default"}},
			Healthcheck: &topology.Healthcheck{Test: []string{"/plimsoll", "exit", "1"}, Timeout: 10 * time.Second},
		}},
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := engine.Apply(ctx, s.Engine, engine.Diff(s.stack, s.state(ctx, t)), s.opt.Apply)
	if err == nil || !strings.Contains(err.Error(), "exit code 3") || !strings.Contains(err.Error(), "ending with 3") {
		t.Errorf("error %v; want one with the exit code and what it printed", err)
	}
	if r := s.replica(t, "broken-1"); r.Status != engine.Exited || r.ExitCode != 3 {
		t.Errorf("broken-1 is %s with exit code %d, want exited with 3", r.Status, r.ExitCode)
	}
}
