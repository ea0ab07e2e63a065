package op

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
)

// Headers that scripts of other sites may send and read.
var (
	corsAccepted = strings.Join([]string{"Authorization", "Content-Type", idempotencyHeader, "If-Match", "If-None-Match", "Last-Event-ID", requestIDHeader}, ", ")
	corsExposed  = strings.Join([]string{"ETag", "Idempotent-Replayed", "Link", "Location", "RateLimit", "RateLimit-Policy", "Retry-After", requestIDHeader}, ", ")
)

// cors lets the web sites in that the tenant of the path allows, and answers
// the questions that browsers ask first. Credentials are bearer tokens, never
// cookies, so they need no permission of their own.
func (s *Surface) cors(next http.Handler) http.Handler {
	if s.cfg.Origins == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		asked := r.Header.Get("Access-Control-Request-Method")
		preflight := r.Method == http.MethodOptions && origin != "" && asked != ""
		method := r.Method
		if preflight {
			method = asked
		}
		allowed := origin != "" && s.cfg.Origins.Allowed(r.Context(), origin, s.tenantAt(method, r.URL.Path))
		if allowed {
			w.Header().Set("Access-Control-Allow-Origin", origin)
			w.Header().Set("Access-Control-Expose-Headers", corsExposed)
		}
		if !preflight {
			next.ServeHTTP(w, r)
			return
		}
		if !allowed {
			w.WriteHeader(http.StatusNoContent) // and no word of what would be
			return
		}
		w.Header().Set("Access-Control-Allow-Methods", strings.Join(s.methodsAt(r.URL.Path), ", "))
		w.Header().Set("Access-Control-Allow-Headers", corsAccepted)
		w.Header().Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
	})
}

// tenantAt reads the tenant from a path that is not routed yet.
func (s *Surface) tenantAt(method, path string) uuid.UUID {
	route := chi.NewRouteContext()
	s.router.Find(route, method, path)
	tenantID, _ := uuid.Parse(route.URLParam(tenantParam)) // what is no id is no tenant
	return tenantID
}

// methodsAt lists the methods that a path knows.
func (s *Surface) methodsAt(path string) []string {
	var known []string
	for _, method := range methods {
		if s.router.Match(chi.NewRouteContext(), method, path) {
			known = append(known, method)
		}
	}
	if slices.Contains(known, http.MethodGet) {
		known = append(known, http.MethodHead)
	}
	return known
}
