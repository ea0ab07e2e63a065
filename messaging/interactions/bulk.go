package interactions

import (
	"bytes"
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
)

// BulkAction is what is done with many interactions at once.
type BulkAction string

// The bulk actions, named as the verbs.
const (
	BulkTake     BulkAction = "take"
	BulkAssign   BulkAction = "assign"
	BulkTransfer BulkAction = "transfer"
	BulkRelease  BulkAction = "release"
	BulkRetrieve BulkAction = "retrieve"
	BulkClose    BulkAction = "close"
	BulkRead     BulkAction = "read"
	BulkPriority BulkAction = "set_priority"
)

// Bulk is one action on many interactions.
type Bulk struct {
	Action         BulkAction
	InteractionIDs []uuid.UUID
	// To is where assign and transfer lead.
	To Target
	// Reason of a close.
	Reason   string
	Priority Priority
	Order
}

// BulkResult is what became of one interaction of a bulk action: Err is a fault
// of the verb, and then nothing of it was changed.
type BulkResult struct {
	InteractionID uuid.UUID
	Interaction   Interaction
	Warnings      []Warning
	Err           error
}

// Bulk does to each interaction what the verb does to one, each for itself: one
// that is refused holds up no other. Results come in the order of the ids; an id
// that is there twice is done once. An error is none of the verbs'.
func (s *Service) Bulk(ctx context.Context, c Caller, b Bulk) ([]BulkResult, error) {
	// In one order, so that two who want the same never wait for one another.
	inOrder := slices.Clone(b.InteractionIDs)
	slices.SortFunc(inOrder, func(x, y uuid.UUID) int { return bytes.Compare(x[:], y[:]) })
	done := map[uuid.UUID]BulkResult{}
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		for _, interactionID := range slices.Compact(inOrder) {
			result := BulkResult{InteractionID: interactionID}
			result.Err = store.Try(ctx, func() (err error) {
				result.Interaction, result.Warnings, err = s.bulkOne(ctx, c, interactionID, b)
				return err
			})
			if f, refused := fault.As(result.Err); result.Err != nil && (!refused || f.Kind == fault.Internal || f.Kind == fault.Unavailable) {
				return result.Err
			}
			done[interactionID] = result
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]BulkResult, len(b.InteractionIDs))
	for i, interactionID := range b.InteractionIDs {
		out[i] = done[interactionID]
	}
	return out, nil
}

func (s *Service) bulkOne(ctx context.Context, c Caller, interactionID uuid.UUID, b Bulk) (out Interaction, warnings []Warning, err error) {
	switch b.Action {
	case BulkTake:
		out, err = s.Take(ctx, c, interactionID, b.Order)
	case BulkAssign:
		out, err = s.Assign(ctx, c, interactionID, b.To.UserID, b.Order)
	case BulkTransfer:
		out, warnings, err = s.Transfer(ctx, c, interactionID, b.To, b.Order)
	case BulkRelease:
		out, err = s.Release(ctx, c, interactionID, b.Order)
	case BulkRetrieve:
		out, err = s.Retrieve(ctx, c, interactionID, b.Order)
	case BulkClose:
		out, err = s.Close(ctx, c, interactionID, Closing{Reason: b.Reason}, b.Expectation)
	case BulkRead:
		out, err = s.MarkRead(ctx, c, interactionID, nil, b.Expectation)
	case BulkPriority:
		out, err = s.Update(ctx, c, interactionID, Edit{Priority: &b.Priority}, b.Expectation)
	default:
		err = fault.InvalidField(fault.CodeInvalid, "body.action", "is not known", string(b.Action))
	}
	return out, warnings, err
}
