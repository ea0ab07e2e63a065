package identity

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	apitenants "github.com/trellishq/trellis/api/tenants"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/identity/departments"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/tenants/scope"
)

// Tags of the document's chapters.
const (
	AccessTag      = "Access"
	UsersTag       = "Users"
	DepartmentsTag = "Departments"
	RolesTag       = "Roles"
	KeysTag        = "API keys"
)

type handlers struct {
	identity    *identity.Service
	departments *departments.Service
}

// Register opens the operations on sessions, users, departments and keys.
func Register(s *op.Surface, people *identity.Service, groups *departments.Service) {
	h := handlers{people, groups}
	h.registerSessions(s)
	h.registerSessionList(s)
	h.registerPasswords(s)
	h.registerSecondFactor(s)
	h.registerSignOn(s)
	h.registerMe(s)
	h.registerUsers(s)
	h.registerRoles(s)
	h.registerUserActions(s)
	h.registerInvitations(s)
	h.registerAvatars(s)
	h.registerDepartments(s)
	h.registerKeys(s)
	h.registerActing(s)
}

func (h handlers) registerSessions(s *op.Surface) {
	op.Register(s, authz.Public, op.Spec{
		ID: "createSession", Method: http.MethodPost, Path: "/v1/auth/login", Tag: AccessTag,
		Summary: "Sign in", Description: "Exchanges login and password for an access token, good for minutes, and a refresh token. " +
			"A wrong login, a wrong password and a disabled user look the same, and so does every attempt that comes too early: after five failures the next one has to wait, for seconds at first and for 15 minutes at most. " +
			"Where the user has a second factor the answer is 401 second_factor_required with a challenge, which goes to completeSession.",
		Codes: []fault.Code{fault.CodeInvalidLogin, fault.CodeSecondFactor, fault.CodeSignOnRequired, fault.CodeTenantSuspended},
	}, h.login)
	op.Register(s, authz.Public, op.Spec{
		ID: "refreshSession", Method: http.MethodPost, Path: "/v1/auth/refresh", Tag: AccessTag,
		Summary: "Refresh a session", Description: "Exchanges a refresh token for new tokens. Each refresh token is good once; " +
			"one that was used before ends the session, because two parties have it. The same request again within ten seconds, for a lost answer, gives the same successor.",
		Codes: []fault.Code{fault.CodeInvalidToken, fault.CodeTokenReused, fault.CodeTenantSuspended},
	}, h.refresh)
	op.Register(s, authz.SignedIn, op.Spec{
		ID: "endSessions", Method: http.MethodPost, Path: "/v1/auth/logout", Tag: AccessTag,
		Summary: "Sign out everywhere", Description: "Ends all sessions of the user, on every device. An API key is not a session: revoke it instead.",
		Codes: []fault.Code{fault.CodeForbidden},
	}, h.logout)
	op.Register(s, authz.SignedIn, op.Spec{
		ID: "getMe", Method: http.MethodGet, Path: "/v1/me", Tag: AccessTag,
		Summary: "Show the caller", Description: "Tells the caller who he is, where he is at home and what he may do there. listTenants tells which other tenants he may select.",
	}, h.me)
	op.Register(s, authz.Public, op.Spec{
		ID: "getSigningKeys", Method: http.MethodGet, Path: "/.well-known/jwks.json", Tag: AccessTag,
		Summary: "Show the signing keys", Description: "The public keys of access tokens as a JSON Web Key Set (RFC 7517).",
	}, h.signingKeys)
}

// CreateSession is the body of createSession.
type CreateSession struct {
	Login    string `json:"login" format:"email" maxLength:"254" doc:"The user's login." example:"ada@maple.example"`
	Password string `json:"password" minLength:"1" maxLength:"128" writeOnly:"true" doc:"The user's password." example:"correct horse battery"`
}

// CreateSessionInput is the input of createSession.
type CreateSessionInput struct {
	Body CreateSession
}

// TokenPair is what a session is carried on with.
type TokenPair struct {
	TokenType        string    `json:"token_type" enum:"Bearer" doc:"Send the access token as Authorization: Bearer."`
	AccessToken      string    `json:"access_token" maxLength:"8192" doc:"A signed token for the API." example:"eyJhbGciOiJFZERTQSJ9.e30.c2ln"`
	AccessExpiresAt  time.Time `json:"access_expires_at" doc:"When the access token ends."`
	RefreshToken     string    `json:"refresh_token" maxLength:"256" doc:"Good once, for the next pair." example:"trl_refresh_0197b1f01c2a7d3e8f4a5b6c7d8e9f00_1_c2ln"`
	RefreshExpiresAt time.Time `json:"refresh_expires_at" doc:"When the session ends unless it is refreshed."`
	SessionID        uuid.UUID `json:"session_id" doc:"The session."`
	UserID           uuid.UUID `json:"user_id" doc:"The user."`
	TenantID         uuid.UUID `json:"tenant_id" doc:"The user's home."`
	// Of sign-ins only.
	Restriction           string `json:"restriction,omitempty" enum:"password_change_required,password_expired,second_factor_required" doc:"What the user has to do before anything else; all other operations answer 403 with this code meanwhile."`
	PasswordExpiresInDays *int   `json:"password_expires_in_days,omitempty" nullable:"false" format:"int32" minimum:"0" maximum:"15" doc:"In how many days the password expires, from 15 days before." example:"12"`
}

// SignedIn is the output of login and refreshSession.
type SignedIn struct {
	Body TokenPair
}

// WithoutSecrets implements op.Discreet: answers with tokens are never cached.
func (s *SignedIn) WithoutSecrets() *SignedIn { return &SignedIn{} }

func signedIn(t identity.Tokens, err error) (*SignedIn, error) {
	if err != nil {
		return nil, err
	}
	return &SignedIn{TokenPair{
		TokenType: "Bearer", AccessToken: t.AccessToken.Reveal(), AccessExpiresAt: t.AccessExpiresAt,
		RefreshToken: t.RefreshToken.Reveal(), RefreshExpiresAt: t.RefreshExpiresAt,
		SessionID: t.SessionID, UserID: t.UserID, TenantID: t.TenantID,
		Restriction: string(t.Restriction), PasswordExpiresInDays: t.PasswordExpiresInDays,
	}}, nil
}

func (h handlers) login(ctx context.Context, in *CreateSessionInput) (*SignedIn, error) {
	return signedIn(h.identity.Login(ctx, in.Body.Login, in.Body.Password,
		client(ctx)))
}

// RefreshSession is the body of refreshSession.
type RefreshSession struct {
	RefreshToken string `json:"refresh_token" minLength:"1" maxLength:"256" writeOnly:"true" doc:"The refresh token of the last pair." example:"trl_refresh_0197b1f01c2a7d3e8f4a5b6c7d8e9f00_1_c2ln"`
}

// RefreshSessionInput is the input of refreshSession.
type RefreshSessionInput struct {
	Body RefreshSession
}

func (h handlers) refresh(ctx context.Context, in *RefreshSessionInput) (*SignedIn, error) {
	return signedIn(h.identity.Refresh(ctx, in.Body.RefreshToken))
}

func (h handlers) logout(ctx context.Context, _ *struct{}) (*op.Empty, error) {
	caller := op.CallerOf(ctx)
	if caller.Actor.Kind != scope.ActorUser {
		return nil, fault.New(fault.Forbidden, fault.CodeForbidden, "An API key has no sessions.")
	}
	return nil, h.identity.Logout(ctx, caller.Actor.ID)
}

// Caller is what a caller is told about himself.
type Caller struct {
	Kind   string            `json:"kind" enum:"user,api_key" doc:"A person or a machine."`
	User   *User             `json:"user,omitempty" doc:"The person; left out for a key."`
	Key    *APIKey           `json:"api_key,omitempty" doc:"The key; left out for a person."`
	Tenant apitenants.Tenant `json:"tenant" doc:"The person's home, the tenant that the key is bound to, or in an act-as session the tenant that it is in."`
	Role   string            `json:"role" enum:"operator,reseller_admin,tenant_admin,manager,agent,user" doc:"What the role amounts to: reseller_admin is the tenant admin of a reseller."`
	// Restriction is left out where there is none.
	Restriction string   `json:"restriction,omitempty" enum:"password_change_required,password_expired,second_factor_required" doc:"What the caller has to do before anything else; every other operation answers 403 with this code."`
	Permissions []string `json:"permissions" maxItems:"200" maxLength:"64" doc:"What the caller may do in that tenant." example:"interactions:read"`
	// Clients hide what is not among them.
	Entitlements []string `json:"entitlements" maxItems:"50" maxLength:"64" doc:"The services that the tenant has; all others answer not_entitled." example:"api"`
	// A key has no frontend.
	Applications []string `json:"applications" maxItems:"50" enum:"messages,contacts,chat,email,fax,open_channel,calls,recordings,reports" doc:"What a frontend shows the person; empty for a key." example:"messages"`
	Functions    []string `json:"functions" maxItems:"50" enum:"pause,custom_pause,preview_dialer,internal_messenger" doc:"Which functions a frontend offers the person; empty for a key." example:"pause"`
	Modules      []string `json:"modules" maxItems:"10" enum:"email,chat" doc:"What the person's departments open to him, of what the tenant has; empty for a key." example:"email"`
	// Acting is left out for those who do not.
	Acting *CallerActing `json:"acting,omitempty" doc:"Set in an act-as session: the caller's own home is another tenant, and every client should say so."`
}

// Me is the output of getMe.
type Me struct {
	Body Caller
}

func (h handlers) me(ctx context.Context, _ *struct{}) (*Me, error) {
	principal, _ := identity.From(ctx)
	me, err := h.identity.Me(ctx, principal)
	if err != nil {
		return nil, err
	}
	out := Caller{
		Kind: string(me.Kind), Tenant: apitenants.View(me.Tenant), Role: string(me.Role),
		Restriction: string(me.Restriction), Permissions: words(me.Permissions), Entitlements: me.Entitlements.Words(),
	}
	if me.User != nil {
		view := userView(*me.User)
		out.User, out.Modules = &view, spelled(me.Modules)
		out.Applications, out.Functions = spelled(me.User.Tools.Shown()), spelled(me.User.Tools.Enabled())
	}
	if me.Acting != nil {
		out.Acting = &CallerActing{me.Acting.ID, me.Acting.Reason, me.Acting.ExpiresAt}
	}
	if me.Key != nil {
		view := keyView(*me.Key)
		out.Key = &view
	}
	return &Me{out}, nil
}

func words(permissions []authz.Permission) []string {
	out := make([]string, 0, len(permissions))
	for _, p := range permissions {
		out = append(out, string(p))
	}
	return out
}

// SigningKeys is the output of getSigningKeys.
type SigningKeys struct {
	ContentType string `header:"Content-Type"`
	Body        []byte `contentType:"application/jwk-set+json"`
}

func (h handlers) signingKeys(ctx context.Context, _ *struct{}) (*SigningKeys, error) {
	set, err := h.identity.JWKS(ctx)
	if err != nil {
		return nil, err
	}
	return &SigningKeys{"application/jwk-set+json", set}, nil
}
