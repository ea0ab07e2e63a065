package layout_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/trellishq/trellis"

// root is the folder of go.mod, seen from this package.
const root = "../.."

// goPackage is what the go command says of a package.
type goPackage struct {
	ImportPath, Dir                    string
	GoFiles                            []string
	Imports, TestImports, XTestImports []string
}

// name is the path inside the module; the root is ".".
func (p goPackage) name() string { return local(p.ImportPath) }

func (p goPackage) testImports() []string { return slices.Concat(p.TestImports, p.XTestImports) }

var listed = sync.OnceValues(func() ([]goPackage, error) {
	command := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports,TestImports,XTestImports", "./...")
	command.Dir, command.Stderr = root, os.Stderr
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var all []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
})

func packages(t *testing.T) []goPackage {
	t.Helper()
	all, err := listed()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("the go command lists %d packages, which cannot be all", len(all))
	}
	return all
}

func ours(importPath string) bool {
	return importPath == module || strings.HasPrefix(importPath, module+"/")
}

func local(importPath string) string {
	return path.Clean("./" + strings.TrimPrefix(strings.TrimPrefix(importPath, module), "/"))
}

func thirdParty(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return strings.Contains(first, ".") && !ours(importPath)
}

// matches tells whether a pattern of the table covers a package, and how
// closely: the longer the pattern the closer, and an exact name is closest.
func matches(pattern, name string) (closeness int, ok bool) {
	folder, below := strings.CutSuffix(pattern, "...")
	if !below {
		return 2*len(pattern) + 1, pattern == name
	}
	folder = strings.TrimSuffix(folder, "/")
	return 2 * len(folder), folder == "" || name == folder || strings.HasPrefix(name, folder+"/")
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		_, ok := matches(pattern, name)
		return ok
	})
}

// height is the layer of a package, counted from the top; -1 for none.
func height(name string) int {
	found, best := -1, -1
	for i, l := range layers {
		for _, pattern := range l.packages {
			if closeness, ok := matches(pattern, name); ok && closeness > best {
				found, best = i, closeness
			}
		}
	}
	return found
}

// mayStandOn tells whether the order of layers lets a package import another.
func mayStandOn(name, imported string) bool {
	own, other := height(name), height(imported)
	return other < own || own == other && layers[own].together
}

func TestImportsGoOneWay(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if height(p.name()) < 0 {
			t.Errorf("%s has no line in the import table (internal/layout/table_test.go)", p.name())
			continue
		}
		for _, imported := range p.Imports {
			if ours(imported) && height(local(imported)) >= 0 && !mayStandOn(p.name(), local(imported)) {
				t.Errorf("%s imports %s, which stands beside or below it in the import table", p.name(), local(imported))
			}
		}
	}
}

func TestBans(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			if !ours(imported) {
				continue
			}
			for _, b := range bans {
				bound := b.who == nil || matchesAny(b.who, p.name())
				if bound && !matchesAny(b.except, p.name()) && matchesAny(b.whom, local(imported)) {
					t.Errorf("%s imports %s: %s", p.name(), local(imported), b.why)
				}
			}
		}
	}
}

// owner is the closest line of an import's library, or -1.
func owner(importPath string) int {
	found, longest := -1, 0
	for i, l := range libraries {
		if (importPath == l.path || strings.HasPrefix(importPath, l.path+"/")) && len(l.path) > longest {
			found, longest = i, len(l.path)
		}
	}
	return found
}

func TestLibrariesHaveOneHome(t *testing.T) {
	t.Parallel()
	used := make([]bool, len(libraries))
	check := func(p goPackage, imported string, inTest bool) {
		if !thirdParty(imported) {
			return
		}
		i := owner(imported)
		if i < 0 {
			t.Errorf("%s imports %s, which has no line in the table of libraries (internal/layout/table_test.go)", p.name(), imported)
			return
		}
		used[i] = true
		l := libraries[i]
		if !matchesAny(l.by, p.name()) && !(inTest && matchesAny(l.tests, p.name())) {
			t.Errorf("%s imports %s, which belongs to %s", p.name(), imported, strings.Join(l.by, ", "))
		}
	}
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			check(p, imported, false)
		}
		for _, imported := range p.testImports() {
			check(p, imported, true)
		}
	}
	for i, l := range libraries {
		if !used[i] {
			t.Errorf("nobody imports %s: its line in the table of libraries is too much", l.path)
		}
	}
}

// The table itself can be wrong: a line that covers no package is a leftover.
func TestTableNamesWhatExists(t *testing.T) {
	t.Parallel()
	all := packages(t)
	for _, l := range layers {
		for _, pattern := range l.packages {
			exists := slices.ContainsFunc(all, func(p goPackage) bool {
				_, ok := matches(pattern, p.name())
				return ok
			})
			if !exists {
				t.Errorf("the import table has a line for %s, which does not exist", pattern)
			}
		}
	}
}

// The rules of the table, tried on names: an error in them would pass all.
func TestTheTableRefuses(t *testing.T) {
	t.Parallel()
	for _, wrong := range [][2]string{
		{"internal/store", "jobs"},
		{"internal/fault", "ent"},
		{"events", "tenants"},
		{"identity", "channels"},
		{"tenants", "identity"},
		{"messaging/contacts", "messaging/interactions"},
		{"messaging/contacts", "messaging/consent"},
		{"messaging/interactions", "api/op"},
		{"channels/provider/twilio", "channels/provider/clickatell"},
		{"channels/provider", "channels/provider/twilio"},
		{"api/inbox", "api/assembly"},
		{"api/inbox", "api/channels"},
		{"api/assembly", "cmd/trellis"},
	} {
		if mayStandOn(wrong[0], wrong[1]) {
			t.Errorf("the table lets %s import %s", wrong[0], wrong[1])
		}
	}
	for _, right := range [][2]string{
		{"internal/store", "ent"},
		{"ent/user", "ent/predicate"},
		{"messaging/intake", "messaging/interactions"},
		{"api/identity", "api/tenants"},
		{"cmd/trellis", "api/assembly"},
	} {
		if !mayStandOn(right[0], right[1]) {
			t.Errorf("the table keeps %s from importing %s", right[0], right[1])
		}
	}
}
