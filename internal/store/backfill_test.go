package store_test

import (
	"database/sql"
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

	if err := store.MigrateTo(t.Context(), plainOwner(t, d, db), 6); err != nil {
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

// plainOwner makes an owner of everything who is nobody special otherwise, and
// returns the URL under which he logs in.
func plainOwner(t *testing.T, d testkit.Database, db *sql.DB) string {
	t.Helper()
	plain := "plain_" + uuid.NewString()[:8]
	mustExec(t, db, "CREATE ROLE "+plain+"; GRANT CREATE ON SCHEMA public TO "+plain)
	mustExec(t, db, `DO $$ DECLARE t record; BEGIN
		FOR t IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' LOOP
			EXECUTE format('ALTER TABLE %I OWNER TO `+plain+`', t.relname);
		END LOOP; END $$`)
	t.Cleanup(func() { mustExec(t, db, "DROP OWNED BY "+plain+" CASCADE; DROP ROLE "+plain) })
	return elsewhere(t, d.OwnerURL, func(u *url.URL) {
		q := u.Query()
		q.Set("options", "-c role="+plain)
		u.RawQuery = q.Encode()
	})
}

// What was there before conversations had a life of their own is told by their
// messages, and by who closed them.
func TestConversationsBeforeTheirLife(t *testing.T) {
	t.Parallel()
	d := testkit.NewEmptyDatabase(t)
	if err := store.MigrateTo(t.Context(), d.OwnerURL, 16); err != nil {
		t.Fatal(err)
	}
	db := d.Owner(t)
	operator := seedNode(t, db, scope.Scope{Path: "/"}, "operator", "Operator")
	customer := seedNode(t, db, seedNode(t, db, operator, "reseller_l1", "Reseller"), "customer", "Customer")
	put := func(table string, r row) {
		t.Helper()
		r["tenant_id"] = customer.TenantID
		seed(t, db, table, entityRow(r))
	}
	channel, contact, agent := id.New(), id.New(), id.New()
	put("users", row{"id": agent, "login": "a@example.com", "name": "Ann", "name_folded": "ann", "role": "agent", "password_hash": "x"})
	put("channels", row{
		"id": channel, "kind": "sms", "provider": "sim", "name": "Desk", "address": "+12025550100", "credentials": `\x01`, "hook_token": "x",
	})
	put("contacts", row{"id": contact, "name": "Bob"})
	conversation := func(address, status string, needsReply bool, more row, directions ...string) {
		t.Helper()
		interaction := id.New()
		more["id"], more["channel_id"], more["contact_id"], more["address"] = interaction, channel, contact, address
		more["status"], more["needs_reply"], more["last_message_at"] = status, needsReply, testkit.Start
		put("interactions", more)
		for n, direction := range directions {
			put("messages", row{
				"created_at": testkit.Start.Add(time.Duration(n) * time.Minute), "interaction_id": interaction, "channel_id": channel, "direction": direction,
				"status": "received", "body": "x", "from_address": "a", "to_address": "b",
			})
		}
	}
	conversation("1", "closed", true, row{"closed_by_id": nil}, "inbound")
	conversation("2", "closed", false, row{"closed_by_id": agent, "assignee_id": agent}, "inbound")
	conversation("3", "closed", false, row{"closed_by_id": id.New(), "assignee_id": agent}, "inbound", "outbound")
	conversation("4", "waiting_agent", true, row{"assignee_id": agent}, "outbound", "inbound")
	conversation("5", "open", false, row{}, "outbound", "inbound", "outbound")

	if err := store.MigrateTo(t.Context(), plainOwner(t, d, db), 17); err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		"1": "system missed unlisted inbound -",
		"2": "agent managed unlisted inbound -",
		"3": "supervisor managed unlisted outbound -",
		"4": "- managed listed inbound waits",
		"5": "- managed listed outbound -",
	} {
		var got string
		err := db.QueryRow(`SELECT concat_ws(' ', coalesce(closed_by, '-'), CASE WHEN managed THEN 'managed' ELSE 'missed' END,
			CASE WHEN listed THEN 'listed' ELSE 'unlisted' END, last_message_direction, CASE WHEN waiting_since IS NULL THEN '-' ELSE 'waits' END)
			FROM interactions WHERE address = $1`, address).Scan(&got)
		if err != nil || got != want {
			t.Errorf("conversation %s is %q, want %q (%v)", address, got, want, err)
		}
	}
	for query, want := range map[string]int{
		"SELECT count(*) FROM interactions WHERE first_response_at IS NOT NULL": 2,
		"SELECT count(*) FROM interaction_participants":                         3,
		"SELECT count(*) FROM pg_class WHERE relrowsecurity AND relforcerowsecurity AND relname IN ('interactions', 'messages', 'interaction_participants')": 3,
	} {
		var got int
		if err := db.QueryRow(query).Scan(&got); err != nil || got != want {
			t.Errorf("%s: %d, want %d (%v)", query, got, want, err)
		}
	}
}

// How many messages a customer has written is counted once for the conversations
// that were there before anybody asked.
func TestMessagesBeforeTheBadgeAreCounted(t *testing.T) {
	t.Parallel()
	d := testkit.NewEmptyDatabase(t)
	if err := store.MigrateTo(t.Context(), d.OwnerURL, 16); err != nil {
		t.Fatal(err)
	}
	db := d.Owner(t)
	customer := seedNode(t, db, seedNode(t, db, scope.Scope{Path: "/"}, "operator", "Operator"), "reseller_l1", "Reseller")
	channel, contact := id.New(), id.New()
	put := func(table string, r row) {
		t.Helper()
		r["tenant_id"] = customer.TenantID
		seed(t, db, table, entityRow(r))
	}
	put("channels", row{
		"id": channel, "kind": "sms", "provider": "sim", "name": "Desk", "address": "+12025550100", "credentials": `\x01`, "hook_token": "x",
	})
	put("contacts", row{"id": contact, "name": "Bob"})
	want := map[uuid.UUID]int{}
	for n := range 3 {
		interaction := id.New()
		want[interaction] = n
		put("interactions", row{
			"id": interaction, "channel_id": channel, "contact_id": contact, "address": "+1202555019" + string(rune('0'+n)),
			"status": "open", "needs_reply": true, "last_message_at": testkit.Start,
		})
		for i := range n + 1 {
			direction := "inbound"
			if i == n {
				direction = "outbound"
			}
			put("messages", row{
				"interaction_id": interaction, "channel_id": channel, "direction": direction, "status": "received", "body": "x",
				"from_address": "a", "to_address": "b", "segments": 1,
			})
		}
	}
	if err := store.MigrateTo(t.Context(), plainOwner(t, d, db), 21); err != nil {
		t.Fatal(err)
	}
	for interaction, n := range want {
		var got int
		if err := db.QueryRow("SELECT inbound FROM interactions WHERE id = $1", interaction).Scan(&got); err != nil || got != n {
			t.Errorf("%d messages are counted, want %d (%v)", got, n, err)
		}
	}
}
