package store_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/internal/testkit"
	"github.com/trellishq/trellis/tenants/scope"
)

// What was sent and kept before there were quotas is counted once, by an owner
// whom the walls hold as well.
func TestUsageBeforeQuotasIsCounted(t *testing.T) {
	t.Parallel()
	d := testkit.NewEmptyDatabase(t)
	if err := store.MigrateTo(t.Context(), d.OwnerURL, 5); err != nil {
		t.Fatal(err)
	}
	db := d.Owner(t)
	operator := seedNode(t, db, scope.Scope{Path: "/"}, "operator", "Operator")
	reseller := seedNode(t, db, operator, "reseller_l1", "Reseller")
	customer := seedNode(t, db, reseller, "customer", "Customer")
	mustExec(t, db, "UPDATE tenants SET time_zone = 'America/Toronto' WHERE kind = 'customer'")
	channel, contact, interaction := id.New(), id.New(), id.New()
	put := func(table string, r row) {
		t.Helper()
		r["tenant_id"] = customer.TenantID
		seed(t, db, table, r)
	}
	put("channels", entityRow(row{
		"id": channel, "kind": "sms", "provider": "sim", "name": "Desk", "address": "+12025550100", "credentials": `\x01`, "hook_token": "x",
	}))
	put("contacts", entityRow(row{"id": contact, "name": "Bob"}))
	put("interactions", entityRow(row{
		"id": interaction, "channel_id": channel, "contact_id": contact, "address": "+12025550199", "status": "open",
		"needs_reply": true, "last_message_at": testkit.Start,
	}))
	message := func(direction, status string, segments int, at, accepted any) {
		t.Helper()
		r := row{
			"id": id.New(), "updated_at": at, "created_at": at, "interaction_id": interaction, "channel_id": channel, "direction": direction,
			"status": status, "body": "x", "from_address": "a", "to_address": "b", "segments": segments,
		}
		if accepted != nil {
			r["accepted_at"] = accepted
		}
		put("messages", r)
	}
	march := time.Date(2026, 3, 1, 4, 59, 59, 0, time.UTC) // in Toronto it is February
	message("outbound", "delivered", 2, march, march)
	message("outbound", "delivered", 3, march.Add(time.Second), march)
	message("outbound", "queued", 0, testkit.Start, nil) // a picture without a text
	message("outbound", "failed", 7, testkit.Start, nil)
	message("outbound", "failed", 1, testkit.Start, testkit.Start) // a provider had it
	message("inbound", "received", 9, testkit.Start, nil)
	picture := func(status, key string, size int) {
		t.Helper()
		put("attachments", entityRow(row{"status": status, "media_key": key, "size": size}))
	}
	picture("ready", "first", 100)
	picture("ready", "first", 100) // sent again
	picture("ready", "second", 20)
	picture("pending", "", 0)

	// An owner of everything who is nobody special otherwise.
	plain := "plain_" + uuid.NewString()[:8]
	mustExec(t, db, "CREATE ROLE "+plain+"; GRANT CREATE ON SCHEMA public TO "+plain)
	mustExec(t, db, `DO $$ DECLARE t record; BEGIN
		FOR t IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' LOOP
			EXECUTE format('ALTER TABLE %I OWNER TO `+plain+`', t.relname);
		END LOOP; END $$`)
	t.Cleanup(func() { mustExec(t, db, "DROP OWNED BY "+plain+" CASCADE; DROP ROLE "+plain) })
	asPlain := elsewhere(t, d.OwnerURL, func(u *url.URL) {
		q := u.Query()
		q.Set("options", "-c role="+plain)
		u.RawQuery = q.Encode()
	})
	if err := store.MigrateTo(t.Context(), asPlain, 6); err != nil {
		t.Fatal(err)
	}

	for query, want := range map[string]int{
		"SELECT used FROM usage_counters WHERE quota = 'messages_per_month' AND period = '2026-02-01'":                                                       2,
		"SELECT used FROM usage_counters WHERE quota = 'messages_per_month' AND period = '2026-03-01'":                                                       5,
		"SELECT used FROM usage_counters WHERE quota = 'storage_bytes'":                                                                                      120,
		"SELECT count(*) FROM usage_counters":                                                                                                                3,
		"SELECT jsonb_array_length(entitlements) FROM tenants WHERE kind = 'operator'":                                                                       8,
		"SELECT jsonb_array_length(entitlements) FROM tenants WHERE kind = 'customer'":                                                                       2,
		"SELECT count(*) FROM pg_class WHERE relrowsecurity AND relforcerowsecurity AND relname IN ('tenants', 'messages', 'attachments', 'usage_counters')": 4,
	} {
		var got int
		if err := db.QueryRow(query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %d, want %d (%v)", query, got, want, err)
		}
	}
}
