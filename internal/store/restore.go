package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// What went out after a backup was taken is not in it: whoever starts a restored database must not mail it again. What waits in it is
// therefore held for a person, who knows, or given up where nobody waits for it any more.

// restoredSetting is the setting's key that holds newsroom.Restored.
const restoredSetting = "restored"

const (
	// A dot without an answer may be a mail that came, and nobody will ever say: it is in doubt for good.
	sqlRestoredDots = `
	UPDATE mail_deliveries d SET state = CASE WHEN d.resent THEN 'in_doubt_resent' ELSE 'in_doubt' END, next_attempt = NULL, done_at = @at
	FROM mail_issues i WHERE i.id = d.issue_id AND i.status NOT IN ('done', 'aborted') AND d.state = 'dot'`
	sqlRestoredClaims = `
	UPDATE mail_deliveries d SET state = CASE WHEN d.resent THEN 'in_doubt' ELSE 'pending' END, next_attempt = CASE WHEN d.resent THEN @at::timestamptz END
	FROM mail_issues i WHERE i.id = d.issue_id AND i.status NOT IN ('done', 'aborted') AND d.state = 'claimed'`
	sqlRestoredIssues = `
	UPDATE mail_issues SET status = 'paused', why = 'restored', by_id = '' WHERE status IN ('preparing', 'prepared', 'sending', 'paused')`
	sqlRestoredLetters = `
	UPDATE letters SET state = CASE WHEN state IN ('dot', 'in_doubt') THEN 'in_doubt' ELSE 'expired' END, next_attempt = NULL, done_at = @at
	WHERE done_at IS NULL AND created_at < @before`
)

// restoredLetters is how old a letter is that is given up: a younger one is mailed, at worst a second time with the same link.
const restoredLetters = time.Hour

// SettleRestore makes a database that was restored from a backup of the moment made safe to start, on record as by's act: newsletters
// that were not finished are paused, old letters are given up, digests whose time is over are taken as made. What is opened later for
// the time before now is paused too (see holdRestored).
func (s *Store) SettleRestore(ctx context.Context, by newsroom.Person, made time.Time) (r newsroom.Restored, err error) {
	calendar, err := s.calendar(ctx, s.db)
	if err != nil {
		return r, err
	}
	hours, err := s.digestHours(ctx)
	if err != nil {
		return r, err
	}
	err = s.tx(ctx, func(tx pgx.Tx) error {
		now := s.now().UTC()
		r = newsroom.Restored{BackupAt: made.UTC(), RestoredAt: now}
		for _, do := range []struct {
			sql   string
			with  args
			count *int
		}{
			{sqlRestoredDots, args{"at": now}, &r.Doubts},
			{sqlRestoredClaims, args{"at": now}, nil},
			{sqlRestoredIssues, args{}, &r.Issues},
			{sqlRestoredLetters, args{"at": now, "before": now.Add(-restoredLetters)}, &r.Letters},
		} {
			tag, err := tx.Exec(ctx, do.sql, do.with)
			if err != nil {
				return err
			}
			if do.count != nil {
				*do.count = int(tag.RowsAffected())
			}
		}
		for _, c := range cuts(calendar, hours, now) {
			tag, err := tx.Exec(ctx, sqlMailerSees, args{"durable": digester, "event": c.period(), "at": now})
			if err != nil {
				return err
			}
			r.Digests += int(tag.RowsAffected())
		}
		if err := s.alert(ctx, tx, "restored", "restored", map[string]any{
			"backup_at": r.BackupAt, "issues": r.Issues, "letters": r.Letters, "digests": r.Digests, "in_doubt": r.Doubts,
		}); err != nil {
			return err
		}
		return s.saveSetting(ctx, tx, by, restoredSetting, r)
	})
	if err != nil {
		return r, fmt.Errorf("settle the restored database: %w", err)
	}
	return r, nil
}

// An issue about a publication of before the restore, or one whose release time came between backup and restore, has been mailed
// before: only a person knows.
const sqlHoldRestored = `
	UPDATE mail_issues i SET status = 'paused', why = 'restored' FROM settings r
	WHERE i.id = @id AND r.key = 'restored' AND i.status = 'preparing' AND i.by_id = '' AND EXISTS (
	  SELECT FROM publications p JOIN revisions v ON v.article_id = p.article_id AND v.n = p.revision
	  WHERE p.article_id = i.article_id AND p.n = i.n AND (p.at < (r.value->>'restored_at')::timestamptz
	    OR (p.event = 'published' AND (v.content->>'release_at')::timestamptz >= (r.value->>'backup_at')::timestamptz
	      AND (v.content->>'release_at')::timestamptz < (r.value->>'restored_at')::timestamptz)))`

// holdRestored pauses an issue that is opened in a restored database for something that readers were told before.
func (s *Store) holdRestored(ctx context.Context, tx pgx.Tx, issueID string) error {
	tag, err := tx.Exec(ctx, sqlHoldRestored, args{"id": issueID})
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	return s.alert(ctx, tx, "issue/"+issueID, "issue_held", map[string]any{"issue_id": issueID, "why": restoredSetting})
}
