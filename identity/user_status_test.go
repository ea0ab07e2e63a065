package identity_test

import (
	"strings"
	"testing"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/identity"
)

// Every pair of a user's status and an action, one line for each action; a dash
// refuses. Restoring leads to where archiving came from, in the last line.
const userLife = `
	         invited   active    disabled  archived
	accept   active    -         -         -
	disable  -         disabled  -         -
	enable   -         -         active    -
	archive  archived  archived  archived  -
	restore  -         -         -         was
`

// Covers: USR-12 USR-19
func TestEveryPairOfUserStatusAndAction(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSpace(userLife), "\n")
	columns := strings.Fields(lines[0])
	if len(columns) != len(identity.UserStatuses()) || len(lines)-1 != len(identity.UserActions()) {
		t.Fatalf("the table has %d statuses and %d actions", len(columns), len(lines)-1)
	}
	for i, action := range identity.UserActions() {
		words := strings.Fields(lines[i+1])
		if words[0] != string(action) {
			t.Fatalf("line %d is about %s, want %s", i, words[0], action)
		}
		for n, from := range identity.UserStatuses() {
			for _, was := range append(identity.UserStatuses(), "") {
				want := words[n+1]
				if want == "was" {
					want = "-"
					if was != identity.UserArchived && was != "" {
						want = string(was)
					}
				}
				to, ok := identity.NextUserStatus(from, action, was)
				got := string(to)
				if !ok {
					got = "-"
				}
				if got != want {
					t.Errorf("%s of %s (was %s) leads to %s, want %s", action, from, was, got, want)
				}
			}
		}
	}
}

// A permission on content belongs to an application, or it is here on purpose.
func TestEveryPermissionOnContentHasItsApplication(t *testing.T) {
	t.Parallel()
	apart := map[authz.Permission]string{
		authz.OptOutsRead:   "administration of consent",
		authz.PresenceWrite: "about the user himself",

		authz.AgentsRead:         "serves all applications in which agents work",
		authz.AgentsWork:         "as before",
		authz.AgentsSupervise:    "as before",
		authz.StaffMessagesRead:  "kept from a user by the function internal_messenger",
		authz.StaffMessagesWrite: "kept from a user by the function internal_messenger",
		authz.StaffGroupsWrite:   "kept from a user by the function internal_messenger",
	}
	for _, permission := range authz.Permissions() {
		if permission.Administrative() {
			if a := identity.ApplicationOf(permission); a != "" {
				t.Errorf("%s is administration and belongs to %s", permission, a)
			}
			continue
		}
		if _, known := apart[permission]; !known && identity.ApplicationOf(permission) == "" {
			t.Errorf("%s belongs to no application", permission)
		}
	}
}

func TestGeneratedPasswordsAreStrong(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 500 {
		password := identity.GeneratePassword()
		if len(password) < 16 || seen[password] || identity.CheckPassword(true, "ada@maple.example", "Ada", password) != nil {
			t.Fatalf("made %q", password)
		}
		for _, class := range []string{"abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", "!#%&*+-=?@"} {
			if !strings.ContainsAny(password, class) {
				t.Errorf("%q has none of %s", password, class)
			}
		}
		seen[password] = true
	}
}
