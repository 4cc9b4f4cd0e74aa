package web

import (
	"errors"
	"net/http"

	"toasoan/newsroom"
)

// sectionsPage is the page "desk/sections".
type sectionsPage struct {
	Sections []newsroom.Section
	Errors   formErrors
	New      newsroom.Section
}

// getSections handles GET /desk/admin/sections.
func (s *Server) getAdminSections(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	sections, err := s.Store.Sections(r.Context())
	if err != nil {
		return err
	}
	return s.deskPage(w, r, me, http.StatusOK, "desk/sections", "sections", sectionsPage{Sections: sections})
}

// postAdminSections handles POST /desk/admin/sections: one section, new (without id) or changed.
func (s *Server) postAdminSections(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	l := s.lang(r)
	in := newsroom.Section{ID: r.PostFormValue("id"), NameVI: r.PostFormValue("name_vi"), NameEN: r.PostFormValue("name_en"), Position: max(0, wholeNumber(r, "position")), Retired: ticked(r, "retired")}
	_, err := s.Store.SaveSection(r.Context(), me, in)
	wrong, ok := wrongFields(l, err)
	if errors.Is(err, newsroom.ErrConflict) {
		wrong.add(l, "name_vi", "field.taken")
		ok = true
	}
	if ok {
		sections, err := s.Store.Sections(r.Context())
		if err != nil {
			return err
		}
		return s.deskPage(w, r, me, http.StatusUnprocessableEntity, "desk/sections", "sections", sectionsPage{Sections: sections, Errors: wrong, New: in})
	}
	if err != nil {
		return err
	}
	s.forgetSite()
	s.leaveFlash(w, "good", "flash.saved")
	return see(w, r, "/desk/admin/sections")
}
