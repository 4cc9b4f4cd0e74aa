package secret

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// FileName is the key file inside a data folder's secrets.
const FileName = "keys"

// Kept reads the ring of a data folder and makes one on first use: <data>/secrets/keys, readable by its owner alone. Of two
// processes that start at once both get the same ring. It never overwrites a file that exists, not even one it cannot read:
// whatever was derived with those keys would be lost.
func Kept(data string) (*Ring, error) {
	folder := filepath.Join(data, "secrets")
	path := filepath.Join(folder, FileName)
	ring, err := Read(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return ring, err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("make secrets folder: %w", err)
	}
	ring, err = NewRing(map[int][]byte{1: fresh()})
	if err != nil {
		return nil, err
	}
	if err := create(path, ring.Text()); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("keep keys: %w", err)
	}
	return Read(path) // the other process's, where it came first
}

// Read reads a ring from a key file. It refuses a file that others than its owner can read.
func Read(path string) (*Ring, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("key file %s can be read by others (mode %04o): run chmod 600 on it", path, mode)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	ring, err := Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return ring, nil
}

// Write replaces the key file as a whole, for a rotation: after a crash it holds the old ring or the new one.
func Write(path string, ring *Ring) error {
	next := path + ".next"
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write keys: %w", err)
	}
	if err := create(next, ring.Text()); err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	return nil
}

// create writes a file that does not exist yet: complete and on disk, or not at all.
func create(path, text string) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(tmp.Name()) }()
	_, err = tmp.WriteString(text)
	err = errors.Join(err, tmp.Chmod(0o600), tmp.Sync(), tmp.Close())
	if err != nil {
		return err
	}
	return os.Link(tmp.Name(), path) // fails where path exists
}
