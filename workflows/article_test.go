package workflows

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"toasoan/activities"
	"toasoan/newsroom"
)

// shop is a newsroom in memory behind the activities: just enough of Postgres for one article.
type shop struct {
	env     *testsuite.TestWorkflowEnvironment
	at      newsroom.Settled
	settled map[string]newsroom.Outcome
	dues    []time.Time // when SettleDue was called
	loads   int
	onMove  func(*shop, activities.MoveInput) // what a move does to at
	onDue   func(*shop)
	letters []string // children that were started
	public  []int64
}

func newShop(t *testing.T, at newsroom.Settled) *shop {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	s := &shop{env: suite.NewTestWorkflowEnvironment(), at: at, settled: map[string]newsroom.Outcome{}}
	s.env.SetTestTimeout(20 * time.Second)
	s.env.RegisterWorkflow(Article)
	s.env.RegisterWorkflow(Publication)
	s.env.RegisterWorkflow(Letter)
	s.env.OnWorkflow(Letter, mock.Anything, mock.Anything).Return(func(_ workflow.Context, in LetterInput) (LetterResult, error) {
		s.letters = append(s.letters, in.LetterID)
		return LetterResult{State: newsroom.DeliverySent}, nil
	})
	s.env.OnWorkflow(Publication, mock.Anything, mock.Anything).Return(func(_ workflow.Context, in PublicationInput) error {
		s.public = append(s.public, in.N)
		return nil
	})
	s.env.OnActivity(desk.LoadArticle, mock.Anything, mock.Anything).Return(func(context.Context, activities.ArticleInput) (newsroom.Settled, error) {
		s.loads++
		return s.at, nil
	})
	s.env.OnActivity(desk.RecordMove, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.MoveInput) (newsroom.Settled, error) {
		s.at.Letters, s.at.Publish = nil, nil
		s.onMove(s, in)
		s.at.Outcome = newsroom.Outcome{RequestID: in.RequestID, Stage: s.at.Stage}
		s.settled[in.RequestID] = s.at.Outcome
		return s.at, nil
	})
	s.env.OnActivity(desk.SettleDue, mock.Anything, mock.Anything).Return(func(context.Context, activities.ArticleInput) (newsroom.Settled, error) {
		s.dues = append(s.dues, s.env.Now())
		s.at.Letters, s.at.Publish = nil, nil
		s.onDue(s)
		return s.at, nil
	})
	return s
}

// send has a move sent after a while; the answer is collected.
func (s *shop) send(after time.Duration, m Move) *testUpdate {
	u := &testUpdate{}
	s.env.RegisterDelayedCallback(func() { s.env.UpdateWorkflow(UpdateMove, m.RequestID, u, m) }, after)
	return u
}

type testUpdate struct {
	outcome  newsroom.Outcome
	rejected error
	failed   error
}

func (u *testUpdate) Accept()          {}
func (u *testUpdate) Reject(err error) { u.rejected = err }
func (u *testUpdate) Complete(result any, err error) {
	u.failed = err
	if o, ok := result.(newsroom.Outcome); ok {
		u.outcome = o
	}
}

func (s *shop) run(t *testing.T) ArticleResult {
	t.Helper()
	s.env.ExecuteWorkflow(Article, ArticleInput{ArticleID: "abc"})
	if !s.env.IsWorkflowCompleted() {
		t.Fatal("the run did not end")
	}
	var result ArticleResult
	if err := s.env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	if err := s.env.GetWorkflowResult(&result); err != nil {
		t.Fatal(err)
	}
	return result
}

func released(s *shop, _ activities.MoveInput) {
	s.at.Stage, s.at.Public, s.at.Idle, s.at.Wake = newsroom.StageReleased, newsroom.PublicLive, true, nil
	s.at.Publish, s.at.Letters = []int64{7}, []string{"published/abc"}
}

func TestArticleSettlesAMoveAndStartsWhatFollows(t *testing.T) {
	t.Parallel()
	s := newShop(t, newsroom.Settled{Stage: newsroom.StageAwaitingApproval, Revision: 2})
	s.onMove = released
	id := uuid.NewString()
	u := s.send(time.Minute, Move{RequestID: id, Move: newsroom.MoveApprove, Revision: 2})
	if got := s.run(t); got.Stage != newsroom.StageReleased || got.Public != newsroom.PublicLive {
		t.Errorf("ended at %+v", got)
	}
	if u.rejected != nil || u.failed != nil || u.outcome.RequestID != id {
		t.Errorf("answer %+v", u)
	}
	if len(s.public) != 1 || s.public[0] != 7 || len(s.letters) != 1 {
		t.Errorf("publications %v, letters %v", s.public, s.letters)
	}
}

func TestArticleRefusesAStaleRevisionWithoutATrace(t *testing.T) {
	t.Parallel()
	s := newShop(t, newsroom.Settled{Stage: newsroom.StageAwaitingApproval, Revision: 3})
	s.onMove = released
	stale := s.send(time.Minute, Move{RequestID: uuid.NewString(), Move: newsroom.MoveApprove, Revision: 2})
	unknown := s.send(2*time.Minute, Move{RequestID: uuid.NewString(), Move: "fly"})
	good := s.send(3*time.Minute, Move{RequestID: uuid.NewString(), Move: newsroom.MoveApprove, Revision: 3})
	s.run(t)
	if refused, ok := Refused(stale.rejected); !ok || refused.Code != newsroom.RefusedStale {
		t.Errorf("stale: %v", stale.rejected)
	}
	if refused, ok := Refused(unknown.rejected); !ok || refused.Code != newsroom.RefusedUnknownMove {
		t.Errorf("unknown: %v", unknown.rejected)
	}
	if good.rejected != nil || len(s.settled) != 1 {
		t.Errorf("good: %v, settled %d", good.rejected, len(s.settled))
	}
}

func TestArticleTakesTwoMovesAtOnceOneAfterTheOther(t *testing.T) {
	t.Parallel()
	s := newShop(t, newsroom.Settled{Stage: newsroom.StageAwaitingApproval, Revision: 1})
	inside, most := 0, 0
	s.onMove = func(s *shop, in activities.MoveInput) {
		inside++
		most = max(most, inside)
		released(s, in)
		inside--
	}
	a := s.send(time.Minute, Move{RequestID: uuid.NewString(), Move: newsroom.MoveApprove})
	b := s.send(time.Minute, Move{RequestID: uuid.NewString(), Move: newsroom.MoveReject})
	s.run(t)
	if most != 1 || len(s.settled) != 2 {
		t.Errorf("%d at once, %d settled", most, len(s.settled))
	}
	if a.failed != nil || b.failed != nil {
		t.Errorf("answers: %v, %v", a.failed, b.failed)
	}
}

func TestArticleWakesWhenItsTimeHasCome(t *testing.T) {
	t.Parallel()
	s := newShop(t, newsroom.Settled{Stage: newsroom.StageScheduled})
	release := s.env.Now().Add(90 * 24 * time.Hour)
	expire := release.Add(30 * 24 * time.Hour)
	s.at.Wake = &release
	s.onDue = func(s *shop) {
		switch len(s.dues) {
		case 1:
			s.at.Stage, s.at.Public, s.at.Wake, s.at.Publish = newsroom.StageReleased, newsroom.PublicLive, &expire, []int64{9}
		case 2:
			s.at.Public, s.at.Wake, s.at.Idle, s.at.Publish = newsroom.PublicExpired, nil, true, []int64{10}
		}
	}
	s.run(t)
	if len(s.dues) != 2 || s.dues[0].Before(release) || s.dues[1].Before(expire) || s.dues[1].After(expire.Add(time.Minute)) {
		t.Errorf("woke at %v, want %s and %s", s.dues, release, expire)
	}
	if len(s.public) != 2 {
		t.Errorf("publications %v", s.public)
	}
}

func TestArticleWithAWakeUpInThePastDoesNotSpin(t *testing.T) {
	t.Parallel()
	s := newShop(t, newsroom.Settled{Stage: newsroom.StageScheduled})
	past := s.env.Now().Add(-time.Hour) // the database's clock is behind: nothing is due there yet
	s.at.Wake = &past
	s.onDue = func(s *shop) {
		if len(s.dues) == 5 {
			s.at.Idle, s.at.Wake = true, nil
		}
	}
	began := s.env.Now()
	s.run(t)
	if took := s.env.Now().Sub(began); len(s.dues) != 5 || took < 4*leastPause {
		t.Errorf("%d tries in %s", len(s.dues), took)
	}
}

func TestArticleLoadsAgainWhenTheCalendarChanges(t *testing.T) {
	t.Parallel()
	s := newShop(t, newsroom.Settled{Stage: newsroom.StageAwaitingApproval})
	first := s.env.Now().Add(48 * time.Hour)
	s.at.Wake = &first
	moved := s.env.Now().Add(5 * time.Hour)
	s.env.RegisterDelayedCallback(func() {
		s.at.Wake = &moved
		s.env.SignalWorkflow(SignalReload, nil)
	}, time.Hour)
	s.onDue = func(s *shop) { s.at.Idle, s.at.Wake = true, nil }
	s.run(t)
	if s.loads != 2 || len(s.dues) != 1 || s.dues[0].Before(moved) || !s.dues[0].Before(first) {
		t.Errorf("%d loads, woke at %v, want %s", s.loads, s.dues, moved)
	}
}

func TestArticleGoesOnInANewRunWhenItsHistoryIsLong(t *testing.T) {
	t.Parallel()
	s := newShop(t, newsroom.Settled{Stage: newsroom.StageInReview})
	s.env.SetContinueAsNewSuggested(true)
	s.env.ExecuteWorkflow(Article, ArticleInput{ArticleID: "abc"})
	err := s.env.GetWorkflowError()
	again, ok := errors.AsType[*workflow.ContinueAsNewError](err)
	if !ok {
		t.Fatalf("ended with %v", err)
	}
	// The second generation starts from nothing but the id, and settles what comes.
	next := newShop(t, s.at)
	next.onMove = released
	u := next.send(time.Minute, Move{RequestID: uuid.NewString(), Move: newsroom.MoveClaim})
	next.env.ExecuteWorkflow(again.WorkflowType.Name, ArticleInput{ArticleID: "abc"})
	if err := next.env.GetWorkflowError(); err != nil || u.failed != nil || len(next.settled) != 1 {
		t.Errorf("second generation: %v, %v, %d settled", err, u.failed, len(next.settled))
	}
}
