package web

import (
	"strings"
	"testing"

	"toasoan/newsroom"
)

// One signature and a reason put a text before readers; when the second is not there in working time, the page says so to every reader
// until it is, and the chief is told.
func TestNoticeStandsUntilTheSecondSignature(t *testing.T) {
	t.Parallel()
	d := newLinkDesk(t)
	id := d.sent(ruralStory())
	d.move(d.leader, id, newsroom.MoveEmergencyRelease)
	a, err := d.Article(t.Context(), id)
	if err != nil || a.SecondBy == nil {
		t.Fatalf("after the release: %+v, %v", a, err)
	}
	path, notice := newsroom.ArticlePath(a.Slug, id), "chưa có chữ ký thứ hai"
	version := int64(0)
	public := func(want bool) {
		t.Helper()
		version = d.server.lookAtVersion(t.Context(), version) // what each node does all the time
		if p := d.phone().open(path).shows(200, "Xã Vân Khê ký kết"); strings.Contains(p.page, notice) != want {
			t.Errorf("the notice stands: %v, want %v", !want, want)
		}
	}
	public(false)
	d.clock.forward(a.SecondBy.Sub(d.clock.now()))
	for range 2 {
		if _, err := d.SettleDue(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	public(true)
	if got := d.scalar(`SELECT string_agg(u.email, ' ' ORDER BY u.email) FROM letters l JOIN users u ON u.id = l.user_id WHERE kind = 'second_sign' AND data ? 'late'`); got != "admin@vankhe.example chu-tich@vankhe.example" {
		t.Errorf("told that it is late: %s", got)
	}
	d.phone().decide(d.link(id, d.second), "second_sign", "pin", secondPIN).shows(200, "đã ký thứ hai lúc")
	public(false)
}
