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
    FOREACH t IN ARRAY ARRAY['tenants', 'users', 'sessions', 'api_keys', 'numbers', 'number_holdings', 'channels',
        'messages', 'attachments', 'opt_outs', 'provider_events', 'events', 'idempotency_keys', 'signing_keys'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY system ON %I TO trellis_system USING (true) WITH CHECK (true)', t);
    END LOOP;
END $$;
-- +goose StatementEnd

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

GRANT SELECT, INSERT, UPDATE ON tenants, users, sessions, opt_outs, provider_events, signing_keys TO trellis_system;
GRANT SELECT, UPDATE ON api_keys, channels, messages, attachments TO trellis_system;
GRANT SELECT, UPDATE ON numbers TO trellis_system;
GRANT SELECT ON number_holdings TO trellis_system;
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
