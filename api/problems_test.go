package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider/sim"
)

// Whatever is refused is a problem with a stable code (rules C2).
func TestEveryRefusalIsAProblem(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	s.Receive(t, s.line, sim.Inbound{Body: "hello"})
	conversation := s.at.Path("/interactions/%s", s.conversation(t, apitest.Customer))
	users, messages, inbox := s.at.Path("/users"), s.at.Path("/messages"), s.at.Path("/interactions")
	user := s.at.Path("/users/%s", s.at.Agent.UserID)
	channel := s.at.Path("/channels/%s", s.line.ChannelID)
	form := apitest.Header{"Content-Type": "application/x-www-form-urlencoded"}
	cursor := s.admin.Get(t, users+"?limit=1").Want(t, http.StatusOK).String(t, "next_cursor")
	valid := apitest.Body{"channel_id": s.line.ChannelID, "to": number(1), "body": "x"}

	for _, c := range []struct {
		name, method, path string
		body               any
		header             apitest.Header
		status             int
		code, location     string
	}{
		{"malformed JSON", "POST", messages, `{"body": "x"`, nil, 400, "malformed_request", ""},
		{"two documents", "POST", messages, `{} {}`, nil, 400, "malformed_request", ""},
		{"a key twice", "POST", messages, `{"body":"x","body":"y"}`, nil, 400, "malformed_request", "body.body"},
		{"an escaped key twice", "POST", messages, `{"body":"x","\u0062ody":"y"}`, nil, 400, "malformed_request", "body.body"},
		{"no body", "POST", messages, nil, nil, 400, "malformed_request", ""},
		{"deeply nested", "POST", messages, strings.Repeat("[", 5000) + strings.Repeat("]", 5000), nil, 400, "malformed_request", ""},
		{"no object", "POST", messages, `[]`, nil, 422, "validation_failed", "body"},
		{"unknown field", "POST", messages, `{"body":"x","colour":"red"}`, nil, 422, "validation_failed", "body.colour"},
		{"another case", "POST", messages, `{"Body":"x"}`, nil, 422, "validation_failed", "body.Body"},
		{"wrong type", "POST", messages, apitest.Body{"channel_id": s.line.ChannelID, "body": 5}, nil, 422, "validation_failed", "body.body"},
		{"null", "POST", messages, apitest.Body{"channel_id": s.line.ChannelID, "to": number(1), "body": nil}, nil, 422, "validation_failed", "body.body"},
		{"missing field", "POST", users, apitest.Body{"name": "x"}, nil, 422, "validation_failed", "body.login"},
		{"no id", "POST", messages, apitest.Body{"channel_id": "5", "to": number(1), "body": "x"}, nil, 422, "validation_failed", "body.channel_id"},
		{"outside of the enum", "PATCH", user, apitest.Body{"role": "god"}, nil, 422, "validation_failed", "body.role"},
		{"too long", "PATCH", user, apitest.Body{"name": strings.Repeat("n", 201)}, nil, 422, "validation_failed", "body.name"},
		{"a form", "POST", messages, "body=x", form, 415, "unsupported_media_type", ""},
		{"compressed", "POST", messages, valid, apitest.Header{"Content-Encoding": "gzip"}, 415, "unsupported_media_type", ""},
		{"JSON to an upload", "POST", s.at.Path("/attachments"), `{}`, nil, 415, "unsupported_media_type", ""},
		{"too large", "POST", messages, `{"body":"` + strings.Repeat("x", 1<<20) + `"}`, nil, 413, "body_too_large", ""},
		{"broken cursor", "GET", users + "?cursor=abc", nil, nil, 422, "invalid_cursor", "query.cursor"},
		{"changed cursor", "GET", users + "?cursor=" + cursor[:len(cursor)-3] + "AAA", nil, nil, 422, "invalid_cursor", "query.cursor"},
		{"another filter's cursor", "GET", users + "?role=agent&cursor=" + cursor, nil, nil, 422, "invalid_cursor", "query.cursor"},
		{"another list's cursor", "GET", s.at.Path("/contacts") + "?cursor=" + cursor, nil, nil, 422, "invalid_cursor", "query.cursor"},
		{"unknown parameter", "GET", inbox + "?colour=red", nil, nil, 422, "validation_failed", "query.colour"},
		{"a parameter twice", "GET", inbox + "?view=all&view=active", nil, nil, 422, "validation_failed", "query.view"},
		{"bad limit", "GET", inbox + "?limit=0", nil, nil, 422, "validation_failed", "query.limit"},
		{"larger limit", "GET", inbox + "?limit=201", nil, nil, 422, "validation_failed", "query.limit"},
		{"limit in words", "GET", inbox + "?limit=ten", nil, nil, 422, "validation_failed", "query.limit"},
		{"bad filter", "GET", inbox + "?status=new", nil, nil, 422, "validation_failed", "query.status[0]"},
		{"bad id in a filter", "GET", inbox + "?channel_id=5", nil, nil, 422, "validation_failed", "query.channel_id[0]"},
		{"broken escape", "GET", inbox + "?q=%zz", nil, nil, 400, "malformed_request", ""},
		{"bad date", "GET", inbox + "?from=yesterday", nil, nil, 422, "validation_failed", "query.from"},
		{"bad id in the path", "GET", s.at.Path("/users/5"), nil, nil, 422, "validation_failed", "path.user_id"},
		{"bad tenant in the path", "GET", "/v1/tenants/5/users", nil, nil, 404, "not_found", ""},
		{"no such path", "GET", "/v1/nothing", nil, nil, 404, "not_found", ""},
		{"no such version", "GET", "/v2/me", nil, nil, 404, "not_found", ""},
		{"a slash too many", "GET", "/v1/me/", nil, nil, 404, "not_found", ""},
		{"no such method", "PUT", user, `{}`, nil, 405, "method_not_allowed", ""},
		{"no deleting", "DELETE", s.at.Path("/users"), nil, nil, 405, "method_not_allowed", ""},
		{"trace", "TRACE", "/v1/me", nil, nil, 405, "method_not_allowed", ""},
		{"stale user", "PATCH", user, apitest.Body{"name": "x"}, apitest.Header{"If-Match": `"99"`}, 412, "precondition_failed", ""},
		{"stale channel", "PATCH", channel, apitest.Body{"name": "x"}, apitest.Header{"If-Match": `"99"`}, 412, "precondition_failed", ""},
		{"stale tenant", "PATCH", s.at.Path(""), apitest.Body{"name": "x"}, apitest.Header{"If-Match": `W/"1"`}, 403, "forbidden", ""},
		{"stale interaction", "POST", conversation + "/close", apitest.Body{}, apitest.Header{"If-Match": `"99"`}, 412, "precondition_failed", ""},
		{"weak tag", "POST", conversation + "/read", nil, apitest.Header{"If-Match": `W/"2"`}, 412, "precondition_failed", ""},
		{"unexpected status", "POST", conversation + "/close", apitest.Body{"expected_status": "open"}, nil, 409, "wrong_state", ""},
		{"unexpected status of assigning", "POST", conversation + "/assign", apitest.Body{"user_id": s.at.Agent.UserID, "expected_status": "closed"}, nil, 409, "wrong_state", ""},
		{"nobody to assign to", "POST", conversation + "/assign", apitest.Body{"user_id": uuid.New()}, nil, 422, "not_found", "body.user_id"},
		{"a bad key", "POST", messages, valid, apitest.Header{"Idempotency-Key": "two words"}, 422, "validation_failed", "header.Idempotency-Key"},
		{"a long key", "POST", messages, valid, apitest.Header{"Idempotency-Key": strings.Repeat("k", 256)}, 422, "validation_failed", "header.Idempotency-Key"},
		{"login taken", "POST", users, apitest.Body{"login": "STAFF@operator.example", "name": "x", "role": "agent", "password": apitest.Password}, nil, 409, "login_taken", "body.login"},
		{"role too high", "POST", users, apitest.Body{"login": "a@b.example", "name": "x", "role": "operator", "password": apitest.Password}, nil, 403, "role_not_assignable", ""},
		{"a callback that cannot be read", "POST", "/hooks/twilio/short/inbound", "x", nil, 422, "validation_failed", "path.token"},
		{"an unknown provider", "POST", "/hooks/smoke-signals/" + strings.Repeat("a", 32) + "/inbound", "x", nil, 422, "validation_failed", "path.provider"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := s.admin.Do(t, c.method, c.path, c.body, headers(c.header)...)
			r.WantProblem(t, c.status, c.code, c.location)
			path, _, _ := strings.Cut(c.path, "?")
			if r.String(t, "instance") != path || r.String(t, "request_id") != r.Header.Get("X-Request-Id") || r.Int(t, "status") != c.status ||
				r.String(t, "type") != "/docs/problems#"+c.code {
				t.Errorf("the problem is %s", r.Content)
			}
			for _, leak := range []string{"pq:", "sql", "SELECT", ".go:", "panic", "127.0.0.1"} {
				if strings.Contains(string(r.Content), leak) {
					t.Errorf("the problem tells %q: %s", leak, r.Content)
				}
			}
		})
	}
	for _, c := range []struct {
		name, path, want string
		body             apitest.Body
	}{
		{"closing", "/close", "waiting_agent", apitest.Body{"expected_status": "open"}},
		{"assigning", "/assign", "waiting_agent", apitest.Body{"expected_status": "open", "user_id": s.at.Agent.UserID}},
	} {
		if got := s.manager.Post(t, conversation+c.path, c.body).Want(t, http.StatusConflict).String(t, "current_status"); got != c.want {
			t.Errorf("%s: current_status is %q", c.name, got)
		}
	}
	wantCount(t, s.Platform, 1, "SELECT count(*) FROM messages")
}

func headers(h apitest.Header) []apitest.Header {
	if h == nil {
		return nil
	}
	return []apitest.Header{h}
}

// Credentials that prove nothing all look alike.
func TestWithoutCredentialsNothingIsTold(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	for name, bearer := range map[string]string{
		"none": "", "nonsense": "nonsense", "a changed token": s.admin.Bearer[:len(s.admin.Bearer)-4] + "AAAA",
		"no signature": strings.Join(strings.Split(s.admin.Bearer, ".")[:2], ".") + ".", "a key that never was": "trl_live_" + strings.Repeat("0", 39),
	} {
		for _, path := range []string{"/v1/me", s.at.Path("/users"), "/v1/tenants/" + uuid.NewString() + "/users"} {
			r := s.admin.As(bearer).Get(t, path).Want(t, http.StatusUnauthorized)
			if code := r.String(t, "code"); (code != "unauthenticated" && code != "invalid_token") || r.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s at %s: %s", name, path, r.Content)
			}
		}
	}
	basic := s.Anonymous().Get(t, "/v1/me", apitest.Header{"Authorization": "Basic YTpi"})
	basic.WantProblem(t, http.StatusUnauthorized, "unauthenticated", "")
}

// Rules C5-1.
func TestVersionsOfResources(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	s.Receive(t, s.line, sim.Inbound{Body: "hello"})
	path := s.at.Path("/channels/%s", s.line.ChannelID)
	first := s.admin.Get(t, path).Want(t, http.StatusOK)
	tag := first.Header.Get("ETag")
	if tag == "" || strings.HasPrefix(tag, "W/") {
		t.Fatalf("the tag is %q", tag)
	}
	for _, have := range []string{tag, "W/" + tag, `"x", ` + tag, "*"} {
		same := s.admin.Get(t, path, apitest.Header{"If-None-Match": have}).Want(t, http.StatusNotModified)
		if len(same.Content) != 0 || same.Header.Get("ETag") != tag {
			t.Errorf("304 for %s: %v %s", have, same.Header, same.Content)
		}
	}
	changed := s.admin.Patch(t, path, apitest.Body{"name": "Renamed"}, apitest.Header{"If-Match": tag}).Want(t, http.StatusOK)
	if changed.Header.Get("ETag") == tag || changed.String(t, "name") != "Renamed" {
		t.Errorf("changed to %v %s", changed.Header, changed.Content)
	}
	s.admin.Patch(t, path, apitest.Body{"name": "Too late"}, apitest.Header{"If-Match": tag}).
		WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	s.admin.Get(t, path, apitest.Header{"If-None-Match": tag}).Want(t, http.StatusOK)
	if got := s.admin.Get(t, path).String(t, "name"); got != "Renamed" {
		t.Errorf("the name is %q", got)
	}

	// Two close one conversation: one is first (rules C5-2).
	conversation := s.at.Path("/interactions/%s", s.conversation(t, apitest.Customer))
	version := s.manager.Get(t, conversation).Header.Get("ETag")
	answers := make(chan int, 8)
	for range cap(answers) {
		go func() {
			r, err := s.manager.Try(http.MethodPost, conversation+"/close", apitest.Body{"expected_status": "waiting_agent"}, apitest.Header{"If-Match": version})
			if err != nil {
				answers <- 0
				return
			}
			answers <- r.Status
		}()
	}
	count := map[int]int{}
	for range cap(answers) {
		count[<-answers]++
	}
	if count[http.StatusOK] != 1 || count[http.StatusOK]+count[http.StatusConflict]+count[http.StatusPreconditionFailed] != cap(answers) {
		t.Errorf("the answers are %v", count)
	}
	s.manager.Post(t, conversation+"/messages", apitest.Body{"body": "too late"}).WantProblem(t, http.StatusConflict, "wrong_state", "")
}

// Rules C4-1.
func TestTheRateIsAnnounced(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	r := s.admin.Get(t, "/v1/me").Want(t, http.StatusOK)
	if !strings.HasPrefix(r.Header.Get("RateLimit-Policy"), `"default";q=`) || !strings.HasPrefix(r.Header.Get("RateLimit"), `"default";r=`) {
		t.Errorf("the headers are %v", r.Header)
	}
	body := apitest.Body{"login": "staff@operator.example", "password": "wrong-password-1"}
	var last *apitest.Response
	for range 30 {
		if last = s.Anonymous().Post(t, "/v1/auth/login", body); last.Status == http.StatusTooManyRequests {
			break
		}
		last.WantProblem(t, http.StatusUnauthorized, "invalid_login", "")
	}
	last.WantProblem(t, http.StatusTooManyRequests, "rate_limited", "")
	if last.Header.Get("Retry-After") == "" || last.String(t, "type") != "https://iana.org/assignments/http-problem-types#quota-exceeded" {
		t.Errorf("%v %s", last.Header, last.Content)
	}
}
