package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// serverLock is the advisory lock (a number of our own) that the one temporald of a database holds while it runs.
const serverLock = 7233_0001

// guard makes sure that one server at a time works on a database. With a fixed list of hosts each server believes
// that every shard is its own; two of them would take the shards from each other for ever.
type guard struct {
	s    settings
	conn *pgx.Conn
	lost chan error // told once, when the lock is another's
}

// takeGuard waits until no other temporald serves the database of workflow state, or ctx ends.
func (s settings) takeGuard(ctx context.Context, logger log.Logger) (*guard, error) {
	conn, err := s.reach(ctx, s.database)
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", s.database, err)
	}
	for attempt := 0; ; attempt++ {
		taken, err := tryLock(ctx, conn)
		if err != nil {
			return nil, fmt.Errorf("lock database %s: %w", s.database, err)
		}
		if taken {
			return &guard{s: s, conn: conn, lost: make(chan error, 1)}, nil
		}
		if attempt == 0 {
			logger.Warn("waiting for another temporald to leave the database", tag.NewStringTag("database", s.database))
		}
		select {
		case <-ctx.Done():
			_ = conn.Close(context.WithoutCancel(ctx))
			return nil, fmt.Errorf("database %s is served by another temporald", s.database)
		case <-time.After(postgresRetry):
		}
	}
}

func tryLock(ctx context.Context, conn *pgx.Conn) (taken bool, err error) {
	err = conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", serverLock).Scan(&taken)
	return taken, err
}

// keep holds the lock until ctx ends. The lock falls with its connection, so after PostgreSQL was away it is taken
// again; that another server was quicker is told through lost.
func (g *guard) keep(ctx context.Context) {
	for {
		_, err := g.conn.WaitForNotification(ctx) // nobody notifies: it returns when the connection or ctx ends
		if err == nil {
			continue
		}
		_ = g.conn.Close(context.WithoutCancel(ctx))
		if ctx.Err() != nil {
			return
		}
		if err := g.retake(ctx); err != nil && ctx.Err() == nil {
			g.lost <- err
			return
		}
	}
}

func (g *guard) retake(ctx context.Context) error {
	for {
		conn, err := g.s.reach(ctx, g.s.database)
		if err != nil {
			return fmt.Errorf("open database %s: %w", g.s.database, err)
		}
		taken, err := tryLock(ctx, conn)
		switch {
		case err != nil: // it went away again
			_ = conn.Close(context.WithoutCancel(ctx))
			continue
		case !taken:
			_ = conn.Close(context.WithoutCancel(ctx))
			return fmt.Errorf("database %s is served by another temporald", g.s.database)
		}
		g.conn = conn
		return nil
	}
}
