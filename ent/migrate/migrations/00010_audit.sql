-- +goose Up
-- The audit log: who changed what, from where, and in whose name. It only
-- grows. Nobody but the owner of the database can change or delete a row of it,
-- and the chain shows where he did.

CREATE TABLE audit_entries (
    id          uuid        NOT NULL PRIMARY KEY,
    tenant_id   uuid        NOT NULL,
    action      text        NOT NULL,
    object_kind text        NOT NULL,
    object_id   uuid        NOT NULL,
    actor_kind  text        NOT NULL,
    actor_id    uuid,
    actor_name  text        NOT NULL DEFAULT '',
    -- The person behind the actor: the user himself, or a key's creator.
    user_id     uuid,
    -- Where that person is at home, so that it can be told who comes from above.
    actor_home   text        NOT NULL DEFAULT '',
    act_as_id   uuid,
    address     text        NOT NULL DEFAULT '',
    request_id  text        NOT NULL DEFAULT '',
    -- json and not jsonb: the chain covers these very bytes.
    details     json        NOT NULL,
    changes     json        NOT NULL,
    created_at  timestamptz NOT NULL
);
CREATE INDEX h_audit_entries_tenant ON audit_entries (tenant_id, created_at, id);
CREATE INDEX h_audit_entries_object ON audit_entries (tenant_id, object_id, created_at, id);
CREATE INDEX h_audit_entries_user ON audit_entries (tenant_id, user_id, created_at, id);
CREATE INDEX h_audit_entries_time ON audit_entries (created_at, id);
ALTER TABLE audit_entries ADD CONSTRAINT h_audit_entries_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id);

-- Entries that have no number yet. Written with them, removed by the relay.
CREATE TABLE audit_pending (
    entry_id   uuid        NOT NULL PRIMARY KEY,
    tenant_id  uuid        NOT NULL,
    created_at timestamptz NOT NULL
);

-- Each tenant's entries in their order, each hashed with all before it.
CREATE TABLE audit_chain (
    tenant_id  uuid        NOT NULL,
    seq        bigint      NOT NULL CHECK (seq > 0),
    entry_id   uuid        NOT NULL UNIQUE,
    hash       bytea       NOT NULL CHECK (length(hash) = 32),
    chained_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, seq)
);

-- How long each chain is, signed: a chain whose end was cut off is as good as a
-- whole one in itself. The row of the nil tenant counts all entries of all
-- chains, so that none can be taken away as a whole.
CREATE TABLE audit_heads (
    tenant_id uuid   NOT NULL PRIMARY KEY,
    seq       bigint NOT NULL,
    hash      bytea  NOT NULL,
    mac       bytea  NOT NULL
);

-- +goose StatementBegin
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['audit_entries', 'audit_pending', 'audit_chain', 'audit_heads'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY system ON %I TO trellis_system USING (true) WITH CHECK (true)', t);
    END LOOP;
    -- A tenant reads its own entries, and a reseller those of its subtree as it
    -- stands now. It writes its own.
    FOREACH t IN ARRAY ARRAY['audit_entries', 'audit_chain'] LOOP
        EXECUTE format($f$CREATE POLICY subtree ON %I FOR SELECT TO trellis_app
            USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid OR EXISTS (
                SELECT FROM tenants WHERE tenants.id = %I.tenant_id
                  AND starts_with(tenants.path, nullif(current_setting('app.path', true), ''))))$f$, t, t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['audit_entries', 'audit_pending'] LOOP
        EXECUTE format($f$CREATE POLICY tenant ON %I FOR INSERT TO trellis_app
            WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)$f$, t);
    END LOOP;
END $$;
-- +goose StatementEnd
CREATE POLICY own ON audit_pending FOR SELECT TO trellis_app
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);

GRANT SELECT, INSERT ON audit_entries, audit_pending TO trellis_app;
GRANT SELECT ON audit_chain TO trellis_app;
GRANT SELECT, INSERT ON audit_entries, audit_chain TO trellis_system;
GRANT SELECT, INSERT, DELETE ON audit_pending TO trellis_system;
GRANT SELECT, INSERT, UPDATE (seq, hash, mac) ON audit_heads TO trellis_system;

-- +goose Down
DROP TABLE audit_heads, audit_chain, audit_pending, audit_entries;
