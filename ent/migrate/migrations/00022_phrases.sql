-- +goose Up
-- create "phrases" table
CREATE TABLE "phrases" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "tenant_id" uuid NOT NULL, "title" text NOT NULL, "title_folded" text NOT NULL, "content" text NOT NULL, "content_folded" text NOT NULL, "language" character varying NOT NULL, "scope" character varying NOT NULL, "channel_kinds" jsonb NOT NULL DEFAULT '[]', "uses" bigint NOT NULL DEFAULT 0, "last_used_at" timestamptz NULL, "archived_at" timestamptz NULL, PRIMARY KEY ("id"));
-- modify "messages" table
ALTER TABLE "messages" ADD COLUMN "phrase_id" uuid NULL, ADD COLUMN "send_at" timestamptz NULL, ADD COLUMN "unless_answered" boolean NOT NULL DEFAULT false, ADD COLUMN "queued_at" timestamptz NULL, ADD COLUMN "place" uuid NULL;
-- create index "phrase_tenant_id_id" to table: "phrases"
CREATE UNIQUE INDEX "phrase_tenant_id_id" ON "phrases" ("tenant_id", "id");
-- create "reminders" table
CREATE TABLE "reminders" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "tenant_id" uuid NOT NULL, "interaction_id" uuid NOT NULL, "user_id" uuid NOT NULL, "remind_at" timestamptz NOT NULL, "note" text NOT NULL DEFAULT '', "snooze" boolean NOT NULL DEFAULT false, "status" character varying NOT NULL DEFAULT 'pending', "because" character varying NULL, "due_since" timestamptz NULL, "done_at" timestamptz NULL, "due_at" timestamptz NULL, PRIMARY KEY ("id"));
-- create index "reminder_tenant_id_id" to table: "reminders"
CREATE UNIQUE INDEX "reminder_tenant_id_id" ON "reminders" ("tenant_id", "id");

-- Prepared texts: for whom they are, and by what they are found. Department and
-- channel are present facts, which the audit log has the past of. A phrase loses
-- a department that is deleted; one that has none left is seen by those alone
-- who write phrases.
ALTER TABLE phrases ADD CONSTRAINT h_phrases_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id);
CREATE TABLE phrase_departments (
    tenant_id     uuid NOT NULL,
    phrase_id     uuid NOT NULL,
    department_id uuid NOT NULL,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, phrase_id, department_id),
    CONSTRAINT h_phrase_departments_phrase FOREIGN KEY (tenant_id, phrase_id) REFERENCES phrases (tenant_id, id),
    CONSTRAINT h_phrase_departments_department FOREIGN KEY (tenant_id, department_id) REFERENCES departments (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX h_phrase_departments_department ON phrase_departments (tenant_id, department_id);
CREATE TABLE phrase_channels (
    tenant_id  uuid NOT NULL,
    phrase_id  uuid NOT NULL,
    channel_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, phrase_id, channel_id),
    CONSTRAINT h_phrase_channels_phrase FOREIGN KEY (tenant_id, phrase_id) REFERENCES phrases (tenant_id, id),
    CONSTRAINT h_phrase_channels_channel FOREIGN KEY (tenant_id, channel_id) REFERENCES channels (tenant_id, id)
);
CREATE INDEX h_phrase_channels_channel ON phrase_channels (tenant_id, channel_id);

-- Every stretch of three characters of title and content. Row level security
-- lets an index serve only comparisons that leak nothing: not LIKE, and not the
-- operators of pg_trgm.
CREATE TABLE phrase_grams (
    tenant_id uuid NOT NULL,
    phrase_id uuid NOT NULL,
    gram      text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, phrase_id, gram),
    CONSTRAINT h_phrase_grams_phrase FOREIGN KEY (tenant_id, phrase_id) REFERENCES phrases (tenant_id, id)
);
CREATE UNIQUE INDEX h_phrase_grams_gram ON phrase_grams (tenant_id, gram text_pattern_ops, phrase_id);

-- +goose StatementBegin
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['phrases', 'phrase_departments', 'phrase_channels', 'phrase_grams'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format($f$CREATE POLICY tenant ON %I TO trellis_app
            USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
            WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)$f$, t);
    END LOOP;
END $$;
-- +goose StatementEnd
GRANT SELECT, INSERT, UPDATE ON phrases TO trellis_app;
GRANT SELECT, INSERT, DELETE ON phrase_departments, phrase_channels, phrase_grams TO trellis_app;

-- What users have set for themselves. A reminder that is pending and snoozes
-- hides its interaction from its user's active list.
ALTER TABLE reminders
    ADD CONSTRAINT h_reminders_interaction FOREIGN KEY (tenant_id, interaction_id) REFERENCES interactions (tenant_id, id),
    ADD CONSTRAINT h_reminders_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    ADD CONSTRAINT h_reminders_pending CHECK ((status = 'pending') = (due_at IS NOT NULL));
CREATE INDEX h_reminders_due ON reminders (tenant_id, due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX h_reminders_mine ON reminders (tenant_id, user_id, remind_at, id);
CREATE UNIQUE INDEX h_reminders_snoozing ON reminders (tenant_id, interaction_id, user_id) WHERE status = 'pending' AND snooze;
CREATE INDEX h_reminders_interaction ON reminders (tenant_id, interaction_id);
ALTER TABLE reminders ENABLE ROW LEVEL SECURITY;
ALTER TABLE reminders FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON reminders TO trellis_app
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
CREATE POLICY system ON reminders TO trellis_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON reminders TO trellis_app;
GRANT SELECT, UPDATE (due_at) ON reminders TO trellis_system;
SELECT h_open_purge();

-- Messages that are sent later. One stands behind all that was said until it is
-- sent, and then where it was sent: a conversation is in the order of places.
ALTER TABLE messages
    ADD CONSTRAINT h_messages_phrase FOREIGN KEY (tenant_id, phrase_id) REFERENCES phrases (tenant_id, id),
    ADD CONSTRAINT h_messages_scheduled CHECK (status <> 'scheduled' OR (send_at IS NOT NULL AND place IS NOT NULL AND expires_at IS NOT NULL));
CREATE INDEX h_messages_phrase ON messages (tenant_id, phrase_id) WHERE phrase_id IS NOT NULL;
CREATE INDEX h_messages_place ON messages (tenant_id, interaction_id, (coalesce(place, id)));
CREATE INDEX h_messages_scheduled ON messages (tenant_id, interaction_id) WHERE status = 'scheduled';
CREATE INDEX h_messages_send_at ON messages (tenant_id, send_at, id) WHERE status = 'scheduled';

-- +goose Down
ALTER TABLE messages NO FORCE ROW LEVEL SECURITY;
UPDATE messages SET status = 'canceled', due_at = NULL WHERE status = 'scheduled';
ALTER TABLE messages FORCE ROW LEVEL SECURITY;
ALTER TABLE "messages" DROP COLUMN "place", DROP COLUMN "queued_at", DROP COLUMN "unless_answered", DROP COLUMN "send_at", DROP COLUMN "phrase_id";
DROP INDEX "reminder_tenant_id_id";
DROP TABLE reminders;
DROP TABLE phrase_grams, phrase_channels, phrase_departments;
-- reverse: create index "phrase_tenant_id_id" to table: "phrases"
DROP INDEX "phrase_tenant_id_id";
-- reverse: create "phrases" table
DROP TABLE "phrases";
