package bench

import (
	"fmt"
	"time"

	"plimsoll/runner/load"
)

// maxOffset bounds how long after the first worker the last one may begin.
const maxOffset = 10 * time.Second

// share is one worker's part of a job.
type share struct {
	job load.Job
	// offset is how long after the common begin this worker's phase begins.
	offset time.Duration
}

// split deals a job out to workers so that together they do exactly the job:
// as many requests, as many at a time, and in an open loop every request at
// its instant to the nanosecond. Request k of worker i is request
// k·workers + i of the whole.
func split(job load.Job, workers int) ([]share, error) {
	if err := job.Validate(); err != nil {
		return nil, err
	}
	if workers < 1 {
		return nil, fmt.Errorf("%d workers: it takes at least one", workers)
	}
	shares := make([]share, workers)
	for i := range shares {
		part := job
		part.Seed += uint64(i) // or all would send the mix in one order
		shares[i] = share{job: part}
	}
	if job.Concurrency == 0 {
		return shares, splitRate(job, shares)
	}
	if job.Concurrency < workers {
		return nil, fmt.Errorf("%d workers for %d requests at a time: at most one worker for each", workers, job.Concurrency)
	}
	if job.Requests > 0 && job.Requests < int64(workers) {
		return nil, fmt.Errorf("%d workers for %d requests: at most one worker for each", workers, job.Requests)
	}
	for i := range shares {
		shares[i].job.Concurrency = int(nth(int64(job.Concurrency), workers, i))
		shares[i].job.Requests = nth(job.Requests, workers, i)
	}
	return shares, nil
}

// nth is the i-th part of n things that are dealt out in turn.
func nth(n int64, parts, i int) int64 { return (n + int64(parts-1-i)) / int64(parts) }

// splitRate gives every worker the rate's period times their number, and an
// offset.
func splitRate(job load.Job, shares []share) error {
	workers := len(shares)
	whole, err := load.NewConstant(job.RateCount, job.RatePer, job.Duration)
	if err != nil {
		return err
	}
	if whole.Total() < int64(workers) {
		return fmt.Errorf("%d workers for %d requests: at most one worker for each", workers, whole.Total())
	}
	period := job.RatePer * time.Duration(workers)
	for i := range shares {
		offset, _ := whole.Due(int64(i))
		if offset > maxOffset {
			return fmt.Errorf("%d workers at %d requests per %v: so low a rate is for one worker", workers, job.RateCount, job.RatePer)
		}
		length, err := load.Until(nth(whole.Total(), workers, i), job.RateCount, period)
		if err != nil {
			return err
		}
		part := &shares[i]
		part.offset = offset
		part.job.RatePer, part.job.Duration = period, length
	}
	return nil
}
