package mail

import (
	"context"
	"errors"
	"sync"
	"time"
)

// relayAway is the alert about a relay that nobody reaches.
const relayAway = "relay_away"

// reach watches whether the relay can be reached at all, over all connections together. That it is away is told once and not at every
// try, and settled when it is back. A relay that refuses to sign us in, or to prove who it is, has alerts of its own.
type reach struct {
	relay  *Relay
	after  time.Duration // away for longer than this it is told
	alert  func(ctx context.Context, code string, detail map[string]string)
	settle func(ctx context.Context, code string)

	mu    sync.Mutex
	since time.Time // of the first try that failed; zero: reached by the last one
	told  bool
	quiet bool // no alert stands: neither ours nor that of a program that ran before
}

// failed notes a try that did not come to a conversation.
func (r *reach) failed(ctx context.Context, err error) {
	failed, ok := errors.AsType[*StepError](err)
	if !ok || Classify(failed).Alert != "" {
		return
	}
	r.mu.Lock()
	if r.since.IsZero() {
		r.since = time.Now()
	}
	tell := !r.told && time.Since(r.since) > r.after
	if tell {
		r.told, r.quiet = true, false
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
	r.since, r.told, r.quiet = time.Time{}, false, true
	r.mu.Unlock()
	if back && r.settle != nil {
		r.settle(ctx, relayAway)
	}
}
