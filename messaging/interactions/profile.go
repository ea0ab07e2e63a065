package interactions

import (
	"context"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/interaction"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/phone"
	"github.com/trellishq/trellis/messaging/contacts"
)

// Profile is what is shown of the customer beside an interaction.
type Profile struct {
	Interaction Interaction
	Contact     contacts.Contact
	// Country is where the address belongs, by ISO 3166-1; empty where it does
	// not say.
	Country string
	// Previous counts the closed conversations with the customer that the caller
	// may read.
	Previous int
}

// Profile returns what is known of the customer of an interaction. Faults:
// CodeNotFound.
func (s *Service) Profile(ctx context.Context, c Caller, interactionID uuid.UUID) (Profile, error) {
	var out Profile
	err := s.store.Read(ctx, func(ctx context.Context) error {
		row, err := s.seenRow(ctx, c, interactionID)
		if err != nil {
			return err
		}
		page := []Interaction{interactionView(row)}
		if err := s.withExtras(ctx, c, page); err != nil {
			return err
		}
		out.Interaction, out.Country = page[0], phone.CountryOf(row.Address)
		if out.Contact, err = s.contacts.Get(ctx, row.ContactID); err != nil {
			return err
		}
		out.Previous, err = s.countPrevious(ctx, c, row)
		return err
	})
	return out, err
}

// seenRow loads an interaction that the caller sees.
func (s *Service) seenRow(ctx context.Context, c Caller, interactionID uuid.UUID) (*ent.Interaction, error) {
	q, err := s.visible(ctx, c)
	if err != nil {
		return nil, err
	}
	row, err := q.Where(interaction.ID(interactionID)).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.Missing("interaction")
	}
	return row, err
}

func (s *Service) countPrevious(ctx context.Context, c Caller, row *ent.Interaction) (int, error) {
	q, err := s.journeyOf(ctx, c, !c.OwnOnly || row.Status != Closed)
	if err != nil {
		return 0, err
	}
	return q.Where(interaction.IDNEQ(row.ID), interaction.StatusEQ(Closed), sameCustomer(row)).Count(ctx)
}

// Reason is why a contact is suggested.
type Reason string

// The reasons, the strongest first.
const (
	// SameAddress: the contact has the interaction's address.
	SameAddress Reason = "same_address"
	// Matching: the contact is what was searched for.
	Matching Reason = "matches"
	// SameName: the contact is called as the present one.
	SameName Reason = "same_name"
	// Recent: the caller has had a conversation with the contact lately.
	Recent Reason = "recent"
)

// Suggestion is a contact to whom an interaction may belong.
type Suggestion struct {
	Contact contacts.Contact
	Reason  Reason
}

// maxSuggestions is how many contacts are suggested; recentOnes is how many of
// them because they were spoken with lately, out of so many conversations.
const (
	maxSuggestions = 20
	recentOnes     = 5
	recentRows     = 50
)

// Suggestions returns the known contacts to whom an interaction may belong, the
// likeliest first: with a text those that it finds and nobody else. The present
// contact is not among them. Faults: CodeNotFound.
func (s *Service) Suggestions(ctx context.Context, c Caller, interactionID uuid.UUID, text string) ([]Suggestion, error) {
	var out []Suggestion
	err := s.store.Read(ctx, func(ctx context.Context) error {
		row, err := s.seenRow(ctx, c, interactionID)
		if err != nil {
			return err
		}
		if text != "" {
			found, err := s.contacts.Matching(ctx, text, row.ContactID, maxSuggestions)
			out = suggest(out, Matching, found)
			return err
		}
		out, err = s.guess(ctx, c, row)
		return err
	})
	return out, err
}

func (s *Service) guess(ctx context.Context, c Caller, row *ent.Interaction) ([]Suggestion, error) {
	var out []Suggestion
	sharing, err := s.contacts.Sharing(ctx, row.Address, row.ContactID, maxSuggestions)
	if err != nil {
		return nil, err
	}
	out = suggest(out, SameAddress, sharing)
	present, err := s.contacts.Get(ctx, row.ContactID)
	if err != nil {
		return nil, err
	}
	if present.Known() {
		namesakes, err := s.contacts.Namesakes(ctx, present.Name, row.ContactID, maxSuggestions)
		if err != nil {
			return nil, err
		}
		out = suggest(out, SameName, namesakes)
	}
	recent, err := s.recent(ctx, c, row)
	return suggest(out, Recent, recent), err
}

// suggest adds contacts who are not suggested yet.
func suggest(out []Suggestion, why Reason, found []contacts.Contact) []Suggestion {
	seen := map[uuid.UUID]bool{}
	for _, s := range out {
		seen[s.Contact.ID] = true
	}
	for _, c := range found {
		if !seen[c.ID] && len(out) < maxSuggestions {
			seen[c.ID] = true
			out = append(out, Suggestion{c, why})
		}
	}
	return out
}

// recent are the contacts of the last conversations that the caller sees.
func (s *Service) recent(ctx context.Context, c Caller, row *ent.Interaction) ([]contacts.Contact, error) {
	q, err := s.visible(ctx, c)
	if err != nil {
		return nil, err
	}
	rows, err := q.Where(interaction.ContactIDNEQ(row.ContactID)).
		Order(ent.Desc(interaction.FieldLastMessageAt, interaction.FieldID)).Limit(recentRows).All(ctx)
	if err != nil {
		return nil, err
	}
	var ids []uuid.UUID
	seen := map[uuid.UUID]bool{}
	for _, r := range rows {
		if !seen[r.ContactID] {
			seen[r.ContactID] = true
			ids = append(ids, r.ContactID)
		}
	}
	known, err := s.contacts.KnownOf(ctx, ids)
	return known[:min(len(known), recentOnes)], err
}
