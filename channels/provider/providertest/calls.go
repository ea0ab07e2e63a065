package providertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trellishq/trellis/channels/provider"
)

// accepts: a submission is made once and gets an id.
func (s Suite) accepts(t *testing.T) {
	f, a := s.open(t)
	receipt, err := a.Submit(t.Context(), s.Account, s.submission())
	if err != nil {
		t.Fatalf("Submit: %v", err)
	}
	if receipt.ProviderID == "" || receipt.Status == "" || receipt.Status == provider.StatusUnknown {
		t.Errorf("receipt %+v", receipt)
	}
	if n := f.requests.Load(); n != 1 {
		t.Errorf("%d requests for one submission", n)
	}
}

func (s Suite) checksCredentials(t *testing.T) {
	f, a := s.open(t)
	if err := a.Check(t.Context(), s.Account); err != nil {
		t.Errorf("Check of good credentials: %v", err)
	}
	wrong := provider.Account{Credentials: s.WrongCredentials, Address: s.Account.Address}
	s.check(t, a.Check(t.Context(), wrong), provider.ClassSender)
	_, err := a.Submit(t.Context(), wrong, s.submission())
	s.check(t, err, provider.ClassSender)
	empty := provider.Account{Credentials: provider.Credentials{}, Address: s.Account.Address}
	s.check(t, a.Check(t.Context(), empty), provider.ClassSender)

	f.breakWith(answering(http.StatusInternalServerError, "application/json", `{"message":QUOTE}`))
	s.check(t, a.Check(t.Context(), s.Account), provider.ClassTransient)
	f.breakWith(answering(http.StatusOK, "text/html", "<html>QUOTE</html>"))
	if err := a.Check(t.Context(), s.Account); err != nil { // where the status alone is the proof, it is none
		s.check(t, err, provider.ClassTransient)
	}
}

// refusals: the provider's own errors get their classes.
func (s Suite) refusals(t *testing.T) {
	for i, refusal := range s.Refusals {
		t.Run(refusal.Name, func(t *testing.T) {
			f, a := s.open(t)
			if refusal.Prepare != nil {
				refusal.Prepare(t)
			}
			submission := s.submission()
			submission.ClientRef = fmt.Sprintf("0192f0c1-0000-7000-9000-%012d", i) // a known one may be answered as before
			if refusal.To != "" {
				submission.To = refusal.To
			}
			_, err := a.Submit(t.Context(), s.Account, submission)
			e := s.check(t, err, refusal.Class)
			if e.Code != refusal.Code {
				t.Errorf("code %q, want %q", e.Code, refusal.Code)
			}
			if e.RetryAfter != refusal.RetryAfter {
				t.Errorf("retry after %s, want %s", e.RetryAfter, refusal.RetryAfter)
			}
			if n := f.requests.Load(); n != 1 {
				t.Errorf("%d requests for one submission", n)
			}
		})
	}
}

// faults: after the request has left, only a refusal is certain. Each is asked
// once, whatever comes.
func (s Suite) faults(t *testing.T) {
	const quote, html = `{"message":QUOTE}`, "<html>QUOTE</html>"
	document, page := "application/json", "text/html"
	tests := []struct {
		name  string
		fault func(*front) fault
		class provider.ErrorClass
		after time.Duration
	}{
		{"AcceptThenHang", func(f *front) fault { return f.acceptAndHang }, provider.ClassAmbiguous, 0},
		{"AcceptThenHalf", func(*front) fault { return halved }, provider.ClassAmbiguous, 0},
		{"BrokenOff", func(*front) fault { return brokenOff }, provider.ClassAmbiguous, 0},
		{"Endless", func(*front) fault { return endless }, provider.ClassAmbiguous, 0},
		{"Garbage", func(*front) fault { return garbage }, provider.ClassAmbiguous, 0},
		{"Garbage200", plain(200, page, html), provider.ClassAmbiguous, 0},
		{"Empty200", plain(200, document, ""), provider.ClassAmbiguous, 0},
		{"Empty204", plain(204, document, ""), provider.ClassAmbiguous, 0},
		{"EmptyObject201", plain(201, document, "{}"), provider.ClassAmbiguous, 0},
		{"Null202", plain(202, document, "null"), provider.ClassAmbiguous, 0},
		{"List200", plain(200, document, "[]"), provider.ClassAmbiguous, 0},
		{"Hang", func(f *front) fault { return f.hang }, provider.ClassAmbiguous, 0},
		{"NotModified", plain(304, document, ""), provider.ClassAmbiguous, 0},
		{"RequestTimeout", plain(408, page, html), provider.ClassAmbiguous, 0},
		{"Reset", func(*front) fault { return reset }, provider.ClassAmbiguous, 0},
		{"ServerError", plain(500, document, quote), provider.ClassAmbiguous, 0},
		{"ServerErrorPage", plain(502, page, html), provider.ClassAmbiguous, 0},
		{"Unavailable", plain(503, document, quote, "Retry-After", "7"), provider.ClassAmbiguous, 7 * time.Second},
		{"UnlistedServerError", plain(599, document, quote), provider.ClassAmbiguous, 0},
		{"Teapot", plain(418, document, quote), provider.ClassContent, 0},
		{"TeapotPage", plain(418, page, html), provider.ClassContent, 0},
		{"Forbidden", plain(403, page, html), provider.ClassSender, 0},
		{"TooMany", plain(429, document, quote, "Retry-After", "7"), provider.ClassTransient, 7 * time.Second},
		{"TooManyPage", plain(429, page, html), provider.ClassTransient, 0},
		{
			"TooManyUntil", plain(429, document, quote, "Date", "Sat, 21 Nov 2026 12:00:00 GMT", "Retry-After", "Sat, 21 Nov 2026 12:00:30 GMT"),
			provider.ClassTransient, 30 * time.Second,
		},
		{"TooManyUntilNonsense", plain(429, document, quote, "Retry-After", "soon"), provider.ClassTransient, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f, a := s.open(t)
			f.breakWith(test.fault(f))
			ctx, cancel := context.WithTimeout(t.Context(), patience(test.name))
			defer cancel()
			receipt, err := a.Submit(ctx, s.Account, s.submission())
			if err == nil {
				t.Fatalf("accepted as %+v", receipt)
			}
			e := s.check(t, err, test.class)
			if e.RetryAfter != test.after {
				t.Errorf("retry after %s, want %s", e.RetryAfter, test.after)
			}
			if n := f.requests.Load(); n != 1 {
				t.Errorf("%d requests for one submission", n)
			}
		})
	}
	t.Run("Redirect", s.staysOnItsHost)
}

// patience is short where the suite itself makes the adapter wait.
func patience(name string) time.Duration {
	if strings.HasSuffix(name, "Hang") {
		return 200 * time.Millisecond
	}
	return 20 * time.Second
}

func plain(status int, contentType, body string, header ...string) func(*front) fault {
	return func(*front) fault { return answering(status, contentType, body, header...) }
}

// staysOnItsHost: another host never sees a request, let alone credentials.
func (s Suite) staysOnItsHost(t *testing.T) {
	var strayed atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strayed.Add(1) }))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		f, a := s.open(t)
		f.breakWith(answering(status, "text/plain", "", "Location", other.URL))
		_, err := a.Submit(t.Context(), s.Account, s.submission())
		s.check(t, err, provider.ClassAmbiguous)
	}
	if n := strayed.Load(); n != 0 {
		t.Errorf("%d requests followed a redirect", n)
	}
}

// unreachable: what fails before a connection is had has certainly not left.
func (s Suite) unreachable(t *testing.T) {
	submit := func(t *testing.T, base string, client *http.Client) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		a := s.New(t, base, client)
		_, err := a.Submit(ctx, s.Account, s.submission())
		s.check(t, err, provider.ClassTransient)
		s.check(t, a.Check(ctx, s.Account), provider.ClassTransient)
	}
	dialing := func(dial func(context.Context, string, string) (net.Conn, error)) *http.Client {
		return &http.Client{Transport: &http.Transport{DialContext: dial}}
	}
	t.Run("ConnectHangs", func(t *testing.T) {
		ended := make(chan struct{}) // the transport goes on dialing without the request
		defer close(ended)
		submit(t, "http://carrier.invalid", dialing(func(context.Context, string, string) (net.Conn, error) {
			<-ended
			return nil, errors.New("given up")
		}))
	})
	t.Run("ConnectionRefused", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		base := "http://" + listener.Addr().String()
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		submit(t, base, provider.NewHTTPClient())
	})
	t.Run("NoSuchHost", func(t *testing.T) {
		submit(t, "http://carrier.invalid", dialing(func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "carrier.invalid", IsNotFound: true}}
		}))
	})
	t.Run("UntrustedCertificate", func(t *testing.T) {
		var served atomic.Int32
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served.Add(1) }))
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.StartTLS()
		defer server.Close()
		a := s.New(t, server.URL, provider.NewHTTPClient())
		_, err := a.Submit(t.Context(), s.Account, s.submission())
		s.check(t, err, provider.ClassTransient)
		if n := served.Load(); n != 0 {
			t.Errorf("%d requests reached a host without a good certificate", n)
		}
	})
}

// honoursContext: every call ends with its context.
func (s Suite) honoursContext(t *testing.T) {
	t.Run("Before", func(t *testing.T) {
		f, a := s.open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := a.Submit(ctx, s.Account, s.submission())
		s.check(t, err, provider.ClassTransient)
		if n := f.requests.Load(); n != 0 {
			t.Errorf("%d requests after the end of the context", n)
		}
	})
	t.Run("Meanwhile", func(t *testing.T) {
		f, a := s.open(t)
		f.breakWith(f.hang)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			<-f.arrived
			cancel()
		}()
		_, err := a.Submit(ctx, s.Account, s.submission())
		s.check(t, err, provider.ClassAmbiguous)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v does not tell that the context ended", err)
		}
	})
}

// keepsConnections: long error documents are read or dropped, not left behind.
func (s Suite) keepsConnections(t *testing.T) {
	f, a := s.open(t)
	f.breakWith(answering(http.StatusBadRequest, "application/json", `{"message":"`+strings.Repeat("x", 64<<10)+`"}`))
	const calls = 30
	for range calls {
		_, err := a.Submit(t.Context(), s.Account, s.submission())
		s.check(t, err, provider.ClassContent)
	}
	if n := f.connections.Load(); n > 2 {
		t.Errorf("%d connections for %d refused calls, one after the other", n, calls)
	}
}
