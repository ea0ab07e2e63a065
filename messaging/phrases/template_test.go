package phrases_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/trellishq/trellis/messaging/phrases"
)

func TestPlaceholdersAreFilledInOnePass(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"contact.name": "Ada Lovelace", "contact.first_name": "Ada", "agent.name": "{{tenant.name}}", "tenant.name": "Maple",
		"variable.order": `\{{`,
	}
	for _, v := range []struct{ text, want, missing string }{
		{"Hello {{contact.first_name}}!", "Hello Ada!", ""},
		{"Hello {{ contact.first_name | there }}!", "Hello Ada!", ""},
		{"Hello {{contact.last_name|there}}!", "Hello there!", ""},
		{"Hello {{contact.last_name|}}!", "Hello !", ""},
		{"Hello {{contact.last_name}}{{contact.last_name}}!", "Hello !", "contact.last_name"},
		{"{{agent.name}} {{variable.order}}", `{{tenant.name}} \{{`, ""},
		{`\{{contact.name}} {`, "{{contact.name}} {", ""},
		{`a } b }} c { d \ e`, `a } b }} c { d \ e`, ""},
		{"{{contact.name|a | b}}{{variable.x|a | b}}", "Ada Lovelacea | b", ""},
		{"é{{contact.name}}😀", "éAda Lovelace😀", ""},
		{"", "", ""},
	} {
		parsed, problems := phrases.Parse(v.text)
		if len(problems) > 0 {
			t.Errorf("%q: %+v", v.text, problems)
			continue
		}
		got, missing := parsed.Render(values)
		if got != v.want || strings.Join(missing, " ") != v.missing {
			t.Errorf("%q is %q without %q, want %q without %q", v.text, got, missing, v.want, v.missing)
		}
	}
}

func TestWhatIsWrongWithATextIsSaidWithItsPlace(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		text, placeholder, message string
		at                         int
	}{
		{"Hé {{contact.fist_name}}", "contact.fist_name", "there is no placeholder {{contact.fist_name}} (at character 4)", 3},
		{"{{contact}}", "", "{{contact}} is no name of a placeholder (at character 1)", 0},
		{"{{}}", "", "{{}} is no name of a placeholder (at character 1)", 0},
		{"{{Contact.Name}}", "", "no name", 0},
		{"ab {{contact.name", "", "not closed", 3},
		{"{{contact.name {{agent.name}}", "", "not closed", 0},
		{"{{contact.name\n}}", "", "not closed", 0},
		{"{{{contact.name}}}", "", "{{{contact.name}} is no name", 0},
		{"{{variable." + strings.Repeat("x", 41) + "}}", "", "no name", 0},
		{strings.Repeat("{{contact.name}}", 51), "", "has 51 placeholders", 0},
	} {
		_, problems := phrases.Parse(v.text)
		if len(problems) == 0 {
			t.Errorf("%q passes", v.text)
			continue
		}
		got := problems[0]
		if got.Placeholder != v.placeholder || got.At != v.at || !strings.Contains(got.Message, v.message) {
			t.Errorf("%q: %+v", v.text, got)
		}
	}
	if _, problems := phrases.Parse("{{a.b}} {{c.d}} {{"); len(problems) != 3 {
		t.Errorf("of three problems: %+v", problems)
	}
}

func TestPlaceholdersAreListedOnce(t *testing.T) {
	t.Parallel()
	parsed, problems := phrases.Parse("{{variable.b}}{{contact.name}}{{variable.b|x}}")
	if got := parsed.Placeholders(); len(problems) > 0 || !slices.Equal(got, []string{"variable.b", "contact.name"}) {
		t.Errorf("%v %v", got, problems)
	}
	for _, p := range phrases.Placeholders() {
		if _, problems := phrases.Parse("{{" + p.Name + "}}"); len(problems) > 0 {
			t.Errorf("%s: %v", p.Name, problems)
		}
	}
}

// Whatever a text holds, it is understood or refused, and what was escaped comes
// out as it was.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "Hello {{contact.first_name|there}}", `\{{`, "{{{{}}}}", "{{x.y|", "{{contact.name|}}\xff", "}}{{", `{\{{`} {
		f.Add(seed, "Ada")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		parsed, problems := phrases.Parse(text)
		for _, p := range problems {
			if p.At < 0 || p.At > utf8.RuneCountInString(text) || p.Message == "" {
				t.Fatalf("%q: %+v", text, p)
			}
		}
		values := map[string]string{}
		for _, name := range parsed.Placeholders() {
			values[name] = value
		}
		out, missing := parsed.Render(values)
		if (len(missing) > 0) && value != "" {
			t.Fatalf("%q: %v are missing", text, missing)
		}
		if len(problems) == 0 && len(parsed.Placeholders()) == 0 && len(out) > len(text) {
			t.Fatalf("%q grew to %q", text, out)
		}
		literal, problems := phrases.Parse(strings.ReplaceAll(text, "{{", `\{{`))
		if got, _ := literal.Render(nil); len(problems) > 0 || got != text {
			t.Fatalf("%q was escaped and is %q: %v", text, got, problems)
		}
	})
}
