package scenarios

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"plimsoll/internal/units"
	"plimsoll/scenarios/topology"
	"plimsoll/scenarios/yamlfile"
)

// What holds where a file says nothing.
const (
	defaultWarmup  = 5 * time.Second
	defaultTimeout = 30 * time.Second
	defaultTrials  = 3
)

// The most that a file may ask for.
const (
	mostTrials   = 1000
	mostReplicas = 1000
	mostDuration = 1000 * time.Hour // of stages
	mostPeriods  = 10_000           // of a sine
)

// builder makes a scenario of a decoded file. Its methods note every problem
// and go on.
type builder struct {
	contents *yamlfile.Contents
	file     file
	scenario Scenario
	open     opener
	opened   map[string]opened // topologies, by name
}

type opened struct {
	topology *topology.Topology
	file     string
	err      error
}

// nameForm is what names have to be to be part of file names and arguments.
const nameForm = `^[A-Za-z0-9][A-Za-z0-9_.-]*$`

func goodName(name string) bool { return regexp.MustCompile(nameForm).MatchString(name) }

const nameRule = "names are made of letters, digits, - _ and ., and begin with a letter or digit"

// whole reports whether the mapping at the path is all understood, so that
// something is missing if it is not there.
func (b *builder) whole(at string) bool {
	return b.contents.Sound(at) && !b.contents.Strange(at)
}

func (b *builder) name(file string) {
	b.scenario.Name = b.file.Name
	if !b.contents.Has("name") {
		base := path.Base(file[strings.LastIndex(file, ":")+1:])
		b.scenario.Name = strings.TrimSuffix(base, path.Ext(base))
		if !goodName(b.scenario.Name) && b.whole("") {
			b.contents.Add("name", "is missing, and the file's own is no good name: %s", nameRule)
		}
		return
	}
	if b.contents.Sound("name") && !goodName(b.scenario.Name) {
		b.contents.Add("name", "%q is no good name: %s", b.scenario.Name, nameRule)
	}
}

// named checks the names of environments or loads, which the file has in that
// order.
func (b *builder) named(what string, names []string) {
	if len(names) == 0 && b.whole("") && (!b.contents.Has(what) || b.contents.Sound(what)) {
		b.contents.Add(what, "is missing or empty; give at least one")
	}
	for i, name := range names {
		if !goodName(name) {
			b.contents.AddKey(what+"."+name, "%q is no good name: %s", name, nameRule)
		}
		for _, other := range names[:i] {
			if strings.EqualFold(name, other) {
				b.contents.AddKey(what+"."+name, "differs from %q in upper and lower case only", other)
			}
		}
	}
}

func (b *builder) environments() {
	names := yamlfile.Keys(b.contents, "environments", b.file.Environments)
	b.named("environments", names)
	for _, name := range names {
		b.environment(name, b.file.Environments[name])
	}
}

func (b *builder) environment(name string, in environment) {
	at := "environments." + name
	out := Environment{Name: name, Target: in.Target, Engine: string(in.Engine)}
	hasTopology := b.contents.Has(at + ".topology")
	if hasTopology && b.contents.Sound(at+".topology") {
		out.Topology, out.TopologyFile = b.topology(in.Topology, at+".topology")
	}
	switch {
	case b.contents.Sound(at + ".target"):
		if err := checkTarget(in.Target, out.Topology); err != nil {
			b.contents.Add(at+".target", "%v", err)
		}
	case !b.contents.Has(at+".target") && b.whole(at):
		b.contents.Add(at, "has no target; give the URL that load is put on, such as http://web:8080")
	}
	if !hasTopology && b.contents.Sound(at+".engine") && !b.contents.Strange(at) {
		b.contents.AddKey(at+".engine", "there is nothing to start without a topology; leave engine out")
	}
	b.scenario.Environments = append(b.scenario.Environments, out)
}

// topology loads a topology, once for all environments that name it.
func (b *builder) topology(name, at string) (*topology.Topology, string) {
	result, known := b.opened[name]
	if !known {
		var src topology.Source
		if src, result.err = b.open(name); result.err == nil {
			result.file = src.File
			result.topology, result.err = topology.Load(src)
		}
		b.opened[name] = result
		if result.topology != nil {
			for _, w := range result.topology.Warnings {
				b.scenario.Warnings = append(b.scenario.Warnings, result.file+": "+w)
			}
		}
	}
	var inFile *Error
	switch {
	case result.err == nil:
	case errors.As(result.err, &inFile):
		b.contents.Append(inFile.Problems...)
	case errors.Is(result.err, fs.ErrNotExist):
		b.contents.Add(at, "there is no file %q; the path is relative to the scenario", name)
	default:
		b.contents.Add(at, "%v", result.err)
	}
	return result.topology, result.file
}

// checkTarget says what is wrong with a target's URL. top is nil where nothing
// is started or the topology could not be loaded.
func checkTarget(target string, top *topology.Topology) error {
	u, err := url.Parse(target)
	switch {
	case err != nil:
		return fmt.Errorf("%q is not a URL: %w", target, errors.Unwrap(err))
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%q does not begin with http:// or https://", target)
	case u.Hostname() == "":
		return fmt.Errorf("%q has no host", target)
	case u.Path != "" && u.Path != "/":
		return fmt.Errorf("%q has a path; paths belong into requests, as in \"get: %s\"", target, u.Path)
	case u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return fmt.Errorf("%q has more than scheme, host and port", target)
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return fmt.Errorf("%q is no port; ports are 1 to 65535", port)
		}
	}
	if top == nil {
		return nil
	}
	host := u.Hostname()
	_, isService := top.Service(host)
	_, notAddress := netip.ParseAddr(host)
	if isService || notAddress == nil || host == "localhost" || strings.Contains(host, ".") {
		return nil
	}
	if hint := yamlfile.DidYouMean(host, top.ServiceNames()); hint != "" {
		return fmt.Errorf("no service %q in the topology%s", host, hint)
	}
	return nil
}

func (b *builder) scales() {
	given := b.file.Scales
	if b.contents.Sound("scales") && len(given) == 0 {
		b.contents.Add("scales", "is empty; leave it out to measure the topology as it is written")
	}
	startable := slices.ContainsFunc(b.scenario.Environments, func(e Environment) bool {
		return b.contents.Has("environments." + e.Name + ".topology")
	})
	seen := map[string]bool{}
	for i, counts := range given {
		at, scale := fmt.Sprintf("scales[%d]", i), Scale{}
		for _, service := range yamlfile.Keys(b.contents, at, counts) {
			scale[service] = counts[service]
			if b.contents.Sound(at + "." + service) {
				b.replicas(at+"."+service, service, counts[service], startable)
			}
		}
		if text := scale.String(); seen[text] {
			b.contents.Add(at, "is given a second time")
		} else {
			seen[text] = true
		}
		b.scenario.Scales = append(b.scenario.Scales, scale)
	}
	if len(given) == 0 {
		b.scenario.Scales = []Scale{{}}
	}
}

func (b *builder) replicas(at, service string, count int, startable bool) {
	if !startable {
		b.contents.AddKey(at, "no environment has a topology that could be scaled")
	}
	said := map[string]bool{}
	for _, e := range b.scenario.Environments {
		if e.Topology == nil {
			continue
		}
		if err := e.CheckReplicas(service, count); err != nil && !said[err.Error()] {
			said[err.Error()] = true
			b.contents.AddKey(at, "%v", err)
		}
	}
}

func (b *builder) requests() {
	if b.contents.Sound("requests") && len(b.file.Requests) == 0 {
		b.contents.Add("requests", "is empty; leave it out for GET /")
	}
	for i, in := range b.file.Requests {
		b.scenario.Requests = append(b.scenario.Requests, b.request(fmt.Sprintf("requests[%d]", i), in))
	}
	if len(b.scenario.Requests) == 0 {
		b.scenario.Requests = []Request{{Name: "GET /", Method: http.MethodGet, Path: "/", Weight: 1}}
	}
}

func (b *builder) request(at string, in request) Request {
	methods := []struct{ key, method, path string }{
		{"get", http.MethodGet, in.Get}, {"post", http.MethodPost, in.Post}, {"put", http.MethodPut, in.Put},
		{"patch", http.MethodPatch, in.Patch}, {"delete", http.MethodDelete, in.Delete}, {"head", http.MethodHead, in.Head},
	}
	out := Request{Name: in.Name, Headers: in.Headers, Body: in.Body, Weight: in.Weight}
	var given []string
	for _, m := range methods {
		if !b.contents.Has(at + "." + m.key) {
			continue
		}
		given = append(given, m.key)
		out.Method, out.Path = m.method, m.path
		if b.contents.Sound(at+"."+m.key) && !goodPath(m.path) {
			b.contents.Add(at+"."+m.key, "%q is not a path; it begins with / and has no spaces", m.path)
		}
	}
	switch {
	case len(given) > 1:
		b.contents.Add(at, "has several methods: %s; make it as many requests", strings.Join(given, ", "))
	case len(given) == 0 && b.whole(at):
		b.contents.Add(at, "has no method; write one such as \"get: /\"")
	}
	if out.Name == "" {
		out.Name = out.Method + " " + out.Path
	}
	for _, name := range slices.Sorted(maps.Keys(in.Headers)) {
		if !goodHeader(name, in.Headers[name]) {
			b.contents.AddKey(at+".headers."+name, "is not a header that can be sent")
		}
	}
	if !b.contents.Has(at + ".weight") {
		out.Weight = 1
	}
	b.atLeastOne(at+".weight", in.Weight)
	return out
}

func goodPath(text string) bool {
	_, err := url.ParseRequestURI(text)
	return err == nil && strings.HasPrefix(text, "/") && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f })
}

func goodHeader(name, value string) bool {
	return regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$").MatchString(name) &&
		!strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

func (b *builder) atLeastOne(at string, n int) {
	if b.contents.Sound(at) && n < 1 {
		b.contents.Add(at, "is %d; must be at least 1", n)
	}
}

func (b *builder) loads() {
	names := yamlfile.Keys(b.contents, "loads", b.file.Loads)
	b.named("loads", names)
	for _, name := range names {
		in, at := b.file.Loads[name], "loads."+name
		out := Load{
			Name: name, Mode: Closed, Requests: in.Requests, Concurrency: in.Concurrency, Think: time.Duration(in.Think),
			Rate: Rate(in.Rate), Duration: time.Duration(in.Duration),
			KeepAlive: in.KeepAlive, Timeout: time.Duration(in.Timeout),
		}
		if b.contents.Has(at+".rate") || b.contents.Has(at+".stages") {
			out.Mode, out.Arrivals = Open, Arrivals(in.Arrivals)
			if !b.contents.Has(at + ".arrivals") {
				out.Arrivals = Constant
			}
		}
		if b.contents.Has(at + ".stages") {
			out.Stages, out.Duration = b.stages(at, in)
		}
		if b.contents.Has(at + ".sine") {
			out.Sine = b.sine(at, in)
		}
		if !b.contents.Has(at + ".timeout") {
			out.Timeout = defaultTimeout
		}
		b.atLeastOne(at+".requests", in.Requests)
		b.atLeastOne(at+".concurrency", in.Concurrency)
		if b.contents.Sound(at) {
			b.checkLoad(at, in)
		}
		b.scenario.Loads = append(b.scenario.Loads, out)
	}
}

// stages returns a load's stages and how long they last together.
func (b *builder) stages(at string, in load) (stages []Stage, duration time.Duration) {
	sound, busy := b.contents.Sound(at+".stages"), in.Rate.Count > 0 || !b.contents.Sound(at+".rate") && b.contents.Has(at+".rate")
	for i, s := range in.Stages {
		step := fmt.Sprintf("%s.stages[%d]", at, i)
		b.needs(step, "to", "the rate to come to, such as to: 500/s")
		b.needs(step, "over", "how long that takes, such as over: 30s")
		sound = sound && b.contents.Sound(step) && b.contents.Sound(step+".to") && b.contents.Sound(step+".over")
		if s.Over > span(mostDuration-duration) {
			b.contents.Add(step+".over", "is too long; all stages together may last %s", units.Duration(mostDuration))
			return nil, 0
		}
		duration += time.Duration(s.Over)
		busy = busy || s.To.Count > 0
		stages = append(stages, Stage{To: Rate(s.To), Over: time.Duration(s.Over)})
	}
	switch {
	case !sound:
	case len(stages) == 0:
		b.contents.Add(at+".stages", "is empty; give at least one, such as {to: 500/s, over: 30s}")
	case duration == 0:
		b.contents.Add(at+".stages", "take no time; give at least one of them an over above 0")
	case !busy:
		b.contents.Add(at+".stages", "never come to a rate above 0")
	}
	return stages, duration
}

// needs notes that a mapping lacks a key, if it does.
func (b *builder) needs(at, key, what string) {
	if !b.contents.Has(at+"."+key) && b.whole(at) {
		b.contents.Add(at, "has no %s; give %s", key, what)
	}
}

// sine returns a load's wave.
func (b *builder) sine(at string, in load) *Sine {
	wave := at + ".sine"
	b.needs(wave, "amplitude", "how far the rate swings, such as amplitude: 100/s")
	b.needs(wave, "period", "how long a wave takes, such as period: 1m")
	out := &Sine{Amplitude: Rate(in.Sine.Amplitude), Period: time.Duration(in.Sine.Period), Start: Start(in.Sine.Start)}
	if !b.contents.Has(wave + ".start") {
		out.Start = Rising
	}
	if b.contents.Sound(at+".rate") && b.contents.Sound(wave+".amplitude") && out.Amplitude.above(Rate(in.Rate)) {
		b.contents.Add(wave+".amplitude", "%s is above the mean of %s: a rate cannot be negative", out.Amplitude, Rate(in.Rate))
	}
	if b.contents.Sound(at+".duration") && out.Period > 0 && in.Duration/duration(out.Period) >= mostPeriods {
		b.contents.Add(wave+".period", "%s is too short for a load of %s; at most %d waves", units.Duration(out.Period), units.Duration(time.Duration(in.Duration)), mostPeriods)
	}
	return out
}

// checkLoad sees to it that a load is of one of the two kinds, and wholly so.
func (b *builder) checkLoad(at string, in load) {
	has := func(key string) bool { return b.contents.Has(at + "." + key) }
	closed, open := has("requests") || has("concurrency"), has("rate") || has("stages")
	switch {
	case closed && open:
		b.contents.Add(at, "is of two kinds: an open loop has a rate and a duration, or stages, a closed loop has concurrency and either requests or a duration")
	case open && has("think"):
		b.contents.AddKey(at+".think", "belongs to a closed loop; an open loop sends requests when they are due")
	case !open && has("arrivals"):
		b.contents.AddKey(at+".arrivals", "belongs to an open loop, one with a rate or stages; a closed loop sends when an answer has come")
	case has("stages") && has("sine"):
		b.contents.AddKey(at+".sine", "cannot be combined with stages; make it two loads")
	case !open && has("sine"):
		b.contents.AddKey(at+".sine", "has no mean to swing around; give the load a rate")
	case has("stages") && has("duration"):
		b.contents.AddKey(at+".duration", "follows from the stages; leave it out")
	case has("stages"):
	case closed && has("requests") && has("duration"):
		b.contents.Add(at, "ends twice: a closed loop ends after its requests or after its duration; leave one of them out")
	case b.contents.Sound(at+".requests") && b.contents.Sound(at+".concurrency") && in.Requests < in.Concurrency:
		b.contents.Add(at+".requests", "%d requests are too few to keep %d in flight", in.Requests, in.Concurrency)
	case b.contents.Strange(at):
	case open && !has("duration"):
		b.contents.Add(at, "has a rate and no duration; say for how long")
	case closed && !has("concurrency"):
		b.contents.Add(at, "has requests and no concurrency; say how many are in flight")
	case closed && !has("requests") && !has("duration"):
		b.contents.Add(at, "has no end; add requests or a duration")
	case !closed && !open:
		b.contents.Add(at, "has neither a rate or stages (open loop) nor a concurrency (closed loop)")
	}
}

func (b *builder) rest() {
	b.scenario.Trials = b.file.Trials
	if !b.contents.Has("trials") {
		b.scenario.Trials = defaultTrials
	}
	b.atLeastOne("trials", b.file.Trials)
	if b.file.Trials > mostTrials {
		b.contents.Add("trials", "is %d; must be at most %d", b.file.Trials, mostTrials)
	}
	// A warm-up that cannot be read was noted when it was decoded.
	b.scenario.Warmup, _ = b.file.Warmup.duration()
	for _, o := range b.file.Objectives {
		b.scenario.Objectives = append(b.scenario.Objectives, Objective(o))
	}
}

// CheckReplicas says what speaks against running that many replicas of a
// service in the environment, which has a topology.
func (e Environment) CheckReplicas(service string, count int) error {
	if count < 0 || count > mostReplicas {
		return fmt.Errorf("is %d; must be from 0 to %d", count, mostReplicas)
	}
	if _, ok := e.Topology.Service(service); !ok {
		return fmt.Errorf("the environment %s has no service %q%s", e.Name, service, yamlfile.DidYouMean(service, e.Topology.ServiceNames()))
	}
	if target, err := url.Parse(e.Target); err == nil && target.Hostname() == service && count == 0 {
		return fmt.Errorf("is 0, but %s is the target of the environment %s", service, e.Name)
	}
	return nil
}
