package op_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/go-chi/chi/v5"
)

// BenchmarkGet compares an operation with what a bare handler costs.
func BenchmarkGet(b *testing.B) {
	bare := chi.NewRouter()
	bare.Get("/v1/tenants/{tenant_id}/contacts/{contact_id}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(contact("Ada"))
	})
	for name, h := range map[string]http.Handler{"chi": bare, "op": newToy(b).surface} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest(http.MethodGet, oneContact, nil)
				r.Header.Set("Authorization", "Bearer alice")
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
