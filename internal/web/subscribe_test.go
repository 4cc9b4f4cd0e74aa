package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"toasoan/internal/secret"
	"toasoan/internal/store"
	"toasoan/newsroom"
)

// readerStand is a newsstand whose dispatch notes which opt-ins are followed.
type readerStand struct {
	*newsstand
	runs *testRuns
	keys *secret.Ring
}

type testRuns struct {
	Dispatch
	mu       sync.Mutex
	followed []string
	stuck    chan struct{} // nobody is told before it is closed
}

func (d *testRuns) Subscribed(_ context.Context, id string) error {
	if d.stuck != nil {
		<-d.stuck
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.followed = append(d.followed, id)
	return nil
}

// heard waits a while until so many changes were followed, the form's after its answer, and says how many were.
func (d *testRuns) heard(most int) (n int) {
	for range 1000 {
		d.mu.Lock()
		n = len(d.followed)
		d.mu.Unlock()
		if n >= most {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	return n
}

func (d *testRuns) SubscriberChanged(context.Context, string) error { return nil }

func newReaderStand(t *testing.T) *readerStand {
	t.Helper()
	n := newNewsstand(t)
	keys, err := secret.NewRing(map[int][]byte{1: bytes.Repeat([]byte{7}, secret.KeySize)})
	if err != nil {
		t.Fatal(err)
	}
	r := &readerStand{newsstand: n, runs: &testRuns{}, keys: keys}
	n.Dispatch = r.runs
	return r
}

func (r *readerStand) id(email string) (id string) {
	r.t.Helper()
	r.scan(`SELECT id FROM subscribers WHERE email = '`+email+`'`, &id)
	return id
}

func (r *readerStand) link(purpose, email string) string {
	if purpose != store.PurposeConfirm {
		return r.keys.Token(purpose, r.id(email), 1)
	}
	var acts []string
	var hash []byte
	r.scan(`SELECT confirm_hash, ARRAY(SELECT id::text FROM consents WHERE subscriber_id = s.id) FROM subscribers s WHERE email = '`+email+`'`, &hash, &acts)
	for _, act := range acts {
		token := r.keys.Token(purpose, r.id(email)+"-"+act, 1)
		if sum := sha256.Sum256([]byte(token)); bytes.Equal(sum[:], hash) {
			return token
		}
	}
	r.t.Fatal("no request has the link that works")
	return ""
}

func subscribeForm(email string, sections ...string) url.Values {
	return url.Values{"email": {email}, "section": sections, "cadence": {"instant"}, "consent": {"1"}, "name": {"Trần Văn Bình"}}
}

func TestSubscribeToLeave(t *testing.T) {
	t.Parallel()
	n := newReaderStand(t)
	page := unpacked(t, n.get("/dang-ky?muc=kinh-te", http.StatusOK))
	if !strings.Contains(page, `value="kinh-te" checked`) || strings.Contains(page, `name="consent" value="1" checked`) {
		t.Error("the section asked for is not chosen, or consent is")
	}
	first := unpacked(t, n.post("/dang-ky", subscribeForm("binh@example.vn", "kinh-te", "thong-bao"), http.StatusOK))
	token := n.link(store.PurposeConfirm, "binh@example.vn")
	for range 3 { // a mail program that opens links
		if page := unpacked(t, n.get("/xac-nhan/"+token, http.StatusOK)); !strings.Contains(page, "Kinh tế") || !strings.Contains(page, `method="post"`) {
			t.Fatal("the confirmation page does not say what it brings")
		}
		n.do(http.MethodHead, "/xac-nhan/"+token, "", http.StatusOK)
	}
	var state string
	if n.scan(`SELECT state FROM subscribers`, &state); state != "requested" {
		t.Fatalf("opening the link made it %s", state)
	}
	for range 2 {
		if page := unpacked(t, n.post("/xac-nhan/"+token, nil, http.StatusOK)); !strings.Contains(page, "Đã xác nhận đăng ký") {
			t.Fatal("not confirmed")
		}
	}
	again := unpacked(t, n.post("/dang-ky", subscribeForm("binh@example.vn", "kinh-te", "thong-bao"), http.StatusOK))
	if first != again {
		t.Error("the answer tells that the address is known")
	}
	prefs := "/tuy-chon/" + n.link(store.PurposePrefs, "binh@example.vn")
	if page := unpacked(t, n.get(prefs, http.StatusOK)); !strings.Contains(page, "binh@example.vn") {
		t.Error("the preferences page does not say whose it is")
	}
	form := url.Values{"section": {"kinh-te", "thong-bao"}, "list.kinh-te": {"weekly"}, "list.thong-bao": {""}, "name": {"Bình"}, "act": {"save"}}
	if w := n.post(prefs, form, http.StatusSeeOther); w.Header().Get("Location") != prefs+"?luu" {
		t.Errorf("after saving: %s", w.Header().Get("Location"))
	}
	var lists string
	if n.scan(`SELECT string_agg(section_id || ':' || cadence, ' ') FROM subscriptions`, &lists); lists != "kinh-te:weekly" {
		t.Errorf("lists %s", lists)
	}
	w := n.get(prefs+"/du-lieu", http.StatusOK)
	var data newsroom.PersonalData
	if err := json.Unmarshal([]byte(unpacked(t, w)), &data); err != nil || data.Email != "binh@example.vn" || len(data.Consents) < 3 || data.Consents[0].Form != "web-1/vi" ||
		!strings.Contains(data.Consents[0].Words, "Tôi đồng ý để Ủy ban nhân dân xã Vân Khê sử dụng") {
		t.Errorf("own data %+v, %v", data, err)
	}
	n.post(prefs, url.Values{"act": {"leave"}}, http.StatusSeeOther)
	if page := unpacked(t, n.get(prefs, http.StatusOK)); !strings.Contains(page, "không còn nhận tin") {
		t.Error("the page does not say that the reader has left")
	}
	n.post(prefs+"/xoa", url.Values{}, http.StatusSeeOther) // without the tick nothing happens
	n.get(prefs, http.StatusOK)
	n.post(prefs+"/xoa", url.Values{"sure": {"1"}}, http.StatusOK)
	n.get(prefs, http.StatusGone)
	if n.id("binh@example.vn") != "" {
		t.Error("the address is still there")
	}
	if heard := n.runs.heard(5); heard < 5 {
		t.Errorf("%d changes were followed", heard)
	}
}

func TestSubscribeKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	n := newReaderStand(t)
	form := url.Values{"email": {"binh.example.vn"}, "name": {"Bình"}, "cadence": {"daily"}}
	page := unpacked(t, n.post("/dang-ky", form, http.StatusUnprocessableEntity))
	for _, want := range []string{
		`class="error-summary"`, `href="#email"`, `href="#sections"`, `href="#consent"`, `value="binh.example.vn"`, `value="Bình"`,
		"Địa chỉ thư điện tử thiếu dấu @.", `value="daily" checked`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if n.post("/dang-ky?lang=en", url.Values{"email": {""}}, http.StatusUnprocessableEntity); n.id("") != "" {
		t.Error("something was written")
	}
}

func TestSubscribeIsLimitedPerAddressWithoutTelling(t *testing.T) {
	t.Parallel()
	n := newReaderStand(t)
	var first string
	for i := range 5 {
		n.clock.forward(20 * time.Second)
		page := unpacked(t, n.post("/dang-ky", subscribeForm("binh@example.vn", "kinh-te"), http.StatusOK))
		if i == 0 {
			first = page
		} else if page != first {
			t.Fatal("the answer changes with the number of requests")
		}
	}
	var letters int
	if n.scan(`SELECT count(*) FROM letters`, &letters); letters != subscribesPerAddress {
		t.Errorf("%d letters to one address", letters)
	}
	robot := subscribeForm("robot@example.vn", "kinh-te")
	robot.Set("website", "https://spam.example")
	n.clock.forward(time.Minute)
	if n.post("/dang-ky", robot, http.StatusOK); n.id("robot@example.vn") != "" {
		t.Error("a robot subscribed")
	}
}

// A network that has used up its day is told how long it takes, not "a few minutes", and nothing that was typed is lost.
func TestSubscribeLimitOfADaySaysHours(t *testing.T) {
	t.Parallel()
	n := newReaderStand(t)
	n.clock.forward(time.Until(time.Now().Truncate(subscribesWindow).Add(subscribesWindow + time.Hour))) // nobody's day ends meanwhile
	for k := range subscribesPerNetwork {
		n.clock.forward(20 * time.Second)
		n.post("/dang-ky", subscribeForm(fmt.Sprintf("a%d@example.vn", k), "kinh-te"), http.StatusOK)
	}
	for path, ticked := range map[string]string{"/dang-ky": `value="kinh-te" checked`, "/dang-ky/nhung": `value="kinh-te" checked`, "/dang-ky?lang=en": "hours"} {
		n.clock.forward(20 * time.Second)
		w := n.post(path, subscribeForm("binh@example.vn", "kinh-te"), http.StatusTooManyRequests)
		page := unpacked(t, w)
		for _, want := range []string{`role="alert"`, ticked, `value="binh@example.vn"`} {
			if !strings.Contains(page, want) {
				t.Errorf("%s lacks %s", path, want)
			}
		}
		if after, err := strconv.Atoi(w.Header().Get("Retry-After")); err != nil || after < 3600 || !strings.Contains(page, " giờ.") && !strings.Contains(page, " hours.") ||
			strings.Contains(page, "ít phút") {
			t.Errorf("%s asks to come back after %s", path, w.Header().Get("Retry-After"))
		}
	}
	if n.id("binh@example.vn") != "" {
		t.Error("the limit is none")
	}
}

// Whoever has a /48 of IPv6 has 65,536 networks: all of them together get five networks' share, and nobody else less.
func TestASiteOfManyNetworksIsBounded(t *testing.T) {
	t.Parallel()
	n := newReaderStand(t)
	n.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	n.clock.forward(time.Until(time.Now().Truncate(subscribesWindow).Add(subscribesWindow + time.Hour))) // nobody's day ends meanwhile
	asked := 0
	from := func(network string, status int) {
		t.Helper()
		asked++
		n.post("/dang-ky", subscribeForm(fmt.Sprintf("a%d@example.vn", asked), "kinh-te"), status, "X-Forwarded-For", network+"::1")
	}
	for k := range siteShare * subscribesPerNetwork {
		from(fmt.Sprintf("2001:db8:1:%x", k), http.StatusOK)
	}
	from("2001:db8:1:ffff", http.StatusTooManyRequests)
	from("2001:db8:2:0", http.StatusOK)
}

// Whoever subscribed in English is answered in English wherever neither the address nor a cookie says otherwise, and may switch.
func TestReadersPagesSpeakTheirLanguage(t *testing.T) {
	t.Parallel()
	n := newReaderStand(t)
	n.post("/dang-ky?lang=en", subscribeForm("jane@example.vn", "kinh-te"), http.StatusOK)
	confirm, prefs := "/xac-nhan/"+n.link(store.PurposeConfirm, "jane@example.vn"), "/tuy-chon/"+n.link(store.PurposePrefs, "jane@example.vn")
	speaks := func(page, tag string, wants ...string) {
		t.Helper()
		for _, want := range append(wants, `<html lang="`+tag+`"`) {
			if !strings.Contains(page, want) {
				t.Errorf("the page lacks %s", want)
			}
		}
	}
	speaks(unpacked(t, n.get("/huy/"+n.oneMailed("other@example.vn"), http.StatusOK)), "vi", `?lang=en" hreflang="en"`)
	speaks(unpacked(t, n.get(confirm, http.StatusOK)), "en", confirm+`?lang=vi" hreflang="vi"`)
	speaks(unpacked(t, n.get(confirm+"?lang=vi", http.StatusOK)), "vi", `?lang=en" hreflang="en"`)
	speaks(unpacked(t, n.get(confirm, http.StatusOK, "Cookie", "lang=vi")), "vi")
	speaks(unpacked(t, n.post(confirm, nil, http.StatusOK)), "en", "Subscription confirmed")
	speaks(unpacked(t, n.get(prefs, http.StatusOK)), "en", prefs+`?lang=vi" hreflang="vi"`)
	speaks(unpacked(t, n.get(prefs+"/ho-so", http.StatusOK)), "en")
	erased := unpacked(t, n.post(prefs+"/xoa", url.Values{"sure": {"1"}}, http.StatusOK))
	if speaks(erased, "en"); strings.Contains(erased, "hreflang") { // there is no page to come back to
		t.Error("the erased page offers a switch to nowhere")
	}
}

// The confirmation page shows what the press brings: also to somebody who gets news already, and whom nobody may rename.
func TestConfirmPageShowsTheChange(t *testing.T) {
	t.Parallel()
	n := newReaderStand(t)
	form := subscribeForm("binh@example.vn", "kinh-te")
	form.Set("cadence", "weekly")
	n.post("/dang-ky", form, http.StatusOK)
	confirm := "/xac-nhan/" + n.link(store.PurposeConfirm, "binh@example.vn")
	holds := func(page string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if bad, no := strings.CutPrefix(want, "no "); no == strings.Contains(page, bad) {
				t.Errorf("the page: %s", want)
			}
		}
	}
	holds(unpacked(t, n.get(confirm, http.StatusOK)), "Họ và tên: Trần Văn Bình", "Tổng hợp hằng tuần", "07 ngày", "no đang nhận")
	n.post(confirm, nil, http.StatusOK)
	form = subscribeForm("binh@example.vn", "kinh-te", "thong-bao")
	form.Set("name", "Kẻ xấu")
	n.clock.forward(time.Minute)
	n.post("/dang-ky", form, http.StatusOK)
	n.get(confirm, http.StatusGone) // another request, another link
	confirm = "/xac-nhan/" + n.link(store.PurposeConfirm, "binh@example.vn")
	holds(unpacked(t, n.get(confirm, http.StatusOK)), "Họ và tên: Trần Văn Bình", "no Kẻ xấu", "Ngay khi đăng", "(đang nhận: Tổng hợp hằng tuần)", "Thông báo", "no 07 ngày", "giữ nguyên")
	n.post(confirm, nil, http.StatusOK)
	var lists string
	if n.scan(`SELECT s.name || ': ' || string_agg(l.section_id || ' ' || l.cadence, ', ' ORDER BY l.section_id) FROM subscribers s JOIN subscriptions l ON l.subscriber_id = s.id GROUP BY s.name`, &lists); lists != "Trần Văn Bình: kinh-te instant, thong-bao instant" {
		t.Errorf("the press brought %s", lists)
	}
	record := unpacked(t, n.get("/tuy-chon/"+n.link(store.PurposePrefs, "binh@example.vn")+"/ho-so", http.StatusOK))
	holds(record, "Kinh tế (Ngay khi đăng), Thông báo (Ngay khi đăng)", "Kinh tế (Tổng hợp hằng tuần)")
}

// A post that names no act, or came in part, is nobody's wish to get nothing.
func TestPreferencesNeedAnAct(t *testing.T) {
	t.Parallel()
	n := newReaderStand(t)
	n.post("/dang-ky", subscribeForm("binh@example.vn", "kinh-te"), http.StatusOK)
	n.post("/xac-nhan/"+n.link(store.PurposeConfirm, "binh@example.vn"), nil, http.StatusOK)
	prefs := "/tuy-chon/" + n.link(store.PurposePrefs, "binh@example.vn")
	for _, form := range []url.Values{nil, {"name": {"Bình"}}, {"act": {"save"}}, {"act": {"x"}, "section": {"kinh-te"}}} {
		n.post(prefs, form, http.StatusBadRequest)
	}
	var state string
	if n.scan(`SELECT state FROM subscribers`, &state); state != "confirmed" {
		t.Errorf("the reader is %s", state)
	}
	n.post(prefs, url.Values{"act": {"save"}, "section": {"kinh-te"}, "list.kinh-te": {""}}, http.StatusSeeOther)
	if n.scan(`SELECT state FROM subscribers`, &state); state != "left" {
		t.Errorf("who wants no section is %s", state)
	}
}

func TestDeadLinksSaySo(t *testing.T) {
	t.Parallel()
	n := newReaderStand(t)
	n.get("/xac-nhan/x", http.StatusGone)
	n.post("/xac-nhan/x", nil, http.StatusGone)
	n.get("/tuy-chon/x", http.StatusGone)
	n.get("/tuy-chon/x/du-lieu", http.StatusNotFound)
	n.get("/huy/x", http.StatusNotFound)
	n.post("/huy/x", nil, http.StatusNotFound)
}

// oneMailed subscribes a reader to two sections and claims its mail in an issue of the first; it returns the leave token of its mail.
func (r *readerStand) oneMailed(email string) string {
	r.t.Helper()
	r.post("/dang-ky", subscribeForm(email, "kinh-te", "thong-bao"), http.StatusOK)
	r.post("/xac-nhan/"+r.link(store.PurposeConfirm, email), nil, http.StatusOK)
	r.clock.forward(time.Minute)
	article := r.publish("", r.clock.now(), newsroom.Content{Title: "Ký kết xây dựng đường liên thôn", Section: "kinh-te"})
	kept := r.Store.(*store.Store)
	out, err := kept.MailPublicChange(r.t.Context(), "published/"+article, article, r.seq, "published", newsroom.ChangeNew)
	if err != nil || len(out.Issues) != 1 {
		r.t.Fatalf("opened %+v, %v", out, err)
	}
	if err := kept.FreezeRecipients(r.t.Context(), out.Issues[0]); err != nil {
		r.t.Fatal(err)
	}
	lease, err := kept.LeaseChunk(r.t.Context(), out.Issues[0], 0, r.clock.now(), 0)
	if err != nil {
		r.t.Fatal(err)
	}
	if rows, err := kept.Claim(r.t.Context(), out.Issues[0], 0, lease, 10, r.clock.now()); err != nil || len(rows) != 1 {
		r.t.Fatalf("claimed %d, %v", len(rows), err)
	}
	of := out.Issues[0] + "-" + r.id(email)
	return of + "-1-" + r.keys.Token(store.PurposeLeave, of, 1)[:22]
}

func TestOneClickLeaves(t *testing.T) {
	t.Parallel()
	n := newReaderStand(t)
	token := n.oneMailed("binh@example.vn")
	for range 5 {
		n.get("/huy/"+token, http.StatusOK)
		n.do(http.MethodHead, "/huy/"+token, "", http.StatusOK)
	}
	lists := func() (count int) { n.scan(`SELECT count(*) FROM subscriptions`, &count); return count }
	if lists() != 2 {
		t.Fatal("opening the link left a list")
	}
	// As mail services post: from another origin, without a cookie, twice, with a body that is not always what RFC 8058 says.
	for _, body := range []string{"List-Unsubscribe=One-Click", "List-Unsubscribe=One-Click", "something=else"} {
		w := n.do(http.MethodPost, "/huy/"+token, body, http.StatusOK, "Content-Type", "application/x-www-form-urlencoded",
			"Origin", "https://mail.example.com", "Sec-Fetch-Site", "cross-site")
		if w.Header().Get("Set-Cookie") != "" || w.Header().Get("Location") != "" {
			t.Error("the answer sets a cookie or redirects")
		}
	}
	if lists() != 1 {
		t.Errorf("%d lists, want the one that the mail was not of", lists())
	}
	var state, source string
	n.scan(`SELECT state FROM mail_deliveries`, &state)
	n.scan(`SELECT source FROM consents WHERE act = 'left'`, &source)
	if state != "suppressed" || source != "one_click" {
		t.Errorf("the claimed mail is %s, the consent says %q", state, source)
	}
	var letters int
	if n.scan(`SELECT count(*) FROM letters WHERE kind = 'unsubscribed'`, &letters); letters != 1 {
		t.Errorf("%d letters confirm it", letters)
	}
	n.post("/huy/"+token, url.Values{"all": {"1"}}, http.StatusOK)
	if lists() != 0 {
		t.Error("all was not all")
	}
}

func TestReadersTokensStayOutOfTheLog(t *testing.T) {
	t.Parallel()
	n := newReaderStand(t)
	var said bytes.Buffer
	var mu sync.Mutex
	n.Log = slog.New(slog.NewJSONHandler(lockedWriter{&mu, &said}, &slog.HandlerOptions{Level: slog.LevelDebug}))
	token := n.oneMailed("binh@example.vn")
	confirm, prefs := n.link(store.PurposeConfirm, "binh@example.vn"), n.link(store.PurposePrefs, "binh@example.vn")
	n.get("/huy/"+token, http.StatusOK)
	n.get("/tuy-chon/"+prefs, http.StatusOK)
	n.get("/tuy-chon/"+prefs+"/khong-co", http.StatusNotFound)
	mu.Lock()
	defer mu.Unlock()
	if said.Len() == 0 {
		t.Fatal("nothing was logged")
	}
	for _, secret := range []string{token, confirm, prefs, "binh@example.vn"} {
		if strings.Contains(said.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

type lockedWriter struct {
	mu *sync.Mutex
	w  *bytes.Buffer
}

func (l lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// How long the answer takes tells nobody whether somebody is asked: it does not wait for the workflows.
func TestTheAnswerDoesNotWaitForTheWorkflows(t *testing.T) {
	t.Parallel()
	n := newReaderStand(t)
	n.runs.stuck = make(chan struct{})
	n.post("/dang-ky", subscribeForm("binh@example.vn", "kinh-te"), http.StatusOK)
	close(n.runs.stuck)
	if n.runs.heard(1) != 1 {
		t.Error("the request is not followed after the answer")
	}
}

// Nobody has letters sent to one address day after day.
func TestOneAddressIsNotAskedForEver(t *testing.T) {
	t.Parallel()
	n := newReaderStand(t)
	n.clock.forward(subscribesMonth - n.clock.now().Sub(n.clock.now().Truncate(subscribesMonth))) // a window begins
	for range 20 {
		for range subscribesPerAddress + 1 {
			n.post("/dang-ky", subscribeForm("victim@example.vn", "kinh-te"), http.StatusOK)
		}
		n.clock.forward(24 * time.Hour)
	}
	var letters int
	if n.scan(`SELECT count(*) FROM letters`, &letters); letters != subscribesPerMonth {
		t.Errorf("%d letters in twenty days, want %d", letters, subscribesPerMonth)
	}
}
