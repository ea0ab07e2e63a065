package crashtest

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/trellishq/trellis/channels/provider/sim"
)

// fast is how much faster time runs while the tests wait for leases, claims and
// lookups.
const fast = 25

// silent is a carrier that accepts and never reports.
var silent = sim.Script{Behaviour: sim.Silent}

func (w *world) script(to string, scripts ...sim.Script) {
	w.Helper()
	if err := w.sim.SetScript(sim.Target{To: to}, scripts...); err != nil {
		w.Fatal(err)
	}
}

// crashing sends a message and lets a new worker die at a point of its way.
func (w *world) crashing(d draft, point string) string {
	w.Helper()
	worker := w.worker("CRASH_AT=" + point)
	id := w.send(d)
	worker.awaitCrash(w, 15*time.Second)
	return id
}

// neverSent demands that a message went unknown, was looked for long enough and
// then failed visibly, and that nobody has it.
func (w *world) neverSent(id string) {
	w.Helper()
	r := w.message(id)
	if r.status != "failed" || r.errorCode != "submission_unknown" || r.errorMessage == "" || !w.went(id, "unknown") {
		w.Errorf("message %s is %s (%s, %q) and went %v; want unknown, then failed with submission_unknown",
			id, r.status, r.errorCode, r.errorMessage, w.history(id))
		return
	}
	if r.lookups < 3 || r.failed.Time.Sub(r.started.Time) < 120*time.Second {
		w.Errorf("message %s was given up after %d lookups and %s", id, r.lookups, r.failed.Time.Sub(r.started.Time))
	}
	if n := w.inLedger(id); n != 0 {
		w.Errorf("message %s failed and is %d times in the ledger", id, n)
	}
}

// C4: the worker dies after its claim and before the first byte left. The
// outcome is unknown, nobody has the message, and by default it fails visibly.
func TestC4TheWorkerDiesBeforeItSubmits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	api := w.serve()
	var ids []string
	counted(func(int) {
		for _, name := range carriers() {
			id := w.crashing(w.draft(name), "C4")
			if r := w.message(id); r.status != "submitting" || r.attempt != 1 || w.submitted(id) != 0 {
				t.Errorf("after the crash the message is %s at attempt %d, submitted %d times", r.status, r.attempt, w.submitted(id))
			}
			ids = append(ids, id)
		}
	})
	w.hurry(fast, api)
	w.await(40*time.Second, ids, "failed")
	for _, id := range ids {
		w.neverSent(id)
		if w.submitted(id) != 0 {
			t.Errorf("message %s was submitted %d times after the crash", id, w.submitted(id))
		}
	}
	w.sound()
}

// C4 where the channel sends again: the message fails all the same, and a new
// one that names it is sent.
func TestC4OnAChannelThatResends(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.exec(`UPDATE channels SET on_unknown = 'resend'`)
	api := w.serve()
	var ids []string
	counted(func(int) {
		for _, name := range carriers() {
			ids = append(ids, w.crashing(w.draft(name), "C4"))
		}
	})
	w.hurry(fast, api)
	w.await(40*time.Second, ids, "failed")
	for _, id := range ids {
		w.neverSent(id)
		again := w.rows("resent_of_id = $1", id)
		if len(again) != 1 {
			t.Fatalf("message %s was sent again %d times", id, len(again))
		}
		w.await(20*time.Second, []string{again[0].id}, "delivered")
		w.want(again[0].id, "delivered", 1)
	}
	w.sound()
}

// C5: the worker dies after the carrier accepted. The message is adopted, by
// the carrier's report or, where none comes, by a lookup.
func TestC5TheWorkerDiesAfterTheCarrierAccepted(t *testing.T) {
	t.Parallel()
	for _, how := range []struct {
		name    string
		reports bool
		crash   func(w *world, d draft) string
	}{
		{"adopted by its report", true, func(w *world, d draft) string { return w.crashing(d, "C5") }},
		{"adopted by a lookup", false, func(w *world, d draft) string { return w.crashing(d, "C5") }},
		{"killed while the answer was lost", false, func(w *world, d draft) string {
			w.script(d.to, sim.Script{Behaviour: sim.AcceptThenHang, Callbacks: &sim.Callbacks{Order: []string{}}})
			worker := w.worker()
			id := w.send(d)
			eventually(w, 15*time.Second, "the carrier has it", func() bool { return w.inLedger(id) == 1 })
			worker.kill()
			return id
		}},
	} {
		t.Run(how.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 1)
			api := w.serve()
			var ids []string
			counted(func(int) {
				for _, name := range carriers() {
					d := w.draft(name)
					if !how.reports {
						w.script(d.to, silent)
					}
					id := how.crash(w, d)
					if n := w.inLedger(id); n != 1 {
						t.Fatalf("the carrier has the message %d times", n)
					}
					if status := w.status(id); status != "submitting" {
						t.Errorf("after the crash the message is %s", status)
					}
					if how.reports {
						worker := w.worker()
						w.await(15*time.Second, []string{id}, "delivered")
						worker.kill()
					}
					ids = append(ids, id)
				}
			})
			w.hurry(fast, api)
			w.await(40*time.Second, ids, "accepted", "sent", "delivered")
			for _, id := range ids {
				if n := w.submitted(id); n != 1 || w.inLedger(id) != 1 {
					t.Errorf("message %s was submitted %d times and is %d times in the ledger", id, n, w.inLedger(id))
				}
				if w.message(id).attempt != 1 || w.went(id, "unknown") == how.reports {
					t.Errorf("message %s took %d attempts and went %v", id, w.message(id).attempt, w.history(id))
				}
			}
			w.sound()
		})
	}
}

// C6: the answer is there, and the database is not. The result is recorded when
// the database is back; nothing is sent again.
func TestC6TheResultCannotBeRecorded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	database := newProxy(t, mustHost(installed.postgres.URL()))
	w.serve()
	w.through = database
	w.worker()
	var ids []string
	counted(func(int) {
		var now []string
		for _, name := range carriers() {
			d := w.draft(name)
			w.script(d.to, sim.Script{Behaviour: sim.Silent, Delay: 700 * time.Millisecond})
			now = append(now, w.send(d))
		}
		eventually(t, 15*time.Second, "the carriers have all", func() bool {
			return !slices.ContainsFunc(now, func(id string) bool { return w.inLedger(id) != 1 })
		})
		database.down()
		time.Sleep(2 * time.Second)
		for _, id := range now {
			if status := w.status(id); status != "submitting" {
				t.Errorf("with the database away the message became %s", status)
			}
		}
		database.up(t)
		w.await(20*time.Second, now, "accepted", "sent", "delivered")
		ids = append(ids, now...)
	})
	for _, id := range ids {
		if w.submitted(id) != 1 || w.went(id, "unknown") {
			t.Errorf("message %s was submitted %d times and went %v", id, w.submitted(id), w.history(id))
		}
	}
	w.sound()
}

// C6 with the end of the worker: as C5.
func TestC6TheWorkerDiesWhileItRecords(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	api := w.serve()
	var ids []string
	counted(func(i int) {
		for _, name := range carriers() {
			d := w.draft(name)
			if i%2 == 0 {
				w.script(d.to, silent)
			}
			ids = append(ids, w.crashing(d, "C6"))
		}
	})
	w.hurry(fast, api)
	w.await(40*time.Second, ids, "accepted", "sent", "delivered")
	for _, id := range ids {
		if n := w.submitted(id); n != 1 {
			t.Errorf("message %s was submitted %d times", id, n)
		}
	}
	w.sound()
}

// C7: the carrier's report comes before its answer. The message is adopted at
// once, and the result that comes later changes nothing.
func TestC7TheReportComesBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.serve()
	w.worker("TRELLIS_WORKERS=64") // the submissions below wait, and reports must not wait behind them
	var ids []string
	counted(func(int) {
		for _, name := range carriers() {
			d := w.draft(name)
			w.script(d.to, sim.Script{Behaviour: sim.ReportAs, Delay: 2 * time.Second, Callbacks: &sim.Callbacks{BeforeResponse: true}})
			ids = append(ids, w.send(d))
		}
	})
	w.await(30*time.Second, ids, "delivered")
	time.Sleep(3 * time.Second) // the answers come now
	for _, id := range ids {
		if went := w.history(id); fmt.Sprint(went) != "[queued sent delivered]" && fmt.Sprint(went) != "[queued delivered]" {
			t.Errorf("message %s went %v", id, went)
		}
		w.want(id, "delivered", 1)
	}
	w.sound()
}

// C8: 5xx, a timeout, a connection that breaks, an answer that makes no sense.
// The outcome is unknown; the message never goes straight back to the queue.
func TestC8TheOutcomeIsUnknown(t *testing.T) {
	t.Parallel()
	none := &sim.Callbacks{Order: []string{}}
	scripts := []struct {
		accepted bool
		script   sim.Script
	}{
		{false, sim.Script{Behaviour: sim.Fail500BeforeAccept}},
		{false, sim.Script{Behaviour: sim.Fail500BeforeAccept, Status: 503}},
		{false, sim.Script{Behaviour: sim.RefuseBeforeAccept}},
		{false, sim.Script{Behaviour: sim.Garbage2xxNotAccepted}},
		{true, sim.Script{Behaviour: sim.AcceptThen500, Callbacks: none}},
		{true, sim.Script{Behaviour: sim.AcceptThenReset, Callbacks: none}},
		{true, sim.Script{Behaviour: sim.Garbage2xx, Callbacks: none}},
		{true, sim.Script{Behaviour: sim.AcceptThenHang, Callbacks: none}}, // 10 s
		{true, sim.Script{Behaviour: sim.AcceptThen500}},
		{true, sim.Script{Behaviour: sim.AcceptThenHang}},
	}
	// A claim must outlive the provider's 10 s, which are real.
	w := newWorld(t, 4)
	w.serve()
	w.worker("TRELLIS_WORKERS=64")
	wanted := map[string]bool{}
	reported := map[string]bool{}
	var accepted, refused []string
	counted(func(int) {
		for _, s := range scripts {
			for _, name := range carriers() {
				d := w.draft(name)
				w.script(d.to, s.script)
				id := w.send(d)
				wanted[id], reported[id] = s.accepted, s.script.Callbacks == nil && s.accepted
				if s.accepted {
					accepted = append(accepted, id)
				} else {
					refused = append(refused, id)
				}
			}
		}
	})
	w.await(90*time.Second, accepted, "accepted", "sent", "delivered")
	w.await(90*time.Second, refused, "failed")
	for id, was := range wanted {
		r := w.message(id)
		if r.attempt != 1 || w.submitted(id) != 1 || w.went(id, "postponed") {
			t.Errorf("message %s took %d attempts, was submitted %d times and went %v", id, r.attempt, w.submitted(id), w.history(id))
		}
		if !reported[id] && !w.went(id, "unknown") {
			t.Errorf("message %s went %v, and never unknown", id, w.history(id))
		}
		if !was {
			w.neverSent(id)
		}
	}
	w.sound()
}

// C9: the carrier certainly did not take it. The message goes back to the queue
// and is sent after a pause.
func TestC9TheCarrierCertainlyRefused(t *testing.T) {
	t.Parallel()
	t.Run("429", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, 10)
		w.serve()
		w.worker()
		pauses := map[string]time.Duration{}
		var ids []string
		counted(func(int) {
			for _, name := range carriers() {
				for _, after := range []time.Duration{0, 20 * time.Second} {
					d := w.draft(name)
					w.script(d.to, sim.Script{Behaviour: sim.RateLimit, RetryAfter: after, Times: 1})
					id := w.send(d)
					ids, pauses[id] = append(ids, id), max(after, 4*time.Second)
				}
			}
		})
		w.await(30*time.Second, ids, "delivered")
		w.sentAtTheSecondAttempt(ids, func(id string) time.Duration { return pauses[id] })
		w.sound()
	})
	for _, fault := range []struct {
		name    string
		address func(simulator string) string // nil: nobody listens there for a while
	}{
		{"connection refused", nil},
		{"no such host", func(string) string { return "http://carrier.invalid" }},
		{"no TLS", func(simulator string) string { return "https://" + simulator }},
	} {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 10)
			w.serve()
			right := w.carriers
			carrier := newProxy(t, w.simulator)
			var worker *process
			if fault.address == nil {
				w.carriers = "http://" + carrier.addr
				worker = w.worker()
			}
			var ids []string
			counted(func(int) {
				if fault.address == nil {
					carrier.down()
				} else {
					w.carriers = fault.address(w.simulator)
					worker = w.worker()
				}
				var now []string
				for _, name := range carriers() {
					now = append(now, w.send(w.draft(name)))
				}
				eventually(t, 20*time.Second, "all are postponed", func() bool {
					return !slices.ContainsFunc(now, func(id string) bool { return !w.went(id, "postponed") })
				})
				if fault.address == nil {
					carrier.up(t)
				} else {
					worker.kill()
					w.carriers = right
					worker = w.worker()
				}
				w.await(30*time.Second, now, "delivered")
				if fault.address != nil {
					worker.kill()
				}
				ids = append(ids, now...)
			})
			for _, id := range ids {
				if w.submitted(id) != 1 || w.went(id, "unknown") {
					t.Errorf("message %s was submitted %d times and went %v", id, w.submitted(id), w.history(id))
				}
			}
			if !worker.running() {
				w.worker()
			}
			w.sound()
		})
	}
}

// sentAtTheSecondAttempt demands one postponement of at least a pause each.
func (w *world) sentAtTheSecondAttempt(ids []string, pause func(id string) time.Duration) {
	w.Helper()
	for _, id := range ids {
		r := w.message(id)
		if r.attempt != 2 || w.submitted(id) != 2 || w.went(id, "unknown") || !w.went(id, "postponed") {
			w.Errorf("message %s took %d attempts, was submitted %d times and went %v", id, r.attempt, w.submitted(id), w.history(id))
		}
		tries := w.sim.Attempts(sim.Filter{ClientRef: id})
		if waited := tries[len(tries)-1].At.Sub(tries[0].At); waited < pause(id) {
			w.Errorf("message %s was tried again after %s, want %s at least", id, waited, pause(id))
		}
		w.want(id, "delivered", 1)
	}
}

// C10: two workers get the same task, twice and more often. One submits.
func TestC10TheSameTaskTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.serve()
	w.worker()
	w.worker()
	for _, name := range carriers() {
		first := w.send(w.draft(name))
		w.await(20*time.Second, []string{first}, "delivered")
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	doubled := 0
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
			}
			// The row is handed out again while it is being worked at, and the
			// tasks that wait in Redis are put there a second time.
			_, _ = w.db.Exec(`UPDATE messages SET due_at = $1 WHERE direction = 'outbound' AND status IN ('queued', 'submitting')`, w.dial.Now())
			if n := w.redis.command("EVAL", `
				local doubled = 0
				for _, id in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
					if redis.call('SADD', KEYS[2], id) == 1 then
						redis.call('LPUSH', KEYS[1], id)
						doubled = doubled + 1
					end
				end
				return doubled`, "2", "asynq:{critical}:pending", "doubled"); n != ":0" {
				doubled++
			}
		}
	}()
	var ids []string
	for range 10 * repeats() {
		for _, name := range carriers() {
			d := w.draft(name)
			w.script(d.to, sim.Script{Delay: 30 * time.Millisecond})
			ids = append(ids, w.send(d))
		}
	}
	close(stop)
	<-stopped
	w.await(40*time.Second, ids, "delivered")
	for _, id := range ids {
		if r := w.message(id); r.attempt != 1 || w.submitted(id) != 1 {
			t.Errorf("message %s took %d attempts and was submitted %d times", id, r.attempt, w.submitted(id))
		}
	}
	if doubled == 0 {
		t.Error("no waiting task was ever doubled in Redis: the test proves nothing")
	}
	t.Logf("waiting tasks were doubled %d times", doubled)
	w.sound()
}

// shortPatience makes the database end the transactions of a paused process
// soon: it may be paused with rows locked.
const shortPatience = "TRELLIS_STATEMENT_TIMEOUT=1s"

// C10, the hard way: a worker is paused (a long garbage collection, a machine
// that sleeps) between its claim and its submission, another one gives the
// message up, and the first goes on. It must see that its claim has run out.
func TestC10AWorkerWakesUpAfterItsClaim(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	w.serve()
	var sleepers []*process
	var ids []string
	counted(func(i int) {
		sleeper := w.worker("PAUSE_AT=C4", shortPatience)
		ids = append(ids, w.send(w.draft(carriers()[i%3])))
		eventually(t, 15*time.Second, "the worker is paused", sleeper.frozen)
		sleepers = append(sleepers, sleeper)
	})
	w.worker()
	w.await(40*time.Second, ids, "failed")
	for _, sleeper := range sleepers {
		sleeper.signal(syscall.SIGCONT)
	}
	time.Sleep(2 * time.Second)
	for _, id := range ids {
		w.neverSent(id)
		if n := w.submitted(id); n != 0 {
			t.Errorf("message %s was submitted %d times by a worker whose claim had run out", id, n)
		}
	}
	w.sound()
}

// C10 while the request is under way: the other one adopts the message, and the
// late result changes nothing.
func TestC10AWorkerIsPausedWhileItSubmits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, fast)
	w.serve()
	var ids []string
	var sleepers []*process
	counted(func(i int) {
		d := w.draft(carriers()[i%3])
		w.script(d.to, sim.Script{Behaviour: sim.Silent, Delay: time.Second})
		sleeper := w.worker(shortPatience)
		id := w.send(d)
		eventually(t, 15*time.Second, "the carrier has it", func() bool { return w.inLedger(id) == 1 })
		w.freeze(sleeper)
		ids, sleepers = append(ids, id), append(sleepers, sleeper)
	})
	w.worker()
	w.await(40*time.Second, ids, "accepted", "sent", "delivered")
	for _, sleeper := range sleepers {
		sleeper.signal(syscall.SIGCONT)
	}
	time.Sleep(2 * time.Second)
	for _, id := range ids {
		w.want(id, w.status(id), 1)
		if n := w.submitted(id); n != 1 {
			t.Errorf("message %s was submitted %d times", id, n)
		}
	}
	w.sound()
}
