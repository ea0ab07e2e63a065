package mail

import (
	"fmt"
	"slices"
	"strings"
)

// Kind is an occasion to write to somebody.
type Kind string

// The kinds of mail, with the values that their words need.
const (
	// PasswordReset: link.
	PasswordReset Kind = "password_reset"
	// PasswordChanged says that somebody has changed the password. Values: when.
	PasswordChanged Kind = "password_changed"
	// PasswordExpiring: days, link.
	PasswordExpiring Kind = "password_expiring"
	// Invitation: link, inviter, tenant, days.
	Invitation Kind = "invitation"
	// Welcome: login, tenant, link.
	Welcome Kind = "welcome"
	// SessionReuse says that a copy of a session was used. Values: when.
	SessionReuse Kind = "session_reuse"
	// SecondFactorChanged: change (enabled, disabled, reset or
	// recovery_codes), when.
	SecondFactorChanged Kind = "second_factor_changed"
)

// Kinds lists all kinds.
func Kinds() []Kind {
	return []Kind{
		PasswordReset, PasswordChanged, PasswordExpiring, Invitation, Welcome, SessionReuse, SecondFactorChanged,
	}
}

// needs are the values without which a kind cannot be worded.
var needs = map[Kind][]string{
	PasswordReset:       {"link"},
	PasswordChanged:     {"when"},
	PasswordExpiring:    {"days", "link"},
	Invitation:          {"link", "inviter", "tenant", "days"},
	Welcome:             {"login", "tenant", "link"},
	SessionReuse:        {"when"},
	SecondFactorChanged: {"change", "when"},
}

// Languages lists the languages that mails are written in, the one for all
// others first.
func Languages() []string { return []string{"en", "fr"} }

// languageOf is the language to write in for a BCP 47 tag.
func languageOf(tag string) string {
	base, _, _ := strings.Cut(strings.ToLower(tag), "-")
	if slices.Contains(Languages(), base) {
		return base
	}
	return Languages()[0]
}

// check finds mistakes of the program before they reach the database.
func (m Message) check() error {
	required, known := needs[m.Kind]
	if !known {
		return fmt.Errorf("mail: the kind %q is not known", m.Kind)
	}
	if m.To == "" {
		return fmt.Errorf("mail: a %s has no recipient", m.Kind)
	}
	for _, name := range required {
		if m.Values[name] == "" {
			return fmt.Errorf("mail: a %s needs the value %q", m.Kind, name)
		}
	}
	return nil
}
