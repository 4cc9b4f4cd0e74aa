package mail

import (
	"context"
	"crypto/rand"
	"slices"
	"sync"
	"time"
)

// seats are the rights to have something open at the relay, counted for the whole installation: key "" a connection, a domain a
// mail on its way there. A process takes them from the ledger, renews what it uses every Waits.Follow and gives back the rest;
// those of a process that died lapse after Waits.Seat.
type seats struct {
	ledger Ledger // nil: of this process alone
	holder string
	life   time.Duration

	mu   sync.Mutex
	rows map[string]*seatRow
}

// seatRow is what this process has of one key.
type seatRow struct {
	have   []int // seats held in the ledger
	used   int
	closed time.Time // all were taken: no question before
}

// seatsAgain is how long a process waits after it heard that all seats are taken.
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
	if r.used >= most {
		return false, nil
	}
	if s.ledger != nil && r.used >= len(r.have) {
		if time.Now().Before(r.closed) {
			return false, nil
		}
		// As many as may be of use: whoever needs them next second asks nobody, and what nobody needs goes back.
		more, err := s.ledger.TakeSeats(ctx, key, s.holder, most, most-r.used, s.life)
		if err != nil {
			return false, err
		}
		if r.have = append(r.have, more...); len(more) == 0 {
			r.closed = time.Now().Add(seatsAgain)
			return false, nil
		}
	}
	r.used++
	return true, nil
}

func (s *seats) leave(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.row(key).used--
}

// over reports that more is in use under key than may be: the bound was lowered, or seats lapsed while the ledger was away.
func (s *seats) over(key string, most int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.row(key)
	return r.used > most || s.ledger != nil && r.used > len(r.have)
}

// keep renews what is used, and idle more under key "", and gives the rest back. Who puts a connection by does so before leaving
// its seat, and who takes one up has a seat before: counted twice for a moment, never missed.
func (s *seats) keep(ctx context.Context, idle func() int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	want := map[string][]int{}
	for key, r := range s.rows {
		n := r.used
		if key == "" {
			n += idle()
		}
		want[key] = slices.Clone(r.have[:min(n, len(r.have))])
	}
	kept, err := s.ledger.KeepSeats(ctx, s.holder, want, s.life)
	if err != nil {
		return err
	}
	for key, r := range s.rows {
		if r.have = kept[key]; r.used == 0 && len(r.have) == 0 {
			delete(s.rows, key)
		}
	}
	return nil
}
