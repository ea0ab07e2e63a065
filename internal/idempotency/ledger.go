// Package idempotency keeps the answers to requests that carry an
// Idempotency-Key, in the transaction of their effect: an answer is stored
// exactly when the change is made.
package idempotency

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
)

// Key says whose request it is and what it was.
type Key struct {
	TenantID  uuid.UUID
	Principal string
	Method    string
	Route     string
	// Value is what the client chose.
	Value string
	// Fingerprint is the SHA-256 of the request.
	Fingerprint [32]byte
}

// KeepFor is how long an answer can be replayed.
const KeepFor = 24 * time.Hour

// busyPause is what a client is told to wait while the first request runs.
const busyPause = time.Second

// Ledger stores answers.
type Ledger struct {
	store *store.Store
}

// New returns the ledger of a store.
func New(s *store.Store) *Ledger { return &Ledger{s} }

// Do runs a request once. The same key again returns the stored answer; with
// another request it is CodeIdempotencyMismatch, and while the first runs
// CodeIdempotencyRunning: an advisory lock answers at once, where a blocked
// insert would wait. A request that fails stores nothing.
func (l *Ledger) Do(ctx context.Context, k Key, run func(context.Context) ([]byte, error)) (answer []byte, replayed bool, err error) {
	err = l.store.InTx(ctx, func(ctx context.Context) error {
		if err := l.lock(ctx, k); err != nil {
			return err
		}
		stored, found, err := l.find(ctx, k)
		if err != nil {
			return err
		}
		if found {
			answer, replayed = stored, true
			return nil
		}
		if answer, err = run(ctx); err != nil {
			return err
		}
		return l.keep(ctx, k, answer)
	})
	if err != nil {
		return nil, false, err
	}
	return answer, replayed, nil
}

func (l *Ledger) lock(ctx context.Context, k Key) error {
	var free bool
	err := store.QueryRow(ctx, []any{&free}, `SELECT pg_try_advisory_xact_lock(hashtextextended($1, 2))`,
		k.TenantID.String()+"\n"+k.Principal+"\n"+k.Method+"\n"+k.Route+"\n"+k.Value)
	if err != nil {
		return err
	}
	if !free {
		return fault.New(fault.Conflict, fault.CodeIdempotencyRunning,
			"A request with this Idempotency-Key is running. Ask again for its answer.").After(busyPause)
	}
	return nil
}

func (l *Ledger) find(ctx context.Context, k Key) ([]byte, bool, error) {
	var fingerprint, answer []byte
	err := store.QueryRow(ctx, []any{&fingerprint, &answer}, `
		SELECT fingerprint, response FROM idempotency_keys
		WHERE tenant_id = $1 AND principal = $2 AND method = $3 AND route = $4 AND key = $5 AND created_at > $6`,
		k.TenantID, k.Principal, k.Method, k.Route, k.Value, l.store.Now().Add(-KeepFor))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if !bytes.Equal(fingerprint, k.Fingerprint[:]) {
		return nil, false, fault.New(fault.Invalid, fault.CodeIdempotencyMismatch,
			"The Idempotency-Key was used for another request.").At("header.Idempotency-Key", "belongs to another request")
	}
	return answer, true, nil
}

// keep stores the answer; one that has expired and was not swept yet gives way.
func (l *Ledger) keep(ctx context.Context, k Key, answer []byte) error {
	_, err := store.Exec(ctx, `
		INSERT INTO idempotency_keys (tenant_id, principal, method, route, key, fingerprint, response, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (tenant_id, principal, method, route, key)
		DO UPDATE SET fingerprint = excluded.fingerprint, response = excluded.response, created_at = excluded.created_at`,
		k.TenantID, k.Principal, k.Method, k.Route, k.Value, k.Fingerprint[:], answer, l.store.Now())
	return err
}
