package contacts

import (
	"context"
	"fmt"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/contact"
	"github.com/trellishq/trellis/ent/contactaddress"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/phone"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

// MaxAddresses is how many addresses a contact can have.
const MaxAddresses = 50

// Card is what is known of a contact beside his addresses.
type Card struct {
	// Name is empty for a sender whom nobody has named yet.
	Name string
	// Email, FacebookPage and Location may be empty. Location is in words.
	Email, FacebookPage, Location string
}

// NewContact describes a contact to be made.
type NewContact struct {
	Card
	// Addresses are telephone numbers, in E.164 or as they are written in the
	// tenant's country, short codes or senders' names.
	Addresses []string
}

// Change holds the new values of a contact; nil leaves a value as it is.
type Change struct {
	Name, Email, FacebookPage, Location *string
	// Addresses replace those that there are.
	Addresses *[]string
}

// Create makes a contact. Faults: CodeInvalid, CodeInvalidAddress.
func (s *Service) Create(ctx context.Context, n NewContact) (Contact, error) {
	var out Contact
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		contactID, err := s.Make(ctx, n)
		if err != nil {
			return err
		}
		out, err = s.Get(ctx, contactID)
		return err
	})
	return out, err
}

// Make is Create in the running transaction.
func (s *Service) Make(ctx context.Context, n NewContact) (uuid.UUID, error) {
	card, err := n.clean()
	if err != nil {
		return uuid.Nil, err
	}
	addresses, err := s.cleanAddresses(ctx, n.Addresses)
	if err != nil {
		return uuid.Nil, err
	}
	row, err := s.store.Ent(ctx).Contact.Create().SetName(card.Name).SetNameFolded(strings.ToLower(card.Name)).
		SetEmail(card.Email).SetFacebookPage(card.FacebookPage).SetLocation(card.Location).Save(ctx)
	if err != nil {
		return uuid.Nil, err
	}
	for _, address := range addresses {
		if err := s.addAddress(ctx, row.ID, address, false); err != nil {
			return uuid.Nil, err
		}
	}
	return row.ID, s.events.Publish(ctx, "contact.created", "contact", row.ID, map[string]any{"name_given": true})
}

// Update changes a contact; the version that it finds must pass the check. A
// sender whom nobody knew is known when he gets a name, and all of his
// conversations with him. Faults: those of Create and of the check,
// CodeNotFound.
func (s *Service) Update(ctx context.Context, contactID uuid.UUID, c Change, check func(version int64) error) (Contact, error) {
	var out Contact
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.lock(ctx, contactID)
		if err != nil {
			return err
		}
		if err := check(int64(row.Version)); err != nil {
			return err
		}
		if err := s.change(ctx, row, c); err != nil {
			return err
		}
		out, err = s.Get(ctx, contactID)
		return err
	})
	return out, err
}

// Name gives a sender whom nobody knew a name, and whatever else is known, in
// the running transaction; addresses come to those that there are.
func (s *Service) Name(ctx context.Context, contactID uuid.UUID, n NewContact) error {
	row, err := s.lock(ctx, contactID)
	if err != nil {
		return err
	}
	present, err := s.addresses(ctx, contactID)
	if err != nil {
		return err
	}
	all := append(present, n.Addresses...)
	return s.change(ctx, row, Change{
		Name: &n.Name, Email: given(n.Email), FacebookPage: given(n.FacebookPage), Location: given(n.Location), Addresses: &all,
	})
}

// given is nil for what was left out.
func given(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func (s *Service) lock(ctx context.Context, contactID uuid.UUID) (*ent.Contact, error) {
	row, err := s.store.Ent(ctx).Contact.Query().Where(contact.ID(contactID)).ForUpdate().Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.Missing("contact")
	}
	return row, err
}

func (s *Service) change(ctx context.Context, row *ent.Contact, c Change) error {
	before := cardOf(row)
	after := before
	for _, field := range []struct{ to, value *string }{
		{&after.Name, c.Name}, {&after.Email, c.Email}, {&after.FacebookPage, c.FacebookPage}, {&after.Location, c.Location},
	} {
		if field.value != nil {
			*field.to = *field.value
		}
	}
	if c.Name != nil || row.Name != "" {
		clean, err := after.clean()
		if err != nil {
			return err
		}
		after = clean
	} else if err := after.cleanRest(); err != nil {
		return err
	}
	changed := before.against(after)
	if c.Addresses != nil {
		moved, err := s.replaceAddresses(ctx, row, *c.Addresses)
		if err != nil {
			return err
		}
		if moved {
			changed = append(changed, "addresses")
		}
	}
	if len(changed) == 0 {
		return nil
	}
	err := row.Update().SetName(after.Name).SetNameFolded(strings.ToLower(after.Name)).SetEmail(after.Email).
		SetFacebookPage(after.FacebookPage).SetLocation(after.Location).Exec(ctx)
	if err != nil {
		return err
	}
	return s.events.Publish(ctx, "contact.updated", "contact", row.ID, map[string]any{"changed": changed})
}

func cardOf(row *ent.Contact) Card { return Card{row.Name, row.Email, row.FacebookPage, row.Location} }

// against names the fields in which two cards differ.
func (c Card) against(other Card) []string {
	var out []string
	for _, field := range []struct {
		name     string
		was, now string
	}{
		{"name", c.Name, other.Name},
		{"email", c.Email, other.Email},
		{"facebook_page", c.FacebookPage, other.FacebookPage},
		{"location", c.Location, other.Location},
	} {
		if field.was != field.now {
			out = append(out, field.name)
		}
	}
	return out
}

// clean is a card as it is stored.
func (c Card) clean() (Card, error) {
	name, err := tenants.CleanName("body.name", c.Name)
	if err != nil {
		return c, err
	}
	c.Name = name
	return c, c.cleanRest()
}

// cleanRest puts what may be empty into shape, or refuses it.
func (c *Card) cleanRest() error {
	var err error
	if c.Email, err = cleanEmail(c.Email); err != nil {
		return err
	}
	if c.FacebookPage, err = cleanPage(c.FacebookPage); err != nil {
		return err
	}
	if strings.TrimSpace(c.Location) == "" {
		c.Location = ""
		return nil
	}
	c.Location, err = tenants.CleanName("body.location", c.Location)
	return err
}

func cleanEmail(text string) (string, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	if text == "" {
		return "", nil
	}
	parsed, err := mail.ParseAddress(text)
	if err != nil || parsed.Address != text || len(text) > 254 || !utf8.ValidString(text) {
		return "", fault.InvalidField(fault.CodeInvalid, "body.email", "is no e-mail address")
	}
	return text, nil
}

// maxPage is the length of a page's address in bytes.
const maxPage = 500

func cleanPage(text string) (string, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return "", nil
	}
	parsed, err := url.Parse(text)
	if err != nil || parsed.Scheme != "https" || parsed.Host == "" || parsed.User != nil || len(text) > maxPage {
		return "", fault.InvalidField(fault.CodeInvalid, "body.facebook_page", "must be the address of a page, such as https://www.facebook.com/maple")
	}
	return parsed.String(), nil
}

// cleanAddresses reads what people type, without doubles.
func (s *Service) cleanAddresses(ctx context.Context, typed []string) ([]string, error) {
	var out []string
	for i, text := range typed {
		address, err := s.readAddress(ctx, text)
		if err != nil {
			return nil, fault.InvalidField(fault.CodeInvalidAddress, fmt.Sprintf("body.addresses[%d]", i),
				"is not a telephone number: give it as +15145550199").Because(err)
		}
		if !slices.Contains(out, address) {
			out = append(out, address)
		}
	}
	return out, nil
}

// readAddress reads an address as somebody typed it. Whatever can write to a
// channel can be a contact's.
func (s *Service) readAddress(ctx context.Context, typed string) (string, error) {
	address := strings.TrimSpace(typed)
	if phone.IsE164(address) || phone.IsShortCode(address) || phone.IsAlphanumericSender(address) {
		return address, nil
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return "", err
	}
	here, err := s.store.Ent(ctx).Tenant.Get(ctx, sc.TenantID)
	if err != nil {
		return "", err
	}
	return phone.Parse(typed, here.Country)
}

func (s *Service) addresses(ctx context.Context, contactID uuid.UUID) ([]string, error) {
	rows, err := s.store.Ent(ctx).ContactAddress.Query().Where(contactaddress.ContactID(contactID)).
		Order(ent.Desc(contactaddress.FieldLinkedAt)).All(ctx)
	out := make([]string, len(rows))
	for i, row := range rows {
		out[i] = row.Value
	}
	return out, err
}

// replaceAddresses gives a contact the addresses of a list. Those that stay keep
// their time: who was linked last is still who is meant. It tells whether
// anything changed.
func (s *Service) replaceAddresses(ctx context.Context, row *ent.Contact, typed []string) (bool, error) {
	wanted, err := s.cleanAddresses(ctx, typed)
	if err != nil {
		return false, err
	}
	if len(wanted) > MaxAddresses {
		return false, fault.InvalidField(fault.CodeInvalid, "body.addresses", fmt.Sprintf("has more than %d", MaxAddresses))
	}
	present, err := s.addresses(ctx, row.ID)
	if err != nil {
		return false, err
	}
	moved := false
	for _, address := range present {
		if !slices.Contains(wanted, address) {
			moved = true
			if err := s.dropAddress(ctx, row.ID, address); err != nil {
				return false, err
			}
		}
	}
	for _, address := range wanted {
		if !slices.Contains(present, address) {
			moved = true
			if err := s.addAddress(ctx, row.ID, address, false); err != nil {
				return false, err
			}
		}
	}
	return moved, nil
}

func (s *Service) addAddress(ctx context.Context, contactID uuid.UUID, address string, byLink bool) error {
	err := s.store.Ent(ctx).ContactAddress.Create().SetContactID(contactID).SetKind(contactaddress.KindPhone).
		SetValue(address).SetByLink(byLink).SetLinkedAt(s.store.Now()).Exec(ctx)
	if store.Violates(err, "contactaddress_tenant_id_contact_id_kind_value") {
		return fault.New(fault.Conflict, fault.CodeConflict, "The contact is being changed by somebody else.").Because(err)
	}
	return err
}

func (s *Service) dropAddress(ctx context.Context, contactID uuid.UUID, address string) error {
	_, err := s.store.Ent(ctx).ContactAddress.Delete().
		Where(contactaddress.ContactID(contactID), contactaddress.Value(address)).Exec(ctx)
	return err
}
