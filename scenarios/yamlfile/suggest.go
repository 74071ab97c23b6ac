package yamlfile

import (
	"fmt"
	"strings"

	"github.com/agext/levenshtein"
)

// DidYouMean returns `; did you mean "web"?` if one of the words is near to
// what was written, and else nothing.
func DidYouMean(written string, words []string) string {
	if word, ok := nearest(written, words); ok {
		return fmt.Sprintf("; did you mean %q?", word)
	}
	return ""
}

// nearest finds the word that was probably meant: a few letters away, or begun
// but not finished.
func nearest(written string, words []string) (string, bool) {
	written = strings.ToLower(written)
	best, distance := "", 0
	for _, word := range words {
		d := levenshtein.Distance(written, strings.ToLower(word), nil)
		limit := min(len(written), len(word), 8)/3 + 1
		if d > limit && !(len(written) >= 3 && strings.HasPrefix(strings.ToLower(word), written)) {
			continue
		}
		if d >= max(len(written), len(word)) {
			continue // nothing in common
		}
		if best == "" || d < distance {
			best, distance = word, d
		}
	}
	return best, best != ""
}
