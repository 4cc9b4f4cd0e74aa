package newsroom

import (
	"fmt"
	"time"
)

// Zone is Vietnam's time, UTC+7 all year round.
var Zone = time.FixedZone("GMT+7", 7*3600)

// Span is a stretch of working time within a day, in minutes after local midnight, To excluded.
type Span struct {
	From int `json:"from"`
	To   int `json:"to"`
}

// Date is a local calendar day.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOf returns the local day (UTC+7) that t falls on.
func DateOf(t time.Time) Date {
	y, m, d := t.In(Zone).Date()
	return Date{y, m, d}
}

// Start is local midnight at the beginning of d.
func (d Date) Start() time.Time { return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, Zone) }

// Next is the day after d.
func (d Date) Next() Date { return DateOf(d.Start().AddDate(0, 0, 1)) }

func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, int(d.Month), d.Day) }

// DayKind marks a day that differs from its weekday.
type DayKind string

const (
	// DayOff is a holiday or a day swapped away.
	DayOff DayKind = "off"
	// DayWorking is a Saturday or Sunday on which the office works.
	DayWorking DayKind = "working"
)

// Calendar is the office's working time: hours by weekday and the days that differ. The zero value never works.
type Calendar struct {
	Hours [7][]Span        // by time.Weekday, ascending, not overlapping
	Extra []Span           // hours of a DayWorking whose weekday has none
	Days  map[Date]DayKind // holidays, compensatory days, swapped Saturdays
}

// OfficeHours is the default of 07:30–11:30 and 13:30–17:00.
var OfficeHours = []Span{{450, 690}, {810, 1020}}

// WorkingDay is one working day in minutes (7.5 h).
const WorkingDay = 450

// DefaultCalendar works Monday to Friday in OfficeHours.
func DefaultCalendar() Calendar {
	c := Calendar{Extra: OfficeHours, Days: map[Date]DayKind{}}
	for day := time.Monday; day <= time.Friday; day++ {
		c.Hours[day] = OfficeHours
	}
	return c
}

// Spans returns the working hours of d, none on a day off.
func (c Calendar) Spans(d Date) []Span {
	usual := c.Hours[d.Start().Weekday()]
	switch c.Days[d] {
	case DayOff:
		return nil
	case DayWorking:
		if len(usual) == 0 {
			return c.Extra
		}
	}
	return usual
}

// maxDays bounds every walk: no office closes for longer than two years.
const maxDays = 740

// Add returns the moment when minutes of working time have passed since from. With minutes ≤ 0 it is from itself.
// It returns the zero time where the calendar has no working time within two years.
func (c Calendar) Add(from time.Time, minutes int) time.Time {
	if minutes <= 0 {
		return from
	}
	left := time.Duration(minutes) * time.Minute
	day := DateOf(from)
	for range maxDays {
		for _, s := range c.Spans(day) {
			start, end := bounds(day, s)
			if start.Before(from) {
				start = from
			}
			if room := end.Sub(start); room > 0 {
				if room >= left {
					return start.Add(left).In(from.Location())
				}
				left -= room
			}
		}
		day = day.Next()
	}
	return time.Time{}
}

// Between counts the working time from a to b, zero when b is not after a.
func (c Calendar) Between(a, b time.Time) time.Duration {
	var sum time.Duration
	for day := DateOf(a); day.Start().Before(b); day = day.Next() {
		for _, s := range c.Spans(day) {
			start, end := bounds(day, s)
			if start.Before(a) {
				start = a
			}
			if end.After(b) {
				end = b
			}
			if room := end.Sub(start); room > 0 {
				sum += room
			}
		}
	}
	return sum
}

// Works reports whether the office works at all on d.
func (c Calendar) Works(d Date) bool { return len(c.Spans(d)) > 0 }

func bounds(d Date, s Span) (start, end time.Time) {
	midnight := d.Start()
	return midnight.Add(time.Duration(s.From) * time.Minute), midnight.Add(time.Duration(s.To) * time.Minute)
}
