package agents

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// LogOff ends the session of somebody at work: by himself, or forced by somebody
// else. Faults: CodeNotAtWork.
func (s *Service) LogOff(ctx context.Context, userID uuid.UUID, forced bool) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		why := EndedByAgent
		if forced {
			why = EndedBySupervisor
		}
		ended, err := s.end(ctx, userID, LogOff, why)
		if err == nil && !ended {
			err = s.notAtWork(ctx, userID)
		}
		return err
	})
}

// SignedOut ends the session of a user whose sign-in has ended, if he is at
// work. It runs in the transaction that ended it.
func (s *Service) SignedOut(ctx context.Context, userID uuid.UUID) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		working, err := s.atWork(ctx, userID)
		if err != nil || !working {
			return err
		}
		_, err = s.end(ctx, userID, Lapse, EndedSignedOut)
		return err
	})
}

func (s *Service) atWork(ctx context.Context, userID uuid.UUID) (working bool, err error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return false, err
	}
	err = store.QueryRow(ctx, []any{&working}, `SELECT EXISTS (
		SELECT FROM agent_sessions WHERE tenant_id = $1 AND user_id = $2 AND ended_at IS NULL)`, sc.TenantID, userID)
	return working, err
}

// end ends a session, if there is one. The queues are looked at again: what he
// had may be somebody else's now (QUE-12).
func (s *Service) end(ctx context.Context, userID uuid.UUID, action Action, why EndReason) (bool, error) {
	if err := s.route(ctx, userID); err != nil {
		return false, err
	}
	present, err := s.lock(ctx, userID)
	if err != nil || present == nil {
		return false, err
	}
	to, err := next(present.state, action)
	if err != nil {
		return false, err
	}
	return true, s.finish(ctx, present, action, to, why)
}

// finish writes the end of a locked session.
func (s *Service) finish(ctx context.Context, x *session, action Action, to State, why EndReason) error {
	_, err := store.Exec(ctx, `
		UPDATE agent_sessions SET state = $2, state_since = $3, pause_code = NULL, pause_name = '', ended_at = $3, ended_reason = $4, due_at = NULL
		WHERE id = $1`, x.id, string(to), s.store.Now(), string(why))
	if err != nil {
		return err
	}
	if err := s.backInAllQueues(ctx, x.userID); err != nil {
		return err
	}
	if err := s.note(ctx, happened{userID: x.userID, sessionID: x.id, action: string(action)}); err != nil {
		return err
	}
	t := told{SessionID: x.id, State: to, Ended: why}
	if err := s.tell(ctx, "agent.logged_off", x.userID, t); err != nil || !why.Gone() {
		return err
	}
	return s.tell(ctx, "agent.inactive", x.userID, t)
}

// HandleDue looks at a session whose heartbeat is due, and ends it if none has
// come. Run twice, the second finds nothing to do.
func (s *Service) HandleDue(ctx context.Context, sessionID uuid.UUID) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		var userID uuid.UUID
		err := store.QueryRow(ctx, []any{&userID}, `SELECT user_id FROM agent_sessions WHERE id = $1 AND ended_at IS NULL`, sessionID)
		if store.IsNotFound(err) {
			return nil // it has ended since
		}
		if err != nil {
			return err
		}
		if err := s.route(ctx, userID); err != nil {
			return err
		}
		present, err := s.lock(ctx, userID)
		if err != nil || present == nil || present.id != sessionID {
			return err
		}
		if silent := s.store.Now().Sub(present.seenAt); silent < SilentFor {
			return s.dueIn(ctx, sessionID, SilentFor-silent)
		}
		to, err := next(present.state, Lapse)
		if err != nil {
			return err
		}
		return s.finish(ctx, present, Lapse, to, EndedSilent)
	})
}

func (s *Service) dueIn(ctx context.Context, sessionID uuid.UUID, d time.Duration) error {
	_, err := store.Exec(ctx, `UPDATE agent_sessions SET due_at = $2 WHERE id = $1`, sessionID, s.store.Now().Add(d))
	return err
}
