-- +goose Up
-- Roles that tenants make themselves, and what single people were denied or
-- granted.
CREATE TABLE "custom_roles" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "tenant_id" uuid NOT NULL, "name" text NOT NULL, "description" text NOT NULL DEFAULT '', "base" character varying NOT NULL, "permissions" jsonb NOT NULL, PRIMARY KEY ("id"));
CREATE UNIQUE INDEX "customrole_tenant_id_id" ON "custom_roles" ("tenant_id", "id");
CREATE UNIQUE INDEX "customrole_tenant_id_name" ON "custom_roles" ("tenant_id", "name");
ALTER TABLE "users" ADD COLUMN "custom_role_id" uuid NULL, ADD COLUMN "denied" jsonb NULL, ADD COLUMN "granted" jsonb NULL;

ALTER TABLE custom_roles ADD CONSTRAINT h_custom_roles_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id);
ALTER TABLE users ADD CONSTRAINT h_users_custom_role FOREIGN KEY (tenant_id, custom_role_id) REFERENCES custom_roles (tenant_id, id);
CREATE INDEX h_users_custom_role ON users (tenant_id, custom_role_id) WHERE custom_role_id IS NOT NULL;

ALTER TABLE custom_roles ENABLE ROW LEVEL SECURITY;
ALTER TABLE custom_roles FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON custom_roles TO trellis_app
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
-- Who signs in is read before his tenant is known, and his role with him.
CREATE POLICY system ON custom_roles FOR SELECT TO trellis_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON custom_roles TO trellis_app;
GRANT SELECT ON custom_roles TO trellis_system;

-- +goose Down
ALTER TABLE users DROP COLUMN granted, DROP COLUMN denied, DROP COLUMN custom_role_id;
DROP TABLE custom_roles;
