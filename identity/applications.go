package identity

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/internal/fault"
)

// Application is a part of the product that a user is shown or not. What he is
// not shown, he may not use either: permissions that belong to it are withheld.
type Application string

// The applications.
const (
	Messages    Application = "messages"
	Contacts    Application = "contacts"
	Chat        Application = "chat"
	Email       Application = "email"
	Fax         Application = "fax"
	OpenChannel Application = "open_channel"
	Calls       Application = "calls"
	Recordings  Application = "recordings"
	Reports     Application = "reports"
)

// Applications lists all applications. A user whose list was never customised
// has them all, also those that are added here later; one whose list was, has
// only what stands in it.
func Applications() []Application {
	return []Application{Messages, Contacts, Chat, Email, Fax, OpenChannel, Calls, Recordings, Reports}
}

// applicationOf says to which application a permission on content belongs. What
// is not here is administration, or serves several of them.
var applicationOf = map[authz.Permission]Application{
	authz.InteractionsRead:     Messages,
	authz.InteractionsMark:     Messages,
	authz.InteractionsReply:    Messages,
	authz.InteractionsStart:    Messages,
	authz.InteractionsAssign:   Messages,
	authz.InteractionsClose:    Messages,
	authz.InteractionsEdit:     Messages,
	authz.InteractionsReopen:   Messages,
	authz.InteractionsLink:     Messages,
	authz.InteractionsTag:      Messages,
	authz.InteractionsTake:     Messages,
	authz.InteractionsTransfer: Messages,
	authz.InteractionsRetrieve: Messages,
	authz.InboxViewsWrite:      Messages,
	authz.InboxViewsShare:      Messages,
	authz.OffersRead:           Messages,
	authz.OffersAnswer:         Messages,
	authz.NotesRead:            Messages,
	authz.NotesWrite:           Messages,
	authz.NotesSecret:          Messages,
	authz.ContactsRead:         Contacts,
	authz.ContactsWrite:        Contacts,
	authz.ContactListsRead:     Contacts,
	authz.ContactListsWrite:    Contacts,
}

// ApplicationOf says to which application a permission belongs; "" is none.
func ApplicationOf(p authz.Permission) Application { return applicationOf[p] }

// Function is a small thing that an agent can do, and can be kept from.
type Function string

// The functions. They concern the work of agents; a frontend leaves out what is
// disabled, and the operations that serve them refuse it.
const (
	Pause             Function = "pause"
	CustomPause       Function = "custom_pause"
	PreviewDialer     Function = "preview_dialer"
	InternalMessenger Function = "internal_messenger"
)

// Functions lists all functions.
func Functions() []Function { return []Function{Pause, CustomPause, PreviewDialer, InternalMessenger} }

// Tools are what a user is shown.
type Tools struct {
	// Applications is nil for a user whose list was never customised.
	Applications []Application
	Disabled     []Function
}

func toolsOf(u *ent.User) Tools {
	return Tools{cast[Application](u.Applications), cast[Function](u.DisabledFunctions)}
}

// Shown are the applications that the user has.
func (t Tools) Shown() []Application {
	if t.Applications == nil {
		return Applications()
	}
	return slices.DeleteFunc(Applications(), func(a Application) bool { return !slices.Contains(t.Applications, a) })
}

// Enabled are the functions that the user has.
func (t Tools) Enabled() []Function {
	return slices.DeleteFunc(Functions(), func(f Function) bool { return slices.Contains(t.Disabled, f) })
}

// withheld are the permissions of the applications that the user is not shown.
func (t Tools) withheld() authz.Set {
	var set authz.Set
	if t.Applications == nil {
		return set
	}
	for permission, application := range applicationOf {
		if !slices.Contains(t.Applications, application) {
			set = set.With(permission)
		}
	}
	return set
}

// storedTools reads the column of a user's applications: a list in JSON, or null.
func storedTools(column []byte) (Tools, error) {
	var t Tools
	if column == nil {
		return t, nil
	}
	if err := json.Unmarshal(column, &t.Applications); err != nil {
		return t, fmt.Errorf("reading a user's applications: %w", err)
	}
	return t, nil
}

// ToolsChange holds the new tools of a user; nil leaves them as they are.
type ToolsChange struct {
	// Applications replaces the list; a nil list is everything again.
	Applications *[]Application
	Disabled     *[]Function
}

func (c ToolsChange) clean() (ToolsChange, error) {
	if c.Applications != nil && *c.Applications != nil {
		clean, err := cleanList("body.applications", *c.Applications, Applications())
		if err != nil {
			return c, err
		}
		c.Applications = &clean
	}
	if c.Disabled != nil {
		clean, err := cleanList("body.disabled_functions", *c.Disabled, Functions())
		if err != nil {
			return c, err
		}
		c.Disabled = &clean
	}
	return c, nil
}

// cleanList puts a list into the order of what is known, without doubles.
func cleanList[W ~string](location string, list, known []W) ([]W, error) {
	clean := []W{}
	for _, word := range list {
		if !slices.Contains(known, word) {
			return nil, fault.InvalidField(fault.CodeInvalid, location, "has a word that is not known", string(word))
		}
	}
	for _, word := range known {
		if slices.Contains(list, word) {
			clean = append(clean, word)
		}
	}
	return clean, nil
}

// against leaves of a change what would change something.
func (c ToolsChange) against(present *ent.User) ToolsChange {
	now := toolsOf(present)
	if c.Applications != nil && (*c.Applications == nil) == (now.Applications == nil) && slices.Equal(*c.Applications, now.Applications) {
		c.Applications = nil
	}
	if c.Disabled != nil && slices.Equal(*c.Disabled, now.Disabled) {
		c.Disabled = nil
	}
	return c
}

// apply writes a change into an update, and names the fields.
func (c ToolsChange) apply(m *ent.UserMutation) (changed []string) {
	switch {
	case c.Applications == nil:
	case *c.Applications == nil:
		m.ClearApplications()
		changed = append(changed, "applications")
	default:
		m.SetApplications(cast[string](*c.Applications))
		changed = append(changed, "applications")
	}
	if c.Disabled != nil {
		m.SetDisabledFunctions(cast[string](*c.Disabled))
		changed = append(changed, "disabled_functions")
	}
	return changed
}

// cast gives the words of a list another type; nil stays nil.
func cast[To, From ~string](list []From) []To {
	if list == nil {
		return nil
	}
	out := make([]To, len(list))
	for i, word := range list {
		out[i] = To(word)
	}
	return out
}
