-- +goose Up
-- What a node of the tree was granted, and its own limits (decision 18). What
-- holds for it is what all nodes of its path have, and the least of their
-- limits.
ALTER TABLE "tenants" ADD COLUMN "entitlements" jsonb NOT NULL DEFAULT jsonb_build_array('api', 'webhooks'), ADD COLUMN "quota_seats" bigint NULL, ADD COLUMN "quota_messages_per_month" bigint NULL, ADD COLUMN "quota_storage_bytes" bigint NULL, ADD COLUMN "quota_requests_per_minute" bigint NULL;
ALTER TABLE tenants ADD CONSTRAINT h_tenants_quotas CHECK (
    least(quota_seats, quota_messages_per_month, quota_storage_bytes, quota_requests_per_minute) >= 0);

-- How much a tenant has used. A row is locked from the moment something is
-- counted until the thing itself is committed, so nothing is spent twice; the
-- room on its pages lets it be written over and over without touching indexes.
CREATE TABLE usage_counters (
    tenant_id     uuid        NOT NULL,
    quota         text        NOT NULL CHECK (quota IN ('seats', 'messages_per_month', 'storage_bytes')),
    -- First day of the month in the tenant's time zone; the year 1 for what
    -- does not fill again with time.
    period        date        NOT NULL,
    used          bigint      NOT NULL CHECK (used >= 0),
    -- The limits of which it was told that they come near, and are reached.
    warned_limit  bigint,
    reached_limit bigint,
    updated_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, quota, period)
) WITH (fillfactor = 50);
ALTER TABLE usage_counters ADD CONSTRAINT h_usage_counters_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id);

-- What was there before is counted once. The migration's role owns the tables
-- and is held by their policies all the same, unless they are not forced.
ALTER TABLE tenants NO FORCE ROW LEVEL SECURITY;
ALTER TABLE messages NO FORCE ROW LEVEL SECURITY;
ALTER TABLE attachments NO FORCE ROW LEVEL SECURITY;
UPDATE tenants SET entitlements = jsonb_build_array('bulk', 'email', 'live_chat', 'voice', 'social', 'fax', 'api', 'webhooks')
    WHERE parent_id IS NULL;
INSERT INTO usage_counters (tenant_id, quota, period, used, updated_at)
    SELECT m.tenant_id, 'messages_per_month',
        date_trunc('month', m.created_at AT TIME ZONE coalesce(z.name, 'UTC'))::date, sum(greatest(m.segments, 1)), max(m.created_at)
    FROM messages m JOIN tenants t ON t.id = m.tenant_id LEFT JOIN pg_timezone_names z ON z.name = t.time_zone
    WHERE m.direction = 'outbound' AND (m.accepted_at IS NOT NULL OR m.status NOT IN ('failed', 'expired', 'canceled'))
    GROUP BY 1, 2, 3;
-- A picture that was sent again is stored once and has several rows.
INSERT INTO usage_counters (tenant_id, quota, period, used, updated_at)
    SELECT tenant_id, 'storage_bytes', '0001-01-01', sum(size), max(created_at)
    FROM (SELECT DISTINCT ON (tenant_id, media_key) tenant_id, size, created_at FROM attachments WHERE status = 'ready') kept
    GROUP BY tenant_id;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
ALTER TABLE messages FORCE ROW LEVEL SECURITY;
ALTER TABLE attachments FORCE ROW LEVEL SECURITY;

ALTER TABLE usage_counters ENABLE ROW LEVEL SECURITY;
ALTER TABLE usage_counters FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON usage_counters TO trellis_app
    USING (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid)
    WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid);
-- A reseller is told what the tenants below it have used: read by the system,
-- for ids that the reseller's own scope has found.
CREATE POLICY system ON usage_counters FOR SELECT TO trellis_system USING (true);
GRANT SELECT, INSERT, UPDATE ON usage_counters TO trellis_app;
GRANT SELECT ON usage_counters TO trellis_system;

-- +goose Down
DROP TABLE usage_counters;
ALTER TABLE tenants DROP CONSTRAINT h_tenants_quotas;
ALTER TABLE "tenants" DROP COLUMN "quota_requests_per_minute", DROP COLUMN "quota_storage_bytes", DROP COLUMN "quota_messages_per_month", DROP COLUMN "quota_seats", DROP COLUMN "entitlements";
