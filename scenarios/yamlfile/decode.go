package yamlfile

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Refuser is implemented by types of the file that accept no value, or no
// value but plain text. Refuse returns what to tell the user; an empty message
// accepts. scalar says whether the value is plain text or a number.
type Refuser interface {
	Refuse(scalar bool) string
}

// Chooser is implemented by types of the file that are written in two ways.
// Choose returns a pointer to what a value is decoded into, which depends on
// whether it is a mapping.
type Chooser interface {
	Choose(mapping bool) any
}

// OneOrMore is a list of texts, of which a lone one may be written without
// brackets.
type OneOrMore []string

// MarshalJSON writes a lone text without brackets.
func (o OneOrMore) MarshalJSON() ([]byte, error) {
	if len(o) == 1 {
		return json.Marshal(o[0])
	}
	return json.Marshal([]string(o))
}

// Contents is what a file holds: the place of every value that was decoded,
// and the problems found so far. The checks that follow decoding add theirs.
type Contents struct {
	file     *File
	base     string // the path of what was decoded; "": all of the file
	alias    string // another name for it, that paths may begin with
	places   map[string]Place
	keys     map[string]Place
	strange  map[string]bool // mappings with keys that are not understood
	problems []Problem
}

// Decode puts the file's values into the struct that v points to, whose fields
// are named by their json tags. Nothing is ignored but top-level keys that
// begin with "x-": unknown keys, keys given twice and values of a wrong type
// are problems. Types that implement encoding.TextUnmarshaler get the text of
// a scalar.
func (f *File) Decode(v any) *Contents {
	c := &Contents{file: f, places: map[string]Place{}, keys: map[string]Place{}, strange: map[string]bool{}}
	if f.root == nil {
		c.problems = append(c.problems, f.Problem(Place{1, 1}, "", "is empty"))
		return c
	}
	c.value(f.root, reflect.ValueOf(v).Elem(), "")
	return c
}

// DecodeAt does as Decode, but with the value at a path of the file, which has
// one. All paths then begin there, but in problems, which have the whole of
// them.
func (f *File) DecodeAt(base string, v any) *Contents {
	c := &Contents{file: f, base: base, places: map[string]Place{}, keys: map[string]Place{}, strange: map[string]bool{}}
	node, place, _ := f.follow(base)
	c.keys[""] = place
	c.value(node, reflect.ValueOf(v).Elem(), "")
	return c
}

// Alias lets paths below the alias stand for those at the top, for whoever
// looks for a value where another kind of file has it. The given values count
// as given, with the place of all of it.
func (c *Contents) Alias(alias string, given ...string) {
	c.alias = alias
	for _, path := range given {
		c.places[path] = c.place("")
	}
}

// own is a path without the alias.
func (c *Contents) own(path string) string {
	if rest, ok := strings.CutPrefix(path, c.alias); ok && c.alias != "" && (rest == "" || rest[0] == '.') {
		return strings.TrimPrefix(rest, ".")
	}
	return path
}

// problem makes a problem of what was decoded at a path.
func (c *Contents) problem(place Place, path, message string) Problem {
	if c.base != "" {
		path = strings.TrimSuffix(join(c.base, path), ".")
	}
	return c.file.Problem(place, path, message)
}

// Has reports whether the file gives a value at the path.
func (c *Contents) Has(path string) bool {
	_, ok := c.places[c.own(path)]
	return ok
}

// Place is where the value at the path stands in the file, or the nearest one
// around it.
func (c *Contents) Place(path string) Place { return c.place(c.own(path)) }

// Keys sorts keys of the mapping at the path in the order of the file.
func Keys[V any](c *Contents, path string, mapping map[string]V) []string {
	return slices.SortedFunc(maps.Keys(mapping), func(a, b string) int {
		return c.keys[join(path, a)].before(c.keys[join(path, b)])
	})
}

// Add notes a problem with the value at the path. If the file has no such
// value, the place is that of the nearest one around it.
func (c *Contents) Add(path, format string, args ...any) {
	path = c.own(path)
	c.problems = append(c.problems, c.problem(c.place(path), path, fmt.Sprintf(format, args...)))
}

// AddKey notes a problem with the key that the path ends in.
func (c *Contents) AddKey(path, format string, args ...any) {
	path = c.own(path)
	place, ok := c.keys[path]
	if !ok {
		place = c.place(path)
	}
	c.problems = append(c.problems, c.problem(place, path, fmt.Sprintf(format, args...)))
}

// Append notes problems of another file.
func (c *Contents) Append(problems ...Problem) { c.problems = append(c.problems, problems...) }

// Sound reports whether the file gives a value at the path and nothing is
// wrong with it so far.
func (c *Contents) Sound(path string) bool {
	full := c.problem(Place{}, c.own(path), "").Path
	return c.Has(path) && !slices.ContainsFunc(c.problems, func(p Problem) bool {
		return p.File == c.file.name && p.Path == full
	})
}

// Strange reports whether the mapping at the path has a key that is unknown or
// refused. That something else is missing there need not be said as well: it
// may be what was meant.
func (c *Contents) Strange(path string) bool { return c.strange[c.own(path)] }

// Err returns all problems, sorted by place, as an *Error, and nil if there is
// none.
func (c *Contents) Err() error {
	if len(c.problems) == 0 {
		return nil
	}
	return NewError(c.problems...)
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// parent is the path of what holds the value at the path.
func parent(path string) string { return path[:max(strings.LastIndexAny(path, ".["), 0)] }

// place finds the place of a path, or of the nearest value around it.
func (c *Contents) place(path string) Place {
	for path != "" {
		if place, ok := c.places[path]; ok {
			return place
		}
		path = parent(path)
	}
	if root, ok := c.places[""]; ok {
		return root
	}
	return Place{1, 1}
}

// value decodes one node into v, which is settable.
func (c *Contents) value(node ast.Node, v reflect.Value, path string) {
	bare := c.file.bare(node)
	if bare == nil {
		c.places[path] = placeOf(node)
		c.Add(path, "refers to an anchor that is not defined before")
		return
	}
	_, isMapping := bare.(ast.MapNode)
	_, isSequence := bare.(*ast.SequenceNode)
	_, isNull := bare.(*ast.NullNode)
	if key, ok := c.keys[path]; ok && (isMapping || isSequence || isNull) {
		c.places[path] = key // where a mapping begins says less than what it is called
	} else {
		c.places[path] = placeOf(bare)
	}

	if refuser, ok := v.Addr().Interface().(Refuser); ok {
		if message := refuser.Refuse(!isMapping && !isSequence); message != "" {
			c.AddKey(path, "%s", message)
			c.strange[parent(path)] = true
			return
		}
	}
	if chooser, ok := v.Addr().Interface().(Chooser); ok {
		v = reflect.ValueOf(chooser.Choose(isMapping)).Elem()
	}
	_, isText := v.Addr().Interface().(encoding.TextUnmarshaler)
	switch {
	case isText && !isNull:
		c.text(bare, v, path)
	case v.Kind() == reflect.Struct && !isText:
		c.structure(bare, v, path)
	case v.Kind() == reflect.Map:
		c.mapping(bare, v, path)
	case v.Kind() == reflect.Slice:
		c.sequence(bare, v, path)
	case isNull:
		c.Add(path, "has no value")
	default:
		c.scalar(bare, v, path)
	}
}

func (c *Contents) structure(node ast.Node, v reflect.Value, path string) {
	entries, ok := c.mappingEntries(node, path)
	if !ok {
		return
	}
	fields := map[string]reflect.Value{}
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		fields[name] = v.Field(i)
	}
	for _, e := range entries {
		at := join(path, e.key)
		field, known := fields[e.key]
		switch {
		case known:
			c.value(e.value, field, at)
		case path == "" && strings.HasPrefix(e.key, "x-"):
		default:
			c.AddKey(at, "unknown key%s", DidYouMean(e.key, knownNames(fields)))
			c.strange[path] = true
		}
	}
}

// knownNames leaves out what cannot be given a value anyway.
func knownNames(fields map[string]reflect.Value) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if r, ok := fields[name].Addr().Interface().(Refuser); !ok || r.Refuse(true) == "" {
			names = append(names, name)
		}
	}
	return names
}

func (c *Contents) mapping(node ast.Node, v reflect.Value, path string) {
	entries, ok := c.mappingEntries(node, path)
	if !ok {
		return
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(entries)))
	for _, e := range entries {
		value := reflect.New(v.Type().Elem()).Elem()
		c.value(e.value, value, join(path, e.key))
		v.SetMapIndex(reflect.ValueOf(e.key), value)
	}
}

// mappingEntries lists the entries of a mapping with distinct keys and notes
// the places of the keys. Nothing at all is an empty mapping.
func (c *Contents) mappingEntries(node ast.Node, path string) ([]entry, bool) {
	if _, isNull := node.(*ast.NullNode); isNull {
		return nil, true
	}
	all, ok := c.file.entries(node)
	if !ok {
		c.Add(path, "must be a mapping (key: value), not %s", kind(node))
		return nil, false
	}
	c.checkMerges(node, path)
	var distinct []entry
	seen := map[string]Place{}
	for _, e := range all {
		if first, twice := seen[e.key]; twice {
			c.problems = append(c.problems, c.problem(e.place, join(path, e.key),
				fmt.Sprintf("is given a second time; the first is in line %d", first.Line)))
			continue
		}
		seen[e.key] = e.place
		c.keys[join(path, e.key)] = e.place
		distinct = append(distinct, e)
	}
	return distinct, true
}

// checkMerges notes what "<<" cannot bring in.
func (c *Contents) checkMerges(node ast.Node, path string) {
	for iter := node.(ast.MapNode).MapRange(); iter.Next(); {
		if !iter.Key().IsMergeKey() {
			continue
		}
		items := []ast.Node{iter.Value()}
		if seq, ok := c.file.bare(iter.Value()).(*ast.SequenceNode); ok {
			items = seq.Values
		}
		for _, item := range items {
			if _, ok := c.file.bare(item).(ast.MapNode); !ok {
				c.problems = append(c.problems, c.problem(placeOf(item), path, "<< takes a mapping, or a list of them"))
			}
		}
	}
}

func (c *Contents) sequence(node ast.Node, v reflect.Value, path string) {
	if _, isNull := node.(*ast.NullNode); isNull {
		return
	}
	seq, ok := node.(*ast.SequenceNode)
	if _, lone := v.Addr().Interface().(*OneOrMore); lone && !ok {
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		c.value(node, v.Index(0), path)
		return
	}
	if !ok {
		c.Add(path, "must be a list, not %s", kind(node))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(seq.Values), len(seq.Values)))
	for i, item := range seq.Values {
		c.value(item, v.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
}

func (c *Contents) text(node ast.Node, v reflect.Value, path string) {
	text, ok := scalarText(node)
	if !ok {
		c.Add(path, "must be one value, not %s", kind(node))
		return
	}
	if err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(text)); err != nil {
		c.Add(path, "%s", err.Error())
	}
}

func (c *Contents) scalar(node ast.Node, v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.String:
		text, ok := scalarText(node)
		if !ok {
			c.Add(path, "must be text, not %s", kind(node))
			return
		}
		v.SetString(text)
	case reflect.Bool:
		b, ok := node.(*ast.BoolNode)
		if !ok {
			c.Add(path, "must be true or false, not %s", kind(node))
			return
		}
		v.SetBool(b.Value)
	case reflect.Int:
		c.integer(node, v, path)
	default:
		panic(fmt.Sprintf("yamlfile: no way to decode into a %v", v.Type()))
	}
}

func (c *Contents) integer(node ast.Node, v reflect.Value, path string) {
	const limit = 1 << 31 // enough for every count, and an int everywhere
	n, ok := node.(*ast.IntegerNode)
	if !ok {
		c.Add(path, "must be a whole number, not %s", kind(node))
		return
	}
	switch i := n.Value.(type) {
	case int64:
		if i > -limit && i < limit {
			v.SetInt(i)
			return
		}
	case uint64:
		if i < limit {
			v.SetInt(int64(i))
			return
		}
	}
	c.Add(path, "is out of range: %s", n.GetToken().Value)
}

// scalarText is the text of a value that is neither mapping, list nor nothing.
func scalarText(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.NullNode:
		return "", false
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case ast.ScalarNode:
		return n.GetToken().Value, true
	}
	return "", false
}

func kind(node ast.Node) string {
	switch n := node.(type) {
	case *ast.NullNode:
		return "nothing"
	case *ast.SequenceNode:
		return "a list"
	case ast.MapNode:
		return "a mapping"
	case *ast.LiteralNode:
		return "a block of text"
	case *ast.StringNode:
		return fmt.Sprintf("the text %q", n.Value)
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "the number " + n.GetToken().Value
	case ast.ScalarNode:
		return n.GetToken().Value
	}
	return "a " + strings.ToLower(node.Type().String())
}
