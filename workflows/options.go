package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Every timeout and retry has its name here; none is written inline.

// settlingOptions: one transaction in Postgres. It is tried for ever, since a recorded move must be settled; the person has been
// told "recorded" long before that hurts.
var settlingOptions = workflow.ActivityOptions{
	TaskQueue:           QueueDesk,
	StartToCloseTimeout: 15 * time.Second,
	RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 10 * time.Second},
}

// settling is ctx for such an activity. An Update's handler gets a context without the options that its workflow set.
func settling(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, settlingOptions)
}

// checking: a look at the portal from outside, a handful of requests.
var checking = workflow.ActivityOptions{
	TaskQueue:           QueueDesk,
	StartToCloseTimeout: 90 * time.Second,
	RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 500 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second},
}

// keeping: the schedules' walks over open work; the next run of the schedule repeats what this one could not.
var keeping = workflow.ActivityOptions{
	TaskQueue:           QueueDesk,
	StartToCloseTimeout: 5 * time.Minute,
	RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second, MaximumAttempts: 5},
}

// confirmPauses are the waits before a publication that nobody has confirmed is announced again; the last one repeats. After
// the last of them somebody is told.
var confirmPauses = []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute}

const (
	// eagerGather lets the receipts of one publication, which come within moments of each other, be looked at together.
	eagerGather = 50 * time.Millisecond
	// eagerLook is the first pause between two looks from outside while some effect is not visible yet; it doubles.
	eagerLook = 200 * time.Millisecond
	// gather and lookAgain are the same for runs from before changeEagerLooks.
	gather    = 250 * time.Millisecond
	lookAgain = time.Second
	// leastPause keeps a wake-up time in the past from spinning (the clocks of worker and database may differ).
	leastPause = time.Second
)

// ---------------------------------------------------------------- mail

// scaled is options of a mail lane whose worker is missed sooner, by as much as a fault drill divides all its other waits; scale comes
// with the run's input, so that a replay takes the same. Below leastBeat a machine that is merely busy would look like one that died.
func scaled(o workflow.ActivityOptions, scale int) workflow.ActivityOptions {
	if scale > 1 {
		o.HeartbeatTimeout = max(o.HeartbeatTimeout/time.Duration(scale), leastBeat)
	}
	return o
}

// mailChunk: one SendChunk. It yields after 10 minutes, and its last dot may take 10 more; a worker that died is missed after
// 20 s and the chunk is taken up a second later. It is tried for ever: the ledger knows what is done. Chunks go through the queue,
// so that all workers have a part of a newsletter, and not the one alone that runs its workflow.
var mailChunk = workflow.ActivityOptions{
	TaskQueue:             QueueMailBulk,
	DisableEagerExecution: true,
	StartToCloseTimeout:   25 * time.Minute,
	HeartbeatTimeout:      20 * time.Second,
	RetryPolicy:           &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 1, MaximumInterval: time.Second},
}

// letterLane: one attempt at one letter, on the queue that no newsletter uses.
var letterLane = workflow.ActivityOptions{
	TaskQueue:           QueueMailTx,
	StartToCloseTimeout: 25 * time.Minute,
	HeartbeatTimeout:    20 * time.Second,
	RetryPolicy:         &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 1, MaximumInterval: time.Second},
}

// bookkeeping: a few statements in Postgres about an issue or a subscriber; freezing a long list takes the longest. A worker that died
// in it is missed as soon as one that died in a chunk.
var bookkeeping = workflow.ActivityOptions{
	TaskQueue:           QueueDesk,
	StartToCloseTimeout: 10 * time.Minute,
	HeartbeatTimeout:    20 * time.Second,
	RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 500 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second},
}

const (
	// leastBeat is the shortest heartbeat timeout of a fault drill.
	leastBeat = 4 * time.Second
	// deliveryWindow is how many chunks of one issue are on their way at once. A chunk uses every connection that is free, so that more
	// of them only hold more recipients in memory and keep the first from its mails; fewer would leave connections idle between chunks.
	deliveryWindow = 4
	// formerWindow is the same for runs from before changeNarrowWindow.
	formerWindow = 8
	// generation is how many SendChunks one run of Delivery makes before it continues as new.
	generation = 500
	// longHistory is how many events of a Delivery are enough: it stays below 2,500, whatever else a last pass adds.
	longHistory = 2000
	// retryGather lets what the relay put off at different moments come together: a look at the ledger, and a chunk's turn, cost the same
	// for one mail as for hundreds. A fault drill divides it.
	retryGather = 30 * time.Second
	// letterPause and issuePause come before another look where nothing says when the next one is due: a worker that died has it.
	letterPause = 30 * time.Second
	issuePause  = 30 * time.Second
	// remindAfter is when an unconfirmed request is reminded of, once.
	remindAfter = 24 * time.Hour
	// unconfirmedLife is how long an address is kept that nobody confirmed.
	unconfirmedLife = 7 * 24 * time.Hour
)
