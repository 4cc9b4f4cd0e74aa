package locale

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// zone is Vietnam's time, UTC+7 all year round: every date that people see is in it.
var zone = time.FixedZone("GMT+7", 7*3600)

// layout is how a language writes dates and numbers.
type layout struct {
	thousands, decimal   string
	date, dateTime, mail string // package time's layouts
	formal               string // after the weekday
	dayMonth, month      string // where there is little room
}

var (
	vietnamese = layout{
		thousands: ".", decimal: ",",
		date: "02/01/2006", dateTime: "02/01/2006 15:04", mail: "15 giờ 04, ngày 02/01/2006",
		formal: "ngày 02 tháng 01 năm 2006", dayMonth: "02/01", month: "01/2006",
	}
	english = layout{
		thousands: ",", decimal: ".",
		date: "02 Jan 2006", dateTime: "02 Jan 2006 15:04", mail: "15:04 on 02 Jan 2006",
		formal: "2 January 2006", dayMonth: "2 Jan", month: "Jan 2006",
	}
)

// Number writes a whole number with its thousands apart: 7.448.251.
func (l *Locale) Number(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	var out strings.Builder
	out.WriteString(sign)
	for i := range len(digits) {
		if i > 0 && (len(digits)-i)%3 == 0 {
			out.WriteString(l.layout.thousands)
		}
		out.WriteByte(digits[i])
	}
	return out.String()
}

// Decimal writes a number with as many decimals as it needs, two at most: 4,5.
func (l *Locale) Decimal(f float64) string {
	s := strconv.FormatFloat(f, 'f', 2, 64)
	whole, part, _ := strings.Cut(s, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil { // NaN, infinite or beyond 64 bits
		return s
	}
	out := l.Number(n)
	if n == 0 && strings.HasPrefix(whole, "-") {
		out = "-" + out
	}
	if part = strings.TrimRight(part, "0"); part != "" {
		out += l.layout.decimal + part
	}
	return out
}

// Bytes writes a size: 850 B, 12 KB, 1,2 MB (1 KB is 1,024 bytes).
func (l *Locale) Bytes(n int64) string {
	const unit = 1024
	switch {
	case n < unit:
		return l.Number(n) + " B"
	case n < unit*unit:
		return l.Number((n+unit/2)/unit) + " KB"
	case n < unit*unit*unit:
		return l.Decimal(tenth(float64(n)/(unit*unit))) + " MB"
	default:
		return l.Decimal(tenth(float64(n)/(unit*unit*unit))) + " GB"
	}
}

func tenth(f float64) float64 { return float64(int64(f*10+0.5)) / 10 }

// Date writes a day: 02/10/2018.
func (l *Locale) Date(t time.Time) string { return t.In(zone).Format(l.layout.date) }

// DayMonth writes a day of a year that is known: 31/10.
func (l *Locale) DayMonth(t time.Time) string { return t.In(zone).Format(l.layout.dayMonth) }

// Month writes a month: 10/2026.
func (l *Locale) Month(t time.Time) string { return t.In(zone).Format(l.layout.month) }

// Time writes a time of day: 15:30.
func (l *Locale) Time(t time.Time) string { return t.In(zone).Format("15:04") }

// DateTime writes a moment: 02/10/2018 15:30.
func (l *Locale) DateTime(t time.Time) string { return t.In(zone).Format(l.layout.dateTime) }

// ListDate writes a moment as lists of news do: Thứ Ba, 02/10/2018 | 15:30 (GMT+7).
func (l *Locale) ListDate(t time.Time) string {
	return l.Weekday(t) + ", " + l.Date(t) + " | " + l.Time(t) + " (GMT+7)"
}

// FormalDate writes a day as documents do: Thứ Ba, ngày 02 tháng 10 năm 2018.
func (l *Locale) FormalDate(t time.Time) string {
	return l.Weekday(t) + ", " + t.In(zone).Format(l.layout.formal)
}

// MailTime writes a moment as letters do: 15 giờ 30, ngày 02/10/2018.
func (l *Locale) MailTime(t time.Time) string { return t.In(zone).Format(l.layout.mail) }

// Weekday names the day of the week: Thứ Ba.
func (l *Locale) Weekday(t time.Time) string {
	return l.T("date.day" + strconv.Itoa(int(t.In(zone).Weekday())))
}

// WorkingLeft writes working time, rounded up to the minute: 7 giờ 30 phút làm việc. Nothing left, or less, is 0 minutes.
func (l *Locale) WorkingLeft(d time.Duration) string {
	minutes := max(0, int64((d+time.Minute-1)/time.Minute))
	switch h, m := minutes/60, minutes%60; {
	case h == 0:
		return l.T("date.working_m", "m", m)
	case m == 0:
		return l.T("date.working_h", "h", h)
	default:
		return l.T("date.working_hm", "h", h, "m", m)
	}
}

// WorkingOver writes by how much working time something is late, whatever the sign of d, the hours with two digits as
// official letters write them: 02 giờ làm việc.
func (l *Locale) WorkingOver(d time.Duration) string {
	d = d.Abs()
	if d < time.Hour {
		return l.WorkingLeft(d)
	}
	h, m := int64(d/time.Hour), int64(d%time.Hour/time.Minute)
	hours := fmt.Sprint(h)
	if l == vi {
		hours = fmt.Sprintf("%02d", h)
	}
	if m == 0 {
		return l.T("date.working_h", "h", hours)
	}
	return l.T("date.working_hm", "h", hours, "m", m)
}

// Ago writes how long before now t was, or how long after, in whole units: 5 phút trước, 2 giờ nữa. It stands beside
// the exact moment, never instead of it.
func (l *Locale) Ago(t, now time.Time) string {
	d, past := now.Sub(t), true
	if d < 0 {
		d, past = -d, false
	}
	key, n := "minutes", int64(d/time.Minute)
	switch {
	case d < time.Minute:
		return l.T("date.ago_now")
	case d >= 48*time.Hour:
		key, n = "days", int64(d/(24*time.Hour))
	case d >= time.Hour:
		key, n = "hours", int64(d/time.Hour)
	}
	if past {
		return l.T("date.ago_"+key, "n", n)
	}
	return l.T("date.in_"+key, "n", n)
}
