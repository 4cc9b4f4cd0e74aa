package web

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"toasoan/internal/secret"
	"toasoan/internal/store"
	"toasoan/internal/testkit"
	"toasoan/newsroom"
)

// linkDesk is a newsroom behind a real listener whose leaders decide by mailed links: a real store, and moves settled as the
// workflow settles them.
type linkDesk struct {
	*store.Store
	t        *testing.T
	db       *pgxpool.Pool // owner's rights
	keys     *secret.Ring
	clock    *testClock
	log      *safeBuffer
	moves    *linkMover
	server   *Server
	from     *safeBuffer // every Referer that came in, one a line
	url      string
	admin    newsroom.Person
	author   newsroom.Person
	reviewer newsroom.Person
	leader   newsroom.Person
	second   newsroom.Person
}

// linkMover settles moves at once; away, it only records them.
type linkMover struct {
	settler
	posted []string
}

func (m *linkMover) Post(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.posted = append(m.posted, id)
	return nil
}

func (m *linkMover) Reload(context.Context, string) error { return nil }

type safeBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

const (
	leaderPIN = "836152"
	secondPIN = "417290"
)

func newLinkDesk(t *testing.T) *linkDesk {
	t.Helper()
	owner, app := testkit.Database(t)
	keys, err := secret.NewRing(map[int][]byte{1: bytes.Repeat([]byte{7}, secret.KeySize)})
	if err != nil {
		t.Fatal(err)
	}
	d := &linkDesk{t: t, keys: keys, clock: &testClock{at: friday}, log: &safeBuffer{}, from: &safeBuffer{}}
	log := slog.New(slog.NewTextHandler(d.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if d.Store, err = store.New(t.Context(), store.Options{URL: app, Keys: keys, Now: d.clock.now, Log: log, BaseURL: "https://vankhe.example.vn"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	if d.db, err = pgxpool.New(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.db.Close)
	d.moves = &linkMover{settler: settler{store: d.Store}}
	if d.server, err = New(Options{
		Store: d.Store, Dispatch: d.moves, Bus: &testBus{}, Keys: keys, Log: log, URL: &url.URL{Scheme: "http", Host: "vankhe.example.vn"}, Now: d.clock.now,
	}); err != nil {
		t.Fatal(err)
	}
	handler := d.server.Handler()
	listener := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(d.from, "%s %s from %s\n", r.Method, r.URL.Path, r.Referer())
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(listener.Close)
	d.url = listener.URL
	d.seed()
	return d
}

func (d *linkDesk) seed() {
	d.t.Helper()
	ctx := d.t.Context()
	must := func(_ any, err error) {
		d.t.Helper()
		if err != nil {
			d.t.Fatal(err)
		}
	}
	must(nil, d.SaveOfficeInfo(ctx, newsroom.Person{}, newsroom.OfficeInfo{Portal: "Cổng thông tin điện tử xã Vân Khê", Unit: "UBND xã Vân Khê"}))
	d.admin = d.add("admin", "Quản trị viên", "", newsroom.RoleAdmin)
	d.author = d.add("phong-vien", "Lê Thị Vân", "", newsroom.RoleReporter)
	d.reviewer = d.add("bien-tap", "Phạm Thị Lan", "", newsroom.RoleReviewer)
	d.leader = d.add("pho-chu-tich", "Trần Văn Minh", "Phó Chủ tịch UBND xã", newsroom.RoleLeader)
	d.second = d.add("chu-tich", "Nguyễn Thị Hòa", "Chủ tịch UBND xã", newsroom.RoleLeader)
	must(nil, d.SetPIN(ctx, d.leader.ID, leaderPIN))
	must(nil, d.SetPIN(ctx, d.second.ID, secondPIN))
	must(d.SaveSection(ctx, d.admin, newsroom.Section{ID: "nong-thon-moi", NameVI: "Xây dựng nông thôn mới", NameEN: "New rural areas"}))
	must(d.SaveOffice(ctx, d.admin, newsroom.Office{ID: "ban-bien-tap", Name: "Ban Biên tập", Position: 1}))
	must(d.SaveOffice(ctx, d.admin, newsroom.Office{ID: "chu-tich", Name: "Chủ tịch", Position: 2, Chief: true}))
	must(nil, d.Seat(ctx, d.admin, "ban-bien-tap", d.leader.ID, false))
	must(nil, d.Seat(ctx, d.admin, "chu-tich", d.second.ID, false))
}

func (d *linkDesk) add(name, full, title string, roles ...newsroom.Role) newsroom.Person {
	d.t.Helper()
	a, _, err := d.CreateUser(d.t.Context(), newsroom.Person{}, newsroom.AccountInput{Email: name + "@vankhe.example", Name: full, Title: title, Roles: roles}, false)
	if err != nil {
		d.t.Fatal(err)
	}
	return a.Person
}

func (d *linkDesk) policy(bend func(*newsroom.Policy)) {
	d.t.Helper()
	p := newsroom.DefaultPolicy("ban-bien-tap")
	bend(&p)
	if _, err := d.SavePolicy(d.t.Context(), d.admin, "", p); err != nil {
		d.t.Fatal(err)
	}
}

// ruralStory is an article of ordinary length with a long title.
func ruralStory() newsroom.Content {
	var body strings.Builder
	for range 12 {
		body.WriteString("<p>Sáng 02/10, tại hội trường UBND xã, bảy đơn vị đã ký kết chương trình phối hợp xây dựng nông thôn mới nâng cao, " +
			"đặt mục tiêu hoàn thành 19 tiêu chí trước tháng 6 năm sau, trong đó ưu tiên đường giao thông, nước sạch và thu gom rác thải.</p>")
	}
	body.WriteString("<h2>Bảy đơn vị cùng ký</h2><ul><li>Hội Nông dân</li><li>Hội Liên hiệp Phụ nữ</li><li>Đoàn Thanh niên</li></ul>")
	return newsroom.Content{
		Title: "Xã Vân Khê ký kết chương trình phối hợp xây dựng nông thôn mới nâng cao giai đoạn 2026 – 2030 với bảy đơn vị trên địa bàn",
		Lead:  "Bảy đơn vị cùng ký, mười chín tiêu chí, một năm để làm: chương trình đặt đường giao thông và nước sạch lên trước.",
		Body:  body.String(), Section: "nong-thon-moi", Authors: []newsroom.Author{{PenName: "Lê Vân"}, {PenName: "Hoàng Nam"}, {PenName: "Mai Lan"}},
	}
}

// sent makes an article that awaits approval, and returns its id.
func (d *linkDesk) sent(c newsroom.Content) string {
	d.t.Helper()
	draft, err := d.CreateArticle(d.t.Context(), d.author, c)
	if err != nil {
		d.t.Fatal(err)
	}
	id := draft.Article.ID
	d.move(d.author, id, newsroom.MoveSubmit)
	d.move(d.reviewer, id, newsroom.MoveClaim)
	d.move(d.reviewer, id, newsroom.MoveForward, func(r *newsroom.Request) { r.Comment = "Đã kiểm tra số liệu với bộ phận Kinh tế." })
	d.clock.forward(2 * time.Minute)
	return id
}

// move settles one at the desk.
func (d *linkDesk) move(who newsroom.Person, id string, move newsroom.Move, bend ...func(*newsroom.Request)) newsroom.Outcome {
	d.t.Helper()
	a, err := d.Article(d.t.Context(), id)
	if err != nil {
		d.t.Fatal(err)
	}
	r := newsroom.Request{
		ID: uuid.NewString(), ArticleID: id, ActorID: who.ID, Door: newsroom.DoorPage, Move: move, Code: newsroom.ReasonOther, Reason: "Lý do thử.",
	}
	if a.Revision > 0 {
		frozen, err := d.Revision(d.t.Context(), id, a.Revision)
		if err != nil {
			d.t.Fatal(err)
		}
		switch move {
		case newsroom.MoveApprove, newsroom.MoveRequestChanges, newsroom.MoveReject, newsroom.MoveEmergencyRelease:
			r.Hash = frozen.Hash
		}
	}
	for _, b := range bend {
		b(&r)
	}
	o, err := d.moves.settler.Move(d.t.Context(), r)
	if err != nil {
		d.t.Fatalf("%s by %s: %v", move, who.Name, err)
	}
	return o
}

// link is the path of the newest link that was mailed to who about an article.
func (d *linkDesk) link(id string, who newsroom.Person) string {
	d.t.Helper()
	ask := d.scalar(`SELECT id FROM asks WHERE article_id = $1 AND user_id = $2 ORDER BY created_at DESC, closed_at IS NULL DESC LIMIT 1`, id, who.ID)
	return "/duyet/" + d.keys.Token(store.PurposeAsk, ask, d.keys.Version())
}

// notMeLink is the path of the "not me" link in the receipt of the newest decision of who.
func (d *linkDesk) notMeLink(who newsroom.Person) string {
	d.t.Helper()
	id := d.scalar(`SELECT id FROM account_links WHERE kind = 'not_me' AND user_id = $1 ORDER BY created_at DESC LIMIT 1`, who.ID)
	return "/khong-phai-toi/" + d.keys.Token(store.PurposeNotMe, id, d.keys.Version())
}

func (d *linkDesk) scalar(sql string, args ...any) (s string) {
	d.t.Helper()
	if err := d.db.QueryRow(d.t.Context(), `SELECT coalesce((`+sql+`)::text, '')`, args...).Scan(&s); err != nil {
		d.t.Fatalf("%s: %v", sql, err)
	}
	return s
}

// dump is a fingerprint of every table, by name.
func (d *linkDesk) dump() map[string]string {
	d.t.Helper()
	rows, _ := d.db.Query(d.t.Context(), `SELECT tablename FROM pg_tables WHERE schemaname = 'public'`)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		d.t.Fatal(err)
	}
	prints := map[string]string{}
	for _, name := range tables {
		prints[name] = d.scalar(`SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, E'\n' ORDER BY t::text)), '') FROM ` + pgx.Identifier{name}.Sanitize() + ` t`)
	}
	return prints
}

// unchanged fails the test for every table that is not as it was.
func (d *linkDesk) unchanged(before map[string]string, but ...string) {
	d.t.Helper()
	after := d.dump()
	for _, name := range but {
		delete(before, name)
	}
	for name, was := range before {
		if after[name] != was {
			d.t.Errorf("table %s changed", name)
		}
	}
}

// phone is one browser: its cookies and what it showed last.
type phone struct {
	d      *linkDesk
	client *http.Client
	page   string // body of the last answer
	header http.Header
	status int
}

func (d *linkDesk) phone() *phone {
	jar, err := cookiejar.New(nil)
	if err != nil {
		d.t.Fatal(err)
	}
	return &phone{d: d, client: &http.Client{Jar: jar, Timeout: time.Minute}}
}

func (p *phone) send(method, path string, body io.Reader, headers ...string) {
	p.d.t.Helper()
	r, err := http.NewRequestWithContext(p.d.t.Context(), method, p.d.url+path, body)
	if err != nil {
		p.d.t.Fatal(err)
	}
	r.Header.Set("User-Agent", "Mozilla/5.0 (Linux; Android 14) Mobile")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	answer, err := p.client.Do(r)
	if err != nil {
		p.d.t.Fatal(err)
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	if err != nil {
		p.d.t.Fatal(err)
	}
	p.page, p.header, p.status = string(raw), answer.Header, answer.StatusCode
}

// open taps a link.
func (p *phone) open(path string) *phone {
	p.d.t.Helper()
	p.send(http.MethodGet, path, nil)
	return p
}

var hiddenInput = regexp.MustCompile(`<input type="hidden" name="([a-z_]+)" value="([^"]*)">`)

// form is what the page that is shown would send by itself, with what was typed.
func (p *phone) form(typed ...string) url.Values {
	v := url.Values{}
	for _, m := range hiddenInput.FindAllStringSubmatch(p.page, -1) {
		v.Set(m[1], m[2])
	}
	for i := 0; i+1 < len(typed); i += 2 {
		v.Set(typed[i], typed[i+1])
	}
	return v
}

func (p *phone) post(path string, form url.Values) *phone {
	p.d.t.Helper()
	p.send(http.MethodPost, path, strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
	return p
}

// trusted makes the phone one that who has trusted before.
func (p *phone) trusted(who newsroom.Person) {
	p.d.t.Helper()
	value, _, err := p.d.TrustDevice(p.d.t.Context(), who.ID, "điện thoại")
	if err != nil {
		p.d.t.Fatal(err)
	}
	base, err := url.Parse(p.d.url)
	if err != nil {
		p.d.t.Fatal(err)
	}
	p.client.Jar.SetCookies(base.JoinPath(decidePath), []*http.Cookie{{Name: deviceCookie, Value: value, Path: decidePath}})
}

// decide opens a link and sends a decision.
func (p *phone) decide(path, move string, typed ...string) *phone {
	p.d.t.Helper()
	return p.open(path).post(path, p.form(append([]string{"move", move}, typed...)...))
}

// shows fails the test unless the last answer has a status and every text.
func (p *phone) shows(status int, texts ...string) *phone {
	p.d.t.Helper()
	if p.status != status {
		p.d.t.Errorf("status %d, want %d", p.status, status)
	}
	for _, text := range texts {
		if !strings.Contains(p.page, text) {
			p.d.t.Errorf("the page does not say %q:\n%s", text, mainOf(p.page))
		}
	}
	return p
}

func mainOf(page string) string {
	if i := strings.Index(page, "<main"); i >= 0 {
		page = page[i:]
	}
	return page[:min(len(page), 3000)]
}

func (d *linkDesk) stage(id string) newsroom.Stage {
	d.t.Helper()
	a, err := d.Article(d.t.Context(), id)
	if err != nil {
		d.t.Fatal(err)
	}
	return a.Stage
}
