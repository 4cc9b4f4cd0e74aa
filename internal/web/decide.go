package web

import (
	"context"
	"encoding/json"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"toasoan/internal/locale"
	"toasoan/internal/text"
	"toasoan/newsroom"
)

// deciding is what the mailed approval link asks of the database.
type deciding interface {
	AskByToken(ctx context.Context, token string) (newsroom.AskView, error)
	TryAskPIN(ctx context.Context, ask newsroom.AskView, browser, pin string) (left int, letters []string, err error)
	Nonce(askID, browser string) string
	FreshNonce(nonce, askID, browser string) bool
	IsTrusted(ctx context.Context, userID, value string) (bool, error)
	Trusted(ctx context.Context, userID, value string) (bool, error)
	TrustDevice(ctx context.Context, userID, label string) (value string, expires time.Time, err error)
	TryAskTOTP(ctx context.Context, ask newsroom.AskView, code string) (ok bool, letters []string, err error)
	NotMe(ctx context.Context, token string) (newsroom.Disowned, error)
	Disowned(ctx context.Context, linkID string) error
}

// mover settles moves.
type mover interface {
	Move(ctx context.Context, r newsroom.Request) (newsroom.Outcome, error)
}

const (
	browserCookie = "duyet"    // names the browser to the nonce and to the count of wrong PINs
	deviceCookie  = "thiet-bi" // a phone that the leader trusted by giving the PIN on it
	decidePath    = "/duyet/"
)

// decidePage is what pages/decide.html shows: the article as readers will see it, and the one decision that is asked.
type decidePage struct {
	newsroom.AskView
	Token     string
	Shown     *publicArticlePage // nil: hidden until the PIN
	Second    bool               // a second signature is asked for
	Closed    bool               // nothing is asked any more: the outcome is shown
	Why       string             // sentence of what became of the question
	Said      *said              // the decision that was given; nil: none was
	Nonce     string
	Seen      string // proof that the PIN was given to read, good for nonceLife in this browser
	RequestID string
	Trusted   bool // this phone needs no PIN
	NeedsTOTP bool
	Hidden    bool // the policy shows the text only after the PIN
	Diff      *decideDiff
	Findings  []text.Finding
	Reasons   []newsroom.ReasonCode
	Needed    string // how many must approve, where one is not enough
	Form      decideForm
	Errors    formErrors
	Pending   bool // recorded, Temporal has not answered yet
	CanUndo   bool
	CanTake   bool // withdrawal is offered
}

// decideForm is what was typed; it comes back with every error.
type decideForm struct{ Move, Code, Reason string }

// decideDiff is what changed since this person was asked last, or against what readers see.
type decideDiff struct {
	Title, Lead, Body template.HTML
	Others            []string // names of the other fields that changed
}

// getDecide handles GET /duyet/{token}. It writes nothing, whoever opens it and however often.
func (s *Server) getDecide(w http.ResponseWriter, r *http.Request) error {
	page, err := s.decidePage(w, r)
	if err != nil {
		return err
	}
	page.Pending = r.URL.Query().Has("ghi-nhan") && !page.Closed
	s.Log.InfoContext(r.Context(), "approval link opened", "ask_id", page.Ask.ID, "article_id", page.Article.ID,
		"scanner", looksLikeScanner(r, s.Now().Sub(page.CreatedAt)))
	return s.decide(w, r, http.StatusOK, page)
}

// looksLikeScanner guesses whether a machine opened a link: no one is believed or refused for it, it only stands in the log.
func looksLikeScanner(r *http.Request, age time.Duration) bool {
	agent := strings.ToLower(r.UserAgent())
	return r.Method == http.MethodHead || age < time.Minute || agent == "" ||
		strings.Contains(agent, "headless") || strings.Contains(agent, "bot") || strings.Contains(agent, "scan") || strings.Contains(agent, "preview")
}

// mailed wraps the pages behind mailed links: whatever the answer, an error page too, it is never kept, never indexed, and its
// address goes nowhere. The referrer is the origin at most: with none at all older Safari would post "Origin: null", which is
// refused.
func (s *Server) mailed(h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Referrer-Policy", "strict-origin")
		w.Header().Set("X-Robots-Tag", "noindex, nofollow, noarchive")
		w.Header().Set("Cache-Control", "no-store")
		return h(w, r)
	}
}

// mailedToken is the token of a link as it was mailed. Programs that make links of plain text take the full stop or the bracket
// behind them along.
func mailedToken(r *http.Request) string {
	return strings.TrimFunc(r.PathValue("token"), func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-' && c != '_'
	})
}

func (s *Server) decide(w http.ResponseWriter, r *http.Request, status int, page *decidePage) error {
	return s.render(w, r, status, "decide", page)
}

// decidePage loads everything the page shows in the language of whoever is asked.
func (s *Server) decidePage(w http.ResponseWriter, r *http.Request) (*decidePage, error) {
	token := mailedToken(r)
	ask, err := s.Store.AskByToken(r.Context(), token)
	if err != nil {
		return nil, err
	}
	if !r.URL.Query().Has("lang") {
		setLang(r, locale.For(ask.Person.Locale))
	}
	browser := s.browser(w, r)
	page := &decidePage{
		AskView: ask, Token: token, Nonce: s.Store.Nonce(ask.Ask.ID, browser), RequestID: uuid.NewString(), Reasons: newsroom.ReasonCodes,
		Second: ask.Kind == "second", Closed: ask.Over != "" || ask.Own != nil, NeedsTOTP: ask.Policy.DecideTOTP,
	}
	if page.Trusted, err = s.trusted(r, ask.Person.ID); err != nil {
		return nil, err
	}
	page.Hidden = ask.Policy.BodyAfterPIN && !page.Trusted && !ask.Live
	if page.Closed {
		if page.Why = s.whyClosed(r, ask); page.Why == "" {
			page.Said = s.said(r, ask)
		}
		own := ask.Own != nil && ask.Own.Move == newsroom.MoveApprove
		page.CanUndo = own && ask.Article.UndoUntil != nil && ask.Article.UndoUntil.After(s.Now())
		page.CanTake = own && ask.Live
	} else {
		page.Needed = needed(s.lang(r), ask)
	}
	if page.Hidden {
		return page, nil
	}
	return page, s.decideText(r, page)
}

// decideText fills in the article and what is to be known about it.
func (s *Server) decideText(r *http.Request, page *decidePage) (err error) {
	ask := page.AskView
	page.Hidden = false
	page.Shown, err = s.publicPage(r, newsroom.PortalArticle{
		ID: ask.Article.ID, Public: ask.Article.Public, Revision: ask.Ask.Revision, Slug: ask.Article.Slug, Hash: ask.Ask.Hash,
		Content: ask.Content, Images: ask.Images, Published: s.Now(), Updated: s.Now(),
	}, false)
	if err != nil {
		return err
	}
	if page.Second {
		return nil
	}
	page.Findings = text.Check(text.Document{Title: ask.Content.Title, Lead: ask.Content.Lead, Body: ask.Content.Body, Credits: creditLines(ask.Content)})
	if before := ask.Before; before != nil && before.Hash() != ask.Content.Hash() {
		page.Diff = diffOf(s.lang(r), *before, ask.Content)
	}
	return nil
}

// diffOf compares two texts field by field.
func diffOf(l language, before, after newsroom.Content) *decideDiff {
	d := &decideDiff{}
	if before.Title != after.Title {
		d.Title = template.HTML(text.DiffText(before.Title, after.Title)) //nolint:gosec // escaped by DiffText
	}
	if before.Lead != after.Lead {
		d.Lead = template.HTML(text.DiffText(before.Lead, after.Lead)) //nolint:gosec // likewise
	}
	if before.Body != after.Body {
		d.Body = template.HTML(text.DiffHTML(before.Body, after.Body)) //nolint:gosec // sanitised by DiffHTML
	}
	for _, f := range []struct {
		key     string
		changed bool
	}{
		{"section", before.Section != after.Section || !slices.Equal(before.AlsoIn, after.AlsoIn)},
		{"authors", before.Byline() != after.Byline()},
		{"pictures", !sameJSON(before.Pictures, after.Pictures)},
		{"attachments", !sameJSON(before.Attachments, after.Attachments)},
		{"credits", !sameJSON(before.Credits, after.Credits) || before.Source != after.Source},
		{"topics", !slices.Equal(before.Topics, after.Topics) || !slices.Equal(before.Tags, after.Tags)},
		{"release_at", !sameTime(before.ReleaseAt, after.ReleaseAt)},
		{"display_end", !sameTime(before.DisplayEnd, after.DisplayEnd)},
		{"note", !sameJSON(before.Note, after.Note)},
	} {
		if f.changed {
			d.Others = append(d.Others, l.T("decide.field_"+f.key))
		}
	}
	return d
}

func sameJSON(a, b any) bool {
	left, _ := json.Marshal(a)  //nolint:errchkjson // plain values
	right, _ := json.Marshal(b) //nolint:errchkjson // likewise
	return string(left) == string(right)
}

func sameTime(a, b *time.Time) bool {
	return a == nil && b == nil || a != nil && b != nil && a.Equal(*b)
}

// needed says how many must approve where one is not enough, and how many steps there are.
func needed(l language, ask newsroom.AskView) string {
	if ask.Kind == "second" || ask.Ask.Step >= len(ask.Policy.Steps) {
		return ""
	}
	var parts []string
	switch step := ask.Policy.Steps[ask.Ask.Step]; step.Quorum {
	case newsroom.QuorumAll:
		parts = append(parts, l.T("decide.needs_all"))
	case newsroom.QuorumN:
		parts = append(parts, l.T("decide.needs_n", "n", step.N))
	}
	if n := len(ask.Policy.Steps); n > 1 {
		parts = append(parts, l.T("decide.step_of", "step", ask.Ask.Step+1, "steps", n))
	}
	return strings.Join(parts, " ")
}

// whyClosed is the sentence that says what became of a question.
func (s *Server) whyClosed(r *http.Request, ask newsroom.AskView) string {
	l := s.lang(r)
	if ask.Own != nil || ask.Over == "decided" || (ask.Over == "settled" && ask.Decision != nil) {
		return ""
	}
	if key := "decide.over_" + ask.Over; l.Has(key) {
		return l.T(key)
	}
	return l.T("refused.token_dead")
}

// said is a decision as its page tells it: who decided and when, and when readers saw it.
type said struct{ Panel, Icon, Text, Day, Behalf, Reason, Ahead string }

// said tells this person's own decision, else the one that settled the question; nil where there is neither.
func (s *Server) said(r *http.Request, ask newsroom.AskView) *said {
	d := ask.Own
	if d == nil {
		d = ask.Decision
	}
	if d == nil {
		return nil
	}
	l := s.lang(r)
	told := &said{Icon: "good", Day: l.T("decide.at", "date", l.Date(d.At)), Behalf: d.OnBehalfOf, Reason: d.Reason}
	switch d.Move {
	case newsroom.MoveRequestChanges:
		told.Icon, told.Panel = "return", "panel-wait"
	case newsroom.MoveReject:
		told.Icon, told.Panel = "state-rejected", "panel-stop"
	}
	told.Text = l.T("decide.done_"+string(d.Move), "name", d.By, "time", l.Time(d.At))
	a := ask.Article
	switch at := d.ReleasedAt; {
	case at != nil && l.Date(*at) == l.Date(d.At):
		told.Text = l.T("decide.released_at", "said", told.Text, "time", l.Time(*at))
	case at != nil:
		told.Text = l.T("decide.released_at", "said", told.Text, "time", l.MailTime(*at))
	case ask.Own != nil && a.Stage == newsroom.StageAwaitingApproval && a.Round == ask.Ask.Round:
		told.Ahead = l.T("decide.waits_others")
	case a.Stage != newsroom.StageApproved && a.Stage != newsroom.StageScheduled:
	case a.Frozen:
		told.Ahead = l.T("decide.release_held")
	case a.ReleaseDue != nil:
		told.Ahead = l.T("decide.release_due", "time", l.MailTime(*a.ReleaseDue))
	}
	return told
}

// creditLines are the lines under an article that the checks read.
func creditLines(c newsroom.Content) (lines []string) {
	for _, credit := range c.Credits {
		lines = append(lines, credit.Name)
	}
	return lines
}

// browser names this browser by a cookie, making one where there is none. It is no proof of anything.
func (s *Server) browser(w http.ResponseWriter, r *http.Request) string {
	if c, err := r.Cookie(browserCookie); err == nil && len(c.Value) == 36 {
		return c.Value
	}
	value := uuid.NewString()
	http.SetCookie(w, &http.Cookie{
		Name: browserCookie, Value: value, Path: decidePath, HttpOnly: true, Secure: s.Secure, SameSite: http.SameSiteLaxMode,
		MaxAge: int((30 * 24 * time.Hour).Seconds()),
	})
	return value
}

func (s *Server) trusted(r *http.Request, userID string) (bool, error) {
	c, err := r.Cookie(deviceCookie)
	if err != nil {
		return false, nil //nolint:nilerr // no cookie: no trusted device
	}
	return s.Store.IsTrusted(r.Context(), userID, c.Value)
}
