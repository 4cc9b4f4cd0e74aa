package store

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"toasoan/newsroom"
)

// stalledKeys stand still at their nth use, as a process does that is stopped in the middle of a transaction.
type stalledKeys struct {
	Keys
	mu      sync.Mutex
	left    int
	stalled chan struct{}
	wake    chan struct{}
}

func (k *stalledKeys) Token(purpose, id string, v int) string {
	k.mu.Lock()
	k.left--
	stall := k.left == 0
	k.mu.Unlock()
	if stall {
		close(k.stalled)
		<-k.wake
	}
	return k.Keys.Token(purpose, id, v)
}

// A worker that is stopped holds rows of an issue, and what every leave waits for. It does so for as long as a transaction may be idle, no longer.
func TestAStoppedProcessHoldsNothingForLong(t *testing.T) {
	t.Parallel()
	const each = 2 // tokens of a row
	for _, c := range []struct {
		name   string
		before int // rows that were claimed before
		nth    int
	}{
		{"before the rows are written", 0, 3 * each},
		{"between two statements", 6, 3 * each},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h, issue := onePublished(t, 6)
			ctx := t.Context()
			if c.before > 0 {
				h.take(issue, c.before)
			}
			keys := &stalledKeys{Keys: h.keys, left: c.nth, stalled: make(chan struct{}), wake: make(chan struct{})}
			stopped, err := New(ctx, Options{URL: h.raw.Config().ConnString(), Keys: keys, Log: slog.New(slog.DiscardHandler), BaseURL: h.base, Now: h.now, Idle: 500 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			defer stopped.Close()
			lease, err := stopped.LeaseChunk(ctx, issue, 0, h.now(), quarantine)
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() {
				_, err := stopped.Claim(ctx, issue, 0, lease, 10, h.now())
				ended <- err
			}()
			<-keys.stalled
			wake := sync.OnceFunc(func() { close(keys.wake) })
			defer wake()
			within, cancel := context.WithTimeout(ctx, 30*time.Second)
			defer cancel()
			if _, err := h.LeaveAll(within, h.keys.Token(PurposePrefs, h.text(`SELECT id FROM subscribers ORDER BY id LIMIT 1`), 1), newsroom.Proof{}); err != nil {
				t.Fatalf("nobody can leave: %v", err)
			}
			lease, err = h.LeaseChunk(within, issue, 0, h.now(), quarantine)
			if err != nil {
				t.Fatalf("nobody can go on: %v", err)
			}
			if rows := h.claim(issue, lease, 10); len(rows) != 5 {
				t.Errorf("the next one has %d rows, want the 5 who have not left", len(rows))
			}
			wake()
			if err := <-ended; err == nil {
				t.Error("the stopped process claimed rows when it woke")
			}
		})
	}
}

// Whoever renders feeds, and whoever is stopped in the middle of it, keeps no reader from leaving.
func TestNobodyWaitsForFeedsToLeave(t *testing.T) {
	t.Parallel()
	h := newMailHouse(t)
	reader := h.subscribe("one@example.vn", "kinh-te")
	tx, err := h.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	if _, err := tx.Exec(t.Context(), sqlLockFeeds, args{"key": feedsLock}); err != nil {
		t.Fatal(err)
	}
	soon, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := h.LeaveAll(soon, h.keys.Token(PurposePrefs, reader, 1), newsroom.Proof{}); err != nil {
		t.Error(err)
	}
}
