// Package segments counts the pieces that a text costs on the air. It knows
// the two alphabets of SMS and nothing of providers or prices.
package segments

import (
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The encodings of SMS.
const (
	GSM7 = "GSM-7" // GSM 03.38, seven bits a unit
	UCS2 = "UCS-2" // UTF-16, two octets a unit
)

// What fits in a message of one piece, and in each piece of a longer one,
// whose header takes six octets.
const (
	gsmSingle, gsmPart = 160, 153
	ucsSingle, ucsPart = 70, 67
)

// The GSM 03.38 default alphabet, without the escape character, and the
// characters of its extension table, each of which costs two units.
const (
	gsmBasic    = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtended = "\f^{}\\[~]|€"
)

// gsmUnits is what each character of GSM-7 costs.
var gsmUnits = func() map[rune]int {
	units := make(map[rune]int, 140)
	for _, r := range gsmBasic {
		units[r] = 1
	}
	for _, r := range gsmExtended {
		units[r] = 2
	}
	return units
}()

// Result is what a text costs.
type Result struct {
	// Encoding is GSM7 or UCS2.
	Encoding string
	// Units are septets in GSM-7 and UTF-16 code units in UCS-2.
	Units int
	// Segments is the number of pieces; an empty text has none.
	Segments int
	// Offending are the characters that force UCS-2, each once, in the order
	// of their first appearance. Empty in GSM-7.
	Offending []Offender
}

// Offender is a character that GSM-7 does not have.
type Offender struct {
	Character string
	// Index of its first appearance, counted in code points.
	Index int
}

// Normalize returns the form in which texts are stored, counted and sent:
// NFC, so that an accent typed apart from its letter costs as much as together.
func Normalize(text string) string { return norm.NFC.String(text) }

// Count tells how a text would be encoded and in how many segments, as it is:
// call Normalize first. GSM-7 is used if and only if it has every character.
func Count(text string) Result {
	offending := offenders(text)
	if len(offending) == 0 {
		units, parts := pack(text, func(r rune) int { return gsmUnits[r] }, gsmSingle, gsmPart)
		return Result{Encoding: GSM7, Units: units, Segments: parts}
	}
	units, parts := pack(text, utf16Units, ucsSingle, ucsPart)
	return Result{Encoding: UCS2, Units: units, Segments: parts, Offending: offending}
}

func offenders(text string) []Offender {
	var found []Offender
	seen := map[rune]bool{}
	index := 0
	for _, r := range text {
		if _, known := gsmUnits[r]; !known && !seen[r] {
			seen[r] = true
			found = append(found, Offender{Character: string(r), Index: index})
		}
		index++
	}
	return found
}

func utf16Units(r rune) int {
	if r > 0xFFFF {
		return 2 // a surrogate pair
	}
	return 1
}

// pack counts units and the pieces that they fill. A character of two units,
// an escape or a surrogate pair, is never split over two pieces: it leaves the
// last unit of the first one empty.
func pack(text string, cost func(rune) int, single, part int) (units, parts int) {
	parts = min(1, utf8.RuneCountInString(text))
	free := part
	for _, r := range text {
		n := cost(r)
		units += n
		if free < n {
			parts++
			free = part
		}
		free -= n
	}
	if units <= single {
		parts = min(1, units)
	}
	return units, parts
}
