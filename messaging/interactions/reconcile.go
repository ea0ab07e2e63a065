package interactions

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels"
	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/ent"
	entchannel "github.com/trellishq/trellis/ent/channel"
	"github.com/trellishq/trellis/ent/message"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
)

const (
	// lookupsNeeded and searchFor are how often and how long an unknown outcome
	// is searched for before it counts as not accepted (rules E2-1).
	lookupsNeeded = 3
	searchFor     = 120 * time.Second
	lookupPause   = 45 * time.Second
	// The provider may have made the message in this window around our call.
	createdBefore = 5 * time.Second
	createdWithin = 60 * time.Second
)

// search is an unknown outcome that is being looked up.
type search struct {
	row  *ent.Message
	line channels.Line
}

// reconcile looks up what became of a submission whose outcome got lost.
func (s *Service) reconcile(ctx context.Context, messageID uuid.UUID) error {
	found, err := s.openSearch(ctx, messageID)
	if err != nil || found == nil {
		return err
	}
	finder, ok := found.line.Adapter.(provider.Finder)
	if !ok {
		return s.concludeSearch(ctx, found, nil)
	}
	started := *found.row.SubmitStartedAt
	matches, err := finder.Find(ctx, found.line.Account, provider.Query{
		ClientRef: found.row.ID.String(), Attempt: found.row.Attempt,
		From: found.row.FromAddress, To: found.row.ToAddress, Body: found.row.Body,
		Since: started.Add(-createdBefore), Until: started.Add(createdWithin),
	})
	if err != nil {
		// "Cannot tell" is not "has none": the search goes on when it can.
		s.log.WarnContext(ctx, "an unknown outcome could not be looked up", "message_id", messageID, "error", err)
		return nil
	}
	return s.concludeSearch(ctx, found, matches)
}

// openSearch loads a message whose outcome is unknown and sets the time of the
// next search. Searches are paced for each account, so that they do not use up
// what the provider allows for sending (rules E2-2).
func (s *Service) openSearch(ctx context.Context, messageID uuid.UUID) (*search, error) {
	var out *search
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.store.Ent(ctx).Message.Query().
			Where(message.ID(messageID), message.StatusEQ(Unknown)).ForUpdate().Only(ctx)
		if ent.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		pace := s.lookups.Take(row.ChannelID.String(), 1)
		pause := lookupPause
		if !pace.Allowed {
			pause = pace.RetryAfter
		}
		if row, err = row.Update().SetDueAt(s.store.Now().Add(pause)).Save(ctx); err != nil || !pace.Allowed {
			return err
		}
		line, err := s.channels.Line(ctx, row.ChannelID)
		if fault.Is(err, fault.CodeChannelInactive) {
			return s.unsearchable(ctx, row)
		}
		if err == nil {
			out = &search{row, line}
		}
		return err
	})
	return out, err
}

// unsearchable ends a search whose number has moved to another holder.
func (s *Service) unsearchable(ctx context.Context, row *ent.Message) error {
	return s.fail(ctx, row, submissionUnknown())
}

func submissionUnknown() *provider.Error {
	return &provider.Error{
		Class: provider.ClassAmbiguous, Code: "submission_unknown",
		Message: "The provider gave no answer and has no such message. It may not have been sent.",
	}
}

// concludeSearch adopts what was found, or counts a search that found nothing.
func (s *Service) concludeSearch(ctx context.Context, found *search, matches []provider.Found) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.store.Ent(ctx).Message.Query().
			Where(message.ID(found.row.ID), message.StatusEQ(Unknown)).ForUpdate().Only(ctx)
		if ent.IsNotFound(err) {
			return nil // a callback was faster
		}
		if err != nil {
			return err
		}
		match, several, err := s.firstUnused(ctx, row, matches)
		if err != nil {
			return err
		}
		if match != nil {
			if several {
				s.log.WarnContext(ctx, "the provider has several messages that could be this one; the earliest was taken", "message_id", row.ID)
			}
			return s.adopt(ctx, row, match.Report)
		}
		return s.notFound(ctx, row)
	})
}

// firstUnused picks the earliest match that no other message of the channel has.
func (s *Service) firstUnused(ctx context.Context, row *ent.Message, matches []provider.Found) (*provider.Found, bool, error) {
	var unused []provider.Found
	for _, m := range matches {
		taken, err := s.store.Ent(ctx).Message.Query().Where(
			message.ChannelID(row.ChannelID), message.DirectionEQ(message.DirectionOutbound),
			message.ProviderID(m.ProviderID), message.IDNEQ(row.ID)).Exist(ctx)
		if err != nil {
			return nil, false, err
		}
		if !taken {
			unused = append(unused, m)
		}
	}
	if len(unused) == 0 {
		return nil, false, nil
	}
	return &unused[0], len(unused) > 1, nil
}

// adopt takes over what the provider has: the message was accepted after all.
func (s *Service) adopt(ctx context.Context, row *ent.Message, report provider.Report) error {
	row, err := row.Update().SetErrorClass("").SetErrorCode("").SetErrorMessage("").Save(ctx)
	if err != nil {
		return err
	}
	if report.Status == provider.StatusUnknown {
		report.Status = provider.StatusAccepted
	}
	_, err = s.apply(ctx, row, report)
	return err
}

// notFound counts a search without a result, and ends the search when there
// were enough over a long enough time. By default the message then counts as
// not sent: better one too few than one twice.
func (s *Service) notFound(ctx context.Context, row *ent.Message) error {
	row, err := row.Update().AddLookups(1).Save(ctx)
	if err != nil {
		return err
	}
	if row.Lookups < lookupsNeeded || s.store.Now().Sub(*row.SubmitStartedAt) < searchFor {
		return nil
	}
	if err := s.fail(ctx, row, submissionUnknown()); err != nil {
		return err
	}
	through, err := s.channels.Get(ctx, row.ChannelID)
	if err != nil || through.OnUnknown != string(entchannel.OnUnknownResend) {
		return err
	}
	err = store.Try(ctx, func() error {
		_, err := s.resend(ctx, Caller{}, row)
		return err
	})
	if _, refused := fault.As(err); refused {
		s.log.InfoContext(ctx, "a message whose outcome is unknown could not be sent again", "message_id", row.ID, "error", err)
		return nil
	}
	return err
}

// lastReport is when a message without a final report counts as undelivered
// (rules A7-6).
const lastReport = 72 * time.Hour

// askForReport asks the provider about a message whose report is late, and
// gives up after three days.
func (s *Service) askForReport(ctx context.Context, messageID uuid.UUID) error {
	late, err := s.openQuestion(ctx, messageID)
	if err != nil || late == nil {
		return err
	}
	reporter, ok := late.line.Adapter.(provider.Reporter)
	if !ok {
		return nil
	}
	report, err := reporter.Report(ctx, late.line.Account, late.row.ProviderID)
	if err != nil {
		s.log.WarnContext(ctx, "a late report could not be asked for", "message_id", messageID, "error", err)
		return nil
	}
	return s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.store.Ent(ctx).Message.Query().Where(message.ID(messageID)).ForUpdate().Only(ctx)
		if err != nil {
			return err
		}
		_, err = s.apply(ctx, row, report)
		return err
	})
}

// openQuestion loads a message without a final report and sets the time of the
// next question: the pauses double from a quarter of an hour on, up to the end
// of the three days.
func (s *Service) openQuestion(ctx context.Context, messageID uuid.UUID) (*search, error) {
	var out *search
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.store.Ent(ctx).Message.Query().
			Where(message.ID(messageID), message.StatusIn(Accepted, Sent)).ForUpdate().Only(ctx)
		if ent.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		now := s.store.Now()
		age := now.Sub(*row.SubmitStartedAt)
		if age >= lastReport {
			_, err := s.apply(ctx, row, provider.Report{
				Status: provider.StatusUndelivered, RawStatus: "", ErrorCode: "no_receipt",
				Class: provider.ClassDelivery, ProviderID: row.ProviderID,
			})
			return err
		}
		if row, err = row.Update().SetDueAt(now.Add(min(max(age, firstReport), lastReport-age))).Save(ctx); err != nil {
			return err
		}
		line, err := s.channels.Line(ctx, row.ChannelID)
		if fault.Is(err, fault.CodeChannelInactive) {
			return nil // the number has moved; the account is another's business
		}
		if err == nil {
			out = &search{row, line}
		}
		return err
	})
	return out, err
}

// adoptOrphans makes reports due again that came before we knew the provider's
// id of their message (rules A7-4).
func (s *Service) adoptOrphans(ctx context.Context, row *ent.Message) error {
	if row.ProviderID == "" {
		return nil
	}
	_, err := store.Exec(ctx, `
		UPDATE provider_events SET state = 'pending', due_at = $1
		WHERE tenant_id = $2 AND channel_id = $3 AND state = 'orphan' AND payload->>'ProviderID' = $4`,
		s.store.Now(), row.TenantID, row.ChannelID, row.ProviderID)
	return err
}
