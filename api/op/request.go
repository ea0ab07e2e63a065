package op

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"runtime/debug"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/telemetry"
	"github.com/trellishq/trellis/tenants/scope"
)

// Access describes a finished request, for logs and metrics.
type Access struct {
	RequestID string
	Operation string // operationId, empty outside of the document
	Method    string
	Route     string // the pattern; paths may hold secrets such as callback tokens
	Status    int    // 499 where the client went away first
	Bytes     int64
	Duration  time.Duration
	Caller    Caller
}

// request is what the surface knows about a request under way. It is made once
// and filled in as the request moves on; only the request's own goroutine
// touches it.
type request struct {
	id        string
	surface   *Surface
	operation *operation
	caller    Caller
	tenantID  uuid.UUID
	http      *http.Request
	writer    *recorder
	body      []byte   // JSON in canonical form, or a raw body
	bodyErr   error    // why the rest of an upload could not be read
	violated  []string // the limits that the request would exceed
}

type requestKey struct{}

func requestOf(ctx context.Context) *request {
	rq, _ := ctx.Value(requestKey{}).(*request)
	return rq
}

// maxUserAgent is how much of what a client calls itself is kept.
const maxUserAgent = 200

// UserAgent is what the client calls itself, shortened. It is not to be
// believed.
func UserAgent(ctx context.Context) string {
	name := strings.ToValidUTF8(requestOf(ctx).http.UserAgent(), "")
	return name[:min(len(name), maxUserAgent)]
}

// CallerOf returns who sent the request; the zero Caller outside of one.
func CallerOf(ctx context.Context) Caller {
	if rq := requestOf(ctx); rq != nil {
		return rq.caller
	}
	return Caller{}
}

const requestIDHeader = "X-Request-Id"

var requestIDPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{8,64}$`)

// begin gives the request its id and reports it when it is done.
func (s *Surface) begin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		rq := &request{surface: s, writer: &recorder{ResponseWriter: w}, id: r.Header.Get(requestIDHeader)}
		if !requestIDPattern.MatchString(rq.id) {
			rq.id = id.New().String()
		}
		rq.caller.Address = s.cfg.Address(r)
		w.Header().Set(requestIDHeader, rq.id)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		ctx := telemetry.WithRequestID(r.Context(), rq.id)
		ctx = scope.WithOrigin(ctx, scope.Origin{Address: rq.caller.Address})
		r = r.WithContext(context.WithValue(ctx, requestKey{}, rq))
		rq.http = r
		if s.cfg.OnAccess != nil {
			defer func() { s.cfg.OnAccess(rq.http.Context(), rq.access(time.Since(started))) }()
		}
		next.ServeHTTP(rq.writer, r)
	})
}

func (rq *request) access(took time.Duration) Access {
	a := Access{
		RequestID: rq.id, Method: rq.http.Method, Status: rq.writer.status, Bytes: rq.writer.bytes,
		Duration: took, Caller: rq.caller, Route: chi.RouteContext(rq.http.Context()).RoutePattern(),
	}
	if a.Status == 0 {
		a.Status = http.StatusOK
	}
	if rq.operation != nil {
		a.Operation = rq.operation.spec.ID
	}
	return a
}

// recovered turns a panic into a bare 500 and one log line with the stack.
func (s *Surface) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(cause)
			}
			rq := requestOf(r.Context())
			s.log.ErrorContext(r.Context(), "request panicked",
				"request_id", rq.id, "operation", rq.operationID(), "panic", cause, "stack", string(debug.Stack()))
			if rq.writer.status == 0 {
				s.writeProblem(rq, s.problemOf(rq, errPanicked))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func (rq *request) operationID() string {
	if rq.operation == nil {
		return ""
	}
	return rq.operation.spec.ID
}

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader implements http.ResponseWriter.
func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach flushing and deadlines.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
