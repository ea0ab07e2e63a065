package telemetry

import (
	"regexp"
	"strings"
)

const mask = "•••"

// secretWords make an attribute's name sensitive wherever they occur in it.
var secretWords = []string{
	"authorization", "password", "passwd", "secret", "token", "cookie", "credential",
	"api_key", "apikey", "private_key", "master_key", "dsn",
}

// contentWords are the names of what people write to each other: sensitive as
// the last word of a name.
var contentWords = []string{"body", "text"}

// NamesSecret tells whether a name promises a secret: password_hash,
// hook_token. What is written down anywhere leaves out the value.
func NamesSecret(name string) bool {
	name = strings.ReplaceAll(strings.ToLower(name), "-", "_")
	for _, word := range secretWords {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

func isSensitive(key string) bool {
	if NamesSecret(key) {
		return true
	}
	key = strings.ReplaceAll(strings.ToLower(key), "-", "_")
	for _, word := range contentWords {
		if key == word || strings.HasSuffix(key, "_"+word) {
			return true
		}
	}
	return false
}

var (
	userinfo = regexp.MustCompile(`://[^\s/?#]*@`)
	bearer   = regexp.MustCompile(`(?i)\b(bearer|basic)[ +]+[a-z0-9._~+/=-]{8,}`)
)

// maskText removes from free text what must not be logged: telephone numbers,
// passwords in URLs and authorization headers.
func maskText(text string) string {
	if strings.Contains(text, "://") {
		text = userinfo.ReplaceAllString(text, "://"+mask+"@")
	}
	if len(text) > 12 { // shorter than a scheme and a credential
		text = bearer.ReplaceAllString(text, "$1 "+mask)
	}
	return MaskPhone(text)
}

// Bounds of a telephone number in text. Behind a plus, seven digits are enough;
// without one, fewer than ten are more likely a count or a date.
const (
	minDigitsAfterPlus = 7
	minDigitsBare      = 10
	maxDigits          = 15
)

// MaskPhone hides the middle of every telephone number in a text:
// +15145551234 becomes +1514•••1234 (rules.md D6-3). A number is a plus, also
// as %2B, and 7 to 15 digits that spaces, dots, dashes and parentheses may
// separate, or 10 to 15 bare digits that no letter touches. Ids and hexadecimal
// words stay as they are.
func MaskPhone(text string) string {
	var out strings.Builder
	copied := 0
	for i := 0; i < len(text); {
		number, ok := numberAt(text, i)
		if !ok {
			i = max(number.end, i+1)
			continue
		}
		out.WriteString(text[copied:number.start])
		out.WriteString(shorten(number.digits))
		copied, i = number.end, number.end
	}
	if copied == 0 {
		return text
	}
	out.WriteString(text[copied:])
	return out.String()
}

// found is a run of digits in a text and the part of the text it takes up.
type found struct {
	start, end int
	digits     string
}

// numberAt reads the telephone number that begins at i. If there is none, end
// is where to look next.
func numberAt(text string, i int) (found, bool) {
	start, plus := i, true
	switch {
	case text[i] == '+':
		start++
	case text[i] == '%' && len(text) > i+2 && text[i+1] == '2' && text[i+2]|0x20 == 'b':
		start += 3
	case isDigit(text[i]):
		plus = false
	default:
		return found{}, false
	}
	n := digitsFrom(text, start, false)
	if len(n.digits) > maxDigits {
		return n, false
	}
	if !plus {
		return n, len(n.digits) >= minDigitsBare && standsAlone(text, n)
	}
	// More digits than a number has belong to what follows it, unless the number
	// itself is in pieces.
	spaced := digitsFrom(text, start, true)
	if len(spaced.digits) <= maxDigits || len(n.digits) < minDigitsAfterPlus {
		n = spaced
	}
	return n, len(n.digits) >= minDigitsAfterPlus
}

// digitsFrom collects the digits from start. Separators count only between
// digits, and at most two of them in a row, as in ") ".
func digitsFrom(text string, start int, separators bool) found {
	n := found{start: start, end: start}
	var digits []byte
	for i := start; i < len(text) && i-n.end <= 2; i++ {
		switch {
		case isDigit(text[i]):
			digits = append(digits, text[i])
			n.end = i + 1
		case !separators || !strings.ContainsRune(" .-()", rune(text[i])):
			n.digits = string(digits)
			return n
		}
	}
	n.digits = string(digits)
	return n
}

// standsAlone tells whether bare digits are a word of their own and not a part
// of a UUID, a fraction or a name. An escape such as %3D may stand before them.
func standsAlone(text string, n found) bool {
	if n.end < len(text) && isLetter(text[n.end]) {
		return false
	}
	if n.start == 0 {
		return true
	}
	before := text[n.start-1]
	if n.start >= 3 && text[n.start-3] == '%' {
		return true
	}
	return before != '-' && before != '.' && !isLetter(before)
}

// shorten keeps the country and area and the last four digits of a number of
// eleven or more, less of a shorter one.
func shorten(digits string) string {
	head, tail := 4, 4
	switch {
	case len(digits) < minDigitsBare:
		head, tail = 2, 2
	case len(digits) == minDigitsBare:
		head = 3
	}
	return digits[:head] + mask + digits[len(digits)-tail:]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
