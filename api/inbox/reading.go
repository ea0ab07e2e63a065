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

func (h handlers) registerReading(s *op.Surface) {
	op.Register(s, authz.InteractionsMark, op.Spec{
		ID: "markInteractionRead", Method: http.MethodPost, Path: interactionPath + "/read", Tag: InteractionsTag,
		Summary: "Confirm reading",
		Description: "Confirms that the messages of an interaction have been read, all of them or those up to one: they are no longer `unseen` to anybody, " +
			"and no longer `unread` to the caller. Whether it waits for an answer stays as it is. " +
			"For whom it was passed to, it is the sign that he has opened it (`transfer`)." + ownOnly,
		Codes: []fault.Code{fault.CodeWrongState, fault.CodeWrongAssignee, fault.CodeNotFound}, BodyOptional: true,
	}, h.markRead)
	op.Register(s, authz.InteractionsMark, op.Spec{
		ID: "markInteractionUnread", Method: http.MethodPost, Path: interactionPath + "/unread", Tag: InteractionsTag,
		Summary: "Mark as unread",
		Description: "Takes the caller's own marker back to before the customer's last message, or to before the message that is named. " +
			"What others have read, and what has been seen, stays as it is. Where the customer has written nothing it is refused." + ownOnly,
		Codes: []fault.Code{fault.CodeWrongState, fault.CodeWrongAssignee, fault.CodeNotFound, fault.CodeConflict}, BodyOptional: true,
	}, h.markUnread)
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "getUnreadCount", Method: http.MethodGet, Path: "/v1/tenants/{tenant_id}/unread", Tag: InteractionsTag,
		Summary: "Count what is unread",
		Description: "Counts the caller's own interactions that are not closed and have something unread, the messages in them, " +
			"and what waits unseen for anybody." + ownOnly,
	}, h.unread)
}

// ReadInteraction is the body of markInteractionRead.
type ReadInteraction struct {
	LastMessageID *uuid.UUID `json:"last_message_id,omitempty" doc:"The last message that was read; left out for all that there are."`
}

// ReadInteractionInput is the input of markInteractionRead.
type ReadInteractionInput struct {
	ActionInput
	Body ReadInteraction
}

func (h handlers) markRead(ctx context.Context, in *ReadInteractionInput) (*InteractionShown, error) {
	return interactionShown(h.Interactions.MarkRead(ctx, h.Caller(ctx), in.InteractionID, in.Body.LastMessageID,
		interactions.Expectation{Check: in.Check}))
}

// UnreadInteraction is the body of markInteractionUnread.
type UnreadInteraction struct {
	FromMessageID *uuid.UUID `json:"from_message_id,omitempty" doc:"The first message that is to be unread; left out for the customer's last."`
}

// UnreadInteractionInput is the input of markInteractionUnread.
type UnreadInteractionInput struct {
	ActionInput
	Body UnreadInteraction
}

func (h handlers) markUnread(ctx context.Context, in *UnreadInteractionInput) (*InteractionShown, error) {
	return interactionShown(h.Interactions.MarkUnread(ctx, h.Caller(ctx), in.InteractionID, in.Body.FromMessageID,
		interactions.Expectation{Check: in.Check}))
}

// UnreadCount is what waits to be read by the caller.
type UnreadCount struct {
	Interactions int `json:"interactions" format:"int32" minimum:"0" maximum:"2147483647" doc:"The caller's own interactions that are not closed and have something unread." example:"2"`
	Messages     int `json:"messages" format:"int32" minimum:"0" maximum:"2147483647" doc:"The customers' messages in them that the caller has not read." example:"5"`
	Unassigned   int `json:"unassigned" format:"int32" minimum:"0" maximum:"2147483647" doc:"Interactions that the caller sees, that nobody has, and whose messages nobody has confirmed to have read." example:"3"`
}

// UnreadCountShown is the output of getUnreadCount.
type UnreadCountShown struct {
	Body UnreadCount
}

func (h handlers) unread(ctx context.Context, _ *path.Tenant) (*UnreadCountShown, error) {
	b, err := h.Interactions.Unread(ctx, h.Caller(ctx))
	if err != nil {
		return nil, err
	}
	return &UnreadCountShown{UnreadCount(b)}, nil
}
