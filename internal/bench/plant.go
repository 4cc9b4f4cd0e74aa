package main

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
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"toasoan/internal/dispatch"
	"toasoan/internal/secret"
	"toasoan/internal/standalone"
	"toasoan/internal/store"
	"toasoan/migrations"
)

// plant is a newsroom of this run alone: PostgreSQL, NATS and Temporal as `toasoan run` starts them, with fsync on, and the product's
// roles as processes of their own.
type plant struct {
	binary   string
	folder   string
	stack    *standalone.Stack
	keys     *secret.Ring
	store    *store.Store
	db       *pgxpool.Pool // as the owner of the tables
	dispatch *dispatch.Client
	url      string
	roles    map[string]*role
	people   people
	relay    *sink // of the parts that are not about mail
	archives map[int]*archive
}

// role is a running process of the product.
type role struct {
	cmd    *exec.Cmd
	exited chan struct{}
	log    string
}

// open gives the run its plant, started when it is first asked for.
func (b *bench) open(ctx context.Context) (*plant, error) {
	if b.plant != nil {
		return b.plant, nil
	}
	began := time.Now()
	p := &plant{roles: map[string]*role{}, archives: map[int]*archive{}}
	b.plant = p
	if err := p.start(ctx, b.binary); err != nil {
		return nil, fmt.Errorf("start the servers: %w", err)
	}
	say("servers are ready after %s: PostgreSQL (fsync on), NATS, Temporal", time.Since(began).Round(100*time.Millisecond))
	return p, nil
}

func (p *plant) start(ctx context.Context, binary string) error {
	var err error
	if p.folder, err = os.MkdirTemp("/var/tmp", "toasoan-bench-"); err != nil {
		return err
	}
	if err := os.Chmod(p.folder, 0o711); err != nil { //nolint:gosec // PostgreSQL's user passes through; secrets lie deeper
		return err
	}
	if p.binary = binary; binary == "" {
		p.binary = filepath.Join(p.folder, "toasoan")
		if said, err := exec.CommandContext(ctx, "go", "build", "-o", p.binary, "./cmd/toasoan").CombinedOutput(); err != nil {
			return fmt.Errorf("build: %w: %s", err, said)
		}
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	if p.stack, err = standalone.Start(ctx, standalone.Options{
		Data: filepath.Join(p.folder, "data"), Postgres: true, NATS: true, Temporal: true, TemporalBinary: filepath.Join("bin", "temporald"),
		NATSListen: "127.0.0.1:0", TemporalListen: "127.0.0.1:0", UIListen: "127.0.0.1:0", Log: log,
	}); err != nil {
		return err
	}
	if p.keys, err = secret.Kept(p.stack.Data()); err != nil {
		return err
	}
	if _, err := migrations.Migrate(ctx, p.stack.OwnerURL); err != nil {
		return err
	}
	listen, err := freeAddress()
	if err != nil {
		return err
	}
	p.url = "http://" + listen
	quiet := slog.New(slog.DiscardHandler)
	if p.store, err = store.New(ctx, store.Options{URL: p.stack.AppURL, Keys: p.keys, Log: quiet, BaseURL: p.url}); err != nil {
		return err
	}
	if p.db, err = pgxpool.New(ctx, p.stack.OwnerURL); err != nil {
		return err
	}
	if p.dispatch, err = dispatch.Dial(dispatch.Options{
		Address: p.stack.TemporalAddress, Namespace: p.stack.TemporalNamespace, Requests: p.store, Log: quiet,
	}); err != nil {
		return err
	}
	if err := p.dispatch.EnsureNamespace(ctx, p.stack.TemporalNamespace); err != nil {
		return err
	}
	return p.settle(ctx)
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// run starts a role with settings beside the usual ones, in place of the one that runs.
func (p *plant) run(ctx context.Context, name string, settings ...string) error {
	if err := p.end(name); err != nil {
		return err
	}
	metrics, err := freeAddress()
	if err != nil {
		return err
	}
	r := &role{cmd: exec.Command(p.binary, name), exited: make(chan struct{}), log: filepath.Join(p.folder, name+".log")} //nolint:noctx // ended by end
	r.cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + p.folder, "TOASOAN_DATA=" + filepath.Join(p.folder, "role"),
		"TOASOAN_LISTEN=" + strings.TrimPrefix(p.url, "http://"), "TOASOAN_URL=" + p.url, "TOASOAN_SECRET=" + p.keys.Text(), "TOASOAN_DEMO=0",
		"DATABASE_URL=" + p.stack.AppURL, "NATS_URL=" + p.stack.NATSURL, "TEMPORAL_ADDRESS=" + p.stack.TemporalAddress,
		"TEMPORAL_NAMESPACE=" + p.stack.TemporalNamespace, "METRICS_LISTEN=" + metrics, "LOG_LEVEL=warn", "MAIL_RATE=0", "MAIL_CONNECTIONS=10",
		"MAIL_FROM=Cổng thông tin điện tử xã Vân Khê <tin@vankhe.example.vn>", "BOUNCE_DOMAIN=bounce.vankhe.example.vn",
	}, settings...)
	kept, err := os.Create(r.log)
	if err != nil {
		return err
	}
	defer kept.Close() //nolint:errcheck // the process has its own
	r.cmd.Stdout, r.cmd.Stderr = kept, kept
	if err := r.cmd.Start(); err != nil {
		return err
	}
	go func() { _ = r.cmd.Wait(); close(r.exited) }()
	p.roles[name] = r
	switch name {
	case "web":
		return p.until(ctx, name, func() bool { return answers(p.url + "/readyz") })
	default:
		return p.until(ctx, name, func() bool { return answers("http://" + metrics + "/metrics") })
	}
}

func answers(url string) bool {
	res, err := http.Get(url) //nolint:noctx,gosec // loopback
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// until waits at most a minute for something that a role should do.
func (p *plant) until(ctx context.Context, name string, holds func() bool) error {
	for deadline := time.Now().Add(time.Minute); !holds(); {
		r := p.roles[name]
		select {
		case <-r.exited:
			return fmt.Errorf("%s ended: %s", name, r.said())
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s is not ready after a minute: %s", name, r.said())
		}
	}
	return nil
}

// said is the end of a role's log.
func (r *role) said() string {
	raw, _ := os.ReadFile(r.log)
	return string(raw[max(0, len(raw)-2000):])
}

// end stops a role in order.
func (p *plant) end(name string) error {
	r := p.roles[name]
	if r == nil {
		return nil
	}
	delete(p.roles, name)
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-r.exited:
		return nil
	case <-time.After(40 * time.Second):
		_ = r.cmd.Process.Kill()
		<-r.exited
		return fmt.Errorf("%s did not stop: %s", name, r.said())
	}
}

// close ends everything and removes what it kept. The roles' logs are shown where they said something.
func (p *plant) close() error {
	var failed error
	for _, name := range []string{"web", "consumers", "worker"} {
		failed = errors.Join(failed, p.end(name))
	}
	if p.relay != nil {
		p.relay.close()
	}
	for _, a := range p.archives {
		a.close()
	}
	if p.dispatch != nil {
		p.dispatch.Close()
	}
	if p.store != nil {
		p.store.Close()
	}
	if p.db != nil {
		p.db.Close()
	}
	if p.stack != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		failed = errors.Join(failed, p.stack.Close(ctx))
	}
	if os.Getenv("BENCH_KEEP") == "" {
		failed = errors.Join(failed, os.RemoveAll(p.folder))
	}
	return failed
}

// used is the CPU time of each process so far.
func (p *plant) used() usage {
	u := usage{}
	for name, r := range p.roles {
		u[name] = cpuOf(r.cmd.Process.Pid)
	}
	for name, pid := range p.stack.Pids() {
		u[name] = cpuOf(pid)
	}
	return u
}

// books is what the databases have done so far: transactions of the product, and CPU time by who asked.
func (p *plant) books(ctx context.Context) (transactions int64, cpu usage, err error) {
	cpu = usage{}
	err = p.db.QueryRow(ctx, `SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()`).Scan(&transactions)
	if err != nil {
		return 0, nil, err
	}
	admin, err := pgx.Connect(ctx, p.stack.AdminURL)
	if err != nil {
		return 0, nil, err
	}
	defer admin.Close(ctx) //nolint:errcheck // read only
	rows, _ := admin.Query(ctx, `SELECT pid, coalesce(usename, backend_type) FROM pg_stat_activity`)
	var pid int
	var who string
	_, err = pgx.ForEachRow(rows, []any{&pid, &who}, func() error {
		if s, err := readStat(pid); err == nil {
			cpu[who] += s.own
		}
		return nil
	})
	return transactions, cpu, err
}

// rest waits until nothing is being worked on: no open letter or issue, and the processes use next to no CPU for a second.
func (p *plant) rest(ctx context.Context) error {
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline); {
		before := p.used()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
		busy := slices.Max(slices.Collect(func(yield func(time.Duration) bool) {
			for _, d := range p.used().minus(before) {
				if !yield(d) {
					return
				}
			}
		}))
		if busy < 150*time.Millisecond {
			return nil
		}
	}
	return nil
}

// idle measures what the processes use with nothing to do.
func (p *plant) idle(ctx context.Context, span time.Duration) (usage, error) {
	before := p.used()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(span):
	}
	return p.used().minus(before), nil
}
