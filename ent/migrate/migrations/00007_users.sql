-- +goose Up
-- What a user is beyond login and role: profile, presence, how far he has come
-- (invited, archived), what he is shown, and the departments he is in.

-- modify "users" table
ALTER TABLE "users" ADD COLUMN "name_folded" text NOT NULL DEFAULT '', ADD COLUMN "kind" character varying NOT NULL DEFAULT 'person', ADD COLUMN "archived_from" character varying NULL, ADD COLUMN "archived_at" timestamptz NULL, ADD COLUMN "initial_password_until" timestamptz NULL, ADD COLUMN "invitation_hash" bytea NULL, ADD COLUMN "invited_until" timestamptz NULL, ADD COLUMN "phone" text NULL, ADD COLUMN "internal_number" text NULL, ADD COLUMN "language" text NULL, ADD COLUMN "time_zone" text NULL, ADD COLUMN "display_mode" character varying NOT NULL DEFAULT 'system', ADD COLUMN "avatar_tag" text NULL, ADD COLUMN "presence" character varying NOT NULL DEFAULT 'offline', ADD COLUMN "presence_at" timestamptz NULL, ADD COLUMN "last_seen_at" timestamptz NULL, ADD COLUMN "applications" jsonb NULL, ADD COLUMN "disabled_functions" jsonb NULL;
-- create index "user_invitation_hash" to table: "users"
CREATE UNIQUE INDEX "user_invitation_hash" ON "users" ("invitation_hash");
-- create index "user_tenant_id_status_id" to table: "users"
CREATE INDEX "user_tenant_id_status_id" ON "users" ("tenant_id", "status", "id");
-- create "departments" table
CREATE TABLE "departments" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "tenant_id" uuid NOT NULL, "name" text NOT NULL, "name_folded" text NOT NULL, "alias" text NOT NULL DEFAULT '', "email_enabled" boolean NOT NULL DEFAULT false, "chat_enabled" boolean NOT NULL DEFAULT false, PRIMARY KEY ("id"));
-- create index "department_tenant_id_id" to table: "departments"
CREATE UNIQUE INDEX "department_tenant_id_id" ON "departments" ("tenant_id", "id");

-- Names are searched by how they begin. Row level security lets an index serve
-- only comparisons that leak nothing: not LIKE, and not lower(name); hence a
-- column in small letters and the operators ~>=~ and ~<~. The table has no
-- policy for its owner, who has to step aside to fill it.
ALTER TABLE users NO FORCE ROW LEVEL SECURITY;
UPDATE users SET name_folded = lower(name);
ALTER TABLE users FORCE ROW LEVEL SECURITY;
CREATE INDEX h_users_login_prefix ON users (tenant_id, login text_pattern_ops);
CREATE INDEX h_users_name_prefix ON users (tenant_id, name_folded text_pattern_ops);
CREATE INDEX h_users_phone_prefix ON users (tenant_id, phone text_pattern_ops) WHERE phone IS NOT NULL;
CREATE UNIQUE INDEX h_users_internal_number ON users (tenant_id, internal_number text_pattern_ops) WHERE internal_number IS NOT NULL;
CREATE INDEX h_users_present ON users (tenant_id, presence, id) WHERE presence <> 'offline';
ALTER TABLE users ADD CONSTRAINT h_users_archived CHECK ((status = 'archived') = (archived_from IS NOT NULL)),
                  ADD CONSTRAINT h_users_invited CHECK (status <> 'active' OR kind = 'service' OR password_hash <> '');

-- The pictures of users. They are small and belong to the row, so that they come
-- and go with it.
CREATE TABLE user_avatars (
    tenant_id    uuid        NOT NULL,
    user_id      uuid        NOT NULL,
    content_type text        NOT NULL,
    content      bytea       NOT NULL,
    updated_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, user_id),
    CONSTRAINT h_user_avatars_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    CONSTRAINT h_user_avatars_size CHECK (octet_length(content) <= 1048576)
);

-- Who is in which department.
CREATE TABLE department_members (
    tenant_id     uuid        NOT NULL,
    department_id uuid        NOT NULL,
    user_id       uuid        NOT NULL,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, department_id, user_id),
    CONSTRAINT h_department_members_department FOREIGN KEY (tenant_id, department_id) REFERENCES departments (tenant_id, id),
    CONSTRAINT h_department_members_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
CREATE INDEX h_department_members_user ON department_members (tenant_id, user_id);
CREATE UNIQUE INDEX h_departments_name ON departments (tenant_id, name_folded);
ALTER TABLE departments ADD CONSTRAINT h_departments_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id);

-- +goose StatementBegin
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['user_avatars', 'departments', 'department_members'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format($f$CREATE POLICY tenant ON %I TO trellis_app
            USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
            WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)$f$, t);
    END LOOP;
END $$;
-- +goose StatementEnd
-- These three are deleted: the log of events says that they were there.
GRANT SELECT, INSERT, UPDATE, DELETE ON user_avatars, departments TO trellis_app;
GRANT SELECT, INSERT, DELETE ON department_members TO trellis_app;

-- +goose Down
-- Who is invited or archived must not become able to sign in.
ALTER TABLE users NO FORCE ROW LEVEL SECURITY;
UPDATE users SET status = 'disabled', archived_from = NULL WHERE status IN ('invited', 'archived');
ALTER TABLE users FORCE ROW LEVEL SECURITY;
DROP TABLE department_members, user_avatars;
DROP INDEX h_users_present, h_users_internal_number, h_users_phone_prefix, h_users_name_prefix, h_users_login_prefix;
ALTER TABLE users DROP CONSTRAINT h_users_invited, DROP CONSTRAINT h_users_archived;
-- reverse: create index "department_tenant_id_id" to table: "departments"
DROP INDEX "department_tenant_id_id";
-- reverse: create "departments" table
DROP TABLE "departments";
-- reverse: create index "user_tenant_id_status_id" to table: "users"
DROP INDEX "user_tenant_id_status_id";
-- reverse: create index "user_invitation_hash" to table: "users"
DROP INDEX "user_invitation_hash";
-- reverse: modify "users" table
ALTER TABLE "users" DROP COLUMN "disabled_functions", DROP COLUMN "applications", DROP COLUMN "last_seen_at", DROP COLUMN "presence_at", DROP COLUMN "presence", DROP COLUMN "avatar_tag", DROP COLUMN "display_mode", DROP COLUMN "time_zone", DROP COLUMN "language", DROP COLUMN "internal_number", DROP COLUMN "phone", DROP COLUMN "invited_until", DROP COLUMN "invitation_hash", DROP COLUMN "initial_password_until", DROP COLUMN "archived_at", DROP COLUMN "archived_from", DROP COLUMN "kind", DROP COLUMN "name_folded";
