package web

import (
	"cmp"
	"context"
	"net/http"
	"strings"

	"toasoan/newsroom"
)

// issueStore is what the pages about mail runs ask of the database.
type issueStore interface {
	DeskIssues(ctx context.Context, articleID string, n int64, limit int) ([]newsroom.DeskIssue, error)
	DeskIssue(ctx context.Context, id string) (newsroom.DeskIssue, error)
}

// issueView is one mail issue with its equation.
type issueView struct {
	ID, URL, Title string
	Kind, Status   string
	State          string // class and icon
	Opened         string
	List           string
	Counts         newsroom.IssueCounts
	Done           int // in a final state
	Failed         int
	Balanced       bool
	Why            string
	Running        bool // may be paused
	Paused, Halted bool // halted: paused or stopped, may be resumed
	Faults         []faultView
	Bounces        []bounceView
}

// bounceView is what came back for one reason.
type bounceView struct {
	Kind, Said string
	Count      int
}

type faultView struct {
	State, Reply, Next string
	Count              int
}

func (s *Server) issueView(o lists, d newsroom.DeskIssue) issueView {
	c := d.Counts
	v := issueView{
		ID: d.ID, URL: "/desk/issues/" + d.ID, Title: d.Title, Kind: o.l.T("issue.kind_" + d.Kind), Status: o.l.T("issue." + d.Status),
		Opened: o.l.DateTime(d.OpenedAt), List: o.section(d.List), Counts: c, Done: c.Candidates - c.Waiting, Failed: c.Hard + c.Expired + c.InDoubt,
		Balanced: c.Balanced(), Why: d.Why,
	}
	if failed, shut := strings.CutPrefix(d.Why, newsroom.HoldGate); shut {
		names := strings.Split(failed, ",")
		for i, name := range names {
			names[i] = o.l.T("gate." + name)
		}
		v.Why = o.l.T("issue.why_gate", "failed", strings.Join(names, ", "))
	} else if key := "issue.why_" + d.Why; o.l.Has(key) {
		v.Why = o.l.T(key)
	}
	v.Paused = d.Status == newsroom.IssuePaused
	v.Halted = v.Paused || d.Status == newsroom.IssueAborted
	v.Running = !v.Halted && d.Status != newsroom.IssueDone
	switch d.Status {
	case "done":
		v.State = "approved"
	case "paused", "aborted":
		v.State = "failed"
	default:
		v.State = "awaiting_approval"
	}
	for _, f := range d.Faults {
		one := faultView{State: o.l.T("delivery." + string(f.State)), Reply: f.Reply, Count: f.Count}
		if f.Next != nil {
			one.Next = o.l.DateTime(*f.Next)
		}
		v.Faults = append(v.Faults, one)
	}
	for _, b := range d.Bounces {
		v.Bounces = append(v.Bounces, bounceView{o.l.T("bounce." + string(b.Kind)), cmp.Or(b.Said, b.Status), b.Count})
	}
	return v
}

func (s *Server) issuesOf(r *http.Request, articleID string, n int64) ([]issueView, error) {
	o, err := s.lists(r)
	if err != nil {
		return nil, err
	}
	list, err := s.Store.DeskIssues(r.Context(), articleID, n, 100)
	if err != nil {
		return nil, err
	}
	var views []issueView
	for _, one := range list {
		views = append(views, s.issueView(o, one))
	}
	return views, nil
}

// issuesPage is the page "desk/issues".
type issuesPage struct{ Issues []issueView }

// getDeskIssues handles GET /desk/issues.
func (s *Server) getDeskIssues(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	issues, err := s.issuesOf(r, "", 0)
	if err != nil {
		return err
	}
	return s.deskPage(w, r, me, http.StatusOK, "desk/issues", "issues", issuesPage{issues})
}

// getDeskIssue handles GET /desk/issues/{id}.
func (s *Server) getDeskIssue(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	one, err := s.Store.DeskIssue(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	o, err := s.lists(r)
	if err != nil {
		return err
	}
	return s.deskPage(w, r, me, http.StatusOK, "desk/issue", "issues", s.issueView(o, one))
}
