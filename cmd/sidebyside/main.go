//go:build linux

// Command sidebyside measures plimsoll bench beside other load generators: in
// interleaved rounds, each generator on one CPU, against a null target on
// another that counts the requests. "make bench" runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	rounds   int
	length   time.Duration
	quick    bool
	only     string
	long     bool
	seed     uint64
	quiet    float64
	plimsoll string
	cache    string
	out      string
	from     string
	doc      string
}

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	opt, err := parse(os.Args[1:], os.Stderr)
	if err == nil {
		err = carryOut(ctx, opt, os.Stdout, os.Stderr)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "sidebyside:", err)
		os.Exit(1)
	}
}

func parse(args []string, stderr io.Writer) (options, error) {
	var opt options
	flags := flag.NewFlagSet("sidebyside", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&opt.rounds, "rounds", 10, "how often each tool runs each cell")
	flags.DurationVar(&opt.length, "length", 2*time.Second, "length of a closed loop, in whole seconds")
	flags.BoolVar(&opt.quick, "quick", false, "only keep-alive with 1, 10, 100 and 1000 connections, of wrk, ab and plimsoll's fast transport")
	flags.StringVar(&opt.only, "only", "", "only the cells and tools whose names contain one of these, such as 'c=10,/s,wrk,plimsoll fast'")
	flags.BoolVar(&opt.long, "long", false, "also send 10 million requests, to see whether memory stays flat")
	flags.Uint64Var(&opt.seed, "seed", 1, "fixes the order within the rounds")
	flags.Float64Var(&opt.quiet, "quiet", .02, "a run is quiet if at most this share of the machine's CPU time went to others or was stolen")
	flags.StringVar(&opt.plimsoll, "plimsoll", "bin/plimsoll", "the plimsoll to measure")
	flags.StringVar(&opt.cache, "cache", ".bench", "folder that peers are built into")
	flags.StringVar(&opt.out, "out", "", "write all samples to this file, as JSON")
	flags.StringVar(&opt.from, "from", "", "measure nothing; show the samples of this file")
	flags.StringVar(&opt.doc, "doc", "", "put the tables into this file, between its two marks")
	if err := flags.Parse(args); err != nil {
		return opt, err
	}
	switch {
	case flags.NArg() > 0:
		return opt, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case opt.rounds < 1:
		return opt, fmt.Errorf("--rounds %d: at least 1", opt.rounds)
	case opt.length < time.Second || opt.length%time.Second != 0:
		return opt, fmt.Errorf("--length %v: whole seconds, since wrk and ab know no others", opt.length)
	}
	return opt, nil
}

// carryOut measures or reads what was measured, and shows it.
func carryOut(ctx context.Context, opt options, stdout, stderr io.Writer) (err error) {
	var r record
	if opt.from != "" {
		r, err = readRecord(opt.from)
	} else {
		r, err = measure(ctx, opt, stderr)
	}
	if len(r.Samples) == 0 {
		return errors.Join(err, errors.New("nothing was measured"))
	}
	if opt.out != "" {
		// Of rounds that were broken off, what there is is kept.
		err = errors.Join(err, r.write(opt.out))
	}
	if err != nil {
		return err
	}
	text := r.markdown()
	if opt.doc != "" {
		if err := replaceTables(opt.doc, text); err != nil {
			return err
		}
	}
	_, err = io.WriteString(stdout, text)
	return err
}

// selectCells keeps what --only names. Its words name cells or tools; without
// a word for one of the two, all of them stay.
func selectCells(opt options) ([]cell, error) {
	list := cells(opt.length)
	if opt.quick {
		list = list[:4]
		for i := range list {
			list[i].Tools = []string{fast, "wrk", "ab"}
		}
	}
	if opt.only == "" {
		return list, nil
	}
	var names, tools []string
	for word := range strings.SplitSeq(opt.only, ",") {
		word = strings.TrimSpace(word)
		isTool := slices.ContainsFunc(list, func(c cell) bool {
			return slices.ContainsFunc(c.Tools, func(tool string) bool { return strings.Contains(tool, word) })
		})
		isCell := slices.ContainsFunc(list, func(c cell) bool { return strings.HasSuffix(c.String(), word) })
		switch {
		case isTool:
			tools = append(tools, word)
		case isCell:
			names = append(names, word)
		default:
			return nil, fmt.Errorf("--only %s: no cell ends so and no tool is called so", word)
		}
	}
	list = slices.DeleteFunc(list, func(c cell) bool {
		return len(names) > 0 && !slices.ContainsFunc(names, func(w string) bool { return strings.HasSuffix(c.String(), w) })
	})
	for i := range list {
		list[i].Tools = slices.DeleteFunc(list[i].Tools[:len(list[i].Tools):len(list[i].Tools)], func(tool string) bool {
			return len(tools) > 0 && !slices.ContainsFunc(tools, func(w string) bool { return strings.Contains(tool, w) })
		})
	}
	return list, nil
}

// measure runs all rounds.
func measure(ctx context.Context, opt options, stderr io.Writer) (r record, err error) {
	if runtime.NumCPU() < 2 {
		return r, errors.New("generator and server need a CPU each, and there is but one")
	}
	list, err := selectCells(opt)
	if err != nil {
		return r, err
	}
	if err := raiseFileLimit(); err != nil {
		return r, err
	}
	fmt.Fprintln(stderr, "preparing the peers")
	b := &bench{}
	wanted := func(name string) bool {
		return slices.ContainsFunc(list, func(c cell) bool { return slices.Contains(c.Tools, name) })
	}
	if b.programs, err = findPeers(ctx, opt.cache, wanted); err != nil {
		return r, err
	}
	self := program{opt.plimsoll, output(ctx, opt.plimsoll, "version")}
	b.programs[fast], b.programs[general] = self, self
	r = newRecord(ctx, opt, b.programs, list)

	const room = 8_000_000
	for _, s := range []struct {
		server   **server
		arrivals int
	}{{&b.counting, 0}, {&b.recording, room}} {
		started, startErr := startServer(ctx, opt.plimsoll, s.arrivals)
		if startErr != nil {
			return r, startErr
		}
		*s.server = started
		defer func() { err = errors.Join(err, started.stop()) }()
	}
	err = b.rounds(ctx, opt, list, &r, stderr)
	return r, err
}

// rounds measures every cell by every tool once a round, in an order that the
// seed shuffles anew for each.
func (b *bench) rounds(ctx context.Context, opt options, list []cell, r *record, stderr io.Writer) error {
	order := rand.New(rand.NewPCG(opt.seed, 0))
	for round := range opt.rounds {
		begin := time.Now()
		for _, c := range list {
			tools := slices.Clone(c.Tools)
			order.Shuffle(len(tools), func(i, j int) { tools[i], tools[j] = tools[j], tools[i] })
			for _, tool := range tools {
				s, err := b.run(ctx, tool, c)
				if err != nil {
					return fmt.Errorf("round %d: %w", round+1, err)
				}
				s.Round = round
				r.Samples = append(r.Samples, s)
			}
		}
		if !opt.quick && opt.only == "" {
			ceiling, err := b.ceiling(ctx, opt.length)
			if err != nil {
				return fmt.Errorf("round %d: %w", round+1, err)
			}
			r.Ceilings = append(r.Ceilings, ceiling)
		}
		fmt.Fprintf(stderr, "round %d of %d took %v\n", round+1, opt.rounds, time.Since(begin).Round(time.Second))
	}
	if opt.long {
		return b.long(ctx, r, stderr)
	}
	return nil
}
