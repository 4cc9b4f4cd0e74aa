package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql"
	schema "go.temporal.io/server/schema/postgresql/v12"
	schematool "go.temporal.io/server/tools/common/schema"
	sqltool "go.temporal.io/server/tools/sql"
)

// What PostgreSQL says (appendix A of its manual, "PostgreSQL Error Codes").
const (
	sqlstateNoSuchDatabase    = "3D000"
	sqlstateNoSuchTable       = "42P01"
	sqlstateDuplicateDatabase = "42P04"
	sqlstateNotAllowed        = "42501"
	sqlstateAlreadyExists     = "23505" // two CREATE DATABASE at once meet in the catalogue's unique index
	sqlstateClassAuth         = "28"
)

// postgresRetry is the pause between two attempts to reach PostgreSQL, which may start beside us.
const postgresRetry = 100 * time.Millisecond

// storage is one of the two databases, with the schema embedded in the server that belongs there.
type storage struct {
	database string
	schema   string // directory in the server's embedded schemas
	version  string // what this server wants
	maxConns int    // of each service's pool
}

// storages lists the database of workflow state, then the one of the search index. Each of the four services opens its
// own pools: 4 x 6 + 3 x 3 connections at most, a third of PostgreSQL's default of 100. More would only queue on
// two cores, and the product needs its own.
func (s settings) storages() (state, visibility storage) {
	return storage{s.database, "postgresql/v12/temporal", schema.Version, 6},
		storage{s.visibilityDatabase, "postgresql/v12/visibility", schema.VisibilityVersion, 3}
}

// sqlConfig says how the server reaches the database. Everything travels as attributes: the plugin's own URL could not
// hold a socket directory, nor a user or a password with every character. As many idle connections as open ones: each
// new one costs PostgreSQL a fork.
func (s settings) sqlConfig(of storage) *config.SQL {
	return &config.SQL{
		PluginName:      postgresql.PluginNamePGX,
		DatabaseName:    of.database,
		ConnectProtocol: "tcp",
		ConnectAttributes: map[string]string{
			"host":             s.postgresHost,
			"port":             strconv.Itoa(s.postgresPort),
			"user":             s.postgresUser,
			"password":         s.postgresPassword,
			"sslmode":          s.postgresSSLMode,
			"application_name": "temporald",
		},
		MaxConns:        of.maxConns,
		MaxIdleConns:    of.maxConns,
		MaxConnLifetime: time.Hour,
	}
}

// prepare makes sure the database exists and carries the schema this server wants; it waits for PostgreSQL until ctx
// ends. It refuses a database whose schema is newer than this server. The guard keeps others out meanwhile.
func (s settings) prepare(ctx context.Context, of storage, logger log.Logger) error {
	conn, err := s.reach(ctx, of.database)
	if err != nil {
		return fmt.Errorf("open database %s: %w", of.database, err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	version, err := schemaVersion(ctx, conn)
	if err != nil {
		return fmt.Errorf("read schema version of %s: %w", of.database, err)
	}
	if version == of.version {
		return nil
	}
	if err := s.upgrade(of, version, logger); err != nil {
		return fmt.Errorf("upgrade schema of %s: %w", of.database, err)
	}
	return nil
}

// schemaVersion returns the version the database carries, "" for an empty one.
func schemaVersion(ctx context.Context, conn *pgx.Conn) (version string, err error) {
	err = conn.QueryRow(ctx, "SELECT curr_version FROM schema_version WHERE version_partition = 0 AND db_name = current_database()").Scan(&version)
	refusal, refused := errors.AsType[*pgconn.PgError](err)
	if errors.Is(err, pgx.ErrNoRows) || refused && refusal.Code == sqlstateNoSuchTable {
		return "", nil
	}
	return version, err
}

// upgrade takes the schema to the wanted version, step by step. It does what temporal-sql-tool's setup-schema and
// update-schema do, by the same code; RunTool itself ends the process on an error and says why only in its own log.
func (s settings) upgrade(of storage, from string, logger log.Logger) error {
	cfg := s.sqlConfig(of)
	// A hundred small statements need not each wait for the disk: they reach it in order, a step that is repeated
	// after a crash skips what it finds, and the first durable commit carries them all.
	cfg.ConnectAttributes["synchronous_commit"] = "off"
	db, err := sqltool.NewConnection(cfg, logger)
	if err != nil {
		return err
	}
	defer db.Close()
	if from == "" {
		setup := schematool.SetupConfig{InitialVersion: "0.0"}
		if err := schematool.NewSetupSchemaTask(db, &setup, logger).Run(); err != nil {
			return err
		}
	}
	update := schematool.UpdateConfig{SchemaName: of.schema, TargetVersion: of.version}
	return schematool.NewUpdateSchemaTask(db, &update, logger).Run()
}

// reach connects to the database, creates it if it is missing, and retries while PostgreSQL is away. A refused sign-in
// or a missing right is final.
func (s settings) reach(ctx context.Context, database string) (*pgx.Conn, error) {
	for {
		conn, err := s.connect(ctx, database)
		if err == nil {
			return conn, nil
		}
		refusal, refused := errors.AsType[*pgconn.PgError](err)
		switch {
		case refused && refusal.Code == sqlstateNoSuchDatabase:
			if err := s.create(ctx, database); err != nil {
				return nil, err
			}
			continue
		case refused && (refusal.Code[:2] == sqlstateClassAuth || refusal.Code == sqlstateNotAllowed):
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("PostgreSQL does not answer: %w", err)
		case <-time.After(postgresRetry):
		}
	}
}

// create makes an empty database, which the role must be allowed to. That it exists by now is no error.
func (s settings) create(ctx context.Context, database string) error {
	conn, err := s.connect(ctx, "postgres")
	if err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{database}.Sanitize())
	refusal, refused := errors.AsType[*pgconn.PgError](err)
	if refused && (refusal.Code == sqlstateDuplicateDatabase || refusal.Code == sqlstateAlreadyExists) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	return nil
}

func (s settings) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	query := url.Values{
		"host": {s.postgresHost}, "port": {strconv.Itoa(s.postgresPort)}, "sslmode": {s.postgresSSLMode},
		"application_name": {"temporald"}, "connect_timeout": {"5"},
	}
	address := url.URL{
		Scheme: "postgres", User: url.UserPassword(s.postgresUser, s.postgresPassword),
		Path: "/" + database, RawQuery: query.Encode(),
	}
	return pgx.Connect(ctx, address.String())
}
