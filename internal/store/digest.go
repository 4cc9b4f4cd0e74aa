package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// digestBack is how many days back a cut that nobody made (the machine was off) is made up for; the last one always is.
const digestBack = 4

// cut is one moment at which digests of a cadence are made, with what they cover.
type cut struct {
	cadence  newsroom.Cadence
	day      newsroom.Date
	from, to time.Time
}

// period names a cut: it is unique per list, so that a digest is made once.
func (c cut) period() string { return string(c.cadence) + "/" + c.day.String() }

// cuts lists the cuts of the last days that are over at now, and of each cadence the last one however long ago it was, oldest first: each
// working day a daily one, each week's last working day a weekly one.
func cuts(cal newsroom.Calendar, hours digestHours, now time.Time) []cut {
	at := hours.cut
	var days []newsroom.Date // working days, oldest first, far enough back for the week before
	for back := 31; back >= 0; back-- {
		if d := newsroom.DateOf(now.AddDate(0, 0, -back)); cal.Works(d) {
			days = append(days, d)
		}
	}
	oldest := now.AddDate(0, 0, -digestBack)
	var found []cut
	last := map[newsroom.Cadence]newsroom.Date{}
	lastWeekly := -1
	for i, d := range days {
		weekly := i+1 < len(days) && week(days[i+1]) != week(d) || i+1 == len(days) && !worksLater(cal, d)
		if to := at(d); i > 0 && !to.After(now) {
			found, last[newsroom.CadenceDaily] = append(found, cut{newsroom.CadenceDaily, d, at(days[i-1]), to}), d
			if weekly && lastWeekly >= 0 {
				found, last[newsroom.CadenceWeekly] = append(found, cut{newsroom.CadenceWeekly, d, at(days[lastWeekly]), to}), d
			}
		}
		if weekly {
			lastWeekly = i
		}
	}
	return slices.DeleteFunc(found, func(c cut) bool { return !c.to.After(oldest) && c.day != last[c.cadence] })
}

func week(d newsroom.Date) int {
	year, n := d.Start().ISOWeek()
	return year*100 + n
}

// worksLater reports whether the office works on a later day of d's week.
func worksLater(cal newsroom.Calendar, d newsroom.Date) bool {
	for next := d.Next(); week(next) == week(d); next = next.Next() {
		if cal.Works(next) {
			return true
		}
	}
	return false
}

const (
	// Issues that told an article of this cut under a section which it has left since, by a correction.
	sqlMoved = `
	SELECT coalesce(array_agg(DISTINCT i.id), '{}') FROM live_articles l JOIN mail_issues i ON i.opened_at > @from
	  AND ((i.kind <> 'digest' AND i.article_id = l.article_id AND i.list <> l.section_id)
	    OR (i.kind = 'digest' AND i.items @> ARRAY[l.article_id] AND l.section_id <> ALL (i.sections)))
	WHERE l.public = 'live' AND l.published_at > @from AND l.published_at <= @to`
	// Whoever such an issue went to, or goes to.
	withHeard = `
	WITH heard AS MATERIALIZED (
	  SELECT subscriber_id FROM mail_deliveries WHERE issue_id = ANY (@moved::text[])
	  UNION SELECT unnest(recipients[written + 1:]) FROM mail_chunks WHERE issue_id = ANY (@moved::text[]))`
	hasHeard = `EXISTS (SELECT FROM heard WHERE heard.subscriber_id = l.subscriber_id)`
	// Whoever chose anything since the last cut, or was told an article under another section, may have read some of it already:
	// sqlOwnReaders looks at them one by one. Who changed to mails at once has the rest of the former cadence coming: what was published
	// until then.
	sqlDigestSets = withHeard + `
	SELECT sections FROM (
	  SELECT array_agg(l.section_id ORDER BY l.section_id) AS sections FROM subscriptions l JOIN subscribers s ON s.id = l.subscriber_id
	  WHERE l.cadence = @cadence AND l.since <= @to AND s.state = 'confirmed' AND NOT ` + hasHeard + `
	  GROUP BY l.subscriber_id HAVING max(l.changed_at) <= @from) sets
	GROUP BY sections ORDER BY sections`
	sqlDigestItems = `
	SELECT l.article_id, count(*) OVER ()::int FROM live_articles l WHERE l.public = 'live' AND l.section_id = ANY (@sections)
	  AND l.published_at > @from AND l.published_at <= @to ORDER BY l.published_at DESC, l.article_id LIMIT @limit`
	sqlOwnReaders = withHeard + `
	SELECT r.sections, told.items, told.found, array_agg(r.id ORDER BY r.id) FROM (
	  SELECT l.subscriber_id AS id, array_agg(l.section_id ORDER BY l.section_id) AS sections
	  FROM subscriptions l JOIN subscribers s ON s.id = l.subscriber_id LEFT JOIN heard ON heard.subscriber_id = l.subscriber_id
	  WHERE l.cadence = @cadence AND l.since <= @to AND s.state = 'confirmed'
	  GROUP BY l.subscriber_id HAVING (max(l.changed_at) > @from OR (@cadence <> 'instant' AND count(heard.subscriber_id) > 0)) AND max(l.changed_at) <= @to) r
	CROSS JOIN LATERAL (SELECT array_agg(a.article_id ORDER BY a.published_at DESC, a.article_id) AS items, max(a.found) AS found FROM (
	  SELECT l.article_id, l.published_at, count(*) OVER ()::int AS found FROM live_articles l JOIN subscriptions w ON w.section_id = l.section_id
	  WHERE w.subscriber_id = r.id AND w.cadence = @cadence AND l.public = 'live' AND l.section_id = ANY (r.sections)
	    AND l.published_at > greatest(w.since, @reach) AND l.published_at <= CASE @cadence WHEN 'instant' THEN w.changed_at ELSE @to END AND NOT EXISTS (
	      SELECT FROM mail_deliveries d JOIN mail_issues i ON i.id = d.issue_id
	      WHERE d.subscriber_id = r.id AND d.state NOT IN ('suppressed', 'cancelled', 'hard', 'expired')
	        AND (i.article_id = l.article_id OR (i.kind = 'digest' AND i.items @> ARRAY[l.article_id])))
	    AND NOT EXISTS ( -- on its way, and no row was made yet
	      SELECT FROM mail_issues i JOIN mail_chunks k ON k.issue_id = i.id
	      WHERE i.status IN ('preparing', 'prepared', 'sending', 'paused') AND r.id = ANY (k.recipients[k.written + 1:])
	        AND (i.article_id = l.article_id OR (i.kind = 'digest' AND i.items @> ARRAY[l.article_id])))
	  ORDER BY l.published_at DESC, l.article_id LIMIT @limit) a) told
	WHERE told.items IS NOT NULL GROUP BY r.sections, told.items, told.found ORDER BY min(r.id)`
	sqlOpenDigest = `
	INSERT INTO mail_issues (id, kind, list, period, sections, items, items_more, readers, told_in, covers_from, covers_to, opened_at)
	VALUES (@id, 'digest', @list, @period, @sections, @items, @more, @readers, @told_in, @from, @to, @at)`
)

// digestMost is how many articles one digest lists.
const digestMost = 50

// OpenDigests opens the digests whose time has come, one for each combination of sections that somebody gets at a cadence, and
// returns their ids. Where nothing was published there is none. A repeat opens nothing twice; a day on which the machine was
// off is made up for within a few days.
func (s *Store) OpenDigests(ctx context.Context, now time.Time) ([]string, error) {
	calendar, err := s.calendar(ctx, s.db)
	if err != nil {
		return nil, err
	}
	hours, err := s.digestHours(ctx)
	if err != nil {
		return nil, err
	}
	var opened []string
	for _, c := range cuts(calendar, hours, now) {
		ids, err := s.openCut(ctx, c, hours)
		if err != nil {
			return opened, fmt.Errorf("open digests of %s: %w", c.period(), err)
		}
		opened = append(opened, ids...)
	}
	return opened, nil
}

// digester marks in events_seen the cuts that were made.
const digester = "digests"

// The days of the cuts that were made before and after one, "" none.
const sqlCutsMade = `
	SELECT coalesce(max(day) FILTER (WHERE day < @day), ''), coalesce(max(day) FILTER (WHERE day > @day), '') FROM (
	  SELECT split_part(event_id, '/', 2) COLLATE "C" AS day FROM events_seen
	  WHERE durable = @durable AND split_part(event_id, '/', 1) = @cadence) made`

// follow lets c begin where the cut made before it ended, and not where the calendar has it: days are declared off or working when
// digests were made already, and a machine may have been off for weeks. told says that a later cut was made, which told all of it.
func (s *Store) follow(ctx context.Context, tx pgx.Tx, c *cut, hours digestHours) (told bool, err error) {
	var before, after string
	err = tx.QueryRow(ctx, sqlCutsMade, args{"durable": digester, "cadence": c.cadence, "day": c.day.String()}).Scan(&before, &after)
	if err != nil || after != "" || before == "" {
		return after != "", err
	}
	day, err := time.ParseInLocation(time.DateOnly, before, newsroom.Zone)
	if err != nil {
		return false, fmt.Errorf("cut made before %s: %w", c.period(), err)
	}
	c.from = hours.cut(newsroom.DateOf(day))
	return false, nil
}

// openCut makes one cut, once, in one transaction.
func (s *Store) openCut(ctx context.Context, c cut, hours digestHours) (opened []string, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		opened = nil
		tag, err := tx.Exec(ctx, sqlMailerSees, args{"durable": digester, "event": c.period(), "at": s.now().UTC()})
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		if told, err := s.follow(ctx, tx, &c, hours); err != nil || told {
			return err
		}
		open := func(d digest) error {
			if len(d.items) == 0 {
				return nil
			}
			id := newsroom.NewID()
			opened = append(opened, id)
			_, err := tx.Exec(ctx, sqlOpenDigest, args{
				"id": id, "list": digestList(d.cadence, d.sections), "period": d.period, "sections": d.sections, "items": d.items, "more": d.found - len(d.items),
				"readers": orEmpty(d.readers), "told_in": orEmpty(d.toldIn), "from": c.from, "to": c.to, "at": s.now().UTC(),
			})
			return err
		}
		var moved []string
		if err := tx.QueryRow(ctx, sqlMoved, args{"from": c.from, "to": c.to}).Scan(&moved); err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, sqlDigestSets, args{"cadence": c.cadence, "from": c.from, "to": c.to, "moved": moved})
		sets, err := pgx.CollectRows(rows, pgx.RowTo[[]string])
		if err != nil {
			return err
		}
		for _, sections := range sets {
			rows, _ := tx.Query(ctx, sqlDigestItems, args{"sections": sections, "from": c.from, "to": c.to, "limit": digestMost})
			d := digest{cadence: c.cadence, sections: sections, toldIn: moved, period: c.period()}
			var id string
			if _, err := pgx.ForEachRow(rows, []any{&id, &d.found}, func() error { d.items = append(d.items, id); return nil }); err != nil {
				return err
			}
			if err := open(d); err != nil {
				return err
			}
		}
		for _, cadence := range c.owed() {
			rows, _ := tx.Query(ctx, sqlOwnReaders, args{
				"cadence": cadence, "from": c.from, "to": c.to, "reach": c.reach(), "limit": digestMost, "moved": moved,
			})
			own, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d digest, err error) {
				return d, row.Scan(&d.sections, &d.items, &d.found, &d.readers)
			})
			if err != nil {
				return err
			}
			for k, d := range own {
				d.cadence, d.period = cadence, fmt.Sprintf("%s/own-%d", cut{cadence: cadence, day: c.day}.period(), k)
				if err := open(d); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return opened, err
}

// changedReach is how far back somebody who changed between cadences is told what no mail has told yet: a week's digest and a day, and
// the whole cut where that is longer.
const changedReach = 8 * 24 * time.Hour

func (c cut) reach() time.Time {
	if back := c.to.Add(-changedReach); back.Before(c.from) {
		return back
	}
	return c.from
}

// owed are the cadences whose readers c makes digests for one by one: its own, and with a day's whoever has changed to mails at once that day.
func (c cut) owed() []newsroom.Cadence {
	if c.cadence == newsroom.CadenceDaily {
		return []newsroom.Cadence{c.cadence, newsroom.CadenceInstant}
	}
	return []newsroom.Cadence{c.cadence}
}

// digest is one to be opened.
type digest struct {
	cadence         newsroom.Cadence // of its readers
	sections, items []string
	found           int      // articles that belong into it; it lists the newest
	readers         []string // nil: whoever has these sections at the cadence, changed nothing since the last cut and was told nothing of it
	toldIn          []string // issues whose readers it is not for, since they were told some of it
	period          string
}

// digestList names the readers of a combination of sections at a cadence, short enough for a label of List-Id.
func digestList(cadence newsroom.Cadence, sections []string) string {
	sum := sha256.Sum256([]byte(strings.Join(sections, "+")))
	return "digest-" + string(cadence) + "-" + lower32(sum[:5])
}

const (
	sqlDigest      = `SELECT sections, items, readers, told_in, covers_from, covers_to, items_more FROM mail_issues WHERE id = @id`
	sqlDigestLines = `
	SELECT l.title, l.lead, CASE WHEN @locale = 'en' AND c.name_en <> '' THEN c.name_en ELSE c.name_vi END, l.slug, l.article_id, l.revision, l.published_at
	FROM live_articles l JOIN sections c ON c.id = l.section_id
	WHERE l.article_id = ANY (@items) AND l.public = 'live' ORDER BY l.published_at DESC, l.article_id FOR SHARE OF l`
	sqlFreezeItems = `UPDATE mail_issues SET items = @items, revisions = @revisions WHERE id = @id AND content_hash = ''`
)

// archivePath is where readers find what a digest told.
const archivePath = "/luu-tru"

// errNothing says that every article of a digest was taken from the readers before it went out.
var errNothing = errors.New("nothing is left to tell")

// digestView fills in what a digest shows: the articles as readers see them now. One that was withdrawn since is left out.
func (s *Store) digestView(ctx context.Context, v *newsroom.IssueView) error {
	d, err := s.digest(ctx, s.db, v.Issue.ID)
	if err != nil {
		return err
	}
	v.Published, v.More = d.to, d.more
	if err := s.tx(ctx, func(tx pgx.Tx) (err error) {
		v.Items, err = s.digestItems(ctx, tx, v.Issue.ID, d.items)
		return err
	}); err != nil {
		return err
	}
	if len(d.sections) == 1 {
		names, err := s.sectionNames(ctx, s.db, d.sections, "vi")
		if err != nil {
			return err
		}
		v.ListName = strings.Join(names, "")
	}
	v.ArchiveTo, v.URL = s.base+archivePath, s.base+"/"
	return nil
}

// digestItems looks up what readers see of items and freezes that list with the issue. Whoever takes one of them from the readers waits, and
// then finds it in the list.
func (s *Store) digestItems(ctx context.Context, tx pgx.Tx, issueID string, items []string) (list []newsroom.DigestItem, err error) {
	rows, _ := tx.Query(ctx, sqlDigestLines, args{"items": items, "locale": "vi"})
	var shown []string
	var revisions []int
	var revision int
	var line newsroom.DigestItem
	var slug, id string
	if _, err := pgx.ForEachRow(rows, []any{&line.Title, &line.Lead, &line.Section, &slug, &id, &revision, &line.At}, func() error {
		line.URL = s.base + newsroom.ArticlePath(slug, id)
		list, shown, revisions = append(list, line), append(shown, id), append(revisions, revision)
		return nil
	}); err != nil {
		return nil, err
	}
	if len(shown) == 0 {
		return nil, errNothing
	}
	_, err = tx.Exec(ctx, sqlFreezeItems, args{"id": issueID, "items": shown, "revisions": revisions})
	return list, err
}

// frozenDigest is a digest as it is kept.
type frozenDigest struct {
	sections, items, readers, toldIn []string
	from, to                         time.Time
	more                             int
}

func (s *Store) digest(ctx context.Context, q querier, id string) (d frozenDigest, err error) {
	err = q.QueryRow(ctx, sqlDigest, args{"id": id}).Scan(&d.sections, &d.items, &d.readers, &d.toldIn, &d.from, &d.to, &d.more)
	if err != nil {
		return d, fmt.Errorf("digest %s: %w", id, notFound(err))
	}
	return d, nil
}

const (
	// others: the same digest before an article of it was corrected.
	sqlDigestCandidates = withHeard + `
	SELECT s.id, min(l.since) FROM subscriptions l JOIN subscribers s ON s.id = l.subscriber_id
	WHERE l.cadence = @cadence AND l.since <= @to AND s.state = 'confirmed' AND s.email <> ''
	  AND (cardinality(@readers::text[]) = 0 OR s.id = ANY (@readers))
	  AND NOT EXISTS (SELECT FROM suppressions b WHERE b.email_mac = s.email_mac)
	  AND NOT ` + mayHaveGot + `
	  AND NOT ` + hasHeard + `
	GROUP BY s.id HAVING array_agg(l.section_id ORDER BY l.section_id) = @sections::text[]
	  AND max(l.changed_at) <= CASE WHEN cardinality(@readers::text[]) = 0 THEN @from ELSE @to END`
	sqlSameDigest = `
	SELECT coalesce(array_agg(o.id), '{}') FROM mail_issues i JOIN mail_issues o ON o.list = i.list AND o.kind = 'digest' AND o.id <> i.id
	  AND o.covers_to = i.covers_to WHERE i.id = @id`
)

// digestCandidates says who gets a digest: whoever subscribes to exactly its sections at its cadence and chose nothing since the
// last one and was told none of its articles elsewhere, or those it was made for.
func (s *Store) digestCandidates(ctx context.Context, q querier, i newsroom.Issue) (candidate, error) {
	d, err := s.digest(ctx, q, i.ID)
	if err != nil {
		return candidate{}, err
	}
	var others []string
	if err := q.QueryRow(ctx, sqlSameDigest, args{"id": i.ID}).Scan(&others); err != nil {
		return candidate{}, fmt.Errorf("digests beside %s: %w", i.ID, err)
	}
	cadence, _, _ := strings.Cut(i.Period, "/")
	return candidate{sqlFreezeDigest, args{
		"cadence": cadence, "from": d.from, "to": d.to, "sections": d.sections, "readers": d.readers, "others": others, "moved": d.toldIn,
	}}, nil
}

// A digest that is not composed yet leaves out what readers see no more.
const sqlItemsShown = `
	SELECT count(l.article_id) >= CASE i.content_hash WHEN '' THEN 1 ELSE cardinality(i.items) END
	FROM mail_issues i LEFT JOIN live_articles l ON l.article_id = ANY (i.items) AND l.public = 'live'
	  AND NOT EXISTS (SELECT FROM publications p WHERE p.article_id = l.article_id
	    AND p.revision > i.revisions[array_position(i.items, l.article_id)] AND ` + retold + `)
	WHERE i.id = @id GROUP BY i.id`

// stillShown reports whether readers see what the issue tells: the article's revision, or every article of a digest.
func (s *Store) stillShown(ctx context.Context, q querier, i newsroom.Issue) (shown bool, err error) {
	if i.Kind == newsroom.IssueDigest {
		err = q.QueryRow(ctx, sqlItemsShown, args{"id": i.ID}).Scan(&shown)
	} else {
		err = q.QueryRow(ctx, sqlStillShown, args{"id": i.ArticleID, "revision": i.Revision}).Scan(&shown)
	}
	return shown, notFound(err)
}
