package analysis

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"plimsoll/internal/units"
	"plimsoll/results"
)

// provenance lists the circumstances of a run.
func provenance(m results.Manifest, trials []results.StoredTrial) []Fact {
	p := m.Provenance
	facts := []Fact{}
	add := func(name, value string) {
		if value != "" {
			facts = append(facts, Fact{name, value})
		}
	}
	add("run", m.ID)
	add("plimsoll", p.Version)
	add("command", commandLine(p.Command))
	add("machine", p.Host)
	add("operating system", p.OS)
	add("kernel", p.Kernel)
	add("CPU", p.CPU)
	if p.CPUs > 0 {
		add("CPUs", fmt.Sprint(p.CPUs))
	}
	if p.MemoryBytes > 0 {
		add("memory", units.Bytes(p.MemoryBytes))
	}
	for _, environment := range slices.Sorted(maps.Keys(p.Engines)) {
		add("engine of "+environment, p.Engines[environment])
	}
	for image, users := range usersOf(p.Images) {
		add("image", image+" ("+users+")"+sizeOf(p.ImageDetails[image]))
	}
	if p.Attached {
		add("stack", "brought up by hand before, and the same for all trials: what one trial left behind meets the next")
	}
	add("load comes from", p.LoadPath)
	add("load generator", sharing(p.CPUs, trials))
	add("transport", transports(p.Transport, trials))
	for _, c := range m.Calibrations {
		add("calibration of "+c.Load, c.Text())
	}
	add("warm-up", p.Warmup)
	add("scenario SHA-256", p.ScenarioHash)
	imported := addForeign(add, trials)
	if !imported { // an import has neither order nor arrivals to be drawn
		add("seed", fmt.Sprint(p.Seed))
	}
	return facts
}

// addForeign names the files that trials were imported from, if any were.
func addForeign(add func(name, value string), trials []results.StoredTrial) (any bool) {
	for i := range trials {
		t := &trials[i].Trial
		if t.Foreign == nil {
			continue
		}
		any = true
		value := fmt.Sprintf("%s (%s, format %s, SHA-256 %s)", t.Foreign.File, t.Foreign.Tool, t.Foreign.Format, t.Foreign.SHA256)
		if t.Tells("started") {
			value += ", measured from " + t.Started.UTC().Format("2 January 2006 15:04:05 UTC")
		}
		add("imported", value)
		for _, f := range t.Foreign.Beside {
			add("beside it", fmt.Sprintf("%s (%s, format %s, SHA-256 %s)", f.File, f.Tool, f.Format, f.SHA256))
		}
	}
	return any
}

func sizeOf(i results.Image) string {
	if i.Bytes == 0 {
		return ""
	}
	text := ", " + units.Bytes(i.Bytes)
	for _, digest := range i.Digests {
		text += ", " + digest
	}
	return text
}

// sharing says how much of the machine the load generator took from the stack
// beside it.
func sharing(cpus int, trials []results.StoredTrial) string {
	var used []float64
	for _, t := range trials {
		if len(t.Trial.Usage) > 0 { // of a stack elsewhere nothing is metered
			used = append(used, cores(t.Trial.Worker.CPU, t.Trial.Duration))
		}
	}
	if len(used) == 0 || cpus == 0 {
		return ""
	}
	return fmt.Sprintf("on the same machine as the stack; it used %.2f to %.2f of %s", slices.Min(used), slices.Max(used), plural(cpus, "CPU"))
}

// transports names what the trials sent their requests with, and whether that
// was left to the worker.
func transports(asked string, trials []results.StoredTrial) string {
	var used []string
	for _, t := range trials {
		if name := t.Trial.Transport; name != "" && !slices.Contains(used, name) {
			used = append(used, name)
		}
	}
	slices.Sort(used)
	switch names := strings.Join(used, ", "); {
	case names == "" || names == asked:
		return asked
	case asked == "":
		return names
	default:
		return names + " (" + asked + ")"
	}
}

// usersOf yields each image once, with all that ran it: "production/web,
// training/web".
func usersOf(images map[string]string) iter.Seq2[string, string] {
	users := map[string][]string{}
	for _, user := range slices.Sorted(maps.Keys(images)) {
		users[images[user]] = append(users[images[user]], user)
	}
	return func(yield func(string, string) bool) {
		for _, image := range slices.Sorted(maps.Keys(users)) {
			if !yield(image, strings.Join(users[image], ", ")) {
				return
			}
		}
	}
}

// commandLine quotes the arguments that need it.
func commandLine(args []string) string {
	words := make([]string, 0, len(args))
	for _, a := range args {
		if a == "" || strings.ContainsAny(a, " \t\n\"'\\$&|;<>()*?#") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}
