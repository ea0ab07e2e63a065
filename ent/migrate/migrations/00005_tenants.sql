-- +goose Up
-- What a tenant decides for itself.
ALTER TABLE tenants
    ADD COLUMN content_access character varying NOT NULL DEFAULT 'closed' CONSTRAINT h_tenants_content_access CHECK (content_access IN ('closed', 'open')),
    ADD COLUMN security_suite boolean NOT NULL DEFAULT false,
    ADD COLUMN require_if_match boolean NOT NULL DEFAULT false,
    ADD COLUMN allowed_origins jsonb NOT NULL DEFAULT '[]';

-- The life of a tenant: why it stands still, since when, and when it goes.
ALTER TABLE tenants
    ADD COLUMN suspended_reason text NOT NULL DEFAULT '',
    ADD COLUMN suspended_at timestamptz,
    ADD COLUMN archived_at timestamptz,
    ADD COLUMN deleted_at timestamptz,
    ADD COLUMN purge_at timestamptz,
    ADD COLUMN purged_at timestamptz,
    ADD COLUMN closed_by_path text NOT NULL DEFAULT '',
    ADD CONSTRAINT h_tenants_status CHECK (status IN ('active', 'suspended', 'archived', 'deleted', 'purged')),
    ADD CONSTRAINT h_tenants_suspended CHECK (status <> 'suspended' OR suspended_at IS NOT NULL) NOT VALID,
    ADD CONSTRAINT h_tenants_deleted CHECK (status NOT IN ('deleted', 'purged') OR (deleted_at IS NOT NULL AND purge_at IS NOT NULL)),
    ADD CONSTRAINT h_tenants_purged CHECK ((status = 'purged') = (purged_at IS NOT NULL));
UPDATE tenants SET suspended_at = updated_at WHERE status = 'suspended';
ALTER TABLE tenants VALIDATE CONSTRAINT h_tenants_suspended;

-- Siblings are told apart whatever the capitals; a name is free again when its
-- tenant is purged. The key is the program's: what small letters are does not
-- depend on the locale of the database.
ALTER TABLE tenants ADD COLUMN name_key text;
UPDATE tenants SET name_key = lower(normalize(name, NFC));
ALTER TABLE tenants ALTER COLUMN name_key SET NOT NULL;
DROP INDEX tenant_parent_id_name;
CREATE UNIQUE INDEX h_tenants_name ON tenants (parent_id, name_key COLLATE "C") WHERE status <> 'purged';

-- Lists. Bytes are compared, not words: a subtree is a range of paths, and a
-- page of it is read in the order of the index however large tree and subtree
-- are. (The operators of LIKE leak in the eyes of row level security and are no
-- way into an index.)
DROP INDEX h_tenants_path;
CREATE UNIQUE INDEX h_tenants_path ON tenants (path COLLATE "C");
CREATE INDEX h_tenants_parent ON tenants (parent_id, path COLLATE "C");
CREATE INDEX h_tenants_kind ON tenants (kind, path COLLATE "C");
CREATE INDEX h_tenants_status_path ON tenants (status, path COLLATE "C") WHERE status <> 'active';
CREATE INDEX h_tenants_name_order ON tenants (name_key COLLATE "C", id);

-- What may stand where (C-02), and that a path continues its parent's. The rows
-- above and below are checked where the statement sees them: a tenant that
-- changes itself changes neither. After the statement, since a move rewrites
-- many rows.
-- +goose StatementBegin
CREATE FUNCTION h_tenants_fit(above_path text, above_kind text, id uuid, path text, kind text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT path = above_path || id::text || '/'
       AND (kind = 'sandbox' OR above_kind || ' ' || kind IN
            ('operator reseller_l1', 'reseller_l1 reseller_l2', 'reseller_l1 customer', 'reseller_l2 customer'))
$$;
CREATE FUNCTION h_tenants_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT FROM changed t JOIN tenants above ON above.id = t.parent_id JOIN tenants self ON self.id = t.id
        WHERE NOT h_tenants_fit(above.path, above.kind, self.id, self.path, self.kind)
    ) OR EXISTS (
        SELECT FROM changed t
        WHERE (t.parent_id IS NULL) <> (t.kind = 'operator') OR (t.parent_id IS NULL AND t.path <> '/' || t.id::text || '/')
    ) THEN
        RAISE EXCEPTION 'a tenant cannot stand there' USING ERRCODE = 'check_violation', CONSTRAINT = 'h_tenants_stand';
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION h_tenants_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM changed t JOIN former f ON f.id = t.id
        WHERE (t.path, t.kind, t.parent_id) IS DISTINCT FROM (f.path, f.kind, f.parent_id)
    ) THEN
        RETURN NULL;
    END IF;
    IF EXISTS (
        SELECT FROM changed t JOIN tenants above ON above.id = t.parent_id JOIN tenants self ON self.id = t.id
        WHERE NOT h_tenants_fit(above.path, above.kind, self.id, self.path, self.kind)
    ) OR EXISTS (
        SELECT FROM changed t JOIN tenants self ON self.id = t.id JOIN tenants below ON below.parent_id = t.id
        WHERE NOT h_tenants_fit(self.path, self.kind, below.id, below.path, below.kind)
    ) OR EXISTS (
        SELECT FROM changed t
        WHERE (t.parent_id IS NULL) <> (t.kind = 'operator') OR (t.parent_id IS NULL AND t.path <> '/' || t.id::text || '/')
    ) THEN
        RAISE EXCEPTION 'a tenant cannot stand there' USING ERRCODE = 'check_violation', CONSTRAINT = 'h_tenants_stand';
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER h_tenants_inserted AFTER INSERT ON tenants
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION h_tenants_inserted();
CREATE TRIGGER h_tenants_updated AFTER UPDATE ON tenants
    REFERENCING OLD TABLE AS former NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION h_tenants_updated();

-- Whoever writes where a holder stands has read it a moment ago; a move may
-- have come between. The lock makes the two wait for each other.
-- +goose StatementBegin
CREATE FUNCTION h_follow_holder() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    present text;
BEGIN
    SELECT path INTO present FROM tenants WHERE id = NEW.holder_id FOR SHARE;
    IF FOUND THEN
        NEW.holder_path := present;
    END IF;
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER h_numbers_follow_holder BEFORE INSERT OR UPDATE OF holder_id ON numbers
    FOR EACH ROW EXECUTE FUNCTION h_follow_holder();
CREATE TRIGGER h_number_holdings_follow_holder BEFORE INSERT OR UPDATE OF holder_id ON number_holdings
    FOR EACH ROW EXECUTE FUNCTION h_follow_holder();

-- +goose Down
DROP TRIGGER h_number_holdings_follow_holder ON number_holdings;
DROP TRIGGER h_numbers_follow_holder ON numbers;
DROP FUNCTION h_follow_holder;
DROP TRIGGER h_tenants_updated ON tenants;
DROP TRIGGER h_tenants_inserted ON tenants;
DROP FUNCTION h_tenants_updated, h_tenants_inserted, h_tenants_fit;
DROP INDEX h_tenants_name_order, h_tenants_status_path, h_tenants_kind, h_tenants_parent, h_tenants_path, h_tenants_name;
CREATE UNIQUE INDEX h_tenants_path ON tenants (path text_pattern_ops);
CREATE UNIQUE INDEX tenant_parent_id_name ON tenants (parent_id, name);
ALTER TABLE tenants
    DROP CONSTRAINT h_tenants_status,
    DROP COLUMN name_key,
    DROP COLUMN closed_by_path,
    DROP COLUMN purged_at,
    DROP COLUMN purge_at,
    DROP COLUMN deleted_at,
    DROP COLUMN archived_at,
    DROP COLUMN suspended_at,
    DROP COLUMN suspended_reason,
    DROP COLUMN content_access,
    DROP COLUMN security_suite,
    DROP COLUMN require_if_match,
    DROP COLUMN allowed_origins;
