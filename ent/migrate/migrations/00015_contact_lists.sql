-- +goose Up
-- modify "channels" table
ALTER TABLE "channels" ADD COLUMN "contact_list_id" uuid NULL;
-- create "contact_lists" table
CREATE TABLE "contact_lists" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "tenant_id" uuid NOT NULL, "name" text NOT NULL, "archived_at" timestamptz NULL, PRIMARY KEY ("id"));
-- create index "contactlist_tenant_id_id" to table: "contact_lists"
CREATE UNIQUE INDEX "contactlist_tenant_id_id" ON "contact_lists" ("tenant_id", "id");

-- Lists of contacts, who is on them, and the list on which a channel puts
-- senders whom nobody knew. A contact can be on several lists.
CREATE UNIQUE INDEX h_contact_lists_name ON contact_lists (tenant_id, lower(name)) WHERE archived_at IS NULL;
ALTER TABLE contact_lists ADD CONSTRAINT h_contact_lists_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id);
CREATE TABLE contact_list_members (
    tenant_id  uuid        NOT NULL,
    list_id    uuid        NOT NULL,
    contact_id uuid        NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, list_id, contact_id),
    CONSTRAINT h_contact_list_members_list FOREIGN KEY (tenant_id, list_id) REFERENCES contact_lists (tenant_id, id),
    CONSTRAINT h_contact_list_members_contact FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id)
);
CREATE INDEX h_contact_list_members_contact ON contact_list_members (tenant_id, contact_id);
ALTER TABLE channels ADD CONSTRAINT h_channels_contact_list FOREIGN KEY (tenant_id, contact_list_id) REFERENCES contact_lists (tenant_id, id);
CREATE INDEX h_channels_contact_list ON channels (tenant_id, contact_list_id) WHERE contact_list_id IS NOT NULL;

-- +goose StatementBegin
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['contact_lists', 'contact_list_members'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format($f$CREATE POLICY tenant ON %I TO trellis_app
            USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
            WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)$f$, t);
    END LOOP;
END $$;
-- +goose StatementEnd
GRANT SELECT, INSERT, UPDATE ON contact_lists TO trellis_app;
GRANT SELECT, INSERT ON contact_list_members TO trellis_app;
SELECT h_open_purge();

-- +goose Down
ALTER TABLE channels DROP COLUMN contact_list_id;
DROP TABLE contact_list_members, contact_lists;
