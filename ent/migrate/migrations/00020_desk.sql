-- +goose Up
-- modify "queues" table
ALTER TABLE "queues" ADD COLUMN "description" text NOT NULL DEFAULT '', ADD COLUMN "screen_pop_url" text NOT NULL DEFAULT '', ADD COLUMN "self_assign" boolean NOT NULL DEFAULT false;

-- Who is responsible for a queue: its members answer, its managers see to it.
CREATE TABLE queue_managers (
    tenant_id  uuid        NOT NULL,
    queue_id   uuid        NOT NULL,
    user_id    uuid        NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, queue_id, user_id),
    CONSTRAINT h_queue_managers_queue FOREIGN KEY (tenant_id, queue_id) REFERENCES queues (tenant_id, id),
    CONSTRAINT h_queue_managers_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
CREATE INDEX h_queue_managers_user ON queue_managers (tenant_id, user_id);
ALTER TABLE queue_managers ENABLE ROW LEVEL SECURITY;
ALTER TABLE queue_managers FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON queue_managers TO trellis_app
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, DELETE ON queue_managers TO trellis_app;
SELECT h_open_purge();

-- What is counted of a queue is what is not closed, so that counting costs the
-- same after years: whose it is stands in the index.
CREATE INDEX h_interactions_in_queue ON interactions (tenant_id, queue_id, assignee_id, created_at) INCLUDE (status)
    WHERE queue_id IS NOT NULL AND status <> 'closed';

-- modify "interactions" table
ALTER TABLE "interactions" ADD COLUMN "transferred_by_id" uuid NULL, ADD COLUMN "transferred_at" timestamptz NULL, ADD COLUMN "transfer_seen_at" timestamptz NULL, ADD COLUMN "direction" character varying NOT NULL DEFAULT 'inbound';
-- Who began the conversations that are there: whoever wrote first.
ALTER TABLE interactions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE messages NO FORCE ROW LEVEL SECURITY;
UPDATE interactions i SET direction = 'outbound' WHERE 'outbound' =
    (SELECT m.direction FROM messages m WHERE m.tenant_id = i.tenant_id AND m.interaction_id = i.id ORDER BY m.id LIMIT 1);
ALTER TABLE messages FORCE ROW LEVEL SECURITY;
ALTER TABLE interactions FORCE ROW LEVEL SECURITY;

-- +goose Down
ALTER TABLE interactions DROP COLUMN direction, DROP COLUMN transfer_seen_at, DROP COLUMN transferred_at, DROP COLUMN transferred_by_id;
DROP INDEX h_interactions_in_queue;
DROP TABLE queue_managers;
ALTER TABLE queues DROP COLUMN self_assign, DROP COLUMN screen_pop_url, DROP COLUMN description;
