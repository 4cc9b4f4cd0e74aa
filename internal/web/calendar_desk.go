package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"toasoan/newsroom"
)

// calendarStore is what the office's calendar asks of the database.
type calendarStore interface {
	CalendarDays(ctx context.Context, year int) ([]newsroom.CalendarDay, error)
	SaveCalendarDays(ctx context.Context, by newsroom.Person, days []newsroom.CalendarDay) (moved []string, err error)
	DropCalendarDay(ctx context.Context, by newsroom.Person, d newsroom.Date) (moved []string, err error)
	SaveHours(ctx context.Context, by newsroom.Person, hours [7][]newsroom.Span) (moved []string, err error)
	ReadCalendar(r io.Reader) ([]newsroom.CalendarDay, error)
}

// reloader tells an article's run that its times have changed.
type reloader interface {
	Reload(ctx context.Context, articleID string) error
}

// calendarPage is the page "desk/calendar".
type calendarPage struct {
	Year   int
	Before int
	After  int
	Days   []newsroom.CalendarDay
	Hours  []hoursView // Monday first
	Errors formErrors
	Form   string
}

type hoursView struct{ Field, Name, Value string }

// weekdays in the order in which people list them.
var weekdays = []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday, time.Saturday, time.Sunday}

// getCalendar handles GET /desk/admin/calendar.
func (s *Server) getCalendar(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	return s.showCalendar(w, r, me, http.StatusOK, nil, "")
}

func (s *Server) showCalendar(w http.ResponseWriter, r *http.Request, me newsroom.Person, status int, wrong formErrors, form string) error {
	page := calendarPage{Year: s.Now().In(vietnam).Year(), Errors: wrong, Form: form}
	if year, err := strconv.Atoi(r.URL.Query().Get("year")); err == nil && year >= 2000 && year <= 2200 {
		page.Year = year
	}
	page.Before, page.After = page.Year-1, page.Year+1
	var err error
	if page.Days, err = s.Store.CalendarDays(r.Context(), page.Year); err != nil {
		return err
	}
	calendar, err := s.Store.Calendar(r.Context())
	if err != nil {
		return err
	}
	l := s.lang(r)
	for _, day := range weekdays {
		field := "hours" + strconv.Itoa(int(day))
		v := hoursView{Field: field, Name: l.T("date.day" + strconv.Itoa(int(day))), Value: spansText(calendar.Hours[day])}
		if form == "hours" {
			v.Value = r.PostFormValue(field)
		}
		page.Hours = append(page.Hours, v)
	}
	return s.deskPage(w, r, me, status, "desk/calendar", "calendar", page)
}

func spansText(spans []newsroom.Span) string {
	var parts []string
	for _, one := range spans {
		parts = append(parts, fmt.Sprintf("%02d:%02d-%02d:%02d", one.From/60, one.From%60, one.To/60, one.To%60))
	}
	return strings.Join(parts, ", ")
}

// readSpans reads "07:30-11:30, 13:30-17:00".
func readSpans(value string) (spans []newsroom.Span, ok bool) {
	value = strings.NewReplacer("–", "-", "—", "-", ";", ",", " ", "").Replace(value)
	for part := range strings.SplitSeq(value, ",") {
		if part == "" {
			continue
		}
		from, to, found := strings.Cut(part, "-")
		start, okFrom := minuteOfDay(from)
		end, okTo := minuteOfDay(to)
		if !found || !okFrom || !okTo {
			return nil, false
		}
		spans = append(spans, newsroom.Span{From: start, To: end})
	}
	return spans, true
}

func minuteOfDay(value string) (int, bool) {
	if value == "24:00" {
		return 24 * 60, true
	}
	at, err := time.Parse("15:04", value)
	if err != nil {
		return 0, false
	}
	return at.Hour()*60 + at.Minute(), true
}

// postCalendar handles POST /desk/admin/calendar: days one by one or as CSV, and the weekly hours. Due times of what waits move with it.
func (s *Server) postCalendar(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	if err := parseForm(r); err != nil {
		return err
	}
	ctx, l, f := r.Context(), s.lang(r), r.PostFormValue
	var wrong formErrors
	var moved []string
	var err error
	form := f("form")
	switch form {
	case "day":
		at, ok := localTime(f("date"))
		if !ok || at == nil {
			wrong.add(l, "date", "field.bad_date")
			break
		}
		moved, err = s.Store.SaveCalendarDays(ctx, me, []newsroom.CalendarDay{{Date: newsroom.DateOf(*at), Kind: newsroom.DayKind(f("kind")), Name: f("name")}})
	case "drop":
		at, ok := localTime(f("date"))
		if !ok || at == nil {
			return newsroom.ErrNotFound
		}
		moved, err = s.Store.DropCalendarDay(ctx, me, newsroom.DateOf(*at))
	case "csv":
		file, _, fileErr := r.FormFile("file")
		if fileErr != nil {
			wrong.add(l, "file", "field.required")
			break
		}
		defer func() { _ = file.Close() }()
		var days []newsroom.CalendarDay
		if days, err = s.Store.ReadCalendar(file); err == nil {
			moved, err = s.Store.SaveCalendarDays(ctx, me, days)
		}
	case "hours":
		var hours [7][]newsroom.Span
		for _, day := range weekdays {
			field := "hours" + strconv.Itoa(int(day))
			spans, ok := readSpans(f(field))
			if !ok {
				wrong.add(l, field, "admin.bad_hours")
			}
			hours[day] = spans
		}
		if len(wrong) == 0 {
			moved, err = s.Store.SaveHours(ctx, me, hours)
		}
	default:
		return refuse(http.StatusBadRequest, "error.bad_request")
	}
	if found, ok := wrongFields(l, err); ok {
		wrong, err = found, nil
	}
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		return s.showCalendar(w, r, me, http.StatusUnprocessableEntity, wrong, form)
	}
	for _, id := range moved {
		if err := s.Dispatch.Reload(ctx, id); err != nil {
			s.Log.WarnContext(ctx, "article's clock is moved by the next sweep", "article_id", id, "error", err)
		}
	}
	s.desk.live.tell("board", "work")
	s.leaveFlash(w, "good", "flash.calendar", "n", strconv.Itoa(len(moved)))
	return see(w, r, "/desk/admin/calendar?"+r.URL.RawQuery)
}
