package mail

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"toasoan/internal/testkit/smtpfake"
	"toasoan/newsroom"
)

func inFlight(n int) setting { return func(_ *smtpfake.Options, o *Options) { o.Window = n } }

func TestBurstsCarryEverybodyOnce(t *testing.T) {
	t.Parallel()
	for name, offers := range map[string]setting{"chunking": chunking, "not offered": pipelining} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, offers, inFlight(5))
			id := b.issue(t, 450, 450)
			if out := b.send(t, id, 0); out.Counts.Sent != 450 || out.More {
				t.Errorf("%+v", out)
			}
			if name == "chunking" && b.ledger.commits > 450/2 {
				t.Errorf("%d commits for 450 mails, five at a time", b.ledger.commits)
			}
			b.holds(t)
		})
	}
}

// One bad address in a burst is told from the others, whatever the relay says to it and where.
func TestRefusalsInABurst(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		stage  smtpfake.Stage
		action smtpfake.Action
		state  newsroom.DeliveryState
		at     string
	}{
		{"no such user", smtpfake.RCPT, smtpfake.Reply(550, "5.1.1 no such user"), newsroom.DeliveryHard, "rcpt"},
		{"greylisted", smtpfake.RCPT, smtpfake.Reply(450, "4.2.0 try again"), newsroom.DeliverySoft, "rcpt"},
		{"sender refused", smtpfake.MAIL, smtpfake.Reply(550, "5.7.1 who are you"), newsroom.DeliverySoft, "mail"},
		{"4xx at the end", smtpfake.Dot, smtpfake.Reply(451, "4.3.0 later"), newsroom.DeliverySoft, "dot"},
		{"5xx at the end", smtpfake.Dot, smtpfake.Reply(554, "5.6.0 no"), newsroom.DeliveryHard, "dot"},
		{"byte by byte", smtpfake.Dot, smtpfake.Action{Code: 250, Text: "2.0.0 ok", ByteDelay: 1}, newsroom.DeliverySent, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, chunking, inFlight(4), func(o *smtpfake.Options, opt *Options) {
				opt.Connections = 1
				o.Script = func(s smtpfake.Step) smtpfake.Action {
					victim := s.Rcpt == "r000002@example.org" || slices.Contains(s.To, "r000002@example.org") || s.Stage == smtpfake.MAIL && strings.Contains(s.Command, "v000002")
					if victim && s.Stage == c.stage {
						return c.action
					}
					return smtpfake.Action{}
				}
			})
			id := b.issue(t, 10, 10)
			b.send(t, id, 0)
			for i := range 10 {
				r := b.ledger.rows[fmt.Sprintf("%s/s%06d", id, i)]
				if i != 2 && r.state != newsroom.DeliverySent || i == 2 && (r.state != c.state || r.last.Stage != c.at) {
					t.Errorf("row %d is %s at %q", i, r.state, r.last.Stage)
				}
			}
			b.holds(t)
		})
	}
}

// A connection that dies leaves at most a burst in doubt, and what the relay cannot have got whole is not.
func TestADeadConnectionLeavesABurstInDoubt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		stage  smtpfake.Stage
		action smtpfake.Action
	}{
		"accepted, never said so": {smtpfake.Dot, smtpfake.Action{Drop: smtpfake.DropBefore, Store: smtpfake.StoreAlways}},
		"refused, never said so":  {smtpfake.Dot, smtpfake.Action{Drop: smtpfake.DropBefore}},
		"dropped at the envelope": {smtpfake.RCPT, smtpfake.Action{Drop: smtpfake.DropBefore}},
		"421 at the envelope":     {smtpfake.MAIL, smtpfake.Action{Code: 421, Text: "4.3.2 closing", Drop: smtpfake.DropAfter}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var once atomic.Bool
			b := setup(t, chunking, inFlight(4), func(o *smtpfake.Options, opt *Options) {
				opt.Connections, opt.Hold = 1, true
				o.Script = func(s smtpfake.Step) smtpfake.Action {
					victim := s.Rcpt == "r000005@example.org" || slices.Contains(s.To, "r000005@example.org") || s.Stage == smtpfake.MAIL && strings.Contains(s.Command, "v000005")
					if victim && s.Stage == c.stage && once.CompareAndSwap(false, true) {
						return c.action
					}
					return smtpfake.Action{}
				}
			})
			id := b.issue(t, 20, 20)
			for b.send(t, id, 0).More { // a 421 slows down
			}
			states := map[newsroom.DeliveryState]int{}
			for _, r := range b.ledger.rows {
				states[r.state]++
			}
			if doubts := states[newsroom.DeliveryInDoubt]; doubts == 0 || doubts > 4 || states[newsroom.DeliverySent]+doubts != 20 {
				t.Errorf("%v", states)
			}
			b.holds(t)
		})
	}
}

// A mail that cannot be made costs the others nothing: each reader gets the own mail.
func TestAnImpossibleMailInABurst(t *testing.T) {
	t.Parallel()
	b := setup(t, chunking, inFlight(4), func(_ *smtpfake.Options, o *Options) { o.Connections = 1 })
	id := b.issue(t, 50, 50)
	b.ledger.set(func() {
		for i := 1; i < 50; i += 7 {
			b.ledger.rows[fmt.Sprintf("%s/s%06d", id, i)].r.Email = "no address"
		}
	})
	if out := b.send(t, id, 0); out.Counts.Sent != 43 || out.Counts.Hard != 7 {
		t.Errorf("%+v", out)
	}
	b.holds(t)
}

func TestAStopInABurstTakesNothingBackThatWentOut(t *testing.T) {
	t.Parallel()
	b := setup(t, chunking, inFlight(4), func(_ *smtpfake.Options, o *Options) { o.Connections = 1 })
	id := b.issue(t, 20, 20)
	b.ledger.set(func() { b.ledger.gone["s000001"], b.ledger.gone["s000006"] = true, true })
	if out := b.send(t, id, 0); out.Counts.Sent != 18 || out.Counts.Suppressed != 2 {
		t.Errorf("%+v", out)
	}
	b.holds(t)
}
