package identity

import (
	"context"
	"net/http"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/internal/fault"
)

func (h handlers) registerMe(s *op.Surface) {
	op.Register(s, authz.Authenticated, op.Spec{
		ID: "updateMe", Method: http.MethodPatch, Path: "/v1/me", Tag: AccessTag,
		Summary: "Change the own account", Description: "Changes the name and the telephone number of the signed-in person. Login, role and internal number are changed by an administrator.",
		Codes: []fault.Code{fault.CodeForbidden},
	}, h.updateMe)
	op.Register(s, authz.Authenticated, op.Spec{
		ID: "getPreferences", Method: http.MethodGet, Path: "/v1/me/preferences", Tag: AccessTag,
		Summary: "Show the own preferences", Description: "What the signed-in person has chosen for himself.",
		Codes: []fault.Code{fault.CodeForbidden},
	}, h.preferences)
	op.Register(s, authz.Authenticated, op.Spec{
		ID: "updatePreferences", Method: http.MethodPatch, Path: "/v1/me/preferences", Tag: AccessTag,
		Summary: "Change the own preferences", Description: "Changes what is sent; null leads back to the tenant's value.",
		Codes: []fault.Code{fault.CodeForbidden},
	}, h.updatePreferences)
	op.Register(s, authz.PresenceWrite, op.Spec{
		ID: "setPresence", Method: http.MethodPut, Path: "/v1/me/presence", Tag: AccessTag,
		Summary: "Set the own presence", Description: "Sets whether the signed-in person is there, as colleagues see it. It is for those who administer; signing in and out sets it for everybody.",
	}, h.setPresence)
}

// UpdateMe is the body of updateMe.
type UpdateMe struct {
	Name  op.Optional[string] `json:"name,omitzero" nullable:"false" minLength:"1" maxLength:"200" doc:"What people call the user." example:"Ada Lovelace"`
	Phone op.Optional[string] `json:"phone,omitzero" minLength:"3" maxLength:"40" doc:"A telephone number, in E.164 or as it is written in the tenant's country; null takes it away." example:"(514) 555-0123"`
}

// UpdateMeInput is the input of updateMe.
type UpdateMeInput struct {
	Body UpdateMe
}

func (h handlers) updateMe(ctx context.Context, in *UpdateMeInput) (*UserShown, error) {
	return userShown(h.identity.UpdateMe(ctx, in.Body.Name.Pointer(), identity.Profile{Phone: text(in.Body.Phone)}))
}

// Preferences are what a user has chosen for himself.
type Preferences struct {
	Language    *string `json:"language" maxLength:"35" doc:"BCP 47; null is the tenant's." example:"fr-CA"`
	TimeZone    *string `json:"time_zone" maxLength:"64" doc:"IANA name; null is the tenant's." example:"America/Toronto"`
	DisplayMode string  `json:"display_mode" enum:"system,light,dark" doc:"How a frontend looks; system is as the device does."`
}

// PreferencesShown is the output of operations on preferences.
type PreferencesShown struct {
	Body Preferences
}

func preferencesShown(u identity.User, err error) (*PreferencesShown, error) {
	if err != nil {
		return nil, err
	}
	return &PreferencesShown{Preferences{u.Language, u.TimeZone, string(u.DisplayMode)}}, nil
}

func (h handlers) preferences(ctx context.Context, _ *struct{}) (*PreferencesShown, error) {
	me, err := identity.Person(ctx)
	if err != nil {
		return nil, err
	}
	return preferencesShown(h.identity.GetUser(ctx, me))
}

// UpdatePreferences is the body of updatePreferences.
type UpdatePreferences struct {
	Language    op.Optional[string] `json:"language,omitzero" minLength:"2" maxLength:"35" doc:"BCP 47; null is the tenant's." example:"fr-CA"`
	TimeZone    op.Optional[string] `json:"time_zone,omitzero" minLength:"1" maxLength:"64" doc:"IANA name; null is the tenant's." example:"America/Toronto"`
	DisplayMode op.Optional[string] `json:"display_mode,omitzero" nullable:"false" enum:"system,light,dark" doc:"How a frontend looks."`
}

// UpdatePreferencesInput is the input of updatePreferences.
type UpdatePreferencesInput struct {
	Body UpdatePreferences
}

func (h handlers) updatePreferences(ctx context.Context, in *UpdatePreferencesInput) (*PreferencesShown, error) {
	return preferencesShown(h.identity.UpdateMe(ctx, nil, identity.Profile{
		Language: text(in.Body.Language), TimeZone: text(in.Body.TimeZone),
		DisplayMode: (*identity.DisplayMode)(in.Body.DisplayMode.Pointer()),
	}))
}

// SetPresence is the body of setPresence.
type SetPresence struct {
	Presence string `json:"presence" enum:"online,away,busy,offline" doc:"What colleagues are to see."`
}

// SetPresenceInput is the input of setPresence.
type SetPresenceInput struct {
	Body SetPresence
}

func (h handlers) setPresence(ctx context.Context, in *SetPresenceInput) (*UserShown, error) {
	return userShown(h.identity.SetPresence(ctx, identity.Presence(in.Body.Presence)))
}
