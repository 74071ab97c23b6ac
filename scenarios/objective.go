package scenarios

// Metric is what an objective is about.
type Metric string

// The metrics that an objective may name.
const (
	Percentile Metric = "p"          // p(99): response time
	Mean       Metric = "mean"       // mean response time
	Max        Metric = "max"        // longest response time
	Errors     Metric = "errors"     // share of requests that failed
	Throughput Metric = "throughput" // completed requests per second
)

// Objective is a condition on a cell's result, such as "p(99) < 1s".
type Objective struct {
	Text    string // as the file has it
	Metric  Metric
	Rank    float64 // of a Percentile, in (0,100]
	Compare string  // one of < <= > >=
	// Limit is in nanoseconds for times, a share (0–1) for Errors, and
	// requests per second for Throughput.
	Limit float64
}
