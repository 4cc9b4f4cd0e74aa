package store_test

import (
	"errors"
	"testing"
	"time"

	"toasoan/newsroom"
)

func TestSearchVectorNeverStopsAPublication(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	// Every two-letter word of three scripts, far beyond what a tsvector may hold, and one word of 3,000 letters.
	got := d.scalar(t, `SELECT length(article_search(repeat('dài ', 75), repeat('x', 3000),
	  (SELECT string_agg(chr(7840 + i % 90) || chr(7840 + i / 90 % 90) || chr(19968 + i % 20000), ' ') FROM generate_series(1, 60000) i), '', ''))`)
	if got == "0" {
		t.Error("nothing was indexed")
	}
}

func TestFrontPageOfAnEmptyAndOfAFullPortal(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	if _, err := d.SaveSection(t.Context(), d.admin, newsroom.Section{ID: "thong-bao", NameVI: "Thông báo", Position: 3}); err != nil {
		t.Fatal(err)
	}
	read := func() newsroom.Front {
		t.Helper()
		site, err := d.Site(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		front, err := d.Front(t.Context(), site)
		if err != nil {
			t.Fatal(err)
		}
		return front
	}
	if front := read(); front.Lead != nil || len(front.Newest)+len(front.Blocks)+len(front.Notices) != 0 {
		t.Errorf("an empty portal shows %+v", front)
	}
	notice := story("Thông báo nghỉ lễ")
	notice.Section = "thong-bao"
	noticeID := d.upTo(t, notice, newsroom.StageReleased)
	d.clock.forward(time.Minute)
	first := d.upTo(t, story("Bài thứ nhất"), newsroom.StageReleased)
	if front := read(); len(front.Blocks) != 1 || len(front.Blocks[0].Items) != 1 || front.Blocks[0].Items[0].ID != first {
		t.Errorf("a section whose only article leads the page: %+v", front.Blocks)
	}
	d.clock.forward(time.Minute)
	second := d.upTo(t, story("Bài thứ hai"), newsroom.StageReleased)
	d.upTo(t, story("Bài chưa duyệt"), newsroom.StageAwaitingApproval)
	front := read()
	if front.Lead == nil || front.Lead.ID != second || len(front.Newest) != 1 || front.Newest[0].ID != first {
		t.Errorf("lead %+v, newest %+v", front.Lead, front.Newest)
	}
	if len(front.Blocks) != 1 || len(front.Blocks[0].Items) != 1 || front.Blocks[0].Items[0].ID != first || len(front.Notices) != 1 || front.Notices[0].ID != noticeID {
		t.Errorf("blocks %+v, notices %+v", front.Blocks, front.Notices)
	}
}

func TestPublicArticleIsOnlyWhatWasReleased(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	waiting := d.upTo(t, story("Bài chờ duyệt"), newsroom.StageAwaitingApproval)
	for _, id := range []string{waiting, "no0such0one0"} {
		if _, err := d.PortalArticle(t.Context(), id); !errors.Is(err, newsroom.ErrNotFound) {
			t.Errorf("article %s: %v", id, err)
		}
	}
	id := d.upTo(t, story("Bài đã đăng"), newsroom.StageReleased)
	a, err := d.PortalArticle(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if a.Public != newsroom.PublicLive || a.Content.Title != "Bài đã đăng" || a.Hash != a.Content.Hash() || a.N != d.published(t, id) || a.Slug != "bai-da-dang" {
		t.Errorf("article %+v", a)
	}
	name, err := d.AuthorName(t.Context(), "mai-lan")
	if err != nil || name != "Mai Lan" {
		t.Errorf("author %q, %v", name, err)
	}
	if _, err := d.AuthorName(t.Context(), "khong-ai"); !errors.Is(err, newsroom.ErrNotFound) {
		t.Errorf("unknown author: %v", err)
	}
}

func TestArchiveDaysAreLocalDays(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	d.clock.forward(time.Date(2026, 10, 31, 16, 59, 0, 0, time.UTC).Sub(d.clock.now())) // 23:59 on the 31st in Vietnam
	last := d.upTo(t, story("Bài cuối tháng"), newsroom.StageReleased)
	d.clock.forward(2 * time.Minute)
	first := d.upTo(t, story("Bài đầu tháng"), newsroom.StageReleased)
	for _, c := range []struct {
		day  newsroom.Date
		want string
	}{{newsroom.Date{Year: 2026, Month: 10, Day: 31}, last}, {newsroom.Date{Year: 2026, Month: 11, Day: 1}, first}} {
		found, err := d.DayArticles(t.Context(), c.day, 1, 10)
		if err != nil || len(found.Items) != 1 || found.Items[0].ID != c.want {
			t.Errorf("%s: %+v, %v", c.day, found, err)
		}
		days, err := d.MonthDays(t.Context(), c.day.Year, c.day.Month)
		if err != nil || len(days) != 1 || days[0].Date != c.day || days[0].Count != 1 {
			t.Errorf("month of %s: %v, %v", c.day, days, err)
		}
		if _, err := d.WriteFeeds(t.Context(), c.day.String(), c.want, d.published(t, c.want), d.clock.now(), plainly); err != nil {
			t.Fatal(err)
		}
		if got := d.feed(t, "/sitemap-"+c.day.String()[:7]+".xml"); len(got) != 1 {
			t.Errorf("sitemap of %s: %v", c.day, got)
		}
	}
}

func TestPublicMediaOfWithdrawnArticlesIsHidden(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	hidden := func(sha string) bool {
		t.Helper()
		is, err := d.HiddenMedia(t.Context(), sha)
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	const own, shared, inText = "aa11", "bb22", "cc33"
	pictured := func(title string, shas ...string) newsroom.Content {
		c := story(title)
		for _, sha := range shas {
			c.Pictures = append(c.Pictures, newsroom.Picture{SHA: sha, Alt: "Ảnh"})
		}
		return c
	}
	c := pictured("Bài có ảnh", own, shared)
	c.Body += `<figure><img src="/anh/` + inText + `-640.jpg" alt="Ảnh"></figure>`
	id := d.upTo(t, c, newsroom.StageReleased)
	d.upTo(t, pictured("Bài dùng chung ảnh", shared), newsroom.StageReleased)
	if hidden(own) || hidden(shared) || hidden(inText) || hidden("dd44") {
		t.Error("a picture is hidden before anything was withdrawn")
	}
	d.allowed(t, d.leader, id, newsroom.MoveTakeDown, func(r *newsroom.Request) { r.Reason, r.Code = "Gỡ", newsroom.ReasonOther })
	if !hidden(own) || !hidden(inText) {
		t.Error("a picture of a taken down article is served")
	}
	if hidden(shared) || hidden("dd44") {
		t.Error("a picture that another article shows is hidden")
	}
}
