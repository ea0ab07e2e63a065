package api_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
)

const why = "Ticket 4711: messages are not delivered"

// act starts an act-as session and returns who acts, and the session's id.
func act(t *testing.T, c *apitest.Client, n apitest.Tenant) (*apitest.Client, string) {
	t.Helper()
	r := c.Post(t, n.Path("/act-as"), apitest.Body{"reason": why}).Want(t, http.StatusCreated)
	return c.As(r.String(t, "access_token")), r.String(t, "id")
}

// openContent is what a tenant's own administrator alone can do.
func openContent(t *testing.T, n apitest.Tenant) {
	t.Helper()
	n.Admin.Patch(t, n.Path(""), apitest.Body{"content_access": "open"}).Want(t, http.StatusOK)
}

// Covers: TEN-08 TEN-12
// Staff from above works inside a tenant, is told so, and is seen by it.
func TestActAsIsSeenByBothSides(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	at := tree.Customer
	acting, session := act(t, tree.L1.Admin, at)
	me := acting.Get(t, "/v1/me").Want(t, http.StatusOK)
	for path, want := range map[string]string{
		"acting.id": session, "acting.reason": why, "tenant.id": at.ID.String(), "role": "tenant_admin", "user.id": tree.L1.Admin.UserID.String(),
	} {
		if got := me.String(t, path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	if strings.Contains(string(me.Content), tree.L2.ID.String()) {
		t.Errorf("the parent is shown: %s", me.Content)
	}
	if r := tree.L1.Admin.Get(t, "/v1/me").Want(t, http.StatusOK); strings.Contains(string(r.Content), `"acting"`) {
		t.Errorf("who does not act is told that he does: %s", r.Content)
	}
	seen := at.Admin.Get(t, at.Path("/act-as")).Want(t, http.StatusOK)
	for path, want := range map[string]string{
		"items.0.id": session, "items.0.user_id": tree.L1.Admin.UserID.String(), "items.0.user_name": "tenant_admin",
		"items.0.reason": why, "items.0.status": "active",
	} {
		if got := seen.String(t, path); got != want {
			t.Errorf("the tenant sees %s as %q, want %q", path, got, want)
		}
	}
	// Both identities are in the audit log of what is done in it.
	acting.Post(t, at.Path("/channels"), sandboxChannel()).Want(t, http.StatusCreated)
	r := auditLog(t, at.Admin, at, "act_as_id="+session)
	if got := texts(t, r, "action"); !slices.Equal(got, []string{"channel.created"}) {
		t.Errorf("in the session: %q", got)
	}
	if r.String(t, "items.0.actor.user_id") != tree.L1.Admin.UserID.String() || r.Value(t, "items.0.actor.from_above") != true {
		t.Errorf("%s", r.Content)
	}
	started := auditLog(t, at.Admin, at, "action=act_as.started")
	if started.String(t, "items.0.details.reason") != why || started.String(t, "items.0.object.id") != session {
		t.Errorf("%s", started.Content)
	}
	acting.Post(t, at.Path("/act-as/%s/end", session), nil).Want(t, http.StatusOK)
	wantCount(t, p, 2, "SELECT count(*) FROM events WHERE tenant_id = $1 AND type IN ('act_as.started', 'act_as.ended')", at.ID)
}

// The token says whose it is and whom it acts for, and is worth nothing altered.
func TestActAsTokens(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	acting, session := act(t, tree.L2.Admin, tree.Customer)
	parts := strings.Split(acting.Bearer, ".")
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Sub, Tenant string
		ActAs       string `json:"act_as"`
		Act         struct{ Sub string }
		Iat, Exp    int64
	}
	if err := json.Unmarshal(raw, &claims); err != nil {
		t.Fatal(err)
	}
	user := tree.L2.Admin.UserID.String()
	if claims.Sub != user || claims.Act.Sub != user || claims.Tenant != tree.Customer.ID.String() || claims.ActAs != session || claims.Exp-claims.Iat != 30*60 {
		t.Errorf("claims %+v", claims)
	}
	altered := strings.Replace(string(raw), tree.Customer.ID.String(), tree.L2.ID.String(), 1)
	forged := parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(altered)) + "." + parts[2]
	acting.As(forged).Get(t, "/v1/me").WantProblem(t, http.StatusUnauthorized, "invalid_token", "")
	// A repeated request does not show the token again; there is no other way to it.
	listed := tree.Customer.Admin.Get(t, tree.Customer.Path("/act-as")).Want(t, http.StatusOK)
	if strings.Contains(string(listed.Content), "token") {
		t.Errorf("%s", listed.Content)
	}
}

// Only people, only downwards, with a reason and for an hour at most.
func TestWhoMayActWhere(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	body := apitest.Body{"reason": why}
	operator := apitest.Tenant{ID: p.OperatorTenant()}
	for name, c := range map[string]struct {
		by   *apitest.Client
		at   apitest.Tenant
		want int
	}{
		"the operator at L1":         {tree.Operator, tree.L1, http.StatusCreated},
		"the operator at a customer": {tree.Operator, tree.Customer, http.StatusCreated},
		"the operator at home":       {tree.Operator, operator, http.StatusForbidden},
		"L1 at L2":                   {tree.L1.Admin, tree.L2, http.StatusCreated},
		"L1 at L2's customer":        {tree.L1.Admin, tree.Customer, http.StatusCreated},
		"L1 at home":                 {tree.L1.Admin, tree.L1, http.StatusForbidden},
		"L1 above":                   {tree.L1.Admin, operator, http.StatusNotFound},
		"L2 above":                   {tree.L2.Admin, tree.L1, http.StatusNotFound},
		"L2 beside":                  {tree.L2.Admin, tree.Other, http.StatusNotFound},
		"a customer at home":         {tree.Customer.Admin, tree.Customer, http.StatusForbidden},
		"a manager at home":          {tree.Customer.Manager, tree.Customer, http.StatusForbidden},
		"a customer elsewhere":       {tree.Customer.Admin, tree.Other, http.StatusNotFound},
	} {
		if r := c.by.Post(t, c.at.Path("/act-as"), body); r.Status != c.want {
			t.Errorf("%s: %d, want %d: %s", name, r.Status, c.want, r.Content)
		}
	}
	key := tree.L2.Admin.Post(t, tree.L2.Path("/api-keys"), apitest.Body{"name": "Key", "permissions": []string{"act_as:start"}}).
		Want(t, http.StatusCreated).String(t, "key")
	tree.L2.Admin.As(key).Post(t, tree.Customer.Path("/act-as"), body).WantProblem(t, http.StatusForbidden, "forbidden", "")
	for name, wrong := range map[string]apitest.Body{
		"no reason": {}, "a short one": {"reason": "test"}, "blanks": {"reason": "   a    "}, "two hours": {"reason": why, "minutes": 120}, "no time": {"reason": why, "minutes": 0},
	} {
		if r := tree.L2.Admin.Post(t, tree.Customer.Path("/act-as"), wrong); r.Status != unprocessable {
			t.Errorf("%s: %d %s", name, r.Status, r.Content)
		}
	}
}

// Inside: administration; no way in that outlives the session, and nothing that
// is one's own. And nowhere else.
func TestWhatActAsCannotDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Clock.Advance(2 * 60 * 1e9)
	n := w.customer
	acting, session := act(t, w.l1.boss, n.Tenant)
	ids := w.idsAt(t, n, w.number(t, w.l2))
	ids["tenant_id"] = n.ID.String()
	c := &caller{Client: acting, home: n, role: "T"}
	never := []string{"users:write", "roles:write", "api_keys:write", "settings:write", "tenants:write", "act_as:start"}
	refused := 0
	for _, o := range w.Contract.Operations() {
		content := n.content(o.Permission)
		if !slices.Contains(never, o.Permission) && !content {
			continue
		}
		var body any
		if r := matrix[o.ID]; r.body != nil {
			body = r.body(t, w, c, n, ids)
		}
		if strings.HasPrefix(o.ID, "upload") && o.Method != http.MethodPost {
			continue // as the other changes of a user
		}
		r := acting.Do(t, o.Method, fill(o.Path, ids), body)
		if strings.HasPrefix(o.ID, "upload") {
			r = acting.Upload(t, fill(o.Path, ids), "a.png", drawing(t, "png"))
		}
		if !strings.Contains(o.Path, "{tenant_id}") {
			continue // createTenant names its parent in the body
		}
		refused++
		if r.Status != http.StatusForbidden {
			t.Errorf("%s: %d %s", o.ID, r.Status, r.Content)
		}
	}
	if refused < 20 {
		t.Errorf("only %d operations were tried", refused)
	}
	for _, path := range []string{"/v1/auth/logout", "/v1/me/password"} {
		acting.Post(t, path, apitest.Body{"old_password": apitest.Password, "password": "Another-horse-8-battery"}).Want(t, http.StatusForbidden)
	}
	acting.Post(t, "/v1/tenants", apitest.Body{"parent_id": n.ID, "kind": "customer", "name": "x"}).Want(t, http.StatusForbidden)
	for _, elsewhere := range []*node{w.operator, w.l1, w.l2, w.sibling, w.cousin, w.far} {
		acting.Get(t, elsewhere.Path("")).WantProblem(t, http.StatusNotFound, "not_found", "")
		acting.Get(t, elsewhere.Path("/users")).WantProblem(t, http.StatusNotFound, "not_found", "")
	}
	// What a tenant admin reads of the tenant's administration he reads.
	for _, path := range []string{"", "/users", "/channels", "/api-keys", "/audit", "/act-as", "/roles"} {
		acting.Get(t, n.Path("%s", path)).Want(t, http.StatusOK)
	}
	acting.Post(t, n.Path("/act-as/%s/end", session), nil).Want(t, http.StatusOK)
}

// content tells whether a permission is about what a tenant's people say.
func (n *node) content(permission string) bool {
	for _, object := range []string{"interactions:", "contacts:", "contact_lists:", "opt_outs:", "staff_messages:", "staff_groups:"} {
		if strings.HasPrefix(permission, object) {
			return true
		}
	}
	return false
}

// Messages stay closed until the tenant opens them; then what is asked for is
// written down first. Without acting they stay closed all the same.
func TestActAsReadsMessagesOnlyWhereTheTenantOpensThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Clock.Advance(2 * 60 * 1e9)
	n := w.customer
	interaction, message, _ := w.interaction(t, n, nil)
	reads := []string{
		n.Path("/interactions?view=all"), n.Path("/interactions/%s", interaction), n.Path("/interactions/%s/messages", interaction),
		n.Path("/messages/%s", message), n.Path("/contacts"), n.Path("/opt-outs"),
	}
	for name, staff := range map[string]*apitest.Client{"a reseller": w.l2.boss, "the operator": w.operator.boss} {
		acting, session := act(t, staff, n.Tenant)
		for _, path := range reads {
			acting.Get(t, path).WantProblem(t, http.StatusForbidden, "forbidden", "")
		}
		openContent(t, n.Tenant)
		w.Clock.Advance(2 * 1e9)
		for _, path := range reads {
			acting.Get(t, path).Want(t, http.StatusOK)
			staff.Get(t, path).WantProblem(t, http.StatusForbidden, "forbidden", "")
		}
		acting.Post(t, n.Path("/interactions/%s/messages", interaction), apitest.Body{"body": "from above"}).Want(t, http.StatusCreated)
		r := auditLog(t, n.Admin, n.Tenant, "act_as_id="+session)
		asked := texts(t, r, "action")
		for action, want := range map[string]int{"act_as.content_asked_for": len(reads) + 1, "message.queued": 1} {
			if got := countOf(asked, action); got != want {
				t.Errorf("%s: %d × %s, want %d: %q", name, got, action, want, asked)
			}
		}
		if !strings.Contains(string(r.Content), "/messages/"+message) || strings.Contains(string(r.Content), "from above\"") && strings.Contains(string(r.Content), `"body"`) {
			t.Errorf("%s: what was asked for is not there, or what was said is: %s", name, r.Content)
		}
		n.Admin.Patch(t, n.Path(""), apitest.Body{"content_access": "closed"}).Want(t, http.StatusOK)
		w.Clock.Advance(2 * 1e9)
		acting.Get(t, reads[1]).WantProblem(t, http.StatusForbidden, "forbidden", "")
	}
	// Nobody above opens them, acting or not.
	acting, _ := act(t, w.l2.boss, n.Tenant)
	for _, c := range []*apitest.Client{acting, w.l2.boss, w.operator.boss} {
		c.Patch(t, n.Path(""), apitest.Body{"content_access": "open"}).Want(t, http.StatusForbidden)
	}
}

func countOf(words []string, word string) (n int) {
	for _, one := range words {
		if one == word {
			n++
		}
	}
	return n
}

// Who lacks something at home does not get it by acting.
func TestActAsGivesNobodyMoreThanHeHas(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	at := tree.Customer
	openContent(t, at)
	staff := p.NewUser(t, tree.L1.Admin, tree.L1, "tenant_admin")
	tree.L1.Admin.Patch(t, tree.L1.Path("/users/%s", staff.UserID), apitest.Body{"denied_permissions": []string{"contacts:read", "channels:write"}}).
		Want(t, http.StatusOK)
	staff = p.Login(t, staff.Get(t, "/v1/me").String(t, "user.login"))
	acting, _ := act(t, staff, at)
	acting.Get(t, at.Path("/contacts")).WantProblem(t, http.StatusForbidden, "forbidden", "")
	acting.Get(t, at.Path("/interactions")).Want(t, http.StatusOK)
	acting.Post(t, at.Path("/channels"), sandboxChannel()).WantProblem(t, http.StatusForbidden, "forbidden", "")
}

// It ends by hand from either side, with time, and with whatever ends the
// person's own session or right, within a second.
func TestActAsEnds(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	at := tree.Customer
	admin := func() *apitest.Client { return p.NewUser(t, tree.L1.Admin, tree.L1, "tenant_admin") }
	for name, c := range map[string]struct {
		ends   func(t *testing.T, staff, acting *apitest.Client, session string)
		reason string
		code   string
	}{
		"by the one who acts": {func(t *testing.T, _, acting *apitest.Client, session string) {
			t.Helper()
			acting.Post(t, at.Path("/act-as/%s/end", session), nil).Want(t, http.StatusOK)
		}, "ended", "invalid_token"},
		"by the tenant": {func(t *testing.T, _, _ *apitest.Client, session string) {
			t.Helper()
			at.Admin.Post(t, at.Path("/act-as/%s/end", session), nil).Want(t, http.StatusOK)
			at.Admin.Post(t, at.Path("/act-as/%s/end", session), nil).Want(t, http.StatusOK) // nothing changes
		}, "ended", "invalid_token"},
		"from above": {func(t *testing.T, _, _ *apitest.Client, session string) {
			t.Helper()
			tree.Operator.Post(t, at.Path("/act-as/%s/end", session), nil).Want(t, http.StatusOK)
		}, "ended", "invalid_token"},
		"by time": {func(t *testing.T, _, _ *apitest.Client, _ string) {
			t.Helper()
			p.Clock.Advance(31 * 60 * 1e9)
		}, "expired", "invalid_token"},
		"with a logout": {func(t *testing.T, staff, _ *apitest.Client, _ string) {
			t.Helper()
			staff.Post(t, "/v1/auth/logout", nil).Want(t, http.StatusNoContent)
		}, "logout", "invalid_token"},
		"with a demotion": {func(t *testing.T, staff, _ *apitest.Client, _ string) {
			t.Helper()
			tree.L1.Admin.Patch(t, tree.L1.Path("/users/%s", staff.UserID), apitest.Body{"role": "manager"}).Want(t, http.StatusOK)
		}, "role_changed", "invalid_token"},
		"with the right to act": {func(t *testing.T, staff, _ *apitest.Client, _ string) {
			t.Helper()
			tree.L1.Admin.Patch(t, tree.L1.Path("/users/%s", staff.UserID), apitest.Body{"denied_permissions": []string{"act_as:start"}}).Want(t, http.StatusOK)
		}, "", "invalid_token"},
		"with the person": {func(t *testing.T, staff, _ *apitest.Client, _ string) {
			t.Helper()
			tree.L1.Admin.Patch(t, tree.L1.Path("/users/%s", staff.UserID), apitest.Body{"status": "disabled"}).Want(t, http.StatusOK)
		}, "disabled", "invalid_token"},
		"with the person's tenant": {func(t *testing.T, _, _ *apitest.Client, _ string) {
			t.Helper()
			tree.Operator.Patch(t, tree.L1.Path(""), apitest.Body{"status": "suspended"}).Want(t, http.StatusOK)
			t.Cleanup(func() {
				tree.Operator.Patch(t, tree.L1.Path(""), apitest.Body{"status": "active"}).Want(t, http.StatusOK)
				p.Clock.Advance(2 * 1e9)
			})
		}, "", "tenant_suspended"},
	} {
		t.Run(name, func(t *testing.T) {
			p.Clock.Advance(2 * 60 * 1e9) // a minute has its sign-ins
			staff := admin()
			acting, session := act(t, staff, at)
			acting.Get(t, at.Path("")).Want(t, http.StatusOK)
			c.ends(t, staff, acting, session)
			p.Clock.Advance(2 * 1e9)
			status := http.StatusUnauthorized
			if c.code == "tenant_suspended" {
				status = http.StatusForbidden
			}
			acting.Get(t, at.Path("")).WantProblem(t, status, c.code, "")
			if c.reason == "" {
				return
			}
			r := at.Admin.Get(t, at.Path("/act-as?limit=1")).Want(t, http.StatusOK)
			if r.String(t, "items.0.id") != session || r.String(t, "items.0.status") != "ended" || r.String(t, "items.0.ended_reason") != c.reason {
				t.Errorf("the tenant sees %s", r.Content)
			}
		})
	}
	at.Admin.Post(t, at.Path("/act-as/%s/end", uuid.New()), nil).WantProblem(t, http.StatusNotFound, "not_found", "")
}
