package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/sim"
	"github.com/trellishq/trellis/internal/id"
)

// story is the demo's conversation. It uses the public API alone, as a frontend
// would; only the operator is created behind it, as by trellis operator create.
type story struct {
	node     *node
	carriers *sim.Simulator
	url      string
	book     book
	step     int
}

// book is what the demo remembers between starts.
type book struct {
	Password     string `json:"password"`
	OperatorID   string `json:"operator_id"`
	ResellerID   string `json:"reseller_id"`
	SecondID     string `json:"second_reseller_id"`
	TenantID     string `json:"tenant_id"`
	NumberID     string `json:"number_id"`
	ChannelID    string `json:"channel_id"`
	InboundURL   string `json:"inbound_url"`
	CarrierKey   string `json:"carrier_secret"`
	Told         bool   `json:"told"`
	Conversation string `json:"conversation_id"`
}

// The people and numbers of the demo.
const (
	staffLogin    = "staff@operator.example"
	resellerLogin = "rita@northwind.example"
	secondLogin   = "remy@prairie.example"
	adminLogin    = "tara@maple.example"
	managerLogin  = "max@maple.example"
	agentLogin    = "ana@maple.example"
	userLogin     = "uma@maple.example"
	demoNumber    = "+15145550100"
	demoCustomer  = "+15145550199"
)

func newStory(n *node, carriers *sim.Simulator) *story {
	return &story{node: n, carriers: carriers, url: n.config.PublicURL}
}

func (s *story) bookPath() string { return filepath.Join(s.node.config.DataDir, "demo.json") }

// play tells the story: from the beginning the first time, and on from there
// with the same data afterwards.
func (s *story) play(ctx context.Context, started time.Time) error {
	if err := s.awaitReady(ctx); err != nil {
		return err
	}
	say("Ready after %.1f s at %s\n", time.Since(started).Seconds(), s.url)
	if err := s.openBook(); err != nil {
		return err
	}
	if !s.book.Told {
		if err := s.found(ctx); err != nil {
			return err
		}
	} else {
		say("The tenants, people and messages of the last time are still there.")
	}
	_ = s.carriers.AddAccount(sim.Account{
		Provider: provider.Scopserv, Credentials: s.carrierAccount(), Addresses: []string{demoNumber}, InboundURL: s.inboundURL(),
	})
	return s.converse(ctx)
}

func (s *story) openBook() error {
	content, err := os.ReadFile(s.bookPath())
	if errors.Is(err, fs.ErrNotExist) {
		s.book = book{Password: id.Token(passwordLength), CarrierKey: id.Token(32)}
		return nil
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(content, &s.book)
}

func (s *story) closeBook() error {
	content, err := json.MarshalIndent(s.book, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(s.bookPath(), content, 0o600)
}

func (s *story) carrierAccount() provider.Credentials {
	return provider.Credentials{"account": "operator", "secret": s.book.CarrierKey}
}

// inboundURL is the number's callback address where we listen this time.
func (s *story) inboundURL() string { return s.url + s.book.InboundURL }

// found creates the operator, the resellers, the tenant and its people, and
// takes a number down to it.
func (s *story) found(ctx context.Context) error {
	operator, err := s.createOperator(ctx)
	if err != nil {
		return err
	}
	staff, err := s.signIn(ctx, staffLogin)
	if err != nil {
		return err
	}
	_ = s.carriers.AddAccount(sim.Account{Provider: provider.Scopserv, Credentials: s.carrierAccount(), Addresses: []string{demoNumber}})
	number, err := staff.post(ctx, "/v1/tenants/"+operator+"/numbers", object{
		"address": demoNumber, "provider": "scopserv", "credentials": s.carrierAccount(),
	})
	if err != nil {
		return err
	}
	s.book.OperatorID, s.book.NumberID = operator, number.text("id")
	s.book.InboundURL = number.text("inbound_url")[len(s.url):]
	s.tell("The operator adds the number %s of its carrier to the inventory.", demoNumber)
	if err := s.growTree(ctx, staff); err != nil {
		return err
	}
	s.book.Told = true
	return s.closeBook()
}

func (s *story) createOperator(ctx context.Context) (string, error) {
	s.tell("trellis operator create: the operator and its first staff member, %s.", staffLogin)
	command := operatorCreateCommand{Name: "Operator", Login: staffLogin, User: "Sam Staff", Password: s.book.Password}
	if err := command.create(ctx, s.node); err != nil {
		return "", err
	}
	staff, err := s.signIn(ctx, staffLogin)
	if err != nil {
		return "", err
	}
	me, err := staff.get(ctx, "/v1/me")
	return me.text("tenant", "id"), err
}

// growTree lets everybody create what is below him and hand the number on.
func (s *story) growTree(ctx context.Context, staff *caller) error {
	levels := []struct {
		kind, name, login, person string
		into                      *string
	}{
		{"reseller_l1", "Northwind Voice", resellerLogin, "Rita Reseller", &s.book.ResellerID},
		{"reseller_l2", "Prairie Partners", secondLogin, "Remy Reseller", &s.book.SecondID},
		{"customer", "Maple Dental", adminLogin, "Tara Admin", &s.book.TenantID},
	}
	by, parent := staff, s.book.OperatorID
	for _, level := range levels {
		child, err := s.createTenant(ctx, by, parent, level.kind, level.name, level.login, level.person)
		if err != nil {
			return err
		}
		if _, err := by.post(ctx, "/v1/tenants/"+parent+"/numbers/"+s.book.NumberID+"/assign", object{"tenant_id": child}); err != nil {
			return err
		}
		s.tell("%s creates the %s %q, its administrator %s, and hands the number down.", by.name, level.kind, level.name, level.login)
		*level.into = child
		if by, err = s.signIn(ctx, level.login); err != nil {
			return err
		}
		by.name, parent = level.person, child
	}
	return s.hire(ctx, by)
}

func (s *story) createTenant(ctx context.Context, by *caller, parent, kind, name, login, person string) (string, error) {
	made, err := by.post(ctx, "/v1/tenants", object{
		"parent_id": parent, "kind": kind, "name": name, "country": "CA", "time_zone": "America/Toronto", "language": "en-CA",
	})
	if err != nil {
		return "", err
	}
	child := made.text("id")
	_, err = by.post(ctx, "/v1/tenants/"+child+"/users", object{
		"login": login, "name": person, "role": "tenant_admin", "password": s.book.Password,
	})
	return child, err
}

func (s *story) hire(ctx context.Context, admin *caller) error {
	for _, p := range []struct{ login, name, role string }{
		{managerLogin, "Max Manager", "manager"}, {agentLogin, "Ana Agent", "agent"}, {userLogin, "Uma User", "user"},
	} {
		_, err := admin.post(ctx, "/v1/tenants/"+s.book.TenantID+"/users", object{
			"login": p.login, "name": p.name, "role": p.role, "password": s.book.Password,
		})
		if err != nil {
			return err
		}
	}
	channels, err := admin.get(ctx, "/v1/tenants/"+s.book.TenantID+"/channels")
	if err != nil {
		return err
	}
	s.book.ChannelID = channels.item(0).text("id")
	s.tell("Tara finds the number among her channels and adds a manager, an agent and a user.")
	return nil
}

// converse lets a customer write and be answered.
func (s *story) converse(ctx context.Context) error {
	manager, err := s.signIn(ctx, managerLogin)
	if err != nil {
		return err
	}
	agent, err := s.signIn(ctx, agentLogin)
	if err != nil {
		return err
	}
	at := "/v1/tenants/" + s.book.TenantID
	waiting, err := s.receive(ctx, manager, at)
	if err != nil {
		return err
	}
	conversation := at + "/interactions/" + waiting.text("id")
	if _, err := manager.post(ctx, conversation+"/assign", object{"user_id": agent.userID}); err != nil {
		return err
	}
	s.tell("Max sees it waiting (%s, %v unseen) and assigns it to Ana.", waiting.text("status"), waiting["unseen"])
	if _, err := agent.post(ctx, conversation+"/read", nil); err != nil {
		return err
	}
	sent, err := agent.post(ctx, conversation+"/messages", object{"body": "Yes, until six. See you then!"})
	if err != nil {
		return err
	}
	s.tell("Ana reads it and replies: %q is %s.", sent.text("body"), sent.text("status"))
	if err := s.followDelivery(ctx, agent, at+"/messages/"+sent.text("id")); err != nil {
		return err
	}
	closed, err := agent.post(ctx, conversation+"/close", object{"reason": "answered"})
	if err != nil {
		return err
	}
	s.tell("Ana closes the conversation: it is %s, out of the inbox, and in the history.", closed.text("status"))
	return nil
}

// receive lets the carrier hand over a customer's SMS, truly signed.
func (s *story) receive(ctx context.Context, manager *caller, at string) (object, error) {
	const question = "Hi, are you open today? 🙂"
	got, err := s.carriers.Inject(ctx, sim.Inbound{Provider: provider.Scopserv, From: demoCustomer, To: demoNumber, Body: question})
	if err != nil {
		return nil, err
	}
	s.tell("A customer, %s, texts %q. The carrier calls our signed webhook: %d.", demoCustomer, question, got.Answers[0].Status)
	var found object
	err = s.until(ctx, "the message is in the inbox", func() (bool, error) {
		list, err := manager.get(ctx, at+"/interactions?status=waiting_agent&address=%2B15145550199")
		if err != nil || len(list.items()) == 0 {
			return false, err
		}
		found = list.item(0)
		return true, nil
	})
	return found, err
}

func (s *story) followDelivery(ctx context.Context, agent *caller, message string) error {
	last := "queued"
	return s.until(ctx, "the reply is delivered", func() (bool, error) {
		now, err := agent.get(ctx, message)
		if err != nil {
			return false, err
		}
		if status := now.text("status"); status != last {
			say("      … the reply is %s.", status)
			last = status
		}
		return last == "delivered", nil
	})
}

const (
	patience = 20 * time.Second
	glance   = 20 * time.Millisecond
)

// until looks again and again, as a frontend without events would.
func (s *story) until(ctx context.Context, what string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited %s until %s: %w", patience, what, ctx.Err())
		case <-time.After(glance):
		}
	}
}

func (s *story) awaitReady(ctx context.Context) error {
	return s.until(ctx, "the API is ready", func() (bool, error) {
		response, err := http.Get(s.url + "/readyz")
		if err != nil {
			return false, nil // not listening yet
		}
		defer func() { _ = response.Body.Close() }()
		return response.StatusCode == http.StatusOK, nil
	})
}

func (s *story) tell(format string, args ...any) {
	s.step++
	say("%2d. "+format, append([]any{s.step}, args...)...)
}

// invite says how to go on by hand.
func (s *story) invite() {
	say("\nIt keeps serving until Ctrl-C, and its data stay in %s.\n", s.node.config.DataDir)
	say("  API            %s/v1", s.url)
	say("  Documentation  %s/docs", s.url)
	say("  Logins         %s (operator), %s (reseller),\n                 %s (tenant admin), %s (manager),\n                 %s (agent), %s (user)",
		staffLogin, resellerLogin, adminLogin, managerLogin, agentLogin, userLogin)
	say("  Password       %s\n", s.book.Password)
	say("Try:\n")
	say("  TOKEN=$(curl -s %s/v1/auth/login -H 'Content-Type: application/json' \\\n    -d '{\"login\":\"%s\",\"password\":\"%s\"}' | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')\n",
		s.url, adminLogin, s.book.Password)
	say("  curl -s %s/v1/tenants/%s/interactions?view=all -H \"Authorization: Bearer $TOKEN\"\n", s.url, s.book.TenantID)
	say("  curl -s %s/v1/tenants/%s/messages -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\\n    -d '{\"channel_id\":\"%s\",\"to\":\"%s\",\"body\":\"Hello from curl\"}'\n",
		s.url, s.book.TenantID, s.book.ChannelID, demoCustomer)
}

// object is a JSON object.
type object map[string]any

func (o object) text(path ...string) string {
	at := o
	for _, step := range path[:len(path)-1] {
		at, _ = at[step].(map[string]any)
	}
	text, _ := at[path[len(path)-1]].(string)
	return text
}

func (o object) items() []any {
	items, _ := o["items"].([]any)
	return items
}

func (o object) item(i int) object {
	items := o.items()
	if i >= len(items) {
		return object{}
	}
	item, _ := items[i].(map[string]any)
	return item
}

// caller is somebody who is signed in.
type caller struct {
	url, token, userID, name string
}

func (s *story) signIn(ctx context.Context, login string) (*caller, error) {
	c := &caller{url: s.url, name: login}
	tokens, err := c.post(ctx, "/v1/auth/login", object{"login": login, "password": s.book.Password})
	if err != nil {
		return nil, err
	}
	c.token, c.userID = tokens.text("access_token"), tokens.text("user_id")
	return c, nil
}

func (c *caller) get(ctx context.Context, path string) (object, error) {
	return c.call(ctx, http.MethodGet, path, nil)
}

func (c *caller) post(ctx context.Context, path string, body object) (object, error) {
	return c.call(ctx, http.MethodPost, path, body)
}

func (c *caller) call(ctx context.Context, method, path string, body object) (object, error) {
	var content bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&content).Encode(body); err != nil {
			return nil, err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, c.url+path, &content)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= http.StatusBadRequest {
		return nil, fmt.Errorf("%s %s: %d: %s", method, path, response.StatusCode, answer)
	}
	var out object
	if len(answer) > 0 {
		err = json.Unmarshal(answer, &out)
	}
	return out, err
}
