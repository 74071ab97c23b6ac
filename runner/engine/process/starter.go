package process

import (
	"os/exec"
	"runtime"
)

// starter starts children, all from one thread that lives as long as the
// starter. On Linux a child is killed when the thread that started it ends,
// and the runtime ends threads as it likes.
type starter struct {
	jobs   chan func()
	closed chan struct{}
}

func newStarter() *starter {
	s := &starter{jobs: make(chan func()), closed: make(chan struct{})}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for {
			select {
			case job := <-s.jobs:
				job()
			case <-s.closed:
				return
			}
		}
	}()
	return s
}

// do runs a function on the starter's thread.
func (s *starter) do(f func() error) error {
	result := make(chan error, 1)
	select {
	case s.jobs <- func() { result <- f() }:
		return <-result
	case <-s.closed:
		return errClosed
	}
}

func (s *starter) start(cmd *exec.Cmd) error { return s.do(cmd.Start) }

// close ends the thread, after the job that it is at.
func (s *starter) close() { close(s.closed) }
