package analysis

import (
	"fmt"
	"slices"

	"plimsoll/results"
)

// Kind is a kind of finding, as docs/findings.md explains it.
type Kind struct {
	Name string
	// What is the sentence that stands above the evidence: what there is, and
	// what it means for a conclusion.
	What string
	When string // it is made
	Do   string // what helps
}

// Kinds lists all kinds of findings, the gravest first: what makes numbers
// worthless, what makes a conclusion from them wrong, what limits one, what
// is only to be known.
func Kinds() []Kind {
	return []Kind{
		{
			"generator", "The load generator was the limit: the numbers are its own, not the stack's. The trial is shown and decides nothing.",
			"a trial is invalid because its load was not generated as asked: not sent, sent late, no CPU, ports or descriptors for the worker, or a failed calibration (docs/numbers.md)",
			"send less, give the worker CPUs of its own, or share the load among more workers; the evidence names the bottleneck",
		},
		{
			"invalid", "An invalid trial is shown but decides nothing.",
			"a trial is invalid for another reason: nothing was sent",
			"see the reason; repeat the trial",
		},
		{
			"unsteady", "A trial whose system was not in a steady state is shown but takes part in no comparison or decision.",
			"a valid trial was still warming up, got slower, or drifted (docs/method.md)",
			"warm up for longer, or find out what keeps it from settling",
		},
		{
			"killed", "A replica was killed for using more memory than its limit: what was measured is a stack that lost it.",
			"after the load the engine says that a replica ended for its memory",
			"raise the service's memory limit, or find what fills its memory",
		},
		{
			"suspect", "A suspect trial counts, but its numbers are in doubt.",
			"a trial of this program is suspect. Imported ones all are, which is said once and for all of them",
			"see the reason; a quieter machine, or less load",
		},
		{
			"errors", "Requests failed. How long a failure took is in the latencies, and a fast failure is no fast answer.",
			"any request of a cell failed",
			"look at the kinds of failure first, and at latencies only when they are gone",
		},
		{
			"masked", "Failures stand in for slow answers: the lower latency is not a better one.",
			fmt.Sprintf("more than %g %% of a cell's requests failed, its p99 (or its p50, where the p99 rests on fewer than %d requests) is at least %g %% below that of a cell without such failures at the same load and scale, or of the same environment and load, and would not be below it if the failed requests counted as the slowest", 100*tolerated, fewInTail, 100*lower),
			"compare errors, not latencies",
		},
		{
			"mismatch", "Client and stack do not agree on what was sent: part of it is another load's, or got lost on the way.",
			"a balancer's page has another number of sessions than an imported load without keep-alive has requests, or other bytes; or answers name an origin that is none of the stack's replicas, while others do",
			"clear the balancer's counters before the load, keep other clients away, and check what the target's address leads to",
		},
		{
			"behind", "The stack did not keep up with the requested rate.",
			fmt.Sprintf("an open loop got less than %g %% of its rate in good answers", 100*keptUp),
			"ask for less, or scale out; latencies at such a rate depend on how long the load lasts",
		},
		{
			"coldscale", "The larger scale is not shown to be slower: one stall holds much of the request time, and a cold start of new replicas is the likely reading.",
			"a stall (below) at a larger scale of a closed loop, none at the environment's smallest, and a throughput below that one's",
			"warm up until steady, send for at least " + fmt.Sprint(steadyAfter) + ", repeat",
		},
		{
			"stall", "One batch of requests waited together: a stall or a cold start, not a slower stack.",
			fmt.Sprintf("at most %d times as many requests of a closed loop as it has in flight took at least %d times its p50, and together hold more than %g %% of all request time. A summary is taken at its ranks, its mean and its longest, each at the end of its rounding that speaks against a stall", stallBatch, stallFactor, 100*stallShare),
			"warm up longer, repeat, and see whether it comes again at the same moment",
		},
		{
			"cold", "A cold start of new replicas: their first requests took far longer than any later one. Who scales out under load meets it.",
			fmt.Sprintf("the longest request of the warm-up's first %v took at least %d times the measured p50, and at least %d times the longest that was measured", results.EarlyWithin, coldFactor, coldBeyond),
			"nothing for these figures, which the warm-up kept clean; warm new replicas up before they get traffic",
		},
		{
			"busy", "Load generator and stack together used nearly all CPUs: they shared them, and more replicas on this machine cannot show what they would do on others.",
			fmt.Sprintf("they used at least %g %% of the machine's CPUs", 100*hostBusy),
			"give them separate CPUs, a larger machine, or several",
		},
		{
			"pinned", "One replica served everything: scaling this service cannot help this client.",
			"in a trial only one of a service's replicas was named by answers, or had sessions on the balancer's page",
			"balance by something else than the client's address, or load from several addresses",
		},
		{
			"idle", "A replica got no traffic while its siblings did.",
			"in a trial two or more of a service's replicas were named by answers or had sessions, and another was not at all",
			"see whether the balancer knows of it and finds it healthy",
		},
		{
			"skewed", "The load was spread unevenly over the replicas.",
			fmt.Sprintf("all of a service's replicas served, and the busiest at least %g times its fair share, which is %d requests or more", skewed, fewInTail),
			"look at the balancer's weights and at kept connections: they stay where they are",
		},
		{
			"unreached", "No request reached a service: scaling it cannot matter to this load.",
			fmt.Sprintf("answers, or the sessions on a balancer's page, came from other services only; where CPU was metered, the service used at most %g %% of the stack's", 100*idleCPU),
			"add requests that need the service, or leave it as it is",
		},
		{
			"throttled", "A CPU limit held a replica back: the limit shaped these latencies.",
			fmt.Sprintf("a replica was throttled for at least %g %% of the measured time", 100*throttledShare),
			"raise the limit, or take these as the latencies of that limit",
		},
		{
			"memory", "A replica came close to its memory limit: a little more load may end it.",
			fmt.Sprintf("a replica's highest memory, without page cache, was at least %g %% of its limit", 100*memoryNear),
			"raise the limit, or load for longer to see whether it keeps growing",
		},
		{
			"few", "A p99 rests on few requests: another trial may show quite another one.",
			fmt.Sprintf("fewer than %d requests of a cell rank above its p99, and no stall says so already", fewInTail),
			"send more requests, or look at the p90",
		},
		{
			"episode", "The tail is one episode: p99 says whether it happened, not how often.",
			fmt.Sprintf("of an open loop's requests above p99, at least %d, more than %g %% ended in one second", resolved, 100*episodeShare),
			"load for longer, and find out what happened in that second",
		},
		{
			"distance", "Distance, not capacity: most of the time is the way there and back.",
			fmt.Sprintf("connecting takes at least %v, the first byte of an answer between half and twice as long, the round trips of a request are at least %g %% of the p50, and the stack's CPUs, where metered, are mostly idle; or the environment has an emulated link", far, 100*tripShare),
			"compare from the same distance, keep connections, or put on an open load at the rate in question",
		},
		{
			"lost", "Lost packets suspected: the network, or a full accept queue, not slow work.",
			"connections took about 1 s, 3 s, 7 s or 15 s longer than the fastest, which is when a host sends an unanswered SYN again, and hardly any other took 0.9 s longer",
			"look for drops between the load and the target, and at the target's listen backlog",
		},
		{
			"inflight", "The loop was not kept full: the generator, or its start and end, shaped the throughput.",
			fmt.Sprintf("throughput × mean latency, by Little's law the requests in flight, is more than %g %% below the closed loop's concurrency", 100*balance),
			"send more requests; see whether the generator had enough CPU",
		},
		{
			"unequal", "Environments of one scale do not have the same replicas.",
			"at one scale a service that two environments have does not have as many replicas in both",
			"name the service in the scale",
		},
		{
			"short", "Measured too briefly to tell a steady state.",
			fmt.Sprintf("a trial of this program measured for less than %v", steadyAfter),
			"load for longer",
		},
		{
			"match", "Client and balancer agree: both tell of the same requests.",
			"an imported load and the balancer's page beside it have the same number of requests and, where both tell, of bytes",
			"nothing: this is for the record",
		},
	}
}

// finding makes a finding of a kind.
func finding(kind, evidence string) Finding {
	all := Kinds()
	i := slices.IndexFunc(all, func(k Kind) bool { return k.Name == kind })
	return Finding{Kind: kind, What: all[i].What, Evidence: evidence}
}
