package process

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"plimsoll/runner/engine"
	"plimsoll/scenarios/topology"
)

// stack is what exists of a stack; the engine's lock guards it. Its folder
// holds
//
//	hosts              who has which address
//	volumes/NAME/      named volumes
//	replicas/web-1/    a replica's working directory, tmpfs and unnamed volumes
type stack struct {
	name     string
	dir      string
	subnet   subnet
	networks map[string]bool
	volumes  map[string]bool
	replicas map[string]*replica // by name
}

func newStack(name, dir string, sub subnet) *stack {
	return &stack{
		name: name, dir: dir, subnet: sub,
		networks: map[string]bool{}, volumes: map[string]bool{}, replicas: map[string]*replica{},
	}
}

// isFileName reports whether a name can be that of a file or folder.
func isFileName(name string) bool {
	return filepath.IsLocal(name) && name != "." && !strings.ContainsAny(name, `/\`)
}

func (s *stack) sorted() []*replica {
	return slices.SortedFunc(maps.Values(s.replicas), compareReplicas)
}

func (s *stack) hosts() string             { return filepath.Join(s.dir, "hosts") }
func (s *stack) volume(name string) string { return filepath.Join(s.dir, "volumes", name) }
func (s *stack) scratch(replica string) string {
	return filepath.Join(s.dir, "replicas", replica)
}

func (s *stack) createVolume(name string) error {
	if !isFileName(name) {
		return fmt.Errorf("volume name %q: want one that can be a folder's name", name)
	}
	if err := os.MkdirAll(s.volume(name), 0o755); err != nil {
		return err
	}
	s.volumes[name] = true
	return nil
}

// writeHosts brings the hosts file up to date. Whoever reads it sees the old
// one or the new one, whole. It need not survive a crash of the machine.
func (s *stack) writeHosts() error {
	var text bytes.Buffer
	for _, r := range s.sorted() {
		if r.status != engine.Exited {
			fmt.Fprintf(&text, "%s\t%s\n", r.address, strings.Join(hostNames(r.service, r.number), " "))
		}
	}
	err := os.WriteFile(s.hosts()+".new", text.Bytes(), 0o644)
	if err == nil {
		err = os.Rename(s.hosts()+".new", s.hosts())
	}
	if err != nil {
		return fmt.Errorf("bring the hosts file up to date: %w", err)
	}
	return nil
}

// hostNames returns the names under which a replica is found, its service's
// first.
func hostNames(s topology.Service, number int) []string {
	names := []string{s.Name, engine.ReplicaName(s.Name, number)}
	for _, network := range s.Networks {
		for _, alias := range network.Aliases {
			if !slices.Contains(names, alias) {
				names = append(names, alias)
			}
		}
	}
	return names
}

// removeFiles removes the stack's folder, but for volumes that hold something.
func (s *stack) removeFiles() error {
	errs := []error{os.RemoveAll(s.hosts()), os.RemoveAll(filepath.Join(s.dir, "replicas"))}
	for name := range s.volumes {
		errs = append(errs, removeIfEmpty(s.volume(name)))
	}
	return errors.Join(append(errs, removeIfEmpty(filepath.Join(s.dir, "volumes")), removeIfEmpty(s.dir))...)
}

// removeIfEmpty removes a folder in which nothing is, and no other.
func removeIfEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil || len(entries) > 0 {
		return err
	}
	return os.Remove(dir)
}

// subnet is the 127.x.y.0/24 of a stack.
type subnet [2]byte

// address returns the subnet's n-th address.
func (s subnet) address(n byte) netip.Addr { return netip.AddrFrom4([4]byte{127, s[0], s[1], n}) }

// chooseSubnet derives a subnet from the stack's name and from the number of
// this process, so that stacks that run at the same time hardly ever meet. It
// stays away from 127.0 to 127.15, where resolvers and the like live.
func chooseSubnet(name string, pid int, taken map[subnet]bool) subnet {
	hash := fnv.New32a()
	fmt.Fprintf(hash, "%s %d", name, pid)
	const first, count = 16 << 8, 239 << 8
	for n := hash.Sum32() % count; ; n = (n + 1) % count {
		chosen := first + n
		if sub := (subnet{byte(chosen >> 8), byte(chosen)}); !taken[sub] {
			return sub
		}
	}
}

// addressTries is how many addresses are tried when ports are taken: one that
// is taken on all of them is taken by somebody who listens on every address.
const addressTries = 8

// chooseAddress returns an address of the stack's subnet that no replica of it
// has and on which the service's ports are free.
func (s *stack) chooseAddress(service topology.Service) (netip.Addr, error) {
	taken := map[netip.Addr]bool{}
	for _, r := range s.replicas {
		taken[r.address] = true
	}
	var failure error
	tries := 0
	for n := byte(1); n < 255 && tries < addressTries; n++ {
		address := s.subnet.address(n)
		if taken[address] {
			continue
		}
		tries++
		if failure = portsFree(address, service.Ports); failure == nil {
			return address, nil
		}
	}
	if failure == nil {
		return netip.Addr{}, fmt.Errorf("stack %s has its 254 addresses in use already", s.name)
	}
	return netip.Addr{}, fmt.Errorf("no loopback address for it: %w; %s", failure, remedy(failure))
}

// portsFree listens on each port for a moment.
func portsFree(address netip.Addr, ports []topology.Port) error {
	for _, port := range ports {
		where := net.JoinHostPort(address.String(), strconv.Itoa(int(port.Target)))
		var listener interface{ Close() error }
		var err error
		if port.Protocol == "udp" {
			listener, err = net.ListenPacket("udp4", where)
		} else {
			listener, err = net.Listen("tcp4", where)
		}
		if err == nil {
			err = listener.Close()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// remedy says what to do when no address can be listened on.
func remedy(failure error) string {
	switch {
	case errors.Is(failure, os.ErrPermission):
		return "ports below 1024 are for root, or for everybody after sysctl net.ipv4.ip_unprivileged_port_start=0; or use Docker (--engine docker)"
	case runtime.GOOS != "linux" && runtime.GOOS != "windows":
		return "this system has no loopback address but 127.0.0.1 until others are added (ifconfig lo0 alias ADDRESS): use Docker (--engine docker)"
	}
	return "stop the program that listens on this port on every address, or use Docker (--engine docker)"
}
