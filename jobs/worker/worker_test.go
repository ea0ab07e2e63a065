package worker_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/clock"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/idempotency"
	"github.com/trellishq/trellis/internal/testkit"
	"github.com/trellishq/trellis/jobs"
	"github.com/trellishq/trellis/jobs/worker"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// Keys that can be replayed no more go, also when they are many; younger ones
// stay.
func TestExpiredIdempotencyKeysAreSwept(t *testing.T) {
	t.Parallel()
	now := clock.NewManual(testkit.Start)
	database := testkit.NewDatabase(t)
	s := testkit.Open(t, database, now)
	owner := database.Owner(t)
	keep := func(prefix string, n int, age time.Duration) {
		t.Helper()
		_, err := owner.ExecContext(t.Context(), `
			INSERT INTO idempotency_keys (tenant_id, principal, method, route, key, fingerprint, response, created_at)
			SELECT $1, 'p', 'POST', '/r', $2 || i, '', '', $3 FROM generate_series(1, $4) i`,
			id.New(), prefix, now.Now().Add(-age), n)
		if err != nil {
			t.Fatal(err)
		}
	}
	count := func(where string) int {
		t.Helper()
		var n int
		if err := owner.QueryRowContext(context.Background(), `SELECT count(*) FROM idempotency_keys WHERE `+where).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	keep("old", 2500, idempotency.KeepFor+time.Second)
	keep("young", 30, idempotency.KeepFor-time.Second)
	keep("edge", 5, idempotency.KeepFor)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		worker.Sweep(ctx, s, slog.New(slog.NewTextHandler(io.Discard, nil)))
	}()
	for end := time.Now().Add(20 * time.Second); count(`key LIKE 'old%'`) > 0; time.Sleep(5 * time.Millisecond) { //nolint:forbidigo // this is the bounded wait
		if time.Now().After(end) {
			t.Fatal("expired keys stay")
		}
	}
	cancel()
	<-ended
	if n := count(`key LIKE 'young%'`); n != 30 {
		t.Errorf("%d of 30 young keys are left", n)
	}
	if n := count(`key LIKE 'edge%'`); n != 5 {
		t.Errorf("%d of 5 keys are left that end just now", n)
	}
}

// The task of a tenant that is no more does nothing: its services are not even
// asked. What else goes wrong is told.
func TestTheTaskOfAVanishedTenantIsDropped(t *testing.T) {
	t.Parallel()
	s := testkit.OpenStore(t, clock.NewManual(testkit.Start))
	tree := tenants.New(s, events.New(s))
	handlers := worker.Handlers(worker.Config{ScopeOf: func(ctx context.Context, tenantID uuid.UUID) (scope.Scope, bool, error) {
		sc, err := tree.ScopeFor(ctx, tenantID, scope.Actor{Kind: scope.ActorSystem})
		return sc, false, err
	}})
	broken := errors.New("the database is away")
	breaking := worker.Handlers(worker.Config{ScopeOf: func(context.Context, uuid.UUID) (scope.Scope, bool, error) {
		return scope.Scope{}, false, broken
	}})
	for _, kind := range jobs.Kinds() {
		task := jobs.Task{Kind: kind, TenantID: id.New(), ID: id.New()}
		if handlers[kind] == nil {
			t.Fatalf("nobody handles %s", kind)
		}
		if err := handlers[kind](t.Context(), task); err != nil {
			t.Errorf("%s of a tenant that is no more: %v", kind, err)
		}
		if err := breaking[kind](t.Context(), task); !errors.Is(err, broken) {
			t.Errorf("%s with a failing lookup of its tenant: %v", kind, err)
		}
	}
}
