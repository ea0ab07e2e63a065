package interactions

import (
	"context"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/interaction"
	"github.com/trellishq/trellis/ent/predicate"
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
// is theirs, what waits for nobody in particular in a queue of theirs, and of
// what is over that in which they took part (INT-34, INT-48). Managers and
// administrators see all of the tenant.
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
	mine := []predicate.Interaction{
		interaction.AssigneeID(c.UserID),
		interaction.And(interaction.StatusEQ(Closed), tookPart(c.UserID)),
	}
	if len(queues) > 0 {
		mine = append(mine, interaction.And(interaction.AssigneeIDIsNil(), interaction.StatusNEQ(Closed), interaction.QueueIDIn(queues...)))
	}
	return q.Where(interaction.Or(mine...)), nil
}

// tookPart are the conversations that a user has ever had. EXISTS lets the
// planner choose between looking up each row and gathering all of them first.
func tookPart(userID uuid.UUID) predicate.Interaction {
	return func(s *entsql.Selector) {
		s.Where(entsql.P(func(b *entsql.Builder) {
			b.WriteString("EXISTS (SELECT FROM interaction_participants p WHERE p.tenant_id = ").Ident(s.C(interaction.FieldTenantID)).
				WriteString(" AND p.user_id = ").Arg(userID).WriteString(" AND p.interaction_id = ").Ident(s.C(interaction.FieldID)).WriteByte(')')
		}))
	}
}

// sees tells whether the caller may see an interaction.
func (s *Service) sees(ctx context.Context, c Caller, interactionID uuid.UUID) (bool, error) {
	q, err := s.visible(ctx, c)
	if err != nil {
		return false, err
	}
	return q.Where(interaction.ID(interactionID)).Exist(ctx)
}
