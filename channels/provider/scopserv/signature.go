package scopserv

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/trellishq/trellis/channels/provider"
)

// The headers of a signed request, in either direction.
const (
	HeaderAccount   = "X-Carrier-Account"
	HeaderTimestamp = "X-Signature-Timestamp"
	HeaderSignature = "X-Signature-256"
)

// MaxSkew is how far a request's timestamp may be from the receiver's clock.
const MaxSkew = 300 * time.Second

// Sign returns the value of X-Signature-256: the hex HMAC-SHA256 of
// "{timestamp}.{METHOD}.{path and query}.{body}" after "sha256=". The
// timestamp is Unix time in seconds; pathQuery is that of the request line.
func Sign(secret string, timestamp int64, method, pathQuery string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(strconv.FormatInt(timestamp, 10) + "." + strings.ToUpper(method) + "." + pathQuery + "."))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// SignRequest puts the three headers on a request with this body.
func SignRequest(req *http.Request, account, secret string, at time.Time, body []byte) {
	timestamp := at.Unix()
	req.Header.Set(HeaderAccount, account)
	req.Header.Set(HeaderTimestamp, strconv.FormatInt(timestamp, 10))
	req.Header.Set(HeaderSignature, Sign(secret, timestamp, req.Method, req.URL.RequestURI(), body))
}

// CheckSignature tells whether a request was signed with the secret at a time
// within MaxSkew of its arrival. An empty secret signs nothing.
func CheckSignature(c provider.Callback, secret string) error {
	timestamp, err := strconv.ParseInt(c.Header.Get(HeaderTimestamp), 10, 64)
	if err != nil || secret == "" {
		return provider.ErrSignature
	}
	if skew := c.ReceivedAt.Sub(time.Unix(timestamp, 0)); skew.Abs() > MaxSkew {
		return provider.ErrSignature
	}
	want := Sign(secret, timestamp, c.Method, pathQuery(c.URL), c.Body)
	if !hmac.Equal([]byte(want), []byte(c.Header.Get(HeaderSignature))) {
		return provider.ErrSignature
	}
	return nil
}

// pathQuery cuts scheme and host from a URL without touching a byte of the
// rest: decoding and encoding again could give another signature.
func pathQuery(url string) string {
	_, rest, found := strings.Cut(url, "://")
	if !found {
		return url
	}
	start := strings.IndexAny(rest, "/?")
	switch {
	case start < 0:
		return "/"
	case rest[start] == '?':
		return "/" + rest[start:]
	default:
		return rest[start:]
	}
}
