package op_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
)

const (
	contacts   = "/v1/tenants/0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9f0a/contacts"
	contactsB  = "/v1/tenants/0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9f0b/contacts"
	oneContact = contacts + "/0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9fc1"
	files      = "/v1/tenants/0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9f0a/files"
	keys       = "/v1/tenants/0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9f0a/keys"
)

// problem reads a problem and checks what holds for all of them.
func problem(tb testing.TB, w *httptest.ResponseRecorder) op.Problem {
	tb.Helper()
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		tb.Fatalf("status %d has content type %q: %s", w.Code, got, w.Body)
	}
	var p op.Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		tb.Fatal(err)
	}
	if p.Status != w.Code || p.Type == "" || p.Title == "" || p.Detail == "" || p.Instance == "" || p.RequestID != w.Header().Get("X-Request-Id") {
		tb.Fatalf("the problem is incomplete: %s", w.Body)
	}
	return p
}

func sized(n int) string {
	const shell = `{"name":"Ada","age":1}`
	return shell[:len(shell)-1] + strings.Repeat(" ", n-len(shell)) + "}"
}

func TestProblems(t *testing.T) {
	t.Parallel()
	const post, get, patch = http.MethodPost, http.MethodGet, http.MethodPatch
	tests := []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		code                     fault.Code
		location, message        string
	}{
		{"unknown path", get, "/v1/nothing", "", nil, 404, fault.CodeNotFound, "", ""},
		{"unknown method", http.MethodPut, oneContact, "", nil, 405, fault.CodeMethodNotAllowed, "", ""},
		{"unheard of method", "BREW", oneContact, "", nil, 405, fault.CodeMethodNotAllowed, "", ""},
		{"no credentials", get, contacts, "", []string{"Authorization", ""}, 401, fault.CodeUnauthenticated, "", ""},
		{"no permission", post, contacts, `{"name":"Ada"}`, []string{"Authorization", "Bearer reader"}, 403, fault.CodeForbidden, "", ""},
		{"no permission beats a wrong body", post, contacts, `{"nme":1`, []string{"Authorization", "Bearer reader"}, 403, fault.CodeForbidden, "", ""},
		{"no permission beats a large body", post, contacts, sized(5000), []string{"Authorization", "Bearer reader"}, 403, fault.CodeForbidden, "", ""},
		{"no such tenant", get, "/v1/tenants/0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9fff/contacts", "", nil, 404, fault.CodeNotFound, "", ""},
		{"tenant id that is none", get, "/v1/tenants/me/contacts", "", nil, 404, fault.CodeNotFound, "", ""},
		{"tenant id in braces", get, "/v1/tenants/%7B0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9f0a%7D/contacts", "", nil, 404, fault.CodeNotFound, "", ""},
		{"id that is none", get, contacts + "/42", "", nil, 422, fault.CodeInvalid, "path.contact_id", "invalid value"},
		{"unknown query parameter", get, contacts + "?stat=active", "", nil, 422, fault.CodeInvalid, "query.stat", "unknown query parameter"},
		{"query parameter in another case", get, contacts + "?Limit=5", "", nil, 422, fault.CodeInvalid, "query.Limit", "unknown query parameter"},
		{"single parameter twice", get, contacts + "?limit=5&limit=500", "", nil, 422, fault.CodeInvalid, "query.limit", "is given more than once"},
		{"limit too high", get, contacts + "?limit=201", "", nil, 422, fault.CodeInvalid, "query.limit", "expected number <= 200"},
		{"limit that is none", get, contacts + "?limit=ten", "", nil, 422, fault.CodeInvalid, "query.limit", "invalid integer"},
		{"enum in a list", get, contacts + "?state=active&state=gone", "", nil, 422, fault.CodeInvalid, "query.state[1]", `expected value to be one of "active, archived"`},
		{"broken escape", get, contacts + "?sort=%zz", "", nil, 400, fault.CodeMalformed, "", ""},
		{"query that is not UTF-8", get, contacts + "?cursor=%ff", "", nil, 400, fault.CodeMalformed, "", ""},
		{"no body", post, contacts, "", nil, 400, fault.CodeMalformed, "", ""},
		{"blank body", post, contacts, "  ", nil, 400, fault.CodeMalformed, "", ""},
		{"broken JSON", post, contacts, `{"name":"Ada",}`, nil, 400, fault.CodeMalformed, "", ""},
		{"two values", post, contacts, `{"name":"Ada"} {"name":"Bob"}`, nil, 400, fault.CodeMalformed, "", ""},
		{"not UTF-8", post, contacts, "{\"name\":\"\xff\"}", nil, 400, fault.CodeMalformed, "", ""},
		{"deep nesting", post, contacts, strings.Repeat("[", 40) + strings.Repeat("]", 40), nil, 400, fault.CodeMalformed, "", ""},
		{"duplicate key", post, contacts, `{"name":"Ada","name":"Bob"}`, nil, 400, fault.CodeMalformed, "body.name", "is given more than once"},
		{"duplicate key in disguise", post, contacts, `{"name":"Ada","n\u0061me":"Bob"}`, nil, 400, fault.CodeMalformed, "body.name", "is given more than once"},
		{"number out of range", post, contacts, `{"name":"Ada","age":1e999}`, nil, 400, fault.CodeMalformed, "body.age", "is out of range"},
		{"unknown field", post, contacts, `{"name":"Ada","role":"admin"}`, nil, 422, fault.CodeInvalid, "body.role", "is not known here"},
		{"read-only field", post, contacts, `{"name":"Ada","created_at":"2026-01-01T00:00:00Z"}`, nil, 422, fault.CodeInvalid, "body.created_at", "is not known here"},
		{"field in another case", post, contacts, `{"name":"Ada","AGE":-9}`, nil, 422, fault.CodeInvalid, "body.AGE", "is not known here"},
		{"missing field", post, contacts, `{"age":3}`, nil, 422, fault.CodeInvalid, "body.name", "is required"},
		{"wrong type", post, contacts, `{"name":7}`, nil, 422, fault.CodeInvalid, "body.name", "expected string"},
		{"not an object", post, contacts, `[]`, nil, 422, fault.CodeInvalid, "body", "expected object"},
		{"fraction", post, contacts, `{"name":"Ada","age":1.5}`, nil, 422, fault.CodeInvalid, "body.age", "expected integer"},
		{"NUL", post, contacts, `{"name":"A\u0000"}`, nil, 422, fault.CodeInvalid, "body.name", `expected string to match pattern ^[^\x00]*$`},
		{"mail address with a name", post, contacts, `{"name":"Ada","email":"A <a@b.c>"}`, nil, 422, fault.CodeInvalid, "body.email", `expected string to match pattern ^[^\s<>@"]+@[^\s<>@"]+$`},
		{"null list", post, contacts, `{"name":null}`, nil, 422, fault.CodeInvalid, "body.name", "must not be null"},
		{"null list that may be left out", post, contacts, `{"name":"Ada","tags":null}`, nil, 422, fault.CodeInvalid, "body.tags", "must not be null"},
		{"null in a list", post, contacts, `{"name":"Ada","tags":["a",null]}`, nil, 422, fault.CodeInvalid, "body.tags[1]", "must not be null"},
		{"null for what cannot be cleared", patch, oneContact, `{"name":null}`, nil, 422, fault.CodeInvalid, "body.name", "must not be null"},
		{"wrong type in a patch", patch, oneContact, `{"name":7}`, nil, 422, fault.CodeInvalid, "body.name", "expected string"},
		{"body of a bodiless operation", post, oneContact + "/archive", `{"force":true}`, nil, 422, fault.CodeInvalid, "body", "this operation takes no body"},
		{"form instead of JSON", post, contacts, `name=Ada`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, fault.CodeUnsupportedMedia, "", ""},
		{"no content type", post, contacts, `{"name":"Ada"}`, []string{"Content-Type", ""}, 415, fault.CodeUnsupportedMedia, "", ""},
		{"merge patch on POST", post, contacts, `{"name":"Ada"}`, []string{"Content-Type", "application/merge-patch+json"}, 415, fault.CodeUnsupportedMedia, "", ""},
		{"Latin-1", post, contacts, `{"name":"Ada"}`, []string{"Content-Type", "application/json; charset=iso-8859-1"}, 415, fault.CodeUnsupportedMedia, "", ""},
		{"compressed", post, contacts, `{"name":"Ada"}`, []string{"Content-Encoding", "gzip"}, 415, fault.CodeUnsupportedMedia, "", ""},
		{"JSON instead of a form", post, files, `{}`, nil, 415, fault.CodeUnsupportedMedia, "", ""},
		{"body one byte too large", post, contacts, sized(2001), nil, 413, fault.CodeBodyTooLarge, "", ""},
		{"stale If-Match", patch, oneContact, `{"name":"B"}`, []string{"If-Match", `"6"`}, 412, fault.CodeStale, "", ""},
		{"weak If-Match", patch, oneContact, `{"name":"B"}`, []string{"If-Match", `W/"7"`}, 412, fault.CodeStale, "", ""},
		{"wrong state", post, oneContact + "/archive", "", nil, 409, fault.CodeWrongState, "", ""},
		{"cursor made up", get, contacts + "?cursor=Zm9vYmFyZm9vYmFyZm9vYmFy", "", nil, 422, fault.CodeInvalidCursor, "query.cursor", "is not a cursor of this list; start again without it"},
		{"cursor too short", get, contacts + "?cursor=Zm9v", "", nil, 422, fault.CodeInvalidCursor, "query.cursor", "is not a cursor of this list; start again without it"},
		{"idempotency key with a space", post, contacts, `{"name":"Ada"}`, []string{"Idempotency-Key", "a b"}, 422, fault.CodeInvalid, "header.Idempotency-Key", "must be 1 to 255 visible ASCII characters"},
		{"idempotency key too long", post, contacts, `{"name":"Ada"}`, []string{"Idempotency-Key", strings.Repeat("k", 256)}, 422, fault.CodeInvalid, "header.Idempotency-Key", "must be 1 to 255 visible ASCII characters"},
		{"empty idempotency key", post, contacts, `{"name":"Ada"}`, []string{"Idempotency-Key", " "}, 422, fault.CodeInvalid, "header.Idempotency-Key", "must be 1 to 255 visible ASCII characters"},
		{"callback too large", post, "/hooks/twilio/abcd1234/inbound", strings.Repeat("x", 501), []string{"X-Signature", "s"}, 413, fault.CodeBodyTooLarge, "", ""},
		{"callback of an unknown provider", post, "/hooks/acme/abcd1234/inbound", "x", nil, 422, fault.CodeInvalid, "path.provider", `expected value to be one of "twilio, clickatell"`},
		{"callback without signature", post, "/hooks/twilio/abcd1234/inbound", "x", nil, 403, fault.CodeBadSignature, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			toy := newToy(t)
			w := toy.ask(tt.method, tt.path, tt.body, tt.headers...)
			p := problem(t, w)
			if w.Code != tt.status || p.Code != string(tt.code) {
				t.Fatalf("got %d %s, want %d %s: %s", w.Code, p.Code, tt.status, tt.code, w.Body)
			}
			if tt.location == "" {
				if len(p.Errors) > 0 && tt.status != 422 {
					t.Errorf("unexpected errors: %s", w.Body)
				}
			} else if len(p.Errors) != 1 || p.Errors[0].Location != tt.location || p.Errors[0].Message != tt.message {
				t.Errorf("want %s: %s, got %s", tt.location, tt.message, w.Body)
			}
			if toy.created > 0 {
				t.Error("the handler ran")
			}
			if strings.Contains(toy.log.String(), "does not declare") {
				t.Errorf("undeclared answer: %s", toy.log)
			}
		})
	}
}

func TestProblemDetails(t *testing.T) {
	t.Parallel()
	toy := newToy(t)
	p := problem(t, toy.ask(http.MethodPost, oneContact+"/archive", ""))
	if p.CurrentStatus != "archived" || p.Type != "/docs/problems#wrong_state" || p.Title != "Wrong state" {
		t.Errorf("got %+v", p)
	}
	w := toy.ask(http.MethodPut, oneContact, "")
	if got := strings.Join(w.Header().Values("Allow"), ", "); got != "GET, PATCH, DELETE, HEAD" {
		t.Errorf("Allow is %q", got)
	}
	if got := toy.ask(http.MethodGet, contacts, "", "Authorization", "").Header().Get("WWW-Authenticate"); got != "Bearer" {
		t.Errorf("WWW-Authenticate is %q", got)
	}
}

func TestErrorsAreSortedAndComplete(t *testing.T) {
	t.Parallel()
	w := newToy(t).ask(http.MethodPost, contacts, `{"zeta":1,"alpha":2,"age":200,"tags":["`+strings.Repeat("t", 50)+`"]}`)
	var got []string
	for _, e := range problem(t, w).Errors {
		got = append(got, e.Location)
	}
	want := "body.age body.alpha body.name body.tags[0] body.zeta"
	if strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestSecretsAreNotRepeated(t *testing.T) {
	t.Parallel()
	toy := newToy(t)
	for _, body := range []string{
		`{"name":"Ada","password":"hunter2"}`,
		`{"name":"Ada","answer":"hunter2"}`,
		`{"password":"hunter2"}`,
		`{"name":"Ada","password":"hunter2","x":"hunter2"}`,
		`{"name":["hunter2"]}`,
		`{"name":"Ada","password":["hunter2"]}`,
		`{"name":"Ada","age":"` + strings.Repeat("hunter2", 20) + `"}`,
		`{"name":"Ada","email":"hunter2 hunter2"}`,
		`{"name":"hunter2`,
	} {
		w := toy.ask(http.MethodPost, contacts, body)
		found := strings.Contains(w.Body.String(), "hunter2")
		if echoed := strings.Contains(body, "email"); found != echoed || w.Code < 400 {
			t.Errorf("%s: %s", body, w.Body)
		}
	}
	w := toy.ask(http.MethodPost, contacts, `{"name":"Ada","age":200}`)
	if p := problem(t, w); p.Errors[0].Value != 200.0 {
		t.Errorf("a plain value is missing: %s", w.Body)
	}
}

func TestCreate(t *testing.T) {
	t.Parallel()
	toy := newToy(t)
	w := toy.ask(http.MethodPost, contacts, `{"name":"<Ada>","age":3.6e1}`)
	if w.Code != http.StatusCreated || w.Header().Get("ETag") != `"1"` || !strings.HasPrefix(w.Header().Get("Location"), contacts) {
		t.Fatalf("got %d %v %s", w.Code, w.Header(), w.Body)
	}
	if !strings.Contains(w.Body.String(), `"tags":[]`) || !strings.Contains(w.Body.String(), `"name":"<Ada>"`) {
		t.Errorf("got %s", w.Body)
	}
	if got := w.Header().Get("Cache-Control"); got != "private, no-cache" {
		t.Errorf("Cache-Control is %q", got)
	}
	if w := toy.ask(http.MethodPost, contacts, sized(2000)); w.Code != http.StatusCreated {
		t.Errorf("a body of exactly the limit got %d: %s", w.Code, w.Body)
	}
}

func TestPatchKnowsThreeAnswers(t *testing.T) {
	t.Parallel()
	toy := newToy(t)
	for body, want := range map[string]string{
		`{}`:                 `"name":"Ada","nickname":null`,
		`{"nickname":null}`:  `"name":"Ada","nickname":null`,
		`{"nickname":"A"}`:   `"name":"Ada","nickname":"A"`,
		`{"name":"Augusta"}`: `"name":"Augusta","nickname":null`,
	} {
		w := toy.ask(http.MethodPatch, oneContact, body, "Content-Type", "application/merge-patch+json", "If-Match", `"3", "7"`)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), want) || w.Header().Get("ETag") != `"8"` {
			t.Errorf("%s: got %d %s", body, w.Code, w.Body)
		}
	}
	if w := toy.ask(http.MethodPatch, oneContact, `{}`, "If-Match", "*"); w.Code != http.StatusOK {
		t.Errorf("If-Match: * got %d", w.Code)
	}
	if w := toy.ask(http.MethodDelete, oneContact, ""); w.Code != http.StatusNoContent || w.Body.Len() > 0 {
		t.Errorf("DELETE got %d %s", w.Code, w.Body)
	}
}

func TestConditionalGet(t *testing.T) {
	t.Parallel()
	toy := newToy(t)
	for tag, status := range map[string]int{
		`"7"`: 304, `W/"7"`: 304, `*`: 304, `"1", "7"`: 304, `"1","7"`: 304, ` "1" ,W/"7"`: 304,
		`"1"`: 200, `7`: 200, `"a,7"`: 200, `""`: 200, `"1", "77"`: 200,
	} {
		w := toy.ask(http.MethodGet, oneContact, "", "If-None-Match", tag)
		if w.Code != status || w.Header().Get("ETag") != `"7"` {
			t.Errorf("%s: got %d %v", tag, w.Code, w.Header())
		}
		if status == 304 && (w.Body.Len() > 0 || w.Header().Get("Content-Type") != "") {
			t.Errorf("%s: the 304 has a body", tag)
		}
	}
	if w := toy.ask(http.MethodGet, oneContact, "", "If-None-Match", `"1"`, "If-None-Match", `"7"`); w.Code != 304 {
		t.Errorf("two headers got %d", w.Code)
	}
}

func TestHead(t *testing.T) {
	t.Parallel()
	toy := newToy(t)
	full := toy.ask(http.MethodGet, oneContact, "")
	head := toy.ask(http.MethodHead, oneContact, "")
	if head.Code != 200 || head.Body.Len() > 0 || head.Header().Get("Content-Length") != strconv.Itoa(full.Body.Len()) || head.Header().Get("ETag") != `"7"` {
		t.Errorf("got %d %v", head.Code, head.Header())
	}
	if w := toy.ask(http.MethodHead, "/v1/nothing", ""); w.Code != 404 || w.Body.Len() > 0 {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func TestPlainErrorsAndPanicsDoNotLeak(t *testing.T) {
	t.Parallel()
	secret := errors.New(`pq: relation "users" at 10.0.0.5 does not exist`)
	for name, path := range map[string]string{"error": oneContact, "panic": "/healthz"} {
		toy := newToy(t)
		toy.fail = secret
		w := toy.ask(http.MethodGet, path, "")
		if p := problem(t, w); p.Status != 500 || p.Code != string(fault.CodeInternal) || strings.Contains(w.Body.String(), "10.0.0.5") {
			t.Errorf("%s: %s", name, w.Body)
		}
		if log := toy.log.String(); !strings.Contains(log, "10.0.0.5") || !strings.Contains(log, w.Header().Get("X-Request-Id")) {
			t.Errorf("%s: the log says %s", name, log)
		}
		if name == "panic" && !strings.Contains(toy.log.String(), "stack=") {
			t.Error("the log has no stack")
		}
	}
	toy := newToy(t)
	toy.fail = fault.New(fault.Internal, fault.CodeInternal, "host db-1")
	if w := toy.ask(http.MethodGet, oneContact, ""); strings.Contains(w.Body.String(), "db-1") {
		t.Errorf("an internal fault leaked: %s", w.Body)
	}
	toy.fail = fault.New(fault.Unavailable, fault.CodeProviderUnreachable, "Later.").Because(secret)
	if w := toy.ask(http.MethodGet, oneContact, ""); w.Code != 503 || strings.Contains(w.Body.String(), "10.0.0.5") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if !strings.Contains(toy.log.String(), "does not declare") {
		t.Error("an undeclared code was not logged")
	}
}

func TestClientThatLeavesGetsNothing(t *testing.T) {
	t.Parallel()
	toy := newToy(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	toy.fail = context.Canceled
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, oneContact, nil)
	r.Header.Set("Authorization", "Bearer alice")
	w := httptest.NewRecorder()
	toy.surface.ServeHTTP(w, r)
	if w.Body.Len() > 0 || toy.access[0].Status != 499 || toy.log.Len() > 0 {
		t.Errorf("got %s, %+v, %s", w.Body, toy.access, toy.log)
	}
}

func TestRequestIDAndAccess(t *testing.T) {
	t.Parallel()
	toy := newToy(t)
	for given, kept := range map[string]bool{"abcd-1234_X": true, "short": false, "with space": false, strings.Repeat("x", 65): false, "": false} {
		got := toy.ask(http.MethodGet, oneContact, "", "X-Request-Id", given).Header().Get("X-Request-Id")
		if (got == given) != kept || got == "" {
			t.Errorf("%q became %q", given, got)
		}
	}
	a := toy.access[0]
	if a.Operation != "getContact" || a.Status != 200 || a.Bytes == 0 || !strings.Contains(a.Route, "{contact_id}") || a.Caller.Actor.ID != alice {
		t.Errorf("got %+v", a)
	}
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	toy := newToy(t)
	toy.limiter.left = 1
	w := toy.ask(http.MethodGet, oneContact, "")
	if w.Header().Get("RateLimit-Policy") != `"default";q=600;w=60, "tenant";q=6000;w=60` || w.Header().Get("RateLimit") != `"default";r=0;t=43, "tenant";r=5990;t=1` {
		t.Errorf("got %v", w.Header())
	}
	w = toy.ask(http.MethodGet, oneContact, "")
	p := problem(t, w)
	if w.Code != 429 || w.Header().Get("Retry-After") != "43" || p.RetryAfter != 43 || p.Code != string(fault.CodeRateLimited) ||
		p.Type != "https://iana.org/assignments/http-problem-types#quota-exceeded" || w.Header().Get("RateLimit") == "" ||
		!slices.Equal(p.ViolatedPolicies, []string{"default"}) {
		t.Errorf("got %d %v %s", w.Code, w.Header(), w.Body)
	}
	toy.limiter.left = 5
	for _, w := range []*httptest.ResponseRecorder{
		toy.ask(http.MethodPost, "/v1/auth/login", `{"login":"a@b.c","password":"x"}`),
		toy.ask(http.MethodGet, contacts, "", "Authorization", "Bearer guess"),
	} {
		if w.Code != 401 || w.Header().Get("RateLimit") == "" {
			t.Errorf("got %d %v", w.Code, w.Header())
		}
	}
	taken := strings.Join(toy.limiter.takes[2:], ", ")
	if taken != "createSession 192.0.2.1, listContacts 192.0.2.1" {
		t.Errorf("anonymous requests were counted as %s", taken)
	}
}

func TestSlowBody(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPost, contacts, iotest.ErrReader(os.ErrDeadlineExceeded))
	r.Header.Set("Authorization", "Bearer alice")
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	newToy(t).surface.ServeHTTP(w, r)
	if p := problem(t, w); p.Status != 408 || p.Code != string(fault.CodeRequestTimeout) {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}

func form(tb testing.TB, part, filename string, size int) (body io.Reader, contentType string) {
	tb.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	w, err := m.CreateFormFile(part, filename)
	if filename == "" {
		w, err = m.CreateFormField(part)
	}
	if err == nil {
		_, err = w.Write(bytes.Repeat([]byte("x"), size))
	}
	if err = errors.Join(err, m.Close()); err != nil {
		tb.Fatal(err)
	}
	return &b, m.FormDataContentType()
}

func TestUpload(t *testing.T) {
	t.Parallel()
	toy := newToy(t)
	for _, tt := range []struct {
		part, filename string
		size, status   int
	}{
		{"file", "a.png", 0, 201},
		{"file", "a.png", 1000, 201},
		{"file", "a.png", 1001, 413},
		{"file", "a.png", 200_000, 413},
		{"picture", "a.png", 10, 422},
		{"file", "", 10, 422},
	} {
		body, contentType := form(t, tt.part, tt.filename, tt.size)
		r := httptest.NewRequest(http.MethodPost, files, body)
		r.Header.Set("Authorization", "Bearer alice")
		r.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		toy.surface.ServeHTTP(w, r)
		if w.Code != tt.status {
			t.Errorf("%+v: got %d %s", tt, w.Code, w.Body)
		}
		if w.Code >= 400 {
			problem(t, w)
		}
	}
	w := toy.ask(http.MethodPost, files, "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nhalf a fi", "Content-Type", "multipart/form-data; boundary=x")
	if p := problem(t, w); p.Status != 400 {
		t.Errorf("half an upload got %s", w.Body)
	}
	w = toy.ask(http.MethodPost, files, "--x--\r\n", "Content-Type", "multipart/form-data; boundary=x")
	if p := problem(t, w); p.Status != 422 || p.Errors[0].Location != "body.file" {
		t.Errorf("an empty form got %s", w.Body)
	}
}

func TestRawCallback(t *testing.T) {
	t.Parallel()
	w := newToy(t).ask(http.MethodPost, "/hooks/twilio/abcd1234/inbound?m=1&m=2", "Body=%FF", "X-Signature", "s", "Content-Type", "application/x-www-form-urlencoded", "Authorization", "")
	if w.Code != 200 || w.Header().Get("Content-Type") != "text/xml" || w.Body.String() != "<r>POST m=1&m=2 Body=%FF</r>" {
		t.Errorf("got %d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestStream(t *testing.T) {
	t.Parallel()
	toy := newToy(t)
	server := httptest.NewServer(toy.surface)
	t.Cleanup(server.Close)
	read := func() (string, error) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+contacts+".csv", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer alice")
		resp, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		return string(b), err
	}
	if got, err := read(); err != nil || got != "Ada\nBob\nCyd\nDan\nEve\n" {
		t.Errorf("got %q, %v", got, err)
	}
	toy.fail = errors.New("database gone")
	if _, err := read(); err == nil {
		t.Error("half an export passed for a whole one")
	}
}

func TestCORS(t *testing.T) {
	t.Parallel()
	toy := newToy(t)
	preflight := toy.ask(http.MethodOptions, oneContact, "", "Origin", "https://app.example", "Access-Control-Request-Method", "PATCH", "Authorization", "")
	if preflight.Code != 204 || preflight.Header().Get("Access-Control-Allow-Origin") != "https://app.example" || !strings.Contains(preflight.Header().Get("Access-Control-Allow-Methods"), "PATCH") {
		t.Errorf("got %d %v", preflight.Code, preflight.Header())
	}
	for origin, path := range map[string]string{"https://evil.example": oneContact, "https://app.example": contactsB} {
		w := toy.ask(http.MethodGet, path, "", "Origin", origin)
		if w.Header().Get("Access-Control-Allow-Origin") != "" || w.Header().Get("Vary") != "Origin" {
			t.Errorf("%s at %s got %v", origin, path, w.Header())
		}
	}
}

func TestRetirementIsAnnounced(t *testing.T) {
	t.Parallel()
	w := newToy(t).ask(http.MethodPost, oneContact+"/archive", "")
	if w.Header().Get("Deprecation") != "@1760000000" || w.Header().Get("Sunset") != "Mon, 21 Sep 2026 14:13:20 GMT" {
		t.Errorf("got %v", w.Header())
	}
}

func TestDocumentIsServed(t *testing.T) {
	t.Parallel()
	toy := newToy(t)
	for path, contentType := range map[string]string{"/openapi.json": "application/openapi+json", "/openapi.yaml": "application/openapi+yaml"} {
		w := toy.ask(http.MethodGet, path, "", "Authorization", "")
		if w.Code != 200 || w.Header().Get("Content-Type") != contentType || !strings.Contains(w.Body.String(), "listContacts") {
			t.Fatalf("got %d %v", w.Code, w.Header())
		}
		if again := toy.ask(http.MethodGet, path, "", "If-None-Match", w.Header().Get("ETag")); again.Code != 304 {
			t.Errorf("the second request got %d", again.Code)
		}
	}
}

func TestEveryCodeHasAMeaning(t *testing.T) {
	t.Parallel()
	for _, p := range op.ProblemTypes() {
		if !strings.HasSuffix(p.Meaning, ".") || len(p.Statuses) == 0 || p.Title == "" {
			t.Errorf("%s has no meaning in api/op/codes.go", p.Code)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	if _, err := op.New(op.Config{CursorKey: []byte("short")}); err == nil || strings.Count(err.Error(), "\n") != 7 {
		t.Errorf("got %v", err)
	}
}

func TestReadyFindsStrayRoutes(t *testing.T) {
	t.Parallel()
	toy := newToy(t)
	toy.surface.HandleUndocumented(http.MethodGet, "/page", http.NotFoundHandler())
	if err := toy.surface.Ready(); err != nil {
		t.Error(err)
	}
	mustPanic(t, "handed out", func() {
		op.Register(toy.surface, authz.Public, op.Spec{}, func(context.Context, *struct{}) (*op.Empty, error) { return nil, nil })
	})
}

func mustPanic(tb testing.TB, want string, work func()) {
	tb.Helper()
	defer func() {
		tb.Helper()
		got, _ := recover().(string)
		if !strings.Contains(got, want) {
			tb.Errorf("want a panic about %q, got %q", want, got)
		}
	}()
	work()
}

func TestIfMatchCanBeRequired(t *testing.T) {
	t.Parallel()
	toy := newToy(t)
	theirs := strings.Replace(oneContact, tenantA.String(), tenantB.String(), 1)
	if w := toy.ask(http.MethodPatch, theirs, `{"name":"Ada"}`); w.Code != http.StatusPreconditionRequired {
		t.Errorf("without If-Match: %d %s", w.Code, w.Body)
	}
	if w := toy.ask(http.MethodPatch, theirs, `{"name":"Ada"}`, "If-Match", `"7"`); w.Code != http.StatusOK {
		t.Errorf("with If-Match: %d %s", w.Code, w.Body)
	}
	if w := toy.ask(http.MethodPatch, oneContact, `{"name":"Ada"}`); w.Code != http.StatusOK {
		t.Errorf("where it is not required: %d %s", w.Code, w.Body)
	}
}
