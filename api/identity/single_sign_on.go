package identity

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/internal/fault"
)

const signOnPath = "/v1/tenants/{tenant_id}/single-sign-on"

func (h handlers) registerSignOn(s *op.Surface) {
	op.Register(s, authz.TenantsRead, op.Spec{
		ID: "getSingleSignOn", Method: http.MethodGet, Path: signOnPath, Tag: AccessTag,
		Summary: "Show the single sign-on", Description: "Shows how the tenant is connected to an OpenID provider. The secret is not shown again.",
	}, h.getSignOn)
	op.Register(s, authz.SettingsWrite, op.Spec{
		ID: "setSingleSignOn", Method: http.MethodPut, Path: signOnPath, Tag: AccessTag,
		Summary: "Set up the single sign-on", Description: "Connects the tenant to an OpenID provider, or changes how; the provider is asked for its description first. " +
			"Only the tenant's own administrators may. Users are those whom the tenant has: a sign-in at the provider opens the account whose login is the address that the provider has verified, in one of the domains. " +
			"With allow_passwords false, passwords are for tenant admins alone.",
		Codes: []fault.Code{fault.CodeRoleTooHigh, fault.CodeConflict}, Unrepeatable: true,
	}, h.setSignOn)
	op.Register(s, authz.SettingsWrite, op.Spec{
		ID: "deleteSingleSignOn", Method: http.MethodDelete, Path: signOnPath, Tag: AccessTag,
		Summary: "Remove the single sign-on", Description: "Disconnects the tenant from its provider and forgets the secret. Users sign in with passwords again.",
		Codes: []fault.Code{fault.CodeRoleTooHigh},
	}, h.deleteSignOn)
	op.Register(s, authz.Public, op.Spec{
		ID: "startSingleSignOn", Method: http.MethodPost, Path: "/v1/auth/oidc/start", Tag: AccessTag,
		Summary: "Begin a single sign-on", Description: "Begins a sign-in at the tenant's provider: send the browser to authorization_url. It comes back to redirect_uri with code and state, within ten minutes; keep the state in the browser and compare it there, then send both to finishSingleSignOn. " +
			"A tenant that is not there and one without single sign-on look the same.",
		Codes: []fault.Code{fault.CodeNotFound, fault.CodeProviderUnreachable},
	}, h.startSignOn)
	op.Register(s, authz.Public, op.Spec{
		ID: "finishSingleSignOn", Method: http.MethodPost, Path: "/v1/auth/oidc/finish", Tag: AccessTag,
		Summary: "Finish a single sign-on", Description: "Exchanges what the browser brought back from the provider for tokens. A state is good once. " +
			"Where the user has a second factor the answer is 401 second_factor_required with a challenge, as in createSession.",
		Codes: []fault.Code{fault.CodeSignOnFailed, fault.CodeSecondFactor, fault.CodeProviderUnreachable, fault.CodeTenantSuspended},
	}, h.finishSignOn)
}

// SingleSignOn is a connection to a provider.
type SingleSignOn struct {
	Issuer                  string    `json:"issuer" format:"uri" maxLength:"500" doc:"The provider." example:"https://login.example.com"`
	ClientID                string    `json:"client_id" maxLength:"200" doc:"What the provider calls this application." example:"trellis"`
	ClientSecretLast4       string    `json:"client_secret_last4" maxLength:"4" doc:"The end of the secret, to know it by; empty for a short one." example:"x7Qp"`
	ClientSecretFingerprint string    `json:"client_secret_fingerprint" maxLength:"16" doc:"The same for the same secret." example:"9f86d081884c7d65"`
	EmailDomains            []string  `json:"email_domains" maxItems:"20" maxLength:"253" doc:"The domains whose addresses the provider is believed." example:"maple.example"`
	AllowPasswords          bool      `json:"allow_passwords" doc:"Users may sign in with a password as well."`
	RedirectURI             string    `json:"redirect_uri" format:"uri" maxLength:"500" doc:"What has to be registered at the provider." example:"https://app.example.com/sign-in/callback"`
	CreatedAt               time.Time `json:"created_at" doc:"When the tenant was connected."`
	UpdatedAt               time.Time `json:"updated_at" doc:"When the connection was changed last."`
}

// SingleSignOnShown is the output of operations that show a connection.
type SingleSignOnShown struct {
	op.ETag
	Body SingleSignOn
}

func signOnShown(c identity.SignOn, err error) (*SingleSignOnShown, error) {
	if err != nil {
		return nil, err
	}
	return &SingleSignOnShown{op.Version(int64(c.Version)), SingleSignOn{
		c.Issuer, c.ClientID, c.SecretLast4, c.SecretFingerprint, c.Domains, c.AllowPasswords, c.RedirectURI, c.CreatedAt, c.UpdatedAt,
	}}, nil
}

func (h handlers) getSignOn(ctx context.Context, _ *path.Tenant) (*SingleSignOnShown, error) {
	return signOnShown(h.identity.GetSignOn(ctx))
}

// SetSingleSignOn is the body of setSingleSignOn.
type SetSingleSignOn struct {
	Issuer         string   `json:"issuer" format:"uri" minLength:"8" maxLength:"500" doc:"The provider's issuer, exactly as it writes it." example:"https://login.example.com"`
	ClientID       string   `json:"client_id" minLength:"1" maxLength:"200" doc:"What the provider calls this application." example:"trellis"`
	ClientSecret   string   `json:"client_secret,omitempty" minLength:"1" maxLength:"500" writeOnly:"true" doc:"The secret of the application; may be left out where the present one stays." example:"nX2kP0-secret-of-the-application-x7Qp"`
	EmailDomains   []string `json:"email_domains" minItems:"1" maxItems:"20" minLength:"4" maxLength:"253" doc:"The domains whose addresses the provider is believed." example:"maple.example"`
	AllowPasswords *bool    `json:"allow_passwords,omitempty" nullable:"false" default:"true" doc:"Users may sign in with a password as well."`
}

// SetSingleSignOnInput is the input of setSingleSignOn.
type SetSingleSignOnInput struct {
	path.Tenant
	op.IfMatch
	Body SetSingleSignOn
}

func (h handlers) setSignOn(ctx context.Context, in *SetSingleSignOnInput) (*SingleSignOnShown, error) {
	b := in.Body
	n, err := h.identity.PrepareSignOn(ctx, identity.NewSignOn{
		Issuer: b.Issuer, ClientID: b.ClientID, Secret: b.ClientSecret, Domains: b.EmailDomains,
		AllowPasswords: b.AllowPasswords == nil || *b.AllowPasswords,
	})
	if err != nil {
		return nil, err
	}
	return signOnShown(h.identity.SetSignOn(ctx, n, in.Check))
}

func (h handlers) deleteSignOn(ctx context.Context, _ *path.Tenant) (*op.Empty, error) {
	return nil, h.identity.DeleteSignOn(ctx)
}

// StartSingleSignOn is the body of startSingleSignOn.
type StartSingleSignOn struct {
	TenantID uuid.UUID `json:"tenant_id" doc:"The tenant whose provider it is."`
}

// StartSingleSignOnInput is the input of startSingleSignOn.
type StartSingleSignOnInput struct {
	Body StartSingleSignOn
}

// SingleSignOnStarted is where the browser is to go.
type SingleSignOnStarted struct {
	AuthorizationURL string    `json:"authorization_url" format:"uri" maxLength:"4000" doc:"Where the browser is to go. The state in it comes back." example:"https://login.example.com/authorize?client_id=trellis&state=trl_state_c2ln"`
	ExpiresAt        time.Time `json:"expires_at" doc:"Until when it may come back."`
}

// SignOnStarted is the output of startSingleSignOn.
type SignOnStarted struct {
	Body SingleSignOnStarted
}

// WithoutSecrets implements op.Discreet: the address is for one browser alone.
func (s *SignOnStarted) WithoutSecrets() *SignOnStarted { return &SignOnStarted{} }

func (h handlers) startSignOn(ctx context.Context, in *StartSingleSignOnInput) (*SignOnStarted, error) {
	address, until, err := h.identity.StartSignOn(ctx, in.Body.TenantID)
	if err != nil {
		return nil, err
	}
	return &SignOnStarted{SingleSignOnStarted{address, until}}, nil
}

// FinishSingleSignOn is the body of finishSingleSignOn.
type FinishSingleSignOn struct {
	State string `json:"state" minLength:"1" maxLength:"128" writeOnly:"true" doc:"The state that the browser brought back." example:"trl_state_c2lnbi1pbi10aGF0LXdhaXRzLWZvci1pdHMtY29kZS4u"`
	Code  string `json:"code" minLength:"1" maxLength:"4000" writeOnly:"true" doc:"The code that the browser brought back." example:"SplxlOBeZQQYbYS6WxSbIA"`
}

// FinishSingleSignOnInput is the input of finishSingleSignOn.
type FinishSingleSignOnInput struct {
	Body FinishSingleSignOn
}

func (h handlers) finishSignOn(ctx context.Context, in *FinishSingleSignOnInput) (*SignedIn, error) {
	return signedIn(h.identity.FinishSignOn(ctx, in.Body.State, in.Body.Code, client(ctx)))
}
