package docker

import (
	"context"
	"io"
	"strconv"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"

	"plimsoll/runner/engine"
)

var (
	_ engine.Follower = (*Engine)(nil)
	_ engine.Imager   = (*Engine)(nil)
)

// Follow copies a container's output, stdout and stderr as they come.
func (e *Engine) Follow(ctx context.Context, replica engine.Replica, lines int, w io.Writer) error {
	body, err := e.cli.ContainerLogs(ctx, replica.ID, container.LogsOptions{
		ShowStdout: true, ShowStderr: true, Follow: true, Tail: strconv.Itoa(lines),
	})
	if err != nil {
		return e.explain(err)
	}
	defer body.Close()
	err = e.copyLogs(ctx, w, body, replica.ID)
	if ctx.Err() != nil {
		return nil // that was the end
	}
	return e.explain(err)
}

// Image describes an image. The one made from this program is asked for by its
// name in topologies.
func (e *Engine) Image(ctx context.Context, name string) (engine.Image, bool, error) {
	ref := name
	if name == engine.SelfImage {
		self, err := e.self()
		if err != nil {
			return engine.Image{}, false, err
		}
		ref = self.ref
	}
	found, err := e.cli.ImageInspect(ctx, ref)
	if errdefs.IsNotFound(err) {
		return engine.Image{}, false, nil
	}
	if err != nil {
		return engine.Image{}, false, e.explain(err)
	}
	image := engine.Image{Name: name, ID: found.ID, Digests: found.RepoDigests, Bytes: found.Size}
	// An engine that does not know says nothing, or the year 1.
	if created, err := time.Parse(time.RFC3339Nano, found.Created); err == nil && created.Unix() > 0 {
		image.Created = created
	}
	return image, true, nil
}
