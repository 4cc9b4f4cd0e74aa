package migrations

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// lockKey serialises migrations of one database between processes.
const lockKey = 7_305_118_001

// AppRole is the role the product runs as: it may write everything but the audit, revisions and decisions that exist.
const AppRole = "toasoan_app"

const sqlEnsure = `
	DO $$ BEGIN
	  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'toasoan_app') THEN CREATE ROLE toasoan_app NOLOGIN; END IF;
	END $$;
	CREATE TABLE IF NOT EXISTS schema_version (
	  version int PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());
	GRANT SELECT ON schema_version TO toasoan_app;`

// Migrate brings the database at ownerURL to Latest, each file in its own transaction, under an advisory lock. It refuses
// a database that is newer than this build or whose files were applied under other names.
func Migrate(ctx context.Context, ownerURL string) (applied int, err error) {
	all, err := All()
	if err != nil {
		return 0, err
	}
	db, err := pgx.Connect(ctx, ownerURL)
	if err != nil {
		return 0, fmt.Errorf("connect to migrate: %w", err)
	}
	defer db.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing to lose on close
	if _, err := db.Exec(ctx, `SELECT pg_advisory_lock($1)`, int64(lockKey)); err != nil {
		return 0, fmt.Errorf("lock for migration: %w", err)
	}
	if _, err := db.Exec(ctx, sqlEnsure); err != nil {
		return 0, fmt.Errorf("prepare for migration: %w", err)
	}
	rows, _ := db.Query(ctx, `SELECT version, name FROM schema_version ORDER BY version`)
	done, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct {
		Version int
		Name    string
	}])
	if err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	if len(done) > len(all) {
		return 0, fmt.Errorf("the database has schema %d, this program knows %d: run a newer toasoan", len(done), len(all))
	}
	for i, d := range done {
		if d.Version != all[i].Version || d.Name != all[i].Name {
			return 0, fmt.Errorf("the database has %q as migration %d, this program has %q", d.Name, d.Version, all[i].Name)
		}
	}
	for _, m := range all[len(done):] {
		err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, m.SQL); err != nil {
				return err
			}
			_, err := tx.Exec(ctx, `INSERT INTO schema_version (version, name) VALUES ($1, $2)`, m.Version, m.Name)
			return err
		})
		if err != nil {
			return applied, fmt.Errorf("apply migration %s: %w", m.Name, err)
		}
		applied++
	}
	return applied, nil
}
