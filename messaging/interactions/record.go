package interactions

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/message"
	"github.com/trellishq/trellis/internal/fault"
)

// RecordItem is one thing that was said in an interaction, or that happened to
// it: one of the fields is set.
type RecordItem struct {
	ID        uuid.UUID
	CreatedAt time.Time
	Message   *Message
	Event     *LogEntry
}

// Record returns the whole log of an interaction that the caller may read behind
// a given item, the newest on top: what was said with its pictures, and what
// happened. Faults: CodeNotFound.
func (s *Service) Record(ctx context.Context, c Caller, interactionID, after uuid.UUID, limit int) ([]RecordItem, error) {
	var out []RecordItem
	err := s.store.Read(ctx, func(ctx context.Context) error {
		readable, err := s.reads(ctx, c, interactionID)
		if err == nil && !readable {
			err = fault.Missing("interaction")
		}
		if err != nil {
			return err
		}
		out, err = s.wholeLog(ctx, interactionID, after, limit)
		return err
	})
	return out, err
}

// wholeLog merges the newest of each kind. Ids are in the order of time, whatever
// they are ids of.
func (s *Service) wholeLog(ctx context.Context, interactionID, after uuid.UUID, limit int) ([]RecordItem, error) {
	q := s.store.Ent(ctx).Message.Query().Where(message.InteractionID(interactionID))
	if after != uuid.Nil {
		q.Where(message.IDLT(after))
	}
	rows, err := q.Order(ent.Desc(message.FieldID)).Limit(limit).All(ctx)
	if err != nil {
		return nil, err
	}
	messages, err := s.messageViews(ctx, rows)
	if err != nil {
		return nil, err
	}
	happened, err := logEntries(ctx, interactionID, after, false, limit)
	if err != nil {
		return nil, err
	}
	var out []RecordItem
	for i, m := range messages {
		out = append(out, RecordItem{ID: m.ID, CreatedAt: m.CreatedAt, Message: &messages[i]})
	}
	for i, e := range happened {
		out = append(out, RecordItem{ID: e.ID, CreatedAt: e.CreatedAt, Event: &happened[i]})
	}
	slices.SortFunc(out, func(a, b RecordItem) int { return bytes.Compare(b.ID[:], a.ID[:]) })
	return out[:min(len(out), limit)], nil
}
