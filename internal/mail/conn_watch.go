package mail

import (
	"context"
	"sync"
	"time"
)

// watch bounds every step by the end of the context of the method that runs.
type watch struct {
	mu    sync.Mutex
	turn  int       // one per method call: what comes late is not of this call
	endAt time.Time // zero while the context lives
}

// until lets the end of ctx end the conversation: at once before the dot, where nothing can have been accepted; grace
// later behind it, since the relay's answer is worth more than a few seconds. The returned function ends the watch.
func (c *Conn) until(ctx context.Context, grace time.Duration) (stop func()) {
	w := &c.watch
	w.mu.Lock()
	w.turn++
	turn := w.turn
	w.endAt = time.Time{}
	w.mu.Unlock()
	forget := context.AfterFunc(ctx, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.turn == turn {
			w.endAt = time.Now().Add(grace)
			_ = c.raw.SetDeadline(w.endAt)
		}
	})
	return func() {
		forget()
		w.mu.Lock()
		w.turn++
		w.mu.Unlock()
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
