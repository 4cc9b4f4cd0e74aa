package web

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"toasoan/internal/text"
	"toasoan/newsroom"
)

// policyStore is what the approval policies ask of the database.
type policyStore interface {
	Policy(ctx context.Context, section string) (newsroom.Policy, error)
	Policies(ctx context.Context) ([]newsroom.PolicyVersion, error)
	PolicyVersions(ctx context.Context, section string) ([]newsroom.PolicyVersion, error)
	SavePolicy(ctx context.Context, by newsroom.Person, section string, p newsroom.Policy) (int, error)
}

// policiesPage is the page "desk/policies": the office's policy and what sections have of their own.
type policiesPage struct{ Rows []policyRow }

type policyRow struct {
	Name, URL string
	Own       bool
	Version   int
	By, At    string
	Steps     string
}

// getPolicies handles GET /desk/admin/policies.
func (s *Server) getPolicies(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	l := s.lang(r)
	own, err := s.Store.Policies(r.Context())
	if err != nil {
		return err
	}
	sections, err := s.Store.Sections(r.Context())
	if err != nil {
		return err
	}
	offices, err := s.Store.Offices(r.Context())
	if err != nil {
		return err
	}
	row := func(id, name string) policyRow {
		v := policyRow{Name: name, URL: "/desk/admin/policies/" + id}
		if id == "" {
			v.URL = "/desk/admin/policies/-"
		}
		for _, p := range own {
			if p.Section == id {
				v.Own, v.Version, v.By, v.At, v.Steps = true, p.Version, p.By, l.DateTime(p.At), stepsText(l, p.Policy, offices)
			}
		}
		return v
	}
	page := policiesPage{Rows: []policyRow{row("", l.T("admin.policy_default"))}}
	for _, one := range sections {
		page.Rows = append(page.Rows, row(one.ID, one.Name(l.Tag())))
	}
	return s.deskPage(w, r, me, http.StatusOK, "desk/policies", "policies", page)
}

func stepsText(l language, p newsroom.Policy, offices []newsroom.Office) (line string) {
	for i, step := range p.Steps {
		if i > 0 {
			line += " → "
		}
		name := step.Office
		if k := slices.IndexFunc(offices, func(o newsroom.Office) bool { return o.ID == step.Office }); k >= 0 {
			name = offices[k].Name
		}
		line += name + " (" + l.T("admin.quorum_"+string(step.Quorum), "n", step.N) + ")"
	}
	return line
}

// policyPage is the page "desk/policy".
type policyPage struct {
	Section  string // "-" the whole office
	Name     string
	Own      bool
	P        newsroom.Policy
	Steps    []stepView
	Checks   []option
	Versions []policyRow
	Errors   formErrors
}

// stepView is one row of the steps; the last ones are empty, to be filled in.
type stepView struct {
	N       int
	Nth     int // as people count
	Offices []option
	Quorums []option
	Need    int
	Error   string
}

// maxSteps is how many offices one after the other a policy may ask.
const maxSteps = 4

// getPolicy handles GET /desk/admin/policies/{section}.
func (s *Server) getPolicy(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	section, _, err := s.policySection(r)
	if err != nil {
		return err
	}
	p, err := s.Store.Policy(r.Context(), section)
	if err != nil {
		return err
	}
	return s.showPolicy(w, r, me, http.StatusOK, p, nil)
}

// policySection reads the address: "-" is the whole office.
func (s *Server) policySection(r *http.Request) (id, name string, err error) {
	l := s.lang(r)
	if r.PathValue("section") == "-" {
		return "", l.T("admin.policy_default"), nil
	}
	sections, err := s.Store.Sections(r.Context())
	if err != nil {
		return "", "", err
	}
	for _, one := range sections {
		if one.ID == r.PathValue("section") {
			return one.ID, one.Name(l.Tag()), nil
		}
	}
	return "", "", newsroom.ErrNotFound
}

func (s *Server) showPolicy(w http.ResponseWriter, r *http.Request, me newsroom.Person, status int, p newsroom.Policy, wrong formErrors) error {
	section, name, err := s.policySection(r)
	if err != nil {
		return err
	}
	l := s.lang(r)
	page := policyPage{Section: r.PathValue("section"), Name: name, P: p, Errors: wrong}
	offices, err := s.Store.Offices(r.Context())
	if err != nil {
		return err
	}
	for i := range maxSteps {
		step := newsroom.Step{Quorum: newsroom.QuorumAny, N: 1}
		if i < len(p.Steps) {
			step = p.Steps[i]
		}
		v := stepView{N: i, Nth: i + 1, Need: max(step.N, 1), Error: wrong.On("steps." + strconv.Itoa(i))}
		for _, o := range offices {
			v.Offices = append(v.Offices, option{o.ID, o.Name, o.ID == step.Office})
		}
		for _, q := range []newsroom.Quorum{newsroom.QuorumAny, newsroom.QuorumAll, newsroom.QuorumN} {
			v.Quorums = append(v.Quorums, option{string(q), l.T("admin.quorum_"+string(q), "n", "n"), q == step.Quorum})
		}
		page.Steps = append(page.Steps, v)
	}
	for _, code := range text.Codes {
		key := "check." + code
		label := code
		if l.Has(key) {
			label = l.T(key)
		}
		page.Checks = append(page.Checks, option{code, label, slices.Contains(p.BlockingChecks, code)})
	}
	versions, err := s.Store.PolicyVersions(r.Context(), section)
	if err != nil {
		return err
	}
	for _, one := range versions {
		page.Versions = append(page.Versions, policyRow{Version: one.Version, By: one.By, At: l.DateTime(one.At), Steps: stepsText(l, one.Policy, offices)})
	}
	page.Own = len(versions) > 0
	return s.deskPage(w, r, me, status, "desk/policy", "policies", page)
}

// policyForm is the policy that a form says.
func policyForm(r *http.Request) newsroom.Policy {
	p := newsroom.Policy{
		AuthorMayApprove: ticked(r, "author_may_approve"), ForwarderMayApprove: ticked(r, "forwarder_may_approve"),
		ReviewerReschedules: ticked(r, "reviewer_reschedules"), BodyAfterPIN: ticked(r, "body_after_pin"), DecideTOTP: ticked(r, "decide_totp"),
		DecideByReply:     ticked(r, "decide_by_reply"),
		CoolingOffMinutes: wholeNumber(r, "cooling_off_minutes"), EditMinutes: wholeNumber(r, "edit_minutes"),
		ApproveMinutes: wholeNumber(r, "approve_minutes"), SecondSignMinutes: wholeNumber(r, "second_sign_minutes"),
	}
	for _, code := range r.PostForm["blocking"] {
		if slices.Contains(text.Codes, code) {
			p.BlockingChecks = append(p.BlockingChecks, code)
		}
	}
	for i := range maxSteps {
		n := strconv.Itoa(i)
		office := r.PostFormValue("office" + n)
		if office == "" {
			continue
		}
		step := newsroom.Step{Office: office, Quorum: newsroom.Quorum(r.PostFormValue("quorum" + n))}
		if step.Quorum == newsroom.QuorumN {
			step.N = wholeNumber(r, "need"+n)
		}
		p.Steps = append(p.Steps, step)
	}
	return p
}

// postPolicy handles POST /desk/admin/policies/{section}: the next version, or what it would have meant. Rounds that run keep theirs.
func (s *Server) postPolicy(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	section, name, err := s.policySection(r)
	if err != nil {
		return err
	}
	p := policyForm(r)
	switch r.PostFormValue("form") {
	case "rehearse":
		return s.postRehearsal(w, r, me, section, name, p)
	case "edit":
		return s.showPolicy(w, r, me, http.StatusOK, p, nil)
	}
	version, err := s.Store.SavePolicy(r.Context(), me, section, p)
	if wrong, ok := wrongFields(s.lang(r), err); ok {
		return s.showPolicy(w, r, me, http.StatusUnprocessableEntity, p, wrong)
	}
	if err != nil {
		return err
	}
	s.leaveFlash(w, "good", "flash.policy", "n", strconv.Itoa(version))
	return see(w, r, "/desk/admin/policies/"+r.PathValue("section"))
}
