// Helper is the program that the engines' conformance suite runs as services,
// healthchecks and workers. It stands in for plimsoll itself, so it needs
// nothing but its own executable.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"plimsoll/internal/relay"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "helper:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("no command")
	}
	command, args := args[0], args[1:]
	switch {
	case command == "serve" && len(args) == 2: // ADDRESS AFTER
		return serve(args[0], args[1])
	case command == "burn" && len(args) == 1: // DURATION
		return burn(args[0])
	case command == "exit" && len(args) == 1: // CODE
		return exit(args[0])
	case command == "print": // LINE…; every second one to stderr
		for i, line := range args {
			fmt.Fprintln([]io.Writer{os.Stdout, os.Stderr}[i%2], line)
		}
		rest()
	case command == "echo":
		fmt.Println(strings.Join(args, " "))
	case command == "env" && len(args) == 1: // NAME
		fmt.Println(os.Getenv(args[0]))
	case command == "write" && len(args) == 2: // FILE TEXT
		return os.WriteFile(args[0], []byte(args[1]), 0o644)
	case command == "read" && len(args) == 1: // FILE
		text, err := os.ReadFile(args[0])
		fmt.Println(string(text))
		return err
	case command == "lookup" && len(args) == 1: // NAME
		return lookup(args[0])
	case command == "worker" && len(args) == 0:
		return worker()
	case command == "dial": // [WITHIN ADDRESS]
		return relay.Main(context.Background(), args, os.Stdin, os.Stdout)
	default:
		return fmt.Errorf("what is %q with %d arguments?", command, len(args))
	}
	return nil
}

// rest never returns. An empty select would do, were it not for the runtime
// that then reports a deadlock.
func rest() {
	for {
		time.Sleep(time.Hour)
	}
}

// serve waits and then tells every client the replica's name.
func serve(address, after string) error {
	pause, err := time.ParseDuration(after)
	if err != nil {
		return err
	}
	time.Sleep(pause)
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if host == "" {
		host = os.Getenv("PLIMSOLL_ADDRESS")
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return err
	}
	fmt.Println("listening on", listener.Addr())
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		fmt.Fprintln(conn, os.Getenv("PLIMSOLL_REPLICA"))
		conn.Close()
	}
}

// burn uses that much CPU time on two threads, prints how much the process has
// used so far by the system's own account, and rests.
func burn(amount string) error {
	total, err := time.ParseDuration(amount)
	if err != nil {
		return err
	}
	var burners sync.WaitGroup
	for range 2 {
		burners.Go(func() {
			for used, err := cpuTime(); err == nil && used < total; used, err = cpuTime() {
				for i, x := 0, 1.0; i < 1e5; i++ {
					x *= 1.0000001
				}
			}
		})
	}
	burners.Wait()
	used, err := cpuTime()
	if err != nil {
		return err
	}
	fmt.Println("burnt", used.Nanoseconds())
	rest()
	return nil
}

func exit(code string) error {
	n, err := strconv.Atoi(code)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "ending with", n)
	os.Exit(n)
	return nil
}

// lookup prints the addresses of a name, from the hosts file if there is one.
func lookup(name string) error {
	file := os.Getenv("PLIMSOLL_HOSTS")
	if file == "" {
		addresses, err := net.LookupHost(name)
		fmt.Println(strings.Join(addresses, "\n"))
		return err
	}
	text, err := os.ReadFile(file)
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 1 {
			for _, word := range words[1:] {
				if word == name {
					fmt.Println(words[0])
				}
			}
		}
	}
	return err
}

// worker echoes lines. The line "spin" makes it busy for ever, the line "fail"
// makes it fail.
func worker() error {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		fmt.Println(lines.Text())
		switch lines.Text() {
		case "spin":
			for i := 0; ; i++ {
			}
		case "fail":
			fmt.Fprintln(os.Stderr, "failing as told")
			os.Exit(3)
		}
	}
	return lines.Err()
}
