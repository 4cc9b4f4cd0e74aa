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

	"github.com/google/uuid"
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

// Who has the password, and had the PIN, sets no new one once the leader has said “not me”: that takes the mailed link.
func TestAVoidedPINComesBackByMailOnly(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	reporter, reviewer, leader := d.as("reporter"), d.as("reviewer"), d.as("leader")
	id := d.forwarded(reporter, reviewer)
	leader.move(id, "approve", "pin", deskPIN).want(t, 303)
	_, err := d.moves.Move(t.Context(), newsroom.Request{
		ID: uuid.NewString(), ArticleID: id, ActorID: d.people["leader"].ID, Door: newsroom.DoorLink, Move: newsroom.MoveNotMe, Decision: d.one(`SELECT request_id FROM decisions`),
	})
	d.no(err)
	leader.post("/desk/account", url.Values{"form": {"pin"}, "pin_password": {deskPassword}, "pin": {"593024"}, "pin_again": {"593024"}}).want(t, 422).has(t, "Không phải tôi")
	is := func(pin string) bool {
		ok, err := d.store.CheckPIN(t.Context(), d.people["leader"].ID, pin)
		d.no(err)
		return ok
	}
	if is("593024") {
		t.Fatal("the password alone set a new PIN")
	}
	_, err = d.store.Invite(t.Context(), d.people["admin"], d.people["leader"].ID, newsroom.LinkPIN)
	d.no(err)
	link := d.one(`SELECT id FROM account_links WHERE kind = 'pin' AND used_at IS NULL`)
	_, err = d.store.UseLink(t.Context(), newsroom.LinkPIN, d.keys.Token(store.PurposePIN, link, d.keys.Version()), "593024")
	d.no(err)
	if !is("593024") {
		t.Error("the mailed link set none")
	}
	leader.get("/desk/account").want(t, 200).lacks(t, "đã bị hủy vì có báo cáo")
}

// one is the text that a query finds.
func (d *deskRoom) one(sql string) (found string) {
	d.t.Helper()
	conn, err := pgx.Connect(d.t.Context(), d.app)
	d.no(err)
	defer func() { _ = conn.Close(d.t.Context()) }()
	d.no(conn.QueryRow(d.t.Context(), sql).Scan(&found))
	return found
}

// A reviewer's reject becomes a leader's decision when the article goes before the office in the meantime: it was asked for without the
// PIN, or by a token that may not decide, and is refused then.
func TestARejectThatNobodyProvedDecidesNothing(t *testing.T) {
	t.Parallel()
	d := newDeskRoom(t).peopled()
	reporter, reviewer := d.as("reporter"), d.as("reviewer")
	both := d.people["leader"]
	d.no(d.store.UpdateUser(t.Context(), d.people["admin"], both.ID, newsroom.AccountInput{
		Email: both.Email, Name: both.Name, Locale: both.Locale, Roles: []newsroom.Role{newsroom.RoleLeader, newsroom.RoleReviewer}, Active: true,
	}))
	leader := d.as("leader")
	id := d.draft(reporter)
	reporter.move(id, "submit").want(t, 303)
	reviewer.move(id, "claim").want(t, 303)
	a, err := d.store.Article(t.Context(), id)
	d.no(err)
	d.moves.before = func() {
		d.moves.before = nil
		reviewer.move(id, "forward").want(t, 303)
	}
	form := url.Values{"id": {uuid.NewString()}, "move": {"reject"}, "content_hash": {a.DraftHash}, "reason_code": {"quality"}, "reason": {"Không đạt."}}
	leader.post("/desk/articles/"+id+"/moves", form).want(t, 409)
	if got := d.stage(id); got != newsroom.StageAwaitingApproval {
		t.Fatalf("rejected without the PIN: %s", got)
	}
	leader.move(id, "reject", "pin", deskPIN, "reason_code", "quality", "reason", "Không đạt.").want(t, 303)
}
