package apitest

import (
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"

	"github.com/trellishq/trellis/api/assembly"
	mailer "github.com/trellishq/trellis/internal/smtp"
)

// Mailbox is a mail server that keeps what it is given.
type Mailbox struct {
	mu      sync.Mutex
	mails   []Mail
	refused map[string]*smtp.SMTPError
	port    int
}

// Mail is a mail that has arrived.
type Mail struct {
	Header           mail.Header
	To, Subject      string
	Text, HTML       string
	Envelope, Sender string
}

// WithoutMail starts a platform that has no mail server.
func WithoutMail() Option { return func(c *assembly.Config) { c.Mail.Sender = nil } }

// AppURL is where links in mails lead.
const AppURL = "https://app.trellis.example"

// startMailbox runs a real mail server until the test ends.
func startMailbox(t testing.TB) *Mailbox {
	t.Helper()
	box := &Mailbox{refused: map[string]*smtp.SMTPError{}}
	server := smtp.NewServer(box)
	server.Domain, server.AllowInsecureAuth = "localhost", true
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	box.port = listener.Addr().(*net.TCPAddr).Port
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return box
}

// settings are those of a platform that uses the mailbox.
func (b *Mailbox) settings(t testing.TB) assembly.Mail {
	t.Helper()
	sender, err := mailer.New(mailer.Config{Server: mailer.Server{Host: "127.0.0.1", Port: b.port, Security: mailer.Plain}})
	if err != nil {
		t.Fatal(err)
	}
	return assembly.Mail{
		Sender: sender, From: mail.Address{Name: "Trellis", Address: "no-reply@trellis.example"}, AppURL: AppURL,
	}
}

// Mails are what has arrived for somebody, the oldest first.
func (b *Mailbox) Mails(to string) []Mail {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []Mail
	for _, m := range b.mails {
		if strings.EqualFold(m.To, to) {
			out = append(out, m)
		}
	}
	return out
}

// Last is the newest mail for somebody; there has to be one.
func (b *Mailbox) Last(t testing.TB, to string) Mail {
	t.Helper()
	all := b.Mails(to)
	if len(all) == 0 {
		t.Fatalf("no mail has come for %s", to)
	}
	return all[len(all)-1]
}

// Refuse answers mails for somebody with a code, and takes them again with 0.
func (b *Mailbox) Refuse(to string, code int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.refused, to)
	if code != 0 {
		b.refused[to] = &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{code / 100, 1, 1}, Message: "not " + to}
	}
}

var linkPattern = regexp.MustCompile(`https?://\S+`)

// Link is the address that the mail leads to.
func (m Mail) Link(t testing.TB) *url.URL {
	t.Helper()
	u, err := url.Parse(linkPattern.FindString(m.Text))
	if err != nil || u.Host == "" {
		t.Fatalf("the mail has no link: %s", m.Text)
	}
	return u
}

// Token is what stands behind the # of the mail's link.
func (m Mail) Token(t testing.TB) string {
	t.Helper()
	values, err := url.ParseQuery(m.Link(t).Fragment)
	if err != nil || values.Get("token") == "" {
		t.Fatalf("the mail's link has no token: %s", m.Text)
	}
	return values.Get("token")
}

// NewSession implements smtp.Backend.
func (b *Mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return &delivery{box: b}, nil }

// delivery is one connection to the mailbox.
type delivery struct {
	box      *Mailbox
	from, to string
}

// Mail implements smtp.Session.
func (d *delivery) Mail(from string, _ *smtp.MailOptions) error { d.from = from; return nil }

// Rcpt implements smtp.Session.
func (d *delivery) Rcpt(to string, _ *smtp.RcptOptions) error {
	d.box.mu.Lock()
	defer d.box.mu.Unlock()
	if refusal := d.box.refused[to]; refusal != nil {
		return refusal
	}
	d.to = to
	return nil
}

// Data implements smtp.Session.
func (d *delivery) Data(r io.Reader) error {
	m, err := readMail(r)
	if err != nil {
		return err
	}
	m.To, m.Envelope = d.to, d.from
	d.box.mu.Lock()
	defer d.box.mu.Unlock()
	d.box.mails = append(d.box.mails, m)
	return nil
}

// Reset implements smtp.Session.
func (d *delivery) Reset() {}

// Logout implements smtp.Session.
func (d *delivery) Logout() error { return nil }

func readMail(r io.Reader) (Mail, error) {
	message, err := mail.ReadMessage(r)
	if err != nil {
		return Mail{}, err
	}
	m := Mail{Header: message.Header}
	words := new(mime.WordDecoder)
	if m.Subject, err = words.DecodeHeader(message.Header.Get("Subject")); err != nil {
		return Mail{}, err
	}
	if m.Sender, err = words.DecodeHeader(message.Header.Get("From")); err != nil {
		return Mail{}, err
	}
	_, parameters, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil {
		return Mail{}, err
	}
	parts := multipart.NewReader(message.Body, parameters["boundary"])
	for {
		part, err := parts.NextRawPart()
		if err != nil {
			return m, nil //nolint:nilerr // the end
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			return Mail{}, err
		}
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/html") {
			m.HTML = string(body)
		} else {
			m.Text = string(body)
		}
	}
}
