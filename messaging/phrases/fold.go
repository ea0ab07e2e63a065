package phrases

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold is a text as it is searched and sorted: without accents and capitals,
// with single spaces. It does not depend on a language.
func Fold(text string) string {
	var out strings.Builder
	for _, r := range norm.NFKD.String(text) {
		if !unicode.Is(unicode.Mn, r) {
			out.WriteRune(r)
		}
	}
	folded := norm.NFKD.String(cases.Fold().String(out.String()))
	return strings.Join(strings.Fields(folded), " ")
}

// gramLength is how many characters of a text are one entry of the index.
const gramLength = 3

// grams are the stretches of three characters of folded texts, each once. A text
// ends with line breaks, which no folded text holds, so that every character
// begins an entry: one or two characters are found as the start of one.
func grams(folded ...string) []string {
	var out []string
	seen := map[string]bool{}
	for _, text := range folded {
		for _, g := range windows(text + strings.Repeat("\n", gramLength-1)) {
			if !seen[g] {
				seen[g] = true
				out = append(out, g)
			}
		}
	}
	return out
}

func windows(text string) []string {
	runes := []rune(text)
	var out []string
	for i := 0; i+gramLength <= len(runes); i++ {
		out = append(out, string(runes[i:i+gramLength]))
	}
	return out
}
