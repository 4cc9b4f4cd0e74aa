package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

const sqlPublicPaths = `
	SELECT article_id, slug, section_id, public, changed_n, hash FROM live_articles WHERE article_id = @id`

const sqlPublicFiles = `
	SELECT path, encode(sha256(body), 'hex') FROM feeds WHERE path = ANY (@paths) ORDER BY path`

// PublicPaths says where readers see an article's newest public state, for the checks from outside of publication n.
func (s *Store) PublicPaths(ctx context.Context, articleID string, n int64) (newsroom.PublicPaths, error) {
	var p newsroom.PublicPaths
	var id, slug string
	err := s.db.QueryRow(ctx, sqlPublicPaths, args{"id": articleID}).Scan(&id, &slug, &p.Section, &p.Public, &p.N, &p.Hash)
	if err != nil {
		return p, fmt.Errorf("public paths of %s/%d: %w", articleID, n, notFound(err))
	}
	p.Page = newsroom.ArticlePath(slug, id)
	if p.Public == newsroom.PublicWithdrawn || p.Public == newsroom.PublicTakenDown {
		p.Hash = ""
	}
	if p.Feeds, err = s.publicFiles(ctx, newsroom.FeedPaths(p.Section)); err != nil {
		return p, err
	}
	p.Sitemap, err = s.publicFiles(ctx, []string{"/sitemap.xml"})
	return p, err
}

func (s *Store) publicFiles(ctx context.Context, paths []string) ([]newsroom.PublicFile, error) {
	rows, _ := s.db.Query(ctx, sqlPublicFiles, args{"paths": paths})
	files, err := pgx.CollectRows(rows, pgx.RowToStructByPos[newsroom.PublicFile])
	if err != nil {
		return nil, fmt.Errorf("rendered files: %w", err)
	}
	return files, nil
}

const sqlOpenSubscriptions = `SELECT id FROM subscribers WHERE state = 'requested' AND id > @after ORDER BY id LIMIT @limit`

// OpenSubscriptions lists opt-ins behind id after that nobody has confirmed yet.
func (s *Store) OpenSubscriptions(ctx context.Context, after string, limit int) ([]string, error) {
	rows, _ := s.db.Query(ctx, sqlOpenSubscriptions, args{"after": after, "limit": limit})
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list open subscriptions: %w", err)
	}
	return list, nil
}

const sqlPublishedSince = `SELECT EXISTS (SELECT FROM publications WHERE event IN ('published', 'corrected') AND at >= @since)`

// RemindQuietDay writes a letter to the chief when the office works today and nothing was published (146/QĐ-BTTTT 2017: at
// least one update per working day). It returns the letters' ids, the same for every repeat of the day.
func (s *Store) RemindQuietDay(ctx context.Context, now time.Time) ([]string, error) {
	var out Settled
	err := s.tx(ctx, func(tx pgx.Tx) error {
		out = Settled{}
		calendar, err := s.calendar(ctx, tx)
		if err != nil {
			return err
		}
		today := newsroom.DateOf(now)
		var published bool
		if err := tx.QueryRow(ctx, sqlPublishedSince, args{"since": today.Start()}).Scan(&published); err != nil {
			return err
		}
		if published || !calendar.Works(today) {
			return nil
		}
		people, err := s.alarmed(ctx, tx)
		if err != nil {
			return err
		}
		for _, person := range people {
			if err := s.writeLetter(ctx, tx, letter{
				ID: fmt.Sprintf("%s/%s/%s", newsroom.LetterQuiet, today, person), Kind: newsroom.LetterQuiet, UserID: person,
			}, &out); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("remind of a day without news: %w", err)
	}
	return out.Letters, nil
}

// What has served its time and is no record: limits, handled event ids, counted batches, used links.
var sqlSweeps = []string{sqlSweepRates, sqlSweepSeen, sqlSweepBatches, sqlSweepVisitors, sqlSweepEndedSessions, sqlSweepKeys, sqlSweepPins, sqlSweepBounces}

const (
	sqlSweepRates         = `DELETE FROM rate_limits WHERE bucket < extract(epoch FROM @now::timestamptz - interval '2 days')`
	sqlSweepSeen          = `DELETE FROM events_seen WHERE at < @now::timestamptz - interval '60 days'`
	sqlSweepBatches       = `DELETE FROM view_batches WHERE at < @now::timestamptz - interval '14 days'`
	sqlSweepVisitors      = `DELETE FROM visitors WHERE seen_at < @now::timestamptz - interval '1 day'`
	sqlSweepEndedSessions = `DELETE FROM sessions WHERE expiry < @now`
	sqlSweepKeys          = `DELETE FROM idempotency_keys WHERE created_at < @now::timestamptz - interval '7 days'`
	sqlSweepBounces       = `DELETE FROM bounces WHERE at < @now::timestamptz - interval '400 days'`
	sqlSweepPins          = `DELETE FROM pin_failures WHERE at < @now::timestamptz - interval '30 days'`
)

// Sweep removes what is only kept for a while.
func (s *Store) Sweep(ctx context.Context, now time.Time) error {
	for _, sql := range sqlSweeps {
		if _, err := s.db.Exec(ctx, sql, args{"now": now.UTC()}); err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
	}
	if _, err := s.db.Exec(ctx, sqlSumTally); err != nil {
		return fmt.Errorf("sum up the tally of subscribers: %w", err)
	}
	if err := s.pruneLedger(ctx, now); err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	if _, err := s.EraseLeft(ctx, eraseAtOnce); err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	return nil
}
