package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"toasoan/events"
	"toasoan/newsroom"
)

const chromeAgent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/128.0 Safari/537.36"

func TestViewsArePeoplesOnly(t *testing.T) {
	t.Parallel()
	n := newNewsstand(t)
	view := func(article string, headers ...string) {
		n.post("/xem", url.Values{"article": {article}}, http.StatusNoContent, headers...)
	}
	view("0123456789ab", "User-Agent", chromeAgent)
	view("", "User-Agent", chromeAgent)
	view("0123456789ab", "User-Agent", "Mozilla/5.0 (Linux; Android 9; CUBOT NOTE 7) AppleWebKit/537.36 Chrome/96 Mobile Safari/537.36")
	for _, robot := range []string{
		"", "curl/8.1", "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Mozilla/5.0 (compatible; CocCocBot-Web/1.0; +http://help.coccoc.com)",
		"facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/128.0 Safari/537.36",
		"python-requests/2.31 something long enough", "toasoan-check/1 (bot)",
	} {
		view("0123456789ab", "User-Agent", robot)
	}
	view("0123456789ab", "User-Agent", chromeAgent, "Sec-Purpose", "prefetch;prerender")
	view("not an id' OR 1=1", "User-Agent", chromeAgent)
	n.handOver(t.Context())
	if len(n.bus.views) != 3 {
		t.Fatalf("%d views counted, want 3", len(n.bus.views))
	}
	first, other := n.bus.views[0], n.bus.views[2]
	if len(first.Visitor) != 16 || string(first.Visitor) == string(other.Visitor) || !first.At.Equal(friday) {
		t.Errorf("views %v", n.bus.views)
	}
}

func TestVisitorsAreForgottenEachDay(t *testing.T) {
	t.Parallel()
	s := quietServer(t, nil)
	today := s.visitor("203.0.113.9", chromeAgent, friday)
	if string(today) != string(s.visitor("203.0.113.9", chromeAgent, friday.Add(8*time.Hour))) {
		t.Error("the same reader is another one on the same day")
	}
	if string(today) == string(s.visitor("203.0.113.9", chromeAgent, friday.Add(9*time.Hour))) {
		t.Error("a reader can be followed over midnight")
	}
}

func TestViewsWaitWhileNATSIsAway(t *testing.T) {
	t.Parallel()
	n := newNewsstand(t)
	n.bus.down = true
	for range 3 {
		n.post("/xem", url.Values{"article": {"0123456789ab"}}, http.StatusNoContent, "User-Agent", chromeAgent)
	}
	n.handOver(t.Context())
	n.bus.down = false
	n.handOver(t.Context())
	if len(n.bus.views) != 3 {
		t.Errorf("%d views arrived", len(n.bus.views))
	}
}

// TestViewsWhoseAnswerIsLostGoAgainAsTheyWere: what NATS has all the same is recognised only by its id, and only whole.
func TestViewsWhoseAnswerIsLostGoAgainAsTheyWere(t *testing.T) {
	t.Parallel()
	n := newNewsstand(t)
	view := func() { n.post("/xem", url.Values{}, http.StatusNoContent, "User-Agent", chromeAgent) }
	n.bus.mute = true
	view()
	n.handOver(t.Context())
	view()
	n.handOver(t.Context())
	n.bus.mute = false
	n.handOver(t.Context())
	var ids []string
	for _, batch := range n.bus.batches {
		if len(batch.Views) != 1 {
			t.Errorf("%d views in a batch of one", len(batch.Views))
		}
		ids = append(ids, batch.ID)
	}
	if len(ids) != 4 || ids[0] == "" || ids[1] != ids[0] || ids[2] != ids[0] || ids[3] == ids[0] {
		t.Errorf("batches %v, want the first three times, then another one", ids)
	}
}

func TestViewQueueIsBounded(t *testing.T) {
	t.Parallel()
	var q viewQueue
	for range viewsWaiting + 5 {
		q.add(events.View{})
	}
	batch, lost := q.take()
	if len(batch.Views) != viewsBatch || lost != 5 {
		t.Errorf("%d in a batch, %d lost", len(batch.Views), lost)
	}
	q.back(batch)
	total := 0
	for {
		batch, _ := q.take()
		if len(batch.Views) == 0 {
			break
		}
		total += len(batch.Views)
	}
	if total != viewsWaiting {
		t.Errorf("%d views in all", total)
	}
}

func TestFloodOfViewsIsNotCounted(t *testing.T) {
	t.Parallel()
	n := newNewsstand(t)
	for range 400 {
		n.post("/xem", url.Values{}, http.StatusNoContent, "User-Agent", chromeAgent)
	}
	n.handOver(t.Context())
	if got := len(n.bus.views); got != 300 {
		t.Errorf("%d of 400 views at once counted, want 300", got)
	}
}

func TestReportOfAnError(t *testing.T) {
	t.Parallel()
	n := newNewsstand(t)
	id := n.publish("", friday, newsroom.Content{Title: "Đường mới", Body: "<p>a</p>"})
	path := "/tin/duong-moi-" + id + "/bao-loi"
	n.get(path, http.StatusOK)

	body := n.post(path, url.Values{"text": {"  "}, "contact": {strings.Repeat("x", 201)}}, http.StatusUnprocessableEntity).Body.String()
	for _, want := range []string{`<a href="#text">Vui lòng nhập nội dung.</a>`, `<a href="#contact">`, "<title>Lỗi: Báo lỗi nội dung", "Có 2 chỗ cần sửa", strings.Repeat("x", 201)} {
		if !strings.Contains(body, want) {
			t.Errorf("page lacks %q", want)
		}
	}

	n.post(path, url.Values{"text": {"Đoạn đường dài 580 m chứ không phải 850 m."}, "contact": {"0912 000 111"}}, http.StatusOK)
	var kind, article, text string
	n.scan(`SELECT kind, article_id, text FROM reader_reports`, &kind, &article, &text)
	if kind != "error" || article != id || text != "Đoạn đường dài 580 m chứ không phải 850 m." {
		t.Errorf("kept %s %s %q", kind, article, text)
	}
	if len(n.bus.said) != 1 || n.bus.said[0].Type() != "newsroom.reader.error_reported.v1" {
		t.Errorf("announced %v", n.bus.said)
	}
	// What fills in the field that people do not see gets the same answer, and nothing is kept.
	n.post(path, url.Values{"text": {"Mua hàng tại trang web của chúng tôi"}, "website": {"https://spam.example"}}, http.StatusOK)
	var kept int
	n.scan(`SELECT count(*) FROM reader_reports`, &kept)
	if kept != 1 {
		t.Errorf("%d reports kept", kept)
	}
}

func TestFeedbackIsLimited(t *testing.T) {
	t.Parallel()
	n := newNewsstand(t)
	form := url.Values{"text": {"Đề nghị mở thêm điểm thu gom rác ở thôn Bản Cạn."}}
	for range 5 {
		n.post("/gop-y", form, http.StatusOK)
	}
	w := n.post("/gop-y", form, http.StatusTooManyRequests)
	if w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "Quá nhiều yêu cầu") {
		t.Error("no clear answer")
	}
	n.clock.forward(time.Minute)
	n.post("/gop-y", form, http.StatusOK)
}

func TestSendToFriendIsALetterOfThePortal(t *testing.T) {
	t.Parallel()
	n := newNewsstand(t)
	id := n.publish("", friday, newsroom.Content{Title: "Đường mới", Body: "<p>a</p>"})
	path := "/tin/duong-moi-" + id + "/gui"
	for _, bad := range []url.Values{
		{"email": {""}},
		{"email": {"khong-co-a-cong"}},
		{"email": {"a@x.vn, b@x.vn"}},
		{"email": {"a@x.vn\r\nBcc: b@x.vn"}},
		{"email": {"a@x.vn"}, "name": {"xem www.spam.example"}},
		{"email": {"a@x.vn"}, "name": {"http://spam.example"}},
	} {
		if body := n.post(path, bad, http.StatusUnprocessableEntity).Body.String(); !strings.Contains(body, "error-summary") {
			t.Errorf("%v: no summary of errors", bad)
		}
		n.clock.forward(time.Minute)
	}
	n.post(path, url.Values{"email": {"ban@example.vn"}, "name": {"Bác Tư"}}, http.StatusOK)
	var letter, kind, data string
	n.scan(`SELECT id, kind, data::text FROM letters`, &letter, &kind, &data)
	if kind != "send_to_friend" || len(n.letters.ids) != 1 || n.letters.ids[0] != letter {
		t.Errorf("letter %s %s, started %v", letter, kind, n.letters.ids)
	}
	if strings.Contains(data, "ban@example.vn") || !strings.Contains(data, "Bác Tư") {
		t.Errorf("data %s", data)
	}
	n.clock.forward(time.Minute)
	n.post(path, url.Values{"email": {"Ban@Example.vn"}}, http.StatusOK)
	n.clock.forward(time.Minute)
	n.post(path, url.Values{"email": {"ban@example.vn"}}, http.StatusTooManyRequests) // two a day for one address
}
