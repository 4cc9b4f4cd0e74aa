package web

import (
	"context"
	"net/http"
	"time"

	"toasoan/newsroom"
)

// cardView is an article on the board and in the desk's lists, in the reader's language.
type cardView struct {
	ID        string
	URL       string
	Title     string
	State     string // class and icon: a stage, or the public state of what is released
	StateText string
	Section   string
	Author    string
	Holder    string
	Due       *dueView
	When      string // release, embargo or publication
	WhenISO   string
	Note      string // why it came back
	Flags     []flagView
	Views     int64
	Updated   time.Time
	Do        string // the one thing to do next, "" none
	DoURL     string
}

// flagView is a remark on a card: a second signature, a frozen release.
type flagView struct{ Class, Icon, Text string }

// dueView says how much working time is left.
type dueView struct {
	Class string // "", due-soon, due-over
	Icon  string
	Text  string
	ISO   string
	Exact string
}

// lists is what every list of cards needs besides the cards.
type lists struct {
	l        language
	now      time.Time
	calendar newsroom.Calendar
	sections map[string]string
}

// listStore is what lists of articles ask of the database.
type listStore interface {
	Calendar(ctx context.Context) (newsroom.Calendar, error)
	Sections(ctx context.Context) ([]newsroom.Section, error)
}

func (s *Server) lists(r *http.Request) (lists, error) {
	out := lists{l: s.lang(r), now: s.Now(), sections: map[string]string{}}
	var err error
	if out.calendar, err = s.Store.Calendar(r.Context()); err != nil {
		return out, err
	}
	sections, err := s.Store.Sections(r.Context())
	if err != nil {
		return out, err
	}
	for _, one := range sections {
		out.sections[one.ID] = one.Name(out.l.Tag())
	}
	return out, nil
}

func (o lists) cards(list []newsroom.Card) []cardView {
	views := make([]cardView, len(list))
	for i, c := range list {
		views[i] = o.card(c)
	}
	return views
}

func (o lists) card(c newsroom.Card) cardView {
	v := cardView{
		ID: c.ID, URL: articlePath(c.ID), Title: c.Title, Section: o.section(c.Section), Author: c.Author, Holder: c.Holder,
		Views: c.Views, Updated: c.UpdatedAt, Due: o.due(c),
	}
	if v.Title == "" {
		v.Title = o.l.T("desk.untitled")
	}
	v.State, v.StateText = stateOf(o.l, c.Stage, c.Public)
	switch {
	case c.Stage == newsroom.StageReleased && c.PublishedAt != nil:
		v.When, v.WhenISO = o.l.DateTime(*c.PublishedAt), iso(*c.PublishedAt)
	case c.ReleaseDue != nil:
		v.When, v.WhenISO = o.l.MailTime(*c.ReleaseDue), iso(*c.ReleaseDue)
	case c.ReleaseAt != nil && c.Stage.Open():
		v.When, v.WhenISO = o.l.T("desk.embargo", "time", o.l.MailTime(*c.ReleaseAt)), iso(*c.ReleaseAt)
	}
	if c.NoteCode != "" {
		v.Note = o.l.T("reason."+string(c.NoteCode)) + ": " + c.Note
	}
	if c.Frozen {
		v.Flags = append(v.Flags, flagView{"due-over", "shield", o.held(c.FrozenWhy)})
	} else if c.Stage.Open() && (c.Public == newsroom.PublicWithdrawn || c.Public == newsroom.PublicTakenDown || c.Public == newsroom.PublicExpired) {
		v.Flags = append(v.Flags, flagView{"due-soon", "state-" + string(c.Public), o.l.T("desk.down_" + string(c.Public))})
	}
	if c.SecondBy != nil {
		flag := flagView{"due-soon", "key", o.l.T("desk.second_due", "time", o.l.MailTime(*c.SecondBy))}
		if c.SecondLate {
			flag = flagView{"due-over", "key", o.l.T("desk.second_late")}
		}
		v.Flags = append(v.Flags, flag)
	}
	return v
}

// held says why an approved revision does not go out.
func (o lists) held(why newsroom.Hold) string {
	if key := "desk.frozen_" + string(why); o.l.Has(key) {
		return o.l.T(key)
	}
	return o.l.T("desk.frozen")
}

func (o lists) section(id string) string {
	if name, ok := o.sections[id]; ok {
		return name
	}
	if id == "" {
		return o.l.T("desk.no_section")
	}
	return id
}

// due says how much working time is left on a card's clock; nil when nobody is on it.
func (o lists) due(c newsroom.Card) *dueView {
	if !c.Clock.Runs() || c.Due == nil {
		return nil
	}
	left, used := c.Left(o.calendar, o.now)
	d := &dueView{Icon: "clock", ISO: iso(*c.Due), Exact: o.l.DateTime(*c.Due)}
	switch {
	case !c.Due.After(o.now):
		d.Class, d.Icon, d.Text = "due-over", "state-overdue", o.l.T("desk.overdue_by", "time", o.l.WorkingLeft(-left))
	case used >= 80:
		d.Class, d.Icon, d.Text = "due-soon", "state-due_soon", o.l.T("desk.left", "time", o.l.WorkingLeft(left))
	default:
		d.Text = o.l.T("desk.left", "time", o.l.WorkingLeft(left))
	}
	return d
}

// stateOf is the one state that people are shown: the public one of what is released, the stage of everything else.
func stateOf(l language, stage newsroom.Stage, public newsroom.Public) (class, text string) {
	if stage == newsroom.StageReleased && public != newsroom.PublicHidden {
		return string(public), l.T("public." + string(public))
	}
	return string(stage), l.T("stage." + string(stage))
}

func iso(t time.Time) string { return t.In(vietnam).Format(time.RFC3339) }

// articlePath is the desk's page of an article.
func articlePath(id string) string { return "/desk/articles/" + id }
