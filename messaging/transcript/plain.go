package transcript

import (
	"strings"
	"unicode"
)

// breaks are all that a viewer could take for the end of a line.
var breaks = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\v", "\n", "\f", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")

// lines are the lines of what somebody wrote, without what steers a terminal or
// turns around the text beside it.
func lines(text string) []string {
	return strings.Split(shown(breaks.Replace(text)), "\n")
}

// oneLine is a text on one line.
func oneLine(text string) string {
	return strings.Join(strings.Fields(shown(breaks.Replace(text))), " ")
}

// shown replaces control characters, and takes out those that turn the
// direction of writing beyond what they stand in. The marks that single letters
// need stay.
func shown(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r):
			return unicode.ReplacementChar
		case r >= '\u202A' && r <= '\u202E', r >= '\u2066' && r <= '\u2069':
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}
