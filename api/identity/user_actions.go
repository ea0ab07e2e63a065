package identity

import (
	"context"
	"net/http"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/internal/fault"
)

func (h handlers) registerUserActions(s *op.Surface) {
	op.Register(s, authz.UsersWrite, op.Spec{
		ID: "deleteUser", Method: http.MethodDelete, Path: userPath, Tag: UsersTag,
		Summary: "Delete a user",
		Description: "Moves a person to the archive: sessions and invitation end, and only the archive shows him from then on. The login stays his. " +
			"Nobody deletes himself, and a tenant keeps one active tenant admin.",
		Codes: []fault.Code{fault.CodeRoleTooHigh, fault.CodeConflict, fault.CodeWrongState},
	}, h.deleteUser)
	op.Register(s, authz.UsersWrite, op.Spec{
		ID: "restoreUser", Method: http.MethodPost, Path: userPath + "/restore", Tag: UsersTag,
		Summary:     "Restore a user",
		Description: "Takes a person out of the archive, in the state in which he was deleted. Whoever restores him must be allowed to give his role now.",
		Codes:       []fault.Code{fault.CodeRoleTooHigh, fault.CodeWrongState, fault.CodeQuotaExceeded},
	}, h.restoreUser)
	op.Register(s, authz.UsersWrite, op.Spec{
		ID: "disconnectUser", Method: http.MethodPost, Path: userPath + "/disconnect", Tag: UsersTag,
		Summary: "Disconnect a user", Description: "Ends all sessions of another person within a second and shows him as offline. He may sign in again.",
		Codes: []fault.Code{fault.CodeRoleTooHigh, fault.CodeWrongState},
	}, h.disconnectUser)
	op.Register(s, authz.UsersWrite, op.Spec{
		ID: "generateUserPassword", Method: http.MethodPost, Path: userPath + "/password/generate", Tag: UsersTag,
		Summary: "Generate a user's password",
		Description: "Gives another person a strong password, shows it once, and ends the person's sessions. " +
			"It has to be changed at the next sign-in and is no good after 72 hours.",
		Codes: []fault.Code{fault.CodeRoleTooHigh, fault.CodeWrongState}, Unrepeatable: true,
	}, h.generateUserPassword)
	op.Register(s, authz.Authenticated, op.Spec{
		ID: "generatePassword", Method: http.MethodPost, Path: "/v1/passwords/generate", Tag: UsersTag,
		Summary: "Generate a password", Description: "Returns a strong password that every rule accepts. It is given to nobody and kept nowhere.",
		Unrepeatable: true,
	}, h.generatePassword)
}

// DeleteUserInput is the input of deleteUser and restoreUser.
type DeleteUserInput struct {
	UserPath
	op.IfMatch
}

func (h handlers) deleteUser(ctx context.Context, in *DeleteUserInput) (*op.Empty, error) {
	return nil, h.identity.ArchiveUser(ctx, in.UserID, in.Check)
}

func (h handlers) restoreUser(ctx context.Context, in *DeleteUserInput) (*UserShown, error) {
	return userShown(h.identity.RestoreUser(ctx, in.UserID, in.Check))
}

func (h handlers) disconnectUser(ctx context.Context, in *UserPath) (*op.Empty, error) {
	return nil, h.identity.DisconnectUser(ctx, in.UserID)
}

// Generated is a password that is shown once.
type Generated struct {
	Password string `json:"password" maxLength:"128" doc:"The password: 20 characters, with small and capital letters, digits and signs." example:"hT4%wq7Zr=Nd2kPe!mXa"`
}

// PasswordGenerated is the output of operations that make a password.
type PasswordGenerated struct {
	Body Generated
}

// WithoutSecrets implements op.Discreet: the answer is never cached.
func (*PasswordGenerated) WithoutSecrets() *PasswordGenerated { return &PasswordGenerated{} }

func (h handlers) generateUserPassword(ctx context.Context, in *UserPath) (*PasswordGenerated, error) {
	password, err := h.identity.GenerateUserPassword(ctx, in.UserID)
	if err != nil {
		return nil, err
	}
	return &PasswordGenerated{Generated{password.Reveal()}}, nil
}

func (h handlers) generatePassword(context.Context, *struct{}) (*PasswordGenerated, error) {
	return &PasswordGenerated{Generated{identity.GeneratePassword()}}, nil
}
