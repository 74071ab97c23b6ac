package topology

import (
	"path/filepath"
	"slices"

	"plimsoll/scenarios/yamlfile"
)

// Origin knows where things are written in the files that a topology was read
// from. Paths are those of a Compose file ("services.web.ports[0]"), and are
// told as the file has them. A nil Origin knows no place.
type Origin struct {
	sources []source // a later one overrides those before it
}

// source is one file.
type source struct {
	file  string
	tree  *yamlfile.File // nil: not parsed
	stack *stackFile     // what tree was made of; nil: a Compose file
}

// Problem makes a problem of what the path leads to, or of the nearest thing
// around it.
func (o *Origin) Problem(path, message string) yamlfile.Problem {
	s := o.source(path)
	if s.tree == nil {
		return yamlfile.Problem{File: s.file, Path: path, Message: message}
	}
	place, _ := s.tree.Find(path)
	return s.problem(place, path, message)
}

// ItemProblem makes a problem of the first item of a list that holds a text for
// which match is true, and else of the list.
func (o *Origin) ItemProblem(list string, match func(text string) bool, message string) yamlfile.Problem {
	if o != nil {
		for _, s := range slices.Backward(o.sources) {
			if s.tree == nil {
				continue
			}
			if place, ok := s.tree.FindText(list, match); ok {
				return s.problem(place, list, message)
			}
		}
	}
	return o.Problem(list, message)
}

// Holds reports whether something is written at the path.
func (o *Origin) Holds(path string) bool {
	s := o.source(path)
	return s.tree != nil && s.tree.Holds(path)
}

// Base is the name of the first file without its folder.
func (o *Origin) Base() string {
	if o == nil {
		return "the topology"
	}
	return filepath.Base(filepath.FromSlash(o.sources[0].file))
}

// source is the last file that has something at the path, or the first one.
func (o *Origin) source(path string) source {
	if o == nil {
		return source{}
	}
	for _, s := range slices.Backward(o.sources) {
		if s.tree != nil && s.tree.Holds(path) {
			return s
		}
	}
	return o.sources[0]
}

func (s source) problem(place yamlfile.Place, path, message string) yamlfile.Problem {
	p := s.tree.Problem(place, path, message)
	if s.stack != nil {
		return s.stack.restore(p)
	}
	return p
}
