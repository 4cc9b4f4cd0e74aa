package web

import (
	"errors"
	"net/http"

	"toasoan/newsroom"
)

// confirmPage is what the page "confirm" shows.
type confirmPage struct {
	Token string
	Name  string // by which the person will be known
	Lists []listView
	Known bool // gets news already
	Done  bool
	Dead  bool // the link is unknown or too old

	Blocked string // what keeps news back all the same, in words
}

// listView is a section with its cadence in words.
type listView struct {
	ID, Name, Cadence string
	Was               string // the cadence before, where it changes
}

func (s *Server) listViews(r *http.Request, lists, before []newsroom.Subscription) ([]listView, error) {
	site, err := s.site(r.Context())
	if err != nil {
		return nil, err
	}
	l := s.lang(r)
	was := newsroom.Subscriber{Lists: before}
	var views []listView
	for _, one := range lists {
		view := listView{ID: one.Section, Name: site.Section(one.Section).Name(l.Tag()), Cadence: l.T("cadence." + string(one.Cadence))}
		if cadence := was.Wants(one.Section); cadence != "" && cadence != one.Cadence {
			view.Was = l.T("cadence." + string(cadence))
		}
		views = append(views, view)
	}
	return views, nil
}

// getConfirm handles GET /xac-nhan/{token}: it shows what pressing the button brings, and writes nothing, since mail
// programs open links by themselves.
func (s *Server) getConfirm(w http.ResponseWriter, r *http.Request) error {
	c, err := s.Store.Confirmation(r.Context(), r.PathValue("token"))
	if err == nil {
		ownLang(r, c.Locale)
	}
	return s.confirmPage(w, r, c, err)
}

// postConfirm handles POST /xac-nhan/{token}. A second press is answered like the first.
func (s *Server) postConfirm(w http.ResponseWriter, r *http.Request) error {
	token := r.PathValue("token")
	c, err := s.Store.Confirmation(r.Context(), token)
	if err != nil {
		return s.confirmPage(w, r, c, err)
	}
	ownLang(r, c.Locale)
	id, err := s.Store.Confirm(r.Context(), token, s.proof(r, "link"))
	if err != nil {
		return s.confirmPage(w, r, c, err)
	}
	s.followReader(r.Context(), id)
	c, err = s.Store.Confirmation(r.Context(), token)
	return s.confirmPage(w, r, c, err)
}

// confirmPage answers with what a confirmation link stands for, or with what was wrong with it.
func (s *Server) confirmPage(w http.ResponseWriter, r *http.Request, c newsroom.Confirmation, err error) error {
	if errors.Is(err, newsroom.ErrNotFound) {
		return s.render(w, r, http.StatusGone, "confirm", confirmPage{Dead: true})
	}
	if err != nil {
		return err
	}
	page := confirmPage{Token: r.PathValue("token"), Name: c.Name, Done: c.Done, Known: c.State == newsroom.SubscriberConfirmed}
	if c.Blocked != "" {
		page.Blocked = s.lang(r).T("subscribe.blocked_" + c.Blocked)
	}
	if page.Lists, err = s.listViews(r, c.Lists, c.Before); err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "confirm", page)
}
