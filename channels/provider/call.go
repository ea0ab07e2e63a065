package provider

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Timeout bounds one call to a provider, from connecting to the last byte of
// the answer. It is shorter than a worker's grace at shutdown, so that a
// worker that stops still learns what became of its submission.
const Timeout = 10 * time.Second

// MaxAnswer is the most that is read of a provider's answer.
const MaxAnswer = 1 << 20

// maxRetryAfter bounds a provider's wish; a longer one is a mistake.
const maxRetryAfter = 24 * time.Hour

// Answer is what a provider answered. A body that was too large or broke off
// is empty: the status alone is then known.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// NewHTTPClient returns the client that adapters use when they are given none.
func NewHTTPClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   5 * time.Second,
		ResponseHeaderTimeout: Timeout,
		MaxIdleConnsPerHost:   32,
		IdleConnTimeout:       90 * time.Second,
		ForceAttemptHTTP2:     true,
	}}
}

// Do makes one call and reads the answer to its end, so that the connection
// can be used again. It honours the request's context within Timeout and never
// follows a redirect, because the next host must not see the credentials.
//
// Every error is an *Error without a word of the request or of the answer. It
// is ClassTransient only where the request certainly did not leave: no
// connection was had when it failed.
func Do(client *http.Client, req *http.Request) (*Answer, error) {
	if err := req.Context().Err(); err != nil {
		return nil, notSent(err)
	}
	ctx, cancel := context.WithTimeout(req.Context(), Timeout)
	defer cancel()
	var asked, connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) { asked.Store(true) },
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})

	resp, err := withoutRedirects(client).Do(req.WithContext(ctx))
	switch {
	case err != nil && asked.Load() && !connected.Load():
		return nil, notSent(err)
	case err != nil:
		return nil, ClassifyNetwork(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxAnswer+1))
	if err != nil || len(body) > MaxAnswer {
		body = nil
	}
	return &Answer{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

func withoutRedirects(client *http.Client) *http.Client {
	return &http.Client{
		Transport:     client.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// ClassifyNetwork tells what a call without an answer means. Errors of the
// name service, of connecting and of the server's certificate come before the
// first byte of a request and are ClassTransient; after everything else nobody
// knows whether the provider has the message.
func ClassifyNetwork(err error) *Error {
	var (
		dns         *net.DNSError
		op          *net.OpError
		certificate *tls.CertificateVerificationError
		notTLS      tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &dns), errors.As(err, &certificate), errors.As(err, &notTLS):
		return notSent(err)
	case errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect"):
		return notSent(err)
	}
	e := &Error{Class: ClassAmbiguous, Code: "connection_lost", Message: "The connection broke before the provider answered."}
	var wait net.Error
	switch {
	case errors.Is(err, context.Canceled):
		e.Code, e.Message = "canceled", "The call was given up before the provider answered."
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &wait) && wait.Timeout():
		e.Code, e.Message = "timeout", "The provider did not answer in time."
	}
	return e.Because(harmless(err))
}

func notSent(err error) *Error {
	e := &Error{Class: ClassTransient, Code: "not_connected", Message: "The provider could not be reached."}
	return e.Because(harmless(err))
}

// harmless keeps of a network error what cannot hold a word of the request or
// of the answer. net/http quotes URLs, and with them numbers; its complaints
// about an answer quote the answer.
func harmless(err error) error {
	var (
		errno syscall.Errno
		dns   *net.DNSError
		alien x509.UnknownAuthorityError
		name  x509.HostnameError
	)
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return context.DeadlineExceeded
	case errors.As(err, &errno):
		return errno
	case errors.As(err, &dns):
		return errors.New("host not found")
	case errors.As(err, &alien):
		return errors.New("certificate of an unknown authority")
	case errors.As(err, &name):
		return errors.New("certificate for another host")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	default:
		return nil
	}
}

// OK tells whether the provider answered 2xx.
func (a *Answer) OK() bool { return a.Status >= 200 && a.Status <= 299 }

// Decode reads a JSON answer. A failure is ClassAmbiguous and quotes nothing.
func (a *Answer) Decode(v any) error {
	if err := json.Unmarshal(a.Body, v); err != nil {
		return a.NotUnderstood()
	}
	return nil
}

// NotUnderstood is the error for an answer that makes no sense: whether the
// provider took the message over is then unknown.
func (a *Answer) NotUnderstood() *Error {
	return &Error{Class: ClassAmbiguous, Code: strconv.Itoa(a.Status), Message: "The provider's answer was not understood."}
}

// Refusal classifies an answer by its HTTP status alone, for providers' codes
// that an adapter does not know (rules A13-1).
//
// An unlisted refusal is ClassContent: it fails this one message without
// branding the recipient and without stopping the channel. What points at the
// account (401, 402, 403, 404, 405) is ClassSender. A server that gave up
// waiting for the request (408) may have read enough of it, and an answer that
// is neither an acceptance nor a refusal says nothing: both are ambiguous, as
// is every 5xx.
func (a *Answer) Refusal() *Error {
	e := &Error{Code: strconv.Itoa(a.Status), RetryAfter: RetryAfter(a.Header)}
	switch {
	case a.Status == http.StatusTooManyRequests, a.Status == http.StatusTooEarly:
		e.Class, e.Message = ClassTransient, "The provider asks to send more slowly."
	case a.Status == http.StatusUnauthorized, a.Status == http.StatusPaymentRequired, a.Status == http.StatusForbidden,
		a.Status == http.StatusNotFound, a.Status == http.StatusMethodNotAllowed:
		e.Class, e.Message = ClassSender, "The provider refuses this account or sending number."
	case a.Status == http.StatusRequestTimeout:
		e.Class, e.Message = ClassAmbiguous, "The provider did not read the request in time."
	case a.Status >= 400 && a.Status <= 499:
		e.Class, e.Message = ClassContent, "The provider refuses this message."
	default:
		e.Class, e.Message = ClassAmbiguous, "The provider failed while it handled the message."
	}
	return e
}

// NoSuchMessage is the error of a Reporter for an id that the provider does
// not know.
func NoSuchMessage() *Error {
	return &Error{Class: ClassContent, Code: "no_such_message", Message: "The provider does not know this message."}
}

// RetryAfter reads the header of the same name: seconds, or a date that is
// compared with the answer's own Date. It is zero where the header is absent,
// unreadable or in the past, and never more than a day.
func RetryAfter(h http.Header) time.Duration {
	value := h.Get("Retry-After")
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	now, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}

// Asking adapts the error of a call that changes nothing at the provider: it
// can always be repeated, so ClassAmbiguous becomes ClassTransient.
func Asking(err error) error {
	if err == nil {
		return nil
	}
	e := *AsError(err)
	if e.Class == ClassAmbiguous {
		e.Class = ClassTransient
	}
	return &e
}

// NewMediaRequest prepares the GET of an inbound picture and tells whether its
// host is the provider's own, which alone may see credentials: scheme and host
// with port must be those of base. It accepts http only from such a base, a
// simulator.
func NewMediaRequest(ctx context.Context, link, base string) (req *http.Request, own bool, err error) {
	refused := &Error{Class: ClassContent, Code: "media_url", Message: "The address of the picture is not usable."}
	home, err := url.Parse(base)
	if err != nil {
		return nil, false, refused
	}
	target, err := url.Parse(link)
	if err != nil || target.Host == "" || target.User != nil {
		return nil, false, refused
	}
	own = home.Host != "" && strings.EqualFold(target.Scheme, home.Scheme) && strings.EqualFold(target.Host, home.Host)
	if !own && !strings.EqualFold(target.Scheme, "https") {
		return nil, false, refused
	}
	req, err = http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, false, refused
	}
	return req, own, nil
}

// OldestFirst puts found messages into the order that Finder promises.
func OldestFirst(found []Found) {
	slices.SortStableFunc(found, func(a, b Found) int { return a.CreatedAt.Compare(b.CreatedAt) })
}
