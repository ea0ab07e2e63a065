package interactions

import (
	"context"

	"github.com/trellishq/trellis/channels"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/phone"
)

// sender is what a message shows the recipient as its origin: the channel's own
// address, or a name of the tenant's where the channel can show one.
func (s *Service) sender(ctx context.Context, through channels.Channel, d Draft) (string, error) {
	switch {
	case d.Sender == "":
		return through.Address, nil
	case !through.Capabilities.AlphanumericSenders:
		return "", fault.InvalidField(fault.CodeNotCapable, "body.sender",
			"the channel cannot show a name as its sender (alphanumeric_senders)", d.Sender)
	case len(d.AttachmentIDs) > 0:
		return "", fault.InvalidField(fault.CodeNotCapable, "body.sender", "a name cannot send pictures", d.Sender)
	}
	known, err := s.channels.KnowsSender(ctx, d.Sender)
	if err == nil && !known {
		err = fault.InvalidField(fault.CodeNotFound, "body.sender", "is not one of the tenant's sender ids", d.Sender)
	}
	return d.Sender, err
}

// nameOf is the sender's name that a message was sent under; empty for a number.
func nameOf(from string) string {
	if phone.IsAlphanumericSender(from) && !phone.IsE164(from) {
		return from
	}
	return ""
}
