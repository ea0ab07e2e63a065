package api_test

import (
	"bufio"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
)

const providerSecret = "the-secret-of-the-application-at-its-provider"

// startProvider runs a real OpenID provider until the test ends, and returns its
// issuer.
func startProvider(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat("../tools/oidc/node_modules/oidc-provider"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("the OpenID provider is not installed: scripts/oidc-provider")
		}
		t.Skip("the OpenID provider is not installed: scripts/oidc-provider")
	}
	if version, err := exec.CommandContext(t.Context(), "node", "--version").Output(); err != nil || !newEnough(string(version)) {
		t.Skipf("the OpenID provider needs Node 20 or newer, and here is %q (%v)", version, err)
	}
	server := exec.CommandContext(t.Context(), "node", "server.mjs")
	server.Dir = "../tools/oidc"
	server.Env = append(os.Environ(), "CLIENT_SECRET="+providerSecret, "REDIRECT_URI="+apitest.AppURL+"/sign-in/callback")
	stdin, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stdin.Close(); _ = server.Wait() })
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "http://") {
			go func() { _, _ = io.Copy(io.Discard, stdout) }()
			return lines.Text()
		}
	}
	t.Fatal("the OpenID provider does not start")
	return ""
}

// newEnough reads what node --version says, such as v20.1.0.
func newEnough(version string) bool {
	major, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(version), "v"), ".")
	n, err := strconv.Atoi(major)
	return err == nil && n >= 20
}

// browser is a person's at a provider.
type browser struct{ *http.Client }

func newBrowser(t *testing.T) browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	// It stops where it would leave the provider.
	return browser{&http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Hostname() != "127.0.0.1" {
			return http.ErrUseLastResponse
		}
		return nil
	}}}
}

var formAction = regexp.MustCompile(`action="([^"]+)"`)

// signIn follows an address, signs in, consents, and returns what it is sent
// back with.
func (b browser) signIn(t *testing.T, address, login string) url.Values {
	t.Helper()
	r, err := b.Get(address)
	forms := []url.Values{{"prompt": {"login"}, "login": {login}, "password": {"any"}}, {"prompt": {"consent"}}}
	for {
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if back := r.Header.Get("Location"); back != "" {
			u, err := url.Parse(back)
			if err != nil || !strings.HasPrefix(back, apitest.AppURL+"/sign-in/callback?") {
				t.Fatalf("sent back to %s (%v)", back, err)
			}
			return u.Query()
		}
		action := formAction.FindSubmatch(body)
		if action == nil || len(forms) == 0 {
			t.Fatalf("the provider says %d %s", r.StatusCode, body)
		}
		target, err2 := r.Request.URL.Parse(string(action[1]))
		if err2 != nil {
			t.Fatal(err2)
		}
		r, err = b.PostForm(target.String(), forms[0])
		forms = forms[1:]
	}
}

// scenery is a tenant that is connected to a provider.
type scenery struct {
	*apitest.Platform
	tree   apitest.Tree
	at     apitest.Tenant
	issuer string
	agent  string // a login at maple.example
}

func connected(t *testing.T) *scenery {
	t.Helper()
	s := &scenery{issuer: startProvider(t), Platform: apitest.Start(t)}
	s.Clock.Advance(time.Since(s.Clock.Now())) // the provider has a real clock
	s.tree = s.Grow(t)
	s.at, s.agent = s.tree.Customer, "ann@maple.example"
	s.at.Admin.Post(t, s.at.Path("/users"), apitest.Body{"login": s.agent, "name": "Ann", "role": "agent", "password": apitest.Password}).
		Want(t, http.StatusCreated)
	s.connect(t, apitest.Body{}).Want(t, http.StatusOK)
	return s
}

func (s *scenery) connect(t *testing.T, change apitest.Body) *apitest.Response {
	t.Helper()
	body := apitest.Body{"issuer": s.issuer, "client_id": "trellis", "client_secret": providerSecret, "email_domains": []string{"Maple.example"}}
	for name, value := range change {
		body[name] = value
	}
	return s.at.Admin.Do(t, http.MethodPut, s.at.Path("/single-sign-on"), body)
}

// start begins a sign-in and returns where the browser is to go.
func (s *scenery) start(t *testing.T) string {
	t.Helper()
	s.Clock.Advance(5 * time.Second)
	return s.Anonymous().Post(t, "/v1/auth/oidc/start", apitest.Body{"tenant_id": s.at.ID}).Want(t, http.StatusOK).String(t, "authorization_url")
}

func (s *scenery) finish(t *testing.T, back url.Values) *apitest.Response {
	t.Helper()
	return s.Anonymous().Post(t, "/v1/auth/oidc/finish", apitest.Body{"state": back.Get("state"), "code": back.Get("code")})
}

// Covers: SEC-12
func TestSingleSignOn(t *testing.T) {
	t.Parallel()
	s := connected(t)
	shown := s.at.Admin.Get(t, s.at.Path("/single-sign-on")).Want(t, http.StatusOK)
	if shown.String(t, "redirect_uri") != apitest.AppURL+"/sign-in/callback" || shown.String(t, "client_secret_last4") != "ider" ||
		shown.String(t, "email_domains.0") != "maple.example" || strings.Contains(string(shown.Content), providerSecret) {
		t.Errorf("the connection is %s", shown.Content)
	}
	wantCount(t, s.Platform, 0, "SELECT count(*) FROM single_sign_on WHERE encode(client_secret, 'escape') LIKE '%application%'")

	back := newBrowser(t).signIn(t, s.start(t), s.agent)
	c := signedIn(t, s.Platform, s.finish(t, back))
	if got := loginOf(t, c); got != s.agent {
		t.Errorf("%s has signed in", got)
	}
	c.Get(t, s.at.Path("/channels")).Want(t, http.StatusOK)
	if method := c.Get(t, "/v1/me/sessions").Want(t, http.StatusOK).String(t, "items.0.method"); method != "single_sign_on" {
		t.Errorf("the session was begun by %s", method)
	}
	// Nothing is good twice: neither the state, nor a code with another state.
	s.finish(t, back).WantProblem(t, http.StatusUnauthorized, "single_sign_on_failed", "")
	other := newBrowser(t).signIn(t, s.start(t), s.agent)
	other.Set("code", back.Get("code"))
	s.finish(t, other).WantProblem(t, http.StatusUnauthorized, "single_sign_on_failed", "")
	// A code is bound to the sign-in that began it: somebody else's state does not
	// take it.
	mine, theirs := newBrowser(t).signIn(t, s.start(t), s.agent), newBrowser(t).signIn(t, s.start(t), s.agent)
	mine.Set("code", theirs.Get("code"))
	s.finish(t, mine).WantProblem(t, http.StatusUnauthorized, "single_sign_on_failed", "")
	// Ten minutes.
	late := newBrowser(t).signIn(t, s.start(t), s.agent)
	s.Tamper(t, "UPDATE sign_in_flows SET expires_at = $1 WHERE ended_at IS NULL", s.Clock.Now())
	s.finish(t, late).WantProblem(t, http.StatusUnauthorized, "single_sign_on_failed", "")

	// Only users who are there, of this tenant, with an address that is verified
	// and in the domain, and who were the same the last time.
	stranger := loginOf(t, s.tree.Other.Agent)
	s.at.Admin.Post(t, s.at.Path("/users"), apitest.Body{"login": "bob@maple.example", "name": "Bob", "role": "agent", "password": apitest.Password}).
		Want(t, http.StatusCreated)
	s.connect(t, apitest.Body{"email_domains": []string{"maple.example", stranger[strings.Index(stranger, "@")+1:]}}).Want(t, http.StatusOK)
	for _, login := range []string{"nobody@maple.example", stranger, "unverified-bob@maple.example", "other-" + s.agent, loginOf(t, s.at.Manager), "no address at all"} {
		s.finish(t, newBrowser(t).signIn(t, s.start(t), login)).WantProblem(t, http.StatusUnauthorized, "single_sign_on_failed", "")
	}
	wantCount(t, s.Platform, 1, "SELECT count(*) FROM single_sign_on_links")
}

func TestSingleSignOnAndTheOtherRules(t *testing.T) {
	t.Parallel()
	s := connected(t)
	// Passwords for administrators alone.
	signIn(t, s.Platform, s.agent, apitest.Password).Want(t, http.StatusOK)
	s.connect(t, apitest.Body{"allow_passwords": false, "client_secret": nil}).Want(t, unprocessable)
	body := apitest.Body{"issuer": s.issuer, "client_id": "trellis", "email_domains": []string{"maple.example"}, "allow_passwords": false}
	s.at.Admin.Do(t, http.MethodPut, s.at.Path("/single-sign-on"), body).Want(t, http.StatusOK) // the secret stays
	signIn(t, s.Platform, s.agent, apitest.Password).WantProblem(t, http.StatusForbidden, "single_sign_on_required", "")
	signIn(t, s.Platform, s.agent, "wrong").WantProblem(t, http.StatusUnauthorized, "invalid_login", "")
	signIn(t, s.Platform, loginOf(t, s.at.Admin), apitest.Password).Want(t, http.StatusOK)
	signIn(t, s.Platform, loginOf(t, s.tree.Other.Agent), apitest.Password).Want(t, http.StatusOK)
	// Who does not use his password is not asked to change it.
	secure(t, s.Platform, s.tree.L2.Admin, s.at)
	c := signedIn(t, s.Platform, s.finish(t, newBrowser(t).signIn(t, s.start(t), s.agent)))
	c.Get(t, s.at.Path("/channels")).Want(t, http.StatusOK)
	// A second factor is asked for all the same.
	d, _ := enrol(t, s.Platform, c)
	r := s.finish(t, newBrowser(t).signIn(t, s.start(t), s.agent)).WantProblem(t, http.StatusUnauthorized, "second_factor_required", "")
	s.Clock.Advance(time.Minute)
	again := signedIn(t, s.Platform, s.Anonymous().Post(t, "/v1/auth/second-factor", apitest.Body{"challenge": r.String(t, "challenge"), "code": d.code(t, s.Platform)}))
	again.Get(t, s.at.Path("/channels")).Want(t, http.StatusOK)
	// Disconnected while the browser was away.
	away := newBrowser(t).signIn(t, s.start(t), s.agent)
	admin := signedIn(t, s.Platform, signIn(t, s.Platform, loginOf(t, s.at.Admin), apitest.Password))
	s.Clock.Advance(time.Minute)
	admin.Post(t, "/v1/me/password", apitest.Body{"old_password": apitest.Password, "password": freshWord}).Want(t, http.StatusNoContent)
	s.Clock.Advance(2 * time.Second)
	admin.Do(t, http.MethodDelete, s.at.Path("/single-sign-on"), nil).Want(t, http.StatusNoContent)
	s.finish(t, away).WantProblem(t, http.StatusUnauthorized, "single_sign_on_failed", "")
	s.Anonymous().Post(t, "/v1/auth/oidc/start", apitest.Body{"tenant_id": s.at.ID}).Want(t, http.StatusNotFound)
	wantCount(t, s.Platform, 0, "SELECT count(*) FROM single_sign_on WHERE client_secret IS NOT NULL")
	signIn(t, s.Platform, s.agent, apitest.Password).WantProblem(t, http.StatusUnauthorized, "second_factor_required", "")
}

func TestWhoSetsUpSingleSignOn(t *testing.T) {
	t.Parallel()
	s := connected(t)
	body := apitest.Body{"issuer": s.issuer, "client_id": "trellis", "client_secret": providerSecret, "email_domains": []string{"maple.example"}}
	// Staff from above would sign in as whom they like.
	s.tree.L2.Admin.Do(t, http.MethodPut, s.at.Path("/single-sign-on"), body).WantProblem(t, http.StatusForbidden, "forbidden", "")
	s.tree.L2.Admin.Get(t, s.at.Path("/single-sign-on")).Want(t, http.StatusOK)
	// Nor somebody who may change settings and not make an administrator.
	role := s.at.Admin.Post(t, s.at.Path("/roles"), apitest.Body{
		"name": "Settings", "base": "manager", "permissions": []string{"settings:write", "tenants:read"},
	}).Want(t, http.StatusCreated).String(t, "id")
	login := uuid.NewString() + "@maple.example"
	s.at.Admin.Post(t, s.at.Path("/users"), apitest.Body{
		"login": login, "name": "Somebody", "role": "manager", "custom_role_id": role, "password": apitest.Password,
	}).Want(t, http.StatusCreated)
	signedIn(t, s.Platform, signIn(t, s.Platform, login, apitest.Password)).
		Do(t, http.MethodPut, s.at.Path("/single-sign-on"), body).Want(t, http.StatusForbidden)
	for _, c := range []struct {
		change   apitest.Body
		location string
	}{
		{apitest.Body{"issuer": "http://127.0.0.1:1"}, "body.issuer"},
		{apitest.Body{"issuer": s.URL}, "body.issuer"}, // no provider
		{apitest.Body{"issuer": "http://10.0.0.1/"}, "body.issuer"},
		{apitest.Body{"issuer": "file:///etc/passwd"}, "body.issuer"},
		{apitest.Body{"email_domains": []string{"not a domain"}}, "body.email_domains[0]"},
		{apitest.Body{"email_domains": []string{}}, "body.email_domains"},
	} {
		s.connect(t, c.change).WantProblem(t, unprocessable, "validation_failed", c.location)
	}
	// A version that has passed.
	stale := s.at.Admin.Get(t, s.at.Path("/single-sign-on")).Want(t, http.StatusOK).Header.Get("ETag")
	s.connect(t, apitest.Body{}).Want(t, http.StatusOK)
	s.at.Admin.Do(t, http.MethodPut, s.at.Path("/single-sign-on"), body, apitest.Header{"If-Match": stale}).Want(t, http.StatusPreconditionFailed)
}
