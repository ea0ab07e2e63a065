-- +goose Up
-- Sessions in which staff of a reseller or of the operator works inside a
-- tenant below. The row belongs to that tenant, which sees it.

CREATE TABLE act_as_sessions (
    id           uuid        NOT NULL PRIMARY KEY,
    tenant_id    uuid        NOT NULL,
    -- Who it is, and the session that he signed in with. He is at home above.
    user_id      uuid        NOT NULL,
    user_name    text        NOT NULL,
    home_id      uuid        NOT NULL,
    session_id   uuid        NOT NULL,
    reason       text        NOT NULL CHECK (length(reason) BETWEEN 5 AND 500),
    started_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    ended_at     timestamptz,
    ended_by_id  uuid,
    ended_reason text        NOT NULL DEFAULT '',
    CONSTRAINT h_act_as_sessions_an_hour CHECK (expires_at > started_at AND expires_at <= started_at + interval '1 hour')
);
CREATE INDEX h_act_as_sessions_tenant ON act_as_sessions (tenant_id, id);
CREATE INDEX h_act_as_sessions_open ON act_as_sessions (user_id) WHERE ended_at IS NULL;
ALTER TABLE act_as_sessions ADD CONSTRAINT h_act_as_sessions_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id);

ALTER TABLE act_as_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE act_as_sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON act_as_sessions TO trellis_app
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
-- Whoever signs out at home has to find where he acts below.
CREATE POLICY subtree ON act_as_sessions FOR SELECT TO trellis_app
    USING (EXISTS (SELECT FROM tenants WHERE tenants.id = act_as_sessions.tenant_id
        AND starts_with(tenants.path, nullif(current_setting('app.path', true), ''))));
-- Recognising a caller starts without a tenant.
CREATE POLICY system ON act_as_sessions FOR SELECT TO trellis_system USING (true);

GRANT SELECT, INSERT, UPDATE (ended_at, ended_by_id, ended_reason) ON act_as_sessions TO trellis_app;
GRANT SELECT ON act_as_sessions TO trellis_system;

-- +goose Down
DROP TABLE act_as_sessions;
