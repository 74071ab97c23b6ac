package load

import (
	"math/rand/v2"
	"sort"
	"sync"
	"time"
)

// Poisson is the schedule of requests that arrive independently of each other,
// as those of many users do: the gaps between them are exponentially
// distributed, with the rate of a ramp. It is fixed by the ramp and a seed.
//
// The gaps are drawn on the axis of requests, with a mean of one, and the ramp
// says when each place of that axis is reached (the time-change construction;
// E. Çinlar, Introduction to Stochastic Processes, 1975). The number of
// requests differs from seed to seed; its mean and its variance are the
// integral of the rate.
type Poisson struct {
	ramp *Ramp
	seed uint64

	// What follows only saves work: it follows from the ramp and the seed.
	mu     sync.Mutex
	source rand.PCG
	random *rand.Rand // from source
	// starts[b] is the place of the last arrival before block b, in grains.
	starts []uint64
	loaded int64 // the block that places holds
	places [arrivals]uint64
	total  int64 // 0: not counted yet
}

const (
	// arrivals is how many arrivals make up a block. Each block has random
	// numbers of its own, so that memory does not grow with what has passed
	// but by one number for each block.
	arrivals = 1024
	// gapStreams keeps the random numbers apart from those of the mix, which
	// has the same seed.
	gapStreams = 1 << 63
)

// NewPoisson returns the schedule of random arrivals at the rate of a ramp.
func NewPoisson(ramp *Ramp, seed uint64) *Poisson {
	p := &Poisson{ramp: ramp, seed: seed, starts: []uint64{0}, loaded: none}
	p.random = rand.New(&p.source)
	return p
}

// load draws the places of a block whose start is known.
func (p *Poisson) load(block int64) {
	if p.loaded == block {
		return
	}
	p.source.Seed(p.seed, gapStreams|uint64(block))
	place := p.starts[block]
	for i := range p.places {
		place += uint64(p.random.ExpFloat64()*grain + 0.5)
		p.places[i] = place
	}
	p.loaded = block
	if block == int64(len(p.starts))-1 {
		p.starts = append(p.starts, place)
	}
}

// reach sees to it that the start of a block is known. It is false if the
// ramp is over before.
func (p *Poisson) reach(block int64) bool {
	for {
		last := int64(len(p.starts)) - 1
		if last >= block {
			return p.ramp.has(p.starts[block])
		}
		if !p.ramp.has(p.starts[last]) {
			return false
		}
		p.load(last)
	}
}

// Due implements Schedule. It is cheap when requests are asked for in turn.
func (p *Poisson) Due(k int64) (time.Duration, bool) {
	if k < 0 {
		return 0, false
	}
	p.mu.Lock()
	block := k / arrivals
	if !p.reach(block) {
		p.mu.Unlock()
		return 0, false
	}
	p.load(block)
	place := p.places[k%arrivals]
	p.mu.Unlock()
	return p.ramp.at(place)
}

// Total implements Schedule. It draws all arrivals, once.
func (p *Poisson) Total() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.total > 0 {
		return p.total
	}
	block := int64(0)
	for p.reach(block + 1) {
		block++
	}
	p.load(block)
	p.total = block*arrivals + int64(sort.Search(arrivals, func(i int) bool { return !p.ramp.has(p.places[i]) }))
	return p.total
}
