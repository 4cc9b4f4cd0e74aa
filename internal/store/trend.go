package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// Mails count on the day their issue was opened, by the counts that outlive its rows; of an issue that still runs by the rows. Whoever
// came or left counts on the day of the act, by the record of consent: each unit is a stretch of its index.
const sqlTrend = `
	WITH span AS (SELECT generate_series(date_trunc(@unit, @now::timestamptz AT TIME ZONE 'Asia/Ho_Chi_Minh') - @back::int * ('1 ' || @unit)::interval,
	    @now::timestamptz AT TIME ZONE 'Asia/Ho_Chi_Minh', ('1 ' || @unit)::interval) AS start),
	since AS (SELECT min(start) AT TIME ZONE 'Asia/Ho_Chi_Minh' AS at FROM span),
	mails AS (
	  SELECT date_trunc(@unit, i.opened_at AT TIME ZONE 'Asia/Ho_Chi_Minh') AS start,
	    sum(coalesce((i.counts->>'Sent')::int, open.sent)) AS sent,
	    sum(coalesce((i.counts->>'Hard')::int + (i.counts->>'Expired')::int + (i.counts->>'InDoubt')::int, open.failed)) AS failed
	  FROM mail_issues i CROSS JOIN since LEFT JOIN LATERAL (
	    SELECT count(*) FILTER (WHERE state = 'sent') AS sent,
	      count(*) FILTER (WHERE state IN ('hard', 'expired', 'in_doubt_resent') OR (state = 'in_doubt' AND next_attempt IS NULL)) AS failed
	    FROM mail_deliveries d WHERE d.issue_id = i.id) open ON i.counts IS NULL
	  WHERE i.opened_at >= since.at GROUP BY 1)
	SELECT span.start AT TIME ZONE 'Asia/Ho_Chi_Minh', coalesce(mails.sent, 0)::int, coalesce(mails.failed, 0)::int, joined.n::int, gone.n::int
	FROM span LEFT JOIN mails USING (start)
	CROSS JOIN LATERAL (SELECT count(*) AS n FROM consents WHERE step = 1 AND at >= span.start AT TIME ZONE 'Asia/Ho_Chi_Minh'
	  AND at < (span.start + ('1 ' || @unit)::interval) AT TIME ZONE 'Asia/Ho_Chi_Minh') joined
	CROSS JOIN LATERAL (SELECT count(*) AS n FROM consents WHERE step = -1 AND at >= span.start AT TIME ZONE 'Asia/Ho_Chi_Minh'
	  AND at < (span.start + ('1 ' || @unit)::interval) AT TIME ZONE 'Asia/Ho_Chi_Minh') gone
	ORDER BY span.start`

// Trend is what went out and who came and left in the last n units (day, week, month) up to now, oldest first, each unit once.
func (s *Store) Trend(ctx context.Context, unit newsroom.TrendUnit, n int, now time.Time) ([]newsroom.TrendPoint, error) {
	rows, _ := s.db.Query(ctx, sqlTrend, args{"unit": string(unit), "back": n - 1, "now": now})
	points, err := pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.TrendPoint])
	if err != nil {
		return nil, fmt.Errorf("trend by %s: %w", unit, err)
	}
	return points, nil
}
