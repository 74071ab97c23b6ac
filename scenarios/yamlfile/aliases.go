package yamlfile

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml/ast"
)

// mostValues bounds how many values a file may have once its aliases are
// written out: a few lines of aliases of aliases can stand for billions.
const mostValues = 100_000

// ErrAliases is in the chain of an error of Parse that says that aliases stand
// for themselves or for too much. Whoever else reads such a file may not come
// to an end.
var ErrAliases = errors.New("aliases without end")

// anchor is a value that was given a name ("&name").
type anchor struct {
	name   string
	offset int
	value  ast.Node
	size   int // in values, aliases written out; 0: not known yet, -1: being found out
}

// collector notes the anchors of a file in their order.
type collector struct{ file *File }

func (c collector) Visit(node ast.Node) ast.Visitor {
	if a, ok := node.(*ast.AnchorNode); ok && a.Name != nil {
		c.file.anchors = append(c.file.anchors, anchor{
			name: a.Name.GetToken().Value, offset: offsetOf(a), value: a.Value,
		})
	}
	return c
}

// anchored finds what an alias stands for: the latest anchor of that name
// before it.
func (f *File) anchored(alias *ast.AliasNode) (*anchor, bool) {
	name := alias.Value.GetToken().Value
	for i := len(f.anchors) - 1; i >= 0; i-- {
		if a := &f.anchors[i]; a.name == name && a.offset < offsetOf(alias) {
			return a, true
		}
	}
	return nil, false
}

// bare takes a value out of its tags, anchors and aliases. It returns nil for
// an alias without an anchor.
func (f *File) bare(node ast.Node) ast.Node {
	for {
		switch n := node.(type) {
		case *ast.TagNode:
			node = n.Value
		case *ast.AnchorNode:
			node = n.Value
		case *ast.AliasNode:
			a, ok := f.anchored(n)
			if !ok {
				return nil
			}
			node = a.value
		default:
			return node
		}
	}
}

// checkAliases refuses a file whose aliases stand for themselves or for too
// much.
func (f *File) checkAliases() error {
	ast.Walk(collector{f}, f.root)
	s := &sizer{file: f}
	ast.Walk(s, f.root)
	if s.err != nil {
		return s.err
	}
	return nil
}

// sizer counts values, aliases written out.
type sizer struct {
	file  *File
	count int
	err   *Error
}

func (s *sizer) Visit(node ast.Node) ast.Visitor {
	if s.err != nil {
		return nil
	}
	s.count++
	alias, ok := node.(*ast.AliasNode)
	if !ok {
		return s
	}
	a, ok := s.file.anchored(alias)
	switch {
	case !ok: // whoever needs the value says so
		return nil
	case a.size < 0:
		s.fail(alias, "stands for itself: *"+a.name+" is inside of &"+a.name)
		return nil
	case a.size == 0:
		a.size = -1
		inner := &sizer{file: s.file}
		ast.Walk(inner, a.value)
		a.size, s.err = inner.count, inner.err
	}
	if s.count += a.size; s.count > mostValues && s.err == nil {
		s.fail(alias, fmt.Sprintf("aliases make more than %d values of this file", mostValues))
	}
	return nil
}

func (s *sizer) fail(node ast.Node, message string) {
	s.err = NewError(s.file.Problem(placeOf(node), "", message))
	s.err.cause = ErrAliases
}
