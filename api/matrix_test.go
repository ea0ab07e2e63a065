package api_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
)

// Who may do what, in letters: O the operator's staff, R the admin of a
// reseller, T the admin of a customer, M manager, A agent, U user, K an API key
// that was given channels:read.
//
// own is said of the caller's own tenant, below of those under it. What is
// neither own nor visible does not exist: 404. What is visible and not allowed
// is 403. Nobody but O and R sees anything below.
type rule struct {
	own, below string
	// prepare makes what the request is about, so that it succeeds.
	prepare func(*testing.T, *world, *caller, *node) map[string]string
	body    func(*testing.T, *world, *caller, *node, map[string]string) any
	upload  bool
	// want is the status where it is not the operation's success.
	want func(*node) int
}

// caller is somebody who asks.
type caller struct {
	*apitest.Client
	name string
	role string
	home *node
}

const (
	everyone = "RTMAUK"
	people   = "RTMAU" // content: never the operator
)

func interactionOf(t *testing.T, w *world, c *caller, n *node) map[string]string {
	t.Helper()
	interaction, message, contact := w.interaction(t, n, c.Client)
	return map[string]string{"interaction_id": interaction, "message_id": message, "contact_id": contact}
}

// interactionThat is an interaction that was brought into a state.
func interactionThat(state string) func(*testing.T, *world, *caller, *node) map[string]string {
	return func(t *testing.T, w *world, c *caller, n *node) map[string]string {
		t.Helper()
		ids := interactionOf(t, w, c, n)
		w.Tamper(t, "UPDATE interactions SET "+state+" WHERE id = $1", ids["interaction_id"])
		return ids
	}
}

// reopenable is a closed interaction on a channel that lets it be opened again.
func reopenable(t *testing.T, w *world, c *caller, n *node) map[string]string {
	t.Helper()
	w.Tamper(t, "UPDATE channels SET reopen_within_hours = 8760 WHERE id = $1", n.channel)
	return interactionThat("status = 'closed', closed_at = updated_at")(t, w, c, n)
}

// actingAt is an act-as session in a tenant; the operator has nobody above.
func actingAt(t *testing.T, w *world, _ *caller, n *node) map[string]string {
	t.Helper()
	return map[string]string{"act_as_id": w.acting(t, n)}
}

func failedMessage(t *testing.T, w *world, c *caller, n *node) map[string]string {
	t.Helper()
	ids := interactionOf(t, w, c, n)
	w.Tamper(t, "UPDATE messages SET status = 'failed', due_at = NULL WHERE id = $1", ids["message_id"])
	return ids
}

func scheduledMessage(t *testing.T, w *world, c *caller, n *node) map[string]string {
	t.Helper()
	ids := interactionOf(t, w, c, n)
	ids["message_id"] = w.scheduled(t, n, ids["interaction_id"])
	return ids
}

// reminderOf is one of the caller's own, if he may have one.
func reminderOf(t *testing.T, w *world, c *caller, n *node) map[string]string {
	t.Helper()
	ids := interactionOf(t, w, c, n)
	by := n.boss
	if c.home == n && strings.Contains(people, c.role) {
		by = c.Client
	}
	ids["reminder_id"] = w.reminder(t, n, by, ids["interaction_id"])
	return ids
}

func keyOf(t *testing.T, w *world, _ *caller, n *node) map[string]string {
	t.Helper()
	id, _ := w.key(t, n, "channels:read")
	return map[string]string{"api_key_id": id}
}

func roleOf(t *testing.T, w *world, _ *caller, n *node) map[string]string {
	t.Helper()
	return map[string]string{"role_id": w.role(t, n)}
}

func numberOf(t *testing.T, w *world, _ *caller, n *node) map[string]string {
	t.Helper()
	return map[string]string{"number_id": w.number(t, n)}
}

// numberBelow is held by a child of the node, or by the node where it has none.
func numberBelow(t *testing.T, w *world, _ *caller, n *node) map[string]string {
	t.Helper()
	holder := n
	if child := w.childOf(n); child != nil {
		holder = child
	}
	return map[string]string{"number_id": w.number(t, holder)}
}

func channelOf(_ *testing.T, _ *world, _ *caller, n *node) map[string]string {
	return map[string]string{"channel_id": n.channel}
}

func senderOf(t *testing.T, w *world, _ *caller, n *node) map[string]string {
	t.Helper()
	return map[string]string{"sender_id": w.sender(t, n)}
}

func queueOf(t *testing.T, w *world, _ *caller, n *node) map[string]string {
	t.Helper()
	return map[string]string{"queue_id": w.queue(t, n)}
}

func tagOf(t *testing.T, w *world, _ *caller, n *node) map[string]string {
	t.Helper()
	return map[string]string{"tag_id": w.tag(t, n)}
}

func dispositionOf(t *testing.T, w *world, _ *caller, n *node) map[string]string {
	t.Helper()
	return map[string]string{"disposition_id": w.disposition(t, n)}
}

// interactionAndTag are an interaction of the caller's and a tag that it does not
// have.
func interactionAndTag(t *testing.T, w *world, c *caller, n *node) map[string]string {
	t.Helper()
	ids := interactionOf(t, w, c, n)
	ids["tag_id"] = w.tag(t, n)
	return ids
}

// closedInteraction is one that has come to nothing yet, and what it can come to.
func closedInteraction(t *testing.T, w *world, c *caller, n *node) map[string]string {
	t.Helper()
	ids := interactionOf(t, w, c, n)
	n.boss.Post(t, n.Path("/interactions/%s/close", ids["interaction_id"]), apitest.Body{}).Want(t, http.StatusOK)
	ids["disposition_id"] = w.disposition(t, n)
	return ids
}

// noteOf is a note of the caller's own where he may write one.
func noteOf(t *testing.T, w *world, c *caller, n *node) map[string]string {
	t.Helper()
	ids := interactionOf(t, w, c, n)
	ids["note_id"] = c.Post(t, n.Path("/interactions/%s/notes", ids["interaction_id"]), apitest.Body{"body": "calls back"}).
		Want(t, http.StatusCreated).String(t, "id")
	return ids
}

func draftOf(t *testing.T, w *world, c *caller, n *node) map[string]string {
	t.Helper()
	ids := interactionOf(t, w, c, n)
	c.Do(t, http.MethodPut, n.Path("/interactions/%s/draft", ids["interaction_id"]), apitest.Body{"body": "We are"}).Want(t, http.StatusOK)
	return ids
}

// writtenByCustomer is an interaction in which the customer has written something.
func writtenByCustomer(t *testing.T, w *world, c *caller, n *node) map[string]string {
	t.Helper()
	ids := interactionOf(t, w, c, n)
	w.Tamper(t, "UPDATE messages SET direction = 'inbound' WHERE id = $1", ids["message_id"])
	w.Tamper(t, "UPDATE interactions SET inbound = 1 WHERE id = $1", ids["interaction_id"])
	return ids
}

// offerThatIs is an offer to the caller in a state.
func offerThatIs(state string) func(*testing.T, *world, *caller, *node) map[string]string {
	return func(t *testing.T, w *world, c *caller, n *node) map[string]string {
		t.Helper()
		to := n.boss.UserID
		if c.TenantID == n.ID {
			to = c.UserID
		}
		return map[string]string{"offer_id": w.offer(t, n, to, state)}
	}
}

func labelled(*testing.T, *world, *caller, *node, map[string]string) any {
	return apitest.Body{"name": uuid.NewString(), "color": "#d32f2f"}
}

// onDuty is the caller at work in a queue; the name of a colleague stands in
// user_id.
func onDuty(t *testing.T, w *world, c *caller, n *node) map[string]string {
	t.Helper()
	return w.shift(t, n, c.UserID.String(), "available")
}

func offDuty(t *testing.T, w *world, c *caller, n *node) map[string]string {
	t.Helper()
	return w.shift(t, n, c.UserID.String(), "logged_off")
}

func pausing(t *testing.T, w *world, c *caller, n *node) map[string]string {
	t.Helper()
	return w.shift(t, n, c.UserID.String(), "paused")
}

func outOfQueue(t *testing.T, w *world, c *caller, n *node) map[string]string {
	t.Helper()
	ids := onDuty(t, w, c, n)
	w.Tamper(t, "UPDATE queue_members SET logged_out_at = created_at WHERE queue_id = $1", ids["queue_id"])
	return ids
}

// colleague is another at work.
func colleague(t *testing.T, w *world, _ *caller, n *node) map[string]string {
	t.Helper()
	return w.shift(t, n, n.user, "available")
}

func pausingColleague(t *testing.T, w *world, _ *caller, n *node) map[string]string {
	t.Helper()
	return w.shift(t, n, n.user, "paused")
}

func colleagueOutOfQueue(t *testing.T, w *world, c *caller, n *node) map[string]string {
	t.Helper()
	ids := colleague(t, w, c, n)
	w.Tamper(t, "UPDATE queue_members SET logged_out_at = created_at WHERE queue_id = $1", ids["queue_id"])
	return ids
}

// managerOf is an agent or manager, whom the operator has none of.
func managerOf(t *testing.T, w *world, _ *caller, n *node) map[string]string {
	t.Helper()
	if n.parent == nil {
		w.Tamper(t, "UPDATE users SET role = 'manager' WHERE id = $1", n.user)
	}
	return map[string]string{"user_id": n.user}
}

func auxCode(code int) func(*testing.T, *world, *caller, *node) map[string]string {
	return func(*testing.T, *world, *caller, *node) map[string]string {
		return map[string]string{"code": fmt.Sprint(code)}
	}
}

func newAuxCode(t *testing.T, _ *world, _ *caller, n *node) map[string]string {
	t.Helper()
	made := n.boss.Post(t, n.Path("/aux-codes"), apitest.Body{"name": uuid.NewString()}).Want(t, http.StatusCreated)
	return map[string]string{"code": fmt.Sprint(made.Int(t, "code"))}
}

// inboxViewOf is a view of the caller's own, and of the tenant's where he is none of its people.
func inboxViewOf(t *testing.T, w *world, c *caller, n *node) map[string]string {
	t.Helper()
	owner := c.UserID
	if c.home != n || owner == uuid.Nil {
		owner = n.boss.UserID
	}
	return map[string]string{"inbox_view_id": w.inboxView(t, n, owner)}
}

func contactListOf(t *testing.T, w *world, _ *caller, n *node) map[string]string {
	t.Helper()
	return map[string]string{"list_id": w.contactList(t, n)}
}

func phraseOf(t *testing.T, w *world, _ *caller, n *node) map[string]string {
	t.Helper()
	return map[string]string{"phrase_id": w.phrase(t, n)}
}

func userOf(_ *testing.T, _ *world, _ *caller, n *node) map[string]string {
	return map[string]string{"user_id": n.user}
}

func sessionOf(t *testing.T, w *world, _ *caller, n *node) map[string]string {
	t.Helper()
	return map[string]string{"user_id": n.user, "session_id": w.session(t, n)}
}

// factorOf is a user with a second factor in use.
func factorOf(t *testing.T, w *world, _ *caller, n *node) map[string]string {
	t.Helper()
	w.Tamper(t, `INSERT INTO second_factors AS f (tenant_id, user_id, secret, created_at, confirmed_at)
		VALUES ($1, $2, '\x01', $3, $3) ON CONFLICT (tenant_id, user_id) DO UPDATE SET secret = '\x01', confirmed_at = $3`,
		n.ID, n.user, w.Clock.Now())
	return map[string]string{"user_id": n.user}
}

// signOnOf is a connection to a provider that nobody asks.
func signOnOf(t *testing.T, w *world, _ *caller, n *node) map[string]string {
	t.Helper()
	sealed := w.Keyring.Seal(n.ID, "single_sign_on", n.ID.String(), "client_secret", []byte("the secret of the application"))
	w.Tamper(t, `INSERT INTO single_sign_on (tenant_id, issuer, client_id, client_secret, domains, allow_passwords, created_at, updated_at, version)
		VALUES ($1, 'https://login.example', 'trellis', $2, '["maple.example"]', true, $3, $3, 1)
		ON CONFLICT (tenant_id) DO UPDATE SET client_secret = $2`, n.ID, []byte(sealed), w.Clock.Now())
	return map[string]string{}
}

var unreachableProvider = apitest.Body{
	"issuer": "http://127.0.0.1:1", "client_id": "trellis", "client_secret": "the secret of the application", "email_domains": []string{"maple.example"},
}

// freshUser is a user of the node's whom nothing else is about.
func freshUser(t *testing.T, w *world, _ *caller, n *node) map[string]string {
	t.Helper()
	return map[string]string{"user_id": w.newUserAt(t, n, apitest.Body{"password": apitest.Password})}
}

func archivedUser(t *testing.T, w *world, c *caller, n *node) map[string]string {
	t.Helper()
	ids := freshUser(t, w, c, n)
	n.boss.Do(t, http.MethodDelete, n.Path("/users/%s", ids["user_id"]), nil).Want(t, http.StatusNoContent)
	return ids
}

func invitedUser(t *testing.T, w *world, _ *caller, n *node) map[string]string {
	t.Helper()
	return map[string]string{"user_id": w.newUserAt(t, n, apitest.Body{"invite": true})}
}

func picturedUser(t *testing.T, _ *world, _ *caller, n *node) map[string]string {
	t.Helper()
	n.boss.UploadBy(t, http.MethodPut, n.Path("/users/%s/avatar", n.user), "a.png", drawing(t, "png")).Want(t, http.StatusOK)
	return map[string]string{"user_id": n.user}
}

func departmentOf(t *testing.T, w *world, _ *caller, n *node) map[string]string {
	t.Helper()
	return map[string]string{"department_id": w.department(t, n), "user_id": n.user}
}

func newDepartment(*testing.T, *world, *caller, *node, map[string]string) any {
	return apitest.Body{"name": uuid.NewString()}
}

// attachmentOf is an upload of the caller's own where he may have one: agents
// and users see no others.
func attachmentOf(t *testing.T, w *world, c *caller, n *node) map[string]string {
	t.Helper()
	if c.home == n && strings.Contains(people, c.role) {
		own := c.Upload(t, n.Path("/attachments"), "a.png", drawing(t, "png")).Want(t, http.StatusCreated)
		return map[string]string{"attachment_id": own.String(t, "id")}
	}
	return map[string]string{"attachment_id": w.attachment(t, n)}
}

// given is a list of an id, or of nobody's where there is none.
func given(id string) []string {
	if id == "" {
		id = uuid.NewString()
	}
	return []string{id}
}

// sends is a body that is the same for everybody.
func sends(body apitest.Body) func(*testing.T, *world, *caller, *node, map[string]string) any {
	return func(*testing.T, *world, *caller, *node, map[string]string) any { return body }
}

// leaf is a status where the node has nothing below.
func leaf(status int) func(*node) int {
	return func(n *node) int {
		if n.children == 0 {
			return status
		}
		return 0
	}
}

var parameter = regexp.MustCompile(`\{[a-z_]+\}`)

var matrix = map[string]rule{
	"getTenant":            {own: "ORT", below: "OR"},
	"getBrand":             {own: "ORT", below: "OR"},
	"updateBrand":          {own: "ORT", below: "OR", body: sends(apitest.Body{"product_name": "Ours"})},
	"uploadBrandLogo":      {own: "ORT", below: "OR", upload: true},
	"uploadBrandSmallLogo": {own: "ORT", below: "OR", upload: true},
	"deleteBrandLogo":      {own: "ORT", below: "OR"},
	"deleteBrandSmallLogo": {own: "ORT", below: "OR"},
	"getReseller":          {own: "OR", below: "OR", want: noReseller},
	"updateReseller":       {own: "OR", below: "OR", want: noReseller, body: sends(apitest.Body{"display_name": "Ours"})},

	"updateTenant": {own: "ORT", below: "OR", body: sends(apitest.Body{"language": "fr-CA"})},

	// Nobody gives to himself: the right is there, and not for the own tenant.
	"getEntitlements":    {own: "ORT", below: "OR"},
	"updateEntitlements": {below: "OR", body: sends(apitest.Body{"webhooks": true})},
	"getQuotas":          {own: "ORT", below: "OR"},
	"updateQuotas":       {below: "OR", body: sends(apitest.Body{"seats": 500})},
	"getTenantUsage":     {own: "ORT", below: "OR"},
	"listTenantUsage":    {own: "ORT", below: "OR"},
	"listMonthlyUsage":   {own: "ORT", below: "OR"},

	"listUsers": {own: "ORTM", below: "OR"},
	"getUser":   {own: "ORTM", below: "OR", prepare: userOf},
	"createUser": {own: "ORT", below: "OR", body: func(_ *testing.T, _ *world, _ *caller, n *node, _ map[string]string) any {
		if n.parent == nil {
			return newUser("operator")
		}
		return newUser("agent")
	}},
	"updateUser":           {own: "ORT", below: "OR", prepare: userOf, body: sends(apitest.Body{"name": "Renamed"})},
	"deleteUser":           {own: "ORT", below: "OR", prepare: freshUser},
	"restoreUser":          {own: "ORT", below: "OR", prepare: archivedUser},
	"disconnectUser":       {own: "ORT", below: "OR", prepare: freshUser},
	"generateUserPassword": {own: "ORT", below: "OR", prepare: userOf},
	"inviteUser":           {own: "ORT", below: "OR", prepare: invitedUser},
	"revokeInvitation":     {own: "ORT", below: "OR", prepare: invitedUser},
	"sendWelcome":          {own: "ORT", below: "OR", prepare: freshUser},
	"getUserAvatar":        {own: "ORTM", below: "OR", prepare: picturedUser},
	"uploadUserAvatar":     {own: "ORT", below: "OR", prepare: userOf, upload: true},
	"deleteUserAvatar":     {own: "ORT", below: "OR", prepare: userOf},

	"listDepartments":        {own: "ORTM", below: "OR"},
	"getDepartment":          {own: "ORTM", below: "OR", prepare: departmentOf},
	"createDepartment":       {own: "ORT", below: "OR", body: newDepartment},
	"updateDepartment":       {own: "ORT", below: "OR", prepare: departmentOf, body: sends(apitest.Body{"alias": "Renamed"})},
	"deleteDepartment":       {own: "ORT", below: "OR", prepare: departmentOf},
	"listDepartmentMembers":  {own: "ORTM", below: "OR", prepare: departmentOf},
	"addDepartmentMember":    {own: "ORT", below: "OR", prepare: departmentOf},
	"removeDepartmentMember": {own: "ORT", below: "OR", prepare: departmentOf},

	"setUserPassword": {own: "ORT", below: "OR", prepare: userOf, body: sends(apitest.Body{"password": "Another-horse-8-battery"})},

	"getUserPermissions": {own: "ORTM", below: "OR", prepare: userOf},

	"listRoles":  {own: "ORT", below: "OR"},
	"getRole":    {own: "ORT", below: "OR", prepare: roleOf},
	"createRole": {own: "ORT", below: "OR", body: func(*testing.T, *world, *caller, *node, map[string]string) any { return newRole() }},
	"updateRole": {own: "ORT", below: "OR", prepare: roleOf, body: sends(apitest.Body{"description": "Changed"})},
	"deleteRole": {own: "ORT", below: "OR", prepare: roleOf},

	"getSingleSignOn":    {own: "ORT", below: "OR", prepare: signOnOf},
	"setSingleSignOn":    {own: "ORT", body: sends(unreachableProvider), want: func(*node) int { return unprocessable }},
	"deleteSingleSignOn": {own: "ORT", prepare: signOnOf},

	"listUserSessions":  {own: "ORTM", below: "OR", prepare: userOf},
	"endUserSessions":   {own: "ORT", below: "OR", prepare: userOf},
	"endUserSession":    {own: "ORT", below: "OR", prepare: sessionOf},
	"resetSecondFactor": {own: "ORT", below: "OR", prepare: factorOf},

	"listAPIKeys":   {own: "ORT", below: "OR"},
	"getAPIKey":     {own: "ORT", below: "OR", prepare: keyOf},
	"createAPIKey":  {own: "ORT", below: "OR", body: sends(apitest.Body{"name": "Key", "permissions": []string{"channels:read"}})},
	"createSandbox": {own: "ORT", below: "OR"},
	"injectMessage": {own: "ORT", below: "OR", body: func(_ *testing.T, w *world, _ *caller, n *node, _ map[string]string) any {
		return apitest.Body{"channel_id": n.channel, "from": w.nextNumber(), "body": "hello"}
	}},
	"updateAPIKey": {own: "ORT", below: "OR", prepare: keyOf, body: sends(apitest.Body{"name": "Renamed"})},
	"rotateAPIKey": {own: "ORT", below: "OR", prepare: keyOf, body: sends(apitest.Body{})},
	"revokeAPIKey": {own: "ORT", below: "OR", prepare: keyOf},

	"listNumbers": {own: "OR", below: "OR"},
	"getNumber":   {own: "OR", below: "OR", prepare: numberOf},
	"addNumber": {own: "O", body: func(_ *testing.T, w *world, _ *caller, _ *node, _ map[string]string) any {
		return carrierNumber(w, apitest.NewAddress())
	}},
	"assignNumber": {
		own: "OR", below: "OR", prepare: numberOf, want: leaf(unprocessable),
		body: func(_ *testing.T, w *world, _ *caller, n *node, _ map[string]string) any {
			if child := w.childOf(n); child != nil {
				return apitest.Body{"tenant_id": child.ID}
			}
			return apitest.Body{"tenant_id": uuid.New()}
		},
	},
	"updateNumber": {own: "O", prepare: numberOf, body: sends(apitest.Body{"status": "inactive"})},
	"retireNumber": {own: "O", prepare: numberOf},
	"moveNumber": {
		own: "OR", below: "OR", prepare: numberOf, want: leaf(unprocessable),
		body: func(_ *testing.T, w *world, _ *caller, n *node, _ map[string]string) any {
			if child := w.childOf(n); child != nil {
				return apitest.Body{"tenant_id": child.ID}
			}
			return apitest.Body{"tenant_id": uuid.New()}
		},
	},
	"returnNumber": {own: "OR", below: "OR", prepare: numberOf, want: func(n *node) int {
		if n.parent == nil {
			return http.StatusConflict // nobody is above the operator
		}
		return 0
	}},
	"listNumberHistory": {own: "OR", below: "OR", prepare: numberOf},
	"reclaimNumber":     {own: "OR", below: "OR", prepare: numberBelow, want: leaf(http.StatusConflict)},

	"listChannels":           {own: "O" + everyone, below: "OR"},
	"getChannel":             {own: "O" + everyone, below: "OR", prepare: channelOf},
	"getChannelCapabilities": {own: "O" + everyone, below: "OR", prepare: channelOf},
	"createChannel": {own: "ORT", below: "OR", body: func(*testing.T, *world, *caller, *node, map[string]string) any {
		return sandboxChannel()
	}},
	"updateChannel": {own: "ORT", below: "OR", prepare: channelOf, body: sends(apitest.Body{"name": "Renamed"})},

	"listSenderIDs": {own: "O" + everyone, below: "OR"},
	"addSenderID": {own: "ORT", below: "OR", body: func(*testing.T, *world, *caller, *node, map[string]string) any {
		return apitest.Body{"name": uuid.NewString()[:8] + "ab"}
	}},
	"removeSenderID":    {own: "ORT", below: "OR", prepare: senderOf},
	"getChannelMembers": {own: "ORT", below: "OR", prepare: channelOf},
	"setChannelMembers": {own: "ORT", below: "OR", prepare: channelOf, body: sends(apitest.Body{"restricted": false, "user_ids": []string{}})},

	"listQueues": {own: "ORTMA", below: "OR"},
	"createQueue": {own: "ORT", below: "OR", body: func(*testing.T, *world, *caller, *node, map[string]string) any {
		return apitest.Body{"name": uuid.NewString()}
	}},
	"getQueue":        {own: "ORTMA", below: "OR", prepare: queueOf},
	"updateQueue":     {own: "ORT", below: "OR", prepare: queueOf, body: sends(apitest.Body{})},
	"archiveQueue":    {own: "ORT", below: "OR", prepare: queueOf},
	"getQueueMembers": {own: "ORTMA", below: "OR", prepare: queueOf},
	"setQueueMembers": {own: "ORT", below: "OR", prepare: queueOf, body: sends(apitest.Body{"user_ids": []string{}})},

	"getQueueManagers":   {own: "ORTMA", below: "OR", prepare: queueOf},
	"setQueueManagers":   {own: "ORT", below: "OR", prepare: queueOf, body: sends(apitest.Body{"user_ids": []string{}})},
	"listTags":           {own: "ORTMAU", below: "OR"},
	"createTag":          {own: "ORT", below: "OR", body: labelled},
	"getTag":             {own: "ORTMAU", below: "OR", prepare: tagOf},
	"updateTag":          {own: "ORT", below: "OR", prepare: tagOf, body: sends(apitest.Body{"color": "#ffffff"})},
	"archiveTag":         {own: "ORT", below: "OR", prepare: tagOf},
	"listDispositions":   {own: "ORTMAU", below: "OR"},
	"createDisposition":  {own: "ORT", below: "OR", body: labelled},
	"getDisposition":     {own: "ORTMAU", below: "OR", prepare: dispositionOf},
	"updateDisposition":  {own: "ORT", below: "OR", prepare: dispositionOf, body: sends(apitest.Body{"color": "#ffffff"})},
	"archiveDisposition": {own: "ORT", below: "OR", prepare: dispositionOf},

	"listAgents":           {own: "RTMA"},
	"getAgent":             {own: "RTMA", prepare: userOf},
	"listQueueStaffing":    {own: "RTMA"},
	"listAgentLog":         {own: "RTM", prepare: userOf},
	"getMyAgent":           {own: "RTMA"},
	"startMyAgentSession":  {own: "RTMA", prepare: offDuty},
	"endMyAgentSession":    {own: "RTMA", prepare: onDuty},
	"pauseMyAgentSession":  {own: "RTMA", prepare: onDuty, body: sends(apitest.Body{"aux_code": 2})},
	"resumeMyAgentSession": {own: "RTMA", prepare: pausing},

	"sendAgentHeartbeat": {own: "RTMA", prepare: onDuty},
	"endMyQueueLogin":    {own: "RTMA", prepare: onDuty, body: sends(apitest.Body{"confirm": true, "aux_code": 2})},
	"startMyQueueLogin":  {own: "RTMA", prepare: outOfQueue},

	"endAgentSession":      {own: "RTM", prepare: colleague},
	"pauseAgentSession":    {own: "RTM", prepare: colleague, body: sends(apitest.Body{})},
	"resumeAgentSession":   {own: "RTM", prepare: pausingColleague},
	"endAgentQueueLogin":   {own: "RTM", prepare: colleague, body: sends(apitest.Body{})},
	"startAgentQueueLogin": {own: "RTM", prepare: colleagueOutOfQueue},

	"listAuxCodes": {own: "ORTMA", below: "OR"},
	"getAuxCode":   {own: "ORTMA", below: "OR", prepare: auxCode(2)},
	"createAuxCode": {own: "ORT", below: "OR", body: func(*testing.T, *world, *caller, *node, map[string]string) any {
		return apitest.Body{"name": uuid.NewString()}
	}},
	"updateAuxCode":       {own: "ORT", below: "OR", prepare: auxCode(4), body: sends(apitest.Body{"name": "Meetings"})},
	"deleteAuxCode":       {own: "ORT", below: "OR", prepare: newAuxCode},
	"getAgentSettings":    {own: "ORTMA", below: "OR"},
	"updateAgentSettings": {own: "ORT", below: "OR", body: sends(apitest.Body{"max_units": 12})},
	"getAgentCapacity":    {own: "ORTMA", below: "OR", prepare: managerOf},
	"updateAgentCapacity": {own: "ORT", below: "OR", prepare: managerOf, body: sends(apitest.Body{"max_units": 8})},

	"listAuditEntries":   {own: "ORT", below: "OR"},
	"exportAuditEntries": {own: "ORT", below: "OR"},

	// Nobody acts at home: there he is refused for being there.
	"startActAs": {below: "OR", body: sends(apitest.Body{"reason": "a reason that will do"})},
	"listActAs":  {own: "ORT", below: "OR"},
	"endActAs":   {own: "ORT", below: "OR", prepare: actingAt},

	"listPhrases": {own: "O" + people, below: "OR"},
	"createPhrase": {own: "ORTM", below: "OR", body: func(*testing.T, *world, *caller, *node, map[string]string) any {
		return newPhrase("Hours")
	}},
	"getPhrase":       {own: "O" + people, below: "OR", prepare: phraseOf},
	"updatePhrase":    {own: "ORTM", below: "OR", prepare: phraseOf, body: sends(apitest.Body{"title": "Renamed"})},
	"deletePhrase":    {own: "ORTM", below: "OR", prepare: phraseOf},
	"getPlaceholders": {own: "O" + people, below: "OR"},

	"createContact":            {own: people, body: sends(apitest.Body{"name": "Ada"})},
	"updateContact":            {own: people, prepare: interactionOf, body: sends(apitest.Body{"location": "here"})},
	"listContactJourney":       {own: people, prepare: interactionOf},
	"listContactHistory":       {own: people, prepare: interactionOf},
	"listPreviousInteractions": {own: people, prepare: interactionOf},
	"listInteractionRecord":    {own: people, prepare: interactionOf},
	"getInteractionProfile":    {own: people, prepare: interactionOf},
	"listContactSuggestions":   {own: people, prepare: interactionOf},
	"createInteractionContact": {own: people, prepare: interactionOf, body: sends(apitest.Body{"name": "Ada"})},
	"linkInteraction": {own: people, prepare: knownInteractionOf, body: func(_ *testing.T, _ *world, _ *caller, _ *node, ids map[string]string) any {
		return apitest.Body{"contact_id": ids["contact_id"]}
	}},
	"unlinkInteraction": {own: people, prepare: knownInteractionOf},

	"listContacts": {own: people},
	"getContact":   {own: people, prepare: interactionOf},

	"listContactLists": {own: people},
	"createContactList": {own: "RT", body: func(*testing.T, *world, *caller, *node, map[string]string) any {
		return apitest.Body{"name": uuid.NewString()}
	}},
	"getContactList":     {own: people, prepare: contactListOf},
	"updateContactList":  {own: "RT", prepare: contactListOf, body: sends(apitest.Body{})},
	"archiveContactList": {own: "RT", prepare: contactListOf},

	"listOptOuts": {own: "RT"},
	"checkOptOuts": {own: "RT", body: func(_ *testing.T, _ *world, _ *caller, n *node, _ map[string]string) any {
		return apitest.Body{"channel_id": n.channel, "addresses": []string{"+15145550199"}}
	}},

	"listInteractions":       {own: people},
	"getInteractionCounters": {own: people},

	"listInboxViews": {own: people},
	"createInboxView": {own: people, body: func(*testing.T, *world, *caller, *node, map[string]string) any {
		return apitest.Body{"name": uuid.NewString()}
	}},
	"getInboxView":              {own: people, prepare: inboxViewOf},
	"updateInboxView":           {own: people, prepare: inboxViewOf, body: sends(apitest.Body{"sort": "status"})},
	"deleteInboxView":           {own: people, prepare: inboxViewOf},
	"listInboxViewInteractions": {own: people, prepare: inboxViewOf},
	"getInboxViewCount":         {own: people, prepare: inboxViewOf},

	"getInteraction":      {own: people, prepare: interactionOf},
	"markInteractionRead": {own: people, prepare: interactionOf},

	"markInteractionUnread": {own: people, prepare: writtenByCustomer},
	"getUnreadCount":        {own: people},
	"disposeInteraction": {own: people, prepare: closedInteraction, body: func(_ *testing.T, _ *world, _ *caller, _ *node, ids map[string]string) any {
		return apitest.Body{"disposition_id": given(ids["disposition_id"])[0]}
	}},
	"getInteractionViewers": {own: people, prepare: interactionOf},
	"startViewing":          {own: people, prepare: interactionOf},
	"endViewing":            {own: people, prepare: interactionOf},
	"listNotes":             {own: people, prepare: interactionOf},
	"addNote":               {own: people, prepare: interactionOf, body: sends(apitest.Body{"body": "calls back"})},
	"getNote":               {own: people, prepare: noteOf},
	"updateNote":            {own: people, prepare: noteOf, body: sends(apitest.Body{"body": "calls back"})},
	"deleteNote":            {own: people, prepare: noteOf},
	"listDrafts":            {own: people},
	"getDraft":              {own: people, prepare: draftOf},
	"setDraft":              {own: people, prepare: interactionOf, body: sends(apitest.Body{"body": "We are"})},
	"deleteDraft":           {own: people, prepare: draftOf},
	"addInteractionTag":     {own: people, prepare: interactionAndTag},
	"removeInteractionTag":  {own: people, prepare: interactionAndTag},
	"updateInteractionTags": {own: people, prepare: interactionAndTag, body: func(_ *testing.T, _ *world, _ *caller, _ *node, ids map[string]string) any {
		return apitest.Body{"interaction_ids": given(ids["interaction_id"]), "add_tag_ids": given(ids["tag_id"])}
	}},

	"closeInteraction":    {own: people, prepare: interactionOf, body: sends(apitest.Body{})},
	"updateInteraction":   {own: people, prepare: interactionOf, body: sends(apitest.Body{"subject": "Hours"})},
	"waitForCustomer":     {own: people, prepare: interactionOf, body: sends(apitest.Body{})},
	"resumeInteraction":   {own: people, prepare: interactionThat("status = 'waiting_customer'"), body: sends(apitest.Body{})},
	"solveInteraction":    {own: people, prepare: interactionOf, body: sends(apitest.Body{})},
	"pauseInteraction":    {own: people, prepare: interactionOf, body: sends(apitest.Body{})},
	"unpauseInteraction":  {own: people, prepare: interactionThat("paused_at = updated_at"), body: sends(apitest.Body{})},
	"hideInteraction":     {own: people, prepare: interactionThat("status = 'closed', closed_at = updated_at"), body: sends(apitest.Body{})},
	"reopenInteraction":   {own: "RTM", prepare: reopenable, body: sends(apitest.Body{})},
	"getInboxSettings":    {own: people},
	"downloadTranscript":  {own: people, prepare: interactionOf},
	"updateInboxSettings": {own: "ORT", below: "OR", body: sends(apitest.Body{"waiting_alert_minutes": 0})},
	"assignInteraction": {
		own: "RTM", prepare: interactionOf,
		body: func(_ *testing.T, _ *world, _ *caller, n *node, _ map[string]string) any {
			return apitest.Body{"user_id": n.boss.UserID}
		},
	},
	"listStaff":              {own: people},
	"listStaffChats":         {own: people},
	"getUnreadStaffMessages": {own: people},
	"getStaffChat":           {own: people, prepare: staffChatOf},
	"listStaffChatMembers":   {own: people, prepare: staffChatOf},
	"listStaffMessages":      {own: people, prepare: staffChatOf},
	"sendPrivateMessage":     {own: people, prepare: userOf, body: sends(apitest.Body{"body": "hello"})},
	"sendStaffMessage":       {own: people, prepare: staffChatOf, body: sends(apitest.Body{"body": "hello"})},
	"updateStaffMessage":     {own: people, prepare: staffChatOf, body: sends(apitest.Body{"body": "hello again"})},
	"deleteStaffMessage":     {own: people, prepare: staffChatOf},
	"markStaffChatRead":      {own: people, prepare: staffChatOf},
	"createStaffGroup":       {own: "RTM", body: sends(apitest.Body{"name": "Night shift", "user_ids": []string{}})},
	"updateStaffGroup":       {own: "RTM", prepare: staffGroupOf, body: sends(apitest.Body{"name": "Day shift"})},
	"archiveStaffGroup":      {own: "RTM", prepare: staffGroupOf},
	"setStaffGroupMember":    {own: "RTM", prepare: staffGroupOf, body: sends(apitest.Body{"chat_role": "member", "read_only": true})},
	"removeStaffGroupMember": {own: people, prepare: memberOf},

	"takeInteraction":    {own: people, prepare: interactionOf, body: sends(apitest.Body{})},
	"releaseInteraction": {own: people, prepare: interactionOf, body: sends(apitest.Body{})},
	"retrieveInteraction": {
		own: "RTM", body: sends(apitest.Body{}),
		prepare: func(t *testing.T, w *world, _ *caller, n *node) map[string]string {
			interaction, _, _ := w.interaction(t, n, nil)
			n.boss.Post(t, n.Path("/interactions/%s/assign", interaction), apitest.Body{"user_id": n.user}).Want(t, http.StatusOK)
			return map[string]string{"interaction_id": interaction}
		},
	},
	"transferInteraction": {
		own: people, prepare: interactionOf,
		body: func(_ *testing.T, _ *world, _ *caller, n *node, _ map[string]string) any {
			return apitest.Body{"user_id": n.user}
		},
	},
	"listQueueCounts":         {own: people},
	"getInteractionScreenPop": {own: people, prepare: interactionOf},
	"changeInteractions": {
		own: people, prepare: interactionOf,
		body: func(_ *testing.T, _ *world, _ *caller, _ *node, ids map[string]string) any {
			return apitest.Body{"action": "read", "interaction_ids": []string{ids["interaction_id"]}}
		},
	},
	"listMessages":       {own: people, prepare: interactionOf},
	"replyToInteraction": {own: people, prepare: interactionOf, body: sends(apitest.Body{"body": "answer"})},
	"sendMessage": {own: "RTU", body: func(_ *testing.T, w *world, _ *caller, n *node, _ map[string]string) any {
		return apitest.Body{"channel_id": n.channel, "to": w.nextNumber(), "body": "hello"}
	}},
	"previewMessage":     {own: people, body: sends(apitest.Body{"body": "hello"})},
	"getMessage":         {own: people, prepare: interactionOf},
	"resendMessage":      {own: people, prepare: failedMessage},
	"listInteractionLog": {own: people, prepare: interactionOf},

	"getInteractionRouting": {own: people, prepare: interactionOf},
	"listOffers":            {own: "RTMA"},
	"getOffer":              {own: "RTMA", prepare: offerThatIs("open")},
	"acceptOffer":           {own: "RTMA", prepare: offerThatIs("taken"), want: func(*node) int { return http.StatusConflict }},
	"rejectOffer":           {own: "RTMA", prepare: offerThatIs("open"), body: sends(apitest.Body{})},

	"createReminder": {own: people, prepare: interactionOf, body: func(_ *testing.T, w *world, _ *caller, _ *node, _ map[string]string) any {
		return apitest.Body{"remind_at": w.Clock.Now().Add(time.Hour)}
	}},
	"listReminders":  {own: people},
	"getReminder":    {own: people, prepare: reminderOf},
	"updateReminder": {own: people, prepare: reminderOf, body: sends(apitest.Body{"note": "Call"})},
	"finishReminder": {own: people, prepare: reminderOf},

	"listScheduledMessages": {own: people},
	"rescheduleMessage":     {own: people, prepare: scheduledMessage, body: sends(apitest.Body{"send_at": nil})},
	"cancelMessage":         {own: people, prepare: scheduledMessage},
	"suggestPhrases":        {own: people, prepare: interactionOf},
	"previewPhrase": {own: people, body: sends(apitest.Body{}), prepare: func(t *testing.T, w *world, c *caller, n *node) map[string]string {
		ids := interactionOf(t, w, c, n)
		ids["phrase_id"] = w.phrase(t, n)
		return ids
	}},
	"listMessageStatusEvents": {own: people, prepare: interactionOf},
	"uploadAttachment":        {own: people, upload: true},
	"getAttachment":           {own: people, prepare: attachmentOf},
}

// apart are the operations that name no tenant in their path; each has a check
// of its own below.
var apart = map[string]func(*testing.T, *world, *caller, apitest.Operation){
	"getHealth":      answers(http.StatusOK, http.StatusOK, nil),
	"getReadiness":   answers(http.StatusOK, http.StatusOK, nil),
	"getSigningKeys": answers(http.StatusOK, http.StatusOK, nil),
	"getMedia":       answers(http.StatusNotFound, http.StatusNotFound, nil),

	"receiveInboundMessage": answers(http.StatusNotFound, http.StatusNotFound, apitest.Body{}),
	"receiveStatusReport":   answers(http.StatusNotFound, http.StatusNotFound, apitest.Body{}),
	"createSession":         answers(http.StatusUnauthorized, http.StatusUnauthorized, apitest.Body{"login": "nobody@world.example", "password": "x"}),
	"refreshSession":        answers(http.StatusUnauthorized, http.StatusUnauthorized, apitest.Body{"refresh_token": "x"}),

	"completeSession":     answers(http.StatusUnauthorized, http.StatusUnauthorized, apitest.Body{"challenge": "x", "code": "123456"}),
	"startSingleSignOn":   answers(http.StatusNotFound, http.StatusNotFound, apitest.Body{"tenant_id": uuid.New()}),
	"finishSingleSignOn":  answers(http.StatusUnauthorized, http.StatusUnauthorized, apitest.Body{"state": "x", "code": "x"}),
	"createPasswordReset": answers(http.StatusAccepted, http.StatusAccepted, apitest.Body{"login": "nobody@world.example"}),
	"resetPassword":       answers(unprocessable, unprocessable, apitest.Body{"token": "x", "password": apitest.Password}),

	"listMySessions":      personal(http.StatusOK, nil),
	"endMySession":        personal(http.StatusNotFound, nil),
	"getSecondFactor":     personal(http.StatusOK, nil),
	"createSecondFactor":  personal(http.StatusOK, apitest.Body{"password": apitest.Password}),
	"confirmSecondFactor": personal(unprocessable, apitest.Body{"code": "000000"}),
	"disableSecondFactor": personal(http.StatusConflict, apitest.Body{"password": apitest.Password}),
	"createRecoveryCodes": personal(http.StatusConflict, apitest.Body{"password": apitest.Password}),
	"acceptInvitation":    answers(unprocessable, unprocessable, apitest.Body{"token": "x", "password": "Another-horse-8-battery"}),

	// What is a person's own, and no key's.
	"generatePassword":  answers(http.StatusUnauthorized, http.StatusOK, nil),
	"updateMe":          ofPeople("ORTMAU", http.StatusOK, apitest.Body{"phone": nil}),
	"getPreferences":    ofPeople("ORTMAU", http.StatusOK, nil),
	"updatePreferences": ofPeople("ORTMAU", http.StatusOK, apitest.Body{"display_mode": "dark"}),
	"setPresence":       ofPeople("ORT", http.StatusOK, apitest.Body{"presence": "busy"}),
	"getMyAvatar":       ofPeople("ORTMAU", http.StatusNotFound, nil),
	"deleteMyAvatar":    ofPeople("ORTMAU", http.StatusNoContent, nil),
	"uploadMyAvatar": func(t *testing.T, _ *world, c *caller, o apitest.Operation) {
		t.Helper()
		want := map[string]int{"": http.StatusUnauthorized, "K": http.StatusForbidden}[c.role]
		r := c.UploadBy(t, o.Method, o.Path, "a.png", drawing(t, "png"))
		if want == 0 {
			want = http.StatusOK
		}
		if r.Status != want {
			t.Errorf("%s: %d, want %d: %s", c.name, r.Status, want, r.Content)
		}
	},

	"getPermissions": answers(http.StatusUnauthorized, http.StatusOK, nil),
	"getMe":          answers(http.StatusUnauthorized, http.StatusOK, nil),
	"listProviders":  answers(http.StatusUnauthorized, http.StatusOK, nil),
	"listTenants": func(t *testing.T, w *world, c *caller, o apitest.Operation) {
		t.Helper()
		r := c.Get(t, o.Path+"?limit=200")
		want := http.StatusForbidden
		switch {
		case c.role == "":
			want = http.StatusUnauthorized
		case strings.Contains("ORT", c.role):
			want = http.StatusOK
		}
		if r.Status != want {
			t.Errorf("%s: %d, want %d: %s", c.name, r.Status, want, r.Content)
		}
		if r.Status != http.StatusOK {
			return
		}
		seen := map[string]bool{}
		for _, id := range texts(t, r, "id") {
			seen[id] = true
		}
		for _, n := range w.nodes {
			if visible := n == c.home || (strings.Contains("OR", c.role) && n.under(c.home)); seen[n.ID.String()] != visible {
				t.Errorf("%s sees %s: %t", c.name, n.name, seen[n.ID.String()])
			}
		}
	},
	"createTenant": func(t *testing.T, w *world, c *caller, o apitest.Operation) {
		t.Helper()
		for _, n := range w.nodes {
			kind := map[string]string{"operator": "reseller_l1", "l1": "reseller_l2", "other l1": "reseller_l2", "third l1": "reseller_l2"}[n.name]
			if kind == "" {
				kind = "customer"
			}
			r := c.Post(t, o.Path, apitest.Body{"parent_id": n.ID, "kind": kind, "name": uuid.NewString()})
			want := http.StatusCreated
			switch {
			case c.role == "":
				want = http.StatusUnauthorized
			case !strings.Contains("OR", c.role):
				want = http.StatusForbidden
			case !n.under(c.home):
				want = http.StatusNotFound
			case n.Manager != nil:
				want = unprocessable
			}
			if r.Status != want {
				t.Errorf("%s below %s: %d, want %d: %s", c.name, n.name, r.Status, want, r.Content)
			}
		}
	},
	"getMyBrand":      answers(http.StatusUnauthorized, http.StatusOK, nil),
	"getBranding":     answers(unprocessable, unprocessable, nil), // without a host
	"getBrandingLogo": answers(unprocessable, unprocessable, nil), // without a digest
	"listSelectableTenants": func(t *testing.T, w *world, c *caller, o apitest.Operation) {
		t.Helper()
		r := c.Get(t, o.Path+"?limit=200")
		if c.role == "" {
			r.WantProblem(t, http.StatusUnauthorized, "unauthenticated", "")
			return
		}
		seen := map[string]bool{}
		for _, id := range texts(t, r.Want(t, http.StatusOK), "id") {
			seen[id] = true
		}
		for _, n := range w.nodes {
			if visible := n == c.home || (strings.Contains("OR", c.role) && n.under(c.home)); seen[n.ID.String()] != visible {
				t.Errorf("%s may select %s: %t", c.name, n.name, seen[n.ID.String()])
			}
		}
	},
	"suspendTenant": onFresh(apitest.Body{"reason": "unpaid"}),
	"resumeTenant":  onFresh(nil, "suspend"),
	"archiveTenant": onFresh(nil),
	"restoreTenant": onFresh(nil, "archive"),
	"deleteTenant":  onFresh(nil),
	"moveTenant":    onFresh(nil),
	// The sessions of people end here, so they come last; a key has none.
	"endSessions":    nil,
	"changePassword": nil,
}

// ofPeople checks an operation on what is the caller's own: by some roles, and
// never by a key.
func ofPeople(roles string, status int, body any) func(*testing.T, *world, *caller, apitest.Operation) {
	return func(t *testing.T, _ *world, c *caller, o apitest.Operation) {
		t.Helper()
		want := http.StatusForbidden
		switch {
		case c.role == "":
			want = http.StatusUnauthorized
		case strings.Contains(roles, c.role):
			want = status
		}
		if r := c.Do(t, o.Method, o.Path, body); r.Status != want {
			t.Errorf("%s: %d, want %d: %s", c.name, r.Status, want, r.Content)
		}
	}
}

// answers checks an operation that says the same to all who are, or are not,
// signed in.
func answers(anonymous, known int, body any) func(*testing.T, *world, *caller, apitest.Operation) {
	return func(t *testing.T, _ *world, c *caller, o apitest.Operation) {
		t.Helper()
		want := known
		if c.role == "" {
			want = anonymous
		}
		path := parameter.ReplaceAllString(strings.Replace(o.Path, "{provider}", "twilio", 1), strings.Repeat("a", 32))
		if r := c.Do(t, o.Method, path, body); r.Status != want {
			t.Errorf("%s: %d, want %d: %s", c.name, r.Status, want, r.Content)
		}
	}
}

// personal checks an operation on what is a person's own: keys have no such
// thing.
func personal(status int, body any) func(*testing.T, *world, *caller, apitest.Operation) {
	return func(t *testing.T, _ *world, c *caller, o apitest.Operation) {
		t.Helper()
		want := status
		switch c.role {
		case "":
			want = http.StatusUnauthorized
		case "K":
			want = http.StatusForbidden
		}
		if o.ID == "confirmSecondFactor" && want == status {
			c.Post(t, "/v1/me/second-factor", apitest.Body{"password": apitest.Password}).Want(t, http.StatusOK)
		}
		if r := c.Do(t, o.Method, fill(o.Path, nil), body); r.Status != want {
			t.Errorf("%s: %d, want %d: %s", c.name, r.Status, want, r.Content)
		}
	}
}

// expected is the oracle.
func expected(c *caller, n *node, r rule) int {
	own := n == c.home
	sees := own || (strings.Contains("OR", c.role) && n.under(c.home))
	switch {
	case c.role == "":
		return http.StatusUnauthorized
	case !sees:
		return http.StatusNotFound
	case own && strings.Contains(r.own, c.role), !own && strings.Contains(r.below, c.role):
		return 0 // allowed
	}
	return http.StatusForbidden
}

// Every operation by every role from every place.
// Covers: TEN-02
func TestWhoMayDoWhatWhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	callers := everybody(t, w)
	for _, o := range w.Contract.Operations() {
		t.Run(o.ID, func(t *testing.T) {
			w.Clock.Advance(2 * 60 * 1e9) // a minute has its sign-ins
			if check, ok := apart[o.ID]; ok {
				for _, c := range callers {
					if check != nil {
						check(t, w, c, o)
					}
				}
				return
			}
			r, ok := matrix[o.ID]
			if !ok {
				t.Fatalf("%s is in the document and not in the matrix: say who may do it", o.ID)
			}
			for _, c := range callers {
				for _, n := range w.nodes {
					try(t, w, c, n, o, r)
				}
			}
		})
	}
	known := map[string]bool{}
	for _, o := range w.Contract.Operations() {
		known[o.ID] = true
	}
	for id := range matrix {
		if !known[id] {
			t.Errorf("%s is in the matrix and not in the document", id)
		}
	}
	for id := range apart {
		if !known[id] {
			t.Errorf("%s is in the test and not in the document", id)
		}
	}
	t.Run("endSessions and changePassword", func(t *testing.T) { endEverything(t, w, callers) })
}

func everybody(t *testing.T, w *world) []*caller {
	t.Helper()
	w.Clock.Advance(2 * 60 * 1e9)
	_, text := w.key(t, w.customer, "channels:read")
	key := w.Anonymous().As(text)
	return []*caller{
		{w.Anonymous(), "nobody", "", nil},
		{w.operator.boss, "the operator", "O", w.operator},
		{w.l1.boss, "the admin of l1", "R", w.l1},
		{w.l2.boss, "the admin of l2", "R", w.l2},
		{w.NewUser(t, w.l2.boss, w.l2.Tenant, "manager"), "a manager of l2", "M", w.l2},
		{w.NewUser(t, w.l1.boss, w.l1.Tenant, "agent"), "an agent of l1", "A", w.l1},
		{w.customer.Admin, "the admin of the customer", "T", w.customer},
		{w.customer.Manager, "the manager of the customer", "M", w.customer},
		{w.customer.Agent, "the agent of the customer", "A", w.customer},
		{w.customer.User, "the user of the customer", "U", w.customer},
		{key, "a key of the customer", "K", w.customer},
		{w.otherL1.boss, "the admin of the other l1", "R", w.otherL1},
		{w.thirdL2.boss, "the admin of the third l2", "R", w.thirdL2},
		{w.far.Admin, "the admin of the far customer", "T", w.far},
	}
}

func try(t *testing.T, w *world, c *caller, n *node, o apitest.Operation, r rule) {
	t.Helper()
	want := expected(c, n, r)
	ids := map[string]string{}
	if want == 0 && r.prepare != nil {
		ids = r.prepare(t, w, c, n)
	}
	ids["tenant_id"] = n.ID.String()
	var body any
	if r.body != nil {
		body = r.body(t, w, c, n, ids)
	}
	var got *apitest.Response
	if r.upload {
		got = c.UploadBy(t, o.Method, fill(o.Path, ids), "a.png", drawing(t, "png"))
	} else {
		got = c.Do(t, o.Method, fill(o.Path, ids), body)
	}
	if want == 0 && r.want != nil {
		want = r.want(n)
	}
	if want == 0 && got.Status/100 != 2 || want != 0 && got.Status != want {
		t.Errorf("%s at %s: %d, want %s: %s", c.name, n.name, got.Status, wanted(want), got.Content)
	}
}

func wanted(status int) string {
	if status == 0 {
		return "success"
	}
	return fmt.Sprint(status)
}

func endEverything(t *testing.T, w *world, callers []*caller) {
	for _, c := range callers {
		w.Clock.Advance(2 * 60 * 1e9)
		password := apitest.Body{"old_password": apitest.Password, "password": "Another-horse-8-battery"}
		switch c.role {
		case "":
			c.Post(t, "/v1/auth/logout", nil).WantProblem(t, http.StatusUnauthorized, "unauthenticated", "")
			c.Post(t, "/v1/me/password", password).WantProblem(t, http.StatusUnauthorized, "unauthenticated", "")
			continue
		case "K":
			c.Post(t, "/v1/auth/logout", nil).WantProblem(t, http.StatusForbidden, "forbidden", "")
			c.Post(t, "/v1/me/password", password).WantProblem(t, http.StatusForbidden, "forbidden", "")
			continue
		}
		login := c.Get(t, "/v1/me").Want(t, http.StatusOK).String(t, "user.login")
		again := w.Login(t, login)
		c.Post(t, "/v1/auth/logout", nil).Want(t, http.StatusNoContent)
		w.Clock.Advance(2 * 1e9) // rights are at most a second old
		for _, gone := range []*apitest.Client{c.Client, again} {
			gone.Get(t, "/v1/me").WantProblem(t, http.StatusUnauthorized, "invalid_token", "")
		}
		fresh := w.Login(t, login)
		fresh.Post(t, "/v1/me/password", apitest.Body{"old_password": "wrong", "password": "Another-horse-8-battery"}).Want(t, unprocessable)
		fresh.Post(t, "/v1/me/password", password).Want(t, http.StatusNoContent)
		w.Clock.Advance(2 * 1e9)
		fresh.Get(t, "/v1/me").Want(t, http.StatusOK) // the session that did it goes on
	}
}
