-- +goose Up
-- modify "attachments" table
ALTER TABLE "attachments" ADD COLUMN "note_id" uuid NULL;
-- create index "attachment_tenant_id_note_id" to table: "attachments"
CREATE INDEX "attachment_tenant_id_note_id" ON "attachments" ("tenant_id", "note_id");
-- modify "interactions" table
ALTER TABLE "interactions" ADD COLUMN "inbound" bigint NOT NULL DEFAULT 0;
-- modify "queues" table
ALTER TABLE "queues" ADD COLUMN "disposition_required" boolean NOT NULL DEFAULT false;
-- create "dispositions" table
CREATE TABLE "dispositions" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "tenant_id" uuid NOT NULL, "queue_id" uuid NULL, "name" text NOT NULL, "code" text NOT NULL DEFAULT '', "color" text NOT NULL, "hotkey" text NOT NULL DEFAULT '', "kind" character varying NOT NULL DEFAULT 'plain', "archived_at" timestamptz NULL, PRIMARY KEY ("id"));
-- create index "disposition_tenant_id_id" to table: "dispositions"
CREATE UNIQUE INDEX "disposition_tenant_id_id" ON "dispositions" ("tenant_id", "id");
-- create "internal_notes" table
CREATE TABLE "internal_notes" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "tenant_id" uuid NOT NULL, "interaction_id" uuid NOT NULL, "author_id" uuid NULL, "author_name" text NOT NULL DEFAULT '', "body" text NOT NULL, "secret" boolean NOT NULL DEFAULT false, "edited_at" timestamptz NULL, "deleted_at" timestamptz NULL, PRIMARY KEY ("id"));
-- create index "internalnote_tenant_id_id" to table: "internal_notes"
CREATE UNIQUE INDEX "internalnote_tenant_id_id" ON "internal_notes" ("tenant_id", "id");
-- create index "internalnote_tenant_id_interaction_id_id" to table: "internal_notes"
CREATE INDEX "internalnote_tenant_id_interaction_id_id" ON "internal_notes" ("tenant_id", "interaction_id", "id");
-- create "tags" table
CREATE TABLE "tags" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "tenant_id" uuid NOT NULL, "name" text NOT NULL, "color" text NOT NULL, "archived_at" timestamptz NULL, PRIMARY KEY ("id"));
-- create index "tag_tenant_id_id" to table: "tags"
CREATE UNIQUE INDEX "tag_tenant_id_id" ON "tags" ("tenant_id", "id");

-- Tags, and the conversations that have them.
CREATE UNIQUE INDEX h_tags_name ON tags (tenant_id, lower(name)) WHERE archived_at IS NULL;
ALTER TABLE tags ADD CONSTRAINT h_tags_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id);
CREATE TABLE interaction_tags (
    tenant_id      uuid        NOT NULL,
    interaction_id uuid        NOT NULL,
    tag_id         uuid        NOT NULL,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, interaction_id, tag_id),
    CONSTRAINT h_interaction_tags_interaction FOREIGN KEY (tenant_id, interaction_id) REFERENCES interactions (tenant_id, id),
    CONSTRAINT h_interaction_tags_tag FOREIGN KEY (tenant_id, tag_id) REFERENCES tags (tenant_id, id)
);
CREATE INDEX h_interaction_tags_tag ON interaction_tags (tenant_id, tag_id, interaction_id);

-- What conversations can have come to, by queue or for all, and what they did
-- come to: a row that is written once (nobody may change or remove it), and once
-- more where a conversation was opened again.
CREATE UNIQUE INDEX h_dispositions_name ON dispositions (tenant_id, queue_id, lower(name)) NULLS NOT DISTINCT WHERE archived_at IS NULL;
CREATE UNIQUE INDEX h_dispositions_code ON dispositions (tenant_id, queue_id, lower(code)) NULLS NOT DISTINCT WHERE archived_at IS NULL AND code <> '';
CREATE UNIQUE INDEX h_dispositions_hotkey ON dispositions (tenant_id, queue_id, lower(hotkey)) NULLS NOT DISTINCT WHERE archived_at IS NULL AND hotkey <> '';
ALTER TABLE dispositions ADD CONSTRAINT h_dispositions_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id),
    ADD CONSTRAINT h_dispositions_queue FOREIGN KEY (tenant_id, queue_id) REFERENCES queues (tenant_id, id);
CREATE TABLE interaction_dispositions (
    tenant_id      uuid        NOT NULL,
    interaction_id uuid        NOT NULL,
    -- When the conversation was opened again before it came to this.
    reopened_at    timestamptz,
    disposition_id uuid        NOT NULL,
    -- As it was called then.
    name           text        NOT NULL,
    note           text        NOT NULL,
    actor_id       uuid,
    created_at     timestamptz NOT NULL,
    CONSTRAINT h_interaction_dispositions_once UNIQUE NULLS NOT DISTINCT (tenant_id, interaction_id, reopened_at),
    CONSTRAINT h_interaction_dispositions_interaction FOREIGN KEY (tenant_id, interaction_id) REFERENCES interactions (tenant_id, id),
    CONSTRAINT h_interaction_dispositions_disposition FOREIGN KEY (tenant_id, disposition_id) REFERENCES dispositions (tenant_id, id)
);
CREATE INDEX h_interaction_dispositions_disposition ON interaction_dispositions (tenant_id, disposition_id);

-- Internal notes. They are no messages: nothing that sends looks here.
ALTER TABLE internal_notes ADD CONSTRAINT h_internal_notes_interaction FOREIGN KEY (tenant_id, interaction_id) REFERENCES interactions (tenant_id, id);
ALTER TABLE attachments ADD CONSTRAINT h_attachments_note FOREIGN KEY (tenant_id, note_id) REFERENCES internal_notes (tenant_id, id);
CREATE TABLE note_mentions (
    tenant_id  uuid        NOT NULL,
    note_id    uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, note_id, user_id),
    CONSTRAINT h_note_mentions_note FOREIGN KEY (tenant_id, note_id) REFERENCES internal_notes (tenant_id, id),
    CONSTRAINT h_note_mentions_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
CREATE INDEX h_note_mentions_user ON note_mentions (tenant_id, user_id);

-- What somebody has begun to write and not sent. Who works here by act-as is no
-- user of the tenant, and a key is no user at all: so here and below.
CREATE TABLE interaction_drafts (
    tenant_id      uuid        NOT NULL,
    user_id        uuid        NOT NULL,
    interaction_id uuid        NOT NULL,
    body           text        NOT NULL,
    version        bigint      NOT NULL,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, user_id, interaction_id),
    CONSTRAINT h_interaction_drafts_interaction FOREIGN KEY (tenant_id, interaction_id) REFERENCES interactions (tenant_id, id)
);
CREATE INDEX h_interaction_drafts_interaction ON interaction_drafts (tenant_id, interaction_id);

-- How far somebody has read: the last message, and how many of the customer's
-- there were then. What is unread is the difference to interactions.inbound;
-- counting behind the last message would miss one that came in late, whose id is
-- older.
CREATE TABLE interaction_reads (
    tenant_id       uuid        NOT NULL,
    interaction_id  uuid        NOT NULL,
    user_id         uuid        NOT NULL,
    last_message_id uuid,
    inbound         bigint      NOT NULL CHECK (inbound >= 0),
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, interaction_id, user_id),
    CONSTRAINT h_interaction_reads_interaction FOREIGN KEY (tenant_id, interaction_id) REFERENCES interactions (tenant_id, id),
    CONSTRAINT h_interaction_reads_message FOREIGN KEY (tenant_id, last_message_id) REFERENCES messages (tenant_id, id)
);
CREATE INDEX h_interaction_reads_message ON interaction_reads (tenant_id, last_message_id);
ALTER TABLE interactions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE messages NO FORCE ROW LEVEL SECURITY;
UPDATE interactions i SET inbound = m.n
    FROM (SELECT tenant_id, interaction_id, count(*) AS n FROM messages WHERE direction = 'inbound' GROUP BY 1, 2) m
    WHERE i.tenant_id = m.tenant_id AND i.id = m.interaction_id;
ALTER TABLE interactions FORCE ROW LEVEL SECURITY;
ALTER TABLE messages FORCE ROW LEVEL SECURITY;

-- Who looks at a conversation, for seconds at a time. What a crash would lose is
-- over by then, so the rows are in no log (UNLOGGED).
CREATE UNLOGGED TABLE interaction_viewers (
    tenant_id      uuid        NOT NULL,
    interaction_id uuid        NOT NULL,
    user_id        uuid        NOT NULL,
    name           text        NOT NULL,
    typing         boolean     NOT NULL,
    since          timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, interaction_id, user_id),
    CONSTRAINT h_interaction_viewers_interaction FOREIGN KEY (tenant_id, interaction_id) REFERENCES interactions (tenant_id, id)
);
CREATE INDEX h_interaction_viewers_user ON interaction_viewers (tenant_id, user_id, expires_at);

-- The badges: what is somebody's and open, what waits for anybody, and what of a
-- contact nobody has taken.
CREATE INDEX h_interactions_assigned_open ON interactions (tenant_id, assignee_id) WHERE status <> 'closed';
CREATE INDEX h_interactions_unassigned_unseen ON interactions (tenant_id, queue_id)
    WHERE assignee_id IS NULL AND status <> 'closed' AND unseen > 0;
CREATE INDEX h_interactions_unmanaged ON interactions (tenant_id, contact_id)
    WHERE assignee_id IS NULL AND status = 'waiting_agent';

-- +goose StatementBegin
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['tags', 'interaction_tags', 'dispositions', 'interaction_dispositions', 'internal_notes', 'note_mentions',
        'interaction_drafts', 'interaction_reads', 'interaction_viewers'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format($f$CREATE POLICY tenant ON %I TO trellis_app
            USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
            WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)$f$, t);
    END LOOP;
END $$;
-- +goose StatementEnd
GRANT SELECT, INSERT, UPDATE (name, color, archived_at, updated_at, version) ON tags TO trellis_app;
GRANT SELECT, INSERT, UPDATE (name, code, color, hotkey, kind, archived_at, updated_at, version) ON dispositions TO trellis_app;
GRANT SELECT, INSERT, UPDATE (body, edited_at, deleted_at, updated_at, version) ON internal_notes TO trellis_app;
GRANT SELECT, INSERT ON interaction_dispositions TO trellis_app;
GRANT SELECT, INSERT, DELETE ON interaction_tags, note_mentions TO trellis_app;
GRANT SELECT, INSERT, UPDATE (last_message_id, inbound, updated_at) ON interaction_reads TO trellis_app;
GRANT SELECT, INSERT, DELETE, UPDATE (body, version, updated_at) ON interaction_drafts TO trellis_app;
GRANT SELECT, INSERT, DELETE, UPDATE (name, typing, since, expires_at) ON interaction_viewers TO trellis_app;
SELECT h_open_purge();

-- +goose Down
DROP INDEX h_interactions_assigned_open, h_interactions_unassigned_unseen, h_interactions_unmanaged;
DROP TABLE interaction_viewers, interaction_reads, interaction_drafts;
ALTER TABLE attachments DROP COLUMN note_id;
DROP TABLE note_mentions, internal_notes, interaction_dispositions, dispositions, interaction_tags, tags;
ALTER TABLE queues DROP COLUMN disposition_required;
ALTER TABLE interactions DROP COLUMN inbound;
