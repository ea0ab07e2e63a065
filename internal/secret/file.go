package secret

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ReadFile reads master keys, in the form of ParseKeys, from a file that only
// its owner can read. Lines are joined, so each key may have a line of its own
// that ends in a comma. A file that is not there is fs.ErrNotExist.
func ReadFile(path string) ([]Key, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading the key file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the key file %s can be read by others: run chmod 600 on it", path)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the key file: %w", err)
	}
	keys, err := ParseKeys(strings.Join(strings.Fields(string(content)), ""))
	if err != nil {
		return nil, fmt.Errorf("the key file %s: %w", path, err)
	}
	return keys, nil
}

// CreateFile makes a random master key and writes it to a new file of mode
// 0600. It never overwrites: a file that is there is fs.ErrExist, and then
// another process may just have made it. The caller decides whether there is
// nothing yet that an older key has sealed (D6-2).
func CreateFile(path, id string) ([]Key, error) {
	key, err := NewKey(id)
	if err != nil {
		return nil, err
	}
	if err := writeNew(path, key.Encode().Reveal()+"\n"); err != nil {
		return nil, fmt.Errorf("making the key file: %w", err)
	}
	return []Key{key}, nil
}

// writeNew puts a whole file in place or none: it is written beside, flushed
// to the disk and then linked under its name, which fails if the name is taken.
func writeNew(path, content string) (err error) {
	temp, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, ignoreMissing(os.Remove(temp.Name()))) }()
	_, err = temp.WriteString(content)
	err = errors.Join(err, temp.Sync(), temp.Close())
	if err != nil {
		return err
	}
	if err := os.Link(temp.Name(), path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
