package audit

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// Chain numbers and hashes entries, and proves that none was touched since.
type Chain struct {
	trail *Trail
	store *store.Store
	// keys sign how long the chains are, the current one first.
	keys [][]byte
}

// NewChain returns the chain of a trail. The keys are those that heads are
// signed with, the current one first.
func NewChain(t *Trail, keys [][]byte) *Chain { return &Chain{t, t.store, keys} }

const (
	// lookEvery bounds how late an entry is numbered that another process wrote.
	lookEvery = time.Second
	// batch is how many entries one transaction numbers.
	batch = 500
	// chainLock is the advisory lock under which entries are numbered.
	chainLock = 0x6175646974 // "audit"
)

// Run numbers entries until the context ends. Any number of processes may run
// it; they take turns.
func (c *Chain) Run(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := c.Drain(ctx); err != nil && ctx.Err() == nil {
			log.ErrorContext(ctx, "the audit chain does not go on; trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-c.trail.woken:
		case <-tick.C:
		}
	}
}

// Drain numbers what waits. It returns an error, once all others are numbered,
// for the tenants whose chains are broken: to go on behind a break would sign
// it.
func (c *Chain) Drain(ctx context.Context) error {
	broken := map[uuid.UUID]error{}
	for {
		n, err := c.advance(ctx, broken)
		if err != nil {
			return err
		}
		if n == 0 {
			break
		}
	}
	var errs []error
	for _, err := range broken {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// advance numbers one batch. Entries get their numbers after they were
// committed, so whoever reads by number passes none over; one that was written
// in a slow transaction stands behind quicker ones.
func (c *Chain) advance(ctx context.Context, broken map[uuid.UUID]error) (int, error) {
	done := 0
	ctx = scope.System(ctx, "numbering the audit log")
	err := c.store.InTx(ctx, func(ctx context.Context) error {
		done = 0
		var mine bool
		if err := store.QueryRow(ctx, []any{&mine}, `SELECT pg_try_advisory_xact_lock($1)`, int64(chainLock)); err != nil || !mine {
			return err // another process is at it
		}
		waiting, err := readEntries(ctx, `
			SELECT `+columns+`, NULL, NULL FROM audit_pending p JOIN audit_entries e ON e.id = p.entry_id
			WHERE NOT p.tenant_id = ANY ($1::uuid[]) ORDER BY p.entry_id LIMIT $2`, list(keysOf(broken)), batch)
		if err != nil || len(waiting) == 0 {
			return err
		}
		done = len(waiting)
		return c.append(ctx, waiting, broken)
	})
	if err != nil {
		return 0, fmt.Errorf("numbering the audit log: %w", err)
	}
	return done, nil
}

func (c *Chain) append(ctx context.Context, waiting []Entry, broken map[uuid.UUID]error) error {
	byTenant := map[uuid.UUID][]Entry{}
	for _, e := range waiting {
		byTenant[e.TenantID] = append(byTenant[e.TenantID], e)
	}
	all, err := c.readHead(ctx, uuid.Nil)
	if err != nil {
		return err
	}
	for tenantID, entries := range byTenant {
		h, err := c.readHead(ctx, tenantID)
		if errors.Is(err, errForged) {
			broken[tenantID] = err
			continue
		}
		if err != nil {
			return err
		}
		for _, e := range entries {
			h.seq++
			h.hash = link(h.hash, h.seq, e)
			if err := c.number(ctx, e, h); err != nil {
				return err
			}
		}
		all.seq += int64(len(entries))
		if err := c.writeHead(ctx, h); err != nil {
			return err
		}
	}
	return c.writeHead(ctx, all)
}

func (c *Chain) number(ctx context.Context, e Entry, h head) error {
	_, err := store.Exec(ctx, `
		WITH gone AS (DELETE FROM audit_pending WHERE entry_id = $3)
		INSERT INTO audit_chain (tenant_id, seq, entry_id, hash, chained_at) VALUES ($1, $2, $3, $4, $5)`,
		e.TenantID, h.seq, e.ID, h.hash, c.store.Now())
	return err
}

// head is the end of a tenant's chain. That of the nil tenant counts the
// entries of all.
type head struct {
	tenantID uuid.UUID
	seq      int64
	hash     []byte
	mac      []byte
}

// errForged is a head that was not signed by any key of ours.
var errForged = errors.New("audit: the head of a chain is not what was signed")

// readHead reads a head and proves it. A chain that has not begun has the zero
// head.
func (c *Chain) readHead(ctx context.Context, tenantID uuid.UUID) (head, error) {
	h := head{tenantID: tenantID}
	err := store.QueryRow(ctx, []any{&h.seq, &h.hash, &h.mac},
		`SELECT seq, hash, mac FROM audit_heads WHERE tenant_id = $1 FOR UPDATE`, tenantID)
	if store.IsNotFound(err) {
		return h, c.proveNone(ctx, tenantID)
	}
	if err != nil {
		return h, err
	}
	if !c.signed(h) {
		return h, fmt.Errorf("%w: tenant %s", errForged, tenantID)
	}
	return h, nil
}

// proveNone refuses to begin a chain that has begun: its head was taken away.
func (c *Chain) proveNone(ctx context.Context, tenantID uuid.UUID) error {
	var begun bool
	err := store.QueryRow(ctx, []any{&begun},
		`SELECT EXISTS (SELECT FROM audit_chain WHERE tenant_id = $1 OR $1 = $2)`, tenantID, uuid.Nil)
	if err == nil && begun {
		err = fmt.Errorf("%w: tenant %s has none", errForged, tenantID)
	}
	return err
}

func (c *Chain) signed(h head) bool {
	for _, key := range c.keys {
		if hmac.Equal(h.mac, sign(key, h)) {
			return true
		}
	}
	return false
}

func sign(key []byte, h head) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("trellis audit head 1"))
	mac.Write(h.tenantID[:])
	var seq [8]byte
	binary.BigEndian.PutUint64(seq[:], uint64(h.seq))
	mac.Write(seq[:])
	mac.Write(h.hash)
	return mac.Sum(nil)
}

func (c *Chain) writeHead(ctx context.Context, h head) error {
	if h.hash == nil {
		h.hash = []byte{}
	}
	_, err := store.Exec(ctx, `
		INSERT INTO audit_heads (tenant_id, seq, hash, mac) VALUES ($1, $2, $3, $4)
		ON CONFLICT (tenant_id) DO UPDATE SET seq = EXCLUDED.seq, hash = EXCLUDED.hash, mac = EXCLUDED.mac`,
		h.tenantID, h.seq, h.hash, sign(c.keys[0], h))
	return err
}

// Resign signs heads with the current key that an earlier one has signed, and
// returns how many. One that none has signed stays as it is: that is a break.
func (c *Chain) Resign(ctx context.Context) (int, error) {
	done, after := 0, uuid.Nil
	ctx = scope.System(ctx, "signing the audit chains with the current master key")
	for first := true; ; first = false {
		var page []uuid.UUID
		err := c.store.InTx(ctx, func(ctx context.Context) error {
			// The relay waits, so that it finds each head as it is.
			if _, err := store.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(chainLock)); err != nil {
				return err
			}
			var err error
			page, err = store.IDs(ctx, `SELECT tenant_id FROM audit_heads WHERE tenant_id > $1 OR $2 AND tenant_id = $1
				ORDER BY tenant_id LIMIT 100`, after, first)
			for _, tenantID := range page {
				if err != nil {
					return err
				}
				var h head
				if h, err = c.readHead(ctx, tenantID); errors.Is(err, errForged) {
					err = nil
					continue
				}
				if err == nil && !hmac.Equal(h.mac, sign(c.keys[0], h)) {
					done++
					err = c.writeHead(ctx, h)
				}
			}
			return err
		})
		if err != nil || len(page) == 0 {
			return done, err
		}
		after = page[len(page)-1]
	}
}

func keysOf(m map[uuid.UUID]error) []uuid.UUID {
	var out []uuid.UUID
	for key := range m {
		out = append(out, key)
	}
	return out
}

// list writes ids as PostgreSQL reads an array.
func list(ids []uuid.UUID) string {
	var words []string
	for _, one := range ids {
		words = append(words, one.String())
	}
	return "{" + strings.Join(words, ",") + "}"
}
