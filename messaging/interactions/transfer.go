package interactions

import (
	"context"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/queue"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
)

// Target is where a transfer leads: a user or a queue.
type Target struct {
	UserID, QueueID uuid.UUID
}

// WarningCode says why something that was done may not be what was wanted.
type WarningCode string

// The warnings.
const (
	// QueueClosed: the queue is outside of its opening hours (QUE-20).
	QueueClosed WarningCode = "queue_closed"
)

// Warning is such a reason, for programs and in words.
type Warning struct {
	Code    WarningCode
	Message string
}

// Transfer passes an interaction on: to a user, whatever queues he answers in,
// or into a queue, where it waits for its members. Agents and users pass on what
// is theirs. Faults: CodeNotFound, for the user or queue as well, CodeStale,
// CodeWrongState for a closed or solved one, CodeWrongAssignee, CodeQueueEmpty
// where nobody answers in the queue, CodeInvalid for no target or two, and for
// the one who has it.
func (s *Service) Transfer(ctx context.Context, c Caller, interactionID uuid.UUID, to Target, o Order) (Interaction, []Warning, error) {
	if (to.UserID == uuid.Nil) == (to.QueueID == uuid.Nil) {
		return Interaction{}, nil, fault.InvalidField(fault.CodeInvalid, "body.user_id", "must be there or queue_id, and not both")
	}
	var (
		out      Interaction
		warnings []Warning
	)
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		// The queue before the interaction, as whoever takes the queue out of use.
		into, err := s.target(ctx, to)
		if err != nil {
			return err
		}
		out, err = s.act(ctx, c, interactionID, o.Expectation, func(ctx context.Context, row *ent.Interaction) error {
			if err := transferable(row); err != nil {
				return err
			}
			if into != nil {
				if warnings, err = s.warnings(ctx, into.ID); err != nil {
					return err
				}
				return s.requeue(ctx, row, into, o.Comment)
			}
			return s.passOn(ctx, row, to.UserID, o.Comment)
		})
		return err
	})
	return out, warnings, err
}

// warnings are what may not be as it was meant where something comes into a
// queue (QUE-20).
func (s *Service) warnings(ctx context.Context, queueID uuid.UUID) ([]Warning, error) {
	into, err := s.queues.Get(ctx, queueID)
	if err != nil || into.Opening.Now {
		return nil, err
	}
	message := into.Name + " is outside of its opening hours"
	if into.Opening.Holiday != "" {
		message += " (" + into.Opening.Holiday + ")"
	}
	if opens := into.Opening.Changes; opens != nil {
		message += "; it opens on " + opens.In(into.Zone).Format("Monday, 2 January at 15:04")
	}
	return []Warning{{QueueClosed, message + "."}}, nil
}

// transferable refuses what is done, in the manuals' words (QUE-22).
func transferable(row *ent.Interaction) error {
	if row.Status == Solved {
		return fault.New(fault.Conflict, fault.CodeWrongState,
			"Transfers are not allowed when the conversation's status is set to Solved.").Showing(string(row.Status))
	}
	if row.Status == Closed {
		return wrongState(row.Status)
	}
	return nil
}

// target locks the queue that a transfer leads into, and looks whether anybody
// answers there; for a user it is nil.
func (s *Service) target(ctx context.Context, to Target) (*ent.Queue, error) {
	if to.QueueID == uuid.Nil {
		return nil, s.isUser(ctx, to.UserID)
	}
	into, err := s.store.Ent(ctx).Queue.Query().Where(queue.ID(to.QueueID), queue.ArchivedAtIsNil()).ForShare(entsql.WithLockClause("FOR KEY SHARE")).Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.InvalidField(fault.CodeNotFound, "body.queue_id", "is no queue in use of this tenant", to.QueueID.String())
	}
	if err != nil {
		return nil, err
	}
	var members int
	err = store.QueryRow(ctx, []any{&members}, `
		SELECT count(*) FROM queue_members m JOIN users u ON u.tenant_id = m.tenant_id AND u.id = m.user_id
		WHERE m.tenant_id = $1 AND m.queue_id = $2 AND u.status = 'active'`, into.TenantID, into.ID)
	if err == nil && members == 0 {
		err = fault.New(fault.Conflict, fault.CodeQueueEmpty,
			"Transferring conversations to queues without agents is not permitted: nobody answers in %s.", into.Name)
	}
	return into, err
}

func (s *Service) passOn(ctx context.Context, row *ent.Interaction, to uuid.UUID, comment string) error {
	if holder(row) == to {
		return fault.InvalidField(fault.CodeInvalid, "body.user_id", "has the interaction already", to.String())
	}
	how := ByTransfer
	if row.AssigneeID == nil {
		how = ByAssignment // nobody had it to pass on
	}
	_, err := s.give(ctx, row, &to, how, comment)
	return err
}
