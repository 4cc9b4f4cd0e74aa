package store

import (
	"slices"
	"testing"
	"time"

	"toasoan/newsroom"
)

// A pause gives back what connections have in hand, and once it is over another connection may take the same row under the same lease:
// only one of the two gets the permission, and asking for it again answers the same.
func TestTwoConnectionsAreNotPermittedTheSameMail(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 1)
	ctx := t.Context()
	lease, rows := h.take(issue, 1)
	first := h.entry(issue, rows[0], lease, newsroom.DeliveryDot)
	if err := h.PauseIssue(ctx, h.admin, issue); err != nil {
		t.Fatal(err)
	}
	h.later(time.Second)
	if err := h.ResumeIssue(ctx, h.admin, issue); err != nil {
		t.Fatal(err)
	}
	if again := h.claim(issue, lease, 1); len(again) != 1 {
		t.Fatalf("claimed again: %+v", again)
	}
	h.later(time.Second)
	second := h.entry(issue, rows[0], lease, newsroom.DeliveryDot)
	for range 2 {
		if got := h.commit(ctx, second); !slices.Equal(got, []newsroom.DeliveryState{newsroom.DeliveryDot}) {
			t.Fatalf("who took it is answered %v", got)
		}
	}
	if got := h.commit(ctx, first); got[0] == newsroom.DeliveryDot {
		t.Error("both may send it")
	}
	if got := h.commit(ctx, h.entry(issue, rows[0], lease, newsroom.DeliverySent)); got[0] != newsroom.DeliverySent {
		t.Errorf("its result is answered %v", got)
	}
}

// What was cancelled comes to life again when a stopped newsletter goes on, but not for those who have left its list meanwhile.
func TestWhoLeftAListWhileItWasStoppedGetsNothing(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	h.exec(`INSERT INTO sections (id, name_vi) VALUES ('van-hoa', 'Văn hóa') ON CONFLICT DO NOTHING`)
	left := h.subscribe("left@example.vn", "kinh-te", "van-hoa")
	stays := h.subscribe("stays@example.vn", "kinh-te", "van-hoa")
	h.publish("article00001", 1, 1, "published", newsroom.ChangeNew)
	issue := h.mail("article00001", 1, "published", newsroom.ChangeNew).Issues[0]
	h.ready(issue)
	if err := h.StopIssue(ctx, h.admin, issue); err != nil {
		t.Fatal(err)
	}
	if st, err := h.CloseIssue(ctx, issue); err != nil || st.Counts.Cancelled != 2 {
		t.Fatalf("stopped %+v, %v", st, err)
	}
	if err := h.leaveLists(ctx, left, []string{"kinh-te"}, "", newsroom.Proof{}); err != nil {
		t.Fatal(err)
	}
	if err := h.ResumeIssue(ctx, h.admin, issue); err != nil {
		t.Fatal(err)
	}
	if _, rows := h.take(issue, 10); len(rows) != 1 || rows[0].SubscriberID != stays {
		t.Errorf("claimed %+v", rows)
	}
	if st, err := h.DeliveryStanding(ctx, issue); err != nil || st.Counts.Suppressed != 1 || st.Counts.Waiting != 1 {
		t.Errorf("standing %+v, %v", st.Counts, err)
	}
}
