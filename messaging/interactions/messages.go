package interactions

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/message"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/attachments"
	"github.com/trellishq/trellis/tenants/scope"
)

// Messages returns the messages of an interaction behind a given place, the newest
// first unless oldestFirst; what is scheduled stands behind all that was said. Faults: CodeNotFound.
func (s *Service) Messages(ctx context.Context, c Caller, interactionID, after uuid.UUID, oldestFirst bool, limit int) ([]Message, error) {
	var out []Message
	err := s.store.Read(ctx, func(ctx context.Context) error {
		seen, err := s.reads(ctx, c, interactionID)
		if err != nil {
			return err
		}
		if !seen {
			return fault.Missing("interaction")
		}
		q := s.store.Ent(ctx).Message.Query().Where(message.InteractionID(interactionID))
		if after != uuid.Nil {
			q.Where(placed(after, oldestFirst))
		}
		rows, err := q.Order(byPlace(oldestFirst)).Limit(limit).All(ctx)
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
		row, err := s.readableMessage(ctx, c, messageID)
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

// Attachment returns a picture of a message or a note that the caller may see, or
// one that he has uploaded. Faults: CodeNotFound.
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
			_, err = s.readableMessage(ctx, c, *found.MessageID)
		} else if found.NoteID != nil {
			_, _, err = s.visibleNote(ctx, c, *found.NoteID)
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
