package load

import "crypto/x509"

// NewGeneralWith returns a transport that trusts roots and has at most limit
// open-loop requests in flight.
func NewGeneralWith(roots *x509.CertPool, limit int) *General {
	return &General{roots: roots, maxSenders: limit}
}

// ScheduleOf returns the schedule of an open loop.
func ScheduleOf(job Job) (Schedule, error) { return job.schedule() }

// Plain reports whether the fast transport can carry out a job.
func Plain(j Job) bool { return j.plain() }
