package identity_test

import (
	"context"
	"encoding/base64"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/identity/departments"
	"github.com/trellishq/trellis/internal/clock"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/secret"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/internal/testkit"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/mail"
	"github.com/trellishq/trellis/tenants/scope"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// cheap makes hashes that tests can afford; weakest is cheaper still.
var (
	cheap   = identity.Hashing{Memory: 16, Time: 2, Threads: 1}
	weakest = identity.Hashing{Memory: 8, Time: 1, Threads: 1}
)

const (
	issuer   = "https://api.example.com"
	audience = "trellis"
	password = "correct horse battery"
)

// world is a platform with people in it:
//
//	operator ─ l1 ─ l2 ─ deep
//	         │    └ customer
//	         └ other ─ foreign
type world struct {
	*identity.Service
	tree     *tenants.Service
	store    *store.Store
	clock    *clock.Manual
	log      *recorder
	policy   *authz.Policy
	hashes   *identity.Passwords
	database testkit.Database

	operator, l1, l2, deep, customer, other, foreign tenants.Tenant
}

func setup(t *testing.T) *world {
	t.Helper()
	w := &world{clock: clock.NewManual(testkit.Start), log: &recorder{}, hashes: identity.NewPasswords(cheap), database: testkit.NewDatabase(t)}
	w.store = testkit.Open(t, w.database, w.clock)
	var err error
	if w.policy, err = authz.New(); err != nil {
		t.Fatal(err)
	}
	w.Service, w.tree = w.replica(t, nil)
	if w.operator, err = w.tree.CreateOperator(scope.System(t.Context(), "test"), "Operator"); err != nil {
		t.Fatal(err)
	}
	node := func(parent tenants.Tenant, kind tenants.Kind, name string) tenants.Tenant {
		made, err := w.tree.Create(program(t.Context(), parent), tenants.NewTenant{ParentID: parent.ID, Kind: kind, Name: name})
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	w.l1 = node(w.operator, tenants.KindResellerL1, "First")
	w.l2 = node(w.l1, tenants.KindResellerL2, "Second")
	w.deep = node(w.l2, tenants.KindCustomer, "Deep")
	w.customer = node(w.l1, tenants.KindCustomer, "Customer")
	w.other = node(w.operator, tenants.KindResellerL1, "Other")
	w.foreign = node(w.other, tenants.KindCustomer, "Foreign")
	return w
}

// replica is another process on the same database.
func (w *world) replica(t *testing.T, change func(*identity.Config)) (*identity.Service, *tenants.Service) {
	t.Helper()
	tree := tenants.New(w.store, w.log)
	c := identity.Config{
		Store: w.store, Log: w.log, Tenants: tree, Departments: departments.New(w.store, w.log), Policy: w.policy, Keyring: keyring(t, 1),
		Issuer: issuer, Audience: audience, Passwords: w.hashes, Mail: w.letters(t),
	}
	if change != nil {
		change(&c)
	}
	s, err := identity.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, tree
}

// letters keeps mails and sends none.
func (w *world) letters(t *testing.T) *mail.Service {
	t.Helper()
	letters, err := mail.New(mail.Config{
		Store: w.store, Keyring: keyring(t, 1), Wake: func() {}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return letters
}

// keyring has the master keys with the given bytes, the first one current.
func keyring(t *testing.T, bytes ...byte) *secret.Keyring {
	t.Helper()
	var list []string
	for _, b := range bytes {
		raw := slices.Repeat([]byte{b}, secret.KeySize)
		list = append(list, "k"+string('0'+rune(b))+":"+base64.StdEncoding.EncodeToString(raw))
	}
	keys, err := secret.ParseKeys(strings.Join(list, ","))
	if err != nil {
		t.Fatal(err)
	}
	ring, err := secret.NewKeyring(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

// program is the program's own work in a tenant.
func program(ctx context.Context, at tenants.Tenant) context.Context {
	return scope.With(ctx, scope.Scope{TenantID: at.ID, Path: at.Path, Actor: scope.Actor{Kind: scope.ActorSystem}})
}

// user makes a user; the login tells role and tenant apart.
func (w *world) user(t *testing.T, at tenants.Tenant, role authz.Role, mailbox string) identity.User {
	t.Helper()
	made, err := w.CreateUser(program(t.Context(), at), identity.NewUser{
		Login: mailbox + "@" + strings.ToLower(at.Name) + ".example", Name: mailbox, Role: role, Password: password,
	})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (w *world) login(t *testing.T, u identity.User) identity.Tokens {
	t.Helper()
	tokens, err := w.Login(t.Context(), u.Login, password, identity.Client{IP: "192.0.2.1", UserAgent: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

// person makes a user and signs him in.
func (w *world) person(t *testing.T, at tenants.Tenant, role authz.Role, mailbox string) identity.Principal {
	t.Helper()
	return w.authenticate(t, w.login(t, w.user(t, at, role, mailbox)).AccessToken.Reveal())
}

func (w *world) authenticate(t *testing.T, bearer string) identity.Principal {
	t.Helper()
	p, err := w.Authenticate(t.Context(), bearer)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// key makes a key of the caller's in a tenant and signs it in.
func (w *world) key(t *testing.T, p identity.Principal, at tenants.Tenant, permissions ...authz.Permission) identity.Principal {
	t.Helper()
	made, err := w.CreateKey(w.as(t, p, authz.APIKeysWrite, at), identity.NewKey{Name: "test", Permissions: permissions})
	if err != nil {
		t.Fatal(err)
	}
	return w.authenticate(t, made.Text.Reveal())
}

// as is the context of a caller who was admitted.
func (w *world) as(t *testing.T, p identity.Principal, permission authz.Permission, at tenants.Tenant) context.Context {
	t.Helper()
	ctx, err := w.Admit(t.Context(), p, permission, at.ID)
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

func wantCode(t *testing.T, err error, code fault.Code, location ...string) {
	t.Helper()
	f, ok := fault.As(err)
	if !ok || f.Code != code {
		t.Errorf("got %v, want the fault %s", err, code)
		return
	}
	if len(location) > 0 && (len(f.Fields) == 0 || f.Fields[0].Location != location[0]) {
		t.Errorf("got the fields %+v, want one at %s", f.Fields, location[0])
	}
}

// recorder is a log that keeps what it is told.
type recorder struct {
	mu     sync.Mutex
	events []event
}

type event struct {
	kind   string
	object uuid.UUID
	tenant uuid.UUID
	data   any
}

func (r *recorder) Publish(ctx context.Context, kind, _ string, object uuid.UUID, data any) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, event{kind, object, sc.TenantID, data})
	return nil
}

// of counts the events of a kind about an object.
func (r *recorder) of(kind string, object uuid.UUID) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, e := range r.events {
		if e.kind == kind && e.object == object {
			n++
		}
	}
	return n
}

func to[T any](v T) *T { return &v }

// cacheLife is how long a replica may remember a caller. The tree may be
// remembered as long again; both together stay within a second.
const cacheLife = 450 * time.Millisecond
