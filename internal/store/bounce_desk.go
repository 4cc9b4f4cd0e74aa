package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

const sqlIssueBounces = `
	SELECT kind, status, max(said), count(DISTINCT subscriber_id)::int FROM bounces WHERE issue_id = @id
	GROUP BY kind, status ORDER BY 4 DESC, kind, status LIMIT 50`

// IssueBounces says what came back about an issue's mails, by kind and reason, the most frequent first; without anybody's address.
func (s *Store) IssueBounces(ctx context.Context, issueID string) ([]newsroom.BounceGroup, error) {
	rows, _ := s.db.Query(ctx, sqlIssueBounces, args{"id": issueID})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.BounceGroup])
	if err != nil {
		return nil, fmt.Errorf("what came back of issue %s: %w", issueID, err)
	}
	return list, nil
}

const sqlSubscriberBounces = `
	SELECT b.at, b.kind, b.status, b.said, coalesce(i.subject, '') FROM bounces b LEFT JOIN mail_issues i ON i.id = b.issue_id
	WHERE b.subscriber_id = @id AND b.subscriber_id <> '' ORDER BY b.at DESC, b.id DESC LIMIT 100`

// SubscriberBounces lists what came back about a subscriber's newsletters, the newest first.
func (s *Store) SubscriberBounces(ctx context.Context, id string) ([]newsroom.Bounced, error) {
	rows, _ := s.db.Query(ctx, sqlSubscriberBounces, args{"id": id})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.Bounced])
	if err != nil {
		return nil, fmt.Errorf("what came back of subscriber %s: %w", id, err)
	}
	return list, nil
}

const sqlBounceTotals = `SELECT what, sum(n)::bigint FROM bounce_days GROUP BY what`

// BounceTotals counts every mail that came back, by what it was.
func (s *Store) BounceTotals(ctx context.Context) (map[string]int64, error) {
	return s.counts(ctx, sqlBounceTotals)
}
