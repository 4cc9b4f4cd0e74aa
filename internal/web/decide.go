package web

import (
	"context"
	"errors"
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
	Trusted(ctx context.Context, userID, value string) (bool, error)
	TrustDevice(ctx context.Context, userID, label string) (value string, expires time.Time, err error)
	CheckTOTP(ctx context.Context, userID, code string) (bool, error)
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
	Closed    bool               // nothing is asked any more: the outcome is shown
	Why       string             // sentence of what became of the question
	Nonce     string
	RequestID string
	Trusted   bool // this phone needs no PIN
	NeedsTOTP bool
	Hidden    bool // the policy shows the text only after the PIN
	Changed   bool
	TitleDiff template.HTML
	BodyDiff  template.HTML
	Findings  []text.Finding
	Reasons   []newsroom.ReasonCode
	Form      decideForm
	Errors    formErrors
	Pending   bool // recorded, Temporal has not answered yet
	CanUndo   bool
	CanTake   bool // withdrawal is offered
}

// decideForm is what was typed; it comes back with every error.
type decideForm struct{ Move, Code, Reason string }

// getDecide handles GET /duyet/{token}. It writes nothing, whoever opens it and however often.
func (s *Server) getDecide(w http.ResponseWriter, r *http.Request) error {
	page, err := s.decidePage(w, r)
	if err != nil {
		return err
	}
	page.Pending = r.URL.Query().Has("ghi-nhan") && !page.Closed
	return s.decide(w, r, http.StatusOK, page)
}

// decide renders the page, never cached and never indexed; its referrer is the origin at most (with none at all older Safari
// would post "Origin: null", which is refused).
func (s *Server) decide(w http.ResponseWriter, r *http.Request, status int, page *decidePage) error {
	w.Header().Set("Referrer-Policy", "strict-origin")
	w.Header().Set("X-Robots-Tag", "noindex, nofollow, noarchive")
	return s.render(w, r, status, "decide", page)
}

// decidePage loads everything the page shows in the language of whoever is asked.
func (s *Server) decidePage(w http.ResponseWriter, r *http.Request) (*decidePage, error) {
	token := r.PathValue("token")
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
		Closed: ask.Over != "" || ask.Own != nil, NeedsTOTP: ask.Policy.DecideTOTP,
	}
	if page.Trusted, err = s.trusted(r, ask.Person.ID); err != nil {
		return nil, err
	}
	page.Hidden = ask.Policy.BodyAfterPIN && !page.Trusted
	if page.Closed {
		page.Why = s.whyClosed(r, ask)
		own := ask.Own != nil && ask.Own.Move == newsroom.MoveApprove
		page.CanUndo = own && ask.Article.UndoUntil != nil && ask.Article.UndoUntil.After(s.Now())
		page.CanTake = own && ask.Live
	}
	if page.Hidden {
		return page, nil
	}
	page.Shown, err = s.publicPage(r, newsroom.PortalArticle{
		ID: ask.Article.ID, Public: ask.Article.Public, Revision: ask.Ask.Revision, Slug: ask.Article.Slug, Hash: ask.Ask.Hash,
		Content: ask.Content, Images: ask.Images, Published: s.Now(), Updated: s.Now(),
	}, false)
	if err != nil {
		return nil, err
	}
	page.Findings = text.Check(text.Document{Title: ask.Content.Title, Lead: ask.Content.Lead, Body: ask.Content.Body, Credits: creditLines(ask.Content)})
	if before := ask.Before; before != nil && before.Hash() != ask.Content.Hash() {
		page.Changed = true
		page.TitleDiff = template.HTML(text.DiffText(before.Title, ask.Content.Title)) //nolint:gosec // escaped by DiffText
		page.BodyDiff = template.HTML(text.DiffHTML(before.Body, ask.Content.Body))    //nolint:gosec // sanitised by DiffHTML
	}
	return page, nil
}

// whyClosed is the sentence that says what became of a question.
func (s *Server) whyClosed(r *http.Request, ask newsroom.AskView) string {
	l := s.lang(r)
	if ask.Own != nil || ask.Over == "settled" || ask.Over == "decided" {
		return ""
	}
	if key := "decide.over_" + ask.Over; l.Has(key) {
		return l.T(key)
	}
	return l.T("refused.token_dead")
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
	return s.Store.Trusted(r.Context(), userID, c.Value)
}

// linkMoves are the moves that a mailed link can make: the decision, and afterwards taking it back.
var linkMoves = []newsroom.Move{
	newsroom.MoveApprove, newsroom.MoveRequestChanges, newsroom.MoveReject, newsroom.MoveUndo, newsroom.MoveWithdraw,
}

// postDecide handles POST /duyet/{token}. It needs the token, the nonce of a page shown in this browser, and the leader's PIN or a
// phone that the leader trusts. Whatever is wrong, the page comes back with what was typed, and the link is as good as before.
func (s *Server) postDecide(w http.ResponseWriter, r *http.Request) error {
	page, err := s.decidePage(w, r)
	if err != nil {
		return err
	}
	l := s.lang(r)
	move := newsroom.Move(r.PostFormValue("move"))
	page.Form = decideForm{Move: string(move), Code: r.PostFormValue("reason_code"), Reason: text.Block(r.PostFormValue("reason"))}
	after := move == newsroom.MoveUndo || move == newsroom.MoveWithdraw
	if page.Closed && !after {
		return s.decide(w, r, http.StatusOK, page) // a replay shows who decided and when; nothing changes
	}
	if !slices.Contains(linkMoves, move) {
		page.Errors.add(l, "move", "decide.choose")
		return s.decide(w, r, http.StatusUnprocessableEntity, page)
	}
	if c, err := r.Cookie(browserCookie); err != nil || !s.Store.FreshNonce(r.PostFormValue("nonce"), page.Ask.ID, c.Value) {
		page.Errors.add(l, "move", "decide.shown_again")
		return s.decide(w, r, http.StatusConflict, page)
	}
	request := s.linkRequest(r, page, move)
	if needsReason(move) && (!request.Code.Known() || request.Reason == "") {
		page.Errors.add(l, "reason", "refused.reason_required")
		return s.decide(w, r, http.StatusUnprocessableEntity, page)
	}
	if status, err := s.prove(r, page); err != nil {
		return err
	} else if status != 0 {
		return s.decide(w, r, status, page)
	}
	outcome, err := s.Dispatch.Move(r.Context(), request)
	if refused, ok := errors.AsType[*newsroom.MoveError](err); ok {
		again, err := s.decidePage(w, r)
		if err != nil {
			return err
		}
		again.Form = page.Form
		again.Errors = formErrors{{Field: "move", Text: l.T("refused." + string(refused.Code))}}
		return s.decide(w, r, http.StatusConflict, again)
	}
	if err != nil {
		return err
	}
	if !page.Trusted && ticked(r, "trust") {
		if err := s.trust(w, r, page.Person.ID); err != nil {
			return err
		}
	}
	target := decidePath + page.Token
	if outcome.Pending {
		target += "?ghi-nhan"
	}
	return see(w, r, target)
}

func needsReason(move newsroom.Move) bool {
	return move == newsroom.MoveRequestChanges || move == newsroom.MoveReject || move == newsroom.MoveWithdraw
}

// linkRequest is the move that the form asks for, by the id the page gave it: a double tap is one move.
func (s *Server) linkRequest(r *http.Request, page *decidePage, move newsroom.Move) newsroom.Request {
	request := newsroom.Request{
		ID: strings.ToLower(r.PostFormValue("request_id")), ArticleID: page.Article.ID, ActorID: page.Person.ID, Door: newsroom.DoorLink,
		Move: move, AskID: page.Ask.ID,
	}
	if !newsroom.ValidRequestID(request.ID) {
		request.ID = page.RequestID
	}
	if needsReason(move) {
		request.Code, request.Reason = newsroom.ReasonCode(page.Form.Code), page.Form.Reason
	}
	switch move {
	case newsroom.MoveApprove, newsroom.MoveRequestChanges, newsroom.MoveReject:
		request.Revision, request.Hash = page.Ask.Revision, r.PostFormValue("content_hash")
	}
	return request
}

// prove makes sure that it is the leader: a trusted phone, or the PIN, and a one-time code where the policy wants one. A status
// other than 0 says that it is not proven, with the sentence in page.Errors.
func (s *Server) prove(r *http.Request, page *decidePage) (status int, err error) {
	l := s.lang(r)
	if !page.Trusted {
		if !page.HasPIN {
			page.Errors.add(l, "pin", "decide.no_pin")
			return http.StatusForbidden, nil
		}
		c, err := r.Cookie(browserCookie)
		if err != nil {
			page.Errors.add(l, "move", "decide.shown_again")
			return http.StatusConflict, nil //nolint:nilerr // told on the page
		}
		left, letters, err := s.Store.TryAskPIN(r.Context(), page.AskView, c.Value, strings.TrimSpace(r.PostFormValue("pin")))
		for _, id := range letters {
			if err := s.Dispatch.Post(r.Context(), id); err != nil {
				s.Log.WarnContext(r.Context(), "letter waits for the schedule", "letter_id", id, "error", err)
			}
		}
		_, locked := errors.AsType[*newsroom.LockedError](err)
		switch {
		case locked || (errors.Is(err, newsroom.ErrForbidden) && left == 0):
			page.Errors.add(l, "pin", "decide.pin_locked")
			return http.StatusForbidden, nil
		case errors.Is(err, newsroom.ErrForbidden):
			page.Errors.add(l, "pin", "decide.pin_wrong", "left", left)
			return http.StatusForbidden, nil
		case err != nil:
			return 0, err
		}
	}
	if page.NeedsTOTP {
		ok, err := s.Store.CheckTOTP(r.Context(), page.Person.ID, strings.TrimSpace(r.PostFormValue("totp")))
		if err != nil {
			return 0, err
		}
		if !ok {
			page.Errors.add(l, "totp", "decide.totp_wrong")
			return http.StatusForbidden, nil
		}
	}
	return 0, nil
}

// trust remembers this phone for 30 days. The cookie is Lax: a Strict one is not sent on the tap from a webmail page.
func (s *Server) trust(w http.ResponseWriter, r *http.Request, userID string) error {
	value, expires, err := s.Store.TrustDevice(r.Context(), userID, r.UserAgent())
	if err != nil {
		return err
	}
	http.SetCookie(w, &http.Cookie{
		Name: deviceCookie, Value: value, Path: decidePath, Expires: expires, HttpOnly: true, Secure: s.Secure, SameSite: http.SameSiteLaxMode,
	})
	return nil
}

// notMePage is what pages/notme.html shows.
type notMePage struct {
	newsroom.Disowned
	Token string
	Done  bool
}

// getNotMe handles GET /khong-phai-toi/{token}: it shows the decision and writes nothing.
func (s *Server) getNotMe(w http.ResponseWriter, r *http.Request) error {
	page, err := s.notMePage(r)
	if err != nil {
		return err
	}
	return s.notMe(w, r, page)
}

func (s *Server) notMePage(r *http.Request) (notMePage, error) {
	token := r.PathValue("token")
	d, err := s.Store.NotMe(r.Context(), token)
	if err == nil && !r.URL.Query().Has("lang") {
		setLang(r, locale.For(d.Person.Locale))
	}
	return notMePage{Disowned: d, Token: token, Done: d.Used}, err
}

func (s *Server) notMe(w http.ResponseWriter, r *http.Request, page notMePage) error {
	w.Header().Set("Referrer-Policy", "strict-origin")
	return s.render(w, r, http.StatusOK, "notme", page)
}

// postNotMe handles POST /khong-phai-toi/{token}: the decision was not the leader's. Before the release it freezes it; afterwards chief
// and admins are told and decide. Trusted phones and the PIN are void either way. The token alone is enough: it only stops
// things, and speed counts.
func (s *Server) postNotMe(w http.ResponseWriter, r *http.Request) error {
	page, err := s.notMePage(r)
	if err != nil {
		return err
	}
	if !page.Done {
		_, err := s.Dispatch.Move(r.Context(), newsroom.Request{
			ID: requestIDFrom(page.LinkID), ArticleID: page.ArticleID, ActorID: page.Person.ID, Door: newsroom.DoorLink, Move: newsroom.MoveNotMe,
		})
		if err != nil {
			return err
		}
		if err := s.Store.Disowned(r.Context(), page.LinkID); err != nil {
			return err
		}
	}
	return see(w, r, "/khong-phai-toi/"+page.Token)
}

// requestIDFrom makes the id of a move that can happen once per link.
func requestIDFrom(link string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("toasoan:link:"+link)).String()
}
