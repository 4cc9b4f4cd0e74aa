package web

import (
	"net/http"
	"strings"
	"testing"

	"toasoan/internal/store"
)

// block puts a block on a subscriber's address.
func (r *readerStand) block(email, scope, why string) {
	r.t.Helper()
	r.exec(`INSERT INTO suppressions (email_mac, scope, why) SELECT email_mac, '` + scope + `', '` + why + `' FROM subscribers WHERE email = '` + email + `'`)
}

// The answer tells nobody whether an address is blocked, or by whom; whose mail was refused once is asked, and told on record.
func TestBlockedAddressesAreAnsweredAlike(t *testing.T) {
	t.Parallel()
	n := newReaderStand(t)
	letters := func() (count int) {
		n.scan(`SELECT count(*) FROM letters WHERE kind = 'confirm_subscription'`, &count)
		return count
	}
	for email, want := range map[string]struct {
		scope, why string
		asked      int
	}{
		"refused@example.vn": {"all", "hard", 1}, "spam@example.vn": {"bulk", "complaint", 0}, "office@example.vn": {"bulk", "admin", 0},
	} {
		first := unpacked(t, n.post("/dang-ky", subscribeForm(email, "kinh-te"), http.StatusOK))
		n.post("/xac-nhan/"+n.link(store.PurposeConfirm, email), nil, http.StatusOK)
		n.block(email, want.scope, want.why)
		before := letters()
		again := unpacked(t, n.post("/dang-ky", subscribeForm(email, "thong-bao"), http.StatusOK))
		if first != again {
			t.Errorf("%s: the answer tells of the block", want.why)
		}
		if got := letters() - before; got != want.asked {
			t.Errorf("%s: %d letters, want %d", want.why, got, want.asked)
		}
	}
	refused := n.link(store.PurposeConfirm, "refused@example.vn")
	if page := unpacked(t, n.post("/xac-nhan/"+refused, nil, http.StatusOK)); !strings.Contains(page, "Từ nay Quý vị nhận tin") {
		t.Error("confirming promises nothing")
	}
	prefs := "/tuy-chon/" + n.link(store.PurposePrefs, "refused@example.vn")
	if page := unpacked(t, n.get(prefs+"/ho-so", http.StatusOK)); !strings.Contains(page, "bỏ chặn: Địa chỉ không tồn tại") {
		t.Error("the record does not say that the block was lifted")
	}
	if page := unpacked(t, n.get(prefs+"/ho-so?lang=en", http.StatusOK)); !strings.Contains(page, "block lifted: Address does not exist") {
		t.Error("the English record does not say that the block was lifted")
	}
	// The office's block stands: its page promises no news.
	page := unpacked(t, n.get("/xac-nhan/"+n.link(store.PurposeConfirm, "office@example.vn"), http.StatusOK))
	if strings.Contains(page, "Từ nay Quý vị nhận tin") || !strings.Contains(page, "Quý vị vui lòng liên hệ cơ quan") {
		t.Error("the page promises news to an address that gets none")
	}
}
