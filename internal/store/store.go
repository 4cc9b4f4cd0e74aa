package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"toasoan/migrations"
	"toasoan/newsroom"
)

// Store is the product's database. It is safe for concurrent use.
type Store struct {
	db     *pgxpool.Pool
	ledger *pgxpool.Pool // connections of their own for Commit, see byKeyOnly
	keys   Keys
	now    func() time.Time
	log    *slog.Logger
	base   string
}

// Keys derives what is never stored: tokens of mailed links and keyed hashes. Met by internal/secret's ring.
type Keys interface {
	// Version is the newest key's version, used for what is written now.
	Version() int
	// Token derives the token for id under purpose with key version v: the same inputs always give the same token.
	Token(purpose, id string, v int) string
	// MAC is a keyed hash for equality without the value (suppression, rate limits); it does not change with versions.
	MAC(purpose string, value string) []byte
	// Seal and Open encrypt what must be read back (TOTP secrets).
	Seal(plain []byte) []byte
	Open(sealed []byte) ([]byte, error)
}

// ledgerConns is how many commits of the mail ledger may be on their way at once: two of each lane.
const ledgerConns = 4

// mostIdle is how long a transaction may wait for its next statement before the database ends it. A process that was stopped, or whose
// machine is gone without a word, holds what it has locked no longer than that: nobody else could go on with an issue until it wakes.
const mostIdle = 20 * time.Second

// Options of New. Now defaults to time.Now.
type Options struct {
	URL     string        // app role
	MaxConn int32         // 0: 16
	Idle    time.Duration // of a transaction between two statements; 0: mostIdle
	Keys    Keys
	Now     func() time.Time
	Log     *slog.Logger
	BaseURL string // public base URL: what links in mails begin with, no slash at its end

	Restoring bool // the database is being restored, by us
}

// New connects and checks that the schema is exactly the one this program knows.
func New(ctx context.Context, o Options) (*Store, error) {
	cfg, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("parse database URL: %w", err)
	}
	cfg.MaxConns = max(o.MaxConn, 16)
	cfg.ConnConfig.RuntimeParams["timezone"] = "UTC"
	cfg.ConnConfig.RuntimeParams["application_name"] = "toasoan"
	cfg.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = strconv.FormatInt(cmp.Or(o.Idle, mostIdle).Milliseconds(), 10)
	dialing(&cfg.ConnConfig.Config)
	db, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	ledger := cfg.Copy()
	ledger.MaxConns = ledgerConns
	maps.Copy(ledger.ConnConfig.RuntimeParams, byKeyOnly)
	ledger.AfterConnect = knowEntries
	books, err := pgxpool.NewWithConfig(ctx, ledger)
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	s := &Store{db: db, ledger: books, keys: o.Keys, now: o.Now, log: o.Log, base: strings.TrimRight(o.BaseURL, "/")}
	if s.now == nil {
		s.now = time.Now
	}
	if err := s.checkSchema(ctx, o.Restoring); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close gives the connections back.
func (s *Store) Close() {
	s.ledger.Close()
	s.db.Close()
}

// Ping asks the database for a sign of life.
func (s *Store) Ping(ctx context.Context) error { return s.db.Ping(ctx) }

const sqlCheckSchema = `
	SELECT coalesce(max(version), 0), coalesce((SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()), '')
	FROM schema_version`

func (s *Store) checkSchema(ctx context.Context, ours bool) error {
	var have int
	var comment string
	err := s.db.QueryRow(ctx, sqlCheckSchema).Scan(&have, &comment)
	if isCode(err, "42P01") { // undefined_table: never migrated
		have, err = 0, nil
	}
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	switch want := migrations.Latest(); {
	case comment == restoringMark && !ours:
		return errors.New("the database is being restored, or its restore was cut off: then begin again with an empty one")
	case have < want:
		return fmt.Errorf("the database has schema %d, this program needs %d: run `toasoan migrate`", have, want)
	case have > want:
		return fmt.Errorf("the database has schema %d, this program knows only %d: run a newer toasoan", have, want)
	}
	return nil
}

// tx runs do in one transaction; a serialisation failure or deadlock is tried again, at most three times.
func (s *Store) tx(ctx context.Context, do func(pgx.Tx) error) error { return txOn(ctx, s.db, do) }

func txOn(ctx context.Context, db *pgxpool.Pool, do func(pgx.Tx) error) error {
	for try := 1; ; try++ {
		err := pgx.BeginFunc(ctx, db, do)
		if try < 3 && (isCode(err, "40P01") || isCode(err, "40001")) {
			continue
		}
		return err
	}
}

// args is shorthand for named arguments that refuse a misspelt key.
type args = pgx.StrictNamedArgs

// isCode reports whether err is a Postgres error with that SQLSTATE.
func isCode(err error, code string) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == code
}

// isConstraint reports whether err is a breach of the named constraint.
func isConstraint(err error, name string) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.ConstraintName == name
}

// notFound turns "no rows" into newsroom.ErrNotFound.
func notFound(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return newsroom.ErrNotFound
	}
	return err
}

// toJSON is json.Marshal for values that always encode.
func toJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("store: %T does not encode: %v", v, err))
	}
	return b
}
