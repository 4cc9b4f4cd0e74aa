package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"toasoan/newsroom"
)

// sample is an article with everything a page shows.
func sample(n *newsstand) newsroom.Content {
	return newsroom.Content{
		Title: "Xã Vân Khê ký kết chương trình phối hợp xây dựng nông thôn mới",
		Lead:  "Sáng 02/10, bảy đơn vị đã ký kết chương trình phối hợp.", Section: "xay-dung-nong-thon-moi", AlsoIn: []string{"kinh-te"},
		Body:     `<p>Buổi lễ diễn ra tại hội trường UBND xã.</p><h2>Mục tiêu</h2><p>Hoàn thành 19 tiêu chí.</p>`,
		Pictures: []newsroom.Picture{{SHA: n.picture(strings.Repeat("ab", 32)), Alt: "Đại diện bảy đơn vị bắt tay", Caption: "Quang cảnh lễ ký", Credit: "Ảnh: Minh Khôi"}, {SHA: n.picture(strings.Repeat("cd", 32)), Alt: "Toàn cảnh hội trường", Caption: "Đông đảo người dân dự lễ"}},
		Authors:  []newsroom.Author{{PenName: "Lê Thị Vân"}, {PenName: "Đỗ Minh Khôi"}}, Credits: []newsroom.Credit{{Kind: "photo", Name: "Minh Khôi"}},
		Source: newsroom.Source{Name: "Báo Sông Vân", URL: "https://bao.example.vn/1"}, Topics: []string{"Nông thôn mới nâng cao"}, Tags: []string{"ký kết", "tiêu chí"},
		Attachments: []newsroom.Attachment{{SHA: strings.Repeat("ef", 32), Name: "Quyet-dinh-27.pdf", MIME: "application/pdf", Size: 188416, Number: "27/QĐ-UBND", Date: "2026-10-01", Summary: "về việc ban hành chương trình"}},
	}
}

func TestArticlePageHasEverything(t *testing.T) {
	t.Parallel()
	n := newNewsstand(t)
	old := n.publish("", friday.Add(-24*time.Hour), newsroom.Content{Title: "Tin cũ hơn", Section: "xay-dung-nong-thon-moi", Body: "<p>Cũ</p>"})
	akin := n.publish("", friday.Add(-23*time.Hour), newsroom.Content{Title: "Tin liên quan hơn", Section: "xay-dung-nong-thon-moi", Tags: []string{"Tiêu chí"}, Body: "<p>Cũ</p>"})
	id := n.publish("", friday, sample(n))
	path := "/tin/xa-van-khe-ky-ket-chuong-trinh-phoi-hop-xay-dung-nong-thon-moi-" + id
	w := n.get(path, http.StatusOK)
	body := strings.ReplaceAll(w.Body.String(), "&#43;", "+")
	for what, want := range map[string]string{
		"title":            "<title>Xã Vân Khê ký kết chương trình phối hợp xây dựng nông thôn mới – Cổng",
		"breadcrumb":       `<li><a href="/chuyen-muc/xay-dung-nong-thon-moi">Xây dựng nông thôn mới</a></li>`,
		"date line":        "Thứ Sáu, 02/10/2026 | 15:30 (GMT+7)",
		"lead":             `<p class="lead" lang="vi">Sáng 02/10`,
		"cover":            `alt="Đại diện bảy đơn vị bắt tay" width="1600" height="1067" fetchpriority="high"`,
		"srcset":           "-320.jpg 320w, /anh/",
		"caption":          `<figcaption>Quang cảnh lễ ký <span class="credit">Ảnh: Minh Khôi</span>`,
		"gallery":          `<div class="gallery"`,
		"byline":           `<a href="/tac-gia/le-thi-van" rel="author">Lê Thị Vân</a> – <a href="/tac-gia/do-minh-khoi"`,
		"credits":          "Ảnh: Minh Khôi</p>",
		"source":           `<a href="https://bao.example.vn/1" rel="nofollow noopener noreferrer">Theo Báo Sông Vân</a>`,
		"attachment":       `href="/tep/` + strings.Repeat("ef", 32) + `/Quyet-dinh-27.pdf"`,
		"document number":  ">27/QĐ-UBND</a>",
		"document date":    "ngày 01/10/2026",
		"attachment size":  "PDF, 184 KB",
		"topic":            `<a class="tag" href="/chu-de/nong-thon-moi-nang-cao"`,
		"tag":              `<a class="tag" href="/tu-khoa/tieu-chi"`,
		"tools: email":     path + "/gui",
		"tools: print":     path + "/in",
		"tools: save":      path + "/luu",
		"tools: report":    path + "/bao-loi",
		"tools: copy":      `data-copy="https://vankhe.example.vn` + path + `"`,
		"text size":        ">A+</button>",
		"views":            "Lượt xem: 0</span>",
		"section feed":     `href="/chuyen-muc/xay-dung-nong-thon-moi/rss.xml"`,
		"related":          "Tin liên quan",
		"older":            `<ul class="older"><li><a href="/tin/tin-cu-hon-` + old + `"`,
		"canonical":        `<link rel="canonical" href="https://vankhe.example.vn` + path + `">`,
		"open graph":       `<meta property="og:image" content="https://vankhe.example.vn/anh/`,
		"structured data":  `"@type":"NewsArticle"`,
		"publication mark": `<meta name="toasoan:publication" content="3">`,
		"content hash":     sample2Hash(n, id),
		"counter":          "Tổng lượt truy cập",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("%s: page lacks %q", what, want)
		}
	}
	_, older, _ := strings.Cut(body, `<ul class="older">`)
	older, _, _ = strings.Cut(older, "</ul>")
	if !strings.Contains(body, akin) || strings.Contains(older, akin) {
		t.Error("what is related stands among the older ones too")
	}
	if w.Header().Get("ETag") == "" || w.Header().Get("Cache-Control") != "no-cache" {
		t.Errorf("headers %v", w.Header())
	}
}

func sample2Hash(n *newsstand, id string) (hash string) {
	n.scan(`SELECT hash FROM live_articles WHERE article_id = '`+id+`'`, &hash)
	return hash
}

func TestOldAddressesLeadToThePresentOne(t *testing.T) {
	t.Parallel()
	n := newNewsstand(t)
	id := n.publish("", friday, newsroom.Content{Title: "Tiêu đề cũ", Body: "<p>a</p>"})
	n.publish(id, friday.Add(time.Hour), newsroom.Content{Title: "Tiêu đề mới", Body: "<p>a</p>", Change: newsroom.ChangeMinor})
	for from, want := range map[string]string{
		"/tin/tieu-de-cu-" + id:          "/tin/tieu-de-moi-" + id,
		"/tin/bat-ky-" + id + "/in":      "/tin/tieu-de-moi-" + id + "/in",
		"/tin/" + id:                     "/tin/tieu-de-moi-" + id,
		"/tin/tieu-de-cu-" + id + "/luu": "/tin/tieu-de-moi-" + id + "/luu",
		"/tin/tieu-de-cu-" + id + "/gui": "/tin/tieu-de-moi-" + id + "/gui",
	} {
		if got := n.get(from, http.StatusMovedPermanently).Header().Get("Location"); got != want {
			t.Errorf("%s leads to %s, want %s", from, got, want)
		}
	}
}

func TestPublicStatesAreWhatReadersSee(t *testing.T) {
	t.Parallel()
	n := newNewsstand(t)
	id := n.publish("", friday, sample(n))
	path := "/tin/xa-van-khe-ky-ket-chuong-trinh-phoi-hop-xay-dung-nong-thon-moi-" + id
	image := "/anh/" + strings.Repeat("ab", 32) + "-640.jpg"
	n.get(image, http.StatusOK)

	show := func(public newsroom.Public) { n.turn(id, public); n.forgetPages() }
	show(newsroom.PublicExpired)
	if body := n.get(path, http.StatusOK).Body.String(); !strings.Contains(body, "hết thời hạn hiển thị") || !strings.Contains(body, "Hoàn thành 19 tiêu chí") {
		t.Error("an expired article must stay readable and say so")
	}
	if body := n.get("/chuyen-muc/xay-dung-nong-thon-moi", http.StatusOK).Body.String(); strings.Contains(body, id) {
		t.Error("an expired article stands in its section")
	}
	if body := n.get("/tim-kiem?q=nong+thon+moi", http.StatusOK).Body.String(); !strings.Contains(body, id) {
		t.Error("an expired article is not found")
	}

	show(newsroom.PublicWithdrawn)
	body := n.get(path, http.StatusOK).Body.String()
	if !strings.Contains(body, "đã được rút khỏi cổng") || strings.Contains(body, "19 tiêu chí") || !strings.Contains(body, `<meta name="toasoan:publication" content="3">`) {
		t.Error("withdrawn: not the notice alone")
	}
	for _, gone := range []string{path + "/in", path + "/luu", path + "/gui", path + "/bao-loi", image} {
		n.get(gone, http.StatusGone)
	}
	if body := n.get("/tim-kiem?q=nong+thon+moi", http.StatusOK).Body.String(); strings.Contains(body, id) {
		t.Error("a withdrawn article is found")
	}

	show(newsroom.PublicTakenDown)
	if body := n.get(path, http.StatusGone).Body.String(); strings.Contains(body, "Vân Khê ký kết") || !strings.Contains(body, "đã được gỡ lúc 15 giờ 30, ngày 02/10/2026") {
		t.Error("taken down: not the notice alone")
	}
	n.get(image, http.StatusGone)

	show(newsroom.PublicLive)
	n.get(path, http.StatusOK)
	n.get(image, http.StatusOK)
}

func TestCorrectionStandsOnTop(t *testing.T) {
	t.Parallel()
	n := newNewsstand(t)
	id := n.publish("", friday, newsroom.Content{Title: "Đường mới", Body: "<p>dài 850 m</p>"})
	n.publish(id, friday.Add(time.Hour), newsroom.Content{
		Title: "Đường mới", Body: "<p>dài 580 m</p>", Change: newsroom.ChangeCorrection, Note: &newsroom.Correction{Old: "850 m", New: "580 m"},
	})
	n.publish(id, friday.Add(2*time.Hour), newsroom.Content{Title: "Đường mới", Body: "<p>dài 580 m.</p>", Change: newsroom.ChangeMinor})
	body := n.get("/tin/duong-moi-"+id, http.StatusOK).Body.String()
	note, text := strings.Index(body, "<del>850 m</del>"), strings.Index(body, "dài 580 m.")
	if note < 0 || text < note || !strings.Contains(body, "<ins>580 m</ins>") || !strings.Contains(body, "02/10/2026 16:30") {
		t.Error("correction note")
	}
	if body := n.get("/", http.StatusOK).Body.String(); !strings.Contains(body, `<span class="story-flag">Đính chính</span>`) {
		t.Error("the front page does not mark the corrected article")
	}
}

func TestHostileContentStaysText(t *testing.T) {
	t.Parallel()
	n := newNewsstand(t)
	evil := `"><script>alert(1)</script>`
	id := n.publish("", friday, newsroom.Content{
		Title: evil, Lead: evil, Slug: "bai", Body: `<p onclick="x()">a<script>alert(1)</script><img src=x onerror=alert(1)><a href="javascript:alert(1)">b</a></p>`,
		Authors: []newsroom.Author{{PenName: evil}}, Source: newsroom.Source{Name: evil, URL: "javascript:alert(1)"}, Tags: []string{evil},
		Attachments: []newsroom.Attachment{{SHA: strings.Repeat("a1", 32), Name: `../"><script>.pdf`, Number: evil}},
	})
	for _, path := range []string{"/", "/tin/bai-" + id, "/tin/bai-" + id + "/in", "/tin/bai-" + id + "/luu", "/chuyen-muc/tin-tuc-su-kien", "/tim-kiem?q=%22%3E%3Cscript%3Ealert", "/tin/bai-" + id + "/gui", "/tin/bai-" + id + "/bao-loi"} {
		body := n.get(path, http.StatusOK).Body.String()
		for _, never := range []string{"<script>alert", "onerror=", "onclick=", "javascript:alert", `href="/tep/` + strings.Repeat("a1", 32) + "/../"} {
			if strings.Contains(body, never) {
				t.Errorf("%s carries %q", path, never)
			}
		}
	}
}

func TestListsOfEveryKind(t *testing.T) {
	t.Parallel()
	n := newNewsstand(t)
	id := n.publish("", friday, sample(n))
	for path, title := range map[string]string{
		"/chuyen-muc/xay-dung-nong-thon-moi": "Xây dựng nông thôn mới", "/chuyen-muc/kinh-te": "Kinh tế", "/tac-gia/do-minh-khoi": "Bài viết của Đỗ Minh Khôi",
		"/tu-khoa/ky-ket": "Từ khóa: ký kết", "/chu-de/nong-thon-moi-nang-cao": "Dòng sự kiện: Nông thôn mới nâng cao", "/luu-tru/2026/10/02": "Thứ Sáu, ngày 02 tháng 10 năm 2026",
	} {
		body := n.get(path, http.StatusOK).Body.String()
		if !strings.Contains(body, id) || !strings.Contains(body, title) {
			t.Errorf("%s: no %s", path, title)
		}
	}
	for _, path := range []string{
		"/chuyen-muc/khong-co", "/tac-gia/khong-ai", "/tu-khoa/x", "/chu-de/x", "/luu-tru/2026/02/30", "/luu-tru/2026/13", "/luu-tru/2026/11/01", "/luu-tru/1066/10/14",
		"/chuyen-muc/kinh-te?trang=7", "/tin/khong-co", "/tin/a-0123456789ab", "/anh/x.jpg", "/tep/x/y", "/sitemap-2020-01.xml",
	} {
		n.get(path, http.StatusNotFound)
	}
	if body := n.get("/luu-tru", http.StatusOK).Body.String(); !strings.Contains(body, `href="/luu-tru/2026/10/02"`) {
		t.Error("the calendar does not lead to the day")
	}
	if body := n.get("/chuyen-muc/chuyen-doi-so", http.StatusOK).Body.String(); !strings.Contains(body, "Chưa có bài viết nào ở đây") {
		t.Error("an empty section does not say so")
	}
}

func TestListsArePaged(t *testing.T) {
	t.Parallel()
	n := newNewsstand(t)
	for i := range 2*listSize + 3 {
		n.publish("", friday.Add(-time.Duration(i)*time.Minute), newsroom.Content{Title: "Tin " + strings.Repeat("x", i+1), Section: "kinh-te", Body: "<p>a</p>"})
	}
	seen := map[string]bool{}
	for _, page := range []string{"", "?trang=2", "?trang=3"} {
		body := n.get("/chuyen-muc/kinh-te"+page, http.StatusOK).Body.String()
		for rest := body; ; {
			_, after, found := strings.Cut(rest, `class="story-title" lang="vi"><a href="`)
			if !found {
				break
			}
			url, tail, _ := strings.Cut(after, `"`)
			if seen[url] {
				t.Errorf("%s stands on two pages", url)
			}
			seen[url] = true
			rest = tail
		}
	}
	if len(seen) != 2*listSize+3 {
		t.Errorf("%d articles on three pages", len(seen))
	}
	n.get("/chuyen-muc/kinh-te?trang=4", http.StatusNotFound)
	if body := n.get("/chuyen-muc/kinh-te?trang=2", http.StatusOK).Body.String(); !strings.Contains(body, `rel="prev" href="/chuyen-muc/kinh-te?trang=1"`) || !strings.Contains(body, `<span aria-current="page">2</span>`) {
		t.Error("row of pages")
	}
}

func TestEnglishChromeAroundVietnameseArticles(t *testing.T) {
	t.Parallel()
	n := newNewsstand(t)
	id := n.publish("", friday, sample(n))
	path := "/tin/xa-van-khe-ky-ket-chuong-trinh-phoi-hop-xay-dung-nong-thon-moi-" + id
	w := n.get(path+"?lang=en", http.StatusOK)
	body := w.Body.String()
	if !strings.Contains(body, `<html lang="en"`) || !strings.Contains(body, "Views: 0") || !strings.Contains(body, `<h1 class="article-title" lang="vi">`) || !strings.Contains(body, "Section xay-dung-nong-thon-moi") {
		t.Error("english chrome")
	}
	if vi := n.get(path, http.StatusOK).Body.String(); !strings.Contains(vi, `<html lang="vi"`) {
		t.Error("the English page is served to a Vietnamese reader")
	}
	if en := n.get(path, http.StatusOK, "Cookie", "lang=en").Body.String(); !strings.Contains(en, `<html lang="en"`) {
		t.Error("the cookie is not heard")
	}
	if dark := n.get(path, http.StatusOK, "Cookie", "theme=dark; size=xl").Body.String(); !strings.Contains(dark, `data-theme="dark" data-size="xl"`) {
		t.Error("the display cookies are not heard")
	}
}

func TestSavedArticleNeedsNoPortal(t *testing.T) {
	t.Parallel()
	n := newNewsstand(t)
	id := n.publish("", friday, sample(n))
	w := n.get("/tin/xa-van-khe-ky-ket-chuong-trinh-phoi-hop-xay-dung-nong-thon-moi-"+id+"/luu", http.StatusOK)
	body := w.Body.String()
	if got := w.Header().Get("Content-Disposition"); !strings.HasPrefix(got, "attachment") || !strings.Contains(got, ".html") {
		t.Errorf("Content-Disposition %q", got)
	}
	if strings.Contains(body, `src="/`) || strings.Contains(body, `href="/`) || strings.Contains(body, "<script") {
		t.Errorf("the file needs the portal: %s", body)
	}
	if strings.Count(body, `src="data:image/jpeg;base64,`) != 2 {
		t.Errorf("pictures are not in the file: %s", body)
	}
}

func TestEveryFixedPageInBothLanguages(t *testing.T) {
	t.Parallel()
	n := newNewsstand(t)
	for _, path := range []string{"/", "/lien-he", "/gop-y", "/quyen-rieng-tu", "/so-do", "/thong-ke", "/luu-tru", "/tim-kiem", "/tim-kiem?q=x", "/robots.txt", "/rss.xml", "/atom.xml", "/feed.json", "/sitemap.xml", "/sitemap-muc.xml", "/chuyen-muc/kinh-te/rss.xml"} {
		n.get(path, http.StatusOK)
		n.get(path, http.StatusOK, "Cookie", "lang=en")
	}
}
