package store_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"toasoan/newsroom"
)

// plainly renders what a change touched as a list of ids, one file each.
func plainly(source newsroom.FeedSource) []newsroom.FeedFile {
	var files []newsroom.FeedFile
	write := func(path string, lines []string) {
		body := []byte(strings.Join(lines, "\n"))
		sum := sha256.Sum256(body)
		files = append(files, newsroom.FeedFile{Path: path, MIME: "text/plain", Body: body, ETag: hex.EncodeToString(sum[:]), At: source.At})
	}
	for _, list := range source.Lists {
		path := "/rss.xml"
		if list.Section != nil {
			path = newsroom.SectionPath(list.Section.ID) + path
		}
		var ids []string
		for _, item := range list.Items {
			ids = append(ids, item.ID)
		}
		write(path, ids)
	}
	for _, part := range source.Parts {
		var paths []string
		for _, e := range part.Entries {
			paths = append(paths, e.Path)
		}
		write(part.Path, paths)
		var known []string
		for _, file := range source.Known {
			known = append(known, file.Path)
		}
		write("/sitemap.xml", known)
	}
	return files
}

func (d *newsdesk) feed(t *testing.T, path string) []string {
	t.Helper()
	file, err := d.Feed(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	if len(file.Body) == 0 {
		return nil
	}
	return strings.Split(string(file.Body), "\n")
}

func TestFeedsAreWrittenOnceWithTheirReceipts(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Bài lên nguồn tin"), newsroom.StageReleased)
	n := d.published(t, id)
	files, err := d.WriteFeeds(t.Context(), "event-1", id, n, d.clock.now(), plainly)
	if err != nil || files != 4 {
		t.Fatalf("%d files, %v", files, err)
	}
	if got := d.feed(t, "/rss.xml"); !slices.Equal(got, []string{id}) {
		t.Errorf("site feed %v", got)
	}
	if got := d.feed(t, "/chuyen-muc/kinh-te/rss.xml"); !slices.Equal(got, []string{id}) {
		t.Errorf("section feed %v", got)
	}
	month := "/sitemap-" + d.clock.now().In(newsroom.Zone).Format("2006-01") + ".xml"
	if got := d.feed(t, month); len(got) != 1 || !strings.HasSuffix(got[0], id) {
		t.Errorf("sitemap %v", got)
	}
	receipts, err := d.Receipts(t.Context(), id, n)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range receipts {
		if (r.Effect == newsroom.EffectFeeds || r.Effect == newsroom.EffectSitemap) != (r.At != nil) {
			t.Errorf("receipt %s: %v", r.Effect, r.At)
		}
	}
	rendered := 0
	files, err = d.WriteFeeds(t.Context(), "event-1", id, n, d.clock.now(), func(s newsroom.FeedSource) []newsroom.FeedFile {
		rendered++
		return plainly(s)
	})
	if err != nil || files != 4 || rendered != 0 {
		t.Errorf("a repeat: %d files, rendered %d times, %v", files, rendered, err)
	}
}

func TestWithdrawnArticleLeavesTheFeeds(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Bài sẽ rút"), newsroom.StageReleased)
	other := d.upTo(t, story("Bài ở lại"), newsroom.StageReleased)
	for i, one := range []string{id, other} {
		if _, err := d.WriteFeeds(t.Context(), fmt.Sprint("event-", i), one, d.published(t, one), d.clock.now(), plainly); err != nil {
			t.Fatal(err)
		}
	}
	d.allowed(t, d.leader, id, newsroom.MoveWithdraw, func(r *newsroom.Request) {
		r.Reason, r.Code = "Số liệu chưa được kiểm chứng", newsroom.ReasonUnverified
	})
	if _, err := d.WriteFeeds(t.Context(), "event-9", id, d.published(t, id), d.clock.now(), plainly); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/rss.xml", "/chuyen-muc/kinh-te/rss.xml"} {
		if got := d.feed(t, path); !slices.Equal(got, []string{other}) {
			t.Errorf("%s carries %v", path, got)
		}
	}
	month := "/sitemap-" + d.clock.now().In(newsroom.Zone).Format("2006-01") + ".xml"
	if got := d.feed(t, month); len(got) != 1 || !strings.HasSuffix(got[0], other) {
		t.Errorf("sitemap %v", got)
	}
}

func TestFailedRenderingLeavesNoTrace(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Bài"), newsroom.StageReleased)
	_, err := d.WriteFeeds(t.Context(), "event-1", id, d.published(t, id), d.clock.now(), func(newsroom.FeedSource) []newsroom.FeedFile {
		return []newsroom.FeedFile{{Path: "/rss.xml", Body: []byte("a"), ETag: "not its hash"}}
	})
	if err == nil {
		t.Fatal("a file that is not what it says was written")
	}
	if got := d.scalar(t, `SELECT count(*) FROM events_seen WHERE durable = 'feeds'`); got != "0" {
		t.Error("the event counts as handled")
	}
	if _, err := d.Feed(t.Context(), "/rss.xml"); !errors.Is(err, newsroom.ErrNotFound) {
		t.Errorf("feed: %v", err)
	}
}

func TestOnePublicationTouchesOnePartOfTheSitemap(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	owner := d.owner(t)
	author := d.author.ID
	// 2,500 articles of one month, and some of the months before.
	for _, sql := range []string{
		`INSERT INTO articles (id, author_id, draft, draft_hash) SELECT 'old' || lpad(i::text, 9, '0'), '` + author + `', '{}', '' FROM generate_series(1, 2520) i`,
		`INSERT INTO revisions (article_id, n, content, hash, created_by, created_at) SELECT id, 1, '{}', '', '` + author + `', now() FROM articles WHERE id LIKE 'old%'`,
		`INSERT INTO live_articles (article_id, revision, public, section_id, title, lead, plain, slug, byline, content, hash, published_at, updated_at, changed_n, search)
		 SELECT 'old' || lpad(i::text, 9, '0'), 1, 'live', 'kinh-te', 't', '', '', 's' || i, '', '{}', '', CASE WHEN i <= 2500 THEN timestamptz '2026-09-01 00:00+07' + i * interval '10 minutes'
		   ELSE timestamptz '2026-01-15 00:00+07' + (i - 2500) * interval '10 days' END, now(), 1, '' FROM generate_series(1, 2520) i`,
	} {
		if _, err := owner.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	var told []string
	if err := d.RebuildFeeds(t.Context(), plainly, func(done, all int) { told = append(told, fmt.Sprintf("%d/%d", done, all)) }); err != nil {
		t.Fatal(err)
	}
	if last := told[len(told)-1]; last != fmt.Sprintf("%d/%d", len(told), len(told)) {
		t.Errorf("progress ends with %s", last)
	}
	total := 0
	for _, path := range d.feed(t, "/sitemap.xml") {
		total += len(d.feed(t, path))
	}
	if total != 2520 {
		t.Errorf("the sitemap lists %d of 2520 articles", total)
	}
	for _, part := range []struct {
		path  string
		count int
	}{{"/sitemap-2026-09.xml", 1000}, {"/sitemap-2026-09-2.xml", 1000}, {"/sitemap-2026-09-3.xml", 500}} {
		if got := len(d.feed(t, part.path)); got != part.count {
			t.Errorf("%s lists %d, want %d", part.path, got, part.count)
		}
	}
	// An article of the second part is withdrawn: only that part changes, nothing slips into another.
	if _, err := owner.Exec(t.Context(), `UPDATE live_articles SET public = 'withdrawn' WHERE article_id = 'old000001500'`); err != nil {
		t.Fatal(err)
	}
	if _, err := owner.Exec(t.Context(), `INSERT INTO publications (article_id, n, event, revision, at) VALUES ('old000001500', 2, 'withdrawn', 1, now())`); err != nil {
		t.Fatal(err)
	}
	var touched []string
	if _, err := d.WriteFeeds(t.Context(), "event-1", "old000001500", 2, d.clock.now(), func(s newsroom.FeedSource) []newsroom.FeedFile {
		for _, part := range s.Parts {
			touched = append(touched, fmt.Sprintf("%s %d", part.Path, len(part.Entries)))
		}
		return plainly(s)
	}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(touched, []string{"/sitemap-2026-09-2.xml 999"}) {
		t.Errorf("touched %v", touched)
	}
}

func TestFeedsCarryTheNewestThirty(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	owner := d.owner(t)
	for _, sql := range []string{
		`INSERT INTO articles (id, author_id, draft, draft_hash) SELECT 'old' || lpad(i::text, 9, '0'), '` + d.author.ID + `', '{}', '' FROM generate_series(1, 40) i`,
		`INSERT INTO live_articles (article_id, revision, public, section_id, also_in, title, lead, plain, slug, byline, content, hash, published_at, updated_at, changed_n, search)
		 SELECT 'old' || lpad(i::text, 9, '0'), 1, CASE WHEN i = 40 THEN 'expired' ELSE 'live' END, 'khac', CASE WHEN i % 2 = 0 THEN ARRAY['kinh-te'] ELSE '{}' END, 't', '', '', 's', '', '{}', '',
		   timestamptz '2026-09-01 00:00+07' + i * interval '1 hour', now(), 1, '' FROM generate_series(1, 40) i`,
	} {
		if _, err := owner.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	id := d.upTo(t, story("Bài mới nhất"), newsroom.StageReleased)
	if _, err := d.WriteFeeds(t.Context(), "event-1", id, d.published(t, id), d.clock.now(), plainly); err != nil {
		t.Fatal(err)
	}
	site, section := d.feed(t, "/rss.xml"), d.feed(t, "/chuyen-muc/kinh-te/rss.xml")
	if len(site) != newsroom.FeedSize || site[0] != id || site[1] != "old000000039" {
		t.Errorf("site feed: %d, %v", len(site), site)
	}
	if len(section) != 20 || section[0] != id || section[1] != "old000000038" { // itself and 19 that are also filed here
		t.Errorf("section feed: %d, %v", len(section), section)
	}
}

func TestFeedKeepsItsDateWhileItsBytesStay(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Bài"), newsroom.StageReleased)
	start := d.clock.now()
	if _, err := d.WriteFeeds(t.Context(), "event-1", id, d.published(t, id), start, plainly); err != nil {
		t.Fatal(err)
	}
	if err := d.RebuildFeeds(t.Context(), plainly, nil); err != nil {
		t.Fatal(err)
	}
	d.clock.forward(time.Hour)
	if err := d.RebuildFeeds(t.Context(), plainly, nil); err != nil {
		t.Fatal(err)
	}
	file, err := d.Feed(t.Context(), "/rss.xml")
	if err != nil || !file.At.Equal(start) {
		t.Errorf("feed of %s, want %s, %v", file.At, start, err)
	}
}
