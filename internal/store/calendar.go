package store

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// Calendar is the office's working time as it is now.
func (s *Store) Calendar(ctx context.Context) (newsroom.Calendar, error) {
	return s.calendar(ctx, s.db)
}

const sqlCalendarYear = `SELECT date, kind, name FROM calendar_days WHERE date >= @from AND date < @to ORDER BY date`

// CalendarDays lists the days of a year that differ from their weekday.
func (s *Store) CalendarDays(ctx context.Context, year int) ([]newsroom.CalendarDay, error) {
	rows, _ := s.db.Query(ctx, sqlCalendarYear, args{
		"from": time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC), "to": time.Date(year+1, 1, 1, 0, 0, 0, 0, time.UTC),
	})
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (d newsroom.CalendarDay, err error) {
		var date time.Time
		err = row.Scan(&date, &d.Kind, &d.Name)
		d.Date = newsroom.Date{Year: date.Year(), Month: date.Month(), Day: date.Day()}
		return d, err
	})
	if err != nil {
		return nil, fmt.Errorf("calendar of %d: %w", year, err)
	}
	return list, nil
}

const (
	sqlSaveDay = `INSERT INTO calendar_days (date, kind, name) VALUES (@date, @kind, @name)
	ON CONFLICT (date) DO UPDATE SET kind = @kind, name = @name`
	sqlDropDay = `DELETE FROM calendar_days WHERE date = @date`
)

// SaveCalendarDays adds or changes days, moves the due times of everything that waits, and returns the articles whose
// workflows must look again. It is all of them or none: *newsroom.InvalidError names the first wrong one.
func (s *Store) SaveCalendarDays(ctx context.Context, by newsroom.Person, days []newsroom.CalendarDay) (moved []string, err error) {
	for i, d := range days {
		if d.Kind != newsroom.DayOff && d.Kind != newsroom.DayWorking || d.Date.Year < 2000 || d.Date.Year > 2200 {
			return nil, &newsroom.InvalidError{Fields: []newsroom.FieldError{{Field: fmt.Sprintf("days.%d", i), Code: "bad_day"}}}
		}
	}
	return s.changeCalendar(ctx, by, "calendar.save", map[string]any{"days": len(days)}, func(tx pgx.Tx) error {
		for _, d := range days {
			if _, err := tx.Exec(ctx, sqlSaveDay, args{"date": dayTime(d.Date), "kind": d.Kind, "name": firstRunes(text.Line(d.Name), 200)}); err != nil {
				return err
			}
		}
		return nil
	})
}

// DropCalendarDay makes a day an ordinary one again.
func (s *Store) DropCalendarDay(ctx context.Context, by newsroom.Person, d newsroom.Date) (moved []string, err error) {
	return s.changeCalendar(ctx, by, "calendar.drop", map[string]any{"date": d.String()}, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sqlDropDay, args{"date": dayTime(d)})
		if err == nil && tag.RowsAffected() == 0 {
			return newsroom.ErrNotFound
		}
		return err
	})
}

// SaveHours changes the weekly working hours. *newsroom.InvalidError when spans overlap, are empty, or no day has any.
func (s *Store) SaveHours(ctx context.Context, by newsroom.Person, hours [7][]newsroom.Span) (moved []string, err error) {
	some := false
	for day, spans := range hours {
		end := -1
		for _, span := range spans {
			some = true
			if span.From <= end || span.To <= span.From || span.To > 24*60 {
				return nil, &newsroom.InvalidError{Fields: []newsroom.FieldError{{Field: fmt.Sprintf("hours.%d", day), Code: "bad_hours"}}}
			}
			end = span.To
		}
	}
	if !some {
		return nil, &newsroom.InvalidError{Fields: []newsroom.FieldError{{Field: "hours", Code: "required"}}}
	}
	return s.changeCalendar(ctx, by, "calendar.hours", map[string]any{"hours": hours}, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, sqlSaveSetting, args{"key": "calendar_hours", "value": toJSON(hours), "at": s.now().UTC()})
		return err
	})
}

const (
	sqlRunningClocks = `SELECT id, clock_kind, clock_id, clock_start, clock_minutes, due_at FROM articles WHERE clock_kind <> '' AND stage = ANY (@stages) FOR UPDATE`
	sqlMoveDue       = `UPDATE articles SET due_at = @due WHERE id = @id`
)

// changeCalendar does one change of the calendar and recomputes what is due under it, in one transaction.
func (s *Store) changeCalendar(ctx context.Context, by newsroom.Person, action string, detail map[string]any, do func(pgx.Tx) error) (moved []string, err error) {
	err = s.tx(ctx, func(tx pgx.Tx) error {
		moved = nil
		if err := do(tx); err != nil {
			return err
		}
		calendar, err := s.calendar(ctx, tx)
		if err != nil {
			return err
		}
		rows, _ := tx.Query(ctx, sqlRunningClocks, args{"stages": openStages})
		type waiting struct {
			id    string
			clock newsroom.Clock
			due   *time.Time
		}
		list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (w waiting, err error) {
			return w, row.Scan(&w.id, &w.clock.Kind, &w.clock.ID, &w.clock.Start, &w.clock.Minutes, &w.due)
		})
		if err != nil {
			return err
		}
		for _, w := range list {
			due := w.clock.Due(calendar, 100)
			if w.due != nil && w.due.Equal(due) {
				continue
			}
			if _, err := tx.Exec(ctx, sqlMoveDue, args{"id": w.id, "due": due}); err != nil {
				return err
			}
			if err := s.moveAsks(ctx, tx, w.id, "approval", due); err != nil {
				return err
			}
			moved = append(moved, w.id)
		}
		seconds, err := s.moveSeconds(ctx, tx, calendar)
		if err != nil {
			return err
		}
		moved = unique(append(moved, seconds...))
		if err := s.moveInquiries(ctx, tx, calendar); err != nil {
			return err
		}
		return s.adminAct(ctx, tx, by, action, detail)
	})
	if err != nil {
		return nil, fmt.Errorf("change calendar: %w", err)
	}
	return moved, nil
}

// openStages are the stages in which somebody may be on the clock.
var openStages = slices.DeleteFunc(slices.Clone(newsroom.Stages), func(s newsroom.Stage) bool { return !s.Open() })

func dayTime(d newsroom.Date) time.Time {
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)
}

// ReadCalendar is the package's function, for whoever holds a Store only.
func (s *Store) ReadCalendar(r io.Reader) ([]newsroom.CalendarDay, error) { return ReadCalendar(r) }

// ReadCalendar reads days from CSV: date (YYYY-MM-DD or DD/MM/YYYY), kind (off, working, nghỉ, làm), name; with or without a heading.
// Every wrong line is named at once, by its number.
func ReadCalendar(r io.Reader) ([]newsroom.CalendarDay, error) {
	reader := csv.NewReader(io.LimitReader(r, 1<<20))
	reader.FieldsPerRecord, reader.TrimLeadingSpace = -1, true
	var days []newsroom.CalendarDay
	var wrong []newsroom.FieldError
	for line := 1; ; line++ {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		day, ok := calendarLine(record)
		switch {
		case err != nil, !ok && line > 1:
			wrong = append(wrong, newsroom.FieldError{Field: "file", Code: "bad_line", Params: map[string]string{"line": fmt.Sprint(line)}})
		case ok:
			days = append(days, day)
		}
		if len(wrong) > 20 {
			break
		}
	}
	if len(wrong) == 0 && len(days) == 0 {
		wrong = append(wrong, newsroom.FieldError{Field: "file", Code: "empty"})
	}
	if len(wrong) > 0 {
		return nil, &newsroom.InvalidError{Fields: wrong}
	}
	return days, nil
}

func calendarLine(record []string) (d newsroom.CalendarDay, ok bool) {
	if len(record) < 2 {
		return d, false
	}
	date := strings.TrimPrefix(strings.TrimSpace(record[0]), "\ufeff")
	at, err := time.Parse(time.DateOnly, date)
	if err != nil {
		if at, err = time.Parse("02/01/2006", date); err != nil {
			return d, false
		}
	}
	d.Date = newsroom.Date{Year: at.Year(), Month: at.Month(), Day: at.Day()}
	switch text.Fold(text.Line(record[1])) {
	case "off", "nghi":
		d.Kind = newsroom.DayOff
	case "working", "lam", "lam viec":
		d.Kind = newsroom.DayWorking
	default:
		return d, false
	}
	if len(record) > 2 {
		d.Name = text.Line(record[2])
	}
	return d, true
}
