package standalone

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFindPostgresSaysWhatToInstall(t *testing.T) {
	t.Parallel()
	if _, err := findPostgres(t.Context(), []string{t.TempDir(), "/nowhere"}, 0); !errors.Is(err, ErrNoPostgres) || !strings.Contains(err.Error(), "apt-get install postgresql") {
		t.Errorf("none installed: %v", err)
	}
	if _, err := findPostgres(t.Context(), postgresFolders(), 9); err == nil || !strings.Contains(err.Error(), "postgresql-9") {
		t.Errorf("the data's version is missing: %v", err)
	}
	found, err := findPostgres(t.Context(), postgresFolders(), 0)
	if err != nil || found.major < oldestPostgres {
		t.Errorf("found %+v, %v", found, err)
	}
}

func TestOldPostgresIsNotUsed(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, tool := range []string{"postgres", "initdb", "pg_ctl"} {
		script := "#!/bin/sh\necho 'postgres (PostgreSQL) 13.4 (Debian)'\n"
		if err := os.WriteFile(filepath.Join(folder, tool), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := findPostgres(t.Context(), []string{folder}, 0); !errors.Is(err, ErrNoPostgres) {
		t.Errorf("version 13 is taken: %v", err)
	}
}

// TestClusterOfAnUnreachableFolder has root's private folder as data folder, as `make run` below /root has.
func TestClusterOfAnUnreachableFolder(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root lends PostgreSQL another user")
	}
	data := filepath.Join(t.TempDir(), "private") // below a folder of mode 0700
	o := Options{Data: data, Postgres: true}
	first := startStack(t, o)
	moved := first.postgres.cluster.folder
	t.Cleanup(func() { _ = os.RemoveAll(filepath.Dir(moved)) })
	if !strings.HasPrefix(moved, systemData+"/") {
		t.Errorf("the cluster is in %s", moved)
	}
	execute(t, first.OwnerURL, "CREATE TABLE note (id int); INSERT INTO note VALUES (5)")
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	o.Data = filepath.Join(filepath.Dir(data), "renamed")
	if err := os.Rename(data, o.Data); err != nil {
		t.Fatal(err)
	}
	second := startStack(t, o)
	if got := query[int](t, second.OwnerURL, "SELECT id FROM note"); got != 5 {
		t.Errorf("after the folder was renamed: %d, want 5", got)
	}
	if err := second.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	if err := os.RemoveAll(filepath.Dir(moved)); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), o); err == nil || !strings.Contains(err.Error(), "put it back") {
		t.Errorf("the cluster is gone: %v", err)
	}
}

func TestSocketFolderOfSomebodyElseIsNotUsed(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	own, err := serverAccount()
	if err != nil {
		t.Fatal(err)
	}
	for name, prepare := range map[string]func(path string) error{
		"a link": func(path string) error { return os.Symlink(parent, path) },
		"a file": func(path string) error { return os.WriteFile(path, nil, 0o600) },
	} {
		path := filepath.Join(parent, strings.ReplaceAll(name, " ", "-"))
		if err := prepare(path); err != nil {
			t.Fatal(err)
		}
		if err := own.privateFolder(path); err == nil {
			t.Errorf("%s is taken for our folder", name)
		}
	}
	open := filepath.Join(parent, "open")
	if err := os.Mkdir(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := own.privateFolder(open); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(open); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("our own folder stays %v, %v", info, err)
	}
	if os.Geteuid() == 0 {
		strange := filepath.Join(parent, "strange")
		if err := errors.Join(os.Mkdir(strange, 0o700), os.Chown(strange, 12345, 12345)); err != nil {
			t.Fatal(err)
		}
		if err := own.privateFolder(strange); err == nil {
			t.Error("a stranger's folder is taken for ours")
		}
	}
}

func TestHalfMadeClusterIsMadeAnew(t *testing.T) {
	t.Parallel()
	data := reachableFolder(t)
	half := filepath.Join(data, "postgres.new", "base")
	if err := os.MkdirAll(half, 0o700); err != nil {
		t.Fatal(err)
	}
	s := startStack(t, Options{Data: data, Postgres: true})
	if got := query[int](t, s.OwnerURL, "SELECT 1"); got != 1 {
		t.Errorf("got %d", got)
	}
}

func TestOperatorsOwnSettingsHold(t *testing.T) {
	t.Parallel()
	o := Options{Data: reachableFolder(t), Postgres: true}
	first := startStack(t, o)
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	c := first.postgres.cluster
	local := filepath.Join(c.folder, "local.conf")
	if err := errors.Join(os.WriteFile(local, []byte("work_mem = '33MB'\n"), 0o600), c.account.own(local)); err != nil {
		t.Fatal(err)
	}
	second := startStack(t, o)
	if got := query[string](t, second.OwnerURL, "SELECT current_setting('work_mem')"); got != "33MB" {
		t.Errorf("work_mem is %s", got)
	}
	if err := os.WriteFile(local, []byte("work_mem = 'nonsense'\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := second.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), o); err == nil || !strings.Contains(fmt.Sprint(err), "work_mem") {
		t.Errorf("wrong settings: %v, want what PostgreSQL says of them", err)
	}
}
