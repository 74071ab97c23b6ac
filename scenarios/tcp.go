package scenarios

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// mostPayload bounds a payload, in bytes: it is stored with every run.
const mostPayload = 1 << 20

// untilClose, as a delimiter, means the end of the connection.
const untilClose = "close"

// Reply says how the answer to a payload ends and what it has to hold, as
// load.Reply does.
type Reply struct {
	Until  string // a delimiter; empty: none
	Length int    // in bytes; 0: none
	Close  bool   // the server closes the connection
	Expect string // empty: anything
}

// Payload is what is sent over TCP as one kind of request.
type Payload struct {
	Name   string // the file's, unless another is given
	Bytes  []byte // at least one
	Weight int    // at least 1
}

// overTCP reads what a load sends over TCP, and how the answers end.
func (b *builder) overTCP(at string, in load, out *Load) {
	has := func(key string) bool { return b.contents.Has(at + "." + key) }
	switch {
	case has("payload") && has("payloads"):
		b.contents.AddKey(at+".payloads", "cannot be combined with payload; make it one more of the list")
	case has("payload"):
		// A file that could not be read has been noted.
		text, _ := b.payloadFile(at+".payload", in.Payload, `; for text write payloads: [{text: "…"}]`)
		out.Payloads = []Payload{{Name: in.Payload, Bytes: text, Weight: 1}}
	case has("payloads"):
		if b.contents.Sound(at+".payloads") && len(in.Payloads) == 0 {
			b.contents.Add(at+".payloads", "is empty; give at least one, such as {file: reading.xml}")
		}
		for i, p := range in.Payloads {
			out.Payloads = append(out.Payloads, b.payload(fmt.Sprintf("%s.payloads[%d]", at, i), i, p))
		}
	case b.whole(at):
		b.contents.Add(at, "has no payload; name the file that is sent, such as payload: reading.xml")
	}
	out.TCP = b.reply(at, in)
}

// reply reads how answers end, and sees to it that they can.
func (b *builder) reply(at string, in load) *Reply {
	has := func(key string) bool { return b.contents.Has(at + "." + key) }
	out := &Reply{Until: in.Until, Length: in.Length, Expect: in.Expect}
	if in.Until == untilClose {
		out.Until, out.Close = "", true
	}
	b.atLeastOne(at+".length", in.Length)
	for _, key := range []struct{ name, text, leave string }{
		{"until", in.Until, `a delimiter such as "\n", or close`},
		{"expect", in.Expect, "what every good answer holds, or leave it out"},
	} {
		if b.contents.Sound(at+"."+key.name) && key.text == "" {
			b.contents.Add(at+"."+key.name, "is empty; give %s", key.leave)
		}
	}
	switch {
	case has("until") && has("length"):
		b.contents.AddKey(at+".length", "is a second end of the answer beside until; leave one of them out")
	case out.Close && in.KeepAlive:
		b.contents.AddKey(at+".until", "close ends the connection with each answer; leave out keepalive")
	case in.Length > 0 && len(in.Expect) > in.Length:
		b.contents.AddKey(at+".expect", "has %d bytes, which an answer of %d cannot hold", len(in.Expect), in.Length)
	}
	return out
}

// payload reads one of several.
func (b *builder) payload(at string, i int, in payload) Payload {
	out := Payload{Name: in.Name, Weight: in.Weight}
	if !b.contents.Has(at + ".weight") {
		out.Weight = 1
	}
	b.atLeastOne(at+".weight", in.Weight)
	var given []string
	for _, key := range []string{"file", "text", "base64"} {
		if b.contents.Has(at + "." + key) {
			given = append(given, key)
		}
	}
	switch {
	case len(given) > 1:
		b.contents.Add(at, "has several contents: %s; make it as many payloads", strings.Join(given, ", "))
		return out
	case len(given) == 0:
		if b.whole(at) {
			b.contents.Add(at, "has no contents; give file, text or base64")
		}
		return out
	}
	if out.Name == "" {
		out.Name = fmt.Sprintf("payload %d", i+1)
		if in.File != "" {
			out.Name = in.File
		}
	}
	key := at + "." + given[0]
	if !b.contents.Sound(key) {
		return out
	}
	var err error
	switch given[0] {
	case "file":
		out.Bytes, _ = b.payloadFile(key, in.File, "")
		return out
	case "text":
		out.Bytes = []byte(in.Text)
	case "base64":
		if out.Bytes, err = base64.StdEncoding.DecodeString(in.Base64); err != nil {
			b.contents.Add(key, "is not base64: %v", err)
			return out
		}
	}
	b.checkPayload(key, out.Bytes)
	return out
}

// payloadFile reads a file beside the scenario; hint follows on that there is
// none. It is not ok where there was something to note.
func (b *builder) payloadFile(at, name, hint string) (text []byte, ok bool) {
	if !b.contents.Sound(at) {
		return nil, false
	}
	src, err := b.open(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		b.contents.Add(at, "there is no file %q; the path is relative to the scenario%s", name, hint)
	case err != nil:
		b.contents.Add(at, "%v", err)
	default:
		return src.Text, b.checkPayload(at, src.Text)
	}
	return nil, false
}

func (b *builder) checkPayload(at string, text []byte) bool {
	switch {
	case len(text) == 0:
		b.contents.Add(at, "is empty; there is nothing to send")
	case len(text) > mostPayload:
		b.contents.Add(at, "has %d bytes; a payload may have %d", len(text), mostPayload)
	default:
		return true
	}
	return false
}

// checkProtocol sees to it that a load has no key of another protocol, and that
// its target speaks its own in every environment.
func (b *builder) checkProtocol(at string, l Load) {
	if l.TCP != nil {
		for _, key := range []string{"redirects", "cookies", "http2"} {
			if b.contents.Has(at + "." + key) {
				b.contents.AddKey(at+"."+key, "belongs to a load over HTTP; leave it out")
			}
		}
	}
	if l.TCP == nil {
		for _, key := range []string{"payload", "payloads", "expect", "until", "length"} {
			if b.contents.Has(at + "." + key) {
				b.contents.AddKey(at+"."+key, "belongs to a load over TCP; add protocol: tcp")
			}
		}
	}
	if b.contents.Has(at + ".target") {
		if b.contents.Sound(at + ".target") {
			b.loadTarget(at+".target", l)
		}
		return
	}
	for _, e := range b.scenario.Environments {
		if b.contents.Sound("environments."+e.Name+".target") && protocolOf(e.Target) != l.protocol() && b.whole(at) {
			b.contents.Add(at, "is over %s, and the target of the environment %s is %s; give the load a target of its own, such as target: %s",
				strings.ToUpper(string(l.protocol())), e.Name, e.Target, l.protocol().example())
			return
		}
	}
}

// loadTarget checks a load's own target in all environments.
func (b *builder) loadTarget(at string, l Load) {
	if err := checkTarget(l.Target, nil); err != nil {
		b.contents.Add(at, "%v", err)
		return
	}
	if protocolOf(l.Target) != l.protocol() {
		b.contents.Add(at, "%q does not fit a load over %s; give one such as %s", l.Target, strings.ToUpper(string(l.protocol())), l.protocol().example())
		return
	}
	u, _ := url.Parse(l.Target) // has been parsed before
	for _, e := range b.scenario.Environments {
		if e.Topology == nil {
			continue
		}
		if err := checkTarget(l.Target, e.Topology); err != nil {
			b.contents.Add(at, "environment %s: %v", e.Name, err)
		}
		for _, scale := range b.scenario.Scales {
			if n, named := scale[u.Hostname()]; named && n == 0 {
				b.contents.Add(at, "the scale %s leaves no replica of it", scale)
			}
		}
	}
}

// protocolOf is the protocol of a target.
func protocolOf(target string) protocol {
	if strings.HasPrefix(target, "tcp:") {
		return tcp
	}
	return http1
}

// protocol is the load's own.
func (l Load) protocol() protocol {
	if l.TCP != nil {
		return tcp
	}
	return http1
}

func (p protocol) example() string {
	if p == tcp {
		return "tcp://gateway:6000"
	}
	return "http://web:8080"
}

// writeTCP puts in the reply and the payloads as a file has them.
func (l Load) writeTCP(out *load) {
	out.Protocol, out.Expect, out.Until, out.Length = tcp, l.TCP.Expect, l.TCP.Until, l.TCP.Length
	if l.TCP.Close {
		out.Until = untilClose
	}
	for _, p := range l.Payloads {
		each := payload{Name: p.Name, Weight: p.Weight}
		if isText(p.Bytes) {
			each.Text = string(p.Bytes)
		} else {
			each.Base64 = base64.StdEncoding.EncodeToString(p.Bytes)
		}
		out.Payloads = append(out.Payloads, each)
	}
}

// isText reports whether bytes survive being written as text.
func isText(text []byte) bool {
	return utf8.Valid(text) && !bytes.ContainsFunc(text, func(r rune) bool {
		return !unicode.IsPrint(r) && r != '\n' && r != '\t'
	})
}
