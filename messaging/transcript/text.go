package transcript

import (
	"io"
	"strings"
	"unicode/utf8"
)

// marks stand before a line: from the customer, to him, what happened, and what
// is for colleagues.
var marks = map[Kind]string{Received: "<", Sent: ">", Event: "*", Note: "#", SecretNote: "#"}

// indent stands before what goes on from the line before. A line of ours begins
// with a digit, so nobody can write one by breaking his own.
const indent = "    "

type textWriter struct {
	w io.Writer
	manner
}

func (t *textWriter) write(parts ...string) error {
	_, err := io.WriteString(t.w, strings.Join(parts, ""))
	return err
}

// Head implements Writer.
func (t *textWriter) Head(h Head) error {
	if err := t.write(t.words.Title, " ", h.ID.String(), "\n\n"); err != nil {
		return err
	}
	fields := t.fields(h)
	width := 0
	for _, f := range fields {
		width = max(width, utf8.RuneCountInString(f.Name))
	}
	for _, f := range fields {
		pad := strings.Repeat(" ", width-utf8.RuneCountInString(f.Name))
		if err := t.write(f.Name, ": ", pad, f.Value, "\n"); err != nil {
			return err
		}
	}
	return t.write("\n")
}

// Line implements Writer.
func (t *textWriter) Line(l Line) error {
	said := lines(l.Text)
	first := t.moment(l.At) + " " + marks[l.Kind] + " "
	if l.Kind != Event {
		first += oneLine(l.Author)
		if state := t.words.state(l); state != "" {
			first += " (" + state + ")"
		}
		first += ": "
	}
	if err := t.write(first, said[0], "\n"); err != nil {
		return err
	}
	for _, more := range said[1:] {
		if err := t.write(indent, more, "\n"); err != nil {
			return err
		}
	}
	for _, p := range l.Pictures {
		if err := t.write(indent, "[", t.pictureText(p), "]\n"); err != nil {
			return err
		}
	}
	return nil
}

// Close implements Writer.
func (t *textWriter) Close() error { return nil }
