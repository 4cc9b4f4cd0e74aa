package mail

import (
	"context"
	"sync"
	"time"
)

// watch bounds every step by the end of the context of the method that runs.
type watch struct {
	mu     sync.Mutex
	done   <-chan struct{} // of the context that is looked at: one serves many calls
	forget func() bool
	busy   bool // a method runs
	grace  time.Duration
	endAt  time.Time // zero while its context lives
}

// until lets the end of ctx end the conversation: at once before the dot, where nothing can have been accepted; grace
// later behind it, since the relay's answer is worth more than a few seconds. It lasts until rest is called.
func (c *Conn) until(ctx context.Context, grace time.Duration) {
	w := &c.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	w.busy, w.grace, w.endAt = true, grace, time.Time{}
	if done := ctx.Done(); done != w.done {
		if w.forget != nil {
			w.forget()
		}
		w.done, w.forget = done, context.AfterFunc(ctx, func() {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.done == done && w.busy {
				c.end()
			}
		})
	}
	if ctx.Err() != nil {
		c.end()
	}
}

// rest ends what until began.
func (c *Conn) rest() {
	c.watch.mu.Lock()
	defer c.watch.mu.Unlock()
	c.watch.busy = false
}

// over marks the connection as closed and looks at no context any more.
func (c *Conn) over() {
	c.closed, c.loaded = true, false
	w := &c.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.forget != nil {
		w.forget()
		w.done, w.forget = nil, nil
	}
}

// end gives the conversation its last moment; c.watch.mu is held.
func (c *Conn) end() {
	if w := &c.watch; w.endAt.IsZero() {
		w.endAt = time.Now().Add(w.grace)
		_ = c.raw.SetDeadline(w.endAt)
	}
}

// deadline gives the next step its time.
func (c *Conn) deadline(limit time.Duration) {
	w := &c.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	at := time.Now().Add(limit)
	if !w.endAt.IsZero() && w.endAt.Before(at) {
		at = w.endAt
	}
	_ = c.raw.SetDeadline(at)
}
