package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"golang.org/x/sync/errgroup"

	"toasoan/internal/web"
)

// runWeb is the role that answers readers, the newsroom's people and the API.
func runWeb(ctx context.Context, t terminal, arguments []string) error {
	return runRole(ctx, t, "web", arguments, []string{"DATABASE_URL", "NATS_URL", "TEMPORAL_ADDRESS", "TOASOAN_SECRET"},
		func(ctx context.Context, a *app) error {
			listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.config.Listen)
			if err != nil {
				return fmt.Errorf("listen on %s: %w", a.config.Listen, err)
			}
			server, err := a.webServer(web.Check{Name: "nats", Ready: a.natsReady}, web.Check{Name: "temporal", Ready: a.dispatch.Check})
			if err != nil {
				return errors.Join(err, listener.Close())
			}
			if empty, err := a.store.Empty(ctx); err == nil && empty {
				a.log.Info("first start: open the desk and give the code", "url", a.config.URL.String()+"/desk", "code", a.store.SetupCode())
			}
			a.log.Info("portal is ready", "url", a.config.URL.String(), "listen", listener.Addr().String())
			return a.serve(ctx, server, listener)
		})
}

// runWorker is the role that settles moves and sends mail. What a worker makes of a list is soon garbage: to collect it three times as
// often costs little and keeps the process fifteen megabytes smaller, however long the list is.
func runWorker(ctx context.Context, t terminal, arguments []string) error {
	if t.getenv("GOGC") == "" {
		debug.SetGCPercent(30)
	}
	return runRole(ctx, t, "worker", arguments, []string{"DATABASE_URL", "NATS_URL", "TEMPORAL_ADDRESS", "SMTP_URL", "TOASOAN_SECRET"},
		func(ctx context.Context, a *app) error { return a.worker(ctx) })
}

// runConsumers is the role that hears events.
func runConsumers(ctx context.Context, t terminal, arguments []string) error {
	return runRole(ctx, t, "consumers", arguments, []string{"DATABASE_URL", "NATS_URL", "TEMPORAL_ADDRESS", "TOASOAN_SECRET"},
		func(ctx context.Context, a *app) error { return a.consumers(ctx) })
}

// runRole opens what every role needs, serves metrics beside it, and ends in order.
func runRole(ctx context.Context, t terminal, name string, arguments, needs []string, role func(context.Context, *app) error) error {
	c, err := t.settings(name, arguments)
	if err != nil {
		return err
	}
	c.Demo = false
	if err := c.Need(needs...); err != nil {
		return err
	}
	keys, err := keyRing(c)
	if err != nil {
		return err
	}
	log := logger(c, t.err).With("role", name)
	a, err := open(ctx, c, keys, log)
	if err != nil {
		return err
	}
	defer a.close()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return role(ctx, a) })
	group.Go(func() error { return a.metrics(ctx) })
	return group.Wait()
}

func (a *app) natsReady(context.Context) error {
	if !a.bus.Up() {
		return errors.New("no connection")
	}
	return nil
}

// serve answers HTTP until ctx ends, then lets what is under way finish.
func (a *app) serve(ctx context.Context, server *web.Server, listener net.Listener) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return ended(ctx, server.Run(ctx)) })
	group.Go(func() error { return serveHTTP(ctx, server.HTTP(), listener) })
	return group.Wait()
}

// grace is how long requests under way may take to finish when the program ends.
const grace = 10 * time.Second

func serveHTTP(ctx context.Context, server *http.Server, listener net.Listener) error {
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		left, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		err := server.Shutdown(left)
		if errors.Is(err, context.DeadlineExceeded) { // event streams never end by themselves
			err = server.Close()
		}
		stopped <- err
	})
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", listener.Addr(), err)
	}
	return <-stopped
}
