package mail

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"toasoan/internal/testkit/smtpfake"
	"toasoan/newsroom"
)

func TestScaledShortensEverything(t *testing.T) {
	t.Parallel()
	d, s := DefaultWaits(), DefaultWaits().Scaled(60)
	if s.Quarantine != 15*time.Second || s.Limits.Dot != 10*time.Second || s.Retry.Waits[5] != 24*time.Minute || s.Retry.Stop != 72*time.Minute {
		t.Errorf("%+v", s)
	}
	if d.Retry.Waits[0] != 5*time.Minute || DefaultRetry.Waits[0] != 5*time.Minute {
		t.Error("the default was changed")
	}
	if d.Quarantine <= d.Limits.Dot || d.Budget+d.Limits.Dot > 25*time.Minute || d.AgainMost > 60*time.Second {
		t.Error("the waits contradict each other")
	}
	if one := d.Scaled(1); one.Quarantine != d.Quarantine {
		t.Error("scale 1 changes something")
	}
}

func TestRetryNext(t *testing.T) {
	t.Parallel()
	var sum time.Duration
	for n := 1; ; n++ {
		wait, ok := DefaultRetry.Next(n)
		if !ok {
			if n != 8 {
				t.Errorf("given up after %d refusals", n)
			}
			break
		}
		if sum += wait; sum > 72*time.Hour {
			t.Fatalf("still offered after %v", sum)
		}
	}
}

// slowLedger commits as slowly as its test wants.
type slowLedger struct {
	Ledger
	commit func([]Entry) ([]newsroom.DeliveryState, error)
}

func (l slowLedger) Commit(_ context.Context, e []Entry) ([]newsroom.DeliveryState, error) {
	return l.commit(e)
}

func TestScribeGathersAndAnswersEverybody(t *testing.T) {
	t.Parallel()
	const lanes = 20
	var commits, taken, atOnce, most atomic.Int32
	hold := make(chan struct{})
	s := &scribe{log: slog.New(slog.DiscardHandler), waits: hasty(), ledger: slowLedger{commit: func(entries []Entry) ([]newsroom.DeliveryState, error) {
		commits.Add(1)
		taken.Add(int32(len(entries) / 2))
		most.Store(max(most.Load(), atOnce.Add(1)))
		defer atOnce.Add(-1)
		<-hold
		states := make([]newsroom.DeliveryState, len(entries))
		for i, e := range entries {
			states[i] = newsroom.DeliveryState(e.SubscriberID)
		}
		return states, nil
	}}}
	s.crowd.Store(lanes)
	var group sync.WaitGroup
	for i := range lanes {
		group.Go(func() {
			name := fmt.Sprintf("s%d", i)
			states, err := s.commit(t.Context(), []Entry{{SubscriberID: name + "a"}, {SubscriberID: name + "b"}})
			if err != nil || len(states) != 2 || states[0] != newsroom.DeliveryState(name+"a") || states[1] != newsroom.DeliveryState(name+"b") {
				t.Errorf("%s: %v %v", name, states, err)
			}
		})
	}
	await(t, func() bool { s.mu.Lock(); defer s.mu.Unlock(); return int(taken.Load())+len(s.queue) == lanes })
	close(hold)
	group.Wait()
	if n := commits.Load(); n > 4 {
		t.Errorf("%d commits for %d lanes that came together", n, lanes)
	}
	if n := most.Load(); n != mostCommits {
		t.Errorf("%d commits at once, not %d", n, mostCommits)
	}
	if s.busy != 0 || len(s.queue) != 0 {
		t.Error("the scribe did not come to rest")
	}
}

func TestScribeTriesAgainAndGivesUpWithItsContext(t *testing.T) {
	t.Parallel()
	w := hasty()
	w.Flush = 20 * time.Millisecond
	var fail atomic.Int32
	fail.Store(5)
	s := &scribe{log: slog.New(slog.DiscardHandler), waits: w, ledger: slowLedger{commit: func(e []Entry) ([]newsroom.DeliveryState, error) {
		if fail.Add(-1) >= 0 {
			return nil, errors.New("connection lost")
		}
		return make([]newsroom.DeliveryState, len(e)), nil
	}}}
	if _, err := s.commit(t.Context(), []Entry{{}}); err != nil {
		t.Error(err)
	}
	fail.Store(1 << 30)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.commit(ctx, []Entry{{}}); err == nil {
		t.Error("no error")
	}
	fail.Store(2)
	if _, err := s.commit(ctx, []Entry{{}}); err != nil { // what is known is still written when the work is stopped
		t.Error(err)
	}
	short := &scribe{log: s.log, waits: w, ledger: slowLedger{commit: func([]Entry) ([]newsroom.DeliveryState, error) { return nil, nil }}}
	if _, err := short.commit(ctx, []Entry{{}}); err == nil {
		t.Error("an answer for fewer rows passed")
	}
}

func TestIdleConnectionsEnd(t *testing.T) {
	t.Parallel()
	b := setup(t, func(_ *smtpfake.Options, o *Options) { o.Waits.Idle = 30 * time.Millisecond })
	if out := b.send(t, b.issue(t, 5, 5), 0); out.Counts.Sent != 5 {
		t.Fatalf("%+v", out)
	}
	await(t, func() bool { _, open := b.relay.Connections(); return open == 0 })
	if b.relay.Stages()[smtpfake.QUIT] == 0 {
		t.Error("the connection ended without a QUIT")
	}
}

func TestCheckSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if err := b.Check(t.Context()); err != nil {
		t.Error(err)
	}
	b.relay.Down()
	failed, ok := errors.AsType[*StepError](b.Check(t.Context()))
	if !ok || failed.Stage != StageDial {
		t.Errorf("%v", failed)
	}
}

func TestHeartbeats(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *smtpfake.Options, opt *Options) {
		o.Latency = 10 * time.Millisecond
		opt.Connections, opt.Waits.Beat = 1, 5*time.Millisecond
	})
	var beats atomic.Int32
	if _, err := b.SendChunk(t.Context(), b.issue(t, 5, 5), 0, func() { beats.Add(1) }); err != nil {
		t.Fatal(err)
	}
	n := beats.Load()
	if n < 3 {
		t.Errorf("%d heartbeats", n)
	}
}

func TestBadSettingsAreAllReported(t *testing.T) {
	t.Parallel()
	_, err := NewComposer(Settings{From: "not an address", FromTx: "a@b\r\nBcc: c@d", ReplyTo: "x", BounceDomain: "a b"})
	if err == nil {
		t.Fatal("passed")
	}
	for _, name := range []string{"from:", "from for letters:", "reply-to:", "bounce domain:"} {
		if !containsLine(err.Error(), name) {
			t.Errorf("%q says nothing about %s", err, name)
		}
	}
	if _, err := NewComposer(Settings{}); err == nil {
		t.Error("no sender passed")
	}
}

func containsLine(s, part string) bool {
	for i := 0; i+len(part) <= len(s); i++ {
		if s[i:i+len(part)] == part {
			return true
		}
	}
	return false
}
