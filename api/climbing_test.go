package api_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
)

// Who sees only what is his own makes nobody who sees more, however few
// permissions he gives him (rules D2-4).
//
// Covers: USR-33 USR-38
func TestWhoSeesHisOwnMakesNobodyWhoSeesMore(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	at := p.Grow(t).Customer
	give(t, at.Admin, at, at.Agent, apitest.Body{"granted_permissions": []string{"users:write", "roles:read", "roles:write"}}).Want(t, http.StatusOK)
	p.Clock.Advance(within)
	create := func(role string, more apitest.Body) *apitest.Response {
		body := apitest.Body{"login": uuid.NewString() + "@maple.example", "name": "New", "role": role, "password": apitest.Password}
		for name, value := range more {
			body[name] = value
		}
		return at.Agent.Post(t, at.Path("/users"), body)
	}
	// A manager with an agent's permissions sees all conversations.
	less := apitest.Body{"denied_permissions": []string{"users:read", "departments:read", "interactions:assign"}}
	create("manager", less).WantProblem(t, http.StatusForbidden, "role_not_assignable", "body.role")
	at.Agent.Post(t, at.Path("/roles"), apitest.Body{"name": "All", "base": "manager", "permissions": []string{"interactions:read"}}).
		WantProblem(t, http.StatusForbidden, "permission_not_grantable", "body.permissions")
	small := roleFor(t, at.Admin, at, "manager", "interactions:read")
	create("manager", apitest.Body{"custom_role_id": small}).WantProblem(t, http.StatusForbidden, "role_not_assignable", "body.role")
	// Nor does he take over one who is there, by a password.
	give(t, at.Admin, at, at.Manager, less).Want(t, http.StatusOK)
	at.Agent.Post(t, at.Path("/users/%s/password", at.Manager.UserID), apitest.Body{"password": "Another-Passw0rd!"}).
		WantProblem(t, http.StatusForbidden, "role_not_assignable", "body.role")
	made := create("agent", nil).Want(t, http.StatusCreated)
	at.Agent.Patch(t, at.Path("/users/%s", made.String(t, "id")), apitest.Body{"role": "manager", "denied_permissions": less["denied_permissions"]}).
		WantProblem(t, http.StatusForbidden, "role_not_assignable", "body.role")
	at.Manager.Get(t, at.Path("/interactions")).Want(t, http.StatusOK)
}

// Whoever rotates or widens a key could use it: a key that another has made may
// reach further than he does with the same permissions.
//
// Covers: SEC-15
func TestNobodyTakesOverAKeyThatReachesFurther(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	l2, customer := tree.L2, tree.Customer
	refused := func(by *apitest.Client, at apitest.Tenant, keyID, code string) {
		t.Helper()
		by.Post(t, at.Path("/api-keys/%s/rotate", keyID), apitest.Body{}).WantProblem(t, http.StatusForbidden, code, "")
		by.Patch(t, at.Path("/api-keys/%s", keyID), apitest.Body{"allowed_addresses": []string{}}).
			WantProblem(t, http.StatusForbidden, code, "")
	}

	// A clerk of the reseller administers its own tenant and none below.
	clerk := p.NewUser(t, l2.Admin, l2, "manager")
	role := roleFor(t, l2.Admin, l2, "manager", "users:read", "api_keys:read", "api_keys:write")
	give(t, l2.Admin, l2, clerk, apitest.Body{"custom_role_id": role}).Want(t, http.StatusOK)
	clerk = p.Login(t, loginOf(t, clerk))
	clerk.Get(t, customer.Path("/users")).WantProblem(t, http.StatusNotFound, "not_found", "")
	above, _ := apiKey(t, l2.Admin, l2, apitest.Body{"permissions": []string{"users:read"}})
	refused(clerk, l2, above, "permission_not_grantable")
	own, _ := apiKey(t, clerk, l2, apitest.Body{"permissions": []string{"users:read"}})
	text := clerk.Post(t, l2.Path("/api-keys/%s/rotate", own), apitest.Body{}).Want(t, http.StatusOK).String(t, "key")
	clerk.As(text).Get(t, l2.Path("/users")).Want(t, http.StatusOK)
	clerk.As(text).Get(t, customer.Path("/users")).WantProblem(t, http.StatusNotFound, "not_found", "")

	// An agent sees the conversations that are his.
	give(t, customer.Admin, customer, customer.Agent, apitest.Body{"granted_permissions": []string{"api_keys:read", "api_keys:write"}}).Want(t, http.StatusOK)
	p.Clock.Advance(within)
	all, _ := apiKey(t, customer.Admin, customer, apitest.Body{"permissions": []string{"interactions:read"}})
	refused(customer.Agent, customer, all, "permission_not_grantable")

	// A key takes over none that outlives it; what was rotated away is no way back.
	permissions := []string{"api_keys:write", "contacts:read"}
	shortID, short := apiKey(t, customer.Admin, customer, apitest.Body{"permissions": permissions, "expires_at": p.Clock.Now().Add(24 * time.Hour)})
	long, _ := apiKey(t, customer.Admin, customer, apitest.Body{"permissions": []string{"contacts:read"}})
	refused(short, customer, long, "key_restricted")
	customer.Admin.Post(t, customer.Path("/api-keys/%s/rotate", shortID), apitest.Body{"grace_seconds": 3600}).Want(t, http.StatusOK)
	refused(short, customer, shortID, "key_restricted")
}

// A key that is kept to a channel gives nobody the other ones, and learns
// nothing of them.
//
// Covers: SEC-15
func TestAKeyOfAChannelMakesNobody(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	at := p.Grow(t).Customer
	mine, other := p.TwilioLine(t, at), p.TwilioLine(t, at)
	_, key := apiKey(t, at.Admin, at, apitest.Body{"channel_ids": []uuid.UUID{mine.ChannelID}, "permissions": []string{
		"users:write", "roles:write", "interactions:read", "interactions:mark", "interactions:reply", "interactions:close",
		"interactions:start", "contacts:read", "channels:read", "queues:read",
	}})
	key.Post(t, at.Path("/users"), apitest.Body{"login": "new@maple.example", "name": "New", "role": "agent", "password": apitest.Password}).
		WantProblem(t, http.StatusForbidden, "role_not_assignable", "body.role")
	key.Post(t, at.Path("/users/%s/password", at.Agent.UserID), apitest.Body{"password": "Another-Passw0rd!"}).
		WantProblem(t, http.StatusForbidden, "role_not_assignable", "body.role")
	key.Post(t, at.Path("/roles"), apitest.Body{"name": "All", "base": "agent", "permissions": []string{"interactions:read"}}).
		WantProblem(t, http.StatusForbidden, "permission_not_grantable", "body.permissions")

	// A message's name is the tenant's, and what has it stays out of sight.
	send := func(by *apitest.Client, line apitest.Line) *apitest.Response {
		return by.Post(t, at.Path("/messages"), apitest.Body{"channel_id": line.ChannelID, "to": number(1), "body": "hello", "client_message_id": "one"})
	}
	send(at.Admin, other).Want(t, http.StatusCreated)
	send(key, mine).WantProblem(t, http.StatusConflict, "client_message_id_reused", "body.client_message_id")

	// A colleague's picture belongs to no channel yet.
	upload := at.Admin.Upload(t, at.Path("/attachments"), "a.png", drawing(t, "png")).Want(t, http.StatusCreated).String(t, "id")
	key.Get(t, at.Path("/attachments/%s", upload)).WantProblem(t, http.StatusNotFound, "not_found", "")
}

// A provider is its tenant's and hostile to all others: their browsers are sent
// to what it names, by the page in which everybody signs in.
//
// Covers: SEC-12
func TestAProviderSendsNoBrowserToCode(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	at := p.Grow(t).Customer
	for _, entrance := range []string{"javascript:alert(document.domain)//", "data:text/html,x", "//evil.example/authorize", "https://user@evil.example/"} {
		var server *httptest.Server
		server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"issuer":"` + server.URL + `","authorization_endpoint":"` + entrance + `","token_endpoint":"` +
				server.URL + `/token","jwks_uri":"` + server.URL + `/jwks","id_token_signing_alg_values_supported":["RS256"]}`))
		}))
		defer server.Close()
		at.Admin.Do(t, http.MethodPut, at.Path("/single-sign-on"), apitest.Body{
			"issuer": server.URL, "client_id": "trellis", "client_secret": "a-secret-of-the-application", "email_domains": []string{"maple.example"},
		}).WantProblem(t, http.StatusUnprocessableEntity, "validation_failed", "body.issuer")
	}
}

// An account for a service signs in nowhere: it is no administrator who could
// let the tenant's people in again.
//
// Covers: USR-21
func TestAServiceIsNotTheLastAdministrator(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	at := tree.Customer
	at.Admin.Post(t, at.Path("/users"), apitest.Body{"login": "bot@maple.example", "name": "Bot", "kind": "service", "role": "tenant_admin"}).
		Want(t, http.StatusCreated)
	tree.L2.Admin.Patch(t, at.Path("/users/%s", at.Admin.UserID), apitest.Body{"status": "disabled"}).
		WantProblem(t, http.StatusConflict, "conflict", "")
	p.NewUser(t, at.Admin, at, "tenant_admin")
	tree.L2.Admin.Patch(t, at.Path("/users/%s", at.Admin.UserID), apitest.Body{"status": "disabled"}).Want(t, http.StatusOK)
}

// A role of a reseller that is made of a manager's reaches its own tenant, and
// so do its permissions on numbers, which are found by place in the tree.
//
// Covers: CHN-09 USR-33
func TestNumbersAreDistributedByWhoReachesBelow(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	l2 := tree.L2
	_, below := p.CarrierLine(t, tree)
	clerk := p.NewUser(t, l2.Admin, l2, "manager")
	role := roleFor(t, l2.Admin, l2, "manager", "numbers:read", "numbers:assign")
	give(t, l2.Admin, l2, clerk, apitest.Body{"custom_role_id": role}).Want(t, http.StatusOK)
	clerk = p.Login(t, loginOf(t, clerk))
	at := func(format string) string { return l2.Path(format, below) }
	unknown := func() {
		t.Helper()
		for _, ask := range []struct {
			method, path string
			body         any
		}{
			{http.MethodGet, "/numbers/%s", nil},
			{http.MethodGet, "/numbers/%s/history", nil},
			{http.MethodPost, "/numbers/%s/reclaim", apitest.Body{"force": true}},
			{http.MethodPost, "/numbers/%s/move", apitest.Body{"tenant_id": l2.ID}},
		} {
			clerk.Do(t, ask.method, at(ask.path), ask.body).WantProblem(t, http.StatusNotFound, "not_found", "")
		}
		if got := clerk.Get(t, l2.Path("/numbers?view=all")).Want(t, http.StatusOK).Items(t); len(got) != 0 {
			t.Errorf("the clerk sees %v", got)
		}
	}
	unknown()
	l2.Admin.Post(t, at("/numbers/%s/reclaim"), apitest.Body{}).Want(t, http.StatusOK)
	clerk.Get(t, at("/numbers/%s")).Want(t, http.StatusOK)
	if got := texts(t, clerk.Get(t, at("/numbers/%s/history")), "holder_id"); len(got) != 2 {
		t.Errorf("the clerk is told of the holders %v", got)
	}
	clerk.Post(t, at("/numbers/%s/assign"), apitest.Body{"tenant_id": tree.Customer.ID}).
		WantProblem(t, http.StatusUnprocessableEntity, "not_found", "body.tenant_id")
	clerk.Post(t, at("/numbers/%s/move"), apitest.Body{"tenant_id": tree.Customer.ID}).
		WantProblem(t, http.StatusUnprocessableEntity, "not_found", "body.tenant_id")
	l2.Admin.Post(t, at("/numbers/%s/assign"), apitest.Body{"tenant_id": tree.Customer.ID}).Want(t, http.StatusOK)
	unknown()
}

// What is a person's own is not in the tenant that he acts in.
//
// Covers: TEN-08
func TestActingShowsNothingOfTheOwnAccount(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	acting, _ := act(t, tree.L2.Admin, tree.Customer)
	for _, path := range []string{"second-factor", "sessions", "avatar", "preferences"} {
		acting.Get(t, "/v1/me/"+path).WantProblem(t, http.StatusForbidden, "forbidden", "")
	}
	acting.Get(t, "/v1/me").Want(t, http.StatusOK)
	for _, path := range []string{tree.L2.Path(""), tree.Other.Path("")} {
		acting.Get(t, path).WantProblem(t, http.StatusNotFound, "not_found", "")
	}
}
