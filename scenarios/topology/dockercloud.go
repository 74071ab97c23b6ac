package topology

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"plimsoll/scenarios/yamlfile"
)

// A stack file of Docker Cloud (docker-cloud.yml), and a Compose file of
// version 1 likewise, has its services at the top instead of below "services".
// It is rewritten as a Compose file before compose-go sees it, line by line, so
// that what is said about the one has its place in the other.

// cloudRenamed are the keys that a Compose file calls differently.
var cloudRenamed = map[string]string{
	"target_num_containers": "scale",
	"net":                   "network_mode",
}

// cloudDropped are the keys that mean nothing here, and why.
var cloudDropped = map[string]string{
	"autodestroy":           "containers live as long as the trial",
	"autoredeploy":          "nothing is deployed again while it is measured",
	"autorestart":           "a container that ends has ended",
	"deployment_strategy":   "there are no nodes to choose from",
	"roles":                 "there is no Docker Cloud API to call",
	"sequential_deployment": "containers start as depends_on and links ask for",
	"tags":                  "there are no nodes to choose from",
}

// composeKeys are those at the top of a Compose file; a stack file has none of
// them.
var composeKeys = []string{"services", "include", "name", "version", "networks", "volumes", "configs", "secrets", "models"}

// stackFile is a stack file, rewritten as a Compose file.
type stackFile struct {
	original *yamlfile.File
	text     []byte
	begin    int // the line of the original that "services:" was put before
	edits    []keyEdit
	renamed  map[string]string // paths in the original, by those in text
	warnings []string
}

// keyEdit says that a key of the original has been replaced.
type keyEdit struct {
	yamlfile.Place // in the original
	was, is        string
}

// stackIndent is what everything below "services:" is indented by.
const stackIndent = " "

// isStackFile reports whether a file has services at its top.
func isStackFile(tree *yamlfile.File) bool {
	services := false
	for _, key := range tree.Keys("") {
		if slices.Contains(composeKeys, key) {
			return false
		}
		services = services || !strings.HasPrefix(key, "x-") && slices.Contains(tree.Keys(key), "image")
	}
	return services
}

// errNotInLines says that a file's form is too odd to be rewritten line by line.
var errNotInLines = errors.New("not written in lines that can be indented")

// rewriteStack makes a Compose file of a stack file. The error is an
// *yamlfile.Error, or errNotInLines.
func rewriteStack(original *yamlfile.File, text []byte) (*stackFile, error) {
	s := &stackFile{original: original, renamed: map[string]string{}}
	for _, key := range original.Keys("") {
		place, _ := original.Find(key)
		switch isExtension := strings.HasPrefix(key, "x-"); {
		case isExtension && s.begin > 0:
			return nil, yamlfile.NewError(original.Problem(place, key,
				"has to stand before the first service in a file that has no \"services:\""))
		case isExtension:
			continue
		case s.begin == 0:
			s.begin = place.Line
		}
		s.service(key)
	}
	lines := strings.Split(strings.TrimPrefix(string(text), "\ufeff"), "\n")
	if s.begin < 1 || s.begin > len(lines) || !s.edit(lines) {
		return nil, errNotInLines
	}
	for i, line := range lines[s.begin-1:] {
		// Nothing but the end of the document may stand at the margin.
		if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "...") {
			lines[s.begin-1+i] = stackIndent + line
		}
	}
	lines = slices.Insert(lines, s.begin-1, "services:")
	s.text = []byte(strings.Join(lines, "\n"))
	return s, nil
}

// service notes what has to change in a service.
func (s *stackFile) service(name string) {
	for _, key := range s.original.Keys(name) {
		path := name + "." + key
		becomes, renamed := cloudRenamed[key]
		reason, dropped := cloudDropped[key]
		switch {
		case renamed:
			s.renamed["services."+name+"."+becomes] = path
		case dropped:
			becomes = "x-" + key // which compose-go leaves alone
			if text, ok := s.original.Text(path); s.original.Len(path) > 0 || ok && text != "false" && text != "no" {
				s.warnings = append(s.warnings, fmt.Sprintf("%s has no meaning here and is dropped: %s", path, reason))
			}
		default:
			continue
		}
		place, _ := s.original.Find(path)
		if edit := (keyEdit{place, key, becomes}); !slices.Contains(s.edits, edit) { // else it is merged in once more
			s.edits = append(s.edits, edit)
		}
	}
}

// edit replaces the keys; it fails if one is not at its place.
func (s *stackFile) edit(lines []string) bool {
	slices.SortFunc(s.edits, func(a, b keyEdit) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	for _, e := range slices.Backward(s.edits) { // from the right, so that columns hold
		if e.Line < 1 || e.Line > len(lines) || e.Column > utf8.RuneCountInString(lines[e.Line-1]) {
			return false
		}
		line := []rune(lines[e.Line-1])
		before, key := string(line[:e.Column-1]), string(line[e.Column-1:])
		if strings.HasPrefix(key, `"`) || strings.HasPrefix(key, "'") {
			before, key = before+key[:1], key[1:]
		}
		rest, ok := strings.CutPrefix(key, e.was)
		if !ok {
			return false
		}
		lines[e.Line-1] = before + e.is + rest
	}
	return true
}

// restore tells a problem of the Compose file as one of the original.
func (s *stackFile) restore(p yamlfile.Problem) yamlfile.Problem {
	place, column := yamlfile.Place{Line: s.line(p.Line), Column: 1}, p.Column
	if p.Line > s.begin {
		column -= len(stackIndent)
	}
	if p.Line != s.begin { // which is "services:" itself
		place.Column = s.column(place.Line, column)
	}
	return s.original.Problem(place, s.path(p.Path), p.Message)
}

// line tells a line of the Compose file as one of the original.
func (s *stackFile) line(n int) int {
	if n > s.begin {
		return n - 1
	}
	return n
}

// column tells a column, the indent taken off, as one in a line of the original.
func (s *stackFile) column(line, column int) int {
	shift := 0
	for _, e := range s.edits {
		switch begin := e.Column + shift; {
		case e.Line != line || column <= begin:
		case column < begin+len(e.is):
			return e.Column
		default:
			shift += len(e.is) - len(e.was)
		}
	}
	return max(1, column-shift)
}

// path tells a path, with which a text may begin, as one of the original.
func (s *stackFile) path(path string) string {
	for is, was := range s.renamed {
		if rest, ok := strings.CutPrefix(path, is); ok && (rest == "" || strings.ContainsAny(rest[:1], ".[ :")) {
			return was + rest
		}
	}
	return strings.TrimPrefix(strings.TrimPrefix(path, "services"), ".")
}
