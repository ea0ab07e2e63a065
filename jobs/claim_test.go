package jobs_test

import (
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/testkit"
	"github.com/trellishq/trellis/jobs"
)

// One tenant has ten thousand rows, fifty have two each: the quiet ones are
// served in the first rounds, wherever they stand beside the noisy one.
func TestQuietTenantsAreServedSoon(t *testing.T) {
	t.Parallel()
	for _, place := range []string{"first", "last"} {
		t.Run("the noisy tenant comes "+place, func(t *testing.T) {
			t.Parallel()
			s := newSetup(t)
			noisy := uuid.MustParse("00000000-0000-7000-8000-000000000000")
			if place == "last" {
				noisy = uuid.MustParse("ffffffff-0000-7000-8000-000000000000")
			}
			s.messages(noisy, 10_000, 0)
			for range 50 {
				s.messages(id.New(), 2, 0)
			}
			c := jobs.NewClaimer(s.store)
			const room = 32
			quiet, loud, rounds := 0, 0, 0
			for ; quiet < 100 && rounds < 10; rounds++ {
				for _, task := range s.claim(c, room) {
					if task.TenantID == noisy {
						loud++
					} else {
						quiet++
					}
				}
			}
			// 100 quiet rows and two turns of the noisy tenant need four rounds.
			if quiet != 100 || rounds > 5 {
				t.Errorf("after %d rounds of %d, %d quiet rows and %d of the noisy tenant are out", rounds, room, quiet, loud)
			}
			if loud == 0 || loud > 3*jobs.PerTenant {
				t.Errorf("the noisy tenant got %d rows in %d rounds", loud, rounds)
			}
			// With nobody else it gets everything.
			if n := len(s.claim(c, room)); n == 0 {
				t.Error("the noisy tenant gets nothing although nobody else has work")
			}
		})
	}
}

// All tenants have plenty: the turns go round, and nobody is ahead by more than
// one turn.
func TestTurnsRotate(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	const tenants = 7
	for range tenants {
		s.messages(id.New(), 100, 0)
	}
	c := jobs.NewClaimer(s.store)
	got := map[uuid.UUID]int{}
	for range 6 * tenants {
		for _, task := range s.claim(c, 2*jobs.PerTenant) {
			got[task.TenantID]++
		}
		least, most := 1<<30, 0
		for _, n := range got {
			least, most = min(least, n), max(most, n)
		}
		if len(got) == tenants && most-least > 2*jobs.PerTenant {
			t.Fatalf("one tenant is %d rows ahead: %v", most-least, got)
		}
	}
	if len(got) != tenants {
		t.Errorf("%d of %d tenants had a turn", len(got), tenants)
	}
	for tenant, n := range got {
		if n < 80 {
			t.Errorf("tenant %s got %d rows", tenant, n)
		}
	}
}

// A round that comes to the last tenant goes on with the first: nothing that is
// due waits for the dispatcher's next look.
func TestARoundGoesOnWithTheFirstTenant(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	first, last := uuid.MustParse("00000000-0000-7000-8000-000000000001"), uuid.MustParse("ffffffff-0000-7000-8000-000000000001")
	s.messages(first, 3*jobs.PerTenant, 0)
	s.messages(last, jobs.PerTenant, 0)
	c := jobs.NewClaimer(s.store)
	for i, want := range []int{2 * jobs.PerTenant, jobs.PerTenant, jobs.PerTenant, 0} {
		if n := len(s.claim(c, 2*jobs.PerTenant)); n != want {
			t.Errorf("claim %d handed out %d rows, want %d", i, n, want)
		}
	}
}

// Several dispatchers never hand out the same row within a lease, and each row
// again after it.
func TestARowIsHandedOutOncePerLease(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	const total = 2000
	for range 20 {
		s.messages(id.New(), total/20, 0)
	}
	for lease := range 2 {
		var mu sync.Mutex
		times := map[uuid.UUID]int{}
		var all sync.WaitGroup
		for range 4 {
			c := jobs.NewClaimer(testkit.Open(t, s.database, s.clock))
			all.Go(func() {
				for empty := 0; empty < 3; { // others may hold the locks just now
					tasks, err := c.Claim(t.Context(), jobs.Messages, 32)
					if err != nil {
						t.Error(err)
						return
					}
					empty++
					if len(tasks) > 0 {
						empty = 0
					}
					mu.Lock()
					for _, task := range tasks {
						times[task.ID]++
					}
					mu.Unlock()
				}
			})
		}
		all.Wait()
		if len(times) != total {
			t.Errorf("in lease %d, %d of %d rows were handed out", lease, len(times), total)
		}
		for row, n := range times {
			if n != 1 {
				t.Errorf("row %s was handed out %d times in lease %d", row, n, lease)
			}
		}
		s.clock.Advance(jobs.Lease - time.Microsecond)
		if tasks := s.claim(jobs.NewClaimer(s.store), 10); len(tasks) != 0 {
			t.Errorf("%d rows were handed out before the lease ended", len(tasks))
		}
		s.clock.Advance(time.Microsecond)
	}
}

// What is not due yet, and what has no due_at, stays where it is.
func TestOnlyWhatIsDueIsHandedOut(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	tenant := id.New()
	s.messages(tenant, 3, time.Second)
	s.messages(tenant, 1, 0)
	c := jobs.NewClaimer(s.store)
	if n := len(s.claim(c, 10)); n != 1 {
		t.Errorf("%d rows were handed out, want 1", n)
	}
	s.clock.Advance(time.Second)
	if n := len(s.claim(c, 10)); n != 3 {
		t.Errorf("%d rows were handed out a second later, want 3", n)
	}
}

// With a hundred thousand messages whose time has not come, handing out reads
// the index of due rows and never the table.
func TestTheClaimUsesTheDueIndex(t *testing.T) {
	t.Parallel()
	s := newSetup(t)
	for range 200 {
		s.messages(id.New(), 500, 15*time.Minute)
	}
	s.messages(id.New(), 50, 0)
	system, err := sql.Open("postgres", s.database.SystemURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = system.Close() })
	for _, statistics := range []bool{false, true} {
		if statistics {
			if _, err := s.owner.ExecContext(t.Context(), `ANALYZE messages`); err != nil {
				t.Fatal(err)
			}
		}
		plan := explain(t, system, s)
		if !strings.Contains(plan, "h_messages_due") || strings.Contains(plan, "Seq Scan on messages") {
			t.Errorf("with statistics %t:\n%s", statistics, plan)
		}
		t.Logf("with statistics %t: %s", statistics, plan[strings.LastIndex(plan, "Execution Time"):])
	}
}

func explain(t *testing.T, system *sql.DB, s *setup) string {
	t.Helper()
	tx, err := system.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	now := s.clock.Now()
	rows, err := tx.QueryContext(t.Context(), "EXPLAIN (ANALYZE, BUFFERS) "+jobs.ClaimStatement(jobs.Messages),
		uuid.Nil, now, now.Add(jobs.Lease), 32, jobs.PerTenant)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var plan strings.Builder
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&plan, line)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan.String()
}
