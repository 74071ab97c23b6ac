package results

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Run is a stored run.
type Run struct {
	Dir      string
	Manifest Manifest
	// Trials are the finished ones, in the order of execution.
	Trials []StoredTrial
	// Warnings name what could not be read.
	Warnings []string
}

// StoredTrial is a finished trial and the folder that holds its log.
type StoredTrial struct {
	Trial Trial
	Dir   string
}

// Open reads the run in dir. A trial that was never finished is left out; one
// whose summary cannot be read is named in Warnings.
func Open(dir string) (*Run, error) {
	run := &Run{Dir: dir}
	if err := readJSON(filepath.Join(dir, manifestFile), &run.Manifest); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s holds no run: %s is missing", dir, manifestFile)
		}
		return nil, err
	}
	if run.Manifest.Schema != RunSchema {
		return nil, fmt.Errorf("%s: schema is %q, this version reads %q", filepath.Join(dir, manifestFile), run.Manifest.Schema, RunSchema)
	}
	entries, err := os.ReadDir(filepath.Join(dir, trialsDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read trials: %w", err)
	}
	for _, entry := range entries {
		t := StoredTrial{Dir: filepath.Join(dir, trialsDir, entry.Name())}
		path := filepath.Join(t.Dir, trialFile)
		switch err := readJSON(path, &t.Trial); {
		case errors.Is(err, fs.ErrNotExist):
			// Unfinished: the manifest says why, if anybody could.
		case err != nil:
			run.Warnings = append(run.Warnings, err.Error())
		case t.Trial.Schema != TrialSchema:
			run.Warnings = append(run.Warnings, fmt.Sprintf("%s: schema is %q, this version reads %q", path, t.Trial.Schema, TrialSchema))
		default:
			run.Trials = append(run.Trials, t)
		}
	}
	slices.SortFunc(run.Trials, func(a, b StoredTrial) int { return a.Trial.Index - b.Trial.Index })
	return run, nil
}

func readJSON(path string, v any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// Log hands everything that was observed during the trial, in order, to each.
// Lines that cannot be understood, such as a last one that was cut off, come
// back as warnings. Lines are read as they are asked for: a long load's
// histograms do not fit into memory all at once.
func (t StoredTrial) Log(each func(Line)) (warnings []string, err error) {
	path := filepath.Join(t.Dir, logFile)
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read log: %w", err)
	}
	defer f.Close()
	dec := NewDecoder(f)
	for {
		l, err := dec.Next()
		var syntax *SyntaxError
		var cut *CutError
		switch {
		case err == nil:
			each(l)
		case errors.Is(err, io.EOF):
			return warnings, nil
		case errors.As(err, &syntax):
			warnings = append(warnings, fmt.Sprintf("%s: %v", path, err))
		case errors.As(err, &cut):
			return append(warnings, fmt.Sprintf("%s: %v", path, err)), nil
		default:
			return warnings, fmt.Errorf("%s: %w", path, err)
		}
	}
}
