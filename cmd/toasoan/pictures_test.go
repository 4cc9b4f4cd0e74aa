package main

import (
	"context"
	"errors"
	"flag"
	"html/template"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"toasoan/internal/mail"
)

var pictures = flag.Bool("pictures", false, "photograph the running product into docs/pictures")

// TestPictures photographs the running product with its demo content for README and docs: `make pictures`.
func TestPictures(t *testing.T) {
	if !*pictures {
		t.Skip("make pictures")
	}
	p := newPlant(t)
	browser := chromium(t)
	folder := filepath.Join("..", "..", "docs", "pictures")
	former, err := filepath.Glob(filepath.Join(folder, "*.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, picture := range former {
		if err := os.Remove(picture); err != nil {
			t.Fatal(err)
		}
	}
	wide := screen{name: "wide", width: 1920, height: 1080, lang: "vi"}
	dark := screen{name: "desktop-dark", width: 1366, height: 768, dark: true, lang: "vi"}
	english := screen{name: "desktop-en", width: 1366, height: 768, lang: "en"}
	shoot := func(name, path string, full bool, screens ...screen) {
		t.Helper()
		for _, s := range screens {
			target := p.url + path
			if strings.HasPrefix(path, "http") {
				target = path
			}
			if s.lang == "en" {
				target += map[bool]string{true: "&", false: "?"}[strings.Contains(target, "?")] + "lang=en"
			}
			switch { // as large as they must be to be read
			case s.phone && full:
				s.scale = 1
			case s.phone:
				s.scale = 1.25
			case full:
				s.scale = 0.62
			default:
				s.scale = 0.8
			}
			one, cancel := context.WithTimeout(browser, time.Minute)
			shot, err := photograph(one, s, target, full)
			cancel()
			if err != nil {
				t.Errorf("%s on %s: %v", name, s.name, err)
				continue
			}
			if err := os.WriteFile(filepath.Join(folder, name+"-"+s.name+".jpg"), shot, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	article := p.firstLink("/", "/tin/")
	shoot("portal-top", "/", false, phone, desktop, dark, english)
	shoot("portal", "/", true, desktop)
	shoot("article", article, true, desktop)
	shoot("article-top", article, false, phone, dark)
	shoot("article-print", article+"/in", true, desktop)
	shoot("section", "/chuyen-muc/xay-dung-nong-thon-moi", true, phone, desktop)
	shoot("search", "/tim-kiem?q=nong+thon+moi", true, phone, desktop)
	shoot("subscribe", "/dang-ky", true, phone, desktop)
	shoot("statistics", "/thong-ke", true, desktop)
	shoot("sign-in", "/desk/sign-in", false, phone, desktop)
	shoot("mailbox", p.mailbox, false, desktop)

	if err := p.signIn(browser, p.as("reporter")); err != nil {
		t.Fatal(err)
	}
	shoot("work", "/desk", false, phone, desktop)
	var draft walkArticle
	in := (&demoWalk{title: "Ngày hội đọc sách ở Trường Tiểu học Vân Khê"}).draft(nil)
	if status := p.call(t.Context(), p.as("reporter"), http.MethodPost, "/api/v1/articles", in, &draft, "Idempotency-Key", "pictures"); status != http.StatusCreated {
		t.Fatalf("the draft was answered with %d", status)
	}
	shoot("editor", "/desk/articles/"+draft.ID+"/edit", false, phone, desktop)
	if err := p.signIn(browser, p.as("reviewer")); err != nil {
		t.Fatal(err)
	}
	shoot("board", "/desk/board", false, phone, desktop, wide, dark)
	shoot("desk-article", p.boardLink(browser), false, phone)
	shoot("desk-published", "/desk/articles/"+article[strings.LastIndex(article, "-")+1:], false, desktop)
	shoot("issues", "/desk/issues", false, desktop)
	if err := p.signIn(browser, p.as("admin")); err != nil {
		t.Fatal(err)
	}
	shoot("admin-users", "/desk/admin/users", false, phone, desktop)
	shoot("admin-policy", "/desk/admin/policies", false, desktop)

	for _, m := range p.mails("[Chờ duyệt]") {
		link := linkForm.FindString(p.text(m.ID))
		if link == "" {
			continue
		}
		if _, asked := p.get(strings.TrimPrefix(link, p.url)); strings.Contains(asked, `value="approve"`) {
			shoot("decide", link, false, phone, desktop, english, screen{name: "phone-dark", width: 360, height: 740, phone: true, dark: true, lang: "vi"})
			shoot("mail-approval", p.mailbox+"/message/"+m.ID, false, desktop, phone)
			break
		}
	}
}

// firstLink is the first address on a page that begins with prefix.
func (p *plant) firstLink(page, prefix string) string {
	p.t.Helper()
	_, body := p.get(page)
	_, rest, found := strings.Cut(body, `href="`+prefix)
	if !found {
		p.t.Fatalf("no link to %s… on %s", prefix, page)
	}
	end, _, _ := strings.Cut(rest, `"`)
	return prefix + end
}

// boardLink is the first article on the board of whoever is signed in.
func (p *plant) boardLink(browser context.Context) string {
	err := chromedp.Do(browser, chromedp.Navigate(p.url+"/desk/board"))
	if err != nil {
		p.t.Fatal(err)
	}
	found, err := chromedp.Run(browser, chromedp.AttributeValue(chromedp.CSS(`a[href^="/desk/articles/"]:not([href$="/new"])`), "href"))
	if err != nil || !found.Exists {
		p.t.Errorf("no article on the board: %v", err)
	}
	return found.Value
}

// settle leaves a page as somebody sees it who has read it to its end: what loads late is there.
const settle = `(async () => {
	for (let y = 0; y < document.documentElement.scrollHeight; y += innerHeight / 2) { scrollTo(0, y); await new Promise(requestAnimationFrame) }
	await Promise.all([...document.images].map(i => i.decode().catch(() => {})))
	await document.fonts.ready
	scrollTo(0, 0)
	await new Promise(requestAnimationFrame)
})()`

// photograph takes what the screen shows of a page, or all of it.
func photograph(ctx context.Context, s screen, target string, full bool) ([]byte, error) {
	if err := s.on(ctx); err != nil {
		return nil, err
	}
	// A language once asked for is remembered: each picture says its own.
	if _, err := chromedp.Call(ctx, network.DeleteCookies, network.DeleteCookiesParams{Name: "lang", URL: target}); err != nil {
		return nil, err
	}
	if err := chromedp.Do(ctx, chromedp.Navigate(target), chromedp.WaitVisible(chromedp.CSS("body"))); err != nil {
		return nil, err
	}
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[any](settle, chromedp.EvalAwaitPromise)); err != nil {
		return nil, err
	}
	if full {
		return chromedp.Run(ctx, chromedp.FullScreenshot(quality))
	}
	shot, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{
		Format: page.CaptureScreenshotFormatJpeg, Quality: new(int64(quality)),
	})
	return shot.Data, err
}

// quality of the pictures: they are committed, so they must not weigh much.
const quality = 42

// TestPicturesOfMails photographs every mail, as HTML and as text, in both languages: `make pictures`.
func TestPicturesOfMails(t *testing.T) {
	if !*pictures {
		t.Skip("make pictures")
	}
	mails := t.TempDir()
	if err := mail.Pictures(mails); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join("..", "..", "docs", "pictures", "mails")
	if err := errors.Join(os.RemoveAll(folder), os.MkdirAll(folder, 0o755)); err != nil {
		t.Fatal(err)
	}
	kinds, err := filepath.Glob(filepath.Join(mails, "vi-*.html"))
	if err != nil || len(kinds) == 0 {
		t.Fatalf("no mails: %v", err)
	}
	mux := http.NewServeMux()
	mux.Handle("/mails/", http.StripPrefix("/mails/", http.FileServer(http.Dir(mails))))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { _ = mailSheet.Execute(w, strings.Trim(r.URL.Path, "/")) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	browser := chromium(t)
	sheet := screen{width: 1340, height: 400, lang: "vi", scale: 0.5}
	for _, file := range kinds {
		kind := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "vi-"), ".html")
		one, cancel := context.WithTimeout(browser, time.Minute)
		shot, err := photograph(one, sheet, server.URL+"/"+kind, true)
		cancel()
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, kind+".jpg"), shot, 0o644)
		}
		if err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// mailSheet shows one mail four times; its frames take the height of what is in them.
var mailSheet = template.Must(template.New("").Parse(`<!doctype html><meta charset="utf-8"><title>{{.}}</title>
<style>body{margin:12px;font:14px sans-serif;background:#ddd;display:grid;grid-template-columns:640px 640px;gap:12px;align-items:start}
h2{grid-column:1/-1;margin:0;font-size:14px}iframe{border:0;width:640px;background:#fff}</style>
<h2>{{.}} · vi</h2><iframe src="/mails/vi-{{.}}.html"></iframe><iframe src="/mails/vi-{{.}}.txt"></iframe>
<h2>{{.}} · en</h2><iframe src="/mails/en-{{.}}.html"></iframe><iframe src="/mails/en-{{.}}.txt"></iframe>
<script>onload=()=>{for(const f of document.querySelectorAll("iframe"))f.height=f.contentDocument.documentElement.scrollHeight+8}</script>`))
