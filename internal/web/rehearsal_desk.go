package web

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"toasoan/newsroom"
)

// rehearsalStore is what trying a policy asks of the database.
type rehearsalStore interface {
	RehearsePolicy(ctx context.Context, section string, p newsroom.Policy) (newsroom.Rehearsal, error)
}

// rehearsalPage is the page "desk/rehearsal": what a policy would have meant, before it is switched.
type rehearsalPage struct {
	Section string // as in the address
	Name    string
	R       newsroom.Rehearsal
	People  []rehearsedPerson
	Actual  string
	Now     string
	Then    string
	Added   string
	Fields  []hiddenField // the form, to be saved or gone back to
}

type rehearsedPerson struct {
	Name      string
	Now, Then int
}

type hiddenField struct{ Name, Value string }

// postRehearsal answers the button "Thử" of the policy's form. Nothing is saved: the page has the form in it, ready to be.
func (s *Server) postRehearsal(w http.ResponseWriter, r *http.Request, me newsroom.Person, section, name string, p newsroom.Policy) error {
	l := s.lang(r)
	found, err := s.Store.RehearsePolicy(r.Context(), section, p)
	if wrong, ok := wrongFields(l, err); ok {
		return s.showPolicy(w, r, me, http.StatusUnprocessableEntity, p, wrong)
	}
	if err != nil {
		return err
	}
	page := rehearsalPage{
		Section: r.PathValue("section"), Name: name, R: found, People: bothWays(found),
		Actual: workingTime(l, found.Actual), Now: workingTime(l, found.Now.Wait), Then: workingTime(l, found.Then.Wait),
	}
	switch {
	case found.Added > 0:
		page.Added = l.T("policy.longer", "time", workingTime(l, found.Added))
	case found.Added < 0:
		page.Added = l.T("policy.shorter", "time", workingTime(l, -found.Added))
	default:
		page.Added = l.T("policy.as_long")
	}
	for field, values := range r.PostForm {
		for _, v := range values {
			if field != "form" {
				page.Fields = append(page.Fields, hiddenField{field, v})
			}
		}
	}
	slices.SortFunc(page.Fields, func(a, b hiddenField) int { return strings.Compare(a.Name+"\x00"+a.Value, b.Name+"\x00"+b.Value) })
	return s.deskPage(w, r, me, http.StatusOK, "desk/rehearsal", "policies", page)
}

func workingTime(l language, d time.Duration) string {
	if d <= 0 {
		return l.T("policy.no_time")
	}
	return l.WorkingLeft(d)
}

// bothWays lists everybody who is asked under either policy.
func bothWays(r newsroom.Rehearsal) []rehearsedPerson {
	var list []rehearsedPerson
	for _, p := range r.Then.People {
		list = append(list, rehearsedPerson{Name: p.Name, Then: p.Asked})
	}
	for _, p := range r.Now.People {
		i := slices.IndexFunc(r.Then.People, func(q newsroom.TriedPerson) bool { return q.ID == p.ID })
		if i < 0 {
			list = append(list, rehearsedPerson{Name: p.Name, Now: p.Asked})
			continue
		}
		list[i].Now = p.Asked
	}
	return list
}
