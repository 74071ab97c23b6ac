package proc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// playing tells the test binary to be the process that is watched.
const playing = "PLIMSOLL_PROC_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(playing) != "" {
		if err := play(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// play does what each line of stdin says, and answers with the CPU time that
// the process has used by then, by its own account.
func play() error {
	var held [][]byte
	var files [][]byte
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		switch what, arg, _ := strings.Cut(lines.Text(), " "); what {
		case "burn":
			if err := burn(arg); err != nil {
				return err
			}
		case "hold": // 64 MiB of memory
			memory := make([]byte, 64<<20)
			for i := 0; i < len(memory); i += 4096 {
				memory[i] = 1
			}
			held = append(held, memory)
		case "map": // a file, and touch all of it
			file, err := os.Open(arg)
			if err != nil {
				return err
			}
			mapped, err := unix.Mmap(int(file.Fd()), 0, 64<<20, unix.PROT_READ, unix.MAP_SHARED)
			if err != nil {
				return err
			}
			sum := byte(0)
			for i := 0; i < len(mapped); i += 4096 {
				sum += mapped[i]
			}
			files = append(files, mapped, []byte{sum})
		}
		fmt.Println(ownCPU().Nanoseconds())
	}
	runtime.KeepAlive(held)
	runtime.KeepAlive(files)
	return nil
}

// burn uses that much CPU time on three threads, one of which ends before the
// others do.
func burn(arg string) error {
	amount, err := time.ParseDuration(arg)
	if err != nil {
		return err
	}
	begin := ownCPU()
	var burners sync.WaitGroup
	for _, share := range []time.Duration{amount / 4, amount, amount} {
		burners.Go(func() {
			runtime.LockOSThread() // and never unlock: the thread ends, too
			for ownCPU()-begin < share {
				for i, x := 0, 1.0; i < 1e4; i++ {
					x *= 1.0000001
				}
			}
		})
	}
	burners.Wait()
	return nil
}

func ownCPU() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

type player struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
}

func newPlayer(t *testing.T) *player {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), playing+"=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	})
	return &player{t, cmd, stdin, bufio.NewReader(stdout)}
}

// do has the process do something and returns the CPU time that it says it has
// used so far.
func (p *player) do(line string) time.Duration {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.stdin, line); err != nil {
		p.t.Fatal(err)
	}
	var used int64
	if _, err := fmt.Fscan(p.stdout, &used); err != nil {
		p.t.Fatal(err)
	}
	return time.Duration(used)
}

func (p *player) open() *Process {
	p.t.Helper()
	process, err := Open(p.cmd.Process.Pid)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { process.Close() })
	return process
}

func read(t *testing.T, p *Process) Counters {
	t.Helper()
	c, err := p.Read()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCPUAgreesWithRusage(t *testing.T) {
	p := newPlayer(t)
	process := p.open()
	var last Counters
	for _, line := range []string{"rest", "burn 100ms", "burn 300ms", "rest"} {
		own := p.do(line)
		c := read(t, process)
		// getrusage rounds user and system time down to microseconds. Above
		// it lies what printing the answer took.
		more := c.CPU - own
		if more < 0 || more > 10*time.Millisecond {
			t.Errorf("%s: the process has used %v, counted are %v (%+v)", line, own, c.CPU, more)
		}
		t.Logf("%s: own %v, counted %+v", line, own, more)
		if c.CPU < last.CPU || c.At.Before(last.At) {
			t.Errorf("%s: %+v after %+v", line, c, last)
		}
		last = c
	}
	p.stdin.Close()
	if err := p.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if final := p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime(); last.CPU > final+2*time.Microsecond {
		t.Errorf("counted %v of a process that used %v in its life", last.CPU, final)
	}
}

func TestMemoryIsWithoutFiles(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, make([]byte, 64<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	p := newPlayer(t)
	process := p.open()
	p.do("rest")
	before := read(t, process).MemoryBytes
	p.do("map " + file)
	mapped := read(t, process).MemoryBytes
	p.do("hold")
	held := read(t, process).MemoryBytes
	const slack = 8 << 20
	if more := mapped - before; more > slack {
		t.Errorf("mapping a file of 64 MiB takes %d bytes of memory", more)
	}
	if more := held - mapped; more < 64<<20-slack || more > 64<<20+slack {
		t.Errorf("holding 64 MiB takes %d bytes of memory", more)
	}
}

func TestReadAfterTheEnd(t *testing.T) {
	p := newPlayer(t)
	process := p.open()
	p.do("rest")
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// Not reaped yet, it still has its number, but no memory.
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := process.Read(); errors.Is(err, ErrEnded) {
			break
		} else if err != nil || time.Now().After(deadline) {
			t.Fatalf("read a process that was killed: %v", err)
		}
	}
	_ = p.cmd.Wait()
	if c, err := process.Read(); !errors.Is(err, ErrEnded) {
		t.Errorf("read a process that was reaped: %+v, %v", c, err)
	}
	if _, err := Open(p.cmd.Process.Pid); !errors.Is(err, ErrEnded) {
		t.Errorf("open a process that was reaped: %v", err)
	}
}

func TestHost(t *testing.T) {
	facts := Host()
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		t.Fatal(err)
	}
	if facts.Kernel != strings.TrimSpace(string(kernel)) {
		t.Errorf("kernel %q, want %q", facts.Kernel, kernel)
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		t.Fatal(err)
	}
	if got, want := facts.MemoryBytes, int64(info.Totalram)*int64(info.Unit); got != want {
		t.Errorf("memory %d, want %d", got, want)
	}
	if facts.CPUs < 1 {
		t.Errorf("%d CPUs", facts.CPUs)
	}
}

func BenchmarkRead(b *testing.B) {
	process, err := Open(os.Getpid())
	if err != nil {
		b.Fatal(err)
	}
	defer process.Close()
	for b.Loop() {
		if _, err := process.Read(); err != nil {
			b.Fatal(err)
		}
	}
}
