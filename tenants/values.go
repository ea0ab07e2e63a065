package tenants

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"github.com/trellishq/trellis/internal/fault"
)

// maxName is the greatest length of a name in characters.
const maxName = 200

// CleanName returns the name of a node, a person or a key as it is stored:
// without spaces at its ends and composed (NFC), so that equal names are equal
// bytes. Its fault points at location.
func CleanName(location, name string) (string, error) {
	if !utf8.ValidString(name) || strings.ContainsFunc(name, unprintable) {
		return "", fault.InvalidField(fault.CodeInvalid, location, "must not contain control characters")
	}
	name = norm.NFC.String(strings.TrimSpace(name))
	if n := utf8.RuneCountInString(name); n < 1 || n > maxName {
		return "", fault.InvalidField(fault.CodeInvalid, location, "must have 1 to 200 characters")
	}
	return name, nil
}

// nameKey is what names are compared by: composed, and without capitals. It
// does not depend on a language.
func nameKey(name string) string { return norm.NFC.String(cases.Fold().String(norm.NFC.String(name))) }

// unprintable finds what hides or turns around the text beside it.
func unprintable(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }

// cleanCountry accepts ISO 3166-1 alpha-2 codes in capitals that are in use.
func cleanCountry(code string) (string, error) {
	region, err := language.ParseRegion(code)
	if err != nil || len(code) != 2 || !region.IsCountry() || region.Canonicalize().String() != code {
		return "", fault.InvalidField(fault.CodeInvalid, "body.country",
			"must be a country by ISO 3166-1 alpha-2, such as US", short(code))
	}
	return code, nil
}

// cleanTimeZone accepts names of the IANA database.
func cleanTimeZone(name string) (string, error) {
	_, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return "", fault.InvalidField(fault.CodeInvalid, "body.time_zone",
			"must be a time zone of the IANA database, such as Europe/Paris", short(name))
	}
	return name, nil
}

// maxLanguage is what RFC 5646 asks implementations to make room for.
const maxLanguage = 35

// cleanLanguage accepts BCP 47 tags and returns them in their usual form.
func cleanLanguage(text string) (string, error) {
	tag, err := language.Parse(text)
	if err != nil || tag == language.Und || len(text) > maxLanguage {
		return "", fault.InvalidField(fault.CodeInvalid, "body.language",
			"must be a language by BCP 47, such as en or fr-CA", short(text))
	}
	return tag.String(), nil
}

// short keeps a refused value that is shown again at a bearable length.
func short(value string) string {
	value = strings.ToValidUTF8(value, "")
	if utf8.RuneCountInString(value) > 64 {
		return string([]rune(value)[:64])
	}
	return value
}
