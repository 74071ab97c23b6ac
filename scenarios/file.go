package scenarios

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"plimsoll/internal/units"
	"plimsoll/scenarios/yamlfile"
)

// The types in this file are the scenario file as it is written: its keys in
// json tags, what they mean in jsonschema tags. Schema is made of them.

type file struct {
	Name         string                 `json:"name,omitempty" jsonschema:"pattern=^[A-Za-z0-9][A-Za-z0-9_.-]*$" jsonschema_description:"What the scenario is called; the file's name if left out."`
	Environments map[string]environment `json:"environments" jsonschema_description:"The deployments to measure, by name."`
	Scales       []map[string]int       `json:"scales,omitempty" jsonschema:"minItems=1" jsonschema_description:"Replica counts of each scale level, such as {web: 3}; {} is the topology as it is written."`
	Requests     []request              `json:"requests,omitempty" jsonschema:"minItems=1" jsonschema_description:"The mix of requests; GET / if left out."`
	Loads        map[string]load        `json:"loads" jsonschema_description:"How requests are sent, by name."`
	Warmup       warmup                 `json:"warmup,omitzero" jsonschema_description:"How long a stack is loaded before measuring: a duration, steady for until it is steady, or none; 5s if left out."`
	Trials       int                    `json:"trials,omitempty" jsonschema:"minimum=1,maximum=1000" jsonschema_description:"How often each cell is measured, on a fresh stack each time; 3 if left out."`
	Objectives   []objective            `json:"objectives,omitempty" jsonschema_description:"What must hold in each cell."`
	Events       unsupported            `json:"events,omitzero" jsonschema:"-"`
}

type environment struct {
	Topology compose    `json:"topology,omitempty" jsonschema_description:"The Compose file to start, relative to this file, or a list of them: each is merged over those before it. Without one the target is a deployment that runs already."`
	Profiles []string   `json:"profiles,omitempty" jsonschema:"minItems=1" jsonschema_description:"The Compose profiles whose services are started, too, beside those that COMPOSE_PROFILES names."`
	EnvFile  string     `json:"env_file,omitempty" jsonschema:"minLength=1" jsonschema_description:"The file of variables for the Compose files, relative to this file; the .env file beside the first of them if left out."`
	Target   string     `json:"target" jsonschema:"pattern=^(https?|tcp)://" jsonschema_description:"The URL that load is put on; for loads over TCP tcp://host:port. Its host may be a service of the topology."`
	Engine   engineKey  `json:"engine,omitzero" jsonschema_description:"What runs the topology; the command line's choice if left out."`
	TLS      tlsOptions `json:"tls,omitzero" jsonschema_description:"Whose certificates an https target may have; those that the system trusts for its host if left out."`
	Link     link       `json:"link,omitzero" jsonschema_description:"An emulated distance between load and target."`
}

// compose names one or more Compose files.
type compose = yamlfile.OneOrMore

type tlsOptions struct {
	Insecure   bool   `json:"insecure,omitempty" jsonschema_description:"Accept every certificate."`
	CA         string `json:"ca,omitempty" jsonschema:"minLength=1" jsonschema_description:"A file of certificates in PEM, relative to this file, that are trusted instead of the system's."`
	ServerName string `json:"server_name,omitempty" jsonschema:"minLength=1" jsonschema_description:"The name to ask for, which the certificate has to be for; the target's host if left out."`
}

type request struct {
	Name    string            `json:"name,omitempty" jsonschema_description:"What the request is called in reports; method and path if left out."`
	Get     string            `json:"get,omitempty" jsonschema:"pattern=^/" jsonschema_description:"The path of a GET request."`
	Post    string            `json:"post,omitempty" jsonschema:"pattern=^/" jsonschema_description:"The path of a POST request."`
	Put     string            `json:"put,omitempty" jsonschema:"pattern=^/" jsonschema_description:"The path of a PUT request."`
	Patch   string            `json:"patch,omitempty" jsonschema:"pattern=^/" jsonschema_description:"The path of a PATCH request."`
	Delete  string            `json:"delete,omitempty" jsonschema:"pattern=^/" jsonschema_description:"The path of a DELETE request."`
	Head    string            `json:"head,omitempty" jsonschema:"pattern=^/" jsonschema_description:"The path of a HEAD request."`
	Headers map[string]string `json:"headers,omitempty" jsonschema_description:"Headers to send, by name."`
	Body    string            `json:"body,omitempty" jsonschema_description:"The body to send."`
	Weight  int               `json:"weight,omitempty" jsonschema:"minimum=1" jsonschema_description:"The request's share of the mix; 1 if left out."`
}

type load struct {
	Requests    int      `json:"requests,omitempty" jsonschema:"minimum=1" jsonschema_description:"Closed loop: how many requests to send."`
	Concurrency int      `json:"concurrency,omitempty" jsonschema:"minimum=1" jsonschema_description:"Closed loop: how many requests are in flight."`
	Think       duration `json:"think,omitzero" jsonschema_description:"Closed loop: how long each sender pauses between an answer and its next request; not at all if left out."`
	Rate        rate     `json:"rate,omitzero" jsonschema_description:"Open loop: how many requests are sent per period, whatever the server does. With stages the rate that they begin at, 0 if left out; with sine the mean."`
	Stages      []stage  `json:"stages,omitempty" jsonschema:"minItems=1" jsonschema_description:"Open loop: how the rate changes, step by step."`
	Sine        sine     `json:"sine,omitzero" jsonschema_description:"Open loop: how the rate swings around its mean."`
	Arrivals    arrivals `json:"arrivals,omitempty" jsonschema:"enum=constant,enum=poisson" jsonschema_description:"Open loop: constant (if left out) sends as evenly as the rate does, poisson as independent users arrive."`
	Duration    duration `json:"duration,omitzero" jsonschema_description:"How long requests are sent."`
	KeepAlive   bool     `json:"keepalive,omitempty" jsonschema_description:"Use a connection for more than one request; false if left out, as in ab."`
	Timeout     duration `json:"timeout,omitzero" jsonschema_description:"How long an answer may take; 30s if left out."`

	Redirects int  `json:"redirects,omitempty" jsonschema:"minimum=1" jsonschema_description:"HTTP: how many redirects a request may follow, to the target only; none if left out, as in ab."`
	Cookies   bool `json:"cookies,omitempty" jsonschema_description:"HTTP: each sender keeps the cookies that it is given; false if left out."`
	HTTP2     bool `json:"http2,omitempty" jsonschema_description:"HTTP: speak HTTP/2, to http:// targets without asking first, one request at a time on each connection; HTTP/1.1 if left out."`

	Connections int       `json:"connections,omitempty" jsonschema:"minimum=1" jsonschema_description:"Open loop: the most connections at once; requests beyond it wait, and the wait counts."`
	Target      string    `json:"target,omitempty" jsonschema:"pattern=^(https?|tcp)://" jsonschema_description:"The URL that this load is put on, in all environments; their own if left out."`
	Protocol    protocol  `json:"protocol,omitempty" jsonschema:"enum=http,enum=tcp" jsonschema_description:"What is spoken: http (if left out) sends the scenario's requests, tcp the load's payloads."`
	Payload     string    `json:"payload,omitempty" jsonschema_description:"TCP: the file whose contents are sent, relative to this file."`
	Payloads    []payload `json:"payloads,omitempty" jsonschema:"minItems=1" jsonschema_description:"TCP: the mix of what is sent."`
	Expect      string    `json:"expect,omitempty" jsonschema:"minLength=1" jsonschema_description:"TCP: what every good answer holds; without until and length the answer is this and no more."`
	Until       string    `json:"until,omitempty" jsonschema:"minLength=1" jsonschema_description:"TCP: the delimiter that answers end with, or close if they end with the connection."`
	Length      int       `json:"length,omitempty" jsonschema:"minimum=1" jsonschema_description:"TCP: how many bytes answers have."`
}

type payload struct {
	Name   string `json:"name,omitempty" jsonschema_description:"What the payload is called in reports."`
	File   string `json:"file,omitempty" jsonschema_description:"The file whose contents are sent, relative to this file."`
	Text   string `json:"text,omitempty" jsonschema_description:"The text that is sent."`
	Base64 string `json:"base64,omitempty" jsonschema_description:"The bytes that are sent, in base64."`
	Weight int    `json:"weight,omitempty" jsonschema:"minimum=1" jsonschema_description:"The payload's share of the mix; 1 if left out."`
}

type stage struct {
	To   level `json:"to" jsonschema_description:"The rate at the end of the stage; it may be 0."`
	Over span  `json:"over" jsonschema_description:"How long it takes to get there; 0s is at once."`
}

type sine struct {
	Amplitude rate      `json:"amplitude" jsonschema_description:"How far the rate goes above and below its mean; at most as far as the mean."`
	Period    duration  `json:"period" jsonschema_description:"How long one wave takes."`
	Start     sineStart `json:"start,omitempty" jsonschema:"enum=rising,enum=peak,enum=falling,enum=trough" jsonschema_description:"Where in the wave the load begins; rising, at the mean, if left out."`
}

type link struct {
	RTT    duration `json:"rtt" jsonschema_description:"How much longer a round trip takes: to connect is one, a request with its answer is one."`
	Jitter duration `json:"jitter,omitzero" jsonschema_description:"By how much each round trip may differ from that; not at all if left out."`
}

// unsupported is a key that scenario files will have, but not yet.
type unsupported struct{}

var _ yamlfile.Refuser = (*unsupported)(nil)

// Refuse refuses every value.
func (*unsupported) Refuse(bool) string { return "is not supported by this version" }

// engineKey is the name of a kind of engine, or tells where one is.
type engineKey struct {
	kind  string
	place engineAt
}

// engineAt tells where a Docker engine is.
type engineAt struct {
	Context string      `json:"context,omitempty" jsonschema:"minLength=1" jsonschema_description:"The name of a context of the docker command."`
	Host    string      `json:"host,omitempty" jsonschema:"pattern=^(unix|npipe|tcp|ssh)://" jsonschema_description:"The engine's address: unix:///path, tcp://host:port or ssh://user@host."`
	TLS     string      `json:"tls,omitempty" jsonschema:"minLength=1" jsonschema_description:"The folder with ca.pem, cert.pem and key.pem for a tcp:// address, relative to this file; what DOCKER_TLS_VERIFY and DOCKER_CERT_PATH say if left out."`
	Swarm   unsupported `json:"swarm,omitzero" jsonschema:"-"`
}

// Choose decodes a mapping as an engineAt, and anything else as a name.
func (e *engineKey) Choose(mapping bool) any {
	if mapping {
		return &e.place
	}
	return (*engineName)(&e.kind)
}

// MarshalJSON writes what was read.
func (e engineKey) MarshalJSON() ([]byte, error) {
	if e.kind != "" {
		return json.Marshal(e.kind)
	}
	return json.Marshal(e.place)
}

// engineName is one of engineNames.
type engineName string

var engineNames = []string{DockerEngine, ProcessEngine, AutoEngine}

// UnmarshalText accepts the engines there are.
func (e *engineName) UnmarshalText(text []byte) error {
	*e = engineName(text)
	switch name := string(text); {
	case slices.Contains(engineNames, name):
		return nil
	case name == "swarm" || name == "none":
		return fmt.Errorf("the engine %s is not supported by this version; use docker, process or auto", name)
	default:
		return fmt.Errorf("there is no engine %q; use docker, process, auto, {context: NAME} or {host: ADDRESS}%s", name, yamlfile.DidYouMean(name, engineNames))
	}
}

// duration is a duration such as "10s", longer than nothing.
type duration time.Duration

// UnmarshalText reads what MarshalText writes.
func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := units.ParseDuration(string(text))
	if err == nil && parsed == 0 {
		err = errors.New("must be longer than 0")
	}
	*d = duration(parsed)
	return err
}

// MarshalText writes what UnmarshalText reads.
func (d duration) MarshalText() ([]byte, error) {
	return []byte(units.Duration(time.Duration(d))), nil
}

// span is a duration such as "10s"; it may be 0.
type span time.Duration

// UnmarshalText reads what MarshalText writes.
func (s *span) UnmarshalText(text []byte) error {
	parsed, err := units.ParseDuration(string(text))
	*s = span(parsed)
	return err
}

// MarshalText writes what UnmarshalText reads.
func (s span) MarshalText() ([]byte, error) { return duration(s).MarshalText() }

// level is a rate such as "200/s"; it may be 0.
type level Rate

// UnmarshalText reads what MarshalText writes.
func (l *level) UnmarshalText(text []byte) error {
	if zero, err := units.ParseThroughput(string(text)); err == nil && zero == 0 {
		*l = level{Per: time.Second}
		return nil
	}
	return (*rate)(l).UnmarshalText(text)
}

// MarshalText writes what UnmarshalText reads.
func (l level) MarshalText() ([]byte, error) { return rate(l).MarshalText() }

// sineStart is one of starts.
type sineStart Start

// UnmarshalText accepts the starts there are.
func (s *sineStart) UnmarshalText(text []byte) error {
	return oneOf(s, string(text), starts, "there is no start %q; use rising, peak, falling or trough%s")
}

// protocol is what a load speaks.
type protocol string

const (
	http1 protocol = "http"
	tcp   protocol = "tcp"
)

// UnmarshalText accepts the protocols there are.
func (p *protocol) UnmarshalText(text []byte) error {
	return oneOf(p, string(text), []protocol{http1, tcp}, "there is no protocol %q; use http or tcp%s")
}

// arrivals is Constant or Poisson.
type arrivals Arrivals

// UnmarshalText accepts the kinds of arrivals there are.
func (a *arrivals) UnmarshalText(text []byte) error {
	return oneOf(a, string(text), []Arrivals{Constant, Poisson}, "there are no %q arrivals; use constant or poisson%s")
}

// oneOf sets a word that has to be one of some.
func oneOf[Word, Known ~string](word *Word, text string, known []Known, message string) error {
	*word = Word(text)
	if slices.Contains(known, Known(text)) {
		return nil
	}
	names := make([]string, len(known))
	for i, name := range known {
		names[i] = string(name)
	}
	return fmt.Errorf(message, text, yamlfile.DidYouMean(text, names))
}

// rate is a rate such as "200/s".
type rate Rate

// UnmarshalText reads what MarshalText writes.
func (r *rate) UnmarshalText(text []byte) (err error) {
	r.Count, r.Per, err = units.ParseRate(string(text))
	return err
}

// MarshalText writes what UnmarshalText reads.
func (r rate) MarshalText() ([]byte, error) { return []byte(Rate(r).String()), nil }

// objective is a condition such as "p(99) < 1s".
type objective Objective

// UnmarshalText reads a condition.
func (o *objective) UnmarshalText(text []byte) error {
	parsed, err := ParseObjective(string(text))
	*o = objective(parsed)
	return err
}

// MarshalText gives the condition as it was written.
func (o objective) MarshalText() ([]byte, error) { return []byte(o.Text), nil }
