package standalone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// postgresPort only names the socket (.s.PGSQL.5432): the server opens no network port.
const postgresPort = 5432

// Postgres is a running private PostgreSQL server, reached through a unix socket in a folder that only we can enter.
// Its superuser is whoever started it, by the kernel's word; every other role has a random password.
type Postgres struct {
	child    *child
	cluster  *cluster
	password map[string]string // by role
}

// startPostgres starts the cluster of a data folder, made on first use, and prepares roles and databases.
func startPostgres(ctx context.Context, data string, o Options, log *slog.Logger, onStart func()) (*Postgres, error) {
	throwaway := o.Throwaway
	c, err := locateCluster(ctx, data, o.Install, log)
	if err != nil {
		return nil, err
	}
	if c.relocated {
		log.Info("database is outside the data folder, where its user can reach it", "folder", c.folder, "user", c.account.name)
	}
	p := &Postgres{cluster: c}
	if p.password, err = rolePasswords(data); err != nil {
		return nil, err
	}
	if err := c.stopLeftover(ctx, log); err != nil {
		return nil, err
	}
	if created, err := c.create(ctx, throwaway); err != nil {
		return nil, err
	} else if created {
		log.Info("database cluster made", "folder", c.folder, "version", c.binaries.major)
	}
	if err := c.configure(throwaway); err != nil {
		return nil, err
	}
	p.child = p.server(log, onStart)
	if err := p.child.start(ctx); err != nil {
		return nil, err
	}
	if err := p.prepare(ctx); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// server is the supervised server process of the cluster.
func (p *Postgres) server(log *slog.Logger, onStart func()) *child {
	c := p.cluster
	return &child{
		name: "postgres", log: log, onStart: onStart, onOurDeath: syscall.SIGINT,
		logPath: filepath.Join(c.data, "logs", "postgres.log"),
		pidPath: filepath.Join(c.data, "postgres.pid"),
		command: func(ctx context.Context) (*exec.Cmd, error) {
			if err := c.forgetDead(); err != nil {
				return nil, err
			}
			// Not bound to ctx: the child's goroutine ends it in order.
			cmd := c.tool(context.WithoutCancel(ctx), "postgres", "-D", c.folder)
			cmd.Dir = c.folder
			return cmd, nil
		},
		ready:     func(ctx context.Context, _ *childProcess) bool { return p.answers(ctx) },
		stopSteps: []stopStep{{syscall.SIGINT, time.Minute}, {syscall.SIGQUIT, 20 * time.Second}}, // fast, then immediate
	}
}

// answers tells whether the server accepts our superuser.
func (p *Postgres) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, p.AdminURL())
	if err != nil {
		return false
	}
	_ = conn.Close(ctx)
	return true
}

// stop ends the server in order: open transactions are rolled back, everything else is written.
func (p *Postgres) stop() {
	p.child.stop()
	_ = os.Remove(p.cluster.socket) // it is empty now
}

// AdminURL reaches the superuser. It works for the user who started the server only.
func (p *Postgres) AdminURL() string { return p.url("postgres", "postgres") }

// OwnerURL reaches the product's database as the role that owns and migrates it.
func (p *Postgres) OwnerURL() string { return p.url(roleOwner, databaseProduct) }

// AppURL reaches the product's database as the role that may do only what the migrations grant.
func (p *Postgres) AppURL() string { return p.url(roleApp, databaseProduct) }

func (p *Postgres) url(role, database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.User(role), Path: "/" + database,
		RawQuery: url.Values{"host": {p.cluster.socket}, "port": {strconv.Itoa(postgresPort)}}.Encode(),
	}
	if password := p.password[role]; password != "" {
		u.User = url.UserPassword(role, password)
	}
	return u.String()
}

// stopLeftover ends, in order, a server that outlived the program that started it.
func (c *cluster) stopLeftover(ctx context.Context, log *slog.Logger) error {
	pid := c.livePostmaster()
	if pid == 0 {
		return nil
	}
	log.Info("stopping the database server that an earlier run left", "pid", pid)
	output, err := c.tool(ctx, "pg_ctl", "stop", "--pgdata", c.folder, "--mode", "fast", "--wait", "--timeout", "60").CombinedOutput()
	if err == nil || c.livePostmaster() == 0 {
		return nil
	}
	return fmt.Errorf("stop database server %d of an earlier run: %w: %s", pid, err, strings.TrimSpace(string(output)))
}

// livePostmaster is the pid of a server that runs on this cluster, 0 when none does. A pid file alone proves nothing:
// after a crash its number may belong to any process.
func (c *cluster) livePostmaster() int {
	content, err := os.ReadFile(filepath.Join(c.folder, "postmaster.pid"))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(content), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 1 {
		return 0
	}
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	command, _ := os.ReadFile(filepath.Join(proc, "comm"))
	workFolder, _ := os.Readlink(filepath.Join(proc, "cwd"))
	real, err := filepath.EvalSymlinks(c.folder)
	if err != nil || strings.TrimSpace(string(command)) != "postgres" || workFolder != real {
		return 0
	}
	return pid
}

// forgetDead makes sure that the remains of a killed server don't stop the next one: its pid may by now belong to
// another process of ours, which PostgreSQL would take for a running server. The rest of the file stays, since with it
// PostgreSQL sees whether a worker of the killed server still has the shared memory open.
func (c *cluster) forgetDead() error {
	if c.livePostmaster() != 0 {
		return errors.New("the database server still runs")
	}
	path := filepath.Join(c.folder, "postmaster.pid")
	content, err := os.ReadFile(path)
	if err != nil {
		return nil // none: it stopped in order
	}
	const noProcess = "2147483647" // above every possible pid
	if _, rest, ok := strings.Cut(string(content), "\n"); ok {
		if err := errors.Join(writeFile(path, []byte(noProcess+"\n"+rest), 0o600), c.account.own(path)); err != nil {
			return fmt.Errorf("mark dead database server: %w", err)
		}
	} else if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove empty pid file of the database: %w", err)
	}
	stale, _ := filepath.Glob(filepath.Join(c.socket, ".s.PGSQL.*")) // the pattern is well-formed
	for _, socket := range stale {
		_ = os.Remove(socket)
	}
	return nil
}
