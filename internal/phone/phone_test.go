package phone_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/trellishq/trellis/internal/phone"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		input, country, want string
		err                  error
	}{
		{"+15145551234", "", "+15145551234", nil},
		{"+15145551234", "FR", "+15145551234", nil},
		{"(514) 555-1234", "CA", "+15145551234", nil},
		{"514.555.1234", "us", "+15145551234", nil},
		{"1-514-555-1234", "CA", "+15145551234", nil},
		{" 514\u00a0555\u20111234 ", "CA", "+15145551234", nil},
		{"01 23 45 67 89", "FR", "+33123456789", nil},
		{"020 7183 8750", "GB", "+442071838750", nil},
		{"+44 (0) 20 7183 8750", "", "+442071838750", nil},
		{"0011 1 514 555 1234", "AU", "+15145551234", nil},
		{"+39 06 6982", "", "+39066982", nil}, // Italy keeps its zero

		{"", "CA", "", phone.ErrNotANumber},
		{"()", "CA", "", phone.ErrNotANumber},
		{"+", "CA", "", phone.ErrNotANumber},
		{"call me", "CA", "", phone.ErrNotANumber},
		{"1-800-FLOWERS", "CA", "", phone.ErrNotANumber},
		{"5145551234 ext 5", "CA", "", phone.ErrNotANumber},
		{"5145551234;6", "CA", "", phone.ErrNotANumber},
		{"+1514+5551234", "CA", "", phone.ErrNotANumber},
		{"tel:+15145551234", "CA", "", phone.ErrNotANumber},
		{"５１４５５５１２３４", "CA", "", phone.ErrNotANumber},
		{"514555\x001234", "CA", "", phone.ErrNotANumber},
		{"5145551234\n5145551235", "CA", "", phone.ErrNotANumber},
		{strings.Repeat("1", 65), "CA", "", phone.ErrNotANumber},
		{"514 555 1234", "", "", phone.ErrNoCountry},
		{"514 555 1234", "XX", "", phone.ErrNoCountry},
		{"+999 555 1234", "CA", "", phone.ErrNoCountry},
		{"+05145551234", "CA", "", phone.ErrNoCountry},
		{"555-1234", "CA", "", phone.ErrImpossible},
		{"+1514555123", "", "", phone.ErrImpossible},
		{"+151455512345", "", "", phone.ErrImpossible},
	} {
		got, err := phone.Parse(c.input, c.country)
		if got != c.want || !errors.Is(err, c.err) {
			t.Errorf("Parse(%q, %q) = %q, %v, want %q, %v", c.input, c.country, got, err, c.want, c.err)
		}
	}
}

// TestSpellingsOfOneNumber is rules.md A2-3: recipients are compared after
// they are parsed.
func TestSpellingsOfOneNumber(t *testing.T) {
	seen := map[string]bool{}
	for _, spelling := range []string{"+15145551234", "(514) 555-1234", "1-514-555-1234"} {
		number, err := phone.Parse(spelling, "CA")
		if err != nil {
			t.Fatalf("%s: %v", spelling, err)
		}
		seen[number] = true
	}
	if len(seen) != 1 || !seen["+15145551234"] {
		t.Errorf("three spellings of one number are %v", seen)
	}
}

func TestCountryOf(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]string{
		"+15145550199": "CA", "+12025550199": "US", "+4930123456": "DE", "+80012345678": "", "+999123456": "",
		"5145550199": "", "73737": "", "ACME": "", "": "",
	} {
		if got := phone.CountryOf(number); got != want {
			t.Errorf("CountryOf(%q) = %q, want %q", number, got, want)
		}
	}
}

func TestIsE164(t *testing.T) {
	for text, want := range map[string]bool{
		"+15145551234": true, "+12": true, "+123456789012345": true,
		"": false, "+": false, "+1": false, "+0123": false, "15145551234": false, "+1234567890123456": false,
		"+1 514": false, "+1514555123a": false, "+15145551234\n": false, "++1514": false, "+１５１４": false,
	} {
		if got := phone.IsE164(text); got != want {
			t.Errorf("IsE164(%q) = %v", text, got)
		}
	}
}

func TestOtherSenders(t *testing.T) {
	for text, want := range map[string]struct{ code, name bool }{
		"12": {}, "123": {code: true}, "12345678": {code: true}, "123456789": {}, "+12345": {}, "12 34": {},
		"": {}, "A": {name: true}, "Trellis": {name: true}, "elevenchars": {name: true}, "twelve chars": {},
		"R&D 1-2_3.4": {name: true}, "1234a": {name: true}, " A": {}, "A ": {}, "Café": {}, "A\n": {}, "a+b": {},
	} {
		if got := phone.IsShortCode(text); got != want.code {
			t.Errorf("IsShortCode(%q) = %v", text, got)
		}
		if got := phone.IsAlphanumericSender(text); got != want.name {
			t.Errorf("IsAlphanumericSender(%q) = %v", text, got)
		}
	}
}

func TestIsCountry(t *testing.T) {
	for code, want := range map[string]bool{"CA": true, "FR": true, "ca": false, "": false, "XX": false, "CAN": false, "001": false} {
		if got := phone.IsCountry(code); got != want {
			t.Errorf("IsCountry(%q) = %v", code, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"+15145551234", "(514) 555-1234", "1-514-555-1234", "+44 (0) 20 7183 8750", "00", "+", "12345"} {
		f.Add(seed, "CA")
	}
	f.Fuzz(func(t *testing.T, input, country string) {
		number, err := phone.Parse(input, country)
		if err != nil {
			if number != "" {
				t.Errorf("%q was refused and read as %s", input, number)
			}
			return
		}
		if !phone.IsE164(number) {
			t.Errorf("%q was read as %q", input, number)
		}
		if again, err := phone.Parse(number, country); err != nil || again != number {
			t.Errorf("%q was read as %s and that as %q, %v", input, number, again, err)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for b.Loop() {
		if _, err := phone.Parse("(514) 555-1234", "CA"); err != nil {
			b.Fatal(err)
		}
	}
}
