package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"toasoan/activities"
)

// Publication follows one public change until every side effect is confirmed: it gathers receipts, has the portal read from
// outside, and announces the change again when nobody seems to have heard. It never gives up; after the last pause somebody
// is told.
func Publication(ctx workflow.Context, in PublicationInput) error {
	p := &publicationRun{in: activities.PublicationInput(in), receipts: workflow.GetSignalChannel(ctx, SignalReceipt)}
	ctx = workflow.WithActivityOptions(ctx, checking)
	p.eager = workflow.GetVersion(ctx, changeEagerLooks, workflow.DefaultVersion, 1) == 1
	for {
		done, err := p.confirm(ctx)
		if err != nil || done {
			return err
		}
		if p.rounds == len(confirmPauses)-1 {
			if _, err := call(ctx, desk.ReportUnconfirmed, p.in); err != nil {
				return fmt.Errorf("report publication %s/%d: %w", in.ArticleID, in.N, err)
			}
		}
		if _, err := call(ctx, desk.EmitPublication, p.in); err != nil {
			return fmt.Errorf("announce publication %s/%d again: %w", in.ArticleID, in.N, err)
		}
		p.rounds++
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			p.drain()
			return workflow.NewContinueAsNewError(ctx, Publication, in)
		}
	}
}

// publicationRun is what one run of Publication remembers.
type publicationRun struct {
	in       activities.PublicationInput
	receipts workflow.ReceiveChannel
	rounds   int  // emissions made by this run
	eager    bool // looks as often as readers would
}

// confirm waits for receipts until all are in or this round's pause is over. It looks on every nudge, and again while
// something is not visible from outside yet: often at first, since the page, which nobody reports, is there within moments.
func (p *publicationRun) confirm(ctx workflow.Context) (done bool, err error) {
	pause := confirmPauses[min(p.rounds, len(confirmPauses)-1)]
	deadline := workflow.Now(ctx).Add(pause)
	look, wait := lookAgain, gather
	if p.eager {
		look, wait = eagerLook, eagerGather
	}
	for {
		nudged, err := p.nudged(ctx, min(look, deadline.Sub(workflow.Now(ctx))), wait)
		if err != nil {
			return false, err
		}
		result, err := call(ctx, desk.CheckReceipts, p.in)
		if err != nil {
			return false, fmt.Errorf("check publication %s/%d: %w", p.in.ArticleID, p.in.N, err)
		}
		if len(result.Missing) == 0 {
			return true, nil
		}
		if !nudged && !workflow.Now(ctx).Before(deadline) {
			return false, nil
		}
		if !nudged || !p.eager {
			look *= 2
		}
	}
}

// nudged waits for a receipt, or for the time to look again, and gathers the receipts that come together.
func (p *publicationRun) nudged(ctx workflow.Context, look, wait time.Duration) (bool, error) {
	if look <= 0 {
		return false, nil
	}
	nudged, err := workflow.AwaitWithTimeout(ctx, look, func() bool { return p.receipts.Len() > 0 })
	if err != nil || !nudged {
		return false, err
	}
	if err := workflow.Sleep(ctx, wait); err != nil {
		return false, err
	}
	p.drain()
	return true, nil
}

func (p *publicationRun) drain() {
	for p.receipts.ReceiveAsync(nil) {
	}
}
