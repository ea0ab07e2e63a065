package agents

import (
	"context"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// QueueLogout is how somebody logs out of one queue.
type QueueLogout struct {
	AuxCode *int
	// NeedsReason is set for agents; those who administer need to name none
	// (AGS-24).
	NeedsReason bool
}

// LogOutOfQueue keeps what is new in one queue away from somebody at work, until
// he logs in to it again, or to work. Faults: CodeNotFound for a queue that he
// is not in, CodeNotAtWork, CodeWrongState for who is out of it, CodeInvalid
// without the reason that is needed, CodeNotFound for a reason that is none.
func (s *Service) LogOutOfQueue(ctx context.Context, userID, queueID uuid.UUID, l QueueLogout) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		present, out, err := s.lockInQueue(ctx, userID, queueID)
		if err != nil {
			return err
		}
		if out {
			return fault.New(fault.Conflict, fault.CodeWrongState, "The agent is logged out of this queue.").Showing("logged_out")
		}
		if l.AuxCode == nil && l.NeedsReason {
			return fault.InvalidField(fault.CodeInvalid, "body.aux_code", "is required: logging out of a queue takes a reason")
		}
		var reason *Code
		if l.AuxCode != nil {
			found, err := s.reason(ctx, l.AuxCode)
			if err != nil {
				return err
			}
			reason = &found
		}
		if err := s.setOut(ctx, userID, queueID, reason); err != nil {
			return err
		}
		return s.inQueue(ctx, present, queueID, queueLoggedOut, reason)
	})
}

// LogInToQueue ends what LogOutOfQueue began. Faults: CodeNotFound for a queue
// that he is not in, CodeNotAtWork, CodeWrongState for who is in it.
func (s *Service) LogInToQueue(ctx context.Context, userID, queueID uuid.UUID) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		if err := s.route(ctx, userID); err != nil {
			return err
		}
		present, out, err := s.lockInQueue(ctx, userID, queueID)
		if err != nil {
			return err
		}
		if !out {
			return fault.New(fault.Conflict, fault.CodeWrongState, "The agent is logged in to this queue.").Showing("logged_in")
		}
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		_, err = store.Exec(ctx, `UPDATE queue_members SET logged_out_at = NULL, logged_out_code = NULL
			WHERE tenant_id = $1 AND queue_id = $2 AND user_id = $3`, sc.TenantID, queueID, userID)
		if err != nil {
			return err
		}
		return s.inQueue(ctx, present, queueID, queueLoggedIn, nil)
	})
}

// lockInQueue locks the session of a member of a queue in use, and tells whether
// he is logged out of the queue.
func (s *Service) lockInQueue(ctx context.Context, userID, queueID uuid.UUID) (*session, bool, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, false, err
	}
	present, err := s.lock(ctx, userID)
	if err != nil {
		return nil, false, err
	}
	var out bool
	err = store.QueryRow(ctx, []any{&out}, `
		SELECT m.logged_out_at IS NOT NULL FROM queue_members m JOIN queues q ON q.tenant_id = m.tenant_id AND q.id = m.queue_id
		WHERE m.tenant_id = $1 AND m.queue_id = $2 AND m.user_id = $3 AND q.archived_at IS NULL`, sc.TenantID, queueID, userID)
	switch {
	case store.IsNotFound(err):
		return nil, false, fault.Missing("queue")
	case err == nil && present == nil:
		err = s.notAtWork(ctx, userID)
	}
	return present, out, err
}

func (s *Service) setOut(ctx context.Context, userID, queueID uuid.UUID, reason *Code) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	var code *int
	if reason != nil {
		code = &reason.Code
	}
	_, err = store.Exec(ctx, `UPDATE queue_members SET logged_out_at = $4, logged_out_code = $5
		WHERE tenant_id = $1 AND queue_id = $2 AND user_id = $3`, sc.TenantID, queueID, userID, s.store.Now(), code)
	return err
}

// inQueue notes and tells what a member of a queue did.
func (s *Service) inQueue(ctx context.Context, x *session, queueID uuid.UUID, action string, reason *Code) error {
	err := s.note(ctx, happened{userID: x.userID, sessionID: x.id, queueID: &queueID, action: action, reason: reason})
	if err != nil {
		return err
	}
	return s.tell(ctx, "agent."+action, x.userID, told{SessionID: x.id, State: x.state, QueueID: &queueID, Reason: reason})
}

// backInAllQueues undoes what somebody has logged out of.
func (s *Service) backInAllQueues(ctx context.Context, userID uuid.UUID) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	_, err = store.Exec(ctx, `UPDATE queue_members SET logged_out_at = NULL, logged_out_code = NULL
		WHERE tenant_id = $1 AND user_id = $2 AND logged_out_at IS NOT NULL`, sc.TenantID, userID)
	return err
}

// RemovedFromQueue warns those at work whom somebody has taken out of a queue
// (AGS-10). It runs in the transaction that did it.
func (s *Service) RemovedFromQueue(ctx context.Context, queueID uuid.UUID, userIDs []uuid.UUID) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		for _, userID := range userIDs {
			present, err := s.lock(ctx, userID)
			if err != nil {
				return err
			}
			if present == nil {
				continue
			}
			if err := s.inQueue(ctx, present, queueID, queueRemoved, nil); err != nil {
				return err
			}
		}
		return nil
	})
}
