package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

const sqlPause = `
	UPDATE mail_issues SET status = 'paused', why = @why, by_id = @by
	WHERE id = @id AND status IN ('preparing', 'prepared', 'sending') AND (resumed_at IS NULL OR resumed_at <= @seen)`

// sqlTold asks whether the operator knows already: the courier told of the trouble itself.
const sqlTold = `SELECT EXISTS (SELECT FROM alerts WHERE id = 'mail/' || @why AND cleared_at IS NULL)`

// HoldIssue pauses an issue by itself: why is a code (relay_auth, relay_tls, hard_failures), put before the operator unless it is
// there: one trouble is one alert, however many issues it holds. An issue that a person has resumed since seen, the moment before which
// the trouble may have been, goes on.
func (s *Store) HoldIssue(ctx context.Context, issueID, why string, seen time.Time) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if paused, err := s.pause(ctx, tx, issueID, "", why, seen); err != nil || !paused {
			return err
		}
		var told bool
		if err := tx.QueryRow(ctx, sqlTold, args{"why": why}).Scan(&told); err != nil || told {
			return err
		}
		return s.alert(ctx, tx, "issue/"+issueID, "issue_held", map[string]any{"issue_id": issueID, "why": why})
	})
	if err != nil {
		return fmt.Errorf("hold issue %s: %w", issueID, err)
	}
	return nil
}

// pause reports whether the issue ran, and was not resumed since seen.
func (s *Store) pause(ctx context.Context, tx pgx.Tx, issueID, by, why string, seen time.Time) (bool, error) {
	tag, err := tx.Exec(ctx, sqlPause, args{"id": issueID, "why": why, "by": by, "seen": seen.UTC()})
	if err != nil || tag.RowsAffected() == 0 {
		return false, err
	}
	return true, takeBack(ctx, tx, issueID, newsroom.DeliveryPending, s.now().UTC())
}

// PauseIssue holds an issue on a person's word: no dot is given after it. An issue that does not run stays as it is.
func (s *Store) PauseIssue(ctx context.Context, by newsroom.Person, issueID string) error {
	return s.issueAct(ctx, by, issueID, "issue.pause", func(tx pgx.Tx, i newsroom.Issue) error {
		_, err := s.pause(ctx, tx, issueID, by.ID, "person", s.now())
		return err
	})
}

// StopIssue ends an issue on a person's word: what has not reached its dot is cancelled.
func (s *Store) StopIssue(ctx context.Context, by newsroom.Person, issueID string) error {
	return s.issueAct(ctx, by, issueID, "issue.stop", func(tx pgx.Tx, i newsroom.Issue) error {
		if i.Status == newsroom.IssueDone || i.Status == newsroom.IssueAborted {
			return nil
		}
		return s.abort(ctx, tx, issueID, by.ID, "person")
	})
}

const (
	sqlResume = `
	UPDATE mail_issues SET status = CASE WHEN prepared_at IS NULL THEN 'preparing' ELSE 'sending' END, why = '', by_id = @by,
	  finished_at = NULL, counts = NULL, resumed_at = @at WHERE id = @id`
	sqlRevive = `UPDATE mail_deliveries SET state = 'pending', done_at = NULL WHERE issue_id = @id AND state = 'cancelled'`
	// What a minor edit changed mails nobody, and keeps nobody from being mailed.
	retold        = `(p.event = 'published' OR (p.event = 'corrected' AND p.kind <> 'minor'))`
	sqlStillShown = `
	SELECT EXISTS (SELECT FROM live_articles l WHERE l.article_id = @id AND l.public = 'live'
	  AND NOT EXISTS (SELECT FROM publications p WHERE p.article_id = l.article_id AND p.revision > @revision AND ` + retold + `))`
)

// ResumeIssue goes on with an issue that was paused, or stopped: then what was cancelled goes out after all. newsroom.ErrConflict when
// readers do not see that revision (any more), or the issue is over.
func (s *Store) ResumeIssue(ctx context.Context, by newsroom.Person, issueID string) error {
	return s.issueAct(ctx, by, issueID, "issue.resume", func(tx pgx.Tx, i newsroom.Issue) error {
		if (i.Status != newsroom.IssuePaused && i.Status != newsroom.IssueAborted) || i.Replaced() || i.Counted(s.now()) {
			return newsroom.ErrConflict
		}
		if err := s.mustBeShown(ctx, tx, i); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlRevive, args{"id": issueID}); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlResume, args{"id": issueID, "by": by.ID, "at": s.now().UTC()}); err != nil {
			return err
		}
		for _, alert := range []string{"mail/" + i.Why, i.Why + "/" + issueID, "issue/" + issueID} {
			if err := s.clearAlert(ctx, tx, alert); err != nil {
				return err
			}
		}
		return nil
	})
}

const (
	sqlRetryRows = `
	UPDATE mail_deliveries SET state = CASE state WHEN 'in_doubt' THEN 'in_doubt' ELSE 'soft' END, next_attempt = @now, done_at = NULL,
	  attempt = CASE state WHEN 'soft' THEN attempt ELSE 0 END
	WHERE issue_id = @id AND state = ANY (@states) AND email <> ''`
	sqlReopenIssue = `
	UPDATE mail_issues SET status = 'sending', finished_at = NULL, counts = NULL, by_id = @by WHERE id = @id AND status = 'done'`
)

// retryable are the states that a person may have tried again: refused so far, given up, refused for good, and in doubt (which
// may bring a second copy).
var retryable = []newsroom.DeliveryState{newsroom.DeliverySoft, newsroom.DeliveryExpired, newsroom.DeliveryHard, newsroom.DeliveryInDoubt}

// RetryIssue offers the rows in state again at once, and returns how many; "" takes what was refused so far and what was given
// up. A row whose address is suppressed stays unsent. newsroom.ErrConflict for a stopped issue or another state, and when readers do not
// see that revision (any more).
func (s *Store) RetryIssue(ctx context.Context, by newsroom.Person, issueID string, state newsroom.DeliveryState) (n int, err error) {
	states := []newsroom.DeliveryState{state}
	if state == "" {
		states = retryable[:2]
	} else if !slices.Contains(retryable, state) {
		return 0, newsroom.ErrConflict
	}
	err = s.issueAct(ctx, by, issueID, "issue.retry", func(tx pgx.Tx, i newsroom.Issue) error {
		if i.Status == newsroom.IssueAborted || i.Status == newsroom.IssuePreparing || i.Counted(s.now()) {
			return newsroom.ErrConflict
		}
		if err := s.mustBeShown(ctx, tx, i); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, sqlRetryRows, args{"id": issueID, "states": states, "now": s.now().UTC()})
		if err != nil {
			return err
		}
		if n = int(tag.RowsAffected()); n == 0 {
			return nil
		}
		_, err = tx.Exec(ctx, sqlReopenIssue, args{"id": issueID, "by": by.ID})
		return err
	})
	return n, err
}

// mustBeShown refuses with newsroom.ErrConflict where readers do not see (any more) what the issue tells.
func (s *Store) mustBeShown(ctx context.Context, q querier, i newsroom.Issue) error {
	shown, err := s.stillShown(ctx, q, i)
	if err == nil && !shown {
		err = newsroom.ErrConflict
	}
	return err
}

const sqlUntold = `UPDATE mail_issues SET untold_at = @at WHERE id = @id`

// issueAct does what a person asks about an issue, under its lock and on record; its run is told of it, now or by the reconciliation.
func (s *Store) issueAct(ctx context.Context, by newsroom.Person, issueID, action string, do func(pgx.Tx, newsroom.Issue) error) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		i, err := scanIssue(tx.QueryRow(ctx, sqlLockIssue, args{"id": issueID}))
		if err != nil {
			return err
		}
		if err := do(tx, i); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlUntold, args{"id": issueID, "at": s.now().UTC()}); err != nil {
			return err
		}
		return s.adminAct(ctx, tx, by, action, map[string]any{"issue_id": issueID, "article_id": i.ArticleID})
	})
	if err != nil {
		return fmt.Errorf("%s %s: %w", action, issueID, err)
	}
	return nil
}
