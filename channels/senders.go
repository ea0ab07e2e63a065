package channels

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/senderid"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/phone"
	"github.com/trellishq/trellis/internal/store"
)

// SenderID is a name that a tenant's messages may show instead of a number.
type SenderID struct {
	ID        uuid.UUID
	CreatedAt time.Time
	Name      string
}

// SenderIDs returns the tenant's names behind a given id, oldest first.
func (s *Service) SenderIDs(ctx context.Context, after uuid.UUID, limit int) ([]SenderID, error) {
	var out []SenderID
	err := s.store.Read(ctx, func(ctx context.Context) error {
		rows, err := s.store.Ent(ctx).SenderID.Query().Where(senderid.IDGT(after)).
			Order(ent.Asc(senderid.FieldID)).Limit(limit).All(ctx)
		for _, row := range rows {
			out = append(out, SenderID{row.ID, row.CreatedAt, row.Name})
		}
		return err
	})
	return out, err
}

// AddSenderID enters a name. Faults: CodeInvalidAddress for what networks do not
// show, CodeNameTaken.
func (s *Service) AddSenderID(ctx context.Context, name string) (SenderID, error) {
	if !phone.IsAlphanumericSender(name) {
		return SenderID{}, fault.InvalidField(fault.CodeInvalidAddress, "body.name",
			"must be at most 11 letters, digits, spaces and the signs & - _ . with a letter among them", name)
	}
	var out SenderID
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.store.Ent(ctx).SenderID.Create().SetName(name).Save(ctx)
		if store.Violates(err, "h_sender_ids_name") {
			return fault.New(fault.Conflict, fault.CodeNameTaken, "The tenant has this sender id.").At("body.name", "is there already", name)
		}
		if err != nil {
			return err
		}
		out = SenderID{row.ID, row.CreatedAt, row.Name}
		view := map[string]any{"name": name}
		return s.events.Publish(ctx, "sender_id.added", "sender_id", row.ID, events.Change{Data: view, After: view})
	})
	return out, err
}

// RemoveSenderID takes a name away: nothing more is sent under it. Faults:
// CodeNotFound.
func (s *Service) RemoveSenderID(ctx context.Context, senderID uuid.UUID) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		client := s.store.Ent(ctx).SenderID
		row, err := client.Query().Where(senderid.ID(senderID)).ForUpdate().Only(ctx)
		if ent.IsNotFound(err) {
			return fault.Missing("sender id")
		}
		if err != nil {
			return err
		}
		if err := client.DeleteOneID(row.ID).Exec(ctx); err != nil {
			return err
		}
		view := map[string]any{"name": row.Name}
		return s.events.Publish(ctx, "sender_id.removed", "sender_id", row.ID, events.Change{Data: view, Before: view})
	})
}

// KnowsSender tells whether a name is one of the tenant's.
func (s *Service) KnowsSender(ctx context.Context, name string) (bool, error) {
	var known bool
	err := s.store.Read(ctx, func(ctx context.Context) (err error) {
		known, err = s.store.Ent(ctx).SenderID.Query().Where(senderid.Name(name)).Exist(ctx)
		return err
	})
	return known, err
}
