package mail_test

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	netmail "net/mail"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/clock"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/secret"
	"github.com/trellishq/trellis/internal/smtp"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/internal/testkit"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/mail"
	"github.com/trellishq/trellis/tenants/scope"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// post is a sender that does as it is told.
type post struct {
	mu      sync.Mutex
	letters []smtp.Letter
	fail    error
	during  func()
}

func (p *post) Send(_ context.Context, l smtp.Letter) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.during != nil {
		p.during()
	}
	if p.fail != nil {
		return p.fail
	}
	p.letters = append(p.letters, l)
	return nil
}

// office is a platform with one tenant that writes mails.
type office struct {
	*mail.Service
	post    *post
	clock   *clock.Manual
	store   *store.Store
	owner   *sql.DB
	keyring *secret.Keyring
	logged  *strings.Builder
	woken   int
	tenant  tenants.Tenant
}

type silence struct{}

func (silence) Publish(context.Context, string, string, uuid.UUID, any) error { return nil }

func open(t *testing.T, change func(*mail.Config)) *office {
	t.Helper()
	database := testkit.NewDatabase(t)
	o := &office{post: &post{}, clock: clock.NewManual(testkit.Start), owner: database.Owner(t), logged: &strings.Builder{}}
	o.store = testkit.Open(t, database, o.clock)
	key, err := secret.NewKey("test")
	if err != nil {
		t.Fatal(err)
	}
	if o.keyring, err = secret.NewKeyring(key); err != nil {
		t.Fatal(err)
	}
	c := mail.Config{
		Store: o.store, Keyring: o.keyring, Sender: o.post, From: netmail.Address{Name: "Trellis", Address: "no-reply@trellis.example"},
		AppURL: "https://app.example.com", Wake: func() { o.woken++ },
		Log: slog.New(slog.NewTextHandler(io.MultiWriter(o.logged), nil)),
	}
	if change != nil {
		change(&c)
	}
	if o.Service, err = mail.New(c); err != nil {
		t.Fatal(err)
	}
	o.tenant, err = tenants.New(o.store, silence{}).CreateOperator(scope.System(t.Context(), "test"), "Operator")
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *office) in(ctx context.Context) context.Context {
	return scope.With(ctx, scope.Scope{TenantID: o.tenant.ID, Path: o.tenant.Path, Actor: scope.Actor{Kind: scope.ActorSystem}})
}

// queue keeps a mail and returns its id.
func (o *office) queue(t *testing.T, m mail.Message) uuid.UUID {
	t.Helper()
	if err := o.store.InTx(o.in(t.Context()), func(ctx context.Context) error { return o.Queue(ctx, m) }); err != nil {
		t.Fatal(err)
	}
	var mailID uuid.UUID
	if err := o.owner.QueryRow(`SELECT id FROM mails ORDER BY id DESC LIMIT 1`).Scan(&mailID); err != nil {
		t.Fatal(err)
	}
	return mailID
}

func (o *office) handle(t *testing.T, mailID uuid.UUID) {
	t.Helper()
	if err := o.HandleDue(o.in(t.Context()), mailID); err != nil {
		t.Fatal(err)
	}
}

// row tells how a mail stands.
type row struct {
	State, Error string
	Attempts     int
	Content      []byte
	Due          sql.NullTime
}

func (o *office) row(t *testing.T, mailID uuid.UUID) (r row) {
	t.Helper()
	err := o.owner.QueryRow(`SELECT state, error, attempts, content, due_at FROM mails WHERE id = $1`, mailID).
		Scan(&r.State, &r.Error, &r.Attempts, &r.Content, &r.Due)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func reset() mail.Message {
	return mail.Message{
		To: "zoe@maple.example", ToName: "Zoë", Kind: mail.PasswordReset, Language: "fr-CA",
		Values: map[string]string{"link": mail.Link("/reset-password", "trl_reset_secret")},
	}
}

func TestAMailIsSentOnceAndForgotten(t *testing.T) {
	t.Parallel()
	o := open(t, nil)
	mailID := o.queue(t, reset())
	if o.woken != 1 {
		t.Errorf("woken %d times", o.woken)
	}
	before := o.row(t, mailID)
	if before.State != "queued" || strings.Contains(string(before.Content), "zoe") || strings.Contains(string(before.Content), "secret") {
		t.Errorf("the row is %+v", before)
	}
	o.handle(t, mailID)
	o.handle(t, mailID) // handed out twice
	if len(o.post.letters) != 1 {
		t.Fatalf("%d letters", len(o.post.letters))
	}
	l := o.post.letters[0]
	if l.To.Address != "zoe@maple.example" || l.From.Address != "no-reply@trellis.example" || l.Language != "fr" ||
		!strings.Contains(l.Text, "https://app.example.com/reset-password#token=trl_reset_secret") || !strings.Contains(l.Subject, "mot de passe") {
		t.Errorf("the letter is %+v", l)
	}
	after := o.row(t, mailID)
	if after.State != "sent" || after.Content != nil || after.Due.Valid || after.Attempts != 1 {
		t.Errorf("the row is %+v", after)
	}
}

func TestAMailSharesTheFateOfItsCause(t *testing.T) {
	t.Parallel()
	o := open(t, nil)
	wrong := errors.New("the cause did not happen")
	err := o.store.InTx(o.in(t.Context()), func(ctx context.Context) error {
		if err := o.Queue(ctx, reset()); err != nil {
			t.Error(err)
		}
		return wrong
	})
	var n int
	_ = o.owner.QueryRow(`SELECT count(*) FROM mails`).Scan(&n)
	if !errors.Is(err, wrong) || n != 0 || o.woken != 0 {
		t.Errorf("%v, %d mails, woken %d times", err, n, o.woken)
	}
}

// Covers: SEC-10
func TestWithoutAMailServer(t *testing.T) {
	t.Parallel()
	o := open(t, func(c *mail.Config) { c.Sender = nil })
	err := o.store.InTx(o.in(t.Context()), func(ctx context.Context) error {
		if err := o.Notify(ctx, reset()); err != nil {
			t.Errorf("a mail that is good to have: %v", err)
		}
		return o.Queue(ctx, reset())
	})
	if f, ok := fault.As(err); !ok || f.Code != fault.CodeMailNotConfigured || f.Kind != fault.Unavailable || o.Configured() {
		t.Errorf("got %v", err)
	}
}

func TestRefusalsForGoodEndAMail(t *testing.T) {
	t.Parallel()
	o := open(t, nil)
	o.post.fail = &smtp.Error{Stage: "deliver", Code: 550, Enhanced: "5.1.1", Permanent: true}
	mailID := o.queue(t, reset())
	o.handle(t, mailID)
	if got := o.row(t, mailID); got.State != "failed" || got.Error != "deliver 550 5.1.1" || got.Content != nil || got.Due.Valid {
		t.Errorf("the row is %+v", got)
	}
	if log := o.logged.String(); strings.Contains(log, "zoe") || strings.Contains(log, "secret") || !strings.Contains(log, "550") {
		t.Errorf("the log says %s", log)
	}
}

func TestRefusalsThatPassAreTriedAgain(t *testing.T) {
	t.Parallel()
	o := open(t, nil)
	o.post.fail = &smtp.Error{Stage: "connect"}
	mailID := o.queue(t, reset())
	var last time.Duration
	for attempt := 1; ; attempt++ {
		o.handle(t, mailID)
		got := o.row(t, mailID)
		if got.State == "failed" {
			if attempt != 7 || got.Content != nil {
				t.Errorf("given up after %d attempts: %+v", attempt, got)
			}
			break
		}
		pause := got.Due.Time.Sub(o.clock.Now())
		if got.State != "queued" || got.Attempts != attempt || pause <= last {
			t.Fatalf("attempt %d: %+v after %v", attempt, got, last)
		}
		last = pause
		o.clock.Advance(pause)
	}
	o.post.fail = nil
	o.handle(t, mailID)
	if len(o.post.letters) != 0 {
		t.Error("a mail that has failed was sent")
	}
}

// A worker that dies while it sends leaves a mail of which nobody knows whether
// it went out. It goes out again.
func TestALostOutcomeIsTriedAgain(t *testing.T) {
	t.Parallel()
	o := open(t, nil)
	mailID := o.queue(t, reset())
	o.post.during = func() { panic("the machine is gone") }
	func() {
		defer func() { _ = recover() }()
		o.handle(t, mailID)
	}()
	o.post.during = nil
	o.handle(t, mailID)
	if got := o.row(t, mailID); got.State != "sending" || len(o.post.letters) != 0 {
		t.Fatalf("somebody else's claim was not respected: %+v", got)
	}
	o.clock.Advance(time.Minute)
	o.handle(t, mailID) // the claim has run out
	o.clock.Advance(time.Minute)
	o.handle(t, mailID)
	if got := o.row(t, mailID); got.State != "sent" || got.Attempts != 2 || len(o.post.letters) != 1 {
		t.Errorf("the row is %+v, %d letters", got, len(o.post.letters))
	}
}

// An outcome that comes after the claim has passed on changes nothing.
func TestALateOutcomeIsNotRecorded(t *testing.T) {
	t.Parallel()
	o := open(t, nil)
	mailID := o.queue(t, reset())
	o.post.during = func() {
		if _, err := o.owner.Exec(`UPDATE mails SET claim_id = gen_random_uuid() WHERE id = $1`, mailID); err != nil {
			t.Error(err)
		}
	}
	o.handle(t, mailID)
	if got := o.row(t, mailID); got.State != "sending" {
		t.Errorf("the row is %+v", got)
	}
}

func TestAMailThatIsOfNoMoreUseIsNotSent(t *testing.T) {
	t.Parallel()
	o := open(t, nil)
	m := reset()
	m.Until = o.clock.Now().Add(time.Hour)
	mailID := o.queue(t, m)
	o.clock.Advance(time.Hour)
	o.handle(t, mailID)
	if got := o.row(t, mailID); got.State != "failed" || got.Error != "expired" || len(o.post.letters) != 0 {
		t.Errorf("the row is %+v", got)
	}
}

func TestMistakesAreFoundWhenAMailIsQueued(t *testing.T) {
	t.Parallel()
	o := open(t, nil)
	for name, m := range map[string]mail.Message{
		"kind":      {To: "a@b.example", Kind: "birthday"},
		"value":     {To: "a@b.example", Kind: mail.PasswordReset},
		"recipient": {Kind: mail.PasswordReset, Values: map[string]string{"link": "/"}},
	} {
		if err := o.store.InTx(o.in(t.Context()), func(ctx context.Context) error { return o.Queue(ctx, m) }); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestABrandIsWorn(t *testing.T) {
	t.Parallel()
	o := open(t, func(c *mail.Config) {
		c.Brand = func(context.Context, uuid.UUID) (mail.Brand, error) {
			return mail.Brand{
				Product: "Maple <Chat>", SenderName: "Maple", SenderAddress: "hello@maple.example", SupportEmail: "help@maple.example",
				Colour: "#ff0000", AppURL: "https://chat.maple.example",
			}, nil
		}
	})
	m := reset()
	m.Language, m.ToName = "de", `<script>alert("Zoë")</script>`
	o.handle(t, o.queue(t, m))
	l := o.post.letters[0]
	if l.From.Address != "hello@maple.example" || l.From.Name != "Maple" || l.ReplyTo.Address != "help@maple.example" ||
		l.Language != "en" || !strings.Contains(l.Text, "https://chat.maple.example/reset-password#") ||
		!strings.Contains(l.Subject, "Maple <Chat>") || !strings.Contains(l.HTML, "#ff0000") {
		t.Errorf("the letter is %+v", l)
	}
	if strings.Contains(l.HTML, "<script>") || strings.Contains(l.HTML, "<Chat>") || !strings.Contains(l.HTML, "#token=trl_reset_secret") {
		t.Errorf("the HTML part is %s", l.HTML)
	}
}

// Every pair of state and action.
func TestStates(t *testing.T) {
	t.Parallel()
	want := map[mail.State]string{
		mail.Queued: "claim>sending expire>failed", mail.Sending: "deliver>sent retry>queued refuse>failed expire>failed",
		mail.Sent: "", mail.Failed: "",
	}
	for _, from := range mail.States() {
		var got []string
		for _, action := range mail.Actions() {
			if to, ok := mail.Next(from, action); ok {
				got = append(got, string(action)+">"+string(to))
			}
		}
		if strings.Join(got, " ") != want[from] {
			t.Errorf("%s: %v, want %s", from, got, want[from])
		}
	}
}
