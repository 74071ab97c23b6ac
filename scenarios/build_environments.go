package scenarios

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"plimsoll/internal/units"
	"plimsoll/scenarios/topology"
	"plimsoll/scenarios/yamlfile"
)

func (b *builder) environments() {
	names := yamlfile.Keys(b.contents, "environments", b.file.Environments)
	b.named("environments", names)
	for _, name := range names {
		b.environment(name, b.file.Environments[name])
	}
}

func (b *builder) environment(name string, in environment) {
	at := "environments." + name
	out := Environment{Name: name, Target: in.Target, Engine: b.engine(at+".engine", in.Engine), Link: b.link(at, in.Link)}
	hasTopology := b.contents.Has(at + ".topology")
	if hasTopology && b.contents.Sound(at+".topology") {
		out.Topology, out.TopologyFile = b.topology(in, at)
	}
	switch {
	case b.contents.Sound(at + ".target"):
		if err := checkTarget(in.Target, out.Topology); err != nil {
			b.contents.Add(at+".target", "%v", err)
		}
	case !b.contents.Has(at+".target") && b.whole(at):
		b.contents.Add(at, "has no target; give the URL that load is put on, such as http://web:8080")
	}
	out.TLS = b.tls(at+".tls", in.TLS, in.Target)
	if !hasTopology && b.contents.Sound(at+".engine") && !b.contents.Strange(at) {
		b.contents.AddKey(at+".engine", "there is nothing to start without a topology; leave engine out")
	}
	for _, key := range []string{"profiles", "env_file"} {
		if !hasTopology && b.contents.Has(at+"."+key) && !b.contents.Strange(at) {
			b.contents.AddKey(at+"."+key, "belongs to a topology, and there is none; leave it out")
		}
	}
	b.scenario.Environments = append(b.scenario.Environments, out)
}

// engine checks which engine an environment names.
func (b *builder) engine(at string, in engineKey) Engine {
	out := Engine{Kind: in.kind, Context: in.place.Context, Host: in.place.Host, TLS: in.place.TLS}
	if in.kind != "" || !b.contents.Has(at) {
		return out
	}
	hasContext, hasHost := b.contents.Has(at+".context"), b.contents.Has(at+".host")
	switch {
	case hasContext && hasHost:
		b.contents.Add(at, "names two engines: leave context or host out")
	case !hasContext && !hasHost && b.whole(at):
		b.contents.Add(at, "names no engine; give a context of the docker command, or a host such as ssh://user@machine")
	}
	if hasContext && b.contents.Sound(at+".context") && out.Context == "" {
		b.contents.Add(at+".context", "is empty; \"docker context ls\" shows the contexts there are")
	}
	if hasHost && b.contents.Sound(at+".host") && !goodEngineHost(out.Host) {
		b.contents.Add(at+".host", "%q is no address of a Docker engine; it is unix:///path/to/docker.sock, tcp://host:port or ssh://user@host", out.Host)
	}
	if b.contents.Has(at + ".tls") {
		switch {
		case !strings.HasPrefix(out.Host, "tcp://"):
			b.contents.AddKey(at+".tls", "belongs to a tcp:// host; contexts have their own, and ssh needs none")
		case out.TLS == "" && b.contents.Sound(at+".tls"):
			b.contents.Add(at+".tls", "is empty; give the folder with ca.pem, cert.pem and key.pem")
		default:
			out.TLS = b.certificateFolder(at+".tls", out.TLS)
		}
	}
	return out
}

// certificateFolder returns the absolute name of a folder beside the scenario.
func (b *builder) certificateFolder(at, name string) string {
	src, err := b.open(path.Join(name, "ca.pem"))
	dir := src.Dir
	if err == nil {
		dir, err = filepath.Abs(dir)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		b.contents.Add(at, "there is no file %q; the path is relative to the scenario", path.Join(name, "ca.pem"))
	case err != nil:
		b.contents.Add(at, "%v", err)
	}
	return dir
}

func goodEngineHost(host string) bool {
	at, err := url.Parse(host)
	if err != nil {
		return false
	}
	switch at.Scheme {
	case "unix", "npipe":
		return at.Path != "" || at.Host != ""
	case "tcp", "ssh":
		return at.Hostname() != ""
	}
	return false
}

func (b *builder) link(at string, in link) Link {
	at += ".link"
	if !b.contents.Has(at) {
		return Link{}
	}
	b.needs(at, "rtt", "how long a round trip takes, such as rtt: 190ms")
	if b.contents.Sound(at+".jitter") && b.contents.Sound(at+".rtt") && in.Jitter > in.RTT {
		b.contents.Add(at+".jitter", "%s is more than the round trip of %s: nothing arrives before it is sent",
			units.Duration(time.Duration(in.Jitter)), units.Duration(time.Duration(in.RTT)))
	}
	return Link{RTT: time.Duration(in.RTT), Jitter: time.Duration(in.Jitter)}
}

// topology loads an environment's topology, once for all environments that
// want the same.
func (b *builder) topology(in environment, at string) (*topology.Topology, string) {
	if len(in.Topology) == 0 {
		b.contents.Add(at+".topology", "is empty; name a Compose file, or leave it out if the deployment runs already")
		return nil, ""
	}
	src, ok := b.source(in, at)
	if !ok {
		return nil, ""
	}
	key := fmt.Sprintf("%q %q %q", in.Topology, in.Profiles, in.EnvFile)
	result, known := b.opened[key]
	if !known {
		result.file = src.File
		for _, over := range src.Overrides {
			result.file += " + " + over.File
		}
		result.topology, result.err = topology.Load(src)
		b.opened[key] = result
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
	default:
		b.contents.Add(at+".topology", "%v", result.err)
	}
	return result.topology, result.file
}

// source reads the files that an environment's topology is made of.
func (b *builder) source(in environment, at string) (src topology.Source, ok bool) {
	ok = true
	read := func(name, at string) topology.Source {
		src, err := b.open(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			b.contents.Add(at, "there is no file %q; the path is relative to the scenario", name)
		case err != nil:
			b.contents.Add(at, "%v", err)
		}
		ok = ok && err == nil
		return src
	}
	for i, name := range in.Topology {
		place := at + ".topology"
		if len(in.Topology) > 1 {
			place += fmt.Sprintf("[%d]", i)
		}
		file := read(name, place)
		if i == 0 {
			src = file
		} else {
			src.Overrides = append(src.Overrides, topology.Text{File: file.File, Text: file.Text})
		}
	}
	if b.contents.Has(at+".env_file") && b.contents.Sound(at+".env_file") {
		file := read(in.EnvFile, at+".env_file")
		src.EnvFile = &topology.Text{File: file.File, Text: file.Text}
	}
	src.Profiles = in.Profiles
	return src, ok
}

// checkTarget says what is wrong with a target's URL. top is nil where nothing
// is started or the topology could not be loaded.
func checkTarget(target string, top *topology.Topology) error {
	u, err := url.Parse(target)
	switch {
	case err != nil:
		return fmt.Errorf("%q is not a URL: %w", target, errors.Unwrap(err))
	case !slices.Contains([]string{"http", "https", "tcp"}, u.Scheme):
		return fmt.Errorf("%q does not begin with http://, https:// or tcp://", target)
	case u.Hostname() == "":
		return fmt.Errorf("%q has no host", target)
	case u.Scheme == "tcp" && (u.Port() == "" || u.Path != ""):
		return fmt.Errorf("%q is not of the form tcp://host:port", target)
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
