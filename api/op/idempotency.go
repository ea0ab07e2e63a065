package op

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/fault"
)

// IdempotencyKey names one intention of one caller.
type IdempotencyKey struct {
	// Tenant is the tenant of the path, or the caller's own.
	Tenant uuid.UUID
	// Principal is the user or API key.
	Principal uuid.UUID
	// Method and Route are the operation's; Route is the pattern.
	Method, Route string
	// Key is what the client sent.
	Key string
	// Fingerprint is the hash of path, query and canonical body.
	Fingerprint [32]byte
}

// Ledger remembers the answers to requests with an Idempotency-Key.
//
// Do runs the work inside of the transaction that also stores its result, so
// that both happen or neither. A failure of run is returned as it is, and
// stores nothing. If the key was used before, Do returns what was stored, or a
// fault: idempotency_key_reused where the fingerprint differs,
// idempotency_key_in_use (with a time to retry after) while the first still
// runs. Do may call run again after a failed commit; the last call counts.
type Ledger interface {
	Do(ctx context.Context, key IdempotencyKey, run func(context.Context) ([]byte, error)) (stored []byte, replayed bool, err error)
}

// Discreet is implemented by outputs that show a secret once. The copy without
// it is what a replay returns; the answer itself is never cached.
type Discreet[O any] interface {
	WithoutSecrets() *O
}

const idempotencyHeader = "Idempotency-Key"

// record is a stored answer. Body is base64 in storage, so that not a byte
// of it changes.
type record struct {
	Status int         `json:"status"`
	Header http.Header `json:"header"`
	Body   []byte      `json:"body"`
}

// idempotent runs the work once per key, or just runs it without one. The answer is encoded before the
// transaction ends: one that cannot be encoded undoes the work.
func idempotent[O any](ctx context.Context, key *IdempotencyKey, shape *shape, work func(context.Context) (*O, error)) (*reply, error) {
	if key == nil {
		return perform(ctx, shape, work)
	}
	var fresh *reply
	stored, replayed, err := requestOf(ctx).surface.cfg.Ledger.Do(ctx, *key, func(ctx context.Context) ([]byte, error) {
		out, err := work(ctx)
		if err != nil {
			return nil, err
		}
		if fresh, err = shape.reply(out); err != nil {
			return nil, err
		}
		return keep(shape, out, fresh)
	})
	if err != nil {
		return nil, err
	}
	if replayed {
		return replay(stored)
	}
	return fresh, nil
}

func perform[O any](ctx context.Context, shape *shape, work func(context.Context) (*O, error)) (*reply, error) {
	out, err := work(ctx)
	if err != nil {
		return nil, err
	}
	return shape.reply(out)
}

// keep encodes what is stored: the answer without its secrets.
func keep[O any](shape *shape, out *O, fresh *reply) ([]byte, error) {
	if d, ok := any(out).(Discreet[O]); ok {
		var err error
		if fresh, err = shape.reply(d.WithoutSecrets()); err != nil {
			return nil, err
		}
	}
	return json.Marshal(record{fresh.status, fresh.header, fresh.body})
}

func replay(stored []byte) (*reply, error) {
	var rec record
	if err := json.Unmarshal(stored, &rec); err != nil {
		return nil, fmt.Errorf("reading a stored answer: %w", err)
	}
	rec.Header.Set("Idempotent-Replayed", "true")
	return &reply{status: rec.Status, header: rec.Header, body: rec.Body}, nil
}

// idempotencyKey is nil where the client sent none, and where the operation
// has no use for one.
func (rq *request) idempotencyKey() (*IdempotencyKey, error) {
	given := rq.http.Header.Values(idempotencyHeader)
	if len(given) == 0 || !rq.operation.idempotent {
		return nil, nil
	}
	if len(given) > 1 || len(given[0]) < 1 || len(given[0]) > 255 || !visible(given[0]) {
		return nil, fault.InvalidField(fault.CodeInvalid, "header."+idempotencyHeader, "must be 1 to 255 visible ASCII characters")
	}
	tenant := rq.tenantID
	if tenant == uuid.Nil {
		tenant = rq.caller.TenantID
	}
	return &IdempotencyKey{
		Tenant: tenant, Principal: rq.caller.Actor.ID,
		Method: rq.operation.spec.Method, Route: rq.operation.spec.Path,
		Key: given[0], Fingerprint: rq.fingerprint(),
	}, nil
}

func (rq *request) fingerprint() [32]byte {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%q %q ", rq.http.URL.EscapedPath(), rq.http.URL.Query().Encode())
	h.Write(rq.body)
	return [32]byte(h.Sum(nil))
}

func visible(s string) bool {
	for i := range len(s) {
		if s[i] < '!' || s[i] > '~' {
			return false
		}
	}
	return true
}
