package store

import (
	"testing"
	"time"

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
	h.exec(`UPDATE subscribers SET confirmed_at = now() - interval '9 years' WHERE email LIKE 'reader%'`)
	days, err := h.Trend(ctx, newsroom.TrendDay, 3, h.now())
	if err != nil || len(days) != 3 {
		t.Fatalf("%+v, %v", days, err)
	}
	for i, want := range []newsroom.TrendPoint{{}, {Sent: 4}, {Sent: 3, Joined: 1, Left: 1}} {
		got := days[i]
		got.Start = time.Time{}
		got.Joined = min(got.Joined, 1)
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
