package web

import (
	"bytes"
	"context"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/jackc/pgx/v5/pgxpool"

	"toasoan/newsroom"
)

// mailRoom is a desk room whose dispatch notes which mail runs are told.
type mailRoom struct {
	*deskRoom
	db    *pgxpool.Pool
	mails *mailMoves
}

type mailMoves struct {
	*deskMoves
	mu   sync.Mutex
	told []string
}

func (m *mailMoves) tell(id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.told = append(m.told, id)
	return nil
}
func (m *mailMoves) Deliver(_ context.Context, id string) error           { return m.tell(id) }
func (m *mailMoves) StopDelivery(_ context.Context, id string) error      { return m.tell(id) }
func (m *mailMoves) Subscribed(_ context.Context, id string) error        { return m.tell(id) }
func (m *mailMoves) SubscriberChanged(_ context.Context, id string) error { return m.tell(id) }

func newMailRoom(t *testing.T) *mailRoom {
	t.Helper()
	d := newDeskRoom(t).peopled()
	m := &mailRoom{deskRoom: d, mails: &mailMoves{deskMoves: d.moves}}
	d.Dispatch = m.mails
	var err error
	if m.db, err = pgxpool.New(t.Context(), d.app); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.db.Close)
	return m
}

// upload posts a list as a browser does.
func (m *mailRoom) upload(b *deskBrowser, list, source string) deskAnswer {
	m.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	m.no(form.WriteField("source", source))
	if list != "" {
		part, err := form.CreateFormFile("file", `C:\ds\danh sách.csv`)
		m.no(err)
		_, err = part.Write([]byte(list))
		m.no(err)
	}
	m.no(form.Close())
	r := httptest.NewRequest(http.MethodPost, "/desk/subscribers/import", &body)
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(r)
}

// imported waits for the end of an import.
func (m *mailRoom) imported(b *deskBrowser, at string) deskAnswer {
	m.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if page := b.get(at).want(m.t, 200); strings.Contains(page.text, "Đã nhập xong") || strings.Contains(page.text, "Import finished") {
			return page
		}
		if time.Now().After(deadline) {
			m.t.Fatal("the import does not end")
		}
	}
}

func TestDeskImportsFindsAndErasesSubscribers(t *testing.T) {
	t.Parallel()
	m := newMailRoom(t)
	admin := m.as("admin")
	m.as("reporter").get("/desk/subscribers").want(t, 403)
	admin.get("/desk/subscribers").want(t, 200).has(t, "Chưa có người đăng ký")
	m.upload(admin, "", "").want(t, 422).has(t, "Vui lòng chọn tệp.", "Vui lòng ghi nguồn của sự đồng ý.")
	m.upload(admin, "name\nLan\n", "Phiếu giấy").want(t, 422).has(t, "không có cột email", `value="Phiếu giấy"`)
	list := "email,name,sections\n=cmd@example.vn,\"=HYPERLINK(\"\"x\"\")\",kinh-te\nbroken,x,kinh-te\n"
	for k := range 120 {
		list += fmt.Sprintf("reader%03d@example.vn,Nguyễn Thị Lan %d,Kinh tế\n", k, k)
	}
	at := m.upload(admin, list, "Phiếu giấy 2025").want(t, 303).Header().Get("Location")
	admin.get(at).want(t, 200).has(t, "Chưa nhập gì.", "Địa chỉ thư điện tử không hợp lệ.", "Nhập 121 người mới", "danh sách.csv")
	admin.post(at, nil).want(t, 303)
	m.imported(admin, at).has(t, "Đã nhập xong: 121 người mới, 0 người thêm chuyên mục.").lacks(t, `http-equiv="refresh"`, "data-live-every")
	again := m.upload(admin, list, "Phiếu giấy 2025").want(t, 303).Header().Get("Location")
	admin.get(again).want(t, 200).has(t, "nhập danh sách này cũng không thay đổi gì", "Chọn tệp khác").lacks(t, "Nhập 0 người")

	first := admin.get("/desk/subscribers?state=confirmed").want(t, 200)
	if n := strings.Count(first.text, `class="table-main table-name"`); n != 50 {
		t.Errorf("%d rows on the first page", n)
	}
	found := admin.get("/desk/subscribers?q=NGUYEN+thi+lan+77").want(t, 200).has(t, "reader077@example.vn").lacks(t, "reader078@")
	_, rest, _ := strings.Cut(found.text, `<td class="table-main table-name"><a href="`)
	person, _, _ := strings.Cut(rest, `"`)
	admin.get(person).want(t, 200).has(t, "reader077@example.vn", "Nhập từ danh sách", "Phiếu giấy 2025")
	admin.get(person+"/data").want(t, 200).has(t, `"email": "reader077@example.vn"`)
	admin.post(person, url.Values{"act": {"block"}}).want(t, 303)
	admin.get(person).want(t, 200).has(t, "Quản trị ngừng gửi")
	admin.post(person, url.Values{"act": {"unblock"}}).want(t, 303)
	admin.get(person).want(t, 200).lacks(t, "Quản trị ngừng gửi")
	admin.post(person, url.Values{"act": {"erase"}}).want(t, 303) // without the tick nothing happens
	admin.get(person).want(t, 200).has(t, "reader077@example.vn")
	admin.post(person, url.Values{"act": {"erase"}, "sure": {"1"}}).want(t, 303)
	admin.get(person).want(t, 200).lacks(t, "reader077@example.vn")
	export := admin.get("/desk/subscribers.csv").want(t, 200)
	export.has(t, "reader001@example.vn", "'=cmd@example.vn", "'=HYPERLINK").lacks(t, "reader077")
	if n := strings.Count(export.text, "\n"); n != 121 {
		t.Errorf("the export has %d lines, want a head and 120", n)
	}
}

// The desk's own export can be imported as it is: it changes nothing where it comes from, brings each cadence along, and confirms nobody
// who has not agreed.
func TestDeskImportsItsOwnExport(t *testing.T) {
	t.Parallel()
	m := newMailRoom(t)
	admin := m.as("admin")
	list := "email,name,lists,consent_at\n+plus@example.vn,=Lan,kinh-te:weekly,02/10/2025\nbinh@example.vn,Bình,kinh-te:daily,03/10/2025\n"
	at := m.upload(admin, list, "Phiếu giấy").want(t, 303).Header().Get("Location")
	admin.get(at).want(t, 200).has(t, "Những người đầu danh sách", "plus@example.vn", "Bình", "Kinh tế (Tổng hợp hằng tuần)")
	admin.post(at, nil).want(t, 303)
	m.imported(admin, at).lacks(t, "Những người đầu danh sách")
	for _, sql := range []string{
		`INSERT INTO subscribers (id, email, email_key, email_mac, state, requested_at, key_version, confirm_hash, prefs_hash)
		 VALUES ('asked0000001', 'asked@example.vn', 'asked@example.vn', 'x', 'requested', now(), 1, 'x', 'x'), ('left00000001', 'left@example.vn', 'left@example.vn', 'y', 'left', now(), 1, 'y', 'y')`,
		`INSERT INTO subscriptions (subscriber_id, section_id, since) VALUES ('asked0000001', 'kinh-te', now())`,
	} {
		_, err := m.db.Exec(t.Context(), sql)
		m.no(err)
	}
	for _, language := range []string{"vi", "en"} { // whose dates differ
		m.no(m.db.QueryRow(t.Context(), `UPDATE users SET locale = $1 WHERE 'admin' = ANY (roles) RETURNING id`, language).Scan(new(string)))
		export := admin.get("/desk/subscribers.csv").want(t, 200).text
		again := m.upload(admin, export, "Phiếu giấy").want(t, 303).Header().Get("Location")
		id := strings.TrimPrefix(again, "/desk/imports/")
		in, err := m.store.Import(t.Context(), id)
		m.no(err)
		codes := map[string]int{}
		for _, e := range in.Report.Errors {
			codes[e.Code]++
		}
		if r := in.Report; r.Added != 0 || r.Merged != 0 || r.Same != 2 || r.Failed != 2 || codes["state_requested"] != 1 || codes["state_left"] != 1 {
			t.Errorf("in %s the own export reads as %+v:\n%s", language, r, export)
		}
		_, err = m.db.Exec(t.Context(), `DELETE FROM subscribers WHERE email IN ('+plus@example.vn', 'binh@example.vn')`)
		m.no(err)
		admin.post(again, nil).want(t, 303)
		var lists string
		m.imported(admin, again)
		m.no(m.db.QueryRow(t.Context(), `SELECT coalesce(string_agg(s.email || ' ' || s.name || ' ' || l.cadence || ' ' || (s.confirmed_at AT TIME ZONE 'Asia/Ho_Chi_Minh')::date, ', ' ORDER BY s.email), '')
		  FROM subscribers s JOIN subscriptions l ON l.subscriber_id = s.id WHERE s.state = 'confirmed'`).Scan(&lists))
		if lists != "+plus@example.vn =Lan weekly 2025-10-02, binh@example.vn Bình daily 2025-10-03" {
			t.Errorf("in %s the own export brings %s", language, lists)
		}
	}
	var state string
	if m.no(m.db.QueryRow(t.Context(), `SELECT string_agg(state, ' ' ORDER BY id) FROM subscribers WHERE id IN ('asked0000001', 'left00000001')`).Scan(&state)); state != "requested left" {
		t.Errorf("who has not agreed is %s", state)
	}
}

// shows serves what b sees to a real browser.
func (b *deskBrowser) shows() string {
	b.d.t.Helper()
	at := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range b.cookies {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		r.Header.Set("User-Agent", b.agent)
		b.d.Handler().ServeHTTP(w, r)
	}))
	b.d.t.Cleanup(at.Close)
	return at.URL
}

// A name without an end, which anybody can type, pushes no other column out of sight.
func TestLongNamesLeaveTheListWhole(t *testing.T) {
	t.Parallel()
	m := newMailRoom(t)
	admin := m.as("admin")
	at := m.upload(admin, "email,name,sections\nlan@example.vn,"+strings.Repeat("Nguyễn", 16)+",kinh-te\n"+strings.Repeat("a", 60)+"@example.vn,Trần Thị Bích Ngọc,kinh-te\n", "Phiếu giấy").want(t, 303).Header().Get("Location")
	admin.post(at, nil).want(t, 303)
	m.imported(admin, at)
	ctx, cancel := context.WithTimeout(chromium(t), time.Minute)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(1280, 900), chromedp.Navigate(admin.shows()+"/desk/subscribers")); err != nil {
		t.Fatal(err)
	}
	over, err := chromedp.Run(ctx, chromedp.Evaluate[int](`(box => box.scrollWidth - box.clientWidth)(document.querySelector('.table-box'))`))
	if err != nil || over > 0 {
		t.Errorf("the list is %d px wider than the page, %v", over, err)
	}
	photograph(ctx, t, "long-names")
}

// run publishes an article and freezes its issue.
func (m *mailRoom) run() string {
	m.t.Helper()
	ctx := m.t.Context()
	id := "article00001"
	content := jsonOf(newsroom.Content{Title: "Ký kết", Section: "kinh-te"})
	for _, sql := range []string{
		`INSERT INTO articles (id, author_id, title, draft, draft_hash) VALUES ($1, $2, 'Ký kết', $3, '')`,
		`INSERT INTO revisions (article_id, n, content, hash, created_by, created_at) VALUES ($1, 1, $3, '', $2, now())`,
		`INSERT INTO live_articles (article_id, revision, public, section_id, title, lead, plain, slug, byline, content, hash, published_at, updated_at, changed_n, search)
		  SELECT $1, 1, 'live', 'kinh-te', 'Ký kết', '', '', 'ky-ket', $2, $3, '', now(), now(), 1, ''`,
		`INSERT INTO publications (article_id, n, event, revision, kind, at) SELECT $1, 1, 'published', 1, left($2 || $3::text, 0), now()`,
	} {
		if _, err := m.db.Exec(ctx, sql, id, m.people["reporter"].ID, content); err != nil {
			m.t.Fatalf("%s: %v", sql, err)
		}
	}
	out, err := m.store.MailPublicChange(ctx, "e1", id, 1, "published", newsroom.ChangeNew)
	m.no(err)
	m.no(m.store.FreezeRecipients(ctx, out.Issues[0]))
	lease, err := m.store.LeaseChunk(ctx, out.Issues[0], 0, m.clock.now(), 0)
	m.no(err)
	_, err = m.store.Claim(ctx, out.Issues[0], 0, lease, 100, m.clock.now())
	m.no(err)
	return out.Issues[0]
}

func TestDeskHoldsAndRetriesAMailRun(t *testing.T) {
	t.Parallel()
	m := newMailRoom(t)
	admin, reviewer := m.as("admin"), m.as("reviewer")
	at := m.upload(admin, "email,sections\na@example.vn,kinh-te\nb@example.vn,kinh-te\nc@example.vn,kinh-te\n", "giấy").want(t, 303).Header().Get("Location")
	admin.post(at, nil).want(t, 303)
	m.imported(admin, at)
	m.clock.forward(time.Minute)
	issue := m.run()
	page := "/desk/issues/" + issue
	m.as("reporter").post(page, url.Values{"act": {"pause"}}).want(t, 403)
	reviewer.get(page).want(t, 200).has(t, "Tạm dừng", "Dừng hẳn").lacks(t, "Gửi tiếp", "Từng người nhận")
	reviewer.post(page, url.Values{"act": {"pause"}}).want(t, 303)
	reviewer.get(page).want(t, 200).has(t, "Gửi tiếp", "Có người cho dừng.")
	reviewer.post(page, url.Values{"act": {"resume"}}).want(t, 303)
	if len(m.mails.told) < 4 || m.mails.told[0] != issue {
		t.Errorf("the run was told %v", m.mails.told)
	}
	if _, err := m.db.Exec(t.Context(), `UPDATE mail_deliveries SET state = 'expired', smtp_code = 452, reply = 'mailbox full', enhanced = '4.2.2' WHERE email = 'a@example.vn'`); err != nil {
		t.Fatal(err)
	}
	reviewer.get(page).want(t, 200).has(t, "Gửi lại ngay 1 thư bị hoãn", "452 4.2.2 mailbox full", "Hộp thư đầy", "Người nhận cần dọn hộp thư. Đã thử lại trong 72 giờ, cổng không tự gửi nữa.", "<b>3</b> người nhận",
		"<b>1</b> hết hạn gửi lại", "Số liệu khớp: không sót ai.")
	reviewer.get(page+"/recipients").want(t, 403) // addresses are the admin's
	admin.get(page+"/recipients?state=expired").want(t, 200).has(t, "a@example.vn", "452 4.2.2 mailbox full").lacks(t, "b@example.vn")
	admin.get(page+"/recipients.csv").want(t, 200).has(t, "a@example.vn,expired,1,452", "c@example.vn,pending")
	reviewer.post(page, url.Values{"act": {"retry"}}).want(t, 303)
	reviewer.get(page).want(t, 200).has(t, "Đã xếp 1 thư để gửi lại.")
	reviewer.post(page, url.Values{"act": {"stop"}}).want(t, 303)
	reviewer.get(page).want(t, 200).has(t, "Đã dừng hẳn.", "Gửi tiếp")
	reviewer.post(page, url.Values{"act": {"retry"}}).want(t, 303)
	reviewer.get(page).want(t, 200).has(t, "Không thực hiện được ở trạng thái này")
	if _, err := m.db.Exec(t.Context(), `UPDATE mail_issues SET why = $1 WHERE id = $2`, newsroom.StopSuperseded, issue); err != nil {
		t.Fatal(err)
	}
	reviewer.get(page).want(t, 200).has(t, "Bài đã được đính chính nên dừng gửi bản cũ.").lacks(t, "Gửi tiếp")
	reviewer.post("/desk/issues/none", url.Values{"act": {"stop"}}).want(t, 404)
}

func TestRelayReplySaysItsStatusOnce(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]newsroom.DeliveryRow{
		"550 5.1.1 no such user": {Code: 550, Enhanced: "5.1.1", Reply: "5.1.1 no such user"},
		"452 4.2.2 mailbox full": {Code: 452, Enhanced: "4.2.2", Reply: "mailbox full"},
		"421":                    {Code: 421},
		"":                       {},
	} {
		if got := relayReply(nil, d); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
