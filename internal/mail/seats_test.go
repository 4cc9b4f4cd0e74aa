package mail

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"toasoan/internal/testkit/smtpfake"
)

// Whatever made the seats fewer, as many leave as there are too many, however often everybody asks before they have left.
func TestExactlyTheSurplusIsTold(t *testing.T) {
	t.Parallel()
	const most = 8
	none := func() int { return 0 }
	for name, one := range map[string]struct {
		fewer func(t *testing.T, m *memory, s *seats) (bound int)
		stay  int
	}{
		"another worker": {func(t *testing.T, m *memory, s *seats) int {
			t.Helper()
			if _, _, err := m.SeekSeats(t.Context(), "another", map[string]int{"": most}, time.Hour); err != nil {
				t.Fatal(err)
			}
			if _, err := s.ask(t.Context(), none, false); err != nil {
				t.Fatal(err)
			}
			return most
		}, most / 2},
		"a lowered bound": {func(*testing.T, *memory, *seats) int { return 3 }, 3},
		"lapsed seats": {func(t *testing.T, m *memory, s *seats) int {
			t.Helper()
			m.set(func() { delete(m.seats, "#7"); delete(m.seats, "#8") })
			if err := s.keep(t.Context(), none); err != nil {
				t.Fatal(err)
			}
			return most
		}, most - 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMemory()
			s := newSeats(m, time.Hour)
			for range most {
				if ok, err := s.take(t.Context(), "", most); !ok || err != nil {
					t.Fatal(ok, err)
				}
			}
			if s.dismiss("", most, 0) {
				t.Error("somebody is told although all may stay")
			}
			bound := one.fewer(t, m, s)
			var told atomic.Int32
			var group sync.WaitGroup
			for range most {
				group.Go(func() {
					for range 3 {
						if s.dismiss("", bound, 0) {
							told.Add(1)
						}
					}
				})
			}
			group.Wait()
			if n := int(told.Load()); n != most-one.stay {
				t.Fatalf("%d of %d are told, %d may stay", n, most, one.stay)
			}
			for range told.Load() {
				s.leave("", true)
				if s.dismiss("", bound, 0) {
					t.Error("another one is told when one leaves")
				}
			}
			if s.over("", bound) || s.row("").used != one.stay {
				t.Errorf("%d have stayed", s.row("").used)
			}
			s.leave("", false) // of its own accord
			if !s.dismiss("", one.stay-2, 0) || s.dismiss("", one.stay-2, 0) {
				t.Error("one has left untold, one more is too many")
			}
		})
	}
}

// One helper makes room for each chunk that waits, and nobody else.
func TestOneHelperLeavesForEachWhoWaits(t *testing.T) {
	t.Parallel()
	p := newPool(&reach{}, Waits{}, newSeats(nil, 0), func() int { return 4 })
	for range 4 {
		if err := p.sit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	p.waiting.Store(2)
	if p.dismiss(false) {
		t.Error("a chunk's first lane has to leave")
	}
	told := 0
	for range 4 {
		if p.dismiss(true) {
			told++
		}
	}
	if told != 2 {
		t.Errorf("%d helpers leave for two", told)
	}
	for range told {
		p.leave(true)
		if p.dismiss(true) {
			t.Error("another helper leaves before the free seat is taken")
		}
	}
}

// A lane is asked before it takes a further mail and again when it has sent its last.
func TestWhoWasToldToLeaveLeaves(t *testing.T) {
	t.Parallel()
	most := 3
	p := newPool(&reach{}, Waits{}, newSeats(nil, 0), func() int { return most })
	j := &job{c: &Courier{bulk: p}}
	first, second, third := &lane{job: j}, &lane{job: j}, &lane{job: j}
	for range 3 {
		if err := p.sit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	most = 2
	for range 3 {
		if !first.wanted() || second.wanted() || third.wanted() {
			t.Fatal("one has to leave, the first that is asked")
		}
	}
	most = 3
	if !first.wanted() {
		t.Error("a lane that was told stays, and is counted as one that goes")
	}
	p.leave(first.told)
	most = 1
	if !second.wanted() || third.wanted() {
		t.Error("one more has to leave")
	}
}

// When another worker comes the others go on, and the chunk is sent to its end in the same turn.
func TestAChunkGoesOnWithItsShare(t *testing.T) {
	t.Parallel()
	const connections = 8
	var leaving atomic.Int32
	hold := make(chan struct{})
	release := sync.OnceFunc(func() { close(hold) })
	defer release()
	b := setup(t, pipelining, func(o *smtpfake.Options, opt *Options) {
		o.Latency, opt.Connections = 2*time.Millisecond, connections
		opt.Failpoint = func(at string) {
			if at == "committed" { // who leaves writes down what it has sent
				leaving.Add(1)
				<-hold
			}
		}
	})
	id := b.issue(t, 2000, 2000)
	ended := make(chan ChunkResult, 1)
	go func() {
		out, err := b.SendChunk(t.Context(), id, 0, nil)
		if err != nil {
			t.Error(err)
		}
		ended <- out
	}()
	await(t, func() bool { return b.books.bulk.crowd.Load() == connections })
	if _, _, err := b.ledger.SeekSeats(t.Context(), "another worker", map[string]int{"": connections}, time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := b.limits.renew(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	await(t, func() bool { return leaving.Load() >= connections/2 })
	sent := b.relay.Count()
	await(t, func() bool { return b.relay.Count() >= sent+10*connections })
	if n := leaving.Load(); n != connections/2 {
		t.Errorf("%d of %d leave, the share is half", n, connections)
	}
	release()
	if out := <-ended; out.More || out.Counts.Sent != 2000 {
		t.Errorf("%+v", out)
	}
	b.holds(t)
}

// Every row asks for a further seat: the ledger hears of it ten times a second at most, also while it is away.
func TestTheLedgerIsAskedForSeatsNowAndThen(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]error{"all are taken": nil, "the ledger is away": errors.New("connection lost")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMemory()
				if _, err := m.TakeSeats(t.Context(), "", "another", 2, 2, time.Hour); err != nil {
					t.Fatal(err)
				}
				asked := 0
				m.trouble = func(string) error { asked++; return trouble }
				s := newSeats(m, time.Hour)
				rows := func() int {
					asked = 0
					for i := range 20 {
						if ok, err := s.take(t.Context(), "", 2); ok || i == 0 && !errors.Is(err, trouble) {
							t.Errorf("%v, %v", ok, err)
						}
					}
					return asked
				}
				first := rows()
				if first < 1 || first > 2 { // what everybody wants, and what is free
					t.Errorf("%d questions for twenty rows", first)
				}
				time.Sleep(2 * seatsAgain)
				if again := rows(); again != first {
					t.Errorf("%d questions later on, %d before", again, first)
				}
			})
		})
	}
}

// Whoever has a seat dials when the connections that are being closed for it are closed, and one that is closing is still counted.
func TestNobodyDialsBesideAConnectionThatEnds(t *testing.T) {
	t.Parallel()
	bye := make(chan struct{})
	b := setup(t, func(o *smtpfake.Options, _ *Options) {
		o.Script = func(s smtpfake.Step) smtpfake.Action {
			if s.Stage == smtpfake.QUIT {
				<-bye
			}
			return smtpfake.Action{}
		}
	})
	p := b.bulk
	connect := func() (reused bool) {
		t.Helper()
		if err := p.sit(t.Context()); err != nil {
			t.Fatal(err)
		}
		conn, reused, err := p.get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		p.put(conn)
		p.leave(false)
		return reused
	}
	if connect() {
		t.Fatal("the first connection is no new one")
	}
	var both sync.WaitGroup
	both.Go(func() { p.trim(0) })
	await(t, func() bool { return b.relay.Stages()[smtpfake.QUIT] == 1 })
	if n := p.spare(); n != 1 {
		t.Errorf("%d connections count while one ends", n)
	}
	c, ended := p.pop()
	if c != nil || ended == nil {
		t.Fatal("nobody waits for a connection that ends")
	}
	both.Go(func() {
		if connect() {
			t.Error("a connection was used that ends")
		}
	})
	close(bye)
	<-ended
	both.Wait()
	if opened, open := b.relay.Connections(); opened != 2 || open != 1 || p.spare() != 1 {
		t.Errorf("%d opened, %d open, %d idle", opened, open, p.spare())
	}
}

// What was ours lapses here as it does in the ledger: who was stopped for a while, or did not reach the ledger, uses nothing more until it
// has heard what is left.
func TestSeatsThatWereNotRenewedAreNotUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const most, life = 4, 10 * time.Second
		m := newMemory()
		s := newSeats(m, life)
		none := func() int { return 0 }
		for range 2 {
			if ok, err := s.take(t.Context(), "", most); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
		time.Sleep(life + time.Second)
		if taken, err := m.TakeSeats(t.Context(), "", "another", most, most, time.Hour); err != nil || len(taken) != most {
			t.Fatalf("the others took %v, %v", taken, err)
		}
		if !s.over("", most) {
			t.Error("two are used without a seat, and nobody is told")
		}
		if ok, err := s.take(t.Context(), "", most); ok || err != nil {
			t.Errorf("a seat that has lapsed was taken: %v, %v", ok, err)
		}
		if err := s.keep(t.Context(), none); err != nil || !s.over("", most) {
			t.Errorf("nothing is left: %v", err)
		}
	})
}

// While the ledger was away all seats lapsed, our own too: taking some anew must not count those twice.
func TestOwnSeatsThatLapsedCountOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const most, life = 8, 10 * time.Second
		m := newMemory()
		if _, _, err := m.SeekSeats(t.Context(), "another", map[string]int{"": most}, life); err != nil {
			t.Fatal(err)
		}
		s := newSeats(m, life)
		use := func() (used int) {
			for range 2 * most {
				if ok, err := s.take(t.Context(), "", most); err != nil {
					t.Fatal(err)
				} else if ok {
					used++
				}
			}
			return used
		}
		if used := use(); used != most/2 {
			t.Fatalf("%d are used beside another worker", used)
		}
		time.Sleep(life + time.Second) // the other one is gone
		used := most/2 + use()
		held := 0
		m.set(func() {
			for _, seat := range m.seats {
				if seat.holder == s.holder && seat.until.After(time.Now()) {
					held++
				}
			}
		})
		if used > max(held, most/2) {
			t.Errorf("%d are used, %d held", used, held)
		}
		if err := s.keep(t.Context(), func() int { return 0 }); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * seatsAgain)
		if used += use(); used != most {
			t.Errorf("%d are used when all are free", used)
		}
	})
}

// A lowered bound leaves the seats beyond it to nobody: who holds such ones gives them up before the others' shares are taken.
func TestSeatsBeyondALoweredBoundAreNoSeats(t *testing.T) {
	t.Parallel()
	const life = time.Hour
	m := newMemory()
	if _, err := m.TakeSeats(t.Context(), "", "another", 4, 4, life); err != nil {
		t.Fatal(err)
	}
	if _, _, err := m.SeekSeats(t.Context(), "another", map[string]int{"": 4}, life); err != nil {
		t.Fatal(err)
	}
	s := newSeats(m, life)
	for range 4 {
		if ok, err := s.take(t.Context(), "", 8); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
	if n := s.surplus(s.row(""), 4); n != 4 {
		t.Errorf("%d too many, the four of a bound of four are another's", n)
	}
}
