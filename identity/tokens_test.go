package identity_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/secret"
)

// signer signs what it likes with the platform's real key, as an attacker
// cannot: what is refused then is refused for what it says.
type signer struct {
	kid     string
	private ed25519.PrivateKey
}

func (w *world) signer(t *testing.T) signer {
	t.Helper()
	var (
		s      signer
		sealed []byte
	)
	err := w.database.Owner(t).QueryRow(`SELECT kid, private FROM signing_keys ORDER BY created_at LIMIT 1`).Scan(&s.kid, &sealed)
	if err != nil {
		t.Fatal(err)
	}
	seed, err := keyring(t, 1).Open(uuid.Nil, "signing_keys", s.kid, "private", secret.Sealed(sealed))
	if err != nil {
		t.Fatal(err)
	}
	s.private = ed25519.NewKeyFromSeed(seed)
	return s
}

func segment(t *testing.T, value any) string {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

func (s signer) sign(t *testing.T, header, claims map[string]any) string {
	t.Helper()
	text := segment(t, header) + "." + segment(t, claims)
	return text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(s.private, []byte(text)))
}

func decode(t *testing.T, token string, part int) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[part])
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWhatAnAccessTokenSays(t *testing.T) {
	t.Parallel()
	w := setup(t)
	tokens := w.login(t, w.user(t, w.customer, authz.Agent, "ann"))
	header, claims := decode(t, tokens.AccessToken.Reveal(), 0), decode(t, tokens.AccessToken.Reveal(), 1)
	if header["alg"] != "EdDSA" || header["typ"] != "at+jwt" || header["kid"] != w.signer(t).kid || len(header) != 3 {
		t.Errorf("the header is %v", header)
	}
	now := float64(w.clock.Now().Unix())
	for name, want := range map[string]any{
		"iss": issuer, "sub": tokens.UserID.String(), "sid": tokens.SessionID.String(), "tenant": w.customer.ID.String(),
		"iat": now, "nbf": now, "exp": now + 900,
	} {
		if claims[name] != want {
			t.Errorf("%s is %v, want %v", name, claims[name], want)
		}
	}
	if claims["jti"] == "" || len(claims) != 9 {
		t.Errorf("the claims are %v", claims)
	}
}

// Covers D5-1.
func TestTokensThatAreRefused(t *testing.T) {
	t.Parallel()
	w := setup(t)
	good := w.login(t, w.user(t, w.customer, authz.Agent, "ann")).AccessToken.Reveal()
	key := w.signer(t)
	header, claims := decode(t, good, 0), decode(t, good, 1)
	with := func(of map[string]any, changes ...any) map[string]any {
		out := maps.Clone(of)
		for i := 0; i < len(changes); i += 2 {
			if changes[i+1] == nil {
				delete(out, changes[i].(string))
			} else {
				out[changes[i].(string)] = changes[i+1]
			}
		}
		return out
	}
	now := w.clock.Now().Unix()
	if _, err := w.Authenticate(t.Context(), key.sign(t, header, with(claims, "jti", "another"))); err != nil {
		t.Fatalf("the test cannot sign: %v", err)
	}
	parts := strings.Split(good, ".")
	hmacSigned, err := (&jwt.Token{
		Header: with(header, "alg", "HS256"), Claims: jwt.MapClaims(claims), Method: jwt.SigningMethodHS256,
	}).SignedString([]byte(key.private.Public().(ed25519.PublicKey)))
	if err != nil {
		t.Fatal(err)
	}
	_, foreign, _ := ed25519.GenerateKey(nil)
	stranger := signer{key.kid, foreign}
	jwk := map[string]any{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(foreign.Public().(ed25519.PublicKey))}

	for name, token := range map[string]string{
		"nonsense":             "nonsense",
		"two parts":            parts[0] + "." + parts[1],
		"four parts":           good + ".x",
		"no signature":         parts[0] + "." + parts[1] + ".",
		"alg none":             segment(t, with(header, "alg", "none")) + "." + parts[1] + ".",
		"alg none, signed":     key.sign(t, with(header, "alg", "none"), claims),
		"alg HS256":            hmacSigned,
		"alg RS256":            key.sign(t, with(header, "alg", "RS256"), claims),
		"alg in small letters": key.sign(t, with(header, "alg", "eddsa"), claims),
		"no alg":               key.sign(t, with(header, "alg", nil), claims),
		"another's signature":  stranger.sign(t, header, claims),
		"own key enclosed":     stranger.sign(t, with(header, "jwk", jwk), claims),
		"jwk":                  key.sign(t, with(header, "jwk", jwk), claims),
		"jku":                  key.sign(t, with(header, "jku", "https://example.com/jwks"), claims),
		"x5u":                  key.sign(t, with(header, "x5u", "https://example.com/x5u"), claims),
		"x5c":                  key.sign(t, with(header, "x5c", []string{"x"}), claims),
		"crit":                 key.sign(t, with(header, "crit", []string{"exp"}), claims),
		"unknown kid":          key.sign(t, with(header, "kid", "other"), claims),
		"no kid":               key.sign(t, with(header, "kid", nil), claims),
		"kid is no text":       key.sign(t, with(header, "kid", 7), claims),
		"typ JWT":              key.sign(t, with(header, "typ", "JWT"), claims),
		"no typ":               key.sign(t, with(header, "typ", nil), claims),
		"another issuer":       key.sign(t, header, with(claims, "iss", "https://other.example.com")),
		"no issuer":            key.sign(t, header, with(claims, "iss", nil)),
		"another audience":     key.sign(t, header, with(claims, "aud", "other")),
		"no audience":          key.sign(t, header, with(claims, "aud", nil)),
		"expired":              key.sign(t, header, with(claims, "exp", now-31)),
		"no expiry":            key.sign(t, header, with(claims, "exp", nil)),
		"expiry is text":       key.sign(t, header, with(claims, "exp", "never")),
		"not yet":              key.sign(t, header, with(claims, "nbf", now+31)),
		"no nbf":               key.sign(t, header, with(claims, "nbf", nil)),
		"from the future":      key.sign(t, header, with(claims, "iat", now+31)),
		"no iat":               key.sign(t, header, with(claims, "iat", nil)),
		"no jti":               key.sign(t, header, with(claims, "jti", nil)),
		"no sub":               key.sign(t, header, with(claims, "sub", nil)),
		"another sub":          key.sign(t, header, with(claims, "sub", uuid.NewString())),
		"no sid":               key.sign(t, header, with(claims, "sid", nil)),
		"another sid":          key.sign(t, header, with(claims, "sid", uuid.NewString())),
		"sid is no id":         key.sign(t, header, with(claims, "sid", "x")),
		"no tenant":            key.sign(t, header, with(claims, "tenant", nil)),
		"another tenant":       key.sign(t, header, with(claims, "tenant", w.foreign.ID.String())),
		"too long":             key.sign(t, header, with(claims, "jti", strings.Repeat("x", 9000))),
		"line break":           good[:len(good)-4] + "\n" + good[len(good)-4:],
		"padding":              good + "=",
		"space":                good + " ",
	} {
		_, err := w.Authenticate(t.Context(), token)
		if f, ok := fault.As(err); !ok || f.Code != fault.CodeInvalidToken || f.Kind != fault.Unauthenticated {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = w.Authenticate(t.Context(), "")
	wantCode(t, err, fault.CodeUnauthenticated)
}

func TestTokensEndAfterTheLeeway(t *testing.T) {
	t.Parallel()
	w := setup(t)
	token := w.login(t, w.user(t, w.customer, authz.Agent, "ann")).AccessToken.Reveal()
	w.clock.Advance(15*time.Minute + 29500*time.Millisecond)
	w.authenticate(t, token)
	w.clock.Advance(500 * time.Millisecond) // still remembered, and over
	_, err := w.Authenticate(t.Context(), token)
	wantCode(t, err, fault.CodeInvalidToken)
	w.clock.Advance(time.Second)
	_, err = w.Authenticate(t.Context(), token)
	wantCode(t, err, fault.CodeInvalidToken)
}

type jwks struct {
	Keys []struct{ Alg, Crv, Kid, Kty, Use, X string }
}

func published(t *testing.T, s *identity.Service) jwks {
	t.Helper()
	raw, err := s.JWKS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), `"d"`) {
		t.Error("a private half is published")
	}
	var set jwks
	if err := json.Unmarshal(raw, &set); err != nil {
		t.Fatal(err)
	}
	return set
}

// The published keys are enough to check a token without us.
func TestJWKSVerifiesTokens(t *testing.T) {
	t.Parallel()
	w := setup(t)
	set := published(t, w.Service)
	token := w.login(t, w.user(t, w.customer, authz.Agent, "ann")).AccessToken.Reveal()
	if len(set.Keys) != 1 {
		t.Fatalf("%d keys", len(set.Keys))
	}
	key := set.Keys[0]
	if key.Alg != "EdDSA" || key.Crv != "Ed25519" || key.Kty != "OKP" || key.Use != "sig" {
		t.Errorf("got %+v", key)
	}
	digest := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + key.X + `"}`))
	if key.Kid != base64.RawURLEncoding.EncodeToString(digest[:]) {
		t.Error("the key id is not the thumbprint of RFC 7638")
	}
	public, _ := base64.RawURLEncoding.DecodeString(key.X)
	parts := strings.Split(token, ".")
	signature, _ := base64.RawURLEncoding.DecodeString(parts[2])
	if !ed25519.Verify(public, []byte(parts[0]+"."+parts[1]), signature) {
		t.Error("the published key does not verify")
	}
}

func TestReplicasMakeOneFirstKey(t *testing.T) {
	t.Parallel()
	w := setup(t)
	var all sync.WaitGroup
	for range 8 {
		s, _ := w.replica(t, nil)
		all.Go(func() {
			if _, err := s.JWKS(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if set := published(t, w.Service); len(set.Keys) != 1 {
		t.Errorf("%d keys", len(set.Keys))
	}
}

// A new key is published for an hour before it signs, and the old one is
// accepted until its last tokens are over.
func TestRotation(t *testing.T) {
	t.Parallel()
	w := setup(t)
	u := w.user(t, w.customer, authz.Agent, "ann")
	kid := func(token string) any { return decode(t, token, 0)["kid"] }
	before := w.login(t, u).AccessToken.Reveal()
	elsewhere, _ := w.replica(t, nil)
	if _, err := elsewhere.Authenticate(t.Context(), before); err != nil {
		t.Fatal(err)
	}

	w.clock.Advance(time.Minute)
	rotation, err := w.Rotate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fresh := rotation.KeyID
	if want := w.clock.Now().Add(time.Hour); !rotation.SignsFrom.Equal(want) || !rotation.OthersUntil.After(want.Add(15*time.Minute)) {
		t.Errorf("got %+v", rotation)
	}
	if set := published(t, w.Service); len(set.Keys) != 2 || set.Keys[1].Kid != fresh {
		t.Errorf("published %+v", set)
	}
	w.clock.Advance(59 * time.Minute)
	last := w.login(t, u).AccessToken.Reveal()
	if kid(last) != kid(before) {
		t.Error("the new key signs before others can know it")
	}
	w.clock.Advance(time.Minute)
	after := w.login(t, u).AccessToken.Reveal()
	if kid(after) != fresh {
		t.Error("the new key does not sign after its lead")
	}
	for _, token := range []string{last, after} {
		if _, err := elsewhere.Authenticate(t.Context(), token); err != nil {
			t.Errorf("the other replica: %v", err)
		}
	}
	w.clock.Advance(time.Hour)
	if set := published(t, w.Service); len(set.Keys) != 1 || set.Keys[0].Kid != fresh {
		t.Errorf("published %+v", set)
	}
	if kid(w.login(t, u).AccessToken.Reveal()) != fresh {
		t.Error("the old key still signs")
	}
}

// Keys that somebody else may have are withdrawn: at once here, and elsewhere
// as soon as they are read again.
func TestWithdrawal(t *testing.T) {
	t.Parallel()
	w := setup(t)
	u := w.user(t, w.customer, authz.Agent, "ann")
	before := w.login(t, u)
	elsewhere, _ := w.replica(t, nil)
	if _, err := elsewhere.Authenticate(t.Context(), before.AccessToken.Reveal()); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Minute)
	if _, err := w.Rotate(t.Context()); err != nil { // one that waits for its lead goes as well
		t.Fatal(err)
	}
	w.clock.Advance(time.Minute)
	rotation, err := w.Withdraw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if set := published(t, w.Service); len(set.Keys) != 1 || set.Keys[0].Kid != rotation.KeyID {
		t.Errorf("published %+v", set)
	}
	w.clock.Advance(cacheLife)
	_, err = w.Authenticate(t.Context(), before.AccessToken.Reveal())
	wantCode(t, err, fault.CodeInvalidToken)
	after, err := w.Refresh(t.Context(), before.RefreshToken.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if decode(t, after.AccessToken.Reveal(), 0)["kid"] != rotation.KeyID {
		t.Error("the new key does not sign at once")
	}
	w.authenticate(t, after.AccessToken.Reveal())
	w.clock.Advance(5 * time.Minute)
	_, err = elsewhere.Authenticate(t.Context(), before.AccessToken.Reveal())
	wantCode(t, err, fault.CodeInvalidToken)
	if _, err := elsewhere.Authenticate(t.Context(), after.AccessToken.Reveal()); err != nil {
		t.Error(err)
	}
}

// Another replica's new key is found when a token of it arrives.
func TestAnUnknownKeyIsLookedUp(t *testing.T) {
	t.Parallel()
	w := setup(t)
	u := w.user(t, w.customer, authz.Agent, "ann")
	quick, _ := w.replica(t, func(c *identity.Config) { c.KeyLead = time.Nanosecond })
	w.authenticate(t, w.login(t, u).AccessToken.Reveal())
	w.clock.Advance(time.Second)
	if _, err := quick.Rotate(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(time.Second)
	tokens, err := quick.Login(t.Context(), u.Login, password, identity.Client{})
	if err != nil {
		t.Fatal(err)
	}
	w.authenticate(t, tokens.AccessToken.Reveal())
}

// Writing to the table is not enough to bring in a key.
func TestAKeyNeedsTheMasterKey(t *testing.T) {
	t.Parallel()
	w := setup(t)
	token := w.login(t, w.user(t, w.customer, authz.Agent, "ann")).AccessToken.Reveal()
	_, err := w.database.Owner(t).Exec(`INSERT INTO signing_keys (kid, public, private, created_at)
		SELECT 'planted', public, private, created_at FROM signing_keys`)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, _ := w.replica(t, nil)
	_, err = elsewhere.Authenticate(t.Context(), token)
	if _, isFault := fault.As(err); err == nil || isFault {
		t.Errorf("got %v, want an error for the operator", err)
	}
}

func FuzzParseHeader(f *testing.F) {
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	f.Add(encode(`{"alg":"EdDSA","typ":"at+jwt","kid":"k"}`) + ".e30.")
	f.Add(encode(`{"alg":"none","typ":"at+jwt","kid":"k"}`) + ".e30.")
	f.Add(encode(`{"alg":"EdDSA","typ":"at+jwt","kid":"k","jku":"https://example.com"}`) + ".e30.")
	f.Add(encode(`{"alg":"none","alg":"EdDSA","typ":"at+jwt","kid":"k"}`) + ".e30.")
	f.Add(encode(`null`) + ".e30.")
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		kid, err := identity.ParseHeader(token)
		if err != nil {
			return
		}
		header, _, err := jwt.NewParser(jwt.WithStrictDecoding()).ParseUnverified(token, jwt.MapClaims{})
		if err != nil {
			return // refused by the library, then
		}
		if kid == "" || header.Header["kid"] != kid || header.Header["alg"] != "EdDSA" || len(header.Header) != 3 {
			t.Errorf("%q was read as %v", token, header.Header)
		}
	})
}
