package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/sim"
)

// Without force a number stays while anybody talks over it; with force the
// conversations end where they are, and nothing of them goes along.
//
// Covers: CHN-05 CHN-06
func TestForceEndsWhatGoesOnOverANumber(t *testing.T) {
	t.Parallel()
	s := sceneWith(t, provider.Scopserv)
	s.Receive(t, s.line, sim.Inbound{Body: "are you there?", From: number(1)})
	waiting := s.send(t, number(2), "not sent yet")
	reclaim := s.tree.L2.Path("/numbers/%s/reclaim", s.numberID)

	for _, body := range []any{nil, apitest.Body{}, apitest.Body{"force": false}} {
		refused := s.tree.L2.Admin.Post(t, reclaim, body).WantProblem(t, http.StatusConflict, "interactions_open", "")
		if n := refused.Int(t, "open_interactions"); n != 2 {
			t.Errorf("%d open interactions, want 2: %s", n, refused.Content)
		}
	}
	s.Clock.Advance(2 * time.Second) // what came before is the former holder's
	s.tree.L2.Admin.Post(t, reclaim, apitest.Body{"force": true}).Want(t, http.StatusOK)
	s.Work(t)

	for _, item := range s.manager.Get(t, s.at.Path("/interactions?view=all")).Want(t, http.StatusOK).Items(t) {
		i := item.(map[string]any)
		if i["status"] != "closed" || i["close_reason"] != "channel_reassigned" || i["closed_by_id"] != nil {
			t.Errorf("an interaction is %v", i)
		}
	}
	s.wantMessage(t, waiting, "canceled", "channel_reassigned")
	if n := s.attempts(number(2)); n != 0 {
		t.Errorf("the carrier was asked %d times", n)
	}
	wantCount(t, s.Platform, 2, "SELECT count(*) FROM events WHERE tenant_id = $1 AND type = 'interaction.closed' AND data->>'reason' = 'channel_reassigned'", s.at.ID)
	wantCount(t, s.Platform, 1, "SELECT count(*) FROM events WHERE tenant_id = $1 AND type = 'message.canceled'", s.at.ID)

	// The number is free, and its past stays where it was.
	next := s.NewTenant(t, s.tree.L2.Admin, s.tree.L2.ID, "customer")
	s.tree.L2.Admin.Post(t, s.tree.L2.Path("/numbers/%s/assign", s.numberID), apitest.Body{"tenant_id": next.ID}).Want(t, http.StatusOK)
	if r := next.Admin.Get(t, next.Path("/interactions?view=all")); len(r.Want(t, http.StatusOK).Items(t)) != 0 {
		t.Errorf("the new holder sees %s", r.Content)
	}
	if got := s.bodies(t, s.conversation(t, number(1))); !slices.Equal(got, []string{"are you there?"}) {
		t.Errorf("the former holder sees %q", got)
	}
	// A resend of what was canceled is refused: the number has moved on.
	s.admin.Post(t, s.at.Path("/messages/%s/resend", waiting), nil).WantProblem(t, http.StatusConflict, "channel_inactive", "")
}

// Ten thousand conversations are closed in a few statements.
//
// Covers: CHN-06
func TestForceIsAsQuickForManyConversations(t *testing.T) {
	t.Parallel()
	s := sceneWith(t, provider.Scopserv)
	s.Receive(t, s.line, sim.Inbound{Body: "one", From: number(1)})
	const many = 10_000
	s.Tamper(t, `
		INSERT INTO interactions (id, created_at, updated_at, tenant_id, channel_id, contact_id, address, status, needs_reply, last_message_at)
		SELECT gen_random_uuid(), created_at, updated_at, tenant_id, channel_id, contact_id, '+1999' || n, status, needs_reply, last_message_at
		FROM interactions, generate_series(2, $1) n WHERE tenant_id = $2`, many, s.at.ID)
	path := s.tree.L1.Path("/numbers/%s/reclaim", s.numberID)
	refused := s.tree.L1.Admin.Post(t, path, nil).WantProblem(t, http.StatusConflict, "interactions_open", "")
	if n := refused.Int(t, "open_interactions"); n != many {
		t.Errorf("%d open interactions", n)
	}
	began := time.Now()
	s.tree.L1.Admin.Post(t, path, apitest.Body{"force": true}).Want(t, http.StatusOK)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	wantCount(t, s.Platform, 0, "SELECT count(*) FROM interactions WHERE status <> 'closed'")
	wantCount(t, s.Platform, many, "SELECT count(DISTINCT object_id) FROM events WHERE tenant_id = $1 AND type = 'interaction.closed'", s.at.ID)
}

// Whoever writes, answers or is written to while a number is taken away does so
// before it or is told: nothing stays open behind it.
//
// Covers: CHN-06
func TestNothingSlipsInWhileANumberIsTakenAway(t *testing.T) {
	t.Parallel()
	s := sceneWith(t, provider.Scopserv)
	s.Receive(t, s.line, sim.Inbound{Body: "hello", From: number(0)})
	open := s.conversation(t, number(0))
	var group sync.WaitGroup
	begin := make(chan struct{})
	run := func(work func()) {
		group.Add(1)
		go func() {
			defer group.Done()
			<-begin
			work()
		}()
	}
	check := func(r *apitest.Response, err error) {
		if err != nil || r.Status != http.StatusCreated && r.Status != http.StatusConflict {
			t.Errorf("%v %v", r, err)
		}
	}
	for n := range 8 {
		run(func() {
			check(s.admin.Try(http.MethodPost, s.at.Path("/messages"), apitest.Body{"channel_id": s.line.ChannelID, "to": number(1 + n), "body": "x"}))
		})
		run(func() {
			check(s.manager.Try(http.MethodPost, s.at.Path("/interactions/%s/messages", open), apitest.Body{"body": "x"}))
		})
	}
	var taken *apitest.Response
	run(func() {
		taken, _ = s.tree.L2.Admin.Try(http.MethodPost, s.tree.L2.Path("/numbers/%s/reclaim", s.numberID), apitest.Body{"force": true})
	})
	close(begin)
	group.Wait()
	if taken == nil {
		t.Fatal("the number was not taken away")
	}
	taken.Want(t, http.StatusOK)
	wantCount(t, s.Platform, 0, "SELECT count(*) FROM interactions WHERE channel_id = $1 AND status <> 'closed'", s.line.ChannelID)
	wantCount(t, s.Platform, 0, "SELECT count(*) FROM messages WHERE channel_id = $1 AND status = 'queued'", s.line.ChannelID)
	// What was canceled was given back.
	wantCount(t, s.Platform, 0, "SELECT coalesce(sum(used), 0) FROM usage_counters WHERE tenant_id = $1 AND quota = 'messages_per_month'", s.at.ID)
}

// Who would write while a number is being taken away waits for the outcome, and
// is told; nothing of his stays behind.
//
// Covers: CHN-06
func TestASenderWaitsForWhoeverTakesTheNumberAway(t *testing.T) {
	t.Parallel()
	s := sceneWith(t, provider.Scopserv)
	s.Receive(t, s.line, sim.Inbound{Body: "hello", From: number(1)})
	open := s.conversation(t, number(1))
	owner := s.Database.Owner(t)
	taking, err := owner.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taking.Rollback() }()
	for _, statement := range []string{
		"SELECT FROM channels WHERE id = $1 FOR UPDATE",
		"UPDATE interactions SET status = 'closed' WHERE channel_id = $1",
		"UPDATE channels SET status = 'released', due_at = NULL WHERE id = $1",
	} {
		if _, err := taking.ExecContext(t.Context(), statement, s.line.ChannelID); err != nil {
			t.Fatal(err)
		}
	}
	answers := make(chan *apitest.Response, 2)
	send := func(by *apitest.Client, path string, body apitest.Body) {
		r, err := by.Try(http.MethodPost, path, body)
		if err != nil {
			r = &apitest.Response{Content: []byte(err.Error())}
		}
		answers <- r
	}
	go send(s.admin, s.at.Path("/messages"), apitest.Body{"channel_id": s.line.ChannelID, "to": number(2), "body": "x"})
	go send(s.manager, s.at.Path("/interactions/%s/messages", open), apitest.Body{"body": "x"})
	const waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
	for s.Count(t, waiting) < 2 {
		select {
		case r := <-answers:
			t.Fatalf("somebody did not wait: %d %s", r.Status, r.Content)
		default:
		}
	}
	if err := taking.Commit(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		(<-answers).WantProblem(t, http.StatusConflict, "channel_inactive", "")
	}
	wantCount(t, s.Platform, 0, "SELECT count(*) FROM messages WHERE direction = 'outbound'")
	wantCount(t, s.Platform, 0, "SELECT count(*) FROM interactions WHERE status <> 'closed'")
}

// history is who held a number, oldest first, as "name cause ended".
func (s *scene) history(t *testing.T, by *apitest.Client, at apitest.Tenant, names map[uuid.UUID]string) []string {
	t.Helper()
	var out []string
	next := "?limit=2"
	for next != "" {
		r := by.Get(t, at.Path("/numbers/%s/history%s", s.numberID, next)).Want(t, http.StatusOK)
		for _, item := range r.Items(t) {
			h := item.(map[string]any)
			name := names[uuid.MustParse(h["holder_id"].(string))]
			out = append(out, fmt.Sprintf("%s %s %t", name, h["cause"], h["ended_at"] != nil))
		}
		next = ""
		if strings.Contains(string(r.Content), "next_cursor") {
			next = "?limit=2&cursor=" + r.String(t, "next_cursor")
		}
	}
	slices.Reverse(out)
	return out
}

// Covers: CHN-01 CHN-02 CHN-03 CHN-05
func TestANumberMovesInOneStep(t *testing.T) {
	t.Parallel()
	s := sceneWith(t, provider.Scopserv)
	operator := apitest.Tenant{ID: s.OperatorTenant(), Admin: s.tree.Operator}
	names := map[uuid.UUID]string{
		operator.ID: "operator", s.tree.L1.ID: "l1", s.tree.L2.ID: "l2", s.at.ID: "customer", s.tree.Other.ID: "other",
	}
	down := []string{"l1 assigned true", "l2 assigned true", "customer assigned true"}
	move := func(by apitest.Tenant, body apitest.Body) *apitest.Response {
		return by.Admin.Post(t, by.Path("/numbers/%s/move", s.numberID), body)
	}
	// Not to where the caller does not reach, and not to where it is.
	for _, foreign := range []uuid.UUID{s.tree.Other.ID, s.tree.L1.ID, uuid.New()} {
		move(s.tree.L2, apitest.Body{"tenant_id": foreign}).WantProblem(t, unprocessable, "not_found", "body.tenant_id")
	}
	move(s.tree.L2, apitest.Body{"tenant_id": s.at.ID}).WantProblem(t, http.StatusConflict, "wrong_state", "")

	s.Receive(t, s.line, sim.Inbound{Body: "hello"})
	refused := move(s.tree.L1, apitest.Body{"tenant_id": s.tree.Other.ID}).WantProblem(t, http.StatusConflict, "interactions_open", "")
	if n := refused.Int(t, "open_interactions"); n != 1 {
		t.Errorf("%d open interactions", n)
	}
	// The clock stands still: the carrier's list does not tell which of the
	// holders a message is for, but the former one has heard it.
	if got := move(s.tree.L1, apitest.Body{"tenant_id": s.tree.Other.ID, "force": true}).Want(t, http.StatusOK).ID(t, "holder_id"); got != s.tree.Other.ID {
		t.Errorf("the holder is %s", names[got])
	}
	s.Receive(t, s.line, sim.Inbound{Body: "to the other"})
	if got := texts(t, s.tree.Other.Admin.Get(t, s.tree.Other.Path("/interactions")), "preview"); !slices.Equal(got, []string{"to the other"}) {
		t.Errorf("the new holder has %q", got)
	}
	hops := []string{"l2 reclaimed true", "l1 reclaimed true", "other assigned false"}
	if got := s.history(t, s.tree.L1.Admin, s.tree.L1, names); !slices.Equal(got, append(slices.Clone(down), hops...)) {
		t.Errorf("l1 is told %q", got)
	}
	if got := s.history(t, s.tree.Operator, operator, names); got[0] != "operator added true" || len(got) != 7 {
		t.Errorf("the operator is told %q", got)
	}
	// Where it is no more, it is not there.
	s.tree.L2.Admin.Get(t, s.tree.L2.Path("/numbers/%s/history", s.numberID)).WantProblem(t, http.StatusNotFound, "not_found", "")
	s.tree.L2.Admin.Get(t, s.tree.L2.Path("/numbers/%s", s.numberID)).WantProblem(t, http.StatusNotFound, "not_found", "")

	// Back in the first branch nobody there learns where it was.
	s.Clock.Advance(2 * time.Second)
	move(s.tree.L1, apitest.Body{"tenant_id": s.at.ID, "force": true}).Want(t, http.StatusOK)
	want := []string{"l2 assigned true", "customer assigned true", "l2 reclaimed true", "l2 assigned true", "customer assigned false"}
	if got := s.history(t, s.tree.L2.Admin, s.tree.L2, names); !slices.Equal(got, want) {
		t.Errorf("l2 is told %q", got)
	}
	// A node's own: the way up alone.
	if got := move(s.tree.L1, apitest.Body{"tenant_id": s.tree.L1.ID}).Want(t, http.StatusOK).ID(t, "holder_id"); got != s.tree.L1.ID {
		t.Errorf("the holder is %s", names[got])
	}
}

// Covers: CHN-04 CHN-05
func TestAResellerGivesANumberBack(t *testing.T) {
	t.Parallel()
	s := sceneWith(t, provider.Scopserv)
	path := func(at apitest.Tenant) string { return at.Path("/numbers/%s/return", s.numberID) }
	s.at.Admin.Post(t, path(s.at), nil).WantProblem(t, http.StatusForbidden, "forbidden", "")
	// It is with the customer: it has to be reclaimed first.
	s.tree.L2.Admin.Post(t, path(s.tree.L2), nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.tree.L2.Admin.Post(t, s.tree.L2.Path("/numbers/%s/reclaim", s.numberID), nil).Want(t, http.StatusOK)
	channel := s.tree.L2.Admin.Get(t, s.tree.L2.Path("/channels")).Want(t, http.StatusOK).ID(t, "items.0.id")
	s.tree.L2.Admin.Post(t, s.tree.L2.Path("/messages"), apitest.Body{"channel_id": channel, "to": number(1), "body": "x"}).Want(t, http.StatusCreated)

	s.tree.L2.Admin.Post(t, path(s.tree.L2), nil).WantProblem(t, http.StatusConflict, "interactions_open", "")
	s.tree.L2.Admin.Post(t, path(s.tree.L2), apitest.Body{"force": true}).Want(t, http.StatusNoContent)
	s.tree.L2.Admin.Post(t, path(s.tree.L2), apitest.Body{"force": true}).WantProblem(t, http.StatusNotFound, "not_found", "")
	s.tree.L2.Admin.Get(t, s.tree.L2.Path("/numbers/%s", s.numberID)).WantProblem(t, http.StatusNotFound, "not_found", "")
	if got := texts(t, s.tree.L1.Admin.Get(t, s.tree.L1.Path("/numbers?view=mine")), "id"); !slices.Equal(got, []string{s.numberID}) {
		t.Errorf("l1 has %q", got)
	}
	names := map[uuid.UUID]string{s.tree.L1.ID: "l1", s.tree.L2.ID: "l2", s.at.ID: "customer"}
	got := s.history(t, s.tree.L1.Admin, s.tree.L1, names)
	want := []string{"l1 assigned true", "l2 assigned true", "customer assigned true", "l2 reclaimed true", "l1 returned false"}
	if !slices.Equal(got, want) {
		t.Errorf("l1 is told %q", got)
	}
	// L1 gives it back to the operator, who has nobody above.
	s.tree.L1.Admin.Post(t, path(s.tree.L1), nil).Want(t, http.StatusNoContent)
	operator := apitest.Tenant{ID: s.OperatorTenant()}
	s.tree.Operator.Post(t, path(operator), nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	if got := texts(t, s.tree.L1.Admin.Get(t, s.tree.L1.Path("/numbers")), "id"); len(got) != 0 {
		t.Errorf("l1 sees %q", got)
	}
}

// Covers: CHN-03 CHN-04 CHN-07
func TestTheViewsOfNumbers(t *testing.T) {
	t.Parallel()
	s := sceneWith(t, provider.Scopserv)
	own := apitest.NewAddress()
	operator := apitest.Tenant{ID: s.OperatorTenant()}
	kept := s.tree.Operator.Post(t, operator.Path("/numbers"), apitest.Body{
		"address": own, "provider": "scopserv", "credentials": s.Carrier(own, ""),
	}).Want(t, http.StatusCreated).String(t, "id")
	s.tree.Operator.Post(t, operator.Path("/numbers/%s/move", kept), apitest.Body{"tenant_id": s.tree.L1.ID}).Want(t, http.StatusOK)
	for query, want := range map[string][]string{
		"":                               {s.numberID, kept},
		"?view=mine":                     {kept},
		"?view=shared":                   {s.numberID},
		"?address=" + escape(own):        {kept},
		"?address=%2B1514":               nil,
		"?address_prefix=%2B1514":        {s.numberID, kept},
		"?address_prefix=%2B1999":        nil,
		"?provider=scopserv&view=mine":   {kept},
		"?holder_id=" + s.at.ID.String(): {s.numberID},
		"?holder_id=" + uuid.NewString(): nil,
		"?status=active&limit=200":       {s.numberID, kept},
		"?status=inactive":               nil,
	} {
		if got := texts(t, s.tree.L1.Admin.Get(t, s.tree.L1.Path("/numbers%s", query)), "id"); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	// What was handed down has left the reseller's own channels.
	if got := texts(t, s.tree.L1.Admin.Get(t, s.tree.L1.Path("/channels")), "address"); !slices.Equal(got, []string{own}) {
		t.Errorf("l1 has the channels %q", got)
	}
	if got := texts(t, s.at.Admin.Get(t, s.at.Path("/channels")), "status"); !slices.Equal(got, []string{"active"}) {
		t.Errorf("the customer's channels are %q", got)
	}
}

// Covers: CHN-01
func TestTheOperatorKeepsTheInventory(t *testing.T) {
	t.Parallel()
	s := sceneWith(t, provider.Scopserv)
	operator := apitest.Tenant{ID: s.OperatorTenant(), Admin: s.tree.Operator}
	path := operator.Path("/numbers/%s", s.numberID)
	// Switched off it receives and does not send, whoever holds it.
	waiting := s.send(t, number(1), "waits")
	s.tree.Operator.Patch(t, path, apitest.Body{"status": "inactive"}).Want(t, http.StatusOK)
	if r := s.admin.Get(t, s.at.Path("/channels/%s", s.line.ChannelID)); r.Value(t, "blocked") != true || r.String(t, "status") != "active" {
		t.Errorf("the channel is %s", r.Content)
	}
	s.admin.Patch(t, s.at.Path("/channels/%s", s.line.ChannelID), apitest.Body{"status": "active"}).Want(t, http.StatusOK)
	s.Work(t)
	s.wantMessage(t, waiting, "failed", "channel_inactive")
	s.admin.Post(t, s.at.Path("/messages"), apitest.Body{"channel_id": s.line.ChannelID, "to": number(2), "body": "x"}).
		WantProblem(t, http.StatusConflict, "channel_inactive", "")
	s.Receive(t, s.line, sim.Inbound{Body: "still heard", From: number(3)})
	s.conversation(t, number(3))
	s.Clock.Advance(2 * time.Second)
	s.tree.Operator.Post(t, operator.Path("/numbers/%s/move", s.numberID), apitest.Body{"tenant_id": s.tree.Other.ID, "force": true}).Want(t, http.StatusOK)
	if r := s.tree.Other.Admin.Get(t, s.tree.Other.Path("/channels")); r.Value(t, "items.0.blocked") != true {
		t.Errorf("the new holder's channel is %s", r.Content)
	}
	etag := s.tree.Operator.Patch(t, path, apitest.Body{"status": "active"}).Want(t, http.StatusOK).Header.Get("ETag")
	s.tree.Operator.Patch(t, path, apitest.Body{"status": "active"}, apitest.Header{"If-Match": `"1"`}).WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	s.tree.Operator.Patch(t, path, apitest.Body{"status": "active"}, apitest.Header{"If-Match": etag}).Want(t, http.StatusOK)

	// Credentials are tried first.
	s.tree.Operator.Patch(t, path, apitest.Body{"credentials": apitest.Body{"account": "operator", "secret": "0123456789abcdef-wrong"}}).
		WantProblem(t, unprocessable, "credentials_rejected", "body.credentials")
	s.tree.Operator.Patch(t, path, apitest.Body{"credentials": apitest.Body{"account": "operator"}}).
		WantProblem(t, unprocessable, "validation_failed", "body.credentials.secret")
	s.tree.Operator.Patch(t, path, apitest.Body{"credentials": s.Carrier(s.line.Address, s.line.Account.InboundURL)}).Want(t, http.StatusOK)
	s.Receive(t, s.line, sim.Inbound{Body: "with the new ones", From: number(4)})
	if got := texts(t, s.tree.Other.Admin.Get(t, s.tree.Other.Path("/interactions")), "preview"); !slices.Equal(got, []string{"with the new ones"}) {
		t.Errorf("the holder has %q", got)
	}

	// Retired: out of the inventory, and its address free.
	retire := operator.Path("/numbers/%s/retire", s.numberID)
	s.tree.Operator.Post(t, retire, nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.tree.Operator.Post(t, operator.Path("/numbers/%s/reclaim", s.numberID), apitest.Body{"force": true}).Want(t, http.StatusOK)
	again := apitest.Body{"address": s.line.Address, "provider": "scopserv", "credentials": s.Carrier(s.line.Address, "")}
	s.tree.Operator.Post(t, operator.Path("/numbers"), again).WantProblem(t, http.StatusConflict, "number_taken", "body.address")
	if r := s.tree.Operator.Post(t, retire, nil).Want(t, http.StatusOK); r.String(t, "status") != "retired" || r.String(t, "retired_at") == "" {
		t.Errorf("the number is %s", r.Content)
	}
	s.tree.Operator.Post(t, retire, nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.tree.Operator.Patch(t, path, apitest.Body{"status": "active"}).WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.tree.Operator.Post(t, operator.Path("/numbers/%s/assign", s.numberID), apitest.Body{"tenant_id": s.tree.L1.ID}).
		WantProblem(t, http.StatusConflict, "wrong_state", "")
	if got := texts(t, s.tree.Operator.Get(t, operator.Path("/numbers")), "id"); len(got) != 0 {
		t.Errorf("the inventory is %q", got)
	}
	if got := texts(t, s.tree.Operator.Get(t, operator.Path("/numbers?status=retired")), "id"); !slices.Equal(got, []string{s.numberID}) {
		t.Errorf("retired are %q", got)
	}
	s.tree.Operator.Post(t, operator.Path("/numbers"), again).Want(t, http.StatusCreated)
	// Only in the operator's own tenant, and by nobody else.
	s.tree.Operator.Patch(t, s.tree.L1.Path("/numbers/%s", s.numberID), apitest.Body{"status": "active"}).
		WantProblem(t, http.StatusForbidden, "forbidden", "")
	s.tree.L1.Admin.Patch(t, s.tree.L1.Path("/numbers/%s", s.numberID), apitest.Body{"status": "active"}).
		WantProblem(t, http.StatusForbidden, "forbidden", "")
}

// verdicts asks for some addresses whether a tenant may send them bulk messages
// over its first channel.
func verdicts(t *testing.T, at apitest.Tenant, addresses ...string) []string {
	t.Helper()
	channel := at.Admin.Get(t, at.Path("/channels")).Want(t, http.StatusOK).String(t, "items.0.id")
	return texts(t, at.Admin.Post(t, at.Path("/opt-outs/check"), apitest.Body{"channel_id": channel, "addresses": addresses}), "bulk")
}

// STOP to a number holds for whoever has the number next, who is told that and
// nothing more; START to it ends it under any holder.
//
// Covers: OPT-03
func TestSuppressionSurvivesAMove(t *testing.T) {
	t.Parallel()
	s := sceneWith(t, provider.Scopserv)
	move := func(to apitest.Tenant) {
		t.Helper()
		s.Clock.Advance(2 * time.Second)
		s.tree.L1.Admin.Post(t, s.tree.L1.Path("/numbers/%s/move", s.numberID), apitest.Body{"tenant_id": to.ID, "force": true}).Want(t, http.StatusOK)
	}
	want := func(at apitest.Tenant, verdict ...string) {
		t.Helper()
		if got := verdicts(t, at, number(1), number(2), number(3)); !slices.Equal(got, verdict) {
			t.Errorf("%q, want %q", got, verdict)
		}
	}
	s.Receive(t, s.line, sim.Inbound{Body: "STOP", From: number(1)})
	s.Receive(t, s.line, sim.Inbound{Body: "stop", From: number(2)})
	want(s.at, "opted_out", "opted_out", "allowed")
	move(s.tree.Other)
	want(s.tree.Other, "suppressed", "suppressed", "allowed")
	if r := s.tree.Other.Admin.Get(t, s.tree.Other.Path("/opt-outs?view=all")).Want(t, http.StatusOK); len(r.Items(t)) != 0 {
		t.Errorf("the new holder is told %s", r.Content)
	}
	// An answer to one person is not stopped (decisions C-25).
	channel := s.tree.Other.Admin.Get(t, s.tree.Other.Path("/channels")).String(t, "items.0.id")
	s.tree.Other.Admin.Post(t, s.tree.Other.Path("/messages"), apitest.Body{"channel_id": channel, "to": number(1), "body": "hello"}).Want(t, http.StatusCreated)
	s.Work(t)
	if len(s.accepted(number(1))) != 1 {
		t.Error("a live message was stopped")
	}
	// STOP again, to the new holder: his own opt-out.
	s.Receive(t, s.line, sim.Inbound{Body: "STOP", From: number(2)})
	want(s.tree.Other, "suppressed", "opted_out", "allowed")
	// START to the new holder: over for everybody.
	s.Receive(t, s.line, sim.Inbound{Body: "START", From: number(1)})
	s.Receive(t, s.line, sim.Inbound{Body: "START", From: number(1)})
	want(s.tree.Other, "allowed", "opted_out", "allowed")
	move(s.at)
	want(s.at, "allowed", "suppressed", "allowed")
	// A line of another's has nothing to do with it.
	line := s.TwilioLine(t, s.tree.L2)
	r := s.tree.L2.Admin.Post(t, s.tree.L2.Path("/opt-outs/check"), apitest.Body{"channel_id": line.ChannelID, "addresses": []string{number(2)}})
	if got := texts(t, r, "bulk"); !slices.Equal(got, []string{"allowed"}) {
		t.Errorf("another line says %q", got)
	}
}
