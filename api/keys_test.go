package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider/sim"
)

// apiKey makes a key and returns its id and a client that uses it.
func apiKey(t testing.TB, by *apitest.Client, at apitest.Tenant, body apitest.Body) (string, *apitest.Client) {
	t.Helper()
	if body["name"] == nil {
		body["name"] = "Key"
	}
	r := by.Post(t, at.Path("/api-keys"), body).Want(t, http.StatusCreated)
	return r.String(t, "id"), by.As(r.String(t, "key"))
}

// A key that is kept to a channel sees and uses that one and what happens on it,
// and there are no others (rules C10-1).
//
// Covers: SEC-15
func TestAKeyIsKeptToItsChannels(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	customer := tree.Customer
	mine, other := p.TwilioLine(t, customer), p.TwilioLine(t, customer)
	send := func(by *apitest.Client, line apitest.Line, to string) *apitest.Response {
		t.Helper()
		return by.Post(t, customer.Path("/messages"), apitest.Body{"channel_id": line.ChannelID, "to": to, "body": "hello"})
	}
	theirs := send(customer.Admin, other, number(1)).Want(t, http.StatusCreated)
	p.Receive(t, other, sim.Inbound{From: number(2), Body: "STOP"})
	all := []string{
		"channels:read", "channels:write", "interactions:read", "interactions:start", "interactions:reply", "interactions:close",
		"interactions:mark", "opt_outs:read", "api_keys:read", "api_keys:write",
	}
	_, key := apiKey(t, customer.Admin, customer, apitest.Body{"permissions": all, "channel_ids": []uuid.UUID{mine.ChannelID}})

	if got := texts(t, key.Get(t, customer.Path("/channels")).Want(t, http.StatusOK), "id"); len(got) != 1 || got[0] != mine.ChannelID.String() {
		t.Errorf("the key sees the channels %q", got)
	}
	for _, path := range []string{"/interactions", "/opt-outs"} {
		if got := texts(t, key.Get(t, customer.Path("%s", path)).Want(t, http.StatusOK), "id"); len(got) != 0 {
			t.Errorf("%s: the key sees %q", path, got)
		}
	}
	// What is on another channel is not there, in the words of a random id.
	interaction, message := theirs.String(t, "interaction_id"), theirs.String(t, "id")
	for _, ask := range []struct{ method, path, id string }{
		{http.MethodGet, "/channels/%s", other.ChannelID.String()},
		{http.MethodPatch, "/channels/%s", other.ChannelID.String()},
		{http.MethodGet, "/channels/%s/capabilities", other.ChannelID.String()},
		{http.MethodGet, "/interactions/%s", interaction},
		{http.MethodGet, "/interactions/%s/messages", interaction},
		{http.MethodPost, "/interactions/%s/messages", interaction},
		{http.MethodPost, "/interactions/%s/close", interaction},
		{http.MethodPost, "/interactions/%s/read", interaction},
		{http.MethodGet, "/messages/%s", message},
		{http.MethodGet, "/messages/%s/status-events", message},
		{http.MethodPost, "/messages/%s/resend", message},
	} {
		var body any
		switch {
		case ask.method == http.MethodPatch:
			body = apitest.Body{"name": "Renamed"}
		case strings.HasSuffix(ask.path, "/messages") && ask.method == http.MethodPost:
			body = apitest.Body{"body": "hello"}
		case strings.HasSuffix(ask.path, "/close"):
			body = apitest.Body{}
		}
		there := normal(t, key.Do(t, ask.method, customer.Path(ask.path, ask.id), body), ask.id)
		random := uuid.NewString()
		nowhere := normal(t, key.Do(t, ask.method, customer.Path(ask.path, random), body), random)
		if there != nowhere || !strings.HasPrefix(there, "404 ") {
			t.Errorf("%s %s: %s, and a random id %s", ask.method, ask.path, there, nowhere)
		}
	}
	send(key, other, number(3)).WantProblem(t, http.StatusNotFound, "not_found", "")
	p.Work(t)

	// On its own channel it does everything.
	sent := send(key, mine, number(1)).Want(t, http.StatusCreated)
	key.Post(t, customer.Path("/interactions/%s/messages", sent.String(t, "interaction_id")), apitest.Body{"body": "more"}).Want(t, http.StatusCreated)
	if got := texts(t, key.Get(t, customer.Path("/interactions")).Want(t, http.StatusOK), "id"); len(got) != 1 {
		t.Errorf("the key sees %q of its own", got)
	}
	// It writes to none of the tenant's other numbers, though it does not see them.
	send(key, mine, other.Address).WantProblem(t, unprocessable, "own_number", "body.to")
	// It opens no channel, and makes no key that reaches further.
	key.Post(t, customer.Path("/channels"), sandboxChannel()).WantProblem(t, http.StatusForbidden, "key_restricted", "")
	key.Post(t, customer.Path("/api-keys"), apitest.Body{"name": "K", "permissions": []string{"channels:read"}, "channel_ids": []uuid.UUID{other.ChannelID}}).
		WantProblem(t, http.StatusForbidden, "key_restricted", "body.channel_ids")
	id, child := apiKey(t, key, customer, apitest.Body{"permissions": []string{"channels:read"}})
	if got := texts(t, child.Get(t, customer.Path("/channels")).Want(t, http.StatusOK), "id"); len(got) != 1 || got[0] != mine.ChannelID.String() {
		t.Errorf("the key's key sees the channels %q", got)
	}
	key.Patch(t, customer.Path("/api-keys/%s", id), apitest.Body{"channel_ids": []string{}}).Want(t, http.StatusOK)
	p.Clock.Advance(time.Second)
	if got := texts(t, child.Get(t, customer.Path("/channels")).Want(t, http.StatusOK), "id"); len(got) != 1 {
		t.Errorf("the key's key was widened to %q", got)
	}
	// Its maker may widen it.
	customer.Admin.Patch(t, customer.Path("/api-keys/%s", id), apitest.Body{"channel_ids": []string{}}).Want(t, http.StatusOK)
	p.Clock.Advance(time.Second)
	if got := texts(t, child.Get(t, customer.Path("/channels")).Want(t, http.StatusOK), "id"); len(got) != 2 {
		t.Errorf("the key was widened, and sees %q", got)
	}
	customer.Admin.Post(t, customer.Path("/api-keys"), apitest.Body{"name": "K", "permissions": []string{"channels:read"}, "channel_ids": []string{uuid.NewString()}}).
		WantProblem(t, unprocessable, "not_found", "body.channel_ids[0]")
}

// A key is used from its addresses and web sites only.
func TestAKeyIsKeptToAddressesAndSites(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	customer := tree.Customer
	produce := func(by *apitest.Client, body apitest.Body) *apitest.Client {
		t.Helper()
		body["permissions"] = []string{"channels:read", "api_keys:write"}
		_, key := apiKey(t, by, customer, body)
		return key
	}
	here := produce(customer.Admin, apitest.Body{"allowed_addresses": []string{"192.0.2.7", "::ffff:127.0.0.0/104"}})
	away := produce(customer.Admin, apitest.Body{"allowed_addresses": []string{"192.0.2.0/24", "2001:db8::/32"}})
	site := produce(customer.Admin, apitest.Body{"allowed_origins": []string{"https://App.example.com:443"}})
	for name, c := range map[string]struct {
		key    *apitest.Client
		origin string
		ok     bool
	}{
		"its address":         {here, "", true},
		"another address":     {away, "", false},
		"no browser":          {site, "", true},
		"its site":            {site, "https://app.example.com", true},
		"another site":        {site, "https://app.example.com.evil.example", false},
		"its site, elsewhere": {away, "https://app.example.com", false},
	} {
		t.Run(name, func(t *testing.T) {
			header := apitest.Header{}
			if c.origin != "" {
				header["Origin"] = c.origin
			}
			r := c.key.Get(t, customer.Path("/channels"), header)
			if c.ok {
				r.Want(t, http.StatusOK)
				return
			}
			r.WantProblem(t, http.StatusForbidden, "key_restricted", "")
		})
	}
	// What a key makes stays within.
	_, child := apiKey(t, here, customer, apitest.Body{"permissions": []string{"channels:read"}})
	child.Get(t, customer.Path("/channels")).Want(t, http.StatusOK)
	for field, list := range map[string][]string{"allowed_addresses": {"127.0.0.0/7"}, "allowed_origins": {"https://evil.example"}} {
		by := map[string]*apitest.Client{"allowed_addresses": here, "allowed_origins": site}[field]
		by.Post(t, customer.Path("/api-keys"), apitest.Body{"name": "K", "permissions": []string{"channels:read"}, field: list}).
			WantProblem(t, http.StatusForbidden, "key_restricted", "body."+field)
	}
	for field, bad := range map[string]string{
		"allowed_addresses": "192.0.2.0/33", "allowed_origins": "http://app.example.com",
	} {
		customer.Admin.Post(t, customer.Path("/api-keys"), apitest.Body{"name": "K", "permissions": []string{"channels:read"}, field: []string{bad}}).
			WantProblem(t, unprocessable, "validation_failed", "body."+field+"[0]")
	}
}

// A key is renamed and rotated; its text from before is good for the grace.
func TestKeysAreRotated(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	customer := tree.Customer
	id, first := apiKey(t, customer.Admin, customer, apitest.Body{"permissions": []string{"channels:read"}})
	path := customer.Path("/api-keys/%s", id)
	works := func(name string, key *apitest.Client, want bool) {
		t.Helper()
		r := key.Get(t, customer.Path("/channels"))
		if want {
			r.Want(t, http.StatusOK)
			return
		}
		if r.Status != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, r.Status)
		}
	}
	works("first", first, true)
	p.Identity.Close() // waits for the note
	r := customer.Admin.Get(t, path).Want(t, http.StatusOK)
	if r.String(t, "last_used_at") == "" {
		t.Errorf("%s", r.Content)
	}
	customer.Admin.Patch(t, path, apitest.Body{"name": "Web shop"}, apitest.Header{"If-Match": r.Header.Get("ETag")}).Want(t, http.StatusOK)
	customer.Admin.Patch(t, path, apitest.Body{"name": "Late"}, apitest.Header{"If-Match": r.Header.Get("ETag")}).
		WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")

	rotate := func(body apitest.Body) *apitest.Client {
		t.Helper()
		r := customer.Admin.Post(t, path+"/rotate", body, apitest.Header{"Idempotency-Key": uuid.NewString()}).Want(t, http.StatusOK)
		if r.String(t, "name") != "Web shop" || r.String(t, "rotated_at") == "" {
			t.Errorf("%s", r.Content)
		}
		return customer.Admin.As(r.String(t, "key"))
	}
	second := rotate(apitest.Body{"grace_seconds": 600})
	works("first in its grace", first, true)
	works("second", second, true)
	p.Clock.Advance(10 * time.Minute)
	works("first after its grace", first, false)
	works("second", second, true)
	third := rotate(apitest.Body{"grace_seconds": 86400})
	fourth := rotate(apitest.Body{})
	p.Clock.Advance(time.Second)
	works("second after two rotations", second, false)
	works("third", third, true)
	works("fourth", fourth, true)
	fifth := rotate(apitest.Body{"grace_seconds": 0, "expires_at": p.Clock.Now().Add(48 * time.Hour)})
	p.Clock.Advance(time.Second)
	works("fourth without grace", fourth, false)
	works("fifth", fifth, true)
	p.Clock.Advance(48 * time.Hour)
	works("fifth after its end", fifth, false)
	customer.Admin.Post(t, path+"/rotate", apitest.Body{}).WantProblem(t, unprocessable, "validation_failed", "body.expires_at")
	sixth := rotate(apitest.Body{"expires_at": p.Clock.Now().Add(time.Hour)})
	works("sixth", sixth, true)
	for _, bad := range []apitest.Body{{"grace_seconds": 86401}, {"grace_seconds": -1}, {"expires_at": p.Clock.Now().Add(366 * 24 * time.Hour)}} {
		if r := customer.Admin.Post(t, path+"/rotate", bad); r.Status != unprocessable {
			t.Errorf("%v: %d %s", bad, r.Status, r.Content)
		}
	}
	customer.Admin.Post(t, path+"/revoke", nil).Want(t, http.StatusOK)
	p.Clock.Advance(time.Second)
	works("sixth, revoked", sixth, false)
	customer.Admin.Post(t, path+"/rotate", apitest.Body{}).WantProblem(t, http.StatusConflict, "wrong_state", "")
	customer.Admin.Patch(t, path, apitest.Body{"name": "Again"}).WantProblem(t, http.StatusConflict, "wrong_state", "")

	// Nobody gets by rotation what he does not have.
	strong, _ := apiKey(t, customer.Admin, customer, apitest.Body{"permissions": []string{"channels:read", "users:write"}})
	_, weak := apiKey(t, customer.Admin, customer, apitest.Body{"permissions": []string{"channels:read", "api_keys:write"}})
	weak.Post(t, customer.Path("/api-keys/%s/rotate", strong), apitest.Body{}).WantProblem(t, http.StatusForbidden, "permission_not_grantable", "")
	weak.Patch(t, customer.Path("/api-keys/%s", strong), apitest.Body{"allowed_addresses": []string{}}).
		WantProblem(t, http.StatusForbidden, "permission_not_grantable", "")
	weak.Patch(t, customer.Path("/api-keys/%s", strong), apitest.Body{"name": "Renamed"}).Want(t, http.StatusOK)
}

// Browsers are let in from the web sites that the tenant, one above it or a key
// of theirs names, and from no others (rules C10-3).
//
// Covers: TEN-17 TEN-18
func TestWebSites(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	customer := tree.Customer
	origins := func(at apitest.Tenant, list ...string) {
		t.Helper()
		at.Admin.Patch(t, at.Path(""), apitest.Body{"allowed_origins": append([]string{}, list...)}).Want(t, http.StatusOK)
	}
	const own, above, ofKey, neighbour = "https://app.customer.example", "https://portal.reseller.example", "https://shop.example:8443", "https://app.other.example"
	origins(customer, own)
	origins(tree.L2, above)
	origins(tree.Other, neighbour)
	apiKey(t, customer.Admin, customer, apitest.Body{"permissions": []string{"channels:read"}, "allowed_origins": []string{ofKey}})
	for name, c := range map[string]struct {
		origin, path string
		allowed      bool
	}{
		"the tenant's":                          {own, customer.Path("/channels"), true},
		"the reseller's":                        {above, customer.Path("/channels"), true},
		"a key's":                               {ofKey, customer.Path("/channels"), true},
		"a neighbour's":                         {neighbour, customer.Path("/channels"), false},
		"the customer's at its reseller":        {own, tree.L2.Path("/channels"), false},
		"a part of the tenant's":                {"https://customer.example", customer.Path("/channels"), false},
		"more than the tenant's":                {own + ".evil.example", customer.Path("/channels"), false},
		"another port":                          {own + ":8443", customer.Path("/channels"), false},
		"unencrypted":                           {"http://app.customer.example", customer.Path("/channels"), false},
		"null":                                  {"null", customer.Path("/channels"), false},
		"nobody's":                              {"https://evil.example", customer.Path("/channels"), false},
		"a tenant that is not there":            {own, fmt.Sprintf("/v1/tenants/%s/channels", uuid.New()), false},
		"signing in, from anybody's":            {neighbour, "/v1/auth/login", true},
		"signing in, from a key's":              {ofKey, "/v1/auth/login", true},
		"signing in, from nobody's":             {"https://evil.example", "/v1/auth/login", false},
		"about oneself, from the reseller's":    {above, "/v1/me", true},
		"about oneself, from nobody's":          {"https://evil.example", "/v1/me", false},
		"the tenant's, in a browser's spelling": {strings.ToUpper(own), customer.Path("/channels"), true},
	} {
		t.Run(name, func(t *testing.T) {
			method := http.MethodGet
			if c.path == "/v1/auth/login" {
				method = http.MethodPost
			}
			ask := func(method string, header apitest.Header) *http.Response {
				t.Helper()
				request, err := http.NewRequest(method, p.URL+c.path, strings.NewReader("{}"))
				if err != nil {
					t.Fatal(err)
				}
				request.Header.Set("Origin", c.origin)
				for name, value := range header {
					request.Header.Set(name, value)
				}
				r, err := http.DefaultClient.Do(request)
				if err != nil {
					t.Fatal(err)
				}
				_ = r.Body.Close()
				return r
			}
			want := ""
			if c.allowed {
				want = c.origin
			}
			preflight := ask(http.MethodOptions, apitest.Header{"Access-Control-Request-Method": method})
			age, methods := preflight.Header.Get("Access-Control-Max-Age"), preflight.Header.Get("Access-Control-Allow-Methods")
			if preflight.StatusCode != http.StatusNoContent || preflight.Header.Get("Access-Control-Allow-Origin") != want ||
				(age == "600") != c.allowed || strings.Contains(methods, method) != c.allowed {
				t.Errorf("the preflight: %d %v", preflight.StatusCode, preflight.Header)
			}
			// Also what is refused can be read by whom it is for.
			answer := ask(method, apitest.Header{"Authorization": "Bearer " + customer.Admin.Bearer, "Content-Type": "application/json"})
			if answer.Header.Get("Access-Control-Allow-Origin") != want {
				t.Errorf("the answer: %d %v", answer.StatusCode, answer.Header)
			}
			for _, h := range []http.Header{preflight.Header, answer.Header} {
				if !strings.Contains(strings.Join(h.Values("Vary"), ","), "Origin") || h.Get("Access-Control-Allow-Credentials") != "" ||
					h.Get("Access-Control-Allow-Origin") == "*" {
					t.Errorf("%v", h)
				}
			}
			if exposed := answer.Header.Get("Access-Control-Expose-Headers"); c.allowed != strings.Contains(exposed, "RateLimit-Policy") {
				t.Errorf("exposed: %q", exposed)
			}
		})
	}
	// A site that is taken off the list is out within seconds.
	origins(customer)
	p.Clock.Advance(6 * time.Second)
	r := customer.Admin.Get(t, customer.Path("/channels"), apitest.Header{"Origin": own})
	if got := r.Header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("a site that was taken off the list is let in: %s", got)
	}
}
