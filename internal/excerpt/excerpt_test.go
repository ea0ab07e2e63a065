package excerpt_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/trellishq/trellis/internal/excerpt"
)

func TestCut(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word ", 40) + "needle" + strings.Repeat(" word", 40)
	for name, c := range map[string]struct {
		text, want string
		terms      []string
		found      bool
		marked     []string
	}{
		"the start of a word":       {"Your order is ready", "Your order is ready", []string{"ord"}, true, []string{"ord"}},
		"not inside of a word":      {"Reorder it", "Reorder it", []string{"ord"}, false, nil},
		"capitals and accents":      {"L'ÉTÉ à Québec", "L'ÉTÉ à Québec", []string{"ete", "que"}, true, []string{"ÉTÉ", "Qué"}},
		"accents as marks":          {"Que\u0301bec", "Que\u0301bec", []string{"queb"}, true, []string{"Que\u0301b"}},
		"one sign for two letters":  {"the ﬁnal", "the ﬁnal", []string{"f"}, true, []string{"ﬁ"}},
		"the longest term":          {"orders", "orders", []string{"or", "order"}, true, []string{"order"}},
		"on one line":               {"a\r\nneedle\x00\tb", "a  needle b", []string{"needle"}, true, []string{"needle"}},
		"markup is text":            {"<b>needle</b>", "<b>needle</b>", []string{"needle"}, true, []string{"needle"}},
		"an emoji is no letter":     {"👍needle", "👍needle", []string{"needle"}, true, []string{"needle"}},
		"punctuation of all sorts":  {"«needle»…needle", "«needle»…needle", []string{"needle"}, true, []string{"needle", "needle"}},
		"around the match":          {long, "…word word needle word word word word…", []string{"needle"}, true, []string{"needle"}},
		"the start without a match": {long, "word word word word word word word word…", []string{"nothing"}, false, nil},
	} {
		got, found := excerpt.Cut(c.text, c.terms, 39)
		if name == "around the match" || name == "the start without a match" {
			if !strings.HasPrefix(c.want, "…") && got.Text[:20] != c.want[:20] || utf8.RuneCountInString(got.Text) > 41 {
				t.Errorf("%s: %q", name, got.Text)
			}
		} else if got.Text != c.want {
			t.Errorf("%s: %q, want %q", name, got.Text, c.want)
		}
		var marked []string
		for _, m := range got.Matches {
			marked = append(marked, string([]rune(got.Text)[m.Start:m.End]))
		}
		if found != c.found || !slices.Equal(marked, c.marked) {
			t.Errorf("%s: %v %q, want %v %q", name, found, marked, c.found, c.marked)
		}
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	got, found := excerpt.Number("+1 (514) 555-0199", []string{"555", "4555", "77"})
	if !found || !slices.Equal(got.Matches, []excerpt.Range{{9, 12}, {6, 12}}) {
		t.Errorf("got %v", got)
	}
	if _, found := excerpt.Number("ACME", []string{"", "acme"}); found {
		t.Error("a name is no number")
	}
}

// Whatever text and terms: the marks stand inside of the excerpt and cover
// something, one after the other.
func FuzzCut(f *testing.F) {
	f.Add("L'été à Québec\x00", "ete", 5)
	f.Add("ﬁ\u0301\ufffd\xff", "f", 1)
	f.Fuzz(func(t *testing.T, text, term string, limit int) {
		limit = 1 + max(limit, -limit)%300
		if limit <= 0 {
			return
		}
		got, found := excerpt.Cut(text, []string{excerpt.Fold(term), "a"}, limit)
		length, last := utf8.RuneCountInString(got.Text), 0
		if !utf8.ValidString(got.Text) || length > limit+2 {
			t.Fatalf("%q of %q", got.Text, text)
		}
		for _, m := range got.Matches {
			if m.Start < last || m.End <= m.Start || m.End > length {
				t.Fatalf("%v in %q", got.Matches, got.Text)
			}
			last = m.Start
		}
		if len(got.Matches) > 0 && !found {
			t.Fatal("matches and nothing found")
		}
	})
}
