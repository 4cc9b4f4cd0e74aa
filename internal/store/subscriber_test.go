package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"toasoan/newsroom"
)

func TestSubscribeChangesNothingBeforeTheLinkIsPressed(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	id, err := h.Subscribe(ctx, request("Binh@Example.vn", "kinh-te"))
	if err != nil {
		t.Fatal(err)
	}
	if n := h.value(`SELECT count(*) FROM subscriptions`); n != 0 {
		t.Errorf("%d lists before the confirmation", n)
	}
	token := h.confirmation(id)
	c, err := h.Confirmation(ctx, token)
	if err != nil || c.Done || c.Wants("kinh-te") != newsroom.CadenceInstant || c.State != newsroom.SubscriberRequested {
		t.Fatalf("confirmation shows %+v, %v", c, err)
	}
	for range 2 { // a second press changes nothing and answers the same
		if got, err := h.Confirm(ctx, token, newsroom.Proof{IP: "203.0.113.9"}); err != nil || got != id {
			t.Fatalf("confirmed %q, %v", got, err)
		}
	}
	u, err := h.Subscriber(ctx, id)
	if err != nil || u.State != newsroom.SubscriberConfirmed || u.Email != "Binh@example.vn" || len(u.Lists) != 1 {
		t.Fatalf("subscriber %+v, %v", u, err)
	}
	consents, err := h.Consents(ctx, id)
	if err != nil || len(consents) != 2 || consents[0].Act != actRequested || consents[0].Form != "vi-1" || consents[0].IP != "203.0.113.7" ||
		consents[1].Act != actConfirmed || consents[1].IP != "203.0.113.9" {
		t.Errorf("consents %+v, %v", consents, err)
	}
}

func TestSubscribeByAStrangerLeavesAKnownPersonAlone(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	id := h.subscribe("binh@example.vn", "kinh-te")
	again, err := h.Subscribe(ctx, request("BINH@example.vn", "thong-bao"))
	if err != nil || again != id {
		t.Fatalf("second request made %q, %v; want %q", again, err, id)
	}
	u, err := h.Subscriber(ctx, id)
	if err != nil || u.State != newsroom.SubscriberConfirmed || len(u.Lists) != 1 {
		t.Fatalf("a stranger's request changed %+v, %v", u, err)
	}
	if _, err := h.Confirm(ctx, h.confirmation(id), newsroom.Proof{}); err != nil {
		t.Fatal(err)
	}
	if u, err = h.Subscriber(ctx, id); err != nil || len(u.Lists) != 2 {
		t.Errorf("after the press: %+v, %v", u, err)
	}
	if n := h.value(`SELECT count(*) FROM letters WHERE kind = 'confirm_subscription'`); n != 2 {
		t.Errorf("%d confirmation letters, want 2", n)
	}
}

func TestConfirmationLinkDiesAfterTwoDays(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	id, err := h.Subscribe(t.Context(), request("binh@example.vn", "kinh-te"))
	if err != nil {
		t.Fatal(err)
	}
	token := h.confirmation(id)
	h.later(48*time.Hour + time.Second)
	if _, err := h.Confirm(t.Context(), token, newsroom.Proof{}); !errors.Is(err, newsroom.ErrNotFound) {
		t.Fatalf("late press: %v", err)
	}
	if _, err := h.Subscribe(t.Context(), request("binh@example.vn", "kinh-te")); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Confirm(t.Context(), token, newsroom.Proof{}); !errors.Is(err, newsroom.ErrNotFound) {
		t.Errorf("the old link after asking again: %v", err)
	}
	if _, err := h.Confirm(t.Context(), h.confirmation(id), newsroom.Proof{}); err != nil {
		t.Errorf("after asking again: %v", err)
	}
}

func TestSubscribeRefusesBadForms(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	for name, c := range map[string]struct {
		spoil func(*newsroom.SubscribeRequest)
		field string
		code  string
	}{
		"no at":           {func(r *newsroom.SubscribeRequest) { r.Email = "binh.example.vn" }, "email", "email.no_at"},
		"line break":      {func(r *newsroom.SubscribeRequest) { r.Email = "binh@example.vn\r\nBcc: x@example.vn" }, "email", "email.control_character"},
		"no section":      {func(r *newsroom.SubscribeRequest) { r.Sections = nil }, "sections", "required"},
		"retired section": {func(r *newsroom.SubscribeRequest) { r.Sections = []string{"cu"} }, "sections", "required"},
		"no consent":      {func(r *newsroom.SubscribeRequest) { r.Consent = false }, "consent", "consent_required"},
		"cadence":         {func(r *newsroom.SubscribeRequest) { r.Cadence = "hourly" }, "cadence", "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			r := request("binh@example.vn", "kinh-te")
			c.spoil(&r)
			_, err := h.Subscribe(t.Context(), r)
			wrong, ok := errors.AsType[*newsroom.InvalidError](err)
			if !ok || len(wrong.Fields) != 1 || wrong.Fields[0].Field != c.field || wrong.Fields[0].Code != c.code {
				t.Errorf("got %v (%+v)", err, wrong)
			}
		})
	}
	if n := h.value(`SELECT count(*) FROM subscribers`); n != 0 {
		t.Errorf("%d rows were written", n)
	}
}

func TestPreferencesAndLeaving(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	id := h.subscribe("binh@example.vn", "kinh-te", "thong-bao")
	token := h.keys.Token(PurposePrefs, id, 1)
	u, err := h.SetPreferences(ctx, token, []newsroom.Subscription{{Section: "thong-bao", Cadence: newsroom.CadenceWeekly}}, "Bình", newsroom.Proof{Source: "link"})
	if err != nil || len(u.Lists) != 1 || u.Lists[0].Cadence != newsroom.CadenceWeekly || u.Name != "Bình" {
		t.Fatalf("preferences %+v, %v", u, err)
	}
	for range 2 {
		if _, err := h.LeaveAll(ctx, token, newsroom.Proof{Source: "link"}); err != nil {
			t.Fatal(err)
		}
	}
	if u, err = h.SubscriberByToken(ctx, token); err != nil || u.State != newsroom.SubscriberLeft || len(u.Lists) != 0 {
		t.Fatalf("after leaving %+v, %v", u, err)
	}
	if n := h.value(`SELECT count(*) FROM letters WHERE kind = 'unsubscribed'`); n != 1 {
		t.Errorf("%d letters confirm the leaving, want 1", n)
	}
	if _, err := h.SetPreferences(ctx, token, u.Lists, "", newsroom.Proof{}); !errors.Is(err, newsroom.ErrForbidden) {
		t.Errorf("who left may set preferences: %v", err)
	}
}

func TestErasureLeavesNoAddress(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	id := h.subscribe("binh@example.vn", "kinh-te")
	h.publish("article00001", 1, 1, "published", newsroom.ChangeNew)
	issue := h.mail("article00001", 1, "published", newsroom.ChangeNew).Issues[0]
	h.ready(issue)
	h.take(issue, 1)
	data, err := h.PersonalData(ctx, h.keys.Token(PurposePrefs, id, 1))
	if err != nil || data.Email != "binh@example.vn" || len(data.Consents) != 2 || len(data.Mails) != 1 {
		t.Fatalf("personal data %+v, %v", data, err)
	}
	if err := h.Erase(ctx, h.keys.Token(PurposePrefs, id, 1), newsroom.Proof{IP: "203.0.113.7", Source: "link"}); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		`SELECT count(*) FROM subscribers WHERE email <> '' OR email_key <> '' OR name <> ''`,
		`SELECT count(*) FROM mail_deliveries WHERE email <> '' OR name <> ''`,
		`SELECT count(*) FROM consents WHERE ip <> '' OR detail <> '{}'`,
		`SELECT count(*) FROM subscriptions`,
	} {
		if n := h.value(sql); n != 0 {
			t.Errorf("%s: %d", sql, n)
		}
	}
	if state := h.text(`SELECT state FROM mail_deliveries`); state != "suppressed" {
		t.Errorf("the pending mail is %s", state)
	}
	if _, err := h.SubscriberByToken(ctx, h.keys.Token(PurposePrefs, id, 1)); !errors.Is(err, newsroom.ErrNotFound) {
		t.Errorf("the preferences link still opens: %v", err)
	}
	in, err := h.PreviewImport(ctx, h.admin, "x.csv", "giấy", []string{"kinh-te"}, strings.NewReader("email\nbinh@example.vn\n"))
	if err != nil || in.Report.Skipped != 1 || in.Report.Added != 0 {
		t.Errorf("a list takes an erased person back: %+v, %v", in.Report, err)
	}
	if again := h.subscribe("binh@example.vn", "kinh-te"); again == id {
		t.Error("an erased row came to life again")
	}
}

func TestUnconfirmedIsPurgedAndWhoLeftIsErased(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	asked, err := h.Subscribe(ctx, request("binh@example.vn", "kinh-te"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := h.RemindSubscriber(ctx, asked); err != nil {
			t.Fatal(err)
		}
	}
	if n := h.value(`SELECT count(*) FROM letters WHERE kind = 'confirm_reminder'`); n != 1 {
		t.Errorf("%d reminders, want 1", n)
	}
	h.later(7*24*time.Hour - time.Second)
	if gone, err := h.PurgeSubscriber(ctx, asked); err != nil || gone {
		t.Fatalf("purged too early: %v, %v", gone, err)
	}
	h.later(time.Second)
	if gone, err := h.PurgeSubscriber(ctx, asked); err != nil || !gone {
		t.Fatalf("not purged: %v, %v", gone, err)
	}
	if _, err := h.SubscriberStanding(ctx, asked); !errors.Is(err, newsroom.ErrNotFound) {
		t.Errorf("still standing: %v", err)
	}
	left := h.subscribe("lan@example.vn", "kinh-te")
	if _, err := h.LeaveAll(ctx, h.keys.Token(PurposePrefs, left, 1), newsroom.Proof{}); err != nil {
		t.Fatal(err)
	}
	if n, err := h.EraseLeft(ctx, 10); err != nil || n != 0 {
		t.Fatalf("erased %d at once, %v", n, err)
	}
	h.later(14 * 24 * time.Hour)
	if n, err := h.EraseLeft(ctx, 10); err != nil || n != 1 {
		t.Errorf("erased %d after 14 days, %v", n, err)
	}
}

func TestImportTellsEachLine(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	known := h.subscribe("known@example.vn", "kinh-te")
	left := h.subscribe("left@example.vn", "kinh-te")
	if _, err := h.LeaveAll(ctx, h.keys.Token(PurposePrefs, left, 1), newsroom.Proof{}); err != nil {
		t.Fatal(err)
	}
	list := "\ufeffEmail;Name;Sections;Cadence;Consent_at\r\n" +
		"new@example.vn;Nguyễn Thị Mới;Kinh tế|thong-bao;daily;02/10/2025\r\n" +
		"known@example.vn;;thong-bao;;\r\n" +
		"left@example.vn;;kinh-te;;\r\n" +
		"broken.example.vn;;kinh-te;;\r\n" +
		"other@example.vn;;khong-co;;\r\n" +
		"NEW@example.vn;;kinh-te;;\r\n" +
		"day@example.vn;;kinh-te;;32/13/2025\r\n" +
		"\r\n" +
		"known@example.vn;;kinh-te;;\r\n"
	in, err := h.PreviewImport(ctx, h.admin, "danh sách.csv", "Phiếu giấy 2025", nil, strings.NewReader(list))
	if err != nil {
		t.Fatal(err)
	}
	want := newsroom.ImportReport{Rows: 8, Added: 1, Merged: 1, Skipped: 1, Failed: 5, Errors: []newsroom.ImportError{
		{Line: 4, Code: "left"}, {Line: 5, Code: "email"}, {Line: 6, Code: "section"}, {Line: 7, Code: "twice"}, {Line: 8, Code: "consent_at"}, {Line: 10, Code: "twice"},
	}}
	if got := in.Report; got.Rows != want.Rows || got.Added != want.Added || got.Merged != want.Merged || got.Skipped != want.Skipped ||
		got.Failed != want.Failed || !slices.Equal(got.Errors, want.Errors) {
		t.Errorf("preview says\n%+v, want\n%+v", got, want)
	}
	if n := h.value(`SELECT count(*) FROM subscribers`); n != 2 {
		t.Fatalf("the preview wrote: %d subscribers", n)
	}
	if err := h.RunImport(ctx, h.admin, in.ID); err != nil {
		t.Fatal(err)
	}
	if err := h.RunImport(ctx, h.admin, in.ID); !errors.Is(err, newsroom.ErrConflict) {
		t.Errorf("imported twice: %v", err)
	}
	done, err := h.Import(ctx, in.ID)
	if err != nil || done.State != "done" || done.Done != 8 || done.Report.Added != 1 {
		t.Errorf("import %+v, %v", done, err)
	}
	u, err := h.Subscriber(ctx, known)
	if err != nil || len(u.Lists) != 2 {
		t.Errorf("known %+v, %v", u, err)
	}
	page, err := h.SubscriberPage(ctx, newsroom.SubscriberFilter{Query: "nguyen thi moi", Limit: 10})
	if err != nil || len(page.List) != 1 || page.List[0].Email != "new@example.vn" || page.List[0].State != newsroom.SubscriberConfirmed ||
		page.List[0].Wants("kinh-te") != newsroom.CadenceDaily || page.List[0].Wants("thong-bao") != newsroom.CadenceDaily {
		t.Fatalf("found %+v, %v", page, err)
	}
	consents, err := h.Consents(ctx, page.List[0].ID)
	if err != nil || len(consents) != 1 || consents[0].Act != actImported || consents[0].Source != "Phiếu giấy 2025" {
		t.Errorf("consents %+v, %v", consents, err)
	}
}

func TestImportGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	var list strings.Builder
	list.WriteString("email\n")
	for k := range 2500 {
		fmt.Fprintf(&list, "reader%d@example.vn\n", k)
	}
	in, err := h.PreviewImport(ctx, h.admin, "x.csv", "giấy", []string{"kinh-te"}, strings.NewReader(list.String()))
	if err != nil {
		t.Fatal(err)
	}
	// Somebody began, wrote one batch and died.
	h.exec(`UPDATE subscriber_imports SET state = 'running', done = 1000, report = '{"added": 1000}', beat_at = $1 WHERE id = $2`, h.Store.now(), in.ID)
	if err := h.RunImport(ctx, h.admin, in.ID); !errors.Is(err, newsroom.ErrConflict) {
		t.Fatalf("taken from a live one: %v", err)
	}
	h.later(time.Minute)
	if err := h.RunImport(ctx, h.admin, in.ID); err != nil {
		t.Fatal(err)
	}
	done, err := h.Import(ctx, in.ID)
	if err != nil || done.Done != 2500 || done.Report.Added != 2500 || done.State != "done" {
		t.Errorf("import is %s at %d with %d added, %v", done.State, done.Done, done.Report.Added, err)
	}
	if n := h.value(`SELECT count(*) FROM subscribers`); n != 1500 {
		t.Errorf("%d subscribers, want the 1500 of the rest", n)
	}
}

func TestSubscriberPagesDoNotOverlap(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	h.many(25, "kinh-te")
	for _, section := range []string{"", "kinh-te"} {
		seen := map[string]bool{}
		f := newsroom.SubscriberFilter{State: newsroom.SubscriberConfirmed, Section: section, Limit: 10}
		for pages := 1; ; pages++ {
			page, err := h.SubscriberPage(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, u := range page.List {
				if seen[u.ID] {
					t.Fatalf("%s twice", u.ID)
				}
				seen[u.ID] = true
			}
			if f.After = page.Next; page.Next == "" {
				if pages != 3 {
					t.Errorf("%d pages, want 3", pages)
				}
				break
			}
		}
		if len(seen) != 25 {
			t.Errorf("%d subscribers, want 25", len(seen))
		}
	}
	count, err := h.SubscriberCounts(t.Context())
	if err != nil || count.Confirmed != 25 {
		t.Errorf("counts %+v, %v", count, err)
	}
	exported := 0
	err = h.ExportSubscribers(t.Context(), h.admin, "", func(u newsroom.Subscriber) error {
		if u.Wants("kinh-te") != "" {
			exported++
		}
		return nil
	})
	if err != nil || exported != 25 {
		t.Errorf("exported %d, %v", exported, err)
	}
	// A wildcard in the search is a character, not a wildcard.
	if page, err := h.SubscriberPage(t.Context(), newsroom.SubscriberFilter{Query: "reader%1@", Limit: 10}); err != nil || len(page.List) != 0 {
		t.Errorf("wildcard found %d, %v", len(page.List), err)
	}
}

func TestTakeRateLimitsPerValueAndWindow(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	take := func(value string) time.Duration {
		wait, err := h.TakeRate(t.Context(), "subscribe", value, 2, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return wait
	}
	first, second := take("a"), take("a")
	if first != 0 || second != 0 || take("b") != 0 {
		t.Error("refused within the limit")
	}
	if wait := take("a"); wait <= 0 || wait > time.Hour {
		t.Errorf("third waits %s", wait)
	}
	h.later(time.Hour)
	if take("a") != 0 {
		t.Error("refused in the next window")
	}
}

// One or two letters find beginnings, three and more any part; the tally is what a count would be, summed up or not.
func TestSubscribersAreFoundAndTallied(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	list := "email,name\nlan@example.vn,Nguyễn Thị Lan\nbinh@example.vn,Trần Quốc Bình\nlaptop@example.vn,100% _Đặng\n"
	in, err := h.PreviewImport(ctx, h.admin, "x.csv", "giấy", []string{"kinh-te"}, strings.NewReader(list))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.RunImport(ctx, h.admin, in.ID); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]int{
		"la": 2, "LA": 2, "qu": 1, "an": 0, "đ": 0, "_đ": 1, "10": 1, "%": 0, "0%": 0, "100%": 1, "lan": 1, "ngu": 1, "guy": 1, "example": 3, "qz": 0, "": 3, "  ": 3, "quoc binh": 1,
	} {
		for _, section := range []string{"", "kinh-te"} {
			page, err := h.SubscriberPage(ctx, newsroom.SubscriberFilter{Query: query, Section: section, Limit: 10})
			if err != nil || len(page.List) != want {
				t.Errorf("%q in section %q finds %d, want %d, %v", query, section, len(page.List), want, err)
			}
		}
	}
	h.subscribe("moi@example.vn", "kinh-te")
	left := h.subscribe("di@example.vn", "kinh-te")
	if err := h.leaveAll(ctx, left, newsroom.Proof{}); err != nil {
		t.Fatal(err)
	}
	if err := h.EraseSubscriber(ctx, h.admin, h.text(`SELECT id FROM subscribers WHERE email LIKE 'lan@%'`)); err != nil {
		t.Fatal(err)
	}
	h.exec(`INSERT INTO subscribers (id, email, email_key, email_mac, state, requested_at, key_version, confirm_hash, prefs_hash) VALUES ('x', 'x', 'x', 'x', 'requested', now(), 1, 'x', 'x')`)
	h.exec(`DELETE FROM subscribers WHERE id = 'x'`)
	for _, when := range []string{"as it went", "summed up"} {
		c, err := h.SubscriberCounts(ctx)
		if err != nil || c.Confirmed != 3 || c.Left != 1 || c.Erased != 1 || c.Requested != 0 {
			t.Errorf("%s: %+v, %v", when, c, err)
		}
		if err := h.Sweep(ctx, h.Store.now()); err != nil {
			t.Fatal(err)
		}
	}
	if n := h.value(`SELECT count(*) FROM subscriber_tally`); n != 3 {
		t.Errorf("%d lines of tally, want one a state", n)
	}
}
