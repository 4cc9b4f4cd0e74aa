package workflows

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"toasoan/activities"
	"toasoan/newsroom"
)

// optIn is the world of one subscriber.
type optIn struct {
	env       *testsuite.TestWorkflowEnvironment
	at        newsroom.SubscriberStanding
	posted    []string
	reminders []time.Duration // after the request
	purged    time.Duration   // after the request; 0 never
	gone      bool
}

func newOptIn() *optIn {
	var suite testsuite.WorkflowTestSuite
	o := &optIn{env: suite.NewTestWorkflowEnvironment()}
	o.env.SetTestTimeout(20 * time.Second)
	o.env.RegisterWorkflow(Subscription)
	o.env.RegisterWorkflowWithOptions(func(_ workflow.Context, in LetterInput) (LetterResult, error) {
		o.posted = append(o.posted, in.LetterID)
		o.at.Letters = slices.DeleteFunc(o.at.Letters, func(id string) bool { return id == in.LetterID })
		return LetterResult{State: newsroom.DeliverySent}, nil
	}, workflow.RegisterOptions{Name: "Letter"})
	o.at = newsroom.SubscriberStanding{State: newsroom.SubscriberRequested, RequestedAt: o.env.Now(), Letters: []string{"confirm_subscription/s1/1"}}
	o.env.OnActivity(desk.FollowSubscriber, mock.Anything, mock.Anything).Return(func(context.Context, activities.SubscriberInput) (activities.SubscriberResult, error) {
		return activities.SubscriberResult{SubscriberStanding: o.at, Gone: o.gone}, nil
	})
	o.env.OnActivity(desk.RemindSubscriber, mock.Anything, mock.Anything).Return(func(context.Context, activities.SubscriberInput) (struct{}, error) {
		o.reminders = append(o.reminders, o.env.Now().Sub(o.at.RequestedAt))
		o.at.Reminded = true
		o.at.Letters = append(o.at.Letters, "confirm_reminder/s1/1")
		return struct{}{}, nil
	})
	o.env.OnActivity(desk.PurgeSubscriber, mock.Anything, mock.Anything).Return(func(context.Context, activities.SubscriberInput) (bool, error) {
		o.purged = o.env.Now().Sub(o.at.RequestedAt)
		o.gone = true
		return true, nil
	})
	return o
}

func (o *optIn) run(t *testing.T) {
	t.Helper()
	o.env.ExecuteWorkflow(Subscription, SubscriptionInput{SubscriberID: "s1"})
	if err := o.env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
}

func TestUnconfirmedRequestIsRemindedOfOnceAndPurged(t *testing.T) {
	t.Parallel()
	o := newOptIn()
	o.run(t)
	if !slices.Equal(o.posted, []string{"confirm_subscription/s1/1", "confirm_reminder/s1/1"}) ||
		!slices.Equal(o.reminders, []time.Duration{24 * time.Hour}) || o.purged != 7*24*time.Hour {
		t.Errorf("posted %v, reminded after %v, purged after %s", o.posted, o.reminders, o.purged)
	}
}

func TestConfirmedRequestEnds(t *testing.T) {
	t.Parallel()
	o := newOptIn()
	began := o.env.Now()
	o.env.RegisterDelayedCallback(func() {
		o.at.State = newsroom.SubscriberConfirmed
		o.env.SignalWorkflow(SignalSubscriber, nil)
	}, 2*time.Hour)
	o.run(t)
	if took := o.env.Now().Sub(began); took > 3*time.Hour || len(o.reminders) != 0 || o.purged != 0 {
		t.Errorf("ended after %s with %d reminders, purged %s", took, len(o.reminders), o.purged)
	}
}

func TestAskingAgainStartsTheClockAnew(t *testing.T) {
	t.Parallel()
	o := newOptIn()
	o.env.RegisterDelayedCallback(func() {
		o.at.RequestedAt, o.at.Reminded = o.env.Now(), false
		o.at.Letters = append(o.at.Letters, "confirm_subscription/s1/2")
		o.env.SignalWorkflow(SignalSubscriber, nil)
	}, 3*24*time.Hour)
	o.run(t)
	if !slices.Equal(o.reminders, []time.Duration{24 * time.Hour, 24 * time.Hour}) || o.purged != 7*24*time.Hour ||
		!slices.Contains(o.posted, "confirm_subscription/s1/2") {
		t.Errorf("posted %v, reminded after %v, purged after %s", o.posted, o.reminders, o.purged)
	}
}

func TestWhoLeavesGetsTheOneLetter(t *testing.T) {
	t.Parallel()
	o := newOptIn()
	o.at = newsroom.SubscriberStanding{State: newsroom.SubscriberLeft, RequestedAt: o.env.Now().Add(-1000 * time.Hour), Letters: []string{"unsubscribed/s1/9"}}
	o.run(t)
	if !slices.Equal(o.posted, []string{"unsubscribed/s1/9"}) || o.purged != 0 {
		t.Errorf("posted %v, purged %s", o.posted, o.purged)
	}
}
