package crashtest

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/sim"
	"github.com/trellishq/trellis/internal/clock"
	"github.com/trellishq/trellis/internal/store"
)

// settings are what a process of the program is started with.
type settings struct {
	database string // by name
	port     int
	carriers string // base URL of the simulator
	dir      string
	redis    string // URL; empty for the process's own
	through  *proxy // to the database; nil for directly
	clock    Clock
}

func (s settings) publicURL() string { return fmt.Sprintf("http://127.0.0.1:%d", s.port) }

func (s settings) environment() []string {
	owner := databaseURL(s.database)
	if s.through != nil {
		owner = s.through.in(owner)
	}
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir,
		"TRELLIS_HTTP_ADDR=" + strings.TrimPrefix(s.publicURL(), "http://"), "TRELLIS_PUBLIC_URL=" + s.publicURL(),
		"TRELLIS_METRICS_ADDR=off", "TRELLIS_DATA_DIR=" + s.dir, "TRELLIS_MASTER_KEYS=" + installed.keys,
		"TRELLIS_DATABASE_URL=" + owner,
		"TRELLIS_DATABASE_APP_URL=" + roleURL(owner, store.RoleApp),
		"TRELLIS_DATABASE_SYSTEM_URL=" + roleURL(owner, store.RoleSystem),
		"TRELLIS_DATABASE_MAX_CONNS=6",
		"TRELLIS_RATE_LIMIT=10000000", "TRELLIS_TENANT_RATE_LIMIT=10000000", "TRELLIS_ACCESS_TOKEN_TTL=24h", "TRELLIS_LOG_FORMAT=text",
		"TRELLIS_EGRESS_ALLOW=127.0.0.0/8",
		"TRELLIS_TWILIO_BASE_URL=" + s.carriers + "/twilio", "TRELLIS_CLICKATELL_BASE_URL=" + s.carriers + "/clickatell",
		"TRELLIS_SCOPSERV_BASE_URL=" + s.carriers + "/carrier",
	}
	if s.redis != "" {
		env = append(env, "TRELLIS_REDIS_URL="+s.redis)
	}
	if s.clock.Speed != 0 {
		env = append(env, s.clock.Environment()...)
	}
	return env
}

// dial is the world's clock for the simulator, whose speed can be changed.
type dial struct{ at atomic.Pointer[Clock] }

func (d *dial) Now() time.Time { return d.at.Load().Now() }

var _ clock.Clock = (*dial)(nil)

// world is one installation with its carriers: a database, a Redis, a
// simulator, and the processes of the program.
type world struct {
	testing.TB
	settings
	sim       *sim.Simulator
	simulator string // its address
	redis     *redisServer
	dial      *dial
	db        *sql.DB
	api       *client

	mu        sync.Mutex
	processes []*process
	people    int
}

var worlds atomic.Int64

// option changes a world before its processes start.
type option func(*world)

func withBuiltInRedis(w *world) { w.redis = startRedis(w.TB, true) }

// newWorld makes a world whose time runs at a speed. Nothing of the program
// runs in it yet.
func newWorld(t testing.TB, speed float64, options ...option) *world {
	t.Helper()
	w := &world{TB: t, dial: &dial{}}
	w.setClock(speed)
	for _, o := range options {
		o(w)
	}
	if w.redis == nil {
		w.redis = startRedis(t, false)
	}
	w.database = fmt.Sprintf("world_%d", worlds.Add(1))
	w.port, w.dir = freePort(), t.TempDir()
	w.settings.redis = w.redis.url
	w.openDatabase()
	w.startSimulator()
	w.api = newClient(w.publicURL(), foundation.key)
	t.Cleanup(w.end)
	return w
}

func (w *world) setClock(speed float64) {
	w.clock = Clock{Base: time.Now(), Speed: speed}
	at := w.clock
	w.dial.at.Store(&at)
}

func (w *world) openDatabase() {
	ctx := context.Background()
	foundationLock.Lock()
	err := onServer(ctx, "CREATE DATABASE "+w.database+" TEMPLATE "+foundationDatabase)
	foundationLock.Unlock()
	if err != nil {
		w.Fatal(err)
	}
	if w.db, err = sql.Open("postgres", databaseURL(w.database)); err != nil {
		w.Fatal(err)
	}
}

// foundationLock: a template can be copied by one at a time.
var foundationLock sync.Mutex

func (w *world) startSimulator() {
	w.sim = sim.New(sim.Config{Clock: w.dial, RetryPause: 300 * time.Millisecond, Retries: 8})
	base, err := w.sim.Start("127.0.0.1:0")
	if err != nil {
		w.Fatal(err)
	}
	w.simulator = strings.TrimPrefix(base, "http://")
	w.carriers = base
	for _, l := range foundation.lines {
		if err := w.sim.AddAccount(l.account(w.publicURL())); err != nil {
			w.Fatal(err)
		}
	}
}

// end stops everything, also after a failure, and then shows what was said.
func (w *world) end() {
	for _, p := range w.processes {
		p.kill()
	}
	if w.Failed() {
		for _, p := range w.processes {
			if said := p.said(); said != "" {
				w.Logf("--- %s:\n%s", p.name, tail(said))
			}
		}
		w.logMessages()
	}
	_ = w.sim.Close()
	_ = w.db.Close()
	_ = onServer(context.Background(), "DROP DATABASE IF EXISTS "+w.database+" WITH (FORCE)")
}

func (w *world) logMessages() {
	rows, err := w.db.Query(`
		SELECT concat_ws(' ', m.id, m.status, 'attempt', m.attempt, 'lookups', m.lookups, m.error_code, 'to', m.to_address,
			(SELECT string_agg(e.type, ',' ORDER BY e.id) FROM events e WHERE e.object_id = m.id))
		FROM messages m ORDER BY m.id LIMIT 60`)
	if err != nil {
		w.Log(err)
		return
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err == nil {
			w.Log(text)
		}
	}
	if err := rows.Err(); err != nil {
		w.Log(err)
	}
}

func (w *world) launch(name string, s settings, args, extra []string) *process {
	w.Helper()
	p, err := startProcess(name, installed.binary, args, append(s.environment(), extra...))
	if err != nil {
		w.Fatal(err)
	}
	w.mu.Lock()
	w.processes = append(w.processes, p)
	w.mu.Unlock()
	return p
}

// serve starts the API alone and waits until it is ready. extra are variables
// such as CRASH_AT=C0.
func (w *world) serve(extra ...string) *process {
	w.Helper()
	return w.ready(w.launch("serve", w.settings, []string{"serve", "--api-only"}, extra))
}

// node starts the API and the work behind it in one process, with the Redis of
// its own.
func (w *world) node(extra ...string) *process {
	w.Helper()
	s := w.settings
	s.redis = ""
	return w.ready(w.launch("node", s, []string{"serve"}, extra))
}

func (w *world) ready(p *process) *process {
	w.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		response, err := http.Get(w.publicURL() + "/readyz")
		if err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return p
			}
		}
		if !p.running() || time.Now().After(end) {
			w.Fatalf("%s does not get ready:\n%s", p.name, tail(p.said()))
		}
	}
}

// worker starts a worker; it says nothing when it is ready.
func (w *world) worker(extra ...string) *process {
	w.Helper()
	return w.launch("worker", w.settings, []string{"worker"}, extra)
}

// hurry ends the given processes, lets the time run faster from now on, and
// lets serve and worker run again.
func (w *world) hurry(speed float64, old ...*process) {
	w.Helper()
	for _, p := range old {
		p.kill()
	}
	w.setClock(speed)
	w.serve()
	w.worker()
}

func (w *world) line(name provider.Name) line {
	for _, l := range foundation.lines {
		if l.provider == name {
			return l
		}
	}
	panic("no line over " + name)
}

// carriers are all three; where nothing depends on it one is enough.
func carriers() []provider.Name {
	return []provider.Name{provider.Scopserv, provider.Twilio, provider.Clickatell}
}

// person is the number of somebody to whom nothing was sent before.
func (w *world) person() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.people++
	return fmt.Sprintf("+1416%07d", 2000000+w.people)
}

// draft is a message that the test sends.
type draft struct {
	through line
	to      string
	body    string
	key     string
}

func (w *world) draft(name provider.Name) draft {
	to := w.person()
	return draft{w.line(name), to, "Hello " + to, "key-" + url.QueryEscape(to)}
}

// post sends a message once.
func (w *world) post(d draft) answer {
	return w.api.call(context.Background(), http.MethodPost, "/v1/tenants/"+foundation.tenant+"/messages",
		object{"channel_id": d.through.channel, "to": d.to, "body": d.body}, d.key)
}

// send sends a message that must be accepted and returns its id.
func (w *world) send(d draft) string {
	w.Helper()
	a := w.post(d)
	if a.err != nil || a.status != http.StatusCreated {
		w.Fatalf("sending to %s: %s", d.to, a)
	}
	return a.body.text("id")
}

// insist repeats a request with its key, as a client does, until it is answered
// for good.
func (w *world) insist(d draft) answer {
	w.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(30 * time.Millisecond) {
		a := w.post(d)
		running := a.status == http.StatusConflict && a.body.text("code") == "idempotency_key_in_use" ||
			a.status == http.StatusConflict && a.header.Get("Retry-After") != ""
		if a.err == nil && a.status != http.StatusServiceUnavailable && !running {
			return a
		}
		if time.Now().After(end) {
			w.Fatalf("sending to %s again and again: %s", d.to, a)
		}
	}
}

// row is a message as the database has it.
type row struct {
	id, status, errorCode, errorMessage, providerID string
	attempt, lookups                                int
	started, failed                                 sql.NullTime
	resentOf                                        sql.NullString
}

func (w *world) rows(where string, args ...any) []row {
	w.Helper()
	rows, err := w.db.Query(`
		SELECT id, status, error_code, error_message, provider_id, attempt, lookups, submit_started_at, failed_at, resent_of_id
		FROM messages WHERE direction = 'outbound' AND `+where+` ORDER BY id`, args...)
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var out []row
	for rows.Next() {
		var r row
		err := rows.Scan(&r.id, &r.status, &r.errorCode, &r.errorMessage, &r.providerID, &r.attempt, &r.lookups, &r.started, &r.failed, &r.resentOf)
		if err != nil {
			w.Fatal(err)
		}
		out = append(out, r)
	}
	if err := rows.Err(); err != nil {
		w.Fatal(err)
	}
	return out
}

func (w *world) message(id string) row {
	w.Helper()
	found := w.rows("id = $1", id)
	if len(found) != 1 {
		w.Fatalf("message %s is there %d times", id, len(found))
	}
	return found[0]
}

func (w *world) status(id string) string { return w.message(id).status }

func (w *world) count(query string, args ...any) int {
	w.Helper()
	var n int
	if err := w.db.QueryRow(query, args...).Scan(&n); err != nil {
		w.Fatal(err)
	}
	return n
}

// exec changes the database behind the program's back.
func (w *world) exec(statement string, args ...any) {
	w.Helper()
	if _, err := w.db.Exec(statement, args...); err != nil {
		w.Fatal(err)
	}
}

// history is what the log says of a message, in order.
func (w *world) history(id string) []string {
	w.Helper()
	var all sql.NullString
	err := w.db.QueryRow(`SELECT string_agg(type, ' ' ORDER BY id) FROM events WHERE object_id = $1`, id).Scan(&all)
	if err != nil {
		w.Fatal(err)
	}
	return strings.Fields(strings.ReplaceAll(all.String, "message.", ""))
}

func (w *world) went(id, status string) bool { return slices.Contains(w.history(id), status) }

// submitted is how often a message reached a carrier, accepted or not.
func (w *world) submitted(id string) int { return len(w.sim.Attempts(sim.Filter{ClientRef: id})) }

func (w *world) inLedger(id string) int { return len(w.sim.Ledger(sim.Filter{ClientRef: id})) }

// await waits until every message is in one of the statuses.
func (w *world) await(within time.Duration, ids []string, statuses ...string) {
	w.Helper()
	deadline := time.Now().Add(within)
	for {
		left := w.count(`SELECT count(*) FROM messages WHERE id::text = ANY(string_to_array($1, ',')) AND NOT status = ANY(string_to_array($2, ','))`,
			strings.Join(ids, ","), strings.Join(statuses, ","))
		if left == 0 {
			return
		}
		if time.Now().After(deadline) {
			w.Fatalf("%d of %d messages are not %s after %s", left, len(ids), strings.Join(statuses, " or "), within)
		}
		time.Sleep(25 * time.Millisecond)
	}
}

// freeze stops a process in the middle of whatever it does.
func (w *world) freeze(p *process) {
	w.Helper()
	p.signal(syscall.SIGSTOP)
	eventually(w, 5*time.Second, p.name+" is frozen", p.frozen)
}

// sound is the check after every row (rules E8-2): the carriers' books and ours
// agree, nothing was sent twice, and nothing is stuck.
func (w *world) sound() {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := w.sim.Settle(ctx); err != nil {
		w.Errorf("the carriers still want to report: %v", err)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(25 * time.Millisecond) {
		stuck := w.count(`SELECT count(*) FROM messages WHERE direction = 'outbound' AND status IN ('queued', 'submitting', 'unknown')`)
		waiting := w.count(`SELECT count(*) FROM provider_events WHERE state = 'pending'`)
		if stuck == 0 && waiting == 0 {
			break
		}
		if time.Now().After(end) {
			w.Errorf("%d messages are stuck and %d callbacks wait", stuck, waiting)
			break
		}
	}
	for _, d := range w.sim.Duplicates() {
		w.Errorf("sent twice: %+v", d)
	}
	w.booksAgree()
	if n := w.count(`SELECT count(*) FROM provider_events WHERE state IN ('orphan', 'dead')`); n != 0 {
		w.Errorf("%d callbacks found no message or failed for good", n)
	}
	if n := w.count(`SELECT count(*) FROM (SELECT object_id, type FROM events
		WHERE type IN ('message.queued', 'message.accepted', 'message.sent', 'message.delivered', 'message.failed', 'message.undelivered')
		GROUP BY 1, 2 HAVING count(*) > 1) twice`); n != 0 {
		w.Errorf("%d messages came into a status twice", n)
	}
	if n := w.count(`SELECT count(*) FROM (SELECT provider_id FROM messages WHERE provider_id <> ''
		GROUP BY direction, channel_id, provider_id HAVING count(*) > 1) twice`); n != 0 {
		w.Errorf("%d of the carriers' ids belong to several messages", n)
	}
}

func (w *world) booksAgree() {
	w.Helper()
	entries := map[string]sim.Entry{}
	for _, e := range w.sim.Ledger(sim.Filter{}) {
		if _, twice := entries[e.ClientRef]; twice {
			w.Errorf("the ledger has message %s twice", e.ClientRef)
		}
		entries[e.ClientRef] = e
	}
	known := map[string]bool{}
	for _, r := range w.rows("true") {
		known[r.id] = true
		e, sent := entries[r.id]
		switch r.status {
		case "accepted", "sent", "delivered", "undelivered", "read":
			if !sent || e.ProviderID != r.providerID {
				w.Errorf("message %s is %s with the carrier's id %q, and the ledger has %q", r.id, r.status, r.providerID, e.ProviderID)
			}
		case "failed":
			if sent && r.providerID == "" {
				w.Errorf("message %s failed (%s), and the carrier has it as %s", r.id, r.errorCode, e.ProviderID)
			}
		}
	}
	for ref, e := range entries {
		if !known[ref] {
			w.Errorf("the carrier has %s to %s, which is no message of ours", ref, e.To)
		}
	}
}

// want demands a status, and how often the carrier has the message.
func (w *world) want(id, status string, ledger int) {
	w.Helper()
	if r := w.message(id); r.status != status || w.inLedger(id) != ledger {
		w.Errorf("message %s is %s (%s) and %d times in the ledger, want %s and %d; it went %v",
			id, r.status, r.errorCode, w.inLedger(id), status, ledger, w.history(id))
	}
}

// counted runs a row of the table as often as it is to be repeated.
func counted(row func(i int)) {
	for i := range repeats() {
		row(i)
	}
}
