package foreign

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"

	"plimsoll/results"
)

func looksLikeHAProxy(head string) bool {
	return strings.HasPrefix(head, "# pxname,svname,") || strings.HasPrefix(head, "pxname,svname,")
}

// HAProxy reads the balancer's statistics in their CSV form ("show stat", or
// the page with ;csv). Columns may be missing, but the first two. What the load
// was like and how long it took is not in it; its numbers are since the
// balancer started, or since its counters were cleared.
func HAProxy(r io.Reader) (*Result, error) {
	in := csv.NewReader(r)
	in.FieldsPerRecord = -1
	in.LazyQuotes = false
	head, err := in.Read()
	if err != nil || len(head) < 2 || strings.TrimPrefix(head[0], "# ") != "pxname" || head[1] != "svname" {
		return nil, errors.Join(errors.New(`line 1: not the head of HAProxy's statistics ("# pxname,svname,…")`), noEOF(err))
	}
	column := map[string]int{}
	for i, name := range head {
		if _, twice := column[name]; twice && name != "" && name != "-" {
			return nil, fmt.Errorf("line 1: column %q stands twice", name)
		}
		column[name] = i
	}
	var rows []results.BalancerRow
	for {
		record, err := in.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err // names the line
		}
		line, _ := in.FieldPos(0)
		if len(record) > len(head) || len(record) < 2 {
			return nil, lineError(line, "%d columns, the head has %d", len(record), len(head))
		}
		row, err := balancerRow(record, column)
		if err != nil {
			return nil, lineError(line, "%w", err)
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return nil, errors.New("line 2: the page has no rows")
	}
	s := newSheet("HAProxy")
	s.trial.Foreign.Balancer = rows
	return s.result(results.LoadSummary{
		Mode: modeUnknown, Text: "what a balancer counted",
		Caution: "A balancer's counters: they hold no latency, and count since it started.",
	}), nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// balancerRow reads a line; a column that is empty or not there is not told.
func balancerRow(record []string, column map[string]int) (results.BalancerRow, error) {
	text := func(name string) string {
		if i, ok := column[name]; ok && i < len(record) {
			return record[i]
		}
		return ""
	}
	row := results.BalancerRow{Proxy: record[0], Server: record[1], Status: text("status"), Check: text("check_status")}
	if row.Proxy == "" || row.Server == "" {
		return row, errors.New("a row without the names of its proxy and server")
	}
	for name, at := range map[string]**int64{
		"stot": &row.Sessions, "smax": &row.MostSessions, "rate_max": &row.HighestRate, "bin": &row.BytesIn, "bout": &row.BytesOut,
		"downtime": &row.DowntimeSeconds, "hrsp_2xx": &row.Answers2xx, "hrsp_4xx": &row.Answers4xx, "hrsp_5xx": &row.Answers5xx,
		"econ": &row.ConnectErrors, "eresp": &row.AnswerErrors,
	} {
		v := text(name)
		if v == "" {
			continue
		}
		n, err := whole(v)
		if err != nil {
			return row, fmt.Errorf("%s: %w", name, err)
		}
		*at = &n
	}
	return row, nil
}
