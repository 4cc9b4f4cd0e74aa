package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// adminStore is what the administration asks of the database.
type adminStore interface {
	Accounts(ctx context.Context) ([]newsroom.Account, error)
	CreateUser(ctx context.Context, by newsroom.Person, in newsroom.AccountInput, invited bool) (newsroom.Account, []string, error)
	UpdateUser(ctx context.Context, by newsroom.Person, id string, in newsroom.AccountInput) error
	Invite(ctx context.Context, by newsroom.Person, userID string, kind newsroom.LinkKind) (letterID string, err error)
	SaveSection(ctx context.Context, by newsroom.Person, in newsroom.Section) (newsroom.Section, error)
	Offices(ctx context.Context) ([]newsroom.Office, error)
	SaveOffice(ctx context.Context, by newsroom.Person, in newsroom.Office) (newsroom.Office, error)
	Seat(ctx context.Context, by newsroom.Person, officeID, userID string, deputy bool) error
	Unseat(ctx context.Context, by newsroom.Person, officeID, userID string) error
	Delegate(ctx context.Context, by newsroom.Person, d newsroom.Delegation) (string, error)
	EndDelegation(ctx context.Context, by newsroom.Person, id string) error
	OfficeInfo(ctx context.Context) (newsroom.OfficeInfo, error)
	SaveOfficeInfo(ctx context.Context, by newsroom.Person, in newsroom.OfficeInfo) error
	SaveSetting(ctx context.Context, by newsroom.Person, key string, value any) error
}

// settingsPage is the page "desk/admin".
type settingsPage struct {
	Office  newsroom.OfficeInfo
	Accents []option
	Words   string // one "wrong = right" a line
	Errors  formErrors
}

var accents = []string{"red", "blue", "green", "brown"}

// getAdmin handles GET /desk/admin: what the office is called, and its word list.
func (s *Server) getAdmin(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	office, err := s.Store.OfficeInfo(r.Context())
	if err != nil {
		return err
	}
	list, err := s.officeWords(r.Context())
	if err != nil {
		return err
	}
	var lines []string
	for _, one := range list {
		lines = append(lines, one.Wrong+" = "+one.Right)
	}
	return s.showSettings(w, r, me, http.StatusOK, settingsPage{Office: office, Words: strings.Join(lines, "\n")})
}

func (s *Server) showSettings(w http.ResponseWriter, r *http.Request, me newsroom.Person, status int, page settingsPage) error {
	for _, accent := range accents {
		page.Accents = append(page.Accents, option{accent, s.lang(r).T("admin.accent_" + accent), accent == page.Office.Accent || (page.Office.Accent == "" && accent == "red")})
	}
	return s.deskPage(w, r, me, status, "desk/admin", "admin", page)
}

// postAdmin handles POST /desk/admin.
func (s *Server) postAdmin(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	f := r.PostFormValue
	page := settingsPage{Words: f("words"), Office: newsroom.OfficeInfo{
		Portal: f("portal"), Unit: f("unit"), Parent: f("parent"), Bureau: f("bureau"), Address: f("address"), Phone: f("phone"),
		Email: f("email"), Chief: f("chief"), License: f("license"), Accent: f("accent"),
	}}
	err := s.Store.SaveOfficeInfo(r.Context(), me, page.Office)
	if wrong, ok := wrongFields(s.lang(r), err); ok {
		page.Errors = wrong
		return s.showSettings(w, r, me, http.StatusUnprocessableEntity, page)
	}
	if err != nil {
		return err
	}
	list := []text.Word{}
	for line := range strings.Lines(page.Words) {
		wrong, right, _ := strings.Cut(line, "=")
		if wrong = text.Line(wrong); wrong != "" && len(list) < 2000 {
			list = append(list, text.Word{Wrong: wrong, Right: text.Line(right)})
		}
	}
	before, err := s.officeWords(r.Context())
	if err != nil {
		return err
	}
	if !slices.Equal(before, list) {
		if err := s.Store.SaveSetting(r.Context(), me, "words", list); err != nil {
			return err
		}
	}
	s.forgetSite()
	s.leaveFlash(w, "good", "flash.saved")
	return see(w, r, "/desk/admin")
}

// usersPage is the page "desk/users".
type usersPage struct{ Users []userView }

// userView is an account in the list.
type userView struct {
	newsroom.Account
	RoleNames []string
	Wants     string // what is still missing before they can work, "" nothing
}

// getUsers handles GET /desk/admin/users.
func (s *Server) getUsers(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	accounts, err := s.Store.Accounts(r.Context())
	if err != nil {
		return err
	}
	l := s.lang(r)
	var page usersPage
	for _, a := range accounts {
		v := userView{Account: a}
		for _, role := range a.Roles {
			v.RoleNames = append(v.RoleNames, l.T("role."+string(role)))
		}
		switch {
		case !a.Active:
		case a.Is(newsroom.RoleLeader) && !a.HasPIN:
			v.Wants = l.T("admin.wants_pin")
		case !a.HasPassword && !a.Is(newsroom.RoleLeader):
			v.Wants = l.T("admin.wants_password")
		}
		page.Users = append(page.Users, v)
	}
	return s.deskPage(w, r, me, http.StatusOK, "desk/users", "users", page)
}

// userPage is the page "desk/user": a new account or one that is there.
type userPage struct {
	ID       string // "" a new one
	Account  newsroom.Account
	In       newsroom.AccountInput
	Roles    []option
	Sections []option
	Errors   formErrors
}

// getUser handles GET /desk/admin/users/new and /desk/admin/users/{id}.
func (s *Server) getUser(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	page := userPage{ID: r.PathValue("id"), In: newsroom.AccountInput{Locale: "vi", Active: true}}
	if page.ID != "" {
		account, err := s.Store.Account(r.Context(), page.ID)
		if err != nil {
			return err
		}
		page.In = newsroom.AccountInput{
			Email: account.Email, Name: account.Name, Title: account.Title, PenName: account.PenName, Phone: account.Phone, Locale: account.Locale,
			Roles: account.Roles, Sections: account.Sections, Active: account.Active,
		}
	}
	return s.showUser(w, r, me, http.StatusOK, page)
}

func (s *Server) showUser(w http.ResponseWriter, r *http.Request, me newsroom.Person, status int, page userPage) error {
	l := s.lang(r)
	if page.ID != "" {
		account, err := s.Store.Account(r.Context(), page.ID)
		if err != nil {
			return err
		}
		page.Account = account
	}
	for _, role := range newsroom.Roles {
		page.Roles = append(page.Roles, option{string(role), l.T("role." + string(role)), slices.Contains(page.In.Roles, role)})
	}
	sections, err := s.sectionOptions(r, "")
	if err != nil {
		return err
	}
	for _, one := range sections {
		one.Chosen = slices.Contains(page.In.Sections, one.Value)
		page.Sections = append(page.Sections, one)
	}
	return s.deskPage(w, r, me, status, "desk/user", "users", page)
}

// postUser handles POST /desk/admin/users and /desk/admin/users/{id}; "form" names the act where it is not the account itself.
func (s *Server) postUser(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	ctx, id := r.Context(), r.PathValue("id")
	var letter, done string
	var err error
	switch r.PostFormValue("form") {
	case "invite":
		letter, err = s.Store.Invite(ctx, me, id, newsroom.LinkPassword)
		done = "flash.invited"
	case "pin":
		letter, err = s.Store.Invite(ctx, me, id, newsroom.LinkPIN)
		done = "flash.invited"
	case "sign_out":
		err = s.Store.EndSessions(ctx, me, id, "")
		done = "flash.signed_out_there"
	case "totp":
		err = s.Store.DropTOTP(ctx, me, id)
		done = "flash.totp_dropped"
	default:
		return s.saveUser(w, r, me)
	}
	if errors.Is(err, newsroom.ErrForbidden) {
		s.leaveFlash(w, "bad", "flash.not_for_them")
		return see(w, r, "/desk/admin/users/"+id)
	}
	if err != nil {
		return err
	}
	s.post(ctx, letter)
	s.leaveFlash(w, "good", done)
	return see(w, r, "/desk/admin/users/"+id)
}

func (s *Server) saveUser(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	ctx, l, f := r.Context(), s.lang(r), r.PostFormValue
	page := userPage{ID: r.PathValue("id"), In: newsroom.AccountInput{
		Email: f("email"), Name: f("name"), Title: f("title"), PenName: f("pen_name"), Phone: f("phone"), Locale: f("locale"),
		Sections: r.PostForm["section"], Active: ticked(r, "active"),
	}}
	for _, role := range r.PostForm["role"] {
		page.In.Roles = append(page.In.Roles, newsroom.Role(role))
	}
	var err error
	to := "/desk/admin/users/" + page.ID
	done := "flash.saved"
	if page.ID == "" {
		var account newsroom.Account
		var letters []string
		account, letters, err = s.Store.CreateUser(ctx, me, page.In, true)
		if err == nil {
			if account.Is(newsroom.RoleLeader) {
				letter, err := s.Store.Invite(ctx, me, account.ID, newsroom.LinkPIN)
				if err != nil {
					return err
				}
				letters = append(letters, letter)
			}
			s.post(ctx, letters...)
		}
		to, done = "/desk/admin/users", "flash.invited"
	} else {
		err = s.Store.UpdateUser(ctx, me, page.ID, page.In)
	}
	var ok bool
	if page.Errors, ok = wrongFields(l, err); ok {
		return s.showUser(w, r, me, http.StatusUnprocessableEntity, page)
	}
	switch {
	case errors.Is(err, newsroom.ErrConflict):
		page.Errors.add(l, "email", "field.taken")
	case errors.Is(err, newsroom.ErrForbidden):
		page.Errors.add(l, "roles", "admin.last_admin")
	case err != nil:
		return err
	}
	if len(page.Errors) > 0 {
		return s.showUser(w, r, me, http.StatusConflict, page)
	}
	s.leaveFlash(w, "good", done)
	return see(w, r, to)
}

// sectionsPage is the page "desk/sections".
type sectionsPage struct {
	Sections []newsroom.Section
	Errors   formErrors
	New      newsroom.Section
}

// getSections handles GET /desk/admin/sections.
func (s *Server) getAdminSections(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	sections, err := s.Store.Sections(r.Context())
	if err != nil {
		return err
	}
	return s.deskPage(w, r, me, http.StatusOK, "desk/sections", "sections", sectionsPage{Sections: sections})
}

// postAdminSections handles POST /desk/admin/sections: one section, new (without id) or changed.
func (s *Server) postAdminSections(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	l := s.lang(r)
	in := newsroom.Section{ID: r.PostFormValue("id"), NameVI: r.PostFormValue("name_vi"), NameEN: r.PostFormValue("name_en"), Position: max(0, wholeNumber(r, "position")), Retired: ticked(r, "retired")}
	_, err := s.Store.SaveSection(r.Context(), me, in)
	wrong, ok := wrongFields(l, err)
	if errors.Is(err, newsroom.ErrConflict) {
		wrong.add(l, "name_vi", "field.taken")
		ok = true
	}
	if ok {
		sections, err := s.Store.Sections(r.Context())
		if err != nil {
			return err
		}
		return s.deskPage(w, r, me, http.StatusUnprocessableEntity, "desk/sections", "sections", sectionsPage{Sections: sections, Errors: wrong, New: in})
	}
	if err != nil {
		return err
	}
	s.forgetSite()
	s.leaveFlash(w, "good", "flash.saved")
	return see(w, r, "/desk/admin/sections")
}

// officesPage is the page "desk/offices".
type officesPage struct {
	Offices []newsroom.Office
	Leaders []option
	Errors  formErrors
	Form    string
}

// getOffices handles GET /desk/admin/offices.
func (s *Server) getOffices(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	return s.showOffices(w, r, me, http.StatusOK, nil, "")
}

func (s *Server) showOffices(w http.ResponseWriter, r *http.Request, me newsroom.Person, status int, wrong formErrors, form string) error {
	offices, err := s.Store.Offices(r.Context())
	if err != nil {
		return err
	}
	leaders, err := s.leaderOptions(r, "")
	if err != nil {
		return err
	}
	return s.deskPage(w, r, me, status, "desk/offices", "offices", officesPage{Offices: offices, Leaders: leaders, Errors: wrong, Form: form})
}

// postOffices handles POST /desk/admin/offices; "form" says which act.
func (s *Server) postOffices(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	ctx, l, f := r.Context(), s.lang(r), r.PostFormValue
	var wrong formErrors
	var err error
	form := f("form")
	switch form {
	case "office":
		_, err = s.Store.SaveOffice(ctx, me, newsroom.Office{ID: f("id"), Name: f("name"), Chief: ticked(r, "chief"), Position: max(0, wholeNumber(r, "position"))})
	case "seat":
		err = s.Store.Seat(ctx, me, f("office"), f("user"), ticked(r, "deputy"))
		switch {
		case errors.Is(err, newsroom.ErrConflict):
			wrong.add(l, "user", "admin.seated_already")
			err = nil
		case errors.Is(err, newsroom.ErrNotFound) || errors.Is(err, newsroom.ErrForbidden):
			wrong.add(l, "user", "admin.not_a_leader")
			err = nil
		}
	case "unseat":
		err = s.Store.Unseat(ctx, me, f("office"), f("user"))
	case "delegate":
		wrong, err = s.delegate(r, me, f("from"))
	case "end_delegation":
		if err = s.Store.EndDelegation(ctx, me, f("id")); err == nil {
			err = s.followDelegation(ctx)
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
		return s.showOffices(w, r, me, http.StatusUnprocessableEntity, wrong, form)
	}
	s.leaveFlash(w, "good", "flash.saved")
	return see(w, r, "/desk/admin/offices")
}

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
