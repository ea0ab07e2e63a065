package ingress

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/intake"
)

func (h handlers) registerSandbox(s *op.Surface) {
	op.Register(s, authz.ChannelsWrite, op.Spec{
		ID: "injectMessage", Method: http.MethodPost, Path: "/v1/tenants/{tenant_id}/sandbox/inbound", Tag: Tag,
		Status: http.StatusAccepted, Unrepeatable: true,
		Summary: "Receive a message in the sandbox",
		Description: "Plays a customer who writes to a channel of the provider sandbox. The message goes the whole way of a real one, from the carrier's signed " +
			"callback on, STOP included. The same `message_id` again changes nothing.",
		Codes: []fault.Code{fault.CodeNotCapable, fault.CodeInvalidAddress, fault.CodeChannelInactive},
	}, h.inject)
}

// InjectMessage is the body of injectMessage.
type InjectMessage struct {
	ChannelID uuid.UUID `json:"channel_id" doc:"The channel that is written to; its provider is sandbox."`
	From      string    `json:"from" minLength:"3" maxLength:"16" pattern:"^\\+[1-9][0-9]+$" doc:"Who writes, in E.164." example:"+15145550199"`
	Body      string    `json:"body" minLength:"1" maxLength:"1600" doc:"What he writes." example:"Are you open on Sunday?"`
	MessageID string    `json:"message_id,omitempty" maxLength:"64" pattern:"^[0-9A-Za-z_-]+$" doc:"The message's id at the carrier; one is made if it is left out." example:"test-1"`
}

// InjectMessageInput is the input of injectMessage.
type InjectMessageInput struct {
	path.Tenant
	Body InjectMessage
}

// InjectedMessage is what was taken in.
type InjectedMessage struct {
	MessageID string `json:"message_id" maxLength:"64" doc:"The message's id at the carrier." example:"test-1"`
}

// MessageInjected is the output of injectMessage.
type MessageInjected struct {
	Body InjectedMessage
}

func (h handlers) inject(ctx context.Context, in *InjectMessageInput) (*MessageInjected, error) {
	messageID, err := h.Intake.Inject(ctx, intake.Injection{
		ChannelID: in.Body.ChannelID, From: in.Body.From, Body: in.Body.Body, MessageID: in.Body.MessageID,
	})
	if err != nil {
		return nil, err
	}
	return &MessageInjected{InjectedMessage{messageID}}, nil
}
