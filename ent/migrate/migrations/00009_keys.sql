-- +goose Up
-- What a key is kept to, and the rotation of its secret.
ALTER TABLE "api_keys" ADD COLUMN "mode" character varying NOT NULL DEFAULT 'live', ADD COLUMN "previous_hash" bytea NULL, ADD COLUMN "previous_until" timestamptz NULL, ADD COLUMN "rotated_at" timestamptz NULL, ADD COLUMN "channel_ids" jsonb NULL, ADD COLUMN "allowed_addresses" jsonb NOT NULL DEFAULT '[]', ADD COLUMN "allowed_origins" jsonb NOT NULL DEFAULT '[]';
CREATE UNIQUE INDEX "apikey_previous_hash" ON "api_keys" ("previous_hash");
ALTER TABLE api_keys
    ADD CONSTRAINT h_api_keys_mode CHECK (mode IN ('live', 'test')),
    ADD CONSTRAINT h_api_keys_previous CHECK ((previous_hash IS NULL) = (previous_until IS NULL)),
    ADD CONSTRAINT h_api_keys_lists CHECK (
        (channel_ids IS NULL OR jsonb_typeof(channel_ids) = 'array' AND channel_ids <> '[]')
        AND jsonb_typeof(allowed_addresses) = 'array' AND jsonb_typeof(allowed_origins) = 'array');

-- Which web site may call is asked before anybody has said who he is.
CREATE INDEX h_tenants_allowed_origins ON tenants USING gin (allowed_origins jsonb_path_ops);
CREATE INDEX h_api_keys_allowed_origins ON api_keys USING gin (allowed_origins jsonb_path_ops);

-- The twin that a tenant's test keys are bound to: one for each tenant, with
-- nobody in it, nothing below it, and no way out of it.
CREATE UNIQUE INDEX h_tenants_one_sandbox ON tenants (parent_id) WHERE kind = 'sandbox';
-- +goose StatementBegin
CREATE FUNCTION h_no_users_in_sandboxes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM tenants WHERE id = NEW.tenant_id AND kind = 'sandbox') THEN
        RAISE EXCEPTION 'a sandbox has no users' USING ERRCODE = 'check_violation', CONSTRAINT = 'h_no_users_in_sandboxes';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION h_no_carriers_in_sandboxes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.provider <> 'sandbox' AND EXISTS (SELECT FROM tenants WHERE id = NEW.tenant_id AND kind = 'sandbox') THEN
        RAISE EXCEPTION 'a sandbox reaches no carrier' USING ERRCODE = 'check_violation', CONSTRAINT = 'h_no_carriers_in_sandboxes';
    END IF;
    RETURN NEW;
END $$;
CREATE FUNCTION h_nothing_below_sandboxes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM tenants WHERE id = NEW.parent_id AND kind = 'sandbox') THEN
        RAISE EXCEPTION 'a sandbox has nothing below it' USING ERRCODE = 'check_violation', CONSTRAINT = 'h_nothing_below_sandboxes';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER h_no_users_in_sandboxes BEFORE INSERT OR UPDATE OF tenant_id ON users
    FOR EACH ROW EXECUTE FUNCTION h_no_users_in_sandboxes();
CREATE TRIGGER h_no_carriers_in_sandboxes BEFORE INSERT OR UPDATE OF tenant_id, provider ON channels
    FOR EACH ROW EXECUTE FUNCTION h_no_carriers_in_sandboxes();
CREATE TRIGGER h_nothing_below_sandboxes BEFORE INSERT OR UPDATE OF parent_id ON tenants
    FOR EACH ROW EXECUTE FUNCTION h_nothing_below_sandboxes();

-- +goose Down
DROP TRIGGER h_nothing_below_sandboxes ON tenants;
DROP TRIGGER h_no_carriers_in_sandboxes ON channels;
DROP TRIGGER h_no_users_in_sandboxes ON users;
DROP FUNCTION h_nothing_below_sandboxes, h_no_carriers_in_sandboxes, h_no_users_in_sandboxes;
DROP INDEX h_tenants_one_sandbox, h_tenants_allowed_origins, h_api_keys_allowed_origins, "apikey_previous_hash";
ALTER TABLE "api_keys" DROP COLUMN "allowed_origins", DROP COLUMN "allowed_addresses", DROP COLUMN "channel_ids", DROP COLUMN "rotated_at", DROP COLUMN "previous_until", DROP COLUMN "previous_hash", DROP COLUMN "mode";
