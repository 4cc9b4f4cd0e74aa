package web

import (
	"net/url"
	"slices"
	"testing"

	"toasoan/newsroom"
)

func TestMailLimitsPage(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	admin := d.as("admin")
	admin.get("/desk/admin/mail").want(t, 200).has(t, "Số thư mỗi giây", "Giới hạn theo tên miền", "Để trống")
	d.as("leader").get("/desk/admin/mail").want(t, 403)
	admin.post("/desk/admin/mail", url.Values{"rate": {"nhanh"}, "connections": {"0"}, "domains": {"gmail.com, mười\nkhông phải, 1, 1"}}).want(t, 422).
		has(t, "Số thư mỗi giây: Giá trị ngoài giới hạn cho phép.", "gmail.com, mười", "nhanh")
	if m, err := d.store.MailLimits(t.Context()); err != nil || m.Rate != nil || m.Connections != nil || m.Domains != nil {
		t.Fatalf("%+v, %v", m, err)
	}
	admin.post("/desk/admin/mail", url.Values{"rate": {"120"}, "connections": {""}, "domains": {"Gmail.com, 10, 4\r\n\r\nyahoo.com,5\r\n"}}).want(t, 303)
	m, err := d.store.MailLimits(t.Context())
	want := []newsroom.DomainLimit{{Domain: "gmail.com", Rate: 10, AtOnce: 4}, {Domain: "yahoo.com", Rate: 5}}
	if err != nil || m.Rate == nil || *m.Rate != 120 || m.Connections != nil || !slices.Equal(m.Domains, want) {
		t.Errorf("%+v, %v", m, err)
	}
	admin.get("/desk/admin/mail").want(t, 200).has(t, `value="17:00"`, "Giờ lập bản tin")
	admin.post("/desk/admin/mail/digest", url.Values{"digest": {"25:00"}}).want(t, 422).has(t, "Giờ lập bản tin: Giờ không hợp lệ.", `value="25:00"`, "gmail.com, 10, 4")
	d.as("leader").post("/desk/admin/mail/digest", url.Values{"digest": {"16:30"}}).want(t, 403)
	admin.post("/desk/admin/mail/digest", url.Values{"digest": {"16:30"}}).want(t, 303)
	admin.get("/desk/admin/mail").want(t, 200).has(t, "Từ ngày mai, bản tin tổng hợp được lập lúc 16:30.", `value="16:30"`)
	if n := d.count(`SELECT count(*) FROM audit WHERE action = 'setting.save' AND detail->>'key' = 'digest_hours'`); n != 1 {
		t.Errorf("%d changes of the hour on record", n)
	}
	admin.get("/desk/admin/mail").want(t, 200).has(t, `value="120"`, "gmail.com, 10, 4", "yahoo.com, 5, 0")
}
