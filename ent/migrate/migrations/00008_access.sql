-- +goose Up
-- Mails that wait to be sent. What one says is sealed, and gone once it is
-- sent; the rest of the row tells that it was.
CREATE TABLE mails (
    id          uuid        NOT NULL PRIMARY KEY,
    tenant_id   uuid        NOT NULL,
    kind        text        NOT NULL,
    language    text        NOT NULL,
    state       text        NOT NULL CHECK (state IN ('queued', 'sending', 'sent', 'failed')),
    content     bytea,
    attempts    int         NOT NULL DEFAULT 0,
    due_at      timestamptz,
    claim_id    uuid,
    claim_until timestamptz,
    error       text        NOT NULL DEFAULT '',
    expires_at  timestamptz NOT NULL,
    created_at  timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT h_mails_content CHECK ((content IS NULL) = (state IN ('sent', 'failed')))
);
CREATE INDEX h_mails_due ON mails (tenant_id, due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX h_mails_finished ON mails (finished_at) WHERE finished_at IS NOT NULL;
ALTER TABLE mails ADD CONSTRAINT h_mails_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id);

ALTER TABLE mails ENABLE ROW LEVEL SECURITY;
ALTER TABLE mails FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON mails TO trellis_app
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
-- Handing out, sealing anew, and removing what was finished long ago.
CREATE POLICY system_read ON mails FOR SELECT TO trellis_system USING (true);
CREATE POLICY system_write ON mails FOR UPDATE TO trellis_system USING (true) WITH CHECK (true);
CREATE POLICY system_remove ON mails FOR DELETE TO trellis_system USING (finished_at IS NOT NULL);
GRANT SELECT, INSERT, UPDATE ON mails TO trellis_app;
GRANT SELECT, DELETE, UPDATE (due_at, content) ON mails TO trellis_system;

-- +goose Down
DROP TABLE mails;
