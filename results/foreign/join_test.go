package foreign

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"plimsoll/results"
	"plimsoll/results/analysis"
)

func TestLabels(t *testing.T) {
	for _, test := range []struct{ file, format, want, scale string }{
		{"production.ab.txt", "ab", "production", "as written"},
		{"runs/production.txt", "ab", "production", "as written"},
		{"production@web=3,static=2.ab.txt", "ab", "production", "static=2,web=3"},
		{"production@web=3.haproxy.csv", "haproxy", "production", "web=3"},
		{"me@host.ab.txt", "ab", "me@host", "as written"},
		{"me@host@web=2.txt", "ab", "me@host", "web=2"},
		{"stdin", "k6", "stdin", "as written"},
		{".ab.txt", "ab", "ab", "as written"},
	} {
		got, err := labelOf(test.file, test.format)
		if err != nil || got.environment != test.want || got.scale.String() != test.scale {
			t.Errorf("%s: %+v, %v; want %s at %s", test.file, got, err, test.want, test.scale)
		}
	}
	for file, want := range map[string]string{
		"a@web=.txt":      `a@web=.txt: the scale after the @: "web=" is not SERVICE=COUNT`,
		"a@web=2,txt.csv": `"txt" is not SERVICE=COUNT`,
		"@web=2.txt":      "a name has to stand before the @",
	} {
		want = strings.Replace(want, "a name", "an environment's name", 1)
		if got, err := labelOf(file, "ab"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v; want %q", file, got, err, want)
		}
	}
}

// store imports files and reads the run.
func store(t *testing.T, environment string, files ...File) (*results.Run, error) {
	t.Helper()
	dir, err := Store(Options{Out: t.TempDir(), Format: Auto, Environment: environment, Now: time.Unix(0, 0)}, files)
	if err != nil {
		return nil, err
	}
	run, err := results.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return run, nil
}

// Files of one name tell of one load, in whatever order they are given.
func TestFilesOfOneName(t *testing.T) {
	table, points, percent, page := open(t, "ab.txt"), open(t, "ab.tsv"), open(t, "ab-percentiles.csv"), open(t, "haproxy.csv")
	for _, test := range []struct {
		name        string
		environment string
		files       []File
		want        []string // each trial's files
		err         string
	}{
		{
			"all of one", "",
			[]File{{"a.haproxy.csv", page}, {"a.ab-e.csv", percent}, {"a.ab-g.tsv", points}, {"a.ab.txt", table}},
			[]string{"a.ab.txt + a.ab-g.tsv, a.ab-e.csv, a.haproxy.csv"}, "",
		},
		{"two scales", "", []File{{"a.ab.txt", table}, {"a@web=2.ab.txt", table}, {"a@web=2.csv", page}}, []string{"a.ab.txt", "a@web=2.ab.txt + a@web=2.csv"}, ""},
		{"a page alone", "", []File{{"a.csv", page}}, []string{"a.csv"}, ""},
		{"a page of another name", "", []File{{"a.txt", table}, {"b.csv", page}}, []string{"a.txt", "b.csv"}, ""},
		{"a page in another folder", "a", []File{{"x/a.txt", table}, {"y/a.csv", page}}, []string{"x/a.txt", "y/a.csv"}, ""},
		{"trials of one", "a", []File{{"x/a.txt", table}, {"y/a.txt", table}}, []string{"x/a.txt", "y/a.txt"}, ""},
		{"two tables", "", []File{{"x/a.txt", table}, {"y/a.txt", table}}, nil, `x/a.txt and y/a.txt would both be environment "a"`},
		{"another load's points", "", []File{{"a.txt", table}, {"a.tsv", points[:len(points)-60]}}, nil, "not a result in format ab-g"},
		{"fewer points", "", []File{{"a.txt", table}, {"a.tsv", points[:strings.LastIndex(strings.TrimSpace(string(points)), "\n")]}}, nil,
			"a.txt and a.tsv have the same name, and are not of the same load: one has 200 requests, the other 199"},
	} {
		t.Run(test.name, func(t *testing.T) {
			run, err := store(t, test.environment, test.files...)
			if test.err != "" || err != nil {
				if err == nil || !strings.Contains(err.Error(), test.err) || test.err == "" {
					t.Fatalf("error %v, want %q", err, test.err)
				}
				return
			}
			var got []string
			for _, trial := range run.Trials {
				f := trial.Trial.Foreign
				text := f.File
				var beside []string
				for _, b := range f.Beside {
					beside = append(beside, b.File)
				}
				if len(beside) > 0 {
					text += " + " + strings.Join(beside, ", ")
				}
				got = append(got, text)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// With what ab -g wrote the stall of a table is exact; without, it is bounded.
func TestStallOfATableAndItsPoints(t *testing.T) {
	const n, slow, c = 1000, 10, 10
	times := make([]int, n) // ms
	for i := range times {
		times[i] = 10 + i%10
		if i >= n-slow {
			times[i] = 2000 + 10*(i-n+slow)
		}
	}
	slices.Sort(times)
	sum := 0
	for _, d := range times {
		sum += d
	}
	took := float64(sum) / c / 1000
	var points, table strings.Builder
	points.WriteString(abGnuplotHead + "\n")
	for _, d := range times {
		fmt.Fprintf(&points, "Mon Jun 01 09:30:00 2026\t1780306200\t0\t%d\t%d\t%d\n", d, d, d)
	}
	fmt.Fprintf(&table, "Concurrency Level:      %d\nTime taken for tests:   %.3f seconds\nComplete requests:      %d\nFailed requests:        0\n", c, took, n)
	fmt.Fprintf(&table, "Total transferred:      1000 bytes\nHTML transferred:       1000 bytes\nRequests per second:    %.2f [#/sec] (mean)\n\n", n/took)
	table.WriteString("Connection Times (ms)\n              min  mean[+/-sd] median   max\n")
	for _, kind := range []string{"Connect:", "Processing:", "Waiting:", "Total:"} {
		fmt.Fprintf(&table, "%s %d %d 1.0 %d %d\n", kind, times[0], (sum+n/2)/n, times[n/2], times[n-1])
	}
	table.WriteString("\nPercentage of the requests served within a certain time (ms)\n")
	for _, p := range []int{50, 66, 75, 80, 90, 95, 98, 99} {
		fmt.Fprintf(&table, "  %d%%  %d\n", p, times[n*p/100])
	}
	fmt.Fprintf(&table, " 100%%  %d (longest request)\n", times[n-1])

	stallOf := func(files ...File) *analysis.Stall {
		run, err := store(t, "", files...)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := analysis.Summarize(run)
		if err != nil {
			t.Fatal(err)
		}
		if len(doc.Cells) != 1 || doc.Cells[0].Stall == nil {
			t.Fatalf("no stall: %+v", doc.Findings)
		}
		return doc.Cells[0].Stall
	}
	bounded := stallOf(File{"a.ab.txt", []byte(table.String())})
	exact := stallOf(File{"a.ab.txt", []byte(table.String())}, File{"a.ab-g.tsv", []byte(points.String())})
	if exact.Requests != slow || bounded.Requests != slow || !bounded.Summary || exact.Summary {
		t.Errorf("%+v and %+v", bounded, exact)
	}
	const hdr = .002 // a histogram's values are up to 0.1 % too high
	if exact.Share != exact.ShareTo || bounded.Share > exact.Share+hdr || bounded.ShareTo < exact.Share-hdr || bounded.ShareTo-bounded.Share > .10 {
		t.Errorf("the share is %.4f, bounded by %.4f and %.4f", exact.Share, bounded.Share, bounded.ShareTo)
	}
}
