// Package intake takes in what providers tell us: it stores a callback before it
// says yes to it, and works through what it has stored. A provider may repeat
// itself, be late, or never come: the same message has its effects once, and
// one whose callback was lost is found in the provider's own list.
package intake

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels"
	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/messaging/consent"
	"github.com/trellishq/trellis/messaging/interactions"
	"github.com/trellishq/trellis/tenants/scope"
)

// Config is what a Service needs.
type Config struct {
	Store        *store.Store
	Channels     *channels.Service
	Consent      *consent.Service
	Interactions *interactions.Service
	// Wake tells the dispatchers that a row is due.
	Wake func()
	// SignatureFailed counts refused callbacks by provider; nil for nobody.
	SignatureFailed func(provider string)
	Log             *slog.Logger
}

// Service takes callbacks in.
type Service struct {
	store           *store.Store
	channels        *channels.Service
	consent         *consent.Service
	interactions    *interactions.Service
	wake            func()
	signatureFailed func(string)
	log             *slog.Logger
}

// New returns the service.
func New(c Config) *Service {
	if c.SignatureFailed == nil {
		c.SignatureFailed = func(string) {}
	}
	return &Service{c.Store, c.Channels, c.Consent, c.Interactions, c.Wake, c.SignatureFailed, c.Log}
}

// Kind of a callback, by the URL that it came to.
type Kind string

// The kinds of callback.
const (
	Inbound Kind = "inbound"
	Status  Kind = "status"
)

// Accept stores a callback durably and returns what to answer. STOP and START
// take effect in the same transaction. A repeated callback is acknowledged and
// stored no second time. Faults: CodeNotFound for an unknown token,
// CodeBadSignature and CodeChannelMismatch (both 403, nothing is stored),
// CodeInvalid for a body that cannot be read.
func (s *Service) Accept(ctx context.Context, name provider.Name, token string, kind Kind, c provider.Callback) (provider.Acknowledgement, error) {
	var ack provider.Acknowledgement
	ctx = scope.System(ctx, "a provider's callback")
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		hook, err := s.channels.Hook(ctx, name, token)
		if err != nil {
			return err
		}
		if err := s.verify(hook, c); err != nil {
			return err
		}
		ack = hook.Adapter.Acknowledgement()
		found, err := parse(hook.Adapter, kind, c)
		if err != nil {
			return fault.New(fault.Invalid, fault.CodeInvalid, "The callback cannot be read.").Because(err)
		}
		if err := bounded(found); err != nil {
			return err
		}
		raw := c.Body
		for _, e := range found {
			owner, err := s.owner(ctx, hook, e)
			if err != nil {
				return err
			}
			if err := s.keep(ctx, owner, e, raw, false); err != nil {
				return err
			}
			raw = []byte{} // of a batch, the first event has the whole
		}
		store.AfterCommit(ctx, s.wake)
		return nil
	})
	return ack, err
}

func (s *Service) verify(hook channels.Hook, c provider.Callback) error {
	err := hook.Adapter.Verify(hook.Account, c)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, provider.ErrForeign):
		s.signatureFailed(string(hook.Adapter.Name()))
		return fault.New(fault.Forbidden, fault.CodeChannelMismatch, "The callback is for another account or number.")
	default:
		s.signatureFailed(string(hook.Adapter.Name()))
		return fault.New(fault.Forbidden, fault.CodeBadSignature, "The signature is missing or wrong.")
	}
}

// event is one fact in a callback, of either kind.
type event struct {
	kind    Kind
	key     string
	inbound provider.Inbound
	report  provider.Report
}

// payload is the event as it is stored.
func (e event) payload() ([]byte, error) {
	if e.kind == Inbound {
		return json.Marshal(e.inbound)
	}
	return json.Marshal(e.report)
}

func parse(adapter provider.Adapter, kind Kind, c provider.Callback) ([]event, error) {
	if kind == Inbound {
		return inboundEvents(adapter.ParseInbound(c))
	}
	reports, err := adapter.ParseStatus(c)
	var out []event
	for _, r := range reports {
		out = append(out, event{kind: Status, key: r.EventKey, report: r})
	}
	return out, err
}

func inboundEvents(messages []provider.Inbound, err error) ([]event, error) {
	var out []event
	for _, m := range messages {
		out = append(out, event{kind: Inbound, key: m.EventKey, inbound: m})
	}
	return out, err
}

// owner says whose event it is. A report that comes after its number has moved
// on belongs to the tenant that sent the message.
func (s *Service) owner(ctx context.Context, hook channels.Hook, e event) (channels.Hook, error) {
	messageID, err := uuid.Parse(e.report.ClientRef)
	if e.kind != Status || err != nil {
		return hook, nil //nolint:nilerr // a report without our id belongs to whom the callback came
	}
	err = store.QueryRow(ctx, []any{&hook.TenantID, &hook.ChannelID}, `
		SELECT m.tenant_id, m.channel_id
		FROM messages m JOIN channels sent ON sent.id = m.channel_id JOIN channels now ON now.id = $2
		WHERE m.id = $1 AND (sent.id = now.id OR sent.number_id = now.number_id)`, messageID, hook.ChannelID)
	if store.IsNotFound(err) {
		return hook, nil
	}
	return hook, err
}

// keep stores one event, unless it is there, and hears its keyword.
func (s *Service) keep(ctx context.Context, hook channels.Hook, e event, raw []byte, recovered bool) error {
	body, err := e.payload()
	if err != nil {
		return err
	}
	now := s.store.Now()
	result, err := store.Exec(ctx, `
		INSERT INTO provider_events (id, tenant_id, channel_id, kind, event_key, payload, raw, recovered, state, due_at, received_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'pending', $9, $9)
		ON CONFLICT (tenant_id, channel_id, kind, event_key) DO NOTHING`,
		id.New(), hook.TenantID, hook.ChannelID, string(e.kind), e.key, storable(body), raw, recovered, now)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 || e.kind != Inbound {
		return err
	}
	return s.consent.Heard(ctx, hook.TenantID, hook.ChannelID, e.inbound.From, e.inbound.Body)
}

// storable keeps out of the payload what jsonb does not take: an escaped NUL.
func storable(body []byte) string {
	var out []byte
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' || i+1 >= len(body) {
			out = append(out, body[i])
			continue
		}
		if string(body[i:min(i+6, len(body))]) == `\u0000` {
			i += 5
			continue
		}
		out = append(out, body[i], body[i+1])
		i++
	}
	return string(out)
}

// maxAttempts is how often a stored event is tried before it is put aside for
// the operator (rules E3-2).
const maxAttempts = 8

// orphanFor is how long a report may wait for its message (rules A7-4).
const orphanFor = 24 * time.Hour

// stored is an event that is being worked through.
type stored struct {
	id         uuid.UUID
	tenantID   uuid.UUID
	channelID  uuid.UUID
	kind       Kind
	payload    []byte
	recovered  bool
	attempt    int
	receivedAt time.Time
}
