package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

const issueColumns = `i.id, i.kind, coalesce(i.article_id, ''), i.n, i.revision, i.list, i.period, i.subject, i.status, i.why, i.candidates,
	i.chunks, i.opened_at, i.prepared_at, i.finished_at`

func scanIssue(row pgx.Row, more ...any) (i newsroom.Issue, err error) {
	into := []any{
		&i.ID, &i.Kind, &i.ArticleID, &i.N, &i.Revision, &i.List, &i.Period, &i.Subject, &i.Status, &i.Why, &i.Candidates, &i.Chunks,
		&i.OpenedAt, &i.PreparedAt, &i.FinishedAt,
	}
	return i, notFound(row.Scan(append(into, more...)...))
}

// mailer is the durable that opens issues.
const mailer = "mailer"

const (
	sqlMailerSees = `INSERT INTO events_seen (durable, event_id, at) VALUES (@durable, @event, @at) ON CONFLICT DO NOTHING`
	sqlLiveState  = `SELECT revision, public, section_id FROM live_articles WHERE article_id = @id FOR SHARE`
	sqlIssuesOf   = `SELECT ` + issueColumns + ` FROM mail_issues i
	WHERE i.article_id = @id OR (i.kind = 'digest' AND i.items @> ARRAY[@id]) ORDER BY i.seq FOR UPDATE`
	sqlIssuesForN = `
	SELECT id, candidates FROM mail_issues
	WHERE (article_id = @id AND n = @n) OR (kind = 'digest' AND items @> ARRAY[@id] AND period LIKE '%/' || @id || '-' || @n::bigint) ORDER BY seq`
	sqlComposedWith = `
	SELECT id FROM mail_issues WHERE kind = 'digest' AND items @> ARRAY[@id] AND cardinality(revisions) > 0
	  AND status IN ('preparing', 'prepared', 'sending', 'paused')`
	sqlStoppedOpen = `
	SELECT id FROM mail_issues WHERE (article_id = @id OR (kind = 'digest' AND items @> ARRAY[@id]))
	  AND status = 'aborted' AND finished_at IS NULL ORDER BY seq`
	sqlOpenIssue = `
	INSERT INTO mail_issues (id, kind, article_id, n, revision, list, opened_at, status, why)
	VALUES (@id, @kind, @article, @n, @revision, @list, @at, CASE WHEN @why = '' THEN 'preparing' ELSE 'paused' END, @why) ON CONFLICT DO NOTHING`
)

// MailPublicChange does what an article event means for the newsletters, once however often it comes, in one transaction with
// the event's id and the publication's mail receipt:
//   - published opens an issue to the section's subscribers;
//   - corrected, when it carries a public note, stops what is still going out with the wrong text, opens a correction to exactly
//     those who got it (or may have), and the corrected article to the rest; a minor edit mails nobody;
//   - withdrawn and taken_down stop what is going out; the transaction that took the article from the readers did so already, and
//     opened the rest of a digest anew, without it.
//
// An event that came late, after a later change, opens nothing that is no longer true.
func (s *Store) MailPublicChange(ctx context.Context, eventID, articleID string, n int64, verb string, kind newsroom.ChangeKind) (newsroom.IssueOpened, error) {
	var out newsroom.IssueOpened
	err := s.tx(ctx, func(tx pgx.Tx) error {
		out = newsroom.IssueOpened{}
		tag, err := tx.Exec(ctx, sqlMailerSees, args{"durable": mailer, "event": eventID, "at": s.now().UTC()})
		if err != nil {
			return err
		}
		if out.Again = tag.RowsAffected() == 0; out.Again {
			return s.openedBefore(ctx, tx, articleID, n, &out)
		}
		var revision int
		var public newsroom.Public
		var section string
		if err := tx.QueryRow(ctx, sqlLiveState, args{"id": articleID}).Scan(&revision, &public, &section); err != nil {
			return notFound(err)
		}
		c := publicChange{articleID: articleID, n: n, revision: revision, list: section, live: public == newsroom.PublicLive}
		rows, _ := tx.Query(ctx, sqlIssuesOf, args{"id": articleID})
		if c.issues, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (newsroom.Issue, error) { return scanIssue(row) }); err != nil {
			return err
		}
		switch verb {
		case "published":
			err = s.mailPublished(ctx, tx, &c, &out)
		case "corrected":
			if kind == newsroom.ChangeCorrection {
				err = s.mailCorrected(ctx, tx, &c, &out)
			}
		case "withdrawn", "taken_down":
			err = s.mailStopped(ctx, tx, &c, verb, &out)
		}
		if err != nil {
			return err
		}
		return s.receive(ctx, tx, articleID, n, newsroom.EffectMail, map[string]any{
			"issues": orEmpty(out.Issues), "stopped": orEmpty(out.Stopped), "candidates": out.Candidates,
		})
	})
	if err != nil {
		return out, fmt.Errorf("mail %s of article %s: %w", verb, articleID, err)
	}
	return out, nil
}

// publicChange is a public change of an article as the mailer finds it.
type publicChange struct {
	articleID string
	n         int64
	revision  int // what readers see now
	list      string
	live      bool
	issues    []newsroom.Issue // of the article, locked
}

// openedBefore names what an event that is handled already has opened, and what was stopped and is not closed: their runs may not
// have heard of it.
func (s *Store) openedBefore(ctx context.Context, tx pgx.Tx, articleID string, n int64, out *newsroom.IssueOpened) error {
	if err := s.openedFor(ctx, tx, articleID, n, out); err != nil {
		return err
	}
	rows, _ := tx.Query(ctx, sqlStoppedOpen, args{"id": articleID})
	var err error
	if out.Stopped, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return err
	}
	return s.receive(ctx, tx, articleID, n, newsroom.EffectMail, nil)
}

// openedFor names the issues that publication n of an article has opened.
func (s *Store) openedFor(ctx context.Context, tx pgx.Tx, articleID string, n int64, out *newsroom.IssueOpened) error {
	rows, _ := tx.Query(ctx, sqlIssuesForN, args{"id": articleID, "n": n})
	var id string
	var candidates int
	_, err := pgx.ForEachRow(rows, []any{&id, &candidates}, func() error {
		out.Issues = append(out.Issues, id)
		out.Candidates += candidates
		return nil
	})
	return err
}

// mailStopped stops what still goes out about an article that was taken from the readers, and names what is to be mailed instead.
func (s *Store) mailStopped(ctx context.Context, tx pgx.Tx, c *publicChange, verb string, out *newsroom.IssueOpened) error {
	late := map[string]bool{} // digests that were composed with it and that the withdrawal did not see: opened at the same moment
	rows, _ := tx.Query(ctx, sqlComposedWith, args{"id": c.articleID})
	var id string
	if _, err := pgx.ForEachRow(rows, []any{&id}, func() error { late[id] = true; return nil }); err != nil {
		return err
	}
	for _, i := range c.issues {
		why, stop := verb, true
		if i.Kind == newsroom.IssueDigest {
			if stop = late[i.ID] || i.Status == newsroom.IssueAborted; late[i.ID] {
				again, err := s.openDigestAgain(ctx, tx, c, i)
				if err != nil {
					return err
				}
				if again != "" {
					why = newsroom.StopRecomposed
				}
			}
		}
		if !stop { // not composed yet: it will leave the article out
			continue
		}
		if err := s.stopRunning(ctx, tx, []newsroom.Issue{i}, why, out); err != nil {
			return err
		}
	}
	return s.openedFor(ctx, tx, c.articleID, c.n, out)
}

func (s *Store) mailPublished(ctx context.Context, tx pgx.Tx, c *publicChange, out *newsroom.IssueOpened) error {
	if !c.live || slices.ContainsFunc(c.issues, func(i newsroom.Issue) bool { return i.Kind == newsroom.IssueArticle }) {
		return nil
	}
	return s.openIssue(ctx, tx, c, newsroom.IssueArticle, "", out)
}

func (s *Store) mailCorrected(ctx context.Context, tx pgx.Tx, c *publicChange, out *newsroom.IssueOpened) error {
	rows, _ := tx.Query(ctx, sqlToldWrong, args{"article": c.articleID, "revision": c.revision})
	digests, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	var old []newsroom.Issue
	whole := false // everybody got an article, right or wrong, or nobody knows any more who did
	why := ""      // the corrected article waits for a person, as the former one did
	for _, i := range c.issues {
		if i.Kind == newsroom.IssueArticle {
			if why = ""; i.Status == newsroom.IssuePaused || i.Status == newsroom.IssueAborted && !i.Replaced() {
				why = newsroom.HoldFormer
			}
		}
		if i.Kind == newsroom.IssueDigest && slices.Contains(digests, i.ID) || i.Kind != newsroom.IssueDigest && i.Revision < c.revision {
			old = append(old, i)
			whole = whole || i.Kind == newsroom.IssueArticle && i.Status == newsroom.IssueDone || i.Counted(s.now())
		}
	}
	if err := s.stopRunning(ctx, tx, old, newsroom.StopSuperseded, out); err != nil || !c.live {
		return err
	}
	for _, i := range old {
		if i.Kind == newsroom.IssueDigest && i.Status != newsroom.IssueDone && i.Status != newsroom.IssueAborted {
			again, err := s.openDigestAgain(ctx, tx, c, i)
			if err != nil {
				return err
			}
			if again != "" {
				out.Issues = append(out.Issues, again)
			}
		}
	}
	if len(old) > 0 {
		if err := s.openIssue(ctx, tx, c, newsroom.IssueCorrection, "", out); err != nil {
			return err
		}
	}
	if whole {
		return nil
	}
	return s.openIssue(ctx, tx, c, newsroom.IssueArticle, why, out)
}

// openIssue opens an issue; with why it is paused from the beginning.
func (s *Store) openIssue(ctx context.Context, tx pgx.Tx, c *publicChange, kind, why string, out *newsroom.IssueOpened) error {
	i := newsroom.Issue{ID: newsroom.NewID(), Kind: kind, ArticleID: c.articleID, N: c.n, Revision: c.revision, List: c.list, OpenedAt: s.now().UTC()}
	tag, err := tx.Exec(ctx, sqlOpenIssue, args{
		"id": i.ID, "kind": kind, "article": c.articleID, "n": c.n, "revision": c.revision, "list": c.list, "at": i.OpenedAt,
		"why": why,
	})
	if err != nil || tag.RowsAffected() == 0 {
		return err
	}
	if err := s.freezeCandidates(ctx, tx, &i); err != nil {
		return fmt.Errorf("freeze recipients of issue %s: %w", i.ID, err)
	}
	out.Issues = append(out.Issues, i.ID)
	out.Candidates += i.Candidates
	return nil
}

const (
	// A digest that nobody has looked up yet may be composed this very moment, from what readers saw before.
	sqlToldWrong = `
	SELECT id FROM mail_issues WHERE kind = 'digest' AND items @> ARRAY[@article::text]
	  AND (cardinality(revisions) = 0 OR revisions[array_position(items, @article)] < @revision)`
	sqlDigestAgain = `
	INSERT INTO mail_issues (id, kind, list, period, sections, items, items_more, readers, told_in, covers_from, covers_to, opened_at, status, why)
	SELECT @again, kind, list, period || '/' || @article::text || '-' || @n::bigint, sections, items, items_more, readers, told_in, covers_from, covers_to, @at,
	  CASE WHEN @why = '' THEN 'preparing' ELSE 'paused' END, @why
	FROM mail_issues i WHERE id = @id AND EXISTS (SELECT FROM live_articles l WHERE l.article_id = ANY (i.items) AND l.public = 'live')
	ON CONFLICT DO NOTHING`
)

// openDigestAgain opens the rest of digest i as it stood before it was stopped, for a correction or without an article that readers
// see no more: it is composed anew, for those who have not got it. One that was paused stays so. It returns the new one's id, "" where
// nothing is left to tell.
func (s *Store) openDigestAgain(ctx context.Context, tx pgx.Tx, c *publicChange, i newsroom.Issue) (again string, err error) {
	again = newsroom.NewID()
	why := ""
	if i.Status == newsroom.IssuePaused {
		why = i.Why
	}
	tag, err := tx.Exec(ctx, sqlDigestAgain, args{"again": again, "article": c.articleID, "n": c.n, "id": i.ID, "at": s.now().UTC(), "why": why})
	if err != nil {
		return "", fmt.Errorf("open digest %s again: %w", i.ID, err)
	}
	if tag.RowsAffected() == 0 {
		return "", nil
	}
	return again, nil
}

// stopRunning stops those of issues that are not finished. One that was stopped already, by the transaction that took its
// article from the readers, and is not closed yet is named too: its run has to hear of it.
func (s *Store) stopRunning(ctx context.Context, tx pgx.Tx, issues []newsroom.Issue, why string, out *newsroom.IssueOpened) error {
	for _, i := range issues {
		switch i.Status {
		case newsroom.IssueDone:
			continue
		case newsroom.IssueAborted: // by the transaction that took the article from the readers; its run may not know yet
			if i.FinishedAt == nil {
				out.Stopped = append(out.Stopped, i.ID)
			}
			continue
		}
		if err := s.abort(ctx, tx, i.ID, "", why); err != nil {
			return err
		}
		out.Stopped = append(out.Stopped, i.ID)
	}
	return nil
}

const sqlRunningIssues = `
	SELECT ` + issueColumns + ` FROM mail_issues i
	WHERE (i.article_id = @id OR (i.kind = 'digest' AND i.items @> ARRAY[@id]))
	  AND i.status IN ('preparing', 'prepared', 'sending', 'paused') ORDER BY i.seq FOR UPDATE`

// stopIssues stops whatever goes out about an article, within the transaction that takes it from the readers as publication n: no dot
// is given to any of its mails after that commit. The rest of a digest is opened anew without it.
func (s *Store) stopIssues(ctx context.Context, tx pgx.Tx, articleID string, n int64, why string) ([]string, error) {
	rows, _ := tx.Query(ctx, sqlRunningIssues, args{"id": articleID})
	running, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (newsroom.Issue, error) { return scanIssue(row) })
	if err != nil {
		return nil, fmt.Errorf("running issues of article %s: %w", articleID, err)
	}
	var out newsroom.IssueOpened
	c := publicChange{articleID: articleID, n: n}
	for _, i := range running {
		own := why
		if i.Kind == newsroom.IssueDigest {
			again, err := s.openDigestAgain(ctx, tx, &c, i)
			if err != nil {
				return nil, err
			}
			if again != "" {
				own = newsroom.StopRecomposed
			}
		}
		if err := s.stopRunning(ctx, tx, []newsroom.Issue{i}, own, &out); err != nil {
			return nil, err
		}
	}
	return out.Stopped, nil
}

const (
	sqlAbort = `UPDATE mail_issues SET status = 'aborted', why = @why, by_id = @by, finished_at = NULL, untold_at = @at WHERE id = @id`
	// What is claimed may be on a connection: its dot is refused from here. What nobody has claimed cannot be claimed any more
	// and is cancelled when the issue is closed.
	sqlTakeBack = `
	UPDATE mail_deliveries SET state = CASE WHEN resent THEN 'in_doubt' ELSE @state END,
	  next_attempt = CASE WHEN resent AND @state = 'pending' THEN @at::timestamptz END,
	  done_at = CASE WHEN @state = 'pending' THEN NULL ELSE @at::timestamptz END
	WHERE issue_id = @id AND state = 'claimed'`
)

func (s *Store) abort(ctx context.Context, tx pgx.Tx, id, by, why string) error {
	now := s.now().UTC()
	if _, err := tx.Exec(ctx, sqlAbort, args{"id": id, "why": why, "by": by, "at": now}); err != nil {
		return fmt.Errorf("stop issue %s: %w", id, err)
	}
	if err := takeBack(ctx, tx, id, newsroom.DeliveryCancelled, now); err != nil {
		return fmt.Errorf("stop issue %s: %w", id, err)
	}
	return nil
}

func takeBack(ctx context.Context, tx pgx.Tx, issueID string, state newsroom.DeliveryState, now time.Time) error {
	if err := lockRows(ctx, tx, sqlLockOfIssue, under, args{"issue": issueID}); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, sqlTakeBack, args{"id": issueID, "state": string(state), "at": now})
	return err
}

// ---------------------------------------------------------------- candidates

// candidate says who belongs to an issue: the statement that freezes them, and its arguments but the issue's own.
type candidate struct {
	freeze string
	base   args
}

const (
	// Those few who must not get it are looked up, not all who may: the list itself is read from one index.
	sqlCandidates = `
	SELECT l.subscriber_id, l.since FROM subscriptions l
	WHERE l.section_id = @list AND l.cadence = 'instant' AND l.since <= @opened
	  AND NOT EXISTS (SELECT FROM subscribers s WHERE s.id = l.subscriber_id AND (s.state <> 'confirmed' OR s.email = ''))
	  AND NOT EXISTS (SELECT FROM suppressions b JOIN subscribers s ON s.email_mac = b.email_mac WHERE s.id = l.subscriber_id)`
	// A row of another issue about the article that reached its dot, be it before it is sent once more: the mail is there, or may be.
	isOut      = `(d.resent OR d.state IN ('dot', 'sent', 'in_doubt', 'in_doubt_resent'))`
	mayHaveGot = `EXISTS (SELECT FROM mail_deliveries d WHERE d.subscriber_id = l.subscriber_id AND d.issue_id = ANY (@others) AND ` + isOut + `)`

	sqlRemainingCandidates = sqlCandidates + ` AND NOT ` + mayHaveGot
	// A correction follows whoever got the wrong text, wherever it stood, and still has one of the lists that brought it.
	sqlCorrectionCandidates = `
	SELECT s.id, min(l.since) FROM subscribers s JOIN subscriptions l ON l.subscriber_id = s.id AND l.section_id = ANY (@lists)
	WHERE s.state = 'confirmed' AND s.email <> ''
	  AND NOT EXISTS (SELECT FROM suppressions b WHERE b.email_mac = s.email_mac)
	  AND s.id IN (SELECT d.subscriber_id FROM mail_deliveries d WHERE d.issue_id = ANY (@others) AND ` + isOut + `)
	GROUP BY s.id`
)

// Issues that told the article, with the lists that brought them; with wrong only an earlier revision of it.
const sqlOtherIssues = `
	SELECT coalesce(array_agg(DISTINCT o.id), '{}'), coalesce(array_agg(DISTINCT lists.id), '{}') FROM (
	  SELECT id, ARRAY[list] AS lists FROM mail_issues WHERE article_id = @article AND id <> @id AND (NOT @wrong OR revision < @revision)
	  UNION ALL
	  SELECT id, sections FROM mail_issues WHERE kind = 'digest' AND items @> ARRAY[@article::text]
	    AND (NOT @wrong OR revisions[array_position(items, @article)] < @revision)) o, unnest(o.lists) AS lists (id)`

// candidates says who gets i: the list's instant subscribers who have not got the article yet, or for a correction those who got
// an earlier revision, be it in a digest.
func (s *Store) candidates(ctx context.Context, q querier, i newsroom.Issue) (candidate, error) {
	if i.Kind == newsroom.IssueDigest {
		return s.digestCandidates(ctx, q, i)
	}
	var others, lists []string
	correction := i.Kind == newsroom.IssueCorrection
	err := q.QueryRow(ctx, sqlOtherIssues, args{"article": i.ArticleID, "id": i.ID, "wrong": correction, "revision": i.Revision}).Scan(&others, &lists)
	if err != nil {
		return candidate{}, fmt.Errorf("issues beside %s: %w", i.ID, err)
	}
	switch {
	case correction:
		return candidate{sqlFreezeCorrection, args{"lists": lists, "others": others}}, nil
	case len(others) > 0:
		return candidate{sqlFreezeRemaining, args{"list": i.List, "opened": i.OpenedAt, "others": others}}, nil
	default:
		return candidate{sqlFreezeArticle, args{"list": i.List, "opened": i.OpenedAt}}, nil
	}
}
