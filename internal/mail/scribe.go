package mail

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"toasoan/newsroom"
)

// scribe gathers what the connections of one lane wait for and commits it together: while a commit is on its way, everybody
// else's entries wait for the next, which begins before the first is done only once half of the lanes are waiting for it. Each
// connection has at most a few entries in it, so that the doubt a crash can leave stays at one mail per connection.
type scribe struct {
	ledger Ledger
	log    *slog.Logger
	waits  Waits

	crowd atomic.Int32 // lanes at work: who may still join a commit

	mu    sync.Mutex
	queue []*wish
	busy  int           // commits on their way
	full  chan struct{} // closed when enough are in the queue, while the writer waits for that

	pages sync.Pool // of *[]Entry: where a batch is put together
}

// wish is what one connection waits for.
type wish struct {
	entries []Entry
	states  []newsroom.DeliveryState
	err     error
	done    chan bool // true: settled; false: it is this one's turn to write
}

// enough reports that so many are half of the lanes: the other half has its mails on the wire meanwhile, and commits next, so that the
// database and the relay are never both kept waiting.
func (s *scribe) enough(waiting int) bool { return 2*waiting >= int(s.crowd.Load()) }

// gather lets other lanes join the commit, for half a millisecond at most: a commit costs the database nearly the same with one row
// as with ten. A lane that is alone waits for nobody. s.mu is held, but not while waiting.
func (s *scribe) gather(ctx context.Context) {
	if s.enough(1+len(s.queue)) || s.busy > 1 {
		return
	}
	full := make(chan struct{})
	s.full = full
	s.mu.Unlock()
	timer := time.NewTimer(gatherFor)
	select {
	case <-full:
	case <-timer.C:
	case <-ctx.Done():
	}
	timer.Stop()
	s.mu.Lock()
	s.full = nil
}

const gatherFor = 500 * time.Microsecond

const (
	mostEntries = 512 // of one commit
	mostCommits = 2   // on their way at once
)

// commit writes entries durably and returns the rows' states. It tries again for as long as ctx lives, since a repeat
// answers the same, and once ctx has ended for Waits.Flush more: results that are known must not be lost.
func (s *scribe) commit(ctx context.Context, entries []Entry) ([]newsroom.DeliveryState, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	states, err := s.once(context.WithoutCancel(ctx), entries) // Waits.Commit bounds it
	if err != nil {
		return s.insist(ctx, entries, err)
	}
	return states, nil
}

// insist is commit after err.
func (s *scribe) insist(ctx context.Context, entries []Entry, err error) ([]newsroom.DeliveryState, error) {
	whole, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		late := time.AfterFunc(s.waits.Flush, cancel)
		context.AfterFunc(whole, func() { late.Stop() })
	})()
	for pause := s.waits.Again; ; pause = min(2*pause, s.waits.AgainMost) {
		s.log.ErrorContext(whole, "ledger commit failed", "rows", len(entries), "error", err)
		select {
		case <-whole.Done():
			return nil, fmt.Errorf("commit %d rows: %w", len(entries), err)
		case <-time.After(pause):
		}
		var states []newsroom.DeliveryState
		if states, err = s.once(whole, entries); err == nil {
			return states, nil
		}
	}
}

func (s *scribe) once(ctx context.Context, entries []Entry) ([]newsroom.DeliveryState, error) {
	w := &wish{entries: entries, done: make(chan bool, 1)}
	s.mu.Lock()
	if s.busy == 0 || (s.busy < mostCommits && s.full == nil && s.enough(1+len(s.queue))) {
		s.busy++
	} else {
		if s.queue = append(s.queue, w); s.full != nil && s.enough(1+len(s.queue)) {
			close(s.full)
			s.full = nil
		}
		s.mu.Unlock()
		if settled := <-w.done; settled { // whoever writes always settles or hands over
			return w.states, w.err
		}
		s.mu.Lock()
	}
	s.gather(ctx)
	batch := s.take(w)
	s.mu.Unlock()
	s.write(ctx, batch)
	s.mu.Lock()
	if len(s.queue) == 0 || (s.busy > 1 && !s.enough(len(s.queue))) {
		s.busy--
	} else {
		next := s.queue[0]
		s.queue = s.queue[1:]
		next.done <- false
	}
	s.mu.Unlock()
	return w.states, w.err
}

// take makes a batch of the writer's own wish and what waits.
func (s *scribe) take(own *wish) []*wish {
	batch, rows := []*wish{own}, len(own.entries)
	for len(s.queue) > 0 && rows+len(s.queue[0].entries) <= mostEntries {
		rows += len(s.queue[0].entries)
		batch, s.queue = append(batch, s.queue[0]), s.queue[1:]
	}
	return batch
}

// write commits a batch and tells everyone in it.
func (s *scribe) write(ctx context.Context, batch []*wish) {
	all := batch[0].entries
	if len(batch) > 1 {
		page, _ := s.pages.Get().(*[]Entry)
		if page == nil {
			page = new([]Entry)
		}
		*page = (*page)[:0]
		for _, w := range batch {
			*page = append(*page, w.entries...)
		}
		all = *page
		defer func() {
			clear(*page)
			s.pages.Put(page)
		}()
	}
	limit, cancel := context.WithTimeout(ctx, s.waits.Commit)
	states, err := s.ledger.Commit(limit, all)
	cancel()
	if err == nil && len(states) != len(all) {
		err = fmt.Errorf("ledger answered %d of %d rows", len(states), len(all))
	}
	for i, w := range batch {
		if w.err = err; err == nil {
			w.states, states = states[:len(w.entries)], states[len(w.entries):]
		}
		if i > 0 {
			w.done <- true
		}
	}
}
