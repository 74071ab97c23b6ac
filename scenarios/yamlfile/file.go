// Package yamlfile reads YAML files for people: whatever is wrong is said with
// file, line and column, the line itself and, where a word was misspelt, the
// one that was probably meant; and everything that is wrong is said at once.
package yamlfile

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// File is a parsed YAML file. Everything that it knows has a place.
type File struct {
	name    string
	lines   []string
	root    ast.Node // nil: the file is empty
	anchors []anchor
}

// Parse parses a file's text. name is used in messages. The error is an
// *Error.
func Parse(name string, text []byte) (*File, error) {
	plain := strings.TrimPrefix(string(text), "\ufeff")
	f := &File{name: name, lines: strings.Split(plain, "\n")}
	if !utf8.ValidString(plain) {
		return nil, NewError(f.Problem(f.invalidText(), "", "is not UTF-8 text"))
	}
	parsed, err := parseText(plain)
	var deep *tooDeep
	if errors.As(err, &deep) {
		return nil, NewError(f.Problem(placeOfToken(deep.at), "", deep.Error()))
	}
	if err != nil {
		return nil, f.syntaxError(err)
	}
	var documents []ast.Node
	for _, doc := range parsed.Docs {
		if doc.Body != nil {
			documents = append(documents, doc.Body)
		}
	}
	switch len(documents) {
	case 0:
	case 1:
		f.root = documents[0]
		if err := f.checkAliases(); err != nil {
			return nil, err
		}
	default:
		return nil, NewError(f.Problem(placeOf(documents[1]), "", "is a second document; one file holds one"))
	}
	return f, nil
}

// parseText turns a panic of the parser, which not every malformed text
// escapes, into an error.
func parseText(text string) (file *ast.File, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("cannot be read as YAML: %v", cause)
		}
	}()
	tokens := lexer.Tokenize(text)
	if err := checkDepth(tokens); err != nil {
		return nil, err
	}
	return parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
}

// mostNested bounds how deep brackets may be nested: the parser's time and
// stack grow with it faster than the text does.
const mostNested = 100

// tooDeep says that mostNested is exceeded, and where.
type tooDeep struct{ at *token.Token }

func (e *tooDeep) Error() string {
	return fmt.Sprintf("is the bracket number %d in one another; no more than %d may be", mostNested+1, mostNested)
}

func checkDepth(tokens token.Tokens) error {
	depth := 0
	for _, t := range tokens {
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			if depth++; depth > mostNested {
				return &tooDeep{t}
			}
		case token.SequenceEndType, token.MappingEndType:
			depth--
		}
	}
	return nil
}

// Problem makes a problem of this file.
func (f *File) Problem(place Place, path, message string) Problem {
	p := Problem{File: f.name, Place: place, Path: path, Message: message}
	if place.Line >= 1 && place.Line <= len(f.lines) {
		p.Excerpt = strings.TrimRight(f.lines[place.Line-1], "\r")
		// A mark beyond the line's end would point to nothing.
		p.Column = max(1, min(p.Column, utf8.RuneCountInString(p.Excerpt)+1))
	}
	return p
}

func (f *File) syntaxError(err error) error {
	var located yaml.Error
	if errors.As(err, &located) && located.GetToken() != nil {
		return NewError(f.Problem(placeOfToken(located.GetToken()), "", "is not YAML: "+located.GetMessage()))
	}
	return NewError(f.Problem(Place{1, 1}, "", "is not YAML: "+err.Error()))
}

func (f *File) invalidText() Place {
	for i, line := range f.lines {
		if !utf8.ValidString(line) {
			return Place{i + 1, 1}
		}
	}
	return Place{1, 1}
}

// entry is one key of a mapping with its value.
type entry struct {
	key   string
	place Place // of the key
	value ast.Node
}

// entries lists a mapping's entries in their order, those that were merged in
// ("<<") after its own. ok is false if the node is no mapping.
func (f *File) entries(node ast.Node) (list []entry, ok bool) {
	mapping, ok := f.bare(node).(ast.MapNode)
	if !ok {
		return nil, false
	}
	var merged []entry
	for iter := mapping.MapRange(); iter.Next(); {
		if iter.Key().IsMergeKey() {
			merged = append(merged, f.mergedEntries(iter.Value())...)
			continue
		}
		list = append(list, entry{keyText(iter.Key()), placeOf(iter.Key()), iter.Value()})
	}
	own := map[string]bool{}
	for _, e := range list {
		own[e.key] = true
	}
	for _, e := range merged {
		if !own[e.key] {
			own[e.key] = true
			list = append(list, e)
		}
	}
	return list, true
}

// mergedEntries lists what "<<" brings in: one mapping or several.
func (f *File) mergedEntries(node ast.Node) (list []entry) {
	seq, ok := f.bare(node).(*ast.SequenceNode)
	if !ok {
		list, _ = f.entries(node)
		return list
	}
	for _, item := range seq.Values {
		more, _ := f.entries(item)
		list = append(list, more...)
	}
	return list
}

func keyText(key ast.MapKeyNode) string {
	if k, ok := key.(*ast.MappingKeyNode); ok && k.Value != nil {
		return k.Value.GetToken().Value
	}
	return key.GetToken().Value
}

// Find follows a dotted path ("services.web.ports[0].target") as far as it
// leads, and returns the place of the last key or item it reaches; ok is false
// if it does not even begin in the file. Keys may hold dots themselves.
func (f *File) Find(path string) (place Place, ok bool) {
	_, place, _ = f.follow(path)
	return place, place != Place{}
}

// Holds reports whether the path leads to something, to its end.
func (f *File) Holds(path string) bool {
	_, place, rest := f.follow(path)
	return place != Place{} && rest == ""
}

// FindText returns the place of the first key or value below the path for
// which match is true.
func (f *File) FindText(path string, match func(text string) bool) (place Place, ok bool) {
	node, _, rest := f.follow(path)
	if node == nil || rest != "" {
		return Place{}, false
	}
	search := &searcher{match: match}
	ast.Walk(search, node)
	return search.place, search.place != Place{}
}

// Text returns the text of the value at the path; ok is false if there is none
// or it is a mapping or a list.
func (f *File) Text(path string) (text string, ok bool) {
	node, _, rest := f.follow(path)
	if node == nil || rest != "" {
		return "", false
	}
	return scalarText(f.bare(node))
}

// Keys lists the keys of the mapping at the path, in their order.
func (f *File) Keys(path string) []string {
	node, _, rest := f.follow(path)
	if rest != "" {
		return nil
	}
	entries, _ := f.entries(node)
	keys := make([]string, len(entries))
	for i, e := range entries {
		keys[i] = e.key
	}
	return keys
}

// Len is the number of items in the list at the path; 0 if it is no list.
func (f *File) Len(path string) int {
	node, _, rest := f.follow(path)
	if seq, ok := f.bare(node).(*ast.SequenceNode); ok && rest == "" {
		return len(seq.Values)
	}
	return 0
}

// Line returns the place of the first character of a line.
func (f *File) Line(number int) Place {
	if number < 1 || number > len(f.lines) {
		return Place{}
	}
	line := f.lines[number-1]
	return Place{number, 1 + len(line) - len(strings.TrimLeft(line, " \t"))}
}

// follow goes down a path. rest is what of it is not in the file.
func (f *File) follow(path string) (node ast.Node, place Place, rest string) {
	node, rest = f.root, path
	for rest != "" && node != nil {
		next, at, after := f.step(node, strings.TrimPrefix(rest, "."))
		if next == nil {
			break
		}
		node, place, rest = next, at, after
	}
	return node, place, rest
}

// step goes one key or index down. The longest key that the path begins with
// wins.
func (f *File) step(node ast.Node, path string) (next ast.Node, place Place, rest string) {
	if seq, ok := f.bare(node).(*ast.SequenceNode); ok {
		index, rest := splitIndex(path)
		if index < 0 || index >= len(seq.Values) {
			return nil, Place{}, ""
		}
		return seq.Values[index], placeOf(seq.Values[index]), rest
	}
	entries, _ := f.entries(node)
	longest := -1
	for _, e := range entries {
		after, begins := strings.CutPrefix(path, e.key)
		if begins && len(e.key) > longest && (after == "" || after[0] == '.' || after[0] == '[') {
			longest, next, place, rest = len(e.key), e.value, e.place, after
		}
	}
	return next, place, rest
}

// splitIndex takes "[3]" or "3" off the begin of a path; -1: there is none.
func splitIndex(path string) (index int, rest string) {
	digits := strings.TrimPrefix(path, "[")
	end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(digits)
	}
	index, err := strconv.Atoi(digits[:end])
	if err != nil {
		return -1, ""
	}
	return index, strings.TrimPrefix(digits[end:], "]")
}

type searcher struct {
	match func(string) bool
	place Place
}

func (s *searcher) Visit(node ast.Node) ast.Visitor {
	if s.place != (Place{}) {
		return nil
	}
	if text, ok := scalarText(node); ok && s.match(text) {
		s.place = placeOf(node)
		return nil
	}
	return s
}

// placeOf is where a node begins. A mapping without braces begins with its
// first key.
func placeOf(node ast.Node) Place {
	if mapping, ok := node.(*ast.MappingNode); ok && !mapping.IsFlowStyle && len(mapping.Values) > 0 {
		return placeOf(mapping.Values[0].Key)
	}
	if pair, ok := node.(*ast.MappingValueNode); ok {
		return placeOf(pair.Key)
	}
	return placeOfToken(node.GetToken())
}

func placeOfToken(t *token.Token) Place {
	if t == nil || t.Position == nil {
		return Place{}
	}
	return Place{max(1, t.Position.Line), max(1, t.Position.Column)}
}

func offsetOf(node ast.Node) int {
	if t := node.GetToken(); t != nil && t.Position != nil {
		return t.Position.Offset
	}
	return 0
}
