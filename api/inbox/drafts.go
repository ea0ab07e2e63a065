package inbox

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/messaging/interactions"
)

const draftPath = interactionPath + "/draft"

func (h handlers) registerDrafts(s *op.Surface) {
	op.Register(s, authz.InteractionsReply, op.Spec{
		ID: "listDrafts", Method: http.MethodGet, Path: "/v1/tenants/{tenant_id}/drafts", Tag: MessagesTag,
		Summary:     "List drafts",
		Description: "Lists what the caller has begun to write and not sent, of the conversation that began last first." + ownOnly,
	}, h.drafts)
	op.Register(s, authz.InteractionsReply, op.Spec{
		ID: "getDraft", Method: http.MethodGet, Path: draftPath, Tag: MessagesTag,
		Summary: "Show a draft", Description: "Shows what the caller has begun to write in an interaction. Nobody else sees it." + ownOnly,
	}, h.draft)
	op.Register(s, authz.InteractionsReply, op.Spec{
		ID: "setDraft", Method: http.MethodPut, Path: draftPath, Tag: MessagesTag,
		Summary: "Save a draft",
		Description: "Keeps what the caller has begun to write in an interaction, in place of what was kept before; answering removes it. " +
			"With the ETag of the draft in If-Match a second window does not write over the first." + ownOnly,
	}, h.saveDraft)
	op.Register(s, authz.InteractionsReply, op.Spec{
		ID: "deleteDraft", Method: http.MethodDelete, Path: draftPath, Tag: MessagesTag,
		Summary: "Delete a draft", Description: "Throws away what the caller has begun to write in an interaction; where there is nothing, nothing happens." + ownOnly,
	}, h.dropDraft)
}

// SavedDraft is a draft as its author sees it.
type SavedDraft struct {
	InteractionID uuid.UUID `json:"interaction_id" doc:"The interaction that it is an answer in."`
	Body          string    `json:"body" maxLength:"4000" doc:"The text." example:"We are open unt"`
	CreatedAt     time.Time `json:"created_at" doc:"When it was begun."`
	UpdatedAt     time.Time `json:"updated_at" doc:"When it was saved last."`
}

func draftView(d interactions.SavedDraft) SavedDraft {
	return SavedDraft{d.InteractionID, d.Body, d.CreatedAt, d.UpdatedAt}
}

// ListDraftsInput is the input of listDrafts.
type ListDraftsInput struct {
	path.Tenant
	op.Page
}

func (h handlers) drafts(ctx context.Context, in *ListDraftsInput) (*op.List[SavedDraft], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	rows, err := h.Interactions.Drafts(ctx, h.Caller(ctx), after.After(), in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, draftView, func(d interactions.SavedDraft) path.Key { return path.Key{ID: d.InteractionID} })
}

// DraftShown is the output of operations that show one draft.
type DraftShown struct {
	op.ETag
	Body SavedDraft
}

func draftShown(d interactions.SavedDraft, err error) (*DraftShown, error) {
	if err != nil {
		return nil, err
	}
	return &DraftShown{op.Version(d.Version), draftView(d)}, nil
}

func (h handlers) draft(ctx context.Context, in *InteractionPath) (*DraftShown, error) {
	return draftShown(h.Interactions.Draft(ctx, h.Caller(ctx), in.InteractionID))
}

// SaveDraft is the body of setDraft.
type SaveDraft struct {
	Body string `json:"body" minLength:"1" maxLength:"4000" doc:"The text as it is by now, of whatever length; an empty one is deleted instead." example:"We are open unt"`
}

// SaveDraftInput is the input of setDraft.
type SaveDraftInput struct {
	InteractionPath
	op.IfMatch
	Body SaveDraft
}

func (h handlers) saveDraft(ctx context.Context, in *SaveDraftInput) (*DraftShown, error) {
	return draftShown(h.Interactions.SaveDraft(ctx, h.Caller(ctx), in.InteractionID, in.Body.Body, in.Check))
}

func (h handlers) dropDraft(ctx context.Context, in *ActionInput) (*op.Empty, error) {
	return nil, h.Interactions.DropDraft(ctx, h.Caller(ctx), in.InteractionID, in.Check)
}
