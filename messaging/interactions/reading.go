package interactions

import (
	"context"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/interaction"
	"github.com/trellishq/trellis/ent/message"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// marker is how far somebody has read: the last message, and how many of the
// customer's messages there were by then.
type marker struct {
	lastMessageID *uuid.UUID
	inbound       int
}

// MarkRead confirms that the messages of an interaction have been read, all of
// them or, with a message, those up to it. What nobody had confirmed before is
// seen now, and the caller's own marker moves on, never back. Whether the
// interaction waits for an answer stays as it is (decisions C-17). Faults:
// CodeNotFound, also for the message, CodeStale, CodeWrongState,
// CodeWrongAssignee.
func (s *Service) MarkRead(ctx context.Context, c Caller, interactionID uuid.UUID, upTo *uuid.UUID, e Expectation) (Interaction, error) {
	return s.touch(ctx, c, interactionID, e, func(ctx context.Context, row *ent.Interaction) error {
		row, err := s.opened(ctx, c, row)
		if err != nil {
			return err
		}
		to, err := s.markerAt(ctx, row, upTo)
		if err != nil {
			return err
		}
		moved, err := s.moveOn(ctx, row, c.UserID, to)
		if err != nil {
			return err
		}
		unseen := min(row.Unseen, row.Inbound-to.inbound)
		if unseen == row.Unseen && !moved {
			return nil
		}
		if unseen != row.Unseen {
			if err := row.Update().SetUnseen(unseen).Exec(ctx); err != nil {
				return err
			}
		}
		return s.events.Publish(ctx, "interaction.read", "interaction", row.ID,
			map[string]any{"user_id": c.UserID, "unseen": unseen, "unread": row.Inbound - to.inbound})
	})
}

// markerAt is the marker behind a message, or behind the last one.
func (s *Service) markerAt(ctx context.Context, row *ent.Interaction, at *uuid.UUID) (marker, error) {
	messages := s.store.Ent(ctx).Message.Query().Where(message.InteractionID(row.ID))
	if at == nil {
		last, err := messages.Order(ent.Desc(message.FieldID)).FirstID(ctx)
		if ent.IsNotFound(err) {
			return marker{inbound: row.Inbound}, nil
		}
		return marker{&last, row.Inbound}, err
	}
	if err := s.mustBeIn(ctx, row, *at, "body.last_message_id"); err != nil {
		return marker{}, err
	}
	n, err := messages.Where(message.DirectionEQ(message.DirectionInbound), message.IDLTE(*at)).Count(ctx)
	return marker{at, n}, err
}

func (s *Service) mustBeIn(ctx context.Context, row *ent.Interaction, messageID uuid.UUID, location string) error {
	there, err := s.store.Ent(ctx).Message.Query().Where(message.ID(messageID), message.InteractionID(row.ID)).Exist(ctx)
	if err == nil && !there {
		err = fault.InvalidField(fault.CodeNotFound, location, "is no message of this interaction", messageID.String())
	}
	return err
}

// moveOn moves somebody's marker, unless it is there or further already. It
// tells whether it moved.
func (s *Service) moveOn(ctx context.Context, row *ent.Interaction, userID uuid.UUID, to marker) (bool, error) {
	result, err := store.Exec(ctx, `
		INSERT INTO interaction_reads AS r (tenant_id, interaction_id, user_id, last_message_id, inbound, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (tenant_id, interaction_id, user_id) DO UPDATE
		SET last_message_id = greatest(r.last_message_id, excluded.last_message_id), inbound = greatest(r.inbound, excluded.inbound),
		    updated_at = excluded.updated_at
		WHERE r.inbound < excluded.inbound OR r.last_message_id IS DISTINCT FROM greatest(r.last_message_id, excluded.last_message_id)`,
		row.TenantID, row.ID, userID, to.lastMessageID, to.inbound, s.store.Now())
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// written moves the marker of whoever has written an answer, since he has read
// what he answers, and throws his draft away.
func (s *Service) written(ctx context.Context, row *ent.Interaction, messageID uuid.UUID) error {
	sc, err := scope.From(ctx)
	if err != nil || sc.Actor.ID == uuid.Nil {
		return err
	}
	if _, err := s.moveOn(ctx, row, sc.Actor.ID, marker{&messageID, row.Inbound}); err != nil {
		return err
	}
	return dropDraft(ctx, row, sc.Actor.ID)
}

// MarkUnread takes the caller's marker back to before a message, or to before the
// customer's last one, so that he finds it again. What others have seen stays
// seen. Faults: CodeNotFound, also for the message, CodeStale, CodeConflict where
// the customer has written nothing.
func (s *Service) MarkUnread(ctx context.Context, c Caller, interactionID uuid.UUID, from *uuid.UUID, e Expectation) (Interaction, error) {
	return s.touch(ctx, c, interactionID, e, func(ctx context.Context, row *ent.Interaction) error {
		to, err := s.markerBefore(ctx, row, from)
		if err != nil {
			return err
		}
		if to.inbound == row.Inbound {
			return fault.New(fault.Conflict, fault.CodeConflict, "The customer has written nothing from there on.")
		}
		_, err = store.Exec(ctx, `
			INSERT INTO interaction_reads (tenant_id, interaction_id, user_id, last_message_id, inbound, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (tenant_id, interaction_id, user_id) DO UPDATE
			SET last_message_id = excluded.last_message_id, inbound = excluded.inbound, updated_at = excluded.updated_at`,
			row.TenantID, row.ID, c.UserID, to.lastMessageID, to.inbound, s.store.Now())
		if err != nil {
			return err
		}
		return s.events.Publish(ctx, "interaction.unread", "interaction", row.ID,
			map[string]any{"user_id": c.UserID, "unread": row.Inbound - to.inbound})
	})
}

func (s *Service) markerBefore(ctx context.Context, row *ent.Interaction, from *uuid.UUID) (marker, error) {
	ofCustomer := message.DirectionEQ(message.DirectionInbound)
	messages := s.store.Ent(ctx).Message.Query().Where(message.InteractionID(row.ID))
	if from != nil {
		if err := s.mustBeIn(ctx, row, *from, "body.from_message_id"); err != nil {
			return marker{}, err
		}
	} else {
		last, err := messages.Clone().Where(ofCustomer).Order(ent.Desc(message.FieldID)).FirstID(ctx)
		if ent.IsNotFound(err) {
			return marker{inbound: row.Inbound}, nil
		}
		if err != nil {
			return marker{}, err
		}
		from = &last
	}
	before := messages.Where(message.IDLT(*from))
	n, err := before.Clone().Where(ofCustomer).Count(ctx)
	if err != nil {
		return marker{}, err
	}
	last, err := before.Order(ent.Desc(message.FieldID)).FirstID(ctx)
	if ent.IsNotFound(err) {
		return marker{inbound: n}, nil
	}
	return marker{&last, n}, err
}

// Badge is what waits to be read by somebody.
type Badge struct {
	// Interactions are his own that are not closed and have something unread,
	// Messages what is unread in them.
	Interactions, Messages int
	// Unassigned are those that he sees, that nobody has, and whose messages
	// nobody has confirmed to have read.
	Unassigned int
}

// Unread counts what waits to be read by the caller.
func (s *Service) Unread(ctx context.Context, c Caller) (Badge, error) {
	var out Badge
	err := s.store.Read(ctx, func(ctx context.Context) error {
		rows, err := s.store.Ent(ctx).Interaction.Query().
			Where(interaction.AssigneeID(c.UserID), literally(interaction.FieldStatus, "<> 'closed'"), interaction.InboundGT(0)).
			Select(interaction.FieldID, interaction.FieldInbound).All(ctx)
		if err != nil {
			return err
		}
		read, err := s.readBy(ctx, c.UserID, rows)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if n := row.Inbound - read[row.ID]; n > 0 {
				out.Interactions++
				out.Messages += n
			}
		}
		q, err := s.visible(ctx, c)
		if err != nil {
			return err
		}
		out.Unassigned, err = q.Where(interaction.AssigneeIDIsNil(), literally(interaction.FieldStatus, "<> 'closed'"),
			literally(interaction.FieldUnseen, "> 0")).Count(ctx)
		return err
	})
	return out, err
}

// readBy tells how many of the customer's messages somebody has read, by
// interaction.
func (s *Service) readBy(ctx context.Context, userID uuid.UUID, of []*ent.Interaction) (map[uuid.UUID]int, error) {
	out := map[uuid.UUID]int{}
	if len(of) == 0 {
		return out, nil
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	ids := make([]uuid.UUID, len(of))
	for i, row := range of {
		ids[i] = row.ID
	}
	args, err := lists(ids)
	if err != nil {
		return nil, err
	}
	rows, err := store.Query(ctx, `
		SELECT interaction_id, inbound FROM interaction_reads WHERE tenant_id = $1 AND user_id = $2
		AND interaction_id IN (SELECT value::uuid FROM jsonb_array_elements_text($3::jsonb))`, sc.TenantID, userID, args[0])
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var (
			interactionID uuid.UUID
			n             int
		)
		if err := rows.Scan(&interactionID, &n); err != nil {
			return nil, err
		}
		out[interactionID] = n
	}
	return out, rows.Err()
}
