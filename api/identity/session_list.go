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

const (
	mySessionsPath   = "/v1/me/sessions"
	userSessionsPath = userPath + "/sessions"
)

func (h handlers) registerSessionList(s *op.Surface) {
	op.Register(s, authz.SignedIn, op.Spec{
		ID: "listMySessions", Method: http.MethodGet, Path: mySessionsPath, Tag: AccessTag,
		Summary: "List the own sessions", Description: "Lists where the user is signed in, newest first. An API key has no sessions.",
		Codes: []fault.Code{fault.CodeForbidden},
	}, h.listMySessions)
	op.Register(s, authz.SignedIn, op.Spec{
		ID: "endMySession", Method: http.MethodDelete, Path: mySessionsPath + "/{session_id}", Tag: AccessTag,
		Summary: "End one of the own sessions", Description: "Signs the user out on one device. Its tokens are void within a second.",
		Codes: []fault.Code{fault.CodeForbidden},
	}, h.endMySession)
	op.Register(s, authz.UsersRead, op.Spec{
		ID: "listUserSessions", Method: http.MethodGet, Path: userSessionsPath, Tag: UsersTag,
		Summary: "List a user's sessions", Description: "Lists where a person is signed in, newest first.",
	}, h.listUserSessions)
	op.Register(s, authz.UsersWrite, op.Spec{
		ID: "endUserSessions", Method: http.MethodDelete, Path: userSessionsPath, Tag: UsersTag,
		Summary: "End all sessions of a user", Description: "Signs a person out everywhere. The tokens are void within a second.",
		Codes: []fault.Code{fault.CodeRoleTooHigh},
	}, h.endUserSessions)
	op.Register(s, authz.UsersWrite, op.Spec{
		ID: "endUserSession", Method: http.MethodDelete, Path: userSessionsPath + "/{session_id}", Tag: UsersTag,
		Summary: "End a session of a user", Description: "Signs a person out on one device. Its tokens are void within a second.",
		Codes: []fault.Code{fault.CodeRoleTooHigh},
	}, h.endUserSession)
}

// Session is a sign-in as clients see it.
type Session struct {
	ID          uuid.UUID `json:"id" doc:"The session."`
	UserID      uuid.UUID `json:"user_id" doc:"Whose it is."`
	IP          string    `json:"ip" maxLength:"64" doc:"The address that it began from." example:"192.0.2.7"`
	UserAgent   string    `json:"user_agent" maxLength:"400" doc:"What the client called itself." example:"Mozilla/5.0"`
	Method      string    `json:"method" enum:"password,single_sign_on" doc:"How the user signed in."`
	Current     bool      `json:"current" doc:"It is the session that asks."`
	CreatedAt   time.Time `json:"created_at" doc:"When the user signed in."`
	RefreshedAt time.Time `json:"refreshed_at" doc:"When its tokens were refreshed last."`
	ExpiresAt   time.Time `json:"expires_at" doc:"When it ends unless it is refreshed."`
}

func sessionView(s identity.Session) Session {
	return Session{s.ID, s.UserID, s.IP, s.UserAgent, s.Method, s.Current, s.CreatedAt, s.RefreshedAt, s.ExpiresAt}
}

// ListMySessionsInput is the input of listMySessions.
type ListMySessionsInput struct{ op.Page }

func (h handlers) listMySessions(ctx context.Context, in *ListMySessionsInput) (*op.List[Session], error) {
	userID, err := identity.Person(ctx)
	if err != nil {
		return nil, err
	}
	return h.sessions(ctx, in.Page, userID)
}

// ListUserSessionsInput is the input of listUserSessions.
type ListUserSessionsInput struct {
	UserPath
	op.Page
}

func (h handlers) listUserSessions(ctx context.Context, in *ListUserSessionsInput) (*op.List[Session], error) {
	return h.sessions(ctx, in.Page, in.UserID)
}

func (h handlers) sessions(ctx context.Context, page op.Page, userID uuid.UUID) (*op.List[Session], error) {
	after, err := op.After[path.Key](ctx, page)
	if err != nil {
		return nil, err
	}
	var from *uuid.UUID
	if after != nil {
		from = &after.ID
	}
	rows, err := h.identity.ListSessions(ctx, userID, from, page.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, page, rows, sessionView, func(s identity.Session) path.Key { return path.Key{ID: s.ID} })
}

// MySessionPath names one of the caller's sessions.
type MySessionPath struct {
	SessionID uuid.UUID `path:"session_id" doc:"The session."`
}

func (h handlers) endMySession(ctx context.Context, in *MySessionPath) (*op.Empty, error) {
	userID, err := identity.Person(ctx)
	if err != nil {
		return nil, err
	}
	return nil, h.identity.EndSession(ctx, userID, in.SessionID)
}

func (h handlers) endUserSessions(ctx context.Context, in *UserPath) (*op.Empty, error) {
	return nil, h.identity.Logout(ctx, in.UserID)
}

// UserSessionPath names a session of a user.
type UserSessionPath struct {
	UserPath
	SessionID uuid.UUID `path:"session_id" doc:"The session."`
}

func (h handlers) endUserSession(ctx context.Context, in *UserSessionPath) (*op.Empty, error) {
	return nil, h.identity.EndSession(ctx, in.UserID, in.SessionID)
}

// client is where a request comes from.
func client(ctx context.Context) identity.Client {
	return identity.Client{IP: op.CallerOf(ctx).Address, UserAgent: op.UserAgent(ctx)}
}
