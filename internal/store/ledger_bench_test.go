package store

import (
	"testing"

	"toasoan/newsroom"
)

// BenchmarkFreeze is the time between a publication and the first mail that grows with the list: 20,000 rows frozen.
func BenchmarkFreeze(b *testing.B) {
	h := newMailHouse(b)
	h.many(20_000, "kinh-te")
	h.publish("article00001", 1, 1, "published", newsroom.ChangeNew)
	issue := h.mail("article00001", 1, "published", newsroom.ChangeNew).Issues[0]
	for b.Loop() {
		b.StopTimer()
		h.exec(`DELETE FROM mail_chunks`)
		h.exec(`UPDATE mail_issues SET status = 'preparing', prepared_at = NULL, chunks = 0`)
		b.StartTimer()
		if err := h.FreezeRecipients(b.Context(), issue); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCommit is one gathered commit as ten connections make it: ten results and ten dots.
func BenchmarkCommit(b *testing.B) {
	h := newMailHouse(b)
	h.many(20_000, "kinh-te")
	h.publish("article00001", 1, 1, "published", newsroom.ChangeNew)
	issue := h.mail("article00001", 1, "published", newsroom.ChangeNew).Issues[0]
	h.ready(issue)
	const connections = 10
	var rows []newsroom.Recipient
	leases := map[string]int64{}
	for chunk := range 20 {
		lease, err := h.LeaseChunk(b.Context(), issue, chunk, h.now(), quarantine)
		if err != nil {
			b.Fatal(err)
		}
		taken, err := h.Claim(b.Context(), issue, chunk, lease, 1000, h.now())
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range taken {
			leases[r.SubscriberID] = lease
		}
		rows = append(rows, taken...)
	}
	next := 0
	for b.Loop() {
		var entries []ledgerEntry
		for k := range connections {
			done, now := rows[(next+k)%len(rows)], rows[(next+connections+k)%len(rows)]
			entries = append(entries, h.entry(issue, done, leases[done.SubscriberID], newsroom.DeliverySent))
			dot := h.entry(issue, now, leases[now.SubscriberID], newsroom.DeliveryDot)
			dot.BodyHash = make([]byte, 32)
			entries = append(entries, dot)
		}
		next += connections
		if _, err := h.Commit(b.Context(), entries); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*connections)/b.Elapsed().Seconds(), "mails/s")
}
