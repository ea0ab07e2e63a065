package identity

import (
	"net/mail"
	"regexp"
	"strings"

	"github.com/trellishq/trellis/internal/fault"
)

const maxLogin = 254

// loginPattern is narrower than RFC 5322: what people have for an address,
// without quoting, comments, literals and bare host names.
var loginPattern = regexp.MustCompile(
	`^[a-z0-9!#$%&'*+/=?^_{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_{|}~-]+)*@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$`)

// cleanLogin returns a login as it is stored: an e-mail address in small
// letters.
func cleanLogin(text string) (string, error) {
	login := strings.ToLower(text)
	mailbox, _, _ := strings.Cut(login, "@")
	if len(login) > maxLogin || len(mailbox) > 64 || !loginPattern.MatchString(login) {
		return "", invalidLoginField
	}
	parsed, err := mail.ParseAddress(login)
	if err != nil || parsed.Name != "" || parsed.Address != login {
		return "", invalidLoginField
	}
	return login, nil
}

var invalidLoginField = fault.InvalidField(fault.CodeInvalid, "body.login",
	"must be a plain e-mail address of at most 254 characters")
