package web

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/alexedwards/scs/v2"

	"toasoan/internal/locale"
	"toasoan/newsroom"
)

// authStore is what telling people apart asks of the database.
type authStore interface {
	sessionStore
	Person(ctx context.Context, id string) (newsroom.Person, error)
	WorkCount(ctx context.Context, me newsroom.Person) (int, error)
}

// deskStore is what the desk asks of the database: of each file its own part.
type deskStore interface {
	accountStore
	adminStore
	mailLimitsStore
	digestStore
	articleStore
	authStore
	boardStore
	calendarStore
	editorStore
	issueStore
	keptStore
	listStore
	mediaStore
	policyStore
	recordStore
	rehearsalStore
	seatStore
	signInStore
	troubleStore
	wordStore
	workStore
}

// deskDispatch is what the desk asks of the workflows.
type deskDispatch interface {
	deskMover
	publisher
	reloader
}

// desk is what the desk's room keeps.
type desk struct {
	sessions *scs.SessionManager
	live     *liveHub
}

func (s *Server) openDesk() error {
	s.desk.sessions = newSessions(s.Store, s.Secure)
	s.desk.sessions.ErrorFunc = func(w http.ResponseWriter, r *http.Request, err error) {
		s.fail(w, r, fmt.Errorf("session: %w", err))
	}
	s.desk.live = newLiveHub()
	return nil
}

// deskHandler is a handler for somebody who is signed in.
type deskHandler func(w http.ResponseWriter, r *http.Request, me newsroom.Person) error

// staff lets in who is signed in and holds one of roles (none given: any). The answer is in the account's language.
// Strangers are sent to sign in; a post or a script's request is told so with 401, so that nothing typed is lost.
func (s *Server) staff(h deskHandler, roles ...newsroom.Role) http.Handler {
	return s.desk.sessions.LoadAndSave(s.page(s.asStaff(h, roles)))
}

// staffLong is staff without a time limit, for streams and uploads of at most body bytes.
func (s *Server) staffLong(body int64, h deskHandler, roles ...newsroom.Role) http.Handler {
	return s.desk.sessions.LoadAndSave(s.long(body, s.asStaff(h, roles)))
}

func (s *Server) asStaff(h deskHandler, roles []newsroom.Role) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		me, err := s.signedIn(r)
		if errors.Is(err, newsroom.ErrNotFound) {
			return s.askToSignIn(w, r)
		}
		if err != nil {
			return err
		}
		setLang(r, locale.For(me.Locale))
		w.Header().Set("Cache-Control", "no-store")
		if len(roles) > 0 && !slices.ContainsFunc(roles, me.Is) {
			return s.deskFail(w, r, me, newsroom.ErrForbidden)
		}
		if slices.Contains(roles, newsroom.RoleAdmin) && !s.Demo && me.Is(newsroom.RoleAdmin) && s.desk.sessions.GetString(r.Context(), keySecond) == "" {
			http.Redirect(w, r, "/desk/account/totp", http.StatusSeeOther)
			return nil
		}
		if err := h(w, r, me); err != nil {
			return s.deskFail(w, r, me, err)
		}
		return nil
	}
}

// keySecond marks a session whose second factor was given.
const keySecond = "second"

// signedIn is the active account of r's session, or newsroom.ErrNotFound.
func (s *Server) signedIn(r *http.Request) (newsroom.Person, error) {
	id := s.desk.sessions.GetString(r.Context(), keyUser)
	if id == "" {
		return newsroom.Person{}, newsroom.ErrNotFound
	}
	me, err := s.Store.Person(r.Context(), id)
	if err == nil && !me.Active {
		return newsroom.Person{}, newsroom.ErrNotFound
	}
	return me, err
}

func (s *Server) askToSignIn(w http.ResponseWriter, r *http.Request) error {
	if r.Method == http.MethodGet && r.Header.Get("X-Live") == "" && !wantsJSON(r) && r.URL.Path != "/desk/live" {
		to := "/desk/sign-in"
		if next := r.URL.RequestURI(); next != "/desk" {
			to += "?next=" + url.QueryEscape(next)
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
		return nil
	}
	return refuse(http.StatusUnauthorized, "desk.signed_out")
}

func wantsJSON(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "application/json")
}

// deskFail answers a signed-in person: as a problem document to scripts, as a page within the desk otherwise. What is our
// fault goes the ordinary way.
func (s *Server) deskFail(w http.ResponseWriter, r *http.Request, me newsroom.Person, err error) error {
	answer := answerTo(err)
	if requestInfo(r).status != 0 || (errors.Is(err, context.Canceled) && r.Context().Err() != nil) {
		return err
	}
	trace := ""
	if answer.status >= http.StatusInternalServerError {
		info := requestInfo(r)
		trace = info.id
		s.Log.ErrorContext(r.Context(), "request failed", "request_id", info.id, "route", info.route, "status", answer.status, "error", err)
	}
	if wantsJSON(r) {
		return s.tell(w, r, answer.status, answer.key)
	}
	return s.deskPage(w, r, me, answer.status, "desk/error", "", errorPage{Status: answer.status, Message: s.lang(r).T(answer.key), Trace: trace})
}

// tell answers a script with an RFC 9457 document whose detail a person may read.
func (s *Server) tell(w http.ResponseWriter, r *http.Request, status int, key string, args ...any) error {
	return s.tellText(w, status, key, s.lang(r).T(key, args...))
}

func (s *Server) tellText(w http.ResponseWriter, status int, code, detail string) error {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(map[string]any{
		"type": "about:blank", "title": http.StatusText(status), "status": status, "code": code, "detail": detail,
	})
}

// deskView is the dot's .Data on every page of the desk.
type deskView struct {
	Me    newsroom.Person
	Nav   string // the rail's current item
	Work  int    // what waits for me
	Flash *flash
	Body  any
}

// deskPage answers with a page of the desk.
func (s *Server) deskPage(w http.ResponseWriter, r *http.Request, me newsroom.Person, status int, name, nav string, body any) error {
	count, err := s.Store.WorkCount(r.Context(), me)
	if err != nil {
		return err
	}
	return s.render(w, r, status, name, deskView{Me: me, Nav: nav, Work: count, Flash: s.takeFlash(w, r), Body: body})
}

// Admin reports whether the rail shows the administration.
func (v deskView) Admin() bool { return v.Me.Is(newsroom.RoleAdmin) }

// InAdmin reports whether the page is one of the administration.
func (v deskView) InAdmin() bool {
	return slices.Contains([]string{"admin", "users", "sections", "offices", "policies", "calendar", "mail", "trouble", "audit"}, v.Nav)
}

// Writes reports whether the rail offers to write.
func (v deskView) Writes() bool { return v.Me.Writes() }

// Bureau reports whether the rail shows what concerns the whole newsroom.
func (v deskView) Bureau() bool {
	return v.Me.Is(newsroom.RoleReviewer) || v.Me.Is(newsroom.RoleLeader) || v.Me.Is(newsroom.RoleAdmin)
}

// flash is one sentence for the page after a redirect.
type flash struct {
	Kind string            `json:"k"` // good | warn | bad | info
	Key  string            `json:"t"` // translation key, "flash.…" or "toast.…"
	Args map[string]string `json:"a,omitempty"`
	Text string            `json:"-"`
}

const flashCookie = "flash"

// leaveFlash keeps a sentence for the next page; args are name, value pairs of its placeholders.
func (s *Server) leaveFlash(w http.ResponseWriter, kind, key string, args ...string) {
	f := flash{Kind: kind, Key: key}
	for i := 0; i+1 < len(args); i += 2 {
		if f.Args == nil {
			f.Args = map[string]string{}
		}
		f.Args[args[i]] = args[i+1]
	}
	raw, err := json.Marshal(f)
	if err != nil {
		return // strings only: cannot happen
	}
	http.SetCookie(w, &http.Cookie{
		Name: flashCookie, Value: base64.RawURLEncoding.EncodeToString(raw), Path: "/", MaxAge: 60, HttpOnly: true,
		Secure: s.Secure, SameSite: http.SameSiteLaxMode,
	})
}

// takeFlash takes the sentence that the request before left. A key that is not for it is ignored.
func (s *Server) takeFlash(w http.ResponseWriter, r *http.Request) *flash {
	cookie, err := r.Cookie(flashCookie)
	if err != nil || cookie.Value == "" || r.Header.Get("X-Live") != "" {
		return nil
	}
	http.SetCookie(w, &http.Cookie{Name: flashCookie, Path: "/", MaxAge: -1, HttpOnly: true, Secure: s.Secure, SameSite: http.SameSiteLaxMode})
	raw, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		return nil
	}
	var f flash
	l := s.lang(r)
	if json.Unmarshal(raw, &f) != nil || !(strings.HasPrefix(f.Key, "flash.") || strings.HasPrefix(f.Key, "toast.")) || !l.Has(f.Key) {
		return nil
	}
	switch f.Kind {
	case "good", "warn", "bad", "info":
	default:
		f.Kind = "info"
	}
	args := []any{}
	for name, value := range f.Args {
		args = append(args, name, value)
	}
	f.Text = l.T(f.Key, args...)
	return &f
}
