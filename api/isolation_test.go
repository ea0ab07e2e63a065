package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider/sim"
)

// asked is a request of ours that succeeds, in which one id after the other is
// exchanged for another's.
type asked struct {
	// by is who asks where; the customer's admin by default.
	by func(*world) (*caller, *node)
	// noted is set where asking is written down.
	noted bool
	// each is set where every id is answered for itself, in an answer of 200.
	each bool
	// body is made of ids.
	body func(ids map[string]string) apitest.Body
	// bodyAt is body where it depends on which id is exchanged.
	bodyAt func(place string, ids map[string]string) apitest.Body
}

func byReseller(w *world) (*caller, *node) { return &caller{Client: w.l2.boss, home: w.l2}, w.l2 }

func byBoss(w *world) (*caller, *node) {
	return &caller{Client: w.customer.boss, home: w.customer}, w.customer
}

// expecting is a body of a verb that says who has the interaction.
func expecting(ids map[string]string) apitest.Body {
	return apitest.Body{"expected_assignee_id": ids["expected_assignee_id"]}
}

func fixed(body apitest.Body) func(map[string]string) apitest.Body {
	return func(map[string]string) apitest.Body { return body }
}

// withIDs has every operation that takes an id anywhere but in tenant_id.
var withIDs = map[string]asked{
	"getUser": {}, "updateUser": {body: func(ids map[string]string) apitest.Body {
		return apitest.Body{"name": "Renamed", "custom_role_id": ids["custom_role_id"]}
	}},
	"createUser": {body: func(ids map[string]string) apitest.Body {
		body := newUser("agent")
		body["custom_role_id"] = ids["custom_role_id"]
		return body
	}},
	"setUserPassword":    {body: fixed(apitest.Body{"password": "Another-horse-8-battery"})},
	"getUserPermissions": {}, "getRole": {}, "updateRole": {body: fixed(apitest.Body{"description": "Changed"})}, "deleteRole": {},
	"listUserSessions": {}, "endUserSessions": {}, "endUserSession": {}, "resetSecondFactor": {}, "endMySession": {},
	"startSingleSignOn": {body: func(ids map[string]string) apitest.Body { return apitest.Body{"tenant_id": ids["tenant_id"]} }},
	"getAPIKey":         {}, "revokeAPIKey": {}, "rotateAPIKey": {body: fixed(apitest.Body{})},
	"createAPIKey": {body: func(ids map[string]string) apitest.Body {
		return apitest.Body{"name": "Key", "permissions": []string{"channels:read"}, "channel_ids": []string{ids["channel_ids"]}}
	}},
	"injectMessage": {body: func(ids map[string]string) apitest.Body {
		return apitest.Body{"channel_id": ids["channel_id"], "from": "+15145550199", "body": "hello"}
	}},
	"updateAPIKey": {body: func(ids map[string]string) apitest.Body {
		return apitest.Body{"name": "Renamed", "channel_ids": []string{ids["channel_ids"]}}
	}},
	"listUsers": {}, "deleteUser": {}, "restoreUser": {}, "disconnectUser": {}, "generateUserPassword": {},
	"inviteUser": {}, "revokeInvitation": {}, "sendWelcome": {}, "getUserAvatar": {}, "uploadUserAvatar": {}, "deleteUserAvatar": {},
	"getDepartment": {}, "updateDepartment": {body: fixed(apitest.Body{"alias": "Renamed"})}, "deleteDepartment": {},
	"listDepartmentMembers": {}, "addDepartmentMember": {}, "removeDepartmentMember": {},
	"getNumber": {by: byReseller}, "reclaimNumber": {by: byReseller},
	"listNumbers": {by: byReseller}, "listNumberHistory": {by: byReseller}, "returnNumber": {by: byReseller},
	"updateNumber": {by: byReseller, body: fixed(apitest.Body{"status": "inactive"})}, "retireNumber": {by: byReseller},
	"moveNumber":        {by: byReseller, body: func(ids map[string]string) apitest.Body { return apitest.Body{"tenant_id": ids["tenant_id"]} }},
	"getChannelMembers": {}, "setChannelMembers": {body: func(ids map[string]string) apitest.Body {
		return apitest.Body{"restricted": true, "user_ids": []string{ids["user_ids"]}}
	}},
	"removeSenderID": {},
	"getQueue":       {}, "updateQueue": {body: fixed(apitest.Body{"name": "Renamed"})}, "archiveQueue": {},
	"listQueues": {}, "getQueueManagers": {}, "setQueueManagers": {body: func(ids map[string]string) apitest.Body {
		return apitest.Body{"user_ids": []string{ids["user_ids"]}}
	}},
	"getQueueMembers": {}, "setQueueMembers": {body: func(ids map[string]string) apitest.Body {
		return apitest.Body{"user_ids": []string{ids["user_ids"]}}
	}},
	"getTag": {}, "updateTag": {body: fixed(apitest.Body{"color": "#ffffff"})}, "archiveTag": {},
	"getDisposition": {}, "updateDisposition": {body: fixed(apitest.Body{"color": "#ffffff"})}, "archiveDisposition": {}, "listDispositions": {},
	"createDisposition": {body: func(ids map[string]string) apitest.Body {
		return apitest.Body{"name": "Sold", "color": "#ffffff", "queue_id": ids["queue_id"]}
	}},
	"disposeInteraction": {body: func(ids map[string]string) apitest.Body {
		return apitest.Body{"disposition_id": ids["disposition_id"]}
	}},
	"getInteractionViewers": {}, "startViewing": {}, "endViewing": {},
	"listNotes": {}, "getNote": {}, "deleteNote": {},
	"addNote": {body: func(ids map[string]string) apitest.Body {
		return apitest.Body{"body": "x", "mentioned_user_ids": []string{ids["mentioned_user_ids"]}, "attachment_ids": []string{ids["attachment_ids"]}}
	}},
	"updateNote": {body: func(ids map[string]string) apitest.Body {
		return apitest.Body{"body": "x", "mentioned_user_ids": []string{ids["mentioned_user_ids"]}}
	}},
	"getDraft": {}, "setDraft": {body: fixed(apitest.Body{"body": "We are"})}, "deleteDraft": {},
	"getOffer": {}, "acceptOffer": {}, "rejectOffer": {body: fixed(apitest.Body{})}, "getInteractionRouting": {},
	"addInteractionTag": {}, "removeInteractionTag": {},
	"updateInteractionTags": {body: func(ids map[string]string) apitest.Body {
		return apitest.Body{
			"interaction_ids": []string{ids["interaction_ids"]}, "add_tag_ids": []string{ids["add_tag_ids"]}, "remove_tag_ids": []string{ids["remove_tag_ids"]},
		}
	}},
	"markInteractionUnread": {body: func(ids map[string]string) apitest.Body {
		return apitest.Body{"from_message_id": ids["from_message_id"]}
	}},
	"listAgents": {}, "getAgent": {}, "listAgentLog": {}, "getAgentCapacity": {}, "updateAgentCapacity": {body: fixed(apitest.Body{"max_units": 5})},
	"endMyQueueLogin": {body: fixed(apitest.Body{"confirm": true})}, "startMyQueueLogin": {},
	"endAgentSession": {}, "pauseAgentSession": {body: fixed(apitest.Body{})}, "resumeAgentSession": {},
	"endAgentQueueLogin": {body: fixed(apitest.Body{})}, "startAgentQueueLogin": {},
	"checkOptOuts": {body: func(ids map[string]string) apitest.Body {
		return apitest.Body{"channel_id": ids["channel_id"], "addresses": []string{"+15145550199"}}
	}},
	"assignNumber": {by: byReseller, body: func(ids map[string]string) apitest.Body { return apitest.Body{"tenant_id": ids["tenant_id"]} }},
	"getChannel":   {}, "getChannelCapabilities": {}, "updateChannel": {body: func(ids map[string]string) apitest.Body {
		return apitest.Body{"name": "Renamed", "contact_list_id": ids["contact_list_id"]}
	}},
	"createChannel": {body: func(ids map[string]string) apitest.Body {
		body := sandboxChannel()
		body["contact_list_id"] = ids["contact_list_id"]
		return body
	}},
	"createReminder": {body: fixed(apitest.Body{"remind_at": "2026-12-01T12:00:00Z"})},
	"listReminders":  {}, "getReminder": {}, "updateReminder": {body: fixed(apitest.Body{"note": "Call"})}, "finishReminder": {},
	"suggestPhrases": {}, "previewPhrase": {body: fixed(apitest.Body{})},
	"rescheduleMessage": {body: fixed(apitest.Body{"send_at": nil})}, "cancelMessage": {},
	"listPhrases": {}, "getPhrase": {}, "deletePhrase": {},
	"createPhrase": {body: func(ids map[string]string) apitest.Body {
		body := newPhrase("Hours")
		body["department_ids"], body["channel_ids"] = []string{ids["department_ids"]}, []string{ids["channel_ids"]}
		return body
	}},
	"updatePhrase": {body: func(ids map[string]string) apitest.Body {
		return apitest.Body{"scope": "department", "department_ids": []string{ids["department_ids"]}, "channel_ids": []string{ids["channel_ids"]}}
	}},
	"getContactList": {}, "updateContactList": {body: fixed(apitest.Body{"name": "Renamed"})}, "archiveContactList": {},
	"listContacts": {}, "listContactJourney": {}, "listContactHistory": {}, "updateContact": {body: fixed(apitest.Body{"location": "here"})},
	"listPreviousInteractions": {}, "listInteractionRecord": {}, "getInteractionProfile": {}, "listContactSuggestions": {},
	"createInteractionContact": {body: fixed(apitest.Body{"name": "Ada"})}, "unlinkInteraction": {},
	"linkInteraction": {body: func(ids map[string]string) apitest.Body { return apitest.Body{"contact_id": ids["contact_id"]} }},
	"getContact":      {}, "getInteraction": {}, "markInteractionRead": {body: func(ids map[string]string) apitest.Body {
		return apitest.Body{"last_message_id": ids["last_message_id"]}
	}}, "closeInteraction": {body: func(ids map[string]string) apitest.Body { return apitest.Body{"disposition_id": ids["disposition_id"]} }},
	"updateInteraction": {body: fixed(apitest.Body{"subject": "Hours"})},
	"waitForCustomer":   {body: fixed(apitest.Body{})}, "resumeInteraction": {body: fixed(apitest.Body{})}, "solveInteraction": {body: fixed(apitest.Body{})},
	"pauseInteraction": {body: fixed(apitest.Body{})}, "unpauseInteraction": {body: fixed(apitest.Body{})}, "hideInteraction": {body: fixed(apitest.Body{})},
	"downloadTranscript": {},
	"reopenInteraction":  {body: fixed(apitest.Body{})},
	"assignInteraction": {body: func(ids map[string]string) apitest.Body {
		return apitest.Body{"user_id": ids["user_id"], "expected_assignee_id": ids["expected_assignee_id"]}
	}},
	"getInteractionScreenPop": {},
	"takeInteraction":         {body: expecting},
	"releaseInteraction":      {body: expecting},
	"retrieveInteraction":     {body: expecting},
	"transferInteraction": {bodyAt: func(place string, ids map[string]string) apitest.Body {
		if place == "body queue_id" {
			return apitest.Body{"queue_id": ids["queue_id"]}
		}
		return apitest.Body{"user_id": ids["user_id"], "expected_assignee_id": ids["expected_assignee_id"]}
	}},
	"changeInteractions": {each: true, bodyAt: func(place string, ids map[string]string) apitest.Body {
		body := apitest.Body{"action": "transfer", "interaction_ids": []string{ids["interaction_id"]}, "user_id": ids["user_id"]}
		switch place {
		case "body queue_id":
			body = apitest.Body{"action": "transfer", "interaction_ids": body["interaction_ids"], "queue_id": ids["queue_id"]}
		case "body interaction_ids":
			body["interaction_ids"] = []string{ids["interaction_ids"]}
		case "body expected_assignee_id":
			body["expected_assignee_id"] = ids["expected_assignee_id"]
		}
		return body
	}},
	"listAuditEntries": {}, "exportAuditEntries": {noted: true},
	"endActAs":         {},
	"listInteractions": {},
	"getInboxView":     {by: byBoss}, "updateInboxView": {by: byBoss, body: fixed(apitest.Body{"name": "Renamed"})}, "deleteInboxView": {by: byBoss},
	"listInboxViewInteractions": {by: byBoss}, "getInboxViewCount": {by: byBoss},
	"listMessages": {},
	"replyToInteraction": {body: func(ids map[string]string) apitest.Body {
		return apitest.Body{"body": "x", "attachment_ids": []string{ids["attachment_ids"]}, "phrase_id": ids["phrase_id"]}
	}},
	"sendMessage": {body: func(ids map[string]string) apitest.Body {
		return apitest.Body{"body": "x", "channel_id": ids["channel_id"], "contact_id": ids["contact_id"], "attachment_ids": []string{ids["attachment_ids"]}, "phrase_id": ids["phrase_id"]}
	}},
	"previewMessage": {body: func(ids map[string]string) apitest.Body {
		return apitest.Body{"body": "x", "channel_id": ids["channel_id"]}
	}},
	"sendPrivateMessage": {body: func(ids map[string]string) apitest.Body {
		return apitest.Body{"body": "x", "attachment_ids": []string{ids["attachment_ids"]}}
	}}, "sendStaffMessage": {body: func(ids map[string]string) apitest.Body {
		return apitest.Body{"body": "x", "attachment_ids": []string{ids["attachment_ids"]}}
	}},
	"getStaffChat": {}, "listStaffChatMembers": {}, "listStaffMessages": {}, "markStaffChatRead": {body: func(ids map[string]string) apitest.Body {
		return apitest.Body{"staff_message_id": ids["staff_message_id"]}
	}},
	"updateStaffMessage": {body: fixed(apitest.Body{"body": "y"})}, "deleteStaffMessage": {},
	"createStaffGroup": {body: func(ids map[string]string) apitest.Body {
		return apitest.Body{"name": "Group", "user_ids": []string{ids["user_ids"]}}
	}},
	"updateStaffGroup": {body: fixed(apitest.Body{"name": "Renamed"})}, "archiveStaffGroup": {},
	"setStaffGroupMember":    {body: fixed(apitest.Body{"chat_role": "member", "read_only": true})},
	"removeStaffGroupMember": {},
	"getMessage":             {}, "resendMessage": {}, "listMessageStatusEvents": {}, "getAttachment": {},
	"listInteractionLog": {},
	"listTenants":        {by: byReseller},
	"moveTenant": {
		by:   func(w *world) (*caller, *node) { return &caller{Client: w.l2.boss, home: w.l2}, w.customer },
		body: func(ids map[string]string) apitest.Body { return apitest.Body{"parent_id": ids["parent_id"]} },
	},
	"createTenant": {by: byReseller, body: func(ids map[string]string) apitest.Body {
		return apitest.Body{"parent_id": ids["parent_id"], "kind": "customer", "name": "The new one"}
	}},
}

// idPlaces lists where an operation takes ids: "path x", "query x", "body x".
// The tenant of the path has a test of its own.
func idPlaces(w *world, o apitest.Operation) []string {
	var out []string
	parameters, _ := o.Node["parameters"].([]any)
	for _, p := range parameters {
		parameter := p.(map[string]any)
		name, _ := parameter["name"].(string)
		schema, _ := parameter["schema"].(map[string]any)
		if items, ok := schema["items"].(map[string]any); ok {
			schema = items
		}
		if schema["format"] == "uuid" && !(parameter["in"] == "path" && name == "tenant_id") {
			out = append(out, fmt.Sprintf("%s %s", parameter["in"], name))
		}
	}
	for name, property := range bodyProperties(w, o) {
		if strings.Contains(fmt.Sprint(property), "format:uuid") {
			out = append(out, "body "+name)
		}
	}
	slices.Sort(out)
	return out
}

// bodyProperties are the declared fields of an operation's JSON body; nil where
// it takes none.
func bodyProperties(w *world, o apitest.Operation) map[string]any {
	body, _ := o.Node["requestBody"].(map[string]any)
	content, _ := body["content"].(map[string]any)
	media, _ := content["application/json"].(map[string]any)
	schema, _ := media["schema"].(map[string]any)
	if ref, ok := schema["$ref"].(string); ok {
		components := w.Contract.Document["components"].(map[string]any)["schemas"].(map[string]any)
		schema, _ = components[strings.TrimPrefix(ref, "#/components/schemas/")].(map[string]any)
	}
	properties, _ := schema["properties"].(map[string]any)
	return properties
}

// idsAt are things of one tenant, by the names under which operations take them.
func (w *world) idsAt(t *testing.T, n *node, number string) map[string]string {
	t.Helper()
	interaction, message, contact := w.interaction(t, n, nil)
	w.Tamper(t, "UPDATE messages SET status = 'failed', due_at = NULL WHERE id = $1", message)
	key, _ := w.key(t, n, "channels:read")
	chat, staffMessage := w.staffGroup(t, n)
	return map[string]string{
		"chat_id": chat, "staff_message_id": staffMessage,
		"holder_id": n.ID.String(), "queue_id": w.queue(t, n), "sender_id": w.sender(t, n), "list_id": w.contactList(t, n), "contact_list_id": w.contactList(t, n), "user_ids": n.user, "member_id": n.user, "manager_id": n.user,
		"offer_id": w.offer(t, n, n.boss.UserID, "open"),
		"tag_id":   w.tag(t, n), "disposition_id": w.disposition(t, n),
		"interaction_ids": interaction, "expected_assignee_id": n.user, "add_tag_ids": w.tag(t, n), "remove_tag_ids": w.tag(t, n),
		"note_id": w.note(t, n, interaction), "mentioned_user_ids": n.user, "last_message_id": message, "from_message_id": message,

		"role_id": n.role, "custom_role_id": n.role, "user_id": n.user, "session_id": w.session(t, n), "assignee_id": n.user, "api_key_id": key, "channel_id": n.channel, "number_id": number,
		"channel_ids":    n.channel,
		"id":             interaction,
		"inbox_view_id":  w.inboxView(t, n, n.boss.UserID),
		"interaction_id": interaction, "message_id": message, "contact_id": contact,
		"phrase_id": w.phrase(t, n), "reminder_id": w.reminder(t, n, n.boss, interaction), "department_ids": w.department(t, n),
		"department_id": w.department(t, n), "attachment_id": w.attachment(t, n), "attachment_ids": w.attachment(t, n),
		"actor_id": n.boss.UserID.String(), "object_id": n.user, "act_as_id": w.acting(t, n),
		"parent_id": n.parent.ID.String(), "tenant_id": n.ID.String(),
	}
}

// Another tenant's id is answered exactly as one that nobody has (rules D1-1).
func TestAnothersIDIsNobodysID(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Clock.Advance(2 * 60 * 1e9)
	theirs := w.idsAt(t, w.far, w.number(t, w.farL2))
	neighbours := w.idsAt(t, w.sibling, theirs["number_id"]) // the same reseller's
	neighbours["parent_id"], neighbours["tenant_id"] = w.l1.ID.String(), w.cousin.ID.String()
	checked := 0
	for _, o := range w.Contract.Operations() {
		places := idPlaces(w, o)
		if len(places) == 0 {
			continue
		}
		a, ok := withIDs[o.ID]
		if !ok {
			t.Errorf("%s takes ids (%s) and is not in the test", o.ID, strings.Join(places, ", "))
			continue
		}
		t.Run(o.ID, func(t *testing.T) {
			by, at := &caller{Client: w.customer.Admin, home: w.customer}, w.customer
			if a.by != nil {
				by, at = a.by(w)
			}
			for _, place := range places {
				for _, foreign := range []map[string]string{theirs, neighbours} {
					// What we have is made anew, since an attempt may use it up.
					ours := w.idsAt(t, w.customer, w.number(t, w.l2))
					compareIDs(t, w, by, at, o, a, place, ours, foreign)
					checked++
				}
			}
		})
	}
	if checked < 60 {
		t.Errorf("only %d places were checked", checked)
	}
}

func compareIDs(t *testing.T, w *world, by *caller, at *node, o apitest.Operation, a asked, place string, ours, foreign map[string]string) {
	t.Helper()
	_, name, _ := strings.Cut(place, " ")
	if foreign[name] == "" {
		t.Fatalf("the test has no id for %s", place)
	}
	before := snapshot(t, w)
	theirs := ask(t, by, at, o, a, place, ours, foreign[name])
	random := ask(t, by, at, o, a, place, ours, uuid.NewString())
	if theirs != random {
		t.Errorf("%s: another's id is answered\n%s\nand nobody's\n%s", place, theirs, random)
	}
	// Lists filter by an id, and find nothing; all else is refused.
	if o.Method != http.MethodGet && !a.each && strings.HasPrefix(theirs, "2") {
		t.Errorf("%s: another's id was taken: %s", place, theirs)
	}
	if after := snapshot(t, w); after != before && !a.noted {
		t.Errorf("%s: something was changed", place)
	}
}

// ask sends the request with one id exchanged and returns the answer without
// what differs from request to request.
func ask(t *testing.T, by *caller, at *node, o apitest.Operation, a asked, place string, ours map[string]string, id string) string {
	t.Helper()
	in, name, _ := strings.Cut(place, " ")
	ids := map[string]string{}
	for k, v := range ours {
		ids[k] = v
	}
	pathIDs := map[string]string{}
	for k, v := range ids {
		pathIDs[k] = v
	}
	pathIDs["tenant_id"] = at.ID.String()
	query := ""
	switch in {
	case "path":
		pathIDs[name] = id
	case "query":
		query = "?" + url.Values{name: {id}}.Encode()
	default:
		ids[name] = id
	}
	var body any
	if a.body != nil {
		body = a.body(ids)
	}
	if a.bodyAt != nil {
		body = a.bodyAt(place, ids)
	}
	if strings.HasPrefix(o.ID, "upload") {
		return normal(t, by.UploadBy(t, o.Method, fill(o.Path, pathIDs), "a.png", drawing(t, "png")), id)
	}
	r := by.Do(t, o.Method, fill(o.Path, pathIDs)+query, body)
	return normal(t, r, id)
}

func normal(t *testing.T, r *apitest.Response, id string) string {
	t.Helper()
	var content map[string]any
	if kind := r.Header.Get("Content-Type"); kind != "" && !strings.Contains(kind, "json") {
		return fmt.Sprintf("%d %s %s", r.Status, kind, strings.ReplaceAll(string(r.Content), id, "ID"))
	}
	if len(r.Content) > 0 {
		if err := json.Unmarshal(r.Content, &content); err != nil {
			t.Fatalf("%v: %s", err, r.Content)
		}
	}
	delete(content, "request_id")
	delete(content, "instance")
	encoded, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d %s", r.Status, strings.ReplaceAll(string(encoded), id, "ID"))
}

// snapshot is a digest of all that tenants have.
func snapshot(t *testing.T, w *world) string {
	t.Helper()
	var out strings.Builder
	for _, table := range strings.Fields(w.Text(t, "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class "+
		"WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND relname <> 'idempotency_keys'")) {
		out.WriteString(w.Text(t, "SELECT md5(coalesce(string_agg(r::text, ',' ORDER BY r::text), '')) FROM "+table+" r") + " ")
	}
	return out.String()
}

// A tenant that is not below the caller is answered exactly as none, by every
// operation (rules C2-2).
func TestAnothersTenantIsNobodysTenant(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Clock.Advance(2 * 60 * 1e9)
	for _, o := range w.Contract.Operations() {
		if !strings.Contains(o.Path, "{tenant_id}") {
			continue
		}
		for name, c := range map[string]struct {
			*apitest.Client
			strangers []*node
		}{
			"customer": {w.customer.Admin, []*node{w.operator, w.l1, w.l2, w.sibling, w.cousin, w.otherL1, w.far}},
			"agent":    {w.customer.Agent, []*node{w.l2, w.sibling}},
			"l2":       {w.l2.boss, []*node{w.operator, w.l1, w.cousin, w.otherL1, w.far}},
			"l1":       {w.l1.boss, []*node{w.operator, w.otherL1, w.farL2, w.far}},
		} {
			var body any
			if bodyProperties(w, o) != nil {
				body = apitest.Body{}
			}
			answer := func(tenant string) string {
				path := fill(o.Path, map[string]string{"tenant_id": tenant})
				if strings.Contains(o.ID, "upload") {
					return normal(t, c.UploadBy(t, o.Method, path, "a.png", drawing(t, "png")), tenant)
				}
				return normal(t, c.Do(t, o.Method, path, body), tenant)
			}
			nobody := answer(uuid.NewString())
			if !strings.HasPrefix(nobody, "404 ") {
				t.Errorf("%s by %s: a tenant that is not there is answered %s", o.ID, name, nobody)
			}
			for _, stranger := range c.strangers {
				if got := answer(stranger.ID.String()); got != nobody {
					t.Errorf("%s by %s: %s is answered %s, want %s", o.ID, name, stranger.name, got, nobody)
				}
			}
		}
	}
}

// Two tenants with the same names, numbers and times (rules D1-2).
func TestTwinsSeeNothingOfEachOther(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	twins := []apitest.Tenant{tree.Customer, tree.Other}
	address := apitest.NewAddress()
	ids := make([][]string, len(twins))
	lists := 0
	// First all is made, then all is read.
	conversations := make([]string, len(twins))
	messages := make([]string, len(twins))
	departments := make([]string, len(twins))
	chats := make([]string, len(twins))
	contacts := make([]string, len(twins))
	views := make([]string, len(twins))
	for i, twin := range twins {
		line := p.TwilioLineAt(t, twin, address)
		departments[i] = twin.Admin.Post(t, twin.Path("/departments"), apitest.Body{"name": "Desk"}).Want(t, http.StatusCreated).String(t, "id")
		twin.Admin.Do(t, http.MethodPut, twin.Path("/departments/%s/members/%s", departments[i], twin.Agent.UserID), nil).Want(t, http.StatusNoContent)
		chats[i] = twin.Admin.Post(t, twin.Path("/staff/%s/messages", twin.Agent.UserID), apitest.Body{"body": "hello"}).
			Want(t, http.StatusCreated).String(t, "chat_id")
		for n := range 3 {
			p.Receive(t, line, sim.Inbound{From: number(n), Body: "hello", SID: fmt.Sprintf("SM%030d", n)})
			p.Receive(t, line, sim.Inbound{From: number(n), Body: "STOP", SID: fmt.Sprintf("SM%030d", 100+n)})
			twin.Admin.Post(t, twin.Path("/api-keys"), apitest.Body{"name": "Key", "permissions": []string{"channels:read"}}).Want(t, http.StatusCreated)
		}
		twin.Admin.Post(t, twin.Path("/phrases"), newPhrase("Hours")).Want(t, http.StatusCreated)
		sent := twin.Admin.Post(t, twin.Path("/messages"), apitest.Body{
			"channel_id": line.ChannelID, "to": number(1), "body": fmt.Sprintf("same words %d", i), "client_message_id": "order-1",
		}).Want(t, http.StatusCreated)
		conversations[i], messages[i] = sent.String(t, "interaction_id"), sent.String(t, "id")
		contacts[i] = twin.Admin.Get(t, twin.Path("/interactions/%s", conversations[i])).Want(t, http.StatusOK).String(t, "contact_id")
		views[i] = twin.Admin.Post(t, twin.Path("/inbox-views"), apitest.Body{"name": "Mine"}).Want(t, http.StatusCreated).String(t, "id")
		p.Work(t)
	}
	for i, twin := range twins {
		for _, o := range p.Contract.Operations() {
			if o.Method != http.MethodGet || !strings.HasPrefix(o.ID, "list") || o.ID == "listProviders" || o.ID == "listAuxCodes" || o.ID == "listMonthlyUsage" || o.ID == "listContactSuggestions" {
				continue // the same for all, and what has no ids or no pages
			}
			lists++
			path := fill(o.Path, map[string]string{
				"tenant_id": twin.ID.String(), "interaction_id": conversations[i], "message_id": messages[i],
				"user_id": twin.Admin.UserID.String(), "department_id": departments[i],
				"chat_id": chats[i], "contact_id": contacts[i], "inbox_view_id": views[i],
			})
			for _, query := range []string{"?limit=200", "?limit=1"} {
				ids[i] = append(ids[i], allPages(t, twin.Admin, o, path, query)...)
			}
		}
	}
	if lists < 14 {
		t.Errorf("only %d lists were read", lists)
	}
	if len(ids[0]) != len(ids[1]) || len(ids[0]) < 40 {
		t.Errorf("one twin sees %d things, the other %d", len(ids[0]), len(ids[1]))
	}
	for _, id := range ids[0] {
		if slices.Contains(ids[1], id) {
			t.Errorf("both twins see %s", id)
		}
	}
	// The other's id in a search, a filter or a cursor finds nothing.
	for _, twin := range []int{0, 1} {
		me, other := twins[twin], twins[1-twin]
		cursor := me.Admin.Get(t, me.Path("/contacts?limit=1")).Want(t, http.StatusOK).String(t, "next_cursor")
		other.Admin.Get(t, other.Path("/contacts?cursor=%s", cursor)).WantProblem(t, unprocessable, "invalid_cursor", "query.cursor")
		// Also where one caller reaches both.
		cursor = tree.L1.Admin.Get(t, me.Path("/users?limit=1")).Want(t, http.StatusOK).String(t, "next_cursor")
		tree.L1.Admin.Get(t, other.Path("/users?cursor=%s", cursor)).WantProblem(t, unprocessable, "invalid_cursor", "query.cursor")
		me.Admin.Get(t, me.Path("/users?cursor=%s", cursor)).WantProblem(t, unprocessable, "invalid_cursor", "query.cursor")
	}
}

// allPages reads a list to its end and returns the ids of its items. No page
// may be longer than asked for, and no item come twice.
func allPages(t *testing.T, c *apitest.Client, o apitest.Operation, path, query string) []string {
	t.Helper()
	if o.ID == "listNumbers" || o.ID == "listTenants" && !strings.Contains(query, "200") {
		query = "?limit=200"
	}
	var out []string
	next := path + query
	for range 50 {
		r := c.Get(t, next)
		if r.Status == http.StatusForbidden {
			return nil // customers have no numbers
		}
		field := "id"
		switch o.ID {
		case "listTenantUsage":
			field = "tenant_id"
		case "listQueueCounts":
			field = "queue_id"
		}
		out = append(out, texts(t, r, field)...)
		var page struct {
			NextCursor string `json:"next_cursor"`
		}
		if err := json.Unmarshal(r.Content, &page); err != nil {
			t.Fatal(err)
		}
		if page.NextCursor == "" {
			if sorted := slices.Sorted(slices.Values(out)); len(slices.Compact(sorted)) != len(out) {
				t.Errorf("%s%s shows something twice: %q", path, query, out)
			}
			return out
		}
		next = path + query + "&cursor=" + page.NextCursor
	}
	t.Fatalf("%s does not end", path)
	return nil
}

// injected are fields that no client may set, and their disguises.
var injected = apitest.Body{
	"id": "0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9f00", "role": "operator", "Role": "operator", "ROLE": "operator",
	"tenant_id": "0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9f00", "TENANT_ID": "0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9f00",
	"tenantId": "x", "parent_id": "0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9f00", "Parent_Id": "x", "path": "/", "status": "active",
	"Status": "active", "version": 7, "created_at": "2020-01-01T00:00:00Z", "updated_at": "2020-01-01T00:00:00Z",
	"entitlements": []string{"bulk"}, "Bulk": true, "quotas": nil, "quota_seats": 7, "granted": true, "limit": 7,
	"owner_id": "x", "is_operator": true, "features": []string{"bulk"}, "balance": 100, "password_hash": "x",
	"email_verified": true, "sender_id": "x", "direction": "inbound", "hook_token": "x", "kind": "operator",
}

// Fields that an operation does not declare are refused and change nothing
// (rules D2-3).
func TestInjectedFieldsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Clock.Advance(2 * 60 * 1e9)
	bodies := 0
	for _, o := range w.Contract.Operations() {
		declared := bodyProperties(w, o)
		if declared == nil || o.Permission == "public" || !strings.HasPrefix(o.Path, "/v1/") {
			continue
		}
		bodies++
		t.Run(o.ID, func(t *testing.T) {
			client, n := w.customer.Admin, w.customer
			if o.Permission == "act_as:start" {
				client = w.l2.boss
			} else if o.Permission == "numbers:write" {
				client, n = w.operator.boss, w.operator
			} else if o.Permission == "entitlements:write" {
				client, n = w.l2.boss, w.customer // never one's own
			} else if strings.Contains(o.ID, "Tenant") || strings.Contains(o.ID, "Reseller") || strings.Contains(o.ID, "Number") {
				client, n = w.l2.boss, w.l2
			}
			ids := w.idsAt(t, w.customer, w.number(t, w.l2))
			r := matrix[o.ID]
			c := &caller{Client: client, home: n}
			var valid any = apitest.Body{"old_password": apitest.Password, "password": "Another-horse-8-battery"}
			switch {
			case r.body != nil:
				valid = r.body(t, w, c, n, ids)
			case o.ID == "createTenant":
				valid = apitest.Body{"parent_id": n.ID, "kind": "customer", "name": "The new one"}
			case o.ID == "moveTenant":
				valid = apitest.Body{"parent_id": n.ID}
			case o.ID == "suspendTenant":
				valid = apitest.Body{"reason": "unpaid"}
			}
			ids["tenant_id"] = n.ID.String()
			path := fill(o.Path, ids)
			before := snapshot(t, w)
			for name, value := range injected {
				if declared[name] != nil {
					continue
				}
				body := apitest.Body{}
				for k, v := range valid.(apitest.Body) {
					body[k] = v
				}
				body[name] = value
				client.Do(t, o.Method, path, body).WantProblem(t, unprocessable, "validation_failed", "body."+name)
			}
			if snapshot(t, w) != before {
				t.Error("something was changed")
			}
		})
	}
	if bodies < 14 {
		t.Errorf("only %d operations with a body", bodies)
	}
}

// Nobody raises himself or another above himself (rules D2-4).
func TestNobodyClimbs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Clock.Advance(2 * 60 * 1e9)
	before := snapshot(t, w)
	admin, n := w.customer.Admin, w.customer
	patch := func(c *apitest.Client, at *node, user string, body apitest.Body) {
		t.Helper()
		if r := c.Patch(t, at.Path("/users/%s", user), body); r.Status < 400 || r.Status >= 500 {
			t.Errorf("%v: %d %s", body, r.Status, r.Content)
		}
	}
	patch(admin, n, n.user, apitest.Body{"role": "operator"})
	patch(admin, n, admin.UserID.String(), apitest.Body{"role": "operator"})
	patch(admin, n, admin.UserID.String(), apitest.Body{"role": "manager"})
	patch(admin, n, admin.UserID.String(), apitest.Body{"status": "disabled"})
	patch(n.Manager, n, n.Manager.UserID.String(), apitest.Body{"role": "tenant_admin"})
	patch(w.l2.boss, w.l2, w.l2.boss.UserID.String(), apitest.Body{"role": "operator"})
	patch(w.l2.boss, n, admin.UserID.String(), apitest.Body{"role": "manager"}) // the last admin
	admin.Post(t, n.Path("/users"), newUser("operator")).WantProblem(t, http.StatusForbidden, "role_not_assignable", "")
	w.l1.boss.Post(t, w.l1.Path("/users"), newUser("operator")).WantProblem(t, http.StatusForbidden, "role_not_assignable", "")
	admin.Post(t, n.Path("/api-keys"), apitest.Body{"name": "Key", "permissions": []string{"tenants:write"}}).
		WantProblem(t, http.StatusForbidden, "permission_not_grantable", "")
	if snapshot(t, w) != before {
		t.Error("something was changed")
	}
}
