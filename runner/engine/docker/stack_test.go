package docker

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"
	"github.com/docker/go-connections/nat"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"plimsoll/runner/engine"
	"plimsoll/scenarios/topology"
)

func TestConnectionDetails(t *testing.T) {
	e := connect(t, Options{})
	info, err := e.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if info.Kind != "docker" || info.Version == "" || info.Endpoint == "" {
		t.Errorf("incomplete: %+v", info)
	}
	for _, key := range []string{"API", "storage driver", "cgroup version", "cgroup driver", "kernel", "OS", "architecture", "CPUs", "memory"} {
		if info.Details[key] == "" {
			t.Errorf("no %s in %v", key, info.Details)
		}
	}
}

// TestTwoNetworks lets a replica be seen on the networks it is on and nowhere
// else, under all its names.
func TestTwoNetworks(t *testing.T) {
	t.Parallel()
	e := connect(t, Options{})
	tcp := []topology.Port{{Target: 8000, Protocol: "tcp", Publish: true, Published: "8000"}}
	stack := newStack(t, e,
		topology.Service{Name: "both", Command: []string{"serve", "8000"}, Ports: tcp, Replicas: 2, Networks: []topology.Attachment{
			{Network: "back", Aliases: []string{"store"}}, {Network: "front", Aliases: []string{"face"}},
		}},
		topology.Service{Name: "lone", Command: []string{"rest"}, Networks: []topology.Attachment{{Network: "front"}}},
	)
	stack.Topology.Networks = []string{"back", "front"}
	stack.Topology.Volumes = []string{"data"}
	state := up(t, e, stack)

	if diff := cmp.Diff([]string{"back", "front"}, state.Networks); diff != "" {
		t.Errorf("networks: -want +got\n%s", diff)
	}
	if diff := cmp.Diff([]string{"data"}, state.Volumes); diff != "" {
		t.Errorf("volumes: -want +got\n%s", diff)
	}
	back, err := e.cli.NetworkInspect(t.Context(), resourceName(stack.Name, "back"), network.InspectOptions{})
	if err != nil {
		t.Fatal(err)
	}
	_, subnet, err := net.ParseCIDR(back.IPAM.Config[0].Subnet)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range state.Replicas[:2] {
		if !subnet.Contains(r.Address.AsSlice()) {
			t.Errorf("%s has address %s, which is not on its first network, %s", r.Name(), r.Address, subnet)
		}
	}
	lone := state.Replicas[2]
	for name, want := range map[string]int{"both": 2, "both-1": 1, "both-2": 1, "face": 2, "lone": 1, "store": 0} {
		_, out, err := e.Exec(t.Context(), lone, []string{"/plimsoll", "lookup", name})
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(out, "."); strings.Contains(out, "self:") && want > 0 || want > 0 && got != 3*want || want == 0 && !strings.Contains(out, "self:") {
			t.Errorf("%s looks %s up: want %d addresses, got %q", lone.Name(), name, want, out)
		}
	}

	addrs, err := e.Endpoint(t.Context(), stack.Name, "both", 8000)
	if err != nil {
		t.Fatal(err)
	}
	var served []string
	for _, addr := range addrs {
		served = append(served, ask(t, addr.String()))
	}
	if diff := cmp.Diff([]string{"both-1", "both-2"}, served); diff != "" {
		t.Errorf("who answers: -want +got\n%s", diff)
	}

	stack.Topology = nil
	if err := apply(t, e, stack); err != nil {
		t.Fatal(err)
	}
	if left := observe(t, e, stack); len(left.Networks)+len(left.Volumes)+len(left.Replicas) > 0 {
		t.Errorf("left behind: %+v", left)
	}
}

// ask returns the line that a replica sends to whoever connects.
func ask(t *testing.T, addr string) string {
	t.Helper()
	conn, err := net.DialTimeout("tcp", addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// TestServiceIsHonoured looks at the container that the engine made of a
// service that asks for everything there is.
func TestServiceIsHonoured(t *testing.T) {
	t.Parallel()
	e := connect(t, Options{})
	host := t.TempDir()
	stack := newStack(t, e, topology.Service{
		Name: "full", Entrypoint: []string{"/plimsoll", "serve"}, Command: []string{"8000"},
		Environment: []string{"GREETING=hello"}, Labels: map[string]string{"tier": "one", labelRole: "impostor"},
		WorkingDir: "/work", User: "1000:1000", Hostname: "fullhost", StopSignal: "SIGUSR1",
		Ports: []topology.Port{
			{Target: 8000, Protocol: "tcp", Publish: true, Published: "22", HostIP: "0.0.0.0"}, // taken surely, were it asked for
			{Target: 8001, Protocol: "udp"},
		},
		Mounts: []topology.Mount{
			{Type: topology.VolumeMount, Source: "data", Target: "/data"},
			{Type: topology.VolumeMount, Target: "/anonymous"},
			{Type: topology.BindMount, Source: host, Target: "/host", ReadOnly: true},
			{Type: topology.TmpfsMount, Target: "/tmp"},
		},
		Limits: topology.Limits{CPUs: 0.5, CPUSet: "0", MemoryBytes: 64 << 20, PidsLimit: 50},
		Rights: topology.Rights{CapAdd: []string{"SYS_TIME"}, CapDrop: []string{"CHOWN"}, ReadOnly: true}, Init: true,
	})
	stack.Topology.Volumes = []string{"data"}
	ops := engine.Diff(stack, engine.State{})
	for _, op := range ops { // not started: docker-init may not be installed
		if op.Kind != engine.StartReplica && op.Kind != engine.AwaitReady {
			if err := e.Do(t.Context(), op); err != nil {
				t.Fatal(err)
			}
		}
	}
	state := observe(t, e, stack)
	if len(state.Replicas) != 1 || state.Replicas[0].Status != engine.Created || state.Replicas[0].Address.IsValid() {
		t.Fatalf("replicas: %+v", state.Replicas)
	}
	got, err := e.cli.ContainerInspect(t.Context(), state.Replicas[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	self, err := e.self()
	if err != nil {
		t.Fatal(err)
	}
	hash := got.Config.Labels[composeConfigHash]
	if len(hash) != 64 {
		t.Errorf("config hash %q", hash)
	}
	want := facts{
		Name: "/" + stack.Name + "-full-1", Hostname: "fullhost", User: "1000:1000", WorkingDir: "/work", StopSignal: "SIGUSR1",
		Image: self.ref, Entrypoint: []string{"/plimsoll", "serve"}, Cmd: []string{"8000"},
		Env: []string{"GREETING=hello", "PLIMSOLL_REPLICA=full-1"}, Healthcheck: []string{"NONE"},
		Labels: map[string]string{
			"tier": "one", labelImage: "self", labelRun: stack.Run, labelStack: stack.Name, labelRole: "service", labelService: "full", labelReplica: "1",
			composeProject: stack.Name, composeService: "full", composeNumber: "1", composeOneOff: "False",
			composeConfigHash: hash, composeVersion: "2.0.0", composeDir: "/srv/test", composeFiles: "",
		},
		Exposed:  []string{"8000/tcp", "8001/udp"},
		Bindings: nat.PortMap{"8000/tcp": {{HostIP: "127.0.0.1"}}},
		Restart:  "no", Log: map[string]string{"max-size": "10m", "max-file": "1"},
		NanoCPUs: 5e8, Cpuset: "0", Memory: 64 << 20, MemorySwap: 64 << 20, Pids: 50,
		CapAdd: []string{"CAP_SYS_TIME"}, CapDrop: []string{"CAP_CHOWN"}, ReadOnly: true, Init: true,
		Mounts: []string{
			"bind " + host + " /host ro", "tmpfs  /tmp rw", "volume  /anonymous rw", "volume " + stack.Name + "_data /data rw",
		},
	}
	if diff := cmp.Diff(want, factsOf(got)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// facts are what the test wants to know of a container.
type facts struct {
	Name, Hostname, User, WorkingDir, StopSignal, Image string
	Entrypoint, Cmd, Env, Healthcheck                   []string
	Labels                                              map[string]string
	Exposed                                             []string
	Bindings                                            nat.PortMap
	Restart                                             string
	Log                                                 map[string]string
	NanoCPUs                                            int64
	Cpuset                                              string
	Memory, MemorySwap, Pids                            int64
	CapAdd, CapDrop                                     []string
	ReadOnly, Init, Privileged                          bool
	Mounts                                              []string
}

func factsOf(c container.InspectResponse) facts {
	f := facts{
		Name: c.Name, Hostname: c.Config.Hostname, User: c.Config.User, WorkingDir: c.Config.WorkingDir, StopSignal: c.Config.StopSignal,
		Image: c.Config.Image, Entrypoint: c.Config.Entrypoint, Cmd: c.Config.Cmd, Healthcheck: c.Config.Healthcheck.Test, Labels: c.Config.Labels,
		Bindings: c.HostConfig.PortBindings, Restart: string(c.HostConfig.RestartPolicy.Name), Log: c.HostConfig.LogConfig.Config,
		NanoCPUs: c.HostConfig.NanoCPUs, Cpuset: c.HostConfig.CpusetCpus, Memory: c.HostConfig.Memory, MemorySwap: c.HostConfig.MemorySwap,
		Pids: *c.HostConfig.PidsLimit, ReadOnly: c.HostConfig.ReadonlyRootfs, Init: *c.HostConfig.Init, Privileged: c.HostConfig.Privileged,
	}
	capability := func(name string) string { return "CAP_" + strings.TrimPrefix(name, "CAP_") } // engines differ
	for _, name := range c.HostConfig.CapAdd {
		f.CapAdd = append(f.CapAdd, capability(name))
	}
	for _, name := range c.HostConfig.CapDrop {
		f.CapDrop = append(f.CapDrop, capability(name))
	}
	for _, env := range c.Config.Env {
		if !strings.HasPrefix(env, "PATH=") {
			f.Env = append(f.Env, env)
		}
	}
	for port := range c.Config.ExposedPorts {
		f.Exposed = append(f.Exposed, string(port))
	}
	for _, m := range c.HostConfig.Mounts {
		mode := "rw"
		if m.ReadOnly {
			mode = "ro"
		}
		f.Mounts = append(f.Mounts, strings.Join([]string{string(m.Type), m.Source, m.Target, mode}, " "))
	}
	slices.Sort(f.Exposed)
	slices.Sort(f.Mounts)
	return f
}

// TestPublishedPortsDoNotCollide starts two stacks that want the same host
// port.
func TestPublishedPortsDoNotCollide(t *testing.T) {
	t.Parallel()
	e := connect(t, Options{})
	service := topology.Service{Name: "web", Command: []string{"serve", "80"}, Ports: []topology.Port{{Target: 80, Protocol: "tcp", Publish: true, Published: "28099"}}}
	var ports []string
	for range 2 {
		stack := newStack(t, e, service)
		state := up(t, e, stack)
		c, err := e.cli.ContainerInspect(t.Context(), state.Replicas[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		bound := c.NetworkSettings.Ports["80/tcp"]
		if len(bound) != 1 || bound[0].HostIP != "127.0.0.1" {
			t.Fatalf("bound to %v, want one port of 127.0.0.1", bound)
		}
		ports = append(ports, bound[0].HostPort)
		if who := ask(t, net.JoinHostPort("127.0.0.1", bound[0].HostPort)); who != "web-1" {
			t.Errorf("port %s is answered by %q", bound[0].HostPort, who)
		}
	}
	if ports[0] == ports[1] || slices.Contains(ports, "28099") {
		t.Errorf("published on %v", ports)
	}
}

// TestDoItAgain repeats every operation: what is done already is no error.
func TestDoItAgain(t *testing.T) {
	t.Parallel()
	e := connect(t, Options{})
	stack := newStack(t, e, topology.Service{Name: "web", Command: []string{"rest"}})
	stack.Topology.Volumes = []string{"data"}
	ops := engine.Diff(stack, engine.State{})
	up(t, e, stack)
	stack.Topology = nil
	for _, ops := range [][]engine.Op{ops, engine.Diff(stack, observe(t, e, stack))} {
		for range 2 {
			for _, op := range ops {
				if op.Kind == engine.AwaitReady {
					continue
				}
				if err := e.Do(t.Context(), op); err != nil {
					t.Errorf("%s: %v", op, err)
				}
			}
		}
	}
}

// TestCancelled breaks off a start-up in its middle: what is listed then is
// all there will be.
func TestCancelled(t *testing.T) {
	t.Parallel()
	e := connect(t, Options{})
	for _, after := range []time.Duration{0, 50 * time.Millisecond, 300 * time.Millisecond} {
		t.Run(after.String(), func(t *testing.T) {
			t.Parallel()
			stack := newStack(t, e, topology.Service{Name: "web", Command: []string{"rest"}, Replicas: 2})
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(after, cancel)
			_, err := engine.Apply(ctx, e, engine.Diff(stack, engine.State{}), engine.ApplyOptions{})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			before := observe(t, e, stack)
			time.Sleep(time.Second)
			if diff := cmp.Diff(before, observe(t, e, stack), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
				t.Errorf("there is more a second later\n%s", diff)
			}
		})
	}
}

// TestSomebodyElses sees to it that nothing is adopted, or removed, that this
// run did not make.
func TestSomebodyElses(t *testing.T) {
	t.Parallel()
	e := connect(t, Options{})
	ctx := t.Context()
	stack := newStack(t, e, topology.Service{Name: "web", Command: []string{"rest"}})
	foreign := resourceName(stack.Name, "foreign")
	if _, err := e.cli.VolumeCreate(ctx, volume.CreateOptions{Name: foreign}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.cli.VolumeRemove(context.WithoutCancel(ctx), foreign, false); err != nil {
			t.Error(err)
		}
	})
	op := engine.Op{Kind: engine.CreateVolume, Stack: stack.Name, Run: stack.Run, Resource: "foreign"}
	wantError(t, e.Do(ctx, op), "a volume named "+foreign+" exists already and is not plimsoll's: remove it (docker volume rm "+foreign+")")
	op.Kind = engine.RemoveVolume
	if err := e.Do(ctx, op); err != nil {
		t.Error(err)
	}
	if _, err := e.cli.VolumeInspect(ctx, foreign); err != nil {
		t.Error("somebody else's volume is gone: ", err)
	}

	up(t, e, stack)
	web := stack.Topology.Services[0]
	other := engine.Op{Kind: engine.CreateReplica, Stack: stack.Name, Run: "another", Service: web, Number: 1}
	wantError(t, e.Do(ctx, other), "was left by run \""+stack.Run+"\": remove it (plimsoll clean "+stack.Run+")")
	web.Command = []string{"exit", "1"}
	other.Run, other.Service = stack.Run, web
	wantError(t, e.Do(ctx, other), "made from another definition of service web: take the stack down first")
	other = engine.Op{Kind: engine.RemoveNetwork, Stack: stack.Name, Run: stack.Run, Resource: "default"}
	wantError(t, e.Do(ctx, other), "network "+stack.Name+"_default is still used by "+stack.Name+"-web-1: disconnect or remove them")
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want %q", want)
	} else if !strings.Contains(err.Error(), want) {
		t.Errorf("error %q\ndoes not say %q", err, want)
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	e := connect(t, Options{})
	missing := filepath.Join(t.TempDir(), "missing")
	for _, test := range []struct {
		name    string
		service topology.Service
		want    string
	}{
		{"missing image", topology.Service{Image: "127.0.0.1:1/no/such:1"},
			"ensure image 127.0.0.1:1/no/such:1: image 127.0.0.1:1/no/such:1 is not on the engine and cannot be pulled: "},
		{"bad command", topology.Service{Entrypoint: []string{"/nosuch"}},
			`start web-1: there is no executable "/nosuch" in its image: correct command or entrypoint`},
		{"bad command without path", topology.Service{Entrypoint: []string{"nosuch"}},
			`start web-1: there is no executable "nosuch" in its image: correct command or entrypoint`},
		{"too many CPUs", topology.Service{Limits: topology.Limits{CPUs: 4096}},
			"create web-1: it asks for more CPUs than the engine's host has, which is "},
		{"CPUs that are not there", topology.Service{Limits: topology.Limits{CPUSet: "4000"}},
			"create web-1: it asks for CPUs 4000, but the engine's host has 0"},
		{"too little memory", topology.Service{Limits: topology.Limits{MemoryBytes: 1 << 20}},
			"create web-1: its memory limit is below the engine's minimum of 6MB: raise mem_limit"},
		{"missing folder", topology.Service{Mounts: []topology.Mount{{Type: topology.BindMount, Source: missing, Target: "/x"}}},
			"create web-1: the host folder " + missing + " that it mounts does not exist: create it, or correct volumes"},
		{"unknown user", topology.Service{User: "nobody"},
			"start web-1: its image knows no user nobody: correct user"},
		{"unknown network", topology.Service{Networks: []topology.Attachment{{Network: "nowhere"}}},
			"_nowhere is gone, somebody removed it meanwhile: start again"},
		{"ends at once", topology.Service{Command: []string{"exit", "7"}, Ports: []topology.Port{{Target: 80, Protocol: "tcp"}}},
			"await ready web-1: ended with exit code 7; it printed nothing"},
		{"out of memory", topology.Service{Command: []string{"eat", "64"}, Limits: topology.Limits{MemoryBytes: 32 << 20}, Ports: []topology.Port{{Target: 80, Protocol: "tcp"}}},
			"await ready web-1: ended with exit code 137 (killed for using more memory than its limit)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.service.Name = "web"
			if test.service.Command == nil {
				test.service.Command = []string{"rest"}
			}
			err := apply(t, e, newStack(t, e, test.service))
			wantError(t, err, test.want)
			t.Log(err)
		})
	}
}

// TestPortTaken makes the engine complain about a port, which a stack of ours
// cannot bring about.
func TestPortTaken(t *testing.T) {
	t.Parallel()
	e := connect(t, Options{})
	stack := newStack(t, e, topology.Service{Name: "web", Command: []string{"rest"}})
	up(t, e, stack)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	taken := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	op := engine.Op{Kind: engine.CreateReplica, Stack: stack.Name, Run: stack.Run, Service: stack.Topology.Services[0], Number: 2}
	self, err := e.self()
	if err != nil {
		t.Fatal(err)
	}
	c, err := replicaSpec(op, self.ref)
	if err != nil {
		t.Fatal(err)
	}
	c.config.ExposedPorts = nat.PortSet{"80/tcp": {}}
	c.host.PortBindings = nat.PortMap{"80/tcp": {{HostIP: "127.0.0.1", HostPort: taken}}}
	if _, err := e.create(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	op.Kind = engine.StartReplica
	err = e.Do(t.Context(), op)
	wantError(t, err, "port 127.0.0.1:"+taken+" of this host is taken by another container or program")
	t.Log(err)
}

func TestExecAndLogs(t *testing.T) {
	t.Parallel()
	e := connect(t, Options{})
	stack := newStack(t, e, topology.Service{Name: "web", Command: []string{"say", "to stdout", "to stderr"}})
	web := up(t, e, stack).Replicas[0]
	var logs string
	eventually(t, "both lines are there", func() bool {
		var err error
		if logs, err = e.Logs(t.Context(), web, 10); err != nil {
			t.Fatal(err)
		}
		return strings.Count(logs, "\n") == 2
	})
	if logs != "to stdout\nto stderr\n" {
		t.Errorf("logs are %q", logs)
	}
	if logs, err := e.Logs(t.Context(), web, 1); err != nil || logs != "to stderr\n" {
		t.Errorf("the last line is %q, %v", logs, err)
	}
	for _, test := range []struct {
		command []string
		code    int
		output  string
	}{
		{[]string{"/plimsoll", "env", "PLIMSOLL_REPLICA"}, 0, "web-1\n"},
		{[]string{"/plimsoll", "exit", "9"}, 9, ""},
		{[]string{"/plimsoll", "dance"}, 1, "self: no command \"dance\"\n"},
	} {
		code, output, err := e.Exec(t.Context(), web, test.command)
		if err != nil || code != test.code || output != test.output {
			t.Errorf("%q: exit code %d, output %q, error %v; want %d, %q", test.command, code, output, err, test.code, test.output)
		}
	}
	code, output, err := e.Exec(t.Context(), web, []string{"/nosuch"})
	t.Logf("unknown command: exit code %d, output %q, error %v", code, output, err)
	if err == nil && code == 0 {
		t.Error("a command that does not exist succeeded")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, _, err := e.Exec(ctx, web, []string{"/plimsoll", "rest"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a command that does not end: %v", err)
	}
	if _, err := e.Logs(t.Context(), engine.Replica{ID: "nosuch"}, 1); err == nil {
		t.Error("a container that does not exist has logs")
	}
}

func TestUnreachable(t *testing.T) {
	if os.Getenv("DOCKER_API_VERSION") != "" {
		t.Setenv("DOCKER_API_VERSION", "")
	}
	fakeSSH(t, `read -r request; echo "the door is shut" >&2; exit 255`)
	for name, test := range map[string]struct{ host, want string }{
		"no socket":  {"unix://" + filepath.Join(t.TempDir(), "none.sock"), "none.sock; is the daemon running (systemctl start docker)"},
		"no port":    {"tcp://127.0.0.1:1", "no Docker engine answers at tcp://127.0.0.1:1; is the daemon running"},
		"behind ssh": {"ssh://build@nowhere.invalid", "no Docker engine answers at ssh://build@nowhere.invalid: the door is shut; does \"docker --host ssh://build@nowhere.invalid version\" answer"},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := New(t.Context(), Options{Endpoint: Endpoint{Host: test.host}})
			if err == nil {
				e.Close()
				t.Fatal("no error")
			}
			wantError(t, err, test.want)
			wantError(t, err, "--engine process")
			if !errors.Is(err, engine.ErrUnreachable) {
				t.Errorf("%v is no engine.ErrUnreachable", err)
			}
			t.Log(err)
		})
	}
	if _, err := New(t.Context(), Options{Endpoint: Endpoint{Host: "/var/run/docker.sock"}}); err == nil || errors.Is(err, engine.ErrUnreachable) {
		t.Errorf("a path instead of an address: %v", err)
	}
}
