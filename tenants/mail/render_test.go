package mail

import (
	"strings"
	"testing"
)

// Every kind in every language, with a value for everything it needs.
func TestEveryKindHasItsWords(t *testing.T) {
	t.Parallel()
	for _, kind := range Kinds() {
		subjects := map[string]bool{}
		for _, language := range Languages() {
			for _, change := range []string{"enabled", "disabled", "reset", "recovery_codes"} {
				values := map[string]string{}
				for _, name := range needs[kind] {
					values[name] = "value-of-" + name
				}
				if values["link"] != "" {
					values["link"] = "/somewhere#token=x"
				}
				if values["change"] != "" {
					values["change"] = change
				}
				got, err := render(kind, language, content{ToName: "Ann", Values: values}, Brand{AppURL: "https://app.example.com"})
				if err != nil {
					t.Fatalf("%s in %s: %v", kind, language, err)
				}
				subjects[got.subject] = true
				for name, value := range values {
					if name == "link" {
						value = "https://app.example.com" + value
					}
					if name != "change" && !strings.Contains(got.text+got.subject, value) {
						t.Errorf("%s in %s does not tell %s", kind, language, name)
					}
				}
				if strings.Contains(got.text+got.html, "<no value>") || !strings.Contains(got.text, "Ann") || got.subject == "" {
					t.Errorf("%s in %s: %s", kind, language, got.text)
				}
				if values["link"] != "" && !strings.Contains(got.html, `href="https://app.example.com/somewhere#token=x"`) {
					t.Errorf("%s in %s has no button: %s", kind, language, got.html)
				}
			}
		}
		if len(subjects) != len(Languages()) {
			t.Errorf("%s has the subjects %v", kind, subjects)
		}
	}
}

// A value is never a header, a paragraph or markup of its own.
func TestValuesStayValues(t *testing.T) {
	t.Parallel()
	got, err := render(Invitation, "en", content{ToName: "Ann", Values: map[string]string{
		"link": "/x", "days": "7", "tenant": "Maple\n\nClick https://evil.example", "inviter": "Bob\r\nBcc: all@example.com",
	}}, Brand{AppURL: "https://app.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(got.subject, "\r\n") || strings.Contains(got.html, `href="https://evil`) || strings.Contains(got.text, "\n\nClick") {
		t.Errorf("%q\n%s", got.subject, got.text)
	}
}
