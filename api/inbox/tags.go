package inbox

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/interactions"
)

func (h handlers) registerTagging(s *op.Surface) {
	op.Register(s, authz.InteractionsTag, op.Spec{
		ID: "addInteractionTag", Method: http.MethodPut, Path: interactionPath + "/tags/{tag_id}", Tag: InteractionsTag,
		Summary: "Tag an interaction", Description: "Marks an interaction, closed or not, with a tag in use. One that has it keeps it; it can have 50." + ownOnly,
		Codes: []fault.Code{fault.CodeConflict, fault.CodeWrongAssignee},
	}, h.addTag)
	op.Register(s, authz.InteractionsTag, op.Spec{
		ID: "removeInteractionTag", Method: http.MethodDelete, Path: interactionPath + "/tags/{tag_id}", Tag: InteractionsTag,
		Summary: "Take a tag from an interaction", Description: "Takes a tag away; an interaction that does not have it stays as it is." + ownOnly,
		Codes: []fault.Code{fault.CodeWrongAssignee},
	}, h.removeTag)
	op.Register(s, authz.InteractionsTag, op.Spec{
		ID: "updateInteractionTags", Method: http.MethodPost, Path: interactionsPath + "/tag", Tag: InteractionsTag,
		Summary:     "Tag several interactions",
		Description: "Adds tags in use to interactions and takes others from them: to and from all of them, or none where one cannot be found." + ownOnly,
		Codes:       []fault.Code{fault.CodeNotFound, fault.CodeConflict},
	}, h.tagMany)
}

// TagOfInteraction is a tag that an interaction has.
type TagOfInteraction struct {
	ID    uuid.UUID `json:"id" doc:"The tag."`
	Name  string    `json:"name" maxLength:"200" doc:"What people call it." example:"Urgent"`
	Color string    `json:"color" maxLength:"7" pattern:"^#[0-9a-f]{6}$" doc:"The colour in which it is shown." example:"#d32f2f"`
}

func tagViews(tags []interactions.Tag) []TagOfInteraction {
	out := make([]TagOfInteraction, 0, len(tags))
	for _, t := range tags {
		out = append(out, TagOfInteraction(t))
	}
	return out
}

// InteractionTagPath names a tag of an interaction.
type InteractionTagPath struct {
	InteractionPath
	TagID uuid.UUID `path:"tag_id" doc:"The tag."`
}

func (h handlers) addTag(ctx context.Context, in *InteractionTagPath) (*InteractionShown, error) {
	return interactionShown(h.Interactions.AddTag(ctx, h.Caller(ctx), in.InteractionID, in.TagID))
}

func (h handlers) removeTag(ctx context.Context, in *InteractionTagPath) (*op.Empty, error) {
	_, err := h.Interactions.RemoveTag(ctx, h.Caller(ctx), in.InteractionID, in.TagID)
	return nil, err
}

// TagInteractions is the body of updateInteractionTags.
type TagInteractions struct {
	InteractionIDs []uuid.UUID `json:"interaction_ids" minItems:"1" maxItems:"200" doc:"The interactions."`
	AddTagIDs      []uuid.UUID `json:"add_tag_ids,omitempty" maxItems:"50" doc:"Tags in use that they get."`
	RemoveTagIDs   []uuid.UUID `json:"remove_tag_ids,omitempty" maxItems:"50" doc:"Tags that they lose."`
}

// TagInteractionsInput is the input of updateInteractionTags.
type TagInteractionsInput struct {
	path.Tenant
	Body TagInteractions
}

// InteractionsTagged says what became of a request for many.
type InteractionsTagged struct {
	Changed int `json:"changed" format:"int32" minimum:"0" maximum:"200" doc:"How many interactions have other tags than before." example:"3"`
}

// InteractionsTaggedShown is the output of updateInteractionTags.
type InteractionsTaggedShown struct {
	Body InteractionsTagged
}

func (h handlers) tagMany(ctx context.Context, in *TagInteractionsInput) (*InteractionsTaggedShown, error) {
	n, err := h.Interactions.TagMany(ctx, h.Caller(ctx), in.Body.InteractionIDs, in.Body.AddTagIDs, in.Body.RemoveTagIDs)
	if err != nil {
		return nil, err
	}
	return &InteractionsTaggedShown{InteractionsTagged{n}}, nil
}
