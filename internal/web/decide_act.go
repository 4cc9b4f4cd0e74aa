package web

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// linkMoves are the moves that a mailed link can make: the decision, and afterwards taking it back.
var linkMoves = []newsroom.Move{
	newsroom.MoveApprove, newsroom.MoveRequestChanges, newsroom.MoveReject, newsroom.MoveUndo, newsroom.MoveWithdraw, newsroom.MoveSecondSign,
}

// moveRead is no move: the PIN is given to read what the policy hides until then.
const moveRead = newsroom.Move("read")

// offers reports whether the page that was shown had a button for move.
func (p *decidePage) offers(move newsroom.Move) bool {
	switch {
	case !slices.Contains(linkMoves, move):
		return false
	case move == newsroom.MoveUndo || move == newsroom.MoveWithdraw:
		return p.Closed
	default:
		return !p.Closed && p.Second == (move == newsroom.MoveSecondSign)
	}
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
	if page.Closed && move != newsroom.MoveUndo && move != newsroom.MoveWithdraw {
		return s.decide(w, r, http.StatusOK, page) // a replay shows who decided and when; nothing changes
	}
	if move != moveRead && !page.offers(move) {
		page.Errors.add(l, "move", "decide.choose")
		return s.decide(w, r, http.StatusUnprocessableEntity, page)
	}
	c, err := r.Cookie(browserCookie)
	if err != nil || !s.Store.FreshNonce(r.PostFormValue("nonce"), page.Ask.ID, c.Value) {
		page.Errors.add(l, "move", "decide.shown_again")
		return s.decide(w, r, http.StatusConflict, page)
	}
	if move == moveRead {
		return s.postRead(w, r, page, c.Value)
	}
	request := s.linkRequest(r, page, move)
	if needsReason(move) && (!request.Code.Known() || request.Reason == "") {
		page.Errors.add(l, "reason", "refused.reason_required")
		return s.decide(w, r, http.StatusUnprocessableEntity, page)
	}
	if status, err := s.prove(r, page, c.Value); err != nil {
		return err
	} else if status != 0 {
		return s.decide(w, r, status, page)
	}
	outcome, err := s.Dispatch.Move(r.Context(), request)
	refused, isRefused := errors.AsType[*newsroom.MoveError](err)
	if isRefused || errors.Is(err, newsroom.ErrConflict) { // a conflict: the other answer of a double tap came first
		code := newsroom.RefusedDecided
		if isRefused {
			code = refused.Code
		}
		again, err := s.decidePage(w, r)
		if err != nil {
			return err
		}
		again.Form = page.Form
		again.Errors = formErrors{{Field: "move", Text: l.T("refused." + string(code))}}
		return s.decide(w, r, http.StatusConflict, again)
	}
	if err != nil {
		return err
	}
	if err := s.trust(w, r, page); err != nil {
		return err
	}
	target := decidePath + page.Token
	if outcome.Pending {
		target += "?ghi-nhan"
	}
	return see(w, r, target)
}

// postRead shows what the policy hides, once the PIN is given; the decision that follows in this browser needs it no second time.
func (s *Server) postRead(w http.ResponseWriter, r *http.Request, page *decidePage, browser string) error {
	status, err := s.prove(r, page, browser)
	if err != nil {
		return err
	}
	if status == 0 {
		status, page.Seen = http.StatusOK, s.Store.Nonce(page.Ask.ID+"#pin", browser)
		if err := s.decideText(r, page); err != nil {
			return err
		}
	}
	page.Form = decideForm{}
	return s.decide(w, r, status, page)
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
		request.Revision, request.Hash, request.Public = page.Ask.Revision, r.PostFormValue("content_hash"), newsroom.Public(r.PostFormValue("public"))
	}
	return request
}

// prove makes sure that it is the leader: a trusted phone, the PIN, or the PIN given in this browser just now to read; and a
// one-time code where the policy wants one. A status other than 0 says that it is not proven, with the sentence in page.Errors.
func (s *Server) prove(r *http.Request, page *decidePage, browser string) (status int, err error) {
	ctx, l := r.Context(), s.lang(r)
	if page.Trusted {
		c, err := r.Cookie(deviceCookie)
		if err != nil {
			return 0, err
		}
		if page.Trusted, err = s.Store.Trusted(ctx, page.Person.ID, c.Value); err != nil {
			return 0, err
		}
	}
	seen := r.PostFormValue("seen")
	if s.Store.FreshNonce(seen, page.Ask.ID+"#pin", browser) {
		page.Seen = seen
		if page.Hidden {
			if err := s.decideText(r, page); err != nil {
				return 0, err
			}
		}
	}
	if !page.Trusted && page.Seen == "" {
		if status, err = s.provePIN(r, page, browser); err != nil || status != 0 {
			return status, err
		}
	}
	if page.NeedsTOTP && page.Seen == "" {
		ok, letters, err := s.Store.TryAskTOTP(ctx, page.AskView, strings.TrimSpace(r.PostFormValue("totp")))
		s.post(ctx, letters...)
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

func (s *Server) provePIN(r *http.Request, page *decidePage, browser string) (status int, err error) {
	l := s.lang(r)
	if !page.HasPIN {
		page.Errors.add(l, "pin", "decide.no_pin")
		return http.StatusForbidden, nil
	}
	pin := strings.TrimSpace(r.PostFormValue("pin"))
	if pin == "" { // nobody guesses with nothing: it costs no try
		page.Errors.add(l, "pin", "decide.pin_missing")
		return http.StatusUnprocessableEntity, nil
	}
	left, letters, err := s.Store.TryAskPIN(r.Context(), page.AskView, browser, pin)
	s.post(r.Context(), letters...)
	_, locked := errors.AsType[*newsroom.LockedError](err)
	switch {
	case locked || (errors.Is(err, newsroom.ErrForbidden) && left == 0):
		page.Errors.add(l, "pin", "decide.pin_locked")
		return http.StatusForbidden, nil
	case errors.Is(err, newsroom.ErrForbidden):
		page.Errors.add(l, "pin", "decide.pin_wrong", "left", left)
		return http.StatusForbidden, nil
	}
	return 0, err
}

// trust remembers this phone for 30 days where that was asked for and the PIN was given on it. The cookie is Lax: a Strict one is
// not sent on the tap from a webmail page.
func (s *Server) trust(w http.ResponseWriter, r *http.Request, page *decidePage) error {
	if page.Trusted || !ticked(r, "trust") {
		return nil
	}
	value, _, err := s.Store.TrustDevice(r.Context(), page.Person.ID, r.UserAgent())
	if err != nil {
		return err
	}
	http.SetCookie(w, &http.Cookie{
		Name: deviceCookie, Value: value, Path: decidePath, HttpOnly: true, Secure: s.Secure, SameSite: http.SameSiteLaxMode,
		MaxAge: int((30 * 24 * time.Hour).Seconds()), // the database knows the exact end
	})
	return nil
}
