package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

const (
	// pruneStep is how many rows go in one transaction, and pruneSteps how many of those one sweep makes.
	pruneStep  = 5_000
	pruneSteps = 400
)

const (
	sqlPrunable = `
	SELECT id FROM mail_issues WHERE pruned_at IS NULL AND status IN ('done', 'aborted') AND finished_at < @before ORDER BY finished_at LIMIT 100`
	sqlMarkPruned = `UPDATE mail_issues SET counts = @counts, pruned_at = @at WHERE id = @id`
	sqlHalfPruned = `
	SELECT i.id FROM mail_issues i WHERE i.pruned_at IS NOT NULL AND EXISTS (SELECT FROM mail_chunks c WHERE c.issue_id = i.id) LIMIT 1`
	sqlPruneRows = `
	DELETE FROM mail_deliveries d USING (SELECT subscriber_id FROM mail_deliveries WHERE issue_id = @id ORDER BY subscriber_id LIMIT @limit) old
	WHERE d.issue_id = @id AND d.subscriber_id = old.subscriber_id`
	sqlPruneChunks = `DELETE FROM mail_chunks WHERE issue_id = @id`
)

// pruneLedger turns the rows of issues that were finished newsroom.LedgerLife ago into counts, a bounded part of them at a time: an issue is
// counted once more and marked first, then its rows go, its chunks last. Whatever dies in between goes on there.
func (s *Store) pruneLedger(ctx context.Context, now time.Time) error {
	for range pruneSteps {
		id, err := s.halfPruned(ctx, now)
		if err != nil {
			return fmt.Errorf("prune ledger: %w", err)
		}
		if id == "" {
			return nil
		}
		tag, err := s.db.Exec(ctx, sqlPruneRows, args{"id": id, "limit": pruneStep})
		if err == nil && tag.RowsAffected() < pruneStep {
			_, err = s.db.Exec(ctx, sqlPruneChunks, args{"id": id})
		}
		if err != nil {
			return fmt.Errorf("prune issue %s: %w", id, err)
		}
	}
	return nil
}

// halfPruned is an issue whose rows may go: one that is marked, or the oldest that can be, which it marks. "" none.
func (s *Store) halfPruned(ctx context.Context, now time.Time) (id string, err error) {
	err = notFound(s.db.QueryRow(ctx, sqlHalfPruned).Scan(&id))
	if id != "" || ignoreNotFound(err) != nil {
		return id, ignoreNotFound(err)
	}
	rows, _ := s.db.Query(ctx, sqlPrunable, args{"before": now.Add(-newsroom.LedgerLife)})
	old, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return "", err
	}
	for _, id := range old {
		marked := false
		if err := s.tx(ctx, func(tx pgx.Tx) (err error) {
			marked, err = s.markPruned(ctx, tx, id, now)
			return err
		}); err != nil {
			return "", fmt.Errorf("issue %s: %w", id, err)
		}
		if marked {
			return id, nil
		}
	}
	return "", nil
}

// markPruned counts an issue for the last time, under its lock. One that a person has resumed meanwhile stays as it is; one that
// does not add up keeps its rows and is put before the operator.
func (s *Store) markPruned(ctx context.Context, tx pgx.Tx, id string, now time.Time) (bool, error) {
	i, err := scanIssue(tx.QueryRow(ctx, sqlLockIssue, args{"id": id}))
	if err != nil || (i.Status != newsroom.IssueDone && i.Status != newsroom.IssueAborted) {
		return false, err
	}
	c, err := s.countRows(ctx, tx, id)
	if err != nil {
		return false, err
	}
	if c.Waiting > 0 || !c.Balanced() || (i.PreparedAt != nil && c.Candidates != i.Candidates) {
		return false, s.alert(ctx, tx, "issue/"+id, "issue_unbalanced", map[string]any{"issue_id": id, "frozen": i.Candidates, "counts": c})
	}
	_, err = tx.Exec(ctx, sqlMarkPruned, args{"id": id, "counts": toJSON(c), "at": now.UTC()})
	return true, err
}
