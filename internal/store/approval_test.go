package store_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"toasoan/internal/store"
	"toasoan/newsroom"
)

// policy makes the office's default policy with the given steps.
func (d *newsdesk) policy(t *testing.T, bend func(*newsroom.Policy), steps ...newsroom.Step) {
	t.Helper()
	p := newsroom.DefaultPolicy("ubnd")
	if len(steps) > 0 {
		p.Steps = steps
	}
	if bend != nil {
		bend(&p)
	}
	if _, err := d.SavePolicy(t.Context(), d.admin, "", p); err != nil {
		t.Fatal(err)
	}
}

// link is the token of the newest link that a person was mailed for an article.
func (d *newsdesk) link(t *testing.T, id string, who newsroom.Person) string {
	t.Helper()
	ask := d.scalar(t, `SELECT id FROM asks WHERE article_id = $1 AND user_id = $2 ORDER BY created_at DESC, closed_at IS NULL DESC, id DESC LIMIT 1`, id, who.ID)
	return d.keys.Token(store.PurposeAsk, ask, d.keys.Version())
}

func (d *newsdesk) asked(t *testing.T, token string) newsroom.AskView {
	t.Helper()
	v, err := d.AskByToken(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (d *newsdesk) tamper(t *testing.T, id string) {
	t.Helper()
	owner := d.owner(t)
	for _, sql := range []string{
		`ALTER TABLE revisions DISABLE TRIGGER revisions_append_only`,
		`UPDATE revisions SET content = content || '{"title":"Khác"}' WHERE article_id = '` + id + `'`,
	} {
		if _, err := owner.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
}

func TestApprovalOfTamperedBytesChangesNothing(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Bị sửa sau khi trình"), newsroom.StageAwaitingApproval)
	d.tamper(t, id)
	before := d.scalar(t, `SELECT stage || seq FROM articles WHERE id = $1`, id)
	r := d.ask(t, d.leader, id, newsroom.MoveApprove)
	if r.Outcome.Refused == nil || r.Outcome.Refused.Code != newsroom.RefusedHash {
		t.Fatalf("approved tampered bytes: %+v", r)
	}
	if len(r.Announce)+len(r.Letters)+len(r.Publish) != 0 {
		t.Errorf("a refusal is followed by %+v", r)
	}
	if got := d.scalar(t, `SELECT stage || seq FROM articles WHERE id = $1`, id); got != before {
		t.Errorf("article is %s, was %s", got, before)
	}
	for _, table := range []string{"decisions", "live_articles", "publications"} {
		if got := d.scalar(t, `SELECT count(*) FROM `+table+` WHERE article_id = $1`, id); got != "0" {
			t.Errorf("%s rows in %s", got, table)
		}
	}
	if got := d.scalar(t, `SELECT count(*) FROM asks WHERE article_id = $1 AND closed_at IS NULL`, id); got != "1" {
		t.Errorf("%s open links", got)
	}
}

func TestCommentLeavesTheReleaseTimeAlone(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	at := d.clock.now().Add(3 * time.Hour)
	c := story("Tin hẹn giờ")
	c.ReleaseAt = &at
	id := d.upTo(t, c, newsroom.StageAwaitingApproval)
	d.allowed(t, d.leader, id, newsroom.MoveApprove)
	s := d.allowed(t, d.reviewer, id, newsroom.MoveComment, func(r *newsroom.Request) { r.Comment = "Đã hẹn." })
	if s.Wake == nil || !s.Wake.Equal(at) {
		t.Fatalf("after a comment it wakes at %v, want %s", s.Wake, at)
	}
	d.clock.forward(3 * time.Hour)
	if s, err := d.SettleDue(t.Context(), id); err != nil || s.Stage != newsroom.StageReleased {
		t.Errorf("not released: %+v, %v", s, err)
	}
}

func TestAllOfThreeMustApprove(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	third := d.add(t, "pho-chu-tich@vankhe.example", newsroom.RoleLeader)
	for _, p := range []newsroom.Person{d.second, third} {
		if err := d.Seat(t.Context(), d.admin, "ubnd", p.ID, false); err != nil {
			t.Fatal(err)
		}
	}
	d.policy(t, nil, newsroom.Step{Office: "ubnd", Quorum: newsroom.QuorumAll})
	id := d.upTo(t, story("Ba chữ ký"), newsroom.StageAwaitingApproval)
	for i, p := range []newsroom.Person{d.leader, d.second} {
		if s := d.allowed(t, p, id, newsroom.MoveApprove); s.Stage != newsroom.StageAwaitingApproval {
			t.Fatalf("settled after %d of 3: %+v", i+1, s)
		}
	}
	d.refused(t, newsroom.RefusedDecided, d.leader, id, newsroom.MoveApprove)
	if v := d.asked(t, d.link(t, id, third)); len(v.Given) != 2 || v.Over != "" {
		t.Errorf("the third sees %d approvals, over %q", len(v.Given), v.Over)
	}
	if s := d.allowed(t, third, id, newsroom.MoveApprove); s.Stage != newsroom.StageReleased {
		t.Errorf("after all three: %s", s.Stage)
	}
}

func TestTwoOfThreeAndTheOthersAreTold(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	third := d.add(t, "pho-chu-tich@vankhe.example", newsroom.RoleLeader)
	for _, p := range []newsroom.Person{d.second, third} {
		if err := d.Seat(t.Context(), d.admin, "ubnd", p.ID, false); err != nil {
			t.Fatal(err)
		}
	}
	d.policy(t, nil, newsroom.Step{Office: "ubnd", Quorum: newsroom.QuorumN, N: 2})
	id := d.upTo(t, story("Hai trong ba"), newsroom.StageAwaitingApproval)
	d.allowed(t, d.leader, id, newsroom.MoveApprove)
	d.clock.forward(time.Second)
	if s := d.allowed(t, d.second, id, newsroom.MoveApprove); s.Stage != newsroom.StageReleased {
		t.Fatalf("after two of three: %s", s.Stage)
	}
	if got := d.letters(t, id); !slices.Contains(got, "decided_elsewhere pho-chu-tich@vankhe.example") {
		t.Errorf("the third is not told: %v", got)
	}
	v := d.asked(t, d.link(t, id, third))
	if v.Over != "settled" || v.Decision == nil || v.Decision.By != d.second.Name || v.Own != nil || v.Decision.ReleasedAt == nil || v.ClosedAt == nil {
		t.Errorf("the third one's link says %+v", v)
	}
	d.refused(t, newsroom.RefusedSettled, third, id, newsroom.MoveReject)
}

func TestDeputyThenChief(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	d.policy(t, nil, newsroom.Step{Office: "ubnd", Quorum: newsroom.QuorumAny}, newsroom.Step{Office: "chu-tich", Quorum: newsroom.QuorumAny})
	id := d.upTo(t, story("Hai cấp"), newsroom.StageAwaitingApproval)
	d.refused(t, newsroom.RefusedNotAsked, d.second, id, newsroom.MoveApprove)
	first := d.scalar(t, `SELECT clock_id FROM articles WHERE id = $1`, id)
	s := d.allowed(t, d.leader, id, newsroom.MoveApprove)
	if s.Stage != newsroom.StageAwaitingApproval || s.Due == nil {
		t.Fatalf("after the first step: %+v", s)
	}
	if got := d.scalar(t, `SELECT clock_id FROM articles WHERE id = $1`, id); got == first {
		t.Error("the second step runs on the first one's clock")
	}
	if v := d.asked(t, d.link(t, id, d.leader)); v.Over == "" || v.Own == nil {
		t.Errorf("the first approver's link: %+v", v.Over)
	}
	d.refused(t, newsroom.RefusedNotAsked, d.leader, id, newsroom.MoveApprove)
	if s := d.allowed(t, d.second, id, newsroom.MoveApprove); s.Stage != newsroom.StageReleased {
		t.Errorf("after the chief: %s", s.Stage)
	}
}

func TestAuthorAndForwarderAreNotAsked(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	if err := d.Seat(t.Context(), d.admin, "ubnd", d.second.ID, false); err != nil {
		t.Fatal(err)
	}
	d.exec(t, `UPDATE users SET roles = '{leader,reviewer}' WHERE id = $1`, d.leader.ID)
	d.leader.Roles = []newsroom.Role{newsroom.RoleLeader, newsroom.RoleReviewer}
	id := d.upTo(t, story("Người trình không tự duyệt"), newsroom.StageSubmitted)
	d.allowed(t, d.leader, id, newsroom.MoveClaim)
	d.allowed(t, d.leader, id, newsroom.MoveForward)
	if got := d.scalar(t, `SELECT string_agg(u.email, ' ') FROM asks k JOIN users u ON u.id = k.user_id WHERE article_id = $1`, id); got != "chu-tich@vankhe.example" {
		t.Errorf("asked: %s", got)
	}
	d.refused(t, newsroom.RefusedNotAsked, d.leader, id, newsroom.MoveApprove)
}

func (d *newsdesk) exec(t *testing.T, sql string, values ...any) {
	t.Helper()
	if _, err := d.db.Exec(t.Context(), sql, values...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func (d *newsdesk) delegate(t *testing.T, by newsroom.Person, from, to newsroom.Person, start, end time.Time) string {
	t.Helper()
	d.clock.forward(time.Second)
	id, err := d.Delegate(t.Context(), by, newsroom.Delegation{OfficeID: "ubnd", From: from.ID, To: to.ID, Start: start, End: end, Reason: "Đi công tác"})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestDelegationTakesOverOpenLinksAtOnce(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Ủy quyền"), newsroom.StageAwaitingApproval)
	old := d.link(t, id, d.leader)
	now := d.clock.now()
	delegation := d.delegate(t, d.leader, d.leader, d.second, now, now.Add(48*time.Hour))
	if v := d.asked(t, old); v.Over != "delegated" {
		t.Errorf("the old link: %q", v.Over)
	}
	d.refused(t, newsroom.RefusedToken, d.leader, id, newsroom.MoveApprove, func(r *newsroom.Request) { r.AskID = d.asked(t, old).Ask.ID })
	fresh := d.asked(t, d.link(t, id, d.second))
	if fresh.Over != "" || fresh.Behalf != d.leader.Name || fresh.Ask.Seat.OnBehalfOf != d.leader.ID || fresh.Due.IsZero() {
		t.Errorf("the deputy's link: %+v", fresh)
	}
	if articles, letters, err := d.AfterDelegation(t.Context()); err != nil || !slices.Contains(articles, id) || !slices.Contains(letters, "approval_request/"+fresh.Ask.ID) {
		t.Errorf("to follow up: %v %v %v", articles, letters, err)
	}
	// Ended before its date, the question goes back; begun again, it comes once more.
	d.clock.forward(time.Second)
	if err := d.EndDelegation(t.Context(), d.leader, delegation); err != nil {
		t.Fatal(err)
	}
	if v := d.asked(t, d.link(t, id, d.second)); v.Over != "delegation_over" {
		t.Errorf("the deputy's link after the end: %q", v.Over)
	}
	if v := d.asked(t, d.link(t, id, d.leader)); v.Over != "" || v.Behalf != "" {
		t.Errorf("the holder's new link: %+v", v.Over)
	}
	d.delegate(t, d.admin, d.leader, d.second, now, now.Add(48*time.Hour))
	s := d.allowed(t, d.second, id, newsroom.MoveApprove, func(r *newsroom.Request) { r.AskID = d.asked(t, d.link(t, id, d.second)).Ask.ID })
	if s.Stage != newsroom.StageReleased {
		t.Fatalf("not released: %s", s.Stage)
	}
	if got := d.scalar(t, `SELECT capacity || ' ' || on_behalf_of FROM decisions WHERE article_id = $1`, id); got != "deputy "+d.leader.ID {
		t.Errorf("on record: %s", got)
	}
	rows, err := d.History(t.Context(), id)
	if err != nil || !slices.ContainsFunc(rows, func(h newsroom.HistoryRow) bool { return h.Action == "approve" && h.OnBehalfOf == d.leader.Name }) {
		t.Errorf("the history does not say for whom: %+v, %v", rows, err)
	}
	if _, err := d.VerifyAudit(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestDelegationBeginsAndEndsByTheClock(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	start := d.clock.now().Add(time.Hour)
	d.clock.at = d.clock.at.Add(-time.Second)
	d.delegate(t, d.leader, d.leader, d.second, start, start.Add(2*time.Hour))
	id := d.upTo(t, story("Ủy quyền sau"), newsroom.StageAwaitingApproval)
	s, err := d.Standing(t.Context(), id)
	if err != nil || s.Wake == nil || !s.Wake.Equal(start) {
		t.Fatalf("wakes at %v, want %s (%v)", s.Wake, start, err)
	}
	if v := d.asked(t, d.link(t, id, d.leader)); v.Over != "" {
		t.Fatalf("delegated before its time: %s", v.Over)
	}
	d.clock.forward(time.Hour)
	s, err = d.SettleDue(t.Context(), id)
	if err != nil || len(s.Letters) == 0 || s.Wake == nil || !s.Wake.Equal(start.Add(2*time.Hour)) {
		t.Fatalf("at its beginning: %+v, %v", s, err)
	}
	if v := d.asked(t, d.link(t, id, d.second)); v.Over != "" || v.Behalf == "" {
		t.Errorf("the deputy is not asked: %+v", v)
	}
	if again, err := d.SettleDue(t.Context(), id); err != nil || d.scalar(t, `SELECT count(*) FROM asks WHERE article_id = $1`, id) != "2" || again.Wake == nil {
		t.Errorf("once more: %+v, %v", again, err)
	}
	d.clock.forward(2 * time.Hour)
	if list, err := d.Reseated(t.Context(), d.clock.now().Add(-time.Minute)); err != nil || !slices.Contains(list, id) {
		t.Errorf("the sweep finds %v, %v", list, err)
	}
	if _, err = d.SettleDue(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if v := d.asked(t, d.link(t, id, d.leader)); v.Over != "" {
		t.Errorf("it does not come back: %s", v.Over)
	}
	if list, err := d.Reseated(t.Context(), d.clock.now().Add(time.Minute)); err != nil || len(list) != 0 {
		t.Errorf("long after, the sweep still finds %v, %v", list, err)
	}
}

func TestRunningRoundKeepsItsPolicyUntilAnAdminMovesIt(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Quy trình đổi giữa chừng"), newsroom.StageAwaitingApproval)
	old := d.link(t, id, d.leader)
	d.policy(t, nil, newsroom.Step{Office: "chu-tich", Quorum: newsroom.QuorumAny})
	if v := d.asked(t, old); v.Over != "" {
		t.Fatalf("a new policy killed the link: %s", v.Over)
	}
	d.refused(t, newsroom.RefusedRole, d.reviewer, id, newsroom.MoveAdoptPolicy)
	d.allowed(t, d.admin, id, newsroom.MoveAdoptPolicy)
	if v := d.asked(t, old); v.Over != "superseded" {
		t.Errorf("the old link: %q", v.Over)
	}
	d.refused(t, newsroom.RefusedNotAsked, d.leader, id, newsroom.MoveApprove)
	if rows, err := d.History(t.Context(), id); err != nil || rows[len(rows)-1].Action != "adopt_policy" || rows[len(rows)-1].Capacity != newsroom.AsAdmin {
		t.Errorf("not on record: %v, %v", rows, err)
	}
	if s := d.allowed(t, d.admin, id, newsroom.MoveAdoptPolicy); s.Outcome.N != 0 {
		t.Errorf("adopting the same policy again wrote row %d", s.Outcome.N)
	}
	if s := d.allowed(t, d.second, id, newsroom.MoveApprove); s.Stage != newsroom.StageReleased {
		t.Errorf("under the new policy: %s", s.Stage)
	}
}

func TestSavingTheSameTextKeepsApprovalsOpen(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Lưu lại y nguyên"), newsroom.StageAwaitingApproval)
	link := d.link(t, id, d.leader)
	draft, err := d.Draft(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.SaveDraft(t.Context(), id, d.reviewer, draft.Article.Version, draft.Content); err != nil {
		t.Fatal(err)
	}
	d.allowed(t, d.reviewer, id, newsroom.MoveResubmit)
	if v := d.asked(t, link); v.Over != "" || v.Ask.Revision != 1 {
		t.Fatalf("a save of the same text voided the link: %q", v.Over)
	}
	if draft, err = d.Draft(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	draft.Content.Lead = "Sapo khác hẳn."
	if _, err := d.SaveDraft(t.Context(), id, d.reviewer, draft.Article.Version, draft.Content); err != nil {
		t.Fatal(err)
	}
	d.allowed(t, d.reviewer, id, newsroom.MoveResubmit)
	if v := d.asked(t, link); v.Over != "superseded" {
		t.Errorf("the old link: %q", v.Over)
	}
	v := d.asked(t, d.link(t, id, d.leader))
	if v.Over != "" || v.Ask.Revision != 2 || v.Before == nil || v.Before.Lead != "Sapo của bài." {
		t.Errorf("the new link: %+v", v)
	}
	// The hash of the old revision is refused even by the person who is asked now.
	first, err := d.Revision(t.Context(), id, 1)
	if err != nil {
		t.Fatal(err)
	}
	d.refused(t, newsroom.RefusedStale, d.leader, id, newsroom.MoveApprove, func(r *newsroom.Request) { r.Hash = first.Hash })
}

func TestNotMeFreezesTheReleaseAndVoidsThePIN(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	if err := d.SetPIN(t.Context(), d.leader.ID, "482915"); err != nil {
		t.Fatal(err)
	}
	value, _, err := d.TrustDevice(t.Context(), d.leader.ID, "điện thoại")
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := d.IssueToken(t.Context(), d.leader, d.leader.ID, []newsroom.Scope{newsroom.ScopeDecide}, "máy", "482915", nil)
	if err != nil {
		t.Fatal(err)
	}
	d.policy(t, func(p *newsroom.Policy) { p.CoolingOffMinutes = 30 })
	id := d.upTo(t, story("Không phải tôi"), newsroom.StageAwaitingApproval)
	s := d.allowed(t, d.leader, id, newsroom.MoveApprove)
	if s.Stage != newsroom.StageApproved {
		t.Fatalf("stage %s", s.Stage)
	}
	d.refused(t, newsroom.RefusedRole, d.second, id, newsroom.MoveNotMe, func(r *newsroom.Request) { r.Decision = s.Outcome.RequestID })
	d.refused(t, newsroom.RefusedRole, d.leader, id, newsroom.MoveNotMe, func(r *newsroom.Request) { r.Decision = "another" })
	after := d.allowed(t, d.leader, id, newsroom.MoveNotMe, func(r *newsroom.Request) { r.Decision = s.Outcome.RequestID })
	if after.Wake != nil {
		t.Errorf("a frozen release wakes at %s", after.Wake)
	}
	d.clock.forward(time.Hour)
	if later, err := d.SettleDue(t.Context(), id); err != nil || later.Stage != newsroom.StageApproved {
		t.Errorf("released all the same: %+v, %v", later, err)
	}
	if ok, err := d.IsTrusted(t.Context(), d.leader.ID, value); err != nil || ok {
		t.Errorf("the phone is still trusted (%v)", err)
	}
	if _, _, err := d.Bearer(t.Context(), token); !errors.Is(err, newsroom.ErrNotFound) {
		t.Errorf("a token that decides still works: %v", err)
	}
	if ok, err := d.CheckPIN(t.Context(), d.leader.ID, "482915"); err != nil || ok {
		t.Errorf("the PIN still holds (%v)", err)
	}
	if got := d.letters(t, id); !slices.Contains(got, "not_me_alert admin@vankhe.example") || !slices.Contains(got, "not_me_alert chu-tich@vankhe.example") {
		t.Errorf("chief and admin are not told: %v", got)
	}
	// A leader decides: the question is asked anew.
	d.allowed(t, d.second, id, newsroom.MoveUnschedule)
	if s := d.allowed(t, d.leader, id, newsroom.MoveApprove); s.Stage != newsroom.StageApproved || s.Wake == nil {
		t.Errorf("approved anew: %+v", s)
	}
}

// A time that somebody else set in a leader's name lets nothing out.
func TestNotMeHoldsWhatWasRescheduled(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	c := story("Đổi giờ")
	c.ReleaseAt = new(d.clock.now().Add(24 * time.Hour))
	id := d.upTo(t, c, newsroom.StageScheduled)
	d.clock.forward(time.Second)
	at := d.clock.now().Add(time.Hour)
	s := d.allowed(t, d.second, id, newsroom.MoveReschedule, func(r *newsroom.Request) { r.ReleaseAt = &at })
	if got := d.letters(t, id); !slices.Contains(got, "decision_receipt chu-tich@vankhe.example") {
		t.Fatalf("no receipt: %v", got)
	}
	d.allowed(t, d.second, id, newsroom.MoveNotMe, func(r *newsroom.Request) { r.Decision = s.Outcome.RequestID })
	d.clock.forward(25 * time.Hour)
	if later, err := d.SettleDue(t.Context(), id); err != nil || later.Stage != newsroom.StageScheduled {
		t.Errorf("released all the same: %+v, %v", later, err)
	}
}

func TestNotMeAfterARejectionVoidsThePINToo(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	if err := d.SetPIN(t.Context(), d.leader.ID, "482915"); err != nil {
		t.Fatal(err)
	}
	id := d.upTo(t, story("Bị từ chối"), newsroom.StageAwaitingApproval)
	hash := d.asked(t, d.link(t, id, d.leader)).Ask.Hash
	s := d.allowed(t, d.leader, id, newsroom.MoveReject, func(r *newsroom.Request) { r.Hash = hash })
	d.allowed(t, d.leader, id, newsroom.MoveNotMe, func(r *newsroom.Request) { r.Decision = s.Outcome.RequestID })
	if ok, err := d.CheckPIN(t.Context(), d.leader.ID, "482915"); err != nil || ok {
		t.Errorf("the PIN still holds (%v)", err)
	}
}

func TestEmergencyReleaseAsksForASecondSignatureByLink(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Tin khẩn bão số 5"), newsroom.StageAwaitingApproval)
	hash := d.asked(t, d.link(t, id, d.leader)).Ask.Hash
	d.refused(t, newsroom.RefusedReason, d.second, id, newsroom.MoveEmergencyRelease, func(r *newsroom.Request) { r.Hash, r.Reason = hash, "" })
	s := d.allowed(t, d.second, id, newsroom.MoveEmergencyRelease, func(r *newsroom.Request) { r.Hash = hash })
	if s.Stage != newsroom.StageReleased || s.Public != newsroom.PublicLive || s.Idle || s.Wake == nil {
		t.Fatalf("released: %+v", s)
	}
	token := d.link(t, id, d.leader)
	v := d.asked(t, token)
	if v.Kind != "second" || v.Over != "" || v.First == nil || v.First.By != d.second.Name || v.First.Move != newsroom.MoveEmergencyRelease || v.First.Reason == "" {
		t.Fatalf("the link for the second signature: %+v", v)
	}
	if got := d.letters(t, id); !slices.Contains(got, "second_sign lanh-dao@vankhe.example") || slices.Contains(got, "second_sign chu-tich@vankhe.example") {
		t.Errorf("asked: %v", got)
	}
	d.refused(t, newsroom.RefusedSameSigner, d.second, id, newsroom.MoveSecondSign)
	version := d.scalar(t, `SELECT version FROM portal_version`)
	d.clock.at = s.Wake.Add(time.Second)
	late, err := d.SettleDue(t.Context(), id)
	if err != nil || !late.Idle || late.Wake != nil {
		t.Fatalf("late: %+v, %v", late, err)
	}
	p, err := d.PortalArticle(t.Context(), id)
	if err != nil || !p.SecondLate || d.scalar(t, `SELECT version FROM portal_version`) == version {
		t.Errorf("the page says nothing: %v, %v", p.SecondLate, err)
	}
	if got := d.scalar(t, `SELECT count(*) FROM letters WHERE article_id = $1 AND kind = 'second_sign' AND data ? 'late'`, id); got != "2" {
		t.Errorf("%s people are told that it is late, want chief and admin", got)
	}
	if again, err := d.SettleDue(t.Context(), id); err != nil || len(again.Letters) != len(late.Letters) {
		t.Errorf("told again: %+v, %v", again, err)
	}
	version = d.scalar(t, `SELECT version FROM portal_version`)
	d.allowed(t, d.leader, id, newsroom.MoveSecondSign, func(r *newsroom.Request) { r.Door = newsroom.DoorLink })
	if p, err = d.PortalArticle(t.Context(), id); err != nil || p.SecondLate || d.scalar(t, `SELECT version FROM portal_version`) == version {
		t.Errorf("the notice stays: %v, %v", p.SecondLate, err)
	}
	if v := d.asked(t, token); v.Over != "settled" || v.Decision == nil || v.Decision.By != d.leader.Name || v.Own == nil {
		t.Errorf("after the signature the link says %+v", v)
	}
}

// One leader must not get rid of the second signature by taking the text back and putting it up again.
func TestOneLeaderDoesNotEraseTheSecondSignature(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Tin khẩn bão số 6"), newsroom.StageAwaitingApproval)
	hash := d.asked(t, d.link(t, id, d.leader)).Ask.Hash
	d.allowed(t, d.second, id, newsroom.MoveEmergencyRelease, func(r *newsroom.Request) { r.Hash = hash })
	token := d.link(t, id, d.leader)
	waits := func(after string) {
		t.Helper()
		a, err := d.Article(t.Context(), id)
		if err != nil || a.SecondBy == nil || a.FirstSigner != d.second.ID {
			t.Fatalf("%s: nobody else has to sign any more: %+v, %v", after, a, err)
		}
		if v := d.asked(t, token); v.Over != "" || v.Decision != nil || v.First == nil || v.First.Move != newsroom.MoveEmergencyRelease {
			t.Fatalf("%s: the link for the second signature: %+v", after, v)
		}
	}
	waits("released")
	for _, move := range []newsroom.Move{newsroom.MoveWithdraw, newsroom.MoveTakeDown, newsroom.MoveRestore, newsroom.MoveWithdraw, newsroom.MoveRestore} {
		d.clock.at = d.clock.at.Add(time.Second)
		d.allowed(t, d.second, id, move)
		waits(string(move))
	}
	// Somebody else's withdrawal is no signature for the text, and gives the first signer no right to sign.
	d.allowed(t, d.deputy, id, newsroom.MoveWithdraw)
	waits("withdrawn by another")
	d.refused(t, newsroom.RefusedSameSigner, d.second, id, newsroom.MoveSecondSign)
	a, err := d.Article(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	d.clock.at = a.SecondBy.Add(time.Second)
	if _, err := d.SettleDue(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if got := d.scalar(t, `SELECT count(*) FROM letters l JOIN audit u ON u.article_id = l.article_id AND u.n = (l.data->>'n')::bigint
		WHERE l.article_id = $1 AND l.kind = 'second_sign' AND l.data ? 'late' AND u.action = 'emergency_release'`, id); got != "2" {
		t.Errorf("%s people are told that the release was not signed, want chief and admin", got)
	}
	d.allowed(t, d.leader, id, newsroom.MoveRestore)
	if v := d.asked(t, token); v.Over != "settled" || v.Own == nil || v.Own.Move != newsroom.MoveRestore {
		t.Errorf("restored by another leader: %+v", v)
	}
}

// Nobody gives the second signature to the own text, and is not asked for it.
func TestAuthorsDoNotSignTheirOwnText(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Bài của lãnh đạo"), newsroom.StageAwaitingApproval)
	d.exec(t, `UPDATE articles SET author_id = $2 WHERE id = $1`, id, d.leader.ID)
	hash := d.asked(t, d.link(t, id, d.leader)).Ask.Hash
	d.allowed(t, d.second, id, newsroom.MoveEmergencyRelease, func(r *newsroom.Request) { r.Hash = hash })
	if got := d.letters(t, id); slices.Contains(got, "second_sign lanh-dao@vankhe.example") || !slices.Contains(got, "second_sign pho@vankhe.example") {
		t.Errorf("asked for the second signature: %v", got)
	}
	d.refused(t, newsroom.RefusedConflict, d.leader, id, newsroom.MoveSecondSign)
	if w, err := d.Work(t.Context(), d.leader); err != nil || len(w.Second) != 0 {
		t.Errorf("the author has to sign: %+v, %v", w.Second, err)
	}
	if w, err := d.Work(t.Context(), d.deputy); err != nil || len(w.Second) != 1 {
		t.Errorf("another leader has nothing to sign: %+v, %v", w.Second, err)
	}
	d.allowed(t, d.second, id, newsroom.MoveWithdraw)
	d.allowed(t, d.leader, id, newsroom.MoveRestore)
	if a, err := d.Article(t.Context(), id); err != nil || a.SecondBy == nil {
		t.Errorf("the author signed by restoring: %+v, %v", a, err)
	}
	d.allowed(t, d.deputy, id, newsroom.MoveSecondSign)
}

func TestSecondSignatureMovesWithTheCalendar(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Gỡ khẩn"), newsroom.StageReleased)
	s := d.allowed(t, d.leader, id, newsroom.MoveWithdraw)
	if s.Wake == nil {
		t.Fatal("no time for the second signature")
	}
	was := *s.Wake
	moved, err := d.SaveCalendarDays(t.Context(), d.admin, []newsroom.CalendarDay{{Date: newsroom.DateOf(was), Kind: newsroom.DayOff, Name: "Nghỉ bù"}})
	if err != nil || !slices.Contains(moved, id) {
		t.Fatalf("moved %v, %v", moved, err)
	}
	s, err = d.Standing(t.Context(), id)
	if err != nil || s.Wake == nil || !s.Wake.After(was) {
		t.Errorf("wakes at %v, was %s (%v)", s.Wake, was, err)
	}
	if v := d.asked(t, d.link(t, id, d.second)); !v.Due.Equal(*s.Wake) {
		t.Errorf("the link says %s, the clock %s", v.Due, s.Wake)
	}
}

func TestLiveLinksMoveWithTheCalendar(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Nghỉ bù"), newsroom.StageAwaitingApproval) // Friday 02/10/2026 09:00; due Monday 09:00
	before := d.asked(t, d.link(t, id, d.leader))
	moved, err := d.SaveCalendarDays(t.Context(), d.admin, []newsroom.CalendarDay{
		{Date: newsroom.Date{Year: 2026, Month: 10, Day: 3}, Kind: newsroom.DayWorking, Name: "Làm bù"},
	})
	if err != nil || !slices.Contains(moved, id) {
		t.Fatalf("moved %v, %v", moved, err)
	}
	after := d.asked(t, d.link(t, id, d.leader))
	if !after.Due.Before(before.Due) || after.Due.In(newsroom.Zone).Format("02/01 15:04") != "03/10 09:00" {
		t.Errorf("due %s, was %s", after.Due.In(newsroom.Zone), before.Due.In(newsroom.Zone))
	}
}

func TestGuessingPINsKillsTheLinkNotTheLeader(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	if err := d.SetPIN(t.Context(), d.leader.ID, "482915"); err != nil {
		t.Fatal(err)
	}
	id := d.upTo(t, story("Dò mã PIN"), newsroom.StageAwaitingApproval)
	other := d.upTo(t, story("Bài khác"), newsroom.StageAwaitingApproval)
	token := d.link(t, id, d.leader)
	v := d.asked(t, token)
	try := func(browser, pin string) (int, []string, error) { return d.TryAskPIN(t.Context(), v, browser, pin) }
	for i := range 5 {
		left, letters, err := try("máy lạ", "111111")
		if !errors.Is(err, newsroom.ErrForbidden) || left != 4-i {
			t.Fatalf("try %d: left %d, %v", i, left, err)
		}
		if i == 4 && len(letters) != 3 {
			t.Errorf("told by %v", letters)
		}
	}
	_, _, err := try("máy lạ", "482915")
	if _, locked := errors.AsType[*newsroom.LockedError](err); !locked {
		t.Fatalf("a locked browser: %v", err)
	}
	if _, _, err := try("máy của tôi", "482915"); err != nil {
		t.Errorf("another browser is locked too: %v", err)
	}
	for i := range 15 {
		_, _, _ = try("máy lạ "+string(rune('a'+i/4)), "222222")
	}
	if got := d.asked(t, token); got.Over != "guarded" {
		t.Fatalf("after 20 wrong PINs the link is %q", got.Over)
	}
	fresh := d.link(t, id, d.leader)
	if fresh == token || d.asked(t, fresh).Over != "" {
		t.Error("the leader got no new link")
	}
	d.refused(t, newsroom.RefusedToken, d.leader, id, newsroom.MoveApprove, func(r *newsroom.Request) { r.AskID = v.Ask.ID })
	if got := d.asked(t, d.link(t, other, d.leader)); got.Over != "" {
		t.Errorf("the leader's other link: %s", got.Over)
	}
	if got := d.scalar(t, `SELECT count(*) FROM letters WHERE kind = 'pin_locked' AND ask_id IS NOT NULL AND user_id <> $1`, d.leader.ID); got != "0" {
		t.Errorf("%s people got the leader's own link", got)
	}
}

func TestUndoAsksAgain(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	d.policy(t, func(p *newsroom.Policy) { p.CoolingOffMinutes = 10 })
	id := d.upTo(t, story("Hoàn tác"), newsroom.StageAwaitingApproval)
	old := d.link(t, id, d.leader)
	d.allowed(t, d.leader, id, newsroom.MoveApprove)
	d.refused(t, newsroom.RefusedRole, d.second, id, newsroom.MoveUndo)
	if s := d.allowed(t, d.leader, id, newsroom.MoveUndo); s.Stage != newsroom.StageAwaitingApproval {
		t.Fatalf("undone: %s", s.Stage)
	}
	if v := d.asked(t, old); v.Over == "" {
		t.Error("the old link lives")
	}
	d.allowed(t, d.leader, id, newsroom.MoveApprove)
	d.clock.forward(11 * time.Minute)
	d.refused(t, newsroom.RefusedWindow, d.leader, id, newsroom.MoveUndo)
	if s, err := d.SettleDue(t.Context(), id); err != nil || s.Stage != newsroom.StageReleased {
		t.Errorf("after the cooling-off: %+v, %v", s, err)
	}
}

func TestApprovedEmergencyIsOneDecisionMore(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	if err := d.Seat(t.Context(), d.admin, "ubnd", d.second.ID, false); err != nil {
		t.Fatal(err)
	}
	d.policy(t, nil, newsroom.Step{Office: "ubnd", Quorum: newsroom.QuorumAll})
	id := d.upTo(t, story("Khẩn sau khi đã duyệt một phần"), newsroom.StageAwaitingApproval)
	hash := d.asked(t, d.link(t, id, d.leader)).Ask.Hash
	d.allowed(t, d.leader, id, newsroom.MoveApprove)
	if s := d.allowed(t, d.leader, id, newsroom.MoveEmergencyRelease, func(r *newsroom.Request) { r.Hash = hash }); s.Stage != newsroom.StageReleased {
		t.Errorf("stage %s", s.Stage)
	}
}
