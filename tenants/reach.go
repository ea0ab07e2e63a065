package tenants

import (
	"context"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/tenant"
)

// Reach says how much of the tree a caller may use. The scope alone does not:
// its path is a prefix, so whoever works in the operator's tenant would see all
// tenants, also one who administers that tenant only.
type Reach struct {
	// Home is the path of the node that the caller belongs to.
	Home string
	// Below is set where the caller's permission holds below its home as well.
	Below bool
}

type reachKey struct{}

// WithReach returns a context in which the tree is as large as the caller may
// see it. Without one, the scope's whole subtree is visible: the program's own
// work.
func WithReach(ctx context.Context, r Reach) context.Context {
	return context.WithValue(ctx, reachKey{}, r)
}

// ReachOf returns how much of the tree the caller of a context may use; the
// zero Reach where nobody calls.
func ReachOf(ctx context.Context) Reach {
	r, _ := reachOf(ctx)
	return r
}

func reachOf(ctx context.Context) (Reach, bool) {
	r, ok := ctx.Value(reachKey{}).(Reach)
	return r, ok
}

// OwnNodeOnly tells whether a caller's permission ends at his own node, and that
// node's path. Whoever reads by a path finds more than such a caller may see.
func OwnNodeOnly(ctx context.Context) (path string, only bool) {
	r, ok := reachOf(ctx)
	return r.Home, ok && !r.Below
}

// visible begins a query of the nodes that the caller may see.
func (s *Service) visible(ctx context.Context) *ent.TenantQuery {
	query := s.store.Ent(ctx).Tenant.Query()
	if r, ok := reachOf(ctx); ok && !r.Below {
		query.Where(tenant.Path(r.Home))
	}
	return query
}

// show is view without what is above the caller's home.
func show(ctx context.Context, t *ent.Tenant) Tenant {
	v := view(t)
	if r, ok := reachOf(ctx); ok && r.Home == v.Path {
		v.ParentID = nil
	}
	return v
}
