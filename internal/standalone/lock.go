package standalone

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrInUse says that another process runs on the same data folder.
var ErrInUse = errors.New("the data folder is in use")

// folderLock is a lock on a folder. The kernel gives it back when the process ends, however it ends.
type folderLock struct{ file *os.File }

// lockFolder takes the lock of a folder or refuses with ErrInUse, which names the holder.
func lockFolder(folder string) (*folderLock, error) {
	path := filepath.Join(folder, "run.lock")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock of %s: %w", folder, err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(path)
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock %s: %w by process %s", folder, ErrInUse, strings.TrimSpace(string(holder)))
		}
		return nil, fmt.Errorf("lock %s: %w", folder, err)
	}
	if err := file.Truncate(0); err == nil {
		_, _ = fmt.Fprintf(file, "%d\n", os.Getpid())
	}
	return &folderLock{file: file}, nil
}

func (l *folderLock) release() { _ = l.file.Close() }
