package web

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"toasoan/events"
	"toasoan/newsroom"
)

// quietStore is a portal with an office and one section, and nothing else.
type quietStore struct{ Store }

func (quietStore) Site(context.Context) (newsroom.Site, error) {
	return newsroom.Site{
		Office:   newsroom.OfficeInfo{Portal: "Cổng thông tin điện tử xã Vân Khê", Unit: "Ủy ban nhân dân xã Vân Khê"},
		Sections: []newsroom.Section{{ID: "kinh-te", NameVI: "Kinh tế", NameEN: "Economy"}},
	}, nil
}
func (quietStore) PortalVersion(context.Context) (int64, error) { return 1, nil }
func (quietStore) Counters(context.Context) (newsroom.Counters, error) {
	return newsroom.Counters{Online: 3, Today: 431, Week: 2840, Month: 9112, Total: 7448251}, nil
}

type quietKeys struct{}

func (quietKeys) MAC(purpose, value string) []byte {
	sum := sha256.Sum256([]byte(purpose + value))
	return sum[:]
}

type quietBus struct{}

func (quietBus) Follow(ctx context.Context, _ []string, _ func(events.Envelope), lost func()) error {
	lost()
	<-ctx.Done()
	return nil
}
func (quietBus) Publish(context.Context, events.Event, int) error     { return nil }
func (quietBus) PublishViews(context.Context, events.ViewBatch) error { return nil }
func (quietBus) Up() bool                                             { return true }

func quietServer(t *testing.T, change func(*Options)) *Server {
	t.Helper()
	base, err := url.Parse("https://vankhe.example.vn")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Store: quietStore{}, Bus: quietBus{}, Keys: quietKeys{}, Log: slog.New(slog.DiscardHandler), URL: base, Secure: true}
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func answer(s *Server, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

func TestUnknownAddressIsAPageInTheReadersLanguage(t *testing.T) {
	t.Parallel()
	s := quietServer(t, nil)
	vi := answer(s, httptest.NewRequest(http.MethodGet, "/khong-co", nil))
	if vi.Code != http.StatusNotFound || !strings.Contains(vi.Body.String(), "Không tìm thấy trang") {
		t.Errorf("status %d: %s", vi.Code, vi.Body)
	}
	for name, want := range map[string]string{
		"Content-Security-Policy": contentPolicy, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
		"Strict-Transport-Security": "max-age=31536000", "Content-Type": "text/html; charset=utf-8",
	} {
		if got := vi.Header().Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	en := answer(s, httptest.NewRequest(http.MethodGet, "/khong-co?lang=en", nil))
	if !strings.Contains(en.Body.String(), "Page not found") || !strings.Contains(en.Body.String(), "Economy") {
		t.Errorf("english: %s", en.Body)
	}
	if got := en.Header().Get("Set-Cookie"); !strings.HasPrefix(got, "lang=en;") || !strings.Contains(got, "Secure") {
		t.Errorf("cookie %q", got)
	}
}

func TestPagesCarryNoInlineScriptOrStyle(t *testing.T) {
	t.Parallel()
	s := quietServer(t, nil)
	body := answer(s, httptest.NewRequest(http.MethodGet, "/khong-co", nil)).Body.String()
	for _, never := range []string{" style=", "<style", " onclick=", "javascript:"} {
		if strings.Contains(body, never) {
			t.Errorf("page has %q", never)
		}
	}
	for rest := body; ; {
		_, after, found := strings.Cut(rest, "<script")
		if !found {
			break
		}
		tag, tail, _ := strings.Cut(after, ">")
		if !strings.Contains(tag, "src=") && !strings.Contains(tag, `type="application/`) {
			t.Errorf("inline script: <script%s>", tag)
		}
		rest = tail
	}
}

func TestSlashesAtTheEndAreDroppedWithoutLeavingTheHost(t *testing.T) {
	t.Parallel()
	s := quietServer(t, nil)
	for from, want := range map[string]string{
		"/chuyen-muc/kinh-te/?a=1": "/chuyen-muc/kinh-te?a=1",
		"//evil.example/":          "/evil.example",
		"///evil.example///":       "/evil.example",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		u, err := url.ParseRequestURI(from)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(from, "//") {
			u = &url.URL{Path: from}
		}
		r.URL = u
		w := httptest.NewRecorder()
		if err := s.getNothing(w, r); err != nil {
			t.Fatal(err)
		}
		if got := w.Header().Get("Location"); w.Code != http.StatusMovedPermanently || got != want {
			t.Errorf("%s: %d to %q, want %q", from, w.Code, got, want)
		}
	}
}

func TestErrorsBecomeAnswers(t *testing.T) {
	t.Parallel()
	s := quietServer(t, nil)
	for _, c := range []struct {
		err  error
		want int
	}{
		{newsroom.ErrNotFound, 404},
		{newsroom.ErrForbidden, 403},
		{newsroom.ErrStale, 409},
		{newsroom.ErrConflict, 409},
		{&newsroom.MoveError{Code: newsroom.RefusedStage}, 409},
		{&newsroom.MoveError{Code: newsroom.RefusedRole}, 403},
		{&http.MaxBytesError{Limit: 1}, 413},
		{tooMany(3 * time.Second), 429},
		{context.DeadlineExceeded, 503},
		{refuse(http.StatusBadRequest, "error.bad_request"), 400},
		{errors.New("secret detail"), 500},
	} {
		w := httptest.NewRecorder()
		s.page(func(http.ResponseWriter, *http.Request) error { return c.err }).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		if w.Code != c.want {
			t.Errorf("%v: status %d, want %d", c.err, w.Code, c.want)
		}
		if strings.Contains(w.Body.String(), "secret detail") {
			t.Error("the error's text reached the reader")
		}
		if c.want == 429 && w.Header().Get("Retry-After") != "4" {
			t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
		}
	}
}

func TestPanicIsAnAnswerAndNoCrash(t *testing.T) {
	t.Parallel()
	s := quietServer(t, nil)
	s.on("GET /panics", s.page(func(http.ResponseWriter, *http.Request) error { panic("secret detail") }))
	w := answer(s, httptest.NewRequest(http.MethodGet, "/panics", nil))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "secret detail") {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

func TestPostsFromOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	s := quietServer(t, nil)
	post := func(fetchSite string) int {
		r := httptest.NewRequest(http.MethodPost, "/hien-thi", strings.NewReader("size=%2B"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", fetchSite)
		return answer(s, r).Code
	}
	if got := post("cross-site"); got != http.StatusForbidden {
		t.Errorf("cross-site: %d", got)
	}
	if got := post("same-origin"); got != http.StatusSeeOther {
		t.Errorf("same-origin: %d", got)
	}
}

func TestTokensStayOutOfTheLog(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	s := quietServer(t, func(o *Options) {
		o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	s.on("GET /thu/{token}", s.page(func(http.ResponseWriter, *http.Request) error { return newsroom.ErrNotFound }))
	for _, path := range []string{"/thu/s3cret", "/duyet/s3cret/extra", "/huy/s3cret", "/tim-kiem?q=s3cret"} {
		answer(s, httptest.NewRequest(http.MethodGet, path, nil))
	}
	if strings.Contains(log.String(), "s3cret") {
		t.Errorf("log: %s", log.String())
	}
	if strings.Count(log.String(), "msg=request") != 4 {
		t.Errorf("log: %s", log.String())
	}
}

func TestClientAddressBehindProxies(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for _, c := range []struct {
		remote string
		xff    []string
		want   string
	}{
		{"203.0.113.9:1", []string{"198.51.100.1"}, "203.0.113.9"}, // a stranger's header is not believed
		{"10.0.0.1:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"6.6.6.6, 198.51.100.1, 10.2.2.2"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"6.6.6.6", "198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"nonsense"}, "10.0.0.1"},
		{"10.0.0.1:1", nil, "10.0.0.1"},
		{"[::1]:1", []string{"2001:db8::7"}, "2001:db8::7"},
		{"[::ffff:10.0.0.1]:1", []string{"198.51.100.1"}, "198.51.100.1"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.remote
		r.Header["X-Forwarded-For"] = c.xff
		if got := clientAddr(r, trusted); got.String() != c.want {
			t.Errorf("%s %v: %s, want %s", c.remote, c.xff, got, c.want)
		}
	}
}

func TestStrangersAreLimitedByNetwork(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	l := newLimiter(func() time.Time { return now })
	take := func(addr string) time.Duration { return l.take("r", netip.MustParseAddr(addr), time.Minute, 2) }
	if take("2001:db8::1") != 0 || take("2001:db8::2") != 0 {
		t.Error("refused within the burst")
	}
	if wait := take("2001:db8::3"); wait <= 0 || wait > time.Minute {
		t.Errorf("wait %s", wait)
	}
	if take("2001:db8:0:1::1") != 0 || take("198.51.100.1") != 0 {
		t.Error("another network waits for this one")
	}
	now = now.Add(time.Minute)
	if take("2001:db8::4") != 0 {
		t.Error("no token came back after a minute")
	}
}

func TestReadyNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := quietServer(t, func(o *Options) {
		o.Ready = []Check{{Name: "temporal", Ready: func(context.Context) error { return errors.New("no namespace yet") }}}
	})
	w := answer(s, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	if w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), `"temporal":"no namespace yet"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := answer(quietServer(t, nil), httptest.NewRequest(http.MethodGet, "/readyz", nil)); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestDisplayButtonsWorkWithoutScript(t *testing.T) {
	t.Parallel()
	s := quietServer(t, nil)
	for _, c := range []struct{ cookie, form, want string }{
		{"", "size=%2B", "size=l;"},
		{"size=xl", "size=%2B", "size=xl;"},
		{"size=s", "size=-", "size=s;"},
		{"size=l", "size=0", "size=m;"},
		{"", "theme=dark", "theme=dark;"},
		{"theme=dark", "theme=dark", "theme=;"},
		{"", "contrast=evil", "contrast=;"},
	} {
		r := httptest.NewRequest(http.MethodPost, "/hien-thi", strings.NewReader(c.form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Referer", "http://example.com/tin/a-1?x=1")
		if c.cookie != "" {
			r.Header.Set("Cookie", c.cookie)
		}
		w := answer(s, r)
		if got := w.Header().Get("Set-Cookie"); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s after %q: cookie %q, want %q", c.form, c.cookie, got, c.want)
		}
		if got := w.Header().Get("Location"); got != "/tin/a-1?x=1" {
			t.Errorf("back to %q", got)
		}
	}
}

func TestAnswersArePackedAsTheClientTakes(t *testing.T) {
	t.Parallel()
	s := quietServer(t, nil)
	for accept, want := range map[string]string{"": "", "gzip": "gzip", "gzip, br": "br"} {
		r := httptest.NewRequest(http.MethodGet, "/khong-co", nil)
		r.Header.Set("Accept-Encoding", accept)
		w := answer(s, r)
		if got := w.Header().Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q: %q", accept, got)
		}
		if got := unpacked(t, w); !strings.Contains(got, "</html>") {
			t.Errorf("%q: page is torn: %d bytes", accept, len(got))
		}
	}
}
