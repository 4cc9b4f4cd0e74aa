package mail

import (
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"time"
)

// seats are the rights to have something open at the relay, counted for the whole installation: key "" a connection, a domain a
// mail on its way there. A process says in the ledger how many it could use, takes no more than its share of them, renews what it
// uses every Waits.Follow and gives back the rest; those of a process that died lapse after Waits.Seat.
type seats struct {
	ledger Ledger // nil: of this process alone
	holder string
	life   time.Duration

	mu   sync.Mutex
	rows map[string]*seatRow
}

// seatRow is what this process has of one key.
type seatRow struct {
	have   []int     // seats held in the ledger
	until  time.Time // they lapse then, unless they are renewed
	used   int
	going  int       // of those used, by whom was told to leave and has not left yet
	most   int       // of the whole installation
	share  int       // of this process, when it last asked
	hungry time.Time // somebody was refused last: for half a life all there are are wanted, so that shares do not swing
	closed time.Time // all were taken, or the ledger was away: no question before
}

// held is how many of the seats 1 to most are this process's. What was not renewed in time may be another's by now, although nobody has
// said so yet: this process was stopped for a while, or the ledger away.
func (r *seatRow) held(most int) (n int) {
	if !time.Now().Before(r.until) {
		return 0
	}
	for _, seat := range r.have {
		if seat <= most {
			n++
		}
	}
	return n
}

// may is how many of most may be in use here.
func (r *seatRow) may(most int) int { return min(r.held(most), r.share) }

// seatsAgain is how long a process waits after it heard that all seats are taken, or heard nothing.
const seatsAgain = 100 * time.Millisecond

func newSeats(ledger Ledger, life time.Duration) *seats {
	return &seats{ledger: ledger, holder: rand.Text(), life: life, rows: map[string]*seatRow{}}
}

func (s *seats) row(key string) *seatRow {
	r := s.rows[key]
	if r == nil {
		r = &seatRow{}
		s.rows[key] = r
	}
	return r
}

// take takes a seat of most; false: there is none just now. The error is the ledger's.
func (s *seats) take(ctx context.Context, key string, most int) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.row(key)
	if r.most = most; r.used >= most {
		return false, nil
	}
	if s.ledger != nil && r.used >= r.may(most) {
		if r.hungry = time.Now(); r.hungry.Before(r.closed) {
			return false, nil
		}
		err := s.more(ctx, key, r)
		if err != nil || r.used >= r.may(most) {
			r.closed = time.Now().Add(seatsAgain)
			return false, err
		}
	}
	r.used++
	return true, nil
}

// more takes what is free of this process's share, all at once: whoever needs a seat next second asks nobody, and what nobody needs
// goes back. Seats that have lapsed are looked after by keep first. s.mu is held.
func (s *seats) more(ctx context.Context, key string, r *seatRow) error {
	lapsed := len(r.have) > 0 && !time.Now().Before(r.until)
	if err := s.say(ctx, nil); err != nil || lapsed || r.share <= r.held(r.most) {
		return err
	}
	asked := time.Now()
	fresh, err := s.ledger.TakeSeats(ctx, key, s.holder, r.most, r.share-r.held(r.most), s.life)
	if len(r.have) == 0 {
		r.until = asked.Add(s.life)
	}
	for _, seat := range fresh {
		if !slices.Contains(r.have, seat) { // ours, lapsed a moment ago
			r.have = append(r.have, seat)
		}
	}
	return err
}

// say tells the ledger what this process could use and learns its shares; s.mu is held. idle is how many connections are kept.
func (s *seats) say(ctx context.Context, idle func() int) error {
	wants := map[string]int{}
	for key, r := range s.rows {
		want := r.used
		if key == "" && idle != nil {
			want += idle()
		}
		if time.Since(r.hungry) < s.life/2 {
			want = r.most
		}
		if want > 0 {
			wants[key] = want
		}
	}
	all, now, err := s.ledger.SeekSeats(ctx, s.holder, wants, s.life)
	if err != nil {
		return err
	}
	for key, r := range s.rows {
		r.share = share(all[key], s.holder, r.most, now, max(s.life/2, time.Millisecond))
	}
	return nil
}

// leave gives a seat back; told says that dismiss asked for it.
func (s *seats) leave(key string, told bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.row(key)
	if r.used--; told {
		r.going--
	}
}

// over reports that more is in use under key than may be: the bound was lowered, somebody else came for a share, or seats lapsed
// while the ledger was away.
func (s *seats) over(key string, most int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.surplus(s.row(key), most) > 0
}

// dismiss tells who uses a seat under key whether to leave it: as many are told as are used beyond the bound or needed by those who
// wait, and nobody in the place of one who was told before. Who was told says so when leaving.
func (s *seats) dismiss(key string, most, waiting int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.row(key)
	if s.surplus(r, most)+waiting <= r.going {
		return false
	}
	r.going++
	return true
}

// surplus is how many more are in use than may be, less than zero where some are free; s.mu is held.
func (s *seats) surplus(r *seatRow, most int) int {
	if r.most = most; s.ledger != nil {
		most = min(most, r.may(most))
	}
	return r.used - most
}

// ask says anew what is wanted, what is in use alone when rest is true, and returns how many connections may be idle.
func (s *seats) ask(ctx context.Context, idle func() int, rest bool) (spare int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rest {
		for _, r := range s.rows {
			r.hungry = time.Time{}
		}
	}
	if err := s.say(ctx, idle); err != nil {
		return 0, err
	}
	r := s.row("")
	return max(0, r.may(r.most)-r.used), nil
}

// keep renews what is used, and idle more under key "", and gives the rest back, and what lies beyond a bound that was lowered. Who puts a
// connection by does so before leaving its seat, and who takes one up has a seat before: counted twice for a moment, never missed.
func (s *seats) keep(ctx context.Context, idle func() int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	want := map[string][]int{}
	for key, r := range s.rows {
		n := r.used
		if key == "" {
			n += idle()
		}
		have := slices.DeleteFunc(slices.Clone(r.have), func(seat int) bool { return seat > r.most })
		want[key] = have[:min(n, len(have))]
	}
	asked := time.Now()
	kept, err := s.ledger.KeepSeats(ctx, s.holder, want, s.life)
	if err != nil {
		return err
	}
	for key, r := range s.rows {
		if r.have, r.until = kept[key], asked.Add(s.life); r.used == 0 && len(r.have) == 0 {
			delete(s.rows, key)
		}
	}
	return nil
}
