// Package contacts owns the people outside, the addresses at which they can be
// reached, and the lists that they are on. It knows nothing of what is said to them.
package contacts

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/contact"
	"github.com/trellishq/trellis/ent/contactaddress"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// Log is where facts are published.
type Log interface {
	Publish(ctx context.Context, kind, objectKind string, objectID uuid.UUID, data any) error
}

// Service keeps contacts.
type Service struct {
	store  *store.Store
	events Log
}

// New returns the service.
func New(s *store.Store, events Log) *Service { return &Service{s, events} }

// Contact is a person outside.
type Contact struct {
	ID        uuid.UUID
	CreatedAt time.Time
	UpdatedAt time.Time
	Version   int
	// Name is empty for a sender whom nobody has named yet.
	Name string
	// Email, FacebookPage and Location may be empty. Location is in words.
	Email, FacebookPage, Location string
	// Addresses are telephone numbers in E.164, short codes or senders' names.
	Addresses []string
}

// ForAddress returns the contact behind an address that wrote to, or is written
// to by, a channel, and creates one for an unknown address. Where contacts
// share it, the one linked last is meant (decisions C-12). It runs in the
// caller's transaction.
func (s *Service) ForAddress(ctx context.Context, channelID uuid.UUID, address string) (uuid.UUID, error) {
	contactID, _, err := s.forAddress(ctx, channelID, address)
	return contactID, err
}

// ForSender is ForAddress for somebody who has written to a channel. Whom nobody
// knew comes on the channel's list, where it has one.
func (s *Service) ForSender(ctx context.Context, channelID uuid.UUID, listID *uuid.UUID, address string) (uuid.UUID, error) {
	contactID, created, err := s.forAddress(ctx, channelID, address)
	if err != nil || !created || listID == nil {
		return contactID, err
	}
	return contactID, s.addToList(ctx, *listID, contactID)
}

func (s *Service) forAddress(ctx context.Context, channelID uuid.UUID, address string) (contactID uuid.UUID, created bool, err error) {
	known, err := s.behind(ctx, address)
	if !ent.IsNotFound(err) {
		return known, false, err
	}
	// Two channels may hear of an unknown address at the same time.
	if err := lockAddress(ctx, address); err != nil {
		return uuid.Nil, false, err
	}
	if known, err = s.behind(ctx, address); !ent.IsNotFound(err) {
		return known, false, err
	}
	contactID, err = s.create(ctx, channelID, address)
	return contactID, err == nil, err
}

func (s *Service) create(ctx context.Context, channelID uuid.UUID, address string) (uuid.UUID, error) {
	client := s.store.Ent(ctx)
	created, err := client.Contact.Create().SetChannelID(channelID).Save(ctx)
	if err != nil {
		return uuid.Nil, err
	}
	err = client.ContactAddress.Create().SetContactID(created.ID).
		SetKind(contactaddress.KindPhone).SetValue(address).SetLinkedAt(s.store.Now()).Exec(ctx)
	if err != nil {
		return uuid.Nil, err
	}
	return created.ID, s.events.Publish(ctx, "contact.created", "contact", created.ID, map[string]any{"channel_id": channelID})
}

func (s *Service) behind(ctx context.Context, address string) (uuid.UUID, error) {
	known, err := s.store.Ent(ctx).ContactAddress.Query().
		Where(contactaddress.KindEQ(contactaddress.KindPhone), contactaddress.Value(address)).
		Order(ent.Desc(contactaddress.FieldLinkedAt, contactaddress.FieldID)).First(ctx)
	if err != nil {
		return uuid.Nil, err
	}
	return known.ContactID, nil
}

// lockAddress is taken after the lock on a channel's pair with the address,
// never before.
func lockAddress(ctx context.Context, address string) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	_, err = store.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 2))`, sc.TenantID.String()+" "+address)
	return err
}

// AddressOf returns the address of a contact that can be texted: the one linked
// last. Faults: CodeNotFound.
func (s *Service) AddressOf(ctx context.Context, contactID uuid.UUID) (string, error) {
	found, err := s.store.Ent(ctx).ContactAddress.Query().
		Where(contactaddress.ContactID(contactID), contactaddress.KindEQ(contactaddress.KindPhone)).
		Order(ent.Desc(contactaddress.FieldLinkedAt, contactaddress.FieldID)).First(ctx)
	if ent.IsNotFound(err) {
		return "", fault.Missing("contact with a telephone number")
	}
	if err != nil {
		return "", err
	}
	return found.Value, nil
}

// Get returns one contact. Faults: CodeNotFound.
func (s *Service) Get(ctx context.Context, contactID uuid.UUID) (Contact, error) {
	var out Contact
	err := s.store.Read(ctx, func(ctx context.Context) error {
		row, err := s.store.Ent(ctx).Contact.Get(ctx, contactID)
		if ent.IsNotFound(err) {
			return fault.Missing("contact")
		}
		if err != nil {
			return err
		}
		views, err := s.views(ctx, []*ent.Contact{row})
		if err != nil {
			return err
		}
		out = views[0]
		return nil
	})
	return out, err
}

// List returns contacts behind a given id, oldest first; with listID those on
// that list.
func (s *Service) List(ctx context.Context, listID *uuid.UUID, after uuid.UUID, limit int) ([]Contact, error) {
	var out []Contact
	err := s.store.Read(ctx, func(ctx context.Context) error {
		q := s.store.Ent(ctx).Contact.Query().Where(contact.IDGT(after))
		if listID != nil {
			q.Where(onList(*listID))
		}
		rows, err := q.Order(ent.Asc(contact.FieldID)).Limit(limit).All(ctx)
		if err != nil {
			return err
		}
		out, err = s.views(ctx, rows)
		return err
	})
	return out, err
}

func (s *Service) views(ctx context.Context, rows []*ent.Contact) ([]Contact, error) {
	out := make([]Contact, len(rows))
	place := make(map[uuid.UUID]int, len(rows))
	ids := make([]uuid.UUID, len(rows))
	for i, row := range rows {
		out[i] = Contact{
			ID: row.ID, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, Version: row.Version,
			Name: row.Name, Email: row.Email, FacebookPage: row.FacebookPage, Location: row.Location, Addresses: []string{},
		}
		place[row.ID], ids[i] = i, row.ID
	}
	addresses, err := s.store.Ent(ctx).ContactAddress.Query().Where(contactaddress.ContactIDIn(ids...)).
		Order(ent.Desc(contactaddress.FieldLinkedAt)).All(ctx)
	for _, a := range addresses {
		i := place[a.ContactID]
		out[i].Addresses = append(out[i].Addresses, a.Value)
	}
	return out, err
}
