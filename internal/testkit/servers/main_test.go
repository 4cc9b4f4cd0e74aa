package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCommandFindsServersAndKeepsItsExitCode(t *testing.T) {
	t.Parallel()
	told := filepath.Join(t.TempDir(), "told")
	script := `test -S "$(sed -n 's/.*host=\([^&"\\]*\).*/\1/p' "$TOASOAN_TEST_SERVERS/run.json" | head -1 | sed 's/%2F/\//g')/.s.PGSQL.5432" || exit 1
		printf %s "$TOASOAN_TEST_SERVERS" > ` + told + `; exit 7`
	code, err := serve(t.Context(), "/nowhere/temporald", []string{"sh", "-c", script})
	if code != 7 || err != nil {
		t.Fatalf("exit code %d, %v; want the command's 7", code, err)
	}
	folder, err := os.ReadFile(told)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(string(folder)); !os.IsNotExist(err) {
		t.Errorf("%s is left behind: %v", folder, err)
	}
	if code, err := serve(t.Context(), "/nowhere/temporald", []string{"/nowhere/command"}); err == nil {
		t.Errorf("a command that is not there: exit code %d, no error", code)
	}
}
