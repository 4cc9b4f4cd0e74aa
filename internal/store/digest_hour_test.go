package store

import (
	"errors"
	"testing"
	"time"

	"toasoan/newsroom"
)

// Whatever an admin does to the hour, each cut begins where the one before it ended: nothing is told twice, nothing is lost.
func TestDigestHourChangesFromTomorrow(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	h.clock = at("2026-11-24", "16:00") // a Tuesday
	if minute, err := h.DigestMinute(ctx); err != nil || minute != 17*60 {
		t.Fatalf("%d, %v", minute, err)
	}
	for _, wrong := range []int{-1, 24 * 60} {
		if _, ok := errors.AsType[*newsroom.InvalidError](h.SaveDigestMinute(ctx, h.admin, wrong)); !ok {
			t.Errorf("%d is taken", wrong)
		}
	}
	for _, minute := range []int{6 * 60, 15*60 + 30} { // thought better of it
		if err := h.SaveDigestMinute(ctx, h.admin, minute); err != nil {
			t.Fatal(err)
		}
	}
	h.later(24 * time.Hour)
	if err := h.SaveDigestMinute(ctx, h.admin, 18*60); err != nil {
		t.Fatal(err)
	}
	hours, err := h.digestHours(ctx)
	if err != nil || len(hours) != 2 {
		t.Fatalf("%+v, %v", hours, err)
	}
	var before time.Time
	for _, c := range cuts(newsroom.DefaultCalendar(), hours, at("2026-11-27", "20:00")) {
		if c.cadence != newsroom.CadenceDaily {
			continue
		}
		if !before.IsZero() && !c.from.Equal(before) {
			t.Errorf("%s begins at %s, the one before ended at %s", c.period(), c.from, before)
		}
		before = c.to
		want := map[string]string{"2026-11-24": "17:00", "2026-11-25": "15:30", "2026-11-26": "18:00", "2026-11-27": "18:00"}[c.day.String()]
		if want != "" && !c.to.Equal(at(c.day.String(), want)) {
			t.Errorf("%s ends at %s, want %s", c.period(), c.to, want)
		}
	}
	if n := h.value(`SELECT count(*) FROM audit WHERE action = 'setting.save' AND detail->>'key' = 'digest_hours'`); n != 3 {
		t.Errorf("%d on record", n)
	}
	h.later(300 * 24 * time.Hour)
	if err := h.SaveDigestMinute(ctx, h.admin, 7*60); err != nil {
		t.Fatal(err)
	}
	if hours, err = h.digestHours(ctx); err != nil || len(hours) != 2 || hours[0].Minute != 18*60 {
		t.Errorf("%+v, %v: what is forgotten is gone, what still begins a cut is there", hours, err)
	}
}
