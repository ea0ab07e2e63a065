package mail

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	htmltemplate "html/template"
	"regexp"
	"strings"
	"sync"
	"text/template"
)

//go:embed templates
var templateFiles embed.FS

// words are the templates of all kinds and languages. A file defines subject,
// body (paragraphs with an empty line between) and, if there is one thing to
// do, action (the words on its button).
var words = sync.OnceValue(func() map[string]*template.Template {
	all := map[string]*template.Template{}
	for _, kind := range Kinds() {
		for _, language := range Languages() {
			name := fmt.Sprintf("%s.%s.txt", kind, language)
			all[name] = template.Must(template.New(name).Option("missingkey=error").
				ParseFS(templateFiles, "templates/"+name))
		}
	}
	return all
})

var layout = sync.OnceValue(func() *htmltemplate.Template {
	return htmltemplate.Must(htmltemplate.ParseFS(templateFiles, "templates/layout.html"))
})

// footers are the words below every mail.
var footers = map[string]string{
	"en": "This mail was sent by %s because of your account. Nobody reads answers to it.",
	"fr": "Ce courriel a été envoyé par %s au sujet de votre compte. Personne ne lit les réponses.",
}

var supports = map[string]string{
	"en": "This mail was sent by %s because of your account. Questions: %s",
	"fr": "Ce courriel a été envoyé par %s au sujet de votre compte. Questions : %s",
}

// rendered is a mail in words.
type rendered struct{ subject, text, html string }

// page is what the HTML part is made of.
type page struct {
	Language, Product, Subject string
	Colour                     string
	Paragraphs                 []string
	Action, Link               string
	Footer                     string
}

const (
	defaultProduct = "Trellis"
	defaultColour  = "#1f2937"
)

var colourPattern = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

// render words a mail. Both parts are made of the same paragraphs; the HTML
// part escapes them, so that a name is never markup.
func render(kind Kind, language string, c content, b Brand) (rendered, error) {
	set := words()[fmt.Sprintf("%s.%s.txt", kind, language)]
	if set == nil {
		return rendered{}, fmt.Errorf("mail: there are no words for %s in %s", kind, language)
	}
	values := map[string]string{"name": c.ToName, "product": cmp.Or(b.Product, defaultProduct)}
	for name, value := range c.Values {
		values[name] = oneLine(value)
	}
	if link := values["link"]; strings.HasPrefix(link, "/") {
		values["link"] = b.AppURL + link
	}
	subject, err := execute(set, "subject", values)
	if err != nil {
		return rendered{}, err
	}
	body, err := execute(set, "body", values)
	if err != nil {
		return rendered{}, err
	}
	p := page{
		Language: language, Product: values["product"], Subject: oneLine(subject), Paragraphs: paragraphs(body),
		Colour: cmp.Or(validColour(b.Colour), defaultColour), Footer: footer(language, values["product"], b),
	}
	if set.Lookup("action") != nil {
		if p.Action, err = execute(set, "action", values); err != nil {
			return rendered{}, err
		}
		p.Link = values["link"]
	}
	return p.render()
}

func (p page) render() (rendered, error) {
	var html bytes.Buffer
	if err := layout().ExecuteTemplate(&html, "layout.html", p); err != nil {
		return rendered{}, fmt.Errorf("mail: %w", err)
	}
	parts := append([]string(nil), p.Paragraphs...)
	if p.Link != "" {
		parts = append(parts, p.Action+":\n"+p.Link)
	}
	parts = append(parts, "--\n"+p.Footer)
	return rendered{p.Subject, strings.Join(parts, "\n\n") + "\n", html.String()}, nil
}

func footer(language, product string, b Brand) string {
	if b.SupportEmail != "" {
		return fmt.Sprintf(supports[language], product, b.SupportEmail)
	}
	return fmt.Sprintf(footers[language], product)
}

func execute(set *template.Template, name string, values map[string]string) (string, error) {
	var out strings.Builder
	if err := set.ExecuteTemplate(&out, name, values); err != nil {
		return "", fmt.Errorf("mail: %w", err)
	}
	return strings.TrimSpace(out.String()), nil
}

func paragraphs(body string) []string {
	var out []string
	for _, part := range strings.Split(body, "\n\n") {
		if part = strings.Join(strings.Fields(part), " "); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// oneLine keeps a value from beginning a header or a paragraph of its own.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}

func validColour(text string) string {
	if colourPattern.MatchString(text) {
		return text
	}
	return ""
}
