package docker

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"plimsoll/runner/engine"
)

const (
	// execKept is how much of the end of a command's output is kept.
	execKept = 16 << 10
	// logsKept is how much of the end of the logs is returned at most.
	logsKept = 256 << 10
)

// Exec runs a command in a replica's container. When ctx ends first, the
// command goes on without us: Docker knows no way to end it.
func (e *Engine) Exec(ctx context.Context, replica engine.Replica, command []string) (int, string, error) {
	created, err := e.cli.ContainerExecCreate(ctx, replica.ID, container.ExecOptions{Cmd: command, AttachStdout: true, AttachStderr: true})
	if err != nil {
		return 0, "", e.explain(err)
	}
	conn, err := e.cli.ContainerExecAttach(ctx, created.ID, container.ExecAttachOptions{})
	if err != nil {
		return 0, "", e.explain(err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, conn.Close)() // ends the copying
	output := engine.NewTail(execKept)
	_, err = stdcopy.StdCopy(output, output, conn.Reader)
	if ctx.Err() != nil {
		return 0, output.String(), fmt.Errorf("%q in %s: %w", command[0], replica.Name(), ctx.Err())
	}
	if err != nil {
		return 0, output.String(), err
	}
	code, err := e.exitCode(ctx, created.ID)
	return code, output.String(), err
}

// exitCode asks for a command's exit code, which the engine may notice a
// moment later than the end of its output.
func (e *Engine) exitCode(ctx context.Context, id string) (int, error) {
	for {
		state, err := e.cli.ContainerExecInspect(ctx, id)
		if err != nil {
			return 0, e.explain(err)
		}
		if !state.Running {
			return state.ExitCode, nil
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// Logs returns the last lines of a replica's stdout and stderr, in the order
// in which the engine received them.
func (e *Engine) Logs(ctx context.Context, replica engine.Replica, lines int) (string, error) {
	body, err := e.cli.ContainerLogs(ctx, replica.ID, container.LogsOptions{ShowStdout: true, ShowStderr: true, Tail: strconv.Itoa(lines)})
	if err != nil {
		return "", e.explain(err)
	}
	defer body.Close()
	output := engine.NewTail(logsKept)
	err = e.copyLogs(ctx, output, body, replica.ID)
	return output.String(), err
}

// copyLogs copies a container's logs. Those of one with a terminal are a plain
// text, others tell stdout and stderr apart.
func (e *Engine) copyLogs(ctx context.Context, w io.Writer, logs io.Reader, id string) error {
	found, err := e.cli.ContainerInspect(ctx, id)
	if err != nil {
		return e.explain(err)
	}
	if found.Config != nil && found.Config.Tty {
		_, err = io.Copy(w, logs)
	} else {
		_, err = stdcopy.StdCopy(w, w, logs)
	}
	return err
}
