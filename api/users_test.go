package api_test

import (
	"bytes"
	"image"
	"image/png"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider/sim"
)

// crew is a customer with people whom tests may do anything to.
type crew struct {
	*apitest.Platform
	tree  apitest.Tree
	at    apitest.Tenant
	admin *apitest.Client
}

func newCrew(t *testing.T, options ...apitest.Option) *crew {
	t.Helper()
	p := apitest.Start(t, options...)
	tree := p.Grow(t)
	return &crew{p, tree, tree.Customer, tree.Customer.Admin}
}

// make creates a user and returns the answer.
func (c *crew) make(t *testing.T, with apitest.Body) *apitest.Response {
	t.Helper()
	return c.admin.Post(t, c.at.Path("/users"), c.body(with)).Want(t, http.StatusCreated)
}

func (c *crew) body(with apitest.Body) apitest.Body {
	body := apitest.Body{"login": uuid.NewString() + "@crew.example", "name": "Ada Lovelace", "role": "agent"}
	for k, v := range with {
		body[k] = v
	}
	return body
}

// again signs somebody in whose token has ended.
func (c *crew) again(t *testing.T, who *apitest.Client) *apitest.Client {
	t.Helper()
	return c.Login(t, c.Text(t, "SELECT login FROM users WHERE id = $1", who.UserID))
}

func (c *crew) user(id string) string { return c.at.Path("/users/%s", id) }

func (c *crew) try(t *testing.T, login, password string) *apitest.Response {
	t.Helper()
	c.Clock.Advance(4 * time.Second) // an address has twenty attempts in a minute
	return c.Anonymous().Post(t, "/v1/auth/login", apitest.Body{"login": login, "password": password})
}

// Covers: USR-02 USR-21 USR-36 TEN-09 TEN-10 TEN-13
func TestAUserIsCreatedWithAProfile(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	made := c.make(t, apitest.Body{
		"password": apitest.Password, "phone": "(514) 555-0123", "internal_number": "204", "language": "fr-CA", "time_zone": "America/Vancouver",
	})
	for path, want := range map[string]string{
		"phone": "+15145550123", "internal_number": "204", "language": "fr-CA", "time_zone": "America/Vancouver",
		"status": "active", "kind": "person", "presence": "offline", "display_mode": "system", "tenant.id": c.at.ID.String(),
	} {
		if got := made.String(t, path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	if made.String(t, "tenant.name") != c.admin.Get(t, c.at.Path("")).String(t, "name") {
		t.Errorf("the user was put into %s", made.Content)
	}
	c.admin.Post(t, c.at.Path("/users"), c.body(apitest.Body{"password": apitest.Password, "internal_number": "204"})).
		WantProblem(t, http.StatusConflict, "internal_number_taken", "body.internal_number")
	for field, value := range map[string]string{"phone": "555", "language": "xx-unknown-language", "time_zone": "Mars/Olympus"} {
		c.admin.Post(t, c.at.Path("/users"), c.body(apitest.Body{"password": apitest.Password, field: value})).
			WantProblem(t, unprocessable, "validation_failed", "body."+field)
	}
	// The same internal number is another's in another tenant, and free again when it is given up.
	c.tree.Other.Admin.Post(t, c.tree.Other.Path("/users"), c.body(apitest.Body{"password": apitest.Password, "internal_number": "204"})).Want(t, http.StatusCreated)
	c.admin.Patch(t, c.user(made.String(t, "id")), apitest.Body{"internal_number": nil, "phone": nil}).Want(t, http.StatusOK)
	c.make(t, apitest.Body{"password": apitest.Password, "internal_number": "204"})
	// A reseller administers its customers' users as well.
	c.tree.L2.Admin.Post(t, c.at.Path("/users"), c.body(apitest.Body{"password": apitest.Password, "role": "tenant_admin"})).Want(t, http.StatusCreated)
}

// Covers: USR-21 USR-08
func TestUsersAreFoundByWhatTheyAreKnownBy(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	ids := map[string]string{}
	for name, with := range map[string]apitest.Body{
		"Zoë Grün":     {"login": "zoe@crew.example", "phone": "+15145550123", "internal_number": "204"},
		"zoltan 100%":  {"login": "zoltan@crew.example", "phone": "+15145559999", "internal_number": "2041"},
		"Bob_Miller":   {"login": "bob@crew.example", "phone": "+33142685300", "kind": "service"},
		"Bobby Miller": {"login": "zz@crew.example", "role": "manager"},
	} {
		with["name"], with["password"] = name, apitest.Password
		ids[name] = c.make(t, with).String(t, "id")
	}
	for query, want := range map[string][]string{
		"q=zo": {"Zoë Grün", "zoltan 100%"}, "q=ZOË": {"Zoë Grün"}, "q=zoltan+100%25": {"zoltan 100%"}, "q=bob_": {"Bob_Miller"},
		"q=bob": {"Bob_Miller", "Bobby Miller"}, "q=%25": nil, "q=_ob": nil,
		"q=204": {"Zoë Grün", "zoltan 100%"}, "q=2041": {"zoltan 100%"}, "q=514-555-0123": {"Zoë Grün"}, "q=1514555": {"Zoë Grün", "zoltan 100%"},
		"q=%2B1514555": {"Zoë Grün", "zoltan 100%"}, "q=%2B33": {"Bob_Miller"}, "q=555": nil,
		"q=bob&role=manager": {"Bobby Miller"}, "kind=service": {"Bob_Miller"}, "q=zo&status=disabled": nil, "q=zo&presence=offline": {"Zoë Grün", "zoltan 100%"},
	} {
		var names []string
		next := c.at.Path("/users?limit=1&%s", query)
		for page := next; page != ""; {
			r := c.admin.Get(t, page).Want(t, http.StatusOK)
			names = append(names, texts(t, r, "name")...)
			page = ""
			if strings.Contains(string(r.Content), "next_cursor") {
				page = next + "&cursor=" + r.String(t, "next_cursor")
			}
		}
		slices.Sort(names)
		slices.Sort(want)
		if !slices.Equal(names, want) {
			t.Errorf("%s finds %q, want %q", query, names, want)
		}
	}
}

// Covers: USR-07
func TestAGeneratedPasswordIsShownOnceAndDoesNotLast(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	generated := apitest.Body{"generate_password": true, "login": "generated@crew.example"}
	key := apitest.Header{"Idempotency-Key": "generated"}
	body := c.body(generated)
	made := c.admin.Post(t, c.at.Path("/users"), body, key).Want(t, http.StatusCreated)
	password := made.String(t, "generated_password")
	if len(password) < 16 || made.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the password is %q (%s)", password, made.Header.Get("Cache-Control"))
	}
	again := c.admin.Post(t, c.at.Path("/users"), body, key).Want(t, http.StatusCreated)
	if strings.Contains(string(again.Content), "generated_password") || again.String(t, "id") != made.String(t, "id") {
		t.Errorf("the replay is %s", again.Content)
	}
	if c.Text(t, "SELECT count(*) FROM events WHERE data::text LIKE '%'||$1||'%'", password) != "0" {
		t.Error("the log has the password")
	}
	if made.Value(t, "must_change_password") != true {
		t.Error("the password need not be changed")
	}
	c.try(t, "generated@crew.example", password).Want(t, http.StatusOK)
	c.Clock.Advance(73 * time.Hour)
	c.try(t, "generated@crew.example", password).WantProblem(t, http.StatusUnauthorized, "invalid_login", "")
	// The administrator makes another one, and the person keeps what he chooses.
	fresh := c.admin.Post(t, c.user(made.String(t, "id"))+"/password/generate", nil).Want(t, http.StatusOK)
	signed := c.Login(t, "generated@crew.example", fresh.String(t, "password"))
	signed.Post(t, "/v1/me/password", apitest.Body{"old_password": fresh.String(t, "password"), "password": "my own horse battery"}).Want(t, http.StatusNoContent)
	c.Clock.Advance(73 * time.Hour)
	c.try(t, "generated@crew.example", "my own horse battery").Want(t, http.StatusOK)
	if one, two := c.generate(t), c.generate(t); one == two || len(one) < 16 {
		t.Errorf("generated %q and %q", one, two)
	}
	for _, with := range []apitest.Body{
		{}, {"generate_password": true, "password": apitest.Password}, {"generate_password": true, "invite": true}, {"invite": true, "password": apitest.Password},
	} {
		c.admin.Post(t, c.at.Path("/users"), c.body(with)).Want(t, unprocessable)
	}
}

func (c *crew) generate(t *testing.T) string {
	t.Helper()
	return c.admin.Post(t, "/v1/passwords/generate", nil).Want(t, http.StatusOK).String(t, "password")
}

func TestAServiceMayBeWithoutAPassword(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	made := c.make(t, apitest.Body{"kind": "service", "login": "robot@crew.example"})
	if made.String(t, "status") != "active" || made.Value(t, "must_change_password") != false {
		t.Errorf("made %s", made.Content)
	}
	c.try(t, "robot@crew.example", "").Want(t, unprocessable)
	c.admin.Patch(t, c.user(made.String(t, "id")), apitest.Body{"kind": "person"}).WantProblem(t, unprocessable, "validation_failed", "body.kind")
	c.admin.Patch(t, c.user(made.String(t, "id")), apitest.Body{"status": "disabled"}).Want(t, http.StatusOK)
	c.admin.Patch(t, c.user(made.String(t, "id")), apitest.Body{"status": "active"}).Want(t, http.StatusOK)
	c.try(t, "robot@crew.example", "any password").WantProblem(t, http.StatusUnauthorized, "invalid_login", "")
}

// Covers: USR-11 USR-12 USR-20
func TestADeletedUserIsInTheArchiveAndComesBack(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	agent := c.at.Agent
	login := agent.Get(t, "/v1/me").String(t, "user.login")
	id := agent.UserID.String()
	listed := func(query string) bool {
		t.Helper()
		return slices.Contains(texts(t, c.admin.Get(t, c.at.Path("/users?limit=200%s", query)).Want(t, http.StatusOK), "id"), id)
	}
	if !listed("") || listed("&status=archived") {
		t.Error("the agent is not where he belongs")
	}
	c.admin.Do(t, http.MethodDelete, c.user(id), nil, apitest.Header{"If-Match": `"77"`}).WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	c.admin.Do(t, http.MethodDelete, c.user(id), nil).Want(t, http.StatusNoContent)
	c.Clock.Advance(2 * time.Second)
	agent.Get(t, "/v1/me").WantProblem(t, http.StatusUnauthorized, "invalid_token", "")
	c.try(t, login, apitest.Password).WantProblem(t, http.StatusUnauthorized, "invalid_login", "")
	if listed("") || !listed("&status=archived") || listed("&status=active") {
		t.Error("the archive does not have the agent")
	}
	// Nothing but restoring changes who is in the archive, and his login stays his.
	c.admin.Do(t, http.MethodDelete, c.user(id), nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	c.admin.Patch(t, c.user(id), apitest.Body{"name": "Other"}).WantProblem(t, http.StatusConflict, "wrong_state", "")
	c.admin.Patch(t, c.user(id), apitest.Body{"status": "active"}).WantProblem(t, http.StatusConflict, "wrong_state", "")
	c.admin.Post(t, c.user(id)+"/password", apitest.Body{"password": "Another-horse-8-battery"}).WantProblem(t, http.StatusConflict, "wrong_state", "")
	c.admin.Post(t, c.user(id)+"/disconnect", nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	c.admin.Post(t, c.user(id)+"/welcome", nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	c.admin.Post(t, c.at.Path("/users"), c.body(apitest.Body{"login": login, "password": apitest.Password})).
		WantProblem(t, http.StatusConflict, "login_taken", "body.login")
	restored := c.admin.Post(t, c.user(id)+"/restore", nil).Want(t, http.StatusOK)
	if restored.String(t, "status") != "active" || restored.Value(t, "archived_at") != nil {
		t.Errorf("restored %s", restored.Content)
	}
	c.admin.Post(t, c.user(id)+"/restore", nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	c.Login(t, login)
	// Who was disabled is disabled again.
	c.admin.Patch(t, c.user(id), apitest.Body{"status": "disabled"}).Want(t, http.StatusOK)
	c.admin.Do(t, http.MethodDelete, c.user(id), nil).Want(t, http.StatusNoContent)
	if got := c.admin.Post(t, c.user(id)+"/restore", nil).Want(t, http.StatusOK).String(t, "status"); got != "disabled" {
		t.Errorf("restored as %s", got)
	}
}

// Who comes back needs a seat.
func TestRestoringTakesASeat(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	c.tree.Operator.Patch(t, c.at.Path("/quotas"), apitest.Body{"seats": 4}).Want(t, http.StatusOK)
	c.Clock.Advance(time.Second)
	id := c.at.Agent.UserID.String()
	c.admin.Do(t, http.MethodDelete, c.user(id), nil).Want(t, http.StatusNoContent)
	c.make(t, apitest.Body{"invite": true}) // has taken it
	c.admin.Post(t, c.user(id)+"/restore", nil).WantProblem(t, http.StatusForbidden, "quota_exceeded", "")
	c.tree.Operator.Patch(t, c.at.Path("/quotas"), apitest.Body{"seats": 5}).Want(t, http.StatusOK)
	c.Clock.Advance(time.Second)
	c.admin.Post(t, c.user(id)+"/restore", nil).Want(t, http.StatusOK)
}

// Covers: USR-11 USR-38
func TestNobodyRestoresOrDeletesAboveHimself(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	// An administrator was archived; the one who is left has since lost a right that the role has.
	first := c.admin.UserID.String()
	second := c.NewUser(t, c.admin, c.at, "tenant_admin")
	third := c.NewUser(t, c.admin, c.at, "tenant_admin")
	c.admin.Do(t, http.MethodDelete, c.user(third.UserID.String()), nil).Want(t, http.StatusNoContent)
	c.admin.Patch(t, c.user(second.UserID.String()), apitest.Body{"denied_permissions": []string{"channels:write"}}).Want(t, http.StatusOK)
	c.Clock.Advance(2 * time.Second)
	second.Post(t, c.user(third.UserID.String())+"/restore", nil).WantProblem(t, http.StatusForbidden, "role_not_assignable", "")
	second.Do(t, http.MethodDelete, c.user(first), nil).WantProblem(t, http.StatusForbidden, "role_not_assignable", "")
	second.Post(t, c.user(first)+"/disconnect", nil).WantProblem(t, http.StatusForbidden, "role_not_assignable", "")
	second.Post(t, c.user(first)+"/password/generate", nil).WantProblem(t, http.StatusForbidden, "role_not_assignable", "")
	second.UploadBy(t, http.MethodPut, c.user(first)+"/avatar", "a.png", drawing(t, "png")).WantProblem(t, http.StatusForbidden, "role_not_assignable", "")
	c.admin.Post(t, c.user(third.UserID.String())+"/restore", nil).Want(t, http.StatusOK)
	// Nobody does it to himself, and the last administrator stays.
	c.admin.Do(t, http.MethodDelete, c.user(first), nil).WantProblem(t, http.StatusForbidden, "forbidden", "")
	c.admin.Post(t, c.user(first)+"/disconnect", nil).WantProblem(t, http.StatusForbidden, "forbidden", "")
	c.admin.Do(t, http.MethodDelete, c.user(third.UserID.String()), nil).Want(t, http.StatusNoContent)
	c.tree.L2.Admin.Do(t, http.MethodDelete, c.user(first), nil).WantProblem(t, http.StatusConflict, "conflict", "")
}

// Two administrators who delete each other at the same moment: one is left.
func TestAdministratorsWhoDeleteEachOther(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	other := c.NewUser(t, c.admin, c.at, "tenant_admin")
	answers := make(chan int, 2)
	for by, whom := range map[*apitest.Client]*apitest.Client{c.admin: other, other: c.admin} {
		go func() {
			r, err := by.Try(http.MethodDelete, c.user(whom.UserID.String()), nil)
			if err != nil {
				t.Error(err)
				answers <- 0
				return
			}
			answers <- r.Status
		}()
	}
	one, two := <-answers, <-answers
	if left := c.Text(t, "SELECT count(*) FROM users WHERE tenant_id = $1 AND role = 'tenant_admin' AND status = 'active'", c.at.ID); left != "1" {
		t.Errorf("%s administrators are left (%d, %d)", left, one, two)
	}
}

// Covers: USR-08 USR-10 USR-13 USR-16 USR-17 USR-18
func TestPresenceIsSeenInTheList(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	agent := c.at.Agent
	id := agent.UserID.String()
	login := agent.Get(t, "/v1/me").String(t, "user.login")
	presence := func() string {
		t.Helper()
		for _, item := range c.admin.Get(t, c.at.Path("/users?limit=200")).Want(t, http.StatusOK).Items(t) {
			if u := item.(map[string]any); u["id"] == id {
				return u["presence"].(string)
			}
		}
		return "nowhere"
	}
	if presence() != "online" {
		t.Errorf("who has signed in is %s", presence())
	}
	phone := c.Login(t, login)
	phone.Post(t, "/v1/auth/logout", nil).Want(t, http.StatusNoContent)
	c.Clock.Advance(2 * time.Second)
	for _, device := range []*apitest.Client{agent, phone} {
		device.Get(t, "/v1/me").WantProblem(t, http.StatusUnauthorized, "invalid_token", "")
	}
	if presence() != "offline" {
		t.Errorf("who has signed out is %s", presence())
	}
	again := c.Login(t, login)
	c.at.Manager.Post(t, c.user(id)+"/disconnect", nil).WantProblem(t, http.StatusForbidden, "forbidden", "")
	c.admin.Post(t, c.user(id)+"/disconnect", nil).Want(t, http.StatusNoContent)
	c.Clock.Advance(2 * time.Second)
	again.Get(t, "/v1/me").WantProblem(t, http.StatusUnauthorized, "invalid_token", "")
	if presence() != "offline" {
		t.Errorf("who was disconnected is %s", presence())
	}
	last := c.Login(t, login) // and may come again
	sessions := last.Get(t, "/v1/me/sessions").Want(t, http.StatusOK)
	last.Do(t, http.MethodDelete, "/v1/me/sessions/"+sessions.String(t, "items.0.id"), nil).Want(t, http.StatusNoContent)
	if presence() != "offline" {
		t.Errorf("who has ended the last session is %s", presence())
	}
	c.Login(t, login)
	// Administrators set theirs by hand, others do not.
	tag := c.admin.Get(t, c.user(c.admin.UserID.String())).Header.Get("ETag")
	shown := c.admin.Do(t, http.MethodPut, "/v1/me/presence", apitest.Body{"presence": "busy"}).Want(t, http.StatusOK)
	if shown.String(t, "presence") != "busy" || shown.Header.Get("ETag") == tag {
		t.Errorf("set %s", shown.Content)
	}
	// Coming and going disturbs nobody's change.
	c.admin.Patch(t, c.user(c.admin.UserID.String()), apitest.Body{"name": "Busy"}, apitest.Header{"If-Match": tag}).Want(t, http.StatusOK)
	if got := texts(t, c.admin.Get(t, c.at.Path("/users?presence=busy")), "id"); len(got) != 1 || got[0] != c.admin.UserID.String() {
		t.Errorf("busy are %v", got)
	}
	c.at.Manager.Do(t, http.MethodPut, "/v1/me/presence", apitest.Body{"presence": "busy"}).WantProblem(t, http.StatusForbidden, "forbidden", "")
	if n := c.Text(t, "SELECT count(*) FROM events WHERE type = 'user.presence_changed' AND object_id = $1", c.admin.UserID); n != "2" {
		t.Errorf("%s changes of the admin's presence are in the log", n)
	}
}

// Who closes the browser without signing out is offline after a while.
func TestPresenceLapsesWithoutASign(t *testing.T) {
	t.Parallel()
	c := newCrew(t, apitest.WithAccessFor(15*time.Minute))
	login := c.admin.Get(t, "/v1/me").String(t, "user.login")
	pair := c.try(t, login, apitest.Password).Want(t, http.StatusOK)
	presence := func() string {
		t.Helper()
		watcher := c.again(t, c.at.Manager)
		return watcher.Get(t, c.user(c.admin.UserID.String())).Want(t, http.StatusOK).String(t, "presence")
	}
	c.Clock.Advance(20 * time.Minute)
	pair = c.Anonymous().Post(t, "/v1/auth/refresh", apitest.Body{"refresh_token": pair.String(t, "refresh_token")}).Want(t, http.StatusOK)
	c.Clock.Advance(20 * time.Minute)
	if got := presence(); got != "online" {
		t.Errorf("who goes on is %s", got)
	}
	c.Clock.Advance(11 * time.Minute)
	if got := presence(); got != "offline" {
		t.Errorf("who is silent is %s", got)
	}
	_ = pair
}

// Covers: USR-14 USR-15 TEN-14 SET-03
func TestEverybodyChangesHisOwnAccount(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	for _, who := range []*apitest.Client{c.tree.Operator, c.tree.L1.Admin, c.admin, c.at.Manager, c.at.Agent, c.at.User} {
		// Those above have no country to read a national number in.
		who.Patch(t, "/v1/me", apitest.Body{"name": "New Name", "phone": "+1 514 555 0177"}).Want(t, http.StatusOK)
		preferences := who.Patch(t, "/v1/me/preferences", apitest.Body{"language": "fr", "display_mode": "dark", "time_zone": "Europe/Paris"}).Want(t, http.StatusOK)
		if preferences.String(t, "language") != "fr" || preferences.String(t, "display_mode") != "dark" {
			t.Errorf("the preferences are %s", preferences.Content)
		}
		me := who.Get(t, "/v1/me").Want(t, http.StatusOK)
		for path, want := range map[string]string{
			"user.name": "New Name", "user.phone": "+15145550177", "user.language": "fr", "user.display_mode": "dark", "user.time_zone": "Europe/Paris", "user.status": "active",
		} {
			if got := me.String(t, path); got != want {
				t.Errorf("%s is %q, want %q", path, got, want)
			}
		}
		if me.String(t, "tenant.name") == "" || me.String(t, "role") == "" {
			t.Errorf("who am I: %s", me.Content)
		}
		who.Patch(t, "/v1/me/preferences", apitest.Body{"language": nil}).Want(t, http.StatusOK)
		if who.Get(t, "/v1/me/preferences").Value(t, "language") != nil {
			t.Error("the language is not the tenant's again")
		}
		for field, value := range map[string]any{"role": "operator", "status": "active", "internal_number": "1", "login": "x@y.example", "denied_permissions": []string{}, "applications": nil} {
			who.Patch(t, "/v1/me", apitest.Body{field: value}).WantProblem(t, unprocessable, "validation_failed", "body."+field)
		}
	}
}

// Covers: USR-36
func TestAvatars(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	agent := c.at.Agent
	id := agent.UserID.String()
	c.admin.Get(t, c.user(id)+"/avatar").WantProblem(t, http.StatusNotFound, "not_found", "")
	content := drawing(t, "png")
	shown := agent.UploadBy(t, http.MethodPut, "/v1/me/avatar", "me.png", content).Want(t, http.StatusOK)
	if shown.String(t, "avatar_url") != c.user(id)+"/avatar" {
		t.Errorf("the picture is at %s", shown.Content)
	}
	for _, r := range []*apitest.Response{agent.Get(t, "/v1/me/avatar"), c.at.Manager.Get(t, shown.String(t, "avatar_url"))} {
		r.Want(t, http.StatusOK)
		if !bytes.Equal(r.Content, content) || r.Header.Get("Content-Type") != "image/png" || r.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("the picture is %d bytes of %s", len(r.Content), r.Header.Get("Content-Type"))
		}
	}
	tag := agent.Get(t, "/v1/me/avatar").Header.Get("ETag")
	agent.Do(t, http.MethodGet, "/v1/me/avatar", nil, apitest.Header{"If-None-Match": tag}).Want(t, http.StatusNotModified)
	c.admin.UploadBy(t, http.MethodPut, c.user(id)+"/avatar", "b.jpg", drawing(t, "jpeg")).Want(t, http.StatusOK)
	if r := agent.Get(t, "/v1/me/avatar"); r.Header.Get("Content-Type") != "image/jpeg" || r.Header.Get("ETag") == tag {
		t.Error("the administrator's picture did not come")
	}
	agent.Get(t, c.user(id)+"/avatar").WantProblem(t, http.StatusForbidden, "forbidden", "")
	agent.UploadBy(t, http.MethodPut, "/v1/me/avatar", "a.gif", drawing(t, "gif")).WantProblem(t, unprocessable, "picture_type_not_allowed", "body.file")
	agent.UploadBy(t, http.MethodPut, "/v1/me/avatar", "a.png", []byte("<script>alert(1)</script>")).WantProblem(t, unprocessable, "picture_type_not_allowed", "body.file")
	agent.UploadBy(t, http.MethodPut, "/v1/me/avatar", "a.png", append(drawing(t, "png"), make([]byte, 1<<20)...)).Want(t, http.StatusRequestEntityTooLarge)
	agent.UploadBy(t, http.MethodPut, "/v1/me/avatar", "a.png", vast(t)).WantProblem(t, unprocessable, "picture_too_large", "body.file")
	agent.Do(t, http.MethodDelete, "/v1/me/avatar", nil).Want(t, http.StatusNoContent)
	agent.Get(t, "/v1/me/avatar").Want(t, http.StatusNotFound)
	if agent.Get(t, "/v1/me").Value(t, "user.avatar_url") != nil {
		t.Error("the picture is still announced")
	}
}

// vast is a small file of a picture with more pixels than anybody needs.
func vast(t *testing.T) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, image.NewGray(image.Rect(0, 0, 8000, 7000))); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Covers: USR-24 USR-25 USR-27
func TestDepartmentsOpenModules(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	agent := c.at.Agent
	id := agent.UserID.String()
	entitle := func(at apitest.Tenant, email bool) {
		t.Helper()
		c.tree.Operator.Patch(t, at.Path("/entitlements"), apitest.Body{"email": email, "live_chat": true}).Want(t, http.StatusOK)
		c.Clock.Advance(time.Second)
	}
	for _, at := range []apitest.Tenant{c.tree.L1, c.tree.L2, c.at} {
		entitle(at, true)
	}
	make_ := func(body apitest.Body) *apitest.Response {
		t.Helper()
		return c.admin.Post(t, c.at.Path("/departments"), body).Want(t, http.StatusCreated)
	}
	desk := make_(apitest.Body{"name": "Front desk", "alias": "AU Front desk", "email_enabled": true}).String(t, "id")
	night := make_(apitest.Body{"name": "Night"}).String(t, "id")
	c.admin.Post(t, c.at.Path("/departments"), apitest.Body{"name": "FRONT DESK"}).WantProblem(t, http.StatusConflict, "name_taken", "body.name")
	member := func(method, department string) {
		t.Helper()
		c.admin.Do(t, method, c.at.Path("/departments/%s/members/%s", department, id), nil).Want(t, http.StatusNoContent)
	}
	modules := func() string {
		t.Helper()
		me := agent.Get(t, "/v1/me").Want(t, http.StatusOK)
		var out []string
		for _, m := range me.Value(t, "modules").([]any) {
			out = append(out, m.(string))
		}
		return strings.Join(out, " ")
	}
	if got := modules(); got != "" {
		t.Errorf("in no department one has %q", got)
	}
	before := c.admin.Get(t, c.user(id)).Header.Get("ETag")
	member(http.MethodPut, desk)
	member(http.MethodPut, desk) // twice is once
	member(http.MethodPut, night)
	if got := modules(); got != "email" {
		t.Errorf("the front desk has %q", got)
	}
	// What is taken from a reseller nobody below has.
	entitle(c.tree.L1, false)
	if got := modules(); got != "" {
		t.Errorf("without the service it is %q", got)
	}
	entitle(c.tree.L1, true)
	if c.admin.Get(t, c.user(id)).Header.Get("ETag") == before {
		t.Error("who has another department has the same ETag")
	}
	c.admin.Patch(t, c.at.Path("/departments/%s", night), apitest.Body{"chat_enabled": true}).Want(t, http.StatusOK)
	if got := modules(); got != "chat email" {
		t.Errorf("with the night's chat it is %q", got)
	}
	if got := texts(t, c.admin.Get(t, c.at.Path("/departments/%s/members", desk)), "id"); len(got) != 1 || got[0] != id {
		t.Errorf("at the desk are %v", got)
	}
	if got := texts(t, c.admin.Get(t, c.at.Path("/users?department_id=%s", night)), "id"); len(got) != 1 || got[0] != id {
		t.Errorf("in the night there are %v", got)
	}
	member(http.MethodDelete, desk)
	if got := modules(); got != "chat" {
		t.Errorf("without the desk it is %q", got)
	}
	c.admin.Do(t, http.MethodDelete, c.at.Path("/departments/%s", night), nil).Want(t, http.StatusNoContent)
	if got := modules(); got != "" {
		t.Errorf("without the night it is %q", got)
	}
	c.admin.Get(t, c.at.Path("/departments/%s", night)).WantProblem(t, http.StatusNotFound, "not_found", "")
	renamed := c.admin.Patch(t, c.at.Path("/departments/%s", desk), apitest.Body{"name": "Reception", "alias": ""}).Want(t, http.StatusOK)
	if renamed.String(t, "name") != "Reception" || renamed.String(t, "alias") != "" {
		t.Errorf("renamed to %s", renamed.Content)
	}
	if got := texts(t, c.admin.Get(t, c.at.Path("/departments?q=rec")), "id"); len(got) != 1 || got[0] != desk {
		t.Errorf("found %v", got)
	}
	// Who is archived is not listed, and belongs there again when he is back.
	member(http.MethodPut, desk)
	c.admin.Do(t, http.MethodDelete, c.user(id), nil).Want(t, http.StatusNoContent)
	c.admin.Do(t, http.MethodPut, c.at.Path("/departments/%s/members/%s", desk, id), nil).WantProblem(t, http.StatusNotFound, "not_found", "")
	if got := texts(t, c.admin.Get(t, c.at.Path("/departments/%s/members", desk)), "id"); len(got) != 0 {
		t.Errorf("at the desk are %v", got)
	}
	c.admin.Post(t, c.user(id)+"/restore", nil).Want(t, http.StatusOK)
	if got := texts(t, c.admin.Get(t, c.at.Path("/departments/%s/members", desk)), "id"); len(got) != 1 {
		t.Errorf("at the desk are %v", got)
	}
}

// Covers: USR-33 USR-34 USR-35 USR-38
func TestApplicationsOfAUser(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	agent := c.at.Agent
	id := agent.UserID.String()
	words := func(path string) []string {
		t.Helper()
		var out []string
		for _, w := range agent.Get(t, "/v1/me").Want(t, http.StatusOK).Value(t, path).([]any) {
			out = append(out, w.(string))
		}
		return out
	}
	all := words("applications")
	if !slices.Contains(all, "messages") || !slices.Contains(words("functions"), "pause") {
		t.Errorf("an agent has %v", all)
	}
	agent.Get(t, c.at.Path("/interactions")).Want(t, http.StatusOK)
	agent.Get(t, c.at.Path("/contacts")).Want(t, http.StatusOK)
	changed := c.admin.Patch(t, c.user(id), apitest.Body{"applications": []string{"reports", "contacts"}, "disabled_functions": []string{"custom_pause"}}).Want(t, http.StatusOK)
	if changed.Value(t, "applications_customised") != true {
		t.Errorf("changed to %s", changed.Content)
	}
	c.Clock.Advance(time.Second)
	agent.Get(t, c.at.Path("/interactions")).WantProblem(t, http.StatusForbidden, "forbidden", "")
	agent.Get(t, c.at.Path("/contacts")).Want(t, http.StatusOK)
	if got := words("applications"); !slices.Equal(got, []string{"contacts", "reports"}) {
		t.Errorf("the agent is shown %v", got)
	}
	if slices.Contains(words("functions"), "custom_pause") || slices.Contains(words("permissions"), "interactions:read") {
		t.Error("the agent has what was taken")
	}
	if got := c.admin.Get(t, c.user(id)+"/permissions").Want(t, http.StatusOK); strings.Contains(string(got.Content), "interactions:reply") {
		t.Errorf("the permissions are %s", got.Content)
	}
	// Nobody lifts his own restriction; null is everything again.
	c.admin.Patch(t, c.user(c.admin.UserID.String()), apitest.Body{"applications": []string{}}).WantProblem(t, http.StatusForbidden, "forbidden", "")
	c.admin.Patch(t, c.user(id), apitest.Body{"applications": []string{"minesweeper"}}).Want(t, unprocessable)
	c.admin.Patch(t, c.user(id), apitest.Body{"applications": nil, "disabled_functions": []string{}}).Want(t, http.StatusOK)
	c.Clock.Advance(time.Second)
	agent.Get(t, c.at.Path("/interactions")).Want(t, http.StatusOK)
	if got := words("applications"); !slices.Equal(got, all) {
		t.Errorf("the agent is shown %v", got)
	}
}

// What a user is not shown his keys cannot use either.
func TestAKeyHasNoApplicationThatItsMakerLacks(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	second := c.NewUser(t, c.admin, c.at, "tenant_admin")
	text := second.Post(t, c.at.Path("/api-keys"), apitest.Body{"name": "Key", "permissions": []string{"interactions:read", "contacts:read"}}).
		Want(t, http.StatusCreated).String(t, "key")
	key := c.Anonymous().As(text)
	key.Get(t, c.at.Path("/interactions")).Want(t, http.StatusOK)
	c.admin.Patch(t, c.user(second.UserID.String()), apitest.Body{"applications": []string{"contacts"}}).Want(t, http.StatusOK)
	c.Clock.Advance(time.Second)
	key.Get(t, c.at.Path("/interactions")).Want(t, http.StatusForbidden)
	key.Get(t, c.at.Path("/contacts")).Want(t, http.StatusOK)
}

// Covers: USR-28 USR-39 USR-40 USR-03 USR-04 USR-05
func TestWhoSeesWhichConversation(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	line := c.TwilioLine(t, c.at)
	c.Receive(t, line, sim.Inbound{From: number(1), Body: "for the agent"})
	c.Receive(t, line, sim.Inbound{From: number(2), Body: "for nobody"})
	open := c.admin.Get(t, c.at.Path("/interactions")).Want(t, http.StatusOK)
	mine, theirs := open.String(t, "items.1.id"), open.String(t, "items.0.id")
	c.at.Manager.Post(t, c.at.Path("/interactions/%s/assign", mine), apitest.Body{"user_id": c.at.Agent.UserID}).Want(t, http.StatusOK)
	for who, want := range map[*apitest.Client]int{c.admin: 2, c.at.Manager: 2, c.at.Agent: 1, c.at.User: 0} {
		if got := who.Get(t, c.at.Path("/interactions")).Want(t, http.StatusOK).Items(t); len(got) != want {
			t.Errorf("%d conversations are seen, want %d", len(got), want)
		}
	}
	c.at.Agent.Get(t, c.at.Path("/interactions/%s/messages", mine)).Want(t, http.StatusOK)
	// An agent answers and begins nothing; supervisors have all that agents have.
	c.at.Agent.Post(t, c.at.Path("/interactions/%s/messages", mine), apitest.Body{"body": "hello"}).Want(t, http.StatusCreated)
	begin := func(who *apitest.Client) *apitest.Response {
		t.Helper()
		return who.Post(t, c.at.Path("/messages"), apitest.Body{"channel_id": line.ChannelID, "to": number(3), "body": "hello"})
	}
	begin(c.at.Agent).WantProblem(t, http.StatusForbidden, "forbidden", "")
	begin(c.at.Manager).WantProblem(t, http.StatusForbidden, "forbidden", "")
	has := c.at.Manager.Get(t, "/v1/me").Value(t, "permissions").([]any)
	for _, permission := range c.at.Agent.Get(t, "/v1/me").Value(t, "permissions").([]any) {
		if !slices.Contains(has, permission) {
			t.Errorf("a manager lacks %s of an agent", permission)
		}
	}
	c.at.Agent.Get(t, c.at.Path("/interactions/%s/messages", theirs)).WantProblem(t, http.StatusNotFound, "not_found", "")
	c.at.User.Get(t, c.at.Path("/interactions/%s/messages", mine)).WantProblem(t, http.StatusNotFound, "not_found", "")
	c.at.Manager.Get(t, c.at.Path("/interactions/%s/messages", theirs)).Want(t, http.StatusOK)
	// What an administrator takes from one supervisor, the others keep.
	c.admin.Patch(t, c.user(c.at.Manager.UserID.String()), apitest.Body{
		"denied_permissions": []string{"interactions:assign"}, "granted_permissions": []string{"interactions:start"},
	}).Want(t, http.StatusOK)
	c.Clock.Advance(time.Second)
	begin(c.at.Manager).Want(t, http.StatusCreated)
	c.at.Manager.Post(t, c.at.Path("/interactions/%s/assign", theirs), apitest.Body{"user_id": c.at.Agent.UserID}).WantProblem(t, http.StatusForbidden, "forbidden", "")
	// A colleague who is gone keeps his conversations; others take them over.
	c.admin.Do(t, http.MethodDelete, c.user(c.at.Agent.UserID.String()), nil).Want(t, http.StatusNoContent)
	if got := c.admin.Get(t, c.at.Path("/interactions/%s", mine)).Want(t, http.StatusOK).String(t, "assignee_id"); got != c.at.Agent.UserID.String() {
		t.Errorf("the conversation is %s's", got)
	}
	c.admin.Post(t, c.at.Path("/interactions/%s/assign", theirs), apitest.Body{"user_id": c.at.Agent.UserID}).Want(t, unprocessable)
	c.admin.Post(t, c.at.Path("/interactions/%s/assign", mine), apitest.Body{"user_id": c.at.User.UserID}).Want(t, http.StatusOK)
	c.admin.Post(t, c.at.Path("/interactions/%s/messages", mine), apitest.Body{"body": "hello again"}).Want(t, http.StatusCreated)
}

// Covers: USR-01 USR-09 USR-19
func TestAUserBelongsToOneTenant(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	id := c.at.Agent.UserID.String()
	login := c.at.Agent.Get(t, "/v1/me").String(t, "user.login")
	for _, stranger := range []*apitest.Client{c.tree.Other.Admin, c.at.Agent} {
		stranger.Patch(t, c.user(id), apitest.Body{"name": "X"}).Want(t, map[bool]int{true: http.StatusForbidden, false: http.StatusNotFound}[stranger == c.at.Agent])
	}
	c.at.Agent.Get(t, c.tree.Other.Path("")).WantProblem(t, http.StatusNotFound, "not_found", "")
	c.at.Agent.Get(t, c.tree.L2.Path("")).WantProblem(t, http.StatusNotFound, "not_found", "")
	edited := c.admin.Patch(t, c.user(id), apitest.Body{"name": "Édith", "role": "manager", "phone": "514 555 0111"}).Want(t, http.StatusOK)
	if edited.String(t, "name") != "Édith" || edited.String(t, "role") != "manager" {
		t.Errorf("edited to %s", edited.Content)
	}
	c.admin.Patch(t, c.user(id), apitest.Body{"status": "disabled"}).Want(t, http.StatusOK)
	c.try(t, login, apitest.Password).WantProblem(t, http.StatusUnauthorized, "invalid_login", "")
	c.admin.Patch(t, c.user(id), apitest.Body{"status": "active"}).Want(t, http.StatusOK)
	c.try(t, login, apitest.Password).Want(t, http.StatusOK)
}
