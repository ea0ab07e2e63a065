package apitest

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// Client speaks to the API as one caller.
type Client struct {
	URL string
	// Bearer is the access token or API key; empty for nobody.
	Bearer string
	UserID uuid.UUID
	// TenantID is the caller's home.
	TenantID uuid.UUID
	// Contract is held against every answer; nil for none.
	Contract *Contract
}

// Anonymous is a client without credentials.
func (p *Platform) Anonymous() *Client { return &Client{URL: p.URL, Contract: p.Contract} }

// As is the client with another credential.
func (c *Client) As(bearer string) *Client {
	other := *c
	other.Bearer = bearer
	return &other
}

// Login signs a user in with the password that all test users have.
func (p *Platform) Login(t testing.TB, login string, password ...string) *Client {
	t.Helper()
	c := p.Anonymous()
	r := c.Post(t, "/v1/auth/login", Body{"login": login, "password": append(password, Password)[0]}).Want(t, http.StatusOK)
	c.Bearer = r.String(t, "access_token")
	c.UserID, c.TenantID = r.ID(t, "user_id"), r.ID(t, "tenant_id")
	return c
}

// Body is a JSON object.
type Body map[string]any

// Header is added to a request.
type Header map[string]string

// Get sends a GET request.
func (c *Client) Get(t testing.TB, path string, headers ...Header) *Response {
	t.Helper()
	return c.Do(t, http.MethodGet, path, nil, headers...)
}

// Post sends a POST request.
func (c *Client) Post(t testing.TB, path string, body any, headers ...Header) *Response {
	t.Helper()
	return c.Do(t, http.MethodPost, path, body, headers...)
}

// Patch sends a PATCH request.
func (c *Client) Patch(t testing.TB, path string, body any, headers ...Header) *Response {
	t.Helper()
	return c.Do(t, http.MethodPatch, path, body, headers...)
}

// Do sends a request. A body is JSON, or as it is where it is text or bytes.
func (c *Client) Do(t testing.TB, method, path string, body any, headers ...Header) *Response {
	t.Helper()
	r, err := c.Try(method, path, body, headers...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

// Try is Do for goroutines, which must not end a test. An answer that the
// document does not allow is an error.
func (c *Client) Try(method, path string, body any, headers ...Header) (*Response, error) {
	request, err := c.request(method, path, body)
	if err != nil {
		return nil, err
	}
	for _, h := range headers {
		for name, value := range h {
			request.Header.Set(name, value)
		}
	}
	r, err := send(request)
	if err == nil && c.Contract != nil {
		err = c.Contract.Check(method, request.URL.Path, r)
	}
	return r, err
}

func (c *Client) request(method, path string, body any) (*http.Request, error) {
	var content []byte
	switch b := body.(type) {
	case nil:
	case string:
		content = []byte(b)
	case []byte:
		content = b
	default:
		encoded, err := json.Marshal(b)
		if err != nil {
			return nil, err
		}
		content = encoded
	}
	if !strings.HasPrefix(path, "http") {
		path = c.URL + path
	}
	request, err := http.NewRequest(method, path, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.Bearer != "" {
		request.Header.Set("Authorization", "Bearer "+c.Bearer)
	}
	return request, nil
}

func send(request *http.Request) (*Response, error) {
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	return &Response{request.Method + " " + request.URL.Path, response.StatusCode, response.Header, content}, nil
}

// Upload sends a file.
func (c *Client) Upload(t testing.TB, path, name string, content []byte) *Response {
	t.Helper()
	return c.UploadBy(t, http.MethodPost, path, name, content)
}

// UploadBy is Upload for operations of another method.
func (c *Client) UploadBy(t testing.TB, method, path, name string, content []byte) *Response {
	t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("file", name)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(content)
	_ = w.Close()
	return c.Do(t, method, path, form.Bytes(), Header{"Content-Type": w.FormDataContentType()})
}

// Response is what came back.
type Response struct {
	Request string
	Status  int
	Header  http.Header
	Content []byte
}

// Want ends the test unless the status is as expected.
func (r *Response) Want(t testing.TB, status int) *Response {
	t.Helper()
	if r.Status != status {
		t.Fatalf("%s: got %d, want %d: %s", r.Request, r.Status, status, r.Content)
	}
	return r
}

// WantProblem ends the test unless it is a problem with this code; location is
// where it points, if not empty.
func (r *Response) WantProblem(t testing.TB, status int, code, location string) *Response {
	t.Helper()
	r.Want(t, status)
	if got := r.Header.Get("Content-Type"); got != "application/problem+json" {
		t.Fatalf("%s: content type %q", r.Request, got)
	}
	if got := r.String(t, "code"); got != code {
		t.Fatalf("%s: code %q, want %q: %s", r.Request, got, code, r.Content)
	}
	if location != "" && !strings.Contains(string(r.Content), `"`+location+`"`) {
		t.Fatalf("%s: no error at %s: %s", r.Request, location, r.Content)
	}
	return r
}

// Value finds a value by its path, such as items.0.id.
func (r *Response) Value(t testing.TB, path string) any {
	t.Helper()
	var value any
	if err := json.Unmarshal(r.Content, &value); err != nil {
		t.Fatalf("%s: %v: %s", r.Request, err, r.Content)
	}
	for _, step := range strings.Split(path, ".") {
		switch at := value.(type) {
		case map[string]any:
			value = at[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(at) {
				t.Fatalf("%s: nothing at %s: %s", r.Request, path, r.Content)
			}
			value = at[i]
		default:
			t.Fatalf("%s: nothing at %s: %s", r.Request, path, r.Content)
		}
	}
	return value
}

// String is a text value.
func (r *Response) String(t testing.TB, path string) string {
	t.Helper()
	s, ok := r.Value(t, path).(string)
	if !ok {
		t.Fatalf("%s: no text at %s: %s", r.Request, path, r.Content)
	}
	return s
}

// Int is a whole number.
func (r *Response) Int(t testing.TB, path string) int {
	t.Helper()
	f, ok := r.Value(t, path).(float64)
	if !ok {
		t.Fatalf("%s: no number at %s: %s", r.Request, path, r.Content)
	}
	return int(f)
}

// ID is an id.
func (r *Response) ID(t testing.TB, path string) uuid.UUID {
	t.Helper()
	u, err := uuid.Parse(r.String(t, path))
	if err != nil {
		t.Fatalf("%s: no id at %s: %s", r.Request, path, r.Content)
	}
	return u
}

// Items are the items of a list.
func (r *Response) Items(t testing.TB) []any {
	t.Helper()
	items, ok := r.Value(t, "items").([]any)
	if !ok {
		t.Fatalf("%s: no items: %s", r.Request, r.Content)
	}
	return items
}
