package segments_test

import (
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trellishq/trellis/channels/provider/segments"
)

func repeat(n int, s string) string { return strings.Repeat(s, n) }

// The vectors of rules A1-7, then the tables of A1-2 and A1-3.
func TestCount(t *testing.T) {
	t.Parallel()
	const family = "👨‍👩‍👧" // three pairs and two joiners
	tests := []struct {
		name, text, encoding string
		units, segments      int
	}{
		{"Empty", "", segments.GSM7, 0, 0},
		{"GSM160", repeat(160, "a"), segments.GSM7, 160, 1},
		{"GSM161", repeat(161, "a"), segments.GSM7, 161, 2},
		{"GSM306", repeat(306, "a"), segments.GSM7, 306, 2},
		{"GSM307", repeat(307, "a"), segments.GSM7, 307, 3},
		{"EuroFillsTheLastTwo", repeat(158, "a") + "€", segments.GSM7, 160, 1},
		{"EuroIsOneTooMany", repeat(159, "a") + "€", segments.GSM7, 161, 2},
		{"EscapePairIsNotSplit", repeat(152, "a") + "€" + repeat(152, "a"), segments.GSM7, 306, 3},
		{"Brackets80", repeat(80, "["), segments.GSM7, 160, 1},
		{"Brackets81", repeat(81, "["), segments.GSM7, 162, 2},
		{"AcuteE160", repeat(160, "é"), segments.GSM7, 160, 1},
		{"CapitalCedilla900", repeat(900, "Ç"), segments.GSM7, 900, 6},
		{"GSM900", repeat(900, "a"), segments.GSM7, 900, 6},
		{"GSM1600", repeat(1600, "a"), segments.GSM7, 1600, 11},
		{"Cedilla70", repeat(70, "ç"), segments.UCS2, 70, 1},
		{"Cedilla71", repeat(71, "ç"), segments.UCS2, 71, 2},
		{"Cedilla134", repeat(134, "ç"), segments.UCS2, 134, 2},
		{"Cedilla135", repeat(135, "ç"), segments.UCS2, 135, 3},
		{"Cedilla900", repeat(900, "ç"), segments.UCS2, 900, 14},
		{"Emoji35", repeat(35, "😀"), segments.UCS2, 70, 1},
		{"Emoji36", repeat(36, "😀"), segments.UCS2, 72, 2},
		{"Family", family, segments.UCS2, 8, 1},
		{"SurrogatePairIsNotSplit", repeat(66, "ç") + "😀" + repeat(66, "ç"), segments.UCS2, 134, 3},
		{"OneCurlyQuote", repeat(159, "a") + "’", segments.UCS2, 160, 3},
		{"StraightQuote", repeat(159, "a") + "'", segments.GSM7, 160, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := segments.Count(test.text)
			if got.Encoding != test.encoding || got.Units != test.units || got.Segments != test.segments {
				t.Errorf("Count = %s %d units %d segments, want %s %d %d",
					got.Encoding, got.Units, got.Segments, test.encoding, test.units, test.segments)
			}
		})
	}
}

func TestCountAlphabet(t *testing.T) {
	t.Parallel()
	for _, r := range "^{}\\[~]|€\f" {
		if got := segments.Count(string(r)); got.Encoding != segments.GSM7 || got.Units != 2 {
			t.Errorf("%q = %+v, want two units of GSM-7", r, got)
		}
	}
	for _, r := range "`\tçêëâîïôûœÀÂÈÊ’“”–…" {
		if got := segments.Count(string(r)); got.Encoding != segments.UCS2 {
			t.Errorf("%q = %+v, want UCS-2", r, got)
		}
	}
	one := 0
	for r := rune(0); r <= utf8.MaxRune; r++ {
		if got := segments.Count(string(r)); got.Encoding == segments.GSM7 && got.Units == 1 {
			one++
		}
	}
	if one != 127 { // 128 places, one of which is the escape
		t.Errorf("%d characters cost one unit of GSM-7, want 127", one)
	}
}

func TestCountOffending(t *testing.T) {
	t.Parallel()
	got := segments.Count("déjà “vu” ç “").Offending
	want := []segments.Offender{{Character: "“", Index: 5}, {Character: "”", Index: 8}, {Character: "ç", Index: 10}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("offending (-want +got):\n%s", diff)
	}
	if got := segments.Count("plain").Offending; len(got) != 0 {
		t.Errorf("plain text offends: %v", got)
	}
}

func TestNormalize(t *testing.T) {
	t.Parallel()
	if got := segments.Normalize("e\u0301"); got != "é" {
		t.Errorf("Normalize = %q", got)
	}
	if got := segments.Count(segments.Normalize(repeat(160, "e\u0301"))); got.Segments != 1 {
		t.Errorf("normalised accents cost %d segments, want 1", got.Segments)
	}
}

// texts draws from both alphabets, so that every boundary is met.
func texts() *rapid.Generator[string] {
	letter := rapid.SampledFrom([]string{"a", "é", "€", "[", "ç", "’", "😀", "\n"})
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(letter, 0, 400).Draw(t, "letters"), "")
	})
}

func TestCountProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		checkCount(t, texts().Draw(t, "text"))
	})
}

func TestCountNeverFallsWhenTextGrows(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		head, tail := texts().Draw(t, "head"), texts().Draw(t, "tail")
		if a, b := segments.Count(head), segments.Count(head+tail); b.Segments < a.Segments {
			t.Fatalf("%d segments became %d", a.Segments, b.Segments)
		}
	})
}

func FuzzCount(f *testing.F) {
	for _, seed := range []string{"", "a", "€", "ç", "😀", "\xff", repeat(153, "a") + "€"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) { checkCount(t, text) })
}

type fataler interface{ Fatalf(string, ...any) }

// checkCount compares with bounds that were worked out another way: UTF-16 by
// the standard library, and a piece that wastes at most one unit.
func checkCount(t fataler, text string) {
	got := segments.Count(text)
	single, part := 160, 153
	if got.Encoding == segments.UCS2 {
		single, part = 70, 67
		if want := len(utf16.Encode([]rune(text))); got.Units != want {
			t.Fatalf("%d units, want %d", got.Units, want)
		}
	}
	if (got.Encoding == segments.UCS2) != (len(got.Offending) > 0) {
		t.Fatalf("%s with offenders %v", got.Encoding, got.Offending)
	}
	if (text == "") != (got.Segments == 0) {
		t.Fatalf("%d segments for %d bytes", got.Segments, len(text))
	}
	if got.Units <= single {
		if got.Segments > 1 {
			t.Fatalf("%d units in %d segments", got.Units, got.Segments)
		}
		return
	}
	least := (got.Units + part - 1) / part
	most := (got.Units + part - 2) / (part - 1)
	if got.Segments < least || got.Segments > most {
		t.Fatalf("%d units in %d segments, want %d to %d", got.Units, got.Segments, least, most)
	}
	runes := []rune(text)
	for _, o := range got.Offending {
		if o.Index >= len(runes) || string(runes[o.Index]) != o.Character {
			t.Fatalf("offender %+v is not there", o)
		}
	}
}
