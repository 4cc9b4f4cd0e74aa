package web

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	qrcode "github.com/skip2/go-qrcode"

	"toasoan/newsroom"
)

// accountStore is what the own account's page asks of the database.
type accountStore interface {
	Account(ctx context.Context, id string) (newsroom.Account, error)
	UpdateOwn(ctx context.Context, id string, in newsroom.AccountInput) error
	OwnPassword(ctx context.Context, userID, password string) (bool, error)
	SetPassword(ctx context.Context, userID, password, keep string) error
	SetPIN(ctx context.Context, userID, pin string) error
	Sessions(ctx context.Context, userID, current string) ([]newsroom.SessionInfo, error)
	EndSession(ctx context.Context, userID, id string) error
	EndSessions(ctx context.Context, by newsroom.Person, userID, keep string) error
	Devices(ctx context.Context, userID string) ([]newsroom.Device, error)
	RevokeDevice(ctx context.Context, userID, id string) error
	Tokens(ctx context.Context, userID string) ([]newsroom.Token, error)
	IssueToken(ctx context.Context, by newsroom.Person, userID string, scopes []newsroom.Scope, label, pin string, expires *time.Time) (string, newsroom.Token, error)
	RevokeToken(ctx context.Context, by newsroom.Person, userID, id string) error
	NewTOTP() []byte
	TOTPWords(key []byte, issuer, account string) (text, url string)
	SealTOTP(key []byte) []byte
	OpenTOTP(sealed []byte) ([]byte, error)
	EnrolTOTP(ctx context.Context, userID string, key []byte, code string) (recovery []string, err error)
	DropTOTP(ctx context.Context, by newsroom.Person, userID string) error
}

// accountPage is the page "desk/account".
type accountPage struct {
	Account  newsroom.Account
	Roles    []string
	Sessions []newsroom.SessionInfo
	Devices  []newsroom.Device
	Tokens   []newsroom.Token
	Scopes   []newsroom.Scope // that I may issue
	Token    string           // the value of a token issued just now, shown once
	Form     string           // which form was sent
	Errors   formErrors
	Offices  []ownOffice
	Leaders  []option
}

// ownOffice is an office that I hold, with my delegations.
type ownOffice struct {
	Office      newsroom.Office
	Delegations []newsroom.Delegation
}

// getAccount handles GET /desk/account.
func (s *Server) getAccount(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	return s.showAccount(w, r, me, http.StatusOK, "", nil, "")
}

func (s *Server) showAccount(w http.ResponseWriter, r *http.Request, me newsroom.Person, status int, form string, wrong formErrors, token string) error {
	ctx, l := r.Context(), s.lang(r)
	page := accountPage{Form: form, Errors: wrong, Token: token}
	var err error
	if page.Account, err = s.Store.Account(ctx, me.ID); err != nil {
		return err
	}
	for _, role := range page.Account.Roles {
		page.Roles = append(page.Roles, l.T("role."+string(role)))
	}
	if page.Sessions, err = s.Store.Sessions(ctx, me.ID, s.sessionHash(r)); err != nil {
		return err
	}
	if page.Tokens, err = s.Store.Tokens(ctx, me.ID); err != nil {
		return err
	}
	page.Scopes = []newsroom.Scope{newsroom.ScopeWrite}
	if me.Is(newsroom.RoleAdmin) {
		page.Scopes = append(page.Scopes, newsroom.ScopeAdmin, newsroom.ScopeBounces)
	}
	if me.HoldsPIN() {
		if page.Devices, err = s.Store.Devices(ctx, me.ID); err != nil {
			return err
		}
	}
	if me.Is(newsroom.RoleLeader) {
		page.Scopes = append(page.Scopes, newsroom.ScopeDecide)
		if page.Offices, page.Leaders, err = s.ownOffices(r, me); err != nil {
			return err
		}
	}
	return s.deskPage(w, r, me, status, "desk/account", "account", page)
}

func (s *Server) ownOffices(r *http.Request, me newsroom.Person) (mine []ownOffice, leaders []option, err error) {
	offices, err := s.Store.Offices(r.Context())
	if err != nil {
		return nil, nil, err
	}
	for _, office := range offices {
		holds := false
		for _, h := range office.Holders {
			holds = holds || (h.UserID == me.ID && !h.Deputy)
		}
		if !holds {
			continue
		}
		one := ownOffice{Office: office}
		for _, d := range office.Delegations {
			if d.From == me.ID {
				one.Delegations = append(one.Delegations, d)
			}
		}
		mine = append(mine, one)
	}
	if leaders, err = s.leaderOptions(r, me.ID); err != nil {
		return nil, nil, err
	}
	return mine, leaders, nil
}

// leaderOptions lists the active leaders but one.
func (s *Server) leaderOptions(r *http.Request, but string) (list []option, err error) {
	colleagues, err := s.Store.Colleagues(r.Context())
	if err != nil {
		return nil, err
	}
	for _, c := range colleagues {
		if c.ID != but && (newsroom.Person{Active: true, Roles: c.Roles}).Is(newsroom.RoleLeader) {
			name := c.Name
			if c.Title != "" {
				name += " – " + c.Title
			}
			list = append(list, option{Value: c.ID, Text: name})
		}
	}
	return list, nil
}

// postAccount handles POST /desk/account, every form of the page; "form" says which.
func (s *Server) postAccount(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	ctx, l := r.Context(), s.lang(r)
	form := r.PostFormValue("form")
	var wrong formErrors
	var err error
	done := "flash.saved"
	switch form {
	case "profile":
		err = s.Store.UpdateOwn(ctx, me.ID, newsroom.AccountInput{
			Locale: r.PostFormValue("locale"), PenName: r.PostFormValue("pen_name"), Phone: r.PostFormValue("phone"),
		})
	case "password":
		if wrong, err = s.provePassword(r, me, "current"); err != nil || len(wrong) > 0 {
			break
		}
		if r.PostFormValue("password") != r.PostFormValue("password_again") {
			wrong.add(l, "password_again", "field.mismatch")
			break
		}
		done = "flash.password_changed"
		err = s.Store.SetPassword(ctx, me.ID, r.PostFormValue("password"), s.sessionHash(r))
	case "pin":
		if !me.HoldsPIN() {
			return newsroom.ErrForbidden
		}
		if wrong, err = s.ownPIN(r, me); err != nil || len(wrong) > 0 {
			break
		}
		if r.PostFormValue("pin") != r.PostFormValue("pin_again") {
			wrong.add(l, "pin_again", "field.mismatch")
			break
		}
		done = "flash.pin_changed"
		err = s.Store.SetPIN(ctx, me.ID, r.PostFormValue("pin"))
	case "session":
		err = s.Store.EndSession(ctx, me.ID, r.PostFormValue("id"))
	case "sessions":
		done = "flash.signed_out_elsewhere"
		err = s.Store.EndSessions(ctx, me, me.ID, s.sessionHash(r))
	case "device":
		err = s.Store.RevokeDevice(ctx, me.ID, r.PostFormValue("id"))
	case "token":
		return s.issueToken(w, r, me)
	case "revoke_token":
		err = s.Store.RevokeToken(ctx, me, me.ID, r.PostFormValue("id"))
	case "delegate":
		wrong, err = s.delegate(r, me, me.ID)
		done = "flash.delegated"
	case "end_delegation":
		if err = s.Store.EndDelegation(ctx, me, r.PostFormValue("id")); err == nil {
			err = s.followDelegation(ctx)
		}
	default:
		return refuse(http.StatusBadRequest, "error.bad_request")
	}
	if found, ok := wrongFields(l, err); ok {
		wrong, err = found, nil
	}
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		return s.showAccount(w, r, me, http.StatusUnprocessableEntity, form, wrong, "")
	}
	s.leaveFlash(w, "good", done)
	return see(w, r, "/desk/account")
}

// ownPIN asks who may set a new PIN: for the password, and for the PIN that there is. Whoever has only got hold of the password must not
// decide with a PIN of theirs; who has forgotten it, or has said "not me", asks an admin for the mailed link.
func (s *Server) ownPIN(r *http.Request, me newsroom.Person) (wrong formErrors, err error) {
	if wrong, err = s.provePassword(r, me, "pin_password"); err != nil || len(wrong) > 0 {
		return wrong, err
	}
	account, err := s.Store.Account(r.Context(), me.ID)
	switch {
	case err != nil:
		return nil, err
	case account.PINVoid:
		wrong.add(s.lang(r), "pin", "account.pin_void")
		return wrong, nil
	case !account.HasPIN:
		return nil, nil
	default:
		return s.deskPIN(r, me, "pin_now")
	}
}

// provePassword asks a signed-in person for the password once more.
func (s *Server) provePassword(r *http.Request, me newsroom.Person, field string) (wrong formErrors, err error) {
	if wait := s.limits.take("own-password/"+me.ID, requestInfo(r).client, time.Minute, 10); wait > 0 {
		return nil, tooMany(wait)
	}
	ok, err := s.Store.OwnPassword(r.Context(), me.ID, r.PostFormValue(field))
	if err == nil && !ok {
		wrong.add(s.lang(r), field, "field.wrong")
	}
	return wrong, err
}

// delegate lets from's office be decided by another between two dates.
func (s *Server) delegate(r *http.Request, by newsroom.Person, from string) (wrong formErrors, err error) {
	l := s.lang(r)
	start, ok := localTime(r.PostFormValue("start"))
	if !ok || start == nil {
		wrong.add(l, "start", "field.bad_time")
	}
	end, ok := localTime(r.PostFormValue("end"))
	if !ok || end == nil {
		wrong.add(l, "end", "field.bad_time")
	}
	if r.PostFormValue("to") == "" {
		wrong.add(l, "to", "field.required")
	}
	if len(wrong) > 0 {
		return wrong, nil
	}
	_, err = s.Store.Delegate(r.Context(), by, newsroom.Delegation{
		OfficeID: r.PostFormValue("office"), From: from, To: r.PostFormValue("to"), Start: *start, End: *end, Reason: r.PostFormValue("reason"),
	})
	if errors.Is(err, newsroom.ErrNotFound) || errors.Is(err, newsroom.ErrForbidden) {
		wrong.add(l, "to", "desk.cannot_delegate")
		return wrong, nil
	}
	if err != nil {
		return wrong, err
	}
	return wrong, s.followDelegation(r.Context())
}

// issueToken makes an API token and shows its value, once.
func (s *Server) issueToken(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	var wrong formErrors
	l := s.lang(r)
	scopes := []newsroom.Scope{}
	for _, one := range r.PostForm["scope"] {
		scopes = append(scopes, newsroom.Scope(one))
	}
	if len(scopes) == 0 {
		wrong.add(l, "scope", "field.required")
	}
	expires, ok := localTime(r.PostFormValue("expires"))
	if !ok || past(expires, s.Now()) {
		wrong.add(l, "expires", "field.past")
	}
	if len(wrong) > 0 {
		return s.showAccount(w, r, me, http.StatusUnprocessableEntity, "token", wrong, "")
	}
	if strings.Contains(strings.Join(r.PostForm["scope"], " "), string(newsroom.ScopeDecide)) {
		found, err := s.deskPIN(r, me, "pin")
		if err != nil {
			return err
		}
		for _, one := range found {
			wrong = append(wrong, formError{Field: "token_pin", Text: one.Text})
		}
		if len(wrong) > 0 {
			return s.showAccount(w, r, me, http.StatusUnprocessableEntity, "token", wrong, "")
		}
	}
	value, _, err := s.Store.IssueToken(r.Context(), me, me.ID, scopes, r.PostFormValue("label"), r.PostFormValue("pin"), expires)
	if err != nil {
		return err
	}
	return s.showAccount(w, r, me, http.StatusOK, "token", nil, value)
}

// past reports whether t is set and not after now.
func past(t *time.Time, now time.Time) bool { return t != nil && !t.After(now) }

// totpPage is the page "desk/totp".
type totpPage struct {
	Has      bool
	QR       template.URL // the secret as a picture, made here: it goes to nobody else
	Text     string
	Recovery []string // shown once
	Error    string
}

// getTOTP handles GET /desk/account/totp: a fresh secret to enrol. It is kept sealed in the session until a code proves that the
// authenticator has it.
func (s *Server) getTOTP(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	page, err := s.totpPage(r, me, true)
	if err != nil {
		return err
	}
	return s.deskPage(w, r, me, http.StatusOK, "desk/totp", "account", page)
}

func (s *Server) totpPage(r *http.Request, me newsroom.Person, fresh bool) (totpPage, error) {
	var page totpPage
	account, err := s.Store.Account(r.Context(), me.ID)
	if err != nil {
		return page, err
	}
	page.Has = account.HasTOTP
	sessions := s.desk.sessions
	var key []byte
	if sealed := sessions.GetString(r.Context(), keyEnrol); sealed != "" {
		if raw, err := base64.StdEncoding.DecodeString(sealed); err == nil {
			key, _ = s.Store.OpenTOTP(raw) // one that does not open is made anew
		}
	}
	if key == nil {
		if !fresh {
			return page, &statusError{status: http.StatusConflict, key: "error.stale"}
		}
		key = s.Store.NewTOTP()
		sessions.Put(r.Context(), keyEnrol, base64.StdEncoding.EncodeToString(s.Store.SealTOTP(key)))
	}
	site, err := s.site(r.Context())
	if err != nil {
		return page, err
	}
	issuer := site.Office.Portal
	if issuer == "" {
		issuer = "Toa soan"
	}
	text, url := s.Store.TOTPWords(key, issuer, me.Email)
	png, err := qrcode.Encode(url, qrcode.Medium, 256)
	if err != nil {
		return page, fmt.Errorf("draw QR code: %w", err)
	}
	page.Text = text
	page.QR = template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(png)) //nolint:gosec // our own picture
	return page, nil
}

// postTOTP handles POST /desk/account/totp: enrols the secret that a code proves, or drops the second factor with the password.
func (s *Server) postTOTP(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	l, sessions := s.lang(r), s.desk.sessions
	wrong, err := s.provePassword(r, me, "password")
	if err != nil {
		return err
	}
	page, err := s.totpPage(r, me, false)
	if err != nil {
		return err
	}
	if len(wrong) > 0 {
		page.Error = l.T("desk.password_wrong")
		return s.deskPage(w, r, me, http.StatusUnprocessableEntity, "desk/totp", "account", page)
	}
	raw, err := base64.StdEncoding.DecodeString(sessions.GetString(r.Context(), keyEnrol))
	if err != nil {
		return fmt.Errorf("read enrolment: %w", err)
	}
	key, err := s.Store.OpenTOTP(raw)
	if err != nil {
		return fmt.Errorf("read enrolment: %w", err)
	}
	recovery, err := s.Store.EnrolTOTP(r.Context(), me.ID, key, r.PostFormValue("code"))
	if errors.Is(err, newsroom.ErrForbidden) {
		page.Error = l.T("signin.code_wrong")
		return s.deskPage(w, r, me, http.StatusUnprocessableEntity, "desk/totp", "account", page)
	}
	if err != nil {
		return err
	}
	sessions.Remove(r.Context(), keyEnrol)
	sessions.Put(r.Context(), keySecond, "1")
	return s.deskPage(w, r, me, http.StatusOK, "desk/totp", "account", totpPage{Has: true, Recovery: recovery})
}
