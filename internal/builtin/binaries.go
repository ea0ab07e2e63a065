package builtin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// oldestMajor is the oldest PostgreSQL that the schema is written for.
const oldestMajor = 14

const installAdvice = "install PostgreSQL 14 or newer (Debian and Ubuntu: apt install postgresql; " +
	"Fedora: dnf install postgresql-server; macOS: brew install postgresql@17), " +
	"or set TRELLIS_DATABASE_URL to a server of your own"

// version is a PostgreSQL release. Before 10 the second number was part of the
// major version; those are too old here, so it makes no difference.
type version struct{ major, minor int }

func (v version) String() string { return fmt.Sprintf("%d.%d", v.major, v.minor) }

func (v version) compare(other version) int {
	return cmp.Or(cmp.Compare(v.major, other.major), cmp.Compare(v.minor, other.minor))
}

// Betas call themselves 18beta1 and snapshots 18devel.
var versionPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+)(?:\.(\d+))?`)

// parseVersion reads what "postgres --version" prints.
func parseVersion(text string) (version, error) {
	m := versionPattern.FindStringSubmatch(text)
	if m == nil {
		return version{}, fmt.Errorf("no PostgreSQL version in %q", text)
	}
	major, err := strconv.Atoi(m[1])
	if err != nil {
		return version{}, err
	}
	minor, _ := strconv.Atoi(m[2]) // absent in a beta, which comes before .0
	return version{major, minor}, nil
}

// installation is a directory with postgres and initdb of one version.
type installation struct {
	bin     string
	version version
}

func (i installation) program(name string) string { return filepath.Join(i.bin, name) }

// choose takes the newest installation, or with dataMajor (not 0) the newest
// of the major version that wrote the data: no other can read them. Among
// equals the first wins.
func choose(found []installation, dataMajor int) (installation, error) {
	fit := slices.DeleteFunc(slices.Clone(found), func(i installation) bool {
		return i.version.major < oldestMajor || dataMajor != 0 && i.version.major != dataMajor
	})
	if len(fit) == 0 {
		return installation{}, errors.New(whyNone(found, dataMajor))
	}
	slices.SortStableFunc(fit, func(a, b installation) int { return b.version.compare(a.version) })
	return fit[0], nil
}

func whyNone(found []installation, dataMajor int) string {
	have := "no PostgreSQL is installed"
	if len(found) > 0 {
		var names []string
		for _, i := range found {
			names = append(names, i.version.String()+" in "+i.bin)
		}
		have = "installed is only " + strings.Join(names, ", ")
	}
	switch {
	case dataMajor == 0:
		return have + ": " + installAdvice
	case dataMajor < oldestMajor:
		return fmt.Sprintf("the data were written by PostgreSQL %d, which is too old: dump them with it and restore them into %d or newer",
			dataMajor, oldestMajor)
	default:
		return fmt.Sprintf("the data were written by PostgreSQL %d and %s: install PostgreSQL %d, or upgrade the data with pg_upgrade",
			dataMajor, have, dataMajor)
	}
}

// findPostgres chooses among what is installed and what was downloaded, and
// downloads when nothing fits.
func (m machine) findPostgres(ctx context.Context, dataMajor int, downloads string) (installation, error) {
	find := func() (installation, error) {
		dirs := append(m.binaryDirs(), expand(filepath.Join(downloads, "*", "bin"))...)
		return choose(inspect(ctx, dirs), dataMajor)
	}
	chosen, notFound := find()
	if notFound == nil || ctx.Err() != nil {
		return chosen, errors.Join(notFound, ctx.Err())
	}
	if err := m.download(ctx, dataMajor, downloads); err != nil {
		return installation{}, fmt.Errorf("%w (a download was tried: %w)", notFound, err)
	}
	return find()
}

// usualBinaryDirs lists where servers are installed, whether they exist or not.
func usualBinaryDirs() []string {
	var dirs []string
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if filepath.IsAbs(dir) {
			dirs = append(dirs, dir)
		}
	}
	return append(dirs, expand(
		"/usr/lib/postgresql/*/bin", // Debian, Ubuntu
		"/usr/pgsql-*/bin",          // Fedora, RHEL, from postgresql.org
		"/usr/bin",                  // Fedora, RHEL, Arch, Alpine
		"/opt/homebrew/opt/postgresql@*/bin",
		"/usr/local/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	)...)
}

func expand(patterns ...string) []string {
	var paths []string
	for _, pattern := range patterns {
		matches, _ := filepath.Glob(pattern) // fails for a bad pattern only
		paths = append(paths, matches...)
	}
	return paths
}

// inspect asks the server in each directory for its version. Directories
// without a whole server, or with one that does not run, are left out.
func inspect(ctx context.Context, dirs []string) []installation {
	var found []installation
	seen := map[string]bool{}
	for _, dir := range dirs {
		bin, ok := serverDir(dir)
		if !ok || seen[bin] {
			continue
		}
		seen[bin] = true
		if v, err := askVersion(ctx, bin); err == nil {
			found = append(found, installation{bin: bin, version: v})
		}
	}
	return found
}

// serverDir follows a link such as /usr/local/bin/postgres to where the server
// and its companions are.
func serverDir(dir string) (string, bool) {
	server, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres"))
	if err != nil {
		return "", false
	}
	bin := filepath.Dir(server)
	for _, program := range []string{"postgres", "initdb"} {
		info, err := os.Stat(filepath.Join(bin, program))
		if err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
			return "", false
		}
	}
	return bin, true
}

func askVersion(ctx context.Context, bin string) (version, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "postgres"), "--version")
	cmd.Env = childEnvironment()
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return version{}, err
	}
	return parseVersion(string(out))
}

// childEnvironment is what PostgreSQL's programs may see of ours: enough to
// run, none of the program's secrets, and none of the PG and LC variables that
// would change what they do.
func childEnvironment() []string {
	env := []string{"LC_ALL=C"}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LOCPATH", "LOCALE_ARCHIVE", "TZDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}
