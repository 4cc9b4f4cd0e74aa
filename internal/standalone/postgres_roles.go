package standalone

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Roles and databases of the cluster. The owner migrates; the app may do what the migrations grant; temporal owns its
// two databases, so that one backup of the cluster holds everything.
const (
	roleOwner          = "toasoan_owner"
	roleApp            = "toasoan_app"
	roleTemporal       = "temporal"
	databaseProduct    = "toasoan"
	databaseTemporal   = "temporal"
	databaseVisibility = "temporal_visibility"
)

func rolePasswords(data string) (map[string]string, error) {
	passwords := map[string]string{}
	for _, role := range []string{roleOwner, roleApp, roleTemporal} {
		password, err := secret(data, "postgres-"+role)
		if err != nil {
			return nil, err
		}
		passwords[role] = password
	}
	return passwords, nil
}

// prepare makes roles and databases, each unless it is there, sets the passwords, and refuses a server without the
// collations and extensions that the product needs.
func (p *Postgres) prepare(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, p.AdminURL())
	if err != nil {
		return fmt.Errorf("connect to the new database: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := checkPostgres(ctx, conn); err != nil {
		return err
	}
	for role, password := range p.password {
		if err := makeRole(ctx, conn, role, password); err != nil {
			return fmt.Errorf("make role %s: %w", role, err)
		}
	}
	owners := map[string]string{databaseProduct: roleOwner, databaseTemporal: roleTemporal, databaseVisibility: roleTemporal}
	for database, owner := range owners {
		if err := makeDatabase(ctx, conn, database, owner); err != nil {
			return fmt.Errorf("make database %s: %w", database, err)
		}
	}
	_, err = conn.Exec(ctx, "GRANT CONNECT, TEMPORARY ON DATABASE "+databaseProduct+" TO "+roleApp)
	if err != nil {
		return fmt.Errorf("let %s into the database: %w", roleApp, err)
	}
	return nil
}

const sqlCheck = `
	SELECT EXISTS (SELECT FROM pg_collation WHERE collname = 'vi-x-icu'),
	       (SELECT count(*) = 2 FROM pg_available_extensions WHERE name IN ('unaccent', 'pg_trgm'))`

func checkPostgres(ctx context.Context, conn *pgx.Conn) error {
	var collations, extensions bool
	if err := conn.QueryRow(ctx, sqlCheck).Scan(&collations, &extensions); err != nil {
		return fmt.Errorf("look at the database's abilities: %w", err)
	}
	if !collations {
		return errors.New("this PostgreSQL was built without ICU, which sorts Vietnamese: install Debian's (apt-get install postgresql)")
	}
	if !extensions {
		return errors.New("this PostgreSQL lacks the extensions unaccent and pg_trgm: install them (apt-get install postgresql-contrib)")
	}
	return nil
}

func makeRole(ctx context.Context, conn *pgx.Conn, role, password string) error {
	var there bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role).Scan(&there); err != nil {
		return err
	}
	name := pgx.Identifier{role}.Sanitize()
	if !there {
		if _, err := conn.Exec(ctx, "CREATE ROLE "+name+" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE"); err != nil {
			return err
		}
	}
	// The password is letters and digits only (see secret), and a role's password takes no parameters.
	_, err := conn.Exec(ctx, "ALTER ROLE "+name+" PASSWORD '"+password+"'")
	return err
}

// makeDatabase makes a database that only its owner, and whom it lets in, can connect to.
func makeDatabase(ctx context.Context, conn *pgx.Conn, database, owner string) error {
	var there bool
	if err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", database).Scan(&there); err != nil {
		return err
	}
	name, ownerName := pgx.Identifier{database}.Sanitize(), pgx.Identifier{owner}.Sanitize()
	if !there {
		if _, err := conn.Exec(ctx, "CREATE DATABASE "+name+" OWNER "+ownerName); err != nil {
			return err
		}
	}
	_, err := conn.Exec(ctx, "REVOKE ALL ON DATABASE "+name+" FROM PUBLIC")
	return err
}
