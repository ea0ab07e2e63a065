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
	actingPath    = "/v1/tenants/{tenant_id}/act-as"
	actingEndPath = actingPath + "/{act_as_id}/end"
)

func (h handlers) registerActing(s *op.Surface) {
	op.Register(s, authz.ActAsStart, op.Spec{
		ID: "startActAs", Method: http.MethodPost, Path: actingPath, Tag: ActAsTag, Status: http.StatusCreated,
		Summary: "Act in a tenant below",
		Description: "Gives a person of a reseller or of the operator a token with which he works inside a tenant below his own, as its administrator would, for an hour at most. " +
			"The tenant sees who it is and why, and can end it. Messages, interactions and contacts are open to him only where the tenant's `content_access` is open, and what he asks of them is written into the audit log. " +
			"He cannot change users, roles, API keys or settings in it, start another such session, or refresh it; it ends with his own session as well. Keys cannot act.",
		Codes: []fault.Code{fault.CodeForbidden}, Unrepeatable: true,
	}, h.startActing)
	op.Register(s, authz.ActAsRead, op.Spec{
		ID: "listActAs", Method: http.MethodGet, Path: actingPath, Tag: ActAsTag,
		Summary: "List act-as sessions", Description: "Lists who has acted in the tenant from above, when and why, the newest first.",
	}, h.listActing)
	op.Register(s, authz.ActAsEnd, op.Spec{
		ID: "endActAs", Method: http.MethodPost, Path: actingEndPath, Tag: ActAsTag,
		Summary: "End an act-as session", Description: "Ends it within a second: by the one who acts, by the tenant's administrator, or from above. Ending it again changes nothing.",
	}, h.endActing)
}

// ActAsTag is the chapter of act-as sessions in the document.
const ActAsTag = "Act as"

// ActAsSession is an act-as session as clients see it.
type ActAsSession struct {
	ID        uuid.UUID `json:"id" doc:"The session."`
	TenantID  uuid.UUID `json:"tenant_id" doc:"The tenant that it is in."`
	UserID    uuid.UUID `json:"user_id" doc:"The person who acts: staff of a provider above the tenant."`
	UserName  string    `json:"user_name" maxLength:"200" doc:"What he is called." example:"Ann Example"`
	Reason    string    `json:"reason" maxLength:"500" doc:"Why, in his words." example:"Ticket 4711: messages are not delivered"`
	Status    string    `json:"status" enum:"active,ended" doc:"Whether it goes on."`
	StartedAt time.Time `json:"started_at" doc:"When it began."`
	ExpiresAt time.Time `json:"expires_at" doc:"When it ends by itself."`
	// The three that follow are of sessions that have ended.
	EndedAt     *time.Time `json:"ended_at" doc:"When it ended, or null."`
	EndedByID   *uuid.UUID `json:"ended_by_id" nullable:"true" doc:"Who ended it; null where it ended by itself or with the person's own session."`
	EndedReason string     `json:"ended_reason" maxLength:"40" doc:"How it ended: ended by hand, expired, or what ended the person's own session; empty while it goes on." example:"expired"`
}

func actingView(a identity.ActingSession) ActAsSession {
	status := "active"
	if a.EndedAt != nil {
		status = "ended"
	}
	return ActAsSession{
		ID: a.ID, TenantID: a.TenantID, UserID: a.UserID, UserName: a.UserName, Reason: a.Reason, Status: status,
		StartedAt: a.StartedAt, ExpiresAt: a.ExpiresAt, EndedAt: a.EndedAt, EndedByID: a.EndedByID, EndedReason: a.EndedReason,
	}
}

// StartActAs is the body of startActAs.
type StartActAs struct {
	Reason  string `json:"reason" minLength:"5" maxLength:"500" doc:"Why; the tenant reads it." example:"Ticket 4711: messages are not delivered"`
	Minutes *int   `json:"minutes,omitempty" format:"int32" minimum:"1" maximum:"60" default:"30" doc:"How long." example:"30"`
}

// StartActAsInput is the input of startActAs.
type StartActAsInput struct {
	path.Tenant
	Body StartActAs
}

// NewActAsSession is an act-as session with its token, shown once.
type NewActAsSession struct {
	ActAsSession
	TokenType   string `json:"token_type" enum:"Bearer" doc:"Send the token as Authorization: Bearer."`
	AccessToken string `json:"access_token,omitempty" maxLength:"8192" doc:"Good for this tenant alone, until the session ends. It is never shown again." example:"eyJhbGciOiJFZERTQSJ9.e30.c2ln"`
}

// ActAsStarted is the output of startActAs.
type ActAsStarted struct {
	op.Location
	Body NewActAsSession
}

// WithoutSecrets implements op.Discreet.
func (s *ActAsStarted) WithoutSecrets() *ActAsStarted {
	out := *s
	out.Body.AccessToken = ""
	return &out
}

func (h handlers) startActing(ctx context.Context, in *StartActAsInput) (*ActAsStarted, error) {
	lasts := identity.DefaultActing
	if in.Body.Minutes != nil {
		lasts = time.Duration(*in.Body.Minutes) * time.Minute
	}
	started, err := h.identity.StartActing(ctx, in.Body.Reason, lasts)
	if err != nil {
		return nil, err
	}
	return &ActAsStarted{
		op.At("/v1/tenants/%s/act-as", in.TenantID),
		NewActAsSession{actingView(started.ActingSession), "Bearer", started.AccessToken.Reveal()},
	}, nil
}

// ListActAsInput is the input of listActAs.
type ListActAsInput struct {
	path.Tenant
	op.Page
}

func (h handlers) listActing(ctx context.Context, in *ListActAsInput) (*op.List[ActAsSession], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	var behind *uuid.UUID
	if after != nil {
		behind = &after.ID
	}
	rows, err := h.identity.ListActing(ctx, behind, in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, actingView, func(a identity.ActingSession) path.Key { return path.Key{ID: a.ID} })
}

// EndActAsInput is the input of endActAs.
type EndActAsInput struct {
	path.Tenant
	ActAsID uuid.UUID `path:"act_as_id" doc:"The session."`
}

// ActAsEnded is the output of endActAs.
type ActAsEnded struct {
	Body ActAsSession
}

func (h handlers) endActing(ctx context.Context, in *EndActAsInput) (*ActAsEnded, error) {
	ended, err := h.identity.EndActing(ctx, in.ActAsID)
	if err != nil {
		return nil, err
	}
	return &ActAsEnded{actingView(ended)}, nil
}

// CallerActing is shown to those who act, to be shown on every page.
type CallerActing struct {
	ID        uuid.UUID `json:"id" doc:"The act-as session."`
	Reason    string    `json:"reason" maxLength:"500" doc:"Why." example:"Ticket 4711: messages are not delivered"`
	ExpiresAt time.Time `json:"expires_at" doc:"When it ends by itself."`
}
