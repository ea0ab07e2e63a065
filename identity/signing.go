package identity

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/secret"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// signingKeys are the keys of access tokens: kept in the database with their
// private halves sealed, and remembered here.
type signingKeys struct {
	store   *store.Store
	keyring *secret.Keyring
	lead    time.Duration
	// outlive is how long a key is good after its successor may sign: as long
	// as a token that a replica signed with it at the last moment.
	outlive time.Duration

	loading sync.Mutex
	present atomic.Pointer[keySet]
}

// keySet is what one reading of the table found, oldest first.
type keySet struct {
	keys   []signingKey
	readAt time.Time
}

// signingKey is one pair of Ed25519 keys.
type signingKey struct {
	kid       string
	private   ed25519.PrivateKey
	createdAt time.Time
	retiredAt *time.Time // from when on it is not accepted; nil for the newest
}

const (
	// keysLife is how long the keys are remembered without a look at the table.
	keysLife = 5 * time.Minute
	// unknownKeyWait keeps invented key ids from causing a read each.
	unknownKeyWait = time.Second
	// signingLock is the advisory lock under which keys are made.
	signingLock = 0x7472_6c5f_6b69_6401
)

func newSigningKeys(c Config) *signingKeys {
	return &signingKeys{
		store: c.Store, keyring: c.Keyring, lead: c.KeyLead,
		outlive: keysLife + c.AccessLife + 2*leeway,
	}
}

// signer returns the key that signs now: the newest that has been published
// for long enough, or the oldest while there is none. Where there are no keys
// at all, it makes the first.
func (k *signingKeys) signer(ctx context.Context) (signingKey, error) {
	usable, err := k.usable(ctx)
	if err != nil {
		return signingKey{}, err
	}
	chosen := usable[0]
	for _, key := range usable[1:] {
		if !k.store.Now().Before(key.createdAt.Add(k.lead)) {
			chosen = key
		}
	}
	return chosen, nil
}

// usable lists the keys that are accepted now, oldest first; there is one at
// least.
func (k *signingKeys) usable(ctx context.Context) ([]signingKey, error) {
	set, err := k.recent(ctx, keysLife)
	if err != nil {
		return nil, err
	}
	if len(set.keys) == 0 {
		if set, err = k.createFirst(ctx); err != nil {
			return nil, err
		}
	}
	var usable []signingKey
	for _, key := range set.keys {
		if key.acceptedAt(k.store.Now()) {
			usable = append(usable, key)
		}
	}
	if len(usable) == 0 {
		return nil, errors.New("identity: every signing key is retired")
	}
	return usable, nil
}

// verifier returns the public key of a key id. One that is not known may have
// been made by another replica: the table is read again, at most once a second.
func (k *signingKeys) verifier(ctx context.Context, kid string) (ed25519.PublicKey, error) {
	for _, age := range []time.Duration{keysLife, unknownKeyWait} {
		set, err := k.recent(ctx, age)
		if err != nil {
			return nil, err
		}
		for _, key := range set.keys {
			if key.kid == kid && key.acceptedAt(k.store.Now()) {
				return key.public(), nil
			}
		}
	}
	return nil, errUnknownKey
}

var errUnknownKey = errors.New("identity: unknown signing key")

// recent returns keys that were read within the given time. A table that was
// found empty is always read again.
func (k *signingKeys) recent(ctx context.Context, within time.Duration) (*keySet, error) {
	isRecent := func(set *keySet) bool {
		return set != nil && len(set.keys) > 0 && k.store.Now().Sub(set.readAt) < within
	}
	if set := k.present.Load(); isRecent(set) {
		return set, nil
	}
	k.loading.Lock()
	defer k.loading.Unlock()
	if set := k.present.Load(); isRecent(set) {
		return set, nil
	}
	set := &keySet{readAt: k.store.Now()}
	err := k.store.Read(k.system(ctx), func(ctx context.Context) (err error) {
		set.keys, err = k.load(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the signing keys: %w", err)
	}
	k.present.Store(set)
	return set, nil
}

func (k *signingKeys) system(ctx context.Context) context.Context {
	return scope.System(ctx, "keys of access tokens")
}

// createFirst makes the first key, once among all replicas.
func (k *signingKeys) createFirst(ctx context.Context) (*keySet, error) {
	return k.change(ctx, func(ctx context.Context, keys []signingKey) error {
		if len(keys) > 0 {
			return nil // another replica was quicker
		}
		return k.insert(ctx)
	})
}

// rotate makes a new key. Those before it are accepted until the tokens that
// they sign have expired; or no longer, where they are withdrawn.
func (k *signingKeys) rotate(ctx context.Context, withdraw bool) (Rotation, error) {
	now := k.store.Now()
	r := Rotation{SignsFrom: now.Add(k.lead), OthersUntil: now.Add(k.lead + k.outlive)}
	if withdraw {
		r.SignsFrom, r.OthersUntil = now, now
	}
	set, err := k.change(ctx, func(ctx context.Context, _ []signingKey) error {
		_, err := store.Exec(ctx, `UPDATE signing_keys SET retired_at = $1 WHERE retired_at IS NULL OR retired_at > $1`, r.OthersUntil)
		if err != nil {
			return err
		}
		return k.insert(ctx)
	})
	if err != nil {
		return Rotation{}, err
	}
	r.KeyID = set.keys[len(set.keys)-1].kid
	return r, nil
}

// change changes the table, one at a time on all replicas, and remembers what
// it holds then.
func (k *signingKeys) change(ctx context.Context, fn func(context.Context, []signingKey) error) (*keySet, error) {
	set := &keySet{readAt: k.store.Now()}
	err := k.store.InTx(k.system(ctx), func(ctx context.Context) error {
		if _, err := store.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(signingLock)); err != nil {
			return err
		}
		before, err := k.load(ctx)
		if err != nil {
			return err
		}
		if err := fn(ctx, before); err != nil {
			return err
		}
		set.keys, err = k.load(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("making a signing key: %w", err)
	}
	k.present.Store(set)
	return set, nil
}

func (k *signingKeys) insert(ctx context.Context) error {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	kid := thumbprint(public)
	sealed := k.keyring.Seal(uuid.Nil, "signing_keys", kid, "private", private.Seed())
	_, err = store.Exec(ctx, `INSERT INTO signing_keys (kid, public, private, created_at) VALUES ($1, $2, $3, $4)`,
		kid, []byte(public), []byte(sealed), k.store.Now())
	return err
}

// load reads the keys that are still accepted. The public half is taken from
// the private one: only who has the master key can bring in a key, writing to
// the table is not enough.
func (k *signingKeys) load(ctx context.Context) (keys []signingKey, err error) {
	rows, err := store.Query(ctx, `SELECT kid, private, created_at, retired_at FROM signing_keys
		WHERE retired_at IS NULL OR retired_at > $1 ORDER BY created_at, retired_at NULLS LAST, kid`, k.store.Now())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var (
			key    signingKey
			sealed []byte
		)
		if err := rows.Scan(&key.kid, &sealed, &key.createdAt, &key.retiredAt); err != nil {
			return nil, err
		}
		seed, err := k.keyring.Open(uuid.Nil, "signing_keys", key.kid, "private", sealed)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", key.kid, err)
		}
		if len(seed) != ed25519.SeedSize {
			return nil, fmt.Errorf("key %s is none", key.kid)
		}
		key.private = ed25519.NewKeyFromSeed(seed)
		keys = append(keys, key)
	}
	return keys, rows.Err()
}

func (k signingKey) public() ed25519.PublicKey { return k.private.Public().(ed25519.PublicKey) }

func (k signingKey) acceptedAt(now time.Time) bool {
	return k.retiredAt == nil || now.Before(*k.retiredAt)
}

// webKey is a public key as RFC 8037 writes it; its members stand in the order
// that RFC 7638 asks for.
type webKey struct {
	Algorithm string `json:"alg,omitempty"`
	Curve     string `json:"crv"`
	ID        string `json:"kid,omitempty"`
	Type      string `json:"kty"`
	Use       string `json:"use,omitempty"`
	X         string `json:"x"`
}

func newWebKey(public ed25519.PublicKey) webKey {
	return webKey{Curve: "Ed25519", Type: "OKP", X: base64.RawURLEncoding.EncodeToString(public)}
}

// thumbprint names a key by what it is (RFC 7638).
func thumbprint(public ed25519.PublicKey) string {
	canonical, err := json.Marshal(newWebKey(public))
	if err != nil {
		panic("identity: writing a key: " + err.Error()) // it is six strings
	}
	sum := sha256.Sum256(canonical)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Sealed is where the private halves of signing keys are kept.
var Sealed = store.SealedColumn{Table: "signing_keys", Column: "private", ID: "kid"}

// JWKS returns the public keys by which others can check access tokens
// (RFC 7517). A new key stands there for a while before it signs.
func (s *Service) JWKS(ctx context.Context) ([]byte, error) {
	usable, err := s.signing.usable(ctx)
	if err != nil {
		return nil, err
	}
	var set struct {
		Keys []webKey `json:"keys"`
	}
	for _, key := range usable {
		w := newWebKey(key.public())
		w.ID, w.Algorithm, w.Use = key.kid, algorithm, "sig"
		set.Keys = append(set.Keys, w)
	}
	return json.Marshal(set)
}

// Rotation is what became of the signing keys.
type Rotation struct {
	// KeyID names the new key in tokens and in the JWKS.
	KeyID string
	// SignsFrom is when it begins to sign, OthersUntil when the keys before it
	// end.
	SignsFrom, OthersUntil time.Time
}

// Rotate makes a new signing key. It is published at once and signs after the
// lead; the keys before it are accepted as long as tokens of theirs may be.
func (s *Service) Rotate(ctx context.Context) (Rotation, error) { return s.signing.rotate(ctx, false) }

// Withdraw makes a new signing key in the place of those that there are: for
// keys that somebody else may have. All access tokens end; sessions stay, and
// are refreshed. Other replicas learn of it within five minutes.
func (s *Service) Withdraw(ctx context.Context) (Rotation, error) { return s.signing.rotate(ctx, true) }
