package store

import (
	"context"
	"fmt"
	"time"
)

// A slot counts what was asked for in one second; the first `limit` of it were given.
const sqlLeaseRate = `
	WITH clock AS MATERIALIZED (SELECT extract(epoch FROM clock_timestamp())::float8 AS now),
	taken AS (
	  INSERT INTO mail_slots AS m (second, used) SELECT floor(now)::bigint, @want::int FROM clock
	  ON CONFLICT (second) DO UPDATE SET used = m.used + @want::int WHERE m.used < @limit
	  RETURNING used)
	SELECT coalesce((SELECT used FROM taken), -1), 1 - (now - floor(now)) FROM clock`

// LeaseRate takes up to want of the limit mails that the whole installation may send in the running second of the
// database's clock. With got 0, wait says how long until the next second begins; nothing is carried over.
func (s *Store) LeaseRate(ctx context.Context, want, limit int) (got int, wait time.Duration, err error) {
	if want <= 0 || limit <= 0 {
		return 0, 0, fmt.Errorf("lease %d of %d mails a second: both must be positive", want, limit)
	}
	var used int
	var left float64 // of the running second
	if err := s.db.QueryRow(ctx, sqlLeaseRate, args{"want": want, "limit": limit}).Scan(&used, &left); err != nil {
		return 0, 0, fmt.Errorf("lease mail rate: %w", err)
	}
	if used < 0 {
		return 0, max(time.Duration(left*float64(time.Second)), time.Millisecond), nil
	}
	return want - max(0, used-limit), 0, nil
}

const sqlTakeRate = `
	INSERT INTO rate_limits AS r (key, bucket, used) VALUES (@key, @bucket, 1)
	ON CONFLICT (key, bucket) DO UPDATE SET used = r.used + 1 WHERE r.used < @most
	RETURNING used`

// TakeRate counts one more of what a stranger does, for the whole installation: at most `most` times per window for each
// value. It returns 0, or how long to wait. The value (an address, a network) is kept as a keyed hash only.
func (s *Store) TakeRate(ctx context.Context, rule, value string, most int, window time.Duration) (wait time.Duration, err error) {
	now := s.now().UTC()
	bucket := now.Truncate(window)
	rows, err := s.db.Exec(ctx, sqlTakeRate, args{
		"key": s.keys.MAC("rate/"+rule, value), "bucket": bucket.Unix(), "most": most,
	})
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", rule, err)
	}
	if rows.RowsAffected() == 0 {
		return bucket.Add(window).Sub(now), nil
	}
	return 0, nil
}
