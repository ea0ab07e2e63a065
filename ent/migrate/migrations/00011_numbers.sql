-- +goose Up
-- modify "numbers" table
ALTER TABLE "numbers" ADD COLUMN "status" character varying NOT NULL DEFAULT 'active', ADD COLUMN "retired_at" timestamptz NULL;
-- drop index "number_address" from table: "numbers"
DROP INDEX "number_address";
-- modify "channels" table
ALTER TABLE "channels" ADD COLUMN "blocked" boolean NOT NULL DEFAULT false, ADD COLUMN "destination_type" character varying NOT NULL DEFAULT 'tenant', ADD COLUMN "destination_user_id" uuid NULL, ADD COLUMN "destination_queue_id" uuid NULL, ADD COLUMN "restricted" boolean NOT NULL DEFAULT false;
-- modify "interactions" table
ALTER TABLE "interactions" ADD COLUMN "queue_id" uuid NULL;
-- create "queues" table
CREATE TABLE "queues" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "tenant_id" uuid NOT NULL, "name" text NOT NULL, "archived_at" timestamptz NULL, PRIMARY KEY ("id"));
-- create index "queue_tenant_id_id" to table: "queues"
CREATE UNIQUE INDEX "queue_tenant_id_id" ON "queues" ("tenant_id", "id");
-- create "sender_ids" table
CREATE TABLE "sender_ids" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "tenant_id" uuid NOT NULL, "name" text NOT NULL, PRIMARY KEY ("id"));
-- create index "senderid_tenant_id_id" to table: "sender_ids"
CREATE UNIQUE INDEX "senderid_tenant_id_id" ON "sender_ids" ("tenant_id", "id");

-- Names instead of numbers.
CREATE UNIQUE INDEX h_sender_ids_name ON sender_ids (tenant_id, lower(name));
ALTER TABLE sender_ids ADD CONSTRAINT h_sender_ids_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id);

-- Queues, and who answers there; who may choose a channel.
CREATE UNIQUE INDEX h_queues_name ON queues (tenant_id, lower(name)) WHERE archived_at IS NULL;
ALTER TABLE queues ADD CONSTRAINT h_queues_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id);
CREATE TABLE queue_members (
    tenant_id  uuid        NOT NULL,
    queue_id   uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, queue_id, user_id),
    CONSTRAINT h_queue_members_queue FOREIGN KEY (tenant_id, queue_id) REFERENCES queues (tenant_id, id),
    CONSTRAINT h_queue_members_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
CREATE INDEX h_queue_members_user ON queue_members (tenant_id, user_id);
CREATE TABLE channel_members (
    tenant_id  uuid        NOT NULL,
    channel_id uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, channel_id, user_id),
    CONSTRAINT h_channel_members_channel FOREIGN KEY (tenant_id, channel_id) REFERENCES channels (tenant_id, id),
    CONSTRAINT h_channel_members_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
ALTER TABLE channels
    ADD CONSTRAINT h_channels_destination_user FOREIGN KEY (tenant_id, destination_user_id) REFERENCES users (tenant_id, id),
    ADD CONSTRAINT h_channels_destination_queue FOREIGN KEY (tenant_id, destination_queue_id) REFERENCES queues (tenant_id, id),
    ADD CONSTRAINT h_channels_destination CHECK ((destination_type <> 'user' OR destination_user_id IS NOT NULL)
        AND (destination_type <> 'queue' OR destination_queue_id IS NOT NULL));
ALTER TABLE interactions ADD CONSTRAINT h_interactions_queue FOREIGN KEY (tenant_id, queue_id) REFERENCES queues (tenant_id, id);
CREATE INDEX h_interactions_queued ON interactions (tenant_id, queue_id, last_message_at, id) WHERE assignee_id IS NULL;
CREATE INDEX h_interactions_queue ON interactions (tenant_id, queue_id, last_message_at, id) WHERE queue_id IS NOT NULL;

-- +goose StatementBegin
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['queues', 'queue_members', 'channel_members', 'sender_ids'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format($f$CREATE POLICY tenant ON %I TO trellis_app
            USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
            WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)$f$, t);
    END LOOP;
END $$;
-- +goose StatementEnd
-- Who belongs to a queue or a channel is a present fact: the log has the past.
GRANT SELECT, INSERT, UPDATE ON queues TO trellis_app;
GRANT SELECT, INSERT, DELETE ON queue_members, channel_members TO trellis_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON sender_ids TO trellis_app;

-- A number that was retired may come again: carriers hand numbers out anew.
CREATE UNIQUE INDEX h_numbers_address ON numbers (address) WHERE status <> 'retired';
ALTER TABLE numbers ADD CONSTRAINT h_numbers_retired CHECK ((status = 'retired') = (retired_at IS NOT NULL));

-- All holdings of a number, those that have ended among them.
CREATE INDEX h_channels_of_number ON channels (number_id) WHERE number_id IS NOT NULL;

-- How a holding began: each hop of a number's way is one.
ALTER TABLE number_holdings ADD COLUMN cause text NOT NULL DEFAULT 'assigned'
    CHECK (cause IN ('added', 'assigned', 'reclaimed', 'returned'));

-- Whoever texted STOP to a number is not sent bulk messages from it, whoever
-- holds it next. A holder is told that, and neither since when nor from whom:
-- it may read the two columns below of the numbers that it holds, and finds an
-- address only by asking for it.
CREATE TABLE number_suppressions (
    id           uuid        NOT NULL PRIMARY KEY,
    number_id    uuid        NOT NULL REFERENCES numbers (id),
    address_hash bytea       NOT NULL,
    source       text        NOT NULL CHECK (source IN ('keyword', 'carrier')),
    started_at   timestamptz NOT NULL,
    ended_at     timestamptz
);
CREATE UNIQUE INDEX h_number_suppressions_active ON number_suppressions (number_id, address_hash) WHERE ended_at IS NULL;

-- Opt-outs that are in force on numbers are facts of the numbers, too.
ALTER TABLE opt_outs NO FORCE ROW LEVEL SECURITY;
ALTER TABLE channels NO FORCE ROW LEVEL SECURITY;
INSERT INTO number_suppressions (id, number_id, address_hash, source, started_at)
SELECT DISTINCT ON (c.number_id, o.address) o.id, c.number_id,
    sha256(convert_to(c.number_id::text || ' ' || o.address, 'UTF8')), o.source, o.created_at
FROM opt_outs o JOIN channels c ON c.tenant_id = o.tenant_id AND c.id = o.channel_id
WHERE c.number_id IS NOT NULL AND o.ended_at IS NULL
ORDER BY c.number_id, o.address, o.created_at;
ALTER TABLE opt_outs FORCE ROW LEVEL SECURITY;
ALTER TABLE channels FORCE ROW LEVEL SECURITY;

ALTER TABLE number_suppressions ENABLE ROW LEVEL SECURITY;
ALTER TABLE number_suppressions FORCE ROW LEVEL SECURITY;
CREATE POLICY holder ON number_suppressions TO trellis_app
    USING (EXISTS (SELECT FROM numbers n WHERE n.id = number_id
        AND n.holder_id = nullif(current_setting('app.tenant_id', true), '')::uuid))
    WITH CHECK (EXISTS (SELECT FROM numbers n WHERE n.id = number_id
        AND n.holder_id = nullif(current_setting('app.tenant_id', true), '')::uuid));
CREATE POLICY system ON number_suppressions TO trellis_system USING (true) WITH CHECK (true);
GRANT SELECT (number_id, address_hash, ended_at), INSERT, UPDATE (ended_at) ON number_suppressions TO trellis_app;
GRANT SELECT (number_id, address_hash, ended_at), INSERT, UPDATE (ended_at) ON number_suppressions TO trellis_system;

-- A channel in use is a number of its holder's. The number is locked, so that
-- it cannot move on while somebody takes it.
-- +goose StatementBegin
CREATE FUNCTION h_channel_holds_number() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER SET search_path = public AS $$
BEGIN
    IF NEW.number_id IS NULL OR NEW.status = 'released' THEN
        RETURN NEW;
    END IF;
    PERFORM 1 FROM numbers n WHERE n.id = NEW.number_id AND n.holder_id = NEW.tenant_id AND n.status <> 'retired' FOR SHARE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the channel''s tenant does not hold the number'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'h_channels_number_held', TABLE = 'channels';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER h_channels_number_held BEFORE INSERT OR UPDATE OF tenant_id, number_id, status ON channels
    FOR EACH ROW EXECUTE FUNCTION h_channel_holds_number();

-- A number stands where its holder stands, and so does the record of a holding
-- that begins. At the end of the transaction, because a node and its numbers
-- may move in two statements.
-- +goose StatementBegin
CREATE FUNCTION h_holder_stands_there() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER SET search_path = public AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM tenants t WHERE t.id = NEW.holder_id AND t.path = NEW.holder_path) THEN
        RAISE EXCEPTION 'the holder does not stand at this path'
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE CONSTRAINT TRIGGER h_numbers_holder_path AFTER INSERT OR UPDATE OF holder_id, holder_path ON numbers
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION h_holder_stands_there();
CREATE CONSTRAINT TRIGGER h_number_holdings_holder_path AFTER INSERT OR UPDATE OF holder_id, holder_path ON number_holdings
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION h_holder_stands_there();

-- The operator's role is given to people of the operator alone.
-- +goose StatementBegin
CREATE FUNCTION h_operator_role_at_operator() RETURNS trigger LANGUAGE plpgsql SECURITY INVOKER SET search_path = public AS $$
BEGIN
    IF NEW.role = 'operator' AND NOT EXISTS (SELECT FROM tenants t WHERE t.id = NEW.tenant_id AND t.kind = 'operator') THEN
        RAISE EXCEPTION 'the operator''s role is not given here'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'h_users_operator_role', TABLE = 'users';
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER h_users_operator_role BEFORE INSERT OR UPDATE OF tenant_id, role ON users
    FOR EACH ROW EXECUTE FUNCTION h_operator_role_at_operator();

-- What no service changes, no statement changes: the kind of a node, whose a
-- number is and how it is called, and what a holding was.
-- +goose StatementBegin
DO $$
DECLARE
    fixed  record;
    column_name text;
BEGIN
    FOR fixed IN SELECT * FROM (VALUES
        ('tenants', ARRAY['id', 'created_at', 'kind']),
        ('numbers', ARRAY['id', 'created_at', 'address', 'provider', 'hook_token', 'owner_id']),
        ('number_holdings', ARRAY['id', 'number_id', 'holder_id', 'actor_kind', 'actor_id', 'started_at', 'cause'])
    ) AS f (on_table, columns) LOOP
        EXECUTE format('REVOKE UPDATE ON %I FROM trellis_app', fixed.on_table);
        FOR column_name IN SELECT a.attname FROM pg_attribute a
            WHERE a.attrelid = fixed.on_table::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> ALL (fixed.columns)
        LOOP
            EXECUTE format('GRANT UPDATE (%I) ON %I TO trellis_app', column_name, fixed.on_table);
        END LOOP;
    END LOOP;
END $$;
-- +goose StatementEnd

-- +goose Down
GRANT UPDATE ON tenants, numbers, number_holdings TO trellis_app;
DROP TRIGGER h_users_operator_role ON users;
DROP TRIGGER h_number_holdings_holder_path ON number_holdings;
DROP TRIGGER h_numbers_holder_path ON numbers;
DROP TRIGGER h_channels_number_held ON channels;
DROP FUNCTION h_operator_role_at_operator(), h_holder_stands_there(), h_channel_holds_number();
DROP TABLE number_suppressions;
ALTER TABLE number_holdings DROP COLUMN cause;
DROP INDEX h_numbers_address, h_channels_of_number;
ALTER TABLE interactions DROP COLUMN queue_id;
ALTER TABLE channels DROP COLUMN restricted, DROP COLUMN destination_queue_id, DROP COLUMN destination_user_id, DROP COLUMN destination_type;
DROP TABLE sender_ids, channel_members, queue_members, queues;
ALTER TABLE channels DROP COLUMN blocked;
ALTER TABLE numbers DROP CONSTRAINT h_numbers_retired, DROP COLUMN retired_at, DROP COLUMN status;
CREATE UNIQUE INDEX "number_address" ON "numbers" ("address");
