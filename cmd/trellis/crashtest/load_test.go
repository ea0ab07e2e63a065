package crashtest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/sim"
)

// many is how many messages the tests under load send, 50 a second.
const (
	many = 200
	pace = 20 * time.Millisecond
)

// flood sends messages at a pace over all carriers; each request is repeated
// with its key until it is answered for good. It returns the ids, and the
// answers that no client should see.
func (w *world) flood(n int) (ids []string, bad []string) {
	w.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for i := range n {
		<-tick.C
		d := w.draft(carriers()[i%3])
		all.Go(func() {
			for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
				a := w.post(d)
				mu.Lock()
				if a.err == nil && a.status == http.StatusCreated {
					ids = append(ids, a.body.text("id"))
					mu.Unlock()
					return
				}
				if a.err == nil && a.status != http.StatusConflict {
					bad = append(bad, a.String())
				}
				mu.Unlock()
			}
			mu.Lock()
			bad = append(bad, "never accepted: "+d.to)
			mu.Unlock()
		})
	}
	all.Wait()
	return ids, bad
}

// Redis forgets everything again and again, and nothing is lost or doubled
// (rules E4-4).
func TestRedisForgetsUnderLoad(t *testing.T) {
	t.Parallel()
	for _, builtIn := range []bool{false, true} {
		t.Run(fmt.Sprintf("in process is %t", builtIn), func(t *testing.T) {
			t.Parallel()
			var options []option
			if builtIn {
				options = append(options, withBuiltInRedis)
			}
			w := newWorld(t, 2, options...)
			w.serve()
			w.worker("TRELLIS_WORKERS=4")
			w.worker("TRELLIS_WORKERS=4")
			stop, stopped := make(chan struct{}), make(chan struct{})
			flushes := 0
			go func() {
				defer close(stopped)
				for {
					select {
					case <-stop:
						return
					case <-time.After(100 * time.Millisecond):
						w.redis.flush(t)
						flushes++
					}
				}
			}()
			ids, bad := w.flood(many)
			close(stop)
			<-stopped
			last := time.Now()
			w.await(40*time.Second, ids, "delivered")
			t.Logf("%d flushes; all delivered %s after the last", flushes, time.Since(last).Round(100*time.Millisecond))
			if len(ids) != many || len(bad) != 0 {
				t.Errorf("%d of %d were accepted; %q", len(ids), many, bad)
			}
			w.sound()
		})
	}
}

// Workers are killed at random. Every message becomes final, or fails visibly
// because nobody knows; none is sent twice.
func TestWorkersAreKilledUnderLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	if err := w.sim.SetScript(sim.Target{}, sim.Script{Delay: 80 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	api := w.serve()
	stop, stopped := make(chan struct{}), make(chan struct{})
	kills := 0
	go func() {
		defer close(stopped)
		for {
			victim := w.worker()
			select {
			case <-stop:
				victim.kill()
				return
			case <-time.After(400*time.Millisecond + rand.N(900*time.Millisecond)):
			}
			victim.kill()
			kills++
		}
	}()
	ids, bad := w.flood(many)
	time.Sleep(2 * time.Second)
	close(stop)
	<-stopped
	w.hurry(fast, api)
	w.await(60*time.Second, ids, "accepted", "sent", "delivered", "failed")
	lost := 0
	for _, id := range ids {
		if r := w.message(id); r.status == "failed" {
			lost++
			w.neverSent(id)
		}
	}
	t.Logf("%d kills; %d delivered, %d failed with submission_unknown", kills, len(ids)-lost, lost)
	if len(ids) != many || len(bad) != 0 {
		t.Errorf("%d of %d were accepted; %q", len(ids), many, bad)
	}
	w.sound()
}

// The API is killed under load: what was answered 201 is sent once.
func TestTheAPIIsKilledUnderLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	api := w.serve()
	w.worker()
	stop, stopped := make(chan struct{}), make(chan struct{})
	kills := 0
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(500*time.Millisecond + rand.N(800*time.Millisecond)):
			}
			api.kill()
			kills++
			api = w.serve()
		}
	}()
	ids, bad := w.flood(many)
	close(stop)
	<-stopped
	// Twilio repeats no report that met a dead API: those are asked for later.
	w.await(40*time.Second, ids, "accepted", "sent", "delivered")
	t.Logf("%d kills", kills)
	if len(ids) != many || len(bad) != 0 {
		t.Errorf("%d of %d were accepted; %q", len(ids), many, bad)
	}
	if n := len(w.rows("true")); n != many {
		t.Errorf("%d messages were created by %d requests", n, many)
	}
	w.sound()
}

// SIGTERM under load: no request is answered 5xx, running submissions end and
// are recorded, and the processes are gone in time (rules E6-1).
func TestAGracefulStopUnderLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	if err := w.sim.SetScript(sim.Target{}, sim.Script{Delay: time.Second}); err != nil {
		t.Fatal(err)
	}
	api := w.serve()
	worker := w.worker("TRELLIS_WORKERS=64")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 3 {
			time.Sleep(900 * time.Millisecond)
			w.stops(worker)
			worker = w.worker("TRELLIS_WORKERS=64")
			w.stops(api)
			api = w.serve()
		}
	}()
	ids, bad := w.flood(many)
	<-done
	w.await(40*time.Second, ids, "accepted", "sent", "delivered")
	if len(ids) != many || len(bad) != 0 {
		t.Errorf("%d of %d were accepted; clients saw %q", len(ids), many, bad)
	}
	for _, id := range ids {
		if w.went(id, "unknown") {
			t.Errorf("message %s lost its outcome in a graceful stop: %v", id, w.history(id))
		}
	}
	w.sound()
}

// stops ends a process as an operator does and demands that it ends well.
func (w *world) stops(p *process) {
	started := time.Now()
	p.signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(25 * time.Second):
		w.Errorf("%s is not gone 25 s after SIGTERM", p.name)
		p.kill()
	}
	if code := p.state.ExitCode(); code != 0 {
		w.Errorf("%s ended with %s after SIGTERM", p.name, p.state)
	}
	w.Logf("%s was gone %s after SIGTERM", p.name, time.Since(started).Round(time.Millisecond))
}

// The API is killed between customers' messages. Each that was acknowledged is
// there exactly once (rules E1, P1 and P4).
func TestAcknowledgedInboundMessagesAreThereOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	api := w.serve()
	w.worker()
	stop, stopped := make(chan struct{}), make(chan struct{})
	kills := 0
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(200*time.Millisecond + rand.N(400*time.Millisecond)):
			}
			api.kill()
			kills++
			api = w.serve()
		}
	}()
	var all sync.WaitGroup
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for i := range many {
		<-tick.C
		l := w.line(carriers()[i%3])
		from := w.person()
		all.Go(func() {
			// Some callbacks come twice, at the same time.
			_, err := w.sim.Inject(context.Background(), sim.Inbound{
				Provider: l.provider, From: from, To: l.address, Body: fmt.Sprintf("Question %d", i), Copies: 1 + i%2, Concurrent: true,
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	close(stop)
	<-stopped
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	if err := w.sim.Settle(ctx); err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, "all that was accepted is worked through", func() bool {
		return w.count(`SELECT count(*) FROM provider_events WHERE state <> 'done'`) == 0
	})
	acknowledged, unheard := 0, 0
	for _, m := range w.sim.Received(sim0) {
		ok := false
		for _, a := range m.Answers {
			ok = ok || a.Succeeded()
		}
		n := w.count(`SELECT count(*) FROM messages WHERE direction = 'inbound' AND provider_id = $1`, m.SID)
		switch {
		case ok && n != 1:
			t.Errorf("%s was acknowledged and is there %d times", m.SID, n)
		case n > 1:
			t.Errorf("%s is there %d times", m.SID, n)
		case ok:
			acknowledged++
		case n == 0:
			unheard++
			if m.Provider != provider.Twilio {
				t.Errorf("%s of %s was repeated and never acknowledged", m.SID, m.Provider)
			}
		}
	}
	t.Logf("%d kills; %d of %d acknowledged, %d dropped by Twilio for the list to recover", kills, acknowledged, many, unheard)
	w.recovered(unheard, api)
}

// recovered demands that the messages whose callback Twilio gave up are found
// in its list (rules E3-3).
func (w *world) recovered(unheard int, api *process) {
	w.Helper()
	w.hurry(60, api)
	eventually(w, 40*time.Second, "every message of a customer is there", func() bool {
		return w.count(`SELECT count(*) FROM messages WHERE direction = 'inbound'`) >= many
	})
	if n := w.count(`SELECT count(*) FROM messages WHERE direction = 'inbound' AND recovered`); n < unheard {
		w.Errorf("%d messages were recovered, want %d at least", n, unheard)
	}
	if n := w.count(`SELECT count(DISTINCT provider_id) FROM messages WHERE direction = 'inbound'`); n != many {
		w.Errorf("%d of %d messages are there", n, many)
	}
}
