package main

import (
	"context"
	"fmt"
)

// runVerifyAudit walks the audit chain and names the first row that does not hold.
func runVerifyAudit(ctx context.Context, t terminal, arguments []string) error {
	o, err := t.openTool(ctx, t.flagSet("verify-audit", "[flags]"), arguments)
	if err != nil {
		return err
	}
	defer o.store.Close()
	rows, err := o.store.VerifyAudit(ctx)
	if err != nil {
		return fmt.Errorf("%d rows hold, then: %w", rows, err)
	}
	fmt.Fprintf(t.out, "the audit chain holds: %d rows\n", rows)
	return nil
}
