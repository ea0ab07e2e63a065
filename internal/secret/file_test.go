package secret_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trellishq/trellis/internal/secret"
)

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	if _, err := secret.ReadFile(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("reading nothing = %v", err)
	}
	made, err := secret.CreateFile(path, "first")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := secret.CreateFile(path, "second"); !errors.Is(err, fs.ErrExist) {
		t.Fatalf("making it again = %v, want fs.ErrExist", err)
	}
	read, err := secret.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !read[0].Encode().Equal(made[0].Encode()) {
		t.Error("another key was read than written")
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
		t.Errorf("%d files are left, want 1", len(entries))
	}
}

func TestKeyFileThatOthersCanRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	if err := os.WriteFile(path, []byte(fixedKey("k1", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := secret.ReadFile(path)
	if err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("ReadFile = %v", err)
	}
}

func TestKeyFileOfSeveralLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	content := fixedKey("k2", 2) + ",\n" + fixedKey("k1", 1) + "\n"
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := secret.ReadFile(path)
	if err != nil || len(keys) != 2 || keys[0].ID() != "k2" {
		t.Errorf("ReadFile = %v, %v", keys, err)
	}
}

func TestDamagedKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "master.key")
	if err := os.WriteFile(path, []byte("k1:hunter2hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := secret.ReadFile(path)
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("ReadFile = %v", err)
	}
}
