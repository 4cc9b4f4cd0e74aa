package store

import (
	"slices"
	"strings"
	"testing"
	"time"

	"toasoan/newsroom"
)

// till sets the clock.
func (h *mailHouse) till(day, clock string) {
	h.t.Helper()
	h.later(at(day, clock).Sub(h.now()))
}

// off and works are what an admin says of a day.
func (h *mailHouse) says(kind newsroom.DayKind, days ...string) {
	h.t.Helper()
	for _, day := range days {
		h.exec(`INSERT INTO calendar_days (date, kind, name) VALUES ($1, $2, '') ON CONFLICT (date) DO UPDATE SET kind = excluded.kind`, day, kind)
	}
}

// read makes the digests whose time has come, mails them whole and notes under each reader which articles they told.
func (h *mailHouse) read(got map[string][]string) {
	h.t.Helper()
	ids, err := h.OpenDigests(h.t.Context(), h.now())
	if err != nil {
		h.t.Fatal(err)
	}
	for _, id := range ids {
		for _, who := range h.told(id, 0) {
			view, err := h.IssueView(h.t.Context(), id)
			if err != nil {
				h.t.Fatal(err)
			}
			for _, item := range view.Items {
				got[who] = append(got[who], item.URL[strings.LastIndexByte(item.URL, '-')+1:])
			}
		}
	}
}

// A calendar that changes when digests were made already, a swapped Saturday that is told of on the day, a storm: nobody reads an article
// twice, and nobody misses one.
func TestACalendarThatChangesTellsNothingTwice(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t) // Monday 23/11/2026, 09:00
	daily := h.at(newsroom.CadenceDaily, "daily@example.vn", "kinh-te")
	weekly := h.at(newsroom.CadenceWeekly, "weekly@example.vn", "kinh-te")
	got := map[string][]string{}
	h.later(time.Hour)
	h.read(got)
	h.till("2026-11-26", "10:00")
	h.publish("article00001", 1, 1, "published", newsroom.ChangeNew)
	h.till("2026-11-26", "17:01")
	h.read(got)
	h.till("2026-11-27", "10:00")
	h.publish("article00002", 1, 1, "published", newsroom.ChangeNew)
	h.till("2026-11-27", "17:01")
	h.read(got)
	h.says(newsroom.DayWorking, "2026-11-28") // told on the Saturday itself
	h.says(newsroom.DayOff, "2026-11-26")     // and that Thursday was none
	h.till("2026-11-28", "10:00")
	h.publish("article00003", 1, 1, "published", newsroom.ChangeNew)
	h.till("2026-11-28", "17:01")
	h.read(got)
	h.says(newsroom.DayOff, "2026-11-28")
	h.till("2026-11-30", "17:01")
	h.read(got)
	for _, who := range []string{daily, weekly} {
		slices.Sort(got[who])
		if want := []string{"article00001", "article00002", "article00003"}; !slices.Equal(got[who], want) {
			t.Errorf("%s was told %v", who, got[who])
		}
	}
}

// Over Tết nobody works for longer than a week: whoever changed a choice meanwhile is told all of it too.
func TestALongHolidayIsToldWhole(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	h.says(newsroom.DayOff, "2026-11-25", "2026-11-26", "2026-11-27", "2026-11-30", "2026-12-01", "2026-12-02", "2026-12-03", "2026-12-04")
	changed := h.at(newsroom.CadenceDaily, "changed@example.vn", "kinh-te")
	got := map[string][]string{}
	h.till("2026-11-24", "17:01")
	h.read(got)
	h.till("2026-11-24", "18:00")
	h.publish("article00001", 1, 1, "published", newsroom.ChangeNew)
	h.till("2026-12-07", "10:00")
	lists := []newsroom.Subscription{{Section: "kinh-te", Cadence: newsroom.CadenceDaily}, {Section: "thong-bao", Cadence: newsroom.CadenceDaily}}
	if _, err := h.SetPreferences(t.Context(), h.keys.Token(PurposePrefs, changed, 1), lists, "", newsroom.Proof{}); err != nil {
		t.Fatal(err)
	}
	h.till("2026-12-07", "17:01")
	h.read(got)
	if !slices.Equal(got[changed], []string{"article00001"}) {
		t.Errorf("after the holiday: %v", got)
	}
}

// An office that switches its machine off for a holiday, before the hour: the last day's digest comes when it is back.
func TestAMachineThatWasOffForAHolidayMakesItUp(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	h.says(newsroom.DayOff, "2026-11-25", "2026-11-26", "2026-11-27", "2026-11-30", "2026-12-01", "2026-12-02", "2026-12-03", "2026-12-04")
	who := h.at(newsroom.CadenceDaily, "one@example.vn", "kinh-te")
	got := map[string][]string{}
	h.till("2026-11-23", "17:01")
	h.read(got)
	h.till("2026-11-24", "15:00")
	h.publish("article00001", 1, 1, "published", newsroom.ChangeNew)
	h.till("2026-12-07", "08:00")
	h.read(got)
	if !slices.Equal(got[who], []string{"article00001"}) {
		t.Errorf("when it is back: %v", got)
	}
	h.publish("article00002", 1, 1, "published", newsroom.ChangeNew)
	h.till("2026-12-07", "17:01")
	h.read(got)
	if !slices.Equal(got[who], []string{"article00001", "article00002"}) {
		t.Errorf("in the evening: %v", got)
	}
}

// Off for weeks of work: the next digest begins where the last one ended.
func TestAMachineThatWasOffForWeeksMissesNothing(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	who := h.at(newsroom.CadenceDaily, "one@example.vn", "kinh-te")
	got := map[string][]string{}
	h.till("2026-11-23", "17:01")
	h.read(got)
	h.till("2026-11-24", "09:00")
	h.publish("article00001", 1, 1, "published", newsroom.ChangeNew)
	h.till("2026-12-14", "08:00")
	h.read(got)
	if !slices.Equal(got[who], []string{"article00001"}) {
		t.Errorf("when it is back: %v", got)
	}
	h.till("2026-12-14", "17:01")
	h.read(got)
	if !slices.Equal(got[who], []string{"article00001"}) {
		t.Errorf("told again: %v", got)
	}
}

// Who leaves one of several sections while a digest of all of them is made belongs to none of that day: the next one tells the rest.
func TestLeavingASectionWhileADigestIsMadeLosesNothing(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(t *testing.T, h *mailHouse, id string) error{
		"by a mail": func(t *testing.T, h *mailHouse, id string) error {
			t.Helper()
			return h.leaveLists(t.Context(), id, []string{"thong-bao"}, "", newsroom.Proof{})
		},
		"by the preferences": func(t *testing.T, h *mailHouse, id string) error {
			t.Helper()
			_, err := h.SetPreferences(t.Context(), h.keys.Token(PurposePrefs, id, 1),
				[]newsroom.Subscription{{Section: "kinh-te", Cadence: newsroom.CadenceDaily}}, "", newsroom.Proof{})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newMailHouse(t)
			who := h.at(newsroom.CadenceDaily, "one@example.vn", "kinh-te", "thong-bao")
			got := map[string][]string{}
			h.till("2026-11-23", "17:01")
			h.read(got)
			h.till("2026-11-24", "09:00")
			h.publish("article00001", 1, 1, "published", newsroom.ChangeNew)
			h.till("2026-11-24", "17:01")
			ids, err := h.OpenDigests(t.Context(), h.now())
			if err != nil || len(ids) != 1 {
				t.Fatal(ids, err)
			}
			h.later(time.Second)
			if err := leave(t, h, who); err != nil {
				t.Fatal(err)
			}
			if st := h.ready(ids[0]); st.Counts.Candidates != 0 {
				t.Fatalf("frozen %+v", st)
			}
			h.till("2026-11-25", "17:01")
			h.read(got)
			if !slices.Equal(got[who], []string{"article00001"}) {
				t.Errorf("told %v", got[who])
			}
		})
	}
}
