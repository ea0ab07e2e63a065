package interactions

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/interaction"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// OpenOn counts the conversations over a channel that are not closed, in the
// running transaction.
func (s *Service) OpenOn(ctx context.Context, channelID uuid.UUID) (int, error) {
	return s.store.Ent(ctx).Interaction.Query().
		Where(interaction.ChannelID(channelID), interaction.StatusNEQ(Closed)).Count(ctx)
}

// EndOn closes all conversations over a channel and takes back what waits to be
// sent through it, in the running transaction, which holds the channel's lock.
// What a worker has in its hands by now takes its way. However many there are,
// it is a few statements: every status but closed leads to closed (Next), so
// nobody has to look at each.
func (s *Service) EndOn(ctx context.Context, channelID uuid.UUID, reason string) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	now := s.store.Now()
	closed, err := store.IDs(ctx, `
		UPDATE interactions
		SET status = 'closed', closed_at = $1, closed_by = 'system', closed_by_id = NULL, close_reason = $2,
		    listed = assignee_id IS NOT NULL, sub_status = '', waiting_since = NULL, paused_at = NULL, paused_until = NULL,
		    pause_reason = '', pause_note = '', pause_ends_with_message = false, updated_at = $1, version = version + 1
		WHERE tenant_id = $3 AND channel_id = $4 AND status <> 'closed'
		RETURNING id`, now, reason, sc.TenantID, channelID)
	if err != nil {
		return err
	}
	canceled, err := s.takeBack(ctx, sc, channelID, reason)
	if err != nil {
		return err
	}
	if err := s.enterMany(ctx, closed, LogClosed, "Conversation closed, because the number was taken away.", LogDetails{Comment: reason}); err != nil {
		return err
	}
	if err := s.events.PublishMany(ctx, "interaction.closed", "interaction", closed, map[string]any{"reason": reason}); err != nil {
		return err
	}
	return s.events.PublishMany(ctx, "message.canceled", "message", canceled,
		map[string]any{"channel_id": channelID, "status": Canceled, "reason": reason})
}

// quarter is what all zones' months begin at a multiple of.
const quarter = 15 * time.Minute

// takeBack cancels what waits to be sent through a channel, and gives its
// segments back.
func (s *Service) takeBack(ctx context.Context, sc scope.Scope, channelID uuid.UUID, reason string) ([]uuid.UUID, error) {
	rows, err := store.Query(ctx, `
		UPDATE messages
		SET status = 'canceled', due_at = NULL, place = CASE WHEN queued_at IS NOT NULL THEN place END, failed_at = $1, error_class = '', error_code = $2,
		    error_message = 'The number was taken away before the message was handed over.',
		    updated_at = $1, version = version + 1
		WHERE tenant_id = $3 AND channel_id = $4 AND status IN ('scheduled', 'queued')
		RETURNING id, coalesce(queued_at, created_at), CASE WHEN send_at IS NOT NULL AND queued_at IS NULL THEN 0 ELSE greatest(segments, 1) END`, s.store.Now(), reason, sc.TenantID, channelID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var canceled []uuid.UUID
	segments := map[time.Time]int{} // by when they were counted
	for rows.Next() {
		var (
			message uuid.UUID
			at      time.Time
			n       int
		)
		if err := rows.Scan(&message, &at, &n); err != nil {
			return nil, err
		}
		canceled = append(canceled, message)
		if n > 0 { // what was scheduled has not been counted
			segments[at.UTC().Truncate(quarter)] += n
		}
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return nil, err
	}
	for at, n := range segments {
		if err := s.meter.GiveBackMessages(ctx, at, n); err != nil {
			return nil, err
		}
	}
	return canceled, nil
}
