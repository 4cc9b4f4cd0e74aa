package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"

	"toasoan/events"
	"toasoan/internal/config"
	"toasoan/internal/dispatch"
	"toasoan/internal/secret"
	"toasoan/internal/testkit"
	"toasoan/internal/web"
	"toasoan/newsroom"
	"toasoan/workflows"
)

var save = flag.Bool("save", false, "save the workflows' histories anew")

// live is an office whose articles run through the whole product on real servers, with a clock that can be set.
type live struct {
	*office
	app   *app
	ahead atomic.Int64        // of the machine's clock, in nanoseconds
	down  atomic.Bool         // from outside the portal looks dead
	runs  map[string][]string // by workflow, in order
	kept  map[string]bool     // kinds of public changes that are saved
}

func (l *live) now() time.Time { return time.Now().Add(time.Duration(l.ahead.Load())) }

// newLive opens the office; its clock is behind by so much.
func newLive(t *testing.T, behind time.Duration) *live {
	t.Helper()
	l := &live{office: &office{t: t}, runs: map[string][]string{}, kept: map[string]bool{}}
	l.ahead.Store(int64(-behind))
	l.open(l.now)
	address, namespace := testkit.Temporal(t, workflows.SearchAttributes())
	var front http.Handler
	outside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if l.down.Load() {
			http.Error(w, "away", http.StatusServiceUnavailable)
			return
		}
		front.ServeHTTP(w, r)
	}))
	t.Cleanup(outside.Close)
	env := map[string]string{
		"TOASOAN_URL": outside.URL, "SMTP_URL": testkit.SMTP(t).URL(), "MAIL_RATE": "0", "TEMPORAL_ADDRESS": address, "TEMPORAL_NAMESPACE": namespace,
	}
	c, err := config.Load(flag.NewFlagSet("", flag.ContinueOnError), nil, func(name string) string { return env[name] })
	l.no(err)
	keys, err := secret.NewRing(map[int][]byte{1: bytes.Repeat([]byte{7}, secret.KeySize)})
	l.no(err)
	quiet := slog.New(slog.DiscardHandler)
	bus, err := events.Connect(testkit.NATS(t), 1, quiet)
	l.no(err)
	runs, err := dispatch.Dial(dispatch.Options{Address: address, Namespace: namespace, Requests: l.Store, Log: quiet})
	l.no(err)
	l.app = &app{config: c, log: quiet, keys: keys, store: l.Store, bus: bus, dispatch: runs}
	server, err := l.app.webServer(web.Check{Name: "temporal", Ready: runs.Check})
	l.no(err)
	front = server.HTTP().Handler
	ctx, cancel := context.WithCancel(context.Background())
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return ended(running, server.Run(running)) })
	group.Go(func() error { return l.app.consumers(running) })
	group.Go(func() error { return l.app.worker(running) })
	t.Cleanup(func() {
		cancel()
		if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		runs.Close()
		bus.Close()
	})
	return l
}

// try has somebody make a move, as a door does, and notes which run settled it.
func (l *live) try(who newsroom.Person, id string, move newsroom.Move, bend ...func(*newsroom.Request)) error {
	l.t.Helper()
	r := newsroom.Request{
		ID: uuid.NewString(), ArticleID: id, ActorID: who.ID, Door: newsroom.DoorPage, Move: move, Code: newsroom.ReasonOther, Reason: "Lý do.",
	}
	a, err := l.Article(l.t.Context(), id)
	l.no(err)
	if a.Revision > 0 {
		frozen, err := l.Revision(l.t.Context(), id, a.Revision)
		l.no(err)
		r.Revision = a.Revision
		switch move {
		case newsroom.MoveApprove, newsroom.MoveRequestChanges, newsroom.MoveReject, newsroom.MoveEmergencyRelease:
			r.Hash = frozen.Hash
		}
	}
	for _, b := range bend {
		b(&r)
	}
	o, err := l.app.dispatch.Move(l.t.Context(), r)
	if err == nil && o.Pending {
		l.t.Fatalf("%s by %s was not settled in time", move, who.Name)
	}
	l.note(workflows.ArticleID(id))
	return err
}

func (l *live) do(who newsroom.Person, id string, move newsroom.Move, bend ...func(*newsroom.Request)) {
	l.t.Helper()
	if err := l.try(who, id, move, bend...); err != nil {
		l.t.Fatalf("%s by %s: %v", move, who.Name, err)
	}
}

// refused is a move that must not be allowed.
func (l *live) refused(who newsroom.Person, id string, move newsroom.Move, want newsroom.Refusal, bend ...func(*newsroom.Request)) {
	l.t.Helper()
	err := l.try(who, id, move, bend...)
	if e, ok := errors.AsType[*newsroom.MoveError](err); !ok || e.Code != want {
		l.t.Fatalf("%s by %s: %v, want %s", move, who.Name, err, want)
	}
}

// note remembers the newest run of a workflow.
func (l *live) note(id string) {
	l.t.Helper()
	d, err := l.app.dispatch.Temporal().DescribeWorkflowExecution(l.t.Context(), id, "")
	l.no(err)
	if run := d.GetWorkflowExecutionInfo().GetExecution().GetRunId(); !slices.Contains(l.runs[id], run) {
		l.runs[id] = append(l.runs[id], run)
	}
}

// write changes the working text.
func (l *live) write(who newsroom.Person, id, lead string) {
	l.t.Helper()
	d, err := l.Draft(l.t.Context(), id)
	l.no(err)
	d.Content.Lead = lead
	_, err = l.SaveDraft(l.t.Context(), id, who, d.Article.Version, d.Content)
	l.no(err)
}

// until waits for something, at most so long.
func (l *live) until(patience time.Duration, what string, ok func() bool) {
	l.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); {
		if time.Now().After(deadline) {
			l.t.Fatalf("not within %s: %s", patience, what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// toWake sets the clock to where it next has something to do for an article, and waits until that is done.
func (l *live) toWake(id, want string) {
	l.t.Helper()
	s, err := l.Standing(l.t.Context(), id)
	l.no(err)
	if s.Wake == nil {
		l.t.Fatalf("nothing is due for %s", id)
	}
	l.ahead.Store(int64(time.Until(*s.Wake) + time.Second))
	l.until(time.Minute, want, func() bool {
		return slices.ContainsFunc(l.told(id), func(s string) bool { return s[:min(len(s), len(want))] == want })
	})
}

var historyFolder = filepath.Join("..", "..", "workflows", "testdata", "histories")

// keep saves every run of an article, and of the first public change of each kind, once they have ended.
func (l *live) keep(id, name string) {
	l.t.Helper()
	l.keepRuns(workflows.ArticleID(id), "article_"+name)
	rows, err := l.db.Query(l.t.Context(), `SELECT n, event FROM publications WHERE article_id = $1 ORDER BY n`, id)
	l.no(err)
	defer rows.Close()
	for rows.Next() {
		var n int64
		var event string
		l.no(rows.Scan(&n, &event))
		if followed := workflows.PublicationID(id, n); !l.kept[event] {
			l.kept[event] = true
			l.note(followed)
			l.keepRuns(followed, "publication_"+event)
		}
	}
	l.no(rows.Err())
}

func (l *live) keepRuns(id, name string) {
	l.t.Helper()
	temporal := l.app.dispatch.Temporal()
	for i, run := range l.runs[id] {
		ctx, cancel := context.WithTimeout(l.t.Context(), time.Minute)
		err := temporal.GetWorkflow(ctx, id, run).GetWithOptions(ctx, nil, client.WorkflowRunGetOptions{DisableFollowingRuns: true})
		cancel()
		if _, again := errors.AsType[*workflow.ContinueAsNewError](err); err != nil && !again {
			l.t.Fatalf("%s, run %d: %v", id, i+1, err)
		}
		if len(l.runs[id]) > 1 {
			testkit.SaveHistory(l.t, temporal, id, run, historyFolder, name+"_"+string(rune('1'+i)))
		} else {
			testkit.SaveHistory(l.t, temporal, id, run, historyFolder, name)
		}
	}
}

// TestSaveHistories records articles' whole lives on the real servers: `make histories`.
func TestSaveHistories(t *testing.T) {
	if !*save {
		t.Skip("make histories")
	}
	t.Parallel()
	l := newLive(t, 30*24*time.Hour)
	l.overdue()
	l.emergencyUnsigned()
	l.ahead.Store(0)
	l.returned()
	l.sequence()
	l.turnedDown()
	l.undone()
	l.embargoed()
	l.emergency()
	l.long()
}

// toOffice brings a fresh article before the office.
func (l *live) toOffice(bend ...func(*newsroom.Content)) string {
	l.t.Helper()
	id := l.draft(bend...)
	l.do(l.author, id, newsroom.MoveSubmit)
	l.do(l.reviewer, id, newsroom.MoveClaim)
	l.do(l.reviewer, id, newsroom.MoveForward)
	return id
}

// overdue: nobody answers; reminders, the deputy is asked too and decides.
func (l *live) overdue() {
	id := l.toOffice()
	l.toWake(id, "due_50")
	l.no(l.app.dispatch.Reload(l.t.Context(), id)) // as after a change of the calendar
	l.toWake(id, "due_80")
	l.toWake(id, "due_100")
	l.do(l.deputy, id, newsroom.MoveApprove)
	l.keep(id, "overdue")
}

// emergencyUnsigned: the second signature does not come; the page says so.
func (l *live) emergencyUnsigned() {
	id := l.draft()
	l.do(l.author, id, newsroom.MoveSubmit)
	l.do(l.reviewer, id, newsroom.MoveClaim)
	l.do(l.second, id, newsroom.MoveEmergencyRelease)
	l.toWake(id, "second_sign_late")
	l.keep(id, "emergency_unsigned")
}

// returned: sent back, sent again, handed over, taken back, recalled, a stale approval refused, approved, corrected, withdrawn,
// restored, taken down, restored, expired.
func (l *live) returned() {
	id := l.draft()
	l.do(l.author, id, newsroom.MoveSubmit)
	l.do(l.reviewer, id, newsroom.MoveClaim)
	l.refused(l.author, id, newsroom.MoveForward, newsroom.RefusedRole)
	l.do(l.reviewer, id, newsroom.MoveReturn)
	l.write(l.author, id, "Sapo đã sửa.")
	l.do(l.author, id, newsroom.MoveSubmit)
	l.do(l.reviewer, id, newsroom.MoveClaim)
	l.do(l.reviewer, id, newsroom.MoveReleaseClaim)
	l.do(l.author, id, newsroom.MoveRecall)
	l.do(l.author, id, newsroom.MoveSubmit)
	l.do(l.reviewer, id, newsroom.MoveClaim)
	l.do(l.reviewer, id, newsroom.MoveComment, func(r *newsroom.Request) { r.Comment = "Đã kiểm tra số liệu." })
	l.do(l.reviewer, id, newsroom.MoveForward)
	l.do(l.reviewer, id, newsroom.MoveWithdrawRequest)
	l.write(l.reviewer, id, "Sapo của Ban Tuyên giáo.")
	l.do(l.reviewer, id, newsroom.MoveForward)
	l.write(l.reviewer, id, "Sapo của Ban Tuyên giáo, lần hai.")
	l.do(l.reviewer, id, newsroom.MoveResubmit)
	l.refused(l.leader, id, newsroom.MoveApprove, newsroom.RefusedStale, func(r *newsroom.Request) { r.Revision = 1 })
	l.do(l.leader, id, newsroom.MoveRequestChanges)
	l.write(l.author, id, "Sapo sau ý kiến của lãnh đạo.")
	l.do(l.author, id, newsroom.MoveSubmit)
	l.do(l.reviewer, id, newsroom.MoveClaim)
	l.do(l.reviewer, id, newsroom.MoveForward)
	l.do(l.leader, id, newsroom.MoveApprove)

	l.do(l.author, id, newsroom.MoveRevise, func(r *newsroom.Request) {
		r.Kind, r.Note = newsroom.ChangeCorrection, newsroom.Correction{Old: "850 m", New: "580 m"}
	})
	l.write(l.author, id, "Sapo đính chính.")
	l.do(l.author, id, newsroom.MoveSubmit)
	l.do(l.reviewer, id, newsroom.MoveClaim)
	l.do(l.reviewer, id, newsroom.MoveForward)
	l.do(l.leader, id, newsroom.MoveApprove)

	l.do(l.leader, id, newsroom.MoveWithdraw)
	l.do(l.second, id, newsroom.MoveRestore) // who withdrew it could not settle the second signature
	l.do(l.leader, id, newsroom.MoveTakeDown)
	l.do(l.second, id, newsroom.MoveRestore)
	l.do(l.reviewer, id, newsroom.MoveExpire)
	l.keep(id, "returned_and_published")
}

// sequence: everybody of the first office, then the chief; one answer twice, one out of turn.
func (l *live) sequence() {
	ctx := l.t.Context()
	_, err := l.SaveSection(ctx, l.admin, newsroom.Section{ID: "xa-hoi", NameVI: "Văn hóa – Xã hội"})
	l.no(err)
	l.no(l.Seat(ctx, l.admin, "ubnd", l.stands.ID, false))
	p := newsroom.DefaultPolicy("ubnd")
	p.Steps = []newsroom.Step{{Office: "ubnd", Quorum: newsroom.QuorumAll}, {Office: "chu-tich", Quorum: newsroom.QuorumAny}}
	_, err = l.SavePolicy(ctx, l.admin, "xa-hoi", p)
	l.no(err)
	id := l.toOffice(func(c *newsroom.Content) { c.Section = "xa-hoi" })
	l.refused(l.second, id, newsroom.MoveApprove, newsroom.RefusedNotAsked)
	l.do(l.leader, id, newsroom.MoveApprove)
	l.refused(l.leader, id, newsroom.MoveApprove, newsroom.RefusedDecided)
	l.do(l.stands, id, newsroom.MoveApprove)
	l.do(l.second, id, newsroom.MoveApprove)
	l.keep(id, "quorum_in_order")
}

// turnedDown: rejected by the bureau, by a leader; abandoned by its author.
func (l *live) turnedDown() {
	id := l.draft()
	l.do(l.author, id, newsroom.MoveSubmit)
	l.do(l.reviewer, id, newsroom.MoveClaim)
	l.do(l.reviewer, id, newsroom.MoveReject)
	l.keep(id, "rejected")
	id = l.draft()
	l.do(l.author, id, newsroom.MoveAbandon)
	l.keep(id, "abandoned")
}

// undone: within the cooling-off; then refused, and the article is dropped.
func (l *live) undone() {
	l.policy(func(p *newsroom.Policy) { p.CoolingOffMinutes = 15 })
	id := l.toOffice()
	l.do(l.leader, id, newsroom.MoveApprove)
	l.do(l.leader, id, newsroom.MoveUndo)
	l.do(l.leader, id, newsroom.MoveReject)
	l.keep(id, "undone")
	l.policy(func(*newsroom.Policy) {})
}

// embargoed: released at its time, expired at its display end; another one unscheduled and rescheduled.
func (l *live) embargoed() {
	at, later, end := time.Now().Add(time.Hour), time.Now().Add(10*time.Second), time.Now().Add(15*time.Second)
	id := l.toOffice(func(c *newsroom.Content) { c.ReleaseAt = &at })
	l.do(l.leader, id, newsroom.MoveApprove)
	l.do(l.leader, id, newsroom.MoveReschedule, func(r *newsroom.Request) { r.ReleaseAt = &end })
	l.do(l.leader, id, newsroom.MoveUnschedule)
	l.do(l.leader, id, newsroom.MoveApprove)
	id2 := l.toOffice(func(c *newsroom.Content) { c.ReleaseAt, c.DisplayEnd = &later, &end })
	l.do(l.leader, id2, newsroom.MoveApprove)
	l.until(time.Minute, "released and expired", func() bool { return slices.ContainsFunc(l.told(id2), func(s string) bool { return s[:6] == "expire" }) })
	l.keep(id2, "embargo_and_expiry")
	l.keep(id, "rescheduled")
}

// emergency: released at once, signed second in time.
func (l *live) emergency() {
	id := l.draft()
	l.do(l.author, id, newsroom.MoveSubmit)
	l.do(l.reviewer, id, newsroom.MoveClaim)
	l.do(l.second, id, newsroom.MoveEmergencyRelease)
	l.refused(l.second, id, newsroom.MoveSecondSign, newsroom.RefusedSameSigner)
	l.do(l.leader, id, newsroom.MoveSecondSign)
	l.keep(id, "emergency_signed")
}

// long: a history that Temporal finds long enough goes on in a new run, and ends there.
func (l *live) long() {
	id := l.draft()
	l.do(l.author, id, newsroom.MoveSubmit)
	for sent := 0; len(l.runs[workflows.ArticleID(id)]) == 1; sent++ {
		if sent == 2000 {
			l.t.Fatal("2,000 reloads did not make the history long")
		}
		l.no(l.app.dispatch.Reload(l.t.Context(), id))
		l.note(workflows.ArticleID(id))
		time.Sleep(20 * time.Millisecond) // time to be worked on: a run does not end while it is signalled
	}
	l.do(l.author, id, newsroom.MoveRecall)
	l.do(l.author, id, newsroom.MoveAbandon)
	l.keep(id, "continued")
}

// TestSaveHistoryUnheard records a publication that nobody sees for nearly nine minutes.
func TestSaveHistoryUnheard(t *testing.T) {
	if !*save {
		t.Skip("make histories")
	}
	t.Parallel()
	l := newLive(t, 0)
	l.down.Store(true)
	id := l.toOffice()
	l.do(l.leader, id, newsroom.MoveApprove)
	l.until(15*time.Minute, "somebody was told", func() bool {
		var told int
		l.no(l.db.QueryRow(t.Context(), `SELECT count(*) FROM publications WHERE article_id = $1 AND alerted_at IS NOT NULL`, id).Scan(&told))
		return told == 1
	})
	l.down.Store(false)
	l.until(15*time.Minute, "confirmed", func() bool {
		var done int
		l.no(l.db.QueryRow(t.Context(), `SELECT count(*) FROM publications WHERE article_id = $1 AND done_at IS NOT NULL`, id).Scan(&done))
		return done == 1
	})
	var n int64
	l.no(l.db.QueryRow(t.Context(), `SELECT n FROM publications WHERE article_id = $1`, id).Scan(&n))
	l.note(workflows.PublicationID(id, n))
	l.keepRuns(workflows.PublicationID(id, n), "publication_unheard")
}
