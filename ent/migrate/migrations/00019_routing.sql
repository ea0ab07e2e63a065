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

-- What was offered to members of a queue that offers to all, and what became of
-- it; rounds count how often a conversation was offered.
CREATE TABLE offers (
    id             uuid        NOT NULL PRIMARY KEY,
    tenant_id      uuid        NOT NULL,
    queue_id       uuid        NOT NULL,
    interaction_id uuid        NOT NULL,
    user_id        uuid        NOT NULL,
    round          integer     NOT NULL CHECK (round > 0),
    state          text        NOT NULL CHECK (state IN ('open', 'accepted', 'rejected', 'taken', 'expired', 'withdrawn')),
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    ended_at       timestamptz,
    CONSTRAINT h_offers_over CHECK ((state = 'open') = (ended_at IS NULL)),
    CONSTRAINT h_offers_queue FOREIGN KEY (tenant_id, queue_id) REFERENCES queues (tenant_id, id),
    CONSTRAINT h_offers_interaction FOREIGN KEY (tenant_id, interaction_id) REFERENCES interactions (tenant_id, id),
    CONSTRAINT h_offers_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
-- Nobody is offered the same twice at once, and one at most accepts what he was
-- offered in a round.
CREATE UNIQUE INDEX h_offers_one ON offers (tenant_id, interaction_id, user_id) WHERE state = 'open';
CREATE UNIQUE INDEX h_offers_accepted ON offers (tenant_id, interaction_id, round) WHERE state = 'accepted';
CREATE INDEX h_offers_of_queue ON offers (tenant_id, queue_id, expires_at) WHERE state = 'open';
CREATE INDEX h_offers_of_user ON offers (tenant_id, user_id, id);
CREATE INDEX h_offers_of_interaction ON offers (tenant_id, interaction_id, round);
ALTER TABLE offers ENABLE ROW LEVEL SECURITY;
ALTER TABLE offers FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON offers TO trellis_app
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE (state, ended_at) ON offers TO trellis_app;

-- What waits for somebody in a queue, in the order in which it is given out.
CREATE INDEX h_interactions_to_give ON interactions (tenant_id, queue_id, priority DESC, coalesce(waiting_since, created_at), id)
    WHERE assignee_id IS NULL AND queue_id IS NOT NULL AND status IN ('waiting_agent', 'open', 'waiting_customer') AND paused_at IS NULL;

SELECT h_open_purge();

-- +goose Down
DROP INDEX h_interactions_to_give;
DROP TABLE offers, route_requests;
ALTER TABLE queues DROP COLUMN holidays, DROP COLUMN opening_hours, DROP COLUMN time_zone, DROP COLUMN offer_seconds,
    DROP COLUMN assign_outside_hours, DROP COLUMN returning_customer, DROP COLUMN strategy;
