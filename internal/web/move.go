package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// moveBar is the decisions on an article: the main one, the others, and the dangerous ones apart.
type moveBar struct {
	Main   *moveView
	Others []moveView
	Apart  []moveView
}

// All lists every move of the bar, for their dialogs.
func (b moveBar) All() []moveView {
	all := slices.Concat(b.Others, b.Apart)
	if b.Main != nil {
		all = append(all, *b.Main)
	}
	return all
}

// moveView is one move as a button with what its form asks.
type moveView struct {
	Move      string
	Kind      string
	Key       string // names it in ids and addresses: the move, with its kind
	Name      string
	Icon      string
	Article   string
	RequestID string // the same form sent twice is one move
	Revision  int
	Hash      string
	AskID     string // second_sign: the question that it answers
	Public    string // what readers see meanwhile
	URL       string // page with the same form, for browsers without script
	Danger    bool
	Asks      bool // it has a form; without one the button is the whole of it
	Reason    bool
	PIN       bool
	NoPIN     bool // a PIN is needed and none is set
	When      bool
	Note      bool // for the leader
	Fix       bool // correction: old and new wording
	Targets   []option
	Reasons   []option
	Explain   string // one sentence about what it does
	Hindered  string // what is missing for it, "" nothing
	Form      moveForm
	Errors    formErrors
	Open      bool // its form is shown at once, since something in it was wrong
}

// moveForm is what was typed into a move's form.
type moveForm struct {
	Code, Reason, Target, When, Comment, Old, New string
}

// mains are the moves that can be the main button, the first that is offered.
var mains = []newsroom.Move{
	newsroom.MoveApprove, newsroom.MoveSecondSign, newsroom.MoveForward, newsroom.MoveClaim, newsroom.MoveSubmit, newsroom.MoveResubmit, newsroom.MoveRestore,
}

// dangers stand apart.
var dangers = []newsroom.Move{
	newsroom.MoveAbandon, newsroom.MoveReject, newsroom.MoveWithdraw, newsroom.MoveTakeDown, newsroom.MoveEmergencyRelease, newsroom.MoveExpire,
}

var moveIcons = map[newsroom.Move]string{
	newsroom.MoveSubmit: "send", newsroom.MoveForward: "send", newsroom.MoveResubmit: "send", newsroom.MoveClaim: "state-in_review",
	newsroom.MoveReturn: "return", newsroom.MoveRequestChanges: "return", newsroom.MoveApprove: "good", newsroom.MoveReject: "state-rejected",
	newsroom.MoveAbandon: "state-abandoned", newsroom.MoveHandOver: "handover", newsroom.MoveTakeOver: "handover", newsroom.MoveRecall: "undo",
	newsroom.MoveReleaseClaim: "inbox", newsroom.MoveWithdrawRequest: "undo", newsroom.MoveUndo: "undo", newsroom.MoveReschedule: "state-scheduled",
	newsroom.MoveUnschedule: "state-scheduled", newsroom.MoveRevise: "edit", newsroom.MoveWithdraw: "state-withdrawn",
	newsroom.MoveTakeDown: "state-taken_down", newsroom.MoveRestore: "state-live", newsroom.MoveExpire: "state-expired",
	newsroom.MoveSecondSign: "key", newsroom.MoveEmergencyRelease: "alert",
}

// moveBar offers what me may do with an article now.
func (s *Server) moveBar(r *http.Request, sit newsroom.Situation, me newsroom.Person) (moveBar, error) {
	var bar moveBar
	views := []moveView{}
	for _, o := range newsroom.Offers(sit) {
		v, err := s.moveView(r, sit, me, o)
		if err != nil {
			return bar, err
		}
		views = append(views, v)
	}
	for _, main := range mains {
		if i := slices.IndexFunc(views, func(v moveView) bool { return v.Move == string(main) }); i >= 0 {
			bar.Main = &views[i]
			break
		}
	}
	for i, v := range views {
		switch {
		case bar.Main == &views[i]:
		case v.Danger:
			bar.Apart = append(bar.Apart, v)
		default:
			bar.Others = append(bar.Others, v)
		}
	}
	return bar, nil
}

func (s *Server) moveView(r *http.Request, sit newsroom.Situation, me newsroom.Person, o newsroom.Offer) (moveView, error) {
	l, a := s.lang(r), sit.Article
	v := moveView{
		Move: string(o.Move), Kind: string(o.Kind), Key: string(o.Move), Icon: moveIcons[o.Move], Article: a.ID, RequestID: uuid.NewString(),
		Revision: a.Revision, Hash: sit.Frozen, Public: string(a.Public), Danger: slices.Contains(dangers, o.Move), Reason: o.Reason, Name: l.T("move." + string(o.Move)),
	}
	switch o.Move {
	case newsroom.MoveSubmit, newsroom.MoveForward, newsroom.MoveResubmit:
		v.Hash = a.DraftHash
	case newsroom.MoveEmergencyRelease:
		if a.Stage == newsroom.StageInReview {
			v.Hash = a.DraftHash
		}
	case newsroom.MoveHandOver:
		colleagues, err := s.Store.Colleagues(r.Context())
		if err != nil {
			return v, err
		}
		for _, c := range colleagues {
			if c.Reviews(a.Section) && c.ID != a.HolderID {
				v.Targets = append(v.Targets, option{Value: c.ID, Text: c.Name})
			}
		}
	case newsroom.MoveRevise:
		v.Key += "-" + v.Kind
		v.Name = l.T("desk.revise_" + v.Kind)
		v.Fix = o.Kind == newsroom.ChangeCorrection
	case newsroom.MoveReschedule:
		v.When, v.Form.When = true, fieldTime(sit.Article.ReleaseDue)
	}
	if o.Move == newsroom.MoveSecondSign {
		v.AskID = sit.SecondAsk
	}
	v.Note = o.Move == newsroom.MoveForward || o.Move == newsroom.MoveResubmit
	v.PIN = o.Move.NeedsPIN(me, a.Stage)
	if v.PIN {
		account, err := s.Store.Account(r.Context(), me.ID)
		if err != nil {
			return v, err
		}
		v.NoPIN = !account.HasPIN
	}
	v.Asks = v.Reason || v.PIN || v.When || v.Note || v.Fix || o.Move == newsroom.MoveHandOver
	v.URL = articlePath(a.ID) + "/moves/" + v.Key
	if key := "desk.explain_" + v.Key; l.Has(key) {
		v.Explain = l.T(key)
	}
	if v.Reason {
		for _, code := range newsroom.ReasonCodes {
			v.Reasons = append(v.Reasons, option{Value: string(code), Text: l.T("reason." + string(code))})
		}
	}
	if o.Hindered != "" {
		v.Hindered = l.T("refused." + string(o.Hindered))
	}
	return v, nil
}

// mover settles moves.
type deskMover interface {
	Move(ctx context.Context, r newsroom.Request) (newsroom.Outcome, error)
}

// getMove handles GET /desk/articles/{id}/moves/{key}: the form of one move as a page.
func (s *Server) getMove(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	page, err := s.articlePage(r, me, r.PathValue("id"))
	if err != nil {
		return err
	}
	for _, v := range page.Moves.All() {
		if v.Key == r.PathValue("key") {
			return s.deskPage(w, r, me, http.StatusOK, "desk/move", "", movePage{page.Card, v})
		}
	}
	s.leaveFlash(w, "warn", "flash.move_gone")
	return see(w, r, articlePath(page.Card.ID))
}

// movePage is the page "desk/move".
type movePage struct {
	Card cardView
	Move moveView
}

// postMove handles POST /desk/articles/{id}/moves, the buttons under an article. A refused move shows the article again with the reason by
// its button; what was typed is kept.
func (s *Server) postMove(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	sit, err := s.readable(r, me, r.PathValue("id"))
	if err != nil {
		return err
	}
	l := s.lang(r)
	request, form := moveRequest(r, sit.Article.ID, me)
	if request.Move == newsroom.MoveCreate || !request.Move.Known() {
		return &newsroom.MoveError{Code: newsroom.RefusedUnknownMove, Move: request.Move, Stage: sit.Article.Stage}
	}
	var wrong formErrors
	if request.Move == newsroom.MoveReschedule && request.ReleaseAt == nil {
		wrong.add(l, "when", "field.bad_time")
	}
	request.Unproven = !request.Move.NeedsPIN(me, sit.Article.Stage)
	if !request.Unproven && len(wrong) == 0 {
		if wrong, err = s.deskPIN(r, me, "pin"); err != nil {
			return err
		}
	}
	if len(wrong) > 0 {
		return s.moveAgain(w, r, me, http.StatusUnprocessableEntity, request, form, wrong, "")
	}
	outcome, err := s.Dispatch.Move(r.Context(), request)
	if refused, ok := errors.AsType[*newsroom.MoveError](err); ok {
		return s.moveAgain(w, r, me, http.StatusConflict, request, form, refusedFields(l, refused, form), refusedText(l, refused))
	}
	if err != nil {
		return fmt.Errorf("move article %s: %w", request.ArticleID, err)
	}
	s.desk.live.tell("article:"+request.ArticleID, "board", "work")
	return s.moved(w, r, request, outcome)
}

// moved goes on after a move: to the editor after a revise, to the article otherwise.
func (s *Server) moved(w http.ResponseWriter, r *http.Request, request newsroom.Request, outcome newsroom.Outcome) error {
	l, to := s.lang(r), articlePath(request.ArticleID)
	switch {
	case outcome.Pending:
		s.leaveFlash(w, "info", "toast.pending")
	case request.Move == newsroom.MoveComment:
		s.leaveFlash(w, "good", "flash.commented")
	case request.Move == newsroom.MoveSubmit || request.Move == newsroom.MoveForward:
		due, err := s.dueText(r, request.ArticleID)
		if err != nil {
			return err
		}
		s.leaveFlash(w, "good", "flash.moved_"+string(request.Move), "due", due)
	default:
		s.leaveFlash(w, "good", "flash.moved", "move", l.T("move."+string(request.Move)), "stage", l.T("stage."+string(outcome.Stage)))
	}
	if request.Move == newsroom.MoveRevise && !outcome.Pending {
		to += "/edit"
	}
	return see(w, r, to)
}

// dueText is when an article's clock is due, as letters write it.
func (s *Server) dueText(r *http.Request, id string) (string, error) {
	a, err := s.Store.Article(r.Context(), id)
	if err != nil {
		return "", err
	}
	if !a.Clock.Runs() {
		return "–", nil
	}
	calendar, err := s.Store.Calendar(r.Context())
	if err != nil {
		return "", err
	}
	return s.lang(r).MailTime(a.Clock.Due(calendar, 100)), nil
}

func moveRequest(r *http.Request, articleID string, me newsroom.Person) (newsroom.Request, moveForm) {
	form := moveForm{
		Code: r.PostFormValue("reason_code"), Reason: text.Block(r.PostFormValue("reason")), Target: r.PostFormValue("target"),
		When: r.PostFormValue("when"), Comment: text.Block(r.PostFormValue("comment")), Old: text.Line(r.PostFormValue("old")), New: text.Line(r.PostFormValue("new")),
	}
	request := newsroom.Request{
		ID: strings.ToLower(r.PostFormValue("id")), ArticleID: articleID, ActorID: me.ID, Door: newsroom.DoorPage,
		Move: newsroom.Move(r.PostFormValue("move")), Hash: r.PostFormValue("content_hash"), Code: newsroom.ReasonCode(form.Code), Reason: form.Reason,
		Target: form.Target, Kind: newsroom.ChangeKind(r.PostFormValue("kind")), Note: newsroom.Correction{Old: form.Old, New: form.New}, Comment: form.Comment,
	}
	if n := wholeNumber(r, "revision"); n > 0 {
		request.Revision = n
	}
	if !newsroom.ValidRequestID(request.ID) {
		request.ID = uuid.NewString()
	}
	if request.Move == newsroom.MoveApprove {
		request.Public = newsroom.Public(r.PostFormValue("public"))
	}
	if request.Move == newsroom.MoveSecondSign {
		request.AskID = r.PostFormValue("ask_id")
	}
	if request.Move == newsroom.MoveReschedule {
		request.ReleaseAt, _ = localTime(form.When)
	}
	return request, form
}

// deskPIN asks for the leader's own PIN in a field; what is wrong with it comes back as sentences.
func (s *Server) deskPIN(r *http.Request, me newsroom.Person, field string) (wrong formErrors, err error) {
	l := s.lang(r)
	account, err := s.Store.Account(r.Context(), me.ID)
	if err != nil {
		return nil, err
	}
	if !account.HasPIN {
		wrong.add(l, field, "desk.pin_unset")
		return wrong, nil
	}
	pin := strings.TrimSpace(r.PostFormValue(field))
	if pin == "" { // nobody guesses with nothing: it costs no try
		wrong.add(l, field, "decide.pin_missing")
		return wrong, nil
	}
	letters, err := s.Store.TryPIN(r.Context(), me.ID, s.sessionHash(r), pin)
	s.post(r.Context(), letters...)
	locked, ok := errors.AsType[*newsroom.LockedError](err)
	if ok && locked.Until.IsZero() {
		wrong.add(l, field, "desk.pin_shut")
		return wrong, nil
	}
	if ok {
		wrong.add(l, field, "desk.pin_locked", "time", l.Time(locked.Until))
		return wrong, nil
	}
	if errors.Is(err, newsroom.ErrForbidden) {
		wrong.add(l, field, "desk.pin_wrong")
		return wrong, nil
	}
	return nil, err
}

// refusedFields points a refusal at the field that can mend it.
func refusedFields(l language, refused *newsroom.MoveError, form moveForm) (wrong formErrors) {
	switch refused.Code {
	case newsroom.RefusedReason, newsroom.RefusedReasonCode:
		if !newsroom.ReasonCode(form.Code).Known() {
			wrong.add(l, "reason_code", "field.required")
		}
		if form.Reason == "" {
			wrong.add(l, "reason", "field.required")
		}
	case newsroom.RefusedTarget:
		wrong.add(l, "target", "refused.bad_target")
	case newsroom.RefusedTime:
		wrong.add(l, "when", "refused.bad_time")
	}
	return wrong
}

func refusedText(l language, refused *newsroom.MoveError) string {
	args := []any{}
	for name, value := range refused.Params {
		args = append(args, name, value)
	}
	return l.T("refused."+string(refused.Code), args...)
}

// moveAgain shows the article again after a move that was not made.
func (s *Server) moveAgain(w http.ResponseWriter, r *http.Request, me newsroom.Person, status int, request newsroom.Request, form moveForm, wrong formErrors, refused string) error {
	page, err := s.articlePage(r, me, request.ArticleID)
	if err != nil {
		return err
	}
	key := string(request.Move)
	if request.Move == newsroom.MoveRevise {
		key += "-" + string(request.Kind)
	}
	page.Refused, page.RefusedMove, page.Comment = refused, key, ""
	if request.Move == newsroom.MoveComment {
		page.Comment = request.Comment
	}
	mark := func(v *moveView) {
		if v.Key != key {
			return
		}
		v.Form, v.Errors, v.Open = form, wrong, v.Asks
		choose(v.Reasons, form.Code)
		choose(v.Targets, form.Target)
	}
	for i := range page.Moves.Others {
		mark(&page.Moves.Others[i])
	}
	for i := range page.Moves.Apart {
		mark(&page.Moves.Apart[i])
	}
	if page.Moves.Main != nil {
		mark(page.Moves.Main)
	}
	page.Errors = wrong
	if r.PostFormValue("alone") != "" { // the form's own page was used
		for _, v := range page.Moves.All() {
			if v.Key == key {
				if refused != "" {
					v.Hindered = refused
				}
				return s.deskPage(w, r, me, status, "desk/move", "", movePage{page.Card, v})
			}
		}
	}
	return s.deskPage(w, r, me, status, "desk/article", "", page)
}

func choose(options []option, value string) {
	for i := range options {
		options[i].Chosen = options[i].Value == value
	}
}
