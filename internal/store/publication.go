package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

const sqlPublications = `
	SELECT article_id, n, event, revision, kind, at, done_at FROM publications WHERE article_id = @id`

const (
	sqlPublication     = sqlPublications + ` AND n = @n`
	sqlAllPublications = sqlPublications + ` ORDER BY n DESC`
)

// Publication returns one public change, or newsroom.ErrNotFound.
func (s *Store) Publication(ctx context.Context, articleID string, n int64) (newsroom.Publication, error) {
	rows, _ := s.db.Query(ctx, sqlPublication, args{"id": articleID, "n": n})
	p, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[newsroom.Publication])
	if err != nil {
		return p, fmt.Errorf("publication %s/%d: %w", articleID, n, notFound(err))
	}
	return p, nil
}

// Publications lists an article's public changes, newest first.
func (s *Store) Publications(ctx context.Context, articleID string) ([]newsroom.Publication, error) {
	rows, _ := s.db.Query(ctx, sqlAllPublications, args{"id": articleID})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.Publication])
	if err != nil {
		return nil, fmt.Errorf("publications of article %s: %w", articleID, err)
	}
	return list, nil
}

const sqlReceipts = `
	SELECT r.effect, r.at, r.checked, r.detail, p.at FROM receipts r JOIN publications p USING (article_id, n)
	WHERE r.article_id = @id AND r.n = @n ORDER BY array_position(ARRAY['page','feeds','sitemap','counters','mail'], r.effect)`

// Receipts lists what a publication must be confirmed by, with what is in already.
func (s *Store) Receipts(ctx context.Context, articleID string, n int64) ([]newsroom.Receipt, error) {
	rows, _ := s.db.Query(ctx, sqlReceipts, args{"id": articleID, "n": n})
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (r newsroom.Receipt, err error) {
		var released time.Time
		var detail []byte
		if err = row.Scan(&r.Effect, &r.At, &r.Checked, &detail, &released); err != nil {
			return r, err
		}
		if r.At != nil {
			r.Took = r.At.Sub(released)
		}
		return r, json.Unmarshal(detail, &r.Detail)
	})
	if err != nil {
		return nil, fmt.Errorf("receipts of %s/%d: %w", articleID, n, err)
	}
	return list, nil
}

const sqlReceive = `
	UPDATE receipts SET at = coalesce(at, @at), detail = detail || @detail
	WHERE article_id = @id AND n = @n AND effect = @effect`

// receive writes a receipt within the transaction that has the effect. A repeat keeps the first time; an effect that this
// publication does not expect is ignored.
func (s *Store) receive(ctx context.Context, tx pgx.Tx, articleID string, n int64, effect newsroom.Effect, detail map[string]any) error {
	if detail == nil {
		detail = map[string]any{}
	}
	if _, err := tx.Exec(ctx, sqlReceive, args{"id": articleID, "n": n, "effect": effect, "at": s.now().UTC(), "detail": toJSON(detail)}); err != nil {
		return fmt.Errorf("receipt %s of %s/%d: %w", effect, articleID, n, err)
	}
	return nil
}

const sqlReceiptChecked = `
	UPDATE receipts SET at = coalesce(at, @at), checked = coalesce(checked, @at), detail = detail || @detail
	WHERE article_id = @id AND n = @n AND effect = @effect`

// ReceiptChecked records that an effect was seen from outside.
func (s *Store) ReceiptChecked(ctx context.Context, articleID string, n int64, effect newsroom.Effect, detail map[string]any) error {
	if _, err := s.db.Exec(ctx, sqlReceiptChecked, args{"id": articleID, "n": n, "effect": effect, "at": s.now().UTC(), "detail": toJSON(detail)}); err != nil {
		return fmt.Errorf("check of receipt %s of %s/%d: %w", effect, articleID, n, err)
	}
	return nil
}

const (
	sqlPublicationDone = `UPDATE publications SET done_at = coalesce(done_at, @at) WHERE article_id = @id AND n = @n`
	sqlEmitted         = `UPDATE publications SET emitted = emitted + 1 WHERE article_id = @id AND n = @n RETURNING emitted`
	sqlAlerted         = `UPDATE publications SET alerted_at = coalesce(alerted_at, @at) WHERE article_id = @id AND n = @n`
)

// PublicationDone records that every receipt is in; trouble that was reported about it is over.
func (s *Store) PublicationDone(ctx context.Context, articleID string, n int64) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlPublicationDone, args{"id": articleID, "n": n, "at": s.now().UTC()}); err != nil {
			return fmt.Errorf("close publication %s/%d: %w", articleID, n, err)
		}
		return s.clearAlert(ctx, tx, publicationAlert(articleID, n))
	})
}

// CountEmission numbers the emissions of a publication's event, from 1.
func (s *Store) CountEmission(ctx context.Context, articleID string, n int64) (attempt int, err error) {
	if err := s.db.QueryRow(ctx, sqlEmitted, args{"id": articleID, "n": n}).Scan(&attempt); err != nil {
		return 0, fmt.Errorf("count emission of %s/%d: %w", articleID, n, notFound(err))
	}
	return attempt, nil
}

// PublicationUnconfirmed puts a publication whose receipts do not come before the operator.
func (s *Store) PublicationUnconfirmed(ctx context.Context, articleID string, n int64, missing []newsroom.Effect) error {
	return s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlAlerted, args{"id": articleID, "n": n, "at": s.now().UTC()}); err != nil {
			return fmt.Errorf("alert about publication %s/%d: %w", articleID, n, err)
		}
		return s.alert(ctx, tx, publicationAlert(articleID, n), "publication_unconfirmed", map[string]any{
			"article_id": articleID, "n": n, "missing": missing,
		})
	})
}

func publicationAlert(articleID string, n int64) string {
	return fmt.Sprintf("publication/%s/%d", articleID, n)
}

const sqlClearAlert = `UPDATE alerts SET cleared_at = @at WHERE id = @id AND cleared_at IS NULL`

func (s *Store) clearAlert(ctx context.Context, tx pgx.Tx, id string) error {
	if _, err := tx.Exec(ctx, sqlClearAlert, args{"id": id, "at": s.now().UTC()}); err != nil {
		return fmt.Errorf("clear alert %s: %w", id, err)
	}
	return nil
}

const (
	sqlOpenArticles = `
	SELECT id FROM articles WHERE id > @after AND (stage NOT IN ('released', 'rejected', 'abandoned')
	  OR (public = 'live' AND expire_at IS NOT NULL) OR (second_by IS NOT NULL AND NOT second_late)) ORDER BY id LIMIT @limit`
	sqlOpenPublications = `
	SELECT article_id, n FROM publications WHERE done_at IS NULL AND (article_id, n) > (@after, @after_n) ORDER BY article_id, n LIMIT @limit`
	sqlOpenIssues = `
	SELECT id FROM mail_issues WHERE status IN ('preparing', 'prepared', 'sending') OR (status = 'aborted' AND finished_at IS NULL)
	ORDER BY seq LIMIT @limit`
	sqlUntoldIssues = `SELECT id, untold_at FROM mail_issues WHERE untold_at IS NOT NULL ORDER BY untold_at LIMIT @limit`
	sqlIssueTold    = `UPDATE mail_issues SET untold_at = NULL WHERE id = @id AND untold_at = @at`
)

// OpenArticles lists articles behind id after that must have a run.
func (s *Store) OpenArticles(ctx context.Context, after string, limit int) ([]string, error) {
	rows, _ := s.db.Query(ctx, sqlOpenArticles, args{"after": after, "limit": limit})
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list open articles: %w", err)
	}
	return list, nil
}

// OpenPublications lists public changes behind (after, afterN) whose receipts are not all in.
func (s *Store) OpenPublications(ctx context.Context, after string, afterN int64, limit int) ([]newsroom.Publication, error) {
	rows, _ := s.db.Query(ctx, sqlOpenPublications, args{"after": after, "after_n": afterN, "limit": limit})
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (p newsroom.Publication, err error) {
		return p, row.Scan(&p.ArticleID, &p.N)
	})
	if err != nil {
		return nil, fmt.Errorf("list open publications: %w", err)
	}
	return list, nil
}

// OpenIssues lists newsletters that are being prepared or sent, or were stopped and are not closed yet.
func (s *Store) OpenIssues(ctx context.Context, limit int) ([]string, error) {
	rows, _ := s.db.Query(ctx, sqlOpenIssues, args{"limit": limit})
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list open issues: %w", err)
	}
	return list, nil
}

// UntoldIssues lists newsletters that were paused, resumed, stopped or retried, and when: their runs may not have heard of it.
func (s *Store) UntoldIssues(ctx context.Context, limit int) ([]newsroom.UntoldIssue, error) {
	rows, _ := s.db.Query(ctx, sqlUntoldIssues, args{"limit": limit})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.UntoldIssue])
	if err != nil {
		return nil, fmt.Errorf("list untold issues: %w", err)
	}
	return list, nil
}

// IssueTold notes that an issue's run has heard what was asked at that moment; what was asked since stays untold.
func (s *Store) IssueTold(ctx context.Context, u newsroom.UntoldIssue) error {
	if _, err := s.db.Exec(ctx, sqlIssueTold, args{"id": u.ID, "at": u.At}); err != nil {
		return fmt.Errorf("note that issue %s was told: %w", u.ID, err)
	}
	return nil
}
