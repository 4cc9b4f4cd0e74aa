package store

import (
	"errors"
	"strings"
	"testing"
	"time"

	"toasoan/newsroom"
)

// Leaving one list does not make another request, which still waits, look confirmed.
func TestLeavingOneListKeepsWhatWaits(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	id := h.subscribe("binh@example.vn", "kinh-te")
	h.later(time.Hour)
	h.exec(`INSERT INTO sections (id, name_vi, position) VALUES ('van-hoa', 'Văn hóa', 4)`)
	if _, err := h.SetPreferences(t.Context(), h.keys.Token(PurposePrefs, id, 1), []newsroom.Subscription{
		{Section: "kinh-te", Cadence: newsroom.CadenceInstant}, {Section: "van-hoa", Cadence: newsroom.CadenceInstant},
	}, "", newsroom.Proof{}); err != nil {
		t.Fatal(err)
	}
	h.wish("binh@example.vn", "", "vi", newsroom.CadenceDaily, "thong-bao")
	if err := h.leaveLists(t.Context(), id, []string{"kinh-te"}, "", newsroom.Proof{}); err != nil {
		t.Fatal(err)
	}
	c, err := h.Confirmation(t.Context(), h.confirmation(id))
	if err != nil || c.Done || newsroom.ListsCell(c.Lists) != "thong-bao:daily van-hoa:instant" {
		t.Errorf("the link shows done=%t %v, %v", c.Done, c.Lists, err)
	}
	if did := h.pressed(id); !strings.HasSuffix(did, ": thong-bao:daily van-hoa:instant") {
		t.Errorf("the press did %s", did)
	}
}

// A stranger's form does not open the door that a list finds closed by somebody's leaving.
func TestListDoesNotTakeBackWhoLeftAndWasAskedFor(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	id := h.subscribe("binh@example.vn", "kinh-te")
	if _, err := h.LeaveAll(ctx, h.keys.Token(PurposePrefs, id, 1), newsroom.Proof{}); err != nil {
		t.Fatal(err)
	}
	in, err := h.PreviewImport(ctx, h.admin, "x.csv", "giấy", []string{"kinh-te"}, strings.NewReader("email\nbinh@example.vn\n"))
	if err != nil {
		t.Fatal(err)
	}
	h.wish("binh@example.vn", "", "vi", newsroom.CadenceInstant, "kinh-te") // anybody may
	again, err := h.PreviewImport(ctx, h.admin, "x.csv", "giấy", []string{"kinh-te"}, strings.NewReader("email\nbinh@example.vn\n"))
	if err != nil || again.Report.Skipped != 1 || again.Report.Merged != 0 {
		t.Errorf("the preview takes back who left: %+v, %v", again.Report, err)
	}
	if err := h.RunImport(ctx, h.admin, in.ID); err != nil {
		t.Fatal(err)
	}
	u, err := h.Subscriber(ctx, id)
	if err != nil || u.State != newsroom.SubscriberRequested || u.LeftAt == nil || len(u.Lists) != 0 {
		t.Errorf("the list made it %+v, %v", u, err)
	}
}

// Whoever keeps an old confirmation letter, or has read one, cannot press what is asked for later.
func TestOldConfirmationLinkPressesNothingNew(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	id := h.wish("binh@example.vn", "", "vi", newsroom.CadenceDaily, "kinh-te")
	link := func() string {
		t.Helper()
		v, err := h.LetterView(ctx, h.text(`SELECT id FROM letters WHERE kind = 'confirm_subscription' ORDER BY created_at DESC, id DESC LIMIT 1`))
		if err != nil {
			t.Fatal(err)
		}
		return v.Link[strings.LastIndexByte(v.Link, '/')+1:]
	}
	old := link()
	h.later(time.Hour)
	h.wish("binh@example.vn", "", "vi", newsroom.CadenceDaily, "kinh-te")
	if link() != old {
		t.Error("a request that adds to another has a link of its own")
	}
	for range 2 {
		if _, err := h.Confirm(ctx, old, newsroom.Proof{}); err != nil {
			t.Fatal(err)
		}
	}
	h.later(30 * 24 * time.Hour)
	h.wish("binh@example.vn", "", "vi", newsroom.CadenceInstant, "thong-bao") // anybody may
	if _, err := h.Confirm(ctx, old, newsroom.Proof{}); !errors.Is(err, newsroom.ErrNotFound) {
		t.Errorf("the old link confirms what a stranger asked for: %v", err)
	}
	if _, err := h.Confirm(ctx, link(), newsroom.Proof{}); err != nil {
		t.Errorf("the new link: %v", err)
	}
	// What was mailed before each request had its own link works on.
	h.later(30 * 24 * time.Hour)
	h.wish("binh@example.vn", "", "vi", newsroom.CadenceWeekly, "thong-bao")
	h.exec(`UPDATE subscribers SET confirm_hash = $1`, hashToken(h.keys.Token(PurposeConfirm, id, 1)))
	if _, err := h.Confirm(ctx, link(), newsroom.Proof{}); err != nil {
		t.Errorf("a link of before: %v", err)
	}
}

// Whose data are to be erased today, and are not yet, is asked as somebody new: the letter has a link that works.
func TestAskingAfterTheClockBeforeTheSweep(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	old := h.subscribe("binh@example.vn", "kinh-te")
	if _, err := h.LeaveAll(t.Context(), h.keys.Token(PurposePrefs, old, 1), newsroom.Proof{}); err != nil {
		t.Fatal(err)
	}
	h.later(14*24*time.Hour + time.Hour)
	id := h.wish("binh@example.vn", "", "vi", newsroom.CadenceDaily, "kinh-te")
	if u, err := h.Subscriber(t.Context(), old); err != nil || u.State != newsroom.SubscriberErased || id == old {
		t.Errorf("asked as %s, the old row is %+v, %v", id, u, err)
	}
	if _, lease := h.optIn(id); lease.State != newsroom.DeliveryClaimed {
		t.Errorf("the letter is %s", lease.State)
	}
	if did := h.pressed(id); !strings.HasSuffix(did, "kinh-te:daily") {
		t.Errorf("the press did %s", did)
	}
}

// A list of old consents does not bring back a section that its reader has left, by a mail's link or by the preferences; a newer consent does.
func TestListDoesNotBringBackALeftSection(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	h.exec(`INSERT INTO sections (id, name_vi, position) VALUES ('van-hoa', 'Văn hóa', 4)`)
	by := map[string]func(id string){
		"link": func(id string) {
			if err := h.leaveLists(ctx, id, []string{"thong-bao"}, "", newsroom.Proof{}); err != nil {
				t.Fatal(err)
			}
		},
		"prefs": func(id string) {
			lists := []newsroom.Subscription{{Section: "kinh-te", Cadence: newsroom.CadenceInstant}}
			if _, err := h.SetPreferences(ctx, h.keys.Token(PurposePrefs, id, 1), lists, "", newsroom.Proof{}); err != nil {
				t.Fatal(err)
			}
		},
	}
	ids := map[string]string{}
	for how, leave := range by {
		ids[how] = h.subscribe(how+"@example.vn", "kinh-te", "thong-bao")
		h.later(time.Hour)
		leave(ids[how])
	}
	h.later(30 * 24 * time.Hour)
	take := func(list string) newsroom.ImportReport {
		t.Helper()
		in, err := h.PreviewImport(ctx, h.admin, "x.csv", "giấy", nil, strings.NewReader(list))
		if err != nil {
			t.Fatal(err)
		}
		if err := h.RunImport(ctx, h.admin, in.ID); err != nil {
			t.Fatal(err)
		}
		return in.Report
	}
	if r := take("email,sections,consent_at\nlink@example.vn,thong-bao,2025-10-02\nprefs@example.vn,thong-bao,\n"); r.Skipped != 2 || len(r.Errors) != 2 || r.Errors[0].Code != "left_section" {
		t.Errorf("the report says %+v", r)
	}
	if r := take("email,sections,consent_at\nlink@example.vn,thong-bao|van-hoa,2025-10-02\n"); r.Merged != 1 {
		t.Errorf("the report says %+v", r)
	}
	lists := func(how string) string {
		t.Helper()
		u, err := h.Subscriber(ctx, ids[how])
		if err != nil {
			t.Fatal(err)
		}
		return newsroom.ListsCell(u.Lists)
	}
	if lists("link") != "kinh-te:instant van-hoa:instant" || lists("prefs") != "kinh-te:instant" {
		t.Errorf("the old list made it %s and %s", lists("link"), lists("prefs"))
	}
	take("email,sections,consent_at\nlink@example.vn,thong-bao,2026-12-20\n")
	if lists("link") != "kinh-te:instant thong-bao:instant van-hoa:instant" {
		t.Errorf("a newer consent made it %s", lists("link"))
	}
}

// What no database takes in a cell does not stop the people behind it.
func TestImportOfOddCells(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	in, err := h.PreviewImport(t.Context(), h.admin, "x\x00.csv", "giấy\x00", []string{"kinh-te"}, strings.NewReader("email,name\na@example.vn,Lan\x00Anh\nb@example.vn,\xef\xbf\xbd\nc@example.vn,\u202eBình\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.RunImport(t.Context(), h.admin, in.ID); err != nil {
		t.Fatal(err)
	}
}

// whileConfirmed runs do while a list of a subscriber's is being confirmed: do has to wait for that.
func (h *mailHouse) whileConfirmed(id, section string, do func() error) {
	h.t.Helper()
	h.whileHeld(id, `INSERT INTO subscriptions (subscriber_id, section_id, since, changed_at) VALUES ($1, $2, now(), now())`, []any{id, section}, do)
}

// whileHeld runs do while somebody else holds a subscriber, who changes it by sql in the end.
func (h *mailHouse) whileHeld(id, sql string, values []any, do func() error) {
	h.t.Helper()
	ctx := h.t.Context()
	holding, err := h.raw.Begin(ctx)
	if err != nil {
		h.t.Fatal(err)
	}
	defer holding.Rollback(ctx) //nolint:errcheck // committed below
	if _, err := holding.Exec(ctx, `SELECT FROM subscribers WHERE id = $1 FOR UPDATE`, id); err != nil {
		h.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- do() }()
	for h.value(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`) == 0 {
		time.Sleep(5 * time.Millisecond)
	}
	if _, err := holding.Exec(ctx, sql, values...); err != nil {
		h.t.Fatal(err)
	}
	if err := holding.Commit(ctx); err != nil {
		h.t.Fatal(err)
	}
	if err := <-done; err != nil {
		h.t.Fatal(err)
	}
}

// Preferences that are saved while a request is being confirmed stop the mails of every list that they end, the new one's too.
func TestPreferencesWhileAListIsConfirmed(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 1)
	h.unrolled(issue)
	id := h.text(`SELECT id FROM subscribers`)
	h.exec(`UPDATE subscriptions SET section_id = 'thong-bao'`)
	h.whileConfirmed(id, "kinh-te", func() error {
		lists := []newsroom.Subscription{{Section: "thong-bao", Cadence: newsroom.CadenceInstant}}
		_, err := h.SetPreferences(t.Context(), h.keys.Token(PurposePrefs, id, 1), lists, "", newsroom.Proof{})
		return err
	})
	if got := h.text(`SELECT state FROM mail_deliveries WHERE issue_id = $1`, issue); got != "suppressed" {
		t.Errorf("the mail of a list that was left is %s", got)
	}
}

// Leaving the last list while another is being confirmed leaves the one, not everything.
func TestLeavingWhileAListIsConfirmed(t *testing.T) {
	t.Parallel()
	h, issue := onePublished(t, 1)
	_, rows := h.take(issue, 1)
	id := rows[0].SubscriberID
	token := rows[0].LeaveURL[strings.LastIndexByte(rows[0].LeaveURL, '/')+1:]
	h.whileConfirmed(id, "thong-bao", func() error {
		_, err := h.Leave(t.Context(), token, false, newsroom.Proof{Source: "one_click"})
		return err
	})
	u, err := h.Subscriber(t.Context(), id)
	if err != nil || u.State != newsroom.SubscriberConfirmed || newsroom.ListsCell(u.Lists) != "thong-bao:instant" {
		t.Errorf("one click made it %s with %s, %v", u.State, newsroom.ListsCell(u.Lists), err)
	}
	if h.state(issue, rows[0]) != newsroom.DeliverySuppressed {
		t.Errorf("the mail of the list is %s", h.state(issue, rows[0]))
	}
}

// Whose address the clock removes at the very moment at which they ask again is asked.
func TestAskingWhileTheClockRemoves(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	old := h.wish("binh@example.vn", "", "vi", newsroom.CadenceDaily, "kinh-te")
	var id string
	h.whileHeld(old, `DELETE FROM subscribers WHERE id = $1`, []any{old}, func() (err error) {
		id, err = h.Subscribe(t.Context(), request("binh@example.vn", "kinh-te"))
		return err
	})
	if did := h.pressed(id); id == old || !strings.HasSuffix(did, "kinh-te:instant") {
		t.Errorf("asked as %s, the press did %s", id, did)
	}
}
