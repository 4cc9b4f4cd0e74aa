package web

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"toasoan/internal/locale"
	"toasoan/newsroom"
)

func (n *newsstand) allow(sites ...string) {
	n.t.Helper()
	if err := n.Store.SaveSetting(n.t.Context(), newsroom.Person{ID: "author000001", Name: "a"}, embedSetting, sites); err != nil {
		n.t.Fatal(err)
	}
}

// Only the form may be framed, and only by the sites of the setting; errors of the frame stay in the frame.
func TestOnlyTheFormMayBeFramed(t *testing.T) {
	t.Parallel()
	n := newReaderStand(t)
	n.allow("https://huyen.example.vn", "https://*.song-van.example.vn")
	policy := func(path string) string {
		w := n.do(http.MethodGet, path, "", http.StatusOK)
		_, ancestors, _ := strings.Cut(w.Header().Get("Content-Security-Policy"), "frame-ancestors ")
		return ancestors + "|" + w.Header().Get("X-Frame-Options")
	}
	if got := policy("/dang-ky/nhung?chuyen-muc=kinh-te"); got != "'self' https://huyen.example.vn https://*.song-van.example.vn|" {
		t.Errorf("the form may be framed by %q", got)
	}
	for _, path := range []string{"/", "/dang-ky", "/desk/sign-in", "/quyen-rieng-tu", "/gop-y"} {
		if got := policy(path); got != "'none'|DENY" {
			t.Errorf("%s may be framed by %q", path, got)
		}
	}
	for k := range 12 { // one network's burst is 10
		w := n.do(http.MethodPost, "/dang-ky/nhung", subscribeForm(fmt.Sprintf("a%d@example.vn", k), "kinh-te").Encode(),
			map[bool]int{false: http.StatusOK, true: http.StatusTooManyRequests}[k >= 10], "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
		if body := unpacked(t, w); !strings.Contains(body, `class="embed"`) || strings.Contains(body, "<script") || w.Header().Get("Set-Cookie") != "" ||
			!strings.Contains(w.Header().Get("Content-Security-Policy"), "https://huyen.example.vn") {
			t.Fatalf("answer %d leaves the frame: %s", k, w.Header())
		}
	}
}

func TestFrameShowsWhatItWasAskedFor(t *testing.T) {
	t.Parallel()
	n := newReaderStand(t)
	body := unpacked(t, n.get("/dang-ky/nhung?chuyen-muc=kinh-te&chuyen-muc=khong-co", http.StatusOK))
	if !strings.Contains(body, `type="hidden" name="section" value="kinh-te"`) || strings.Contains(body, `value="thong-bao"`) || strings.Contains(body, `value="khong-co"`) {
		t.Error("the frame does not show the one section")
	}
	if body = unpacked(t, n.get("/dang-ky/nhung", http.StatusOK)); !strings.Contains(body, `type="checkbox" name="section" value="thong-bao"`) || strings.Contains(body, " checked") {
		t.Error("the frame offers not every section, or chooses by itself")
	}
	w := n.get("/dang-ky/nhung?ngon-ngu=en", http.StatusOK)
	if body = unpacked(t, w); !strings.Contains(body, `lang="en"`) || w.Header().Get("Set-Cookie") != "" {
		t.Error("the frame's language comes with a cookie, or not at all")
	}
	body = unpacked(t, n.post("/dang-ky/nhung?chuyen-muc=kinh-te", url.Values{"email": {"sai"}, "section": {"kinh-te"}, "cadence": {"daily"}}, http.StatusUnprocessableEntity))
	for _, want := range []string{`value="sai"`, `value="daily" selected`, "Cần có sự đồng ý", `value="kinh-te"`, "aria-invalid"} {
		if !strings.Contains(body, want) {
			t.Errorf("after an error %q is missing", want)
		}
	}
}

func TestDeskGivesTheSnippet(t *testing.T) {
	t.Parallel()
	m := newMailRoom(t)
	admin := m.as("admin")
	m.as("reviewer").get("/desk/subscribers/form").want(t, 403)
	admin.get("/desk/subscribers/form?section=kinh-te&english=1").want(t, 200).
		has(t, "/dang-ky/nhung?chuyen-muc=kinh-te&amp;amp;ngon-ngu=en&#34; title=&#34;Subscribe", `src="/dang-ky/nhung?chuyen-muc=kinh-te&amp;ngon-ngu=en"`)
	for _, bad := range []string{"huyen.vn", "https://a.vn/x", "https://a.vn; script-src *", "https://a.vn https://b.vn", "javascript:alert(1)", "https://*", "https://a.*.vn"} {
		admin.post("/desk/subscribers/form", url.Values{"sites": {bad}}).want(t, 422).has(t, "không phải là địa chỉ trang", "aria-invalid")
	}
	admin.post("/desk/subscribers/form", url.Values{"sites": {"https://Huyen.example.vn/\n\n https://*.a.vn:8443 \nhttps://huyen.example.vn"}}).want(t, 303)
	admin.get("/desk/subscribers/form").want(t, 200).has(t, ">https://huyen.example.vn\nhttps://*.a.vn:8443</textarea>")
}

// The snippet's frame shows the whole form to somebody who sees it 320 px wide, however many sections it names or offers and however
// long the unit is called.
func TestFrameIsHighEnough(t *testing.T) {
	t.Parallel()
	n := newReaderStand(t)
	portal := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { n.Handler().ServeHTTP(uncached{w}, r) }))
	t.Cleanup(portal.Close)
	ctx, cancel := context.WithTimeout(chromium(t), 2*time.Minute)
	defer cancel()
	measure := func(name string) {
		t.Helper()
		site, err := n.site(ctx)
		if err != nil {
			t.Fatal(err)
		}
		links := sectionLinks(site, locale.For("vi"))
		for _, tag := range []string{"vi", "en"} {
			for k := 0; k <= len(links); k += max(1, len(links)/4) {
				query := url.Values{}
				for _, one := range links[:k] {
					query.Add("chuyen-muc", one.ID)
				}
				promised := embedHeight(site, locale.For(tag), query["chuyen-muc"])
				query.Set(embedLanguage, tag)
				if err := chromedp.Do(ctx, chromedp.EmulateViewport(320, 100), chromedp.Navigate(portal.URL+embedPath+"?"+query.Encode())); err != nil {
					t.Fatal(err)
				}
				high, err := chromedp.Run(ctx, chromedp.Evaluate[int](`document.documentElement.scrollHeight`))
				if err != nil {
					t.Fatal(err)
				}
				if high > promised || promised-high > 150 {
					t.Errorf("%s, %s, %d of %d sections: the form is %d px high in a frame of %d", name, tag, k, len(links), high, promised)
				}
			}
		}
	}
	measure("few sections")
	for k := range 8 {
		n.exec(`INSERT INTO sections (id, name_vi, name_en, position) VALUES ($1, $2, $3, $4)`, fmt.Sprintf("them-%d", k), "Xây dựng Đảng – Chính quyền, Quốc phòng – An ninh",
			"Party and government building, defence and security", 100+k)
	}
	n.exec(`UPDATE settings SET value = value || '{"unit": "Ủy ban nhân dân phường Hoàng Văn Thụ, thành phố Thái Nguyên, tỉnh Thái Nguyên", "portal": "Cổng thông tin điện tử phường Hoàng Văn Thụ, thành phố Thái Nguyên"}' WHERE key = 'office'`)
	n.forgetSite()
	measure("many sections")
}

// uncached has every answer fetched anew.
type uncached struct{ http.ResponseWriter }

func (w uncached) WriteHeader(status int) {
	w.Header().Set("Cache-Control", "no-store")
	w.ResponseWriter.WriteHeader(status)
}

// A real browser shows the form in a page of another site, subscribes in it without a cookie, and shows nothing else of ours there.
func TestFormInAnotherSite(t *testing.T) {
	t.Parallel()
	n := newReaderStand(t)
	var mu sync.Mutex
	var cookies []string
	styles := 0 // a browser that refuses a frame never asks for its page's style
	portal := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.Handler().ServeHTTP(uncached{w}, r)
		mu.Lock()
		defer mu.Unlock()
		cookies = append(append(cookies, r.Header["Cookie"]...), w.Header()["Set-Cookie"]...)
		if strings.HasSuffix(r.URL.Path, ".css") {
			styles++
		}
	}))
	t.Cleanup(portal.Close)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><html lang="vi"><title>Trang huyện</title><h1>Trang huyện</h1><iframe src="%s%s" title="form" width="100%%" height="520"></iframe>`, portal.URL, r.URL.Query().Get("show"))
	}))
	t.Cleanup(other.Close)
	elsewhere := strings.Replace(other.URL, "127.0.0.1", "localhost", 1) // another site, not only another port
	n.allow(elsewhere)
	ctx, cancel := context.WithTimeout(chromium(t), 2*time.Minute)
	defer cancel()

	// shown opens path in the other site's page, waits until the frame has ended loading, and reports whether it is shown there.
	shown := func(path string) bool {
		t.Helper()
		mu.Lock()
		styles = 0
		mu.Unlock()
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(360, 800), chromedp.Navigate(elsewhere+"/?show="+url.QueryEscape(path))); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		defer mu.Unlock()
		return styles > 0
	}
	if !shown("/dang-ky/nhung?chuyen-muc=kinh-te") {
		t.Fatal("the form is refused to the site that may show it")
	}
	all, err := chromedp.Targets(ctx) // the frame is a process of its own
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(all, func(one *target.Info) bool { return one.Type == "iframe" })
	if at < 0 {
		t.Fatal("no frame of another site")
	}
	inside, leave := chromedp.NewContext(ctx, chromedp.WithTargetID(all[at].TargetID))
	defer leave()
	if _, err := chromedp.Run(inside, chromedp.Evaluate[any](`void (email.value = 'khung@example.vn', document.querySelector('[name=consent]').click())`)); err != nil {
		t.Fatal(err)
	}
	photograph(ctx, t, "embed-form")
	if _, err := chromedp.Run(inside, chromedp.Evaluate[any](`void document.querySelector('button').click()`)); err != nil {
		t.Fatal(err)
	}
	n.eventually("the frame subscribes", func() bool { return n.id("khung@example.vn") != "" })
	photograph(ctx, t, "embed-sent")
	var state, source string
	if n.scan(`SELECT s.state, c.source FROM subscribers s JOIN consents c ON c.subscriber_id = s.id WHERE s.email = 'khung@example.vn'`, &state, &source); state != "requested" || source != "embed" {
		t.Errorf("subscribed as %q from %q", state, source)
	}
	mu.Lock()
	if len(cookies) > 0 {
		t.Errorf("the frame needs cookies: %s", cookies)
	}
	mu.Unlock()
	for _, path := range []string{"/", "/dang-ky", "/desk/sign-in"} {
		if shown(path) {
			t.Errorf("%s is shown in another site's frame", path)
		}
	}
	n.allow()
	if shown("/dang-ky/nhung") {
		t.Error("a site that was taken off the list still shows the form")
	}
}

// photograph keeps what the browser shows in the folder WEB_PICTURES, for people to look at.
func photograph(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	folder := os.Getenv("WEB_PICTURES")
	if folder == "" {
		return
	}
	shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(folder+"/"+name+".png", shot, 0o600); err != nil {
		t.Fatal(err)
	}
}
