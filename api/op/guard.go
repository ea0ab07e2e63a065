package op

import (
	"context"
	"net/http"
	"net/url"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
)

// tenantParam is the path parameter that says whose data a request is about.
const tenantParam = "tenant_id"

// guard stands before an operation: what gets past it has a caller with the
// permission, a budget, and a body that can be read.
func (s *Surface) guard(o *operation, h *huma.Operation, next func(huma.Context)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		rq := requestOf(r.Context())
		rq.operation, rq.http = o, r
		r.Body = http.MaxBytesReader(rq.writer.ResponseWriter, r.Body, o.ceiling())
		o.announceRetirement(w.Header())
		ctx, err := s.enter(rq, w.Header())
		if err != nil {
			s.fail(rq, err)
			return
		}
		r = r.WithContext(ctx)
		rq.http = r
		next(humachi.NewContext(h, r, w))
	}
}

// enter takes the steps before validation, in the order that decides which
// answer wins: a caller who may not is told so whatever the body says.
func (s *Surface) enter(rq *request, header http.Header) (context.Context, error) {
	if err := rq.operation.accepts(rq.http); err != nil {
		return nil, err
	}
	ctx, err := s.identify(rq)
	if limited := s.take(rq, header); limited != nil {
		return nil, limited
	}
	if err != nil {
		return nil, err
	}
	if ctx, err = s.admit(ctx, rq); err != nil {
		return nil, err
	}
	if err := s.checkIfMatch(ctx, rq); err != nil {
		return nil, err
	}
	if err := rq.checkQuery(); err != nil {
		return nil, err
	}
	return ctx, rq.readBody()
}

// identify finds the caller. A failed attempt leaves it anonymous, so that it
// is counted against its address.
func (s *Surface) identify(rq *request) (context.Context, error) {
	ctx := rq.http.Context()
	if rq.operation.permission == authz.Public {
		return ctx, nil
	}
	address := rq.caller.Address
	ctx, caller, err := s.cfg.Gate.Authenticate(ctx, rq.http)
	if err != nil {
		return nil, err
	}
	rq.caller = caller
	if rq.caller.Address == "" {
		rq.caller.Address = address
	}
	return ctx, nil
}

// admit asks the gate for the tenant of the path. An id that cannot be one
// names nothing, which is the same answer as for a tenant that is not there.
func (s *Surface) admit(ctx context.Context, rq *request) (context.Context, error) {
	if raw := rq.http.PathValue(tenantParam); raw != "" {
		tenantID, err := uuid.Parse(raw)
		if err != nil || len(raw) != 36 {
			return nil, fault.Missing("tenant")
		}
		rq.tenantID = tenantID
	}
	if rq.operation.permission == authz.Public {
		return ctx, nil
	}
	return s.cfg.Gate.Admit(ctx, rq.caller, rq.operation.permission, rq.tenantID)
}

// checkQuery refuses what could be read in two ways: broken escapes, and a
// parameter given twice where one value is meant.
func (rq *request) checkQuery() error {
	if rq.http.URL.RawQuery == "" || rq.operation.body == bodyRaw {
		return nil
	}
	values, err := url.ParseQuery(rq.http.URL.RawQuery)
	if err != nil {
		return malformed("The query string is not correctly escaped.")
	}
	for name, given := range values {
		if len(given) > 1 && !rq.operation.repeatable[name] {
			return fault.InvalidField(fault.CodeInvalid, "query."+shorten(name), "is given more than once")
		}
		for _, v := range given {
			if !utf8.ValidString(v) {
				return malformed("The query string is not UTF-8.")
			}
		}
	}
	return nil
}

func malformed(format string, args ...any) *fault.Fault {
	return fault.New(fault.Malformed, fault.CodeMalformed, format, args...)
}

func (s *Surface) notFound(_ http.ResponseWriter, r *http.Request) {
	s.fail(requestOf(r.Context()), fault.New(fault.NotFound, fault.CodeNotFound, "There is no such path."))
}

func (s *Surface) methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	for _, method := range s.methodsAt(r.URL.Path) {
		w.Header().Add("Allow", method)
	}
	s.fail(requestOf(r.Context()), fault.New(fault.NotAllowed, fault.CodeMethodNotAllowed,
		"This path does not know the method %s.", shorten(r.Method)))
}
