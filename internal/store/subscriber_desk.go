package store

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// The page's rows are found first, so that lists and blocks are looked up for them alone: newest first, or of a section those who
// chose it last. Each walks its own index, however many there are.
const (
	sqlSubscriberPage = `
	WITH page AS MATERIALIZED (
	  SELECT s.*, s.requested_at AS at FROM subscribers s
	  WHERE (@state = '' OR s.state = @state) AND (@like = '' OR s.search LIKE @like OR s.search LIKE @word::text)
	    AND (@after_id = '' OR (s.requested_at, s.id) < (@after_at, @after_id))
	  ORDER BY s.requested_at DESC, s.id DESC LIMIT @limit)` + subscriberPageRows
	sqlSectionSubscribers = `
	WITH page AS MATERIALIZED (
	  SELECT s.*, l.since AS at FROM subscriptions l JOIN subscribers s ON s.id = l.subscriber_id
	  WHERE l.section_id = @section AND (@state = '' OR s.state = @state) AND (@like = '' OR s.search LIKE @like OR s.search LIKE @word::text)
	    AND (@after_id = '' OR (l.since, l.subscriber_id) < (@after_at, @after_id))
	  ORDER BY l.since DESC, l.subscriber_id DESC LIMIT @limit)` + subscriberPageRows
	subscriberPageRows = `
	SELECT ` + subscriberColumns + `, s.email_mac, s.key_version, s.at,
	  coalesce((SELECT why FROM suppressions b WHERE b.email_mac = s.email_mac ORDER BY scope LIMIT 1), ''),
	  coalesce((SELECT array_agg(section_id ORDER BY section_id) FROM subscriptions l WHERE l.subscriber_id = s.id), '{}'),
	  coalesce((SELECT array_agg(cadence ORDER BY section_id) FROM subscriptions l WHERE l.subscriber_id = s.id), '{}')
	FROM page s ORDER BY s.at DESC, s.id DESC`
)

// SubscriberPage lists subscribers for the admin, newest first, a page at a time.
func (s *Store) SubscriberPage(ctx context.Context, f newsroom.SubscriberFilter) (newsroom.SubscriberPage, error) {
	var page newsroom.SubscriberPage
	limit := min(max(f.Limit, 1), 200)
	afterAt, afterID, err := cursor(f.After)
	if err != nil {
		return page, err
	}
	like, word, err := s.likes(ctx, f.Query)
	if err != nil {
		return page, err
	}
	query, values := sqlSubscriberPage, args{"state": f.State, "like": like, "word": word, "after_at": afterAt, "after_id": afterID, "limit": limit + 1}
	if f.Section != "" {
		query, values["section"] = sqlSectionSubscribers, f.Section
	}
	var keys []time.Time // what the page is ordered by
	rows, _ := s.db.Query(ctx, query, values)
	page.List, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (newsroom.Subscriber, error) {
		var u sub
		var sections, cadences []string
		var at time.Time
		err := row.Scan(&u.ID, &u.Email, &u.Name, &u.Locale, &u.State, &u.Source, &u.RequestedAt, &u.ConfirmedAt, &u.LeftAt, &u.mac,
			&u.version, &at, &u.Blocked, &sections, &cadences)
		keys = append(keys, at)
		for i := range sections {
			u.Lists = append(u.Lists, newsroom.Subscription{Section: sections[i], Cadence: newsroom.Cadence(cadences[i])})
		}
		return u.Subscriber, err
	})
	if err != nil {
		return page, fmt.Errorf("list subscribers: %w", err)
	}
	if len(page.List) > limit {
		page.List = page.List[:limit]
		page.Next = keys[limit-1].UTC().Format(time.RFC3339Nano) + "_" + page.List[limit-1].ID
	}
	return page, nil
}

const sqlFold = `SELECT fold(@text)`

var likeSpecials = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// like is the pattern that finds query anywhere, without accents and case; "" for an empty query.
func (s *Store) like(ctx context.Context, query string) (string, error) {
	query = strings.TrimSpace(query)
	if query == "" {
		return "", nil
	}
	var folded string
	if err := s.db.QueryRow(ctx, sqlFold, args{"text": firstRunes(query, 100)}).Scan(&folded); err != nil {
		return "", fmt.Errorf("fold query: %w", err)
	}
	return "%" + likeSpecials.Replace(folded) + "%", nil
}

// likes is like for the subscribers' list. Of one or two letters the index knows only the beginnings of words, and reads all of itself
// for anything else: they find the beginning of the address (like) or of a word of the name (word, else nil).
func (s *Store) likes(ctx context.Context, query string) (like string, word *string, err error) {
	like, err = s.like(ctx, query)
	if err != nil || like == "" || utf8.RuneCountInString(strings.TrimSpace(query)) > 2 {
		return like, nil, err
	}
	return like[1:], new("% " + like[1:]), nil
}

// The tally has a line for each change since it was summed up last.
const (
	sqlSubscriberCounts = `
	SELECT coalesce(sum(n) FILTER (WHERE state = 'requested'), 0)::bigint, coalesce(sum(n) FILTER (WHERE state = 'confirmed'), 0)::bigint,
	  coalesce(sum(n) FILTER (WHERE state = 'left'), 0)::bigint, coalesce(sum(n) FILTER (WHERE state = 'erased'), 0)::bigint,
	  (SELECT count(DISTINCT email_mac) FROM suppressions) FROM subscriber_tally`
	sqlSumTally = `
	WITH parts AS (DELETE FROM subscriber_tally RETURNING state, n)
	INSERT INTO subscriber_tally SELECT state, sum(n) FROM parts GROUP BY state HAVING sum(n) <> 0`
)

// SubscriberCounts says how many subscribers stand where.
func (s *Store) SubscriberCounts(ctx context.Context) (c newsroom.SubscriberCounts, err error) {
	err = s.db.QueryRow(ctx, sqlSubscriberCounts).Scan(&c.Requested, &c.Confirmed, &c.Left, &c.Erased, &c.Blocked)
	if err != nil {
		return c, fmt.Errorf("count subscribers: %w", err)
	}
	return c, nil
}

const sqlExportSubscribers = `
	SELECT s.id, s.email, s.name, s.locale, s.state, s.source, s.requested_at, s.confirmed_at, s.left_at,
	  coalesce((SELECT string_agg(section_id || ':' || cadence, ' ' ORDER BY section_id) FROM subscriptions l WHERE l.subscriber_id = s.id), ''),
	  coalesce((SELECT why FROM suppressions b WHERE b.email_mac = s.email_mac ORDER BY scope LIMIT 1), '')
	FROM subscribers s WHERE s.state <> 'erased' AND (@state = '' OR s.state = @state) AND (s.requested_at, s.id) > (@at, @after)
	ORDER BY s.requested_at, s.id LIMIT @limit`

// ExportSubscribers hands every subscriber who is not erased to each, oldest first, one at a time; Lists carry section and
// cadence. It is put on record as by's act before the first row. Who subscribes anew while it runs may be handed over once more.
func (s *Store) ExportSubscribers(ctx context.Context, by newsroom.Person, state newsroom.SubscriberState, each func(newsroom.Subscriber) error) error {
	if err := s.tx(ctx, func(tx pgx.Tx) error {
		return s.adminAct(ctx, tx, by, "subscriber.export", map[string]any{"state": state})
	}); err != nil {
		return fmt.Errorf("export subscribers: %w", err)
	}
	var last newsroom.Subscriber
	for more := true; more; {
		rows, _ := s.db.Query(ctx, sqlExportSubscribers, args{"state": state, "at": last.RequestedAt, "after": last.ID, "limit": exportPage})
		page, err := pgx.CollectRows(rows, exportedSubscriber)
		if err != nil {
			return fmt.Errorf("export subscribers: %w", err)
		}
		for _, u := range page {
			if err := each(u); err != nil {
				return fmt.Errorf("export subscribers: %w", err)
			}
			last = u
		}
		more = len(page) == exportPage
	}
	return nil
}

func exportedSubscriber(row pgx.CollectableRow) (u newsroom.Subscriber, err error) {
	var lists string
	err = row.Scan(&u.ID, &u.Email, &u.Name, &u.Locale, &u.State, &u.Source, &u.RequestedAt, &u.ConfirmedAt, &u.LeftAt, &lists, &u.Blocked)
	for item := range strings.FieldsSeq(lists) {
		section, cadence, _ := strings.Cut(item, ":")
		u.Lists = append(u.Lists, newsroom.Subscription{Section: section, Cadence: newsroom.Cadence(cadence)})
	}
	return u, err
}

const sqlSubscriberLetters = `SELECT id FROM letters WHERE subscriber_id = @id AND done_at IS NULL ORDER BY created_at, id`

const sqlReminded = `SELECT reminded_at IS NOT NULL FROM subscribers WHERE id = @id`

// SubscriberStanding is where an opt-in stands: what its workflow needs. newsroom.ErrNotFound once it was purged.
func (s *Store) SubscriberStanding(ctx context.Context, id string) (st newsroom.SubscriberStanding, err error) {
	u, err := scanSub(s.db.QueryRow(ctx, sqlSubByID, args{"id": id}))
	if err != nil {
		return st, fmt.Errorf("standing of subscriber %s: %w", id, err)
	}
	st.State, st.RequestedAt, st.At = u.State, u.RequestedAt, u.RequestedAt
	if u.ConfirmedAt != nil && u.State == newsroom.SubscriberConfirmed {
		st.At = *u.ConfirmedAt
	}
	if u.LeftAt != nil && (u.State == newsroom.SubscriberLeft || u.State == newsroom.SubscriberErased) {
		st.At = *u.LeftAt
	}
	if err := s.db.QueryRow(ctx, sqlReminded, args{"id": id}).Scan(&st.Reminded); err != nil {
		return st, fmt.Errorf("standing of subscriber %s: %w", id, notFound(err))
	}
	rows, _ := s.db.Query(ctx, sqlSubscriberLetters, args{"id": id})
	if st.Letters, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
		return st, fmt.Errorf("letters of subscriber %s: %w", id, err)
	}
	return st, nil
}

// Where the letter was refused for good, the reminder would be too.
const sqlRemindSub = `
	UPDATE subscribers SET reminded_at = @at WHERE id = @id AND state = 'requested' AND reminded_at IS NULL
	  AND NOT EXISTS (SELECT FROM letters WHERE id = @asked AND state = 'hard')`

// RemindSubscriber writes the one reminder to somebody who has not pressed the confirmation link yet, while it still works.
// A repeat writes nothing.
func (s *Store) RemindSubscriber(ctx context.Context, id string) error {
	err := s.tx(ctx, func(tx pgx.Tx) error {
		act, kind, at, err := s.newestAct(ctx, tx, id)
		now := s.now().UTC()
		if err != nil || kind != actRequested || now.Sub(at) >= newsroom.ConfirmLife {
			return ignoreNotFound(err)
		}
		tag, err := tx.Exec(ctx, sqlRemindSub, args{"id": id, "at": now, "asked": fmt.Sprintf("%s/%s/%d", newsroom.LetterConfirm, id, act)})
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		return s.writeLetter(ctx, tx, letter{
			ID: fmt.Sprintf("%s/%s/%d", newsroom.LetterConfirmAgain, id, act), Kind: newsroom.LetterConfirmAgain, SubscriberID: id,
		}, nil)
	})
	if err != nil {
		return fmt.Errorf("remind subscriber %s: %w", id, err)
	}
	return nil
}

// Clocks of what is not wanted any more (domain.md §6): an address that nobody confirmed is removed after 7 days, the data of
// somebody who left are erased well within 15.
const (
	unconfirmedLife = 7 * 24 * time.Hour
	leftLife        = 14 * 24 * time.Hour
)

const sqlPurgeSub = `
	DELETE FROM subscribers WHERE id = @id AND state = 'requested' AND requested_at <= @before AND confirmed_at IS NULL`

// PurgeSubscriber removes a request that nobody confirmed within 7 days, and reports whether the address is gone. Somebody who had
// been a subscriber before is erased instead, since the ledger knows the person.
func (s *Store) PurgeSubscriber(ctx context.Context, id string) (gone bool, err error) {
	before := s.now().UTC().Add(-unconfirmedLife)
	err = s.tx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sqlPurgeSub, args{"id": id, "before": before})
		if gone = err == nil && tag.RowsAffected() == 1; gone || err != nil {
			return err
		}
		u, err := scanSub(tx.QueryRow(ctx, sqlLockSub, args{"id": id}))
		if err != nil || u.State != newsroom.SubscriberRequested || u.RequestedAt.After(before) {
			gone = err != nil
			return ignoreNotFound(err)
		}
		gone = true
		return s.erase(ctx, tx, id, newsroom.Proof{Source: "clock"})
	})
	if err != nil {
		return false, fmt.Errorf("purge subscriber %s: %w", id, err)
	}
	return gone, nil
}

// eraseAtOnce is how many people one sweep erases at most; the next one goes on.
const eraseAtOnce = 10_000

const sqlErasable = `
	SELECT id FROM subscribers WHERE state IN ('left', 'requested') AND left_at IS NOT NULL AND left_at <= @before ORDER BY left_at LIMIT @limit`

// EraseLeft erases people who left 14 days ago or earlier, at most limit of them, and returns how many: the promise of the
// letter is 15 days (Decree 356/2025). That somebody asked for news in their name since changes nothing; that they confirmed does.
func (s *Store) EraseLeft(ctx context.Context, limit int) (n int, err error) {
	before := s.now().UTC().Add(-leftLife)
	rows, _ := s.db.Query(ctx, sqlErasable, args{"before": before, "limit": limit})
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return 0, fmt.Errorf("list who left: %w", err)
	}
	for _, id := range ids {
		var erased bool
		err := s.tx(ctx, func(tx pgx.Tx) (err error) {
			erased, err = s.eraseLeft(ctx, tx, id, before)
			return err
		})
		if err != nil {
			return n, fmt.Errorf("erase subscriber %s: %w", id, err)
		}
		if erased {
			n++
		}
	}
	return n, nil
}

// eraseLeft erases somebody who left before, unless they have come back since they were listed.
func (s *Store) eraseLeft(ctx context.Context, tx pgx.Tx, id string, before time.Time) (erased bool, err error) {
	u, err := scanSub(tx.QueryRow(ctx, sqlLockSub, args{"id": id}))
	if err != nil || u.LeftAt == nil || u.LeftAt.After(before) || u.State == newsroom.SubscriberErased {
		return false, ignoreNotFound(err)
	}
	return true, s.erase(ctx, tx, id, newsroom.Proof{Source: "clock"})
}
