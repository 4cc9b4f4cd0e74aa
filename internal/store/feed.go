package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// feedsLock serialises whoever renders feeds, so that an older reading never overwrites a newer one.
const feedsLock = 7305118004

const (
	sqlLockFeeds    = `SELECT pg_advisory_xact_lock(@key)`
	sqlFeedSections = `
	SELECT DISTINCT section FROM (
	  SELECT section_id AS section FROM live_articles WHERE article_id = @id
	  UNION ALL SELECT unnest(also_in) FROM live_articles WHERE article_id = @id
	  UNION ALL SELECT r.content ->> 'section' FROM publications p JOIN revisions r ON r.article_id = p.article_id AND r.n = p.revision
	    WHERE p.article_id = @id
	  UNION ALL SELECT jsonb_array_elements_text(r.content -> 'also_in') FROM publications p
	    JOIN revisions r ON r.article_id = p.article_id AND r.n = p.revision
	    WHERE p.article_id = @id AND jsonb_typeof(r.content -> 'also_in') = 'array') every
	WHERE section <> '' ORDER BY section`
	sqlWriteFeed = `
	INSERT INTO feeds (path, mime, body, etag, event_id, updated_at) VALUES (@path, @mime, @body, @etag, @event, @at)
	ON CONFLICT (path) DO UPDATE SET mime = excluded.mime, body = excluded.body, etag = excluded.etag, event_id = excluded.event_id,
	  updated_at = CASE WHEN feeds.etag = excluded.etag THEN feeds.updated_at ELSE excluded.updated_at END`
)

// Render turns what a change touched into files. Met by internal/feed.
type Render = func(newsroom.FeedSource) []newsroom.FeedFile

// WriteFeeds renders the feeds and the part of the sitemap that a public change touched, and writes them with the receipts in
// one transaction, once per event: a repeat writes nothing. It returns how many files the event caused.
func (s *Store) WriteFeeds(ctx context.Context, eventID, articleID string, n int64, at time.Time, render Render) (files int, err error) {
	site, err := s.Site(ctx)
	if err != nil {
		return 0, err
	}
	err = s.tx(ctx, func(tx pgx.Tx) error {
		fresh, err := s.seeEvent(ctx, tx, "feeds", eventID)
		if err != nil {
			return err
		}
		if !fresh {
			return tx.QueryRow(ctx, sqlFeedsOf, args{"event": eventID}).Scan(&files)
		}
		if _, err := tx.Exec(ctx, sqlLockFeeds, args{"key": feedsLock}); err != nil {
			return err
		}
		source, err := s.feedSource(ctx, tx, site, articleID, at)
		if err != nil {
			return err
		}
		rendered := render(source)
		etags := map[bool]map[string]any{false: {}, true: {}}
		for _, file := range rendered {
			if err := s.writeFeed(ctx, tx, eventID, file); err != nil {
				return err
			}
			etags[strings.HasPrefix(file.Path, sitemapPrefix)][file.Path] = file.ETag
		}
		files = len(rendered)
		if err := s.receive(ctx, tx, articleID, n, newsroom.EffectFeeds, map[string]any{"etags": etags[false]}); err != nil {
			return err
		}
		if err := s.receive(ctx, tx, articleID, n, newsroom.EffectSitemap, map[string]any{"etags": etags[true]}); err != nil {
			return err
		}
		return s.bumpPortal(ctx, tx) // last: its row is what settling transactions wait for
	})
	if err != nil {
		return 0, fmt.Errorf("write feeds of %s/%d: %w", articleID, n, err)
	}
	return files, nil
}

const sqlFeedsOf = `SELECT count(*) FROM feeds WHERE event_id = @event`

func (s *Store) writeFeed(ctx context.Context, tx pgx.Tx, eventID string, f newsroom.FeedFile) error {
	if sum := sha256.Sum256(f.Body); f.ETag != hex.EncodeToString(sum[:]) {
		return fmt.Errorf("feed %s: its etag is not the hash of its bytes", f.Path)
	}
	if _, err := tx.Exec(ctx, sqlWriteFeed, args{
		"path": f.Path, "mime": f.MIME, "body": f.Body, "etag": f.ETag, "event": eventID, "at": f.At.UTC(),
	}); err != nil {
		return fmt.Errorf("write feed %s: %w", f.Path, err)
	}
	return nil
}

// feedSource reads what one article's change touched.
func (s *Store) feedSource(ctx context.Context, tx pgx.Tx, site newsroom.Site, articleID string, at time.Time) (newsroom.FeedSource, error) {
	source := newsroom.FeedSource{Site: site, At: at}
	rows, _ := tx.Query(ctx, sqlFeedSections, args{"id": articleID})
	sections, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return source, fmt.Errorf("sections of article %s: %w", articleID, err)
	}
	if source.Lists, err = s.feedLists(ctx, tx, source.Site, sections); err != nil {
		return source, err
	}
	part, err := s.sitemapPartOf(ctx, tx, articleID)
	if err != nil {
		return source, err
	}
	source.Parts = []newsroom.SitemapPart{part}
	source.Known, err = s.sitemapFiles(ctx, tx, at, part)
	return source, err
}

// feedLists reads the site's newest articles, and each section's.
func (s *Store) feedLists(ctx context.Context, q querier, site newsroom.Site, sections []string) ([]newsroom.FeedList, error) {
	lists := make([]newsroom.FeedList, 0, 1+len(sections))
	for _, id := range append([]string{""}, sections...) {
		var list newsroom.FeedList
		var total int
		sql, a := sqlNewest, args{"but": "", "limit": newsroom.FeedSize}
		scan := scanItems
		if id != "" {
			list.Section = new(site.Section(id))
			sql, a = sqlListSection, args{"key": id, "size": newsroom.FeedSize, "skip": 0, "reach": newsroom.FeedSize}
			scan = func(row pgx.CollectableRow) (newsroom.PortalItem, error) { return scanItem(row, &total) }
		}
		rows, _ := q.Query(ctx, sql, a)
		var err error
		if list.Items, err = pgx.CollectRows(rows, scan); err != nil {
			return nil, fmt.Errorf("list feed of section %q: %w", id, err)
		}
		lists = append(lists, list)
	}
	return lists, nil
}

// sitemapPrefix begins the path of every file of the sitemap.
const sitemapPrefix = "/sitemap"

const (
	sqlSitemapRank = `
	SELECT date_trunc('month', a.published_at, 'Asia/Ho_Chi_Minh'), (SELECT count(*) FROM live_articles b
	  WHERE b.published_at >= date_trunc('month', a.published_at, 'Asia/Ho_Chi_Minh') AND (b.published_at, b.article_id) < (a.published_at, a.article_id))
	FROM live_articles a WHERE a.article_id = @id`
	sqlSitemapPart = `
	SELECT article_id, slug, public, updated_at FROM live_articles WHERE published_at >= @month AND published_at < @next
	ORDER BY published_at, article_id LIMIT @size OFFSET @skip`
	sqlSitemapFiles  = `SELECT path, updated_at FROM feeds WHERE path LIKE '/sitemap-____-__%' AND path <> ALL (@but) ORDER BY path`
	sqlSitemapMonths = `
	SELECT date_trunc('month', published_at, 'Asia/Ho_Chi_Minh') AS month, count(*) FROM live_articles GROUP BY month ORDER BY month`
)

// sitemapPartOf reads the part of the sitemap that holds an article.
func (s *Store) sitemapPartOf(ctx context.Context, q querier, articleID string) (newsroom.SitemapPart, error) {
	var month time.Time
	var rank int
	if err := q.QueryRow(ctx, sqlSitemapRank, args{"id": articleID}).Scan(&month, &rank); err != nil {
		return newsroom.SitemapPart{}, fmt.Errorf("place of article %s in the sitemap: %w", articleID, notFound(err))
	}
	return s.sitemapPart(ctx, q, month, rank/newsroom.SitemapPartSize)
}

// sitemapPart reads part number part (from 0) of a month.
func (s *Store) sitemapPart(ctx context.Context, q querier, month time.Time, part int) (newsroom.SitemapPart, error) {
	month = month.In(newsroom.Zone)
	made := newsroom.SitemapPart{Path: sitemapPrefix + month.Format("-2006-01")}
	if part > 0 {
		made.Path += fmt.Sprintf("-%d", part+1)
	}
	made.Path += ".xml"
	rows, _ := q.Query(ctx, sqlSitemapPart, args{
		"month": month, "next": month.AddDate(0, 1, 0), "size": newsroom.SitemapPartSize, "skip": part * newsroom.SitemapPartSize,
	})
	var id, slug string
	var public newsroom.Public
	var updated time.Time
	_, err := pgx.ForEachRow(rows, []any{&id, &slug, &public, &updated}, func() error {
		if public == newsroom.PublicLive || public == newsroom.PublicExpired {
			made.Entries = append(made.Entries, newsroom.SitemapEntry{Path: newsroom.ArticlePath(slug, id), Updated: updated})
		}
		return nil
	})
	if err != nil {
		return made, fmt.Errorf("read sitemap part %s: %w", made.Path, err)
	}
	return made, nil
}

// sitemapFiles lists every part there is, with those that are being written at time at.
func (s *Store) sitemapFiles(ctx context.Context, q querier, at time.Time, writing ...newsroom.SitemapPart) ([]newsroom.SitemapFile, error) {
	but := make([]string, len(writing))
	for i, part := range writing {
		but[i] = part.Path
	}
	rows, _ := q.Query(ctx, sqlSitemapFiles, args{"but": but})
	files, err := pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.SitemapFile])
	if err != nil {
		return nil, fmt.Errorf("list sitemap parts: %w", err)
	}
	for _, path := range but {
		files = append(files, newsroom.SitemapFile{Path: path, Updated: at})
	}
	return files, nil
}

// RebuildFeeds renders every feed and every part of the sitemap anew; progress, where given, hears how many of how many
// files are written.
func (s *Store) RebuildFeeds(ctx context.Context, render Render, progress func(done, all int)) error {
	site, err := s.Site(ctx)
	if err != nil {
		return err
	}
	rows, _ := s.db.Query(ctx, sqlSitemapMonths)
	type monthCount struct {
		Month time.Time
		Count int
	}
	months, err := pgx.CollectRows(rows, pgx.RowToStructByPos[monthCount])
	if err != nil {
		return fmt.Errorf("list months of the sitemap: %w", err)
	}
	type place struct {
		month time.Time
		part  int
	}
	var parts []place
	for _, m := range months {
		for part := range (m.Count + newsroom.SitemapPartSize - 1) / newsroom.SitemapPartSize {
			parts = append(parts, place{m.Month, part})
		}
	}
	var sections []string
	for _, list := range [][]newsroom.Section{site.Sections, site.Retired} {
		for _, one := range list {
			sections = append(sections, one.ID)
		}
	}
	all, done := len(parts)+len(sections)+1, 0
	told := func() {
		done++
		if progress != nil {
			progress(done, all)
		}
	}
	write := func(fill func(pgx.Tx, *newsroom.FeedSource) error) error {
		err := s.tx(ctx, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, sqlLockFeeds, args{"key": feedsLock}); err != nil {
				return err
			}
			source := newsroom.FeedSource{Site: site, At: s.now().UTC()}
			if err := fill(tx, &source); err != nil {
				return err
			}
			for _, file := range render(source) {
				if err := s.writeFeed(ctx, tx, "", file); err != nil {
					return err
				}
			}
			return s.bumpPortal(ctx, tx)
		})
		if err != nil {
			return fmt.Errorf("rebuild feeds: %w", err)
		}
		told()
		return nil
	}
	for _, p := range parts {
		if err := write(func(tx pgx.Tx, source *newsroom.FeedSource) error {
			part, err := s.sitemapPart(ctx, tx, p.month, p.part)
			if err != nil {
				return err
			}
			source.Parts = []newsroom.SitemapPart{part}
			source.Known, err = s.sitemapFiles(ctx, tx, source.At, part)
			return err
		}); err != nil {
			return err
		}
	}
	for i := range len(sections) + 1 {
		if err := write(func(tx pgx.Tx, source *newsroom.FeedSource) error {
			lists, err := s.feedLists(ctx, tx, site, sections[max(i-1, 0):i])
			if err != nil {
				return err
			}
			source.Lists = lists[len(lists)-1:]
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

const sqlFeed = `SELECT path, mime, body, etag, updated_at FROM feeds WHERE path = @path`

// Feed returns a rendered file, or newsroom.ErrNotFound where nothing was rendered under that path yet.
func (s *Store) Feed(ctx context.Context, path string) (newsroom.FeedFile, error) {
	rows, _ := s.db.Query(ctx, sqlFeed, args{"path": path})
	file, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[newsroom.FeedFile])
	if err != nil {
		return file, fmt.Errorf("feed %s: %w", path, notFound(err))
	}
	return file, nil
}
