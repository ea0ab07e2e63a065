package api_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// inboxRow is an interaction as the database has it.
type inboxRow struct {
	ID            string     `json:"id"`
	ChannelID     string     `json:"channel_id"`
	ContactID     string     `json:"contact_id"`
	QueueID       string     `json:"queue_id"`
	AssigneeID    string     `json:"assignee_id"`
	Status        string     `json:"status"`
	Unseen        int        `json:"unseen"`
	NeedsReply    bool       `json:"needs_reply"`
	Managed       bool       `json:"managed"`
	Priority      int        `json:"priority"`
	Subject       string     `json:"subject"`
	WaitingSince  *time.Time `json:"waiting_since"`
	Listed        bool       `json:"listed"`
	CreatedAt     time.Time  `json:"created_at"`
	LastMessageAt time.Time  `json:"last_message_at"`
	Preview       string     `json:"preview"`
}

// filledInbox is an inbox with a bit of everything, many at the same time.
type filledInbox struct {
	*scene
	queues []string
	other  *apitest.Client
	rows   []inboxRow
}

var lifeOrder = []string{"waiting_agent", "open", "waiting_customer", "solved", "closed"}

func fillInbox(t *testing.T) *filledInbox {
	t.Helper()
	f := &filledInbox{scene: twilio(t)}
	f.other = f.NewUser(t, f.admin, f.at, "agent")
	f.queues = []string{f.queue(t, "Orders", f.at.Agent), f.queue(t, "Help", f.at.Agent, f.other), f.queue(t, "Law")}
	second := f.TwilioLine(t, f.at)
	f.Tamper(t, `
		INSERT INTO contacts (id, created_at, updated_at, tenant_id, name)
		SELECT ('00000000-0000-7000-9000-' || lpad(i::text, 12, '0'))::uuid, now(), now(), $1, CASE WHEN i % 3 = 0 THEN '' ELSE 'Person ' || i END
		FROM generate_series(1, 9) i`, f.at.ID)
	f.Tamper(t, `
		INSERT INTO interactions (id, created_at, updated_at, tenant_id, channel_id, contact_id, address, status, needs_reply, unseen,
			queue_id, assignee_id, preview, last_message_at, managed, listed, closed_at)
		SELECT gen_random_uuid(), $1::timestamptz + (i % 7) * interval '1 hour', $1, $2, CASE WHEN i % 4 = 0 THEN $4::uuid ELSE $3::uuid END,
			('00000000-0000-7000-9000-' || lpad((1 + i % 9)::text, 12, '0'))::uuid, '+1514555' || (1000 + i),
			($5::text[])[1 + i % 5], i % 3 = 0, CASE WHEN i % 4 < 2 THEN i % 4 ELSE 0 END,
			($6::uuid[])[1 + (i / 2) % 4], ($7::uuid[])[1 + (i / 3) % 4], 'row ' || i, $1::timestamptz + (i % 11) * interval '1 hour',
			i % 3 = 1, i % 5 <> 4 OR i % 2 = 0, CASE WHEN i % 5 = 4 THEN $1::timestamptz + (i % 40) * interval '1 hour' END
		FROM generate_series(0, 89) i`,
		f.Clock.Now().Add(-24*time.Hour), f.at.ID, f.line.ChannelID, second.ChannelID,
		"{"+strings.Join(lifeOrder, ",")+"}", "{"+strings.Join(f.queues, ",")+"}",
		fmt.Sprintf("{%s,%s,%s}", f.at.Agent.UserID, f.other.UserID, f.manager.UserID))
	f.Tamper(t, `UPDATE interactions SET priority = length(preview) + substr(preview, 5)::int % 3 - 6, subject = (ARRAY['', 'alpha', 'Beta', 'GAMMA'])[1 + substr(preview, 5)::int % 4],
		waiting_since = CASE WHEN needs_reply THEN last_message_at END, paused_at = CASE WHEN unseen = 1 THEN created_at END,
		sub_status = CASE WHEN unseen = 0 THEN 'pending' ELSE '' END, last_message_direction = CASE WHEN needs_reply THEN 'inbound' ELSE 'outbound' END
		WHERE tenant_id = $1`, f.at.ID)
	f.Tamper(t, `INSERT INTO tags (id, created_at, updated_at, tenant_id, name, color) SELECT ('00000000-0000-7000-a000-00000000000' || i)::uuid, now(), now(), $1, 'Tag ' || i, '#d32f2f'
		FROM generate_series(1, 3) i`, f.at.ID)
	f.Tamper(t, `INSERT INTO interaction_tags (tenant_id, interaction_id, tag_id, created_at)
		SELECT $1, i.id, t.id, now() FROM interactions i JOIN tags t ON substr(i.preview, 5)::int % (2 + right(t.name, 1)::int) = 0 WHERE i.tenant_id = $1`, f.at.ID)
	f.read(t)
	return f
}

// tagged is the tag that every so manieth conversation has.
func tagged(every int) string { return fmt.Sprintf("00000000-0000-7000-a000-00000000000%d", every-2) }

// nth is the number of a row among all.
func (r inboxRow) nth() (n int) {
	_, _ = fmt.Sscanf(r.Preview, "row %d", &n)
	return n
}

func (f *filledInbox) read(t *testing.T) {
	t.Helper()
	text := f.Text(t, `SELECT json_agg(i)::text FROM interactions i WHERE tenant_id = $1`, f.at.ID)
	f.rows = nil
	if err := json.Unmarshal([]byte(text), &f.rows); err != nil {
		t.Fatal(err)
	}
}

// sees tells what somebody may see, by the rules and not by the program.
func (f *filledInbox) maySee(c *apitest.Client, r inboxRow) bool {
	switch c {
	case f.manager, f.admin:
		return true
	case f.at.Agent:
		return r.AssigneeID == c.UserID.String() || r.AssigneeID == "" && r.Status != "closed" && slices.Contains(f.queues[:2], r.QueueID)
	case f.other:
		return r.AssigneeID == c.UserID.String() || r.AssigneeID == "" && r.Status != "closed" && r.QueueID == f.queues[1]
	}
	return r.AssigneeID == c.UserID.String()
}

// inOrder are the ids that a list should have, in its order.
func (f *filledInbox) inOrder(c *apitest.Client, sort string, keep func(inboxRow) bool) (ids []string) {
	var rows []inboxRow
	for _, r := range f.rows {
		if f.maySee(c, r) && keep(r) {
			rows = append(rows, r)
		}
	}
	name, reversed := strings.CutPrefix(sort, "-")
	slices.SortFunc(rows, func(a, b inboxRow) int {
		var by int
		switch name {
		case "created_at":
			by = a.CreatedAt.Compare(b.CreatedAt)
		case "status":
			by = cmp.Or(slices.Index(lifeOrder, a.Status)-slices.Index(lifeOrder, b.Status), a.LastMessageAt.Compare(b.LastMessageAt))
		case "subject":
			by = strings.Compare(strings.ToLower(a.Subject), strings.ToLower(b.Subject))
		case "priority":
			by = cmp.Or(a.Priority-b.Priority, a.LastMessageAt.Compare(b.LastMessageAt))
		case "waiting_since":
			never := f.Clock.Now().Add(time.Hour)
			by = cmp.Or(a.WaitingSince, &never).Compare(*cmp.Or(b.WaitingSince, &never))
		default:
			by = a.LastMessageAt.Compare(b.LastMessageAt)
		}
		by = cmp.Or(by, strings.Compare(a.ID, b.ID))
		if reversed {
			by = -by
		}
		return by
	})
	for _, r := range rows {
		ids = append(ids, r.ID)
	}
	return ids
}

// leaf through a list to its end.
func (f *filledInbox) leafThrough(t *testing.T, c *apitest.Client, query url.Values) (ids []string) {
	t.Helper()
	query.Set("limit", "17")
	for {
		r := c.Get(t, f.at.Path("/interactions?%s", query.Encode()))
		ids = append(ids, texts(t, r, "id")...)
		next, _ := r.Value(t, "next_cursor").(string)
		if next == "" {
			return ids
		}
		query.Set("cursor", next)
	}
}

// Every caller, in every order, with every filter, sees what the rules say, each
// row once, over all pages.
//
// Covers: INT-05 INT-06 INT-44 INT-45 INT-46 INT-52 INT-58
func TestListsOfTheInbox(t *testing.T) {
	t.Parallel()
	f := fillInbox(t)
	hour := func(n int) string { return f.Clock.Now().Add(time.Duration(n-24) * time.Hour).Format(time.RFC3339) }
	at := func(n int) time.Time { return f.Clock.Now().Add(time.Duration(n-24) * time.Hour) }
	active := func(r inboxRow) bool { return r.Status != "closed" }
	all := func(inboxRow) bool { return true }
	one := f.rows[17]
	filters := []struct {
		query url.Values
		keep  func(inboxRow) bool
	}{
		{url.Values{}, active},
		{url.Values{"view": {"all"}}, all},
		{url.Values{"view": {"missed"}}, func(r inboxRow) bool { return r.Status == "closed" && !r.Managed }},
		{url.Values{"view": {"closed"}}, func(r inboxRow) bool { return r.Status == "closed" }},
		{url.Values{"view": {"all"}, "id": {one.ID, uuid.NewString()}}, func(r inboxRow) bool { return r.ID == one.ID }},
		{url.Values{"view": {"all"}, "status": {"open", "closed"}}, func(r inboxRow) bool { return r.Status == "open" || r.Status == "closed" }},
		{url.Values{"status": {"solved"}}, func(r inboxRow) bool { return r.Status == "solved" }},
		{url.Values{"view": {"all"}, "channel_id": {one.ChannelID}}, func(r inboxRow) bool { return r.ChannelID == one.ChannelID }},
		{url.Values{"contact_id": {one.ContactID}}, func(r inboxRow) bool { return active(r) && r.ContactID == one.ContactID }},
		{url.Values{"queue_id": f.queues[1:]}, func(r inboxRow) bool { return active(r) && slices.Contains(f.queues[1:], r.QueueID) }},
		{url.Values{"queue_id": f.queues[1:], "status": {"open", "solved"}}, func(r inboxRow) bool {
			return slices.Contains(f.queues[1:], r.QueueID) && (r.Status == "open" || r.Status == "solved")
		}},
		{url.Values{"assignee_id": {f.other.UserID.String()}}, func(r inboxRow) bool { return active(r) && r.AssigneeID == f.other.UserID.String() }},
		{url.Values{"assigned": {"nobody"}}, func(r inboxRow) bool { return active(r) && r.AssigneeID == "" }},
		{url.Values{"view": {"all"}, "assigned": {"somebody"}}, func(r inboxRow) bool { return r.AssigneeID != "" }},
		{url.Values{"read_state": {"unread"}}, func(r inboxRow) bool { return active(r) && r.Unseen > 0 }},
		{url.Values{"unseen": {"true"}}, func(r inboxRow) bool { return active(r) && r.Unseen > 0 }},
		{url.Values{"read_state": {"read"}}, func(r inboxRow) bool { return active(r) && r.Unseen == 0 }},
		{url.Values{"needs_reply": {"true"}}, func(r inboxRow) bool { return active(r) && r.NeedsReply }},
		{url.Values{"needs_reply": {"false"}}, func(r inboxRow) bool { return active(r) && !r.NeedsReply }},
		{url.Values{"paused": {"true"}}, func(r inboxRow) bool { return active(r) && r.Unseen == 1 }},
		{url.Values{"paused": {"false"}, "sub_status": {"pending", "none"}}, func(r inboxRow) bool { return active(r) && r.Unseen == 0 }},
		{url.Values{"last_message_direction": {"outbound"}, "priority": {"low", "normal"}}, func(r inboxRow) bool { return active(r) && !r.NeedsReply && r.Priority <= 0 && r.Priority >= -1 }},
		{url.Values{"tag_id": {tagged(3)}}, func(r inboxRow) bool { return active(r) && r.nth()%3 == 0 }},
		{url.Values{"view": {"all"}, "tag_id": {tagged(4), tagged(5), uuid.NewString()}}, func(r inboxRow) bool { return r.nth()%4 == 0 || r.nth()%5 == 0 }},
		{url.Values{"from": {hour(2)}, "until": {hour(5)}}, func(r inboxRow) bool {
			return active(r) && !r.LastMessageAt.Before(at(2)) && r.LastMessageAt.Before(at(5))
		}},
		{url.Values{"view": {"all"}, "started_from": {hour(3)}, "started_until": {hour(6)}}, func(r inboxRow) bool {
			return !r.CreatedAt.Before(at(3)) && r.CreatedAt.Before(at(6))
		}},
	}
	orders := []string{"last_message_at", "-last_message_at", "created_at", "-created_at", "status", "-status"}
	for who, c := range map[string]*apitest.Client{"manager": f.manager, "agent": f.at.Agent, "other": f.other, "user": f.at.User} {
		for turn, sort := range orders {
			for n, filter := range filters {
				if n > 2 && n%len(orders) != turn {
					continue // each filter in one order, each order with the views
				}
				query := url.Values{"sort": {sort}}
				for name, values := range filter.query {
					query[name] = values
				}
				asked := query.Encode()
				if got, want := f.leafThrough(t, c, query), f.inOrder(c, sort, filter.keep); !slices.Equal(got, want) {
					t.Errorf("the %s asks for %s and gets\n%q, want\n%q", who, asked, got, want)
				}
			}
		}
	}
	for _, c := range []*apitest.Client{f.manager, f.at.Agent} {
		for _, sort := range []string{"subject", "-subject", "waiting_since", "-waiting_since", "priority", "-priority"} {
			if got, want := f.leafThrough(t, c, url.Values{"sort": {sort}}), f.inOrder(c, sort, active); !slices.Equal(got, want) {
				t.Errorf("by %s the list is\n%q, want\n%q", sort, got, want)
			}
		}
		if got, want := f.leafThrough(t, c, url.Values{"view": {"all"}, "sort": {"-subject"}}), f.inOrder(c, "-subject", all); !slices.Equal(got, want) {
			t.Errorf("by subject the history is\n%q, want\n%q", got, want)
		}
		c.Get(t, f.at.Path("/interactions?view=all&sort=priority")).WantProblem(t, unprocessable, "validation_failed", "query.sort")
	}
	// What is mine depends on who asks; the default is the latest first.
	mine := f.leafThrough(t, f.at.Agent, url.Values{"assigned": {"me"}})
	want := f.inOrder(f.at.Agent, "-last_message_at", func(r inboxRow) bool { return active(r) && r.AssigneeID == f.at.Agent.UserID.String() })
	if !slices.Equal(mine, want) || len(want) == 0 {
		t.Errorf("mine are %q, want %q", mine, want)
	}
	listed := f.leafThrough(t, f.at.Agent, url.Values{"view": {"assigned"}})
	want = f.inOrder(f.at.Agent, "-last_message_at", func(r inboxRow) bool { return r.Listed && r.AssigneeID == f.at.Agent.UserID.String() })
	if !slices.Equal(listed, want) || len(want) == 0 {
		t.Errorf("listed are %q, want %q", listed, want)
	}
}

// A cursor belongs to its order and filters.
//
// Covers: INT-44
func TestACursorBelongsToItsOrder(t *testing.T) {
	t.Parallel()
	f := fillInbox(t)
	next := f.manager.Get(t, f.at.Path("/interactions?limit=3&sort=status")).Want(t, http.StatusOK).String(t, "next_cursor")
	for _, query := range []string{"sort=-status", "sort=created_at", "sort=status&view=all", "sort=status&assigned=me"} {
		f.manager.Get(t, f.at.Path("/interactions?limit=3&%s&cursor=%s", query, next)).WantProblem(t, unprocessable, "invalid_cursor", "")
	}
	f.at.Agent.Get(t, f.at.Path("/interactions?limit=3&sort=status&cursor=%s", next)).Want(t, http.StatusOK) // his own rows behind that place
	f.manager.Get(t, f.at.Path("/interactions?sort=preview")).WantProblem(t, unprocessable, "validation_failed", "query.sort")
	f.manager.Get(t, f.at.Path("/interactions?id=42")).WantProblem(t, unprocessable, "validation_failed", "")
}

// Rows name what they are about.
//
// Covers: INT-31 INT-33 INT-46
func TestRowsOfAListHaveNames(t *testing.T) {
	t.Parallel()
	f := fillInbox(t)
	names := map[string]string{f.queues[0]: "Orders", f.queues[1]: "Help", f.queues[2]: "Law"}
	items := f.manager.Get(t, f.at.Path("/interactions?view=all&limit=200")).Want(t, http.StatusOK).Items(t)
	if len(items) != len(f.rows) {
		t.Fatalf("%d of %d rows", len(items), len(f.rows))
	}
	for _, item := range items {
		row := item.(map[string]any)
		if id, ok := row["queue_id"].(string); ok && row["queue_name"] != names[id] || !ok && row["queue_name"] != nil {
			t.Errorf("the queue %v is called %v", row["queue_id"], row["queue_name"])
		}
		if (row["assignee_id"] == nil) != (row["assignee_name"] == nil) {
			t.Errorf("%v is called %v", row["assignee_id"], row["assignee_name"])
		}
		contact := row["contact_id"].(string)
		want := "Person " + strings.TrimLeft(contact[24:], "0")
		if slices.Contains([]string{"3", "6", "9"}, contact[35:]) {
			want = ""
		}
		if row["contact_name"] != want || row["channel_name"] == "" {
			t.Errorf("the row is %v", row)
		}
	}
}

// wantCounters compares the counters with a count of the rows.
func (f *filledInbox) wantCounters(t *testing.T, who string, c *apitest.Client) {
	t.Helper()
	f.read(t)
	toronto, err := time.LoadLocation("America/Toronto")
	if err != nil {
		t.Fatal(err)
	}
	year, month, day := f.Clock.Now().In(toronto).Date()
	midnight := time.Date(year, month, day, 0, 0, 0, 0, toronto)
	var missed int
	for _, r := range f.rows {
		if f.maySee(c, r) && r.Status == "closed" && !r.Managed {
			missed++
		}
	}
	want := map[string]int{"missed": missed, "closed_today": f.Count(t, `SELECT count(*) FROM interactions i WHERE tenant_id = $1 AND status = 'closed' AND closed_at >= $2
		AND ($3 OR assignee_id = $4 OR EXISTS (SELECT FROM interaction_participants p WHERE p.interaction_id = i.id AND p.user_id = $4))`,
		f.at.ID, midnight, c == f.manager, c.UserID)}
	for _, r := range f.rows {
		if !f.maySee(c, r) {
			continue
		}
		want["by_status."+r.Status]++
		if r.Status == "closed" {
			continue
		}
		groups := []string{"all"}
		if r.AssigneeID == c.UserID.String() {
			groups = append(groups, "mine")
		}
		if r.AssigneeID == "" {
			groups = append(groups, "unassigned")
		}
		if r.QueueID != "" {
			groups = append(groups, r.QueueID+".all")
			if r.AssigneeID == "" {
				groups = append(groups, r.QueueID+".unassigned")
			}
		}
		for _, g := range groups {
			want[g+".active"]++
			if r.Unseen > 0 {
				want[g+".unseen"]++
			}
			if r.NeedsReply {
				want[g+".needs_reply"]++
			}
		}
	}
	r := c.Get(t, f.at.Path("/interactions/counters")).Want(t, http.StatusOK)
	paths := map[string]string{"closed_today": "closed_today", "missed": "missed"}
	for _, s := range lifeOrder {
		paths["by_status."+s] = "by_status." + s
	}
	for _, g := range []string{"all", "mine", "unassigned"} {
		for _, n := range []string{".active", ".unseen", ".needs_reply"} {
			paths[g+n] = g + n
		}
	}
	queues := r.Value(t, "queues").([]any)
	for i, q := range queues {
		for _, n := range []string{"all.active", "all.unseen", "all.needs_reply", "unassigned.active", "unassigned.unseen", "unassigned.needs_reply"} {
			paths[q.(map[string]any)["queue_id"].(string)+"."+n] = fmt.Sprintf("queues.%d.%s", i, n)
		}
	}
	for key, path := range paths {
		if got := r.Int(t, path); got != want[key] {
			t.Errorf("the %s counts %d of %s, and there are %d", who, got, key, want[key])
		}
	}
}

// Counters are what counting all rows would give.
//
// Covers: INT-31 INT-33 INT-46 INT-55
func TestCountersOfTheInbox(t *testing.T) {
	t.Parallel()
	f := fillInbox(t)
	for who, c := range map[string]*apitest.Client{"manager": f.manager, "agent": f.at.Agent, "other": f.other, "user": f.at.User} {
		f.wantCounters(t, who, c)
	}
	if r := f.other.Get(t, f.at.Path("/interactions/counters")); len(r.Value(t, "queues").([]any)) != 1 {
		t.Errorf("the other agent sees %s", r.Content)
	}
	// A key for one line counts that line alone.
	var there int
	for _, r := range f.rows {
		if r.ChannelID == f.line.ChannelID.String() && r.Status != "closed" {
			there++
		}
	}
	key := f.admin.Post(t, f.at.Path("/api-keys"), apitest.Body{
		"name": "one line", "permissions": []string{"interactions:read"}, "channel_ids": []any{f.line.ChannelID},
	}).Want(t, http.StatusCreated).String(t, "key")
	confined := f.admin.As(key)
	if got := confined.Get(t, f.at.Path("/interactions/counters")).Want(t, http.StatusOK).Int(t, "all.active"); got != there {
		t.Errorf("the key counts %d, want %d", got, there)
	}
	if got := confined.Get(t, f.at.Path("/interactions?limit=200")).Want(t, http.StatusOK).Items(t); len(got) != there {
		t.Errorf("the key lists %d, want %d", len(got), there)
	}
}

// Many change what is counted at the same time, some of them in vain, and the
// counters are exact all the same.
//
// Covers: INT-46
func TestCountersStayExact(t *testing.T) {
	t.Parallel()
	f := fillInbox(t)
	errTakenBack := errors.New("taken back")
	change := func(random *rand.Rand) error {
		ctx := scope.With(context.Background(), scope.Scope{TenantID: f.at.ID, Path: "/" + f.at.ID.String() + "/", Actor: scope.Actor{Kind: scope.ActorSystem}})
		return f.Store.InTx(ctx, func(ctx context.Context) error {
			for range 1 + random.IntN(3) {
				// Each touches some rows that nobody else has: who waits in a circle costs the test a second.
				_, err := store.Exec(ctx, `
					UPDATE interactions i SET
						status = ($3::text[])[1 + ($4::int + row) % 5], unseen = ($5::int + row) % 3, needs_reply = ($4 + row) % 2 = 0,
						queue_id = ($6::uuid[])[1 + ($5 + row) % 4], assignee_id = ($7::uuid[])[1 + ($4 + row) % 3]
					FROM (SELECT id, (row_number() OVER ())::int AS row FROM (SELECT id FROM interactions
						WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT 1 + $4::int % 9 FOR UPDATE SKIP LOCKED) AS held) AS chosen WHERE i.tenant_id = $1 AND i.id = chosen.id`,
					f.at.ID, uuid.Must(uuid.NewRandom()), "{"+strings.Join(lifeOrder, ",")+"}", random.IntN(1000), random.IntN(1000),
					"{"+strings.Join(f.queues, ",")+"}", fmt.Sprintf("{%s,%s}", f.at.Agent.UserID, f.other.UserID))
				if err != nil {
					return err
				}
			}
			if random.IntN(4) == 0 {
				return errTakenBack
			}
			return nil
		})
	}
	// At most one that is not closed exists for an address and a channel.
	f.Tamper(t, `UPDATE interactions SET address = id::text WHERE tenant_id = $1`, f.at.ID)
	const writers, rounds = 4, 40
	var all sync.WaitGroup
	failures := make([]error, writers)
	for n := range writers {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(n), 7))
			for range rounds {
				err := change(random)
				if err != nil && !errors.Is(err, errTakenBack) {
					failures[n] = err
					return
				}
			}
		})
	}
	all.Wait()
	if err := errors.Join(failures...); err != nil {
		t.Fatal(err)
	}
	for who, c := range map[string]*apitest.Client{"manager": f.manager, "agent": f.at.Agent, "other": f.other} {
		f.wantCounters(t, who, c)
	}
	// What was written is summed up again and again: it does not pile up.
	if rows, sorts := f.Count(t, `SELECT count(*) FROM interaction_counts WHERE tenant_id = $1`, f.at.ID),
		f.Count(t, `SELECT count(DISTINCT (channel_id, queue_id, assignee_id, status, unseen, needs_reply)) FROM interaction_counts WHERE tenant_id = $1`, f.at.ID); rows > 20*sorts {
		t.Errorf("%d rows for %d sorts", rows, sorts)
	}
}
