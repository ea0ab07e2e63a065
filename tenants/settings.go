package tenants

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/tenant"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/tenants/scope"
)

// ContentAccess says whether staff from above, who act in a tenant, may read
// its messages.
type ContentAccess string

// The choices of ContentAccess.
const (
	ContentClosed ContentAccess = "closed"
	ContentOpen   ContentAccess = "open"
)

// Settings are what a tenant decides for itself. They hold in the tenant alone,
// not below it.
type Settings struct {
	ContentAccess ContentAccess
	// SecuritySuite turns on the strict rules for passwords.
	SecuritySuite bool
	// RequireIfMatch refuses changes that do not say which version they change.
	RequireIfMatch bool
	// AllowedOrigins are the web sites that may call the API from a browser.
	AllowedOrigins []string
}

// mayChangeContentAccess lets only the tenant's own people decide who reads its
// messages: staff from above would give themselves what it is there to keep
// from them, and a key can be made from above.
func mayChangeContentAccess(ctx context.Context, t *ent.Tenant) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	if r, ok := reachOf(ctx); ok && (r.Home != t.Path || sc.Actor.Kind != scope.ActorUser) {
		return fault.New(fault.Forbidden, fault.CodeForbidden,
			"Who may read a tenant's messages is decided by its own administrators.").
			At("body.content_access", "cannot be changed by this caller")
	}
	return nil
}

func cleanContentAccess(access ContentAccess) error {
	if access != ContentClosed && access != ContentOpen {
		return fault.InvalidField(fault.CodeInvalid, "body.content_access", "must be closed or open", short(string(access)))
	}
	return nil
}

const (
	maxOrigins = 20
	maxOrigin  = 300
)

// cleanOrigins returns origins as browsers write them, each once, in the order
// in which they were given.
func cleanOrigins(given []string) ([]string, error) {
	if len(given) > maxOrigins {
		return nil, fault.InvalidField(fault.CodeInvalid, "body.allowed_origins", "must be 20 at most")
	}
	clean := []string{}
	for i, text := range given {
		origin, ok := cleanOrigin(text)
		if !ok {
			return nil, fault.InvalidField(fault.CodeInvalid, fmt.Sprintf("body.allowed_origins[%d]", i),
				"must be an origin, such as https://app.example.com or https://app.example.com:8443, with nothing behind it", short(text))
		}
		if !slices.Contains(clean, origin) {
			clean = append(clean, origin)
		}
	}
	return clean, nil
}

// cleanOrigin reads scheme, host and port in the form that browsers send as
// Origin (RFC 6454, 6.2): small letters, and without the port that the scheme
// implies. Unencrypted pages cannot be told from what somebody on their way
// made of them, so they are no origin here.
func cleanOrigin(text string) (string, bool) {
	rest, encrypted := strings.CutPrefix(strings.ToLower(text), "https://")
	if !encrypted || len(text) > maxOrigin || strings.ContainsAny(rest, "/?#@%\\ ") {
		return "", false
	}
	u, err := url.Parse("https://" + rest)
	if err != nil || strings.HasSuffix(u.Host, ":") || u.Port() != "" && !isPort(u.Port()) {
		return "", false
	}
	host, port := u.Hostname(), u.Port()
	if address, err := netip.ParseAddr(host); err == nil {
		host = address.String()
	} else if !isHost(host) {
		return "", false
	}
	switch {
	case port != "" && port != "443":
		return "https://" + net.JoinHostPort(host, port), true
	case strings.Contains(host, ":"):
		return "https://[" + host + "]", true
	}
	return "https://" + host, true
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0 && text == strconv.FormatUint(n, 10)
}

// isHost tells whether a text is a host's name in small letters (RFC 1123,
// 2.1); other alphabets come in their ASCII form (xn--).
func isHost(text string) bool {
	if text == "" || len(text) > 253 {
		return false
	}
	for label := range strings.SplitSeq(text, ".") {
		if label == "" || len(label) > 63 || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") ||
			strings.ContainsFunc(label, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }) {
			return false
		}
	}
	return true
}

// setSettings notes the changed settings and returns their names.
func setSettings(ctx context.Context, present *ent.Tenant, c Change, update *ent.TenantUpdateOne) ([]string, error) {
	var changed []string
	if c.ContentAccess != nil && tenant.ContentAccess(*c.ContentAccess) != present.ContentAccess {
		if err := mayChangeContentAccess(ctx, present); err != nil {
			return nil, err
		}
		update.SetContentAccess(tenant.ContentAccess(*c.ContentAccess))
		changed = append(changed, "content_access")
	}
	if c.SecuritySuite != nil && *c.SecuritySuite != present.SecuritySuite {
		update.SetSecuritySuite(*c.SecuritySuite)
		changed = append(changed, "security_suite")
	}
	if c.RequireIfMatch != nil && *c.RequireIfMatch != present.RequireIfMatch {
		update.SetRequireIfMatch(*c.RequireIfMatch)
		changed = append(changed, "require_if_match")
	}
	if c.AllowedOrigins != nil && !slices.Equal(*c.AllowedOrigins, present.AllowedOrigins) {
		update.SetAllowedOrigins(*c.AllowedOrigins)
		changed = append(changed, "allowed_origins")
	}
	return changed, nil
}
