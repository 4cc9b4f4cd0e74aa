package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const (
	sqlStageGauges   = `SELECT stage, count(*) FROM articles GROUP BY stage`
	sqlWaitingGauges = `
	SELECT 'moves', count(*) FROM move_requests WHERE settled_at IS NULL UNION ALL
	SELECT 'publications', count(*) FROM publications WHERE done_at IS NULL UNION ALL
	SELECT 'letters', count(*) FROM letters WHERE done_at IS NULL UNION ALL
	SELECT 'issues', count(*) FROM mail_issues WHERE status IN ('preparing', 'prepared', 'sending') UNION ALL
	SELECT 'parked_events', count(*) FROM parked_events WHERE retried_at IS NULL UNION ALL
	SELECT 'alerts', count(*) FROM alerts WHERE cleared_at IS NULL`
)

// Gauges counts what an operator watches: articles by stage, and what waits.
func (s *Store) Gauges(ctx context.Context) (stages, waiting map[string]int64, err error) {
	if stages, err = s.counts(ctx, sqlStageGauges); err != nil {
		return nil, nil, err
	}
	waiting, err = s.counts(ctx, sqlWaitingGauges)
	return stages, waiting, err
}

func (s *Store) counts(ctx context.Context, sql string) (map[string]int64, error) {
	rows, _ := s.db.Query(ctx, sql)
	found := map[string]int64{}
	var name string
	var n int64
	if _, err := pgx.ForEachRow(rows, []any{&name, &n}, func() error { found[name] = n; return nil }); err != nil {
		return nil, fmt.Errorf("count gauges: %w", err)
	}
	return found, nil
}
