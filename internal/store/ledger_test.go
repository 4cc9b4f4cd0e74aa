package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/internal/config"
	"toasoan/internal/mail"
	"toasoan/internal/secret"
	"toasoan/newsroom"
)

const quarantine = 15 * time.Minute

// LedgerEntry is what package store_test commits.
type LedgerEntry = ledgerEntry

// onePublished is a house with n subscribers and an issue that is ready to go.
func onePublished(t *testing.T, n int) (*mailHouse, string) {
	t.Helper()
	h := newMailHouse(t)
	h.many(n, "kinh-te")
	h.publish("article00001", 1, 1, "published", newsroom.ChangeNew)
	opened := h.mail("article00001", 1, "published", newsroom.ChangeNew)
	if len(opened.Issues) != 1 || opened.Candidates != n {
		t.Fatalf("opened %+v, want one issue with %d candidates", opened, n)
	}
	st := h.ready(opened.Issues[0])
	if st.Status != newsroom.IssuePrepared || st.Counts.Candidates != n || !st.Counts.Balanced() || len(st.Due) != (n+chunkSize-1)/chunkSize {
		t.Fatalf("frozen %+v", st)
	}
	return h, opened.Issues[0]
}

// take leases chunk 0 and claims limit rows of it.
func (h *mailHouse) take(issue string, limit int) (int64, []newsroom.Recipient) {
	h.t.Helper()
	lease, err := h.LeaseChunk(h.t.Context(), issue, 0, h.Store.now(), quarantine)
	if err != nil {
		h.t.Fatal(err)
	}
	return lease, h.claim(issue, lease, limit)
}

func (h *mailHouse) claim(issue string, lease int64, limit int) []newsroom.Recipient {
	h.t.Helper()
	rows, err := h.Claim(h.t.Context(), issue, 0, lease, limit, h.Store.now())
	if err != nil {
		h.t.Fatal(err)
	}
	return rows
}

// unrolled writes the rows of the chunks that nobody has claimed yet.
func (h *mailHouse) unrolled(issue string) {
	h.t.Helper()
	if err := h.tx(h.t.Context(), func(tx pgx.Tx) error { return h.unrollAll(h.t.Context(), tx, issue, h.Store.now()) }); err != nil {
		h.t.Fatal(err)
	}
}

func (h *mailHouse) entry(issue string, r newsroom.Recipient, lease int64, state newsroom.DeliveryState) ledgerEntry {
	return ledgerEntry{IssueID: issue, SubscriberID: r.SubscriberID, Lease: lease, State: state, At: h.Store.now()}
}

func (h *mailHouse) state(issue string, r newsroom.Recipient) newsroom.DeliveryState {
	h.t.Helper()
	return newsroom.DeliveryState(h.text(`SELECT state FROM mail_deliveries WHERE issue_id = $1 AND subscriber_id = $2`, issue, r.SubscriberID))
}

func TestCommitGrantsAndSettlesOnce(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 5)
	ctx := t.Context()
	lease, rows := h.take(issue, 5)
	if len(rows) != 5 || !slices.IsSortedFunc(rows, func(a, b newsroom.Recipient) int {
		return map[bool]int{true: -1, false: 1}[a.SubscriberID < b.SubscriberID]
	}) {
		t.Fatalf("claimed %d rows", len(rows))
	}
	dot := h.entry(issue, rows[0], lease, newsroom.DeliveryDot)
	dot.BodyHash = []byte("hash")
	for range 2 { // a repeat answers the same
		if got := h.commit(ctx, dot); got[0] != newsroom.DeliveryDot {
			t.Fatalf("dot: %v", got)
		}
	}
	next := h.now().Add(time.Minute).UTC()
	soft := h.entry(issue, rows[2], lease, newsroom.DeliverySoft)
	soft.Next, soft.Code, soft.Enhanced, soft.Reply, soft.Stage = &next, 451, "4.7.1", "try again later", "rcpt"
	batch := []ledgerEntry{
		h.entry(issue, rows[0], lease, newsroom.DeliverySent),
		h.entry(issue, rows[1], lease, newsroom.DeliveryDot),
		soft,
		h.entry(issue, rows[3], lease+1, newsroom.DeliveryDot),
		{IssueID: issue, SubscriberID: "nobody", Lease: lease, State: newsroom.DeliveryDot, At: h.now()},
	}
	want := []newsroom.DeliveryState{"sent", "dot", "soft", "", ""}
	for range 2 {
		if got := h.commit(ctx, batch...); !slices.Equal(got, want) {
			t.Fatalf("answers %v, want %v", got, want)
		}
	}
	if n := h.value(`SELECT attempt FROM mail_deliveries WHERE subscriber_id = $1`, rows[2].SubscriberID); n != 1 {
		t.Errorf("%d attempts after one refusal that was committed twice", n)
	}
	counts, due, status, err := h.Chunk(ctx, issue, 0)
	if err != nil || counts != (newsroom.IssueCounts{Candidates: 5, Sent: 1, Waiting: 4}) || due == nil || !due.Equal(next) || status != newsroom.IssueSending {
		t.Errorf("chunk %+v, %v, %s, %v", counts, due, status, err)
	}
	if again := h.claim(issue, lease, 5); len(again) != 0 {
		t.Errorf("claimed %d rows again", len(again))
	}
	h.later(time.Minute)
	if again := h.claim(issue, lease, 5); len(again) != 1 || again[0].SubscriberID != rows[2].SubscriberID || again[0].Attempt != 1 || again[0].Code != 451 {
		t.Errorf("after the wait: %+v", again)
	}
}

// The configuration refuses an address that leaves a link no room; what it lets through fits, also after many keys.
func TestTheLongestAddressFitsIntoALeaveLink(t *testing.T) {
	t.Parallel()
	for version, most := range map[int]int{1: mail.MaxLeaveURL - 1, 255: mail.MaxLeaveURL} {
		ring, err := secret.NewRing(map[int][]byte{version: bytes.Repeat([]byte{7}, secret.KeySize)})
		if err != nil {
			t.Fatal(err)
		}
		token := (&Store{keys: ring}).leaveToken(newsroom.NewID(), newsroom.NewID(), version)
		if n := config.MaxURL + len("/huy/") + len(token); n != most {
			t.Errorf("key %d: %d octets, want %d", version, n, most)
		}
	}
}

func TestTokensAreTheSameForEveryAttempt(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 1)
	lease, first := h.take(issue, 1)
	h.commit(t.Context(), h.entry(issue, first[0], lease, newsroom.DeliveryPending))
	_, second := h.take(issue, 1)
	if len(first) != 1 || len(second) != 1 || first[0] != second[0] {
		t.Fatalf("first %+v\nthen  %+v", first, second)
	}
	r := first[0]
	if r.Email != "reader00000@example.vn" || r.VERP == "" || r.MessageID == "" || r.Since.IsZero() {
		t.Errorf("recipient %+v", r)
	}
	for _, link := range []string{r.LeaveURL, r.PrefsURL} {
		if len(link) > 120 {
			t.Errorf("%s has %d octets", link, len(link))
		}
	}
	token := r.LeaveURL[len("https://vankhe.example.vn/huy/"):]
	if l, err := h.Leaving(t.Context(), token); err != nil || l.SubscriberID != r.SubscriberID || l.Section != "kinh-te" || !l.Still {
		t.Errorf("leave link: %+v, %v", l, err)
	}
	if u, err := h.SubscriberByToken(t.Context(), r.PrefsURL[len("https://vankhe.example.vn/tuy-chon/"):]); err != nil || u.ID != r.SubscriberID {
		t.Errorf("preferences link: %+v, %v", u, err)
	}
}

// What a worker that was stopped knows of a mail that is in doubt since is not thrown away, unless the mail is on its way once more.
func TestALateAnswerEndsADoubt(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 5)
	ctx := t.Context()
	old, rows := h.take(issue, 5)
	for _, r := range rows {
		h.commit(ctx, h.entry(issue, r, old, newsroom.DeliveryDot))
	}
	lease, _ := h.take(issue, 5) // all five are in doubt now
	due := h.now().Add(time.Hour)
	soft, before := h.entry(issue, rows[2], old, newsroom.DeliverySoft), h.entry(issue, rows[1], old, newsroom.DeliverySoft)
	soft.Next, soft.Stage, before.Next, before.Stage = &due, "dot", &due, "rcpt"
	late := []ledgerEntry{
		h.entry(issue, rows[0], old, newsroom.DeliverySent), soft,
		h.entry(issue, rows[3], old-1, newsroom.DeliverySent), // of an earlier copy
		before, h.entry(issue, rows[4], old, newsroom.DeliveryPending), // no answers to a dot
	}
	want := []newsroom.DeliveryState{newsroom.DeliverySent, newsroom.DeliverySoft, "", "", ""}
	for range 2 { // a repeat answers the same
		if got := h.commit(ctx, late...); !slices.Equal(got, want) {
			t.Errorf("answers %v, want %v", got, want)
		}
	}
	if got := h.text(`SELECT string_agg(state || attempt, ' ' ORDER BY subscriber_id) FROM mail_deliveries WHERE issue_id = $1`, issue); got != "sent0 in_doubt1 soft1 in_doubt1 in_doubt1" {
		t.Errorf("rows %s", got)
	}
	h.later(quarantine)
	if again := h.claim(issue, lease, 5); len(again) != 3 || again[0].SubscriberID != rows[1].SubscriberID {
		t.Fatalf("sent again: %+v", again)
	}
	if got := h.commit(ctx, h.entry(issue, rows[4], old, newsroom.DeliverySent)); got[0] != "" {
		t.Errorf("a mail that is on its way once more is %s", got[0])
	}
}

// An old lease gets no dot and no row; only what it knows of mails that went out under it counts.
func TestOldLeaseCommitsNothing(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 3)
	ctx := t.Context()
	old, rows := h.take(issue, 3)
	h.commit(ctx, h.entry(issue, rows[0], old, newsroom.DeliveryDot), h.entry(issue, rows[1], old, newsroom.DeliveryDot))
	h.commit(ctx, h.entry(issue, rows[1], old, newsroom.DeliverySent))
	fresh, again := h.take(issue, 10)
	if fresh != old+1 || len(again) != 1 || again[0].SubscriberID != rows[2].SubscriberID {
		t.Fatalf("the next worker (lease %d) took %+v", fresh, again)
	}
	if got := h.state(issue, rows[0]); got != newsroom.DeliveryInDoubt {
		t.Errorf("what stood at its dot is %s", got)
	}
	got := h.commit(ctx, h.entry(issue, rows[0], old, newsroom.DeliverySent), h.entry(issue, rows[2], old, newsroom.DeliveryDot),
		h.entry(issue, rows[1], old, newsroom.DeliverySent))
	if !slices.Equal(got, []newsroom.DeliveryState{"sent", "", "sent"}) {
		t.Errorf("the zombie's commits answer %v", got)
	}
	if rows := h.claim(issue, old, 10); len(rows) != 0 {
		t.Errorf("the zombie claims %d rows", len(rows))
	}
}

func TestDoubtIsSentOnceMoreAndStaysMarked(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 2)
	ctx := t.Context()
	lease, rows := h.take(issue, 2)
	next := h.now().Add(quarantine)
	doubt := h.entry(issue, rows[0], lease, newsroom.DeliveryInDoubt)
	doubt.Next = &next
	h.commit(ctx, h.entry(issue, rows[0], lease, newsroom.DeliveryDot), h.entry(issue, rows[1], lease, newsroom.DeliveryDot))
	h.commit(ctx, doubt)
	// The second row's worker dies at the dot.
	h.later(time.Second)
	lease, again := h.take(issue, 2)
	if len(again) != 0 {
		t.Fatalf("a doubt was sent again at once: %+v", again)
	}
	h.later(quarantine)
	if again = h.claim(issue, lease, 2); len(again) != 2 || again[0].Attempt != 1 || again[1].Attempt != 1 {
		t.Fatalf("after the quarantine: %+v", again)
	}
	h.commit(ctx, h.entry(issue, rows[0], lease, newsroom.DeliveryDot), h.entry(issue, rows[1], lease, newsroom.DeliveryDot))
	second := h.entry(issue, rows[1], lease, newsroom.DeliveryInDoubt)
	second.Next = &next
	if got := h.commit(ctx, h.entry(issue, rows[0], lease, newsroom.DeliverySent), second); !slices.Equal(got, []newsroom.DeliveryState{"in_doubt_resent", "in_doubt_resent"}) {
		t.Errorf("answers %v", got)
	}
	st, err := h.CloseIssue(ctx, issue)
	if err != nil || st.Status != newsroom.IssueDone || st.Counts != (newsroom.IssueCounts{Candidates: 2, InDoubt: 2}) {
		t.Errorf("closed %+v, %v", st, err)
	}
}

func TestHeldDoubtIsNeverDue(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 1)
	ctx := t.Context()
	lease, rows := h.take(issue, 1)
	h.commit(ctx, h.entry(issue, rows[0], lease, newsroom.DeliveryDot))
	if _, err := h.LeaseChunk(ctx, issue, 0, h.now(), 0); err != nil {
		t.Fatal(err)
	}
	st, err := h.DeliveryStanding(ctx, issue)
	if err != nil || st.Next != nil || len(st.Due) != 0 || st.Counts.InDoubt != 1 {
		t.Errorf("standing %+v, %v", st, err)
	}
}

func TestWhoLeavesGetsNoDot(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 4)
	ctx := t.Context()
	lease, rows := h.take(issue, 2)
	token := func(r newsroom.Recipient) string { return r.LeaveURL[len("https://vankhe.example.vn/huy/"):] }
	for range 2 {
		if l, err := h.Leave(ctx, token(rows[0]), false, newsroom.Proof{Source: "one_click"}); err != nil || l.State != newsroom.SubscriberLeft {
			t.Fatalf("leave: %+v, %v", l, err)
		}
	}
	h.commit(ctx, h.entry(issue, rows[1], lease, newsroom.DeliveryDot))
	if _, err := h.Leave(ctx, token(rows[1]), false, newsroom.Proof{}); err != nil { // too late: the dot may be on the wire
		t.Fatal(err)
	}
	got := h.commit(ctx, h.entry(issue, rows[0], lease, newsroom.DeliveryDot), h.entry(issue, rows[1], lease, newsroom.DeliverySent))
	if !slices.Equal(got, []newsroom.DeliveryState{"suppressed", "sent"}) {
		t.Errorf("answers %v", got)
	}
	// One whose address is known to be dead meanwhile, and one whom nobody told the ledger about.
	h.exec(`UPDATE subscribers SET state = 'left' WHERE email = 'reader00002@example.vn' OR email = 'reader00003@example.vn'`)
	if rest := h.claim(issue, lease, 10); len(rest) > 2 {
		t.Errorf("claimed %d", len(rest))
	}
	if n := h.value(`SELECT count(*) FROM letters WHERE kind = 'unsubscribed'`); n != 2 {
		t.Errorf("%d letters confirm the leaving, want 2", n)
	}
}

func TestLeavingRacesWithDots(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 60)
	ctx := t.Context()
	lease, rows := h.take(issue, 60)
	granted := make([]newsroom.DeliveryState, len(rows))
	var both sync.WaitGroup
	both.Go(func() {
		for i, r := range rows {
			states, err := h.Commit(ctx, []ledgerEntry{h.entry(issue, r, lease, newsroom.DeliveryDot)})
			if err != nil {
				t.Error(err)
				return
			}
			granted[i] = states[0]
		}
	})
	both.Go(func() {
		for _, r := range slices.Backward(rows) {
			if _, err := h.Leave(ctx, r.LeaveURL[len("https://vankhe.example.vn/huy/"):], true, newsroom.Proof{}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	both.Wait()
	seen := map[newsroom.DeliveryState]int{}
	for i, r := range rows {
		state := h.state(issue, r)
		seen[state]++
		if state != granted[i] || (state != newsroom.DeliveryDot && state != newsroom.DeliverySuppressed) {
			t.Errorf("%s was answered %s and is %s", r.SubscriberID, granted[i], state)
		}
	}
	if seen[newsroom.DeliveryDot]+seen[newsroom.DeliverySuppressed] != 60 {
		t.Errorf("states %v", seen)
	}
}

func TestHardBounceSuppressesEverywhere(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 2)
	ctx := t.Context()
	h.publish("article00002", 1, 1, "published", newsroom.ChangeNew)
	other := h.mail("article00002", 1, "published", newsroom.ChangeNew).Issues[0]
	h.ready(other)
	h.unrolled(other) // its rows are in the ledger, nobody has claimed one
	lease, rows := h.take(issue, 2)
	hard := h.entry(issue, rows[0], lease, newsroom.DeliveryHard)
	hard.Suppress, hard.Code, hard.Enhanced, hard.Stage = true, 550, "5.1.1", "rcpt"
	if got := h.commit(ctx, hard, h.entry(issue, rows[1], lease, newsroom.DeliveryDot)); !slices.Equal(got, []newsroom.DeliveryState{"hard", "dot"}) {
		t.Fatalf("answers %v", got)
	}
	if got := h.state(other, rows[0]); got != newsroom.DeliverySuppressed {
		t.Errorf("the other issue's row is %s", got)
	}
	u, err := h.Subscriber(ctx, rows[0].SubscriberID)
	if err != nil || u.Blocked != suppressedHard {
		t.Errorf("subscriber %+v, %v", u, err)
	}
	if err := h.UnblockSubscriber(ctx, h.admin, rows[0].SubscriberID); err != nil {
		t.Fatal(err)
	}
	if u, err = h.Subscriber(ctx, rows[0].SubscriberID); err != nil || u.Blocked != "" {
		t.Errorf("unblocked %+v, %v", u, err)
	}
}

func TestPausedAndStoppedIssues(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 4)
	ctx := t.Context()
	lease, rows := h.take(issue, 2)
	h.commit(ctx, h.entry(issue, rows[0], lease, newsroom.DeliveryDot))
	if err := h.PauseIssue(ctx, h.admin, issue); err != nil {
		t.Fatal(err)
	}
	got := h.commit(ctx, h.entry(issue, rows[0], lease, newsroom.DeliverySent), h.entry(issue, rows[1], lease, newsroom.DeliveryDot))
	if !slices.Equal(got, []newsroom.DeliveryState{"sent", "pending"}) {
		t.Fatalf("while paused: %v", got)
	}
	if more := h.claim(issue, lease, 10); len(more) != 0 {
		t.Fatalf("claimed %d while paused", len(more))
	}
	if err := h.ResumeIssue(ctx, h.admin, issue); err != nil {
		t.Fatal(err)
	}
	if rows = h.claim(issue, lease, 2); len(rows) != 2 {
		t.Fatalf("claimed %d after resuming", len(rows))
	}
	// Readers do not see the article any more: the transaction that takes it away stops its mails.
	h.publish("article00001", 1, 2, "withdrawn", "")
	opened := h.mail("article00001", 2, "withdrawn", "")
	if !slices.Equal(opened.Stopped, []string{issue}) || len(opened.Issues) != 0 {
		t.Fatalf("withdrawal %+v", opened)
	}
	if got := h.commit(ctx, h.entry(issue, rows[0], lease, newsroom.DeliveryDot)); got[0] != newsroom.DeliveryCancelled {
		t.Errorf("dot after the withdrawal: %v", got)
	}
	st, err := h.CloseIssue(ctx, issue)
	if err != nil || st.Status != newsroom.IssueAborted || st.Counts != (newsroom.IssueCounts{Candidates: 4, Sent: 1, Cancelled: 3}) {
		t.Errorf("closed %+v, %v", st, err)
	}
	if err := h.ResumeIssue(ctx, h.admin, issue); err == nil {
		t.Error("a withdrawn article is mailed on")
	}
	h.publish("article00001", 1, 3, "restored", "")
	if err := h.ResumeIssue(ctx, h.admin, issue); err != nil {
		t.Fatal(err)
	}
	if st, err = h.DeliveryStanding(ctx, issue); err != nil || st.Status != newsroom.IssueSending || st.Counts.Waiting != 3 {
		t.Errorf("resumed %+v, %v", st, err)
	}
}

func TestFreezeCountsEverybodyOnce(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	h.many(2*chunkSize+200, "kinh-te")
	h.publish("article00001", 1, 1, "published", newsroom.ChangeNew)
	issue := h.mail("article00001", 1, "published", newsroom.ChangeNew).Issues[0]
	st := h.ready(issue)
	if st.Counts.Candidates != 2*chunkSize+200 || st.Counts.Waiting != st.Counts.Candidates || !slices.Equal(st.Due, []int{0, 1, 2}) {
		t.Fatalf("frozen %+v, due %v", st.Counts, st.Due)
	}
	if sizes := h.text(`SELECT string_agg(total::text, ' ' ORDER BY chunk_no) FROM mail_chunks`); sizes != fmt.Sprintf("%d %d 200", chunkSize, chunkSize) {
		t.Errorf("chunks have %s recipients", sizes)
	}
	h.subscribe("late@example.vn", "kinh-te")
	if err := h.FreezeRecipients(t.Context(), issue); err != nil {
		t.Fatal(err)
	}
	if again, err := h.DeliveryStanding(t.Context(), issue); err != nil || again.Counts != st.Counts {
		t.Errorf("frozen again %+v, %v", again.Counts, err)
	}
	_, rows := h.take(issue, chunkSize)
	if len(rows) != chunkSize {
		t.Fatalf("%d claimed", len(rows))
	}
	if after, err := h.DeliveryStanding(t.Context(), issue); err != nil || after.Counts != st.Counts || !slices.Equal(after.Due, st.Due) {
		t.Errorf("a claimed chunk is counted %+v, due %v, %v", after.Counts, after.Due, err)
	}
	counts, _, _, err := h.Chunk(t.Context(), issue, 2)
	if err != nil || counts.Candidates != 200 || counts.Waiting != 200 {
		t.Errorf("a chunk that waits is counted %+v, %v", counts, err)
	}
	list, next, err := h.DeliveryRows(t.Context(), issue, newsroom.DeliveryFilter{Limit: 200, State: newsroom.DeliveryPending})
	if err != nil || len(list) != 200 || next == "" || list[0].Email == "" {
		t.Errorf("%d waiting recipients shown, %v", len(list), err)
	}
}

// Between the freeze and the claim people leave: none of their mails is made, and each is accounted for.
func TestWhoLeavesBeforeTheClaimGetsNothing(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	h.exec(`INSERT INTO sections (id, name_vi) VALUES ('van-hoa', 'Văn hóa') ON CONFLICT DO NOTHING`)
	var ids []string
	for _, name := range []string{"gone", "list", "erased", "blocked", "stays"} {
		ids = append(ids, h.subscribe(name+"@example.vn", "kinh-te", "van-hoa"))
	}
	h.publish("article00001", 1, 1, "published", newsroom.ChangeNew)
	issue := h.mail("article00001", 1, "published", newsroom.ChangeNew).Issues[0]
	h.ready(issue)
	prefs := func(k int) string { return h.keys.Token(PurposePrefs, ids[k], 1) }
	_, left := h.LeaveAll(ctx, prefs(0), newsroom.Proof{})
	if err := errors.Join(
		left, h.leaveLists(ctx, ids[1], []string{"kinh-te"}, "", newsroom.Proof{}), h.Erase(ctx, prefs(2), newsroom.Proof{}), h.BlockSubscriber(ctx, h.admin, ids[3]),
	); err != nil {
		t.Fatal(err)
	}
	if _, rows := h.take(issue, chunkSize); len(rows) != 1 || rows[0].SubscriberID != ids[4] {
		t.Fatalf("claimed %+v", rows)
	}
	st, err := h.DeliveryStanding(ctx, issue)
	if err != nil || st.Counts.Suppressed != 4 || st.Counts.Waiting != 1 || !st.Counts.Balanced() {
		t.Errorf("%+v, %v", st.Counts, err)
	}
	if n := h.value(`SELECT count(*) FROM mail_deliveries WHERE email <> '' AND subscriber_id = '` + ids[2] + `'`); n != 0 {
		t.Error("an erased address is in the ledger")
	}
}

// One trouble is one alert: what the courier told already is not told again for each issue it holds, and resuming clears it.
func TestHeldIssuesAreOneAlert(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 2)
	ctx := t.Context()
	alerts := func() string {
		return h.text(`SELECT coalesce(string_agg(code, ' ' ORDER BY code), '') FROM alerts WHERE cleared_at IS NULL`)
	}
	if err := h.RaiseAlert(ctx, "mail/relay_auth", "relay_auth", map[string]any{"relay": "x"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{{"relay_auth", "relay_auth"}, {"cannot_compose", "issue_held"}} {
		for range 2 {
			if err := h.HoldIssue(ctx, issue, c[0], h.now()); err != nil {
				t.Fatal(err)
			}
		}
		if st, err := h.DeliveryStanding(ctx, issue); err != nil || st.Status != newsroom.IssuePaused || alerts() != c[1] {
			t.Errorf("held for %s: %s, alerts %q, %v", c[0], st.Status, alerts(), err)
		}
		if err := h.ResumeIssue(ctx, h.admin, issue); err != nil || alerts() != "" {
			t.Errorf("resumed, and alerts are %q, %v", alerts(), err)
		}
	}
}
