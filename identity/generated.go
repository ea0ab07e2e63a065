package identity

import (
	"context"
	"crypto/rand"
	"math/big"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/secret"
)

const (
	// generatedLength gives a generated password more than 100 bits (D4-5).
	generatedLength = 20
	// initialPasswordLife is how long a generated password waits for its first use.
	initialPasswordLife = 72 * time.Hour
)

// The characters of generated passwords. What looks alike is left out: they are
// read to people and typed.
const (
	generatedLower   = "abcdefghijkmnpqrstuvwxyz"
	generatedUpper   = "ABCDEFGHJKLMNPQRSTUVWXYZ"
	generatedDigits  = "23456789"
	generatedSpecial = "!#%&*+-=?@"
)

// GeneratePassword makes a password that every rule accepts: it has small and
// capital letters, digits and signs.
func GeneratePassword() string {
	const all = generatedLower + generatedUpper + generatedDigits + generatedSpecial
	for {
		out := make([]byte, generatedLength)
		var has [4]bool
		for i := range out {
			out[i] = all[below(len(all))]
			for class, of := range []string{generatedLower, generatedUpper, generatedDigits, generatedSpecial} {
				has[class] = has[class] || strings.IndexByte(of, out[i]) >= 0
			}
		}
		// Drawn again rather than mended: every password that is possible stays as
		// likely as every other.
		if has == [4]bool{true, true, true, true} {
			return string(out)
		}
	}
}

// below draws a number from 0 to n-1, each as likely as the others.
func below(n int) int {
	drawn, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic("identity: no randomness: " + err.Error())
	}
	return int(drawn.Int64())
}

// GenerateUserPassword gives another user of the scope's tenant a generated
// password, returns it for the only time, and ends his sessions. He has to
// change it when he signs in first, within initialPasswordLife. It fails like
// SetPassword.
func (s *Service) GenerateUserPassword(ctx context.Context, userID uuid.UUID) (secret.String, error) {
	target, err := s.GetUser(ctx, userID)
	if err != nil {
		return secret.String{}, err
	}
	password, until := GeneratePassword(), s.cfg.Store.Now().Add(initialPasswordLife)
	return secret.NewString(password), s.givePassword(ctx, target, password, &until)
}
