package identity

import (
	"context"
	"net/http"
	"time"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
)

const secondFactorPath = "/v1/me/second-factor"

func (h handlers) registerSecondFactor(s *op.Surface) {
	op.Register(s, authz.Public, op.Spec{
		ID: "completeSession", Method: http.MethodPost, Path: "/v1/auth/second-factor", Tag: AccessTag,
		Summary: "Sign in, second step", Description: "Completes a sign-in that needs a second factor: the challenge of the first step with a code of the device, or with a recovery code. " +
			"The challenge is good for five minutes and five codes. Each code is good once.",
		Codes: []fault.Code{fault.CodeInvalidToken, fault.CodeInvalidLogin, fault.CodeTenantSuspended},
	}, h.completeLogin)
	op.Register(s, authz.SignedIn, op.Spec{
		ID: "getSecondFactor", Method: http.MethodGet, Path: secondFactorPath, Tag: AccessTag,
		Summary: "Show the own second factor", Description: "Tells whether the user's sign-in needs a code of a device, and whether the platform asks for it.",
		Codes: []fault.Code{fault.CodeForbidden},
	}, h.secondFactor)
	op.Register(s, authz.SignedIn, op.Spec{
		ID: "createSecondFactor", Method: http.MethodPost, Path: secondFactorPath, Tag: AccessTag,
		Summary: "Begin to set up a second factor", Description: "Makes a secret for an authenticator app and shows it once. Nothing changes until confirmSecondFactor proves that the app has it; asking again makes another one.",
		Codes: []fault.Code{fault.CodeForbidden, fault.CodeWrongState}, Unrepeatable: true,
	}, h.enrolSecondFactor)
	op.Register(s, authz.SignedIn, op.Spec{
		ID: "confirmSecondFactor", Method: http.MethodPost, Path: secondFactorPath + "/confirm", Tag: AccessTag,
		Summary: "Put the second factor into use", Description: "Proves by a code that the app has the secret. From then on signing in needs a code. Ten recovery codes are shown once, for who loses the device.",
		Codes: []fault.Code{fault.CodeForbidden, fault.CodeWrongState}, Unrepeatable: true,
	}, h.confirmSecondFactor)
	op.Register(s, authz.SignedIn, op.Spec{
		ID: "disableSecondFactor", Method: http.MethodPost, Path: secondFactorPath + "/disable", Tag: AccessTag,
		Summary: "Switch off the own second factor", Description: "Takes the second factor out of use and forgets its secret and recovery codes.",
		Codes: []fault.Code{fault.CodeForbidden, fault.CodeWrongState}, Unrepeatable: true,
	}, h.disableSecondFactor)
	op.Register(s, authz.SignedIn, op.Spec{
		ID: "createRecoveryCodes", Method: http.MethodPost, Path: secondFactorPath + "/recovery-codes", Tag: AccessTag,
		Summary: "Make the recovery codes anew", Description: "Makes ten recovery codes and shows them once; those before are void.",
		Codes: []fault.Code{fault.CodeForbidden, fault.CodeWrongState}, Unrepeatable: true,
	}, h.recoveryCodes)
	op.Register(s, authz.UsersWrite, op.Spec{
		ID: "resetSecondFactor", Method: http.MethodDelete, Path: userPath + "/second-factor", Tag: UsersTag,
		Summary: "Reset a user's second factor", Description: "Takes another person's second factor out of use, for who has lost device and recovery codes, tells the person by mail, and ends the person's sessions.",
		Codes: []fault.Code{fault.CodeRoleTooHigh, fault.CodeWrongState},
	}, h.resetSecondFactor)
}

// CompleteSession is the body of completeSession.
type CompleteSession struct {
	Challenge    string `json:"challenge" minLength:"1" maxLength:"128" writeOnly:"true" doc:"The challenge of createSession's answer." example:"trl_challenge_c2lnbi1pbi10aGF0LXdhaXRzLWZvci1pdHMtY29kZS4u"`
	Code         string `json:"code,omitempty" pattern:"^[0-9]{6}$" maxLength:"6" writeOnly:"true" doc:"A code of the device, or else a recovery code." example:"123456"`
	RecoveryCode string `json:"recovery_code,omitempty" maxLength:"32" writeOnly:"true" doc:"A recovery code, with or without its hyphens." example:"abcd-efgh-ijkl-mnop"`
}

// CompleteSessionInput is the input of completeSession.
type CompleteSessionInput struct {
	Body CompleteSession
}

func (h handlers) completeLogin(ctx context.Context, in *CompleteSessionInput) (*SignedIn, error) {
	b := in.Body
	if (b.Code == "") == (b.RecoveryCode == "") {
		return nil, fault.InvalidField(fault.CodeInvalid, "body.code", "give a code or a recovery code, one of them")
	}
	return signedIn(h.identity.CompleteLogin(ctx, b.Challenge, b.Code, b.RecoveryCode, client(ctx)))
}

// SecondFactor is the state of a user's second factor.
type SecondFactor struct {
	Enabled           bool       `json:"enabled" doc:"Signing in needs a code."`
	EnabledAt         *time.Time `json:"enabled_at" nullable:"true" doc:"Since when; null where it is not enabled."`
	RecoveryCodesLeft int        `json:"recovery_codes_left" format:"int32" minimum:"0" maximum:"10" doc:"How many recovery codes have not been used." example:"9"`
	Required          bool       `json:"required" doc:"The platform asks this user for a second factor."`
	DueAt             *time.Time `json:"due_at" nullable:"true" doc:"From when on nothing works without one, where it is required."`
}

// SecondFactorShown is the output of getSecondFactor.
type SecondFactorShown struct {
	Body SecondFactor
}

func (h handlers) secondFactor(ctx context.Context, _ *struct{}) (*SecondFactorShown, error) {
	f, err := h.identity.SecondFactor(ctx)
	if err != nil {
		return nil, err
	}
	return &SecondFactorShown{SecondFactor{f.Enabled, f.EnabledAt, f.RecoveryCodesLeft, f.Required, f.DueAt}}, nil
}

// Password is the body of operations that want to know that it is the user.
type Password struct {
	Password string `json:"password" minLength:"1" maxLength:"128" writeOnly:"true" doc:"The present password." example:"correct horse battery"`
}

// PasswordInput is the input of operations that ask for the password again.
type PasswordInput struct {
	Body Password
}

// Enrolment is a secret for an app.
type Enrolment struct {
	Secret     string `json:"secret" maxLength:"64" doc:"The secret in base32, to be typed into an app." example:"JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"`
	OTPAuthURL string `json:"otpauth_url" maxLength:"1000" doc:"The same as a URL, to be shown as a QR code." example:"otpauth://totp/Trellis:ada@maple.example?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Trellis"`
}

// Enrolled is the output of createSecondFactor.
type Enrolled struct {
	Body Enrolment
}

// WithoutSecrets implements op.Discreet.
func (e *Enrolled) WithoutSecrets() *Enrolled { return &Enrolled{} }

func (h handlers) enrolSecondFactor(ctx context.Context, in *PasswordInput) (*Enrolled, error) {
	e, err := h.identity.EnrolSecondFactor(ctx, in.Body.Password, client(ctx))
	if err != nil {
		return nil, err
	}
	return &Enrolled{Enrolment{e.Secret.Reveal(), e.URL.Reveal()}}, nil
}

// ConfirmSecondFactor is the body of confirmSecondFactor.
type ConfirmSecondFactor struct {
	Code string `json:"code" pattern:"^[0-9]{6}$" maxLength:"6" writeOnly:"true" doc:"The code that the app shows." example:"123456"`
}

// ConfirmSecondFactorInput is the input of confirmSecondFactor.
type ConfirmSecondFactorInput struct {
	Body ConfirmSecondFactor
}

// RecoveryCodes are shown once.
type RecoveryCodes struct {
	RecoveryCodes []string `json:"recovery_codes" maxItems:"10" maxLength:"32" doc:"Codes that are good once each; they are not shown again." example:"abcd-efgh-ijkl-mnop"`
}

// RecoveryCodesMade is the output of operations that make recovery codes.
type RecoveryCodesMade struct {
	Body RecoveryCodes
}

// WithoutSecrets implements op.Discreet.
func (r *RecoveryCodesMade) WithoutSecrets() *RecoveryCodesMade { return &RecoveryCodesMade{} }

func codesMade(codes []string, err error) (*RecoveryCodesMade, error) {
	if err != nil {
		return nil, err
	}
	return &RecoveryCodesMade{RecoveryCodes{codes}}, nil
}

func (h handlers) confirmSecondFactor(ctx context.Context, in *ConfirmSecondFactorInput) (*RecoveryCodesMade, error) {
	return codesMade(h.identity.ConfirmSecondFactor(ctx, in.Body.Code, client(ctx)))
}

func (h handlers) recoveryCodes(ctx context.Context, in *PasswordInput) (*RecoveryCodesMade, error) {
	return codesMade(h.identity.NewRecoveryCodes(ctx, in.Body.Password, client(ctx)))
}

func (h handlers) disableSecondFactor(ctx context.Context, in *PasswordInput) (*op.Empty, error) {
	return nil, h.identity.DisableSecondFactor(ctx, in.Body.Password, client(ctx))
}

func (h handlers) resetSecondFactor(ctx context.Context, in *UserPath) (*op.Empty, error) {
	return nil, h.identity.ResetSecondFactor(ctx, in.UserID)
}
