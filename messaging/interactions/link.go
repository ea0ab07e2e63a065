package interactions

import (
	"context"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/interaction"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/contacts"
)

// Kinds of log entries about the contact of an interaction.
const (
	LogLinked   LogKind = "linked"
	LogUnlinked LogKind = "unlinked"
)

// Link makes a known contact the one with whom an interaction is held. What its
// address writes from now on is his as well: who was linked last is meant by an
// address that contacts share (decisions C-12). Faults: CodeNotFound, also for
// the contact, CodeStale, CodeWrongState.
func (s *Service) Link(ctx context.Context, c Caller, interactionID, contactID uuid.UUID, e Expectation) (Interaction, error) {
	return s.do(ctx, c, interactionID, e, func(ctx context.Context, row *ent.Interaction) error {
		known, err := s.contacts.KnownOf(ctx, []uuid.UUID{contactID})
		if err != nil {
			return err
		}
		if len(known) == 0 {
			return fault.InvalidField(fault.CodeNotFound, "body.contact_id", "is no contact with a name", contactID.String())
		}
		if row.ContactID == contactID {
			return s.contacts.Adopt(ctx, contactID, row.Address) // who is meant from now on is all that may change
		}
		return s.link(ctx, row, known[0])
	})
}

// LinkNew makes a contact of the person on the other side. A sender whom nobody
// knew becomes that contact, with all of his conversations; where the
// interaction is a known contact's, it moves to the new one. Faults: those of
// Link and of a new contact.
func (s *Service) LinkNew(ctx context.Context, c Caller, interactionID uuid.UUID, n contacts.NewContact, e Expectation) (Interaction, error) {
	return s.do(ctx, c, interactionID, e, func(ctx context.Context, row *ent.Interaction) error {
		present, err := s.contacts.Get(ctx, row.ContactID)
		if err != nil {
			return err
		}
		contactID := row.ContactID
		if present.Known() {
			contactID, err = s.contacts.Make(ctx, n)
		} else {
			err = s.contacts.Name(ctx, contactID, n)
		}
		if err != nil {
			return err
		}
		made, err := s.contacts.Get(ctx, contactID)
		if err != nil {
			return err
		}
		return s.link(ctx, row, made)
	})
}

// link moves a locked interaction to a known contact.
func (s *Service) link(ctx context.Context, row *ent.Interaction, to contacts.Contact) error {
	from, err := s.contacts.Get(ctx, row.ContactID)
	if err != nil {
		return err
	}
	if err := s.contacts.Adopt(ctx, to.ID, row.Address); err != nil {
		return err
	}
	if row.ContactID != to.ID {
		if err := row.Update().SetContactID(to.ID).Exec(ctx); err != nil {
			return err
		}
		if err := s.disown(ctx, from.ID, row.Address); err != nil {
			return err
		}
	}
	details := LogDetails{To: to.Name}
	if from.ID != to.ID {
		details.From = from.Name
	}
	if err := s.enter(ctx, row.ID, LogLinked, actorName(ctx)+" linked the conversation to the contact "+to.Name+".", details); err != nil {
		return err
	}
	return s.events.Publish(ctx, "interaction.linked", "interaction", row.ID,
		map[string]any{"contact_id": to.ID, "from_contact_id": from.ID})
}

// Unlink takes an interaction from its contact. It keeps its address, and
// belongs to the unknown sender behind it again, who is meant by the address
// from now on. Faults: CodeNotFound, CodeStale, CodeWrongState for one that is
// linked to nobody.
func (s *Service) Unlink(ctx context.Context, c Caller, interactionID uuid.UUID, e Expectation) (Interaction, error) {
	return s.do(ctx, c, interactionID, e, func(ctx context.Context, row *ent.Interaction) error {
		from, err := s.contacts.Get(ctx, row.ContactID)
		if err != nil {
			return err
		}
		if !from.Known() {
			return fault.New(fault.Conflict, fault.CodeWrongState, "The interaction is linked to no contact.").Showing("unlinked")
		}
		unknown, err := s.contacts.Unknown(ctx, row.ChannelID, row.Address)
		if err != nil {
			return err
		}
		if err := row.Update().SetContactID(unknown).Exec(ctx); err != nil {
			return err
		}
		if err := s.disown(ctx, from.ID, row.Address); err != nil {
			return err
		}
		if err := s.enter(ctx, row.ID, LogUnlinked, actorName(ctx)+" took the conversation from the contact "+from.Name+".",
			LogDetails{From: from.Name}); err != nil {
			return err
		}
		return s.events.Publish(ctx, "interaction.unlinked", "interaction", row.ID,
			map[string]any{"contact_id": unknown, "from_contact_id": from.ID})
	})
}

// disown takes from a contact an address that had come to him by a link, when
// the last conversation with it has left him.
func (s *Service) disown(ctx context.Context, contactID uuid.UUID, address string) error {
	still, err := s.store.Ent(ctx).Interaction.Query().
		Where(interaction.ContactID(contactID), interaction.Address(address)).Exist(everywhere(ctx))
	if err != nil || still {
		return err
	}
	return s.contacts.Disown(ctx, contactID, address)
}
