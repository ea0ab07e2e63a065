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
	"github.com/trellishq/trellis/ent/number"
	"github.com/trellishq/trellis/events"
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
	// Conversations knows what goes on over a channel.
	Conversations Conversations
}

// Conversations is what numbers have to know of conversations: whether there
// are any in the way of a number that moves on, and how to end them.
type Conversations interface {
	// OpenOn counts those over a channel that are not closed.
	OpenOn(ctx context.Context, channelID uuid.UUID) (int, error)
	// EndOn closes them for a reason, and takes back what waits to be sent.
	EndOn(ctx context.Context, channelID uuid.UUID, reason string) error
}

// Service manages numbers.
type Service struct {
	store    *store.Store
	events   channels.Log
	keyring  *secret.Keyring
	adapters map[provider.Name]provider.Adapter
	public   string
	talks    Conversations
}

// New returns the service.
func New(c Config) *Service {
	return &Service{c.Store, c.Events, c.Keyring, c.Adapters, c.PublicURL, c.Conversations}
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
	// Status is active, inactive or retired.
	Status    string
	RetiredAt *time.Time
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
		if err := atOperator(sc); err != nil {
			return err
		}
		rowID := id.New()
		row, err := s.store.Ent(ctx).Number.Create().SetID(rowID).
			SetAddress(n.Address).SetProvider(string(n.Provider)).SetOwnerID(sc.TenantID).
			SetHolderID(sc.TenantID).SetHolderPath(sc.Path).SetHookToken(id.Token(hookTokenLength)).
			SetCredentials(channels.SealCredentials(s.keyring, sc.TenantID, "numbers", rowID, n.Credentials)).
			Save(ctx)
		if store.Violates(err, "h_numbers_address") {
			return fault.New(fault.Conflict, fault.CodeNumberTaken, "The number is in the inventory.").
				At("body.address", "is there already", n.Address)
		}
		if err != nil {
			return err
		}
		if err := s.begin(ctx, row, causeAdded); err != nil {
			return err
		}
		out = s.view(sc, row)
		return s.events.Publish(ctx, "number.added", "number", row.ID,
			events.Change{Data: map[string]any{"address": row.Address}, After: audited(row)})
	})
	return out, err
}

// atOperator keeps the inventory where it is: nobody but the operator edits it,
// and he does so in his own tenant.
func atOperator(sc scope.Scope) error {
	if sc.Path == "/"+sc.TenantID.String()+"/" {
		return nil
	}
	return fault.New(fault.Forbidden, fault.CodeForbidden,
		"The inventory is kept in the operator's own tenant; numbers are handed down from there.")
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
		row, err := s.visible(ctx).Where(number.ID(numberID)).Only(ctx)
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

func (s *Service) view(sc scope.Scope, row *ent.Number) Number {
	out := Number{
		ID: row.ID, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, Version: row.Version,
		Address: row.Address, Provider: provider.Name(row.Provider), HolderID: row.HolderID,
		Status: string(row.Status), RetiredAt: row.RetiredAt,
	}
	if row.OwnerID == sc.TenantID {
		out.InboundURL = s.public + "/hooks/" + row.Provider + "/" + row.HookToken + "/inbound"
	}
	return out
}
