// Package docker runs stacks on a Docker Engine of this host.
//
// Everything it makes carries labels, by which it is found again: what
// Observe returns and what Sweep removes is what the engine lists under them.
// Nothing is remembered between two calls but the image made from this
// program's executable.
package docker

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/system"
	"github.com/docker/docker/client"

	"plimsoll/runner/engine"
)

// Options say which engine to use and how.
type Options struct {
	// Host is the engine's address, as in DOCKER_HOST; empty: DOCKER_HOST,
	// else the Docker command line's current context, else the default
	// socket.
	Host string
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
	host     string
	self     func() (*selfImage, error)
	statsAPI bool
}

var (
	_ engine.Engine   = (*Engine)(nil)
	_ engine.Execer   = (*Engine)(nil)
	_ engine.Logger   = (*Engine)(nil)
	_ engine.Meterer  = (*Engine)(nil)
	_ engine.Launcher = (*Engine)(nil)
)

// answerWithin is how long an engine may take to answer for the first time.
const answerWithin = 10 * time.Second

// New connects to an engine. The error wraps engine.ErrUnreachable when none
// answers, and also when one answers whose containers cannot be reached from
// this host.
func New(ctx context.Context, opt Options) (*Engine, error) {
	at, err := findEndpoint(opt.Host, os.Getenv)
	if err != nil {
		return nil, err
	}
	cli, err := at.dial()
	if err != nil {
		return nil, fmt.Errorf("docker engine at %s: %w", at.host, err)
	}
	e := &Engine{cli: cli, host: cli.DaemonHost(), statsAPI: opt.StatsAPI}
	e.self = sync.OnceValues(func() (*selfImage, error) { return readSelf(opt.Self) })
	first, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	info, err := cli.Info(first)
	if err == nil {
		err = reachable(e.host, thisHost(), info)
	} else if client.IsErrConnectionFailed(err) || errors.Is(err, context.DeadlineExceeded) {
		err = unreachable(e.host, err)
	} else {
		err = fmt.Errorf("docker engine at %s: %w", e.host, plain(err))
	}
	if err != nil {
		return nil, errors.Join(err, cli.Close())
	}
	return e, nil
}

// Close closes idle connections.
func (e *Engine) Close() error { return e.cli.Close() }

// Info describes the engine and its host.
func (e *Engine) Info(ctx context.Context) (engine.Info, error) {
	info, err := e.cli.Info(ctx)
	if err != nil {
		return engine.Info{}, e.explain(err)
	}
	return engine.Info{
		Kind: "docker", Endpoint: e.host, Version: info.ServerVersion,
		LoadPath: "worker container on the stack's own network, replicas addressed directly",
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
// both this host and a worker on the stack's networks reach them there.
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
	kernel string // empty: not Linux
}

func thisHost() machine {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return machine{}
	}
	return machine{kernel: strings.TrimSpace(string(release))}
}

// reachable returns an error that says why containers of an engine cannot be
// reached by their addresses from a host, or nil.
func reachable(host string, here machine, info system.Info) error {
	var why string
	switch {
	case info.OSType != "linux":
		why = "it runs " + info.OSType + " containers"
	case here.kernel == "":
		why = "it runs in a virtual machine of its own, as this host is not Linux"
	case strings.Contains(info.OperatingSystem, "Docker Desktop"):
		why = "it is Docker Desktop, which runs in a virtual machine"
	case hasOption(info.SecurityOptions, "name=rootless"):
		why = "it is rootless, so that its networks are not this host's"
	case !local(host) || info.KernelVersion != here.kernel:
		why = fmt.Sprintf("it runs on another host (%s, kernel %s)", info.Name, info.KernelVersion)
	default:
		return nil
	}
	return fmt.Errorf("%w: the Docker engine at %s answers, but its containers cannot be reached from here: %s; "+
		"this is not supported yet, use a rootful engine on this Linux host, or --engine process", engine.ErrUnreachable, host, why)
}

func hasOption(options []string, want string) bool {
	for _, option := range options {
		if strings.HasPrefix(option, want) {
			return true
		}
	}
	return false
}
