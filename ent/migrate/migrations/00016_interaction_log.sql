-- +goose Up
-- modify "interactions" table
ALTER TABLE "interactions" ADD COLUMN "assigned_at" timestamptz NULL;

-- What happened to a conversation, in words and in data, and who has ever had
-- it. Rows of the log come and never change.
CREATE TABLE interaction_log (
    id             uuid        PRIMARY KEY,
    tenant_id      uuid        NOT NULL,
    interaction_id uuid        NOT NULL,
    kind           text        NOT NULL,
    text           text        NOT NULL,
    actor_kind     text        NOT NULL,
    actor_id       uuid        NULL,
    details        jsonb       NOT NULL,
    created_at     timestamptz NOT NULL,
    CONSTRAINT h_interaction_log_interaction FOREIGN KEY (tenant_id, interaction_id) REFERENCES interactions (tenant_id, id)
);
CREATE INDEX h_interaction_log_interaction ON interaction_log (tenant_id, interaction_id, id);
CREATE TABLE interaction_participants (
    tenant_id      uuid        NOT NULL,
    interaction_id uuid        NOT NULL,
    user_id        uuid        NOT NULL,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, interaction_id, user_id),
    CONSTRAINT h_interaction_participants_interaction FOREIGN KEY (tenant_id, interaction_id) REFERENCES interactions (tenant_id, id),
    CONSTRAINT h_interaction_participants_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
CREATE INDEX h_interaction_participants_user ON interaction_participants (tenant_id, user_id, interaction_id);
INSERT INTO interaction_participants (tenant_id, interaction_id, user_id, created_at)
SELECT tenant_id, id, assignee_id, updated_at FROM interactions WHERE assignee_id IS NOT NULL;

-- +goose StatementBegin
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['interaction_log', 'interaction_participants'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format($f$CREATE POLICY tenant ON %I TO trellis_app
            USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
            WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)$f$, t);
        EXECUTE format('GRANT SELECT, INSERT ON %I TO trellis_app', t);
    END LOOP;
END $$;
-- +goose StatementEnd
SELECT h_open_purge();

-- +goose Down
DROP TABLE interaction_participants, interaction_log;
ALTER TABLE interactions DROP COLUMN assigned_at;
