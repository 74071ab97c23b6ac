package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"plimsoll/internal/units"
	"plimsoll/runner/engine"
)

// logs writes what replicas printed, each line with its replica's name.
func logs(ctx context.Context, w io.Writer, eng engine.Engine, replicas []engine.Replica, lines int, follow bool) error {
	width := 0
	for _, r := range replicas {
		width = max(width, len(r.Name()))
	}
	var mu sync.Mutex
	write := func(r engine.Replica, line string) error {
		mu.Lock()
		defer mu.Unlock()
		_, err := fmt.Fprintf(w, "%-*s | %s\n", width, r.Name(), strings.TrimSuffix(line, "\r"))
		return err
	}
	if !follow {
		logger, ok := eng.(engine.Logger)
		if !ok {
			return errors.New("this engine keeps no logs")
		}
		for _, r := range replicas {
			text, err := logger.Logs(ctx, r, lines)
			if err != nil {
				return err
			}
			for line := range strings.Lines(text) {
				if err := write(r, strings.TrimSuffix(line, "\n")); err != nil {
					return err
				}
			}
		}
		return nil
	}
	follower, ok := eng.(engine.Follower)
	if !ok {
		return errors.New("this engine's logs cannot be followed; leave out --follow")
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, r := range replicas {
		group.Go(func() error {
			reader, writer := io.Pipe()
			go func() { writer.CloseWithError(follower.Follow(ctx, r, lines, writer)) }()
			defer reader.Close()
			for in := bufio.NewReader(reader); ; {
				line, err := in.ReadString('\n')
				if line != "" {
					if failed := write(r, strings.TrimSuffix(line, "\n")); failed != nil {
						return failed
					}
				}
				if errors.Is(err, io.EOF) {
					return nil
				}
				if err != nil {
					return err
				}
			}
		})
	}
	return group.Wait()
}

// images shows the image of each service.
func images(ctx context.Context, w io.Writer, h *hand, asJSON bool) error {
	imager, ok := h.Engine.(engine.Imager)
	if !ok {
		return errors.New("this engine has no images: its services are part of this program")
	}
	type line struct {
		Service string `json:"service"`
		engine.Image
		Missing bool `json:"missing,omitempty"`
	}
	var lines []line
	for _, s := range h.Stack.Topology.Services {
		image, there, err := imager.Image(ctx, s.Image)
		if err != nil {
			return err
		}
		image.Name = s.Image
		lines = append(lines, line{s.Name, image, !there})
	}
	if asJSON {
		encoder := json.NewEncoder(w)
		for _, l := range lines {
			if err := encoder.Encode(l); err != nil {
				return err
			}
		}
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SERVICE\tIMAGE\tID\tSIZE\tCREATED")
	for _, l := range lines {
		if l.Missing {
			fmt.Fprintf(table, "%s\t%s\tnot on the engine yet\n", l.Service, l.Name)
			continue
		}
		created := "–"
		if !l.Created.IsZero() {
			created = l.Created.Local().Format(time.DateTime)
		}
		_, sum, _ := strings.Cut(l.ID, ":")
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", l.Service, l.Name, sum[:min(12, len(sum))], units.Bytes(l.Bytes), created)
	}
	return table.Flush()
}
