package contacts

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/contact"
	"github.com/trellishq/trellis/ent/contactaddress"
	"github.com/trellishq/trellis/ent/predicate"
	"github.com/trellishq/trellis/internal/store"
)

// Known tells whether somebody has named the contact.
func (c Contact) Known() bool { return c.Name != "" }

// Adopt makes a contact the one who is meant by an address from now on, in the
// running transaction: a conversation with it was linked to him. An address that
// he did not have comes by that link.
func (s *Service) Adopt(ctx context.Context, contactID uuid.UUID, address string) error {
	if _, err := s.lock(ctx, contactID); err != nil {
		return err
	}
	n, err := s.store.Ent(ctx).ContactAddress.Update().
		Where(contactaddress.ContactID(contactID), contactaddress.Value(address)).SetLinkedAt(s.store.Now()).Save(ctx)
	if err != nil || n > 0 {
		return err
	}
	return s.addAddress(ctx, contactID, address, true)
}

// Disown takes an address from a contact that came to him by a link alone, in
// the running transaction.
func (s *Service) Disown(ctx context.Context, contactID uuid.UUID, address string) error {
	_, err := s.store.Ent(ctx).ContactAddress.Delete().
		Where(contactaddress.ContactID(contactID), contactaddress.Value(address), contactaddress.ByLink(true)).Exec(ctx)
	return err
}

// Unknown is the contact without a name behind an address, in the running
// transaction; there is a new one where none is left. He is who is meant by the
// address from now on. The caller has a conversation locked, after which the
// lock on an address must not be taken: two who do this at once may make two
// such contacts, of whom the later one counts.
func (s *Service) Unknown(ctx context.Context, channelID uuid.UUID, address string) (uuid.UUID, error) {
	ids, err := s.behindAll(ctx, address)
	if err != nil {
		return uuid.Nil, err
	}
	nameless, err := s.store.Ent(ctx).Contact.Query().Where(contact.IDIn(ids...), contact.Name("")).
		Order(ent.Asc(contact.FieldID)).FirstID(ctx)
	if ent.IsNotFound(err) {
		return s.create(ctx, channelID, address)
	}
	if err != nil {
		return uuid.Nil, err
	}
	return nameless, s.store.Ent(ctx).ContactAddress.Update().
		Where(contactaddress.ContactID(nameless), contactaddress.Value(address)).SetLinkedAt(s.store.Now()).Exec(ctx)
}

// behindAll are the contacts who share an address.
func (s *Service) behindAll(ctx context.Context, address string) ([]uuid.UUID, error) {
	rows, err := s.store.Ent(ctx).ContactAddress.Query().
		Where(contactaddress.KindEQ(contactaddress.KindPhone), contactaddress.Value(address)).
		Order(ent.Desc(contactaddress.FieldLinkedAt)).All(ctx)
	out := make([]uuid.UUID, len(rows))
	for i, row := range rows {
		out[i] = row.ContactID
	}
	return out, err
}

// Sharing returns the known contacts who have an address, but one.
func (s *Service) Sharing(ctx context.Context, address string, except uuid.UUID, limit int) ([]Contact, error) {
	ids, err := s.behindAll(ctx, address)
	if err != nil {
		return nil, err
	}
	return s.known(ctx, limit, contact.IDIn(ids...), contact.IDNEQ(except))
}

// Namesakes returns other known contacts who are called the same.
func (s *Service) Namesakes(ctx context.Context, name string, except uuid.UUID, limit int) ([]Contact, error) {
	return s.known(ctx, limit, contact.NameFolded(strings.ToLower(name)), contact.IDNEQ(except))
}

// Matching returns the known contacts whose name begins with a text, in capitals
// or not, and those who have it as their whole address, but one.
func (s *Service) Matching(ctx context.Context, text string, except uuid.UUID, limit int) ([]Contact, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, nil
	}
	found, err := s.known(ctx, limit, store.HasPrefix(contact.FieldNameFolded, strings.ToLower(text)), contact.IDNEQ(except))
	if err != nil {
		return nil, err
	}
	address, err := s.readAddress(ctx, text)
	if err != nil {
		return found, nil //nolint:nilerr // what is no address is nobody's
	}
	more, err := s.Sharing(ctx, address, except, limit-len(found))
	return append(found, more...), err
}

// KnownOf returns those of some contacts whom somebody has named, in the order
// of the list.
func (s *Service) KnownOf(ctx context.Context, ids []uuid.UUID) ([]Contact, error) {
	found, err := s.known(ctx, len(ids), contact.IDIn(ids...))
	if err != nil {
		return nil, err
	}
	byID := map[uuid.UUID]Contact{}
	for _, c := range found {
		byID[c.ID] = c
	}
	var out []Contact
	for _, contactID := range ids {
		if c, ok := byID[contactID]; ok {
			out = append(out, c)
		}
	}
	return out, nil
}

func (s *Service) known(ctx context.Context, limit int, where ...predicate.Contact) ([]Contact, error) {
	if limit <= 0 {
		return nil, nil
	}
	rows, err := s.store.Ent(ctx).Contact.Query().Where(contact.NameNEQ("")).Where(where...).
		Order(ent.Asc(contact.FieldNameFolded, contact.FieldID)).Limit(limit).All(ctx)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return s.views(ctx, rows)
}
