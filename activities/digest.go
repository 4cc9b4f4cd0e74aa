package activities

import (
	"context"
	"time"
)

// Digests opens what people get once a day or a week. Met by store.
type Digests interface {
	OpenDigests(ctx context.Context, now time.Time) ([]string, error)
}

// OpenDigests opens the digests whose time has come and has them mailed; it returns how many.
func (d *Desk) OpenDigests(ctx context.Context, _ struct{}) (int, error) {
	issues, err := d.Mail.Digests.OpenDigests(ctx, d.Now())
	if err != nil {
		return 0, err
	}
	for _, id := range issues {
		if err := d.Runs.Deliver(ctx, id); err != nil { // the reconcile schedule finds it too
			return 0, err
		}
	}
	return len(issues), nil
}
