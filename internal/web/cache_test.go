package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"toasoan/events"
	"toasoan/newsroom"
)

func TestKeptPagesAreEmptiedByEvents(t *testing.T) {
	t.Parallel()
	for _, event := range []events.Event{
		events.Article{ArticleID: "x", N: 1, At: friday}.With("published"), events.Article{ArticleID: "x", N: 2, At: friday}.With("withdrawn"),
		events.FeedRegenerated{ArticleID: "x", N: 1, At: friday},
	} {
		t.Run(event.Type(), func(t *testing.T) {
			t.Parallel()
			n := newNewsstand(t)
			n.run()
			n.publish("", friday, newsroom.Content{Title: "Tin thứ nhất", Body: "<p>a</p>"})
			n.eventually("the first article stands on the front page", func() bool {
				return strings.Contains(n.get("/", http.StatusOK).Body.String(), "Tin thứ nhất")
			})
			// Straight into the table: nobody is told but by the event.
			n.exec(`UPDATE live_articles SET title = 'Tin đã đổi'`)
			if !strings.Contains(n.get("/", http.StatusOK).Body.String(), "Tin thứ nhất") {
				t.Fatal("the page was not kept")
			}
			envelope, err := events.Wrap(event)
			if err != nil {
				t.Fatal(err)
			}
			n.bus.each(envelope)
			if !strings.Contains(n.get("/", http.StatusOK).Body.String(), "Tin đã đổi") {
				t.Error("the page is old after the event")
			}
		})
	}
}

func TestKeptPagesAreEmptiedWhenEventsMayBeMissing(t *testing.T) {
	t.Parallel()
	n := newNewsstand(t)
	n.run()
	n.publish("", friday, newsroom.Content{Title: "Tin thứ nhất", Body: "<p>a</p>"})
	n.forgetPages()
	n.get("/", http.StatusOK)
	n.exec(`UPDATE live_articles SET title = 'Tin đã đổi'`)
	n.bus.lost()
	if !strings.Contains(n.get("/", http.StatusOK).Body.String(), "Tin đã đổi") {
		t.Error("the page is old after a gap")
	}
}

func TestVersionIsPolledWhileNATSIsAway(t *testing.T) {
	t.Parallel()
	n := newNewsstand(t)
	n.bus.down = true
	id := n.publish("", friday, newsroom.Content{Title: "Tin", Body: "<p>bí mật</p>"})
	n.run()
	path := "/tin/tin-" + id
	n.get(path, http.StatusOK)
	n.turn(id, newsroom.PublicWithdrawn)
	n.eventually("the withdrawn article is gone", func() bool {
		return !strings.Contains(n.get(path, http.StatusOK).Body.String(), "bí mật")
	})
}

func TestNumbersAreReadAnewAfterAWhile(t *testing.T) {
	t.Parallel()
	n := newNewsstand(t)
	id := n.publish("", friday, newsroom.Content{Title: "Tin", Body: "<p>a</p>"})
	path := "/tin/tin-" + id
	first := n.get(path, http.StatusOK)
	n.get(path, http.StatusNotModified, "If-None-Match", first.Header().Get("ETag"))
	n.exec(`INSERT INTO article_views (article_id, n, day, views) VALUES ('` + id + `', 1, '2026-10-02', 1204)`)
	n.exec(`INSERT INTO site_views (day, views, visits) VALUES ('2026-10-02', 900, 431)`)
	if body := n.get(path, http.StatusOK).Body.String(); !strings.Contains(body, "Lượt xem: 0<") {
		t.Error("the numbers were read again at once")
	}
	n.exec(`UPDATE live_articles SET title = 'Đổi mà không báo'`)
	n.clock.forward(slotsFor)
	second := n.get(path, http.StatusOK, "If-None-Match", first.Header().Get("ETag"))
	body := second.Body.String()
	if !strings.Contains(body, "Lượt xem: 1.204<") || !strings.Contains(body, "<dd>431</dd>") {
		t.Error("the numbers are old")
	}
	if strings.Contains(body, "Đổi mà không báo") {
		t.Error("the page was rendered anew for a number")
	}
	if unpacked(t, n.get(path, http.StatusOK, "Accept-Encoding", "br")) != body || unpacked(t, n.get(path, http.StatusOK, "Accept-Encoding", "gzip")) != body {
		t.Error("the packed forms differ from the page")
	}
}

func TestPagesChangeAtMidnight(t *testing.T) {
	t.Parallel()
	n := newNewsstand(t)
	n.publish("", friday, newsroom.Content{Title: "Tin", Body: "<p>a</p>"})
	n.get("/", http.StatusOK)
	n.clock.forward(9 * time.Hour)
	if !strings.Contains(n.get("/", http.StatusOK).Body.String(), "Thứ Bảy, ngày 03 tháng 10 năm 2026") {
		t.Error("the front page shows yesterday's date")
	}
}

func TestQueriesOfStrangersDoNotFillTheCache(t *testing.T) {
	t.Parallel()
	n := newNewsstand(t)
	n.publish("", friday, newsroom.Content{Title: "Tin", Body: "<p>a</p>"})
	for i := range 20 {
		body := n.get(fmt.Sprintf("/?utm_source=%d&x=%d", i, i), http.StatusOK).Body.String()
		if strings.Contains(body, "utm_source") {
			t.Fatal("a stranger's query stands in a page for everybody")
		}
	}
	if got := len(n.portal.pages.byKey); got != 1 {
		t.Errorf("%d pages are kept", got)
	}
}

func TestCacheMakesAPageOnceForMany(t *testing.T) {
	t.Parallel()
	c := newPageCache(1 << 20)
	var made atomic.Int32
	release := make(chan struct{})
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			_, err := c.get(t.Context(), "k", newsroom.Date{}, func(context.Context) (*answerKept, int, error) {
				made.Add(1)
				<-release
				return &answerKept{}, 10, nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	for made.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	close(release)
	group.Wait()
	if n := made.Load(); n != 1 {
		t.Errorf("made %d times", n)
	}
}

func TestCacheDoesNotBringBackWhatWasEmptied(t *testing.T) {
	t.Parallel()
	c := newPageCache(1 << 20)
	_, err := c.get(t.Context(), "k", newsroom.Date{}, func(context.Context) (*answerKept, int, error) {
		c.empty() // an event comes while the page is being made
		return &answerKept{}, 10, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found, _ := c.find("k"); found != nil {
		t.Error("an answer from before the event is kept")
	}
}

func TestCacheStaysWithinItsBound(t *testing.T) {
	t.Parallel()
	c := newPageCache(1000)
	put := func(key string, size int) {
		_, err := c.get(t.Context(), key, newsroom.Date{}, func(context.Context) (*answerKept, int, error) { return &answerKept{}, size, nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range 20 {
		put(fmt.Sprint(i), 100)
		put("0", 100)
	}
	if c.size > 1000 || len(c.byKey) != 10 || c.order.Len() != 10 {
		t.Errorf("%d bytes in %d entries", c.size, len(c.byKey))
	}
	if found, _ := c.find("0"); found == nil {
		t.Error("what is asked for again and again was dropped")
	}
	put("huge", 600)
	if found, _ := c.find("huge"); found != nil {
		t.Error("one answer may take the whole cache")
	}
	failed := errors.New("away")
	if _, err := c.get(t.Context(), "bad", newsroom.Date{}, func(context.Context) (*answerKept, int, error) { return nil, 0, failed }); !errors.Is(err, failed) {
		t.Errorf("error %v", err)
	}
	if found, _ := c.find("bad"); found != nil {
		t.Error("a failure is kept")
	}
}

func TestSlotsAreNobodysWords(t *testing.T) {
	t.Parallel()
	n := newNewsstand(t)
	id := n.publish("", friday, newsroom.Content{Title: "slot views [[slot:total]]", Slug: "a", Body: "<p>slotxvivxslot</p>"})
	body := n.get("/tin/a-"+id, http.StatusOK).Body.String()
	if !strings.Contains(body, "[[slot:total]]") || strings.Contains(body, slotBegin) || strings.Contains(body, slotEnd) {
		t.Error("slots and words are mixed up")
	}
}
