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

	"plimsoll/internal/units"
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
	// Overrides are further Compose files that are merged over this one, in
	// order, as by several -f of docker compose. Relative paths in them are
	// relative to Dir, too.
	Overrides []Text
	// Environment holds the variables that the file may use. Those of EnvFile
	// come after them.
	Environment map[string]string
	// EnvFile is read instead of the .env file in Dir; nil: that one.
	EnvFile *Text
	// Profiles are enabled beside those that COMPOSE_PROFILES names.
	Profiles []string
}

// Text is a file that has been read.
type Text struct {
	File string // the name, for messages
	Text []byte
}

// Load makes a topology of a Compose file. An error in the file is a
// *yamlfile.Error, with places as far as they are known.
func Load(src Source) (*Topology, error) {
	for _, file := range slices.Concat([]Text{{src.File, src.Text}}, src.Overrides) {
		if len(file.Text) > mostBytes {
			return nil, yamlfile.NewError(yamlfile.Problem{File: file.File, Place: yamlfile.Place{Line: 1, Column: 1},
				Message: fmt.Sprintf("has %s; a Compose file may have %s", units.Bytes(int64(len(file.Text))), units.Bytes(mostBytes))})
		}
	}
	// The parsed tree only tells places. Where it cannot be had, compose-go
	// has the last word on whether the file is good.
	tree, syntaxErr := yamlfile.Parse(src.File, src.Text)
	if errors.Is(syntaxErr, yamlfile.ErrAliases) {
		return nil, syntaxErr
	}
	l := &loading{src: src, tree: tree}
	if tree != nil && isStackFile(tree) {
		if err := l.rewrite(); err != nil {
			return nil, err
		}
	}
	for _, over := range src.Overrides {
		tree, err := yamlfile.Parse(over.File, over.Text)
		if err != nil {
			return nil, err
		}
		l.overrides = append(l.overrides, tree)
	}
	project, err := l.project()
	if err != nil {
		if syntaxErr != nil {
			return nil, syntaxErr
		}
		return nil, l.explain(err)
	}
	t := l.convert(project)
	if len(l.problems) > 0 {
		return nil, l.err()
	}
	if t.Compose, err = l.resolved(); err != nil {
		return nil, l.explain(err)
	}
	t.Origin = &Origin{[]source{{src.File, l.tree, l.stack}}}
	for i, over := range src.Overrides {
		t.Origin.sources = append(t.Origin.sources, source{file: over.File, tree: l.overrides[i]})
	}
	return t, nil
}

// mostBytes bounds the size of each file.
const mostBytes = 1 << 20

// mostNodes bounds the size of a file with its aliases written out, so that
// one in which they multiply is refused at once.
const mostNodes = 20_000

// loading is the state of one Load.
type loading struct {
	src         Source
	tree        *yamlfile.File // nil: not parsed
	stack       *stackFile     // what src and tree were made of; nil: a Compose file
	overrides   []*yamlfile.File
	variables   map[string]string // nil: not gathered yet
	unsupported []loader.UnsupportedAttribute
	warnings    []string
	problems    []yamlfile.Problem
}

// rewrite goes on with a Compose file instead of the stack file.
func (l *loading) rewrite() error {
	stack, err := rewriteStack(l.tree, l.src.Text)
	if errors.Is(err, errNotInLines) {
		return nil // compose-go will say what it lacks
	}
	if err != nil {
		return err
	}
	tree, err := yamlfile.Parse(l.src.File, stack.text)
	if err != nil {
		return nil // as above
	}
	l.stack, l.tree, l.src.Text, l.warnings = stack, tree, stack.text, stack.warnings
	return nil
}

// err holds all problems.
func (l *loading) err() error {
	problems := slices.Clone(l.problems)
	for i, p := range problems {
		if l.stack != nil && p.File == l.src.File {
			problems[i] = l.stack.restore(p)
		}
	}
	return yamlfile.NewError(problems...)
}

// project reads the file as compose-go does it, links and implied networks
// filled in.
func (l *loading) project() (*types.Project, error) {
	details, err := l.details()
	if err != nil {
		return nil, err
	}
	return composed(details, l.options(details.Environment), func(o *loader.Options) {
		loader.WithSupportedAttributes(honoured(), l.noteUnsupported)(o)
	})
}

// composed lets compose-go read a file. A panic, which some values of the wrong
// type still cause there, is an error like any other.
func composed(details types.ConfigDetails, options ...func(*loader.Options)) (project *types.Project, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("holds a value that cannot be read: %v", cause)
		}
	}()
	return loader.LoadWithContext(context.Background(), details, options...)
}

// resolved renders the file as it was written, but complete in itself.
func (l *loading) resolved() ([]byte, error) {
	details, err := l.details()
	if err != nil {
		return nil, err
	}
	project, err := composed(details, l.options(details.Environment),
		func(o *loader.Options) { o.SkipNormalization = true }, loader.WithDiscardEnvFiles)
	if err != nil {
		return nil, err
	}
	project.Extensions = nil
	for name, config := range project.Configs {
		if config.Environment != "" { // else the variable would have to be set wherever the file is read
			config.Environment = ""
			project.Configs[name] = config
		}
	}
	for name, service := range project.Services {
		service.Extensions = nil
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
	}
	variables, err := l.dotEnv(dir, environment)
	if err != nil {
		return types.ConfigDetails{}, err
	}
	for key, value := range variables {
		if _, set := environment[key]; !set {
			environment[key] = value
		}
	}
	l.variables = environment
	details := types.ConfigDetails{WorkingDir: dir, Environment: environment}
	for i, file := range slices.Concat([]Text{{l.src.File, l.src.Text}}, l.src.Overrides) {
		tree := l.tree
		if i > 0 {
			tree = l.overrides[i-1]
		}
		details.ConfigFiles = append(details.ConfigFiles, types.ConfigFile{
			Filename: filepath.Join(dir, filepath.Base(filepath.FromSlash(file.File))),
			Content:  withDollars(withoutVersion(file.Text, tree), tree),
		})
	}
	return details, nil
}

// dir is the folder that paths are resolved against. For a file that is on no
// disk it is one that does not exist, so that nothing can be read by accident.
func (l *loading) dir() string {
	if l.src.Dir == "" {
		return filepath.Join(string(filepath.Separator), "no-such-folder", filepath.Base(filepath.FromSlash(l.src.File)))
	}
	return l.src.Dir
}

// dotEnv reads the file of variables.
func (l *loading) dotEnv(dir string, environment map[string]string) (map[string]string, error) {
	if file := l.src.EnvFile; file != nil {
		variables, err := dotenv.ParseWithLookup(bytes.NewReader(file.Text), func(name string) (string, bool) {
			value, ok := environment[name]
			return value, ok
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file.File, err)
		}
		return variables, nil
	}
	file := filepath.Join(dir, ".env")
	if info, err := os.Stat(file); l.src.Dir == "" || errors.Is(err, fs.ErrNotExist) || err == nil && info.IsDir() {
		return nil, nil
	}
	return dotenv.GetEnvFromFile(environment, []string{file})
}

// withDollars keeps dollar signs in what a file says to plimsoll from being
// taken for variables: a scenario has none.
func withDollars(text []byte, tree *yamlfile.File) []byte {
	const ours = "x-plimsoll"
	if tree == nil {
		return text
	}
	begin, ok := tree.Find(ours)
	if !ok || begin.Column != 1 {
		return text
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	end := len(lines) + 1
	for _, key := range tree.Keys("") {
		if place, _ := tree.Find(key); place.Line > begin.Line {
			end = min(end, place.Line)
		}
	}
	for i := begin.Line - 1; i < min(end-1, len(lines)); i++ {
		lines[i] = bytes.ReplaceAll(lines[i], []byte("$"), []byte("$$"))
	}
	return bytes.Join(lines, nil)
}

// withoutVersion takes the obsolete key "version" away, because compose-go
// complains of it on stderr. It becomes an extension of the same length, so
// that all places stay as they are.
func withoutVersion(text []byte, tree *yamlfile.File) []byte {
	const obsolete, ignored = "version", "x-versn"
	if tree == nil {
		return text
	}
	place, ok := tree.Find(obsolete)
	if !ok || place.Column != 1 {
		return text
	}
	lines := bytes.SplitAfter(bytes.Clone(text), []byte("\n"))
	if place.Line > len(lines) {
		return text // a lone carriage return has ended a line for the parser
	}
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
		o.Profiles = slices.Concat(o.Profiles, l.src.Profiles)
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
	if nested(text) > mostNested {
		return "", fmt.Errorf("has more than %d variables within one another", mostNested)
	}
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

// mostNested bounds variables in the default values of variables, as the time
// to fill them in grows with the square of their number.
const mostNested = 20

// nested is how many variables are within one another in a text.
func nested(text string) int {
	depth, deepest := 0, 0
	for i := range len(text) {
		switch {
		case text[i] == '{' && i > 0 && text[i-1] == '$':
			depth++
			deepest = max(deepest, depth)
		case text[i] == '}':
			depth = max(depth-1, 0)
		}
	}
	return deepest
}

// plainly reports whether a variable is used without saying what holds when it
// is not set.
func plainly(text, name string) bool {
	name = regexp.QuoteMeta(name)
	return regexp.MustCompile(`\$(\{` + name + `\}|` + name + `\b)`).MatchString(text)
}

func (l *loading) warn(text string) {
	if l.stack != nil {
		text = l.stack.path(text)
	}
	if !slices.Contains(l.warnings, text) {
		l.warnings = append(l.warnings, text)
	}
}
