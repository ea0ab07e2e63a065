package api_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider/sim"
)

// deskScene is a scene with a queue, Orders, to which the line leads. Ann and Bob
// answer there, Cleo does not.
type deskScene struct {
	*scene
	orders         string
	ann, bob, cleo *apitest.Client
	heard          int
}

func newDeskScene(t *testing.T, queue apitest.Body) *deskScene {
	t.Helper()
	d := &deskScene{scene: twilio(t)}
	d.ann, d.bob, d.cleo = d.at.Agent, d.NewUser(t, d.admin, d.at, "agent"), d.NewUser(t, d.admin, d.at, "agent")
	for name, c := range map[string]*apitest.Client{"Ann": d.ann, "Bob": d.bob, "Cleo": d.cleo, "Mona": d.manager} {
		d.admin.Patch(t, d.at.Path("/users/%s", c.UserID), apitest.Body{"name": name}).Want(t, http.StatusOK)
	}
	d.Clock.Advance(2 * time.Second) // names are at most a second old
	d.orders = d.queue(t, "Orders", d.ann, d.bob)
	if queue != nil {
		d.admin.Patch(t, d.at.Path("/queues/%s", d.orders), queue).Want(t, http.StatusOK)
	}
	d.leads(t, "queue", d.orders).Want(t, http.StatusOK)
	return d
}

// comes is a new conversation, in the queue.
func (d *deskScene) comes(t *testing.T) string {
	t.Helper()
	d.heard++
	d.Receive(t, d.line, sim.Inbound{From: number(d.heard), Body: "hello"})
	return d.conversation(t, number(d.heard))
}

// does asks for a verb.
func (d *deskScene) does(t *testing.T, c *apitest.Client, interaction, verb string, body apitest.Body, headers ...apitest.Header) *apitest.Response {
	t.Helper()
	if body == nil {
		body = apitest.Body{}
	}
	return c.Post(t, d.at.Path("/interactions/%s/%s", interaction, verb), body, headers...)
}

// wantLog checks the last sentences of a conversation's log.
func (d *deskScene) wantLog(t *testing.T, interaction string, last ...string) {
	t.Helper()
	got := d.logOf(t, d.manager, interaction)
	if got = got[max(0, len(got)-len(last)):]; !slices.Equal(got, last) {
		t.Errorf("the log ends with %q, want %q", got, last)
	}
}

// wantHolder checks who has a conversation; nil for nobody.
func (d *deskScene) wantHolder(t *testing.T, interaction string, c *apitest.Client) *apitest.Response {
	t.Helper()
	r := d.manager.Get(t, d.at.Path("/interactions/%s", interaction)).Want(t, http.StatusOK)
	var want any
	if c != nil {
		want = c.UserID.String()
	}
	if r.Value(t, "assignee_id") != want {
		t.Errorf("%v has it, want %v", r.Value(t, "assignee_id"), want)
	}
	return r
}

// wantTaken checks that a request was refused because of who has the
// conversation, whom it names; nil for nobody.
func wantTaken(t *testing.T, r *apitest.Response, by *apitest.Client) {
	t.Helper()
	r.WantProblem(t, http.StatusConflict, "wrong_assignee", "")
	var want any
	if by != nil {
		want = by.UserID.String()
	}
	if r.Value(t, "current_assignee_id") != want || r.Value(t, "current_status") == nil {
		t.Errorf("the refusal is %s, want it to name %v", r.Content, want)
	}
}

// Where people assign, agents do not take, unless the queue lets them; where a
// strategy assigns, they always may.
//
// Covers: QUE-02 QUE-03 QUE-04 QUE-29 INT-49
func TestWhoTakesWhatWaits(t *testing.T) {
	t.Parallel()
	d := newDeskScene(t, nil)
	first, second, third := d.comes(t), d.comes(t), d.comes(t)
	d.wantHolder(t, first, nil)
	d.does(t, d.ann, first, "take", nil).WantProblem(t, http.StatusForbidden, "self_assign_off", "")
	d.does(t, d.cleo, first, "take", nil).WantProblem(t, http.StatusNotFound, "not_found", "")
	d.does(t, d.ann, first, "assign", apitest.Body{"user_id": d.ann.UserID}).WantProblem(t, http.StatusForbidden, "forbidden", "")
	// A manager takes it, with a word to whoever comes next.
	d.does(t, d.manager, first, "take", apitest.Body{"comment": "an old friend"}).Want(t, http.StatusOK)
	d.wantHolder(t, first, d.manager)
	d.wantLog(t, first, "Mona assigned the conversation to themselves.")
	if got := d.manager.Get(t, d.at.Path("/interactions/%s/log?limit=1", first)).String(t, "items.0.details.comment"); got != "an old friend" {
		t.Errorf("the comment is %q", got)
	}
	wantTaken(t, d.does(t, d.admin, first, "take", nil), d.manager)

	d.admin.Patch(t, d.at.Path("/queues/%s", d.orders), apitest.Body{"self_assign": true}).Want(t, http.StatusOK)
	taken := d.does(t, d.ann, second, "take", nil).Want(t, http.StatusOK)
	d.wantLog(t, second, "Ann assigned the conversation to themselves.")
	wantTaken(t, d.does(t, d.bob, second, "take", nil), d.ann)
	d.does(t, d.cleo, second, "take", nil).WantProblem(t, http.StatusNotFound, "not_found", "")
	// Asked twice, it is Ann's, and nothing has changed.
	if again := d.does(t, d.ann, second, "take", nil).Want(t, http.StatusOK); again.Header.Get("ETag") != taken.Header.Get("ETag") {
		t.Errorf("taking again made version %s of %s", again.Header.Get("ETag"), taken.Header.Get("ETag"))
	}
	d.admin.Patch(t, d.at.Path("/queues/%s", d.orders), apitest.Body{"self_assign": false, "strategy": "round_robin"}).Want(t, http.StatusOK)
	d.does(t, d.ann, third, "take", nil).Want(t, http.StatusOK)

	// What is over is not taken, and keys have no conversations.
	d.does(t, d.manager, first, "close", nil).Want(t, http.StatusOK)
	d.does(t, d.manager, first, "take", nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	key := d.admin.Post(t, d.at.Path("/api-keys"), apitest.Body{"name": "Desk", "permissions": []string{"interactions:take", "interactions:read"}}).
		Want(t, http.StatusCreated).String(t, "key")
	machine := d.Anonymous().As(key)
	fourth := d.comes(t)
	d.does(t, machine, fourth, "take", nil).WantProblem(t, http.StatusForbidden, "forbidden", "")
	d.wantHolder(t, fourth, nil)
	// A user's own permission decides as well.
	d.admin.Patch(t, d.at.Path("/users/%s", d.ann.UserID), apitest.Body{"denied_permissions": []string{"interactions:take"}}).Want(t, http.StatusOK)
	d.Clock.Advance(2 * time.Second)
	d.does(t, d.ann, fourth, "take", nil).WantProblem(t, http.StatusForbidden, "forbidden", "")
}

// Of twenty who take one conversation at the same time, one gets it, and the
// others are told who.
//
// Covers: QUE-04
func TestOneOfTwentyGetsIt(t *testing.T) {
	t.Parallel()
	d := newDeskScene(t, apitest.Body{"self_assign": true})
	takers := []*apitest.Client{d.ann, d.bob}
	for len(takers) < 20 {
		if len(takers)%5 == 0 {
			d.Clock.Advance(2 * time.Minute) // a minute has its sign-ins
		}
		takers = append(takers, d.NewUser(t, d.admin, d.at, "agent"))
	}
	ids := make([]uuid.UUID, len(takers))
	for i, c := range takers {
		ids[i] = c.UserID
	}
	d.admin.Do(t, http.MethodPut, d.at.Path("/queues/%s/members", d.orders), apitest.Body{"user_ids": ids}).Want(t, http.StatusOK)
	prize := d.comes(t)
	answers := make([]*apitest.Response, len(takers))
	var group sync.WaitGroup
	for i, c := range takers {
		group.Go(func() { answers[i] = d.does(t, c, prize, "take", nil) })
	}
	group.Wait()
	var winner *apitest.Client
	for i, r := range answers {
		if r.Status != http.StatusOK {
			continue
		}
		if winner != nil {
			t.Fatal("two have taken it")
		}
		winner = takers[i]
	}
	if winner == nil {
		t.Fatalf("nobody has taken it: %s", answers[0].Content)
	}
	for i, r := range answers {
		if takers[i] != winner {
			wantTaken(t, r, winner)
		}
	}
	d.wantHolder(t, prize, winner)
	wantCount(t, d.Platform, 1, "SELECT count(*) FROM interaction_log WHERE interaction_id = $1 AND kind = 'self_assigned'", prize)
	wantCount(t, d.Platform, 1, "SELECT count(*) FROM interaction_participants WHERE interaction_id = $1", prize)
	wantCount(t, d.Platform, 1, "SELECT count(*) FROM events WHERE object_id = $1 AND type = 'interaction.assigned'", prize)
}

// Covers: INT-07 INT-10 INT-12 INT-29 INT-32 QUE-17 QUE-30
func TestAConversationIsTransferredToSomebody(t *testing.T) {
	t.Parallel()
	d := newDeskScene(t, apitest.Body{"self_assign": true})
	it := d.comes(t)
	to := func(c *apitest.Client) apitest.Body {
		return apitest.Body{"user_id": c.UserID, "comment": "speaks French"}
	}
	// Not what is nobody's, or another's.
	wantTaken(t, d.does(t, d.ann, it, "transfer", to(d.cleo)), nil)
	d.does(t, d.ann, it, "take", nil).Want(t, http.StatusOK)
	wantTaken(t, d.does(t, d.bob, it, "transfer", to(d.bob)), d.ann)
	d.does(t, d.cleo, it, "transfer", to(d.cleo)).WantProblem(t, http.StatusNotFound, "not_found", "")
	if d.wantHolder(t, it, d.ann).Value(t, "transfer") != nil {
		t.Error("what was taken is marked as transferred")
	}
	// To somebody who answers in no queue.
	done := d.does(t, d.ann, it, "transfer", to(d.cleo)).Want(t, http.StatusOK)
	if len(done.Value(t, "warnings").([]any)) != 0 || done.String(t, "interaction.assignee_id") != d.cleo.UserID.String() {
		t.Errorf("transferred: %s", done.Content)
	}
	d.wantLog(t, it, "Conversation assigned to Cleo due to direct transfer from another agent.")
	entry := d.cleo.Get(t, d.at.Path("/interactions/%s/log?limit=1", it)).Want(t, http.StatusOK)
	if entry.String(t, "items.0.details.from_user_id") != d.ann.UserID.String() || entry.String(t, "items.0.details.comment") != "speaks French" ||
		entry.String(t, "items.0.actor_id") != d.ann.UserID.String() {
		t.Errorf("the history says %s", entry.Content)
	}
	// It is marked until Cleo opens it, for her and for managers.
	for _, c := range []*apitest.Client{d.cleo, d.manager} {
		row := c.Get(t, d.at.Path("/interactions")).Want(t, http.StatusOK)
		if row.String(t, "items.0.transfer.from_id") != d.ann.UserID.String() || row.String(t, "items.0.transfer.to_user_id") != d.cleo.UserID.String() ||
			row.Value(t, "items.0.transfer.seen_at") != nil {
			t.Errorf("the mark is %s", row.Content)
		}
	}
	if got := d.sees(t, d.ann, ""); len(got) != 0 {
		t.Errorf("Ann still sees %q", got)
	}
	wantTaken(t, d.does(t, d.ann, it, "transfer", to(d.bob)), d.cleo)
	d.does(t, d.manager, it, "read", nil).Want(t, http.StatusOK)
	if d.wantHolder(t, it, d.cleo).Value(t, "transfer.seen_at") != nil {
		t.Error("the manager has opened it for her")
	}
	d.does(t, d.cleo, it, "read", nil).Want(t, http.StatusOK)
	if d.wantHolder(t, it, d.cleo).Value(t, "transfer.seen_at") == nil {
		t.Error("Cleo has opened it, and it is still marked")
	}
	// Once more, and an answer is a sign as well. Starting is not for agents.
	d.does(t, d.cleo, it, "transfer", to(d.bob)).Want(t, http.StatusOK)
	reply := apitest.Body{"body": "bonjour"}
	wantTaken(t, d.does(t, d.cleo, it, "messages", reply), d.bob)
	d.does(t, d.bob, it, "messages", reply).Want(t, http.StatusCreated)
	if d.wantHolder(t, it, d.bob).Value(t, "transfer.seen_at") == nil {
		t.Error("Bob has answered, and it is still marked")
	}
	for _, c := range []*apitest.Client{d.bob, d.manager} {
		c.Post(t, d.at.Path("/messages"), apitest.Body{"channel_id": d.line.ChannelID, "to": number(77), "body": "x"}).
			WantProblem(t, http.StatusForbidden, "forbidden", "")
	}
	// Not to strangers, those who are away for good, himself, nobody or both.
	gone := d.NewUser(t, d.admin, d.at, "agent")
	d.admin.Patch(t, d.at.Path("/users/%s", gone.UserID), apitest.Body{"status": "disabled"}).Want(t, http.StatusOK)
	for _, id := range []uuid.UUID{gone.UserID, d.tree.Other.Agent.UserID, uuid.New()} {
		d.does(t, d.bob, it, "transfer", apitest.Body{"user_id": id}).WantProblem(t, unprocessable, "not_found", "body.user_id")
	}
	d.does(t, d.bob, it, "transfer", to(d.bob)).WantProblem(t, unprocessable, "validation_failed", "body.user_id")
	d.does(t, d.bob, it, "transfer", nil).WantProblem(t, unprocessable, "validation_failed", "body.user_id")
	d.does(t, d.bob, it, "transfer", apitest.Body{"user_id": d.ann.UserID, "queue_id": d.orders}).WantProblem(t, unprocessable, "validation_failed", "body.user_id")
	// What the mark was about is over when somebody else takes it in hand.
	d.does(t, d.manager, it, "retrieve", nil).Want(t, http.StatusOK)
	if d.wantHolder(t, it, d.manager).Value(t, "transfer") != nil {
		t.Error("what was retrieved is marked as transferred")
	}
}

// Covers: QUE-18 QUE-19 QUE-20 QUE-22 QUE-31 INT-29
func TestAConversationIsTransferredIntoAQueue(t *testing.T) {
	t.Parallel()
	d := newDeskScene(t, apitest.Body{"self_assign": true})
	support := d.queue(t, "Support", d.cleo)
	it := d.comes(t)
	into := func(queue any) apitest.Body { return apitest.Body{"queue_id": queue} }
	d.does(t, d.ann, it, "take", nil).Want(t, http.StatusOK)
	d.does(t, d.ann, it, "transfer", into(support)).Want(t, http.StatusOK)
	d.wantLog(t, it, "Ann transferred the Conversation from queue Orders to queue Support.")
	if r := d.wantHolder(t, it, nil); r.String(t, "queue_id") != support || r.Value(t, "transfer") != nil {
		t.Errorf("it is %s", r.Content)
	}
	// It waits there for those who answer there.
	for c, want := range map[*apitest.Client][]string{d.cleo: {"hello"}, d.ann: nil, d.bob: nil} {
		if got := d.sees(t, c, ""); !slices.Equal(got, want) {
			t.Errorf("%s sees %q, want %q", c.UserID, got, want)
		}
	}
	wantTaken(t, d.does(t, d.ann, it, "transfer", into(d.orders)), nil)
	// A manager passes on also what nobody has; the same queue is one, too.
	d.does(t, d.manager, it, "transfer", into(d.orders)).Want(t, http.StatusOK)
	d.does(t, d.bob, it, "take", nil).Want(t, http.StatusOK)
	d.does(t, d.bob, it, "transfer", into(d.orders)).Want(t, http.StatusOK)
	d.wantLog(t, it, "Mona transferred the Conversation from queue Support to queue Orders.",
		"Bob assigned the conversation to themselves.", "Bob transferred the Conversation from queue Orders to queue Orders.")
	d.wantHolder(t, it, nil)

	// Out of hours it goes there, with a warning.
	hours := []apitest.Body{{"weekday": "monday", "from": "09:00", "until": "17:00"}}
	for want, settings := range map[string]apitest.Body{
		"Support is outside of its opening hours.": {"opening_hours": []apitest.Body{}},
		"it opens on Monday, ":                     {"opening_hours": hours, "time_zone": "Pacific/Kiritimati"},
	} {
		d.admin.Patch(t, d.at.Path("/queues/%s", support), settings).Want(t, http.StatusOK)
		r := d.does(t, d.manager, it, "transfer", into(support)).Want(t, http.StatusOK)
		if r.String(t, "warnings.0.code") != "queue_closed" || !strings.Contains(r.String(t, "warnings.0.message"), want) {
			t.Errorf("the warnings are %s, want %q", r.Content, want)
		}
	}
	if got := d.wantHolder(t, it, nil).String(t, "queue_id"); got != support {
		t.Errorf("it is in %s", got)
	}
	d.does(t, d.manager, it, "transfer", into(d.orders)).Want(t, http.StatusOK)

	// Not where nobody answers, though a member is known who is away for good.
	empty := d.queue(t, "Empty")
	r := d.does(t, d.manager, it, "transfer", into(empty)).WantProblem(t, http.StatusConflict, "queue_empty", "")
	if !strings.Contains(r.String(t, "detail"), "without agents") {
		t.Errorf("the reason is %s", r.Content)
	}
	away := d.NewUser(t, d.admin, d.at, "agent")
	left := d.queue(t, "Left", away)
	d.admin.Patch(t, d.at.Path("/users/%s", away.UserID), apitest.Body{"status": "disabled"}).Want(t, http.StatusOK)
	d.does(t, d.manager, it, "transfer", into(left)).WantProblem(t, http.StatusConflict, "queue_empty", "")
	gone := d.queue(t, "Gone", d.cleo)
	d.admin.Post(t, d.at.Path("/queues/%s/archive", gone), nil).Want(t, http.StatusOK)
	theirs := d.tree.Other.Admin.Post(t, d.tree.Other.Path("/queues"), apitest.Body{"name": "Theirs"}).Want(t, http.StatusCreated).String(t, "id")
	for _, queue := range []any{gone, theirs, uuid.New()} {
		d.does(t, d.manager, it, "transfer", into(queue)).WantProblem(t, unprocessable, "not_found", "body.queue_id")
	}

	// Not what is done.
	d.Tamper(t, "UPDATE interactions SET status = 'solved' WHERE id = $1", it)
	for _, to := range []apitest.Body{into(support), {"user_id": d.cleo.UserID}} {
		r := d.does(t, d.manager, it, "transfer", to).WantProblem(t, http.StatusConflict, "wrong_state", "")
		if r.String(t, "current_status") != "solved" || !strings.Contains(r.String(t, "detail"), "Transfers are not allowed") {
			t.Errorf("the reason is %s", r.Content)
		}
	}
	for _, verb := range []string{"take", "release", "retrieve"} {
		d.does(t, d.manager, it, verb, nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	}
	d.does(t, d.manager, it, "close", nil).Want(t, http.StatusOK)
	d.does(t, d.manager, it, "transfer", into(support)).WantProblem(t, http.StatusConflict, "wrong_state", "")
}

// Covers: INT-07 INT-09 INT-11
func TestAConversationIsReleasedAndRetrieved(t *testing.T) {
	t.Parallel()
	d := newDeskScene(t, apitest.Body{"self_assign": true})
	it := d.comes(t)
	wantTaken(t, d.does(t, d.ann, it, "release", nil), nil)
	wantTaken(t, d.does(t, d.manager, it, "release", nil), nil)
	wantTaken(t, d.does(t, d.manager, it, "retrieve", nil), nil)
	d.does(t, d.ann, it, "take", nil).Want(t, http.StatusOK)
	wantTaken(t, d.does(t, d.bob, it, "release", nil), d.ann)
	// Back to the members of the group.
	d.does(t, d.ann, it, "release", apitest.Body{"comment": "my shift is over"}).Want(t, http.StatusOK)
	d.wantHolder(t, it, nil)
	d.wantLog(t, it, "Ann released the conversation to the group.")
	for _, c := range []*apitest.Client{d.ann, d.bob} {
		if got := d.sees(t, c, ""); !slices.Equal(got, []string{"hello"}) {
			t.Errorf("%s sees %q", c.UserID, got)
		}
	}
	// The manager takes back what an agent does not handle, and answers it or
	// gives it to another.
	d.does(t, d.bob, it, "take", nil).Want(t, http.StatusOK)
	d.does(t, d.ann, it, "retrieve", nil).WantProblem(t, http.StatusForbidden, "forbidden", "")
	d.does(t, d.manager, it, "retrieve", nil).Want(t, http.StatusOK)
	d.wantHolder(t, it, d.manager)
	d.wantLog(t, it, "Mona took the conversation back from Bob.")
	wantTaken(t, d.does(t, d.manager, it, "retrieve", nil), d.manager)
	wantTaken(t, d.does(t, d.bob, it, "messages", apitest.Body{"body": "sorry"}), d.manager)
	wantTaken(t, d.does(t, d.bob, it, "close", nil), d.manager)
	d.does(t, d.manager, it, "messages", apitest.Body{"body": "sorry"}).Want(t, http.StatusCreated)
	d.does(t, d.manager, it, "assign", apitest.Body{"user_id": d.ann.UserID}).Want(t, http.StatusOK)
	if d.wantHolder(t, it, d.ann).String(t, "transfer.from_id") != d.manager.UserID.String() {
		t.Error("Ann is not told that something waits for her")
	}
	// Without a queue it goes back to the tenant's inbox, where agents see nothing.
	d.leads(t, "user", d.cleo.UserID).Want(t, http.StatusOK)
	direct := d.comes(t)
	d.does(t, d.cleo, direct, "release", nil).Want(t, http.StatusOK)
	if got := d.sees(t, d.cleo, "&view=all"); len(got) != 0 {
		t.Errorf("Cleo sees %q", got)
	}
	d.wantHolder(t, direct, nil)
	d.does(t, d.cleo, direct, "take", nil).WantProblem(t, http.StatusForbidden, "self_assign_off", "")
}

// What the client believes is compared before anything is done.
func TestAStaleBeliefChangesNothing(t *testing.T) {
	t.Parallel()
	d := newDeskScene(t, nil)
	it := d.comes(t)
	etag := d.manager.Get(t, d.at.Path("/interactions/%s", it)).Header.Get("ETag")
	d.does(t, d.manager, it, "assign", apitest.Body{"user_id": d.ann.UserID, "expected_assignee_id": nil}).Want(t, http.StatusOK)
	for verb, body := range map[string]apitest.Body{
		"assign": {"user_id": d.bob.UserID}, "transfer": {"user_id": d.bob.UserID}, "release": {}, "retrieve": {}, "take": {},
	} {
		with := func(field string, value any) apitest.Body {
			out := apitest.Body{field: value}
			for k, v := range body {
				out[k] = v
			}
			return out
		}
		d.does(t, d.manager, it, verb, body, apitest.Header{"If-Match": etag}).WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
		r := d.does(t, d.manager, it, verb, with("expected_status", "waiting_customer")).WantProblem(t, http.StatusConflict, "wrong_state", "")
		if r.Value(t, "current_status") == nil {
			t.Errorf("%s does not say what it is: %s", verb, r.Content)
		}
		wantTaken(t, d.does(t, d.manager, it, verb, with("expected_assignee_id", nil)), d.ann)
		wantTaken(t, d.does(t, d.manager, it, verb, with("expected_assignee_id", d.bob.UserID)), d.ann)
	}
	d.wantHolder(t, it, d.ann)
	d.wantLog(t, it, "Mona assigned the conversation to Ann.")
	d.does(t, d.manager, it, "release", apitest.Body{"expected_assignee_id": d.ann.UserID}).Want(t, http.StatusOK)
}

// Agents look at what waits for them before they take it, and of what is over
// they see what they took part in; managers see everything.
//
// Covers: INT-33 INT-34 INT-48 INT-59
func TestWhoSeesWhat(t *testing.T) {
	t.Parallel()
	d := newDeskScene(t, apitest.Body{"self_assign": true})
	it := d.comes(t)
	if got := texts(t, d.bob.Get(t, d.at.Path("/interactions/%s/messages", it)), "body"); !slices.Equal(got, []string{"hello"}) {
		t.Errorf("before he takes it Bob reads %q", got)
	}
	d.bob.Get(t, d.at.Path("/interactions/%s/log", it)).Want(t, http.StatusOK)
	d.cleo.Get(t, d.at.Path("/interactions/%s/messages", it)).WantProblem(t, http.StatusNotFound, "not_found", "")
	d.does(t, d.ann, it, "take", nil).Want(t, http.StatusOK)
	d.bob.Get(t, d.at.Path("/interactions/%s/messages", it)).WantProblem(t, http.StatusNotFound, "not_found", "")
	d.does(t, d.ann, it, "transfer", apitest.Body{"user_id": d.cleo.UserID}).Want(t, http.StatusOK)
	d.ann.Get(t, d.at.Path("/interactions/%s", it)).WantProblem(t, http.StatusNotFound, "not_found", "")
	d.does(t, d.cleo, it, "close", nil).Want(t, http.StatusOK)
	unanswered := d.comes(t)
	d.does(t, d.manager, unanswered, "close", nil).Want(t, http.StatusOK)
	for c, want := range map[*apitest.Client][]string{
		d.ann: {it}, d.cleo: {it}, d.bob: nil, d.manager: {unanswered, it}, d.admin: {unanswered, it},
	} {
		if got := texts(t, c.Get(t, d.at.Path("/interactions?view=all")), "id"); !slices.Equal(got, want) {
			t.Errorf("%s finds %q in the history, want %q", c.UserID, got, want)
		}
		if got := texts(t, c.Get(t, d.at.Path("/interactions")), "id"); len(got) != 0 {
			t.Errorf("%s finds %q in what is not closed", c.UserID, got)
		}
		for _, id := range []string{it, unanswered} {
			wanted := http.StatusNotFound
			if slices.Contains(want, id) {
				wanted = http.StatusOK
			}
			c.Get(t, d.at.Path("/interactions/%s/messages", id)).Want(t, wanted)
		}
	}
	// The history says through which channel, in which direction, with whom.
	d.send(t, number(50), "we begin")
	row := d.manager.Get(t, d.at.Path("/interactions?view=all&address=%s", escape(number(50)))).Want(t, http.StatusOK)
	if row.String(t, "items.0.direction") != "outbound" || row.String(t, "items.0.channel_id") != d.line.ChannelID.String() || row.String(t, "items.0.address") != number(50) {
		t.Errorf("what we began is %s", row.Content)
	}
	if got := d.manager.Get(t, d.at.Path("/interactions/%s", it)).String(t, "direction"); got != "inbound" {
		t.Errorf("what the customer began is %s", got)
	}
	// What supervisors look at by queue.
	if got := texts(t, d.manager.Get(t, d.at.Path("/interactions?view=all&status=closed&queue_id=%s", d.orders)), "id"); !slices.Equal(got, []string{unanswered, it}) {
		t.Errorf("closed in Orders are %q", got)
	}
}

// Covers: INT-07 INT-49 QUE-03
func TestManyAreChangedAtOnce(t *testing.T) {
	t.Parallel()
	d := newDeskScene(t, nil)
	one, two, three := d.comes(t), d.comes(t), d.comes(t)
	many := func(c *apitest.Client, body apitest.Body, ids ...string) *apitest.Response {
		t.Helper()
		body["interaction_ids"] = ids
		return c.Post(t, d.at.Path("/interactions/bulk"), body)
	}
	wantCodes := func(r *apitest.Response, codes ...string) {
		t.Helper()
		r.Want(t, http.StatusOK)
		refused := 0
		for i, code := range codes {
			result, _ := r.Value(t, "results").([]any)[i].(map[string]any)
			problem, _ := result["problem"].(map[string]any)
			if code != "" {
				refused++
			}
			if got, _ := problem["code"].(string); got != code || (result["interaction"] == nil) != (code != "") {
				t.Errorf("result %d is %v, want %q", i, result, code)
			}
		}
		if r.Int(t, "refused") != refused {
			t.Errorf("%d were refused, want %d", r.Int(t, "refused"), refused)
		}
	}
	stranger := uuid.NewString()
	d.does(t, d.manager, two, "close", nil).Want(t, http.StatusOK)
	r := many(d.manager, apitest.Body{"action": "assign", "user_id": d.ann.UserID, "comment": "please"}, three, two, stranger, one, three)
	wantCodes(r, "", "wrong_state", "not_found", "", "")
	if r.String(t, "results.0.interaction.id") != three || r.String(t, "results.1.problem.current_status") != "closed" || r.Int(t, "results.2.problem.status") != http.StatusNotFound {
		t.Errorf("the answer is %s", r.Content)
	}
	for _, id := range []string{one, three} {
		d.wantHolder(t, id, d.ann)
		d.wantLog(t, id, "Mona assigned the conversation to Ann.")
	}
	wantCount(t, d.Platform, 1, "SELECT count(*) FROM interaction_log WHERE interaction_id = $1 AND kind = 'assigned'", three)
	// With the permission of the verb, and for what is one's own.
	many(d.ann, apitest.Body{"action": "assign", "user_id": d.ann.UserID}, one).WantProblem(t, http.StatusForbidden, "forbidden", "")
	many(d.ann, apitest.Body{"action": "retrieve"}, one).WantProblem(t, http.StatusForbidden, "forbidden", "")
	wantCodes(many(d.bob, apitest.Body{"action": "release"}, one, three), "wrong_assignee", "wrong_assignee")
	wantCodes(many(d.cleo, apitest.Body{"action": "close"}, one), "not_found")
	wantCodes(many(d.ann, apitest.Body{"action": "read"}, one, three), "", "")
	wantCodes(many(d.ann, apitest.Body{"action": "transfer", "queue_id": d.orders}, one), "")
	wantCodes(many(d.ann, apitest.Body{"action": "take"}, one), "self_assign_off")
	wantCodes(many(d.manager, apitest.Body{"action": "take"}, one, three), "", "wrong_assignee")
	wantCodes(many(d.manager, apitest.Body{"action": "retrieve", "expected_assignee_id": d.ann.UserID}, one, three), "wrong_assignee", "")
	wantCodes(many(d.manager, apitest.Body{"action": "transfer", "queue_id": uuid.New()}, one), "not_found")
	wantCodes(many(d.manager, apitest.Body{"action": "set_priority", "priority": "urgent"}, one, two), "", "wrong_state")
	if got := d.wantHolder(t, one, d.manager).String(t, "priority"); got != "urgent" {
		t.Errorf("its priority is %s", got)
	}
	wantCodes(many(d.manager, apitest.Body{"action": "close", "reason": "a flood"}, three, one), "", "")
	if got := d.wantHolder(t, one, d.manager); got.String(t, "close_reason") != "a flood" {
		t.Errorf("closed: %s", got.Content)
	}
	many(d.manager, apitest.Body{"action": "close"}).Want(t, unprocessable)
	many(d.manager, apitest.Body{"action": "explode"}, one).WantProblem(t, unprocessable, "validation_failed", "body.action")
}

// Who transfers sees what is in the queues; whoever opens a conversation gets
// what its queue opens beside it.
//
// Covers: QUE-21 QUE-37
func TestQueuesAreCounted(t *testing.T) {
	t.Parallel()
	d := newDeskScene(t, apitest.Body{"screen_pop_url": "https://crm.example/?phone={address}&of={interaction_id}"})
	support := d.queue(t, "Support", d.cleo)
	d.admin.Patch(t, d.at.Path("/queues/%s", support), apitest.Body{"opening_hours": []apitest.Body{}}).Want(t, http.StatusOK)
	oldest := d.comes(t)
	d.Clock.Advance(time.Minute)
	taken, done, solved, moved := d.comes(t), d.comes(t), d.comes(t), d.comes(t)
	d.does(t, d.manager, taken, "assign", apitest.Body{"user_id": d.ann.UserID}).Want(t, http.StatusOK)
	d.does(t, d.manager, done, "close", nil).Want(t, http.StatusOK)
	d.Tamper(t, "UPDATE interactions SET status = 'solved' WHERE id = $1", solved)
	d.does(t, d.manager, moved, "transfer", apitest.Body{"queue_id": support}).Want(t, http.StatusOK)
	want := map[string][]any{
		"Orders":  {float64(2), float64(1), float64(1), true, d.manager.Get(t, d.at.Path("/interactions/%s", oldest)).String(t, "created_at")},
		"Support": {float64(1), float64(1), float64(0), false, d.manager.Get(t, d.at.Path("/interactions/%s", moved)).String(t, "created_at")},
	}
	count := func(c *apitest.Client, query string) []any {
		t.Helper()
		return c.Get(t, d.at.Path("/queue-counts%s", query)).Want(t, http.StatusOK).Items(t)
	}
	for _, c := range []*apitest.Client{d.ann, d.cleo, d.manager} {
		items := count(c, "")
		if len(items) != len(want) {
			t.Fatalf("there are %d queues", len(items))
		}
		for _, item := range items {
			q := item.(map[string]any)
			got := []any{q["members"], q["waiting"], q["assigned"], q["open_now"], q["oldest_waiting_at"]}
			if !slices.Equal(got, want[q["name"].(string)]) {
				t.Errorf("in %s there are %v, want %v", q["name"], got, want[q["name"].(string)])
			}
		}
	}
	d.admin.Patch(t, d.at.Path("/users/%s", d.cleo.UserID), apitest.Body{"status": "disabled"}).Want(t, http.StatusOK)
	d.does(t, d.manager, moved, "assign", apitest.Body{"user_id": d.bob.UserID}).Want(t, http.StatusOK)
	for _, item := range count(d.manager, "?limit=200") {
		if q := item.(map[string]any); q["name"] == "Support" && (q["members"] != float64(0) || q["waiting"] != float64(0) || q["oldest_waiting_at"] != nil) {
			t.Errorf("in Support there are %v", q)
		}
	}
	if page := count(d.manager, "?limit=1"); len(page) != 1 {
		t.Errorf("a page of one has %d", len(page))
	}

	pop := func(c *apitest.Client, interaction string) any {
		t.Helper()
		return c.Get(t, d.at.Path("/interactions/%s/screen-pop", interaction)).Want(t, http.StatusOK).Value(t, "url")
	}
	if got, want := pop(d.ann, taken), "https://crm.example/?phone="+escape(number(2))+"&of="+taken; got != want {
		t.Errorf("beside it opens %v, want %s", got, want)
	}
	if got := pop(d.manager, moved); got != nil {
		t.Errorf("beside what came through Support opens %v", got)
	}
	d.cleo.As(d.bob.Bearer).Get(t, d.at.Path("/interactions/%s/screen-pop", taken)).WantProblem(t, http.StatusNotFound, "not_found", "")
}
