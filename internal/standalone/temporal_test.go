package standalone

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// temporald is the launcher that `make` builds.
func temporald(t *testing.T) string {
	t.Helper()
	built, err := filepath.Abs("../../bin/temporald")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(built); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("bin/temporald is not built: %v", err)
		}
		t.Skip("bin/temporald is not built")
	}
	return built
}

func accepts(address string) bool {
	conn, err := net.Dial("tcp", address)
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}

func TestTemporalComesBackAfterKill(t *testing.T) {
	t.Parallel()
	s := startStack(t, Options{Data: reachableFolder(t), Postgres: true, Temporal: true, TemporalBinary: temporald(t)})
	if !accepts(s.TemporalAddress) {
		t.Fatalf("nothing listens on %s", s.TemporalAddress)
	}
	select {
	case <-s.TemporalReady():
	default:
		t.Error("started, but not told to be ready")
	}
	killed := s.Pids()["temporald"]
	if err := syscall.Kill(killed, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if !waitUntil(2*time.Minute, func() bool {
		run, err := ReadRun(s.data)
		return err == nil && run.Pids["temporald"] != 0 && run.Pids["temporald"] != killed && accepts(s.TemporalAddress)
	}) {
		t.Fatal("temporald did not come back on its address")
	}
}

func TestTemporalOfAKilledProgramIsCleanedUp(t *testing.T) {
	t.Parallel()
	o := Options{Data: reachableFolder(t), Postgres: true, NATS: true, Temporal: true, TemporalBinary: temporald(t), Throwaway: true}
	left := killedProgram(t, o)
	s := startStack(t, o)
	for name, pid := range left.Pids {
		if birth(pid) != "" && s.Pids()[name] != pid {
			t.Errorf("%s of the killed program still runs", name)
		}
	}
	if !accepts(s.TemporalAddress) {
		t.Errorf("nothing listens on %s", s.TemporalAddress)
	}
}

// TestTemporalLater starts before the program is built, with a program that behaves as the temporal CLI does.
func TestTemporalLater(t *testing.T) {
	t.Parallel()
	data := reachableFolder(t)
	program := filepath.Join(t.TempDir(), "temporal")
	s := startStack(t, Options{Data: data, Temporal: true, TemporalLater: true, TemporalBinary: program})
	if s.TemporalAddress == "" {
		t.Error("the address is not known from the start")
	}
	select {
	case <-s.TemporalReady():
		t.Fatal("ready without a program")
	default:
	}
	arguments := filepath.Join(t.TempDir(), "arguments")
	script := fmt.Sprintf("#!/bin/sh\necho \"$@\" > %s\necho 'CLI 1.0'\necho 'Server:  %s'\nexec sleep 600\n", arguments, s.TemporalAddress)
	if err := writeFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.TemporalReady():
	case <-time.After(time.Minute):
		t.Fatal("not ready though its program is there")
	}
	said, err := os.ReadFile(arguments)
	if err != nil || !strings.Contains(string(said), "--namespace toasoan") {
		t.Errorf("started with %q, %v", said, err)
	}
	if s.TemporalUIURL == "" {
		t.Error("no UI address")
	}
}

func TestTemporalSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	_, err := Start(t.Context(), Options{Data: reachableFolder(t), Temporal: true, TemporalBinary: "/nowhere/temporald"})
	if !errors.Is(err, errNotInstalled) || !strings.Contains(err.Error(), "TEMPORAL_ADDRESS") {
		t.Errorf("got %v, want a sentence about what to install or set", err)
	}
}
