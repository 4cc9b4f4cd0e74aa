package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// editorStore is what writing asks of the database.
type editorStore interface {
	CreateArticle(ctx context.Context, by newsroom.Person, c newsroom.Content) (newsroom.Draft, error)
	SaveDraft(ctx context.Context, id string, by newsroom.Person, version int64, c newsroom.Content) (newsroom.Draft, error)
	KeepDraft(ctx context.Context, id, by string, c newsroom.Content) error
	KeepPasted(ctx context.Context, articleID string, revision int, by, original string) error
	Article(ctx context.Context, id string) (newsroom.Article, error)
}

// editorBody is how much the editor's form may send: a body of 2 MB as a form, what was pasted beside it, and a Word file.
const editorBody = 24 << 20

// newPage is the page "desk/new": the start of an article.
type newPage struct {
	Title    string
	Section  string
	Sections []option
	Errors   formErrors
}

// getNewArticle handles GET /desk/articles/new.
func (s *Server) getNewArticle(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	page := newPage{}
	var err error
	if page.Sections, err = s.sectionOptions(r, ""); err != nil {
		return err
	}
	return s.deskPage(w, r, me, http.StatusOK, "desk/new", "new", page)
}

// postNewArticle handles POST /desk/articles: it begins a draft, from a Word file where one is sent, and opens the editor.
func (s *Server) postNewArticle(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	if err := parseForm(r); err != nil {
		return err
	}
	l := s.lang(r)
	page := newPage{Title: text.Line(r.PostFormValue("title")), Section: r.PostFormValue("section")}
	c := newsroom.Content{Title: page.Title, Section: page.Section, Audience: "public"}
	account, err := s.Store.Account(r.Context(), me.ID)
	if err != nil {
		return err
	}
	c.Authors = []newsroom.Author{{PenName: account.PenName, UserID: me.ID, Share: 100}}
	if account.PenName == "" {
		c.Authors[0].PenName = me.Name
	}
	original := ""
	file, err := s.docx(r)
	switch wrong, ok := errors.AsType[*fileError](err); {
	case ok:
		page.Errors.add(l, "docx", wrong.key)
	case err != nil:
		return err
	case file != nil:
		original, err = s.takeDocx(r, me, file, &c)
		if wrong, ok := errors.AsType[*fileError](err); ok {
			page.Errors.add(l, "docx", wrong.key)
		} else if err != nil {
			return err
		}
	}
	c.Slug = text.Slug(c.Title)
	var draft newsroom.Draft
	if len(page.Errors) == 0 {
		draft, err = s.Store.CreateArticle(r.Context(), me, c)
		page.Errors, _ = wrongFields(l, err)
	}
	if len(page.Errors) > 0 {
		if page.Sections, err = s.sectionOptions(r, page.Section); err != nil {
			return err
		}
		return s.deskPage(w, r, me, http.StatusUnprocessableEntity, "desk/new", "new", page)
	}
	if err != nil {
		return err
	}
	if original != "" {
		if err := s.Store.KeepPasted(r.Context(), draft.Article.ID, 0, me.ID, original); err != nil {
			return err
		}
	}
	s.desk.live.tell("board", "work")
	return see(w, r, articlePath(draft.Article.ID)+"/edit")
}

// parseForm reads a form of either encoding; files up to a few MB stay in memory, larger ones go to disk.
func parseForm(r *http.Request) error {
	err := r.ParseMultipartForm(4 << 20)
	if errors.Is(err, http.ErrNotMultipart) {
		err = r.ParseForm()
	}
	if _, large := errors.AsType[*http.MaxBytesError](err); err != nil && !large {
		return &statusError{status: http.StatusBadRequest, key: "error.bad_request"}
	}
	return err
}

func (s *Server) sectionOptions(r *http.Request, chosen string) ([]option, error) {
	sections, err := s.Store.Sections(r.Context())
	if err != nil {
		return nil, err
	}
	var list []option
	for _, one := range sections {
		if !one.Retired || one.ID == chosen {
			list = append(list, option{one.ID, one.Name(s.lang(r).Tag()), one.ID == chosen})
		}
	}
	return list, nil
}

// editPage is the page "desk/edit".
type editPage struct {
	Card       cardView
	ETag       string
	C          newsroom.Content
	Sections   []option
	AlsoIn     []option
	Pictures   []pictureView
	Colleagues []option
	Kinds      []option // of credits
	ReleaseAt  string
	DisplayEnd string
	Tags       string
	Topics     string
	SavedAt    string
	Returned   string // why it came back
	Checks     checksView
	Comments   []commentView
	History    []historyView
	Submit     *moveView // the move that hands it on, where I may make it
	Abandon    *moveView
	MaxTitle   int
	MaxLead    int
	Errors     formErrors
	Conflict   bool // somebody saved meanwhile; what was typed is in the form
	Unsaved    bool // what is shown was not saved
}

// getEdit handles GET /desk/articles/{id}/edit.
func (s *Server) getEdit(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	sit, err := s.readable(r, me, r.PathValue("id"))
	if err != nil {
		return err
	}
	if !sit.Article.Editor(me) {
		s.leaveFlash(w, "warn", "flash.not_editor")
		return see(w, r, articlePath(sit.Article.ID))
	}
	page, err := s.editPage(r, sit, me, sit.Draft)
	if err != nil {
		return err
	}
	return s.deskPage(w, r, me, http.StatusOK, "desk/edit", "", page)
}

func etag(version int64) string { return `"` + strconv.FormatInt(version, 10) + `"` }

// editPage shows c, what is saved or what was typed, in the editor.
func (s *Server) editPage(r *http.Request, sit newsroom.Situation, me newsroom.Person, c newsroom.Content) (*editPage, error) {
	l, a := s.lang(r), sit.Article
	o, err := s.lists(r)
	if err != nil {
		return nil, err
	}
	page := &editPage{
		ETag: etag(a.Version), C: c, ReleaseAt: fieldTime(c.ReleaseAt), DisplayEnd: fieldTime(c.DisplayEnd), Tags: strings.Join(c.Tags, ", "),
		Topics: strings.Join(c.Topics, ", "), SavedAt: l.Time(a.UpdatedAt), MaxTitle: newsroom.MaxTitle, MaxLead: newsroom.MaxLead,
	}
	card := newsroom.Card{ID: a.ID, Title: a.Title, Stage: a.Stage, Public: a.Public, Section: a.Section, Clock: a.Clock, UpdatedAt: a.UpdatedAt}
	if a.Clock.Runs() {
		card.Due = new(a.Clock.Due(o.calendar, 100))
	}
	page.Card = o.card(card)
	if page.Sections, err = s.sectionOptions(r, c.Section); err != nil {
		return nil, err
	}
	if page.AlsoIn, err = s.sectionOptions(r, ""); err != nil {
		return nil, err
	}
	for i, one := range page.AlsoIn {
		page.AlsoIn[i].Chosen = slices.Contains(c.AlsoIn, one.Value)
	}
	for _, p := range c.Pictures {
		one, err := s.picture(r, p)
		if err != nil {
			return nil, err
		}
		page.Pictures = append(page.Pictures, one)
	}
	for _, kind := range creditKinds {
		page.Kinds = append(page.Kinds, option{Value: kind, Text: l.T("article.credit_" + kind)})
	}
	colleagues, err := s.Store.Colleagues(r.Context())
	if err != nil {
		return nil, err
	}
	for _, one := range colleagues {
		page.Colleagues = append(page.Colleagues, option{Value: one.ID, Text: one.Name})
	}
	page.Checks = s.checks(r, c, sit)
	bar, err := s.moveBar(r, sit, me)
	if err != nil {
		return nil, err
	}
	for _, v := range bar.All() {
		switch newsroom.Move(v.Move) {
		case newsroom.MoveSubmit:
			page.Submit = &v
		case newsroom.MoveAbandon:
			page.Abandon = &v
		}
	}
	return page, s.editRecord(r, page, o)
}

var creditKinds = []string{"photo", "text_and_photo", "video", "translation"}

// editRecord fills in comments, history and why it came back.
func (s *Server) editRecord(r *http.Request, page *editPage, o lists) error {
	record := &articleDesk{Card: page.Card}
	if err := s.articleRecord(r, record, o); err != nil {
		return err
	}
	page.Comments, page.History = record.Comments, record.History
	if page.Card.State == string(newsroom.StageChangesRequested) {
		for _, h := range page.History {
			if h.To == string(newsroom.StageChangesRequested) {
				page.Returned = h.Reason
				break
			}
		}
	}
	return nil
}

// contentForm reads what the editor sent, cleaned, over what the article was: whatever the form does not show stays.
func contentForm(r *http.Request, was newsroom.Content) (c newsroom.Content, wrong []newsroom.FieldError) {
	form := r.PostForm
	bad := func(field, code string) { wrong = append(wrong, newsroom.FieldError{Field: field, Code: code}) }
	c = was
	c.Title, c.Lead, c.Section = text.Line(form.Get("title")), text.Line(form.Get("lead")), form.Get("section")
	c.Body = text.HTML(form.Get("body"))
	c.AlsoIn = without(form["also_in"], c.Section)
	c.Tags, c.Topics = words(form.Get("tags")), words(form.Get("topics"))
	c.Slug = text.Slug(c.Title)
	c.Pictures = pictureRows(form)
	c.Authors = authorRows(form)
	c.Credits = nil
	for i, name := range form["credit_name"] {
		if name = text.Line(name); name != "" {
			c.Credits = append(c.Credits, newsroom.Credit{Kind: known(at(form["credit_kind"], i), creditKinds), Name: name})
		}
	}
	c.Source = newsroom.Source{Name: text.Line(form.Get("source_name")), URL: strings.TrimSpace(form.Get("source_url"))}
	if c.Source.URL != "" && !webAddress(c.Source.URL) {
		bad("source_url", "bad_url")
	}
	c.Attachments = fileRows(form, was.Attachments, bad)
	var ok bool
	if c.ReleaseAt, ok = localTime(form.Get("release_at")); !ok {
		bad("release_at", "bad_time")
	}
	if c.DisplayEnd, ok = localTime(form.Get("display_end")); !ok {
		bad("display_end", "bad_time")
	}
	if was.Change == newsroom.ChangeCorrection {
		c.Note = &newsroom.Correction{Old: text.Line(form.Get("note_old")), New: text.Line(form.Get("note_new"))}
	}
	return c, append(wrong, c.TooLong()...)
}

func pictureRows(form url.Values) (rows []newsroom.Picture) {
	for i, sha := range form["figure_sha"] {
		if !shaForm(sha) {
			continue
		}
		rows = append(rows, newsroom.Picture{
			SHA: sha, Caption: text.Line(at(form["figure_caption"], i)), Alt: text.Line(at(form["figure_alt"], i)), Credit: text.Line(at(form["figure_credit"], i)),
		})
	}
	return rows
}

func authorRows(form url.Values) (rows []newsroom.Author) {
	for i, name := range form["author_name"] {
		share, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(at(form["author_share"], i)), "%"))
		one := newsroom.Author{PenName: text.Line(name), UserID: at(form["author_user"], i), Share: max(0, min(share, 100))}
		if one.PenName != "" || one.UserID != "" {
			rows = append(rows, one)
		}
	}
	return rows
}

// fileRows reads the attachments: which they are says the article, what they are called says the form.
func fileRows(form url.Values, was []newsroom.Attachment, bad func(field, code string)) (rows []newsroom.Attachment) {
	for i, sha := range form["file_sha"] {
		k := slices.IndexFunc(was, func(f newsroom.Attachment) bool { return f.SHA == sha })
		if k < 0 {
			continue
		}
		one := was[k]
		one.Number, one.Summary, one.Date = text.Line(at(form["file_number"], i)), text.Line(at(form["file_summary"], i)), strings.TrimSpace(at(form["file_date"], i))
		if _, err := time.Parse(time.DateOnly, one.Date); one.Date != "" && err != nil {
			bad(fmt.Sprintf("file_date%d", i), "bad_date")
			one.Date = ""
		}
		rows = append(rows, one)
	}
	return rows
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

func known(value string, of []string) string {
	if slices.Contains(of, value) {
		return value
	}
	return of[0]
}

// words splits a line at commas, each word once.
func words(line string) (list []string) {
	for _, one := range strings.FieldsFunc(line, func(c rune) bool { return c == ',' || c == ';' || c == '\n' }) {
		if one = text.Line(one); one != "" && !slices.Contains(list, one) {
			list = append(list, one)
		}
	}
	return list
}

func without(list []string, value string) (kept []string) {
	for _, one := range list {
		if one != value && one != "" && !slices.Contains(kept, one) {
			kept = append(kept, one)
		}
	}
	return kept
}

func shaForm(s string) bool {
	return len(s) == 64 && strings.Trim(s, "0123456789abcdef") == ""
}

func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

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
	draft, err := s.save(r, me, sit, version, c)
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

// save writes the draft. Text that cannot be written, since somebody else saved or took the lock, is kept aside.
func (s *Server) save(r *http.Request, me newsroom.Person, sit newsroom.Situation, version int64, c newsroom.Content) (newsroom.Draft, error) {
	id := sit.Article.ID
	draft, err := s.Store.SaveDraft(r.Context(), id, me, version, c)
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
	draft, err := s.save(r, me, sit, version, c)
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
