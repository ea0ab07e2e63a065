package channels

import (
	"context"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/channel"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/secret"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// Log is where facts are published.
type Log interface {
	Publish(ctx context.Context, kind, objectKind string, objectID uuid.UUID, data any) error
}

// Config is what a Service needs.
type Config struct {
	Store    *store.Store
	Events   Log
	Keyring  *secret.Keyring
	Adapters map[provider.Name]provider.Adapter
	// PublicURL is where providers reach this installation, without a slash at
	// its end.
	PublicURL string
}

// Service manages channels.
type Service struct {
	store    *store.Store
	events   Log
	keyring  *secret.Keyring
	adapters map[provider.Name]provider.Adapter
	public   string
}

// New returns the service.
func New(c Config) *Service {
	return &Service{c.Store, c.Events, c.Keyring, c.Adapters, c.PublicURL}
}

// Channel is one connection of a tenant, without its secrets.
type Channel struct {
	ID        uuid.UUID
	CreatedAt time.Time
	UpdatedAt time.Time
	Version   int
	Kind      string
	Provider  provider.Name
	Name      string
	Address   string
	// NumberID is set where the channel is a holding of an operator's number.
	NumberID        *uuid.UUID
	CredentialsHint string
	Status          string
	Destination     Destination
	// ContactListID is the list on which senders come whom nobody knew; nil for none.
	ContactListID *uuid.UUID
	// Restricted channels are for agents and users who are their members.
	Restricted bool
	// Blocked is set where the operator has switched off the number behind it.
	Blocked bool
	// Fault is why the provider refuses the account; empty while it does not.
	Fault       string
	MaxSegments int
	OnUnknown   string
	// ReopenWithinHours is how long a closed conversation can be opened again; 0
	// where what is written later begins a new one.
	ReopenWithinHours int
	Capabilities      provider.Capabilities
	// InboundURL and StatusURL are where the provider has to send inbound
	// messages and, if it is not told with each message, delivery reports.
	InboundURL, StatusURL string
}

// NewChannel is a tenant's own account at a provider.
type NewChannel struct {
	Name        string
	Provider    provider.Name
	Address     string
	Credentials provider.Credentials
	MaxSegments int
	OnUnknown   string
	// ReopenWithinHours is how long a closed conversation can be opened again.
	ReopenWithinHours int
	// ContactListID is the list on which senders come whom nobody knew; nil for none.
	ContactListID *uuid.UUID
}

// Check asks the provider whether the credentials work. It is a call to the
// outside and runs before the transaction of Create. Faults: CodeInvalid,
// CodeInvalidAddress, CodeCredentialsRejected, CodeProviderUnreachable.
func (s *Service) Check(ctx context.Context, n NewChannel) error {
	// Asking a carrier about an account is a real call already.
	if err := s.store.Read(ctx, func(ctx context.Context) error { return s.fitsSandbox(ctx, n.Provider) }); err != nil {
		return err
	}
	adapter, err := s.ownAdapter(n.Provider)
	if err != nil {
		return err
	}
	return CheckAccount(ctx, adapter, provider.Account{Credentials: n.Credentials, Address: n.Address})
}

// ownAdapter finds the adapter for a tenant's own account. The operator's
// carrier is reached by numbers, not by channels of one's own.
func (s *Service) ownAdapter(name provider.Name) (provider.Adapter, error) {
	adapter, ok := s.adapters[name]
	if !ok || adapter.Capabilities().Distributable {
		return nil, fault.InvalidField(fault.CodeInvalid, "body.provider",
			"is not a provider that a tenant can connect by itself", string(name))
	}
	return adapter, nil
}

// Create connects an account whose credentials were checked. Faults:
// CodeNumberTaken for an address that the tenant has already, CodeNotFound for a
// contact list that is not in use.
func (s *Service) Create(ctx context.Context, n NewChannel) (Channel, error) {
	if _, err := s.ownAdapter(n.Provider); err != nil {
		return Channel{}, err
	}
	var out Channel
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		if err := s.fitsSandbox(ctx, n.Provider); err != nil {
			return err
		}
		if err := s.mayAddTo(ctx, n.ContactListID); err != nil {
			return err
		}
		rowID := id.New()
		create := s.store.Ent(ctx).Channel.Create().SetID(rowID).
			SetKind(channel.KindSms).SetProvider(string(n.Provider)).SetName(n.Name).SetAddress(n.Address).
			SetCredentials(SealCredentials(s.keyring, sc.TenantID, "channels", rowID, n.Credentials)).
			SetCredentialsHint(Hint(s.adapters[n.Provider], n.Credentials)).
			SetHookToken(id.Token(hookTokenLength)).SetNillableContactListID(n.ContactListID).
			SetReopenWithinHours(n.ReopenWithinHours)
		setOptions(create, n.MaxSegments, n.OnUnknown)
		if s.canListInbound(n.Provider) {
			create.SetDueAt(s.store.Now()).SetInboundCheckedAt(s.store.Now())
		}
		row, err := create.Save(ctx)
		if store.Violates(err, "h_channels_address") {
			return fault.New(fault.Conflict, fault.CodeNumberTaken, "The tenant has a channel with this address.").
				At("body.address", "is connected already", n.Address)
		}
		if err != nil {
			return err
		}
		out = s.view(row)
		return s.events.Publish(ctx, "channel.created", "channel", row.ID, events.Change{
			Data: map[string]any{"provider": row.Provider}, After: row,
		})
	})
	return out, err
}

// hookTokenLength gives 190 bits: the token is one of a callback's two proofs.
const hookTokenLength = 32

func setOptions(create *ent.ChannelCreate, maxSegments int, onUnknown string) {
	if maxSegments > 0 {
		create.SetMaxSegments(maxSegments)
	}
	if onUnknown != "" {
		create.SetOnUnknown(channel.OnUnknown(onUnknown))
	}
}

func (s *Service) canListInbound(name provider.Name) bool {
	_, ok := s.adapters[name].(provider.InboundLister)
	return ok
}

// Get returns one channel; a released one is history and is found as well.
func (s *Service) Get(ctx context.Context, channelID uuid.UUID) (Channel, error) {
	var out Channel
	err := s.store.Read(ctx, func(ctx context.Context) error {
		row, err := s.load(ctx, channelID)
		if err == nil {
			out = s.view(row)
		}
		return err
	})
	return out, err
}

func (s *Service) load(ctx context.Context, channelID uuid.UUID) (*ent.Channel, error) {
	row, err := s.store.Ent(ctx).Channel.Get(ctx, channelID)
	if ent.IsNotFound(err) {
		return nil, fault.Missing("channel")
	}
	return row, err
}

// Hold is Get for a transaction that writes a message: until its end nobody
// takes the channel's number away, and where somebody is doing so at the moment
// it waits for the outcome.
func (s *Service) Hold(ctx context.Context, channelID uuid.UUID) (Channel, error) {
	q := s.store.Ent(ctx).Channel.Query().Where(channel.ID(channelID))
	q.Modify(func(sel *entsql.Selector) { sel.For("KEY SHARE") })
	row, err := q.Only(ctx)
	if ent.IsNotFound(err) {
		return Channel{}, fault.Missing("channel")
	}
	if err != nil {
		return Channel{}, err
	}
	return s.view(row), nil
}

// List returns the channels in use that a viewer may choose, behind a given id,
// oldest first.
func (s *Service) List(ctx context.Context, v Viewer, after uuid.UUID, limit int) ([]Channel, error) {
	var out []Channel
	err := s.store.Read(ctx, func(ctx context.Context) error {
		rows, err := s.store.Ent(ctx).Channel.Query().
			Where(channel.StatusNEQ(channel.StatusReleased), channel.IDGT(after), v.available()).
			Order(ent.Asc(channel.FieldID)).Limit(limit).All(ctx)
		for _, row := range rows {
			out = append(out, s.view(row))
		}
		return err
	})
	return out, err
}

// Change is a partial update; nil fields stay as they are.
type Change struct {
	Name        *string
	Status      *string
	MaxSegments *int
	OnUnknown   *string
	// ReopenWithinHours counts for what was closed before, too.
	ReopenWithinHours *int
	Destination       *Destination
	ContactList       *ContactListChoice
	Credentials       provider.Credentials
}

// CheckChange asks the provider about new credentials, outside of a
// transaction.
func (s *Service) CheckChange(ctx context.Context, channelID uuid.UUID, c Change) error {
	if c.Credentials == nil {
		return nil
	}
	present, err := s.Get(ctx, channelID)
	if err != nil {
		return err
	}
	if present.NumberID != nil {
		return fault.New(fault.Conflict, fault.CodeConflict,
			"The channel is a number of the operator's, who keeps its credentials.").At("body.credentials", "cannot be set here")
	}
	return CheckAccount(ctx, s.adapters[present.Provider],
		provider.Account{Credentials: c.Credentials, Address: present.Address})
}

// Update changes a channel whose version passes the check. Faults: those of the
// check, CodeWrongState for a channel that was released.
func (s *Service) Update(ctx context.Context, channelID uuid.UUID, c Change, check func(version int64) error) (Channel, error) {
	var out Channel
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.store.Ent(ctx).Channel.Query().Where(channel.ID(channelID)).ForUpdate().Only(ctx)
		if ent.IsNotFound(err) {
			return fault.Missing("channel")
		}
		if err != nil {
			return err
		}
		if err := check(int64(row.Version)); err != nil {
			return err
		}
		if row.Status == channel.StatusReleased {
			return moved(row)
		}
		before := audited(row)
		row, err = s.applyChange(ctx, row, c)
		if err != nil {
			return err
		}
		out = s.view(row)
		return s.events.Publish(ctx, "channel.updated", "channel", row.ID,
			events.Change{Data: map[string]any{"status": row.Status}, Before: before, After: audited(row)})
	})
	return out, err
}

func (s *Service) applyChange(ctx context.Context, row *ent.Channel, c Change) (*ent.Channel, error) {
	u := row.Update()
	if c.Name != nil {
		u.SetName(*c.Name)
	}
	if c.Status != nil {
		u.SetStatus(channel.Status(*c.Status))
	}
	if c.MaxSegments != nil {
		u.SetMaxSegments(*c.MaxSegments)
	}
	if c.OnUnknown != nil {
		u.SetOnUnknown(channel.OnUnknown(*c.OnUnknown))
	}
	if c.ReopenWithinHours != nil {
		u.SetReopenWithinHours(*c.ReopenWithinHours)
	}
	if c.Destination != nil {
		if err := s.setDestination(ctx, u, *c.Destination); err != nil {
			return nil, err
		}
	}
	if c.ContactList != nil {
		if err := s.setContactList(ctx, u, c.ContactList.ID); err != nil {
			return nil, err
		}
	}
	if c.Credentials != nil {
		u.SetCredentials(SealCredentials(s.keyring, row.TenantID, "channels", row.ID, c.Credentials)).
			SetCredentialsHint(Hint(s.adapters[provider.Name(row.Provider)], c.Credentials)).SetFault("")
	}
	return u.Save(ctx)
}

// MarkFault notes that the provider refuses the account, or no longer does. It
// tells the log once, when the state changes.
func (s *Service) MarkFault(ctx context.Context, channelID uuid.UUID, reason string) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		n, err := s.store.Ent(ctx).Channel.Update().
			Where(channel.ID(channelID), channel.FaultNEQ(reason)).SetFault(reason).Save(ctx)
		if err != nil || n == 0 {
			return err
		}
		kind := "channel.recovered"
		if reason != "" {
			kind = "channel.misconfigured"
		}
		return s.events.Publish(ctx, kind, "channel", channelID, map[string]any{"reason": reason})
	})
}

// Capabilities says what channels of a provider can do.
func (s *Service) Capabilities(name provider.Name) provider.Capabilities {
	return s.adapters[name].Capabilities()
}
