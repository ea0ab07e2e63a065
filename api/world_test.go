package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
)

// node is a tenant of the world, with whoever may do everything there.
type node struct {
	apitest.Tenant
	name   string
	parent *node
	// boss administers the tenant; the operator's staff at the operator.
	boss    *apitest.Client
	channel string
	user    string
	role    string

	children int
}

// under tells whether a node is another or stands below it.
func (n *node) under(other *node) bool {
	for at := n; at != nil; at = at.parent {
		if at == other {
			return true
		}
	}
	return false
}

// world is a tree with branches, each tenant with something of everything.
type world struct {
	*apitest.Platform
	operator, l1, l2, customer *node
	sibling, cousin, otherL1   *node // below l2; an L2 below l1; an L1
	farL2, far                 *node // below otherL1
	thirdL2, third             *node // in a branch of their own
	nodes                      []*node
	numbers                    atomic.Int64
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Platform: apitest.Start(t)}
	staff := w.Operator(t)
	w.operator = &node{Tenant: apitest.Tenant{ID: w.OperatorTenant(), Admin: staff}, name: "operator", boss: staff}
	w.nodes = append(w.nodes, w.operator)
	w.furnish(t, w.operator)
	grow := func(name, kind string, parent *node) *node {
		t.Helper()
		w.Clock.Advance(2 * 60 * 1e9) // a minute has its sign-ins
		n := &node{Tenant: w.NewTenant(t, parent.boss, parent.ID, kind), name: name, parent: parent}
		n.boss = n.Admin
		parent.children++
		w.nodes = append(w.nodes, n)
		w.furnish(t, n)
		return n
	}
	w.l1 = grow("l1", "reseller_l1", w.operator)
	w.l2 = grow("l2", "reseller_l2", w.l1)
	w.customer = grow("customer", "customer", w.l2)
	w.sibling = grow("sibling", "customer", w.l2)
	w.cousin = grow("cousin", "reseller_l2", w.l1)
	w.otherL1 = grow("other l1", "reseller_l1", w.operator)
	w.farL2 = grow("far l2", "reseller_l2", w.otherL1)
	w.far = grow("far", "customer", w.farL2)
	w.thirdL2 = grow("third l2", "reseller_l2", grow("third l1", "reseller_l1", w.operator))
	w.third = grow("third", "customer", w.thirdL2)
	return w
}

func (w *world) furnish(t *testing.T, n *node) {
	t.Helper()
	role := "manager"
	if n.parent == nil {
		role = "operator"
	}
	n.channel = n.boss.Post(t, n.Path("/channels"), sandboxChannel()).Want(t, http.StatusCreated).String(t, "id")
	n.role = w.role(t, n)
	n.user = n.boss.Post(t, n.Path("/users"), newUser(role)).Want(t, http.StatusCreated).String(t, "id")
}

func sandboxChannel() apitest.Body {
	return apitest.Body{
		"name": "Sandbox", "provider": "sandbox", "address": apitest.NewAddress(),
		"credentials": apitest.Body{"secret": "0123456789abcdef0123456789abcdef"},
	}
}

func newUser(role string) apitest.Body {
	return apitest.Body{"login": uuid.NewString() + "@world.example", "name": "Somebody", "role": role, "password": apitest.Password, "send_welcome": false}
}

// newUserAt is another user of a node's: what he has beyond a name and a role.
func (w *world) newUserAt(t *testing.T, n *node, with apitest.Body) string {
	t.Helper()
	body := apitest.Body{"login": uuid.NewString() + "@world.example", "name": "Somebody", "role": "agent", "send_welcome": false}
	if n.parent == nil {
		body["role"] = "operator"
	}
	for k, v := range with {
		body[k] = v
	}
	return n.boss.Post(t, n.Path("/users"), body).Want(t, http.StatusCreated).String(t, "id")
}

func (w *world) department(t *testing.T, n *node) string {
	t.Helper()
	return n.boss.Post(t, n.Path("/departments"), apitest.Body{"name": uuid.NewString()}).Want(t, http.StatusCreated).String(t, "id")
}

// nextNumber is somebody outside to whom nobody has written.
func (w *world) nextNumber() string { return fmt.Sprintf("+1438555%04d", w.numbers.Add(1)) }

// interaction begins a conversation at a node and gives it to somebody, if he
// reaches only his own. It returns the ids of interaction, message and contact.
func (w *world) interaction(t *testing.T, n *node, for_ *apitest.Client) (interaction, message, contact string) {
	t.Helper()
	m := n.boss.Post(t, n.Path("/messages"), apitest.Body{"channel_id": n.channel, "to": w.nextNumber(), "body": "hello"}).Want(t, http.StatusCreated)
	interaction, message = m.String(t, "interaction_id"), m.String(t, "id")
	if for_ != nil && for_.TenantID == n.ID {
		n.boss.Post(t, n.Path("/interactions/%s/assign", interaction), apitest.Body{"user_id": for_.UserID}).Want(t, http.StatusOK)
	}
	contact = n.boss.Get(t, n.Path("/interactions/%s", interaction)).Want(t, http.StatusOK).String(t, "contact_id")
	return interaction, message, contact
}

func (w *world) sender(t *testing.T, n *node) string {
	t.Helper()
	label := uuid.NewString()[:8] + "ab"
	return n.boss.Post(t, n.Path("/sender-ids"), apitest.Body{"name": label}).Want(t, http.StatusCreated).String(t, "id")
}

func (w *world) queue(t *testing.T, n *node) string {
	t.Helper()
	return n.boss.Post(t, n.Path("/queues"), apitest.Body{"name": uuid.NewString()}).Want(t, http.StatusCreated).String(t, "id")
}

// newPhrase is a body of createPhrase for everybody.
func newPhrase(title string) apitest.Body {
	return apitest.Body{"title": title, "content": "Hello {{contact.first_name|there}}, we are open until six.", "language": "en"}
}

func (w *world) phrase(t *testing.T, n *node) string {
	t.Helper()
	return n.boss.Post(t, n.Path("/phrases"), newPhrase("Hours")).Want(t, http.StatusCreated).String(t, "id")
}

// shift puts somebody into a queue of his own and, past every rule, into a state
// at work.
func (w *world) shift(t *testing.T, n *node, userID, state string) map[string]string {
	t.Helper()
	ids := map[string]string{"queue_id": w.queue(t, n), "user_id": userID}
	now := w.Clock.Now()
	w.Tamper(t, `INSERT INTO queue_members (tenant_id, queue_id, user_id, created_at) VALUES ($1, $2, $3, $4)`, n.ID, ids["queue_id"], userID, now)
	w.Tamper(t, `UPDATE agent_sessions SET state = 'logged_off', ended_at = $2, ended_reason = 'forced', due_at = NULL, pause_code = NULL WHERE user_id = $1 AND ended_at IS NULL`, userID, now)
	if state == "logged_off" {
		return ids
	}
	var code *int
	if state == "paused" {
		w.Tamper(t, `INSERT INTO aux_codes (tenant_id, code, name, created_at, updated_at) VALUES ($1, 2, 'Lunch', $2, $2) ON CONFLICT DO NOTHING`, n.ID, now)
		code = new(int)
		*code = 2
	}
	w.Tamper(t, `INSERT INTO agent_sessions (id, tenant_id, user_id, state, state_since, pause_code, strategy, logged_in_at, seen_at, due_at)
		VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, 'inbound', $4, $4, $4)`, n.ID, userID, state, now, code)
	return ids
}

// offer makes somebody an offer that is in a state, past every rule.
func (w *world) offer(t *testing.T, n *node, userID uuid.UUID, state string) string {
	t.Helper()
	offer := uuid.NewString()
	interaction, _, _ := w.interaction(t, n, nil)
	var ended *time.Time
	now := w.Clock.Now()
	if state != "open" {
		ended = &now
	}
	w.Tamper(t, `INSERT INTO offers (id, tenant_id, queue_id, interaction_id, user_id, round, state, created_at, expires_at, ended_at)
		VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8, $9)`, offer, n.ID, w.queue(t, n), interaction, userID, state, now, now.Add(time.Minute), ended)
	return offer
}

// scheduled is a message that waits for tomorrow.
func (w *world) scheduled(t *testing.T, n *node, interaction string) string {
	t.Helper()
	return n.boss.Post(t, n.Path("/interactions/%s/messages", interaction), apitest.Body{"body": "later", "send_at": w.Clock.Now().Add(24 * time.Hour)}).
		Want(t, http.StatusCreated).String(t, "id")
}

// reminder is one of somebody's; the operator's staff has none anywhere.
func (w *world) reminder(t *testing.T, n *node, by *apitest.Client, interaction string) string {
	t.Helper()
	body := apitest.Body{"remind_at": w.Clock.Now().Add(time.Hour), "note": "Call back"}
	return by.Post(t, n.Path("/interactions/%s/reminders", interaction), body).Want(t, http.StatusCreated).String(t, "id")
}

func (w *world) contactList(t *testing.T, n *node) string {
	t.Helper()
	return n.boss.Post(t, n.Path("/contact-lists"), apitest.Body{"name": uuid.NewString()}).Want(t, http.StatusCreated).String(t, "id")
}

func (w *world) tag(t *testing.T, n *node) string {
	t.Helper()
	return n.boss.Post(t, n.Path("/tags"), apitest.Body{"name": uuid.NewString(), "color": "#d32f2f"}).Want(t, http.StatusCreated).String(t, "id")
}

func (w *world) note(t *testing.T, n *node, interaction string) string {
	t.Helper()
	return n.boss.Post(t, n.Path("/interactions/%s/notes", interaction), apitest.Body{"body": "calls back"}).Want(t, http.StatusCreated).String(t, "id")
}

func (w *world) disposition(t *testing.T, n *node) string {
	t.Helper()
	return n.boss.Post(t, n.Path("/dispositions"), apitest.Body{"name": uuid.NewString(), "color": "#d32f2f"}).Want(t, http.StatusCreated).String(t, "id")
}

func (w *world) attachment(t *testing.T, n *node) string {
	t.Helper()
	return n.boss.Upload(t, n.Path("/attachments"), "a.png", drawing(t, "png")).Want(t, http.StatusCreated).String(t, "id")
}

// session is one of the node's user, who has never signed in himself.
func (w *world) session(t *testing.T, n *node) string {
	t.Helper()
	id := uuid.NewString()
	w.Tamper(t, `INSERT INTO sessions (id, created_at, updated_at, tenant_id, user_id, nonce, rotated_at, expires_at)
		VALUES ($1, $4, $4, $2, $3, '\x01', $4, $5)`, id, n.ID, n.user, w.Clock.Now(), w.Clock.Now().Add(24*time.Hour))
	return id
}

func (w *world) key(t *testing.T, n *node, permissions ...string) (id, text string) {
	t.Helper()
	r := n.boss.Post(t, n.Path("/api-keys"), apitest.Body{"name": "Key", "permissions": permissions}).Want(t, http.StatusCreated)
	return r.String(t, "id"), r.String(t, "key")
}

// newRole is a body of createRole that anybody who makes roles may send.
func newRole() apitest.Body {
	return apitest.Body{"name": uuid.NewString(), "base": "agent", "permissions": []string{"channels:read"}}
}

func (w *world) role(t *testing.T, n *node) string {
	t.Helper()
	return n.boss.Post(t, n.Path("/roles"), newRole()).Want(t, http.StatusCreated).String(t, "id")
}

// acting is the id of an act-as session at a node.
func (w *world) acting(t *testing.T, n *node) string {
	t.Helper()
	if n.parent == nil { // nobody is above
		id := uuid.NewString()
		w.Tamper(t, `INSERT INTO act_as_sessions (id, tenant_id, user_id, user_name, home_id, session_id, reason, started_at, expires_at)
			VALUES ($1, $2, $1, 'Nobody', $2, $1, 'a reason that will do', $3, $3::timestamptz + interval '10 minutes')`, id, n.ID, w.Clock.Now())
		return id
	}
	return w.operator.boss.Post(t, n.Path("/act-as"), apitest.Body{"reason": "a reason that will do"}).Want(t, http.StatusCreated).String(t, "id")
}

// number is a new one of the operator's that a node holds.
func (w *world) number(t *testing.T, holder *node) string {
	t.Helper()
	address := apitest.NewAddress()
	id := w.operator.boss.Post(t, w.operator.Path("/numbers"), carrierNumber(w, address)).Want(t, http.StatusCreated).String(t, "id")
	var way []*node
	for at := holder; at.parent != nil; at = at.parent {
		way = append([]*node{at}, way...)
	}
	for _, n := range way {
		w.operator.boss.Post(t, n.parent.Path("/numbers/%s/assign", id), apitest.Body{"tenant_id": n.ID}).Want(t, http.StatusOK)
	}
	return id
}

func carrierNumber(w *world, address string) apitest.Body {
	return apitest.Body{"address": address, "provider": "scopserv", "credentials": w.Carrier(address, "")}
}

// childOf is a node right below another, or nil.
func (w *world) childOf(n *node) *node {
	for _, child := range w.nodes {
		if child.parent == n {
			return child
		}
	}
	return nil
}

// fill puts values into the parameters of a path.
func fill(path string, ids map[string]string) string {
	for name, value := range ids {
		path = strings.ReplaceAll(path, "{"+name+"}", value)
	}
	for {
		from, to := strings.IndexByte(path, '{'), strings.IndexByte(path, '}')
		if from < 0 {
			return path
		}
		path = path[:from] + uuid.NewString() + path[to+1:]
	}
}
