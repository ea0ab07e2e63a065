package builtin

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func withIdentities(list []identity) machine {
	m := thisMachine()
	m.identities = func(*home) []identity { return list }
	return m
}

func namespaceOnly(t *testing.T) machine {
	t.Helper()
	requireRoot(t)
	list := inNamespace(lookUp("postgres", "nobody", "daemon", "bin"))
	if len(list) == 0 {
		t.Skip("this system has no user namespaces or no ordinary user")
	}
	requirePostgres(t)
	found, err := choose(inspect(t.Context(), usualBinaryDirs()), 0)
	must(t, err)
	if err := list[0].probe(t.Context(), "/", found); err != nil {
		t.Skip("user namespaces are not permitted here:", err)
	}
	return withIdentities(list)
}

func otherUserOnly(t *testing.T) machine {
	t.Helper()
	requireRoot(t)
	list := asUsers(lookUp("postgres", "nobody"))
	if len(list) == 0 {
		t.Skip("this system has neither a user postgres nor a user nobody")
	}
	return withIdentities(list[:1])
}

func TestRootInANamespaceReachesPrivateDirectories(t *testing.T) {
	t.Parallel()
	m := namespaceOnly(t)
	private := filepath.Join(t.TempDir(), "private")
	must(t, os.Mkdir(private, 0o700))
	dir := filepath.Join(private, "trellis-data", "postgres")

	p := start(t, dir, m)
	ask(t, p.URL(), "SELECT 1")
	if owner := ownerOf(filepath.Join(dir, dataName, "PG_VERSION")); owner != 0 {
		t.Errorf("the data belong to user %d, want root", owner)
	}
	stop(t, p)
	again := start(t, dir, m)
	ask(t, again.URL(), "SELECT 1")
}

func TestRootAsAnotherUser(t *testing.T) {
	t.Parallel()
	m := otherUserOnly(t)
	dir := publicDir(t)
	p := start(t, dir, m)
	ask(t, p.URL(), "SELECT 1")
	who := m.identities(nil)[0]
	for _, path := range []string{dir, filepath.Join(dir, passwordName), filepath.Join(dir, dataName, "PG_VERSION")} {
		if owner := ownerOf(path); owner != who.uid {
			t.Errorf("%s belongs to user %d, want %d", path, owner, who.uid)
		}
	}
	stop(t, p)

	// Left to itself, the next start stays with the owner of the data.
	h, err := openHome(dir)
	must(t, err)
	if got := usualIdentities(h)[0].name; got != who.name {
		t.Errorf("the next start would run as %s, want %s", got, who.name)
	}
	must(t, h.close())
}

func TestRootAsAnotherUserBeforeAClosedDoor(t *testing.T) {
	t.Parallel()
	m := otherUserOnly(t)
	requirePostgres(t)
	private := filepath.Join(t.TempDir(), "private")
	must(t, os.Mkdir(private, 0o700))
	must(t, os.Chmod(filepath.Dir(filepath.Dir(private)), 0o755))
	_, err := startPostgres(deadline(t), PostgresConfig{Dir: filepath.Join(private, "postgres")}, m)
	wantError(t, err, "it cannot enter "+private+" (mode 0700, owner 0)", "refuses to run as root", "/var/lib/trellis", "TRELLIS_DATABASE_URL")
}

func TestRootSwitchesOwners(t *testing.T) {
	t.Parallel()
	inside, outside := namespaceOnly(t), otherUserOnly(t)
	dir := publicDir(t)
	p := start(t, dir, inside)
	execute(t, p.URL(), "CREATE TABLE kept (n int)")
	stop(t, p)
	for _, m := range []machine{outside, inside, outside} {
		p := start(t, dir, m)
		execute(t, p.URL(), "INSERT INTO kept VALUES (1)")
		stop(t, p)
	}
	last := start(t, dir, inside)
	if got := ask(t, last.URL(), "SELECT count(*) FROM kept"); got != "3" {
		t.Errorf("%s rows of 3 were kept", got)
	}
}

func TestRootFallsBackWhenNamespacesAreRefused(t *testing.T) {
	t.Parallel()
	m := otherUserOnly(t)
	if !haveNamespaces {
		t.Skip("this system has no user namespaces")
	}
	// The kernel refuses to map to the number that means nobody at all.
	refused := identity{name: "somebody refused", ownsFiles: true, namespace: &account{uid: -1, gid: -1}}
	both := withIdentities(append([]identity{refused}, m.identities(nil)...))
	p := start(t, publicDir(t), both)
	ask(t, p.URL(), "SELECT 1")
}

func TestRootInSomebodysDirectoryBecomesThem(t *testing.T) {
	t.Parallel()
	requireRoot(t)
	somebody := asUsers(lookUp("nobody"))
	if len(somebody) == 0 {
		t.Skip("this system has no user nobody")
	}
	project := filepath.Dir(filepath.Dir(publicDir(t)))
	must(t, os.Chown(project, somebody[0].uid, somebody[0].gid))
	h, err := openHome(filepath.Join(project, "trellis-data", "postgres"))
	must(t, err)
	if got := usualIdentities(h)[0].name; got != "user nobody" {
		t.Errorf("runs as %s", got)
	}
	must(t, h.close())
}

// The server must also serve ordinary users, and those that a container
// invents, who have a number and no name.
func TestOrdinaryUsers(t *testing.T) {
	t.Parallel()
	requireRoot(t)
	requirePostgres(t)
	dir := filepath.Dir(filepath.Dir(publicDir(t)))
	binary := filepath.Join(dir, "program")
	copyFile(t, os.Args[0], binary)
	users := map[string]uint32{"Nameless": 54321}
	if list := asUsers(lookUp("postgres", "nobody")); len(list) > 0 {
		users["Named"] = uint32(list[0].uid)
	}
	for name, uid := range users {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			own := filepath.Join(dir, name)
			must(t, os.Mkdir(own, 0o700))
			must(t, os.Chown(own, int(uid), int(uid)))
			cmd := exec.Command(binary)
			cmd.Dir = own
			cmd.Env = append(os.Environ(), helperVariable+"="+filepath.Join(own, "postgres"))
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
			out, err := cmd.CombinedOutput() // its input ends at once, so it stops at once
			if name == "Nameless" && strings.Contains(string(out), "operation not permitted") {
				t.Skip("user namespaces are not permitted here")
			}
			if err != nil || !strings.HasPrefix(string(out), "postgres://") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	must(t, err)
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	must(t, err)
	_, err = io.Copy(out, in)
	must(t, errors.Join(err, out.Close()))
}

func TestClosedTo(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b")
	must(t, os.MkdirAll(dir, 0o755))
	must(t, os.Chmod(filepath.Dir(filepath.Dir(filepath.Dir(dir))), 0o755))
	stranger := account{uid: 54321, gid: 54321}
	if got := closedTo(stranger, dir); got != "" {
		t.Errorf("open directories are said to be closed: %s", got)
	}
	must(t, os.Chmod(filepath.Dir(dir), 0o700))
	if got := closedTo(stranger, dir); !strings.Contains(got, filepath.Dir(dir)+" (mode 0700") {
		t.Errorf("the closed directory is not named: %q", got)
	}
	if got := closedTo(account{uid: os.Geteuid()}, dir); got != "" {
		t.Errorf("the owner is said to be kept out: %s", got)
	}
}
