package store

import (
	"errors"
	"slices"
	"testing"
	"time"

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
	if got := h.commit(ctx, h.entry(issue, rows[0], lease, newsroom.DeliveryDot)); got[0] != newsroom.DeliveryCancelled {
		t.Errorf("dot after the stop: %v", got)
	}
	for range 2 { // the event comes again while the run has not heard of it
		if out := h.mail("article00001", 2, "withdrawn", ""); !slices.Equal(out.Stopped, []string{issue}) {
			t.Errorf("the run is not told: %+v", out)
		}
	}
	if open, err := h.OpenIssues(ctx, 10); err != nil || !slices.Equal(open, []string{issue}) {
		t.Errorf("open %v, %v", open, err)
	}
	if _, err := h.CloseIssue(ctx, issue); err != nil {
		t.Fatal(err)
	}
	if open, err := h.OpenIssues(ctx, 10); err != nil || len(open) != 0 {
		t.Errorf("open once it is closed: %v, %v", open, err)
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

// What was asked is told to the run, also when nobody could reach it at that moment.
func TestUntoldIssues(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 2)
	ctx := t.Context()
	untold := func() []newsroom.UntoldIssue {
		t.Helper()
		list, err := h.UntoldIssues(ctx, 10)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if list := untold(); len(list) != 0 {
		t.Errorf("nobody asked anything: %v", list)
	}
	if err := h.PauseIssue(ctx, h.admin, issue); err != nil {
		t.Fatal(err)
	}
	first := untold()
	h.later(time.Second)
	if err := h.ResumeIssue(ctx, h.admin, issue); err != nil {
		t.Fatal(err)
	}
	if err := h.IssueTold(ctx, first[0]); err != nil {
		t.Fatal(err)
	}
	last := untold()
	if len(first) != 1 || len(last) != 1 || last[0].ID != issue || !last[0].At.After(first[0].At) {
		t.Fatalf("untold %v, then %v", first, last)
	}
	if err := h.IssueTold(ctx, last[0]); err != nil {
		t.Fatal(err)
	}
	if list := untold(); len(list) != 0 {
		t.Errorf("told, and still on the list: %v", list)
	}
}

// A minor edit mails nobody, and keeps nobody from being mailed: what was paused before it goes on.
func TestResumeAfterAMinorEdit(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 4)
	ctx := t.Context()
	h.sendAll(issue, 2)
	if err := h.HoldIssue(ctx, issue, "gate:spf", h.now()); err != nil {
		t.Fatal(err)
	}
	h.publish("article00001", 2, 2, "corrected", newsroom.ChangeMinor)
	h.mail("article00001", 2, "corrected", newsroom.ChangeMinor)
	if err := h.ResumeIssue(ctx, h.admin, issue); err != nil {
		t.Error(err)
	}
	if err := h.PauseIssue(ctx, h.admin, issue); err != nil {
		t.Fatal(err)
	}
	h.publish("article00001", 3, 3, "published", newsroom.ChangeNew) // another text
	if err := h.ResumeIssue(ctx, h.admin, issue); !errors.Is(err, newsroom.ErrConflict) {
		t.Errorf("what readers see no more is mailed on: %v", err)
	}
}

// What was given up is not tried again once readers see another text, or none.
func TestRetryOfWhatReadersSeeNoMore(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"taken_down", "corrected"} {
		h, issue := onePublished(t, 2)
		ctx := t.Context()
		lease, rows := h.take(issue, 2)
		h.commit(ctx, h.entry(issue, rows[0], lease, newsroom.DeliveryExpired), h.entry(issue, rows[1], lease, newsroom.DeliveryDot))
		h.commit(ctx, h.entry(issue, rows[1], lease, newsroom.DeliverySent))
		if st, err := h.CloseIssue(ctx, issue); err != nil || st.Status != newsroom.IssueDone {
			t.Fatalf("closed %+v, %v", st, err)
		}
		revision, kind := 1, newsroom.ChangeKind("")
		if verb == "corrected" {
			revision, kind = 2, newsroom.ChangeCorrection
		}
		h.publish("article00001", revision, 2, verb, kind)
		h.mail("article00001", 2, verb, kind)
		if n, err := h.RetryIssue(ctx, h.admin, issue, ""); n != 0 || !errors.Is(err, newsroom.ErrConflict) {
			t.Errorf("%s: %d mails are tried again, %v", verb, n, err)
		}
	}
}

// Whoever paused or stopped an article's mail decides about its corrected text too; those who got the wrong one hear of it at once.
func TestACorrectionDoesNotResume(t *testing.T) {
	t.Parallel()
	for how, stop := range map[string]func(h *mailHouse, issue string) error{
		"stopped": func(h *mailHouse, issue string) error { return h.StopIssue(t.Context(), h.admin, issue) },
		"paused":  func(h *mailHouse, issue string) error { return h.PauseIssue(t.Context(), h.admin, issue) },
		"withdrawn": func(h *mailHouse, issue string) error {
			h.publish("article00001", 1, 2, "withdrawn", "")
			h.mail("article00001", 2, "withdrawn", "")
			h.publish("article00001", 1, 3, "restored", "")
			return nil
		},
		"running": func(*mailHouse, string) error { return nil },
	} {
		h, issue := onePublished(t, 5)
		ctx := t.Context()
		h.sendAll(issue, 3)
		if err := stop(h, issue); err != nil {
			t.Fatal(err)
		}
		h.publish("article00001", 2, 4, "corrected", newsroom.ChangeCorrection)
		out := h.mail("article00001", 4, "corrected", newsroom.ChangeCorrection)
		status := map[string]string{}
		for _, id := range out.Issues {
			status[h.text(`SELECT kind FROM mail_issues WHERE id = $1`, id)] = h.text(`SELECT status || why FROM mail_issues WHERE id = $1`, id)
		}
		want := "paused" + newsroom.HoldFormer
		if how == "running" {
			want = "preparing"
		}
		if status[newsroom.IssueCorrection] != "preparing" || status[newsroom.IssueArticle] != want {
			t.Errorf("%s: opened %v", how, status)
		}
		if how == "running" {
			continue
		}
		rest := h.text(`SELECT id FROM mail_issues WHERE kind = 'article' AND revision = 2`)
		if err := h.ResumeIssue(ctx, h.admin, rest); err != nil {
			t.Fatal(err)
		}
		if st := h.ready(rest); st.Counts.Candidates != 3 {
			t.Errorf("%s: resumed for %+v", how, st.Counts)
		}
	}
}

// A doubt that the relay put off when it was sent once more may still have arrived: its reader gets the correction.
func TestCorrectionReachesADoubtThatWasPutOff(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 2)
	ctx := t.Context()
	lease, rows := h.take(issue, 2)
	h.commit(ctx, h.entry(issue, rows[0], lease, newsroom.DeliveryDot), h.entry(issue, rows[1], lease, newsroom.DeliveryDot))
	h.commit(ctx, h.entry(issue, rows[1], lease, newsroom.DeliverySent))
	lease, _ = h.take(issue, 2) // the first is in doubt
	h.later(quarantine + time.Minute)
	soft := h.entry(issue, h.claim(issue, lease, 2)[0], lease, newsroom.DeliverySoft)
	soft.Next, soft.Code = new(h.now().Add(5*time.Minute)), 451
	h.commit(ctx, soft)
	h.publish("article00001", 2, 2, "corrected", newsroom.ChangeCorrection)
	for _, id := range h.mail("article00001", 2, "corrected", newsroom.ChangeCorrection).Issues {
		kind := h.text(`SELECT kind FROM mail_issues WHERE id = $1`, id)
		told := h.value(`SELECT count(*) FROM mail_recipients WHERE issue_id = $1 AND subscriber_id = $2`, id, rows[0].SubscriberID) == 1
		if told != (kind == newsroom.IssueCorrection) {
			t.Errorf("the %s goes to who may have got the wrong text: %t", kind, told)
		}
	}
}

// A chunk that is late to say what was wrong does not undo that a person has mended it and said go on.
func TestALateHoldDoesNotUndoAResume(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 2)
	ctx := t.Context()
	seen := h.now()
	h.later(time.Second)
	status := func() string { return h.text(`SELECT status FROM mail_issues`) }
	if err := h.HoldIssue(ctx, issue, "relay_auth", seen); err != nil || status() != newsroom.IssuePaused {
		t.Fatalf("%s, %v", status(), err)
	}
	h.later(time.Minute)
	if err := h.ResumeIssue(ctx, h.admin, issue); err != nil {
		t.Fatal(err)
	}
	if err := h.HoldIssue(ctx, issue, "relay_auth", seen); err != nil || status() == newsroom.IssuePaused || h.value(`SELECT count(*) FROM alerts WHERE cleared_at IS NULL`) != 0 {
		t.Errorf("held by what was before: %s, %v", status(), err)
	}
	h.later(time.Minute)
	if err := h.HoldIssue(ctx, issue, "relay_auth", h.now()); err != nil || status() != newsroom.IssuePaused {
		t.Errorf("not held by what is now: %s, %v", status(), err)
	}
}
