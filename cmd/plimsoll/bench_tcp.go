package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/urfave/cli/v3"

	"plimsoll/runner/load"
)

// benchPayload reads what is to be sent over TCP, and what is to come back.
func benchPayload(cmd *cli.Command, job *load.Job) (target string, err error) {
	for _, name := range []string{"header", "method", "body", "targets"} {
		if cmd.IsSet(name) {
			return "", usageErrorf("--%s is for HTTP; what goes to tcp:// is --payload", name)
		}
	}
	if format := cmd.String("format"); format == "ab" || format == "vegeta" {
		return "", usageErrorf("--format %s counts what only HTTP has; use text, json or csv", format)
	}
	target = cmd.Args().First()
	u, err := url.Parse(target)
	switch {
	case err != nil:
		return "", usageErrorf("%v", err)
	case u.Hostname() == "" || u.Port() == "" || u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return "", usageErrorf("URL %s: not of the form tcp://host:port", u.Redacted())
	case !cmd.IsSet("payload"):
		return "", usageErrorf("tcp:// takes a --payload: what is to be sent, or @FILE")
	}
	request := load.Request{Weight: 1}
	if request.Name, request.Payload, err = benchContents(cmd.String("payload")); err != nil {
		return "", err
	}
	job.Targets, job.Mix = []string{target}, []load.Request{request}
	job.TCP = &load.Reply{Length: cmd.Int64("length")}
	if cmd.IsSet("length") && job.TCP.Length < 1 {
		return "", usageErrorf("--length %d: it must be above zero", job.TCP.Length)
	}
	if job.TCP.Expect, err = benchBytes(cmd, "expect"); err != nil {
		return "", err
	}
	if cmd.String("until") == "close" {
		job.TCP.Close = true
		return target, nil
	}
	job.TCP.Until, err = benchBytes(cmd, "until")
	return target, err
}

// benchContents returns a payload and what it is called.
func benchContents(given string) (name string, payload []byte, err error) {
	if file, ok := strings.CutPrefix(given, "@"); ok {
		if payload, err = os.ReadFile(file); err != nil {
			return "", nil, usageErrorf("--payload: %v", err)
		}
		return filepath.Base(file), payload, nil
	}
	if payload, err = unescape(given); err != nil {
		return "", nil, usageErrorf("--payload: %v", err)
	}
	return "payload", payload, nil
}

// benchBytes returns the bytes that a flag stands for.
func benchBytes(cmd *cli.Command, name string) ([]byte, error) {
	text, err := unescape(cmd.String(name))
	switch {
	case err != nil:
		return nil, usageErrorf("--%s: %v", name, err)
	case cmd.IsSet(name) && len(text) == 0:
		return nil, usageErrorf("--%s is empty; leave it out", name)
	}
	return text, nil
}

// unescape puts in the bytes that a command line cannot hold, or not easily.
func unescape(text string) ([]byte, error) {
	var out []byte
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			out = append(out, text[i])
			continue
		}
		rest := text[i+1:]
		letter := strings.IndexAny(rest, `nrt0\`)
		switch {
		case letter == 0:
			out = append(out, "\n\r\t\x00\\"[strings.IndexByte(`nrt0\`, rest[0])])
			i++
		case len(rest) >= 3 && rest[0] == 'x':
			n, err := strconv.ParseUint(rest[1:3], 16, 8)
			if err != nil {
				return nil, fmt.Errorf(`\%s is no byte; write two hexadecimal digits, such as \x03`, rest[:3])
			}
			out = append(out, byte(n))
			i += 3
		default:
			return nil, fmt.Errorf(`%q has a backslash that begins nothing; there are \n \r \t \0 \\ and \xHH`, text)
		}
	}
	return out, nil
}
