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

// PauseIssue holds an issue on a person's word: no dot is given after it. newsroom.ErrConflict for one that does not run.
func (s *Store) PauseIssue(ctx context.Context, by newsroom.Person, issueID string) error {
	return s.issueAct(ctx, by, issueID, "issue.pause", func(tx pgx.Tx, _ newsroom.Issue, _ map[string]any) error {
		ran, err := s.pause(ctx, tx, issueID, by.ID, "person", s.now())
		if err == nil && !ran {
			err = newsroom.ErrConflict
		}
		return err
	})
}

// StopIssue ends an issue on a person's word: what has not reached its dot is cancelled. newsroom.ErrConflict for one that is over.
func (s *Store) StopIssue(ctx context.Context, by newsroom.Person, issueID string) error {
	return s.issueAct(ctx, by, issueID, "issue.stop", func(tx pgx.Tx, i newsroom.Issue, _ map[string]any) error {
		if i.Over() {
			return newsroom.ErrConflict
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
	return s.issueAct(ctx, by, issueID, "issue.resume", func(tx pgx.Tx, i newsroom.Issue, _ map[string]any) error {
		if !i.Resumable(s.now()) {
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
	// What a person may have sent again: a mail that is in doubt and due again goes out by itself, and whoever left, or gets no mail any
	// more, is not asked a second time.
	retried = `FROM mail_deliveries d WHERE d.issue_id = @id AND d.state = ANY (@states) AND d.email <> ''
	  AND (d.state <> 'in_doubt' OR d.next_attempt IS NULL)
	  AND EXISTS (SELECT FROM subscribers s, mail_issues i WHERE s.id = d.subscriber_id AND i.id = d.issue_id AND ` + wanted + `)`
	sqlRetryRows = `
	UPDATE mail_deliveries SET state = 'soft', resent = resent OR state = 'in_doubt', next_attempt = @now, done_at = NULL,
	  attempt = CASE state WHEN 'soft' THEN attempt ELSE 0 END
	WHERE issue_id = @id AND subscriber_id IN (SELECT d.subscriber_id ` + retried + `)`
	sqlOffers = `
	SELECT count(*) FILTER (WHERE d.state IN ('soft', 'expired'))::int, count(*) FILTER (WHERE d.state = 'in_doubt')::int,
	  count(*) FILTER (WHERE d.state = 'hard')::int ` + retried + ``
	sqlReopenIssue = `
	UPDATE mail_issues SET status = 'sending', finished_at = NULL, counts = NULL, by_id = @by WHERE id = @id AND status = 'done'`
)

// retryable are the states that a person may have tried again: refused so far, given up, refused for good, and in doubt (which
// may bring a second copy).
var retryable = []newsroom.DeliveryState{newsroom.DeliverySoft, newsroom.DeliveryExpired, newsroom.DeliveryHard, newsroom.DeliveryInDoubt}

// RetryIssue offers the rows in state again at once, and returns how many; "" takes what was refused so far and what was given
// up. A row whose address is suppressed stays as it is. newsroom.ErrConflict for a stopped issue or another state, when there is no such
// row, and when readers do not see that revision (any more).
func (s *Store) RetryIssue(ctx context.Context, by newsroom.Person, issueID string, state newsroom.DeliveryState) (n int, err error) {
	states := []newsroom.DeliveryState{state}
	if state == "" {
		states = retryable[:2]
	} else if !slices.Contains(retryable, state) {
		return 0, newsroom.ErrConflict
	}
	err = s.issueAct(ctx, by, issueID, "issue.retry", func(tx pgx.Tx, i newsroom.Issue, note map[string]any) error {
		if !i.Retryable(s.now()) {
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
			return newsroom.ErrConflict
		}
		note["states"], note["n"] = states, n
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

const (
	// Blocks that refusals of this issue set: the address was not blocked when it was opened, or the issue would not have gone there.
	blocked = `FROM suppressions b, subscribers s, mail_deliveries d, mail_issues i
	WHERE i.id = @id AND d.issue_id = i.id AND d.state = 'hard' AND s.id = d.subscriber_id
	  AND b.email_mac = s.email_mac AND b.why = 'hard' AND b.at >= i.opened_at`
	sqlBlocked    = `SELECT count(DISTINCT s.id)::int ` + blocked
	sqlLiftBlocks = `
	DELETE FROM suppressions WHERE why = 'hard' AND email_mac IN (SELECT s.email_mac ` + blocked + `)`
)

// LiftBlocks lets mails go again to the addresses that refusals of this issue have blocked, and returns how many: a relay that was not
// set up right may refuse everybody. newsroom.ErrConflict where there is none.
func (s *Store) LiftBlocks(ctx context.Context, by newsroom.Person, issueID string) (n int, err error) {
	err = s.issueAct(ctx, by, issueID, "issue.lift", func(tx pgx.Tx, _ newsroom.Issue, note map[string]any) error {
		tag, err := tx.Exec(ctx, sqlLiftBlocks, args{"id": issueID})
		if err != nil {
			return err
		}
		if n = int(tag.RowsAffected()); n == 0 {
			return newsroom.ErrConflict
		}
		note["n"] = n
		return nil
	})
	return n, err
}

// offers counts what a person may do about an issue's failures.
func (s *Store) offers(ctx context.Context, issueID string) (o newsroom.IssueOffers, err error) {
	err = s.db.QueryRow(ctx, sqlOffers, args{"id": issueID, "states": retryable}).Scan(&o.Later, &o.InDoubt, &o.Refused)
	if err == nil {
		err = s.db.QueryRow(ctx, sqlBlocked, args{"id": issueID}).Scan(&o.Blocked)
	}
	if err != nil {
		return o, fmt.Errorf("what may be sent again of issue %s: %w", issueID, err)
	}
	return o, nil
}

const (
	sqlUntold = `UPDATE mail_issues SET untold_at = @at WHERE id = @id`
	// Whoever takes an article from the readers stops what runs: what a person asks to go on meanwhile is judged before that, and stopped,
	// or behind it, and refused. Articles are locked before issues, as everybody does who changes them together.
	sqlHoldTold = `
	SELECT count(*) FROM (SELECT FROM live_articles l WHERE l.article_id IN (
	  SELECT unnest(i.items || i.article_id) FROM mail_issues i WHERE i.id = @id) ORDER BY l.article_id FOR SHARE OF l) AS held`
)

// issueAct does what a person asks about an issue, under its lock and on record with what do notes; its run is told of it, now or by
// the reconciliation. What do refuses leaves no trace.
func (s *Store) issueAct(
	ctx context.Context, by newsroom.Person, issueID, action string, do func(tx pgx.Tx, i newsroom.Issue, note map[string]any) error,
) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlHoldTold, args{"id": issueID}); err != nil {
			return err
		}
		i, err := scanIssue(tx.QueryRow(ctx, sqlLockIssue, args{"id": issueID}))
		if err != nil {
			return err
		}
		note := map[string]any{"issue_id": issueID, "article_id": i.ArticleID}
		if err := do(tx, i, note); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlUntold, args{"id": issueID, "at": s.now().UTC()}); err != nil {
			return err
		}
		return s.adminAct(ctx, tx, by, action, note)
	})
	if err != nil {
		return fmt.Errorf("%s %s: %w", action, issueID, err)
	}
	return nil
}
