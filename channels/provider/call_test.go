package provider_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/trellishq/trellis/channels/provider"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestClassifyNetwork(t *testing.T) {
	t.Parallel()
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	tests := []struct {
		name  string
		err   error
		class provider.ErrorClass
		code  string
	}{
		{"AlertAfterHandshake", &net.OpError{Op: "remote error", Err: tls.AlertError(42)}, provider.ClassAmbiguous, "connection_lost"},
		{"BadCertificate", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, provider.ClassTransient, "not_connected"},
		{"Canceled", context.Canceled, provider.ClassAmbiguous, "canceled"},
		{"ConnectRefused", dial(syscall.ECONNREFUSED), provider.ClassTransient, "not_connected"},
		{"ConnectTimeout", dial(context.DeadlineExceeded), provider.ClassTransient, "not_connected"},
		{"Deadline", context.DeadlineExceeded, provider.ClassAmbiguous, "timeout"},
		{"EndOfFile", io.EOF, provider.ClassAmbiguous, "connection_lost"},
		{"NameService", dial(&net.DNSError{Err: "no such host", Name: "x"}), provider.ClassTransient, "not_connected"},
		{"NotTLS", tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, provider.ClassTransient, "not_connected"},
		{"Proxy", &net.OpError{Op: "proxyconnect", Err: syscall.ECONNREFUSED}, provider.ClassTransient, "not_connected"},
		{"ReadReset", &net.OpError{Op: "read", Err: syscall.ECONNRESET}, provider.ClassAmbiguous, "connection_lost"},
		{"Unknown", errors.New("+15145550199 said secret"), provider.ClassAmbiguous, "connection_lost"},
		{"WriteBroken", &net.OpError{Op: "write", Err: syscall.EPIPE}, provider.ClassAmbiguous, "connection_lost"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			wrapped := &url.Error{Op: "Post", URL: "https://x/?to=+15145550199&key=secret", Err: test.err}
			got := provider.ClassifyNetwork(wrapped)
			if got.Class != test.class || got.Code != test.code {
				t.Errorf("%v is %s %s, want %s %s", test.err, got.Class, got.Code, test.class, test.code)
			}
			if shown := got.Error(); strings.Contains(shown, "secret") || strings.Contains(shown, "5145550199") {
				t.Errorf("%q gives away the request", shown)
			}
		})
	}
}

// A transport that tells nothing of its connections must not turn an unknown
// end into a repetition.
func TestDoWithSilentTransport(t *testing.T) {
	t.Parallel()
	client := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, context.DeadlineExceeded })}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://carrier.invalid", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = provider.Do(client, req)
	if e := provider.AsError(err); e.Class != provider.ClassAmbiguous {
		t.Errorf("class %s", e.Class)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A handshake that never ends is not yet a request.
func TestDoHandshakeHangs(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan struct{})
	go func() { // accepts, and never speaks TLS
		defer close(accepted)
		if conn, err := listener.Accept(); err == nil {
			_, _ = io.Copy(io.Discard, conn)
			_ = conn.Close()
		}
	}()
	client := provider.NewHTTPClient()
	transport := client.Transport.(*http.Transport)
	transport.TLSHandshakeTimeout = 50 * time.Millisecond
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+listener.Addr().String(), strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = provider.Do(client, req)
	if e := provider.AsError(err); e.Class != provider.ClassTransient {
		t.Errorf("error %v, want transient", err)
	}
	transport.CloseIdleConnections()
	_ = listener.Close()
	<-accepted
}

// The answer is capped, and its status is known all the same.
func TestDoCapsAnswer(t *testing.T) {
	t.Parallel()
	for size, want := range map[int]int{provider.MaxAnswer: provider.MaxAnswer, provider.MaxAnswer + 1: 0} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusTeapot)
			_, _ = w.Write(make([]byte, size))
		}))
		client := provider.NewHTTPClient()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := provider.Do(client, req)
		if err != nil || answer.Status != http.StatusTeapot || len(answer.Body) != want {
			t.Errorf("%d bytes: %d read, %v", size, len(answer.Body), err)
		}
		client.CloseIdleConnections()
		server.Close()
	}
}

func TestRefusal(t *testing.T) {
	t.Parallel()
	want := map[int]provider.ErrorClass{
		200: provider.ClassAmbiguous, 301: provider.ClassAmbiguous, 400: provider.ClassContent, 401: provider.ClassSender,
		402: provider.ClassSender, 403: provider.ClassSender, 404: provider.ClassSender, 405: provider.ClassSender,
		408: provider.ClassAmbiguous, 413: provider.ClassContent, 422: provider.ClassContent, 425: provider.ClassTransient,
		429: provider.ClassTransient, 499: provider.ClassContent, 500: provider.ClassAmbiguous, 503: provider.ClassAmbiguous, 599: provider.ClassAmbiguous,
	}
	for status, class := range want {
		answer := provider.Answer{Status: status, Header: http.Header{"Retry-After": {"9"}}}
		if e := answer.Refusal(); e.Class != class || e.Code != fmt.Sprint(status) || e.RetryAfter != 9*time.Second {
			t.Errorf("%d is %+v, want %s", status, *e, class)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	const date = "Sat, 21 Nov 2026 12:00:00 GMT"
	tests := map[string]time.Duration{
		"": 0, "0": 0, "7": 7 * time.Second, "-7": 0, "+7": 0, "7.5": 0, " 7": 0, "soon": 0,
		"86401": 24 * time.Hour, "99999999999999999999": 0,
		"Sat, 21 Nov 2026 12:00:30 GMT": 30 * time.Second, "Sat, 21 Nov 2026 11:59:00 GMT": 0,
		"Sat, 21 Nov 2099 11:59:00 GMT": 24 * time.Hour,
	}
	for value, want := range tests {
		if got := provider.RetryAfter(http.Header{"Retry-After": {value}, "Date": {date}}); got != want {
			t.Errorf("%q is %s, want %s", value, got, want)
		}
	}
	if got := provider.RetryAfter(http.Header{"Retry-After": {date}}); got != 0 {
		t.Errorf("a date without the carrier's own is %s", got)
	}
}

func TestRetryAfterBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := http.Header{"Retry-After": {rapid.String().Draw(t, "value")}, "Date": {rapid.String().Draw(t, "date")}}
		if got := provider.RetryAfter(h); got < 0 || got > 24*time.Hour {
			t.Fatalf("RetryAfter = %s", got)
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("7", "")
	f.Add("Sat, 21 Nov 2026 12:00:30 GMT", "Sat, 21 Nov 2026 12:00:00 GMT")
	f.Fuzz(func(t *testing.T, value, date string) {
		got := provider.RetryAfter(http.Header{"Retry-After": {value}, "Date": {date}})
		if got < 0 || got > 24*time.Hour {
			t.Errorf("RetryAfter = %s", got)
		}
	})
}

// Questions can be asked again; refusals stay what they are.
func TestAsking(t *testing.T) {
	t.Parallel()
	if err := provider.Asking(nil); err != nil {
		t.Errorf("Asking(nil) = %v", err)
	}
	ambiguous := &provider.Error{Class: provider.ClassAmbiguous, Code: "timeout", Message: "m"}
	if e := provider.AsError(provider.Asking(ambiguous)); e.Class != provider.ClassTransient || e.Code != "timeout" {
		t.Errorf("Asking = %+v", *e)
	}
	if ambiguous.Class != provider.ClassAmbiguous {
		t.Error("the error itself was changed")
	}
	if e := provider.AsError(provider.Asking(&provider.Error{Class: provider.ClassSender})); e.Class != provider.ClassSender {
		t.Errorf("Asking = %+v", *e)
	}
	if e := provider.AsError(errors.New("forgotten")); e.Class != provider.ClassAmbiguous || e.Class.Retryable() {
		t.Errorf("AsError = %+v", *e)
	}
}

func TestNewMediaRequest(t *testing.T) {
	t.Parallel()
	const base = "https://api.carrier.example.test"
	for link, want := range map[string]bool{
		base + "/m/1": true, "HTTPS://API.carrier.example.test/m": true,
		base + ".evil.test/m": false, base + ":8443/m": false, "https://evil.test/?" + base: false,
	} {
		req, own, err := provider.NewMediaRequest(t.Context(), link, base)
		if err != nil || own != want || req.Method != http.MethodGet {
			t.Errorf("%s: own %t, %v", link, own, err)
		}
	}
	for _, link := range []string{"http://api.carrier.example.test/m", "//api.carrier.example.test/m", "https://u@api.carrier.example.test/m", ""} {
		if _, _, err := provider.NewMediaRequest(t.Context(), link, base); provider.AsError(err).Class != provider.ClassContent || err == nil {
			t.Errorf("%s: %v", link, err)
		}
	}
	if _, own, err := provider.NewMediaRequest(t.Context(), "https://cdn.example.test/m", ""); err != nil || own {
		t.Errorf("without a base: own %t, %v", own, err)
	}
}
