package inbox

import (
	"context"
	"net/http"
	"time"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/interactions"
)

func (h handlers) registerSchedule(s *op.Surface) {
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "listScheduledMessages", Method: http.MethodGet, Path: "/v1/tenants/{tenant_id}/scheduled-messages", Tag: MessagesTag,
		Summary: "List scheduled messages", Description: "Lists the messages that wait for their time, the next to be sent first." + ownOnly,
	}, h.scheduled)
	op.Register(s, authz.InteractionsReply, op.Spec{
		ID: "rescheduleMessage", Method: http.MethodPatch, Path: messagesPath + "/{message_id}", Tag: MessagesTag,
		Summary: "Reschedule a message", Description: "Gives a scheduled message another time, or none: then it is sent now. One that is on its way is 409 with its status." + ownOnly,
		Codes: []fault.Code{fault.CodeWrongState},
	}, h.reschedule)
	op.Register(s, authz.InteractionsReply, op.Spec{
		ID: "cancelMessage", Method: http.MethodPost, Path: messagesPath + "/{message_id}/cancel", Tag: MessagesTag,
		Summary: "Cancel a message",
		Description: "Takes a message back that was not handed over to the provider yet: one that is scheduled, or one that waits its turn. " +
			"One that is on its way is 409 with its status. Scheduled messages are also canceled when their conversation is closed." + ownOnly,
		Codes: []fault.Code{fault.CodeWrongState},
	}, h.cancel)
}

// ListScheduledInput is the input of listScheduledMessages.
type ListScheduledInput struct {
	path.Tenant
	op.Page
}

func (h handlers) scheduled(ctx context.Context, in *ListScheduledInput) (*op.List[Message], error) {
	after, err := op.After[interactions.Due](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	rows, err := h.Interactions.ScheduledMessages(ctx, h.Caller(ctx), after, in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, messageView, func(m interactions.Message) interactions.Due {
		return interactions.Due{SendAt: *m.SendAt, ID: m.ID}
	})
}

// RescheduleMessage is the body of rescheduleMessage.
type RescheduleMessage struct {
	SendAt op.Optional[time.Time] `json:"send_at,omitzero" doc:"Send it then: in the future, a year ahead at most. Null sends it now."`
}

// RescheduleInput is the input of rescheduleMessage.
type RescheduleInput struct {
	MessagePath
	op.IfMatch
	Body RescheduleMessage
}

func (h handlers) reschedule(ctx context.Context, in *RescheduleInput) (*MessageShown, error) {
	if !in.Body.SendAt.Set {
		return messageShown(h.Interactions.Message(ctx, h.Caller(ctx), in.MessageID))
	}
	return messageShown(h.Interactions.RescheduleMessage(ctx, h.Caller(ctx), in.MessageID, in.Body.SendAt.Pointer(), in.Check))
}

// CancelMessageInput is the input of cancelMessage.
type CancelMessageInput struct {
	MessagePath
	op.IfMatch
}

func (h handlers) cancel(ctx context.Context, in *CancelMessageInput) (*MessageShown, error) {
	return messageShown(h.Interactions.CancelMessage(ctx, h.Caller(ctx), in.MessageID, in.Check))
}
