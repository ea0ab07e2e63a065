package httpx

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ClientIP returns the address of the request's sender: the connection's own,
// or, when that is a trusted proxy, the rightmost address of X-Forwarded-For
// that is not. Everything further left was written by the sender and proves
// nothing. An entry that cannot be read ends the search at the proxy that wrote
// it. The result is invalid only if the connection has no address.
func ClientIP(r *http.Request, trusted []netip.Prefix) netip.Addr {
	client, ok := parseIP(r.RemoteAddr)
	if !ok {
		return netip.Addr{}
	}
	chain := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, entry := range slices.Backward(chain) {
		if !isTrusted(client, trusted) {
			return client
		}
		earlier, ok := parseIP(strings.TrimSpace(entry))
		if !ok {
			return client
		}
		client = earlier
	}
	return client
}

func isTrusted(addr netip.Addr, trusted []netip.Prefix) bool {
	return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// parseIP reads an address with or without a port, and IPv6 with or without
// brackets. Zones are dropped: they mean nothing to anyone else.
func parseIP(text string) (netip.Addr, bool) {
	if target, err := netip.ParseAddrPort(text); err == nil {
		return target.Addr().Unmap().WithZone(""), true
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	if err != nil {
		return netip.Addr{}, false
	}
	return addr.Unmap().WithZone(""), true
}
