package main

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
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
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
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
	shoot("editor", "/desk/articles/new", false, phone, desktop)
	if err := p.signIn(browser, p.as("reviewer")); err != nil {
		t.Fatal(err)
	}
	shoot("board", "/desk/board", false, phone, desktop, wide, dark)
	shoot("desk-article", p.boardLink(browser), false, phone, desktop)
	shoot("issues", "/desk/issues", false, desktop)
	if err := p.signIn(browser, p.as("admin")); err != nil {
		t.Fatal(err)
	}
	shoot("admin-users", "/desk/admin/users", false, phone, desktop)
	shoot("admin-policy", "/desk/admin/policies", false, desktop)

	for _, m := range p.mails("[Chờ duyệt]") {
		if link := linkForm.FindString(p.text(m.ID)); link != "" {
			shoot("decide", link, false, phone, desktop, screen{name: "phone-dark", width: 360, height: 740, phone: true, dark: true, lang: "vi"})
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

func photograph(ctx context.Context, s screen, target string, full bool) ([]byte, error) {
	if err := s.on(ctx); err != nil {
		return nil, err
	}
	if err := chromedp.Do(ctx, chromedp.Navigate(target), chromedp.WaitVisible(chromedp.CSS("body")), chromedp.Sleep(400*time.Millisecond)); err != nil {
		return nil, err
	}
	if full {
		return chromedp.Run(ctx, chromedp.FullScreenshot(80))
	}
	shot, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{
		Format: page.CaptureScreenshotFormatJpeg, Quality: new(int64(85)),
	})
	return shot.Data, err
}
