package assembly

import (
	"context"
	"net/netip"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/internal/ratelimit"
	"github.com/trellishq/trellis/tenants"
)

// limiter counts the requests of each caller and of each tenant, over all
// processes; and apart from them the attempts to sign in from an address.
type limiter struct {
	shared *ratelimit.Shared
	// callbacks are counted by each process for itself.
	callbacks *ratelimit.Limiter
	caller    ratelimit.Rate
	// tenant is what all callers of a tenant may spend together.
	tenant func(ctx context.Context, tenantID uuid.UUID) ratelimit.Rate
}

const (
	rateWindow = time.Minute
	// loginLimit is for one address and operation (rules D4-4).
	loginLimit = 20
	// callbackLimit only keeps one address from taking the whole server; a
	// provider is never told to slow down for less (rules A8-6). It protects the
	// process and not the installation, so it is not worth a round trip.
	callbackLimit = 600_000
)

// The names of the limits, in headers and problems.
const (
	policyCaller   = "default"
	policyTenant   = "tenant"
	policyLogin    = "login"
	policyCallback = "callback"
)

// Take implements op.Limiter. What a request spends is its caller's, and that of
// the tenant where the caller is at home, also where he works below it: a busy
// reseller uses up nothing of its customers'.
func (l limiter) Take(ctx context.Context, c op.Caller, at op.Route) []op.Budget {
	switch at.ID {
	case "receiveInboundMessage", "receiveStatusReport", "getMedia":
		return []op.Budget{budget(policyCallback, l.callbacks.Take(c.Address, 1))}
	}
	var policies []string
	var buckets []ratelimit.Bucket
	count := func(policy, key string, rate ratelimit.Rate) {
		policies = append(policies, policy)
		buckets = append(buckets, ratelimit.Bucket{Key: key, Rate: rate, Cost: 1})
	}
	switch {
	case at.Public && strings.HasPrefix(at.Path, "/v1/auth/"):
		count(policyLogin, "login:"+at.ID+":"+network(c.Address), perMinute(loginLimit))
	case c.Anonymous():
		count(policyCaller, "address:"+network(c.Address), l.caller)
	default:
		count(policyCaller, string(c.Actor.Kind)+":"+c.Actor.ID.String(), l.caller)
		count(policyTenant, "tenant:"+c.TenantID.String(), l.tenant(ctx, c.TenantID))
	}
	budgets := make([]op.Budget, len(buckets))
	for i, r := range l.shared.Take(ctx, buckets) {
		budgets[i] = budget(policies[i], r)
	}
	return budgets
}

func perMinute(limit int) ratelimit.Rate {
	return ratelimit.Rate{Limit: max(limit, 1), Window: rateWindow}
}

// maxTenantRate is more than one tenant's callers can ask.
const maxTenantRate = 10_000_000

// tenantRate is a tenant's quota, and the installation's limit for those that
// have none. A tenant that cannot be read has the latter: what stops it then is
// not the limiter.
func tenantRate(ctx context.Context, tree *tenants.Service, tenantID uuid.UUID, usual int) ratelimit.Rate {
	node, err := tree.Node(ctx, tenantID)
	if err != nil || node.Quotas.RequestsPerMinute == nil {
		return perMinute(usual)
	}
	return perMinute(int(min(*node.Quotas.RequestsPerMinute, maxTenantRate)))
}

// network is what one customer of an access provider has: an IPv4 address, or
// the /64 out of which he can take any IPv6 address.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil || ip.Unmap().Is4() {
		return address
	}
	prefix, err := ip.WithZone("").Prefix(64)
	if err != nil {
		return address
	}
	return prefix.String()
}

func budget(policy string, r ratelimit.Result) op.Budget {
	reset := r.Reset
	if !r.Allowed {
		reset = r.RetryAfter
	}
	return op.Budget{
		Policy: policy, Limit: r.Limit, Remaining: r.Remaining, Window: rateWindow, Reset: reset, Allowed: r.Allowed,
	}
}
