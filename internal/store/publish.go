package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// goPublic makes the public part of a change: the release of a revision, or another public state of what is there. It
// writes what readers will see, the publication whose receipts are awaited, and bumps the portal's version.
func (s *Store) goPublic(ctx context.Context, tx pgx.Tx, c *change) error {
	a := c.sit.Article
	var event string
	shown := c.revision // what readers see after the change
	switch {
	case c.ruling.Release:
		event = "published"
		if a.Live > 0 {
			event = "corrected"
		}
		c.stage, c.public = newsroom.StageReleased, newsroom.PublicLive
		if err := s.release(ctx, tx, c, event); err != nil {
			return err
		}
	case c.public != a.Public:
		event, c.publish = c.ruling.Event, c.n
		var err error
		if shown, err = s.turn(ctx, tx, c); err != nil {
			return err
		}
		told := &c.out.Announce[len(c.out.Announce)-1]
		told.Revision, told.Section, told.Kind = shown, c.text.Section, c.text.Change
	default:
		return nil
	}
	kind := c.text.Change
	if event == "published" {
		kind = newsroom.ChangeNew
	}
	if _, err := tx.Exec(ctx, sqlInsertPublication, args{
		"id": a.ID, "n": c.publish, "event": event, "revision": shown, "kind": kind, "at": c.now,
	}); err != nil {
		return err
	}
	for _, effect := range newsroom.Effects(event, kind) {
		if _, err := tx.Exec(ctx, sqlExpectReceipt, args{"id": a.ID, "n": c.publish, "effect": effect}); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, sqlBumpPortal); err != nil {
		return err
	}
	c.out.Publish = append(c.out.Publish, c.publish)
	return nil
}

const (
	sqlInsertPublication = `
	INSERT INTO publications (article_id, n, event, revision, kind, at) VALUES (@id, @n, @event, @revision, @kind, @at)`
	sqlExpectReceipt = `INSERT INTO receipts (article_id, n, effect) VALUES (@id, @n, @effect)`
	sqlBumpPortal    = `UPDATE portal_version SET version = version + 1`
)

const sqlReleaseArticle = `
	UPDATE articles SET stage = 'released', public = 'live', live = @revision, release_due = NULL, undo_until = NULL,
	  expire_at = @expire, published_at = coalesce(published_at, @at), holder_id = ''
	WHERE id = @id RETURNING published_at`

// release publishes the newest revision. The bytes are read back and hashed once more: what goes out is what was approved.
// A move that settles at once gets a second audit row, since approving and releasing are two acts.
func (s *Store) release(ctx context.Context, tx pgx.Tx, c *change, event string) error {
	a := c.sit.Article
	content, err := s.frozen(ctx, tx, a.ID, c.revision)
	if err != nil {
		return err
	}
	if content.Hash() != c.hash {
		return releaseMismatch(c)
	}
	c.publish = c.n
	if c.req.Move != newsroom.MoveRelease {
		if c.publish, err = s.appendAudit(ctx, tx, auditRow{
			ArticleID: a.ID, At: c.now, Capacity: newsroom.AsWorkflow, Door: newsroom.DoorClock, Action: string(newsroom.MoveRelease),
			From: newsroom.StageApproved, To: newsroom.StageReleased, Public: newsroom.PublicLive, Revision: c.revision, Hash: c.hash,
			RequestID: c.req.ID,
		}); err != nil {
			return err
		}
		c.announce(event, c.publish)
	} else if len(c.out.Announce) > 0 {
		c.out.Announce[len(c.out.Announce)-1].Verb = event // the table says published; a correction is announced as such
	}
	var publishedAt time.Time
	if err := tx.QueryRow(ctx, sqlReleaseArticle, args{
		"id": a.ID, "revision": c.revision, "expire": content.DisplayEnd, "at": c.now,
	}).Scan(&publishedAt); err != nil {
		return err
	}
	return s.writeLive(ctx, tx, a.ID, c.revision, c.publish, content, c.hash, publishedAt, c.now)
}

const sqlWriteLive = `
	INSERT INTO live_articles (article_id, revision, public, section_id, also_in, title, lead, plain, slug, byline, pen_names, topics,
	  tags, numbers, cover, cover_alt, content, hash, published_at, updated_at, changed_n, search)
	VALUES (@id, @revision, 'live', @section, @also_in, @title, @lead, @plain, @slug, @byline, @pen_names, @topics, @tags, @numbers,
	  @cover, @cover_alt, @content, @hash, @published, @at, @n, article_search(@title, @lead, @plain, @byline, @numbers))
	ON CONFLICT (article_id) DO UPDATE SET revision = excluded.revision, public = 'live', section_id = excluded.section_id,
	  also_in = excluded.also_in, title = excluded.title, lead = excluded.lead, plain = excluded.plain, slug = excluded.slug,
	  byline = excluded.byline, pen_names = excluded.pen_names, topics = excluded.topics, tags = excluded.tags,
	  numbers = excluded.numbers, cover = excluded.cover, cover_alt = excluded.cover_alt, content = excluded.content,
	  hash = excluded.hash, updated_at = excluded.updated_at, changed_n = excluded.changed_n, search = excluded.search`

const sqlKeepSlug = `INSERT INTO slugs (article_id, slug, at) VALUES (@id, @slug, @at) ON CONFLICT DO NOTHING`

// writeLive puts a revision where readers look.
func (s *Store) writeLive(ctx context.Context, tx pgx.Tx, id string, revision int, n int64, c newsroom.Content, hash string, published, at time.Time) error {
	slug := c.Slug
	if slug == "" {
		slug = text.Slug(c.Title)
	}
	var numbers, penNames []string
	for _, f := range c.Attachments {
		numbers = append(numbers, f.Number)
	}
	for _, a := range c.Authors {
		penNames = append(penNames, text.Slug(a.PenName))
	}
	cover := newsroom.Picture{}
	if len(c.Pictures) > 0 {
		cover = c.Pictures[0]
	}
	if _, err := tx.Exec(ctx, sqlWriteLive, args{
		"id": id, "revision": revision, "section": c.Section, "also_in": orEmpty(c.AlsoIn), "title": c.Title, "lead": c.Lead,
		"plain": text.Plain(c.Body), "slug": slug, "byline": c.Byline(), "pen_names": orEmpty(penNames), "topics": slugs(c.Topics),
		"tags": slugs(c.Tags), "numbers": strings.Join(numbers, " "), "cover": cover.SHA, "cover_alt": cover.Alt, "content": toJSON(c),
		"hash": hash, "published": published, "at": at, "n": n,
	}); err != nil {
		return fmt.Errorf("write live article: %w", err)
	}
	_, err := tx.Exec(ctx, sqlKeepSlug, args{"id": id, "slug": slug, "at": at})
	return err
}

func slugs(names []string) []string {
	list := make([]string, len(names))
	for i, name := range names {
		list[i] = text.Slug(name)
	}
	return list
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

const sqlTurn = `UPDATE live_articles SET public = @public, updated_at = @at, changed_n = @n WHERE article_id = @id RETURNING revision, content`

// turn changes what readers see of an article without a new text: withdrawn, taken down, restored, expired. It returns the
// revision that is (or was) shown, which is what the change is about, whatever is being written beside it.
func (s *Store) turn(ctx context.Context, tx pgx.Tx, c *change) (shown int, err error) {
	var content []byte
	err = tx.QueryRow(ctx, sqlTurn, args{"id": c.sit.Article.ID, "public": c.public, "at": c.now, "n": c.publish}).Scan(&shown, &content)
	if err != nil {
		return 0, fmt.Errorf("turn live article: %w", notFound(err))
	}
	c.text = newsroom.Content{}
	if err := json.Unmarshal(content, &c.text); err != nil {
		return 0, fmt.Errorf("decode what is shown: %w", err)
	}
	if c.public != newsroom.PublicWithdrawn && c.public != newsroom.PublicTakenDown {
		return shown, nil
	}
	c.out.Stop = true
	_, err = s.stopIssues(ctx, tx, c.sit.Article.ID, c.publish, string(c.public))
	return shown, err
}
