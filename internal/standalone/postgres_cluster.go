package standalone

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// cluster is where one private PostgreSQL cluster lives.
type cluster struct {
	data      string // the product's data folder, absolute
	folder    string // PGDATA
	socket    string // folder of its unix socket, 0700, short (a socket path has at most 107 bytes)
	relocated bool   // PGDATA is outside the data folder, which its user cannot reach
	account   account
	binaries  postgresBinaries
}

// systemData is where a cluster goes when its user cannot reach the data folder (one under a 0700 home, say).
const systemData = "/var/lib/toasoan"

// locateCluster finds the cluster of a data folder, or decides where a new one goes. <data>/postgres is the cluster or
// a link to it, so that the decision holds for ever, also when the data folder moves. With install, a PostgreSQL that is not
// there is brought.
func locateCluster(ctx context.Context, data string, install bool, log *slog.Logger) (*cluster, error) {
	runAs, err := serverAccount()
	if err != nil {
		return nil, err
	}
	c := &cluster{data: data, folder: filepath.Join(data, "postgres"), account: runAs}
	if err := c.place(); err != nil {
		return nil, err
	}
	major, err := c.major()
	if err != nil {
		return nil, err
	}
	fetched := filepath.Join(filepath.Dir(c.folder), "postgres-binaries")
	find := func(ctx context.Context) (postgresBinaries, error) {
		return findPostgres(ctx, append(postgresFolders(), filepath.Join(fetched, "bin")), major)
	}
	if c.binaries, err = find(ctx); errors.Is(err, ErrNoPostgres) && install {
		c.binaries, err = installer{folder: fetched, root: os.Geteuid() == 0, repository: mavenCentral, find: find, log: log}.install(ctx)
	}
	if err != nil {
		return nil, err
	}
	return c, c.makeSocketFolder()
}

func (c *cluster) place() error {
	link := c.folder
	switch info, err := os.Lstat(link); {
	case err == nil && info.Mode()&fs.ModeSymlink != 0:
		target, err := filepath.EvalSymlinks(link)
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("the database of this data folder should be where %s points to, and is not there: "+
				"put it back, or remove that link to begin with an empty one", link)
		}
		if err != nil {
			return fmt.Errorf("follow %s: %w", link, err)
		}
		c.folder, c.relocated = target, true
		return nil
	case err == nil:
		reachable, err := c.account.reaches(link)
		if err == nil && !reachable {
			err = fmt.Errorf("user %s, as which PostgreSQL runs, cannot reach %s: give the folders above it o+x", c.account.name, link)
		}
		return err
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	reachable, err := c.account.reaches(c.data)
	if err != nil || reachable {
		return err
	}
	c.relocated = true
	c.folder = filepath.Join(systemData, shortHash(c.data), "postgres")
	if err := os.MkdirAll(filepath.Dir(c.folder), 0o711); err != nil {
		return fmt.Errorf("make system folder for the database: %w", err)
	}
	if err := os.Mkdir(c.folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make system folder for the database: %w", err)
	}
	return os.Symlink(c.folder, link)
}

// major is the version that wrote the cluster, 0 for one that is still to be made.
func (c *cluster) major() (int, error) {
	content, err := os.ReadFile(filepath.Join(c.folder, "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read version of the database files: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return 0, fmt.Errorf("read version of the database files: %w", err)
	}
	return major, nil
}

// makeSocketFolder makes the folder that only we and the server enter. Its name is the same after each start. It is not
// in the user's own runtime folder, which goes when the user signs out while we go on.
func (c *cluster) makeSocketFolder() error {
	name := "toasoan-" + shortHash(c.folder)
	candidates := []string{filepath.Join(c.data, "run"), filepath.Join(os.TempDir(), name), filepath.Join("/tmp", name)}
	if c.account.borrowed {
		candidates[0] = filepath.Join("/run", name)
	}
	var failed error
	for _, folder := range candidates {
		if len(folder) > longestSocketFolder {
			continue
		}
		err := c.account.privateFolder(folder)
		if err == nil {
			c.socket = folder
			return nil
		}
		failed = errors.Join(failed, err)
	}
	return fmt.Errorf("make a folder for the database socket: %w", failed)
}

// longestSocketFolder leaves room for /.s.PGSQL.5432 and its lock file in the 107 bytes of a socket's path.
const longestSocketFolder = 85

// create makes the cluster unless it is there. It is made beside its place and moved there when it is whole, so that
// a crash in between leaves no half cluster.
func (c *cluster) create(ctx context.Context, throwaway bool) (created bool, err error) {
	if major, err := c.major(); err != nil || major != 0 {
		return false, err
	}
	fresh := c.folder + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return false, fmt.Errorf("clear half-made cluster: %w", err)
	}
	if err := os.Mkdir(fresh, 0o700); err != nil {
		return false, fmt.Errorf("make cluster folder: %w", err)
	}
	if err := c.account.own(fresh); err != nil {
		return false, fmt.Errorf("give cluster folder to %s: %w", c.account.name, err)
	}
	args := []string{
		"--pgdata", fresh, "--username", "postgres", "--encoding", "UTF8", "--locale", "C.UTF-8", "--lc-collate", "C",
		"--data-checksums", "--no-instructions", "--auth-local", "peer", "--auth-host", "scram-sha-256",
	}
	if throwaway {
		args = append(args, "--no-sync")
	}
	cmd := c.tool(ctx, "initdb", args...)
	if output, err := cmd.CombinedOutput(); err != nil {
		return false, fmt.Errorf("make database cluster: %w: %s", err, strings.TrimSpace(string(output)))
	}
	if err := os.Remove(c.folder); err != nil && !errors.Is(err, fs.ErrNotExist) { // an empty folder of ours, or nothing
		return false, fmt.Errorf("make place for the cluster: %w", err)
	}
	if err := os.Rename(fresh, c.folder); err != nil {
		return false, fmt.Errorf("put cluster in place: %w", err)
	}
	return true, nil
}

// tool is one of the PostgreSQL programs, run as the server's user with a bare environment.
func (c *cluster) tool(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.binaries.path(name), args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"}
	c.account.run(cmd)
	return cmd
}

func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:6])
}
