package mail

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"toasoan/newsroom"
)

// ChunkResult is where a chunk stands after a SendChunk.
type ChunkResult = struct {
	Counts newsroom.IssueCounts // of this chunk
	More   bool                 // rows are due now: the budget was used up, or the relay is away
	Next   *time.Time           // when the next waiting row is due; nil: none waits for a time
	Status string               // of the issue: sending, paused, aborted …
	Pause  string               // why a person has to look before more goes out: relay_auth, relay_tls, hard_failures; ""
}

// SendChunk sends what is due of one chunk of an issue, over as many connections as are free, until nothing is due, the
// issue is stopped or Waits.Budget is used up; a relay that is away is waited for within the budget. beat (nil: none) is
// called every few seconds from another goroutine while it works. It returns an error only where the ledger failed or
// ctx ended; the chunk can be sent again at once then.
func (c *Courier) SendChunk(ctx context.Context, issueID string, chunk int, beat func()) (ChunkResult, error) {
	defer c.beats(beat)()
	fail := func(err error) (ChunkResult, error) {
		return ChunkResult{}, fmt.Errorf("send chunk %d of issue %s: %w", chunk, issueID, err)
	}
	lease, err := c.ledger.LeaseChunk(ctx, issueID, chunk, c.o.Now(), c.resendAfter())
	if err != nil {
		return fail(err)
	}
	issue, err := c.issue(ctx, issueID)
	if err != nil {
		return fail(err)
	}
	job := &job{c: c, issue: issue, chunk: chunk, lease: lease, end: time.Now().Add(c.o.Waits.Budget)}
	if err := c.bulk.sit(ctx); err != nil {
		return fail(err)
	}
	job.run(ctx)
	if job.err != nil {
		return fail(job.err)
	}
	if err := ctx.Err(); err != nil {
		return fail(context.Cause(ctx))
	}
	out := ChunkResult{Pause: job.pause}
	if out.Counts, out.Next, out.Status, err = c.ledger.Chunk(ctx, issueID, chunk); err != nil {
		return fail(err)
	}
	out.More = out.Pause == "" && job.yielded.Load()
	return out, nil
}

// beats calls beat every Waits.Beat until the returned function is called: nearly every chunk is done before the first.
func (c *Courier) beats(beat func()) (stop func()) {
	if beat == nil {
		return func() {}
	}
	ticker := time.NewTicker(c.o.Waits.Beat)
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for {
			select {
			case <-ticker.C:
				beat()
			case <-done:
				return
			}
		}
	})
	return func() {
		ticker.Stop()
		close(done)
		running.Wait()
	}
}

// job is one SendChunk: rows that its lanes share.
type job struct {
	c     *Courier
	issue *issue
	chunk int
	lease int64
	end   time.Time

	lanes   sync.WaitGroup
	yielded atomic.Bool // ended with rows that were due
	stopped atomic.Bool // no further newsroom.Recipient: the issue was stopped, or something is wrong

	mu    sync.Mutex
	rows  []newsroom.Recipient
	died  map[string]int // by subscriber: connections that died under the mail
	empty bool           // nothing more is due
	count int            // lanes
	err   error
	pause string
}

// mostTries is how many connections may die under one mail before it waits like one that was refused.
const mostTries = 3

// run works until nothing is left to do; the caller holds the first seat.
func (j *job) run(ctx context.Context) {
	j.count = 1
	j.lane(ctx, false)
	j.lanes.Wait()
}

// hire adds lanes while there is enough to do and a seat is free; j.mu is held.
func (j *job) hire(ctx context.Context) {
	for j.count*4 < len(j.rows) && j.c.bulk.waiting.Load() == 0 && j.c.bulk.trySit() {
		j.count++
		j.lanes.Go(func() { j.lane(ctx, true) })
	}
}

// take returns the next row, claiming more when none is at hand; ok is false when there is nothing (more) to do.
func (j *job) take(ctx context.Context) (r newsroom.Recipient, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.stopped.Load() || ctx.Err() != nil {
		return newsroom.Recipient{}, false
	}
	if time.Now().After(j.end) {
		if len(j.rows) > 0 || !j.empty {
			j.yielded.Store(true)
		}
		return newsroom.Recipient{}, false
	}
	if len(j.rows) == 0 && !j.empty {
		claimed, err := j.c.ledger.Claim(ctx, j.issue.id, j.chunk, j.lease, j.c.o.Claim, j.c.o.Now())
		if err != nil {
			j.fail(err)
			return newsroom.Recipient{}, false
		}
		j.rows = append(j.rows, claimed...)
		j.empty = len(claimed) == 0
		j.c.o.Failpoint("claimed")
		j.hire(ctx)
	}
	return j.pop()
}

// tryTake is take without waiting for anything.
func (j *job) tryTake() (r newsroom.Recipient, ok bool) {
	if !j.mu.TryLock() {
		return newsroom.Recipient{}, false
	}
	defer j.mu.Unlock()
	if j.stopped.Load() || time.Now().After(j.end) {
		return newsroom.Recipient{}, false
	}
	return j.pop()
}

func (j *job) pop() (newsroom.Recipient, bool) {
	if len(j.rows) == 0 {
		return newsroom.Recipient{}, false
	}
	r := j.rows[0]
	j.rows = j.rows[1:]
	return r, true
}

// give puts a row back that is still claimed.
func (j *job) give(r newsroom.Recipient) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.rows = append(j.rows, r)
}

// reopen lets rows be claimed again that were given back to the ledger.
func (j *job) reopen() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.empty = false
}

// patience counts a connection that died under r's mail, and reports whether the mail may be tried again at once.
func (j *job) patience(r newsroom.Recipient) (tries int, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.died == nil {
		j.died = map[string]int{}
	}
	j.died[r.SubscriberID]++
	return j.died[r.SubscriberID], j.died[r.SubscriberID] < mostTries
}

// fail stops the job for an error of the ledger; j.mu is held.
func (j *job) fail(err error) {
	j.stopped.Store(true)
	if j.err == nil {
		j.err = err
	}
}

func (j *job) failNow(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fail(err)
}

func (j *job) pauseFor(why string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.stopped.Store(true)
	if j.pause == "" {
		j.pause = why
	}
}
