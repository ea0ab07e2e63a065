package interactions

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels"
	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/segments"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/interaction"
	"github.com/trellishq/trellis/ent/message"
)

// solvedReason is why the program closes a solved interaction.
const solvedReason = "customer_wrote_again"

// Receive takes a customer's message into its conversation, in the running
// transaction under the tenant's scope. The same message of the provider twice
// is one. The message gets the id under which it was acknowledged: ids are in
// the order of time, so a conversation keeps its order whichever worker is
// first.
func (s *Service) Receive(ctx context.Context, messageID, channelID uuid.UUID, in provider.Inbound, recovered bool) error {
	// The channel before the conversation, as whoever takes the number away.
	through, err := s.channels.Hold(ctx, channelID)
	if err != nil {
		return err
	}
	if err := lockPair(ctx, channelID, in.From); err != nil {
		return err
	}
	known, err := s.store.Ent(ctx).Message.Query().Where(
		message.ChannelID(channelID), message.DirectionEQ(message.DirectionInbound), message.ProviderID(in.ProviderID)).Exist(ctx)
	if err != nil || known {
		return err
	}
	conversation, err := s.receivingConversation(ctx, through, in.From)
	if err != nil {
		return err
	}
	row, err := s.insertInbound(ctx, messageID, through, conversation, in, recovered)
	if err != nil {
		return err
	}
	if err := s.attachments.Expect(ctx, row.ID, mediaURLs(in)); err != nil {
		return err
	}
	if err := s.heard(ctx, conversation, row); err != nil {
		return err
	}
	return s.publishMessage(ctx, "message.received", row)
}

// heard notes a customer's message on its conversation. The first one without an
// answer begins the waiting; the message ends a pause whose reason says so.
func (s *Service) heard(ctx context.Context, conversation *ent.Interaction, row *ent.Message) error {
	next, ok := Next(conversation.Status, Received)
	if !ok {
		return wrongState(conversation.Status)
	}
	update := conversation.Update().SetStatus(next).SetNeedsReply(true).AddUnseen(1).AddInbound(1).
		SetLastMessageAt(row.CreatedAt).SetLastMessageDirection(interaction.LastMessageDirectionInbound)
	overtaken, err := s.store.Ent(ctx).Message.Query().
		Where(message.InteractionID(conversation.ID), message.IDGT(row.ID), message.SendAtIsNil()).Exist(ctx)
	if err != nil {
		return err
	}
	if !overtaken {
		update.SetPreview(preview(row.Body))
	}
	wakes := conversation.PausedAt != nil && conversation.PauseEndsWithMessage
	if wakes {
		update = unpaused(update)
	}
	if conversation.WaitingSince == nil {
		update.SetWaitingSince(row.CreatedAt)
	}
	if err := update.Exec(ctx); err != nil {
		return err
	}
	if err := s.answered(ctx, conversation.ID); err != nil {
		return err
	}
	if wakes {
		if err := s.recordUnpause(ctx, conversation, "by_message", "Pause ended by the customer's message."); err != nil {
			return err
		}
	}
	if conversation.WaitingSince == nil {
		return s.watchWaiting(ctx, conversation, row.CreatedAt)
	}
	return nil
}

// watchWaiting sets the timer that tells when a customer has waited for long,
// where the tenant wants to know.
func (s *Service) watchWaiting(ctx context.Context, conversation *ent.Interaction, since time.Time) error {
	settings, err := s.settings(ctx)
	if err != nil || settings.WaitingAlertMinutes == 0 {
		return err
	}
	return s.setTimer(ctx, conversation, timerWaiting, since.Add(time.Duration(settings.WaitingAlertMinutes)*time.Minute))
}

// receivingConversation is the conversation that an inbound message joins,
// brought to where it belongs: the one that is not closed, the last one where
// the message opens it again, or a new one.
func (s *Service) receivingConversation(ctx context.Context, through channels.Channel, address string) (*ent.Interaction, error) {
	row, err := s.joined(ctx, through, address)
	if err != nil {
		return nil, err
	}
	contactID, err := s.contacts.ForSender(ctx, through.ID, through.ContactListID, address)
	if err != nil {
		return nil, err
	}
	opened := row == nil
	if opened {
		if row, err = s.open(ctx, through.ID, contactID, address); err != nil {
			return nil, err
		}
	}
	before := row.QueueID
	if row, err = s.route(ctx, through, row); err != nil {
		return nil, err
	}
	switch {
	case opened:
		return row, s.recordStart(ctx, row)
	case before == nil && row.QueueID != nil:
		return row, s.recordQueued(ctx, row)
	}
	return row, nil
}

// joined is the conversation that is there for a customer's message; nil where
// the message begins a new one. What was solved is not revived: it is closed.
func (s *Service) joined(ctx context.Context, through channels.Channel, address string) (*ent.Interaction, error) {
	row, err := s.present(ctx, through.ID, address)
	if err != nil {
		return nil, err
	}
	if row != nil && row.Status == Solved {
		return nil, s.close(ctx, row, bySystem(solvedReason))
	}
	if row != nil {
		return row, nil
	}
	last, err := s.last(ctx, through.ID, address)
	if err != nil || last == nil {
		return nil, err
	}
	return s.revived(ctx, through, last)
}

func (s *Service) insertInbound(ctx context.Context, messageID uuid.UUID, through channels.Channel, conversation *ent.Interaction, in provider.Inbound, recovered bool) (*ent.Message, error) {
	body := clean(in.Body)
	count := segments.Count(body)
	create := s.store.Ent(ctx).Message.Create().SetID(messageID).
		SetInteractionID(conversation.ID).SetChannelID(through.ID).
		SetDirection(message.DirectionInbound).SetStatus(MessageReceived).SetBody(body).
		SetFromAddress(in.From).SetToAddress(in.To).SetEncoding(count.Encoding).SetSegments(count.Segments).
		SetProviderSegments(in.Segments).SetProviderID(in.ProviderID).SetRecovered(recovered)
	if !in.SentAt.IsZero() {
		create.SetSentAt(in.SentAt)
	}
	return create.Save(ctx)
}

// clean makes a text fit for the database, which takes neither NUL nor invalid
// UTF-8. Nothing else of a customer's words is touched.
func clean(body string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(body, "\uFFFD"), "\x00", "")
}

func mediaURLs(in provider.Inbound) []string {
	var out []string
	for _, m := range in.Media {
		out = append(out, m.URL)
	}
	return out
}
