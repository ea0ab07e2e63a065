package httpx_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/trellishq/trellis/internal/httpx"
)

func TestURLsThatAreRefused(t *testing.T) {
	for _, raw := range []string{
		"", "https://", "https:example.com", "//example.com", "example.com", "https:///path",
		"gopher://example.com/_GET", "file:///etc/passwd", "ftp://example.com", "javascript:alert(1)", "data:,x",
		"http://127.0.0.1/", "http://127.1/", "http://127.0.0.01/", "http://0x7f.1/", "http://0x7f000001/", "http://0X7F.0.0.1",
		"http://2130706433/", "http://017700000001/", "http://0/", "http://0.0.0.0/",
		"http://10.1.2.3/", "http://172.16.0.1/", "http://172.31.255.255/", "http://192.168.1.1/",
		"http://169.254.169.254/latest/meta-data/", "http://100.64.0.1/", "http://192.0.0.192/", "http://198.18.0.1/",
		"http://192.0.2.1/", "http://198.51.100.1/", "http://203.0.113.1/", "http://224.0.0.1/", "http://240.0.0.1/", "http://255.255.255.255/",
		"http://[::]/", "http://[::1]/", "http://[::127.0.0.1]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/",
		"http://[64:ff9b::7f00:1]/", "http://[64:ff9b:1::1]/", "http://[fe80::1]/", "http://[fe80::1%25eth0]/", "http://[fd00::1]/",
		"http://[fec0::1]/", "http://[ff02::1]/", "http://[2001:db8::1]/", "http://[2002:7f00:1::]/", "http://[2001::1]/", "http://[100::1]/",
		"http://１２７.0.0.1/", "http://127。0。0。1/", "http://127.0.0.1./",
		"http://good@127.0.0.1/", "https://user:password@example.com/", "https://example.com@evil.test/",
		"http://localhost/", "http://metadata/", "http://intranet./",
		"https://example.com:22/", "https://example.com:6379/", "https://example.com:0443/", "https://example.com:99999/", "https://example.com:x/",
		"https://example.com/\r\nX-Evil: 1", "https://example.com/a b", "https://example.com\\@127.0.0.1/", "https://example.com/\x00", "https://exa\tmple.com",
		"https://[::1", "https://exa%6dple.com:x", "https://a..example.com/", "https://0.\xbc0000000", "https://" + strings.Repeat("a", 64) + ".com/",
		"https://example.com/" + strings.Repeat("a", 2048),
	} {
		if u, err := httpx.CheckURL(raw, false); err == nil {
			t.Errorf("%q was accepted as %s", raw, u)
		}
	}
}

func TestURLsThatAreAccepted(t *testing.T) {
	for raw, want := range map[string]string{
		"https://example.com":                "https://example.com",
		"https://example.com./hook?a=b#c":    "https://example.com/hook?a=b#c",
		"https://EXAMPLE.com:8443/Hook":      "https://example.com:8443/Hook",
		"https://bücher.example/":            "https://xn--bcher-kva.example/",
		"https://cafe.de/":                   "https://cafe.de/",
		"https://1.example.com/":             "https://1.example.com/",
		"https://8.8.8.8/":                   "https://8.8.8.8/",
		"https://[2606:4700:4700::1111]/":    "https://[2606:4700:4700::1111]/",
		"https://[2606:4700:4700::1111]:443": "https://[2606:4700:4700::1111]:443",
		"http://example.com:80/":             "http://example.com:80/",
		"https://example.com/%0d%0a":         "https://example.com/%0d%0a",
	} {
		u, err := httpx.CheckURL(raw, false)
		if err != nil {
			t.Errorf("%q: %v", raw, err)
		} else if u.String() != want {
			t.Errorf("%q became %s, want %s", raw, u, want)
		}
	}
	if _, err := httpx.CheckURL("http://example.com/", true); err == nil {
		t.Error("http was accepted where https is demanded")
	}
}

func TestAllowedNetworks(t *testing.T) {
	guard := httpx.Guard{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	for _, raw := range []string{"http://127.0.0.1:4010/", "http://localhost:4010/", "http://[::ffff:127.0.0.1]:1/"} {
		if _, err := guard.CheckURL(raw, false); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
	}
	for _, raw := range []string{"http://10.0.0.1/", "http://[::1]/", "http://2130706433/", "http://169.254.169.254/"} {
		if _, err := guard.CheckURL(raw, false); err == nil {
			t.Errorf("%s was accepted", raw)
		}
	}
}

func TestAddresses(t *testing.T) {
	for text, public := range map[string]bool{
		"1.1.1.1": true, "100.63.255.255": true, "100.128.0.0": true, "172.32.0.1": true, "198.20.0.1": true,
		"::ffff:1.1.1.1": true, "2a00:1450::1": true,
		"100.127.255.255": false, "198.19.255.255": false, "::ffff:10.0.0.1": false, "64:ff9b::808:808": false,
		"2606:4700::1%eth0": false, "4000::1": false, "::": false,
	} {
		if err := (httpx.Guard{}).CheckAddr(netip.MustParseAddr(text)); (err == nil) != public {
			t.Errorf("CheckAddr(%s) = %v", text, err)
		}
	}
	if err := (httpx.Guard{}).CheckAddr(netip.Addr{}); err == nil {
		t.Error("the zero address was accepted")
	}
}

func FuzzCheckURL(f *testing.F) {
	for _, seed := range []string{"https://example.com:443/?q", "http://[::ffff:127.0.0.1]/", "http://0x7f.1", "https://bücher.example"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := httpx.CheckURL(raw, false)
		if err != nil {
			return
		}
		if u.User != nil || (u.Scheme != "http" && u.Scheme != "https") {
			t.Errorf("%q was accepted as %s", raw, u)
		}
		if addr, err := netip.ParseAddr(u.Hostname()); err == nil && (addr.IsLoopback() || addr.IsPrivate()) {
			t.Errorf("%q was accepted as %s", raw, u)
		}
		again, err := httpx.CheckURL(u.String(), false)
		if err != nil || again.Host != u.Host {
			t.Errorf("%q became %s, which is then %v, %v", raw, u, again, err)
		}
	})
}
