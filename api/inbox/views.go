package inbox

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/interactions"
)

const (
	viewsPath = "/v1/tenants/{tenant_id}/inbox-views"
	viewPath  = viewsPath + "/{inbox_view_id}"
)

// whoseViews is said of every operation on one view.
const whoseViews = " A view belongs to the user or API key that made it; a shared one is seen by all, and changed by those with the permission `inbox_views:share`."

func (h handlers) registerViews(s *op.Surface) {
	codes := []fault.Code{fault.CodeNameTaken, fault.CodeNotFound, fault.CodeConflict}
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "listInboxViews", Method: http.MethodGet, Path: viewsPath, Tag: InteractionsTag,
		Summary: "List inbox views", Description: "Lists the lists of conversations that the caller has put together, and the shared ones, oldest first.",
	}, h.views)
	op.Register(s, authz.InboxViewsWrite, op.Spec{
		ID: "createInboxView", Method: http.MethodPost, Path: viewsPath, Tag: InteractionsTag, Status: http.StatusCreated,
		Summary: "Create an inbox view",
		Description: "Keeps a filter, an order and columns under a name. Whoever uses the view sees of it what he may see. " +
			"What the filter names has to be the tenant's. The name is unique among the caller's views, in capitals or not." + whoseViews,
		Codes: codes,
	}, h.createView)
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "getInboxView", Method: http.MethodGet, Path: viewPath, Tag: InteractionsTag,
		Summary: "Show an inbox view", Description: "Shows one view." + whoseViews,
	}, h.view)
	op.Register(s, authz.InboxViewsWrite, op.Spec{
		ID: "updateInboxView", Method: http.MethodPatch, Path: viewPath, Tag: InteractionsTag,
		Summary: "Change an inbox view", Description: "Changes a view. A filter replaces the one that was there." + whoseViews, Codes: codes,
	}, h.updateView)
	op.Register(s, authz.InboxViewsWrite, op.Spec{
		ID: "deleteInboxView", Method: http.MethodDelete, Path: viewPath, Tag: InteractionsTag,
		Summary: "Delete an inbox view", Description: "Removes a view; the conversations stay as they are." + whoseViews,
	}, h.deleteView)
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "listInboxViewInteractions", Method: http.MethodGet, Path: viewPath + "/interactions", Tag: InteractionsTag,
		Summary: "List the interactions of a view", Description: "Lists the conversations of a view in its order." + ownOnly,
	}, h.listView)
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "getInboxViewCount", Method: http.MethodGet, Path: viewPath + "/count", Tag: InteractionsTag,
		Summary: "Count the interactions of a view", Description: "Counts the conversations of a view: exactly up to 1,000, and beyond it says that there is more." + ownOnly,
	}, h.countView)
}

// ViewFilter is what the conversations of a view are chosen by. What is left out
// chooses all.
type ViewFilter struct {
	View       string      `json:"view,omitempty" enum:"active,assigned,snoozed,closed,missed,all" doc:"As in listInteractions; active where it is left out."`
	Q          string      `json:"q,omitempty" maxLength:"200" doc:"Words to search for, as in listInteractions." example:"invoice"`
	Statuses   []string    `json:"statuses,omitempty" enum:"waiting_agent,open,waiting_customer,solved,closed" maxItems:"5" doc:"Only these statuses."`
	ChannelIDs []uuid.UUID `json:"channel_ids,omitempty" maxItems:"50" doc:"Only these channels."`
	QueueIDs   []uuid.UUID `json:"queue_ids,omitempty" maxItems:"50" doc:"Only these queues."`
	TagIDs     []uuid.UUID `json:"tag_ids,omitempty" maxItems:"50" doc:"Only what has any of these tags."`
	AssigneeID *uuid.UUID  `json:"assignee_id,omitempty" doc:"Only what is assigned to this user."`
	Assigned   string      `json:"assigned,omitempty" enum:"me,nobody,somebody" doc:"Only what is assigned to whoever uses the view, to nobody, or to anybody."`
	Unseen     *bool       `json:"unseen,omitempty" doc:"Only those with messages that nobody has confirmed to have read, or only the others." example:"true"`
	NeedsReply *bool       `json:"needs_reply,omitempty" doc:"Only those in which the customer wrote last, or only the others." example:"true"`
}

func (f ViewFilter) saved() *interactions.SavedFilter {
	out := &interactions.SavedFilter{
		View: interactions.View(f.View), Text: f.Q, ChannelIDs: f.ChannelIDs, QueueIDs: f.QueueIDs, TagIDs: f.TagIDs,
		AssigneeID: f.AssigneeID, Assigned: interactions.Ownership(f.Assigned), Unseen: f.Unseen, NeedsReply: f.NeedsReply,
	}
	if out.View == "" {
		out.View = interactions.ActiveView
	}
	for _, s := range f.Statuses {
		out.Statuses = append(out.Statuses, interactions.Status(s))
	}
	return out
}

func viewFilter(f interactions.SavedFilter) ViewFilter {
	out := ViewFilter{
		View: string(f.View), Q: f.Text, ChannelIDs: f.ChannelIDs, QueueIDs: f.QueueIDs, TagIDs: f.TagIDs,
		AssigneeID: f.AssigneeID, Assigned: string(f.Assigned), Unseen: f.Unseen, NeedsReply: f.NeedsReply,
	}
	for _, s := range f.Statuses {
		out.Statuses = append(out.Statuses, string(s))
	}
	return out
}

// KeptView is a kept list of conversations as clients see it.
type KeptView struct {
	ID        uuid.UUID  `json:"id" doc:"The view."`
	OwnerID   uuid.UUID  `json:"owner_id" doc:"The user or API key that made it."`
	Name      string     `json:"name" maxLength:"200" doc:"What it is called." example:"Late answers"`
	Shared    bool       `json:"shared" doc:"Everybody sees it."`
	Filter    ViewFilter `json:"filter" doc:"What its conversations are chosen by."`
	Sort      string     `json:"sort" enum:"last_message_at,-last_message_at,created_at,-created_at,status,-status,subject,-subject,waiting_since,-waiting_since,priority,-priority" doc:"The order." example:"-last_message_at"`
	Columns   []string   `json:"columns" maxItems:"30" maxLength:"40" doc:"What a client shows of each, in this order; empty for what it shows by itself." example:"[\"contact_name\",\"status\"]"`
	CreatedAt time.Time  `json:"created_at" doc:"When it was made."`
	UpdatedAt time.Time  `json:"updated_at" doc:"When it was changed last."`
}

func inboxView(v interactions.InboxView) KeptView {
	return KeptView{v.ID, v.OwnerID, v.Name, v.Shared, viewFilter(v.Filter), string(v.Sort), v.Columns, v.CreatedAt, v.UpdatedAt}
}

// ListViewsInput is the input of listInboxViews.
type ListViewsInput struct {
	path.Tenant
	op.Page
}

func (h handlers) views(ctx context.Context, in *ListViewsInput) (*op.List[KeptView], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	rows, err := h.Interactions.InboxViews(ctx, after.After(), in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, inboxView, func(v interactions.InboxView) path.Key { return path.Key{ID: v.ID} })
}

// CreateInboxView is the body of createInboxView.
type CreateInboxView struct {
	Name    string     `json:"name" minLength:"1" maxLength:"200" doc:"What it is called." example:"Late answers"`
	Shared  bool       `json:"shared,omitempty" doc:"Everybody sees it; needs inbox_views:share."`
	Filter  ViewFilter `json:"filter,omitempty" doc:"What its conversations are chosen by; what is not closed where it is left out."`
	Sort    string     `json:"sort,omitempty" enum:"last_message_at,-last_message_at,created_at,-created_at,status,-status,subject,-subject,waiting_since,-waiting_since,priority,-priority" doc:"The order; the latest message first where it is left out." example:"-last_message_at"`
	Columns []string   `json:"columns,omitempty" maxItems:"30" minLength:"1" maxLength:"40" pattern:"^[a-z][a-z0-9_]*$" doc:"What a client shows of each, in this order." example:"[\"contact_name\",\"status\"]"`
}

// CreateViewInput is the input of createInboxView.
type CreateViewInput struct {
	path.Tenant
	Body CreateInboxView
}

// ViewCreated is the output of createInboxView.
type ViewCreated struct {
	op.Location
	op.ETag
	Body KeptView
}

func (h handlers) createView(ctx context.Context, in *CreateViewInput) (*ViewCreated, error) {
	sort := interactions.Sort(in.Body.Sort)
	if sort == "" {
		sort = interactions.ByLastMessage.Reversed()
	}
	v, err := h.Interactions.CreateInboxView(ctx, h.May(ctx, authz.InboxViewsShare), interactions.InboxViewInput{
		Name: &in.Body.Name, Shared: &in.Body.Shared, Filter: in.Body.Filter.saved(), Sort: &sort, Columns: in.Body.Columns,
	})
	if err != nil {
		return nil, err
	}
	return &ViewCreated{op.At("/v1/tenants/%s/inbox-views/%s", in.TenantID, v.ID), op.Version(v.Version), inboxView(v)}, nil
}

// ViewPath names one view.
type ViewPath struct {
	path.Tenant
	InboxViewID uuid.UUID `path:"inbox_view_id" doc:"The view."`
}

// ViewShown is the output of operations that show one view.
type ViewShown struct {
	op.ETag
	Body KeptView
}

func viewShown(v interactions.InboxView, err error) (*ViewShown, error) {
	if err != nil {
		return nil, err
	}
	return &ViewShown{op.Version(v.Version), inboxView(v)}, nil
}

func (h handlers) view(ctx context.Context, in *ViewPath) (*ViewShown, error) {
	return viewShown(h.Interactions.InboxView(ctx, in.InboxViewID))
}

// UpdateInboxView is the body of updateInboxView.
type UpdateInboxView struct {
	Name    op.Optional[string]   `json:"name,omitzero" nullable:"false" minLength:"1" maxLength:"200" doc:"What it is called." example:"Late answers"`
	Shared  op.Optional[bool]     `json:"shared,omitzero" nullable:"false" doc:"Everybody sees it; needs inbox_views:share."`
	Filter  *ViewFilter           `json:"filter,omitempty" doc:"What its conversations are chosen by, all of it."`
	Sort    op.Optional[string]   `json:"sort,omitzero" nullable:"false" enum:"last_message_at,-last_message_at,created_at,-created_at,status,-status,subject,-subject,waiting_since,-waiting_since,priority,-priority" doc:"The order." example:"-last_message_at"`
	Columns op.Optional[[]string] `json:"columns,omitzero" nullable:"false" maxItems:"30" minLength:"1" maxLength:"40" pattern:"^[a-z][a-z0-9_]*$" doc:"What a client shows of each, in this order." example:"[\"contact_name\",\"status\"]"`
}

// UpdateViewInput is the input of updateInboxView.
type UpdateViewInput struct {
	ViewPath
	op.IfMatch
	Body UpdateInboxView
}

func (h handlers) updateView(ctx context.Context, in *UpdateViewInput) (*ViewShown, error) {
	change := interactions.InboxViewInput{Name: in.Body.Name.Pointer(), Shared: in.Body.Shared.Pointer()}
	if f := in.Body.Filter; f != nil {
		change.Filter = f.saved()
	}
	if sort := in.Body.Sort.Pointer(); sort != nil {
		order := interactions.Sort(*sort)
		change.Sort = &order
	}
	if columns := in.Body.Columns.Pointer(); columns != nil {
		change.Columns = append([]string{}, *columns...)
	}
	return viewShown(h.Interactions.UpdateInboxView(ctx, h.May(ctx, authz.InboxViewsShare), in.InboxViewID, change, in.Check))
}

func (h handlers) deleteView(ctx context.Context, in *ViewPath) (*op.Empty, error) {
	return nil, h.Interactions.DeleteInboxView(ctx, h.May(ctx, authz.InboxViewsShare), in.InboxViewID)
}

// ListViewInput is the input of listInboxViewInteractions.
type ListViewInput struct {
	ViewPath
	op.Page
}

func (h handlers) listView(ctx context.Context, in *ListViewInput) (*op.List[InteractionRow], error) {
	after, err := op.After[interactions.Position](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	if after == nil {
		after = &interactions.Position{}
	}
	rows, err := h.Interactions.ListInView(ctx, h.Caller(ctx), in.InboxViewID, *after, in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, interactionRow, func(r interactions.Row) interactions.Position { return r.Position })
}

// ViewCount is how many conversations a view has.
type ViewCount struct {
	Count int  `json:"count" format:"int32" minimum:"0" maximum:"1000" doc:"How many there are, up to 1,000." example:"12"`
	More  bool `json:"more" doc:"There are more."`
}

// ViewCounted is the output of getInboxViewCount.
type ViewCounted struct{ Body ViewCount }

func (h handlers) countView(ctx context.Context, in *ViewPath) (*ViewCounted, error) {
	n, more, err := h.Interactions.CountInView(ctx, h.Caller(ctx), in.InboxViewID)
	if err != nil {
		return nil, err
	}
	return &ViewCounted{ViewCount{n, more}}, nil
}
