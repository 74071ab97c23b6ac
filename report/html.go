package report

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"plimsoll/report/plot"
	"plimsoll/results/analysis"
)

//go:embed page
var pageFiles embed.FS

// HTML writes the report as one page that needs nothing else: no script, no
// font, no other file. It follows the reader's choice of light or dark.
func HTML(w io.Writer, doc *analysis.Document) error {
	style, err := pageFiles.ReadFile("page/page.css")
	if err != nil {
		return err
	}
	page, err := template.New("page.html").Funcs(pageFuncs(doc)).ParseFS(pageFiles, "page/page.html", "page/figure.html")
	if err != nil {
		return err
	}
	view, err := newPage(doc, string(style))
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := page.Execute(&b, view); err != nil {
		return fmt.Errorf("render page: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

// page is what the template shows.
type page struct {
	Doc        *analysis.Document
	Style      template.CSS
	Verdict    analysis.Verdict
	Answer     string // the verdict in words
	Subtitle   string
	Verdicts   []topic
	Faster     []topic
	Key        []sides
	Whiskers   string        // what those of Key are
	Gate       *gateView     // nil: the run is no gate's
	Capacity   *capacityView // nil: the run is no capacity search
	Objectives objectiveTable
	Sides      []loadSides
	Matrices   []pageMatrix
	Columns    []pageColumn
	Warmups    *warmups // nil: nothing is told of them
	// Findings are the gravest, More the others.
	Findings, More []findingGroup
	Plots          []loadPlots
	Requests       []cellRequests
	Trials         []cellTrials
	Replicas       []cellReplicas
	Balancers      []balancerPage
}

type pageColumn struct{ Name, Unit string }

type pageMatrix struct {
	Load  analysis.LoadInfo
	Rows  []pageRow
	Notes []string
	// Labels say what the numbers have to be read with, Where on what.
	Labels []label
	Where  []string
}

type pageRow struct {
	Cell     *analysis.Cell
	NewScale bool
	Figures  []string
	Trials   string
	Counts   string
	Label    string // what the figures have to be read with
}

func newPage(doc *analysis.Document, style string) (*page, error) {
	p := &page{
		Doc: doc, Style: template.CSS(style + paletteCSS()),
		Verdict: doc.Verdict(), Answer: verdictLine(doc), Subtitle: subtitle(doc),
		Objectives: objectives(doc), Sides: allSides(doc), Warmups: warmupsOf(doc), Requests: allRequests(doc), Trials: allTrials(doc), Replicas: allReplicas(doc),
		Balancers: balancerPages(doc),
		Verdicts:  verdictTopics(doc), Faster: fasterTopics(doc), Key: keySides(doc), Whiskers: whiskers(doc, func(c analysis.Comparison) bool { return c.Headline }),
	}
	if len(p.Key) > 0 && len(p.Faster) > 0 && p.Faster[0].Name == topicName(analysis.AboutComparison) {
		p.Faster[0].Name = "" // it stands above the bars
	}
	p.Findings, p.More = foldFindings(findingGroups(doc))
	if p.Capacity = capacityOf(doc); p.Capacity != nil {
		if err := p.Capacity.draw(doc); err != nil {
			return nil, err
		}
	}
	if p.Gate = gateOf(doc); p.Gate != nil {
		if err := p.Gate.draw(doc); err != nil {
			return nil, err
		}
	}
	for _, c := range matrixColumns {
		p.Columns = append(p.Columns, pageColumn{c.name, c.unit})
	}
	for _, m := range matrices(doc) {
		p.Matrices = append(p.Matrices, newPageMatrix(m))
	}
	var err error
	p.Plots, err = allPlots(doc)
	return p, err
}

func newPageMatrix(m matrix) pageMatrix {
	out := pageMatrix{Load: m.load, Notes: m.notes(), Labels: labelsOf(m), Where: environmentLines(m)}
	for i, r := range m.rows {
		about := ""
		if r.cell.Trials > 0 {
			about = labelOf(r.cell).line()
		}
		out.Rows = append(out.Rows, pageRow{
			Label: about,
			Cell:  r.cell, NewScale: i == 0 || m.rows[i-1].cell.Scale != r.cell.Scale,
			Figures: r.marked(), Trials: trialsText(r.cell), Counts: scaleCounts(r.cell),
		})
	}
	return out
}

// paletteCSS defines the environments' colours, once for plots and tables.
func paletteCSS() string {
	var b strings.Builder
	b.WriteString(":root{")
	for i, c := range plot.Palette() {
		fmt.Fprintf(&b, "--env-%d:%s;", i, c)
	}
	b.WriteString("}\n")
	for i := range plot.Palette() {
		fmt.Fprintf(&b, ".e%d{--own:var(--env-%d)}\n", i, i)
	}
	return b.String()
}

// loadSides are one load's comparisons.
type loadSides struct {
	Load     analysis.LoadInfo
	Whiskers string // what they are
	Scales   []scaleSides
}

type scaleSides struct {
	Scale string
	Sides []sides
}

// sides is one comparison as bars, the environments in their usual order.
type sides struct {
	Title    string // what it is about, where that is not said around it
	Metric   string
	Better   string // which direction is better
	Apart    string
	Interval string // of Apart, or why there is none
	Standing string
	Decided  bool
	Best     string // environment
	Doubts   []string
	Bars     []bar
}

// bar is one environment's value. Its lengths are percentages of the longest.
type bar struct {
	Environment string
	Text        string
	Length      float64
	// Interval says in words what the whisker shows, empty if there is none.
	Interval string
	// It begins at From and is Wide.
	From, Wide float64
}

func allSides(doc *analysis.Document) []loadSides {
	var list []loadSides
	for _, load := range doc.Loads {
		l := loadSides{Load: load, Whiskers: whiskers(doc, func(c analysis.Comparison) bool { return c.Load == load.Name })}
		for _, c := range doc.Comparisons {
			if c.Load != load.Name {
				continue
			}
			if n := len(l.Scales); n == 0 || l.Scales[n-1].Scale != c.Scale {
				l.Scales = append(l.Scales, scaleSides{Scale: c.Scale})
			}
			s := &l.Scales[len(l.Scales)-1]
			s.Sides = append(s.Sides, newSides(doc, c))
		}
		if len(l.Scales) > 0 {
			list = append(list, l)
		}
	}
	return list
}

// whiskers says what the whiskers of these comparisons are, each kind once;
// empty if they have none.
func whiskers(doc *analysis.Document, of func(analysis.Comparison) bool) string {
	var kinds []string
	for _, c := range doc.Comparisons {
		for _, s := range c.Sides {
			if kind := s.Value.Kind(s.Trials); of(c) && s.Trials > 1 && !slices.Contains(kinds, kind) {
				kinds = append(kinds, kind)
			}
		}
	}
	return strings.Join(kinds, ", ")
}

func newSides(doc *analysis.Document, c analysis.Comparison) sides {
	s := sides{
		Metric: c.Metric.Name, Better: "lower is better", Apart: none,
		Standing: standing(c), Decided: c.Standing == analysis.Decided, Best: c.Sides[0].Environment, Doubts: c.Doubts,
	}
	if c.Metric.HigherIsBetter {
		s.Better = "higher is better"
	}
	if c.Ratio > 0 {
		s.Apart = apart(c.Ratio)
		if s.Interval = noInterval(c); s.Interval == "" {
			s.Interval = confidence() + ": " + c.Interval.Text()
		}
	}
	var longest float64
	for _, side := range c.Sides {
		longest = max(longest, side.Value.High)
	}
	percent := func(v float64) float64 {
		if longest == 0 {
			return 0
		}
		return 100 * v / longest
	}
	for _, environment := range doc.Environments {
		for _, side := range c.Sides {
			if side.Environment != environment {
				continue
			}
			b := bar{
				Environment: environment, Text: c.Metric.Text(side.Value.Median),
				Length: percent(side.Value.Median), From: percent(side.Value.Low),
				Wide: percent(side.Value.High - side.Value.Low),
			}
			if side.Trials > 1 {
				b.Interval = c.Metric.Interval(side.Value, side.Trials)
			}
			s.Bars = append(s.Bars, b)
		}
	}
	return s
}

// cellRequests are the requests of one cell's mix.
type cellRequests struct {
	Cell *analysis.Cell
	Rows []requestRow
}

func allRequests(doc *analysis.Document) []cellRequests {
	var list []cellRequests
	for i := range doc.Cells {
		if c := &doc.Cells[i]; len(c.Mix) > 0 {
			list = append(list, cellRequests{Cell: c, Rows: requestRows(c.Mix)})
		}
	}
	return list
}

// cellReplicas are the replicas of one cell.
type cellReplicas struct {
	Cell *analysis.Cell
	Rows []replicaRow
}

type replicaRow struct {
	Replica, Served, Share, CPU, Memory string
	Length                              float64 // of the share's bar, in percent
	Known                               bool
}

// loadWorker is the name of the row that says what applying the load took. It
// runs beside the stack, so its share of the host is part of the picture.
const loadWorker = "(load worker)"

func allReplicas(doc *analysis.Document) []cellReplicas {
	var list []cellReplicas
	for i := range doc.Cells {
		c := cellReplicas{Cell: &doc.Cells[i]}
		for _, r := range c.Cell.Replicas {
			served, share := replicaShare(r)
			c.Rows = append(c.Rows, replicaRow{
				Replica: r.Replica, Served: served, Share: share, Length: 100 * r.Share, Known: r.Requests != nil,
				CPU: fixed(r.CPUPerRequest/1e6, 3), Memory: fixed(r.MemoryBytes/(1<<20), 1),
			})
		}
		if len(c.Rows) > 0 {
			w := c.Cell.Worker
			c.Rows = append(c.Rows, replicaRow{
				Replica: loadWorker, CPU: fixed(w.CPUPerRequest/1e6, 3), Memory: fixed(float64(w.MemoryBytes)/(1<<20), 1),
			})
			list = append(list, c)
		}
	}
	return list
}

// pageFuncs are the template's functions.
func pageFuncs(doc *analysis.Document) template.FuncMap {
	return template.FuncMap{
		"mark": mark,
		// class is an environment's colour.
		"class": func(environment string) string { return fmt.Sprintf("e%d", colourOf(doc, environment)) },
		// verdictClass is a verdict's.
		"verdictClass": func(v analysis.Verdict) string {
			if v == analysis.NotApplicable {
				return "v-na"
			}
			return "v-" + string(v)
		},
		"add": func(a, b int) int { return a + b },
	}
}
