package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"toasoan/internal/locale"
	"toasoan/newsroom"
)

// signInStore is what signing in asks of the database.
type signInStore interface {
	Empty(ctx context.Context) (bool, error)
	SetupCode() string
	SweepSessions(ctx context.Context) error
	ForgetSignIns(ctx context.Context) error
	FirstStart(ctx context.Context, in newsroom.FirstStart) (newsroom.Person, error)
	CheckPassword(ctx context.Context, email, password string, from netip.Addr) (newsroom.SignIn, error)
	CheckTOTP(ctx context.Context, userID, code string) (bool, error)
	ForgotPassword(ctx context.Context, email string) (letterID string, err error)
	AccountLink(ctx context.Context, kind newsroom.LinkKind, token string) (newsroom.AccountLink, error)
	UseLink(ctx context.Context, kind newsroom.LinkKind, token, plain string) (newsroom.Person, error)
}

// door is a handler for somebody who is not signed in yet.
func (s *Server) door(h handler) http.Handler { return s.desk.sessions.LoadAndSave(s.page(h)) }

// signInPage is the page "signin".
type signInPage struct {
	Email  string
	Next   string
	Error  string
	Closed bool // the link or session that led here is over
}

// getSignIn handles GET /desk/sign-in.
func (s *Server) getSignIn(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.signedIn(r); err == nil {
		return see(w, r, localPath(r.URL.Query().Get("next")))
	}
	empty, err := s.Store.Empty(r.Context())
	if err != nil {
		return err
	}
	if empty {
		s.rememberLang(w, r)
		return see(w, r, "/desk/start")
	}
	return s.render(w, r, http.StatusOK, "signin", signInPage{Next: localPath(r.URL.Query().Get("next"))})
}

// postSignIn handles POST /desk/sign-in. Unknown address and wrong password look the same and take the same time.
func (s *Server) postSignIn(w http.ResponseWriter, r *http.Request) error {
	form := signInPage{Email: strings.TrimSpace(r.PostFormValue("email")), Next: localPath(r.PostFormValue("next"))}
	l := s.lang(r)
	in, err := s.Store.CheckPassword(r.Context(), form.Email, r.PostFormValue("password"), requestInfo(r).client)
	if locked, ok := errors.AsType[*newsroom.LockedError](err); ok {
		form.Error = l.T("signin.locked", "time", l.DateTime(locked.Until), "minutes", minutesUntil(locked.Until.Sub(s.Now())))
		w.Header().Set("Retry-After", fmt.Sprint(int(locked.Until.Sub(s.Now()).Seconds())+1))
		return s.render(w, r, http.StatusTooManyRequests, "signin", form)
	}
	if errors.Is(err, newsroom.ErrForbidden) {
		form.Error = l.T("signin.wrong")
		return s.render(w, r, http.StatusUnauthorized, "signin", form)
	}
	if err != nil {
		return err
	}
	if err := s.startSession(r); err != nil {
		return err
	}
	sessions := s.desk.sessions
	if in.WantsTOTP {
		sessions.Put(r.Context(), keyHalf, in.Person.ID)
		return see(w, r, "/desk/code?next="+form.Next)
	}
	sessions.Put(r.Context(), keyUser, in.Person.ID)
	if in.FailedSince > 0 {
		s.leaveFlash(w, "warn", "flash.failed_since", "n", fmt.Sprint(in.FailedSince))
	}
	s.Log.InfoContext(r.Context(), "signed in", "user_id", in.Person.ID)
	return see(w, r, form.Next)
}

// startSession gives r a session with a fresh token and nothing of the one before, so that nobody can plant one.
func (s *Server) startSession(r *http.Request) error {
	sessions := s.desk.sessions
	if err := sessions.Clear(r.Context()); err != nil {
		return fmt.Errorf("clear session: %w", err)
	}
	if err := sessions.RenewToken(r.Context()); err != nil {
		return fmt.Errorf("renew session: %w", err)
	}
	sessions.Put(r.Context(), keyDevice, deviceName(r.UserAgent()))
	return nil
}

// codePage is the page "signin-code".
type codePage struct {
	Next  string
	Error string
}

// getCode handles GET /desk/code, where the second factor is asked.
func (s *Server) getCode(w http.ResponseWriter, r *http.Request) error {
	if s.desk.sessions.GetString(r.Context(), keyHalf) == "" {
		return see(w, r, "/desk/sign-in")
	}
	return s.render(w, r, http.StatusOK, "signin-code", codePage{Next: localPath(r.URL.Query().Get("next"))})
}

// postCode handles POST /desk/code. A code works once.
func (s *Server) postCode(w http.ResponseWriter, r *http.Request) error {
	sessions, next := s.desk.sessions, localPath(r.PostFormValue("next"))
	id := sessions.GetString(r.Context(), keyHalf)
	if id == "" {
		return see(w, r, "/desk/sign-in")
	}
	ok, err := s.Store.CheckTOTP(r.Context(), id, r.PostFormValue("code"))
	if err != nil {
		return err
	}
	if !ok {
		return s.render(w, r, http.StatusUnauthorized, "signin-code", codePage{Next: next, Error: s.lang(r).T("signin.code_wrong")})
	}
	if err := s.startSession(r); err != nil {
		return err
	}
	sessions.Put(r.Context(), keyUser, id)
	sessions.Put(r.Context(), keySecond, "1")
	s.Log.InfoContext(r.Context(), "signed in", "user_id", id)
	return see(w, r, next)
}

// postSignOut handles POST /desk/sign-out.
func (s *Server) postSignOut(w http.ResponseWriter, r *http.Request) error {
	if err := s.desk.sessions.Destroy(r.Context()); err != nil {
		return fmt.Errorf("sign out: %w", err)
	}
	return see(w, r, "/desk/sign-in")
}

// forgotPage is the page "signin-forgot".
type forgotPage struct {
	Email string
	Error string
	Sent  bool
}

// getForgot handles GET /desk/forgot.
func (s *Server) getForgot(w http.ResponseWriter, r *http.Request) error {
	return s.render(w, r, http.StatusOK, "signin-forgot", forgotPage{})
}

// postForgot handles POST /desk/forgot: the same answer whether the address has an account or not.
func (s *Server) postForgot(w http.ResponseWriter, r *http.Request) error {
	form := forgotPage{Email: strings.TrimSpace(r.PostFormValue("email"))}
	if form.Email == "" {
		form.Error = s.lang(r).T("email.empty")
		return s.render(w, r, http.StatusUnprocessableEntity, "signin-forgot", form)
	}
	letter, err := s.Store.ForgotPassword(r.Context(), form.Email)
	if err != nil {
		return err
	}
	s.post(r.Context(), letter)
	form.Sent = true
	return s.render(w, r, http.StatusOK, "signin-forgot", form)
}

// post starts the mailing of letters that were written. Where that fails now, the reconcile schedule finds them.
func (s *Server) post(ctx context.Context, letters ...string) {
	for _, id := range letters {
		if id == "" {
			continue
		}
		if err := s.Dispatch.Post(ctx, id); err != nil {
			s.Log.WarnContext(ctx, "letter will be mailed later", "letter_id", id, "error", err)
		}
	}
}

// linkPage is the pages "signin-password" and "signin-pin": what a mailed account link opens.
type linkPage struct {
	Token  string
	Name   string
	Email  string
	Dead   bool // used, replaced or over
	Done   bool
	Signed bool // whether there is something to sign in with
	Errors formErrors
}

// getLink handles GET /mat-khau/{token} and /ma-pin/{token}: it shows, and changes nothing.
func (s *Server) getLink(kind newsroom.LinkKind) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		page, err := s.openLink(w, r, kind)
		return s.showLink(w, r, kind, page, err)
	}
}

// postLink handles POST /mat-khau/{token} and /ma-pin/{token}: it sets the password or the PIN and uses the link up.
func (s *Server) postLink(kind newsroom.LinkKind) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		page, err := s.openLink(w, r, kind)
		if err != nil {
			return s.showLink(w, r, kind, page, err)
		}
		field := "password"
		if kind == newsroom.LinkPIN {
			field = "pin"
		}
		plain := r.PostFormValue(field)
		if plain != r.PostFormValue(field+"_again") {
			page.Errors.add(s.lang(r), field+"_again", "field.mismatch")
			return s.render(w, r, http.StatusUnprocessableEntity, linkTemplate(kind), page)
		}
		_, err = s.Store.UseLink(r.Context(), kind, page.Token, plain)
		if wrong, ok := wrongFields(s.lang(r), err); ok {
			page.Errors = wrong
			return s.render(w, r, http.StatusUnprocessableEntity, linkTemplate(kind), page)
		}
		page.Done = err == nil
		return s.showLink(w, r, kind, page, err)
	}
}

// openLink reads whom a mailed link is for and sets the page's headers and language.
func (s *Server) openLink(w http.ResponseWriter, r *http.Request, kind newsroom.LinkKind) (linkPage, error) {
	mailedLink(w)
	page := linkPage{Token: r.PathValue("token")}
	link, err := s.Store.AccountLink(r.Context(), kind, page.Token)
	if err != nil {
		return page, err
	}
	s.linkLanguage(r, link.Account.Locale)
	page.Name, page.Email = link.Account.Name, link.Account.Email
	return page, nil
}

// showLink shows what became of a mailed link; one that is not known, used or replaced is gone.
func (s *Server) showLink(w http.ResponseWriter, r *http.Request, kind newsroom.LinkKind, page linkPage, err error) error {
	if errors.Is(err, newsroom.ErrNotFound) {
		page.Dead = true
		return s.render(w, r, http.StatusGone, linkTemplate(kind), page)
	}
	if err != nil {
		return err
	}
	return s.render(w, r, http.StatusOK, linkTemplate(kind), page)
}

func linkTemplate(kind newsroom.LinkKind) string {
	if kind == newsroom.LinkPIN {
		return "signin-pin"
	}
	return "signin-password"
}

// mailedLink sets the headers of pages whose address is a secret. The origin goes with a post (with no-referrer older Safari
// posts "Origin: null" and is refused), the path goes nowhere.
func mailedLink(w http.ResponseWriter) {
	w.Header().Set("Referrer-Policy", "strict-origin")
	w.Header().Set("X-Robots-Tag", "noindex, nofollow")
	w.Header().Set("Cache-Control", "no-store")
}

// startPage is the page "signin-start": the first start of an empty newsroom.
type startPage struct {
	Known    bool // the one-time code was given
	In       newsroom.FirstStart
	Sections string // one a line
	Errors   formErrors
}

// getStart handles GET /desk/start.
func (s *Server) getStart(w http.ResponseWriter, r *http.Request) error {
	empty, err := s.Store.Empty(r.Context())
	if err != nil {
		return err
	}
	if !empty {
		return see(w, r, "/desk/sign-in")
	}
	page := startPage{Known: s.desk.sessions.GetString(r.Context(), keySetup) != ""}
	if page.Known {
		page.Sections = s.lang(r).T("signin.sections_default")
		page.In.Approver = s.lang(r).T("signin.approver_default")
	}
	return s.render(w, r, http.StatusOK, "signin-start", page)
}

// postStart handles POST /desk/start: first the one-time code from the log, then unit, first admin and sections.
func (s *Server) postStart(w http.ResponseWriter, r *http.Request) error {
	empty, err := s.Store.Empty(r.Context())
	if err != nil {
		return err
	}
	if !empty {
		return see(w, r, "/desk/sign-in")
	}
	l, sessions := s.lang(r), s.desk.sessions
	if sessions.GetString(r.Context(), keySetup) == "" {
		if !sameSecret(strings.ToLower(strings.TrimSpace(r.PostFormValue("code"))), s.Store.SetupCode()) {
			page := startPage{}
			page.Errors.add(l, "code", "signin.setup_wrong")
			return s.render(w, r, http.StatusUnauthorized, "signin-start", page)
		}
		if err := s.startSession(r); err != nil {
			return err
		}
		sessions.Put(r.Context(), keySetup, "1")
		return see(w, r, "/desk/start")
	}
	page := startPage{Known: true, Sections: r.PostFormValue("sections"), In: newsroom.FirstStart{
		Office:   newsroom.OfficeInfo{Portal: r.PostFormValue("portal"), Unit: r.PostFormValue("unit"), Address: r.PostFormValue("address"), Phone: r.PostFormValue("phone")},
		Sections: strings.Split(r.PostFormValue("sections"), "\n"), Approver: r.PostFormValue("approver"), Password: r.PostFormValue("password"),
		Admin: newsroom.AccountInput{Name: r.PostFormValue("name"), Email: r.PostFormValue("email"), Locale: l.Tag()},
	}}
	admin, err := s.Store.FirstStart(r.Context(), page.In)
	if wrong, ok := wrongFields(l, err); ok {
		page.Errors, page.In.Password = wrong, ""
		return s.render(w, r, http.StatusUnprocessableEntity, "signin-start", page)
	}
	if err != nil {
		return err
	}
	s.forgetSite()
	if err := s.startSession(r); err != nil {
		return err
	}
	sessions.Put(r.Context(), keyUser, admin.ID)
	s.leaveFlash(w, "good", "flash.started")
	return see(w, r, "/desk/account/totp")
}

// linkLanguage shows a mailed page in its owner's language unless the reader asks for another.
func (s *Server) linkLanguage(r *http.Request, tag string) {
	if r.URL.Query().Get("lang") == "" {
		setLang(r, locale.For(tag))
	}
}
