package smtp_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"

	"github.com/trellishq/trellis/internal/secret"
	"github.com/trellishq/trellis/internal/smtp"
)

// server is a real mail server that remembers what it was given.
type server struct {
	port  int
	roots *x509.CertPool

	mu       sync.Mutex
	letters  []string
	user     string
	refusal  error
	atData   error
	protects bool // ask for a login
}

func start(t *testing.T, implicit bool) *server {
	t.Helper()
	s := &server{}
	certificate := s.certificate(t)
	inner := gosmtp.NewServer(gosmtp.BackendFunc(func(*gosmtp.Conn) (gosmtp.Session, error) { return &session{s: s}, nil }))
	inner.Domain, inner.AllowInsecureAuth = "localhost", true
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = listener.Addr().(*net.TCPAddr).Port
	if implicit {
		listener = tls.NewListener(listener, config)
	} else {
		inner.TLSConfig = config
	}
	go func() { _ = inner.Serve(listener) }()
	t.Cleanup(func() { _ = inner.Close() })
	return s
}

func (s *server) certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	s.roots = x509.NewCertPool()
	s.roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (s *server) got() []string { s.mu.Lock(); defer s.mu.Unlock(); return s.letters }

type session struct {
	s     *server
	known bool
}

func (*session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (c *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if password != "hunter2" {
			return gosmtp.ErrAuthFailed
		}
		c.known, c.s.user = true, user
		return nil
	}), nil
}

func (c *session) Mail(string, *gosmtp.MailOptions) error {
	if c.s.protects && !c.known {
		return gosmtp.ErrAuthRequired
	}
	return nil
}
func (c *session) Rcpt(string, *gosmtp.RcptOptions) error { return c.s.refusal }
func (c *session) Data(r io.Reader) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if c.s.atData != nil {
		return c.s.atData
	}
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.letters = append(c.s.letters, string(content))
	return nil
}
func (*session) Reset()        {}
func (*session) Logout() error { return nil }

func (s *server) sender(t *testing.T, security smtp.Security, user, password string, roots *x509.CertPool) *smtp.Sender {
	t.Helper()
	sender, err := smtp.New(smtp.Config{
		Server:  smtp.Server{Host: "127.0.0.1", Port: s.port, User: user, Password: secret.NewString(password), Security: security},
		Roots:   roots,
		Timeout: 5 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	return sender
}

func letter() smtp.Letter {
	return smtp.Letter{
		ID: "0197", Date: time.Unix(1_800_000_000, 0), Language: "fr",
		From: mail.Address{Name: "Trellis", Address: "no-reply@trellis.example"}, ReplyTo: mail.Address{Address: "help@maple.example"},
		To: mail.Address{Name: "Zoë\r\nBcc: x@evil.example", Address: "zoe@maple.example"}, Subject: "Été\r\nX-Evil: 1", Text: "Bonjour\n", HTML: "<p>Bonjour</p>",
	}
}

func TestLettersAreDelivered(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		implicit       bool
		security       smtp.Security
		user, password string
	}{
		"starttls, signed in": {false, smtp.StartTLS, "me", "hunter2"},
		"implicit, signed in": {true, smtp.Implicit, "me", "hunter2"},
		"starttls":            {false, smtp.StartTLS, "", ""},
		"plain, this machine": {false, smtp.Plain, "me", "hunter2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, c.implicit)
			s.protects = c.user != ""
			if err := s.sender(t, c.security, c.user, c.password, s.roots).Send(t.Context(), letter()); err != nil {
				t.Fatal(err, errors.Unwrap(err))
			}
			if len(s.got()) != 1 || s.user != c.user {
				t.Fatalf("%d letters, signed in as %q", len(s.got()), s.user)
			}
			parsed, err := mail.ReadMessage(strings.NewReader(s.got()[0]))
			if err != nil {
				t.Fatal(err)
			}
			for header, want := range map[string]string{
				"Message-Id": "<0197@trellis.example>", "Auto-Submitted": "auto-generated", "Content-Language": "fr",
				"Reply-To": "<help@maple.example>", "X-Evil": "", "Bcc": "",
			} {
				if got := parsed.Header.Get(header); got != want {
					t.Errorf("%s: %q, want %q", header, got, want)
				}
			}
		})
	}
}

// A server that is not who it says, or that cannot protect the connection, gets
// neither password nor letter.
func TestNothingIsSentUnprotected(t *testing.T) {
	t.Parallel()
	stranger, bare := start(t, false), start(t, false)
	if err := stranger.sender(t, smtp.StartTLS, "me", "hunter2", x509.NewCertPool()).Send(t.Context(), letter()); err == nil {
		t.Error("an unknown certificate was accepted")
	}
	if err := bare.sender(t, smtp.Implicit, "me", "hunter2", bare.roots).Send(t.Context(), letter()); err == nil {
		t.Error("a server without TLS was accepted")
	}
	if len(stranger.got())+len(bare.got()) != 0 || stranger.user+bare.user != "" {
		t.Error("something was sent")
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		refusal, atData error
		password        string
		permanent       bool
		reason          string
	}{
		"no such mailbox": {refusal: &gosmtp.SMTPError{Code: 550, EnhancedCode: gosmtp.EnhancedCode{5, 1, 1}, Message: "no zoe@maple.example"}, permanent: true, reason: "deliver 550 5.1.1"},
		"mailbox full":    {refusal: &gosmtp.SMTPError{Code: 452, EnhancedCode: gosmtp.EnhancedCode{4, 2, 2}, Message: "full"}, reason: "deliver 452 4.2.2"},
		"content refused": {atData: &gosmtp.SMTPError{Code: 554, EnhancedCode: gosmtp.EnhancedCode{5, 7, 1}, Message: "spam"}, permanent: true, reason: "deliver 554 5.7.1"},
		"wrong password":  {password: "wrong", reason: "connect 535"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, false)
			s.refusal, s.atData = c.refusal, c.atData
			password := "hunter2"
			if c.password != "" {
				password = c.password
			}
			err := s.sender(t, smtp.StartTLS, "me", password, s.roots).Send(t.Context(), letter())
			var refused *smtp.Error
			if !errors.As(err, &refused) {
				t.Fatalf("got %v", err)
			}
			if refused.Permanent != c.permanent || refused.Reason() != c.reason {
				t.Errorf("permanent %t, %q (%v)", refused.Permanent, refused.Reason(), errors.Unwrap(err))
			}
			if strings.Contains(err.Error(), "zoe") || strings.Contains(err.Error(), "wrong") {
				t.Errorf("the error tells too much: %v", err)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	s := start(t, false)
	s.port = 1
	err := s.sender(t, smtp.StartTLS, "", "", nil).Send(t.Context(), letter())
	var refused *smtp.Error
	if !errors.As(err, &refused) || refused.Permanent || refused.Reason() != "connect" {
		t.Errorf("got %v", err)
	}
}

func TestServers(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"smtp://mail.example.com":                            "mail.example.com:587 starttls ",
		"smtp://mail.example.com?tls=implicit":               "mail.example.com:465 implicit ",
		"smtp://10.0.0.7?tls=none":                           "10.0.0.7:25 none ",
		"smtp://me:p%40ss@mail.example.com:2525":             "mail.example.com:2525 starttls me/p@ss",
		"smtp://me:p@localhost:25?tls=none":                  "localhost:25 none me/p",
		"smtp://me:p@[::1]:25?tls=none":                      "::1:25 none me/p",
		"smtp://me:p@mail.example.com?tls=none":              "",
		"smtp://me@mail.example.com":                         "",
		"smtps://mail.example.com":                           "",
		"smtp://":                                            "",
		"smtp://mail.example.com/inbox":                      "",
		"smtp://mail.example.com:0":                          "",
		"smtp://mail.example.com:70000":                      "",
		"smtp://mail.example.com?tls=maybe":                  "",
		"smtp://mail.example.com?tls=implicit&insecure=true": "",
		"smtp://me:p%zz@mail.example.com":                    "",
		"mail.example.com:587":                               "",
		"smtp://mail.example.com#tls=none":                   "",
	} {
		s, err := smtp.ParseServer(given)
		got := ""
		if err == nil {
			got = s.Host + ":" + itoa(s.Port) + " " + string(s.Security) + " "
			if s.User != "" {
				got += s.User + "/" + s.Password.Reveal()
			}
		}
		if got != want {
			t.Errorf("%s: %q (%v), want %q", given, got, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "p%zz") {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

func itoa(n int) string { return big.NewInt(int64(n)).String() }

func FuzzParseServer(f *testing.F) {
	f.Add("smtp://me:hunter2@mail.example.com:587?tls=starttls")
	f.Fuzz(func(t *testing.T, raw string) {
		s, err := smtp.ParseServer(raw)
		if err == nil && (s.Host == "" || s.Port < 1 || s.Port > 65535 || (s.User == "") == s.Password.IsSet()) {
			t.Errorf("%q: %+v", raw, s)
		}
	})
}
