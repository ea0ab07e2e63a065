package mail

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	netmail "net/mail"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/secret"
	"github.com/trellishq/trellis/internal/smtp"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// Brand is what a tenant's mails wear. Empty fields are the platform's.
type Brand struct {
	// Product is the name under which the tenant's users know the platform.
	Product string
	// SenderName and SenderAddress are whom mails come from.
	SenderName, SenderAddress string
	// SupportEmail is where answers go.
	SupportEmail string
	// Colour of the bar and the button, as #rrggbb.
	Colour string
	// AppURL is where links lead, without a slash at its end.
	AppURL string
}

// Sender hands letters to a mail server.
type Sender interface {
	Send(ctx context.Context, l smtp.Letter) error
}

// Config holds what the service needs.
type Config struct {
	Store   *store.Store
	Keyring *secret.Keyring
	// Sender is nil where no mail server is configured.
	Sender Sender
	// From is the platform's sender, AppURL where its links lead.
	From   netmail.Address
	AppURL string
	// Brand returns a tenant's brand; nil where there is only the platform's. It
	// is asked outside of transactions.
	Brand func(ctx context.Context, tenantID uuid.UUID) (Brand, error)
	// Wake tells that a row has become due.
	Wake func()
	Log  *slog.Logger
}

// Service keeps mails and sends them. It is safe for concurrent use.
type Service struct{ cfg Config }

// New makes the service.
func New(c Config) (*Service, error) {
	if c.Store == nil || c.Keyring == nil || c.Wake == nil || c.Log == nil {
		return nil, errors.New("mail: the configuration lacks a part")
	}
	if c.Sender != nil && c.From.Address == "" {
		return nil, errors.New("mail: there is a mail server and no sender")
	}
	return &Service{c}, nil
}

// Sealed is the column that a rotation of the master keys has to visit.
var Sealed = store.SealedColumn{Table: "mails", Column: "content", ID: "id", Owner: "tenant_id"}

// Message is a mail to be sent.
type Message struct {
	// To is the recipient's address, ToName what he is called.
	To, ToName string
	Kind       Kind
	// Language is a BCP 47 tag; a language without a translation is English.
	Language string
	// Values are what the kind's words need; see Kind.
	Values map[string]string
	// Until is when the mail is of no more use; a day from now if it is zero.
	Until time.Time
}

// defaultLife is how long a mail is tried to be sent.
const defaultLife = 24 * time.Hour

// content is what is sealed of a mail.
type content struct {
	To     string            `json:"to"`
	ToName string            `json:"to_name"`
	Values map[string]string `json:"values"`
}

// errNotConfigured is the answer where something cannot be done without mail.
var errNotConfigured = fault.New(fault.Unavailable, fault.CodeMailNotConfigured,
	"The platform has no mail server, and this needs one.")

// Configured tells whether mails can be sent at all.
func (s *Service) Configured() bool { return s.cfg.Sender != nil }

// Require fails with mail_not_configured where mails cannot be sent.
func (s *Service) Require() error {
	if !s.Configured() {
		return errNotConfigured
	}
	return nil
}

// Queue keeps a mail in the caller's transaction, under its scope: it is sent
// if, and only if, the transaction is committed. It fails with
// mail_not_configured where mails cannot be sent.
func (s *Service) Queue(ctx context.Context, m Message) error {
	if err := s.Require(); err != nil {
		return err
	}
	if err := m.check(); err != nil {
		return err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	if sc.IsSystem() {
		return errors.New("mail: a mail without a tenant")
	}
	plain, err := json.Marshal(content{m.To, m.ToName, m.Values})
	if err != nil {
		return err
	}
	now, mailID := s.cfg.Store.Now(), id.New()
	if m.Until.IsZero() {
		m.Until = now.Add(defaultLife)
	}
	sealed := s.cfg.Keyring.Seal(sc.TenantID, Sealed.Table, mailID.String(), Sealed.Column, plain)
	_, err = store.Exec(ctx, `
		INSERT INTO mails (id, tenant_id, kind, language, state, content, due_at, expires_at, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $7)`,
		mailID, sc.TenantID, m.Kind, languageOf(m.Language), Queued, []byte(sealed), now, m.Until)
	if err != nil {
		return err
	}
	store.AfterCommit(ctx, s.cfg.Wake)
	return nil
}

// Notify is Queue for a mail that is good to have: without a mail server it
// does nothing.
func (s *Service) Notify(ctx context.Context, m Message) error {
	if !s.Configured() {
		return nil
	}
	return s.Queue(ctx, m)
}

// Link is a place in the application that people use, of which path is what
// follows the host. It is kept relative until the mail is sent, because only
// then it is known whose brand it wears. The token, if there is one, stands
// behind the #: what stands there never reaches a server's log or a referrer.
func Link(path, token string) string {
	if token == "" {
		return path
	}
	return path + "#" + url.Values{"token": {token}}.Encode()
}

// When is a moment as mails show it. UTC is said, because nobody knows where
// the mail will be read.
func When(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
