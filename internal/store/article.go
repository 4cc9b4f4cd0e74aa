package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// articleColumns are the columns of newsroom.Article, in the order of scanArticle.
const articleColumns = `id, stage, public, section_id, title, slug, author_id, holder_id, forwarded_by, revision, live, round, step,
	draft_version, draft_hash, seq, clock_kind, clock_id, clock_start, clock_minutes, release_due, expire_at, undo_until,
	frozen, frozen_why, second_by, first_signer, second_late, published_at, updated_at, created_at`

func scanArticle(row pgx.Row, more ...any) (newsroom.Article, error) {
	var a newsroom.Article
	var clockStart *time.Time
	into := []any{
		&a.ID, &a.Stage, &a.Public, &a.Section, &a.Title, &a.Slug, &a.AuthorID, &a.HolderID, &a.ForwardedBy, &a.Revision, &a.Live,
		&a.Round, &a.Step, &a.Version, &a.DraftHash, &a.Seq, &a.Clock.Kind, &a.Clock.ID, &clockStart, &a.Clock.Minutes,
		&a.ReleaseDue, &a.ExpireAt, &a.UndoUntil, &a.Frozen, &a.FrozenWhy, &a.SecondBy, &a.FirstSigner, &a.SecondLate, &a.PublishedAt,
		&a.UpdatedAt, &a.CreatedAt,
	}
	if err := row.Scan(append(into, more...)...); err != nil {
		return newsroom.Article{}, notFound(err)
	}
	if clockStart != nil {
		a.Clock.Start = *clockStart
	}
	return a, nil
}

const sqlInsertArticle = `
	INSERT INTO articles (id, section_id, title, slug, author_id, draft, draft_hash, draft_by, created_at, updated_at)
	VALUES (@id, @section, @title, @slug, @author, @draft, @hash, @author, @at, @at)`

// CreateArticle begins an article as by's draft: the move "create". It refuses people who do not write and content beyond
// the limits (*newsroom.InvalidError).
func (s *Store) CreateArticle(ctx context.Context, by newsroom.Person, c newsroom.Content) (newsroom.Draft, error) {
	if !by.Writes() {
		return newsroom.Draft{}, newsroom.ErrForbidden
	}
	if over := c.TooLong(); len(over) > 0 {
		return newsroom.Draft{}, &newsroom.InvalidError{Fields: over}
	}
	id, now := newsroom.NewID(), s.now().UTC()
	err := s.tx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlInsertArticle, args{
			"id": id, "section": c.Section, "title": c.Title, "slug": c.Slug, "author": by.ID,
			"draft": toJSON(c), "hash": c.Hash(), "at": now,
		}); err != nil {
			return err
		}
		_, err := s.appendAudit(ctx, tx, auditRow{
			ArticleID: id, At: now, ActorID: by.ID, ActorName: by.Name, Capacity: newsroom.AsAuthor, Door: newsroom.DoorPage,
			Action: string(newsroom.MoveCreate), To: newsroom.StageDraft, Public: newsroom.PublicHidden, Hash: c.Hash(),
		})
		return err
	})
	if err != nil {
		return newsroom.Draft{}, fmt.Errorf("create article: %w", err)
	}
	return s.Draft(ctx, id)
}

const sqlArticle = `SELECT ` + articleColumns + ` FROM articles WHERE id = @id`

// Article returns where an article stands, or newsroom.ErrNotFound.
func (s *Store) Article(ctx context.Context, id string) (newsroom.Article, error) {
	a, err := scanArticle(s.db.QueryRow(ctx, sqlArticle, args{"id": id}))
	if err != nil {
		return a, fmt.Errorf("article %s: %w", id, err)
	}
	return a, nil
}

const sqlDraft = `SELECT ` + articleColumns + `, draft, draft_by,
	coalesce((SELECT name FROM users WHERE users.id = articles.draft_by), '') FROM articles WHERE id = @id`

// Draft returns an article with its working text, or newsroom.ErrNotFound.
func (s *Store) Draft(ctx context.Context, id string) (newsroom.Draft, error) {
	d, err := draft(s.db.QueryRow(ctx, sqlDraft, args{"id": id}))
	if err != nil {
		return d, fmt.Errorf("draft of article %s: %w", id, err)
	}
	return d, nil
}

func draft(row pgx.Row) (d newsroom.Draft, err error) {
	var content []byte
	if d.Article, err = scanArticle(row, &content, &d.By, &d.ByName); err != nil {
		return d, err
	}
	d.SavedAt = d.Article.UpdatedAt
	return d, json.Unmarshal(content, &d.Content)
}

const sqlLockDraft = sqlDraft + ` FOR UPDATE OF articles`

const sqlSaveDraft = `
	UPDATE articles SET draft = @draft, draft_hash = @hash, draft_version = draft_version + 1, draft_by = @by,
	  title = @title, slug = @slug, section_id = @section, updated_at = @at
	WHERE id = @id`

// SaveDraft replaces the working text of article id, whose version must still be the one by has read. newsroom.ErrStale
// when it is not, newsroom.ErrForbidden when by may not edit now, *newsroom.InvalidError beyond the limits and for a section
// that by may not put it into. A save that changes nothing keeps the version, the hash and so every approval.
func (s *Store) SaveDraft(ctx context.Context, id string, by newsroom.Person, version int64, c newsroom.Content) (newsroom.Draft, error) {
	return s.saveDraft(ctx, id, by, version, c, false)
}

// OverwriteDraft is SaveDraft for somebody who has not read all of what is saved now, and says so: it is put aside.
func (s *Store) OverwriteDraft(ctx context.Context, id string, by newsroom.Person, version int64, c newsroom.Content) (newsroom.Draft, error) {
	return s.saveDraft(ctx, id, by, version, c, true)
}

func (s *Store) saveDraft(ctx context.Context, id string, by newsroom.Person, version int64, c newsroom.Content, aside bool) (newsroom.Draft, error) {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		d, err := draft(tx.QueryRow(ctx, sqlLockDraft, args{"id": id}))
		if err != nil {
			return err
		}
		return s.replaceDraft(ctx, tx, d, by, version, c, aside)
	})
	if err != nil {
		return newsroom.Draft{}, fmt.Errorf("save draft of article %s: %w", id, err)
	}
	return s.Draft(ctx, id)
}

// replaceDraft writes c over d, which is locked. Where c is the working text already, an answer was lost and the save is repeated: done.
func (s *Store) replaceDraft(ctx context.Context, tx pgx.Tx, d newsroom.Draft, by newsroom.Person, version int64, c newsroom.Content, aside bool) error {
	id, hash, now := d.Article.ID, c.Hash(), s.now().UTC()
	switch over := c.TooLong(); {
	case len(over) > 0:
		return &newsroom.InvalidError{Fields: over}
	case !d.Article.Editor(by):
		return newsroom.ErrForbidden
	case hash == d.Article.DraftHash:
		return nil
	case d.Article.Version != version:
		return newsroom.ErrStale
	case !d.Article.MovesTo(by, c.Section):
		return &newsroom.InvalidError{Fields: []newsroom.FieldError{{Field: "section", Code: "section_elsewhere"}}}
	}
	if aside {
		if err := s.putAside(ctx, tx, id, now); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, sqlSaveDraft, args{
		"id": id, "draft": toJSON(c), "hash": hash, "by": by.ID, "title": c.Title, "slug": c.Slug, "section": c.Section, "at": now,
	})
	return err
}

const sqlRevisions = `
	SELECT r.article_id, r.n, r.content, r.hash, r.created_by, coalesce(u.name, ''), r.created_at
	FROM revisions r LEFT JOIN users u ON u.id = r.created_by WHERE r.article_id = @id`

const (
	sqlRevision     = sqlRevisions + ` AND r.n = @n`
	sqlAllRevisions = sqlRevisions + ` ORDER BY r.n DESC`
)

// Revision returns frozen text n of an article, or newsroom.ErrNotFound.
func (s *Store) Revision(ctx context.Context, id string, n int) (newsroom.Revision, error) {
	rows, _ := s.db.Query(ctx, sqlRevision, args{"id": id, "n": n})
	r, err := pgx.CollectExactlyOneRow(rows, scanRevision)
	if err != nil {
		return r, fmt.Errorf("revision %d of article %s: %w", n, id, notFound(err))
	}
	return r, nil
}

// Revisions returns every frozen text of an article, newest first.
func (s *Store) Revisions(ctx context.Context, id string) ([]newsroom.Revision, error) {
	rows, _ := s.db.Query(ctx, sqlAllRevisions, args{"id": id})
	list, err := pgx.CollectRows(rows, scanRevision)
	if err != nil {
		return nil, fmt.Errorf("revisions of article %s: %w", id, err)
	}
	return list, nil
}

func scanRevision(row pgx.CollectableRow) (r newsroom.Revision, err error) {
	var content []byte
	if err = row.Scan(&r.ArticleID, &r.N, &content, &r.Hash, &r.By, &r.ByName, &r.At); err != nil {
		return r, err
	}
	return r, json.Unmarshal(content, &r.Content)
}
