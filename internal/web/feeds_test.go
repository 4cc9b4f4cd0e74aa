package web

import (
	"net/http"
	"strings"
	"testing"

	"toasoan/internal/feed"
	"toasoan/internal/store"
	"toasoan/newsroom"
)

func TestFeedsAreServedAsTheyWereRendered(t *testing.T) {
	t.Parallel()
	n := newNewsstand(t)
	empty := n.get("/chuyen-muc/kinh-te/feed.json", http.StatusOK)
	if !strings.Contains(empty.Body.String(), `"items": []`) {
		t.Errorf("empty feed: %s", empty.Body)
	}
	id := n.publish("", friday, newsroom.Content{Title: "Tin “kinh tế” & <hơn>", Slug: "tin", Section: "kinh-te", Body: "<p>a</p>"})
	rendered := n.Store.(*store.Store)
	renderer := feed.Renderer{Base: "https://vankhe.example.vn"}
	if _, err := rendered.WriteFeeds(t.Context(), "e1", id, 1, friday, renderer.Render); err != nil {
		t.Fatal(err)
	}
	n.forgetPages()
	for path, want := range map[string]string{
		"/rss.xml": "<link>https://vankhe.example.vn/tin/tin-" + id + "</link>", "/atom.xml": "Tin “kinh tế” &amp; &lt;hơn&gt;", "/feed.json": id,
		"/chuyen-muc/kinh-te/rss.xml": id, "/chuyen-muc/kinh-te/atom.xml": id, "/chuyen-muc/kinh-te/feed.json": id,
		"/sitemap.xml": "https://vankhe.example.vn/sitemap-2026-10.xml", "/sitemap-2026-10.xml": "https://vankhe.example.vn/tin/tin-" + id,
		"/sitemap-muc.xml": "https://vankhe.example.vn/chuyen-muc/kinh-te",
	} {
		w := n.get(path, http.StatusOK)
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s lacks %s", path, want)
		}
		file, err := rendered.Feed(t.Context(), path)
		if err != nil || w.Body.String() != string(file.Body) || w.Header().Get("Content-Type") != file.MIME {
			t.Errorf("%s differs from what was rendered (%v)", path, err)
		}
		n.get(path, http.StatusNotModified, "If-None-Match", w.Header().Get("ETag"))
		if got := unpacked(t, n.get(path, http.StatusOK, "Accept-Encoding", "br, gzip")); got != string(file.Body) {
			t.Errorf("%s packed differs", path)
		}
	}
	n.get("/chuyen-muc/khong-co/rss.xml", http.StatusNotFound)
}

func TestPicturesAndFilesAreKeptForever(t *testing.T) {
	t.Parallel()
	n := newNewsstand(t)
	sha := n.picture(strings.Repeat("ab", 32))
	w := n.get("/anh/"+sha+"-640.jpg", http.StatusOK)
	if w.Header().Get("Cache-Control") != forever || w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Body.String() != "pixels of abab" {
		t.Errorf("%v %s", w.Header(), w.Body)
	}
	n.get("/anh/"+sha+"-640.jpg", http.StatusNotModified, "If-None-Match", w.Header().Get("ETag"))
	for _, missing := range []string{sha + "-641.jpg", sha + "-640.png", sha + "-640.svg", sha + ".jpg"} {
		n.get("/anh/"+missing, http.StatusNotFound)
	}

	file := strings.Repeat("ef", 32)
	n.exec(`INSERT INTO media (sha, kind, name, mime, size, bytes) VALUES ($1, 'file', 'a.pdf', 'application/pdf', 5, 'bytes')`, file)
	w = n.get("/tep/"+file+"/Quy%E1%BA%BFt-%C4%91%E1%BB%8Bnh.pdf", http.StatusOK)
	if got := w.Header().Get("Content-Disposition"); !strings.HasPrefix(got, "attachment") || strings.ContainsAny(got, "\r\n") {
		t.Errorf("Content-Disposition %q", got)
	}
	if !strings.Contains(w.Header().Get("Content-Security-Policy"), "sandbox") || w.Body.String() != "bytes" {
		t.Errorf("%v", w.Header())
	}
	n.get("/tep/"+file+"/a.pdf", http.StatusPartialContent, "Range", "bytes=1-2")
	n.get("/tep/"+sha+"/a.jpg", http.StatusNotFound)
}
