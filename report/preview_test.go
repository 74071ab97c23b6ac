package report_test

import (
	"os"
	"testing"

	"plimsoll/report"
)

func TestPreview(t *testing.T) {
	for _, n := range []string{"twip-1", "twip-6"} {
		if err := os.WriteFile("/tmp/"+n+".html", render(t, report.HTML, document(t, n)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
