package web

import (
	"context"
	"encoding/csv"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"toasoan/newsroom"
)

// boardStore is what the board and the list of articles ask of the database.
type boardStore interface {
	Board(ctx context.Context, viewer newsroom.Person, f newsroom.CardFilter, limit int) ([]newsroom.Column, error)
	Cards(ctx context.Context, viewer newsroom.Person, f newsroom.CardFilter, before time.Time, beforeID string, limit int) ([]newsroom.Card, error)
	Colleagues(ctx context.Context) ([]newsroom.Colleague, error)
	Planned(ctx context.Context, viewer newsroom.Person, from, to time.Time) ([]newsroom.Card, error)
}

// columnLimit is how many cards a column shows; the rest is one link away in the list.
const columnLimit = 100

// option is a choice of a select.
type option struct {
	Value, Text string
	Chosen      bool
}

// filterView is the filters as the page shows them.
type filterView struct {
	Sections []option
	Authors  []option
	Stages   []option
	Text     string
	Late     bool
	Any      bool
	Query    string // the filters as a query string, for the links between board and list
}

// columnView is one stage of the board.
type columnView struct {
	Stage string
	Name  string
	Cards []cardView
	Count int
	More  string // link to the rest, "" none
}

// boardPage is the page "desk/board".
type boardPage struct {
	Filter  filterView
	Columns []columnView
	Live    string // address that refreshes the board with the same filters
	Compact bool
}

// getBoard handles GET /desk/board.
func (s *Server) getBoard(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	f := cardFilter(r)
	columns, err := s.Store.Board(r.Context(), me, f, columnLimit)
	if err != nil {
		return err
	}
	o, err := s.lists(r)
	if err != nil {
		return err
	}
	page := boardPage{Live: r.URL.RequestURI(), Compact: cookieValue(r, "density") == "compact"}
	if page.Filter, err = s.filters(r, me, f, o); err != nil {
		return err
	}
	for _, c := range columns {
		v := columnView{Stage: string(c.Stage), Name: o.l.T("stage." + string(c.Stage)), Cards: o.cards(c.Cards), Count: c.Count}
		if c.Count > len(c.Cards) {
			v.More = "/desk/articles?stage=" + string(c.Stage) + "&" + page.Filter.Query
		}
		page.Columns = append(page.Columns, v)
	}
	return s.deskPage(w, r, me, http.StatusOK, "desk/board", "board", page)
}

func cardFilter(r *http.Request) newsroom.CardFilter {
	q := r.URL.Query()
	return newsroom.CardFilter{
		Section: q.Get("section"), Author: q.Get("author"), Stage: newsroom.Stage(q.Get("stage")), Text: q.Get("q"), Late: q.Get("late") != "",
	}
}

func (s *Server) filters(r *http.Request, me newsroom.Person, f newsroom.CardFilter, o lists) (filterView, error) {
	v := filterView{Text: f.Text, Late: f.Late}
	sections, err := s.Store.Sections(r.Context())
	if err != nil {
		return v, err
	}
	for _, one := range sections {
		v.Sections = append(v.Sections, option{one.ID, one.Name(o.l.Tag()), one.ID == f.Section})
	}
	if me.SeesAll() {
		colleagues, err := s.Store.Colleagues(r.Context())
		if err != nil {
			return v, err
		}
		for _, c := range colleagues {
			if (newsroom.Person{Active: true, Roles: c.Roles}).Writes() {
				v.Authors = append(v.Authors, option{c.ID, c.Name, c.ID == f.Author})
			}
		}
	}
	for _, stage := range newsroom.Stages {
		v.Stages = append(v.Stages, option{string(stage), o.l.T("stage." + string(stage)), stage == f.Stage})
	}
	query := url.Values{}
	for name, value := range map[string]string{"section": f.Section, "author": f.Author, "q": f.Text} {
		if value != "" {
			query.Set(name, value)
		}
	}
	if f.Late {
		query.Set("late", "1")
	}
	v.Query, v.Any = query.Encode(), len(query) > 0 || f.Stage != ""
	return v, nil
}

func cookieValue(r *http.Request, name string) string {
	cookie, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return cookie.Value
}

// listPage is the page "desk/list": every article that I may see, the newest change first.
type listPage struct {
	Filter filterView
	Cards  []cardView
	Next   string // address of the next page, "" the last
	Export string
	Live   string
}

// perList is how many rows a page of the list has.
const perList = 50

// getArticles handles GET /desk/articles.
func (s *Server) getArticles(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	f, q := cardFilter(r), r.URL.Query()
	before, _ := time.Parse(time.RFC3339Nano, q.Get("before"))
	limit := perList
	if q.Get("format") == "csv" {
		limit = 5000
	}
	cards, err := s.Store.Cards(r.Context(), me, f, before, q.Get("before_id"), limit+1)
	if err != nil {
		return err
	}
	o, err := s.lists(r)
	if err != nil {
		return err
	}
	if q.Get("format") == "csv" {
		return s.sendList(w, o, cards[:min(len(cards), limit)])
	}
	page := listPage{Live: r.URL.RequestURI()}
	if page.Filter, err = s.filters(r, me, f, o); err != nil {
		return err
	}
	address := func(set ...string) string {
		query := url.Values{}
		for name, values := range q {
			if name != "before" && name != "before_id" && name != "lang" && values[0] != "" {
				query.Set(name, values[0])
			}
		}
		for i := 0; i+1 < len(set); i += 2 {
			query.Set(set[i], set[i+1])
		}
		return "/desk/articles?" + query.Encode()
	}
	if len(cards) > limit {
		cards = cards[:limit]
		last := cards[limit-1]
		page.Next = address("before", last.UpdatedAt.UTC().Format(time.RFC3339Nano), "before_id", last.ID)
	}
	page.Cards, page.Export = o.cards(cards), address("format", "csv")
	return s.deskPage(w, r, me, http.StatusOK, "desk/list", "list", page)
}

// sendList answers with the list as CSV that a spreadsheet opens: UTF-8 with a mark, formulas made harmless.
func (s *Server) sendList(w http.ResponseWriter, o lists, cards []newsroom.Card) error {
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="bai-viet.csv"`)
	if _, err := w.Write([]byte("\ufeff")); err != nil {
		return nil //nolint:nilerr // the reader has gone
	}
	out := csv.NewWriter(w)
	row := func(cells ...string) {
		for i, cell := range cells {
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				cells[i] = "'" + cell
			}
		}
		_ = out.Write(cells) // the reader may have gone
	}
	row("ID", o.l.T("article.title"), o.l.T("article.stage"), o.l.T("article.section"), o.l.T("article.author"), o.l.T("article.due_at"),
		o.l.T("article.published_at"), o.l.T("article.updated_at"))
	for _, c := range cards {
		_, state := stateOf(o.l, c.Stage, c.Public)
		due, published := "", ""
		if c.Clock.Runs() && c.Due != nil {
			due = o.l.DateTime(*c.Due)
		}
		if c.PublishedAt != nil {
			published = o.l.DateTime(*c.PublishedAt)
		}
		row(c.ID, c.Title, state, o.section(c.Section), c.Author, due, published, o.l.DateTime(c.UpdatedAt))
	}
	out.Flush()
	return nil
}

// planPage is the page "desk/plan": a month of releases, past and to come, day by day.
type planPage struct {
	Month    string // "Tháng 10/2026"
	Previous string
	Next     string
	Days     []planDay // only those with articles
	Live     string
}

// planDay is one day with what is released on it.
type planDay struct {
	ISO   string
	Name  string
	Today bool
	Off   bool // the office does not work
	Cards []cardView
}

// getPlan handles GET /desk/plan.
func (s *Server) getPlan(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	now := s.Now().In(vietnam)
	month, err := time.ParseInLocation("2006-01", r.URL.Query().Get("month"), vietnam)
	if err != nil || month.Year() < 2000 || month.Year() > 2200 {
		month = time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, vietnam)
	}
	cards, err := s.Store.Planned(r.Context(), me, month, month.AddDate(0, 1, 0))
	if err != nil {
		return err
	}
	o, err := s.lists(r)
	if err != nil {
		return err
	}
	address := func(months int) string { return "/desk/plan?month=" + month.AddDate(0, months, 0).Format("2006-01") }
	page := planPage{
		Month: o.l.T("desk.month", "month", month.Format("01"), "year", month.Format("2006")), Previous: address(-1), Next: address(1), Live: address(0),
	}
	on := map[newsroom.Date][]newsroom.Card{}
	for _, c := range cards {
		if when := planTime(c); when != nil {
			on[newsroom.DateOf(*when)] = append(on[newsroom.DateOf(*when)], c)
		}
	}
	for day := month; day.Month() == month.Month(); day = day.AddDate(0, 0, 1) {
		date := newsroom.DateOf(day)
		if len(on[date]) == 0 {
			continue
		}
		v := planDay{ISO: date.String(), Name: o.l.FormalDate(day), Today: date == newsroom.DateOf(now), Off: !o.calendar.Works(date)}
		slices.SortStableFunc(on[date], func(a, b newsroom.Card) int { return planTime(a).Compare(*planTime(b)) })
		for _, c := range on[date] {
			card := o.card(c)
			card.When, card.WhenISO = o.l.Time(*planTime(c)), iso(*planTime(c))
			v.Cards = append(v.Cards, card)
		}
		page.Days = append(page.Days, v)
	}
	return s.deskPage(w, r, me, http.StatusOK, "desk/plan", "plan", page)
}

// planTime is the moment for which an article stands in the calendar.
func planTime(c newsroom.Card) *time.Time {
	switch {
	case c.Stage.Open() && c.ReleaseDue != nil:
		return c.ReleaseDue
	case c.Stage.Open() && c.ReleaseAt != nil:
		return c.ReleaseAt
	default:
		return c.PublishedAt
	}
}
