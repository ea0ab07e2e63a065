package api_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/xuri/excelize/v2"

	"github.com/trellishq/trellis/api/apitest"
)

// auditLog reads a page of a tenant's audit log.
func auditLog(t *testing.T, c *apitest.Client, n apitest.Tenant, query string) *apitest.Response {
	t.Helper()
	return c.Get(t, n.Path("/audit?limit=200&%s", query)).Want(t, http.StatusOK)
}

// changes are the fields of the newest entry, before and after.
func changes(t *testing.T, r *apitest.Response) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, c := range r.Value(t, "items.0.changes").([]any) {
		change := c.(map[string]any)
		out[change["field"].(string)] = fmt.Sprint(change["before"], " → ", change["after"])
	}
	return out
}

// Covers: USR-38
// Who changed what, from where, with what was there before and after.
func TestTheAuditLogTellsWhatWasChanged(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	at := tree.Customer
	user := at.Admin.Post(t, at.Path("/users"), newUser("agent")).Want(t, http.StatusCreated).String(t, "id")
	at.Admin.Patch(t, at.Path("/users/%s", user), apitest.Body{"name": "Ann Example", "role": "manager"}, apitest.Header{"X-Request-Id": "the-request-1"}).
		Want(t, http.StatusOK)
	r := auditLog(t, at.Admin, at, "object_id="+user)
	if got := texts(t, r, "action"); !slices.Equal(got, []string{"user.updated", "user.created"}) {
		t.Fatalf("actions %q", got)
	}
	got := changes(t, r)
	if got["name"] != "Somebody → Ann Example" || got["role"] != "agent → manager" || len(got) != 2 {
		t.Errorf("changes %v", got)
	}
	for path, want := range map[string]string{
		"items.0.request_id": "the-request-1", "items.0.ip_address": "127.0.0.1", "items.0.object.kind": "user", "items.0.object.id": user,
		"items.0.actor.kind": "user", "items.0.actor.id": at.Admin.UserID.String(), "items.0.actor.user_id": at.Admin.UserID.String(),
		"items.0.actor.name": "tenant_admin", "items.0.actor.tenant_id": at.ID.String(),
	} {
		if got := r.String(t, path); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
	// The relay has not come by; then it has.
	if r.Value(t, "items.0.seq") != nil {
		t.Errorf("numbered at once: %s", r.Content)
	}
	p.Work(t)
	r = auditLog(t, at.Admin, at, "")
	if n := len(r.Items(t)); r.Int(t, "items.0.seq") != n || len(r.String(t, "items.0.hash")) != 64 {
		t.Errorf("%d entries, the last is %v", n, r.Value(t, "items.0.seq"))
	}
}

// A key acts in its own name, and its maker is told as well.
func TestTheAuditLogNamesKeysAndTheirMakers(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	at := tree.Customer
	made := at.Admin.Post(t, at.Path("/api-keys"), apitest.Body{"name": "Provisioning", "permissions": []string{"users:read", "users:write"}}).
		Want(t, http.StatusCreated)
	key := at.Admin.As(made.String(t, "key"))
	key.Patch(t, at.Path("/users/%s", at.User.UserID), apitest.Body{"name": "Renamed"}).Want(t, http.StatusForbidden) // the role has more than the key
	at.Admin.Post(t, at.Path("/api-keys/%s/revoke", made.String(t, "id")), nil).Want(t, http.StatusOK)
	tree.L2.Admin.Post(t, at.Path("/api-keys"), apitest.Body{"name": "From above", "permissions": []string{"channels:read", "channels:write"}}).
		Want(t, http.StatusCreated)
	from := tree.L2.Admin.Post(t, at.Path("/api-keys"), apitest.Body{"name": "From above", "permissions": []string{"channels:read", "channels:write"}}).
		Want(t, http.StatusCreated)
	at.Admin.As(from.String(t, "key")).Post(t, at.Path("/channels"), sandboxChannel()).Want(t, http.StatusCreated)
	r := auditLog(t, at.Admin, at, "actor_id="+from.String(t, "id"))
	if r.String(t, "items.0.action") != "channel.created" || r.String(t, "items.0.actor.kind") != "api_key" ||
		r.String(t, "items.0.actor.name") != "From above" || r.String(t, "items.0.actor.user_id") != tree.L2.Admin.UserID.String() {
		t.Errorf("%s", r.Content)
	}
	if r.Value(t, "items.0.actor.from_above") != true || r.Value(t, "items.0.actor.tenant_id") != nil {
		t.Errorf("whose key it is: %s", r.Content)
	}
	// Asked for by the maker, the key's doings are found as well.
	if got := texts(t, auditLog(t, at.Admin, at, "actor_id="+tree.L2.Admin.UserID.String()), "action"); !slices.Contains(got, "channel.created") {
		t.Errorf("by the maker: %q", got)
	}
}

// Covers: TEN-04
// Everybody reads as far down as he administers, and nobody what is above or
// beside him; not even who that is.
func TestTheAuditLogIsReadWhereOneAdministers(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	tree.Operator.Patch(t, tree.Customer.Path(""), apitest.Body{"name": "Renamed from the top"}).Want(t, http.StatusOK)
	tree.L1.Admin.Post(t, tree.Customer.Path("/users"), newUser("agent")).Want(t, http.StatusCreated)
	seenBy := func(c *apitest.Client, n apitest.Tenant, query string) map[string]bool {
		t.Helper()
		tenants := map[string]bool{}
		for _, id := range texts(t, auditLog(t, c, n, query), "tenant_id") {
			tenants[id] = true
		}
		return tenants
	}
	operator := apitest.Tenant{ID: p.OperatorTenant()}
	for name, c := range map[string]struct {
		by    *apitest.Client
		at    apitest.Tenant
		query string
		sees  []uuid.UUID
	}{
		"a customer":                 {tree.Customer.Admin, tree.Customer, "", []uuid.UUID{tree.Customer.ID}},
		"a customer and all below":   {tree.Customer.Admin, tree.Customer, "subtree=true", []uuid.UUID{tree.Customer.ID}},
		"L2 alone":                   {tree.L2.Admin, tree.L2, "", []uuid.UUID{tree.L2.ID}},
		"L2 and all below":           {tree.L2.Admin, tree.L2, "subtree=true", []uuid.UUID{tree.L2.ID, tree.Customer.ID}},
		"L2 at the customer":         {tree.L2.Admin, tree.Customer, "subtree=true", []uuid.UUID{tree.Customer.ID}},
		"L1 and all below":           {tree.L1.Admin, tree.L1, "subtree=true", []uuid.UUID{tree.L1.ID, tree.L2.ID, tree.Customer.ID, tree.Other.ID}},
		"the operator and all below": {tree.Operator, operator, "subtree=true", []uuid.UUID{p.OperatorTenant(), tree.L1.ID, tree.L2.ID, tree.Customer.ID, tree.Other.ID}},
	} {
		got := seenBy(c.by, c.at, c.query)
		if len(got) != len(c.sees) {
			t.Errorf("%s sees the logs of %d tenants, want %d", name, len(got), len(c.sees))
		}
		for _, id := range c.sees {
			if !got[id.String()] {
				t.Errorf("%s does not see the log of %s", name, id)
			}
		}
	}
	own := auditLog(t, tree.Customer.Admin, tree.Customer, "action=tenant.updated")
	if own.Value(t, "items.0.actor.from_above") != true || own.Value(t, "items.0.actor.tenant_id") != nil || own.String(t, "items.0.actor.name") != "Staff" {
		t.Errorf("%s", own.Content)
	}
	for _, above := range []uuid.UUID{tree.L2.ID, tree.L1.ID, p.OperatorTenant()} {
		for _, path := range []string{"?limit=200", "/export"} {
			if r := tree.Customer.Admin.Get(t, tree.Customer.Path("/audit")+path).Want(t, http.StatusOK); strings.Contains(string(r.Content), above.String()) {
				t.Errorf("the log names the tenant %s above: %s", above, r.Content)
			}
		}
	}
	fromL1 := auditLog(t, tree.L1.Admin, tree.Customer, "action=user.created&actor_id="+tree.L1.Admin.UserID.String())
	if fromL1.String(t, "items.0.actor.tenant_id") != tree.L1.ID.String() || fromL1.Value(t, "items.0.actor.from_above") != false {
		t.Errorf("%s", fromL1.Content)
	}
	for _, c := range []*apitest.Client{tree.Customer.Manager, tree.Customer.Agent, tree.Customer.User} {
		c.Get(t, tree.Customer.Path("/audit")).WantProblem(t, http.StatusForbidden, "forbidden", "")
		c.Get(t, tree.Customer.Path("/audit/export")).WantProblem(t, http.StatusForbidden, "forbidden", "")
	}
	tree.Customer.Admin.Get(t, tree.L2.Path("/audit?subtree=true")).WantProblem(t, http.StatusNotFound, "not_found", "")
}

func TestFiltersOfTheAuditLog(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	at := tree.Customer
	p.Clock.Advance(60 * 60 * 1e9)
	begin := p.Clock.Now().Format("2006-01-02T15:04:05Z")
	at.Admin.Post(t, at.Path("/channels"), sandboxChannel()).Want(t, http.StatusCreated)
	p.Clock.Advance(60 * 60 * 1e9)
	end := p.Clock.Now().Format("2006-01-02T15:04:05Z")
	for query, want := range map[string][]string{
		"from=" + begin + "&to=" + end: {"channel.created"}, "from=" + end: nil, "object_kind=channel": {"channel.created"},
		"action=channel.created": {"channel.created"}, "action=nothing.happened": nil, "act_as=true": nil,
		"from=" + begin + "&object_kind=user": nil,
	} {
		if got := texts(t, auditLog(t, at.Admin, at, query), "action"); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	at.Admin.Get(t, at.Path("/audit?from=%s&to=%s", end, begin)).WantProblem(t, unprocessable, "validation_failed", "query.to")
	at.Admin.Get(t, at.Path("/audit?action=x")).WantProblem(t, unprocessable, "validation_failed", "query.action")
	at.Admin.Get(t, at.Path("/audit?who=me")).WantProblem(t, unprocessable, "validation_failed", "query.who")
	// Page by page it is the same list.
	all := texts(t, auditLog(t, at.Admin, at, ""), "id")
	var pages []string
	for next := at.Path("/audit?limit=2"); next != ""; {
		r := at.Admin.Get(t, next).Want(t, http.StatusOK)
		pages = append(pages, texts(t, r, "id")...)
		cursor, _ := r.Value(t, "next_cursor").(string)
		if next = ""; cursor != "" {
			next = at.Path("/audit?limit=2&cursor=%s", cursor)
		}
	}
	if !slices.Equal(all, pages) || len(all) < 5 {
		t.Errorf("%d entries in pages, %d at once", len(pages), len(all))
	}
}

// An export is the same list as a file, harmless to open, and leaves its trace.
func TestTheAuditLogIsExported(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	at := tree.Customer
	evil := newUser("agent")
	evil["name"] = `=HYPERLINK("https://evil.example")`
	login := evil["login"].(string)
	at.Admin.Post(t, at.Path("/users"), evil).Want(t, http.StatusCreated)
	p.Login(t, login)
	p.Work(t)
	want := len(auditLog(t, at.Admin, at, "").Items(t)) + 1 // the export itself

	r := at.Admin.Get(t, at.Path("/audit/export")).Want(t, http.StatusOK)
	if r.Header.Get("Content-Type") != "text/csv; charset=utf-8" || r.Header.Get("Content-Disposition") != `attachment; filename="audit-2026-03-07.csv"` {
		t.Errorf("headers %v", r.Header)
	}
	rows, err := csv.NewReader(bytes.NewReader(r.Content)).ReadAll()
	if err != nil || len(rows) != want+1 {
		t.Fatalf("%d rows, want %d and a heading (%v)", len(rows), want, err)
	}
	name := slices.Index(rows[0], "actor_name")
	found := false
	for _, row := range rows {
		found = found || row[name] == "'"+evil["name"].(string)
	}
	if !found {
		t.Errorf("the formula is not there as text: %s", r.Content)
	}
	r = at.Admin.Get(t, at.Path("/audit/export?format=xlsx&action=session.started")).Want(t, http.StatusOK)
	book, err := excelize.OpenReader(bytes.NewReader(r.Content))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = book.Close() }()
	sheet, err := book.GetRows("Sheet1")
	if err != nil || len(sheet) != 6 || sheet[1][name] != evil["name"] {
		t.Errorf("%d rows, %v: %q", len(sheet), err, sheet)
	}
	exports := auditLog(t, at.Admin, at, "action=audit.exported")
	if n := len(exports.Items(t)); n != 2 || exports.String(t, "items.0.details.format") != "xlsx" {
		t.Errorf("%d exports are noted: %s", n, exports.Content)
	}
	at.Admin.Get(t, at.Path("/audit/export?format=pdf")).WantProblem(t, unprocessable, "validation_failed", "query.format")
}

// Whoever loses his rights in the middle of an export gets no whole file.
func TestAnExportEndsWithTheRightToIt(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	at := tree.Customer
	second := p.NewUser(t, at.Admin, at, "tenant_admin")
	p.Tamper(t, `INSERT INTO audit_entries (id, tenant_id, action, object_kind, object_id, actor_kind, request_id, details, changes, created_at)
		SELECT gen_random_uuid(), $1, 'x.y', 'x', $1, 'system', repeat('x', 60), to_json(repeat('x', 1500)), '[]', '2020-01-01' FROM generate_series(1, 20000)`, at.ID)
	request, err := http.NewRequest(http.MethodGet, p.URL+at.Path("/audit/export"), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+second.Bearer)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.ReadFull(response.Body, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	at.Admin.Patch(t, at.Path("/users/%s", second.UserID), apitest.Body{"status": "disabled"}).Want(t, http.StatusOK)
	p.Clock.Advance(2 * 1e9) // rights are at most a second old
	if _, err := io.Copy(io.Discard, response.Body); err == nil {
		t.Error("the export came to its end")
	}
}

// What the owner of the database alters is found by the chain.
func TestTheChainFindsWhatWasAltered(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	p.Work(t)
	r, err := p.Audit.Verify(t.Context(), uuid.Nil, nil)
	if err != nil || len(r.Breaks) > 0 || r.Entries < 10 {
		t.Fatalf("%+v, %v", r, err)
	}
	p.Tamper(t, `UPDATE audit_entries SET changes = '[]' WHERE tenant_id = $1 AND action = 'user.created'`, tree.Customer.ID)
	if r, err = p.Audit.Verify(t.Context(), uuid.Nil, nil); err != nil || len(r.Breaks) != 1 || r.Breaks[0].TenantID != tree.Customer.ID {
		t.Errorf("%+v, %v", r, err)
	}
}

// Whatever was sealed or hashed is in no entry: every test's platform looks
// when it ends, and here everything that takes a secret is done on purpose.
func TestNoSecretIsInTheAuditLog(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	at := tree.Customer
	p.TwilioLine(t, at)
	line := p.ClickatellLine(t, at)
	p.CarrierLine(t, tree)
	at.Admin.Patch(t, at.Path("/channels/%s", line.ChannelID), apitest.Body{"credentials": line.Account.Credentials}).Want(t, http.StatusOK)
	key := at.Admin.Post(t, at.Path("/api-keys"), apitest.Body{"name": "Key", "permissions": []string{"channels:read"}}).Want(t, http.StatusCreated)
	at.Admin.Post(t, at.Path("/users/%s/password", at.Agent.UserID), apitest.Body{"password": "Another-horse-8-battery"}).
		Want(t, http.StatusNoContent)
	at.User.Post(t, "/v1/me/password", apitest.Body{"old_password": apitest.Password, "password": "Another-horse-8-battery"}).Want(t, http.StatusNoContent)
	var entries []json.RawMessage
	r := auditLog(t, tree.Operator, apitest.Tenant{ID: p.OperatorTenant()}, "subtree=true")
	for _, item := range r.Items(t) {
		text, err := json.Marshal(item)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, text)
	}
	secrets := []string{apitest.Password, "Another-horse-8-battery", key.String(t, "key"), at.Admin.Bearer, line.Account.InboundURL, line.Account.StatusURL}
	for _, value := range line.Account.Credentials {
		secrets = append(secrets, value)
	}
	for _, entry := range entries {
		for _, secret := range secrets {
			if secret != "" && strings.Contains(string(entry), secret) {
				t.Errorf("%s holds %q", entry, secret)
			}
		}
	}
}
