package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/trellishq/trellis/api/apitest"
)

func (c *crew) accept(t *testing.T, body apitest.Body) *apitest.Response {
	t.Helper()
	c.Clock.Advance(4 * time.Second) // an address has twenty attempts in a minute
	return c.Anonymous().Post(t, "/v1/auth/invitations/accept", body)
}

// Covers: USR-07 USR-20
func TestAnInvitationIsAcceptedOnce(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	made := c.make(t, apitest.Body{"invite": true, "login": "ada@crew.example", "language": "fr"})
	if made.String(t, "status") != "invited" || made.Value(t, "invited_until") == nil {
		t.Errorf("made %s", made.Content)
	}
	c.try(t, "ada@crew.example", apitest.Password).WantProblem(t, http.StatusUnauthorized, "invalid_login", "")
	c.Work(t)
	mail := c.Mailbox.Last(t, "ada@crew.example")
	if !strings.Contains(mail.Text, "invite") || !strings.HasPrefix(mail.Link(t).String(), apitest.AppURL+"/invitation#token=") {
		t.Errorf("the mail is %q", mail.Text)
	}
	token := mail.Token(t)
	if c.Text(t, "SELECT count(*) FROM users WHERE invitation_hash = convert_to($1, 'UTF8')", token) != "0" {
		t.Error("the token is stored as it is")
	}
	c.accept(t, apitest.Body{"token": token, "password": "password"}).WantProblem(t, unprocessable, "weak_password", "body.password")
	c.accept(t, apitest.Body{"token": token + "x", "password": "a staple of another kind"}).WantProblem(t, unprocessable, "invalid_token", "body.token")
	accepted := c.accept(t, apitest.Body{"token": token, "password": "a staple of another kind", "name": "Countess"}).Want(t, http.StatusOK)
	if accepted.String(t, "login") != "ada@crew.example" || accepted.String(t, "name") != "Countess" {
		t.Errorf("accepted %s", accepted.Content)
	}
	c.accept(t, apitest.Body{"token": token, "password": "a staple of a third kind"}).WantProblem(t, unprocessable, "invalid_token", "body.token")
	ada := c.Login(t, "ada@crew.example", "a staple of another kind")
	if me := ada.Get(t, "/v1/me"); me.String(t, "user.status") != "active" || me.Value(t, "user.must_change_password") != false || me.Value(t, "user.invited_until") != nil {
		t.Errorf("the guest is %s", me.Content)
	}
}

func TestInvitationsThatOpenNothing(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	id := c.make(t, apitest.Body{"invite": true, "login": "guest@crew.example"}).String(t, "id")
	tokens := func() string {
		t.Helper()
		c.Work(t)
		return c.Mailbox.Last(t, "guest@crew.example").Token(t)
	}
	refused := func(what, token string) {
		t.Helper()
		r := c.accept(t, apitest.Body{"token": token, "password": "a staple of another kind"})
		if r.Status != unprocessable || r.String(t, "code") != "invalid_token" {
			t.Errorf("%s: %d %s", what, r.Status, r.Content)
		}
	}
	first := tokens()
	c.admin.Post(t, c.user(id)+"/invitation", nil).Want(t, http.StatusOK)
	second := tokens()
	refused("an invitation that was replaced", first)
	c.admin.Do(t, http.MethodDelete, c.user(id)+"/invitation", nil).Want(t, http.StatusNoContent)
	c.admin.Do(t, http.MethodDelete, c.user(id)+"/invitation", nil).Want(t, http.StatusNoContent)
	refused("an invitation that was taken back", second)
	c.admin.Post(t, c.user(id)+"/invitation", nil).Want(t, http.StatusOK)
	third := tokens()
	c.Clock.Advance(7 * 24 * time.Hour)
	c.admin, c.tree.L2.Admin = c.again(t, c.admin), c.again(t, c.tree.L2.Admin)
	refused("an invitation that has ended", third)
	c.admin.Post(t, c.user(id)+"/invitation", nil).Want(t, http.StatusOK)
	fourth := tokens()
	c.admin.Do(t, http.MethodDelete, c.user(id), nil).Want(t, http.StatusNoContent)
	refused("the invitation of who was deleted", fourth)
	restored := c.admin.Post(t, c.user(id)+"/restore", nil).Want(t, http.StatusOK)
	if restored.String(t, "status") != "invited" || restored.Value(t, "invited_until") != nil {
		t.Errorf("restored %s", restored.Content)
	}
	refused("an invitation from before the archive", fourth)
	c.admin.Post(t, c.user(id)+"/invitation", nil).Want(t, http.StatusOK)
	fifth := tokens()
	c.tree.L2.Admin.Patch(t, c.at.Path(""), apitest.Body{"status": "suspended"}).Want(t, http.StatusOK)
	c.Clock.Advance(2 * time.Second)
	c.accept(t, apitest.Body{"token": fifth, "password": "a staple of another kind"}).WantProblem(t, http.StatusForbidden, "tenant_suspended", "")
	c.tree.L2.Admin.Patch(t, c.at.Path(""), apitest.Body{"status": "active"}).Want(t, http.StatusOK)
	c.Clock.Advance(2 * time.Second)
	// A password by hand makes the invitation void as well.
	c.admin.Post(t, c.user(id)+"/password", apitest.Body{"password": "Another-horse-8-battery"}).Want(t, http.StatusNoContent)
	refused("the invitation of who has a password", fifth)
	c.admin.Post(t, c.user(id)+"/invitation", nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	c.try(t, "guest@crew.example", "Another-horse-8-battery").Want(t, http.StatusOK)
	// Status is no way around it.
	other := c.make(t, apitest.Body{"invite": true}).String(t, "id")
	for _, status := range []string{"active", "disabled"} {
		c.admin.Patch(t, c.user(other), apitest.Body{"status": status}).WantProblem(t, http.StatusConflict, "wrong_state", "")
	}
}

// Covers: USR-20
func TestTheWelcomeMailNamesTheLoginAndNeverThePassword(t *testing.T) {
	t.Parallel()
	c := newCrew(t)
	made := c.make(t, apitest.Body{"generate_password": true, "login": "new@crew.example", "language": "fr-CA"})
	c.Work(t)
	c.admin.Post(t, c.user(made.String(t, "id"))+"/welcome", nil).Want(t, http.StatusNoContent)
	c.Work(t)
	mails := c.Mailbox.Mails("new@crew.example")
	if len(mails) != 2 {
		t.Fatalf("%d mails have come", len(mails))
	}
	for _, m := range mails {
		if !strings.Contains(m.Text, "new@crew.example") || !strings.Contains(m.Text, "Bonjour") || strings.Contains(m.Text+m.HTML, made.String(t, "generated_password")) {
			t.Errorf("the mail is %q", m.Text)
		}
		if m.Link(t).String() != apitest.AppURL+"/login" {
			t.Errorf("the mail leads to %s", m.Link(t))
		}
	}
	c.make(t, apitest.Body{"password": apitest.Password, "login": "quiet@crew.example", "send_welcome": false})
	c.make(t, apitest.Body{"password": apitest.Password, "login": "robot@crew.example", "kind": "service"})
	c.Work(t)
	for _, login := range []string{"quiet@crew.example", "robot@crew.example"} {
		if len(c.Mailbox.Mails(login)) != 0 {
			t.Errorf("%s was written to", login)
		}
	}
}

func TestWithoutAMailServerNobodyIsInvited(t *testing.T) {
	t.Parallel()
	c := newCrew(t, apitest.WithoutMail())
	c.admin.Post(t, c.at.Path("/users"), c.body(apitest.Body{"invite": true})).WantProblem(t, http.StatusServiceUnavailable, "mail_not_configured", "")
	made := c.make(t, apitest.Body{"password": apitest.Password}) // without the welcome
	c.admin.Post(t, c.user(made.String(t, "id"))+"/welcome", nil).WantProblem(t, http.StatusServiceUnavailable, "mail_not_configured", "")
}
