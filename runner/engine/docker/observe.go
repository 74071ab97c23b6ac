package docker

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

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
	slices.Sort(state.Networks)
	slices.Sort(state.Volumes)
	slices.SortFunc(state.Replicas, func(a, b engine.Replica) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Number, b.Number))
	})
	return state, nil
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
