package interactions

import (
	"context"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/channel"
	"github.com/trellishq/trellis/ent/interaction"
	"github.com/trellishq/trellis/ent/predicate"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/tenants/scope"
)

// JourneyEntry is one interaction of a customer's journey, as the caller may
// know it.
type JourneyEntry struct {
	Interaction
	ChannelName string
	// ChannelKind is sms, and whatever else there will be.
	ChannelKind string
	// AgentName is whose it is, or was; empty where nobody ever had it.
	AgentName string
	// CanInspect tells that the caller may read what was said, CanOpen that he
	// may work on it.
	CanInspect, CanOpen bool
}

// Journey returns all interactions of a contact over all channels behind a
// given one, the newest first: those that nobody dealt with among them. Whoever
// reaches only his own conversations gets a customer's whole journey while he
// has one with him that is not closed, and else his own part of it. Faults:
// CodeNotFound.
func (s *Service) Journey(ctx context.Context, c Caller, contactID, after uuid.UUID, limit int) ([]JourneyEntry, error) {
	return s.ofContact(ctx, c, contactID, after, limit)
}

// History is Journey without what is not closed: the conversations that were
// linked to a contact. Faults: CodeNotFound.
func (s *Service) History(ctx context.Context, c Caller, contactID, after uuid.UUID, limit int) ([]JourneyEntry, error) {
	return s.ofContact(ctx, c, contactID, after, limit, interaction.StatusEQ(Closed))
}

func (s *Service) ofContact(ctx context.Context, c Caller, contactID, after uuid.UUID, limit int, where ...predicate.Interaction) ([]JourneyEntry, error) {
	var out []JourneyEntry
	err := s.store.Read(ctx, func(ctx context.Context) error {
		if _, err := s.contacts.Get(ctx, contactID); err != nil {
			return err
		}
		with, err := s.hasWith(ctx, c, interaction.ContactID(contactID))
		if err != nil {
			return err
		}
		q, err := s.journeyOf(ctx, c, with)
		if err != nil {
			return err
		}
		out, err = s.entries(ctx, c, q.Where(interaction.ContactID(contactID)).Where(where...), with, after, limit)
		return err
	})
	return out, err
}

// Previous returns the closed conversations with the customer of an interaction
// that the caller sees: the same contact's, and those with the same address, the
// newest first. Faults: CodeNotFound.
func (s *Service) Previous(ctx context.Context, c Caller, interactionID, after uuid.UUID, limit int) ([]JourneyEntry, error) {
	var out []JourneyEntry
	err := s.store.Read(ctx, func(ctx context.Context) error {
		row, err := s.seenRow(ctx, c, interactionID)
		if err != nil {
			return err
		}
		with := !c.OwnOnly || row.Status != Closed
		q, err := s.journeyOf(ctx, c, with)
		if err != nil {
			return err
		}
		q.Where(interaction.IDNEQ(row.ID), interaction.StatusEQ(Closed), sameCustomer(row))
		out, err = s.entries(ctx, c, q, with, after, limit)
		return err
	})
	return out, err
}

// sameCustomer are the interactions with the contact of one, and with its
// address.
func sameCustomer(row *ent.Interaction) predicate.Interaction {
	return interaction.Or(interaction.ContactID(row.ContactID), interaction.Address(row.Address))
}

// journeyOf begins a query of what the caller may know of a customer's journey:
// all of it for who has a conversation with him now.
func (s *Service) journeyOf(ctx context.Context, c Caller, with bool) (*ent.InteractionQuery, error) {
	if with {
		return s.store.Ent(ctx).Interaction.Query(), nil
	}
	return s.visible(ctx, c)
}

// hasWith tells whether the caller has a conversation with a customer that is
// not closed, or sees them all.
func (s *Service) hasWith(ctx context.Context, c Caller, customer predicate.Interaction) (bool, error) {
	if !c.OwnOnly {
		return true, nil
	}
	q, err := s.visible(ctx, c)
	if err != nil {
		return false, err
	}
	return q.Where(customer, interaction.StatusNEQ(Closed)).Exist(ctx)
}

// reads tells whether the caller may read what was said in an interaction: what
// he sees, and the closed conversations with a customer with whom he has one
// now. Those he can do nothing with.
func (s *Service) reads(ctx context.Context, c Caller, interactionID uuid.UUID) (bool, error) {
	seen, err := s.sees(ctx, c, interactionID)
	if err != nil || seen || !c.OwnOnly {
		return seen, err
	}
	row, err := s.store.Ent(ctx).Interaction.Query().
		Where(interaction.ID(interactionID), interaction.StatusEQ(Closed)).Only(ctx)
	if ent.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return s.hasWith(ctx, c, sameCustomer(row))
}

// readRow loads an interaction that the caller may read. Faults: CodeNotFound.
func (s *Service) readRow(ctx context.Context, c Caller, interactionID uuid.UUID) (*ent.Interaction, error) {
	readable, err := s.reads(ctx, c, interactionID)
	if err != nil {
		return nil, err
	}
	if !readable {
		return nil, fault.Missing("interaction")
	}
	return s.store.Ent(ctx).Interaction.Get(ctx, interactionID)
}

// readableMessage loads a message of an interaction that the caller may read.
// Faults: CodeNotFound.
func (s *Service) readableMessage(ctx context.Context, c Caller, messageID uuid.UUID) (*ent.Message, error) {
	row, err := s.store.Ent(ctx).Message.Get(ctx, messageID)
	if ent.IsNotFound(err) {
		return nil, fault.Missing("message")
	}
	if err != nil {
		return nil, err
	}
	readable, err := s.reads(ctx, c, row.InteractionID)
	if err == nil && !readable {
		err = fault.Missing("message")
	}
	return row, err
}

// entries runs the query of a page of a journey. with tells that the caller
// reads what of it is closed.
func (s *Service) entries(ctx context.Context, c Caller, q *ent.InteractionQuery, with bool, after uuid.UUID, limit int) ([]JourneyEntry, error) {
	if after != uuid.Nil {
		q.Where(interaction.IDLT(after))
	}
	rows, err := q.Order(ent.Desc(interaction.FieldID)).Limit(limit).All(ctx)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	page := make([]Interaction, len(rows))
	for i, row := range rows {
		page[i] = interactionView(row)
	}
	if err := s.withExtras(ctx, c, page); err != nil {
		return nil, err
	}
	mine, err := s.seen(ctx, c, page)
	if err != nil {
		return nil, err
	}
	out := make([]JourneyEntry, len(page))
	for i, row := range page {
		out[i] = JourneyEntry{Interaction: row, CanOpen: mine[row.ID], CanInspect: mine[row.ID] || with && row.Status == Closed}
		if !out[i].CanInspect {
			out[i].Preview, out[i].Subject = "", ""
			out[i].Viewers = nil
			if d := row.Disposition; d != nil {
				silent := *d
				silent.Note = ""
				out[i].Disposition = &silent
			}
		}
	}
	return out, s.nameAll(ctx, out)
}

// seen tells which of a page of interactions the caller sees.
func (s *Service) seen(ctx context.Context, c Caller, page []Interaction) (map[uuid.UUID]bool, error) {
	ids := make([]uuid.UUID, len(page))
	for i, row := range page {
		ids[i] = row.ID
	}
	q, err := s.visible(ctx, c)
	if err != nil {
		return nil, err
	}
	found, err := q.Where(interaction.IDIn(ids...)).IDs(ctx)
	out := map[uuid.UUID]bool{}
	for _, id := range found {
		out[id] = true
	}
	return out, err
}

// nameAll adds the names of channels and agents.
func (s *Service) nameAll(ctx context.Context, page []JourneyEntry) error {
	var users, lines []uuid.UUID
	for _, e := range page {
		lines = append(lines, e.ChannelID)
		if e.AssigneeID != nil {
			users = append(users, *e.AssigneeID)
		}
	}
	people, err := s.store.Ent(ctx).User.Query().Where(user.IDIn(users...)).All(ctx)
	if err != nil {
		return err
	}
	through, err := s.store.Ent(ctx).Channel.Query().Where(channel.IDIn(lines...)).All(ctx)
	if err != nil {
		return err
	}
	names := map[uuid.UUID]string{}
	for _, person := range people {
		names[person.ID] = person.Name
	}
	channels := map[uuid.UUID]*ent.Channel{}
	for _, line := range through {
		channels[line.ID] = line
	}
	for i, e := range page {
		if e.AssigneeID != nil {
			page[i].AgentName = names[*e.AssigneeID]
		}
		if line, ok := channels[e.ChannelID]; ok {
			page[i].ChannelName, page[i].ChannelKind = line.Name, string(line.Kind)
		}
	}
	return nil
}

// everywhere lifts a key's confinement to channels, for questions whose answer
// it does not get to see.
func everywhere(ctx context.Context) context.Context { return scope.OnlyChannels(ctx, nil) }
