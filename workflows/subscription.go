package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"toasoan/activities"
	"toasoan/newsroom"
)

// SignalSubscriber says that somebody asked again, confirmed or left: Postgres knows what.
const SignalSubscriber = "subscriber"

// SubscriptionInput names a subscriber.
type SubscriptionInput struct {
	SubscriberID string `json:"subscriber_id"`
}

// Subscription follows one opt-in: it has the confirmation letter sent, reminds once, and removes the address when nobody has
// confirmed it in time. It ends when somebody has; a later change starts it again, which announces that change and sends its
// letter.
func Subscription(ctx workflow.Context, in SubscriptionInput) error {
	s := &subscriptionRun{in: activities.SubscriberInput(in), changed: workflow.GetSignalChannel(ctx, SignalSubscriber)}
	ctx = workflow.WithActivityOptions(ctx, bookkeeping)
	for {
		s.drain()
		at, err := call(ctx, desk.FollowSubscriber, s.in)
		if err != nil {
			return fmt.Errorf("follow subscriber %s: %w", in.SubscriberID, err)
		}
		if at.Gone {
			return nil
		}
		if err := s.post(ctx, at.Letters); err != nil {
			return err
		}
		if at.State != newsroom.SubscriberRequested {
			if s.changed.Len() > 0 {
				continue
			}
			return nil
		}
		if gone, err := s.wait(ctx, at); err != nil || gone {
			return err
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			s.drain()
			return workflow.NewContinueAsNewError(ctx, Subscription, in)
		}
	}
}

// subscriptionRun is what one run of Subscription remembers.
type subscriptionRun struct {
	in       activities.SubscriberInput
	changed  workflow.ReceiveChannel
	reminded time.Time // the request that this run has reminded of
}

// post starts the letters that are written and not sent. One that is on its way already is left alone.
func (s *subscriptionRun) post(ctx workflow.Context, letters []string) error {
	for _, id := range letters {
		run := child(ctx, LetterID(id), QueueMailTx, Letter, LetterInput{LetterID: id})
		if err := run.GetChildWorkflowExecution().Get(ctx, nil); err != nil && !alreadyRuns(err) {
			return fmt.Errorf("start letter %s: %w", id, err)
		}
	}
	return nil
}

// wait waits for a change or for the next thing that time brings to an unconfirmed request, and does it. gone: the address was
// removed.
func (s *subscriptionRun) wait(ctx workflow.Context, at activities.SubscriberResult) (gone bool, err error) {
	purge := at.RequestedAt.Add(unconfirmedLife)
	next, remind := purge, false
	if !at.Reminded && !s.reminded.Equal(at.RequestedAt) && workflow.Now(ctx).Before(at.RequestedAt.Add(newsroom.ConfirmLife)) {
		next, remind = at.RequestedAt.Add(remindAfter), true
	}
	changed, err := workflow.AwaitWithTimeout(ctx, max(leastPause, next.Sub(workflow.Now(ctx))), func() bool { return s.changed.Len() > 0 })
	if err != nil || changed {
		return false, err
	}
	if remind {
		s.reminded = at.RequestedAt
		if _, err := call(ctx, desk.RemindSubscriber, s.in); err != nil {
			return false, fmt.Errorf("remind subscriber %s: %w", s.in.SubscriberID, err)
		}
		return false, nil
	}
	if gone, err = call(ctx, desk.PurgeSubscriber, s.in); err != nil {
		return false, fmt.Errorf("purge subscriber %s: %w", s.in.SubscriberID, err)
	}
	return gone, nil
}

func (s *subscriptionRun) drain() {
	for s.changed.ReceiveAsync(nil) {
	}
}
