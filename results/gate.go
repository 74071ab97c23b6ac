package results

// Gate is what a gate was asked: the settings that its verdict, which follows
// from the trials, is computed with. Shares are fractions: 0.05 is 5 %.
type Gate struct {
	Baseline  string `json:"baseline"` // environments
	Candidate string `json:"candidate"`
	Load      string `json:"load"`
	// Request is the name of the requests whose percentiles are judged; empty:
	// all together.
	Request string `json:"request,omitempty"`
	// Metrics are what is judged: "p(99)", "throughput", "cpu", "cpu(web)".
	Metrics []string `json:"metrics"`
	// MinEffect is the smallest rise that fails, Tolerance the one that has to
	// be excluded for a pass.
	MinEffect float64 `json:"min_effect"`
	Tolerance float64 `json:"tolerance"`
	// Looks are the numbers of rounds after which it is decided. Together they
	// may spend Alpha of falsely failing and Beta of falsely passing.
	Looks []int   `json:"looks"`
	Alpha float64 `json:"alpha"`
	Beta  float64 `json:"beta"`
	// ErrorMargin is by how much the candidate's share of failed requests may
	// be above the baseline's, MaxErrors a share that is fine in any case.
	ErrorMargin float64 `json:"error_margin"`
	MaxErrors   float64 `json:"max_errors,omitempty"`
	// MaxVoid is the share of void rounds above which a machine cannot be used.
	MaxVoid float64 `json:"max_void"`
}
