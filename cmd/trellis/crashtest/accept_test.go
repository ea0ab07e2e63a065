package crashtest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/sim"
)

// unanswered is a request that the crash swallowed.
func (w *world) unanswered(d draft) {
	w.Helper()
	if a := w.post(d); a.err == nil {
		w.Fatalf("the API answered although it was to crash: %s", a)
	}
}

// shape is how the program is run: serve with a worker beside it, or one node
// that does both.
type shape struct {
	start func(extra ...string) *process
	// settle waits for what was accepted so far, where the process that is to die
	// is also the one that sends: this is about acceptance, and a submission that
	// is cut off is C4 and C5.
	settle func(ids []string)
	// work begins to send, where nothing has been sent so far.
	work func()
}

func forBothShapes(t *testing.T, run func(t *testing.T, w *world, as shape)) {
	t.Run("serve and worker", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, 1)
		run(t, w, shape{start: w.serve, settle: func([]string) {}, work: func() { w.worker() }})
	})
	t.Run("one process with its own Redis", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, 1, withBuiltInRedis)
		settle := func(ids []string) { w.await(20*time.Second, ids, "delivered") }
		run(t, w, shape{start: w.node, settle: settle, work: func() {}})
	})
}

// C0: the API dies before COMMIT. The client sees no answer; a retry with the
// same key creates exactly one message.
func TestC0TheAPIDiesBeforeCommit(t *testing.T) {
	t.Parallel()
	forBothShapes(t, func(t *testing.T, w *world, as shape) {
		var ids []string
		var last draft
		// The retry of the one before is the first hit, the crash the second.
		crash := "CRASH_AT=C0"
		counted(func(int) {
			api := as.start(crash)
			if last.key != "" {
				ids = append(ids, w.createdOnce(last, false))
				as.settle(ids)
			}
			last, crash = w.draft(provider.Scopserv), "CRASH_AT=C0#2"
			w.unanswered(last)
			api.awaitCrash(t, 5*time.Second)
			if n := len(w.rows("to_address = $1", last.to)); n != 0 {
				t.Errorf("%d messages were left by a transaction that was not committed", n)
			}
		})
		as.start()
		ids = append(ids, w.createdOnce(last, false))
		as.work()
		w.await(20*time.Second, ids, "delivered")
		w.sound()
	})
}

// C1: the API dies after COMMIT and before it answers. The retry is the replay
// of the answer.
func TestC1TheAPIDiesBeforeItAnswers(t *testing.T) {
	t.Parallel()
	forBothShapes(t, func(t *testing.T, w *world, as shape) {
		var ids []string
		var last draft
		counted(func(int) {
			api := as.start("CRASH_AT=C1")
			if last.key != "" {
				ids = append(ids, w.createdOnce(last, true))
				as.settle(ids)
			}
			last = w.draft(provider.Scopserv)
			w.unanswered(last)
			api.awaitCrash(t, 5*time.Second)
			if n := len(w.rows("to_address = $1", last.to)); n != 1 {
				t.Errorf("%d messages were committed", n)
			}
		})
		as.start()
		ids = append(ids, w.createdOnce(last, true))
		as.work()
		w.await(20*time.Second, ids, "delivered")
		w.sound()
	})
}

// createdOnce repeats a request and demands exactly one message of it.
func (w *world) createdOnce(d draft, replayed bool) string {
	w.Helper()
	a := w.insist(d)
	if a.status != http.StatusCreated {
		w.Fatalf("the retry was answered %s", a)
	}
	if got := a.header.Get("Idempotent-Replayed") == "true"; got != replayed {
		w.Errorf("replayed is %t, want %t", got, replayed)
	}
	if found := w.rows("to_address = $1", d.to); len(found) != 1 || found[0].id != a.body.text("id") {
		w.Errorf("%d messages to %s, and the answer names %s", len(found), d.to, a.body.text("id"))
	}
	return a.body.text("id")
}

// C2: the connection to the database breaks at COMMIT. The API says that it
// does not know, and the same request again finds out.
func TestC2TheOutcomeOfCommitIsUnknown(t *testing.T) {
	t.Parallel()
	for _, reached := range []bool{false, true} {
		t.Run(fmt.Sprintf("the database got it is %t", reached), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			cuttable := newProxy(t, mustHost(installed.postgres.URL()))
			w.through = cuttable
			w.serve()
			w.through = nil
			w.worker()
			var ids []string
			counted(func(i int) {
				d := w.draft(provider.Scopserv)
				cuttable.cutCommit("message.queued", reached)
				a := w.post(d)
				if cuttable.cuts() != i+1 {
					t.Fatalf("COMMIT was not cut: %s", a)
				}
				said := strings.ToLower(a.raw)
				if a.err != nil || a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
					t.Fatalf("want 503 with Retry-After, got %s", a)
				}
				if !strings.Contains(said, "not known") || strings.Contains(said, "nothing was changed") {
					t.Errorf("the answer claims to know: %s", a.raw)
				}
				ids = append(ids, w.createdOnce(d, reached))
			})
			w.await(20*time.Second, ids, "delivered")
			w.sound()
		})
	}
}

// C3: Redis is away. The API accepts all the same, and what waits is sent soon
// after Redis is back.
func TestC3RedisIsDown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.serve()
	w.worker()
	first := w.send(w.draft(provider.Scopserv)) // everybody is connected
	w.await(20*time.Second, []string{first}, "delivered")
	var slowest time.Duration
	counted(func(i int) {
		w.redis.stop()
		var ids []string
		for _, name := range carriers() {
			a := w.post(w.draft(name))
			if a.err != nil || a.status != http.StatusCreated || a.took > time.Second {
				t.Fatalf("without Redis the API answered after %s: %s", a.took, a)
			}
			ids = append(ids, a.body.text("id"))
		}
		time.Sleep(time.Duration(i%3) * 700 * time.Millisecond)
		w.redis.start(t)
		back := time.Now()
		eventually(t, 10*time.Second, "all are sent after Redis is back", func() bool {
			sent := 0
			for _, id := range ids {
				sent += w.inLedger(id)
			}
			return sent == len(ids)
		})
		slowest = max(slowest, time.Since(back))
		w.await(10*time.Second, ids, "delivered")
	})
	t.Logf("sent at most %s after Redis was back", slowest.Round(time.Millisecond))
	w.sound()
}

// C3, the other way: Redis forgets the tasks that wait in it. Their rows fall
// due again when the lease ends.
func TestC3RedisForgets(t *testing.T) {
	t.Parallel()
	for _, builtIn := range []bool{false, true} {
		t.Run(fmt.Sprintf("in process is %t", builtIn), func(t *testing.T) {
			t.Parallel()
			var options []option
			if builtIn {
				options = append(options, withBuiltInRedis)
			}
			w := newWorld(t, 1, options...)
			w.serve()
			w.worker("TRELLIS_WORKERS=1")
			// One worker that is busy: the tasks behind its own wait in Redis.
			if err := w.sim.SetScript(sim.Target{}, sim.Script{Delay: 200 * time.Millisecond}); err != nil {
				t.Fatal(err)
			}
			// Whether tasks wait just then is a matter of chance: a round in which
			// none was lost proves nothing, and is followed by another.
			var ids []string
			lost := false
			for round := 0; round < 10 && !lost; round++ {
				sent := len(ids)
				for range 4 {
					ids = append(ids, w.send(w.draft(provider.Scopserv)))
				}
				eventually(t, 15*time.Second, "the worker is busy", func() bool { return len(w.sim.Ledger(sim0)) > sent })
				time.Sleep(50 * time.Millisecond)
				w.redis.flush(t)
				flushed := time.Now()
				eventually(t, 10*time.Second, "all are sent after a flush", func() bool { return len(w.sim.Ledger(sim0)) == len(ids) })
				took := time.Since(flushed)
				lost = took >= time.Second
				t.Logf("sent at most %s after a flush", took.Round(time.Millisecond))
			}
			if !lost {
				t.Error("no task was lost in any round: the test proves nothing")
			}
			w.await(10*time.Second, ids, "delivered")
			w.sound()
		})
	}
}
