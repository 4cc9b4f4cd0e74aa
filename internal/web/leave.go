package web

import (
	"errors"
	"net/http"
	"strings"

	"toasoan/newsroom"
)

// leavePage is what the page "leave" shows.
type leavePage struct {
	Token   string
	Section string // name of the list, or of the digest
	Rest    int    // lists besides
	Left    bool   // the list (or all) is ended
	All     bool   // nothing is subscribed to any more
	Dead    bool
}

// getLeave handles GET /huy/{token}: a page with the button, since scanners open links.
func (s *Server) getLeave(w http.ResponseWriter, r *http.Request) error {
	l, err := s.Store.Leaving(r.Context(), r.PathValue("token"))
	return s.leavePage(w, r, l, err)
}

// postLeave handles POST /huy/{token}: the button, and the one-click post of mail services (RFC 8058), which carry no cookie and
// follow no redirect. It is idempotent and answers 200; what the body says matters only for all=1.
func (s *Server) postLeave(w http.ResponseWriter, r *http.Request) error {
	source := "link"
	if r.PostFormValue("List-Unsubscribe") == "One-Click" {
		source = "one_click"
	}
	l, err := s.Store.Leave(r.Context(), r.PathValue("token"), ticked(r, "all"), s.proof(r, source))
	if err == nil {
		s.followReader(r.Context(), l.SubscriberID)
	}
	return s.leavePage(w, r, l, err)
}

func (s *Server) leavePage(w http.ResponseWriter, r *http.Request, l newsroom.Leaving, err error) error {
	if errors.Is(err, newsroom.ErrNotFound) {
		return s.render(w, r, http.StatusNotFound, "leave", leavePage{Dead: true})
	}
	if err != nil {
		return err
	}
	if l.Locale != "" {
		ownLang(r, l.Locale)
	}
	site, err := s.site(r.Context())
	if err != nil {
		return err
	}
	page := leavePage{Token: r.PathValue("token"), Rest: l.Rest, All: l.State != newsroom.SubscriberConfirmed}
	page.Left = page.All || !l.Still
	switch {
	case l.Section != "":
		page.Section = site.Section(l.Section).Name(s.lang(r).Tag())
	case l.Cadence != "":
		page.Section = s.lang(r).T("cadence." + string(l.Cadence))
	default:
		names := make([]string, len(l.Lists))
		for i, id := range l.Lists {
			names[i] = site.Section(id).Name(s.lang(r).Tag())
		}
		page.Section = strings.Join(names, ", ")
	}
	return s.render(w, r, http.StatusOK, "leave", page)
}
