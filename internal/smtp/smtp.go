// Package smtp hands letters to a mail server. It owns the connection and how
// it is secured, and tells a refusal for good from one that passes. It knows
// nothing of tenants, keeps nothing, and its errors name neither a recipient
// nor a word of a letter.
package smtp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/mail"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// Letter is one mail to one person, as text and as HTML.
type Letter struct {
	// ID becomes the Message-ID together with the sender's domain. The same ID
	// again lets a mailbox know a letter that was sent twice.
	ID   string
	Date time.Time
	// From and To are required, ReplyTo is not.
	From, ReplyTo, To mail.Address
	Subject           string
	Text, HTML        string
	// Language of the letter by BCP 47.
	Language string
}

// Config says where the mail server is.
type Config struct {
	Server Server
	// Roots are the authorities that the server's certificate is checked
	// against; nil is the system's.
	Roots *x509.CertPool
	// Timeout bounds one delivery; zero is 20 seconds.
	Timeout time.Duration
}

// Sender delivers letters, each over a connection of its own. It is safe for
// concurrent use.
type Sender struct {
	server  Server
	timeout time.Duration
	options []gomail.Option
}

const defaultTimeout = 20 * time.Second

// New makes a sender. It connects to nothing.
func New(c Config) (*Sender, error) {
	s := &Sender{server: c.Server, timeout: c.Timeout}
	if s.timeout <= 0 {
		s.timeout = defaultTimeout
	}
	s.options = []gomail.Option{
		gomail.WithPort(c.Server.Port), gomail.WithTimeout(s.timeout), gomail.WithHELO(helo),
		gomail.WithTLSConfig(&tls.Config{ServerName: c.Server.Host, RootCAs: c.Roots, MinVersion: tls.VersionTLS12}),
		gomail.WithoutNoop(), gomail.WithoutRset(),
	}
	switch c.Server.Security {
	case Implicit:
		s.options = append(s.options, gomail.WithSSL())
	case StartTLS:
		s.options = append(s.options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	default:
		s.options = append(s.options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if c.Server.User != "" {
		method := gomail.SMTPAuthAutoDiscover
		if c.Server.Security == Plain {
			method = gomail.SMTPAuthPlainNoEnc // to this machine only: ParseServer refuses others
		}
		s.options = append(s.options, gomail.WithSMTPAuth(method),
			gomail.WithUsername(c.Server.User), gomail.WithPassword(c.Server.Password.Reveal()))
	}
	if _, err := gomail.NewClient(c.Server.Host, s.options...); err != nil {
		return nil, fmt.Errorf("smtp: %w", err)
	}
	return s, nil
}

// helo is what the sender calls itself. The host's own name is nobody's
// business, and servers that believe in it look at the address.
const helo = "trellis.localhost"

// Send delivers a letter. The error is an *Error. When the connection breaks in
// the middle, the letter may have been taken all the same.
func (s *Sender) Send(ctx context.Context, l Letter) error {
	message, err := compose(l)
	if err != nil {
		return &Error{Stage: "compose", Permanent: true, cause: err}
	}
	client, err := gomail.NewClient(s.server.Host, s.options...)
	if err != nil {
		return &Error{Stage: "connect", cause: err}
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if err := client.DialWithContext(ctx); err != nil {
		return &Error{Stage: "connect", Code: replyCode(err), cause: err}
	}
	err = client.Send(message)
	// The letter is delivered or refused by now: how the connection ends says
	// nothing about it.
	_ = client.Close()
	return sendError(err)
}

func compose(l Letter) (*gomail.Msg, error) {
	m := gomail.NewMsg()
	m.FromMailAddress(&l.From)
	m.AddToMailAddress(&l.To)
	if l.ReplyTo.Address != "" {
		m.ReplyToMailAddress(&l.ReplyTo)
	}
	if len(m.GetFrom()) != 1 || len(m.GetTo()) != 1 {
		return nil, errors.New("smtp: the letter has no sender or no recipient")
	}
	m.SetMessageIDWithValue(l.ID + "@" + domainOf(l.From.Address))
	m.SetDateWithValue(l.Date)
	m.Subject(l.Subject)
	m.SetGenHeader(gomail.Header("Content-Language"), l.Language)
	// Machines do not answer (RFC 3834), and no holiday note comes back.
	m.SetGenHeader(gomail.Header("Auto-Submitted"), "auto-generated")
	m.SetGenHeader(gomail.Header("X-Auto-Response-Suppress"), "All")
	m.SetBodyString(gomail.TypeTextPlain, l.Text)
	m.AddAlternativeString(gomail.TypeTextHTML, l.HTML)
	return m, nil
}
