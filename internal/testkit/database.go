package testkit

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"toasoan/internal/standalone"
	"toasoan/migrations"
)

const (
	templatePrefix = "template_"
	testPrefix     = "test_"
	templateLock   = 7305118002 // advisory, in database postgres: one process makes the template
)

// Database is a fresh database with the whole schema, for this test alone, and gone after it. The first URL is the
// owner's, who migrates; the second is the app's, who may do what the migrations grant. Parallel tests may call it.
func Database(t testing.TB) (ownerURL, appURL string) {
	t.Helper()
	run := database(t)
	template, err := migrated(t.Context(), run)
	if err != nil {
		t.Fatalf("make the template database: %v", err)
	}
	return clone(t, run, template)
}

// EmptyDatabase is a fresh database without a schema, for tests of the migrations themselves.
func EmptyDatabase(t testing.TB) (ownerURL, appURL string) {
	t.Helper()
	return clone(t, database(t), "template1")
}

func clone(t testing.TB, run standalone.Run, template string) (ownerURL, appURL string) {
	t.Helper()
	name := testPrefix + plainName(t.Name()) + "_" + strings.ToLower(rand.Text()[:10])
	quoted := pgx.Identifier{name}.Sanitize()
	if err := execute(t.Context(), run.AdminURL,
		"CREATE DATABASE "+quoted+" OWNER toasoan_owner TEMPLATE "+pgx.Identifier{template}.Sanitize()+" STRATEGY FILE_COPY"); err != nil {
		t.Fatalf("make test database: %v", err)
	}
	t.Cleanup(func() {
		// FORCE ends connections that the test forgot, so that one leak does not fail other tests.
		if err := execute(context.WithoutCancel(t.Context()), run.AdminURL, "DROP DATABASE "+quoted+" WITH (FORCE)"); err != nil {
			t.Errorf("drop test database: %v", err)
		}
	})
	return onDatabase(t, run.OwnerURL, name), onDatabase(t, run.AppURL, name)
}

var notPlain = regexp.MustCompile(`[^a-z0-9]+`)

// plainName shortens a test's name so that it fits into a database's (63 bytes).
func plainName(test string) string {
	plain := strings.Trim(notPlain.ReplaceAllString(strings.ToLower(test), "_"), "_")
	return plain[:min(len(plain), 40)]
}

func onDatabase(t testing.TB, base, name string) string {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

var templates struct {
	sync.Mutex
	name string
}

// migrated gives the name of the database from which tests are cloned. It is made once per state of the migrations;
// nobody ever connects to it under this name, since PostgreSQL copies only a database that nobody uses.
func migrated(ctx context.Context, run standalone.Run) (string, error) {
	templates.Lock()
	defer templates.Unlock()
	if templates.name != "" {
		return templates.name, nil
	}
	checksum, err := migrationsChecksum()
	if err != nil {
		return "", err
	}
	name := templatePrefix + checksum
	conn, err := pgx.Connect(ctx, run.AdminURL)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // gives the lock back
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(templateLock)); err != nil {
		return "", err
	}
	var there bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&there); err != nil {
		return "", err
	}
	if !there {
		if err := makeTemplate(ctx, conn, run, name); err != nil {
			return "", err
		}
	}
	templates.name = name
	return name, nil
}

func makeTemplate(ctx context.Context, conn *pgx.Conn, run standalone.Run, name string) error {
	making := name + "_making"
	for _, sql := range []string{
		"DROP DATABASE IF EXISTS " + making + " WITH (FORCE)",
		"CREATE DATABASE " + making + " OWNER toasoan_owner",
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	owner, err := url.Parse(run.OwnerURL)
	if err != nil {
		return err
	}
	owner.Path = "/" + making
	if _, err := migrations.Migrate(ctx, owner.String()); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "ALTER DATABASE "+making+" RENAME TO "+name)
	return err
}

func migrationsChecksum() (string, error) {
	all, err := migrations.All()
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, m := range all {
		_, _ = fmt.Fprintf(sum, "%s\n%d\n%s", m.Name, len(m.SQL), m.SQL) // a hash never fails
	}
	return hex.EncodeToString(sum.Sum(nil)[:8]), nil
}

// sweep drops what killed test processes left, and templates of other migrations. Only for servers of our own.
func sweep(ctx context.Context, adminURL string) error {
	checksum, err := migrationsChecksum()
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, adminURL)
	if err != nil {
		return fmt.Errorf("sweep test databases: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	rows, _ := conn.Query(ctx, "SELECT datname FROM pg_database WHERE NOT datistemplate")
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("sweep test databases: %w", err)
	}
	for _, name := range names {
		left := strings.HasPrefix(name, testPrefix) || strings.HasPrefix(name, templatePrefix) && name != templatePrefix+checksum
		if !left {
			continue
		}
		if _, err := conn.Exec(ctx, "DROP DATABASE "+pgx.Identifier{name}.Sanitize()+" WITH (FORCE)"); err != nil {
			return fmt.Errorf("sweep test database %s: %w", name, err)
		}
	}
	return nil
}

func execute(ctx context.Context, url, sql string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql)
	_ = conn.Close(context.WithoutCancel(ctx))
	return err
}
