package store_test

import (
	"context"
	"strings"
	"testing"

	"github.com/trellishq/trellis/internal/clock"
	"github.com/trellishq/trellis/internal/testkit"
)

func TestVerifyAcceptsTheMigratedDatabase(t *testing.T) {
	t.Parallel()
	s := testkit.OpenStore(t, clock.System{})
	if err := s.Verify(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyRefusesEveryHole(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ tamper, says string }{
		"security off":        {"ALTER TABLE messages DISABLE ROW LEVEL SECURITY", "messages: row level security is off"},
		"security not forced": {"ALTER TABLE contacts NO FORCE ROW LEVEL SECURITY", "contacts: row level security is not forced"},
		"no policy":           {"DROP POLICY tenant ON interactions", "interactions: has no policy"},
		"new table":           {"CREATE TABLE forgotten (id int)", "forgotten: row level security is off"},
		"owner's view":        {"CREATE VIEW peek AS SELECT * FROM messages", "peek: a view that is not security_invoker"},
		"owning role":         {"CREATE TABLE mine (id int); ALTER TABLE mine OWNER TO trellis_app", "owns tables"},
		"old schema":          {"DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version)", "run `trellis migrate`"},
		"newer schema":        {"INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)", "use a newer binary"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := testkit.NewDatabase(t)
			if _, err := d.Owner(t).Exec(c.tamper); err != nil {
				t.Fatal(err)
			}
			err := testkit.Open(t, d, clock.System{}).Verify(context.Background())
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want it to say %q", err, c.says)
			}
		})
	}
}

func TestVerifyRefusesASuperuser(t *testing.T) {
	t.Parallel()
	d := testkit.NewDatabase(t)
	d.AppURL = d.OwnerURL
	err := testkit.Open(t, d, clock.System{}).Verify(context.Background())
	if err == nil || !strings.Contains(err.Error(), "is a superuser") {
		t.Errorf("got %v", err)
	}
}
