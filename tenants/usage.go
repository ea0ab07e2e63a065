package tenants

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// Usage is how much a tenant has used of one quota.
type Usage struct {
	// Used is nil where nobody keeps count: of requests, the rate limiter knows.
	Used *int64
	// Limit is the one that holds; nil is none.
	Limit *int64
	// ResetsAt is when the count begins anew; nil for never.
	ResetsAt *time.Time
}

// TenantUsage is how much a tenant has used of everything.
type TenantUsage struct {
	TenantID uuid.UUID
	Name     string
	Kind     Kind
	// Place is its path below the node that was asked about, by which lists of
	// usage are sorted; empty for that node itself.
	Place string
	// Month is what messages were counted in, as 2026-03.
	Month  string
	Quotas map[Quota]Usage
}

// Usage tells how much a node of the scope's subtree has used up to now. It
// fails with not_found for all others.
func (s *Service) Usage(ctx context.Context, tenantID uuid.UUID) (TenantUsage, error) {
	found, err := s.Get(ctx, tenantID)
	if err != nil {
		return TenantUsage{}, err
	}
	all, err := s.usageOf(ctx, []TenantUsage{{TenantID: found.ID, Name: found.Name, Kind: found.Kind}}, "")
	if err != nil {
		return TenantUsage{}, err
	}
	return all[0], nil
}

// UsageFilter says which usage a list holds.
type UsageFilter struct {
	// After is the place that the page before ended with; nil for the first.
	After *string
	// Limit is the greatest number of tenants to return.
	Limit int
	// Month is what messages are told of, as 2026-03; empty is the present one
	// of each tenant.
	Month string
}

// ListUsage tells how much the scope's tenant and those below it have used, in
// the order of the tree: each tenant is followed by what is below it. Where the
// caller's permission ends at his own tenant, it is that one.
func (s *Service) ListUsage(ctx context.Context, f UsageFilter) ([]TenantUsage, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	within, after, only := sc.Path, "", ""
	if f.After != nil {
		after = within + *f.After
	}
	if r, ok := reachOf(ctx); ok && !r.Below {
		only = r.Home
	}
	var page []TenantUsage
	err = s.store.Read(ctx, func(ctx context.Context) error {
		rows, err := store.Query(ctx, `
			SELECT id, name, kind, path FROM tenants
			WHERE path COLLATE "C" >= $1 AND path COLLATE "C" < $2 AND path COLLATE "C" > $3 AND ($4 = '' OR path = $4) AND kind <> 'sandbox' AND status <> 'purged'
			ORDER BY path COLLATE "C" LIMIT $5`, within, behind(within), after, only, max(f.Limit, 1))
		if err != nil {
			return fmt.Errorf("listing tenants: %w", err)
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var t TenantUsage
			if err := rows.Scan(&t.TenantID, &t.Name, &t.Kind, &t.Place); err != nil {
				return fmt.Errorf("reading a tenant: %w", err)
			}
			t.Place = strings.TrimPrefix(t.Place, within)
			page = append(page, t)
		}
		return rows.Err()
	})
	if err != nil || len(page) == 0 {
		return nil, err
	}
	return s.usageOf(ctx, page, f.Month)
}

// behind is the least text that is greater than all that begin with a path,
// which ends in a slash.
func behind(path string) string { return strings.TrimSuffix(path, "/") + "0" }

// usageOf fills in how much tenants have used, whom the caller has found under
// his own scope. Three queries tell it for all of them. They are the system's:
// users and counters of a tenant are not seen from above by others.
func (s *Service) usageOf(ctx context.Context, page []TenantUsage, monthName string) ([]TenantUsage, error) {
	ids := make([]string, 0, len(page))
	for _, t := range page {
		ids = append(ids, t.TenantID.String())
	}
	err := s.store.Read(scope.System(store.Outside(ctx), "telling a tenant's usage"), func(ctx context.Context) error {
		nodes, err := readNodes(ctx, ids)
		if err != nil {
			return err
		}
		now := s.store.Now()
		months := make(map[uuid.UUID]month, len(page))
		for id, node := range nodes {
			months[id] = monthOf(now, zoneOf(node.TimeZone))
			if asked, err := time.Parse(monthLayout, monthName); err == nil {
				months[id] = month{asked.Year(), asked.Month(), zoneOf(node.TimeZone)}
			}
		}
		used, err := readUsed(ctx, ids, months)
		if err != nil {
			return err
		}
		for i, t := range page {
			page[i].Month = months[t.TenantID].String()
			page[i].Quotas = tell(nodes[t.TenantID].Quotas, used[t.TenantID], months[t.TenantID], now)
		}
		return nil
	})
	return page, err
}

// tell joins limits with what was used. The limits are those of now, also for a
// month that is over.
func tell(limits Quotas, used map[Quota]int64, m month, now time.Time) map[Quota]Usage {
	out := make(map[Quota]Usage, len(AllQuotas()))
	for _, quota := range AllQuotas() {
		u := Usage{Limit: limits.Of(quota)}
		if quota != RequestsPerMinute {
			count := used[quota]
			u.Used = &count
		}
		if ends := m.next().start(); quota == MessagesPerMonth && ends.After(now) {
			ends = ends.UTC()
			u.ResetsAt = &ends
		}
		out[quota] = u
	}
	return out
}

// list is an array for a statement.
func list(items []string) string { return "{" + strings.Join(items, ",") + "}" }

// readNodes is ReadNode for several tenants.
func readNodes(ctx context.Context, ids []string) (map[uuid.UUID]Node, error) {
	nodes := make(map[uuid.UUID]Node, len(ids))
	rows, err := store.Query(ctx, nodeStatement+` WHERE t.id = ANY ($1::uuid[])`, list(ids))
	if err != nil {
		return nil, fmt.Errorf("placing tenants: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		node, err := scanNode(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("placing a tenant: %w", err)
		}
		nodes[node.ID] = node
	}
	return nodes, rows.Err()
}

// readUsed reads what tenants have used, of messages in the month that is given
// for each.
func readUsed(ctx context.Context, ids []string, months map[uuid.UUID]month) (map[uuid.UUID]map[Quota]int64, error) {
	periods := []string{always}
	for _, m := range months {
		if !slices.Contains(periods, m.first()) {
			periods = append(periods, m.first())
		}
	}
	rows, err := store.Query(ctx, `
		SELECT tenant_id, quota, period::text, used FROM usage_counters
		WHERE tenant_id = ANY ($1::uuid[]) AND period = ANY ($2::date[]) AND quota <> 'seats'
		UNION ALL
		SELECT tenant_id, 'seats', $3, count(*) FROM users
		WHERE tenant_id = ANY ($1::uuid[]) AND status IN ('active', 'invited') GROUP BY tenant_id`,
		list(ids), list(periods), always)
	if err != nil {
		return nil, fmt.Errorf("reading usage: %w", err)
	}
	defer func() { _ = rows.Close() }()
	used := make(map[uuid.UUID]map[Quota]int64, len(ids))
	for rows.Next() {
		var (
			tenantID uuid.UUID
			quota    Quota
			period   string
			count    int64
		)
		if err := rows.Scan(&tenantID, &quota, &period, &count); err != nil {
			return nil, fmt.Errorf("reading usage: %w", err)
		}
		if period != always && period != months[tenantID].first() {
			continue // the month of another's time zone
		}
		if used[tenantID] == nil {
			used[tenantID] = map[Quota]int64{}
		}
		used[tenantID][quota] = count
	}
	return used, rows.Err()
}

// monthLayout is how months are written.
const monthLayout = "2006-01"

// MonthlyUsage is what a tenant sent in one month.
type MonthlyUsage struct {
	// Month is as 2026-03, in the tenant's time zone.
	Month string
	// Messages are segments of outbound messages.
	Messages int64
}

// ListMonths tells what the scope's tenant sent in each month in which it did,
// the present one first. before is the month that the page before ended with.
func (s *Service) ListMonths(ctx context.Context, before string, limit int) ([]MonthlyUsage, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	until := "infinity"
	if before != "" {
		until = before + "-01"
	}
	var months []MonthlyUsage
	err = s.store.Read(ctx, func(ctx context.Context) error {
		rows, err := store.Query(ctx, `
			SELECT to_char(period, 'YYYY-MM'), used FROM usage_counters
			WHERE tenant_id = $1 AND quota = $2 AND period < $3::date ORDER BY period DESC LIMIT $4`,
			sc.TenantID, MessagesPerMonth, until, max(limit, 1))
		if err != nil {
			return fmt.Errorf("listing months: %w", err)
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var m MonthlyUsage
			if err := rows.Scan(&m.Month, &m.Messages); err != nil {
				return fmt.Errorf("reading a month: %w", err)
			}
			months = append(months, m)
		}
		return rows.Err()
	})
	return months, err
}
