package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

const sqlKeepDraft = `
	INSERT INTO kept_drafts (article_id, by_id, content, at) SELECT @id, @by, @content::jsonb, @at
	WHERE NOT EXISTS (SELECT FROM articles WHERE id = @id AND draft = @content::jsonb)
	  AND NOT EXISTS (SELECT FROM kept_drafts WHERE article_id = @id AND by_id = @by AND content = @content::jsonb)`

// KeepDraft puts aside text that could not be saved because somebody else has the lock now: nothing a person wrote is lost. The same
// text once more, or one that is the working text, makes no second copy.
func (s *Store) KeepDraft(ctx context.Context, id, by string, c newsroom.Content) error {
	_, err := s.db.Exec(ctx, sqlKeepDraft, args{"id": id, "by": by, "content": toJSON(c), "at": s.now().UTC()})
	if err != nil {
		return fmt.Errorf("keep draft of article %s: %w", id, err)
	}
	return nil
}

const sqlPutAside = `
	INSERT INTO kept_drafts (article_id, by_id, content, at) SELECT id, draft_by, draft, @at FROM articles
	WHERE id = @id AND NOT EXISTS (SELECT FROM revisions r WHERE r.article_id = articles.id AND r.hash = articles.draft_hash)
	  AND NOT EXISTS (SELECT FROM kept_drafts k WHERE k.article_id = articles.id AND k.by_id = articles.draft_by AND k.content = articles.draft)`

// putAside keeps the working text, which another is about to replace, unless it can be found again already. The article is locked.
func (s *Store) putAside(ctx context.Context, tx pgx.Tx, id string, at time.Time) error {
	if _, err := tx.Exec(ctx, sqlPutAside, args{"id": id, "at": at}); err != nil {
		return fmt.Errorf("put working text of article %s aside: %w", id, err)
	}
	return nil
}

// mostKept is how many texts that were put aside are listed, the newest.
const mostKept = 50

const (
	keptColumns = `k.id, k.by_id, coalesce(u.name, ''), k.at, coalesce(k.content->>'title', '')`
	keptOf      = ` FROM kept_drafts k LEFT JOIN users u ON u.id = k.by_id WHERE k.article_id = @article`
	sqlListKept = `SELECT ` + keptColumns + keptOf + ` AND (@all OR k.by_id = @viewer) ORDER BY k.at DESC, k.id DESC LIMIT @limit`
	sqlOneKept  = `SELECT ` + keptColumns + `, k.content` + keptOf + ` AND k.id = @id`
)

// KeptDrafts lists the texts of an article that were put aside and that viewer may read, the newest first.
func (s *Store) KeptDrafts(ctx context.Context, a newsroom.Article, viewer newsroom.Person) ([]newsroom.Kept, error) {
	rows, _ := s.db.Query(ctx, sqlListKept, args{"article": a.ID, "all": a.Editor(viewer), "viewer": viewer.ID, "limit": mostKept})
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.Kept])
	if err != nil {
		return nil, fmt.Errorf("texts put aside of article %s: %w", a.ID, err)
	}
	return list, nil
}

// KeptDraft returns one text of an article that was put aside; newsroom.ErrNotFound when there is none such, or viewer may not read it.
func (s *Store) KeptDraft(ctx context.Context, a newsroom.Article, viewer newsroom.Person, id int64) (newsroom.Kept, newsroom.Content, error) {
	k, c, err := keptDraft(s.db.QueryRow(ctx, sqlOneKept, args{"article": a.ID, "id": id}))
	if err == nil && !a.SeesKept(viewer, k.By) {
		err = newsroom.ErrNotFound
	}
	if err != nil {
		return newsroom.Kept{}, newsroom.Content{}, fmt.Errorf("text %d put aside of article %s: %w", id, a.ID, err)
	}
	return k, c, nil
}

func keptDraft(row pgx.Row) (k newsroom.Kept, c newsroom.Content, err error) {
	var content []byte
	if err := row.Scan(&k.ID, &k.By, &k.ByName, &k.At, &k.Title, &content); err != nil {
		return k, c, notFound(err)
	}
	return k, c, json.Unmarshal(content, &c)
}

// TakeBack makes text id that was put aside the working text again, under the conditions of SaveDraft; what was the working text is put
// aside in turn. A repeat finds it done and changes nothing.
func (s *Store) TakeBack(ctx context.Context, articleID string, by newsroom.Person, version, id int64) (newsroom.Draft, error) {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		d, err := draft(tx.QueryRow(ctx, sqlLockDraft, args{"id": articleID}))
		if err != nil {
			return err
		}
		_, kept, err := keptDraft(tx.QueryRow(ctx, sqlOneKept, args{"article": articleID, "id": id}))
		if err != nil {
			return err
		}
		return s.replaceDraft(ctx, tx, d, by, version, d.Article.TakenBack(by, kept, d.Content), true)
	})
	if err != nil {
		return newsroom.Draft{}, fmt.Errorf("take back text %d of article %s: %w", id, articleID, err)
	}
	return s.Draft(ctx, articleID)
}
