package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/trellishq/trellis/api/apitest"
)

// Every answer that a test sees is held against the document by the client
// itself. This test proves that the client would notice.
func TestAnswersOutsideOfTheDocumentAreNoticed(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	me := p.Operator(t).Get(t, "/v1/me").Want(t, http.StatusOK)
	answer := func(status int, contentType, body string) *apitest.Response {
		return &apitest.Response{Status: status, Header: http.Header{"Content-Type": {contentType}}, Content: []byte(body)}
	}
	with := func(old, fresh string) string {
		changed := strings.Replace(string(me.Content), old, fresh, 1)
		if changed == string(me.Content) {
			t.Fatalf("%s is not in %s", old, me.Content)
		}
		return changed
	}
	if err := p.Contract.Check(http.MethodGet, "/v1/me", answer(200, "application/json", string(me.Content))); err != nil {
		t.Fatalf("the true answer is refused: %v", err)
	}
	for name, r := range map[string]*apitest.Response{
		"undeclared property":        answer(200, "application/json", with(`"kind":`, `"password_hash":"x","kind":`)),
		"undeclared nested property": answer(200, "application/json", with(`"login":`, `"password_hash":"x","login":`)),
		"missing property":           answer(200, "application/json", with(`"kind":"user",`, "")),
		"value outside of the enum":  answer(200, "application/json", with(`"kind":"user"`, `"kind":"robot"`)),
		"wrong type":                 answer(200, "application/json", with(`"must_change_password":false`, `"must_change_password":"no"`)),
		"null":                       answer(200, "application/json", with(`"kind":"user"`, `"kind":null`)),
		"no date":                    answer(200, "application/json", with(`"created_at":"`, `"created_at":"x`)),
		"undeclared status":          answer(418, "application/problem+json", "{}"),
		"undeclared content type":    answer(200, "text/html", "<p>"),
		"half a document":            answer(200, "application/json", string(me.Content)[:40]),
	} {
		if err := p.Contract.Check(http.MethodGet, "/v1/me", r); err == nil {
			t.Errorf("%s: nothing noticed", name)
		}
	}
	located := answer(200, "application/json", string(me.Content))
	located.Header.Set("Location", "/v1/me")
	if err := p.Contract.Check(http.MethodGet, "/v1/me", located); err == nil {
		t.Error("an undeclared header: nothing noticed")
	}
	if err := p.Contract.Check(http.MethodGet, "/v1/nothing", answer(404, "text/plain", "404 page not found")); err == nil {
		t.Error("a router's answer that is no problem: nothing noticed")
	}
	code := answer(403, "application/problem+json", `{"type":"/docs/problems#name_taken","title":"x","status":403,"detail":"x","instance":"/v1/me","code":"name_taken","request_id":"x"}`)
	if err := p.Contract.Check(http.MethodGet, "/v1/me", code); err == nil {
		t.Error("a code that the operation does not declare: nothing noticed")
	}
}
