package agents

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// Agent is an active agent or manager of the tenant, as dashboards show him.
type Agent struct {
	UserID uuid.UUID
	Name   string
	Role   string
	State  State
	// Since is when he came into the state, Seconds how long ago that is; nil for
	// who has never been at work.
	Since   *time.Time
	Seconds *int64
	// Pause is the reason while he is paused.
	Pause *Code
	// Session is nil while he is not at work.
	Session *Session
	// Ended is the last session of somebody who is not at work; nil where there
	// was none.
	Ended *Ended
	// Used and Max are units.
	Used, Max int
	Channels  []ChannelLoad
	Queues    []QueueLogin
}

// Workload is the part of his units that is in use, in percent.
func (a Agent) Workload() int { return percent(a.Used, a.Max) }

// Session is a time at work.
type Session struct {
	ID         uuid.UUID
	Strategy   Strategy
	LoggedInAt time.Time
	Seconds    int64
	SeenAt     time.Time
}

// Ended is how a time at work ended.
type Ended struct {
	At     time.Time
	Reason EndReason
}

// ChannelLoad is what somebody has of a kind of channel.
type ChannelLoad struct {
	Kind Kind
	// Open are his conversations, Resting those of them that wait for the customer.
	Open, Resting, Max int
	Weight             Weight
}

// QueueLogin is a queue that somebody answers in.
type QueueLogin struct {
	QueueID uuid.UUID
	Name    string
	// LoggedIn tells that he is at work and has not logged out of this queue; he
	// receives from it what is new while he is available.
	LoggedIn bool
	// LoggedOutAt is set while he has logged out of it, Reason where he named one.
	LoggedOutAt *time.Time
	Reason      *Code
}

// Filter narrows a list of agents.
type Filter struct {
	// States, if there are any; and QueueID, if it is not the nil id.
	States  []State
	QueueID uuid.UUID
}

// agentsStatement reads who could be at work. $1 tenant, $2 the id to begin
// behind, $3 states as a list, $4 a queue or null, $5 a user or null, $6 the
// limit, $7 whether users of other roles count as well.
const agentsStatement = `
	SELECT u.id, u.name, u.role, coalesce(a.state, 'logged_off'), coalesce(a.state_since, last.ended_at), a.pause_code, coalesce(a.pause_name, ''),
		a.id, coalesce(a.strategy, ''), a.logged_in_at, a.seen_at, last.ended_at, coalesce(last.ended_reason, '')
	FROM users u
	LEFT JOIN agent_sessions a ON a.tenant_id = u.tenant_id AND a.user_id = u.id AND a.ended_at IS NULL
	LEFT JOIN LATERAL (
		SELECT ended_at, ended_reason FROM agent_sessions s WHERE s.tenant_id = u.tenant_id AND s.user_id = u.id AND s.ended_at IS NOT NULL
		ORDER BY s.ended_at DESC, s.id DESC LIMIT 1
	) last ON a.id IS NULL
	WHERE u.tenant_id = $1 AND u.id > $2 AND u.status = 'active' AND ($7 OR u.role IN ('agent', 'manager'))
		AND ($3::jsonb = '[]' OR $3::jsonb ? coalesce(a.state, 'logged_off'))
		AND ($4::uuid IS NULL OR EXISTS (SELECT FROM queue_members m WHERE m.tenant_id = $1 AND m.queue_id = $4 AND m.user_id = u.id))
		AND ($5::uuid IS NULL OR u.id = $5)
	ORDER BY u.id LIMIT $6`

// List returns the agents and managers of the tenant behind a given id, the
// oldest first, with their states, loads and queues. Faults: CodeNotFound at
// the query for a queue that is none.
func (s *Service) List(ctx context.Context, f Filter, after uuid.UUID, limit int) ([]Agent, error) {
	var out []Agent
	err := s.store.Read(ctx, func(ctx context.Context) error {
		var queueID *uuid.UUID
		if f.QueueID != uuid.Nil {
			queueID = &f.QueueID
			if err := s.queueExists(ctx, f.QueueID); err != nil {
				return err
			}
		}
		var err error
		out, err = s.agents(ctx, wanted{states: f.States, queueID: queueID, after: after, limit: limit})
		return err
	})
	return out, err
}

func (s *Service) queueExists(ctx context.Context, queueID uuid.UUID) error {
	_, err := s.store.Ent(ctx).Queue.Get(ctx, queueID)
	if store.IsNotFound(err) {
		return fault.Missing("queue")
	}
	return err
}

// Get returns one of them. Faults: CodeNotFound.
func (s *Service) Get(ctx context.Context, userID uuid.UUID) (Agent, error) {
	return s.one(ctx, wanted{userID: &userID, limit: 1})
}

// Mine returns an active user of any role as an agent, as he sees himself. Whoever
// may work and answers in no queue is shown so. Faults: CodeNotFound.
func (s *Service) Mine(ctx context.Context, userID uuid.UUID) (Agent, error) {
	return s.one(ctx, wanted{userID: &userID, limit: 1, anyRole: true})
}

func (s *Service) one(ctx context.Context, w wanted) (Agent, error) {
	var out Agent
	err := s.store.Read(ctx, func(ctx context.Context) error {
		found, err := s.agents(ctx, w)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fault.Missing("agent")
		}
		out = found[0]
		return nil
	})
	return out, err
}

// wanted says which agents are read.
type wanted struct {
	states          []State
	queueID, userID *uuid.UUID
	after           uuid.UUID
	limit           int
	anyRole         bool
}

func (s *Service) agents(ctx context.Context, w wanted) ([]Agent, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	var out []Agent
	err = rowsOf(ctx, func(scan func(...any) error) error {
		a, err := s.scanAgent(scan)
		out = append(out, a)
		return err
	}, agentsStatement, sc.TenantID, w.after, stateList(w.states), w.queueID, w.userID, w.limit, w.anyRole)
	if err != nil || len(out) == 0 {
		return out, err
	}
	return out, s.complete(ctx, out)
}

func stateList(states []State) string {
	list := "["
	for i, state := range states {
		if i > 0 {
			list += ","
		}
		list += `"` + string(state) + `"`
	}
	return list + "]"
}

func (s *Service) scanAgent(scan func(...any) error) (Agent, error) {
	var (
		a                           Agent
		code                        *int
		name                        string
		sessionID                   uuid.NullUUID
		strategy                    Strategy
		loggedInAt, seenAt, endedAt *time.Time
		endedReason                 EndReason
	)
	err := scan(&a.UserID, &a.Name, &a.Role, &a.State, &a.Since, &code, &name, &sessionID, &strategy, &loggedInAt, &seenAt, &endedAt, &endedReason)
	if err != nil {
		return Agent{}, err
	}
	if a.Since != nil {
		seconds := s.seconds(*a.Since)
		a.Seconds = &seconds
	}
	if code != nil {
		a.Pause = &Code{Code: *code, Name: name}
	}
	switch {
	case sessionID.Valid:
		a.Session = &Session{sessionID.UUID, strategy, *loggedInAt, s.seconds(*loggedInAt), *seenAt}
	case endedAt != nil:
		a.Ended = &Ended{*endedAt, endedReason}
	}
	return a, nil
}

// complete adds what agents have and where they answer.
func (s *Service) complete(ctx context.Context, all []Agent) error {
	ids := make([]uuid.UUID, len(all))
	for i, a := range all {
		ids[i] = a.UserID
	}
	capacities, err := s.capacities(ctx, ids)
	if err != nil {
		return err
	}
	loads, err := s.loads(ctx, ids)
	if err != nil {
		return err
	}
	logins, err := s.logins(ctx, ids)
	if err != nil {
		return err
	}
	for i := range all {
		a, holds, load := &all[i], capacities[all[i].UserID].Holds, loads[all[i].UserID]
		a.Used, a.Max = load.units(holds), holds.MaxUnits
		for _, kind := range Kinds() {
			w := holds.Channels[kind]
			a.Channels = append(a.Channels, ChannelLoad{kind, load.open(kind), load[kind].resting, w.Max, w})
		}
		a.Queues = logins[a.UserID]
		for n := range a.Queues {
			a.Queues[n].LoggedIn = a.State != LoggedOff && a.Queues[n].LoggedOutAt == nil
		}
	}
	return nil
}

// logins reads the queues in use that users answer in, by name.
func (s *Service) logins(ctx context.Context, userIDs []uuid.UUID) (map[uuid.UUID][]QueueLogin, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	list, err := jsonList(userIDs)
	if err != nil {
		return nil, err
	}
	out := map[uuid.UUID][]QueueLogin{}
	return out, rowsOf(ctx, func(scan func(...any) error) error {
		var (
			userID uuid.UUID
			q      QueueLogin
			code   *int
			name   *string
		)
		if err := scan(&userID, &q.QueueID, &q.Name, &q.LoggedOutAt, &code, &name); err != nil {
			return err
		}
		if code != nil && name != nil {
			q.Reason = &Code{Code: *code, Name: *name}
		}
		out[userID] = append(out[userID], q)
		return nil
	}, `
		SELECT m.user_id, q.id, q.name, m.logged_out_at, m.logged_out_code, reason.name
		FROM queue_members m
		JOIN queues q ON q.tenant_id = m.tenant_id AND q.id = m.queue_id AND q.archived_at IS NULL
		LEFT JOIN aux_codes reason ON reason.tenant_id = m.tenant_id AND reason.code = m.logged_out_code
		WHERE m.tenant_id = $1 AND m.user_id IN (SELECT value::uuid FROM jsonb_array_elements_text($2::jsonb))
		ORDER BY q.name, q.id`, sc.TenantID, list)
}

// Warning is what somebody at work should know.
type Warning struct {
	// Kind is removed_from_queue or in_no_queue.
	Kind    string
	QueueID *uuid.UUID
	Queue   string
	At      *time.Time
}

// The kinds of warnings.
const (
	WarnRemoved = "removed_from_queue"
	WarnNoQueue = "in_no_queue"
)

// Warnings returns what has happened to somebody at work since a time, and that
// he is in no queue any more.
func (s *Service) Warnings(ctx context.Context, a Agent, since time.Time) ([]Warning, error) {
	var out []Warning
	if a.Session == nil {
		return nil, nil
	}
	err := s.store.Read(ctx, func(ctx context.Context) error {
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		return rowsOf(ctx, func(scan func(...any) error) error {
			w := Warning{Kind: WarnRemoved}
			err := scan(&w.QueueID, &w.Queue, &w.At)
			out = append(out, w)
			return err
		}, `
			SELECT l.queue_id, q.name, l.created_at FROM agent_log l JOIN queues q ON q.tenant_id = l.tenant_id AND q.id = l.queue_id
			WHERE l.tenant_id = $1 AND l.session_id = $2 AND l.action = '`+queueRemoved+`' AND l.created_at >= $3
			ORDER BY l.id DESC LIMIT 50`, sc.TenantID, a.Session.ID, since)
	})
	// Who is back in the queue needs no warning.
	out = slices.DeleteFunc(out, func(w Warning) bool {
		return slices.ContainsFunc(a.Queues, func(q QueueLogin) bool { return q.QueueID == *w.QueueID })
	})
	if len(a.Queues) == 0 {
		out = append(out, Warning{Kind: WarnNoQueue})
	}
	return out, err
}

// Staffing is who answers in a queue, in numbers.
type Staffing struct {
	QueueID uuid.UUID
	Name    string
	// Members are all, LoggedIn those at work who have not logged out of the queue;
	// each of those is available or paused.
	Members, LoggedIn, Available, Paused int
	// Free are available ones who can take a conversation more.
	Free int
}

// Staffing returns the queues in use behind a given id, the oldest first, with
// who is there. A member is free who can be given a conversation of some kind.
func (s *Service) Staffing(ctx context.Context, after uuid.UUID, limit int) ([]Staffing, error) {
	var out []Staffing
	err := s.store.Read(ctx, func(ctx context.Context) error {
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		err = rowsOf(ctx, func(scan func(...any) error) error {
			var q Staffing
			err := scan(&q.QueueID, &q.Name)
			out = append(out, q)
			return err
		}, `SELECT id, name FROM queues WHERE tenant_id = $1 AND id > $2 AND archived_at IS NULL ORDER BY id LIMIT $3`, sc.TenantID, after, limit)
		if err != nil {
			return err
		}
		return s.count(ctx, out)
	})
	return out, err
}

// count counts the members of queues by what they can do.
func (s *Service) count(ctx context.Context, all []Staffing) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	at, ids := map[uuid.UUID]*Staffing{}, make([]uuid.UUID, len(all))
	for i := range all {
		at[all[i].QueueID], ids[i] = &all[i], all[i].QueueID
	}
	list, err := jsonList(ids)
	if err != nil {
		return err
	}
	waiting := map[uuid.UUID][]*Staffing{} // the queues of those who are available
	err = rowsOf(ctx, func(scan func(...any) error) error {
		var (
			queueID, userID uuid.UUID
			state           State
			out             bool
		)
		if err := scan(&queueID, &userID, &state, &out); err != nil {
			return err
		}
		q := at[queueID]
		if q.Members++; state == LoggedOff || out {
			return nil
		}
		q.LoggedIn++
		if state == Paused {
			q.Paused++
			return nil
		}
		q.Available++
		waiting[userID] = append(waiting[userID], q)
		return nil
	}, `
		SELECT m.queue_id, m.user_id, coalesce(a.state, 'logged_off'), m.logged_out_at IS NOT NULL
		FROM queue_members m
		JOIN users u ON u.tenant_id = m.tenant_id AND u.id = m.user_id AND u.status = 'active'
		LEFT JOIN agent_sessions a ON a.tenant_id = m.tenant_id AND a.user_id = m.user_id AND a.ended_at IS NULL
		WHERE m.tenant_id = $1 AND m.queue_id IN (SELECT value::uuid FROM jsonb_array_elements_text($2::jsonb))`, sc.TenantID, list)
	if err != nil {
		return err
	}
	return s.countFree(ctx, waiting)
}

func (s *Service) countFree(ctx context.Context, waiting map[uuid.UUID][]*Staffing) error {
	ids := make([]uuid.UUID, 0, len(waiting))
	for userID := range waiting {
		ids = append(ids, userID)
	}
	capacities, err := s.capacities(ctx, ids)
	if err != nil {
		return err
	}
	loads, err := s.loads(ctx, ids)
	if err != nil {
		return err
	}
	for userID, queues := range waiting {
		holds, load := capacities[userID].Holds, loads[userID]
		if !slices.ContainsFunc(Kinds(), func(kind Kind) bool { return fits(holds, load, kind) }) {
			continue
		}
		for _, q := range queues {
			q.Free++
		}
	}
	return nil
}

// fits tells whether somebody available can be given a conversation of a kind.
func fits(holds Settings, l load, kind Kind) bool {
	w := holds.Channels[kind]
	c := Candidate{State: Available, Used: l.units(holds), Max: holds.MaxUnits, Units: w.Units, Open: l.open(kind), MaxOpen: w.Max}
	c.judge()
	return c.Reason == ""
}
