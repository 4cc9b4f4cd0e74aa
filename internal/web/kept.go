package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"toasoan/newsroom"
)

// keptStore is what texts that were put aside ask of the database.
type keptStore interface {
	KeptDrafts(ctx context.Context, a newsroom.Article, viewer newsroom.Person) ([]newsroom.Kept, error)
	KeptDraft(ctx context.Context, a newsroom.Article, viewer newsroom.Person, id int64) (newsroom.Kept, newsroom.Content, error)
	TakeBack(ctx context.Context, articleID string, by newsroom.Person, version, id int64) (newsroom.Draft, error)
}

// keptView is one text that was put aside, in the list beside its article.
type keptView struct {
	By, At, ISO string
	Title       string
	URL         string
}

func (s *Server) keptViews(r *http.Request, a newsroom.Article, me newsroom.Person) (views []keptView, err error) {
	list, err := s.Store.KeptDrafts(r.Context(), a, me)
	for _, k := range list {
		views = append(views, s.keptView(r, a, k))
	}
	return views, err
}

func (s *Server) keptView(r *http.Request, a newsroom.Article, k newsroom.Kept) keptView {
	l := s.lang(r)
	v := keptView{By: k.ByName, At: l.DateTime(k.At), ISO: iso(k.At), Title: k.Title, URL: fmt.Sprintf("%s/kept/%d", articlePath(a.ID), k.ID)}
	if v.Title == "" {
		v.Title = l.T("desk.untitled")
	}
	return v
}

// keptPage is the page "desk/kept": one text that was put aside, and what taking it back would change.
type keptPage struct {
	ID      string
	Kept    keptView
	Shown   contentView
	Changes comparePage // from the working text; nothing where the reader may not edit
	MayTake bool
	ETag    string
	Stale   bool // somebody saved since the page was shown
	Errors  formErrors
}

// getKept handles GET /desk/articles/{id}/kept/{n}.
func (s *Server) getKept(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	return s.keptPage(w, r, me, http.StatusOK, func(*keptPage) {})
}

func (s *Server) keptPage(w http.ResponseWriter, r *http.Request, me newsroom.Person, status int, fill func(*keptPage)) error {
	sit, err := s.readable(r, me, r.PathValue("id"))
	if err != nil {
		return err
	}
	n, err := strconv.ParseInt(r.PathValue("n"), 10, 64)
	if err != nil {
		return newsroom.ErrNotFound
	}
	a := sit.Article
	kept, c, err := s.Store.KeptDraft(r.Context(), a, me, n)
	if err != nil {
		return err
	}
	page := keptPage{ID: a.ID, Kept: s.keptView(r, a, kept), MayTake: a.Editor(me), ETag: etag(a.Version)}
	if page.Shown, err = s.content(r, c); err != nil {
		return err
	}
	if page.MayTake {
		page.Changes = s.compare(r, sit.Draft, a.TakenBack(me, c, sit.Draft))
	}
	fill(&page)
	return s.deskPage(w, r, me, status, "desk/kept", "", page)
}

// postKept handles POST /desk/articles/{id}/kept/{n}: the text becomes the working text, which is put aside in turn.
func (s *Server) postKept(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	if err := parseForm(r); err != nil {
		return err
	}
	sit, err := s.readable(r, me, r.PathValue("id"))
	if err != nil {
		return err
	}
	id := sit.Article.ID
	n, err := strconv.ParseInt(r.PathValue("n"), 10, 64)
	if err != nil {
		return newsroom.ErrNotFound
	}
	version, ok := readETag(r.PostFormValue("etag"))
	if !ok {
		return &statusError{status: http.StatusBadRequest, key: "error.bad_request"}
	}
	_, err = s.Store.TakeBack(r.Context(), id, me, version, n)
	if wrong, invalid := wrongFields(s.lang(r), err); invalid {
		return s.keptPage(w, r, me, http.StatusUnprocessableEntity, func(page *keptPage) { page.Errors = wrong })
	}
	switch {
	case errors.Is(err, newsroom.ErrStale):
		return s.keptPage(w, r, me, http.StatusConflict, func(page *keptPage) { page.Stale = true })
	case errors.Is(err, newsroom.ErrForbidden):
		s.leaveFlash(w, "warn", "flash.not_editor")
		return see(w, r, articlePath(id))
	case err != nil:
		return err
	}
	s.desk.live.tell("article:"+id, "draft:"+id, "board", "work")
	s.leaveFlash(w, "good", "flash.taken_back")
	return see(w, r, articlePath(id)+"/edit")
}
