package workflows

import (
	"fmt"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/workflow"

	"toasoan/activities"
	"toasoan/newsroom"
)

// Article follows one article while something about it is open, and alone changes its stage. Changes arrive as Updates, so
// whoever clicked learns at once whether the move was allowed. It holds no truth: a fresh run loads what it needs.
func Article(ctx workflow.Context, in ArticleInput) (ArticleResult, error) {
	a := &articleRun{id: in.ArticleID, turn: workflow.NewMutex(ctx)}
	opts := workflow.UpdateHandlerOptions{Validator: a.check}
	if err := workflow.SetUpdateHandlerWithOptions(ctx, UpdateMove, a.move, opts); err != nil {
		return ArticleResult{}, fmt.Errorf("register %s: %w", UpdateMove, err)
	}
	reload := workflow.GetSignalChannel(ctx, SignalReload)
	if err := a.load(ctx); err != nil {
		return ArticleResult{}, err
	}
	for !a.at.Idle && !a.full(ctx) {
		if err := a.awaitChangeOrDue(ctx, reload); err != nil {
			return ArticleResult{}, err
		}
		if reload.ReceiveAsync(nil) {
			if err := a.load(ctx); err != nil {
				return ArticleResult{}, err
			}
		}
		if err := a.settleDue(ctx); err != nil {
			return ArticleResult{}, err
		}
	}
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return ArticleResult{}, err
	}
	if !a.at.Idle { // a move in the meantime may have opened it again, or the history is long
		return ArticleResult{}, workflow.NewContinueAsNewError(ctx, Article, in)
	}
	return ArticleResult{Stage: a.at.Stage, Public: a.at.Public}, nil
}

// articleRun is what one run of Article remembers.
type articleRun struct {
	id     string
	turn   workflow.Mutex // one transaction at a time
	loaded bool
	at     newsroom.Settled // where the article stands
	shown  attributes       // what the search attributes say
	moves  int              // moves settled by this run
	seen   int              // moves that the main loop has looked at
	retry  time.Time        // no earlier than this is a wake-up in the past tried again
}

// load asks where the article stands.
func (a *articleRun) load(ctx workflow.Context) error {
	if err := a.turn.Lock(ctx); err != nil {
		return err
	}
	defer a.turn.Unlock()
	at, err := call(settling(ctx), desk.LoadArticle, activities.ArticleInput{ArticleID: a.id})
	if err != nil {
		return fmt.Errorf("load article %s: %w", a.id, err)
	}
	a.loaded = true
	return a.now(ctx, at)
}

// check is the validator of UpdateMove: what memory knows, refused without a trace in history.
func (a *articleRun) check(_ workflow.Context, m Move) error {
	if !newsroom.ValidRequestID(m.RequestID) || !m.Move.Known() {
		return refuse(&newsroom.MoveError{Code: newsroom.RefusedUnknownMove, Move: m.Move, Stage: a.at.Stage})
	}
	if !a.loaded {
		return nil
	}
	return a.allowed(m)
}

func (a *articleRun) allowed(m Move) error {
	if m.Revision != 0 && m.Revision != a.at.Revision {
		return refuse(&newsroom.MoveError{Code: newsroom.RefusedStale, Move: m.Move, Stage: a.at.Stage})
	}
	return nil
}

// move is the handler of UpdateMove: it takes its turn, looks again, and settles the recorded request in one activity, whose
// answer (also a refusal) is the person's.
func (a *articleRun) move(ctx workflow.Context, m Move) (newsroom.Outcome, error) {
	if err := workflow.Await(ctx, func() bool { return a.loaded }); err != nil {
		return newsroom.Outcome{}, err
	}
	if err := a.turn.Lock(ctx); err != nil {
		return newsroom.Outcome{}, err
	}
	defer a.turn.Unlock()
	if err := a.allowed(m); err != nil { // two updates may both have passed the validator
		return newsroom.Outcome{}, err
	}
	after, err := call(settling(ctx), desk.RecordMove, activities.MoveInput{ArticleID: a.id, RequestID: m.RequestID})
	if err != nil {
		return newsroom.Outcome{}, err
	}
	a.moves++
	return after.Outcome, a.now(ctx, after)
}

// now takes over what a transaction left, and starts what follows from it.
func (a *articleRun) now(ctx workflow.Context, at newsroom.Settled) error {
	a.at = at
	if shown := attributesOf(at); shown != a.shown {
		if err := shown.upsert(ctx); err != nil {
			return fmt.Errorf("show article %s: %w", a.id, err)
		}
		a.shown = shown
	}
	var started []workflow.ChildWorkflowFuture
	for _, n := range at.Publish {
		started = append(started, child(ctx, PublicationID(a.id, n), QueueDesk, Publication, PublicationInput{ArticleID: a.id, N: n}))
	}
	for _, id := range at.Letters {
		started = append(started, child(ctx, LetterID(id), QueueMailTx, Letter, LetterInput{LetterID: id}))
	}
	for _, run := range started {
		if err := run.GetChildWorkflowExecution().Get(ctx, nil); err != nil && !alreadyRuns(err) {
			return fmt.Errorf("start what follows for article %s: %w", a.id, err)
		}
	}
	return nil
}

// child starts a workflow that lives on when its parent ends; one that runs or has done its work is left alone.
func child(ctx workflow.Context, id, queue string, do any, in any) workflow.ChildWorkflowFuture {
	ctx = workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: id, TaskQueue: queue, ParentClosePolicy: enums.PARENT_CLOSE_POLICY_ABANDON,
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
	})
	return workflow.ExecuteChildWorkflow(ctx, do, in)
}

// awaitChangeOrDue waits for a move, a reload or the next moment the clock has something to do. Without such a moment it
// waits without a timer.
func (a *articleRun) awaitChangeOrDue(ctx workflow.Context, reload workflow.ReceiveChannel) error {
	changed := func() bool { return a.moves > a.seen || reload.Len() > 0 }
	defer func() { a.seen = a.moves }()
	if a.at.Wake == nil {
		return workflow.Await(ctx, changed)
	}
	wait := a.wake().Sub(workflow.Now(ctx))
	if wait <= 0 {
		return nil
	}
	_, err := workflow.AwaitWithTimeout(ctx, wait, changed)
	return err
}

// wake is when the clock next has something to do, never before a.retry.
func (a *articleRun) wake() time.Time {
	if a.at.Wake.Before(a.retry) {
		return a.retry
	}
	return *a.at.Wake
}

// settleDue carries out what the clock has brought up: reminders, escalation, release at its time, expiry.
func (a *articleRun) settleDue(ctx workflow.Context) error {
	if err := a.turn.Lock(ctx); err != nil {
		return err
	}
	defer a.turn.Unlock()
	if a.at.Wake == nil || a.wake().After(workflow.Now(ctx)) {
		return nil
	}
	after, err := call(settling(ctx), desk.SettleDue, activities.ArticleInput{ArticleID: a.id})
	if err != nil {
		return fmt.Errorf("settle what is due for article %s: %w", a.id, err)
	}
	a.retry = workflow.Now(ctx).Add(leastPause)
	return a.now(ctx, after)
}

// full reports that the history is long enough for a new run to go on.
func (a *articleRun) full(ctx workflow.Context) bool {
	return workflow.GetInfo(ctx).GetContinueAsNewSuggested()
}
