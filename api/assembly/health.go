package assembly

import (
	"context"
	"net/http"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
)

type health struct{ c Config }

// Health is what the program says of itself.
type Health struct {
	Status string `json:"status" enum:"ok" doc:"The program runs."`
}

// HealthShown is the output of both operations.
type HealthShown struct {
	Body Health
}

func registerHealth(s *op.Surface, c Config) {
	h := health{c}
	op.Register(s, authz.Public, op.Spec{
		ID: "getHealth", Method: http.MethodGet, Path: "/healthz", Tag: systemTag,
		Summary: "Tell whether the program lives", Description: "Answers while the process serves requests, whatever it depends on.",
	}, h.live)
	op.Register(s, authz.Public, op.Spec{
		ID: "getReadiness", Method: http.MethodGet, Path: "/readyz", Tag: systemTag,
		Summary: "Tell whether the program can work", Description: "Answers 200 while the database answers, and 503 otherwise and as soon as the program is stopping.",
	}, h.ready)
}

func (health) live(context.Context, *struct{}) (*HealthShown, error) {
	return &HealthShown{Health{"ok"}}, nil
}

func (h health) ready(ctx context.Context, _ *struct{}) (*HealthShown, error) {
	if err := h.c.Store.Ping(ctx); err != nil {
		return nil, fault.New(fault.Unavailable, fault.CodeUnavailable, "The database does not answer.").Because(err)
	}
	if h.c.Ready != nil {
		if err := h.c.Ready(ctx); err != nil {
			return nil, fault.New(fault.Unavailable, fault.CodeUnavailable, "The program is not ready.").Because(err)
		}
	}
	return &HealthShown{Health{"ok"}}, nil
}
