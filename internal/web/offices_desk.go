package web

import (
	"errors"
	"net/http"

	"toasoan/newsroom"
)

// officesPage is the page "desk/offices".
type officesPage struct {
	Offices []newsroom.Office
	Leaders []option
	Errors  formErrors
	Form    string
}

// getOffices handles GET /desk/admin/offices.
func (s *Server) getOffices(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	return s.showOffices(w, r, me, http.StatusOK, nil, "")
}

func (s *Server) showOffices(w http.ResponseWriter, r *http.Request, me newsroom.Person, status int, wrong formErrors, form string) error {
	offices, err := s.Store.Offices(r.Context())
	if err != nil {
		return err
	}
	leaders, err := s.leaderOptions(r, "")
	if err != nil {
		return err
	}
	return s.deskPage(w, r, me, status, "desk/offices", "offices", officesPage{Offices: offices, Leaders: leaders, Errors: wrong, Form: form})
}

// postOffices handles POST /desk/admin/offices; "form" says which act.
func (s *Server) postOffices(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	ctx, l, f := r.Context(), s.lang(r), r.PostFormValue
	var wrong formErrors
	var err error
	form := f("form")
	switch form {
	case "office":
		_, err = s.Store.SaveOffice(ctx, me, newsroom.Office{ID: f("id"), Name: f("name"), Chief: ticked(r, "chief"), Position: max(0, wholeNumber(r, "position"))})
	case "seat":
		err = s.Store.Seat(ctx, me, f("office"), f("user"), ticked(r, "deputy"))
		switch {
		case errors.Is(err, newsroom.ErrConflict):
			wrong.add(l, "user", "admin.seated_already")
			err = nil
		case errors.Is(err, newsroom.ErrNotFound) || errors.Is(err, newsroom.ErrForbidden):
			wrong.add(l, "user", "admin.not_a_leader")
			err = nil
		}
	case "unseat":
		err = s.Store.Unseat(ctx, me, f("office"), f("user"))
	case "delegate":
		wrong, err = s.delegate(r, me, f("from"))
	case "end_delegation":
		if err = s.Store.EndDelegation(ctx, me, f("id")); err == nil {
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
		return s.showOffices(w, r, me, http.StatusUnprocessableEntity, wrong, form)
	}
	s.leaveFlash(w, "good", "flash.saved")
	return see(w, r, "/desk/admin/offices")
}
