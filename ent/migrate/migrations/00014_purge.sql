-- +goose Up
-- When a deleted tenant's grace is over, its data go for good. The row is the
-- work: it falls due at the end of the grace, and again until nothing is left.
CREATE TABLE tenant_purges (
    id          uuid        NOT NULL PRIMARY KEY,
    tenant_id   uuid        NOT NULL,
    state       text        NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'canceled')),
    due_at      timestamptz,
    created_at  timestamptz NOT NULL,
    finished_at timestamptz,
    CONSTRAINT h_tenant_purges_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);
CREATE UNIQUE INDEX h_tenant_purges_one ON tenant_purges (tenant_id) WHERE state IN ('waiting', 'running');
CREATE INDEX h_tenant_purges_due ON tenant_purges (tenant_id, due_at, id) WHERE due_at IS NOT NULL;
ALTER TABLE tenant_purges ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_purges FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenant_purges TO trellis_app
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
CREATE POLICY system ON tenant_purges TO trellis_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON tenant_purges TO trellis_app;
GRANT SELECT, UPDATE (due_at) ON tenant_purges TO trellis_system;

-- A message that was sent again keeps the one before it from being deleted;
-- without this index each deletion would look through all messages.
CREATE INDEX h_messages_resent_of ON messages (tenant_id, resent_of_id) WHERE resent_of_id IS NOT NULL;

-- h_purgeable names the tenants whose rows may be deleted. h_open_purge lets the system role delete rows, and only rows of tenants that
-- are deleted and whose grace is over: the restrictive policy says so whatever
-- other policies allow. To delete, a statement has to see what it deletes, which
-- is the second policy. It opens every table that has a tenant but those that
-- stay: the logs, the audit trail and the record of the purge itself.
-- Migrations that add such a table call it again. Tables of which the system
-- role deletes what has expired are open to it already.
CREATE FUNCTION h_purgeable(tenant uuid) RETURNS boolean LANGUAGE sql STABLE AS
    'SELECT EXISTS (SELECT FROM public.tenants gone WHERE gone.id = tenant AND gone.status = ''deleted'' AND gone.purge_at <= now())';
-- +goose StatementBegin
CREATE FUNCTION h_open_purge() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    t record;
    over text := 'h_purgeable(tenant_id)';
BEGIN
    FOR t IN
        SELECT c.oid, c.relname, EXISTS (SELECT FROM pg_attribute i WHERE i.attrelid = c.oid AND i.attname = 'id' AND NOT i.attisdropped) AS has_id
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND c.relname NOT IN ('events', 'tenant_purges') AND c.relname NOT LIKE 'audit%'
          AND NOT has_table_privilege('trellis_system', c.oid, 'DELETE')
          AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'purge')
    LOOP
        EXECUTE format('GRANT SELECT (%s), DELETE ON %I TO trellis_system', CASE WHEN t.has_id THEN 'tenant_id, id' ELSE 'tenant_id' END, t.relname);
        EXECUTE format('CREATE POLICY purge ON %I AS RESTRICTIVE FOR DELETE TO trellis_system USING (%s)', t.relname, over);
        EXECUTE format('CREATE POLICY purge_sees ON %I FOR SELECT TO trellis_system USING (%s)', t.relname, over);
        EXECUTE format('CREATE POLICY purge_deletes ON %I FOR DELETE TO trellis_system USING (%s)', t.relname, over);
    END LOOP;
END $$;
-- +goose StatementEnd
SELECT h_open_purge();

-- +goose Down
-- +goose StatementBegin
DO $$
DECLARE
    p record;
BEGIN
    FOR p IN SELECT polname, polrelid::regclass AS t FROM pg_policy WHERE polname IN ('purge', 'purge_sees', 'purge_deletes') LOOP
        EXECUTE format('DROP POLICY %I ON %s', p.polname, p.t);
        EXECUTE format('REVOKE DELETE ON %s FROM trellis_system', p.t);
    END LOOP;
END $$;
-- +goose StatementEnd
DROP FUNCTION h_open_purge, h_purgeable;
DROP INDEX h_messages_resent_of;
DROP TABLE tenant_purges;
