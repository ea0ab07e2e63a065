-- +goose Up
-- What colleagues say to one another, and whose conversations are whose.

-- modify "attachments" table
ALTER TABLE "attachments" ADD COLUMN "staff_message_id" uuid NULL;
-- create index "attachment_tenant_id_staff_message_id" to table: "attachments"
CREATE INDEX "attachment_tenant_id_staff_message_id" ON "attachments" ("tenant_id", "staff_message_id");
-- modify "contact_addresses" table
ALTER TABLE "contact_addresses" ADD COLUMN "by_link" boolean NOT NULL DEFAULT false;
-- modify "contacts" table
ALTER TABLE "contacts" ADD COLUMN "name_folded" text NOT NULL DEFAULT '', ADD COLUMN "email" text NOT NULL DEFAULT '', ADD COLUMN "facebook_page" text NOT NULL DEFAULT '', ADD COLUMN "location" text NOT NULL DEFAULT '';
-- create "staff_chats" table
CREATE TABLE "staff_chats" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "tenant_id" uuid NOT NULL, "kind" character varying NOT NULL, "name" text NOT NULL DEFAULT '', "read_only" boolean NOT NULL DEFAULT false, "pair" text NULL, "created_by_id" uuid NOT NULL, "last_seq" bigint NOT NULL DEFAULT 0, "active_at" timestamptz NOT NULL, "archived_at" timestamptz NULL, PRIMARY KEY ("id"));
-- create index "staffchat_tenant_id_id" to table: "staff_chats"
CREATE UNIQUE INDEX "staffchat_tenant_id_id" ON "staff_chats" ("tenant_id", "id");
-- create "staff_messages" table
CREATE TABLE "staff_messages" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "tenant_id" uuid NOT NULL, "chat_id" uuid NOT NULL, "seq" bigint NOT NULL, "sender_id" uuid NOT NULL, "body" text NOT NULL, "client_message_id" text NULL, "edited_at" timestamptz NULL, "deleted_at" timestamptz NULL, PRIMARY KEY ("id"));
-- create index "staffmessage_tenant_id_chat_id_seq" to table: "staff_messages"
CREATE UNIQUE INDEX "staffmessage_tenant_id_chat_id_seq" ON "staff_messages" ("tenant_id", "chat_id", "seq");
-- create index "staffmessage_tenant_id_id" to table: "staff_messages"
CREATE UNIQUE INDEX "staffmessage_tenant_id_id" ON "staff_messages" ("tenant_id", "id");
-- create index "staffmessage_tenant_id_sender_id_client_message_id" to table: "staff_messages"
CREATE UNIQUE INDEX "staffmessage_tenant_id_sender_id_client_message_id" ON "staff_messages" ("tenant_id", "sender_id", "client_message_id");

-- There is one private chat of two people.
CREATE UNIQUE INDEX h_staff_chats_pair ON staff_chats (tenant_id, pair) WHERE pair IS NOT NULL;
ALTER TABLE staff_chats
    ADD CONSTRAINT h_staff_chats_creator FOREIGN KEY (tenant_id, created_by_id) REFERENCES users (tenant_id, id),
    ADD CONSTRAINT h_staff_chats_kind CHECK ((kind = 'private') = (pair IS NOT NULL));
ALTER TABLE staff_messages
    ADD CONSTRAINT h_staff_messages_chat FOREIGN KEY (tenant_id, chat_id) REFERENCES staff_chats (tenant_id, id),
    ADD CONSTRAINT h_staff_messages_sender FOREIGN KEY (tenant_id, sender_id) REFERENCES users (tenant_id, id);
ALTER TABLE attachments
    ADD CONSTRAINT h_attachments_staff_message FOREIGN KEY (tenant_id, staff_message_id) REFERENCES staff_messages (tenant_id, id);

-- Who is in a chat, and how far he has read.
CREATE TABLE staff_chat_members (
    tenant_id  uuid        NOT NULL,
    chat_id    uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    role       text        NOT NULL CHECK (role IN ('admin', 'member')),
    read_only  boolean     NOT NULL DEFAULT false,
    read_seq   bigint      NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, chat_id, user_id),
    CONSTRAINT h_staff_chat_members_chat FOREIGN KEY (tenant_id, chat_id) REFERENCES staff_chats (tenant_id, id),
    CONSTRAINT h_staff_chat_members_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
CREATE INDEX h_staff_chat_members_user ON staff_chat_members (tenant_id, user_id);

-- +goose StatementBegin
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['staff_chats', 'staff_messages', 'staff_chat_members'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format($f$CREATE POLICY tenant ON %I TO trellis_app
            USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
            WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)$f$, t);
    END LOOP;
END $$;
-- +goose StatementEnd
-- What was written keeps its place and its author; a member who goes is gone.
GRANT SELECT, INSERT ON staff_chats, staff_messages TO trellis_app;
GRANT UPDATE (name, read_only, last_seq, active_at, archived_at, updated_at, version) ON staff_chats TO trellis_app;
GRANT UPDATE (body, edited_at, deleted_at, updated_at, version) ON staff_messages TO trellis_app;
GRANT SELECT, INSERT, UPDATE (role, read_only, read_seq), DELETE ON staff_chat_members TO trellis_app;

-- Contacts are found by how their names begin, and lose addresses. A customer's
-- journey is his conversations, the newest first.
ALTER TABLE contacts NO FORCE ROW LEVEL SECURITY;
UPDATE contacts SET name_folded = lower(name) WHERE name <> '';
ALTER TABLE contacts FORCE ROW LEVEL SECURITY;
CREATE INDEX h_contacts_name_prefix ON contacts (tenant_id, name_folded text_pattern_ops) WHERE name <> '';
GRANT DELETE ON contact_addresses TO trellis_app;
CREATE INDEX h_interactions_journey ON interactions (tenant_id, contact_id, id);
SELECT h_open_purge();

-- +goose Down
DROP INDEX h_interactions_journey, h_contacts_name_prefix;
REVOKE DELETE ON contact_addresses FROM trellis_app;
-- reverse: modify "attachments" table
ALTER TABLE "attachments" DROP COLUMN "staff_message_id";
DROP TABLE staff_chat_members, staff_messages, staff_chats;
-- reverse: modify "contacts" table
ALTER TABLE "contacts" DROP COLUMN "location", DROP COLUMN "facebook_page", DROP COLUMN "email", DROP COLUMN "name_folded";
-- reverse: modify "contact_addresses" table
ALTER TABLE "contact_addresses" DROP COLUMN "by_link";
