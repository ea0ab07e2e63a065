-- +goose Up
-- create "brands" table
CREATE TABLE "brands" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "tenant_id" uuid NOT NULL, "product_name" text NULL, "primary_color" text NULL, "accent_color" text NULL, "theme" text NULL, "support_email" text NULL, "support_phone" text NULL, "support_url" text NULL, "sender_name" text NULL, "sender_address" text NULL, "login_text" text NULL, PRIMARY KEY ("id"));
-- create index "brand_tenant_id" to table: "brands"
CREATE UNIQUE INDEX "brand_tenant_id" ON "brands" ("tenant_id");
-- create index "brand_tenant_id_id" to table: "brands"
CREATE UNIQUE INDEX "brand_tenant_id_id" ON "brands" ("tenant_id", "id");
-- create "brand_hosts" table
CREATE TABLE "brand_hosts" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "tenant_id" uuid NOT NULL, "host" text NOT NULL, PRIMARY KEY ("id"));
-- create index "brand_hosts_host_key" to table: "brand_hosts"
CREATE UNIQUE INDEX "brand_hosts_host_key" ON "brand_hosts" ("host");
-- create index "brandhost_tenant_id_id" to table: "brand_hosts"
CREATE UNIQUE INDEX "brandhost_tenant_id_id" ON "brand_hosts" ("tenant_id", "id");
-- create "brand_logos" table
CREATE TABLE "brand_logos" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "tenant_id" uuid NOT NULL, "variant" character varying NOT NULL, "content_type" text NOT NULL, "digest" text NOT NULL, "content" bytea NOT NULL, PRIMARY KEY ("id"));
-- create index "brandlogo_digest" to table: "brand_logos"
CREATE INDEX "brandlogo_digest" ON "brand_logos" ("digest");
-- create index "brandlogo_tenant_id_id" to table: "brand_logos"
CREATE UNIQUE INDEX "brandlogo_tenant_id_id" ON "brand_logos" ("tenant_id", "id");
-- create index "brandlogo_tenant_id_variant" to table: "brand_logos"
CREATE UNIQUE INDEX "brandlogo_tenant_id_variant" ON "brand_logos" ("tenant_id", "variant");
-- create "reseller_profiles" table
CREATE TABLE "reseller_profiles" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "tenant_id" uuid NOT NULL, "legal_name" text NULL, "display_name" text NULL, "support_name" text NULL, "support_email" text NULL, "support_phone" text NULL, "default_country" text NULL, "default_time_zone" text NULL, "default_language" text NULL, PRIMARY KEY ("id"));
-- create index "resellerprofile_tenant_id" to table: "reseller_profiles"
CREATE UNIQUE INDEX "resellerprofile_tenant_id" ON "reseller_profiles" ("tenant_id");
-- create index "resellerprofile_tenant_id_id" to table: "reseller_profiles"
CREATE UNIQUE INDEX "resellerprofile_tenant_id_id" ON "reseller_profiles" ("tenant_id", "id");

-- A brand is seen by its tenant; pages before the login and mails read those
-- above as well, which is the system's work. Hosts and logos are taken back.
-- +goose StatementBegin
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['brands', 'brand_hosts', 'brand_logos', 'reseller_profiles'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format($f$CREATE POLICY tenant ON %I TO trellis_app
            USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
            WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)$f$, t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO trellis_app', t);
        EXECUTE format('ALTER TABLE %I ADD CONSTRAINT h_%s_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id)', t, t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['brands', 'brand_hosts', 'brand_logos'] LOOP
        EXECUTE format('CREATE POLICY system ON %I FOR SELECT TO trellis_system USING (true)', t);
        EXECUTE format('GRANT SELECT ON %I TO trellis_system', t);
    END LOOP;
END $$;
-- +goose StatementEnd
GRANT DELETE ON brand_hosts, brand_logos TO trellis_app;

-- +goose Down
DROP TABLE reseller_profiles, brand_logos, brand_hosts, brands;
