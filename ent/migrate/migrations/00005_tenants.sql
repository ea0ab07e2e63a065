-- +goose Up
-- What a tenant decides for itself.
ALTER TABLE tenants
    ADD COLUMN content_access character varying NOT NULL DEFAULT 'closed' CONSTRAINT h_tenants_content_access CHECK (content_access IN ('closed', 'open')),
    ADD COLUMN security_suite boolean NOT NULL DEFAULT false,
    ADD COLUMN require_if_match boolean NOT NULL DEFAULT false,
    ADD COLUMN allowed_origins jsonb NOT NULL DEFAULT '[]';

-- +goose Down
ALTER TABLE tenants
    DROP COLUMN content_access,
    DROP COLUMN security_suite,
    DROP COLUMN require_if_match,
    DROP COLUMN allowed_origins;
