-- +goose Up
-- modify "channels" table
ALTER TABLE "channels" ADD COLUMN "reopen_within_hours" bigint NOT NULL DEFAULT 0;
-- modify "interactions" table
ALTER TABLE "interactions" ADD COLUMN "last_message_direction" character varying NULL, ADD COLUMN "subject" text NOT NULL DEFAULT '', ADD COLUMN "priority" bigint NOT NULL DEFAULT 0, ADD COLUMN "sub_status" text NOT NULL DEFAULT '', ADD COLUMN "previous_id" uuid NULL, ADD COLUMN "changed_by_id" uuid NULL, ADD COLUMN "waiting_since" timestamptz NULL, ADD COLUMN "first_response_at" timestamptz NULL, ADD COLUMN "paused_at" timestamptz NULL, ADD COLUMN "paused_until" timestamptz NULL, ADD COLUMN "pause_reason" text NOT NULL DEFAULT '', ADD COLUMN "pause_note" text NOT NULL DEFAULT '', ADD COLUMN "pause_ends_with_message" boolean NOT NULL DEFAULT false, ADD COLUMN "solved_at" timestamptz NULL, ADD COLUMN "closed_by" character varying NULL, ADD COLUMN "closed_while_paused" boolean NOT NULL DEFAULT false, ADD COLUMN "managed" boolean NOT NULL DEFAULT false, ADD COLUMN "listed" boolean NOT NULL DEFAULT true, ADD COLUMN "reopened_at" timestamptz NULL;

-- What is known of the conversations that were there before. Who closed one
-- stands in closed_by_id; in what capacity follows from whose it was.
ALTER TABLE interactions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE messages NO FORCE ROW LEVEL SECURITY;
UPDATE interactions i SET
    last_message_direction = CASE WHEN i.needs_reply THEN 'inbound' ELSE coalesce((
        SELECT m.direction FROM messages m WHERE m.tenant_id = i.tenant_id AND m.interaction_id = i.id ORDER BY m.id DESC LIMIT 1), 'outbound') END,
    waiting_since = CASE WHEN i.needs_reply AND i.status NOT IN ('solved', 'closed') THEN i.last_message_at END,
    first_response_at = (SELECT min(m.created_at) FROM messages m
        WHERE m.tenant_id = i.tenant_id AND m.interaction_id = i.id AND m.direction = 'outbound'
          AND EXISTS (SELECT FROM messages q WHERE q.tenant_id = m.tenant_id AND q.interaction_id = m.interaction_id AND q.direction = 'inbound' AND q.id < m.id)),
    managed = i.closed_by_id IS NOT NULL AND i.closed_by_id IS NOT DISTINCT FROM i.assignee_id
        OR EXISTS (SELECT FROM messages m WHERE m.tenant_id = i.tenant_id AND m.interaction_id = i.id AND m.direction = 'outbound'),
    closed_by = CASE WHEN i.status <> 'closed' THEN NULL WHEN i.closed_by_id IS NULL THEN 'system'
        WHEN i.closed_by_id = i.assignee_id THEN 'agent' ELSE 'supervisor' END,
    listed = i.status <> 'closed';
-- Whose they are has taken part; 00016 was held by the policies where its role
-- is no superuser.
ALTER TABLE interaction_participants NO FORCE ROW LEVEL SECURITY;
INSERT INTO interaction_participants (tenant_id, interaction_id, user_id, created_at)
SELECT tenant_id, id, assignee_id, updated_at FROM interactions WHERE assignee_id IS NOT NULL
ON CONFLICT (tenant_id, interaction_id, user_id) DO NOTHING;
ALTER TABLE interaction_participants FORCE ROW LEVEL SECURITY;
ALTER TABLE messages FORCE ROW LEVEL SECURITY;
ALTER TABLE interactions FORCE ROW LEVEL SECURITY;

ALTER TABLE interactions
    ADD CONSTRAINT h_interactions_previous FOREIGN KEY (tenant_id, previous_id) REFERENCES interactions (tenant_id, id),
    ADD CONSTRAINT h_interactions_pause CHECK (paused_at IS NOT NULL OR paused_until IS NULL);
ALTER TABLE channels ADD CONSTRAINT h_channels_reopen CHECK (reopen_within_hours BETWEEN 0 AND 8760);
-- A purge deletes a conversation that is the previous one of another.
CREATE INDEX h_interactions_previous ON interactions (tenant_id, previous_id) WHERE previous_id IS NOT NULL;
-- The last conversation with an address, for the one that follows it.
CREATE INDEX h_interactions_address ON interactions (tenant_id, address, id);
-- What stands in somebody's list; and what nobody has dealt with.
CREATE INDEX h_interactions_listed ON interactions (tenant_id, assignee_id, last_message_at, id) WHERE listed;
CREATE INDEX h_interactions_missed ON interactions (tenant_id, last_message_at, id) WHERE status = 'closed' AND NOT managed;

-- When something is to be done about a conversation that nobody may touch until
-- then. It is a table of its own because the system role, which hands out what
-- is due, has no business among conversations.
CREATE TABLE interaction_timers (
    id             uuid        NOT NULL PRIMARY KEY,
    tenant_id      uuid        NOT NULL,
    interaction_id uuid        NOT NULL,
    kind           text        NOT NULL CHECK (kind IN ('pause', 'solved', 'waiting')),
    due_at         timestamptz,
    created_at     timestamptz NOT NULL,
    CONSTRAINT h_interaction_timers_interaction FOREIGN KEY (tenant_id, interaction_id) REFERENCES interactions (tenant_id, id)
);
CREATE UNIQUE INDEX h_interaction_timers_kind ON interaction_timers (tenant_id, interaction_id, kind);
CREATE INDEX h_interaction_timers_due ON interaction_timers (tenant_id, due_at, id) WHERE due_at IS NOT NULL;

-- How a tenant works with its conversations; without a row as the program says.
CREATE TABLE inbox_settings (
    tenant_id                uuid        NOT NULL PRIMARY KEY,
    pause_reasons            jsonb       NOT NULL,
    sub_statuses             jsonb       NOT NULL,
    close_solved_after_hours int         NOT NULL CHECK (close_solved_after_hours BETWEEN 0 AND 8760),
    waiting_alert_minutes    int         NOT NULL CHECK (waiting_alert_minutes BETWEEN 0 AND 525600),
    version                  bigint      NOT NULL,
    updated_at               timestamptz NOT NULL,
    CONSTRAINT h_inbox_settings_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);

-- +goose StatementBegin
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['interaction_timers', 'inbox_settings'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format($f$CREATE POLICY tenant ON %I TO trellis_app
            USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
            WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)$f$, t);
    END LOOP;
END $$;
-- +goose StatementEnd
GRANT SELECT, INSERT, UPDATE (due_at) ON interaction_timers TO trellis_app;
GRANT SELECT, INSERT, UPDATE ON inbox_settings TO trellis_app;
CREATE POLICY system ON interaction_timers FOR SELECT TO trellis_system USING (true);
CREATE POLICY system_due ON interaction_timers FOR UPDATE TO trellis_system USING (true) WITH CHECK (true);
GRANT SELECT, UPDATE (due_at) ON interaction_timers TO trellis_system;
SELECT h_open_purge();

-- +goose Down
DROP TABLE inbox_settings, interaction_timers;
DROP INDEX h_interactions_address, h_interactions_listed, h_interactions_missed, h_interactions_previous;
ALTER TABLE interactions DROP CONSTRAINT h_interactions_previous, DROP CONSTRAINT h_interactions_pause;
ALTER TABLE "interactions" DROP COLUMN "reopened_at", DROP COLUMN "listed", DROP COLUMN "managed", DROP COLUMN "closed_while_paused", DROP COLUMN "closed_by", DROP COLUMN "solved_at", DROP COLUMN "pause_ends_with_message", DROP COLUMN "pause_note", DROP COLUMN "pause_reason", DROP COLUMN "paused_until", DROP COLUMN "paused_at", DROP COLUMN "first_response_at", DROP COLUMN "waiting_since", DROP COLUMN "changed_by_id", DROP COLUMN "previous_id", DROP COLUMN "sub_status", DROP COLUMN "priority", DROP COLUMN "subject", DROP COLUMN "last_message_direction";
ALTER TABLE channels DROP CONSTRAINT h_channels_reopen;
ALTER TABLE "channels" DROP COLUMN "reopen_within_hours";
