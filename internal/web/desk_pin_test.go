package web

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/internal/store"
	"toasoan/newsroom"
)

// forwarded is an article that waits for the leader's answer.
func (d *deskRoom) forwarded(reporter, reviewer *deskBrowser, bend ...func(*newsroom.Content)) string {
	d.t.Helper()
	id := d.draft(reporter)
	for _, b := range bend {
		draft, err := d.store.Draft(d.t.Context(), id)
		d.no(err)
		b(&draft.Content)
		_, err = d.store.SaveDraft(d.t.Context(), id, d.people["reporter"], draft.Article.Version, draft.Content)
		d.no(err)
	}
	reporter.move(id, "submit").want(d.t, 303)
	reviewer.move(id, "claim").want(d.t, 303)
	reviewer.move(id, "forward").want(d.t, 303)
	return id
}

// A release time is part of what was approved: a leader who changes it proves to be the leader.
func TestReleaseTimeNeedsThePIN(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	policy := newsroom.DefaultPolicy("ban-bien-tap")
	policy.ReviewerReschedules = true
	_, err := d.store.SavePolicy(t.Context(), d.people["admin"], "", policy)
	d.no(err)
	reporter, reviewer, leader := d.as("reporter"), d.as("reviewer"), d.as("leader")
	at := d.clock.now().Add(48 * time.Hour)
	id := d.forwarded(reporter, reviewer, func(c *newsroom.Content) { c.ReleaseAt = &at })
	leader.move(id, "approve", "pin", deskPIN).want(t, 303)
	if d.stage(id) != newsroom.StageScheduled {
		t.Fatalf("stage is %s", d.stage(id))
	}
	leader.get("/desk/articles/"+id).want(t, 200).has(t, `id="reschedule-pin"`, `id="unschedule-pin"`)
	reviewer.get("/desk/articles/"+id).want(t, 200).has(t, `id="reschedule-when"`).lacks(t, `id="reschedule-pin"`)
	when := d.clock.now().Add(24 * time.Hour).In(newsroom.Zone).Format("2006-01-02T15:04")
	leader.move(id, "reschedule", "when", when).want(t, 422)
	leader.move(id, "reschedule", "when", when, "pin", "000000").want(t, 422).has(t, "Mã PIN không đúng.")
	leader.move(id, "unschedule", "pin", "000000").want(t, 422)
	a, err := d.store.Article(t.Context(), id)
	d.no(err)
	if a.Stage != newsroom.StageScheduled || a.ReleaseDue == nil || !a.ReleaseDue.Equal(at) {
		t.Fatalf("without the PIN it is %s, due %v", a.Stage, a.ReleaseDue)
	}
	leader.move(id, "reschedule", "when", when, "pin", deskPIN).want(t, 303)
	leader.move(id, "unschedule", "pin", deskPIN).want(t, 303)
	if d.stage(id) != newsroom.StageAwaitingApproval {
		t.Errorf("stage is %s", d.stage(id))
	}
}

// Whoever knows the password can sign in again and again: the PIN is guessed at no more often for it, and those concerned are told.
func TestGuessingThePINAtTheDesk(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	reporter, reviewer, leader := d.as("reporter"), d.as("reviewer"), d.as("leader")
	id := d.forwarded(reporter, reviewer)
	leader.move(id, "approve", "pin", "000001").want(t, 422) // a slip of the leader's own
	leader.move(id, "approve", "pin", " ").want(t, 422).has(t, "Vui lòng nhập mã PIN")
	locked := func() int { return d.count(`SELECT count(*) FROM letters WHERE kind = 'desk_pin_locked'`) }
	guesses := 0
	for range 3 {
		thief := d.as("leader")
		for range 5 {
			thief.move(id, "approve", "pin", "000000").want(t, 422).has(t, "Mã PIN không đúng.")
			guesses++
		}
		thief.move(id, "approve", "pin", deskPIN).want(t, 422).has(t, "nhập sai 5 lần")
		d.clock.forward(time.Second)
	}
	if n := locked(); n != 6 { // the leader and the admin, for each of the three
		t.Errorf("%d letters tell of it", n)
	}
	if n := d.count(`SELECT count(*) FROM alerts WHERE code = 'desk_pin_locked' AND cleared_at IS NULL`); n != 1 || len(d.moves.posted) < 6 {
		t.Errorf("%d alerts, posted %v", n, d.moves.posted)
	}
	thief := d.as("leader")
	for guesses < 19 { // with the leader's own slip: twenty
		thief.move(id, "approve", "pin", "000000").want(t, 422).has(t, "Mã PIN không đúng.")
		guesses++
	}
	for _, b := range []*deskBrowser{thief, d.as("leader"), leader} {
		b.move(id, "approve", "pin", deskPIN).want(t, 422).has(t, "ngừng nhận mã PIN")
	}
	if d.stage(id) != newsroom.StageAwaitingApproval {
		t.Fatalf("stage is %s", d.stage(id))
	}
	if n := locked(); n != 8 {
		t.Errorf("%d letters tell of it", n)
	}
	// The mailed link takes the PIN as ever, and a new PIN opens the desk again.
	conn, err := pgx.Connect(t.Context(), d.app)
	d.no(err)
	defer func() { _ = conn.Close(context.Background()) }()
	var link string
	d.no(conn.QueryRow(t.Context(), `SELECT id FROM asks WHERE article_id = $1`, id).Scan(&link))
	ask, err := d.store.AskByToken(t.Context(), d.keys.Token(store.PurposeAsk, link, d.keys.Version()))
	d.no(err)
	_, _, err = d.store.TryAskPIN(t.Context(), ask, "a phone", deskPIN)
	d.no(err)
	d.no(d.store.SetPIN(t.Context(), d.people["leader"].ID, "593024"))
	leader.move(id, "approve", "pin", "593024").want(t, 303)
}

// What the leader mistypes is forgotten with the right PIN; what others tried is not.
func TestRightPINForgetsOwnSlipsOnly(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	leader := d.people["leader"].ID
	try := func(session, pin string, want error) {
		t.Helper()
		if _, err := d.store.TryPIN(t.Context(), leader, session, pin); !errors.Is(err, want) {
			t.Fatalf("%s: %v, want %v", session, err, want)
		}
	}
	for range 3 {
		try("thief", "000000", newsroom.ErrForbidden)
	}
	for range 30 {
		try("own", "000000", newsroom.ErrForbidden)
		try("own", deskPIN, nil)
	}
	if n := d.count(`SELECT failed FROM pin_failures WHERE browser = ''`); n != 3 {
		t.Errorf("%d wrong ones are counted, want the three of the other session", n)
	}
	// After five in one session it rests, and they count on.
	for range 5 {
		try("own", "000000", newsroom.ErrForbidden)
	}
	d.clock.forward(15*time.Minute + time.Second)
	try("own", "000000", newsroom.ErrForbidden)
	if n := d.count(`SELECT failed FROM pin_failures WHERE browser = ''`); n != 9 {
		t.Errorf("%d wrong ones are counted, want all nine", n)
	}
	try("own", deskPIN, nil)
	if n := d.count(`SELECT failed FROM pin_failures WHERE browser = ''`); n != 3 {
		t.Errorf("%d wrong ones are counted, want three again", n)
	}
}

// Many guesses at once are no more guesses.
func TestGuessesAtOnceAreCountedFirst(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	var wrong atomic.Int32
	var all sync.WaitGroup
	for n := range 30 {
		all.Go(func() {
			_, err := d.store.TryPIN(t.Context(), d.people["leader"].ID, fmt.Sprint("session ", n), "000000")
			if errors.Is(err, newsroom.ErrForbidden) {
				wrong.Add(1)
			}
		})
	}
	all.Wait()
	if got := wrong.Load(); got != 20 {
		t.Errorf("%d guesses were checked, want 20", got)
	}
}

// Whoever has only got hold of the password sets no PIN of their own.
func TestANewPINNeedsThePresentOne(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	leader := d.as("leader")
	set := func(now string) url.Values {
		return url.Values{"form": {"pin"}, "pin_password": {deskPassword}, "pin_now": {now}, "pin": {"593024"}, "pin_again": {"593024"}}
	}
	is := func(pin string) bool {
		ok, err := d.store.CheckPIN(t.Context(), d.people["leader"].ID, pin)
		d.no(err)
		return ok
	}
	leader.get("/desk/account").want(t, 200).has(t, `name="pin_now"`)
	for _, now := range []string{"", "000000"} {
		leader.post("/desk/account", set(now)).want(t, 422)
	}
	if !is(deskPIN) {
		t.Fatal("the PIN was changed with the password alone")
	}
	if leader.post("/desk/account", set(deskPIN)).want(t, 303); !is("593024") {
		t.Error("the PIN is not changed")
	}
}
