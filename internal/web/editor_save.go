package web

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// putDraft handles PUT /desk/articles/{id}, the autosave: 200 with the new etag, 409 or 412 when somebody else saved or holds the
// text now (what was sent is kept aside), 422 for what cannot be saved.
func (s *Server) putDraft(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	if err := r.ParseForm(); err != nil {
		return &statusError{status: http.StatusBadRequest, key: "error.bad_request"}
	}
	sit, err := s.readable(r, me, r.PathValue("id"))
	if err != nil {
		return err
	}
	version, ok := readETag(r.Header.Get("If-Match"))
	if !ok {
		return s.tell(w, r, http.StatusPreconditionRequired, "desk.etag_missing")
	}
	// http.Request fills PostForm from the body of POST, PUT and PATCH alike.
	c, wrong := contentForm(r, sit.Draft)
	if len(wrong) > 0 {
		return s.tellText(w, http.StatusUnprocessableEntity, wrong[0].Code, fieldSentence(s.lang(r), wrong[0]))
	}
	draft, err := s.save(r, me, sit, version, c, false)
	if invalid, ok := errors.AsType[*newsroom.InvalidError](err); ok {
		return s.tellText(w, http.StatusUnprocessableEntity, invalid.Fields[0].Code, fieldSentence(s.lang(r), invalid.Fields[0]))
	}
	switch {
	case errors.Is(err, newsroom.ErrStale):
		return s.tell(w, r, http.StatusPreconditionFailed, "toast.stale")
	case errors.Is(err, newsroom.ErrForbidden):
		return s.tell(w, r, http.StatusConflict, "desk.lost_lock")
	case err != nil:
		return err
	}
	s.desk.live.tell("draft:" + draft.Article.ID)
	w.Header().Set("ETag", etag(draft.Article.Version))
	return s.json(w, http.StatusOK, map[string]string{"etag": etag(draft.Article.Version), "saved_at": s.lang(r).Time(draft.SavedAt)})
}

// save writes the draft. Text that cannot be written, since somebody else saved or took the lock, is kept aside; so is what over replaces.
func (s *Server) save(r *http.Request, me newsroom.Person, sit newsroom.Situation, version int64, c newsroom.Content, over bool) (newsroom.Draft, error) {
	id, write := sit.Article.ID, s.Store.SaveDraft
	if over {
		write = s.Store.OverwriteDraft
	}
	draft, err := write(r.Context(), id, me, version, c)
	if errors.Is(err, newsroom.ErrStale) || errors.Is(err, newsroom.ErrForbidden) {
		if keepErr := s.Store.KeepDraft(r.Context(), id, me.ID, c); keepErr != nil {
			return draft, errors.Join(err, keepErr)
		}
		return draft, err
	}
	if err != nil {
		return draft, err
	}
	if original := r.PostFormValue("pasted_original"); original != "" && draft.Article.Version != sit.Article.Version {
		if err := s.Store.KeepPasted(r.Context(), id, sit.Article.Revision, me.ID, original); err != nil {
			return draft, err
		}
	}
	return draft, nil
}

func readETag(header string) (version int64, ok bool) {
	value := strings.Trim(strings.TrimPrefix(strings.TrimSpace(header), "W/"), `"`)
	version, err := strconv.ParseInt(value, 10, 64)
	return version, err == nil
}

// postDraft handles POST /desk/articles/{id}, the editor's buttons: save, preview, submit, convert from a legacy encoding, take in a Word
// file, and the row buttons of browsers without script. Whatever is wrong, what was typed is shown again.
func (s *Server) postDraft(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	if err := parseForm(r); err != nil {
		return err
	}
	sit, err := s.readable(r, me, r.PathValue("id"))
	if err != nil {
		return err
	}
	l, id := s.lang(r), sit.Article.ID
	c, wrong := contentForm(r, sit.Draft)
	version, ok := readETag(r.PostFormValue("etag"))
	if !ok || ticked(r, "overwrite") {
		version = sit.Article.Version // said so by whoever saw both
	}
	again := func(status int, fill func(*editPage)) error {
		now, err := s.readable(r, me, id)
		if err != nil {
			return err
		}
		page, err := s.editPage(r, now, me, c)
		if err != nil {
			return err
		}
		page.Unsaved = true
		fill(page)
		return s.deskPage(w, r, me, status, "desk/edit", "", page)
	}
	if row := r.PostFormValue("row"); row != "" {
		pressRow(&c, row)
		return again(http.StatusOK, func(page *editPage) { page.ETag = etag(version) })
	}
	if found, err := s.takeUploads(r, me, &c); err != nil {
		return err
	} else if len(found) > 0 {
		return again(http.StatusUnprocessableEntity, func(page *editPage) { page.Errors, page.ETag = found, etag(version) })
	}
	if r.PostFormValue("move") == "convert" {
		convertLegacy(&c)
	}
	if len(wrong) > 0 {
		return again(http.StatusUnprocessableEntity, func(page *editPage) {
			page.ETag = etag(version)
			page.Errors, _ = wrongFields(l, &newsroom.InvalidError{Fields: wrong})
		})
	}
	draft, err := s.save(r, me, sit, version, c, ticked(r, "overwrite"))
	if found, invalid := wrongFields(l, err); invalid {
		return again(http.StatusUnprocessableEntity, func(page *editPage) { page.Errors, page.ETag = found, etag(version) })
	}
	switch {
	case errors.Is(err, newsroom.ErrStale):
		return again(http.StatusConflict, func(page *editPage) { page.Conflict = true })
	case errors.Is(err, newsroom.ErrForbidden):
		s.leaveFlash(w, "warn", "flash.lost_lock")
		return see(w, r, articlePath(id))
	case err != nil:
		return err
	}
	s.desk.live.tell("article:"+id, "board", "work")
	switch r.PostFormValue("move") {
	case "submit":
		return s.submit(w, r, me, draft)
	case "preview":
		return see(w, r, articlePath(id)+"/preview")
	case "review":
		return see(w, r, articlePath(id))
	}
	s.leaveFlash(w, "good", "toast.draft_saved", "time", l.Time(draft.SavedAt))
	return see(w, r, articlePath(id)+"/edit")
}

// submit hands the text on that was just saved: exactly that one, named by its hash.
func (s *Server) submit(w http.ResponseWriter, r *http.Request, me newsroom.Person, draft newsroom.Draft) error {
	a := draft.Article
	request := newsroom.Request{
		ID: strings.ToLower(r.PostFormValue("id")), ArticleID: a.ID, ActorID: me.ID, Door: newsroom.DoorPage, Move: newsroom.MoveSubmit,
		Hash: a.DraftHash, Revision: a.Revision,
	}
	if !newsroom.ValidRequestID(request.ID) {
		request.ID = uuid.NewString()
	}
	outcome, err := s.Dispatch.Move(r.Context(), request)
	if refused, ok := errors.AsType[*newsroom.MoveError](err); ok {
		now, err := s.readable(r, me, a.ID)
		if err != nil {
			return err
		}
		page, err := s.editPage(r, now, me, draft.Content)
		if err != nil {
			return err
		}
		page.Errors = s.submitErrors(r, refused, draft.Content)
		return s.deskPage(w, r, me, http.StatusConflict, "desk/edit", "", page)
	}
	if err != nil {
		return fmt.Errorf("submit article %s: %w", a.ID, err)
	}
	return s.moved(w, r, request, outcome)
}

// submitErrors says why a submit was refused, at the fields that lack something where that is the reason.
func (s *Server) submitErrors(r *http.Request, refused *newsroom.MoveError, c newsroom.Content) (wrong formErrors) {
	l := s.lang(r)
	if refused.Code == newsroom.RefusedIncomplete {
		for _, m := range c.Missing() {
			label := m.Field
			if i, ok := pictureField(m.Field); ok {
				label = l.T("desk.check_picture", "n", i+1)
			} else if key := "article." + m.Field; l.Has(key) {
				label = l.T(key)
			}
			wrong = append(wrong, formError{Field: fieldID(m.Field), Text: label + ": " + fieldSentence(l, m)})
		}
	}
	if len(wrong) == 0 {
		wrong = append(wrong, formError{Field: "checks", Text: refusedText(l, refused)})
	}
	return wrong
}

// pressRow does what a row button means in a browser without script: figures.2.up, authors.add, files.0.remove, credits.add.
func pressRow(c *newsroom.Content, pressed string) {
	list, rest, _ := strings.Cut(pressed, ".")
	number, act, _ := strings.Cut(rest, ".")
	i, err := strconv.Atoi(number)
	if err != nil {
		i, act = -1, number
	}
	switch list {
	case "figures":
		c.Pictures = turned(c.Pictures, i, act)
	case "authors":
		if act == "add" {
			c.Authors = append(c.Authors, newsroom.Author{})
			return
		}
		c.Authors = turned(c.Authors, i, act)
	case "credits":
		if act == "add" {
			c.Credits = append(c.Credits, newsroom.Credit{Kind: creditKinds[0]})
			return
		}
		c.Credits = turned(c.Credits, i, act)
	case "files":
		c.Attachments = turned(c.Attachments, i, act)
	}
}

// turned moves or removes row i of a list; anything else leaves it as it is.
func turned[T any](rows []T, i int, act string) []T {
	if i < 0 || i >= len(rows) {
		return rows
	}
	rows = slices.Clone(rows)
	switch {
	case act == "up" && i > 0:
		rows[i-1], rows[i] = rows[i], rows[i-1]
	case act == "down" && i+1 < len(rows):
		rows[i+1], rows[i] = rows[i], rows[i+1]
	case act == "remove":
		rows = slices.Delete(rows, i, i+1)
	}
	return rows
}

// convertLegacy turns TCVN3 or VNI text into Unicode wherever it is found; whoever asked has seen a preview.
func convertLegacy(c *newsroom.Content) {
	if converted, _, ok := text.SuggestLegacyHTML(c.Body); ok {
		c.Body = text.HTML(converted)
	}
	for _, field := range []*string{&c.Title, &c.Lead} {
		if converted, _, ok := text.SuggestLegacy(*field); ok {
			*field = text.Line(converted)
		}
	}
	c.Slug = text.Slug(c.Title)
}
