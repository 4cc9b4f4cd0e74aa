package main

import (
	"net/url"
	"slices"
	"testing"
)

func TestWalkReadsEveryKindOfFeed(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"/rss.xml":   `<?xml version="1.0"?><rss version="2.0"><channel><title>x</title><item><title>Bài &amp; ảnh</title><link>https://a.vn/tin/1</link></item></channel></rss>`,
		"/atom.xml":  `<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>Bài &amp; ảnh</title><link rel="enclosure" href="https://a.vn/anh"/><link href="https://a.vn/tin/1"/></entry></feed>`,
		"/feed.json": `{"version":"https://jsonfeed.org/version/1.1","items":[{"title":"Bài & ảnh","url":"https://a.vn/tin/1"}]}`,
	} {
		items, err := feedItems(name, []byte(body))
		if err != nil || !slices.Equal(items, []feedItem{{"Bài & ảnh", "https://a.vn/tin/1"}}) {
			t.Errorf("%s: %v %v", name, items, err)
		}
		if _, err := feedItems(name, []byte("<html>")); err == nil {
			t.Errorf("%s: a page passes for a feed", name)
		}
	}
}

func TestWalkFindsTheOneLink(t *testing.T) {
	t.Parallel()
	mail := "Xem: http://127.0.0.1:8080/duyet/abc-_9\nhttp://127.0.0.1:8080/duyet/abc-_9\n<http://127.0.0.1:8080/huy/x>, <mailto:u@x>"
	if link, err := linkIn(mail, "/duyet/"); err != nil || link != "http://127.0.0.1:8080/duyet/abc-_9" {
		t.Errorf("%q %v", link, err)
	}
	if link, err := linkIn(mail, "/huy/"); err != nil || link != "http://127.0.0.1:8080/huy/x" {
		t.Errorf("%q %v", link, err)
	}
	for _, bad := range []string{"", mail + " http://127.0.0.1:8080/duyet/other"} {
		if link, err := linkIn(bad, "/duyet/"); err == nil {
			t.Errorf("%q found in %q", link, bad)
		}
	}
}

func TestWalkFillsFormsAsABrowserDoes(t *testing.T) {
	t.Parallel()
	page := &webPage{url: &url.URL{Scheme: "http", Host: "x", Path: "/duyet/t"}, body: []byte(`<form action="/tim-kiem"><input name="q"></form>
		<form method="post" action="/duyet/t"><input type="hidden" name="nonce" value="n&amp;1"><input name="pin" type="password">
		<input type="radio" name="move" value="approve"><input type="radio" name="move" value="reject" checked>
		<input type="checkbox" name="trust" value="1"><textarea name="reason"></textarea><button name="go" value="1">x</button></form>`)}
	f, err := page.form("/duyet/")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := f.fields.Encode(), "move=reject&nonce=n%261&pin=&reason="; got != want || f.action != "http://x/duyet/t" {
		t.Errorf("%s to %s, want %s", got, f.action, want)
	}
	if !slices.Equal(f.offers["move"], []string{"approve", "reject"}) || !slices.Equal(f.offers["trust"], []string{"1"}) {
		t.Errorf("offers %v", f.offers)
	}
	if _, err := page.form("/huy/"); err == nil {
		t.Error("found a form that is not there")
	}
}

func TestDifferenceNamesWhoIsOdd(t *testing.T) {
	t.Parallel()
	if got := difference([]string{"a", "a", "b"}, []string{"a", "b", "c"}); got != "a +1, c -1" {
		t.Errorf("%q", got)
	}
}
