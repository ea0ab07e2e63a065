package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider/sim"
)

// desk is a queue to which a line leads, with a team at work in it.
type desk struct {
	*scene
	queue string
	team  []*apitest.Client
}

// newDesk makes a team of a size; nobody is at work yet.
func newDesk(t *testing.T, strategy string, size int, settings apitest.Body) *desk {
	t.Helper()
	d := &desk{scene: twilio(t)}
	d.team = append(d.team, d.at.Agent)
	for len(d.team) < size {
		if len(d.team)%10 == 9 {
			d.Clock.Advance(time.Minute) // logins are limited
		}
		d.team = append(d.team, d.NewUser(t, d.admin, d.at, "agent"))
	}
	for i, c := range d.team {
		d.admin.Patch(t, d.at.Path("/users/%s", c.UserID), apitest.Body{"name": fmt.Sprintf("Agent %d", i)}).Want(t, http.StatusOK)
	}
	d.queue = d.scene.queue(t, "Orders", d.team...)
	body := apitest.Body{"strategy": strategy}
	for name, value := range settings {
		body[name] = value
	}
	d.change(t, body)
	d.leads(t, "queue", d.queue).Want(t, http.StatusOK)
	return d
}

// change changes settings of the queue.
func (d *desk) change(t *testing.T, body apitest.Body) {
	t.Helper()
	d.admin.Patch(t, d.at.Path("/queues/%s", d.queue), body).Want(t, http.StatusOK)
	d.Work(t)
}

// me lets somebody of the team do something about his own work.
func (d *desk) does(t *testing.T, i int, what string) {
	t.Helper()
	d.team[i].Post(t, d.at.Path("/agents/me/%s", what), nil).Want(t, http.StatusOK)
	d.Work(t)
}

// room says how many conversations everybody can have.
func (d *desk) room(t *testing.T, n int) {
	t.Helper()
	for _, c := range d.team {
		d.admin.Patch(t, d.at.Path("/agents/%s/capacity", c.UserID), apitest.Body{"max_units": n}).Want(t, http.StatusOK)
	}
	d.Work(t)
}

// write lets customers write, one after another.
func (d *desk) write(t *testing.T, customers ...int) {
	t.Helper()
	for _, i := range customers {
		d.Receive(t, d.line, sim.Inbound{From: number(i), Body: fmt.Sprintf("from %d", i)})
	}
	d.Work(t)
}

// has are the customers whose conversations somebody of the team has.
func (d *desk) has(t *testing.T, i int) []string {
	t.Helper()
	got := texts(t, d.manager.Get(t, d.at.Path("/interactions?limit=200&assignee_id=%s", d.team[i].UserID)), "preview")
	slices.Sort(got)
	return got
}

func (d *desk) want(t *testing.T, when string, has ...string) {
	t.Helper()
	for i, want := range has {
		if got := strings.Join(d.has(t, i), ", "); got != want {
			t.Errorf("%s: agent %d has %q, want %q", when, i, got, want)
		}
	}
}

// conversation is the present one with a customer.
func (d *desk) conversation(t *testing.T, address string) string {
	t.Helper()
	return d.manager.Get(t, d.at.Path("/interactions?view=active&address=%s", url.QueryEscape(address))).Want(t, http.StatusOK).String(t, "items.0.id")
}

// why is the explanation of a customer's conversation.
func (d *desk) why(t *testing.T, customer int) *apitest.Response {
	t.Helper()
	return d.manager.Get(t, d.at.Path("/interactions/%s/routing", d.conversation(t, number(customer)))).Want(t, http.StatusOK)
}

func wantText(t *testing.T, r *apitest.Response, field, want string) {
	t.Helper()
	if got := r.String(t, field); got != want {
		t.Errorf("%s is %q, want %q", field, got, want)
	}
}

func (d *desk) log(t *testing.T, customer int) []string {
	t.Helper()
	return texts(t, d.manager.Get(t, d.at.Path("/interactions/%s/log?order=asc&limit=200", d.conversation(t, number(customer)))), "text")
}

// Turns go round, and begin with who has waited longest for one.
//
// Covers: QUE-04 QUE-05 QUE-10 QUE-28
func TestConversationsAreGivenInTurns(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "round_robin", 3, nil)
	d.write(t, 1)
	d.want(t, "nobody is at work", "", "", "")
	wantText(t, d.why(t, 1), "next.action", "member_free")
	// Logging in is a cause; who logs in later comes later.
	d.does(t, 1, "login")
	d.want(t, "one has logged in", "", "from 1", "")
	d.does(t, 0, "login")
	d.does(t, 2, "login")
	d.write(t, 2, 3)
	d.write(t, 4, 5)
	d.write(t, 6)
	for i := range d.team {
		if got := d.has(t, i); len(got) != 2 {
			t.Errorf("agent %d has %q of six", i, got)
		}
	}
	if log := d.log(t, 1); !slices.Contains(log, "Conversation assigned to Agent 1 automatically.") {
		t.Errorf("the log says %q", log)
	}
}

// The smallest part of the capacity decides, whatever the numbers are; who has
// no room gets nothing, and who makes room gets the next (QUE-07).
//
// Covers: QUE-04 QUE-07 QUE-13 QUE-14
func TestConversationsGoToTheLeastLoaded(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "least_loaded", 2, nil)
	d.admin.Patch(t, d.at.Path("/agents/%s/capacity", d.team[0].UserID), apitest.Body{"max_units": 4}).Want(t, http.StatusOK)
	d.admin.Patch(t, d.at.Path("/agents/%s/capacity", d.team[1].UserID), apitest.Body{"max_units": 2}).Want(t, http.StatusOK)
	d.does(t, 0, "login")
	d.does(t, 1, "login")
	d.write(t, 1, 2, 3)
	if a, b := len(d.has(t, 0)), len(d.has(t, 1)); a != 2 || b != 1 {
		t.Errorf("of three, they have %d and %d", a, b)
	}
	d.write(t, 4, 5, 6, 7, 8)
	if a, b := len(d.has(t, 0)), len(d.has(t, 1)); a != 4 || b != 2 {
		t.Errorf("of eight, they have %d and %d", a, b)
	}
	r := d.why(t, 8)
	wantText(t, r, "next.action", "member_free")
	wantText(t, r, "considered.0.reason", "at_capacity")
	for _, c := range []string{"considered.0.text", "considered.1.text"} {
		if text := r.String(t, c); text != "Agent 0 is at capacity: 4 of 4 units are in use, and one conversation more takes 1." &&
			text != "Agent 1 is at capacity: 2 of 2 units are in use, and one conversation more takes 1." {
			t.Errorf("it says %q", text)
		}
	}
	first := d.has(t, 1)[0]
	d.team[1].Post(t, d.at.Path("/interactions/%s/close", d.conversation(t, number(int(first[len(first)-1]-'0')))), apitest.Body{}).Want(t, http.StatusOK)
	d.Work(t)
	if got := d.has(t, 1); !slices.Contains(got, "from 7") {
		t.Errorf("who has closed one has %q", got)
	}
}

// Each cause by itself lets what waits go to somebody.
//
// Covers: QUE-09 QUE-11 AGS-20
func TestWhatLetsConversationsGo(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "round_robin", 2, apitest.Body{"returning_customer": false})
	d.does(t, 0, "login")
	d.does(t, 0, "pause")
	d.write(t, 1)
	d.want(t, "a pause keeps new ones away", "")
	r := d.why(t, 1)
	var paused string
	for i := range 2 {
		if at := fmt.Sprintf("considered.%d.", i); r.String(t, at+"name") == "Agent 0" {
			paused = r.String(t, at+"text")
		}
	}
	if want := "Agent 0 is paused (Break) since " + d.clock() + "."; paused != want {
		t.Errorf("it says %q, want %q", paused, want)
	}
	d.does(t, 0, "resume")
	d.want(t, "the pause is over", "from 1")
	d.does(t, 0, "pause")
	d.write(t, 1)
	d.want(t, "a pause takes nothing away", "from 1")
	wantCount(t, d.Platform, 2, "SELECT count(*) FROM messages WHERE direction = 'inbound'") // both are his

	// Members are added who are at work elsewhere.
	d.scene.queue(t, "Other", d.team[1])
	d.admin.Do(t, http.MethodPut, d.at.Path("/queues/%s/members", d.queue), apitest.Body{"user_ids": []uuid.UUID{d.team[0].UserID}}).Want(t, http.StatusOK)
	d.does(t, 1, "login")
	d.write(t, 2)
	d.want(t, "he is no member", "from 1", "")
	d.admin.Do(t, http.MethodPut, d.at.Path("/queues/%s/members", d.queue),
		apitest.Body{"user_ids": []uuid.UUID{d.team[0].UserID, d.team[1].UserID}}).Want(t, http.StatusOK)
	d.Work(t)
	d.want(t, "he has become one", "from 1", "from 2")

	// More room.
	d.room(t, 1)
	d.write(t, 3)
	d.want(t, "there is no room", "from 1", "from 2")
	d.room(t, 2)
	d.want(t, "there is", "from 1", "from 2, from 3")
}

// clock is what people read off the wall in Toronto.
func (d *desk) clock() string {
	zone, err := time.LoadLocation("America/Toronto")
	if err != nil {
		panic(err)
	}
	return d.Clock.Now().In(zone).Format("15:04")
}

// By the literal text of the manuals a queue assigns also while it is closed;
// one that does not begins when it opens (C-09).
//
// Covers: QUE-05 QUE-08
func TestAQueueAssignsWhenItOpens(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "round_robin", 1, apitest.Body{"time_zone": "UTC", "opening_hours": []apitest.Body{}})
	d.room(t, 1)
	d.does(t, 0, "login")
	d.write(t, 1)
	d.want(t, "outside of the hours", "from 1")
	d.room(t, 10)
	opens := d.Clock.Now().UTC().Add(time.Minute).Truncate(time.Minute)
	d.change(t, apitest.Body{"assign_outside_hours": false, "opening_hours": []apitest.Body{
		{"weekday": strings.ToLower(opens.Weekday().String()), "from": opens.Format("15:04"), "until": "24:00"},
	}})
	d.write(t, 2)
	d.want(t, "it is closed", "from 1")
	r := d.why(t, 2)
	wantText(t, r, "next.action", "opening")
	wantText(t, r, "next.at", opens.Format(time.RFC3339))
	wantText(t, r, "next.text", "The queue opens at "+opens.Format("15:04")+"; then it is assigned.")
	d.Advance(t, opens.Sub(d.Clock.Now())-time.Microsecond)
	d.want(t, "just before it opens", "from 1")
	d.Advance(t, time.Microsecond)
	d.want(t, "it opens", "from 1, from 2")
}

// Covers: QUE-15
func TestAReturningCustomerComesToWhoHadHim(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "round_robin", 2, nil)
	d.does(t, 1, "login")
	d.write(t, 1)
	d.team[1].Post(t, d.at.Path("/interactions/%s/close", d.conversation(t, number(1))), apitest.Body{}).Want(t, http.StatusOK)
	d.Clock.Advance(time.Second)
	d.does(t, 0, "login")
	d.write(t, 2)
	d.write(t, 3)
	d.want(t, "they take turns", "from 3", "from 2")
	d.write(t, 1)
	d.want(t, "he comes again", "from 3", "from 1, from 2")
	if log := d.log(t, 1); !slices.Contains(log, "Conversation assigned to Agent 1 due to last interaction with returning customer.") {
		t.Errorf("the log says %q", log)
	}
	// Who is not free is passed over.
	d.team[1].Post(t, d.at.Path("/interactions/%s/close", d.conversation(t, number(1))), apitest.Body{}).Want(t, http.StatusOK)
	d.does(t, 1, "pause")
	d.write(t, 1)
	d.want(t, "he is paused", "from 1, from 3")
}

// Covers: QUE-12 AGS-20
func TestWhoGoesLeavesHisConversationsToOthers(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "round_robin", 2, nil)
	d.does(t, 0, "login")
	d.write(t, 1, 2)
	d.write(t, 3)
	d.want(t, "he is alone", "from 1, from 2, from 3", "")
	d.does(t, 0, "pause")
	d.does(t, 1, "login")
	d.want(t, "a pause takes nothing away", "from 1, from 2, from 3", "")
	d.does(t, 0, "logout")
	d.want(t, "he has logged out", "", "from 1, from 2, from 3")
	log := d.log(t, 1)
	if !slices.Contains(log, "Conversation taken from Agent 0, who is not available any more.") || log[len(log)-1] != "Conversation assigned to Agent 1 automatically." {
		t.Errorf("the log says %q", log)
	}
	// Silence is like going.
	d.does(t, 0, "login")
	for range 4 {
		d.Clock.Advance(25 * time.Second)
		d.does(t, 0, "heartbeat")
	}
	d.want(t, "the other has been silent", "from 1, from 2, from 3", "")
	wantText(t, d.why(t, 1), "text", "Agent 0 has the conversation.")
}

// A queue that leaves things to people gives back what somebody had who goes,
// and gives it to nobody.
func TestWhoGoesLeavesAManualQueue(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "manual", 2, nil)
	d.does(t, 0, "login")
	d.does(t, 1, "login")
	d.write(t, 1)
	d.want(t, "nothing goes by itself", "", "")
	wantText(t, d.why(t, 1), "next.action", "person")
	d.manager.Post(t, d.at.Path("/interactions/%s/assign", d.conversation(t, number(1))), apitest.Body{"user_id": d.team[0].UserID}).Want(t, http.StatusOK)
	d.Clock.Advance(time.Second)
	d.does(t, 0, "logout")
	d.want(t, "he has gone", "", "")
	wantText(t, d.why(t, 1), "text", "The conversation waits in queue Orders. The queue leaves it to people who gets what.")
	// Whom somebody gives it to all the same has it.
	d.Clock.Advance(time.Second)
	d.manager.Post(t, d.at.Path("/interactions/%s/assign", d.conversation(t, number(1))), apitest.Body{"user_id": d.team[0].UserID}).Want(t, http.StatusOK)
	d.Work(t)
	d.want(t, "he was given it", "from 1", "")
}

// offers are the offers that somebody has.
func (d *desk) offers(t *testing.T, i int, view string) []string {
	t.Helper()
	return texts(t, d.team[i].Get(t, d.at.Path("/offers?view=%s", view)).Want(t, http.StatusOK), "id")
}

func (d *desk) offer(t *testing.T, i int, id string) *apitest.Response {
	t.Helper()
	return d.team[i].Get(t, d.at.Path("/offers/%s", id)).Want(t, http.StatusOK)
}

func (d *desk) wantOffers(t *testing.T, when string, numbers ...int) {
	t.Helper()
	for i, want := range numbers {
		if got := d.offers(t, i, "open"); len(got) != want {
			t.Errorf("%s: agent %d has %d offers, want %d", when, i, len(got), want)
		}
	}
}

// Covers: QUE-24 QUE-25
func TestABroadcastOffersToAll(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "broadcast", 3, apitest.Body{"offer_timeout_seconds": 20})
	for i := range d.team {
		d.does(t, i, "login")
	}
	d.does(t, 2, "pause")
	d.write(t, 1)
	d.wantOffers(t, "it is offered to the free", 1, 1, 0)
	d.want(t, "nobody has accepted", "", "", "")
	r := d.why(t, 1)
	wantText(t, r, "next.action", "answer")
	d.does(t, 2, "resume")
	d.wantOffers(t, "one has become free", 1, 1, 1)
	mine, his := d.offers(t, 0, "open")[0], d.offers(t, 1, "open")[0]
	answer := func(i int, offer, what string) *apitest.Response {
		var body any
		if what == "reject" {
			body = apitest.Body{}
		}
		r := d.team[i].Post(t, d.at.Path("/offers/%s/%s", offer, what), body)
		d.Work(t)
		return r
	}
	// Another's offer is nobody's.
	d.team[1].Post(t, d.at.Path("/offers/%s/accept", mine), nil).WantProblem(t, http.StatusNotFound, "not_found", "")
	wantText(t, answer(0, mine, "reject").Want(t, http.StatusOK), "state", "rejected")
	answer(0, mine, "reject").WantProblem(t, http.StatusConflict, "wrong_state", "")
	d.wantOffers(t, "one has rejected", 0, 1, 1)
	wantText(t, answer(1, his, "accept").Want(t, http.StatusOK), "state", "accepted")
	d.want(t, "the first has it", "", "from 1", "")
	d.wantOffers(t, "it is taken", 0, 0, 0)
	taken := d.offers(t, 2, "all")[0]
	wantText(t, d.offer(t, 2, taken), "state", "taken")
	d.team[2].Post(t, d.at.Path("/offers/%s/accept", taken), nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	if log := d.log(t, 1); !slices.Contains(log, "Conversation offered to Agent 0 and Agent 1.") && !slices.Contains(log, "Conversation offered to Agent 1 and Agent 0.") ||
		!slices.Contains(log, "Agent 0 rejected the conversation.") || log[len(log)-1] != "Agent 1 accepted the conversation." {
		t.Errorf("the log says %q", log)
	}
	wantCount(t, d.Platform, 1, "SELECT count(*) FROM events WHERE type = 'offer.taken'")
}

// Who does not answer is asked again, who has rejected only when nobody else is
// left.
//
// Covers: QUE-24
func TestAnOfferExpires(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "broadcast", 2, apitest.Body{"offer_timeout_seconds": 20})
	d.does(t, 0, "login")
	d.does(t, 1, "login")
	d.write(t, 1)
	first := d.offers(t, 0, "open")[0]
	d.team[1].Post(t, d.at.Path("/offers/%s/reject", d.offers(t, 1, "open")[0]), apitest.Body{"comment": "busy"}).Want(t, http.StatusOK)
	d.Advance(t, 20*time.Second)
	wantText(t, d.offer(t, 0, first), "state", "expired")
	d.wantOffers(t, "the next round", 1, 0)
	second := d.offers(t, 0, "open")[0]
	if r := d.offer(t, 0, second); r.Int(t, "round") != 2 {
		t.Errorf("the second round: %s", r.Content)
	}
	d.team[0].Post(t, d.at.Path("/offers/%s/accept", first), nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	d.team[0].Post(t, d.at.Path("/offers/%s/reject", second), apitest.Body{}).Want(t, http.StatusOK)
	d.Work(t)
	d.wantOffers(t, "those who rejected in the round before are asked", 0, 1)
	d.team[1].Post(t, d.at.Path("/offers/%s/reject", d.offers(t, 1, "open")[0]), apitest.Body{}).Want(t, http.StatusOK)
	d.Work(t)
	d.wantOffers(t, "then the others again", 1, 0)
	d.does(t, 0, "pause")
	d.wantOffers(t, "who pauses is offered nothing", 0, 1)
	// It is assigned by hand: there is nothing to be had.
	d.manager.Post(t, d.at.Path("/interactions/%s/assign", d.conversation(t, number(1))), apitest.Body{"user_id": d.team[0].UserID}).Want(t, http.StatusOK)
	d.Work(t)
	d.wantOffers(t, "it was assigned", 0, 0)
	// Nobody is offered more than he could have.
	d.does(t, 0, "resume")
	d.room(t, 2)
	d.write(t, 2, 3, 4)
	d.wantOffers(t, "within the capacity", 1, 2)
	d.change(t, apitest.Body{"strategy": "manual"})
	d.wantOffers(t, "the strategy has changed", 0, 0)
}

// Twenty accept at once: one has it.
//
// Covers: QUE-25
func TestTwentyAcceptAtOnce(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "broadcast", 20, nil)
	for _, c := range d.team {
		c.Post(t, d.at.Path("/agents/me/login"), nil).Want(t, http.StatusOK)
	}
	d.Work(t)
	d.write(t, 1)
	var (
		wait     sync.WaitGroup
		mu       sync.Mutex
		statuses = map[int]int{}
	)
	paths := make([]string, len(d.team))
	for i := range d.team {
		paths[i] = d.at.Path("/offers/%s/accept", d.offers(t, i, "open")[0])
	}
	for i, c := range d.team {
		wait.Go(func() {
			r, err := c.Try(http.MethodPost, paths[i], nil)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
				return
			}
			statuses[r.Status]++
		})
	}
	wait.Wait()
	if statuses[http.StatusOK] != 1 || statuses[http.StatusConflict] != 19 {
		t.Errorf("the answers were %v", statuses)
	}
	wantCount(t, d.Platform, 1, "SELECT count(*) FROM offers WHERE state = 'accepted'")
	wantCount(t, d.Platform, 19, "SELECT count(*) FROM offers WHERE state = 'taken'")
}
