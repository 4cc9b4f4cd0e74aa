package store

import (
	"errors"
	"slices"
	"testing"
	"time"

	"toasoan/newsroom"
)

func at(day, clock string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04", day+" "+clock, newsroom.Zone)
	if err != nil {
		panic(err)
	}
	return t
}

func TestCutsFollowTheCalendar(t *testing.T) {
	t.Parallel()
	cal := newsroom.DefaultCalendar()
	names := func(now time.Time) (list []string) {
		for _, c := range cuts(cal, digestHour, now) {
			list = append(list, c.period())
		}
		return list
	}
	// Friday 27/11/2026 before and after five, then the Monday after.
	if got := names(at("2026-11-27", "16:59")); slices.Contains(got, "daily/2026-11-27") || slices.Contains(got, "weekly/2026-11-27") {
		t.Errorf("before the hour: %v", got)
	}
	if got := names(at("2026-11-27", "17:00")); !slices.Contains(got, "daily/2026-11-27") || !slices.Contains(got, "weekly/2026-11-27") {
		t.Errorf("at the hour: %v", got)
	}
	if got := names(at("2026-11-29", "20:00")); slices.Contains(got, "daily/2026-11-28") || slices.Contains(got, "daily/2026-11-29") || !slices.Contains(got, "daily/2026-11-27") {
		t.Errorf("on a Sunday: %v", got)
	}
	for _, c := range cuts(cal, digestHour, at("2026-11-30", "18:00")) {
		if c.period() == "daily/2026-11-30" && (!c.from.Equal(at("2026-11-27", "17:00")) || !c.to.Equal(at("2026-11-30", "17:00"))) {
			t.Errorf("Monday covers %s to %s: the weekend is lost", c.from, c.to)
		}
	}
	// Friday is a holiday: the week ends on Thursday.
	cal.Days[newsroom.Date{Year: 2026, Month: 11, Day: 27}] = newsroom.DayOff
	if got := names(at("2026-11-26", "17:30")); !slices.Contains(got, "weekly/2026-11-26") {
		t.Errorf("a week that ends on Thursday: %v", got)
	}
	// A swapped Saturday: the week ends there.
	cal.Days[newsroom.Date{Year: 2026, Month: 11, Day: 28}] = newsroom.DayWorking
	if got := names(at("2026-11-28", "17:30")); !slices.Contains(got, "weekly/2026-11-28") || slices.Contains(got, "weekly/2026-11-26") {
		t.Errorf("a week that ends on Saturday: %v", got)
	}
}

// at subscribes somebody to sections at a cadence.
func (h *mailHouse) at(cadence newsroom.Cadence, email string, sections ...string) string {
	h.t.Helper()
	r := request(email, sections...)
	r.Cadence = cadence
	id, err := h.Subscribe(h.t.Context(), r)
	if err != nil {
		h.t.Fatal(err)
	}
	if _, err := h.Confirm(h.t.Context(), h.keys.Token(PurposeConfirm, id, 1), newsroom.Proof{}); err != nil {
		h.t.Fatal(err)
	}
	return id
}

func TestDigestsGoToEachPersonOnceADay(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t) // Monday 23/11/2026, 09:00
	ctx := t.Context()
	one := h.at(newsroom.CadenceDaily, "one@example.vn", "kinh-te")
	both := h.at(newsroom.CadenceDaily, "both@example.vn", "thong-bao", "kinh-te")
	other := h.at(newsroom.CadenceDaily, "other@example.vn", "thong-bao")
	h.at(newsroom.CadenceWeekly, "weekly@example.vn", "kinh-te")
	h.subscribe("instant@example.vn", "kinh-te")
	h.later(time.Hour)
	h.publish("article00001", 1, 1, "published", newsroom.ChangeNew)
	h.publish("article00002", 1, 1, "published", newsroom.ChangeNew)
	if ids, err := h.OpenDigests(ctx, h.now()); err != nil || len(ids) != 0 {
		t.Fatalf("before the hour: %v, %v", ids, err)
	}
	h.later(7 * time.Hour) // 17:00
	ids, err := h.OpenDigests(ctx, h.now())
	if err != nil || len(ids) != 2 { // nothing was published under thong-bao alone
		t.Fatalf("opened %v, %v", ids, err)
	}
	if again, err := h.OpenDigests(ctx, h.now()); err != nil || len(again) != 0 {
		t.Fatalf("opened again %v, %v", again, err)
	}
	got := map[string]int{}
	for _, id := range ids {
		view, err := h.IssueView(ctx, id)
		if err != nil || len(view.Items) != 2 || view.Items[0].Section != "Kinh tế" || view.Items[0].URL == "" {
			t.Fatalf("view %+v, %v", view.Items, err)
		}
		if err := h.KeepMaster(ctx, id, "s", "h", "t", "x"); err != nil {
			t.Fatal(err)
		}
		if err := h.FreezeRecipients(ctx, id); err != nil {
			t.Fatal(err)
		}
		rows, _, err := h.DeliveryRows(ctx, id, newsroom.DeliveryFilter{Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			got[r.SubscriberID]++
		}
	}
	if len(got) != 2 || got[one] != 1 || got[both] != 1 || got[other] != 0 {
		t.Errorf("mails per person: %v", got)
	}
}

func TestDigestLeavesOutAndStopsForWhatIsWithdrawn(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	id := h.at(newsroom.CadenceDaily, "one@example.vn", "kinh-te")
	h.later(time.Hour)
	h.publish("article00001", 1, 1, "published", newsroom.ChangeNew)
	h.publish("article00002", 1, 1, "published", newsroom.ChangeNew)
	h.later(7 * time.Hour)
	ids, err := h.OpenDigests(ctx, h.now())
	if err != nil || len(ids) != 1 {
		t.Fatalf("opened %v, %v", ids, err)
	}
	h.exec(`UPDATE live_articles SET public = 'withdrawn' WHERE article_id = 'article00002'`)
	if st := h.ready(ids[0]); st.Counts.Candidates != 1 {
		t.Fatalf("frozen %+v", st)
	}
	if view, err := h.IssueView(ctx, ids[0]); err != nil || len(view.Items) != 1 {
		t.Errorf("the digest lists %d articles, %v", len(view.Items), err)
	}
	lease, rows := h.take(ids[0], 10)
	h.publish("article00001", 1, 2, "withdrawn", "")
	if out := h.mail("article00001", 2, "withdrawn", ""); !slices.Equal(out.Stopped, ids) {
		t.Fatalf("stopped %v", out.Stopped)
	}
	if got := h.commit(ctx, h.entry(ids[0], rows[0], lease, newsroom.DeliveryDot)); got[0] != newsroom.DeliveryCancelled {
		t.Errorf("a dot after the withdrawal: %v", got)
	}
	if err := h.ResumeIssue(ctx, h.admin, ids[0]); !errors.Is(err, newsroom.ErrConflict) {
		t.Errorf("a digest of a withdrawn article goes on: %v", err)
	}
	// One-click on a digest ends the sections at its cadence, nothing else.
	token := h.leaveToken(ids[0], id, 1)
	again := request("one@example.vn", "thong-bao")
	if _, err := h.Subscribe(ctx, again); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Confirm(ctx, h.keys.Token(PurposeConfirm, id, 1), newsroom.Proof{}); err != nil {
		t.Fatal(err)
	}
	if l, err := h.Leave(ctx, token, false, newsroom.Proof{}); err != nil || l.Still || l.Rest != 1 || l.State != newsroom.SubscriberConfirmed {
		t.Errorf("left %+v, %v", l, err)
	}
}

func TestDigestOfNothingIsStopped(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	h.at(newsroom.CadenceDaily, "one@example.vn", "kinh-te")
	h.later(time.Hour)
	h.publish("article00001", 1, 1, "published", newsroom.ChangeNew)
	h.later(7 * time.Hour)
	ids, err := h.OpenDigests(t.Context(), h.now())
	if err != nil || len(ids) != 1 {
		t.Fatalf("opened %v, %v", ids, err)
	}
	h.exec(`UPDATE live_articles SET public = 'taken_down'`)
	if _, err := h.IssueView(t.Context(), ids[0]); !errors.Is(err, newsroom.ErrConflict) {
		t.Errorf("view of nothing: %v", err)
	}
	if status := h.text(`SELECT status FROM mail_issues`); status != newsroom.IssueAborted {
		t.Errorf("the digest is %s", status)
	}
}
