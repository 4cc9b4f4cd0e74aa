package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	"toasoan/internal/config"
	"toasoan/internal/secret"
	"toasoan/internal/standalone"
	"toasoan/internal/web"
	"toasoan/migrations"
)

// runAll is the whole newsroom in one process: it starts embedded servers for whatever is not configured, migrates, serves, works
// and consumes, loads demo content into an empty database, and prints one table of addresses. The portal answers before Temporal
// is there; /readyz turns 200 when everything is.
func runAll(ctx context.Context, t terminal, arguments []string) (err error) {
	c, err := t.settings("run", arguments)
	if err != nil {
		return err
	}
	if err := c.CheckDemo(); err != nil {
		return err
	}
	n := &newsroomRun{terminal: t, began: time.Now()}
	log := logger(c, t.err)
	n.stack, err = standalone.Start(ctx, standalone.Options{
		Data: c.Data, Postgres: c.DatabaseURL == "" || c.Temporal.Address == "", NATS: c.NATSURL == "", Mailbox: c.SMTPURL == "",
		Temporal: c.Temporal.Address == "", TemporalLater: true, Install: c.Install,
		MailboxListen: c.MailboxListen, UIListen: c.UIListen, Log: log,
	})
	if err != nil {
		return err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, n.stack.Close(end))
	}()
	listener, moved, err := standalone.Listen(c.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", c.Listen, err)
	}
	n.config = n.filled(c, listener.Addr().String(), moved)
	keys, err := n.keys()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	applied, err := migrations.Migrate(ctx, n.config.MigrateURL)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	log.Info("database is migrated", "schema", migrations.Latest(), "applied", applied)
	a, err := open(ctx, n.config, keys, log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer a.close()
	return n.serve(ctx, a, listener)
}

// newsroomRun is what one `toasoan run` keeps.
type newsroomRun struct {
	terminal terminal
	config   config.Config
	stack    *standalone.Stack
	began    time.Time
	loaded   atomic.Bool // everything is started and the demo content is in
}

// filled puts the embedded servers' addresses where nothing was configured, and the address we really listen on.
func (n *newsroomRun) filled(c config.Config, listen string, moved bool) config.Config {
	embedded := func(setting *string, value string) {
		if *setting == "" {
			*setting = value
		}
	}
	if c.DatabaseURL == "" {
		c.DatabaseURL, c.MigrateURL = n.stack.AppURL, n.stack.OwnerURL
	}
	embedded(&c.NATSURL, n.stack.NATSURL)
	c.Mail.Embedded = c.SMTPURL == ""
	embedded(&c.SMTPURL, n.stack.SMTPURL)
	if c.Temporal.Address == "" {
		c.Temporal.Address, c.Temporal.Namespace = n.stack.TemporalAddress, n.stack.TemporalNamespace
	}
	if moved || strings.HasSuffix(c.Listen, ":0") {
		at := &url.URL{Scheme: "http", Host: listen}
		if c.CheckURL == c.URL.String() {
			c.CheckURL = at.String()
		}
		if c.URL.Host == c.Listen {
			c.URL = at
		}
		if n.stack.Moved == nil {
			n.stack.Moved = map[string]string{}
		}
		n.stack.Moved["portal"] = c.Listen
	}
	c.Listen = listen
	return c
}

// keys are the configured ones, or those of the data folder.
func (n *newsroomRun) keys() (*secret.Ring, error) {
	if n.config.Secret != "" {
		return keyRing(n.config)
	}
	return secret.Kept(n.stack.Data())
}

// serve runs every role until ctx ends: readers last in, first out.
func (n *newsroomRun) serve(ctx context.Context, a *app, listener net.Listener) error {
	server, err := a.webServer(
		web.Check{Name: "nats", Ready: a.natsReady},
		web.Check{Name: "temporal", Ready: a.dispatch.Check},
		web.Check{Name: "content", Ready: n.contentReady},
	)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return a.serve(running, server, listener) })
	group.Go(func() error { return a.consumers(running) })
	group.Go(func() error {
		if err := n.prepare(running, a); err != nil {
			return ended(running, err)
		}
		return a.worker(running)
	})
	group.Go(func() error { return a.metrics(running) })
	group.Go(func() error { return ended(running, n.load(running, a)) })
	return group.Wait()
}

func (n *newsroomRun) contentReady(context.Context) error {
	if !n.loaded.Load() {
		return errors.New("still loading")
	}
	return nil
}

// prepare waits for our own Temporal and registers in it what the runs carry. In an external one `toasoan migrate` did so.
func (n *newsroomRun) prepare(ctx context.Context, a *app) error {
	ready := n.stack.TemporalReady()
	if ready == nil {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-ready:
	}
	for {
		err := a.dispatch.EnsureNamespace(ctx, n.config.Temporal.Namespace)
		if err == nil {
			return nil
		}
		a.log.Warn("search attributes are not registered yet", "error", err)
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
}

// load makes the demo's sign-ins where they are wanted, waits until everything answers, loads the demo content and prints the table.
func (n *newsroomRun) load(ctx context.Context, a *app) error {
	fmt.Fprintf(n.terminal.out, "Tòa Soạn is starting: %s answers already, the rest follows.\n", n.config.URL)
	var demo *demoLoader
	if n.config.Demo {
		if err := n.insist(ctx, a, func() (err error) { demo, err = n.beginDemo(ctx, a); return err }); err != nil {
			return err
		}
	}
	for a.dispatch.Check(ctx) != nil {
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	var people []demoUser
	if demo != nil {
		if err := n.insist(ctx, a, func() error { return demo.finish(ctx) }); err != nil {
			return err
		}
		people = demo.users
	}
	n.loaded.Store(true)
	return n.table(ctx, a, people)
}

// beginDemo makes the sign-ins and writes them down.
func (n *newsroomRun) beginDemo(ctx context.Context, a *app) (*demoLoader, error) {
	d, err := beginDemo(ctx, a, n.stack.Data(), n.terminal.out)
	if err != nil || d == nil {
		return d, err
	}
	err = writeDemoFile(n.stack.Data(), demoFile{URL: n.config.URL.String(), Mailbox: n.stack.MailboxURL, Users: d.users})
	if err == nil && !d.mark.Done {
		fmt.Fprintf(n.terminal.out, "Sign-ins for %s/desk are in %s/demo.json already.\n", n.config.URL, n.stack.Data())
	}
	return d, err
}

// insist does a part of the demo until it is done. A server that dies meanwhile is waited for: loading goes on where it was.
func (n *newsroomRun) insist(ctx context.Context, a *app, do func() error) error {
	for wait := time.Second; ; wait = min(2*wait, 15*time.Second) {
		err := do()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		a.log.Warn("demo content is not loaded yet", "error", err, "again_in", wait.String())
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}

// table tells where everything is.
func (n *newsroomRun) table(ctx context.Context, a *app, people []demoUser) error {
	w := tabwriter.NewWriter(n.terminal.out, 0, 0, 2, ' ', 0)
	line := func(name, address, server string) {
		if address == "" {
			return
		}
		if wanted := n.stack.Moved[server]; wanted != "" {
			address += "\t(" + wanted + " was taken)"
		}
		fmt.Fprintf(w, "  %s\t%s\n", name, address)
	}
	fmt.Fprintf(w, "\nTòa Soạn runs (started in %s)\n\n", time.Since(n.began).Round(100*time.Millisecond))
	line("Portal", n.config.URL.String(), "portal")
	line("Desk (sign in)", n.config.URL.String()+"/desk", "")
	line("Mailbox (every mail)", n.stack.MailboxURL, "mailbox")
	line("API", n.config.URL.String()+"/api/docs", "")
	line("Temporal UI", n.stack.TemporalUIURL, "temporal-ui")
	line("Metrics", "http://"+n.config.MetricsListen+"/metrics", "")
	line("Data", n.stack.Data(), "")
	if len(people) > 0 {
		fmt.Fprintf(w, "\n  Demo sign-ins (also in %s/demo.json)\n", n.stack.Data())
		fmt.Fprintf(w, "  role\temail\tpassword\tPIN\n")
		for _, p := range people {
			fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", p.Role, p.Email, p.Password, p.PIN)
		}
	} else if empty, err := a.store.Empty(ctx); err == nil && empty {
		fmt.Fprintf(w, "\n  First start: open %s/desk and give the code %s\n", n.config.URL, a.store.SetupCode())
	}
	fmt.Fprintf(w, "\n  Ctrl-C stops everything in order.\n\n")
	return w.Flush()
}
