package tenants_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
)

func (b *bundle) allow(t *testing.T, at tenants.Tenant, c tenants.AllowanceChange) {
	t.Helper()
	if _, err := b.SetAllowance(in(t.Context(), at), at.ID, c, nil); err != nil {
		t.Fatal(err)
	}
}

func limitOf(quota tenants.Quota, n int64) tenants.AllowanceChange {
	return tenants.AllowanceChange{Limits: []tenants.Limit{{Quota: quota, Value: &n}}}
}

// What is taken from a reseller is gone from its branch at once where it was
// taken, and within a second on every other replica; also for work that runs
// inside a transaction.
func TestWhatIsTakenIsGoneWithinASecond(t *testing.T) {
	t.Parallel()
	b := setup(t)
	replica := tenants.New(b.store, b.log)
	has := func(s *tenants.Service) bool {
		t.Helper()
		var err error
		if inTx := b.store.InTx(in(t.Context(), b.deep), func(ctx context.Context) error {
			err = s.Require(ctx, authz.API)
			return nil
		}); inTx != nil {
			t.Fatal(inTx)
		}
		if err != nil && !fault.Is(err, fault.CodeNotEntitled) {
			t.Fatal(err)
		}
		return err == nil
	}
	set := func(on bool) {
		t.Helper()
		b.allow(t, b.l1, tenants.AllowanceChange{Entitlements: map[authz.Entitlement]bool{authz.API: on}})
	}
	if !has(b.Service) || !has(replica) {
		t.Fatal("a new tenant has no API")
	}
	set(false)
	if has(b.Service) {
		t.Error("it is there where it was taken")
	}
	if !has(replica) {
		t.Error("the replica does not remember")
	}
	b.clock.Advance(time.Second)
	if has(replica) {
		t.Error("the replica has it after a second")
	}
	set(true)
	b.clock.Advance(time.Second)
	if !has(b.Service) || !has(replica) {
		t.Error("it did not come back")
	}
}

// Two replicas share one counter, and a transaction that is rolled back has
// spent nothing.
func TestReplicasShareACounter(t *testing.T) {
	t.Parallel()
	b := setup(t)
	replicas := []*tenants.Service{b.Service, tenants.New(b.store, b.log)}
	b.allow(t, b.deep, limitOf(tenants.MessagesPerMonth, 25))
	spend := func(s *tenants.Service, segments int, then error) error {
		return b.store.InTx(in(t.Context(), b.deep), func(ctx context.Context) error {
			if err := s.SpendMessages(ctx, segments); err != nil {
				return err
			}
			return then
		})
	}
	if err := spend(b.Service, 20, errTurnedBack); !errors.Is(err, errTurnedBack) {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	refusals := make([]error, 30)
	for i := range refusals {
		group.Go(func() { refusals[i] = spend(replicas[i%2], 2, nil) })
	}
	group.Wait()
	spent := 0
	for _, err := range refusals {
		if err == nil {
			spent += 2
		} else {
			wantCode(t, err, fault.CodeQuotaExceeded)
		}
	}
	u, err := b.Usage(in(t.Context(), b.l1), b.deep.ID)
	if err != nil || spent != 24 || *u.Quotas[tenants.MessagesPerMonth].Used != 24 {
		t.Errorf("%d segments were spent, the usage is %+v, %v", spent, u, err)
	}
	// What is given back can be spent, and never becomes less than nothing.
	for range 2 {
		err = b.store.InTx(in(t.Context(), b.deep), func(ctx context.Context) error {
			return b.GiveBackMessages(ctx, b.clock.Now(), 20)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := spend(b.Service, 25, nil); err != nil {
		t.Error(err)
	}
	wantCode(t, spend(b.Service, 1, nil), fault.CodeQuotaExceeded)
}

var errTurnedBack = errors.New("turned back")

// A part of a transaction that fails leaves nothing behind, and the rest stands.
func TestAPartThatFailsSpendsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.allow(t, b.deep, limitOf(tenants.MessagesPerMonth, 10))
	err := b.store.InTx(in(t.Context(), b.deep), func(ctx context.Context) error {
		if err := b.SpendMessages(ctx, 3); err != nil {
			return err
		}
		failed := store.Try(ctx, func() error {
			return errors.Join(b.SpendMessages(ctx, 4), errTurnedBack)
		})
		if !errors.Is(failed, errTurnedBack) {
			t.Errorf("the part ended with %v", failed)
		}
		return store.Try(ctx, func() error { return b.SpendMessages(ctx, 2) })
	})
	if err != nil {
		t.Fatal(err)
	}
	u, err := b.Usage(in(t.Context(), b.deep), b.deep.ID)
	if err != nil || *u.Quotas[tenants.MessagesPerMonth].Used != 5 {
		t.Errorf("the usage is %+v, %v", u, err)
	}
	if err := store.Try(t.Context(), func() error { return nil }); err == nil {
		t.Error("a part of no transaction was let through")
	}
}
