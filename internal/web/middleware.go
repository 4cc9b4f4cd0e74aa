package web

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"
)

// patience is how long an ordinary request may work before its context ends.
const patience = 20 * time.Second

// bodyLimit is how much an ordinary request may send; handlers that take more set their own limit with withBody.
const bodyLimit = 256 << 10

// contentPolicy allows what we serve ourselves and nothing else: no inline script, no inline style, no framing.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; " +
	"connect-src 'self'; manifest-src 'self'; frame-src 'self'; object-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// info is what the layers of one request tell each other; it also is the http.ResponseWriter's memory.
type info struct {
	id     string
	route  string // pattern of routes.go: what is logged in place of a path that carries a token
	client netip.Addr
	lang   language
	status int
	bytes  int
	gone   bool // the reader went away before the answer
}

type infoKey struct{}

// requestInfo finds the notes of r; a request that did not come through Handler gets fresh ones.
func requestInfo(r *http.Request) *info {
	if found, ok := r.Context().Value(infoKey{}).(*info); ok {
		return found
	}
	return &info{}
}

// recorder notes status and size of an answer. Unwrap lets http.ResponseController reach the connection.
type recorder struct {
	http.ResponseWriter
	info *info
}

func (w *recorder) WriteHeader(status int) {
	if w.info.status == 0 && status >= http.StatusOK {
		w.info.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(p []byte) (int, error) {
	if w.info.status == 0 {
		w.info.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.info.bytes += n
	return n, err
}

func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// outer wraps all routes: notes, log, panics, headers, cross-origin posts.
func (s *Server) outer(inner http.Handler) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	// The one-click leave post comes from a mail service (RFC 8058); its token is the proof.
	crossOrigin.AddInsecureBypassPattern("POST /huy/{token}")
	crossOrigin.SetDenyHandler(s.page(func(http.ResponseWriter, *http.Request) error {
		return refuse(http.StatusForbidden, "error.cross_origin")
	}))
	inner = crossOrigin.Handler(inner)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := s.Now()
		notes := &info{id: rand.Text()[:12], client: clientAddr(r, s.TrustedProxies)}
		r = r.WithContext(context.WithValue(r.Context(), infoKey{}, notes))
		w = &recorder{ResponseWriter: w, info: notes}
		s.headers(w.Header())
		defer func() {
			if trouble := recover(); trouble != nil {
				if trouble == http.ErrAbortHandler { //nolint:errorlint // a recovered value, not a wrapped error
					panic(trouble)
				}
				s.Log.ErrorContext(r.Context(), "handler panicked", "request_id", notes.id, "route", notes.route, "stack", string(debug.Stack()))
				s.fail(w, r, fmt.Errorf("panic: %v", trouble))
			}
			s.logRequest(r, notes, s.Now().Sub(began))
		}()
		inner.ServeHTTP(w, r)
	})
}

func (s *Server) headers(h http.Header) {
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=(), interest-cohort=()")
	if s.Secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// logRequest writes one line a request. A path that carries a token appears as its pattern, a query string never.
func (s *Server) logRequest(r *http.Request, notes *info, took time.Duration) {
	level := slog.LevelInfo
	switch {
	case strings.HasPrefix(r.URL.Path, "/static/") || notes.route == "GET /healthz" || notes.route == "GET /readyz" || notes.route == "POST /xem":
		level = slog.LevelDebug
	case notes.status >= http.StatusInternalServerError:
		level = slog.LevelWarn
	}
	path := r.URL.Path
	if strings.Contains(notes.route, "{token") || tokenPath(path) {
		path, _, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
		path = "/" + path + "/…"
	}
	s.Log.Log(r.Context(), level, "request", "request_id", notes.id, "method", r.Method, "path", path, "route", notes.route,
		"status", notes.status, "bytes", notes.bytes, "took_ms", took.Milliseconds(), "gone", notes.gone)
}

// tokenPaths are the first segments of mailed links: what follows is a secret even where no route matched.
var tokenPaths = []string{"/duyet/", "/khong-phai-toi/", "/ma-pin/", "/mat-khau/", "/xac-nhan/", "/tuy-chon/", "/huy/"}

func tokenPath(path string) bool {
	for _, prefix := range tokenPaths {
		if strings.HasPrefix(path, prefix) {
			return true
		}
	}
	return false
}

// handler is a request's work: it answers, or returns why it could not.
type handler func(w http.ResponseWriter, r *http.Request) error

// page makes h an http.Handler with a time limit, a body limit and the one place that turns an error into an answer.
func (s *Server) page(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = http.MaxBytesReader(w, r.Body, bodyLimit)
		}
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		r = r.WithContext(ctx)
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

// longest is how long an upload or a download may take: 50 MB over a poor line.
const longest = 30 * time.Minute

// long is page for a handler that streams, or takes an upload of at most body bytes: its work has no time limit of ours, its
// connection longest.
func (s *Server) long(body int64, h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := giveTime(w); err != nil {
			s.fail(w, r, err)
			return
		}
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = http.MaxBytesReader(w, r.Body, body)
		}
		if err := h(w, r); err != nil {
			s.fail(w, r, err)
		}
	})
}

// giveTime lets a connection take longest, both ways.
func giveTime(w http.ResponseWriter) error {
	until, connection := time.Now().Add(longest), http.NewResponseController(w)
	err := errors.Join(connection.SetReadDeadline(until), connection.SetWriteDeadline(until))
	if errors.Is(err, http.ErrNotSupported) { // no connection: a test's recorder
		return nil
	}
	return err
}

// on registers h under an http.ServeMux pattern and notes the pattern for the log.
func (s *Server) on(pattern string, h http.Handler) {
	s.mux.Handle(pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requestInfo(r).route = pattern
		h.ServeHTTP(w, r)
	}))
}

// clientAddr is where r came from: the connection's address, or the nearest address in X-Forwarded-For that is no
// trusted proxy, when the connection came from one.
func clientAddr(r *http.Request, trusted []netip.Prefix) netip.Addr {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := from.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && isTrusted(addr, trusted); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		addr = hop.Unmap()
	}
	return addr
}

func isTrusted(addr netip.Addr, trusted []netip.Prefix) bool {
	for _, prefix := range trusted {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}
