package intake

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels"
	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/messaging/interactions"
	"github.com/trellishq/trellis/tenants/scope"
)

// HandleDue works through one stored event, under the scope of its tenant. All
// effects and the event's end are one transaction. An event that fails is tried
// again later and never holds up the next.
func (s *Service) HandleDue(ctx context.Context, eventID uuid.UUID) error {
	var attempt int
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		e, err := s.lock(ctx, eventID)
		if err != nil || e == nil {
			return err
		}
		attempt = e.attempt
		return s.process(ctx, e)
	})
	if err == nil || store.IsDeadlock(err) {
		return err
	}
	return errors.Join(err, s.postpone(ctx, eventID, attempt, err))
}

func (s *Service) lock(ctx context.Context, eventID uuid.UUID) (*stored, error) {
	var e stored
	err := store.QueryRow(ctx, []any{&e.id, &e.tenantID, &e.channelID, &e.kind, &e.payload, &e.recovered, &e.attempt, &e.receivedAt}, `
		SELECT id, tenant_id, channel_id, kind, payload, recovered, attempt, received_at
		FROM provider_events WHERE id = $1 AND state IN ('pending', 'orphan') FOR UPDATE SKIP LOCKED`, eventID)
	if store.IsNotFound(err) {
		return nil, nil
	}
	return &e, err
}

func (s *Service) process(ctx context.Context, e *stored) error {
	if e.kind == Inbound {
		var in provider.Inbound
		if err := json.Unmarshal(e.payload, &in); err != nil {
			return fmt.Errorf("intake: event %s: %w", e.id, err)
		}
		if err := s.interactions.Receive(ctx, e.id, e.channelID, in, e.recovered); err != nil {
			return err
		}
		return s.finish(ctx, e, "done", nil)
	}
	var report provider.Report
	if err := json.Unmarshal(e.payload, &report); err != nil {
		return fmt.Errorf("intake: event %s: %w", e.id, err)
	}
	err := s.interactions.ApplyReport(ctx, e.channelID, report, e.receivedAt)
	if errors.Is(err, interactions.ErrNoMessage) {
		return s.park(ctx, e)
	}
	if err != nil {
		return err
	}
	return s.finish(ctx, e, "done", nil)
}

// park keeps a report whose message is not known yet. The message's way of
// being recorded wakes it; after a day it is let go.
func (s *Service) park(ctx context.Context, e *stored) error {
	until := e.receivedAt.Add(orphanFor)
	if !s.store.Now().Before(until) {
		return s.finish(ctx, e, "dead", nil)
	}
	return s.finish(ctx, e, "orphan", &until)
}

func (s *Service) finish(ctx context.Context, e *stored, state string, dueAt *time.Time) error {
	_, err := store.Exec(ctx, `UPDATE provider_events SET state = $1, due_at = $2, attempt = attempt + 1 WHERE tenant_id = $3 AND id = $4`,
		state, dueAt, e.tenantID, e.id)
	return err
}

// postpone notes a failure and sets the next attempt, or puts the event aside.
func (s *Service) postpone(ctx context.Context, eventID uuid.UUID, attempt int, cause error) error {
	attempt++
	state, dueAt := "pending", new(time.Time)
	*dueAt = s.store.Now().Add(time.Duration(1<<attempt) * time.Second)
	if attempt >= maxAttempts {
		state, dueAt = "dead", nil
		s.log.ErrorContext(ctx, "a provider's event failed for good and was put aside", "event_id", eventID, "error", cause)
	}
	return s.store.InTx(ctx, func(ctx context.Context) error {
		_, err := store.Exec(ctx, `
			UPDATE provider_events SET attempt = $1, state = $2, due_at = $3, last_error = $4
			WHERE id = $5 AND state IN ('pending', 'orphan')`,
			attempt, state, dueAt, fmt.Sprintf("%.500s", cause.Error()), eventID)
		return err
	})
}

// HandleChannel looks through a provider's list for messages whose callback
// never came: a provider may try once and forget (rules E3-3). What it finds
// goes the same way as a callback. It runs under the channel's tenant.
func (s *Service) HandleChannel(ctx context.Context, channelID uuid.UUID) error {
	gap, ok, err := s.channels.OpenGap(ctx, channelID)
	if err != nil || !ok {
		return err
	}
	lister, ok := gap.Line.Adapter.(provider.InboundLister)
	if !ok {
		return nil
	}
	readUntil := s.store.Now()
	found, err := lister.ListInbound(ctx, gap.Line.Account, gap.Since)
	if err != nil {
		s.log.WarnContext(ctx, "a provider's list of received messages could not be read", "channel_id", channelID, "error", err)
		return nil
	}
	if found, err = s.heardHere(ctx, channelID, found); err != nil {
		return err
	}
	if err := s.recover(ctx, channelID, gap, found); err != nil {
		return err
	}
	return s.channels.CloseGap(ctx, channelID, readUntil)
}

func (s *Service) recover(ctx context.Context, channelID uuid.UUID, gap channels.Gap, found []provider.Inbound) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	hook := channels.Hook{TenantID: sc.TenantID, ChannelID: channelID, Adapter: gap.Line.Adapter, Account: gap.Line.Account}
	return s.store.InTx(ctx, func(ctx context.Context) error {
		events, _ := inboundEvents(found, nil)
		for _, e := range events {
			// Lists are filtered by the day, some not at all.
			if e.inbound.SentAt.Before(gap.Since) {
				continue
			}
			if err := s.keep(ctx, hook, e, []byte{}, true); err != nil {
				return err
			}
		}
		store.AfterCommit(ctx, s.wake)
		return nil
	})
}

// heardHere leaves out of a number's list what a former holder of the number has
// taken in already. Times alone do not tell: the provider's clock is not ours,
// and around the moment of a move a message would be heard by both.
func (s *Service) heardHere(ctx context.Context, channelID uuid.UUID, found []provider.Inbound) ([]provider.Inbound, error) {
	if len(found) == 0 {
		return nil, nil
	}
	keys := make([]string, len(found))
	for i, in := range found {
		keys[i] = in.EventKey
	}
	list, err := json.Marshal(keys)
	if err != nil {
		return nil, err
	}
	elsewhere := map[string]bool{}
	err = s.store.Read(scope.System(ctx, "telling apart what a number's holders have heard"), func(ctx context.Context) error {
		rows, err := store.Query(ctx, `
			SELECT e.event_key
			FROM channels here
			JOIN channels there ON there.number_id = here.number_id AND there.id <> here.id
			JOIN provider_events e ON e.tenant_id = there.tenant_id AND e.channel_id = there.id AND e.kind = 'inbound'
			WHERE here.id = $1 AND e.event_key IN (SELECT jsonb_array_elements_text($2::jsonb))`, channelID, string(list))
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var key string
			if err := rows.Scan(&key); err != nil {
				return err
			}
			elsewhere[key] = true
		}
		return rows.Err()
	})
	return slices.DeleteFunc(found, func(in provider.Inbound) bool { return elsewhere[in.EventKey] }), err
}
