package identity

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/ratelimit"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/recent"
	"github.com/trellishq/trellis/tenants/scope"
)

// origins remembers which web sites may call (C10-3).
type origins struct {
	answers *recent.Cache[originQuestion, bool]
	// lookups bounds what one address can ask the database before anybody has
	// said who he is.
	lookups *ratelimit.Limiter
}

type originQuestion struct {
	origin   string
	tenantID uuid.UUID
}

const (
	originLife = 5 * time.Second
	maxOrigins = 20_000
	// originLookups is how many different questions an address has in a minute;
	// beyond it web sites are not let in that are not remembered.
	originLookups = 300
	maxOriginText = 300
)

func newOrigins(s *store.Store) (*origins, error) {
	lookups, err := ratelimit.New(ratelimit.Config{Limit: originLookups, Window: time.Minute, MaxKeys: maxOrigins})
	if err != nil {
		return nil, err
	}
	return &origins{answers: recent.New[originQuestion, bool](s.Now, originLife, maxOrigins), lookups: lookups}, nil
}

// OriginAllowed tells whether a web site may read what the API answers about a
// tenant: one that the tenant names, a tenant above it, where its reseller's
// people are at home, or a key that is bound to one of them. Where the path
// names no tenant, as for signing in, it is one that anybody names: nothing is
// answered there without a credential that the site would have to have.
//
// It is asked before the caller is known, since browsers ask first without
// saying who they ask for. address bounds how often.
func (s *Service) OriginAllowed(ctx context.Context, origin string, tenantID uuid.UUID, address string) (bool, error) {
	origin = strings.ToLower(origin)
	if len(origin) > maxOriginText || !strings.HasPrefix(origin, "https://") {
		return false, nil // none of which a tenant could name
	}
	return s.origins.answers.Get(ctx, originQuestion{origin, tenantID}, func(ctx context.Context) (bool, error) {
		if !s.origins.lookups.Take(address, 1).Allowed {
			return false, fault.New(fault.Exhausted, fault.CodeRateLimited, "Too many web sites were asked about.")
		}
		return s.originNamed(ctx, origin, tenantID)
	})
}

func (s *Service) originNamed(ctx context.Context, origin string, tenantID uuid.UUID) (bool, error) {
	var named bool
	err := s.cfg.Store.Read(scope.System(ctx, "asking which web sites may call"), func(ctx context.Context) error {
		if tenantID == uuid.Nil {
			return store.QueryRow(ctx, []any{&named}, `
				SELECT EXISTS (SELECT FROM tenants WHERE allowed_origins @> jsonb_build_array($1::text))
				    OR EXISTS (SELECT FROM api_keys WHERE allowed_origins @> jsonb_build_array($1::text)
				               AND revoked_at IS NULL AND expires_at > $2)`, origin, s.cfg.Store.Now())
		}
		return store.QueryRow(ctx, []any{&named}, `
			WITH above AS (
				SELECT unnest(string_to_array(trim(both '/' from path), '/')::uuid[]) AS id FROM tenants WHERE id = $2)
			SELECT EXISTS (SELECT FROM tenants t JOIN above USING (id) WHERE t.allowed_origins @> jsonb_build_array($1::text))
			    OR EXISTS (SELECT FROM api_keys k JOIN above ON above.id = k.tenant_id
			               WHERE k.allowed_origins @> jsonb_build_array($1::text) AND k.revoked_at IS NULL AND k.expires_at > $3)`,
			origin, tenantID, s.cfg.Store.Now())
	})
	if err != nil {
		return false, fmt.Errorf("asking which web sites may call: %w", err)
	}
	return named, nil
}
