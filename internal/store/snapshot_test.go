package store

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"toasoan/internal/testkit"
	"toasoan/migrations"
)

// Nobody works on a database while it is restored, and only an empty one is.
func TestADatabaseIsRestoredAlone(t *testing.T) {
	t.Parallel()
	owner, app := testkit.EmptyDatabase(t)
	ctx := t.Context()
	if major, err := ReadyForRestore(ctx, owner); err != nil || major < 15 {
		t.Fatalf("%d, %v", major, err)
	}
	if _, err := migrations.Migrate(ctx, owner); err != nil {
		t.Fatal(err)
	}
	options := Options{URL: app, Log: slog.New(slog.DiscardHandler)}
	if s, err := New(ctx, options); err == nil || !strings.Contains(err.Error(), "restored") {
		if s != nil {
			s.Close()
		}
		t.Errorf("while it is restored: %v", err)
	}
	options.Restoring = true
	s, err := New(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := FinishRestore(ctx, owner); err != nil {
		t.Fatal(err)
	}
	options.Restoring = false
	if s, err = New(ctx, options); err != nil {
		t.Fatalf("afterwards: %v", err)
	}
	s.Close()
	if _, err := ReadyForRestore(ctx, owner); !errors.Is(err, ErrNotEmpty) {
		t.Errorf("over a newsroom that is there: %v", err)
	}
}

func TestASnapshotStandsStill(t *testing.T) {
	t.Parallel()
	owner, app := testkit.Database(t)
	ctx := t.Context()
	one, err := OpenSnapshot(ctx, owner)
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close(ctx)
	s, err := New(ctx, Options{URL: app, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.db.Exec(ctx, `INSERT INTO users (id, email, email_key, name) VALUES ('a', 'a@example.vn', 'a@example.vn', 'A')`); err != nil {
		t.Fatal(err)
	}
	now, err := s.TableCounts(ctx)
	if err != nil || now["users"] != 1 || one.Counts["users"] != 0 || one.Schema != migrations.Latest() || one.ID == "" || one.Audit != "" {
		t.Errorf("now %v, then %+v, %v", now, one, err)
	}
	same, err := tableCounts(ctx, one.conn)
	if err != nil || same["users"] != 0 {
		t.Errorf("it moved: %v, %v", same, err)
	}
}
