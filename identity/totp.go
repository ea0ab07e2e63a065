package identity

import (
	"context"
	"crypto/subtle"
	"encoding/base32"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"github.com/trellishq/trellis/internal/secret"
	"github.com/trellishq/trellis/internal/store"
)

// Codes are those of RFC 6238 as every app makes them: six digits of HMAC-SHA1,
// a new one every 30 seconds.
const (
	factorBytes  = 20
	factorDigits = 6
	factorPeriod = 30
	// factorIssuer is what an app shows beside the login.
	factorIssuer = "Trellis"
)

var factorEncoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// enrolment is a secret as a device takes it over.
func enrolment(login string, raw []byte) Enrolment {
	text := factorEncoding.EncodeToString(raw)
	u := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + factorIssuer + ":" + login, RawQuery: url.Values{
		"secret": {text}, "issuer": {factorIssuer}, "algorithm": {"SHA1"},
		"digits": {strconv.Itoa(factorDigits)}, "period": {strconv.Itoa(factorPeriod)},
	}.Encode()}
	return Enrolment{Secret: secret.NewString(text), URL: secret.NewString(u.String())}
}

// factor is a user's second factor, locked.
type factor struct {
	secret    string
	confirmed bool
	lastStep  int64
}

// lockFactor reads a user's second factor; nil where he has none.
func (s *Service) lockFactor(ctx context.Context, tenantID, userID uuid.UUID) (*factor, error) {
	var f factor
	var sealed []byte
	err := store.QueryRow(ctx, []any{&sealed, &f.confirmed, &f.lastStep}, `
		SELECT secret, confirmed_at IS NOT NULL, last_step FROM second_factors
		WHERE tenant_id = $1 AND user_id = $2 AND secret IS NOT NULL FOR UPDATE`, tenantID, userID)
	if store.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading a second factor: %w", err)
	}
	raw, err := s.cfg.Keyring.Open(tenantID, SealedFactors.Table, userID.String(), SealedFactors.Column, sealed)
	if err != nil {
		return nil, fmt.Errorf("opening a second factor: %w", err)
	}
	f.secret = factorEncoding.EncodeToString(raw)
	return &f, nil
}

// match finds the period whose code it is: the present one, the one before, or
// the one after, for clocks that differ. A code is good once, and so are those
// before it.
func (f factor) match(code string, now time.Time) (step int64, right bool) {
	present := now.Unix() / factorPeriod
	for _, at := range []int64{present - 1, present, present + 1} {
		want, err := hotp.GenerateCodeCustom(f.secret, uint64(at),
			hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err != nil {
			return 0, false
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && at > f.lastStep {
			step, right = at, true
		}
	}
	return step, right
}
