package interactions

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels"
	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/channel"
	"github.com/trellishq/trellis/ent/message"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
)

// HandleDue does what is next for an outgoing message: submit it, note that a
// claim has run out, look up an outcome that got lost, or ask for a report that
// is late. It runs under the scope of the message's tenant. For a suspended
// tenant nothing new is submitted: its messages wait, until they expire.
func (s *Service) HandleDue(ctx context.Context, messageID uuid.UUID, suspended bool) error {
	var status Delivery
	err := s.store.Read(ctx, func(ctx context.Context) error {
		return store.QueryRow(ctx, []any{&status}, `SELECT status FROM messages WHERE id = $1`, messageID)
	})
	if store.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	switch status {
	case Scheduled:
		return s.sendScheduled(ctx, messageID, suspended)
	case Queued:
		if suspended {
			return s.hold(ctx, messageID)
		}
		return s.submit(ctx, messageID)
	case Submitting:
		return s.loseClaim(ctx, messageID)
	case Unknown:
		return s.reconcile(ctx, messageID)
	case Accepted, Sent:
		return s.askForReport(ctx, messageID)
	}
	return s.settle(ctx, messageID)
}

// holdFor is how soon a suspended tenant's message is looked at again.
const holdFor = time.Minute

// hold lets a message wait while its tenant is suspended.
func (s *Service) hold(ctx context.Context, messageID uuid.UUID) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		if err := s.expire(ctx, messageID); err != nil {
			return err
		}
		_, err := store.Exec(ctx, `UPDATE messages SET due_at = $1 WHERE id = $2 AND status = 'queued'`,
			s.store.Now().Add(holdFor), messageID)
		return err
	})
}

// settle takes a message out of the list of due rows that has nothing to do.
func (s *Service) settle(ctx context.Context, messageID uuid.UUID) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		_, err := store.Exec(ctx, `UPDATE messages SET due_at = NULL
			WHERE id = $1 AND status NOT IN ('scheduled', 'queued', 'submitting', 'unknown', 'accepted', 'sent')`, messageID)
		return err
	})
}

const (
	// claimFor is longer than a submission can take: 10 s for the provider, 30 s
	// of attempts to record the outcome, and a margin.
	claimFor = 45 * time.Second
	// unknownBlocks is how long an unknown outcome holds up the messages behind
	// it (rules E5-1).
	unknownBlocks = 120 * time.Second
	// firstReport is when a report that has not come is asked for (E3-3).
	firstReport = 15 * time.Minute
	// recordFor is how long an outcome is tried to be recorded (E2, C6).
	recordFor = 30 * time.Second
)

// claimed is a message that this worker, and nobody else, may submit.
type claimed struct {
	row       *ent.Message
	line      channels.Line
	mediaURLs []string
}

// submit hands one message over: claim, act, record (architecture, rule 2).
func (s *Service) submit(ctx context.Context, messageID uuid.UUID) error {
	c, err := s.claim(ctx, messageID)
	if err != nil || c == nil {
		return err
	}
	s.crash("C4")
	now := s.store.Now()
	if now.Add(provider.Timeout).After(*c.row.ClaimUntil) {
		return s.record(ctx, c, provider.Receipt{}, heldUp())
	}
	receipt, submitErr := c.line.Adapter.Submit(ctx, c.line.Account, submission(c.row, c.line, c.mediaURLs, now))
	s.crash("C5")
	return s.record(ctx, c, receipt, submitErr)
}

// heldUp is why a worker does not submit that was paused after its claim: a
// machine that slept, a long garbage collection. By now somebody may have given
// the message up, or sent it again. The record is guarded by the claim, so it
// puts the message back only where nobody has (rules E2, C10).
func heldUp() *provider.Error {
	return &provider.Error{
		Class: provider.ClassTransient, Code: "held_up",
		Message: "The program was held up and did not hand the message over in time.",
	}
}

// claimStatement moves a message from queued to submitting, if it is the first
// of its conversation that is not on its way. Those before it are so by their
// place: a scheduled one has none until its time has come. $1 message, $2 claim, $3 now,
// $4 the claim's end, $5 since when an unknown outcome no longer blocks.
const claimStatement = `
	UPDATE messages m
	SET status = 'submitting', attempt = attempt + 1, claim_id = $2, claim_until = $4,
	    submit_started_at = $3, due_at = $4, updated_at = $3, version = version + 1
	WHERE m.id = $1 AND m.status = 'queued' AND m.expires_at > $3
	  AND NOT EXISTS (
		SELECT FROM messages earlier
		WHERE earlier.tenant_id = m.tenant_id AND earlier.interaction_id = m.interaction_id
		  AND coalesce(earlier.place, earlier.id) < coalesce(m.place, m.id)
		  AND (earlier.status IN ('queued', 'submitting')
		       OR (earlier.status = 'unknown' AND earlier.submit_started_at > $5)))`

// claim takes a message for this worker, with every last check in the same
// transaction. It returns nil where there is nothing to submit.
func (s *Service) claim(ctx context.Context, messageID uuid.UUID) (*claimed, error) {
	var out *claimed
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		now := s.store.Now()
		result, err := store.Exec(ctx, claimStatement, messageID, id.New(), now, now.Add(claimFor), now.Add(-unknownBlocks))
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, s.expire(ctx, messageID))
		}
		row, err := s.store.Ent(ctx).Message.Get(ctx, messageID)
		if err != nil {
			return err
		}
		line, refusal, err := s.lastChecks(ctx, row)
		if err != nil {
			return err
		}
		if refusal != nil {
			return s.fail(ctx, row, refusal)
		}
		urls, err := s.attachments.ProviderURLs(ctx, row.TenantID, row.ID, now.Add(mediaFor))
		if err != nil {
			return err
		}
		out = &claimed{row, line, urls}
		return nil
	})
	return out, err
}

// mediaFor is how long a provider may take to fetch a picture: a message can
// wait ten hours in Twilio's queue (rules A12-3).
const mediaFor = 12 * time.Hour

// lastChecks asks again, at the last moment, whether the tenant still has the
// channel. Live messages to one person are not stopped by an opt-out.
func (s *Service) lastChecks(ctx context.Context, row *ent.Message) (channels.Line, *provider.Error, error) {
	line, err := s.channels.Line(ctx, row.ChannelID)
	switch {
	case fault.Is(err, fault.CodeChannelInactive), err == nil && line.Channel.Status == string(channel.StatusReleased):
		return channels.Line{}, &provider.Error{Class: provider.ClassSender, Code: "channel_not_owned", Message: "The number has moved on to another holder."}, nil
	case err == nil && (line.Channel.Blocked || line.Channel.Status == string(channel.StatusInactive)):
		return channels.Line{}, &provider.Error{Class: provider.ClassSender, Code: "channel_inactive", Message: "The channel was switched off."}, nil
	}
	return line, nil, err
}

// expire ends a message whose time has passed while it waited.
func (s *Service) expire(ctx context.Context, messageID uuid.UUID) error {
	row, err := s.store.Ent(ctx).Message.Query().
		Where(message.ID(messageID), message.StatusEQ(Queued), message.ExpiresAtLTE(s.store.Now())).ForUpdate().Only(ctx)
	if ent.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	row, err = row.Update().SetStatus(Expired).ClearDueAt().SetFailedAt(s.store.Now()).
		SetErrorCode("expired").SetErrorMessage("The message could not be handed over in time.").Save(ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(s.release(ctx, row), s.changed(ctx, row)); err != nil {
		return err
	}
	return s.giveBack(ctx, row)
}

// record notes the outcome of a submission. The database may be away just now:
// the outcome is too dear to be lost, so it is tried for a while.
func (s *Service) record(ctx context.Context, c *claimed, receipt provider.Receipt, submitErr error) error {
	// The task may have been canceled; the outcome stands all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordFor)
	defer cancel()
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		err := s.recordOnce(ctx, c, receipt, submitErr)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("interactions: the outcome of message %s could not be recorded: %w", c.row.ID, err)
		case <-time.After(pause):
		}
	}
}

func (s *Service) recordOnce(ctx context.Context, c *claimed, receipt provider.Receipt, submitErr error) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		s.crash("C6")
		row, err := s.store.Ent(ctx).Message.Query().
			Where(message.ID(c.row.ID), message.ClaimID(*c.row.ClaimID), message.StatusEQ(Submitting)).ForUpdate().Only(ctx)
		if ent.IsNotFound(err) {
			return nil // a callback was faster, or the claim ran out
		}
		if err != nil {
			return err
		}
		if submitErr == nil {
			return s.accepted(ctx, row, receipt)
		}
		return s.refused(ctx, row, provider.AsError(submitErr))
	})
}

// accepted notes that the provider took a message over.
func (s *Service) accepted(ctx context.Context, row *ent.Message, receipt provider.Receipt) error {
	to, ok := Reported(row.Status, receipt.Status)
	if !ok {
		to = Accepted
	}
	now := s.store.Now()
	u := row.Update().SetStatus(to).SetProviderID(receipt.ProviderID).SetProviderSegments(receipt.Segments).
		ClearClaimID().ClearClaimUntil().SetDueAt(now.Add(firstReport)).
		SetErrorClass("").SetErrorCode("").SetErrorMessage("")
	stampTimes(u, to, now)
	row, err := u.Save(ctx)
	if err != nil {
		return err
	}
	if err := s.channels.MarkFault(ctx, row.ChannelID, ""); err != nil {
		return err
	}
	if err := s.adoptOrphans(ctx, row); err != nil {
		return err
	}
	return errors.Join(s.release(ctx, row), s.changed(ctx, row))
}

// refused notes that a submission failed, by what its class allows.
func (s *Service) refused(ctx context.Context, row *ent.Message, cause *provider.Error) error {
	switch cause.Class {
	case provider.ClassTransient:
		return s.postpone(ctx, row, cause)
	case provider.ClassAmbiguous:
		return s.lose(ctx, row, cause)
	}
	return s.fail(ctx, row, cause)
}

// retryPauses are the waits after certain refusals for a passing reason (rules
// A13); the last repeats until the message expires.
var retryPauses = []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute}

// postpone puts a message back that was certainly not accepted.
func (s *Service) postpone(ctx context.Context, row *ent.Message, cause *provider.Error) error {
	pause := jitter(retryPauses[min(row.Attempt, len(retryPauses))-1])
	if cause.RetryAfter > pause {
		pause = cause.RetryAfter
	}
	row, err := row.Update().SetStatus(Queued).ClearClaimID().ClearClaimUntil().
		SetDueAt(s.store.Now().Add(pause)).SetErrorClass(string(cause.Class)).
		SetErrorCode(cause.Code).SetErrorMessage(cause.Message).Save(ctx)
	if err != nil {
		return err
	}
	return s.publishMessage(ctx, "message.postponed", row)
}

// jitter spreads a pause by a fifth to both sides, so that what failed together
// does not come back together.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64())) // #nosec G404 -- not a secret
}

// fail ends a message that no provider has taken over, as far as anybody knows,
// and does what its class asks for beyond that.
func (s *Service) fail(ctx context.Context, row *ent.Message, cause *provider.Error) error {
	row, err := row.Update().SetStatus(Failed).ClearClaimID().ClearClaimUntil().ClearDueAt().SetFailedAt(s.store.Now()).
		SetErrorClass(string(cause.Class)).SetErrorCode(cause.Code).SetErrorMessage(cause.Message).Save(ctx)
	if err != nil {
		return err
	}
	if err := s.consequences(ctx, row, cause.Class, cause.Message); err != nil {
		return err
	}
	if err := errors.Join(s.release(ctx, row), s.changed(ctx, row)); err != nil {
		return err
	}
	if cause.Class == provider.ClassAmbiguous {
		return nil // the provider may have sent it
	}
	return s.giveBack(ctx, row)
}

// consequences of a failure for others than the message.
func (s *Service) consequences(ctx context.Context, row *ent.Message, class provider.ErrorClass, reason string) error {
	switch class {
	case provider.ClassOptedOut:
		return s.consent.RefusedByCarrier(ctx, row.TenantID, row.ChannelID, row.ToAddress)
	case provider.ClassSender:
		return s.channels.MarkFault(ctx, row.ChannelID, reason)
	}
	return nil
}

// firstLookup is when an unknown outcome is searched for: callbacks come first.
const firstLookup = 30 * time.Second

// lose notes that nobody knows whether the provider has the message.
func (s *Service) lose(ctx context.Context, row *ent.Message, cause *provider.Error) error {
	row, err := row.Update().SetStatus(Unknown).ClearClaimID().ClearClaimUntil().SetLookups(0).
		SetDueAt(row.SubmitStartedAt.Add(firstLookup)).SetErrorClass(string(cause.Class)).
		SetErrorCode(cause.Code).SetErrorMessage(cause.Message).Save(ctx)
	if err != nil {
		return err
	}
	return s.changed(ctx, row)
}

// loseClaim notes that a worker took a message and was not heard of again: it
// may have died before, during or after the submission.
func (s *Service) loseClaim(ctx context.Context, messageID uuid.UUID) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.store.Ent(ctx).Message.Query().
			Where(message.ID(messageID), message.StatusEQ(Submitting), message.ClaimUntilLTE(s.store.Now())).ForUpdate().Only(ctx)
		if ent.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		return s.lose(ctx, row, &provider.Error{
			Class: provider.ClassAmbiguous, Code: "worker_lost", Message: "The program ended while the message was handed over.",
		})
	})
}

// release makes the next message of a conversation due: it may have waited for
// this one.
func (s *Service) release(ctx context.Context, row *ent.Message) error {
	_, err := store.Exec(ctx, `
		UPDATE messages SET due_at = $1
		WHERE tenant_id = $2 AND id = (
			SELECT id FROM messages
			WHERE tenant_id = $2 AND interaction_id = $3 AND status = 'queued' AND coalesce(place, id) > $4
			ORDER BY coalesce(place, id) LIMIT 1)`,
		s.store.Now(), row.TenantID, row.InteractionID, placeOf(row))
	store.AfterCommit(ctx, s.wake)
	return err
}

// changed tells the log and the metrics about a message's new status.
func (s *Service) changed(ctx context.Context, row *ent.Message) error {
	through, err := s.channels.Get(ctx, row.ChannelID)
	if err != nil {
		return err
	}
	store.AfterCommit(ctx, func() { s.observe(string(through.Provider), string(row.Status)) })
	return s.publishMessage(ctx, "message."+string(row.Status), row)
}

// stampTimes notes when a message reached a status. What was read has been
// delivered, though nobody may have said so (rules A7).
func stampTimes(u *ent.MessageUpdateOne, to Delivery, at time.Time) {
	switch to {
	case Accepted:
		u.SetAcceptedAt(at)
	case Sent:
		u.SetSentAt(at)
	case Delivered:
		u.SetDeliveredAt(at)
	case Read:
		u.SetReadAt(at)
	case Undelivered, Failed, Canceled:
		u.SetFailedAt(at)
	}
}
