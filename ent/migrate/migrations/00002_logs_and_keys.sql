-- +goose Up
-- Logs and hot tables that ent does not model (architecture, rule 10).

-- What providers told us: accepted before it is understood. No foreign key: the
-- channel was read in the same transaction, and the key's lock on one busy
-- channel row would make its callbacks wait for each other.
CREATE TABLE provider_events (
    id          uuid        NOT NULL PRIMARY KEY,
    tenant_id   uuid        NOT NULL,
    channel_id  uuid        NOT NULL,
    kind        text        NOT NULL CHECK (kind IN ('inbound', 'status')),
    event_key   text        NOT NULL,
    payload     jsonb       NOT NULL,
    raw         bytea       NOT NULL,
    recovered   boolean     NOT NULL DEFAULT false,
    state       text        NOT NULL CHECK (state IN ('pending', 'orphan', 'done', 'dead')),
    attempt     int         NOT NULL DEFAULT 0,
    due_at      timestamptz,
    last_error  text        NOT NULL DEFAULT '',
    received_at timestamptz NOT NULL
);
-- Deduplication: a repeated callback finds its key taken.
CREATE UNIQUE INDEX h_provider_events_key ON provider_events (tenant_id, channel_id, kind, event_key);
-- Reports that wait for their message: looked for with each message accepted.
CREATE INDEX h_provider_events_orphans ON provider_events (tenant_id, channel_id, (payload->>'ProviderID')) WHERE state = 'orphan';
CREATE INDEX h_provider_events_due ON provider_events (tenant_id, due_at, id) WHERE due_at IS NOT NULL;

-- Every delivery report, also the late, the doubled and the unknown ones.
CREATE TABLE message_status_events (
    id          uuid        NOT NULL PRIMARY KEY,
    tenant_id   uuid        NOT NULL,
    message_id  uuid        NOT NULL,
    attempt     int         NOT NULL,
    status      text        NOT NULL,
    raw_status  text        NOT NULL,
    error_code  text        NOT NULL,
    applied     boolean     NOT NULL,
    occurred_at timestamptz,
    received_at timestamptz NOT NULL
);
CREATE INDEX h_message_status_events_message ON message_status_events (tenant_id, message_id, id);

-- The log of what happened, written in the transaction of its cause.
CREATE TABLE events (
    id          uuid        NOT NULL PRIMARY KEY,
    tenant_id   uuid        NOT NULL,
    type        text        NOT NULL,
    object_kind text        NOT NULL,
    object_id   uuid        NOT NULL,
    actor_kind  text        NOT NULL,
    actor_id    uuid,
    request_id  text        NOT NULL DEFAULT '',
    data        jsonb       NOT NULL,
    created_at  timestamptz NOT NULL
);
CREATE INDEX h_events_tenant ON events (tenant_id, id);

CREATE TABLE idempotency_keys (
    tenant_id   uuid        NOT NULL,
    principal   text        NOT NULL,
    method      text        NOT NULL,
    route       text        NOT NULL,
    key         text        NOT NULL,
    fingerprint bytea       NOT NULL,
    response    bytea       NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, principal, method, route, key)
);
CREATE INDEX h_idempotency_keys_created ON idempotency_keys (created_at);

-- Who held a number, and when. The partial index is the rule that a number has
-- one holder.
CREATE TABLE number_holdings (
    id          uuid        NOT NULL PRIMARY KEY,
    number_id   uuid        NOT NULL REFERENCES numbers (id),
    holder_id   uuid        NOT NULL REFERENCES tenants (id),
    holder_path text        NOT NULL,
    actor_kind  text        NOT NULL,
    actor_id    uuid,
    started_at  timestamptz NOT NULL,
    ended_at    timestamptz
);
CREATE UNIQUE INDEX h_number_holdings_current ON number_holdings (number_id) WHERE ended_at IS NULL;
CREATE INDEX h_number_holdings_number ON number_holdings (number_id, started_at);

-- Private halves are sealed; the public ones are published as a JWKS.
CREATE TABLE signing_keys (
    kid        text        NOT NULL PRIMARY KEY,
    public     bytea       NOT NULL,
    private    bytea       NOT NULL,
    created_at timestamptz NOT NULL,
    retired_at timestamptz
);

-- Rules that ent cannot say.
CREATE UNIQUE INDEX h_tenants_one_operator ON tenants ((parent_id IS NULL)) WHERE parent_id IS NULL;
CREATE UNIQUE INDEX h_tenants_path ON tenants (path text_pattern_ops);
CREATE INDEX h_numbers_holder_path ON numbers (holder_path text_pattern_ops);
CREATE UNIQUE INDEX h_channels_number ON channels (number_id) WHERE number_id IS NOT NULL AND status <> 'released';
CREATE UNIQUE INDEX h_channels_address ON channels (tenant_id, address) WHERE status <> 'released';
CREATE INDEX h_channels_due ON channels (tenant_id, due_at, id) WHERE due_at IS NOT NULL;
CREATE UNIQUE INDEX h_interactions_not_closed ON interactions (tenant_id, channel_id, address) WHERE status <> 'closed';
CREATE INDEX h_interactions_active ON interactions (tenant_id, last_message_at, id) WHERE status <> 'closed';
CREATE UNIQUE INDEX h_messages_provider_id ON messages (tenant_id, channel_id, direction, provider_id) WHERE provider_id <> '';
CREATE INDEX h_messages_due ON messages (tenant_id, due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX h_messages_unfinished ON messages (tenant_id, interaction_id, id) WHERE status IN ('queued', 'submitting', 'unknown');
CREATE INDEX h_attachments_due ON attachments (tenant_id, due_at, id) WHERE due_at IS NOT NULL;
CREATE UNIQUE INDEX h_opt_outs_active ON opt_outs (tenant_id, channel_id, address) WHERE ended_at IS NULL;

-- A node stands where its path says.
ALTER TABLE tenants ADD CONSTRAINT h_tenants_own_path CHECK (right(path, 38) = '/' || id::text || '/');

-- Composite keys: a row cannot point into another tenant, whatever the code
-- above it does. (Referential checks pass by row level security.)
ALTER TABLE tenants           ADD CONSTRAINT h_tenants_parent FOREIGN KEY (parent_id) REFERENCES tenants (id);
ALTER TABLE users             ADD CONSTRAINT h_users_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id);
ALTER TABLE sessions          ADD CONSTRAINT h_sessions_user FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id);
ALTER TABLE api_keys          ADD CONSTRAINT h_api_keys_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id);
ALTER TABLE numbers           ADD CONSTRAINT h_numbers_owner FOREIGN KEY (owner_id) REFERENCES tenants (id),
                              ADD CONSTRAINT h_numbers_holder FOREIGN KEY (holder_id) REFERENCES tenants (id);
ALTER TABLE channels          ADD CONSTRAINT h_channels_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id),
                              ADD CONSTRAINT h_channels_number_id FOREIGN KEY (number_id) REFERENCES numbers (id),
                              ADD CONSTRAINT h_channels_has_account CHECK ((number_id IS NULL) = (credentials IS NOT NULL) AND (number_id IS NULL) = (hook_token IS NOT NULL));
ALTER TABLE contacts          ADD CONSTRAINT h_contacts_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id),
                              ADD CONSTRAINT h_contacts_channel FOREIGN KEY (tenant_id, channel_id) REFERENCES channels (tenant_id, id);
ALTER TABLE contact_addresses ADD CONSTRAINT h_contact_addresses_contact FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id);
ALTER TABLE interactions      ADD CONSTRAINT h_interactions_channel FOREIGN KEY (tenant_id, channel_id) REFERENCES channels (tenant_id, id),
                              ADD CONSTRAINT h_interactions_contact FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id),
                              ADD CONSTRAINT h_interactions_assignee FOREIGN KEY (tenant_id, assignee_id) REFERENCES users (tenant_id, id);
ALTER TABLE messages          ADD CONSTRAINT h_messages_interaction FOREIGN KEY (tenant_id, interaction_id) REFERENCES interactions (tenant_id, id),
                              ADD CONSTRAINT h_messages_channel FOREIGN KEY (tenant_id, channel_id) REFERENCES channels (tenant_id, id),
                              ADD CONSTRAINT h_messages_resent_of FOREIGN KEY (tenant_id, resent_of_id) REFERENCES messages (tenant_id, id);
ALTER TABLE attachments       ADD CONSTRAINT h_attachments_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id),
                              ADD CONSTRAINT h_attachments_message FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, id);
ALTER TABLE opt_outs          ADD CONSTRAINT h_opt_outs_channel FOREIGN KEY (tenant_id, channel_id) REFERENCES channels (tenant_id, id);
ALTER TABLE message_status_events ADD CONSTRAINT h_message_status_events_message FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, id);
ALTER TABLE events            ADD CONSTRAINT h_events_tenant FOREIGN KEY (tenant_id) REFERENCES tenants (id);

-- +goose Down
DROP TABLE signing_keys, number_holdings, idempotency_keys, events, message_status_events, provider_events;
