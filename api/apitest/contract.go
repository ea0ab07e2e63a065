package apitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Contract is the API's own document, held against what the API answers: an
// undeclared status, content type or property, and a value that the document
// does not allow, are errors.
type Contract struct {
	// Document is the decoded OpenAPI document.
	Document map[string]any

	routes []route

	mu       sync.Mutex
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
	seen     map[string]map[int]bool
}

// route is one operation of the document.
type route struct {
	method   string
	segments []string
	path, id string
	pointer  string
	node     map[string]any
}

// Operation is one operation of the document.
type Operation struct {
	ID, Method, Path, Permission string
	// Node is the operation's object in the document.
	Node map[string]any
}

const documentURL = "https://api.trellis.example/openapi.json"

// ParseContract reads a document as /openapi.json serves it.
func ParseContract(document []byte) (*Contract, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return nil, err
	}
	root, ok := doc.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("apitest: the document is no object")
	}
	c := &Contract{
		Document: root, compiler: jsonschema.NewCompiler(),
		compiled: map[string]*jsonschema.Schema{}, seen: map[string]map[int]bool{},
	}
	c.compiler.DefaultDraft(jsonschema.Draft2020)
	c.compiler.AssertFormat()
	if err := c.compiler.AddResource(documentURL, doc); err != nil {
		return nil, err
	}
	for path, item := range object(root["paths"]) {
		for method, node := range object(item) {
			operation, ok := node.(map[string]any)
			if !ok {
				continue
			}
			id, _ := operation["operationId"].(string)
			c.routes = append(c.routes, route{
				strings.ToUpper(method), strings.Split(path, "/"), path, id,
				"#/paths/" + escaped(path) + "/" + method, operation,
			})
		}
	}
	return c, nil
}

// Operations lists the operations of the document.
func (c *Contract) Operations() []Operation {
	var out []Operation
	for _, r := range c.routes {
		permission, _ := r.node["x-permission"].(string)
		out = append(out, Operation{r.id, r.method, r.path, permission, r.node})
	}
	return out
}

// Seen tells which statuses of an operation were answered and checked so far.
func (c *Contract) Seen(operationID string) []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []int
	for status := range c.seen[operationID] {
		out = append(out, status)
	}
	return out
}

// undocumented are the pages and documents that are deliberately left out.
func undocumented(path string) bool {
	return path == "/openapi.json" || path == "/openapi.yaml" || path == "/" || path == "/docs" || strings.HasPrefix(path, "/docs/")
}

// Check holds one answer against the document.
func (c *Contract) Check(method, path string, r *Response) error {
	if undocumented(path) {
		return nil
	}
	at := c.find(method, path)
	if at == nil {
		// The router's own answers.
		return c.checkBody("#/components/schemas/Problem", "application/problem+json", r)
	}
	c.note(at.id, r.Status)
	pointer, response, err := c.response(at, r.Status)
	if err != nil {
		return err
	}
	if err := c.checkHeaders(at, response, r); err != nil {
		return err
	}
	content := object(response["content"])
	if method == http.MethodHead || len(content) == 0 {
		if len(r.Content) > 0 {
			return fmt.Errorf("%s %d has a body that the document does not declare: %s", at.id, r.Status, r.Content)
		}
		return nil
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || content[media] == nil {
		return fmt.Errorf("%s %d answers as %q, which the document does not declare", at.id, r.Status, r.Header.Get("Content-Type"))
	}
	return c.checkBody(pointer+"/content/"+escaped(media)+"/schema", media, r)
}

// response finds the declared response, following its reference.
func (c *Contract) response(at *route, status int) (string, map[string]any, error) {
	code := strconv.Itoa(status)
	pointer := at.pointer + "/responses/" + code
	response := object(object(at.node["responses"])[code])
	if len(response) == 0 {
		return "", nil, fmt.Errorf("%s answers %d, which the document does not declare", at.id, status)
	}
	if ref, ok := response["$ref"].(string); ok {
		name := strings.TrimPrefix(ref, "#/components/responses/")
		return "#/components/responses/" + escaped(name), object(object(object(c.Document["components"])["responses"])[name]), nil
	}
	return pointer, response, nil
}

// ours are headers of the surface; those of HTTP itself are nobody's business.
var ours = []string{"ETag", "Link", "Location", "Idempotent-Replayed", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-Id", "WWW-Authenticate"}

func (c *Contract) checkHeaders(at *route, response map[string]any, r *Response) error {
	declared := object(response["headers"])
	for _, name := range ours {
		if r.Header.Get(name) != "" && declared[name] == nil {
			return fmt.Errorf("%s %d has the header %s, which the document does not declare", at.id, r.Status, name)
		}
	}
	return nil
}

func (c *Contract) checkBody(pointer, media string, r *Response) error {
	if got, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); got != media {
		return fmt.Errorf("%s answers %d as %q, want %s", r.Request, r.Status, got, media)
	}
	if !strings.HasSuffix(media, "json") {
		return nil // bytes
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(r.Content))
	if err != nil {
		return fmt.Errorf("%s answers %d with what is not JSON: %w: %s", r.Request, r.Status, err, r.Content)
	}
	schema, err := c.schema(pointer)
	if err != nil {
		return err
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Errorf("%s answers %d against the document: %w: %s", r.Request, r.Status, err, r.Content)
	}
	return nil
}

func (c *Contract) schema(pointer string) (*jsonschema.Schema, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known := c.compiled[pointer]; known != nil {
		return known, nil
	}
	schema, err := c.compiler.Compile(documentURL + pointer)
	if err != nil {
		return nil, err
	}
	c.compiled[pointer] = schema
	return schema, nil
}

func (c *Contract) note(id string, status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen[id] == nil {
		c.seen[id] = map[int]bool{}
	}
	c.seen[id][status] = true
}

// find matches a path as the router does: a fixed segment before a parameter.
func (c *Contract) find(method, path string) *route {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	given := strings.Split(path, "/")
	var best *route
	fixed := -1
	for i := range c.routes {
		r := &c.routes[i]
		if n, ok := r.matches(given); ok && r.method == method && n > fixed {
			best, fixed = r, n
		}
	}
	return best
}

func (r *route) matches(given []string) (fixed int, ok bool) {
	if len(given) != len(r.segments) {
		return 0, false
	}
	for i, s := range r.segments {
		switch {
		case strings.HasPrefix(s, "{") && given[i] != "":
		case s == given[i]:
			fixed++
		default:
			return 0, false
		}
	}
	return fixed, true
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// escaped is a step of a JSON pointer within a URL.
func escaped(step string) string {
	step = strings.NewReplacer("~", "~0", "/", "~1").Replace(step)
	return strings.NewReplacer("%", "%25", "{", "%7B", "}", "%7D", " ", "%20").Replace(step)
}

// contracts are shared by all platforms with the same document: compiling the
// schemas is dear.
var contracts sync.Map

// loadContract reads the document of a running platform.
func (p *Platform) loadContract(t testing.TB) {
	t.Helper()
	response, err := http.Get(p.URL + "/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	document, err := io.ReadAll(response.Body)
	if err != nil || !json.Valid(document) {
		t.Fatalf("apitest: the document cannot be read: %v", err)
	}
	known, loaded := contracts.Load(string(document))
	if !loaded {
		contract, err := ParseContract(document)
		if err != nil {
			t.Fatal(err)
		}
		known, _ = contracts.LoadOrStore(string(document), contract)
	}
	p.Contract = known.(*Contract)
}
