package store_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/clock"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/internal/testkit"
	"github.com/trellishq/trellis/tenants/scope"
)

// twins is a database with two customers of different resellers that have a row
// in every table, equal in all but ids and what is unique over the platform.
type twins struct {
	testkit.Database
	owner *sql.DB
	a, b  scope.Scope
}

func newTwins(t testing.TB) twins {
	t.Helper()
	d := testkit.NewDatabase(t)
	w := twins{Database: d, owner: d.Owner(t)}
	operator := seedNode(t, w.owner, scope.Scope{Path: "/"}, "operator", "Operator")
	w.a = seedNode(t, w.owner, seedNode(t, w.owner, operator, "reseller_l1", "Reseller A"), "customer", "Twin")
	w.b = seedNode(t, w.owner, seedNode(t, w.owner, operator, "reseller_l1", "Reseller B"), "customer", "Twin")
	seedRows(t, w.owner, w.a, "a", 1)
	seedRows(t, w.owner, w.b, "b", 2)
	return w
}

// store opens the database as a server does.
func (w twins) store(t testing.TB) *store.Store {
	return testkit.Open(t, w.Database, clock.NewManual(testkit.Start))
}

// open opens a store with settings of its own.
func open(t testing.TB, d testkit.Database, c store.Config) *store.Store {
	t.Helper()
	c.AppURL, c.SystemURL, c.Clock = d.AppURL, d.SystemURL, clock.NewManual(testkit.Start)
	s, err := store.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// oneConnection is a store whose transactions all use one connection.
func (w twins) oneConnection(t testing.TB) *store.Store {
	return open(t, w.Database, store.Config{MaxConns: 1, StatementTimeout: 10 * time.Second})
}

func in(ctx context.Context, sc scope.Scope) context.Context { return scope.With(ctx, sc) }

// row is a table's row by column; columns left out have their defaults.
type row map[string]any

// seed writes a row past every wall.
func seed(t testing.TB, db *sql.DB, table string, r row) {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	columns := strings.Join(slices.Sorted(maps.Keys(r)), ", ")
	_, err = db.Exec("INSERT INTO "+table+" ("+columns+") SELECT "+columns+" FROM jsonb_populate_record(null::"+table+", $1)", string(text))
	if err != nil {
		t.Fatalf("seeding %s: %v", table, err)
	}
}

// entityRow is a row with what every entity has.
func entityRow(r row) row {
	r["created_at"], r["updated_at"] = testkit.Start, testkit.Start
	if r["id"] == nil {
		r["id"] = id.New()
	}
	return r
}

// seedNode writes a node of the tree and returns the scope of its work.
func seedNode(t testing.TB, db *sql.DB, parent scope.Scope, kind, name string) scope.Scope {
	t.Helper()
	node := scope.Scope{TenantID: id.New()}
	node.Path = parent.Path + node.TenantID.String() + "/"
	r := entityRow(row{"id": node.TenantID, "kind": kind, "name": name, "name_key": strings.ToLower(name), "path": node.Path})
	if parent.TenantID != uuid.Nil {
		r["parent_id"] = parent.TenantID
	}
	seed(t, db, "tenants", r)
	return node
}

// seedNumber writes a number that the node holds, and the record of it.
func seedNumber(t testing.TB, db *sql.DB, holder scope.Scope, address string) {
	t.Helper()
	number := id.New()
	seed(t, db, "numbers", entityRow(row{
		"id": number, "address": address, "provider": "sim", "credentials": `\x01`,
		"hook_token": "number-" + address, "owner_id": holder.TenantID, "holder_id": holder.TenantID, "holder_path": holder.Path,
	}))
	seed(t, db, "number_holdings", row{
		"id": id.New(), "number_id": number, "holder_id": holder.TenantID,
		"holder_path": holder.Path, "actor_kind": "system", "started_at": testkit.Start,
	})
}

// seedRows writes one row into every table that a tenant owns. The mark and the
// byte stand where the platform allows a value once.
func seedRows(t testing.TB, db *sql.DB, sc scope.Scope, mark string, once int) {
	t.Helper()
	const phone, theirPhone = "+12025550100", "+12025550199"
	user, channel, contact, interaction, message := id.New(), id.New(), id.New(), id.New(), id.New()
	queue, list, shift, aux := id.New(), id.New(), id.New(), 10+once
	department := id.New()
	put := func(table string, r row) {
		t.Helper()
		r["tenant_id"] = sc.TenantID
		seed(t, db, table, r)
	}
	entity := func(table string, r row) { t.Helper(); put(table, entityRow(r)) }
	seedNumber(t, db, sc, "+1202555030"+string(rune('0'+once)))
	role := id.New()
	entity("custom_roles", row{"id": role, "name": "Night shift", "base": "agent", "permissions": []string{"interactions:reply"}})
	entity("users", row{"id": user, "custom_role_id": role, "login": mark + "@example.com", "name": "Ann", "role": "agent", "password_hash": "x"})
	put("user_avatars", row{"user_id": user, "content_type": "image/png", "content": `\x01`, "updated_at": testkit.Start})
	entity("departments", row{"id": department, "name": "Sales", "name_folded": "sales"})
	put("department_members", row{"department_id": department, "user_id": user, "created_at": testkit.Start})
	entity("sessions", row{"user_id": user, "nonce": `\x01`, "rotated_at": testkit.Start, "expires_at": testkit.Start.Add(time.Hour)})
	put("password_resets", row{
		"id": id.New(), "user_id": user, "token_hash": `\x0` + string(rune('0'+once)), "created_at": testkit.Start, "expires_at": testkit.Start,
	})
	put("single_sign_on", row{
		"issuer": "https://login.example", "client_id": "x", "client_secret": `\x01`, "domains": []string{}, "allow_passwords": true,
		"version": 1, "created_at": testkit.Start, "updated_at": testkit.Start,
	})
	put("sign_in_flows", row{"state_hash": `\x0` + string(rune('0'+once)), "created_at": testkit.Start, "expires_at": testkit.Start})
	put("single_sign_on_links", row{"user_id": user, "issuer": "https://login.example", "subject": "ann", "created_at": testkit.Start})
	put("second_factors", row{"user_id": user, "secret": `\x01`, "created_at": testkit.Start})
	put("recovery_codes", row{"user_id": user, "hash": `\x01`, "created_at": testkit.Start})
	put("sign_in_challenges", row{
		"id": id.New(), "user_id": user, "token_hash": `\x0` + string(rune('0'+once)), "created_at": testkit.Start, "expires_at": testkit.Start,
	})
	entity("api_keys", row{
		"name": "key", "hash": `\x0` + string(rune('0'+once)), "hint": "tr_…", "permissions": []string{"contacts:read"},
		"creator_id": user, "expires_at": testkit.Start.Add(time.Hour),
	})
	entity("sender_ids", row{"name": "ACME"})
	entity("queues", row{"id": queue, "name": "Orders"})
	put("queue_managers", row{"queue_id": queue, "user_id": user, "created_at": testkit.Start})
	put("aux_codes", row{"code": aux, "name": "Lunch", "version": 1, "created_at": testkit.Start, "updated_at": testkit.Start})
	put("agent_settings", row{
		"max_units": 10, "channels": row{}, "default_pause": aux, "version": 1, "created_at": testkit.Start, "updated_at": testkit.Start,
	})
	put("agent_capacities", row{"user_id": user, "channels": row{}, "version": 1, "created_at": testkit.Start, "updated_at": testkit.Start})
	put("queue_members", row{"queue_id": queue, "user_id": user, "created_at": testkit.Start, "logged_out_at": testkit.Start, "logged_out_code": aux})
	put("agent_sessions", row{
		"id": shift, "user_id": user, "state": "paused", "state_since": testkit.Start, "pause_code": aux, "pause_name": "Lunch",
		"strategy": "inbound", "logged_in_at": testkit.Start, "seen_at": testkit.Start, "due_at": testkit.Start, "ended_reason": "",
	})
	put("agent_log", row{
		"id": id.New(), "user_id": user, "session_id": shift, "queue_id": queue, "action": "pause", "code": aux, "name": "Lunch",
		"actor_kind": "system", "created_at": testkit.Start,
	})
	put("route_requests", row{"id": id.New(), "queue_id": queue, "due_at": testkit.Start, "created_at": testkit.Start})
	entity("contact_lists", row{"id": list, "name": "New customers"})
	entity("channels", row{
		"id": channel, "contact_list_id": list, "kind": "sms", "provider": "sim", "name": "Desk", "address": phone,
		"credentials": `\x01`, "hook_token": "channel-" + mark,
	})
	phrase := id.New()
	entity("phrases", row{
		"id": phrase, "title": "Hours", "title_folded": "hours", "content": "Until six.", "content_folded": "until six.",
		"language": "en", "scope": "department",
	})
	put("phrase_departments", row{"phrase_id": phrase, "department_id": department, "created_at": testkit.Start})
	put("phrase_channels", row{"phrase_id": phrase, "channel_id": channel, "created_at": testkit.Start})
	put("phrase_grams", row{"phrase_id": phrase, "gram": "hou", "created_at": testkit.Start})
	put("channel_members", row{"channel_id": channel, "user_id": user, "created_at": testkit.Start})
	entity("contacts", row{"id": contact, "name": "Bob", "channel_id": channel})
	put("contact_list_members", row{"list_id": list, "contact_id": contact, "created_at": testkit.Start})
	entity("contact_addresses", row{"contact_id": contact, "kind": "phone", "value": theirPhone, "linked_at": testkit.Start})
	entity("interactions", row{
		"id": interaction, "channel_id": channel, "contact_id": contact, "address": theirPhone, "status": "open",
		"needs_reply": true, "assignee_id": user, "last_message_at": testkit.Start,
	})
	put("offers", row{
		"id": id.New(), "queue_id": queue, "interaction_id": interaction, "user_id": user, "round": 1, "state": "open",
		"created_at": testkit.Start, "expires_at": testkit.Start,
	})
	entity("messages", row{
		"id": message, "interaction_id": interaction, "channel_id": channel, "direction": "outbound", "status": "queued",
		"body": "hello", "from_address": phone, "to_address": theirPhone, "client_message_id": "client-1", "provider_id": "SM1", "due_at": testkit.Start,
	})
	tag, disposition, note := id.New(), id.New(), id.New()
	entity("tags", row{"id": tag, "name": "Urgent", "color": "#d32f2f"})
	put("interaction_tags", row{"interaction_id": interaction, "tag_id": tag, "created_at": testkit.Start})
	entity("dispositions", row{"id": disposition, "queue_id": queue, "name": "Sold", "color": "#d32f2f"})
	put("interaction_dispositions", row{
		"interaction_id": interaction, "disposition_id": disposition, "name": "Sold", "note": "", "created_at": testkit.Start,
	})
	entity("internal_notes", row{"id": note, "interaction_id": interaction, "body": "calls back"})
	put("note_mentions", row{"note_id": note, "user_id": user, "created_at": testkit.Start})
	put("interaction_drafts", row{
		"interaction_id": interaction, "user_id": user, "body": "we", "version": 1, "created_at": testkit.Start, "updated_at": testkit.Start,
	})
	put("interaction_reads", row{
		"interaction_id": interaction, "user_id": user, "last_message_id": message, "inbound": 0, "updated_at": testkit.Start,
	})
	put("interaction_viewers", row{
		"interaction_id": interaction, "user_id": user, "name": "Ann", "typing": false, "since": testkit.Start, "expires_at": testkit.Start,
	})
	chat, staffMessage := id.New(), id.New()
	entity("staff_chats", row{"id": chat, "kind": "group", "name": "Night shift", "created_by_id": user, "active_at": testkit.Start})
	put("staff_chat_members", row{"chat_id": chat, "user_id": user, "role": "admin", "created_at": testkit.Start})
	entity("staff_messages", row{"id": staffMessage, "chat_id": chat, "seq": 1, "sender_id": user, "body": "hello", "client_message_id": "client-1"})
	entity("attachments", row{"message_id": message, "status": "ready", "name": "a.png"})
	entity("reminders", row{"interaction_id": interaction, "user_id": user, "remind_at": testkit.Start, "due_at": testkit.Start})
	entity("opt_outs", row{"channel_id": channel, "address": theirPhone, "source": "keyword", "keyword": "STOP"})
	entity("brands", row{"product_name": "Twin"})
	entity("brand_hosts", row{"host": mark + ".twin.example"})
	entity("brand_logos", row{"variant": "main", "content_type": "image/png", "digest": "d", "content": `\x01`})
	entity("reseller_profiles", row{"legal_name": "Twin"})
	put("tenant_purges", row{"id": id.New(), "state": "waiting", "due_at": testkit.Start, "created_at": testkit.Start})
	put("provider_events", row{
		"id": id.New(), "channel_id": channel, "kind": "inbound", "event_key": "SM1", "payload": row{}, "raw": `\x01`,
		"state": "pending", "received_at": testkit.Start,
	})
	put("interaction_timers", row{
		"id": id.New(), "interaction_id": interaction, "kind": "pause", "due_at": testkit.Start, "created_at": testkit.Start,
	})
	put("inbox_settings", row{
		"pause_reasons": []string{}, "sub_statuses": []string{}, "close_solved_after_hours": 0, "waiting_alert_minutes": 0,
		"version": 1, "updated_at": testkit.Start,
	})
	put("interaction_log", row{
		"id": id.New(), "interaction_id": interaction, "kind": "started", "text": "Conversation started.", "actor_kind": "system",
		"details": row{}, "created_at": testkit.Start,
	})
	put("interaction_participants", row{"interaction_id": interaction, "user_id": user, "created_at": testkit.Start})
	put("inbox_views", row{
		"id": id.New(), "owner_id": user, "name": "Mine", "shared": true, "filter": row{}, "sort": "status", "columns": []string{}, "version": 1,
		"created_at": testkit.Start, "updated_at": testkit.Start,
	})
	put("message_status_events", row{
		"id": id.New(), "message_id": message, "attempt": 1, "status": "sent", "raw_status": "sent",
		"error_code": "", "applied": true, "received_at": testkit.Start,
	})
	put("events", row{
		"id": id.New(), "type": "contact.created", "object_kind": "contact", "object_id": contact, "actor_kind": "system",
		"data": row{}, "created_at": testkit.Start,
	})
	put("mails", row{
		"id": id.New(), "kind": "welcome", "language": "en", "state": "queued", "content": `\x01`,
		"due_at": testkit.Start, "expires_at": testkit.Start.Add(time.Hour), "created_at": testkit.Start,
	})
	put("usage_counters", row{"quota": "messages_per_month", "period": "2026-03-01", "used": 1, "updated_at": testkit.Start})
	put("act_as_sessions", row{
		"id": id.New(), "user_id": id.New(), "user_name": "Ann", "home_id": id.New(), "session_id": id.New(),
		"reason": "a reason", "started_at": testkit.Start, "expires_at": testkit.Start.Add(time.Minute),
	})
	entry := id.New()
	put("audit_entries", row{
		"id": entry, "action": "user.created", "object_kind": "user", "object_id": user, "actor_kind": "system", "details": row{},
		"changes": []row{}, "created_at": testkit.Start,
	})
	put("audit_pending", row{"entry_id": id.New(), "created_at": testkit.Start})
	put("audit_chain", row{"seq": 1, "entry_id": entry, "hash": `\x` + strings.Repeat("00", 32), "chained_at": testkit.Start})
	put("audit_heads", row{"seq": 1, "hash": `\x00`, "mac": `\x00`})
	put("idempotency_keys", row{
		"principal": "key:1", "method": "POST", "route": "/v1/messages", "key": "k", "fingerprint": `\x01`,
		"response": `\x01`, "created_at": testkit.Start,
	})
}

// elsewhere is a database URL with another host, port or name.
func elsewhere(t testing.TB, rawURL string, change func(*url.URL)) string {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	change(u)
	return u.String()
}
