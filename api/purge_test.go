package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// kept are the tables of which a purge leaves a tenant's rows: the logs, and
// the record of the purge.
func kept(table string) bool {
	return table == "events" || table == "tenant_purges" || strings.HasPrefix(table, "audit")
}

// leftovers counts the rows of a tenant in every table that has tenants.
func leftovers(t *testing.T, w *world, tenant string) map[string]string {
	t.Helper()
	found := map[string]string{}
	tables := w.Text(t, `SELECT string_agg(c.relname, ' ' ORDER BY c.relname)
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')`)
	for _, table := range strings.Fields(tables) {
		if n := w.Text(t, "SELECT count(*)::text FROM "+table+" WHERE tenant_id = '"+tenant+"'"); n != "0" && !kept(table) {
			found[table] = n
		}
	}
	return found
}

// When the grace of a deleted tenant is over, nothing is left of it but its
// tombstone, the logs and the history of its numbers.
//
// Covers: TEN-06
func TestAPurgeLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Clock.Advance(2 * time.Minute)
	n, at := w.customer, "/v1/tenants/"+w.customer.ID.String()
	number := w.number(t, n)
	w.idsAt(t, n, number)
	n.Admin.Patch(t, n.Path("/brand"), apitest.Body{"product_name": "Gone"}).Want(t, http.StatusOK)
	n.Admin.Upload(t, n.Path("/brand/logo"), "a.png", drawing(t, "png")).Want(t, http.StatusOK)
	w.Tamper(t, `INSERT INTO contacts (id, created_at, updated_at, tenant_id, name)
		SELECT gen_random_uuid(), now(), now(), $1, 'contact ' || i FROM generate_series(1, 12000) i`, n.ID) // more than one run
	n.Admin.Patch(t, n.Path("/channels/%s", n.channel), apitest.Body{"contact_list_id": w.contactList(t, n)}).Want(t, http.StatusOK)
	w.Tamper(t, `INSERT INTO contact_list_members (tenant_id, list_id, contact_id, created_at)
		SELECT c.tenant_id, l.id, c.id, now() FROM contacts c JOIN contact_lists l ON l.tenant_id = c.tenant_id WHERE c.tenant_id = $1`, n.ID)
	sandbox := n.Admin.Post(t, n.Path("/sandbox"), nil).Want(t, http.StatusOK).String(t, "id")
	login := n.Admin.Get(t, "/v1/me").Want(t, http.StatusOK).String(t, "user.login")
	bossLogin := w.l2.boss.Get(t, "/v1/me").Want(t, http.StatusOK).String(t, "user.login")
	name := w.l2.boss.Get(t, at).Want(t, http.StatusOK).String(t, "name")
	before := leftovers(t, w, n.ID.String())
	if len(before) < 12 {
		t.Errorf("there is little to purge: %v", before)
	}
	neighbour := leftovers(t, w, w.sibling.ID.String())

	w.l2.boss.Do(t, http.MethodDelete, at, nil).Want(t, http.StatusOK)
	// The database asks its own clock, which is ahead of the test's.
	due := w.Text(t, "SELECT purge_at::text FROM tenants WHERE id = '"+n.ID.String()+"'")
	w.Tamper(t, "UPDATE tenants SET purge_at = now() + interval '1 minute' WHERE id = $1", n.ID)
	if deleted := purgeAsSystem(t, w, n.ID.String()); deleted != 0 {
		t.Errorf("the system role deleted %d contacts of a tenant in its grace", deleted)
	}
	w.Tamper(t, "UPDATE tenants SET purge_at = $2::timestamptz WHERE id = $1", n.ID, due)
	w.Advance(t, 29*24*time.Hour)
	if left := leftovers(t, w, n.ID.String()); left["users"] != before["users"] {
		t.Errorf("purged within the grace: %v", left)
	}
	w.Advance(t, 25*time.Hour)
	w.Advance(t, time.Minute) // the tenant goes after its sandbox
	if left := leftovers(t, w, n.ID.String()); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if status := w.Text(t, "SELECT status FROM tenants WHERE id = '"+sandbox+"'"); status != "purged" {
		t.Errorf("the sandbox is %s", status)
	}
	if deleted := purgeAsSystem(t, w, w.sibling.ID.String()); deleted != 0 {
		t.Errorf("the system role deleted %d contacts of a living tenant", deleted)
	}
	if after := leftovers(t, w, w.sibling.ID.String()); after["users"] != neighbour["users"] || after["messages"] != neighbour["messages"] {
		t.Errorf("the neighbour had %v and has %v", neighbour, after)
	}
	boss := w.Login(t, bossLogin)
	tomb := boss.Get(t, at).Want(t, http.StatusOK)
	if tomb.String(t, "status") != "purged" || tomb.String(t, "name") != name {
		t.Errorf("the tombstone: %s", tomb.Content)
	}
	boss.Post(t, at+"/restore", nil).Want(t, http.StatusForbidden)
	if w.Text(t, "SELECT count(*)::text FROM events WHERE type = 'tenant.purged' AND object_id = '"+n.ID.String()+"'") != "1" {
		t.Error("the purge is told not once")
	}
	// What was his is free: number, name and login.
	if held := boss.Get(t, w.l2.Path("/numbers/%s", number)).Want(t, http.StatusOK); held.ID(t, "holder_id") != w.l2.ID {
		t.Errorf("the number: %s", held.Content)
	}
	heir := boss.Post(t, "/v1/tenants", apitest.Body{"parent_id": w.l2.ID, "kind": "customer", "name": name}).Want(t, http.StatusCreated)
	boss.Post(t, "/v1/tenants/"+heir.String(t, "id")+"/users", apitest.Body{
		"login": login, "name": "Heir", "role": "tenant_admin", "password": apitest.Password,
	}).Want(t, http.StatusCreated)
	w.Advance(t, time.Hour) // a second run is none
}

// purgeAsSystem tries to delete a tenant's contacts as the purge would, and
// returns how many went.
func purgeAsSystem(t *testing.T, w *world, tenant string) (deleted int64) {
	t.Helper()
	err := w.Store.InTx(scope.System(context.Background(), "test"), func(ctx context.Context) error {
		result, err := store.Exec(ctx, "DELETE FROM contacts WHERE tenant_id = $1", tenant)
		if err != nil {
			return err
		}
		deleted, err = result.RowsAffected()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return deleted
}
