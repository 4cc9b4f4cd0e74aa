package store_test

import (
	"bytes"
	"strconv"
	"testing"
	"time"

	"toasoan/newsroom"
)

// visitor is a reader as the counters know one.
func visitor(n byte) []byte { return bytes.Repeat([]byte{n}, 16) }

func (d *newsdesk) published(t *testing.T, id string) (n int64) {
	t.Helper()
	if err := d.db.QueryRow(t.Context(), `SELECT max(n) FROM publications WHERE article_id = $1`, id).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func (d *newsdesk) views(t *testing.T, id string) int64 {
	t.Helper()
	views, err := d.ArticleViews(t.Context(), []string{id})
	if err != nil {
		t.Fatal(err)
	}
	return views[id]
}

func TestViewsBatchIsCountedOnce(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Bài được đọc"), newsroom.StageReleased)
	hidden := d.upTo(t, story("Bài chưa đăng"), newsroom.StageAwaitingApproval)
	d.clock.forward(time.Minute)
	now := d.clock.now()
	batch := []newsroom.PageView{
		{ArticleID: id, Visitor: visitor(1), At: now},
		{ArticleID: id, Visitor: visitor(2), At: now},
		{ArticleID: id, Visitor: visitor(1), At: now.Add(time.Second)},
		{Visitor: visitor(3), At: now},
		{ArticleID: hidden, Visitor: visitor(1), At: now},
		{ArticleID: "no0such0one0", Visitor: visitor(1), At: now},
	}
	for range 3 {
		if err := d.ApplyViews(t.Context(), "batch-7", batch); err != nil {
			t.Fatal(err)
		}
	}
	if got := d.views(t, id); got != 3 {
		t.Errorf("%d views, want 3", got)
	}
	if got := d.views(t, hidden); got != 0 {
		t.Errorf("an article that is not public has %d views", got)
	}
	// Another batch of the same views is counted: batches are told apart by their ids alone.
	if err := d.ApplyViews(t.Context(), "batch-8", batch[:1]); err != nil {
		t.Fatal(err)
	}
	if got := d.views(t, id); got != 4 {
		t.Errorf("%d views, want 4", got)
	}
	c, err := d.Counters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c.Online != 3 || c.Today != 3 || c.Week != 3 || c.Month != 3 || c.Total != 3 {
		t.Errorf("counters %+v", c)
	}
}

func TestThirtyMinutesOfSilenceEndAVisit(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	start := d.clock.now()
	see := func(after time.Duration) {
		if err := d.ApplyViews(t.Context(), after.String(), []newsroom.PageView{{Visitor: visitor(1), At: start.Add(after)}}); err != nil {
			t.Fatal(err)
		}
	}
	see(0)
	see(29 * time.Minute)
	see(58 * time.Minute)
	see(10 * time.Minute) // late, from within the visit
	see(90 * time.Minute)
	d.clock.forward(90 * time.Minute)
	c, err := d.Counters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c.Today != 2 || c.Online != 1 {
		t.Errorf("counters %+v, want two visits, one reader", c)
	}
}

func TestViewsAreBucketedByTheirLocalDay(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	// 23:59 and 00:01 in Vietnam between Sunday 1 and Monday 2 November 2026, told hours later.
	before, after := time.Date(2026, 11, 1, 16, 59, 0, 0, time.UTC), time.Date(2026, 11, 1, 17, 1, 0, 0, time.UTC)
	d.clock.forward(after.Sub(d.clock.now()) + 3*time.Hour)
	if err := d.ApplyViews(t.Context(), "batch-1", []newsroom.PageView{{Visitor: visitor(1), At: before}, {Visitor: visitor(2), At: after}}); err != nil {
		t.Fatal(err)
	}
	c, err := d.Counters(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c.Today != 1 || c.Week != 1 || c.Month != 2 || c.Total != 2 || c.Online != 0 {
		t.Errorf("counters %+v", c)
	}
}

func TestTotalStartsFromWhatWasImported(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	if err := d.SaveSetting(t.Context(), d.admin, "counter_baseline", map[string]int64{"total": 7_448_251}); err != nil {
		t.Fatal(err)
	}
	if err := d.ApplyViews(t.Context(), "batch-1", []newsroom.PageView{{Visitor: visitor(1), At: d.clock.now()}}); err != nil {
		t.Fatal(err)
	}
	c, err := d.Counters(t.Context())
	if err != nil || c.Total != 7_448_252 {
		t.Errorf("total %d, %v", c.Total, err)
	}
}

func TestFirstPublicationResetsItsCounterOnce(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Bài mới đăng"), newsroom.StageReleased)
	n := d.published(t, id)
	at := d.clock.now()
	// A reader was quicker than the event.
	if err := d.ApplyViews(t.Context(), "batch-1", []newsroom.PageView{{ArticleID: id, Visitor: visitor(1), At: at}}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		reset, err := d.ResetArticleCounter(t.Context(), "event-1", id, n, at)
		if err != nil {
			t.Fatal(err)
		}
		if reset.Scope != id || reset.Key != strconv.FormatInt(n, 10) {
			t.Errorf("reset %+v", reset)
		}
	}
	if got := d.views(t, id); got != 1 {
		t.Errorf("the reset took a view away: %d", got)
	}
	receipts, err := d.Receipts(t.Context(), id, n)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range receipts {
		if (r.Effect == newsroom.EffectCounters) != (r.At != nil) {
			t.Errorf("receipt %s: %v", r.Effect, r.At)
		}
	}
	if got := d.scalar(t, `SELECT count(*) FROM counter_resets WHERE scope = $1`, id); got != "1" {
		t.Errorf("%s resets", got)
	}
}

func TestRolloverNamesWhatBeginsAndForgetsOldVisitors(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	if err := d.ApplyViews(t.Context(), "batch-1", []newsroom.PageView{{Visitor: visitor(1), At: d.clock.now()}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		at   time.Time
		want []string
	}{
		{time.Date(2026, 10, 2, 17, 0, 1, 0, time.UTC), []string{"day 2026-10-03"}},
		{time.Date(2026, 10, 4, 17, 0, 0, 0, time.UTC), []string{"day 2026-10-05", "week 2026-W41"}},
		{time.Date(2026, 10, 5, 9, 0, 0, 0, time.UTC), []string{"day 2026-10-05", "week 2026-W41"}}, // late, or again: the same
		{time.Date(2026, 10, 31, 17, 0, 0, 0, time.UTC), []string{"day 2026-11-01", "month 2026-11"}},
	} {
		resets, err := d.Rollover(t.Context(), c.at)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range resets {
			got = append(got, r.Scope+" "+r.Key)
		}
		if len(got) != len(c.want) {
			t.Fatalf("%s: %v, want %v", c.at, got, c.want)
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: %v, want %v", c.at, got, c.want)
			}
		}
	}
	if got := d.scalar(t, `SELECT count(*) FROM visitors`); got != "0" {
		t.Errorf("%s visitors are remembered after a day", got)
	}
	if got := d.scalar(t, `SELECT sum(visits)::bigint FROM site_views`); got != "1" {
		t.Errorf("%s visits after the rollover", got)
	}
}

func TestStatisticsCoverThirtyDays(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Bài được đọc nhiều"), newsroom.StageReleased)
	if err := d.ApplyViews(t.Context(), "batch-1", []newsroom.PageView{{ArticleID: id, Visitor: visitor(1), At: d.clock.now()}}); err != nil {
		t.Fatal(err)
	}
	s, err := d.Statistics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Days) != 30 || s.Days[29].Views != 1 || s.Days[29].Date != newsroom.DateOf(d.clock.now()) || s.Days[0].Views != 0 {
		t.Errorf("days %v", s.Days)
	}
	if len(s.MostRead) != 1 || s.MostRead[0].ID != id || s.MostRead[0].Views != 1 || s.Published != 1 || len(s.Sections) != 1 {
		t.Errorf("statistics %+v", s)
	}
}
