package store_test

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"toasoan/internal/secret"
	"toasoan/internal/store"
	"toasoan/internal/testkit"
	"toasoan/newsroom"
)

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// people is a store of its own with an admin in it.
type people struct {
	*store.Store
	clock    *clock
	keys     *secret.Ring
	app      string
	ownerURL string
	admin    newsroom.Person
}

func newPeople(t *testing.T) *people {
	t.Helper()
	owner, app := testkit.Database(t)
	keys, err := secret.NewRing(map[int][]byte{1: bytes.Repeat([]byte{7}, secret.KeySize)})
	if err != nil {
		t.Fatal(err)
	}
	p := &people{clock: &clock{at: time.Date(2026, 10, 2, 2, 0, 0, 0, time.UTC)}, keys: keys, app: app, ownerURL: owner}
	if p.Store, err = store.New(t.Context(), store.Options{URL: app, Keys: keys, Now: p.clock.now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	p.admin = p.add(t, "admin@vankhe.example", newsroom.RoleAdmin)
	return p
}

const password = "một mật khẩu dài"

// add makes an account with the password above.
func (p *people) add(t *testing.T, email string, roles ...newsroom.Role) newsroom.Person {
	t.Helper()
	a, _, err := p.CreateUser(t.Context(), p.admin, newsroom.AccountInput{Email: email, Name: "Người " + email, Roles: roles}, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.SetPassword(t.Context(), a.ID, password, ""); err != nil {
		t.Fatal(err)
	}
	return a.Person
}

func (p *people) audited(t *testing.T, action string) int {
	t.Helper()
	rows, err := p.AuditAfter(t.Context(), 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, r := range rows {
		if r.Action == action {
			n++
		}
	}
	if _, err := p.VerifyAudit(t.Context()); err != nil {
		t.Error(err)
	}
	return n
}

var (
	home   = netip.MustParseAddr("203.0.113.7")
	abroad = netip.MustParseAddr("198.51.100.9")
)

func TestCreateUserRefuses(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	good := newsroom.AccountInput{Email: "lan@vankhe.example", Name: "Lê  Thị\u00a0Lan", Roles: []newsroom.Role{newsroom.RoleReporter}}
	a, letters, err := p.CreateUser(t.Context(), p.admin, good, true)
	if err != nil {
		t.Fatal(err)
	}
	if a.Name != "Lê Thị Lan" || a.Locale != "vi" || !a.Active || a.HasPassword {
		t.Errorf("account is %+v", a)
	}
	if len(letters) != 1 || !strings.HasPrefix(letters[0], "account_invitation/") {
		t.Errorf("letters are %v", letters)
	}
	if n := p.audited(t, "user.create"); n != 2 {
		t.Errorf("%d audit rows about two accounts", n)
	}
	same := good
	same.Email = "LAN@vankhe.example"
	if _, _, err := p.CreateUser(t.Context(), p.admin, same, false); !errors.Is(err, newsroom.ErrConflict) {
		t.Errorf("the same address in capitals: %v", err)
	}
	for name, in := range map[string]newsroom.AccountInput{
		"no name":  {Email: "x@vankhe.example", Roles: good.Roles},
		"no role":  {Email: "x@vankhe.example", Name: "X"},
		"bad role": {Email: "x@vankhe.example", Name: "X", Roles: []newsroom.Role{"king"}},
		"no at":    {Email: "x", Name: "X", Roles: good.Roles},
		"CR LF":    {Email: "x@vankhe.example\r\nBcc: y@vankhe.example", Name: "X", Roles: good.Roles},
	} {
		_, _, err := p.CreateUser(t.Context(), p.admin, in, false)
		if _, ok := errors.AsType[*newsroom.InvalidError](err); !ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckPassword(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	lan := p.add(t, "lan@vankhe.example", newsroom.RoleReporter)
	in, err := p.CheckPassword(t.Context(), " LAN@vankhe.example ", password, home)
	if err != nil || in.Person.ID != lan.ID || in.WantsTOTP {
		t.Fatalf("right password: %+v, %v", in, err)
	}
	for name, c := range map[string][2]string{
		"wrong password":  {"lan@vankhe.example", "x"},
		"unknown address": {"nobody@vankhe.example", password},
		"no address":      {"", password},
		"somebody else's": {"admin@vankhe.example", "x"},
	} {
		if _, err := p.CheckPassword(t.Context(), c[0], c[1], home); !errors.Is(err, newsroom.ErrForbidden) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := p.UpdateUser(t.Context(), p.admin, lan.ID, input(lan, false)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.CheckPassword(t.Context(), "lan@vankhe.example", password, home); !errors.Is(err, newsroom.ErrForbidden) {
		t.Errorf("an account that is not active: %v", err)
	}
}

func input(p newsroom.Person, active bool) newsroom.AccountInput {
	return newsroom.AccountInput{Email: p.Email, Name: p.Name, Roles: p.Roles, Sections: p.Sections, Locale: p.Locale, Active: active}
}

func TestLockout(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	p.add(t, "lan@vankhe.example", newsroom.RoleReporter)
	try := func(password string, from netip.Addr) error {
		_, err := p.CheckPassword(t.Context(), "lan@vankhe.example", password, from)
		return err
	}
	for i := range 5 {
		if err := try("x", abroad); !errors.Is(err, newsroom.ErrForbidden) {
			t.Fatalf("try %d: %v", i+1, err)
		}
	}
	locked, ok := errors.AsType[*newsroom.LockedError](try(password, abroad))
	if !ok || locked.Until.Sub(p.clock.now()) != 30*time.Second {
		t.Fatalf("after five wrong ones even the right one waits 30 s: %+v", locked)
	}
	if err := try(password, home); err != nil {
		t.Fatalf("the owner signs in from elsewhere meanwhile: %v", err)
	}
	waits := []time.Duration{}
	for range 12 {
		locked, ok := errors.AsType[*newsroom.LockedError](try("x", abroad))
		if !ok {
			t.Fatal("not locked")
		}
		waits = append(waits, locked.Until.Sub(p.clock.now()))
		p.clock.forward(locked.Until.Sub(p.clock.now()))
		if err := try("x", abroad); !errors.Is(err, newsroom.ErrForbidden) {
			t.Fatalf("after the wait one more try: %v", err)
		}
	}
	if !slices.IsSorted(waits) || waits[1] != time.Minute || waits[len(waits)-1] != time.Hour {
		t.Errorf("waits are %v", waits)
	}
	p.clock.forward(time.Hour)
	if err := try(password, abroad); err != nil {
		t.Errorf("the right password after the wait: %v", err)
	}
	if err := try("x", abroad); !errors.Is(err, newsroom.ErrForbidden) {
		t.Errorf("a success forgets what was before: %v", err)
	}
}

func TestLockoutOfUnknownAddressLooksTheSame(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	for range 5 {
		_, _ = p.CheckPassword(t.Context(), "nobody@vankhe.example", "x", abroad)
	}
	_, err := p.CheckPassword(t.Context(), "nobody@vankhe.example", "x", abroad)
	if _, ok := errors.AsType[*newsroom.LockedError](err); !ok {
		t.Errorf("an unknown address is told apart by its lack of a lock: %v", err)
	}
	if err := p.ForgetSignIns(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.clock.forward(25 * time.Hour)
	if err := p.ForgetSignIns(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := p.count(t, `SELECT count(*) FROM sign_in_failures`); n != 0 {
		t.Errorf("%d counts are left after a day", n)
	}
}

func (p *people) count(t *testing.T, sql string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), p.app)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if err := conn.QueryRow(t.Context(), sql).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Of many guesses at once no more than the free ones are looked at.
func TestLockoutHoldsForGuessesAtOnce(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	p.add(t, "lan@vankhe.example", newsroom.RoleReporter)
	var group sync.WaitGroup
	var mu sync.Mutex
	looked := 0
	for range 30 {
		group.Go(func() {
			if _, err := p.CheckPassword(t.Context(), "lan@vankhe.example", "x", abroad); errors.Is(err, newsroom.ErrForbidden) {
				mu.Lock()
				looked++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if looked != 5 {
		t.Errorf("%d guesses were checked, want 5", looked)
	}
}

func TestLastAdminStays(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	in := input(p.admin, false)
	if err := p.UpdateUser(t.Context(), p.admin, p.admin.ID, in); !errors.Is(err, newsroom.ErrForbidden) {
		t.Errorf("deactivate the last admin: %v", err)
	}
	in.Active, in.Roles = true, []newsroom.Role{newsroom.RoleReporter}
	if err := p.UpdateUser(t.Context(), p.admin, p.admin.ID, in); !errors.Is(err, newsroom.ErrForbidden) {
		t.Errorf("strip the last admin of the role: %v", err)
	}
	p.add(t, "second@vankhe.example", newsroom.RoleAdmin)
	if err := p.UpdateUser(t.Context(), p.admin, p.admin.ID, in); err != nil {
		t.Errorf("with a second admin: %v", err)
	}
}

func TestDeactivationRevokesEverything(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	ctx := t.Context()
	boss := p.add(t, "boss@vankhe.example", newsroom.RoleLeader)
	if err := p.SetPIN(ctx, boss.ID, "482913"); err != nil {
		t.Fatal(err)
	}
	device, _, err := p.TrustDevice(ctx, boss.ID, "Điện thoại")
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := p.IssueToken(ctx, boss, boss.ID, []newsroom.Scope{newsroom.ScopeDecide}, "máy", "482913", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.SaveSession(ctx, "h1", []byte("x"), boss.ID, "Chrome", p.clock.now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	works := func() (session, phone, bearer bool) {
		_, session, err := p.FindSession(ctx, "h1")
		if err != nil {
			t.Fatal(err)
		}
		if phone, err = p.Trusted(ctx, boss.ID, device); err != nil {
			t.Fatal(err)
		}
		_, _, err = p.Bearer(ctx, token)
		return session, phone, err == nil
	}
	if s, d, b := works(); !s || !d || !b {
		t.Fatalf("before: session %v, phone %v, token %v", s, d, b)
	}
	if err := p.UpdateUser(ctx, p.admin, boss.ID, input(boss, false)); err != nil {
		t.Fatal(err)
	}
	if s, d, b := works(); s || d || b {
		t.Errorf("after: session %v, phone %v, token %v", s, d, b)
	}
	if err := p.UpdateUser(ctx, p.admin, boss.ID, input(boss, true)); err != nil {
		t.Fatal(err)
	}
	if s, d, b := works(); s || d || b {
		t.Errorf("active again, nothing comes back: session %v, phone %v, token %v", s, d, b)
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	ctx := t.Context()
	boss := p.add(t, "boss@vankhe.example", newsroom.RoleLeader)
	lan := p.add(t, "lan@vankhe.example", newsroom.RoleReporter)
	if err := p.SetPIN(ctx, boss.ID, "482913"); err != nil {
		t.Fatal(err)
	}
	decide, write := []newsroom.Scope{newsroom.ScopeDecide}, []newsroom.Scope{newsroom.ScopeWrite}
	for name, c := range map[string]struct {
		by, of newsroom.Person
		scopes []newsroom.Scope
		pin    string
		ok     bool
	}{
		"own write":                     {lan, lan, write, "", true},
		"own decide":                    {boss, boss, decide, "482913", true},
		"decide with a wrong PIN":       {boss, boss, decide, "482914", false},
		"decide without a PIN":          {boss, boss, decide, "", false},
		"decide by the admin":           {p.admin, boss, decide, "482913", false},
		"decide for a reporter":         {lan, lan, decide, "", false},
		"admin scope for a leader":      {boss, boss, []newsroom.Scope{newsroom.ScopeAdmin}, "", false},
		"unknown scope":                 {boss, boss, []newsroom.Scope{"all"}, "", false},
		"no scope":                      {lan, lan, nil, "", false},
		"both, one of them not allowed": {lan, lan, []newsroom.Scope{newsroom.ScopeWrite, newsroom.ScopeAdmin}, "", false},
	} {
		value, token, err := p.IssueToken(ctx, c.by, c.of.ID, c.scopes, "thử", c.pin, nil)
		if c.ok != (err == nil) || (!c.ok && !errors.Is(err, newsroom.ErrForbidden)) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !c.ok {
			continue
		}
		who, found, err := p.Bearer(ctx, value)
		if err != nil || who.ID != c.of.ID || !slices.Equal(found.Scopes, c.scopes) {
			t.Errorf("%s: bearer is %s %v, %v", name, who.ID, found.Scopes, err)
		}
		if err := p.RevokeToken(ctx, c.by, c.of.ID, token.ID); err != nil {
			t.Errorf("%s: revoke: %v", name, err)
		}
		if _, _, err := p.Bearer(ctx, value); !errors.Is(err, newsroom.ErrNotFound) {
			t.Errorf("%s: a revoked token: %v", name, err)
		}
	}
	soon := p.clock.now().Add(time.Minute)
	value, _, err := p.IssueToken(ctx, lan, lan.ID, write, "", "", &soon)
	if err != nil {
		t.Fatal(err)
	}
	p.clock.forward(2 * time.Minute)
	if _, _, err := p.Bearer(ctx, value); !errors.Is(err, newsroom.ErrNotFound) {
		t.Errorf("a token that is over: %v", err)
	}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	ctx := t.Context()
	lan := p.add(t, "lan@vankhe.example", newsroom.RoleReporter)
	expiry := p.clock.now().Add(7 * 24 * time.Hour)
	for _, token := range []string{"a", "b", "c"} {
		if err := p.SaveSession(ctx, token, []byte(token), lan.ID, "Firefox", expiry); err != nil {
			t.Fatal(err)
		}
	}
	list, err := p.Sessions(ctx, lan.ID, "b")
	if err != nil || len(list) != 3 {
		t.Fatalf("%d sessions, %v", len(list), err)
	}
	for _, one := range list {
		if !one.Current {
			if err := p.EndSession(ctx, p.admin.ID, one.ID); !errors.Is(err, newsroom.ErrNotFound) {
				t.Errorf("somebody else ends it: %v", err)
			}
			if err := p.EndSession(ctx, lan.ID, one.ID); err != nil {
				t.Error(err)
			}
			break
		}
	}
	if err := p.EndSessions(ctx, lan, lan.ID, "b"); err != nil {
		t.Fatal(err)
	}
	if list, _ = p.Sessions(ctx, lan.ID, "b"); len(list) != 1 || !list[0].Current {
		t.Errorf("left are %+v", list)
	}
	p.clock.forward(11 * time.Hour)
	if _, found, err := p.FindSession(ctx, "b"); err != nil || !found {
		t.Errorf("used within twelve hours: %v, %v", found, err)
	}
	p.clock.forward(11 * time.Hour)
	if _, found, err := p.FindSession(ctx, "b"); err != nil || !found {
		t.Errorf("its use was written down: %v, %v", found, err)
	}
	p.clock.forward(13 * time.Hour)
	if _, found, err := p.FindSession(ctx, "b"); err != nil || found {
		t.Errorf("idle for thirteen hours: %v, %v", found, err)
	}
	if err := p.SweepSessions(ctx); err != nil {
		t.Fatal(err)
	}
	if n := p.count(t, `SELECT count(*) FROM sessions`); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

func TestPasswordEndsOtherSessions(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	ctx := t.Context()
	lan := p.add(t, "lan@vankhe.example", newsroom.RoleReporter)
	for _, token := range []string{"mine", "thief"} {
		if err := p.SaveSession(ctx, token, nil, lan.ID, "", p.clock.now().Add(time.Hour)); err == nil {
			t.Fatal("a session without data was kept")
		}
		if err := p.SaveSession(ctx, token, []byte("x"), lan.ID, "", p.clock.now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	for _, bad := range []string{"short", "aaaaaaaaaaaa", "lan@vankhe.example"} {
		if _, ok := errors.AsType[*newsroom.InvalidError](p.SetPassword(ctx, lan.ID, bad, "mine")); !ok {
			t.Errorf("%q was accepted", bad)
		}
	}
	if err := p.SetPassword(ctx, lan.ID, "mật khẩu hoàn toàn mới", "mine"); err != nil {
		t.Fatal(err)
	}
	if _, found, _ := p.FindSession(ctx, "mine"); !found {
		t.Error("the own session ended")
	}
	if _, found, _ := p.FindSession(ctx, "thief"); found {
		t.Error("the other session goes on")
	}
}

// link reads the newest account link of a person as the mail room does: the token is derived, not stored.
func (p *people) link(t *testing.T, purpose, userID string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), p.app)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	var id string
	var version int
	if err := conn.QueryRow(t.Context(),
		`SELECT id, key_version FROM account_links WHERE user_id = $1 ORDER BY created_at DESC, id DESC LIMIT 1`, userID).Scan(&id, &version); err != nil {
		t.Fatal(err)
	}
	return p.keys.Token(purpose, id, version)
}

func TestForgottenPassword(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	ctx := t.Context()
	lan := p.add(t, "lan@vankhe.example", newsroom.RoleReporter)
	if letter, err := p.ForgotPassword(ctx, "nobody@vankhe.example"); letter != "" || err != nil {
		t.Errorf("an unknown address: %q, %v", letter, err)
	}
	first, err := p.ForgotPassword(ctx, "Lan@vankhe.example")
	if err != nil || !strings.HasPrefix(first, "password_reset/") {
		t.Fatalf("letter %q, %v", first, err)
	}
	old := p.link(t, store.PurposeReset, lan.ID)
	p.clock.forward(time.Minute)
	if _, err := p.ForgotPassword(ctx, "lan@vankhe.example"); err != nil {
		t.Fatal(err)
	}
	token := p.link(t, store.PurposeReset, lan.ID)
	if _, err := p.AccountLink(ctx, newsroom.LinkPassword, old); !errors.Is(err, newsroom.ErrNotFound) {
		t.Errorf("the link before: %v", err)
	}
	if _, err := p.AccountLink(ctx, newsroom.LinkPIN, token); !errors.Is(err, newsroom.ErrNotFound) {
		t.Errorf("a password link as a PIN link: %v", err)
	}
	if link, err := p.AccountLink(ctx, newsroom.LinkPassword, token); err != nil || link.Account.ID != lan.ID {
		t.Fatalf("link of %s, %v", link.Account.ID, err)
	}
	if _, ok := errors.AsType[*newsroom.InvalidError](second(p.UseLink(ctx, newsroom.LinkPassword, token, "short"))); !ok {
		t.Error("a short password was accepted")
	}
	if err := p.SaveSession(ctx, "s", []byte("x"), lan.ID, "", p.clock.now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.UseLink(ctx, newsroom.LinkPassword, token, "mật khẩu hoàn toàn mới"); err != nil {
		t.Fatal(err)
	}
	if _, err := p.UseLink(ctx, newsroom.LinkPassword, token, "mật khẩu thứ ba đây"); !errors.Is(err, newsroom.ErrNotFound) {
		t.Errorf("a second use: %v", err)
	}
	if _, found, _ := p.FindSession(ctx, "s"); found {
		t.Error("a session survives the reset")
	}
	if _, err := p.CheckPassword(ctx, "lan@vankhe.example", "mật khẩu hoàn toàn mới", home); err != nil {
		t.Errorf("the new password: %v", err)
	}
	if _, err := p.ForgotPassword(ctx, "lan@vankhe.example"); err != nil {
		t.Fatal(err)
	}
	late := p.link(t, store.PurposeReset, lan.ID)
	p.clock.forward(3 * time.Hour)
	if _, err := p.UseLink(ctx, newsroom.LinkPassword, late, "mật khẩu thứ tư đây"); !errors.Is(err, newsroom.ErrNotFound) {
		t.Errorf("after two hours: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestPIN(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	ctx := t.Context()
	boss := p.add(t, "boss@vankhe.example", newsroom.RoleLeader)
	lan := p.add(t, "lan@vankhe.example", newsroom.RoleReporter)
	if ok, err := p.CheckPIN(ctx, boss.ID, ""); ok || err != nil {
		t.Errorf("no PIN is set, an empty one is %v, %v", ok, err)
	}
	if _, err := p.Invite(ctx, p.admin, lan.ID, newsroom.LinkPIN); !errors.Is(err, newsroom.ErrForbidden) {
		t.Errorf("a PIN for a reporter: %v", err)
	}
	if _, err := p.Invite(ctx, p.admin, boss.ID, newsroom.LinkPIN); err != nil {
		t.Fatal(err)
	}
	token := p.link(t, store.PurposePIN, boss.ID)
	for _, easy := range []string{"12345", "123456", "654321", "111111", "121212", "48291a", "1234567890123"} {
		if _, ok := errors.AsType[*newsroom.InvalidError](second(p.UseLink(ctx, newsroom.LinkPIN, token, easy))); !ok {
			t.Errorf("PIN %s was accepted", easy)
		}
	}
	if _, err := p.UseLink(ctx, newsroom.LinkPIN, token, "482913"); err != nil {
		t.Fatal(err)
	}
	for pin, want := range map[string]bool{"482913": true, "482914": false, "": false} {
		if ok, err := p.CheckPIN(ctx, boss.ID, pin); ok != want || err != nil {
			t.Errorf("PIN %q is %v, %v", pin, ok, err)
		}
	}
	device, _, err := p.TrustDevice(ctx, boss.ID, "Máy")
	if err != nil {
		t.Fatal(err)
	}
	if ok, _ := p.Trusted(ctx, lan.ID, device); ok {
		t.Error("somebody else's phone is trusted")
	}
	var tokens []string
	for _, scopes := range [][]newsroom.Scope{{newsroom.ScopeWrite}, {newsroom.ScopeWrite, newsroom.ScopeDecide}} {
		value, _, err := p.IssueToken(ctx, boss, boss.ID, scopes, "Máy", "482913", nil)
		if err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, value)
	}
	if err := p.SetPIN(ctx, boss.ID, "593024"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.Bearer(ctx, tokens[0]); err != nil {
		t.Errorf("a token that decides nothing ends with the PIN: %v", err)
	}
	if _, _, err := p.Bearer(ctx, tokens[1]); !errors.Is(err, newsroom.ErrNotFound) {
		t.Errorf("a token that decides outlives the PIN it was issued with: %v", err)
	}
	if ok, _ := p.Trusted(ctx, boss.ID, device); ok {
		t.Error("a phone stays trusted after a new PIN")
	}
}

func TestTOTP(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	ctx := t.Context()
	key := secret.NewTOTP()
	code := func() string { return secret.TOTPCode(key, p.clock.now().Unix()/secret.Period) }
	if _, err := p.EnrolTOTP(ctx, p.admin.ID, key, "000000"); !errors.Is(err, newsroom.ErrForbidden) {
		t.Errorf("enrol with a wrong code: %v", err)
	}
	first := code()
	recovery, err := p.EnrolTOTP(ctx, p.admin.ID, key, first)
	if err != nil {
		t.Fatal(err)
	}
	if in, err := p.CheckPassword(ctx, p.admin.Email, password, home); err != nil || !in.WantsTOTP {
		t.Errorf("a code is wanted: %+v, %v", in, err)
	}
	if ok, err := p.CheckTOTP(ctx, p.admin.ID, first); ok || err != nil {
		t.Errorf("the code of the enrolment again: %v, %v", ok, err)
	}
	p.clock.forward(time.Minute)
	var group sync.WaitGroup
	var mu sync.Mutex
	accepted := 0
	now := code()
	for range 8 {
		group.Go(func() {
			ok, err := p.CheckTOTP(ctx, p.admin.ID, now)
			if err != nil {
				t.Error(err)
			}
			if ok {
				mu.Lock()
				accepted++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	if accepted != 1 {
		t.Errorf("one code was accepted %d times", accepted)
	}
	if len(recovery) != 8 {
		t.Fatalf("%d recovery codes", len(recovery))
	}
	for _, again := range []bool{true, false} {
		if ok, err := p.CheckTOTP(ctx, p.admin.ID, strings.ToUpper(recovery[3])); ok != again || err != nil {
			t.Errorf("recovery code: %v, %v; want %v", ok, err, again)
		}
	}
	if a, _ := p.Account(ctx, p.admin.ID); a.Recovery != 7 {
		t.Errorf("%d recovery codes are left", a.Recovery)
	}
	if err := p.DropTOTP(ctx, p.admin, p.admin.ID); err != nil {
		t.Fatal(err)
	}
	if in, err := p.CheckPassword(ctx, p.admin.Email, password, home); err != nil || in.WantsTOTP {
		t.Errorf("after the reset: %+v, %v", in, err)
	}
	if ok, _ := p.CheckTOTP(ctx, p.admin.ID, recovery[0]); ok {
		t.Error("a recovery code works after the reset")
	}
}

func TestFirstStartOnce(t *testing.T) {
	t.Parallel()
	_, app := testkit.Database(t)
	keys, err := secret.NewRing(map[int][]byte{1: bytes.Repeat([]byte{7}, secret.KeySize)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.New(t.Context(), store.Options{URL: app, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	if empty, err := s.Empty(t.Context()); err != nil || !empty {
		t.Fatalf("empty is %v, %v", empty, err)
	}
	in := newsroom.FirstStart{
		Office:   newsroom.OfficeInfo{Portal: "Cổng thông tin điện tử xã Vân Khê", Unit: "UBND xã Vân Khê"},
		Sections: []string{"Tin tức – Sự kiện", "Thông báo", ""}, Approver: "Trưởng ban Biên tập",
		Admin: newsroom.AccountInput{Email: "admin@vankhe.example", Name: "Quản trị"}, Password: "một mật khẩu dài",
	}
	bad := in
	bad.Password, bad.Sections, bad.Office.Unit = "x", []string{"Thông báo", "thông  báo"}, ""
	invalid, ok := errors.AsType[*newsroom.InvalidError](second(s.FirstStart(t.Context(), bad)))
	if !ok || len(invalid.Fields) != 3 {
		t.Fatalf("wrong input: %+v", invalid)
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	done, refused := 0, 0
	for range 4 {
		group.Go(func() {
			_, err := s.FirstStart(t.Context(), in)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				done++
			case errors.Is(err, newsroom.ErrConflict):
				refused++
			default:
				t.Error(err)
			}
		})
	}
	group.Wait()
	if done != 1 || refused != 3 {
		t.Errorf("%d first starts, %d refused", done, refused)
	}
	sections, err := s.Sections(t.Context())
	if err != nil || len(sections) != 2 || sections[0].ID != "tin-tuc-su-kien" {
		t.Errorf("sections are %+v, %v", sections, err)
	}
	if office, err := s.OfficeInfo(t.Context()); err != nil || office.Accent != "red" {
		t.Errorf("office is %+v, %v", office, err)
	}
	if in, err := s.CheckPassword(t.Context(), "admin@vankhe.example", "một mật khẩu dài", home); err != nil || !in.Person.Is(newsroom.RoleAdmin) {
		t.Errorf("sign in: %+v, %v", in, err)
	}
}
