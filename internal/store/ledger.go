package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// The ledger of the newsletters (mail.md (c)). A row's state and lease change under the row's own lock only, so that every
// question "may this mail still go?" is answered by the one UPDATE that grants its dot: who leaves, suppresses an address,
// pauses or stops an issue changes the rows that have not reached their dot in the same transaction.

// issueCopy, letterLease and ledgerEntry are the plain structs that internal/mail's Ledger speaks in.
type (
	issueCopy = struct {
		Issue      newsroom.Issue
		HTML       string
		Text       string
		ListName   string
		ArchiveURL string
		Portal     string
	}
	ledgerEntry = struct {
		IssueID      string
		SubscriberID string
		LetterID     string
		Lease        int64
		State        newsroom.DeliveryState
		At           time.Time
		BodyHash     []byte
		Next         *time.Time
		Stage        string
		Code         int
		Enhanced     string
		Reply        string
		Suppress     bool
	}
)

const sqlIssueCopy = `
	SELECT ` + issueColumns + `, i.html, i.body_text, coalesce(c.name_vi, '')
	FROM mail_issues i LEFT JOIN sections c ON c.id = CASE WHEN i.kind <> 'digest' THEN i.list WHEN cardinality(i.sections) = 1 THEN i.sections[1] END
	WHERE i.id = @id AND i.content_hash <> ''`

// Issue returns the frozen master copy of an issue, newsroom.ErrNotFound where there is none (yet).
func (s *Store) Issue(ctx context.Context, issueID string) (issueCopy, error) {
	var c issueCopy
	i, err := scanIssue(s.db.QueryRow(ctx, sqlIssueCopy, args{"id": issueID}), &c.HTML, &c.Text, &c.ListName)
	if err != nil {
		return c, fmt.Errorf("issue %s: %w", issueID, err)
	}
	c.Issue = i
	c.ArchiveURL = s.base + newsroom.SectionPath(i.List)
	if i.Kind == newsroom.IssueDigest {
		c.ArchiveURL = s.base + archivePath
	}
	office, err := s.office(ctx, s.db)
	c.Portal = office.Portal
	return c, err
}

const (
	sqlLeaseChunk = `UPDATE mail_chunks SET lease = lease + 1 WHERE issue_id = @issue AND chunk_no = @chunk RETURNING lease`
	// Whoever held the chunk before may be at any step: what it claimed is given back under the new lease, what stood at its dot
	// is in doubt. Its own later commits name the old lease and match nothing.
	sqlFenceChunk = `
	UPDATE mail_deliveries SET lease = @lease,
	  state = CASE WHEN state = 'claimed' THEN 'pending' WHEN resent THEN 'in_doubt_resent' ELSE 'in_doubt' END,
	  attempt = attempt + CASE WHEN state = 'dot' THEN 1 ELSE 0 END,
	  next_attempt = CASE WHEN state = 'dot' AND NOT resent AND @resend::interval > interval '0' THEN dot_at + @resend::interval END,
	  done_at = CASE WHEN state = 'dot' AND (resent OR @resend::interval <= interval '0') THEN @now::timestamptz END
	WHERE issue_id = @issue AND chunk_no = @chunk AND state IN ('claimed', 'dot') AND lease < @lease`
	sqlIssueSending = `
	UPDATE mail_issues SET status = 'sending', started_at = coalesce(started_at, @now) WHERE id = @issue AND status = 'prepared'`
)

// LeaseChunk increments the chunk's lease and returns it: whoever held the chunk before can commit nothing more. Rows that
// still stand at their dot become in_doubt, due at dot_at + resendAfter (0: never), or in_doubt_resent.
func (s *Store) LeaseChunk(ctx context.Context, issueID string, chunk int, now time.Time, resendAfter time.Duration) (lease int64, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		if err := tx.QueryRow(ctx, sqlLeaseChunk, args{"issue": issueID, "chunk": chunk}).Scan(&lease); err != nil {
			return notFound(err)
		}
		if err := lockRows(ctx, tx, sqlLockOfChunk, under, args{"issue": issueID, "chunk": chunk}); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlFenceChunk, args{
			"issue": issueID, "chunk": chunk, "lease": lease, "resend": resendAfter, "now": now.UTC(),
		}); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, sqlIssueSending, args{"issue": issueID, "now": now.UTC()})
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("lease chunk %d of issue %s: %w", chunk, issueID, err)
	}
	return lease, nil
}

const (
	sqlClaimable = `
	SELECT i.status, c.lease, c.recipients IS NOT NULL FROM mail_issues i JOIN mail_chunks c ON c.issue_id = i.id
	WHERE i.id = @issue AND c.chunk_no = @chunk FOR SHARE OF i, c`
	sqlClaim = `
	WITH due AS MATERIALIZED (
	  SELECT d.issue_id, d.subscriber_id, d.state AS was,
	    d.email <> '' AND ` + wanted + ` AS wanted, coalesce(s.key_version, 0) AS prefs_version
	  FROM mail_deliveries d JOIN mail_issues i ON i.id = d.issue_id LEFT JOIN subscribers s ON s.id = d.subscriber_id
	  WHERE d.issue_id = @issue AND d.chunk_no = @chunk AND (d.state = 'pending' OR (d.state = 'claimed' AND d.lease < @lease)
	    OR (d.state IN ('soft', 'in_doubt') AND d.next_attempt <= @now))
	  ORDER BY d.subscriber_id LIMIT @limit FOR UPDATE OF d SKIP LOCKED)
	UPDATE mail_deliveries d SET lease = @lease, next_attempt = NULL, resent = d.resent OR due.was = 'in_doubt',
	  state = CASE WHEN due.wanted THEN 'claimed' WHEN d.resent OR due.was = 'in_doubt' THEN 'in_doubt' ELSE 'suppressed' END,
	  smtp_stage = CASE WHEN due.wanted OR d.resent OR due.was = 'in_doubt' THEN d.smtp_stage ELSE ` + suppressedWhy + ` END,
	  done_at = CASE WHEN due.wanted THEN NULL ELSE @now END, first_at = coalesce(d.first_at, @now)
	FROM due WHERE d.issue_id = due.issue_id AND d.subscriber_id = due.subscriber_id
	RETURNING d.state, d.subscriber_id, d.name, d.email, coalesce(d.since, d.date), d.message_id, d.date, d.verp, d.attempt, d.smtp_code, d.key_version, due.prefs_version`
)

// Claim takes up to limit rows of the chunk for lease and returns them with their tokens, by subscriber id. Who left, the list alone too, or
// was suppressed since the freeze becomes suppressed instead. No rows and no error: nothing is due, the issue is paused or
// stopped, or lease is no longer the newest.
func (s *Store) Claim(ctx context.Context, issueID string, chunk int, lease int64, limit int, now time.Time) ([]newsroom.Recipient, error) {
	var claimed []newsroom.Recipient
	if limit < 1 {
		return nil, fmt.Errorf("claim %d rows: at least one", limit)
	}
	for {
		taken := 0
		err := s.tx(ctx, func(tx pgx.Tx) error {
			claimed, taken = nil, 0
			var status string
			var newest int64
			var rolled bool
			if err := tx.QueryRow(ctx, sqlClaimable, args{"issue": issueID, "chunk": chunk}).Scan(&status, &newest, &rolled); err != nil {
				return notFound(err)
			}
			if newest != lease || (status != newsroom.IssueSending && status != newsroom.IssuePrepared) {
				return nil
			}
			if rolled {
				first, err := s.unroll(ctx, tx, issueID, chunk, lease, limit, now.UTC())
				claimed, taken = first, 1 // should nobody of them be wanted any more, look again
				return err
			}
			rows, _ := tx.Query(ctx, sqlClaim, args{"issue": issueID, "chunk": chunk, "lease": lease, "limit": limit, "now": now.UTC()})
			var state newsroom.DeliveryState
			var r newsroom.Recipient
			var leaveVersion, prefsVersion int
			_, err := pgx.ForEachRow(rows, []any{
				&state, &r.SubscriberID, &r.Name, &r.Email, &r.Since, &r.MessageID, &r.Date, &r.VERP, &r.Attempt, &r.Code, &leaveVersion, &prefsVersion,
			}, func() error {
				if taken++; state == newsroom.DeliveryClaimed {
					r.Since, r.Date = r.Since.UTC(), r.Date.UTC()
					r.LeaveURL = s.base + "/huy/" + s.leaveToken(issueID, r.SubscriberID, leaveVersion)
					if r.VERP == "" {
						r.VERP = s.verpOf(issueID, r.SubscriberID)
					}
					r.PrefsURL = s.base + "/tuy-chon/" + s.keys.Token(PurposePrefs, r.SubscriberID, prefsVersion)
					claimed = append(claimed, r)
				}
				return nil
			})
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("claim from chunk %d of issue %s: %w", chunk, issueID, err)
		}
		if len(claimed) > 0 || taken == 0 {
			sortRecipients(claimed)
			return claimed, nil
		}
	}
}

// The equation's terms: what will still change is waiting.
const countColumns = `count(*)::int, count(*) FILTER (WHERE state = 'sent')::int, count(*) FILTER (WHERE state = 'hard')::int,
	count(*) FILTER (WHERE state = 'expired')::int, count(*) FILTER (WHERE state = 'suppressed')::int,
	count(*) FILTER (WHERE state = 'cancelled')::int,
	count(*) FILTER (WHERE state = 'in_doubt_resent' OR (state = 'in_doubt' AND next_attempt IS NULL))::int,
	count(*) FILTER (WHERE state IN ('pending', 'claimed', 'dot', 'soft') OR (state = 'in_doubt' AND next_attempt IS NOT NULL))::int,
	count(*) FILTER (WHERE state IN ('hard', 'expired') AND smtp_stage = 'bounce')::int`

func countsInto(c *newsroom.IssueCounts) []any {
	return []any{&c.Candidates, &c.Sent, &c.Hard, &c.Expired, &c.Suppressed, &c.Cancelled, &c.InDoubt, &c.Waiting, &c.Bounced}
}

const sqlChunk = `
	SELECT ` + countColumns + `, min(next_attempt) FILTER (WHERE state IN ('soft', 'in_doubt')),
	  coalesce((SELECT status FROM mail_issues WHERE id = @issue), ''),
	  coalesce((SELECT total - written FROM mail_chunks WHERE issue_id = @issue AND chunk_no = @chunk AND recipients IS NOT NULL), 0)
	FROM mail_deliveries WHERE issue_id = @issue AND chunk_no = @chunk`

// Chunk counts the rows of the chunk as they stand, and says when the next waiting one is due and the issue's status.
func (s *Store) Chunk(ctx context.Context, issueID string, chunk int) (counts newsroom.IssueCounts, next *time.Time, status string, err error) {
	var unclaimed int
	into := append(countsInto(&counts), &next, &status, &unclaimed)
	if err := s.db.QueryRow(ctx, sqlChunk, args{"issue": issueID, "chunk": chunk}).Scan(into...); err != nil {
		return counts, nil, "", fmt.Errorf("chunk %d of issue %s: %w", chunk, issueID, err)
	}
	counts.Candidates += unclaimed
	counts.Waiting += unclaimed
	if status == "" {
		return counts, nil, "", fmt.Errorf("chunk %d of issue %s: %w", chunk, issueID, newsroom.ErrNotFound)
	}
	return counts, next, status, nil
}

func sortRecipients(list []newsroom.Recipient) {
	slices.SortFunc(list, func(a, b newsroom.Recipient) int { return cmp.Compare(a.SubscriberID, b.SubscriberID) })
}
