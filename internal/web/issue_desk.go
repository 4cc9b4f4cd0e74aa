package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"toasoan/newsroom"
)

// issueStore is what the pages about mail runs ask of the database.
type issueStore interface {
	DeskIssues(ctx context.Context, articleID string, n int64, limit int) ([]newsroom.DeskIssue, error)
	DeskIssue(ctx context.Context, id string) (newsroom.DeskIssue, error)
	Mailing(ctx context.Context) (bool, error)
	Trend(ctx context.Context, unit newsroom.TrendUnit, n int, now time.Time) ([]newsroom.TrendPoint, error)
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
	Percent        int
	Pace           string // how fast it runs and when it ends, in words
	Equation       []term
	Failed         int
	Balanced       bool
	Why            string
	Running        bool // may be paused
	Paused, Halted bool // halted: paused or stopped
	Resumable      bool // halted, and readers still see what it tells of
	Unseen         bool // might go on, or be tried again, if readers saw what it tells of
	Offers         []offerView
	Blocked        int // addresses that its refusals have blocked
	Faults         []faultView
	Bounces        []bounceView
}

// offerView is one kind of failed mails that may be sent again; State is what store.RetryIssue takes.
type offerView struct {
	State      newsroom.DeliveryState
	Text, Note string
}

// offers are what may be sent again, a button for each kind there is.
func offers(l language, o newsroom.IssueOffers) (list []offerView) {
	for _, one := range []struct {
		state newsroom.DeliveryState
		text  string
		n     int
	}{
		{"", "issue.retry_later", o.Later}, {newsroom.DeliveryInDoubt, "issue.retry_in_doubt", o.InDoubt}, {newsroom.DeliveryHard, "issue.retry_hard", o.Refused},
	} {
		if one.n == 0 {
			continue
		}
		v := offerView{State: one.state, Text: l.T(one.text, "n", l.Number(int64(one.n)))}
		if note := one.text + "_note"; l.Has(note) {
			v.Note = l.T(note)
		}
		list = append(list, v)
	}
	return list
}

// bounceView is what came back for one reason.
type bounceView struct {
	Kind, Said string
	Count      int
}

// faultView is one reason for which mails did not arrive: what it is, what it means, and what the relay said.
type faultView struct {
	State, Reply, Next string
	Reason, Meaning    string
	URL                string // the recipients in that state
	Count              int
}

// term is one number of the equation of completeness; Op stands before it.
type term struct {
	Op, Number, Name string
}

// equation is how many there are and what became of them: nobody is missing from it.
func equation(l language, c newsroom.IssueCounts) []term {
	number := func(n int) string { return l.Number(int64(n)) }
	terms := []term{{"", number(c.Candidates), l.T("equation.candidates")}, {"=", number(c.Sent), l.T("equation.sent")}}
	for _, one := range []struct {
		name string
		n    int
	}{
		{"hard", c.Hard}, {"expired", c.Expired}, {"suppressed", c.Suppressed}, {"cancelled", c.Cancelled}, {"in_doubt", c.InDoubt}, {"waiting", c.Waiting},
	} {
		terms = append(terms, term{"+", number(one.n), l.T("equation." + one.name)})
	}
	return terms
}

// pace says how fast an issue goes out and when it will be done, "" where nothing moves. What the relay put off does not count: it
// waits for its time.
func (s *Server) pace(l language, d newsroom.DeskIssue) string {
	if d.RecentAt.IsZero() || d.Recent == 0 {
		return ""
	}
	took := max(s.Now().Sub(d.RecentAt), time.Second)
	waits := d.Counts.Waiting
	for _, f := range d.Faults {
		if f.Next != nil && f.State == newsroom.DeliverySoft {
			waits -= f.Count
		}
	}
	rate := float64(d.Recent) / took.Seconds()
	words := []any{"rate", l.Decimal(rate)}
	if rate >= 10 {
		words = []any{"rate", l.Number(int64(rate))}
	}
	if waits <= 0 {
		return l.T("issue.rate", words...)
	}
	left := time.Duration(float64(waits) / rate * float64(time.Second))
	if left < time.Minute {
		return l.T("issue.pace_soon", words...)
	}
	return l.T("issue.pace", append(words, "at", l.Time(s.Now().Add(left)), "n", l.Number(int64(left.Minutes()+0.5)))...)
}

// issueList names who gets an issue: a section's subscribers, or of a digest its cadence and sections.
func (o lists) issueList(d newsroom.DeskIssue) string {
	if d.Kind != newsroom.IssueDigest {
		return o.section(d.List)
	}
	names := make([]string, len(d.Sections))
	for i, id := range d.Sections {
		names[i] = o.section(id)
	}
	cadence, cut, _ := strings.Cut(d.Period, "/")
	list := o.l.T("cadence."+cadence) + " · " + strings.Join(names, ", ")
	if strings.Contains(cut, "/own-") {
		list += " · " + o.l.T("issue.own")
	}
	return list
}

// afterwards is the key of what happens to mails after such a failure.
func (s *Server) afterwards(f newsroom.DeliveryFault) string {
	switch {
	case f.State == newsroom.DeliverySoft && f.Code >= 500:
		return "failure.then_few"
	case f.State == newsroom.DeliverySoft:
		return "failure.then_later"
	case f.State == newsroom.DeliveryExpired:
		return "failure.then_expired"
	case f.State == newsroom.DeliveryInDoubt && f.Next != nil && s.MailHeld:
		return "failure.then_looked_up"
	case f.State == newsroom.DeliveryInDoubt && f.Next != nil:
		return "failure.then_once"
	default:
		return "failure.then_over"
	}
}

func (s *Server) issueView(o lists, d newsroom.DeskIssue) issueView {
	c := d.Counts
	v := issueView{
		ID: d.ID, URL: "/desk/issues/" + d.ID, Title: d.Title, Kind: o.l.T("issue.kind_" + d.Kind), Status: o.l.T("issue." + d.Status),
		Opened: o.l.DateTime(d.OpenedAt), List: o.issueList(d), Counts: c, Done: c.Candidates - c.Waiting, Failed: c.Hard + c.Expired + c.InDoubt,
		Balanced: c.Balanced(), Why: d.Why, Pace: s.pace(o.l, d), Equation: equation(o.l, c),
	}
	if c.Candidates > 0 {
		v.Percent = v.Done * 100 / c.Candidates
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
	v.Resumable = d.Shown && d.Resumable(s.Now())
	v.Running = !v.Paused && !d.Over()
	v.Blocked = d.Offers.Blocked
	if again := offers(o.l, d.Offers); d.Retryable(s.Now()) && d.Shown {
		v.Offers = again
	} else {
		v.Unseen = !d.Shown && (d.Resumable(s.Now()) || d.Retryable(s.Now()) && len(again) > 0)
	}
	switch d.Status {
	case "done":
		v.State = "approved"
	case "paused", "aborted":
		v.State = "failed"
	default:
		v.State = "awaiting_approval"
	}
	for _, f := range d.Faults {
		reason := "failure." + string(newsroom.FailureOf(f.State, f.Code, f.Enhanced))
		one := faultView{
			State: s.deliveryWord(o.l, newsroom.DeliveryRow{State: f.State, Next: f.Next}), Reply: relayReply(o.l, newsroom.DeliveryRow{Code: f.Code, Enhanced: f.Enhanced, Reply: f.Reply}),
			Reason: o.l.T(reason), Meaning: o.l.T(reason+"_text") + " " + o.l.T(s.afterwards(f)), Count: f.Count, URL: v.URL + "/recipients?state=" + string(f.State),
		}
		if f.Next != nil {
			one.Next = o.l.DateTime(*f.Next)
		}
		v.Faults = append(v.Faults, one)
	}
	for _, b := range d.Bounces {
		v.Bounces = append(v.Bounces, bounceView{o.l.T("bounce." + string(b.Kind)), strings.TrimSpace(b.Status + " " + b.Said), b.Count})
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
type issuesPage struct {
	Issues []issueView
	Trend  trendView
}

// getDeskIssues handles GET /desk/issues.
func (s *Server) getDeskIssues(w http.ResponseWriter, r *http.Request, me newsroom.Person) error {
	issues, err := s.issuesOf(r, "", 0)
	if err != nil {
		return err
	}
	trend, err := s.trend(r)
	if err != nil {
		return err
	}
	return s.deskPage(w, r, me, http.StatusOK, "desk/issues", "issues", issuesPage{issues, trend})
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
