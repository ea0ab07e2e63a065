package op_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/telemetry"
	"github.com/trellishq/trellis/tenants/scope"
)

// The toy is a small API with one operation of each sort.

var (
	tenantA = uuid.MustParse("0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9f0a")
	tenantB = uuid.MustParse("0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9f0b")
	alice   = uuid.MustParse("0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9fa1")
)

type InTenant struct {
	TenantID uuid.UUID `path:"tenant_id" doc:"The tenant."`
}

type OnContact struct {
	InTenant
	ContactID uuid.UUID `path:"contact_id" doc:"The contact."`
}

// Contact is what clients see of a contact.
type Contact struct {
	ID        uuid.UUID  `json:"id" doc:"The contact."`
	Name      string     `json:"name" maxLength:"100" doc:"What people call the contact." example:"Ada Lovelace"`
	Nickname  *string    `json:"nickname" maxLength:"40" doc:"A short name, or null." example:"Ada"`
	State     string     `json:"state" enum:"active,archived" doc:"Whether the contact is in use."`
	Tags      []string   `json:"tags" maxItems:"20" maxLength:"40" doc:"Labels." example:"vip"`
	CreatedAt time.Time  `json:"created_at" doc:"When the contact was made."`
	SeenAt    *time.Time `json:"seen_at" doc:"When the contact last wrote, or null."`
}

type listContacts struct {
	InTenant
	op.Page
	State []string `query:"state,explode" enum:"active,archived" maxItems:"2" doc:"Only contacts in one of these states."`
	Sort  string   `query:"sort" enum:"name,-name" doc:"The order."`
}

type createContact struct {
	InTenant
	Body struct {
		Name     string   `json:"name" minLength:"1" maxLength:"100" doc:"What people call the contact." example:"Ada Lovelace"`
		Age      int      `json:"age,omitempty" format:"int32" minimum:"0" maximum:"150" doc:"Age in years." example:"36"`
		Email    string   `json:"email,omitempty" format:"email" doc:"Where to write to."`
		Password string   `json:"password,omitempty" minLength:"8" maxLength:"100" writeOnly:"true" doc:"A secret." example:"correct horse"`
		Answer   string   `json:"answer,omitempty" minLength:"8" maxLength:"100" writeOnly:"true" doc:"The answer to the safety question." example:"a blue bicycle"`
		Tags     []string `json:"tags,omitempty" maxItems:"20" maxLength:"40" doc:"Labels." example:"vip"`
	}
	checked bool
}

type contactCreated struct {
	op.Location
	op.ETag
	Body Contact
}

type contactShown struct {
	op.ETag
	Body Contact
}

type patchContact struct {
	OnContact
	op.IfMatch
	Body struct {
		Name     op.Optional[string] `json:"name,omitzero" nullable:"false" maxLength:"100" doc:"What people call the contact." example:"Ada Lovelace"`
		Nickname op.Optional[string] `json:"nickname,omitzero" maxLength:"40" doc:"A short name; null clears it." example:"Ada"`
	}
}

type createKey struct {
	InTenant
}

type keyCreated struct {
	Body struct {
		ID     uuid.UUID `json:"id" doc:"The key."`
		Secret string    `json:"secret,omitempty" maxLength:"100" doc:"The key itself, shown once." example:"trl_test_0123456789"`
	}
}

func (k *keyCreated) WithoutSecrets() *keyCreated {
	kept := *k
	kept.Body.Secret = ""
	return &kept
}

type uploadFile struct {
	InTenant
	op.Upload
}

type fileStored struct {
	Body struct {
		Filename string `json:"filename" maxLength:"255" doc:"What the client calls the file." example:"photo.png"`
		Size     int    `json:"size" minimum:"0" maximum:"1000000" doc:"Bytes." example:"1234"`
	}
}

type callback struct {
	op.Raw
	Provider string `path:"provider" enum:"twilio,clickatell" doc:"The provider."`
	Token    string `path:"token" minLength:"4" maxLength:"64" pattern:"^[A-Za-z0-9]+$" doc:"The number's own token." example:"abcd1234"`
}

type callbackAnswer struct {
	ContentType string `header:"Content-Type"`
	Body        []byte `contentType:"text/xml"`
}

type login struct {
	Body struct {
		Login    string `json:"login" format:"email" doc:"The user's login."`
		Password string `json:"password" maxLength:"200" writeOnly:"true" doc:"The user's password." example:"correct horse"`
	}
}

type tokens struct {
	Body struct {
		AccessToken string `json:"access_token" maxLength:"4096" doc:"Good for 15 minutes." example:"eyJhbGciOiJFZERTQSJ9.e30.c2ln"`
	}
}

func (t *tokens) WithoutSecrets() *tokens { return &tokens{} }

type exportContacts struct {
	InTenant
	Format string `query:"format" enum:"csv,xlsx" default:"csv" doc:"The kind of file."`
}

type export struct {
	ContentType string    `header:"Content-Type"`
	Body        op.Stream `contentType:"text/csv, application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"`
}

// toy is the state behind the toy API.
type toy struct {
	surface *op.Surface
	ledger  *memoryLedger
	limiter *window
	log     *strings.Builder
	access  []op.Access

	mu      sync.Mutex
	created int
	before  int
	version int64
	fail    error
	block   chan struct{}
}

func contact(name string) Contact {
	return Contact{ID: uuid.MustParse("0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9fc1"), Name: name, State: "active", CreatedAt: time.Unix(1_750_000_000, 0).UTC()}
}

func config(t *toy) op.Config {
	return op.Config{
		Title: "Toy", Version: "1.0.0", Description: "One operation of each sort.",
		Contact:   op.Contact{Name: "Toy makers", URL: "https://toy.example", Email: "api@toy.example"},
		Servers:   []op.Server{{URL: "https://api.toy.example", Description: "Production"}},
		Tags:      []op.Tag{{Name: "Contacts", Description: "People outside."}, {Name: "Access", Description: "Logging in."}, {Name: "Callbacks", Description: "What providers call."}},
		Logger:    slog.New(slog.NewTextHandler(&lockedWriter{w: t.log}, nil)),
		CursorKey: []byte(strings.Repeat("k", 32)),
		Gate:      gate{}, Ledger: t.ledger, Limiter: t.limiter, Origins: origins{},
		OnAccess: func(_ context.Context, a op.Access) { t.mu.Lock(); defer t.mu.Unlock(); t.access = append(t.access, a) },
	}
}

func newToy(tb testing.TB) *toy {
	tb.Helper()
	t := &toy{ledger: &memoryLedger{entries: map[string]*entry{}}, limiter: &window{left: 1 << 30}, log: &strings.Builder{}, version: 7}
	s, err := op.New(config(t))
	if err != nil {
		tb.Fatal(err)
	}
	t.surface = s
	t.register(s)
	if err := s.Ready(); err != nil {
		tb.Fatal(err)
	}
	return t
}

func (t *toy) register(s *op.Surface) {
	op.Register(s, authz.ContactsRead, op.Spec{
		ID: "listContacts", Method: http.MethodGet, Path: "/v1/tenants/{tenant_id}/contacts", Tag: "Contacts",
		Summary: "List contacts", Description: "Lists the tenant's contacts.",
	}, t.list)
	op.Register(s, "contacts:write", op.Spec{
		ID: "createContact", Method: http.MethodPost, Path: "/v1/tenants/{tenant_id}/contacts", Tag: "Contacts", Status: http.StatusCreated,
		Summary: "Create a contact", Description: "Adds a contact to the tenant.", Codes: []fault.Code{fault.CodeNameTaken}, MaxBodyBytes: 2000,
	}, t.create, op.Before(t.check))
	op.Register(s, authz.ContactsRead, op.Spec{
		ID: "getContact", Method: http.MethodGet, Path: "/v1/tenants/{tenant_id}/contacts/{contact_id}", Tag: "Contacts",
		Summary: "Show a contact", Description: "Shows one contact.",
	}, t.get)
	op.Register(s, "contacts:write", op.Spec{
		ID: "updateContact", Method: http.MethodPatch, Path: "/v1/tenants/{tenant_id}/contacts/{contact_id}", Tag: "Contacts",
		Summary: "Change a contact", Description: "Changes the fields that are sent.",
	}, t.patch)
	op.Register(s, "contacts:write", op.Spec{
		ID: "deleteContact", Method: http.MethodDelete, Path: "/v1/tenants/{tenant_id}/contacts/{contact_id}", Tag: "Contacts",
		Summary: "Delete a contact", Description: "Removes one contact.",
	}, t.delete)
	op.Register(s, "contacts:write", op.Spec{
		ID: "archiveContact", Method: http.MethodPost, Path: "/v1/tenants/{tenant_id}/contacts/{contact_id}/archive", Tag: "Contacts",
		Summary: "Archive a contact", Description: "Puts a contact away.", Codes: []fault.Code{fault.CodeWrongState},
		Deprecated: time.Unix(1_760_000_000, 0), Sunset: time.Unix(1_790_000_000, 0),
	}, t.archive)
	op.Register(s, authz.APIKeysWrite, op.Spec{
		ID: "createKey", Method: http.MethodPost, Path: "/v1/tenants/{tenant_id}/keys", Tag: "Access", Status: http.StatusCreated,
		Summary: "Create a key", Description: "Makes a key and shows it once.",
	}, t.key)
	op.Register(s, "contacts:write", op.Spec{
		ID: "uploadFile", Method: http.MethodPost, Path: "/v1/tenants/{tenant_id}/files", Tag: "Contacts", Status: http.StatusCreated,
		Summary: "Upload a file", Description: "Stores a file.", MaxBodyBytes: 1000,
	}, t.upload)
	op.Register(s, authz.ContactsRead, op.Spec{
		ID: "exportContacts", Method: http.MethodGet, Path: "/v1/tenants/{tenant_id}/contacts.csv", Tag: "Contacts",
		Summary: "Export contacts", Description: "Writes all contacts to a file.",
	}, t.export)
	op.Register(s, authz.Public, op.Spec{
		ID: "receiveCallback", Method: http.MethodPost, Path: "/hooks/{provider}/{token}/inbound", Tag: "Callbacks",
		Summary: "Take in a message", Description: "Called by a provider.", Codes: []fault.Code{fault.CodeBadSignature},
		MaxBodyBytes: 500, Consumes: []string{"application/x-www-form-urlencoded"},
	}, t.callback)
	op.Register(s, authz.Public, op.Spec{
		ID: "getHealth", Method: http.MethodGet, Path: "/healthz", Tag: "Access",
		Summary: "Tell whether the server lives", Description: "Changes nothing.",
	}, t.health)
	op.Register(s, authz.Public, op.Spec{
		ID: "createSession", Method: http.MethodPost, Path: "/v1/auth/login", Tag: "Access",
		Summary: "Log in", Description: "Exchanges a password for tokens.", Codes: []fault.Code{fault.CodeInvalidLogin},
	}, t.login)
}

type contactKey struct {
	Name string `json:"n"`
}

var names = []string{"Ada", "Bob", "Cyd", "Dan", "Eve"}

func (t *toy) list(ctx context.Context, in *listContacts) (*op.List[Contact], error) {
	after, err := op.After[contactKey](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	rows := slices.Clone(names)
	if after != nil {
		rows = rows[slices.Index(rows, after.Name)+1:]
	}
	rows = rows[:min(len(rows), in.Fetch())]
	return op.Listing(ctx, in.Page, rows, contact, func(name string) contactKey { return contactKey{name} })
}

func (t *toy) check(_ context.Context, in *createContact) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.before++
	in.checked = true
	return nil
}

func (t *toy) create(_ context.Context, in *createContact) (*contactCreated, error) {
	if t.block != nil {
		<-t.block
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !in.checked {
		return nil, errors.New("not checked before")
	}
	if t.fail != nil {
		return nil, t.fail
	}
	t.created++
	c := contact(in.Body.Name)
	c.Tags = in.Body.Tags
	return &contactCreated{
		Location: op.At("/v1/tenants/%s/contacts/%s", in.TenantID, c.ID), ETag: op.Version(int64(t.created)), Body: c,
	}, nil
}

func (t *toy) get(context.Context, *OnContact) (*contactShown, error) {
	if t.fail != nil {
		return nil, t.fail
	}
	return &contactShown{ETag: op.Version(t.version), Body: contact("Ada")}, nil
}

func (t *toy) patch(_ context.Context, in *patchContact) (*contactShown, error) {
	if err := in.Check(t.version); err != nil {
		return nil, err
	}
	c := contact("Ada")
	in.Body.Name.Apply(&c.Name)
	in.Body.Nickname.ApplyPointer(&c.Nickname)
	return &contactShown{ETag: op.Version(t.version + 1), Body: c}, nil
}

func (t *toy) delete(context.Context, *OnContact) (*op.Empty, error) { return nil, nil }

func (t *toy) archive(context.Context, *OnContact) (*contactShown, error) {
	return nil, fault.New(fault.Conflict, fault.CodeWrongState, "The contact is archived already.").Showing("archived")
}

func (t *toy) key(_ context.Context, _ *createKey) (*keyCreated, error) {
	var out keyCreated
	out.Body.ID, out.Body.Secret = alice, "trl_test_once"
	return &out, nil
}

func (t *toy) upload(_ context.Context, in *uploadFile) (*fileStored, error) {
	n, err := io.Copy(io.Discard, in.Content)
	if err != nil {
		return nil, errors.New("storage: cannot write: disk at /internal/path") // a service that does not wrap
	}
	var out fileStored
	out.Body.Filename, out.Body.Size = in.Filename, int(n)
	return &out, nil
}

func (t *toy) export(_ context.Context, _ *exportContacts) (*export, error) {
	return &export{ContentType: "text/csv", Body: func(w http.ResponseWriter) error {
		for _, n := range names {
			_, _ = fmt.Fprintln(w, n)
			if err := http.NewResponseController(w).Flush(); err != nil {
				return err
			}
		}
		return t.fail
	}}, nil
}

func (t *toy) callback(_ context.Context, in *callback) (*callbackAnswer, error) {
	if in.Header.Get("X-Signature") == "" {
		return nil, fault.New(fault.Forbidden, fault.CodeBadSignature, "The signature is missing.")
	}
	return &callbackAnswer{ContentType: "text/xml", Body: []byte("<r>" + in.Method + " " + in.URL.RawQuery + " " + string(in.Content) + "</r>")}, nil
}

func (t *toy) health(ctx context.Context, _ *struct{}) (*op.Empty, error) {
	switch {
	case telemetry.RequestID(ctx) == "", !op.CallerOf(ctx).Anonymous():
		return nil, errors.New("the request is not known")
	case t.fail != nil:
		panic(t.fail)
	}
	return nil, nil
}

func (t *toy) login(context.Context, *login) (*tokens, error) {
	return nil, fault.New(fault.Unauthenticated, fault.CodeInvalidLogin, "Login or password is wrong.")
}

// gate knows two bearer tokens: alice of tenant A may do all but "keys",
// reader may only read.
type gate struct{}

func (gate) Authenticate(ctx context.Context, r *http.Request) (context.Context, op.Caller, error) {
	caller := op.Caller{TenantID: tenantA, Actor: scope.Actor{Kind: scope.ActorUser, ID: alice}}
	switch r.Header.Get("Authorization") {
	case "Bearer alice":
	case "Bearer bob":
		caller.Actor.ID, caller.TenantID = tenantB, tenantB
	case "Bearer reader":
		caller.Actor.ID = uuid.MustParse("0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9fa2")
	default:
		return nil, op.Caller{}, fault.New(fault.Unauthenticated, fault.CodeUnauthenticated, "No credentials.")
	}
	return ctx, caller, nil
}

func (gate) Admit(ctx context.Context, c op.Caller, p authz.Permission, tenantID uuid.UUID) (context.Context, error) {
	if tenantID != uuid.Nil && tenantID != tenantA && tenantID != tenantB {
		return nil, fault.Missing("tenant")
	}
	if c.Actor.ID != alice && c.Actor.ID != tenantB && !strings.HasSuffix(string(p), ":read") {
		return nil, fault.New(fault.Forbidden, fault.CodeForbidden, "Not permitted.")
	}
	return scope.With(ctx, scope.Scope{TenantID: tenantID, Actor: c.Actor}), nil
}

// RequiresIfMatch holds in tenant B.
func (gate) RequiresIfMatch(ctx context.Context) (bool, error) {
	sc, err := scope.From(ctx)
	return sc.TenantID == tenantB, err
}

type origins struct{}

func (origins) Allowed(_ context.Context, origin string, tenantID uuid.UUID) bool {
	return origin == "https://app.example" && tenantID == tenantA
}

// window is a limiter that can run out.
type window struct {
	mu    sync.Mutex
	left  int
	takes []string
}

func (w *window) Take(_ context.Context, c op.Caller, at op.Route) []op.Budget {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left--
	who := c.Actor.ID.String()
	if c.Anonymous() {
		who = c.Address
	}
	if len(w.takes) < 100 {
		w.takes = append(w.takes, at.ID+" "+who)
	}
	return []op.Budget{
		{Policy: "default", Limit: 600, Remaining: min(w.left, 598), Window: time.Minute, Reset: 42500 * time.Millisecond, Allowed: w.left >= 0},
		{Policy: "tenant", Limit: 6000, Remaining: 5990, Window: time.Minute, Reset: 100 * time.Millisecond, Allowed: true},
	}
}

// memoryLedger does in memory what the database does in earnest.
type memoryLedger struct {
	mu      sync.Mutex
	entries map[string]*entry
}

type entry struct {
	fingerprint [32]byte
	stored      []byte
	done        bool
}

func (l *memoryLedger) Do(ctx context.Context, k op.IdempotencyKey, run func(context.Context) ([]byte, error)) ([]byte, bool, error) {
	name := fmt.Sprint(k.Tenant, k.Principal, k.Method, k.Route, k.Key)
	l.mu.Lock()
	e := l.entries[name]
	if e != nil {
		defer l.mu.Unlock()
		if e.fingerprint != k.Fingerprint {
			return nil, false, fault.New(fault.Invalid, fault.CodeIdempotencyMismatch, "The key was used for another request.")
		}
		if !e.done {
			return nil, false, fault.New(fault.Conflict, fault.CodeIdempotencyRunning, "The first request still runs.").After(time.Second)
		}
		return e.stored, true, nil
	}
	e = &entry{fingerprint: k.Fingerprint}
	l.entries[name] = e
	l.mu.Unlock()
	stored, err := run(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		delete(l.entries, name)
		return nil, false, err
	}
	e.stored, e.done = stored, true
	return stored, false, nil
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// ask sends a request as alice with JSON where there is a body.
func (t *toy) ask(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	var r *http.Request
	if body == "" {
		r = httptest.NewRequest(method, path, nil)
	} else {
		r = httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
	}
	r.Header.Set("Authorization", "Bearer alice")
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
			continue
		}
		r.Header.Add(headers[i], headers[i+1])
		if headers[i] != "If-None-Match" && headers[i] != "Idempotency-Key" {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	w := httptest.NewRecorder()
	t.surface.ServeHTTP(w, r)
	return w
}
