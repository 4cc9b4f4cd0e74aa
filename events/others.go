package events

import (
	"fmt"
	"time"
)

// ReviewDue says that a share of somebody's working time has passed (due_soon at 50 and 80 %, overdue at 100 %).
// Heard by: live board.
type ReviewDue struct {
	ArticleID string    `json:"article_id"`
	Clock     int64     `json:"clock"` // audit sequence that started the clock
	Mark      int       `json:"mark"`  // percent
	At        time.Time `json:"at"`
}

func (e ReviewDue) Type() string {
	if e.Mark >= 100 {
		return "newsroom.review.overdue.v1"
	}
	return "newsroom.review.due_soon.v1"
}
func (e ReviewDue) Key() string     { return fmt.Sprintf("%s/%d.%d", e.ArticleID, e.Clock, e.Mark) }
func (e ReviewDue) When() time.Time { return e.At }

// FeedRegenerated says that the feeds carry a public change. Heard by: each web node's page cache, live board.
type FeedRegenerated struct {
	ArticleID string    `json:"article_id"`
	N         int64     `json:"n"`
	Feeds     int       `json:"feeds"` // how many files were written
	At        time.Time `json:"at"`
}

func (FeedRegenerated) Type() string      { return "newsroom.feed.regenerated.v1" }
func (e FeedRegenerated) Key() string     { return fmt.Sprintf("%s/%d", e.ArticleID, e.N) }
func (e FeedRegenerated) When() time.Time { return e.At }

// CounterReset says that a counter started anew: an article's at its first publication, or the site's day, week or month.
// Heard by: live board.
type CounterReset struct {
	Scope string    `json:"scope"`  // article id, or day | week | month
	Which string    `json:"period"` // publication n, or the period that begins (2026-11-22, 2026-W47, 2026-11)
	At    time.Time `json:"at"`
}

func (CounterReset) Type() string      { return "newsroom.counter.reset.v1" }
func (e CounterReset) Key() string     { return e.Scope + "/" + e.Which }
func (e CounterReset) When() time.Time { return e.At }

// Delivery tells how an issue's mail run goes. Heard by: live board.
type Delivery struct {
	IssueID    string    `json:"issue_id"`
	ArticleID  string    `json:"article_id,omitempty"`
	Candidates int       `json:"candidates"`
	Done       int       `json:"done"` // rows in a final state
	Failed     int       `json:"failed"`
	At         time.Time `json:"at"`

	verb string
}

// With returns d as started, progressed or finished.
func (e Delivery) With(verb string) Delivery { e.verb = verb; return e }
func (e Delivery) Type() string              { return "newsroom.delivery." + e.verb + ".v1" }
func (e Delivery) Key() string               { return fmt.Sprintf("%s/%d", e.IssueID, e.Done+e.Failed) }
func (e Delivery) When() time.Time           { return e.At }

// Subscriber says that somebody asked for, confirmed or left a subscription; it carries the id only. Heard by: live board.
type Subscriber struct {
	SubscriberID string    `json:"subscriber_id"`
	At           time.Time `json:"at"`

	verb string
}

// With returns e as requested, confirmed or left.
func (e Subscriber) With(verb string) Subscriber { e.verb = verb; return e }
func (e Subscriber) Type() string                { return "newsroom.subscriber." + e.verb + ".v1" }
func (e Subscriber) Key() string                 { return fmt.Sprintf("%s/%d", e.SubscriberID, e.At.UnixMilli()) }
func (e Subscriber) When() time.Time             { return e.At }

// ErrorReported says that a reader reported an error in an article. Heard by: live board.
type ErrorReported struct {
	ReportID  string    `json:"report_id"`
	ArticleID string    `json:"article_id"`
	At        time.Time `json:"at"`
}

func (ErrorReported) Type() string      { return "newsroom.reader.error_reported.v1" }
func (e ErrorReported) Key() string     { return e.ArticleID + "/" + e.ReportID }
func (e ErrorReported) When() time.Time { return e.At }

// View is one page view on the stream VIEWS; it is no CloudEvent, since there are many and each is worth little.
// Visitor is a keyed hash that changes daily: no address.
type View struct {
	ArticleID string    `json:"a,omitempty"` // "" any other page
	N         int64     `json:"n,omitempty"` // publication that was seen
	Visitor   []byte    `json:"v"`
	At        time.Time `json:"t"`
}

// ViewBatch is page views that travel together. Its publisher makes the ID once and keeps it however often the batch is sent.
type ViewBatch struct {
	ID    string
	Views []View
}
