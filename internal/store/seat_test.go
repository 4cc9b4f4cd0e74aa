package store_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"toasoan/newsroom"
)

// coholders makes "all" of two holders approve.
func (d *newsdesk) coholders(t *testing.T) {
	t.Helper()
	if err := d.Seat(t.Context(), d.admin, "ubnd", d.second.ID, false); err != nil {
		t.Fatal(err)
	}
	d.clock.forward(time.Second)
	d.policy(t, nil, newsroom.Step{Office: "ubnd", Quorum: newsroom.QuorumAll})
}

// open lists who is asked now, for whom, and how many links each of them was mailed that work.
func (d *newsdesk) open(t *testing.T, id string) string {
	t.Helper()
	return d.scalar(t, `SELECT coalesce(string_agg(who, ', ' ORDER BY who), '') FROM (
		SELECT split_part(u.email, '@', 1) || coalesce(' for ' || split_part(b.email, '@', 1), '') ||
		  CASE WHEN EXISTS (SELECT FROM letters l WHERE l.ask_id = k.id AND l.kind = 'approval_request') THEN ' mailed' ELSE '' END AS who
		FROM asks k JOIN users u ON u.id = k.user_id LEFT JOIN users b ON b.id = k.on_behalf_of
		WHERE k.article_id = $1 AND k.kind = 'approval' AND k.closed_at IS NULL) t`, id)
}

func (d *newsdesk) opens(t *testing.T, id, want string) {
	t.Helper()
	if got := d.open(t, id); got != want {
		t.Errorf("asked: %s; want %s", got, want)
	}
}

func (d *newsdesk) endDelegation(t *testing.T, by newsroom.Person, delegation string) {
	t.Helper()
	d.clock.forward(time.Second)
	if err := d.EndDelegation(t.Context(), by, delegation); err != nil {
		t.Fatal(err)
	}
}

func TestDelegationToACoHolderMidRoundComesBack(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	d.coholders(t)
	id := d.upTo(t, story("Hai người cùng ký"), newsroom.StageAwaitingApproval)
	now := d.clock.now()
	delegation := d.delegate(t, d.leader, d.leader, d.second, now, now.Add(48*time.Hour))
	d.opens(t, id, "chu-tich for lanh-dao, chu-tich mailed")
	if w, err := d.Work(t.Context(), d.second); err != nil || len(w.Decide) != 1 {
		t.Errorf("work of somebody in two seats: %+v, %v", w.Decide, err)
	}
	if n, err := d.WorkCount(t.Context(), d.second); err != nil || n != 1 {
		t.Errorf("counted: %d, %v", n, err)
	}
	d.endDelegation(t, d.leader, delegation)
	d.opens(t, id, "chu-tich mailed, lanh-dao mailed")
	if s := d.allowed(t, d.second, id, newsroom.MoveApprove); s.Stage != newsroom.StageAwaitingApproval {
		t.Fatalf("settled by one of two: %s", s.Stage)
	}
	if s := d.allowed(t, d.leader, id, newsroom.MoveApprove); s.Stage != newsroom.StageReleased {
		t.Errorf("after both: %s", s.Stage)
	}
}

func TestForwardedWhileACoHolderHasTheOtherSeat(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	d.coholders(t)
	now := d.clock.now()
	delegation := d.delegate(t, d.leader, d.leader, d.second, now, now.Add(48*time.Hour))
	id := d.upTo(t, story("Trình khi đang ủy quyền"), newsroom.StageAwaitingApproval)
	d.opens(t, id, "chu-tich for lanh-dao, chu-tich mailed")
	link := d.asked(t, d.link(t, id, d.second)).Ask.ID
	d.endDelegation(t, d.leader, delegation)
	d.opens(t, id, "chu-tich mailed, lanh-dao mailed")
	if s := d.allowed(t, d.leader, id, newsroom.MoveApprove); s.Stage != newsroom.StageAwaitingApproval {
		t.Fatalf("settled by one of two: %s", s.Stage)
	}
	own := d.scalar(t, `SELECT id FROM asks WHERE article_id = $1 AND user_id = $2 AND closed_at IS NULL`, id, d.second.ID)
	if s := d.allowed(t, d.second, id, newsroom.MoveApprove, func(r *newsroom.Request) { r.AskID = own }); s.Stage != newsroom.StageReleased {
		t.Errorf("after both: %s (the link shown before: %s)", s.Stage, link)
	}
}

// While the delegation runs one signature stands for both seats, and the record says so.
func TestOneSignatureForTwoSeats(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	d.coholders(t)
	now := d.clock.now()
	d.delegate(t, d.leader, d.leader, d.second, now, now.Add(48*time.Hour))
	id := d.upTo(t, story("Ký thay và ký cho mình"), newsroom.StageAwaitingApproval)
	if s := d.allowed(t, d.second, id, newsroom.MoveApprove); s.Stage != newsroom.StageReleased {
		t.Fatalf("both seats are answered: %s", s.Stage)
	}
	if got := d.scalar(t, `SELECT capacity || ' ' || (detail->'also_for'->>0) FROM audit WHERE article_id = $1 AND action = 'approve'`, id); got != "approver "+d.leader.ID {
		t.Errorf("on record: %s", got)
	}
}

// A delegation that is over lets nobody decide, also where the clock has not come round yet; the holder decides at once.
func TestOverDelegationDecidesNothing(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	d.coholders(t)
	now := d.clock.now()
	d.delegate(t, d.leader, d.leader, d.deputy, now, now.Add(time.Hour))
	id := d.upTo(t, story("Hết hạn ủy quyền"), newsroom.StageAwaitingApproval)
	d.opens(t, id, "chu-tich mailed, pho for lanh-dao mailed")
	d.clock.forward(time.Hour)
	d.refused(t, newsroom.RefusedNotAsked, d.deputy, id, newsroom.MoveApprove)
	d.allowed(t, d.leader, id, newsroom.MoveApprove)
	d.opens(t, id, "chu-tich mailed")
}

// Who sits for two absent holders has one link; when the seat it was mailed for goes back, another is mailed for the other seat.
func TestLinkOutlivesOneOfTwoDelegations(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	d.coholders(t)
	now := d.clock.now()
	first := d.delegate(t, d.leader, d.leader, d.deputy, now, now.Add(48*time.Hour))
	second := d.delegate(t, d.second, d.second, d.deputy, now, now.Add(48*time.Hour))
	id := d.upTo(t, story("Ký thay hai người"), newsroom.StageAwaitingApproval)
	if got := d.letters(t, id); slices.Index(got, "approval_request pho@vankhe.example") < 0 || len(got) != 2 { // and one to the bureau
		t.Errorf("mailed: %v", got)
	}
	for _, one := range []struct{ id, left string }{{first, "pho for chu-tich mailed"}, {second, ""}} {
		by := d.leader
		if one.id == second {
			by = d.second
		}
		d.endDelegation(t, by, one.id)
		if got := d.open(t, id); one.left != "" && !strings.Contains(got, one.left) || one.left == "" && strings.Contains(got, "pho") {
			t.Errorf("asked: %s; want %s", got, one.left)
		}
	}
	d.opens(t, id, "chu-tich mailed, lanh-dao mailed")
}

func TestClosedAccountsHaveNoSeat(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	now := d.clock.now()
	d.delegate(t, d.leader, d.leader, d.deputy, now, now.Add(48*time.Hour))
	waiting := d.upTo(t, story("Đang chờ"), newsroom.StageAwaitingApproval)
	d.opens(t, waiting, "pho for lanh-dao mailed")
	account := func(p newsroom.Person, active bool) {
		t.Helper()
		d.clock.forward(time.Second)
		if err := d.UpdateUser(t.Context(), d.admin, p.ID, input(p, active)); err != nil {
			t.Fatal(err)
		}
	}
	// Without the delegate the holder sits there again, for what waits and for what comes.
	account(d.deputy, false)
	d.opens(t, waiting, "lanh-dao mailed")
	id := d.upTo(t, story("Người được ủy quyền đã nghỉ"), newsroom.StageAwaitingApproval)
	d.opens(t, id, "lanh-dao mailed")
	account(d.deputy, true)
	d.opens(t, id, "pho for lanh-dao mailed")
	// Without the holder nobody signs for them.
	account(d.leader, false)
	for _, article := range []string{waiting, id} {
		d.refused(t, newsroom.RefusedNotAsked, d.deputy, article, newsroom.MoveApprove)
	}
	late := d.create(t, story("Người giữ chức vụ đã nghỉ"))
	d.allowed(t, d.author, late, newsroom.MoveSubmit)
	d.allowed(t, d.reviewer, late, newsroom.MoveClaim)
	d.refused(t, newsroom.RefusedNobody, d.reviewer, late, newsroom.MoveForward)
	account(d.leader, true)
	if s := d.allowed(t, d.deputy, id, newsroom.MoveApprove); s.Stage != newsroom.StageReleased {
		t.Errorf("with both back: %s", s.Stage)
	}
}

// A seat that would go to somebody who has signed already, or may not, goes back to its holder: somebody must be able to answer.
func TestASeatThatNobodyElseCanAnswerIsItsHoldersAgain(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*testing.T, *newsdesk, string){
		"signed": func(t *testing.T, d *newsdesk, id string) {
			t.Helper()
			d.allowed(t, d.second, id, newsroom.MoveApprove)
		},
		"author": func(t *testing.T, d *newsdesk, id string) {
			t.Helper()
			d.allowed(t, d.second, id, newsroom.MoveApprove)
			d.exec(t, `UPDATE articles SET author_id = $2 WHERE id = $1`, id, d.second.ID)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newNewsdesk(t)
			d.coholders(t)
			id := d.upTo(t, story("Hai người cùng ký"), newsroom.StageAwaitingApproval)
			now := d.clock.now()
			delegation := d.delegate(t, d.leader, d.leader, d.deputy, now, now.Add(48*time.Hour))
			spoil(t, d, id)
			d.opens(t, id, "pho for lanh-dao mailed")
			d.clock.forward(time.Second)
			d.delegate(t, d.leader, d.leader, d.second, d.clock.now(), now.Add(24*time.Hour))
			d.endDelegation(t, d.leader, delegation)
			d.opens(t, id, "lanh-dao mailed")
			if s := d.allowed(t, d.leader, id, newsroom.MoveApprove); s.Stage != newsroom.StageReleased {
				t.Errorf("after both: %s", s.Stage)
			}
		})
	}
}

// Nobody signs for somebody whose account is closed, also not when the office's time is over: who is asked then signs for themselves.
func TestNobodyStandsInForAClosedAccount(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	id := d.upTo(t, story("Người giữ chức vụ đã nghỉ"), newsroom.StageAwaitingApproval)
	d.clock.forward(time.Second)
	if err := d.UpdateUser(t.Context(), d.admin, d.leader.ID, input(d.leader, false)); err != nil {
		t.Fatal(err)
	}
	d.clock.forward(14 * 24 * time.Hour)
	if _, err := d.SettleDue(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if got := d.open(t, id); !strings.Contains(got, "pho mailed") || strings.Contains(got, "pho for") {
		t.Errorf("asked: %s", got)
	}
	s := d.allowed(t, d.deputy, id, newsroom.MoveApprove)
	if got := d.scalar(t, `SELECT capacity || '/' || on_behalf_of FROM decisions WHERE article_id = $1`, id); got != "approver/" || s.Stage != newsroom.StageReleased {
		t.Errorf("signed as %s, then %s", got, s.Stage)
	}
}

// Who was asked since the time was over signs for somebody else only as long as that stands: in the own name afterwards.
func TestStandInsSignForNobodyWhoIsGone(t *testing.T) {
	t.Parallel()
	overdue := func(t *testing.T, d *newsdesk) string {
		t.Helper()
		id := d.upTo(t, story("Quá hạn"), newsroom.StageAwaitingApproval)
		d.clock.forward(14 * 24 * time.Hour)
		if _, err := d.SettleDue(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		return id
	}
	for name, c := range map[string]struct {
		before, after func(*testing.T, *newsdesk)
		want          string
	}{
		"the holder is there": {nil, func(*testing.T, *newsdesk) {}, "deputy/lanh-dao"},
		"the holder's account is closed": {nil, func(t *testing.T, d *newsdesk) {
			t.Helper()
			if err := d.UpdateUser(t.Context(), d.admin, d.leader.ID, input(d.leader, false)); err != nil {
				t.Fatal(err)
			}
		}, "approver/"},
		"the deputy is one no more": {nil, func(t *testing.T, d *newsdesk) {
			t.Helper()
			if err := d.Unseat(t.Context(), d.admin, "ubnd", d.deputy.ID); err != nil {
				t.Fatal(err)
			}
		}, "approver/"},
		"the chief's delegation runs": {func(t *testing.T, d *newsdesk) { t.Helper(); d.chiefDelegates(t, 30*24*time.Hour) }, func(*testing.T, *newsdesk) {}, "deputy/chu-tich"},
		"the chief's delegation is over": {func(t *testing.T, d *newsdesk) { t.Helper(); d.chiefDelegates(t, 15*24*time.Hour) }, func(_ *testing.T, d *newsdesk) {
			d.clock.forward(2 * 24 * time.Hour)
		}, "approver/"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newNewsdesk(t)
			if c.before != nil {
				c.before(t, d)
			}
			id := overdue(t, d)
			c.after(t, d)
			d.clock.forward(time.Second)
			d.allowed(t, d.deputy, id, newsroom.MoveApprove)
			if got := d.scalar(t, `SELECT d.capacity || '/' || coalesce(split_part(u.email, '@', 1), '') FROM decisions d LEFT JOIN users u ON u.id = d.on_behalf_of WHERE d.article_id = $1`, id); got != c.want {
				t.Errorf("signed as %s, want %s", got, c.want)
			}
		})
	}
}

// chiefDelegates has the deputy sit for the chief for some time, and no longer in the office that is asked.
func (d *newsdesk) chiefDelegates(t *testing.T, length time.Duration) {
	t.Helper()
	if err := d.Unseat(t.Context(), d.admin, "ubnd", d.deputy.ID); err != nil {
		t.Fatal(err)
	}
	now := d.clock.now()
	if _, err := d.Delegate(t.Context(), d.second, newsroom.Delegation{OfficeID: "chu-tich", From: d.second.ID, To: d.deputy.ID, Start: now, End: now.Add(length)}); err != nil {
		t.Fatal(err)
	}
	d.clock.forward(time.Second)
}
