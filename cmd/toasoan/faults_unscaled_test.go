package main

import (
	"syscall"
	"testing"
	"time"

	"toasoan/internal/testkit/smtpfake"
)

// TestFaultsUnscaled sits out a handful of faults with every wait as in production, so that nobody has to believe that the shortened
// waits of TestFaults show the same. It runs when asked for (make faults-unscaled).
func TestFaultsUnscaled(t *testing.T) {
	if *faultsUnscaled == "" {
		t.Skip("takes as long as production: -faults-unscaled")
	}
	began := time.Now()
	c := newCampaign(t, true)
	t.Cleanup(func() { c.report(t, "unscaled", *faultsUnscaled, began) })
	const mails = 200
	setup := func(t *testing.T, options ...func(*smtpfake.Options)) (*lane, string) {
		t.Parallel()
		l := newLane(t, options...)
		l.subscribe(mails)
		return l, l.issue("article00001")
	}
	finish := func(t *testing.T, l *lane, issue string, done <-chan error) standing {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		s := l.verdict(issue, laneConns)
		if s.states["sent"]+s.states["in_doubt_resent"] != mails {
			t.Errorf("%v", s.states)
		}
		return s
	}
	t.Run("kill", func(t *testing.T) {
		l, issue := setup(t)
		if err := l.process(laneJob{Issue: issue, Real: true, Step: "dotted", Nth: 100, Signal: int(syscall.SIGKILL)}).Wait(); err == nil {
			t.Fatal("the courier outlived its kill")
		}
		died := l.dead()
		s := finish(t, l, issue, l.insist(laneJob{Issue: issue, Real: true}, nil))
		c.note("worker killed behind a dot: 15 minutes in quarantine", 1, s, l.resumed([]death{died})...)
	})
	t.Run("zombie", func(t *testing.T) {
		l, issue := setup(t)
		c.note("worker stopped for 5 minutes and more, woken without its lease", 1, l.zombie(issue, "loaded", laneJob{Real: true}, 5*time.Minute))
	})
	t.Run("slow dot", func(t *testing.T) {
		l, issue := setup(t, func(o *smtpfake.Options) {
			o.Script = smtpfake.Nth(smtpfake.Dot, 50, smtpfake.Action{Delay: 9*time.Minute + 50*time.Second})
		})
		s := finish(t, l, issue, l.insist(laneJob{Issue: issue, Real: true}, nil))
		if s.doubled+s.in > 0 {
			t.Errorf("%+v", s)
		}
		c.note("the answer to a dot comes after 9 min 50 s", 1, s)
	})
	t.Run("silence after the dot", func(t *testing.T) {
		l, issue := setup(t, func(o *smtpfake.Options) {
			o.Script = smtpfake.Nth(smtpfake.Dot, 50, smtpfake.Action{Hang: true, Store: smtpfake.StoreAlways})
		})
		s := finish(t, l, issue, l.insist(laneJob{Issue: issue, Real: true}, nil))
		if s.in != 1 {
			t.Errorf("%+v", s)
		}
		c.note("a mail is taken and the dot never answered (10 minutes)", 1, s)
	})
	t.Run("greylisting", func(t *testing.T) {
		var asked greylist
		l, issue := setup(t, func(o *smtpfake.Options) { o.Script = asked.tenth })
		s := finish(t, l, issue, l.insist(laneJob{Issue: issue, Real: true}, nil))
		c.note("a tenth greylisted for 5 minutes", mails/10, s)
	})
	t.Run("banner", func(t *testing.T) {
		l, issue := setup(t, func(o *smtpfake.Options) {
			o.Script = smtpfake.At(smtpfake.Banner, smtpfake.Action{Delay: 30 * time.Second})
		})
		s := finish(t, l, issue, l.insist(laneJob{Issue: issue, Real: true}, nil))
		c.note("banner after 30 s", 1, s)
	})
	t.Run("relay away", func(t *testing.T) {
		l, issue := setup(t)
		done := l.insist(laneJob{Issue: issue, Real: true, Rate: 50}, nil)
		if err := l.relay.Await(t.Context(), mails/4); err != nil {
			t.Fatal(err)
		}
		died := l.dead()
		l.relay.Down()
		time.Sleep(2 * time.Minute)
		if err := l.relay.Up(); err != nil {
			t.Fatal(err)
		}
		s := finish(t, l, issue, done)
		c.note("relay away for 2 minutes", 1, s, l.resumed([]death{died})...)
	})
}
