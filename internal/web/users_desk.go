package web

import (
	"errors"
	"net/http"
	"slices"

	"toasoan/newsroom"
)

// usersPage is the page "desk/users".
type usersPage struct{ Users []userView }

// userView is an account in the list.
type userView struct {
	newsroom.Account
	RoleNames []string
	Wants     string // what is still missing before they can work, "" nothing
}

// getUsers handles GET /desk/admin/users.
func (s *Server) getUsers(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	accounts, err := s.Store.Accounts(r.Context())
	if err != nil {
		return err
	}
	l := s.lang(r)
	var page usersPage
	for _, a := range accounts {
		v := userView{Account: a}
		for _, role := range a.Roles {
			v.RoleNames = append(v.RoleNames, l.T("role."+string(role)))
		}
		switch {
		case !a.Active:
		case a.Is(newsroom.RoleLeader) && !a.HasPIN:
			v.Wants = l.T("admin.wants_pin")
		case !a.HasPassword && !a.Is(newsroom.RoleLeader):
			v.Wants = l.T("admin.wants_password")
		}
		page.Users = append(page.Users, v)
	}
	return s.deskPage(w, r, me, http.StatusOK, "desk/users", "users", page)
}

// userPage is the page "desk/user": a new account or one that is there.
type userPage struct {
	ID       string // "" a new one
	Account  newsroom.Account
	In       newsroom.AccountInput
	Roles    []option
	Sections []option
	Errors   formErrors
}

// getUser handles GET /desk/admin/users/new and /desk/admin/users/{id}.
func (s *Server) getUser(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	page := userPage{ID: r.PathValue("id"), In: newsroom.AccountInput{Locale: "vi", Active: true}}
	if page.ID != "" {
		account, err := s.Store.Account(r.Context(), page.ID)
		if err != nil {
			return err
		}
		page.In = newsroom.AccountInput{
			Email: account.Email, Name: account.Name, Title: account.Title, PenName: account.PenName, Phone: account.Phone, Locale: account.Locale,
			Roles: account.Roles, Sections: account.Sections, Active: account.Active,
		}
	}
	return s.showUser(w, r, me, http.StatusOK, page)
}

func (s *Server) showUser(w http.ResponseWriter, r *http.Request, me newsroom.Person, status int, page userPage) error {
	l := s.lang(r)
	if page.ID != "" {
		account, err := s.Store.Account(r.Context(), page.ID)
		if err != nil {
			return err
		}
		page.Account = account
	}
	for _, role := range newsroom.Roles {
		page.Roles = append(page.Roles, option{string(role), l.T("role." + string(role)), slices.Contains(page.In.Roles, role)})
	}
	sections, err := s.sectionOptions(r, "")
	if err != nil {
		return err
	}
	for _, one := range sections {
		one.Chosen = slices.Contains(page.In.Sections, one.Value)
		page.Sections = append(page.Sections, one)
	}
	return s.deskPage(w, r, me, status, "desk/user", "users", page)
}

// postUser handles POST /desk/admin/users and /desk/admin/users/{id}; "form" names the act where it is not the account itself.
func (s *Server) postUser(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	ctx, id := r.Context(), r.PathValue("id")
	var letter, done string
	var err error
	switch r.PostFormValue("form") {
	case "invite":
		letter, err = s.Store.Invite(ctx, me, id, newsroom.LinkPassword)
		done = "flash.invited"
	case "pin":
		letter, err = s.Store.Invite(ctx, me, id, newsroom.LinkPIN)
		done = "flash.invited"
	case "sign_out":
		err = s.Store.EndSessions(ctx, me, id, "")
		done = "flash.signed_out_there"
	case "totp":
		err = s.Store.DropTOTP(ctx, me, id)
		done = "flash.totp_dropped"
	default:
		return s.saveUser(w, r, me)
	}
	if errors.Is(err, newsroom.ErrForbidden) {
		s.leaveFlash(w, "bad", "flash.not_for_them")
		return see(w, r, "/desk/admin/users/"+id)
	}
	if err != nil {
		return err
	}
	s.post(ctx, letter)
	s.leaveFlash(w, "good", done)
	return see(w, r, "/desk/admin/users/"+id)
}

func (s *Server) saveUser(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	ctx, l, f := r.Context(), s.lang(r), r.PostFormValue
	page := userPage{ID: r.PathValue("id"), In: newsroom.AccountInput{
		Email: f("email"), Name: f("name"), Title: f("title"), PenName: f("pen_name"), Phone: f("phone"), Locale: f("locale"),
		Sections: r.PostForm["section"], Active: ticked(r, "active"),
	}}
	for _, role := range r.PostForm["role"] {
		page.In.Roles = append(page.In.Roles, newsroom.Role(role))
	}
	var err error
	to := "/desk/admin/users/" + page.ID
	done := "flash.saved"
	if page.ID == "" {
		var account newsroom.Account
		var letters []string
		account, letters, err = s.Store.CreateUser(ctx, me, page.In, true)
		if err == nil {
			if account.Is(newsroom.RoleLeader) {
				letter, err := s.Store.Invite(ctx, me, account.ID, newsroom.LinkPIN)
				if err != nil {
					return err
				}
				letters = append(letters, letter)
			}
			s.post(ctx, letters...)
		}
		to, done = "/desk/admin/users", "flash.invited"
	} else {
		if err = s.Store.UpdateUser(ctx, me, page.ID, page.In); err == nil {
			err = s.followDelegation(ctx) // what was asked of them may be asked of somebody else now
		}
	}
	var ok bool
	if page.Errors, ok = wrongFields(l, err); ok {
		return s.showUser(w, r, me, http.StatusUnprocessableEntity, page)
	}
	switch {
	case errors.Is(err, newsroom.ErrConflict):
		page.Errors.add(l, "email", "field.taken")
	case errors.Is(err, newsroom.ErrForbidden):
		page.Errors.add(l, "roles", "admin.last_admin")
	case err != nil:
		return err
	}
	if len(page.Errors) > 0 {
		return s.showUser(w, r, me, http.StatusConflict, page)
	}
	s.leaveFlash(w, "good", done)
	return see(w, r, to)
}
