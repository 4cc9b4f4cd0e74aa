package testkit_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"toasoan/internal/testkit"
	"toasoan/migrations"
)

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

func number(t *testing.T, url, sql string) (n int) {
	t.Helper()
	conn := connect(t, url)
	if err := conn.QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func TestDatabaseIsMigratedAndPrivate(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"one", "two", "three", "four"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			owner, app := testkit.Database(t)
			if got := number(t, app, "SELECT max(version) FROM schema_version"); got != migrations.Latest() {
				t.Errorf("schema is %d, want %d", got, migrations.Latest())
			}
			if _, err := connect(t, owner).Exec(t.Context(), "CREATE TABLE only_here (id int)"); err != nil {
				t.Errorf("owner makes a table of a name that the other databases have too: %v", err)
			}
			if _, err := connect(t, app).Exec(t.Context(), "CREATE TABLE not_here (id int)"); err == nil {
				t.Error("the app's role may make tables")
			}
		})
	}
}

func TestDatabaseIsGoneAfterItsTest(t *testing.T) {
	t.Parallel()
	var owner string
	t.Run("inner", func(t *testing.T) { owner, _ = testkit.EmptyDatabase(t) })
	if conn, err := pgx.Connect(t.Context(), owner); err == nil {
		_ = conn.Close(t.Context())
		t.Error("the database is still there")
	}
}

func BenchmarkDatabase(b *testing.B) {
	for b.Loop() {
		testkit.Database(b)
	}
}
