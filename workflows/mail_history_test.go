package workflows

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"toasoan/activities"
	"toasoan/events"
	"toasoan/internal/testkit"
	"toasoan/newsroom"
)

// post is the world of the mail workflows on a real Temporal: everything in memory.
type post struct {
	mu      sync.Mutex
	issue   newsroom.DeliveryStanding
	tries   map[int]int
	letters int
	reader  newsroom.SubscriberStanding
}

func (p *post) Publish(context.Context, events.Event, int) error { return nil }

func (p *post) IssueView(context.Context, string) (newsroom.IssueView, error) {
	return newsroom.IssueView{}, nil
}

func (p *post) KeepMaster(context.Context, string, string, string, string, string) error { return nil }

func (p *post) Compose(newsroom.IssueView) (activities.IssueMaster, error) {
	return activities.IssueMaster{Subject: "s"}, nil
}

func (p *post) FreezeRecipients(context.Context, string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.issue.Status, p.issue.Chunks, p.issue.Due = newsroom.IssuePrepared, 3, []int{0, 1, 2}
	p.issue.Counts = newsroom.IssueCounts{Candidates: 1500, Waiting: 1500}
	return nil
}

func (p *post) DeliveryStanding(context.Context, string) (newsroom.DeliveryStanding, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.issue, nil
}

func (p *post) ChunkLeft(context.Context, string, int, newsroom.IssueCounts) (string, int, int, int, error) {
	return "a1", 1500, 0, 0, nil
}

func (p *post) HoldIssue(context.Context, string, string, time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.issue.Status = newsroom.IssuePaused
	return nil
}

func (p *post) CloseIssue(context.Context, string) (newsroom.DeliveryStanding, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.issue.Counts.Waiting == 0 {
		p.issue.Status = newsroom.IssueDone
	}
	return p.issue, nil
}

// SendChunk sends chunk 0 in two turns; the relay refuses the password once, at chunk 2.
func (p *post) SendChunk(_ context.Context, _ string, chunk int, _ func()) (activities.ChunkOutcome, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tries[chunk]++
	if p.issue.Status == newsroom.IssuePaused {
		return activities.ChunkOutcome{Status: p.issue.Status}, nil
	}
	p.issue.Status = newsroom.IssueSending
	if chunk == 2 && p.tries[chunk] == 1 {
		return activities.ChunkOutcome{Status: p.issue.Status, Pause: "relay_auth"}, nil
	}
	if chunk == 0 && p.tries[chunk] == 1 {
		return activities.ChunkOutcome{Status: p.issue.Status, More: true}, nil
	}
	for i, due := range p.issue.Due {
		if due == chunk {
			p.issue.Due = append(append([]int{}, p.issue.Due[:i]...), p.issue.Due[i+1:]...)
			p.issue.Counts.Sent += 500
			p.issue.Counts.Waiting -= 500
		}
	}
	return activities.ChunkOutcome{Status: p.issue.Status}, nil
}

// SendLetter is refused for now once.
func (p *post) SendLetter(context.Context, string) (activities.LetterOutcome, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.letters++; p.letters == 1 {
		return activities.LetterOutcome{State: newsroom.DeliverySoft, Next: new(time.Now().Add(time.Second))}, nil
	}
	return activities.LetterOutcome{State: newsroom.DeliverySent}, nil
}

func (p *post) RaiseAlert(context.Context, string, string, map[string]any) error { return nil }

func (p *post) SubscriberStanding(context.Context, string) (newsroom.SubscriberStanding, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reader, nil
}
func (p *post) Closed(context.Context) []string                       { return nil }
func (p *post) RemindSubscriber(context.Context, string) error        { return nil }
func (p *post) PurgeSubscriber(context.Context, string) (bool, error) { return true, nil }

func TestSaveHistoriesOfMail(t *testing.T) {
	if !*save {
		t.Skip("histories are saved with -save")
	}
	ctx := t.Context()
	p := &post{tries: map[int]int{}, issue: newsroom.DeliveryStanding{IssueID: "i1", ArticleID: "a1", Status: newsroom.IssuePreparing}}
	p.reader = newsroom.SubscriberStanding{State: newsroom.SubscriberRequested, RequestedAt: time.Now(), Letters: []string{"confirm_subscription/s1/1"}}
	c := newsroomOn(t, &activities.Desk{
		Bus: p, Log: slog.New(slog.DiscardHandler), Now: time.Now,
		Mail: activities.Mailing{Issues: p, Subscribers: p, Letters: p, Courier: p, Gate: p},
	})
	start := func(id, queue string, workflow any, in any) client.WorkflowRun {
		run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: queue}, workflow, in)
		if err != nil {
			t.Fatal(err)
		}
		return run
	}
	end := func(run client.WorkflowRun, name string) {
		if err := run.Get(ctx, nil); err != nil {
			t.Fatal(err)
		}
		testkit.SaveHistory(t, c, run.GetID(), run.GetRunID(), histories, name)
	}
	issue := start(DeliveryID("i1"), QueueMailBulk, Delivery, DeliveryInput{IssueID: "i1"})
	until(t, func() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.issue.Status == newsroom.IssuePaused })
	p.mu.Lock()
	p.issue.Status = newsroom.IssueSending
	p.mu.Unlock()
	if err := c.SignalWorkflow(ctx, DeliveryID("i1"), "", SignalIssue, nil); err != nil {
		t.Fatal(err)
	}
	end(issue, "delivery_held_and_resumed")
	end(start(LetterID("submitted/a1/1/u1"), QueueMailTx, Letter, LetterInput{LetterID: "submitted/a1/1/u1"}), "letter_refused_then_sent")

	opt := start(SubscriptionID("s1"), QueueMailTx, Subscription, SubscriptionInput{SubscriberID: "s1"})
	until(t, func() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.letters > 2 })
	p.mu.Lock()
	p.reader.State, p.reader.Letters = newsroom.SubscriberConfirmed, nil
	p.mu.Unlock()
	if err := c.SignalWorkflow(ctx, SubscriptionID("s1"), "", SignalSubscriber, nil); err != nil {
		t.Fatal(err)
	}
	end(opt, "subscription_confirmed")
}

// until waits for ok, at most a minute.
func until(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); {
		if time.Now().After(deadline) {
			t.Fatal("did not happen within a minute")
		}
		time.Sleep(20 * time.Millisecond)
	}
}
