package store

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

const sqlIssue = `SELECT ` + issueColumns + ` FROM mail_issues i WHERE i.id = @id`

// IssueView loads what an issue's mails show: the frozen revision, or a digest's articles as they stand, and where readers find it.
// newsroom.ErrNotFound where there is no such issue; newsroom.ErrConflict for a digest whose articles were all taken from the
// readers: it is stopped then.
func (s *Store) IssueView(ctx context.Context, issueID string) (v newsroom.IssueView, err error) {
	if v.Issue, err = scanIssue(s.db.QueryRow(ctx, sqlIssue, args{"id": issueID})); err != nil {
		return v, fmt.Errorf("issue %s: %w", issueID, err)
	}
	if v.Office, err = s.office(ctx, s.db); err != nil {
		return v, err
	}
	if v.Issue.Kind == newsroom.IssueDigest {
		err := s.digestView(ctx, &v)
		if errors.Is(err, errNothing) {
			err = s.tx(ctx, func(tx pgx.Tx) error { return s.abort(ctx, tx, issueID, "", "withdrawn") })
			if err == nil {
				err = newsroom.ErrConflict
			}
		}
		if err != nil {
			return v, fmt.Errorf("digest %s: %w", issueID, err)
		}
		return v, nil
	}
	content, err := s.frozen(ctx, s.db, v.Issue.ArticleID, v.Issue.Revision)
	if err != nil {
		return v, err
	}
	names, err := s.sectionNames(ctx, s.db, []string{v.Issue.List}, "vi")
	if err != nil {
		return v, err
	}
	v.Title, v.Lead, v.Byline, v.Note = content.Title, content.Lead, content.Byline(), content.Note
	v.Section = strings.Join(names, "")
	v.ListName, v.ArchiveTo = v.Section, s.base+newsroom.SectionPath(v.Issue.List)
	var slug string
	err = s.db.QueryRow(ctx, sqlIssueSlug, args{"article": v.Issue.ArticleID, "n": v.Issue.N}).Scan(&slug, &v.Published)
	if err != nil {
		return v, fmt.Errorf("article of issue %s: %w", issueID, notFound(err))
	}
	v.URL = s.base + newsroom.ArticlePath(slug, v.Issue.ArticleID)
	return v, nil
}

const sqlIssueSlug = `
	SELECT l.slug, p.at FROM live_articles l JOIN publications p ON p.article_id = l.article_id AND p.n = @n WHERE l.article_id = @article`

const sqlKeepMaster = `
	UPDATE mail_issues SET subject = @subject, html = @html, body_text = @text, content_hash = @hash WHERE id = @id AND content_hash = ''`

// KeepMaster freezes what the issue says. The first copy stays: a repeat changes nothing.
func (s *Store) KeepMaster(ctx context.Context, issueID, subject, html, text, hash string) error {
	_, err := s.db.Exec(ctx, sqlKeepMaster, args{"id": issueID, "subject": subject, "html": html, "text": text, "hash": hash})
	if err != nil {
		return fmt.Errorf("keep master of issue %s: %w", issueID, err)
	}
	return nil
}

const (
	// chunkSize is how many recipients one SendChunk has: an activity costs about 30 ms of CPU in Temporal and its database.
	chunkSize = 1000
	// freezeBatch is how many rows are frozen in one transaction, whole chunks.
	freezeBatch = 10 * chunkSize
)

// A freeze and whoever takes subscribers' mails back exclude each other: rows that a freeze writes are seen by every leave that
// commits after it, and a leave that commits before is seen by the freeze.
const (
	sqlShareFreeze = `SELECT pg_advisory_xact_lock_shared(7305118003)`
	sqlOwnFreeze   = `SELECT pg_advisory_xact_lock(7305118003)`
)

const (
	sqlLockIssue   = sqlIssue + ` FOR UPDATE`
	sqlFrozenSoFar = `SELECT count(*)::int, coalesce(max(subscriber_id), '') FROM mail_deliveries WHERE issue_id = @id`
	sqlKeepChunks  = `
	INSERT INTO mail_chunks (issue_id, chunk_no, total) SELECT @id, chunk, rows
	FROM unnest(@chunks::int[], @rows::int[]) AS c (chunk, rows)`
	sqlIssuePrepared = `
	UPDATE mail_issues SET status = 'prepared', candidates = @candidates, chunks = @chunks, prepared_at = @at WHERE id = @id`
	sqlVerifyFreeze = `
	SELECT (SELECT count(*)::int FROM mail_deliveries WHERE issue_id = @id),
	  coalesce((SELECT sum(total)::int FROM mail_chunks WHERE issue_id = @id), 0),
	  (SELECT count(*)::int FROM mail_chunks WHERE issue_id = @id)`
)

// FreezeRecipients writes one ledger row for each candidate, in batches of whole chunks in the order of subscriber ids, so that a
// repeat goes on where the last one stopped. When nobody is left it counts rows and chunks against each other and marks the
// issue prepared. An issue that is stopped meanwhile stays as it is.
func (s *Store) FreezeRecipients(ctx context.Context, issueID string) error {
	for {
		var done bool
		err := s.tx(ctx, func(tx pgx.Tx) error {
			i, err := scanIssue(tx.QueryRow(ctx, sqlLockIssue, args{"id": issueID}))
			if err != nil {
				return err
			}
			if done = i.Status != newsroom.IssuePreparing; done {
				return nil
			}
			if _, err := tx.Exec(ctx, sqlOwnFreeze); err != nil {
				return err
			}
			written, err := s.freezeSome(ctx, tx, i)
			if err != nil || written == freezeBatch {
				return err
			}
			done = true
			return s.prepared(ctx, tx, i)
		})
		if err != nil {
			return fmt.Errorf("freeze recipients of issue %s: %w", issueID, err)
		}
		if done {
			return nil
		}
	}
}

var frozenColumns = []string{
	"issue_id", "subscriber_id", "chunk_no", "email", "name", "since", "key_version", "verp", "message_id", "date",
}

// freezeSome writes the next batch and returns its size. Only the last batch is not full, so that all chunks but the last have
// chunkSize rows.
func (s *Store) freezeSome(ctx context.Context, tx pgx.Tx, i newsroom.Issue) (int, error) {
	var have int
	var after string
	if err := tx.QueryRow(ctx, sqlFrozenSoFar, args{"id": i.ID}).Scan(&have, &after); err != nil {
		return 0, err
	}
	want, err := s.candidates(ctx, tx, i)
	if err != nil {
		return 0, err
	}
	type person struct {
		id, email, name string
		since           time.Time
	}
	rows, _ := tx.Query(ctx, want.sql, want.args(after, new(freezeBatch)))
	people, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p person, err error) {
		return p, row.Scan(&p.id, &p.email, &p.name, &p.since)
	})
	if err != nil || len(people) == 0 {
		return 0, err
	}
	version := s.keys.Version()
	date := s.now().UTC().Truncate(time.Second)
	_, err = tx.CopyFrom(ctx, pgx.Identifier{"mail_deliveries"}, frozenColumns, pgx.CopyFromSlice(len(people), func(k int) ([]any, error) {
		p := people[k]
		names := s.keys.MAC("delivery", i.ID+"/"+p.id)
		return []any{
			i.ID, p.id, (have + k) / chunkSize, p.email, p.name, p.since, version, "d" + lower32(names[:15]), "d." + i.ID + "." + lower32(names[16:32]), date,
		}, nil
	}))
	if err != nil {
		return 0, err
	}
	var chunks, sizes []int
	for first := have; first < have+len(people); first += chunkSize {
		chunks, sizes = append(chunks, first/chunkSize), append(sizes, min(chunkSize, have+len(people)-first))
	}
	_, err = tx.Exec(ctx, sqlKeepChunks, args{"id": i.ID, "chunks": chunks, "rows": sizes})
	return len(people), err
}

var alphabet32 = base32.StdEncoding.WithPadding(base32.NoPadding)

func lower32(b []byte) string { return strings.ToLower(alphabet32.EncodeToString(b)) }

// prepared verifies a freeze and closes it.
func (s *Store) prepared(ctx context.Context, tx pgx.Tx, i newsroom.Issue) error {
	var rows, inChunks, chunks int
	if err := tx.QueryRow(ctx, sqlVerifyFreeze, args{"id": i.ID}).Scan(&rows, &inChunks, &chunks); err != nil {
		return err
	}
	if rows != inChunks || chunks != (rows+chunkSize-1)/chunkSize {
		return fmt.Errorf("%d rows frozen, %d in %d chunks", rows, inChunks, chunks)
	}
	_, err := tx.Exec(ctx, sqlIssuePrepared, args{"id": i.ID, "candidates": rows, "chunks": chunks, "at": s.now().UTC()})
	return err
}
