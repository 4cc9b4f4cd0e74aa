package web

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"toasoan/internal/store"
)

// A letter comes in: it is entered, its limits run and are seen, the data are handed out and erased, and the answer closes it.
func TestDeskKeepsTheRegisterOfInquiries(t *testing.T) {
	t.Parallel()
	m := newMailRoom(t)
	admin := m.as("admin")
	at := m.upload(admin, "email,name,sections\nlan@example.vn,Nguyễn Thị Lan,kinh-te\n", "Phiếu giấy 2025").want(t, 303).Header().Get("Location")
	admin.post(at, nil).want(t, 303)
	m.imported(admin, at)
	m.as("reviewer").get("/desk/inquiries").want(t, 403) // addresses are the admin's
	admin.get("/desk/inquiries").want(t, 200).has(t, "Không có yêu cầu nào")
	admin.post("/desk/inquiries", url.Values{"email": {"lan"}, "words": {"Xin <b>bản sao</b>"}, "received_at": {"hôm qua"}}).
		want(t, 422).has(t, "Thời gian không hợp lệ", "Xin &lt;b&gt;bản sao&lt;/b&gt;")
	admin.post("/desk/inquiries", url.Values{"email": {"lan"}, "words": {"Xin"}}).
		want(t, 422).has(t, "Địa chỉ thư điện tử không hợp lệ.", `href="#kind">Loại yêu cầu: Vui lòng nhập mục này.`, `href="#channel">Kênh nhận: Vui lòng`, `value="lan"`)
	admin.post("/desk/inquiries/clocks", url.Values{"answer_days": {"2"}, "settle_days": {"mười"}}).
		want(t, 422).has(t, `href="#settle_days">Ngày để thực hiện xong: Giá trị`, `value="mười"`, "trả lời trong 2 ngày làm việc, thực hiện trong 15 ngày")
	in := url.Values{"email": {"LAN@example.vn"}, "kind": {"access"}, "channel": {"letter"}, "reference": {"=45/VP"}, "words": {"Xin bản sao\ngửi về lan@example.vn"}}
	page := admin.post("/desk/inquiries", in).want(t, 303).Header().Get("Location")
	admin.get(page).want(t, 200).has(t, "lan@example.vn", "Thư, đơn", "=45/VP", "gửi về (@)", "Trả lời: còn 15 giờ làm việc", "Chờ trả lời")
	m.clock.forward(4 * 24 * time.Hour)
	admin = m.as("admin") // the session is over
	m.no(m.store.RemindInquiries(t.Context()))
	admin.get("/desk/inquiries").want(t, 200).has(t, "Quá hạn trả lời", "Có 1 yêu cầu quá hạn.", `class="due due-over"`)
	admin.get("/desk/inquiries?view=overdue").want(t, 200).has(t, page)
	admin.get("/desk/subscribers").want(t, 200).has(t, "1 quá hạn")
	admin.get("/desk/admin/trouble").want(t, 200).has(t, "Một yêu cầu về dữ liệu cá nhân đã quá hạn.", page)
	admin.post(page, url.Values{"act": {"answered"}}).want(t, 422).has(t, "Vui lòng nhập mục này.")
	admin.post(page, url.Values{"act": {"answered"}, "answer": {"Đã nhận"}}).want(t, 303)
	admin.get(page).want(t, 200).has(t, "Đã trả lời, đang xử lý", "Thực hiện: còn 11 ngày").lacks(t, "due-over")

	record := admin.post(page, url.Values{"act": {"exported"}}).want(t, 303).Header().Get("Location")
	admin.get(record).want(t, 200).has(t, "Hồ sơ đồng ý nhận tin", "lan@example.vn", "Nguyễn Thị Lan", "Nhập từ danh sách", "Phiếu giấy 2025", "dòng 2 của danh sách",
		"Xem, nhận bản sao dữ liệu")
	admin.get(record+".csv").want(t, 200).has(t, "Nhập từ danh sách", "Phiếu giấy 2025")
	admin.get(page).want(t, 200).has(t, "Xuất dữ liệu")
	admin.post(page, url.Values{"act": {"corrected"}, "name": {"Lê Thị Lan"}}).want(t, 303)
	admin.get(record).want(t, 200).has(t, "Lê Thị Lan")
	admin.post(page, url.Values{"act": {"left"}}).want(t, 303)
	admin.get(record).want(t, 200).has(t, "Quản trị cơ quan", "Không nhận tin của chuyên mục nào.")
	admin.post(page, url.Values{"act": {"erased"}}).want(t, 303) // without the tick nothing happens
	admin.get(page).want(t, 200).has(t, "lan@example.vn")
	admin.post(page, url.Values{"act": {"erased"}, "sure": {"1"}}).want(t, 303)
	admin.get(page).want(t, 200).has(t, "(đã xóa địa chỉ)", "=45/VP").lacks(t, "lan@example.vn", "Xin bản sao", "Đã nhận", "Xuất dữ liệu của người này")
	admin.post(page, url.Values{"act": {"closed"}, "answer": {"Đã xóa"}}).want(t, 422).has(t, `href="#outcome"`, "Đã xóa")
	admin.post(page, url.Values{"act": {"closed"}, "answer": {"Đã xóa"}, "outcome": {"done"}}).want(t, 303)
	admin.get(page).want(t, 200).has(t, "Đã thực hiện", "Kết thúc").lacks(t, "<form class=\"narrow")
	admin.post(page, url.Values{"act": {"closed"}, "answer": {"Lần nữa"}, "outcome": {"refused"}}).want(t, 303)
	admin.get(page).want(t, 200).has(t, "Yêu cầu này đã kết thúc.", "Đã thực hiện").lacks(t, "Lần nữa")
	admin.get("/desk/inquiries.csv").want(t, 200).has(t, "'=45/VP", "letter", "done").lacks(t, "example.vn")
	admin.get("/desk/admin/trouble").want(t, 200).lacks(t, `name="id" value="inquiry/`)
	if len(m.mails.told) < 2 {
		t.Errorf("the person's workflow was told %v", m.mails.told)
	}
	admin.post("/desk/inquiries/none", url.Values{"act": {"left"}}).want(t, 404)
	admin.post(page, url.Values{"act": {"received"}}).want(t, 404)
	admin.post("/desk/inquiries/clocks", url.Values{"answer_days": {"0"}, "settle_days": {"15"}}).want(t, 422).has(t, "Giá trị ngoài giới hạn")
	admin.post("/desk/inquiries/clocks", url.Values{"answer_days": {"1"}, "settle_days": {"10"}}).want(t, 303)
	stranger := url.Values{"email": {"khach@example.vn"}, "kind": {"objection"}, "channel": {"phone"}}
	page = admin.post("/desk/inquiries", stranger).want(t, 303).Header().Get("Location")
	admin.get(page).want(t, 200).has(t, "Không có trong danh sách", "còn 7 giờ 30 phút làm việc").lacks(t, "Xóa dữ liệu</button>")
	admin.post(page, url.Values{"act": {"blocked"}}).want(t, 303)
	admin.get(page).want(t, 200).has(t, "Ngừng gửi đến địa chỉ", "Quản trị ngừng gửi").lacks(t, `value="blocked"`)
	admin.post(page, url.Values{"act": {"unblocked"}}).want(t, 303)
	admin.get(page).want(t, 200).has(t, "Cho gửi lại đến địa chỉ", `value="blocked"`).lacks(t, "Quản trị ngừng gửi", `value="unblocked"`)
}

// The person reads the same record by the preferences link, in either language, and reading it is on the register.
func TestReadersSeeTheirRecord(t *testing.T) {
	t.Parallel()
	n := newReaderStand(t)
	n.post("/dang-ky", subscribeForm("binh@example.vn", "kinh-te"), 200)
	n.post("/xac-nhan/"+n.link(store.PurposeConfirm, "binh@example.vn"), nil, 200)
	prefs := "/tuy-chon/" + n.link(store.PurposePrefs, "binh@example.vn")
	if page := unpacked(t, n.get(prefs, 200)); !strings.Contains(page, prefs+"/ho-so") {
		t.Error("the preferences page has no link to the record")
	}
	for query, want := range map[string][]string{
		"":         {"Hồ sơ đồng ý nhận tin", "binh@example.vn", "Yêu cầu đăng ký", "<q>Tôi đồng ý để", "web-1/vi", "Xác nhận", "Liên kết trong thư", "Kinh tế"},
		"?lang=en": {"Record of consent", "<q>Tôi đồng ý để", "Mailed link", "Access to the data"},
	} {
		page := unpacked(t, n.get(prefs+"/ho-so"+query, 200))
		for _, one := range want {
			if !strings.Contains(page, one) {
				t.Errorf("the record%s lacks %s", query, one)
			}
		}
	}
	if table := unpacked(t, n.get(prefs+"/ho-so.csv", 200)); !strings.Contains(table, "Yêu cầu đăng ký") || strings.Count(table, "\n") != 3 {
		t.Errorf("the table is %s", table)
	}
	var asked string
	if n.scan(`SELECT string_agg(kind || ' ' || channel || ' ' || outcome, ', ') FROM inquiries`, &asked); asked != "access link done" {
		t.Errorf("the register has %q", asked)
	}
	n.get("/tuy-chon/none/ho-so", 410)
	n.get("/tuy-chon/none/ho-so.csv", 404)
}
