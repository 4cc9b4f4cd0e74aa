package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"toasoan/internal/store"
	"toasoan/newsroom"
)

// letter finds the id of the newest letter of kind to somebody about an article.
func (d *newsdesk) letter(t *testing.T, article string, kind newsroom.LetterKind, to newsroom.Person) string {
	t.Helper()
	return d.scalar(t, `SELECT id FROM letters WHERE article_id = $1 AND kind = $2 AND user_id = $3 ORDER BY created_at DESC LIMIT 1`, article, kind, to.ID)
}

func (d *newsdesk) view(t *testing.T, id string) newsroom.LetterView {
	t.Helper()
	v, err := d.LetterView(t.Context(), id)
	if err != nil {
		t.Fatalf("letter %s: %v", id, err)
	}
	return v
}

func TestApprovalLetterSaysWhatIsAsked(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Vân Khê đạt chuẩn nông thôn mới"), newsroom.StageInReview)
	d.allowed(t, d.reviewer, id, newsroom.MoveForward, func(r *newsroom.Request) { r.Comment = "Đã kiểm tra số liệu." })
	letter := d.letter(t, id, newsroom.LetterApproval, d.leader)
	v := d.view(t, letter)
	if v.ToEmail != d.leader.Email || v.Title != "Vân Khê đạt chuẩn nông thôn mới" || v.Lead != "Sapo của bài." || v.Section != "Kinh tế" ||
		v.Authors != "Mai Lan – Văn Bình" || v.Reviewer != d.reviewer.Name || v.Note != "Đã kiểm tra số liệu." || v.ActorName != d.reviewer.Name {
		t.Errorf("view %+v", v)
	}
	if v.At == nil || v.Due == nil || v.Left != newsroom.WorkingDay*time.Minute || v.Thread == "" || v.MessageID == "" {
		t.Errorf("at %v, due %v, left %s", v.At, v.Due, v.Left)
	}
	if !strings.HasPrefix(v.Link, "/duyet/") && !strings.Contains(v.Link, "/duyet/") || len(v.Link) < 40 {
		t.Errorf("link %q", v.Link)
	}
	if again := d.view(t, letter); again.Link != v.Link || again.MessageID != v.MessageID || !again.Date.Equal(v.Date) {
		t.Error("a second attempt makes another mail")
	}
	// What was recalled is not asked any more: the letter has nothing to say.
	d.allowed(t, d.author, id, newsroom.MoveRecall)
	if _, err := d.LetterView(t.Context(), letter); !errors.Is(err, newsroom.ErrNotFound) {
		t.Errorf("a dead link is mailed: %v", err)
	}
	lease, err := d.LeaseLetter(t.Context(), letter, time.Now(), time.Minute)
	if err != nil || lease.State != newsroom.DeliverySuppressed {
		t.Errorf("leased %+v, %v", lease, err)
	}
}

// Reminders carry the working link of whoever is asked; who is only told gets the article's page; a stand-in reads for whom to sign.
func TestReminderLettersCarryTheLink(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Chờ đến quá hạn"), newsroom.StageAwaitingApproval)
	first := d.view(t, d.letter(t, id, newsroom.LetterApproval, d.leader))
	for range 4 {
		d.clock.forward(24 * time.Hour)
		if _, err := d.SettleDue(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	late := d.view(t, d.letter(t, id, newsroom.LetterApprovalOverdue, d.leader))
	if late.Link != first.Link || late.Told || late.Thread != first.Thread || late.Left > 0 || !late.At.Equal(*first.At) || late.MessageID == first.MessageID {
		t.Errorf("to the leader: %+v", late)
	}
	token := late.Link[strings.LastIndexByte(late.Link, '/')+1:]
	if v, err := d.AskByToken(t.Context(), token); err != nil || v.Over != "" {
		t.Errorf("the reminder's link is dead: %q, %v", v.Over, err)
	}
	deputy := d.view(t, d.letter(t, id, newsroom.LetterApproval, d.deputy))
	if deputy.Behalf != d.leader.Name || deputy.Link == first.Link || !strings.Contains(deputy.Link, "/duyet/") {
		t.Errorf("to the deputy: %+v", deputy)
	}
	other := d.upTo(t, story("Nhắc người trình"), newsroom.StageAwaitingApproval)
	d.clock.forward(6*time.Hour + 20*time.Minute)
	if _, err := d.SettleDue(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	d.clock.forward(24 * time.Hour)
	if _, err := d.SettleDue(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	for _, letter := range strings.Fields(d.scalar(t, `SELECT string_agg(id, ' ') FROM letters WHERE article_id = $1 AND user_id = $2 AND kind LIKE 'approval_%'`, other, d.reviewer.ID)) {
		if v := d.view(t, letter); !v.Told || strings.Contains(v.Link, "/duyet/") {
			t.Errorf("to the reviewer who forwarded: %+v", v)
		}
	}
}

func TestLettersAfterADecision(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Vân Khê mở đợt ra quân"), newsroom.StageAwaitingApproval)
	d.allowed(t, d.leader, id, newsroom.MoveRequestChanges)
	changes := d.view(t, d.letter(t, id, newsroom.LetterChanges, d.author))
	if changes.Move != newsroom.MoveRequestChanges || changes.Code != newsroom.ReasonQuality || changes.Reason != "Đề nghị bổ sung số liệu." ||
		changes.ActorName != d.leader.Name || !strings.HasSuffix(changes.Link, "/desk/articles/"+id) || changes.Due != nil {
		t.Errorf("to the author: %+v", changes)
	}
	receipt := d.view(t, d.letter(t, id, newsroom.LetterReceipt, d.leader))
	if receipt.Move != newsroom.MoveRequestChanges || !strings.Contains(receipt.NotMeLink, "/khong-phai-toi/") {
		t.Errorf("receipt: %+v", receipt)
	}
	other := d.upTo(t, story("Họp giao ban tháng mười"), newsroom.StageReleased)
	published := d.view(t, d.letter(t, other, newsroom.LetterPublished, d.author))
	if !strings.Contains(published.PublicURL, "/tin/hop-giao-ban-thang-muoi-"+other) || published.Link != published.PublicURL || published.At == nil {
		t.Errorf("published: %+v", published)
	}
}

func TestLetterToAFriendOpensItsAddressOnly(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Họp giao ban tháng mười"), newsroom.StageReleased)
	letter, err := d.WriteToFriend(t.Context(), id, "ban@example.vn", "Bác Tư", "vi")
	if err != nil {
		t.Fatal(err)
	}
	if v := d.view(t, letter); v.ToEmail != "ban@example.vn" || v.ActorName != "Bác Tư" || v.Title != "Họp giao ban tháng mười" || v.PublicURL == "" {
		t.Errorf("view %+v", v)
	}
	if kept := d.scalar(t, `SELECT data::text FROM letters WHERE id = $1`, letter); strings.Contains(kept, "ban@example.vn") {
		t.Errorf("the address is kept open: %s", kept)
	}
	// Whoever calls it spam gets nothing more that a stranger's form causes.
	if lease, err := d.LeaseLetter(t.Context(), letter, time.Now(), time.Minute); err != nil || lease.State != newsroom.DeliveryClaimed {
		t.Fatalf("leased %+v, %v", lease, err)
	}
	again, err := d.WriteToFriend(t.Context(), id, "BAN@example.vn", "", "vi")
	if err != nil {
		t.Fatal(err)
	}
	complaint := newsroom.Bounce{Kind: newsroom.BounceComplaint, Tokens: []string{d.scalar(t, `SELECT verp FROM letters WHERE id = $1`, letter)}, Report: []byte("c"), Via: "imap"}
	if r, err := d.TakeBounce(t.Context(), complaint, newsroom.BounceLimit{Issues: 5, Days: 30}); err != nil || r.Outcome != newsroom.BounceTaken {
		t.Fatalf("complaint: %+v, %v", r, err)
	}
	if lease, err := d.LeaseLetter(t.Context(), again, time.Now(), time.Minute); err != nil || lease.State != newsroom.DeliverySuppressed {
		t.Errorf("the next one is %s, %v", lease.State, err)
	}
	if other, err := d.WriteToFriend(t.Context(), id, "khac@example.vn", "", "vi"); err != nil || d.view(t, other).ToEmail != "khac@example.vn" {
		t.Errorf("others: %v", err)
	}
	letter, err = d.WriteToFriend(t.Context(), id, "nguoi@example.vn", "", "vi")
	if err != nil {
		t.Fatal(err)
	}
	d.allowed(t, d.leader, id, newsroom.MoveTakeDown)
	if _, err := d.LetterView(t.Context(), letter); !errors.Is(err, newsroom.ErrNotFound) {
		t.Errorf("an article that was taken down is sent on: %v", err)
	}
}

func TestPasswordLetterDiesWithItsLink(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	first, err := d.ForgotPassword(t.Context(), d.author.Email)
	if err != nil {
		t.Fatal(err)
	}
	v := d.view(t, first)
	if !strings.Contains(v.Link, "/mat-khau/") || v.Until == nil {
		t.Fatalf("view %+v", v)
	}
	token := v.Link[strings.LastIndexByte(v.Link, '/')+1:]
	if link, err := d.AccountLink(t.Context(), newsroom.LinkPassword, token); err != nil || link.Account.ID != d.author.ID {
		t.Errorf("the link opens %+v, %v", link.Account.ID, err)
	}
	second, err := d.ForgotPassword(t.Context(), d.author.Email)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.LetterView(t.Context(), first); !errors.Is(err, newsroom.ErrNotFound) {
		t.Errorf("a replaced link is mailed: %v", err)
	}
	if d.view(t, second).Link == v.Link {
		t.Error("both letters carry the same link")
	}
}

// commits writes one result or dot of a letter and returns its state.
func (d *newsdesk) commits(t *testing.T, letter string, lease int64, state newsroom.DeliveryState, at time.Time) newsroom.DeliveryState {
	t.Helper()
	states, err := d.Commit(t.Context(), []store.LedgerEntry{{LetterID: letter, Lease: lease, State: state, At: at}})
	if err != nil {
		t.Fatal(err)
	}
	return states[0]
}

func TestLetterLeaseIsFencedAndQuarantined(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	ctx := t.Context()
	id := d.upTo(t, story("Vân Khê mở đợt ra quân"), newsroom.StageSubmitted)
	letter, now := d.letter(t, id, newsroom.LetterSubmitted, d.reviewer), time.Now()
	commit := func(lease int64, state newsroom.DeliveryState) newsroom.DeliveryState {
		t.Helper()
		return d.commits(t, letter, lease, state, now)
	}
	old, err := d.LeaseLetter(ctx, letter, now, time.Minute)
	if err != nil || old.State != newsroom.DeliveryClaimed || old.View.ToEmail != d.reviewer.Email {
		t.Fatalf("leased %+v, %v", old.State, err)
	}
	fresh, err := d.LeaseLetter(ctx, letter, now, time.Minute)
	if err != nil || fresh.Lease != old.Lease+1 {
		t.Fatalf("leased again %d after %d, %v", fresh.Lease, old.Lease, err)
	}
	if got := commit(old.Lease, newsroom.DeliveryDot); got != "" {
		t.Errorf("the old lease is granted %q", got)
	}
	for range 2 {
		if got := commit(fresh.Lease, newsroom.DeliveryDot); got != newsroom.DeliveryDot {
			t.Fatalf("dot: %q", got)
		}
	}
	// Its worker dies: in doubt for a minute, then once more, and marked for ever.
	doubt, err := d.LeaseLetter(ctx, letter, now, time.Minute)
	if err != nil || doubt.State != newsroom.DeliveryInDoubt || doubt.Next == nil || !doubt.Next.After(now) {
		t.Fatalf("after the death: %+v, %v", doubt, err)
	}
	doubts, err := d.LetterDoubts(ctx, letter)
	if err != nil || len(doubts) != 1 || doubts[0].LetterID != letter || doubts[0].MessageID != old.View.MessageID || !doubts[0].Due.Equal(*doubt.Next) {
		t.Errorf("doubts %+v, %v", doubts, err)
	}
	again, err := d.LeaseLetter(ctx, letter, now.Add(2*time.Minute), time.Minute)
	if err != nil || again.State != newsroom.DeliveryClaimed || again.Attempt != 1 || again.View.MessageID != old.View.MessageID {
		t.Fatalf("after the quarantine: %s, attempt %d, %v", again.State, again.Attempt, err)
	}
	if got := commit(again.Lease, newsroom.DeliveryDot); got != newsroom.DeliveryDot {
		t.Fatalf("second dot: %q", got)
	}
	if got := commit(again.Lease, newsroom.DeliverySent); got != newsroom.DeliveryResent {
		t.Errorf("a letter that went out twice is %q", got)
	}
	if left := d.scalar(t, `SELECT count(*)::text FROM letters WHERE id = $1 AND done_at IS NULL`, letter); left != "0" {
		t.Error("the letter is still open")
	}
	if doubts, err := d.LetterDoubts(ctx, letter); err != nil || len(doubts) != 0 {
		t.Errorf("doubts at its end: %+v, %v", doubts, err)
	}
	// Another letter's worker dies; the relay is known to have taken it.
	letter = d.letter(t, d.upTo(t, story("Xã đón đoàn kiểm tra"), newsroom.StageSubmitted), newsroom.LetterSubmitted, d.reviewer)
	if old, err = d.LeaseLetter(ctx, letter, now, time.Minute); err != nil {
		t.Fatal(err)
	}
	commit(old.Lease, newsroom.DeliveryDot)
	if _, err = d.LeaseLetter(ctx, letter, now, time.Minute); err != nil {
		t.Fatal(err)
	}
	doubts, err = d.LetterDoubts(ctx, letter)
	if err != nil || len(doubts) != 1 {
		t.Fatalf("doubts %+v, %v", doubts, err)
	}
	doubts[0].Reply = "4XyZ"
	if err := d.Resolve(ctx, doubts[0], now); err != nil {
		t.Fatal(err)
	}
	if done, err := d.LeaseLetter(ctx, letter, now.Add(time.Hour), time.Minute); err != nil || done.State != newsroom.DeliverySent || done.Next != nil {
		t.Errorf("resolved: %+v, %v", done, err)
	}
}

// What a stopped worker knows of a letter that is in doubt since ends the doubt.
func TestALateAnswerEndsTheDoubtAboutALetter(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	ctx, now := t.Context(), time.Now()
	letter := d.letter(t, d.upTo(t, story("Xã họp dân"), newsroom.StageSubmitted), newsroom.LetterSubmitted, d.reviewer)
	lease, err := d.LeaseLetter(ctx, letter, now, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	said := func(state newsroom.DeliveryState) newsroom.DeliveryState {
		t.Helper()
		return d.commits(t, letter, lease.Lease, state, now)
	}
	if got := said(newsroom.DeliveryDot); got != newsroom.DeliveryDot {
		t.Fatalf("dot: %q", got)
	}
	if doubt, err := d.LeaseLetter(ctx, letter, now, time.Minute); err != nil || doubt.State != newsroom.DeliveryInDoubt {
		t.Fatalf("its worker is stopped: %+v, %v", doubt, err)
	}
	for range 2 {
		if got := said(newsroom.DeliverySent); got != newsroom.DeliverySent {
			t.Errorf("it wakes and knows: %q", got)
		}
	}
	if got := said(newsroom.DeliveryDot); got != "" {
		t.Errorf("it gets another dot: %q", got)
	}
}
