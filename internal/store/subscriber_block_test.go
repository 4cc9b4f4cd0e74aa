package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"toasoan/newsroom"
)

// block puts a block on an address as older rows or another program may have left it.
func (h *mailHouse) block(email, scope, why string) {
	h.t.Helper()
	h.exec(`INSERT INTO suppressions (email_mac, scope, why, at) VALUES ($1, $2, $3, $4)`, h.emailMAC(email), scope, why, h.now())
}

// optIn leases the newest letter that asks a subscriber to confirm.
func (h *mailHouse) optIn(subscriber string) (id string, lease letterLease) {
	h.t.Helper()
	id = h.text(`SELECT id FROM letters WHERE subscriber_id = $1 AND kind IN ('confirm_subscription', 'confirm_reminder') ORDER BY created_at DESC, id DESC LIMIT 1`, subscriber)
	lease, err := h.LeaseLetter(h.t.Context(), id, h.now(), time.Minute)
	if err != nil {
		h.t.Fatal(err)
	}
	return id, lease
}

// Whose mail once came back, because the address was closed then, is asked again as anybody is, and free by confirming, on record.
func TestRefusedAddressIsAskedAgain(t *testing.T) {
	t.Parallel()
	h, _, rows := sentTo(t, 1)
	ctx := t.Context()
	known := rows[0]
	h.bounce(report(newsroom.BounceHard, known, "5.1.1", "a"), newsroom.BounceTaken)
	h.later(time.Hour)
	if id := h.wish(known.Email, "", "vi", newsroom.CadenceDaily, "kinh-te"); id != known.SubscriberID {
		t.Fatalf("asked as %q", id)
	}
	if _, lease := h.optIn(known.SubscriberID); lease.State != newsroom.DeliveryClaimed {
		t.Fatalf("the letter is %s", lease.State)
	}
	if got := h.blocked(known.SubscriberID); got != "hard" {
		t.Errorf("asking alone makes the block %q", got)
	}
	if did := h.pressed(known.SubscriberID); !strings.HasSuffix(did, "kinh-te:daily") {
		t.Errorf("the press did %s", did)
	}
	if got := h.blocked(known.SubscriberID); got != "" {
		t.Errorf("after confirming still blocked by %q", got)
	}
	consents, err := h.Consents(ctx, known.SubscriberID)
	if err != nil || fmt.Sprint(consents[len(consents)-1].Detail["lifted"]) != "[hard]" {
		t.Errorf("on record is %+v, %v", consents[len(consents)-1], err)
	}
	// Words of before the confirmation that arrive late say nothing of the address now.
	h.later(time.Hour)
	late := report(newsroom.BounceHard, known, "5.1.1", "another report of the mail of then")
	h.bounce(late, newsroom.BounceTaken)
	if got := h.blocked(known.SubscriberID); got != "" {
		t.Errorf("a late report blocks by %q", got)
	}
	// Also somebody nobody knows any more.
	h.block("gone@example.vn", scopeAll, suppressedHard)
	gone := h.wish("gone@example.vn", "", "vi", newsroom.CadenceInstant, "kinh-te")
	if _, lease := h.optIn(gone); lease.State != newsroom.DeliveryClaimed {
		t.Errorf("the letter to a forgotten address is %s", lease.State)
	}
	if h.pressed(gone); h.value(`SELECT count(*) FROM suppressions`) != 0 {
		t.Error("the block of a forgotten address stands")
	}
}

// Where the opt-in letter is refused as well, the block stays, and nobody is reminded.
func TestRefusedOptInKeepsTheBlock(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	h.block("gone@example.vn", scopeAll, suppressedHard)
	who := h.wish("gone@example.vn", "", "vi", newsroom.CadenceInstant, "kinh-te")
	id, lease := h.optIn(who)
	h.commit(t.Context(), ledgerEntry{LetterID: id, Lease: lease.Lease, State: newsroom.DeliveryHard, At: h.now(), Code: 550, Enhanced: "5.1.1", Stage: "rcpt", Suppress: true})
	if got := h.blocked(who); got != "hard" {
		t.Errorf("blocked by %q", got)
	}
	h.later(24 * time.Hour)
	if err := h.RemindSubscriber(t.Context(), who); err != nil {
		t.Fatal(err)
	}
	if n := h.value(`SELECT count(*) FROM letters`); n != 1 {
		t.Errorf("%d letters to an address that refuses them", n)
	}
}

// Nobody's form makes us write to whom we promised not to, and no confirmation lifts that; only the office does.
func TestHeldAddressIsNotAsked(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	for k, block := range [][2]string{
		{scopeBulk, suppressedComplaint}, {scopeAll, suppressedComplaint}, {scopeBulk, suppressedAdmin}, {scopeAll, suppressedAdmin}, {scopeAll, suppressedErased},
	} {
		email := fmt.Sprintf("held%d@example.vn", k)
		h.block(email, block[0], block[1])
		if block[0] == scopeBulk { // a second reason does not open the first
			h.block(email, scopeAll, suppressedHard)
		}
		if id := h.wish(email, "", "vi", newsroom.CadenceInstant, "kinh-te"); id != "" {
			t.Errorf("%v: asked as %s", block, id)
		}
	}
	if n := h.value(`SELECT count(*) FROM letters`) + h.value(`SELECT count(*) FROM subscribers`); n != 0 {
		t.Errorf("%d traces", n)
	}
	// A block that comes between the letter and the press outlives the press.
	who := h.wish("between@example.vn", "", "vi", newsroom.CadenceInstant, "kinh-te")
	h.block("between@example.vn", scopeAll, suppressedHard)
	if err := h.BlockSubscriber(ctx, h.admin, who); err != nil {
		t.Fatal(err)
	}
	if _, lease := h.optIn(who); lease.State != newsroom.DeliverySuppressed {
		t.Errorf("the letter is %s", lease.State)
	}
	h.pressed(who)
	c, err := h.Confirmation(ctx, h.confirmation(who))
	if err != nil || !c.Done || c.Blocked != suppressedAdmin || h.blocked(who) != suppressedAdmin {
		t.Errorf("the press lifted the office's block: %+v, %v", c, err)
	}
}

// The office's word takes the place of what a confirmation would lift.
func TestOfficesBlockIsTheStronger(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	who := h.subscribe("binh@example.vn", "kinh-te")
	h.block("binh@example.vn", scopeBulk, suppressedSoft)
	if err := h.BlockSubscriber(ctx, h.admin, who); err != nil {
		t.Fatal(err)
	}
	if got := h.blocked(who); got != suppressedAdmin {
		t.Errorf("the office's block is %q", got)
	}
	h.block("binh@example.vn", scopeAll, suppressedHard)
	if err := h.EraseSubscriber(ctx, h.admin, who); err != nil {
		t.Fatal(err)
	}
	if got := h.text(`SELECT string_agg(why, ' ' ORDER BY scope) FROM suppressions`); got != "hard admin" {
		t.Errorf("after erasure it is blocked by %s", got)
	}
}

// A block outlives the person's data; whoever wants mail again asks the office, which finds the block by the address.
func TestOfficeLiftsABlockByTheAddress(t *testing.T) {
	t.Parallel()
	h, _, rows := sentTo(t, 1)
	ctx := t.Context()
	h.bounce(report(newsroom.BounceComplaint, rows[0], "", "a"), newsroom.BounceTaken)
	h.later(15 * 24 * time.Hour)
	if n, err := h.EraseLeft(ctx, 10); err != nil || n != 1 {
		t.Fatalf("erased %d, %v", n, err)
	}
	if id := h.wish(rows[0].Email, "", "vi", newsroom.CadenceInstant, "kinh-te"); id != "" {
		t.Fatal("asked who called it spam")
	}
	for _, email := range []string{rows[0].Email, "stranger@example.vn"} {
		asked := h.asks(newsroom.InquiryObjection, email, "Cho tôi nhận tin lại")
		if email != rows[0].Email {
			if err := h.SettleInquiry(ctx, h.admin, asked, newsroom.InquiryBlocked); err != nil {
				t.Fatal(err)
			}
		}
		if i := h.inquiry(asked); !newsroom.Held(i.Blocked) {
			t.Errorf("%s is blocked by %q", email, i.Blocked)
		}
		if err := h.SettleInquiry(ctx, h.admin, asked, newsroom.InquiryUnblocked); err != nil {
			t.Fatal(err)
		}
		if i := h.inquiry(asked); i.Blocked != "" || i.Acts[len(i.Acts)-1].Act != newsroom.InquiryUnblocked {
			t.Errorf("%+v", i)
		}
		if id := h.wish(email, "", "vi", newsroom.CadenceInstant, "kinh-te"); id == "" {
			t.Errorf("%s is still not asked", email)
		}
	}
	if n := h.value(`SELECT count(*) FROM audit WHERE action = 'inquiry.unblocked'`); n != 2 {
		t.Errorf("%d acts on record", n)
	}
}

// Whoever calls an opt-in letter spam that a stranger caused gets no other, however often the stranger asks.
func TestComplaintAboutAnOptInEndsTheLetters(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	who := h.wish("victim@example.vn", "", "vi", newsroom.CadenceInstant, "kinh-te")
	id, lease := h.optIn(who)
	for _, state := range []newsroom.DeliveryState{newsroom.DeliveryDot, newsroom.DeliverySent} {
		h.commit(t.Context(), ledgerEntry{LetterID: id, Lease: lease.Lease, State: state, At: h.now()})
	}
	h.bounce(newsroom.Bounce{Kind: newsroom.BounceComplaint, Tokens: []string{lease.View.VERP}, Report: []byte("c"), Via: "imap"}, newsroom.BounceTaken)
	if got := h.shown(who); !strings.Contains(got, newsroom.ErrNotFound.Error()) {
		t.Errorf("the link of a letter that was called spam shows %s", got)
	}
	if again := h.wish("victim@example.vn", "", "vi", newsroom.CadenceInstant, "kinh-te"); again != "" {
		t.Error("asked again")
	}
	if n := h.value(`SELECT count(*) FROM letters`); n != 1 {
		t.Errorf("%d letters", n)
	}
	if got := h.text(`SELECT email || state || (SELECT string_agg(why, ' ') FROM suppressions) FROM subscribers`); got != "erasedcomplaint" {
		t.Errorf("of somebody who never asked is kept %s", got)
	}
}

// What was forgotten by confirming does not count towards the next block.
func TestConfirmingForgivesWhatCameBack(t *testing.T) {
	t.Parallel()
	h, _, rows := sentTo(t, 1)
	who := rows[0].SubscriberID
	h.bounce(report(newsroom.BounceSoft, rows[0], "5.2.2", "1"), newsroom.BounceTaken)
	for k := range 2 {
		rows := h.deliver(h.anotherIssue(fmt.Sprintf("bai-%d", k), 1), 1)
		h.bounce(report(newsroom.BounceSoft, rows[0], "5.2.2", fmt.Sprint(k, "x")), newsroom.BounceTaken)
	}
	if got := h.blocked(who); got != "soft" {
		t.Fatalf("blocked by %q", got)
	}
	h.wish(rows[0].Email, "", "vi", newsroom.CadenceInstant, "kinh-te")
	h.pressed(who)
	next := h.deliver(h.anotherIssue("bai-sau", 1), 1)
	h.bounce(report(newsroom.BounceSoft, next[0], "5.2.2", "after"), newsroom.BounceTaken)
	if got := h.blocked(who); got != "" {
		t.Errorf("one failure after confirming blocks by %q", got)
	}
}
