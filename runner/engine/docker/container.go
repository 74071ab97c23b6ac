package docker

import (
	"fmt"
	"math"
	"slices"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/go-connections/nat"

	"plimsoll/runner/engine"
	"plimsoll/scenarios/topology"
)

// spec is what a container is created from.
type spec struct {
	name   string
	config *container.Config
	host   *container.HostConfig
	// networks are the ones it is attached to, the first of which gives it
	// its address and its name server.
	networks []attachment
}

type attachment struct {
	network string // the engine's name
	aliases []string
}

// replicaSpec says how to create a replica from an image.
func replicaSpec(op engine.Op, image string) (spec, error) {
	s, replica := op.Service, engine.ReplicaName(op.Service.Name, op.Number)
	labels, err := replicaLabels(op)
	if err != nil {
		return spec{}, err
	}
	exposed, published, err := ports(s.Ports)
	if err != nil {
		return spec{}, err
	}
	hostname := s.Hostname
	if hostname == "" {
		hostname = replica
	}
	c := spec{
		name: containerName(op.Stack, s.Name, op.Number),
		config: &container.Config{
			Hostname: hostname, User: s.User, WorkingDir: s.WorkingDir, StopSignal: s.StopSignal,
			Image: image, Entrypoint: s.Entrypoint, Cmd: s.Command, Labels: labels, ExposedPorts: exposed,
			Env: append(slices.Clone(s.Environment), "PLIMSOLL_REPLICA="+replica),
			// The engine's own checks would take a share of the CPU that is
			// to be measured.
			Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
		},
		host: &container.HostConfig{
			PortBindings: published, Mounts: mounts(op.Stack, s.Mounts),
			CapAdd: s.CapAdd, CapDrop: s.CapDrop, Privileged: s.Privileged, ReadonlyRootfs: s.ReadOnly,
			RestartPolicy: container.RestartPolicy{Name: container.RestartPolicyDisabled},
			LogConfig:     container.LogConfig{Type: "json-file", Config: map[string]string{"max-size": "10m", "max-file": "1"}},
			Resources: container.Resources{
				NanoCPUs: int64(math.Round(s.CPUs * 1e9)), CpusetCpus: s.CPUSet,
				// No swap beyond the memory: too much is an OOM kill, and not
				// a slow server.
				Memory: s.MemoryBytes, MemorySwap: s.MemoryBytes,
			},
		},
	}
	if s.Init {
		c.host.Init = new(true)
	}
	if s.PidsLimit != 0 {
		c.host.PidsLimit = new(s.PidsLimit)
	}
	for _, a := range s.Networks {
		aliases := append([]string{s.Name, replica}, a.Aliases...)
		c.networks = append(c.networks, attachment{resourceName(op.Stack, a.Network), aliases})
	}
	return c, nil
}

// networking returns the part of the spec that is given at creation. An engine
// before API 1.44 takes one network there; the others are connected later.
func (c spec) networking() *network.NetworkingConfig {
	if len(c.networks) == 0 {
		c.host.NetworkMode = network.NetworkNone
		return nil
	}
	first := c.networks[0]
	c.host.NetworkMode = container.NetworkMode(first.network)
	return &network.NetworkingConfig{EndpointsConfig: map[string]*network.EndpointSettings{
		first.network: {Aliases: first.aliases},
	}}
}

// ports exposes all ports, and publishes what the file publishes on a port of
// the loopback interface that the engine chooses. The file's own port numbers
// would collide with other stacks, and the load does not come that way.
func ports(list []topology.Port) (nat.PortSet, nat.PortMap, error) {
	exposed, published := nat.PortSet{}, nat.PortMap{}
	for _, p := range list {
		port, err := nat.NewPort(p.Protocol, fmt.Sprint(p.Target))
		if err != nil {
			return nil, nil, fmt.Errorf("port %d/%s: %w", p.Target, p.Protocol, err)
		}
		exposed[port] = struct{}{}
		if p.Publish && published[port] == nil {
			published[port] = []nat.PortBinding{{HostIP: "127.0.0.1"}}
		}
	}
	return exposed, published, nil
}

func mounts(stack string, list []topology.Mount) []mount.Mount {
	var all []mount.Mount
	for _, m := range list {
		source := m.Source
		if m.Type == topology.VolumeMount && source != "" {
			source = resourceName(stack, source)
		}
		all = append(all, mount.Mount{Type: mount.Type(m.Type), Source: source, Target: m.Target, ReadOnly: m.ReadOnly})
	}
	return all
}
