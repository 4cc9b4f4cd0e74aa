package web

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"toasoan/internal/store"
	"toasoan/newsroom"
)

// standing is everything that leaving could change.
func (r *readerStand) standing() (all string) {
	r.t.Helper()
	r.scan(`SELECT concat_ws('|',
	  (SELECT string_agg(s::text, ' ' ORDER BY s::text) FROM subscriptions s), (SELECT string_agg(s.state || s.id, ' ' ORDER BY s.id) FROM subscribers s),
	  (SELECT string_agg(d.state || d.subscriber_id, ' ' ORDER BY d.subscriber_id) FROM mail_deliveries d), (SELECT count(*) FROM consents),
	  (SELECT count(*) FROM suppressions), (SELECT count(*) FROM letters))`, &all)
	return all
}

// Mail services and their scanners open each link of each mail, again and again.
func TestScannersLeaveNothing(t *testing.T) {
	t.Parallel()
	n := newReaderStand(t)
	leave := "/huy/" + n.oneMailed("binh@example.vn")
	prefs := "/tuy-chon/" + n.link(store.PurposePrefs, "binh@example.vn")
	before := n.standing()
	for range 1000 {
		n.get(leave, http.StatusOK)
		n.do(http.MethodHead, leave, "", http.StatusOK)
	}
	for range 50 {
		n.get(prefs, http.StatusOK)
		n.do(http.MethodHead, prefs, "", http.StatusOK)
	}
	for _, method := range []string{http.MethodOptions, http.MethodPut, http.MethodDelete, http.MethodPatch} {
		n.do(method, leave, "", http.StatusMethodNotAllowed)
	}
	if after := n.standing(); after != before {
		t.Errorf("opening links changed\n%s into\n%s", before, after)
	}
}

// A link in an old mail works as long as the mail lies in a mailbox: after the issue is over, stopped, or the reader was erased.
func TestOldLinksStillLeave(t *testing.T) {
	t.Parallel()
	post := func(n *readerStand, token string) {
		t.Helper()
		for range 2 {
			n.do(http.MethodPost, "/huy/"+token, "List-Unsubscribe=One-Click", http.StatusOK, "Content-Type", "application/x-www-form-urlencoded")
		}
	}
	lists := func(n *readerStand) (count int) { n.scan(`SELECT count(*) FROM subscriptions`, &count); return count }
	for _, status := range []string{newsroom.IssueDone, newsroom.IssueAborted, newsroom.IssuePaused} {
		t.Run(status, func(t *testing.T) {
			t.Parallel()
			n := newReaderStand(t)
			token := n.oneMailed("binh@example.vn")
			n.exec(fmt.Sprintf(`UPDATE mail_issues SET status = '%s'`, status))
			n.exec(`UPDATE mail_deliveries SET state = 'sent', date = date - interval '400 days'`)
			post(n, token)
			if lists(n) != 1 {
				t.Errorf("%d lists, want the one that the mail was not of", lists(n))
			}
			var state string
			if n.scan(`SELECT state FROM mail_deliveries`, &state); state != "sent" {
				t.Errorf("what was sent became %s", state)
			}
		})
	}
	t.Run("erased", func(t *testing.T) {
		t.Parallel()
		n := newReaderStand(t)
		token := n.oneMailed("binh@example.vn")
		if err := n.Store.(*store.Store).Erase(t.Context(), n.link(store.PurposePrefs, "binh@example.vn"), newsroom.Proof{Source: "link"}); err != nil {
			t.Fatal(err)
		}
		before := n.standing()
		post(n, token)
		if after := n.standing(); after != before {
			t.Errorf("leaving again changed\n%s into\n%s", before, after)
		}
	})
}

// The leave page of a mail speaks its reader's language; the switch stays, and so does what a browser was told.
func TestLeavePageSpeaksItsReadersLanguage(t *testing.T) {
	t.Parallel()
	n := newReaderStand(t)
	leave := "/huy/" + n.oneMailed("sue@example.vn")
	n.exec(`UPDATE subscribers SET locale = 'en'`)
	says := func(w *httptest.ResponseRecorder, tag, words string) {
		t.Helper()
		if page := unpacked(t, w); !strings.Contains(page, `<html lang="`+tag+`"`) || !strings.Contains(page, words) {
			t.Errorf("the page is not %s with %q", tag, words)
		}
	}
	says(n.get(leave, http.StatusOK), "en", leave+`?lang=vi" hreflang="vi"`)
	says(n.get(leave, http.StatusOK, "Cookie", "lang=xx"), "en", "Leave this section")
	says(n.get(leave, http.StatusOK, "Cookie", "lang=vi"), "vi", "Hủy chuyên mục này")
	says(n.post(leave, nil, http.StatusOK), "en", "You have left")
	says(n.get(leave+"?lang=vi", http.StatusOK), "vi", "Đã hủy đăng ký")
	n.exec(`DELETE FROM subscribers`) // nobody knows any more whose it was
	says(n.get(leave, http.StatusOK), "vi", "Đã hủy đăng ký")
}
