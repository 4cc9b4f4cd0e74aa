package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

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

// chunkSize is how many recipients one SendChunk has: an activity costs about 30 ms of CPU in Temporal and its database.
const chunkSize = 1000

const (
	sqlLockIssue = sqlIssue + ` FOR UPDATE`
	// Between head and tail stands one of the queries for candidates. All chunks but the last are full; within a chunk any order will do.
	freezeHead = `
	INSERT INTO mail_chunks (issue_id, chunk_no, total, recipients, since)
	SELECT @id, (n - 1) / @size, count(*), array_agg(id), array_agg(since)
	FROM (SELECT c.*, row_number() OVER (ORDER BY c.id) AS n FROM (`
	freezeTail          = `) AS c (id, since)) AS r GROUP BY 2`
	sqlFreezeArticle    = freezeHead + sqlCandidates + freezeTail
	sqlFreezeRemaining  = freezeHead + sqlRemainingCandidates + freezeTail
	sqlFreezeCorrection = freezeHead + sqlCorrectionCandidates + freezeTail
	sqlFreezeDigest     = freezeHead + sqlDigestCandidates + freezeTail
	sqlFrozenSum        = `SELECT coalesce(sum(total), 0)::int, coalesce(sum(cardinality(recipients)), 0)::int, count(*)::int FROM mail_chunks WHERE issue_id = @id`
	sqlIssueFrozen      = `UPDATE mail_issues SET candidates = @candidates, chunks = @chunks WHERE id = @id`
	sqlIssuePrepared    = `UPDATE mail_issues SET status = 'prepared', prepared_at = @at WHERE id = @id`
)

// FreezeRecipients marks an issue prepared once who gets it is written down, and writes that down where it was not yet (a digest's
// readers are). A repeat changes nothing; an issue that was stopped meanwhile stays as it is.
func (s *Store) FreezeRecipients(ctx context.Context, issueID string) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		i, err := scanIssue(tx.QueryRow(ctx, sqlLockIssue, args{"id": issueID}))
		if err != nil || i.Status != newsroom.IssuePreparing {
			return err
		}
		if i.Chunks == 0 {
			if err := s.freezeCandidates(ctx, tx, &i); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, sqlIssuePrepared, args{"id": i.ID, "at": s.now().UTC()})
		return err
	})
	if err != nil {
		return fmt.Errorf("freeze recipients of issue %s: %w", issueID, err)
	}
	return nil
}

// freezeCandidates writes down who gets the issue: the ids of its candidates as they are now, in chunks by id, counted twice. Their rows of
// the ledger are made when their chunk is first claimed (unroll), so that the first mail does not wait for the last row.
func (s *Store) freezeCandidates(ctx context.Context, tx pgx.Tx, i *newsroom.Issue) error {
	want, err := s.candidates(ctx, tx, *i)
	if err != nil {
		return err
	}
	values := args{"id": i.ID, "size": chunkSize}
	maps.Copy(values, want.base)
	if _, err := tx.Exec(ctx, want.freeze, values); err != nil {
		return fmt.Errorf("write down candidates: %w", err)
	}
	var frozen int
	if err := tx.QueryRow(ctx, sqlFrozenSum, args{"id": i.ID}).Scan(&i.Candidates, &frozen, &i.Chunks); err != nil {
		return fmt.Errorf("count candidates: %w", err)
	}
	if frozen != i.Candidates || i.Chunks != (frozen+chunkSize-1)/chunkSize {
		return fmt.Errorf("%d candidates written down, %d in %d chunks", frozen, i.Candidates, i.Chunks)
	}
	if _, err = tx.Exec(ctx, sqlIssueFrozen, args{"id": i.ID, "candidates": i.Candidates, "chunks": i.Chunks}); err != nil {
		return err
	}
	return s.holdRestored(ctx, tx, i.ID)
}
