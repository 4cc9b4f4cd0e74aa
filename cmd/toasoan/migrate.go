package main

import (
	"context"
	"fmt"

	"toasoan/internal/dispatch"
	"toasoan/migrations"
)

// runMigrate brings the database to this program's schema, as its owner, and registers the search attributes on an external
// Temporal where one is configured.
func runMigrate(ctx context.Context, t terminal, arguments []string) error {
	c, err := t.settings("migrate", arguments)
	if err != nil {
		return err
	}
	if err := c.Need("DATABASE_URL"); err != nil {
		return err
	}
	applied, err := migrations.Migrate(ctx, c.MigrateURL)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "schema %d, %d migrations applied\n", migrations.Latest(), applied)
	if c.Temporal.Address == "" {
		return nil
	}
	tlsConfig, err := temporalTLS(c.Temporal)
	if err != nil {
		return err
	}
	runs, err := dispatch.Dial(dispatch.Options{Address: c.Temporal.Address, Namespace: c.Temporal.Namespace, TLS: tlsConfig, Log: logger(c, t.err)})
	if err != nil {
		return err
	}
	defer runs.Close()
	if err := runs.EnsureNamespace(ctx, c.Temporal.Namespace); err != nil {
		return err
	}
	fmt.Fprintf(t.out, "temporal namespace %s has the search attributes\n", c.Temporal.Namespace)
	return nil
}
