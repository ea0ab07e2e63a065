package builtin

import (
	"testing"
)

func TestServerDiesWithAKilledProgram(t *testing.T) {
	t.Parallel()
	requirePostgres(t)
	dir := t.TempDir()
	p := startProgram(t, dir)
	execute(t, p.url, "CREATE TABLE kept AS SELECT 'yes' AS answer")
	p.kill(t)
	eventually(t, "the port is closed", func() bool { return !listens(t, p.url) })

	again := start(t, dir, thisMachine())
	if got := ask(t, again.URL(), "SELECT answer FROM kept"); got != "yes" {
		t.Errorf("the row is %q", got)
	}
}

func TestStartRightAfterAKilledProgram(t *testing.T) {
	t.Parallel()
	requirePostgres(t)
	dir := t.TempDir()
	for range 3 {
		p := startProgram(t, dir)
		// A busy connection makes the shutdown take longer.
		db := open(t, p.url)
		_, err := db.ExecContext(t.Context(), "CREATE TABLE IF NOT EXISTS busy (n int)")
		must(t, err)
		p.kill(t)
		_ = db.Close()
		again := start(t, dir, thisMachine())
		if got := ask(t, again.URL(), "SELECT count(*) FROM busy"); got != "0" {
			t.Errorf("the table has %s rows", got)
		}
		stop(t, again)
	}
}

func TestLockOfAnotherProgram(t *testing.T) {
	t.Parallel()
	requirePostgres(t)
	dir := t.TempDir()
	p := startProgram(t, dir)
	_, err := StartPostgres(deadline(t), PostgresConfig{Dir: dir})
	wantError(t, err, "in use by another Trellis (process")
	if ask(t, p.url, "SELECT 1") != "1" {
		t.Error("the other program's server was disturbed")
	}
}
