package interactions

import (
	"context"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/messaging/agents"
	"github.com/trellishq/trellis/tenants/scope"
)

// Handover says how an interaction came to somebody, or to nobody. It is the
// kind of the log entry, too.
type Handover string

// The ways in which an interaction changes hands. The sentences are those of
// the manuals (QUE-15, QUE-28 to QUE-30), where they have one.
const (
	// ByChannel: the channel leads to the user.
	ByChannel Handover = "assigned_by_channel"
	// ByOpening: the user began the conversation.
	ByOpening Handover = "assigned_by_opening"
	// Automatically: the queue's strategy chose the user.
	Automatically Handover = "assigned_automatically"
	// ByReturning: the customer had the user in his last conversation.
	ByReturning Handover = "assigned_returning_customer"
	// BySelf: the user took it.
	BySelf Handover = "self_assigned"
	// ByAssignment: somebody who may assign gave it to the user.
	ByAssignment Handover = "assigned"
	// ByTransfer: the one who had it passed it on.
	ByTransfer Handover = "transferred"
	// ByOffer: the user accepted an offer.
	ByOffer Handover = "offer_accepted"
	// ToQueue: it was passed on into a queue, where it waits.
	ToQueue Handover = "transferred_to_queue"
	// Released: the one who had it gave it back to the group.
	Released Handover = "released"
	// Retrieved: a manager took it away.
	Retrieved Handover = "retrieved"
	// Redistributed: the one who had it is not there any more.
	Redistributed Handover = "redistributed"
)

// Handovers lists all ways in which an interaction changes hands.
func Handovers() []Handover {
	return []Handover{
		ByChannel, ByOpening, Automatically, ByReturning, BySelf, ByAssignment, ByTransfer, ToQueue, ByOffer,
		Released, Retrieved, Redistributed,
	}
}

// sentence says how an interaction came from one user (or nobody) to another
// (or nobody), by the hand of an actor.
func (h Handover) sentence(actor, from, to string) string {
	switch h {
	case ByChannel:
		return "Conversation assigned to " + to + " because the channel leads there."
	case ByOpening:
		return to + " started the conversation."
	case Automatically:
		return "Conversation assigned to " + to + " automatically."
	case ByReturning:
		return "Conversation assigned to " + to + " due to last interaction with returning customer."
	case BySelf:
		return to + " assigned the conversation to themselves."
	case ByTransfer:
		return "Conversation assigned to " + to + " due to direct transfer from another agent."
	case ToQueue:
		// From and to are queues here.
		if from == "" {
			return actor + " transferred the Conversation to queue " + to + "."
		}
		return actor + " transferred the Conversation from queue " + from + " to queue " + to + "."
	case ByOffer:
		return to + " accepted the conversation."
	case Released:
		return actor + " released the conversation to the group."
	case Retrieved:
		return actor + " took the conversation back from " + from + "."
	case Redistributed:
		return "Conversation taken from " + from + ", who is not available any more."
	}
	return actor + " assigned the conversation to " + to + "."
}

// give is the one way in which a locked interaction gets another assignee, or
// none, in the running transaction: with the time, the participants, the log
// and the event. It returns the row as it then is, which is open where it has
// somebody now (INT-14), and waits where it has nobody. Faults: CodeWrongState
// for one that is solved or closed.
func (s *Service) give(ctx context.Context, row *ent.Interaction, to *uuid.UUID, how Handover, comment string) (*ent.Interaction, error) {
	fromName, toName, err := s.names(ctx, row.AssigneeID, to)
	if err != nil {
		return nil, err
	}
	return s.hand(ctx, row, to, how, how.sentence(actorName(ctx), fromName, toName),
		LogDetails{UserID: to, FromUserID: row.AssigneeID, QueueID: row.QueueID, Comment: comment})
}

// requeue is give for a transfer into a queue, where the interaction waits for
// nobody in particular. The sentence is the manuals' (QUE-31), also where the
// queue is the same.
func (s *Service) requeue(ctx context.Context, row *ent.Interaction, into *ent.Queue, comment string) error {
	from := row.QueueID
	fromName, err := s.queueName(ctx, from)
	if err != nil {
		return err
	}
	if row, err = row.Update().SetQueueID(into.ID).Save(ctx); err != nil {
		return err
	}
	sentence := ToQueue.sentence(actorName(ctx), fromName, into.Name)
	details := LogDetails{FromUserID: row.AssigneeID, FromQueueID: from, QueueID: &into.ID, Comment: comment}
	if row, err = s.hand(ctx, row, nil, ToQueue, sentence, details); err != nil {
		return err
	}
	return s.events.Publish(ctx, "interaction.queued", "interaction", row.ID, map[string]any{"queue_id": into.ID, "from_queue_id": from})
}

// hand is give with the sentence and the details of the log.
func (s *Service) hand(ctx context.Context, row *ent.Interaction, to *uuid.UUID, how Handover, sentence string, details LogDetails) (*ent.Interaction, error) {
	from := row.AssigneeID
	action := GivenTo
	if to == nil {
		action = GivenBack
	}
	next, ok := Next(row.Status, action)
	if !ok {
		return nil, wrongState(row.Status)
	}
	update := row.Update().SetStatus(next)
	if to == nil {
		update.ClearAssigneeID().ClearAssignedAt()
	} else {
		update.SetAssigneeID(*to).SetAssignedAt(s.store.Now())
	}
	if err := s.markTransfer(ctx, update, to, how); err != nil {
		return nil, err
	}
	row, err := update.Save(ctx)
	if err != nil {
		return nil, err
	}
	if to != nil {
		if err := s.participates(ctx, row, *to); err != nil {
			return nil, err
		}
		if err := agents.Assigned(ctx, s.store.Now(), *to); err != nil {
			return nil, err
		}
	}
	if err := s.moved(ctx, row.QueueID, from); err != nil {
		return nil, err
	}
	if err := s.enter(ctx, row.ID, LogKind(how), sentence, details); err != nil {
		return nil, err
	}
	switch {
	case to != nil:
		err = s.events.Publish(ctx, "interaction.assigned", "interaction", row.ID,
			map[string]any{"how": how, "assignee_id": to, "from_user_id": from})
	case from != nil:
		err = s.events.Publish(ctx, "interaction.released", "interaction", row.ID,
			map[string]any{"how": how, "from_user_id": from, "queue_id": row.QueueID})
	}
	return row, err
}

// markTransfer marks an interaction that one person passed to another, until
// the other has opened it (INT-10). However else it changes hands, there is no
// mark.
func (s *Service) markTransfer(ctx context.Context, update *ent.InteractionUpdateOne, to *uuid.UUID, how Handover) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	update.ClearTransferSeenAt()
	if to != nil && (how == ByTransfer || how == ByAssignment) {
		update.SetTransferredByID(sc.Actor.ID).SetTransferredAt(s.store.Now())
	} else {
		update.ClearTransferredByID().ClearTransferredAt()
	}
	return nil
}

// moved has those looked at again who may get something else now that an
// interaction of a queue has left somebody, or the queue.
func (s *Service) moved(ctx context.Context, queueID, from *uuid.UUID) error {
	if queueID != nil {
		if err := s.queues.RouteSoon(ctx, *queueID); err != nil {
			return err
		}
	}
	if from == nil {
		return nil
	}
	return s.queues.RouteSoonFor(ctx, *from)
}

// participates remembers that somebody has had an interaction.
func (s *Service) participates(ctx context.Context, row *ent.Interaction, userID uuid.UUID) error {
	_, err := store.Exec(ctx, `
		INSERT INTO interaction_participants (tenant_id, interaction_id, user_id, created_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (tenant_id, interaction_id, user_id) DO NOTHING`, row.TenantID, row.ID, userID, s.store.Now())
	return err
}

// names reads the names of two users, of whom either may be nobody.
func (s *Service) names(ctx context.Context, from, to *uuid.UUID) (fromName, toName string, err error) {
	if from != nil {
		if fromName, err = s.userName(ctx, *from); err != nil {
			return "", "", err
		}
	}
	if to != nil {
		toName, err = s.userName(ctx, *to)
	}
	return fromName, toName, err
}
