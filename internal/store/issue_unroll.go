package store

import (
	"context"
	"encoding/base32"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// An unroll and whoever takes subscribers' mails back exclude each other: rows that an unroll writes are seen by every leave that
// commits after it, and a leave that commits before is seen by the unroll.
const (
	sqlShareUnroll = `SELECT pg_advisory_xact_lock_shared(7305118003)`
	sqlOwnUnroll   = `SELECT pg_advisory_xact_lock(7305118003)`
)

// wanted says of subscriber s and issue i: whoever left the list, the newsroom or this world since the freeze gets it no more.
const wanted = `s.state = 'confirmed' AND s.email <> '' AND NOT EXISTS (SELECT FROM suppressions b WHERE b.email_mac = s.email_mac)
	    AND EXISTS (SELECT FROM subscriptions l WHERE l.subscriber_id = s.id AND CASE i.kind
	      WHEN 'digest' THEN l.section_id = ANY (i.sections) WHEN 'article' THEN l.section_id = i.list ELSE true END)`

const (
	sqlUnrolled = `
	SELECT r.id, r.since, coalesce(s.email, ''), coalesce(s.name, ''), coalesce(s.key_version, 0),
	  coalesce(` + wanted + `, false)
	FROM mail_issues i JOIN mail_chunks c ON c.issue_id = i.id,
	  unnest(c.recipients[c.written + 1:c.written + @most], c.since[c.written + 1:c.written + @most]) AS r (id, since)
	  LEFT JOIN subscribers s ON s.id = r.id
	WHERE i.id = @issue AND c.chunk_no = @chunk ORDER BY r.id`
	sqlUnwanted = `
	SELECT d.subscriber_id, ` + suppressedWhy + ` FROM unnest(@ids::text[]) AS d (subscriber_id)`
	sqlUnrollDone = `
	UPDATE mail_chunks SET written = written + @n, recipients = CASE WHEN written + @n < cardinality(recipients) THEN recipients END,
	  since = CASE WHEN written + @n < cardinality(recipients) THEN since END
	WHERE issue_id = @issue AND chunk_no = @chunk`
	sqlStillRolled = `SELECT coalesce(array_agg(chunk_no ORDER BY chunk_no), '{}') FROM mail_chunks WHERE issue_id = @issue AND recipients IS NOT NULL`
)

var unrolledColumns = []string{
	"issue_id", "subscriber_id", "chunk_no", "email", "name", "since", "key_version", "message_id", "date",
	"state", "lease", "first_at", "done_at", "smtp_stage",
}

// unrolled is one of the frozen ids, as the reader is now.
type unrolled struct {
	id, email, name string
	since           time.Time
	prefsVersion    int
	wanted          bool
}

// unwanted says why those who are not wanted any more are not.
func unwanted(ctx context.Context, tx pgx.Tx, people []unrolled) (map[string]string, error) {
	var ids []string
	for _, p := range people {
		if !p.wanted {
			ids = append(ids, p.id)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	found := map[string]string{}
	var id, why string
	rows, _ := tx.Query(ctx, sqlUnwanted, args{"ids": ids})
	_, err := pgx.ForEachRow(rows, []any{&id, &why}, func() error {
		found[id] = why
		return nil
	})
	return found, err
}

// unroll writes the ledger's rows of the next most recipients of a chunk that are frozen ids only, each once for all. Those who are
// still wanted are claimed for lease at once and returned; with lease 0 they are pending. The chunk's row is locked by the caller.
func (s *Store) unroll(ctx context.Context, tx pgx.Tx, issueID string, chunk int, lease int64, most int, now time.Time) ([]newsroom.Recipient, error) {
	if _, err := tx.Exec(ctx, sqlOwnUnroll); err != nil {
		return nil, fmt.Errorf("wait for who leaves: %w", err)
	}
	rows, _ := tx.Query(ctx, sqlUnrolled, args{"issue": issueID, "chunk": chunk, "most": most})
	people, err := pgx.AppendRows(make([]unrolled, 0, most), rows, func(row pgx.CollectableRow) (p unrolled, err error) {
		return p, row.Scan(&p.id, &p.since, &p.email, &p.name, &p.prefsVersion, &p.wanted)
	})
	if err != nil {
		return nil, fmt.Errorf("unroll chunk %d of issue %s: %w", chunk, issueID, err)
	}
	why, err := unwanted(ctx, tx, people)
	if err != nil {
		return nil, fmt.Errorf("unroll chunk %d of issue %s: %w", chunk, issueID, err)
	}
	version, date := s.keys.Version(), s.now().UTC().Truncate(time.Second)
	claimed := make([]newsroom.Recipient, 0, len(people))
	written := []any{issueID, nil, chunk, nil, nil, nil, version, nil, date, nil, nil, nil, nil, nil} // unrolledColumns
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"mail_deliveries"}, unrolledColumns, pgx.CopyFromSlice(len(people), func(k int) ([]any, error) {
		p := people[k]
		r := newsroom.Recipient{
			SubscriberID: p.id, Name: p.name, Email: p.email, Since: p.since.UTC(), Date: date,
			MessageID: "d." + issueID + "." + lower32(s.deliveryNames(issueID, p.id)[16:32]), VERP: s.verpOf(issueID, p.id),
			LeaveURL: s.base + "/huy/" + s.leaveToken(issueID, p.id, version), PrefsURL: s.base + "/tuy-chon/" + s.keys.Token(PurposePrefs, p.id, p.prefsVersion),
		}
		state, under, first, done := newsroom.DeliveryPending, int64(0), (*time.Time)(nil), (*time.Time)(nil)
		switch {
		case !p.wanted:
			state, done = newsroom.DeliverySuppressed, &now
		case lease > 0:
			state, under, first = newsroom.DeliveryClaimed, lease, &now
			claimed = append(claimed, r)
		}
		written[1], written[3], written[4], written[5], written[7] = p.id, p.email, p.name, p.since, r.MessageID
		written[9], written[10], written[11], written[12], written[13] = state, under, first, done, why[p.id]
		return written, nil
	}))
	if err != nil {
		return nil, fmt.Errorf("unroll chunk %d of issue %s: %w", chunk, issueID, err)
	}
	_, err = tx.Exec(ctx, sqlUnrollDone, args{"issue": issueID, "chunk": chunk, "n": len(people)})
	return claimed, err
}

// unrollAll writes the rows of every chunk that nobody has claimed yet: a stopped issue accounts for each of them.
func (s *Store) unrollAll(ctx context.Context, tx pgx.Tx, issueID string, now time.Time) error {
	var chunks []int
	if err := tx.QueryRow(ctx, sqlStillRolled, args{"issue": issueID}).Scan(&chunks); err != nil {
		return fmt.Errorf("unclaimed chunks of issue %s: %w", issueID, err)
	}
	for _, chunk := range chunks {
		if _, err := s.unroll(ctx, tx, issueID, chunk, 0, chunkSize, now); err != nil {
			return err
		}
	}
	return nil
}

var alphabet32 = base32.StdEncoding.WithPadding(base32.NoPadding)

func lower32(b []byte) string { return strings.ToLower(alphabet32.EncodeToString(b)) }
