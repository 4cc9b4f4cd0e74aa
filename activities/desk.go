package activities

import (
	"context"
	"log/slog"
	"time"

	"toasoan/events"
	"toasoan/newsroom"
)

// Desk is the one struct whose exported methods are the activities, each under its bare name. A field is an interface
// declared by the file that calls it.
type Desk struct {
	Articles Articles
	Portal   Portal
	Open     Open
	Counters Counters
	Bus      Bus
	Outside  Outside
	Runs     Runs
	Mail     Mailing
	Record   Record
	Log      *slog.Logger
	Now      func() time.Time

	Inspector string // who gets the daily root of the audit chain, "" nobody
}

// Articles settles moves. Met by store.
type Articles interface {
	RecordMove(ctx context.Context, requestID string) (newsroom.Settled, error)
	SettleDue(ctx context.Context, articleID string) (newsroom.Settled, error)
	Standing(ctx context.Context, articleID string) (newsroom.Settled, error)
}

// Bus announces events. Met by events.Bus.
type Bus interface {
	Publish(ctx context.Context, e events.Event, attempt int) error
}

// ArticleInput names an article.
type ArticleInput struct {
	ArticleID string `json:"article_id"`
}

// MoveInput names a recorded request.
type MoveInput struct {
	ArticleID string `json:"article_id"`
	RequestID string `json:"request_id"`
}

// LoadArticle says where an article stands: the first thing a fresh run asks.
func (d *Desk) LoadArticle(ctx context.Context, in ArticleInput) (newsroom.Settled, error) {
	return d.Articles.Standing(ctx, in.ArticleID)
}

// RecordMove settles a recorded move and makes the first announcement of what it did, so that readers need not wait for
// another round. An announcement that fails here is made again: of a public change by its Publication, of the rest by
// whoever reloads a board.
func (d *Desk) RecordMove(ctx context.Context, in MoveInput) (newsroom.Settled, error) {
	settled, err := d.Articles.RecordMove(ctx, in.RequestID)
	if err != nil {
		return settled, err
	}
	d.announce(ctx, in.ArticleID, settled)
	return settled, nil
}

// SettleDue carries out what the clock has brought up for an article.
func (d *Desk) SettleDue(ctx context.Context, in ArticleInput) (newsroom.Settled, error) {
	settled, err := d.Articles.SettleDue(ctx, in.ArticleID)
	if err != nil {
		return settled, err
	}
	d.announce(ctx, in.ArticleID, settled)
	return settled, nil
}

func (d *Desk) announce(ctx context.Context, articleID string, s newsroom.Settled) {
	for _, a := range s.Announce {
		if err := d.Bus.Publish(ctx, event(articleID, a), 1); err != nil {
			d.Log.Warn("event not announced at once", "article_id", articleID, "event", a.Verb, "error", err)
		}
	}
}

// event is the wire form of an announcement.
func event(articleID string, a newsroom.Announcement) events.Event {
	if a.Verb == "due" {
		return events.ReviewDue{ArticleID: articleID, Clock: a.N, Mark: a.Mark, At: a.At}
	}
	return events.Article{
		ArticleID: articleID, N: a.N, Revision: a.Revision, SectionID: a.Section, Stage: string(a.Stage), Public: string(a.Public),
		ActorID: a.ActorID, Capacity: string(a.Capacity), ReasonCode: string(a.Code), Kind: string(a.Kind), At: a.At,
	}.With(a.Verb)
}
