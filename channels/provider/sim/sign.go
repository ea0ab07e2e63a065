package sim

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// signTwilio is X-Twilio-Signature: base64 of HMAC-SHA1 over the URL followed
// by each parameter's name and value, sorted by name.
// https://www.twilio.com/docs/usage/security#validating-requests
func signTwilio(token, url string, form url.Values) string {
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(url))
	for _, name := range slices.Sorted(maps.Keys(form)) {
		mac.Write([]byte(name))
		mac.Write([]byte(form.Get(name)))
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// The headers of docs/operator-carrier.md, which both sides send.
const (
	headerCarrierAccount   = "X-Carrier-Account"
	headerCarrierTimestamp = "X-Signature-Timestamp"
	headerCarrierSignature = "X-Signature-256"

	carrierTolerance = 300 * time.Second
)

// signCarrier is X-Signature-256 of docs/operator-carrier.md.
func signCarrier(secret, timestamp, method, pathAndQuery string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp + "." + method + "." + pathAndQuery + "."))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// fresh tells whether a timestamp in Unix seconds is near enough to now.
func fresh(timestamp string, now time.Time) bool {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	return err == nil && now.Sub(time.Unix(seconds, 0)).Abs() <= carrierTolerance
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// secretOf is the key of a callback, or a wrong one where that is asked for.
func (n *notice) secretOf() string {
	if n.badSignature {
		return "not-" + n.account.secret
	}
	return n.account.secret
}
