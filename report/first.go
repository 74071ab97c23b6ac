package report

import (
	"slices"

	"plimsoll/results/analysis"
)

// What a reader sees first: the verdicts, what has to be known before a number
// is believed, the gravest first, and only then who was faster.

// gravest is how many findings are shown before the rest is folded away.
const gravest = 5

// topic is the headlines about one thing.
type topic struct {
	Name  string
	Lines []analysis.Headline
}

// topics are the headlines about these, in the document's order.
func topics(doc *analysis.Document, about ...analysis.Topic) []topic {
	var list []topic
	for _, h := range doc.Headlines {
		if !slices.Contains(about, h.Topic) {
			continue
		}
		name := topicName(h.Topic)
		if n := len(list); n == 0 || list[n-1].Name != name {
			list = append(list, topic{Name: name})
		}
		last := &list[len(list)-1]
		last.Lines = append(last.Lines, h)
	}
	return list
}

// verdictTopics are what a run says, and how sure that is.
func verdictTopics(doc *analysis.Document) []topic {
	return topics(doc, analysis.AboutGate, analysis.AboutCapacity, analysis.AboutObjectives, analysis.AboutTrust)
}

// fasterTopics are what comparing and scaling showed.
func fasterTopics(doc *analysis.Document) []topic {
	return topics(doc, analysis.AboutComparison, analysis.AboutScaling)
}

// foldFindings splits findings into the gravest and the rest. One more than the
// gravest is not worth a fold.
func foldFindings(groups []findingGroup) (first, rest []findingGroup) {
	if len(groups) <= gravest+1 {
		return groups, nil
	}
	return groups[:gravest], groups[gravest:]
}

// keySides are the comparisons that each load is mainly about.
func keySides(doc *analysis.Document) []sides {
	var list []sides
	for _, c := range doc.Comparisons {
		if c.Headline {
			s := newSides(doc, c)
			s.Title = c.Load + ", " + c.Scale
			list = append(list, s)
		}
	}
	return list
}
