package store

import (
	"errors"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// sendAll sends what chunk 0 of an issue has, but for the last `but` rows.
func (h *mailHouse) sendAll(issue string, but int) {
	h.t.Helper()
	lease, rows := h.take(issue, 500)
	var dots, sent []ledgerEntry
	for _, r := range rows[:len(rows)-but] {
		dots = append(dots, h.entry(issue, r, lease, newsroom.DeliveryDot))
		sent = append(sent, h.entry(issue, r, lease, newsroom.DeliverySent))
	}
	h.commit(h.t.Context(), dots...)
	h.commit(h.t.Context(), sent...)
}

func TestEventIsHandledOnceAndReceipted(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	h.many(3, "kinh-te")
	h.subscribe("other@example.vn", "thong-bao")
	h.publish("article00001", 1, 1, "published", newsroom.ChangeNew)
	first := h.mail("article00001", 1, "published", newsroom.ChangeNew)
	again := h.mail("article00001", 1, "published", newsroom.ChangeNew)
	if first.Again || !again.Again || !slices.Equal(first.Issues, again.Issues) || first.Candidates != 3 || again.Candidates != 3 {
		t.Errorf("first %+v, again %+v", first, again)
	}
	if n := h.value(`SELECT (detail->>'candidates')::int FROM receipts WHERE effect = 'mail' AND at IS NOT NULL`); n != 3 {
		t.Errorf("the receipt says %d candidates", n)
	}
	if v, err := h.IssueView(t.Context(), first.Issues[0]); err != nil || v.Title == "" || v.Section != "Kinh tế" || v.Office.Portal != "Cổng xã Vân Khê" ||
		v.URL != "https://vankhe.example.vn/tin/duong-lien-thon-article00001" || v.Published.IsZero() {
		t.Errorf("view %+v, %v", v, err)
	}
}

func TestMinorEditMailsNobody(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 2)
	h.sendAll(issue, 0)
	h.publish("article00001", 2, 2, "corrected", newsroom.ChangeMinor)
	if out := h.mail("article00001", 2, "corrected", newsroom.ChangeMinor); len(out.Issues) != 0 || len(out.Stopped) != 0 {
		t.Errorf("a minor edit did %+v", out)
	}
}

func TestCorrectionGoesToExactlyThoseWhoGotTheWrongText(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 6)
	ctx := t.Context()
	h.sendAll(issue, 2) // four have it; two are still claimed
	gone := h.text(`SELECT subscriber_id FROM mail_deliveries WHERE state = 'sent' ORDER BY subscriber_id LIMIT 1`)
	if _, err := h.LeaveAll(ctx, h.keys.Token(PurposePrefs, gone, 1), newsroom.Proof{}); err != nil {
		t.Fatal(err)
	}
	h.subscribe("late@example.vn", "kinh-te") // came after the first publication: knows neither text
	h.publish("article00001", 2, 2, "corrected", newsroom.ChangeCorrection)
	out := h.mail("article00001", 2, "corrected", newsroom.ChangeCorrection)
	if !slices.Equal(out.Stopped, []string{issue}) || len(out.Issues) != 2 {
		t.Fatalf("correction %+v", out)
	}
	who := func(id string) []string {
		h.ready(id)
		rows, err := h.raw.Query(ctx, `SELECT subscriber_id FROM mail_recipients WHERE issue_id = $1 ORDER BY 1`, id)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		var ids []string
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		return ids
	}
	correction, article := who(out.Issues[0]), who(out.Issues[1])
	if len(correction) != 3 || slices.Contains(correction, gone) {
		t.Errorf("the correction goes to %d, want the three who got the wrong text and stayed", len(correction))
	}
	if len(article) != 3 { // the two whose mail was stopped, and the newcomer
		t.Errorf("the corrected article goes to %d, want 3", len(article))
	}
	for _, id := range correction {
		if slices.Contains(article, id) {
			t.Errorf("%s gets both", id)
		}
		if n := h.value(`SELECT count(*) FROM mail_deliveries WHERE issue_id = $1 AND subscriber_id = $2 AND state = 'sent'`, issue, id); n != 1 {
			t.Errorf("%s did not get the wrong text", id)
		}
	}
	if view, err := h.IssueView(ctx, out.Issues[0]); err != nil || view.Note == nil || view.Note.New != "580 m" || view.Issue.Kind != newsroom.IssueCorrection {
		t.Errorf("view %+v, %v", view.Note, err)
	}
	if err := h.ResumeIssue(ctx, h.admin, issue); !errors.Is(err, newsroom.ErrConflict) {
		t.Errorf("the wrong text is mailed on: %v", err)
	}
}

func TestCorrectionAfterACompleteRunMailsNobodyElse(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 3)
	h.sendAll(issue, 0)
	if st, err := h.CloseIssue(t.Context(), issue); err != nil || st.Status != newsroom.IssueDone {
		t.Fatalf("closed %+v, %v", st, err)
	}
	h.publish("article00001", 2, 2, "corrected", newsroom.ChangeCorrection)
	out := h.mail("article00001", 2, "corrected", newsroom.ChangeCorrection)
	if len(out.Issues) != 1 || out.Candidates != 3 || len(out.Stopped) != 0 {
		t.Errorf("correction %+v", out)
	}
}

func TestLateEventOpensNothingUntrue(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	h.many(2, "kinh-te")
	h.publish("article00001", 1, 1, "published", newsroom.ChangeNew)
	h.publish("article00001", 1, 2, "taken_down", "")
	h.mail("article00001", 2, "taken_down", "")
	if out := h.mail("article00001", 1, "published", newsroom.ChangeNew); len(out.Issues) != 0 {
		t.Errorf("a page that is gone is mailed: %+v", out)
	}
	if n := h.value(`SELECT count(*) FROM receipts WHERE effect = 'mail' AND at IS NULL`); n != 0 {
		t.Errorf("%d receipts are missing", n)
	}
}

func TestStoppedWithItsArticleIsStillNamed(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 2)
	ctx := t.Context()
	lease, rows := h.take(issue, 1)
	h.publish("article00001", 1, 2, "withdrawn", "")
	if err := h.tx(ctx, func(tx pgx.Tx) error {
		stopped, err := h.stopIssues(ctx, tx, "article00001", "withdrawn")
		if !slices.Equal(stopped, []string{issue}) {
			t.Errorf("stopped %v", stopped)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if got := h.commit(ctx, h.entry(issue, rows[0], lease, newsroom.DeliveryDot)); got[0] != newsroom.DeliveryCancelled {
		t.Errorf("dot after the stop: %v", got)
	}
	if out := h.mail("article00001", 2, "withdrawn", ""); !slices.Equal(out.Stopped, []string{issue}) {
		t.Errorf("the run is not told: %+v", out)
	}
	if _, err := h.CloseIssue(ctx, issue); err != nil {
		t.Fatal(err)
	}
	if why := h.text(`SELECT why FROM mail_issues`); why != "withdrawn" {
		t.Errorf("stopped for %q", why)
	}
}

func TestRetryOffersAgain(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 3)
	ctx := t.Context()
	lease, rows := h.take(issue, 3)
	hard := h.entry(issue, rows[0], lease, newsroom.DeliveryHard)
	hard.Code = 554
	h.commit(ctx, hard, h.entry(issue, rows[1], lease, newsroom.DeliveryExpired), h.entry(issue, rows[2], lease, newsroom.DeliveryDot))
	h.commit(ctx, h.entry(issue, rows[2], lease, newsroom.DeliverySent))
	if st, err := h.CloseIssue(ctx, issue); err != nil || st.Status != newsroom.IssueDone {
		t.Fatalf("closed %+v, %v", st, err)
	}
	if n, err := h.RetryIssue(ctx, h.admin, issue, ""); err != nil || n != 1 {
		t.Errorf("retried %d, %v; want what was given up", n, err)
	}
	if n, err := h.RetryIssue(ctx, h.admin, issue, newsroom.DeliveryHard); err != nil || n != 1 {
		t.Errorf("retried %d, %v; want what was refused", n, err)
	}
	if _, err := h.RetryIssue(ctx, h.admin, issue, newsroom.DeliverySent); !errors.Is(err, newsroom.ErrConflict) {
		t.Errorf("what was sent is sent again: %v", err)
	}
	if again := h.claim(issue, lease, 10); len(again) != 2 || again[0].Attempt != 0 {
		t.Errorf("claimed %+v", again)
	}
}
