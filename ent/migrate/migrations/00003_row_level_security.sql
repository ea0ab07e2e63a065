-- +goose Up
-- The second wall (row level security). Both login roles own nothing; policies
-- are forced, so that not even the owner reads past them. Without the settings
-- of a transaction nullif(…) is null and every row is hidden.

-- +goose StatementBegin
DO $$
DECLARE
    t text;
BEGIN
    -- Rows of one tenant.
    FOREACH t IN ARRAY ARRAY['users', 'sessions', 'api_keys', 'channels', 'contacts', 'contact_addresses',
        'interactions', 'messages', 'attachments', 'opt_outs', 'provider_events', 'message_status_events',
        'events', 'idempotency_keys'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format($f$CREATE POLICY tenant ON %I TO trellis_app
            USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
            WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)$f$, t);
    END LOOP;

    -- What work without a tenant may reach; everything else it cannot see.
    FOREACH t IN ARRAY ARRAY['users', 'sessions', 'api_keys', 'numbers', 'channels', 'messages',
        'attachments', 'opt_outs', 'provider_events', 'events', 'idempotency_keys', 'signing_keys'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY system ON %I TO trellis_system USING (true) WITH CHECK (true)', t);
    END LOOP;
END $$;
-- +goose StatementEnd

ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON tenants FOR SELECT TO trellis_system USING (true);
CREATE POLICY root ON tenants FOR INSERT TO trellis_system WITH CHECK (parent_id IS NULL);
ALTER TABLE number_holdings ENABLE ROW LEVEL SECURITY;
ALTER TABLE number_holdings FORCE ROW LEVEL SECURITY;

-- What a subtree may see: nodes, and the numbers that its nodes hold.
CREATE POLICY subtree ON tenants TO trellis_app
    USING (starts_with(path, nullif(current_setting('app.path', true), '')))
    WITH CHECK (starts_with(path, nullif(current_setting('app.path', true), '')));
CREATE POLICY subtree ON numbers TO trellis_app
    USING (starts_with(holder_path, nullif(current_setting('app.path', true), '')))
    WITH CHECK (starts_with(holder_path, nullif(current_setting('app.path', true), '')));
CREATE POLICY subtree ON number_holdings TO trellis_app
    USING (starts_with(holder_path, nullif(current_setting('app.path', true), '')))
    WITH CHECK (starts_with(holder_path, nullif(current_setting('app.path', true), '')));

-- Rights. Nothing is deleted but expired idempotency keys; logs only grow.
GRANT SELECT, INSERT, UPDATE ON tenants, users, sessions, api_keys, numbers, number_holdings, channels, contacts,
    contact_addresses, interactions, messages, attachments, opt_outs, provider_events TO trellis_app;
GRANT SELECT, INSERT ON events, message_status_events TO trellis_app;
GRANT SELECT, INSERT, UPDATE ON idempotency_keys TO trellis_app;

-- The system role serves those who have not signed in: it reads what it has to
-- find, and changes no more than the columns named here. Of tenants it makes
-- the root alone.
GRANT SELECT ON tenants, users, sessions, api_keys, numbers, channels, messages, attachments TO trellis_system;
GRANT INSERT ON tenants TO trellis_system;
GRANT UPDATE (last_used_at, updated_at, version) ON api_keys TO trellis_system;
GRANT UPDATE (due_at) ON messages, attachments, channels TO trellis_system;
GRANT UPDATE (credentials) ON channels, numbers TO trellis_system;
GRANT SELECT, INSERT, UPDATE (due_at) ON provider_events TO trellis_system;
GRANT SELECT, INSERT, UPDATE (ended_at, updated_at, version) ON opt_outs TO trellis_system;
GRANT SELECT, INSERT, UPDATE ON signing_keys TO trellis_system;
GRANT SELECT, INSERT ON events TO trellis_system;
GRANT SELECT, DELETE ON idempotency_keys TO trellis_system;

-- +goose Down
-- +goose StatementBegin
DO $$
DECLARE
    p record;
BEGIN
    FOR p IN SELECT polname, polrelid::regclass AS t FROM pg_policy LOOP
        EXECUTE format('DROP POLICY %I ON %s', p.polname, p.t);
        EXECUTE format('ALTER TABLE %s DISABLE ROW LEVEL SECURITY', p.t);
    END LOOP;
END $$;
-- +goose StatementEnd
