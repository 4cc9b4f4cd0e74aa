package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

type mailDoubt = struct {
	IssueID      string
	SubscriberID string
	LetterID     string
	MessageID    string
	At           time.Time
	Due          time.Time
	Reply        string
}

const (
	// A mail that came back and was tried once more has its name in the relay's log from the first time.
	sqlDoubts = `
	SELECT issue_id, subscriber_id, '', CASE WHEN EXISTS (SELECT FROM bounces b WHERE b.issue_id = d.issue_id AND b.subscriber_id = d.subscriber_id
	    AND b.kind IN ('hard', 'soft', 'refused')) THEN '' ELSE message_id END, dot_at, next_attempt FROM mail_deliveries d
	WHERE issue_id = @issue AND chunk_no = @chunk AND state = 'in_doubt' AND next_attempt IS NOT NULL ORDER BY subscriber_id`
	sqlLetterDoubts = `
	SELECT '', '', id, message_id, dot_at, next_attempt FROM letters WHERE id = @id AND state = 'in_doubt' AND next_attempt IS NOT NULL`

	// The doubt was no result: the mail that the relay took is the row's only one. It was sent when its dot was. What a person has
	// sent once more was taken back before its dot: it is not held a second time.
	resolved = `
	SET state = CASE WHEN @reply = '' THEN 'in_doubt' ELSE 'sent' END, next_attempt = NULL, resent = resent AND @reply = '',
	  attempt = attempt - CASE WHEN @reply = '' OR attempt = 0 THEN 0 ELSE 1 END, done_at = CASE WHEN @reply = '' THEN @now::timestamptz ELSE dot_at END,
	  smtp_stage = CASE WHEN @reply = '' THEN smtp_stage ELSE @found END, smtp_code = CASE WHEN @reply = '' THEN smtp_code ELSE 0 END,
	  enhanced = CASE WHEN @reply = '' THEN enhanced ELSE '' END, reply = CASE WHEN @reply = '' THEN reply ELSE @reply END
	WHERE state = 'in_doubt' AND next_attempt IS NOT NULL AND (@reply <> '' OR NOT resent)`
	sqlResolve       = `UPDATE mail_deliveries ` + resolved + ` AND issue_id = @issue AND subscriber_id = @subscriber`
	sqlResolveLetter = `UPDATE letters ` + resolved + ` AND id = @letter`
)

// Doubts lists the mails of a chunk that are in doubt and wait for their second copy. One that the relay's log cannot tell from an earlier
// copy has no MessageID.
func (s *Store) Doubts(ctx context.Context, issueID string, chunk int) ([]mailDoubt, error) {
	return s.doubts(ctx, sqlDoubts, args{"issue": issueID, "chunk": chunk})
}

// LetterDoubts is the letter, if it is in doubt and waits for its second copy.
func (s *Store) LetterDoubts(ctx context.Context, letterID string) ([]mailDoubt, error) {
	return s.doubts(ctx, sqlLetterDoubts, args{"id": letterID})
}

func (s *Store) doubts(ctx context.Context, sql string, of args) ([]mailDoubt, error) {
	rows, _ := s.db.Query(ctx, sql, of)
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d mailDoubt, err error) {
		err = row.Scan(&d.IssueID, &d.SubscriberID, &d.LetterID, &d.MessageID, &d.At, &d.Due)
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("mails in doubt: %w", err)
	}
	return list, nil
}

// Resolve ends a doubt: a mail with a Reply was taken by the relay at its dot and becomes sent, another one is held for a person, unless
// it was being sent once more already. Nothing changes where the mail does not wait in doubt any more.
func (s *Store) Resolve(ctx context.Context, d mailDoubt, now time.Time) error {
	sql, of := sqlResolve, args{"reply": d.Reply, "found": newsroom.FoundInLog, "now": now.UTC(), "issue": d.IssueID, "subscriber": d.SubscriberID}
	if d.LetterID != "" {
		sql, of = sqlResolveLetter, args{"reply": d.Reply, "found": newsroom.FoundInLog, "now": now.UTC(), "letter": d.LetterID}
	}
	if _, err := s.db.Exec(ctx, sql, of); err != nil {
		return fmt.Errorf("resolve doubt about %s%s: %w", d.SubscriberID, d.LetterID, err)
	}
	return nil
}
