-- +goose Up
-- Who works, and how much he can take. All of it is hot or only grows, so it is
-- no entity.

-- Aux codes: what an agent's status in a queue is called, and why he pauses.
-- The codes that every tenant begins with are known to the program; a row is
-- written when one of them is changed or used.
CREATE TABLE aux_codes (
    tenant_id  uuid        NOT NULL,
    code       integer     NOT NULL CHECK (code BETWEEN 1 AND 999),
    name       text        NOT NULL,
    version    bigint      NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    deleted_at timestamptz,
    PRIMARY KEY (tenant_id, code),
    CONSTRAINT h_aux_codes_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);
CREATE UNIQUE INDEX h_aux_codes_name ON aux_codes (tenant_id, lower(name)) WHERE deleted_at IS NULL;

-- What a conversation of a kind of channel weighs, how many of them somebody has
-- at once, and how much he has at most; a user's row overrides the tenant's.
CREATE TABLE agent_settings (
    tenant_id     uuid        NOT NULL PRIMARY KEY,
    max_units     integer     NOT NULL CHECK (max_units BETWEEN 0 AND 10000),
    channels      jsonb       NOT NULL,
    default_pause integer     NOT NULL,
    version       bigint      NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    CONSTRAINT h_agent_settings_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    CONSTRAINT h_agent_settings_pause FOREIGN KEY (tenant_id, default_pause) REFERENCES aux_codes (tenant_id, code)
);
CREATE TABLE agent_capacities (
    tenant_id  uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    max_units  integer     CHECK (max_units BETWEEN 0 AND 10000),
    channels   jsonb       NOT NULL,
    version    bigint      NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, user_id),
    CONSTRAINT h_agent_capacities_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);

-- A row is one time at work, from logging in to logging off. It falls due when
-- no heartbeat has come for too long.
CREATE TABLE agent_sessions (
    id               uuid        NOT NULL PRIMARY KEY,
    tenant_id        uuid        NOT NULL,
    user_id          uuid        NOT NULL,
    state            text        NOT NULL CHECK (state IN ('available', 'paused', 'logged_off')),
    state_since      timestamptz NOT NULL,
    pause_code       integer,
    pause_name       text        NOT NULL DEFAULT '',
    strategy         text        NOT NULL CHECK (strategy IN ('inbound')),
    logged_in_at     timestamptz NOT NULL,
    seen_at          timestamptz NOT NULL,
    last_assigned_at timestamptz,
    ended_at         timestamptz,
    ended_reason     text        NOT NULL DEFAULT '',
    due_at           timestamptz,
    CONSTRAINT h_agent_sessions_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    CONSTRAINT h_agent_sessions_pause FOREIGN KEY (tenant_id, pause_code) REFERENCES aux_codes (tenant_id, code),
    CONSTRAINT h_agent_sessions_paused CHECK ((state = 'paused') = (pause_code IS NOT NULL)),
    CONSTRAINT h_agent_sessions_over CHECK ((state = 'logged_off') = (ended_at IS NOT NULL) AND (ended_at IS NULL) = (due_at IS NOT NULL))
);
CREATE UNIQUE INDEX agent_sessions_tenant_id_id ON agent_sessions (tenant_id, id);
CREATE UNIQUE INDEX h_agent_sessions_one ON agent_sessions (tenant_id, user_id) WHERE ended_at IS NULL;
CREATE INDEX h_agent_sessions_user ON agent_sessions (tenant_id, user_id, ended_at DESC, id DESC) WHERE ended_at IS NOT NULL;
CREATE INDEX h_agent_sessions_due ON agent_sessions (tenant_id, due_at, id) WHERE due_at IS NOT NULL;

-- Who has logged out of one queue of his, and why. NULL: he has not.
ALTER TABLE queue_members
    ADD COLUMN logged_out_at timestamptz,
    ADD COLUMN logged_out_code integer,
    ADD CONSTRAINT h_queue_members_code FOREIGN KEY (tenant_id, logged_out_code) REFERENCES aux_codes (tenant_id, code);

-- What agents did, for reports; it only grows.
CREATE TABLE agent_log (
    id         uuid        NOT NULL PRIMARY KEY,
    tenant_id  uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    session_id uuid        NOT NULL,
    queue_id   uuid,
    action     text        NOT NULL,
    code       integer,
    name       text        NOT NULL DEFAULT '',
    actor_kind text        NOT NULL,
    actor_id   uuid,
    created_at timestamptz NOT NULL,
    CONSTRAINT h_agent_log_session FOREIGN KEY (tenant_id, session_id) REFERENCES agent_sessions (tenant_id, id),
    CONSTRAINT h_agent_log_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    CONSTRAINT h_agent_log_queue FOREIGN KEY (tenant_id, queue_id) REFERENCES queues (tenant_id, id)
);
CREATE INDEX h_agent_log_user ON agent_log (tenant_id, user_id, id);
CREATE INDEX h_agent_log_session ON agent_log (tenant_id, session_id, id);

-- What somebody has to do is counted whenever work is given out.
CREATE INDEX h_interactions_load ON interactions (tenant_id, assignee_id, channel_id)
    WHERE assignee_id IS NOT NULL AND status IN ('waiting_agent', 'open', 'waiting_customer') AND paused_at IS NULL;

-- +goose StatementBegin
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['aux_codes', 'agent_settings', 'agent_capacities', 'agent_sessions', 'agent_log'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format($f$CREATE POLICY tenant ON %I TO trellis_app
            USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
            WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)$f$, t);
    END LOOP;
END $$;
-- +goose StatementEnd
CREATE POLICY system ON agent_sessions TO trellis_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT ON aux_codes, agent_settings, agent_capacities, agent_sessions, agent_log TO trellis_app;
GRANT UPDATE (name, version, updated_at, deleted_at) ON aux_codes TO trellis_app;
GRANT UPDATE (max_units, channels, default_pause, version, updated_at) ON agent_settings TO trellis_app;
GRANT UPDATE (max_units, channels, version, updated_at) ON agent_capacities TO trellis_app;
GRANT UPDATE (state, state_since, pause_code, pause_name, seen_at, last_assigned_at, ended_at, ended_reason, due_at)
    ON agent_sessions TO trellis_app;
GRANT UPDATE (logged_out_at, logged_out_code) ON queue_members TO trellis_app;
GRANT SELECT, UPDATE (due_at) ON agent_sessions TO trellis_system;
SELECT h_open_purge();

-- +goose Down
DROP TABLE agent_log;
DROP TABLE agent_sessions, agent_capacities, agent_settings;
ALTER TABLE queue_members DROP COLUMN logged_out_at, DROP COLUMN logged_out_code;
DROP TABLE aux_codes;
DROP INDEX h_interactions_load;
