// Package httpx owns how the program reaches hosts that users name and how it
// knows who reaches it: an HTTP client that cannot be turned against the
// inside of the network (rules.md D7), and the address of a request's sender.
package httpx

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// ErrDenied is a connection to an address or port that must not be reached.
// Show a client neither it nor any other error of a connection, but one and
// the same answer, or the client can scan the network (D7-3).
var ErrDenied = errors.New("httpx: the address or port is not allowed")

// maxURL is the greatest length of a URL in bytes.
const maxURL = 2048

// connectTimeout bounds one TCP connect and one TLS handshake.
const connectTimeout = 5 * time.Second

// denied holds what is not the public internet (D7-2 and the IANA registries
// of special purpose addresses). netip's own predicates miss many of them.
var denied = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"2001::/23",     // Teredo, ORCHID and benchmarks
	"2001:db8::/32", // documentation
	"2002::/16",     // 6to4 carries an IPv4 address
	"3fff::/20",     // documentation
)

// globalIPv6 holds every public IPv6 address. Outside are loopback, fc00::/7,
// fe80::/10, ff00::/8, 64:ff9b::/96 (NAT64) and all that is not given out.
var globalIPv6 = netip.MustParsePrefix("2000::/3")

// webPorts are those of HTTP and HTTPS.
var webPorts = []uint16{80, 443, 8443}

// hostNames maps names to ASCII as a browser does, and checks their lengths.
var hostNames = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true), idna.VerifyDNSLength(true))

// Guard decides which hosts may be reached. The zero Guard allows the public
// internet only.
type Guard struct {
	// Allow lists networks that may be reached although they are not public,
	// on every port. It is for simulators and for services next door.
	Allow []netip.Prefix
}

// CheckAddr returns ErrDenied for an address that is neither public nor allowed.
func (g Guard) CheckAddr(addr netip.Addr) error {
	addr = addr.Unmap()
	if g.allows(addr) || isPublic(addr) {
		return nil
	}
	return ErrDenied
}

// Dialer returns a dialer that looks at every address it is about to connect
// to, after names are resolved, so that a name cannot change its mind between
// check and use (D7-1). Outside of Allow it connects to the given ports only.
func (g Guard) Dialer(ports ...uint16) *net.Dialer {
	return &net.Dialer{
		Timeout: connectTimeout,
		Control: func(network, address string, _ syscall.RawConn) error {
			target, err := netip.ParseAddrPort(address)
			if err != nil || !strings.HasPrefix(network, "tcp") {
				return ErrDenied
			}
			if g.allows(target.Addr().Unmap()) {
				return nil
			}
			if !slices.Contains(ports, target.Port()) {
				return ErrDenied
			}
			return g.CheckAddr(target.Addr())
		},
	}
}

func (g Guard) allows(addr netip.Addr) bool {
	return slices.ContainsFunc(g.Allow, func(p netip.Prefix) bool { return p.Contains(addr) })
}

func isPublic(addr netip.Addr) bool {
	if !addr.IsValid() || addr.Zone() != "" || (addr.Is6() && !globalIPv6.Contains(addr)) {
		return false
	}
	return !slices.ContainsFunc(denied, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// CheckURL is Guard.CheckURL of the public internet.
func CheckURL(raw string, httpsOnly bool) (*url.URL, error) {
	return Guard{}.CheckURL(raw, httpsOnly)
}

// CheckURL reads a URL that a user gave and refuses what can never be reached:
// other schemes than https (and http unless httpsOnly), user names, other ports
// than 80, 443 and 8443, addresses that are not public or not written in the
// usual way, names without a dot, control characters, more than 2048 bytes. The
// host of the result is in lower case and in ASCII. The error is fit for the
// user.
//
// It looks nothing up: a good URL may still be ErrDenied at connect time.
func (g Guard) CheckURL(raw string, httpsOnly bool) (*url.URL, error) {
	if len(raw) > maxURL {
		return nil, fmt.Errorf("the URL is longer than %d bytes", maxURL)
	}
	if !utf8.ValidString(raw) {
		return nil, errors.New("the URL is not valid UTF-8")
	}
	if strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\\' }) {
		return nil, errors.New("the URL has a space, a backslash or a control character")
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("this is not a URL")
	}
	if err := checkScheme(u, httpsOnly); err != nil {
		return nil, err
	}
	if u.User != nil {
		return nil, errors.New("the URL must not have a user name or password")
	}
	host, err := g.checkHost(u.Hostname())
	if err != nil {
		return nil, err
	}
	if err := g.checkPort(u.Port()); err != nil {
		return nil, err
	}
	u.Host = joinHost(host, u.Port())
	return u, nil
}

func checkScheme(u *url.URL, httpsOnly bool) error {
	switch {
	case u.Scheme == "https" && u.Opaque == "":
		return nil
	case u.Scheme == "http" && u.Opaque == "" && !httpsOnly:
		return nil
	case httpsOnly:
		return errors.New("the URL must begin with https://")
	default:
		return errors.New("the URL must begin with https:// or http://")
	}
}

// checkHost returns the host in its canonical form. What the system's resolver
// might take for an address, as 0x7f.1 or 2130706433, must be one in the usual
// form (D7-2). A name such as cafe.de is not that, though all its letters are
// hexadecimal: as in the WHATWG's URL standard the last label decides.
func (g Guard) checkHost(host string) (string, error) {
	if strings.Contains(host, ":") {
		return g.checkLiteral(host)
	}
	name, err := hostNames.ToASCII(strings.TrimSuffix(host, "."))
	if err != nil || name == "" {
		return "", errors.New("the URL's host is not a name")
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	if looksNumeric(last) {
		return g.checkLiteral(name)
	}
	if last == name && len(g.Allow) == 0 {
		return "", errors.New("the URL's host must be a full name")
	}
	return name, nil
}

func (g Guard) checkLiteral(host string) (string, error) {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return "", errors.New("the URL's host is neither a name nor an address in the usual form")
	}
	if err := g.CheckAddr(addr); err != nil {
		return "", errors.New("the URL's host is not a public address")
	}
	return addr.String(), nil
}

func looksNumeric(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return label != "" && strings.Trim(label, "0123456789") == ""
}

// checkPort leaves the port to the dialer where networks are allowed: there a
// simulator may listen on any.
func (g Guard) checkPort(port string) error {
	if port == "" || len(g.Allow) > 0 {
		return nil
	}
	for _, allowed := range webPorts {
		if port == fmt.Sprint(allowed) {
			return nil
		}
	}
	return errors.New("the URL's port must be 443 or 8443, or 80 with http")
}

func joinHost(host, port string) string {
	if port != "" {
		return net.JoinHostPort(host, port)
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

func prefixes(texts ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}
