package agents

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

const (
	// HeartbeatEvery is how often the client of an agent at work says that it is
	// there.
	HeartbeatEvery = 30 * time.Second
	// SilentFor is after how long without one the agent is gone: two beats may be
	// lost.
	SilentFor = 90 * time.Second
)

// session is the row of somebody who is at work.
type session struct {
	id, userID uuid.UUID
	state      State
	since      time.Time
	pause      *Code
	loggedInAt time.Time
	seenAt     time.Time
}

// present is where somebody is in the table of states; nil is not at work.
func (x *session) present() State {
	if x == nil {
		return LoggedOff
	}
	return x.state
}

// lock reads the session that somebody is in and locks it; nil where he is not
// at work.
func (s *Service) lock(ctx context.Context, userID uuid.UUID) (*session, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	x := &session{userID: userID}
	var (
		code *int
		name string
	)
	err = store.QueryRow(ctx, []any{&x.id, &x.state, &x.since, &code, &name, &x.loggedInAt, &x.seenAt}, `
		SELECT id, state, state_since, pause_code, pause_name, logged_in_at, seen_at FROM agent_sessions
		WHERE tenant_id = $1 AND user_id = $2 AND ended_at IS NULL FOR UPDATE`, sc.TenantID, userID)
	if store.IsNotFound(err) {
		return nil, nil //nolint:nilnil // nobody's session is an answer
	}
	if code != nil {
		x.pause = &Code{Code: *code, Name: name}
	}
	return x, err
}

// notAtWork is the refusal of what only somebody at work does, which says why he
// is not, and whether logging in again can help (AGS-25).
func (s *Service) notAtWork(ctx context.Context, userID uuid.UUID) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	text := "You are not logged in to work."
	var why EndReason
	err = store.QueryRow(ctx, []any{&why}, `SELECT ended_reason FROM agent_sessions
		WHERE tenant_id = $1 AND user_id = $2 AND ended_at IS NOT NULL ORDER BY ended_at DESC, id DESC LIMIT 1`, sc.TenantID, userID)
	switch {
	case err == nil && why.Gone():
		text = "Your session at work has ended: " + why.words() + "."
	case err != nil && !store.IsNotFound(err):
		return err
	}
	queues, err := s.queueCount(ctx, userID)
	if err != nil {
		return err
	}
	if queues == 0 {
		text += " You are in no queue and in no campaign: ask an administrator for one."
	} else {
		text += " Log in again."
	}
	return fault.New(fault.Conflict, fault.CodeNotAtWork, "%s", text).Showing(string(LoggedOff))
}

func (r EndReason) words() string {
	switch r {
	case EndedByAgent:
		return "you logged off"
	case EndedBySupervisor:
		return "somebody logged you off"
	case EndedSignedOut:
		return "you were signed out"
	case EndedSilent:
		return "nothing was heard from you for too long"
	}
	return string(r)
}

// queueCount is how many queues in use somebody answers in.
func (s *Service) queueCount(ctx context.Context, userID uuid.UUID) (n int, err error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return 0, err
	}
	err = store.QueryRow(ctx, []any{&n}, `
		SELECT count(*) FROM queue_members m JOIN queues q ON q.tenant_id = m.tenant_id AND q.id = m.queue_id
		WHERE m.tenant_id = $1 AND m.user_id = $2 AND q.archived_at IS NULL`, sc.TenantID, userID)
	return n, err
}

// Login is how somebody begins to work.
type Login struct {
	Strategy Strategy
	// Paused begins with a pause, for a reason or by default.
	Paused  bool
	AuxCode *int
}

// LogIn begins a session at work, in all queues that the user is in. Faults:
// CodeInNoQueue for who is in none, CodeWrongState for who is at work already,
// CodeNotFound for a reason that is none.
func (s *Service) LogIn(ctx context.Context, userID uuid.UUID, l Login) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		if err := s.route(ctx, userID); err != nil {
			return err
		}
		if err := s.mayWork(ctx, userID); err != nil {
			return err
		}
		present, err := s.lock(ctx, userID)
		if err != nil {
			return err
		}
		action := LogIn
		var why *Code
		if l.Paused {
			action = LogInPaused
			reason, err := s.ownReason(ctx, userID, l.AuxCode)
			if err != nil {
				return err
			}
			why = &reason
		}
		to, err := next(present.present(), action)
		if err != nil {
			return err
		}
		return s.begin(ctx, userID, to, why, l.Strategy)
	})
}

// mayWork holds the user as he is, so that nobody disables him meanwhile, and
// asks whether there is a queue for him (AGS-01).
func (s *Service) mayWork(ctx context.Context, userID uuid.UUID) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	var active bool
	err = store.QueryRow(ctx, []any{&active}, `SELECT status = 'active' FROM users WHERE tenant_id = $1 AND id = $2 FOR SHARE`, sc.TenantID, userID)
	if err != nil && !store.IsNotFound(err) {
		return err
	}
	queues, err := s.queueCount(ctx, userID)
	if err != nil {
		return err
	}
	if !active || queues == 0 {
		return fault.New(fault.Conflict, fault.CodeInNoQueue,
			"You are in no voice queue, no messaging queue and no campaign. Ask an administrator to put you into a queue.")
	}
	return nil
}

// begin writes the session. Logging in is logging in to all queues (AGS-17).
func (s *Service) begin(ctx context.Context, userID uuid.UUID, to State, why *Code, strategy Strategy) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	var code *int
	name := ""
	if why != nil {
		code, name = &why.Code, why.Name
	}
	sessionID, now := id.New(), s.store.Now()
	_, err = store.Exec(ctx, `
		INSERT INTO agent_sessions (id, tenant_id, user_id, state, state_since, pause_code, pause_name, strategy, logged_in_at, seen_at, due_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $5, $5, $9)`,
		sessionID, sc.TenantID, userID, string(to), now, code, name, string(strategy), now.Add(SilentFor))
	if store.Violates(err, "h_agent_sessions_one") {
		return fault.New(fault.Conflict, fault.CodeWrongState, "The agent has logged in at this moment.").Showing(string(Available))
	}
	if err != nil {
		return err
	}
	if err := s.backInAllQueues(ctx, userID); err != nil {
		return err
	}
	if err := s.note(ctx, happened{userID: userID, sessionID: sessionID, action: string(LogIn), reason: why}); err != nil {
		return err
	}
	return s.tell(ctx, "agent.logged_in", userID, told{SessionID: sessionID, State: to, Strategy: strategy, Reason: why})
}

// told is the data of the events of agents. The object of each is the user.
type told struct {
	SessionID uuid.UUID `json:"session_id"`
	State     State     `json:"state"`
	Strategy  Strategy  `json:"strategy,omitempty"`
	// AuxCode and AuxName are the reason of a pause, or of leaving a queue.
	AuxCode int    `json:"aux_code,omitempty"`
	AuxName string `json:"aux_name,omitempty"`
	// Ended is why a session ended.
	Ended   EndReason  `json:"reason,omitempty"`
	QueueID *uuid.UUID `json:"queue_id,omitempty"`

	Reason *Code `json:"-"`
}

func (s *Service) tell(ctx context.Context, kind string, userID uuid.UUID, t told) error {
	if t.Reason != nil {
		t.AuxCode, t.AuxName = t.Reason.Code, t.Reason.Name
	}
	return s.events.Publish(ctx, kind, "agent", userID, t)
}

// Pause keeps what is new away from the caller, in all his queues; what he has
// goes on (C-37). A nil code is the default pause. Faults: CodeNotAtWork,
// CodeNotFound for a reason that is none, CodeForbidden where the user is not
// given pauses, or none but the default one.
func (s *Service) Pause(ctx context.Context, userID uuid.UUID, code *int) error {
	return s.pause(ctx, userID, func(ctx context.Context) (Code, error) { return s.ownReason(ctx, userID, code) })
}

// PauseOther is Pause of somebody else, whatever he is given himself.
func (s *Service) PauseOther(ctx context.Context, userID uuid.UUID, code *int) error {
	return s.pause(ctx, userID, func(ctx context.Context) (Code, error) { return s.reason(ctx, code) })
}

func (s *Service) pause(ctx context.Context, userID uuid.UUID, why func(context.Context) (Code, error)) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		// What he is offered goes to others.
		if err := s.route(ctx, userID); err != nil {
			return err
		}
		present, err := s.lock(ctx, userID)
		if err != nil {
			return err
		}
		if present == nil {
			return s.notAtWork(ctx, userID)
		}
		reason, err := why(ctx)
		if err != nil {
			return err
		}
		if _, err := next(present.state, Pause); err != nil {
			return err
		}
		if err := s.move(ctx, present, Pause, Paused, &reason); err != nil {
			return err
		}
		return s.tell(ctx, "agent.paused", userID, told{SessionID: present.id, State: Paused, Reason: &reason})
	})
}

// Resume ends a pause. Faults: CodeNotAtWork, CodeWrongState for who is not
// paused.
func (s *Service) Resume(ctx context.Context, userID uuid.UUID) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		if err := s.route(ctx, userID); err != nil {
			return err
		}
		present, err := s.lock(ctx, userID)
		if err != nil {
			return err
		}
		if present == nil {
			return s.notAtWork(ctx, userID)
		}
		to, err := next(present.state, Resume)
		if err != nil {
			return err
		}
		if err := s.move(ctx, present, Resume, to, nil); err != nil {
			return err
		}
		return s.tell(ctx, "agent.resumed", userID, told{SessionID: present.id, State: to})
	})
}

// move changes the state of a locked session.
func (s *Service) move(ctx context.Context, x *session, action Action, to State, why *Code) error {
	var code *int
	name := ""
	if why != nil {
		code, name = &why.Code, why.Name
	}
	_, err := store.Exec(ctx, `UPDATE agent_sessions SET state = $2, state_since = $3, pause_code = $4, pause_name = $5 WHERE id = $1`,
		x.id, string(to), s.store.Now(), code, name)
	if err != nil {
		return err
	}
	return s.note(ctx, happened{userID: x.userID, sessionID: x.id, action: string(action), reason: why})
}

// Heartbeat says that the client of somebody at work is there, and returns when
// it was heard last. Faults: CodeNotAtWork, which says why and whether to log in
// again.
func (s *Service) Heartbeat(ctx context.Context, userID uuid.UUID) (before time.Time, err error) {
	err = s.store.InTx(ctx, func(ctx context.Context) error {
		present, err := s.lock(ctx, userID)
		if err != nil {
			return err
		}
		if present == nil {
			return s.notAtWork(ctx, userID)
		}
		before = present.seenAt
		now := s.store.Now()
		_, err = store.Exec(ctx, `UPDATE agent_sessions SET seen_at = $2, due_at = $3 WHERE id = $1`, present.id, now, now.Add(SilentFor))
		return err
	})
	return before, err
}
