-- +goose Up
-- How what waits in a queue comes to one of its members, and when.
-- modify "queues" table
ALTER TABLE "queues" ADD COLUMN "strategy" character varying NOT NULL DEFAULT 'manual', ADD COLUMN "returning_customer" boolean NOT NULL DEFAULT true, ADD COLUMN "assign_outside_hours" boolean NOT NULL DEFAULT true, ADD COLUMN "offer_seconds" bigint NOT NULL DEFAULT 30, ADD COLUMN "time_zone" text NOT NULL DEFAULT '', ADD COLUMN "opening_hours" jsonb NULL, ADD COLUMN "holidays" jsonb NULL;

-- A wish that somebody looks who gets what: at a queue, or at what a member
-- has and could get. One row for each cause, so that those who write them never
-- wait for one another; whoever looks deletes the rows that he has seen. A row
-- that becomes visible later is looked at later, so no cause is lost.
CREATE TABLE route_requests (
    id         uuid        NOT NULL PRIMARY KEY,
    tenant_id  uuid        NOT NULL,
    queue_id   uuid,
    user_id    uuid,
    due_at     timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    CONSTRAINT h_route_requests_of CHECK (queue_id IS NOT NULL OR user_id IS NOT NULL),
    CONSTRAINT h_route_requests_queue FOREIGN KEY (tenant_id, queue_id) REFERENCES queues (tenant_id, id),
    CONSTRAINT h_route_requests_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
CREATE INDEX h_route_requests_due ON route_requests (tenant_id, due_at, id);
CREATE INDEX h_route_requests_queue ON route_requests (tenant_id, queue_id) WHERE queue_id IS NOT NULL;
CREATE INDEX h_route_requests_user ON route_requests (tenant_id, user_id) WHERE user_id IS NOT NULL;
ALTER TABLE route_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE route_requests FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON route_requests TO trellis_app
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
CREATE POLICY system ON route_requests TO trellis_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, DELETE, UPDATE (due_at) ON route_requests TO trellis_app;
GRANT SELECT (id, tenant_id, due_at), UPDATE (due_at) ON route_requests TO trellis_system;

SELECT h_open_purge();

-- +goose Down
DROP TABLE route_requests;
ALTER TABLE queues DROP COLUMN holidays, DROP COLUMN opening_hours, DROP COLUMN time_zone, DROP COLUMN offer_seconds,
    DROP COLUMN assign_outside_hours, DROP COLUMN returning_customer, DROP COLUMN strategy;
