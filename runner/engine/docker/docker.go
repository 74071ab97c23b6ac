// Package docker runs stacks on a Docker Engine, of this host or of another.
//
// Everything it makes carries labels, by which it is found again: what
// Observe returns and what Sweep removes is what the engine lists under them.
// Nothing is remembered between two calls but the image made from this
// program's executable, the container from which the replicas of an engine
// elsewhere are dialled, and what its clock shows.
package docker

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/system"
	"github.com/docker/docker/client"

	"plimsoll/runner/engine"
	"plimsoll/scenarios/topology"
)

// Options say which engine to use and how.
type Options struct {
	// Endpoint says which engine; the zero Endpoint: the one that the docker
	// command would use.
	Endpoint Endpoint
	// Self is the static Linux executable that engine.SelfImage is made
	// from; empty: the running one.
	Self string
	// StatsAPI reads usage through the engine's API even where the kernel's
	// own counters can be read.
	StatsAPI bool
}

// Engine is a Docker Engine. It implements all of the engine package's
// interfaces.
type Engine struct {
	cli      *client.Client
	host     string // its address, for messages
	place    place
	self     func() (*selfImage, error)
	statsAPI bool
	gate     chan *worker // holds the one gate, or nil if none is open
	clock    *clock       // nil: this host's
}

var (
	_ engine.Engine   = (*Engine)(nil)
	_ engine.Execer   = (*Engine)(nil)
	_ engine.Logger   = (*Engine)(nil)
	_ engine.Meterer  = (*Engine)(nil)
	_ engine.Launcher = (*Engine)(nil)
	_ engine.Dialer   = (*Engine)(nil)
	_ engine.Reporter = (*Engine)(nil)
	_ engine.Checker  = (*Engine)(nil)
	_ engine.Warner   = (*Engine)(nil)
)

const (
	// answerWithin is how long an engine may take to answer for the first
	// time.
	answerWithin = 10 * time.Second
	// answerAfarWithin is that for an engine behind ssh, which has to log in
	// first.
	answerAfarWithin = 40 * time.Second
)

// New connects to an engine. The error wraps engine.ErrUnreachable when none
// answers.
func New(ctx context.Context, opt Options) (*Engine, error) {
	at, err := opt.Endpoint.resolve(os.Getenv)
	if err != nil {
		return nil, err
	}
	cli, err := prepare(at)
	if err != nil {
		return nil, fmt.Errorf("docker engine at %s: %w", at.Host, err)
	}
	e := &Engine{cli: cli, host: at.Host, statsAPI: opt.StatsAPI, gate: make(chan *worker, 1)}
	e.gate <- nil
	patience := answerWithin
	if strings.HasPrefix(at.Host, "ssh:") {
		patience = answerAfarWithin
	}
	first, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	info, err := cli.Info(first)
	switch {
	case err == nil && info.OSType != "linux":
		err = fmt.Errorf("the Docker engine at %s runs %s containers: plimsoll's are Linux containers, switch it to those or use another engine", e.host, info.OSType)
	case err == nil:
	case client.IsErrConnectionFailed(err) || errors.Is(err, context.DeadlineExceeded):
		err = unreachable(e.host, err)
	default:
		err = fmt.Errorf("docker engine at %s: %w", e.host, plain(err))
	}
	if err != nil {
		return nil, errors.Join(err, cli.Close())
	}
	e.place = placeOf(at.Host, thisHost(), info)
	e.self = sync.OnceValues(func() (*selfImage, error) {
		self, err := readSelf(opt.Self)
		if err != nil {
			return nil, err
		}
		return self, runsOn(self.arch, info.Architecture, e.host)
	})
	if !e.place.addresses {
		e.clock = &clock{ask: e.askClock}
	}
	return e, nil
}

// Close closes the gate, if one was opened, and idle connections.
func (e *Engine) Close() error {
	return errors.Join(e.closeGate(), e.cli.Close())
}

// Info describes the engine and its host.
func (e *Engine) Info(ctx context.Context) (engine.Info, error) {
	info, err := e.cli.Info(ctx)
	if err != nil {
		return engine.Info{}, e.explain(err)
	}
	path := "worker container on the stack's own network, replicas addressed directly"
	if e.place.why != "" {
		path = "worker container on the stack's own network, beyond this host's reach: " + e.place.why
	}
	return engine.Info{
		Kind: "docker", Endpoint: e.host, Version: info.ServerVersion,
		LoadPath: path, Limits: true,
		Details: map[string]string{
			"API":            e.cli.ClientVersion(),
			"storage driver": info.Driver,
			"cgroup version": info.CgroupVersion,
			"cgroup driver":  info.CgroupDriver,
			"kernel":         info.KernelVersion,
			"OS":             info.OperatingSystem,
			"architecture":   info.Architecture,
			"CPUs":           strconv.Itoa(info.NCPU),
			"memory":         strconv.FormatInt(info.MemTotal, 10) + " bytes",
		},
	}, nil
}

// Endpoint returns the container addresses of a service's running replicas:
// both Dial and a worker on the stack's networks reach them there.
func (e *Engine) Endpoint(ctx context.Context, stack, service string, port uint16) ([]netip.AddrPort, error) {
	state, err := e.Observe(ctx, stack)
	if err != nil {
		return nil, err
	}
	var addrs []netip.AddrPort
	for _, r := range state.Replicas {
		if r.Service == service && r.Status == engine.Running && r.Address.IsValid() {
			addrs = append(addrs, netip.AddrPortFrom(r.Address, port))
		}
	}
	return addrs, nil
}

// machine is what can be known of the host that this program runs on.
type machine struct {
	name   string
	kernel string // empty: not Linux
}

func thisHost() machine {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return machine{}
	}
	name, _ := os.Hostname() // without one, no engine is this host's
	return machine{name: name, kernel: strings.TrimSpace(string(release))}
}

// place is how an engine lies to the host that this program runs on.
type place struct {
	// addresses says that containers are reached by their addresses from
	// here, and that their counters and the clock are this host's.
	addresses bool
	// files says that the engine sees this host's files.
	files bool
	// why says in words why addresses is not so; empty if it is.
	why string
}

func placeOf(host string, here machine, info system.Info) place {
	shared := local(host)
	switch {
	case !shared:
	case strings.Contains(info.OperatingSystem, "Docker Desktop"):
		return place{files: true, why: "Docker Desktop runs it in a virtual machine"}
	case here.kernel == "":
		// What of its files a virtual machine sees, its maker has chosen.
		return place{files: true, why: "it runs in a virtual machine, as this host is not Linux"}
	case here.kernel != info.KernelVersion || here.name != info.Name:
	case hasOption(info.SecurityOptions, "name=rootless"):
		return place{files: true, why: "it is rootless, so that its networks are not this host's"}
	default:
		return place{addresses: true, files: true}
	}
	return place{why: fmt.Sprintf("it runs on %s, kernel %s, %d CPUs", info.Name, info.KernelVersion, info.NCPU)}
}

func hasOption(options []string, want string) bool {
	for _, option := range options {
		if strings.HasPrefix(option, want) {
			return true
		}
	}
	return false
}

// runsOn says why an executable for a CPU, in Go's words, cannot do its work on
// an engine's host, whose CPU is in the kernel's words. That an engine may
// emulate it helps nobody: it would be the emulation that is measured.
func runsOn(arch, machine, host string) error {
	kernels := map[string][]string{
		"amd64": {"x86_64"}, "386": {"i386", "i686", "x86_64"}, "arm64": {"aarch64"}, "arm": {"armv6l", "armv7l", "armv8l", "aarch64"},
		"ppc64le": {"ppc64le"}, "s390x": {"s390x"}, "riscv64": {"riscv64"}, "loong64": {"loongarch64"},
	}
	if slices.Contains(kernels[arch], machine) {
		return nil
	}
	return fmt.Errorf("this plimsoll is built for %s, but the host of the Docker engine at %s is %s, so that no load worker runs there: "+
		"give one that was built for it with --linux-binary FILE (GOOS=linux GOARCH=… CGO_ENABLED=0 go build ./cmd/plimsoll)", arch, host, machine)
}

// checkElsewhere refuses what an engine that is not this host's cannot do for a
// service, before anything is created.
func (e *Engine) checkElsewhere(s topology.Service) error {
	if !e.place.files {
		for _, m := range s.Mounts {
			if m.Type == topology.BindMount {
				return fmt.Errorf("it mounts %s of this host at %s, but the engine at %s is not on this host (%s): use a named volume, or an image that has the files",
					m.Source, m.Target, e.host, e.place.why)
			}
		}
	}
	if !e.place.addresses {
		// The gate and the worker need it, later.
		_, err := e.self()
		return err
	}
	return nil
}
