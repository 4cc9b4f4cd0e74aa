package web

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// apiArticles is what writing and listing articles asks of the database.
type apiArticles interface {
	CreateArticleOnce(ctx context.Context, by newsroom.Person, door newsroom.Door, key string, request []byte, c newsroom.Content) (d newsroom.Draft, again bool, err error)
	Situation(ctx context.Context, articleID, actorID string) (newsroom.Situation, error)
	SaveDraft(ctx context.Context, id string, by newsroom.Person, version int64, c newsroom.Content) (newsroom.Draft, error)
	Person(ctx context.Context, id string) (newsroom.Person, error)
	Sections(ctx context.Context) ([]newsroom.Section, error)
	Cards(ctx context.Context, viewer newsroom.Person, f newsroom.CardFilter, before time.Time, beforeID string, limit int) ([]newsroom.Card, error)
}

// apiArticle is an article as the caller may see it: the working text for whoever writes or edits it, else the newest frozen one.
type apiArticle struct {
	ID          string       `json:"id"`
	Stage       string       `json:"stage"`
	Public      string       `json:"public" doc:"What readers see: hidden, live, withdrawn, taken_down, expired."`
	Revision    int          `json:"revision" doc:"Newest frozen revision; 0: none yet."`
	Live        int          `json:"live" doc:"Revision that readers see or saw last; 0: never published."`
	ETag        string       `json:"etag" doc:"For If-Match, as it stands in the header."`
	ContentHash string       `json:"content_hash" doc:"Hash of the text shown here: what a decision must name."`
	Working     bool         `json:"working" doc:"The text shown is the working text, not a frozen revision."`
	AuthorID    string       `json:"author_id"`
	HolderID    string       `json:"holder_id,omitempty" doc:"The reviewer who holds the edit lock."`
	URL         string       `json:"url,omitempty" doc:"Its page on the portal."`
	DueAt       *time.Time   `json:"due_at,omitempty" doc:"When the time of whoever has the ball is over."`
	ReleaseDue  *time.Time   `json:"release_due,omitempty"`
	PublishedAt *time.Time   `json:"published_at,omitempty"`
	CreatedAt   time.Time    `json:"created_at"`
	UpdatedAt   time.Time    `json:"updated_at"`
	Moves       []apiOffer   `json:"moves" doc:"What the caller may try now."`
	Findings    []apiFinding `json:"findings" doc:"What the checks found."`
	apiText
}

// apiText is newsroom.Content with no list left out.
type apiText struct {
	Title       string                `json:"title"`
	Lead        string                `json:"lead"`
	Body        string                `json:"body"`
	Section     string                `json:"section"`
	AlsoIn      []string              `json:"also_in"`
	Authors     []newsroom.Author     `json:"authors"`
	Byline      string                `json:"byline"`
	Credits     []newsroom.Credit     `json:"credits"`
	Pictures    []newsroom.Picture    `json:"pictures"`
	Attachments []newsroom.Attachment `json:"attachments"`
	Source      newsroom.Source       `json:"source"`
	Tags        []string              `json:"tags"`
	Topics      []string              `json:"topics"`
	Slug        string                `json:"slug"`
	ReleaseAt   *time.Time            `json:"release_at,omitempty"`
	DisplayEnd  *time.Time            `json:"display_end,omitempty"`
	Change      string                `json:"change" doc:"Empty, minor or correction."`
	Note        *newsroom.Correction  `json:"note,omitempty"`
}

// apiOffer is a move that the caller may try.
type apiOffer struct {
	Move     string `json:"move"`
	Kind     string `json:"kind,omitempty"`
	Reason   bool   `json:"reason" doc:"It needs a reason code and a text."`
	Scope    string `json:"scope" doc:"Scope that the token needs."`
	Hindered string `json:"hindered,omitempty" doc:"Code of what the article still lacks for it."`
}

// apiFinding is what a check found.
type apiFinding struct {
	Code      string `json:"code"`
	Field     string `json:"field"`
	Paragraph int    `json:"paragraph" doc:"Block of the body, from 0; -1 elsewhere."`
	Excerpt   string `json:"excerpt"`
	Suggest   string `json:"suggest,omitempty"`
}

// apiCard is an article in a list.
type apiCard struct {
	ID          string     `json:"id"`
	Title       string     `json:"title"`
	Stage       string     `json:"stage"`
	Public      string     `json:"public"`
	Section     string     `json:"section"`
	AuthorID    string     `json:"author_id"`
	Author      string     `json:"author"`
	HolderID    string     `json:"holder_id,omitempty"`
	Holder      string     `json:"holder,omitempty"`
	Revision    int        `json:"revision"`
	Live        int        `json:"live"`
	DueAt       *time.Time `json:"due_at,omitempty"`
	Late        bool       `json:"late"`
	ReleaseDue  *time.Time `json:"release_due,omitempty"`
	PublishedAt *time.Time `json:"published_at,omitempty"`
	UpdatedAt   time.Time  `json:"updated_at"`
}

type (
	apiCreateIn struct {
		Key  string `header:"Idempotency-Key" maxLength:"200" doc:"Chosen by the caller, one for each article."`
		Body apiArticleInput
	}
	apiCreateOut struct {
		ETag     string `header:"ETag"`
		Location string `header:"Location"`
		Replayed string `header:"Idempotent-Replayed" doc:"true where the article had been made before."`
		Body     apiArticle
	}
	apiGetIn struct {
		ID   string `path:"id"`
		None string `header:"If-None-Match" doc:"An etag: 304 when nothing has changed."`
	}
	apiArticleOut struct {
		Status int
		ETag   string `header:"ETag"`
		Body   *apiArticle
	}
	apiPutIn struct {
		ID    string `path:"id"`
		Match string `header:"If-Match" doc:"The etag read before: 428 without it, 412 when the text has changed since. * replaces whatever there is, which is put aside."`
		Body  apiArticleInput
	}
	apiListIn struct {
		Mine    bool   `query:"mine" doc:"Own articles only."`
		Stage   string `query:"stage" doc:"A column of the board."`
		Section string `query:"section"`
		Author  string `query:"author" doc:"Account id."`
		Holder  string `query:"holder" doc:"Account id of the reviewer who holds the lock."`
		Text    string `query:"q" maxLength:"300" doc:"In the title, without accents."`
		Late    bool   `query:"late" doc:"Only what is past its due time."`
		After   string `query:"after" doc:"next of the page before."`
		Limit   int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	}
	apiArticleList struct {
		Items []apiCard `json:"items" doc:"The newest change first."`
		Next  string    `json:"next,omitempty" doc:"For after; none: the end."`
	}
	apiListOut struct {
		Body apiArticleList
	}
)

// articleBytes bounds a request that carries an article: 2 MB of body, escaped at its worst.
const articleBytes = 13 << 20

func (s *Server) apiArticleVerbs() {
	write := []newsroom.Scope{newsroom.ScopeWrite}
	apiDo(s, apiVerb{
		id: "createArticle", method: http.MethodPost, path: "/articles", tag: "articles", summary: "Begin an article as a draft (Soạn bài mới).",
		scopes: write, status: http.StatusCreated, body: articleBytes, once: true, errors: []int{http.StatusUnprocessableEntity},
	}, s.apiCreateArticle)
	apiDo(s, apiVerb{
		id: "listArticles", method: http.MethodGet, path: "/articles", tag: "articles", summary: "List articles, the newest change first.",
		doc: "Whoever does not see all of the newsroom sees the own ones.", errors: []int{http.StatusUnprocessableEntity},
	}, s.apiListArticles)
	apiDo(s, apiVerb{
		id: "getArticle", method: http.MethodGet, path: "/articles/{id}", tag: "articles", summary: "Read an article and what may be done with it.",
		also: []int{http.StatusNotModified}, errors: []int{http.StatusNotFound},
	}, s.apiGetArticle)
	apiDo(s, apiVerb{
		id: "putArticle", method: http.MethodPut, path: "/articles/{id}", tag: "articles", summary: "Replace the working text.",
		doc:    "What the request leaves out becomes empty. A save that changes nothing keeps etag, hash and every approval.",
		scopes: write, body: articleBytes,
		errors: []int{http.StatusNotFound, http.StatusPreconditionFailed, http.StatusPreconditionRequired, http.StatusUnprocessableEntity},
	}, s.apiPutArticle)
}

// fingerprint is a hash of what was asked under an Idempotency-Key.
func fingerprint(verb string, body any) []byte {
	asked, err := json.Marshal(body)
	if err != nil {
		asked = nil // our own types of strings and numbers: cannot happen
	}
	sum := sha256.Sum256(append([]byte(verb+"\n"), asked...))
	return sum[:]
}

func (s *Server) apiCreateArticle(ctx context.Context, me caller, in *apiCreateIn) (*apiCreateOut, error) {
	if !me.Writes() {
		return nil, newsroom.ErrForbidden
	}
	c, err := s.apiContent(ctx, in.Body, newsroom.Content{})
	if err != nil {
		return nil, err
	}
	d, again, err := s.Store.CreateArticleOnce(ctx, me.Person, newsroom.DoorAPI, in.Key, fingerprint("createArticle", in.Body), c)
	if err != nil {
		return nil, keyTrouble(ctx, err)
	}
	if err := s.Dispatch.Follow(ctx, d.Article.ID); err != nil {
		s.Log.WarnContext(ctx, "article is followed later", "article_id", d.Article.ID, "error", err)
	}
	a, err := s.apiRead(ctx, me, d.Article.ID)
	if err != nil {
		return nil, err
	}
	out := &apiCreateOut{ETag: a.ETag, Location: apiBase + "/articles/" + a.ID, Body: *a}
	if again {
		out.Replayed = "true"
	}
	return out, nil
}

// keyTrouble tells an Idempotency-Key that was used for something else: the only conflict that creating can have.
func keyTrouble(ctx context.Context, err error) error {
	if errors.Is(err, newsroom.ErrConflict) {
		return newProblem(infoOf(ctx).lang, http.StatusUnprocessableEntity, "key_reused", "api.key_reused")
	}
	return err
}

func (s *Server) apiGetArticle(ctx context.Context, me caller, in *apiGetIn) (*apiArticleOut, error) {
	a, err := s.apiRead(ctx, me, in.ID)
	if err != nil {
		return nil, err
	}
	if in.None != "" && matches(in.None, a.ETag) {
		return &apiArticleOut{Status: http.StatusNotModified, ETag: a.ETag}, nil
	}
	return &apiArticleOut{Status: http.StatusOK, ETag: a.ETag, Body: a}, nil
}

func (s *Server) apiPutArticle(ctx context.Context, me caller, in *apiPutIn) (*apiArticleOut, error) {
	l := infoOf(ctx).lang
	sit, err := s.apiSituation(ctx, me, in.ID)
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(in.Match) == "" {
		return nil, newProblem(l, http.StatusPreconditionRequired, "if_match_required", "api.if_match_required")
	}
	version, unread, ok := matchedVersion(in.Match, sit.Article.Version)
	if !ok {
		return nil, staleText(l, sit.Article)
	}
	c, err := s.apiContent(ctx, in.Body, sit.Draft)
	if err != nil {
		return nil, err
	}
	write := s.Store.SaveDraft
	if unread {
		write = s.Store.OverwriteDraft
	}
	_, err = write(ctx, in.ID, me.Person, version, c)
	return s.apiSaved(ctx, me, sit.Article, err)
}

// apiSaved answers a working text that was replaced, or says why it was not.
func (s *Server) apiSaved(ctx context.Context, me caller, before newsroom.Article, err error) (*apiArticleOut, error) {
	l := infoOf(ctx).lang
	switch {
	case errors.Is(err, newsroom.ErrStale):
		return nil, staleText(l, before)
	case errors.Is(err, newsroom.ErrForbidden):
		return nil, newProblem(l, http.StatusForbidden, "not_editor", "api.not_editor")
	case err != nil:
		return nil, err
	}
	a, err := s.apiRead(ctx, me, before.ID)
	if err != nil {
		return nil, err
	}
	return &apiArticleOut{Status: http.StatusOK, ETag: a.ETag, Body: a}, nil
}

// staleText says that the text has changed since it was read.
func staleText(l language, a newsroom.Article) error {
	p := newProblem(l, http.StatusPreconditionFailed, "stale", "api.if_match_stale")
	p.headers.Set("ETag", etag(a.Version))
	return p
}

// matchedVersion finds the current version among those that an If-Match header names; quotes may be missing, since scripts
// forget them. "*" is whatever there is: unread.
func matchedVersion(header string, current int64) (version int64, unread, ok bool) {
	for tag := range strings.SplitSeq(header, ",") {
		switch strings.Trim(strings.TrimSpace(tag), `"`) {
		case "*":
			return current, true, true
		case strconv.FormatInt(current, 10):
			return current, false, true
		}
	}
	return 0, false, false
}

func (s *Server) apiListArticles(ctx context.Context, me caller, in *apiListIn) (*apiListOut, error) {
	f := newsroom.CardFilter{
		Section: in.Section, Author: in.Author, Holder: in.Holder, Stage: newsroom.Stage(in.Stage), Text: in.Text, Late: in.Late,
	}
	if in.Mine {
		f.Author = me.ID
	}
	before, beforeID, ok := openCursor(in.After)
	if !ok {
		return nil, &newsroom.InvalidError{Fields: []newsroom.FieldError{{Field: "after", Code: "invalid"}}}
	}
	cards, err := s.Store.Cards(ctx, me.Person, f, before, beforeID, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := &apiListOut{}
	out.Body.Items = []apiCard{}
	if len(cards) > in.Limit {
		cards = cards[:in.Limit]
		last := cards[len(cards)-1]
		out.Body.Next = cursor(last.UpdatedAt, last.ID)
	}
	now := s.Now()
	for _, c := range cards {
		out.Body.Items = append(out.Body.Items, apiCard{
			ID: c.ID, Title: c.Title, Stage: string(c.Stage), Public: string(c.Public), Section: c.Section, AuthorID: c.AuthorID, Author: c.Author,
			HolderID: c.HolderID, Holder: c.Holder, Revision: c.Revision, Live: c.Live, DueAt: c.Due, Late: c.Late(now), ReleaseDue: c.ReleaseDue,
			PublishedAt: c.PublishedAt, UpdatedAt: c.UpdatedAt,
		})
	}
	return out, nil
}

// cursor names the last row of a page, for the page behind it.
func cursor(at time.Time, id string) string { return at.UTC().Format(time.RFC3339Nano) + "_" + id }

func openCursor(after string) (at time.Time, id string, ok bool) {
	if after == "" {
		return at, "", true
	}
	stamp, id, ok := strings.Cut(after, "_")
	at, err := time.Parse(time.RFC3339Nano, stamp)
	return at, id, ok && err == nil
}

// apiSituation reads an article for me, or newsroom.ErrNotFound when I may not know of it.
func (s *Server) apiSituation(ctx context.Context, me caller, id string) (newsroom.Situation, error) {
	if !newsroom.ValidID(id) {
		return newsroom.Situation{}, newsroom.ErrNotFound
	}
	sit, err := s.Store.Situation(ctx, id, me.ID)
	if err == nil && !me.Reads(sit.Article.AuthorID) {
		err = newsroom.ErrNotFound
	}
	return sit, err
}

// apiRead is an article as me may see it now.
func (s *Server) apiRead(ctx context.Context, me caller, id string) (*apiArticle, error) {
	sit, err := s.apiSituation(ctx, me, id)
	if err != nil {
		return nil, err
	}
	a := sit.Article
	c, hash, working := sit.Draft, a.DraftHash, true
	if sit.ReadsSent() && !a.Editor(me.Person) { // an editor's next PUT goes by what they read here
		c, hash, working = sit.Sent, sit.Frozen, false
	}
	out := &apiArticle{
		ID: a.ID, Stage: string(a.Stage), Public: string(a.Public), Revision: a.Revision, Live: a.Live, ETag: etag(a.Version), ContentHash: hash,
		Working: working, AuthorID: a.AuthorID, HolderID: a.HolderID, ReleaseDue: a.ReleaseDue, PublishedAt: a.PublishedAt,
		CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt, Moves: []apiOffer{}, Findings: []apiFinding{}, apiText: textOf(c),
	}
	if a.Live > 0 {
		out.URL = s.absolute(newsroom.ArticlePath(a.Slug, a.ID))
	}
	if a.Clock.Runs() {
		calendar, err := s.Store.Calendar(ctx)
		if err != nil {
			return nil, err
		}
		out.DueAt = new(a.Clock.Due(calendar, 100))
	}
	for _, o := range newsroom.Offers(sit) {
		out.Moves = append(out.Moves, apiOffer{
			Move: string(o.Move), Kind: string(o.Kind), Reason: o.Reason, Scope: string(moveScope(me.Person, o.Move, a)), Hindered: string(o.Hindered),
		})
	}
	for _, f := range text.Check(text.Document{Title: c.Title, Lead: c.Lead, Body: c.Body, Credits: creditLines(c)}) {
		out.Findings = append(out.Findings, apiFinding{Code: f.Code, Field: f.Field, Paragraph: f.Paragraph, Excerpt: f.Excerpt, Suggest: f.Suggest})
	}
	return out, nil
}

func textOf(c newsroom.Content) apiText {
	return apiText{
		Title: c.Title, Lead: c.Lead, Body: c.Body, Section: c.Section, AlsoIn: listed(c.AlsoIn), Authors: listed(c.Authors), Byline: c.Byline(),
		Credits: listed(c.Credits), Pictures: listed(c.Pictures), Attachments: listed(c.Attachments), Source: c.Source, Tags: listed(c.Tags),
		Topics: listed(c.Topics), Slug: c.Slug, ReleaseAt: c.ReleaseAt, DisplayEnd: c.DisplayEnd, Change: string(c.Change), Note: c.Note,
	}
}

// listed is list, never null in JSON.
func listed[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
