package activities

import (
	"context"
	"time"
)

// Digests opens what people get once a day or a week. Met by store.
type Digests interface {
	OpenDigests(ctx context.Context, now time.Time) ([]string, error)
}

// digestRest is how long the hour of digests is over before they are made: what is published right before it, by a machine whose clock is
// a little behind perhaps, stands in the database by then. A digest that was made without it leaves it to nobody.
const digestRest = 20 * time.Second

// OpenDigests opens the digests whose time has come and has them mailed; it returns how many.
func (d *Desk) OpenDigests(ctx context.Context, _ struct{}) (int, error) {
	issues, err := d.Mail.Digests.OpenDigests(ctx, d.Now().Add(-digestRest))
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
