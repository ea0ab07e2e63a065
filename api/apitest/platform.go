// Package apitest runs the whole API in one process for tests: a database of
// its own, simulated carriers, a clock that stands still, and clients of every
// role that go through the front door.
package apitest

import (
	"cmp"
	"context"
	"database/sql"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/assembly"
	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/providers"
	"github.com/trellishq/trellis/channels/provider/sandbox"
	"github.com/trellishq/trellis/channels/provider/sim"
	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/internal/clock"
	"github.com/trellishq/trellis/internal/secret"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/internal/telemetry"
	"github.com/trellishq/trellis/internal/testkit"
	"github.com/trellishq/trellis/jobs"
	"github.com/trellishq/trellis/tenants/scope"
)

// Platform is a running installation.
type Platform struct {
	*assembly.Platform
	// URL of the API, without a slash at its end.
	URL   string
	Clock *clock.Manual
	Sim   *sim.Simulator
	// Carriers is the simulator's URL.
	Carriers string
	Store    *store.Store
	Database testkit.Database
	Keyring  *secret.Keyring
	// Mailbox is where mails to users arrive.
	Mailbox *Mailbox
	// Contract is the platform's document; clients hold every answer against it.
	Contract *Contract

	operator uuid.UUID
	claimer  *jobs.Claimer
	owner    *sql.DB
	media    string // the folder of media
	public   string // how the installation is reached: the first process
}

// cheap hashing keeps tests from spending their time on passwords.
var cheap = identity.Hashing{Memory: 64, Time: 1, Threads: 1}

// loopback may be reached by tests, and nothing else.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// accessFor is how long test users stay signed in.
const accessFor = 7 * 24 * time.Hour

// Option changes how a platform is started.
type Option func(*assembly.Config)

// WithAccessFor makes access tokens good for as long as in production.
func WithAccessFor(life time.Duration) Option {
	return func(c *assembly.Config) { c.AccessTokenTTL = life }
}

// Start runs a platform until the test ends.
func Start(t testing.TB, options ...Option) *Platform {
	t.Helper()
	p := &Platform{Clock: clock.NewManual(testkit.Start), Database: testkit.NewDatabase(t)}
	p.Store = testkit.Open(t, p.Database, p.Clock)
	p.claimer = jobs.NewClaimer(p.Store)
	p.owner = p.Database.Owner(t)
	t.Cleanup(func() { p.wantNoSecrets(t) })
	p.startSimulator(t)
	p.Mailbox = startMailbox(t)
	key, err := secret.NewKey("test")
	if err != nil {
		t.Fatal(err)
	}
	if p.Keyring, err = secret.NewKeyring(key); err != nil {
		t.Fatal(err)
	}
	p.media = t.TempDir()
	p.serve(t, options)
	p.loadContract(t)
	p.createOperator(t)
	return p
}

// serve assembles the platform and listens.
func (p *Platform) serve(t testing.TB, options []Option) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.URL = "http://" + listener.Addr().String()
	p.public = cmp.Or(p.public, p.URL)
	p.assemble(t, options)
	server := &http.Server{Handler: p.Surface, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
}

// Replica is another process of the same installation: on the same database,
// with the same keys, clock and carriers, and with caches of its own.
func (p *Platform) Replica(t testing.TB, options ...Option) *Platform {
	t.Helper()
	r := &Platform{
		Clock: p.Clock, Sim: p.Sim, Mailbox: p.Mailbox, Carriers: p.Carriers, Database: p.Database, Keyring: p.Keyring, Contract: p.Contract,
		operator: p.operator, owner: p.owner, media: p.media, public: p.public,
	}
	r.Store = testkit.Open(t, r.Database, r.Clock)
	r.claimer = jobs.NewClaimer(r.Store)
	r.serve(t, options)
	return r
}

// At is the client at another process of the installation.
func (c *Client) At(p *Platform) *Client {
	other := *c
	other.URL = p.URL
	return &other
}

func (p *Platform) startSimulator(t testing.TB) {
	t.Helper()
	// Carriers that repeat themselves do so at once: nobody waits for them.
	p.Sim = sim.New(sim.Config{Clock: p.Clock, Logger: quiet(), RetryPause: time.Millisecond})
	url, err := p.Sim.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.Carriers = url
	t.Cleanup(func() { _ = p.Sim.Close() })
}

func (p *Platform) assemble(t testing.TB, options []Option) {
	t.Helper()
	box := sandbox.New(sandbox.Config{Clock: p.Clock})
	t.Cleanup(box.Close)
	c := assembly.Config{
		Store: p.Store, Keyring: p.Keyring, Clock: p.Clock, Log: quiet(), Metrics: telemetry.NewMetrics(),
		Adapters: providers.All(providers.Config{
			Clock: p.Clock, Sandbox: box, TwilioURL: p.Carriers + "/twilio",
			ClickatellURL: p.Carriers + "/clickatell", ScopservURL: p.Carriers + "/carrier",
		}),
		Mail:      p.Mailbox.settings(t),
		PublicURL: p.public, MediaDir: p.media, RateLimit: 10_000_000, TenantRateLimit: 10_000_000, EgressAllow: loopback,
		// Tests move the clock by days and stay signed in.
		AccessTokenTTL: accessFor,
		Passwords:      identity.NewPasswords(cheap), Version: "test",
	}
	for _, change := range options {
		change(&c)
	}
	var err error
	if p.Platform, err = assembly.New(c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
}

// quiet drops the log, unless somebody is looking for a fault.
func quiet() *slog.Logger {
	out := io.Discard
	if os.Getenv("TRELLIS_TEST_LOG") != "" {
		out = os.Stderr
	}
	return telemetry.NewLogger(out, telemetry.LogConfig{Text: true})
}

// Password is every test user's.
const Password = "Correct-horse-7-battery"

func (p *Platform) createOperator(t testing.TB) {
	t.Helper()
	ctx := scope.System(context.Background(), "a test's operator")
	operator, err := p.Tenants.CreateOperator(ctx, "Operator")
	if err != nil {
		t.Fatal(err)
	}
	p.operator = operator.ID
	if _, err := p.Identity.CreateOperatorStaff(ctx, operator.ID, "staff@operator.example", "Staff", Password); err != nil {
		t.Fatal(err)
	}
}

// Operator is a client of the operator's staff.
func (p *Platform) Operator(t testing.TB) *Client {
	t.Helper()
	return p.Login(t, "staff@operator.example")
}

// Work does everything that is due, as workers would, until nothing is left and
// the carriers have said all they have to say.
func (p *Platform) Work(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p.Identity.Settle()
	for {
		if err := p.Sim.Settle(ctx); err != nil {
			t.Fatalf("apitest: the simulator does not settle: %v", err)
		}
		if p.workOnce(t, ctx) == 0 {
			break
		}
	}
	if err := p.Audit.Drain(ctx); err != nil {
		t.Fatalf("apitest: the audit chain: %v", err)
	}
}

// secrets are what tests hand in and are handed out: passwords, credentials,
// keys and tokens.
const secrets = `(?i)(correct|another)-horse|carrier-secret|callback-secret|clickatell-key|0123456789abcdef0123456789|trl_[a-z]+_[0-9A-Za-z]{16}|eyJ[A-Za-z0-9_-]{16}`

// wantNoSecrets looks, when a test is over, whether one of them was written
// down where no secret belongs (rules D6-3).
func (p *Platform) wantNoSecrets(t testing.TB) {
	t.Helper()
	for _, lines := range []string{
		"SELECT action || ' ' || details::text || changes::text || actor_name FROM audit_entries",
		"SELECT type || ' ' || data::text FROM events",
	} {
		found := p.Text(t, "SELECT coalesce(min(line), '') FROM ("+lines+") s (line) WHERE line ~ $1", secrets)
		if found != "" {
			t.Errorf("apitest: a secret was written down: %s", found)
		}
	}
}

func (p *Platform) workOnce(t testing.TB, ctx context.Context) int {
	t.Helper()
	done := 0
	for _, kind := range jobs.Kinds() {
		tasks, err := p.claimer.Claim(ctx, kind, 100)
		if err != nil {
			t.Fatalf("apitest: claiming %s: %v", kind, err)
		}
		for _, task := range tasks {
			if err := p.Handlers[kind](ctx, task); err != nil {
				t.Logf("apitest: %s %s: %v", kind, task.ID, err)
			}
		}
		done += len(tasks)
	}
	return done
}

// Chores does what workers look for now and then.
func (p *Platform) Chores(t testing.TB) {
	t.Helper()
	for _, chore := range p.Platform.Chores {
		if err := chore.Do(t.Context()); err != nil {
			t.Fatalf("apitest: %s: %v", chore.Name, err)
		}
	}
}

// Advance moves the clock and does what has become due.
func (p *Platform) Advance(t testing.TB, d time.Duration) {
	t.Helper()
	p.Clock.Advance(d)
	p.Work(t)
}

// Carrier registers the operator's account at its simulated carrier.
func (p *Platform) Carrier(address, inboundURL string) provider.Credentials {
	credentials := provider.Credentials{"account": "operator", "secret": "operator-carrier-secret"}
	_ = p.Sim.AddAccount(sim.Account{
		Provider: provider.Scopserv, Credentials: credentials, Addresses: []string{address}, InboundURL: inboundURL,
	})
	return credentials
}

// OperatorTenant is the operator's node.
func (p *Platform) OperatorTenant() uuid.UUID { return p.operator }
