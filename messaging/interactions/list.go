package interactions

import (
	"context"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/interaction"
	"github.com/trellishq/trellis/ent/message"
	"github.com/trellishq/trellis/ent/predicate"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/attachments"
	"github.com/trellishq/trellis/tenants/scope"
)

// Filter chooses interactions; empty fields choose all.
type Filter struct {
	// Active leaves out what is closed: the messages view. Without it the list
	// is the full history.
	Active bool
	// Closed leaves out all that is not; Missed all but what was closed before
	// anybody has dealt with it.
	Closed, Missed bool
	// ListOf keeps to the list of a user's own: what is his and not closed, and
	// what others have closed until he hides it.
	ListOf     uuid.UUID
	Statuses   []Status
	ChannelIDs []uuid.UUID
	ContactID  uuid.UUID
	AssigneeID uuid.UUID
	QueueIDs   []uuid.UUID
	// Unseen keeps to what nobody has marked as read.
	Unseen bool
	// Address of the other side, whole.
	Address string
	// From and Until bound the last message; Until is exclusive.
	From, Until time.Time
}

// Position is the place of an interaction in a list: after it the next page
// begins. The zero Position is the start.
type Position struct {
	LastMessageAt time.Time `json:"t"`
	ID            uuid.UUID `json:"i"`
}

// List returns interactions behind a position, the latest message first.
func (s *Service) List(ctx context.Context, c Caller, f Filter, after Position, limit int) ([]Interaction, error) {
	var out []Interaction
	err := s.store.Read(ctx, func(ctx context.Context) error {
		q, err := s.visible(ctx, c)
		if err != nil {
			return err
		}
		q.Where(f.conditions()...)
		if after.ID != uuid.Nil {
			q.Where(behind(after))
		}
		rows, err := q.Order(ent.Desc(interaction.FieldLastMessageAt, interaction.FieldID)).Limit(limit).All(ctx)
		for _, row := range rows {
			out = append(out, interactionView(row))
		}
		if err != nil {
			return err
		}
		return s.withExtras(ctx, c, out)
	})
	return out, err
}

// behind is the keyset condition as one row comparison, which stays inside the
// tenant's condition whatever else is added (rules C3-2).
func behind(p Position) predicate.Interaction {
	return func(s *entsql.Selector) {
		s.Where(entsql.CompositeLT([]string{s.C(interaction.FieldLastMessageAt), s.C(interaction.FieldID)}, p.LastMessageAt, p.ID))
	}
}

func (f Filter) conditions() []predicate.Interaction {
	var out []predicate.Interaction
	if f.Active {
		out = append(out, interaction.StatusNEQ(Closed))
	}
	if f.Closed || f.Missed {
		out = append(out, interaction.StatusEQ(Closed))
	}
	if f.Missed {
		out = append(out, interaction.Managed(false))
	}
	if f.ListOf != uuid.Nil {
		out = append(out, interaction.AssigneeID(f.ListOf), interaction.Listed(true))
	}
	if len(f.Statuses) > 0 {
		out = append(out, interaction.StatusIn(f.Statuses...))
	}
	if len(f.ChannelIDs) > 0 {
		out = append(out, interaction.ChannelIDIn(f.ChannelIDs...))
	}
	if f.ContactID != uuid.Nil {
		out = append(out, interaction.ContactID(f.ContactID))
	}
	if f.AssigneeID != uuid.Nil {
		out = append(out, interaction.AssigneeID(f.AssigneeID))
	}
	if len(f.QueueIDs) > 0 {
		out = append(out, interaction.QueueIDIn(f.QueueIDs...))
	}
	if f.Unseen {
		out = append(out, interaction.UnseenGT(0))
	}
	if f.Address != "" {
		out = append(out, interaction.Address(f.Address))
	}
	if !f.From.IsZero() {
		out = append(out, interaction.LastMessageAtGTE(f.From))
	}
	if !f.Until.IsZero() {
		out = append(out, interaction.LastMessageAtLT(f.Until))
	}
	return out
}

// Messages returns the messages of an interaction behind a given id, the newest
// first unless oldestFirst. Faults: CodeNotFound.
func (s *Service) Messages(ctx context.Context, c Caller, interactionID, after uuid.UUID, oldestFirst bool, limit int) ([]Message, error) {
	var out []Message
	err := s.store.Read(ctx, func(ctx context.Context) error {
		seen, err := s.sees(ctx, c, interactionID)
		if err != nil {
			return err
		}
		if !seen {
			return fault.Missing("interaction")
		}
		q := s.store.Ent(ctx).Message.Query().Where(message.InteractionID(interactionID))
		order := ent.Desc(message.FieldID)
		if oldestFirst {
			order = ent.Asc(message.FieldID)
		}
		switch {
		case after == uuid.Nil:
		case oldestFirst:
			q.Where(message.IDGT(after))
		default:
			q.Where(message.IDLT(after))
		}
		rows, err := q.Order(order).Limit(limit).All(ctx)
		if err != nil {
			return err
		}
		out, err = s.messageViews(ctx, rows)
		return err
	})
	return out, err
}

// Message returns one message of an interaction that the caller may see.
// Faults: CodeNotFound.
func (s *Service) Message(ctx context.Context, c Caller, messageID uuid.UUID) (Message, error) {
	var out Message
	err := s.store.Read(ctx, func(ctx context.Context) error {
		row, err := s.visibleMessage(ctx, c, messageID)
		if err != nil {
			return err
		}
		views, err := s.messageViews(ctx, []*ent.Message{row})
		if err == nil {
			out = views[0]
		}
		return err
	})
	return out, err
}

// Attachment returns a picture of a message that the caller may see, or one that
// he has uploaded. Faults: CodeNotFound.
func (s *Service) Attachment(ctx context.Context, c Caller, attachmentID uuid.UUID) (attachments.Attachment, error) {
	var out attachments.Attachment
	err := s.store.Read(ctx, func(ctx context.Context) error {
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		found, err := s.attachments.Get(ctx, attachmentID)
		if err != nil {
			return err
		}
		if found.MessageID != nil {
			_, err = s.visibleMessage(ctx, c, *found.MessageID)
		} else if c.ownUploads(ctx) && (found.UploaderID == nil || *found.UploaderID != sc.Actor.ID) {
			err = fault.Missing("attachment")
		}
		if fault.Is(err, fault.CodeNotFound) {
			return fault.Missing("attachment")
		}
		out = found
		return err
	})
	return out, err
}

func (s *Service) visibleMessage(ctx context.Context, c Caller, messageID uuid.UUID) (*ent.Message, error) {
	row, err := s.store.Ent(ctx).Message.Get(ctx, messageID)
	if ent.IsNotFound(err) {
		return nil, fault.Missing("message")
	}
	if err != nil {
		return nil, err
	}
	seen, err := s.sees(ctx, c, row.InteractionID)
	if err == nil && !seen {
		err = fault.Missing("message")
	}
	return row, err
}

// StatusEvent is one delivery report, as it came.
type StatusEvent struct {
	ID         uuid.UUID
	Attempt    int
	Status     string
	RawStatus  string
	ErrorCode  string
	Applied    bool
	OccurredAt *time.Time
	ReceivedAt time.Time
}
