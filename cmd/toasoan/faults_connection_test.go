package main

import (
	"cmp"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"toasoan/internal/mail"
	"toasoan/internal/testkit/smtpfake"
	"toasoan/newsroom"
)

// connectionWaits end a silence after a second and more, and a dot's after three.
func connectionWaits() mail.Waits {
	w := laneWaits()
	w.Limits = mail.Limits{Dial: 3 * time.Second, Command: 1500 * time.Millisecond, Body: 1500 * time.Millisecond, Dot: 3 * time.Second, Grace: time.Second}
	w.Ease, w.Guard, w.Quarantine = 100*time.Millisecond, 5*time.Second, 200*time.Millisecond
	w.Retry = mail.Retry{Waits: []time.Duration{50 * time.Millisecond}, Stop: 30 * time.Second}
	return w
}

// courier is one in this process, against the lane's relay.
func (l *lane) courier(relayURL string, waits mail.Waits, log *slog.Logger) *mail.Courier {
	l.t.Helper()
	relay, err := mail.ParseRelay(relayURL)
	if err != nil {
		l.t.Fatal(err)
	}
	c := mail.NewCourier(l.store, laneComposer(), relay, mail.Options{Connections: laneConns, Claim: 25, Waits: waits, Log: log})
	l.t.Cleanup(c.Close)
	return c
}

// offers are the ways in which relays speak.
var offers = map[string]func(*smtpfake.Options){
	"plain":      func(*smtpfake.Options) {},
	"pipelining": func(o *smtpfake.Options) { o.Pipelining = true },
	"chunking":   func(o *smtpfake.Options) { o.Pipelining, o.Chunking, o.DSN = true, true, true },
}

// connectionFault is what a relay or the line to it does wrong, now and then.
type connectionFault struct {
	name   string
	script smtpfake.Script
	doubts bool           // it can strike behind a dot
	most   int32          // it strikes so often, 0: each time
	only   smtpfake.Stage // DATA and BDAT exclude each other
}

// sometimes does the action every n-th time that a stage comes.
func sometimes(stage smtpfake.Stage, n int, action smtpfake.Action) smtpfake.Script {
	return func(s smtpfake.Step) smtpfake.Action {
		if s.Stage == stage && s.Nth%n == n/2 {
			return action
		}
		return smtpfake.Action{}
	}
}

// counted is the fault's script, and how often it has struck.
func (f connectionFault) counted() (script smtpfake.Script, struck *atomic.Int32) {
	struck = &atomic.Int32{}
	return func(s smtpfake.Step) smtpfake.Action {
		action := f.script(s)
		if reflect.ValueOf(action).IsZero() {
			return action
		}
		if n := struck.Add(1); f.most > 0 && n > f.most {
			struck.Add(-1)
			return smtpfake.Action{}
		}
		return action
	}, struck
}

func connectionFaults() []connectionFault {
	const every, most = 13, 3
	enough := func(action smtpfake.Action) smtpfake.Script {
		return func(s smtpfake.Step) smtpfake.Action {
			if s.Stage == smtpfake.MAIL && s.Message > 5 {
				return action
			}
			return smtpfake.Action{}
		}
	}
	body := func(action smtpfake.Action) smtpfake.Script { return sometimes(smtpfake.Body, every, action) }
	dot := func(action smtpfake.Action) smtpfake.Script { return sometimes(smtpfake.Dot, every, action) }
	list := []connectionFault{
		{name: "banner late", script: smtpfake.At(smtpfake.Banner, smtpfake.Action{Delay: 700 * time.Millisecond})},
		{name: "server closes after 5 mails, saying 421", script: enough(smtpfake.Action{Code: 421, Text: "4.3.2 enough of you", Drop: smtpfake.DropAfter})},
		{name: "server closes after 5 mails without a word", script: enough(smtpfake.Action{Drop: smtpfake.DropBefore})},
		{name: "replies byte by byte", script: func(smtpfake.Step) smtpfake.Action { return smtpfake.Action{ByteDelay: 1} }},
		{name: "replies of several lines", script: func(s smtpfake.Step) smtpfake.Action {
			switch s.Stage {
			case smtpfake.MAIL, smtpfake.RCPT, smtpfake.Dot, smtpfake.RSET, smtpfake.BDAT:
				return smtpfake.Reply(250, "2.0.0 well\nvery well\n\nindeed")
			}
			return smtpfake.Action{}
		}},
		{name: "a byte of the body in a long while", script: body(smtpfake.Action{PerByte: time.Millisecond}), doubts: true, most: most},
		{name: "dropped in the body", script: body(smtpfake.Action{CutAfter: 700}), doubts: true, most: most},
		{name: "reset in the body", script: body(smtpfake.Action{CutAfter: 700, Abort: true}), doubts: true, most: most},
		{name: "354, then silence", script: body(smtpfake.Action{Hang: true}), doubts: true, most: most},
		{name: "dropped behind the dot, mail taken", script: dot(smtpfake.Action{Drop: smtpfake.DropBefore, Store: smtpfake.StoreAlways}), doubts: true, most: most},
		{name: "dropped behind the dot, mail not taken", script: dot(smtpfake.Action{Drop: smtpfake.DropBefore}), doubts: true, most: most},
		{name: "no answer to the dot, mail taken", script: dot(smtpfake.Action{Hang: true, Store: smtpfake.StoreAlways}), doubts: true, most: most},
		{name: "dropped after the 250", script: dot(smtpfake.Action{Drop: smtpfake.DropAfter}), doubts: true, most: most},
		{name: "a line that is no reply, to the dot", script: dot(smtpfake.Action{Raw: []byte("\x00\xff what?\r\n"), Drop: smtpfake.DropAfter, Store: smtpfake.StoreNever}), doubts: true, most: most},
	}
	for _, stage := range []smtpfake.Stage{smtpfake.Banner, smtpfake.EHLO, smtpfake.MAIL, smtpfake.RCPT, smtpfake.DATA, smtpfake.BDAT} {
		n, only := every, smtpfake.Stage("")
		if stage == smtpfake.Banner || stage == smtpfake.EHLO {
			n = 3
		}
		if stage == smtpfake.DATA || stage == smtpfake.BDAT {
			only = stage
		}
		for name, action := range map[string]smtpfake.Action{
			"a line that is no reply":     {Raw: []byte("\x00\xff what?\r\n"), Drop: smtpfake.DropAfter},
			"dropped":                     {Drop: smtpfake.DropBefore},
			"reset":                       {Drop: smtpfake.DropBefore, Abort: true},
			"silent for ever (half-open)": {Hang: true},
			"421":                         {Code: 421, Text: "4.3.2 closing", Drop: smtpfake.DropAfter},
		} {
			list = append(list, connectionFault{name: name + " at " + string(stage), script: sometimes(stage, n, action), doubts: true, most: most, only: only})
		}
	}
	slices.SortFunc(list, func(a, b connectionFault) int { return cmp.Compare(a.name, b.name) })
	return list
}

// connections is every fault of the line, over the real ledger: nobody is lost, and only a dot without an answer leaves a doubt.
func (c *campaign) connections(t *testing.T) {
	const mails = 60
	for n, fault := range connectionFaults() {
		for name, offer := range offers {
			if fault.only == smtpfake.BDAT && name != "chunking" || fault.only == smtpfake.DATA && name == "chunking" {
				continue // this relay never gets there
			}
			if !c.whole && fault.only == "" && name != []string{"plain", "pipelining", "chunking"}[n%3] {
				continue
			}
			t.Run(fmt.Sprintf("%02d %s/%s", n, fault.name, name), func(t *testing.T) {
				t.Parallel()
				script, struck := fault.counted()
				l := newLane(t, offer, func(o *smtpfake.Options) { o.Script = script })
				l.subscribe(mails)
				issue := l.issue("article00001")
				if err := carry(within(t, 2*time.Minute), l.store, l.courier(l.relay.URL(), connectionWaits(), nil), issue, nil); err != nil {
					t.Fatal(err)
				}
				l.quiet()
				doubts := 0
				if fault.doubts {
					doubts = 3 * 2 // each may take a buffered answer to the mail before with it
				}
				s := l.verdict(issue, doubts)
				if s.states["sent"]+s.states["in_doubt_resent"] != mails {
					t.Errorf("%v", s.states)
				}
				if struck.Load() == 0 {
					t.Error("the fault never struck")
				}
				c.note("line: "+fault.name, int(struck.Load()), s)
			})
		}
	}
}

// quiet waits until the relay has no connection any more that could still accept something.
func (l *lane) quiet() {
	l.t.Helper()
	l.relay.SetScript(nil)
	before := -1
	for l.relay.Count() != before { // what a slow reader still has in hand
		before = l.relay.Count()
		time.Sleep(50 * time.Millisecond)
	}
}

// slowDot is a relay that answers each dot of a few just within the longest wait, on a scaled clock: one copy each.
func (c *campaign) slowDot(t *testing.T) {
	const scale = 40
	l := newLane(t, func(o *smtpfake.Options) {
		o.Pipelining, o.Script = true, smtpfake.Nth(smtpfake.Dot, 7, smtpfake.Action{Delay: (9*time.Minute + 50*time.Second) / scale})
	})
	l.subscribe(30)
	issue := l.issue("article00001")
	waits := connectionWaits()
	waits.Limits.Dot = mail.DefaultLimits.Dot / scale
	if err := carry(within(t, 2*time.Minute), l.store, l.courier(l.relay.URL(), waits, nil), issue, nil); err != nil {
		t.Fatal(err)
	}
	s := l.verdict(issue, 0)
	if s.states["sent"] != 30 || l.relay.Count() != 30 {
		t.Errorf("%v, %d accepted", s.states, l.relay.Count())
	}
	c.note("line: dot answered after 9 min 50 s (scaled)", 1, s)
}

// unreachable is a relay that refuses connections, and one whose name nobody knows: everything waits.
func (c *campaign) unreachable(t *testing.T) {
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		l := newLane(t)
		l.subscribe(40)
		issue := l.issue("article00001")
		l.relay.Down()
		said := &syncBuffer{}
		done := make(chan error, 1)
		courier := l.courier(l.relay.URL(), connectionWaits(), slog.New(slog.NewTextHandler(said, nil)))
		go func() { done <- carry(within(t, 2*time.Minute), l.store, courier, issue, nil) }()
		eventually(t, time.Minute, "the courier tries again and again", func() bool {
			return strings.Count(said.tail(1<<20), "relay not reached") >= 4
		})
		up := death{at: time.Now(), back: time.Now()}
		if err := l.relay.Up(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		c.note("relay refuses connections", 4, l.sentAll(issue, 40), l.resumed([]death{up})...)
	})
	t.Run("no name", func(t *testing.T) {
		t.Parallel()
		l := newLane(t)
		l.subscribe(40)
		issue := l.issue("article00001")
		lost := l.process(laneJob{Issue: issue, Relay: "smtp://relay.invalid:25?tls=none", NoDNS: true})
		eventually(t, time.Minute, "the courier asks again and again", func() bool {
			return strings.Count(lost.said.tail(1<<20), "relay not reached") >= 3
		})
		_ = lost.Process.Kill()
		_ = lost.Wait()
		up := death{at: time.Now(), back: time.Now()}
		if err := l.process(laneJob{Issue: issue}).Wait(); err != nil {
			t.Fatal(err)
		}
		c.note("relay's name is not known", 3, l.sentAll(issue, 40), l.resumed([]death{up})...)
	})
}

func (l *lane) sentAll(issue string, mails int) standing {
	l.t.Helper()
	s := l.verdict(issue, 0)
	if s.states["sent"] != mails {
		l.t.Errorf("%v", s.states)
	}
	return s
}

// codes is a relay that gives each reader another answer; each row ends as its code says.
func (c *campaign) codes(t *testing.T) {
	type answer struct {
		stage  smtpfake.Stage
		action smtpfake.Action
		first  bool // only the first time
		want   newsroom.DeliveryState
	}
	later, gone := connectionWaits(), smtpfake.DropAfter
	later.Retry.Stop = 200 * time.Millisecond
	answers := []answer{
		{smtpfake.RCPT, smtpfake.Reply(450, "4.2.0 greylisted"), true, newsroom.DeliverySent},
		{smtpfake.RCPT, smtpfake.Reply(451, "4.7.1 greylisted"), true, newsroom.DeliverySent},
		{smtpfake.RCPT, smtpfake.Reply(452, "4.5.3 too many recipients"), true, newsroom.DeliverySent},
		{smtpfake.RCPT, smtpfake.Reply(454, "4.7.0 slow down"), true, newsroom.DeliverySent},
		{smtpfake.RCPT, smtpfake.Action{Code: 421, Text: "4.3.2 closing", Drop: gone}, true, newsroom.DeliverySent},
		{smtpfake.Dot, smtpfake.Action{Code: 421, Text: "4.3.2 closing", Drop: gone}, true, newsroom.DeliverySent},
		{smtpfake.Dot, smtpfake.Reply(451, "4.3.0 later"), true, newsroom.DeliverySent},
		{smtpfake.RCPT, smtpfake.Reply(452, "4.2.2 full for ever"), false, newsroom.DeliveryExpired},
		{smtpfake.RCPT, smtpfake.Reply(550, "5.1.1 no such user"), false, newsroom.DeliveryHard},
		{smtpfake.RCPT, smtpfake.Reply(552, "5.2.2 over quota"), false, newsroom.DeliveryHard},
		{smtpfake.RCPT, smtpfake.Reply(554, "5.7.1 refused"), false, newsroom.DeliveryHard},
		{smtpfake.Dot, smtpfake.Reply(554, "5.7.1 content refused"), false, newsroom.DeliveryHard},
		{smtpfake.Dot, smtpfake.Action{Code: 250, Raw: []byte("250\r\n")}, false, newsroom.DeliverySent},
		{smtpfake.Dot, smtpfake.Action{Code: 250, Raw: []byte("250 \r\n")}, false, newsroom.DeliverySent},
		{smtpfake.RCPT, smtpfake.Reply(251, "2.1.5 will forward"), false, newsroom.DeliverySent},
		{smtpfake.Dot, smtpfake.Reply(250, "2.0.0 đã nhận \xff\xfe"), false, newsroom.DeliverySent},
		{smtpfake.RCPT, smtpfake.Reply(550, "5.1.1 không có người này \xff"), false, newsroom.DeliveryHard},
	}
	for name, offer := range offers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			asked := map[string]int{}
			l := newLane(t, offer, func(o *smtpfake.Options) {
				o.Script = func(s smtpfake.Step) smtpfake.Action {
					to := s.Rcpt
					if s.Stage == smtpfake.Dot && len(s.To) == 1 {
						to = s.To[0]
					}
					var n int
					if _, err := fmt.Sscanf(to, "reader%d@", &n); err != nil || n >= len(answers) || answers[n].stage != s.Stage {
						return smtpfake.Action{}
					}
					mu.Lock()
					defer mu.Unlock()
					if asked[to]++; answers[n].first && asked[to] > 1 {
						return smtpfake.Action{}
					}
					return answers[n].action
				}
			})
			const mails = 60
			l.subscribe(mails)
			issue := l.issue("article00001")
			if err := carry(within(t, 2*time.Minute), l.store, l.courier(l.relay.URL(), later, nil), issue, nil); err != nil {
				t.Fatal(err)
			}
			s := l.verdict(issue, 0)
			for n, r := range l.rows(issue) {
				want := newsroom.DeliverySent
				if n < len(answers) {
					want = answers[n].want
				}
				if r.state != string(want) {
					t.Errorf("%s is %s, want %s", r.email, r.state, want)
				}
			}
			if n := l.text(`SELECT count(*)::text FROM suppressions`); n != "2" {
				t.Errorf("%s addresses are suppressed, want the two that do not exist", n)
			}
			c.note("codes: each reader another answer", len(answers), s)
		})
	}
}

// addresses are readers of a frozen issue whose addresses no relay can carry: each is refused alone, and not a byte of it is said.
func (c *campaign) addresses(t *testing.T) {
	long := strings.Repeat("a", 65) + "@example.vn"
	bad := []string{
		"a@x", "a..b@example.vn", ".a@example.vn", "a.@example.vn", `"quoted local"@example.vn`, `"a@b"@example.vn`, long,
		"a@" + strings.Repeat("b123456789.", 23) + "example.vn", "a@[127.0.0.1]", "a@[IPv6:::1]", "người@example.vn", "@example.vn", "a@", "a",
		"a@example.vn\r\nRCPT TO:<x@example.vn>", "a@example.vn\nb", "a\x01@example.vn", "a@example.vn> ORCPT=rfc822;x@y.vn", "a@example.vn, b@example.vn",
		"<a@example.vn>", "a b@example.vn", "=?utf-8?q?x=40y=2Evn=3E?=@example.vn.", "a@-example.vn", "a@exa mple.vn", "a@example..vn",
	}
	good := map[string]string{"UPPER.Case+tag@Example.VN": "", "a+tag@example.vn": "", "o'neil@example.vn": "", "x@bücher.example.vn": ""}
	l := newLane(t, func(o *smtpfake.Options) { o.Pipelining = true })
	const mails = 80
	l.subscribe(mails)
	issue := l.issue("article00001")
	n := 0
	plant := func(email string) {
		l.exec(`UPDATE subscribers SET email = $1 WHERE email = $2`, email, fmt.Sprintf("reader%04d@example.vn", n))
		n++
	}
	for _, email := range bad {
		plant(email)
	}
	for email := range good {
		plant(email)
	}
	l.exec(`UPDATE subscribers SET email = '' WHERE email = $1`, fmt.Sprintf("reader%04d@example.vn", n)) // erased
	courier := l.courier(l.relay.URL(), connectionWaits(), nil)
	for range 3 { // so many hard failures would pause an issue: here they are the point
		err := carry(within(t, 2*time.Minute), l.store, courier, issue, nil)
		if err == nil {
			break
		}
		if !strings.Contains(err.Error(), "hard_failures") {
			t.Fatal(err)
		}
	}
	states := map[string]int{}
	rejected := map[string]bool{}
	for _, email := range bad {
		rejected[email] = true
	}
	for _, r := range l.rows(issue) {
		states[r.state]++
		want := "sent"
		switch {
		case rejected[r.email]:
			want = "hard"
		case r.email == "":
			want = "suppressed"
		}
		if r.state != want {
			t.Errorf("%q is %s, want %s", r.email, r.state, want)
		}
	}
	for _, m := range l.relay.Accepted() {
		if len(m.To) != 1 || strings.ContainsAny(m.To[0], " <>\"[]\r\n,") || len(m.ToParams) != 1 || m.ToParams[0] != "" {
			t.Errorf("the relay was told %q %q", m.To, m.ToParams)
		}
	}
	if l.relay.Count() != mails-len(bad)-1 {
		t.Errorf("%d accepted, want %d: one bad row never stops a chunk", l.relay.Count(), mails-len(bad)-1)
	}
	c.add(faultSeen{fault: "addresses that no relay can carry", times: len(bad), mails: mails})
}
