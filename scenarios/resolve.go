package scenarios

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// Resolved renders the scenario with every default filled in and nothing taken
// from elsewhere: a scenario file, and by name the topologies that it refers
// to and that have to be stored beside it. Loaded again, it is the same
// scenario.
func (s *Scenario) Resolved() (scenario []byte, files map[string][]byte, err error) {
	files = map[string][]byte{}
	r := &renderer{}
	r.item("name: ", s.Name)
	r.text("environments:\n")
	for _, e := range s.Environments {
		out := environment{Target: e.Target, Engine: e.Engine.written(), Link: link{duration(e.Link.RTT), duration(e.Link.Jitter)}}
		if e.Topology != nil {
			name := "topologies/" + e.Name + ".yaml"
			out.Topology = compose{name}
			files[name] = e.Topology.Compose
		}
		out.TLS = tlsOptions{Insecure: e.TLS.Insecure, ServerName: e.TLS.ServerName}
		if e.TLS.CA != "" {
			out.TLS.CA = "topologies/" + e.Name + ".pem"
			files[out.TLS.CA] = []byte(e.TLS.CA)
		}
		out.Link = link{RTT: duration(e.Link.RTT), Jitter: duration(e.Link.Jitter)}
		r.entry(e.Name, out)
	}
	r.text("scales:\n")
	for _, scale := range s.Scales {
		r.item("  - ", scale)
	}
	if slices.ContainsFunc(s.Loads, func(l Load) bool { return l.TCP == nil }) {
		r.text("requests:\n")
		for _, q := range s.Requests {
			r.item("  - ", q.written())
		}
	}
	r.text("loads:\n")
	for _, l := range s.Loads {
		r.entry(l.Name, l.written())
	}
	r.item("warmup: ", s.Warmup.written())
	r.item("trials: ", s.Trials)
	if len(s.Objectives) > 0 {
		r.text("objectives:\n")
	}
	for _, o := range s.Objectives {
		r.item("  - ", objective(o))
	}
	return r.out.Bytes(), files, r.err
}

// written is the engine as a file has it. The folder of a private key stays
// where it is.
func (e Engine) written() engineKey {
	return engineKey{kind: e.Kind, place: engineAt{Context: e.Context, Host: e.Host, TLS: e.TLS}}
}

// written is the load as a file has it.
func (l Load) written() load {
	out := load{
		Requests: l.Requests, Concurrency: l.Concurrency, Think: duration(l.Think),
		Rate: rate(l.Rate), Arrivals: arrivals(l.Arrivals), Duration: duration(l.Duration),
		KeepAlive: l.KeepAlive, Timeout: duration(l.Timeout), Connections: l.Connections, Target: l.Target,
		Redirects: l.Redirects, Cookies: l.Cookies, HTTP2: l.HTTP2,
	}
	if l.TCP != nil {
		l.writeTCP(&out)
	}
	if l.Sine != nil {
		out.Sine = sine{Amplitude: rate(l.Sine.Amplitude), Period: duration(l.Sine.Period), Start: sineStart(l.Sine.Start)}
	}
	for _, s := range l.Stages {
		out.Stages = append(out.Stages, stage{To: level(s.To), Over: span(s.Over)})
		out.Duration = 0
	}
	return out
}

// written is the request as a file has it.
func (q Request) written() request {
	out := request{Name: q.Name, Headers: q.Headers, Body: q.Body, Weight: q.Weight}
	switch q.Method {
	case "GET":
		out.Get = q.Path
	case "POST":
		out.Post = q.Path
	case "PUT":
		out.Put = q.Path
	case "PATCH":
		out.Patch = q.Path
	case "DELETE":
		out.Delete = q.Path
	case "HEAD":
		out.Head = q.Path
	}
	return out
}

// renderer writes the outline of a file as YAML and each thing in it as JSON,
// which is YAML too and needs no thought about quoting.
type renderer struct {
	out bytes.Buffer
	err error
}

func (r *renderer) text(text string) { r.out.WriteString(text) }

func (r *renderer) entry(name string, v any) {
	r.item(fmt.Sprintf("  %q: ", name), v)
}

// item writes one value and ends the line.
func (r *renderer) item(lead string, v any) {
	r.out.WriteString(lead)
	encoder := json.NewEncoder(&r.out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil && r.err == nil {
		r.err = fmt.Errorf("write the scenario: %w", err)
	}
}
