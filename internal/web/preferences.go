package web

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"toasoan/internal/locale"
	"toasoan/internal/text"
	"toasoan/newsroom"
)

// preferencesPage is what the page "preferences" shows.
type preferencesPage struct {
	Token, Email, Name string
	Confirmed          bool
	Lists              []listChoice
	Dead               bool
	Saved, Left        bool
	Erased             bool
	Blocked            string // in words
}

// listChoice is a section with the cadences to choose from; none chosen: not subscribed.
type listChoice struct {
	ID, Name string
	Off      bool
	Cadences []choice
}

// getPreferences handles GET /tuy-chon/{token}.
func (s *Server) getPreferences(w http.ResponseWriter, r *http.Request) error {
	u, err := s.Store.SubscriberByToken(r.Context(), r.PathValue("token"))
	if errors.Is(err, newsroom.ErrNotFound) {
		return s.render(w, r, http.StatusGone, "preferences", preferencesPage{Dead: true})
	}
	if err != nil {
		return err
	}
	ownLang(r, u.Locale)
	site, err := s.site(r.Context())
	if err != nil {
		return err
	}
	l := s.lang(r)
	page := preferencesPage{
		Token: r.PathValue("token"), Email: u.Email, Name: u.Name, Confirmed: u.State == newsroom.SubscriberConfirmed,
		Saved: r.URL.Query().Has("luu"), Left: u.State == newsroom.SubscriberLeft,
	}
	if u.Blocked != "" {
		page.Blocked = l.T("subscribe.blocked_" + u.Blocked)
	}
	for _, one := range sectionLinks(site, l) {
		wants := u.Wants(one.ID)
		page.Lists = append(page.Lists, listChoice{ID: one.ID, Name: one.Name, Off: wants == "", Cadences: cadences(l, wants)})
	}
	return s.render(w, r, http.StatusOK, "preferences", page)
}

// postPreferences handles POST /tuy-chon/{token}: with act save new lists, with act leave the end of all.
func (s *Server) postPreferences(w http.ResponseWriter, r *http.Request) error {
	token := r.PathValue("token")
	if err := r.ParseForm(); err != nil {
		return refuse(http.StatusBadRequest, "error.bad_request")
	}
	u, err := s.Store.SubscriberByToken(r.Context(), token)
	if errors.Is(err, newsroom.ErrNotFound) {
		return s.render(w, r, http.StatusGone, "preferences", preferencesPage{Dead: true})
	}
	if err != nil {
		return err
	}
	ownLang(r, u.Locale)
	switch act := r.PostFormValue("act"); {
	case act == "leave":
		_, err = s.Store.LeaveAll(r.Context(), token, s.proof(r, "link"))
	case act == "save" && r.PostForm.Has("section"):
		_, err = s.Store.SetPreferences(r.Context(), token, chosenLists(r), text.Line(r.PostFormValue("name")), s.proof(r, "link"))
	default: // a form that came in part, or nobody's: not to be taken for a wish to get nothing
		return refuse(http.StatusBadRequest, "error.bad_request")
	}
	switch {
	case errors.Is(err, newsroom.ErrNotFound):
		return s.render(w, r, http.StatusGone, "preferences", preferencesPage{Dead: true})
	case errors.Is(err, newsroom.ErrForbidden): // left meanwhile: the page says so
	case err != nil:
		return err
	default:
		s.followReader(r.Context(), u.ID)
	}
	return see(w, r, "/tuy-chon/"+token+"?luu")
}

// chosenLists reads the fields list.<section>, whose value is a cadence or "".
func chosenLists(r *http.Request) []newsroom.Subscription {
	var lists []newsroom.Subscription
	for _, section := range r.PostForm["section"] {
		if cadence := newsroom.Cadence(r.PostFormValue("list." + section)); cadence != "" {
			lists = append(lists, newsroom.Subscription{Section: section, Cadence: cadence})
		}
	}
	return lists
}

// postErase handles POST /tuy-chon/{token}/xoa: the person's data are removed at once (Law 91/2025).
func (s *Server) postErase(w http.ResponseWriter, r *http.Request) error {
	token := r.PathValue("token")
	if !ticked(r, "sure") {
		return see(w, r, "/tuy-chon/"+token)
	}
	u, err := s.Store.SubscriberByToken(r.Context(), token)
	if err == nil {
		ownLang(r, u.Locale)
		err = s.Store.Erase(r.Context(), token, s.proof(r, "link"))
	}
	if err != nil && !errors.Is(err, newsroom.ErrNotFound) { // a repeat finds nobody: that is what was wanted
		return err
	}
	return s.render(w, r, http.StatusOK, "preferences", preferencesPage{Erased: true})
}

// getOwnData handles GET /tuy-chon/{token}/du-lieu: everything that is stored about the person, as a file.
func (s *Server) getOwnData(w http.ResponseWriter, r *http.Request) error {
	data, err := s.Store.PersonalData(r.Context(), r.PathValue("token"))
	if err != nil {
		return err
	}
	return s.sendData(w, r, data)
}

// addWords fills in the words that were consented to.
func (s *Server) addWords(r *http.Request, consents []newsroom.Consent) error {
	site, err := s.site(r.Context())
	if err != nil {
		return err
	}
	unit := cmp.Or(site.Office.Unit, site.Office.Portal)
	for i := range consents {
		c := &consents[i]
		if tag, known := strings.CutPrefix(c.Form, subscribeWords+"/"); known && c.Act == "requested" {
			c.Words = locale.For(tag).T("subscriber.consent", "unit", unit)
		}
	}
	return nil
}

// sendData hands out what is stored about a person as a file, with the words that were consented to.
func (s *Server) sendData(w http.ResponseWriter, r *http.Request, data newsroom.PersonalData) error {
	if err := s.addWords(r, data.Consents); err != nil {
		return err
	}
	body, err := json.MarshalIndent(data, "", "  ")
	if err != nil {
		return err
	}
	w.Header().Set("Content-Disposition", `attachment; filename="du-lieu-dang-ky.json"`)
	w.Header().Set("Cache-Control", "no-store")
	return s.send(w, r, http.StatusOK, "application/json; charset=utf-8", body)
}
