package interactions

import (
	"context"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/interaction"
	"github.com/trellishq/trellis/ent/queue"
	"github.com/trellishq/trellis/ent/user"
)

// route brings a conversation that is nobody's yet to where its channel's
// messages go. Where that user or queue is no more, it stays in the tenant's
// common inbox, which administrators and managers see (decisions C-47).
func (s *Service) route(ctx context.Context, through channels.Channel, row *ent.Interaction) (*ent.Interaction, error) {
	if row.AssigneeID != nil || row.QueueID != nil {
		return row, nil
	}
	to := through.Destination.ID
	client := s.store.Ent(ctx)
	switch through.Destination.Type {
	case channels.ToUser:
		there, err := client.User.Query().
			Where(user.ID(to), user.StatusEQ(user.StatusActive), user.RoleIn(channels.Recipients()...)).Exist(ctx)
		if err != nil || !there {
			return row, err
		}
		return s.give(ctx, row, &to, ByChannel, "")
	case channels.ToQueue:
		there, err := client.Queue.Query().Where(queue.ID(to), queue.ArchivedAtIsNil()).Exist(ctx)
		if err != nil || !there {
			return row, err
		}
		if row, err = row.Update().SetQueueID(to).Save(ctx); err != nil {
			return nil, err
		}
		if err := s.queues.RouteSoon(ctx, to); err != nil {
			return nil, err
		}
		return row, s.events.Publish(ctx, "interaction.queued", "interaction", row.ID, map[string]any{"queue_id": to})
	}
	return row, nil
}

// visible begins a query of what the caller may see. Agents and users see what
// is theirs, and what waits for nobody in particular in a queue of theirs.
func (s *Service) visible(ctx context.Context, c Caller) (*ent.InteractionQuery, error) {
	q := s.store.Ent(ctx).Interaction.Query()
	if !c.OwnOnly {
		return q, nil
	}
	// Read apart, so that the list finds its rows by index (a subquery beside an
	// OR does not).
	queues, err := queuesOf(ctx, c.UserID)
	if err != nil {
		return nil, err
	}
	mine := interaction.AssigneeID(c.UserID)
	if len(queues) > 0 {
		mine = interaction.Or(mine, interaction.And(interaction.AssigneeIDIsNil(), interaction.QueueIDIn(queues...)))
	}
	return q.Where(mine), nil
}

// sees tells whether the caller may see an interaction.
func (s *Service) sees(ctx context.Context, c Caller, interactionID uuid.UUID) (bool, error) {
	q, err := s.visible(ctx, c)
	if err != nil {
		return false, err
	}
	return q.Where(interaction.ID(interactionID)).Exist(ctx)
}
