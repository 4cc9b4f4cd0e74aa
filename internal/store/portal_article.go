package store

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

const sqlPortalArticle = `
	SELECT l.article_id, l.public, l.revision, l.changed_n, l.slug, l.hash, l.content, l.published_at, l.updated_at, a.second_late
	FROM live_articles l JOIN articles a ON a.id = l.article_id WHERE l.article_id = @id`

const sqlCorrections = `
	SELECT r.content -> 'note', p.at FROM publications p JOIN revisions r ON r.article_id = p.article_id AND r.n = p.revision
	WHERE p.article_id = @id AND p.kind = 'correction' AND p.event = 'corrected' AND jsonb_typeof(r.content -> 'note') = 'object'
	ORDER BY p.n DESC`

// PortalArticle reads an article that is or was public, with its pictures and its notes of correction; newsroom.ErrNotFound
// for one that never was.
func (s *Store) PortalArticle(ctx context.Context, id string) (newsroom.PortalArticle, error) {
	var a newsroom.PortalArticle
	var content []byte
	err := s.db.QueryRow(ctx, sqlPortalArticle, args{"id": id}).Scan(&a.ID, &a.Public, &a.Revision, &a.N, &a.Slug, &a.Hash, &content,
		&a.Published, &a.Updated, &a.SecondLate)
	if err != nil {
		return a, fmt.Errorf("public article %s: %w", id, notFound(err))
	}
	if err := json.Unmarshal(content, &a.Content); err != nil {
		return a, fmt.Errorf("decode public article %s: %w", id, err)
	}
	rows, _ := s.db.Query(ctx, sqlCorrections, args{"id": id})
	a.Corrections, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c newsroom.DatedCorrection, err error) {
		var note []byte
		if err := row.Scan(&note, &c.At); err != nil {
			return c, err
		}
		return c, json.Unmarshal(note, &c.Correction)
	})
	if err != nil {
		return a, fmt.Errorf("corrections of article %s: %w", id, err)
	}
	a.Images, err = s.images(ctx, imagesOf(a.Content))
	return a, err
}

// bodyImage finds the pictures of a body, whose markup is canonical (internal/text).
var bodyImage = regexp.MustCompile(`/anh/([0-9a-f]{64})-[0-9]+\.[a-z]+`)

// imagesOf lists the hashes of every picture that a content shows.
func imagesOf(c newsroom.Content) []string {
	var shas []string
	for _, p := range c.Pictures {
		shas = append(shas, p.SHA)
	}
	for _, found := range bodyImage.FindAllStringSubmatch(c.Body, -1) {
		shas = append(shas, found[1])
	}
	return shas
}

const sqlImages = `
	SELECT m.sha, m.width, m.height, array_agg(v.width ORDER BY v.width), min(v.ext) FROM media m JOIN media_variants v USING (sha)
	WHERE m.sha = ANY (@shas) GROUP BY m.sha`

// images finds pictures by their hashes; what is not there is left out.
func (s *Store) images(ctx context.Context, shas []string) (map[string]newsroom.Image, error) {
	found := make(map[string]newsroom.Image, len(shas))
	if len(shas) == 0 {
		return found, nil
	}
	rows, _ := s.db.Query(ctx, sqlImages, args{"shas": shas})
	var one newsroom.Image
	_, err := pgx.ForEachRow(rows, []any{&one.SHA, &one.Width, &one.Height, &one.Widths, &one.Ext}, func() error {
		found[one.SHA] = one
		one.Widths = nil
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find pictures: %w", err)
	}
	return found, nil
}

const sqlRelated = `
	SELECT ` + itemColumns + ` FROM (SELECT * FROM live_articles WHERE public = 'live' AND article_id <> @id
	    AND (topics && @topics::text[] OR tags && @tags::text[])
	  ORDER BY topics && @topics::text[] DESC, published_at DESC, article_id LIMIT @limit) l ` + itemTables + `
	ORDER BY l.topics && @topics::text[] DESC, l.published_at DESC, l.article_id`

// Related lists live articles that share a topic or a keyword (by slug) with article id, topics first.
func (s *Store) Related(ctx context.Context, id string, topics, tags []string, limit int) ([]newsroom.PortalItem, error) {
	if len(topics)+len(tags) == 0 {
		return nil, nil
	}
	return s.items(ctx, "articles related to "+id, sqlRelated, args{
		"id": id, "topics": slugs(topics), "tags": slugs(tags), "limit": limit,
	})
}

// NewestArticles lists the newest live articles of all sections.
func (s *Store) NewestArticles(ctx context.Context, limit int) ([]newsroom.PortalItem, error) {
	return s.items(ctx, "newest articles", sqlNewest, args{"but": "", "limit": limit})
}

const sqlOlder = `
	SELECT ` + itemColumns + ` FROM (SELECT * FROM live_articles WHERE public = 'live' AND section_id = @section AND article_id <> @id
	    AND published_at <= @before ORDER BY published_at DESC, article_id LIMIT @limit) l ` + itemTables + `
	ORDER BY l.published_at DESC, l.article_id`

// Older lists the live articles of a section that were published before an article.
func (s *Store) Older(ctx context.Context, id, section string, before time.Time, limit int) ([]newsroom.PortalItem, error) {
	return s.items(ctx, "articles older than "+id, sqlOlder, args{"id": id, "section": section, "before": before, "limit": limit})
}

const sqlHiddenMedia = `
	SELECT EXISTS (SELECT FROM live_articles WHERE public IN ('withdrawn', 'taken_down')
	    AND (content @> @picture OR content @> @file OR content ->> 'body' LIKE @body))
	  AND NOT EXISTS (SELECT FROM live_articles WHERE public IN ('live', 'expired') AND (content @> @picture OR content @> @file))`

// HiddenMedia reports whether an upload belongs to what was withdrawn or taken down and to nothing that is public. (What
// belongs to drafts alone is served to whoever knows its hash: approvers read before anybody signs in.)
func (s *Store) HiddenMedia(ctx context.Context, sha string) (bool, error) {
	var hidden bool
	one := []any{map[string]any{"sha": sha}}
	if err := s.db.QueryRow(ctx, sqlHiddenMedia, args{
		"picture": toJSON(map[string]any{"pictures": one}), "file": toJSON(map[string]any{"attachments": one}), "body": "%/anh/" + sha + "-%",
	}).Scan(&hidden); err != nil {
		return false, fmt.Errorf("look whether media %s is hidden: %w", sha, err)
	}
	return hidden, nil
}
