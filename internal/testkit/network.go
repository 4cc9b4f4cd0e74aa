//go:build linux

package testkit

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

const networkEnv = "TOASOAN_TEST_NETWORK" // "own": this process has a network for itself

// OwnNetwork runs the calling test once more in a process with a network of its own, which it may cut with Loopback, and fails with it.
// inside is true in that process: only there is the rest of the test to be run. set are variables for it, NAME=value. A network can only be
// had by root; without it the test is skipped.
func OwnNetwork(t *testing.T, set ...string) (inside bool) {
	t.Helper()
	if os.Getenv(networkEnv) == "own" {
		Loopback(t, true)
		return true
	}
	if os.Geteuid() != 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("only root can have a network of its own")
		}
		t.Skip("only root can have a network of its own")
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.timeout=3m")
	child.Env = append(append(os.Environ(), networkEnv+"=own"), set...)
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if said, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return false
}

// Loopback takes the only interface of an OwnNetwork up, or down: then every packet is lost without a word.
func Loopback(t *testing.T, up bool) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	flags := uint16(unix.IFF_LOOPBACK | unix.IFF_RUNNING)
	if up {
		flags |= unix.IFF_UP
	}
	lo.SetUint16(flags)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		t.Fatal(err)
	}
}
