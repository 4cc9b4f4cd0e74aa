package store

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"toasoan/newsroom"
)

// Whoever takes places, and however many at once: none is taken twice, all are a gap apart, and nobody takes far ahead.
func TestPlacesAreTakenOnce(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	const gap, n = 2 * time.Millisecond, 7
	var mu sync.Mutex
	var places []time.Time
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 30 {
				first, now, taken, err := h.LeasePlaces(t.Context(), "", n, gap, 0)
				if err != nil {
					t.Error(err)
					return
				}
				if !taken {
					continue
				}
				if ahead := first.Sub(now); ahead > time.Second+gap {
					t.Errorf("taken %s ahead", ahead)
				}
				mu.Lock()
				for k := range n {
					places = append(places, first.Add(time.Duration(k)*gap))
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	slices.SortFunc(places, time.Time.Compare)
	for i := 1; i < len(places); i++ {
		if d := places[i].Sub(places[i-1]); d < gap {
			t.Fatalf("two places are %s apart", d)
		}
	}
	if len(places) < 500 {
		t.Errorf("%d places were given", len(places))
	}
	if _, _, taken, err := h.LeasePlaces(t.Context(), "gmail.com", 1, time.Second, 0); err != nil || !taken {
		t.Errorf("another key waits for this one: %v, %v", taken, err)
	}
	// A clock that was put back by an hour leaves a row far ahead: it counts for nothing.
	h.exec(`UPDATE mail_paces SET next_at = clock_timestamp() + interval '1 hour' WHERE key = ''`)
	if first, now, taken, err := h.LeasePlaces(t.Context(), "", 1, gap, time.Millisecond); err != nil || !taken || first.Sub(now) > time.Millisecond {
		t.Errorf("%v %v %v %v", first, now, taken, err)
	}
}

func TestSlowedPacesComeBack(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	paces := func() map[string]float64 {
		t.Helper()
		_, slowed, err := h.Paces(ctx, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return slowed
	}
	for range 2 { // the second is the same trouble
		if err := h.SlowDown(ctx, "", 100, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if got := paces(); got[""] != 50 || len(got) != 1 {
		t.Errorf("halved to %v", got)
	}
	h.exec(`UPDATE mail_paces SET slowed_at = slowed_at - interval '3 minutes'`)
	if got := paces()[""]; got < 66 || got > 67 {
		t.Errorf("three tenths later %v", got)
	}
	if err := h.SlowDown(ctx, "", 66, time.Minute); err != nil {
		t.Fatal(err)
	}
	if got := paces()[""]; got < 33 || got > 34 {
		t.Errorf("halved again to %v", got)
	}
	h.exec(`UPDATE mail_paces SET slowed_at = slowed_at - interval '300 days'`)
	if got := paces(); len(got) != 0 {
		t.Errorf("after a year still %v", got)
	}
	if err := h.SlowDown(ctx, "gmail.com", 1.5, time.Minute); err != nil || paces()["gmail.com"] != 1 {
		t.Errorf("%v, %v: one a second is the least", paces(), err)
	}
}

func TestMailLimitsAreCheckedAndKept(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	for _, wrong := range []newsroom.MailLimits{
		{Rate: new(-1)},
		{Connections: new(0)},
		{Connections: new(65)},
		{Domains: []newsroom.DomainLimit{{Domain: "gmail.com"}}},
		{Domains: []newsroom.DomainLimit{{Domain: "Gmail.com", Rate: 1}}},
		{Domains: []newsroom.DomainLimit{{Domain: "a..b", Rate: 1}}},
		{Domains: []newsroom.DomainLimit{{Domain: "a.vn", Rate: 1}, {Domain: "a.vn", AtOnce: 2}}},
	} {
		if _, ok := errors.AsType[*newsroom.InvalidError](h.SaveMailLimits(ctx, h.admin, wrong)); !ok {
			t.Errorf("%+v was taken", wrong)
		}
	}
	want := newsroom.MailLimits{Rate: new(0), Connections: new(3), Domains: []newsroom.DomainLimit{{Domain: "gmail.com", Rate: 10, AtOnce: 2}}}
	if err := h.SaveMailLimits(ctx, h.admin, want); err != nil {
		t.Fatal(err)
	}
	got, _, err := h.Paces(ctx, time.Minute)
	if err != nil || got.Rate == nil || *got.Rate != 0 || *got.Connections != 3 || !slices.Equal(got.Domains, want.Domains) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestSeatsHaveOneHolder(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	take := func(holder string, want int) []int {
		t.Helper()
		got, err := h.TakeSeats(ctx, "", holder, 5, want, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	var mu sync.Mutex
	holders := map[int]int{}
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			for _, n := range take("many", 2) {
				mu.Lock()
				holders[n]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for _, n := range take("many", 5) { // whoever lost a race asks again
		holders[n]++
	}
	for n, times := range holders {
		if times != 1 || n < 1 || n > 5 || len(holders) != 5 {
			t.Fatalf("seats went %v", holders)
		}
	}
	if got := take("late", 1); len(got) != 0 {
		t.Errorf("a sixth seat: %v", got)
	}
	kept, err := h.KeepSeats(ctx, "many", map[string][]int{"": {1, 2}}, time.Minute)
	if err != nil || len(kept[""]) != 2 {
		t.Errorf("kept %v, %v", kept, err)
	}
	if got := take("late", 9); !slices.Equal(got, []int{3, 4, 5}) {
		t.Errorf("given back: %v", got)
	}
	h.exec(`UPDATE mail_seats SET until = clock_timestamp() - interval '1 second' WHERE seat < 3`)
	if got := take("late", 1); !slices.Equal(got, []int{1}) {
		t.Errorf("lapsed: %v", got)
	}
	if kept, err = h.KeepSeats(ctx, "many", map[string][]int{"": {1, 2}}, time.Minute); err != nil || !slices.Equal(kept[""], []int{2}) {
		t.Errorf("of a lapsed seat that somebody took and one that nobody did: %v, %v", kept, err)
	}
}
