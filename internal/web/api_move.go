package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// maxReason bounds a reason, a note and a comment, in characters.
const maxReason = 5000

// apiMove is the name of a move; the description lists them all.
type apiMove string

// TransformSchema lists the moves of the table.
func (apiMove) TransformSchema(_ huma.Registry, schema *huma.Schema) *huma.Schema {
	var names []string
	seen := map[newsroom.Move]bool{}
	for _, w := range newsroom.Ways {
		if !w.Clock && w.Move != newsroom.MoveNotMe && !seen[w.Move] {
			seen[w.Move] = true
			names = append(names, string(w.Move))
		}
	}
	schema.Description = "One of " + strings.Join(names, ", ") + "."
	return schema
}

// apiReasonCode is the code of a reason.
type apiReasonCode string

// TransformSchema lists the codes.
func (apiReasonCode) TransformSchema(_ huma.Registry, schema *huma.Schema) *huma.Schema {
	names := make([]string, len(newsroom.ReasonCodes))
	for i, code := range newsroom.ReasonCodes {
		names[i] = string(code)
	}
	schema.Description = "One of " + strings.Join(names, ", ") + "; needed to return, reject, request changes, withdraw and the like."
	return schema
}

type apiMoveIn struct {
	ID   string `path:"id"`
	Body apiMoveRequest
}

// apiMoveRequest is a move that a script asks for.
type apiMoveRequest struct {
	ID          string        `json:"id" format:"uuid" doc:"Chosen by the caller: a repeat with the same id is the same move and gets the same answer."`
	Move        apiMove       `json:"move"`
	ReasonCode  apiReasonCode `json:"reason_code,omitempty"`
	Reason      string        `json:"reason,omitempty" doc:"The reason in words, at most 5,000 characters."`
	Revision    int           `json:"revision,omitempty" minimum:"0" doc:"The revision that the caller saw; another one now is refused."`
	ContentHash string        `json:"content_hash,omitempty" doc:"The hash that the caller saw; a decision must name it."`
	Public      string        `json:"public,omitempty" enum:"hidden,live,withdrawn,taken_down,expired" doc:"approve: what readers saw when the caller looked. An article that was taken from them since is not brought back."`
	Kind        string        `json:"kind,omitempty" enum:"minor,correction" doc:"revise: how the new revision differs."`
	Note        *apiNoteInput `json:"note,omitempty" doc:"revise as correction: the public note."`
	ReleaseAt   *time.Time    `json:"release_at,omitempty" nullable:"true" doc:"reschedule: the new time."`
	Target      string        `json:"target,omitempty" doc:"hand_over: account id of the reviewer."`
	Comment     string        `json:"comment,omitempty" doc:"forward: a note to the leader; comment: the text."`
}

// apiOutcome is what became of a move, the same for every repeat of its id.
type apiOutcome struct {
	ID          string     `json:"id" doc:"Of the request."`
	ArticleID   string     `json:"article_id"`
	Move        string     `json:"move"`
	Pending     bool       `json:"pending" doc:"Recorded, not settled yet: it is never lost. Ask again with the same id."`
	Stage       string     `json:"stage,omitempty"`
	Public      string     `json:"public,omitempty"`
	Revision    int        `json:"revision,omitempty"`
	N           int64      `json:"n,omitempty" doc:"Its number in the article's record."`
	Publication string     `json:"publication,omitempty" doc:"The public change it settled: GET /publications/{id} has the receipts."`
	At          *time.Time `json:"at,omitempty"`
}

type apiMoveOut struct {
	Status int
	Body   apiOutcome
}

func (s *Server) apiMoveVerbs() {
	apiDo(s, apiVerb{
		id: "moveArticle", method: http.MethodPost, path: "/articles/{id}/moves", tag: "articles", summary: "Make a move: submit, claim, return, forward, approve, …",
		doc: "200 settled; 202 recorded and pending; 403 the person or the token may not; 409 the article stands in the way; 422 the request can be mended. " +
			"Decisions (approve, request_changes, reject of what awaits approval, emergency_release, undo, withdraw, take_down, restore, second_sign, a leader's reschedule and unschedule) need scope decide, the others scope write.",
		scopes: []newsroom.Scope{newsroom.ScopeWrite, newsroom.ScopeDecide}, also: []int{http.StatusAccepted},
		errors: []int{http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity},
	}, s.apiMoveArticle)
}

// moveScope is the scope that a move needs: what a leader decides at the desk with the own PIN needs the token that was issued
// with it.
func moveScope(who newsroom.Person, move newsroom.Move, a newsroom.Article) newsroom.Scope {
	if move.NeedsPIN(who, a.Stage) {
		return newsroom.ScopeDecide
	}
	return newsroom.ScopeWrite
}

func (s *Server) apiMoveArticle(ctx context.Context, me caller, in *apiMoveIn) (*apiMoveOut, error) {
	l := infoOf(ctx).lang
	sit, err := s.apiSituation(ctx, me, in.ID)
	if err != nil {
		return nil, err
	}
	request, wrong := in.request(me)
	if move := request.Move; !move.Known() || move == newsroom.MoveNotMe {
		return nil, &newsroom.MoveError{Code: newsroom.RefusedUnknownMove, Move: move, Stage: sit.Article.Stage}
	}
	if scope := moveScope(me.Person, request.Move, sit.Article); !me.Token.Has(scope) {
		return nil, scopeMissing(l, []newsroom.Scope{scope})
	}
	if request.Hash == "" && (request.Move == newsroom.MoveApprove || request.Move == newsroom.MoveRequestChanges || request.Move == newsroom.MoveEmergencyRelease) {
		wrong = append(wrong, newsroom.FieldError{Field: "content_hash", Code: "required"})
	}
	if len(wrong) > 0 {
		return nil, invalid(l, wrong...)
	}
	request.Unproven = !me.Token.Has(newsroom.ScopeDecide)
	outcome, err := s.Dispatch.Move(ctx, request)
	if errors.Is(err, newsroom.ErrConflict) {
		return nil, newProblem(l, http.StatusConflict, "id_reused", "api.id_reused")
	}
	if err != nil {
		return nil, err
	}
	out := &apiMoveOut{Status: http.StatusOK, Body: apiOutcome{ID: request.ID, ArticleID: request.ArticleID, Move: string(request.Move)}}
	if outcome.Pending {
		out.Status, out.Body.Pending = http.StatusAccepted, true
		return out, nil
	}
	out.Body.Stage, out.Body.Public, out.Body.Revision = string(outcome.Stage), string(outcome.Public), outcome.Revision
	out.Body.N, out.Body.At = outcome.N, &outcome.At
	if outcome.Publish > 0 {
		out.Body.Publication = publicationName(outcome.ArticleID, outcome.Publish)
	}
	return out, nil
}

// request is what was asked, cleaned.
func (in *apiMoveIn) request(me caller) (newsroom.Request, []newsroom.FieldError) {
	b := in.Body
	r := newsroom.Request{
		ID: strings.ToLower(b.ID), ArticleID: in.ID, ActorID: me.ID, Door: newsroom.DoorAPI, Move: newsroom.Move(b.Move), Revision: b.Revision,
		Hash: b.ContentHash, Code: newsroom.ReasonCode(b.ReasonCode), Reason: text.Block(b.Reason), Kind: newsroom.ChangeKind(b.Kind),
		Target: b.Target, Comment: text.Block(b.Comment), Public: newsroom.Public(b.Public),
	}
	if r.Move == newsroom.MoveReschedule {
		r.ReleaseAt = b.ReleaseAt
	}
	var wrong []newsroom.FieldError
	if b.Note != nil {
		r.Note = newsroom.Correction{Old: text.Line(b.Note.Old), New: text.Line(b.Note.New)}
	}
	if !newsroom.ValidRequestID(r.ID) {
		wrong = append(wrong, newsroom.FieldError{Field: "id", Code: "bad_id"})
	}
	for field, value := range map[string]string{"reason": r.Reason, "comment": r.Comment, "note.old": r.Note.Old, "note.new": r.Note.New} {
		if utf8.RuneCountInString(value) > maxReason {
			wrong = append(wrong, newsroom.FieldError{Field: field, Code: "too_long", Params: map[string]string{"max": fmt.Sprint(maxReason)}})
		}
	}
	return r, wrong
}
