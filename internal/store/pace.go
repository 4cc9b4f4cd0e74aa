package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// mailSetting is the setting's key that holds newsroom.MailLimits.
const mailSetting = "mail"

// MailLimits is what an admin has set, and nothing where nobody has.
func (s *Store) MailLimits(ctx context.Context) (m newsroom.MailLimits, err error) {
	return m, s.Setting(ctx, mailSetting, &m)
}

// SaveMailLimits changes how much goes to the relay; the workers follow within a second or two. *newsroom.InvalidError when a
// number is out of range or a domain is none.
func (s *Store) SaveMailLimits(ctx context.Context, by newsroom.Person, m newsroom.MailLimits) error {
	if wrong := m.Wrong(); len(wrong) > 0 {
		return &newsroom.InvalidError{Fields: wrong}
	}
	return s.SaveSetting(ctx, by, mailSetting, m)
}

const (
	// What a slowed pace has come back to: a tenth more each @ease seconds.
	slowedRate = `p.slow_to * power(1.1, least(floor(extract(epoch FROM clock_timestamp() - p.slowed_at) / @ease::float8), 200))`

	sqlPaces = `
	SELECT coalesce((SELECT value FROM settings WHERE key = 'mail'), '{}'),
	  coalesce((SELECT jsonb_object_agg(p.key, ` + slowedRate + `) FROM mail_paces p WHERE ` + slowedRate + ` < p.slow_from), '{}')`

	sqlSlowDown = `
	INSERT INTO mail_paces AS p (key, next_at, slow_from, slow_to, slowed_at)
	VALUES (@key, clock_timestamp(), @from, greatest(@from::float8 / 2, 1), clock_timestamp())
	ON CONFLICT (key) DO UPDATE SET
	  slow_from = CASE WHEN ` + slowedRate + ` < p.slow_from THEN p.slow_from ELSE @from END,
	  slow_to = CASE WHEN ` + slowedRate + ` < p.slow_from THEN greatest(` + slowedRate + ` / 2, 1) ELSE greatest(@from::float8 / 2, 1) END,
	  slowed_at = clock_timestamp()
	WHERE p.slowed_at IS NULL OR p.slowed_at < clock_timestamp() - least(interval '1 second', @ease * interval '1 second')`
)

// Paces is what an admin has set, and by key ("" all newsletters, otherwise a domain) the mails per second that are left of a pace
// that the relay asked to slow down; ease is how long it takes to rise by a tenth.
func (s *Store) Paces(ctx context.Context, ease time.Duration) (set newsroom.MailLimits, slowed map[string]float64, err error) {
	var limits, rates []byte
	if err := s.db.QueryRow(ctx, sqlPaces, args{"ease": ease.Seconds()}).Scan(&limits, &rates); err != nil {
		return set, nil, fmt.Errorf("read mail paces: %w", err)
	}
	if err := errors.Join(json.Unmarshal(limits, &set), json.Unmarshal(rates, &slowed)); err != nil {
		return set, nil, fmt.Errorf("read mail paces: %w", err)
	}
	return set, slowed, nil
}

// SlowDown halves a pace for the whole installation, at most once a second and to no less than one mail a second; from is the pace
// at which the relay complained.
func (s *Store) SlowDown(ctx context.Context, key string, from float64, ease time.Duration) error {
	if _, err := s.db.Exec(ctx, sqlSlowDown, args{"key": key, "from": from, "ease": ease.Seconds()}); err != nil {
		return fmt.Errorf("slow down %q: %w", key, err)
	}
	return nil
}

// Places reach a second ahead at most, and one lease beyond: a row that says more was written by a clock that has been put back.
const sqlLeasePlaces = `
	INSERT INTO mail_paces AS p (key, next_at) VALUES (@key, clock_timestamp() + @lead::interval + @span::interval)
	ON CONFLICT (key) DO UPDATE SET next_at = @span::interval + CASE
	  WHEN p.next_at > clock_timestamp() + interval '5 seconds' THEN clock_timestamp() + @lead::interval
	  ELSE greatest(p.next_at, clock_timestamp() + @lead::interval) END
	WHERE p.next_at <= clock_timestamp() + interval '1 second' OR p.next_at > clock_timestamp() + interval '5 seconds'
	RETURNING next_at - @span::interval, clock_timestamp()`

// LeasePlaces takes n places under key, each gap after the one before: the first follows the last that anybody took, and is not
// before lead from now. first and now are moments of the database's clock. With taken false the row reaches further than a second
// ahead: nothing was taken.
func (s *Store) LeasePlaces(ctx context.Context, key string, n int, gap, lead time.Duration) (first, now time.Time, taken bool, err error) {
	if n <= 0 || gap <= 0 || time.Duration(n)*gap > 2*time.Second {
		return first, now, false, fmt.Errorf("lease %d places %s apart: they must be some, and reach two seconds at most", n, gap)
	}
	err = s.db.QueryRow(ctx, sqlLeasePlaces, args{"key": key, "span": time.Duration(n) * gap, "lead": lead}).Scan(&first, &now)
	if errors.Is(err, pgx.ErrNoRows) {
		return first, now, false, nil
	}
	if err != nil {
		return first, now, false, fmt.Errorf("lease places: %w", err)
	}
	return first, now, true, nil
}

const (
	sqlTakeSeats = `
	INSERT INTO mail_seats AS s (key, seat, holder, until)
	SELECT @key, n, @holder, clock_timestamp() + @life::interval FROM generate_series(1, @most::int) n
	WHERE NOT EXISTS (SELECT FROM mail_seats t WHERE t.key = @key AND t.seat = n AND t.until > clock_timestamp())
	ORDER BY n LIMIT @want
	ON CONFLICT (key, seat) DO UPDATE SET holder = excluded.holder, until = excluded.until WHERE s.until <= clock_timestamp()
	RETURNING seat`
	sqlKeepSeats = `
	WITH mine AS (SELECT * FROM unnest(@keys::text[], @seats::int[]) AS m (key, seat)),
	gone AS (DELETE FROM mail_seats s WHERE s.holder = @holder AND NOT EXISTS (SELECT FROM mine m WHERE m.key = s.key AND m.seat = s.seat))
	UPDATE mail_seats s SET until = clock_timestamp() + @life::interval
	FROM mine m WHERE s.key = m.key AND s.seat = m.seat AND s.holder = @holder RETURNING s.key, s.seat`
)

// Whoever has died is swept away by whoever comes next; two who do so at once pass each other by.
const sqlSeekSeats = `
	WITH mine AS (SELECT * FROM unnest(@keys::text[], @wants::int[]) AS m (key, want)),
	lapsed AS (SELECT key, holder FROM mail_seekers WHERE until < clock_timestamp() AND holder <> @holder FOR UPDATE SKIP LOCKED),
	swept AS (DELETE FROM mail_seekers s USING lapsed l WHERE s.key = l.key AND s.holder = l.holder),
	gone AS (DELETE FROM mail_seekers s WHERE s.holder = @holder AND NOT EXISTS (SELECT FROM mine m WHERE m.key = s.key)),
	told AS (
	  INSERT INTO mail_seekers (key, holder, want, until) SELECT key, @holder, want, clock_timestamp() + @life::interval FROM mine
	  ON CONFLICT (key, holder) DO UPDATE SET want = excluded.want, until = excluded.until)
	SELECT clock_timestamp() AS now, NULL AS key, NULL AS holder, 0 AS want
	UNION ALL SELECT NULL, m.key, @holder, m.want FROM mine m
	UNION ALL SELECT NULL, s.key, s.holder, s.want FROM mail_seekers s JOIN mine m ON m.key = s.key
	  WHERE s.holder <> @holder AND s.until > clock_timestamp()`

// SeekSeats says for life how many seats a holder could use under each key, none under all others, and returns by key what everybody
// wants who has said so and lives, holder included. now is the database's clock.
func (s *Store) SeekSeats(ctx context.Context, holder string, wants map[string]int, life time.Duration) (all map[string]map[string]int, now time.Time, err error) {
	keys, numbers := []string{}, []int{}
	for key, n := range wants {
		keys, numbers = append(keys, key), append(numbers, n)
	}
	all = map[string]map[string]int{}
	rows, _ := s.db.Query(ctx, sqlSeekSeats, args{"holder": holder, "keys": keys, "wants": numbers, "life": life})
	var at *time.Time
	var key, who *string
	var want int
	if _, err := pgx.ForEachRow(rows, []any{&at, &key, &who, &want}, func() error {
		if at != nil {
			now = *at
			return nil
		}
		if all[*key] == nil {
			all[*key] = map[string]int{}
		}
		all[*key][*who] = want
		return nil
	}); err != nil {
		return nil, now, fmt.Errorf("seek seats: %w", err)
	}
	return all, now, nil
}

// TakeSeats takes up to want of the seats 1 to most under key that nobody holds, for life.
func (s *Store) TakeSeats(ctx context.Context, key, holder string, most, want int, life time.Duration) ([]int, error) {
	rows, _ := s.db.Query(ctx, sqlTakeSeats, args{"key": key, "holder": holder, "most": most, "want": want, "life": life})
	list, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		return nil, fmt.Errorf("take seats: %w", err)
	}
	return list, nil
}

// KeepSeats renews those of a holder's seats and gives all its others back. It returns what the holder has now: a seat that lapsed
// and was taken by somebody else is missing.
func (s *Store) KeepSeats(ctx context.Context, holder string, seats map[string][]int, life time.Duration) (map[string][]int, error) {
	keys, numbers := []string{}, []int{}
	for key, list := range seats {
		for _, n := range list {
			keys, numbers = append(keys, key), append(numbers, n)
		}
	}
	kept := map[string][]int{}
	rows, _ := s.db.Query(ctx, sqlKeepSeats, args{"holder": holder, "keys": keys, "seats": numbers, "life": life})
	var key string
	var n int
	if _, err := pgx.ForEachRow(rows, []any{&key, &n}, func() error {
		kept[key] = append(kept[key], n)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("keep seats: %w", err)
	}
	return kept, nil
}
