package store_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/clock"
	"github.com/trellishq/trellis/internal/secret"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/internal/testkit"
	"github.com/trellishq/trellis/tenants/scope"
)

func TestResealTakesUpWhereItWasInterrupted(t *testing.T) {
	t.Parallel()
	d := testkit.NewDatabase(t)
	s := testkit.Open(t, d, clock.System{})
	owner := d.Owner(t)
	old, fresh := newKey(t, "old"), newKey(t, "new")
	before, after := keyring(t, old), keyring(t, fresh, old)
	column := store.SealedColumn{Table: "signing_keys", Column: "private", ID: "kid"}
	const rows = 450 // more than two batches
	for range rows {
		kid := uuid.NewString()
		sealed := before.Seal(uuid.Nil, "signing_keys", kid, "private", []byte(kid))
		if _, err := owner.Exec(`INSERT INTO signing_keys (kid, public, private, created_at) VALUES ($1, '', $2, now())`, kid, []byte(sealed)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(scope.System(context.Background(), "test"))
	cancel()
	if _, err := s.Reseal(ctx, after, column); err == nil {
		t.Error("a canceled context did not interrupt it")
	}
	ctx = scope.System(context.Background(), "test")
	if n, err := s.Reseal(ctx, after, column); err != nil || n != rows {
		t.Fatalf("resealed %d, %v", n, err)
	}
	if n, err := s.Reseal(ctx, after, column); err != nil || n != 0 {
		t.Errorf("the second run resealed %d, %v", n, err)
	}
	var left int
	if err := owner.QueryRow(`SELECT count(*) FROM signing_keys WHERE substr(private, 1, $2) = $1`,
		secret.Prefix("old"), len(secret.Prefix("old"))).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d rows still have the old key, %v", left, err)
	}
	var kid string
	var sealed []byte
	if err := owner.QueryRow(`SELECT kid, private FROM signing_keys LIMIT 1`).Scan(&kid, &sealed); err != nil {
		t.Fatal(err)
	}
	plain, err := keyring(t, fresh).Open(uuid.Nil, "signing_keys", kid, "private", sealed)
	if err != nil || !bytes.Equal(plain, []byte(kid)) {
		t.Errorf("opened %q, %v", plain, err)
	}
}

func newKey(t *testing.T, id string) secret.Key {
	t.Helper()
	key, err := secret.NewKey(id)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func keyring(t *testing.T, keys ...secret.Key) *secret.Keyring {
	t.Helper()
	k, err := secret.NewKeyring(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
