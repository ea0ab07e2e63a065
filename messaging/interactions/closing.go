package interactions

import (
	"context"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/interaction"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/agents"
	"github.com/trellishq/trellis/tenants/scope"
)

// Party is in what capacity an interaction was closed. It decides what stands in
// an agent's list afterwards (INT-23 to INT-25).
type Party = interaction.ClosedBy

// The parties.
const (
	// ClosedByAgent: whose it was, or somebody of its queue.
	ClosedByAgent = interaction.ClosedByAgent
	// ClosedByCustomer: the one on the other side.
	ClosedByCustomer = interaction.ClosedByCustomer
	// ClosedBySupervisor: a manager or an administrator, and it was not his.
	ClosedBySupervisor = interaction.ClosedBySupervisor
	// ClosedBySystem: the program itself, or a program with a key.
	ClosedBySystem = interaction.ClosedBySystem
	// ClosedBySurvey: the customer has answered the survey.
	ClosedBySurvey = interaction.ClosedBySurvey
)

// ending is how an interaction is closed.
type ending struct {
	party Party
	// by is the user or key; nil where the program does it.
	by     *uuid.UUID
	reason string
}

// bySystem closes without anybody's doing.
func bySystem(reason string) ending { return ending{party: ClosedBySystem, reason: reason} }

// Closing is what somebody says when he closes an interaction.
type Closing struct {
	Reason string
	// OnBehalfOf is the customer or the survey, where a client only reports that
	// it was closed there; empty for the caller's own doing.
	OnBehalfOf Party
	// DispositionID is what it came to; nil for nothing in particular.
	DispositionID *uuid.UUID
	// Note is said of the disposition, or is an internal note where there is none.
	Note string
}

// Close ends an interaction: it leaves the messages view and stays in the
// history. What the customer writes later begins a new one, or opens it again
// where the channel says so. Faults: CodeNotFound, also for a disposition that is
// not in use for it, CodeDispositionRequired, CodeStale, CodeWrongState for a closed one, CodeForbidden for who reaches only his own and speaks for others.
func (s *Service) Close(ctx context.Context, c Caller, interactionID uuid.UUID, d Closing, e Expectation) (Interaction, error) {
	return s.act(ctx, c, interactionID, e, func(ctx context.Context, row *ent.Interaction) error {
		if d.OnBehalfOf != "" && c.OwnOnly {
			return fault.New(fault.Forbidden, fault.CodeForbidden,
				"Who works on his own conversations closes them in his own name.").At("body.on_behalf_of", "is not for you")
		}
		end, err := endingBy(ctx, c, row, d)
		if err != nil {
			return err
		}
		if _, ok := Next(row.Status, ClosedBy); !ok {
			return wrongState(row.Status)
		}
		if err := s.comeTo(ctx, c, row, d); err != nil {
			return err
		}
		return s.close(ctx, row, end)
	})
}

// endingBy tells in what capacity a caller closes an interaction.
func endingBy(ctx context.Context, c Caller, row *ent.Interaction, d Closing) (ending, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return ending{}, err
	}
	end := ending{party: ClosedBySupervisor, by: &sc.Actor.ID, reason: d.Reason}
	switch {
	case d.OnBehalfOf != "":
		end.party = d.OnBehalfOf
	case c.OwnOnly, row.AssigneeID != nil && *row.AssigneeID == c.UserID:
		end.party = ClosedByAgent
	case sc.Actor.Kind != scope.ActorUser:
		end.party = ClosedBySystem
	}
	return end, nil
}

// close ends a locked interaction. Closed by an agent, somebody has dealt with
// it, whether he wrote or not; closed by anybody else before somebody has
// answered, it is missed (decisions C-45).
func (s *Service) close(ctx context.Context, row *ent.Interaction, end ending) error {
	next, ok := Next(row.Status, ClosedBy)
	if !ok {
		return wrongState(row.Status)
	}
	managed := row.Managed || end.party == ClosedByAgent
	whilePaused, err := closesWhilePaused(ctx, row, end)
	if err != nil {
		return err
	}
	err = unpaused(row.Update()).SetStatus(next).SetClosedAt(s.store.Now()).
		SetClosedBy(end.party).SetNillableClosedByID(end.by).SetCloseReason(end.reason).
		SetManaged(managed).SetListed(row.AssigneeID != nil && end.party != ClosedByAgent).
		SetClosedWhilePaused(whilePaused).SetSubStatus("").ClearWaitingSince().Exec(ctx)
	if err != nil {
		return err
	}
	if err := s.cancelScheduled(ctx, []uuid.UUID{row.ID}, false, atClosing); err != nil {
		return err
	}
	if err := s.recordClose(ctx, row, end); err != nil {
		return err
	}
	if err := s.moved(ctx, row.QueueID, row.AssigneeID); err != nil {
		return err
	}
	return s.events.Publish(ctx, "interaction.closed", "interaction", row.ID,
		map[string]any{"reason": end.reason, "closed_by": end.party, "missed": !managed})
}

// closesWhilePaused tells whether an agent closes during a pause what is his: the
// customer's next message then opens it again, for whoever is free (AGS-21).
func closesWhilePaused(ctx context.Context, row *ent.Interaction, end ending) (bool, error) {
	if end.party != ClosedByAgent || row.AssigneeID == nil {
		return false, nil
	}
	return agents.IsPaused(ctx, *row.AssigneeID)
}

// Hide takes a conversation that others have closed out of the caller's list of
// his own. Faults: CodeNotFound, CodeStale, CodeWrongState for one that is not
// closed, that he has closed himself, or that stands in no list of his.
func (s *Service) Hide(ctx context.Context, c Caller, interactionID uuid.UUID, e Expectation) (Interaction, error) {
	return s.touch(ctx, c, interactionID, e, func(ctx context.Context, row *ent.Interaction) error {
		switch {
		case row.Status != Closed:
			return fault.New(fault.Conflict, fault.CodeWrongState,
				"Only a closed conversation can be hidden.").Showing(string(row.Status))
		case !row.Listed || row.AssigneeID == nil || *row.AssigneeID != c.UserID:
			return fault.New(fault.Conflict, fault.CodeWrongState,
				"The conversation is not in your list: it was closed by an agent, is hidden already, or was never yours.").Showing("not_listed")
		}
		if err := row.Update().SetListed(false).Exec(ctx); err != nil {
			return err
		}
		return s.events.Publish(ctx, "interaction.hidden", "interaction", row.ID, map[string]any{"user_id": c.UserID})
	})
}
