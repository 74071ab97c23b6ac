package results

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Foreign says of an imported trial whose measurement it is.
type Foreign struct {
	Tool   string `json:"tool"` // "ApacheBench 2.3"
	Format string `json:"format"`
	File   string `json:"file,omitempty"`
	SHA256 string `json:"sha256,omitempty"` // of the file
	// Told are the figures that the tool tells, by their place in trial.json:
	// "latency_ns.response.p99". The others are absent there, and mean nothing
	// in memory: ask Tells before showing one.
	Told []string `json:"told"`
	// Rounded is what the tool rounded latencies to; 0: to nothing that matters.
	Rounded time.Duration `json:"rounded_ns,omitempty"`
	// Balancer is what a balancer counted during the load.
	Balancer []BalancerRow `json:"balancer,omitempty"`
	// Beside are other files that tell of the same load.
	Beside []ForeignFile `json:"beside,omitempty"`
}

// ForeignFile is a file that another tool wrote.
type ForeignFile struct {
	Tool   string `json:"tool"`
	Format string `json:"format"`
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
}

// Tells reports whether the figure at that place in trial.json is one that was
// measured. A trial of this program tells all of them.
func (t *Trial) Tells(place string) bool {
	return t.Foreign == nil || slices.Contains(t.Foreign.Told, place)
}

// always are the parts of trial.json that are no measurement of the load tool.
var always = []string{
	"schema", "environment", "scale", "load", "trial", "index", "link", "mode", "target", "transport",
	"validity", "usage", "events", "images", "warnings", "foreign", "sample.server", "sample.document",
	"requests.status", "requests.errors",
}

// MarshalJSON leaves out what an imported trial does not tell: it is absent,
// not 0.
func (t Trial) MarshalJSON() ([]byte, error) {
	type plain Trial
	text, err := json.Marshal(plain(t))
	if err != nil || t.Foreign == nil {
		return text, err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber() // nanoseconds do not fit into a float64
	var whole map[string]any
	if err := dec.Decode(&whole); err != nil {
		return nil, err
	}
	prune(whole, "", append(slices.Clone(always), t.Foreign.Told...))
	return json.Marshal(whole)
}

// prune takes out of part, which is at that place, what is not to be kept, and
// what is empty then.
func prune(part map[string]any, place string, keep []string) {
	for key, value := range part {
		at := strings.TrimPrefix(place+"."+key, ".")
		if slices.Contains(keep, at) {
			continue
		}
		inner, _ := value.(map[string]any)
		prune(inner, at, keep)
		if len(inner) == 0 {
			delete(part, key)
		}
	}
}

// BalancerRow is a line of a balancer's statistics: a listener (FRONTEND), a
// server, or all servers of a proxy (BACKEND). What the balancer does not tell
// is nil.
type BalancerRow struct {
	Proxy  string `json:"proxy"`
	Server string `json:"server"`
	Status string `json:"status,omitempty"`
	Check  string `json:"check,omitempty"`
	// BytesIn and BytesOut are as the balancer sees them: in are requests.
	Sessions        *int64 `json:"sessions,omitempty"`
	MostSessions    *int64 `json:"most_sessions,omitempty"` // at once
	HighestRate     *int64 `json:"highest_rate,omitempty"`  // sessions in one second
	BytesIn         *int64 `json:"bytes_in,omitempty"`
	BytesOut        *int64 `json:"bytes_out,omitempty"`
	DowntimeSeconds *int64 `json:"downtime_s,omitempty"`
	Answers2xx      *int64 `json:"answers_2xx,omitempty"`
	Answers4xx      *int64 `json:"answers_4xx,omitempty"`
	Answers5xx      *int64 `json:"answers_5xx,omitempty"`
	ConnectErrors   *int64 `json:"connect_errors,omitempty"`
	AnswerErrors    *int64 `json:"answer_errors,omitempty"`
}
