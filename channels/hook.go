package channels

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
)

// Hook is the channel that a callback's token leads to, with what is needed to
// verify the callback.
type Hook struct {
	TenantID  uuid.UUID
	ChannelID uuid.UUID
	Adapter   provider.Adapter
	Account   provider.Account
}

// hookStatement finds the channel that has a token, or that at present holds
// the number that has it.
const hookStatement = `
	SELECT c.id, c.tenant_id, c.address, c.credentials, NULL::uuid, NULL::uuid
	FROM channels c
	WHERE c.hook_token = $1 AND c.provider = $2 AND c.status <> 'released'
	UNION ALL
	SELECT c.id, c.tenant_id, c.address, n.credentials, n.id, n.owner_id
	FROM numbers n JOIN channels c ON c.number_id = n.id AND c.status <> 'released'
	WHERE n.hook_token = $1 AND n.provider = $2`

// Hook resolves a callback's token inside the running system transaction, so
// that what is stored there belongs to the holder of that moment. Faults:
// CodeNotFound.
func (s *Service) Hook(ctx context.Context, name provider.Name, token string) (Hook, error) {
	var (
		h               Hook
		sealed          []byte
		numberID, owner uuid.NullUUID
	)
	adapter, ok := s.adapters[name]
	if !ok {
		return Hook{}, fault.Missing("callback address")
	}
	h.Adapter = adapter
	err := store.QueryRow(ctx, []any{&h.ChannelID, &h.TenantID, &h.Account.Address, &sealed, &numberID, &owner},
		hookStatement, token, string(name))
	if errors.Is(err, sql.ErrNoRows) {
		return Hook{}, fault.Missing("callback address")
	}
	if err != nil {
		return Hook{}, err
	}
	if numberID.Valid {
		h.Account.Credentials, err = OpenCredentials(s.keyring, owner.UUID, "numbers", numberID.UUID, sealed)
	} else {
		h.Account.Credentials, err = OpenCredentials(s.keyring, h.TenantID, "channels", h.ChannelID, sealed)
	}
	return h, err
}

// gapCheckEvery is how often a provider's list of received messages is read
// for those whose callback never came (rules E3-3).
const gapCheckEvery = 5 * time.Minute

// gapOverlap is read again each time: callbacks may still be under way.
const gapOverlap = 15 * time.Minute

// Gap is a stretch of time whose inbound messages are to be checked.
type Gap struct {
	Line  Line
	Since time.Time
}

// OpenGap prepares a look at a channel's list, and sets the time of the next
// one. ok is false where there is nothing to look at.
func (s *Service) OpenGap(ctx context.Context, channelID uuid.UUID) (gap Gap, ok bool, err error) {
	err = s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.load(ctx, channelID)
		if err != nil {
			return err
		}
		if row.DueAt == nil || row.InboundCheckedAt == nil || row.Status == "released" {
			return nil
		}
		held, err := store.Exec(ctx, `UPDATE channels SET due_at = $1 WHERE tenant_id = $2 AND id = $3 AND status <> 'released'`,
			s.store.Now().Add(gapCheckEvery), row.TenantID, row.ID)
		if err != nil {
			return err
		}
		if n, err := held.RowsAffected(); err != nil || n == 0 {
			return err // the number moved on at this moment
		}
		gap.Since = row.InboundCheckedAt.Add(-gapOverlap)
		// What came before belongs to the number's former holder.
		if gap.Since.Before(row.CreatedAt) {
			gap.Since = row.CreatedAt
		}
		gap.Line, err = s.Line(ctx, channelID)
		ok = err == nil
		return err
	})
	return gap, ok, err
}

// CloseGap notes that a channel's list was read up to a time.
func (s *Service) CloseGap(ctx context.Context, channelID uuid.UUID, readUntil time.Time) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		_, err := store.Exec(ctx, `UPDATE channels SET inbound_checked_at = $1 WHERE id = $2 AND inbound_checked_at < $1`,
			readUntil, channelID)
		return err
	})
}
