package results

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/google/renameio/v2/maybe"

	"plimsoll/scenarios/plan"
)

// ScenarioFile is the name, inside a run's folder, of the scenario as it was
// run.
const ScenarioFile = "scenario.yaml"

// Names inside a run's folder.
const (
	manifestFile = "run.json"
	trialsDir    = "trials"
	trialFile    = "trial.json"
	logFile      = "log.ndjson"
	reportDir    = "report"
)

// Writer writes one run's folder. Whole files appear complete or not at all;
// logs grow line by line.
type Writer struct {
	dir string
}

// Create makes the folder of a new run below out, named after the manifest's
// ID, and writes the manifest. The folder must not exist yet.
func Create(out string, m Manifest) (*Writer, error) {
	dir := filepath.Join(out, m.ID)
	if err := os.MkdirAll(out, 0o755); err != nil {
		return nil, fmt.Errorf("create results folder: %w", err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create run folder: %w", err)
	}
	return ResumeAt(dir, m)
}

// ResumeAt continues to write into the folder of an existing run.
func ResumeAt(dir string, m Manifest) (*Writer, error) {
	w := &Writer{dir: dir}
	for _, sub := range []string{trialsDir, reportDir} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, fmt.Errorf("create run folder: %w", err)
		}
	}
	return w, w.SaveManifest(m)
}

// Dir is the run's folder.
func (w *Writer) Dir() string { return w.dir }

// ReportDir is the folder for what is rendered from the run.
func (w *Writer) ReportDir() string { return filepath.Join(w.dir, reportDir) }

// SaveManifest replaces run.json.
func (w *Writer) SaveManifest(m Manifest) error {
	m.Schema = RunSchema
	return saveJSON(filepath.Join(w.dir, manifestFile), m)
}

// SaveFile writes a file of that slash-separated name into the run's folder,
// for its owner only: a topology may hold secrets.
func (w *Writer) SaveFile(name string, content []byte) error {
	path := filepath.Join(w.dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return maybe.WriteFile(path, content, 0o600)
}

func saveJSON(path string, v any) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false) // "p(99) < 1s" should stay readable
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode %s: %w", filepath.Base(path), err)
	}
	if err := maybe.WriteFile(path, text.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// TrialName is the name of a trial's folder: "001-training-web=3-ab-1".
func TrialName(t plan.Trial) string {
	scale := "base"
	if len(t.Scale) > 0 {
		scale = t.Scale.String()
	}
	load := t.Load
	if t.Rate > 0 {
		load += fmt.Sprintf("@%g", t.Rate)
	}
	name := fmt.Sprintf("%03d-%s-%s-%s-%d", t.Index, t.Environment, scale, load, t.Repetition)
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>| `, r) {
			return '_'
		}
		return r
	}, name)
}

// TrialWriter writes one trial. It is safe for concurrent use.
type TrialWriter struct {
	dir string

	mu  sync.Mutex
	log *os.File
	buf *bufio.Writer
	enc *Encoder
}

// Begin makes a trial's folder and its empty log. What an earlier, unfinished
// attempt at the same trial left there is replaced.
func (w *Writer) Begin(t plan.Trial) (*TrialWriter, error) {
	dir := filepath.Join(w.dir, trialsDir, TrialName(t))
	if err := os.RemoveAll(dir); err != nil {
		return nil, fmt.Errorf("begin trial: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("begin trial: %w", err)
	}
	log, err := os.Create(filepath.Join(dir, logFile))
	if err != nil {
		return nil, fmt.Errorf("begin trial: %w", err)
	}
	buf := bufio.NewWriterSize(log, 64<<10)
	return &TrialWriter{dir: dir, log: log, buf: buf, enc: NewEncoder(buf)}, nil
}

// Append adds a line to the log and hands it to the operating system.
func (t *TrialWriter) Append(l Line) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.enc.Encode(l); err != nil {
		return err
	}
	return t.buf.Flush()
}

// Finish makes the log durable and then writes trial.json, by which the trial
// counts as finished.
func (t *TrialWriter) Finish(trial Trial) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := errors.Join(t.buf.Flush(), t.log.Sync(), t.log.Close()); err != nil {
		return fmt.Errorf("finish trial: %w", err)
	}
	trial.Schema = TrialSchema
	return saveJSON(filepath.Join(t.dir, trialFile), trial)
}

// Abandon closes the log of a trial that will not be finished.
func (t *TrialWriter) Abandon() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return errors.Join(t.buf.Flush(), t.log.Close())
}
