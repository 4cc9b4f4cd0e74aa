package workflows

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"toasoan/activities"
	"toasoan/newsroom"
)

// longList is an issue of so many chunks of 500, the smallest that the ledger ever makes of a long list.
type longList struct {
	*post
	chunks int
}

func (l *longList) FreezeRecipients(context.Context, string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.issue.Status, l.issue.Chunks = newsroom.IssuePrepared, l.chunks
	for chunk := range l.chunks {
		l.issue.Due = append(l.issue.Due, chunk)
	}
	l.issue.Counts = newsroom.IssueCounts{Candidates: 500 * l.chunks, Waiting: 500 * l.chunks}
	return nil
}

func (l *longList) SendChunk(context.Context, string, int, func()) (activities.ChunkOutcome, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.issue.Counts.Sent += 500
	l.issue.Counts.Waiting -= 500
	return activities.ChunkOutcome{Status: newsroom.IssueSending}, nil
}

// On a real Temporal: 20,000 recipients cost at most 50 activities, 100,000 a history of less than 2,500 events.
func TestDeliveryCostsFewEvents(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ recipients, activities, events int }{{20_000, 50, 2_500}, {100_000, 210, 2_500}} {
		t.Run(fmt.Sprint(c.recipients), func(t *testing.T) {
			t.Parallel()
			l := &longList{chunks: c.recipients / 500, post: &post{issue: newsroom.DeliveryStanding{IssueID: "i1", Status: newsroom.IssuePreparing}}}
			connection := newsroomOn(t, &activities.Desk{
				Bus: l, Log: slog.New(slog.DiscardHandler), Now: time.Now, Mail: activities.Mailing{Issues: l, Letters: l, Courier: l, Gate: l},
			})
			run, err := connection.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: DeliveryID("i1"), TaskQueue: QueueMailBulk}, Delivery, DeliveryInput{IssueID: "i1"})
			if err != nil {
				t.Fatal(err)
			}
			var out DeliveryResult
			if err := run.Get(t.Context(), &out); err != nil || out.Counts.Sent != c.recipients {
				t.Fatalf("%+v, %v", out, err)
			}
			events, started := 0, 0
			history := connection.GetWorkflowHistory(t.Context(), run.GetID(), run.GetRunID(), false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
			for history.HasNext() {
				event, err := history.Next()
				if err != nil {
					t.Fatal(err)
				}
				if events++; event.GetEventType() == enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED {
					started++
				}
			}
			if started > c.activities || events >= c.events {
				t.Errorf("%d activities and %d events, at most %d and fewer than %d", started, events, c.activities, c.events)
			}
		})
	}
}
