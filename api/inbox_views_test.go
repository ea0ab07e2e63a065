package api_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
)

// inboxView is a view that somebody keeps.
func (w *world) inboxView(t *testing.T, n *node, owner uuid.UUID) string {
	t.Helper()
	view := uuid.NewString()
	w.Tamper(t, `INSERT INTO inbox_views (id, tenant_id, owner_id, name, shared, filter, sort, columns, version, created_at, updated_at)
		VALUES ($1, $2, $3, $1::uuid::text, false, '{"view":"active"}', '-last_message_at', '[]', 1, now(), now())`, view, n.ID, owner)
	return view
}

// Everybody keeps views of the inbox, and managers share theirs. A view shows
// each what he may see.
//
// Covers: INT-06 INT-44 INT-45
func TestViewsOfTheInbox(t *testing.T) {
	t.Parallel()
	f := fillInbox(t)
	views := f.at.Path("/inbox-views")
	path := func(id string) string { return f.at.Path("/inbox-views/%s", id) }
	filter := apitest.Body{
		"view": "all", "statuses": []string{"open", "closed"}, "queue_ids": f.queues[:2], "tag_ids": []string{tagged(3), tagged(4), tagged(5)},
	}
	keep := func(r inboxRow) bool {
		return (r.Status == "open" || r.Status == "closed") && slices.Contains(f.queues[:2], r.QueueID) &&
			(r.nth()%3 == 0 || r.nth()%4 == 0 || r.nth()%5 == 0)
	}
	created := f.manager.Post(t, views, apitest.Body{
		"name": "Late answers", "shared": true, "filter": filter, "sort": "-status", "columns": []string{"contact_name", "status"},
	}).Want(t, http.StatusCreated)
	id := created.String(t, "id")
	if created.String(t, "filter.view") != "all" || created.String(t, "columns.1") != "status" || created.Header.Get("Location") != path(id) {
		t.Errorf("created is %s", created.Content)
	}
	for who, c := range map[string]*apitest.Client{"manager": f.manager, "agent": f.at.Agent} {
		want := f.inOrder(c, "-status", keep)
		if got := texts(t, c.Get(t, path(id)+"/interactions?limit=200"), "id"); !slices.Equal(got, want) || len(want) == 0 {
			t.Errorf("the %s sees %q in the view, want %q", who, got, want)
		}
		if r := c.Get(t, path(id)+"/count").Want(t, http.StatusOK); r.Int(t, "count") != len(want) || r.Value(t, "more") != false {
			t.Errorf("the %s counts %s, want %d", who, r.Content, len(want))
		}
	}
	first := f.manager.Get(t, path(id)+"/interactions?limit=1").Want(t, http.StatusOK)
	next := f.manager.Get(t, path(id)+"/interactions?limit=1&cursor="+first.String(t, "next_cursor"))
	if got := texts(t, next, "id"); !slices.Equal(got, f.inOrder(f.manager, "-status", keep)[1:2]) {
		t.Errorf("the second is %q", got)
	}

	// What is his own is his alone; a shared one is changed by who may share.
	own := f.at.Agent.Post(t, views, apitest.Body{"name": "Mine", "filter": apitest.Body{"assigned": "me"}}).Want(t, http.StatusCreated).String(t, "id")
	if got := texts(t, f.at.Agent.Get(t, views), "name"); !slices.Equal(got, []string{"Late answers", "Mine"}) {
		t.Errorf("the agent has the views %q", got)
	}
	if got := texts(t, f.manager.Get(t, views), "name"); !slices.Equal(got, []string{"Late answers"}) {
		t.Errorf("the manager has the views %q", got)
	}
	f.manager.Get(t, path(own)).WantProblem(t, http.StatusNotFound, "not_found", "")
	f.manager.Do(t, http.MethodDelete, path(own), nil).WantProblem(t, http.StatusNotFound, "not_found", "")
	f.at.Agent.Post(t, views, apitest.Body{"name": "For all", "shared": true}).WantProblem(t, http.StatusForbidden, "forbidden", "")
	f.at.Agent.Patch(t, path(own), apitest.Body{"shared": true}).WantProblem(t, http.StatusForbidden, "forbidden", "")
	f.at.Agent.Patch(t, path(id), apitest.Body{"name": "Taken"}).WantProblem(t, http.StatusForbidden, "forbidden", "")
	f.at.Agent.Do(t, http.MethodDelete, path(id), nil).WantProblem(t, http.StatusForbidden, "forbidden", "")
	f.admin.Patch(t, path(id), apitest.Body{"name": "Later"}).Want(t, http.StatusOK)
	f.manager.Patch(t, path(id), apitest.Body{"name": "x"}, apitest.Header{"If-Match": created.Header.Get("ETag")}).
		WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")

	// A view is checked when it is kept.
	f.at.Agent.Post(t, views, apitest.Body{"name": "mINE"}).WantProblem(t, http.StatusConflict, "name_taken", "body.name")
	stranger := f.tree.Other.Agent.UserID
	for field, value := range map[string]any{
		"channel_ids": []any{stranger}, "queue_ids": []any{uuid.New()}, "tag_ids": []any{uuid.New()}, "assignee_id": stranger,
	} {
		f.at.Agent.Post(t, views, apitest.Body{"name": "Wrong", "filter": apitest.Body{field: value}}).WantProblem(t, unprocessable, "not_found", "body.filter."+field)
	}
	f.at.Agent.Post(t, views, apitest.Body{"name": "Wrong", "sort": "priority", "filter": apitest.Body{"view": "all"}}).WantProblem(t, unprocessable, "validation_failed", "body.sort")
	f.at.Agent.Post(t, views, apitest.Body{"name": "Wrong", "filter": apitest.Body{"q": "?!"}}).WantProblem(t, unprocessable, "validation_failed", "body.filter.q")
	f.at.Agent.Post(t, views, apitest.Body{"name": "Wrong", "filter": apitest.Body{"color": "red"}}).WantProblem(t, unprocessable, "validation_failed", "")
	f.at.Agent.Post(t, views, apitest.Body{"name": "Wrong", "columns": []string{"<b>"}}).WantProblem(t, unprocessable, "validation_failed", "")

	f.at.Agent.Patch(t, path(own), apitest.Body{"filter": apitest.Body{}, "columns": []string{}}).Want(t, http.StatusOK)
	f.at.Agent.Do(t, http.MethodDelete, path(own), nil).Want(t, http.StatusNoContent)
	f.at.Agent.Get(t, path(own)).WantProblem(t, http.StatusNotFound, "not_found", "")
	wantCount(t, f.Platform, 1, `SELECT count(*) FROM audit_entries WHERE action = 'inbox_view.deleted' AND tenant_id = $1`, f.at.ID)
}
