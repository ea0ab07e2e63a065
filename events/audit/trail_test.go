package audit_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/events/audit"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// publish writes one event in a context and returns its entry, if it has one.
func (w *world) publish(t *testing.T, ctx context.Context, action, kind string, data any) (audit.Entry, bool) {
	t.Helper()
	object := uuid.New()
	err := w.store.InTx(ctx, func(ctx context.Context) error { return w.log.Publish(ctx, action, kind, object, data) })
	if err != nil {
		t.Fatal(err)
	}
	entries, err := w.trail.List(ctx, audit.Filter{ObjectID: &object, Limit: 2})
	if err != nil || len(entries) > 1 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	if len(entries) == 0 {
		return audit.Entry{}, false
	}
	return entries[0], true
}

// thing is a view with everything that can go wrong.
type thing struct {
	ID           uuid.UUID `json:"id"`
	Name         string    `json:"name,omitempty"`
	Enabled      bool      `json:"enabled,omitempty"`
	Password     string    `json:"-"`
	HookToken    string    `json:"hook_token"`
	PasswordAt   string    `json:"password_changed_at"`
	Credentials  any       `json:"credentials"`
	Limits       limits    `json:"limits"`
	Tags         []string  `json:"tags"`
	Note         string    `json:"note"`
	UntaggedName int
	UpdatedAt    time.Time `json:"updated_at"`
}

type limits struct {
	Seats  int    `json:"seats"`
	Secret string `json:"secret"`
}

func TestOnlyWhatDiffersIsKept(t *testing.T) {
	t.Parallel()
	w := setup(t)
	before := thing{ID: uuid.New(), Name: "Old", HookToken: "sentinel-1", Credentials: map[string]string{"user": "sentinel-2"}, Limits: limits{1, "sentinel-3"}, Tags: []string{"a"}}
	after := before
	after.Name, after.Enabled, after.Password, after.HookToken = "", true, "sentinel-4", "sentinel-5"
	after.Limits, after.Tags, after.UntaggedName = limits{2, "sentinel-6"}, []string{"a", "b"}, 7
	after.Credentials = map[string]string{"user": "sentinel-7"}
	after.Note = "the key is trl_live_0aZ4bY8cX2dW6eV0fU4gT8hS2iR6jQ0k_0aZ4bY"
	after.PasswordAt = "2026-03-07"
	after.UpdatedAt = time.Now()
	e, ok := w.publish(t, in(t.Context(), w.customer), "thing.updated", "thing", events.Change{
		Data: map[string]any{"changed": []string{"password"}, "new_password": "sentinel-8"}, Before: before, After: &after,
	})
	if !ok {
		t.Fatal("there is no entry")
	}
	got := map[string]string{}
	for _, c := range e.ChangedFields() {
		got[c.Field] = string(c.Before) + " → " + string(c.After)
	}
	want := map[string]string{
		"name": `"Old" → ""`, "enabled": "false → true", "hook_token": `"•••" → "•••"`, "limits.seats": "1 → 2", "limits.secret": `"•••" → "•••"`,
		"tags": `["a"] → ["a","b"]`, "UntaggedName": "0 → 7", "note": `"" → "•••"`, "password_changed_at": `"" → "2026-03-07"`,
		"credentials.user": `"•••" → "•••"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if string(e.Details) != `{"changed":["password"],"new_password":"•••"}` {
		t.Errorf("details: %s", e.Details)
	}
	if text := string(e.Details) + string(e.Changes); strings.Contains(text, "sentinel") {
		t.Errorf("a secret is in %s", text)
	}
}

func TestWhatIsNewOrGoneIsKeptAsAWhole(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ctx := in(t.Context(), w.customer)
	for name, c := range map[string]struct {
		change events.Change
		want   string
	}{
		"new":     {events.Change{After: limits{Seats: 3}}, `[{"field":"seats","before":null,"after":3},{"field":"secret","before":null,"after":""}]`},
		"gone":    {events.Change{Before: limits{Seats: 3}}, `[{"field":"seats","before":3,"after":null},{"field":"secret","before":"","after":null}]`},
		"nothing": {events.Change{}, `[]`},
		"same":    {events.Change{Before: limits{1, "x"}, After: limits{1, "x"}}, `[]`},
	} {
		e, _ := w.publish(t, ctx, "thing.made", "thing", c.change)
		if string(e.Changes) != c.want || string(e.Details) != "null" {
			t.Errorf("%s: %s %s, want %s", name, e.Changes, e.Details, c.want)
		}
	}
	if err := w.log.Publish(ctx, "thing.made", "thing", uuid.New(), events.Change{After: []int{1}}); err == nil {
		t.Error("a list is taken for a view")
	}
}

func TestLongTextsAreShortened(t *testing.T) {
	t.Parallel()
	w := setup(t)
	e, _ := w.publish(t, in(t.Context(), w.customer), "thing.made", "thing", map[string]string{"note": strings.Repeat("é", 5000)})
	var got map[string]string
	if err := json.Unmarshal(e.Details, &got); err != nil || len(got["note"]) > 2010 || !strings.HasSuffix(got["note"], "é…") {
		t.Errorf("%d bytes, %v", len(got["note"]), err)
	}
}

// Messages are no administration, unless somebody from elsewhere handles them.
func TestWhatIsAdministrative(t *testing.T) {
	t.Parallel()
	w := setup(t)
	user := in(t.Context(), w.customer)
	system := scope.With(t.Context(), scope.Scope{TenantID: w.customer.ID, Path: w.customer.Path, Actor: scope.Actor{Kind: scope.ActorSystem}})
	acting := scope.WithOrigin(user, scope.Origin{
		Actor: scope.Actor{Kind: scope.ActorUser, ID: somebody}, UserID: somebody, Home: w.reseller.Path, ActAsID: uuid.New(),
	})
	for name, c := range map[string]struct {
		in   context.Context //nolint:containedctx // one for each row
		kind string
		want bool
	}{
		"a user's message":               {user, "message", false},
		"a contact":                      {user, "contact", false},
		"an attachment":                  {user, "attachment", false},
		"a channel":                      {user, "channel", true},
		"the program's channel":          {system, "channel", true},
		"an opt-out by hand":             {user, "opt_out", true},
		"an opt-out by STOP":             {system, "opt_out", false},
		"a message in an act-as session": {acting, "message", true},
		"anything new":                   {user, "campaign", true},
	} {
		if _, got := w.publish(t, c.in, "thing.happened", c.kind, nil); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestAnEntrySaysWhoAndWhence(t *testing.T) {
	t.Parallel()
	w := setup(t)
	session, creator := uuid.New(), uuid.New()
	key := scope.Actor{Kind: scope.ActorKey, ID: uuid.New()}
	ctx := scope.With(t.Context(), scope.Scope{TenantID: w.customer.ID, Path: w.customer.Path, Actor: key})
	origin := scope.Origin{Address: "203.0.113.7", Actor: key, Name: "Web shop", UserID: creator, Home: w.reseller.Path, ActAsID: session}
	e, _ := w.publish(t, scope.WithOrigin(ctx, origin), "channel.updated", "channel", nil)
	want := audit.Actor{Kind: scope.ActorKey, ID: &key.ID, Name: "Web shop", UserID: &creator, HomePath: w.reseller.Path}
	if diff := cmp.Diff(want, e.Actor); diff != "" {
		t.Error(diff)
	}
	if e.Address != "203.0.113.7" || e.ActAsID == nil || *e.ActAsID != session || e.TenantID != w.customer.ID {
		t.Errorf("%+v", e)
	}
	// The program's own work inside that request is not the caller's.
	system := scope.With(ctx, scope.Scope{TenantID: w.customer.ID, Path: w.customer.Path, Actor: scope.Actor{Kind: scope.ActorSystem}})
	e, _ = w.publish(t, scope.WithOrigin(system, origin), "channel.updated", "channel", nil)
	if e.Actor.Name != "" || e.Actor.UserID != nil || e.Actor.Kind != scope.ActorSystem {
		t.Errorf("%+v", e.Actor)
	}
}

func TestFiltersAndPages(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for range 5 {
		w.happen(t, w.customer, 2)
		w.happen(t, w.other, 1)
		w.clock.Advance(time.Hour)
	}
	at := func(tenant tenants.Tenant, f audit.Filter) (n int) {
		t.Helper()
		f.Limit = 3
		seen := map[uuid.UUID]bool{}
		for {
			page, err := w.trail.List(in(t.Context(), tenant), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range page {
				if seen[e.ID] {
					t.Errorf("%s comes twice", e.ID)
				}
				seen[e.ID] = true
			}
			n += len(page)
			if len(page) < f.Limit {
				return n
			}
			last := page[len(page)-1].Place()
			f.Behind = &last
		}
	}
	second := w.clock.Now().Add(-4 * time.Hour)
	third := second.Add(time.Hour)
	nobody := uuid.New()
	for name, c := range map[string]struct {
		at   tenants.Tenant
		f    audit.Filter
		want int
	}{
		"own":              {w.customer, audit.Filter{}, 10},
		"another's":        {w.other, audit.Filter{}, 5},
		"the reseller":     {w.reseller, audit.Filter{}, 2},
		"subtree":          {w.reseller, audit.Filter{Subtree: true}, 17},
		"everything":       {w.operator, audit.Filter{Subtree: true}, 19},
		"a leaf's subtree": {w.customer, audit.Filter{Subtree: true}, 10},
		"an hour":          {w.customer, audit.Filter{From: &second, To: &third}, 2},
		"an hour of all":   {w.reseller, audit.Filter{Subtree: true, From: &second, To: &third}, 3},
		"an actor":         {w.customer, audit.Filter{ActorID: &somebody}, 10},
		"nobody":           {w.customer, audit.Filter{ActorID: &nobody}, 0},
		"an action":        {w.customer, audit.Filter{Action: "channel.updated"}, 10},
		"a kind":           {w.reseller, audit.Filter{ObjectKind: "tenant"}, 2},
		"an object":        {w.reseller, audit.Filter{ObjectID: &w.customer.ID}, 1},
		"another's object": {w.customer, audit.Filter{ObjectID: &w.other.ID}, 0},
		"acting":           {w.customer, audit.Filter{ActAs: true}, 0},
		"one session":      {w.customer, audit.Filter{ActAsID: &nobody}, 0},
	} {
		if got := at(c.at, c.f); got != c.want {
			t.Errorf("%s: %d entries, want %d", name, got, c.want)
		}
	}
}

// A large subtree is read by time, a small one by tenant: the answer is one.
func TestBothWaysThroughASubtreeAgree(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.happen(t, w.customer, 4)
	w.tamper(t, `INSERT INTO tenants (id, created_at, updated_at, parent_id, kind, name, name_key, path)
		SELECT id, now(), now(), $1, 'customer', id::text, id::text, $2 || id || '/'
		FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, 600)) t`, w.reseller.ID, w.reseller.Path)
	entries, err := w.trail.List(in(t.Context(), w.reseller), audit.Filter{Subtree: true, Limit: 100})
	if err != nil || len(entries) != 6 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
	other, err := w.trail.List(in(t.Context(), w.customer), audit.Filter{Subtree: true, Limit: 100})
	if err != nil || len(other) != 4 {
		t.Errorf("%d entries, %v", len(other), err)
	}
}

// An export of many pages holds one of them, and stops when it may not go on.
func TestEachReadsPageByPage(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.tamper(t, `INSERT INTO audit_entries (id, tenant_id, action, object_kind, object_id, actor_kind, details, changes, created_at)
		SELECT gen_random_uuid(), $1, 'x.y', 'x', $1, 'system', 'null', '[]', now() FROM generate_series(1, 1200)`, w.customer.ID)
	seen, asked := 0, 0
	count := func(audit.Entry) error { seen++; return nil }
	err := w.trail.Each(in(t.Context(), w.customer), audit.Filter{Action: "x.y"}, func(context.Context) error { asked++; return nil }, count)
	if err != nil || seen != 1200 || asked != 2 {
		t.Errorf("%d entries, asked %d times, %v", seen, asked, err)
	}
	seen = 0
	err = w.trail.Each(in(t.Context(), w.customer), audit.Filter{Action: "x.y"}, func(context.Context) error { return context.Canceled }, count)
	if err == nil || seen != 500 {
		t.Errorf("%d entries, %v", seen, err)
	}
}
