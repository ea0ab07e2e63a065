// Package phone owns what a telephone address looks like: numbers in E.164,
// short codes and alphanumeric senders (rules.md A2). It never repairs what it
// cannot read, and knows nothing of who holds a number.
package phone

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
)

// The reasons for which a number is refused. Their texts are fit for the user.
var (
	// ErrNotANumber is input that no telephone number can be read from.
	ErrNotANumber = errors.New("this is not a telephone number")
	// ErrNoCountry is a national number without a known country to read it in.
	ErrNoCountry = errors.New("this number needs its country code, as in +1 514 555 1234")
	// ErrImpossible is a number whose length is wrong for its country.
	ErrImpossible = errors.New("this number is too short or too long for its country")
)

// maxInput bounds what is parsed, in bytes; libphonenumber's own bound is 250.
const maxInput = 64

// Parse reads a number as people write it and returns it in E.164. A number
// without a plus is read as one of the default country, a code of two letters
// such as CA; "" demands the plus. Input with letters, an extension or another
// remainder is refused rather than cut (A2-1): the error is ErrNotANumber,
// ErrNoCountry or ErrImpossible.
//
// A number that is well formed but not given out is accepted: numbering plans
// change faster than tables, and the provider has the last word.
func Parse(input, defaultCountry string) (e164 string, err error) {
	input = strings.TrimSpace(input)
	if !isWritten(input) {
		return "", ErrNotANumber
	}
	region, ok := regionOf(input, defaultCountry)
	if !ok {
		return "", ErrNoCountry
	}
	e164, err = parse(input, region)
	if err != nil {
		return "", err
	}
	// Some impossible numbers lose a digit each time they are read; recipients
	// could then not be told apart (A2-3).
	if again, err := parse(e164, unknownRegion); err != nil || again != e164 {
		return "", ErrImpossible
	}
	return e164, nil
}

// unknownRegion is libphonenumber's word for a number with its country code.
const unknownRegion = "ZZ"

func parse(input, region string) (string, error) {
	number, err := phonenumbers.Parse(input, region)
	switch {
	case errors.Is(err, phonenumbers.ErrInvalidCountryCode):
		return "", ErrNoCountry
	case err != nil || number.GetExtension() != "":
		return "", ErrNotANumber
	case phonenumbers.IsPossibleNumberWithReason(number) != phonenumbers.IS_POSSIBLE:
		return "", ErrImpossible
	}
	e164 := phonenumbers.Format(number, phonenumbers.E164)
	if !IsE164(e164) {
		return "", ErrImpossible
	}
	return e164, nil
}

// isWritten tells whether the input has only what numbers are written with: a
// plus at its head, digits, spaces, dots, dashes, slashes and parentheses.
func isWritten(input string) bool {
	if len(input) > maxInput || !utf8.ValidString(input) {
		return false
	}
	digits := 0
	for i, r := range input {
		switch {
		case '0' <= r && r <= '9':
			digits++
		case r == '+' && i == 0:
		case strings.ContainsRune(" .-/()\u00a0\u2010\u2011\u2012\u2013", r):
		default:
			return false
		}
	}
	return digits > 0
}

// regionOf returns the country to read the input in; a number with a plus
// needs none.
func regionOf(input, country string) (string, bool) {
	if strings.HasPrefix(input, "+") {
		return unknownRegion, true
	}
	country = strings.ToUpper(country)
	return country, phonenumbers.GetCountryCodeForRegion(country) != 0
}

// IsCountry tells whether a code of two letters, such as CA, can be the default
// country of Parse.
func IsCountry(code string) bool {
	return len(code) == 2 && code == strings.ToUpper(code) && phonenumbers.GetCountryCodeForRegion(code) != 0
}

// CountryOf is the country, by ISO 3166-1, to which a number in E.164 belongs;
// empty for numbers of no country, and for what is no number.
func CountryOf(e164 string) string {
	if !IsE164(e164) {
		return ""
	}
	number, err := phonenumbers.Parse(e164, unknownRegion)
	if err != nil {
		return ""
	}
	region := phonenumbers.GetRegionCodeForNumber(number)
	if !IsCountry(region) {
		return ""
	}
	return region
}

// IsE164 tells whether the text is ^\+[1-9]\d{1,14}$ and nothing else. It does
// not ask whether the number exists.
func IsE164(text string) bool {
	return len(text) >= 3 && len(text) <= 16 && text[0] == '+' && text[1] != '0' && allDigits(text[1:])
}

// IsShortCode tells whether the text is 3 to 8 digits (A2-2).
func IsShortCode(text string) bool {
	return len(text) >= 3 && len(text) <= 8 && allDigits(text)
}

// IsAlphanumericSender tells whether the text can be the name of a sender: 1 to
// 11 letters A-Z and a-z, digits, spaces, and the signs & - _ . with at least
// one letter, and no space at an end. Nobody can reply to one (A2-2).
func IsAlphanumericSender(text string) bool {
	if len(text) > 11 || strings.TrimSpace(text) != text {
		return false
	}
	letters := 0
	for _, c := range []byte(text) {
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z':
			letters++
		case '0' <= c && c <= '9', strings.IndexByte(" &-_.", c) >= 0:
		default:
			return false
		}
	}
	return letters > 0
}

func allDigits(text string) bool {
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
