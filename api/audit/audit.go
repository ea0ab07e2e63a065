package audit

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/events/audit"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/tenants"
)

// Tag is the chapter of the audit log in the document.
const Tag = "Audit"

// Config is what the operations need.
type Config struct {
	Trail *audit.Trail
	// MayGoOn fails where the caller has lost the right that let him in: an
	// export may take longer than that right lasts.
	MayGoOn func(context.Context) error
}

type handlers struct{ Config }

// Register opens the operations on the audit log.
func Register(s *op.Surface, c Config) {
	h := handlers{c}
	op.Register(s, authz.AuditRead, op.Spec{
		ID: "listAuditEntries", Method: http.MethodGet, Path: "/v1/tenants/{tenant_id}/audit", Tag: Tag,
		Summary: "List the audit log",
		Description: "Lists who changed what in the tenant, the newest first: what was there before and after, from which address, with which key, " +
			"and in whose name. With `subtree` it is the log of the tenant and of all below it. Messages are no part of it, unless somebody handled them in an act-as session.",
	}, h.list)
	op.Register(s, authz.AuditRead, op.Spec{
		ID: "exportAuditEntries", Method: http.MethodGet, Path: "/v1/tenants/{tenant_id}/audit/export", Tag: Tag,
		Summary: "Export the audit log",
		Description: "Writes the same list as one file, as it is read. That it was exported is written into the log first. " +
			"An export whose caller loses the right to it meanwhile breaks off.",
	}, h.export)
}

// Filter is what the list and the export have in common.
type Filter struct {
	path.Tenant
	Subtree    bool      `query:"subtree" doc:"Also what happened in the tenants below this one."`
	ActorID    uuid.UUID `query:"actor_id" doc:"By whom: a user, together with the keys that he made, or one key."`
	Action     string    `query:"action" maxLength:"64" pattern:"^[a-z_]+\\.[a-z_]+$" doc:"What was done." example:"user.updated"`
	ObjectKind string    `query:"object_kind" maxLength:"64" pattern:"^[a-z_]+$" doc:"To what kind of thing." example:"user"`
	ObjectID   uuid.UUID `query:"object_id" doc:"To which thing."`
	From       time.Time `query:"from" doc:"The first moment."`
	To         time.Time `query:"to" doc:"The first moment that is not asked for."`
	ActAs      bool      `query:"act_as" doc:"Only what happened in act-as sessions."`
	ActAsID    uuid.UUID `query:"act_as_id" doc:"Only what happened in this act-as session."`
}

func (in Filter) filter(ctx context.Context) (audit.Filter, error) {
	f := audit.Filter{
		ActorID: given(in.ActorID), Action: in.Action, ObjectKind: in.ObjectKind, ObjectID: given(in.ObjectID),
		ActAs: in.ActAs, ActAsID: given(in.ActAsID),
	}
	// Who administers this node alone sees nothing of what is below.
	f.Subtree = in.Subtree && tenants.ReachOf(ctx).Below
	if !in.From.IsZero() {
		f.From = &in.From
	}
	if !in.To.IsZero() {
		f.To = &in.To
	}
	if f.From != nil && f.To != nil && !f.From.Before(*f.To) {
		return f, fault.InvalidField(fault.CodeInvalid, "query.to", "must be after from")
	}
	return f, nil
}

func given(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

// ListInput is the input of listAuditEntries.
type ListInput struct {
	Filter
	op.Page
}

func (h handlers) list(ctx context.Context, in *ListInput) (*op.List[AuditEntry], error) {
	f, err := in.filter(ctx)
	if err != nil {
		return nil, err
	}
	if f.Behind, err = op.After[audit.Place](ctx, in.Page); err != nil {
		return nil, err
	}
	f.Limit = in.Fetch()
	rows, err := h.Trail.List(ctx, f)
	if err != nil {
		return nil, err
	}
	home := tenants.ReachOf(ctx).Home
	return op.Listing(ctx, in.Page, rows, func(e audit.Entry) AuditEntry { return view(e, home) }, audit.Entry.Place)
}
