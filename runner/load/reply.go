package load

import (
	"errors"
	"fmt"
)

// Reply says how the answer to a payload ends and what it has to hold. At most
// one of Until, Length and Close is given. Of none, the answer is as long as
// Expect; without that, too, no answer is awaited.
//
// A request without an answer is done when its payload has been handed to the
// system, and on a connection of its own the end of what is sent as well.
type Reply struct {
	// Until ends the answer, and is part of it.
	Until []byte `json:"until,omitempty"`
	// Length is how many bytes the answer has.
	Length int64 `json:"length,omitempty"`
	// Close says that the answer ends when the server closes the connection.
	Close bool `json:"close,omitempty"`
	// Expect has to be somewhere in the answer, else the request has failed
	// as Unexpected.
	Expect []byte `json:"expect,omitempty"`
}

// check says what is wrong with a reply, if anything.
func (r Reply) check(keepAlive bool) error {
	ends := 0
	for _, given := range []bool{len(r.Until) > 0, r.Length != 0, r.Close} {
		if given {
			ends++
		}
	}
	switch {
	case ends > 1:
		return errors.New("the answer ends in more than one way: give a delimiter, a length or the close, not several")
	case r.Length < 0:
		return fmt.Errorf("an answer of %d bytes: its length must be above zero", r.Length)
	case r.Length > 0 && int64(len(r.Expect)) > r.Length:
		return fmt.Errorf("an answer of %d bytes cannot hold the %d expected", r.Length, len(r.Expect))
	case r.Close && keepAlive:
		return errors.New("an answer that ends with its connection does not leave one to keep")
	}
	return nil
}

// awaited reports whether there is an answer to wait for.
func (r Reply) awaited() bool {
	return len(r.Until) > 0 || r.Length > 0 || r.Close || len(r.Expect) > 0
}

// reader returns what reads such answers.
func (r Reply) reader() *replyReader {
	out := &replyReader{until: newPattern(r.Until), expect: newPattern(r.Expect), length: r.Length, close: r.Close}
	if len(r.Until) == 0 && r.Length == 0 && !r.Close {
		out.brief = true
	}
	return out
}

var _ answerReader = (*replyReader)(nil)

// replyReader reads an answer over TCP as it comes, and keeps nothing of it
// but how far it has got. It is ready after reset.
type replyReader struct {
	until, expect *pattern // nil: none
	length        int64
	close         bool
	// brief says that the answer is to be expect and no more. What cannot
	// become that ends it, because a shorter one would never end.
	brief bool

	body     int64
	over     bool
	delimits int // of until, how much the answer ends with so far
	matches  int // the same of expect
	found    bool
}

// reset implements answerReader.
func (r *replyReader) reset(*message) {
	r.body, r.over, r.delimits, r.matches = 0, false, 0, 0
	r.found = r.expect == nil
}

// feed implements answerReader. Nothing that comes is malformed.
func (r *replyReader) feed(p []byte) (used int, err error) {
	if r.over {
		return 0, nil
	}
	switch {
	case r.brief:
		return r.compare(p), nil
	case r.until != nil:
		used, r.over = r.until.find(p, &r.delimits)
	case r.close:
		used = len(p)
	default:
		used = int(min(int64(len(p)), r.length-r.body))
		r.over = r.body+int64(used) == r.length
	}
	r.body += int64(used)
	if !r.found {
		_, r.found = r.expect.find(p[:used], &r.matches)
	}
	return used, nil
}

// compare takes in what is to be as expected, up to the first byte that is not.
// Where nothing is, no answer is awaited, and there is none to end.
func (r *replyReader) compare(p []byte) (used int) {
	for _, c := range p {
		if r.over || r.expect == nil {
			break
		}
		used++
		r.found = c == r.expect.bytes[r.body]
		r.body++
		r.over = !r.found || r.body == int64(len(r.expect.bytes))
	}
	return used
}

func (r *replyReader) answered() bool { return r.over }

// end implements answerReader.
func (r *replyReader) end() bool {
	r.over = r.over || r.close
	return r.over
}

func (r *replyReader) received() int64 { return r.body }

// result implements answerReader.
func (r *replyReader) result(shot *Shot) after {
	shot.BodyIn = r.body
	if !r.found {
		shot.Failure = Unexpected
	}
	if r.close || r.brief && !r.found {
		return dropping
	}
	return keeping
}

// pattern finds bytes in what comes piece by piece, by the algorithm of Knuth,
// Morris and Pratt (SIAM Journal on Computing 6(2), 1977): no byte is looked
// at twice, so none has to be kept.
type pattern struct {
	bytes []byte
	// border[n] is how many bytes the first n+1 both begin and end with, at
	// most n.
	border []int
}

// newPattern returns nil for no bytes.
func newPattern(bytes []byte) *pattern {
	if len(bytes) == 0 {
		return nil
	}
	p := &pattern{bytes: bytes, border: make([]int, len(bytes))}
	for i, at := 1, 0; i < len(bytes); i++ {
		at = p.step(at, bytes[i])
		p.border[i] = at
	}
	return p
}

// step returns how much of the pattern is there after one more byte, when at
// of it were there before; at is less than all of it.
func (p *pattern) step(at int, c byte) int {
	for at > 0 && p.bytes[at] != c {
		at = p.border[at-1]
	}
	if p.bytes[at] == c {
		at++
	}
	return at
}

// find goes on looking in text and returns how much of it there is up to the
// end of the pattern, all of it if that has not come.
func (p *pattern) find(text []byte, at *int) (used int, found bool) {
	for i, c := range text {
		if *at = p.step(*at, c); *at == len(p.bytes) {
			return i + 1, true
		}
	}
	return len(text), false
}
