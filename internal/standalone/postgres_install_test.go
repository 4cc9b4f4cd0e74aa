package standalone

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// bareMachine has the programs in its folder on PATH and no others, and no PostgreSQL; what is installed appears in place.
type bareMachine struct {
	t              *testing.T
	programs, into string
	log            bytes.Buffer
}

func newBareMachine(t *testing.T) *bareMachine {
	t.Helper()
	m := &bareMachine{t: t, programs: t.TempDir(), into: t.TempDir()}
	t.Setenv("PATH", m.programs)
	return m
}

func (m *bareMachine) program(name, script string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.programs, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		m.t.Fatal(err)
	}
}

func (m *bareMachine) installer(root bool, repository string) installer {
	fetched := filepath.Join(m.into, "fetched")
	return installer{
		folder: fetched, root: root, repository: repository, log: slog.New(slog.NewTextHandler(&m.log, nil)),
		find: func(ctx context.Context) (postgresBinaries, error) {
			return findPostgres(ctx, []string{filepath.Join(m.into, "packaged"), filepath.Join(fetched, "bin")}, 0)
		},
	}
}

// server writes stand-ins that call this machine's real PostgreSQL.
func servers(t *testing.T, folder string) string {
	t.Helper()
	real, err := findPostgres(t.Context(), postgresFolders(), 0)
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	fmt.Fprintf(&script, "/bin/mkdir -p %s\n", folder)
	for _, tool := range []string{"postgres", "initdb", "pg_ctl"} {
		fmt.Fprintf(&script, "/bin/ln -sf %s %s\n", real.path(tool), filepath.Join(folder, tool))
	}
	return script.String()
}

func TestInstallTakesDebiansPackage(t *testing.T) {
	packaged := func(m *bareMachine) string {
		return `case "$1" in
update) : > ` + m.into + `/lists ;;
install) [ -e ` + m.into + `/lists ] || { echo "E: Unable to locate package postgresql" >&2; exit 100; }
` + servers(t, filepath.Join(m.into, "packaged")) + `;;
esac`
	}
	for name, root := range map[string]bool{"as root": true, "with sudo": false} {
		t.Run(name, func(t *testing.T) {
			script := packaged(&bareMachine{into: "@"})
			m := newBareMachine(t)
			m.program("apt-get", strings.ReplaceAll(script, "@", m.into))
			m.program("sudo", `shift; [ "$1" = true ] || exec "$@"`)
			found, err := m.installer(root, "http://127.0.0.1:1").install(t.Context())
			if err != nil || found.folder != filepath.Join(m.into, "packaged") {
				t.Errorf("found %v, %v", found, err)
			}
			if said := m.log.String(); !strings.Contains(said, "apt-get install") || strings.Contains(said, "sudo") == root {
				t.Errorf("said %s", said)
			}
		})
	}
}

// A repository that never answers must not hold the start up for ever.
func TestInstallWithoutRightsAndNetworkSaysWhatToDo(t *testing.T) {
	m := newBareMachine(t)
	m.program("apt-get", "exit 1")
	m.program("sudo", `echo "sudo: a password is required" >&2; exit 1`)
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	t.Cleanup(silent.Close)
	_, err := m.installer(false, silent.URL).install(t.Context())
	if !errors.Is(err, ErrNoPostgres) || !strings.Contains(err.Error(), "sudo apt-get install postgresql") {
		t.Errorf("refused with %v", err)
	}
}

func TestInstallFetchesBinaries(t *testing.T) {
	jar := maven(t)
	m := newBareMachine(t)
	repository := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, ".jar"):
			_, _ = w.Write(jar)
		case strings.HasSuffix(r.URL.Path, ".sha256"):
			sum := sha256.Sum256(jar)
			_, _ = w.Write([]byte(hex.EncodeToString(sum[:])))
		}
	}))
	t.Cleanup(repository.Close)
	found, err := m.installer(false, repository.URL).install(t.Context())
	if err != nil || found.folder != filepath.Join(m.into, "fetched", "bin") {
		t.Fatalf("found %v, %v", found, err)
	}
	if _, err := m.installer(false, "http://127.0.0.1:1").find(t.Context()); err != nil {
		t.Errorf("at the next start: %v", err)
	}
}

// maven is what the repository serves, made of stand-ins for this machine's PostgreSQL.
func maven(t *testing.T) []byte {
	t.Helper()
	folder := t.TempDir()
	if out, err := exec.Command("/bin/sh", "-c", servers(t, filepath.Join(folder, "bin"))).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	packed, err := exec.Command("tar", "-cJf", "-", "-C", folder, "bin").Output()
	if err != nil {
		t.Fatalf("pack (needs tar and xz): %v", err)
	}
	var jar bytes.Buffer
	w := zip.NewWriter(&jar)
	f, err := w.Create("postgres-linux-x86_64.txz")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(packed); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return jar.Bytes()
}
