package docs_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/docs"
	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
)

// closed lets nobody in: the pages need no caller.
type closed struct{}

func (closed) Authenticate(context.Context, *http.Request) (context.Context, op.Caller, error) {
	return nil, op.Caller{}, fault.New(fault.Unauthenticated, fault.CodeUnauthenticated, "Closed.")
}

func (closed) Admit(context.Context, op.Caller, authz.Permission, uuid.UUID) (context.Context, error) {
	return nil, fault.Missing("tenant")
}

func (closed) RequiresIfMatch(context.Context) (bool, error) { return false, nil }

func (closed) Do(ctx context.Context, _ op.IdempotencyKey, run func(context.Context) ([]byte, error)) ([]byte, bool, error) {
	stored, err := run(ctx)
	return stored, false, err
}

func (closed) Take(context.Context, op.Caller, op.Route) []op.Budget { return nil }

func setup(t *testing.T) *op.Surface {
	t.Helper()
	s, err := op.New(op.Config{
		Title: "Pages", Version: "1.0.0", Description: "Only pages.",
		Servers: []op.Server{{URL: "https://api.example", Description: "Production"}}, Tags: []op.Tag{{Name: "None"}},
		Logger: slog.New(slog.DiscardHandler), CursorKey: make([]byte, 32), Gate: closed{}, Ledger: closed{}, Limiter: closed{},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := docs.Mount(s); err != nil {
		t.Fatal(err)
	}
	if err := s.Ready(); err != nil {
		t.Fatal(err)
	}
	return s
}

func get(s *op.Surface, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

var (
	reference = regexp.MustCompile(`(?:src|href|spec-url)="([^"#]+)"`)
	elsewhere = regexp.MustCompile(`(?i)(src|href|url)\s*[=(]\s*["']?(https?:)?//`)
)

func TestPagesNeedNoOtherHost(t *testing.T) {
	t.Parallel()
	s := setup(t)
	for _, path := range []string{"/docs", op.ProblemsPath} {
		w := get(s, path)
		if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			t.Fatalf("%s: got %d %v", path, w.Code, w.Header())
		}
		csp := w.Header().Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "script-src 'self';") || strings.Contains(csp, "http") {
			t.Errorf("%s: the policy is %s", path, csp)
		}
		if elsewhere.MatchString(w.Body.String()) || strings.Contains(w.Body.String(), "<style") || strings.Contains(w.Body.String(), "onload=") {
			t.Errorf("%s refers elsewhere or holds code", path)
		}
		for _, m := range reference.FindAllStringSubmatch(w.Body.String(), -1) {
			if got := get(s, m[1]); got.Code != http.StatusOK {
				t.Errorf("%s refers to %s, which is a %d", path, m[1], got.Code)
			}
		}
		if again := get(s, path, "If-None-Match", w.Header().Get("ETag")); again.Code != http.StatusNotModified {
			t.Errorf("%s: the second request got %d", path, again.Code)
		}
	}
}

func TestEveryProblemHasItsAnchor(t *testing.T) {
	t.Parallel()
	body := get(setup(t), op.ProblemsPath).Body.String()
	for _, code := range fault.Codes() {
		if !strings.Contains(body, `<section id="`+string(code)+`">`) {
			t.Errorf("%s has no section", code)
		}
	}
}

func TestThirdPartyFileIsTheOneThatWasFetched(t *testing.T) {
	t.Parallel()
	sum := sha256.Sum256(get(setup(t), "/docs/assets/rapidoc-min.js").Body.Bytes())
	readme, err := os.ReadFile("assets/README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), hex.EncodeToString(sum[:])) {
		t.Errorf("rapidoc-min.js has the checksum %x, which assets/README.md does not name", sum)
	}
}
