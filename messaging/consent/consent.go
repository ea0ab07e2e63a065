package consent

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/optout"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
)

// Log is where facts are published for a tenant.
type Log interface {
	PublishFor(ctx context.Context, tenantID uuid.UUID, kind, objectKind string, objectID uuid.UUID, data any) error
}

// Service records opt-outs.
type Service struct {
	store  *store.Store
	events Log
}

// New returns the service.
func New(s *store.Store, events Log) *Service { return &Service{s, events} }

// OptOut is one wish, with its end where START ended it.
type OptOut struct {
	ID        uuid.UUID
	CreatedAt time.Time
	ChannelID uuid.UUID
	Address   string
	Source    string
	Keyword   string
	EndedAt   *time.Time
}

// Heard acts on a whole message's keyword in the running transaction. STOP
// three times is one opt-out; START without one does nothing. On a number of
// the operator's both hold for whoever has the number later.
func (s *Service) Heard(ctx context.Context, tenantID, channelID uuid.UUID, address, body string) error {
	switch Keyword(body) {
	case Stop:
		return s.begin(ctx, tenantID, channelID, address, optout.SourceKeyword, body)
	case Start:
		return s.end(ctx, tenantID, channelID, address)
	}
	return nil
}

// RefusedByCarrier records that the carrier itself holds an opt-out (Twilio's
// 21610; rules A4-3).
func (s *Service) RefusedByCarrier(ctx context.Context, tenantID, channelID uuid.UUID, address string) error {
	return s.begin(ctx, tenantID, channelID, address, optout.SourceCarrier, "")
}

func (s *Service) begin(ctx context.Context, tenantID, channelID uuid.UUID, address string, source optout.Source, keyword string) error {
	if err := s.suppress(ctx, tenantID, channelID, address, source); err != nil {
		return err
	}
	rowID, now := id.New(), s.store.Now()
	// A decorated keyword may hold bytes that the database does not take.
	keyword = strings.ToValidUTF8(keyword, "\uFFFD")
	result, err := store.Exec(ctx, `
		INSERT INTO opt_outs (id, tenant_id, channel_id, address, source, keyword, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
		ON CONFLICT (tenant_id, channel_id, address) WHERE ended_at IS NULL DO NOTHING`,
		rowID, tenantID, channelID, address, string(source), keyword, now)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return err
	}
	return s.events.PublishFor(ctx, tenantID, "opt_out.started", "opt_out", rowID,
		map[string]any{"channel_id": channelID, "source": source})
}

func (s *Service) end(ctx context.Context, tenantID, channelID uuid.UUID, address string) error {
	if err := s.unsuppress(ctx, tenantID, channelID, address); err != nil {
		return err
	}
	rows, err := store.Query(ctx, `
		UPDATE opt_outs SET ended_at = $1, updated_at = $1, version = version + 1
		WHERE tenant_id = $2 AND channel_id = $3 AND address = $4 AND ended_at IS NULL
		RETURNING id`, s.store.Now(), tenantID, channelID, address)
	if err != nil {
		return err
	}
	var ended []uuid.UUID
	for rows.Next() {
		var rowID uuid.UUID
		if err := rows.Scan(&rowID); err != nil {
			_ = rows.Close()
			return err
		}
		ended = append(ended, rowID)
	}
	if err := rows.Close(); err != nil {
		return err
	}
	for _, rowID := range ended {
		err := s.events.PublishFor(ctx, tenantID, "opt_out.ended", "opt_out", rowID, map[string]any{"channel_id": channelID})
		if err != nil {
			return err
		}
	}
	return rows.Err()
}

// List returns opt-outs behind a given id, oldest first. active keeps to those
// that have not ended.
func (s *Service) List(ctx context.Context, active bool, after uuid.UUID, limit int) ([]OptOut, error) {
	var out []OptOut
	err := s.store.Read(ctx, func(ctx context.Context) error {
		q := s.store.Ent(ctx).OptOut.Query().Where(optout.IDGT(after))
		if active {
			q.Where(optout.EndedAtIsNil())
		}
		rows, err := q.Order(ent.Asc(optout.FieldID)).Limit(limit).All(ctx)
		for _, row := range rows {
			out = append(out, OptOut{
				ID: row.ID, CreatedAt: row.CreatedAt, ChannelID: row.ChannelID, Address: row.Address,
				Source: string(row.Source), Keyword: row.Keyword, EndedAt: row.EndedAt,
			})
		}
		return err
	})
	return out, err
}
