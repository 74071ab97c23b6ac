package engine

import (
	"fmt"
	"slices"
	"strings"

	"plimsoll/scenarios/topology"
)

// Kind is what an operation does.
type Kind string

// The kinds of operations. Do gets all but the Await kinds, which Apply does
// by probing.
const (
	EnsureImage   Kind = "ensure image"
	CreateNetwork Kind = "create network"
	CreateVolume  Kind = "create volume"
	CreateReplica Kind = "create"
	StartReplica  Kind = "start"
	AwaitReady    Kind = "await ready"
	AwaitExit     Kind = "await exit"
	RemoveReplica Kind = "remove"
	RemoveVolume  Kind = "remove volume"
	RemoveNetwork Kind = "remove network"
)

// Op is one step from the observed stack to the wanted one.
type Op struct {
	Kind  Kind
	Stack string // the stack's name
	Run   string // the run's ID, for labels
	Dir   string // the topology's folder, for labels
	// Resource is the short name of the network, volume or image; empty for
	// an operation on a replica.
	Resource string
	// Network and Volume say how a network or volume that is created differs
	// from the usual.
	Network topology.NetworkOptions
	Volume  topology.VolumeOptions
	// Service and Number tell the replica. For a RemoveReplica only the
	// service's name is set. For an EnsureImage it is a service that says how
	// to come by the image.
	Service topology.Service
	Number  int
	// Cause says why the operation is needed.
	Cause string
	// Needs are the indices, in the list that Diff returned, of operations
	// that have to be done before this one. They are always smaller than
	// the operation's own.
	Needs []int
}

// Target names what the operation works on: "web-1" or "default".
func (op Op) Target() string {
	if op.Resource != "" {
		return op.Resource
	}
	return ReplicaName(op.Service.Name, op.Number)
}

// ReplicaName is the name of a service's n-th replica: "web-1".
func ReplicaName(service string, n int) string { return fmt.Sprintf("%s-%d", service, n) }

// String renders the operation as one line: what, why, after which ones.
func (op Op) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s (%s)", op.Kind, op.Target(), op.Cause)
	if len(op.Needs) > 0 {
		fmt.Fprintf(&b, " after")
		for _, n := range op.Needs {
			fmt.Fprintf(&b, " #%d", n)
		}
	}
	return b.String()
}

// Diff returns the operations that turn what is there into what is wanted, in
// an order in which each comes after those that it needs. A Stack whose
// Topology is nil wants nothing to be left. Diff is pure.
func Diff(want Stack, have State) []Op {
	d := differ{want: want, have: have, wanted: &topology.Topology{}}
	if want.Topology != nil {
		d.wanted = want.Topology
	}
	removals := d.removeReplicas()
	d.removeRest(removals)
	d.createRest()
	d.startServices(d.createReplicas())
	return d.ops
}

type differ struct {
	want   Stack
	wanted *topology.Topology
	have   State
	ops    []Op
}

func (d *differ) add(op Op) int {
	op.Stack, op.Run, op.Dir = d.want.Name, d.want.Run, d.wanted.Dir
	slices.Sort(op.Needs)
	op.Needs = slices.Compact(op.Needs)
	d.ops = append(d.ops, op)
	return len(d.ops) - 1
}

// unwanted is why what the topology does not have is removed.
func (d *differ) unwanted() string {
	if len(d.wanted.Services) == 0 {
		return "taken down"
	}
	return "not in the topology"
}

func (d *differ) find(service string, number int) (Replica, bool) {
	return find(d.have, service, number)
}

// removeReplicas removes what is not wanted and what has died, and returns
// the operations by replica name.
func (d *differ) removeReplicas() map[string]int {
	removed := map[string]int{}
	for _, r := range d.have.Replicas {
		s, known := d.wanted.Service(r.Service)
		var cause string
		switch {
		case !known:
			cause = d.unwanted()
		case r.Number > s.Replicas:
			cause = fmt.Sprintf("%d of %s wanted", s.Replicas, r.Service)
		case d.dead(r):
			cause = fmt.Sprintf("exited with code %d", r.ExitCode)
		case changed(s, r):
			cause = "made from another definition"
		default:
			continue
		}
		removed[r.Name()] = d.add(Op{Kind: RemoveReplica, Service: topology.Service{Name: r.Service}, Number: r.Number, Cause: cause})
	}
	return removed
}

// spent reports whether a replica has to make room for another one.
func (d *differ) spent(s topology.Service, r Replica) bool { return d.dead(r) || changed(s, r) }

// changed reports whether a replica was made from another definition of its
// service than the one that is wanted.
func changed(s topology.Service, r Replica) bool {
	wanted, err := Definition(s)
	return err == nil && r.Definition != "" && r.Definition != wanted
}

// dead reports whether a replica has ended that should not have, or not so.
func (d *differ) dead(r Replica) bool {
	completed := waitedFor(d.wanted, r.Service) && r.ExitCode == 0
	return r.Status == Exited && !completed
}

// waitedFor reports whether some service waits for this one to complete, so
// that its end is no failure.
func waitedFor(t *topology.Topology, service string) bool {
	for _, s := range t.Services {
		for _, dep := range s.DependsOn {
			if dep.Service == service && dep.Condition == topology.Completed {
				return true
			}
		}
	}
	return false
}

func (d *differ) removeRest(replicas map[string]int) {
	var after []int
	for _, i := range replicas {
		after = append(after, i)
	}
	for _, n := range d.have.Networks {
		if !slices.Contains(d.wanted.Networks, n) {
			d.add(Op{Kind: RemoveNetwork, Resource: n, Cause: d.unwanted(), Needs: slices.Clone(after)})
		}
	}
	for _, v := range d.have.Volumes {
		if !slices.Contains(d.wanted.Volumes, v) {
			d.add(Op{Kind: RemoveVolume, Resource: v, Cause: d.unwanted(), Needs: slices.Clone(after)})
		}
	}
}

// createRest makes networks, volumes and images.
func (d *differ) createRest() {
	for _, n := range d.wanted.Networks {
		if !slices.Contains(d.have.Networks, n) {
			d.add(Op{Kind: CreateNetwork, Resource: n, Network: d.wanted.NetworkOptions[n], Cause: "missing"})
		}
	}
	for _, v := range d.wanted.Volumes {
		if !slices.Contains(d.have.Volumes, v) {
			d.add(Op{Kind: CreateVolume, Resource: v, Volume: d.wanted.VolumeOptions[v], Cause: "missing"})
		}
	}
	ensured := map[string]bool{}
	for _, s := range d.wanted.Services {
		for n := 1; n <= s.Replicas && !ensured[s.Image]; n++ {
			if r, exists := d.find(s.Name, n); !exists || d.spent(s, r) {
				ensured[s.Image] = true
				d.add(Op{Kind: EnsureImage, Resource: s.Image, Service: d.provider(s), Cause: "used by " + s.Name})
			}
		}
	}
}

// provider is the service that says how to come by a service's image: of those
// that share it, one that builds it.
func (d *differ) provider(s topology.Service) topology.Service {
	for _, other := range d.wanted.Services {
		if s.Build == nil && other.Build != nil && other.Image == s.Image {
			return other
		}
	}
	return s
}

// createReplicas creates all missing replicas and returns the operations by
// replica name.
func (d *differ) createReplicas() map[string]int {
	foundations := make([]int, len(d.ops))
	for i := range foundations {
		foundations[i] = i
	}
	created := map[string]int{}
	services := d.wanted.Services
	if slices.ContainsFunc(services, func(s topology.Service) bool { return len(s.Shares()) > 0 }) {
		// What shares another one's namespace is created after it, as it also
		// depends on it.
		services = startOrder(d.wanted)
	}
	for _, s := range services {
		for n := 1; n <= s.Replicas; n++ {
			r, exists := d.find(s.Name, n)
			if exists && !d.spent(s, r) {
				continue
			}
			cause := "missing"
			switch {
			case exists && d.dead(r):
				cause = "replaces one that exited"
			case exists:
				cause = "replaces one of another definition"
			}
			needs := slices.Clone(foundations)
			for _, host := range s.Shares() {
				if create, isNew := created[ReplicaName(host, n)]; isNew {
					needs = append(needs, create)
				}
			}
			created[ReplicaName(s.Name, n)] = d.add(Op{Kind: CreateReplica, Service: s, Number: n, Cause: cause, Needs: needs})
		}
	}
	return created
}

// startServices starts what was created, each service after those it depends
// on.
func (d *differ) startServices(created map[string]int) {
	awaited := d.awaited()
	started, settled := map[string][]int{}, map[string][]int{}
	for _, s := range startOrder(d.wanted) {
		await := AwaitReady
		if waitedFor(d.wanted, s.Name) {
			await = AwaitExit
		}
		var before, ready []int
		for _, dep := range s.DependsOn {
			if dep.Condition == topology.Started {
				before = append(before, started[dep.Service]...)
			} else {
				before = append(before, settled[dep.Service]...)
			}
			ready = append(ready, settled[dep.Service]...)
		}
		for n := 1; n <= s.Replicas; n++ {
			r, exists := d.find(s.Name, n)
			create, isNew := created[ReplicaName(s.Name, n)]
			if exists && !isNew && r.Status != Created {
				if by := awaited[s.Name]; by != "" && r.Status == Running {
					settled[s.Name] = append(settled[s.Name], d.add(Op{Kind: await, Service: s, Number: n, Cause: by + " needs it", Needs: slices.Clone(ready)}))
				}
				continue
			}
			cause, needs := "created, not started", slices.Clone(before)
			if isNew {
				cause, needs = "created", append(needs, create)
			}
			start := d.add(Op{Kind: StartReplica, Service: s, Number: n, Cause: cause, Needs: needs})
			started[s.Name] = append(started[s.Name], start)
			// A replica is asked whether it is ready only after those it
			// depends on are: a proxy that has met a dead backend may shun
			// it for seconds.
			settled[s.Name] = append(settled[s.Name], d.add(Op{Kind: await, Service: s, Number: n, Cause: "started", Needs: append(slices.Clone(ready), start)}))
		}
	}
}

// awaited returns the services that others depend on which are about to start,
// with one of those. That a replica of theirs runs does not say that it is
// ready: an earlier attempt may have been cut off in between.
func (d *differ) awaited() map[string]string {
	awaited := map[string]string{}
	for _, s := range d.wanted.Services {
		for n := 1; n <= s.Replicas; n++ {
			if r, exists := d.find(s.Name, n); exists && r.Status != Created && !d.spent(s, r) {
				continue
			}
			for _, dep := range s.DependsOn {
				awaited[dep.Service] = s.Name
			}
			break
		}
	}
	return awaited
}

// startOrder sorts services so that each comes after those it depends on.
// compose-go has already refused cycles.
func startOrder(t *topology.Topology) []topology.Service {
	var order []topology.Service
	seen := map[string]bool{}
	var visit func(s topology.Service)
	visit = func(s topology.Service) {
		if seen[s.Name] {
			return
		}
		seen[s.Name] = true
		for _, dep := range s.DependsOn {
			if other, ok := t.Service(dep.Service); ok {
				visit(other)
			}
		}
		order = append(order, s)
	}
	for _, s := range t.Services {
		visit(s)
	}
	return order
}
