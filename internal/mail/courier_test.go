package mail

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"toasoan/internal/testkit/smtpfake"
	"toasoan/newsroom"
)

// bench is one courier, its ledger and the relay that is the oracle.
type bench struct {
	*Courier
	ledger *memory
	relay  *smtpfake.Server
	c      *Composer
}

type setting func(*smtpfake.Options, *Options)

func pipelining(o *smtpfake.Options, _ *Options) { o.Pipelining = true }

func chunking(o *smtpfake.Options, _ *Options) { o.Pipelining, o.Chunking, o.DSN = true, true, true }

// setup starts a relay, and a courier whose waits are a thousand times shorter, but for those that bound a live step.
func setup(t *testing.T, settings ...setting) *bench {
	t.Helper()
	relayOptions, options := smtpfake.Options{}, Options{Waits: hasty()}
	for _, s := range settings {
		s(&relayOptions, &options)
	}
	server, err := smtpfake.Start(relayOptions)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if v := server.Violations(); len(v) > 0 {
			t.Errorf("against the protocol: %s", strings.Join(v, "; "))
		}
	})
	relay, err := ParseRelay(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	relay.RootCAs = server.CertPool()
	composer := testComposer(t)
	ledger := newMemory()
	courier := NewCourier(ledger, composer, relay, options)
	t.Cleanup(courier.Close)
	t.Cleanup(func() {
		for _, p := range ledger.problems {
			t.Error(p)
		}
	})
	return &bench{courier, ledger, server, composer}
}

func hasty() Waits {
	w := DefaultWaits().Scaled(1000)
	w.Limits = Limits{Dial: 5 * time.Second, Command: 5 * time.Second, Body: 5 * time.Second, Dot: 5 * time.Second, Grace: time.Second}
	w.Guard, w.Budget, w.Idle, w.Commit, w.Flush = 10*time.Second, time.Minute, 10*time.Second, 10*time.Second, 5*time.Second
	return w
}

func testComposer(t *testing.T) *Composer {
	t.Helper()
	c, err := NewComposer(Settings{
		From: "Cổng thông tin điện tử xã Vân Khê <tin@vankhe.example>", FromTx: "Tòa soạn Vân Khê <toasoan@vankhe.example>",
		ReplyTo: "toasoan@vankhe.example", BounceDomain: "bounce.vankhe.example",
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (b *bench) issue(t *testing.T, n, size int) string {
	t.Helper()
	master, err := b.c.NewMaster(sampleIssue("article"))
	if err != nil {
		t.Fatal(err)
	}
	b.ledger.fill(master, n, size)
	return master.frozen.Issue.ID
}

func (b *bench) send(t *testing.T, id string, chunk int) ChunkResult {
	t.Helper()
	out, err := b.SendChunk(t.Context(), id, chunk, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// holds checks what must be true after any run: the equation, copies against states, bytes against hashes.
func (b *bench) holds(t *testing.T) {
	t.Helper()
	copies := map[string]int{}
	for _, a := range b.relay.Accepted() {
		copies[a.To[0]]++
		key := ""
		for k, r := range b.ledger.rows {
			if r.r.Email == a.To[0] || r.view.ToEmail == a.To[0] {
				key = k
			}
		}
		if sum := Fingerprint(a.Data); string(sum[:]) != string(b.ledger.rows[key].hash) {
			t.Errorf("%s: what was accepted is not what the ledger has the hash of", key)
		}
		if r := b.ledger.rows[key]; r.state == newsroom.DeliverySent && r.last.Code/100 != 2 {
			t.Errorf("%s: the ledger says %d %q of what the relay took", key, r.last.Code, r.last.Reply)
		}
	}
	for key, r := range b.ledger.rows {
		n := copies[r.r.Email+r.view.ToEmail]
		switch {
		case r.state == newsroom.DeliverySent && n != 1:
			t.Errorf("%s is sent and has %d copies", key, n)
		case n > 1 && r.state != newsroom.DeliveryResent:
			t.Errorf("%s is %s and has %d copies", key, r.state, n)
		case n > 0 && (r.state == newsroom.DeliveryPending || r.state == newsroom.DeliveryClaimed || r.state == newsroom.DeliverySoft || r.state == newsroom.DeliverySuppressed || r.state == newsroom.DeliveryCancelled):
			t.Errorf("%s is %s and has %d copies", key, r.state, n)
		}
	}
}

func TestEverybodyGetsExactlyOne(t *testing.T) {
	t.Parallel()
	for name, offers := range map[string]setting{"plain": func(*smtpfake.Options, *Options) {}, "pipelining": pipelining, "chunking": chunking} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, offers)
			id := b.issue(t, 450, 450)
			out := b.send(t, id, 0)
			if out.Counts.Sent != 450 || out.More || !out.Counts.Balanced() {
				t.Errorf("%+v", out)
			}
			b.holds(t)
			if opened, _ := b.relay.Connections(); opened < 5 || opened > 20 {
				t.Errorf("%d connections for 450 mails, 100 each at most, 8 at once", opened)
			}
			for _, a := range b.relay.Accepted() { // the relay's log can be held against the ledger
				if !slices.ContainsFunc(b.ledger.sorted(), func(r *memoryRow) bool {
					return r.r.Email == a.To[0] && r.last.Enhanced == "2.0.0" && r.last.Reply == "2.0.0 queued as "+a.QueueID
				}) {
					t.Fatalf("the ledger does not know what the relay took as %s", a.QueueID)
				}
			}
			if b.ledger.commits > 2*450 {
				t.Errorf("%d commits for 450 mails", b.ledger.commits)
			}
			again := b.send(t, id, 0)
			if again.Counts != out.Counts || b.relay.Count() != 450 {
				t.Errorf("sending a finished chunk again: %+v, %d mails", again, b.relay.Count())
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	type want struct {
		state    newsroom.DeliveryState
		suppress bool
		stage    string
	}
	for _, c := range []struct {
		name   string
		stage  smtpfake.Stage
		action smtpfake.Action
		want   want
	}{
		{"greylisted", smtpfake.RCPT, smtpfake.Reply(450, "4.2.0 greylisted, try again"), want{newsroom.DeliverySoft, false, "rcpt"}},
		{"no such user", smtpfake.RCPT, smtpfake.Reply(550, "5.1.1 <r000003@example.org>: R000003 is no user"), want{newsroom.DeliveryHard, true, "rcpt"}},
		{"550 without more", smtpfake.RCPT, smtpfake.Reply(550, "no"), want{newsroom.DeliveryHard, false, "rcpt"}},
		{"mailbox full", smtpfake.RCPT, smtpfake.Reply(552, "5.2.2 over quota"), want{newsroom.DeliverySoft, false, "rcpt"}},
		{"blocked", smtpfake.RCPT, smtpfake.Reply(554, "5.7.1 blocked"), want{newsroom.DeliverySoft, false, "rcpt"}},
		{"sender refused", smtpfake.MAIL, smtpfake.Reply(550, "5.7.1 who are you"), want{newsroom.DeliverySoft, false, "mail"}},
		{"too many", smtpfake.RCPT, smtpfake.Reply(452, "4.5.3 too many"), want{newsroom.DeliverySoft, false, "rcpt"}},
		{"rate", smtpfake.RCPT, smtpfake.Reply(454, "4.7.0 slow down"), want{newsroom.DeliverySoft, false, "rcpt"}},
		{"421 at rcpt", smtpfake.RCPT, smtpfake.Action{Code: 421, Text: "4.3.2 closing", Drop: smtpfake.DropAfter}, want{newsroom.DeliverySoft, false, "rcpt"}},
		{"4xx at the dot", smtpfake.Dot, smtpfake.Reply(451, "4.3.0 later"), want{newsroom.DeliverySoft, false, "dot"}},
		{"5xx at the dot", smtpfake.Dot, smtpfake.Reply(554, "5.7.1 spam"), want{newsroom.DeliveryHard, false, "dot"}},
		{"421 at the dot", smtpfake.Dot, smtpfake.Action{Code: 421, Text: "4.3.2 closing", Drop: smtpfake.DropAfter}, want{newsroom.DeliverySoft, false, "dot"}},
		{"251", smtpfake.RCPT, smtpfake.Reply(251, "2.1.5 will forward"), want{newsroom.DeliverySent, false, ""}},
		{"250 with no text", smtpfake.Dot, smtpfake.Action{Code: 250, Raw: []byte("250\r\n")}, want{newsroom.DeliverySent, false, ""}},
		{"non-ASCII reply", smtpfake.RCPT, smtpfake.Reply(550, "5.1.1 người dùng không tồn tại \xff"), want{newsroom.DeliveryHard, true, "rcpt"}},
		{"many lines", smtpfake.Dot, smtpfake.Reply(250, "2.0.0 one\ntwo\nthree"), want{newsroom.DeliverySent, false, ""}},
		{"byte by byte", smtpfake.Dot, smtpfake.Action{Code: 250, Text: "2.0.0 ok", ByteDelay: 1}, want{newsroom.DeliverySent, false, ""}},
		{"no answer to the dot", smtpfake.Dot, smtpfake.Action{Drop: smtpfake.DropBefore}, want{newsroom.DeliveryInDoubt, false, "dot"}},
		{"accepted and never said so", smtpfake.Dot, smtpfake.Action{Drop: smtpfake.DropBefore, Store: smtpfake.StoreAlways}, want{newsroom.DeliveryInDoubt, false, "dot"}},
		{"354 to the dot", smtpfake.Dot, smtpfake.Reply(354, "go on"), want{newsroom.DeliveryInDoubt, false, "dot"}},
		{"garbage after the dot", smtpfake.Dot, smtpfake.Action{Code: 451, Raw: []byte("\x00\x01 what?\r\n"), Drop: smtpfake.DropAfter}, want{newsroom.DeliveryInDoubt, false, "dot"}},
	} {
		for name, offers := range map[string]setting{"plain": func(*smtpfake.Options, *Options) {}, "pipelining": pipelining, "chunking": chunking} {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				b := setup(t, offers, func(o *smtpfake.Options, opt *Options) {
					opt.Connections, opt.Hold = 1, true
					o.Script = func(s smtpfake.Step) smtpfake.Action {
						victim := s.Rcpt == "r000003@example.org" || slices.Contains(s.To, "r000003@example.org")
						if s.Stage == smtpfake.MAIL {
							victim = strings.Contains(s.Command, "v000003")
						}
						if s.Stage == c.stage && victim {
							return c.action
						}
						return smtpfake.Action{}
					}
				})
				id := b.issue(t, 8, 8)
				for b.send(t, id, 0).More { // a domain that was slowed down comes last
				}
				for i := range 8 {
					key := fmt.Sprintf("%s/s%06d", id, i)
					if i != 3 {
						if got := b.ledger.state(key); got != newsroom.DeliverySent {
							t.Errorf("row %d is %s: one bad row must not stop the others", i, got)
						}
						continue
					}
					r := b.ledger.rows[key]
					if got := (want{r.state, r.suppressed, r.last.Stage}); got != c.want {
						t.Errorf("got %+v, want %+v (%+v)", got, c.want, r.last)
					}
					if strings.Contains(r.last.Reply, "@") || strings.Contains(strings.ToLower(r.last.Reply), "r000003") {
						t.Errorf("an address in the ledger's reply: %q", r.last.Reply)
					}
				}
				b.holds(t)
			})
		}
	}
}

func TestNothingIsAcceptedWithoutTheLedger(t *testing.T) {
	t.Parallel()
	for name, offers := range map[string]setting{"plain": func(*smtpfake.Options, *Options) {}, "pipelining": pipelining, "chunking": chunking} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, offers, func(_ *smtpfake.Options, o *Options) { o.Connections = 1 })
			id := b.issue(t, 20, 20)
			b.ledger.trouble = func(op string) error {
				if op == "commit" {
					return errors.New("disk full")
				}
				return nil
			}
			ctx, cancel := context.WithCancel(t.Context())
			b.o.Failpoint = func(step string) {
				if step == "loaded" {
					cancel()
				}
			}
			b.books.bulk.waits.Flush = 20 * time.Millisecond
			if _, err := b.SendChunk(ctx, id, 0, nil); err == nil {
				t.Error("no error")
			}
			if n := b.relay.Count(); n != 0 {
				t.Errorf("%d mails were accepted that the ledger knows nothing of", n)
			}
		})
	}
}

func TestLedgerAwayForAMomentLosesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t, chunking)
	id := b.issue(t, 200, 200)
	var calls atomic.Int32
	b.ledger.trouble = func(op string) error {
		if op == "commit" && calls.Add(1)%7 == 0 {
			return errors.New("connection lost")
		}
		return nil
	}
	if out := b.send(t, id, 0); out.Counts.Sent != 200 {
		t.Errorf("%+v", out)
	}
	b.holds(t)
}

func TestWhoLeavesDuringTheRunGetsNothing(t *testing.T) {
	t.Parallel()
	for name, offers := range map[string]setting{"plain": func(*smtpfake.Options, *Options) {}, "pipelining": pipelining, "chunking": chunking} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, offers, func(_ *smtpfake.Options, o *Options) { o.Connections = 2 })
			id := b.issue(t, 50, 50)
			b.o.Failpoint = func(step string) {
				if step == "loaded" {
					b.ledger.set(func() { b.ledger.gone["s000030"], b.ledger.gone["s000031"] = true, true })
				}
			}
			out := b.send(t, id, 0)
			if out.Counts.Suppressed != 2 || out.Counts.Sent != 48 {
				t.Errorf("%+v", out.Counts)
			}
			b.holds(t)
		})
	}
}

func TestAStoppedIssueStopsAtTheNextDot(t *testing.T) {
	t.Parallel()
	b := setup(t, pipelining, func(_ *smtpfake.Options, o *Options) { o.Connections = 2 })
	id := b.issue(t, 100, 100)
	b.o.Failpoint = func(step string) {
		if step == "dotted" {
			b.ledger.set(func() {
				if len(b.ledger.dotted) >= 10 {
					b.ledger.status[id] = "aborted"
				}
			})
		}
	}
	out := b.send(t, id, 0)
	if out.Status != "aborted" || out.Counts.Sent > 14 || out.Counts.Sent < 9 {
		t.Errorf("%+v", out)
	}
	b.holds(t)
	b.send(t, id, 0) // what is left is written off
	if out := b.send(t, id, 0); out.Counts.Waiting != 0 || out.Counts.Cancelled == 0 || !out.Counts.Balanced() {
		t.Errorf("%+v", out.Counts)
	}
}

func TestAZombieIsFenced(t *testing.T) {
	t.Parallel()
	b := setup(t, chunking, func(_ *smtpfake.Options, o *Options) { o.Connections = 1 })
	id := b.issue(t, 30, 30)
	taken := false
	b.o.Failpoint = func(step string) {
		if step == "loaded" && len(b.ledger.dotted) == 5 && !taken {
			taken = true
			if _, err := b.ledger.LeaseChunk(t.Context(), id, 0, time.Now(), time.Hour); err != nil {
				t.Error(err)
			}
		}
	}
	b.send(t, id, 0)
	if n := len(b.ledger.dotted); n != 5 {
		t.Errorf("%d dots were granted, the lease was lost after 5", n)
	}
	if b.relay.Count() != 5 {
		t.Errorf("%d accepted", b.relay.Count())
	}
	b.o.Failpoint = func(string) {}
	b.send(t, id, 0)
	doubt := 0
	for _, r := range b.ledger.rows {
		if r.state == newsroom.DeliveryInDoubt {
			doubt++
		}
	}
	if doubt > 1 {
		t.Errorf("%d rows in doubt with one connection", doubt)
	}
}

func TestADoubtfulMailIsSentOnceMore(t *testing.T) {
	t.Parallel()
	b := setup(t, func(_ *smtpfake.Options, o *Options) { o.Connections = 1 })
	id := b.issue(t, 3, 3)
	b.relay.SetScript(func(s smtpfake.Step) smtpfake.Action {
		if s.Stage == smtpfake.Dot && slices.Contains(s.To, "r000001@example.org") {
			return smtpfake.Action{Drop: smtpfake.DropBefore, Store: smtpfake.StoreAlways}
		}
		return smtpfake.Action{}
	})
	for range 50 {
		out := b.send(t, id, 0)
		if out.Next == nil {
			break
		}
		if err := sleep(t.Context(), time.Until(*out.Next)); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.ledger.state(id + "/s000001"); got != newsroom.DeliveryResent {
		t.Errorf("state %s", got)
	}
	var seen []string
	for _, a := range b.relay.Accepted() {
		if a.To[0] == "r000001@example.org" {
			seen = append(seen, string(a.Data))
		}
	}
	if len(seen) != 2 || seen[0] != seen[1] {
		t.Errorf("%d copies, equal: %v", len(seen), len(seen) == 2 && seen[0] == seen[1])
	}
	b.holds(t)
}

func TestRetriesEndAfterTheSchedule(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *smtpfake.Options, opt *Options) {
		opt.Connections = 1
		opt.Waits.Retry = DefaultRetry
		o.Script = smtpfake.At(smtpfake.RCPT, smtpfake.Reply(451, "4.2.0 later"))
	})
	now := time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
	b.o.Now = func() time.Time { return now }
	b.o.Waits.Retry = DefaultRetry
	id := b.issue(t, 1, 1)
	var waits []time.Duration
	for range 20 {
		out := b.send(t, id, 0)
		if out.Next == nil {
			break
		}
		waits = append(waits, out.Next.Sub(now))
		now = *out.Next
	}
	want := append(slices.Clone(DefaultRetry.Waits), 24*time.Hour)
	if !slices.Equal(waits, want) {
		t.Errorf("waits %v, want %v", waits, want)
	}
	if got := b.ledger.state(id + "/s000000"); got != newsroom.DeliveryExpired {
		t.Errorf("state %s", got)
	}
}

func TestARelayThatIsAwayIsWaitedFor(t *testing.T) {
	t.Parallel()
	b := setup(t, pipelining)
	id := b.issue(t, 40, 40)
	b.relay.Down()
	ended := make(chan ChunkResult)
	go func() {
		out, err := b.SendChunk(t.Context(), id, 0, nil)
		if err != nil {
			t.Error(err)
		}
		ended <- out
	}()
	await(t, func() bool {
		b.bulk.mu.Lock()
		defer b.bulk.mu.Unlock()
		return b.bulk.failed >= 3
	})
	if err := b.relay.Up(); err != nil {
		t.Fatal(err)
	}
	if out := <-ended; out.Counts.Sent != 40 {
		t.Errorf("%+v", out)
	}
	b.holds(t)
}

func TestTheBudgetEndsAChunk(t *testing.T) {
	t.Parallel()
	b := setup(t, pipelining, func(_ *smtpfake.Options, o *Options) { o.Waits.Budget = 50 * time.Millisecond })
	id := b.issue(t, 40, 40)
	b.relay.Down()
	out := b.send(t, id, 0)
	if !out.More || out.Counts.Sent != 0 || out.Counts.Waiting != 40 {
		t.Errorf("%+v", out)
	}
}

func TestDropsAtEveryStep(t *testing.T) {
	t.Parallel()
	for _, stage := range []smtpfake.Stage{smtpfake.Banner, smtpfake.EHLO, smtpfake.MAIL, smtpfake.RCPT, smtpfake.DATA, smtpfake.Body, smtpfake.BDAT, smtpfake.Dot} {
		for _, abort := range []bool{false, true} {
			for name, offers := range map[string]setting{"plain": func(*smtpfake.Options, *Options) {}, "pipelining": pipelining, "chunking": chunking} {
				t.Run(fmt.Sprintf("%s/%s/rst=%v", stage, name, abort), func(t *testing.T) {
					t.Parallel()
					b := setup(t, offers, func(_ *smtpfake.Options, o *Options) { o.Connections, o.Hold = 3, true })
					id := b.issue(t, 60, 60)
					action := smtpfake.Action{Drop: smtpfake.DropBefore, Abort: abort}
					if stage == smtpfake.Body {
						action = smtpfake.Action{CutAfter: 500, Abort: abort}
					}
					b.relay.SetScript(func(s smtpfake.Step) smtpfake.Action {
						if s.Stage == stage && s.Nth%9 == 4 {
							return action
						}
						return smtpfake.Action{}
					})
					for range 20 { // a mail under which three connections died waits like one that was refused
						out := b.send(t, id, 0)
						if out.Counts.Waiting == 0 {
							break
						}
						if out.Next != nil {
							if err := sleep(t.Context(), time.Until(*out.Next)); err != nil {
								t.Fatal(err)
							}
						}
					}
					counts, _, _, _ := b.ledger.Chunk(t.Context(), id, 0)
					// A cut body may only be noticed behind the dot; a reset takes the buffered reply to the dot before with it.
					sure := stage != smtpfake.Dot && stage != smtpfake.Body && (!abort || name == "plain")
					if sure && counts.InDoubt != 0 {
						t.Errorf("%d in doubt, nothing was lost behind a dot", counts.InDoubt)
					}
					if counts.Sent+counts.InDoubt != 60 {
						t.Errorf("%+v", counts)
					}
					b.holds(t)
				})
			}
		}
	}
}

func TestARelayThatLeavesBeforeTheDotLeavesNoDoubt(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *smtpfake.Options, opt *Options) {
		opt.Connections = 1
		o.Script = smtpfake.Nth(smtpfake.Body, 2, smtpfake.Action{CutAfter: 500})
	})
	id := b.issue(t, 4, 4)
	grants := 0
	b.o.Failpoint = func(step string) {
		if step != "granted" {
			return
		}
		if grants++; grants == 2 { // the body is on the wire, and the relay has had enough of it
			await(t, func() bool { _, open := b.relay.Connections(); return open == 0 })
		}
	}
	if out := b.send(t, id, 0); out.Counts.Sent != 4 || out.Counts.InDoubt != 0 {
		t.Errorf("%+v", out)
	}
	b.holds(t)
}

func TestSignInAndTLS(t *testing.T) {
	t.Parallel()
	t.Run("wrong password pauses", func(t *testing.T) {
		t.Parallel()
		var alerts []string
		b := setup(t, func(o *smtpfake.Options, opt *Options) {
			o.Auth = map[string]string{"toasoan": "right"}
			opt.Connections = 1
			opt.Alert = func(_ context.Context, code string, _ map[string]string) { alerts = append(alerts, code) }
		})
		b.bulk.relay.User, b.bulk.relay.password = "toasoan", "wrong"
		out := b.send(t, b.issue(t, 5, 5), 0)
		if out.Pause != "relay_auth" || out.Counts.Waiting != 5 || len(alerts) != 1 {
			t.Errorf("%+v, alerts %v", out, alerts)
		}
	})
	t.Run("right password sends", func(t *testing.T) {
		t.Parallel()
		b := setup(t, func(o *smtpfake.Options, _ *Options) {
			o.Auth, o.StartTLS = map[string]string{"toasoan": "right"}, true
		})
		b.bulk.relay.User, b.bulk.relay.password, b.bulk.relay.TLS = "toasoan", "right", TLSRequired
		out := b.send(t, b.issue(t, 5, 5), 0)
		if out.Counts.Sent != 5 {
			t.Errorf("%+v", out)
		}
		for _, a := range b.relay.Accepted() {
			if !a.TLS || a.User != "toasoan" {
				t.Errorf("tls %v, user %q", a.TLS, a.User)
			}
		}
	})
	t.Run("a certificate nobody knows pauses", func(t *testing.T) {
		t.Parallel()
		b := setup(t, func(o *smtpfake.Options, opt *Options) { o.ImplicitTLS, opt.Connections = true, 1 })
		b.bulk.relay.RootCAs = nil
		if out := b.send(t, b.issue(t, 1, 1), 0); out.Pause != "relay_tls" {
			t.Errorf("%+v", out)
		}
	})
	t.Run("no STARTTLS where it is required pauses", func(t *testing.T) {
		t.Parallel()
		b := setup(t, func(_ *smtpfake.Options, opt *Options) { opt.Connections = 1 })
		b.bulk.relay.TLS = TLSRequired
		if out := b.send(t, b.issue(t, 1, 1), 0); out.Pause != "relay_tls" || b.relay.Count() != 0 {
			t.Errorf("%+v", out)
		}
	})
	t.Run("implicit TLS sends", func(t *testing.T) {
		t.Parallel()
		b := setup(t, func(o *smtpfake.Options, _ *Options) { o.ImplicitTLS, o.Pipelining = true, true })
		if out := b.send(t, b.issue(t, 12, 12), 0); out.Counts.Sent != 12 {
			t.Errorf("%+v", out)
		}
	})
}

func TestTooManyHardFailuresPause(t *testing.T) {
	t.Parallel()
	b := setup(t, pipelining, func(o *smtpfake.Options, opt *Options) {
		opt.Connections = 1
		o.Script = smtpfake.At(smtpfake.RCPT, smtpfake.Reply(550, "5.1.1 no such user"))
	})
	out := b.send(t, b.issue(t, 100, 100), 0)
	if out.Pause != "hard_failures" || out.Counts.Hard != 26 {
		t.Errorf("%+v", out)
	}
}

func TestTheRateHolds(t *testing.T) {
	t.Parallel()
	b := setup(t, chunking, func(_ *smtpfake.Options, o *Options) { o.Rate = 40 })
	id := b.issue(t, 60, 60)
	if out := b.send(t, id, 0); out.Counts.Sent != 60 {
		t.Errorf("%+v", out)
	}
	b.within(t, 40, 8)
}

// within holds every window of a second at the relay against the rate and what may be in flight.
func (b *bench) within(t *testing.T, rate, inFlight int, domains ...string) {
	t.Helper()
	var at []time.Time
	for _, a := range b.relay.Accepted() {
		if len(domains) == 0 || slices.Contains(domains, domainOf(a.To[0])) {
			at = append(at, a.At)
		}
	}
	slices.SortFunc(at, time.Time.Compare)
	for i := range at {
		if last := i + rate + inFlight; last < len(at) && at[last].Sub(at[i]) < time.Second {
			t.Fatalf("%d mails within a second, %d are allowed and %d more may have been in flight", rate+inFlight+1, rate, inFlight)
		}
	}
}

func TestLettersDoNotWaitForNewsletters(t *testing.T) {
	t.Parallel()
	b := setup(t, pipelining, func(o *smtpfake.Options, opt *Options) {
		opt.Connections = 1
		o.Script = func(s smtpfake.Step) smtpfake.Action {
			if s.Stage == smtpfake.Dot && strings.HasPrefix(s.From, "b+v") {
				return smtpfake.Action{Hang: true}
			}
			return smtpfake.Action{}
		}
	})
	id := b.issue(t, 3, 3)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = b.SendChunk(ctx, id, 0, nil)
	}()
	await(t, func() bool { return b.relay.Stages()[smtpfake.Dot] > 0 })
	v := sampleLetter(newsroom.LetterApproval, "vi")
	b.ledger.letter(v)
	out, err := b.SendLetter(t.Context(), v.ID)
	if err != nil || out.State != newsroom.DeliverySent {
		t.Errorf("%+v %v", out, err)
	}
	cancel()
	<-ended
	b.holds(t)
}

func TestLetters(t *testing.T) {
	t.Parallel()
	v := sampleLetter(newsroom.LetterApproval, "vi")
	for _, c := range []struct {
		name   string
		script smtpfake.Script
		want   newsroom.DeliveryState
		next   time.Duration
	}{
		{"sent", nil, newsroom.DeliverySent, 0},
		{"greylisted", smtpfake.At(smtpfake.RCPT, smtpfake.Reply(451, "4.7.1 greylisted")), newsroom.DeliverySoft, 5 * time.Minute},
		{"unknown", smtpfake.At(smtpfake.RCPT, smtpfake.Reply(550, "5.1.1 unknown")), newsroom.DeliveryHard, 0},
		{"doubt", smtpfake.At(smtpfake.Dot, smtpfake.Action{Drop: smtpfake.DropBefore}), newsroom.DeliveryInDoubt, 15 * time.Minute},
		{"dropped before the dot", smtpfake.At(smtpfake.DATA, smtpfake.Action{Drop: smtpfake.DropBefore}), newsroom.DeliveryPending, 30 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			now := time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
			b.o.Now = func() time.Time { return now }
			w := DefaultWaits()
			b.o.Waits.Retry, b.o.Waits.Quarantine, b.o.Waits.AgainMost = w.Retry, w.Quarantine, w.AgainMost
			b.relay.SetScript(c.script)
			b.ledger.letter(v)
			out, err := b.SendLetter(t.Context(), v.ID)
			if err != nil || out.State != c.want {
				t.Errorf("%+v %v", out, err)
			}
			switch {
			case c.next == 0 && out.Next != nil:
				t.Errorf("due again %v", out.Next)
			case c.next > 0 && (out.Next == nil || out.Next.Sub(now) != c.next):
				t.Errorf("due again %v, want in %v", out.Next, c.next)
			}
			b.holds(t)
			again, err := b.SendLetter(t.Context(), v.ID)
			if err != nil || c.next == 0 && again.State != c.want {
				t.Errorf("again: %+v %v", again, err)
			}
			if b.relay.Count() > 1 {
				t.Errorf("%d copies", b.relay.Count())
			}
		})
	}
}

func TestIdleConnectionThatDiedIsReplaced(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, two := sampleLetter(newsroom.LetterApproval, "vi"), sampleLetter(newsroom.LetterPublished, "en")
	two.ToEmail = "lan@vankhe.example"
	b.ledger.letter(one)
	b.ledger.letter(two)
	if out, err := b.SendLetter(t.Context(), one.ID); err != nil || out.State != newsroom.DeliverySent {
		t.Fatalf("%+v %v", out, err)
	}
	b.relay.Down()
	if err := b.relay.Up(); err != nil {
		t.Fatal(err)
	}
	if out, err := b.SendLetter(t.Context(), two.ID); err != nil || out.State != newsroom.DeliverySent {
		t.Errorf("%+v %v", out, err)
	}
	b.holds(t)
}

func TestCommitsAreGathered(t *testing.T) {
	t.Parallel()
	b := setup(t, chunking)
	id := b.issue(t, 400, 400)
	b.ledger.trouble = func(op string) error {
		if op == "commit" {
			time.Sleep(2 * time.Millisecond) // as long as a durable commit takes; nothing waits for it to pass
		}
		return nil
	}
	b.send(t, id, 0)
	if b.ledger.commits >= 350 {
		t.Errorf("%d commits for 400 mails on 8 connections", b.ledger.commits)
	}
	if b.ledger.widest > 3*8 {
		t.Errorf("%d rows in one commit", b.ledger.widest)
	}
	b.holds(t)
}

func TestEveryLetterKindHasAState(t *testing.T) {
	t.Parallel()
	b := setup(t, pipelining)
	for _, kind := range letterKinds {
		v := sampleLetter(kind, "vi")
		v.ToEmail = string(kind) + "@example.org"
		b.ledger.letter(v)
		if out, err := b.SendLetter(t.Context(), v.ID); err != nil || out.State != newsroom.DeliverySent {
			t.Errorf("%s: %+v %v", kind, out, err)
		}
	}
	b.holds(t)
	if n := len(slices.Collect(maps.Keys(b.ledger.rows))); b.relay.Count() != n {
		t.Errorf("%d of %d", b.relay.Count(), n)
	}
}

// await polls until ok, for ten seconds at most.
func await(t *testing.T, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for !ok() {
		if err := sleep(ctx, time.Millisecond); err != nil {
			t.Fatal("it did not happen within ten seconds")
		}
	}
}

// A dot is not sent any more when too much time has passed since it was permitted, wherever it went: here the next mail took long.
func TestAnOldPermissionIsNotUsed(t *testing.T) {
	t.Parallel()
	granted, late, times := false, false, 0
	b := setup(t, pipelining, func(_ *smtpfake.Options, o *Options) {
		o.Connections, o.Waits.Guard = 1, 100*time.Millisecond
		o.Failpoint = func(step string) {
			switch {
			case step == "granted":
				granted, late = true, false
			case step == "rendered" && granted && times < 3:
				late = true
				times++
				time.Sleep(150 * time.Millisecond)
			case step == "dotted" && late:
				t.Error("a dot was sent long after it was permitted")
			case step == "loaded":
				granted, late = false, false
			}
		}
	})
	id := b.issue(t, 20, 20)
	if out := b.send(t, id, 0); out.Counts.Sent != 20 || times != 3 {
		t.Errorf("%+v, %d times late", out, times)
	}
	b.holds(t)
}

// What is wrong with every mail of an issue, such as a leave link that is too long, stops it and is told; one reader's bad address is
// neither.
func TestMailsThatCannotBeComposedPauseTheIssue(t *testing.T) {
	t.Parallel()
	for name, offers := range map[string]setting{"plain": func(*smtpfake.Options, *Options) {}, "pipelining": pipelining, "chunking": chunking} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var operator told
			b := setup(t, offers, func(_ *smtpfake.Options, o *Options) {
				o.Alert, o.Connections, o.Window = operator.tell, 1, 4
			})
			id := b.issue(t, 100, 100)
			for i := range 100 {
				r := &b.ledger.rows[fmt.Sprintf("%s/s%06d", id, i)].r
				switch {
				case i == 5:
					r.Email = "not an address"
				case i >= 20:
					r.LeaveURL = "https://" + strings.Repeat("x", MaxLeaveURL) + ".vn/huy/"
				}
			}
			out := b.send(t, id, 0)
			if out.Pause != "hard_failures" || out.Counts.Hard != 26 || out.Counts.Sent != 19 {
				t.Errorf("%+v", out)
			}
			told := slices.Compact(operator.alerts)
			if !slices.Equal(told, []string{"cannot_compose", "hard_failures"}) || len(operator.alerts) != 26 {
				t.Errorf("told %v", operator.alerts)
			}
		})
	}
}
