package identity

import (
	"strings"
	"time"
)

// Doors for the tests, which stand outside of the package.

// SetDerive puts another function in the place of argon2.
func (p *Passwords) SetDerive(f func(password string) []byte) {
	p.derive = func(_ hashed, password string) []byte { return f(password) }
}

// Watch has each hash seen while it is made.
func (p *Passwords) Watch(see func()) {
	p.derive = func(h hashed, password string) []byte {
		see()
		return h.derive(password)
	}
}

// Waiting is how many wait for a slot.
func (p *Passwords) Waiting() int64 { return p.waiting.Load() }

// Slots is how many hashes run at once.
func (p *Passwords) Slots() int { return cap(p.slots) }

// MaxSuspected is how many suspects are served or wait.
const MaxSuspected = maxSuspected

// Suspected is how many suspects are served or wait at this moment.
func (p *Passwords) Suspected() int64 { return p.suspected.Load() }

// MaxHashingQueue is how many may wait.
const MaxHashingQueue = maxHashingQueue

// ParseHeader is what stands before every verification.
func ParseHeader(token string) (string, error) { return parseHeader(token) }

// ParseRefresh tells whether a refresh token is well formed.
func ParseRefresh(token string) bool { _, ok := parseRefresh(token); return ok }

// SpellRefresh writes a well-formed refresh token anew, from its parts.
func SpellRefresh(token string) string {
	p, _ := parseRefresh(token)
	return spellRefresh(p)
}

// IsKey tells whether a text is well formed as an API key.
func IsKey(text string) bool { return isKey(text) }

// NewKeyText makes the text of a key.
func NewKeyText() string { return newKeyText(livePrefix) }

// CleanLogin reads a login.
func CleanLogin(text string) (string, error) { return cleanLogin(text) }

// CheckPassword applies the rules for passwords.
func CheckPassword(strict bool, login, name, password string) error {
	return passwordRules{strict, login, strings.Fields(name)}.check(password)
}

// DelayAfter is how long the next attempt waits after so many failures.
func DelayAfter(failures int) time.Duration { return delayAfter(failures) }

// NetworkOf is what is taken for one place.
func NetworkOf(ip string) string { return networkOf(ip) }
