package mailbox

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// handler serves the page and the API.
type handler struct {
	box *Box
	log *slog.Logger
}

// newHandler is every address of the mailbox in one place.
func newHandler(box *Box, listen net.Addr, log *slog.Logger) http.Handler {
	h := &handler{box, log}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", h.listPage)
	mux.HandleFunc("GET /message/{id}", h.messagePage)
	mux.HandleFunc("GET /message/{id}/html", h.htmlPart)
	mux.HandleFunc("GET /message/{id}/part/{part}", h.partFile)
	mux.HandleFunc("POST /delete", h.deletePost)
	mux.Handle("GET /static/", h.static())

	mux.HandleFunc("GET /api/v1/messages", h.messages)
	mux.HandleFunc("DELETE /api/v1/messages", h.deleteMessages)
	mux.HandleFunc("PUT /api/v1/messages", h.putMessages)
	mux.HandleFunc("GET /api/v1/search", h.search)
	mux.HandleFunc("DELETE /api/v1/search", h.deleteSearch)
	mux.HandleFunc("GET /api/v1/message/{id}", h.message)
	mux.HandleFunc("GET /api/v1/message/{id}/headers", h.headers)
	mux.HandleFunc("GET /api/v1/message/{id}/raw", h.raw)
	mux.HandleFunc("GET /api/v1/message/{id}/part/{part}", h.partFile)
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })

	return onlyLoopbackNames(listen, withHeaders(http.NewCrossOriginProtection().Handler(mux)))
}

// onlyLoopbackNames refuses requests to a name that a stranger's web page made point to us (DNS rebinding): the
// mailbox holds sign-in links and has no sign-in of its own.
func onlyLoopbackNames(listen net.Addr, next http.Handler) http.Handler {
	own, _, _ := net.SplitHostPort(listen.String())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		host = strings.ToLower(strings.Trim(host, "[]"))
		ip, err := netip.ParseAddr(host)
		if host != "localhost" && host != own && (err != nil || !ip.IsLoopback()) {
			http.Error(w, "this mailbox answers to 127.0.0.1 and localhost only", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "+
			"connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// listing is the answer of /messages and /search.
type listing struct {
	Total         int       `json:"total"`
	Unread        int       `json:"unread"`
	Count         int       `json:"count"`
	Messages      int       `json:"messages_count"`
	MessageUnread int       `json:"messages_unread"`
	Start         int       `json:"start"`
	Tags          []string  `json:"tags"`
	List          []Summary `json:"messages"`
}

func (h *handler) messages(w http.ResponseWriter, r *http.Request) { h.answerList(w, r, "") }

func (h *handler) search(w http.ResponseWriter, r *http.Request) {
	query := strings.TrimSpace(r.URL.Query().Get("query"))
	if query == "" {
		http.Error(w, "Error: no search query", http.StatusBadRequest)
		return
	}
	h.answerList(w, r, query)
}

func (h *handler) answerList(w http.ResponseWriter, r *http.Request, query string) {
	start, limit := number(r, "start", 0), number(r, "limit", 50)
	q := ParseQuery(query)
	found, matching := h.box.Find(q, start, limit)
	answer := listing{Count: len(found), Messages: matching, Start: start, Tags: []string{}, List: found}
	answer.Total, answer.Unread = h.box.Totals()
	if answer.MessageUnread = answer.Unread; query != "" {
		_, answer.MessageUnread = h.box.Find(ParseQuery(query+" is:unread"), 0, 1)
	}
	h.json(w, answer)
}

// number reads a whole number of at least 0.
func number(r *http.Request, name string, otherwise int) int {
	n, err := strconv.Atoi(r.URL.Query().Get(name))
	if err != nil || n < 0 {
		return otherwise
	}
	return n
}

func (h *handler) message(w http.ResponseWriter, r *http.Request) {
	m, ok := h.read(w, r)
	if !ok {
		return
	}
	h.json(w, m)
}

// read gets the message that a request is about, and marks it as read.
func (h *handler) read(w http.ResponseWriter, r *http.Request) (*Message, bool) {
	m, err := h.box.Get(r.PathValue("id"))
	if err != nil {
		h.fail(w, r, err)
		return nil, false
	}
	if err := h.box.SetRead(true, m.ID); err != nil && !errors.Is(err, ErrClosed) {
		h.log.Error("message not marked as read", "err", err)
	}
	return m, true
}

func (h *handler) headers(w http.ResponseWriter, r *http.Request) {
	m, err := h.box.Get(r.PathValue("id"))
	if err != nil {
		h.fail(w, r, err)
		return
	}
	all := map[string][]string{}
	for _, field := range m.Header {
		all[field.Name] = append(all[field.Name], field.Value)
	}
	all["Return-Path"] = []string{"<" + m.ReturnPath + ">"}
	h.json(w, all)
}

func (h *handler) raw(w http.ResponseWriter, r *http.Request) {
	raw, err := h.box.Raw(r.PathValue("id"))
	if err != nil {
		h.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if r.URL.Query().Get("dl") == "1" {
		w.Header().Set("Content-Disposition", `attachment; filename="message.eml"`)
	}
	_, _ = w.Write(raw)
}

// shown are the image types that may be shown beside a message; everything else is downloaded.
var shown = map[string]bool{"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true}

func (h *handler) partFile(w http.ResponseWriter, r *http.Request) {
	m, err := h.box.Get(r.PathValue("id"))
	if err != nil {
		h.fail(w, r, err)
		return
	}
	a, err := m.part(r.PathValue("part"))
	if err != nil {
		h.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin") // the sandboxed message has no origin
	if shown[a.ContentType] {
		w.Header().Set("Content-Type", a.ContentType)
	} else {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": a.FileName}))
	}
	_, _ = w.Write(a.content)
}

// chosen is the body of a change: which messages, none meaning all.
type chosen struct {
	IDs  []string
	Read bool
}

func (h *handler) chosen(w http.ResponseWriter, r *http.Request) (c chosen, ok bool) {
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<20)).Decode(&c)
	if err != nil && !errors.Is(err, io.EOF) {
		http.Error(w, "Error: the body is no JSON of the form {\"IDs\": []}", http.StatusBadRequest)
		return chosen{}, false
	}
	if len(c.IDs) == 0 {
		c.IDs = h.box.IDs()
	}
	return c, true
}

func (h *handler) deleteMessages(w http.ResponseWriter, r *http.Request) {
	if c, ok := h.chosen(w, r); ok {
		h.done(w, r, h.box.Delete(c.IDs...))
	}
}

func (h *handler) putMessages(w http.ResponseWriter, r *http.Request) {
	if c, ok := h.chosen(w, r); ok {
		h.done(w, r, h.box.SetRead(c.Read, c.IDs...))
	}
}

func (h *handler) deleteSearch(w http.ResponseWriter, r *http.Request) {
	query := strings.TrimSpace(r.URL.Query().Get("query"))
	if query == "" {
		http.Error(w, "Error: no search query", http.StatusBadRequest)
		return
	}
	found, _ := h.box.Find(ParseQuery(query), 0, 0)
	ids := make([]string, len(found))
	for i, s := range found {
		ids[i] = s.ID
	}
	h.done(w, r, h.box.Delete(ids...))
}

func (h *handler) done(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		h.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	_, _ = io.WriteString(w, "ok")
}

func (h *handler) json(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		h.log.Debug("answer not sent", "err", err)
	}
}

// fail answers an error of the box.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, ErrNotFound) {
		http.NotFound(w, r)
		return
	}
	h.log.Error("mailbox request failed", "err", err)
	http.Error(w, "Error: the message cannot be read", http.StatusInternalServerError)
}
