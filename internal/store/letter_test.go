package store

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/newsroom"
)

// However many letters to strangers wait for servers that put them off, an approval mail that lost its run is found.
func TestUnsentLettersOfTheNewsroomComeFirst(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	ctx := t.Context()
	for _, email := range []string{"a@example.vn", "b@example.vn", "c@example.vn"} {
		h.wish(email, "", "vi", newsroom.CadenceDaily, "kinh-te")
	}
	h.later(time.Minute)
	if err := h.tx(ctx, func(tx pgx.Tx) error {
		return h.writeLetter(ctx, tx, letter{ID: "no_update_today/1", Kind: newsroom.LetterQuiet, UserID: "admin0000000"}, nil)
	}); err != nil {
		t.Fatal(err)
	}
	list, err := h.UnsentLetters(ctx, h.now().Add(time.Second), 2)
	if err != nil || len(list) != 2 || slices.Index(list, "no_update_today/1") != 0 {
		t.Errorf("listed %v, %v", list, err)
	}
}

// A window of a month is counted to its end, whatever is swept meanwhile.
func TestLongWindowsOutliveTheSweep(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	const month = 30 * 24 * time.Hour
	start := h.now().Truncate(month).Add(month)
	h.later(start.Sub(h.now()))
	take := func() time.Duration {
		t.Helper()
		if err := h.Sweep(t.Context(), h.now()); err != nil {
			t.Fatal(err)
		}
		wait, err := h.TakeRate(t.Context(), "x", "a", 1, month)
		if err != nil {
			t.Fatal(err)
		}
		return wait
	}
	if take() != 0 {
		t.Error("refused at first")
	}
	h.later(20 * 24 * time.Hour)
	if wait := take(); wait != 10*24*time.Hour {
		t.Errorf("on day 20 it waits %s", wait)
	}
	h.later(10 * 24 * time.Hour)
	if take() != 0 {
		t.Error("refused in the next window")
	}
	h.later(33 * 24 * time.Hour)
	if take(); h.value(`SELECT count(*) FROM rate_limits`) != 1 {
		t.Error("old windows are kept")
	}
}
