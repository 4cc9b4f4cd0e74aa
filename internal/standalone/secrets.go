package standalone

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// secret reads a password of this data folder and makes it (130 random bits) on first use. It is kept in
// secrets/<name>, readable by the owner alone.
func secret(data, name string) (string, error) {
	folder := filepath.Join(data, "secrets")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return "", fmt.Errorf("make secrets folder: %w", err)
	}
	path := filepath.Join(folder, name)
	kept, err := os.ReadFile(path)
	if err == nil {
		if value := strings.TrimSpace(string(kept)); value != "" {
			return value, nil
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read secret %s: %w", name, err)
	}
	value := rand.Text()
	if err := writeFile(path, []byte(value+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep secret %s: %w", name, err)
	}
	return value, nil
}

// writeFile replaces a file as a whole: after a crash it holds the old bytes or the new ones.
func writeFile(path string, content []byte, mode fs.FileMode) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	_, err = file.Write(content)
	err = errors.Join(err, file.Chmod(mode), file.Sync(), file.Close())
	if err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}
