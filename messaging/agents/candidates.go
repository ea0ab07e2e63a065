package agents

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/channel"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// WhyNot is why somebody cannot be given a conversation; empty where he can.
type WhyNot string

// The reasons, the first that holds counting.
const (
	// NotLoggedIn: he is not at work.
	NotLoggedIn WhyNot = "logged_off"
	// OnPause: he receives nothing new.
	OnPause WhyNot = "paused"
	// OutOfQueue: he has logged out of this queue.
	OutOfQueue WhyNot = "logged_out_of_queue"
	// KindFull: he has as many conversations of the kind as he may.
	KindFull WhyNot = "channel_limit"
	// Full: one more would take more units than he has left.
	Full WhyNot = "at_capacity"
)

// Candidate is a member of a queue, as far as it matters for giving him a
// conversation over a kind of channel.
type Candidate struct {
	UserID uuid.UUID
	Name   string
	State  State
	// Since is when he came into the state; zero for who has never been at work.
	Since time.Time
	// Pause is the name of the reason, while he is paused or out of the queue.
	Pause string
	// Reason is empty where he can be given one.
	Reason WhyNot
	// Used and Max are units, Units what one conversation more takes.
	Used, Max, Units int
	// Open and MaxOpen are conversations of the kind.
	Open, MaxOpen int
	// IdleSince is when he was given his last conversation in this session, or
	// when it began.
	IdleSince time.Time
	// LastAssignedAt is nil where he was given none in this session.
	LastAssignedAt *time.Time

	queueLeft bool
}

// Workload is the part of his units that is in use, in percent.
func (c Candidate) Workload() int { return percent(c.Used, c.Max) }

// Take counts one conversation more that he was given at a time. Whoever gives
// out several in one transaction calls it, and then looks at Reason again.
func (c *Candidate) Take(at time.Time) {
	c.Used, c.Open = c.Used+c.Units, c.Open+1
	c.IdleSince, c.LastAssignedAt = at, &at
	c.judge()
}

func (c *Candidate) judge() {
	switch {
	case c.State == LoggedOff:
		c.Reason = NotLoggedIn
	case c.State == Paused:
		c.Reason = OnPause
	case c.queueLeft:
		c.Reason = OutOfQueue
	case c.Open >= c.MaxOpen:
		c.Reason = KindFull
	case c.Used+c.Units > c.Max:
		c.Reason = Full
	default:
		c.Reason = ""
	}
}

func percent(used, most int) int {
	if most <= 0 {
		if used > 0 {
			return 100
		}
		return 0
	}
	return (used*100 + most/2) / most
}

// Candidates returns the active members of a queue in the order of their ids,
// and whether each can be given a conversation over the kind of channel. It runs
// in the caller's transaction. With lock, the sessions of those at work are
// locked first and everything is read behind the locks: until the transaction
// ends nobody's state changes, and nobody else gives them anything.
func (s *Service) Candidates(ctx context.Context, queueID uuid.UUID, kind Kind, lock bool) ([]Candidate, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	if lock {
		// Users first: whoever disables one has locked him before his session, and an
		// assignment points at him.
		_, err := store.Exec(ctx, `
			SELECT FROM users WHERE tenant_id = $1 AND id IN (SELECT user_id FROM queue_members WHERE tenant_id = $1 AND queue_id = $2)
			ORDER BY id FOR KEY SHARE`, sc.TenantID, queueID)
		if err != nil {
			return nil, err
		}
		_, err = store.Exec(ctx, `
			SELECT FROM agent_sessions a WHERE a.tenant_id = $1 AND a.ended_at IS NULL
			AND a.user_id IN (SELECT user_id FROM queue_members WHERE tenant_id = $1 AND queue_id = $2)
			ORDER BY a.user_id FOR UPDATE`, sc.TenantID, queueID)
		if err != nil {
			return nil, err
		}
	}
	out, err := s.members(ctx, sc.TenantID, queueID)
	if err != nil || len(out) == 0 {
		return out, err
	}
	ids := make([]uuid.UUID, len(out))
	for i, c := range out {
		ids[i] = c.UserID
	}
	capacities, err := s.capacities(ctx, ids)
	if err != nil {
		return nil, err
	}
	loads, err := s.loads(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i := range out {
		c, holds, load := &out[i], capacities[out[i].UserID].Holds, loads[out[i].UserID]
		c.Used, c.Max, c.Units = load.units(holds), holds.MaxUnits, holds.Channels[kind].Units
		c.Open, c.MaxOpen = load.open(kind), holds.Channels[kind].Max
		c.judge()
	}
	return out, nil
}

// members reads who answers in a queue, and the state that each is in.
func (s *Service) members(ctx context.Context, tenantID, queueID uuid.UUID) ([]Candidate, error) {
	var out []Candidate
	err := rowsOf(ctx, func(scan func(...any) error) error {
		var (
			c           Candidate
			since, idle *time.Time
			outOf       *string
		)
		err := scan(&c.UserID, &c.Name, &c.State, &since, &c.Pause, &idle, &c.LastAssignedAt, &c.queueLeft, &outOf)
		if since != nil {
			c.Since = *since
		}
		if idle != nil {
			c.IdleSince = *idle
		}
		if outOf != nil && c.State != Paused {
			c.Pause = *outOf
		}
		out = append(out, c)
		return err
	}, `
		SELECT u.id, u.name, coalesce(a.state, 'logged_off'), coalesce(a.state_since, last.ended_at), coalesce(a.pause_name, ''),
			coalesce(a.last_assigned_at, a.logged_in_at), a.last_assigned_at, m.logged_out_at IS NOT NULL, reason.name
		FROM queue_members m
		JOIN users u ON u.tenant_id = m.tenant_id AND u.id = m.user_id AND u.status = 'active'
		LEFT JOIN agent_sessions a ON a.tenant_id = m.tenant_id AND a.user_id = m.user_id AND a.ended_at IS NULL
		LEFT JOIN aux_codes reason ON reason.tenant_id = m.tenant_id AND reason.code = m.logged_out_code
		LEFT JOIN LATERAL (
			SELECT ended_at FROM agent_sessions s WHERE s.tenant_id = m.tenant_id AND s.user_id = m.user_id AND s.ended_at IS NOT NULL
			ORDER BY s.ended_at DESC, s.id DESC LIMIT 1
		) last ON a.id IS NULL
		WHERE m.tenant_id = $1 AND m.queue_id = $2 ORDER BY u.id`, tenantID, queueID)
	return out, err
}

// load counts somebody's conversations that are not over: by kind, and those
// that wait for the customer apart.
type load map[Kind]struct{ active, resting int }

func (l load) units(holds Settings) (total int) {
	for kind, n := range l {
		w := holds.Channels[kind]
		total += n.active*w.Units + n.resting*w.Resting
	}
	return total
}

func (l load) open(kind Kind) int { return l[kind].active + l[kind].resting }

// loads counts for several users at once. What counts are the conversations
// that are theirs and go on: neither solved, closed nor paused.
func (s *Service) loads(ctx context.Context, userIDs []uuid.UUID) (map[uuid.UUID]load, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	list, err := jsonList(userIDs)
	if err != nil {
		return nil, err
	}
	out := map[uuid.UUID]load{}
	err = rowsOf(ctx, func(scan func(...any) error) error {
		var (
			userID          uuid.UUID
			kind            channel.Kind
			active, resting int
		)
		if err := scan(&userID, &kind, &active, &resting); err != nil {
			return err
		}
		if out[userID] == nil {
			out[userID] = load{}
		}
		out[userID][kind] = struct{ active, resting int }{active, resting}
		return nil
	}, `
		SELECT i.assignee_id, c.kind, count(*) FILTER (WHERE i.status <> 'waiting_customer'),
			count(*) FILTER (WHERE i.status = 'waiting_customer')
		FROM interactions i JOIN channels c ON c.tenant_id = i.tenant_id AND c.id = i.channel_id
		WHERE i.tenant_id = $1 AND i.assignee_id IN (SELECT value::uuid FROM jsonb_array_elements_text($2::jsonb))
			AND i.status IN ('waiting_agent', 'open', 'waiting_customer') AND i.paused_at IS NULL
		GROUP BY i.assignee_id, c.kind`, sc.TenantID, list)
	return out, err
}

// Assigned notes in the running transaction that users were given
// conversations at a time, which decides whose turn it is next. It waits for
// whoever has locked them as candidates, and makes those wait who come later:
// so what is given by hand counts at once.
func Assigned(ctx context.Context, at time.Time, userIDs ...uuid.UUID) error {
	sc, err := scope.From(ctx)
	if err != nil || len(userIDs) == 0 {
		return err
	}
	list, err := jsonList(userIDs)
	if err != nil {
		return err
	}
	_, err = store.Exec(ctx, `
		UPDATE agent_sessions SET last_assigned_at = $3
		WHERE id IN (
			SELECT id FROM agent_sessions WHERE tenant_id = $1 AND ended_at IS NULL
			AND user_id IN (SELECT value::uuid FROM jsonb_array_elements_text($2::jsonb)) ORDER BY user_id FOR UPDATE)`,
		sc.TenantID, list, at)
	return err
}

// Departed is somebody who was at work and is not any more.
type Departed struct {
	UserID uuid.UUID
	At     time.Time
	Reason EndReason
}

// Departed returns who has conversations of a queue that are not over, was at
// work, and is not any more. What he was given after At was given to him all
// the same. It runs in the caller's transaction.
func (s *Service) Departed(ctx context.Context, queueID uuid.UUID) ([]Departed, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	var out []Departed
	err = rowsOf(ctx, func(scan func(...any) error) error {
		var d Departed
		err := scan(&d.UserID, &d.At, &d.Reason)
		out = append(out, d)
		return err
	}, `
		SELECT busy.assignee_id, last.ended_at, last.ended_reason
		FROM (SELECT DISTINCT assignee_id FROM interactions WHERE tenant_id = $1 AND queue_id = $2 AND assignee_id IS NOT NULL
			AND status IN ('waiting_agent', 'open', 'waiting_customer')) busy
		JOIN LATERAL (
			SELECT ended_at, ended_reason FROM agent_sessions s
			WHERE s.tenant_id = $1 AND s.user_id = busy.assignee_id AND s.ended_at IS NOT NULL ORDER BY s.ended_at DESC, s.id DESC LIMIT 1
		) last ON true
		WHERE NOT EXISTS (SELECT FROM agent_sessions s
			WHERE s.tenant_id = $1 AND s.user_id = busy.assignee_id AND s.ended_at IS NULL)
		ORDER BY busy.assignee_id`, sc.TenantID, queueID)
	return out, err
}
