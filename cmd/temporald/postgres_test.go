package main

import (
	"crypto/rand"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// privatePostgres is a private PostgreSQL on a socket in a short folder, with a password, run by an unprivileged user.
type privatePostgres struct {
	folder   string // data and socket
	bin      string
	password string
	owner    *syscall.Credential // nil: ourselves
	server   *exec.Cmd
}

// postgresPort only names the socket: nothing listens on TCP.
const postgresPort = 5432

func newPostgres(t *testing.T) *privatePostgres {
	t.Helper()
	if testing.Short() {
		t.Skip("starts PostgreSQL and Temporal")
	}
	c := &privatePostgres{bin: postgresPrograms(t), password: rand.Text() + ":/@ %"}
	var err error
	if c.folder, err = os.MkdirTemp("", "td"); err != nil { // t.TempDir is closed to other users, and long
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(c.folder) })
	passwordFile := filepath.Join(c.folder, "password")
	if err := os.WriteFile(passwordFile, []byte(c.password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 { // initdb refuses root
		c.owner = unprivileged(t)
		for _, path := range []string{c.folder, passwordFile} {
			if err := os.Chown(path, int(c.owner.Uid), int(c.owner.Gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	initdb := c.program("initdb", "-D", filepath.Join(c.folder, "data"), "-U", "te st", "--pwfile", passwordFile,
		"-A", "scram-sha-256", "-E", "UTF8", "--locale", "C.UTF-8")
	if said, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, said)
	}
	c.start(t)
	t.Cleanup(func() { c.kill(t) })
	return c
}

// start brings PostgreSQL up; who needs it waits for it, as temporald does. It is tried again while workers of a killed
// server, which take a moment to die, still hold its memory.
func (c *privatePostgres) start(t *testing.T) {
	t.Helper()
	for range 100 {
		c.server = c.program("postgres", "-D", filepath.Join(c.folder, "data"), "-k", c.folder,
			"-c", "listen_addresses=", "-p", strconv.Itoa(postgresPort), "-c", "log_min_messages=panic")
		if err := c.server.Start(); err != nil {
			t.Fatal(err)
		}
		for !isZombie(c.server.Process.Pid) {
			if c.locked() {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		_ = c.server.Wait()
	}
	t.Fatal("PostgreSQL does not start")
}

// locked tells whether the socket's lock file names our server, which has then got its memory.
func (c *privatePostgres) locked() bool {
	owner, _ := os.ReadFile(filepath.Join(c.folder, ".s.PGSQL."+strconv.Itoa(postgresPort)+".lock"))
	pid, _, _ := strings.Cut(string(owner), "\n")
	return pid == strconv.Itoa(c.server.Process.Pid)
}

// kill ends PostgreSQL with all its processes as a power cut would.
func (c *privatePostgres) kill(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(-c.server.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = c.server.Wait()
}

// exec runs one statement.
func (c *privatePostgres) exec(t *testing.T, database, statement string) {
	t.Helper()
	s := settings{
		postgresHost: c.folder, postgresPort: postgresPort, postgresUser: "te st", postgresPassword: c.password,
		postgresSSLMode: "disable",
	}
	conn, err := s.connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), statement, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
}

// command is a temporald on this cluster, not yet started.
func (c *privatePostgres) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, append([]string{
		"-postgres-host", c.folder, "-postgres-port", strconv.Itoa(postgresPort), "-postgres-user", "te st",
		"-log-level", "error",
	}, args...)...)
	cmd.Env = append(os.Environ(), asLauncher+"=1", passwordVariable+"="+c.password)
	cmd.Stderr = t.Output()
	return cmd
}

func (c *privatePostgres) program(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, name), args...)
	cmd.Dir = c.folder
	cmd.Env = []string{"LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.owner, Setpgid: true}
	return cmd
}

// postgresPrograms finds the folder of initdb and postgres. Without one the test is skipped, but not in CI.
func postgresPrograms(t *testing.T) string {
	t.Helper()
	if found, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(found)
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	switch {
	case err == nil && len(found) > 0:
		return filepath.Dir(slices.Max(found))
	case os.Getenv("CI") == "true":
		t.Fatal("PostgreSQL is not installed")
	}
	t.Skip("PostgreSQL is not installed")
	return ""
}

func unprivileged(t *testing.T) *syscall.Credential {
	t.Helper()
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(found.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(found.Gid, 10, 32)
		if errUID == nil && errGID == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	t.Fatal("neither postgres nor nobody is a user here")
	return nil
}
