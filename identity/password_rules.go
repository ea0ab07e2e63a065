package identity

import (
	"context"
	_ "embed"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"

	"github.com/trellishq/trellis/internal/fault"
)

// Bounds of a password in characters.
const (
	minPassword = 8
	maxPassword = 128
	// minRemainder is how much of a password has to be something else than a name
	// that everybody knows.
	minRemainder = 4
)

// The most common passwords of several leaks, the most common first: those that
// zxcvbn collected (MIT, after M. Burnett), and in front of them some that are
// common in offices.
//
//go:embed common_passwords.txt
var commonPasswordsText string

var commonPasswords = sync.OnceValue(func() map[string]bool {
	common := map[string]bool{}
	for _, word := range strings.Fields(commonPasswordsText) {
		common[word] = true
	}
	return common
})

// passwordRules are what a password has to satisfy in a tenant.
type passwordRules struct {
	// strict is manual 004's security suite: all four classes of characters.
	strict bool
	// login and names are the user's; a password that is made of them is guessed.
	login string
	names []string
}

// checkPassword refuses a password that the rules of a tenant forbid to a user,
// with weak_password at body.password. It is not for use inside a transaction.
func (s *Service) checkPassword(ctx context.Context, tenantID uuid.UUID, login, name, password string) error {
	home, err := s.cfg.Tenants.Node(ctx, tenantID)
	if err != nil {
		return err
	}
	return passwordRules{strict: home.SecuritySuite, login: login, names: strings.Fields(name)}.check(password)
}

func weakPassword(message string) error {
	return fault.InvalidField(fault.CodeWeakPassword, "body.password", message)
}

// check refuses passwords that are guessed first. Without the strict rule any
// composition is good: length is what counts (ASVS 6.2.5).
func (r passwordRules) check(password string) error {
	password = norm.NFC.String(password)
	lower := strings.ToLower(password)
	switch n := utf8.RuneCountInString(password); {
	case !utf8.ValidString(password):
		return weakPassword("must be UTF-8")
	case n < minPassword:
		return weakPassword("must have at least 8 characters")
	case n > maxPassword:
		return weakPassword("must have at most 128 characters")
	case r.strict && !hasAllClasses(password):
		return weakPassword("must have a small letter, a capital, a digit and a special character")
	case r.isAName(lower):
		return weakPassword("must not be made of the login, of a name or of the product's name")
	case isCommon(lower):
		return weakPassword("is one of those that are tried first")
	}
	return nil
}

// hasAllClasses is the strict rule. Special is every printable ASCII character
// that is neither letter nor digit (decisions.md C-41).
func hasAllClasses(password string) bool {
	var small, capital, digit, special bool
	for _, r := range password {
		switch {
		case unicode.IsLower(r):
			small = true
		case unicode.IsUpper(r):
			capital = true
		case '0' <= r && r <= '9':
			digit = true
		case '!' <= r && r <= '~':
			special = true
		}
	}
	return small && capital && digit && special
}

// isAName tells whether less than four letters of a password are left without
// the words that everybody knows about its owner.
func (r passwordRules) isAName(lower string) bool {
	mailbox, domain, _ := strings.Cut(r.login, "@")
	if lower == r.login {
		return true
	}
	words := append([]string{mailbox, "trellis"}, strings.FieldsFunc(mailbox, notLetter)...)
	if host, _, found := strings.Cut(domain, "."); found {
		words = append(words, host)
	}
	for _, name := range r.names {
		words = append(words, strings.ToLower(norm.NFC.String(name)))
	}
	rest, hit := lower, false
	for _, word := range words {
		if utf8.RuneCountInString(word) >= minRemainder && strings.Contains(rest, word) {
			rest, hit = strings.ReplaceAll(rest, word, ""), true
		}
	}
	left := 0
	for _, char := range rest {
		if unicode.IsLetter(char) {
			left++
		}
	}
	return hit && left < minRemainder
}

func notLetter(r rune) bool { return !unicode.IsLetter(r) }

// looks are letters and the signs that are written for them.
var looks = strings.NewReplacer("@", "a", "4", "a", "3", "e", "1", "i", "!", "i", "0", "o", "$", "s", "5", "s", "7", "t")

// isCommon tells whether a password is on the list, as it is, in disguise, or
// with digits and signs around it.
func isCommon(lower string) bool {
	if isOneCharacter(lower) {
		return true
	}
	core := strings.TrimFunc(lower, notLetter)
	for _, form := range []string{lower, core, looks.Replace(lower), strings.TrimFunc(looks.Replace(core), notLetter)} {
		if commonPasswords()[form] {
			return true
		}
	}
	return false
}

func isOneCharacter(text string) bool {
	first, _ := utf8.DecodeRuneInString(text)
	return strings.Trim(text, string(first)) == ""
}
