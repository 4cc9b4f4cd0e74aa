package activities

import (
	"context"
	"time"
)

// seatNet is how long after a delegation began or ended its articles are told, in case their own runs did not know of it.
const seatNet = 5 * time.Minute

// reseat tells the runs of articles in whose office a delegation has just begun or ended. They wake by their own clock; this is the
// net under it, for delegations that were written while Temporal was away.
func (d *Desk) reseat(ctx context.Context) (int, error) {
	articles, err := d.Open.Reseated(ctx, d.Now().Add(-seatNet))
	if err != nil {
		return 0, err
	}
	for _, id := range articles {
		if err := d.Runs.Reload(ctx, id); err != nil {
			return 0, err
		}
	}
	return len(articles), nil
}
