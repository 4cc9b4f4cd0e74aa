package activities

import (
	"context"
	"time"

	"toasoan/newsroom"
)

// Record keeps the roots of the audit chain. Met by store.
type Record interface {
	RootOfDay(ctx context.Context, day newsroom.Date, inspector string) ([]string, error)
}

// AuditRoot keeps where the audit chain ended on the day that is over, and mails it to the inspector, once. It returns how many
// letters that makes.
func (d *Desk) AuditRoot(ctx context.Context, _ struct{}) (int, error) {
	yesterday := newsroom.DateOf(d.Now().Add(-24 * time.Hour))
	letters, err := d.Record.RootOfDay(ctx, yesterday, d.Inspector)
	if err != nil {
		return 0, err
	}
	for _, id := range letters {
		if err := d.Runs.Post(ctx, id); err != nil {
			return 0, err
		}
	}
	return len(letters), nil
}
