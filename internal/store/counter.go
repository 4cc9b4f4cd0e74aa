package store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

const (
	// visitSilence ends a visit: a view after it begins the next one.
	visitSilence = 30 * time.Minute
	// onlineFor is how long after a view a reader counts as online.
	onlineFor = 5 * time.Minute
)

const sqlTakeBatch = `INSERT INTO view_batches (id, at) VALUES (@id, @at) ON CONFLICT DO NOTHING`

// A view belongs to the publication that stood when it was made. Views of what is not public count for nothing.
const sqlAddArticleViews = `
	INSERT INTO article_views (article_id, n, day, views)
	SELECT v.id, coalesce((SELECT max(p.n) FROM publications p WHERE p.article_id = v.id AND p.at <= v.at), l.changed_n), v.day, v.views
	FROM unnest(@ids::text[], @days::date[], @ats::timestamptz[], @views::bigint[]) AS v (id, day, at, views)
	JOIN live_articles l ON l.article_id = v.id AND l.public IN ('live', 'expired')
	ORDER BY 1, 2, 3
	ON CONFLICT (article_id, n, day) DO UPDATE SET views = article_views.views + excluded.views`

const (
	sqlKnownVisitors = `SELECT visitor, seen_at FROM visitors WHERE visitor = ANY (@visitors) ORDER BY visitor FOR UPDATE`
	sqlSeeVisitors   = `
	INSERT INTO visitors (visitor, seen_at) SELECT * FROM unnest(@visitors::bytea[], @seen::timestamptz[])
	ON CONFLICT (visitor) DO UPDATE SET seen_at = greatest(visitors.seen_at, excluded.seen_at)`
	sqlAddSiteViews = `
	INSERT INTO site_views (day, views, visits) SELECT * FROM unnest(@days::date[], @views::bigint[], @visits::bigint[])
	ON CONFLICT (day) DO UPDATE SET views = site_views.views + excluded.views, visits = site_views.visits + excluded.visits`
)

// ApplyViews counts a batch of page views, once: a repeat is known by the batch's id. Views are bucketed by the local day they
// were made on.
func (s *Store) ApplyViews(ctx context.Context, id string, views []newsroom.PageView) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sqlTakeBatch, args{"id": id, "at": s.now().UTC()})
		if err != nil || tag.RowsAffected() == 0 || len(views) == 0 {
			return err
		}
		tally := tallyViews(views)
		if len(tally.articles.ids) > 0 {
			if _, err := tx.Exec(ctx, sqlAddArticleViews, args{
				"ids": tally.articles.ids, "days": tally.articles.days, "ats": tally.articles.ats, "views": tally.articles.views,
			}); err != nil {
				return fmt.Errorf("count article views: %w", err)
			}
		}
		visits, err := s.countVisits(ctx, tx, views)
		if err != nil {
			return fmt.Errorf("count visits: %w", err)
		}
		days := slices.SortedFunc(maps.Keys(tally.pages), time.Time.Compare)
		dayViews, dayVisits := make([]int64, len(days)), make([]int64, len(days))
		for i, day := range days {
			dayViews[i], dayVisits[i] = tally.pages[day], visits[day]
		}
		_, err = tx.Exec(ctx, sqlAddSiteViews, args{"days": days, "views": dayViews, "visits": dayVisits})
		return err
	})
	if err != nil {
		return fmt.Errorf("apply views batch %s: %w", id, err)
	}
	return nil
}

const sqlCountedViews = `SELECT id FROM view_batches WHERE id = ANY (@ids)`

// CountedViews returns those of ids, batches of page views of the last days, that are counted.
func (s *Store) CountedViews(ctx context.Context, ids []string) ([]string, error) {
	rows, _ := s.db.Query(ctx, sqlCountedViews, args{"ids": ids})
	counted, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look for counted views: %w", err)
	}
	return counted, nil
}

// tally is a batch of views, summed up.
type tally struct {
	pages    map[time.Time]int64 // by local day
	articles struct {
		ids   []string
		days  []time.Time
		ats   []time.Time
		views []int64
	}
}

func tallyViews(views []newsroom.PageView) tally {
	type key struct {
		id  string
		day time.Time
	}
	t := tally{pages: map[time.Time]int64{}}
	place := map[key]int{}
	for _, v := range views {
		day := dateValue(newsroom.DateOf(v.At))
		t.pages[day]++
		if v.ArticleID == "" {
			continue
		}
		at, known := place[key{v.ArticleID, day}]
		if !known {
			at = len(t.articles.ids)
			place[key{v.ArticleID, day}] = at
			t.articles.ids = append(t.articles.ids, v.ArticleID)
			t.articles.days = append(t.articles.days, day)
			t.articles.ats = append(t.articles.ats, v.At)
			t.articles.views = append(t.articles.views, 0)
		}
		t.articles.views[at]++
	}
	return t
}

// countVisits notes when each visitor was seen and returns how many visits began, by local day.
func (s *Store) countVisits(ctx context.Context, tx pgx.Tx, views []newsroom.PageView) (map[time.Time]int64, error) {
	views = slices.Clone(views)
	slices.SortStableFunc(views, func(a, b newsroom.PageView) int {
		return cmp.Or(bytes.Compare(a.Visitor, b.Visitor), a.At.Compare(b.At))
	})
	var visitors [][]byte
	for _, v := range views {
		if n := len(visitors); n == 0 || !bytes.Equal(visitors[n-1], v.Visitor) {
			visitors = append(visitors, v.Visitor)
		}
	}
	seen := map[string]time.Time{}
	rows, _ := tx.Query(ctx, sqlKnownVisitors, args{"visitors": visitors})
	var visitor []byte
	var at time.Time
	if _, err := pgx.ForEachRow(rows, []any{&visitor, &at}, func() error { seen[string(visitor)] = at; return nil }); err != nil {
		return nil, err
	}
	visits := map[time.Time]int64{}
	for _, v := range views {
		before, known := seen[string(v.Visitor)]
		if !known || v.At.Sub(before) > visitSilence {
			visits[dateValue(newsroom.DateOf(v.At))]++
		}
		if !known || v.At.After(before) {
			seen[string(v.Visitor)] = v.At
		}
	}
	times := make([]time.Time, len(visitors))
	for i, one := range visitors {
		times[i] = seen[string(one)]
	}
	_, err := tx.Exec(ctx, sqlSeeVisitors, args{"visitors": visitors, "seen": times})
	return visits, err
}

// dateValue is a local day as Postgres takes a date.
func dateValue(d newsroom.Date) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)
}

const sqlCounters = `
	SELECT (SELECT count(*) FROM visitors WHERE seen_at > @online),
	  coalesce(sum(visits) FILTER (WHERE day = @today), 0)::bigint, coalesce(sum(visits) FILTER (WHERE day >= @monday), 0)::bigint,
	  coalesce(sum(visits) FILTER (WHERE day >= @first), 0)::bigint, coalesce(sum(visits), 0)::bigint,
	  (SELECT value FROM settings WHERE key = 'counter_baseline')
	FROM site_views`

// counterBaseline is settings.value under the key "counter_baseline": what the system before had counted.
type counterBaseline struct {
	Total int64 `json:"total"`
}

// Counters reads Số lượt truy cập as it stands now.
func (s *Store) Counters(ctx context.Context) (newsroom.Counters, error) {
	var c newsroom.Counters
	var raw []byte
	now := s.now()
	today := newsroom.DateOf(now)
	if err := s.db.QueryRow(ctx, sqlCounters, args{
		"online": now.Add(-onlineFor), "today": dateValue(today), "monday": dateValue(mondayOf(today)),
		"first": dateValue(newsroom.Date{Year: today.Year, Month: today.Month, Day: 1}),
	}).Scan(&c.Online, &c.Today, &c.Week, &c.Month, &c.Total, &raw); err != nil {
		return c, fmt.Errorf("read counters: %w", err)
	}
	if raw != nil {
		var baseline counterBaseline
		if err := json.Unmarshal(raw, &baseline); err != nil {
			return c, fmt.Errorf("read counters' baseline: %w", err)
		}
		c.Total += baseline.Total
	}
	return c, nil
}

// mondayOf is the first day of d's week.
func mondayOf(d newsroom.Date) newsroom.Date {
	start := d.Start()
	back := (int(start.Weekday()) + 6) % 7
	return newsroom.DateOf(start.AddDate(0, 0, -back))
}

const sqlArticleViews = `
	SELECT a.id, a.baseline_views + coalesce((SELECT sum(views) FROM article_views v WHERE v.article_id = a.id), 0)::bigint
	FROM articles a WHERE a.id = ANY (@ids)`

// ArticleViews sums the views of articles over all their publications, with what was imported. Unknown ids are left out.
func (s *Store) ArticleViews(ctx context.Context, ids []string) (map[string]int64, error) {
	rows, _ := s.db.Query(ctx, sqlArticleViews, args{"ids": ids})
	views := make(map[string]int64, len(ids))
	var id string
	var n int64
	if _, err := pgx.ForEachRow(rows, []any{&id, &n}, func() error { views[id] = n; return nil }); err != nil {
		return nil, fmt.Errorf("read article views: %w", err)
	}
	return views, nil
}

const (
	sqlSeeEvent   = `INSERT INTO events_seen (durable, event_id, at) VALUES (@durable, @id, @at) ON CONFLICT DO NOTHING`
	sqlZeroViews  = `INSERT INTO article_views (article_id, n, day, views) VALUES (@id, @n, @day, 0) ON CONFLICT DO NOTHING`
	sqlNoteReset  = `INSERT INTO counter_resets (scope, key, at) VALUES (@scope, @key, @at) ON CONFLICT DO NOTHING`
	sqlResetNoted = `SELECT at FROM counter_resets WHERE scope = @scope AND key = @key`
)

// seeEvent notes within tx that durable handles an event; it reports false when that was done before.
func (s *Store) seeEvent(ctx context.Context, tx pgx.Tx, durable, eventID string) (fresh bool, err error) {
	tag, err := tx.Exec(ctx, sqlSeeEvent, args{"durable": durable, "id": eventID, "at": s.now().UTC()})
	if err != nil {
		return false, fmt.Errorf("note event %s: %w", eventID, err)
	}
	return tag.RowsAffected() == 1, nil
}

// ResetArticleCounter starts the counter of a first publication at zero and writes the receipt. It inserts a zero row and
// never takes away a view that came after the release. A repeat of the event changes nothing and returns the same reset.
func (s *Store) ResetArticleCounter(ctx context.Context, eventID, articleID string, n int64, at time.Time) (newsroom.CounterReset, error) {
	reset := newsroom.CounterReset{Scope: articleID, Key: strconv.FormatInt(n, 10), At: at}
	err := s.tx(ctx, func(tx pgx.Tx) error {
		fresh, err := s.seeEvent(ctx, tx, "counters", eventID)
		if err != nil || !fresh {
			return err
		}
		if _, err := tx.Exec(ctx, sqlZeroViews, args{"id": articleID, "n": n, "day": dateValue(newsroom.DateOf(at))}); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, sqlNoteReset, args{"scope": reset.Scope, "key": reset.Key, "at": at}); err != nil {
			return err
		}
		return s.receive(ctx, tx, articleID, n, newsroom.EffectCounters, map[string]any{"from": 0, "day": newsroom.DateOf(at).String()})
	})
	if err != nil {
		return reset, fmt.Errorf("reset counter of %s/%d: %w", articleID, n, err)
	}
	return reset, nil
}

const (
	sqlForgetVisitors = `DELETE FROM visitors WHERE seen_at < @before`
	sqlForgetBatches  = `DELETE FROM view_batches WHERE at < @before`
)

// Rollover notes that the counters of the day that now falls on started anew, and of its week and month when they begin on
// it, and forgets visitors and batches that have served their time. It returns those resets, the same for every repeat.
func (s *Store) Rollover(ctx context.Context, now time.Time) ([]newsroom.CounterReset, error) {
	today := newsroom.DateOf(now)
	year, week := today.Start().ISOWeek()
	due := []newsroom.CounterReset{{Scope: "day", Key: today.String()}}
	if mondayOf(today) == today {
		due = append(due, newsroom.CounterReset{Scope: "week", Key: fmt.Sprintf("%d-W%02d", year, week)})
	}
	if today.Day == 1 {
		due = append(due, newsroom.CounterReset{Scope: "month", Key: today.String()[:7]})
	}
	err := s.tx(ctx, func(tx pgx.Tx) error {
		for i := range due {
			if _, err := tx.Exec(ctx, sqlNoteReset, args{"scope": due[i].Scope, "key": due[i].Key, "at": now.UTC()}); err != nil {
				return err
			}
			if err := tx.QueryRow(ctx, sqlResetNoted, args{"scope": due[i].Scope, "key": due[i].Key}).Scan(&due[i].At); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, sqlForgetVisitors, args{"before": now.Add(-24 * time.Hour)}); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, sqlForgetBatches, args{"before": now.Add(-8 * 24 * time.Hour)}) // the stream keeps a week
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("roll counters over: %w", err)
	}
	return due, nil
}

const (
	sqlDayViews      = `SELECT day, views, visits FROM site_views WHERE day > @since ORDER BY day`
	sqlSectionCounts = `
	SELECT section_id, count(*) FROM live_articles WHERE public IN ('live', 'expired') AND published_at >= @since
	GROUP BY section_id ORDER BY count(*) DESC, section_id`
	sqlMostRead = `
	SELECT ` + itemColumns + `, r.views FROM (SELECT article_id, sum(views)::bigint AS views FROM article_views WHERE day > @since
	  GROUP BY article_id HAVING sum(views) > 0 ORDER BY 2 DESC, article_id LIMIT 40) r
	JOIN live_articles l ON l.article_id = r.article_id AND l.public = 'live' ` + itemTables + `
	ORDER BY r.views DESC, l.published_at DESC LIMIT @limit`
	sqlPublishedCount = `SELECT count(*) FROM live_articles WHERE public IN ('live', 'expired')`
)

// statisticsDays is how far back /thong-ke looks, today included.
const statisticsDays = 30

// Statistics reads what /thong-ke shows; days without a view are filled in with zero.
func (s *Store) Statistics(ctx context.Context) (newsroom.Statistics, error) {
	var out newsroom.Statistics
	var err error
	if out.Counters, err = s.Counters(ctx); err != nil {
		return out, err
	}
	today := newsroom.DateOf(s.now())
	since := newsroom.DateOf(today.Start().AddDate(0, 0, -statisticsDays))
	byDay := map[newsroom.Date]newsroom.DayViews{}
	rows, _ := s.db.Query(ctx, sqlDayViews, args{"since": dateValue(since)})
	var day time.Time
	var one newsroom.DayViews
	if _, err := pgx.ForEachRow(rows, []any{&day, &one.Views, &one.Visits}, func() error {
		one.Date = newsroom.Date{Year: day.Year(), Month: day.Month(), Day: day.Day()}
		byDay[one.Date] = one
		return nil
	}); err != nil {
		return out, fmt.Errorf("read daily views: %w", err)
	}
	for d := since.Next(); !d.Start().After(today.Start()); d = d.Next() {
		found := byDay[d]
		found.Date = d
		out.Days = append(out.Days, found)
	}
	rows, _ = s.db.Query(ctx, sqlSectionCounts, args{"since": since.Start()})
	if out.Sections, err = pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.SectionCount]); err != nil {
		return out, fmt.Errorf("count articles by section: %w", err)
	}
	rows, _ = s.db.Query(ctx, sqlMostRead, args{"since": dateValue(since), "limit": 10})
	if out.MostRead, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r newsroom.ReadItem, err error) {
		r.PortalItem, err = scanItem(row, &r.Views)
		return r, err
	}); err != nil {
		return out, fmt.Errorf("list most read articles: %w", err)
	}
	if err := s.db.QueryRow(ctx, sqlPublishedCount).Scan(&out.Published); err != nil {
		return out, fmt.Errorf("count articles: %w", err)
	}
	return out, nil
}
