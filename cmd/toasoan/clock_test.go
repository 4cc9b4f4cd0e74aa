package main

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"toasoan/activities"
	"toasoan/events"
	"toasoan/internal/secret"
	"toasoan/internal/store"
	"toasoan/internal/testkit"
	"toasoan/newsroom"
	"toasoan/workflows"
)

// office is a newsroom on a real database whose time is the workflow's: hours and holidays pass in a moment, and every clock rule of
// domain.md §3 is run by the real workflow, the real rules and the real statements.
type office struct {
	*store.Store
	t                                                       *testing.T
	db                                                      *pgxpool.Pool
	env                                                     *testsuite.TestWorkflowEnvironment // nil: before the first run
	at                                                      time.Time                          // before the first run, and between runs
	admin, author, reviewer, leader, second, deputy, stands newsroom.Person
}

// quietBus hears nothing.
type quietBus struct{}

func (quietBus) Publish(context.Context, events.Event, int) error { return nil }

func local(value string) time.Time {
	at, err := time.ParseInLocation("2006-01-02 15:04", value, newsroom.Zone)
	if err != nil {
		panic(err)
	}
	return at
}

func newOffice(t *testing.T, start string) *office {
	t.Helper()
	o := &office{t: t, at: local(start)}
	o.open(o.now)
	return o
}

// open makes the database, its people, sections and offices; now is the office's time.
func (o *office) open(now func() time.Time) {
	t := o.t
	t.Helper()
	owner, app := testkit.Database(t)
	keys, err := secret.NewRing(map[int][]byte{1: bytes.Repeat([]byte{7}, secret.KeySize)})
	if err != nil {
		t.Fatal(err)
	}
	if o.Store, err = store.New(t.Context(), store.Options{URL: app, Keys: keys, Now: now, Log: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	if o.db, err = pgxpool.New(t.Context(), owner); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.db.Close)
	add := func(name string, roles ...newsroom.Role) newsroom.Person {
		a, _, err := o.CreateUser(t.Context(), newsroom.Person{}, newsroom.AccountInput{Email: name + "@vankhe.example", Name: name, Roles: roles}, false)
		o.no(err)
		return a.Person
	}
	o.admin, o.author, o.reviewer = add("admin", newsroom.RoleAdmin), add("author", newsroom.RoleReporter), add("reviewer", newsroom.RoleReviewer)
	o.leader, o.second, o.deputy, o.stands = add("leader", newsroom.RoleLeader), add("chief", newsroom.RoleLeader), add("deputy", newsroom.RoleLeader), add("stand-in", newsroom.RoleLeader)
	_, err = o.SaveSection(t.Context(), o.admin, newsroom.Section{ID: "kinh-te", NameVI: "Kinh tế"})
	o.no(err)
	_, err = o.SaveOffice(t.Context(), o.admin, newsroom.Office{ID: "ubnd", Name: "Ban Biên tập", Position: 1})
	o.no(err)
	_, err = o.SaveOffice(t.Context(), o.admin, newsroom.Office{ID: "chu-tich", Name: "Chủ tịch", Position: 2, Chief: true})
	o.no(err)
	o.no(o.Seat(t.Context(), o.admin, "ubnd", o.leader.ID, false))
	o.no(o.Seat(t.Context(), o.admin, "ubnd", o.deputy.ID, true))
	o.no(o.Seat(t.Context(), o.admin, "chu-tich", o.second.ID, false))
}

func (o *office) no(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) now() time.Time {
	if o.env != nil {
		return o.env.Now()
	}
	return o.at
}

func (o *office) policy(bend func(*newsroom.Policy)) {
	o.t.Helper()
	p := newsroom.DefaultPolicy("ubnd")
	bend(&p)
	_, err := o.SavePolicy(o.t.Context(), o.admin, "", p)
	o.no(err)
}

// draft makes an article.
func (o *office) draft(bend ...func(*newsroom.Content)) string {
	o.t.Helper()
	c := newsroom.Content{
		Title: "Bài theo đồng hồ", Lead: "Sapo.", Body: "<p>Nội dung.</p>", Section: "kinh-te", Authors: []newsroom.Author{{PenName: "Mai Lan"}},
	}
	for _, b := range bend {
		b(&c)
	}
	d, err := o.CreateArticle(o.t.Context(), o.author, c)
	o.no(err)
	return d.Article.ID
}

// request is a move as its door recorded it.
func (o *office) request(who newsroom.Person, id string, move newsroom.Move) newsroom.Request {
	o.t.Helper()
	r := newsroom.Request{
		ID: uuid.NewString(), ArticleID: id, ActorID: who.ID, Door: newsroom.DoorPage, Move: move, Code: newsroom.ReasonOther, Reason: "Lý do.",
	}
	a, err := o.Article(context.WithoutCancel(o.t.Context()), id)
	o.no(err)
	if a.Revision > 0 {
		frozen, err := o.Revision(o.t.Context(), id, a.Revision)
		o.no(err)
		switch move {
		case newsroom.MoveApprove, newsroom.MoveRequestChanges, newsroom.MoveReject, newsroom.MoveEmergencyRelease:
			r.Hash = frozen.Hash
		}
	}
	o.no(o.RecordRequest(o.t.Context(), r))
	return r
}

// do settles a move before the run begins.
func (o *office) do(who newsroom.Person, id string, move newsroom.Move) {
	o.t.Helper()
	s, err := o.RecordMove(o.t.Context(), o.request(who, id, move).ID)
	o.no(err)
	if s.Outcome.Refused != nil {
		o.t.Fatalf("%s by %s: %v", move, who.Name, s.Outcome.Refused)
	}
}

// then is what happens at a time while the workflow runs.
type then struct {
	at string
	do func()
}

// run follows an article with a fresh workflow from now on; what happens meanwhile is done at its time. until ends the run there, as
// a killed worker would; "" lets it end by itself.
func (o *office) run(id, until string, script ...then) {
	o.t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(slog.New(slog.DiscardHandler))
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(time.Minute)
	env.SetStartTime(o.at)
	workflows.Register(env)
	env.OnWorkflow(workflows.Letter, mock.Anything, mock.Anything).Return(func(workflow.Context, workflows.LetterInput) (workflows.LetterResult, error) {
		return workflows.LetterResult{State: newsroom.DeliverySent}, nil
	})
	env.OnWorkflow(workflows.Publication, mock.Anything, mock.Anything).Return(func(workflow.Context, workflows.PublicationInput) error { return nil })
	o.env = env
	env.RegisterActivity(&activities.Desk{Articles: o.Store, Bus: quietBus{}, Log: slog.New(slog.DiscardHandler), Now: env.Now})
	for _, step := range script {
		env.RegisterDelayedCallback(step.do, local(step.at).Sub(o.at))
	}
	if until != "" {
		env.RegisterDelayedCallback(env.CancelWorkflow, local(until).Sub(o.at))
	}
	env.ExecuteWorkflow(workflows.Article, workflows.ArticleInput{ArticleID: id})
	if !env.IsWorkflowCompleted() {
		o.t.Fatal("the run did not end")
	}
	if err := env.GetWorkflowError(); until == "" && err != nil {
		o.t.Fatal(err)
	}
	o.at, o.env = env.Now(), nil
}

// move sends a move to the running workflow, at its time.
func (o *office) move(at string, who newsroom.Person, id string, move newsroom.Move) then {
	return then{at, func() {
		r := o.request(who, id, move)
		o.env.UpdateWorkflow(workflows.UpdateMove, r.ID, o, workflows.Move{RequestID: r.ID, Move: move})
	}}
}

func (o *office) Accept()          {}
func (o *office) Reject(err error) { o.t.Errorf("the move was rejected: %v", err) }
func (o *office) Complete(result any, err error) {
	if outcome, ok := result.(newsroom.Outcome); err != nil || (ok && outcome.Refused != nil) {
		o.t.Errorf("the move failed: %v %+v", err, result)
	}
}

// told lists what the clock did and when, as "action at 02/10 15:04".
func (o *office) told(id string) []string {
	o.t.Helper()
	rows, err := o.History(o.t.Context(), id)
	o.no(err)
	var list []string
	for _, h := range rows {
		if h.Capacity == newsroom.AsWorkflow {
			list = append(list, h.Action+" "+h.At.In(newsroom.Zone).Format("02/01 15:04"))
		}
	}
	return list
}

func (o *office) wants(id string, want ...string) {
	o.t.Helper()
	if got := o.told(id); !slices.Equal(got, want) {
		o.t.Errorf("the clock did\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// letters counts the letters of a kind to somebody about an article.
func (o *office) letters(id string, kind newsroom.LetterKind, who newsroom.Person) (n int) {
	o.t.Helper()
	o.no(o.db.QueryRow(o.t.Context(), `SELECT count(*) FROM letters WHERE article_id = $1 AND kind = $2 AND user_id = $3`, id, kind, who.ID).Scan(&n))
	return n
}

// The bureau's four hours from 16:20 on Tuesday 02/10/2018 end at 10:50 on Wednesday (domain.md §3).
func TestBureauClock(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "2018-10-02 16:20")
	id := o.draft()
	o.do(o.author, id, newsroom.MoveSubmit)
	o.run(id, "2018-10-05 08:00", o.move("2018-10-02 16:40", o.reviewer, id, newsroom.MoveClaim))
	o.wants(id, "due_50 03/10 08:50", "due_80 03/10 10:02", "due_100 03/10 10:50")
	if got := o.letters(id, newsroom.LetterReviewSoon, o.reviewer); got != 2 {
		t.Errorf("the reviewer got %d reminders", got)
	}
	if got := o.letters(id, newsroom.LetterReviewSoon, o.author); got != 1 {
		t.Errorf("the author got %d warnings at 80 %%", got)
	}
	for _, who := range []newsroom.Person{o.reviewer, o.second, o.admin} {
		if got := o.letters(id, newsroom.LetterReviewOverdue, who); got != 1 {
			t.Errorf("%s got %d letters at 100 %%", who.Name, got)
		}
	}
}

// The office's working day from 16:20 on Tuesday ends at 16:20 on Wednesday; then the deputy is asked too, while the leader's own
// link stays good; the first decision wins.
func TestOfficeClockAndTheDeputy(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "2018-10-02 16:20")
	id := o.draft()
	o.do(o.author, id, newsroom.MoveSubmit)
	o.do(o.reviewer, id, newsroom.MoveClaim)
	o.do(o.reviewer, id, newsroom.MoveForward)
	var open int
	o.run(id, "",
		then{"2018-10-03 16:21", func() {
			o.no(o.db.QueryRow(t.Context(), `SELECT count(*) FROM asks WHERE article_id = $1 AND closed_at IS NULL`, id).Scan(&open))
		}},
		o.move("2018-10-04 09:00", o.leader, id, newsroom.MoveApprove))
	o.wants(id, "due_50 03/10 10:35", "due_80 03/10 14:50", "due_100 03/10 16:20", "release 04/10 09:00")
	if open != 2 {
		t.Errorf("%d open links after the time was over, want the leader's and the deputy's", open)
	}
	if o.letters(id, newsroom.LetterApproval, o.deputy) != 1 || o.letters(id, newsroom.LetterApprovalOverdue, o.leader) != 1 || o.letters(id, newsroom.LetterSettled, o.deputy) != 1 {
		t.Error("deputy and leader were not both told")
	}
	if got := o.letters(id, newsroom.LetterApprovalSoon, o.reviewer); got != 1 {
		t.Errorf("the reviewer who forwarded got %d warnings at 80 %%", got)
	}
}

// Without a deputy the chief is asked too; where the chief is the one who is late, the admin, who may then decide, on record as such.
// Waiting never decides.
func TestChiefThenAdmin(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "2018-10-01 07:30")
	o.no(o.Unseat(t.Context(), o.admin, "ubnd", o.deputy.ID))
	id := o.draft()
	o.do(o.author, id, newsroom.MoveSubmit)
	o.do(o.reviewer, id, newsroom.MoveClaim)
	o.do(o.reviewer, id, newsroom.MoveForward)
	o.run(id, "2018-11-30 07:30") // two months: nobody answers
	if o.letters(id, newsroom.LetterApproval, o.second) != 1 {
		t.Error("the chief was not asked")
	}
	if a, err := o.Article(t.Context(), id); err != nil || a.Stage != newsroom.StageAwaitingApproval {
		t.Errorf("waiting became a decision: %s, %v", a.Stage, err)
	}
	o.policy(func(p *newsroom.Policy) { p.Steps[0].Office = "chu-tich" })
	other := o.draft()
	o.do(o.author, other, newsroom.MoveSubmit)
	o.do(o.reviewer, other, newsroom.MoveClaim)
	o.do(o.reviewer, other, newsroom.MoveForward)
	o.run(other, "2018-12-20 07:30", then{"2018-11-30 07:31", func() {
		early := o.request(o.admin, other, newsroom.MoveApprove)
		if s, err := o.RecordMove(t.Context(), early.ID); err != nil || s.Outcome.Refused == nil || s.Outcome.Refused.Code != newsroom.RefusedRole {
			t.Errorf("an admin who was not asked decided: %+v, %v", s.Outcome, err)
		}
	}})
	if o.letters(other, newsroom.LetterApproval, o.admin) != 1 || o.letters(other, newsroom.LetterApprovalOverdue, o.second) != 1 {
		t.Error("the admin was not asked, or the chief not told, once each")
	}
	if w, err := o.Work(t.Context(), o.admin); err != nil || len(w.Decide) != 1 || w.Decide[0].ID != other {
		t.Errorf("the admin's work: %+v, %v", w.Decide, err)
	}
	o.do(o.admin, other, newsroom.MoveApprove)
	if h, err := o.History(t.Context(), other); err != nil || !slices.ContainsFunc(h, func(r newsroom.HistoryRow) bool {
		return r.Action == "approve" && r.Capacity == newsroom.AsAdmin && r.ActorID == o.admin.ID
	}) {
		t.Errorf("on record: %+v, %v", h, err)
	}
}

// The clock stands still while the reporter has the ball, and starts anew with the next submission.
func TestClockPausesWithTheReporter(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "2018-10-01 08:00")
	id := o.draft()
	o.do(o.author, id, newsroom.MoveSubmit)
	o.run(id, "2018-10-09 07:00",
		o.move("2018-10-01 08:30", o.reviewer, id, newsroom.MoveClaim),
		o.move("2018-10-01 09:00", o.reviewer, id, newsroom.MoveReturn),
		o.move("2018-10-05 08:00", o.author, id, newsroom.MoveSubmit))
	o.wants(id, "due_50 05/10 10:00", "due_80 05/10 11:12", "due_100 05/10 14:00")
}

// Tết Bính Ngọ 2026: off from Monday 16/02 to Friday 20/02. What is sent up at 16:20 on Friday 13/02 is due on Monday 23/02.
func TestClockOverTet(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "2026-02-13 16:20")
	var days []newsroom.CalendarDay
	for day := 16; day <= 20; day++ {
		days = append(days, newsroom.CalendarDay{Date: newsroom.Date{Year: 2026, Month: 2, Day: day}, Kind: newsroom.DayOff, Name: "Tết Nguyên đán"})
	}
	_, err := o.SaveCalendarDays(t.Context(), o.admin, days)
	o.no(err)
	id := o.draft()
	o.do(o.author, id, newsroom.MoveSubmit)
	o.do(o.reviewer, id, newsroom.MoveClaim)
	o.do(o.reviewer, id, newsroom.MoveForward)
	o.run(id, "2026-03-02 07:00")
	o.wants(id, "due_50 23/02 10:35", "due_80 23/02 14:50", "due_100 23/02 16:20")
}

// Friday 02/01/2026 was swapped with Saturday 10/01/2026.
func TestClockOnASwappedSaturday(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "2026-01-09 16:20")
	_, err := o.SaveCalendarDays(t.Context(), o.admin, []newsroom.CalendarDay{
		{Date: newsroom.Date{Year: 2026, Month: 1, Day: 2}, Kind: newsroom.DayOff, Name: "Nghỉ hoán đổi"},
		{Date: newsroom.Date{Year: 2026, Month: 1, Day: 10}, Kind: newsroom.DayWorking, Name: "Làm bù"},
	})
	o.no(err)
	id := o.draft()
	o.do(o.author, id, newsroom.MoveSubmit)
	o.run(id, "2026-01-20 07:00")
	o.wants(id, "due_50 10/01 08:50", "due_80 10/01 10:02", "due_100 10/01 10:50")
}

// A day off declared while the clock runs moves the live timers; what was told is not told again.
func TestLiveTimersMoveWithTheCalendar(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "2018-10-02 16:20")
	id := o.draft()
	o.do(o.author, id, newsroom.MoveSubmit)
	o.do(o.reviewer, id, newsroom.MoveClaim)
	o.do(o.reviewer, id, newsroom.MoveForward)
	change := func(kind newsroom.DayKind, day int) func() {
		return func() {
			moved, err := o.SaveCalendarDays(t.Context(), o.admin, []newsroom.CalendarDay{{Date: newsroom.Date{Year: 2018, Month: 10, Day: day}, Kind: kind, Name: "Bão số 5"}})
			o.no(err)
			for _, article := range moved {
				if article == id {
					o.env.SignalWorkflow(workflows.SignalReload, nil)
				}
			}
		}
	}
	o.run(id, "2018-10-15 07:00",
		then{"2018-10-03 11:00", change(newsroom.DayOff, 4)},     // after 50 %: the rest is due on Wednesday as before
		then{"2018-10-03 12:00", change(newsroom.DayOff, 3)},     // the storm: Wednesday is off after all, 80 % moves to Friday
		then{"2018-10-05 11:00", change(newsroom.DayWorking, 6)}) // Saturday is worked instead: nothing more is due there
	o.wants(id, "due_50 03/10 10:35", "due_80 05/10 14:50", "due_100 05/10 16:20")
}

// A worker that dies between two marks, and a run that starts anew, tell nothing twice and forget nothing.
func TestEachMarkOnceAcrossRestarts(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "2018-10-02 16:20")
	id := o.draft()
	o.do(o.author, id, newsroom.MoveSubmit)
	o.do(o.reviewer, id, newsroom.MoveClaim)
	o.do(o.reviewer, id, newsroom.MoveForward)
	for _, until := range []string{"2018-10-03 10:34", "2018-10-03 10:36", "2018-10-03 14:49", "2018-10-03 14:51", "2018-10-04 08:00", "2018-10-05 08:00"} {
		o.run(id, until)
	}
	o.wants(id, "due_50 03/10 10:35", "due_80 03/10 14:50", "due_100 03/10 16:20")
	for kind, want := range map[newsroom.LetterKind]int{newsroom.LetterApprovalSoon: 2, newsroom.LetterApprovalOverdue: 1, newsroom.LetterApproval: 1} {
		if got := o.letters(id, kind, o.leader); got != want {
			t.Errorf("the leader got %d of %s, want %d", got, kind, want)
		}
	}
}

// Nobody runs from before 50 % to after 100 %: only the last mark is told, late, and the deputy is asked.
func TestMarksMissedInAnOutage(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "2018-10-02 16:20")
	id := o.draft()
	o.do(o.author, id, newsroom.MoveSubmit)
	o.do(o.reviewer, id, newsroom.MoveClaim)
	o.do(o.reviewer, id, newsroom.MoveForward)
	o.at = local("2018-10-08 09:00")
	o.run(id, "2018-10-08 10:00")
	o.wants(id, "due_100 08/10 09:00")
	if o.letters(id, newsroom.LetterApproval, o.deputy) != 1 {
		t.Error("the deputy was not asked")
	}
}

// Each step of a sequence has its own working day.
func TestSecondStepHasItsOwnClock(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "2018-10-01 07:30")
	o.policy(func(p *newsroom.Policy) {
		p.Steps = append(p.Steps, newsroom.Step{Office: "chu-tich", Quorum: newsroom.QuorumAny})
	})
	id := o.draft()
	o.do(o.author, id, newsroom.MoveSubmit)
	o.do(o.reviewer, id, newsroom.MoveClaim)
	o.do(o.reviewer, id, newsroom.MoveForward)
	o.run(id, "2018-10-04 07:00", o.move("2018-10-02 09:00", o.leader, id, newsroom.MoveApprove))
	o.wants(id, "due_50 01/10 11:15", "due_80 01/10 15:30", "due_100 01/10 17:00", "due_50 02/10 14:45", "due_80 02/10 17:00", "due_100 03/10 09:00")
}

// A delegation with dates begins and ends by the clock: the deputy's link opens and the leader's dies at that very minute, and back.
func TestDelegationByTheClock(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "2018-10-01 07:30")
	o.policy(func(p *newsroom.Policy) { p.ApproveMinutes = 5 * newsroom.WorkingDay })
	_, err := o.Delegate(t.Context(), o.leader, newsroom.Delegation{
		OfficeID: "ubnd", From: o.leader.ID, To: o.stands.ID, Start: local("2018-10-02 13:30"), End: local("2018-10-03 07:30"), Reason: "Đi công tác",
	})
	o.no(err)
	id := o.draft()
	o.do(o.author, id, newsroom.MoveSubmit)
	o.do(o.reviewer, id, newsroom.MoveClaim)
	o.do(o.reviewer, id, newsroom.MoveForward)
	asked := map[string]string{}
	look := func(at string) then {
		return then{at, func() {
			var who string
			o.no(o.db.QueryRow(t.Context(), `SELECT string_agg(u.name, ' ') FROM asks k JOIN users u ON u.id = k.user_id WHERE k.article_id = $1 AND k.closed_at IS NULL`, id).Scan(&who))
			asked[at] = who
		}}
	}
	o.run(id, "2018-10-03 09:00", look("2018-10-02 13:29"), look("2018-10-02 13:31"), look("2018-10-03 07:29"), look("2018-10-03 07:31"))
	for at, want := range map[string]string{"2018-10-02 13:29": "leader", "2018-10-02 13:31": "stand-in", "2018-10-03 07:29": "stand-in", "2018-10-03 07:31": "leader"} {
		if asked[at] != want {
			t.Errorf("at %s %s was asked, want %s", at, asked[at], want)
		}
	}
	o.wants(id, "ask_delegated 02/10 13:30", "ask_delegation_over 03/10 07:30")
}

// The second signature is due after a working day; then the page says that it is missing, and the run may end.
func TestSecondSignatureClock(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "2018-10-02 16:20")
	id := o.draft()
	o.do(o.author, id, newsroom.MoveSubmit)
	o.do(o.reviewer, id, newsroom.MoveClaim)
	o.do(o.reviewer, id, newsroom.MoveForward)
	o.do(o.second, id, newsroom.MoveEmergencyRelease)
	o.run(id, "")
	o.wants(id, "release 02/10 16:20", "second_sign_late 03/10 16:20")
	p, err := o.PortalArticle(t.Context(), id)
	if err != nil || !p.SecondLate {
		t.Errorf("the page says nothing: %v", err)
	}
	if o.letters(id, newsroom.LetterSecondSign, o.second) != 1 || o.letters(id, newsroom.LetterSecondSign, o.admin) != 1 {
		t.Error("chief and admin were not told")
	}
	// Signed in time, nothing is told.
	o.at = local("2018-10-08 08:00")
	signed := o.draft()
	o.do(o.author, signed, newsroom.MoveSubmit)
	o.do(o.reviewer, signed, newsroom.MoveClaim)
	o.do(o.reviewer, signed, newsroom.MoveForward)
	o.do(o.second, signed, newsroom.MoveEmergencyRelease)
	o.run(signed, "", o.move("2018-10-08 10:00", o.leader, signed, newsroom.MoveSecondSign))
	o.wants(signed, "release 08/10 08:00")
}

// The cooling-off runs on the wall clock, the embargo and the display end at their times, each once, across a restart.
func TestReleaseTimes(t *testing.T) {
	t.Parallel()
	o := newOffice(t, "2018-10-06 20:00") // a Saturday evening: working hours do not matter here
	o.policy(func(p *newsroom.Policy) { p.CoolingOffMinutes = 15 })
	id := o.draft()
	o.do(o.author, id, newsroom.MoveSubmit)
	o.do(o.reviewer, id, newsroom.MoveClaim)
	o.do(o.reviewer, id, newsroom.MoveForward)
	o.run(id, "", o.move("2018-10-06 20:30", o.leader, id, newsroom.MoveApprove))
	o.wants(id, "release 06/10 20:45")
	at, end := local("2018-10-20 17:00"), local("2018-11-01 00:00")
	embargoed := o.draft(func(c *newsroom.Content) { c.ReleaseAt, c.DisplayEnd = &at, &end })
	o.do(o.author, embargoed, newsroom.MoveSubmit)
	o.do(o.reviewer, embargoed, newsroom.MoveClaim)
	o.do(o.reviewer, embargoed, newsroom.MoveForward)
	o.do(o.leader, embargoed, newsroom.MoveApprove)
	o.run(embargoed, "2018-10-15 08:00")
	o.run(embargoed, "")
	o.wants(embargoed, "release 20/10 17:00", "expire 01/11 00:00")
}
