package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider/sandbox"
)

// sandboxed is a customer with a sandbox, and a test key for everything.
type sandboxed struct {
	*apitest.Platform
	tree apitest.Tree
	live apitest.Tenant
	twin apitest.Tenant // nobody is at home there
	test *apitest.Client
}

var testPermissions = []string{
	"channels:read", "channels:write", "contacts:read", "interactions:read", "interactions:start", "interactions:reply",
	"interactions:close", "opt_outs:read", "api_keys:read", "api_keys:write", "users:read", "users:write", "tenants:read", "settings:write",
}

func newSandbox(t *testing.T) sandboxed {
	t.Helper()
	p := apitest.Start(t)
	s := sandboxed{Platform: p, tree: p.Grow(t)}
	s.live = s.tree.Customer
	r := s.live.Admin.Post(t, s.live.Path("/api-keys"), apitest.Body{"name": "Test", "permissions": testPermissions, "mode": "test"}).
		Want(t, http.StatusCreated)
	if text := r.String(t, "key"); !strings.HasPrefix(text, "trl_test_") || r.String(t, "mode") != "test" {
		t.Errorf("%s", r.Content)
	}
	s.twin = apitest.Tenant{ID: r.ID(t, "tenant_id"), Admin: s.live.Admin}
	s.test = s.live.Admin.As(r.String(t, "key"))
	return s
}

// Test keys run the whole way in the twin of their tenant (rules C11-1, C11-3).
//
// Covers: SEC-15
func TestTestKeysWorkInTheSandbox(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	if s.twin.ID == s.live.ID {
		t.Fatal("the test key is bound to the tenant itself")
	}
	me := s.test.Get(t, "/v1/me").Want(t, http.StatusOK)
	if me.ID(t, "tenant.id") != s.twin.ID || me.String(t, "tenant.kind") != "sandbox" || me.String(t, "tenant.time_zone") != "America/Toronto" {
		t.Errorf("%s", me.Content)
	}
	for range 2 { // there is one
		if got := s.live.Admin.Post(t, s.live.Path("/sandbox"), nil).Want(t, http.StatusOK).ID(t, "id"); got != s.twin.ID {
			t.Errorf("the sandbox is %s, want %s", got, s.twin.ID)
		}
	}
	if got := s.live.Admin.Post(t, s.twin.Path("/api-keys"), apitest.Body{"name": "K", "permissions": []string{"channels:read"}}).
		Want(t, http.StatusCreated).String(t, "key"); !strings.HasPrefix(got, "trl_test_") {
		t.Errorf("a key made in the sandbox is %.9s…", got)
	}

	channel := s.test.Post(t, s.twin.Path("/channels"), sandboxChannel()).Want(t, http.StatusCreated).String(t, "id")
	refused := s.test.Post(t, s.twin.Path("/messages"), apitest.Body{"channel_id": channel, "to": sandbox.OptedOut, "body": "hello"}).Want(t, http.StatusCreated)
	s.Work(t)
	if got := s.test.Get(t, s.twin.Path("/messages/%s", refused.String(t, "id"))).Want(t, http.StatusOK).String(t, "status"); got != "failed" {
		t.Errorf("a message to who opted out is %s", got)
	}
	inject := func(body apitest.Body) *apitest.Response {
		t.Helper()
		body["channel_id"], body["from"] = channel, apitest.Customer
		return s.test.Post(t, s.twin.Path("/sandbox/inbound"), body)
	}
	for range 2 { // the same message once
		if got := inject(apitest.Body{"body": "Are you open?", "message_id": "test-1"}).Want(t, http.StatusAccepted).String(t, "message_id"); got != "test-1" {
			t.Errorf("the message is %s", got)
		}
	}
	inject(apitest.Body{"body": "STOP"}).Want(t, http.StatusAccepted)
	s.Work(t)
	talk := s.test.Get(t, s.twin.Path("/interactions?address=%s", "%2B15145550199"))
	if talk.Status != http.StatusOK {
		talk = s.test.Get(t, s.twin.Path("/interactions"))
	}
	heard := 0
	for _, id := range texts(t, talk.Want(t, http.StatusOK), "id") {
		messages := s.test.Get(t, s.twin.Path("/interactions/%s/messages", id)).Want(t, http.StatusOK)
		heard += strings.Count(string(messages.Content), `"direction":"inbound"`)
	}
	if heard != 2 {
		t.Errorf("%d messages were heard, want 2", heard)
	}
	if got := texts(t, s.test.Get(t, s.twin.Path("/opt-outs")).Want(t, http.StatusOK), "id"); len(got) == 0 {
		t.Error("STOP was not heard")
	}
	// Its developers look at what happened with their own eyes.
	if got := texts(t, s.live.Admin.Get(t, s.twin.Path("/interactions")).Want(t, http.StatusOK), "id"); len(got) == 0 {
		t.Error("the tenant's administrator sees nothing in the sandbox")
	}
	// A line of a real carrier is not written to.
	line := s.TwilioLine(t, s.live)
	s.live.Admin.Post(t, s.live.Path("/sandbox/inbound"), apitest.Body{"channel_id": line.ChannelID, "from": apitest.Customer, "body": "x"}).
		WantProblem(t, unprocessable, "channel_not_capable", "body.channel_id")
}

// Test and live see nothing of each other, whatever is asked (rules C11-1).
func TestTestAndLiveAreApart(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	_, live := apiKey(t, s.live.Admin, s.live, apitest.Body{"permissions": testPermissions})
	_, above := apiKey(t, s.tree.L2.Admin, s.tree.L2, apitest.Body{"permissions": []string{"channels:read", "users:read", "tenants:read", "api_keys:write"}})
	for name, c := range map[string]struct {
		client *apitest.Client
		at     apitest.Tenant
	}{
		"a test key at its tenant":             {s.test, s.live},
		"a test key at the reseller":           {s.test, s.tree.L2},
		"a live key at the sandbox":            {live, s.twin},
		"a reseller's live key at the sandbox": {above, s.twin},
		"an agent at the sandbox":              {s.live.Agent, s.twin},
		"a manager at the sandbox":             {s.live.Manager, s.twin},
		"a neighbour at the sandbox":           {s.tree.Other.Admin, s.twin},
	} {
		for _, o := range s.Contract.Operations() {
			if !strings.Contains(o.Path, "{tenant_id}") || strings.Contains(o.ID, "upload") || o.Permission == "public" {
				continue
			}
			var body any
			if o.Node["requestBody"] != nil {
				body = apitest.Body{}
			}
			answer := func(tenant string) string {
				return normal(t, c.client.Do(t, o.Method, fill(o.Path, map[string]string{"tenant_id": tenant}), body), tenant)
			}
			if got, nobody := answer(c.at.ID.String()), answer(uuid.NewString()); got != nobody || !strings.HasPrefix(got, "404 ") {
				t.Errorf("%s: %s is answered %s, and nobody's tenant %s", name, o.ID, got, nobody)
			}
		}
	}
	live.Post(t, s.live.Path("/api-keys"), apitest.Body{"name": "K", "permissions": []string{"channels:read"}, "mode": "test"}).
		WantProblem(t, http.StatusForbidden, "key_restricted", "")

	// A sandbox stands in no list, unless it is asked for.
	for _, c := range []*apitest.Client{s.tree.Operator, s.tree.L1.Admin, s.tree.L2.Admin, s.live.Admin} {
		if got := string(c.Get(t, "/v1/tenants?limit=200").Want(t, http.StatusOK).Content); strings.Contains(got, s.twin.ID.String()) {
			t.Errorf("the sandbox is listed: %s", got)
		}
	}
	if got := texts(t, s.tree.L2.Admin.Get(t, "/v1/tenants?kind=sandbox").Want(t, http.StatusOK), "id"); len(got) != 1 || got[0] != s.twin.ID.String() {
		t.Errorf("asked for, the sandboxes are %q", got)
	}
	// Those above administer it and read nothing.
	s.tree.L2.Admin.Get(t, s.twin.Path("/channels")).Want(t, http.StatusOK)
	s.tree.L2.Admin.Get(t, s.twin.Path("/interactions")).WantProblem(t, http.StatusForbidden, "forbidden", "")
}

// Nothing leaves a sandbox, nobody lives in it, and nothing stands below it; the
// database sees to it as well.
func TestASandboxIsClosed(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	for _, c := range []*apitest.Client{s.test, s.live.Admin, s.tree.L2.Admin} {
		c.Post(t, s.twin.Path("/channels"), apitest.Body{
			"name": "Line", "provider": "twilio", "address": apitest.NewAddress(),
			"credentials": apitest.Body{"account_sid": "AC" + strings.Repeat("0", 32), "auth_token": strings.Repeat("0", 32)},
		}).WantProblem(t, unprocessable, "validation_failed", "body.provider")
		if c == s.test {
			continue // it may not make users anywhere
		}
		c.Post(t, s.twin.Path("/users"), newUser("agent")).WantProblem(t, unprocessable, "validation_failed", "path.tenant_id")
	}
	s.tree.L2.Admin.Post(t, "/v1/tenants", apitest.Body{"parent_id": s.twin.ID, "kind": "customer", "name": "Below"}).
		WantProblem(t, unprocessable, "wrong_parent", "body.parent_id")
	s.test.Post(t, s.twin.Path("/sandbox"), nil).WantProblem(t, unprocessable, "wrong_parent", "")
	s.tree.L2.Admin.Post(t, s.tree.L2.Path("/sandbox"), nil).Want(t, http.StatusOK)
	twinOfL2 := s.tree.L2.Admin.Post(t, s.tree.L2.Path("/sandbox"), nil).Want(t, http.StatusOK).ID(t, "id")
	number := s.tree.Operator.Post(t, apitest.Tenant{ID: s.OperatorTenant()}.Path("/numbers"), carrierNumber(&world{Platform: s.Platform}, apitest.NewAddress())).
		Want(t, http.StatusCreated).String(t, "id")
	s.tree.Operator.Post(t, apitest.Tenant{ID: s.OperatorTenant()}.Path("/numbers/%s/assign", number), apitest.Body{"tenant_id": s.tree.L1.ID}).Want(t, http.StatusOK)
	s.tree.L1.Admin.Post(t, s.tree.L1.Path("/numbers/%s/assign", number), apitest.Body{"tenant_id": s.tree.L2.ID}).Want(t, http.StatusOK)
	s.tree.L2.Admin.Post(t, s.tree.L2.Path("/numbers/%s/assign", number), apitest.Body{"tenant_id": twinOfL2}).
		WantProblem(t, unprocessable, "not_found", "body.tenant_id")

	channel := s.test.Post(t, s.twin.Path("/channels"), sandboxChannel()).Want(t, http.StatusCreated).String(t, "id")
	owner := s.Database.Owner(t)
	for name, statement := range map[string]string{
		"a real carrier":  `UPDATE channels SET provider = 'twilio' WHERE id = '` + channel + `'`,
		"a user":          `UPDATE users SET tenant_id = '` + s.twin.ID.String() + `' WHERE id = '` + s.live.Agent.UserID.String() + `'`,
		"something below": `UPDATE tenants SET parent_id = '` + s.twin.ID.String() + `' WHERE id = '` + s.tree.Other.ID.String() + `'`,
		"a second":        `UPDATE tenants SET parent_id = '` + s.live.ID.String() + `' WHERE id = '` + twinOfL2.String() + `'`,
	} {
		if _, err := owner.ExecContext(t.Context(), statement); err == nil {
			t.Errorf("%s: the database lets it in", name)
		}
	}
}

// A test key ends as any key does.
func TestTestKeysFollowTheirCreator(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	boss := s.NewUser(t, s.live.Admin, s.live, "tenant_admin")
	_, key := apiKey(t, boss, s.live, apitest.Body{"permissions": []string{"channels:read", "channels:write"}, "mode": "test"})
	key.Post(t, s.twin.Path("/channels"), sandboxChannel()).Want(t, http.StatusCreated)
	s.live.Admin.Patch(t, s.live.Path("/users/%s", boss.UserID), apitest.Body{"role": "agent"}).Want(t, http.StatusOK)
	s.Clock.Advance(time.Second)
	key.Post(t, s.twin.Path("/channels"), sandboxChannel()).WantProblem(t, http.StatusForbidden, "forbidden", "")
	key.Get(t, s.twin.Path("/channels")).Want(t, http.StatusOK)
	s.tree.L2.Admin.Patch(t, s.live.Path(""), apitest.Body{"status": "suspended"}).Want(t, http.StatusOK)
	s.Clock.Advance(time.Second)
	for _, c := range []*apitest.Client{key, s.test} {
		c.Get(t, s.twin.Path("/channels")).WantProblem(t, http.StatusForbidden, "tenant_suspended", "")
	}
}

// A sandbox lives and goes with its tenant.
func TestASandboxGoesWithItsTenant(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	boss := s.tree.L2.Admin
	boss.Do(t, http.MethodDelete, s.twin.Path(""), nil).WantProblem(t, http.StatusForbidden, "forbidden", "")
	if r := boss.Do(t, http.MethodDelete, s.live.Path(""), nil); r.Status/100 != 2 {
		t.Fatalf("%d %s", r.Status, r.Content)
	}
	s.Clock.Advance(time.Second)
	if r := s.test.Get(t, s.twin.Path("/channels")); r.Status/100 == 2 {
		t.Errorf("a test key outlives its tenant: %s", r.Content)
	}
	if got := s.Text(t, "SELECT status FROM tenants WHERE id = $1", s.twin.ID); got != "deleted" {
		t.Errorf("the sandbox is %s", got)
	}
	boss.Post(t, s.live.Path("/restore"), nil).Want(t, http.StatusOK)
	s.Clock.Advance(time.Second)
	s.test.Get(t, s.twin.Path("/channels")).Want(t, http.StatusOK)
}
