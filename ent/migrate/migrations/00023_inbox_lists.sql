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
CREATE INDEX h_interactions_subject ON interactions (tenant_id, (CASE status WHEN 'closed' THEN 1 ELSE 0 END), left(lower(subject), 60), id);
CREATE INDEX h_interactions_waiting ON interactions (tenant_id,
    (CASE WHEN waiting_since IS NULL THEN 'infinity'::timestamptz ELSE waiting_since END), id) WHERE status <> 'closed';
CREATE INDEX h_interactions_priority ON interactions (tenant_id, priority, last_message_at, id) WHERE status <> 'closed';
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
    missed      boolean     NOT NULL, -- closed, and never dealt with
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
INSERT INTO interaction_counts (tenant_id, channel_id, queue_id, assignee_id, status, unseen, needs_reply, missed, n, created_at)
SELECT tenant_id, channel_id, coalesce(queue_id, '00000000-0000-0000-0000-000000000000'), coalesce(assignee_id, '00000000-0000-0000-0000-000000000000'),
       status, status <> 'closed' AND unseen > 0, status <> 'closed' AND needs_reply, status = 'closed' AND NOT managed, count(*), now()
FROM interactions GROUP BY 1, 2, 3, 4, 5, 6, 7, 8;
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
        INSERT INTO interaction_counts (tenant_id, channel_id, queue_id, assignee_id, status, unseen, needs_reply, missed, n, created_at)
        SELECT tenant_id, channel_id, coalesce(queue_id, nobody), coalesce(assignee_id, nobody),
               status, status <> 'closed' AND unseen > 0, status <> 'closed' AND needs_reply, status = 'closed' AND NOT managed, count(*), now()
        FROM after GROUP BY 1, 2, 3, 4, 5, 6, 7, 8;
    ELSE
        INSERT INTO interaction_counts (tenant_id, channel_id, queue_id, assignee_id, status, unseen, needs_reply, missed, n, created_at)
        SELECT tenant_id, channel_id, queue, assignee, status, is_unseen, is_unanswered, is_missed, sum(n), now()
        FROM (SELECT tenant_id, channel_id, coalesce(queue_id, nobody) AS queue, coalesce(assignee_id, nobody) AS assignee, status,
                     status <> 'closed' AND unseen > 0 AS is_unseen, status <> 'closed' AND needs_reply AS is_unanswered,
                     status = 'closed' AND NOT managed AS is_missed, 1 AS n FROM after
              UNION ALL
              SELECT tenant_id, channel_id, coalesce(queue_id, nobody), coalesce(assignee_id, nobody), status,
                     status <> 'closed' AND unseen > 0, status <> 'closed' AND needs_reply, status = 'closed' AND NOT managed, -1 FROM before) moved
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 HAVING sum(n) <> 0;
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
        SELECT channel_id, queue_id, assignee_id, status, unseen, needs_reply, missed FROM interaction_counts WHERE tenant_id = of
        GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING count(*) > 8 OR sum(n) = 0),
    gone AS (
        DELETE FROM interaction_counts c USING many m
        WHERE c.tenant_id = of AND (c.channel_id, c.queue_id, c.assignee_id, c.status, c.unseen, c.needs_reply, c.missed)
            = (m.channel_id, m.queue_id, m.assignee_id, m.status, m.unseen, m.needs_reply, m.missed)
        RETURNING c.*)
    INSERT INTO interaction_counts (tenant_id, channel_id, queue_id, assignee_id, status, unseen, needs_reply, missed, n, created_at)
    SELECT of, channel_id, queue_id, assignee_id, status, unseen, needs_reply, missed, sum(n), now()
    FROM gone GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 HAVING sum(n) <> 0;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER h_count_new AFTER INSERT ON interactions REFERENCING NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION h_count_interactions();
CREATE TRIGGER h_count_changed AFTER UPDATE ON interactions REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION h_count_interactions();

-- What people search by: the words of a message or of a contact, as they are
-- compared, in small letters, without accents, cut at everything that is neither
-- letter nor digit. No extension is needed, and no locale.
CREATE FUNCTION h_words(content text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT left(word, 60)), '{}') FROM regexp_split_to_table(
        lower(regexp_replace(normalize(content, NFKD), '[\u0300-\u036F]+', '', 'g')),
        '[\u0001-\u002F\u003A-\u0040\u005B-\u0060\u007B-\u00BF\u2000-\u206F\u20A0-\u20CF\u2190-\u2BFF\u3000-\u303F\U0001F000-\U0001FAFF]+') AS word WHERE word <> ''
$$;

-- The ends of telephone numbers: a number is found by any part of it, since a
-- part is the start of an end.
CREATE FUNCTION h_number_ends(number text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(right(digits, n)), '{}') FROM regexp_replace(number, '[^0-9]', '', 'g') AS digits, generate_series(2, length(digits)) AS n
$$;

-- A word as the index has it: behind the end of its tenant's id, so that a
-- search touches nothing of other tenants and costs what its own tenant has. Two
-- tenants with the same end are told apart by tenant_id.
CREATE FUNCTION h_lexemes(tenant uuid, words text[]) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_to_tsvector(array(SELECT DISTINCT right(tenant::text, 8) || word FROM unnest(words) AS word))
$$;

-- Whoever asks for a word asks for all that begin with it.
CREATE FUNCTION h_query(tenant uuid, term text) RETURNS tsquery LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (quote_literal(right(tenant::text, 8) || term) || ':*')::tsquery
$$;

-- One row for each message and each contact. It is a table of its own because
-- messages change with every report, and this does not.
CREATE TABLE search_documents (
    id         uuid        NOT NULL PRIMARY KEY, -- the message's or the contact's
    tenant_id  uuid        NOT NULL,
    owner_id   uuid        NOT NULL,             -- the interaction, or the contact itself
    words      tsvector    NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX h_search_documents_words ON search_documents USING gin (words) WITH (fastupdate = off);
CREATE INDEX h_search_documents_owner ON search_documents (tenant_id, owner_id, id);
ALTER TABLE search_documents ENABLE ROW LEVEL SECURITY;
ALTER TABLE search_documents FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON search_documents TO trellis_app
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, UPDATE (words) ON search_documents TO trellis_app;
SELECT h_open_purge();

-- Beneath row level security PostgreSQL uses no index for @@, which it does not
-- trust with rows that the policy might hide. h_search therefore runs with the
-- rights of the owner, who sees words and ids of this one table, and stands in
-- for the policy: it asks for the tenant of the transaction and for no other,
-- and answers with ids alone.
CREATE POLICY search ON search_documents FOR SELECT TO CURRENT_USER USING (true);
-- +goose StatementBegin
CREATE FUNCTION h_search(term text, at_most int) RETURNS SETOF uuid LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tenant uuid := nullif(current_setting('app.tenant_id', true), '')::uuid;
BEGIN
    IF tenant IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY SELECT d.owner_id FROM public.search_documents d
        WHERE d.words @@ public.h_query(tenant, term) AND d.tenant_id = tenant LIMIT at_most;
END $$;
-- +goose StatementEnd
REVOKE ALL ON FUNCTION h_search FROM PUBLIC;
GRANT EXECUTE ON FUNCTION h_search TO trellis_app;

-- +goose StatementBegin
CREATE FUNCTION h_index_message() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO search_documents (id, tenant_id, owner_id, words, created_at)
    VALUES (NEW.id, NEW.tenant_id, NEW.interaction_id, h_lexemes(NEW.tenant_id, h_words(NEW.body)), NEW.created_at);
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER h_index_message AFTER INSERT ON messages FOR EACH ROW EXECUTE FUNCTION h_index_message();

CREATE FUNCTION h_contact_lexemes(tenant uuid, contact uuid, called text) RETURNS tsvector LANGUAGE sql STABLE AS $$
    SELECT h_lexemes(tenant, h_words(called || ' ' || coalesce(string_agg(a.value, ' '), '')) ||
        array(SELECT unnest(h_number_ends(n.value)) FROM contact_addresses n WHERE n.tenant_id = tenant AND n.contact_id = contact AND n.kind = 'phone'))
    FROM contact_addresses a WHERE a.tenant_id = tenant AND a.contact_id = contact
$$;
-- +goose StatementBegin
CREATE FUNCTION h_index_contact() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    whose uuid;
BEGIN
    IF TG_TABLE_NAME = 'contacts' THEN
        whose := NEW.id;
    ELSIF TG_OP = 'DELETE' THEN
        whose := OLD.contact_id;
    ELSE
        whose := NEW.contact_id;
    END IF;
    INSERT INTO search_documents (id, tenant_id, owner_id, words, created_at)
    SELECT c.id, c.tenant_id, c.id, h_contact_lexemes(c.tenant_id, c.id, c.name), c.created_at FROM contacts c WHERE c.id = whose
    ON CONFLICT (id) DO UPDATE SET words = excluded.words WHERE search_documents.words IS DISTINCT FROM excluded.words;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER h_index_contact AFTER INSERT OR UPDATE OF name ON contacts FOR EACH ROW EXECUTE FUNCTION h_index_contact();
CREATE TRIGGER h_index_address AFTER INSERT OR DELETE ON contact_addresses FOR EACH ROW
    WHEN (current_user <> 'trellis_system') EXECUTE FUNCTION h_index_contact();

ALTER TABLE messages NO FORCE ROW LEVEL SECURITY;
ALTER TABLE contacts NO FORCE ROW LEVEL SECURITY;
ALTER TABLE contact_addresses NO FORCE ROW LEVEL SECURITY;
ALTER TABLE search_documents NO FORCE ROW LEVEL SECURITY;
INSERT INTO search_documents (id, tenant_id, owner_id, words, created_at)
SELECT id, tenant_id, interaction_id, h_lexemes(tenant_id, h_words(body)), created_at FROM messages
UNION ALL SELECT id, tenant_id, id, h_contact_lexemes(tenant_id, id, name), created_at FROM contacts;
ALTER TABLE search_documents FORCE ROW LEVEL SECURITY;
ALTER TABLE contact_addresses FORCE ROW LEVEL SECURITY;
ALTER TABLE contacts FORCE ROW LEVEL SECURITY;
ALTER TABLE messages FORCE ROW LEVEL SECURITY;

-- Lists of conversations that people put together, for themselves or for all.
CREATE TABLE inbox_views (
    id         uuid        NOT NULL PRIMARY KEY,
    tenant_id  uuid        NOT NULL,
    owner_id   uuid        NOT NULL,
    name       text        NOT NULL,
    shared     boolean     NOT NULL,
    filter     jsonb       NOT NULL,
    sort       text        NOT NULL,
    columns    jsonb       NOT NULL,
    version    bigint      NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    CONSTRAINT h_inbox_views_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id)
);
CREATE UNIQUE INDEX h_inbox_views_name ON inbox_views (tenant_id, owner_id, lower(name));
CREATE INDEX h_inbox_views_shared ON inbox_views (tenant_id, id) WHERE shared;
ALTER TABLE inbox_views ENABLE ROW LEVEL SECURITY;
ALTER TABLE inbox_views FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON inbox_views TO trellis_app
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
GRANT SELECT, INSERT, DELETE, UPDATE (name, shared, filter, sort, columns, version, updated_at) ON inbox_views TO trellis_app;
SELECT h_open_purge();

-- +goose Down
DROP TABLE inbox_views;
DROP TRIGGER h_index_address ON contact_addresses;
DROP TRIGGER h_index_contact ON contacts;
DROP TRIGGER h_index_message ON messages;
DROP FUNCTION h_index_contact, h_index_message, h_search, h_contact_lexemes;
DROP TABLE search_documents;
DROP FUNCTION h_query, h_lexemes, h_number_ends, h_words;
DROP TRIGGER h_count_changed ON interactions;
DROP TRIGGER h_count_new ON interactions;
DROP FUNCTION h_count_interactions;
DROP TABLE interaction_counts;
DROP INDEX h_interactions_assigned, h_interactions_unassigned, h_interactions_unassigned_status, h_interactions_of_channel, h_interactions_unseen,
    h_interactions_started, h_interactions_status, h_interactions_subject, h_interactions_waiting, h_interactions_priority, h_interactions_closed;
