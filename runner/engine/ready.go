package engine

import (
	"context"

	"plimsoll/scenarios/topology"
)

// Ready asks a running replica once whether it is ready, as Apply does: by its
// healthcheck, else by connecting to its ports. If it is not, why says what the
// answer was.
func Ready(ctx context.Context, eng Engine, s topology.Service, r Replica) (ok bool, why string, err error) {
	return probe(ctx, eng, s, r)
}

// WithoutLastWaits returns the operations without those that only wait for a
// replica that nothing else waits for.
func WithoutLastWaits(ops []Op) []Op {
	needed := make([]bool, len(ops))
	for i := len(ops) - 1; i >= 0; i-- {
		op := ops[i]
		if needed[i] = needed[i] || op.Kind != AwaitReady && op.Kind != AwaitExit; !needed[i] {
			continue
		}
		for _, n := range op.Needs {
			needed[n] = true
		}
	}
	place := make([]int, len(ops)) // in what is returned
	var kept []Op
	for i, op := range ops {
		if !needed[i] {
			continue
		}
		needs := make([]int, 0, len(op.Needs))
		for _, n := range op.Needs {
			needs = append(needs, place[n])
		}
		place[i] = len(kept)
		op.Needs = needs
		kept = append(kept, op)
	}
	return kept
}
