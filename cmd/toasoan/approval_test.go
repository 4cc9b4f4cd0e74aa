package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"toasoan/internal/standalone"
)

// TestApprovalByLinkOnTheRealBinary plays the mailed link against the real product, with its workflows, mail and database: read many
// times, decided once, dead when it is dead, and useless to whoever has no PIN.
func TestApprovalByLinkOnTheRealBinary(t *testing.T) {
	p := newPlant(t, "INSPECTOR_EMAIL="+inspector, "TRUSTED_PROXIES=127.0.0.1/32")
	w := &walk{plant: p, author: p.as("reporter"), reviewer: p.as("reviewer"), leader: p.as("leader")}
	t.Run("read many times", func(t *testing.T) { readManyTimes(t, w) })
	t.Run("race and replay", func(t *testing.T) { raceAndReplay(t, w) })
	t.Run("recalled", func(t *testing.T) { recalledLink(t, w) })
	t.Run("stale", func(t *testing.T) { staleLink(t, w) })
	t.Run("expired", func(t *testing.T) { expiredLink(t, w) })
	t.Run("revoked phone", func(t *testing.T) { revokedPhone(t, w) })
	t.Run("wrong PINs", func(t *testing.T) { wrongPINs(t, w) })
	t.Run("a policy changes", func(t *testing.T) { policyChanges(t, w) })
	t.Run("the calendar changes", func(t *testing.T) { calendarChanges(t, w) })
	t.Run("emergency", func(t *testing.T) { emergencyRelease(t, w) })
	t.Run("not me", func(t *testing.T) { notMeAndANewPIN(t, w) })
	t.Run("delegated", func(t *testing.T) { delegatedLink(t, w) })
	t.Run("the record", func(t *testing.T) { theRecord(t, w) })
	t.Run("no trace of a token", func(t *testing.T) { noTraceOfATokenAnywhere(t, w) })
}

// linkPhone is a browser of the test.
type linkPhone struct {
	t       *testing.T
	client  *http.Client
	address string // where it is: strangers are limited by network
	page    string
	status  int
}

// phones counts the browsers of the test.
var phones atomic.Int32

func newLinkPhone(t *testing.T) *linkPhone {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &linkPhone{t: t, client: &http.Client{Jar: jar, Timeout: time.Minute}, address: somewhere()}
}

// somewhere is an address in a network of its own.
func somewhere() string {
	n := phones.Add(1)
	return fmt.Sprintf("10.%d.%d.1", n/250+1, n%250)
}

func (l *linkPhone) send(method, address string, form url.Values) *linkPhone {
	l.t.Helper()
	req, err := http.NewRequestWithContext(l.t.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		l.t.Fatal(err)
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("X-Forwarded-For", l.address)
	res, err := l.client.Do(req)
	if err != nil {
		l.t.Error(err)
		return l
	}
	defer res.Body.Close() //nolint:errcheck // read only
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		l.t.Error(err)
	}
	l.page, l.status = string(raw), res.StatusCode
	return l
}

func (l *linkPhone) open(link string) *linkPhone { return l.send(http.MethodGet, link, nil) }

// decide sends the form of the page that is shown.
func (l *linkPhone) decide(link string, typed url.Values) *linkPhone {
	l.t.Helper()
	for _, field := range []string{"nonce", "request_id", "content_hash"} {
		typed.Set(field, hidden(l.page, field))
	}
	return l.send(http.MethodPost, link, typed)
}

func (l *linkPhone) shows(status int, text string) {
	l.t.Helper()
	if l.status != status || !strings.Contains(l.page, text) {
		from := max(0, strings.Index(l.page, "<main"))
		l.t.Errorf("status %d, want %d and %q:\n%s", l.status, status, text, l.page[from:min(len(l.page), from+1500)])
	}
}

// waiting makes an article that awaits approval and returns the link that was mailed to somebody.
func (w *walk) waiting(t *testing.T, title string, to demoUser) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	w.begin(title)
	for _, step := range w.steps() {
		switch step.name {
		case "create", "submit", "claim", "forward":
			if err := step.do(ctx); err != nil {
				t.Fatal(err)
			}
		}
	}
	return w.linkTo(t, title, to)
}

// linkTo waits for the next mail that asks somebody about an article, and returns its link.
func (w *walk) linkTo(t *testing.T, title string, to demoUser) (link string) {
	t.Helper()
	w.until(2*time.Minute, "the mail to "+to.Role, func() bool {
		for _, m := range w.mails("[Chờ duyệt] " + title) {
			if len(m.To) == 1 && strings.EqualFold(m.To[0].Address, to.Email) { // one addressee: never a copy to anybody
				if found := linkForm.FindString(w.text(m.ID)); !slices.Contains(w.links, found) {
					link = found
				}
			}
		}
		return link != ""
	})
	w.links = append(w.links, link)
	return link
}

func (w *walk) database(t *testing.T) *pgx.Conn {
	t.Helper()
	run, err := standalone.ReadRun(w.data)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), run.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func (w *walk) scalar(t *testing.T, sql string, args ...any) (s string) {
	t.Helper()
	if err := w.database(t).QueryRow(t.Context(), `SELECT coalesce((`+sql+`)::text, '')`, args...).Scan(&s); err != nil {
		t.Fatal(err)
	}
	return s
}

// The record of one article, its questions and what was recorded for it: what a link could change.
const sqlTraces = `SELECT
	(SELECT count(*) FROM audit WHERE article_id = $1) || ' ' || (SELECT count(*) FROM decisions WHERE article_id = $1) || ' ' ||
	(SELECT md5(string_agg(k::text, '' ORDER BY k.id)) FROM asks k WHERE article_id = $1) || ' ' ||
	(SELECT count(*) FROM move_requests WHERE article_id = $1) || ' ' || (SELECT count(*) FROM devices) || ' ' ||
	(SELECT md5(a::text) FROM articles a WHERE id = $1)`

func readManyTimes(t *testing.T, w *walk) {
	link := w.waiting(t, "Thư được quét nhiều lần", w.leader)
	before := w.scalar(t, sqlTraces, w.article)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			phone := newLinkPhone(t)
			for range 15 {
				for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
					phone.send(method, link, nil)
				}
			}
		})
	}
	wg.Wait()
	phone := newLinkPhone(t).open(link)
	phone.decide(link, url.Values{"move": {"approve"}}).shows(422, "Vui lòng nhập mã PIN")
	if after := w.scalar(t, sqlTraces, w.article); after != before {
		t.Errorf("traces: %s, were %s", after, before)
	}
}

func raceAndReplay(t *testing.T, w *walk) {
	first := w.waiting(t, "Lần đầu trên điện thoại này", w.leader)
	trusted := newLinkPhone(t).open(first)
	trusted.decide(first, url.Values{"move": {"approve"}, "pin": {w.leader.PIN}, "trust": {"1"}}).shows(200, "đã phê duyệt")
	link := w.waiting(t, "Hai ý kiến trái ngược", w.leader)
	trusted.open(link)
	hash, form := hidden(trusted.page, "content_hash"), url.Values{"move": {"approve"}}
	for _, field := range []string{"nonce", "request_id", "content_hash"} {
		form.Set(field, hidden(trusted.page, field))
	}
	var wg sync.WaitGroup
	for i := range 50 { // the same tap again and again, and the opposite by API
		if i%2 == 0 {
			wg.Go(func() {
				again := &linkPhone{t: t, client: trusted.client, address: somewhere()}
				again.send(http.MethodPost, link, form)
				if again.status != http.StatusOK && again.status != http.StatusConflict {
					t.Errorf("link: status %d", again.status)
				}
			})
			continue
		}
		wg.Go(func() {
			status := w.call(t.Context(), w.leader, http.MethodPost, "/api/v1/articles/"+w.article+"/moves", map[string]any{
				"id": uuid.NewString(), "move": "reject", "reason_code": "duplicate", "reason": "Trùng.", "content_hash": hash,
			}, nil)
			if status != http.StatusOK && status != http.StatusConflict && status != http.StatusAccepted {
				t.Errorf("API: status %d", status)
			}
		})
	}
	wg.Wait()
	w.until(time.Minute, "one decision", func() bool {
		return w.scalar(t, `SELECT count(*) FROM decisions WHERE article_id = $1`, w.article) == "1"
	})
	acts := `SELECT string_agg(action, ' ') FROM audit WHERE article_id = $1 AND action IN ('approve', 'reject')`
	decided := w.scalar(t, acts, w.article)
	if strings.Contains(decided, " ") {
		t.Fatalf("two decisions on record: %s", decided)
	}
	says := map[string]string{"approve": "đã phê duyệt", "reject": "đã từ chối"}[decided]
	for range 3 {
		trusted.send(http.MethodPost, link, form).shows(200, says)
		newLinkPhone(t).open(link).shows(200, says)
	}
	if got := w.scalar(t, acts, w.article); got != decided {
		t.Errorf("a replay is on record: %s", got)
	}
}

func recalledLink(t *testing.T, w *walk) {
	link := w.waiting(t, "Bài được rút lại", w.leader)
	phone := newLinkPhone(t).open(link)
	if err := w.move(t.Context(), "recall", "recall", w.author, nil); err != nil {
		t.Fatal(err)
	}
	phone.decide(link, url.Values{"move": {"approve"}, "pin": {w.leader.PIN}}).shows(200, "được người soạn rút lại")
	if got := w.state(); !strings.HasPrefix(got, "draft") {
		t.Errorf("the article is %s", got)
	}
}

func staleLink(t *testing.T, w *walk) {
	link := w.waiting(t, "Bài có phiên bản mới", w.leader)
	phone := newLinkPhone(t).open(link)
	etag := w.etag(t)
	input := map[string]any{
		"title": w.title, "lead": "Sapo đã sửa.", "body": "<p>Nội dung đã sửa.</p>", "section": crashSection,
		"authors": []map[string]any{{"pen_name": "Mai Lan"}, {"pen_name": "Văn Bình"}},
	}
	if status := w.call(t.Context(), w.reviewer, http.MethodPut, "/api/v1/articles/"+w.article, input, nil, "If-Match", etag); status != http.StatusOK {
		t.Fatalf("save: status %d", status)
	}
	if err := w.move(t.Context(), "resubmit-changed", "resubmit", w.reviewer, nil); err != nil {
		t.Fatal(err)
	}
	phone.decide(link, url.Values{"move": {"approve"}, "pin": {w.leader.PIN}}).shows(200, "đã có phiên bản mới")
	if got := w.state(); !strings.HasPrefix(got, "awaiting_approval") {
		t.Errorf("the article is %s", got)
	}
}

// etag is the version of the article's working text.
func (w *walk) etag(t *testing.T) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.url+"/api/v1/articles/"+w.article, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.reviewer.Token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return res.Header.Get("ETag")
}

func expiredLink(t *testing.T, w *walk) {
	link := w.waiting(t, "Liên kết hết hạn", w.leader)
	phone := newLinkPhone(t).open(link)
	if _, err := w.database(t).Exec(t.Context(), `UPDATE asks SET expires_at = now() - interval '1 second' WHERE article_id = $1`, w.article); err != nil {
		t.Fatal(err)
	}
	phone.decide(link, url.Values{"move": {"approve"}, "pin": {w.leader.PIN}}).shows(200, "hết hạn")
	if got := w.state(); !strings.HasPrefix(got, "awaiting_approval") {
		t.Errorf("the article is %s", got)
	}
}

// signIn opens a desk session in the browser.
func (l *linkPhone) signIn(base string, who demoUser) {
	l.t.Helper()
	l.send(http.MethodPost, base+"/desk/sign-in", url.Values{"email": {who.Email}, "password": {who.Password}})
	if l.status != http.StatusOK || !strings.Contains(l.page, "/desk/sign-out") {
		l.t.Fatalf("%s cannot sign in: status %d", who.Role, l.status)
	}
}

func revokedPhone(t *testing.T, w *walk) {
	link := w.waiting(t, "Điện thoại được tin cậy", w.leader)
	phone := newLinkPhone(t).open(link)
	phone.decide(link, url.Values{"move": {"approve"}, "pin": {w.leader.PIN}, "trust": {"1"}}).shows(200, "đã phê duyệt")
	next := w.waiting(t, "Không cần mã PIN", w.leader)
	phone.open(next)
	if strings.Contains(phone.page, `name="pin"`) {
		t.Error("a trusted phone is asked for the PIN")
	}
	desk := newLinkPhone(t)
	desk.signIn(w.url, w.leader)
	for _, id := range strings.Fields(w.scalar(t, `SELECT string_agg(d.id, ' ') FROM devices d JOIN users u ON u.id = d.user_id WHERE u.email = $1 AND revoked_at IS NULL`, w.leader.Email)) {
		desk.send(http.MethodPost, w.url+"/desk/account", url.Values{"form": {"device"}, "id": {id}})
		if desk.status != http.StatusOK {
			t.Fatalf("revoke: status %d", desk.status)
		}
	}
	phone.decide(next, url.Values{"move": {"approve"}}).shows(422, "Vui lòng nhập mã PIN")
	if got := w.state(); !strings.HasPrefix(got, "awaiting_approval") {
		t.Errorf("a revoked phone decided: %s", got)
	}
}

func delegatedLink(t *testing.T, w *walk) {
	deputy := w.as("chief")
	link := w.waiting(t, "Lãnh đạo đi công tác", w.leader)
	phone := newLinkPhone(t).open(link)
	desk := newLinkPhone(t)
	desk.signIn(w.url, w.leader)
	day := func(d time.Duration) string {
		return time.Now().Add(d).In(time.FixedZone("", 7*3600)).Format("2006-01-02T15:04")
	}
	office := w.scalar(t, `SELECT h.office_id FROM office_holders h JOIN users u ON u.id = h.user_id WHERE u.email = $1 AND NOT h.deputy LIMIT 1`, w.leader.Email)
	to := w.scalar(t, `SELECT id FROM users WHERE email = $1`, deputy.Email)
	desk.send(http.MethodPost, w.url+"/desk/account", url.Values{
		"form": {"delegate"}, "office": {office}, "to": {to}, "start": {day(-time.Hour)}, "end": {day(48 * time.Hour)}, "reason": {"Đi công tác"},
	})
	if desk.status != http.StatusOK {
		t.Fatalf("delegate: status %d", desk.status)
	}
	phone.decide(link, url.Values{"move": {"approve"}, "pin": {w.leader.PIN}}).shows(200, "đã được ủy quyền cho người khác")
	fresh := w.linkTo(t, w.title, deputy)
	other := newLinkPhone(t).open(fresh)
	other.shows(200, "ký thay")
	other.decide(fresh, url.Values{"move": {"approve"}, "pin": {w.leader.PIN}}).shows(403, "Mã PIN chưa đúng")
	other.open(fresh)
	other.decide(fresh, url.Values{"move": {"approve"}, "pin": {deputy.PIN}}).shows(200, "đã phê duyệt")
	if got := w.scalar(t, `SELECT capacity FROM decisions WHERE article_id = $1`, w.article); got != "deputy" {
		t.Errorf("on record: %s", got)
	}
	if got := w.state(); got != "released/live" {
		t.Errorf("the article is %s", got)
	}
}
