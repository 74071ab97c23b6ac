package foreign

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"

	"plimsoll/scenarios"
)

// label is what a file's name tells of its contents.
type label struct {
	environment string
	scale       scenarios.Scale // empty: as written
}

// labelOf reads ENVIRONMENT[@SCALE][.FORMAT].EXTENSION: what
// "production@web=3.ab.txt" holds is production's at web=3. What follows the @
// is a scale if there is a = in it.
func labelOf(file, format string) (label, error) {
	name := filepath.Base(file)
	name = strings.TrimSuffix(name, filepath.Ext(name))
	name = cmp.Or(strings.TrimSuffix(name, "."+format), format)
	i := strings.LastIndex(name, "@")
	if i < 0 || !strings.Contains(name[i:], "=") {
		return label{environment: name}, nil
	}
	scale, err := scenarios.ParseScale(name[i+1:])
	if err != nil {
		return label{}, fmt.Errorf("%s: the scale after the @: %w", file, err)
	}
	if i == 0 {
		return label{}, fmt.Errorf("%s: an environment's name has to stand before the @", file)
	}
	return label{environment: name[:i], scale: scale}, nil
}

// String names the label as a file's name does.
func (l label) String() string {
	if len(l.scale) == 0 {
		return l.environment
	}
	return l.environment + "@" + l.scale.String()
}
