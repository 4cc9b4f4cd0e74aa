package store

import (
	"fmt"
	"testing"
	"time"

	"toasoan/newsroom"
)

// What is in doubt and waits can be resolved: as sent where the relay took it, or held for a person. What is over stays as it is.
func TestDoubtsAreResolved(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 4)
	ctx := t.Context()
	lease, rows := h.take(issue, 4)
	for _, r := range rows {
		h.commit(ctx, h.entry(issue, r, lease, newsroom.DeliveryDot))
	}
	h.commit(ctx, h.entry(issue, rows[3], lease, newsroom.DeliverySent))
	dotted := h.now()
	h.later(time.Second)
	if _, err := h.LeaseChunk(ctx, issue, 0, h.now(), quarantine); err != nil { // their worker died
		t.Fatal(err)
	}
	doubts, err := h.Doubts(ctx, issue, 0)
	if err != nil || len(doubts) != 3 {
		t.Fatalf("%d doubts, %v", len(doubts), err)
	}
	for n, d := range doubts {
		if d.IssueID != issue || d.SubscriberID != rows[n].SubscriberID || d.MessageID != rows[n].MessageID || !d.At.Equal(dotted) || !d.Due.Equal(dotted.Add(quarantine)) {
			t.Errorf("doubt %+v of %+v", d, rows[n])
		}
	}
	taken, held := doubts[0], doubts[1]
	taken.Reply = "4XyZ"
	over := taken
	over.SubscriberID = rows[3].SubscriberID
	for range 2 { // a repeat changes nothing
		for _, d := range []mailDoubt{taken, held, over} {
			if err := h.Resolve(ctx, d, h.now()); err != nil {
				t.Fatal(err)
			}
			h.later(time.Second)
		}
	}
	if got := h.text(`SELECT state || ' ' || attempt || ' ' || smtp_stage || ' ' || reply FROM mail_deliveries WHERE subscriber_id = $1 AND done_at = dot_at`, rows[0].SubscriberID); got != "sent 0 log 4XyZ" {
		t.Errorf("what the relay took: %q", got)
	}
	if got := h.text(`SELECT state || ' ' || attempt || ' ' || (done_at IS NOT NULL)::text FROM mail_deliveries WHERE subscriber_id = $1 AND next_attempt IS NULL`, rows[1].SubscriberID); got != "in_doubt 1 true" {
		t.Errorf("what is held: %q", got)
	}
	if got := h.text(`SELECT reply FROM mail_deliveries WHERE subscriber_id = $1`, rows[3].SubscriberID); got == taken.Reply {
		t.Error("a mail that was never in doubt was resolved")
	}
	if left, err := h.Doubts(ctx, issue, 0); err != nil || len(left) != 1 || left[0].SubscriberID != rows[2].SubscriberID {
		t.Errorf("still in doubt: %+v, %v", left, err)
	}
	// The one that nobody knows of goes out once more. What is held goes when a person says so, and is not held a second time.
	h.later(quarantine)
	lease, again := h.take(issue, 4)
	if len(again) != 1 || again[0].SubscriberID != rows[2].SubscriberID {
		t.Fatalf("sent again: %+v", again)
	}
	h.commit(ctx, h.entry(issue, again[0], lease, newsroom.DeliveryDot))
	h.commit(ctx, h.entry(issue, again[0], lease, newsroom.DeliverySent))
	if st, err := h.CloseIssue(ctx, issue); err != nil || st.Status != newsroom.IssueDone || st.Counts != (newsroom.IssueCounts{Candidates: 4, Sent: 2, InDoubt: 2}) {
		t.Errorf("closed %+v, %v", st, err)
	}
	if n, err := h.RetryIssue(ctx, h.admin, issue, newsroom.DeliveryInDoubt); err != nil || n != 1 {
		t.Fatalf("retried %d, %v", n, err)
	}
	if left, err := h.Doubts(ctx, issue, 0); err != nil || len(left) != 0 {
		t.Errorf("what a person sends again is in doubt: %+v, %v", left, err)
	}
	lease, again = h.take(issue, 4)
	if len(again) != 1 || again[0].SubscriberID != rows[1].SubscriberID {
		t.Fatalf("a person sends again: %+v", again)
	}
	h.commit(ctx, h.entry(issue, again[0], lease, newsroom.DeliveryDot))
	if got := h.commit(ctx, h.entry(issue, again[0], lease, newsroom.DeliverySent)); got[0] != newsroom.DeliveryResent {
		t.Errorf("its row says %s", got[0])
	}
}

// A mail that came back and is tried once more is in the relay's log from the first time: that says nothing of the second copy.
func TestTheLogKnowsNothingOfACopyAfterABounce(t *testing.T) {
	t.Parallel()
	h, issue, rows := sentTo(t, 2)
	ctx := t.Context()
	h.bounce(report(newsroom.BounceDelayed, rows[0], "4.4.1", "a"), newsroom.BounceTaken)
	for n, r := range rows {
		h.bounce(report(newsroom.BounceSoft, r, "4.4.7", fmt.Sprint("b", n)), newsroom.BounceTaken)
	}
	if n, err := h.RetryIssue(ctx, h.admin, issue, ""); err != nil || n != 2 {
		t.Fatalf("tried again: %d, %v", n, err)
	}
	lease, again := h.take(issue, 2)
	for _, r := range again {
		h.commit(ctx, h.entry(issue, r, lease, newsroom.DeliveryDot))
	}
	if _, err := h.LeaseChunk(ctx, issue, 0, h.now(), quarantine); err != nil { // their worker died
		t.Fatal(err)
	}
	doubts, err := h.Doubts(ctx, issue, 0)
	if err != nil || len(doubts) != 2 {
		t.Fatalf("doubts %+v, %v", doubts, err)
	}
	for _, d := range doubts {
		if d.MessageID != "" {
			t.Errorf("the log is asked for %s", d.MessageID)
		}
	}
}

// What a person has sent once more is not held again by a pause that takes it back.
func TestAPauseDoesNotHoldWhatAPersonSendsAgain(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 1)
	ctx := t.Context()
	lease, rows := h.take(issue, 1)
	h.commit(ctx, h.entry(issue, rows[0], lease, newsroom.DeliveryDot))
	if _, err := h.LeaseChunk(ctx, issue, 0, h.now(), quarantine); err != nil { // its worker died
		t.Fatal(err)
	}
	hold := func() []mailDoubt {
		t.Helper()
		doubts, err := h.Doubts(ctx, issue, 0)
		if err != nil || len(doubts) != 1 {
			t.Fatalf("doubts %+v, %v", doubts, err)
		}
		if err := h.Resolve(ctx, doubts[0], h.now()); err != nil {
			t.Fatal(err)
		}
		return doubts
	}
	hold()
	if n, err := h.RetryIssue(ctx, h.admin, issue, newsroom.DeliveryInDoubt); err != nil || n != 1 {
		t.Fatalf("a person sends it again: %d, %v", n, err)
	}
	if _, again := h.take(issue, 1); len(again) != 1 {
		t.Fatalf("claimed %+v", again)
	}
	if err := h.PauseIssue(ctx, h.admin, issue); err != nil {
		t.Fatal(err)
	}
	if err := h.ResumeIssue(ctx, h.admin, issue); err != nil {
		t.Fatal(err)
	}
	found := hold()[0]
	if _, again := h.take(issue, 1); len(again) != 1 {
		t.Fatal("it is held again")
	}
	// The log may know of it by then all the same.
	if err := h.PauseIssue(ctx, h.admin, issue); err != nil {
		t.Fatal(err)
	}
	found.Reply = "4XyZ"
	if err := h.Resolve(ctx, found, h.now()); err != nil {
		t.Fatal(err)
	}
	if got := h.state(issue, rows[0]); got != newsroom.DeliverySent {
		t.Errorf("found in the log: %s", got)
	}
}
