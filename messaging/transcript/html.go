package transcript

import (
	"html/template"
	"io"
)

// page is written piece by piece. Whatever comes from outside is escaped by
// html/template, and stands in an element of its own direction.
var page = template.Must(template.New("page").Parse(`
{{- define "head" -}}
<!DOCTYPE html>
<html lang="{{.Language}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{.Title}} {{.ID}}</title>
<style>
body { font: 11pt/1.4 system-ui, sans-serif; color: #111; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.2rem; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; margin: 0 0 2rem; }
dt { color: #555; } dd { margin: 0; overflow-wrap: anywhere; }
.line { break-inside: avoid; margin: 0 0 .8rem; padding-left: .7rem; border-left: 3px solid #bbb; }
.sent { border-color: #2563eb; } .received { border-color: #16a34a; }
.note, .secret_note { border-style: dashed; background: #fffbe6; }
.event { border: 0; padding: 0; color: #555; font-size: .9em; text-align: center; }
.by { color: #555; font-size: .85em; } .text { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; }
.picture { color: #555; font-size: .9em; margin: 0; }
@media print { body { margin: 0; max-width: none; padding: 0; } }
</style>
</head>
<body>
<h1>{{.Title}} {{.ID}}</h1>
<dl>
{{range .Fields}}<dt>{{.Name}}</dt><dd><bdi>{{.Value}}</bdi></dd>
{{end}}</dl>
{{end}}

{{- define "line" -}}
<div class="line {{.Kind}}">
{{if .Author}}<div class="by"><bdi>{{.Author}}</bdi> · <time datetime="{{.Datetime}}">{{.Moment}}</time>{{if .State}} · {{.State}}{{end}}</div>
<p class="text" dir="auto">{{.Text}}</p>{{else}}<time datetime="{{.Datetime}}">{{.Moment}}</time> · <bdi>{{.Text}}</bdi>{{end}}
{{range .Pictures}}<p class="picture"><bdi>{{.}}</bdi></p>
{{end}}</div>
{{end}}

{{- define "foot" -}}
</body>
</html>
{{end}}`))

type htmlWriter struct {
	w io.Writer
	manner
}

// Head implements Writer.
func (h *htmlWriter) Head(head Head) error {
	return page.ExecuteTemplate(h.w, "head", map[string]any{
		"Language": h.words.Language, "Title": h.words.Title, "ID": head.ID.String(), "Fields": h.fields(head),
	})
}

// Line implements Writer.
func (h *htmlWriter) Line(l Line) error {
	pictures := []string{}
	for _, p := range l.Pictures {
		pictures = append(pictures, h.pictureText(p))
	}
	author := ""
	if l.Kind != Event {
		// A line without an author would look like an event.
		if author = oneLine(l.Author); author == "" {
			author = "–"
		}
	}
	return page.ExecuteTemplate(h.w, "line", map[string]any{
		"Kind": string(l.Kind), "Author": author, "State": h.words.state(l), "Text": shown(breaks.Replace(l.Text)), "Pictures": pictures,
		"Moment": h.moment(l.At), "Datetime": l.At.In(h.zone).Format("2006-01-02T15:04:05Z07:00"),
	})
}

// Close implements Writer.
func (h *htmlWriter) Close() error { return page.ExecuteTemplate(h.w, "foot", nil) }
