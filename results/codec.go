package results

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxLine bounds one line of a log. An interval with six full histograms is
// well below 1 MiB.
const maxLine = 16 << 20

// Encoder writes lines as newline-delimited JSON objects, each with a "type".
type Encoder struct {
	w   io.Writer
	buf bytes.Buffer
}

// NewEncoder returns an encoder that writes each line with one Write.
func NewEncoder(w io.Writer) *Encoder { return &Encoder{w: w} }

// Encode writes one line.
func (e *Encoder) Encode(l Line) error {
	body, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("encode %s line: %w", l.lineType(), err)
	}
	e.buf.Reset()
	fmt.Fprintf(&e.buf, `{"type":%q`, l.lineType())
	if len(body) > 2 {
		e.buf.WriteByte(',')
	}
	e.buf.Write(body[1:])
	e.buf.WriteByte('\n')
	_, err = e.w.Write(e.buf.Bytes())
	return err
}

// SyntaxError says that a line could not be understood. Reading can go on
// with the next one.
type SyntaxError struct {
	Line int // from 1
	Err  error
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns the cause.
func (e *SyntaxError) Unwrap() error { return e.Err }

// CutError says that the last line has no end: whoever wrote it was cut off.
// What came before is whole.
type CutError struct {
	Line int // from 1
}

func (e *CutError) Error() string {
	return fmt.Sprintf("line %d: cut off before its end; what came before it is whole", e.Line)
}

// Decoder reads lines.
type Decoder struct {
	r    *bufio.Reader
	line int
}

// NewDecoder returns a decoder that reads from r.
func NewDecoder(r io.Reader) *Decoder { return &Decoder{r: bufio.NewReaderSize(r, 64<<10)} }

// Next returns the next line. At the end it returns io.EOF; for a line that
// is not understood a *SyntaxError, after which reading can go on; for a last
// line without an end a *CutError.
func (d *Decoder) Next() (Line, error) {
	for {
		text, err := d.read()
		if err != nil {
			return nil, err
		}
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		l, err := decode(text)
		if err != nil {
			return nil, &SyntaxError{Line: d.line, Err: err}
		}
		return l, nil
	}
}

func (d *Decoder) read() ([]byte, error) {
	var text []byte
	for {
		part, err := d.r.ReadSlice('\n')
		text = append(text, part...)
		switch {
		case err == nil:
			d.line++
			return text, nil
		case errors.Is(err, bufio.ErrBufferFull):
			if len(text) > maxLine {
				return nil, fmt.Errorf("line %d is longer than %d bytes: not a log of this program", d.line+1, maxLine)
			}
		case errors.Is(err, io.EOF) && len(text) > 0:
			d.line++
			return nil, &CutError{Line: d.line}
		default:
			return nil, err
		}
	}
}

func decode(text []byte) (Line, error) {
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(text, &head); err != nil {
		return nil, err
	}
	switch head.Type {
	case Ready{}.lineType():
		return decodeAs[Ready](text)
	case Interval{}.lineType():
		return decodeAs[Interval](text)
	case Final{}.lineType():
		return decodeAs[Final](text)
	case Sample{}.lineType():
		return decodeAs[Sample](text)
	case Event{}.lineType():
		return decodeAs[Event](text)
	case Warning{}.lineType():
		return decodeAs[Warning](text)
	case "":
		return nil, errors.New(`no "type"`)
	}
	return nil, fmt.Errorf("unknown type %q: written by a newer version?", head.Type)
}

func decodeAs[L Line](text []byte) (Line, error) {
	var l L
	if err := json.Unmarshal(text, &l); err != nil {
		return nil, err
	}
	return l, nil
}
