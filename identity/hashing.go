package identity

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Hashing is what a password's hash costs (argon2id).
type Hashing struct {
	// Memory in KiB.
	Memory uint32
	// Time is the number of passes over the memory.
	Time uint32
	// Threads is the degree of parallelism.
	Threads uint8
}

// DefaultHashing is what OWASP asks for at least: 19 MiB, two passes.
var DefaultHashing = Hashing{Memory: 19 * 1024, Time: 2, Threads: 1}

const (
	saltSize = 16
	hashSize = 32
)

// hashed is a password's hash with all that is needed to make it again.
type hashed struct {
	Hashing
	salt, sum []byte
}

var encoding = base64.RawStdEncoding.Strict()

// String writes a hash in PHC form: $argon2id$v=19$m=19456,t=2,p=1$salt$sum.
func (h hashed) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.Memory, h.Time, h.Threads,
		encoding.EncodeToString(h.salt), encoding.EncodeToString(h.sum))
}

var errNoHash = errors.New("identity: a stored password hash cannot be read")

// parseHash reads what String writes. It refuses parameters that would hold up
// the server for long, whoever wrote them.
func parseHash(text string) (hashed, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return hashed{}, errNoHash
	}
	var h hashed
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.Memory, &h.Time, &h.Threads); err != nil {
		return hashed{}, errNoHash
	}
	var saltErr, sumErr error
	h.salt, saltErr = encoding.DecodeString(parts[4])
	h.sum, sumErr = encoding.DecodeString(parts[5])
	if saltErr != nil || sumErr != nil || len(h.salt) < 8 || len(h.sum) < 16 || h.String() != text ||
		h.Memory > 1<<18 || h.Time < 1 || h.Time > 16 || h.Threads < 1 {
		return hashed{}, errNoHash
	}
	return h, nil
}

// weakerThan tells whether a hash costs less than one made now would.
func (h hashed) weakerThan(now Hashing) bool {
	return h.Memory < now.Memory || h.Time < now.Time || h.Threads < now.Threads ||
		len(h.salt) < saltSize || len(h.sum) < hashSize
}

func (h hashed) derive(password string) []byte {
	return argon2.IDKey([]byte(password), h.salt, h.Time, h.Memory, h.Threads, uint32(len(h.sum)))
}

func (h hashed) is(derived []byte) bool { return subtle.ConstantTimeCompare(h.sum, derived) == 1 }

// newHash has a salt and room for the sum.
func newHash(cost Hashing) hashed {
	return hashed{Hashing: cost, salt: random(saltSize), sum: make([]byte, hashSize)}
}

func random(n int) []byte {
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		panic("identity: the system has no randomness: " + err.Error())
	}
	return b
}
