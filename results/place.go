package results

import (
	"fmt"
	"strings"
)

// Place is a position in a scenario's file.
type Place struct {
	// File is named as the user named it, with slashes; a scenario that is part
	// of the program is "shipped:NAME.yaml".
	File   string `json:"file"`
	Line   int    `json:"line"`   // from 1
	Column int    `json:"column"` // from 1, in characters
}

// String is "FILE:LINE:COLUMN", and empty for the zero Place.
func (p Place) String() string {
	if p == (Place{}) {
		return ""
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Shipped reports whether the file is part of the program, so that nobody has
// it in a checkout.
func (p Place) Shipped() bool { return strings.HasPrefix(p.File, "shipped:") }
