package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"toasoan/internal/mail"
	"toasoan/internal/store"
	"toasoan/internal/testkit/smtpfake"
	"toasoan/newsroom"
)

func TestLaneSendsExactlyOne(t *testing.T) {
	t.Parallel()
	l := newLane(t, func(o *smtpfake.Options) { o.Pipelining = true })
	l.subscribe(700)
	issue := l.issue("article00001")
	l.mailed(laneJob{Issue: issue})
	if states := l.hold(issue, 0); states["sent"] != 700 || l.relay.Count() != 700 {
		t.Errorf("%v, %d accepted", states, l.relay.Count())
	}
	if got := l.text(`SELECT status FROM mail_issues`); got != newsroom.IssueDone {
		t.Errorf("the issue is %s", got)
	}
}

func TestLaneLeavingInTheMiddle(t *testing.T) {
	t.Parallel()
	l := newLane(t, func(o *smtpfake.Options) { o.Latency = 2 * time.Millisecond })
	l.subscribe(150)
	issue := l.issue("article00001")
	courier := l.process(laneJob{Issue: issue, Rate: 200})
	if err := l.relay.Await(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
	// The link of a mail that came ends the reader's list; whoever has no mail yet leaves by the preferences link.
	if _, err := l.store.Leave(t.Context(), leaveToken(t, l.relay.Accepted()[0].Data), false, newsroom.Proof{Source: "one_click"}); err != nil {
		t.Fatal(err)
	}
	left := map[string]time.Time{}
	for k := 149; k >= 100; k-- {
		email := fmt.Sprintf("reader%04d@example.vn", k)
		id := l.text(`SELECT id FROM subscribers WHERE email = $1`, email)
		if _, err := l.store.LeaveAll(t.Context(), laneKeys().Token(store.PurposePrefs, id, 1), newsroom.Proof{Source: "link"}); err != nil {
			t.Fatal(err)
		}
		left[email] = time.Now()
	}
	if err := courier.Wait(); err != nil {
		t.Fatal(err)
	}
	states := l.hold(issue, 0)
	if states["suppressed"] == 0 || states["sent"]+states["suppressed"] != 150 {
		t.Errorf("%v", states)
	}
	for _, r := range l.rows(issue) {
		if at, gone := left[r.email]; gone && r.dotAt != nil && r.state == "sent" && r.dotAt.After(at) {
			t.Errorf("I5: the dot of %s came after the leaving", r.email)
		}
	}
}

func TestLaneClassifies(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	asked := map[string]int{}
	relay := func(s smtpfake.Step) smtpfake.Action {
		mu.Lock()
		defer mu.Unlock()
		to := s.Rcpt
		if s.Stage == smtpfake.Dot && len(s.To) == 1 {
			to = s.To[0]
		}
		first := func() bool { asked[to]++; return asked[to] == 1 }
		switch {
		case s.Stage == smtpfake.RCPT && strings.HasPrefix(to, "reader0001@"):
			return smtpfake.Reply(550, "5.1.1 no such user")
		case s.Stage == smtpfake.RCPT && strings.HasPrefix(to, "reader0002@") && first():
			return smtpfake.Reply(451, "4.7.1 greylisted")
		case s.Stage == smtpfake.RCPT && strings.HasPrefix(to, "reader0003@"):
			return smtpfake.Reply(452, "4.2.2 mailbox full for now")
		case s.Stage == smtpfake.Dot && strings.HasPrefix(to, "reader0004@") && first():
			return smtpfake.Action{Drop: smtpfake.DropBefore, Store: smtpfake.StoreAlways} // took it and never said so
		case s.Stage == smtpfake.Dot && strings.HasPrefix(to, "reader0005@"):
			return smtpfake.Reply(554, "5.6.0 refused at the dot")
		}
		return smtpfake.Action{}
	}
	l := newLane(t, func(o *smtpfake.Options) { o.Script = relay })
	l.subscribe(40)
	issue := l.issue("article00001")
	l.mailed(laneJob{Issue: issue})
	l.hold(issue, 1)
	want := map[string]string{
		"reader0001@example.vn": "hard", "reader0002@example.vn": "sent", "reader0003@example.vn": "expired",
		"reader0004@example.vn": "in_doubt_resent", "reader0005@example.vn": "hard",
	}
	for _, r := range l.rows(issue) {
		expected, special := want[r.email]
		if !special {
			expected = "sent"
		}
		if r.state != expected {
			t.Errorf("%s is %s, want %s", r.email, r.state, expected)
		}
	}
	if why := l.text(`SELECT string_agg(why, ' ') FROM suppressions`); why != "hard" {
		t.Errorf("suppressed: %q, want the one address that does not exist", why)
	}
}

func TestLaneStopsWhenTheArticleIsWithdrawn(t *testing.T) {
	t.Parallel()
	l := newLane(t)
	l.subscribe(200)
	issue := l.issue("article00001")
	courier := l.process(laneJob{Issue: issue, Rate: 100})
	if err := l.relay.Await(t.Context(), 20); err != nil {
		t.Fatal(err)
	}
	l.exec(`UPDATE live_articles SET public = 'withdrawn'`)
	l.exec(`INSERT INTO publications (article_id, n, event, revision, at) VALUES ('article00001', 2, 'withdrawn', 1, now())`)
	out, err := l.store.MailPublicChange(t.Context(), "withdrawn/2", "article00001", 2, "withdrawn", "")
	if err != nil || !slices.Equal(out.Stopped, []string{issue}) {
		t.Fatalf("%+v, %v", out, err)
	}
	if err := courier.Wait(); err != nil {
		t.Fatal(err)
	}
	if states := l.hold(issue, 0); states["cancelled"] == 0 || states["sent"]+states["cancelled"] != 200 || states["sent"] != l.relay.Count() {
		t.Errorf("%v, %d accepted", states, l.relay.Count())
	}
}

// I7: two processes share one rate, and one of them is killed and started again in the middle. Every window at the relay holds at
// most the rate and one mail per connection more: the one whose place had come when the window began.
func TestLaneKeepsTheRateOfTheInstallation(t *testing.T) {
	t.Parallel()
	const rate, rows = 40, 240
	l := newLane(t, func(o *smtpfake.Options) { o.Pipelining = true })
	l.subscribe(2000) // two chunks: one for each process
	issue := l.issue("article00001")
	l.exec(`UPDATE mail_chunks SET recipients = recipients[1:$1], since = since[1:$1]`, rows/2)
	l.exec(`UPDATE mail_issues SET candidates = $1`, rows)
	two := l.process(laneJob{Issue: issue, Rate: rate, Chunks: []int{1}})
	if err := l.process(laneJob{Issue: issue, Rate: rate, Chunks: []int{0}, Step: "dotted", Nth: 30, Signal: int(syscall.SIGKILL)}).Wait(); err == nil {
		t.Fatal("the courier outlived its kill")
	}
	one := l.process(laneJob{Issue: issue, Rate: rate, Chunks: []int{0}})
	if err := errors.Join(one.Wait(), two.Wait()); err != nil {
		t.Fatal(err)
	}
	l.hold(issue, laneConns)
	var at []time.Time
	for _, m := range l.relay.Accepted() {
		at = append(at, m.At)
	}
	slices.SortFunc(at, time.Time.Compare)
	if len(at) < rows {
		t.Errorf("%d mails were accepted", len(at))
	}
	for _, window := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		most := rate*int(window/time.Second) + laneConns
		for i := range at {
			if i+most < len(at) && at[i+most].Sub(at[i]) < window {
				t.Fatalf("I7: more than %d mails within %s", most, window)
			}
		}
	}
}

// Several mails in flight on a connection: a kill leaves as many in doubt on each, and no more.
func TestLaneKilledWithAWindow(t *testing.T) {
	t.Parallel()
	const window = 4
	for _, step := range []string{"granted", "dotted", "committed"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			l := newLane(t, func(o *smtpfake.Options) { o.Pipelining, o.Chunking = true, true })
			l.subscribe(150)
			issue := l.issue("article00001")
			l.mailed(laneJob{Issue: issue, Window: window, Step: step, Nth: 3, Signal: int(syscall.SIGKILL)})
			states := l.hold(issue, laneConns*window)
			if states["sent"]+states["in_doubt_resent"] != 150 {
				t.Errorf("%v", states)
			}
			if step == "granted" && states["in_doubt_resent"] == 0 {
				t.Error("killed with dots granted, and nothing was in doubt")
			}
		})
	}
}

// Letters carry links that work: what the mail says is taken at its word.
func TestLaneLetters(t *testing.T) {
	t.Parallel()
	l := newLane(t)
	ctx := t.Context()
	relay, err := mail.ParseRelay(l.relay.URL())
	if err != nil {
		t.Fatal(err)
	}
	c := mail.NewCourier(l.store, laneComposer(), relay, mail.Options{})
	defer c.Close()
	id, err := l.store.Subscribe(ctx, newsroom.SubscribeRequest{
		Email: "binh@example.vn", Name: "Trần Văn Bình", Sections: []string{"kinh-te"}, Consent: true, Proof: newsroom.Proof{Source: "page"},
	})
	if err != nil {
		t.Fatal(err)
	}
	post := func(kind newsroom.LetterKind) string {
		t.Helper()
		at, err := l.store.SubscriberStanding(ctx, id)
		if err != nil || len(at.Letters) != 1 || !strings.HasPrefix(at.Letters[0], string(kind)+"/") {
			t.Fatalf("letters %v, %v", at.Letters, err)
		}
		before := l.relay.Count()
		for range 2 { // a repeat sends nothing
			if out, err := c.SendLetter(ctx, at.Letters[0]); err != nil || out.State != newsroom.DeliverySent {
				t.Fatalf("sent %+v, %v", out, err)
			}
		}
		if l.relay.Count() != before+1 {
			t.Fatalf("%d copies", l.relay.Count()-before)
		}
		return plainText(t, l.relay.Accepted()[before].Data)
	}
	said := post(newsroom.LetterConfirm)
	token := after(t, said, laneBase+"/xac-nhan/")
	if got, err := l.store.Confirm(ctx, token, newsroom.Proof{Source: "link"}); err != nil || got != id {
		t.Fatalf("confirmed %q, %v", got, err)
	}
	issue := l.issue("article00001")
	l.mailed(laneJob{Issue: issue})
	newsletter := l.relay.Accepted()[l.relay.Count()-1].Data
	prefs := after(t, plainText(t, newsletter), laneBase+"/tuy-chon/")
	if u, err := l.store.SubscriberByToken(ctx, prefs); err != nil || u.ID != id {
		t.Fatalf("preferences of %+v, %v", u, err)
	}
	for range 2 {
		if out, err := l.store.Leave(ctx, leaveToken(t, newsletter), false, newsroom.Proof{Source: "one_click"}); err != nil || out.State != newsroom.SubscriberLeft {
			t.Fatalf("left %+v, %v", out, err)
		}
	}
	if said := post(newsroom.LetterLeft); !strings.Contains(said, "Kinh tế") {
		t.Errorf("the letter says %q", said)
	}
}
