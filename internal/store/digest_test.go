package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

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
		for _, c := range cuts(cal, nil, now) {
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
	for _, c := range cuts(cal, nil, at("2026-11-30", "18:00")) {
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
	if _, err := h.Confirm(h.t.Context(), h.confirmation(id), newsroom.Proof{}); err != nil {
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
	if _, err := h.Confirm(ctx, h.confirmation(id), newsroom.Proof{}); err != nil {
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

// told makes a digest's mails and sends them all but the last left.
func (h *mailHouse) told(id string, left int) []string {
	h.t.Helper()
	if _, err := h.IssueView(h.t.Context(), id); err != nil {
		h.t.Fatal(err)
	}
	h.ready(id)
	h.sendAll(id, left)
	return h.holders(id, "sent")
}

// holders are the readers whose rows of an issue are in state, "" any.
func (h *mailHouse) holders(id, state string) (ids []string) {
	h.t.Helper()
	rows, _ := h.raw.Query(h.t.Context(), `SELECT subscriber_id FROM mail_recipients WHERE issue_id = $1 AND ($2 = '' OR state = $2) ORDER BY 1`, id, state)
	ids, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		h.t.Fatal(err)
	}
	return ids
}

// Whoever changes the cadence between two mails reads no article twice and misses none: instant to daily, daily to weekly, left
// and back.
func TestChangingCadenceBringsNoArticleTwice(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t) // Monday 23/11/2026, 09:00
	ctx := t.Context()
	steady := h.at(newsroom.CadenceDaily, "steady@example.vn", "kinh-te")
	h.later(24 * time.Hour) // Tuesday
	instant := h.at(newsroom.CadenceInstant, "instant@example.vn", "kinh-te")
	weekly := h.at(newsroom.CadenceDaily, "weekly@example.vn", "kinh-te")
	h.later(time.Minute)
	h.publish("article00001", 1, 1, "published", newsroom.ChangeNew)
	first := h.mail("article00001", 1, "published", newsroom.ChangeNew).Issues[0]
	h.told(first, 0)
	h.later(2 * time.Hour)
	to := func(id string, c newsroom.Cadence) {
		t.Helper()
		if _, err := h.SetPreferences(ctx, h.keys.Token(PurposePrefs, id, 1), []newsroom.Subscription{{Section: "kinh-te", Cadence: c}}, "", newsroom.Proof{}); err != nil {
			t.Fatal(err)
		}
	}
	to(instant, newsroom.CadenceDaily)
	h.later(time.Hour)
	h.publish("article00002", 1, 1, "published", newsroom.ChangeNew)
	got := map[string][]string{}
	cut := func() {
		t.Helper()
		ids, err := h.OpenDigests(ctx, h.now())
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			for _, who := range h.told(id, 0) {
				view, err := h.IssueView(ctx, id)
				if err != nil {
					t.Fatal(err)
				}
				for _, item := range view.Items {
					got[who] = append(got[who], item.URL[strings.LastIndexByte(item.URL, '-')+1:])
				}
			}
		}
	}
	h.later(5 * time.Hour) // Tuesday 17:00
	cut()
	h.later(18 * time.Hour) // Wednesday 11:00
	to(weekly, newsroom.CadenceWeekly)
	h.publish("article00003", 1, 1, "published", newsroom.ChangeNew)
	h.later(54 * time.Hour) // Friday 17:00
	cut()
	for who, want := range map[string][]string{
		steady:  {"article00001", "article00002", "article00003"},
		instant: {"article00002", "article00003"}, // the first came at once
		weekly:  {"article00001", "article00002", "article00003"},
	} {
		slices.Sort(got[who])
		if !slices.Equal(got[who], want) {
			t.Errorf("%s got %v, want %v", who, got[who], want)
		}
	}
}

// A digest lists the newest articles and says how many it does not list.
func TestADigestSaysWhatItLeavesOut(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	h.at(newsroom.CadenceDaily, "steady@example.vn", "kinh-te")
	changed := h.at(newsroom.CadenceWeekly, "changed@example.vn", "kinh-te")
	h.till("2026-11-23", "17:01")
	h.read(map[string][]string{})
	h.later(time.Hour)
	const most = digestMost + 3
	for n := range most {
		h.publish(fmt.Sprintf("article%05d", n), 1, 1, "published", newsroom.ChangeNew)
		h.later(time.Minute)
	}
	if _, err := h.SetPreferences(ctx, h.keys.Token(PurposePrefs, changed, 1), []newsroom.Subscription{{Section: "kinh-te", Cadence: newsroom.CadenceDaily}}, "", newsroom.Proof{}); err != nil {
		t.Fatal(err)
	}
	h.till("2026-11-24", "17:01")
	ids, err := h.OpenDigests(ctx, h.now())
	if err != nil || len(ids) != 2 {
		t.Fatalf("opened %v, %v", ids, err)
	}
	for _, id := range ids {
		v, err := h.IssueView(ctx, id)
		if err != nil || len(v.Items) != digestMost || v.More != most-digestMost || !strings.HasSuffix(v.Items[0].URL, fmt.Sprintf("article%05d", most-1)) {
			t.Errorf("%d listed, %d more, %v", len(v.Items), v.More, err)
		}
	}
}

// Whoever changes from digests to mails at once is told in the evening what was published until then, and nothing that came at once.
func TestChangingToAtOnceMissesNothing(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t) // Monday 23/11/2026, 09:00
	ctx := t.Context()
	daily := h.at(newsroom.CadenceDaily, "daily@example.vn", "kinh-te", "thong-bao")
	weekly := h.at(newsroom.CadenceWeekly, "weekly@example.vn", "kinh-te")
	always := h.at(newsroom.CadenceInstant, "always@example.vn", "kinh-te")
	got := map[string][]string{}
	publish := func(article string) {
		t.Helper()
		h.publish(article, 1, 1, "published", newsroom.ChangeNew)
		for _, id := range h.mail(article, 1, "published", newsroom.ChangeNew).Issues {
			h.ready(id)
			for _, who := range h.told(id, 0) {
				got[who] = append(got[who], article)
			}
		}
	}
	h.till("2026-11-23", "17:01")
	h.read(got)
	h.till("2026-11-24", "09:00")
	publish("article00001")
	h.later(time.Hour)
	for who, lists := range map[string][]newsroom.Subscription{
		daily:  {{Section: "kinh-te", Cadence: newsroom.CadenceInstant}, {Section: "thong-bao", Cadence: newsroom.CadenceDaily}},
		weekly: {{Section: "kinh-te", Cadence: newsroom.CadenceInstant}},
		always: {{Section: "kinh-te", Cadence: newsroom.CadenceInstant}, {Section: "thong-bao", Cadence: newsroom.CadenceInstant}},
	} {
		if _, err := h.SetPreferences(ctx, h.keys.Token(PurposePrefs, who, 1), lists, "", newsroom.Proof{}); err != nil {
			t.Fatal(err)
		}
	}
	h.later(time.Minute)
	fresh := h.at(newsroom.CadenceInstant, "fresh@example.vn", "kinh-te")
	h.later(time.Hour)
	publish("article00002")
	for _, day := range []string{"2026-11-24", "2026-11-25", "2026-11-27"} {
		h.till(day, "17:01")
		h.read(got)
		h.read(got)
	}
	for who, want := range map[string][]string{
		daily: {"article00002", "article00001"}, weekly: {"article00002", "article00001"}, // in the evening
		always: {"article00001", "article00002"}, fresh: {"article00002"},
	} {
		if !slices.Equal(got[who], want) {
			t.Errorf("%s was told %v, want %v", who, got[who], want)
		}
	}
	// It is a digest of theirs: its link ends what they get now.
	digest := h.text(`SELECT id FROM mail_issues WHERE kind = 'digest' AND period LIKE 'instant/%' LIMIT 1`)
	left, err := h.Leave(ctx, h.leaveToken(digest, weekly, 1), false, newsroom.Proof{})
	if err != nil || left.Still || h.value(`SELECT count(*) FROM subscriptions WHERE subscriber_id = '`+weekly+`'`) != 0 {
		t.Errorf("leaving by it: %+v, %v", left, err)
	}
}

// Whoever always got mails at once and leaves one list, or takes one more, is owed no digest of the others: what was stopped stays stopped.
func TestWhoLeavesAListIsOwedNoDigestOfTheOthers(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t) // Monday 23/11/2026, 09:00
	ctx := t.Context()
	lists := map[string][]newsroom.Subscription{}
	for _, email := range []string{"link@example.vn", "preferences@example.vn", "more@example.vn"} {
		sections := []string{"kinh-te", "thong-bao"}
		keep := []newsroom.Subscription{{Section: "kinh-te", Cadence: newsroom.CadenceInstant}}
		if email == "more@example.vn" {
			sections = sections[:1]
			keep = append(keep, newsroom.Subscription{Section: "thong-bao", Cadence: newsroom.CadenceInstant})
		}
		lists[h.at(newsroom.CadenceInstant, email, sections...)] = keep
	}
	h.till("2026-11-23", "17:01")
	h.read(map[string][]string{})
	h.till("2026-11-24", "09:00")
	h.publish("article00001", 1, 1, "published", newsroom.ChangeNew)
	issue := h.mail("article00001", 1, "published", newsroom.ChangeNew).Issues[0]
	h.ready(issue)
	if err := h.StopIssue(ctx, h.admin, issue); err != nil {
		t.Fatal(err)
	}
	if _, err := h.CloseIssue(ctx, issue); err != nil {
		t.Fatal(err)
	}
	h.later(time.Hour)
	for who, keep := range lists {
		if h.text(`SELECT email FROM subscribers WHERE id = $1`, who) == "link@example.vn" {
			if err := h.leaveLists(ctx, who, []string{"thong-bao"}, "", newsroom.Proof{}); err != nil {
				t.Fatal(err)
			}
		} else if _, err := h.SetPreferences(ctx, h.keys.Token(PurposePrefs, who, 1), keep, "", newsroom.Proof{}); err != nil {
			t.Fatal(err)
		}
	}
	h.till("2026-11-24", "17:01")
	got := map[string][]string{}
	if h.read(got); len(got) > 0 {
		t.Errorf("told %v", got)
	}
}

// A correction reaches who read the wrong text in a digest, also while the digest still goes out; the rest get the digest anew, with
// the right text, and nobody gets both.
func TestCorrectionFollowsDigests(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	for k := range 5 {
		h.at(newsroom.CadenceDaily, fmt.Sprintf("daily%d@example.vn", k), "kinh-te")
	}
	bystander := h.at(newsroom.CadenceDaily, "other@example.vn", "thong-bao")
	h.later(24 * time.Hour)
	h.publish("article00001", 1, 1, "published", newsroom.ChangeNew)
	h.ready(h.mail("article00001", 1, "published", newsroom.ChangeNew).Issues[0])
	h.later(8 * time.Hour)
	ids, err := h.OpenDigests(ctx, h.now())
	if err != nil || len(ids) != 1 {
		t.Fatalf("opened %v, %v", ids, err)
	}
	wrong := h.told(ids[0], 2) // three have it, two are claimed
	if len(wrong) != 3 {
		t.Fatalf("%d got the digest", len(wrong))
	}
	h.publish("article00001", 2, 2, "corrected", newsroom.ChangeCorrection)
	out := h.mail("article00001", 2, "corrected", newsroom.ChangeCorrection)
	if !slices.Contains(out.Stopped, ids[0]) {
		t.Fatalf("the digest with the wrong text goes on: %+v", out)
	}
	kinds := map[string][]string{}
	for _, id := range out.Issues {
		if _, err := h.IssueView(ctx, id); err != nil {
			t.Fatal(err)
		}
		h.ready(id)
		kind := h.text(`SELECT kind FROM mail_issues WHERE id = '` + id + `'`)
		kinds[kind] = append(kinds[kind], h.holders(id, "")...)
	}
	if !slices.Equal(kinds["correction"], wrong) {
		t.Errorf("the correction goes to %v, want %v", kinds["correction"], wrong)
	}
	if len(kinds["digest"]) != 2 || slices.ContainsFunc(kinds["digest"], func(id string) bool { return slices.Contains(wrong, id) || id == bystander }) {
		t.Errorf("the digest goes out anew to %v", kinds["digest"])
	}
	if err := h.ResumeIssue(ctx, h.admin, ids[0]); !errors.Is(err, newsroom.ErrConflict) {
		t.Errorf("the wrong digest is mailed on: %v", err)
	}
	// What told the right text needs no correction: the next one reaches the three and the two, each once.
	for _, id := range out.Issues {
		if len(h.holders(id, "")) > 0 {
			h.sendAll(id, 0)
		}
	}
	h.publish("article00001", 3, 3, "corrected", newsroom.ChangeCorrection)
	last := h.mail("article00001", 3, "corrected", newsroom.ChangeCorrection)
	second := h.text(`SELECT id FROM mail_issues WHERE kind = 'correction' AND n = 3`)
	h.ready(second)
	if all := h.holders(second, ""); len(all) != 5 || !slices.Contains(last.Issues, second) {
		t.Errorf("the second correction goes to %v, want all five", all)
	}
}

// An article that is withdrawn does not take its digest with it: who has not got it yet gets the rest, once, and a digest that waited
// for a person waits on.
func TestADigestOutlivesOneOfItsArticles(t *testing.T) {
	t.Parallel()
	for _, paused := range []bool{false, true} {
		h := newMailHouse(t)
		ctx := t.Context()
		for k := range 3 {
			h.at(newsroom.CadenceDaily, fmt.Sprintf("daily%d@example.vn", k), "kinh-te")
		}
		h.later(time.Hour)
		h.publish("article00001", 1, 1, "published", newsroom.ChangeNew)
		h.publish("article00002", 1, 1, "published", newsroom.ChangeNew)
		h.later(7 * time.Hour)
		ids, err := h.OpenDigests(ctx, h.now())
		if err != nil || len(ids) != 1 {
			t.Fatalf("opened %v, %v", ids, err)
		}
		have := h.told(ids[0], 2)
		if paused {
			if err := h.HoldIssue(ctx, ids[0], "gate:spf", h.now()); err != nil {
				t.Fatal(err)
			}
		}
		h.publish("article00002", 1, 2, "withdrawn", "")
		out := h.mail("article00002", 2, "withdrawn", "")
		again := h.mail("article00002", 2, "withdrawn", "")
		if !slices.Equal(out.Stopped, ids) || len(out.Issues) != 1 || !slices.Equal(out.Issues, again.Issues) {
			t.Fatalf("withdrawn: %+v, again %+v", out, again)
		}
		if st, err := h.CloseIssue(ctx, ids[0]); err != nil || st.Counts.Cancelled != 2 {
			t.Errorf("closed %+v, %v", st, err)
		}
		if err := h.ResumeIssue(ctx, h.admin, ids[0]); !errors.Is(err, newsroom.ErrConflict) {
			t.Errorf("both digests go out: %v", err)
		}
		rest := out.Issues[0]
		if status := h.text(`SELECT status FROM mail_issues WHERE id = $1`, rest); (status == newsroom.IssuePaused) != paused {
			t.Errorf("the rest is %s", status)
		}
		if paused {
			if err := h.ResumeIssue(ctx, h.admin, rest); err != nil {
				t.Fatal(err)
			}
		}
		told := h.told(rest, 0)
		if view, err := h.IssueView(ctx, rest); err != nil || len(view.Items) != 1 || len(told) != 2 || slices.Contains(told, have[0]) {
			t.Errorf("the rest tells %d articles to %v, %v", len(view.Items), told, err)
		}
		// The second article goes too: nothing is left to tell, and nothing is opened.
		h.publish("article00001", 1, 2, "taken_down", "")
		if last := h.mail("article00001", 2, "taken_down", ""); len(last.Issues) != 0 {
			t.Errorf("opened %v to tell nothing", last.Issues)
		}
	}
}

// A correction may move an article to another section: who has read it finds it in no digest of that section, the others of that digest
// do; and its leave link ends the list that brought it.
func TestAnArticleThatMovedIsToldOnce(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t) // Monday 23/11/2026, 09:00
	ctx := t.Context()
	both := h.subscribe("both@example.vn", "kinh-te")
	if _, err := h.SetPreferences(ctx, h.keys.Token(PurposePrefs, both, 1), []newsroom.Subscription{
		{Section: "kinh-te", Cadence: newsroom.CadenceInstant}, {Section: "thong-bao", Cadence: newsroom.CadenceDaily},
	}, "", newsroom.Proof{}); err != nil {
		t.Fatal(err)
	}
	only := h.subscribe("only@example.vn", "kinh-te")
	daily := h.at(newsroom.CadenceDaily, "daily@example.vn", "thong-bao")
	h.later(9 * time.Hour)
	if _, err := h.OpenDigests(ctx, h.now()); err != nil {
		t.Fatal(err)
	}
	h.later(15 * time.Hour) // Tuesday
	h.publish("article00001", 1, 1, "published", newsroom.ChangeNew)
	h.told(h.mail("article00001", 1, "published", newsroom.ChangeNew).Issues[0], 0)
	h.publish("article00002", 1, 1, "published", newsroom.ChangeNew)
	h.exec(`UPDATE live_articles SET section_id = 'thong-bao'`)
	h.publish("article00001", 2, 2, "corrected", newsroom.ChangeCorrection)
	out := h.mail("article00001", 2, "corrected", newsroom.ChangeCorrection)
	if got := h.told(out.Issues[0], 0); len(got) != 2 {
		t.Fatalf("the correction went to %v", got)
	}
	if l, err := h.Leave(ctx, h.leaveToken(out.Issues[0], only, 1), false, newsroom.Proof{Source: "one_click"}); err != nil || l.Still ||
		h.value(`SELECT count(*) FROM subscriptions WHERE subscriber_id = $1`, only) != 0 {
		t.Errorf("left from the correction: %+v, %v", l, err)
	}
	h.later(9 * time.Hour)
	ids, err := h.OpenDigests(ctx, h.now())
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]int{}
	for _, id := range ids {
		for _, who := range h.told(id, 0) {
			view, err := h.IssueView(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			told[who] += len(view.Items)
		}
	}
	if len(told) != 2 || told[daily] != 2 || told[both] != 1 {
		t.Errorf("articles told by digest: %v", told)
	}
}

// A correction that moves an article out of the section of a digest that still goes out: the digest goes on anew to all who have not got
// it, whoever else was told some of it elsewhere since it was opened.
func TestADigestOutlivesAMove(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	for k := range 4 {
		h.at(newsroom.CadenceDaily, fmt.Sprintf("daily%d@example.vn", k), "kinh-te")
	}
	both := h.subscribe("both@example.vn", "thong-bao")
	if _, err := h.SetPreferences(ctx, h.keys.Token(PurposePrefs, both, 1), []newsroom.Subscription{
		{Section: "thong-bao", Cadence: newsroom.CadenceInstant}, {Section: "kinh-te", Cadence: newsroom.CadenceDaily},
	}, "", newsroom.Proof{}); err != nil {
		t.Fatal(err)
	}
	h.later(9 * time.Hour)
	if _, err := h.OpenDigests(ctx, h.now()); err != nil {
		t.Fatal(err)
	}
	h.later(15 * time.Hour)
	for k := 1; k <= 3; k++ {
		h.publish(fmt.Sprintf("article0000%d", k), 1, 1, "published", newsroom.ChangeNew)
	}
	h.exec(`UPDATE live_articles SET section_id = 'thong-bao' WHERE article_id = 'article00003'`)
	h.told(h.mail("article00003", 1, "published", newsroom.ChangeNew).Issues[0], 0)
	h.later(9 * time.Hour)
	ids, err := h.OpenDigests(ctx, h.now())
	if err != nil || len(ids) != 1 {
		t.Fatalf("opened %v, %v", ids, err)
	}
	have := h.told(ids[0], 4)
	// Into the digest's section what one of its readers was told elsewhere, and out of it what the digest tells.
	h.exec(`UPDATE live_articles SET section_id = 'kinh-te' WHERE article_id = 'article00003'`)
	h.publish("article00003", 2, 2, "corrected", newsroom.ChangeCorrection)
	h.mail("article00003", 2, "corrected", newsroom.ChangeCorrection)
	h.exec(`UPDATE live_articles SET section_id = 'thong-bao' WHERE article_id = 'article00001'`)
	h.publish("article00001", 2, 2, "corrected", newsroom.ChangeCorrection)
	for _, id := range h.mail("article00001", 2, "corrected", newsroom.ChangeCorrection).Issues {
		kind := h.text(`SELECT kind FROM mail_issues WHERE id = $1`, id)
		if kind == newsroom.IssueArticle {
			continue
		}
		if _, err := h.IssueView(ctx, id); err != nil {
			t.Fatal(err)
		}
		h.ready(id)
		to := h.holders(id, "")
		if want := map[string]int{newsroom.IssueDigest: 4, newsroom.IssueCorrection: 1}[kind]; len(to) != want || slices.Contains(to, have[0]) != (kind == newsroom.IssueCorrection) {
			t.Errorf("the %s goes to %v", kind, to)
		}
	}
}

// Two articles of a digest are withdrawn at the same moment: the digest that the first withdrawal opens, and the second does not see, is
// not mailed with the second article.
func TestTwoArticlesOfADigestWithdrawnAtOnce(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	for k := range 4 {
		h.at(newsroom.CadenceDaily, fmt.Sprintf("daily%d@example.vn", k), "kinh-te")
	}
	h.later(time.Hour)
	for k := 1; k <= 3; k++ {
		h.publish(fmt.Sprintf("article0000%d", k), 1, 1, "published", newsroom.ChangeNew)
	}
	h.later(7 * time.Hour)
	ids, err := h.OpenDigests(ctx, h.now())
	if err != nil || len(ids) != 1 {
		t.Fatalf("opened %v, %v", ids, err)
	}
	h.told(ids[0], 3)
	// What the second transaction leaves behind when it has not seen the digest that the first one opened: the article gone, nothing stopped.
	h.publish("article00001", 1, 2, "withdrawn", "")
	again := h.mail("article00001", 2, "withdrawn", "").Issues[0]
	if _, err := h.IssueView(ctx, again); err != nil {
		t.Fatal(err)
	}
	h.ready(again)
	h.exec(`UPDATE live_articles SET public = 'withdrawn' WHERE article_id = 'article00002'`)
	h.exec(`INSERT INTO publications (article_id, n, event, revision, at) VALUES ('article00002', 2, 'withdrawn', 1, now())`)
	h.exec(`INSERT INTO receipts (article_id, n, effect) VALUES ('article00002', 2, 'mail')`)
	out := h.mail("article00002", 2, "withdrawn", "")
	if !slices.Contains(out.Stopped, again) || len(out.Issues) != 1 {
		t.Fatalf("the second withdrawal did %+v", out)
	}
	if view, err := h.IssueView(ctx, out.Issues[0]); err != nil || len(view.Items) != 1 {
		t.Errorf("the last digest tells %d articles, %v", len(view.Items), err)
	}
	if st := h.ready(out.Issues[0]); st.Counts.Candidates != 3 {
		t.Errorf("to %d", st.Counts.Candidates)
	}
}
