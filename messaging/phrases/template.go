package phrases

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// A placeholder stands between these: {{contact.first_name|there}}.
const (
	opening = "{{"
	closing = "}}"
	// escaped is how an opening is written that opens nothing.
	escaped = `\` + opening
)

// MaxPlaceholders bounds what one text can ask for.
const MaxPlaceholders = 50

// Template is a text with placeholders, understood. It is filled in one pass and
// holds no code: a value is text, whatever it looks like (rules D8-5).
type Template struct{ parts []part }

// part is a stretch of text, or a placeholder where it has a name.
type part struct {
	text string
	name string
	// fallback stands where there is no value; hasFallback tells an empty one
	// from none.
	fallback    string
	hasFallback bool
}

// Problem is what is wrong at one place of a text.
type Problem struct {
	// At is where, in characters from 0.
	At int
	// Placeholder is the name, where it has one that nobody knows.
	Placeholder string
	// Message says what is wrong, with the place.
	Message string
}

// nameForm is how names of placeholders look.
var nameForm = regexp.MustCompile(`^[a-z]+\.[a-z][a-z0-9_]{0,39}$`)

// Parse understands a text, or says everything that is wrong with it.
func Parse(content string) (Template, []Problem) {
	p := parser{rest: content}
	for p.rest != "" {
		p.next()
	}
	p.flush()
	if p.placeholders > MaxPlaceholders {
		p.problems = append(p.problems, Problem{Message: fmt.Sprintf("has %d placeholders; %d are allowed", p.placeholders, MaxPlaceholders)})
	}
	return Template{p.parts}, p.problems
}

// parser reads a text from the left to the right, and never goes back.
type parser struct {
	rest         string
	at           int // characters read
	text         strings.Builder
	parts        []part
	placeholders int
	problems     []Problem
}

// next reads one piece: a placeholder, an escape, or text up to either.
func (p *parser) next() {
	switch {
	case strings.HasPrefix(p.rest, escaped):
		p.text.WriteString(opening)
		p.skip(len(escaped))
	case strings.HasPrefix(p.rest, opening):
		p.placeholder()
	default:
		_, size := utf8.DecodeRuneInString(p.rest)
		p.text.WriteString(p.rest[:size])
		p.skip(size)
	}
}

func (p *parser) skip(bytes int) {
	p.at += utf8.RuneCountInString(p.rest[:bytes])
	p.rest = p.rest[bytes:]
}

// flush ends a stretch of text.
func (p *parser) flush() {
	if p.text.Len() > 0 {
		p.parts = append(p.parts, part{text: p.text.String()})
		p.text.Reset()
	}
}

func (p *parser) wrong(name, format string, args ...any) {
	p.problems = append(p.problems, Problem{p.at, name, fmt.Sprintf(format, args...) + fmt.Sprintf(" (at character %d)", p.at+1)})
}

func (p *parser) placeholder() {
	p.flush()
	inner, _, closed := strings.Cut(p.rest[len(opening):], closing)
	if !closed || strings.Contains(inner, opening) || strings.Contains(inner, "\n") {
		p.wrong("", "a placeholder is opened with %s and not closed with %s; write %s for the two characters", opening, closing, escaped)
		p.skip(len(opening))
		return
	}
	p.placeholders++
	name, fallback, hasFallback := strings.Cut(inner, "|")
	name = strings.TrimSpace(name)
	switch {
	case !nameForm.MatchString(name):
		p.wrong("", "%s is no name of a placeholder", opening+shorten(name)+closing)
	case !known(name):
		p.wrong(name, "there is no placeholder %s", opening+name+closing)
	default:
		p.parts = append(p.parts, part{name: name, fallback: strings.TrimSpace(fallback), hasFallback: hasFallback})
	}
	p.skip(len(opening) + len(inner) + len(closing))
}

// shorten keeps a message readable, whatever it quotes.
func shorten(text string) string {
	const most = 40
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most]) + "…"
}

// Placeholders are the names that the text asks for, each once, in their order.
func (t Template) Placeholders() []string {
	out := []string{}
	for _, p := range t.parts {
		if p.name != "" && !slices.Contains(out, p.name) {
			out = append(out, p.name)
		}
	}
	return out
}

// Render fills the placeholders. An empty value is none, and what stands behind
// the bar takes its place. missing are the names that have neither; they are
// left out of the text.
func (t Template) Render(values map[string]string) (text string, missing []string) {
	var out strings.Builder
	for _, p := range t.parts {
		switch value := values[p.name]; {
		case p.name == "":
			out.WriteString(p.text)
		case value != "":
			out.WriteString(value)
		case p.hasFallback:
			out.WriteString(p.fallback)
		case !slices.Contains(missing, p.name):
			missing = append(missing, p.name)
		}
	}
	return out.String(), missing
}
