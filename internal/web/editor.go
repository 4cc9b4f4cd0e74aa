package web

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// editorStore is what writing asks of the database.
type editorStore interface {
	CreateArticle(ctx context.Context, by newsroom.Person, c newsroom.Content) (newsroom.Draft, error)
	SaveDraft(ctx context.Context, id string, by newsroom.Person, version int64, c newsroom.Content) (newsroom.Draft, error)
	OverwriteDraft(ctx context.Context, id string, by newsroom.Person, version int64, c newsroom.Content) (newsroom.Draft, error)
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
	Kept       []keptView
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
	page.Sections = slices.DeleteFunc(page.Sections, func(o option) bool { return !o.Chosen && !a.MovesTo(me, o.Value) })
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
	return page, s.editRecord(r, page, sit, me, o)
}

var creditKinds = []string{"photo", "text_and_photo", "video", "translation"}

// editRecord fills in comments, history and why it came back.
func (s *Server) editRecord(r *http.Request, page *editPage, sit newsroom.Situation, me newsroom.Person, o lists) error {
	record := &articleDesk{Card: page.Card}
	if err := s.articleRecord(r, record, sit.Article, me, o); err != nil {
		return err
	}
	page.Comments, page.History, page.Kept = record.Comments, record.History, record.Kept
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
