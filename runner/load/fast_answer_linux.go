package load

import (
	"bytes"
	"errors"
	"math"
	"net/http"
)

// maxChunkLine bounds the line that tells a chunk's length, in bytes.
const maxChunkLine = 4 << 10

var errMalformed = errors.New("the answer is not HTTP/1.1")

var _ answerReader = (*answer)(nil)

// answer reads an answer as it comes, piece by piece, and keeps of it what a
// Shot needs. It is the strict half of what net/http accepts: obsolete folded
// header lines are malformed. The zero value is ready after reset.
type answer struct {
	names *names
	line  []byte // what has come of an unfinished line
	part  part
	head  int   // bytes of heads, chunk lines and trailers may not exceed maxHead
	left  int64 // of the body or the chunk
	// of the request
	toHEAD bool

	status           int
	body             int64 // bytes, without the framing of chunks
	server, servedBy string
	old              bool // HTTP/1.0
	length           int64
	chunked          bool
	closes, stays    bool // what the Connection header says
}

// part is where in an answer the next byte belongs.
type part uint8

const (
	statusLine part = iota
	headerLine
	fixedBody
	endlessBody // ends with the connection
	chunkLine
	chunkBody
	chunkEnd
	trailerLine
	answered
)

// unknown is the length of a body that no header tells.
const unknown = -1

// reset implements answerReader.
func (a *answer) reset(to *message) { a.expect(to.request.Method == http.MethodHead) }

// expect makes it expect the answer to a new request.
func (a *answer) expect(toHEAD bool) {
	*a = answer{names: a.names, line: a.line[:0], toHEAD: toHEAD, length: unknown}
}

// closing reports whether the connection ends with a complete answer.
func (a *answer) closing() bool { return a.closes || a.old && !a.stays }

func (a *answer) answered() bool { return a.part == answered }

func (a *answer) received() int64 { return a.body }

// result implements answerReader.
func (a *answer) result(shot *Shot) after {
	shot.Status, shot.BodyIn, shot.Server, shot.ServedBy = a.status, a.body, a.server, a.servedBy
	if a.status >= 400 {
		shot.Failure = BadStatus
	}
	switch {
	case a.status == http.StatusSwitchingProtocols:
		return dropping
	case a.closing():
		return leaving
	}
	return keeping
}

// feed implements answerReader.
func (a *answer) feed(p []byte) (used int, err error) {
	for used < len(p) && a.part != answered {
		rest := p[used:]
		switch a.part {
		case fixedBody, chunkBody, endlessBody:
			n := len(rest)
			if a.part != endlessBody {
				n = int(min(int64(n), a.left))
				a.left -= int64(n)
			}
			a.body += int64(n)
			used += n
			switch {
			case a.left > 0 || a.part == endlessBody:
			case a.part == fixedBody:
				a.part = answered
			default:
				a.part = chunkEnd
			}
		default:
			n := bytes.IndexByte(rest, '\n') + 1
			whole := n > 0
			if !whole {
				n = len(rest)
			}
			used += n
			if err := a.text(rest[:n], whole); err != nil {
				return used, err
			}
		}
	}
	return used, nil
}

// text takes in (the end of) a line, or a part of one.
func (a *answer) text(p []byte, whole bool) error {
	if a.part != chunkLine && a.part != chunkEnd {
		if a.head += len(p); a.head > maxHead {
			return errHeadTooLong
		}
	} else if len(a.line)+len(p) > maxChunkLine {
		return errMalformed
	}
	if !whole || len(a.line) > 0 {
		a.line = append(a.line, p...)
		p = a.line
	}
	if !whole {
		return nil
	}
	err := a.take(bytes.TrimSuffix(p[:len(p)-1], []byte{'\r'}))
	a.line = a.line[:0]
	return err
}

// take takes in a whole line, without its end.
func (a *answer) take(line []byte) error {
	switch a.part {
	case statusLine:
		return a.takeStatus(line)
	case headerLine:
		if len(line) == 0 {
			a.endHead()
			return nil
		}
		return a.takeHeader(line)
	case chunkLine:
		return a.takeChunkLength(line)
	case chunkEnd:
		if len(line) != 0 {
			return errMalformed
		}
		a.part = chunkLine
	case trailerLine:
		if len(line) == 0 {
			a.part = answered
		} else if _, _, ok := field(line); !ok {
			return errMalformed
		}
	}
	return nil
}

func (a *answer) takeStatus(line []byte) error {
	const version = len("HTTP/1.1")
	if len(line) < len("HTTP/1.1 200") || string(line[:version-1]) != "HTTP/1." || line[version-1] > '1' || line[version-1] < '0' ||
		line[version] != ' ' || len(line) > version+4 && line[version+4] != ' ' {
		return errMalformed
	}
	status := 0
	for _, digit := range line[version+1 : version+4] {
		if digit < '0' || digit > '9' {
			return errMalformed
		}
		status = status*10 + int(digit-'0')
	}
	if status < 100 {
		return errMalformed
	}
	a.status, a.old, a.part = status, line[version-1] == '0', headerLine
	return nil
}

// field splits a header line.
func field(line []byte) (name, value []byte, ok bool) {
	name, value, ok = bytes.Cut(line, []byte{':'})
	if !ok || len(name) == 0 || bytes.IndexByte(name, ' ') >= 0 || bytes.IndexByte(name, '\t') >= 0 {
		return nil, nil, false
	}
	return name, trim(value), true
}

// trim cuts off the optional white space of a header. That of package bytes
// takes a tenth of the time that this program spends on a request.
func trim(text []byte) []byte {
	blank := func(c byte) bool { return c == ' ' || c == '\t' }
	for len(text) > 0 && blank(text[0]) {
		text = text[1:]
	}
	for len(text) > 0 && blank(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	return text
}

func (a *answer) takeHeader(line []byte) error {
	name, value, ok := field(line)
	if !ok {
		return errMalformed
	}
	switch {
	case is(name, "content-length"):
		n, ok := number(value, 10)
		if !ok || a.length != unknown && a.length != n {
			return errMalformed
		}
		a.length = n
	case is(name, "transfer-encoding"):
		if a.old {
			return nil // it has none
		}
		if !is(value, "chunked") || a.chunked {
			return errMalformed
		}
		a.chunked = true
	case is(name, "connection"):
		for len(value) > 0 {
			var token []byte
			token, value, _ = bytes.Cut(value, []byte{','})
			token = trim(token)
			a.closes = a.closes || is(token, "close")
			a.stays = a.stays || is(token, "keep-alive")
		}
	case is(name, "server"):
		if a.server == "" {
			a.server = a.names.of(value)
		}
	case is(name, "x-served-by"):
		if a.servedBy == "" {
			a.servedBy = a.names.of(value)
		}
	}
	return nil
}

// endHead decides what follows a head.
func (a *answer) endHead() {
	const switching, noContent, notModified = 101, 204, 304
	switch {
	case a.status < 200 && a.status != switching:
		head := a.head
		a.expect(a.toHEAD)
		a.head = head
	case a.toHEAD, a.status == switching, a.status == noContent, a.status == notModified:
		a.part = answered
	case a.chunked:
		a.part = chunkLine
	case a.length == 0:
		a.part = answered
	case a.length == unknown:
		a.part, a.closes = endlessBody, true
	default:
		a.part, a.left = fixedBody, a.length
	}
}

func (a *answer) takeChunkLength(line []byte) error {
	size, _, _ := bytes.Cut(line, []byte{';'})
	n, ok := number(trim(size), 16)
	if !ok {
		return errMalformed
	}
	a.part, a.left = chunkBody, n
	if n == 0 {
		a.part = trailerLine
	}
	return nil
}

// end implements answerReader.
func (a *answer) end() bool {
	if a.part == endlessBody {
		a.part = answered
	}
	return a.part == answered
}

// is compares regardless of case; lower has lower case.
func is(text []byte, lower string) bool {
	if len(text) != len(lower) {
		return false
	}
	for i, c := range text {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// number reads digits and nothing else; it is not ok beyond an int64.
func number(digits []byte, base int64) (n int64, ok bool) {
	for _, c := range digits {
		var d int64
		switch {
		case '0' <= c && c <= '9':
			d = int64(c - '0')
		case base == 16 && 'a' <= c|0x20 && c|0x20 <= 'f':
			d = int64(c|0x20-'a') + 10
		default:
			return 0, false
		}
		if n > (math.MaxInt64-d)/base {
			return 0, false
		}
		n = n*base + d
	}
	return n, len(digits) > 0
}

// names keeps the values of headers that come with every answer, so that they
// are made into strings once.
type names struct{ known map[string]string }

func (n *names) of(value []byte) string {
	if name, ok := n.known[string(value)]; ok {
		return name
	}
	name := string(value)
	if n.known == nil {
		n.known = map[string]string{}
	}
	if len(n.known) < maxServers {
		n.known[name] = name
	}
	return name
}
