package store

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"toasoan/newsroom"
)

const leavePrefix = "https://vankhe.example.vn/huy/"

// After ninety days an issue is counts alone: the equation still shows, the links in its mails still work, and nothing else can be
// done to it. A younger one, and one that does not add up, keep their rows.
func TestOldLedgerBecomesCounts(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	h.many(pruneStep+300, "kinh-te")
	h.publish("article00001", 1, 1, "published", newsroom.ChangeNew)
	old := h.mail("article00001", 1, "published", newsroom.ChangeNew).Issues[0]
	h.ready(old)
	_, rows := h.take(old, 500)
	h.unrolled(old)
	reader := rows[3]
	h.exec(`UPDATE mail_deliveries SET state = CASE WHEN subscriber_id = $1 THEN 'hard' ELSE 'sent' END, done_at = now(), dot_at = now() WHERE issue_id = $2`, rows[4].SubscriberID, old)
	closed, err := h.CloseIssue(ctx, old)
	if err != nil || closed.Status != newsroom.IssueDone || closed.Counts.Hard != 1 {
		t.Fatalf("%+v, %v", closed, err)
	}
	h.later(89 * 24 * time.Hour)
	h.publish("article00002", 1, 1, "published", newsroom.ChangeNew)
	young := h.mail("article00002", 1, "published", newsroom.ChangeNew).Issues[0]
	h.ready(young)
	h.unrolled(young)
	h.exec(`UPDATE mail_deliveries SET state = 'sent' WHERE issue_id = $1`, young)
	if _, err := h.CloseIssue(ctx, young); err != nil {
		t.Fatal(err)
	}
	left := func(issue string) int {
		return h.value(`SELECT count(*) FROM mail_deliveries WHERE issue_id = $1`, issue)
	}
	if err := h.Sweep(ctx, h.now()); err != nil || left(old) != pruneStep+300 {
		t.Fatalf("a day before its time %d rows are left, %v", left(old), err)
	}
	h.later(2 * 24 * time.Hour)
	if id, err := h.halfPruned(ctx, h.now()); err != nil || id != old { // and dies
		t.Fatalf("marked %q, %v", id, err)
	}
	h.exec(`DELETE FROM mail_deliveries WHERE issue_id = $1 AND subscriber_id < $2`, old, rows[400].SubscriberID)
	for range 2 {
		if one, err := h.DeskIssue(ctx, old); err != nil || one.Counts != closed.Counts || !one.Counts.Balanced() {
			t.Errorf("the desk shows %+v, %v", one.Counts, err)
		}
		if st, err := h.CloseIssue(ctx, old); err != nil || st.Counts != closed.Counts || st.Status != newsroom.IssueDone {
			t.Errorf("closed again %+v, %v", st, err)
		}
		if err := h.Sweep(ctx, h.now()); err != nil {
			t.Fatal(err)
		}
		if left(old) != 0 || left(young) != pruneStep+300 || h.value(`SELECT count(*) FROM mail_chunks WHERE issue_id = $1`, old) != 0 {
			t.Fatalf("%d and %d rows are left", left(old), left(young))
		}
	}
	if _, err := h.RetryIssue(ctx, h.admin, old, newsroom.DeliveryHard); !errors.Is(err, newsroom.ErrConflict) {
		t.Errorf("retried: %v", err)
	}
	if n := h.value(`SELECT count(*) FROM alerts`); n != 0 {
		t.Errorf("%d alerts", n)
	}
	l, err := h.Leave(ctx, strings.TrimPrefix(reader.LeaveURL, leavePrefix), false, newsroom.Proof{Source: "one_click"})
	if err != nil || l.SubscriberID != reader.SubscriberID || l.State != newsroom.SubscriberLeft {
		t.Errorf("the link of an old mail: %+v, %v", l, err)
	}
	h.publish("article00001", 2, 2, "corrected", newsroom.ChangeCorrection)
	out := h.mail("article00001", 2, "corrected", newsroom.ChangeCorrection)
	if out.Candidates != 0 {
		t.Errorf("a correction after the rows are gone goes to %d people", out.Candidates)
	}
	h.exec(`UPDATE mail_issues SET candidates = candidates + 1 WHERE id = $1`, young)
	h.later(90 * 24 * time.Hour)
	if err := h.Sweep(ctx, h.now()); err != nil || left(young) == 0 || h.text(`SELECT string_agg(code, ' ') FROM alerts`) != "issue_unbalanced" {
		t.Errorf("an issue that does not add up lost its rows, or nobody was told: %v", err)
	}
}

func TestLeaveTokensAreNotGuessed(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 2)
	_, rows := h.take(issue, 2)
	token := strings.TrimPrefix(rows[0].LeaveURL, leavePrefix)
	if len(leavePrefix)+len(token) > 120 {
		t.Errorf("%d octets: some signers break a long header", len(leavePrefix)+len(token))
	}
	if _, err := h.Leaving(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(token, "-")
	other := strings.Split(strings.TrimPrefix(rows[1].LeaveURL, leavePrefix), "-")
	for _, forged := range []string{
		"", "-", "---", token + "x", token[:len(token)-1], strings.ToUpper(token), parts[0] + "-" + parts[1] + "-1-",
		strings.Join(slices.Concat(parts[:1], other[1:2], parts[2:]), "-"), strings.Replace(token, "-1-", "-2-", 1),
		strings.Replace(token, "-1-", "-zzzzzz-", 1), strings.Replace(token, "-1-", "-01-", 1), strings.Repeat("-", 4000),
	} {
		if _, err := h.Leaving(t.Context(), forged); !errors.Is(err, newsroom.ErrNotFound) {
			t.Errorf("%.60q: %v", forged, err)
		}
	}
}
