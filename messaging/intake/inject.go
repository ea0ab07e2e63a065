package intake

import (
	"context"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels"
	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/phone"
)

// Injection is a message that somebody outside is made to write.
type Injection struct {
	ChannelID uuid.UUID
	From      string
	Body      string
	// MessageID tells a repetition from another message; a new one where it is
	// empty.
	MessageID string
}

// Inject plays a customer who writes to a channel of the sandbox, the whole way
// from the carrier's signed callback on, and returns the message's id at the
// carrier. Faults: CodeNotFound for the channel, CodeNotCapable for one of a
// real carrier, CodeInvalidAddress. It is not for use inside a transaction.
func (s *Service) Inject(ctx context.Context, in Injection) (string, error) {
	if !phone.IsE164(in.From) {
		return "", fault.InvalidField(fault.CodeInvalidAddress, "body.from", "must be a number in E.164, such as +15145550199", in.From)
	}
	var line channels.Line
	err := s.store.Read(ctx, func(ctx context.Context) (err error) {
		line, err = s.channels.Line(ctx, in.ChannelID)
		return err
	})
	if err != nil {
		return "", err
	}
	carrier, ok := line.Adapter.(provider.Injector)
	if !ok {
		return "", fault.InvalidField(fault.CodeNotCapable, "body.channel_id", "is a channel of a real carrier; only those of the sandbox can be written to")
	}
	if in.MessageID == "" {
		in.MessageID = id.New().String()
	}
	callback, err := carrier.InboundCallback(line.Account, line.InboundURL, provider.Inbound{EventKey: in.MessageID, From: in.From, Body: in.Body})
	if err != nil {
		return "", err
	}
	_, err = s.Accept(ctx, line.Channel.Provider, line.HookToken, Inbound, callback)
	return in.MessageID, err
}
