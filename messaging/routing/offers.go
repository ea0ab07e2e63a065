package routing

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/messaging/agents"
	"github.com/trellishq/trellis/messaging/interactions"
	"github.com/trellishq/trellis/messaging/queues"
	"github.com/trellishq/trellis/tenants/scope"
)

// Offer is a conversation that a member of its queue could have.
type Offer struct {
	ID            uuid.UUID
	QueueID       uuid.UUID
	InteractionID uuid.UUID
	UserID        uuid.UUID
	// Round counts how often the conversation was offered.
	Round     int
	State     State
	CreatedAt time.Time
	ExpiresAt time.Time
	EndedAt   *time.Time
}

const offerColumns = `o.id, o.queue_id, o.interaction_id, o.user_id, o.round, o.state, o.created_at, o.expires_at, o.ended_at`

// offersWhere reads offers in the running transaction. The condition follows the
// tenant's, which is $1.
func offersWhere(ctx context.Context, rest string, args ...any) ([]Offer, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	return scanOffers(ctx, `SELECT `+offerColumns+` FROM offers o WHERE o.tenant_id = $1 `+rest, append([]any{sc.TenantID}, args...)...)
}

func scanOffers(ctx context.Context, statement string, args ...any) ([]Offer, error) {
	rows, err := store.Query(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []Offer
	for rows.Next() {
		var o Offer
		err := rows.Scan(&o.ID, &o.QueueID, &o.InteractionID, &o.UserID, &o.Round, &o.State, &o.CreatedAt, &o.ExpiresAt, &o.EndedAt)
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, rows.Err()
}

// Offers returns the offers made to a user behind a given id, oldest first:
// those that stand, or with over all that there were.
func (s *Service) Offers(ctx context.Context, userID uuid.UUID, over bool, after uuid.UUID, limit int) ([]Offer, error) {
	var out []Offer
	err := s.Store.Read(ctx, func(ctx context.Context) (err error) {
		condition := ` AND o.state = 'open'`
		if over {
			condition = ``
		}
		out, err = offersWhere(ctx, ` AND o.user_id = $2 AND o.id > $3`+condition+` ORDER BY o.id LIMIT $4`, userID, after, limit)
		return err
	})
	return out, err
}

// Offer returns one offer of a user's. Faults: CodeNotFound.
func (s *Service) Offer(ctx context.Context, userID, offerID uuid.UUID) (Offer, error) {
	var out Offer
	err := s.Store.Read(ctx, func(ctx context.Context) (err error) {
		out, err = s.offerOf(ctx, userID, offerID)
		return err
	})
	return out, err
}

func (s *Service) offerOf(ctx context.Context, userID, offerID uuid.UUID) (Offer, error) {
	found, err := offersWhere(ctx, ` AND o.user_id = $2 AND o.id = $3`, userID, offerID)
	if err == nil && len(found) == 0 {
		err = fault.Missing("offer")
	}
	if err != nil {
		return Offer{}, err
	}
	return found[0], nil
}

// held reads an offer once its queue is held: from here on nobody decides about
// an offer of the queue but the running transaction.
func (s *Service) held(ctx context.Context, userID, offerID uuid.UUID) (Offer, error) {
	o, err := s.offerOf(ctx, userID, offerID)
	if err != nil {
		return Offer{}, err
	}
	if _, err := s.Queues.HoldForRouting(ctx, o.QueueID); err != nil {
		return Offer{}, err
	}
	if o, err = s.offerOf(ctx, userID, offerID); err != nil {
		return Offer{}, err
	}
	if o.State == Open && !o.ExpiresAt.After(s.Store.Now()) {
		o.State = Expired // nobody has written it down yet
	}
	return o, nil
}

// over is the refusal of an answer to an offer that has become something else.
func over(o Offer) error {
	text := map[State]string{
		Accepted: "You have accepted the offer already.", Rejected: "You have rejected the offer.",
		Taken:   "Somebody else has already taken the conversation.",
		Expired: "The offer has expired.", Withdrawn: "The offer was withdrawn.",
	}[o.State]
	return fault.New(fault.Conflict, fault.CodeWrongState, "%s", text).Showing(string(o.State))
}

// Accept gives the conversation to who was offered it; all others are told that
// it is taken. Of several who accept at once the first has it (QUE-25). Faults:
// CodeNotFound, CodeWrongState for an offer that is over, CodeNotFree for
// who is not at work, pauses, or has as much as he can take.
func (s *Service) Accept(ctx context.Context, userID, offerID uuid.UUID) (Offer, error) {
	var out Offer
	err := s.Store.InTx(ctx, func(ctx context.Context) error {
		o, err := s.held(ctx, userID, offerID)
		if err != nil {
			return err
		}
		next, ok := Next(o.State, Accept)
		if !ok {
			return over(o)
		}
		given, err := s.giveTo(ctx, o)
		if err != nil {
			return err
		}
		if !given {
			o.State = Taken
			return over(o)
		}
		if err := s.end(ctx, next, `o.id = $4`, o.ID); err != nil {
			return err
		}
		if err := s.end(ctx, Taken, `o.interaction_id = $4`, o.InteractionID); err != nil {
			return err
		}
		out, err = s.offerOf(ctx, userID, offerID)
		return err
	})
	return out, err
}

// refusals say to somebody why he cannot have what he was offered.
var refusals = map[agents.WhyNot]string{
	agents.NotLoggedIn: "You are not logged in to work.",
	agents.OnPause:     "You are paused; end the pause first.",
	agents.OutOfQueue:  "You have logged out of this queue.",
	agents.KindFull:    "You have as many conversations of this kind as you can have at once.",
	agents.Full:        "You have as much as you can have at once.",
}

// giveTo gives the conversation of an offer to its user, if he can take it. It
// tells whether it was still to be had.
func (s *Service) giveTo(ctx context.Context, o Offer) (bool, error) {
	kind, waiting, err := s.Interactions.HoldWaiting(ctx, o.InteractionID, o.QueueID)
	if err != nil || !waiting {
		return false, err
	}
	members, err := s.Agents.Candidates(ctx, o.QueueID, kind, true)
	if err != nil {
		return false, err
	}
	c := newRoster(queues.Broadcast, members, s.Store.Now()).byID[o.UserID]
	if c == nil {
		return false, fault.New(fault.Conflict, fault.CodeNotFree, "You do not answer in the queue any more.").Showing("not_a_member")
	}
	if c.Reason != "" {
		return false, fault.New(fault.Conflict, fault.CodeNotFree, "%s", refusals[c.Reason]).Showing(string(c.Reason))
	}
	return true, s.Interactions.GiveHeld(ctx, o.InteractionID, o.UserID, interactions.ByOffer)
}

// Reject declines an offer; the conversation passes to the others of its queue.
// Faults: CodeNotFound, CodeWrongState for an offer that is over.
func (s *Service) Reject(ctx context.Context, userID, offerID uuid.UUID, comment string) (Offer, error) {
	var out Offer
	err := s.Store.InTx(ctx, func(ctx context.Context) error {
		o, err := s.held(ctx, userID, offerID)
		if err != nil {
			return err
		}
		next, ok := Next(o.State, Reject)
		if !ok {
			return over(o)
		}
		if err := s.end(ctx, next, `o.id = $4`, o.ID); err != nil {
			return err
		}
		name, err := s.Interactions.UserName(ctx, userID)
		if err != nil {
			return err
		}
		err = s.Interactions.WriteLog(ctx, o.InteractionID, interactions.LogOfferRejected, name+" rejected the conversation.",
			interactions.LogDetails{FromUserID: &userID, QueueID: &o.QueueID, Comment: comment})
		if err != nil {
			return err
		}
		if err := s.Queues.Look(ctx, o.QueueID, s.Store.Now()); err != nil {
			return err
		}
		out, err = s.offerOf(ctx, userID, offerID)
		return err
	})
	return out, err
}

// end ends the open offers for which a condition holds, and tells whom they were
// made to. Its parameters begin with $4.
func (s *Service) end(ctx context.Context, to State, condition string, args ...any) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	ended, err := scanOffers(ctx, `
		UPDATE offers o SET state = $2, ended_at = $3 WHERE o.tenant_id = $1 AND o.state = 'open' AND `+condition+`
		RETURNING `+offerColumns, append([]any{sc.TenantID, string(to), s.Store.Now()}, args...)...)
	if err != nil {
		return err
	}
	return s.tell(ctx, "offer."+string(to), ended)
}

// tell publishes the same fact of several offers.
func (s *Service) tell(ctx context.Context, kind string, list []Offer) error {
	facts := make([]events.Fact, len(list))
	for i, o := range list {
		facts[i] = events.Fact{ObjectID: o.ID, Data: map[string]any{
			"user_id": o.UserID, "interaction_id": o.InteractionID, "queue_id": o.QueueID, "round": o.Round, "expires_at": o.ExpiresAt,
		}}
	}
	return s.Events.PublishEach(ctx, kind, "offer", facts)
}
