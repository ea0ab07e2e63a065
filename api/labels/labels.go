// Package labels serves the words by which a tenant sorts its conversations:
// tags and dispositions.
package labels

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/labels"
)

// Tag is the chapter of labels in the document.
const Tag = "Labels"

type handlers struct{ labels *labels.Service }

const (
	tagsPath = "/v1/tenants/{tenant_id}/tags"
	tagPath  = tagsPath + "/{tag_id}"
)

// Register opens the operations on tags and dispositions.
func Register(s *op.Surface, service *labels.Service) {
	h := handlers{service}
	h.registerTags(s)
	h.registerDispositions(s)
}

func (h handlers) registerTags(s *op.Surface) {
	op.Register(s, authz.TagsRead, op.Spec{
		ID: "listTags", Method: http.MethodGet, Path: tagsPath, Tag: Tag,
		Summary: "List tags", Description: "Lists the tenant's tags in use, or those that were archived, oldest first.",
	}, h.tags)
	op.Register(s, authz.TagsWrite, op.Spec{
		ID: "createTag", Method: http.MethodPost, Path: tagsPath, Tag: Tag, Status: http.StatusCreated,
		Summary:     "Create a tag",
		Description: "Makes a tag with a colour. The name is unique among the tenant's tags in use, in capitals or not.",
		Codes:       []fault.Code{fault.CodeNameTaken},
	}, h.createTag)
	op.Register(s, authz.TagsRead, op.Spec{
		ID: "getTag", Method: http.MethodGet, Path: tagPath, Tag: Tag,
		Summary: "Show a tag", Description: "Shows one tag; an archived one as well.",
	}, h.tag)
	op.Register(s, authz.TagsWrite, op.Spec{
		ID: "updateTag", Method: http.MethodPatch, Path: tagPath, Tag: Tag,
		Summary: "Change a tag", Description: "Changes the name or the colour of a tag in use, on all interactions that have it.",
		Codes: []fault.Code{fault.CodeNameTaken, fault.CodeWrongState},
	}, h.updateTag)
	op.Register(s, authz.TagsWrite, op.Spec{
		ID: "archiveTag", Method: http.MethodPost, Path: tagPath + "/archive", Tag: Tag,
		Summary: "Archive a tag", Description: "Takes a tag out of use and frees its name. Interactions that have it keep it; no other gets it.",
		Codes: []fault.Code{fault.CodeWrongState},
	}, h.archiveTag)
}

// InteractionTag is a tag as clients see it. Tag is the name of a chapter.
type InteractionTag struct {
	ID         uuid.UUID  `json:"id" doc:"The tag."`
	Name       string     `json:"name" maxLength:"200" doc:"What people call it." example:"Urgent"`
	Color      string     `json:"color" maxLength:"7" pattern:"^#[0-9a-f]{6}$" doc:"The colour in which it is shown." example:"#d32f2f"`
	ArchivedAt *time.Time `json:"archived_at" doc:"When it was taken out of use, or null."`
	CreatedAt  time.Time  `json:"created_at" doc:"When it was made."`
	UpdatedAt  time.Time  `json:"updated_at" doc:"When it was changed last."`
}

func tagView(t labels.Tag) InteractionTag {
	return InteractionTag{t.ID, t.Name, t.Color, t.ArchivedAt, t.CreatedAt, t.UpdatedAt}
}

// ListTagsInput is the input of listTags.
type ListTagsInput struct {
	path.Tenant
	op.Page
	View   string `query:"view" enum:"active,archived" default:"active" doc:"Those in use, or those that were archived."`
	Search string `query:"q" maxLength:"200" doc:"Only tags with this in their name, in capitals or not." example:"urg"`
}

func (h handlers) tags(ctx context.Context, in *ListTagsInput) (*op.List[InteractionTag], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	rows, err := h.labels.Tags(ctx, in.View == "archived", in.Search, after.After(), in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, tagView, func(t labels.Tag) path.Key { return path.Key{ID: t.ID} })
}

// CreateTag is the body of createTag.
type CreateTag struct {
	Name  string `json:"name" minLength:"1" maxLength:"200" doc:"What people call it." example:"Urgent"`
	Color string `json:"color" maxLength:"7" pattern:"^#[0-9A-Fa-f]{6}$" doc:"The colour in which it is shown." example:"#d32f2f"`
}

// CreateTagInput is the input of createTag.
type CreateTagInput struct {
	path.Tenant
	Body CreateTag
}

// TagCreated is the output of createTag.
type TagCreated struct {
	op.Location
	op.ETag
	Body InteractionTag
}

func (h handlers) createTag(ctx context.Context, in *CreateTagInput) (*TagCreated, error) {
	t, err := h.labels.CreateTag(ctx, in.Body.Name, in.Body.Color)
	if err != nil {
		return nil, err
	}
	return &TagCreated{op.At("/v1/tenants/%s/tags/%s", in.TenantID, t.ID), op.Version(int64(t.Version)), tagView(t)}, nil
}

// TagPath names one tag.
type TagPath struct {
	path.Tenant
	TagID uuid.UUID `path:"tag_id" doc:"The tag."`
}

// TagShown is the output of operations that show one tag.
type TagShown struct {
	op.ETag
	Body InteractionTag
}

func tagShown(t labels.Tag, err error) (*TagShown, error) {
	if err != nil {
		return nil, err
	}
	return &TagShown{op.Version(int64(t.Version)), tagView(t)}, nil
}

func (h handlers) tag(ctx context.Context, in *TagPath) (*TagShown, error) {
	return tagShown(h.labels.GetTag(ctx, in.TagID))
}

// UpdateTag is the body of updateTag.
type UpdateTag struct {
	Name  op.Optional[string] `json:"name,omitzero" nullable:"false" minLength:"1" maxLength:"200" doc:"What people call it." example:"Urgent"`
	Color op.Optional[string] `json:"color,omitzero" nullable:"false" maxLength:"7" pattern:"^#[0-9A-Fa-f]{6}$" doc:"The colour in which it is shown." example:"#d32f2f"`
}

// UpdateTagInput is the input of updateTag.
type UpdateTagInput struct {
	TagPath
	op.IfMatch
	Body UpdateTag
}

func (h handlers) updateTag(ctx context.Context, in *UpdateTagInput) (*TagShown, error) {
	change := labels.TagChange{Name: in.Body.Name.Pointer(), Color: in.Body.Color.Pointer()}
	return tagShown(h.labels.UpdateTag(ctx, in.TagID, change, in.Check))
}

func (h handlers) archiveTag(ctx context.Context, in *TagPath) (*TagShown, error) {
	return tagShown(h.labels.ArchiveTag(ctx, in.TagID))
}
