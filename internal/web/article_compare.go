package web

import (
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// getPreview handles GET /desk/articles/{id}/preview: the working text as readers will see it.
func (s *Server) getPreview(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	sit, err := s.readable(r, me, r.PathValue("id"))
	if err != nil {
		return err
	}
	shown, err := s.content(r, sit.Draft)
	if err != nil {
		return err
	}
	w.Header().Set("X-Robots-Tag", "noindex, nofollow")
	return s.render(w, r, http.StatusOK, "desk-preview", previewPage{ID: sit.Article.ID, Shown: shown, Revision: 0})
}

// previewPage is the pages "desk-preview" and "desk/revision".
type previewPage struct {
	ID       string
	Shown    contentView
	Revision int
	By, At   string
	Hash     string
}

// getRevision handles GET /desk/articles/{id}/revisions/{n}.
func (s *Server) getRevision(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	sit, err := s.readable(r, me, r.PathValue("id"))
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil {
		return newsroom.ErrNotFound
	}
	revision, err := s.Store.Revision(r.Context(), sit.Article.ID, n)
	if err != nil {
		return err
	}
	shown, err := s.content(r, revision.Content)
	if err != nil {
		return err
	}
	return s.deskPage(w, r, me, http.StatusOK, "desk/revision", "", previewPage{
		ID: sit.Article.ID, Shown: shown, Revision: n, By: revision.ByName, At: s.lang(r).DateTime(revision.At), Hash: revision.Hash,
	})
}

// comparePage is the page "desk/compare".
type comparePage struct {
	ID       string
	Title    string
	From, To int // 0: the working text
	Texts    []textDiff
	Body     template.HTML
	Same     bool
	Choices  []option
	FromList []option
}

// textDiff is one short field that changed.
type textDiff struct {
	Label string
	Diff  template.HTML
}

// getCompare handles GET /desk/articles/{id}/compare?from=1&to=2; to=0 is the working text.
func (s *Server) getCompare(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	sit, err := s.readable(r, me, r.PathValue("id"))
	if err != nil {
		return err
	}
	from, errFrom := strconv.Atoi(r.URL.Query().Get("from"))
	to, errTo := strconv.Atoi(r.URL.Query().Get("to"))
	if errFrom != nil || errTo != nil {
		return newsroom.ErrNotFound
	}
	read := func(n int) (newsroom.Content, error) {
		if n == 0 {
			return sit.Draft, nil
		}
		revision, err := s.Store.Revision(r.Context(), sit.Article.ID, n)
		return revision.Content, err
	}
	before, err := read(from)
	if err != nil {
		return err
	}
	after, err := read(to)
	if err != nil {
		return err
	}
	page := s.compare(r, before, after)
	page.ID, page.From, page.To = sit.Article.ID, from, to
	l := s.lang(r)
	for n := range sit.Article.Revision + 1 {
		label := l.T("article.revision_n", "n", n)
		if n == 0 {
			label = l.T("desk.working_text")
		}
		page.FromList = append(page.FromList, option{strconv.Itoa(n), label, n == from})
		page.Choices = append(page.Choices, option{strconv.Itoa(n), label, n == to})
	}
	return s.deskPage(w, r, me, http.StatusOK, "desk/compare", "", page)
}

// compare shows what changed between two texts, field by field.
func (s *Server) compare(r *http.Request, before, after newsroom.Content) comparePage {
	l := s.lang(r)
	page := comparePage{Title: after.Title, Same: before.Hash() == after.Hash()}
	field := func(label, old, new string) {
		if old != new {
			page.Texts = append(page.Texts, textDiff{l.T(label), template.HTML(text.DiffText(old, new))}) //nolint:gosec // escaped by DiffText
		}
	}
	field("article.title", before.Title, after.Title)
	field("article.lead", before.Lead, after.Lead)
	field("article.section", before.Section, after.Section)
	field("article.author", before.Byline(), after.Byline())
	field("article.source", before.Source.Name+" "+before.Source.URL, after.Source.Name+" "+after.Source.URL)
	field("article.picture", pictureLines(before), pictureLines(after))
	field("article.attachment", fileLines(before), fileLines(after))
	field("article.tag", strings.Join(before.Tags, ", "), strings.Join(after.Tags, ", "))
	field("article.topic", strings.Join(before.Topics, ", "), strings.Join(after.Topics, ", "))
	field("article.release_at", fieldTime(before.ReleaseAt), fieldTime(after.ReleaseAt))
	field("article.display_end", fieldTime(before.DisplayEnd), fieldTime(after.DisplayEnd))
	if before.Body != after.Body {
		page.Body = template.HTML(text.DiffHTML(before.Body, after.Body)) //nolint:gosec // sanitised by DiffHTML
	}
	return page
}

func pictureLines(c newsroom.Content) string {
	var lines []string
	for _, p := range c.Pictures {
		lines = append(lines, fmt.Sprintf("[%.8s] %s · %s · %s", p.SHA, p.Caption, p.Alt, p.Credit))
	}
	return strings.Join(lines, " | ")
}

func fileLines(c newsroom.Content) string {
	var lines []string
	for _, f := range c.Attachments {
		lines = append(lines, fmt.Sprintf("[%.8s] %s · %s · %s · %s", f.SHA, f.Name, f.Number, f.Date, f.Summary))
	}
	return strings.Join(lines, " | ")
}
