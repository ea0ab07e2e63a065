package op

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/tenants/scope"
)

// Caller is who sends a request. The zero Actor is an anonymous caller, known
// by its address only.
type Caller struct {
	// Actor is the user or the API key.
	Actor scope.Actor
	// TenantID is the node of the tree that the caller belongs to.
	TenantID uuid.UUID
	// Address is the client's IP address.
	Address string
}

// Anonymous tells whether the caller has not proved who it is.
func (c Caller) Anonymous() bool { return c.Actor.ID == uuid.Nil }

// Gate decides who a caller is and where it may go.
type Gate interface {
	// Authenticate reads the request's credentials. Its faults are answers to
	// the client; any other error is a 500.
	Authenticate(ctx context.Context, r *http.Request) (context.Context, Caller, error)
	// Admit decides whether the caller has the permission in the tenant of the
	// path (uuid.Nil where the path names none), and returns a context that
	// carries the scope. It chooses between "may not" and "there is no such".
	Admit(ctx context.Context, caller Caller, permission authz.Permission, tenantID uuid.UUID) (context.Context, error)
	// RequiresIfMatch tells whether the tenant that the caller was admitted to
	// refuses changes without If-Match. It is asked for operations that know
	// versions.
	RequiresIfMatch(ctx context.Context) (bool, error)
}

// Origins decides which web sites may call the API from a browser. The tenant
// is uuid.Nil where the path names none.
type Origins interface {
	Allowed(ctx context.Context, origin string, tenantID uuid.UUID) bool
}

// Server is one place where the API is reachable.
type Server struct {
	URL         string
	Description string
	// Internal marks a server that is not meant for customers.
	Internal bool
}

// Tag is a chapter of the document.
type Tag struct{ Name, Description string }

// Contact is whom an integrator may ask.
type Contact struct{ Name, URL, Email string }

// Config holds what a Surface needs. Everything is required except where a
// field says otherwise.
type Config struct {
	Title, Version, Description string

	Contact Contact
	Servers []Server
	Tags    []Tag

	Logger *slog.Logger
	// CursorKey authenticates cursors: at least 32 random bytes, the same on
	// every replica.
	CursorKey []byte

	Gate    Gate
	Ledger  Ledger
	Limiter Limiter

	// Origins turns on CORS; optional.
	Origins Origins
	// Address finds the client's address behind proxies; the default takes the
	// connection's.
	Address func(*http.Request) string
	// OnAccess sees every finished request; optional.
	OnAccess func(context.Context, Access)
}

func (c Config) check() error {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, fmt.Errorf("op: the configuration lacks %s", what))
		}
	}
	need(c.Title != "" && c.Version != "" && c.Description != "", "title, version or description")
	need(len(c.Servers) > 0, "servers")
	need(len(c.Tags) > 0, "tags")
	need(c.Logger != nil, "a logger")
	need(len(c.CursorKey) >= 32, "a cursor key of at least 32 bytes")
	need(c.Gate != nil, "a gate")
	need(c.Ledger != nil, "a ledger")
	need(c.Limiter != nil, "a limiter")
	return errors.Join(errs...)
}

// Surface is the HTTP surface of the program: router, document, and the rules
// that hold for every operation.
type Surface struct {
	cfg     Config
	router  *chi.Mux
	api     huma.API
	cursors Cursors
	log     *slog.Logger

	undocumented map[string]bool // method and pattern of routes outside of the document
	inspected    map[string]bool // component schemas that were found complete
	document     func() (rendered, error)
	secrets      map[string]bool // names of fields whose values are never repeated
	sealed       bool            // the document is out; nothing may be added
}

// New makes an empty surface. It serves its own document and nothing else
// until operations are registered.
func New(cfg Config) (*Surface, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.Address == nil {
		cfg.Address = connectionAddress
	}
	adoptHuma()
	s := &Surface{
		cfg:          cfg,
		router:       chi.NewRouter(),
		cursors:      Cursors{key: slices.Clone(cfg.CursorKey)},
		log:          cfg.Logger,
		undocumented: map[string]bool{},
		inspected:    map[string]bool{},
		secrets:      map[string]bool{},
	}
	s.router.Use(s.begin, s.recovered, s.cors, middleware.GetHead)
	s.router.NotFound(s.notFound)
	s.router.MethodNotAllowed(s.methodNotAllowed)
	s.api = huma.NewAPI(newDocument(cfg), adapter{s})
	s.document = sync.OnceValues(s.render)
	s.serveDocument()
	return s, nil
}

// ServeHTTP implements http.Handler.
func (s *Surface) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.router.ServeHTTP(w, r) }

// HandleUndocumented opens a route that is deliberately not in the document,
// such as a page for people. It has request id, recovery, log and a body
// ceiling, and neither authentication nor limits.
func (s *Surface) HandleUndocumented(method, pattern string, h http.Handler) {
	s.undocumented[method+" "+pattern] = true
	s.router.Method(method, pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, defaultMaxBody)
		h.ServeHTTP(w, r)
	}))
}

// Ready tells whether the surface may go into service: each route is in the
// document with its permission, and each documented operation has a route.
func (s *Surface) Ready() error {
	missing := map[string]bool{}
	var errs []error
	for path, item := range s.api.OpenAPI().Paths {
		for method, op := range operationsOf(item) {
			missing[method+" "+path] = true
			if p, _ := op.Extensions["x-permission"].(string); p == "" {
				errs = append(errs, fmt.Errorf("op: %s %s declares no permission", method, path))
			}
		}
	}
	walk := func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		route := method + " " + pattern
		if !missing[route] && !s.undocumented[route] {
			errs = append(errs, fmt.Errorf("op: %s is routed and not documented", route))
		}
		delete(missing, route)
		return nil
	}
	if err := chi.Walk(s.router, walk); err != nil {
		errs = append(errs, err)
	}
	for route := range missing {
		errs = append(errs, fmt.Errorf("op: %s is documented and not routed", route))
	}
	if _, err := s.document(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// adapter lets huma open routes, each behind the surface's guard.
type adapter struct{ s *Surface }

// ServeHTTP implements huma.Adapter.
func (a adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.s.ServeHTTP(w, r) }

// Handle implements huma.Adapter. An operation that did not come through
// Register has no metadata, and is refused.
func (a adapter) Handle(h *huma.Operation, handler func(huma.Context)) {
	o, ok := h.Metadata[metadataKey].(*operation)
	if !ok {
		panic("op: " + h.Method + " " + h.Path + " was not registered with op.Register")
	}
	a.s.router.Method(h.Method, h.Path, a.s.guard(o, h, handler))
}

const metadataKey = "op"

// adoptHuma sets huma's process-wide switches. They are written once, before
// any surface exists, and only read from then on.
var adoptHuma = sync.OnceFunc(func() {
	huma.ValidateStrictCasing = true
	huma.DefaultArrayNullable = false
	huma.NewError = func(status int, _ string, _ ...error) huma.StatusError { return &Problem{Status: status} }
	huma.NewErrorWithContext = fromHuma
})

func connectionAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
