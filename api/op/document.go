package op

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"regexp"

	"github.com/danielgtaylor/huma/v2"

	"github.com/trellishq/trellis/internal/fault"
)

const schemaPrefix = "#/components/schemas/"

// newDocument is a huma configuration without huma's conveniences: no $schema
// in bodies, no pages from other hosts, no paths of its own.
func newDocument(cfg Config) huma.Config {
	registry := huma.NewMapRegistry(schemaPrefix, schemaName)
	registry.RegisterTypeAlias(uuidType, reflect.TypeFor[idSchema]())
	doc := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: cfg.Title, Version: cfg.Version, Description: cfg.Description,
				Contact: &huma.Contact{Name: cfg.Contact.Name, URL: cfg.Contact.URL, Email: cfg.Contact.Email},
			},
			Components: &huma.Components{
				Schemas: registry, SecuritySchemes: securitySchemes(), Headers: sharedHeaders(),
				Parameters: sharedParameters(), Responses: map[string]*huma.Response{},
			},
		},
		DefaultFormat: mediaJSON,
		Formats:       map[string]huma.Format{mediaJSON: huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat}, // the latter for +json
	}
	for _, server := range cfg.Servers {
		doc.Servers = append(doc.Servers, &huma.Server{
			URL: server.URL, Description: server.Description, Extensions: map[string]any{"x-internal": server.Internal},
		})
	}
	for _, tag := range cfg.Tags {
		doc.Tags = append(doc.Tags, &huma.Tag{Name: tag.Name, Description: tag.Description})
	}
	describeProblem(registry)
	return doc
}

// idSchema is the schema of uuid.UUID: only the canonical form has 36 characters.
type idSchema struct{}

// Schema implements huma.SchemaProvider.
func (idSchema) Schema(huma.Registry) *huma.Schema {
	length := 36
	return &huma.Schema{
		Type: huma.TypeString, Format: "uuid", MinLength: &length, MaxLength: &length,
		Examples: []any{formats["uuid"].example},
	}
}

var genericName = regexp.MustCompile(`^Collection\[.*?([A-Za-z0-9_]+)\]$`)

// schemaName calls a page of Contact a ContactList.
func schemaName(t reflect.Type, hint string) string {
	if m := genericName.FindStringSubmatch(t.Name()); m != nil {
		return m[1] + "List"
	}
	return huma.DefaultSchemaNamer(t, hint)
}

func securitySchemes() map[string]*huma.SecurityScheme {
	return map[string]*huma.SecurityScheme{
		"accessToken": {
			Type: "http", Scheme: "bearer", BearerFormat: "JWT",
			Description: "A user's access token: a JWT signed with EdDSA, good for 15 minutes, used as RFC8725 asks for.",
		},
		"apiKey": {
			Type: "http", Scheme: "bearer",
			Description: "A machine's API key (trl_live_… or trl_test_…), sent as a bearer token.",
		},
	}
}

func text(maxLength int, pattern, description string, example any) *huma.Param {
	return &huma.Param{Description: description, Schema: &huma.Schema{
		Type: huma.TypeString, MaxLength: &maxLength, Pattern: pattern, Examples: []any{example},
	}}
}

func sharedHeaders() map[string]*huma.Header {
	month := 2764800.0 // until a quota fills again
	one := 1.0
	return map[string]*huma.Header{
		requestIDHeader:    text(64, requestIDPattern.String(), "Names the request in logs: the client's own, if it sent one that fits, else a new one.", formats["uuid"].example),
		"RateLimit":        text(400, `^"[a-z0-9_-]+";r=[0-9]+;t=[0-9]+(, "[a-z0-9_-]+";r=[0-9]+;t=[0-9]+)*$`, "What is left of each limit: requests (r), and seconds until it is whole again (t).", `"default";r=598;t=1, "tenant";r=5980;t=1`),
		"RateLimit-Policy": text(400, `^"[a-z0-9_-]+";q=[0-9]+;w=[0-9]+(, "[a-z0-9_-]+";q=[0-9]+;w=[0-9]+)*$`, "The limits that the request counts against, the caller's own and his tenant's: requests (q) in a window of seconds (w).", `"default";q=600;w=60, "tenant";q=6000;w=60`),
		"Retry-After": {Description: "Seconds to wait before trying again.", Schema: &huma.Schema{
			Type: huma.TypeInteger, Format: "int32", Minimum: &one, Maximum: &month, Examples: []any{43},
		}},
		"WWW-Authenticate":            text(64, "^Bearer", "How to authenticate.", "Bearer"),
		"Access-Control-Allow-Origin": text(255, "^https?://", "The web site that may read the answer; only for requests with an Origin that is allowed.", "https://app.example.com"),
		"Idempotent-Replayed":         text(4, "^true$", "Sent where the answer is that of an earlier request with the same Idempotency-Key.", "true"),
	}
}

func sharedParameters() map[string]*huma.Param {
	key := text(255, "^[!-~]{1,255}$", "Makes a repetition safe: the same key with the same request returns the first answer for 24 hours.", "0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9f02")
	key.Name, key.In = idempotencyHeader, "header"
	seen := text(1000, "^[!-~ ]*$", "The ETags that the client has; the answer is 304 without a body if one is current.", `"7"`)
	seen.Name, seen.In = "If-None-Match", "header"
	return map[string]*huma.Param{"IdempotencyKey": key, "IfNoneMatch": seen}
}

func describeProblem(r huma.Registry) {
	r.Schema(reflect.TypeFor[Problem](), true, "")
	problem := r.Map()["Problem"]
	problem.Description = "Why a request failed (RFC 9457)."
	for _, code := range fault.Codes() {
		problem.Properties["code"].Enum = append(problem.Properties["code"].Enum, string(code))
	}
	r.Map()["ProblemField"].Properties["value"].Examples = []any{"x"}
}

// operationAt returns the documented operation, or nil.
func (s *Surface) operationAt(method, path string) *huma.Operation {
	item := s.api.OpenAPI().Paths[path]
	if item == nil {
		return nil
	}
	return operationsOf(item)[method]
}

func operationsOf(item *huma.PathItem) map[string]*huma.Operation {
	all := map[string]*huma.Operation{
		http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put,
		http.MethodPatch: item.Patch, http.MethodDelete: item.Delete,
	}
	maps.DeleteFunc(all, func(_ string, op *huma.Operation) bool { return op == nil })
	return all
}

// rendered is the finished document.
type rendered struct{ json, yaml []byte }

func (s *Surface) render() (rendered, error) {
	s.sealed = true
	asJSON, err := json.Marshal(s.api.OpenAPI())
	if err != nil {
		return rendered{}, fmt.Errorf("writing the document: %w", err)
	}
	asYAML, err := s.api.OpenAPI().YAML()
	if err != nil {
		return rendered{}, fmt.Errorf("writing the document: %w", err)
	}
	return rendered{asJSON, asYAML}, nil
}

// YAML returns the OpenAPI document. The same operations give the same bytes.
// No operation can be registered afterwards.
func (s *Surface) YAML() ([]byte, error) {
	d, err := s.document()
	return d.yaml, err
}

// serveDocument opens /openapi.json and /openapi.yaml.
func (s *Surface) serveDocument() {
	serve := func(path, contentType string, pick func(rendered) []byte) {
		s.HandleUndocumented(http.MethodGet, path, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			rq := requestOf(r.Context())
			d, err := s.document()
			if err != nil {
				s.fail(rq, err)
				return
			}
			body := pick(d)
			s.write(rq, &reply{status: http.StatusOK, body: body, header: http.Header{
				"Content-Type": {contentType}, "Cache-Control": {"public, no-cache"}, "Etag": {contentTag(body)},
				"Access-Control-Allow-Origin": {"*"}, // tools in browsers read it
			}})
		}))
	}
	serve("/openapi.json", "application/openapi+json", func(d rendered) []byte { return d.json })
	serve("/openapi.yaml", "application/openapi+yaml", func(d rendered) []byte { return d.yaml })
}
