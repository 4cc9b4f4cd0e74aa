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
	// Not by COPY: one that waits for its rows is not idle, so that a process which stops then would hold its locks for ever.
	sqlUnroll = `
	INSERT INTO mail_deliveries (issue_id, subscriber_id, chunk_no, email, name, since, key_version, message_id, date, state, lease, first_at, done_at, smtp_stage)
	SELECT @issue, r.id, @chunk, r.email, r.name, r.since, @version, r.message_id, @date, r.state, CASE r.state WHEN 'claimed' THEN @lease ELSE 0 END,
	  CASE r.state WHEN 'claimed' THEN @now::timestamptz END, CASE r.state WHEN 'suppressed' THEN @now END, r.why
	FROM unnest(@ids::text[], @emails::text[], @names::text[], @since::timestamptz[], @message_ids::text[], @states::text[], @why::text[])
	  AS r (id, email, name, since, message_id, state, why)`
	sqlUnrollDone = `
	UPDATE mail_chunks SET written = written + @n, recipients = CASE WHEN written + @n < cardinality(recipients) THEN recipients END,
	  since = CASE WHEN written + @n < cardinality(recipients) THEN since END
	WHERE issue_id = @issue AND chunk_no = @chunk`
	sqlStillRolled = `SELECT coalesce(array_agg(chunk_no ORDER BY chunk_no), '{}') FROM mail_chunks WHERE issue_id = @issue AND recipients IS NOT NULL`
)

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
	n := len(people)
	ids, emails, names, since := make([]string, n), make([]string, n), make([]string, n), make([]time.Time, n)
	messageIDs, states, reasons := make([]string, n), make([]newsroom.DeliveryState, n), make([]string, n)
	for k, p := range people {
		r := newsroom.Recipient{
			SubscriberID: p.id, Name: p.name, Email: p.email, Since: p.since.UTC(), Date: date,
			MessageID: "d." + issueID + "." + lower32(s.deliveryNames(issueID, p.id)[16:32]), VERP: s.verpOf(issueID, p.id),
			LeaveURL: s.base + "/huy/" + s.leaveToken(issueID, p.id, version), PrefsURL: s.base + "/tuy-chon/" + s.keys.Token(PurposePrefs, p.id, p.prefsVersion),
		}
		ids[k], emails[k], names[k], since[k], messageIDs[k], states[k], reasons[k] = p.id, p.email, p.name, p.since, r.MessageID, newsroom.DeliveryPending, why[p.id]
		switch {
		case !p.wanted:
			states[k] = newsroom.DeliverySuppressed
		case lease > 0:
			states[k] = newsroom.DeliveryClaimed
			claimed = append(claimed, r)
		}
	}
	if _, err := tx.Exec(ctx, sqlUnroll, args{
		"issue": issueID, "chunk": chunk, "version": version, "date": date, "lease": lease, "now": now, "ids": ids, "emails": emails, "names": names,
		"since": since, "message_ids": messageIDs, "states": states, "why": reasons,
	}); err != nil {
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
