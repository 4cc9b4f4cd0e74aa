package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"toasoan/activities"
	"toasoan/newsroom"
)

// SignalIssue says that somebody paused, resumed, stopped or retried an issue: Postgres knows what.
const SignalIssue = "issue"

// DeliveryInput names an issue; where it stands is in the ledger, so that a run that continues as new carries nothing else.
type DeliveryInput struct {
	IssueID string `json:"issue_id"`
	Scale   int    `json:"scale,omitempty"` // of a fault drill; see scaled
}

// DeliveryResult is how an issue ended.
type DeliveryResult struct {
	Status string               `json:"status"`
	Counts newsroom.IssueCounts `json:"counts"`
}

// Delivery mails one issue: it freezes text and recipients, sends the chunks through a window of deliveryWindow, comes back for
// what the relay put off, and closes the issue when nothing waits any more. Paused, it waits for a person.
func Delivery(ctx workflow.Context, in DeliveryInput) (DeliveryResult, error) {
	d := &deliveryRun{
		in: activities.IssueInput{IssueID: in.IssueID}, lane: scaled(mailChunk, in.Scale), window: deliveryWindow,
		changed: workflow.GetSignalChannel(ctx, SignalIssue), scale: max(1, in.Scale),
	}
	ctx = workflow.WithActivityOptions(ctx, scaled(bookkeeping, in.Scale))
	d.short = workflow.GetVersion(ctx, changeShortRuns, workflow.DefaultVersion, 1) != workflow.DefaultVersion
	if workflow.GetVersion(ctx, changeNarrowWindow, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		d.window = formerWindow
	}
	at, err := call(ctx, desk.PrepareIssue, d.in)
	if err != nil {
		return DeliveryResult{}, fmt.Errorf("prepare issue %s: %w", in.IssueID, err)
	}
	for {
		before := at
		if at, err = d.step(ctx, at); err != nil {
			return DeliveryResult{}, fmt.Errorf("deliver issue %s: %w", in.IssueID, err)
		}
		if d.over(at) {
			return DeliveryResult{Status: at.Status, Counts: at.Counts}, nil
		}
		if unmoved(before, at) && workflow.GetVersion(ctx, changeRests, workflow.DefaultVersion, 1) != workflow.DefaultVersion {
			if err := d.await(ctx, issuePause); err != nil {
				return DeliveryResult{}, fmt.Errorf("deliver issue %s: %w", in.IssueID, err)
			}
		}
		if d.full(ctx) {
			d.drain()
			return DeliveryResult{}, workflow.NewContinueAsNewError(ctx, Delivery, in)
		}
	}
}

// deliveryRun is what one run of Delivery remembers.
type deliveryRun struct {
	in      activities.IssueInput
	lane    workflow.ActivityOptions // of SendChunk
	changed workflow.ReceiveChannel
	chunks  int  // SendChunks of this run
	window  int  // chunks on their way at once
	short   bool // continues as new before the history is long, in the middle of a pass too
	scale   int
}

// full reports that this run has done enough: the next one begins with an empty history.
func (d *deliveryRun) full(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return info.GetContinueAsNewSuggested() || d.chunks >= generation || d.short && info.GetCurrentHistoryLength() >= longHistory
}

// over reports that nothing will happen to the issue any more unless a person asks for it.
func (d *deliveryRun) over(at newsroom.DeliveryStanding) bool {
	return at.Counts.Waiting == 0 && (at.Status == newsroom.IssueDone || at.Status == newsroom.IssueAborted) && d.changed.Len() == 0
}

// unmoved reports that a step brought nothing although something was to be done at once: an issue that does not add up and so stays open, or
// rows that are due and were not taken, since a transaction has them or a clock is ahead. Without a rest the run would do nothing else.
func unmoved(before, at newsroom.DeliveryStanding) bool {
	return at.Status != newsroom.IssuePaused && (len(at.Due) > 0 || at.Counts.Waiting == 0) &&
		before.Status == at.Status && before.Counts == at.Counts && slices.Equal(before.Due, at.Due)
}

// await waits for a signal, for pause at most.
func (d *deliveryRun) await(ctx workflow.Context, pause time.Duration) error {
	_, err := workflow.AwaitWithTimeout(ctx, pause, func() bool { return d.changed.Len() > 0 })
	return err
}

// step does what the standing asks for and returns the next one.
func (d *deliveryRun) step(ctx workflow.Context, at newsroom.DeliveryStanding) (newsroom.DeliveryStanding, error) {
	switch {
	case at.Status == newsroom.IssuePreparing: // resumed before it was whole
		return call(ctx, desk.PrepareIssue, d.in)
	case at.Status == newsroom.IssuePaused:
		if err := workflow.Await(ctx, func() bool { return d.changed.Len() > 0 }); err != nil {
			return at, err
		}
	case len(at.Due) > 0:
		hold, err := d.pass(ctx, at.Due)
		if err != nil {
			return at, err
		}
		if hold != "" {
			return call(ctx, desk.HoldIssue, activities.HoldInput{IssueID: d.in.IssueID, Why: hold})
		}
	case at.Counts.Waiting > 0:
		pause := issuePause
		if at.Next != nil {
			pause = max(leastPause, at.Next.Sub(workflow.Now(ctx))+retryGather/time.Duration(d.scale))
		}
		if err := d.await(ctx, pause); err != nil {
			return at, err
		}
	}
	d.drain()
	return call(ctx, desk.CloseIssue, d.in)
}

// pass sends chunks, some of them at a time, each again while it has more to send now. It ends early when the issue
// is paused or stopped, and says why it is still to be paused.
func (d *deliveryRun) pass(ctx workflow.Context, due []int) (hold string, err error) {
	queue, stopped := due, false
	workers := workflow.NewWaitGroup(ctx)
	work := func(ctx workflow.Context) {
		defer workers.Done()
		lane := workflow.WithActivityOptions(ctx, d.lane)
		for len(queue) > 0 && !stopped && !(d.short && d.full(ctx)) {
			chunk := queue[0]
			queue = queue[1:]
			d.chunks++
			at, failed := call(lane, desk.SendChunk, activities.ChunkInput{IssueID: d.in.IssueID, Chunk: chunk})
			switch {
			case failed != nil:
				stopped = true
				if err == nil {
					err = fmt.Errorf("send chunk %d: %w", chunk, failed)
				}
			case at.Hold != "" && !at.Held:
				hold, stopped = at.Hold, true
			case at.Status != newsroom.IssueSending && at.Status != newsroom.IssuePrepared:
				stopped = true
			case at.More:
				queue = append(queue, chunk)
			}
		}
	}
	for range min(d.window, len(due)) {
		workers.Add(1)
		workflow.Go(ctx, work)
	}
	workers.Wait(ctx)
	return hold, err
}

func (d *deliveryRun) drain() {
	for d.changed.ReceiveAsync(nil) {
	}
}
