package standalone

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	embedded "github.com/fergusstrange/embedded-postgres"
)

const (
	mavenCentral   = "https://repo1.maven.org/maven2"
	mavenPatience  = 5 * time.Second // until a repository that cannot be reached is given up
	installMinutes = 10 * time.Minute
)

// installer brings PostgreSQL onto a machine that has none.
type installer struct {
	folder     string // for downloaded binaries
	root       bool
	repository string
	find       func(context.Context) (postgresBinaries, error)
	log        *slog.Logger
}

// install says what it does before it does it: Debian's package where we may install one, else the binaries of
// embedded-postgres, for us alone. It refuses with ErrNoPostgres and the command that helps.
func (i installer) install(ctx context.Context) (postgresBinaries, error) {
	var failed error
	if packaged := i.debian(ctx); packaged != nil {
		i.log.Info("PostgreSQL is not installed here: installing Debian's package", "command", strings.Join(packaged, " "))
		if failed = i.run(ctx, packaged); failed == nil {
			return i.find(ctx)
		}
		failed = fmt.Errorf("%s: %w", strings.Join(packaged, " "), failed)
	}
	i.log.Info("PostgreSQL is not installed here: fetching its binaries", "from", i.repository, "to", i.folder)
	fetched := i.fetch(ctx)
	if fetched == nil {
		return i.find(ctx)
	}
	return postgresBinaries{}, fmt.Errorf("%w; run `sudo apt-get install postgresql` and start again (tried: %w)", ErrNoPostgres, errors.Join(failed, fetched))
}

// debian is the command that installs the package without a question, nil where we may not.
func (i installer) debian(ctx context.Context) []string {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return nil
	}
	command := []string{"apt-get", "install", "--yes", "--no-install-recommends", "postgresql"}
	if i.root {
		return command
	}
	if exec.CommandContext(ctx, "sudo", "--non-interactive", "true").Run() != nil {
		return nil
	}
	return append([]string{"sudo", "--non-interactive"}, command...)
}

// run runs the command, with fresh package lists when it fails on the ones that are there.
func (i installer) run(ctx context.Context, command []string) error {
	ctx, cancel := context.WithTimeout(ctx, installMinutes)
	defer cancel()
	try := func(command []string) error {
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		output, err := cmd.CombinedOutput()
		if err != nil {
			lines := strings.Split(strings.TrimSpace(string(output)), "\n")
			return fmt.Errorf("%w: %s", err, lines[len(lines)-1])
		}
		return nil
	}
	if try(command) == nil {
		return nil
	}
	update := append(command[:len(command)-4:len(command)-4], "update")
	return errors.Join(try(update), try(command))
}

// fetch downloads and unpacks the binaries. The library knows only to start a server of its own with them; it is given a data
// folder that none starts on, since ours is set up and looked after by cluster.
func (i installer) fetch(ctx context.Context) error {
	reach, cancel := context.WithTimeout(ctx, mavenPatience)
	defer cancel()
	request, err := http.NewRequestWithContext(reach, http.MethodHead, i.repository+"/", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("reach %s: %w", i.repository, err)
	}
	_ = answer.Body.Close()
	scratch, err := os.MkdirTemp("", "toasoan-postgres-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	data := filepath.Join(scratch, "data")
	if err := errors.Join(os.Mkdir(data, 0o700), os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte("15"), 0o600)); err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	err = embedded.NewDatabase(embedded.DefaultConfig().Version(embedded.V15).BinaryRepositoryURL(i.repository).
		CachePath(scratch).RuntimePath(filepath.Join(scratch, "run")).DataPath(data).BinariesPath(i.folder).Port(port).Logger(io.Discard)).Start()
	if _, missing := os.Stat(filepath.Join(i.folder, "bin", "postgres")); missing != nil {
		return fmt.Errorf("fetch PostgreSQL: %w", errors.Join(err, missing))
	}
	return nil
}

func freePort() (uint32, error) {
	l, err := net.Listen("tcp", loopback+":0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return uint32(l.Addr().(*net.TCPAddr).Port), nil //nolint:gosec // a port
}
