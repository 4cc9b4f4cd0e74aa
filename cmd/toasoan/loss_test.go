package main

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"toasoan/events"
	"toasoan/internal/standalone"
)

// TestNATSLosesItsData empties NATS while an article's event and a page view wait in it, unheard. No process of the newsroom is started
// again: the publication announces itself once more, every receipt comes, the view goes again, and views count as before.
func TestNATSLosesItsData(t *testing.T) {
	bus := newNATS(t)
	p := newPlant(t, "NATS_URL="+bus.url())
	w := &walk{plant: p, author: p.as("reporter"), reviewer: p.as("reviewer"), leader: p.as("leader")}
	db := p.database()
	views := func() (n int) {
		if err := db.QueryRow(t.Context(), `SELECT coalesce(sum(views), 0)::int FROM site_views`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	read := func(times int) {
		before := views()
		for i := range times { // one by one, each a batch of its own
			p.read()
			p.until(time.Minute, "the view is counted", func() bool { return views() == before+i+1 })
		}
	}
	read(4)

	w.begin("Bài đăng khi NATS mất dữ liệu")
	ctx := within(t, 4*time.Minute)
	steps := w.steps()
	for _, step := range steps[:7] {
		if err := step.do(ctx); err != nil {
			t.Fatal(err, p.log.tail(4000))
		}
	}
	bus.pause("feeds", "counters", "mailer")
	if err := steps[7].do(ctx); err != nil { // approve
		t.Fatal(err, p.log.tail(4000))
	}
	bus.holds(w.article)
	counted := views()
	bus.pauseViews()
	p.read()
	bus.holdsViews(counted + 1)
	var heard int
	if err := db.QueryRow(t.Context(), `SELECT count(*)::int FROM events_seen WHERE event_id LIKE '%/' || $1 || '/%'`, w.article).Scan(&heard); err != nil || heard != 0 {
		t.Fatalf("%d consumers have heard of it already: %v", heard, err)
	}
	bus.lose()

	for _, step := range steps[8:] { // mail, receipts
		if err := step.do(ctx); err != nil {
			t.Fatal(err, p.log.tail(6000))
		}
	}
	p.until(2*time.Minute, "the view that was lost is counted", func() bool { return views() == counted+1 })
	read(3)
	w.verify(w.article, w.title, w.subscribers())
}

// read is a reader's browser telling of a page that somebody sees.
func (p *plant) read() {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.url+"/xem", strings.NewReader(url.Values{}.Encode()))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusNoContent {
		p.t.Fatalf("a view is answered with %s", res.Status)
	}
}

// database is the newsroom's own.
func (p *plant) database() *pgxpool.Pool {
	p.t.Helper()
	run, err := standalone.ReadRun(p.data)
	if err != nil {
		p.t.Fatal(err)
	}
	db, err := pgxpool.New(p.t.Context(), run.AppURL)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(db.Close)
	return db
}

// stream is one as a stranger to the newsroom sees it.
func (n *ownNATS) stream(name string) jetstream.Stream {
	n.t.Helper()
	conn, err := nats.Connect(n.url())
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(conn.Close)
	js, err := jetstream.New(conn)
	if err != nil {
		n.t.Fatal(err)
	}
	stream, err := js.Stream(n.t.Context(), name)
	if err != nil {
		n.t.Fatal(err)
	}
	return stream
}

// pause keeps NATS from handing out events to durables, although they are there.
func (n *ownNATS) pause(durables ...string) {
	n.t.Helper()
	stream := n.stream(events.StreamNewsroom)
	for _, durable := range durables {
		if _, err := stream.PauseConsumer(n.t.Context(), durable, time.Now().Add(time.Hour)); err != nil {
			n.t.Fatal(err)
		}
	}
}

// holds waits until the stream has the event of an article's publication.
func (n *ownNATS) holds(article string) {
	n.t.Helper()
	stream := n.stream(events.StreamNewsroom)
	eventually(n.t, time.Minute, "the publication is in the stream", func() bool {
		last, err := stream.GetLastMsgForSubject(n.t.Context(), events.ArticleSubject("published"))
		return err == nil && strings.Contains(string(last.Data), article)
	})
}

// pauseViews keeps NATS from handing out page views, although they are there.
func (n *ownNATS) pauseViews() {
	n.t.Helper()
	if _, err := n.stream(events.StreamViews).PauseConsumer(n.t.Context(), "counters", time.Now().Add(time.Hour)); err != nil {
		n.t.Fatal(err)
	}
}

// holdsViews waits until the stream of page views has had so many batches.
func (n *ownNATS) holdsViews(batches int) {
	n.t.Helper()
	stream := n.stream(events.StreamViews)
	eventually(n.t, time.Minute, "the view is in the stream", func() bool {
		info, err := stream.Info(n.t.Context())
		return err == nil && info.State.LastSeq >= uint64(batches) //nolint:gosec // a handful
	})
}

// lose kills the server and starts it with nothing of what it had.
func (n *ownNATS) lose() {
	n.t.Helper()
	n.kill()
	if err := os.RemoveAll(n.job.Folder); err != nil {
		n.t.Fatal(err)
	}
	n.start()
}
