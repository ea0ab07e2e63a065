// Package numbers owns the operator's inventory of telephone numbers and their
// distribution down the tree. A number has one holder at a time; holding it
// makes it a channel of the holder's tenant, and handing it on ends that
// channel, with its history left where it was.
package numbers

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels"
	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/channel"
	"github.com/trellishq/trellis/ent/interaction"
	"github.com/trellishq/trellis/ent/number"
	"github.com/trellishq/trellis/ent/tenant"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/phone"
	"github.com/trellishq/trellis/internal/secret"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// Config is what a Service needs.
type Config struct {
	Store     *store.Store
	Events    channels.Log
	Keyring   *secret.Keyring
	Adapters  map[provider.Name]provider.Adapter
	PublicURL string
}

// Service manages numbers.
type Service struct {
	store    *store.Store
	events   channels.Log
	keyring  *secret.Keyring
	adapters map[provider.Name]provider.Adapter
	public   string
}

// New returns the service.
func New(c Config) *Service {
	return &Service{c.Store, c.Events, c.Keyring, c.Adapters, c.PublicURL}
}

// Number is one number as a tenant on its way down the tree sees it.
type Number struct {
	ID        uuid.UUID
	CreatedAt time.Time
	UpdatedAt time.Time
	Version   int
	Address   string
	Provider  provider.Name
	// HolderID is the tenant that has the number now.
	HolderID uuid.UUID
	// InboundURL is shown to the operator, who configures the carrier with it.
	InboundURL string
}

// NewNumber enters the inventory.
type NewNumber struct {
	Address     string
	Provider    provider.Name
	Credentials provider.Credentials
}

// Check asks the carrier whether the credentials work; it runs before the
// transaction of Add.
func (s *Service) Check(ctx context.Context, n NewNumber) error {
	adapter, err := s.carrier(n.Provider)
	if err != nil {
		return err
	}
	if !phone.IsE164(n.Address) {
		return fault.InvalidField(fault.CodeInvalidAddress, "body.address",
			"must be a number in E.164, such as +15145550100", n.Address)
	}
	return channels.CheckAccount(ctx, adapter, provider.Account{Credentials: n.Credentials, Address: n.Address})
}

// carrier finds a provider whose numbers can be distributed. A number of any
// other provider belongs to the account of one tenant (rules A11-2).
func (s *Service) carrier(name provider.Name) (provider.Adapter, error) {
	adapter, ok := s.adapters[name]
	if !ok || !adapter.Capabilities().Distributable {
		return nil, fault.New(fault.Conflict, fault.CodeNotDistributable,
			"Numbers of this provider belong to one tenant and cannot be distributed.").
			At("body.provider", "is not an operator's carrier", string(name))
	}
	return adapter, nil
}

// Add puts a checked number into the operator's inventory; the operator is its
// first holder. Faults: CodeNumberTaken.
func (s *Service) Add(ctx context.Context, n NewNumber) (Number, error) {
	if _, err := s.carrier(n.Provider); err != nil {
		return Number{}, err
	}
	var out Number
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		if sc.Path != "/"+sc.TenantID.String()+"/" {
			return fault.New(fault.Forbidden, fault.CodeForbidden,
				"Numbers enter the inventory in the operator's own tenant and are handed down from there.")
		}
		rowID := id.New()
		row, err := s.store.Ent(ctx).Number.Create().SetID(rowID).
			SetAddress(n.Address).SetProvider(string(n.Provider)).SetOwnerID(sc.TenantID).
			SetHolderID(sc.TenantID).SetHolderPath(sc.Path).SetHookToken(id.Token(hookTokenLength)).
			SetCredentials(channels.SealCredentials(s.keyring, sc.TenantID, "numbers", rowID, n.Credentials)).
			Save(ctx)
		if store.Violates(err, "number_address") {
			return fault.New(fault.Conflict, fault.CodeNumberTaken, "The number is in the inventory.").
				At("body.address", "is there already", n.Address)
		}
		if err != nil {
			return err
		}
		if err := s.begin(ctx, row); err != nil {
			return err
		}
		out = s.view(sc, row)
		return s.events.Publish(ctx, "number.added", "number", row.ID, nil)
	})
	return out, err
}

const hookTokenLength = 32

// Get returns a number that is held in the scope's subtree.
func (s *Service) Get(ctx context.Context, numberID uuid.UUID) (Number, error) {
	var out Number
	err := s.store.Read(ctx, func(ctx context.Context) error {
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		row, err := s.store.Ent(ctx).Number.Get(ctx, numberID)
		if ent.IsNotFound(err) {
			return fault.Missing("number")
		}
		if err == nil {
			out = s.view(sc, row)
		}
		return err
	})
	return out, err
}

// Views of a tenant's numbers (decisions C-04).
const (
	// Mine are those that the tenant holds itself.
	Mine = "mine"
	// Shared are those that it has handed down.
	Shared = "shared"
	// All are both.
	All = "all"
)

// List returns numbers behind a given id, oldest first.
func (s *Service) List(ctx context.Context, view string, after uuid.UUID, limit int) ([]Number, error) {
	var out []Number
	err := s.store.Read(ctx, func(ctx context.Context) error {
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		q := s.store.Ent(ctx).Number.Query().Where(number.IDGT(after))
		switch view {
		case Mine:
			q.Where(number.HolderID(sc.TenantID))
		case Shared:
			q.Where(number.HolderIDNEQ(sc.TenantID))
		}
		rows, err := q.Order(ent.Asc(number.FieldID)).Limit(limit).All(ctx)
		for _, row := range rows {
			out = append(out, s.view(sc, row))
		}
		return err
	})
	return out, err
}

// Assign hands a number that the scope's tenant holds to one of its children.
// The number becomes a channel of the child; what went through it so far stays
// where it is. Faults: CodeInteractionsOpen while conversations are not closed.
func (s *Service) Assign(ctx context.Context, numberID, childID uuid.UUID) (Number, error) {
	return s.move(ctx, numberID, func(ctx context.Context, sc scope.Scope, row *ent.Number) (*ent.Tenant, error) {
		if row.HolderID != sc.TenantID {
			return nil, fault.New(fault.Conflict, fault.CodeWrongState,
				"Another tenant holds the number: it has to be reclaimed first.").Showing(row.HolderID.String())
		}
		child, err := s.store.Ent(ctx).Tenant.Query().
			Where(tenant.ID(childID), tenant.ParentID(sc.TenantID)).Only(ctx)
		if ent.IsNotFound(err) {
			return nil, fault.InvalidField(fault.CodeNotFound, "body.tenant_id", "is no child of this tenant", childID.String())
		}
		return child, err
	})
}

// Reclaim takes a number back from wherever it is below the scope's tenant.
// Faults: CodeInteractionsOpen.
func (s *Service) Reclaim(ctx context.Context, numberID uuid.UUID) (Number, error) {
	return s.move(ctx, numberID, func(ctx context.Context, sc scope.Scope, row *ent.Number) (*ent.Tenant, error) {
		if row.HolderID == sc.TenantID {
			return nil, fault.New(fault.Conflict, fault.CodeWrongState, "The tenant holds the number itself.").Showing("held")
		}
		return s.store.Ent(ctx).Tenant.Get(ctx, sc.TenantID)
	})
}

// chooser decides who gets a number.
type chooser func(context.Context, scope.Scope, *ent.Number) (*ent.Tenant, error)

// move changes a number's holder in one transaction: the old channel ends, the
// new one begins, and inbound messages go to the new holder from the commit on.
func (s *Service) move(ctx context.Context, numberID uuid.UUID, to chooser) (Number, error) {
	var out Number
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		row, err := s.store.Ent(ctx).Number.Query().Where(number.ID(numberID)).ForUpdate().Only(ctx)
		if ent.IsNotFound(err) {
			return fault.Missing("number")
		}
		if err != nil {
			return err
		}
		holder, err := to(ctx, sc, row)
		if err != nil {
			return err
		}
		if err := s.end(ctx, sc, row); err != nil {
			return err
		}
		row, err = row.Update().SetHolderID(holder.ID).SetHolderPath(holder.Path).Save(ctx)
		if err != nil {
			return err
		}
		if err := s.begin(ctx, row); err != nil {
			return err
		}
		out = s.view(sc, row)
		return s.events.Publish(ctx, "number.assigned", "number", row.ID, map[string]any{"holder_id": holder.ID})
	})
	return out, err
}

// end closes the present holding and its channel, inside the holder's tenant.
func (s *Service) end(ctx context.Context, sc scope.Scope, row *ent.Number) error {
	_, err := store.Exec(ctx, `UPDATE number_holdings SET ended_at = $1 WHERE number_id = $2 AND ended_at IS NULL`,
		s.store.Now(), row.ID)
	if err != nil {
		return err
	}
	return s.store.Below(ctx, inTenant(sc, row), func(ctx context.Context) error {
		return s.releaseChannel(ctx, row.ID)
	})
}

func (s *Service) releaseChannel(ctx context.Context, numberID uuid.UUID) error {
	client := s.store.Ent(ctx)
	held, err := client.Channel.Query().
		Where(channel.NumberID(numberID), channel.StatusNEQ(channel.StatusReleased)).ForUpdate().Only(ctx)
	if err != nil {
		return err
	}
	open, err := client.Interaction.Query().
		Where(interaction.ChannelID(held.ID), interaction.StatusNEQ(interaction.StatusClosed)).Count(ctx)
	if err != nil {
		return err
	}
	if open > 0 {
		return fault.New(fault.Conflict, fault.CodeInteractionsOpen,
			"%d interactions on the number are not closed.", open).Showing("interactions_open")
	}
	if err := held.Update().SetStatus(channel.StatusReleased).ClearDueAt().Exec(ctx); err != nil {
		return err
	}
	return s.events.Publish(ctx, "channel.released", "channel", held.ID, nil)
}

// begin opens a holding and its channel, inside the new holder's tenant.
func (s *Service) begin(ctx context.Context, row *ent.Number) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	_, err = store.Exec(ctx, `
		INSERT INTO number_holdings (id, number_id, holder_id, holder_path, actor_kind, actor_id, started_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		id.New(), row.ID, row.HolderID, row.HolderPath, sc.Actor.Kind, sc.Actor.ID, s.store.Now())
	if err != nil {
		return err
	}
	return s.store.Below(ctx, inTenant(sc, row), func(ctx context.Context) error {
		create := s.store.Ent(ctx).Channel.Create().SetKind(channel.KindSms).
			SetProvider(row.Provider).SetName(row.Address).SetAddress(row.Address).SetNumberID(row.ID)
		if _, ok := s.adapters[provider.Name(row.Provider)].(provider.InboundLister); ok {
			create.SetDueAt(s.store.Now()).SetInboundCheckedAt(s.store.Now())
		}
		held, err := create.Save(ctx)
		if err != nil {
			return err
		}
		return s.events.Publish(ctx, "channel.created", "channel", held.ID, map[string]any{"number_id": row.ID})
	})
}

// inTenant is the scope of the number's holder, with the same actor.
func inTenant(sc scope.Scope, row *ent.Number) scope.Scope {
	return scope.Scope{TenantID: row.HolderID, Path: row.HolderPath, Actor: sc.Actor}
}

func (s *Service) view(sc scope.Scope, row *ent.Number) Number {
	out := Number{
		ID: row.ID, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, Version: row.Version,
		Address: row.Address, Provider: provider.Name(row.Provider), HolderID: row.HolderID,
	}
	if row.OwnerID == sc.TenantID {
		out.InboundURL = s.public + "/hooks/" + row.Provider + "/" + row.HookToken + "/inbound"
	}
	return out
}

// Sealed is where the credentials of numbers are kept.
var Sealed = store.SealedColumn{Table: "numbers", Column: "credentials", ID: "id", Owner: "owner_id"}
