package docker

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"plimsoll/runner/engine"
	"plimsoll/scenarios/topology"
)

// Do performs one operation. Once begun, creating and starting are seen
// through even if ctx is cancelled: the engine would do them all the same, but
// after somebody has already looked for what is to be removed.
func (e *Engine) Do(ctx context.Context, op engine.Op) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	switch op.Kind {
	case engine.CreateNetwork, engine.CreateVolume, engine.CreateReplica, engine.StartReplica:
		var cancel context.CancelFunc
		ctx, cancel = seeThrough(ctx)
		defer cancel()
	}
	switch op.Kind {
	case engine.EnsureImage:
		return e.provide(ctx, op, func(string) {})
	case engine.CreateNetwork:
		return e.createNetwork(ctx, op)
	case engine.CreateVolume:
		return e.createVolume(ctx, op)
	case engine.CreateReplica:
		return e.createReplica(ctx, op)
	case engine.StartReplica:
		return e.explain(e.cli.ContainerStart(ctx, containerName(op.Stack, op.Service.Name, op.Number), container.StartOptions{}))
	case engine.RemoveReplica:
		return e.removeReplica(ctx, op)
	case engine.RemoveNetwork:
		return e.removeNetwork(ctx, op)
	case engine.RemoveVolume:
		return e.removeVolume(ctx, op)
	}
	return fmt.Errorf("the docker engine cannot %s", op.Kind)
}

// seeThrough returns a context for calls that are not to be broken off.
func seeThrough(ctx context.Context) (context.Context, context.CancelFunc) {
	const patience = time.Minute // an engine that needs longer is stuck
	return context.WithTimeout(context.WithoutCancel(ctx), patience)
}

func (e *Engine) createNetwork(ctx context.Context, op engine.Op) error {
	name := resourceName(op.Stack, op.Resource)
	_, err := e.cli.NetworkCreate(ctx, name, networkOptions(op))
	if !errdefs.IsConflict(err) {
		return e.explain(err)
	}
	found, err := e.cli.NetworkInspect(ctx, name, network.InspectOptions{})
	if err != nil {
		return e.explain(err)
	}
	return ours("network", name, found.Labels, op)
}

func networkOptions(op engine.Op) network.CreateOptions {
	n := op.Network
	options := network.CreateOptions{
		Driver: cmp.Or(n.Driver, "bridge"), Options: n.DriverOptions, Internal: n.Internal, Attachable: n.Attachable, Labels: networkLabels(op),
	}
	if n.IPv6 {
		options.EnableIPv6 = new(true)
	}
	if n.IPAMDriver != "" || len(n.IPAMOptions)+len(n.Pools) > 0 {
		options.IPAM = &network.IPAM{Driver: n.IPAMDriver, Options: n.IPAMOptions}
	}
	for _, p := range n.Pools {
		options.IPAM.Config = append(options.IPAM.Config, network.IPAMConfig{Subnet: p.Subnet, Gateway: p.Gateway, IPRange: p.Range, AuxAddress: p.Reserved})
	}
	return options
}

func (e *Engine) createVolume(ctx context.Context, op engine.Op) error {
	name := resourceName(op.Stack, op.Resource)
	// The engine returns one that exists already as it is.
	found, err := e.cli.VolumeCreate(ctx, volume.CreateOptions{
		Name: name, Labels: volumeLabels(op), Driver: op.Volume.Driver, DriverOpts: op.Volume.DriverOptions,
	})
	if err != nil {
		return e.explain(err)
	}
	return ours("volume", name, found.Labels, op)
}

// ours refuses to adopt what somebody else made under one of our names.
func ours(kind, name string, labels map[string]string, op engine.Op) error {
	switch {
	case labels[labelStack] != op.Stack:
		return fmt.Errorf("a %s named %s exists already and is not plimsoll's: remove it (docker %[1]s rm %[2]s)", kind, name)
	case labels[labelRun] != op.Run:
		return fmt.Errorf("a %s named %s was left by run %q: remove it (plimsoll clean %[3]s)", kind, name, labels[labelRun])
	}
	return nil
}

func (e *Engine) createReplica(ctx context.Context, op engine.Op) error {
	if err := e.checkElsewhere(op.Service); err != nil {
		return err
	}
	image := op.Service.Image
	if image == engine.SelfImage {
		self, err := e.self()
		if err != nil {
			return err
		}
		image = self.ref
	}
	c, err := replicaSpec(op, image)
	if err != nil {
		return err
	}
	_, err = e.create(ctx, c)
	if !errdefs.IsConflict(err) {
		return err
	}
	found, err := e.cli.ContainerInspect(ctx, c.name)
	if err != nil {
		return e.explain(err)
	}
	if err := ours("container", c.name, found.Config.Labels, op); err != nil {
		return err
	}
	if found.Config.Labels[composeConfigHash] != c.config.Labels[composeConfigHash] {
		return fmt.Errorf("container %s exists already, made from another definition of service %s: take the stack down first", c.name, op.Service.Name)
	}
	return nil
}

// create creates a container with all its networks, or none at all.
func (e *Engine) create(ctx context.Context, c spec) (id string, err error) {
	networking := c.networking()
	created, err := e.cli.ContainerCreate(ctx, c.config, c.host, networking, c.platform, c.name)
	if err != nil {
		return "", e.explain(err)
	}
	for _, more := range c.networks[min(1, len(c.networks)):] {
		if err := e.cli.NetworkConnect(ctx, more.network, created.ID, &more.settings); err != nil {
			return "", e.undo(ctx, created.ID, e.explain(err))
		}
	}
	if err := e.putFiles(ctx, created.ID, c.files, c.host.ReadonlyRootfs); err != nil {
		return "", e.undo(ctx, created.ID, err)
	}
	return created.ID, nil
}

// putFiles copies files into a created container. Into one that is read-only it
// only goes by the folders that are mounted there.
func (e *Engine) putFiles(ctx context.Context, id string, files []topology.File, readOnly bool) error {
	for _, f := range files {
		folder, name := "/", strings.TrimPrefix(f.Target, "/")
		if readOnly {
			folder, name = path.Split(f.Target)
		}
		var archive bytes.Buffer
		w := tar.NewWriter(&archive)
		if err := w.WriteHeader(&tar.Header{
			Name: name, Mode: int64(f.Mode), Uid: f.UID, Gid: f.GID, Size: int64(len(f.Content)), ModTime: time.Unix(0, 0),
		}); err != nil {
			return fmt.Errorf("file %s: %w", f.Target, err)
		}
		if _, err := io.WriteString(w, f.Content); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		if err := e.cli.CopyToContainer(ctx, id, folder, &archive, container.CopyToContainerOptions{}); err != nil {
			return fmt.Errorf("file %s: %w", f.Target, e.explain(err))
		}
	}
	return nil
}

// undo removes a container after a failure, even if ctx is done.
func (e *Engine) undo(ctx context.Context, id string, failure error) error {
	ctx, cancel := seeThrough(ctx)
	defer cancel()
	if err := e.removeContainer(ctx, id); err != nil {
		return fmt.Errorf("%w (and then the container could not be removed: %w)", failure, err)
	}
	return failure
}

// removeReplica goes by labels and not by name, so that nothing of somebody
// else's is removed.
func (e *Engine) removeReplica(ctx context.Context, op engine.Op) error {
	found, err := e.cli.ContainerList(ctx, container.ListOptions{All: true, Filters: labelled(map[string]string{
		labelStack: op.Stack, labelRole: roleService, labelService: op.Service.Name, labelReplica: strconv.Itoa(op.Number),
	})})
	if err != nil {
		return e.explain(err)
	}
	for _, c := range found {
		if err := e.removeContainer(ctx, c.ID); err != nil {
			return err
		}
	}
	return nil
}

// endedMeanwhile is how often a container's end may come in between.
const endedMeanwhile = 5

// removeContainer kills and removes a container with its anonymous volumes,
// and returns when it is gone.
func (e *Engine) removeContainer(ctx context.Context, id string) error {
	remove := func() error {
		return e.cli.ContainerRemove(ctx, id, container.RemoveOptions{Force: true, RemoveVolumes: true})
	}
	err := remove()
	// One that ends by itself while the engine is about to kill it is left
	// where it is, and can be removed now that it has ended.
	for n := 0; n < endedMeanwhile && err != nil && strings.Contains(err.Error(), "is not running"); n++ {
		err = remove()
	}
	switch {
	case errdefs.IsNotFound(err):
		return nil
	case errdefs.IsConflict(err) && strings.Contains(err.Error(), "already in progress"):
		return e.awaitGone(ctx, id)
	}
	return e.explain(err)
}

// awaitGone waits until a removal that somebody else began is done. The engine
// tells that by its events only, and those may have passed.
func (e *Engine) awaitGone(ctx context.Context, id string) error {
	for {
		_, err := e.cli.ContainerInspect(ctx, id)
		if errdefs.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return e.explain(err)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("container %.12s is still being removed: %w", id, ctx.Err())
		}
	}
}

func (e *Engine) removeNetwork(ctx context.Context, op engine.Op) error {
	found, err := e.cli.NetworkList(ctx, network.ListOptions{Filters: labelled(map[string]string{labelStack: op.Stack, composeNetwork: op.Resource})})
	if err != nil {
		return e.explain(err)
	}
	for _, n := range found {
		if err := e.removeNetworkID(ctx, n.ID); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) removeNetworkID(ctx context.Context, id string) error {
	err := e.cli.NetworkRemove(ctx, id)
	switch {
	case errdefs.IsNotFound(err):
		return nil
	case errdefs.IsPermissionDenied(err):
		// It has active endpoints; the engine does not say whose.
		n, inspecting := e.cli.NetworkInspect(ctx, id, network.InspectOptions{})
		if inspecting == nil && len(n.Containers) > 0 {
			var names []string
			for _, c := range n.Containers {
				names = append(names, c.Name)
			}
			return &said{fmt.Sprintf("network %s is still used by %s: disconnect or remove them", n.Name, strings.Join(names, ", ")), err}
		}
	}
	return e.explain(err)
}

func (e *Engine) removeVolume(ctx context.Context, op engine.Op) error {
	found, err := e.cli.VolumeList(ctx, volume.ListOptions{Filters: labelled(map[string]string{labelStack: op.Stack, composeVolume: op.Resource})})
	if err != nil {
		return e.explain(err)
	}
	for _, v := range found.Volumes {
		if err := e.removeVolumeNamed(ctx, v.Name); err != nil {
			return err
		}
	}
	return nil
}

func (e *Engine) removeVolumeNamed(ctx context.Context, name string) error {
	err := e.cli.VolumeRemove(ctx, name, false)
	if errdefs.IsNotFound(err) {
		return nil
	}
	return e.explain(err)
}
