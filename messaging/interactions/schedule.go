package interactions

import (
	"context"
	"encoding/json"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/interaction"
	"github.com/trellishq/trellis/ent/message"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/messaging/consent"
	"github.com/trellishq/trellis/tenants/scope"
)

// scheduleAhead is how far ahead a message can be scheduled.
const scheduleAhead = 366 * 24 * time.Hour

// stop is why a message was not sent.
type stop struct {
	to            Delivery
	code, message string
}

// The stops of messages that wait.
var (
	atClosing    = stop{Canceled, "interaction_closed", "The conversation was closed before the time had come."}
	atAnswer     = stop{Canceled, "customer_wrote", "The customer wrote before the time had come."}
	byHand       = stop{Canceled, "canceled", "Somebody took it back before it was handed over."}
	atOptOut     = stop{Canceled, "recipient_opted_out", "The recipient has asked the channel to be left alone."}
	afterItsTime = stop{Expired, "expired", "The message could not be handed over in time."}
)

// mayWait checks that a message can be scheduled, where it is to be.
func (s *Service) mayWait(ctx context.Context, conversation *ent.Interaction, d Draft) error {
	if d.SendAt == nil {
		if d.UnlessAnswered {
			return fault.InvalidField(fault.CodeInvalid, "body.unless_answered", "goes with send_at")
		}
		return nil
	}
	if err := s.fitsCalendar("body.send_at", *d.SendAt); err != nil {
		return err
	}
	out, err := s.optedOut(ctx, conversation.ChannelID, conversation.Address)
	if err == nil && out {
		err = fault.New(fault.Conflict, fault.CodeOptedOut, "%s", atOptOut.message).At("body.send_at", "nothing can be scheduled for the recipient")
	}
	return err
}

// fitsCalendar refuses what is not in the future, or too far in it.
func (s *Service) fitsCalendar(location string, at time.Time) error {
	switch now := s.store.Now(); {
	case !at.After(now):
		return fault.InvalidField(fault.CodeInvalid, location, "is not in the future", at)
	case at.After(now.Add(scheduleAhead)):
		return fault.InvalidField(fault.CodeInvalid, location, "is more than a year ahead", at)
	}
	return nil
}

// optedOut tells whether a person has asked a channel to be left alone. What is
// sent while nobody looks is no live answer, which an opt-out does not stop.
func (s *Service) optedOut(ctx context.Context, channelID uuid.UUID, address string) (bool, error) {
	verdicts, err := s.consent.Bulk(ctx, channelID, []string{address})
	return verdicts[address] == consent.OptedOut, err
}

// schedule sets on a new message what makes it wait.
func schedule(create *ent.MessageCreate, at time.Time, unlessAnswered bool) {
	create.SetStatus(Scheduled).SetSendAt(at).SetDueAt(at).SetExpiresAt(at.Add(liveFor)).
		SetPlace(id.Later(at)).SetUnlessAnswered(unlessAnswered)
}

// countedAt is when a message was counted: as it was queued.
func countedAt(row *ent.Message) time.Time {
	if row.QueuedAt != nil {
		return *row.QueuedAt
	}
	return row.CreatedAt
}

// giveBack takes back what was counted for a message.
func (s *Service) giveBack(ctx context.Context, row *ent.Message) error {
	return s.meter.GiveBackMessages(ctx, countedAt(row), row.Segments)
}

// sendScheduled puts a message whose time has come behind what is queued in its
// conversation. Whatever could have changed since it was written is asked again:
// the channel, the conversation, the recipient's wish, the quota.
func (s *Service) sendScheduled(ctx context.Context, messageID uuid.UUID, suspended bool) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		// In the order of Reply: the channel, the conversation, the message.
		known, err := s.store.Ent(ctx).Message.Get(ctx, messageID)
		if err != nil {
			return err
		}
		through, refused := s.sendingChannel(ctx, known.ChannelID)
		if _, ok := fault.As(refused); refused != nil && !ok {
			return refused
		}
		conversation, err := s.store.Ent(ctx).Interaction.Query().Where(interaction.ID(known.InteractionID)).ForUpdate().Only(ctx)
		if err != nil {
			return err
		}
		row, err := s.store.Ent(ctx).Message.Query().
			Where(message.ID(messageID), message.StatusEQ(Scheduled)).ForUpdate().Only(ctx)
		if ent.IsNotFound(err) {
			return nil // somebody was faster
		}
		if err != nil {
			return err
		}
		if next, waits := s.waits(row, suspended); waits {
			return row.Update().SetDueAt(next).Exec(ctx)
		}
		return s.fallDue(ctx, through, refused, conversation, row)
	})
}

// waits tells whether a scheduled message is looked at again later: its time was
// moved, or its tenant is suspended.
func (s *Service) waits(row *ent.Message, suspended bool) (next time.Time, waits bool) {
	now := s.store.Now()
	switch {
	case row.SendAt.After(now):
		return *row.SendAt, true
	case suspended && now.Before(*row.ExpiresAt):
		return now.Add(holdFor), true
	}
	return time.Time{}, false
}

func (s *Service) fallDue(ctx context.Context, through channels.Channel, refused error, conversation *ent.Interaction, row *ent.Message) error {
	why, stopped, err := s.stops(ctx, through, refused, conversation, row)
	if err != nil {
		return err
	}
	if stopped {
		return s.end(ctx, row, why)
	}
	err = store.Try(ctx, func() error {
		next, _ := Next(conversation.Status, Replied)
		to, _ := NextDelivery(row.Status, FallDue)
		now := s.store.Now()
		queued, err := row.Update().SetStatus(to).SetQueuedAt(now).SetDueAt(now).SetExpiresAt(now.Add(liveFor)).SetPlace(id.New()).Save(ctx)
		if err != nil {
			return err
		}
		return s.enqueued(ctx, conversation, next, queued)
	})
	if f, ok := fault.As(err); ok { // the quota
		return s.end(ctx, row, stop{Failed, string(f.Code), f.Message})
	}
	return err
}

// stops says why a scheduled message is not sent, if it is not.
func (s *Service) stops(ctx context.Context, through channels.Channel, refused error, conversation *ent.Interaction, row *ent.Message) (stop, bool, error) {
	if !s.store.Now().Before(*row.ExpiresAt) {
		return afterItsTime, true, nil
	}
	if f, ok := fault.As(refused); ok {
		return stop{Failed, string(f.Code), f.Message}, true, nil
	}
	if _, ok := Next(conversation.Status, Replied); !ok {
		return stop{Canceled, "interaction_" + string(conversation.Status), "The conversation is " + string(conversation.Status) + "."}, true, nil
	}
	if row.Segments > through.MaxSegments {
		return stop{Failed, string(fault.CodeTooManySegments), "The channel does not allow so many segments any more."}, true, nil
	}
	if _, err := s.sender(ctx, through, Draft{Sender: nameOf(row.FromAddress)}); err != nil {
		f, ok := fault.As(err)
		if !ok {
			return stop{}, false, err
		}
		return stop{Failed, string(f.Code), "The sender's name is not one of the tenant's any more."}, true, nil
	}
	out, err := s.optedOut(ctx, row.ChannelID, row.ToAddress)
	return atOptOut, out, err
}

// end stops a locked message that was not handed over. It stands from then on
// where it was written.
func (s *Service) end(ctx context.Context, row *ent.Message, why stop) error {
	row, err := row.Update().SetStatus(why.to).ClearDueAt().ClearPlace().SetFailedAt(s.store.Now()).
		SetErrorClass("").SetErrorCode(why.code).SetErrorMessage(why.message).Save(ctx)
	if err != nil {
		return err
	}
	return s.changed(ctx, row)
}

// cancelScheduled takes back what is scheduled in some conversations, in the
// running transaction, which has them locked; with onlyUnlessAnswered no more
// than what the customer's writing stops.
func (s *Service) cancelScheduled(ctx context.Context, interactionIDs []uuid.UUID, onlyUnlessAnswered bool, why stop) error {
	sc, err := scope.From(ctx)
	if err != nil || len(interactionIDs) == 0 {
		return err
	}
	list, err := json.Marshal(interactionIDs)
	if err != nil {
		return err
	}
	canceled, err := store.IDs(ctx, `
		UPDATE messages
		SET status = 'canceled', due_at = NULL, place = NULL, failed_at = $1, error_class = '', error_code = $2, error_message = $3,
		    updated_at = $1, version = version + 1
		WHERE tenant_id = $4 AND status = 'scheduled' AND (unless_answered OR NOT $6)
		  AND interaction_id IN (SELECT value::uuid FROM jsonb_array_elements_text($5::jsonb))
		RETURNING id`, s.store.Now(), why.code, why.message, sc.TenantID, string(list), onlyUnlessAnswered)
	if err != nil {
		return err
	}
	return s.events.PublishMany(ctx, "message.canceled", "message", canceled, map[string]any{"status": Canceled, "reason": why.code})
}

// answered does what follows when the customer writes into a locked conversation.
func (s *Service) answered(ctx context.Context, interactionID uuid.UUID) error {
	if err := s.cancelScheduled(ctx, []uuid.UUID{interactionID}, true, atAnswer); err != nil {
		return err
	}
	return s.wakeUp(ctx, interactionID)
}

// lockMessage loads a message that the caller may see for a change, if its
// version passes the check and its status allows the action.
func (s *Service) lockMessage(ctx context.Context, c Caller, messageID uuid.UUID, action DeliveryAction, check func(version int64) error) (*ent.Message, error) {
	if _, err := s.visibleMessage(ctx, c, messageID); err != nil {
		return nil, err
	}
	row, err := s.store.Ent(ctx).Message.Query().Where(message.ID(messageID)).ForUpdate().Only(ctx)
	if err != nil {
		return nil, err
	}
	if err := check(int64(row.Version)); err != nil {
		return nil, err
	}
	if _, ok := NextDelivery(row.Status, action); !ok {
		return nil, fault.New(fault.Conflict, fault.CodeWrongState, "The message is %s.", row.Status).Showing(string(row.Status))
	}
	return row, nil
}

// CancelMessage takes back a message that was not handed over yet, whether it is
// scheduled or waits its turn. Faults: those of the check, CodeNotFound,
// CodeWrongState for one that is on its way.
func (s *Service) CancelMessage(ctx context.Context, c Caller, messageID uuid.UUID, check func(version int64) error) (Message, error) {
	return s.changeMessage(ctx, c, messageID, TakeBack, check, func(ctx context.Context, row *ent.Message) error {
		counted := row.Status == Queued
		if err := s.end(ctx, row, byHand); err != nil || !counted {
			return err
		}
		if err := s.release(ctx, row); err != nil {
			return err
		}
		return s.giveBack(ctx, row)
	})
}

// RescheduleMessage gives a scheduled message another time; nil is now. Faults:
// those of the check, CodeNotFound, CodeInvalid, CodeWrongState for one that is
// not scheduled any more.
func (s *Service) RescheduleMessage(ctx context.Context, c Caller, messageID uuid.UUID, at *time.Time, check func(version int64) error) (Message, error) {
	return s.changeMessage(ctx, c, messageID, Reschedule, check, func(ctx context.Context, row *ent.Message) error {
		when := s.store.Now()
		if at != nil {
			if err := s.fitsCalendar("body.send_at", *at); err != nil {
				return err
			}
			when = *at
		}
		row, err := row.Update().SetSendAt(when).SetDueAt(when).SetExpiresAt(when.Add(liveFor)).SetPlace(id.Later(when)).Save(ctx)
		if err != nil {
			return err
		}
		store.AfterCommit(ctx, s.wake)
		return s.publishMessage(ctx, "message.rescheduled", row)
	})
}

func (s *Service) changeMessage(ctx context.Context, c Caller, messageID uuid.UUID, action DeliveryAction,
	check func(version int64) error, change func(context.Context, *ent.Message) error,
) (Message, error) {
	var out Message
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.lockMessage(ctx, c, messageID, action, check)
		if err != nil {
			return err
		}
		if err := change(ctx, row); err != nil {
			return err
		}
		out, err = s.Message(ctx, c, messageID)
		return err
	})
	return out, err
}

// Due is the place of a scheduled message in the list of all.
type Due struct {
	SendAt time.Time `json:"t"`
	ID     uuid.UUID `json:"i"`
}

// ScheduledMessages returns what is scheduled in the conversations that the
// caller may see, behind a place, the next to be sent first.
func (s *Service) ScheduledMessages(ctx context.Context, c Caller, after *Due, limit int) ([]Message, error) {
	var out []Message
	err := s.store.Read(ctx, func(ctx context.Context) error {
		q := s.store.Ent(ctx).Message.Query().Where(message.StatusEQ(Scheduled))
		if c.OwnOnly {
			conversations, err := s.withScheduled(ctx, c)
			if err != nil {
				return err
			}
			q.Where(message.InteractionIDIn(conversations...))
		}
		if after != nil {
			q.Where(func(sel *entsql.Selector) {
				sel.Where(entsql.CompositeGT([]string{sel.C(message.FieldSendAt), sel.C(message.FieldID)}, after.SendAt, after.ID))
			})
		}
		rows, err := q.Order(ent.Asc(message.FieldSendAt, message.FieldID)).Limit(limit).All(ctx)
		if err != nil {
			return err
		}
		out, err = s.messageViews(ctx, rows)
		return err
	})
	return out, err
}

// withScheduled are the caller's own conversations in which something is
// scheduled.
func (s *Service) withScheduled(ctx context.Context, c Caller) ([]uuid.UUID, error) {
	q, err := s.visible(ctx, c)
	if err != nil {
		return nil, err
	}
	return q.Where(func(sel *entsql.Selector) {
		sel.Where(entsql.P(func(b *entsql.Builder) {
			b.WriteString("EXISTS (SELECT FROM messages m WHERE m.tenant_id = " + sel.C(interaction.FieldTenantID) +
				" AND m.interaction_id = " + sel.C(interaction.FieldID) + " AND m.status = 'scheduled')")
		}))
	}).IDs(ctx)
}
