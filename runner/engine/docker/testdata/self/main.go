// Self stands in for plimsoll's own executable in the tests of the docker
// engine.
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
	"syscall"
	"time"

	"plimsoll/internal/relay"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "self:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("no command")
	}
	switch args[0] {
	case "worker":
		return worker()
	case "dial": // [WITHIN ADDRESS]
		return relay.Main(context.Background(), args[1:], os.Stdin, os.Stdout)
	case "serve": // PORT
		return serve(args[1])
	case "burn": // CPU-SECONDS, as time.Duration
		return burn(args[1])
	case "eat": // MIB FILE-MIB FILE
		return eat(args[1:])
	case "say": // STDOUT STDERR
		fmt.Println(args[1])
		time.Sleep(50 * time.Millisecond) // two pipes have no common order
		fmt.Fprintln(os.Stderr, args[2])
		rest()
	case "rest":
		rest()
	case "exit": // CODE
		code, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		os.Exit(code)
	case "lookup": // NAME
		addrs, err := net.LookupHost(args[1])
		fmt.Println(strings.Join(addrs, "\n"))
		return err
	case "env": // NAME
		fmt.Println(os.Getenv(args[1]))
	default:
		return fmt.Errorf("no command %q", args[0])
	}
	return nil
}

func rest() {
	for {
		time.Sleep(time.Hour)
	}
}

// serve tells its name to whoever connects, and sends back what it is told.
func serve(port string) error {
	listener, err := net.Listen("tcp", ":"+port)
	if err != nil {
		return err
	}
	fmt.Println("serving")
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			fmt.Fprintln(conn, os.Getenv("PLIMSOLL_REPLICA"))
			_, _ = io.Copy(conn, conn)
		}()
	}
}

// burn uses that much CPU time and rests.
func burn(amount string) error {
	total, err := time.ParseDuration(amount)
	if err != nil {
		return err
	}
	for {
		var usage syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
			return err
		}
		if time.Duration(usage.Utime.Nano()+usage.Stime.Nano()) >= total {
			break
		}
	}
	rest()
	return nil
}

// eat touches memory, writes a file, so that it is in the page cache, and
// rests.
func eat(args []string) error {
	mib, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	block := make([]byte, mib<<20)
	for i := 0; i < len(block); i += 4096 {
		block[i] = 1
	}
	if len(args) > 2 {
		mib, err := strconv.Atoi(args[1])
		if err != nil {
			return err
		}
		if err := os.WriteFile(args[2], make([]byte, mib<<20), 0o600); err != nil {
			return err
		}
	}
	fmt.Println("eaten")
	rest()
	fmt.Println(len(block)) // keeps it
	return nil
}

// worker sends lines back. "flood N" brings N numbered lines, "complain" a line
// on stderr and "die N" exit code N.
func worker() error {
	out := bufio.NewWriter(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		switch {
		case len(words) == 2 && words[0] == "flood":
			n, err := strconv.Atoi(words[1])
			if err != nil {
				return err
			}
			for i := range n {
				fmt.Fprintf(out, "line %d of a flood that fills some forty bytes\n", i)
			}
		case len(words) == 2 && words[0] == "burn":
			if err := burn(words[1]); err != nil {
				return err
			}
		case len(words) == 1 && words[0] == "complain":
			fmt.Fprintln(os.Stderr, "complaint")
		case len(words) == 2 && words[0] == "die":
			out.Flush()
			code, err := strconv.Atoi(words[1])
			if err != nil {
				return err
			}
			os.Exit(code)
		default:
			fmt.Fprintln(out, lines.Text())
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	return lines.Err()
}
