package store

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"toasoan/migrations"
)

// Snapshot is one moment of the database, held open for pg_dump to show the same one.
type Snapshot struct {
	ID       string // for pg_dump --snapshot
	Postgres int    // major version of the server
	Schema   int
	Counts   map[string]int64 // rows by table, of those a person would miss
	AuditID  int64            // newest row of the audit chain, 0 none
	Audit    string           // its hash, hex
	conn     *pgx.Conn
}

const (
	sqlSnapshotHead = `
	SELECT pg_export_snapshot(), current_setting('server_version_num'), (SELECT max(version) FROM schema_version),
	  coalesce((SELECT max(id) FROM audit), 0), coalesce((SELECT hash FROM audit ORDER BY id DESC LIMIT 1), '')`
	sqlTableCounts = `
	SELECT 'articles', count(*) FROM articles UNION ALL SELECT 'revisions', count(*) FROM revisions
	UNION ALL SELECT 'live_articles', count(*) FROM live_articles UNION ALL SELECT 'media', count(*) FROM media
	UNION ALL SELECT 'users', count(*) FROM users UNION ALL SELECT 'subscribers', count(*) FROM subscribers
	UNION ALL SELECT 'mail_issues', count(*) FROM mail_issues UNION ALL SELECT 'mail_deliveries', count(*) FROM mail_deliveries
	UNION ALL SELECT 'letters', count(*) FROM letters UNION ALL SELECT 'audit', count(*) FROM audit`
)

// OpenSnapshot opens a moment of the database at ownerURL; Close lets it go.
func OpenSnapshot(ctx context.Context, ownerURL string) (*Snapshot, error) {
	conn, err := pgx.Connect(ctx, ownerURL)
	if err != nil {
		return nil, fmt.Errorf("connect to back up: %w", err)
	}
	s := &Snapshot{conn: conn}
	if err := s.read(ctx); err != nil {
		s.Close(context.WithoutCancel(ctx))
		return nil, fmt.Errorf("look at the database: %w", err)
	}
	return s, nil
}

func (s *Snapshot) read(ctx context.Context) error {
	if _, err := s.conn.Exec(ctx, `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`); err != nil {
		return err
	}
	var version string
	var hash []byte
	if err := s.conn.QueryRow(ctx, sqlSnapshotHead).Scan(&s.ID, &version, &s.Schema, &s.AuditID, &hash); err != nil {
		return err
	}
	number, err := strconv.Atoi(version)
	if err != nil {
		return err
	}
	s.Postgres, s.Audit = number/10_000, hex.EncodeToString(hash)
	s.Counts, err = tableCounts(ctx, s.conn)
	return err
}

// Close ends the moment.
func (s *Snapshot) Close(ctx context.Context) { _ = s.conn.Close(ctx) }

func tableCounts(ctx context.Context, q querier) (map[string]int64, error) {
	counts := map[string]int64{}
	rows, _ := q.Query(ctx, sqlTableCounts)
	var table string
	var n int64
	_, err := pgx.ForEachRow(rows, []any{&table, &n}, func() error { counts[table] = n; return nil })
	return counts, err
}

// TableCounts counts the rows that a Snapshot counts, as they are now.
func (s *Store) TableCounts(ctx context.Context) (map[string]int64, error) {
	counts, err := tableCounts(ctx, s.db)
	if err != nil {
		return nil, fmt.Errorf("count rows: %w", err)
	}
	return counts, nil
}

// ErrNotEmpty says that a database holds something already.
var ErrNotEmpty = errors.New("the database is not empty")

const (
	sqlAnything = `
	SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	  WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
	    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e'))`
	sqlAppRole = `
	DO $$ BEGIN
	  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '` + migrations.AppRole + `') THEN CREATE ROLE ` + migrations.AppRole + ` NOLOGIN; END IF;
	END $$`
)

// ReadyForRestore refuses a database that holds anything with ErrNotEmpty, makes the role that a dump's grants name, and returns the
// server's major version. From here no program works on the database until FinishRestore: nothing in it is held yet.
func ReadyForRestore(ctx context.Context, ownerURL string) (postgres int, err error) {
	conn, err := pgx.Connect(ctx, ownerURL)
	if err != nil {
		return 0, fmt.Errorf("connect to restore: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing to lose on close
	var some bool
	var version string
	if err := conn.QueryRow(ctx, sqlAnything).Scan(&some); err != nil {
		return 0, fmt.Errorf("look at the database: %w", err)
	}
	if some {
		return 0, ErrNotEmpty
	}
	if _, err := conn.Exec(ctx, sqlAppRole); err != nil {
		return 0, fmt.Errorf("make role %s: %w", migrations.AppRole, err)
	}
	if err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num')`).Scan(&version); err != nil {
		return 0, fmt.Errorf("look at the database: %w", err)
	}
	if err := mark(ctx, conn, `'`+restoringMark+`'`); err != nil {
		return 0, err
	}
	number, err := strconv.Atoi(version)
	return number / 10_000, err
}

// restoringMark is the comment of a database while it is restored.
const restoringMark = "toasoan: is being restored"

func mark(ctx context.Context, conn *pgx.Conn, comment string) error {
	var name string
	if err := conn.QueryRow(ctx, `SELECT current_database()`).Scan(&name); err != nil {
		return fmt.Errorf("look at the database: %w", err)
	}
	if _, err := conn.Exec(ctx, `COMMENT ON DATABASE `+pgx.Identifier{name}.Sanitize()+` IS `+comment); err != nil {
		return fmt.Errorf("mark the database as one that is restored (MIGRATE_DATABASE_URL must be its owner's): %w", err)
	}
	return nil
}

// FinishRestore lets programs work on the database.
func FinishRestore(ctx context.Context, ownerURL string) error {
	conn, err := pgx.Connect(ctx, ownerURL)
	if err != nil {
		return fmt.Errorf("connect to restore: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing to lose on close
	return mark(ctx, conn, `NULL`)
}
