package newsroom

import (
	"math/rand/v2"
	"testing"
	"time"
)

func at(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.ParseInLocation("2006-01-02 15:04", s, Zone)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestWorkingTime(t *testing.T) {
	t.Parallel()
	c := DefaultCalendar()
	c.Days[Date{2026, 1, 2}] = DayOff      // swapped with Saturday 10/01/2026
	c.Days[Date{2026, 1, 10}] = DayWorking //
	for d := range 7 {                     // Tết Bính Ngọ
		c.Days[Date{2026, 2, 16 + d}] = DayOff
	}
	for _, v := range []struct {
		name, from string
		minutes    int
		want       string
	}{
		{"four hours over night", "2018-10-02 16:20", 240, "2018-10-03 10:50"},
		{"one working day", "2018-10-02 16:20", WorkingDay, "2018-10-03 16:20"},
		{"nothing", "2018-10-02 16:20", 0, "2018-10-02 16:20"},
		{"to the last minute of the day", "2018-10-02 16:20", 40, "2018-10-02 17:00"},
		{"one minute more", "2018-10-02 16:20", 41, "2018-10-03 07:31"},
		{"from the lunch break", "2018-10-02 12:00", 1, "2018-10-02 13:31"},
		{"over a weekend", "2018-10-05 16:59", 2, "2018-10-08 07:31"},
		{"over a day off and a swapped Saturday", "2026-01-09 16:59", 2, "2026-01-10 07:31"},
		{"the day swapped away", "2025-12-31 17:00", 1, "2026-01-01 07:31"},
		{"Friday swapped away", "2026-01-01 16:59", 2, "2026-01-05 07:31"},
		{"over Tết", "2026-02-13 16:59", 2, "2026-02-23 07:31"},
	} {
		if got := c.Add(at(t, v.from), v.minutes); !got.Equal(at(t, v.want)) {
			t.Errorf("%s: %s + %d min = %s, want %s", v.name, v.from, v.minutes, got.In(Zone).Format("2006-01-02 15:04"), v.want)
		}
	}
}

func TestCalendarThatNeverWorks(t *testing.T) {
	t.Parallel()
	if got := (Calendar{}).Add(at(t, "2026-01-05 08:00"), 1); !got.IsZero() {
		t.Errorf("got %s from an office that never opens", got)
	}
}

// The same by walking minute after minute.
func walk(c Calendar, from time.Time, minutes int) time.Time {
	for at := from; ; at = at.Add(time.Minute) {
		local := at.In(Zone)
		minute := local.Hour()*60 + local.Minute()
		if minutes == 0 {
			return at
		}
		for _, s := range c.Spans(DateOf(at)) {
			if minute >= s.From && minute < s.To {
				minutes--
				if minutes == 0 {
					return at.Add(time.Minute)
				}
			}
		}
	}
}

func TestAddAgainstTheMinuteWalker(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		c := DefaultCalendar()
		for range rng.IntN(12) {
			day := DateOf(time.Date(2026, 1, 1+rng.IntN(60), 12, 0, 0, 0, Zone))
			c.Days[day] = []DayKind{DayOff, DayWorking}[rng.IntN(2)]
		}
		from := time.Date(2026, 1, 1, 0, rng.IntN(50*24*60), 0, 0, Zone)
		minutes := rng.IntN(3 * WorkingDay)
		want := walk(c, from, minutes)
		got := c.Add(from, minutes)
		if !got.Equal(want) {
			t.Fatalf("%s + %d: %s, the walker says %s (days %v)", from, minutes, got, want, c.Days)
		}
		if spent := c.Between(from, got); spent != time.Duration(minutes)*time.Minute {
			t.Fatalf("between %s and %s: %s, want %d min", from, got, spent, minutes)
		}
	}
}
