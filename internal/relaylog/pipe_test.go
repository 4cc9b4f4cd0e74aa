//go:build unix

package relaylog

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// What is beside the log and is no file of the time asked for is not even opened: a pipe would be waited for, and it may be closed to us.
func TestOnlyFilesAreRead(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "mail.log")
	write(t, path, queued1+active1)
	if err := syscall.Mkfifo(path+".pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path+".d", 0o700); err != nil {
		t.Fatal(err)
	}
	if got, err := New(path).Took(t.Context(), []string{first}, time.Now()); err != nil || got[first] == "" {
		t.Errorf("%v, %v", got, err)
	}
	for _, other := range []string{path + ".pipe", path + ".d"} {
		if _, err := New(other).Took(t.Context(), []string{first}, time.Now()); err == nil {
			t.Errorf("%s is no log", other)
		}
	}
}
