package scenarios

import (
	"fmt"
	"slices"
	"time"

	"plimsoll/internal/units"
	"plimsoll/scenarios/yamlfile"
)

func (b *builder) loads() {
	names := yamlfile.Keys(b.contents, "loads", b.file.Loads)
	b.named("loads", names)
	for _, name := range names {
		in, at := b.file.Loads[name], "loads."+name
		out := Load{
			Name: name, Mode: Closed, Requests: in.Requests, Concurrency: in.Concurrency, Think: time.Duration(in.Think),
			Rate: Rate(in.Rate), Duration: time.Duration(in.Duration),
			KeepAlive: in.KeepAlive, Timeout: time.Duration(in.Timeout), Connections: in.Connections, Target: in.Target,
			Redirects: in.Redirects, Cookies: in.Cookies, HTTP2: in.HTTP2,
		}
		if in.Protocol == tcp {
			b.overTCP(at, in, &out)
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
		b.atLeastOne(at+".connections", in.Connections)
		b.atLeastOne(at+".redirects", in.Redirects)
		if b.contents.Sound(at) {
			b.checkLoad(at, in)
		}
		if b.contents.Sound(at+".protocol") || !b.contents.Has(at+".protocol") {
			b.checkProtocol(at, out)
		}
		b.scenario.Loads = append(b.scenario.Loads, out)
	}
	if b.contents.Has("requests") && len(names) > 0 && !slices.ContainsFunc(b.scenario.Loads, func(l Load) bool { return l.TCP == nil }) {
		b.contents.AddKey("requests", "are sent by no load: all are over TCP and have payloads of their own")
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
	case !open && has("connections"):
		b.contents.AddKey(at+".connections", "belongs to an open loop; a closed loop has as many connections as its concurrency")
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
