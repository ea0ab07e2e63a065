package interactions

import (
	"context"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/queue"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/tenants/scope"
)

// Order is what a verb is told besides the interaction: what its caller
// believes, and what he says about it.
type Order struct {
	Expectation
	// Comment goes into the log, for whoever comes next.
	Comment string
}

// Take gives an interaction that nobody has to the caller. Agents take what
// waits in their queues, if a strategy assigns there or the queue says that they
// may (decisions C-08). Whoever has it already keeps it. Faults: CodeNotFound,
// CodeStale, CodeWrongState, CodeWrongAssignee where somebody else was first,
// CodeSelfAssignOff, CodeForbidden for who is nobody of the tenant's.
func (s *Service) Take(ctx context.Context, c Caller, interactionID uuid.UUID, o Order) (Interaction, error) {
	return s.do(ctx, c, interactionID, o.Expectation, func(ctx context.Context, row *ent.Interaction) error {
		me, err := s.taker(ctx, c)
		if err != nil {
			return err
		}
		switch {
		case row.Status == Closed || row.Status == Solved:
			return wrongState(row.Status)
		case holder(row) == me:
			return nil
		case row.AssigneeID != nil:
			return wrongAssignee(row)
		}
		if err := s.mayTake(ctx, c, row); err != nil {
			return err
		}
		_, err = s.give(ctx, row, &me, BySelf, o.Comment)
		return err
	})
}

// mayTake refuses an agent in a queue whose conversations people hand out.
func (s *Service) mayTake(ctx context.Context, c Caller, row *ent.Interaction) error {
	if !c.OwnOnly {
		return nil
	}
	if row.QueueID != nil {
		in, err := s.store.Ent(ctx).Queue.Get(ctx, *row.QueueID)
		if err != nil {
			return err
		}
		if in.SelfAssign || in.Strategy != queue.StrategyManual {
			return nil
		}
	}
	return fault.New(fault.Forbidden, fault.CodeSelfAssignOff, "Here managers and administrators say who gets a conversation.")
}

// Assign gives an interaction to an active user of the tenant, whoever has it.
// Faults: CodeNotFound, CodeStale, CodeWrongState for a closed or solved one,
// CodeWrongAssignee.
func (s *Service) Assign(ctx context.Context, c Caller, interactionID, userID uuid.UUID, o Order) (Interaction, error) {
	return s.act(ctx, c, interactionID, o.Expectation, func(ctx context.Context, row *ent.Interaction) error {
		if row.Status == Closed || row.Status == Solved {
			return wrongState(row.Status)
		}
		if err := s.isUser(ctx, userID); err != nil || holder(row) == userID {
			return err
		}
		how := ByAssignment
		if userID == c.UserID {
			how = BySelf
		}
		_, err := s.give(ctx, row, &userID, how, o.Comment)
		return err
	})
}

// Release gives an interaction back to the group: to the unassigned ones of its
// queue, or to the tenant's inbox where it came into no queue. Faults:
// CodeNotFound, CodeStale, CodeWrongState for a closed or solved one,
// CodeWrongAssignee where nobody has it, or for who may release his own only and
// has it not.
func (s *Service) Release(ctx context.Context, c Caller, interactionID uuid.UUID, o Order) (Interaction, error) {
	return s.act(ctx, c, interactionID, o.Expectation, func(ctx context.Context, row *ent.Interaction) error {
		switch {
		case row.Status == Closed || row.Status == Solved:
			return wrongState(row.Status)
		case row.AssigneeID == nil:
			return wrongAssignee(row)
		}
		_, err := s.give(ctx, row, nil, Released, o.Comment)
		return err
	})
}

// Retrieve takes an interaction away from whoever has it: it is the caller's
// then, who answers it or gives it to somebody else. Back in its queue it could
// be assigned to the same agent at once. Faults: CodeNotFound, CodeStale,
// CodeWrongState for a closed or solved one, CodeWrongAssignee where nobody has
// it (Take) or the caller himself, CodeForbidden for who is nobody of the
// tenant's.
func (s *Service) Retrieve(ctx context.Context, c Caller, interactionID uuid.UUID, o Order) (Interaction, error) {
	return s.act(ctx, c, interactionID, o.Expectation, func(ctx context.Context, row *ent.Interaction) error {
		me, err := s.taker(ctx, c)
		if err != nil {
			return err
		}
		switch {
		case row.Status == Closed || row.Status == Solved:
			return wrongState(row.Status)
		case row.AssigneeID == nil || holder(row) == me:
			return wrongAssignee(row)
		}
		_, err = s.give(ctx, row, &me, Retrieved, o.Comment)
		return err
	})
}

// taker is the caller as one who can have conversations: an active user of
// the tenant. Keys are none, and staff that acts from above is at home elsewhere.
func (s *Service) taker(ctx context.Context, c Caller) (uuid.UUID, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return uuid.Nil, err
	}
	known := sc.Actor.Kind == scope.ActorUser
	if known {
		known, err = s.store.Ent(ctx).User.Query().Where(user.ID(c.UserID), user.StatusEQ(user.StatusActive)).Exist(ctx)
	}
	if err == nil && !known {
		err = fault.New(fault.Forbidden, fault.CodeForbidden, "Only users of the tenant have conversations: assign it to one of them.")
	}
	return c.UserID, err
}

// isUser refuses who is no active user of the tenant.
func (s *Service) isUser(ctx context.Context, userID uuid.UUID) error {
	known, err := s.store.Ent(ctx).User.Query().Where(user.ID(userID), user.StatusEQ(user.StatusActive)).Exist(ctx)
	if err == nil && !known {
		err = fault.InvalidField(fault.CodeNotFound, "body.user_id", "is no active user of this tenant", userID.String())
	}
	return err
}

// wrongAssignee is the refusal of an action because of who has the interaction.
func wrongAssignee(row *ent.Interaction) error {
	if row.AssigneeID == nil {
		return fault.New(fault.Conflict, fault.CodeWrongAssignee, "Nobody has the interaction now.").Showing(string(row.Status))
	}
	return fault.New(fault.Conflict, fault.CodeWrongAssignee, "Somebody has the interaction now.").
		Showing(string(row.Status)).AssignedTo(row.AssigneeID.String())
}

// opened notes that whoever an interaction was passed to has opened it, and
// returns the row as it then is.
func (s *Service) opened(ctx context.Context, c Caller, row *ent.Interaction) (*ent.Interaction, error) {
	if row.TransferredAt == nil || row.TransferSeenAt != nil || holder(row) != c.UserID {
		return row, nil
	}
	row, err := row.Update().SetTransferSeenAt(s.store.Now()).Save(ctx)
	if err != nil {
		return nil, err
	}
	return row, s.events.Publish(ctx, "interaction.transfer_seen", "interaction", row.ID, map[string]any{"user_id": c.UserID})
}
