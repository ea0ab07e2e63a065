package api_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
)

// within is how long a change of rights may take to hold.
const within = time.Second

// roleFor makes a custom role and returns its id.
func roleFor(t *testing.T, by *apitest.Client, at apitest.Tenant, base string, permissions ...string) string {
	t.Helper()
	return by.Post(t, at.Path("/roles"), apitest.Body{"name": uuid.NewString(), "base": base, "permissions": permissions}).
		Want(t, http.StatusCreated).String(t, "id")
}

// give changes what a user has.
func give(t *testing.T, by *apitest.Client, at apitest.Tenant, user *apitest.Client, change apitest.Body) *apitest.Response {
	t.Helper()
	return by.Patch(t, at.Path("/users/%s", user.UserID), change)
}

func mayDo(t *testing.T, c *apitest.Client) []string {
	t.Helper()
	var list []string
	permissions, _ := c.Get(t, "/v1/me").Want(t, http.StatusOK).Value(t, "permissions").([]any)
	for _, p := range permissions {
		list = append(list, p.(string))
	}
	return list
}

// Covers: USR-33 USR-38 USR-40
func TestATenantMakesRolesOfItsOwn(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	agent := s.at.Agent
	list := s.at.Path("/interactions")
	role := roleFor(t, s.admin, s.at, "agent", "interactions:read", "channels:read")
	give(t, s.admin, s.at, agent, apitest.Body{"custom_role_id": role}).Want(t, http.StatusOK)
	s.Clock.Advance(within)
	if got := mayDo(t, agent); !slices.Equal(got, []string{"channels:read", "interactions:read"}) {
		t.Errorf("the agent may %v", got)
	}
	agent.Get(t, list).Want(t, http.StatusOK)
	agent.Get(t, s.at.Path("/contacts")).WantProblem(t, http.StatusForbidden, "forbidden", "")

	// The role changes, and with it all who have it.
	s.admin.Patch(t, s.at.Path("/roles/%s", role), apitest.Body{"permissions": []string{"contacts:read"}}).Want(t, http.StatusOK)
	s.Clock.Advance(within)
	agent.Get(t, list).WantProblem(t, http.StatusForbidden, "forbidden", "")
	agent.Get(t, s.at.Path("/contacts")).Want(t, http.StatusOK)

	s.admin.Do(t, http.MethodDelete, s.at.Path("/roles/%s", role), nil).WantProblem(t, http.StatusConflict, "role_in_use", "")
	give(t, s.admin, s.at, agent, apitest.Body{"custom_role_id": nil}).Want(t, http.StatusOK)
	s.Clock.Advance(within)
	agent.Get(t, list).Want(t, http.StatusOK)
	s.admin.Do(t, http.MethodDelete, s.at.Path("/roles/%s", role), nil).Want(t, http.StatusNoContent)
	s.admin.Get(t, s.at.Path("/roles/%s", role)).WantProblem(t, http.StatusNotFound, "not_found", "")
}

// Covers: USR-33 USR-38 INT-12
func TestSinglePermissionsAreDeniedAndGranted(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	agent, start := s.at.Agent, apitest.Body{"channel_id": s.line.ChannelID, "to": number(1), "body": "hello"}
	agent.Post(t, s.at.Path("/messages"), start).WantProblem(t, http.StatusForbidden, "forbidden", "")
	give(t, s.admin, s.at, agent, apitest.Body{"granted_permissions": []string{"interactions:start"}}).Want(t, http.StatusOK)
	s.Clock.Advance(within)
	agent.Post(t, s.at.Path("/messages"), start).Want(t, http.StatusCreated)

	give(t, s.admin, s.at, agent, apitest.Body{"denied_permissions": []string{"interactions:start", "contacts:read"}}).Want(t, http.StatusOK)
	s.Clock.Advance(within)
	agent.Post(t, s.at.Path("/messages"), start).WantProblem(t, http.StatusForbidden, "forbidden", "")
	agent.Get(t, s.at.Path("/contacts")).WantProblem(t, http.StatusForbidden, "forbidden", "")
	shown := s.admin.Get(t, s.at.Path("/users/%s/permissions", agent.UserID)).Want(t, http.StatusOK)
	if got, own := texts(t, shown, "permission"), mayDo(t, agent); !slices.Equal(got, own) {
		t.Errorf("the administrator is shown %v, the agent %v", got, own)
	}
}

// Rights of a key follow those of its creator, who may have a role of the
// tenant's own.
func TestAKeyFollowsItsCreatorsRole(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	at := tree.Customer
	role := roleFor(t, at.Admin, at, "manager", "api_keys:write", "contacts:read")
	give(t, at.Admin, at, at.Manager, apitest.Body{"custom_role_id": role}).Want(t, http.StatusOK)
	p.Clock.Advance(within)
	made := at.Manager.Post(t, at.Path("/api-keys"), apitest.Body{"name": "Key", "permissions": []string{"contacts:read"}}).Want(t, http.StatusCreated)
	key := p.Anonymous().As(made.String(t, "key"))
	key.Get(t, at.Path("/contacts")).Want(t, http.StatusOK)
	at.Admin.Patch(t, at.Path("/roles/%s", role), apitest.Body{"permissions": []string{"api_keys:write"}}).Want(t, http.StatusOK)
	p.Clock.Advance(within)
	key.Get(t, at.Path("/contacts")).WantProblem(t, http.StatusForbidden, "forbidden", "")
}

// Covers D2-4: nobody gives what he does not have, on whichever way.
func TestNobodyGivesWhatHeHasNot(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	at, admin, manager := tree.Customer, tree.Customer.Admin, tree.Customer.Manager
	wide := roleFor(t, admin, at, "tenant_admin", "users:write", "channels:write", "interactions:read")
	give(t, admin, at, manager, apitest.Body{"granted_permissions": []string{"users:write", "roles:read", "roles:write"}}).Want(t, http.StatusOK)
	p.Clock.Advance(within)
	user := func(change apitest.Body) apitest.Body {
		body := newUser("agent")
		for k, v := range change {
			body[k] = v
		}
		return body
	}
	events := p.Count(t, "SELECT count(*) FROM events")

	// The manager manages agents now, and gets no further than his own rights.
	for name, body := range map[string]apitest.Body{
		"an administrator":              user(apitest.Body{"role": "tenant_admin"}),
		"a wide custom role":            user(apitest.Body{"role": "tenant_admin", "custom_role_id": wide}),
		"a permission that he has not":  user(apitest.Body{"granted_permissions": []string{"channels:write"}}),
		"an operator":                   user(apitest.Body{"role": "operator"}),
		"a user, who starts messages":   user(apitest.Body{"role": "user"}),
		"an administrator with denials": user(apitest.Body{"role": "tenant_admin", "denied_permissions": []string{"users:write"}}),
	} {
		r := manager.Post(t, at.Path("/users"), body)
		if r.Status != http.StatusForbidden {
			t.Errorf("the manager makes %s: %d %s", name, r.Status, r.Content)
		}
	}
	for name, c := range map[string]struct {
		path string
		body apitest.Body
	}{
		"himself":                 {at.Path("/users/%s", manager.UserID), apitest.Body{"granted_permissions": []string{}}},
		"himself, the role":       {at.Path("/users/%s", manager.UserID), apitest.Body{"role": "tenant_admin"}},
		"the administrator":       {at.Path("/users/%s", admin.UserID), apitest.Body{"status": "disabled"}},
		"the administrator, less": {at.Path("/users/%s", admin.UserID), apitest.Body{"denied_permissions": []string{"users:write"}}},
		"an agent, more":          {at.Path("/users/%s", at.Agent.UserID), apitest.Body{"granted_permissions": []string{"api_keys:write"}}},
		"an agent, a custom role": {at.Path("/users/%s", at.Agent.UserID), apitest.Body{"custom_role_id": wide}},
		"the wide role":           {at.Path("/roles/%s", wide), apitest.Body{"name": "Mine"}},
	} {
		if r := manager.Patch(t, c.path, c.body); r.Status != http.StatusForbidden {
			t.Errorf("the manager changes %s: %d %s", name, r.Status, r.Content)
		}
	}
	manager.Post(t, at.Path("/users/%s/password", admin.UserID), apitest.Body{"password": "Another-horse-8-battery"}).
		WantProblem(t, http.StatusForbidden, "role_not_assignable", "")
	manager.Do(t, http.MethodDelete, at.Path("/roles/%s", wide), nil).WantProblem(t, http.StatusForbidden, "permission_not_grantable", "")
	manager.Post(t, at.Path("/roles"), apitest.Body{"name": "Mine", "base": "manager", "permissions": []string{"channels:write"}}).
		WantProblem(t, http.StatusForbidden, "permission_not_grantable", "body.permissions")

	// Nobody goes beyond what there is in a customer's tenant.
	admin.Post(t, at.Path("/roles"), apitest.Body{"name": "Reseller", "base": "tenant_admin", "permissions": []string{"tenants:write"}}).
		WantProblem(t, unprocessable, "validation_failed", "body.permissions")
	give(t, admin, at, at.Agent, apitest.Body{"granted_permissions": []string{"numbers:assign"}}).
		WantProblem(t, unprocessable, "validation_failed", "body.granted_permissions")
	give(t, admin, at, at.Agent, apitest.Body{"granted_permissions": []string{"everything:do"}}).
		WantProblem(t, unprocessable, "validation_failed", "body.granted_permissions[0]")
	give(t, admin, at, at.Agent, apitest.Body{"role": "manager", "custom_role_id": wide}).
		WantProblem(t, unprocessable, "validation_failed", "body.role")

	// A tenant keeps somebody who administers it without restriction.
	other := p.NewUser(t, admin, at, "manager")
	give(t, admin, at, other, apitest.Body{"role": "tenant_admin", "denied_permissions": []string{"roles:write"}}).Want(t, http.StatusOK)
	reseller := tree.L2.Admin
	give(t, reseller, at, admin, apitest.Body{"denied_permissions": []string{"users:write"}}).WantProblem(t, http.StatusConflict, "conflict", "")
	give(t, reseller, at, admin, apitest.Body{"custom_role_id": wide}).WantProblem(t, http.StatusConflict, "conflict", "")

	if made := p.Count(t, "SELECT count(*) FROM events WHERE type LIKE 'user.%' OR type LIKE 'role.%'"); made > events+3 {
		t.Errorf("refused requests left %d events", made-events)
	}
	manager.Post(t, at.Path("/users"), user(nil)).Want(t, http.StatusCreated) // an agent is within his rights
}

// A custom role on a tenant admin's base reaches over a reseller's subtree, with
// its own permissions only.
func TestAResellersCustomRoleReachesBelow(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	role := roleFor(t, tree.L1.Admin, tree.L1, "tenant_admin", "tenants:read", "numbers:read")
	clerk := p.NewUser(t, tree.L1.Admin, tree.L1, "manager")
	changed := give(t, tree.L1.Admin, tree.L1, clerk, apitest.Body{"custom_role_id": role}).Want(t, http.StatusOK)
	clerk = p.Login(t, changed.String(t, "login")) // another role ends the sessions
	clerk.Get(t, tree.Customer.Path("")).Want(t, http.StatusOK)
	clerk.Get(t, tree.Customer.Path("/users")).WantProblem(t, http.StatusForbidden, "forbidden", "")
	clerk.Post(t, "/v1/tenants", apitest.Body{"parent_id": tree.L1.ID, "kind": "customer", "name": "New"}).
		WantProblem(t, http.StatusForbidden, "forbidden", "")
	clerk.Get(t, tree.L1.Path("/interactions")).WantProblem(t, http.StatusForbidden, "forbidden", "")
}
