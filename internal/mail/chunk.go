package mail

import (
	"context"
	"fmt"
	"slices"
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
	leave, err := c.limits.attend(ctx)
	if err != nil {
		return fail(err)
	}
	defer leave()
	lease, err := c.ledger.LeaseChunk(ctx, issueID, chunk, c.o.Now(), c.resendAfter())
	if err != nil {
		return fail(err)
	}
	if c.o.Witness != nil || c.o.Hold { // held also where the log that they waited for is no longer read
		doubts, err := c.ledger.Doubts(ctx, issueID, chunk)
		if err == nil {
			err = c.consult(ctx, doubts)
		}
		if err != nil {
			return fail(err)
		}
	}
	issue, err := c.issue(ctx, issueID)
	if err != nil {
		return fail(err)
	}
	job := &job{c: c, issue: issue, chunk: chunk, lease: lease, end: time.Now().Add(c.o.Waits.Budget)}
	var seated bool
	if seated, job.err = job.sit(ctx); seated {
		job.run(ctx)
	}
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
	out.More = out.Pause == "" && job.more()
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
	stopped atomic.Bool // no further newsroom.Recipient: the issue was stopped, or something is wrong

	mu    sync.Mutex
	rows  []newsroom.Recipient
	aside []*aside       // rows to domains that have a gate
	open  bool           // rows without a gate were sent
	died  map[string]int // by subscriber: connections that died under the mail
	begun bool           // rows were claimed
	empty bool           // nothing more is due
	count int            // lanes
	err   error
	pause string
}

// aside is rows that wait for the gate of their domain, while all others go.
type aside struct {
	domain string
	rows   []newsroom.Recipient
	openAt time.Time // no question before
}

// mostTries is how many connections may die under one mail before it waits like one that was refused.
const mostTries = 3

// sit waits for the first seat within the budget: another process may have them all for as long as its newsletter takes.
func (j *job) sit(ctx context.Context) (bool, error) {
	limit, cancel := context.WithDeadline(ctx, j.end)
	defer cancel()
	err := j.c.bulk.sit(limit)
	if err != nil && ctx.Err() == nil && limit.Err() != nil {
		return false, nil
	}
	return err == nil, err
}

// more reports, when all lanes have ended, that they have left rows which may go.
func (j *job) more() bool {
	return !j.stopped.Load() && (len(j.rows) > 0 || len(j.aside) > 0 || !j.empty)
}

// run works until nothing is left to do; the caller holds the first seat.
func (j *job) run(ctx context.Context) {
	j.count = 1
	j.lane(ctx, false)
	j.lanes.Wait()
}

// hire adds lanes while there is enough to do and a seat is free, also one that another chunk has left meanwhile; j.mu is held.
func (j *job) hire(ctx context.Context) {
	for j.count*4 < len(j.rows) && j.c.bulk.waiting.Load() == 0 {
		if ok, err := j.c.bulk.trySit(ctx); err != nil || !ok {
			return // one lane is enough to find out what is wrong
		}
		j.count++
		j.lanes.Go(func() { j.lane(ctx, true) })
	}
}

// take returns the next row and when it may go, claiming more when none is at hand; ok is false when there is nothing (more) to
// do. Rows of which only the domain's turn has not come are waited for at most a moment: then ok is true and r is nil.
func (j *job) take(ctx context.Context) (r *parcel, ok bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.stopped.Load() || ctx.Err() != nil {
		return nil, false
	}
	if time.Now().After(j.end) {
		return nil, false
	}
	r, wait, err := j.pop(ctx)
	if r == nil && err == nil && !j.empty {
		if err = j.claim(ctx); err == nil {
			r, wait, err = j.pop(ctx)
		}
	}
	switch {
	case err != nil:
		j.fail(err)
		return nil, false
	case r != nil:
		j.hire(ctx)
		return r, true
	case len(j.aside) == 0:
		return nil, false
	case j.open: // the other chunks first: who comes back for these alone stays with them
		return nil, false
	}
	j.mu.Unlock()
	defer j.mu.Lock()
	return nil, sleep(ctx, min(wait, longestTurn)) == nil
}

// longestTurn is how long a lane waits for a domain's turn before it looks around.
const longestTurn = 200 * time.Millisecond

// fewRows are claimed first: to make a thousand rows takes longer than the first mails are on their way.
const fewRows = 50

// claim takes the next rows from the ledger; j.mu is held.
func (j *job) claim(ctx context.Context) error {
	limit := j.c.o.Claim
	if !j.begun {
		limit = min(limit, fewRows)
	}
	claimed, err := j.c.ledger.Claim(ctx, j.issue.id, j.chunk, j.lease, limit, j.c.o.Now())
	if err != nil {
		return err
	}
	j.begun = true
	if len(j.rows) == 0 {
		j.rows = claimed
	} else {
		j.rows = append(j.rows, claimed...)
	}
	j.empty = len(claimed) == 0
	j.c.o.Failpoint("claimed")
	return nil
}

// tryTake is take without waiting for anything.
func (j *job) tryTake(ctx context.Context) *parcel {
	if !j.mu.TryLock() {
		return nil
	}
	defer j.mu.Unlock()
	if j.stopped.Load() || time.Now().After(j.end) {
		return nil
	}
	r, _, err := j.pop(ctx)
	if err != nil {
		j.fail(err)
	}
	if r != nil {
		j.hire(ctx)
	}
	return r
}

// left counts a lane that ends.
func (j *job) left() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.count--
}

// pop returns the next row that may go, or how long until one may; j.mu is held.
func (j *job) pop(ctx context.Context) (*parcel, time.Duration, error) {
	wait := longestTurn
	for _, a := range j.aside {
		if pause := time.Until(a.openAt); pause > 0 {
			wait = min(wait, pause)
			continue
		}
		r, pause, err := j.enter(ctx, a)
		if r != nil || err != nil {
			return r, 0, err
		}
		wait = min(wait, pause)
	}
	for len(j.rows) > 0 {
		r := j.rows[0]
		j.rows = j.rows[1:]
		if j.c.limits.gate(r.Email) == nil {
			j.open = true
			return &parcel{Recipient: r}, 0, nil
		}
		a := j.queue(domainOf(r.Email))
		if a.rows = append(a.rows, r); len(a.rows) > 1 || time.Now().Before(a.openAt) {
			continue
		}
		r2, pause, err := j.enter(ctx, a)
		if r2 != nil || err != nil {
			return r2, 0, err
		}
		wait = min(wait, pause)
	}
	return nil, wait, nil
}

// queue is where rows to a domain wait.
func (j *job) queue(domain string) *aside {
	for _, a := range j.aside {
		if a.domain == domain {
			return a
		}
	}
	a := &aside{domain: domain}
	j.aside = append(j.aside, a)
	return a
}

// enter takes the first row of a domain's queue if it may go.
func (j *job) enter(ctx context.Context, a *aside) (*parcel, time.Duration, error) {
	r := &parcel{Recipient: a.rows[0]}
	if g := j.c.limits.gate(r.Email); g != nil { // nil: the bound was lifted meanwhile
		p, wait, err := g.enter(ctx, j.c.o.Waits.Hold)
		if err != nil || wait > 0 {
			a.openAt = time.Now().Add(wait)
			return nil, wait, err
		}
		r.pass = p
	}
	if a.rows = a.rows[1:]; len(a.rows) == 0 {
		j.aside = slices.DeleteFunc(j.aside, func(o *aside) bool { return o == a })
	}
	return r, 0, nil
}

// parcel is a row on its way.
type parcel struct {
	newsroom.Recipient
	pass
}

// give puts a row back that is still claimed.
func (j *job) give(r *parcel) {
	r.leave()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.rows = append(j.rows, r.Recipient)
}

// reopen lets rows be claimed again that were given back to the ledger.
func (j *job) reopen() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.empty = false
}

// patience counts a connection that died under r's mail, and reports whether the mail may be tried again at once.
func (j *job) patience(r *parcel) (tries int, ok bool) {
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
