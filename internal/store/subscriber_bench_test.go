package store

import (
	"slices"
	"testing"
	"time"

	"toasoan/newsroom"
)

// BenchmarkSubscriberList is the admin's list over a million subscribers: each kind of look 20 times, the slowest reported.
func BenchmarkSubscriberList(b *testing.B) {
	h := newMailHouse(b)
	h.exec(`INSERT INTO subscribers (id, email, email_key, email_mac, name, state, requested_at, confirmed_at, key_version, confirm_hash, prefs_hash)
		SELECT 's' || n, e, e, e::bytea, (ARRAY['Nguyễn','Trần','Lê','Phạm','Hoàng'])[n % 5 + 1] || ' Thị ' || md5(n::text), CASE n % 20 WHEN 0 THEN 'left' ELSE 'confirmed' END,
		  now() - n * interval '1 minute', now() - n * interval '1 minute', 1, ('c' || n)::bytea, ('p' || n)::bytea
		FROM (SELECT n, 'reader' || n || '@' || (ARRAY['gmail.com','vankhe.vn','yahoo.com'])[n % 3 + 1] AS e FROM generate_series(1, 1000000) n) g`)
	h.exec(`INSERT INTO subscriptions (subscriber_id, section_id, cadence, since) SELECT id, 'kinh-te', 'instant', requested_at FROM subscribers WHERE state = 'confirmed'`)
	h.exec(`VACUUM ANALYZE subscribers`)
	h.exec(`VACUUM ANALYZE subscriptions`)
	for _, one := range []struct {
		name string
		look newsroom.SubscriberFilter
	}{
		{"newest", newsroom.SubscriberFilter{}},
		{"one_address", newsroom.SubscriberFilter{Query: "reader123456@"}},
		{"part_of_many", newsroom.SubscriberFilter{Query: "nguyen thi"}},
		{"two_letters", newsroom.SubscriberFilter{Query: "ng"}},
		{"nobody", newsroom.SubscriberFilter{Query: "khong co ai"}},
		{"left", newsroom.SubscriberFilter{State: newsroom.SubscriberLeft}},
		{"nobody_in_state", newsroom.SubscriberFilter{State: newsroom.SubscriberRequested}},
		{"section", newsroom.SubscriberFilter{Section: "kinh-te"}},
		{"nobody_in_section", newsroom.SubscriberFilter{Section: "thong-bao"}},
	} {
		one.look.Limit = 50
		h.timed(b, one.name, func() error {
			_, err := h.SubscriberPage(b.Context(), one.look)
			return err
		})
	}
	h.timed(b, "counts", func() error { _, err := h.SubscriberCounts(b.Context()); return err })
	h.timed(b, "trend", func() error { _, err := h.Trend(b.Context(), newsroom.TrendDay, 30, time.Now()); return err })
}

// timed reports the slowest of 20.
func (h *mailHouse) timed(b *testing.B, name string, do func() error) {
	b.Run(name, func(b *testing.B) {
		var took []time.Duration
		for b.Loop() {
			began := time.Now()
			if err := do(); err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(began))
		}
		b.ReportMetric(float64(slices.Max(took).Microseconds())/1000, "max-ms")
	})
}
