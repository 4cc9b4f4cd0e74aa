package mail

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"toasoan/internal/testkit/smtpfake"
	"toasoan/newsroom"
)

func limitsOf(ledger Ledger, rate int) *limits {
	return NewCourier(ledger, nil, &Relay{}, Options{Rate: rate, Waits: hasty()}).limits
}

// Two processes whose clocks are an hour from the ledger's take places from one row: all of them a gap apart.
func TestPlacesAreAGapApart(t *testing.T) {
	t.Parallel()
	m := newMemory()
	m.ahead = time.Hour
	var mu sync.Mutex
	var all []time.Time
	var group sync.WaitGroup
	for range 2 {
		p := limitsOf(m, 200).pace
		for range 3 {
			group.Go(func() {
				for range 40 {
					at, err := p.take(t.Context())
					if err != nil || sleep(t.Context(), time.Until(at)) != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					all = append(all, at)
					mu.Unlock()
				}
			})
		}
	}
	group.Wait()
	for i, at := range all {
		n := 0
		for _, other := range all {
			if d := other.Sub(at); d >= 0 && d < 200*time.Millisecond {
				n++
			}
		}
		if n > 40+6 { // the two estimates of one clock differ by what a lease takes; six connections
			t.Fatalf("place %d: %d within 200 ms, 40 are a gap apart", i, n)
		}
	}
}

func TestPlacesLapse(t *testing.T) {
	t.Parallel()
	p := limitsOf(newMemory(), 1000).pace
	if _, err := p.take(t.Context()); err != nil || p.left != 1000/leasesPerSecond-1 {
		t.Fatalf("%d places left, %v", p.left, err)
	}
	await(t, func() bool { return time.Since(p.next) > 5*p.gap })
	if at, ok := p.held(time.Now()); ok && time.Since(at) > 0 {
		t.Errorf("a place that had lapsed %s before was taken", time.Since(at))
	}
	free := limitsOf(newMemory(), 0).pace
	if at, err := free.take(t.Context()); !at.IsZero() || err != nil {
		t.Errorf("no cap, and yet %v, %v", at, err)
	}
}

// A clock that is put back must neither stop the mails for an hour nor let them bunch: the estimate follows the answers.
func TestSkewFollowsTheLedgersClock(t *testing.T) {
	t.Parallel()
	s := newSkew()
	for _, ahead := range []time.Duration{0, time.Hour, -time.Hour, 0} {
		now := time.Now()
		s.learn(now, now.Add(4*time.Millisecond), now.Add(ahead+time.Millisecond))
		if off := s.local(now.Add(ahead)).Sub(now); off < 0 || off > 4*time.Millisecond {
			t.Errorf("ledger %s ahead: a moment is read %s late", ahead, off)
		}
	}
}

func TestSlowingDownIsSharedAndRecovers(t *testing.T) {
	t.Parallel()
	m := newMemory()
	one, two := limitsOf(m, 100), limitsOf(m, 100)
	one.c.o.Waits.Ease = time.Minute
	two.c.o.Waits.Ease = time.Minute
	one.slow(t.Context(), "")
	one.slow(t.Context(), "") // the same trouble, seen by another connection
	if err := two.read(t.Context()); err != nil || two.pace.rate != 50 || one.pace.rate != 50 {
		t.Errorf("halved to %v and %v, %v", one.pace.rate, two.pace.rate, err)
	}
	for after, want := range map[time.Duration][2]float64{3 * time.Minute: {66, 67}, time.Hour: {100, 100}} {
		s := m.slowed[""]
		s.at = time.Now().Add(-after)
		m.slowed[""] = s
		if err := two.read(t.Context()); err != nil || two.pace.rate < want[0] || two.pace.rate > want[1] {
			t.Errorf("%s later %v, %v", after, two.pace.rate, err)
		}
	}
	free := limitsOf(newMemory(), 0)
	free.slow(t.Context(), "")
	if free.pace.rate == 0 {
		t.Error("a tired relay without a cap is not spared")
	}
	free.slow(t.Context(), "gmail.com")
	if g := free.gate("a@gmail.com"); g == nil || g.pace.rate == 0 || free.gate("a@example.org") != nil {
		t.Errorf("the domain that complained has no gate: %+v", g)
	}
}

func TestARateIsChangedWhileItRuns(t *testing.T) {
	t.Parallel()
	b := setup(t, func(_ *smtpfake.Options, o *Options) { o.Rate, o.Waits.Follow = 2, 50*time.Millisecond })
	id := b.issue(t, 400, 400)
	ended := make(chan ChunkResult)
	go func() {
		out, err := b.SendChunk(t.Context(), id, 0, nil)
		if err != nil {
			t.Error(err)
		}
		ended <- out
	}()
	await(t, func() bool { return b.relay.Count() > 0 })
	b.ledger.set(func() { b.ledger.limits.Rate = new(0) })
	if out := <-ended; out.Counts.Sent != 400 {
		t.Errorf("%+v", out)
	}
	b.holds(t)
}

// Where mails go so slowly that a connection waits for its turn, what it has sent is written down before.
func TestResultsDoNotWaitForATurn(t *testing.T) {
	t.Parallel()
	b := setup(t, pipelining, func(_ *smtpfake.Options, o *Options) { o.Rate, o.Connections = 50, 1 })
	id := b.issue(t, 20, 20)
	asked := 0
	b.ledger.set(func() {
		b.ledger.trouble = func(op string) error {
			if op != "places" {
				return nil
			}
			asked++
			for _, r := range b.ledger.rows {
				if r.state == newsroom.DeliveryDot {
					t.Errorf("%s is sent and waits to be written while the next waits for its turn", r.subscriber)
				}
			}
			return nil
		}
	})
	if out := b.send(t, id, 0); out.Counts.Sent != 20 || asked < 20 {
		t.Errorf("%+v, %d places asked for", out, asked)
	}
	b.holds(t)
}

// Two couriers share five connections, and one gets along when the other has gone.
func TestConnectionsAreCountedForTheInstallation(t *testing.T) {
	t.Parallel()
	b := setup(t, pipelining, func(o *smtpfake.Options, opt *Options) {
		o.Latency, opt.Connections, opt.Waits.Seat = 2*time.Millisecond, 5, 300*time.Millisecond
	})
	other := NewCourier(b.ledger, b.c, b.bulk.relay, b.o)
	t.Cleanup(other.Close)
	id := b.issue(t, 300, 150) // so few that no connection is replaced
	if _, err := b.ledger.TakeSeats(t.Context(), "", "a process that died", 5, 2, 300*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	var most atomic.Int32
	watched, stop := context.WithCancel(t.Context())
	var watch sync.WaitGroup
	watch.Go(func() {
		for watched.Err() == nil {
			_, open := b.relay.Connections()
			most.Store(max(most.Load(), int32(open)))
			time.Sleep(time.Millisecond)
		}
	})
	var group sync.WaitGroup
	for chunk, c := range []*Courier{b.Courier, other} {
		group.Go(func() {
			for { // who has to leave seats to the other comes back
				out, err := c.SendChunk(t.Context(), id, chunk, nil)
				if err == nil && out.More {
					continue
				}
				if err != nil || out.Counts.Sent != 150 {
					t.Errorf("%+v, %v", out, err)
				}
				return
			}
		})
	}
	group.Wait()
	stop()
	watch.Wait()
	if n := most.Load(); n > 5 || n < 3 {
		t.Errorf("%d connections at once, 5 are allowed", n)
	}
	await(t, func() bool {
		b.ledger.mu.Lock()
		defer b.ledger.mu.Unlock()
		held := 0
		for _, s := range b.ledger.seats {
			if s.holder != "a process that died" {
				held++
			}
		}
		return held == 0
	})
	b.holds(t)
}

// A chunk that found nearly all connections taken uses them once they are free, and not only when it claims its next rows.
func TestAChunkTakesUpWhatAnotherLeaves(t *testing.T) {
	t.Parallel()
	const connections = 4
	b := setup(t, pipelining, func(o *smtpfake.Options, opt *Options) { o.Latency, opt.Connections = 5*time.Millisecond, connections })
	id := b.issue(t, 400, 400)
	leave, err := b.limits.attend(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range connections - 1 {
		if err := b.bulk.sit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var group sync.WaitGroup
	group.Go(func() { b.send(t, id, 0) })
	await(t, func() bool { return b.relay.Count() > 5 })
	if n := b.books.bulk.crowd.Load(); n != 1 {
		t.Errorf("%d lanes with one connection", n)
	}
	for range connections - 1 {
		b.bulk.leave(false)
	}
	leave()
	await(t, func() bool { return b.books.bulk.crowd.Load() == connections })
	group.Wait()
	b.holds(t)
}

// A chunk for which another process leaves no seat gives its worker back in time.
func TestAChunkWithoutASeatYields(t *testing.T) {
	t.Parallel()
	b := setup(t, func(_ *smtpfake.Options, o *Options) { o.Connections, o.Waits.Budget = 2, 300*time.Millisecond })
	id := b.issue(t, 5, 5)
	if _, err := b.ledger.TakeSeats(t.Context(), "", "another process", 2, 2, time.Hour); err != nil {
		t.Fatal(err)
	}
	if out := b.send(t, id, 0); !out.More || out.Counts.Waiting != 5 {
		t.Errorf("%+v", out)
	}
	if _, err := b.ledger.KeepSeats(t.Context(), "another process", nil, time.Hour); err != nil {
		t.Fatal(err)
	}
	if out := b.send(t, id, 0); out.More || out.Counts.Sent != 5 {
		t.Errorf("%+v", out)
	}
}

func TestFewerConnectionsAreFollowed(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *smtpfake.Options, opt *Options) {
		o.Latency, opt.Connections, opt.Waits.Follow = 2*time.Millisecond, 8, 20*time.Millisecond
	})
	id := b.issue(t, 1000, 1000)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			out, err := b.SendChunk(t.Context(), id, 0, nil)
			if err != nil || !out.More {
				if err != nil || out.Counts.Sent != 1000 {
					t.Errorf("%+v, %v", out, err)
				}
				return
			}
		}
	}()
	await(t, func() bool { _, open := b.relay.Connections(); return open >= 6 })
	b.ledger.set(func() { b.ledger.limits.Connections = new(1) })
	await(t, func() bool {
		_, open := b.relay.Connections()
		select {
		case <-ended:
			t.Error("it was over before it had followed")
			return true
		default:
			return open == 1
		}
	})
	<-ended
	b.holds(t)
}

// A domain with a bound keeps it and holds nobody up.
func TestACappedDomainHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]newsroom.DomainLimit{"rate": {Domain: "gmail.example", Rate: 20}, "at once": {Domain: "gmail.example", AtOnce: 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var now, most atomic.Int32
			b := setup(t, pipelining, func(o *smtpfake.Options, _ *Options) {
				o.Script = func(s smtpfake.Step) smtpfake.Action {
					if limit.AtOnce == 0 || len(s.To) != 1 || !strings.HasSuffix(s.To[0], "@gmail.example") {
						return smtpfake.Action{}
					}
					if s.Stage == smtpfake.Dot {
						most.Store(max(most.Load(), now.Add(1)))
						time.Sleep(5 * time.Millisecond)
						now.Add(-1)
					}
					return smtpfake.Action{}
				}
			})
			id := b.issue(t, 200, 200)
			b.ledger.set(func() {
				b.ledger.limits.Domains = []newsroom.DomainLimit{limit}
				for i := range 30 { // the first of the chunk
					r := b.ledger.rows[fmt.Sprintf("%s/s%06d", id, i)]
					r.r.Email = fmt.Sprintf("g%06d@gmail.example", i)
				}
			})
			first := b.send(t, id, 0)
			capped := 0
			for _, a := range b.relay.Accepted() {
				if domainOf(a.To[0]) == "gmail.example" {
					capped++
				}
			}
			if first.Counts.Sent != 170+capped || limit.Rate > 0 && (!first.More || capped == 30) {
				t.Errorf("the first turn: %+v, %d of them to the capped domain", first, capped)
			}
			for out := first; out.More; {
				if out = b.send(t, id, 0); !out.More && out.Counts.Sent != 200 {
					t.Errorf("%+v", out)
				}
			}
			if limit.Rate > 0 {
				b.within(t, 20, 16, "gmail.example")
			}
			if n := most.Load(); limit.AtOnce > 0 && n != 1 {
				t.Errorf("%d mails to the domain at once", n)
			}
			b.holds(t)
		})
	}
}
