package docker

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"plimsoll/runner/engine"
)

// Observe returns what the engine lists under the stack's label. It costs
// three calls, and one more for each replica that has ended.
func (e *Engine) Observe(ctx context.Context, stack string) (engine.State, error) {
	mine := map[string]string{labelStack: stack}
	networks, err := e.cli.NetworkList(ctx, network.ListOptions{Filters: labelled(mine)})
	if err != nil {
		return engine.State{}, e.explain(err)
	}
	volumes, err := e.cli.VolumeList(ctx, volume.ListOptions{Filters: labelled(mine)})
	if err != nil {
		return engine.State{}, e.explain(err)
	}
	mine[labelRole] = roleService
	containers, err := e.cli.ContainerList(ctx, container.ListOptions{All: true, Filters: labelled(mine)})
	if err != nil {
		return engine.State{}, e.explain(err)
	}
	var state engine.State
	for _, n := range networks {
		state.Networks = append(state.Networks, n.Labels[composeNetwork])
	}
	for _, v := range volumes.Volumes {
		state.Volumes = append(state.Volumes, v.Labels[composeVolume])
	}
	for _, c := range containers {
		r, err := e.replica(ctx, c)
		if errdefs.IsNotFound(err) {
			continue // removed since it was listed
		}
		if err != nil {
			return engine.State{}, err
		}
		state.Replicas = append(state.Replicas, r)
	}
	if err := e.addressGuests(ctx, state.Replicas, containers); err != nil {
		return engine.State{}, err
	}
	slices.Sort(state.Networks)
	slices.Sort(state.Volumes)
	slices.SortFunc(state.Replicas, func(a, b engine.Replica) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Number, b.Number))
	})
	return state, nil
}

// addressGuests gives those replicas their address that have no network of
// their own: another container's, or the host's.
func (e *Engine) addressGuests(ctx context.Context, replicas []engine.Replica, list []container.Summary) error {
	modes, addresses := map[string]string{}, map[string]netip.Addr{}
	for _, c := range list {
		modes[c.ID] = c.HostConfig.NetworkMode
	}
	for _, r := range replicas {
		addresses[r.ID] = r.Address
	}
	for i, r := range replicas {
		mode := container.NetworkMode(modes[r.ID])
		switch {
		case r.Status != engine.Running:
		case mode.IsContainer():
			replicas[i].Address = addresses[mode.ConnectedContainer()]
		case mode.IsHost():
			gateway, err := e.gateway(ctx)
			if err != nil {
				return err
			}
			replicas[i].Address = gateway
		}
	}
	return nil
}

// gateway is an address of the engine's host that both the host and containers
// reach; the zero Addr if there is none.
func (e *Engine) gateway(ctx context.Context) (netip.Addr, error) {
	found, err := e.cli.NetworkInspect(ctx, network.NetworkBridge, network.InspectOptions{})
	if errdefs.IsNotFound(err) {
		return netip.Addr{}, nil // the engine has no network of that name
	}
	if err != nil {
		return netip.Addr{}, e.explain(err)
	}
	for _, pool := range found.IPAM.Config {
		if address, err := netip.ParseAddr(pool.Gateway); err == nil && address.Is4() {
			return address, nil
		}
		// An engine that chose the pool itself does not say which gateway it
		// gave it: it is the first address.
		if subnet, err := netip.ParsePrefix(pool.Subnet); err == nil && subnet.Addr().Is4() {
			return subnet.Masked().Addr().Next(), nil
		}
	}
	return netip.Addr{}, nil
}

// replica reads a listed container. How one has ended is not in the list.
func (e *Engine) replica(ctx context.Context, c container.Summary) (engine.Replica, error) {
	r, err := listed(c)
	if err != nil || r.Status != engine.Exited {
		return r, err
	}
	details, err := e.cli.ContainerInspect(ctx, c.ID)
	if err != nil {
		return r, e.explain(err)
	}
	r.ExitCode, r.OOMKilled = details.State.ExitCode, details.State.OOMKilled
	return r, nil
}

func listed(c container.Summary) (engine.Replica, error) {
	number, err := strconv.Atoi(c.Labels[labelReplica])
	if err != nil {
		return engine.Replica{}, fmt.Errorf("container %.12s: label %s: %q is no replica number", c.ID, labelReplica, c.Labels[labelReplica])
	}
	r := engine.Replica{
		Service: c.Labels[labelService], Number: number, ID: c.ID, Status: status(c.State), Image: c.Image + " " + c.ImageID,
		Definition: c.Labels[composeConfigHash], Created: time.Unix(c.Created, 0),
	}
	for _, p := range c.Ports {
		if host, err := netip.ParseAddr(p.IP); err == nil && p.PublicPort != 0 {
			r.Ports = append(r.Ports, engine.PublishedPort{Host: netip.AddrPortFrom(host, p.PublicPort), Target: p.PrivatePort, Protocol: p.Type})
		}
	}
	if c.NetworkSettings == nil || r.Status != engine.Running {
		return r, nil
	}
	// The network that the container was created with comes first.
	if first := c.NetworkSettings.Networks[c.HostConfig.NetworkMode]; first != nil && first.IPAddress != "" {
		if r.Address, err = netip.ParseAddr(first.IPAddress); err != nil {
			return r, fmt.Errorf("container %.12s: %w", c.ID, err)
		}
	}
	return r, nil
}

func status(state container.ContainerState) engine.Status {
	switch state {
	case container.StateCreated:
		return engine.Created
	case container.StateRunning, container.StatePaused, container.StateRestarting:
		return engine.Running
	}
	return engine.Exited // exited, dead, removing
}
