package dispatch_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/worker"

	"toasoan/activities"
	"toasoan/events"
	"toasoan/internal/dispatch"
	"toasoan/internal/secret"
	"toasoan/internal/store"
	"toasoan/internal/testkit"
	"toasoan/newsroom"
	"toasoan/workflows"
)

// house is a store, a Temporal and a worker, with the people of one article.
type house struct {
	*store.Store
	runs                     *dispatch.Client
	desk                     *activities.Desk
	author, reviewer, leader newsroom.Person
	emitted                  atomic.Int32
}

// Publish counts announcements in place of NATS.
func (h *house) Publish(context.Context, events.Event, int) error {
	h.emitted.Add(1)
	return nil
}

func newHouse(t *testing.T, work bool) *house {
	t.Helper()
	address, namespace := testkit.Temporal(t, workflows.SearchAttributes())
	_, app := testkit.Database(t)
	keys, err := secret.NewRing(map[int][]byte{1: bytes.Repeat([]byte{7}, secret.KeySize)})
	if err != nil {
		t.Fatal(err)
	}
	h := &house{}
	if h.Store, err = store.New(t.Context(), store.Options{URL: app, Keys: keys}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	quiet := slog.New(slog.DiscardHandler)
	if h.runs, err = dispatch.Dial(dispatch.Options{Address: address, Namespace: namespace, Requests: h.Store, Log: quiet}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.runs.Close)
	h.desk = &activities.Desk{Articles: h.Store, Portal: h.Store, Open: h.Store, Bus: h, Runs: h.runs, Log: quiet, Now: time.Now}
	if work {
		h.work(t)
	}
	person := func(email string, roles ...newsroom.Role) newsroom.Person {
		a, _, err := h.CreateUser(t.Context(), newsroom.Person{}, newsroom.AccountInput{Email: email, Name: email, Roles: roles}, false)
		if err != nil {
			t.Fatal(err)
		}
		return a.Person
	}
	h.author = person("phong-vien@vankhe.example", newsroom.RoleReporter)
	h.reviewer = person("bien-tap@vankhe.example", newsroom.RoleReviewer)
	h.leader = person("lanh-dao@vankhe.example", newsroom.RoleLeader)
	if _, err := h.SaveSection(t.Context(), newsroom.Person{}, newsroom.Section{ID: "kinh-te", NameVI: "Kinh tế"}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.SaveOffice(t.Context(), newsroom.Person{}, newsroom.Office{ID: "ubnd", Name: "Ban Biên tập"}); err != nil {
		t.Fatal(err)
	}
	if err := h.Seat(t.Context(), newsroom.Person{}, "ubnd", h.leader.ID, false); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) work(t *testing.T) {
	t.Helper()
	w := worker.New(h.runs.Temporal(), workflows.QueueDesk, worker.Options{})
	workflows.Register(w)
	w.RegisterActivity(h.desk)
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
}

func (h *house) article(t *testing.T) string {
	t.Helper()
	d, err := h.CreateArticle(t.Context(), h.author, newsroom.Content{
		Title: "Lễ ký kết", Body: "<p>Nội dung.</p>", Section: "kinh-te", Authors: []newsroom.Author{{PenName: "Mai Lan"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return d.Article.ID
}

func (h *house) move(t *testing.T, who newsroom.Person, id string, move newsroom.Move) (newsroom.Outcome, error) {
	t.Helper()
	r := newsroom.Request{ID: uuid.NewString(), ArticleID: id, ActorID: who.ID, Door: newsroom.DoorPage, Move: move}
	if a, err := h.Article(t.Context(), id); err == nil && a.Revision > 0 && move == newsroom.MoveApprove {
		frozen, err := h.Revision(t.Context(), id, a.Revision)
		if err != nil {
			t.Fatal(err)
		}
		r.Hash = frozen.Hash
	}
	return h.runs.Move(t.Context(), r)
}

func TestAMoveIsSettledThroughItsWorkflow(t *testing.T) {
	t.Parallel()
	h := newHouse(t, true)
	id := h.article(t)
	for _, step := range []struct {
		who  newsroom.Person
		move newsroom.Move
		want newsroom.Stage
	}{
		{h.author, newsroom.MoveSubmit, newsroom.StageSubmitted},
		{h.reviewer, newsroom.MoveClaim, newsroom.StageInReview},
		{h.reviewer, newsroom.MoveForward, newsroom.StageAwaitingApproval},
		{h.leader, newsroom.MoveApprove, newsroom.StageReleased},
	} {
		out, err := h.move(t, step.who, id, step.move)
		if err != nil || out.Stage != step.want {
			t.Fatalf("%s: %+v, %v", step.move, out, err)
		}
	}
	// The run has ended with the release; a move on the closed article starts a fresh one.
	if out, err := h.runs.Move(t.Context(), newsroom.Request{
		ID: uuid.NewString(), ArticleID: id, ActorID: h.leader.ID, Door: newsroom.DoorPage, Move: newsroom.MoveWithdraw,
		Code: newsroom.ReasonOther, Reason: "Kiểm tra lại.",
	}); err != nil || out.Public != newsroom.PublicWithdrawn {
		t.Errorf("withdraw: %+v, %v", out, err)
	}
	_, err := h.move(t, h.author, id, newsroom.MoveSubmit)
	if refused, ok := errors.AsType[*newsroom.MoveError](err); !ok || refused.Code != newsroom.RefusedStage {
		t.Errorf("submit of a released article: %v", err)
	}
	if h.emitted.Load() < 5 {
		t.Errorf("%d announcements", h.emitted.Load())
	}
}

func TestADoubleClickIsOneMove(t *testing.T) {
	t.Parallel()
	h := newHouse(t, true)
	id := h.article(t)
	r := newsroom.Request{ID: uuid.NewString(), ArticleID: id, ActorID: h.author.ID, Door: newsroom.DoorPage, Move: newsroom.MoveSubmit}
	var wg sync.WaitGroup
	outcomes := make([]newsroom.Outcome, 8)
	for i := range outcomes {
		wg.Go(func() {
			var err error
			if outcomes[i], err = h.runs.Move(t.Context(), r); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, o := range outcomes {
		if o.N != outcomes[0].N || o.Stage != newsroom.StageSubmitted {
			t.Errorf("answers differ: %+v and %+v", o, outcomes[0])
		}
	}
	rows, err := h.History(t.Context(), id)
	if err != nil || len(rows) != 2 {
		t.Errorf("history has %d rows, want create and submit (%v)", len(rows), err)
	}
}

func TestATapIsNotLostWhileNobodyWorks(t *testing.T) {
	t.Parallel()
	h := newHouse(t, false)
	id := h.article(t)
	short, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	r := newsroom.Request{ID: uuid.NewString(), ArticleID: id, ActorID: h.author.ID, Door: newsroom.DoorPage, Move: newsroom.MoveSubmit}
	out, err := h.runs.Move(short, r)
	if err != nil || !out.Pending {
		t.Fatalf("with no worker: %+v, %v", out, err)
	}
	h.work(t)
	if err := h.runs.Resend(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if a, err := h.Article(t.Context(), id); err != nil || a.Stage != newsroom.StageSubmitted {
		t.Errorf("after the sweep: %s, %v", a.Stage, err)
	}
	if out, err := h.runs.Move(t.Context(), r); err != nil || out.Pending || out.Stage != newsroom.StageSubmitted {
		t.Errorf("the repeat: %+v, %v", out, err)
	}
}

func TestMoveRefusesWhatItCannotRecord(t *testing.T) {
	t.Parallel()
	h := newHouse(t, false)
	if _, err := h.runs.Move(t.Context(), newsroom.Request{ID: uuid.NewString(), ArticleID: "khongcobai00", Move: newsroom.MoveSubmit}); !errors.Is(err, newsroom.ErrNotFound) {
		t.Errorf("unknown article: %v", err)
	}
	if _, err := h.runs.Move(t.Context(), newsroom.Request{ID: "x", ArticleID: "a", Move: newsroom.MoveSubmit}); err == nil {
		t.Error("a malformed id was taken")
	}
	if _, err := h.runs.Move(t.Context(), newsroom.Request{ID: uuid.NewString(), ArticleID: "a", Move: "fly"}); err == nil {
		t.Error("an unknown move was taken")
	}
}

func TestReconcileStartsWhatHasNoRun(t *testing.T) {
	t.Parallel()
	h := newHouse(t, true)
	id := h.article(t) // its run was never started
	if found, err := h.desk.Reconcile(t.Context(), struct{}{}); err != nil || found.Articles != 1 {
		t.Fatalf("reconcile: %+v, %v", found, err)
	}
	d, err := h.runs.Temporal().DescribeWorkflowExecution(t.Context(), workflows.ArticleID(id), "")
	if err != nil || d.GetWorkflowExecutionInfo().GetCloseTime() != nil {
		t.Errorf("the article has no open run: %v", err)
	}
}

func TestSchedulesCanBeEnsuredTwice(t *testing.T) {
	t.Parallel()
	h := newHouse(t, false)
	for range 2 {
		if err := h.runs.EnsureSchedules(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// A Temporal that has lost its data knows no schedule, and nobody else would make up for what was lost.
func TestMissingSchedulesAreNoticed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, false)
	there := func() bool {
		there, err := h.runs.HasSchedules(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return there
	}
	if there() {
		t.Error("schedules before there are any")
	}
	if err := h.runs.EnsureSchedules(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !there() {
		t.Error("no schedules")
	}
	if err := h.runs.Temporal().ScheduleClient().GetHandle(t.Context(), "digests").Delete(t.Context()); err != nil {
		t.Fatal(err)
	}
	if there() {
		t.Error("nobody misses the digests")
	}
}
