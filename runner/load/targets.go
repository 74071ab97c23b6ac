package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// ReadTargets reads a file of targets as vegeta has them, in its http format
// ("GET http://…", headers, "@body-file", a blank line) or its json format (an
// object on each line), as the first character tells. Each target becomes a
// request of weight 1, named by its method and path. headers and body are for
// targets without that header or without a body of their own.
//
// A job has one host: base is the scheme and host that all targets with an
// absolute URL share, or empty if none has one. A body file that is not
// absolute is looked for in the current directory.
func ReadTargets(text []byte, headers map[string]string, body []byte) (mix []Request, base string, err error) {
	next := vegeta.NewHTTPTargeter
	if bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		next = vegeta.NewJSONTargeter
	} else if err := checkLines(text); err != nil {
		return nil, "", err
	}
	// Vegeta's reader passes over a last line without an end.
	src := bytes.NewReader(append(bytes.Clone(text), '\n'))
	for targets := next(src, body, nil); ; {
		var target vegeta.Target
		err := targets.Decode(&target)
		if errors.Is(err, vegeta.ErrNoTargets) {
			break
		}
		place := fmt.Sprintf("target %d", len(mix)+1)
		if err != nil {
			return nil, "", fmt.Errorf("%s: %w", place, err)
		}
		request, host, err := requestOf(target, headers)
		if err != nil {
			return nil, "", fmt.Errorf("%s: %w", place, err)
		}
		switch {
		case base == "":
			base = host
		case host != "" && host != base:
			return nil, "", fmt.Errorf("%s is at %s, one before it at %s: all have to be at one host", place, host, base)
		}
		mix = append(mix, request)
	}
	if len(mix) == 0 {
		return nil, "", errors.New("no targets in it; write one such as GET http://localhost:8080/")
	}
	return mix, base, nil
}

// checkLines refuses a line that vegeta's reader would take for the end.
func checkLines(text []byte) error {
	number := 0
	for line := range bytes.Lines(text) {
		if number++; len(line) >= bufio.MaxScanTokenSize {
			return fmt.Errorf("line %d is longer than %d bytes", number, bufio.MaxScanTokenSize)
		}
	}
	return nil
}

// requestOf turns a target into a request and the scheme and host that it
// names, if any.
func requestOf(target vegeta.Target, headers map[string]string) (Request, string, error) {
	u, err := url.Parse(target.URL)
	if err != nil {
		return Request{}, "", err
	}
	host := ""
	if u.Host != "" {
		host = u.Scheme + "://" + u.Host
	}
	if u.User != nil {
		return Request{}, "", fmt.Errorf("URL %q: a user in it is not sent; write a header Authorization", u.Redacted())
	}
	r := Request{
		Name: target.Method + " " + u.RequestURI(), Method: target.Method, Path: u.RequestURI(),
		Headers: map[string]string{}, Body: target.Body, Weight: 1,
	}
	own := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(target.Header)) {
		canonical := http.CanonicalHeaderKey(name)
		if former, twice := own[canonical]; twice {
			return Request{}, "", fmt.Errorf("header %s is written %s, too", name, former)
		}
		own[canonical] = name
		separator := ", "
		if canonical == "Cookie" {
			separator = "; "
		}
		r.Headers[name] = strings.Join(target.Header[name], separator)
	}
	for name, value := range headers {
		if _, has := own[http.CanonicalHeaderKey(name)]; !has {
			r.Headers[name] = value
		}
	}
	return r, host, nil
}
