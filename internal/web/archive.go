package web

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"toasoan/newsroom"
)

// archiveStore finds articles by day.
type archiveStore interface {
	DayArticles(ctx context.Context, day newsroom.Date, page, size int) (newsroom.PortalList, error)
	MonthDays(ctx context.Context, year int, month time.Month) ([]newsroom.DayCount, error)
}

// firstYear is the oldest year the archive shows.
const firstYear = 1990

// archivePage is what the page "archive" shows: a month as a calendar, and one of its days.
type archivePage struct {
	Month         time.Time // local midnight of its first day
	Weeks         [][7]archiveDay
	PreviousMonth string
	NextMonth     string     // "" the month lies in the future
	Day           *time.Time // nil: the month alone
	PreviousDay   string
	NextDay       string
	Total         int
	Stories       []story
	Pages         *pages
}

// archiveDay is a field of the calendar.
type archiveDay struct {
	Number  int    // 0: belongs to another month
	Count   int    // articles
	URL     string // "" nothing was published
	Current bool
	Date    time.Time
}

// getArchive finds /luu-tru, /luu-tru/{year}, …/{month} and …/{day}: without a day the month's calendar, today's by default.
func (s *Server) getArchive(r *http.Request) (shown, error) {
	today := newsroom.DateOf(s.Now())
	date, hasDay, err := archiveDate(r, today)
	if err != nil {
		return shown{}, err
	}
	days, err := s.Store.MonthDays(r.Context(), date.Year, date.Month)
	if err != nil {
		return shown{}, err
	}
	page := archivePage{Month: newsroom.Date{Year: date.Year, Month: date.Month, Day: 1}.Start()}
	page.Weeks = calendar(date, hasDay, days)
	page.PreviousMonth = monthPath(page.Month.AddDate(0, -1, 0))
	if next := page.Month.AddDate(0, 1, 0); !next.After(today.Start()) {
		page.NextMonth = monthPath(next)
	}
	if !hasDay {
		return shown{page: "archive", data: page}, nil
	}
	number := pageNumber(r.URL.Query().Get("trang"))
	found, err := s.Store.DayArticles(r.Context(), date, number, listSize)
	if err != nil {
		return shown{}, err
	}
	site, err := s.site(r.Context())
	if err != nil {
		return shown{}, err
	}
	page.Day = new(date.Start())
	page.PreviousDay = dayPath(date.Start().AddDate(0, 0, -1))
	if date != today {
		page.NextDay = dayPath(date.Start().AddDate(0, 0, 1))
	}
	page.Total = found.Total
	page.Stories = teller{site: site, l: s.lang(r)}.main(found.Items)
	page.Pages = pagesOf(dayPath(date.Start())+"?trang=", number, found.Total, listSize)
	return shown{page: "archive", data: page}, nil
}

// archiveDate reads the day that a path names; newsroom.ErrNotFound for one that does not exist or lies in the future.
func archiveDate(r *http.Request, today newsroom.Date) (date newsroom.Date, hasDay bool, err error) {
	date = newsroom.Date{Year: today.Year, Month: today.Month, Day: 1}
	number := func(name string, digits, low, high int) int {
		raw := r.PathValue(name)
		n, convErr := strconv.Atoi(raw)
		if convErr != nil || len(raw) != digits || n < low || n > high {
			err = fmt.Errorf("archive %s: %w", raw, newsroom.ErrNotFound)
		}
		return n
	}
	if r.PathValue("year") == "" {
		return date, false, nil
	}
	date.Year, date.Month = number("year", 4, firstYear, today.Year), time.January
	if r.PathValue("month") != "" {
		date.Month = time.Month(number("month", 2, 1, 12))
	} else if date.Year == today.Year {
		date.Month = today.Month
	}
	if hasDay = r.PathValue("day") != ""; hasDay {
		date.Day = number("day", 2, 1, 31)
	}
	if err == nil && (newsroom.DateOf(date.Start()) != date || date.Start().After(today.Start())) {
		err = fmt.Errorf("archive %s: %w", date, newsroom.ErrNotFound)
	}
	return date, hasDay, err
}

// calendar lays out the month of date in weeks from Monday.
func calendar(date newsroom.Date, hasDay bool, days []newsroom.DayCount) [][7]archiveDay {
	counts := map[int]int{}
	for _, day := range days {
		counts[day.Date.Day] = day.Count
	}
	first := newsroom.Date{Year: date.Year, Month: date.Month, Day: 1}.Start()
	var weeks [][7]archiveDay
	var week [7]archiveDay
	for day := first; day.Month() == date.Month; day = day.AddDate(0, 0, 1) {
		field := archiveDay{Number: day.Day(), Count: counts[day.Day()], Current: hasDay && day.Day() == date.Day, Date: day}
		if field.Count > 0 {
			field.URL = dayPath(day)
		}
		column := (int(day.Weekday()) + 6) % 7
		week[column] = field
		if column == 6 || day.AddDate(0, 0, 1).Month() != date.Month {
			weeks = append(weeks, week)
			week = [7]archiveDay{}
		}
	}
	return weeks
}

func monthPath(t time.Time) string { return t.In(newsroom.Zone).Format("/luu-tru/2006/01") }

func dayPath(t time.Time) string { return t.In(newsroom.Zone).Format("/luu-tru/2006/01/02") }
