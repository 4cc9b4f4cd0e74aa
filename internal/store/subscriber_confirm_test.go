package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"toasoan/newsroom"
)

// wish is a request of a section at a cadence.
func (h *mailHouse) wish(email, name, locale string, cadence newsroom.Cadence, sections ...string) string {
	h.t.Helper()
	r := request(email, sections...)
	r.Name, r.Locale, r.Cadence = name, locale, cadence
	id, err := h.Subscribe(h.t.Context(), r)
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

// shown is what a confirmation link shows, and pressed what it did.
func (h *mailHouse) shown(id string) string {
	h.t.Helper()
	c, err := h.Confirmation(h.t.Context(), h.confirmation(id))
	if err != nil {
		return err.Error()
	}
	return c.Name + "/" + c.Locale + ": " + newsroom.ListsCell(c.Lists)
}

func (h *mailHouse) pressed(id string) string {
	h.t.Helper()
	if _, err := h.Confirm(h.t.Context(), h.confirmation(id), newsroom.Proof{}); err != nil {
		return err.Error()
	}
	u, err := h.Subscriber(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return u.Name + "/" + u.Locale + ": " + newsroom.ListsCell(u.Lists)
}

// The page, the mail and the press say and do the same, whatever was asked for before.
func TestConfirmationShowsWhatThePressDoes(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	letter := func(id string) string {
		t.Helper()
		v, err := h.LetterView(t.Context(), h.text(`SELECT id FROM letters WHERE kind = 'confirm_subscription' AND subscriber_id = $1 ORDER BY created_at, id LIMIT 1`, id))
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%s %v %v %t", v.Locale, v.Sections, v.Cadences, v.Known)
	}
	id := h.wish("binh@example.vn", "Bình", "vi", newsroom.CadenceWeekly, "thong-bao")
	h.later(time.Hour)
	h.wish("binh@example.vn", "", "vi", newsroom.CadenceDaily, "kinh-te")
	if said := letter(id); said != "vi [Kinh tế Thông báo] [daily weekly] false" { // the first letter, whose link is the second's
		t.Errorf("the mail says %s", said)
	}
	want := "Bình/vi: kinh-te:daily thong-bao:weekly"
	if said := h.shown(id); said != want {
		t.Errorf("the page says %s", said)
	}
	if did := h.pressed(id); did != want {
		t.Errorf("the press did %s", did)
	}
	// A stranger names a confirmed person anew, and asks for another cadence in another language.
	h.later(time.Hour)
	h.wish("BINH@example.vn", "Kẻ xấu", "en", newsroom.CadenceInstant, "thong-bao")
	if said := h.text(`SELECT id FROM letters ORDER BY created_at DESC LIMIT 1`); said == "" {
		t.Fatal("no letter")
	}
	if said := letter(id); said != "en [Thông báo] [instant] true" {
		t.Errorf("the mail to somebody known says %s", said)
	}
	want = "Bình/en: kinh-te:daily thong-bao:instant"
	c, err := h.Confirmation(t.Context(), h.confirmation(id))
	if err != nil || newsroom.ListsCell(c.Before) != "kinh-te:daily thong-bao:weekly" || c.State != newsroom.SubscriberConfirmed {
		t.Errorf("before it is %+v, %v", c, err)
	}
	if said := h.shown(id); said != want {
		t.Errorf("the page says %s", said)
	}
	if did := h.pressed(id); did != want {
		t.Errorf("the press did %s", did)
	}
	consents, err := h.Consents(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if last := consents[len(consents)-1]; fmt.Sprint(last.Detail["lists"]) != "[map[cadence:instant section:thong-bao]]" {
		t.Errorf("on record is %v", last.Detail)
	}
}

// A request renews those whose links still work; what was asked for before is dead.
func TestRequestsAddUpWithinTheirLife(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	id := h.wish("binh@example.vn", "", "vi", newsroom.CadenceDaily, "thong-bao")
	h.later(49 * time.Hour)
	h.wish("binh@example.vn", "", "vi", newsroom.CadenceInstant, "kinh-te")
	if said := h.shown(id); said != "/vi: kinh-te:instant" {
		t.Errorf("with a dead request the page says %s", said)
	}
	h.later(47 * time.Hour)
	h.wish("binh@example.vn", "", "vi", newsroom.CadenceWeekly, "thong-bao")
	h.later(47 * time.Hour)
	if did := h.pressed(id); did != "/vi: kinh-te:instant thong-bao:weekly" {
		t.Errorf("the press did %s", did)
	}
}

// Whoever left is erased fourteen days later, also when somebody asked in their name since; by confirming they stay.
func TestAskingAgainDoesNotStopTheClock(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	gone, back := h.subscribe("gone@example.vn", "kinh-te"), h.subscribe("back@example.vn", "kinh-te")
	for _, id := range []string{gone, back} {
		if _, err := h.LeaveAll(ctx, h.keys.Token(PurposePrefs, id, 1), newsroom.Proof{}); err != nil {
			t.Fatal(err)
		}
	}
	h.later(13 * 24 * time.Hour)
	h.wish("gone@example.vn", "", "vi", newsroom.CadenceDaily, "kinh-te")
	h.wish("back@example.vn", "", "vi", newsroom.CadenceDaily, "kinh-te")
	v, err := h.LetterView(ctx, h.text(`SELECT id FROM letters WHERE kind = 'confirm_subscription' AND subscriber_id = $1 ORDER BY created_at DESC LIMIT 1`, gone))
	if err != nil || v.Until == nil || v.Until.Sub(h.now()) != 24*time.Hour {
		t.Errorf("the link works until %v, %v", v.Until, err)
	}
	if _, err := h.LeaveAll(ctx, h.keys.Token(PurposePrefs, gone, 1), newsroom.Proof{}); err != nil { // leaving once more is not leaving later
		t.Fatal(err)
	}
	if did := h.pressed(back); !strings.Contains(did, "kinh-te:daily") {
		t.Errorf("the press did %s", did)
	}
	h.later(24*time.Hour - time.Second)
	if n, err := h.EraseLeft(ctx, 10); err != nil || n != 0 {
		t.Fatalf("erased %d too early, %v", n, err)
	}
	h.later(2 * time.Second)
	if said := h.shown(gone); !strings.Contains(said, newsroom.ErrNotFound.Error()) { // as its letter said, also where nobody has swept yet
		t.Errorf("after the time in the letter the link shows %s", said)
	}
	if n, err := h.EraseLeft(ctx, 10); err != nil || n != 1 {
		t.Errorf("erased %d, %v", n, err)
	}
	if u, err := h.Subscriber(ctx, gone); err != nil || u.State != newsroom.SubscriberErased {
		t.Errorf("%+v, %v", u, err)
	}
	if u, err := h.Subscriber(ctx, back); err != nil || u.State != newsroom.SubscriberConfirmed {
		t.Errorf("%+v, %v", u, err)
	}
	if _, err := h.Confirmation(ctx, h.confirmation(gone)); !errors.Is(err, newsroom.ErrNotFound) {
		t.Errorf("the link of somebody erased: %v", err)
	}
}

// A change of cadence alone can be proved.
func TestChangedKeepsTheCadence(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	id := h.subscribe("binh@example.vn", "kinh-te")
	lists := []newsroom.Subscription{{Section: "kinh-te", Cadence: newsroom.CadenceDaily}, {Section: "cu", Cadence: newsroom.CadenceDaily}}
	if _, err := h.SetPreferences(t.Context(), h.keys.Token(PurposePrefs, id, 1), lists, "", newsroom.Proof{}); err != nil {
		t.Fatal(err)
	}
	consents, err := h.Consents(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if last := consents[len(consents)-1]; last.Act != actChanged || fmt.Sprint(last.Detail["lists"]) != "[map[cadence:daily section:kinh-te]]" {
		t.Errorf("on record is %+v", last)
	}
}
