package mail

import (
	"context"
	"math"
	"sync"
	"time"
)

// pace hands out the moments at which newsletters may go: all of them, or those to one domain. The ledger keeps one row for
// each that says which moment is the first that nobody has taken; each place is one gap after the one before, whoever takes
// it, so that no second and no minute holds more places than the rate, across processes and restarts too. A place is a moment
// to come: one that nobody has taken when it comes lapses. A connection holds as many places as it may have mails in flight,
// one by default; a relay that is slow to answer can delay those, and nothing else. So any window at the relay holds at most
// the rate and one mail per connection more.
type pace struct {
	ledger Ledger
	key    string
	skew   *skew

	row  sync.Mutex    // whoever wants a place, one after the other, each for as long as the ledger has none
	gap  time.Duration // between places, of the lease
	next time.Time     // the first leased place that nobody has taken
	left int           // places from there
	lag  time.Duration // what the last lease took

	mu      sync.Mutex // never while anything is waited for: a changed pace is followed at once
	rate    float64    // mails per second; 0: no cap
	recent  int        // mails in the second that is counted
	counted time.Time
	speed   int // mails of the last whole second
}

const (
	leasesPerSecond = 50                    // at most, by one process
	mostLag         = 50 * time.Millisecond // a lease that takes longer says nothing about the next
	askAgain        = 500 * time.Millisecond
)

// set changes the rate; places that are leased stay what they are.
func (p *pace) set(rate float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate = rate
}

func (p *pace) perSecond() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rate
}

// take takes the next place: the moment at which a mail may go, zero where there is no cap. The error is the ledger's or ctx's.
func (p *pace) take(ctx context.Context) (time.Time, error) {
	p.row.Lock()
	defer p.row.Unlock()
	for {
		if at, ok := p.held(time.Now()); ok {
			return at, nil
		}
		taken, err := p.lease(ctx)
		if err != nil {
			return time.Time{}, err
		}
		if taken {
			return p.pop(), nil // also when it has come meanwhile: it was this mail's from the lease on
		}
		if err := sleep(ctx, askAgain); err != nil { // everybody here waits for the same row
			return time.Time{}, err
		}
	}
}

// soon takes a place if one is at hand, or is to be had without waiting, that comes within a while from now. Otherwise it says how
// long that is.
func (p *pace) soon(ctx context.Context, within time.Duration) (at time.Time, wait time.Duration, err error) {
	p.row.Lock()
	defer p.row.Unlock()
	at, ok := p.held(time.Now())
	if !ok {
		taken, err := p.lease(ctx)
		if err != nil || !taken {
			return time.Time{}, askAgain, err
		}
		at = p.pop()
	}
	if wait := time.Until(at); wait > within {
		p.next, p.left = at, p.left+1 // back
		return time.Time{}, wait - within, nil
	}
	return at, 0, nil
}

// held takes the first place that is still to come; p.row is held.
func (p *pace) held(now time.Time) (time.Time, bool) {
	if p.count(now) == 0 {
		return time.Time{}, true
	}
	if lapsed := now.Sub(p.next); p.left > 0 && lapsed > 0 {
		n := min(p.left, int(lapsed/p.gap)+1)
		p.next, p.left = p.next.Add(time.Duration(n)*p.gap), p.left-n
	}
	if p.left == 0 {
		return time.Time{}, false
	}
	return p.pop(), true
}

func (p *pace) pop() time.Time {
	at := p.next
	p.next, p.left = at.Add(p.gap), p.left-1
	return at
}

// lease takes places from the ledger; p.row is held.
func (p *pace) lease(ctx context.Context) (taken bool, err error) {
	rate := p.perSecond()
	if rate == 0 { // the cap was lifted a moment ago: this place comes at once
		p.next, p.left, p.gap = time.Now(), 1, time.Microsecond
		return true, nil
	}
	n := max(1, int(rate/leasesPerSecond))
	gap := time.Duration(math.Ceil(1e6/rate)) * time.Microsecond
	sent := time.Now()
	first, now, taken, err := p.ledger.LeasePlaces(ctx, p.key, n, gap, min(p.lag, mostLag))
	if err != nil {
		return false, err
	}
	received := time.Now()
	p.lag = received.Sub(sent)
	if taken {
		p.skew.learn(sent, received, now)
		p.next, p.left, p.gap = p.skew.local(first), n, gap
	}
	return taken, nil
}

// count measures the speed, for a relay that complains where there is no cap, and returns the cap.
func (p *pace) count(now time.Time) (rate float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if since := now.Sub(p.counted); since >= time.Second {
		p.speed, p.recent, p.counted = p.recent, 0, now
		if since >= 2*time.Second {
			p.speed = 0
		}
	}
	p.recent++
	return p.rate
}

// reached is the pace at which the relay complains: the cap, or what was sent in the last second.
func (p *pace) reached() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rate > 0 {
		return p.rate
	}
	return float64(max(p.speed, 64))
}

// skew is how far the ledger's clock is from this process's. A moment read in an answer was neither before the question nor after
// the answer; the estimate is the latest that all answers allow, so that no moment comes early.
type skew struct {
	mu    sync.Mutex
	base  time.Time     // any moment of this process's, with its monotonic clock
	ahead time.Duration // of the ledger's clock
	known bool
}

func newSkew() *skew { return &skew{base: time.Now()} }

func (s *skew) learn(sent, received, ledger time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	said := ledger.Sub(s.base)
	least, most := said-received.Sub(s.base), said-sent.Sub(s.base)
	if !s.known || s.ahead < least || s.ahead > most {
		s.ahead, s.known = least, true
	}
}

func (s *skew) local(ledger time.Time) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.base.Add(ledger.Sub(s.base) - s.ahead)
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
