package identity

import (
	"context"
	"net/http"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
)

func (h handlers) registerPasswords(s *op.Surface) {
	op.Register(s, authz.SignedIn, op.Spec{
		ID: "changePassword", Method: http.MethodPost, Path: "/v1/me/password", Tag: AccessTag,
		Summary: "Change the own password", Description: "Sets another password. This session goes on; all others of the user end, and so do links to choose a password. " +
			"Under the tenant's security suite a password has eight characters with a small letter, a capital, a digit and a special one, differs from the one before, and lasts 90 days.",
		Codes: []fault.Code{fault.CodeWeakPassword, fault.CodeForbidden, fault.CodeConflict}, Unrepeatable: true,
	}, h.changePassword)
	op.Register(s, authz.Public, op.Spec{
		ID: "createPasswordReset", Method: http.MethodPost, Path: "/v1/auth/password-resets", Tag: AccessTag, Status: http.StatusAccepted,
		Summary: "Ask for a new password", Description: "Sends a link by mail to the user with this login, if there is one; the answer is the same if not. " +
			"The link is good for one hour and once, and void as soon as another one is asked for or the password is changed. An account gets at most three in an hour.",
		Codes: []fault.Code{fault.CodeMailNotConfigured},
	}, h.requestReset)
	op.Register(s, authz.Public, op.Spec{
		ID: "resetPassword", Method: http.MethodPost, Path: "/v1/auth/password-resets/complete", Tag: AccessTag,
		Summary: "Choose a new password", Description: "Sets the password of the user to whom the token was mailed, and ends all of the user's sessions. " +
			"It signs nobody in, and a second factor stays as it is. A token that is refused for a weak password is still good.",
		Codes: []fault.Code{fault.CodeInvalidToken, fault.CodeWeakPassword, fault.CodeMailNotConfigured, fault.CodeTenantSuspended},
	}, h.resetPassword)
}

// ChangePassword is the body of changePassword.
type ChangePassword struct {
	OldPassword string `json:"old_password" minLength:"1" maxLength:"128" writeOnly:"true" doc:"The present password." example:"correct horse battery"`
	Password    string `json:"password" minLength:"8" maxLength:"128" writeOnly:"true" doc:"The new password." example:"a staple of another kind"`
}

// ChangePasswordInput is the input of changePassword.
type ChangePasswordInput struct {
	Body ChangePassword
}

func (h handlers) changePassword(ctx context.Context, in *ChangePasswordInput) (*op.Empty, error) {
	return nil, h.identity.ChangePassword(ctx, in.Body.OldPassword, in.Body.Password, client(ctx))
}

// RequestPasswordReset is the body of createPasswordReset.
type RequestPasswordReset struct {
	Login string `json:"login" format:"email" maxLength:"254" doc:"The login of the account." example:"ada@maple.example"`
}

// RequestPasswordResetInput is the input of createPasswordReset.
type RequestPasswordResetInput struct {
	Body RequestPasswordReset
}

func (h handlers) requestReset(ctx context.Context, in *RequestPasswordResetInput) (*op.Empty, error) {
	return nil, h.identity.RequestPasswordReset(ctx, in.Body.Login)
}

// ResetPassword is the body of resetPassword.
type ResetPassword struct {
	Token    string `json:"token" minLength:"1" maxLength:"128" writeOnly:"true" doc:"What stands behind token= in the link." example:"trl_reset_c2lnbi1pbi10aGF0LXdhaXRzLWZvci1pdHMtY29kZS4u"`
	Password string `json:"password" minLength:"8" maxLength:"128" writeOnly:"true" doc:"The new password." example:"a staple of another kind"`
}

// ResetPasswordInput is the input of resetPassword.
type ResetPasswordInput struct {
	Body ResetPassword
}

func (h handlers) resetPassword(ctx context.Context, in *ResetPasswordInput) (*op.Empty, error) {
	return nil, h.identity.ResetPassword(ctx, in.Body.Token, in.Body.Password)
}
