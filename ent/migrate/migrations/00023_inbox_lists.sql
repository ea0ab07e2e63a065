-- +goose Up
-- Lists of conversations are read through one index each, whoever reads them:
-- an agent's list is put together from what is his and from each of his queues.
-- The closed ones, which only become more, stand apart in every index.
CREATE INDEX h_interactions_assigned ON interactions (tenant_id, assignee_id, last_message_at, id)
    WHERE assignee_id IS NOT NULL AND status <> 'closed';
CREATE INDEX h_interactions_unassigned ON interactions (tenant_id, queue_id, last_message_at, id)
    WHERE assignee_id IS NULL AND status <> 'closed';
CREATE INDEX h_interactions_unassigned_status ON interactions (tenant_id, queue_id,
    (CASE status WHEN 'waiting_agent' THEN 1 WHEN 'open' THEN 2 WHEN 'waiting_customer' THEN 3 WHEN 'solved' THEN 4 ELSE 5 END), last_message_at, id)
    WHERE assignee_id IS NULL AND status <> 'closed';
CREATE INDEX h_interactions_of_channel ON interactions (tenant_id, channel_id, last_message_at, id);
CREATE INDEX h_interactions_unseen ON interactions (tenant_id, last_message_at, id) WHERE unseen > 0 AND status <> 'closed';
CREATE INDEX h_interactions_started ON interactions (tenant_id, (CASE status WHEN 'closed' THEN 1 ELSE 0 END), created_at, id);
CREATE INDEX h_interactions_status ON interactions (tenant_id,
    (CASE status WHEN 'waiting_agent' THEN 1 WHEN 'open' THEN 2 WHEN 'waiting_customer' THEN 3 WHEN 'solved' THEN 4 ELSE 5 END), last_message_at, id);
CREATE INDEX h_interactions_closed ON interactions (tenant_id, closed_at) WHERE status = 'closed';

-- How many conversations there are of each sort, so that nobody counts a million
-- rows. A change adds its difference as rows of its own and touches none that are
-- there: no two writers wait for one another, and what a transaction takes back
-- is taken back here. Whoever sums the rows in a snapshot gets exactly what
-- counting would give in it. Once in a while a writer replaces the rows of a sort
-- by their sum. Nobody deletes conversations but the purge, which deletes these
-- rows as well.
CREATE TABLE interaction_counts (
    tenant_id   uuid        NOT NULL,
    channel_id  uuid        NOT NULL,
    queue_id    uuid        NOT NULL, -- the nil id for none, here and in assignee_id: equality by hash
    assignee_id uuid        NOT NULL,
    status      text        NOT NULL,
    unseen      boolean     NOT NULL,
    needs_reply boolean     NOT NULL,
    n           bigint      NOT NULL,
    created_at  timestamptz NOT NULL
);
CREATE INDEX h_interaction_counts ON interaction_counts (tenant_id, assignee_id, queue_id);
ALTER TABLE interaction_counts ENABLE ROW LEVEL SECURITY;
ALTER TABLE interaction_counts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON interaction_counts TO trellis_app
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, DELETE ON interaction_counts TO trellis_app;
SELECT h_open_purge();

ALTER TABLE interactions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE interaction_counts NO FORCE ROW LEVEL SECURITY;
INSERT INTO interaction_counts (tenant_id, channel_id, queue_id, assignee_id, status, unseen, needs_reply, n, created_at)
SELECT tenant_id, channel_id, coalesce(queue_id, '00000000-0000-0000-0000-000000000000'), coalesce(assignee_id, '00000000-0000-0000-0000-000000000000'),
       status, status <> 'closed' AND unseen > 0, status <> 'closed' AND needs_reply, count(*), now()
FROM interactions GROUP BY 1, 2, 3, 4, 5, 6, 7;
ALTER TABLE interaction_counts FORCE ROW LEVEL SECURITY;
ALTER TABLE interactions FORCE ROW LEVEL SECURITY;

-- One statement's difference is one row for each sort that it changes, however
-- many conversations it is about.
-- +goose StatementBegin
CREATE FUNCTION h_count_interactions() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    nobody CONSTANT uuid := '00000000-0000-0000-0000-000000000000';
    of     uuid;
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO interaction_counts (tenant_id, channel_id, queue_id, assignee_id, status, unseen, needs_reply, n, created_at)
        SELECT tenant_id, channel_id, coalesce(queue_id, nobody), coalesce(assignee_id, nobody),
               status, status <> 'closed' AND unseen > 0, status <> 'closed' AND needs_reply, count(*), now()
        FROM after GROUP BY 1, 2, 3, 4, 5, 6, 7;
    ELSE
        INSERT INTO interaction_counts (tenant_id, channel_id, queue_id, assignee_id, status, unseen, needs_reply, n, created_at)
        SELECT tenant_id, channel_id, queue, assignee, status, is_unseen, is_unanswered, sum(n), now()
        FROM (SELECT tenant_id, channel_id, coalesce(queue_id, nobody) AS queue, coalesce(assignee_id, nobody) AS assignee, status,
                     status <> 'closed' AND unseen > 0 AS is_unseen, status <> 'closed' AND needs_reply AS is_unanswered, 1 AS n FROM after
              UNION ALL
              SELECT tenant_id, channel_id, coalesce(queue_id, nobody), coalesce(assignee_id, nobody), status,
                     status <> 'closed' AND unseen > 0, status <> 'closed' AND needs_reply, -1 FROM before) moved
        GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(n) <> 0;
    END IF;
    -- Chance decides who sums up: no sequence, and nothing to wait for. One at a
    -- time for a tenant, until its transaction ends; all others go by.
    IF NOT FOUND OR random() >= 0.04 THEN
        RETURN NULL;
    END IF;
    SELECT tenant_id INTO of FROM after LIMIT 1;
    IF NOT pg_try_advisory_xact_lock(hashtextextended('interaction_counts ' || of::text, 0)) THEN
        RETURN NULL;
    END IF;
    WITH many AS (
        SELECT channel_id, queue_id, assignee_id, status, unseen, needs_reply FROM interaction_counts WHERE tenant_id = of
        GROUP BY 1, 2, 3, 4, 5, 6 HAVING count(*) > 8 OR sum(n) = 0),
    gone AS (
        DELETE FROM interaction_counts c USING many m
        WHERE c.tenant_id = of AND (c.channel_id, c.queue_id, c.assignee_id, c.status, c.unseen, c.needs_reply)
            = (m.channel_id, m.queue_id, m.assignee_id, m.status, m.unseen, m.needs_reply)
        RETURNING c.*)
    INSERT INTO interaction_counts (tenant_id, channel_id, queue_id, assignee_id, status, unseen, needs_reply, n, created_at)
    SELECT of, channel_id, queue_id, assignee_id, status, unseen, needs_reply, sum(n), now()
    FROM gone GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(n) <> 0;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER h_count_new AFTER INSERT ON interactions REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION h_count_interactions();
CREATE TRIGGER h_count_changed AFTER UPDATE ON interactions REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION h_count_interactions();

-- +goose Down
DROP TRIGGER h_count_changed ON interactions;
DROP TRIGGER h_count_new ON interactions;
DROP FUNCTION h_count_interactions;
DROP TABLE interaction_counts;
DROP INDEX h_interactions_assigned, h_interactions_unassigned, h_interactions_unassigned_status, h_interactions_of_channel, h_interactions_unseen,
    h_interactions_started, h_interactions_status, h_interactions_closed;
