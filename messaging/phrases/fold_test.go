package phrases

import (
	"strings"
	"testing"
)

func TestFoldedTextsHaveNoAccentsAndNoCapitals(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Öffnungszeiten":         "offnungszeiten",
		"  ÇA  va\n? ":           "ca va ?",
		"STRASSE straße":         "strasse strasse",
		"ﬁne":                    "fine",
		"e\u0301t\u00e9":         "ete",
		"Καλημέρα":               "καλημερα",
		"\u0130stanbul":          "istanbul",
		"{{Contact.name|There}}": "{{contact.name|there}}",
	} {
		if got := Fold(text); got != want {
			t.Errorf("%q is folded to %q, want %q", text, got, want)
		}
		if Fold(want) != want {
			t.Errorf("%q is not left alone", want)
		}
	}
}

func TestEveryCharacterBeginsAnEntry(t *testing.T) {
	t.Parallel()
	if got := strings.Join(grams("aba", "ab"), "|"); got != "aba|ba\n|a\n\n|ab\n|b\n\n" {
		t.Errorf("%q", got)
	}
	if got := grams(""); len(got) != 0 {
		t.Errorf("%q", got)
	}
}
