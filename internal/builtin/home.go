package builtin

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/trellishq/trellis/internal/id"
)

// home is the directory of one built-in server, locked for this process.
// Everything in it belongs to the identity that the server runs as.
type home struct {
	dir  string
	lock *os.File
	// around is the owner of the directory that was there before this start:
	// the home itself, or else the nearest one above.
	around int
}

// What a home holds. The data appear under their name only when they are
// complete: an interrupted first start leaves the draft, which is made anew.
const (
	lockName     = "trellis.lock"
	passwordName = "password"
	dataName     = "data"
	draftName    = "data.new"
	binariesName = "binaries"
)

func homeNames() []string {
	return []string{lockName, passwordName, dataName, draftName, binariesName}
}

func (h *home) data() string         { return filepath.Join(h.dir, dataName) }
func (h *home) draft() string        { return filepath.Join(h.dir, draftName) }
func (h *home) binaries() string     { return filepath.Join(h.dir, binariesName) }
func (h *home) passwordFile() string { return filepath.Join(h.dir, passwordName) }

// openHome makes the directory when it is missing and locks it. The kernel
// drops the lock with the process, however that ends.
func openHome(dir string) (*home, error) {
	if dir == "" {
		return nil, errors.New("no directory was given")
	}
	dir, err := filepath.Abs(dir) // the server has its own working directory
	if err != nil {
		return nil, err
	}
	around := ownerAround(dir)
	if err := makeDirectory(dir); err != nil {
		return nil, err
	}
	// The server's data name their directory, so it has one name only.
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return nil, err
	}
	if err := refuseForeign(dir); err != nil {
		return nil, err
	}
	lock, err := lockFile(filepath.Join(dir, lockName))
	if err != nil {
		return nil, err
	}
	return &home{dir: dir, lock: lock, around: around}, nil
}

// makeDirectory keeps the home to its owner and leaves the way to it open,
// because the owner may become another than the one who made it.
func makeDirectory(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func ownerAround(path string) int {
	for {
		owner, parent := ownerOf(path), filepath.Dir(path)
		if owner != unknownOwner || parent == path {
			return owner
		}
		path = parent
	}
}

// refuseForeign keeps the server out of a directory that serves something
// else: as root its owner may be changed. The lock is the mark of ours.
func refuseForeign(dir string) error {
	if _, err := os.Lstat(filepath.Join(dir, lockName)); err == nil {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() != "lost+found" && entry.Name() != ".DS_Store" {
			return fmt.Errorf("%s holds other files (such as %s) and no %s; name an empty or a new directory",
				dir, entry.Name(), lockName)
		}
	}
	return nil
}

func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("%w: the directory belongs to user %d and this process runs as user %d",
			err, ownerOf(filepath.Dir(path)), os.Geteuid())
	}
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		holder := make([]byte, 20)
		n, _ := f.ReadAt(holder, 0)
		_ = f.Close()
		return nil, fmt.Errorf("%s is in use by another Trellis (process %s); stop it, name another directory, or set TRELLIS_DATABASE_URL for both",
			filepath.Dir(path), strings.TrimSpace(string(holder[:n])))
	}
	if err == nil {
		err = noteHolder(f)
	}
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return f, nil
}

// noteHolder writes this process's number into the lock for whoever finds it
// taken.
func noteHolder(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

// close gives the directory free. Unlocking comes first because a child that
// is just being started holds a copy of the open file until it is another
// program. The lock file stays: removing it would let two processes lock two
// files of the same name.
func (h *home) close() error {
	return errors.Join(syscall.Flock(int(h.lock.Fd()), syscall.LOCK_UN), h.lock.Close())
}

// dataMajor is the major version that wrote the data, 0 when there are none.
func (h *home) dataMajor() (int, error) {
	text, err := os.ReadFile(filepath.Join(h.data(), "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(h.data()); err == nil {
			return 0, fmt.Errorf("%s is there but is no PostgreSQL data directory (it has no PG_VERSION); move it away", h.data())
		}
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0, fmt.Errorf("%s has an unknown version %q", h.data(), text)
	}
	return major, nil
}

// password reads the owner's password, or makes it before the data are made.
func (h *home) password(haveData bool) (string, error) {
	text, err := os.ReadFile(h.passwordFile())
	if err == nil && len(bytes.TrimSpace(text)) > 0 {
		return string(bytes.TrimSpace(text)), nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if haveData {
		return "", fmt.Errorf("%s, the password of the data in %s, is missing; restore it, or move the directory away to start anew",
			h.passwordFile(), h.data())
	}
	password := id.Token(32)
	return password, writeSecret(h.passwordFile(), password+"\n")
}

// writeSecret writes a whole file that only its owner may read, and leaves
// nothing half written behind when the machine stops.
func writeSecret(path, text string) error {
	draft := path + ".new"
	f, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(draft, path)
}

// giveTo makes the identity the owner of the directory and of all in it. What
// belongs to it already is not walked through; the top of each tree is changed
// last, so that an interrupted change is taken up again.
func (h *home) giveTo(who identity) error {
	if !who.ownsFiles {
		return nil
	}
	for _, name := range homeNames() {
		if err := chownTree(filepath.Join(h.dir, name), who.uid, who.gid); err != nil {
			return fmt.Errorf("giving %s to %s: %w", h.dir, who.name, err)
		}
	}
	if ownerOf(h.dir) == who.uid {
		return nil
	}
	return os.Lchown(h.dir, who.uid, who.gid)
}

func chownTree(root string, uid, gid int) error {
	if owner := ownerOf(root); owner == uid || owner == unknownOwner {
		return nil
	}
	var paths []string
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		paths = append(paths, path)
		return err
	})
	if err != nil {
		return err
	}
	for _, path := range slices.Backward(paths) {
		if err := os.Lchown(path, uid, gid); err != nil {
			return err
		}
	}
	return nil
}

const unknownOwner = -1

// ownerOf is the user number of a file's owner, or unknownOwner.
func ownerOf(path string) int {
	info, err := os.Lstat(path)
	if err != nil {
		return unknownOwner
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return unknownOwner
	}
	return int(stat.Uid)
}
