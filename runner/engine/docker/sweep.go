package docker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/api/types/volume"

	"github.com/containerd/errdefs"

	"plimsoll/runner/engine"
)

// Filter says what Sweep removes.
type Filter struct {
	// Run is the ID of the run whose things are removed; empty: of all runs,
	// but not of stacks that were brought up by hand.
	Run string
	// Stack names the one stack whose things are removed; empty: all.
	Stack string
	// Hand removes these, too.
	Hand bool
	// Images removes the images made from plimsoll executables, and those
	// built for stacks, too.
	Images bool
}

const (
	// quietPasses is how often in a row nothing has to be found.
	quietPasses = 2
	// settle is the pause between two passes. An engine goes on with what a
	// killed client had asked for, so things may still appear.
	settle = 300 * time.Millisecond
	// futilePasses is how often in a row nothing of what was found could be
	// removed.
	futilePasses = 3
)

// Sweep removes the containers, networks and volumes that carry our labels,
// whoever made them and whether they run or not, and returns what it removed:
// "container twip-web-1", …. It looks until it finds nothing twice in a row.
// What cannot be removed is in the error; the rest is removed all the same.
func (e *Engine) Sweep(ctx context.Context, filter Filter) (removed []string, err error) {
	quiet, futile := 0, 0
	for quiet < quietPasses {
		gone, err := e.sweepOnce(ctx, filter)
		removed = append(removed, gone...)
		switch {
		case ctx.Err() != nil:
			return removed, ctx.Err()
		case len(gone) > 0:
			quiet, futile = 0, 0
			continue
		case err == nil:
			quiet++
		default:
			quiet = 0
			if futile++; futile == futilePasses {
				return removed, err
			}
		}
		select {
		case <-time.After(settle):
		case <-ctx.Done():
			return removed, ctx.Err()
		}
	}
	return removed, nil
}

// found is something to be removed.
type found struct {
	what   string
	remove func(context.Context) error
}

// sweepOnce goes through containers first, as networks and volumes cannot be
// removed under them.
func (e *Engine) sweepOnce(ctx context.Context, filter Filter) (removed []string, err error) {
	lists := []func(context.Context, Filter) ([]found, error){e.findContainers, e.findNetworks, e.findVolumes}
	if filter.Images {
		lists = append(lists, e.findImages)
	}
	for _, list := range lists {
		all, listing := list(ctx, filter)
		if listing != nil {
			return removed, errors.Join(err, e.explain(listing))
		}
		gone, removing := removeAll(ctx, all)
		removed, err = append(removed, gone...), errors.Join(err, removing)
	}
	return removed, err
}

// removeAll removes things, a few at a time.
func removeAll(ctx context.Context, all []found) (removed []string, err error) {
	const parallel = 8
	slots, errs := make(chan struct{}, parallel), make([]error, len(all))
	var group sync.WaitGroup
	for i, f := range all {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			errs[i] = f.remove(ctx)
		})
	}
	group.Wait()
	for i, f := range all {
		if errs[i] == nil {
			removed = append(removed, f.what)
		} else {
			err = errors.Join(err, fmt.Errorf("remove %s: %w", f.what, errs[i]))
		}
	}
	return removed, err
}

func (f Filter) labels() filters.Args {
	labels := map[string]string{labelRun: f.Run}
	if f.Stack != "" {
		labels[labelStack] = f.Stack
	}
	return labelled(labels)
}

// spares reports whether something with these labels stays.
func (f Filter) spares(labels map[string]string) bool {
	return f.Run == "" && !f.Hand && labels[labelRun] == engine.HandRun
}

func (e *Engine) findContainers(ctx context.Context, filter Filter) ([]found, error) {
	list, err := e.cli.ContainerList(ctx, container.ListOptions{All: true, Filters: filter.labels()})
	var all []found
	for _, c := range list {
		if filter.spares(c.Labels) {
			continue
		}
		name := c.ID[:12]
		if len(c.Names) > 0 {
			name = c.Names[0][1:]
		}
		all = append(all, found{"container " + name, func(ctx context.Context) error { return e.removeContainer(ctx, c.ID) }})
	}
	return all, err
}

func (e *Engine) findNetworks(ctx context.Context, filter Filter) ([]found, error) {
	list, err := e.cli.NetworkList(ctx, network.ListOptions{Filters: filter.labels()})
	var all []found
	for _, n := range list {
		if filter.spares(n.Labels) {
			continue
		}
		all = append(all, found{"network " + n.Name, func(ctx context.Context) error { return e.removeNetworkID(ctx, n.ID) }})
	}
	return all, err
}

func (e *Engine) findVolumes(ctx context.Context, filter Filter) ([]found, error) {
	list, err := e.cli.VolumeList(ctx, volume.ListOptions{Filters: filter.labels()})
	var all []found
	for _, v := range list.Volumes {
		if filter.spares(v.Labels) {
			continue
		}
		all = append(all, found{"volume " + v.Name, func(ctx context.Context) error { return e.removeVolumeNamed(ctx, v.Name) }})
	}
	return all, err
}

// findImages ignores the run: an image serves all of them.
func (e *Engine) findImages(ctx context.Context, _ Filter) ([]found, error) {
	list, err := e.cli.ImageList(ctx, image.ListOptions{All: true, Filters: labelled(map[string]string{labelImage: ""})})
	var all []found
	for _, i := range list {
		name := i.ID
		if len(i.RepoTags) > 0 {
			name = i.RepoTags[0]
		}
		all = append(all, found{"image " + name, func(ctx context.Context) error {
			_, err := e.cli.ImageRemove(ctx, i.ID, image.RemoveOptions{Force: true, PruneChildren: true})
			if errdefs.IsNotFound(err) {
				return nil
			}
			return e.explain(err)
		}})
	}
	return all, err
}
