package identity

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/secret"
)

// A refresh token is trl_refresh_<session>_<generation>_<code>. The code
// authenticates session and generation, mixed with the session's nonce, so
// the token proves itself and the database holds nothing that could be turned
// into one. The successor of a token is the same whoever computes it.
const (
	refreshPrefix = "trl_refresh_"
	refreshLabel  = "refresh tokens"
	nonceSize     = 32
)

// refreshTokens makes and checks refresh tokens.
type refreshTokens struct{ keyring *secret.Keyring }

// presentedToken is a refresh token that is well formed and not yet proved.
type presentedToken struct {
	sessionID  uuid.UUID
	generation int
	code       []byte
}

func (r refreshTokens) make(sessionID uuid.UUID, generation int, nonce []byte) string {
	code := refreshCode(r.keyring.Derive(refreshLabel), sessionID, generation, nonce)
	return spellRefresh(presentedToken{sessionID, generation, code})
}

func spellRefresh(p presentedToken) string {
	return refreshPrefix + hex.EncodeToString(p.sessionID[:]) + "_" + strconv.Itoa(p.generation) + "_" +
		base64.RawURLEncoding.EncodeToString(p.code)
}

// genuine tells whether this server made a token, under its present master key
// or an earlier one.
func (r refreshTokens) genuine(p presentedToken, nonce []byte) bool {
	found := false
	for _, key := range r.keyring.DeriveAll(refreshLabel) {
		found = hmac.Equal(p.code, refreshCode(key, p.sessionID, p.generation, nonce)) || found
	}
	return found
}

func refreshCode(key []byte, sessionID uuid.UUID, generation int, nonce []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(sessionID[:])
	_ = binary.Write(mac, binary.BigEndian, uint64(generation))
	mac.Write(nonce)
	return mac.Sum(nil)
}

// parseRefresh reads a token's parts. Each token has one spelling only.
func parseRefresh(token string) (presentedToken, bool) {
	rest, found := strings.CutPrefix(token, refreshPrefix)
	if !found || len(rest) > 32+1+9+1+43 {
		return presentedToken{}, false
	}
	parts := strings.SplitN(rest, "_", 3)
	if len(parts) != 3 || len(parts[0]) != 32 {
		return presentedToken{}, false
	}
	session, sessionErr := hex.DecodeString(parts[0])
	generation, generationErr := strconv.Atoi(parts[1])
	code, codeErr := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if sessionErr != nil || generationErr != nil || codeErr != nil || generation < 1 || len(code) != sha256.Size {
		return presentedToken{}, false
	}
	// The decoders let through capitals, signs, zeros in front and line breaks.
	p := presentedToken{uuid.UUID(session), generation, code}
	return p, spellRefresh(p) == token
}
