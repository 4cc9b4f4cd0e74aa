package workflows

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"

	"toasoan/activities"
	"toasoan/newsroom"
)

func dataConverter() converter.DataConverter { return converter.GetDefaultDataConverter() }

// box is the world of one letter: what each attempt brings.
type box struct {
	env      *testsuite.TestWorkflowEnvironment
	tries    []time.Time
	reported newsroom.DeliveryState
}

func newBox(answer func(try int, now time.Time) activities.LetterResult) *box {
	var suite testsuite.WorkflowTestSuite
	b := &box{env: suite.NewTestWorkflowEnvironment()}
	b.env.SetTestTimeout(20 * time.Second)
	b.env.RegisterWorkflow(Letter)
	b.env.OnActivity(desk.SendLetter, mock.Anything, mock.Anything).Return(func(context.Context, activities.LetterInput) (activities.LetterResult, error) {
		b.tries = append(b.tries, b.env.Now())
		return answer(len(b.tries), b.env.Now()), nil
	})
	b.env.OnActivity(desk.ReportLetter, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.FailedLetterInput) (struct{}, error) {
		b.reported = in.State
		return struct{}{}, nil
	})
	return b
}

func (b *box) run(t *testing.T) LetterResult {
	t.Helper()
	b.env.ExecuteWorkflow(Letter, LetterInput{LetterID: "approval_request/k1"})
	var out LetterResult
	if err := b.env.GetWorkflowError(); err != nil {
		t.Fatal(err)
	}
	if err := b.env.GetWorkflowResult(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestLetterIsSentOnce(t *testing.T) {
	t.Parallel()
	b := newBox(func(int, time.Time) activities.LetterResult {
		return activities.LetterResult{State: newsroom.DeliverySent}
	})
	if out := b.run(t); out.State != newsroom.DeliverySent || len(b.tries) != 1 || b.reported != "" {
		t.Errorf("%+v after %d tries, reported %q", out, len(b.tries), b.reported)
	}
}

func TestLetterFollowsTheLedgersClock(t *testing.T) {
	t.Parallel()
	waits := []time.Duration{5 * time.Minute, 15 * time.Minute, time.Hour}
	b := newBox(func(try int, now time.Time) activities.LetterResult {
		if try <= len(waits) {
			return activities.LetterResult{State: newsroom.DeliverySoft, Next: new(now.Add(waits[try-1]))}
		}
		return activities.LetterResult{State: newsroom.DeliveryExpired}
	})
	out := b.run(t)
	if out.State != newsroom.DeliveryExpired || b.reported != newsroom.DeliveryExpired || len(b.tries) != 4 {
		t.Fatalf("%+v after %d tries, reported %q", out, len(b.tries), b.reported)
	}
	for i, wait := range waits {
		if got := b.tries[i+1].Sub(b.tries[i]); got != wait {
			t.Errorf("try %d came after %s, want %s", i+2, got, wait)
		}
	}
}

func TestLetterInDoubtWaitsOutItsQuarantine(t *testing.T) {
	t.Parallel()
	b := newBox(func(try int, now time.Time) activities.LetterResult {
		if try == 1 {
			return activities.LetterResult{State: newsroom.DeliveryInDoubt, Next: new(now.Add(15 * time.Minute))}
		}
		return activities.LetterResult{State: newsroom.DeliveryResent}
	})
	if out := b.run(t); out.State != newsroom.DeliveryResent || len(b.tries) != 2 || b.tries[1].Sub(b.tries[0]) != 15*time.Minute {
		t.Errorf("%+v after %v", out, b.tries)
	}
}

func TestLetterThatSomebodyElseHasIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	b := newBox(func(try int, _ time.Time) activities.LetterResult {
		if try == 1 {
			return activities.LetterResult{} // the lease was lost
		}
		return activities.LetterResult{State: newsroom.DeliverySuppressed}
	})
	if out := b.run(t); out.State != newsroom.DeliverySuppressed || len(b.tries) != 2 || b.reported != "" {
		t.Errorf("%+v after %d tries, reported %q", out, len(b.tries), b.reported)
	}
}
