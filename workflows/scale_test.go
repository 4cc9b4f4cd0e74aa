package workflows

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"

	"toasoan/activities"
	"toasoan/newsroom"
)

// A worker that died is missed sooner in a fault drill, on both mail lanes and before them, and as ever without one; never so soon that a busy one is.
func TestHeartbeatsFollowTheScale(t *testing.T) {
	t.Parallel()
	for scale, want := range map[int]time.Duration{0: 20 * time.Second, 1: 20 * time.Second, 4: 5 * time.Second, 1000: leastBeat} {
		l := newLedger(1)
		var prepare, chunk, letter time.Duration
		note := func(info *activity.Info, _ context.Context, _ converter.EncodedValues) {
			switch info.ActivityType.Name {
			case "PrepareIssue":
				prepare = info.HeartbeatTimeout
			case "SendChunk":
				chunk = info.HeartbeatTimeout
			case "SendLetter":
				letter = info.HeartbeatTimeout
			}
		}
		l.env.SetOnActivityStartedListener(note)
		l.env.ExecuteWorkflow(Delivery, DeliveryInput{IssueID: "i", Scale: scale})
		if err := l.env.GetWorkflowError(); err != nil {
			t.Fatal(err)
		}
		env := (&testsuite.WorkflowTestSuite{}).NewTestWorkflowEnvironment()
		env.OnActivity(desk.SendLetter, mock.Anything, mock.Anything).Return(activities.LetterResult{State: newsroom.DeliverySent}, nil)
		env.SetOnActivityStartedListener(note)
		env.ExecuteWorkflow(Letter, LetterInput{LetterID: "l", Scale: scale})
		if err := env.GetWorkflowError(); err != nil {
			t.Fatal(err)
		}
		if prepare != want || chunk != want || letter != want {
			t.Errorf("scale %d: who prepares is missed after %s, a chunk's worker after %s, a letter's after %s, want %s", scale, prepare, chunk, letter, want)
		}
	}
}
