package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// Claimer hands out rows that are due, taking turns between tenants: one with a
// hundred thousand due rows gets no more of a round than one with two.
type Claimer struct {
	store *store.Store
	turn  map[Kind]uuid.UUID // the tenant that the last round of a kind ended with
}

// NewClaimer returns a claimer for one dispatcher; it is not for concurrent use.
func NewClaimer(s *store.Store) *Claimer { return &Claimer{store: s, turn: map[Kind]uuid.UUID{}} }

// perTenant is how many rows of one tenant a round takes at most, so that the
// others come soon.
const perTenant = 8

// Claim hands out up to limit rows of one kind and moves their due_at behind
// the lease. Rows that another dispatcher is handing out are passed over.
func (c *Claimer) Claim(ctx context.Context, kind Kind, limit int) ([]Task, error) {
	ctx = scope.System(ctx, "handing out rows that are due")
	after := c.turn[kind]
	tasks, err := c.claimFrom(ctx, kind, after, limit)
	if err != nil || len(tasks) == limit || after == uuid.Nil {
		return tasks, err
	}
	// The round has come to the last tenant: go on with the first. To stop here
	// would look as if nothing were due.
	more, err := c.claimFrom(ctx, kind, uuid.Nil, limit-len(tasks))
	return append(tasks, more...), err
}

func (c *Claimer) claimFrom(ctx context.Context, kind Kind, after uuid.UUID, limit int) ([]Task, error) {
	now := c.store.Now()
	var tasks []Task
	err := c.store.InTx(ctx, func(ctx context.Context) error {
		rows, err := store.Query(ctx, claimStatement(kind), after, now, now.Add(Lease), limit, perTenant)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			t := Task{Kind: kind, Round: now.UnixMicro()}
			if err := rows.Scan(&t.ID, &t.TenantID); err != nil {
				return err
			}
			tasks = append(tasks, t)
		}
		return rows.Err()
	})
	for _, t := range tasks {
		if t.TenantID.String() > c.turn[kind].String() {
			c.turn[kind] = t.TenantID
		}
	}
	if len(tasks) < limit {
		c.turn[kind] = uuid.Nil
	}
	return tasks, err
}

// claimStatement walks over the tenants that have due rows by skipping through
// the index from one tenant to the next, and takes a few rows of each. $1 is
// the tenant to begin behind, $2 now, $3 the end of the lease, $4 the limit,
// $5 the rows of one tenant.
func claimStatement(kind Kind) string {
	return fmt.Sprintf(`
		WITH RECURSIVE tenant AS (
			(SELECT tenant_id FROM %[1]s WHERE due_at IS NOT NULL AND tenant_id > $1 ORDER BY tenant_id LIMIT 1)
			UNION ALL
			SELECT (SELECT next.tenant_id FROM %[1]s next
			        WHERE next.due_at IS NOT NULL AND next.tenant_id > tenant.tenant_id
			        ORDER BY next.tenant_id LIMIT 1)
			FROM tenant WHERE tenant.tenant_id IS NOT NULL
		), due AS (
			SELECT picked.id
			FROM tenant CROSS JOIN LATERAL (
				SELECT id FROM %[1]s row
				WHERE row.tenant_id = tenant.tenant_id AND row.due_at <= $2
				ORDER BY row.due_at, row.id LIMIT $5
				FOR UPDATE SKIP LOCKED
			) picked
			LIMIT $4
		)
		UPDATE %[1]s SET due_at = $3 FROM due WHERE %[1]s.id = due.id
		RETURNING %[1]s.id, %[1]s.tenant_id`, kind)
}

// release makes rows due at once that were handed out to nobody.
func (c *Claimer) release(ctx context.Context, tasks []Task) error {
	ctx = scope.System(ctx, "taking back rows that Redis did not take")
	now := c.store.Now()
	return c.store.InTx(ctx, func(ctx context.Context) error {
		for _, t := range tasks {
			// Only where nobody has moved it since.
			_, err := store.Exec(ctx, fmt.Sprintf(`UPDATE %s SET due_at = $1 WHERE id = $2 AND due_at = $3`, t.Kind),
				now, t.ID, time.UnixMicro(t.Round).UTC().Add(Lease))
			if err != nil {
				return err
			}
		}
		return nil
	})
}
