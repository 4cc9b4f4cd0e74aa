package web

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// articleStore is what the article's pages on the desk ask of the database.
type articleStore interface {
	Situation(ctx context.Context, articleID, actorID string) (newsroom.Situation, error)
	Draft(ctx context.Context, id string) (newsroom.Draft, error)
	Revision(ctx context.Context, id string, n int) (newsroom.Revision, error)
	Revisions(ctx context.Context, id string) ([]newsroom.Revision, error)
	History(ctx context.Context, id string) ([]newsroom.HistoryRow, error)
	Comments(ctx context.Context, articleID string) ([]newsroom.Comment, error)
	Publication(ctx context.Context, articleID string, n int64) (newsroom.Publication, error)
	Publications(ctx context.Context, articleID string) ([]newsroom.Publication, error)
	Receipts(ctx context.Context, articleID string, n int64) ([]newsroom.Receipt, error)
	TryPIN(ctx context.Context, userID, session, pin string) (letters []string, err error)
}

// articleDesk is the page "desk/article": one article as whoever opens it may see and move it.
type articleDesk struct {
	Card        cardView
	Shown       contentView
	Draft       bool // what is shown is the working text, newer than any frozen revision
	Revision    int
	Hash        string
	Public      string // address on the portal, "" not there
	MayEdit     bool
	MayComment  bool
	Lock        string // name of the reviewer who holds it, "" nobody or me
	Moves       moveBar
	Checks      checksView
	Comments    []commentView
	CommentID   string // request id of the comment form
	History     []historyView
	Revisions   []revisionView
	Published   []publicationView
	Kept        []keptView
	Errors      formErrors
	Refused     string // why the last move was refused
	RefusedMove string
	Comment     string // typed comment, kept after an error
}

// commentView is one remark.
type commentView struct {
	Name, Text, At, ISO string
	Note                bool // for the leader
	Revision            int
}

// historyView is one line of the record.
type historyView struct {
	Class, Icon    string
	Who, Did       string
	Capacity, Door string
	At, ISO        string
	To             string // stage it led to, "" the same
	Revision       int
	Reason         string
}

// revisionView is one frozen text in the list to compare.
type revisionView struct {
	N       int
	By, At  string
	Compare string // address of the comparison with the one before, "" the first
	URL     string
}

// getArticle handles GET /desk/articles/{id}.
func (s *Server) getDeskArticle(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	page, err := s.articlePage(r, me, r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.deskPage(w, r, me, http.StatusOK, "desk/article", "", page)
}

// readable reads an article for me, or newsroom.ErrNotFound when I may not know of it.
func (s *Server) readable(r *http.Request, me newsroom.Person, id string) (newsroom.Situation, error) {
	if !newsroom.ValidID(id) {
		return newsroom.Situation{}, newsroom.ErrNotFound
	}
	sit, err := s.Store.Situation(r.Context(), id, me.ID)
	if err != nil {
		return sit, err
	}
	if !me.Reads(sit.Article.AuthorID) {
		return sit, newsroom.ErrNotFound
	}
	return sit, nil
}

func (s *Server) articlePage(r *http.Request, me newsroom.Person, id string) (*articleDesk, error) {
	sit, err := s.readable(r, me, id)
	if err != nil {
		return nil, err
	}
	o, err := s.lists(r)
	if err != nil {
		return nil, err
	}
	a := sit.Article
	page := &articleDesk{
		Revision: a.Revision, Draft: a.Revision == 0 || a.DraftHash != sit.Frozen, MayEdit: a.Editor(me), MayComment: newsroom.Possible(newsroom.MoveComment, a.Stage, a.Public),
		CommentID: uuid.NewString(), Hash: a.DraftHash,
	}
	author, err := s.Store.Person(r.Context(), a.AuthorID)
	if err != nil {
		return nil, err
	}
	card := newsroom.Card{
		ID: a.ID, Title: a.Title, Stage: a.Stage, Public: a.Public, Section: a.Section, Author: author.Name, AuthorID: a.AuthorID, Clock: a.Clock,
		ReleaseDue: a.ReleaseDue, ReleaseAt: sit.Embargo(), PublishedAt: a.PublishedAt, SecondBy: a.SecondBy, SecondLate: a.SecondLate, Frozen: a.Frozen, FrozenWhy: a.FrozenWhy,
		UpdatedAt: a.UpdatedAt,
	}
	if a.Clock.Runs() {
		card.Due = new(a.Clock.Due(o.calendar, 100))
	}
	if a.HolderID != "" {
		holder, err := s.Store.Person(r.Context(), a.HolderID)
		if err != nil {
			return nil, err
		}
		card.Holder = holder.Name
		if a.HolderID != me.ID && a.Stage == newsroom.StageInReview {
			page.Lock = holder.Name
		}
	}
	page.Card = o.card(card)
	shown := sit.Draft
	if sit.ReadsSent() {
		shown, page.Draft, page.Hash = sit.Sent, false, sit.Frozen
	}
	if page.Shown, err = s.content(r, shown); err != nil {
		return nil, err
	}
	if a.Live > 0 && a.Public != newsroom.PublicHidden {
		page.Public = newsroom.ArticlePath(a.Slug, a.ID)
	}
	page.Checks = s.checks(r, shown, sit)
	if page.Moves, err = s.moveBar(r, sit, me); err != nil {
		return nil, err
	}
	return page, s.articleRecord(r, page, a, me, o)
}

// articleRecord fills in what happened to the article so far.
func (s *Server) articleRecord(r *http.Request, page *articleDesk, a newsroom.Article, me newsroom.Person, o lists) error {
	id, ctx := page.Card.ID, r.Context()
	comments, err := s.Store.Comments(ctx, id)
	if err != nil {
		return err
	}
	for _, c := range comments {
		page.Comments = append(page.Comments, commentView{Name: c.Name, Text: c.Text, At: o.l.DateTime(c.At), ISO: iso(c.At), Note: c.Kind == "note", Revision: c.Revision})
	}
	history, err := s.Store.History(ctx, id)
	if err != nil {
		return err
	}
	slices.Reverse(history)
	for _, h := range history {
		page.History = append(page.History, o.history(h))
	}
	revisions, err := s.Store.Revisions(ctx, id)
	if err != nil {
		return err
	}
	for _, v := range revisions {
		one := revisionView{N: v.N, By: v.ByName, At: o.l.DateTime(v.At), URL: fmt.Sprintf("%s/revisions/%d", page.Card.URL, v.N)}
		if v.N > 1 {
			one.Compare = fmt.Sprintf("%s/compare?from=%d&to=%d", page.Card.URL, v.N-1, v.N)
		}
		page.Revisions = append(page.Revisions, one)
	}
	if page.Published, err = s.publications(r, id, o.l); err != nil {
		return err
	}
	page.Kept, err = s.keptViews(r, a, me)
	return err
}

// historyLooks are icon and colour of what happened.
var historyLooks = map[string][2]string{
	"create": {"", "edit"}, "submit": {"", "send"}, "claim": {"", "state-in_review"}, "release_claim": {"", "inbox"}, "hand_over": {"", "handover"},
	"take_over": {"", "handover"}, "recall": {"back", "undo"}, "return": {"back", "return"}, "request_changes": {"back", "return"},
	"reject": {"bad", "state-rejected"}, "abandon": {"bad", "state-abandoned"}, "forward": {"", "send"}, "resubmit": {"", "send"},
	"withdraw_request": {"back", "undo"}, "approve": {"good", "good"}, "emergency_release": {"live", "alert"}, "release": {"live", "state-live"},
	"reschedule": {"", "state-scheduled"}, "unschedule": {"back", "state-scheduled"}, "undo": {"back", "undo"}, "revise": {"", "edit"},
	"withdraw": {"bad", "state-withdrawn"}, "take_down": {"bad", "state-taken_down"}, "restore": {"live", "state-live"}, "expire": {"", "state-expired"},
	"second_sign": {"good", "key"}, "not_me": {"bad", "shield"}, "comment": {"", "comment"},
}

func (o lists) history(h newsroom.HistoryRow) historyView {
	v := historyView{Who: h.ActorName, At: o.l.DateTime(h.At), ISO: iso(h.At), Revision: h.Revision}
	look, known := historyLooks[h.Action]
	if !known {
		look = [2]string{"", "history"}
	}
	v.Class, v.Icon = look[0], look[1]
	if v.Who == "" {
		v.Who = o.l.T("capacity.workflow")
	}
	v.Did = h.Action
	for _, key := range []string{"did." + h.Action, "move." + h.Action} {
		if o.l.Has(key) {
			v.Did = o.l.T(key)
			break
		}
	}
	switch {
	case h.OnBehalfOf != "":
		v.Capacity = o.l.T("capacity.deputy_for", "name", h.OnBehalfOf)
	case h.Capacity != "" && h.Capacity != newsroom.AsWorkflow:
		v.Capacity = o.l.T("capacity." + string(h.Capacity))
	}
	if h.Door != "" && h.Door != newsroom.DoorPage {
		v.Door = o.l.T("door." + string(h.Door))
	}
	if h.To != "" && h.To != h.From {
		v.To = string(h.To)
	}
	switch {
	case h.Code != "":
		v.Reason = o.l.T("reason."+string(h.Code)) + ". " + h.Reason
	default:
		v.Reason = h.Reason
	}
	return v
}

// contentView is an article's text as readers will see it.
type contentView struct {
	Title       string
	Lead        string
	Body        template.HTML // canonical HTML: package text has made it safe
	Pictures    []pictureView
	Byline      string
	Credits     []string
	Source      newsroom.Source
	Attachments []attachmentView
	Section     string
	AlsoIn      []string
	Topics      []string
	Tags        []string
	ReleaseAt   string
	DisplayEnd  string
	Change      string
	Note        *newsroom.Correction
}

type pictureView struct {
	SHA, URL      string
	Width, Height int
	Alt, Caption  string
	Credit        string
}

type attachmentView struct {
	SHA, URL, Name, Number, Date, Summary, Size string
}

// mediaStore is what showing and taking uploads asks of the database.
type mediaStore interface {
	Media(ctx context.Context, sha string) (newsroom.Media, error)
	Variants(ctx context.Context, sha string) ([]newsroom.MediaVariant, error)
	SavePicture(ctx context.Context, m newsroom.Media, variants []newsroom.MediaVariant) error
	SaveFile(ctx context.Context, m newsroom.Media, data []byte) error
	File(ctx context.Context, sha string) (newsroom.Media, []byte, error)
}

// showWidth is the width at which the desk shows pictures, in pixels, where the picture has it.
const showWidth = 960

// picture finds the address of a picture in the size that the desk shows.
func (s *Server) picture(r *http.Request, p newsroom.Picture) (pictureView, error) {
	v := pictureView{SHA: p.SHA, Alt: p.Alt, Caption: p.Caption, Credit: p.Credit}
	m, err := s.Store.Media(r.Context(), p.SHA)
	if errors.Is(err, newsroom.ErrNotFound) {
		return v, nil
	}
	if err != nil {
		return v, err
	}
	variants, err := s.Store.Variants(r.Context(), p.SHA)
	if err != nil || len(variants) == 0 {
		return v, err
	}
	v.URL, v.Width, v.Height = pictureURL(m, variants)
	return v, nil
}

// pictureURL picks the variant nearest above showWidth, or the largest.
func pictureURL(m newsroom.Media, variants []newsroom.MediaVariant) (url string, width, height int) {
	best := variants[len(variants)-1]
	for _, one := range variants {
		if one.Width >= showWidth {
			best = one
			break
		}
	}
	height = best.Width
	if m.Width > 0 {
		height = best.Width * m.Height / m.Width
	}
	return fmt.Sprintf("/anh/%s-%d.%s", m.SHA, best.Width, best.Ext), best.Width, height
}

func (s *Server) content(r *http.Request, c newsroom.Content) (contentView, error) {
	l := s.lang(r)
	v := contentView{
		Title: c.Title, Lead: c.Lead, Byline: c.Byline(), Source: c.Source, Topics: c.Topics, Tags: c.Tags, Note: c.Note,
		Body: template.HTML(text.HTML(c.Body)), //nolint:gosec // cleaned again here, whatever is stored
	}
	if v.Title == "" {
		v.Title = l.T("desk.untitled")
	}
	o, err := s.lists(r)
	if err != nil {
		return v, err
	}
	v.Section = o.section(c.Section)
	for _, id := range c.AlsoIn {
		v.AlsoIn = append(v.AlsoIn, o.section(id))
	}
	for _, p := range c.Pictures {
		one, err := s.picture(r, p)
		if err != nil {
			return v, err
		}
		one.Credit = creditName(one.Credit)
		v.Pictures = append(v.Pictures, one)
	}
	for _, credit := range c.Credits {
		kind := credit.Kind
		if key := "article.credit_" + credit.Kind; l.Has(key) {
			kind = l.T(key)
		}
		v.Credits = append(v.Credits, kind+": "+credit.Name)
	}
	for _, f := range c.Attachments {
		one := attachmentView{SHA: f.SHA, URL: "/desk/files/" + f.SHA, Name: f.Name, Number: f.Number, Summary: f.Summary, Size: l.Bytes(f.Size), Date: f.Date}
		if at, err := time.ParseInLocation(time.DateOnly, f.Date, vietnam); err == nil {
			one.Date = l.Date(at)
		}
		v.Attachments = append(v.Attachments, one)
	}
	if c.ReleaseAt != nil {
		v.ReleaseAt = l.MailTime(*c.ReleaseAt)
	}
	if c.DisplayEnd != nil {
		v.DisplayEnd = l.MailTime(*c.DisplayEnd)
	}
	if c.Change != newsroom.ChangeNew {
		v.Change = l.T("article.kind_" + string(c.Change))
	}
	return v, nil
}

// checksView is what the checks found, with what is missing before an article may be submitted.
type checksView struct {
	Missing []checkView // must be there
	Found   []checkView
	Legacy  string // a piece of the text in Unicode, where it looks like a legacy encoding; "" it does not
}

// Count is how many things there are to look at.
func (v checksView) Count() int { return len(v.Missing) + len(v.Found) }

type checkView struct {
	Class, Icon string
	Text        string
	Where       string
	Excerpt     string
	Suggest     string
	Field       string // id of the field in the editor
}

// checks looks a text over as the editor and the reviewer see it.
func (s *Server) checks(r *http.Request, c newsroom.Content, sit newsroom.Situation) checksView {
	l := s.lang(r)
	var v checksView
	for _, m := range c.Missing() {
		where := m.Field
		if i, ok := pictureField(m.Field); ok {
			where = l.T("desk.check_picture", "n", i+1)
		} else if key := "article." + m.Field; l.Has(key) {
			where = l.T(key)
		}
		v.Missing = append(v.Missing, checkView{Class: "check-block", Icon: "state-failed", Text: where + ": " + fieldSentence(l, m), Field: fieldID(m.Field)})
	}
	words, err := s.officeWords(r.Context())
	if err != nil {
		s.Log.WarnContext(r.Context(), "word list cannot be read", "error", err)
	}
	for _, f := range text.Check(text.Document{Title: c.Title, Lead: c.Lead, Body: c.Body, Credits: creditLines(c), Words: words}) {
		one := checkView{Class: "check-advice", Icon: "alert", Text: findingText(l, f), Excerpt: f.Excerpt, Suggest: f.Suggest, Field: f.Field}
		if slices.Contains(sit.Policy.BlockingChecks, f.Code) {
			one.Class, one.Icon = "check-block", "state-failed"
		}
		if f.Field != text.FieldBody {
			one.Where = l.T("article." + f.Field)
		}
		v.Found = append(v.Found, one)
	}
	if converted, _, ok := text.SuggestLegacyHTML(c.Body); ok {
		v.Legacy = text.Excerpt(text.Plain(converted), 300)
	}
	return v
}

// findingText is the sentence of a finding; a code without one is named as it is.
func findingText(l language, f text.Finding) string {
	if key := "check." + f.Code; l.Has(key) {
		return l.T(key)
	}
	return f.Code
}

// pictureField reads "pictures.2.alt" as 2.
func pictureField(field string) (int, bool) {
	rest, ok := strings.CutPrefix(field, "pictures.")
	if !ok {
		return 0, false
	}
	number, _, _ := strings.Cut(rest, ".")
	n, err := strconv.Atoi(number)
	return n, err == nil
}

// fieldID is the id of the editor's field for what the domain calls field.
func fieldID(field string) string {
	if i, ok := pictureField(field); ok {
		return fmt.Sprintf("alt%d", i)
	}
	if field == "authors" {
		return "author0"
	}
	return field
}

// wordStore is where the office's word list is.
type wordStore interface {
	Setting(ctx context.Context, key string, out any) error
}

// officeWords is the office's list of words and how they should be written (nổ lực → nỗ lực).
func (s *Server) officeWords(ctx context.Context) ([]text.Word, error) {
	var words []text.Word
	return words, s.Store.Setting(ctx, "words", &words)
}

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
