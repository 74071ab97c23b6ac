package topology

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/schema"
	"github.com/compose-spec/compose-go/v2/tree"

	"plimsoll/scenarios/yamlfile"
)

// explain turns compose-go's error into problems with places. It knows the
// forms of its messages; what it does not know it passes on as it is.
func (l *loading) explain(err error) error {
	known := tree.NewMatcher(schema.AttributePaths()...)
	if l.tree != nil {
		l.unknownKeys(l.tree, "", "", known)
	}
	for _, over := range l.overrides {
		l.unknownKeys(over, "", "", known)
	}
	if len(l.problems) == 0 { // else all the rest may come of the unknown keys
		for _, each := range flatten(err) {
			l.explainOne(each.Error())
		}
	}
	return l.err()
}

// flatten takes joined errors apart.
func flatten(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, each := range joined.Unwrap() {
		all = append(all, flatten(each)...)
	}
	return all
}

// explainOne explains one message of compose-go.
func (l *loading) explainOne(message string) {
	message = strings.TrimSuffix(message, ": invalid compose project") // says nothing new
	if m := match(`^validating (.+?): (.*)$`, message); m != nil {
		l.explainSchema(m[1], m[2])
		return
	}
	if m := match(`^failed to parse .+ line (\d+): mapping key "(.+)" already defined at line (\d+)`, message); m != nil {
		l.problems = append(l.problems, l.atLine(m[1], fmt.Sprintf("the key %q is given a second time; the first is in line %s", m[2], l.lineAsWritten(m[3]))))
		return
	}
	if m := match(`^failed to parse .+? line (\d+): (.*)$`, message); m != nil {
		l.problems = append(l.problems, l.atLine(m[1], "is not YAML: "+m[2]))
		return
	}
	if m := match(`^decoding failed due to the following error\(s\):\s*(.*)$`, message); m != nil {
		for _, part := range regexp.MustCompile(`(?m)^'([^']+)' (.*)$`).FindAllStringSubmatch(m[1], -1) {
			l.fault(regexp.MustCompile(`\[([^\]]*)\]`).ReplaceAllString(part[1], ".$1"), "%s", part[2])
		}
		if len(l.problems) > 0 {
			return
		}
	}
	if m := match(`^invalid interpolation format for (\S+?)\.?\n`, message); m != nil {
		l.fault(m[1], "has a malformed variable; write ${NAME}, and $$ for a plain dollar sign")
		return
	}
	if m := match(`^error while interpolating (\S+?): (.*)$`, message); m != nil {
		l.fault(m[1], "%s", m[2])
		return
	}
	if m := match(`^((?:services|networks|volumes|configs|secrets)[.\[][^\s:]*):? (.*)$`, message); m != nil {
		l.fault(m[1], "%s", m[2])
		return
	}
	if m := match(`^service "?([^\s"]+)"? (.*)$`, message); m != nil {
		l.problems = append(l.problems, l.inService(m[1], m[2]))
		return
	}
	if strings.HasPrefix(message, "Circular reference:") {
		var names []string
		for _, m := range regexp.MustCompile(`(?m)^ *extends (\S+) in `).FindAllStringSubmatch(message, -1) {
			names = append(names, m[1])
		}
		slices.Sort(names) // compose-go begins anywhere in the circle
		names = slices.Compact(names)
		if len(names) > 0 {
			l.fault("services."+names[0]+".extends", "services extend each other in a circle: %s", strings.Join(names, ", "))
			return
		}
	}
	if strings.HasPrefix(message, "healthcheck.test must start") {
		l.explainHealthchecks(message)
		return
	}
	l.problems = append(l.problems, l.byWords(message))
}

// match matches a message, in which a dot may be a line's end.
func match(pattern, message string) []string {
	return regexp.MustCompile(`(?s)` + pattern).FindStringSubmatch(message)
}

// explainSchema explains that the file, or one that it includes, does not have
// the form that the specification asks for.
func (l *loading) explainSchema(file, message string) {
	ours := func(name string) bool { return filepath.Base(file) == filepath.Base(filepath.FromSlash(name)) }
	if !ours(l.src.File) && !slices.ContainsFunc(l.src.Overrides, func(over Text) bool { return ours(over.File) }) {
		l.problems = append(l.problems, l.byWords(file+": "+message))
		return
	}
	path, message, _ := strings.Cut(message, " ")
	message = strings.NewReplacer("must be a array", "must be a list", "array", "list", "false schema", "unknown key").Replace(message)
	l.fault(path, "%s", message)
}

// unknownKeys notes all keys below a value that the specification does not
// have: compose-go stops at the first. at is the value's path in the file,
// path that in the specification, which counts no items.
func (l *loading) unknownKeys(file *yamlfile.File, at string, path tree.Path, known *tree.Matcher) {
	for i := range file.Len(at) {
		l.unknownKeys(file, fmt.Sprintf("%s[%d]", at, i), path.Next(tree.PathMatchList), known)
	}
	for _, key := range file.Keys(at) {
		below, next := strings.TrimPrefix(at+"."+key, "."), path.Next(key)
		switch {
		case strings.HasPrefix(key, "x-"):
		case known.MayContain(next) || known.Matches(next):
			l.unknownKeys(file, below, next, known)
		default:
			names := keysOf(path)
			if l.stack != nil && path.Matches("services.*") {
				names = slices.Concat(names, slices.Sorted(maps.Keys(cloudRenamed)))
			}
			place, _ := file.Find(below)
			l.problems = append(l.problems, file.Problem(place, below, "unknown key"+yamlfile.DidYouMean(key, names)))
		}
	}
}

// keysOf lists the keys that the specification has at a path.
func keysOf(path tree.Path) []string {
	depth := 0
	if path != "" {
		depth = len(path.Parts())
	}
	var keys []string
	for _, known := range schema.AttributePaths() {
		names := known.Parts()
		if len(names) != depth+1 || names[depth] == tree.PathMatchAll {
			continue
		}
		if depth == 0 || path.Matches(tree.NewPath(names[:depth]...)) {
			keys = append(keys, names[depth])
		}
	}
	return keys
}

// inService explains what is wrong with a service; where it names something
// undefined, the place is where that is named.
func (l *loading) inService(service, message string) yamlfile.Problem {
	p := l.problem("services."+service, message)
	m := match(`(?:undefined|unknown) [a-z ]+ "?([^\s":]+)"?`, message)
	if m == nil || l.tree == nil {
		return p
	}
	place, ok := l.tree.FindText(p.Path, func(text string) bool {
		return text == m[1] || strings.HasPrefix(text, m[1]+":")
	})
	if !ok {
		return p
	}
	return l.tree.Problem(place, p.Path, message)
}

// explainHealthchecks finds the checks that compose-go does not name.
func (l *loading) explainHealthchecks(message string) {
	if l.tree != nil {
		for _, service := range l.tree.Keys("services") {
			path := "services." + service + ".healthcheck.test"
			first, ok := l.tree.Text(path + "[0]")
			if ok && !slices.Contains([]string{"CMD", "CMD-SHELL", "NONE"}, first) {
				l.fault(path, `must begin with CMD, CMD-SHELL or NONE`)
			}
		}
	}
	if len(l.problems) == 0 {
		l.fault("", "%s", message)
	}
}

// byWords looks for what a message quotes, or says after its last colon, or
// names as a file: most probably that is what it is about.
func (l *loading) byWords(message string) yamlfile.Problem {
	if l.tree == nil {
		return l.problem("", message)
	}
	var words []string
	if m := match(`.*: ([^\s"']+)`, message); m != nil {
		words = append(words, m[1])
	}
	for _, m := range regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(message, -1) {
		words = append(words, m[1])
	}
	for _, word := range strings.FieldsFunc(message, func(r rune) bool { return r == ' ' || r == ':' || r == '"' }) {
		if filepath.IsAbs(word) {
			words = append(words, filepath.Base(word))
		}
	}
	for _, word := range words {
		place, ok := l.tree.FindText("", func(text string) bool {
			return text == word || strings.HasSuffix(text, ":"+word) || filepath.Base(text) == word
		})
		if ok {
			return l.tree.Problem(place, "", message)
		}
	}
	return l.problem("", message)
}

// lineAsWritten tells a line of what compose-go has read as one of the file.
func (l *loading) lineAsWritten(number string) string {
	if line, err := strconv.Atoi(number); err == nil && l.stack != nil {
		return strconv.Itoa(l.stack.line(line))
	}
	return number
}

func (l *loading) atLine(number, message string) yamlfile.Problem {
	line, err := strconv.Atoi(number)
	if l.tree == nil || err != nil {
		return l.problem("", message+" (line "+number+")")
	}
	return l.tree.Problem(l.tree.Line(line), "", message)
}

// problem makes a problem with the best place that is known for a path: where
// the last file has it that has it at all.
func (l *loading) problem(path, message string) yamlfile.Problem {
	path = strings.ReplaceAll(path, ".[]", "[]")
	for _, tree := range slices.Backward(l.overrides) {
		if place, ok := tree.Find(path); ok {
			return tree.Problem(place, path, message)
		}
	}
	if l.tree == nil {
		return yamlfile.Problem{File: l.src.File, Path: path, Message: message}
	}
	place, _ := l.tree.Find(path)
	return l.tree.Problem(place, path, message)
}

func (l *loading) fault(path, format string, args ...any) {
	l.problems = append(l.problems, l.problem(path, fmt.Sprintf(format, args...)))
}
