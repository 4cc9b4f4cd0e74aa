package web

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/internal/store"
	"toasoan/newsroom"
)

// A correction that is held since its article was taken down says so wherever a leader looks, and whoever is asked about it again reads
// what an approval would do.
func TestTakenDownIsSaidWhereACorrectionWaits(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	reporter, reviewer, leader := d.as("reporter"), d.as("reviewer"), d.as("leader")
	id := d.draft(reporter)
	up := func() {
		t.Helper()
		reporter.move(id, "submit").want(t, 303)
		reviewer.move(id, "claim").want(t, 303)
		reviewer.move(id, "forward").want(t, 303)
	}
	up()
	leader.move(id, "approve", "pin", deskPIN).want(t, 303)
	policy := newsroom.DefaultPolicy("ban-bien-tap")
	policy.CoolingOffMinutes = 60
	_, err := d.store.SavePolicy(t.Context(), d.people["admin"], "", policy)
	d.no(err)
	reporter.move(id, "revise-correction", "old", "850 m", "new", "580 m").want(t, 303)
	up()
	leader.move(id, "approve", "pin", deskPIN).want(t, 303)
	leader.move(id, "take_down", "pin", deskPIN, "reason_code", "quality", "reason", "Sai số liệu.").want(t, 303)
	d.clock.forward(2 * time.Hour)
	_, err = d.store.SettleDue(t.Context(), id)
	d.no(err)
	leader.get("/desk/articles/"+id).want(t, 200).has(t, "Tạm giữ: bài đã bị gỡ sau khi bản này được duyệt").lacks(t, "có báo cáo “Không phải tôi”")
	leader.get("/desk").want(t, 200).has(t, "Tạm giữ: bài đã bị gỡ")
	leader.move(id, "unschedule", "pin", deskPIN).want(t, 303)
	leader.get("/desk/articles/"+id+"").want(t, 200).has(t, "Bài đang bị gỡ; bản này được duyệt thì bài hiện lại").lacks(t, "Tạm giữ")
	d.browser().get("/duyet/"+d.newestLink(id)).want(t, 200).has(t, "Phê duyệt bản này thì bài hiện lại với bạn đọc.")
}

// A correction that is held since a reviewer ended the article's display says so, and what an approval would do.
func TestExpiredIsSaidWhereACorrectionWaits(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	reporter, reviewer, leader := d.as("reporter"), d.as("reviewer"), d.as("leader")
	id := d.forwarded(reporter, reviewer)
	leader.move(id, "approve", "pin", deskPIN).want(t, 303)
	policy := newsroom.DefaultPolicy("ban-bien-tap")
	policy.CoolingOffMinutes = 60
	_, err := d.store.SavePolicy(t.Context(), d.people["admin"], "", policy)
	d.no(err)
	reporter.move(id, "revise-correction", "old", "850 m", "new", "580 m").want(t, 303)
	for _, move := range []string{"submit", "claim", "forward"} {
		who := reviewer
		if move == "submit" {
			who = reporter
		}
		who.move(id, move).want(t, 303)
	}
	leader.move(id, "approve", "pin", deskPIN).want(t, 303)
	reviewer.move(id, "expire", "reason_code", "quality", "reason", "Đã hết thời gian nhận hồ sơ.").want(t, 303)
	leader.get("/desk").want(t, 200).has(t, "Tạm giữ: biên tập viên đã cho bài hết hạn hiển thị")
	leader.move(id, "unschedule", "pin", deskPIN).want(t, 303)
	leader.get("/desk/articles/"+id).want(t, 200).has(t, "Bài đã hết hạn hiển thị; bản này được duyệt thì bài hiện lại").lacks(t, "Tạm giữ")
	d.browser().get("/duyet/"+d.newestLink(id)).want(t, 200).has(t, "Bài đã hết hạn hiển thị. Phê duyệt bản này thì bài hiện lại với bạn đọc.")
}

// newestLink is the token of the newest mailed link about an article.
func (d *deskRoom) newestLink(id string) string {
	d.t.Helper()
	conn, err := pgx.Connect(d.t.Context(), d.app)
	d.no(err)
	defer func() { _ = conn.Close(d.t.Context()) }()
	var ask string
	d.no(conn.QueryRow(d.t.Context(), `SELECT id FROM asks WHERE article_id = $1 AND closed_at IS NULL AND kind = 'approval'`, id).Scan(&ask))
	return d.keys.Token(store.PurposeAsk, ask, d.keys.Version())
}

// Whoever edits is offered, and may save, only sections they have a part in.
func TestEditorOffersOwnSections(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	_, err := d.store.SaveSection(t.Context(), d.people["admin"], newsroom.Section{ID: "van-hoa", NameVI: "Văn hóa"})
	d.no(err)
	d.no(d.store.UpdateUser(t.Context(), d.people["admin"], d.people["reviewer"].ID, newsroom.AccountInput{
		Email: "reviewer@vankhe.example", Name: "Người reviewer", Roles: []newsroom.Role{newsroom.RoleReviewer}, Sections: []string{"kinh-te"}, Active: true,
	}))
	reporter, reviewer := d.as("reporter"), d.as("reviewer")
	id := d.draft(reporter)
	reporter.get("/desk/articles/"+id+"/edit").want(t, 200).has(t, `<option value="van-hoa"`)
	reporter.move(id, "submit").want(t, 303)
	reviewer.move(id, "claim").want(t, 303)
	section := reviewer.get("/desk/articles/"+id+"/edit").want(t, 200)
	tag := editForm.FindStringSubmatch(section.text)
	section.has(t, `<option value="kinh-te" selected`).lacks(t, `<option value="van-hoa"`)
	moved := withForm(editorForm(`"`+tag[1]+`"`), "section", "van-hoa", "move", "save")
	reviewer.post("/desk/articles/"+id, moved).want(t, 422).has(t, "không phụ trách chuyên mục này")
	reviewer.send(http.MethodPut, "/desk/articles/"+id, moved, "If-Match", `"`+tag[1]+`"`, "Accept", "application/json").want(t, 422).has(t, "không phụ trách chuyên mục này")
	if a, err := d.store.Article(t.Context(), id); err != nil || a.Section != "kinh-te" {
		t.Errorf("it is in %s, %v", a.Section, err)
	}
}

// Who approves a correction from a page that was shown before the article was taken down is told so first: the approval would bring it back.
func TestApprovalFromBeforeTheTakingDownIsAskedAgain(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	reporter, reviewer, leader := d.as("reporter"), d.as("reviewer"), d.as("leader")
	id := d.forwarded(reporter, reviewer)
	leader.move(id, "approve", "pin", deskPIN).want(t, 303)
	reporter.move(id, "revise-correction", "old", "850 m", "new", "580 m").want(t, 303)
	reporter.move(id, "submit").want(t, 303)
	reviewer.move(id, "claim").want(t, 303)
	reviewer.move(id, "forward").want(t, 303)
	desk := leader.moveForm(id, "approve")
	link := "/duyet/" + d.newestLink(id)
	phone := d.browser()
	mailed := url.Values{"move": {"approve"}, "pin": {deskPIN}}
	for _, m := range hiddenInput.FindAllStringSubmatch(phone.get(link).want(t, 200).text, -1) {
		mailed.Set(m[1], m[2])
	}
	leader.move(id, "take_down", "pin", deskPIN, "reason_code", "state_secret", "reason", "Lộ thông tin.").want(t, 303)
	desk.Set("pin", deskPIN)
	leader.post("/desk/articles/"+id+"/moves", desk).want(t, 409).has(t, "bản này được duyệt thì bài hiện lại")
	phone.post(link, mailed).want(t, 409).has(t, "Phê duyệt bản này thì bài hiện lại với bạn đọc.")
	if got := d.stage(id); got != newsroom.StageAwaitingApproval {
		t.Fatalf("stage %s", got)
	}
	leader.move(id, "approve", "pin", deskPIN).want(t, 303)
	if got := d.stage(id); got != newsroom.StageReleased {
		t.Errorf("who has seen it approves: %s", got)
	}
}

// The desk's second signature is for the act that its page showed.
func TestDeskSignsWhatItShowed(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	reporter, reviewer, leader, other := d.as("reporter"), d.as("reviewer"), d.as("leader"), d.as("other")
	d.no(d.store.SetPIN(t.Context(), d.people["other"].ID, deskPIN))
	id := d.forwarded(reporter, reviewer)
	leader.move(id, "approve", "pin", deskPIN).want(t, 303)
	leader.move(id, "withdraw", "pin", deskPIN, "reason_code", "quality", "reason", "Sai số liệu.").want(t, 303)
	shown := withForm(other.moveForm(id, "second_sign"), "pin", deskPIN)
	d.clock.forward(time.Minute)
	leader.move(id, "take_down", "pin", deskPIN, "reason_code", "state_secret", "reason", "Lộ thông tin.").want(t, 303)
	other.post("/desk/articles/"+id+"/moves", shown).want(t, 409)
	if a, err := d.store.Article(t.Context(), id); err != nil || a.SecondBy == nil {
		t.Fatalf("signed unseen: %+v, %v", a, err)
	}
	other.move(id, "second_sign", "pin", deskPIN).want(t, 303)
}
