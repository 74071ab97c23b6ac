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
func provenance(m results.Manifest) []Fact {
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
		add("image", image+" ("+users+")")
	}
	add("load comes from", p.LoadPath)
	add("transport", p.Transport)
	add("warm-up", p.Warmup)
	add("scenario SHA-256", p.ScenarioHash)
	add("seed", fmt.Sprint(p.Seed))
	return facts
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
