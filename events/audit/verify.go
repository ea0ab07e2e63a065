package audit

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// Anchor is a place in a chain as somebody has noted it down elsewhere. What
// was true then stays true: nobody who holds the database, and not even who
// holds the keys, can change what stands before it unseen.
type Anchor struct {
	TenantID uuid.UUID `json:"tenant_id"`
	Seq      int64     `json:"seq"`
	Hash     string    `json:"hash"`
}

// Break is a place where the log is not what was written.
type Break struct {
	TenantID uuid.UUID
	// Seq is the first number that is wrong; zero where the break is of the whole
	// chain.
	Seq    int64
	Reason string
}

// String says where and what.
func (b Break) String() string {
	if b.TenantID == uuid.Nil {
		return b.Reason
	}
	if b.Seq == 0 {
		return fmt.Sprintf("tenant %s: %s", b.TenantID, b.Reason)
	}
	return fmt.Sprintf("tenant %s, entry %d: %s", b.TenantID, b.Seq, b.Reason)
}

// Report is what verifying found.
type Report struct {
	Tenants int
	Entries int64
	// Breaks holds the first break of each chain.
	Breaks []Break
	// Anchors are the ends of the chains that are whole, to be noted down.
	Anchors []Anchor
}

// settling is how long an entry may be without a number.
const settling = 5 * time.Minute

// Verify walks the chain of one tenant, or of all for uuid.Nil, beside all that
// goes on. It writes nothing.
func (c *Chain) Verify(ctx context.Context, tenantID uuid.UUID, anchors []Anchor) (Report, error) {
	ctx = scope.System(ctx, "proving the audit log")
	noted := map[uuid.UUID][]Anchor{}
	for _, a := range anchors {
		noted[a.TenantID] = append(noted[a.TenantID], a)
	}
	var r Report
	if tenantID != uuid.Nil {
		return r, c.verifyTenant(ctx, &r, tenantID, noted[tenantID])
	}
	after := uuid.Nil
	for {
		var page []uuid.UUID
		err := c.store.Read(ctx, func(ctx context.Context) (err error) {
			page, err = store.IDs(ctx, `SELECT id FROM tenants WHERE id > $1 ORDER BY id LIMIT 100`, after)
			return err
		})
		if err != nil {
			return r, err
		}
		if len(page) == 0 {
			break
		}
		for _, one := range page {
			if err := c.verifyTenant(ctx, &r, one, noted[one]); err != nil {
				return r, err
			}
		}
		after = page[len(page)-1]
	}
	return r, c.verifyTotal(ctx, &r)
}

// verifyTotal compares the number of all entries with the signed one: a tenant
// whose whole log was taken away has a chain without a break, of no length.
func (c *Chain) verifyTotal(ctx context.Context, r *Report) error {
	return c.store.InTx(ctx, func(ctx context.Context) error {
		// The relay waits, so that both numbers are of the same moment.
		if _, err := store.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(chainLock)); err != nil {
			return err
		}
		total, signed, err := c.headOf(ctx, uuid.Nil)
		if err != nil {
			return err
		}
		var counted int64
		if err := store.QueryRow(ctx, []any{&counted}, `SELECT count(*) FROM audit_chain`); err != nil {
			return err
		}
		switch {
		case !signed && counted > 0:
			r.Breaks = append(r.Breaks, Break{Reason: "the number of all entries is not what was signed"})
		case total.seq != counted:
			r.Breaks = append(r.Breaks, Break{Reason: fmt.Sprintf("%d entries were numbered and %d are there", total.seq, counted)})
		}
		return nil
	})
}

// headOf reads a head and tells whether it is signed, or not there yet.
func (c *Chain) headOf(ctx context.Context, tenantID uuid.UUID) (h head, signed bool, err error) {
	h.tenantID = tenantID
	err = store.QueryRow(ctx, []any{&h.seq, &h.hash, &h.mac}, `SELECT seq, hash, mac FROM audit_heads WHERE tenant_id = $1`, tenantID)
	if store.IsNotFound(err) {
		return head{tenantID: tenantID}, false, nil
	}
	return h, c.signed(h), err
}

// verifyTenant walks one chain. The head is read first: what is added while it
// walks is walked as well, and may be more than the head says.
func (c *Chain) verifyTenant(ctx context.Context, r *Report, tenantID uuid.UUID, anchors []Anchor) error {
	w := walk{tenantID: tenantID, anchors: anchors}
	err := c.store.Read(ctx, func(ctx context.Context) (err error) {
		w.head, w.signed, err = c.headOf(ctx, tenantID)
		return err
	})
	for more := err == nil; more && err == nil; {
		err = c.store.Read(ctx, func(ctx context.Context) (err error) {
			more, err = w.page(ctx)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("proving the audit log of %s: %w", tenantID, err)
	}
	if w.broken == nil {
		if err := c.store.Read(ctx, func(ctx context.Context) error { return w.end(ctx, c.store.Now()) }); err != nil {
			return err
		}
	}
	if w.seq > 0 || w.broken != nil {
		r.Tenants++
	}
	r.Entries += w.seq
	if w.broken != nil {
		r.Breaks = append(r.Breaks, *w.broken)
	} else if w.seq > 0 {
		r.Anchors = append(r.Anchors, Anchor{tenantID, w.seq, hex.EncodeToString(w.hash)})
	}
	return nil
}

// walk is one chain that is being walked.
type walk struct {
	tenantID uuid.UUID
	head     head
	signed   bool
	anchors  []Anchor

	seq    int64
	hash   []byte
	broken *Break
}

func (w *walk) fail(seq int64, reason string) { w.broken = &Break{w.tenantID, seq, reason} }

// page walks on; it tells whether there is more.
func (w *walk) page(ctx context.Context) (bool, error) {
	rows, err := store.Query(ctx, `
		SELECT c.seq, c.hash, e.id IS NOT NULL, `+nullable+`
		FROM audit_chain c LEFT JOIN audit_entries e ON e.id = c.entry_id AND e.tenant_id = c.tenant_id
		WHERE c.tenant_id = $1 AND c.seq > $2 ORDER BY c.seq LIMIT $3`, w.tenantID, w.seq, batch)
	if err != nil {
		return false, err
	}
	defer func() { _ = rows.Close() }()
	seen := 0
	for rows.Next() && w.broken == nil {
		seen++
		var seq int64
		var hash []byte
		var there bool
		var e Entry
		if err := rows.Scan(append([]any{&seq, &hash, &there}, e.fields()...)...); err != nil {
			return false, err
		}
		w.step(seq, hash, there, e)
	}
	return seen == batch && w.broken == nil, rows.Err()
}

// nullable are the columns of an entry that may be gone.
const nullable = `coalesce(e.id, '00000000-0000-0000-0000-000000000000'), coalesce(e.tenant_id, c.tenant_id), coalesce(e.action, ''),
	coalesce(e.object_kind, ''), coalesce(e.object_id, c.tenant_id), coalesce(e.actor_kind, ''), e.actor_id, coalesce(e.actor_name, ''),
	e.user_id, coalesce(e.actor_home, ''), e.act_as_id, coalesce(e.address, ''), coalesce(e.request_id, ''), coalesce(e.details, 'null'),
	coalesce(e.changes, 'null'), coalesce(e.created_at, 'epoch')`

func (w *walk) step(seq int64, hash []byte, there bool, e Entry) {
	switch {
	case seq != w.seq+1:
		w.fail(w.seq+1, "is missing from the chain")
	case !there:
		w.fail(seq, "was deleted")
	case !bytes.Equal(hash, link(w.hash, seq, e)):
		w.fail(seq, "was changed, or stands in another's place")
	default:
		w.seq, w.hash = seq, hash
		w.compare()
	}
}

// compare holds the walk against the head and the anchors at this place.
func (w *walk) compare() {
	if w.seq == w.head.seq && !bytes.Equal(w.hash, w.head.hash) {
		w.fail(w.seq, "is not what was signed")
	}
	for _, a := range w.anchors {
		if a.Seq == w.seq && a.Hash != hex.EncodeToString(w.hash) {
			w.fail(w.seq, "is not what was noted down")
		}
	}
}

// end looks at what a walk along the chain does not see.
func (w *walk) end(ctx context.Context, now time.Time) error {
	for _, a := range w.anchors {
		if a.Seq > w.seq {
			w.fail(w.seq+1, fmt.Sprintf("and all behind it is gone: entry %d was noted down", a.Seq))
			return nil
		}
	}
	switch {
	case w.seq < w.head.seq:
		w.fail(w.seq+1, fmt.Sprintf("and all behind it is gone: %d entries were signed", w.head.seq))
		return nil
	case !w.signed && (w.seq > 0 || w.head.seq > 0):
		w.fail(0, "how long the chain is was not signed by any of the keys")
		return nil
	}
	// What was written and never numbered: put in past the program, or kept from
	// the relay.
	var unnumbered int
	err := store.QueryRow(ctx, []any{&unnumbered}, `
		SELECT count(*) FROM audit_entries e
		WHERE e.tenant_id = $1 AND e.created_at < $2 AND NOT EXISTS (SELECT FROM audit_chain c WHERE c.entry_id = e.id)`,
		w.tenantID, now.Add(-settling))
	if err == nil && unnumbered > 0 {
		w.fail(0, fmt.Sprintf("%d entries were put in beside the chain, or wait for the relay since %s", unnumbered, settling))
	}
	return err
}
