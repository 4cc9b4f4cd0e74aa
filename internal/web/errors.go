package web

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"toasoan/newsroom"
)

// statusError is an answer that is no page: its status, and the translation key of the one sentence a person is told.
type statusError struct {
	status int
	key    string
	wait   time.Duration // 429: when to come back
	cause  error         // for the log; nil: nothing to log
}

func (e *statusError) Error() string {
	if e.cause != nil {
		return e.cause.Error()
	}
	return http.StatusText(e.status)
}

func (e *statusError) Unwrap() error { return e.cause }

// refuse is an error that answers with status and the sentence of key.
func refuse(status int, key string) error { return &statusError{status: status, key: key} }

// tooMany answers 429 and asks to come back after wait.
func tooMany(wait time.Duration) error {
	return &statusError{status: http.StatusTooManyRequests, key: "error.rate_limited", wait: wait}
}

// ask says in the header when to come back, where that is known.
func (e *statusError) ask(header http.Header) {
	if e.wait > 0 {
		header.Set("Retry-After", strconv.Itoa(int(e.wait.Seconds()+1)))
	}
}

// said is the sentence that a person is told; how long to wait is part of it where that is more than a few minutes.
func (e *statusError) said(l language) string {
	switch {
	case e.wait <= 10*time.Minute:
		return l.T(e.key)
	case e.wait < 2*time.Hour:
		return l.T("error.wait_minutes", "n", minutesUntil(e.wait))
	default:
		return l.T("error.wait_hours", "n", int((e.wait+time.Hour-1)/time.Hour))
	}
}

// answerTo is the one table from errors to what is answered.
func answerTo(err error) statusError {
	if known, ok := errors.AsType[*statusError](err); ok {
		return *known
	}
	if refused, ok := errors.AsType[*newsroom.MoveError](err); ok {
		status := http.StatusConflict
		if refused.Code == newsroom.RefusedRole {
			status = http.StatusForbidden
		}
		return statusError{status: status, key: "refused." + string(refused.Code)}
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return statusError{status: http.StatusRequestEntityTooLarge, key: "error.too_large"}
	}
	switch {
	case errors.Is(err, newsroom.ErrNotFound):
		return statusError{status: http.StatusNotFound, key: "error.not_found"}
	case errors.Is(err, newsroom.ErrForbidden):
		return statusError{status: http.StatusForbidden, key: "error.forbidden"}
	case errors.Is(err, newsroom.ErrConflict):
		return statusError{status: http.StatusConflict, key: "error.conflict"}
	case errors.Is(err, newsroom.ErrStale):
		return statusError{status: http.StatusConflict, key: "error.stale"}
	case errors.Is(err, newsroom.ErrPending):
		return statusError{status: http.StatusAccepted, key: "error.pending"}
	case errors.Is(err, context.DeadlineExceeded):
		return statusError{status: http.StatusServiceUnavailable, key: "error.unavailable", cause: err}
	default:
		return statusError{status: http.StatusInternalServerError, key: "error.internal", cause: err}
	}
}

// errorPage is what the page "error" shows.
type errorPage struct {
	Status  int
	Message string
	Trace   string // id of the request, which the log carries too; "" where nothing was logged
}

// fail answers r with the page of err: logged in full where it is ours, told in the reader's language.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	info := requestInfo(r)
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		info.gone = true // the reader went away: nobody to answer
		return
	}
	answer := answerTo(err)
	shown := errorPage{Status: answer.status}
	if answer.status >= http.StatusInternalServerError {
		shown.Trace = info.id
		s.Log.ErrorContext(r.Context(), "request failed", "request_id", info.id, "route", info.route, "status", answer.status, "error", err)
	}
	if info.status != 0 {
		return // the answer has begun: all that is left is the log
	}
	header := w.Header()
	for _, name := range []string{"ETag", "Last-Modified", "Content-Encoding", "Content-Length", "Content-Disposition"} {
		header.Del(name)
	}
	header.Set("Cache-Control", "no-store")
	answer.ask(header)
	shown.Message = answer.said(s.lang(r))
	page := "error"
	switch {
	case tokenPath(r.URL.Path):
		page = "error_link" // no script runs where the address is a secret
	case r.URL.Path == embedPath:
		page = "error_embed"
	}
	if err := s.render(w, r, answer.status, page, shown); err != nil {
		s.Log.ErrorContext(r.Context(), "error page failed", "request_id", info.id, "error", err)
		http.Error(w, shown.Message, answer.status)
	}
}
