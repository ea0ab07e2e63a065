package identity

import (
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/internal/fault"
)

// UserStatus tells how far a user has come, and whether he may sign in: only
// who is active may. docs/state-machines.md draws the table below.
type UserStatus string

// The states of a user.
const (
	// UserInvited has no password yet.
	UserInvited UserStatus = "invited"
	// UserActive signs in.
	UserActive UserStatus = "active"
	// UserDisabled is switched off for a while.
	UserDisabled UserStatus = "disabled"
	// UserArchived is deleted: he is in no list but that of the archive, keeps
	// his login, and can be restored.
	UserArchived UserStatus = "archived"
)

// UserStatuses lists the states in the order of a user's life.
func UserStatuses() []UserStatus {
	return []UserStatus{UserInvited, UserActive, UserDisabled, UserArchived}
}

// UserAction is what moves a user from state to state.
type UserAction string

// The actions.
const (
	// Accept gives the invited a password: his own, or an administrator's.
	Accept UserAction = "accept"
	// Disable switches him off.
	Disable UserAction = "disable"
	// Enable switches him on again.
	Enable UserAction = "enable"
	// Archive deletes him softly.
	Archive UserAction = "archive"
	// Restore leads back to where archiving has found him.
	Restore UserAction = "restore"
)

// UserActions lists the actions.
func UserActions() []UserAction {
	return []UserAction{Accept, Disable, Enable, Archive, Restore}
}

// userTransitions is the one place that says where an action leads. What is not
// there is refused. Restoring is no line of it: it undoes archiving.
var userTransitions = map[UserAction]map[UserStatus]UserStatus{
	Accept:  {UserInvited: UserActive},
	Disable: {UserActive: UserDisabled},
	Enable:  {UserDisabled: UserActive},
	Archive: {UserInvited: UserArchived, UserActive: UserArchived, UserDisabled: UserArchived},
}

// NextUserStatus is where an action leads from a state. was is the state before
// archiving and counts for restoring only. ok is false where the state forbids
// the action.
func NextUserStatus(from UserStatus, action UserAction, was UserStatus) (to UserStatus, ok bool) {
	if action == Restore {
		_, archivable := userTransitions[Archive][was]
		return was, from == UserArchived && archivable
	}
	to, ok = userTransitions[action][from]
	return to, ok
}

// move returns where an action leads a user, or why it does not.
func move(present *ent.User, action UserAction) (UserStatus, error) {
	var was UserStatus
	if present.ArchivedFrom != nil {
		was = UserStatus(*present.ArchivedFrom)
	}
	to, ok := NextUserStatus(UserStatus(present.Status), action, was)
	if !ok {
		return "", wrongUserState(present)
	}
	return to, nil
}

// wrongUserState is the refusal of an action, with the state that forbids it.
func wrongUserState(present *ent.User) error {
	return fault.New(fault.Conflict, fault.CodeWrongState, "The user is %s.", present.Status).
		Showing(string(present.Status))
}

// statusAction is what a change of the status by hand amounts to.
func statusAction(to UserStatus) UserAction {
	if to == UserDisabled {
		return Disable
	}
	return Enable
}

// notArchived fails with wrong_state for a user in the archive, whom nothing
// changes but restoring him.
func notArchived(present *ent.User) error {
	if present.Status == user.StatusArchived {
		return wrongUserState(present)
	}
	return nil
}
