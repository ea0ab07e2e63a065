package tenants

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
)

// always is the period of what does not fill again with time.
const always = "0001-01-01"

// spending is something that a tenant uses up in the running transaction.
type spending struct {
	quota Quota
	units int64
	// period is the counter's, resets when it begins anew; zero for never.
	period string
	resets time.Time
	// limit is nil where there is none. beyond counts all the same.
	limit  *int64
	beyond bool
}

// SpendMessages counts the segments of an outbound message, in the transaction
// that accepts it. It fails with quota_exceeded, and says when the month ends.
//
// From here on until the transaction ends, other messages of the tenant wait:
// it is the last thing that an acceptance does.
func (s *Service) SpendMessages(ctx context.Context, segments int) error {
	node, err := s.here(ctx)
	if err != nil || !node.Kind.counts() {
		return err
	}
	now := monthOf(s.store.Now(), zoneOf(node.TimeZone))
	return s.spend(ctx, node, spending{
		quota: MessagesPerMonth, units: billable(segments), limit: node.Quotas.MessagesPerMonth,
		period: now.first(), resets: now.next().start(),
	})
}

// billable is what a message counts: a picture without a text is one segment.
func billable(segments int) int64 { return int64(max(segments, 1)) }

// GiveBackMessages takes the segments of a message that no provider has taken
// over out of the month in which it was accepted.
func (s *Service) GiveBackMessages(ctx context.Context, accepted time.Time, segments int) error {
	node, err := s.here(ctx)
	if err != nil || !node.Kind.counts() {
		return err
	}
	_, err = store.Exec(ctx, `
		UPDATE usage_counters SET used = greatest(used - $4, 0), updated_at = $5
		WHERE tenant_id = $1 AND quota = $2 AND period = $3::date`,
		node.ID, MessagesPerMonth, monthOf(accepted, zoneOf(node.TimeZone)).first(), billable(segments), s.store.Now())
	if err != nil {
		return fmt.Errorf("giving back segments: %w", err)
	}
	return nil
}

// SpendStorage counts what an upload keeps, in the transaction that keeps it.
// It fails with quota_exceeded.
func (s *Service) SpendStorage(ctx context.Context, bytes int64) error {
	return s.keep(ctx, bytes, false)
}

// AddStorage is SpendStorage for what comes from outside, which is kept also
// where there is no room: nothing that a customer sends gets lost. What the
// tenant uploads itself is refused from then on.
func (s *Service) AddStorage(ctx context.Context, bytes int64) error {
	return s.keep(ctx, bytes, true)
}

func (s *Service) keep(ctx context.Context, bytes int64, beyond bool) error {
	node, err := s.here(ctx)
	if err != nil {
		return err
	}
	return s.spend(ctx, node, spending{
		quota: StorageBytes, units: bytes, limit: node.Quotas.StorageBytes, period: always, beyond: beyond,
	})
}

// spendStatement counts in one step, or not at all. It holds the counter until
// the transaction ends. $1 tenant, $2 quota, $3 period, $4 units, $5 the limit
// or null, $6 now.
const spendStatement = `
	INSERT INTO usage_counters AS c (tenant_id, quota, period, used, updated_at)
	SELECT $1::uuid, $2::text, $3::date, $4::bigint, $6::timestamptz WHERE $5::bigint IS NULL OR $4::bigint <= $5::bigint
	ON CONFLICT (tenant_id, quota, period) DO UPDATE
	SET used = c.used + EXCLUDED.used, updated_at = EXCLUDED.updated_at
	WHERE $5::bigint IS NULL OR c.used + EXCLUDED.used <= $5::bigint
	RETURNING used, warned_limit, reached_limit`

// counter is a row of usage_counters as it is after the spending.
type counter struct {
	used            int64
	warned, reached *int64
}

func (s *Service) spend(ctx context.Context, node Node, sp spending) error {
	limit := sp.limit
	if sp.beyond {
		limit = nil
	}
	var c counter
	err := store.QueryRow(ctx, []any{&c.used, &c.warned, &c.reached}, spendStatement,
		node.ID, sp.quota, sp.period, sp.units, limit, s.store.Now())
	if store.IsNotFound(err) {
		return sp.refusal(s.store.Now())
	}
	if err != nil {
		return fmt.Errorf("counting %s: %w", sp.quota, err)
	}
	return s.warn(ctx, node.ID, sp, c)
}

// refusal says what is used up, and when it fills again.
func (sp spending) refusal(now time.Time) error {
	f := exceeded(sp.quota, *sp.limit)
	if !sp.resets.IsZero() {
		f.Kind = fault.Exhausted
		f = f.After(sp.resets.Sub(now))
	}
	return f
}

// warnAt is the part of a limit, in percent, of which a tenant is told.
const warnAt = 80

// warn publishes that a limit comes near, or is reached: once for each period
// and limit, because the counter remembers for which limit it was done and is
// held until the transaction ends. A new limit in the same period is told of
// anew.
func (s *Service) warn(ctx context.Context, tenantID uuid.UUID, sp spending, c counter) error {
	if sp.limit == nil {
		return nil
	}
	limit := *sp.limit
	coming := near(c.used, limit) && !isLimit(c.warned, limit)
	full := c.used >= limit && !isLimit(c.reached, limit)
	if !coming && !full {
		return nil
	}
	_, err := store.Exec(ctx, `
		UPDATE usage_counters
		SET warned_limit = $4, reached_limit = CASE WHEN $5 THEN $4 ELSE reached_limit END
		WHERE tenant_id = $1 AND quota = $2 AND period = $3::date`, tenantID, sp.quota, sp.period, limit, full)
	if err != nil {
		return fmt.Errorf("noting a warning of %s: %w", sp.quota, err)
	}
	data := quotaData{Quota: sp.quota, Used: c.used, Limit: limit}
	if !sp.resets.IsZero() {
		data.ResetsAt = &sp.resets
	}
	if coming {
		if err := s.log.Publish(ctx, "quota.warning", "tenant", tenantID, data); err != nil {
			return err
		}
	}
	if full {
		return s.log.Publish(ctx, "quota.reached", "tenant", tenantID, data)
	}
	return nil
}

// near tells whether a limit comes near. A limit stays below MaxLimit, so that
// a hundred times as much can be counted.
func near(used, limit int64) bool { return used*100 >= limit*warnAt }

func isLimit(noted *int64, limit int64) bool { return noted != nil && *noted == limit }

// quotaData is the data of quota.warning and quota.reached.
type quotaData struct {
	Quota    Quota      `json:"quota"`
	Used     int64      `json:"used"`
	Limit    int64      `json:"limit"`
	ResetsAt *time.Time `json:"resets_at"`
}

// TakeSeat makes room for one more user of the scope's tenant, in the
// transaction that makes, invites or brings him back, before it does. It fails
// with quota_exceeded. Users are counted anew each time, so the number is that
// of those who are there whatever happened to others meanwhile; who takes a
// seat at the same time waits.
func (s *Service) TakeSeat(ctx context.Context) error {
	node, err := s.here(ctx)
	if err != nil || node.Quotas.Seats == nil {
		return err
	}
	sp := spending{quota: Seats, limit: node.Quotas.Seats, period: always}
	c, err := s.holdSeats(ctx, node.ID)
	if err != nil {
		return err
	}
	// A statement of its own: one that waited for the row would count what it
	// saw before it waited.
	err = store.QueryRow(ctx, []any{&c.used}, `
		SELECT count(*) FROM users WHERE tenant_id = $1 AND status IN ('active', 'invited')`, node.ID)
	if err != nil {
		return fmt.Errorf("counting seats: %w", err)
	}
	if c.used++; c.used > *sp.limit {
		return sp.refusal(s.store.Now())
	}
	if near(c.used, *sp.limit) {
		return s.warn(ctx, node.ID, sp, c)
	}
	return s.rearm(ctx, node.ID, sp, c)
}

// rearm forgets warnings that no longer fit: seats have no period with which
// they would end, so they end where there is room again.
func (s *Service) rearm(ctx context.Context, tenantID uuid.UUID, sp spending, c counter) error {
	if c.warned == nil && c.reached == nil {
		return nil
	}
	_, err := store.Exec(ctx, `
		UPDATE usage_counters SET warned_limit = NULL, reached_limit = NULL
		WHERE tenant_id = $1 AND quota = $2 AND period = $3::date`, tenantID, sp.quota, sp.period)
	if err != nil {
		return fmt.Errorf("forgetting a warning of %s: %w", sp.quota, err)
	}
	return nil
}

// holdSeats locks the counter of a tenant's seats.
func (s *Service) holdSeats(ctx context.Context, tenantID uuid.UUID) (counter, error) {
	var c counter
	err := store.QueryRow(ctx, []any{&c.warned, &c.reached}, `
		INSERT INTO usage_counters AS c (tenant_id, quota, period, used, updated_at) VALUES ($1, $2, $3::date, 0, $4)
		ON CONFLICT (tenant_id, quota, period) DO UPDATE SET updated_at = EXCLUDED.updated_at
		RETURNING warned_limit, reached_limit`, tenantID, Seats, always, s.store.Now())
	if err != nil {
		return counter{}, fmt.Errorf("holding the seats: %w", err)
	}
	return c, nil
}
