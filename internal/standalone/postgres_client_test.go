package standalone

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The version of the server, else the next newer one: pg_dump refuses newer servers, and what newer ones write older servers may not read.
func TestClientToolsFitTheServer(t *testing.T) {
	data := t.TempDir()
	program := func(folder, version string) string {
		t.Helper()
		path := filepath.Join(folder, "pg_fake")
		if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // a test's
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("#!/bin/sh\necho 'pg_fake (PostgreSQL) "+version+"'\n"), 0o755); err != nil { //nolint:gosec // run by the test
			t.Fatal(err)
		}
		return path
	}
	newer := program(filepath.Join(data, "postgres-binaries", "bin"), "17.2")
	older := program(filepath.Join(data, "path"), "15.18 (Debian)")
	t.Setenv("PATH", filepath.Dir(older)+":"+os.Getenv("PATH"))
	for major, want := range map[int]string{14: older, 15: older, 16: newer, 17: newer} {
		if got, err := ClientTool(t.Context(), data, "pg_fake", major); err != nil || got != want {
			t.Errorf("for PostgreSQL %d: %s, %v", major, got, err)
		}
	}
	if _, err := ClientTool(t.Context(), data, "pg_fake", 18); err == nil || !strings.Contains(err.Error(), "postgresql-client-18") {
		t.Errorf("none that fits: %v", err)
	}
}
