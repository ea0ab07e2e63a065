package numbers

import (
	"context"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels"
	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/channel"
	"github.com/trellishq/trellis/ent/number"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// Change is a partial update of a number by the operator; nil fields stay as
// they are.
type Change struct {
	// Status is active or inactive.
	Status      *string
	Credentials provider.Credentials
}

// CheckChange asks the carrier about new credentials, outside of a transaction.
func (s *Service) CheckChange(ctx context.Context, numberID uuid.UUID, c Change) error {
	if c.Credentials == nil {
		return nil
	}
	present, err := s.Get(ctx, numberID)
	if err != nil {
		return err
	}
	return channels.CheckAccount(ctx, s.adapters[present.Provider],
		provider.Account{Credentials: c.Credentials, Address: present.Address})
}

// Update changes a number of the inventory whose version passes the check,
// whoever holds it. An inactive number receives and does not send. Faults:
// those of the check, CodeNotFound, CodeWrongState for a retired one.
func (s *Service) Update(ctx context.Context, numberID uuid.UUID, c Change, check func(version int64) error) (Number, error) {
	var out Number
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		sc, row, err := s.inInventory(ctx, numberID)
		if err != nil {
			return err
		}
		if err := check(int64(row.Version)); err != nil {
			return err
		}
		if row.Status == number.StatusRetired {
			return retired(row)
		}
		before := audited(row)
		if row, err = s.apply(ctx, sc, row, c); err != nil {
			return err
		}
		out = s.view(sc, row)
		return s.events.Publish(ctx, "number.updated", "number", row.ID, events.Change{
			Data:   map[string]any{"status": row.Status, "credentials_changed": c.Credentials != nil},
			Before: before, After: audited(row),
		})
	})
	return out, err
}

func (s *Service) apply(ctx context.Context, sc scope.Scope, row *ent.Number, c Change) (*ent.Number, error) {
	u := row.Update()
	if c.Credentials != nil {
		u.SetCredentials(channels.SealCredentials(s.keyring, row.OwnerID, "numbers", row.ID, c.Credentials))
	}
	if c.Status == nil || *c.Status == string(row.Status) {
		return u.Save(ctx)
	}
	row, err := u.SetStatus(number.Status(*c.Status)).Save(ctx)
	if err != nil {
		return nil, err
	}
	return row, s.store.Below(ctx, inTenant(sc, row), func(ctx context.Context) error { return s.block(ctx, row) })
}

// block tells the holder's channel what the operator has made of the number.
func (s *Service) block(ctx context.Context, row *ent.Number) error {
	held, err := s.store.Ent(ctx).Channel.Query().
		Where(channel.NumberID(row.ID), channel.StatusNEQ(channel.StatusReleased)).ForUpdate().Only(ctx)
	if err != nil {
		return err
	}
	blocked := row.Status == number.StatusInactive
	if err := held.Update().SetBlocked(blocked).Exec(ctx); err != nil {
		return err
	}
	return s.events.Publish(ctx, "channel.updated", "channel", held.ID, map[string]any{"blocked": blocked})
}

// Retire takes a number out of the inventory for good; the operator holds it
// then, and its address may come again as another number. Faults: CodeNotFound,
// CodeWrongState where a tenant below holds it, or where it is retired already,
// CodeInteractionsOpen.
func (s *Service) Retire(ctx context.Context, numberID uuid.UUID, force bool) (Number, error) {
	var out Number
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		sc, row, err := s.inInventory(ctx, numberID)
		if err != nil {
			return err
		}
		switch {
		case row.Status == number.StatusRetired:
			return retired(row)
		case row.HolderID != sc.TenantID:
			return fault.New(fault.Conflict, fault.CodeWrongState,
				"Another tenant holds the number: it has to be reclaimed first.").Showing(row.HolderID.String())
		}
		if err := s.end(ctx, sc, row, force); err != nil {
			return err
		}
		before := audited(row)
		row, err = row.Update().SetStatus(number.StatusRetired).SetRetiredAt(s.store.Now()).Save(ctx)
		if err != nil {
			return err
		}
		out = s.view(sc, row)
		return s.events.Publish(ctx, "number.retired", "number", row.ID,
			events.Change{Data: map[string]any{"address": row.Address}, Before: before, After: audited(row)})
	})
	return out, err
}

// compared is what of a number is held side by side before and after a change.
type compared struct {
	Address  string        `json:"address"`
	HolderID uuid.UUID     `json:"holder_id"`
	Status   number.Status `json:"status"`
}

func audited(row *ent.Number) compared { return compared{row.Address, row.HolderID, row.Status} }

// inInventory locks a number for the operator.
func (s *Service) inInventory(ctx context.Context, numberID uuid.UUID) (scope.Scope, *ent.Number, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return sc, nil, err
	}
	if err := atOperator(sc); err != nil {
		return sc, nil, err
	}
	row, err := s.lock(ctx, numberID)
	return sc, row, err
}

// Sealed is where the credentials of numbers are kept.
var Sealed = store.SealedColumn{Table: "numbers", Column: "credentials", ID: "id", Owner: "owner_id"}
