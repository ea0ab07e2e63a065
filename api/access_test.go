package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/api/assembly"
)

const (
	day       = 24 * time.Hour
	freshWord = "Another-horse-8-battery"
)

// signIn is the answer to a sign-in.
func signIn(t *testing.T, p *apitest.Platform, login, password string) *apitest.Response {
	t.Helper()
	p.Clock.Advance(5 * time.Second) // an address has 20 a minute
	return p.Anonymous().Post(t, "/v1/auth/login", apitest.Body{"login": login, "password": password})
}

// signedIn is the client of a sign-in that has to succeed.
func signedIn(t *testing.T, p *apitest.Platform, r *apitest.Response) *apitest.Client {
	t.Helper()
	r.Want(t, http.StatusOK)
	c := p.Anonymous().As(r.String(t, "access_token"))
	c.UserID, c.TenantID = r.ID(t, "user_id"), r.ID(t, "tenant_id")
	return c
}

func loginOf(t *testing.T, c *apitest.Client) string {
	t.Helper()
	return c.Get(t, "/v1/me").Want(t, http.StatusOK).String(t, "user.login")
}

// secure turns on the security suite of a tenant.
func secure(t *testing.T, p *apitest.Platform, by *apitest.Client, at apitest.Tenant) {
	t.Helper()
	by.Patch(t, at.Path(""), apitest.Body{"security_suite": true}).Want(t, http.StatusOK)
	p.Clock.Advance(2 * time.Second) // a tenant is remembered for a moment
}

// Covers: SEC-01 SEC-02 SEC-03 SEC-04 SEC-05
func TestTheSecuritySuite(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	at, other := tree.Customer, tree.Other
	weak := apitest.Body{"login": "weak@maple.example", "name": "Somebody", "role": "agent", "password": "nothing but small letters"}
	other.Admin.Post(t, other.Path("/users"), weak).Want(t, http.StatusCreated) // without the suite
	agent := loginOf(t, at.Agent)
	secure(t, p, tree.L2.Admin, at)

	// Everybody here has a password that somebody else has chosen.
	at.Agent.Get(t, at.Path("/channels")).WantProblem(t, http.StatusForbidden, "password_change_required", "")
	at.Admin.Post(t, at.Path("/users"), weak).WantProblem(t, http.StatusForbidden, "password_change_required", "")
	r := signIn(t, p, agent, apitest.Password).Want(t, http.StatusOK)
	if r.String(t, "restriction") != "password_change_required" {
		t.Errorf("a sign-in says %s", r.Content)
	}
	c := signedIn(t, p, r)
	for _, closed := range []string{at.Path("/interactions"), at.Path(""), "/v1/providers", at.Path("/users")} {
		c.Get(t, closed).WantProblem(t, http.StatusForbidden, "password_change_required", "")
	}
	if got := c.Get(t, "/v1/me").Want(t, http.StatusOK).String(t, "restriction"); got != "password_change_required" {
		t.Errorf("getMe says %q", got)
	}
	// What the rule asks for, and something else than before.
	change := func(c *apitest.Client, password string) *apitest.Response {
		t.Helper()
		return c.Post(t, "/v1/me/password", apitest.Body{"old_password": apitest.Password, "password": password})
	}
	for _, refused := range []string{
		"nothing but small letters", "Letters and capitals!", "SHOUTING-7-ALWAYS", "Sh0rt-7", apitest.Password,
	} {
		if r := change(c, refused); r.Status != unprocessable {
			t.Errorf("%q is taken: %s", refused, r.Content)
		}
	}
	change(c, apitest.Password).WantProblem(t, unprocessable, "weak_password", "body.password")
	p.Clock.Advance(time.Minute)
	change(c, freshWord).Want(t, http.StatusNoContent)
	// The session goes on, and all others have ended.
	p.Clock.Advance(2 * time.Second)
	c.Get(t, at.Path("/channels")).Want(t, http.StatusOK)
	at.Agent.Get(t, "/v1/me").WantProblem(t, http.StatusUnauthorized, "invalid_token", "")
	if r := signIn(t, p, agent, freshWord).Want(t, http.StatusOK); strings.Contains(string(r.Content), "restriction") {
		t.Errorf("a sign-in says %s", r.Content)
	}
	change(at.Admin, freshWord).Want(t, http.StatusNoContent)
	p.Clock.Advance(2 * time.Second)
	at.Admin.Post(t, at.Path("/users"), weak).WantProblem(t, unprocessable, "weak_password", "body.password")

	// Elsewhere nothing has changed.
	other.Agent.Get(t, other.Path("/channels")).Want(t, http.StatusOK)
	if r := signIn(t, p, "weak@maple.example", "nothing but small letters").Want(t, http.StatusOK); strings.Contains(string(r.Content), "restriction") {
		t.Errorf("without the suite a sign-in says %s", r.Content)
	}
}

// Covers: SEC-06 SEC-07
func TestPasswordsExpire(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	at := tree.Customer
	login := loginOf(t, at.Agent)
	at.Agent.Post(t, "/v1/me/password", apitest.Body{"old_password": apitest.Password, "password": freshWord}).Want(t, http.StatusNoContent)
	changed := p.Clock.Now()
	secure(t, p, tree.L2.Admin, at)
	until := func(d time.Duration) { t.Helper(); p.Advance(t, changed.Add(d).Sub(p.Clock.Now())) }
	warnings := func() int {
		t.Helper()
		p.Chores(t)
		p.Work(t)
		n := 0
		for _, m := range p.Mailbox.Mails(login) {
			if strings.Contains(m.Subject, "expires in 15 days") {
				n++
			}
		}
		return n
	}
	until(75*day - time.Minute)
	if r := signIn(t, p, login, freshWord).Want(t, http.StatusOK); strings.Contains(string(r.Content), "expires_in") {
		t.Errorf("told too early: %s", r.Content)
	}
	if n := warnings(); n != 0 {
		t.Errorf("%d mails too early", n)
	}
	for left := 15; left >= 1; left-- {
		until(time.Duration(90-left) * day)
		if got := signIn(t, p, login, freshWord).Want(t, http.StatusOK).Int(t, "password_expires_in_days"); got != left {
			t.Errorf("%d days are left, and a sign-in says %d", left, got)
		}
		if n := warnings(); n != 1 {
			t.Errorf("%d mails with %d days left", n, left)
		}
	}
	until(90 * day)
	r := signIn(t, p, login, freshWord).Want(t, http.StatusOK)
	if r.String(t, "restriction") != "password_expired" || r.Int(t, "password_expires_in_days") != 0 {
		t.Errorf("an expired password says %s", r.Content)
	}
	c := signedIn(t, p, r)
	c.Get(t, at.Path("/channels")).WantProblem(t, http.StatusForbidden, "password_expired", "")
	c.Post(t, "/v1/me/password", apitest.Body{"old_password": freshWord, "password": freshWord}).WantProblem(t, unprocessable, "weak_password", "body.password")
	p.Clock.Advance(time.Minute)
	c.Post(t, "/v1/me/password", apitest.Body{"old_password": freshWord, "password": apitest.Password}).Want(t, http.StatusNoContent)
	p.Clock.Advance(2 * time.Second)
	c.Get(t, at.Path("/channels")).Want(t, http.StatusOK)
}

// Covers: SEC-08 SEC-09
func TestAForgottenPassword(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	at := tree.Customer
	login := loginOf(t, at.Agent)
	ask := func(login string) *apitest.Response {
		t.Helper()
		p.Clock.Advance(5 * time.Second)
		r := p.Anonymous().Post(t, "/v1/auth/password-resets", apitest.Body{"login": login}, apitest.Header{"Host": "evil.example"})
		p.Work(t)
		return r.Want(t, http.StatusAccepted)
	}
	complete := func(token, password string) *apitest.Response {
		t.Helper()
		p.Clock.Advance(5 * time.Second)
		return p.Anonymous().Post(t, "/v1/auth/password-resets/complete", apitest.Body{"token": token, "password": password})
	}
	wantVoid := func(token string) {
		t.Helper()
		complete(token, freshWord).WantProblem(t, unprocessable, "invalid_token", "body.token")
	}
	known, unknown := ask(login), ask("nobody@maple.example")
	if string(known.Content) != string(unknown.Content) || len(known.Header) != len(unknown.Header) {
		t.Errorf("a known login is answered %q, an unknown one %q", known.Content, unknown.Content)
	}
	if len(p.Mailbox.Mails("nobody@maple.example")) != 0 {
		t.Error("somebody unknown got a mail")
	}
	first := p.Mailbox.Last(t, login)
	if link := first.Link(t); link.Scheme+"://"+link.Host != apitest.AppURL || link.RawQuery != "" {
		t.Errorf("the link is %s", link)
	}
	wantCount(t, p, 0, "SELECT count(*) FROM password_resets WHERE encode(token_hash, 'escape') LIKE '%trl_reset%'")

	// A newer one makes it void.
	ask(login)
	second := p.Mailbox.Last(t, login).Token(t)
	wantVoid(first.Token(t))
	wantVoid(second + "x")
	// So does an hour.
	p.Clock.Advance(time.Hour)
	wantVoid(second)

	// A weak password costs nothing.
	ask(login)
	third := p.Mailbox.Last(t, login).Token(t)
	complete(third, "password123").WantProblem(t, unprocessable, "weak_password", "body.password")
	complete(third, apitest.Password).WantProblem(t, unprocessable, "weak_password", "body.password") // the present one
	complete(third, freshWord).Want(t, http.StatusNoContent)
	wantVoid(third)
	p.Work(t)
	if m := p.Mailbox.Last(t, login); !strings.Contains(m.Subject, "was changed") {
		t.Errorf("the user was told %q", m.Subject)
	}
	at.Agent.Get(t, "/v1/me").WantProblem(t, http.StatusUnauthorized, "invalid_token", "")
	signIn(t, p, login, apitest.Password).WantProblem(t, http.StatusUnauthorized, "invalid_login", "")
	c := signedIn(t, p, signIn(t, p, login, freshWord))

	// A change of the password makes a link void, and so does being disabled.
	p.Clock.Advance(time.Hour)
	ask(login)
	fourth := p.Mailbox.Last(t, login).Token(t)
	c.Post(t, "/v1/me/password", apitest.Body{"old_password": freshWord, "password": apitest.Password}).Want(t, http.StatusNoContent)
	wantVoid(fourth)
	ask(login)
	fifth := p.Mailbox.Last(t, login).Token(t)
	at.Admin.Patch(t, at.Path("/users/%s", c.UserID), apitest.Body{"status": "disabled"}).Want(t, http.StatusOK)
	wantVoid(fifth)

	// Nobody's mailbox is filled.
	other := loginOf(t, at.Manager)
	for range 6 {
		ask(other)
	}
	if n := len(p.Mailbox.Mails(other)); n != 3 {
		t.Errorf("%d mails in an hour", n)
	}
}

// Covers: SEC-10
func TestWithoutAMailServerNobodyResetsAPassword(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t, apitest.WithoutMail())
	for _, login := range []string{"staff@operator.example", "nobody@operator.example"} {
		p.Anonymous().Post(t, "/v1/auth/password-resets", apitest.Body{"login": login}).
			WantProblem(t, http.StatusServiceUnavailable, "mail_not_configured", "")
	}
	p.Anonymous().Post(t, "/v1/auth/password-resets/complete", apitest.Body{"token": "x", "password": freshWord}).
		WantProblem(t, http.StatusServiceUnavailable, "mail_not_configured", "")
	wantCount(t, p, 0, "SELECT count(*) FROM password_resets")
}

// Covers: SEC-11
func TestAResetFollowsTheStrictRule(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	login := loginOf(t, tree.Customer.Agent)
	secure(t, p, tree.L2.Admin, tree.Customer)
	p.Anonymous().Post(t, "/v1/auth/password-resets", apitest.Body{"login": login}).Want(t, http.StatusAccepted)
	p.Work(t)
	token := p.Mailbox.Last(t, login).Token(t)
	complete := func(password string) *apitest.Response {
		t.Helper()
		return p.Anonymous().Post(t, "/v1/auth/password-resets/complete", apitest.Body{"token": token, "password": password})
	}
	complete("nothing but small letters").WantProblem(t, unprocessable, "weak_password", "body.password")
	complete(freshWord).Want(t, http.StatusNoContent)
	// He has chosen it himself.
	if r := signIn(t, p, login, freshWord).Want(t, http.StatusOK); strings.Contains(string(r.Content), "restriction") {
		t.Errorf("a sign-in says %s", r.Content)
	}
}

// A locked account, an unknown one, a wrong password and a disabled user look
// the same (rules D4-4).
func TestSignInsThatFailLookTheSame(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	at := tree.Customer
	delayed, disabled := loginOf(t, at.Agent), loginOf(t, at.User)
	at.Admin.Patch(t, at.Path("/users/%s", at.User.UserID), apitest.Body{"status": "disabled"}).Want(t, http.StatusOK)
	p.Clock.Advance(time.Minute)
	try := func(login, password string) *apitest.Response {
		t.Helper()
		return p.Anonymous().Post(t, "/v1/auth/login", apitest.Body{"login": login, "password": password})
	}
	for range 5 {
		try(delayed, "wrong")
	}
	answers := map[string]bool{}
	for _, r := range []*apitest.Response{
		try(delayed, apitest.Password), try(loginOf(t, at.Manager), "wrong"), try("nobody@maple.example", "wrong"), try(disabled, apitest.Password),
	} {
		r.WantProblem(t, http.StatusUnauthorized, "invalid_login", "")
		answers[r.String(t, "detail")+r.Header.Get("Retry-After")] = true
	}
	if len(answers) != 1 {
		t.Errorf("the answers differ: %v", answers)
	}
	p.Clock.Advance(time.Second)
	try(delayed, apitest.Password).Want(t, http.StatusOK)
}

// device is an authenticator app.
type device struct{ secret string }

func (d device) code(t *testing.T, p *apitest.Platform) string {
	t.Helper()
	code, err := totp.GenerateCode(d.secret, p.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// enrol sets up a second factor.
func enrol(t *testing.T, p *apitest.Platform, c *apitest.Client) (device, []string) {
	t.Helper()
	r := c.Post(t, "/v1/me/second-factor", apitest.Body{"password": apitest.Password}).Want(t, http.StatusOK)
	d := device{r.String(t, "secret")}
	if !strings.HasPrefix(r.String(t, "otpauth_url"), "otpauth://totp/Trellis:") || r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("the enrolment is %s, %s", r.Content, r.Header)
	}
	var codes []string
	confirmed := c.Post(t, "/v1/me/second-factor/confirm", apitest.Body{"code": d.code(t, p)}).Want(t, http.StatusOK)
	for _, code := range confirmed.Value(t, "recovery_codes").([]any) {
		codes = append(codes, code.(string))
	}
	if len(codes) != 10 {
		t.Fatalf("%d recovery codes", len(codes))
	}
	return d, codes
}

func TestASecondFactor(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	at := tree.Customer
	login := loginOf(t, at.Agent)
	second := func(challenge string, body apitest.Body) *apitest.Response {
		t.Helper()
		body["challenge"] = challenge
		return p.Anonymous().Post(t, "/v1/auth/second-factor", body)
	}
	at.Agent.Post(t, "/v1/me/second-factor", apitest.Body{"password": "wrong"}).WantProblem(t, unprocessable, "validation_failed", "body.password")
	at.Agent.Post(t, "/v1/me/second-factor/confirm", apitest.Body{"code": "123456"}).WantProblem(t, http.StatusConflict, "wrong_state", "")
	// Begun and not confirmed: nothing changes.
	at.Agent.Post(t, "/v1/me/second-factor", apitest.Body{"password": apitest.Password}).Want(t, http.StatusOK)
	signIn(t, p, login, apitest.Password).Want(t, http.StatusOK)
	d, recovery := enrol(t, p, at.Agent)
	at.Agent.Post(t, "/v1/me/second-factor", apitest.Body{"password": apitest.Password}).WantProblem(t, http.StatusConflict, "wrong_state", "")
	if r := at.Agent.Get(t, "/v1/me/second-factor").Want(t, http.StatusOK); r.Value(t, "enabled") != true || r.Int(t, "recovery_codes_left") != 10 {
		t.Errorf("the state is %s", r.Content)
	}
	wantCount(t, p, 0, "SELECT count(*) FROM second_factors WHERE encode(secret, 'escape') LIKE '%'||$1||'%'", d.secret)

	challenge := func() string {
		t.Helper()
		r := signIn(t, p, login, apitest.Password).WantProblem(t, http.StatusUnauthorized, "second_factor_required", "")
		if strings.Contains(string(r.Content), "token\"") {
			t.Errorf("tokens without the second factor: %s", r.Content)
		}
		return r.String(t, "challenge")
	}
	signIn(t, p, login, "wrong").WantProblem(t, http.StatusUnauthorized, "invalid_login", "")
	// The code that confirmed is used up.
	one := challenge()
	p.Clock.Advance(20 * time.Second)
	second(one, apitest.Body{"code": "000000"}).WantProblem(t, http.StatusUnauthorized, "invalid_login", "")
	p.Clock.Advance(30 * time.Second)
	used := d.code(t, p)
	c := signedIn(t, p, second(one, apitest.Body{"code": used}))
	c.Get(t, at.Path("/channels")).Want(t, http.StatusOK)
	second(one, apitest.Body{"code": used}).WantProblem(t, http.StatusUnauthorized, "invalid_token", "")
	second(challenge(), apitest.Body{"code": used}).WantProblem(t, http.StatusUnauthorized, "invalid_login", "") // one use

	// Five codes, five minutes.
	two := challenge()
	for range 4 {
		p.Clock.Advance(20 * time.Second)
		second(two, apitest.Body{"code": "000000"}).WantProblem(t, http.StatusUnauthorized, "invalid_login", "")
	}
	p.Clock.Advance(10 * time.Minute)
	second(two, apitest.Body{"code": d.code(t, p)}).WantProblem(t, http.StatusUnauthorized, "invalid_token", "")
	second(challenge(), apitest.Body{}).WantProblem(t, unprocessable, "validation_failed", "body.code")

	// Recovery codes, each once, in capitals and without hyphens.
	signedIn(t, p, second(challenge(), apitest.Body{"recovery_code": recovery[0]}))
	second(challenge(), apitest.Body{"recovery_code": recovery[0]}).WantProblem(t, http.StatusUnauthorized, "invalid_login", "")
	signedIn(t, p, second(challenge(), apitest.Body{"recovery_code": strings.ToUpper(strings.ReplaceAll(recovery[1], "-", ""))}))
	if left := at.Agent.Get(t, "/v1/me/second-factor").Want(t, http.StatusOK).Int(t, "recovery_codes_left"); left != 8 {
		t.Errorf("%d recovery codes are left", left)
	}
	fresh := at.Agent.Post(t, "/v1/me/second-factor/recovery-codes", apitest.Body{"password": apitest.Password}).Want(t, http.StatusOK)
	second(challenge(), apitest.Body{"recovery_code": recovery[2]}).WantProblem(t, http.StatusUnauthorized, "invalid_login", "")
	signedIn(t, p, second(challenge(), apitest.Body{"recovery_code": fresh.String(t, "recovery_codes.0")}))

	// A changed password makes a challenge void.
	three := challenge()
	p.Clock.Advance(time.Minute)
	at.Agent.Post(t, "/v1/me/password", apitest.Body{"old_password": apitest.Password, "password": freshWord}).Want(t, http.StatusNoContent)
	second(three, apitest.Body{"code": d.code(t, p)}).WantProblem(t, http.StatusUnauthorized, "invalid_token", "")

	at.Agent.Post(t, "/v1/me/second-factor/disable", apitest.Body{"password": "wrong"}).WantProblem(t, unprocessable, "validation_failed", "body.password")
	p.Clock.Advance(time.Minute)
	at.Agent.Post(t, "/v1/me/second-factor/disable", apitest.Body{"password": freshWord}).Want(t, http.StatusNoContent)
	signIn(t, p, login, freshWord).Want(t, http.StatusOK)
	wantCount(t, p, 0, "SELECT count(*) FROM second_factors WHERE secret IS NOT NULL")
	p.Work(t)
	var told []string
	for _, m := range p.Mailbox.Mails(login) {
		if strings.Contains(m.Subject, "second factor") {
			told = append(told, m.Text)
		}
	}
	if len(told) != 3 || !strings.Contains(told[0], "began to need") || !strings.Contains(told[2], "stopped needing") {
		t.Errorf("the user was told %q", told)
	}
}

func TestAnAdministratorResetsASecondFactor(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	at := tree.Customer
	login := loginOf(t, at.Agent)
	enrol(t, p, at.Agent)
	factor := at.Path("/users/%s/second-factor", at.Agent.UserID)
	at.Manager.Do(t, http.MethodDelete, factor, nil).WantProblem(t, http.StatusForbidden, "forbidden", "")
	at.Admin.Do(t, http.MethodDelete, factor, nil).Want(t, http.StatusNoContent)
	at.Admin.Do(t, http.MethodDelete, factor, nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	p.Clock.Advance(2 * time.Second)
	at.Agent.Get(t, "/v1/me").WantProblem(t, http.StatusUnauthorized, "invalid_token", "")
	signIn(t, p, login, apitest.Password).Want(t, http.StatusOK)
	p.Work(t)
	if m := p.Mailbox.Last(t, login); !strings.Contains(m.Text, "administrator removed") {
		t.Errorf("the user was told %s", m.Text)
	}
	wantCount(t, p, 1, "SELECT count(*) FROM events WHERE type = 'user.second_factor_reset' AND object_id = $1 AND actor_id = $2", at.Agent.UserID, at.Admin.UserID)
	// Nobody takes one off who is above him, nor his own.
	enrol(t, p, tree.L2.Admin)
	at.Admin.Do(t, http.MethodDelete, tree.L2.Path("/users/%s/second-factor", tree.L2.Admin.UserID), nil).Want(t, http.StatusNotFound)
	tree.L2.Admin.Do(t, http.MethodDelete, tree.L2.Path("/users/%s/second-factor", tree.L2.Admin.UserID), nil).WantProblem(t, http.StatusForbidden, "forbidden", "")
}

// A platform that asks for it gives those who administer others some days.
func TestASecondFactorIsRequiredAbove(t *testing.T) {
	t.Parallel()
	grace := 3 * day
	p := apitest.Start(t, func(c *assembly.Config) { c.SecondFactor = &grace })
	tree := p.Grow(t)
	reseller, customer := loginOf(t, tree.L2.Admin), loginOf(t, tree.Customer.Admin)
	if r := tree.L2.Admin.Get(t, "/v1/me/second-factor").Want(t, http.StatusOK); r.Value(t, "required") != true || r.Value(t, "due_at") == nil {
		t.Errorf("the reseller is told %s", r.Content)
	}
	// A key that he makes meanwhile is no way around it.
	_, key := apiKey(t, tree.L2.Admin, tree.L2, apitest.Body{"permissions": []string{"users:read"}})
	p.Clock.Advance(grace - time.Hour)
	tree.L2.Admin.Get(t, tree.L2.Path("/users")).Want(t, http.StatusOK)
	key.Get(t, tree.Customer.Path("/users")).Want(t, http.StatusOK)
	p.Clock.Advance(time.Hour)
	key.Get(t, tree.Customer.Path("/users")).WantProblem(t, http.StatusForbidden, "second_factor_required", "")
	tree.L2.Admin.Get(t, tree.L2.Path("/users")).WantProblem(t, http.StatusForbidden, "second_factor_required", "")
	tree.Operator.Get(t, "/v1/tenants").WantProblem(t, http.StatusForbidden, "second_factor_required", "")
	tree.Customer.Admin.Get(t, tree.Customer.Path("/users")).Want(t, http.StatusOK)
	if r := signIn(t, p, customer, apitest.Password).Want(t, http.StatusOK); strings.Contains(string(r.Content), "restriction") {
		t.Errorf("the customer is told %s", r.Content)
	}
	c := signedIn(t, p, signIn(t, p, reseller, apitest.Password))
	c.Get(t, tree.L2.Path("/users")).WantProblem(t, http.StatusForbidden, "second_factor_required", "")
	enrol(t, p, c)
	p.Clock.Advance(2 * time.Second)
	c.Get(t, tree.L2.Path("/users")).Want(t, http.StatusOK)
	key.Get(t, tree.Customer.Path("/users")).Want(t, http.StatusOK)
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	at := tree.Customer
	login := loginOf(t, at.Agent)
	var open []*apitest.Client
	for i := range 3 {
		p.Clock.Advance(5 * time.Second)
		r := p.Anonymous().Post(t, "/v1/auth/login", apitest.Body{"login": login, "password": apitest.Password}, apitest.Header{"User-Agent": fmt.Sprintf("device %d", i)})
		open = append(open, signedIn(t, p, r))
	}
	r := open[0].Get(t, "/v1/me/sessions")
	agents := texts(t, r, "user_agent")
	if len(agents) != 4 || agents[0] != "device 2" || agents[2] != "device 0" || r.Value(t, "items.2.current") != true || r.Value(t, "items.0.current") != false ||
		r.String(t, "items.0.ip") != "127.0.0.1" {
		t.Fatalf("the sessions are %s", r.Content)
	}
	if page := open[0].Get(t, "/v1/me/sessions?limit=3").Want(t, http.StatusOK); len(page.Items(t)) != 3 || page.String(t, "next_cursor") == "" {
		t.Errorf("a page is %s", page.Content)
	}
	// One of his own.
	open[0].Do(t, http.MethodDelete, "/v1/me/sessions/"+r.String(t, "items.0.id"), nil).Want(t, http.StatusNoContent)
	open[0].Do(t, http.MethodDelete, "/v1/me/sessions/"+r.String(t, "items.0.id"), nil).Want(t, http.StatusNotFound)
	p.Clock.Advance(2 * time.Second)
	open[2].Get(t, "/v1/me").WantProblem(t, http.StatusUnauthorized, "invalid_token", "")
	open[1].Get(t, "/v1/me").Want(t, http.StatusOK)
	// Somebody else's is not there.
	at.Manager.Do(t, http.MethodDelete, "/v1/me/sessions/"+r.String(t, "items.1.id"), nil).Want(t, http.StatusNotFound)
	// By an administrator.
	sessions := at.Path("/users/%s/sessions", at.Agent.UserID)
	if got := texts(t, at.Admin.Get(t, sessions), "user_agent"); len(got) != 3 || got[0] != "device 1" {
		t.Errorf("an administrator sees %q", got)
	}
	at.Admin.Do(t, http.MethodDelete, sessions+"/"+r.String(t, "items.1.id"), nil).Want(t, http.StatusNoContent)
	p.Clock.Advance(2 * time.Second)
	open[1].Get(t, "/v1/me").WantProblem(t, http.StatusUnauthorized, "invalid_token", "")
	at.Manager.Do(t, http.MethodDelete, sessions, nil).WantProblem(t, http.StatusForbidden, "forbidden", "")
	at.Admin.Do(t, http.MethodDelete, sessions, nil).Want(t, http.StatusNoContent)
	p.Clock.Advance(2 * time.Second)
	open[0].Get(t, "/v1/me").WantProblem(t, http.StatusUnauthorized, "invalid_token", "")
	if got := texts(t, at.Admin.Get(t, sessions), "id"); len(got) != 0 {
		t.Errorf("still open: %q", got)
	}
}

// A copy of a session that is used ends it, and its owner is told.
func TestTheOwnerIsToldOfACopiedSession(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	login := loginOf(t, tree.Customer.Agent)
	token := signIn(t, p, login, apitest.Password).Want(t, http.StatusOK).String(t, "refresh_token")
	refresh := func() *apitest.Response {
		t.Helper()
		p.Clock.Advance(time.Minute)
		return p.Anonymous().Post(t, "/v1/auth/refresh", apitest.Body{"refresh_token": token})
	}
	refresh().Want(t, http.StatusOK)
	refresh().WantProblem(t, http.StatusUnauthorized, "refresh_token_reused", "")
	p.Work(t)
	if m := p.Mailbox.Last(t, login); !strings.Contains(m.Subject, "was ended") {
		t.Errorf("the owner was told %q", m.Subject)
	}
}
