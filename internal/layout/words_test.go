package layout_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	t.Parallel()
	for _, p := range packages(t) {
		if len(p.GoFiles) == 0 {
			continue // tests only
		}
		var comments, generated int
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.ParseComments|parser.PackageClauseOnly)
			if err != nil {
				t.Fatal(err)
			}
			if ast.IsGenerated(file) {
				generated++
				continue
			}
			if file.Doc == nil {
				continue
			}
			comments++
			want := "Package " + file.Name.Name + " "
			if file.Name.Name == "main" {
				want = "Command " + filepath.Base(p.Dir) + " "
			}
			if text := strings.Join(strings.Fields(file.Doc.Text()), " "); !strings.HasPrefix(text+" ", want) {
				t.Errorf("%s/%s: the package comment begins with %.40q, not with %q", p.name(), name, text, want)
			}
		}
		if generated == len(p.GoFiles) {
			continue
		}
		if comments != 1 {
			t.Errorf("%s has %d package comments and needs one", p.name(), comments)
		}
	}
}

// skipped are folders that hold nothing of ours.
var skipped = []string{".git", ".bin", "node_modules", "trellis-data"}

// eachText calls f with every text file of the checkout.
func eachText(t *testing.T, f func(name string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if slices.Contains(skipped, entry.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if !entry.Type().IsRegular() || entry.Name() == ".git" { // a linked checkout's
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if !bytes.ContainsRune(text, 0) { // a binary has zeros
			f(name, text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A file that names a place on somebody's machine works on that machine only.
func TestNoFileNamesAWorkplace(t *testing.T) {
	t.Parallel()
	var places [][]byte // put together here, so that this file passes
	for _, place := range []string{"work", "farm", "Users", "root"} {
		places = append(places, []byte("/"+place+"/"))
	}
	seen := 0
	eachText(t, func(name string, text []byte) {
		seen++
		for _, place := range places {
			for number, line := range bytes.Split(text, []byte("\n")) {
				at := bytes.Index(line, place)
				if at < 0 || at > 0 && isWordByte(line[at-1]) {
					continue // a part of a longer path or URL
				}
				t.Errorf("%s:%d names %s…", name, number+1, place)
			}
		}
	})
	if seen < 100 {
		t.Fatalf("only %d files were read", seen)
	}
}

// isWordByte tells whether a slash behind b goes on with a path.
func isWordByte(b byte) bool {
	return b == '.' || b == '_' || b == '-' || b == '~' || b == '}' || b == ')' || '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}
