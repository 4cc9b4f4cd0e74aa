package testkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"toasoan/internal/standalone"
)

// ServersEnv names the data folder of a running standalone.Stack that test processes share.
const ServersEnv = "TOASOAN_TEST_SERVERS"

// slots is how many test processes without shared servers may run at once.
const slots = 16

// own are the servers of this process. They end with it, since the kernel tells them of its death, and their
// folder stays for the next process, which then starts in a moment.
var own struct {
	sync.Mutex
	stack *standalone.Stack
	err   error
}

// database is PostgreSQL for this process: the shared one, else our own.
func database(t testing.TB) standalone.Run {
	t.Helper()
	return servers(t, standalone.Options{Postgres: true})
}

// servers makes sure that what the options ask for runs.
func servers(t testing.TB, wanted standalone.Options) standalone.Run {
	t.Helper()
	if folder := os.Getenv(ServersEnv); folder != "" {
		run, err := standalone.ReadRun(folder)
		if err != nil {
			t.Fatalf("%s: %v", ServersEnv, err)
		}
		return run
	}
	own.Lock()
	defer own.Unlock()
	if own.stack == nil && own.err == nil {
		own.stack, own.err = startOwn(context.WithoutCancel(t.Context()))
	}
	if own.err != nil {
		t.Fatalf("start test servers: %v", own.err)
	}
	if err := own.stack.Add(context.WithoutCancel(t.Context()), wanted); err != nil {
		t.Fatalf("start test servers: %v", err)
	}
	run, err := standalone.ReadRun(own.stack.Data())
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// startOwn takes the first folder that no other test process uses. A folder that a power cut spoiled is made anew.
func startOwn(ctx context.Context) (*standalone.Stack, error) {
	base, err := slotsFolder()
	if err != nil {
		return nil, err
	}
	for n := range slots {
		folder := filepath.Join(base, strconv.Itoa(n))
		o := standalone.Options{Data: folder, Postgres: true, Throwaway: true}
		stack, err := standalone.Start(ctx, o)
		if errors.Is(err, standalone.ErrInUse) {
			continue
		}
		if err != nil && !errors.Is(err, standalone.ErrNoPostgres) {
			if rmErr := os.RemoveAll(folder); rmErr != nil {
				return nil, errors.Join(err, rmErr)
			}
			stack, err = standalone.Start(ctx, o)
		}
		if err != nil {
			return nil, err
		}
		if err := sweep(ctx, stack.AdminURL); err != nil {
			return nil, errors.Join(err, stack.Close(ctx))
		}
		return stack, nil
	}
	return nil, fmt.Errorf("%d test processes already use servers of their own: set %s to share", slots, ServersEnv)
}

// slotsFolder is where the folders of test servers are, reachable for PostgreSQL's user when we are root.
func slotsFolder() (string, error) {
	base := filepath.Join(os.TempDir(), "toasoan-testkit-"+strconv.Itoa(os.Geteuid()))
	mode := os.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o711
	}
	if err := os.MkdirAll(base, mode); err != nil {
		return "", fmt.Errorf("make folder of test servers: %w", err)
	}
	return base, nil
}

// DataFolder is an empty folder for a test that starts a whole newsroom of its own. Unlike t.TempDir() it can be
// reached by PostgreSQL's unprivileged user when we are root.
func DataFolder(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "toasoan-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Errorf("remove data folder: %v", err)
		}
	})
	if os.Geteuid() == 0 {
		if err := os.Chmod(folder, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}
