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

ALTER TABLE "users" ADD COLUMN "password_changed_at" timestamptz NULL, ADD COLUMN "password_warned_at" timestamptz NULL, ADD COLUMN "second_factor_due_at" timestamptz NULL;
-- Whose password is about to expire.
CREATE INDEX h_users_password_age ON users (tenant_id, (coalesce(password_changed_at, created_at))) WHERE status = 'active';

-- Failed attempts to sign in, of an address at an account and at an account as
-- a whole. The key is a keyed hash: the table tells neither a login nor an
-- address, and an unknown login is counted like a known one.
CREATE TABLE sign_in_attempts (
    key           bytea       NOT NULL PRIMARY KEY,
    failures      int         NOT NULL,
    last_at       timestamptz NOT NULL,
    delayed_until timestamptz,
    succeeded_at  timestamptz
);
CREATE INDEX h_sign_in_attempts_last ON sign_in_attempts (last_at);

-- The way back for who has forgotten his password.
CREATE TABLE password_resets (
    id         uuid        NOT NULL PRIMARY KEY,
    tenant_id  uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    token_hash bytea       NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at   timestamptz
);
CREATE UNIQUE INDEX h_password_resets_token ON password_resets (token_hash);
CREATE INDEX h_password_resets_user ON password_resets (tenant_id, user_id, created_at);
CREATE INDEX h_password_resets_created ON password_resets (created_at);

-- A user's second factor: a secret that his device has too. last_step is the
-- period of the last code that was used, so that none is used twice.
CREATE TABLE second_factors (
    tenant_id    uuid        NOT NULL,
    user_id      uuid        NOT NULL,
    secret       bytea, -- null where it was switched off
    created_at   timestamptz NOT NULL,
    confirmed_at timestamptz,
    last_step    bigint      NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, user_id)
);
-- Codes for who has lost the device, each good once.
CREATE TABLE recovery_codes (
    tenant_id  uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    hash       bytea       NOT NULL,
    created_at timestamptz NOT NULL,
    ended_at   timestamptz,
    PRIMARY KEY (tenant_id, user_id, hash)
);
-- Sign-ins that wait for their second factor.
CREATE TABLE sign_in_challenges (
    id         uuid        NOT NULL PRIMARY KEY,
    tenant_id  uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    token_hash bytea       NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    tries      int         NOT NULL DEFAULT 0,
    ended_at   timestamptz
);
CREATE UNIQUE INDEX h_sign_in_challenges_token ON sign_in_challenges (token_hash);
CREATE INDEX h_sign_in_challenges_user ON sign_in_challenges (tenant_id, user_id);
CREATE INDEX h_sign_in_challenges_created ON sign_in_challenges (created_at);

ALTER TABLE password_resets    ADD CONSTRAINT h_password_resets_user_id FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id);
ALTER TABLE second_factors     ADD CONSTRAINT h_second_factors_user_id FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id);
ALTER TABLE recovery_codes     ADD CONSTRAINT h_recovery_codes_user_id FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id);
ALTER TABLE sign_in_challenges ADD CONSTRAINT h_sign_in_challenges_user_id FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id);

-- +goose StatementBegin
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['sign_in_attempts', 'password_resets', 'second_factors', 'recovery_codes', 'sign_in_challenges'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['password_resets', 'second_factors', 'recovery_codes', 'sign_in_challenges'] LOOP
        EXECUTE format($f$CREATE POLICY tenant ON %I TO trellis_app
            USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
            WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)$f$, t);
    END LOOP;
    -- Who signs in has no tenant yet; what is over is removed; secrets are sealed
    -- anew. recovery_codes are looked at under the user's tenant alone.
    FOREACH t IN ARRAY ARRAY['sign_in_attempts', 'password_resets', 'second_factors', 'sign_in_challenges'] LOOP
        EXECUTE format('CREATE POLICY system ON %I TO trellis_system USING (true) WITH CHECK (true)', t);
    END LOOP;
END $$;
-- +goose StatementEnd
GRANT SELECT, INSERT, UPDATE ON password_resets, second_factors, recovery_codes, sign_in_challenges TO trellis_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_attempts TO trellis_system;
GRANT SELECT, DELETE ON password_resets, sign_in_challenges TO trellis_system;
GRANT SELECT, UPDATE (secret) ON second_factors TO trellis_system;

-- Signing in at a tenant's own OpenID provider.
ALTER TABLE "sessions" ADD COLUMN "method" character varying NOT NULL DEFAULT 'password';
ALTER TABLE sign_in_challenges ADD COLUMN method text NOT NULL DEFAULT 'password';
CREATE TABLE single_sign_on (
    tenant_id       uuid        NOT NULL PRIMARY KEY,
    issuer          text        NOT NULL,
    client_id       text        NOT NULL,
    client_secret   bytea, -- null where it was removed
    domains         jsonb       NOT NULL,
    allow_passwords boolean     NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    version         int         NOT NULL
);
-- Browsers that are at the provider. Of the state only the hash is kept.
CREATE TABLE sign_in_flows (
    state_hash bytea       NOT NULL PRIMARY KEY,
    tenant_id  uuid        NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    ended_at   timestamptz
);
CREATE INDEX h_sign_in_flows_created ON sign_in_flows (created_at);
-- Who a user is at a provider, from his first sign-in there on.
CREATE TABLE single_sign_on_links (
    tenant_id  uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    issuer     text        NOT NULL,
    subject    text        NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, user_id, issuer)
);
CREATE UNIQUE INDEX h_single_sign_on_links_subject ON single_sign_on_links (tenant_id, issuer, subject);
ALTER TABLE single_sign_on       ADD CONSTRAINT h_single_sign_on_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id);
ALTER TABLE sign_in_flows        ADD CONSTRAINT h_sign_in_flows_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id);
ALTER TABLE single_sign_on_links ADD CONSTRAINT h_single_sign_on_links_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id);

-- +goose StatementBegin
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['single_sign_on', 'sign_in_flows', 'single_sign_on_links'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format($f$CREATE POLICY tenant ON %I TO trellis_app
            USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
            WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)$f$, t);
    END LOOP;
    -- Who comes back from a provider has no tenant yet; whether passwords are
    -- allowed is asked before anybody is in.
    FOREACH t IN ARRAY ARRAY['single_sign_on', 'sign_in_flows'] LOOP
        EXECUTE format('CREATE POLICY system ON %I TO trellis_system USING (true) WITH CHECK (true)', t);
    END LOOP;
END $$;
-- +goose StatementEnd
GRANT SELECT, INSERT, UPDATE ON single_sign_on TO trellis_app;
GRANT SELECT, INSERT ON sign_in_flows, single_sign_on_links TO trellis_app;
GRANT SELECT, DELETE, UPDATE (ended_at) ON sign_in_flows TO trellis_system;
GRANT SELECT, UPDATE (client_secret) ON single_sign_on TO trellis_system;

-- +goose Down
DROP TABLE single_sign_on_links, sign_in_flows, single_sign_on;
ALTER TABLE "sessions" DROP COLUMN "method";
DROP TABLE sign_in_challenges, recovery_codes, second_factors, password_resets, sign_in_attempts;
DROP INDEX h_users_password_age;
ALTER TABLE "users" DROP COLUMN "second_factor_due_at", DROP COLUMN "password_warned_at", DROP COLUMN "password_changed_at";
DROP TABLE mails;
