package process_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/runner/engine"
	"plimsoll/runner/engine/enginetest"
	"plimsoll/runner/engine/process"
	"plimsoll/scenarios/topology"
)

// runnerHelper tells the test binary to be a runner that uses this helper.
const runnerHelper = "PLIMSOLL_PROCESS_TEST_HELPER"

func TestMain(m *testing.M) {
	if helper := os.Getenv(runnerHelper); helper != "" {
		if err := beRunner(helper); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func needLoopback(t testing.TB) {
	t.Helper()
	if runtime.GOOS == "darwin" {
		t.Skip("this system has no loopback address but 127.0.0.1")
	}
}

func newEngine(t testing.TB, helper string) *process.Engine {
	t.Helper()
	eng, err := process.New(process.Options{Self: helper, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := eng.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return eng
}

func serve(name string, replicas int) topology.Service {
	return topology.Service{
		Name: name, Image: engine.SelfImage, Command: []string{"serve", ":8080", "0s"}, Replicas: replicas,
		Ports: []topology.Port{{Target: 8080, Protocol: "tcp"}},
	}
}

// up brings a stack of these services up.
func up(ctx context.Context, t testing.TB, eng engine.Engine, name string, services ...topology.Service) engine.State {
	t.Helper()
	stack := engine.Stack{Name: name, Topology: &topology.Topology{Networks: []string{"default"}, Services: services}}
	if _, err := engine.Apply(ctx, eng, engine.Diff(stack, engine.State{}), engine.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	state, err := eng.Observe(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// eventually waits until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not so after 20 s: %s", what)
		}
	}
}

func TestConform(t *testing.T) {
	needLoopback(t)
	helper := enginetest.BuildHelper(t)
	opt := enginetest.Options{}
	if runtime.GOOS != "linux" {
		opt.Without = append(opt.Without, enginetest.Burning)
	}
	enginetest.Conform(t, func(t *testing.T) engine.Engine {
		eng, err := process.New(process.Options{Self: helper})
		if err != nil {
			t.Fatal(err)
		}
		return eng
	}, opt)
	left, err := filepath.Glob(filepath.Join(os.TempDir(), fmt.Sprintf("plimsoll-process-%d-*", os.Getpid())))
	if err != nil || len(left) > 0 {
		t.Errorf("folders left behind: %v, %v", left, err)
	}
}

func TestCrashIsSeen(t *testing.T) {
	needLoopback(t)
	dir := t.TempDir()
	eng, err := process.New(process.Options{Self: enginetest.BuildHelper(t), Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer eng.Close()
	state := up(t.Context(), t, eng, "crash", serve("web", 2))
	hosts := func() []string {
		text, err := os.ReadFile(filepath.Join(dir, "crash", "hosts"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSpace(string(text)), "\n")
	}
	line := func(r engine.Replica) string { return fmt.Sprintf("%s\t%s %s", r.Address, r.Service, r.Name()) }
	one, two := state.Replicas[0], state.Replicas[1]
	if diff := cmp.Diff([]string{line(one), line(two)}, hosts()); diff != "" {
		t.Errorf("hosts file (-want +got):\n%s", diff)
	}
	kill(t, one.ID)
	eventually(t, "the crash is observed", func() bool {
		state, err = eng.Observe(t.Context(), "crash")
		return err != nil || state.Replicas[0].Status == engine.Exited
	})
	if runtime.GOOS != "windows" && state.Replicas[0].ExitCode != 137 {
		t.Errorf("killed by signal 9: exit code %d, want 137", state.Replicas[0].ExitCode)
	}
	eventually(t, "the hosts file forgets it", func() bool { return slices.Equal(hosts(), []string{line(two)}) })
	if endpoints, err := eng.Endpoint(t.Context(), "crash", "web", 8080); err != nil || len(endpoints) != 1 || endpoints[0].Addr() != two.Address {
		t.Errorf("endpoints %v, %v; want that of web-2 only", endpoints, err)
	}
	if _, _, err := eng.Meter(t.Context(), one.ID); err == nil {
		t.Error("a crashed replica can be metered")
	}

	// It comes back as a new process.
	stack := engine.Stack{Name: "crash", Topology: &topology.Topology{Networks: []string{"default"}, Services: []topology.Service{serve("web", 2)}}}
	if _, err := engine.Apply(t.Context(), eng, engine.Diff(stack, state), engine.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	if state, err = eng.Observe(t.Context(), "crash"); err != nil || state.Replicas[0].Status != engine.Running || state.Replicas[0].ID == one.ID {
		t.Errorf("after mending: %+v, %v", state.Replicas, err)
	}
}

func kill(t *testing.T, id string) {
	t.Helper()
	pid, err := strconv.Atoi(id)
	if err != nil {
		t.Fatal(err)
	}
	victim, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Kill(); err != nil {
		t.Fatal(err)
	}
}

func TestCloseEndsEverything(t *testing.T) {
	needLoopback(t)
	dir := t.TempDir()
	eng, err := process.New(process.Options{Self: enginetest.BuildHelper(t), Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	var pids []string
	for _, r := range up(t.Context(), t, eng, "close", serve("web", 2)).Replicas {
		pids = append(pids, r.ID)
	}
	for range 2 { // for a URL there is no topology
		worker, err := eng.Launch(t.Context(), engine.Stack{Name: "url"})
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, worker.ID())
	}
	for _, op := range []engine.Op{
		{Kind: engine.CreateVolume, Stack: "close", Resource: "kept"},
		{Kind: engine.CreateVolume, Stack: "close", Resource: "empty"},
	} {
		if err := eng.Do(t.Context(), op); err != nil {
			t.Fatal(err)
		}
	}
	precious := filepath.Join(dir, "close", "volumes", "kept", "journal")
	if err := os.WriteFile(precious, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := eng.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, pid := range pids {
		if runs(t, pid) {
			t.Errorf("process %s outlives Close", pid)
		}
	}
	var left []string
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		left = append(left, strings.TrimPrefix(path, dir))
		return err
	})
	want := []string{"", "/close", "/close/volumes", "/close/volumes/kept", "/close/volumes/kept/journal"}
	for i := range want {
		want[i] = filepath.FromSlash(want[i])
	}
	if diff := cmp.Diff(want, left); diff != "" || err != nil {
		t.Errorf("files after Close (-want +got), %v:\n%s", err, diff)
	}
	if err := eng.Do(t.Context(), engine.Op{Kind: engine.CreateNetwork, Stack: "close", Resource: "n"}); err == nil {
		t.Error("a closed engine makes networks")
	}
	if _, err := eng.Launch(t.Context(), engine.Stack{}); err == nil {
		t.Error("a closed engine launches workers")
	}
}

// beRunner brings a stack up, prints the IDs of all processes and waits to be
// killed.
func beRunner(helper string) error {
	eng, err := process.New(process.Options{Self: helper})
	if err != nil {
		return err
	}
	ctx := context.Background()
	stack := engine.Stack{Name: "runner", Topology: &topology.Topology{Services: []topology.Service{serve("web", 3)}}}
	if _, err := engine.Apply(ctx, eng, engine.Diff(stack, engine.State{}), engine.ApplyOptions{}); err != nil {
		return err
	}
	state, err := eng.Observe(ctx, "runner")
	if err != nil {
		return err
	}
	var ids []string
	for _, r := range state.Replicas {
		ids = append(ids, r.ID)
	}
	worker, err := eng.Launch(ctx, stack)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(worker, "spin\n"); err != nil {
		return err
	}
	// Threads come and go in a runner; children must not go with them.
	for range 20 {
		done := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(done)
		}()
		<-done
	}
	time.Sleep(50 * time.Millisecond)
	fmt.Println(strings.Join(append(ids, worker.ID()), " "))
	select {}
}

func TestKilledRunnerLeavesNoChild(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux kills the children of a process that dies")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	runner := exec.Command(self)
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	runner.Env = append(os.Environ(), runnerHelper+"="+enginetest.BuildHelper(t))
	runner.Stderr = os.Stderr
	stdout, err := runner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := runner.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Errorf("the runner says nothing: %v", err)
	}
	pids := strings.Fields(line)
	if len(pids) != 4 {
		t.Errorf("the runner says %q, want four process IDs", line)
	}
	if removed, err := process.Sweep(); len(removed) > 0 || err != nil {
		t.Errorf("swept %v from under a runner that lives, %v", removed, err)
	}
	for _, pid := range pids {
		if !runs(t, pid) {
			t.Errorf("process %s does not run before the runner is killed", pid)
		}
	}
	if err := runner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = runner.Wait() // it was killed
	for _, pid := range pids {
		eventually(t, "process "+pid+" is gone", func() bool { return !runs(t, pid) })
	}
	// What it leaves is a folder, which can be swept up.
	removed, err := process.Sweep()
	if want := fmt.Sprintf("plimsoll-process-%d-", runner.Process.Pid); err != nil || len(removed) != 1 || !strings.HasPrefix(filepath.Base(removed[0]), want) {
		t.Errorf("swept %v, %v", removed, err)
	}
	if left, err := os.ReadDir(temp); err != nil || slices.ContainsFunc(left, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), "plimsoll-process-") }) {
		t.Errorf("left after the sweep: %v, %v", left, err)
	}
}

func TestWhatCannotRun(t *testing.T) {
	eng := newEngine(t, enginetest.BuildHelper(t))
	service := func(change func(*topology.Service)) topology.Service {
		s := topology.Service{Name: "web", Image: engine.SelfImage, Replicas: 1}
		change(&s)
		return s
	}
	create := func(change func(*topology.Service)) engine.Op {
		return engine.Op{Kind: engine.CreateReplica, Stack: "s", Number: 1, Service: service(change)}
	}
	tests := []struct {
		name string
		op   engine.Op
		want string
	}{
		{"another image", engine.Op{Kind: engine.EnsureImage, Stack: "s", Resource: "nginx:1.25", Cause: "used by web"},
			`image "nginx:1.25" (used by web) cannot run as a process, only "plimsoll" can: use Docker (--engine docker)`},
		{"another program", create(func(s *topology.Service) { s.Entrypoint = []string{"sh", "-c"} }),
			`entrypoint ["sh" "-c"]: a process of this engine has no file system of its own and can run /plimsoll only; use Docker (--engine docker)`},
		{"another healthcheck", create(func(s *topology.Service) { s.Healthcheck = &topology.Healthcheck{Test: []string{"curl", "x"}} }),
			`healthcheck ["curl" "x"]: a process of this engine has no file system of its own and can run /plimsoll only; use Docker (--engine docker)`},
		{"volume that is not there", create(func(s *topology.Service) {
			s.Mounts = []topology.Mount{{Type: topology.VolumeMount, Source: "data", Target: "/data"}}
		}), "volume data does not exist"},
		{"start before create", engine.Op{Kind: engine.StartReplica, Stack: "s", Number: 1, Service: service(func(*topology.Service) {})},
			"no replica web-1 in stack s"},
		{"stack name that is a path", engine.Op{Kind: engine.CreateNetwork, Stack: "../s", Resource: "n"},
			`stack name "../s": want one that can be a folder's name`},
		{"volume name that is a path", engine.Op{Kind: engine.CreateVolume, Stack: "s", Resource: "a/b"},
			`volume name "a/b": want one that can be a folder's name`},
		{"an operation that is none", engine.Op{Kind: engine.AwaitReady, Stack: "s"}, "the process engine cannot await ready"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := eng.Do(t.Context(), test.op)
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestPortTakenOnEveryAddress(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("whether a port of all addresses keeps others from one address is each system's own choice")
	}
	listener, err := net.Listen("tcp4", "0.0.0.0:0") // as the program to be found does; nobody connects
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	eng := newEngine(t, enginetest.BuildHelper(t))
	web := serve("web", 1)
	web.Ports[0].Target = uint16(listener.Addr().(*net.TCPAddr).Port)
	err = eng.Do(t.Context(), engine.Op{Kind: engine.CreateReplica, Stack: "s", Service: web, Number: 1})
	if err == nil || !strings.Contains(err.Error(), "address already in use; stop the program that listens on this port on every address") {
		t.Errorf("error %v", err)
	}
}

func TestCreatedBetweenCreateAndStart(t *testing.T) {
	needLoopback(t)
	eng := newEngine(t, enginetest.BuildHelper(t))
	op := engine.Op{Kind: engine.CreateReplica, Stack: "s", Service: serve("web", 1), Number: 1}
	if err := eng.Do(t.Context(), op); err != nil {
		t.Fatal(err)
	}
	state, err := eng.Observe(t.Context(), "s")
	if err != nil {
		t.Fatal(err)
	}
	r := state.Replicas[0]
	if r.Status != engine.Created || r.ID != "" || !r.Address.IsLoopback() {
		t.Errorf("created: %+v", r)
	}
	if !strings.HasPrefix(r.Image, "plimsoll@sha256:") {
		t.Errorf("image %q", r.Image)
	}
	if logs, err := eng.Logs(t.Context(), r, 5); err != nil || logs != "" {
		t.Errorf("logs before the start: %q, %v", logs, err)
	}
	op.Kind = engine.RemoveReplica
	if err := eng.Do(t.Context(), op); err != nil {
		t.Errorf("remove what never ran: %v", err)
	}
}

func TestExecEndsWithItsContext(t *testing.T) {
	needLoopback(t)
	eng := newEngine(t, enginetest.BuildHelper(t))
	web := up(t.Context(), t, eng, "s", serve("web", 1)).Replicas[0]
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, _, err := eng.Exec(ctx, web, []string{"/plimsoll", "print", "and then nothing"})
	if err != context.DeadlineExceeded {
		t.Errorf("a command that never ends: %v", err)
	}
	if _, _, err := eng.Exec(t.Context(), web, []string{"sh"}); err == nil || !strings.Contains(err.Error(), "can run /plimsoll only") {
		t.Errorf("another program: %v", err)
	}
}

// BenchmarkUp brings six processes up until each answers, and down again.
func BenchmarkUp(b *testing.B) {
	needLoopback(b)
	helper := enginetest.BuildHelper(b)
	eng := newEngine(b, helper)
	services := []topology.Service{serve("proxy", 1), serve("static", 2), serve("web", 3)}
	services[0].DependsOn = []topology.Dependency{{Service: "static", Condition: topology.Started}, {Service: "web", Condition: topology.Started}}
	for b.Loop() {
		state := up(b.Context(), b, eng, "bench", services...)
		b.StopTimer()
		if _, err := engine.Apply(b.Context(), eng, engine.Diff(engine.Stack{Name: "bench"}, state), engine.ApplyOptions{}); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
