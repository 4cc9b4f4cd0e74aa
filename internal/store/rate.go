package store

import (
	"context"
	"fmt"
	"time"
)

const sqlTakeRate = `
	INSERT INTO rate_limits AS r (key, bucket, used) VALUES (@key, @bucket, 1)
	ON CONFLICT (key, bucket) DO UPDATE SET used = r.used + 1 WHERE r.used < @most
	RETURNING used`

// TakeRate counts one more of what a stranger does, for the whole installation: at most `most` times per window for each
// value. It returns 0, or how long to wait. The value (an address, a network) is kept as a keyed hash only.
func (s *Store) TakeRate(ctx context.Context, rule, value string, most int, window time.Duration) (wait time.Duration, err error) {
	now := s.now().UTC()
	over := now.Truncate(window).Add(window) // names the window: what is over is swept, however long it was
	rows, err := s.db.Exec(ctx, sqlTakeRate, args{
		"key": s.keys.MAC("rate/"+rule, value), "bucket": over.Unix(), "most": most,
	})
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", rule, err)
	}
	if rows.RowsAffected() == 0 {
		return over.Sub(now), nil
	}
	return 0, nil
}
