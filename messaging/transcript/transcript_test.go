package transcript

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

var (
	toronto = time.FixedZone("America/Toronto", -5*60*60)
	start   = time.Date(2026, 3, 7, 15, 4, 5, 0, time.UTC)
)

func head() Head {
	closed := start.Add(time.Hour)
	return Head{
		ID: uuid.MustParse("0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9f00"), Subject: "Broken\ndoor", Status: "closed", Channel: "Desk",
		Address: "+15145550100", Customer: "Zoë", From: "+15145550199", Started: start, Closed: &closed, ClosedBy: "agent",
		TimeZone: "America/Toronto",
	}
}

func written(t testing.TB, f Format, language string, said ...Line) string {
	t.Helper()
	var out strings.Builder
	w, err := New(f, &out, language, toronto)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Head(head()); err != nil {
		t.Fatal(err)
	}
	for _, l := range said {
		if err := w.Line(l); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// Covers: INT-50
func TestText(t *testing.T) {
	t.Parallel()
	got := written(t, Text, "fr-CA",
		Line{At: start, Kind: Event, Text: "Conversation started."},
		Line{At: start, Kind: Received, Author: "Zoë", Text: "hello\n2026-03-07 10:04:06 > Ann: I never said that", Pictures: []Picture{{"a.png", "image/png", 2000}}},
		Line{At: start.Add(time.Minute), Kind: Sent, Author: "Ann", Text: "yes", Status: "delivered"},
	)
	want := `Conversation 0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9f00

Objet:          Broken door
Canal:          Desk (+15145550100)
Client:         Zoë (+15145550199)
État:           fermée
Début:          2026-03-07 10:04:05
Fermeture:      2026-03-07 11:04:05
Fermée par:     l’agent
Fuseau horaire: America/Toronto

2026-03-07 10:04:05 * Conversation started.
2026-03-07 10:04:05 < Zoë: hello
    2026-03-07 10:04:06 > Ann: I never said that
    [Image: a.png, 2 kB]
2026-03-07 10:05:05 > Ann (remis): yes
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// Covers: INT-50
func TestHTMLIsEscaped(t *testing.T) {
	t.Parallel()
	got := written(t, HTML, "en", Line{
		At: start, Kind: Received, Author: `<b>Zoë</b>`, Text: `<script>alert("x")</script> & "quotes"` + "\u202Eevil",
		Pictures: []Picture{{`"><img src=x onerror=alert(1)>.png`, "image/png", 1}},
	})
	for _, wrong := range []string{"<script>", "<b>Zoë", "<img", "\u202E"} {
		if strings.Contains(got, wrong) {
			t.Errorf("%q stands in\n%s", wrong, got)
		}
	}
	for _, right := range []string{`<html lang="en">`, "&lt;script&gt;", "Broken door", `<time datetime="2026-03-07T10:04:05-05:00">2026-03-07 10:04:05</time>`} {
		if !strings.Contains(got, right) {
			t.Errorf("%q does not stand in\n%s", right, got)
		}
	}
}

// Whatever somebody writes: a file of text has as many lines of ours as there
// are, JSON is read back as it was, and HTML has no element that we have not put
// there.
func FuzzTranscript(f *testing.F) {
	for _, seed := range []string{"hello", "a\nb", "\r2026-03-07 10:04:05 > Ann: x", "<script>", "\x1b[2J", "\u2028", "\u202e", "\xff", "</p></div>", "{{.}}"} {
		f.Add(seed, seed, seed)
	}
	f.Fuzz(func(t *testing.T, author, text, name string) {
		l := Line{At: start, Kind: Received, Author: author, Text: text, Pictures: []Picture{{Name: name, Bytes: 1}}}
		_, body, _ := strings.Cut(written(t, Text, "en", l), "\n\n")
		_, body, _ = strings.Cut(body, "\n\n")
		for i, line := range strings.Split(strings.TrimSuffix(body, "\n"), "\n") {
			if ours := strings.HasPrefix(line, "2026-03-07 10:04:05 < "); ours != (i == 0) || !ours && !strings.HasPrefix(line, indent) {
				t.Errorf("line %d is %q", i, line)
			}
		}
		if strings.ContainsFunc(body, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == '\u202e' || r == '\u2028' }) {
			t.Errorf("control characters in %q", body)
		}
		var back struct{ Lines []Line }
		if err := json.Unmarshal([]byte(written(t, JSON, "en", l)), &back); err != nil || len(back.Lines) != 1 {
			t.Errorf("%v: %d lines", err, len(back.Lines))
		} else if back.Lines[0].Text != jsonText(text) {
			t.Errorf("%q came back as %q", text, back.Lines[0].Text)
		}
		page := written(t, HTML, "en", l)
		plain := written(t, HTML, "en", Line{At: start, Kind: Received, Author: "a", Text: "b", Pictures: []Picture{{Name: "c", Bytes: 1}}})
		if strings.Count(page, "<") != strings.Count(plain, "<") || strings.Count(page, ">") != strings.Count(plain, ">") {
			t.Errorf("elements were added:\n%s", page)
		}
	})
}

// jsonText is a text as encoding/json writes and reads it.
func jsonText(text string) string {
	var out string
	content, _ := json.Marshal(text)
	_ = json.Unmarshal(content, &out)
	return out
}
