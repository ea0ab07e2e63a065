package transcript

import (
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
)

// Format is the kind of file.
type Format string

// The formats.
const (
	Text Format = "text"
	JSON Format = "json"
	HTML Format = "html"
)

// ContentType is the kind of file for HTTP.
func (f Format) ContentType() string {
	switch f {
	case JSON:
		return "application/json"
	case HTML:
		return "text/html; charset=utf-8"
	}
	return "text/plain; charset=utf-8"
}

// Extension is how the name of such a file ends.
func (f Format) Extension() string {
	if f == Text {
		return "txt"
	}
	return string(f)
}

// Head is what is said of a conversation as a whole. Empty fields do not apply.
type Head struct {
	ID       uuid.UUID  `json:"id"`
	Subject  string     `json:"subject"`
	Status   string     `json:"status"`
	Channel  string     `json:"channel"`
	Address  string     `json:"channel_address"`
	Customer string     `json:"customer"`
	From     string     `json:"customer_address"`
	Queue    string     `json:"queue"`
	Assignee string     `json:"assignee"`
	Started  time.Time  `json:"started_at"`
	Closed   *time.Time `json:"closed_at"`
	ClosedBy string     `json:"closed_by"`
	Reason   string     `json:"close_reason"`
	// TimeZone is the zone that times are written in.
	TimeZone string `json:"time_zone"`
}

// Kind says what a line is.
type Kind string

// The kinds of lines.
const (
	// Received: the customer's words.
	Received Kind = "received"
	// Sent: the tenant's words to the customer.
	Sent Kind = "sent"
	// Event: what happened to the conversation.
	Event Kind = "event"
	// Note and SecretNote: what colleagues told each other.
	Note       Kind = "note"
	SecretNote Kind = "secret_note"
)

// Line is one thing that was said, or that happened.
type Line struct {
	ID   uuid.UUID `json:"id"`
	At   time.Time `json:"at"`
	Kind Kind      `json:"kind"`
	// Author is who said it; empty for an event.
	Author string `json:"author"`
	Text   string `json:"text"`
	// Status is what became of what was sent.
	Status   string    `json:"status"`
	Pictures []Picture `json:"pictures"`
}

// Picture is a picture that came with a message. It is named and not shown: a
// link to it would not outlive the file.
type Picture struct {
	Name        string `json:"name"`
	ContentType string `json:"content_type"`
	Bytes       int64  `json:"bytes"`
}

// Writer writes one transcript: the head, then the lines in their order.
type Writer interface {
	Head(Head) error
	Line(Line) error
	// Close ends the file; without it, the file is not whole.
	Close() error
}

// New begins a transcript in a language, a BCP 47 tag, with times of a zone.
func New(f Format, w io.Writer, language string, zone *time.Location) (Writer, error) {
	in := manner{wordsFor(language), zone}
	switch f {
	case Text:
		return &textWriter{w: w, manner: in}, nil
	case JSON:
		return &jsonWriter{w: w, zone: zone}, nil
	case HTML:
		return &htmlWriter{w: w, manner: in}, nil
	}
	return nil, fmt.Errorf("transcript: there is no format %q", f)
}

// manner is how people are written for.
type manner struct {
	words words
	zone  *time.Location
}

// moment writes a time so that it sorts, and can be read in any language.
func (m manner) moment(t time.Time) string { return t.In(m.zone).Format("2006-01-02 15:04:05") }

// field is a line of the head for people.
type field struct{ Name, Value string }

// fields are what of a head is worth a line.
func (m manner) fields(h Head) []field {
	var out []field
	add := func(name, value string) {
		if value != "" {
			out = append(out, field{name, oneLine(value)})
		}
	}
	add(m.words.Subject, h.Subject)
	add(m.words.Channel, named(h.Channel, h.Address))
	add(m.words.Customer, named(h.Customer, h.From))
	add(m.words.Queue, h.Queue)
	add(m.words.Assignee, h.Assignee)
	add(m.words.Status, m.words.status(h.Status))
	add(m.words.Started, m.moment(h.Started))
	if h.Closed != nil {
		add(m.words.Closed, m.moment(*h.Closed))
		add(m.words.ClosedBy, m.words.party(h.ClosedBy))
		add(m.words.Reason, h.Reason)
	}
	add(m.words.TimeZone, h.TimeZone)
	return out
}

// named joins a name with an address, unless they are the same.
func named(name, address string) string {
	switch {
	case name == "" || name == address:
		return address
	case address == "":
		return name
	}
	return name + " (" + address + ")"
}

// pictureText names a picture.
func (m manner) pictureText(p Picture) string {
	name := p.Name
	if name == "" {
		name = p.ContentType
	}
	text := m.words.Picture + ": " + oneLine(name)
	if p.Bytes > 0 {
		text += fmt.Sprintf(", %d kB", (p.Bytes+1023)/1024)
	}
	return text
}
