package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"toasoan/internal/locale"
	"toasoan/internal/media"
	"toasoan/newsroom"
)

// apiProblem is an answer that is no success, as RFC 9457 writes it. Code never changes; Detail is for a person.
type apiProblem struct {
	Type     string            `json:"type" format:"uri-reference" doc:"Address of the code's explanation."`
	Title    string            `json:"title" doc:"The status in words."`
	Status   int               `json:"status" doc:"HTTP status."`
	Code     string            `json:"code" doc:"Stable code: what a script decides by."`
	Detail   string            `json:"detail" doc:"One sentence for a person, in the language of Accept-Language."`
	Instance string            `json:"instance,omitempty" doc:"Id of the request in the log, where the trouble is ours."`
	Move     string            `json:"move,omitempty" doc:"A refused move."`
	Stage    string            `json:"stage,omitempty" doc:"Stage in which the move was refused."`
	Params   map[string]string `json:"params,omitempty" doc:"Values of the sentence."`
	Errors   []apiFieldError   `json:"errors,omitempty" doc:"What to mend, field by field."`

	headers http.Header
}

// apiFieldError is one field to mend.
type apiFieldError struct {
	Field  string `json:"field" doc:"Path of the field, such as pictures.0.alt."`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

func (p *apiProblem) Error() string           { return p.Code }
func (p *apiProblem) GetStatus() int          { return p.Status }
func (p *apiProblem) GetHeaders() http.Header { return p.headers }
func (p *apiProblem) ContentType(ct string) string {
	return strings.Replace(ct, "/json", "/problem+json", 1)
}
func problemType(code string) string { return "/api/docs#code-" + code }

// The library's one way to be given another error document.
func init() {
	huma.NewError = func(status int, _ string, _ ...error) huma.StatusError {
		return newProblem(locale.For("vi"), status, "bad_request", "error.bad_request")
	}
	huma.NewErrorWithContext = unreadable
}

// newProblem is a problem whose sentence is that of key.
func newProblem(l language, status int, code, key string, args ...any) *apiProblem {
	return &apiProblem{
		Type: problemType(code), Title: http.StatusText(status), Status: status, Code: code, Detail: l.T(key, args...), headers: http.Header{},
	}
}

func unauthorized(l language) *apiProblem {
	p := newProblem(l, http.StatusUnauthorized, "unauthorized", "api.unauthorized")
	p.headers.Set("WWW-Authenticate", `Bearer realm="toasoan"`)
	return p
}

func scopeMissing(l language, scopes []newsroom.Scope) *apiProblem {
	p := newProblem(l, http.StatusForbidden, "scope_missing", "api.scope_missing", "scope", scopeList(scopes))
	p.headers.Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="toasoan", error="insufficient_scope", scope=%q`, scopeList(scopes)))
	return p
}

// invalid is a problem with what was sent, field by field.
func invalid(l language, fields ...newsroom.FieldError) *apiProblem {
	p := newProblem(l, http.StatusUnprocessableEntity, "invalid", "api.invalid")
	for _, f := range fields {
		p.Errors = append(p.Errors, apiFieldError{Field: f.Field, Code: f.Code, Detail: apiSentence(l, f)})
	}
	return p
}

// apiSentence says what is wrong with one field.
func apiSentence(l language, f newsroom.FieldError) string {
	if !l.Has("field."+f.Code) && l.Has(f.Code) { // the sentences of another room: email.…
		return l.T(f.Code, f.Params)
	}
	return fieldSentence(l, f)
}

// inputRefusals are refusals of what was asked rather than of where the article stands: they can be mended in the request.
var inputRefusals = map[newsroom.Refusal]string{
	newsroom.RefusedReason: "reason", newsroom.RefusedReasonCode: "reason_code", newsroom.RefusedNoCorrection: "note",
	newsroom.RefusedTime: "release_at", newsroom.RefusedTarget: "target", newsroom.RefusedUnknownMove: "move",
}

// problem is the one table from errors to problem documents. What is ours is logged here.
func (s *Server) problem(ctx context.Context, err error) *apiProblem {
	if known, ok := errors.AsType[*apiProblem](err); ok {
		return known
	}
	notes := infoOf(ctx)
	l := notes.lang
	if refused, ok := errors.AsType[*newsroom.MoveError](err); ok {
		return refusedProblem(l, refused)
	}
	if wrong, ok := errors.AsType[*newsroom.InvalidError](err); ok {
		return invalid(l, wrong.Fields...)
	}
	if refused, ok := errors.AsType[*media.RefusedError](err); ok {
		status := http.StatusUnprocessableEntity
		if refused.Code == "too_large" {
			status = http.StatusRequestEntityTooLarge
		}
		return newProblem(l, status, refused.Code, "media."+refused.Code)
	}
	answer := answerTo(err)
	code := strings.TrimPrefix(answer.key, "error.")
	key := answer.key
	switch {
	case errors.Is(err, newsroom.ErrNotFound):
		key = "api.not_found"
	case errors.Is(err, newsroom.ErrPending):
		answer.status, code, key = http.StatusConflict, "in_hand", "api.in_hand"
	}
	p := newProblem(l, answer.status, code, key)
	answer.ask(p.headers)
	if answer.status >= http.StatusInternalServerError {
		p.Instance = notes.id
		s.Log.ErrorContext(ctx, "request failed", "request_id", notes.id, "route", notes.route, "status", answer.status, "error", err)
	}
	return p
}

// refusedProblem tells why a move was refused: 403 where the person may not, 422 where the request can be mended, 409 where the
// article stands in the way.
func refusedProblem(l language, refused *newsroom.MoveError) *apiProblem {
	status := http.StatusConflict
	switch refused.Code {
	case newsroom.RefusedRole, newsroom.RefusedConflict, newsroom.RefusedNotAsked:
		status = http.StatusForbidden
	}
	field, mendable := inputRefusals[refused.Code]
	if mendable {
		status = http.StatusUnprocessableEntity
	}
	key := "refused." + string(refused.Code)
	p := newProblem(l, status, string(refused.Code), key, refused.Params)
	p.Move, p.Stage, p.Params = string(refused.Move), string(refused.Stage), refused.Params
	if mendable {
		p.Errors = []apiFieldError{{Field: field, Code: string(refused.Code), Detail: p.Detail}}
	}
	return p
}

// infoOf finds the notes of the request that ctx belongs to; its language is always set.
func infoOf(ctx context.Context) *info {
	notes, ok := ctx.Value(infoKey{}).(*info)
	if !ok {
		notes = &info{}
	}
	if notes.lang == nil {
		notes.lang = locale.For("vi")
	}
	return notes
}

// apiFail answers with the problem of err, unless the answer has begun.
func (s *Server) apiFail(w http.ResponseWriter, r *http.Request, err error) {
	p := s.problem(r.Context(), err)
	if requestInfo(r).status != 0 {
		return
	}
	header := w.Header()
	for name, values := range p.headers {
		header[name] = values
	}
	header.Set("Content-Type", "application/problem+json")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	if err := json.NewEncoder(w).Encode(p); err != nil {
		s.Log.DebugContext(r.Context(), "problem not sent", "request_id", requestInfo(r).id, "error", err)
	}
}

// unreadable turns what the library found wrong with a request into a problem. Nothing of what was sent is repeated.
func unreadable(ctx huma.Context, status int, _ string, wrong ...error) huma.StatusError {
	r, _ := humago.Unwrap(ctx)
	l := infoOf(r.Context()).lang
	for _, err := range wrong {
		if tooLarge(err) {
			status = http.StatusRequestEntityTooLarge
		}
	}
	switch status {
	case http.StatusUnprocessableEntity:
	case http.StatusRequestEntityTooLarge:
		return newProblem(l, status, "too_large", "error.too_large")
	case http.StatusUnsupportedMediaType:
		return newProblem(l, status, "unsupported_type", "api.unsupported_type")
	case http.StatusRequestTimeout:
		return newProblem(l, status, "timeout", "api.timeout")
	default:
		// Among them 500 "cannot read request body": the sender's connection, not ours.
		return newProblem(l, http.StatusBadRequest, "bad_request", "api.bad_body")
	}
	p := invalid(l)
	for _, err := range wrong {
		f := newsroom.FieldError{Field: "body", Code: "invalid"}
		if detail, ok := err.(huma.ErrorDetailer); ok { //nolint:errorlint // the library returns them bare
			f = fieldOf(detail.ErrorDetail())
		}
		p.Errors = append(p.Errors, apiFieldError{Field: f.Field, Code: f.Code, Detail: apiSentence(l, f)})
	}
	return p
}

// tooLarge reports that err came from a body beyond its limit. A multipart form loses the error's type on its way.
func tooLarge(err error) bool {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return true
	}
	return err != nil && strings.Contains(err.Error(), "request body too large")
}

// fieldOf names the field and the code of one of the library's findings.
func fieldOf(d *huma.ErrorDetail) newsroom.FieldError {
	f := newsroom.FieldError{Field: fieldPath(d.Location), Code: "invalid"}
	switch {
	case strings.HasPrefix(d.Message, "expected required property"):
		name, _, _ := strings.Cut(strings.TrimPrefix(d.Message, "expected required property "), " ")
		f.Field, f.Code = strings.TrimPrefix(f.Field+"."+name, "."), "required"
	case strings.HasPrefix(d.Message, "required "):
		f.Code = "required"
	case strings.HasPrefix(d.Message, "unexpected property"):
		f.Code = "unexpected"
	case strings.HasPrefix(d.Message, "expected value to be one of"):
		f.Code = "unknown"
	case strings.Contains(d.Message, "date-time"):
		f.Code = "bad_time"
	case strings.Contains(d.Message, "uuid"):
		f.Code = "bad_id"
	}
	return f
}

// fieldPath writes "body.pictures[0].alt" as pages name fields: "pictures.0.alt".
func fieldPath(location string) string {
	location = strings.NewReplacer("[", ".", "]", "").Replace(location)
	_, path, _ := strings.Cut(location, ".") // behind body, query, path, header
	return path
}
