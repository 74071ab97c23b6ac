package foreign

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"plimsoll/results"
	"plimsoll/scenarios/plan"
)

// File is a result of another tool.
type File struct {
	Name string // as it was given
	Text []byte
}

// Options say how files become a run.
type Options struct {
	Out    string // the folder of runs
	Format string // a name, or Auto
	// Environment is that of all files, which are its trials then; empty: each
	// file's name says its environment, ENVIRONMENT[@SCALE][.FORMAT].EXTENSION.
	Environment string
	Version     string    // of this program
	Command     []string  // for the provenance
	Now         time.Time // of the import
}

// imported is a file that has been read.
type imported struct {
	file        File
	format      string
	result      *Result
	beside      []*imported // other files of the same load
	label       label
	environment string
	load        string
	repetition  int
}

// Store reads the files and writes them as one run. It returns the run's
// folder. When a file cannot be read nothing is written.
func Store(o Options, files []File) (dir string, err error) {
	list, err := readAll(o, files)
	if err != nil {
		return "", err
	}
	m := manifest(o, list)
	w, err := create(o.Out, &m)
	if err != nil {
		return "", err
	}
	for i, one := range list {
		if err := storeTrial(w, m.Plan.Trials[i], one); err != nil {
			return "", err
		}
	}
	return w.Dir(), nil
}

func readAll(o Options, files []File) ([]*imported, error) {
	var list []*imported
	for _, f := range files {
		r, format, err := Parse(o.Format, f.Text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		label, err := labelOf(f.Name, format)
		if err != nil {
			return nil, err
		}
		list = append(list, &imported{file: f, format: format, result: r, label: label})
	}
	list, err := joinAll(list)
	if err != nil {
		return nil, err
	}
	if o.Environment == "" {
		if err := distinctNames(list); err != nil {
			return nil, err
		}
	}
	return place(o, list), nil
}

func distinctNames(list []*imported) error {
	taken := map[string]string{}
	for _, one := range list {
		name := one.label.String()
		if other, ok := taken[name]; ok {
			return fmt.Errorf("%s and %s would both be environment %q: rename one, or say --env %s if they are trials of the same",
				other, one.file.Name, name, one.label.environment)
		}
		taken[name] = one.file.Name
	}
	return nil
}

// place says which trial of which cell each file is.
func place(o Options, list []*imported) []*imported {
	loads := []string{} // by their text, in the order of the files
	for i, one := range list {
		one.environment = cmp.Or(o.Environment, one.label.environment)
		key := one.format + "\n" + one.result.Load.Text
		if !slices.Contains(loads, key) {
			loads = append(loads, key)
		}
		one.load = loadName(loads, key)
		one.repetition = 1
		for _, other := range list[:i] {
			if other.environment == one.environment && other.load == one.load && other.label.scale.String() == one.label.scale.String() {
				one.repetition++
			}
		}
	}
	return list
}

// loadName is the format's for its first load, with a number for the others:
// what was measured under different loads is not to be compared.
func loadName(loads []string, key string) string {
	format, _, _ := strings.Cut(key, "\n")
	n := 0
	for _, other := range loads {
		if strings.HasPrefix(other, format+"\n") {
			n++
		}
		if other == key {
			break
		}
	}
	if n == 1 {
		return format
	}
	return fmt.Sprintf("%s-%d", format, n)
}

func manifest(o Options, list []*imported) results.Manifest {
	m := results.Manifest{
		Scenario: "import", Started: o.Now, Ended: o.Now, Outcome: "complete",
		Plan: plan.Plan{Scenario: "import"}, Loads: map[string]results.LoadSummary{},
		Provenance: results.Provenance{Version: o.Version, Command: o.Command, Engines: map[string]string{}},
	}
	for i, one := range list {
		m.Plan.Trials = append(m.Plan.Trials, plan.Trial{
			Index: i + 1, Environment: one.environment, Scale: one.label.scale, Load: one.load, Repetition: one.repetition,
		})
		if !slices.Contains(m.Environments, one.environment) {
			m.Environments = append(m.Environments, one.environment)
		}
		if !slices.Contains(m.LoadNames, one.load) {
			m.LoadNames = append(m.LoadNames, one.load)
		}
		m.Loads[one.load] = one.result.Load
	}
	return m
}

// create makes the run's folder; a second import within a second gets a number.
func create(out string, m *results.Manifest) (*results.Writer, error) {
	id := "import-" + m.Started.UTC().Format("20060102-150405")
	for n := 1; ; n++ {
		if m.ID = id; n > 1 {
			m.ID = fmt.Sprintf("%s-%d", id, n)
		}
		w, err := results.Create(out, *m)
		if !errors.Is(err, fs.ErrExist) || n == 100 {
			return w, err
		}
	}
}

func storeTrial(w *results.Writer, p plan.Trial, one *imported) error {
	t := one.result.Trial
	t.Environment, t.Scale, t.Load, t.Trial, t.Index = p.Environment, p.Scale, p.Load, p.Repetition, p.Index
	t.Foreign.File, t.Foreign.SHA256 = one.file.Name, one.file.sum()
	t.Validity = results.Validity{
		Verdict: results.Suspect,
		Reasons: []string{fmt.Sprintf("imported from %s: nothing tells whether its load was generated as it should have been", t.Foreign.Tool)},
	}
	if err := keep(w, p, one); err != nil {
		return err
	}
	for _, other := range one.beside {
		t.Foreign.Beside = append(t.Foreign.Beside, results.ForeignFile{
			Tool: other.result.Trial.Foreign.Tool, Format: other.format, File: other.file.Name, SHA256: other.file.sum(),
		})
		if err := keep(w, p, other); err != nil {
			return err
		}
	}
	tw, err := w.Begin(p)
	if err != nil {
		return err
	}
	for _, l := range one.result.Log {
		if err := tw.Append(l); err != nil {
			return errors.Join(fmt.Errorf("write the log of %s: %w", one.file.Name, err), tw.Abandon())
		}
	}
	return tw.Finish(t)
}

// keep stores the file itself.
func keep(w *results.Writer, p plan.Trial, one *imported) error {
	if err := w.SaveFile(fmt.Sprintf("imported/%03d-%s", p.Index, filepath.Base(one.file.Name)), one.file.Text); err != nil {
		return fmt.Errorf("keep %s: %w", one.file.Name, err)
	}
	return nil
}

func (f File) sum() string {
	sum := sha256.Sum256(f.Text)
	return hex.EncodeToString(sum[:])
}
