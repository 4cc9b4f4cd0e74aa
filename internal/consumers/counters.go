package consumers

import (
	"context"
	"log/slog"
	"time"

	"toasoan/events"
	"toasoan/newsroom"
)

// CounterStore keeps views and visits. Met by store.
type CounterStore interface {
	Parking
	ApplyViews(ctx context.Context, id string, views []newsroom.PageView) error
	ResetArticleCounter(ctx context.Context, eventID, articleID string, n int64, at time.Time) (newsroom.CounterReset, error)
	Rollover(ctx context.Context, now time.Time) ([]newsroom.CounterReset, error)
}

// Counters resets an article's counter at its first publication and counts page views: durable "counters" of both streams.
type Counters struct {
	Store CounterStore
	Bus   Announcer
	Runs  Nudge
	Log   *slog.Logger
}

// CountersDurable names the consumer on NEWSROOM and on VIEWS.
const CountersDurable = "counters"

// Consumer is the durable of NEWSROOM as the bus runs it: only a first publication resets a counter.
func (c Counters) Consumer() events.Consumer {
	return events.Consumer{
		Durable: CountersDurable, Subjects: []string{events.ArticleSubject("published")}, Handle: c.Handle, Park: parkWith(c.Store),
	}
}

// Handle starts the counter of a first publication at zero, once, and announces it. A repeat only announces.
func (c Counters) Handle(ctx context.Context, e events.Envelope) error {
	var a events.Article
	if err := e.Open(&a); err != nil {
		return err
	}
	reset, err := c.Store.ResetArticleCounter(ctx, e.ID, a.ArticleID, a.N, a.At)
	if err != nil {
		return err
	}
	if err := c.announce(ctx, reset); err != nil {
		return err
	}
	nudge(ctx, c.Runs, c.Log, a.ArticleID, a.N)
	return nil
}

// Views counts one batch of the stream VIEWS, once.
func (c Counters) Views(ctx context.Context, batch events.ViewBatch) error {
	views := make([]newsroom.PageView, len(batch.Views))
	for i, v := range batch.Views {
		views[i] = newsroom.PageView{ArticleID: v.ArticleID, Visitor: v.Visitor, At: v.At}
	}
	return c.Store.ApplyViews(ctx, batch.ID, views)
}

// AnnounceRollover announces that the counters of the day, and of the week and month that begin with it, start anew. Views
// carry their own time, so that a late announcement moves nothing; a repeat announces the same resets again.
func (c Counters) AnnounceRollover(ctx context.Context, now time.Time) error {
	resets, err := c.Store.Rollover(ctx, now)
	if err != nil {
		return err
	}
	for _, reset := range resets {
		if err := c.announce(ctx, reset); err != nil {
			return err
		}
	}
	return nil
}

func (c Counters) announce(ctx context.Context, r newsroom.CounterReset) error {
	return c.Bus.Publish(ctx, events.CounterReset{Scope: r.Scope, Which: r.Key, At: r.At.UTC()}, 1)
}
