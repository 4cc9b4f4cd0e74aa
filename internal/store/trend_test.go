package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"toasoan/migrations"
	"toasoan/newsroom"
)

// The charts count what was sent by the issue's day also when its rows are gone, and each person who came or left on the office's day.
func TestTrendCountsByTheOfficesDay(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t) // Monday 23/11/2026, 09:00
	ctx := t.Context()
	h.many(4, "kinh-te")
	h.publish("article00001", 1, 1, "published", newsroom.ChangeNew)
	first := h.mail("article00001", 1, "published", newsroom.ChangeNew).Issues[0]
	h.ready(first)
	h.sendAll(first, 0)
	if _, err := h.CloseIssue(ctx, first); err != nil {
		t.Fatal(err)
	}
	h.exec(`DELETE FROM mail_deliveries`)  // as after ninety days
	h.later(15*time.Hour + 30*time.Minute) // Tuesday 00:30 in Vietnam, still Monday in UTC
	id := h.subscribe("night@example.vn", "kinh-te")
	h.later(time.Minute)
	if _, err := h.LeaveAll(ctx, h.keys.Token(PurposePrefs, id, 1), newsroom.Proof{}); err != nil {
		t.Fatal(err)
	}
	h.publish("article00002", 1, 1, "published", newsroom.ChangeNew)
	second := h.mail("article00002", 1, "published", newsroom.ChangeNew).Issues[0]
	h.ready(second)
	h.sendAll(second, 1) // still running
	days, err := h.Trend(ctx, newsroom.TrendDay, 3, h.now())
	if err != nil || len(days) != 3 {
		t.Fatalf("%+v, %v", days, err)
	}
	for i, want := range []newsroom.TrendPoint{{}, {Sent: 4, Joined: 4}, {Sent: 3, Joined: 1, Left: 1}} {
		got := days[i]
		got.Start = time.Time{}
		if got != want {
			t.Errorf("day %d: %+v, want %+v", i, days[i], want)
		}
	}
	for unit, n := range map[newsroom.TrendUnit]int{newsroom.TrendWeek: 26, newsroom.TrendMonth: 24} {
		points, err := h.Trend(ctx, unit, n, h.now())
		if err != nil || len(points) != n || points[n-1].Sent != 7 {
			t.Errorf("by %s: %d points, the last %+v, %v", unit, len(points), points[max(len(points)-1, 0)], err)
		}
	}
}

// Who came and who left stays counted on the day it happened: also of a list of old consents, after a second subscription and after
// erasure. One section more or less is neither.
func TestTrendCountsActsOnTheirDay(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	confirm := func(id string) {
		t.Helper()
		if _, err := h.Confirm(ctx, h.confirmation(id), newsroom.Proof{}); err != nil {
			t.Fatal(err)
		}
	}
	leave := func(id string) {
		t.Helper()
		if _, err := h.LeaveAll(ctx, h.keys.Token(PurposePrefs, id, 1), newsroom.Proof{}); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(email string, sections ...string) string {
		t.Helper()
		id, err := h.Subscribe(ctx, request(email, sections...))
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	list := func(rows string) {
		t.Helper()
		in, err := h.PreviewImport(ctx, h.admin, "x.csv", "giấy", []string{"kinh-te", "thong-bao"}, strings.NewReader("email,consent_at\n"+rows))
		if err != nil {
			t.Fatal(err)
		}
		if err := h.RunImport(ctx, h.admin, in.ID); err != nil {
			t.Fatal(err)
		}
	}
	back, gone := ask("back@example.vn", "kinh-te"), ask("gone@example.vn", "kinh-te", "thong-bao")
	confirm(back)
	confirm(gone)
	list("old@example.vn,01/07/2019\nolder@example.vn,01/07/2018\n") // day 1: four came
	h.later(24 * time.Hour)
	leave(back) // day 2: two left, one of them a section first
	if err := h.leaveLists(ctx, gone, []string{"kinh-te"}, "", newsroom.Proof{}); err != nil {
		t.Fatal(err)
	}
	h.later(time.Hour)
	leave(gone)
	h.later(23 * time.Hour)
	confirm(ask("back@example.vn", "kinh-te")) // day 3: one came back
	h.later(time.Hour)
	confirm(ask("back@example.vn", "thong-bao"))
	list("back@example.vn,01/07/2019\n")
	h.later(23 * time.Hour)
	if err := h.Erase(ctx, h.keys.Token(PurposePrefs, back, 1), newsroom.Proof{}); err != nil { // day 4: erased while subscribed
		t.Fatal(err)
	}
	h.later(14 * 24 * time.Hour)
	if n, err := h.EraseLeft(ctx, 10); err != nil || n != 1 {
		t.Fatalf("erased %d, %v", n, err)
	}
	want := func() {
		t.Helper()
		days, err := h.Trend(ctx, newsroom.TrendDay, 18, h.now())
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, d := range days[:5] {
			said = append(said, fmt.Sprintf("+%d-%d", d.Joined, d.Left))
		}
		if got := strings.Join(said, " "); got != "+4-0 +0-2 +1-0 +0-1 +0-0" {
			t.Errorf("the days are %s", got)
		}
	}
	want()
	// What stood in the record before steps were counted is counted alike.
	all, err := migrations.All()
	if err != nil {
		t.Fatal(err)
	}
	_, backfill, _ := strings.Cut(all[24].SQL, "ended everything.\n")
	backfill, _, _ = strings.Cut(backfill, ";")
	h.exec(`UPDATE consents SET step = 0`)
	h.exec(backfill)
	want()
}

// A doubt that is sent once more by itself is no failure yet, on the chart as on the page of its issue.
func TestADoubtThatIsDueAgainIsNoFailureOfTheDay(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 2)
	lease, rows := h.take(issue, 2)
	h.commit(t.Context(), h.entry(issue, rows[0], lease, newsroom.DeliveryDot), h.entry(issue, rows[1], lease, newsroom.DeliverySent))
	h.take(issue, 2) // another worker finds the first at its dot
	days, err := h.Trend(t.Context(), newsroom.TrendDay, 1, h.now())
	one, failed := h.DeskIssue(t.Context(), issue)
	if err != nil || failed != nil || one.Counts.Waiting != 1 || days[0].Sent != 1 || days[0].Failed != 0 {
		t.Errorf("%+v, %v; of the issue %+v, %v", days, err, one.Counts, failed)
	}
}
