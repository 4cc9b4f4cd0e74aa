package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"toasoan/internal/store"
	"toasoan/newsroom"
)

func TestAuditIsDownloadedAndChecked(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	admin, leader := d.as("admin"), d.as("leader")
	if _, err := d.store.RootOfDay(t.Context(), newsroom.DateOf(d.clock.now()), ""); err != nil {
		t.Fatal(err)
	}
	admin.get("/desk/admin/audit").want(t, 200).has(t, "Mã gốc từng ngày", "02/10/2026", "audit.jsonl", "audit.csv")
	admin.get("/desk/admin/audit?check").want(t, 200).has(t, "Nhật ký nguyên vẹn")
	for _, file := range []string{"jsonl", "csv"} {
		got := admin.get("/desk/admin/audit."+file).want(t, 200)
		if name := got.Header().Get("Content-Disposition"); name != `attachment; filename="nhat-ky-2026-10-02.`+file+`"` {
			t.Errorf("%s is named %s", file, name)
		}
		if at, err := store.VerifyExport(strings.NewReader(got.text)); err != nil || at.ID < 5 {
			t.Errorf("%s: %d rows, %v", file, at.ID, err)
		}
		if strings.Contains(got.text, "@vankhe.example") {
			t.Errorf("%s holds an address", file)
		}
		leader.get("/desk/admin/audit."+file).want(t, 403)
		d.browser().get("/desk/admin/audit."+file).want(t, http.StatusSeeOther)
	}
}

func TestPolicyIsTriedBeforeItIsSwitched(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	_, err := d.store.SaveOffice(t.Context(), d.people["admin"], newsroom.Office{ID: "chu-tich", Name: "Chủ tịch", Chief: true, Position: 1})
	d.no(err)
	d.no(d.store.Seat(t.Context(), d.people["admin"], "chu-tich", d.people["other"].ID, false))
	admin := d.as("admin")
	form := url.Values{
		"form": {"rehearse"}, "office0": {"ban-bien-tap"}, "quorum0": {"any"}, "office1": {"chu-tich"}, "quorum1": {"any"}, "edit_minutes": {"240"},
		"approve_minutes": {"450"}, "second_sign_minutes": {"450"}, "cooling_off_minutes": {"0"}, "decide_by_reply": {"1"},
	}
	admin.post("/desk/admin/policies/-", form).want(t, 200).has(t, "Chưa có lần trình duyệt nào")
	id := d.draft(d.as("reporter"))
	reporter, reviewer := d.as("reporter"), d.as("reviewer")
	reporter.move(id, "submit").want(t, 303)
	reviewer.move(id, "claim").want(t, 303)
	reviewer.move(id, "forward").want(t, 303)
	page := admin.post("/desk/admin/policies/-", form).want(t, 200).has(t, "1 lần trình duyệt", "Người other", "lâu hơn", `name="office1" value="chu-tich"`)
	if n := d.count(`SELECT count(*) FROM policies`); n != 0 {
		t.Fatalf("trying a policy saved it: %d", n)
	}
	page.lacks(t, `name="form" value="rehearse"`)
	bad := withForm(form, "approve_minutes", "0")
	admin.post("/desk/admin/policies/-", bad).want(t, 422)
	edit := withForm(form, "form", "edit")
	admin.post("/desk/admin/policies/-", edit).want(t, 200).has(t, `name="decide_by_reply" value="1" checked`)
	form.Del("form")
	admin.post("/desk/admin/policies/-", form).want(t, 303)
	if p, err := d.store.Policy(t.Context(), ""); err != nil || len(p.Steps) != 2 || !p.DecideByReply {
		t.Errorf("saved: %+v, %v", p, err)
	}
	// The running round goes on under its own policy until the admin moves it.
	admin.get("/desk/articles/"+id).want(t, 200).has(t, "Áp dụng quy trình mới")
	admin.move(id, "adopt_policy").want(t, 303)
	if got := d.count(`SELECT count(*) FROM audit WHERE action = 'adopt_policy'`); got != 1 {
		t.Errorf("%d rows on record", got)
	}
}

func TestDelegationIsFollowedAtOnce(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	id := d.draft(d.as("reporter"))
	d.as("reporter").move(id, "submit").want(t, 303)
	reviewer := d.as("reviewer")
	reviewer.move(id, "claim").want(t, 303)
	reviewer.move(id, "forward").want(t, 303)
	leader := d.as("leader")
	day := func(days int) string {
		return d.clock.now().Add(time.Duration(days) * 24 * time.Hour).In(vietnam).Format("2006-01-02T15:04")
	}
	form := url.Values{"form": {"delegate"}, "office": {"ban-bien-tap"}, "to": {d.people["other"].ID}, "start": {day(0)}, "end": {day(1)}}
	d.clock.forward(2 * time.Minute)
	leader.post("/desk/account", form).want(t, 303)
	if !slices.ContainsFunc(d.moves.posted, func(l string) bool { return strings.HasPrefix(l, "approval_request/") }) {
		t.Errorf("the deputy's link is not mailed: %v", d.moves.posted)
	}
	if !slices.Contains(d.moves.nudged, id) {
		t.Errorf("the run is not told when to wake: %v", d.moves.nudged)
	}
	if n := d.count(`SELECT count(*) FROM asks WHERE closed_why = 'delegated'`); n != 1 {
		t.Errorf("%d old links died", n)
	}
}
