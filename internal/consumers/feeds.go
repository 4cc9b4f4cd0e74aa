package consumers

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"toasoan/events"
	"toasoan/internal/feed"
	"toasoan/newsroom"
)

// FeedStore keeps rendered feeds. Met by store.
type FeedStore interface {
	Parking
	WriteFeeds(ctx context.Context, eventID, articleID string, n int64, at time.Time, render func(newsroom.FeedSource) []newsroom.FeedFile) (files int, err error)
	RebuildFeeds(ctx context.Context, render func(newsroom.FeedSource) []newsroom.FeedFile, progress func(done, all int)) error
}

// Feeds renders feeds and sitemap after each public change: durable "feeds".
type Feeds struct {
	Store  FeedStore
	Bus    Announcer
	Runs   Nudge
	Render feed.Renderer
	Log    *slog.Logger
	Now    func() time.Time
}

// Consumer is the durable as the bus runs it.
func (f Feeds) Consumer() events.Consumer {
	return events.Consumer{Durable: "feeds", Subjects: publicSubjects(), Handle: f.Handle, Park: parkWith(f.Store)}
}

// Handle renders what the event touched, once, and announces that the feeds carry it. A repeat only announces.
func (f Feeds) Handle(ctx context.Context, e events.Envelope) error {
	var a events.Article
	if err := e.Open(&a); err != nil {
		return err
	}
	now := f.Now()
	files, err := f.Store.WriteFeeds(ctx, e.ID, a.ArticleID, a.N, now, f.Render.Render)
	if err != nil {
		return err
	}
	done := events.FeedRegenerated{ArticleID: a.ArticleID, N: a.N, Feeds: files, At: now.UTC()}
	if err := f.Bus.Publish(ctx, done, 1); err != nil {
		return err
	}
	nudge(ctx, f.Runs, f.Log, a.ArticleID, a.N)
	return nil
}

// RebuildFeeds renders every feed and the whole sitemap anew.
func (f Feeds) RebuildFeeds(ctx context.Context, progress func(done, all int)) error {
	if err := f.Store.RebuildFeeds(ctx, f.Render.Render, progress); err != nil {
		return fmt.Errorf("rebuild feeds: %w", err)
	}
	return nil
}

// nudge tells the publication; that it could not be told is only worth a line.
func nudge(ctx context.Context, runs Nudge, log *slog.Logger, articleID string, n int64) {
	if err := runs.Nudge(ctx, articleID, n); err != nil {
		log.Debug("publication not nudged", "article_id", articleID, "n", n, "error", err)
	}
}
