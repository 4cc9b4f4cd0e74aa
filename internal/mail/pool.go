package mail

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// mostMails is how many mails a connection carries before it is replaced.
const mostMails = 100

// pool keeps the connections of one lane. A seat is the right to use one; there are as many connections as seats at most.
type pool struct {
	relay *Relay
	reach *reach
	waits Waits
	seats *seats
	most  func() int    // seats
	left  chan struct{} // somebody has left one

	waiting atomic.Int32 // who wait for a seat

	mu      sync.Mutex
	idle    []*Conn // the one used last is at the end
	ending  int     // no longer idle, and perhaps not closed yet
	ended   chan struct{}
	reap    *time.Timer
	failed  int       // connections in a row that were of no use
	openAt  time.Time // no dial before
	stopped bool
}

func newPool(reach *reach, waits Waits, seats *seats, most func() int) *pool {
	return &pool{relay: reach.relay, reach: reach, waits: waits, seats: seats, most: most, left: make(chan struct{}, 64)}
}

// sit waits for a seat.
func (p *pool) sit(ctx context.Context) error {
	for {
		ok, err := p.trySit(ctx)
		if ok || err != nil {
			return err
		}
		if err := p.await(ctx); err != nil {
			return err
		}
	}
}

// await waits until a seat may be free: one of this process's was left, or another process may have left one.
func (p *pool) await(ctx context.Context) error {
	p.waiting.Add(1)
	defer p.waiting.Add(-1)
	timer := time.NewTimer(seatsAgain)
	defer timer.Stop()
	select {
	case <-p.left:
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

func (p *pool) trySit(ctx context.Context) (bool, error) { return p.seats.take(ctx, "", p.most()) }

// leave gives a seat back; told says that dismiss asked for it.
func (p *pool) leave(told bool) {
	p.seats.leave("", told)
	select {
	case p.left <- struct{}{}:
	default:
	}
}

// crowded reports that there are more connections than there may be.
func (p *pool) crowded() bool { return p.seats.over("", p.most()) }

// dismiss tells who uses a connection whether to leave its seat: exactly as many as there are too many of, and helpers also for those
// who wait for one.
func (p *pool) dismiss(helper bool) bool {
	waiting := 0
	if helper {
		waiting = int(p.waiting.Load())
	}
	return p.seats.dismiss("", p.most(), waiting)
}

// get returns an idle connection or dials. After failures it waits first, longer each time, for everybody together:
// a relay that is away is not stormed. Its error is a *StepError, or ctx's.
func (p *pool) get(ctx context.Context) (conn *Conn, reused bool, err error) {
	for {
		c, ended := p.pop()
		if c != nil {
			return c, true, nil
		}
		if ended == nil {
			break
		}
		select {
		case <-ended:
		case <-ctx.Done():
			return nil, false, context.Cause(ctx)
		}
	}
	p.mu.Lock()
	pause := time.Until(p.openAt)
	p.mu.Unlock()
	if pause > 0 {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, false, context.Cause(ctx)
		}
	}
	c, err := p.relay.Dial(ctx)
	if err != nil {
		if ctx.Err() == nil {
			p.backOff()
			p.reach.failed(ctx, err)
		}
		return nil, false, err
	}
	return c, false, nil
}

// serves notes that the relay went on with a mail over c. Before that a dial says nothing: a relay that greets everybody and then has no
// time for their mails is as good as away.
func (p *pool) serves(ctx context.Context, c *Conn) {
	if c.serves {
		return
	}
	c.serves = true
	p.reach.reached(ctx)
	p.mu.Lock()
	p.failed, p.openAt = 0, time.Time{}
	p.mu.Unlock()
}

// fails notes that a mail found no hearing over c, and lets everybody wait before the next dial.
func (p *pool) fails(ctx context.Context, c *Conn, failed *StepError) {
	p.backOff()
	if !c.serves && failed.Reply.Code != 0 {
		p.reach.failed(ctx, failed)
	}
}

// backOff lets everybody wait before the next dial.
func (p *pool) backOff() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Now().Before(p.openAt) {
		return // several tried at the same time: one failure
	}
	p.openAt = time.Now().Add(min(p.waits.AgainMost, p.waits.Again<<min(p.failed, 16)))
	p.failed++
}

// put keeps a connection for the next mail, or ends it: broken, worn or no longer wanted.
func (p *pool) put(c *Conn) {
	if c == nil {
		return
	}
	if !c.Usable() || c.loaded {
		c.Abort()
		return
	}
	crowded := p.crowded() // before p.mu: the seats ask under their own lock how many are idle
	p.mu.Lock()
	keep := c.Mails() < mostMails && !p.stopped && !crowded
	if keep {
		c.usedAt = time.Now()
		p.idle = append(p.idle, c)
		if p.reap == nil {
			p.reap = time.AfterFunc(p.waits.Idle, p.sweep)
		}
	}
	p.mu.Unlock()
	if !keep {
		c.Quit()
	}
}

// pop takes the idle connection that was used last. Where there is none and some are being closed, ended says when they are: who has a
// seat dials then, so that there are never more connections than seats.
func (p *pool) pop() (c *Conn, ended <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.idle) - 1
	if last < 0 {
		return nil, p.ended
	}
	if c = p.idle[last]; time.Since(c.usedAt) < p.waits.Idle {
		p.idle = p.idle[:last]
		return c, nil
	}
	go p.end(p.take(len(p.idle)))
	return nil, p.ended
}

// take takes the n idle connections that were used longest ago, for end; p.mu is held.
func (p *pool) take(n int) []*Conn {
	old := p.idle[:n:n]
	p.idle = p.idle[n:]
	if p.ending += n; n > 0 && p.ended == nil {
		p.ended = make(chan struct{})
	}
	return old
}

// end closes connections that were taken. Until all are closed they count: no seat is given away for them, and none takes their place.
func (p *pool) end(old []*Conn) {
	var all sync.WaitGroup
	for _, c := range old {
		all.Go(c.Quit)
	}
	all.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ending -= len(old); p.ending == 0 && p.ended != nil {
		close(p.ended)
		p.ended = nil
	}
}

// sweep ends the connections that nobody has used for a while.
func (p *pool) sweep() {
	p.mu.Lock()
	n := 0
	for n < len(p.idle) && (p.stopped || time.Since(p.idle[n].usedAt) >= p.waits.Idle) {
		n++
	}
	old := p.take(n)
	p.reap = nil
	if len(p.idle) > 0 {
		p.reap = time.AfterFunc(p.waits.Idle, p.sweep)
	}
	p.mu.Unlock()
	p.end(old)
}

// spare is how many connections are open and carry nothing.
func (p *pool) spare() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle) + p.ending
}

// trim ends the idle connections beyond spare, those used last stay.
func (p *pool) trim(spare int) {
	p.mu.Lock()
	old := p.take(max(0, len(p.idle)-spare))
	p.mu.Unlock()
	p.end(old)
}

// stop ends the idle connections; those in use end when they are put back.
func (p *pool) stop() {
	p.mu.Lock()
	p.stopped = true
	p.mu.Unlock()
	p.sweep()
}
