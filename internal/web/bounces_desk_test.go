package web

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"testing"

	"toasoan/newsroom"
)

// returned has a newsletter out to readers, of which some came back.
func (m *mailRoom) returned() {
	m.t.Helper()
	exec := func(sql string, args ...any) {
		m.t.Helper()
		_, err := m.db.Exec(m.t.Context(), sql, args...)
		m.no(err)
	}
	exec(`INSERT INTO mail_issues (id, kind, list, sections, period, subject, status, candidates, chunks, opened_at, prepared_at, content_hash)
	  VALUES ('i1', 'digest', 'kinh-te', '{kinh-te}', 'daily/2026-10-01', 'Bản tin ngày 01/10/2026', 'sending', 12, 1, $1, $1, 'x')`, m.clock.now())
	said := map[int]newsroom.Bounce{
		0: {Kind: newsroom.BounceHard, Status: "5.1.1", Code: 550, Said: "<…>: Recipient address rejected: User unknown in virtual mailbox table"},
		1: {Kind: newsroom.BounceHard, Status: "5.1.1", Code: 550, Said: "<…>: Recipient address rejected: User unknown in virtual mailbox table"},
		2: {Kind: newsroom.BounceSoft, Status: "5.2.2", Code: 552, Said: "Hộp thư của người nhận đã đầy"},
		3: {Kind: newsroom.BounceComplaint, Said: "abuse SomeGenerator/1.0"},
		4: {Kind: newsroom.BounceDelayed, Status: "4.4.1", Said: "connect to mx.thuphong.example: Connection timed out"},
	}
	for k := range 12 {
		id, verp := fmt.Sprintf("s%02d", k), fmt.Sprintf("daaaaaaaaaaaaaaaaaaaaaa%02d", k)
		mac := sha256.Sum256([]byte(id))
		exec(`INSERT INTO subscribers (id, email, email_key, email_mac, name, state, requested_at, confirmed_at, key_version, confirm_hash, prefs_hash)
		  VALUES ($1, $2, $2, $3, 'Nguyễn Thị Lan', 'confirmed', $4, $4, 1, $3, $3)`, id, id+"@thuphong.example", mac[:], m.clock.now())
		exec(`INSERT INTO subscriptions (subscriber_id, section_id, since) VALUES ($1, 'kinh-te', $2)`, id, m.clock.now())
		exec(`INSERT INTO mail_deliveries (issue_id, subscriber_id, chunk_no, email, state, key_version, verp, message_id, date, dot_at, done_at)
		  VALUES ('i1', $1, 0, $2, 'sent', 1, $3, $1, $4, $4, $4)`, id, id+"@thuphong.example", verp, m.clock.now())
		if b, ok := said[k]; ok {
			b.Tokens, b.Report, b.Via = []string{verp}, []byte(id), "imap"
			_, err := m.store.TakeBounce(m.t.Context(), b, newsroom.BounceLimit{Issues: 5, Days: 30})
			m.no(err)
		}
	}
}

func TestDeskShowsWhatCameBack(t *testing.T) {
	t.Parallel()
	m := newMailRoom(t)
	m.returned()
	admin := m.as("admin")
	admin.get("/desk/issues/i1").want(t, 200).has(t, "Gửi đi rồi bị trả lại", "User unknown in virtual mailbox table", "Hộp thư của người nhận đã đầy",
		"Báo là thư rác", "Đến chậm", "Trong đó 3 thư").lacks(t, "@thuphong.example")
	page := admin.get("/desk/subscribers/s00").want(t, 200)
	page.has(t, "Thư bị trả lại", "Địa chỉ không tồn tại", "Bản tin ngày 01/10/2026", `value="unblock"`)
	admin.post("/desk/subscribers/s00", url.Values{"act": {"unblock"}}).want(t, 303)
	admin.get("/desk/subscribers/s00").want(t, 200).has(t, `value="block"`, "Thư bị trả lại")
	admin.get("/desk/subscribers/s05").want(t, 200).lacks(t, "Thư bị trả lại")
}
