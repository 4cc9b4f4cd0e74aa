package store

import (
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
