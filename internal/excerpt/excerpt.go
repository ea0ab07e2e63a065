// Package excerpt cuts the part of a text that somebody has searched for, and
// says where the words stand in it. It compares as the index of the database
// does: without capitals and accents, from the start of a word. It makes no
// markup; whoever shows an excerpt escapes it as any other text.
package excerpt

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Range is a stretch of an excerpt, counted in code points.
type Range struct{ Start, End int }

// Excerpt is a part of a text, and where it holds what was searched for.
type Excerpt struct {
	Text    string
	Matches []Range
}

// ellipsis stands where something was cut.
const ellipsis = "…"

// Cut returns at most about limit code points of a text around the first match,
// on one line. Terms are folded already. It tells whether any was found.
func Cut(text string, terms []string, limit int) (Excerpt, bool) {
	runes := []rune(strings.Map(flatten, text))
	matches := find(runes, terms)
	if len(runes) <= limit {
		return Excerpt{string(runes), matches}, len(matches) > 0
	}
	from := 0
	if len(matches) > 0 {
		from = min(max(0, matches[0].Start-limit/4), len(runes)-limit)
	}
	until := min(from+limit, len(runes))
	out, moved := string(runes[from:until]), -from
	if from > 0 {
		out, moved = ellipsis+out, moved+1
	}
	if until < len(runes) {
		out += ellipsis
	}
	var inside []Range
	for _, m := range matches {
		if m.End <= until {
			inside = append(inside, Range{m.Start + moved, m.End + moved})
		}
	}
	return Excerpt{out, inside}, len(matches) > 0
}

// flatten puts a text on one line, and keeps what draws nothing out of it.
func flatten(r rune) rune {
	switch {
	case unicode.IsSpace(r):
		return ' '
	case unicode.IsControl(r), r == unicode.ReplacementChar:
		return -1
	}
	return r
}

// find returns where words begin with a term, the longest term for each word.
func find(runes []rune, terms []string) (out []Range) {
	word, ends := "", []int(nil) // what a word is compared as, and where each byte of it ends
	take := func() {
		best := 0
		for _, term := range terms {
			if len(term) > best && strings.HasPrefix(word, term) {
				best = len(term)
			}
		}
		if best > 0 {
			out = append(out, Range{ends[0] - 1, ends[best-1]})
		}
		word, ends = "", nil
	}
	for n, r := range runes {
		for _, f := range Fold(string(r)) {
			if separates(f) {
				take()
				continue
			}
			word += string(f)
			for range len(string(f)) {
				ends = append(ends, n+1)
			}
		}
	}
	take()
	return out
}

// Fold is a text as it is compared: decomposed, without accents, in small
// letters.
func Fold(text string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if r >= 0x0300 && r <= 0x036F {
			return -1
		}
		return r
	}, norm.NFKD.String(text)))
}

// separates tells what stands between words: the same as in h_words of the
// database.
func separates(r rune) bool {
	switch {
	case r <= 0x2F, r >= 0x3A && r <= 0x40, r >= 0x5B && r <= 0x60, r >= 0x7B && r <= 0xBF,
		r >= 0x2000 && r <= 0x206F, r >= 0x20A0 && r <= 0x20CF, r >= 0x2190 && r <= 0x2BFF, r >= 0x3000 && r <= 0x303F, r >= 0x1F000 && r <= 0x1FAFF:
		return true
	}
	return false
}

// Number returns a telephone number and where it holds digits that were searched
// for, and whether it does.
func Number(number string, terms []string) (Excerpt, bool) {
	out := Excerpt{Text: number}
	for _, term := range terms {
		if start, end, ok := digits(number, term); ok {
			out.Matches = append(out.Matches, Range{start, end})
		}
	}
	return out, len(out.Matches) > 0
}

// digits finds a run of digits in a number, whatever stands between them.
func digits(number, term string) (start, end int, ok bool) {
	var (
		plain  strings.Builder
		places []int
	)
	for n, r := range []rune(number) {
		if r >= '0' && r <= '9' {
			plain.WriteRune(r)
			places = append(places, n)
		}
	}
	at := strings.Index(plain.String(), term)
	if term == "" || at < 0 {
		return 0, 0, false
	}
	return places[at], places[at+len(term)-1] + 1, true
}
