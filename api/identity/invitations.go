package identity

import (
	"context"
	"net/http"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
)

func (h handlers) registerInvitations(s *op.Surface) {
	op.Register(s, authz.UsersWrite, op.Spec{
		ID: "inviteUser", Method: http.MethodPost, Path: userPath + "/invitation", Tag: UsersTag,
		Summary: "Invite a user again", Description: "Mails who was invited another link, good for 7 days and one use. The link before is void from then on.",
		Codes: []fault.Code{fault.CodeRoleTooHigh, fault.CodeWrongState, fault.CodeMailNotConfigured},
	}, h.inviteUser)
	op.Register(s, authz.UsersWrite, op.Spec{
		ID: "revokeInvitation", Method: http.MethodDelete, Path: userPath + "/invitation", Tag: UsersTag,
		Summary: "Revoke an invitation", Description: "Makes the link that was mailed void. The person stays invited and can be invited again, or deleted.",
		Codes: []fault.Code{fault.CodeRoleTooHigh, fault.CodeWrongState},
	}, h.revokeInvitation)
	op.Register(s, authz.UsersWrite, op.Spec{
		ID: "sendWelcome", Method: http.MethodPost, Path: userPath + "/welcome", Tag: UsersTag,
		Summary: "Send the welcome mail again", Description: "Mails a person who can sign in the login and where to do so, never the password.",
		Codes: []fault.Code{fault.CodeRoleTooHigh, fault.CodeWrongState, fault.CodeMailNotConfigured},
	}, h.welcomeUser)
	op.Register(s, authz.Public, op.Spec{
		ID: "acceptInvitation", Method: http.MethodPost, Path: "/v1/auth/invitations/accept", Tag: AccessTag,
		Summary: "Accept an invitation",
		Description: "Sets the password of who was invited by mail, who can sign in from then on. " +
			"A token that was used, has ended, was taken back or never was is answered in one and the same way.",
		Codes: []fault.Code{fault.CodeInvalidToken, fault.CodeWeakPassword, fault.CodeTenantSuspended},
	}, h.acceptInvitation)
}

func (h handlers) inviteUser(ctx context.Context, in *UserPath) (*UserShown, error) {
	return userShown(h.identity.Invite(ctx, in.UserID))
}

func (h handlers) revokeInvitation(ctx context.Context, in *UserPath) (*op.Empty, error) {
	return nil, h.identity.RevokeInvitation(ctx, in.UserID)
}

func (h handlers) welcomeUser(ctx context.Context, in *UserPath) (*op.Empty, error) {
	return nil, h.identity.Welcome(ctx, in.UserID)
}

// AcceptInvitation is the body of acceptInvitation.
type AcceptInvitation struct {
	Token    string  `json:"token" minLength:"1" maxLength:"100" writeOnly:"true" doc:"What stands behind token= in the link." example:"J0Qe3yD1kS2mT4uV6wX8zA0bC2dE4fG6hI8jK0lM2nO"`
	Password string  `json:"password" minLength:"8" maxLength:"128" writeOnly:"true" doc:"The password of one's own choice." example:"a staple of another kind"`
	Name     *string `json:"name,omitempty" minLength:"1" maxLength:"200" doc:"What one wants to be called; the name that was given stays if it is left out." example:"Ada Lovelace"`
}

// AcceptInvitationInput is the input of acceptInvitation.
type AcceptInvitationInput struct {
	Body AcceptInvitation
}

// Accepted is what a new user has to know to sign in.
type Accepted struct {
	Login string `json:"login" format:"email" maxLength:"254" doc:"What to sign in with." example:"ada@maple.example"`
	Name  string `json:"name" maxLength:"200" doc:"What people call the user." example:"Ada Lovelace"`
}

// InvitationAccepted is the output of acceptInvitation.
type InvitationAccepted struct {
	Body Accepted
}

func (h handlers) acceptInvitation(ctx context.Context, in *AcceptInvitationInput) (*InvitationAccepted, error) {
	u, err := h.identity.AcceptInvitation(ctx, in.Body.Token, in.Body.Password, in.Body.Name)
	if err != nil {
		return nil, err
	}
	return &InvitationAccepted{Accepted{u.Login, u.Name}}, nil
}
