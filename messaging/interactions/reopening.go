package interactions

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/interaction"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/internal/fault"
)

// sessionFor is how long after a paused agent has closed it a conversation
// counts as the same session, and is opened again by the customer's next
// message (AGS-21).
const sessionFor = 24 * time.Hour

// Reopen opens a closed conversation again, where the channel allows it and its
// time has not passed. Faults: CodeNotFound, CodeStale, CodeWrongState.
func (s *Service) Reopen(ctx context.Context, c Caller, interactionID uuid.UUID, e Expectation) (Interaction, error) {
	var out Interaction
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		through, err := s.holdPairOf(ctx, c, interactionID)
		if err != nil {
			return err
		}
		out, err = s.act(ctx, c, interactionID, e, func(ctx context.Context, row *ent.Interaction) error {
			if err := s.mayReopen(ctx, through, row); err != nil {
				return err
			}
			_, err := s.reopen(ctx, row, "by_user", "Conversation reopened by "+actorName(ctx)+".")
			return err
		})
		return err
	})
	return out, err
}

// holdPairOf takes the locks that stand before an interaction's own: its channel
// and the pair of channel and address, as for whoever writes.
func (s *Service) holdPairOf(ctx context.Context, c Caller, interactionID uuid.UUID) (channels.Channel, error) {
	q, err := s.visible(ctx, c)
	if err != nil {
		return channels.Channel{}, err
	}
	row, err := q.Where(interaction.ID(interactionID)).Only(ctx)
	if ent.IsNotFound(err) {
		return channels.Channel{}, fault.Missing("interaction")
	}
	if err != nil {
		return channels.Channel{}, err
	}
	through, err := s.channels.Hold(ctx, row.ChannelID)
	if err != nil {
		return channels.Channel{}, err
	}
	return through, lockPair(ctx, row.ChannelID, row.Address)
}

// mayReopen refuses what the channel does not allow, and a second conversation
// with the same address.
func (s *Service) mayReopen(ctx context.Context, through channels.Channel, row *ent.Interaction) error {
	if _, ok := Next(row.Status, ReopenedBy); !ok {
		return wrongState(row.Status)
	}
	switch {
	case through.Status == "released":
		return fault.New(fault.Conflict, fault.CodeWrongState, "The number has moved on to another holder.").Showing("closed")
	case through.ReopenWithinHours == 0:
		return fault.New(fault.Conflict, fault.CodeWrongState,
			"Closing is permanent on this channel: a closed conversation cannot be opened again.").Showing("closed")
	case !s.within(row, hours(through.ReopenWithinHours)):
		return fault.New(fault.Conflict, fault.CodeWrongState,
			"The conversation was closed too long ago: the channel allows %d hours.", through.ReopenWithinHours).Showing("closed")
	}
	present, err := s.present(ctx, row.ChannelID, row.Address)
	if err == nil && present != nil {
		err = fault.New(fault.Conflict, fault.CodeWrongState,
			"There is a newer conversation with this address.").Showing("closed")
	}
	return err
}

// within tells whether a closed interaction was closed no longer ago.
func (s *Service) within(row *ent.Interaction, d time.Duration) bool {
	return row.ClosedAt != nil && !s.store.Now().After(row.ClosedAt.Add(d))
}

// revived opens the last conversation with an address again, where the
// customer's next message does so: because the channel says it, or because an
// agent has closed it during his pause. It returns nil where it does not.
func (s *Service) revived(ctx context.Context, through channels.Channel, last *ent.Interaction) (*ent.Interaction, error) {
	byChannel := through.ReopenWithinHours > 0 && s.within(last, hours(through.ReopenWithinHours))
	ofPausedAgent := last.ClosedWhilePaused && s.within(last, sessionFor)
	if !byChannel && !ofPausedAgent {
		return nil, nil
	}
	row, err := s.reopen(ctx, last, "by_message", "Conversation reopened by the customer's message.")
	if err != nil || row.AssigneeID == nil {
		return row, err
	}
	there, err := s.store.Ent(ctx).User.Query().
		Where(user.ID(*row.AssigneeID), user.StatusEQ(user.StatusActive)).Exist(ctx)
	if err != nil || there && !ofPausedAgent {
		return row, err
	}
	return s.give(ctx, row, nil, Redistributed, "")
}

// reopen opens a locked, closed interaction.
func (s *Service) reopen(ctx context.Context, row *ent.Interaction, how, text string) (*ent.Interaction, error) {
	next, ok := Next(row.Status, ReopenedBy)
	if !ok {
		return nil, wrongState(row.Status)
	}
	update := row.Update().SetStatus(next).SetReopenedAt(s.store.Now()).SetListed(true).ClearSolvedAt().
		ClearClosedAt().ClearClosedBy().ClearClosedByID().SetCloseReason("").SetClosedWhilePaused(false)
	if row.NeedsReply {
		update.SetWaitingSince(s.store.Now())
	}
	row, err := update.Save(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.moved(ctx, row.QueueID, nil); err != nil {
		return nil, err
	}
	if err := s.enter(ctx, row.ID, LogReopened, text, LogDetails{QueueID: row.QueueID, UserID: row.AssigneeID}); err != nil {
		return nil, err
	}
	return row, s.events.Publish(ctx, "interaction.reopened", "interaction", row.ID, map[string]any{"how": how})
}
