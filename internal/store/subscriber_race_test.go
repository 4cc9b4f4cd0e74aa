package store

import (
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
	c, err := h.Confirmation(t.Context(), h.keys.Token(PurposeConfirm, id, 1))
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
