package main

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

const (
	// backlogOf is how many conversations wait, backlogAgents how many agents there
	// are, who together can have just as many.
	backlogOf     = 10_000
	backlogAgents = 100
)

// measureBacklog lets a queue assign what has piled up in it, and looks whether
// everybody got what he can take and nothing went to two.
func measureBacklog(ctx context.Context, b *bench) ([]result, error) {
	f, err := b.grow(ctx, "backlog", 0, 0)
	if err != nil {
		return nil, err
	}
	defer f.fell()
	if err := f.signIn(ctx, "admin@bench.example"); err != nil {
		return nil, err
	}
	queue, err := f.pileUp(ctx)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if _, err := f.call(ctx, http.MethodPatch, f.tenantPath("/queues/"+queue), map[string]any{"strategy": "least_loaded"}); err != nil {
		return nil, err
	}
	err = f.drained(ctx, queue)
	took := time.Since(began)
	if err != nil {
		return nil, err
	}
	return []result{{
		name: "assign_backlog", unit: "s", value: took.Seconds(), less: true,
		notes: fmt.Sprintf("%d conversations, %d agents with room for %d each; nothing given twice, nobody above his capacity",
			backlogOf, backlogAgents, backlogOf/backlogAgents),
	}}, f.checkBacklog(ctx, queue)
}

// drained waits until nothing waits in a queue any more, and looks seldom: the
// looking costs what is measured.
func (f *forest) drained(ctx context.Context, queue string) error {
	for {
		var waiting bool
		err := f.db.QueryRowContext(ctx, `SELECT EXISTS (SELECT FROM interactions
			WHERE tenant_id = $1 AND queue_id = $2 AND assignee_id IS NULL AND status = 'waiting_agent')`, f.seeded.tenantID, queue).Scan(&waiting)
		if err != nil || !waiting {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(25 * time.Millisecond):
		}
	}
}

// pileUp makes agents who are at work and a queue of theirs with conversations
// that wait, past the rules that would slow that down.
func (f *forest) pileUp(ctx context.Context) (queue string, err error) {
	made, err := f.call(ctx, http.MethodPost, f.tenantPath("/queues"), map[string]any{"name": "Backlog"})
	if err != nil {
		return "", err
	}
	queue = made["id"].(string)
	_, err = f.call(ctx, http.MethodPatch, f.tenantPath("/agent-settings"), map[string]any{
		"max_units": backlogOf / backlogAgents,
		"channels":  []map[string]any{{"kind": "sms", "units": 1, "max_conversations": backlogOf / backlogAgents}},
	})
	if err != nil {
		return "", err
	}
	for _, s := range []struct {
		statement string
		args      []any
	}{
		{`INSERT INTO users (id, created_at, updated_at, tenant_id, login, name, role, password_hash)
			SELECT gen_random_uuid(), now(), now(), $1, 'agent' || n || '@bench.example', 'Agent ' || n, 'agent', '-'
			FROM generate_series(1, $2::int) n`, []any{f.seeded.tenantID, backlogAgents}},
		{`INSERT INTO queue_members (tenant_id, queue_id, user_id, created_at)
			SELECT tenant_id, $2, id, now() FROM users WHERE tenant_id = $1 AND role = 'agent'`, []any{f.seeded.tenantID, queue}},
		{`INSERT INTO agent_sessions (id, tenant_id, user_id, state, state_since, strategy, logged_in_at, seen_at, due_at)
			SELECT gen_random_uuid(), tenant_id, id, 'available', now(), 'inbound', now(), now(), now() + interval '1 hour'
			FROM users WHERE tenant_id = $1 AND role = 'agent'`, []any{f.seeded.tenantID}},
		{`INSERT INTO contacts (id, created_at, updated_at, tenant_id, name)
			SELECT gen_random_uuid(), now(), now(), $1, 'Customer ' || n FROM generate_series(1, $2::int) n`, []any{f.seeded.tenantID, backlogOf}},
		{`INSERT INTO interactions (id, created_at, updated_at, tenant_id, channel_id, contact_id, address, status, needs_reply, queue_id, last_message_at)
			SELECT gen_random_uuid(), now(), now(), c.tenant_id, $2, c.id, '+1438' || lpad(row_number() OVER ()::text, 7, '0'), 'waiting_agent', true, $3, now()
			FROM contacts c WHERE c.tenant_id = $1`, []any{f.seeded.tenantID, f.seeded.channelID, queue}},
		{`ANALYZE`, nil},
	} {
		if _, err := f.db.ExecContext(ctx, s.statement, s.args...); err != nil {
			return "", fmt.Errorf("piling up: %w", err)
		}
	}
	return queue, nil
}

// checkBacklog counts what was given out.
func (f *forest) checkBacklog(ctx context.Context, queue string) error {
	for what, c := range map[string]struct {
		statement string
		want      int
	}{
		"the most that somebody has": {`SELECT max(n) FROM (SELECT count(*) AS n FROM interactions WHERE queue_id = $1 GROUP BY assignee_id) s`, backlogOf / backlogAgents},
		"agents who have something":  {`SELECT count(DISTINCT assignee_id) FROM interactions WHERE queue_id = $1`, backlogAgents},
		"those who take part":        {`SELECT count(*) FROM interaction_participants p JOIN interactions i ON i.id = p.interaction_id WHERE i.queue_id = $1`, backlogOf},
		"entries in the logs":        {`SELECT count(*) FROM interaction_log e JOIN interactions i ON i.id = e.interaction_id WHERE i.queue_id = $1 AND e.kind = 'assigned_automatically'`, backlogOf},
		"events":                     {`SELECT count(*) FROM events e JOIN interactions i ON i.id = e.object_id WHERE i.queue_id = $1 AND e.type = 'interaction.assigned'`, backlogOf},
	} {
		var got int
		if err := f.db.QueryRowContext(ctx, c.statement, queue).Scan(&got); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if got != c.want {
			return fmt.Errorf("%s: %d, want %d", what, got, c.want)
		}
	}
	return nil
}
