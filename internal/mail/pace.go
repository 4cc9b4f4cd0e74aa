package mail

import (
	"context"
	"math"
	"sync"
	"time"
)

// pace hands out the moments at which newsletters may go: the installation's mails per second, leased from the ledger in
// tenths and spread evenly, so that no second holds more than the rate, across restarts too. When the relay asks for
// less, the pace halves, and rises by a tenth each Waits.Ease.
type pace struct {
	ledger Ledger
	waits  Waits

	mu      sync.Mutex
	rate    int     // mails per second of the installation; 0: no cap
	factor  float64 // 1, less while the relay is tired
	easedAt time.Time
	slowed  time.Time
	left    int       // leased and not handed out
	until   time.Time // what is left is void from here
	next    time.Time // the next moment
	recent  int       // mails in the second that is counted, where there is no cap
	counted time.Time
	speed   int // mails of the last whole second
}

func newPace(ledger Ledger, waits Waits, rate int) *pace {
	return &pace{ledger: ledger, waits: waits, rate: rate, factor: 1}
}

// set changes the rate from now on.
func (p *pace) set(rate int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rate, p.left = rate, 0
}

// slow halves the pace, at most once a second.
func (p *pace) slow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Sub(p.slowed) < min(time.Second, p.waits.Ease) {
		return
	}
	p.slowed, p.easedAt = now, now
	p.factor = max(p.factor/2, 1.0/64)
	p.left = 0
}

// limit is the rate that holds now: the installation's, less while the relay is tired. 0 is no cap.
func (p *pace) limit(now time.Time) int {
	for p.factor < 1 && now.Sub(p.easedAt) >= p.waits.Ease {
		p.factor, p.easedAt = min(1, p.factor*1.1), p.easedAt.Add(p.waits.Ease)
	}
	if p.factor >= 1 {
		return p.rate
	}
	rate := p.rate
	if rate == 0 {
		rate = max(p.speed, 64) // what was reached when the relay complained
	}
	return max(1, int(math.Ceil(float64(rate)*p.factor)))
}

// take returns how long to wait before the next mail may go, and takes its place. An error is the ledger's.
func (p *pace) take(ctx context.Context) (time.Duration, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.count(now)
	limit := p.limit(now)
	if limit == 0 {
		return 0, nil
	}
	gap := time.Second / time.Duration(limit)
	at := p.next
	if at.Before(now) {
		at = now
	}
	if p.left == 0 || !at.Before(p.until) {
		if p.rate == 0 { // nothing to share: slowing down is this process's own affair
			p.left, p.until = limit, at.Add(time.Second)
		}
		for p.rate > 0 {
			got, wait, err := p.ledger.LeaseRate(ctx, max(1, limit/10), p.rate)
			if err != nil {
				return 0, err
			}
			if got > 0 {
				p.left, p.until = got, time.Now().Add(time.Second)
				break
			}
			if err := sleep(ctx, max(wait, time.Millisecond)); err != nil { // everybody of this lane waits for the same second
				return 0, err
			}
			at = time.Now()
		}
	}
	p.left--
	p.next = at.Add(gap)
	return max(0, time.Until(at)), nil
}

// try takes a place only if a mail may go right now and nobody has to be asked.
func (p *pace) try() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	limit := p.limit(now)
	if limit > 0 {
		if p.left == 0 || !now.Before(p.until) || p.next.After(now) {
			return false
		}
		p.left--
		p.next = now.Add(time.Second / time.Duration(limit))
	}
	p.count(now)
	return true
}

// count measures the speed where nothing else says what it is.
func (p *pace) count(now time.Time) {
	if since := now.Sub(p.counted); since >= time.Second {
		p.speed, p.recent, p.counted = p.recent, 0, now
		if since >= 2*time.Second {
			p.speed = 0
		}
	}
	p.recent++
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
