package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"toasoan/newsroom"
)

// onRecord are the tables that are only ever added to.
var onRecord = []string{"audit", "audit_roots", "decisions", "revisions"}

// code is the SQLSTATE of a refused statement, "" where it went through.
func code(err error) string {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		return refused.Code
	}
	return ""
}

// The application's role may add rows to the record and read them, nothing else: no right for it, and no way to one.
func TestTheApplicationCannotChangeTheRecord(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	d.upTo(t, story("Đã vào sổ"), newsroom.StageReleased)
	if _, err := d.RootOfDay(t.Context(), newsroom.DateOf(d.clock.now().Add(24*time.Hour)), ""); err != nil {
		t.Fatal(err)
	}
	app, err := pgx.Connect(t.Context(), d.app)
	if err != nil {
		t.Fatal(err)
	}
	defer app.Close(t.Context())
	const noRight = "42501" // insufficient_privilege
	first := map[string]string{"audit": "reason", "audit_roots": "hash", "decisions": "reason", "revisions": "hash"}
	for _, table := range onRecord {
		if got := d.scalar(t, `SELECT count(*) > 0 FROM `+table); got != "true" {
			t.Fatalf("%s is empty: nothing could be changed", table)
		}
		column := first[table]
		for _, sql := range []string{
			`UPDATE ` + table + ` SET ` + column + ` = ` + column, `DELETE FROM ` + table, `TRUNCATE ` + table, `SELECT * FROM ` + table + ` FOR UPDATE`,
			`DROP TABLE ` + table, `ALTER TABLE ` + table + ` DISABLE TRIGGER ` + table + `_append_only`, `ALTER TABLE ` + table + ` RENAME TO elsewhere`,
			`DROP TRIGGER ` + table + `_append_only ON ` + table, `CREATE RULE r AS ON INSERT TO ` + table + ` DO INSTEAD NOTHING`,
		} {
			if _, err := app.Exec(t.Context(), sql); code(err) != noRight {
				t.Errorf("%s: %v, want no right to", sql, err)
			}
		}
	}
	for _, sql := range []string{
		`SET session_replication_role = replica`, `CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'`,
		`CREATE TABLE audit2 (id int)`, `GRANT UPDATE ON audit TO toasoan_app`,
	} {
		_, err := app.Exec(t.Context(), sql)
		if sql[:5] == "GRANT" { // without the grant option it is no error, and grants nothing
			if _, err = app.Exec(t.Context(), `UPDATE audit SET reason = ''`); code(err) != noRight {
				t.Errorf("after %s: %v", sql, err)
			}
			continue
		}
		if code(err) != noRight {
			t.Errorf("%s: %v, want no right to", sql, err)
		}
	}
	// The owner's rights alone do not do either, without turning the trigger off first.
	owner := d.owner(t)
	for _, table := range onRecord {
		for _, sql := range []string{`UPDATE ` + table + ` SET ` + first[table] + ` = ` + first[table], `DELETE FROM ` + table, `TRUNCATE ` + table + ` CASCADE`} {
			if _, err := owner.Exec(t.Context(), sql); err == nil {
				t.Errorf("%s by the owner went through", sql)
			}
		}
	}
	if _, err := d.VerifyAudit(t.Context()); err != nil {
		t.Error(err)
	}
}
