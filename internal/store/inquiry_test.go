package store

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"toasoan/newsroom"
)

// asks enters what a person wrote in a letter that came just now.
func (h *mailHouse) asks(kind newsroom.InquiryKind, email, words string) string {
	h.t.Helper()
	id, err := h.AddInquiry(h.t.Context(), h.admin, newsroom.NewInquiry{Email: email, Kind: kind, Channel: newsroom.InquiryByLetter, Reference: "Số đến 45", Words: words})
	if err != nil {
		h.t.Fatal(err)
	}
	return id
}

func (h *mailHouse) inquiry(id string) newsroom.Inquiry {
	h.t.Helper()
	i, err := h.Inquiry(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return i
}

func (h *mailHouse) listed(state string) (ids []string) {
	h.t.Helper()
	page, err := h.Inquiries(h.t.Context(), newsroom.InquiryFilter{State: state, Limit: 50})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, i := range page.List {
		ids = append(ids, i.ID)
	}
	return ids
}

// Two working days to answer, fifteen to settle; an overdue limit is one alert, which goes with what ends the limit.
func TestInquiryClocks(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t) // Monday 23/11/2026, 09:00
	ctx := t.Context()
	h.subscribe("lan@example.vn", "kinh-te")
	id := h.asks(newsroom.InquiryAccess, "LAN@example.vn", "Xin bản sao")
	local := func(at time.Time) string { return at.In(newsroom.Zone).Format("02/01 15:04") }
	due := func(answer, settle string) {
		t.Helper()
		if i := h.inquiry(id); local(i.AnswerDue) != answer || local(i.SettleDue) != settle {
			t.Errorf("due %s and %s, want %s and %s", local(i.AnswerDue), local(i.SettleDue), answer, settle)
		}
	}
	due("25/11 09:00", "08/12 09:00")
	if _, err := h.SaveCalendarDays(ctx, h.admin, []newsroom.CalendarDay{{Date: newsroom.Date{Year: 2026, Month: 11, Day: 24}, Kind: newsroom.DayOff, Name: "Nghỉ"}}); err != nil {
		t.Fatal(err)
	}
	due("26/11 09:00", "08/12 09:00")
	alerts := func(want int) {
		t.Helper()
		if err := h.RemindInquiries(ctx); err != nil {
			t.Fatal(err)
		}
		if n := h.value(`SELECT count(*) FROM alerts WHERE code = 'inquiry_overdue' AND cleared_at IS NULL`); n != want {
			t.Errorf("%d alerts, want %d", n, want)
		}
	}
	h.later(3*24*time.Hour - time.Minute)
	alerts(0)
	h.later(time.Minute)
	alerts(1)
	alerts(1)
	if c, err := h.InquiryCounts(ctx); err != nil || c.Open != 1 || c.Overdue != 1 || len(h.listed("overdue")) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
	if err := h.ClearAlert(ctx, h.admin, "inquiry/"+id+"/answer"); err != nil {
		t.Fatal(err)
	}
	alerts(0) // somebody has seen it
	if err := h.AnswerInquiry(ctx, h.admin, id, "Đã nhận, sẽ gửi bản sao."); err != nil {
		t.Fatal(err)
	}
	alerts(0)
	if list := h.listed("overdue"); len(list) != 0 {
		t.Errorf("overdue after the answer: %v", list)
	}
	h.later(13 * 24 * time.Hour)
	alerts(1)
	if err := h.CloseInquiry(ctx, h.admin, id, newsroom.InquiryDone, "Đã gửi bản sao."); err != nil {
		t.Fatal(err)
	}
	alerts(0)
	i := h.inquiry(id)
	if i.ClosedAt == nil || i.AnsweredAt == nil || !i.AnsweredAt.Before(*i.ClosedAt) || i.Outcome != newsroom.InquiryDone || len(i.Acts) != 3 || i.Acts[2].By != "Quản trị" {
		t.Errorf("%+v", i)
	}
	if err := h.CloseInquiry(ctx, h.admin, id, newsroom.InquiryDone, "Lần nữa"); !errors.Is(err, newsroom.ErrConflict) {
		t.Errorf("closed twice: %v", err)
	}
	if h.value(`SELECT count(*) FROM audit WHERE action IN ('inquiry.received', 'inquiry.answered', 'inquiry.closed') AND detail->>'inquiry_id' = $1`, id) != 3 {
		t.Error("not on record")
	}
}

// Whatever is done about a person leaves no second copy of the address, and none at all of what was written.
func TestErasedInquirerLeavesNoWords(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	sub := h.subscribe("lan@example.vn", "kinh-te")
	id := h.asks(newsroom.InquiryErasure, "lan@example.vn", "Tôi là Lan, lan@example.vn, đề nghị xóa.")
	before := h.inquiry(id)
	if before.SubscriberID != sub || before.Email != "lan@example.vn" || before.Words != "Tôi là Lan, (@), đề nghị xóa." {
		t.Errorf("%+v", before)
	}
	for _, act := range []newsroom.InquiryAct{newsroom.InquiryExported, newsroom.InquiryLeft, newsroom.InquiryErased} {
		if err := h.SettleInquiry(ctx, h.admin, id, act); err != nil {
			t.Fatalf("%s: %v", act, err)
		}
	}
	after := h.inquiry(id)
	if after.State != newsroom.SubscriberErased || after.Email != "" || after.Words != "" || len(after.Acts) != 4 {
		t.Errorf("%+v", after)
	}
	if err := h.SettleInquiry(ctx, h.admin, id, newsroom.InquiryExported); !errors.Is(err, newsroom.ErrNotFound) {
		t.Errorf("exported after erasure: %v", err)
	}
	if err := h.CloseInquiry(ctx, h.admin, id, newsroom.InquiryDone, "Đã xóa, báo bà Lan qua LAN@example.vn"); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"inquiries", "inquiry_acts", "subscribers", "consents", "audit", "mail_deliveries", "alerts"} {
		if n := h.value(`SELECT count(*) FROM ` + table + ` t WHERE t::text ILIKE '%lan@example%'`); n != 0 {
			t.Errorf("%s has the address in %d rows", table, n)
		}
	}
	// The person asks again: the same row is found, by the keyed hash.
	if again := h.inquiry(h.asks(newsroom.InquiryAccess, "lan@example.vn", "")); again.SubscriberID != sub || again.Email != "" {
		t.Errorf("%+v", again)
	}
}

// Somebody whom no list has objects: whichever list brings the address later, it is not taken.
func TestStrangersObjectionHolds(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	id := h.asks(newsroom.InquiryObjection, "khach@example.vn", "Đừng gửi")
	if i := h.inquiry(id); i.SubscriberID != "" || i.State != "" {
		t.Errorf("%+v", i)
	}
	if err := h.SettleInquiry(ctx, h.admin, id, newsroom.InquiryErased); !errors.Is(err, newsroom.ErrNotFound) {
		t.Errorf("erased nobody: %v", err)
	}
	if err := h.SettleInquiry(ctx, h.admin, id, newsroom.InquiryBlocked); err != nil {
		t.Fatal(err)
	}
	in, err := h.PreviewImport(ctx, h.admin, "x.csv", "giấy", []string{"kinh-te"}, strings.NewReader("email\nkhach@example.vn\n"))
	if err != nil || in.Report.Skipped != 1 || in.Report.Added != 0 {
		t.Errorf("%+v, %v", in.Report, err)
	}
}

// What people do by their preferences link is on the register too, answered as it was asked.
func TestOwnActsAreOnTheRegister(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	sub := h.subscribe("lan@example.vn", "kinh-te")
	token := h.keys.Token(PurposePrefs, sub, 1)
	for range 2 { // a second look the same day is no second inquiry
		if _, err := h.PersonalData(ctx, token); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.LeaveAll(ctx, token, newsroom.Proof{}); err != nil {
		t.Fatal(err)
	}
	h.later(time.Second)
	data, err := h.PersonalData(ctx, token)
	if raw, _ := json.Marshal(data); err != nil || len(data.Inquiries) != 2 || !strings.Contains(string(raw), `"kind":"withdrawal"`) {
		t.Errorf("the data file tells %+v, %v", data.Inquiries, err)
	}
	if err := h.Erase(ctx, token, newsroom.Proof{}); err != nil {
		t.Fatal(err)
	}
	page, err := h.Inquiries(ctx, newsroom.InquiryFilter{State: "closed", Subscriber: sub, Limit: 2})
	if err != nil || len(page.List) != 2 || page.List[0].Kind != newsroom.InquiryErasure || page.Next == "" {
		t.Fatalf("%+v, %v", page, err)
	}
	rest, err := h.Inquiries(ctx, newsroom.InquiryFilter{State: "closed", Subscriber: sub, Limit: 2, After: page.Next})
	if err != nil || len(rest.List) != 1 || rest.Next != "" || rest.List[0].Channel != newsroom.InquiryByLink || rest.List[0].Outcome != newsroom.InquiryDone {
		t.Errorf("%+v, %v", rest, err)
	}
	if open := h.listed("open"); len(open) != 0 {
		t.Errorf("open: %v", open)
	}
}

func TestWrongInquiriesAreNamed(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	_, err := h.AddInquiry(ctx, h.admin, newsroom.NewInquiry{Email: "khong", Kind: "x", Channel: newsroom.InquiryByLink, ReceivedAt: h.Store.now().Add(time.Hour)})
	wrong, _ := errors.AsType[*newsroom.InvalidError](err)
	var fields []string
	if wrong != nil {
		for _, f := range wrong.Fields {
			fields = append(fields, f.Field)
		}
	}
	if got := strings.Join(fields, " "); got != "email kind channel received_at" {
		t.Errorf("%q, %v", got, err)
	}
	id := h.asks(newsroom.InquiryCorrection, "khach@example.vn", "")
	if err := h.AnswerInquiry(ctx, h.admin, id, " \n "); err == nil {
		t.Error("answered without words")
	}
	if err := h.CloseInquiry(ctx, h.admin, id, "x", "y"); err == nil {
		t.Error("closed without an outcome")
	}
	if err := h.SaveInquiryClocks(ctx, h.admin, newsroom.InquiryClocks{AnswerDays: 0, SettleDays: 31}); err == nil {
		t.Error("limits beyond the law's")
	}
	if err := h.SaveInquiryClocks(ctx, h.admin, newsroom.InquiryClocks{AnswerDays: 1, SettleDays: 10}); err != nil {
		t.Fatal(err)
	}
	if i := h.inquiry(h.asks(newsroom.InquiryAccess, "khach@example.vn", "")); i.AnswerDue.Sub(i.ReceivedAt) != 24*time.Hour || i.SettleDue.Sub(i.ReceivedAt) != 240*time.Hour {
		t.Errorf("%+v", i)
	}
	sub := h.subscribe("lan@example.vn", "kinh-te")
	mend := h.asks(newsroom.InquiryCorrection, "lan@example.vn", "")
	if err := h.CorrectInquirer(ctx, h.admin, mend, "Nguyễn Thị Lan"); err != nil {
		t.Fatal(err)
	}
	if u, err := h.Subscriber(ctx, sub); err != nil || u.Name != "Nguyễn Thị Lan" {
		t.Errorf("%+v, %v", u, err)
	}
}
