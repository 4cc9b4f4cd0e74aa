package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

const (
	issueTitle    = `coalesce((SELECT title FROM articles WHERE articles.id = i.article_id), i.subject)`
	sqlDeskIssues = `
	SELECT ` + issueColumns + `, ` + issueTitle + `, i.sections FROM mail_issues i
	WHERE (@article = '' OR i.article_id = @article) AND (@n = 0 OR i.n = @n) ORDER BY i.opened_at DESC LIMIT @limit`
	sqlDeskIssue = `SELECT ` + issueColumns + `, ` + issueTitle + `, i.sections FROM mail_issues i WHERE i.id = @id`
	// What the relay refused; what it took and came back is told apart (IssueBounces). A doubt that is due again is no end.
	sqlDeskIssueFaults = `
	SELECT state, smtp_code, enhanced, max(reply), max(attempt), min(next_attempt), count(*)::int FROM mail_deliveries
	WHERE issue_id = @id AND state IN ('soft', 'hard', 'expired', 'in_doubt', 'in_doubt_resent') AND smtp_stage <> 'bounce'
	GROUP BY 1, 2, 3, next_attempt IS NULL ORDER BY 7 DESC, 1, 2, 3, 6 LIMIT 100`
	sqlIssuePace = `
	SELECT greatest(@since, coalesce(i.started_at, i.opened_at)),
	  (SELECT count(*)::int FROM mail_deliveries d WHERE d.issue_id = i.id AND d.done_at > @since) FROM mail_issues i WHERE i.id = @id`
	sqlMailing = `SELECT EXISTS (SELECT FROM mail_issues WHERE status IN ('preparing', 'prepared', 'sending') AND opened_at > @since)`
)

// DeskIssues lists mail issues, newest first: all (articleID "", n 0), an article's, or those of one publication.
func (s *Store) DeskIssues(ctx context.Context, articleID string, n int64, limit int) ([]newsroom.DeskIssue, error) {
	rows, _ := s.db.Query(ctx, sqlDeskIssues, args{"article": articleID, "n": n, "limit": limit})
	list, err := pgx.CollectRows(rows, collectDeskIssue)
	if err != nil {
		return nil, fmt.Errorf("list issues: %w", err)
	}
	for i := range list {
		if list[i].Counts, err = s.issueCounts(ctx, s.db, list[i].ID); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// DeskIssue returns one issue with its counts and what went wrong, without anybody's address; or newsroom.ErrNotFound.
func (s *Store) DeskIssue(ctx context.Context, id string) (newsroom.DeskIssue, error) {
	rows, _ := s.db.Query(ctx, sqlDeskIssue, args{"id": id})
	one, err := pgx.CollectExactlyOneRow(rows, collectDeskIssue)
	if err != nil {
		return one, fmt.Errorf("issue %s: %w", id, notFound(err))
	}
	if one.Counts, err = s.issueCounts(ctx, s.db, id); err != nil {
		return one, err
	}
	rows, _ = s.db.Query(ctx, sqlDeskIssueFaults, args{"id": id})
	if one.Faults, err = pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.DeliveryFault]); err != nil {
		return one, fmt.Errorf("faults of issue %s: %w", id, err)
	}
	if one.Status == newsroom.IssueSending {
		err := s.db.QueryRow(ctx, sqlIssuePace, args{"id": id, "since": s.now().UTC().Add(-paceWindow)}).Scan(&one.RecentAt, &one.Recent)
		if err != nil {
			return one, fmt.Errorf("pace of issue %s: %w", id, notFound(err))
		}
	}
	if one.Shown, err = s.stillShown(ctx, s.db, one.Issue); err != nil {
		return one, fmt.Errorf("what issue %s tells: %w", id, err)
	}
	if one.Offers, err = s.offers(ctx, id); err != nil {
		return one, err
	}
	one.Bounces, err = s.IssueBounces(ctx, id)
	return one, err
}

// paceWindow is how far back the speed of a run is measured.
const paceWindow = time.Minute

// mailingReach is how long an issue may be on its way: the longest schedule of retries and a day.
const mailingReach = 4 * 24 * time.Hour

// Mailing reports whether some issue is going out.
func (s *Store) Mailing(ctx context.Context) (running bool, err error) {
	if err := s.db.QueryRow(ctx, sqlMailing, args{"since": s.now().UTC().Add(-mailingReach)}).Scan(&running); err != nil {
		return false, fmt.Errorf("look for running issues: %w", err)
	}
	return running, nil
}

func collectDeskIssue(row pgx.CollectableRow) (d newsroom.DeskIssue, err error) {
	d.Issue, err = scanIssue(row, &d.Title, &d.Sections)
	return d, err
}
