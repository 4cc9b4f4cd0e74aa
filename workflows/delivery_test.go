package workflows

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"toasoan/activities"
	"toasoan/newsroom"
)

// ledger is the world of one issue: a queue of rows per chunk and what the relay makes of them.
type ledger struct {
	mu      sync.Mutex // activities run side by side
	env     *testsuite.TestWorkflowEnvironment
	status  string
	waiting map[int]int       // rows of a chunk that are due
	later   map[int]time.Time // chunks whose rows are put off
	total   int
	sent    []int // chunks in the order in which they were sent
	send    func(chunk int) (activities.ChunkResult, error)
	held    []string
	closed  int
	mended  time.Time
	odd     bool // until mended it does not add up, and closing leaves it open
}

func newLedger(chunks int) *ledger {
	var suite testsuite.WorkflowTestSuite
	l := &ledger{env: suite.NewTestWorkflowEnvironment(), status: newsroom.IssuePreparing, waiting: map[int]int{}, later: map[int]time.Time{}}
	for c := range chunks {
		l.waiting[c] = 500
	}
	l.total = 500 * chunks
	l.env.SetTestTimeout(30 * time.Second)
	l.env.RegisterWorkflow(Delivery)
	l.env.OnActivity(desk.PrepareIssue, mock.Anything, mock.Anything).Return(func(context.Context, activities.IssueInput) (newsroom.DeliveryStanding, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.status == newsroom.IssuePreparing {
			l.status = newsroom.IssuePrepared
		}
		return l.standing(), nil
	})
	l.env.OnActivity(desk.CloseIssue, mock.Anything, mock.Anything).Return(func(context.Context, activities.IssueInput) (newsroom.DeliveryStanding, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.closed++
		if l.closed > 1000 {
			return newsroom.DeliveryStanding{}, temporal.NewNonRetryableApplicationError("it spins", "spin", nil)
		}
		if l.odd && l.env.Now().Before(l.mended) {
			return l.standing(), nil
		}
		if l.status == newsroom.IssueAborted {
			clear(l.waiting)
			clear(l.later)
		}
		if st := l.standing(); st.Counts.Waiting > 0 || l.status == newsroom.IssuePaused || l.status == newsroom.IssueAborted {
			return st, nil
		}
		l.status = newsroom.IssueDone
		return l.standing(), nil
	})
	l.env.OnActivity(desk.HoldIssue, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.HoldInput) (newsroom.DeliveryStanding, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.held = append(l.held, in.Why)
		l.status = newsroom.IssuePaused
		return l.standing(), nil
	})
	l.env.OnActivity(desk.SendChunk, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.ChunkInput) (activities.ChunkResult, error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.sent = append(l.sent, in.Chunk)
		if l.status == newsroom.IssuePrepared {
			l.status = newsroom.IssueSending
		}
		if l.send != nil {
			return l.send(in.Chunk)
		}
		l.all(in.Chunk)
		return activities.ChunkResult{Status: l.status}, nil
	})
	return l
}

// all sends whatever a chunk has.
func (l *ledger) all(chunk int) {
	delete(l.waiting, chunk)
	delete(l.later, chunk)
}

func (l *ledger) standing() newsroom.DeliveryStanding {
	st := newsroom.DeliveryStanding{IssueID: "i1", ArticleID: "a1", Status: l.status, Chunks: l.total / 500}
	left := 0
	for c, rows := range l.waiting {
		left += rows
		at, put := l.later[c]
		switch {
		case !put || !at.After(l.env.Now()):
			st.Due = append(st.Due, c)
		case st.Next == nil || at.Before(*st.Next):
			st.Next = &at
		}
	}
	slices.Sort(st.Due)
	st.Due = st.Due[:min(len(st.Due), generation)]
	st.Counts = newsroom.IssueCounts{Candidates: l.total, Sent: l.total - left, Waiting: left}
	return st
}

func (l *ledger) run(t *testing.T) DeliveryResult {
	t.Helper()
	l.env.ExecuteWorkflow(Delivery, DeliveryInput{IssueID: "i1"})
	if err := l.env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	var out DeliveryResult
	if err := l.env.GetWorkflowResult(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestDeliverySendsEachChunkOnce(t *testing.T) {
	t.Parallel()
	l := newLedger(40)
	out := l.run(t)
	if out.Status != newsroom.IssueDone || out.Counts.Sent != 20_000 || len(l.sent) != 40 {
		t.Errorf("%+v after %d SendChunks", out, len(l.sent))
	}
	if spent := 1 + len(l.sent) + l.closed; spent > 50 {
		t.Errorf("%d activities for 20,000 recipients", spent)
	}
}

func TestDeliveryComesBackForWhatWasPutOff(t *testing.T) {
	t.Parallel()
	l := newLedger(3)
	began := l.env.Now()
	tries := 0
	l.send = func(chunk int) (activities.ChunkResult, error) {
		if chunk == 1 && tries < 3 {
			tries++
			l.waiting[1], l.later[1] = 7, l.env.Now().Add(5*time.Minute)
			return activities.ChunkResult{Status: l.status}, nil
		}
		l.all(chunk)
		return activities.ChunkResult{Status: l.status}, nil
	}
	out := l.run(t)
	if took := l.env.Now().Sub(began); out.Status != newsroom.IssueDone || len(l.sent) != 6 || took < 15*time.Minute || took > 17*time.Minute {
		t.Errorf("%+v after %v in %s", out, l.sent, took)
	}
}

// What was put off at many moments comes together: a look at the ledger for each of them made a thousand activities of 1,500 mails, and a
// history that a pass would not end.
func TestDeliveryGathersWhatWasPutOff(t *testing.T) {
	t.Parallel()
	l := newLedger(100)
	due := map[int][]time.Time{} // of the last fifteen chunks a hundred mails each, one after the other
	began := l.env.Now()
	for k := range 1500 {
		due[85+k/100] = append(due[85+k/100], began.Add(5*time.Minute+time.Duration(k)*200*time.Millisecond))
	}
	tried := map[int]bool{}
	l.send = func(chunk int) (activities.ChunkResult, error) {
		if tried[chunk] {
			due[chunk] = slices.DeleteFunc(due[chunk], func(at time.Time) bool { return !at.After(l.env.Now()) })
		}
		tried[chunk] = true
		if l.all(chunk); len(due[chunk]) > 0 {
			l.waiting[chunk], l.later[chunk] = len(due[chunk]), due[chunk][0]
		}
		return activities.ChunkResult{Status: l.status}, nil
	}
	if out := l.run(t); out.Status != newsroom.IssueDone || len(l.sent) > 100+3*15 || l.closed > 25 {
		t.Errorf("%+v after %d SendChunks and %d looks", out.Counts, len(l.sent), l.closed)
	}
}

// A pass that would make the history long is left in its middle; the next run goes on from the ledger.
func TestDeliveryKeepsItsHistoryShort(t *testing.T) {
	t.Parallel()
	l := newLedger(40)
	l.send = func(chunk int) (activities.ChunkResult, error) {
		l.all(chunk)
		if len(l.sent) == 10 {
			l.env.SetCurrentHistoryLength(longHistory)
		}
		return activities.ChunkResult{Status: l.status}, nil
	}
	l.env.ExecuteWorkflow(Delivery, DeliveryInput{IssueID: "i1"})
	if _, again := errors.AsType[*workflow.ContinueAsNewError](l.env.GetWorkflowError()); !again || len(l.sent) > 10+deliveryWindow {
		t.Errorf("%d chunks, %v", len(l.sent), l.env.GetWorkflowError())
	}
}

func TestDeliveryGivesALongChunkAnotherTurn(t *testing.T) {
	t.Parallel()
	l := newLedger(2)
	l.send = func(chunk int) (activities.ChunkResult, error) {
		if l.waiting[chunk] -= 200; l.waiting[chunk] > 0 {
			return activities.ChunkResult{Status: l.status, More: true}, nil
		}
		l.all(chunk)
		return activities.ChunkResult{Status: l.status}, nil
	}
	if out := l.run(t); out.Status != newsroom.IssueDone || len(l.sent) != 6 {
		t.Errorf("%+v after %v", out, l.sent)
	}
}

func TestDeliveryWaitsForAPersonWhenHeld(t *testing.T) {
	t.Parallel()
	for _, holds := range []bool{false, true} { // the chunk's worker itself
		held(t, holds)
	}
}

func held(t *testing.T, holds bool) {
	t.Helper()
	l := newLedger(20)
	refused := true
	l.send = func(chunk int) (activities.ChunkResult, error) {
		switch {
		case refused && holds:
			l.status = newsroom.IssuePaused
			return activities.ChunkResult{Status: l.status, Hold: "relay_auth", Held: true}, nil
		case refused:
			return activities.ChunkResult{Status: l.status, Hold: "relay_auth"}, nil
		}
		l.all(chunk)
		return activities.ChunkResult{Status: l.status}, nil
	}
	began := l.env.Now()
	l.env.RegisterDelayedCallback(func() {
		refused, l.status = false, newsroom.IssueSending
		l.env.SignalWorkflow(SignalIssue, nil)
	}, 3*time.Hour)
	out := l.run(t)
	if took := l.env.Now().Sub(began); out.Status != newsroom.IssueDone || (len(l.held) == 0) != holds || took < 3*time.Hour {
		t.Errorf("%+v, held %v by the workflow, after %s", out, l.held, took)
	}
	if first := len(l.sent) - 20; first > deliveryWindow {
		t.Errorf("%d chunks were tried although the first was refused", first)
	}
}

func TestDeliveryEndsWhenStopped(t *testing.T) {
	t.Parallel()
	l := newLedger(30)
	l.send = func(chunk int) (activities.ChunkResult, error) {
		if len(l.sent) == 10 {
			l.status = newsroom.IssueAborted
		}
		if l.status == newsroom.IssueAborted {
			return activities.ChunkResult{Status: l.status}, nil
		}
		l.all(chunk)
		return activities.ChunkResult{Status: l.status}, nil
	}
	if out := l.run(t); out.Status != newsroom.IssueAborted || len(l.sent) > 10+deliveryWindow || out.Counts.Waiting != 0 {
		t.Errorf("%+v after %d SendChunks", out, len(l.sent))
	}
}

func TestDeliveryStoppedWhileItWaitsEndsAtOnce(t *testing.T) {
	t.Parallel()
	l := newLedger(1)
	l.send = func(chunk int) (activities.ChunkResult, error) {
		l.later[chunk] = l.env.Now().Add(4 * time.Hour)
		return activities.ChunkResult{Status: l.status}, nil
	}
	began := l.env.Now()
	l.env.RegisterDelayedCallback(func() {
		l.status = newsroom.IssueAborted
		l.env.SignalWorkflow(SignalIssue, nil)
	}, time.Hour)
	if out := l.run(t); out.Status != newsroom.IssueAborted || l.env.Now().Sub(began) > 61*time.Minute {
		t.Errorf("%+v after %s", out, l.env.Now().Sub(began))
	}
}

// A run that continues as new carries the issue's id only: the next one finds the rest in the ledger.
func TestDeliveryGoesOnAcrossGenerations(t *testing.T) {
	t.Parallel()
	first := newLedger(generation + 40)
	first.env.ExecuteWorkflow(Delivery, DeliveryInput{IssueID: "i1"})
	again, ok := errors.AsType[*workflow.ContinueAsNewError](first.env.GetWorkflowError())
	if !ok {
		t.Fatalf("first generation ended with %v", first.env.GetWorkflowError())
	}
	var in DeliveryInput
	if err := dataConverter().FromPayloads(again.Input, &in); err != nil || in != (DeliveryInput{IssueID: "i1"}) {
		t.Fatalf("carried %+v, %v", in, err)
	}
	second := newLedger(generation + 40)
	second.status, second.waiting, second.later = first.status, first.waiting, first.later
	out := second.run(t)
	seen := map[int]int{}
	for _, c := range append(first.sent, second.sent...) {
		seen[c]++
	}
	if out.Status != newsroom.IssueDone || len(seen) != generation+40 || len(first.sent)+len(second.sent) != generation+40 {
		t.Errorf("%+v: %d + %d SendChunks over %d chunks", out.Status, len(first.sent), len(second.sent), len(seen))
	}
}

// An issue that does not add up waits for the operator, and a chunk that brought nothing for a moment: neither keeps the run busy.
func TestDeliveryRestsWhereNothingMoves(t *testing.T) {
	t.Parallel()
	for name, stuck := range map[string]func(l *ledger){
		"does not add up": func(l *ledger) {
			l.odd = true
		},
		"a chunk that brings nothing": func(l *ledger) {
			l.send = func(chunk int) (activities.ChunkResult, error) {
				if !l.env.Now().Before(l.mended) {
					l.all(chunk)
				}
				return activities.ChunkResult{Status: l.status}, nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLedger(1)
			l.mended = l.env.Now().Add(time.Hour)
			stuck(l)
			l.env.RegisterDelayedCallback(func() { l.env.SignalWorkflow(SignalIssue, nil) }, time.Hour+time.Second) // somebody looked after it
			out := l.run(t)
			if out.Status != newsroom.IssueDone {
				t.Errorf("%+v", out)
			}
			if n := l.closed; n > 150 {
				t.Errorf("%d activities of an hour in which nothing moves", n)
			}
		})
	}
}
