//go:build linux

package store

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"toasoan/internal/testkit"
)

const partitionEnv = "TOASOAN_PARTITION" // the database, for the process that has a network of its own

// A network that is cut says nothing: no connection is reset, nothing is refused. Whoever waits for the database, or writes to it, hears of
// it all the same, and goes on once the network is whole.
func TestACutNetworkIsNoticed(t *testing.T) {
	t.Parallel()
	database := os.Getenv(partitionEnv)
	if database == "" {
		_, database = testkit.Database(t)
	}
	if !testkit.OwnNetwork(t, partitionEnv+"="+database) {
		return
	}
	s, err := New(t.Context(), Options{URL: overTCP(t, database), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*mostSilent)
	defer cancel()
	tx, err := s.db.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	ended := make(chan error, 2)
	go func() {
		_, err := s.ledger.Exec(ctx, `SELECT pg_sleep(600)`)
		ended <- err
	}()
	for waits := false; !waits; { // the statement has arrived before the cut
		if err := s.db.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep')`).Scan(&waits); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(100 * time.Millisecond) // a kernel acknowledges what it has within 40
	testkit.Loopback(t, false)
	began := time.Now()
	go func() {
		_, err := tx.Exec(ctx, `SELECT 1`)
		ended <- err
	}()
	for range 2 {
		err := <-ended
		if err == nil || ctx.Err() != nil {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
	}
	testkit.Loopback(t, true)
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("once the network is whole: %v", err)
	}
}

// overTCP lets a database that has a socket be reached over TCP in this process's network.
func overTCP(t *testing.T, database string) string {
	t.Helper()
	of, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(of.Query().Get("host"), ".s.PGSQL."+of.Query().Get("port"))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("unix", socket)
			if err != nil {
				_ = near.Close()
				continue
			}
			go func() { _, _ = io.Copy(far, near); _ = far.Close() }()
			go func() { _, _ = io.Copy(near, far); _ = near.Close() }()
		}
	}()
	of.Host, of.RawQuery = l.Addr().String(), "sslmode=disable"
	return of.String()
}
