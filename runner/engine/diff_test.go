package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"plimsoll/runner/engine"
	"plimsoll/scenarios/topology"
)

// shop is a stack with every kind of dependency: its web replicas need a
// healthy database that a job has prepared, its proxy needs them to run.
func shop() engine.Stack {
	return engine.Stack{Name: "shop", Run: "r1", Topology: &topology.Topology{
		Networks: []string{"default"},
		Volumes:  []string{"data"},
		Services: []topology.Service{
			{Name: "db", Image: "db:1", Replicas: 1},
			{Name: "prepare", Image: "web:1", Replicas: 1, DependsOn: []topology.Dependency{{Service: "db", Condition: topology.Healthy}}},
			{Name: "proxy", Image: "proxy:1", Replicas: 1, DependsOn: []topology.Dependency{{Service: "web", Condition: topology.Started}}},
			{Name: "web", Image: "web:1", Replicas: 2, DependsOn: []topology.Dependency{
				{Service: "db", Condition: topology.Healthy}, {Service: "prepare", Condition: topology.Completed},
			}},
		},
	}}
}

// shopUp is the state in which nothing is left to be done for shop.
func shopUp() engine.State {
	return engine.State{
		Networks: []string{"default"},
		Volumes:  []string{"data"},
		Replicas: []engine.Replica{
			{Service: "db", Number: 1, Status: engine.Running},
			{Service: "prepare", Number: 1, Status: engine.Exited},
			{Service: "proxy", Number: 1, Status: engine.Running},
			{Service: "web", Number: 1, Status: engine.Running},
			{Service: "web", Number: 2, Status: engine.Running},
		},
	}
}

// with returns shopUp after a change to one replica.
func with(name string, change func(*engine.Replica)) engine.State {
	state := shopUp()
	for i := range state.Replicas {
		if state.Replicas[i].Name() == name {
			change(&state.Replicas[i])
		}
	}
	return state
}

func scaled(web int) engine.Stack {
	stack := shop()
	stack.Topology = stack.Topology.WithScale(map[string]int{"web": web})
	return stack
}

func TestDiff(t *testing.T) {
	tests := []struct {
		name string
		want engine.Stack
		have engine.State
		ops  []string
	}{
		{"from nothing: all is created, then started as dependencies say", shop(), engine.State{}, []string{
			"create network default (missing)",
			"create volume data (missing)",
			"ensure image db:1 (used by db)",
			"ensure image web:1 (used by prepare)",
			"ensure image proxy:1 (used by proxy)",
			"create db-1 (missing) after #0 #1 #2 #3 #4",
			"create prepare-1 (missing) after #0 #1 #2 #3 #4",
			"create proxy-1 (missing) after #0 #1 #2 #3 #4",
			"create web-1 (missing) after #0 #1 #2 #3 #4",
			"create web-2 (missing) after #0 #1 #2 #3 #4",
			"start db-1 (created) after #5",
			"await ready db-1 (started) after #10",
			"start prepare-1 (created) after #6 #11",
			"await exit prepare-1 (started) after #11 #12",
			"start web-1 (created) after #8 #11 #13",
			"await ready web-1 (started) after #11 #13 #14",
			"start web-2 (created) after #9 #11 #13",
			"await ready web-2 (started) after #11 #13 #16",
			// It may start when both web replicas have started, but is
			// asked only when both are ready.
			"start proxy-1 (created) after #7 #14 #16",
			"await ready proxy-1 (started) after #15 #17 #18",
		}},
		{"all is there", shop(), shopUp(), nil},
		{"to nothing", engine.Stack{Name: "shop"}, shopUp(), []string{
			"remove db-1 (taken down)",
			"remove prepare-1 (taken down)",
			"remove proxy-1 (taken down)",
			"remove web-1 (taken down)",
			"remove web-2 (taken down)",
			"remove network default (taken down) after #0 #1 #2 #3 #4",
			"remove volume data (taken down) after #0 #1 #2 #3 #4",
		}},
		{"nothing to nothing", engine.Stack{Name: "shop"}, engine.State{}, nil},
		// That db runs does not say that it is ready. prepare has done its
		// work and is not run again.
		{"scale up", scaled(3), shopUp(), []string{
			"ensure image web:1 (used by web)",
			"create web-3 (missing) after #0",
			"await ready db-1 (web needs it)",
			"start web-3 (created) after #1 #2",
			"await ready web-3 (started) after #2 #3",
		}},
		{"scale down", scaled(1), shopUp(), []string{"remove web-2 (1 of web wanted)"}},
		{"scale to zero", scaled(0), shopUp(), []string{
			"remove web-1 (0 of web wanted)",
			"remove web-2 (0 of web wanted)",
		}},
		{"a replica has exited", shop(), with("web-2", func(r *engine.Replica) { r.Status, r.ExitCode = engine.Exited, 137 }), []string{
			"remove web-2 (exited with code 137)",
			"ensure image web:1 (used by web)",
			"create web-2 (replaces one that exited) after #0 #1",
			"await ready db-1 (web needs it)",
			"start web-2 (created) after #2 #3",
			"await ready web-2 (started) after #3 #4",
		}},
		{"a replica was made from another definition", shop(), with("web-2", func(r *engine.Replica) { r.Definition = "another" }), []string{
			"remove web-2 (made from another definition)",
			"ensure image web:1 (used by web)",
			"create web-2 (replaces one of another definition) after #0 #1",
			"await ready db-1 (web needs it)",
			"start web-2 (created) after #2 #3",
			"await ready web-2 (started) after #3 #4",
		}},
		// Only a job may end, and it has to succeed.
		{"a server has exited with code 0", shop(), with("proxy-1", func(r *engine.Replica) { r.Status = engine.Exited }), []string{
			"remove proxy-1 (exited with code 0)",
			"ensure image proxy:1 (used by proxy)",
			"create proxy-1 (replaces one that exited) after #0 #1",
			"await ready web-1 (proxy needs it)",
			"await ready web-2 (proxy needs it)",
			"start proxy-1 (created) after #2",
			"await ready proxy-1 (started) after #3 #4 #5",
		}},
		{"a job has failed", shop(), with("prepare-1", func(r *engine.Replica) { r.Status, r.ExitCode = engine.Exited, 1 }), []string{
			"remove prepare-1 (exited with code 1)",
			"ensure image web:1 (used by prepare)",
			"create prepare-1 (replaces one that exited) after #0 #1",
			"await ready db-1 (prepare needs it)",
			"start prepare-1 (created) after #2 #3",
			"await exit prepare-1 (started) after #3 #4",
		}},
		{"an earlier attempt was cut off before anything started", shop(), engine.State{
			Networks: []string{"default"},
			Replicas: []engine.Replica{{Service: "db", Number: 1, Status: engine.Created}, {Service: "web", Number: 1, Status: engine.Created}},
		}, []string{
			"create volume data (missing)",
			"ensure image web:1 (used by prepare)",
			"ensure image proxy:1 (used by proxy)",
			"create prepare-1 (missing) after #0 #1 #2",
			"create proxy-1 (missing) after #0 #1 #2",
			"create web-2 (missing) after #0 #1 #2",
			"start db-1 (created, not started)",
			"await ready db-1 (started) after #6",
			"start prepare-1 (created) after #3 #7",
			"await exit prepare-1 (started) after #7 #8",
			"start web-1 (created, not started) after #7 #9",
			"await ready web-1 (started) after #7 #9 #10",
			"start web-2 (created) after #5 #7 #9",
			"await ready web-2 (started) after #7 #9 #12",
			"start proxy-1 (created) after #4 #10 #12",
			"await ready proxy-1 (started) after #11 #13 #14",
		}},
		{"an earlier attempt was cut off while the job ran", scaled(0), engine.State{
			Networks: []string{"default"}, Volumes: []string{"data"},
			Replicas: []engine.Replica{
				{Service: "db", Number: 1, Status: engine.Running},
				{Service: "prepare", Number: 1, Status: engine.Running},
				{Service: "web", Number: 1, Status: engine.Created},
				{Service: "proxy", Number: 1, Status: engine.Created},
			},
		}, []string{
			"remove web-1 (0 of web wanted)",
			"start proxy-1 (created, not started)",
			"await ready proxy-1 (started) after #1",
		}},
		{"the job still runs and web waits for it", scaled(1), engine.State{
			Networks: []string{"default"}, Volumes: []string{"data"},
			Replicas: []engine.Replica{
				{Service: "db", Number: 1, Status: engine.Running},
				{Service: "prepare", Number: 1, Status: engine.Running},
				{Service: "proxy", Number: 1, Status: engine.Running},
				{Service: "web", Number: 1, Status: engine.Created},
			},
		}, []string{
			"await ready db-1 (web needs it)",
			"await exit prepare-1 (web needs it) after #0",
			"start web-1 (created, not started) after #0 #1",
			"await ready web-1 (started) after #0 #1 #2",
		}},
		{"what the topology no longer knows", shop(), engine.State{
			Networks: []string{"default", "old"},
			Volumes:  []string{"data", "older"},
			Replicas: append(shopUp().Replicas, engine.Replica{Service: "zombie", Number: 2, Status: engine.Exited}),
		}, []string{
			"remove zombie-2 (not in the topology)",
			"remove network old (not in the topology) after #0",
			"remove volume older (not in the topology) after #0",
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, op := range engine.Diff(test.want, test.have) {
				got = append(got, op.String())
				if op.Stack != "shop" || op.Run != test.want.Run {
					t.Errorf("%v: stack %q, run %q", op, op.Stack, op.Run)
				}
			}
			if diff := cmp.Diff(test.ops, got); diff != "" {
				t.Errorf("operations (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDiffReachesWhatIsWanted(t *testing.T) {
	for seed := range uint64(1000) {
		if checkDiff(t, seed); t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}

func FuzzDiff(f *testing.F) {
	f.Add(uint64(0))
	f.Fuzz(checkDiff)
}

// checkDiff draws a topology and what exists of it, carries out what Diff says
// in some order that Needs allow, and checks each step and the end.
func checkDiff(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	want := engine.Stack{Name: "s"}
	services := randomServices(rng)
	if rng.IntN(8) > 0 {
		want.Topology = &topology.Topology{Networks: some(rng, "n"), Volumes: some(rng, "v"), Services: services}
	}
	w := world{t: t, wanted: want.Topology, state: randomState(rng, services), settled: map[string]bool{}, startedNow: map[string]bool{}}
	if w.wanted == nil {
		w.wanted = &topology.Topology{}
	}
	ops := engine.Diff(want, w.state)
	if diff := cmp.Diff(texts(ops), texts(engine.Diff(want, w.state))); diff != "" {
		t.Fatalf("Diff of the same is not the same:\n%s", diff)
	}
	for i, op := range ops {
		for _, need := range op.Needs {
			if need >= i || need < 0 {
				t.Fatalf("#%d %v needs a later one", i, op)
			}
		}
	}
	done := make([]bool, len(ops))
	for range ops {
		var possible []int
		for i, op := range ops {
			if !done[i] && !slices.ContainsFunc(op.Needs, func(need int) bool { return !done[need] }) {
				possible = append(possible, i)
			}
		}
		i := possible[rng.IntN(len(possible))]
		w.do(ops[i])
		done[i] = true
	}
	w.checkEnd()
	if rest := engine.Diff(want, w.state); len(rest) > 0 {
		t.Errorf("still to be done: %v", texts(rest))
	}
	if t.Failed() {
		t.Logf("topology %+v\noperations %v", w.wanted, texts(ops))
	}
}

func texts(ops []engine.Op) []string {
	var texts []string
	for _, op := range ops {
		texts = append(texts, op.String())
	}
	return texts
}

// some returns a sorted subset of three names.
func some(rng *rand.Rand, prefix string) []string {
	var names []string
	for i := range 3 {
		if rng.IntN(2) == 0 {
			names = append(names, fmt.Sprint(prefix, i))
		}
	}
	return names
}

// randomServices depend on each other without a circle, in an order that their
// names do not tell.
func randomServices(rng *rand.Rand) []topology.Service {
	count := rng.IntN(5)
	order := rng.Perm(count)
	services := make([]topology.Service, count)
	for i := range services {
		services[i] = topology.Service{Name: string(rune('a' + i)), Image: fmt.Sprint("image", rng.IntN(2)), Replicas: rng.IntN(4)}
	}
	conditions := []topology.Condition{topology.Started, topology.Healthy, topology.Completed}
	for i := range services {
		for j := range services {
			if order[j] < order[i] && rng.IntN(2) == 0 {
				services[i].DependsOn = append(services[i].DependsOn, topology.Dependency{Service: services[j].Name, Condition: conditions[rng.IntN(3)]})
			}
		}
	}
	return services
}

func randomState(rng *rand.Rand, services []topology.Service) engine.State {
	state := engine.State{Networks: some(rng, "n"), Volumes: some(rng, "v")}
	names := []string{"gone"}
	for _, s := range services {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	statuses := []engine.Status{engine.Created, engine.Running, engine.Exited}
	for _, name := range names {
		for n := 1; n <= 4; n++ {
			if rng.IntN(2) == 0 {
				r := engine.Replica{Service: name, Number: n, Status: statuses[rng.IntN(3)]}
				if r.Status == engine.Exited {
					r.ExitCode = rng.IntN(2)
				}
				state.Replicas = append(state.Replicas, r)
			}
		}
	}
	return state
}

// world is a stack on which operations are carried out.
type world struct {
	t      *testing.T
	wanted *topology.Topology
	state  engine.State
	// settled are the replicas that are known to be ready, or to have ended
	// as they should.
	settled    map[string]bool
	startedNow map[string]bool
	images     []string
}

func (w *world) index(op engine.Op) int {
	return slices.IndexFunc(w.state.Replicas, func(r engine.Replica) bool { return r.Name() == op.Target() })
}

func (w *world) do(op engine.Op) {
	isTarget := func(name string) bool { return name == op.Resource }
	at := w.index(op)
	require := func(ok bool, what string) {
		if !ok {
			w.t.Errorf("%v: %s", op, what)
		}
	}
	switch op.Kind {
	case engine.EnsureImage:
		w.images = append(w.images, op.Resource)
	case engine.CreateNetwork:
		require(!slices.Contains(w.state.Networks, op.Resource), "is there")
		w.state.Networks = slices.Sorted(slices.Values(append(w.state.Networks, op.Resource)))
	case engine.CreateVolume:
		require(!slices.Contains(w.state.Volumes, op.Resource), "is there")
		w.state.Volumes = slices.Sorted(slices.Values(append(w.state.Volumes, op.Resource)))
	case engine.RemoveNetwork:
		w.state.Networks = slices.DeleteFunc(w.state.Networks, isTarget)
	case engine.RemoveVolume:
		w.state.Volumes = slices.DeleteFunc(w.state.Volumes, isTarget)
	case engine.CreateReplica:
		require(at < 0, "is there")
		require(slices.Contains(w.images, op.Service.Image), "its image may be missing")
		require(slices.Equal(w.state.Networks, w.wanted.Networks) && slices.Equal(w.state.Volumes, w.wanted.Volumes), "networks or volumes are not in place")
		w.state.Replicas = append(w.state.Replicas, engine.Replica{Service: op.Service.Name, Number: op.Number, Status: engine.Created})
	case engine.StartReplica:
		require(at >= 0 && w.state.Replicas[at].Status == engine.Created, "is not there, or was started before")
		for _, dep := range op.Service.DependsOn {
			require(w.fulfilled(dep), "starts before "+dep.Service+" is "+string(dep.Condition))
		}
		w.state.Replicas[at].Status = engine.Running
		w.startedNow[op.Target()] = true
	case engine.AwaitReady, engine.AwaitExit:
		require(at >= 0 && w.state.Replicas[at].Status == engine.Running, "does not run")
		for _, dep := range op.Service.DependsOn {
			require(!w.startedNow[op.Target()] || w.allSettled(dep.Service), "is probed before "+dep.Service+" is ready")
		}
		w.settled[op.Target()] = true
		if op.Kind == engine.AwaitExit {
			w.state.Replicas[at].Status = engine.Exited
		}
	case engine.RemoveReplica:
		require(at >= 0, "is not there")
		w.state.Replicas = slices.Delete(w.state.Replicas, at, at+1)
	}
}

// each asks about every wanted replica of a service, the zero one for one that
// is missing.
func (w *world) each(service string, holds func(engine.Replica) bool) bool {
	s, _ := w.wanted.Service(service)
	for n := 1; n <= s.Replicas; n++ {
		r := engine.Replica{Service: service, Number: n}
		for _, have := range w.state.Replicas {
			if have.Name() == r.Name() {
				r = have
			}
		}
		if !holds(r) {
			return false
		}
	}
	return true
}

func ended(r engine.Replica) bool { return r.Status == engine.Exited && r.ExitCode == 0 }

func (w *world) allSettled(service string) bool {
	return w.each(service, func(r engine.Replica) bool { return w.settled[r.Name()] || ended(r) })
}

func (w *world) fulfilled(dep topology.Dependency) bool {
	if dep.Condition == topology.Started {
		return w.each(dep.Service, func(r engine.Replica) bool { return r.Status == engine.Running || ended(r) })
	}
	return w.allSettled(dep.Service)
}

// checkEnd checks that everything is as the topology says, by its own words.
func (w *world) checkEnd() {
	if !slices.Equal(w.state.Networks, w.wanted.Networks) || !slices.Equal(w.state.Volumes, w.wanted.Volumes) {
		w.t.Errorf("networks %v, volumes %v", w.state.Networks, w.state.Volumes)
	}
	jobs := map[string]bool{}
	total := 0
	for _, s := range w.wanted.Services {
		total += s.Replicas
		for _, dep := range s.DependsOn {
			jobs[dep.Service] = jobs[dep.Service] || dep.Condition == topology.Completed
		}
	}
	if len(w.state.Replicas) != total {
		w.t.Errorf("%d replicas, want %d", len(w.state.Replicas), total)
	}
	for _, s := range w.wanted.Services {
		if !w.each(s.Name, func(r engine.Replica) bool { return r.Status == engine.Running || jobs[s.Name] && ended(r) }) {
			w.t.Errorf("service %s: %+v", s.Name, w.state.Replicas)
		}
	}
}

// TestDiffSharedNamespace sees to it that a replica is created after the one
// whose network it has, whatever they are called.
func TestDiffSharedNamespace(t *testing.T) {
	top := &topology.Topology{Services: []topology.Service{
		{Name: "agent", Image: "x", Replicas: 2, NetworkMode: "service:web", DependsOn: []topology.Dependency{{Service: "web", Condition: topology.Started}}},
		{Name: "web", Image: "x", Replicas: 2},
	}}
	at := map[string]int{}
	for i, op := range engine.Diff(engine.Stack{Name: "s", Topology: top}, engine.State{}) {
		if op.Kind != engine.CreateReplica {
			continue
		}
		at[op.Target()] = i
		if host, ok := at["web-"+fmt.Sprint(op.Number)]; op.Service.Name == "agent" && (!ok || !slices.Contains(op.Needs, host)) {
			t.Errorf("#%d %v does not wait for web-%d", i, op, op.Number)
		}
	}
	if len(at) != 4 {
		t.Errorf("created: %v", at)
	}
}
