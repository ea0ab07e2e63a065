package channels

import (
	"context"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/number"
)

func (s *Service) view(ctx context.Context, row *ent.Channel) (Channel, error) {
	held, err := s.heldNumber(ctx, row)
	if err != nil {
		return Channel{}, err
	}
	return s.viewWith(row, held), nil
}

// views loads the numbers of a page of channels at once.
func (s *Service) views(ctx context.Context, rows []*ent.Channel) ([]Channel, error) {
	var ids []uuid.UUID
	for _, row := range rows {
		if row.NumberID != nil {
			ids = append(ids, *row.NumberID)
		}
	}
	held := map[uuid.UUID]*ent.Number{}
	if len(ids) > 0 {
		numbers, err := s.store.Ent(ctx).Number.Query().Where(number.IDIn(ids...)).All(ctx)
		if err != nil {
			return nil, err
		}
		for _, n := range numbers {
			held[n.ID] = n
		}
	}
	out := make([]Channel, 0, len(rows))
	for _, row := range rows {
		var n *ent.Number
		if row.NumberID != nil {
			n = held[*row.NumberID]
		}
		out = append(out, s.viewWith(row, n))
	}
	return out, nil
}

func (s *Service) viewWith(row *ent.Channel, held *ent.Number) Channel {
	out := Channel{
		ID: row.ID, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, Version: row.Version,
		Kind: string(row.Kind), Provider: provider.Name(row.Provider), Name: row.Name, Address: row.Address,
		NumberID: row.NumberID, CredentialsHint: row.CredentialsHint,
		Status: string(row.Status), Fault: row.Fault, MaxSegments: row.MaxSegments, OnUnknown: string(row.OnUnknown),
	}
	if adapter, ok := s.adapters[out.Provider]; ok {
		out.Capabilities = adapter.Capabilities()
	}
	// The operator configures its carrier; a holder has no use for the token.
	if row.HookToken != nil {
		out.InboundURL = s.hookURL(row.Provider, *row.HookToken) + "/inbound"
		out.StatusURL = s.hookURL(row.Provider, *row.HookToken) + "/status"
	}
	return out
}
