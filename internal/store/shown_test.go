package store_test

import (
	"fmt"
	"testing"
	"time"

	"toasoan/newsroom"
)

// What is done to the text that readers see goes by that text, whatever its author or a reviewer does to the next one meanwhile.

// lenient is another section, where authors may approve their own texts and second signatures have two weeks.
func (d *newsdesk) lenient(t *testing.T) {
	t.Helper()
	if _, err := d.SaveSection(t.Context(), d.admin, newsroom.Section{ID: "thong-bao", NameVI: "Thông báo"}); err != nil {
		t.Fatal(err)
	}
	policy := newsroom.DefaultPolicy("chu-tich")
	policy.AuthorMayApprove, policy.SecondSignMinutes = true, 10*newsroom.WorkingDay
	if _, err := d.SavePolicy(t.Context(), d.admin, "thong-bao", policy); err != nil {
		t.Fatal(err)
	}
}

func (d *newsdesk) person(t *testing.T, name string, sections []string, roles ...newsroom.Role) newsroom.Person {
	t.Helper()
	a, _, err := d.CreateUser(t.Context(), newsroom.Person{}, newsroom.AccountInput{Email: name + "@vankhe.example", Name: name, Roles: roles, Sections: sections}, false)
	if err != nil {
		t.Fatal(err)
	}
	return a.Person
}

func (d *newsdesk) emergency(t *testing.T, id string, by newsroom.Person) {
	t.Helper()
	hash := d.asked(t, d.link(t, id, d.leader)).Ask.Hash
	d.allowed(t, by, id, newsroom.MoveEmergencyRelease, func(r *newsroom.Request) { r.Hash = hash })
}

func TestSecondSignatureGoesByWhatReadersSee(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	d.lenient(t)
	id := d.upTo(t, story("Bài của lãnh đạo"), newsroom.StageAwaitingApproval)
	d.exec(t, `UPDATE articles SET author_id = $2 WHERE id = $1`, id, d.deputy.ID)
	d.emergency(t, id, d.second)
	d.allowed(t, d.deputy, id, newsroom.MoveRevise, correction)
	d.save(t, d.deputy, id, func(c *newsroom.Content) { c.Section = "thong-bao" })
	d.refused(t, newsroom.RefusedConflict, d.deputy, id, newsroom.MoveSecondSign)
	d.allowed(t, d.leader, id, newsroom.MoveSecondSign)
}

func TestForwarderOfWhatReadersSeeDoesNotSignIt(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	both := d.person(t, "hai.vai", nil, newsroom.RoleReviewer, newsroom.RoleLeader)
	id := d.create(t, story("Tin khẩn"))
	d.allowed(t, d.author, id, newsroom.MoveSubmit)
	d.allowed(t, both, id, newsroom.MoveClaim)
	d.allowed(t, both, id, newsroom.MoveForward)
	d.emergency(t, id, d.second)
	d.refused(t, newsroom.RefusedConflict, both, id, newsroom.MoveSecondSign)
	d.correct(t, id, func(c *newsroom.Content) { c.Title = "Tin khẩn, đã sửa lỗi chữ" })
	d.refused(t, newsroom.RefusedConflict, both, id, newsroom.MoveSecondSign)
	d.allowed(t, d.leader, id, newsroom.MoveSecondSign)
}

func TestTakingDownAsksByTheSectionOfWhatReadersSee(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	d.lenient(t)
	id := d.upTo(t, story("Bài đang hiện"), newsroom.StageReleased)
	d.allowed(t, d.author, id, newsroom.MoveRevise, correction)
	d.save(t, d.author, id, func(c *newsroom.Content) { c.Section = "thong-bao" })
	d.allowed(t, d.leader, id, newsroom.MoveTakeDown)
	if got := d.scalar(t, `SELECT second_minutes FROM articles WHERE id = $1`, id); got != fmt.Sprint(newsroom.WorkingDay) {
		t.Errorf("another leader has %s working minutes to sign", got)
	}
}

func TestExpiredByReviewersOfItsSection(t *testing.T) {
	t.Parallel()
	d := newNewsdesk(t)
	d.lenient(t)
	own := d.person(t, "kinh.te", []string{"kinh-te"}, newsroom.RoleReviewer)
	other := d.person(t, "thong.bao", []string{"thong-bao"}, newsroom.RoleReviewer)
	id := d.upTo(t, story("Bài đang hiện"), newsroom.StageReleased)
	d.allowed(t, d.author, id, newsroom.MoveRevise, correction)
	d.save(t, d.author, id, func(c *newsroom.Content) { c.Section = "thong-bao" })
	d.refused(t, newsroom.RefusedRole, other, id, newsroom.MoveExpire)
	d.allowed(t, own, id, newsroom.MoveExpire)
}

// A second signature is for the act that was shown: another one that has taken its place is not signed along.
func TestSecondSignatureIsForTheActThatWasShown(t *testing.T) {
	t.Parallel()
	for _, door := range []newsroom.Door{newsroom.DoorLink, newsroom.DoorPage} {
		t.Run(string(door), func(t *testing.T) {
			t.Parallel()
			d := newNewsdesk(t)
			id := d.upTo(t, story("Bài đang hiện"), newsroom.StageReleased)
			d.allowed(t, d.leader, id, newsroom.MoveWithdraw)
			shown, err := d.Situation(t.Context(), id, d.second.ID)
			if err != nil || shown.SecondAsk == "" {
				t.Fatalf("what the second leader is asked: %q, %v", shown.SecondAsk, err)
			}
			signs := func(r *newsroom.Request) { r.Door, r.AskID = door, shown.SecondAsk }
			d.clock.forward(time.Second)
			d.allowed(t, d.leader, id, newsroom.MoveTakeDown)
			d.refused(t, newsroom.RefusedStale, d.second, id, newsroom.MoveSecondSign, signs)
			if shown, err = d.Situation(t.Context(), id, d.second.ID); err != nil {
				t.Fatal(err)
			}
			d.allowed(t, d.second, id, newsroom.MoveSecondSign, signs)
		})
	}
}
