package web

import (
	"errors"
	"net/http"

	"toasoan/newsroom"
)

// confirmPage is what the page "confirm" shows.
type confirmPage struct {
	Token string
	Lists []listView
	Done  bool
	Dead  bool // the link is unknown or too old
}

// listView is a section with its cadence in words.
type listView struct{ ID, Name, Cadence string }

func (s *Server) listViews(r *http.Request, lists []newsroom.Subscription) ([]listView, error) {
	site, err := s.site(r.Context())
	if err != nil {
		return nil, err
	}
	l := s.lang(r)
	var views []listView
	for _, one := range lists {
		views = append(views, listView{ID: one.Section, Name: site.Section(one.Section).Name(l.Tag()), Cadence: l.T("cadence." + string(one.Cadence))})
	}
	return views, nil
}

// getConfirm handles GET /xac-nhan/{token}: it shows what pressing the button brings, and writes nothing, since mail
// programs open links by themselves.
func (s *Server) getConfirm(w http.ResponseWriter, r *http.Request) error {
	return s.confirmPage(w, r, false)
}

// postConfirm handles POST /xac-nhan/{token}. A second press is answered like the first.
func (s *Server) postConfirm(w http.ResponseWriter, r *http.Request) error {
	id, err := s.Store.Confirm(r.Context(), r.PathValue("token"), s.proof(r, "link"))
	switch {
	case errors.Is(err, newsroom.ErrNotFound):
		return s.render(w, r, http.StatusGone, "confirm", confirmPage{Dead: true})
	case err != nil:
		return err
	}
	s.followReader(r.Context(), id)
	return s.confirmPage(w, r, true)
}

func (s *Server) confirmPage(w http.ResponseWriter, r *http.Request, done bool) error {
	token := r.PathValue("token")
	u, already, err := s.Store.Confirmation(r.Context(), token)
	if errors.Is(err, newsroom.ErrNotFound) {
		return s.render(w, r, http.StatusGone, "confirm", confirmPage{Dead: true})
	}
	if err != nil {
		return err
	}
	page := confirmPage{Token: token, Done: done || already}
	if page.Lists, err = s.listViews(r, u.Lists); err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, "confirm", page)
}
