package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/jackc/pgx/v5"
	"toasoan/internal/secret"
	"toasoan/internal/testkit"

	"toasoan/newsroom"
)

// mailHouse is a store on a database of its own with two sections, an admin and a clock that tests set.
type mailHouse struct {
	*Store
	t     testing.TB
	raw   *pgxpool.Pool // the app's role too
	mu    sync.Mutex
	clock time.Time
	admin newsroom.Person
}

func newMailHouse(t testing.TB) *mailHouse {
	t.Helper()
	_, app := testkit.Database(t)
	key := sha256.Sum256([]byte(t.Name()))
	ring, err := secret.NewRing(map[int][]byte{1: key[:]})
	if err != nil {
		t.Fatal(err)
	}
	h := &mailHouse{t: t, clock: time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)}
	h.Store, err = New(t.Context(), Options{
		URL: app, Keys: ring, Log: slog.New(slog.DiscardHandler), BaseURL: "https://vankhe.example.vn/",
		Now: func() time.Time { h.mu.Lock(); defer h.mu.Unlock(); return h.clock },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	h.raw = h.Store.db
	h.exec(`INSERT INTO sections (id, name_vi, name_en, position) VALUES ('kinh-te', 'Kinh tế', 'Economy', 1), ('thong-bao', 'Thông báo', '', 2), ('cu', 'Cũ', '', 3)`)
	h.exec(`UPDATE sections SET retired = true WHERE id = 'cu'`)
	h.exec(`INSERT INTO settings (key, value) VALUES ('office', '{"portal": "Cổng xã Vân Khê", "unit": "UBND xã Vân Khê"}')`)
	h.exec(`INSERT INTO users (id, email, email_key, name, roles) VALUES ('admin0000000', 'a@example.vn', 'a@example.vn', 'Quản trị', '{admin}'),
	  ('author000000', 'b@example.vn', 'b@example.vn', 'Lê Thị Vân', '{reporter}')`)
	h.admin = newsroom.Person{ID: "admin0000000", Name: "Quản trị", Active: true, Roles: []newsroom.Role{newsroom.RoleAdmin}}
	return h
}

func (h *mailHouse) exec(sql string, values ...any) {
	h.t.Helper()
	if _, err := h.raw.Exec(h.t.Context(), sql, values...); err != nil {
		h.t.Fatalf("%s: %v", sql, err)
	}
}

func (h *mailHouse) value(sql string, values ...any) (n int) {
	h.t.Helper()
	if err := h.raw.QueryRow(h.t.Context(), sql, values...).Scan(&n); err != nil {
		h.t.Fatalf("%s: %v", sql, err)
	}
	return n
}

func (h *mailHouse) text(sql string, values ...any) (s string) {
	h.t.Helper()
	if err := h.raw.QueryRow(h.t.Context(), sql, values...).Scan(&s); err != nil {
		h.t.Fatalf("%s: %v", sql, err)
	}
	return s
}

func (h *mailHouse) later(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clock = h.clock.Add(d)
}

// subscribe asks and confirms.
func (h *mailHouse) subscribe(email string, sections ...string) string {
	h.t.Helper()
	id, err := h.Subscribe(h.t.Context(), request(email, sections...))
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.Confirm(h.t.Context(), h.confirmation(id), newsroom.Proof{IP: "203.0.113.7", Source: "link"}); err != nil {
		h.t.Fatal(err)
	}
	return id
}

// confirmation is the token of the confirmation link that works for a subscriber.
func (h *mailHouse) confirmation(id string) string {
	h.t.Helper()
	rows, _ := h.raw.Query(h.t.Context(), `SELECT id FROM consents WHERE subscriber_id = $1 AND act = 'requested'`, id)
	acts, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		h.t.Fatal(err)
	}
	u, err := scanSub(h.raw.QueryRow(h.t.Context(), strings.ReplaceAll(sqlSubByID, "@id", "$1"), id))
	if err != nil {
		return "" // purged
	}
	for _, act := range acts {
		if token := h.confirmToken(u, act); bytes.Equal(hashToken(token), u.confirm) {
			return token
		}
	}
	return h.keys.Token(PurposeConfirm, id, 1)
}

func request(email string, sections ...string) newsroom.SubscribeRequest {
	return newsroom.SubscribeRequest{
		Email: email, Name: "Trần Văn Bình", Sections: sections, Cadence: newsroom.CadenceInstant, Consent: true,
		Proof: newsroom.Proof{IP: "203.0.113.7", Form: "vi-1", Source: "page"},
	}
}

// many makes n confirmed subscribers of section at once.
func (h *mailHouse) many(n int, section string) {
	h.t.Helper()
	var list strings.Builder
	list.WriteString("email,sections\n")
	for k := range n {
		fmt.Fprintf(&list, "reader%05d@example.vn,%s\n", k, section)
	}
	in, err := h.PreviewImport(h.t.Context(), h.admin, "list.csv", "Sổ đăng ký giấy 2025", nil, strings.NewReader(list.String()))
	if err != nil {
		h.t.Fatal(err)
	}
	if err := h.RunImport(h.t.Context(), h.admin, in.ID); err != nil {
		h.t.Fatal(err)
	}
	h.later(time.Minute)
}

// publish makes revision of an article what readers see, as publication n of event.
func (h *mailHouse) publish(article string, revision int, n int64, event string, kind newsroom.ChangeKind) {
	h.t.Helper()
	public := newsroom.PublicLive
	switch event {
	case "withdrawn":
		public = newsroom.PublicWithdrawn
	case "taken_down":
		public = newsroom.PublicTakenDown
	}
	c := newsroom.Content{
		Title: "Ký kết xây dựng đường liên thôn", Lead: "Tuyến đường dài 580 m.", Body: "<p>Nội dung.</p>", Section: "kinh-te",
		Authors: []newsroom.Author{{PenName: "Lê Vân", UserID: "author000000"}}, Change: kind,
	}
	if kind == newsroom.ChangeCorrection {
		c.Note = &newsroom.Correction{Old: "850 m", New: "580 m"}
	}
	now := h.Store.now()
	h.exec(`INSERT INTO articles (id, section_id, title, author_id, draft, draft_hash) VALUES ($1, 'kinh-te', $2, 'author000000', $3, '') ON CONFLICT DO NOTHING`,
		article, c.Title, toJSON(c))
	h.exec(`INSERT INTO revisions (article_id, n, content, hash, created_by, created_at) VALUES ($1, $2, $3, '', 'author000000', $4) ON CONFLICT DO NOTHING`,
		article, revision, toJSON(c), now)
	h.exec(`INSERT INTO live_articles (article_id, revision, public, section_id, title, lead, plain, slug, byline, content, hash, published_at, updated_at, changed_n, search)
	  VALUES ($1, $2, $3, 'kinh-te', $4, $5, '', 'duong-lien-thon', 'Lê Vân', $6, '', $7, $7, $8, '')
	  ON CONFLICT (article_id) DO UPDATE SET revision = excluded.revision, public = excluded.public, changed_n = excluded.changed_n`,
		article, revision, public, c.Title, c.Lead, toJSON(c), now, n)
	h.exec(`INSERT INTO publications (article_id, n, event, revision, kind, at) VALUES ($1, $2, $3, $4, $5, $6)`, article, n, event, revision, kind, now)
	for _, effect := range newsroom.Effects(event, kind) {
		h.exec(`INSERT INTO receipts (article_id, n, effect) VALUES ($1, $2, $3)`, article, n, effect)
	}
	if public == newsroom.PublicLive {
		return
	}
	if err := h.tx(h.t.Context(), func(tx pgx.Tx) error { // as turn does
		_, err := h.stopIssues(h.t.Context(), tx, article, n, event)
		return err
	}); err != nil {
		h.t.Fatal(err)
	}
}

// mail does what the mailer does with an event.
func (h *mailHouse) mail(article string, n int64, verb string, kind newsroom.ChangeKind) newsroom.IssueOpened {
	h.t.Helper()
	out, err := h.MailPublicChange(h.t.Context(), fmt.Sprintf("newsroom.article.%s.v1/%s/%d", verb, article, n), article, n, verb, kind)
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// ready freezes an issue.
func (h *mailHouse) ready(issue string) newsroom.DeliveryStanding {
	h.t.Helper()
	ctx := h.t.Context()
	if _, err := h.IssueView(ctx, issue); err != nil {
		h.t.Fatal(err)
	}
	if err := h.KeepMaster(ctx, issue, "Tiêu đề", "<p>…</p>", "…", "hash"); err != nil {
		h.t.Fatal(err)
	}
	if err := h.FreezeRecipients(ctx, issue); err != nil {
		h.t.Fatal(err)
	}
	st, err := h.DeliveryStanding(ctx, issue)
	if err != nil {
		h.t.Fatal(err)
	}
	return st
}

// commit writes entries and returns their answers.
func (h *mailHouse) commit(ctx context.Context, entries ...ledgerEntry) []newsroom.DeliveryState {
	h.t.Helper()
	states, err := h.Commit(ctx, entries)
	if err != nil {
		h.t.Fatal(err)
	}
	return states
}
