package op

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
)

// describe makes the part of the document that does not depend on huma's
// reading of the input.
func (s *Surface) describe(o *operation, sh *shape) huma.Operation {
	h := huma.Operation{
		OperationID: o.spec.ID, Method: o.spec.Method, Path: o.spec.Path, Tags: []string{o.spec.Tag},
		Summary: o.spec.Summary, Description: o.spec.Description + "\n\n" + whoMayCall(o.permission),
		DefaultStatus: sh.status, Deprecated: !o.spec.Deprecated.IsZero(),
		MaxBodyBytes: -1, BodyReadTimeout: -1, // the guard has read the body, in time and within its ceiling
		RejectUnknownQueryParameters: o.body != bodyRaw,
		Security:                     []map[string][]string{{"accessToken": {}}, {"apiKey": {}}},
		Metadata:                     map[string]any{metadataKey: o},
		Extensions:                   map[string]any{"x-permission": string(o.permission)},
		Responses:                    s.responses(o, sh),
	}
	if o.permission == authz.Public {
		h.Security = []map[string][]string{{}}
	}
	if o.idempotent {
		h.Parameters = append(h.Parameters, &huma.Param{Ref: "#/components/parameters/IdempotencyKey"})
	}
	if sh.hasHeader("ETag") && o.spec.Method == http.MethodGet {
		h.Parameters = append(h.Parameters, &huma.Param{Ref: "#/components/parameters/IfNoneMatch"})
	}
	return h
}

func whoMayCall(p authz.Permission) string {
	switch p {
	case authz.Public:
		return "Anyone may call this, without credentials."
	case authz.SignedIn:
		return "Any authenticated caller may call this, also one who has to change the password or set up a second factor first."
	case authz.Authenticated:
		return "Any authenticated caller may call this."
	}
	text := "Needs the permission `" + string(p) + "`."
	if e := p.Needs(); e != "" {
		text += " The tenant needs the entitlement `" + string(e) + "`."
	}
	return text
}

func (s *Surface) responses(o *operation, sh *shape) map[string]*huma.Response {
	all := map[string]*huma.Response{strconv.Itoa(sh.status): s.success(o, sh)}
	for status, of := range codesByStatus(o.codes) {
		all[strconv.Itoa(status)] = s.problemResponse(status, of)
	}
	if sh.hasHeader("ETag") && o.spec.Method == http.MethodGet {
		unchanged := &huma.Response{Description: "The client has the current version.", Headers: commonHeaders()}
		unchanged.Headers["ETag"] = all[strconv.Itoa(sh.status)].Headers["ETag"]
		all["304"] = unchanged
	}
	return all
}

func headerRef(name string) *huma.Header {
	return &huma.Header{Ref: "#/components/headers/" + name}
}

func commonHeaders(more ...string) map[string]*huma.Header {
	headers := map[string]*huma.Header{}
	for _, name := range append(more, requestIDHeader, "RateLimit", "RateLimit-Policy", "Access-Control-Allow-Origin") {
		headers[name] = headerRef(name)
	}
	return headers
}

func (s *Surface) success(o *operation, sh *shape) *huma.Response {
	r := &huma.Response{Description: http.StatusText(sh.status), Headers: commonHeaders()}
	if o.idempotent {
		r.Headers["Idempotent-Replayed"] = headerRef("Idempotent-Replayed")
	}
	registry := s.api.OpenAPI().Components.Schemas
	for _, h := range sh.headers {
		if h.name == "Content-Type" {
			continue // OpenAPI says this by content
		}
		schema := huma.SchemaFromField(registry, h.field, "")
		r.Headers[h.name] = &huma.Header{Description: schema.Description, Schema: schema}
	}
	if sh.form == formNone {
		return r
	}
	schema := &huma.Schema{Type: huma.TypeString, Format: "binary", MaxLength: limitOf(maxStream)}
	if sh.form == formJSON {
		hint := strings.ToUpper(o.spec.ID[:1]) + o.spec.ID[1:] + "Response"
		schema = huma.SchemaFromField(registry, sh.body, hint)
	}
	r.Content = map[string]*huma.MediaType{}
	for contentType := range strings.SplitSeq(sh.contentTypes(), ",") {
		contentType = strings.TrimSpace(contentType)
		r.Content[contentType] = &huma.MediaType{Schema: schema}
		if sh.form != formJSON && strings.HasSuffix(contentType, "json") {
			r.Content[contentType] = &huma.MediaType{Schema: foreignObject()}
		}
	}
	return r
}

// foreignObject is JSON in a form that is not ours to describe, written as it
// is: a key set, or what a provider wants to hear.
func foreignObject() *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Description: "An object in a form of its own.", AdditionalProperties: true}
}

const maxStream = 1 << 31 // the document wants a bound for every string

func limitOf(n int64) *int {
	limit := int(n)
	return &limit
}

// problemResponse shares one response among all operations with the same
// codes; its name is the status and the codes.
func (s *Surface) problemResponse(status int, codes []fault.Code) *huma.Response {
	name := strconv.Itoa(status)
	enum, examples := []any{}, map[string]*huma.Example{}
	for _, code := range codes {
		name += "." + string(code)
		enum = append(enum, string(code))
		examples[string(code)] = &huma.Example{Summary: titleOf(code), Value: exampleProblem(status, code)}
	}
	components := s.api.OpenAPI().Components
	if components.Responses[name] == nil {
		components.Responses[name] = &huma.Response{
			Description: http.StatusText(status),
			Headers:     commonHeaders(problemHeaders(status)...),
			Content: map[string]*huma.MediaType{mediaProblem: {
				Schema: &huma.Schema{AllOf: []*huma.Schema{
					{Ref: schemaPrefix + "Problem"},
					{Type: huma.TypeObject, Properties: map[string]*huma.Schema{"code": {Type: huma.TypeString, Enum: enum}}},
				}},
				Examples: examples,
			}},
		}
	}
	return &huma.Response{Ref: "#/components/responses/" + name}
}

func problemHeaders(status int) []string {
	switch status {
	case http.StatusUnauthorized:
		return []string{"WWW-Authenticate"}
	case http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusConflict:
		return []string{"Retry-After"}
	default:
		return nil
	}
}

func exampleProblem(status int, code fault.Code) *Problem {
	p := &Problem{
		Type: ProblemsPath + "#" + string(code), Title: titleOf(code), Status: status, Detail: meanings[code].sentence,
		Instance: "/v1/me", Code: string(code), RequestID: formats["uuid"].example,
	}
	if status == http.StatusTooManyRequests {
		p.Type, p.RetryAfter = typeQuotaExceeded, 43
	}
	return p
}

// complete adds what huma's reading of the input left out, and checks the
// whole operation. It runs once huma has the operation.
func (s *Surface) complete(o *operation, sh *shape) error {
	h := s.operationAt(o.spec.Method, o.spec.Path)
	i := &inspection{s: s}
	s.completeParameters(o, h, i)
	s.completeBody(o, h, i)
	for name, header := range h.Responses[strconv.Itoa(sh.status)].Headers {
		if header.Ref == "" {
			i.field("response header."+name, header.Schema)
		}
	}
	for contentType, media := range h.Responses[strconv.Itoa(sh.status)].Content {
		i.schema("response body", media.Schema)
		s.illustrate(contentType, media)
	}
	i.component(schemaPrefix + "Problem")
	return errors.Join(i.err(), checkPath(h))
}

func (s *Surface) completeParameters(o *operation, h *huma.Operation, i *inspection) {
	for _, p := range h.Parameters {
		if p.Ref != "" {
			continue
		}
		i.field(p.In+"."+p.Name, p.Schema)
		p.Description = p.Schema.Description
		if p.In == "query" && p.Schema.Type == huma.TypeArray {
			o.repeatable[p.Name] = true
		}
	}
}

func (s *Surface) completeBody(o *operation, h *huma.Operation, i *inspection) {
	switch o.body {
	case bodyJSON:
		media := h.RequestBody.Content[mediaJSON]
		i.schema("body", media.Schema)
		o.bodySchema = media.Schema
		h.RequestBody.Required = !o.spec.BodyOptional
		s.illustrate(mediaJSON, media)
		if o.spec.Method == http.MethodPatch {
			h.RequestBody.Content[mediaMergePatch] = media
		}
	case bodyUpload:
		h.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{mediaMultipart: {Schema: fileForm(o.spec.MaxBodyBytes)}}}
	case bodyRaw:
		h.RequestBody = &huma.RequestBody{Content: map[string]*huma.MediaType{}}
		for _, contentType := range append(o.spec.Consumes, "*/*")[:max(len(o.spec.Consumes), 1)] {
			h.RequestBody.Content[contentType] = &huma.MediaType{Schema: &huma.Schema{
				Description: fmt.Sprintf("Up to %d bytes in the sender's own form.", o.spec.MaxBodyBytes),
			}}
		}
	}
}

func fileForm(limit int64) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeObject, Required: []string{uploadPart}, AdditionalProperties: false,
		Properties: map[string]*huma.Schema{uploadPart: {
			Type: huma.TypeString, Format: "binary", MaxLength: limitOf(limit),
			Description: fmt.Sprintf("The file, up to %d bytes. Its content decides what it is, not its name.", limit),
		}},
	}
}

var pathParam = regexp.MustCompile(`\{([^}]+)\}`)

// checkPath compares the path's parameters with the input's.
func checkPath(h *huma.Operation) error {
	wanted := map[string]bool{}
	for _, m := range pathParam.FindAllStringSubmatch(h.Path, -1) {
		wanted[m[1]] = true
	}
	var errs []error
	for _, p := range h.Parameters {
		if p.In == "path" && !wanted[p.Name] {
			errs = append(errs, fmt.Errorf("path.%s: is not in the path", p.Name))
		}
		delete(wanted, p.Name)
	}
	for name := range wanted {
		errs = append(errs, fmt.Errorf("path.%s: is not in the input (embedded structs must be exported)", name))
	}
	return errors.Join(errs...)
}

// illustrate adds an example that is put together from the fields' examples.
func (s *Surface) illustrate(contentType string, media *huma.MediaType) {
	if contentType == mediaJSON && media.Example == nil {
		media.Example = s.example(media.Schema, 0)
	}
}

func (s *Surface) example(schema *huma.Schema, depth int) any {
	if schema.Ref != "" && len(schema.Examples) == 0 {
		schema = s.api.OpenAPI().Components.Schemas.SchemaFromRef(schema.Ref)
	}
	switch {
	case depth > 8:
		return nil
	case len(schema.Examples) > 0:
		return schema.Examples[0]
	case schema.Type == huma.TypeArray:
		if item := s.example(schema.Items, depth+1); item != nil {
			return []any{item}
		}
		return []any{}
	case schema.Type == huma.TypeObject:
		object := map[string]any{}
		for name, property := range schema.Properties {
			if v := s.example(property, depth+1); v != nil {
				object[name] = v
			}
		}
		return object
	default:
		return nil
	}
}
