package load

import (
	"bytes"
	"testing"
)

// read is what a reply amounts to.
type read struct {
	body, used     int64
	complete, good bool
}

// readReply feeds text in pieces of the given length and ends the connection.
func readReply(r Reply, text []byte, piece int) read {
	in := r.reader()
	in.reset(nil)
	var got read
	for from := 0; from < len(text) && !in.answered(); from += piece {
		// Nothing that comes is malformed.
		n, _ := in.feed(text[from:min(len(text), from+piece)])
		got.used += int64(n)
	}
	got.complete, got.body = in.end(), in.received()
	var shot Shot
	if got.complete {
		in.result(&shot)
		got.good = shot.Failure == None
	}
	return got
}

func TestReply(t *testing.T) {
	b := func(s string) []byte { return []byte(s) }
	for name, c := range map[string]struct {
		reply Reply
		text  string
		want  read
	}{
		"expected":                   {Reply{Expect: b("OK")}, "OK", read{2, 2, true, true}},
		"expected, surplus":          {Reply{Expect: b("OK")}, "OK\n", read{2, 2, true, true}},
		"expected, half":             {Reply{Expect: b("OK\n")}, "OK", read{2, 2, false, false}},
		"something else":             {Reply{Expect: b("OK")}, "NO", read{1, 1, true, false}},
		"delimiter":                  {Reply{Until: b("\n")}, "ready\n", read{6, 6, true, true}},
		"delimiter, surplus":         {Reply{Until: b("\n")}, "a\nb\n", read{2, 2, true, true}},
		"long delimiter":             {Reply{Until: b("\r\n.\r\n")}, "a\r\n.\r\r\n.\r\n+", read{10, 10, true, true}},
		"delimiter that repeats":     {Reply{Until: b("aab")}, "aaab", read{4, 4, true, true}},
		"no delimiter":               {Reply{Until: b("\n")}, "ready", read{5, 5, false, false}},
		"delimiter, expected":        {Reply{Until: b("\n"), Expect: b("OK")}, "1 OK 2\n", read{7, 7, true, true}},
		"delimiter, not so":          {Reply{Until: b("\n"), Expect: b("OK")}, "ERROR\n", read{6, 6, true, false}},
		"delimiter, expected behind": {Reply{Until: b("\n"), Expect: b("OK")}, "ERROR\nOK\n", read{6, 6, true, false}},
		"delimiter is expected":      {Reply{Until: b("\n"), Expect: b("K\n")}, "OK\n", read{3, 3, true, true}},
		"length":                     {Reply{Length: 4}, "\x00\x01\x02\x03\x04", read{4, 4, true, true}},
		"length, short":              {Reply{Length: 4}, "abc", read{3, 3, false, false}},
		"length, expected":           {Reply{Length: 4, Expect: b("cd")}, "abcd", read{4, 4, true, true}},
		"length, not so":             {Reply{Length: 4, Expect: b("cd")}, "abdc", read{4, 4, true, false}},
		"close":                      {Reply{Close: true}, "all of it", read{9, 9, true, true}},
		"close, expected":            {Reply{Close: true, Expect: b("of")}, "all of it", read{9, 9, true, true}},
		"close, not so":              {Reply{Close: true, Expect: b("if")}, "all of it", read{9, 9, true, false}},
		"close at once":              {Reply{Close: true}, "", read{0, 0, true, true}},
	} {
		t.Run(name, func(t *testing.T) {
			for piece := 1; piece <= max(1, len(c.text)); piece++ {
				if got := readReply(c.reply, []byte(c.text), piece); got != c.want {
					t.Fatalf("in pieces of %d: %+v, want %+v", piece, got, c.want)
				}
			}
		})
	}
}

func TestReplyThatCannotBeAwaited(t *testing.T) {
	for name, c := range map[string]struct {
		reply     Reply
		keepAlive bool
	}{
		"two ends":        {Reply{Until: []byte("\n"), Length: 1}, false},
		"close and until": {Reply{Until: []byte("\n"), Close: true}, false},
		"negative length": {Reply{Length: -1}, false},
		"too short":       {Reply{Length: 1, Expect: []byte("OK")}, false},
		"close and keep":  {Reply{Close: true}, true},
	} {
		if err := c.reply.check(c.keepAlive); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if err := (Reply{}).check(true); err != nil || (Reply{}).awaited() {
		t.Errorf("no answer: %v", err)
	}
}

// FuzzReply holds every way to end an answer to what package bytes finds in
// the whole text, however it is cut.
func FuzzReply(f *testing.F) {
	f.Add([]byte("ready\nOK\n"), []byte("\n"), 0, false, []byte("OK"), 2)
	f.Add([]byte("abcdabcdabe"), []byte("abcdabe"), 0, false, []byte("da"), 1)
	f.Add([]byte("OK"), []byte(nil), 0, false, []byte("OK"), 1)
	f.Add([]byte("1234"), []byte(nil), 3, false, []byte("3"), 1)
	f.Add([]byte("all of it"), []byte(nil), 0, true, []byte("of"), 4)
	f.Fuzz(func(t *testing.T, text, until []byte, length int, untilClose bool, expect []byte, piece int) {
		r := Reply{Until: until, Length: int64(length), Close: untilClose, Expect: expect}
		if r.check(false) != nil {
			return
		}
		got := readReply(r, text, max(1, piece))
		if want := naively(r, text); got != want {
			t.Fatalf("%+v of %q: %+v, want %+v", r, text, got, want)
		}
	})
}

// naively reads a reply whose text is there as a whole.
func naively(r Reply, text []byte) read {
	end, complete := len(text), r.Close
	switch at := bytes.Index(text, r.Until); {
	case len(r.Until) > 0:
		if complete = at >= 0; complete {
			end = at + len(r.Until)
		}
	case r.Length > 0:
		if complete = int64(end) >= r.Length; complete {
			end = int(r.Length)
		}
	case r.Close:
	case !r.awaited():
		end = 0
	default:
		end = 0
		for end < len(text) && !complete {
			end++
			complete = end == len(r.Expect) || text[end-1] != r.Expect[end-1]
		}
	}
	n := int64(end)
	return read{n, n, complete, complete && bytes.Contains(text[:end], r.Expect)}
}
