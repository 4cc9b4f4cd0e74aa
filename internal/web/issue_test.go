package web

import (
	"net/url"
	"strings"
	"testing"
	"time"
)

// issueOf imports readers and freezes an issue to them.
func (m *mailRoom) issueOf(admin *deskBrowser, names ...string) (issue, page string) {
	m.t.Helper()
	list := "email,sections\n"
	for _, name := range names {
		list += name + "@example.vn,kinh-te\n"
	}
	at := m.upload(admin, list, "giấy").want(m.t, 303).Header().Get("Location")
	admin.post(at, nil).want(m.t, 303)
	m.imported(admin, at)
	m.clock.forward(time.Minute)
	issue = m.run()
	return issue, "/desk/issues/" + issue
}

func (m *mailRoom) exec(sql string, values ...any) {
	m.t.Helper()
	if _, err := m.db.Exec(m.t.Context(), sql, values...); err != nil {
		m.t.Fatalf("%s: %v", sql, err)
	}
}

// Each kind of failed mails has its own button, with as many as it would send; a block of this run is lifted by an admin alone.
func TestDeskOffersEachKindOfFailure(t *testing.T) {
	t.Parallel()
	m := newMailRoom(t)
	m.MailDomain = "vankhe.example.vn"
	admin, reviewer := m.as("admin"), m.as("reviewer")
	issue, page := m.issueOf(admin, "a", "b", "c", "d", "e", "f")
	for name, set := range map[string]string{
		"a": `state = 'hard', smtp_code = 550, enhanced = '5.1.1'`,
		"b": `state = 'hard', smtp_code = 554, enhanced = '5.7.1', smtp_stage = 'dot'`,
		"c": `state = 'in_doubt', smtp_stage = 'dot'`,
		"d": `state = 'in_doubt', smtp_stage = 'dot', next_attempt = '2026-11-23 07:08:09+07'`,
		"e": `state = 'soft', smtp_code = 552, enhanced = '5.2.2', next_attempt = '2026-11-23 07:08:09+07'`,
		"f": `state = 'sent', smtp_code = 250, enhanced = '2.0.0', reply = '2.0.0 queued as 4F1', done_at = '2026-11-23 07:08:09+07'`,
	} {
		m.exec(`UPDATE mail_deliveries SET `+set+` WHERE issue_id = $1 AND email = $2`, issue, name+"@example.vn")
	}
	m.exec(`INSERT INTO suppressions (email_mac, scope, why, at) SELECT email_mac, 'all', 'hard', $1 FROM subscribers WHERE email = 'a@example.vn'`, m.clock.now())
	shown := reviewer.get(page).want(t, 200).has(t, "Gửi lại ngay 1 thư bị hoãn", "Gửi lại 1 thư chưa rõ kết quả", "thêm một bản giống hệt", "Thử lại 1 địa chỉ bị từ chối",
		"<b>1</b> chưa rõ kết quả", "Chưa rõ kết quả, sẽ gửi lại", "Bị từ chối hẳn", "Bị từ chối ba lần thì cổng thôi gửi.").lacks(t, "Bỏ chặn", "Địa chỉ không nhận", "72 giờ")
	if n := strings.Count(shown.text, `name="act" value="retry"`); n != 3 {
		t.Errorf("%d offers", n)
	}
	admin.get(page+"/recipients.csv").want(t, 200).has(t, "state,attempts,code,enhanced,stage,reply,next_attempt,done_at,message_id",
		"f@example.vn,sent,1,250,2.0.0,,2.0.0 queued as 4F1,,2026-11-23T07:08:09+07:00,<d."+issue+".", "@vankhe.example.vn>").lacks(t, "23/11/2026")
	admin.get(page+"/recipients?state=sent").want(t, 200).has(t, "250 2.0.0 queued as 4F1")
	m.exec(`UPDATE mail_deliveries SET smtp_stage = 'log', smtp_code = 0, enhanced = '', reply = '4XyZ' WHERE issue_id = $1 AND email = 'f@example.vn'`, issue)
	admin.get(page+"/recipients?state=sent").want(t, 200).has(t, "Có trong nhật ký của máy chủ thư: 4XyZ")
	m.MailHeld = true // nothing in doubt is sent by itself
	reviewer.get(page).want(t, 200).has(t, "đang tra nhật ký của máy chủ thư", "chờ người quyết định").lacks(t, "Chưa rõ kết quả, sẽ gửi lại")
	m.MailHeld = false

	reviewer.post(page+"/blocks", url.Values{"sure": {"1"}}).want(t, 403)
	admin.get(page).want(t, 200).has(t, "Bỏ chặn 1 địa chỉ bị đợt gửi này từ chối")
	admin.post(page+"/blocks", nil).want(t, 303) // without the tick nothing happens
	admin.get(page).want(t, 200).has(t, "Bỏ chặn 1 địa chỉ", "Thử lại 1 địa chỉ bị từ chối")
	admin.post(page+"/blocks", url.Values{"sure": {"1"}}).want(t, 303)
	admin.get(page).want(t, 200).has(t, "Đã bỏ chặn 1 địa chỉ.", "Thử lại 2 địa chỉ bị từ chối").lacks(t, `id="blocks"`)
	admin.post(page+"/blocks", url.Values{"sure": {"1"}}).want(t, 303)
	admin.get(page).want(t, 200).has(t, "Không còn địa chỉ nào bị đợt gửi này chặn.")
	reviewer.post(page, url.Values{"act": {"retry"}, "state": {"hard"}}).want(t, 303)
	reviewer.get(page).want(t, 200).has(t, "Đã xếp 2 thư để gửi lại.").lacks(t, "địa chỉ bị từ chối")

	m.exec(`UPDATE mail_deliveries SET state = 'suppressed', smtp_stage = CASE email WHEN 'a@example.vn' THEN 'left' ELSE 'hard' END WHERE email IN ('a@example.vn', 'b@example.vn')`)
	admin.get(page+"/recipients?state=suppressed").want(t, 200).has(t, "Không gửi: Đã hủy nhận tin", "Không gửi: Địa chỉ không tồn tại")
}

// What would be refused is not offered, and a refusal is not told as done.
func TestDeskOffersNothingThatWouldBeRefused(t *testing.T) {
	t.Parallel()
	m := newMailRoom(t)
	reviewer := m.as("reviewer")
	issue, page := m.issueOf(m.as("admin"), "a", "b")
	m.exec(`UPDATE mail_issues SET status = 'done', finished_at = $1`, m.clock.now())
	for _, act := range []string{"pause", "stop"} {
		reviewer.post(page, url.Values{"act": {act}}).want(t, 303)
		reviewer.get(page).want(t, 200).has(t, "Không thực hiện được ở trạng thái này").lacks(t, "Đã tạm dừng", "Đã dừng hẳn", "Tạm dừng</button>", "Dừng hẳn</button>")
	}
	m.exec(`UPDATE mail_deliveries SET state = 'expired'`)
	reviewer.get(page).want(t, 200).has(t, "Gửi lại ngay 2 thư bị hoãn").lacks(t, "độc giả không còn thấy")
	m.exec(`UPDATE live_articles SET public = 'withdrawn'`)
	reviewer.get(page).want(t, 200).has(t, "độc giả không còn thấy").lacks(t, "bị hoãn")
	m.exec(`UPDATE mail_issues SET status = 'paused', finished_at = NULL, why = 'person' WHERE id = $1`, issue)
	reviewer.get(page).want(t, 200).has(t, "độc giả không còn thấy", "Dừng hẳn").lacks(t, "Gửi tiếp</button>")
	m.exec(`UPDATE live_articles SET public = 'live'`)
	reviewer.get(page).want(t, 200).has(t, "Gửi tiếp</button>", "chỉ đi sau khi bấm").lacks(t, "độc giả không còn thấy")
}

// Digests of one day are told apart by what they cover.
func TestDeskNamesDigestsBySections(t *testing.T) {
	t.Parallel()
	m := newMailRoom(t)
	for id, digest := range map[string][3]string{
		"d1": {"digest-daily-wwl4kqpo", "daily/2026-11-20", "{kinh-te}"}, "d2": {"digest-weekly-aaaaaaaa", "weekly/2026-11-20/own-0", "{kinh-te,khong-co}"},
	} {
		m.exec(`INSERT INTO mail_issues (id, kind, list, period, sections, subject, opened_at) VALUES ($1, 'digest', $2, $3, $4::text[], 'Bản tin', now())`,
			id, digest[0], digest[1], digest[2])
	}
	m.as("reviewer").get("/desk/issues").want(t, 200).has(t, "Tổng hợp hằng ngày · Kinh tế", "Tổng hợp hằng tuần · Kinh tế, khong-co · người vừa đổi lựa chọn").
		lacks(t, "digest-daily", "digest-weekly")
}
