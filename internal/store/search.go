package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// searchReach is how many of the newest matches of each kind are ranked: a word that half the archive holds must not cost
// more than a rare one.
const searchReach = 1000

// searchScope is what every branch asks of an article.
const searchScope = `public IN ('live', 'expired') AND (@section = '' OR section_id = @section)
	    AND published_at >= @from::timestamptz AND published_at < @to::timestamptz`

// What was typed, with accents, ranks above what only its folded form finds; a document number above both. Phrases in
// quotes, a minus before a word and OR work as websearch_to_tsquery reads them.
const sqlSearch = `
	WITH found AS MATERIALIZED (
	  SELECT article_id, max(tier) AS tier FROM (
	    (SELECT article_id, 3 AS tier FROM live_articles WHERE @number <> '' AND numbers ILIKE @number AND ` + searchScope + `
	     ORDER BY published_at DESC LIMIT @reach)
	    UNION ALL
	    (SELECT article_id, 2 FROM live_articles WHERE search @@ websearch_to_tsquery('simple', @text) AND ` + searchScope + `
	     ORDER BY published_at DESC LIMIT @reach)
	    UNION ALL
	    (SELECT article_id, 1 FROM live_articles WHERE search @@ websearch_to_tsquery('simple', fold(@text)) AND ` + searchScope + `
	     ORDER BY published_at DESC LIMIT @reach)
	  ) every GROUP BY article_id
	), ranked AS (
	  SELECT f.article_id, f.tier, CASE WHEN f.tier = 1
	      THEN ts_rank(search, websearch_to_tsquery('simple', fold(@text)), 1)
	      ELSE ts_rank(search, websearch_to_tsquery('simple', @text), 1) END AS rank,
	    published_at FROM found f JOIN live_articles USING (article_id)
	)
	SELECT ` + itemColumns + `, left(l.plain, 20000), l.numbers, (SELECT count(*) FROM found)
	FROM (SELECT article_id, tier, rank FROM ranked
	  ORDER BY CASE WHEN @newest THEN published_at END DESC, tier DESC, rank DESC, published_at DESC, article_id
	  LIMIT @size OFFSET @skip) page
	JOIN live_articles l USING (article_id) ` + itemTables + `
	ORDER BY CASE WHEN @newest THEN l.published_at END DESC, page.tier DESC, page.rank DESC, l.published_at DESC, l.article_id`

// Search finds live and expired articles. A query without a word in it finds nothing.
func (s *Store) Search(ctx context.Context, q newsroom.SearchQuery) (newsroom.SearchResult, error) {
	var found newsroom.SearchResult
	from, to := time.Unix(0, 0), s.now().Add(24*time.Hour)
	if q.From != nil {
		from = q.From.Start()
	}
	if q.To != nil {
		to = q.To.Next().Start()
	}
	// Planned anew for each query: a plan for a rare word is the wrong one for a common word.
	rows, _ := s.db.Query(ctx, sqlSearch, pgx.QueryExecModeExec, args{
		"text": q.Text, "number": numberPattern(q.Text), "section": q.Section, "from": from, "to": to, "newest": q.Newest,
		"reach": searchReach, "size": q.Size, "skip": (q.Page - 1) * q.Size,
	})
	hits, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (h newsroom.SearchHit, err error) {
		h.PortalItem, err = scanItem(row, &h.Plain, &h.Numbers, &found.Total)
		return h, err
	})
	if err != nil {
		return found, fmt.Errorf("search articles: %w", err)
	}
	found.Hits = hits
	return found, nil
}

// numberPattern is the ILIKE pattern for a document number ("42/2022/NĐ-CP"), "" for what does not look like one: it holds
// a digit and a slash or hyphen, and is one word but for a trailing one.
func numberPattern(query string) string {
	digit, joint := false, false
	escaped := make([]rune, 0, len(query)+2)
	for _, r := range query {
		switch {
		case r >= '0' && r <= '9':
			digit = true
		case r == '/' || r == '-':
			joint = true
		case r == '%' || r == '_' || r == '\\':
			escaped = append(escaped, '\\')
		}
		escaped = append(escaped, r)
	}
	if !digit || !joint || len(escaped) > 60 {
		return ""
	}
	return "%" + string(escaped) + "%"
}
