package httpx_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/trellishq/trellis/internal/httpx"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}

// fakeDNS answers every question for an IPv4 address with the next of the
// given ones, and then with the last one for ever.
func fakeDNS(t *testing.T, answers ...string) *net.Resolver {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = socket.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for asked := 0; ; {
			n, from, err := socket.ReadFrom(buffer)
			if err != nil {
				return
			}
			var message dnsmessage.Message
			if message.Unpack(buffer[:n]) != nil {
				continue
			}
			message.Response, message.Additionals = true, nil
			if q := message.Questions[0]; q.Type == dnsmessage.TypeA {
				answer := answers[min(asked, len(answers)-1)]
				asked++
				message.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 0},
					Body:   &dnsmessage.AResource{A: netip.MustParseAddr(answer).As4()},
				}}
			}
			if packed, err := message.Pack(); err == nil {
				_, _ = socket.WriteTo(packed, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", socket.LocalAddr().String())
	}}
}

// counting serves a handler on 127.0.0.1 and counts what reaches it.
func counting(t *testing.T, h http.HandlerFunc) (server *httptest.Server, reached *atomic.Int32) {
	t.Helper()
	reached = new(atomic.Int32)
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached.Add(1)
		h(w, r)
	}))
	t.Cleanup(server.Close)
	return server, reached
}

// fetch gets a URL and returns the body as far as it could be read.
func fetch(client *http.Client, url string) (int, string, error) {
	response, err := client.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return response.StatusCode, string(content), err
}

func portOf(t *testing.T, server *httptest.Server) string {
	t.Helper()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestNamesThatResolveInside(t *testing.T) {
	for _, inside := range []string{"127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1"} {
		client := httpx.New(httpx.Config{Resolver: fakeDNS(t, inside)})
		_, _, err := fetch(client, "http://rebind.example.com/")
		if !errors.Is(err, httpx.ErrDenied) {
			t.Errorf("a name for %s: %v, want ErrDenied", inside, err)
		}
	}
}

func TestNamesThatFlip(t *testing.T) {
	server, reached := counting(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") })
	other := []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}
	client := httpx.New(httpx.Config{Allow: other, Resolver: fakeDNS(t, "127.0.0.2", "127.0.0.1")})
	url := "http://flips.example.com:" + portOf(t, server) + "/"
	if _, _, err := fetch(client, url); err == nil || errors.Is(err, httpx.ErrDenied) {
		t.Errorf("the first lookup: %v, want nobody there", err)
	}
	if _, _, err := fetch(client, url); !errors.Is(err, httpx.ErrDenied) {
		t.Errorf("the second lookup: %v, want ErrDenied", err)
	}
	if reached.Load() != 0 {
		t.Error("the inside was reached")
	}
}

func TestLiteralsInside(t *testing.T) {
	server, reached := counting(t, func(http.ResponseWriter, *http.Request) {})
	port := portOf(t, server)
	client := httpx.New(httpx.Config{})
	for _, host := range []string{"127.0.0.1", "[::ffff:127.0.0.1]", "0x7f.1", "2130706433", "localhost", "0.0.0.0"} {
		if _, _, err := fetch(client, "http://"+host+":"+port+"/"); !errors.Is(err, httpx.ErrDenied) {
			t.Errorf("%s: %v, want ErrDenied", host, err)
		}
	}
	if reached.Load() != 0 {
		t.Error("the inside was reached")
	}
}

func TestPortsOutsideOfAllowedNetworks(t *testing.T) {
	client := httpx.New(httpx.Config{Allow: loopback, Resolver: fakeDNS(t, "8.8.8.8")})
	if _, _, err := fetch(client, "http://example.com:6379/"); !errors.Is(err, httpx.ErrDenied) {
		t.Errorf("port 6379: %v, want ErrDenied", err)
	}
}

func TestAllowedNetworksAreReached(t *testing.T) {
	server, _ := counting(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	client := httpx.New(httpx.Config{Allow: loopback})
	status, content, err := fetch(client, server.URL)
	if err != nil || status != 200 || content != "hello" {
		t.Errorf("%d %q, %v", status, content, err)
	}
	if _, _, err := fetch(httpx.New(httpx.Config{Allow: loopback, HTTPSOnly: true}), server.URL); !errors.Is(err, httpx.ErrDenied) {
		t.Errorf("http where https is demanded: %v", err)
	}
}

func TestProxiesOfTheEnvironmentAreIgnored(t *testing.T) {
	proxy, reached := counting(t, func(http.ResponseWriter, *http.Request) {})
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	client := httpx.New(httpx.Config{Allow: loopback, Resolver: fakeDNS(t, "10.0.0.1")})
	if _, _, err := fetch(client, "http://example.com/"); !errors.Is(err, httpx.ErrDenied) {
		t.Errorf("%v, want ErrDenied", err)
	}
	if reached.Load() != 0 {
		t.Error("the proxy was asked")
	}
}

func TestRedirects(t *testing.T) {
	inside := "http://169.254.169.254/latest/meta-data/"
	server, _ := counting(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/inside" {
			http.Redirect(w, r, inside, http.StatusFound)
			return
		}
		if r.URL.Path == "/file" {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
			return
		}
		left, _ := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		if left > 0 {
			http.Redirect(w, r, "/"+strconv.Itoa(left-1), http.StatusFound)
		}
	})
	none := httpx.New(httpx.Config{Allow: loopback})
	if status, _, err := fetch(none, server.URL+"/inside"); err != nil || status != http.StatusFound {
		t.Errorf("without redirects: %d, %v", status, err)
	}
	three := httpx.New(httpx.Config{Allow: loopback, MaxRedirects: 99})
	if status, _, err := fetch(three, server.URL+"/3"); err != nil || status != http.StatusOK {
		t.Errorf("three redirects: %d, %v", status, err)
	}
	for _, path := range []string{"/4", "/inside", "/file"} {
		if _, _, err := fetch(three, server.URL+path); err == nil || (path != "/file" && !errors.Is(err, httpx.ErrDenied)) {
			t.Errorf("%s: %v, want ErrDenied", path, err)
		}
	}
}

func TestRedirectsToAnotherHostCarryNoCredentials(t *testing.T) {
	var got http.Header
	other, reached := counting(t, func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Clone() })
	first, _ := counting(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			t.Error("the first host got no credentials")
		}
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	client := httpx.New(httpx.Config{Allow: loopback, MaxRedirects: 3})
	request := func(method string, body io.Reader) (*http.Response, error) {
		r, err := http.NewRequest(method, first.URL+"/?token=secret", body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Basic secret")
		r.Header.Set("X-Api-Key", "secret")
		r.Header.Set("Cookie", "a=secret")
		r.Header.Set("Accept", "image/png")
		return client.Do(r)
	}

	response, err := request(http.MethodGet, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	for name, values := range got {
		if strings.Contains(strings.Join(values, ","), "secret") {
			t.Errorf("the other host got %s: %v", name, values)
		}
	}
	if got.Get("Accept") != "image/png" {
		t.Error("the other host got no Accept")
	}
	if _, err := request(http.MethodPost, strings.NewReader("body")); !errors.Is(err, httpx.ErrDenied) {
		t.Errorf("a body for another host: %v, want ErrDenied", err)
	}
	if reached.Load() != 1 {
		t.Errorf("the other host was reached %d times, want 1", reached.Load())
	}
}

func TestResponsesAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		size   int
		zipped bool
		want   error
	}{
		"empty": {0, false, nil}, "exact": {1000, false, nil}, "one more": {1001, false, httpx.ErrTooLarge},
		"bomb": {1 << 20, true, httpx.ErrTooLarge}, "zipped": {1000, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			server, _ := counting(t, func(w http.ResponseWriter, _ *http.Request) {
				content := bytes.Repeat([]byte("x"), c.size)
				if !c.zipped {
					_, _ = w.Write(content)
					return
				}
				w.Header().Set("Content-Encoding", "gzip")
				zipper := gzip.NewWriter(w)
				_, _ = zipper.Write(content)
				_ = zipper.Close()
			})
			_, content, err := fetch(httpx.New(httpx.Config{Allow: loopback, MaxResponseBytes: 1000}), server.URL)
			if !errors.Is(err, c.want) || len(content) != min(c.size, 1000) {
				t.Errorf("read %d bytes, %v, want %v", len(content), err, c.want)
			}
		})
	}
}

func TestClientIP(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for name, c := range map[string]struct {
		remote    string
		forwarded []string
		want      string
	}{
		"direct":             {"198.51.100.7:1234", nil, "198.51.100.7"},
		"direct and lying":   {"198.51.100.7:1234", []string{"1.1.1.1"}, "198.51.100.7"},
		"one proxy":          {"10.0.0.1:1", []string{"198.51.100.7"}, "198.51.100.7"},
		"proxy and lying":    {"10.0.0.1:1", []string{"1.1.1.1, 198.51.100.7"}, "198.51.100.7"},
		"two proxies":        {"10.0.0.1:1", []string{"1.1.1.1", "198.51.100.7, 10.0.0.2"}, "198.51.100.7"},
		"lying as a proxy":   {"10.0.0.1:1", []string{"10.9.9.9, 198.51.100.7"}, "198.51.100.7"},
		"only proxies":       {"10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"no header":          {"10.0.0.1:1", nil, "10.0.0.1"},
		"garbage":            {"10.0.0.1:1", []string{"198.51.100.7, unknown"}, "10.0.0.1"},
		"garbage further":    {"10.0.0.1:1", []string{"<x>, 10.0.0.2"}, "10.0.0.2"},
		"with port":          {"10.0.0.1:1", []string{"198.51.100.7:5555"}, "198.51.100.7"},
		"IPv6":               {"[fd00::1]:1", []string{"[2606:4700::1]:443"}, "2606:4700::1"},
		"IPv6 in brackets":   {"[fd00::1]:1", []string{"[2606:4700::1]"}, "2606:4700::1"},
		"mapped":             {"[::ffff:10.0.0.1]:1", []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		"zone":               {"[fe80::1%eth0]:1", nil, "fe80::1"},
		"a socket of a file": {"@", []string{"198.51.100.7"}, "invalid IP"},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = c.remote
			r.Header["X-Forwarded-For"] = c.forwarded
			if got := httpx.ClientIP(r, trusted).String(); got != c.want {
				t.Errorf("ClientIP = %s, want %s", got, c.want)
			}
		})
	}
}
