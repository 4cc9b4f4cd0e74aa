package web

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// adminStore is what the administration asks of the database.
type adminStore interface {
	Accounts(ctx context.Context) ([]newsroom.Account, error)
	CreateUser(ctx context.Context, by newsroom.Person, in newsroom.AccountInput, invited bool) (newsroom.Account, []string, error)
	UpdateUser(ctx context.Context, by newsroom.Person, id string, in newsroom.AccountInput) error
	Invite(ctx context.Context, by newsroom.Person, userID string, kind newsroom.LinkKind) (letterID string, err error)
	SaveSection(ctx context.Context, by newsroom.Person, in newsroom.Section) (newsroom.Section, error)
	Offices(ctx context.Context) ([]newsroom.Office, error)
	SaveOffice(ctx context.Context, by newsroom.Person, in newsroom.Office) (newsroom.Office, error)
	Seat(ctx context.Context, by newsroom.Person, officeID, userID string, deputy bool) error
	Unseat(ctx context.Context, by newsroom.Person, officeID, userID string) error
	Delegate(ctx context.Context, by newsroom.Person, d newsroom.Delegation) (string, error)
	EndDelegation(ctx context.Context, by newsroom.Person, id string) error
	OfficeInfo(ctx context.Context) (newsroom.OfficeInfo, error)
	SaveOfficeInfo(ctx context.Context, by newsroom.Person, in newsroom.OfficeInfo) error
	SaveSetting(ctx context.Context, by newsroom.Person, key string, value any) error
}

// settingsPage is the page "desk/admin".
type settingsPage struct {
	Office  newsroom.OfficeInfo
	Accents []option
	Words   string // one "wrong = right" a line
	Errors  formErrors
}

var accents = []string{"red", "blue", "green", "brown"}

// getAdmin handles GET /desk/admin: what the office is called, and its word list.
func (s *Server) getAdmin(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	office, err := s.Store.OfficeInfo(r.Context())
	if err != nil {
		return err
	}
	list, err := s.officeWords(r.Context())
	if err != nil {
		return err
	}
	var lines []string
	for _, one := range list {
		lines = append(lines, one.Wrong+" = "+one.Right)
	}
	return s.showSettings(w, r, me, http.StatusOK, settingsPage{Office: office, Words: strings.Join(lines, "\n")})
}

func (s *Server) showSettings(w http.ResponseWriter, r *http.Request, me newsroom.Person, status int, page settingsPage) error {
	for _, accent := range accents {
		page.Accents = append(page.Accents, option{accent, s.lang(r).T("admin.accent_" + accent), accent == page.Office.Accent || (page.Office.Accent == "" && accent == "red")})
	}
	return s.deskPage(w, r, me, status, "desk/admin", "admin", page)
}

// postAdmin handles POST /desk/admin.
func (s *Server) postAdmin(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	f := r.PostFormValue
	page := settingsPage{Words: f("words"), Office: newsroom.OfficeInfo{
		Portal: f("portal"), Unit: f("unit"), Parent: f("parent"), Bureau: f("bureau"), Address: f("address"), Phone: f("phone"),
		Email: f("email"), Chief: f("chief"), License: f("license"), Accent: f("accent"),
	}}
	err := s.Store.SaveOfficeInfo(r.Context(), me, page.Office)
	if wrong, ok := wrongFields(s.lang(r), err); ok {
		page.Errors = wrong
		return s.showSettings(w, r, me, http.StatusUnprocessableEntity, page)
	}
	if err != nil {
		return err
	}
	list := []text.Word{}
	for line := range strings.Lines(page.Words) {
		wrong, right, _ := strings.Cut(line, "=")
		if wrong = text.Line(wrong); wrong != "" && len(list) < 2000 {
			list = append(list, text.Word{Wrong: wrong, Right: text.Line(right)})
		}
	}
	before, err := s.officeWords(r.Context())
	if err != nil {
		return err
	}
	if !slices.Equal(before, list) {
		if err := s.Store.SaveSetting(r.Context(), me, "words", list); err != nil {
			return err
		}
	}
	s.forgetSite()
	s.leaveFlash(w, "good", "flash.saved")
	return see(w, r, "/desk/admin")
}
