package store

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"toasoan/newsroom"
)

var bounceLimit = newsroom.BounceLimit{Issues: 3, Days: 30}

// sentTo is an issue that the relay has taken for n readers.
func sentTo(t *testing.T, n int) (*mailHouse, string, []newsroom.Recipient) {
	t.Helper()
	h, issue := onePublished(t, n)
	return h, issue, h.deliver(issue, n)
}

// deliver sends an issue that is ready.
func (h *mailHouse) deliver(issue string, n int) []newsroom.Recipient {
	h.t.Helper()
	lease, rows := h.take(issue, n)
	for _, state := range []newsroom.DeliveryState{newsroom.DeliveryDot, newsroom.DeliverySent} {
		entries := make([]ledgerEntry, len(rows))
		for i, r := range rows {
			entries[i] = h.entry(issue, r, lease, state)
		}
		h.commit(h.t.Context(), entries...)
	}
	return rows
}

// report is one that names a mail by its return path.
func report(kind newsroom.BounceKind, r newsroom.Recipient, status, id string) newsroom.Bounce {
	return newsroom.Bounce{
		Kind: kind, Tokens: []string{r.VERP}, Recipient: r.Email, Status: status, Code: 550, Said: "words <…>", Report: []byte(id), Via: "imap",
	}
}

func (h *mailHouse) bounce(b newsroom.Bounce, want newsroom.BounceOutcome) {
	h.t.Helper()
	got, err := h.TakeBounce(h.t.Context(), b, bounceLimit)
	if err != nil || got.Outcome != want {
		h.t.Fatalf("%s report: %q, %v; want %q", b.Kind, got.Outcome, err, want)
	}
}

func (h *mailHouse) blocked(subscriber string) string {
	h.t.Helper()
	u, err := h.Subscriber(h.t.Context(), subscriber)
	if err != nil {
		h.t.Fatal(err)
	}
	return u.Blocked
}

// A mail that the relay took and that came back moves within the equation, in an open issue and in a closed one; the same report twice
// moves it once.
func TestBounceKeepsTheEquation(t *testing.T) {
	t.Parallel()
	h, issue, rows := sentTo(t, 4)
	ctx := t.Context()
	h.bounce(report(newsroom.BounceHard, rows[0], "5.1.1", "a"), newsroom.BounceTaken)
	st, err := h.CloseIssue(ctx, issue)
	if want := (newsroom.IssueCounts{Candidates: 4, Sent: 3, Hard: 1, Bounced: 1}); err != nil || st.Counts != want || st.Status != newsroom.IssueDone {
		t.Fatalf("closed with %+v, %v", st, err)
	}
	h.bounce(report(newsroom.BounceRefused, rows[1], "5.7.1", "b"), newsroom.BounceTaken)
	h.bounce(report(newsroom.BounceSoft, rows[2], "4.4.7", "c"), newsroom.BounceTaken)
	for range 3 {
		h.bounce(report(newsroom.BounceSoft, rows[2], "4.4.7", "c"), newsroom.BounceAgain)
	}
	h.bounce(report(newsroom.BounceSoft, rows[2], "4.4.7", "another report of it"), newsroom.BounceTaken)
	one, err := h.DeskIssue(ctx, issue)
	want := newsroom.IssueCounts{Candidates: 4, Sent: 1, Hard: 2, Expired: 1, Bounced: 3}
	if err != nil || one.Counts != want || !one.Counts.Balanced() {
		t.Errorf("the closed issue says %+v, %v", one.Counts, err)
	}
	if st, err := h.DeliveryStanding(ctx, issue); err != nil || st.Counts != want {
		t.Errorf("its rows say %+v, %v", st.Counts, err)
	}
	groups, err := h.IssueBounces(ctx, issue)
	if err != nil || len(groups) != 3 || groups[0].Count != 1 {
		t.Errorf("what came back: %+v, %v", groups, err)
	}
	if n := h.value(`SELECT n FROM bounce_days WHERE what = 'soft'`); n != 2 {
		t.Errorf("%d soft reports counted", n)
	}
}

func TestBounceOfNoSuchUserStopsEveryMail(t *testing.T) {
	t.Parallel()
	h, issue, rows := sentTo(t, 2)
	other := h.anotherIssue("bai-2", 2)
	h.unrolled(other) // its rows are in the ledger, nobody has claimed one
	h.bounce(report(newsroom.BounceHard, rows[0], "5.1.1", "a"), newsroom.BounceTaken)
	if got := h.blocked(rows[0].SubscriberID); got != "hard" {
		t.Errorf("blocked by %q", got)
	}
	if got := h.text(`SELECT scope FROM suppressions`); got != scopeAll {
		t.Errorf("scope %s", got)
	}
	if got := h.text(`SELECT string_agg(state, ' ' ORDER BY subscriber_id = $2) FROM mail_deliveries WHERE issue_id = $1`, other, rows[0].SubscriberID); got != "pending suppressed" {
		t.Errorf("the next issue's rows are %s", got)
	}
	// Lifting it is an act on record.
	if err := h.UnblockSubscriber(t.Context(), h.admin, rows[0].SubscriberID); err != nil {
		t.Fatal(err)
	}
	if got := h.blocked(rows[0].SubscriberID); got != "" {
		t.Errorf("still blocked by %q", got)
	}
	if n := h.value(`SELECT count(*) FROM audit WHERE action = 'subscriber.unblock'`); n != 1 {
		t.Errorf("%d acts on record", n)
	}
	list, err := h.SubscriberBounces(t.Context(), rows[0].SubscriberID)
	if err != nil || len(list) != 1 || list[0].Title == "" || list[0].Status != "5.1.1" {
		t.Errorf("the subscriber's reports: %+v, %v", list, err)
	}
	_ = issue
}

// anotherIssue publishes one more article and freezes its mail.
func (h *mailHouse) anotherIssue(article string, n int) string {
	h.t.Helper()
	h.later(time.Hour)
	seq := int64(h.value(`SELECT count(*) FROM publications`) + 1)
	h.publish(article, 1, seq, "published", newsroom.ChangeNew)
	out := h.mail(article, seq, "published", newsroom.ChangeNew)
	if len(out.Issues) != 1 {
		h.t.Fatalf("opened %v", out.Issues)
	}
	if st := h.ready(out.Issues[0]); st.Counts.Candidates != n {
		h.t.Fatalf("%d candidates", st.Counts.Candidates)
	}
	return out.Issues[0]
}

// Where a mail was forwarded to may not exist: the subscriber's own address does.
func TestBounceOfAForwardIsSoft(t *testing.T) {
	t.Parallel()
	h, _, rows := sentTo(t, 1)
	b := report(newsroom.BounceHard, rows[0], "5.1.1", "a")
	b.Recipient = "somebody.else@khac.example"
	h.bounce(b, newsroom.BounceTaken)
	if got := h.blocked(rows[0].SubscriberID); got != "" {
		t.Errorf("blocked by %q", got)
	}
	if got := h.text(`SELECT kind FROM bounces`); got != "soft" {
		t.Errorf("noted as %s", got)
	}
}

func TestSoftBouncesAddUpOverIssues(t *testing.T) {
	t.Parallel()
	h, _, rows := sentTo(t, 1)
	who := rows[0].SubscriberID
	for k := range 3 { // of one issue: counts once
		h.bounce(report(newsroom.BounceSoft, rows[0], "5.2.2", fmt.Sprint(k)), newsroom.BounceTaken)
	}
	second := h.deliver(h.anotherIssue("bai-2", 1), 1)
	h.bounce(report(newsroom.BounceSoft, second[0], "5.2.2", "2"), newsroom.BounceTaken)
	third := h.deliver(h.anotherIssue("bai-3", 1), 1)
	h.bounce(report(newsroom.BounceRefused, third[0], "5.7.1", "3"), newsroom.BounceTaken)
	h.bounce(report(newsroom.BounceDelayed, third[0], "4.4.1", "4"), newsroom.BounceTaken)
	if got := h.blocked(who); got != "" {
		t.Fatalf("blocked by %q after two issues: what a policy refuses, or is delayed, says nothing of the address", got)
	}
	h.bounce(report(newsroom.BounceSoft, third[0], "5.2.2", "5"), newsroom.BounceTaken)
	if got := h.blocked(who); got != "soft" {
		t.Fatalf("blocked by %q after three issues", got)
	}
	if err := h.UnblockSubscriber(t.Context(), h.admin, who); err != nil {
		t.Fatal(err)
	}
	fourth := h.deliver(h.anotherIssue("bai-4", 1), 1)
	h.bounce(report(newsroom.BounceSoft, fourth[0], "5.2.2", "6"), newsroom.BounceTaken)
	if got := h.blocked(who); got != "" {
		t.Errorf("blocked by %q: what was forgiven counts again", got)
	}
	h.later(31 * 24 * time.Hour)
	for k := 5; k < 7; k++ {
		rows := h.deliver(h.anotherIssue(fmt.Sprintf("bai-%d", k), 1), 1)
		h.bounce(report(newsroom.BounceSoft, rows[0], "5.2.2", fmt.Sprint(k, "x")), newsroom.BounceTaken)
	}
	if got := h.blocked(who); got != "" {
		t.Errorf("blocked by %q: what is older than the window counts", got)
	}
}

func TestComplaintEndsTheSubscriptionAndTooManyPauseTheIssue(t *testing.T) {
	t.Parallel()
	h, issue, rows := sentTo(t, 6)
	for k := range 2 {
		h.bounce(report(newsroom.BounceComplaint, rows[k], "", fmt.Sprint(k)), newsroom.BounceTaken)
		h.bounce(report(newsroom.BounceComplaint, rows[k], "", fmt.Sprint(k)), newsroom.BounceAgain)
		u, err := h.Subscriber(t.Context(), rows[k].SubscriberID)
		if err != nil || u.State != newsroom.SubscriberLeft || u.Blocked != "complaint" || len(u.Lists) != 0 {
			t.Errorf("after a complaint: %+v, %v", u, err)
		}
	}
	if got := h.text(`SELECT status FROM mail_issues WHERE id = $1`, issue); got != newsroom.IssueSending {
		t.Errorf("two complaints make it %s", got)
	}
	if n := h.value(`SELECT count(*) FROM letters WHERE kind = 'unsubscribed'`); n != 0 {
		t.Errorf("%d more mails to people who call ours spam", n)
	}
	if got := h.text(`SELECT source FROM consents WHERE act = 'left' LIMIT 1`); got != "complaint" {
		t.Errorf("on record as %q", got)
	}
	h.bounce(report(newsroom.BounceComplaint, rows[2], "", "2"), newsroom.BounceTaken)
	if got := h.text(`SELECT status || ' ' || why FROM mail_issues WHERE id = $1`, issue); got != "paused complaints" {
		t.Errorf("three complaints of six make it %s", got)
	}
	if n := h.value(`SELECT count(*) FROM alerts WHERE code = 'complaints' AND cleared_at IS NULL`); n != 1 {
		t.Errorf("%d alerts", n)
	}
	if n := h.value(`SELECT count(*) FROM mail_deliveries WHERE state = 'sent'`); n != 6 {
		t.Errorf("%d of 6 delivered mails are counted as sent", n)
	}
	// Resumed by a person who knows: it is not paused for the next one.
	if err := h.ResumeIssue(t.Context(), h.admin, issue); err != nil {
		t.Fatal(err)
	}
	h.bounce(report(newsroom.BounceComplaint, rows[3], "", "3"), newsroom.BounceTaken)
	if got := h.text(`SELECT status FROM mail_issues WHERE id = $1`, issue); got == newsroom.IssuePaused {
		t.Error("paused again after a person resumed it")
	}
}

// A relay that takes everything says nothing of dead addresses: what comes back pauses the issue while it goes out, once, with one alert.
func TestTooManyMailsThatComeBackPauseTheIssue(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 120)
	rows := h.deliver(issue, 100)
	standing := func() string { return h.text(`SELECT status || ' ' || why FROM mail_issues WHERE id = $1`, issue) }
	alerts := func() int {
		return h.value(`SELECT count(*) FROM alerts WHERE code = 'hard_failures' AND cleared_at IS NULL`)
	}
	for k, r := range rows[:25] {
		h.bounce(report(newsroom.BounceHard, r, "5.1.1", fmt.Sprint(k)), newsroom.BounceTaken)
		h.bounce(report(newsroom.BounceHard, r, "5.1.1", fmt.Sprint(k)), newsroom.BounceAgain)
		h.bounce(report(newsroom.BounceHard, r, "5.1.1", fmt.Sprint(k, "another report of it")), newsroom.BounceTaken)
	}
	h.bounce(report(newsroom.BounceSoft, rows[99], "4.4.7", "given up elsewhere"), newsroom.BounceTaken)
	if got := standing(); got != "sending " || alerts() != 0 {
		t.Fatalf("25 of 100 make it %q with %d alerts: five in a hundred of a sample of 500 are not more than that", got, alerts())
	}
	h.bounce(report(newsroom.BounceHard, rows[25], "5.1.1", "26"), newsroom.BounceTaken)
	if got := standing(); got != "paused hard_failures" || alerts() != 1 {
		t.Fatalf("26 of 100 make it %q with %d alerts", got, alerts())
	}
	if n := h.value(`SELECT count(*) FROM mail_deliveries WHERE state = 'claimed'`); n != 0 {
		t.Errorf("%d rows may still go out", n)
	}
	h.bounce(report(newsroom.BounceHard, rows[26], "5.1.1", "27"), newsroom.BounceTaken)
	if err := h.ResumeIssue(t.Context(), h.admin, issue); err != nil {
		t.Fatal(err)
	}
	for k, r := range rows[27:60] {
		h.bounce(report(newsroom.BounceHard, r, "5.1.1", fmt.Sprint("more", k)), newsroom.BounceTaken)
	}
	if got := standing(); got != "sending " || alerts() != 0 {
		t.Errorf("after a person resumed it: %q with %d alerts", got, alerts())
	}
}

// Of a finished issue there is nothing to pause.
func TestMailsOfAFinishedIssueThatComeBack(t *testing.T) {
	t.Parallel()
	h, issue, rows := sentTo(t, 40)
	if st, err := h.CloseIssue(t.Context(), issue); err != nil || st.Status != newsroom.IssueDone {
		t.Fatalf("%+v, %v", st, err)
	}
	for k, r := range rows {
		h.bounce(report(newsroom.BounceHard, r, "5.1.1", fmt.Sprint(k)), newsroom.BounceTaken)
	}
	if got := h.text(`SELECT status FROM mail_issues`); got != newsroom.IssueDone || h.value(`SELECT count(*) FROM alerts`) != 0 {
		t.Errorf("it is %s, %d alerts", got, h.value(`SELECT count(*) FROM alerts`))
	}
}

func TestTooManyHard(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		hard, sent int
		want       bool
	}{{0, 0, false}, {1, 1, false}, {25, 25, false}, {26, 26, true}, {25, 500, false}, {26, 500, true}, {26, 1000, false}, {50, 1000, false}, {51, 1000, true}} {
		if got := newsroom.TooManyHard(c.hard, c.sent); got != c.want {
			t.Errorf("%d of %d: %v", c.hard, c.sent, got)
		}
	}
}

func TestTooManyComplaints(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		complaints, sent int
		want             bool
	}{{2, 10, false}, {3, 10, true}, {3, 1000, true}, {3, 1001, false}, {299, 100_000, false}, {300, 100_000, true}, {0, 0, false}} {
		if got := newsroom.TooManyComplaints(c.complaints, c.sent); got != c.want {
			t.Errorf("%d of %d: %v", c.complaints, c.sent, got)
		}
	}
}

func TestReportsAboutNothingOfOurs(t *testing.T) {
	t.Parallel()
	h, issue, rows := sentTo(t, 1)
	forged := report(newsroom.BounceHard, rows[0], "5.1.1", "a")
	forged.Tokens = []string{"daaaaaaaaaaaaaaaaaaaaaaaa", rows[0].SubscriberID}
	forged.MessageIDs = []string{"d." + issue + ".aaaaaaaaaaaaaaaaaaaaaaaaaa@x", "x@y", "", "l.a@b"}
	h.bounce(forged, newsroom.BounceUnknown)
	h.bounce(newsroom.Bounce{Kind: newsroom.BounceHard, Report: []byte("b")}, newsroom.BounceUnknown)
	if n := h.value(`SELECT count(*) FROM bounces`) + h.value(`SELECT count(*) FROM suppressions`); n != 0 {
		t.Errorf("%d rows", n)
	}
	if n := h.value(`SELECT n FROM bounce_days WHERE what = 'unknown'`); n != 2 {
		t.Errorf("%d counted", n)
	}
	// Without a return path of its own the mail is known by its Message-ID.
	byID := forged
	byID.MessageIDs = []string{"x@y", rows[0].MessageID + "@vankhe.example"}
	h.bounce(byID, newsroom.BounceTaken)
}

func TestLeaveByMail(t *testing.T) {
	t.Parallel()
	h, _, rows := sentTo(t, 1)
	ask := newsroom.Bounce{Kind: newsroom.BounceLeave, Tokens: []string{rows[0].VERP}, Report: []byte("a"), Via: "smtp"}
	h.bounce(ask, newsroom.BounceTaken)
	h.bounce(ask, newsroom.BounceAgain)
	u, err := h.Subscriber(t.Context(), rows[0].SubscriberID)
	if err != nil || u.State != newsroom.SubscriberLeft || u.Blocked != "" {
		t.Errorf("%+v, %v", u, err)
	}
	if n := h.value(`SELECT count(*) FROM letters WHERE kind = 'unsubscribed'`); n != 1 {
		t.Errorf("%d confirmations", n)
	}
	if got := h.text(`SELECT source FROM consents WHERE act = 'left'`); got != "mail" {
		t.Errorf("on record as %q", got)
	}
}

// The address to leave by works when the ledger has forgotten the mail; a report about such a mail is no news, and nothing that
// somebody made up is believed.
func TestReturnAddressOutlivesItsRow(t *testing.T) {
	t.Parallel()
	h, issue, rows := sentTo(t, 2)
	if token := rows[0].VERP; len("b+"+token) > 64 || token != strings.ToLower(token) {
		t.Errorf("%q does not fit an address", token)
	}
	h.exec(`DELETE FROM mail_deliveries WHERE issue_id = $1`, issue)
	h.bounce(report(newsroom.BounceHard, rows[1], "5.1.1", "h"), newsroom.BounceUnknown)
	other := map[bool]string{true: "b", false: "a"}[strings.HasSuffix(rows[1].VERP, "a")]
	for k, forged := range []string{
		strings.Replace(rows[1].VERP, rows[1].SubscriberID, rows[0].SubscriberID, 1), rows[1].VERP[:len(rows[1].VERP)-1] + other,
		strings.Replace(rows[1].VERP, "-", "", 1), "d-" + rows[1].SubscriberID + "-", "",
	} {
		h.bounce(newsroom.Bounce{Kind: newsroom.BounceLeave, Tokens: []string{forged}, Report: []byte{byte(k)}, Via: "smtp"}, newsroom.BounceUnknown)
	}
	for _, want := range []newsroom.BounceOutcome{newsroom.BounceTaken, newsroom.BounceAgain} {
		h.bounce(newsroom.Bounce{Kind: newsroom.BounceLeave, Tokens: []string{rows[0].VERP}, Report: []byte("a"), Via: "smtp"}, want)
	}
	for k, want := range []newsroom.SubscriberState{newsroom.SubscriberLeft, newsroom.SubscriberConfirmed} {
		if u, err := h.Subscriber(t.Context(), rows[k].SubscriberID); err != nil || u.State != want {
			t.Errorf("reader %d: %+v, %v", k, u, err)
		}
	}
}

// A mail from before its return address named it is found by its row.
func TestReturnAddressOfFormerMails(t *testing.T) {
	t.Parallel()
	h, issue, rows := sentTo(t, 1)
	former := "d" + strings.Repeat("a7", 12)
	h.exec(`UPDATE mail_deliveries SET verp = $2 WHERE issue_id = $1`, issue, former)
	rows[0].VERP = former
	h.bounce(report(newsroom.BounceHard, rows[0], "5.1.1", "h"), newsroom.BounceTaken)
	if got := h.state(issue, rows[0]); got != newsroom.DeliveryHard {
		t.Errorf("the row is %s", got)
	}
}

// An approval mail that comes back is put before the operator; its reader is cut off from nothing, not even where the same address has
// complained about newsletters.
func TestBouncedLetterBlocksNothing(t *testing.T) {
	t.Parallel()
	h, _, rows := sentTo(t, 1)
	ctx := t.Context()
	h.exec(`INSERT INTO users (id, email, email_key, name, roles) VALUES ('leader000000', 'reader00000@example.vn', 'reader00000@example.vn', 'Lãnh đạo', '{leader}')`)
	h.bounce(report(newsroom.BounceHard, rows[0], "5.1.1", "n"), newsroom.BounceTaken)
	write := func(id string) newsroom.LetterView {
		t.Helper()
		tx, err := h.raw.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.writeLetter(ctx, tx, letter{ID: id, Kind: newsroom.LetterQuiet, UserID: "leader000000"}, nil); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(ctx); err != nil {
			t.Fatal(err)
		}
		v, err := h.LetterView(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	v := write("no_update_today/1")
	lease, err := h.LeaseLetter(ctx, v.ID, h.now(), time.Minute)
	if err != nil || lease.State != newsroom.DeliveryClaimed {
		t.Fatalf("a blocked newsletter reader's approval mail: %+v, %v", lease, err)
	}
	h.commit(ctx, ledgerEntry{LetterID: v.ID, Lease: lease.Lease, State: newsroom.DeliveryDot, At: h.now()})
	h.commit(ctx, ledgerEntry{LetterID: v.ID, Lease: lease.Lease, State: newsroom.DeliverySent, At: h.now()})
	back := newsroom.Bounce{Kind: newsroom.BounceHard, Tokens: []string{v.VERP}, Status: "5.1.1", Report: []byte("l"), Via: "imap"}
	h.bounce(back, newsroom.BounceTaken)
	h.bounce(back, newsroom.BounceAgain)
	if got := h.text(`SELECT state || ' ' || smtp_stage FROM letters WHERE id = $1`, v.ID); got != "hard bounce" {
		t.Errorf("the letter is %s", got)
	}
	if n := h.value(`SELECT count(*) FROM alerts WHERE code = 'letter_bounced'`); n != 1 {
		t.Errorf("%d alerts", n)
	}
	if n := h.value(`SELECT count(*) FROM suppressions`); n != 1 {
		t.Errorf("%d blocks", n)
	}
	next := write("no_update_today/2")
	if lease, err := h.LeaseLetter(ctx, next.ID, h.now(), time.Minute); err != nil || lease.State != newsroom.DeliveryClaimed {
		t.Errorf("the next letter: %+v, %v", lease, err)
	}
	if v.VERP == next.VERP || len(v.VERP) != 25 || v.VERP[0] != 'l' {
		t.Errorf("names %q and %q", v.VERP, next.VERP)
	}
}

// The answer of the relay may be committed after the bounce has come, and many workers may read one mailbox.
func TestBounceRacesWithItsCommitAndWithItself(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 2)
	ctx := t.Context()
	lease, rows := h.take(issue, 2)
	h.commit(ctx, h.entry(issue, rows[0], lease, newsroom.DeliveryDot), h.entry(issue, rows[1], lease, newsroom.DeliveryDot))
	h.bounce(report(newsroom.BounceHard, rows[0], "5.1.1", "a"), newsroom.BounceTaken)
	got := h.commit(ctx, h.entry(issue, rows[0], lease, newsroom.DeliverySent), h.entry(issue, rows[1], lease, newsroom.DeliverySent))
	if !slices.Equal(got, []newsroom.DeliveryState{"hard", "sent"}) {
		t.Errorf("the late commit answers %v", got)
	}
	if st, err := h.CloseIssue(ctx, issue); err != nil || st.Counts != (newsroom.IssueCounts{Candidates: 2, Sent: 1, Hard: 1, Bounced: 1}) {
		t.Errorf("%+v, %v", st, err)
	}
	var workers sync.WaitGroup
	outcomes := make([]newsroom.BounceOutcome, 8)
	for k := range outcomes {
		workers.Go(func() {
			r, err := h.TakeBounce(ctx, report(newsroom.BounceSoft, rows[1], "5.2.2", "b"), bounceLimit)
			if err != nil {
				t.Error(err)
			}
			outcomes[k] = r.Outcome
		})
	}
	workers.Wait()
	slices.Sort(outcomes)
	if outcomes[6] != newsroom.BounceAgain || outcomes[7] != newsroom.BounceTaken {
		t.Errorf("eight readers: %v", outcomes)
	}
	if one, err := h.DeskIssue(ctx, issue); err != nil || one.Counts != (newsroom.IssueCounts{Candidates: 2, Hard: 2, Bounced: 2}) {
		t.Errorf("%+v, %v", one.Counts, err)
	}
}

func TestErasedReadersWordsAreGone(t *testing.T) {
	t.Parallel()
	h, _, rows := sentTo(t, 1)
	said := report(newsroom.BounceSoft, rows[0], "5.2.2", "a")
	said.Said = "mailbox of Reader00000 is full, says reader00000"
	h.bounce(said, newsroom.BounceTaken)
	if got := h.text(`SELECT b.said || '|' || d.reply FROM bounces b, mail_deliveries d`); got != "mailbox of … is full, says …|mailbox of … is full, says …" {
		t.Errorf("kept %q", got)
	}
	h.exec(`UPDATE mail_deliveries SET reply = 'unknown user reader00000'`) // from before such words were left out
	h.exec(`INSERT INTO letters (id, kind, subscriber_id, message_id, verp, date, created_at, reply)
	  VALUES ('left/1', 'unsubscribed', $1, 'l.1', 'lletter', now(), now(), 'unknown user reader00000')`, rows[0].SubscriberID)
	if d, err := h.SubscriberData(t.Context(), rows[0].SubscriberID); err != nil || len(d.Bounces) != 1 {
		t.Errorf("own data: %+v, %v", d.Bounces, err)
	}
	if err := h.EraseSubscriber(t.Context(), h.admin, rows[0].SubscriberID); err != nil {
		t.Fatal(err)
	}
	if got := h.text(`SELECT b.said || d.reply || l.reply FROM bounces b, mail_deliveries d, letters l WHERE l.id = 'left/1'`); got != "" {
		t.Errorf("kept %q", got)
	}
	// What comes back about an erased person: nobody knows any more which of its words is the name.
	said.Report, said.Recipient = []byte("b"), ""
	h.bounce(said, newsroom.BounceTaken)
	h.bounce(newsroom.Bounce{Kind: newsroom.BounceHard, Tokens: []string{"lletter"}, Said: said.Said, Report: []byte("c"), Via: "imap"}, newsroom.BounceTaken)
	if n := h.value(`SELECT count(*) FROM bounces WHERE said <> ''`); n != 0 {
		t.Errorf("%d reports keep words about an erased person", n)
	}
}
