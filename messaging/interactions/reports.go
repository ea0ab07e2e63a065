package interactions

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/message"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
)

// ErrNoMessage is returned for a report whose message is not known, at least
// not yet: a callback can be faster than the answer to the submission.
var ErrNoMessage = errors.New("interactions: the report's message is not known")

// ApplyReport takes a delivery report into account, in the running transaction.
// Every report is kept, whether or not it changes anything. It returns
// ErrNoMessage where nothing matches.
func (s *Service) ApplyReport(ctx context.Context, channelID uuid.UUID, report provider.Report, receivedAt time.Time) error {
	row, err := s.reportedMessage(ctx, channelID, report)
	if err != nil {
		return err
	}
	applied, err := s.apply(ctx, row, report)
	if err != nil {
		return err
	}
	return s.keepReport(ctx, row, report, applied, receivedAt)
}

// reportedMessage finds the message by our own id, which the provider returns
// to us, and else by the provider's.
func (s *Service) reportedMessage(ctx context.Context, channelID uuid.UUID, report provider.Report) (*ent.Message, error) {
	q := s.store.Ent(ctx).Message.Query().
		Where(message.ChannelID(channelID), message.DirectionEQ(message.DirectionOutbound))
	if ref, err := uuid.Parse(report.ClientRef); err == nil {
		row, err := q.Clone().Where(message.ID(ref)).ForUpdate().Only(ctx)
		if err == nil && belongsTo(row, report) {
			return row, nil
		}
		if err != nil && !ent.IsNotFound(err) {
			return nil, err
		}
	}
	if report.ProviderID == "" {
		return nil, ErrNoMessage
	}
	row, err := q.Where(message.ProviderID(report.ProviderID)).ForUpdate().Only(ctx)
	if ent.IsNotFound(err) {
		return nil, ErrNoMessage
	}
	return row, err
}

// belongsTo guards against a report that names our message and another of the
// provider's: a reference is only as good as the id beside it.
func belongsTo(row *ent.Message, report provider.Report) bool {
	return row.ProviderID == "" || report.ProviderID == "" || row.ProviderID == report.ProviderID
}

// apply moves a locked message forward by a report and tells whether it did.
func (s *Service) apply(ctx context.Context, row *ent.Message, report provider.Report) (bool, error) {
	to, ok := Reported(row.Status, report.Status)
	if !ok {
		return false, s.noteSegments(ctx, row, report)
	}
	wasOnItsWay := row.Status == Queued || row.Status == Submitting || row.Status == Unknown
	at := s.store.Now()
	if !report.OccurredAt.IsZero() {
		at = report.OccurredAt
	}
	u := row.Update().SetStatus(to).ClearClaimID().ClearClaimUntil().
		SetErrorClass(string(report.Class)).SetErrorCode(report.ErrorCode).SetErrorMessage(report.Class.Meaning())
	stampTimes(u, to, at)
	if to == Read && row.DeliveredAt == nil {
		u.SetDeliveredAt(at)
	}
	if row.ProviderID == "" && report.ProviderID != "" {
		u.SetProviderID(report.ProviderID)
	}
	if report.Segments > 0 {
		u.SetProviderSegments(report.Segments)
	}
	if final(to) {
		u.ClearDueAt()
	} else {
		u.SetDueAt(s.store.Now().Add(firstReport))
	}
	row, err := u.Save(ctx)
	if err != nil {
		return false, err
	}
	if wasOnItsWay {
		if err := errors.Join(s.release(ctx, row), s.adoptOrphans(ctx, row)); err != nil {
			return false, err
		}
	}
	if err := s.consequences(ctx, row, report.Class, report.Class.Meaning()+" ("+report.ErrorCode+")"); err != nil {
		return false, err
	}
	return true, s.changed(ctx, row)
}

// noteSegments keeps the provider's count also from a report that changes
// nothing else.
func (s *Service) noteSegments(ctx context.Context, row *ent.Message, report provider.Report) error {
	if report.Segments == 0 || row.ProviderSegments == report.Segments {
		return nil
	}
	return row.Update().SetProviderSegments(report.Segments).Exec(ctx)
}

func (s *Service) keepReport(ctx context.Context, row *ent.Message, report provider.Report, applied bool, receivedAt time.Time) error {
	var occurredAt *time.Time
	if !report.OccurredAt.IsZero() {
		occurredAt = &report.OccurredAt
	}
	_, err := store.Exec(ctx, `
		INSERT INTO message_status_events (id, tenant_id, message_id, attempt, status, raw_status, error_code, applied, occurred_at, received_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		id.New(), row.TenantID, row.ID, report.Attempt, string(report.Status), report.RawStatus, report.ErrorCode,
		applied, occurredAt, receivedAt)
	return err
}

// StatusEvents returns what the provider reported about a message, oldest
// first. Faults: CodeNotFound.
func (s *Service) StatusEvents(ctx context.Context, c Caller, messageID, after uuid.UUID, limit int) ([]StatusEvent, error) {
	var out []StatusEvent
	err := s.store.Read(ctx, func(ctx context.Context) error {
		row, err := s.visibleMessage(ctx, c, messageID)
		if err != nil {
			return err
		}
		rows, err := store.Query(ctx, `
			SELECT id, attempt, status, raw_status, error_code, applied, occurred_at, received_at
			FROM message_status_events WHERE tenant_id = $1 AND message_id = $2 AND id > $3 ORDER BY id LIMIT $4`,
			row.TenantID, messageID, after, limit)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var e StatusEvent
			err := rows.Scan(&e.ID, &e.Attempt, &e.Status, &e.RawStatus, &e.ErrorCode, &e.Applied, &e.OccurredAt, &e.ReceivedAt)
			if err != nil {
				return err
			}
			out = append(out, e)
		}
		return rows.Err()
	})
	return out, err
}
