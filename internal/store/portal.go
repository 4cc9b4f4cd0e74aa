package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// portalSettings is settings.value under the key "portal".
type portalSettings struct {
	Hotlines []newsroom.Hotline `json:"hotlines"`
	Notices  *string            `json:"notices"` // section id; nil: defaultNotices where it exists
}

// defaultNotices is the section whose articles stand as notices on the front page unless a setting says otherwise.
const defaultNotices = "thong-bao"

const sqlSite = `
	SELECT (SELECT version FROM portal_version),
	  (SELECT value FROM settings WHERE key = 'office'),
	  (SELECT value FROM settings WHERE key = 'portal')`

// Site reads what the frame of every public page shows. An office without settings yet has empty names.
func (s *Store) Site(ctx context.Context) (newsroom.Site, error) {
	var site newsroom.Site
	var office, portal []byte
	if err := s.db.QueryRow(ctx, sqlSite).Scan(&site.Version, &office, &portal); err != nil {
		return site, fmt.Errorf("read site: %w", err)
	}
	var settings portalSettings
	for _, one := range []struct {
		raw []byte
		out any
	}{{office, &site.Office}, {portal, &settings}} {
		if one.raw == nil {
			continue
		}
		if err := json.Unmarshal(one.raw, one.out); err != nil {
			return site, fmt.Errorf("read site settings: %w", err)
		}
	}
	site.Hotlines = settings.Hotlines
	all, err := s.Sections(ctx)
	if err != nil {
		return site, err
	}
	notices := defaultNotices
	if settings.Notices != nil {
		notices = *settings.Notices
	}
	for _, one := range all {
		if one.Retired {
			site.Retired = append(site.Retired, one)
			continue
		}
		site.Sections = append(site.Sections, one)
		if one.ID == notices {
			site.Notices = one.ID
		}
	}
	return site, nil
}

const sqlPortalVersion = `SELECT version FROM portal_version`

// PortalVersion grows with every public change: what page caches look at while NATS is away.
func (s *Store) PortalVersion(ctx context.Context) (version int64, err error) {
	if err := s.db.QueryRow(ctx, sqlPortalVersion).Scan(&version); err != nil {
		return 0, fmt.Errorf("read portal version: %w", err)
	}
	return version, nil
}

// itemColumns are the columns of newsroom.PortalItem, in the order of scanItem; itemTables gives the article as l.
const (
	itemColumns = `l.article_id, l.slug, l.section_id, l.title, l.lead, l.byline, l.public, l.cover, l.cover_alt,
	  coalesce(m.width, 0), coalesce(m.height, 0), coalesce(v.widths, '{}'), coalesce(v.ext, ''), l.published_at, l.updated_at,
	  EXISTS (SELECT FROM publications p WHERE p.article_id = l.article_id AND p.kind = 'correction')`
	itemTables = `LEFT JOIN media m ON m.sha = l.cover
	LEFT JOIN LATERAL (SELECT array_agg(width ORDER BY width) AS widths, min(ext) AS ext FROM media_variants WHERE sha = l.cover) v ON true`
)

func scanItem(row pgx.Row, more ...any) (newsroom.PortalItem, error) {
	var i newsroom.PortalItem
	into := []any{
		&i.ID, &i.Slug, &i.Section, &i.Title, &i.Lead, &i.Byline, &i.Public, &i.Cover.SHA, &i.CoverAlt, &i.Cover.Width,
		&i.Cover.Height, &i.Cover.Widths, &i.Cover.Ext, &i.Published, &i.Updated, &i.Corrected,
	}
	return i, row.Scan(append(into, more...)...)
}

func scanItems(row pgx.CollectableRow) (newsroom.PortalItem, error) { return scanItem(row) }

// items runs a query whose columns are itemColumns.
func (s *Store) items(ctx context.Context, what, sql string, a args) ([]newsroom.PortalItem, error) {
	rows, _ := s.db.Query(ctx, sql, a)
	found, err := pgx.CollectRows(rows, scanItems)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", what, err)
	}
	return found, nil
}

const (
	sqlNewest = `
	SELECT ` + itemColumns + ` FROM (SELECT * FROM live_articles WHERE public = 'live' AND section_id <> @but
	  ORDER BY published_at DESC, article_id LIMIT @limit) l ` + itemTables + `
	ORDER BY l.published_at DESC, l.article_id`
	sqlSectionNewest = `
	SELECT ` + itemColumns + ` FROM (SELECT * FROM live_articles WHERE public = 'live' AND section_id = @section
	  ORDER BY published_at DESC, article_id LIMIT @limit) l ` + itemTables + `
	ORDER BY l.published_at DESC, l.article_id`
	sqlBlocks = `
	SELECT ` + itemColumns + ` FROM unnest(@sections::text[]) WITH ORDINALITY AS b (section_id, place)
	CROSS JOIN LATERAL (SELECT * FROM live_articles WHERE public = 'live' AND section_id = b.section_id
	  ORDER BY published_at DESC, article_id LIMIT @limit) l ` + itemTables + `
	ORDER BY b.place, l.published_at DESC, l.article_id`
)

// Sizes of the front page's parts.
const (
	frontNewest  = 12
	frontBlock   = 4
	frontNotices = 6
)

// Front reads the front page: the newest articles, the first of them with a picture as the lead story, each section's
// newest, and the notices.
func (s *Store) Front(ctx context.Context, site newsroom.Site) (newsroom.Front, error) {
	var front newsroom.Front
	newest, err := s.items(ctx, "newest articles", sqlNewest, args{"but": site.Notices, "limit": frontNewest})
	if err != nil {
		return front, err
	}
	lead := 0
	for i := range min(len(newest), 5) {
		if len(newest[i].Cover.Widths) > 0 {
			lead = i
			break
		}
	}
	for i := range newest {
		if i == lead {
			front.Lead = &newest[i]
			continue
		}
		front.Newest = append(front.Newest, newest[i])
	}
	var ids []string
	for _, section := range site.Sections {
		if section.ID != site.Notices {
			ids = append(ids, section.ID)
		}
	}
	blocks, err := s.items(ctx, "section blocks", sqlBlocks, args{"sections": ids, "limit": frontBlock + 1})
	if err != nil {
		return front, err
	}
	for _, item := range blocks {
		if last := len(front.Blocks) - 1; last < 0 || front.Blocks[last].Section.ID != item.Section {
			front.Blocks = append(front.Blocks, newsroom.PortalBlock{Section: site.Section(item.Section)})
		}
		last := &front.Blocks[len(front.Blocks)-1]
		last.Items = append(last.Items, item)
	}
	for i := range front.Blocks {
		front.Blocks[i].Items = blockItems(front.Blocks[i].Items, front.Lead)
	}
	if site.Notices != "" {
		front.Notices, err = s.items(ctx, "notices", sqlSectionNewest, args{"section": site.Notices, "limit": frontNotices})
	}
	return front, err
}

// blockItems are a section's articles in its block: without the lead story, unless the section has no other.
func blockItems(items []newsroom.PortalItem, lead *newsroom.PortalItem) []newsroom.PortalItem {
	if len(items) > 1 && lead != nil {
		items = slices.DeleteFunc(items, func(i newsroom.PortalItem) bool { return i.ID == lead.ID })
	}
	return items[:min(len(items), frontBlock)]
}

// Each kind of list: which articles, of those in @public. Both branches of a section stop early by their indexes.
const (
	listSection = `(SELECT article_id, published_at FROM live_articles WHERE public = 'live' AND section_id = @key
	    ORDER BY published_at DESC, article_id LIMIT @reach)
	  UNION (SELECT article_id, published_at FROM live_articles WHERE public = 'live' AND also_in @> ARRAY[@key]
	    ORDER BY published_at DESC, article_id LIMIT @reach)`
	listAuthor = `SELECT article_id, published_at FROM live_articles WHERE public = 'live' AND pen_names @> ARRAY[@key]`
	listTag    = `SELECT article_id, published_at FROM live_articles WHERE public = 'live' AND tags @> ARRAY[@key]`
	listTopic  = `SELECT article_id, published_at FROM live_articles WHERE public = 'live' AND topics @> ARRAY[@key]`
	listDay    = `SELECT article_id, published_at FROM live_articles WHERE public IN ('live', 'expired')
	    AND published_at >= @key::timestamptz AND published_at < @key::timestamptz + interval '1 day'`

	listHead = `WITH found AS MATERIALIZED (SELECT * FROM (`
	listTail = `) every ORDER BY published_at DESC, article_id LIMIT @reach)
	SELECT ` + itemColumns + `, (SELECT count(*) FROM found)
	FROM (SELECT article_id FROM found ORDER BY published_at DESC, article_id LIMIT @size OFFSET @skip) page
	JOIN live_articles l USING (article_id) ` + itemTables + ` ORDER BY l.published_at DESC, l.article_id`

	sqlListSection = listHead + listSection + listTail
	sqlListAuthor  = listHead + listAuthor + listTail
	sqlListTag     = listHead + listTag + listTail
	sqlListTopic   = listHead + listTopic + listTail
	sqlListDay     = listHead + listDay + listTail
)

// list reads one page of size items of a list. A page beyond the end is newsroom.ErrNotFound, but for the first.
func (s *Store) list(ctx context.Context, what, sql string, key any, page, size int) (newsroom.PortalList, error) {
	var found newsroom.PortalList
	rows, _ := s.db.Query(ctx, sql, args{"key": key, "size": size, "skip": (page - 1) * size, "reach": newsroom.MaxListed})
	items, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (newsroom.PortalItem, error) {
		return scanItem(row, &found.Total)
	})
	if err != nil {
		return found, fmt.Errorf("list %s: %w", what, err)
	}
	if len(items) == 0 && page > 1 {
		return found, fmt.Errorf("list %s, page %d: %w", what, page, newsroom.ErrNotFound)
	}
	found.Items = items
	return found, nil
}

// SectionArticles lists a section's live articles, newest first, with those that are also filed there.
func (s *Store) SectionArticles(ctx context.Context, section string, page, size int) (newsroom.PortalList, error) {
	return s.list(ctx, "articles of section "+section, sqlListSection, section, page, size)
}

// AuthorArticles lists the live articles under a pen name, given as its slug.
func (s *Store) AuthorArticles(ctx context.Context, penName string, page, size int) (newsroom.PortalList, error) {
	return s.list(ctx, "articles of author "+penName, sqlListAuthor, penName, page, size)
}

// TagArticles lists the live articles with a keyword, given as its slug.
func (s *Store) TagArticles(ctx context.Context, tag string, page, size int) (newsroom.PortalList, error) {
	return s.list(ctx, "articles with tag "+tag, sqlListTag, tag, page, size)
}

// TopicArticles lists the live articles of a topic, given as its slug.
func (s *Store) TopicArticles(ctx context.Context, topic string, page, size int) (newsroom.PortalList, error) {
	return s.list(ctx, "articles of topic "+topic, sqlListTopic, topic, page, size)
}

// DayArticles lists what was published on a local day and is still to be found, expired articles too.
func (s *Store) DayArticles(ctx context.Context, day newsroom.Date, page, size int) (newsroom.PortalList, error) {
	return s.list(ctx, "articles of "+day.String(), sqlListDay, day.Start(), page, size)
}

const sqlMonthDays = `
	SELECT extract(day FROM published_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::int AS day, count(*)::int FROM live_articles
	WHERE public IN ('live', 'expired') AND published_at >= @from AND published_at < @to GROUP BY day ORDER BY day`

// MonthDays counts what was published on each local day of a month; days without articles are left out.
func (s *Store) MonthDays(ctx context.Context, year int, month time.Month) ([]newsroom.DayCount, error) {
	first := newsroom.Date{Year: year, Month: month, Day: 1}
	rows, _ := s.db.Query(ctx, sqlMonthDays, args{"from": first.Start(), "to": first.Start().AddDate(0, 1, 0)})
	days, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (c newsroom.DayCount, err error) {
		c.Date = first
		return c, row.Scan(&c.Date.Day, &c.Count)
	})
	if err != nil {
		return nil, fmt.Errorf("count articles of %d-%02d: %w", year, month, err)
	}
	return days, nil
}

// Each name of a kind in the newest articles that carry its slug.
const (
	namesHead = `SELECT DISTINCT name FROM (SELECT jsonb_path_query(content, `
	namesTail = ` @> ARRAY[@slug] ORDER BY published_at DESC LIMIT 50) names LIMIT 500`

	sqlAuthorNames = namesHead + `'$.authors[*].pen_name') #>> '{}' AS name FROM live_articles WHERE public IN ('live', 'expired') AND pen_names` + namesTail
	sqlTagNames    = namesHead + `'$.tags[*]') #>> '{}' AS name FROM live_articles WHERE public IN ('live', 'expired') AND tags` + namesTail
	sqlTopicNames  = namesHead + `'$.topics[*]') #>> '{}' AS name FROM live_articles WHERE public IN ('live', 'expired') AND topics` + namesTail
)

// AuthorName is the pen name behind a slug, or newsroom.ErrNotFound where no public article carries it.
func (s *Store) AuthorName(ctx context.Context, slug string) (string, error) {
	return s.nameOf(ctx, sqlAuthorNames, slug)
}

// TagName is the keyword behind a slug, or newsroom.ErrNotFound.
func (s *Store) TagName(ctx context.Context, slug string) (string, error) {
	return s.nameOf(ctx, sqlTagNames, slug)
}

// TopicName is the topic behind a slug, or newsroom.ErrNotFound.
func (s *Store) TopicName(ctx context.Context, slug string) (string, error) {
	return s.nameOf(ctx, sqlTopicNames, slug)
}

func (s *Store) nameOf(ctx context.Context, sql, slug string) (string, error) {
	rows, _ := s.db.Query(ctx, sql, args{"slug": slug})
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return "", fmt.Errorf("name of %s: %w", slug, err)
	}
	for _, name := range names {
		if text.Slug(name) == slug {
			return name, nil
		}
	}
	return "", fmt.Errorf("name of %s: %w", slug, newsroom.ErrNotFound)
}
