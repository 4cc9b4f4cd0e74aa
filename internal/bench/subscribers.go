package main

import (
	"context"
	"fmt"
	"time"

	"toasoan/newsroom"
)

// fillSubscribers writes the rows without the large indexes, which are made afterwards: names as people have them, a few of them
// most often, and of twenty one who has left. The newest twentieth subscribed one by one, before them ten lists with one day of consent
// each were imported.
func (a *archive) fillSubscribers(ctx context.Context, day time.Time) error {
	again := []string{}
	for _, table := range []string{"subscribers", "subscriptions"} {
		indexes, err := a.dropIndexes(ctx, table)
		if err != nil {
			return err
		}
		again = append(again, indexes...)
	}
	for _, step := range append([]string{
		`INSERT INTO sections (id, name_vi, position) SELECT 'muc-' || i, 'Chuyên mục ' || i, i FROM generate_series(0, 11) i`,
		fmt.Sprintf(`INSERT INTO subscribers (id, email, email_key, email_mac, name, state, requested_at, confirmed_at, left_at, key_version, confirm_hash, prefs_hash)
		SELECT 's' || lpad(i::text, 8, '0'), e, e, sha256(e::bytea), n, CASE WHEN i %% 20 = 0 THEN 'left' ELSE 'confirmed' END, at, at,
		  CASE WHEN i %% 20 = 0 THEN now() END, 1, sha256(('c' || e)::bytea), sha256(('p' || e)::bytea)
		FROM (SELECT i, CASE WHEN i <= %[1]d / 20 THEN now() - i * interval '1 minute' ELSE '%[2]s'::timestamptz - (i / (%[1]d / 10)) * interval '1 day' END AS at,
		    (ARRAY['nguyen', 'tran', 'le', 'pham', 'hoang', 'dinh'])[i %% 6 + 1] || '.' || substr(md5(i::text), 1, 6) || i || '@' || (ARRAY['gmail.com', 'vankhe.vn', 'yahoo.com.vn'])[i %% 3 + 1] AS e,
		    (ARRAY['Nguyễn', 'Nguyễn', 'Nguyễn', 'Trần', 'Lê', 'Phạm', 'Hoàng', 'Đặng'])[(hashint4(i) & 7) + 1] || ' ' || (ARRAY['Thị', 'Văn', 'Đức', 'Minh'])[(hashint4(i + 7) & 3) + 1] || ' ' ||
		    (ARRAY['Lan', 'Hạnh', 'Bình', 'Khoa', 'Yên', 'Thủy', 'Đông', 'Sơn', 'Hải', 'Quỳnh'])[i %% 10 + 1] AS n
		  FROM generate_series(1, %[1]d) i) s`, a.size, day.Format(time.RFC3339)),
		`INSERT INTO subscriptions (subscriber_id, section_id, cadence, since) SELECT id, 'muc-' || (hashtext(id) & 7), 'instant', requested_at FROM subscribers WHERE state = 'confirmed'`,
	}, append(again, `VACUUM ANALYZE subscribers`, `VACUUM ANALYZE subscriptions`)...) {
		if _, err := a.db.Exec(ctx, step); err != nil {
			return fmt.Errorf("%.40s: %w", step, err)
		}
	}
	return nil
}

// What one would write first: ILIKE on the columns, which no index serves, and OFFSET, which reads all that it skips.
const (
	plainSubscribers = `
	SELECT id, email, name, state, requested_at FROM subscribers
	WHERE ($1 = '' OR email ILIKE '%' || $1 || '%' OR name ILIKE '%' || $1 || '%')
	ORDER BY requested_at DESC, id DESC LIMIT 50 OFFSET $2`
	plainCounts = `SELECT state, count(*) FROM subscribers GROUP BY state`
)

// measureSubscribers looks at the admin's list of a million as an admin does: the first page, page 10,000, parts of addresses and
// names, what many have and nobody has, and the counts on top.
func measureSubscribers(ctx context.Context, b *bench) (err error) {
	p, err := b.open(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	a, err := p.newArchive(ctx, fmt.Sprintf("subscribers_%d", b.archive), b.archive)
	if err != nil {
		return err
	}
	defer a.close()
	day := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, -3, 0)
	if err := a.fillSubscribers(ctx, day); err != nil {
		return err
	}
	say("%d subscribers are made in %s", a.size, time.Since(began).Round(time.Second))
	deep := fmt.Sprintf("%s_x", day.AddDate(0, 0, -4).Format(time.RFC3339Nano))
	times := 40
	if b.quick {
		times = 15
	}
	var searched, plainly []time.Duration
	for _, one := range []struct {
		name, note string
		look       newsroom.SubscriberFilter
		plain      string
		offset     int
	}{
		{"page", "the newest 50; baseline: ORDER BY and LIMIT without lists and blocks", newsroom.SubscriberFilter{}, "", 0},
		{"deep", fmt.Sprintf("page %d; baseline: OFFSET", a.size/100), newsroom.SubscriberFilter{After: deep}, "", a.size / 2},
		{"address", "one whole address", newsroom.SubscriberFilter{Query: fmt.Sprintf("%d@gmail", a.size/3*3)}, fmt.Sprintf("%d@gmail", a.size/3*3), 0},
		{"name", "a name that many have, typed without accents", newsroom.SubscriberFilter{Query: "thi quynh"}, "Thị Quỳnh", 0},
		{"oldest", "a part of few addresses, the oldest", newsroom.SubscriberFilter{Query: fmt.Sprint(a.size/10 - 1)}, fmt.Sprint(a.size/10 - 1), 0},
		{"two", "two letters that nobody has", newsroom.SubscriberFilter{Query: "qz"}, "qz", 0},
		{"nobody", "a name that nobody has", newsroom.SubscriberFilter{Query: "thi quyt"}, "Thị Quýt", 0},
		{"section_name", "a name within a section", newsroom.SubscriberFilter{Query: "van quynh", Section: "muc-3"}, "Văn Quỳnh", 0},
		{"section_nobody", "a name that nobody has, within a section", newsroom.SubscriberFilter{Query: "thi quyt", Section: "muc-3"}, "Thị Quýt", 0},
		{"state", "those who have left", newsroom.SubscriberFilter{State: newsroom.SubscriberLeft}, "", 0},
	} {
		one.look.Limit = 50
		ours, err := repeated(times, func() error { _, err := a.store.SubscriberPage(ctx, one.look); return err })
		if err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
		plain, err := repeated(min(times, 8), func() error { return a.drain(ctx, plainSubscribers, one.plain, one.offset) })
		if err != nil {
			return fmt.Errorf("%s, plainly: %w", one.name, err)
		}
		if one.look.Query != "" {
			searched, plainly = append(searched, ours...), append(plainly, plain...)
		}
		b.report.against("subscribers."+one.name+"_p50_ms", quantile(ours, 0.5), quantile(plain, 0.5), "ms", one.note)
		b.report.against("subscribers."+one.name+"_p99_ms", quantile(ours, 0.99), quantile(plain, 0.99), "ms", "")
	}
	b.report.against("subscribers.search_p50_ms", quantile(searched, 0.5), quantile(plainly, 0.5), "ms", "all searches together; baseline: ILIKE without an index")
	b.report.against("subscribers.search_p99_ms", quantile(searched, 0.99), quantile(plainly, 0.99), "ms", "")
	counts, err := repeated(times, func() error { _, err := a.store.SubscriberCounts(ctx); return err })
	if err != nil {
		return err
	}
	plain, err := repeated(min(times, 8), func() error { return a.drain(ctx, plainCounts) })
	if err != nil {
		return err
	}
	b.report.against("subscribers.counts_p50_ms", quantile(counts, 0.5), quantile(plain, 0.5), "ms", fmt.Sprintf("of %d; baseline: count(*)", a.size))
	b.report.against("subscribers.counts_p99_ms", quantile(counts, 0.99), quantile(plain, 0.99), "ms", "")
	return nil
}

// repeated times do, after a first run that fills the caches.
func repeated(times int, do func() error) (took []time.Duration, err error) {
	for n := range times + 1 {
		began := time.Now()
		if err := do(); err != nil {
			return nil, err
		}
		if n > 0 {
			took = append(took, time.Since(began))
		}
	}
	return took, nil
}

// drain runs a query and reads all of it.
func (a *archive) drain(ctx context.Context, sql string, values ...any) error {
	rows, err := a.db.Query(ctx, sql, values...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if _, err := rows.Values(); err != nil {
			return err
		}
	}
	return rows.Err()
}
