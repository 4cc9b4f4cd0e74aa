package standalone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// reachableFolder is an empty folder that PostgreSQL's user reaches also when we are root; t.TempDir() is private.
func reachableFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "standalone")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o711); err != nil {
		t.Fatal(err)
	}
	return folder
}

func startStack(t *testing.T, o Options) *Stack {
	t.Helper()
	o.Throwaway, o.Log = true, slog.New(slog.NewTextHandler(t.Output(), nil))
	s, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return s
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func query[T any](t *testing.T, url, sql string, args ...any) T {
	t.Helper()
	conn := connect(t, url)
	rows, _ := conn.Query(t.Context(), sql, args...)
	value, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	_ = conn.Close(t.Context())
	return value
}

func execute(t *testing.T, url, sql string) {
	t.Helper()
	conn := connect(t, url)
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	_ = conn.Close(t.Context())
}

func refused(t *testing.T, url, sql, want string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err == nil {
		_, err = conn.Exec(t.Context(), sql)
		_ = conn.Close(t.Context())
	}
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: got error %v, want one with %q", sql, err, want)
	}
}

func TestPostgresGivesEachRoleItsRights(t *testing.T) {
	t.Parallel()
	s := startStack(t, Options{Data: reachableFolder(t), Postgres: true})

	execute(t, s.OwnerURL, `CREATE EXTENSION unaccent; CREATE EXTENSION pg_trgm; CREATE TABLE note (id int);
		INSERT INTO note VALUES (1); GRANT SELECT ON note TO toasoan_app`)
	if got := query[int](t, s.AppURL, "SELECT id FROM note"); got != 1 {
		t.Errorf("app reads %d, want 1", got)
	}
	refused(t, s.AppURL, "CREATE TABLE own (id int)", "permission denied")
	refused(t, s.AppURL, "DELETE FROM note", "permission denied")
	refused(t, s.OwnerURL, "CREATE ROLE other", "permission denied")
	refused(t, strings.Replace(s.AppURL, "/toasoan?", "/temporal?", 1), "SELECT 1", "permission denied for database")
	refused(t, strings.Replace(s.AppURL, s.postgres.password[roleApp], "wrong", 1), "SELECT 1", "password authentication failed")
	execute(t, s.postgres.url(roleTemporal, databaseVisibility), "CREATE TABLE visible (id int)")
	if info, err := os.Stat(s.postgres.cluster.socket); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the socket's folder is %v, %v; want 0700", info.Mode(), err)
	}

	for setting, want := range map[string]string{
		"data_checksums": "on", "server_encoding": "UTF8", "lc_collate": "C", "jit": "off", "wal_level": "replica",
		"max_connections": "200", "shared_buffers": "256MB", "max_wal_size": "2GB", "synchronous_commit": "on",
		"listen_addresses": "",
	} {
		sql := "SELECT current_setting($1)"
		if setting == "lc_collate" {
			sql = "SELECT datcollate FROM pg_database WHERE datname = current_database() AND $1 <> ''"
		}
		if got := query[string](t, s.OwnerURL, sql, setting); got != want {
			t.Errorf("%s = %s, want %s", setting, got, want)
		}
	}
	if got := query[bool](t, s.OwnerURL, `SELECT 'ă' < 'b' COLLATE "vi-x-icu"`); !got {
		t.Error("Vietnamese order is not available")
	}
}

func TestPostgresComesBackAfterKill(t *testing.T) {
	t.Parallel()
	s := startStack(t, Options{Data: reachableFolder(t), Postgres: true})
	execute(t, s.OwnerURL, "CREATE TABLE note (id int); INSERT INTO note VALUES (7)")

	killed := s.Pids()["postgres"]
	if err := syscall.Kill(killed, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if !waitUntil(time.Minute, func() bool { pid := s.Pids()["postgres"]; return pid != 0 && pid != killed }) {
		t.Fatal("postgres was not started again")
	}
	if !waitUntil(time.Minute, func() bool { return s.postgres.answers(t.Context()) }) {
		t.Fatal("postgres does not answer")
	}
	if got := query[int](t, s.AppURL, "SELECT 1"); got != 1 {
		t.Errorf("the old address reads %d", got)
	}
	if got := query[int](t, s.OwnerURL, "SELECT id FROM note"); got != 7 {
		t.Errorf("committed row is %d, want 7", got)
	}
	if !waitUntil(time.Minute, func() bool {
		run, err := ReadRun(s.data)
		return err == nil && run.Pids["postgres"] == s.Pids()["postgres"]
	}) {
		t.Error("run.json does not tell the new pid")
	}
}

func TestPostgresOfAKilledProgramIsCleanedUp(t *testing.T) {
	t.Parallel()
	o := Options{Data: reachableFolder(t), Postgres: true, Throwaway: true}
	left := killedProgram(t, o)

	s := startStack(t, o)
	if birth(left.Pids["postgres"]) != "" {
		t.Error("the server of the killed program still runs")
	}
	if s.Pids()["postgres"] == 0 {
		t.Error("no new server runs")
	}
	if left.OwnerURL != s.OwnerURL {
		t.Errorf("the address changed from %s to %s", left.OwnerURL, s.OwnerURL)
	}
}

func TestPostgresIsNotStoppedByAStrangersPid(t *testing.T) {
	t.Parallel()
	o := Options{Data: reachableFolder(t), Postgres: true}
	first := startStack(t, o)
	execute(t, first.OwnerURL, "CREATE TABLE note (id int); INSERT INTO note VALUES (9)")
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := first.postgres.cluster
	stranger := c.tool(t.Context(), "postgres", "--version") // the account's own process, so that PostgreSQL would believe it
	stranger.Path, stranger.Args = "/bin/sleep", []string{"sleep", "600"}
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stranger.Process.Kill()
		_ = stranger.Wait()
	})
	stale := filepath.Join(c.folder, "postmaster.pid")
	content := fmt.Sprintf("%d\n%s\n0\n%d\n%s\n\n 0 0\n", stranger.Process.Pid, c.folder, postgresPort, c.socket)
	if err := errors.Join(os.WriteFile(stale, []byte(content), 0o600), c.account.own(stale)); err != nil {
		t.Fatal(err)
	}

	second := startStack(t, o)
	if got := query[int](t, second.OwnerURL, "SELECT id FROM note"); got != 9 {
		t.Errorf("committed row is %d, want 9", got)
	}
	if birth(stranger.Process.Pid) == "" {
		t.Error("the stranger was ended")
	}
}

func TestSecondStartOnAFolderIsRefused(t *testing.T) {
	t.Parallel()
	o := Options{Data: reachableFolder(t)}
	startStack(t, o)
	if _, err := Start(t.Context(), o); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v, want ErrInUse", err)
	}
}
