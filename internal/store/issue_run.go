package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

const (
	sqlIssueCounts = `
	SELECT ` + countColumns + `, (SELECT coalesce(sum(total - written), 0)::int FROM mail_chunks WHERE issue_id = @id AND recipients IS NOT NULL)
	FROM mail_deliveries WHERE issue_id = @id`
	sqlIssueDue = `
	SELECT coalesce(array_agg(DISTINCT chunk_no) FILTER (WHERE due), '{}'), min(next_attempt) FILTER (WHERE next_attempt > @now)
	FROM (SELECT chunk_no, state IN ('pending', 'claimed', 'dot') OR next_attempt <= @now AS due, next_attempt
	    FROM mail_deliveries WHERE issue_id = @id AND state IN ('pending', 'claimed', 'dot', 'soft', 'in_doubt')
	  UNION ALL SELECT chunk_no, true, NULL FROM mail_chunks WHERE issue_id = @id AND recipients IS NOT NULL) AS open`
)

// mostDue bounds how many chunks a standing names: one generation of the workflow.
const mostDue = 500

// DeliveryStanding is where an issue stands: what its workflow needs.
func (s *Store) DeliveryStanding(ctx context.Context, issueID string) (newsroom.DeliveryStanding, error) {
	return s.deliveryStanding(ctx, s.db, issueID)
}

func (s *Store) deliveryStanding(ctx context.Context, q querier, issueID string) (newsroom.DeliveryStanding, error) {
	i, err := scanIssue(q.QueryRow(ctx, sqlIssue, args{"id": issueID}))
	if err != nil {
		return newsroom.DeliveryStanding{}, fmt.Errorf("issue %s: %w", issueID, err)
	}
	st := newsroom.DeliveryStanding{IssueID: i.ID, ArticleID: i.ArticleID, Status: i.Status, Chunks: i.Chunks}
	if i.Counted(s.now()) {
		st.Counts, err = s.issueCounts(ctx, q, issueID)
		return st, err
	}
	if st.Counts, err = s.countRows(ctx, q, issueID); err != nil {
		return st, err
	}
	if err := q.QueryRow(ctx, sqlIssueDue, args{"id": issueID, "now": s.now().UTC()}).Scan(&st.Due, &st.Next); err != nil {
		return st, fmt.Errorf("due rows of issue %s: %w", issueID, err)
	}
	st.Due = st.Due[:min(len(st.Due), mostDue)]
	return st, nil
}

const sqlChunkLeft = `
	WITH own AS (UPDATE mail_chunks SET done = @done, failed = @failed WHERE issue_id = @id AND chunk_no = @chunk RETURNING 1)
	SELECT coalesce(i.article_id, ''), i.candidates, @done + coalesce(sum(c.done), 0)::int, @failed + coalesce(sum(c.failed), 0)::int
	FROM mail_issues i LEFT JOIN mail_chunks c ON c.issue_id = i.id AND c.chunk_no <> @chunk, own
	WHERE i.id = @id GROUP BY i.id`

// ChunkLeft notes how far a worker brought a chunk and returns the issue's sums: what progress is told by, without counting
// every row.
func (s *Store) ChunkLeft(ctx context.Context, issueID string, chunk int, c newsroom.IssueCounts) (articleID string, candidates, done, failed int, err error) {
	lost := c.Hard + c.Expired + c.InDoubt
	err = s.db.QueryRow(ctx, sqlChunkLeft, args{"id": issueID, "chunk": chunk, "done": c.Candidates - c.Waiting, "failed": lost}).
		Scan(&articleID, &candidates, &done, &failed)
	if err != nil {
		return "", 0, 0, 0, fmt.Errorf("progress of issue %s: %w", issueID, notFound(err))
	}
	return articleID, candidates, done, failed, nil
}

const (
	sqlCancelRest = `
	UPDATE mail_deliveries SET state = CASE WHEN resent OR state = 'in_doubt' THEN 'in_doubt' ELSE 'cancelled' END, next_attempt = NULL, done_at = @at
	WHERE issue_id = @id AND (state IN ('pending', 'claimed', 'soft') OR (state = 'in_doubt' AND next_attempt IS NOT NULL))`
	sqlCloseIssue = `
	UPDATE mail_issues SET status = @status, finished_at = coalesce(finished_at, @at), counts = @counts WHERE id = @id`
)

// CloseIssue ends an issue in which nothing waits any more; of a stopped one the rest is cancelled first. It returns the standing
// either way: an issue in which something waits stays open. The equation is checked: an issue that does not add up is put
// before the operator and stays open.
func (s *Store) CloseIssue(ctx context.Context, issueID string) (newsroom.DeliveryStanding, error) {
	var st newsroom.DeliveryStanding
	err := s.tx(ctx, func(tx pgx.Tx) error {
		i, err := scanIssue(tx.QueryRow(ctx, sqlLockIssue, args{"id": issueID}))
		if err != nil {
			return err
		}
		now := s.now().UTC()
		if i.Status == newsroom.IssueAborted {
			if err := s.unrollAll(ctx, tx, issueID, now); err != nil {
				return err
			}
			if err := lockRows(ctx, tx, sqlLockOfIssue, underWay, args{"issue": issueID}); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, sqlCancelRest, args{"id": issueID, "at": now}); err != nil {
				return err
			}
		}
		if st, err = s.deliveryStanding(ctx, tx, issueID); err != nil || st.Counts.Waiting > 0 {
			return err
		}
		if i.PreparedAt != nil && (!st.Counts.Balanced() || st.Counts.Candidates != i.Candidates) {
			return s.alert(ctx, tx, "issue/"+issueID, "issue_unbalanced", map[string]any{"issue_id": issueID, "frozen": i.Candidates, "counts": st.Counts})
		}
		switch i.Status {
		case newsroom.IssuePrepared, newsroom.IssueSending:
			st.Status = newsroom.IssueDone
		case newsroom.IssueAborted, newsroom.IssueDone:
		default:
			return nil // preparing or paused: not over
		}
		_, err = tx.Exec(ctx, sqlCloseIssue, args{"id": issueID, "status": st.Status, "at": now, "counts": toJSON(st.Counts)})
		return err
	})
	if err != nil {
		return st, fmt.Errorf("close issue %s: %w", issueID, err)
	}
	return st, nil
}

const sqlStoredCounts = `SELECT counts FROM mail_issues WHERE id = @id`

// issueCounts are the stored counts of a closed issue, the counted rows of an open one.
func (s *Store) issueCounts(ctx context.Context, q querier, issueID string) (c newsroom.IssueCounts, err error) {
	var stored []byte
	if err := q.QueryRow(ctx, sqlStoredCounts, args{"id": issueID}).Scan(&stored); err != nil {
		return c, fmt.Errorf("counts of issue %s: %w", issueID, notFound(err))
	}
	if stored != nil {
		return c, json.Unmarshal(stored, &c)
	}
	return s.countRows(ctx, q, issueID)
}

// countRows counts an issue's rows as they stand, and those that will be made when their chunk is claimed.
func (s *Store) countRows(ctx context.Context, q querier, issueID string) (c newsroom.IssueCounts, err error) {
	var unclaimed int
	if err := q.QueryRow(ctx, sqlIssueCounts, args{"id": issueID}).Scan(append(countsInto(&c), &unclaimed)...); err != nil {
		return c, fmt.Errorf("counts of issue %s: %w", issueID, err)
	}
	c.Candidates += unclaimed
	c.Waiting += unclaimed
	return c, nil
}
