package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/trellishq/trellis/api/apitest"
)

// A brand is inherited down the tree, field by field, and nobody is told from
// whom.
//
// Covers: SET-01 SET-02
func TestABrandIsInheritedAndOverridden(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	brand := func(c *apitest.Client, n apitest.Tenant) *apitest.Response {
		t.Helper()
		return c.Get(t, n.Path("/brand")).Want(t, http.StatusOK)
	}
	if r := brand(tree.Customer.Admin, tree.Customer); r.String(t, "effective.product_name") != "Trellis" || r.Value(t, "own.product_name") != nil {
		t.Errorf("without a brand: %s", r.Content)
	}
	tree.L1.Admin.Patch(t, tree.L1.Path("/brand"), apitest.Body{
		"product_name": "Maple", "primary_color": "#ABCDEF", "theme": "dark", "support_email": "help@maple.example", "login_text": "Hello\nthere",
	}).Want(t, http.StatusOK)
	tree.L2.Admin.Patch(t, tree.L2.Path("/brand"), apitest.Body{"primary_color": "#010203"}).Want(t, http.StatusOK)
	logo := drawing(t, "png")
	up := tree.L1.Admin.Upload(t, tree.L1.Path("/brand/logo"), "logo.png", logo).Want(t, http.StatusOK)
	r := brand(tree.Customer.Admin, tree.Customer)
	if r.String(t, "effective.product_name") != "Maple" || r.String(t, "effective.primary_color") != "#010203" ||
		r.String(t, "effective.theme") != "dark" || r.String(t, "effective.logo_url") != up.String(t, "own.logo_url") {
		t.Errorf("inherited: %s", r.Content)
	}
	for _, id := range []string{tree.L1.ID.String(), tree.L2.ID.String()} {
		if strings.Contains(string(r.Content), id) {
			t.Errorf("a customer is told who stands above: %s", r.Content)
		}
	}
	if !strings.Contains(string(r.Content), `"inherited":["product_name","primary_color","theme"`) {
		t.Errorf("inherited: %s", r.Content)
	}
	tree.Customer.Admin.Patch(t, tree.Customer.Path("/brand"), apitest.Body{"product_name": "Own", "theme": "light"}).Want(t, http.StatusOK)
	back := tree.Customer.Admin.Patch(t, tree.Customer.Path("/brand"), apitest.Body{"theme": nil}).Want(t, http.StatusOK)
	if back.String(t, "effective.product_name") != "Own" || back.String(t, "effective.theme") != "dark" {
		t.Errorf("taken back: %s", back.Content)
	}
	if mine := tree.Customer.Agent.Get(t, "/v1/me/brand").Want(t, http.StatusOK); mine.String(t, "product_name") != "Own" {
		t.Errorf("an agent's: %s", mine.Content)
	}
	shown := p.Anonymous().Get(t, up.String(t, "own.logo_url")).Want(t, http.StatusOK)
	if shown.Header.Get("Content-Type") != "image/png" || shown.Header.Get("X-Content-Type-Options") != "nosniff" ||
		!strings.Contains(shown.Header.Get("Cache-Control"), "immutable") || len(shown.Content) == 0 {
		t.Errorf("the logo: %v", shown.Header)
	}
	tree.L1.Admin.Do(t, http.MethodDelete, tree.L1.Path("/brand/logo"), nil).Want(t, http.StatusNoContent)
	if r := brand(tree.Customer.Admin, tree.Customer); r.Value(t, "effective.logo_url") != nil {
		t.Errorf("after its removal: %s", r.Content)
	}
	p.Anonymous().Get(t, up.String(t, "own.logo_url")).WantProblem(t, http.StatusNotFound, "not_found", "")
}

// What a brand may not be.
func TestABrandIsChecked(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	admin, at := tree.L1.Admin, tree.L1.Path("/brand")
	for name, values := range map[string][]any{
		"primary_color": {"red", "#12345", "#1234567"}, "theme": {"black"}, "support_url": {"http://maple.example", "https://", "javascript:alert(1)"},
		"support_email":  {"Maple <help@maple.example>", "a@b, c@d", "nobody", "a@b.example\r\nBcc: x@y.example"},
		"sender_address": {"x"}, "sender_name": {"a\nb", " "}, "login_text": {"a\u202eb", strings.Repeat("x", 1001)}, "support_phone": {"call me"},
	} {
		for _, value := range values {
			admin.Patch(t, at, apitest.Body{name: value}).WantProblem(t, unprocessable, "validation_failed", "body."+name)
		}
	}
	for _, host := range []string{"maple.example:443", "https://maple.example", "-a.example", "a..b", "*.example", "é.example", "a/b"} {
		admin.Patch(t, at, apitest.Body{"hosts": []string{host}}).WantProblem(t, unprocessable, "validation_failed", "body.hosts[0]")
	}
	admin.Upload(t, at+"/logo", "logo.gif", drawing(t, "gif")).WantProblem(t, unprocessable, "picture_type_not_allowed", "body.file")
	admin.Upload(t, at+"/logo", "logo.svg", []byte("<svg xmlns='http://www.w3.org/2000/svg'/>")).WantProblem(t, unprocessable, "picture_type_not_allowed", "body.file")
	if r := admin.Upload(t, at+"/logo", "logo.png", make([]byte, 300<<10)); r.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("a logo of 300 KB: %d %s", r.Status, r.Content)
	}
}

// Before the login a frontend looks like the tenant whose host it is, and like
// the platform under every other name, in the same shape.
func TestBrandingOfAHost(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	tree.L1.Admin.Patch(t, tree.L1.Path("/brand"), apitest.Body{"product_name": "Maple", "hosts": []string{"App.Maple.example"}}).Want(t, http.StatusOK)
	look := func(host string, headers ...apitest.Header) *apitest.Response {
		t.Helper()
		return p.Anonymous().Get(t, "/v1/branding?host="+host, headers...)
	}
	p.Clock.Advance(time.Second)
	known := look("app.maple.EXAMPLE").Want(t, http.StatusOK)
	if known.String(t, "product_name") != "Maple" || !strings.HasPrefix(known.Header.Get("Cache-Control"), "public") {
		t.Errorf("known: %s", known.Content)
	}
	if again := look("app.maple.example", apitest.Header{"If-None-Match": known.Header.Get("ETag")}); again.Status != http.StatusNotModified {
		t.Errorf("again: %d", again.Status)
	}
	if unknown := look("elsewhere.example").Want(t, http.StatusOK); unknown.String(t, "product_name") != "Trellis" {
		t.Errorf("unknown: %s", unknown.Content)
	}
	// A host has one tenant; who that is, is not told.
	refused := tree.L2.Admin.Patch(t, tree.L2.Path("/brand"), apitest.Body{"hosts": []string{"app.maple.example"}}).
		WantProblem(t, http.StatusConflict, "host_taken", "body.hosts[0]")
	if strings.Contains(string(refused.Content), tree.L1.ID.String()) || strings.Contains(string(refused.Content), "Maple\"") {
		t.Errorf("refused: %s", refused.Content)
	}
	tree.Customer.Admin.Patch(t, tree.Customer.Path("/brand"), apitest.Body{"hosts": []string{"x.example"}}).
		WantProblem(t, http.StatusForbidden, "forbidden", "")
	tree.L1.Admin.Patch(t, tree.L1.Path("/brand"), apitest.Body{"hosts": []string{}}).Want(t, http.StatusOK)
	tree.L2.Admin.Patch(t, tree.L2.Path("/brand"), apitest.Body{"hosts": []string{"app.maple.example"}}).Want(t, http.StatusOK)
}

// Covers: TEN-05 TEN-11
func TestResellerProfile(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	at := "/v1/resellers/" + tree.L1.ID.String()
	r := tree.L1.Admin.Patch(t, at, apitest.Body{
		"legal_name": "Maple Telecom Inc.", "default_country": "FR", "default_time_zone": "Europe/Paris", "default_language": "fr",
	}).Want(t, http.StatusOK)
	if r.String(t, "legal_name") != "Maple Telecom Inc." || r.Int(t, "resellers") != 1 || r.Int(t, "customers") != 2 {
		t.Errorf("profile: %s", r.Content)
	}
	made := tree.Operator.Post(t, "/v1/tenants", apitest.Body{"parent_id": tree.L1.ID, "kind": "customer", "name": "French"}).Want(t, http.StatusCreated)
	if made.String(t, "country") != "FR" || made.String(t, "time_zone") != "Europe/Paris" || made.String(t, "language") != "fr" {
		t.Errorf("a new tenant: %s", made.Content)
	}
	tree.L1.Admin.Patch(t, at, apitest.Body{"default_country": nil, "default_time_zone": "Mars/Olympus"}).
		WantProblem(t, unprocessable, "validation_failed", "body.default_time_zone")
	tree.L1.Admin.Get(t, "/v1/resellers/"+tree.Customer.ID.String()).WantProblem(t, http.StatusNotFound, "not_found", "")
	tree.Customer.Admin.Get(t, "/v1/resellers/"+tree.Customer.ID.String()).WantProblem(t, http.StatusForbidden, "forbidden", "")
	tree.L2.Admin.Get(t, at).WantProblem(t, http.StatusNotFound, "not_found", "")
}
