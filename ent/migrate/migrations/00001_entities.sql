-- +goose Up
-- create "api_keys" table
CREATE TABLE "api_keys" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "tenant_id" uuid NOT NULL, "name" text NOT NULL, "hash" bytea NOT NULL, "hint" text NOT NULL, "permissions" jsonb NOT NULL, "creator_id" uuid NOT NULL, "expires_at" timestamptz NOT NULL, "last_used_at" timestamptz NULL, "revoked_at" timestamptz NULL, PRIMARY KEY ("id"));
-- create index "apikey_hash" to table: "api_keys"
CREATE UNIQUE INDEX "apikey_hash" ON "api_keys" ("hash");
-- create index "apikey_tenant_id_id" to table: "api_keys"
CREATE UNIQUE INDEX "apikey_tenant_id_id" ON "api_keys" ("tenant_id", "id");
-- create "attachments" table
CREATE TABLE "attachments" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "tenant_id" uuid NOT NULL, "message_id" uuid NULL, "status" character varying NOT NULL, "name" text NOT NULL DEFAULT '', "content_type" text NOT NULL DEFAULT '', "size" bigint NOT NULL DEFAULT 0, "width" bigint NOT NULL DEFAULT 0, "height" bigint NOT NULL DEFAULT 0, "sha256" bytea NULL, "media_key" text NOT NULL DEFAULT '', "source_url" text NOT NULL DEFAULT '', "uploader_id" uuid NULL, "failure" text NOT NULL DEFAULT '', "attempt" bigint NOT NULL DEFAULT 0, "due_at" timestamptz NULL, PRIMARY KEY ("id"));
-- create index "attachment_tenant_id_id" to table: "attachments"
CREATE UNIQUE INDEX "attachment_tenant_id_id" ON "attachments" ("tenant_id", "id");
-- create index "attachment_tenant_id_message_id" to table: "attachments"
CREATE INDEX "attachment_tenant_id_message_id" ON "attachments" ("tenant_id", "message_id");
-- create "channels" table
CREATE TABLE "channels" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "tenant_id" uuid NOT NULL, "kind" character varying NOT NULL, "provider" text NOT NULL, "name" text NOT NULL, "address" text NOT NULL, "number_id" uuid NULL, "credentials" bytea NULL, "credentials_hint" text NOT NULL DEFAULT '', "hook_token" text NULL, "status" character varying NOT NULL DEFAULT 'active', "fault" text NOT NULL DEFAULT '', "max_segments" bigint NOT NULL DEFAULT 10, "on_unknown" character varying NOT NULL DEFAULT 'fail', "inbound_checked_at" timestamptz NULL, "due_at" timestamptz NULL, PRIMARY KEY ("id"));
-- create index "channel_hook_token" to table: "channels"
CREATE UNIQUE INDEX "channel_hook_token" ON "channels" ("hook_token");
-- create index "channel_tenant_id_id" to table: "channels"
CREATE UNIQUE INDEX "channel_tenant_id_id" ON "channels" ("tenant_id", "id");
-- create "contacts" table
CREATE TABLE "contacts" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "tenant_id" uuid NOT NULL, "name" text NOT NULL DEFAULT '', "channel_id" uuid NULL, PRIMARY KEY ("id"));
-- create index "contact_tenant_id_id" to table: "contacts"
CREATE UNIQUE INDEX "contact_tenant_id_id" ON "contacts" ("tenant_id", "id");
-- create index "contact_tenant_id_name_id" to table: "contacts"
CREATE INDEX "contact_tenant_id_name_id" ON "contacts" ("tenant_id", "name", "id");
-- create "contact_addresses" table
CREATE TABLE "contact_addresses" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "tenant_id" uuid NOT NULL, "contact_id" uuid NOT NULL, "kind" character varying NOT NULL, "value" text NOT NULL, "linked_at" timestamptz NOT NULL, PRIMARY KEY ("id"));
-- create index "contactaddress_tenant_id_contact_id_kind_value" to table: "contact_addresses"
CREATE UNIQUE INDEX "contactaddress_tenant_id_contact_id_kind_value" ON "contact_addresses" ("tenant_id", "contact_id", "kind", "value");
-- create index "contactaddress_tenant_id_id" to table: "contact_addresses"
CREATE UNIQUE INDEX "contactaddress_tenant_id_id" ON "contact_addresses" ("tenant_id", "id");
-- create index "contactaddress_tenant_id_kind_value_linked_at" to table: "contact_addresses"
CREATE INDEX "contactaddress_tenant_id_kind_value_linked_at" ON "contact_addresses" ("tenant_id", "kind", "value", "linked_at");
-- create "interactions" table
CREATE TABLE "interactions" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "tenant_id" uuid NOT NULL, "channel_id" uuid NOT NULL, "contact_id" uuid NOT NULL, "address" text NOT NULL, "status" character varying NOT NULL, "needs_reply" boolean NOT NULL, "unseen" bigint NOT NULL DEFAULT 0, "assignee_id" uuid NULL, "preview" text NOT NULL DEFAULT '', "last_message_at" timestamptz NOT NULL, "closed_at" timestamptz NULL, "closed_by_id" uuid NULL, "close_reason" text NOT NULL DEFAULT '', PRIMARY KEY ("id"));
-- create index "interaction_tenant_id_assignee_id_last_message_at" to table: "interactions"
CREATE INDEX "interaction_tenant_id_assignee_id_last_message_at" ON "interactions" ("tenant_id", "assignee_id", "last_message_at");
-- create index "interaction_tenant_id_contact_id" to table: "interactions"
CREATE INDEX "interaction_tenant_id_contact_id" ON "interactions" ("tenant_id", "contact_id");
-- create index "interaction_tenant_id_id" to table: "interactions"
CREATE UNIQUE INDEX "interaction_tenant_id_id" ON "interactions" ("tenant_id", "id");
-- create index "interaction_tenant_id_last_message_at_id" to table: "interactions"
CREATE INDEX "interaction_tenant_id_last_message_at_id" ON "interactions" ("tenant_id", "last_message_at", "id");
-- create "messages" table
CREATE TABLE "messages" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "tenant_id" uuid NOT NULL, "interaction_id" uuid NOT NULL, "channel_id" uuid NOT NULL, "direction" character varying NOT NULL, "status" character varying NOT NULL, "body" text NOT NULL, "from_address" text NOT NULL, "to_address" text NOT NULL, "encoding" text NOT NULL DEFAULT '', "segments" bigint NOT NULL DEFAULT 0, "provider_segments" bigint NOT NULL DEFAULT 0, "client_message_id" text NULL, "sender_id" uuid NULL, "resent_of_id" uuid NULL, "recovered" boolean NOT NULL DEFAULT false, "provider_id" text NOT NULL DEFAULT '', "attempt" bigint NOT NULL DEFAULT 0, "lookups" bigint NOT NULL DEFAULT 0, "claim_id" uuid NULL, "claim_until" timestamptz NULL, "submit_started_at" timestamptz NULL, "due_at" timestamptz NULL, "expires_at" timestamptz NULL, "error_class" text NOT NULL DEFAULT '', "error_code" text NOT NULL DEFAULT '', "error_message" text NOT NULL DEFAULT '', "accepted_at" timestamptz NULL, "sent_at" timestamptz NULL, "delivered_at" timestamptz NULL, "failed_at" timestamptz NULL, "read_at" timestamptz NULL, PRIMARY KEY ("id"));
-- create index "message_tenant_id_client_message_id" to table: "messages"
CREATE UNIQUE INDEX "message_tenant_id_client_message_id" ON "messages" ("tenant_id", "client_message_id");
-- create index "message_tenant_id_id" to table: "messages"
CREATE UNIQUE INDEX "message_tenant_id_id" ON "messages" ("tenant_id", "id");
-- create index "message_tenant_id_interaction_id_id" to table: "messages"
CREATE INDEX "message_tenant_id_interaction_id_id" ON "messages" ("tenant_id", "interaction_id", "id");
-- create "numbers" table
CREATE TABLE "numbers" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "address" text NOT NULL, "provider" text NOT NULL, "credentials" bytea NOT NULL, "hook_token" text NOT NULL, "owner_id" uuid NOT NULL, "holder_id" uuid NOT NULL, "holder_path" text NOT NULL, PRIMARY KEY ("id"));
-- create index "number_address" to table: "numbers"
CREATE UNIQUE INDEX "number_address" ON "numbers" ("address");
-- create index "number_holder_id" to table: "numbers"
CREATE INDEX "number_holder_id" ON "numbers" ("holder_id");
-- create index "number_hook_token" to table: "numbers"
CREATE UNIQUE INDEX "number_hook_token" ON "numbers" ("hook_token");
-- create "opt_outs" table
CREATE TABLE "opt_outs" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "tenant_id" uuid NOT NULL, "channel_id" uuid NOT NULL, "address" text NOT NULL, "source" character varying NOT NULL, "keyword" text NOT NULL DEFAULT '', "ended_at" timestamptz NULL, PRIMARY KEY ("id"));
-- create index "optout_tenant_id_channel_id_address" to table: "opt_outs"
CREATE INDEX "optout_tenant_id_channel_id_address" ON "opt_outs" ("tenant_id", "channel_id", "address");
-- create index "optout_tenant_id_id" to table: "opt_outs"
CREATE UNIQUE INDEX "optout_tenant_id_id" ON "opt_outs" ("tenant_id", "id");
-- create "sessions" table
CREATE TABLE "sessions" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "tenant_id" uuid NOT NULL, "user_id" uuid NOT NULL, "nonce" bytea NOT NULL, "generation" bigint NOT NULL DEFAULT 1, "rotated_at" timestamptz NOT NULL, "expires_at" timestamptz NOT NULL, "revoked_at" timestamptz NULL, "revoked_reason" text NOT NULL DEFAULT '', "user_agent" text NOT NULL DEFAULT '', "ip" text NOT NULL DEFAULT '', PRIMARY KEY ("id"));
-- create index "session_tenant_id_id" to table: "sessions"
CREATE UNIQUE INDEX "session_tenant_id_id" ON "sessions" ("tenant_id", "id");
-- create index "session_tenant_id_user_id" to table: "sessions"
CREATE INDEX "session_tenant_id_user_id" ON "sessions" ("tenant_id", "user_id");
-- create "tenants" table
CREATE TABLE "tenants" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "parent_id" uuid NULL, "kind" character varying NOT NULL, "name" text NOT NULL, "path" text NOT NULL, "status" character varying NOT NULL DEFAULT 'active', "suspended_by_path" text NOT NULL DEFAULT '', "country" text NOT NULL DEFAULT 'US', "time_zone" text NOT NULL DEFAULT 'UTC', "language" text NOT NULL DEFAULT 'en', PRIMARY KEY ("id"));
-- create index "tenant_parent_id_name" to table: "tenants"
CREATE UNIQUE INDEX "tenant_parent_id_name" ON "tenants" ("parent_id", "name");
-- create "users" table
CREATE TABLE "users" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "version" bigint NOT NULL DEFAULT 1, "tenant_id" uuid NOT NULL, "login" text NOT NULL, "name" text NOT NULL, "role" character varying NOT NULL, "status" character varying NOT NULL DEFAULT 'active', "password_hash" text NOT NULL, "must_change_password" boolean NOT NULL DEFAULT false, "created_by_id" uuid NULL, PRIMARY KEY ("id"));
-- create index "user_login" to table: "users"
CREATE UNIQUE INDEX "user_login" ON "users" ("login");
-- create index "user_tenant_id_id" to table: "users"
CREATE UNIQUE INDEX "user_tenant_id_id" ON "users" ("tenant_id", "id");

-- +goose Down
-- reverse: create index "user_tenant_id_id" to table: "users"
DROP INDEX "user_tenant_id_id";
-- reverse: create index "user_login" to table: "users"
DROP INDEX "user_login";
-- reverse: create "users" table
DROP TABLE "users";
-- reverse: create index "tenant_parent_id_name" to table: "tenants"
DROP INDEX "tenant_parent_id_name";
-- reverse: create "tenants" table
DROP TABLE "tenants";
-- reverse: create index "session_tenant_id_user_id" to table: "sessions"
DROP INDEX "session_tenant_id_user_id";
-- reverse: create index "session_tenant_id_id" to table: "sessions"
DROP INDEX "session_tenant_id_id";
-- reverse: create "sessions" table
DROP TABLE "sessions";
-- reverse: create index "optout_tenant_id_id" to table: "opt_outs"
DROP INDEX "optout_tenant_id_id";
-- reverse: create index "optout_tenant_id_channel_id_address" to table: "opt_outs"
DROP INDEX "optout_tenant_id_channel_id_address";
-- reverse: create "opt_outs" table
DROP TABLE "opt_outs";
-- reverse: create index "number_hook_token" to table: "numbers"
DROP INDEX "number_hook_token";
-- reverse: create index "number_holder_id" to table: "numbers"
DROP INDEX "number_holder_id";
-- reverse: create index "number_address" to table: "numbers"
DROP INDEX "number_address";
-- reverse: create "numbers" table
DROP TABLE "numbers";
-- reverse: create index "message_tenant_id_interaction_id_id" to table: "messages"
DROP INDEX "message_tenant_id_interaction_id_id";
-- reverse: create index "message_tenant_id_id" to table: "messages"
DROP INDEX "message_tenant_id_id";
-- reverse: create index "message_tenant_id_client_message_id" to table: "messages"
DROP INDEX "message_tenant_id_client_message_id";
-- reverse: create "messages" table
DROP TABLE "messages";
-- reverse: create index "interaction_tenant_id_last_message_at_id" to table: "interactions"
DROP INDEX "interaction_tenant_id_last_message_at_id";
-- reverse: create index "interaction_tenant_id_id" to table: "interactions"
DROP INDEX "interaction_tenant_id_id";
-- reverse: create index "interaction_tenant_id_contact_id" to table: "interactions"
DROP INDEX "interaction_tenant_id_contact_id";
-- reverse: create index "interaction_tenant_id_assignee_id_last_message_at" to table: "interactions"
DROP INDEX "interaction_tenant_id_assignee_id_last_message_at";
-- reverse: create "interactions" table
DROP TABLE "interactions";
-- reverse: create index "contactaddress_tenant_id_kind_value_linked_at" to table: "contact_addresses"
DROP INDEX "contactaddress_tenant_id_kind_value_linked_at";
-- reverse: create index "contactaddress_tenant_id_id" to table: "contact_addresses"
DROP INDEX "contactaddress_tenant_id_id";
-- reverse: create index "contactaddress_tenant_id_contact_id_kind_value" to table: "contact_addresses"
DROP INDEX "contactaddress_tenant_id_contact_id_kind_value";
-- reverse: create "contact_addresses" table
DROP TABLE "contact_addresses";
-- reverse: create index "contact_tenant_id_name_id" to table: "contacts"
DROP INDEX "contact_tenant_id_name_id";
-- reverse: create index "contact_tenant_id_id" to table: "contacts"
DROP INDEX "contact_tenant_id_id";
-- reverse: create "contacts" table
DROP TABLE "contacts";
-- reverse: create index "channel_tenant_id_id" to table: "channels"
DROP INDEX "channel_tenant_id_id";
-- reverse: create index "channel_hook_token" to table: "channels"
DROP INDEX "channel_hook_token";
-- reverse: create "channels" table
DROP TABLE "channels";
-- reverse: create index "attachment_tenant_id_message_id" to table: "attachments"
DROP INDEX "attachment_tenant_id_message_id";
-- reverse: create index "attachment_tenant_id_id" to table: "attachments"
DROP INDEX "attachment_tenant_id_id";
-- reverse: create "attachments" table
DROP TABLE "attachments";
-- reverse: create index "apikey_tenant_id_id" to table: "api_keys"
DROP INDEX "apikey_tenant_id_id";
-- reverse: create index "apikey_hash" to table: "api_keys"
DROP INDEX "apikey_hash";
-- reverse: create "api_keys" table
DROP TABLE "api_keys";
