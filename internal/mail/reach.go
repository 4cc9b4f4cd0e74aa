package mail

import (
	"context"
	"errors"
	"sync"
	"time"
)

// relayAway is the alert about a relay that nobody reaches.
const relayAway = "relay_away"

// reach watches whether the relay can be reached at all, over all connections together. That it is away is told once in a while and not
// at every try, since the one who is told may not have heard it, and settled when it is back. A relay that refuses to sign us in, or to
// prove who it is, has alerts of its own.
type reach struct {
	relay  *Relay
	after  time.Duration // away for longer than this it is told, and again after as long
	alert  func(ctx context.Context, code string, detail map[string]string)
	settle func(ctx context.Context, code string) error

	mu    sync.Mutex
	since time.Time // of the first try that failed, or of what was told last; zero: reached by the last one
	quiet bool      // no alert stands: neither ours nor that of a program that ran before
}

// failed notes a try that came to no conversation about a mail.
func (r *reach) failed(ctx context.Context, err error) {
	failed, ok := errors.AsType[*StepError](err)
	if !ok || Classify(failed).Alert != "" {
		return
	}
	r.mu.Lock()
	if r.since.IsZero() {
		r.since = time.Now()
	}
	tell := time.Since(r.since) > r.after
	if tell {
		r.since, r.quiet = time.Now(), false
	}
	r.mu.Unlock()
	if tell {
		r.alert(ctx, relayAway, map[string]string{"relay": r.relay.String(), "stage": string(failed.Stage), "reply": failed.Reply.Text})
	}
}

// reached notes a try that succeeded.
func (r *reach) reached(ctx context.Context) {
	r.mu.Lock()
	back := !r.quiet
	r.since, r.quiet = time.Time{}, true
	r.mu.Unlock()
	if !back || r.settle == nil {
		return
	}
	if err := r.settle(ctx, relayAway); err != nil { // the next one tries again
		r.mu.Lock()
		r.quiet = false
		r.mu.Unlock()
	}
}
