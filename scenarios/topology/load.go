package topology

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/dotenv"
	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"

	"plimsoll/scenarios/yamlfile"
)

// Source is a Compose file that has been read.
type Source struct {
	// File is the file's name, for messages.
	File string
	Text []byte
	// Dir is the folder on this host that relative paths in the file are
	// resolved against; it may hold a .env file. Empty: the file is not on
	// the host's disk, and refers to no other file or folder.
	Dir string
	// Environment holds the variables that the file may use. Those of the
	// .env file come after them.
	Environment map[string]string
}

// Load makes a topology of a Compose file. An error in the file is a
// *yamlfile.Error, with places as far as they are known.
func Load(src Source) (*Topology, error) {
	// The parsed tree only tells places. Where it cannot be had, compose-go
	// has the last word on whether the file is good.
	tree, syntaxErr := yamlfile.Parse(src.File, src.Text)
	l := &loading{src: src, tree: tree}
	project, err := l.project()
	if err != nil {
		if syntaxErr != nil {
			return nil, syntaxErr
		}
		return nil, l.explain(err)
	}
	t := l.convert(project)
	if len(l.problems) > 0 {
		return nil, yamlfile.NewError(l.problems...)
	}
	if t.Compose, err = l.resolved(); err != nil {
		return nil, l.explain(err)
	}
	return t, nil
}

// mostNodes bounds the size of a file with its aliases written out, so that
// one in which they multiply is refused at once.
const mostNodes = 20_000

// loading is the state of one Load.
type loading struct {
	src         Source
	tree        *yamlfile.File // nil: not parsed
	unsupported []loader.UnsupportedAttribute
	warnings    []string
	problems    []yamlfile.Problem
}

// project reads the file as compose-go does it, links and implied networks
// filled in.
func (l *loading) project() (*types.Project, error) {
	details, err := l.details()
	if err != nil {
		return nil, err
	}
	return loader.LoadWithContext(context.Background(), details, l.options(details.Environment), func(o *loader.Options) {
		loader.WithSupportedAttributes(honoured(), l.noteUnsupported)(o)
	})
}

// resolved renders the file as it was written, but complete in itself.
func (l *loading) resolved() ([]byte, error) {
	details, err := l.details()
	if err != nil {
		return nil, err
	}
	project, err := loader.LoadWithContext(context.Background(), details, l.options(details.Environment),
		func(o *loader.Options) { o.SkipNormalization = true }, loader.WithDiscardEnvFiles)
	if err != nil {
		return nil, err
	}
	project.Extensions = nil
	for name, service := range project.Services {
		service.Profiles = nil   // those that are left are wanted
		service.LabelFiles = nil // they are among the labels by now
		service.DependsOn = maps.Clone(service.DependsOn)
		maps.DeleteFunc(service.DependsOn, func(other string, _ types.ServiceDependency) bool {
			_, wanted := project.Services[other]
			return !wanted
		})
		project.Services[name] = service
	}
	text, err := project.MarshalYAML()
	if err != nil {
		return nil, err
	}
	// All variables are filled in: what is left of dollars is meant.
	return bytes.ReplaceAll(text, []byte("$"), []byte("$$")), nil
}

// details gathers what compose-go needs to know.
func (l *loading) details() (types.ConfigDetails, error) {
	environment := maps.Clone(l.src.Environment)
	if environment == nil {
		environment = map[string]string{}
	}
	dir := l.dir()
	if l.src.Dir != "" {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return types.ConfigDetails{}, err
		}
		dir = abs
		variables, err := dotEnv(filepath.Join(dir, ".env"), environment)
		if err != nil {
			return types.ConfigDetails{}, err
		}
		for key, value := range variables {
			if _, set := environment[key]; !set {
				environment[key] = value
			}
		}
	}
	return types.ConfigDetails{
		WorkingDir:  dir,
		Environment: environment,
		ConfigFiles: []types.ConfigFile{{
			Filename: filepath.Join(dir, filepath.Base(filepath.FromSlash(l.src.File))),
			Content:  l.withoutVersion(),
		}},
	}, nil
}

// dir is the folder that paths are resolved against. For a file that is on no
// disk it is one that does not exist, so that nothing can be read by accident.
func (l *loading) dir() string {
	if l.src.Dir == "" {
		return filepath.Join(string(filepath.Separator), "no-such-folder", filepath.Base(filepath.FromSlash(l.src.File)))
	}
	return l.src.Dir
}

func dotEnv(file string, environment map[string]string) (map[string]string, error) {
	if info, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() {
		return nil, nil
	}
	return dotenv.GetEnvFromFile(environment, []string{file})
}

// withoutVersion takes the obsolete key "version" away, because compose-go
// complains of it on stderr. It becomes an extension of the same length, so
// that all places stay as they are.
func (l *loading) withoutVersion() []byte {
	const obsolete, ignored = "version", "x-versn"
	if l.tree == nil {
		return l.src.Text
	}
	place, ok := l.tree.Find(obsolete)
	if !ok || place.Column != 1 {
		return l.src.Text
	}
	lines := bytes.SplitAfter(bytes.Clone(l.src.Text), []byte("\n"))
	line := lines[place.Line-1]
	for _, quote := range []string{"", `"`, "'"} {
		if rest, ok := bytes.CutPrefix(line, []byte(quote+obsolete+quote)); ok {
			lines[place.Line-1] = append([]byte(quote+ignored+quote), rest...)
			break
		}
	}
	return bytes.Join(lines, nil)
}

func (l *loading) options(environment map[string]string) func(*loader.Options) {
	return func(o *loader.Options) {
		o.SetProjectName(l.fallbackName(), false)
		o.Profiles = strings.FieldsFunc(environment["COMPOSE_PROFILES"], func(r rune) bool { return r == ',' })
		o.Interpolate.Substitute = l.substitute
		o.MaxNodeVisits = mostNodes
	}
}

// fallbackName is the project's name if the file has none: its folder's.
func (l *loading) fallbackName() string {
	file := filepath.Base(filepath.FromSlash(l.src.File))
	name := strings.TrimSuffix(file, filepath.Ext(file))
	if l.src.Dir != "" {
		if abs, err := filepath.Abs(l.src.Dir); err == nil {
			name = filepath.Base(abs)
		}
	}
	if name = loader.NormalizeProjectName(name); name != "" {
		return name
	}
	return "stack"
}

// substitute fills variables in. Those that are not set are empty, as in
// Compose, but it is a warning of ours and not a line on stderr.
func (l *loading) substitute(text string, lookup template.Mapping) (string, error) {
	unset := map[string]bool{}
	for name, v := range template.ExtractVariables(map[string]any{"": text}, template.DefaultPattern) {
		if _, set := lookup(name); !set && !v.Required && v.DefaultValue == "" && v.PresenceValue == "" && plainly(text, name) {
			unset[name] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(unset)) {
		l.warn(fmt.Sprintf("the variable %s is not set; it is taken as empty", name))
	}
	return template.Substitute(text, func(name string) (string, bool) {
		value, set := lookup(name)
		return value, set || unset[name]
	})
}

// plainly reports whether a variable is used without saying what holds when it
// is not set.
func plainly(text, name string) bool {
	name = regexp.QuoteMeta(name)
	return regexp.MustCompile(`\$(\{` + name + `\}|` + name + `\b)`).MatchString(text)
}

func (l *loading) warn(text string) {
	if !slices.Contains(l.warnings, text) {
		l.warnings = append(l.warnings, text)
	}
}
