package load

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"testing"
)

// parsed is what an answer amounts to.
type parsed struct {
	status           int
	body             int64
	server, servedBy string
	used             int
	complete, closes bool
	malformed        bool
}

// parse feeds text in pieces of the given length and ends the connection.
func parse(text []byte, piece int, toHEAD bool) parsed {
	a := answer{names: &names{}}
	a.expect(toHEAD)
	var p parsed
	for from := 0; from < len(text) && a.part != answered; from += piece {
		n, err := a.feed(text[from:min(len(text), from+piece)])
		p.used += n
		if err != nil {
			return parsed{malformed: true}
		}
	}
	p.complete = a.end()
	p.status, p.body, p.server, p.servedBy, p.closes = a.status, a.body, a.server, a.servedBy, a.closing()
	return p
}

const ok = "HTTP/1.1 200 OK\r\n"

func TestAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		toHEAD bool
		want   parsed
	}{
		"length":         {ok + "Server: s/1 \r\ncontent-length: 3\r\nX-Served-By: web-1\r\n\r\nabc+", false, parsed{status: 200, body: 3, server: "s/1", servedBy: "web-1", complete: true}},
		"short":          {ok + "Content-Length: 3\r\n\r\nab", false, parsed{status: 200, body: 2}},
		"chunks":         {ok + "Transfer-Encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n", false, parsed{status: 200, body: 13, complete: true}},
		"chunks, length": {ok + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false, parsed{status: 200, complete: true}},
		"until close":    {ok + "\r\nabc", false, parsed{status: 200, body: 3, complete: true, closes: true}},
		"close":          {ok + "Connection: x, Close\r\nContent-Length: 0\r\n\r\n", false, parsed{status: 200, complete: true, closes: true}},
		"1.0":            {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false, parsed{status: 200, complete: true, closes: true}},
		"1.0 kept":       {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", false, parsed{status: 200, complete: true}},
		"HEAD":           {ok + "Content-Length: 3\r\n\r\n", true, parsed{status: 200, complete: true}},
		"204":            {"HTTP/1.1 204\r\n\r\n", false, parsed{status: 204, complete: true}},
		"304":            {"HTTP/1.1 304 Not Modified\nContent-Length: 3\n\n", false, parsed{status: 304, complete: true}},
		"hints":          {"HTTP/1.1 103 Early Hints\r\nServer: no\r\n\r\n" + ok + "Content-Length: 0\r\n\r\n", false, parsed{status: 200, complete: true}},
		"switching":      {"HTTP/1.1 101 Switching\r\n\r\n", false, parsed{status: 101, complete: true}},
		"SSH":            {"SSH-2.0-OpenSSH_9\r\n", false, parsed{malformed: true}},
		"2.0":            {"HTTP/2.0 200 OK\r\n\r\n", false, parsed{malformed: true}},
		"status":         {"HTTP/1.1 2x0 OK\r\n\r\n", false, parsed{malformed: true}},
		"long status":    {"HTTP/1.1 2000 OK\r\n\r\n", false, parsed{malformed: true}},
		"no colon":       {ok + "no colon\r\n\r\n", false, parsed{malformed: true}},
		"folded":         {ok + "A: b\r\n c: d\r\n\r\n", false, parsed{malformed: true}},
		"two lengths":    {ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", false, parsed{malformed: true}},
		"signed length":  {ok + "Content-Length: +1\r\n\r\n", false, parsed{malformed: true}},
		"huge length":    {ok + "Content-Length: 9223372036854775808\r\n\r\n", false, parsed{malformed: true}},
		"gzip":           {ok + "Transfer-Encoding: gzip\r\n\r\n", false, parsed{malformed: true}},
		"no chunk":       {ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", false, parsed{malformed: true}},
		"chunk overruns": {ok + "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", false, parsed{malformed: true}},
	} {
		t.Run(name, func(t *testing.T) {
			for piece := 1; piece <= len(c.text); piece++ {
				got := parse([]byte(c.text), piece, c.toHEAD)
				got.used = 0
				if got != c.want {
					t.Fatalf("in pieces of %d: %+v, want %+v", piece, got, c.want)
				}
			}
		})
	}
}

// FuzzAnswer holds the parser to two rules: how the bytes are cut changes
// nothing, and what it finds complete net/http reads as the same answer.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(ok+"Server: s\r\nContent-Length: 3\r\n\r\nabcHTTP"), 2, false)
	f.Add([]byte(ok+"Transfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nT: 1\r\n\r\n"), 1, false)
	f.Add([]byte("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.0 200 OK\r\n\r\nabc"), 5, true)
	f.Fuzz(func(t *testing.T, text []byte, piece int, toHEAD bool) {
		whole := parse(text, max(1, len(text)), toHEAD)
		if cut := parse(text, max(1, piece), toHEAD); cut != whole {
			t.Fatalf("in pieces of %d: %+v, at once: %+v", piece, cut, whole)
		}
		if whole.used > len(text) || whole.body > int64(whole.used) {
			t.Fatalf("%+v of %d bytes", whole, len(text))
		}
		if whole.malformed || !whole.complete {
			return
		}
		request := &http.Request{Method: http.MethodGet}
		if toHEAD {
			request.Method = http.MethodHead
		}
		r := bufio.NewReader(bytes.NewReader(text))
		for {
			theirs, err := http.ReadResponse(r, request)
			if err != nil {
				return // it looks at every header, we at those that matter
			}
			body, err := io.Copy(io.Discard, theirs.Body)
			if theirs.StatusCode < 200 && theirs.StatusCode != http.StatusSwitchingProtocols {
				continue
			}
			if theirs.StatusCode != whole.status || err == nil && body != whole.body {
				t.Fatalf("%+v, net/http: status %d, body %d", whole, theirs.StatusCode, body)
			}
			return
		}
	})
}
