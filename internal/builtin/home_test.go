package builtin

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

func TestOpenHomeRefusesForeignDirectories(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "thesis.txt"), nil, 0o600))
	_, err := openHome(dir)
	wantError(t, err, "holds other files", "thesis.txt")
	if _, err := os.Lstat(filepath.Join(dir, lockName)); err == nil {
		t.Error("the foreign directory was written to")
	}
}

func TestOpenHomeNeedsADirectory(t *testing.T) {
	t.Parallel()
	_, err := openHome("")
	wantError(t, err, "no directory")
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	_, err = openHome(file)
	wantError(t, err, file)
}

func TestOpenHomeIsPrivateAndItsParentsAreNot(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "trellis-data", "postgres")
	h, err := openHome(dir)
	must(t, err)
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Dir(dir): 0o755} {
		info, err := os.Stat(path)
		must(t, err)
		if info.Mode().Perm()&^want != 0 {
			t.Errorf("%s has mode %o, want at most %o", path, info.Mode().Perm(), want)
		}
	}
	must(t, h.close())
}

// Unlocking must not wait for copies of the open file, which children that
// are just being started hold for a moment.
func TestCloseFreesTheLockAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h, err := openHome(dir)
	must(t, err)
	inherited, err := syscall.Dup(int(h.lock.Fd()))
	must(t, err)
	t.Cleanup(func() { _ = syscall.Close(inherited) })
	_, err = openHome(dir)
	wantError(t, err, "in use by another Trellis (process "+strconv.Itoa(os.Getpid())+")")
	must(t, h.close())
	again, err := openHome(dir)
	must(t, err)
	must(t, again.close())
}

func TestDataMajor(t *testing.T) {
	t.Parallel()
	h, err := openHome(t.TempDir())
	must(t, err)
	t.Cleanup(func() { must(t, h.close()) })
	if major, err := h.dataMajor(); major != 0 || err != nil {
		t.Errorf("without data: %d, %v", major, err)
	}
	must(t, os.Mkdir(h.data(), 0o700))
	_, err = h.dataMajor()
	wantError(t, err, "no PG_VERSION")
	must(t, os.WriteFile(filepath.Join(h.data(), "PG_VERSION"), []byte("16\n"), 0o600))
	if major, err := h.dataMajor(); major != 16 || err != nil {
		t.Errorf("with data: %d, %v", major, err)
	}
	must(t, os.WriteFile(filepath.Join(h.data(), "PG_VERSION"), []byte("9.6\n"), 0o600))
	_, err = h.dataMajor()
	wantError(t, err, "9.6")
}

func TestPasswordStays(t *testing.T) {
	t.Parallel()
	h, err := openHome(t.TempDir())
	must(t, err)
	t.Cleanup(func() { must(t, h.close()) })
	first, err := h.password(false)
	must(t, err)
	second, err := h.password(true)
	must(t, err)
	if len(first) != 32 || first != second {
		t.Error("the password is short or changes")
	}
}
