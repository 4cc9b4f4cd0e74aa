package store

import (
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// offered are the offers of an issue.
func (h *mailHouse) offered(issue string) newsroom.IssueOffers {
	h.t.Helper()
	one, err := h.DeskIssue(h.t.Context(), issue)
	if err != nil {
		h.t.Fatal(err)
	}
	return one.Offers
}

// What may be sent again is counted as it would be taken: what is due by itself, and who is blocked or gone, is no offer.
func TestOffersAreWhatARetryTakes(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 8)
	ctx := t.Context()
	lease, rows := h.take(issue, 8)
	states := []newsroom.DeliveryState{
		newsroom.DeliverySoft, newsroom.DeliveryExpired, newsroom.DeliveryHard, newsroom.DeliveryHard, newsroom.DeliveryDot, newsroom.DeliveryDot,
		newsroom.DeliveryDot, newsroom.DeliveryExpired,
	}
	due := h.now().Add(time.Hour)
	for k, state := range states {
		e := h.entry(issue, rows[k], lease, state)
		e.Suppress = k == 3
		if state == newsroom.DeliverySoft {
			e.Next = &due
		}
		h.commit(ctx, e)
	}
	held, again, sent := h.entry(issue, rows[4], lease, newsroom.DeliveryInDoubt), h.entry(issue, rows[5], lease, newsroom.DeliveryInDoubt),
		h.entry(issue, rows[6], lease, newsroom.DeliverySent)
	again.Next = &due
	h.commit(ctx, held, again, sent)
	if _, err := h.LeaveAll(ctx, h.keys.Token(PurposePrefs, rows[7].SubscriberID, 1), newsroom.Proof{}); err != nil {
		t.Fatal(err)
	}
	if got, want := h.offered(issue), (newsroom.IssueOffers{Later: 2, InDoubt: 1, Refused: 1, Blocked: 1}); got != want {
		t.Errorf("offered %+v, want %+v", got, want)
	}
	one, err := h.DeskIssue(ctx, issue)
	if err != nil {
		t.Fatal(err)
	}
	doubts := 0
	for _, f := range one.Faults {
		if f.State == newsroom.DeliveryInDoubt {
			doubts++
			if f.Count != 1 {
				t.Errorf("%+v: what is due again is not what is held", f)
			}
		}
	}
	if doubts != 2 {
		t.Errorf("%d kinds of doubt in %+v", doubts, one.Faults)
	}
	for _, c := range []struct { // in this order: what was refused is put off once it is tried again
		state newsroom.DeliveryState
		want  int
	}{{"", 2}, {newsroom.DeliveryInDoubt, 1}, {newsroom.DeliveryHard, 1}} {
		if n, err := h.RetryIssue(ctx, h.admin, issue, c.state); err != nil || n != c.want {
			t.Errorf("retried %d of %q, %v; want %d", n, c.state, err, c.want)
		}
	}
	if got := h.offered(issue); got.InDoubt != 0 || got.Refused != 0 {
		t.Errorf("still offered %+v", got)
	}
	if s := h.state(issue, rows[3]); s != newsroom.DeliveryHard {
		t.Errorf("a blocked address that was refused is %s", s)
	}
	records := h.value(`SELECT count(*) FROM audit WHERE action = 'issue.retry'`)
	if _, err := h.RetryIssue(ctx, h.admin, issue, newsroom.DeliveryHard); !errors.Is(err, newsroom.ErrConflict) {
		t.Errorf("retried nothing: %v", err)
	}
	if n := h.value(`SELECT count(*) FROM audit WHERE action = 'issue.retry'`); n != records || records != 3 {
		t.Errorf("%d records, then %d", records, n)
	}
}

// A relay that was not set up right refused everybody: one act takes its blocks back, no older one and none with another reason.
func TestLiftBlocks(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 4)
	ctx := t.Context()
	lease, rows := h.take(issue, 4)
	for k, r := range rows {
		e := h.entry(issue, r, lease, newsroom.DeliveryHard)
		e.Code, e.Enhanced, e.Suppress = 550, "5.1.1", k < 3
		h.commit(ctx, e)
	}
	h.exec(`UPDATE suppressions SET at = $2 WHERE email_mac = (SELECT email_mac FROM subscribers WHERE id = $1)`, rows[0].SubscriberID, h.now().AddDate(0, 0, -9))
	if err := h.BlockSubscriber(ctx, h.admin, rows[1].SubscriberID); err != nil {
		t.Fatal(err)
	}
	if got := h.offered(issue); got != (newsroom.IssueOffers{Refused: 1, Blocked: 2}) {
		t.Errorf("offered %+v", got)
	}
	if n, err := h.LiftBlocks(ctx, h.admin, issue); n != 2 || err != nil {
		t.Errorf("lifted %d, %v", n, err)
	}
	if n := h.value(`SELECT (detail->>'n')::int FROM audit WHERE action = 'issue.lift'`); n != 2 {
		t.Errorf("the record says %d", n)
	}
	if got := h.offered(issue); got != (newsroom.IssueOffers{Refused: 2}) {
		t.Errorf("offered %+v: the office's own block and an older one stay", got)
	}
	if _, err := h.LiftBlocks(ctx, h.admin, issue); !errors.Is(err, newsroom.ErrConflict) {
		t.Errorf("lifted nothing: %v", err)
	}
	if n, err := h.RetryIssue(ctx, h.admin, issue, newsroom.DeliveryHard); n != 2 || err != nil {
		t.Errorf("retried %d, %v", n, err)
	}
	if again := h.claim(issue, lease, 10); len(again) != 2 {
		t.Errorf("%d are mailed again, want 2", len(again))
	}
}

// Pausing or stopping what is over is refused, and nothing is put on record.
func TestNothingIsPausedOrStoppedTwice(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 2)
	ctx := t.Context()
	refused := func(why string, acts ...func() error) {
		t.Helper()
		before := h.value(`SELECT count(*) FROM audit`)
		for _, act := range acts {
			if err := act(); !errors.Is(err, newsroom.ErrConflict) {
				t.Errorf("%s: %v", why, err)
			}
		}
		if n := h.value(`SELECT count(*) FROM audit`); n != before {
			t.Errorf("%s: %d more on record", why, n-before)
		}
	}
	pause := func() error { return h.PauseIssue(ctx, h.admin, issue) }
	stop := func() error { return h.StopIssue(ctx, h.admin, issue) }
	if err := pause(); err != nil {
		t.Fatal(err)
	}
	refused("paused twice", pause)
	if err := h.ResumeIssue(ctx, h.admin, issue); err != nil {
		t.Fatal(err)
	}
	h.sendAll(issue, 0)
	if st, err := h.CloseIssue(ctx, issue); err != nil || st.Status != newsroom.IssueDone {
		t.Fatalf("closed %+v, %v", st, err)
	}
	refused("done", pause, stop)
	h, issue = onePublished(t, 2)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	refused("stopped", pause, stop)
}

// Who gets no mail is told apart by why: the reader left, or the address is blocked.
func TestSuppressedRowsSayWhy(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 6)
	ctx := t.Context()
	reader := func(k int) string { return h.text(`SELECT id FROM subscribers ORDER BY email OFFSET $1 LIMIT 1`, k) }
	leave := func(k int) {
		t.Helper()
		if _, err := h.LeaveAll(ctx, h.keys.Token(PurposePrefs, reader(k), 1), newsroom.Proof{}); err != nil {
			t.Fatal(err)
		}
	}
	block := func(k int) {
		t.Helper()
		if err := h.BlockSubscriber(ctx, h.admin, reader(k)); err != nil {
			t.Fatal(err)
		}
	}
	leave(0) // before the rows are made
	block(1)
	lease, rows := h.take(issue, 6)
	if len(rows) != 4 {
		t.Fatalf("claimed %d", len(rows))
	}
	leave(2) // on its way
	block(3)
	h.commit(ctx, h.entry(issue, newsroom.Recipient{SubscriberID: reader(4)}, lease, newsroom.DeliveryPending))
	h.exec(`INSERT INTO suppressions (email_mac, scope, why, at) SELECT email_mac, 'all', 'hard', now() FROM subscribers WHERE id = $1`, reader(4))
	h.claim(issue, lease, 10) // found blocked when its turn comes
	for k, want := range []string{"left", "admin", "left", "admin", "hard"} {
		if got := h.text(`SELECT state || ' ' || smtp_stage FROM mail_deliveries WHERE subscriber_id = $1`, reader(k)); got != "suppressed "+want {
			t.Errorf("reader %d: %s, want %s", k, got, want)
		}
	}
	list, _, err := h.DeliveryRows(ctx, issue, newsroom.DeliveryFilter{State: newsroom.DeliverySuppressed, Limit: 100})
	if err != nil || len(list) != 5 || list[0].MessageID == "" {
		t.Errorf("%+v, %v", list, err)
	}
}

// Who resumes a stopped newsletter while its article is being withdrawn is told so: the withdrawal saw a stopped one and had nothing to stop.
func TestResumingWaitsForAWithdrawal(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(h *mailHouse, issue string) error{
		"resume": func(h *mailHouse, issue string) error { return h.ResumeIssue(h.t.Context(), h.admin, issue) },
		"retry": func(h *mailHouse, issue string) error {
			_, err := h.RetryIssue(h.t.Context(), h.admin, issue, newsroom.DeliveryHard)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, issue := onePublished(t, 2)
			ctx := t.Context()
			lease, rows := h.take(issue, 2)
			h.commit(ctx, h.entry(issue, rows[0], lease, newsroom.DeliveryHard), h.entry(issue, rows[1], lease, newsroom.DeliverySent))
			if name == "resume" {
				if err := h.StopIssue(ctx, h.admin, issue); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := h.CloseIssue(ctx, issue); err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			if err := h.tx(ctx, func(tx pgx.Tx) error {
				if _, err := tx.Exec(ctx, `UPDATE live_articles SET public = 'withdrawn' WHERE article_id = 'article00001'`); err != nil {
					return err
				}
				go func() { done <- act(h, issue) }()
				time.Sleep(300 * time.Millisecond) // long enough for whoever does not wait
				_, err := h.stopIssues(ctx, tx, "article00001", 2, "withdrawn")
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if err := <-done; !errors.Is(err, newsroom.ErrConflict) {
				t.Errorf("a withdrawn article goes out: %v", err)
			}
			if status := h.text(`SELECT status FROM mail_issues`); status == newsroom.IssueSending {
				t.Errorf("the issue is %s", status)
			}
		})
	}
}
