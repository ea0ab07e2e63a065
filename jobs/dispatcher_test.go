package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/hibiken/asynq"

	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/jobs"
	"github.com/trellishq/trellis/tenants/scope"
)

// seen notes what a handler was given.
type seen struct {
	mu    sync.Mutex
	tasks []jobs.Task
}

func (s *seen) note(_ context.Context, t jobs.Task) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tasks = append(s.tasks, t)
	return nil
}

func (s *seen) all() []jobs.Task {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.tasks)
}

func (s *seen) rows() int {
	rows := map[uuid.UUID]bool{}
	for _, t := range s.all() {
		rows[t.ID] = true
	}
	return len(rows)
}

func serve(t testing.TB, r redisServer, handlers map[jobs.Kind]jobs.Handler, observe func(jobs.Kind, time.Duration, bool)) {
	t.Helper()
	server, err := jobs.NewServer(jobs.ServerConfig{
		RedisURL: r.url, Workers: 16, Shutdown: 2 * time.Second, Log: quiet(), Observe: observe,
	}, handlers)
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
}

// A flush loses the tasks that wait. Their rows are handed out again when the
// lease ends, and not before.
func TestALostTaskIsHandedOutAgain(t *testing.T) {
	t.Parallel()
	forBothRedis(t, func(t *testing.T, r redisServer) {
		s := newSetup(t)
		q := openQueues(t, r)
		s.messages(id.New(), 5, 0)
		running(t, jobs.NewDispatcher(s.store, q, 8, quiet()).Run)
		handedOut := func() int {
			return s.count(`SELECT count(*) FROM messages WHERE due_at = $1`, s.clock.Now().Add(jobs.Lease))
		}
		waiting := func() int {
			n, err := q.Redis().LLen(t.Context(), "asynq:{critical}:pending").Result()
			if err != nil {
				t.Fatal(err)
			}
			return int(n)
		}
		eventually(t, "all rows are handed out", func() bool { return handedOut() == 5 && waiting() == 5 })
		r.flush()
		var got seen
		serve(t, r, map[jobs.Kind]jobs.Handler{jobs.Messages: got.note}, nil)
		time.Sleep(600 * time.Millisecond) //nolint:forbidigo // two looks of the dispatcher: that nothing comes has no signal
		if n := len(got.all()); n != 0 {
			t.Errorf("%d tasks came although they were lost and the lease runs", n)
		}
		s.clock.Advance(jobs.Lease)
		within(t, 2*time.Second, "all lost rows come", func() bool { return got.rows() == 5 })
	})
}

// Redis dies between the claim and the task: the rows are due again at once.
func TestRowsThatRedisDidNotTakeAreReleased(t *testing.T) {
	t.Parallel()
	r := realRedis(t)
	s := newSetup(t)
	q := openQueues(t, r)
	s.messages(id.New(), 5, 0)
	d := jobs.NewDispatcher(s.store, q, 8, quiet())
	r.stop()
	if _, err := d.Round(t.Context(), 10); err == nil {
		t.Fatal("handing out succeeded without Redis")
	}
	if n := s.count(`SELECT count(*) FROM messages WHERE due_at <= $1`, s.clock.Now()); n != 5 {
		t.Errorf("%d of 5 rows are due again", n)
	}
	// The clock stands still: only a release makes them due.
	var got seen
	running(t, d.Run)
	r.restart()
	back := time.Now()
	serve(t, r, map[jobs.Kind]jobs.Handler{jobs.Messages: got.note}, nil)
	within(t, 2*time.Second, "all rows come after Redis is back", func() bool { return got.rows() == 5 })
	t.Logf("handed out %s after Redis was back", time.Since(back).Round(time.Millisecond))
}

// A row that somebody has moved since is not touched by a release.
func TestAReleaseRespectsWhatHappenedSince(t *testing.T) {
	t.Parallel()
	r := realRedis(t)
	s := newSetup(t)
	q := openQueues(t, r)
	s.messages(id.New(), 1, 0)
	r.stop()
	later := s.clock.Now().Add(45 * time.Second)
	done := make(chan struct{})
	// The dispatcher is slow to notice; meanwhile the row gets its own plans.
	go func() {
		defer close(done)
		for s.count(`SELECT count(*) FROM messages WHERE due_at = $1`, s.clock.Now().Add(jobs.Lease)) == 0 {
			select {
			case <-t.Context().Done():
				return
			default:
			}
		}
		if _, err := s.owner.ExecContext(context.Background(), `UPDATE messages SET due_at = $1`, later); err != nil {
			t.Error(err)
		}
	}()
	_, err := jobs.NewDispatcher(s.store, q, 8, quiet()).Round(t.Context(), 10)
	if err == nil {
		t.Fatal("handing out succeeded without Redis")
	}
	<-done
	if n := s.count(`SELECT count(*) FROM messages WHERE due_at = $1`, later); n != 1 {
		t.Error("the release moved a row that had been moved since")
	}
}

// A task that cannot be read, or that panics, ends nothing and is not repeated.
func TestBadTasksAreDropped(t *testing.T) {
	t.Parallel()
	forBothRedis(t, func(t *testing.T, r redisServer) {
		q := openQueues(t, r)
		opt, err := asynq.ParseRedisURI(r.url)
		if err != nil {
			t.Fatal(err)
		}
		raw := asynq.NewClient(opt)
		t.Cleanup(func() { _ = raw.Close() })
		for _, payload := range []string{"", "no JSON", `{"kind":"messages"}`, `{"kind":"rm -rf","id":"x"}`, "\x00\xff"} {
			if _, err := raw.Enqueue(asynq.NewTask("messages", []byte(payload)), asynq.Queue("critical"), asynq.MaxRetry(3)); err != nil {
				t.Fatal(err)
			}
		}
		var got seen
		var mu sync.Mutex
		outcomes := map[bool]int{}
		serve(t, r, map[jobs.Kind]jobs.Handler{
			jobs.Messages:       got.note,
			jobs.ProviderEvents: func(context.Context, jobs.Task) error { panic("a handler's mistake") },
			jobs.Attachments:    func(context.Context, jobs.Task) error { return errors.New("a handler's failure") },
		}, func(_ jobs.Kind, _ time.Duration, failed bool) {
			mu.Lock()
			defer mu.Unlock()
			outcomes[failed]++
		})
		for _, kind := range []jobs.Kind{jobs.ProviderEvents, jobs.Attachments, jobs.Channels, jobs.Messages} {
			task := newTask()
			task.Kind = kind
			if err := q.Put(t.Context(), task); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "all tasks end", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return outcomes[false] == 1 && outcomes[true] == 3
		})
		if n := len(got.all()); n != 1 {
			t.Errorf("the handler was called %d times", n)
		}
		for _, set := range []string{"retry", "archived"} {
			for _, queue := range []string{"critical", "default"} {
				n, err := q.Redis().ZCard(t.Context(), "asynq:{"+queue+"}:"+set).Result()
				if err != nil || n != 0 {
					t.Errorf("asynq keeps %d tasks of %s as %s: %v", n, queue, set, err)
				}
			}
		}
	})
}

// The same task twice is one; the same row in two tasks is work for one.
func TestADoubledTaskIsHarmless(t *testing.T) {
	t.Parallel()
	forBothRedis(t, func(t *testing.T, r redisServer) {
		s := newSetup(t)
		q := openQueues(t, r)
		tenant := id.New()
		s.messages(tenant, 1, 0)
		task := s.claim(jobs.NewClaimer(s.store), 1)[0]
		again := task
		again.Round++
		for range 3 {
			for _, t2 := range []jobs.Task{task, again} {
				if err := q.Put(t.Context(), t2); err != nil {
					t.Fatal(err)
				}
			}
		}
		var got seen
		var mu sync.Mutex
		won := 0
		serve(t, r, map[jobs.Kind]jobs.Handler{jobs.Messages: func(ctx context.Context, task jobs.Task) error {
			_ = got.note(ctx, task)
			return s.store.InTx(inTenant(ctx, task), func(ctx context.Context) error {
				result, err := store.Exec(ctx, `UPDATE messages SET status = 'submitting' WHERE id = $1 AND status = 'queued'`, task.ID)
				if err != nil {
					return err
				}
				n, err := result.RowsAffected()
				mu.Lock()
				defer mu.Unlock()
				won += int(n)
				return err
			})
		}}, nil)
		eventually(t, "both tasks were handled", func() bool { return len(got.all()) >= 2 })
		time.Sleep(200 * time.Millisecond) //nolint:forbidigo // that nothing more comes has no signal
		mu.Lock()
		defer mu.Unlock()
		if n := len(got.all()); n != 2 || won != 1 {
			t.Errorf("two tasks, each put three times, ran %d times, and %d won the row", n, won)
		}
	})
}

// A thousand hints in a moment become a few; none blocks, with or without Redis.
func TestHintsCoalesce(t *testing.T) {
	t.Parallel()
	forBothRedis(t, func(t *testing.T, r redisServer) {
		q := openQueues(t, r)
		w := jobs.NewWaker()
		for range 1000 {
			w.Wake() // nobody passes them on yet
		}
		pubsub := q.Redis().Subscribe(t.Context(), "trellis:wake")
		t.Cleanup(func() { _ = pubsub.Close() })
		if _, err := pubsub.Receive(t.Context()); err != nil {
			t.Fatal(err)
		}
		hints := pubsub.Channel()
		running(t, func(ctx context.Context) { w.Run(ctx, q) })
		<-hints
		started := time.Now()
		for range 1000 {
			w.Wake()
		}
		<-hints
		heard := 1
		for quiet := false; !quiet; {
			select {
			case <-hints:
				heard++
			case <-time.After(100 * time.Millisecond):
				quiet = true
			}
		}
		if most := 2 + int(time.Since(started)/(5*time.Millisecond)); heard > most {
			t.Errorf("%d hints were published in %s", heard, time.Since(started))
		}
		r.stop()
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 1000 {
				w.Wake()
			}
		}()
		select {
		case <-done:
		case <-time.After(time.Second):
			t.Error("a hint blocks while Redis is away")
		}
	})
}

// Two thousand rows of many tenants pass through quickly, and each once.
func TestADispatcherDrainsQuickly(t *testing.T) {
	t.Parallel()
	forBothRedis(t, func(t *testing.T, r redisServer) {
		s := newSetup(t)
		q := openQueues(t, r)
		const total = 2000
		for range 40 {
			s.events(id.New(), total/40)
		}
		var got seen
		serve(t, r, map[jobs.Kind]jobs.Handler{jobs.ProviderEvents: got.note}, nil)
		started := time.Now()
		running(t, jobs.NewDispatcher(s.store, q, 16, quiet()).Run)
		within(t, 15*time.Second, fmt.Sprintf("%d rows pass", total), func() bool { return got.rows() == total })
		took := time.Since(started)
		t.Logf("%d rows in %s: %.0f a second", total, took.Round(time.Millisecond), total/took.Seconds())
		if n := len(got.all()); n != total {
			t.Errorf("%d rows were handled %d times", total, n)
		}
	})
}

// inTenant is the scope that a handler works in.
func inTenant(ctx context.Context, t jobs.Task) context.Context {
	return scope.With(ctx, scope.Scope{
		TenantID: t.TenantID, Path: "/" + t.TenantID.String() + "/", Actor: scope.Actor{Kind: scope.ActorSystem},
	})
}
