package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"toasoan/events"
	"toasoan/internal/secret"
	"toasoan/internal/store"
	"toasoan/internal/testkit"
	"toasoan/internal/text"
	"toasoan/newsroom"
)

// newsstand is a portal on a real database, with a clock and a bus that a test moves.
type newsstand struct {
	*Server
	t       testing.TB
	db      *pgxpool.Pool
	clock   *testClock
	bus     *testBus
	letters *testPostman
	seq     int64
}

// testClock is a time that a test moves.
type testClock struct {
	mu sync.Mutex
	at time.Time
}

func (c *testClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *testClock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// testBus hands a test's events to the follower, and keeps the views that were published.
type testBus struct {
	mu        sync.Mutex
	each      func(events.Envelope) // to every follower
	lost      func()
	down      bool
	mute      bool // keeps what it is given and says that it failed, as NATS does whose answer is lost
	followers int
	views     []events.View
	batches   []events.ViewBatch
	said      []events.Event
}

func (b *testBus) Follow(ctx context.Context, _ []string, each func(events.Envelope), lost func()) error {
	lost()
	b.mu.Lock()
	others, lostOthers := b.each, b.lost
	b.each = func(e events.Envelope) {
		if others != nil {
			others(e)
		}
		each(e)
	}
	b.lost = func() {
		if lostOthers != nil {
			lostOthers()
		}
		lost()
	}
	b.followers++
	b.mu.Unlock()
	<-ctx.Done()
	return nil
}

func (b *testBus) Up() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.down
}

func (b *testBus) PublishViews(_ context.Context, batch events.ViewBatch) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down {
		return io.ErrClosedPipe
	}
	b.batches = append(b.batches, batch)
	b.views = append(b.views, batch.Views...)
	if b.mute {
		return context.DeadlineExceeded
	}
	return nil
}

func (b *testBus) Publish(_ context.Context, e events.Event, _ int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.said = append(b.said, e)
	return nil
}

// testPostman notes whose workflow was started.
type testPostman struct {
	Dispatch
	mu  sync.Mutex
	ids []string
}

func (p *testPostman) Post(_ context.Context, id string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ids = append(p.ids, id)
	return nil
}

// friday is 02/10/2026 15:30 in Vietnam.
var friday = time.Date(2026, 10, 2, 8, 30, 0, 0, time.UTC)

func newNewsstand(t testing.TB) *newsstand {
	t.Helper()
	owner, app := testkit.Database(t)
	keys, err := secret.NewRing(map[int][]byte{1: bytes.Repeat([]byte{7}, secret.KeySize)})
	if err != nil {
		t.Fatal(err)
	}
	n := &newsstand{t: t, clock: &testClock{at: friday}, bus: &testBus{}, letters: &testPostman{}}
	log := slog.New(slog.DiscardHandler)
	kept, err := store.New(t.Context(), store.Options{URL: app, Keys: keys, Now: n.clock.now, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kept.Close)
	if n.db, err = pgxpool.New(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.db.Close)
	base := &url.URL{Scheme: "https", Host: "vankhe.example.vn"}
	if n.Server, err = New(Options{
		Store: kept, Dispatch: n.letters, Bus: n.bus, Keys: keys, Log: log, URL: base, Secure: true, Now: n.clock.now,
	}); err != nil {
		t.Fatal(err)
	}
	n.exec(`INSERT INTO users (id, email, email_key, name) VALUES ('author000001', 'a@x.vn', 'a@x.vn', 'Lê Thị Vân')`)
	n.exec(`INSERT INTO settings (key, value) VALUES ('office', $1), ('portal', $2)`, jsonOf(newsroom.OfficeInfo{
		Portal: "Cổng thông tin điện tử xã Vân Khê", Unit: "Ủy ban nhân dân xã Vân Khê", Parent: "Tỉnh Sông Vân", Bureau: "Ban Tuyên giáo Đảng ủy",
		Address: "Số 1, đường Trung tâm, xã Vân Khê", Phone: "0200 3812 345", Email: "banbientap@vankhe.example.vn", Chief: "Chủ tịch UBND xã",
		License: "Giấy phép số 12/GP-TTĐT",
	}), jsonOf(map[string]any{"hotlines": []newsroom.Hotline{{Name: "Tiếp nhận phản ánh", Phone: "0200 3812 111"}}}))
	for i, name := range []string{"Tin tức – Sự kiện", "Chỉ đạo, điều hành", "Xây dựng nông thôn mới", "Chuyển đổi số", "Kinh tế", "Văn hóa – Xã hội", "Thông báo"} {
		n.exec(`INSERT INTO sections (id, name_vi, name_en, position) VALUES ($1, $2, $3, $4)`, text.Slug(name), name, "Section "+text.Slug(name), i)
	}
	return n
}

func (n *newsstand) exec(sql string, args ...any) {
	n.t.Helper()
	if _, err := n.db.Exec(n.t.Context(), sql, args...); err != nil {
		n.t.Fatalf("%s: %v", sql, err)
	}
}

func jsonOf(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return raw
}

// publish puts c where readers look, as the settling transaction does, and returns its id. The same id again is a new
// revision.
func (n *newsstand) publish(id string, at time.Time, c newsroom.Content) string {
	n.t.Helper()
	if id == "" {
		id = newsroom.NewID()
	}
	if c.Section == "" {
		c.Section = "tin-tuc-su-kien"
	}
	n.seq++
	event, revision := "published", 1
	var published time.Time
	err := n.db.QueryRow(n.t.Context(), `SELECT revision + 1, published_at FROM live_articles WHERE article_id = $1`, id).Scan(&revision, &published)
	if err == nil {
		event = "corrected"
	} else {
		published = at
		n.exec(`INSERT INTO articles (id, author_id, draft, draft_hash, stage, public, live, revision, published_at) VALUES ($1, 'author000001', '{}', '', 'released', 'live', 1, 1, $2)`, id, at)
	}
	slug := c.Slug
	if slug == "" {
		slug = text.Slug(c.Title)
	}
	slugsOf := func(names []string) []string {
		made := make([]string, len(names))
		for i, name := range names {
			made[i] = text.Slug(name)
		}
		return made
	}
	var penNames []string
	for _, a := range c.Authors {
		penNames = append(penNames, a.PenName)
	}
	var numbers, cover, coverAlt string
	for _, f := range c.Attachments {
		numbers += " " + f.Number
	}
	if len(c.Pictures) > 0 {
		cover, coverAlt = c.Pictures[0].SHA, c.Pictures[0].Alt
	}
	n.exec(`INSERT INTO revisions (article_id, n, content, hash, created_by, created_at) VALUES ($1, $2, $3, $4, 'author000001', $5)`, id, revision, jsonOf(c), c.Hash(), at)
	n.exec(`INSERT INTO publications (article_id, n, event, revision, kind, at) VALUES ($1, $2, $3, $4, $5, $6)`, id, n.seq, event, revision, c.Change, at)
	n.exec(`INSERT INTO live_articles (article_id, revision, public, section_id, also_in, title, lead, plain, slug, byline, pen_names, topics, tags, numbers, cover, cover_alt,
	    content, hash, published_at, updated_at, changed_n, search)
	  VALUES ($1, $2, 'live', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, article_search($5, $6, $7, $9, $13))
	  ON CONFLICT (article_id) DO UPDATE SET revision = excluded.revision, public = 'live', section_id = excluded.section_id, also_in = excluded.also_in,
	    title = excluded.title, lead = excluded.lead, plain = excluded.plain, slug = excluded.slug, content = excluded.content, hash = excluded.hash,
	    updated_at = excluded.updated_at, changed_n = excluded.changed_n, search = excluded.search`,
		id, revision, c.Section, orNone(c.AlsoIn), c.Title, c.Lead, text.Plain(c.Body), slug, c.Byline(), slugsOf(penNames), slugsOf(c.Topics), slugsOf(c.Tags),
		strings.TrimSpace(numbers), cover, coverAlt, jsonOf(c), c.Hash(), published, at, n.seq)
	n.exec(`UPDATE portal_version SET version = version + 1`)
	return id
}

func orNone(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// turn changes an article's public state.
func (n *newsstand) turn(id string, public newsroom.Public) {
	n.t.Helper()
	n.seq++
	n.exec(`INSERT INTO publications (article_id, n, event, revision, at) SELECT $1, $2, $3, revision, $4 FROM live_articles WHERE article_id = $1`, id, n.seq, string(public), n.clock.now())
	n.exec(`UPDATE live_articles SET public = $2, changed_n = $3, updated_at = $4 WHERE article_id = $1`, id, string(public), n.seq, n.clock.now())
	n.exec(`UPDATE portal_version SET version = version + 1`)
}

// picture stores a picture of 1600 × 1067 in four sizes whose bytes are no real pixels, and returns its hash.
func (n *newsstand) picture(sha string) string {
	n.t.Helper()
	n.exec(`INSERT INTO media (sha, kind, mime, width, height, size) VALUES ($1, 'image', 'image/jpeg', 1600, 1067, 9)`, sha)
	for _, width := range []int{320, 640, 960, 1600} {
		n.exec(`INSERT INTO media_variants (sha, width, ext, mime, bytes) VALUES ($1, $2, 'jpg', 'image/jpeg', $3)`, sha, width, []byte("pixels of "+sha[:4]))
	}
	return sha
}

// get asks for a page and fails the test unless it answers with status.
func (n *newsstand) get(path string, status int, headers ...string) *httptest.ResponseRecorder {
	n.t.Helper()
	return n.do(http.MethodGet, path, "", status, headers...)
}

// post sends a form from a page of the portal.
func (n *newsstand) post(path string, form url.Values, status int, headers ...string) *httptest.ResponseRecorder {
	n.t.Helper()
	return n.do(http.MethodPost, path, form.Encode(), status, append(headers, "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")...)
}

func (n *newsstand) do(method, path, body string, status int, headers ...string) *httptest.ResponseRecorder {
	n.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	n.Handler().ServeHTTP(w, r)
	if w.Code != status {
		n.t.Fatalf("%s %s: status %d, want %d\n%s", method, path, w.Code, status, w.Body)
	}
	return w
}

// scan reads one row.
func (n *newsstand) scan(sql string, into ...any) {
	n.t.Helper()
	if err := n.db.QueryRow(n.t.Context(), sql).Scan(into...); err != nil && !errors.Is(err, pgx.ErrNoRows) {
		n.t.Fatalf("%s: %v", sql, err)
	}
}

// run starts what goes on beside the requests, until the test ends.
func (n *newsstand) run() {
	n.t.Helper()
	ctx, cancel := context.WithCancel(n.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = n.Server.Run(ctx)
	}()
	n.t.Cleanup(func() { cancel(); <-done })
	n.eventually("page cache and live board follow", func() bool {
		n.bus.mu.Lock()
		defer n.bus.mu.Unlock()
		return n.bus.followers == 2
	})
}

// eventually waits until something holds, at most ten seconds.
func (n *newsstand) eventually(what string, holds func() bool) {
	n.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			n.t.Fatalf("never: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
