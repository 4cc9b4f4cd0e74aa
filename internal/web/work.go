package web

import (
	"context"
	"net/http"

	"toasoan/newsroom"
)

// workStore is what "my work" asks of the database.
type workStore interface {
	Work(ctx context.Context, me newsroom.Person) (newsroom.Work, error)
}

// workPage is the page "desk/work".
type workPage struct {
	Now       []cardView // waits for me
	Waiting   []cardView // mine, with somebody else
	Drafts    []cardView
	Published []cardView
	Alerts    int
	Parked    int
	Reports   int
}

// getWork handles GET /desk: what waits for me, by my roles.
func (s *Server) getWork(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	work, err := s.Store.Work(r.Context(), me)
	if err != nil {
		return err
	}
	o, err := s.lists(r)
	if err != nil {
		return err
	}
	page := workPage{Alerts: work.Alerts, Parked: work.Parked, Reports: work.Reports}
	add := func(cards []newsroom.Card, do string, edit bool) {
		for _, c := range cards {
			v := o.card(c)
			v.Do, v.DoURL = o.l.T(do), v.URL
			if edit {
				v.DoURL += "/edit"
			}
			page.Now = append(page.Now, v)
		}
	}
	add(work.Frozen, "desk.do_frozen", false)
	add(work.Decide, "desk.do_decide", false)
	add(work.Second, "desk.do_second", false)
	add(work.Returned, "desk.do_mend", true)
	add(work.Editing, "desk.do_edit", false)
	add(work.Queue, "desk.do_claim", false)
	page.Waiting, page.Drafts, page.Published = o.cards(work.Waiting), o.cards(work.Drafts), o.cards(work.Published)
	for _, list := range [][]cardView{page.Now, page.Waiting, page.Drafts} {
		for i := range list {
			if list[i].Author == me.Name {
				list[i].Author = "" // mine: no need to say so
			}
		}
	}
	for i := range page.Drafts {
		page.Drafts[i].Do, page.Drafts[i].DoURL = o.l.T("desk.do_write"), page.Drafts[i].URL+"/edit"
	}
	return s.deskPage(w, r, me, http.StatusOK, "desk/work", "work", page)
}
