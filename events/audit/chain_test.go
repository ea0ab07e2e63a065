package audit_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/events/audit"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/internal/testkit"
	"github.com/trellishq/trellis/tenants/scope"
)

func TestEveryTenantHasAChainOfItsOwnWithoutGaps(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.happen(t, w.customer, 7)
	w.happen(t, w.other, 3)
	w.drain(t)
	w.happen(t, w.customer, 5)
	w.drain(t)
	w.drain(t) // nothing waits: nothing changes
	var wrong int
	err := w.owner.QueryRow(`
		SELECT count(*) FROM (SELECT seq, row_number() OVER (PARTITION BY tenant_id ORDER BY seq) AS n FROM audit_chain) c
		WHERE seq <> n`).Scan(&wrong)
	if err != nil || wrong > 0 {
		t.Errorf("%d numbers are not dense (%v)", wrong, err)
	}
	r := w.verify(t, uuid.Nil)
	// That they were made stands in the log of those who made them.
	if len(r.Breaks) > 0 || r.Entries != 12+3+4 || r.Tenants != 4 || len(r.Anchors) != 4 {
		t.Errorf("%+v", r)
	}
	entries, err := w.trail.List(in(t.Context(), w.customer), audit.Filter{Limit: 100})
	if err != nil || len(entries) != 12 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	for _, e := range entries {
		if e.Seq == 0 || len(e.Hash) != 32 {
			t.Errorf("%s has the number %d", e.ID, e.Seq)
		}
	}
}

// Several replicas number at the same time, while others write.
func TestReplicasTakeTurns(t *testing.T) {
	t.Parallel()
	w := setup(t)
	var wg sync.WaitGroup
	for range 3 {
		other := audit.NewChain(audit.New(testkit.Open(t, w.database, w.clock)), keys)
		wg.Go(func() {
			for range 20 {
				if err := other.Drain(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	w.happen(t, w.customer, 40)
	wg.Wait()
	w.drain(t)
	if r := w.verify(t, uuid.Nil); len(r.Breaks) > 0 || r.Entries != 44 {
		t.Errorf("%+v", r)
	}
}

// A transaction that commits late is numbered late, and not passed over.
func TestALateCommitIsNotLost(t *testing.T) {
	t.Parallel()
	w := setup(t)
	began, finish, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		done <- w.store.InTx(in(t.Context(), w.customer), func(ctx context.Context) error {
			err := w.log.Publish(ctx, "channel.created", "channel", uuid.New(), nil)
			close(began)
			<-finish
			return err
		})
	}()
	<-began
	w.happen(t, w.customer, 2)
	w.drain(t)
	close(finish)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	w.drain(t)
	entries, err := w.trail.List(in(t.Context(), w.customer), audit.Filter{Action: "channel.created", Limit: 2})
	if err != nil || len(entries) != 1 || entries[0].Seq != 3 {
		t.Errorf("%+v, %v", entries, err)
	}
}

// Whoever owns the database can do everything, and is found out.
func TestTamperingIsFound(t *testing.T) {
	t.Parallel()
	const tenth = "(SELECT entry_id FROM audit_chain WHERE tenant_id = $1 AND seq = 10)"
	for name, c := range map[string]struct {
		does  []string
		finds string
	}{
		"an entry is changed":          {[]string{"UPDATE audit_entries SET actor_name = 'Mallory' WHERE id = " + tenth}, "entry 10: was changed"},
		"what changed is changed":      {[]string{"UPDATE audit_entries SET changes = '[]' WHERE id = " + tenth}, "entry 10: was changed"},
		"a time is changed":            {[]string{"UPDATE audit_entries SET created_at = created_at - interval '1 microsecond' WHERE id = " + tenth}, "entry 10: was changed"},
		"somebody else did it":         {[]string{"UPDATE audit_entries SET user_id = NULL WHERE id = " + tenth}, "entry 10: was changed"},
		"an entry is deleted":          {[]string{"DELETE FROM audit_entries WHERE id = " + tenth}, "entry 10: was deleted"},
		"it is deleted with its place": {[]string{"DELETE FROM audit_entries WHERE id = " + tenth, "DELETE FROM audit_chain WHERE tenant_id = $1 AND seq = 10"}, "entry 10: is missing"},
		"the gap is closed": {[]string{
			"DELETE FROM audit_entries WHERE id = " + tenth, "DELETE FROM audit_chain WHERE tenant_id = $1 AND seq = 10",
			"UPDATE audit_chain SET seq = -seq WHERE tenant_id = $1 AND seq > 10", "UPDATE audit_chain SET seq = -seq - 1 WHERE tenant_id = $1 AND seq < 0",
		}, "entry 10: was changed"},
		"two entries change places": {[]string{
			"UPDATE audit_chain SET seq = -9 WHERE tenant_id = $1 AND seq = 9", "UPDATE audit_chain SET seq = 9 WHERE tenant_id = $1 AND seq = 10",
			"UPDATE audit_chain SET seq = 10 WHERE tenant_id = $1 AND seq = -9",
		}, "entry 9: was changed"},
		"the end is cut off": {[]string{
			"DELETE FROM audit_entries e USING audit_chain c WHERE c.entry_id = e.id AND c.tenant_id = $1 AND c.seq > 15",
			"DELETE FROM audit_chain WHERE tenant_id = $1 AND seq > 15",
		}, "entry 16: and all behind it is gone"},
		"the end is cut off and the head with it": {[]string{
			"DELETE FROM audit_entries e USING audit_chain c WHERE c.entry_id = e.id AND c.tenant_id = $1 AND c.seq > 15",
			"DELETE FROM audit_chain WHERE tenant_id = $1 AND seq > 15",
			"UPDATE audit_heads h SET seq = 15, hash = c.hash FROM audit_chain c WHERE c.tenant_id = h.tenant_id AND c.seq = 15 AND h.tenant_id = $1",
		}, "was not signed"},
		"the head is taken away": {[]string{"DELETE FROM audit_heads WHERE tenant_id = $1"}, "was not signed"},
		"the whole log is taken away": {[]string{
			"DELETE FROM audit_entries WHERE tenant_id = $1", "DELETE FROM audit_chain WHERE tenant_id = $1", "DELETE FROM audit_heads WHERE tenant_id = $1",
		}, "entries were numbered"},
		"an entry is put in beside the chain": {[]string{
			"INSERT INTO audit_entries SELECT gen_random_uuid(), tenant_id, action, object_kind, object_id, actor_kind, actor_id, actor_name, user_id, actor_home, act_as_id, address, request_id, details, changes, created_at - interval '1 day' FROM audit_entries WHERE id = " + tenth,
		}, "1 entries were put in beside the chain"},
		"an entry goes to another tenant": {[]string{
			"UPDATE audit_entries SET tenant_id = (SELECT id FROM tenants WHERE name = 'Other') WHERE id = " + tenth,
		}, "entry 10: was deleted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			w.tamper(t, "ALTER TABLE audit_chain DROP CONSTRAINT audit_chain_seq_check")
			w.happen(t, w.customer, 20)
			w.drain(t)
			if r := w.verify(t, uuid.Nil); len(r.Breaks) > 0 {
				t.Fatalf("broken before: %+v", r)
			}
			for _, statement := range c.does {
				w.tamper(t, strings.ReplaceAll(statement, "$1", "'"+w.customer.ID.String()+"'"))
			}
			r := w.verify(t, uuid.Nil)
			if !strings.Contains(fmt.Sprint(r.Breaks), c.finds) {
				t.Errorf("got %v, want %q", r.Breaks, c.finds)
			}
		})
	}
}

// A chain made anew from the altered place on has no break in itself. Its head
// cannot be signed without the key.
func TestAChainMadeAnewIsFound(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.happen(t, w.customer, 5)
	w.drain(t)
	noted := w.verify(t, w.customer.ID).Anchors
	w.tamper(t, "UPDATE audit_entries SET actor_name = 'Mallory' WHERE tenant_id = $1", w.customer.ID)
	w.tamper(t, "INSERT INTO audit_pending SELECT entry_id, tenant_id, chained_at FROM audit_chain WHERE tenant_id = $1", w.customer.ID)
	w.tamper(t, "DELETE FROM audit_chain WHERE tenant_id = $1", w.customer.ID)
	w.tamper(t, "DELETE FROM audit_heads WHERE tenant_id = $1", w.customer.ID)
	forger := audit.NewChain(w.trail, [][]byte{[]byte("a key of the forger's own making")})
	_ = forger.Drain(t.Context()) // the count of all is not his to sign
	w.tamper(t, "DELETE FROM audit_heads WHERE tenant_id = '00000000-0000-0000-0000-000000000000'")
	w.tamper(t, "DELETE FROM audit_chain WHERE tenant_id <> $1", w.customer.ID)
	if err := forger.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r := w.verify(t, w.customer.ID); len(r.Breaks) != 1 || !strings.Contains(r.Breaks[0].Reason, "not signed") {
		t.Errorf("%+v", r)
	}
	// Who has even the key cannot change what was noted down elsewhere.
	thief := audit.NewChain(w.trail, [][]byte{[]byte("a key of the forger's own making")})
	r, err := thief.Verify(t.Context(), w.customer.ID, noted)
	if err != nil || len(r.Breaks) != 1 || !strings.Contains(r.Breaks[0].Reason, "noted down") {
		t.Errorf("%+v, %v", r, err)
	}
}

// The relay does not sign what it has not made: it would hide the break.
func TestTheRelayStopsAtABreakAndGoesOnElsewhere(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.happen(t, w.customer, 3)
	w.drain(t)
	w.tamper(t, "UPDATE audit_heads SET seq = 2 WHERE tenant_id = $1", w.customer.ID)
	w.happen(t, w.customer, 1)
	w.happen(t, w.other, 1)
	if err := w.Drain(t.Context()); err == nil || !strings.Contains(err.Error(), w.customer.ID.String()) {
		t.Errorf("got %v", err)
	}
	if r := w.verify(t, w.other.ID); len(r.Breaks) > 0 || r.Entries != 1 {
		t.Errorf("the other: %+v", r)
	}
	if r := w.verify(t, w.customer.ID); len(r.Breaks) != 1 {
		t.Errorf("the broken one: %+v", r)
	}
}

func TestHeadsMoveToANewKey(t *testing.T) {
	t.Parallel()
	w := setup(t)
	before := audit.NewChain(w.trail, keys[1:])
	if err := before.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := w.Resign(t.Context()); n != 3 || err != nil {
		t.Errorf("%d heads were signed anew, want 2 tenants' and the count (%v)", n, err)
	}
	if n, err := w.Resign(t.Context()); n != 0 || err != nil {
		t.Errorf("%d heads were signed once more (%v)", n, err)
	}
	after := audit.NewChain(w.trail, keys[:1])
	if r, err := after.Verify(t.Context(), uuid.Nil, nil); err != nil || len(r.Breaks) > 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// Covers D3: the roles that the servers log in as cannot change what they wrote.
func TestNoRoleRewritesTheLog(t *testing.T) {
	t.Parallel()
	w := setup(t)
	w.happen(t, w.customer, 1)
	w.drain(t)
	for role, ctx := range map[string]context.Context{
		"app": in(t.Context(), w.customer), "system": scope.System(t.Context(), "a test"),
	} {
		for _, statement := range []string{
			"UPDATE audit_entries SET actor_name = 'Mallory'", "DELETE FROM audit_entries", "TRUNCATE audit_entries",
			"UPDATE audit_chain SET hash = hash", "UPDATE audit_chain SET seq = seq", "DELETE FROM audit_chain", "TRUNCATE audit_chain",
			"DELETE FROM audit_heads", "TRUNCATE audit_heads", "TRUNCATE audit_pending",
		} {
			err := w.store.InTx(ctx, func(ctx context.Context) error { _, err := store.Exec(ctx, statement); return err })
			if err == nil || !strings.Contains(err.Error(), "permission denied") && !strings.Contains(err.Error(), "must be owner") {
				t.Errorf("%s as %s: got %v", statement, role, err)
			}
		}
	}
}

func TestRunNumbersWhatIsWritten(t *testing.T) {
	t.Parallel()
	w := setup(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { w.Run(ctx, quiet()); close(ended) }()
	w.happen(t, w.customer, 1)
	deadline := time.Now().Add(10 * time.Second)
	for {
		entries, err := w.trail.List(in(t.Context(), w.customer), audit.Filter{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if entries[0].Seq > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the entry has no number after 10 s")
		}
	}
	stop()
	<-ended
}
