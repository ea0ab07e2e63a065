package httpx

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// ErrTooLarge is a response body over the client's limit.
var ErrTooLarge = errors.New("httpx: the response is too large")

// maxRedirects is the greatest number of redirects that a client may follow.
const maxRedirects = 3

// Config says what a client may do. The zero Config is that of outgoing
// webhooks, but for HTTPSOnly.
type Config struct {
	// Allow lists networks that may be reached although they are not public.
	Allow []netip.Prefix
	// HTTPSOnly refuses http URLs, also as the target of a redirect.
	HTTPSOnly bool
	// Timeout covers a whole exchange with its redirects and the body; zero is
	// 20 seconds.
	Timeout time.Duration
	// MaxResponseBytes bounds the body after decompression; zero is 64 kB. A
	// longer one ends in ErrTooLarge.
	MaxResponseBytes int64
	// MaxRedirects is 0 to 3. With 0 a redirect is returned as the response.
	MaxRedirects int
	// Resolver looks names up; nil is the system's.
	Resolver *net.Resolver
}

// New makes a client for URLs that come from outside. Every URL, redirects
// included, passes CheckURL, and every address is checked when it is connected
// to. Proxies of the environment are ignored and cookies are not kept. The
// client is safe for concurrent use and keeps connections: make it once.
func New(c Config) *http.Client {
	guard := Guard{Allow: c.Allow}
	dialer := guard.Dialer(webPorts...)
	dialer.Resolver = c.Resolver
	if c.Timeout <= 0 {
		c.Timeout = 20 * time.Second
	}
	if c.MaxResponseBytes <= 0 {
		c.MaxResponseBytes = 64 << 10
	}
	return &http.Client{
		Timeout:       c.Timeout,
		CheckRedirect: redirectPolicy(min(c.MaxRedirects, maxRedirects)),
		Transport: &transport{
			guard:     guard,
			httpsOnly: c.HTTPSOnly,
			maxBytes:  c.MaxResponseBytes,
			next: &http.Transport{
				Proxy: nil,
				DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
					return dialer.DialContext(ctx, "tcp", addr)
				},
				TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
				TLSHandshakeTimeout:    connectTimeout,
				ForceAttemptHTTP2:      true,
				MaxIdleConns:           100,
				MaxIdleConnsPerHost:    4,
				IdleConnTimeout:        30 * time.Second,
				MaxResponseHeaderBytes: 64 << 10,
			},
		},
	}
}

// transport checks each request's URL and bounds each response's body.
type transport struct {
	guard     Guard
	httpsOnly bool
	maxBytes  int64
	next      *http.Transport
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	checked, err := t.guard.CheckURL(r.URL.String(), t.httpsOnly)
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, fmt.Errorf("%w: %w", ErrDenied, err)
	}
	r = r.Clone(r.Context())
	r.URL.Host = checked.Host
	response, err := t.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = &boundedBody{ReadCloser: response.Body, left: t.maxBytes}
	return response, nil
}

// CloseIdleConnections is called by http.Client's method of that name.
func (t *transport) CloseIdleConnections() { t.next.CloseIdleConnections() }

// boundedBody ends in ErrTooLarge instead of pretending that a part is all.
type boundedBody struct {
	io.ReadCloser
	left int64
}

// Read implements io.Reader.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, ErrTooLarge
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1] // one more byte than allowed tells whether there is more
	}
	n, err := b.ReadCloser.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return n - 1, ErrTooLarge
	}
	return n, err
}

// redirectPolicy follows up to limit redirects. A step to another host loses
// every header that may be a credential, for good; a step from https to http,
// or one that would send a body to another host, is not taken.
func redirectPolicy(limit int) func(*http.Request, []*http.Request) error {
	return func(next *http.Request, via []*http.Request) error {
		if limit == 0 {
			return http.ErrUseLastResponse
		}
		if len(via) > limit {
			return fmt.Errorf("%w: more than %d redirects", ErrDenied, limit)
		}
		if via[len(via)-1].URL.Scheme == "https" && next.URL.Scheme != "https" {
			return fmt.Errorf("%w: a redirect from https to http", ErrDenied)
		}
		if !leavesHost(next, via) {
			return nil
		}
		if next.Method != http.MethodGet && next.Method != http.MethodHead {
			return fmt.Errorf("%w: a redirect that takes the body to another host", ErrDenied)
		}
		dropCredentials(next.Header)
		return nil
	}
}

func leavesHost(next *http.Request, via []*http.Request) bool {
	first := origin(via[0].URL)
	for _, r := range via {
		if origin(r.URL) != first {
			return true
		}
	}
	return origin(next.URL) != first
}

func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

// dropCredentials keeps the few headers that are known to be none.
func dropCredentials(h http.Header) {
	for name := range h {
		switch name {
		case "Accept", "Accept-Language", "Range", "User-Agent":
		default:
			delete(h, name)
		}
	}
}
