package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider/sim"
)

// limit sets quotas of a tenant, as the operator.
func (s *scene) limit(t *testing.T, at apitest.Tenant, body apitest.Body) {
	t.Helper()
	s.tree.Operator.Patch(t, at.Path("/quotas"), body).Want(t, http.StatusOK)
}

// wantUsage checks what a tenant has used of a quota, and its limit; nil is
// none.
func (s *scene) wantUsage(t *testing.T, quota string, used int, limit any) *apitest.Response {
	t.Helper()
	r := s.admin.Get(t, s.at.Path("/usage")).Want(t, http.StatusOK)
	if n, ok := limit.(int); ok {
		limit = float64(n)
	}
	if r.Int(t, quota+".used") != used || r.Value(t, quota+".limit") != limit {
		t.Errorf("%s: %v of %v used, want %d of %v", quota, r.Value(t, quota+".used"), r.Value(t, quota+".limit"), used, limit)
	}
	return r
}

// wantEvents checks how often something was told in the tenant's log.
func (s *scene) wantEvents(t *testing.T, kind, quota string, want int) {
	t.Helper()
	wantCount(t, s.Platform, want, "SELECT count(*) FROM events WHERE tenant_id = $1 AND type = $2 AND data->>'quota' = $3", s.at.ID, kind, quota)
}

// start sends a message without asking how it goes.
func (s *scene) start(t *testing.T, to, body string) *apitest.Response {
	t.Helper()
	return s.admin.Post(t, s.at.Path("/messages"), apitest.Body{"channel_id": s.line.ChannelID, "to": to, "body": body})
}

// again signs a client in anew, for tests that move the clock by weeks.
func (s *scene) again(t *testing.T, c *apitest.Client) *apitest.Client {
	t.Helper()
	return s.Login(t, s.Text(t, "SELECT login FROM users WHERE id = $1", c.UserID))
}

// The least limit of the path holds, and nobody gives more than he has.
func TestQuotasAreCeilings(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	tree := s.tree
	set := func(by *apitest.Client, at apitest.Tenant, value any) *apitest.Response {
		t.Helper()
		return by.Patch(t, at.Path("/quotas"), apitest.Body{"messages_per_month": value})
	}
	want := func(at apitest.Tenant, own, effective any) {
		t.Helper()
		r := at.Admin.Get(t, at.Path("/quotas")).Want(t, http.StatusOK)
		for path, want := range map[string]any{"messages_per_month.limit": own, "messages_per_month.effective": effective} {
			if got := r.Value(t, path); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s is %v, want %v", path, got, want)
			}
		}
	}
	want(tree.Customer, nil, nil)
	set(tree.L2.Admin, tree.Customer, 900).Want(t, http.StatusOK)
	set(tree.Operator, tree.L1, 500).Want(t, http.StatusOK)
	want(tree.L1, 500, 500)
	want(tree.L2, nil, 500)
	want(tree.Customer, 900, 500)
	set(tree.L2.Admin, tree.Customer, 900).Want(t, http.StatusOK) // as it is
	r := set(tree.L2.Admin, tree.Customer, 501).WantProblem(t, unprocessable, "limit_too_high", "body.messages_per_month")
	if r.String(t, "quota") != "messages_per_month" {
		t.Errorf("the problem is %s", r.Content)
	}
	set(tree.L2.Admin, tree.Customer, 500).Want(t, http.StatusOK)
	want(tree.Customer, 500, 500)
	set(tree.L1.Admin, tree.L2, 0).Want(t, http.StatusOK)
	want(tree.Customer, 500, 0)
	set(tree.L1.Admin, tree.L2, nil).Want(t, http.StatusOK)
	set(tree.L2.Admin, tree.Customer, nil).Want(t, http.StatusOK)
	want(tree.Customer, nil, 500)
	want(tree.Other, nil, 500)

	set(tree.L1.Admin, tree.L1, nil).WantProblem(t, http.StatusForbidden, "forbidden", "")
	set(tree.Operator, apitest.Tenant{ID: s.OperatorTenant()}, 5).WantProblem(t, http.StatusForbidden, "forbidden", "")
	set(tree.Customer.Admin, tree.Customer, 5).WantProblem(t, http.StatusForbidden, "forbidden", "")
	for _, wrong := range []any{-1, 1.5, "many", 1 << 51, true} {
		set(tree.L2.Admin, tree.Customer, wrong).WantProblem(t, unprocessable, "validation_failed", "body.messages_per_month")
	}
	tree.L2.Admin.Patch(t, tree.Customer.Path("/quotas"), apitest.Body{"used": 0}).
		WantProblem(t, unprocessable, "validation_failed", "body.used")
}

// Covers: LIC-02
func TestMessagesAreCountedInSegments(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	s.wantUsage(t, "messages_per_month", 0, nil)
	s.send(t, number(1), strings.Repeat("a", 161)) // two segments, without a limit
	s.limit(t, s.at, apitest.Body{"messages_per_month": 10})
	s.wantUsage(t, "messages_per_month", 2, 10)

	// A repeated request counts once, and so does one with the same id.
	once := apitest.Header{"Idempotency-Key": "once"}
	body := apitest.Body{"channel_id": s.line.ChannelID, "to": number(1), "body": "x", "client_message_id": "order-1"}
	for range 2 {
		s.admin.Post(t, s.at.Path("/messages"), body, once).Want(t, http.StatusCreated)
		s.admin.Post(t, s.at.Path("/messages"), body).Want(t, http.StatusCreated)
	}
	s.wantUsage(t, "messages_per_month", 3, 10)
	// Refused messages, previews and inbound ones do not count.
	s.start(t, number(1), "").WantProblem(t, unprocessable, "empty_message", "body.body")
	s.admin.Post(t, s.at.Path("/messages/preview"), apitest.Body{"body": "x"}).Want(t, http.StatusOK)
	s.Receive(t, s.line, sim.Inbound{From: number(2), Body: strings.Repeat("b", 300)})
	s.manager.Post(t, s.at.Path("/interactions/%s/messages", s.conversation(t, number(2))), apitest.Body{"body": "reply"}).Want(t, http.StatusCreated)
	s.wantUsage(t, "messages_per_month", 4, 10)

	s.start(t, number(3), strings.Repeat("a", 500)).Want(t, http.StatusCreated) // 4 segments
	// Three are wanted and two are left: all or nothing, and no trace.
	messages := s.Count(t, "SELECT count(*) FROM messages")
	refused := s.start(t, number(4), strings.Repeat("a", 400)).WantProblem(t, http.StatusTooManyRequests, "quota_exceeded", "")
	if refused.String(t, "quota") != "messages_per_month" || refused.String(t, "type") != "https://iana.org/assignments/http-problem-types#quota-exceeded" {
		t.Errorf("the problem is %s", refused.Content)
	}
	wantCount(t, s.Platform, messages, "SELECT count(*) FROM messages")
	wantCount(t, s.Platform, 0, "SELECT count(*) FROM interactions WHERE address = $1", number(4))
	s.wantUsage(t, "messages_per_month", 8, 10)
	s.start(t, number(4), strings.Repeat("a", 161)).Want(t, http.StatusCreated)
	s.wantUsage(t, "messages_per_month", 10, 10)
	s.start(t, number(4), "x").WantProblem(t, http.StatusTooManyRequests, "quota_exceeded", "")

	// Retry-After leads to the end of the month in Toronto: the 1st of April,
	// midnight, in summer time. It is the 7th of March, 15:04:05 UTC.
	ends := time.Date(2026, 4, 1, 4, 0, 0, 0, time.UTC)
	if got := refused.Header.Get("Retry-After"); got != strconv.Itoa(int(ends.Sub(s.Clock.Now()).Seconds())) {
		t.Errorf("Retry-After is %s", got)
	}
	if r := s.wantUsage(t, "messages_per_month", 10, 10); r.String(t, "messages_per_month.resets_at") != "2026-04-01T04:00:00Z" || r.String(t, "month") != "2026-03" {
		t.Errorf("the usage is %s", r.Content)
	}
	// A limit below what was used refuses, and a greater one lets through.
	s.limit(t, s.at, apitest.Body{"messages_per_month": 5})
	s.start(t, number(4), "x").WantProblem(t, http.StatusTooManyRequests, "quota_exceeded", "")
	s.limit(t, s.tree.L1, apitest.Body{"messages_per_month": 11})
	s.limit(t, s.at, apitest.Body{"messages_per_month": nil})
	s.start(t, number(4), "x").Want(t, http.StatusCreated)
	s.start(t, number(4), "x").WantProblem(t, http.StatusTooManyRequests, "quota_exceeded", "")
}

// What no provider took over is given back; what may have been sent is not.
func TestSegmentsOfWhatWasNotTakenAreGivenBack(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	s.limit(t, s.at, apitest.Body{"messages_per_month": 2})
	s.script(t, number(1), sim.Script{Behaviour: sim.Reject, Code: "21211", Times: 2})
	failed := s.send(t, number(1), strings.Repeat("a", 161))
	s.wantUsage(t, "messages_per_month", 2, 2)
	s.admin.Post(t, s.at.Path("/messages/%s/resend", failed), nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.Work(t)
	s.wantMessage(t, failed, "failed", "21211")
	s.wantUsage(t, "messages_per_month", 0, 2)

	// A resend is a message of its own.
	again := s.admin.Post(t, s.at.Path("/messages/%s/resend", failed), nil).Want(t, http.StatusCreated).String(t, "id")
	s.wantUsage(t, "messages_per_month", 2, 2)
	s.Work(t)
	s.wantMessage(t, again, "failed", "21211")
	s.wantUsage(t, "messages_per_month", 0, 2)

	// One that waits too long: the tenant is suspended for five hours.
	late := s.send(t, number(2), "too late")
	suspend := func(status string) {
		t.Helper()
		s.tree.L2.Admin.Patch(t, s.at.Path(""), apitest.Body{"status": status}).Want(t, http.StatusOK)
	}
	suspend("suspended")
	s.Advance(t, 5*time.Hour)
	suspend("active")
	s.Advance(t, time.Minute)
	s.wantMessage(t, late, "expired", "expired")
	s.wantUsage(t, "messages_per_month", 0, 2)

	// A message that was delivered, or whose fate nobody knows, stays counted.
	s.send(t, number(3), "arrives")
	s.script(t, number(4), sim.Script{Behaviour: sim.Garbage2xxNotAccepted, Times: 9})
	lost := s.send(t, number(4), "nobody knows")
	s.Work(t)
	for range 6 {
		s.Advance(t, time.Minute)
	}
	s.wantMessage(t, lost, "failed", "submission_unknown")
	s.wantUsage(t, "messages_per_month", 2, 2)
	s.admin.Post(t, s.at.Path("/messages/%s/resend", lost), nil).WantProblem(t, http.StatusTooManyRequests, "quota_exceeded", "")
	wantCount(t, s.Platform, 0, "SELECT count(*) FROM messages WHERE resent_of_id = $1", lost)
}

// Where the channel sends again what got lost, the quota holds as well, and
// nothing of the refused message is left behind.
func TestARepetitionByTheProgramIsCounted(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	s.admin.Patch(t, s.at.Path("/channels/%s", s.line.ChannelID), apitest.Body{"on_unknown": "resend"}).Want(t, http.StatusOK)
	s.limit(t, s.at, apitest.Body{"messages_per_month": 1})
	s.script(t, number(1), sim.Script{Behaviour: sim.Garbage2xxNotAccepted, Times: 1})
	lost := s.send(t, number(1), "nobody knows")
	s.Work(t)
	for range 6 {
		s.Advance(t, time.Minute)
	}
	s.wantMessage(t, lost, "failed", "submission_unknown")
	wantCount(t, s.Platform, 1, "SELECT count(*) FROM messages")
	s.wantUsage(t, "messages_per_month", 1, 1)
}

// Forty at once share the last ten segments, and the warnings come once.
func TestAQuotaIsNeverOverspent(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	s.limit(t, s.at, apitest.Body{"messages_per_month": 30})
	for i := range 20 {
		s.send(t, number(i), "before")
	}
	s.wantEvents(t, "quota.warning", "messages_per_month", 0)
	var group sync.WaitGroup
	answers := make([]*apitest.Response, 40)
	errs := make([]error, 40)
	for i := range answers {
		group.Go(func() {
			answers[i], errs[i] = s.admin.Try(http.MethodPost, s.at.Path("/messages"),
				apitest.Body{"channel_id": s.line.ChannelID, "to": number(100 + i), "body": "at once"})
		})
	}
	group.Wait()
	created, exceeded := 0, 0
	for i, r := range answers {
		switch {
		case errs[i] != nil:
			t.Fatal(errs[i])
		case r.Status == http.StatusCreated:
			created++
		case r.Status == http.StatusTooManyRequests && r.String(t, "code") == "quota_exceeded":
			exceeded++
		default:
			t.Errorf("answer %d: %d %s", i, r.Status, r.Content)
		}
	}
	if created != 10 || exceeded != 30 {
		t.Errorf("%d were accepted and %d refused", created, exceeded)
	}
	wantCount(t, s.Platform, 30, "SELECT count(*) FROM messages")
	s.wantUsage(t, "messages_per_month", 30, 30)
	s.wantEvents(t, "quota.warning", "messages_per_month", 1)
	s.wantEvents(t, "quota.reached", "messages_per_month", 1)
	var told struct {
		Used, Limit int
		ResetsAt    time.Time `json:"resets_at"`
	}
	data := s.Text(t, "SELECT data FROM events WHERE type = 'quota.warning'")
	if err := json.Unmarshal([]byte(data), &told); err != nil || told.Used != 24 || told.Limit != 30 || told.ResetsAt.IsZero() {
		t.Errorf("the warning says %s", data)
	}
	// Another limit in the same month is told of anew.
	s.limit(t, s.at, apitest.Body{"messages_per_month": 32})
	s.send(t, number(1), "more")
	s.send(t, number(1), "more")
	s.wantEvents(t, "quota.warning", "messages_per_month", 2)
	s.wantEvents(t, "quota.reached", "messages_per_month", 2)
}

// A month begins and ends at midnight of the tenant's time zone, whatever the
// clocks do on that day.
func TestAMonthIsTheTenants(t *testing.T) {
	t.Parallel()
	for zone, month := range map[string]struct{ last, first time.Time }{
		"America/Toronto": { // the clocks go forward within March
			time.Date(2026, 4, 1, 3, 59, 59, 0, time.UTC), time.Date(2026, 4, 1, 4, 0, 0, 0, time.UTC),
		},
		"America/Havana": { // on the 1st of November midnight comes twice
			time.Date(2026, 11, 1, 3, 59, 59, 0, time.UTC), time.Date(2026, 11, 1, 4, 0, 0, 0, time.UTC),
		},
		"Australia/Lord_Howe": { // half an hour of summer time
			time.Date(2026, 4, 30, 13, 29, 59, 0, time.UTC), time.Date(2026, 4, 30, 13, 30, 0, 0, time.UTC),
		},
		"Pacific/Kiritimati": { // fourteen hours ahead
			time.Date(2026, 3, 31, 9, 59, 59, 0, time.UTC), time.Date(2026, 3, 31, 10, 0, 0, 0, time.UTC),
		},
	} {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			s := twilio(t)
			s.admin.Patch(t, s.at.Path(""), apitest.Body{"time_zone": zone}).Want(t, http.StatusOK)
			s.limit(t, s.at, apitest.Body{"messages_per_month": 1})
			s.Clock.Advance(month.last.Sub(s.Clock.Now()))
			s.admin = s.again(t, s.admin)
			s.send(t, number(1), "the last one")
			refused := s.start(t, number(1), "x").WantProblem(t, http.StatusTooManyRequests, "quota_exceeded", "")
			if refused.Header.Get("Retry-After") != "1" {
				t.Errorf("Retry-After is %s", refused.Header.Get("Retry-After"))
			}
			before := s.wantUsage(t, "messages_per_month", 1, 1)
			if at := before.String(t, "messages_per_month.resets_at"); at != month.first.Format(time.RFC3339) {
				t.Errorf("the month ends at %s", at)
			}
			s.Clock.Advance(month.first.Sub(s.Clock.Now()))
			s.wantUsage(t, "messages_per_month", 0, 1)
			s.send(t, number(1), "the first one")
			s.Clock.Advance(90 * time.Minute) // past a second midnight
			s.start(t, number(1), "x").WantProblem(t, http.StatusTooManyRequests, "quota_exceeded", "")

			months := s.admin.Get(t, s.at.Path("/usage/months")).Want(t, http.StatusOK)
			if len(months.Items(t)) != 2 || months.String(t, "items.1.month") != before.String(t, "month") || months.Int(t, "items.1.messages") != 1 {
				t.Errorf("the months are %s", months.Content)
			}
			page := s.admin.Get(t, s.at.Path("/usage/months?limit=1")).Want(t, http.StatusOK)
			rest := s.admin.Get(t, s.at.Path("/usage/months?limit=1&cursor=%s", page.String(t, "next_cursor"))).Want(t, http.StatusOK)
			if rest.String(t, "items.0.month") != before.String(t, "month") || strings.Contains(string(rest.Content), "next_cursor") {
				t.Errorf("the second page is %s", rest.Content)
			}
		})
	}
}

// Covers: LIC-02
func TestSeatsAreCounted(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	there := s.wantUsage(t, "seats", 4, nil).Int(t, "seats.used") // those of the tree
	s.limit(t, s.at, apitest.Body{"seats": there + 5})
	var group sync.WaitGroup
	answers := make([]*apitest.Response, 12)
	errs := make([]error, 12)
	for i := range answers {
		group.Go(func() {
			body := newUser("agent")
			body["login"] = fmt.Sprintf("seat-%d@seats.example", i)
			answers[i], errs[i] = s.admin.Try(http.MethodPost, s.at.Path("/users"), body)
		})
	}
	group.Wait()
	var users []string
	for i, r := range answers {
		switch {
		case errs[i] != nil:
			t.Fatal(errs[i])
		case r.Status == http.StatusCreated:
			users = append(users, r.String(t, "id"))
		case r.Status != http.StatusForbidden || r.String(t, "code") != "quota_exceeded" || r.String(t, "quota") != "seats":
			t.Errorf("answer %d: %d %s", i, r.Status, r.Content)
		}
	}
	if len(users) != 5 {
		t.Fatalf("%d users were created", len(users))
	}
	s.wantUsage(t, "seats", there+5, there+5)
	s.wantEvents(t, "quota.warning", "seats", 1)
	s.wantEvents(t, "quota.reached", "seats", 1)

	// A disabled user gives his seat to another, and gets none back then.
	status := func(user, to string) *apitest.Response {
		t.Helper()
		return s.admin.Patch(t, s.at.Path("/users/%s", user), apitest.Body{"status": to})
	}
	status(users[0], "disabled").Want(t, http.StatusOK)
	s.admin.Post(t, s.at.Path("/users"), newUser("agent")).Want(t, http.StatusCreated)
	status(users[0], "active").WantProblem(t, http.StatusForbidden, "quota_exceeded", "")
	// A change of something else needs no seat, though none is left.
	s.admin.Patch(t, s.at.Path("/users/%s", users[1]), apitest.Body{"name": "Renamed", "status": "active"}).Want(t, http.StatusOK)
	status(users[1], "disabled").Want(t, http.StatusOK)
	status(users[0], "active").Want(t, http.StatusOK)
	s.wantUsage(t, "seats", there+5, there+5)
	s.wantEvents(t, "quota.reached", "seats", 1)
	// So does an archived one.
	s.admin.Do(t, http.MethodDelete, s.at.Path("/users/%s", users[0]), nil).Want(t, http.StatusNoContent)
	s.wantUsage(t, "seats", there+4, there+5)
	status(users[1], "active").Want(t, http.StatusOK)
	s.admin.Post(t, s.at.Path("/users/%s/restore", users[0]), nil).WantProblem(t, http.StatusForbidden, "quota_exceeded", "")
	status(users[1], "disabled").Want(t, http.StatusOK)
	s.admin.Post(t, s.at.Path("/users/%s/restore", users[0]), nil).Want(t, http.StatusOK)
	s.wantUsage(t, "seats", there+5, there+5)
	// What falls far enough and comes near again is told of again.
	for _, user := range users[2:] {
		status(user, "disabled").Want(t, http.StatusOK)
	}
	for _, user := range users[1:4] {
		status(user, "active").Want(t, http.StatusOK)
	}
	s.wantEvents(t, "quota.warning", "seats", 2)
}

// What customers send is kept in any case; uploads of the tenant's own end at
// the limit.
func TestStorageIsCounted(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	png := drawing(t, "png")
	upload := func() *apitest.Response {
		t.Helper()
		return s.manager.Upload(t, s.at.Path("/attachments"), "a.png", png)
	}
	size := upload().Want(t, http.StatusCreated).Int(t, "size")
	s.wantUsage(t, "storage_bytes", size, nil)
	s.limit(t, s.at, apitest.Body{"storage_bytes": 3*size - 1})
	upload().Want(t, http.StatusCreated)
	refused := upload().WantProblem(t, http.StatusForbidden, "quota_exceeded", "")
	if refused.String(t, "quota") != "storage_bytes" || refused.Header.Get("Retry-After") != "" {
		t.Errorf("the problem is %s", refused.Content)
	}
	wantCount(t, s.Platform, 2, "SELECT count(*) FROM attachments")
	s.wantUsage(t, "storage_bytes", 2*size, 3*size-1)
	s.wantEvents(t, "quota.warning", "storage_bytes", 0)

	s.Receive(t, s.line, sim.Inbound{Media: []sim.Picture{{ContentType: "image/png", Content: png}, {ContentType: "image/png", Content: png}}})
	list := s.manager.Get(t, s.at.Path("/interactions/%s/messages", s.conversation(t, apitest.Customer))).Want(t, http.StatusOK)
	if list.String(t, "items.0.attachments.1.status") != "ready" {
		t.Errorf("the message is %s", list.Content)
	}
	s.wantUsage(t, "storage_bytes", 4*size, 3*size-1)
	s.wantEvents(t, "quota.warning", "storage_bytes", 1)
	s.wantEvents(t, "quota.reached", "storage_bytes", 1)
	upload().WantProblem(t, http.StatusForbidden, "quota_exceeded", "")
	s.limit(t, s.at, apitest.Body{"storage_bytes": nil})
	upload().Want(t, http.StatusCreated)
}

// A reseller sees what its branch has used, tenant by tenant, and nobody else's.
func TestUsageOfABranch(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	s.send(t, number(1), "one")
	s.limit(t, s.tree.L1, apitest.Body{"messages_per_month": 70, "requests_per_minute": 600})
	s.limit(t, s.at, apitest.Body{"messages_per_month": 7})
	page := func(by *apitest.Client, at apitest.Tenant, query string) *apitest.Response {
		t.Helper()
		return by.Get(t, at.Path("/usage/tenants%s", query)).Want(t, http.StatusOK)
	}
	// In the order of the tree: l1, l2, the customer below it; and the other one
	// before or behind l2.
	seen := texts(t, page(s.tree.L1.Admin, s.tree.L1, ""), "tenant_id")
	if len(seen) != 4 || seen[0] != s.tree.L1.ID.String() {
		t.Fatalf("l1 sees %q", seen)
	}
	l2 := page(s.tree.L1.Admin, s.tree.L2, "")
	if got := texts(t, l2, "tenant_id"); len(got) != 2 || got[0] != s.tree.L2.ID.String() || got[1] != s.at.ID.String() {
		t.Errorf("below l2 are %q", got)
	}
	for path, want := range map[string]any{
		"items.0.messages_per_month.used": 0.0, "items.0.messages_per_month.limit": 70.0, "items.0.seats.used": 1.0,
		"items.1.messages_per_month.used": 1.0, "items.1.messages_per_month.limit": 7.0, "items.1.seats.used": 4.0,
		"items.1.requests_per_minute.used": nil, "items.1.requests_per_minute.limit": 600.0, "items.1.month": "2026-03",
		"items.1.kind": "customer", "items.1.storage_bytes.used": 0.0, "items.1.storage_bytes.limit": nil,
	} {
		if got := l2.Value(t, path); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
	first := page(s.tree.L1.Admin, s.tree.L2, "?limit=1")
	second := page(s.tree.L1.Admin, s.tree.L2, "?limit=1&cursor="+first.String(t, "next_cursor"))
	if got := texts(t, second, "tenant_id"); len(got) != 1 || got[0] != s.at.ID.String() || strings.Contains(string(second.Content), "next_cursor") {
		t.Errorf("the second page is %s", second.Content)
	}
	if r := page(s.tree.L2.Admin, s.tree.L2, "?month=2026-02"); r.Int(t, "items.1.messages_per_month.used") != 0 ||
		r.String(t, "items.1.month") != "2026-02" || r.Value(t, "items.1.messages_per_month.resets_at") != nil {
		t.Errorf("a month ago it was %s", r.Content)
	}
	if got := texts(t, page(s.admin, s.at, ""), "tenant_id"); len(got) != 1 || got[0] != s.at.ID.String() {
		t.Errorf("the customer sees %q", got)
	}
	s.tree.L2.Admin.Get(t, s.tree.Other.Path("/usage/tenants")).WantProblem(t, http.StatusNotFound, "not_found", "")
	s.tree.L2.Admin.Get(t, s.tree.L1.Path("/usage")).WantProblem(t, http.StatusNotFound, "not_found", "")
	s.manager.Get(t, s.at.Path("/usage")).WantProblem(t, http.StatusForbidden, "forbidden", "")
	for _, wrong := range []string{"2026-13", "2026", "x", "2026-1"} {
		s.admin.Get(t, s.at.Path("/usage/tenants?month=%s", wrong)).WantProblem(t, unprocessable, "validation_failed", "query.month")
	}
}

// The callers of a tenant share its requests; who is at home elsewhere has his
// own.
func TestRequestsOfATenantAreLimited(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	s.Clock.Advance(2 * time.Minute)
	s.limit(t, s.at, apitest.Body{"requests_per_minute": 4})
	for _, c := range []*apitest.Client{s.admin, s.manager, s.at.Agent, s.at.User} {
		c.Get(t, "/v1/me").Want(t, http.StatusOK)
	}
	refused := s.at.Agent.Get(t, "/v1/me").WantProblem(t, http.StatusTooManyRequests, "rate_limited", "")
	if policy := refused.Header.Get("RateLimit-Policy"); !strings.Contains(policy, `"tenant";q=4;w=60`) {
		t.Errorf("the policy is %s", policy)
	}
	s.tree.L2.Admin.Get(t, s.at.Path("/usage")).Want(t, http.StatusOK)
	s.tree.L2.Admin.Patch(t, s.at.Path("/quotas"), apitest.Body{"requests_per_minute": 0}).
		WantProblem(t, unprocessable, "validation_failed", "body.requests_per_minute")
	s.Clock.Advance(time.Minute)
	s.admin.Get(t, "/v1/me").Want(t, http.StatusOK)
}
