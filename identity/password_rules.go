package identity

import (
	_ "embed"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/trellishq/trellis/internal/fault"
)

// Bounds of a password in characters.
const (
	minPassword = 8
	maxPassword = 128
)

//go:embed common_passwords.txt
var commonPasswordsText string

var commonPasswords = sync.OnceValue(func() map[string]bool {
	common := map[string]bool{}
	for _, word := range strings.Fields(commonPasswordsText) {
		common[word] = true
	}
	return common
})

// checkPassword refuses passwords that are guessed first. Any composition is
// good: length is what counts (ASVS 6.2.5).
func checkPassword(login, password string) error {
	weak := func(message string) error {
		return fault.InvalidField(fault.CodeWeakPassword, "body.password", message)
	}
	password = norm.NFC.String(password)
	lower := strings.ToLower(password)
	mailbox, _, _ := strings.Cut(login, "@")
	switch n := utf8.RuneCountInString(password); {
	case !utf8.ValidString(password):
		return weak("must be UTF-8")
	case n < minPassword:
		return weak("must have at least 8 characters")
	case n > maxPassword:
		return weak("must have at most 128 characters")
	case lower == login || lower == mailbox:
		return weak("must not be the login")
	case commonPasswords()[lower] || isOneCharacter(lower):
		return weak("is one of those that are tried first")
	}
	return nil
}

func isOneCharacter(text string) bool {
	first, _ := utf8.DecodeRuneInString(text)
	return strings.Trim(text, string(first)) == ""
}
