package main

import (
	"context"
	"fmt"
	"os"

	"toasoan/internal/store"
)

// runCalendar imports holidays and swapped working days; what waits gets its new due times at once.
func runCalendar(ctx context.Context, t terminal, arguments []string) error {
	_, rest, err := subcommand(arguments, "import")
	if err != nil {
		return err
	}
	flags := t.flagSet("calendar import", "[flags] FILE.csv (date, off|working, name)")
	o, err := t.openTool(ctx, flags, rest)
	if err != nil {
		return err
	}
	defer o.store.Close()
	if flags.NArg() != 1 {
		return fmt.Errorf("%w: want one CSV file", errUsage)
	}
	file, err := os.Open(flags.Arg(0))
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // read only
	days, err := store.ReadCalendar(file)
	if err != nil {
		return invalid(err)
	}
	moved, err := o.store.SaveCalendarDays(ctx, console, days)
	if err != nil {
		return invalid(err)
	}
	fmt.Fprintf(t.out, "%d days, %d articles have new due times\n", len(days), len(moved))
	if len(moved) == 0 {
		return nil
	}
	a, err := o.app(ctx)
	if err != nil {
		return err
	}
	defer a.close()
	for _, id := range moved {
		if err := a.dispatch.Reload(ctx, id); err != nil {
			return fmt.Errorf("the days are saved; run `toasoan rebuild workflows` once Temporal is back: %w", err)
		}
	}
	return nil
}
