package builtin

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestParseVersion(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]version{
		"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)": {15, 18},
		"postgres (PostgreSQL) 9.6.24":                         {9, 6},
		"postgres (PostgreSQL) 18beta1":                        {18, 0},
		"postgres (PostgreSQL) 19devel\n":                      {19, 0},
	} {
		if got, err := parseVersion(text); err != nil || got != want {
			t.Errorf("%q gives %v, %v; want %v", text, got, err, want)
		}
	}
	if _, err := parseVersion("postmaster 7.4"); err == nil {
		t.Error("want an error for a text without a version")
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	at := func(bin string, major, minor int) installation {
		return installation{bin: bin, version: version{major, minor}}
	}
	tests := map[string]struct {
		found     []installation
		dataMajor int
		want      string
		words     []string
	}{
		"ComparesNumbers":       {found: []installation{at("nine", 9, 6), at("fourteen", 14, 2), at("ten", 10, 1)}, want: "fourteen"},
		"DataOfAbsentVersion":   {found: []installation{at("new", 16, 1)}, dataMajor: 15, words: []string{"written by PostgreSQL 15", "only 16.1 in new", "install PostgreSQL 15", "pg_upgrade"}},
		"DataOfAncientVersion":  {found: []installation{at("old", 12, 1)}, dataMajor: 12, words: []string{"too old"}},
		"DataWantsItsMajor":     {found: []installation{at("a", 17, 1), at("b", 15, 2), at("c", 15, 10)}, dataMajor: 15, want: "c"},
		"FirstAmongEquals":      {found: []installation{at("path", 15, 4), at("lib", 15, 4)}, want: "path"},
		"MinorCountsAsNumber":   {found: []installation{at("a", 15, 9), at("b", 15, 10)}, want: "b"},
		"NewestFirst":           {found: []installation{at("a", 14, 9), at("b", 17, 0), at("c", 15, 2)}, want: "b"},
		"NoneInstalled":         {words: []string{"no PostgreSQL is installed", "apt install postgresql", "dnf install postgresql-server", "brew install postgresql", "TRELLIS_DATABASE_URL"}},
		"NoneInstalledForData":  {dataMajor: 16, words: []string{"written by PostgreSQL 16", "no PostgreSQL is installed"}},
		"OnlyTooOldOnes":        {found: []installation{at("old", 13, 20)}, words: []string{"only 13.20 in old", "14 or newer"}},
		"OldestThatIsSupported": {found: []installation{at("a", 14, 0)}, want: "a"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := slices.Clone(test.found)
			got, err := choose(test.found, test.dataMajor)
			if test.words != nil {
				wantError(t, err, test.words...)
			} else if err != nil || got.bin != test.want {
				t.Errorf("got %v, %v; want %s", got, err, test.want)
			}
			if !slices.Equal(before, test.found) {
				t.Error("the caller's list was changed")
			}
		})
	}
}

// fakeServer is a directory with programs that only tell a version.
func fakeServer(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	for _, program := range []string{"postgres", "initdb"} {
		script := "#!/bin/sh\necho '" + program + " (PostgreSQL) " + version + "'\n"
		must(t, os.WriteFile(filepath.Join(dir, program), []byte(script), 0o755))
	}
	return dir
}

func TestInspectFollowsLinksAndLeavesOutWhatDoesNotRun(t *testing.T) {
	t.Parallel()
	whole, broken, clientOnly, linked := fakeServer(t, "16.3"), fakeServer(t, "15.1"), fakeServer(t, "17.0"), t.TempDir()
	must(t, os.WriteFile(filepath.Join(broken, "postgres"), []byte("#!/bin/sh\nexit 1\n"), 0o755))
	must(t, os.Remove(filepath.Join(clientOnly, "initdb")))
	must(t, os.Symlink(filepath.Join(whole, "postgres"), filepath.Join(linked, "postgres")))

	found := inspect(t.Context(), []string{filepath.Join(linked, "absent"), linked, broken, clientOnly, whole})
	if len(found) != 1 || found[0].bin != whole || found[0].version != (version{16, 3}) {
		t.Errorf("found %v, want 16.3 in %s once", found, whole)
	}
}

func TestFindPostgresDownloadsWhatIsMissing(t *testing.T) {
	t.Parallel()
	downloads := t.TempDir()
	m := machine{
		binaryDirs: func() []string { return nil },
		download: func(_ context.Context, major int, into string) error {
			if major != 16 {
				t.Errorf("asked for version %d", major)
			}
			return os.Rename(fakeServer(t, "16.9"), makeParent(t, filepath.Join(into, "16.9.0", "bin")))
		},
	}
	found, err := m.findPostgres(t.Context(), 16, downloads)
	must(t, err)
	if found.version != (version{16, 9}) {
		t.Errorf("found %v", found)
	}
	m.download = func(context.Context, int, string) error { return errors.New("downloaded twice") }
	_, err = m.findPostgres(t.Context(), 16, downloads)
	must(t, err)
}

func makeParent(t *testing.T, path string) string {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	return path
}

func TestFindPostgresSaysWhatToInstall(t *testing.T) {
	t.Parallel()
	m := thisMachine()
	m.binaryDirs = func() []string { return nil }
	m.download = func(context.Context, int, string) error { return errors.New("no route to host") }
	_, err := startPostgres(t.Context(), PostgresConfig{Dir: t.TempDir()}, m)
	wantError(t, err, "no PostgreSQL is installed", "apt install", "dnf install", "brew install", "TRELLIS_DATABASE_URL", "no route to host")
}

func TestChildEnvironmentKeepsSecretsAndSettingsAway(t *testing.T) {
	t.Setenv("TRELLIS_SECRET", "hidden")
	t.Setenv("PGDATA", "/elsewhere")
	t.Setenv("LC_ALL", "de_DE.UTF-8")
	env := strings.Join(childEnvironment(), "\n")
	if strings.Contains(env, "hidden") || strings.Contains(env, "PGDATA") || !strings.Contains(env, "LC_ALL=C\n") {
		t.Errorf("the environment is\n%s", env)
	}
}
