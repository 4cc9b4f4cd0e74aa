package web

import (
	"context"
	"slices"
	"time"

	"toasoan/events"
)

// What NATS has taken it may lose before anybody has counted it: a batch of views is kept here until Postgres knows its id, and goes
// again under that id, by which it counts once.
const (
	// viewsDoubt is how long a batch may take to be counted before it goes again; then twice as long each time, up to viewsDoubtMost.
	viewsDoubt     = 30 * time.Second
	viewsDoubtMost = time.Hour
	// viewsDoubtEvery is how often that is looked at.
	viewsDoubtEvery = 10 * time.Second
	// viewsDoubtful bounds how many batches are looked at together.
	viewsDoubtful = 1000
	// viewsKept bounds how many views are kept, and viewsKeptFor how long; Postgres knows the ids of counted batches longer.
	viewsKept    = 100_000
	viewsKeptFor = 24 * time.Hour
)

// keptBatch is a batch that NATS has taken and nobody is known to have counted.
type keptBatch struct {
	events.ViewBatch
	sent, due time.Time
	pause     time.Duration
}

// keep remembers a batch that NATS has taken. Beyond viewsKept the oldest are left to NATS alone.
func (q *viewQueue) keep(batch events.ViewBatch, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.kept = append(q.kept, keptBatch{ViewBatch: batch, sent: now, due: now.Add(viewsDoubt), pause: viewsDoubt})
	total := 0
	for i, one := range slices.Backward(q.kept) {
		if total += len(one.Views); total > viewsKept || now.Sub(one.sent) > viewsKeptFor {
			q.kept = slices.Delete(q.kept, 0, i+1)
			return
		}
	}
}

// doubtful lists kept batches that should be counted by now, at most most of them.
func (q *viewQueue) doubtful(now time.Time, most int) (list []keptBatch) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, one := range q.kept {
		if len(list) < most && !one.due.After(now) {
			list = append(list, one)
		}
	}
	return list
}

// settled forgets the batches that are counted, and notes which were handed to NATS once more.
func (q *viewQueue) settled(counted, again map[string]bool, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.kept = slices.DeleteFunc(q.kept, func(one keptBatch) bool { return counted[one.ID] })
	for i := range q.kept {
		if one := &q.kept[i]; again[one.ID] {
			one.pause = min(2*one.pause, viewsDoubtMost)
			one.due = now.Add(one.pause)
		}
	}
}

// settleViews forgets the batches that are counted and hands over again those that should be by now and are not: their stream may
// be lost. What cannot be looked up or handed over now waits for the next time.
func (s *Server) settleViews(ctx context.Context) {
	doubtful := s.portal.views.doubtful(s.Now(), viewsDoubtful)
	if len(doubtful) == 0 {
		return
	}
	ids := make([]string, len(doubtful))
	for i, one := range doubtful {
		ids[i] = one.ID
	}
	found, err := s.Store.CountedViews(ctx, ids)
	if err != nil {
		s.Log.DebugContext(ctx, "page views wait for the database", "error", err)
		return
	}
	counted, again := make(map[string]bool, len(found)), map[string]bool{}
	for _, id := range found {
		counted[id] = true
	}
	for _, one := range doubtful {
		if counted[one.ID] {
			continue
		}
		if err := s.Bus.PublishViews(ctx, one.ViewBatch); err != nil {
			s.Log.DebugContext(ctx, "page views wait for nats", "error", err)
			break
		}
		again[one.ID] = true
	}
	s.portal.views.settled(counted, again, s.Now())
}
