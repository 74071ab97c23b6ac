package scenarios

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"plimsoll/scenarios/topology"
	"plimsoll/scenarios/yamlfile"
)

// What holds where a file says nothing.
const (
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
	b.fits()
}

func (b *builder) replicas(at, service string, count int, startable bool) {
	if !startable {
		b.contents.AddKey(at, "no environment has a topology that could be scaled")
	}
	for _, err := range CheckReplicas(b.scenario.Environments, service, count) {
		b.contents.AddKey(at, "%v", err)
	}
}

// fits sees to it that every scale is for some environment and the other way
// round, and names the combinations that are not measured.
func (b *builder) fits() {
	if b.contents.Err() != nil {
		return // not everything is known
	}
	for i, scale := range b.scenario.Scales {
		if !slices.ContainsFunc(b.scenario.Environments, func(e Environment) bool { return e.Fits(scale) }) {
			b.contents.Add(fmt.Sprintf("scales[%d]", i), "no environment has all of these services")
		}
	}
	for _, e := range b.scenario.Environments {
		if e.Topology == nil {
			continue
		}
		if !slices.ContainsFunc(b.scenario.Scales, e.Fits) {
			b.contents.Add("scales", "the environment %s would not be measured, it lacks some service of every scale; add {}, which is the topology as it is written", e.Name)
		}
		for _, scale := range b.scenario.Scales {
			if !e.Fits(scale) {
				b.scenario.Warnings = append(b.scenario.Warnings,
					fmt.Sprintf("the environment %s is not measured at %s, it has not all of these services", e.Name, scale))
			}
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

func (b *builder) rest() {
	b.scenario.Trials = b.file.Trials
	if !b.contents.Has("trials") {
		b.scenario.Trials = defaultTrials
	}
	b.atLeastOne("trials", b.file.Trials)
	if b.file.Trials > mostTrials {
		b.contents.Add("trials", "is %d; must be at most %d", b.file.Trials, mostTrials)
	}
	if b.file.Warmup.long && !b.contents.Has("warmup.until") {
		b.contents.Add("warmup", "has no until; write {until: steady, limit: 4m}, or a duration such as 10s")
	}
	b.scenario.Warmup = b.file.Warmup.plain()
	for i, o := range b.file.Objectives {
		o.Place = b.contents.Place(fmt.Sprintf("objectives[%d]", i))
		b.scenario.Objectives = append(b.scenario.Objectives, Objective(o))
	}
}

// CheckReplicas says what speaks against measuring the environments with that
// many replicas of a service. Those that do not have the service are not
// measured so, but one of them should.
func CheckReplicas(environments []Environment, service string, count int) []error {
	if count < 0 || count > mostReplicas {
		return []error{fmt.Errorf("is %d; must be from 0 to %d", count, mostReplicas)}
	}
	var missing, problems []error
	known := false
	for _, e := range environments {
		if e.Topology == nil {
			continue
		}
		if _, ok := e.Topology.Service(service); !ok {
			missing = append(missing, fmt.Errorf("the environment %s has no service %q%s", e.Name, service, yamlfile.DidYouMean(service, e.Topology.ServiceNames())))
			continue
		}
		known = true
		if target, err := url.Parse(e.Target); err == nil && target.Hostname() == service && count == 0 {
			problems = append(problems, fmt.Errorf("is 0, but %s is the target of the environment %s", service, e.Name))
		}
	}
	if !known {
		return missing
	}
	return problems
}
