// Package docs serves the pages that explain the API to people: the reference,
// drawn from the OpenAPI document, and the list of problems. Everything is
// embedded; the pages ask no other host, and their policy forbids it.
package docs

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"strconv"
	"time"

	"github.com/trellishq/trellis/api/op"
)

//go:embed assets
var assets embed.FS

// policy lets a page load what this server serves, and nothing else. RapiDoc
// writes style attributes, hence the exception for styles.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; font-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Mount opens /docs, /docs/problems and their assets.
func Mount(s *op.Surface) error {
	problems, err := problemsPage()
	if err != nil {
		return err
	}
	reference, err := assets.ReadFile("assets/reference.html")
	if err != nil {
		return fmt.Errorf("reading the reference page: %w", err)
	}
	s.HandleUndocumented(http.MethodGet, "/docs", page("text/html; charset=utf-8", reference))
	s.HandleUndocumented(http.MethodGet, op.ProblemsPath, page("text/html; charset=utf-8", problems))
	for name, contentType := range map[string]string{
		"docs.css":                    "text/css; charset=utf-8",
		"start.js":                    "text/javascript; charset=utf-8",
		"rapidoc-min.js":              "text/javascript; charset=utf-8",
		"rapidoc.LICENSE.txt":         "text/plain; charset=utf-8",
		"rapidoc-bundled.LICENSE.txt": "text/plain; charset=utf-8",
	} {
		content, err := assets.ReadFile(path.Join("assets", name))
		if err != nil {
			return fmt.Errorf("reading the asset %s: %w", name, err)
		}
		s.HandleUndocumented(http.MethodGet, "/docs/assets/"+name, page(contentType, content))
	}
	return nil
}

// problemsPage lists every problem type; each has its code as the anchor, so
// that the type of a problem leads to it.
func problemsPage() ([]byte, error) {
	t, err := template.ParseFS(assets, "assets/problems.html")
	if err != nil {
		return nil, fmt.Errorf("reading the problems page: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, op.ProblemTypes()); err != nil {
		return nil, fmt.Errorf("writing the problems page: %w", err)
	}
	return b.Bytes(), nil
}

// page serves embedded content, which changes with the binary only.
func page(contentType string, content []byte) http.Handler {
	sum := sha256.Sum256(content)
	tag := strconv.Quote(hex.EncodeToString(sum[:12]))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", contentType)
		h.Set("Content-Security-Policy", policy)
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "public, no-cache")
		h.Set("ETag", tag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	})
}
