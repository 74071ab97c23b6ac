package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/client"
	"golang.org/x/sys/unix"

	"plimsoll/internal/testenv"
)

// farEngine is a second Docker engine, in a network namespace of its own: this
// host reaches the engine, by TLS, and none of its containers.
type farEngine struct {
	address string // tcp://…
	certs   string // folder with ca.pem, cert.pem and key.pem
	cli     *client.Client

	name, dir string
	logs      []string // files
}

// startFarEngine starts the engine and takes all of it away after the test.
func startFarEngine(t *testing.T) *farEngine {
	t.Helper()
	testenv.Docker(t)
	for _, program := range []string{"dockerd", "containerd", "ip", "nsenter"} {
		testenv.Command(t, "docker", program)
	}
	if os.Geteuid() != 0 {
		testenv.Unmet(t, "docker", "a second Docker engine can be started by root only")
	}
	f := &farEngine{name: fmt.Sprintf("plimsollfar%d", os.Getpid())}
	var err error
	// Not t.TempDir: what a test is called is too long for a socket's path.
	if f.dir, err = os.MkdirTemp("", "plimsollfar"); err != nil {
		t.Fatal(err)
	}
	f.certs = filepath.Join(f.dir, "certs")
	t.Cleanup(func() {
		if t.Failed() {
			for _, log := range f.logs {
				text, err := os.ReadFile(log)
				t.Logf("%s (%v):\n%s", filepath.Base(log), err, tail(string(text), 4000))
			}
		}
		if err := f.remove(); err != nil {
			t.Error("the second engine is not wholly gone: ", err)
		}
	})

	here, far := f.block(1), f.block(2)
	// A veth's two ends: names have 15 characters at most.
	outer, inner := fmt.Sprintf("plf%dh", os.Getpid()), fmt.Sprintf("plf%df", os.Getpid())
	for _, line := range []string{
		"netns add " + f.name,
		"link add " + outer + " type veth peer name " + inner + " netns " + f.name,
		"addr add " + here.String() + "/20 dev " + outer,
		"link set " + outer + " up",
		"-n " + f.name + " addr add " + far.String() + "/30 dev " + inner,
		"-n " + f.name + " link set " + inner + " up",
		"-n " + f.name + " link set lo up",
	} {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", line, err, out)
		}
	}
	f.writeCertificates(t, far)

	// A containerd of its own: what an engine calls its host's network is
	// that of its containerd.
	containerd := filepath.Join(f.dir, "c.sock")
	f.write(t, "containerd.toml", fmt.Sprintf("version = 2\nroot = %q\nstate = %q\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\n  address = %q\n",
		filepath.Join(f.dir, "c-root"), filepath.Join(f.dir, "c-state"), containerd))
	f.write(t, "daemon.json", "{}")
	f.start(t, "containerd", "--config", filepath.Join(f.dir, "containerd.toml"))
	f.await(t, "containerd", func(context.Context) error {
		_, err := os.Stat(containerd)
		return err
	})
	f.address = "tcp://" + net.JoinHostPort(far.String(), "2376")
	f.start(t, "dockerd", "--config-file", filepath.Join(f.dir, "daemon.json"),
		"--data-root", filepath.Join(f.dir, "data"), "--exec-root", filepath.Join(f.dir, "exec"), "--pidfile", filepath.Join(f.dir, "pid"),
		"--containerd", containerd, "--containerd-namespace", f.name, "--containerd-plugins-namespace", f.name+"-plugins",
		"--host", f.address, "--tlsverify",
		"--tlscacert", filepath.Join(f.certs, "ca.pem"), "--tlscert", filepath.Join(f.certs, "server.pem"), "--tlskey", filepath.Join(f.certs, "server-key.pem"),
		"--cgroup-parent", "/"+f.name, "--storage-driver", mainStorageDriver(t), "--default-address-pool", fmt.Sprintf("base=%s/21,size=25", f.block(upperHalf)))
	file := func(name string) string { return filepath.Join(f.certs, name) }
	if f.cli, err = client.NewClientWithOpts(client.WithTLSClientConfig(file("ca.pem"), file("cert.pem"), file("key.pem")),
		client.WithHost(f.address), client.WithAPIVersionNegotiation()); err != nil {
		t.Fatal(err)
	}
	f.await(t, "dockerd", func(ctx context.Context) error {
		_, err := f.cli.Info(ctx)
		return err
	})
	f.expectOutOfReach(t)
	return f
}

// block is a network of 2^12 addresses for this process alone, out of the range
// that is set aside for tests of this kind (RFC 2544). To this host all of it
// lies behind the veth, so that no other route leads to any of it: the engine
// has the second address, and its containers have those of the upper half,
// which nobody answers for outside of the namespace.
func (f *farEngine) block(i int) net.IP {
	const blocks, size = 1 << (20 - 15), 1 << 12
	n := os.Getpid()%blocks*size + i
	return net.IPv4(198, 18+byte(n>>16), byte(n>>8), byte(n))
}

const upperHalf = 1 << 11

// expectOutOfReach fails unless connections to the containers' addresses fail
// here. Else the test would show nothing.
func (f *farEngine) expectOutOfReach(t *testing.T) {
	t.Helper()
	address := net.JoinHostPort(f.block(upperHalf+2).String(), "8080")
	if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
		conn.Close()
		t.Fatalf("%s answers, where nothing should be reached from here", address)
	}
}

func mainStorageDriver(t *testing.T) string {
	t.Helper()
	cli, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	defer cli.Close()
	info, err := cli.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.Driver
}

func (f *farEngine) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// start runs a daemon in the engine's network until the end of the test.
func (f *farEngine) start(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := exec.Command("nsenter", append([]string{"--net=/run/netns/" + f.name, name}, args...)...)
	log, err := os.Create(filepath.Join(f.dir, name+".log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close() // the daemon has its own
	f.logs = append(f.logs, log.Name())
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // the last one started is ended first
		_ = cmd.Process.Signal(syscall.SIGTERM)
		defer time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() }).Stop()
		if err := cmd.Wait(); err != nil {
			t.Logf("%s ended: %v", name, err)
		}
	})
}

func (f *farEngine) await(t *testing.T, what string, ready func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			t.Fatalf("%s does not get ready: %v", what, err)
		}
	}
}

// remove takes away what the daemons leave when they have ended.
func (f *farEngine) remove() error {
	var failed []error
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	failed = append(failed, err)
	for _, line := range slices.Backward(strings.Split(string(mounts), "\n")) {
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], f.dir+"/") {
			failed = append(failed, unix.Unmount(fields[4], unix.MNT_DETACH))
		}
	}
	if out, err := exec.Command("ip", "netns", "delete", f.name).CombinedOutput(); err != nil {
		failed = append(failed, fmt.Errorf("ip netns delete %s: %w: %s", f.name, err, out))
	}
	groups, err := filepath.Glob("/sys/fs/cgroup/*/" + f.name)
	failed = append(failed, err)
	for _, group := range append(groups, filepath.Join("/sys/fs/cgroup", f.name)) {
		failed = append(failed, removeGroup(group))
	}
	return errors.Join(append(failed, os.RemoveAll(f.dir))...)
}

// removeGroup removes a control group with those below it.
func removeGroup(dir string) error {
	below, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	failed := []error{err}
	for _, each := range below {
		if each.IsDir() {
			failed = append(failed, removeGroup(filepath.Join(dir, each.Name())))
		}
	}
	return errors.Join(append(failed, unix.Rmdir(dir))...)
}

// writeCertificates makes an authority, and the engine's and the client's
// certificates.
func (f *farEngine) writeCertificates(t *testing.T, far net.IP) {
	t.Helper()
	if err := os.Mkdir(f.certs, 0o700); err != nil {
		t.Fatal(err)
	}
	template := func(serial int64, name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		}
	}
	authority, server, user := template(1, "authority"), template(2, "engine"), template(3, "client")
	authority.IsCA, authority.BasicConstraintsValid, authority.KeyUsage = true, true, x509.KeyUsageCertSign
	server.IPAddresses, server.ExtKeyUsage = []net.IP{far}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	user.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	authorityKey := newKey(t)
	for _, c := range []struct {
		certificate *x509.Certificate
		key         *ecdsa.PrivateKey
		file, keyIn string
	}{
		{authority, authorityKey, "ca.pem", "ca-key.pem"},
		{server, newKey(t), "server.pem", "server-key.pem"},
		{user, newKey(t), "cert.pem", "key.pem"},
	} {
		signed, err := x509.CreateCertificate(rand.Reader, c.certificate, authority, c.key.Public(), authorityKey)
		if err != nil {
			t.Fatal(err)
		}
		key, err := x509.MarshalPKCS8PrivateKey(c.key)
		if err != nil {
			t.Fatal(err)
		}
		f.write(t, filepath.Join("certs", c.file), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: signed})))
		f.write(t, filepath.Join("certs", c.keyIn), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func tail(text string, most int) string { return text[max(0, len(text)-most):] }
