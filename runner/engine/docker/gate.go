package docker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"plimsoll/internal/relay"
	"plimsoll/runner/engine"
)

// A gate is a container in the network of the engine's own host, from which
// the replicas of all stacks are reached by their addresses, as they are from
// this host where the engine is here. Connections are made by commands in it,
// whose stdin and stdout the engine passes on. It lives until the Engine is
// closed, and like a worker it ends by itself when this process dies.

// Dial connects to an address as the engine's host would.
func (e *Engine) Dial(ctx context.Context, address string, within time.Duration) (net.Conn, error) {
	if e.place.addresses {
		dialer := net.Dialer{Timeout: within}
		return dialer.DialContext(ctx, "tcp", address)
	}
	conn, err := e.dialThroughGate(ctx, address, within)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return conn, err
}

func (e *Engine) dialThroughGate(ctx context.Context, address string, within time.Duration) (net.Conn, error) {
	id, err := e.openGate(ctx)
	if err != nil {
		return nil, fmt.Errorf("container to dial from: %w", err)
	}
	created, err := e.cli.ContainerExecCreate(ctx, id, container.ExecOptions{
		Cmd:         []string{"/" + selfName, "dial", within.String(), address},
		AttachStdin: true, AttachStdout: true, AttachStderr: true,
	})
	if err != nil {
		return nil, e.explain(err)
	}
	attached, err := e.cli.ContainerExecAttach(ctx, created.ID, container.ExecAttachOptions{})
	if err != nil {
		return nil, e.explain(err)
	}
	conn := &relayed{Conn: attached.Conn}
	stderr := engine.NewTail(stderrKept)
	var stdout *io.PipeWriter
	conn.stdout, stdout = io.Pipe()
	go func() {
		_, err := stdcopy.StdCopy(stdout, stderr, attached.Reader)
		if said := stderr.String(); err == nil && said != "" {
			err = errors.New(said)
		}
		stdout.CloseWithError(err) // nil: EOF
	}()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if err := relay.Accept(conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// relayed is a connection that was made by a command in the gate.
type relayed struct {
	net.Conn
	stdout *io.PipeReader
}

// Read reads what the peer sent.
func (c *relayed) Read(p []byte) (int, error) { return c.stdout.Read(p) }

// Close ends the command.
func (c *relayed) Close() error {
	return errors.Join(c.stdout.Close(), c.Conn.Close())
}

// openGate returns the gate's ID, and opens it unless it is.
func (e *Engine) openGate(ctx context.Context) (id string, err error) {
	var gate *worker
	select {
	case gate = <-e.gate:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	defer func() { e.gate <- gate }()
	if gate != nil {
		select {
		case <-gate.ended: // somebody has removed it
			gate.release()
			gate = nil
		default:
			return gate.id, nil
		}
	}
	image, err := e.ensureSelf(ctx)
	if err != nil {
		return "", err
	}
	ctx, cancel := seeThrough(ctx) // as in Do
	defer cancel()
	if id, err = e.create(ctx, gateSpec(image)); err != nil {
		return "", err
	}
	if gate, err = e.startWorker(ctx, id); err != nil {
		return "", e.undo(ctx, id, err)
	}
	return id, nil
}

// gateRun stands in gates' labels where a run's ID does in others'.
const gateRun = "gate"

func gateSpec(image string) spec {
	var number [4]byte
	_, _ = rand.Read(number[:]) // it never fails
	return spec{
		name: fmt.Sprintf("plimsoll-gate-%x", number),
		config: &container.Config{
			Image: image, Cmd: []string{"dial"}, Labels: map[string]string{labelRun: gateRun, labelRole: roleGate},
			OpenStdin: true, StdinOnce: true, AttachStdin: true, AttachStdout: true, AttachStderr: true,
		},
		host: &container.HostConfig{
			AutoRemove: true, NetworkMode: "host", LogConfig: container.LogConfig{Type: "none"},
		},
	}
}

func (e *Engine) closeGate() error {
	gate := <-e.gate
	defer func() { e.gate <- nil }()
	if gate == nil {
		return nil
	}
	const patience = 10 * time.Second // then it ends by itself, of its stdin's end
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := gate.Stop(ctx); err != nil && !errdefs.IsNotFound(err) {
		return fmt.Errorf("remove the container to dial from: %w", err)
	}
	return nil
}
